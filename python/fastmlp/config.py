"""Threads, what a bug report should say about machine and build, and letters that a screen has."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

from fastmlp import _checks

T = TypeVar("T")

# What stands for a sign where an encoding lacks it; other letters are escaped.
_SIGNS = {
    **{"→": "->", "−": "-", "×": "x", "·": "*", "…": "...", "½": "1/2", "ᵀ": "^T", "²": "^2"},
    **{chr(0x2080 + digit): f"_{digit}" for digit in range(10)},
    **{"\u0304": "_bar", "\u0302": "_hat"},
}
#: The way of writing letters that an encoding lacks, for `errors` of streams.
IN_OTHER_LETTERS = "fastmlp.other_letters"


def _in_other_letters(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    import unicodedata  # hardly ever needed

    plain = ""
    for letter in error.object[error.start : error.end]:
        parts = unicodedata.normalize("NFD", letter)  # ȳ is a y with a bar
        known = not _SIGNS.keys().isdisjoint(parts)
        plain += "".join(_SIGNS.get(part, part) for part in parts) if known else letter
    return plain.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(IN_OTHER_LETTERS, _in_other_letters)


def printable(text: str) -> str:
    r"""Return a text for people as stdout takes it: what its encoding lacks in other letters.

    Windows writes into files and pipes in an encoding of few letters, as Unix does in its plainest
    locale, and no training is to end because a number is negative by a true minus.

    Examples
    --------
    >>> printable("3 → 4")
    '3 → 4'
    >>> "3 → −ȳ₂ λ".encode("ascii", IN_OTHER_LETTERS)
    b'3 -> -y_bar_2 \\u03bb'
    """
    encoding = getattr(sys.stdout, "encoding", None)
    if text.isascii() or not isinstance(encoding, str):
        return text
    try:
        return text.encode(encoding, IN_OTHER_LETTERS).decode(encoding)
    except (LookupError, UnicodeError):  # of an encoding that nobody knows
        return text


def readable(cls: type[T]) -> type[T]:
    """Let what a class says of itself be printed in any encoding: its repr and str.

    Names in it are the user's, formulas are written as in books; see `printable`.
    """
    for name in {"__repr__", "__str__"} & vars(cls).keys():
        setattr(cls, name, _printable_of(vars(cls)[name]))
    return cls


def _printable_of(say: Callable[[Any], str]) -> Callable[[Any], str]:
    @wraps(say)
    def printed(self: Any) -> str:
        return printable(say(self))

    return printed


def set_num_threads(count: int) -> None:
    """Use at most this many threads from now on, in all models of this process.

    The results are the same to the last bit for any number. Small work is done by one thread; other
    work is too, for a while, when other processes keep the processors busy or the system refuses
    to start threads. Without this call it is `FASTMLP_NUM_THREADS`, else `OMP_NUM_THREADS`, else as
    many as the process may use.

    Parameters
    ----------
    count : int
        From 1 to 4,096.

    Raises
    ------
    TypeError, ValueError
        If it is no integer, or out of this range.

    Examples
    --------
    >>> before = get_num_threads()
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    >>> set_num_threads(before)
    """
    from fastmlp import _core

    _core.set_num_threads(
        _checks.integer(count, "count", at_least=1, at_most=_core.format.most_threads)
    )


def get_num_threads() -> int:
    """Return the number of threads that large work is shared among.

    Examples
    --------
    >>> get_num_threads() >= 1
    True
    """
    from fastmlp import _core

    return int(_core.get_num_threads())


@contextmanager
def own_threads(count: int | None) -> Iterator[None]:
    """Let the calling thread use at most `count` threads inside the context; None changes nothing.

    Other threads of the process keep their number.

    Examples
    --------
    >>> with own_threads(1):
    ...     get_num_threads()
    1
    """
    if count is None:
        yield
        return
    from fastmlp import _core

    before = _core.set_own_threads(
        _checks.integer(count, "n_threads", at_least=1, at_most=_core.format.most_threads)
    )
    try:
        yield
    finally:
        _core.set_own_threads(before)


def version() -> str:
    """Return the version of the package, "unknown" where it runs from its source without install.

    Examples
    --------
    >>> isinstance(version(), str)
    True
    """
    return _installed("fastmlp") or "unknown"


def _installed(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def build_type() -> str:
    """Return how the core was built: CMake's build type, with the sanitizer if there is one.

    Builds other than "Release" are for finding errors, and slow.

    Examples
    --------
    >>> isinstance(build_type(), str)
    True
    """
    from fastmlp import _build, _core

    return ", ".join(filter(None, (_build.BUILD_TYPE, _core.sanitizer())))


def versions() -> dict[str, Any]:
    """Return what `show_versions` prints, as a dict.

    Packages that are not installed have the value None.

    Examples
    --------
    >>> list(versions())[:3]
    ['fastmlp', 'instruction set', 'threads']
    """
    import platform

    from fastmlp import _core

    return {
        "fastmlp": version(),
        "instruction set": f"{_core.isa()} (of {', '.join(_core.available_isas())})",
        "threads": get_num_threads(),
        "OpenMP": "yes" if _core.has_openmp() else "no: OMP_NUM_THREADS does not count",
        "compiler": _core.compiler(),
        "build type": build_type(),
        "python": _python(),
        "numpy": _installed("numpy"),
        "scikit-learn": _installed("scikit-learn"),
        "safetensors": _installed("safetensors"),
        "platform": platform.platform(),
    }


def _python() -> str:
    """Return the version of Python, and of a free-threaded one whether it has the GIL after all."""
    import platform
    import sys
    import sysconfig

    version = platform.python_version()
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        return version
    gil = "with the GIL" if getattr(sys, "_is_gil_enabled")() else "without a GIL"  # noqa: B009
    return f"{version}, free-threaded, {gil}"


def show_versions() -> None:
    """Print the versions, the instruction set and the threads in use: for bug reports.

    The widest instruction set is chosen; `FASTMLP_ISA`, read when fastmlp is imported, names
    another of those listed. Results of different ones differ in rounding. With ``amx`` large
    products of float32 are computed with each number split into three of bfloat16, and are as exact
    as those of fused multiply-adds; with ``avx512`` all products use fused multiply-adds.

    Examples
    --------
    >>> show_versions()  # doctest: +ELLIPSIS
    fastmlp          ...
    """
    for name, value in versions().items():
        print(f"{name:<16} {'not installed' if value is None else value}")


def __getattr__(name: str) -> Any:
    if name == "__version__":  # reading what is installed takes milliseconds
        return version()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
