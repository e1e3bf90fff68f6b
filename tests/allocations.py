"""Counts the calls an extension module makes to allocate memory, as glibc on Linux loads it.

A shared library calls malloc through a table of addresses (the GOT) that the loader fills. Here the
entries of the allocating functions are replaced by functions that count and then call the original.
Nothing is preloaded or compiled.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ALLOCATORS = ("malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign", "_Znwm", "_Znam")
ALLOCATORS += ("_ZnwmSt11align_val_t", "_ZnamSt11align_val_t", "_ZnwmRKSt9nothrow_t")

SUPPORTED = sys.platform == "linux" and sys.maxsize > 2**32
_JUMP_SLOT = {(62, 6), (62, 7), (183, 1025), (183, 1026)}  # (machine, kind): x86-64, arm64
_PROTECTION = {"r": 1, "w": 2, "x": 4}


@contextmanager
def counted(library: str) -> Iterator[Callable[[], int]]:
    """Yield a function that returns how often the library has allocated since the beginning."""
    count = 0
    kept: list[tuple[int, int, object]] = []

    def counting(address: int) -> object:
        kind = ctypes.CFUNCTYPE(*[ctypes.c_void_p] * 5)  # more arguments than any of them takes
        original = kind(address)

        def call(*arguments: int | None) -> int | None:
            nonlocal count
            count += 1
            return original(*arguments)  # type: ignore[no-any-return]

        return kind(call)

    slots = list(_slots(library))
    if not slots:
        raise RuntimeError(f"{library} calls none of {', '.join(ALLOCATORS)}")
    try:
        for slot in slots:
            address = ctypes.c_void_p.from_address(slot).value
            assert address is not None
            function = counting(address)
            kept.append((slot, address, function))
            _write(slot, ctypes.cast(function, ctypes.c_void_p).value)  # type: ignore[arg-type]
        yield lambda: count
    finally:
        for slot, address, _ in kept:
            _write(slot, address)


def _mappings() -> Iterator[tuple[int, int, str, str]]:
    for line in Path("/proc/self/maps").read_text().splitlines():
        bounds, protection, _, _, _, *path = line.split(maxsplit=5)
        begin, end = (int(n, 16) for n in bounds.split("-"))
        yield begin, end, protection, path[0] if path else ""


def _slots(library: str) -> Iterator[int]:
    """Addresses of the table's entries for the allocators, from the file's relocations."""
    path = str(Path(library).resolve())
    base = min(begin for begin, _, _, name in _mappings() if name == path)
    data = Path(path).read_bytes()
    machine = struct.unpack_from("<H", data, 18)[0]
    table, size, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + i * size) for i in range(count)]
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        if kind != 4:  # relocations with addends
            continue
        symbols = sections[link]
        if symbols[1] != 11:  # those of the dynamic linker
            continue
        names = sections[symbols[6]][4]
        for place in range(offset, offset + length, entry):
            address, info, _ = struct.unpack_from("<QQq", data, place)
            if (machine, info & 0xFFFFFFFF) not in _JUMP_SLOT:
                continue
            name = names + struct.unpack_from("<I", data, symbols[4] + (info >> 32) * 24)[0]
            if data[name : data.index(b"\0", name)].decode() in ALLOCATORS:
                yield base + address


def _write(slot: int, value: int) -> None:
    """Write an entry of the table, which the loader may have made read-only."""
    page = slot // mmap.PAGESIZE * mmap.PAGESIZE
    before = next(p for begin, end, p, _ in _mappings() if begin <= slot < end)
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    assert protect(page, mmap.PAGESIZE, 1 | 2) == 0
    ctypes.c_void_p.from_address(slot).value = value
    assert protect(page, mmap.PAGESIZE, sum(_PROTECTION.get(c, 0) for c in before)) == 0
