"""The container that everything is saved in: one safetensors file, texts and named arrays.

A file is data: reading one parses JSON and copies numbers, and runs no code whatever is in it.

The file is written here and not by safetensors, which leaves it readable by its owner alone and
orders the metadata anew each time: what is saved has one file, byte for byte.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import numpy as np

from fastmlp.data import arrays, files

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    from numpy.typing import NDArray

T = TypeVar("T")

FORMAT = 1
# The longest header that safetensors takes, and the longest words of an error.
MOST_HEADER, MOST_WORDS = 100_000_000, 500
DTYPES = {"float32": "F32", "float64": "F64", "int64": "I64"}
NUMPY = {short: np.dtype(name) for name, short in DTYPES.items()}


def write(
    path: str | PathLike[str], header: Mapping[str, str], tensors: Mapping[str, NDArray[Any]]
) -> None:
    """Write texts and arrays, whole or not at all: finite numbers, as `read` takes no others.

    The format is that of https://github.com/huggingface/safetensors#format.
    """
    for name, array in tensors.items():
        _check_finite(name, array)
    described: dict[str, Any] = {"__metadata__": {"fastmlp": str(FORMAT), **header}}
    end = 0
    for name, array in tensors.items():
        start, end = end, end + array.nbytes
        described[name] = {
            "dtype": DTYPES[str(array.dtype)],
            "shape": array.shape,
            "data_offsets": (start, end),
        }
    text = json.dumps(described, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the data begin where any type may
    data = (np.ascontiguousarray(a, a.dtype.newbyteorder("<")).data for a in tensors.values())
    files.write(path, itertools.chain([struct.pack("<Q", len(text)), text], data))


@dataclass(frozen=True)
class Contents:
    """The beginning of a file; its numbers are read when it has been looked at.

    Attributes
    ----------
    header : dict of str to str
        The texts.
    described : dict
        What the file claims of each array, as JSON: checked by nobody yet.
    """

    header: dict[str, str]
    described: dict[str, Any]
    beginning: bytes
    file: BinaryIO

    def parsed(self, key: str) -> Any:
        """Return what a text of the header is as JSON."""
        if key not in self.header:
            raise ValueError(f"its header has no {key!r}")
        try:
            return json.loads(self.header[key])
        except ValueError as error:
            raise ValueError(f"{key!r} in its header is no JSON: {error}") from None

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Read the arrays, of finite numbers all of them."""
        from safetensors import deserialize

        expected = sum(_bytes_of(name, one) for name, one in self.described.items())
        _check_size(self.file, len(self.beginning) + expected)
        found = {}
        for name, tensor in deserialize(self.beginning + self.file.read()):  # type: ignore[no-untyped-call]
            dtype = NUMPY[tensor["dtype"]]
            values = np.frombuffer(tensor["data"], dtype.newbyteorder("<"))
            values = values.reshape(tensor["shape"]).astype(dtype, copy=False)
            _check_finite(name, values)
            found[name] = values
        return found


def shortened(error: Exception) -> str:
    """Return what an error says, which may quote a file, as one line that one can read."""
    said = re.sub(r"\s*[\n\r]\s*", " ", str(error).strip())
    said = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in said[: 2 * MOST_WORDS])
    return said if len(said) <= MOST_WORDS else f"{said[:MOST_WORDS]} …"


def users_json(value: Any, name: str) -> str:
    """Return the user's own values as JSON; ValueError for others than JSON has.

    Examples
    --------
    >>> users_json({"note": "first"}, "metadata")
    '{"note": "first"}'
    """
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name} must hold JSON values only: {error}") from None


def _check_finite(name: str, values: NDArray[Any]) -> None:
    arrays.check_finite(values, f"tensor {name!r}", values.dtype)


def read(path: Path, build: Callable[[Contents], T]) -> T:
    """Return what `build` makes of a file; its errors name the file."""
    from safetensors import SafetensorError

    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # to open a pipe is to wait
            raise ValueError("it is no file, but a pipe, a device or the like")
        # Read, not mapped: if a mapped file were truncated meanwhile, the process would be killed.
        with path.open("rb") as file:
            return build(_contents(file))
    except (SafetensorError, TypeError, ValueError, RecursionError) as error:
        owner = files.foreign(path)
        hint = f"; {path.suffix!r} is the ending of another format ({owner})"
        why = f"{shortened(error)}{hint if owner else ''}"
        raise ValueError(f"cannot load {str(path)!r}: {why}") from None


def _contents(file: BinaryIO) -> Contents:
    beginning = _beginning(file)
    described = json.loads(beginning[8:])
    if not isinstance(described, dict):
        raise ValueError("its header must be a JSON object")
    header = described.pop("__metadata__", {})
    if not isinstance(header, dict) or not all(isinstance(s, str) for s in header.values()):
        raise ValueError("its metadata must be texts")
    _check_version(header)
    return Contents(header, described, beginning, file)


def _beginning(file: BinaryIO) -> bytes:
    """Return what comes before the numbers: eight bytes for a length, and a header so long."""
    size = os.fstat(file.fileno()).st_size
    prefix = file.read(8)
    length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else 0
    if not 2 <= length <= min(size - 8, MOST_HEADER):
        raise ValueError(
            f"it is no safetensors file: it has {size} bytes, and its header would have {length}"
        )
    return prefix + file.read(length)


def _check_version(header: dict[str, str]) -> None:
    version = header.get("fastmlp")
    if version is None:
        raise ValueError("it is a safetensors file without 'fastmlp' metadata: no model of fastmlp")
    if version.startswith("{"):  # see training/snapshots
        raise ValueError(
            "it is a fit that fm.Checkpoint keeps, no model: the same fit with the callback goes "
            "on from it; fm.ModelCheckpoint keeps models"
        )
    if version != str(FORMAT):
        raise ValueError(
            f"its format is version {version[:20]!r}, this fastmlp reads version {FORMAT}: a newer "
            "fastmlp may have written it"
        )


def _bytes_of(name: str, tensor: Any) -> int:
    """Return how many bytes the file claims that an array has."""
    if not isinstance(tensor, dict) or not isinstance(tensor.get("shape"), list):
        raise ValueError(f"tensor {name[:80]!r} must have a dtype, a shape and offsets")
    if tensor.get("dtype") not in NUMPY:
        given = str(tensor.get("dtype"))[:20]
        raise ValueError(f"tensor {name[:80]!r} must be in {list(NUMPY)}, not {given}")
    if not all(type(size) is int and size >= 0 for size in tensor["shape"]):
        raise ValueError(f"tensor {name[:80]!r} must have a shape of whole numbers")
    return math.prod(tensor["shape"]) * NUMPY[tensor["dtype"]].itemsize


def _check_size(file: BinaryIO, expected: int) -> None:
    size = os.fstat(file.fileno()).st_size
    if size != expected:
        raise ValueError(f"its architecture asks for {expected} bytes in all, it has {size}")
