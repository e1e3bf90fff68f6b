"""The command ``fastmlp``: train, predict and look, without writing Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastmlp import config
from fastmlp.cli.saying import beside

__all__ = ["main"]

BAD_INPUT = 2  # also what argparse exits with
INTERRUPTED = 130  # 128 + SIGINT, as shells count


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 2 for bad input, 130 after Ctrl-C.

    Parameters
    ----------
    arguments : sequence of str, optional
        What stands behind ``fastmlp`` on the command line; that of the process by default.

    Notes
    -----
    The library's own errors are written for users, so the command prints their message and no
    traceback. ``python -X dev -m fastmlp …`` shows the traceback.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
        ...
    SystemExit: 0
    """
    try:
        with _any_letter(sys.stdout):
            from fastmlp.cli.arguments import parser

            options = parser().parse_args(arguments)
            options.run(options)
            print(end="", flush=True)  # also where there is no stdout
    except KeyboardInterrupt:
        beside("\nfastmlp: interrupted; nothing was saved")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough (`fastmlp predict … | head`); what is still in
        # the buffer must go somewhere, or Python complains when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (ValueError, OSError, ImportError, MemoryError) as error:
        if sys.flags.dev_mode:
            raise
        beside(f"fastmlp: error: {_message(error)}")
        return BAD_INPUT
    return 0


@contextmanager
def _any_letter(stream: Any) -> Iterator[None]:
    """Let what people read be written whatever its encoding, see `config.printable`."""
    before = getattr(stream, "errors", "")
    if before not in ("strict", "surrogateescape") or not hasattr(stream, "reconfigure"):
        yield
        return
    stream.reconfigure(errors=config.IN_OTHER_LETTERS)
    try:
        yield
    finally:
        if not stream.closed:
            stream.reconfigure(errors=before)


def _message(error: Exception) -> str:
    """Word an error without Python's "[Errno 2]"."""
    if isinstance(error, OSError) and error.strerror:
        place = "" if error.filename is None else f"{error.filename}: "
        return f"{place}{error.strerror}"
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {error}".removesuffix(": ")
    return str(error)
