"""How ``fastmlp train`` says what it does: lines beside a heading, on any data."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from typing import TypeAlias

from fastmlp.config import versions

Say: TypeAlias = Callable[[str, str], None]

_WIDTH = 80


def machine(limit: int | None = None) -> str:
    """Say what the core computes with, with so many threads at most."""
    found = versions()
    threads = min(int(found["threads"]), limit or int(found["threads"]))
    return f"{found['instruction set']}, {threads} thread{'' if threads == 1 else 's'}"


def took(seconds: float) -> str:
    """Say how long.

    Examples
    --------
    >>> took(2.345), took(0.0123)
    ('2.3 s', '12 ms')
    """
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


def amount(value: float) -> str:
    """Write a number in the target's units.

    Examples
    --------
    >>> amount(12345.6), amount(0.0123456)
    ('12,346', '0.01235')
    """
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def printed(heading: str, text: str) -> None:
    """Print a text of one or more lines beside a heading."""
    for line in text.splitlines():
        whole = textwrap.wrap(line, _WIDTH - 10, break_long_words=False, break_on_hyphens=False)
        for part in whole if line.lstrip() == line else [line]:  # tables keep their columns
            print(f"{heading:<9} {part}".rstrip(), flush=True)
            heading = ""


def beside(text: str) -> None:
    """Tell the user something beside the results, on stderr; nothing where that is closed.

    `print` would take stdout for a stderr that is None, and predictions are there.
    """
    if sys.stderr is not None:
        print(text, file=sys.stderr)


def nothing(heading: str, text: str) -> None:
    """Print nothing, for --quiet."""
