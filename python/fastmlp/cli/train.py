"""``fastmlp train``: what is said of every training; images and tables go their own ways."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from fastmlp import datasets
from fastmlp.cli.files import check_folder, check_output, table_name
from fastmlp.data import files

Say: TypeAlias = Callable[[str, str], None]

IMAGES = ("digits", "mnist")
#: Options, and their values where they are not given, of one kind of data.
OF_IMAGES = {
    "hidden": None, "activation": "relu", "dropout": None, "batch_size": None,
    "optimizer": "adam", "learning_rate": None, "l2": None, "patience": None,
}  # fmt: skip
OF_TABLES = {
    "quality": "best", "metric": None, "members": None, "time_limit": None,
}  # fmt: skip
OF_FILES = {"target": None, "task": None, "sep": None, "decimal": None, "encoding": None}
_WIDTH = 80


def run(options: argparse.Namespace) -> None:
    """Train on what was asked for, save it, and print the result last."""
    _check_kind(options)
    output = options.output or Path(f"{table_name(Path(options.data))}.safetensors")
    check_output(output, inputs=[Path(options.data)])
    files.check_model_name(output, "--output")
    if options.plot is not None:
        from fastmlp.plot.canvas import require_matplotlib

        require_matplotlib()
        check_folder(options.plot)
    from fastmlp.cli import images, tables  # which use what stands here

    train = images.train if options.data in IMAGES else tables.train
    train(options, output, _nothing if options.quiet else _print)


def _check_kind(options: argparse.Namespace) -> None:
    """Refuse options of another kind of data, and fill in those of this."""
    data = options.data
    for wanted, those, instead in (
        (data in IMAGES, OF_IMAGES, "for images; what a table is trained with follows from it, see "
         "--quality, --metric, --members and --time-limit"),
        (data not in IMAGES, OF_TABLES, f"for tables; {data} is of images, see --hidden"),
        (data not in datasets.NAMES, OF_FILES, f"for tables in files; {data} has its own"),
    ):  # fmt: skip
        for name, default in those.items():
            if getattr(options, name) is None:
                setattr(options, name, default)
            elif not wanted:
                raise ValueError(f"--{name.replace('_', '-')} is {instead}")


def machine(limit: int | None = None) -> str:
    """Say what the core computes with, with so many threads at most."""
    from fastmlp.config import versions

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


def _print(heading: str, text: str) -> None:
    """Print a text of one or more lines beside a heading."""
    for line in text.splitlines():
        whole = textwrap.wrap(line, _WIDTH - 10, break_long_words=False, break_on_hyphens=False)
        for part in whole if line.lstrip() == line else [line]:  # tables keep their columns
            print(f"{heading:<9} {part}".rstrip(), flush=True)
            heading = ""


def _nothing(heading: str, text: str) -> None:
    """Print nothing, for --quiet."""
