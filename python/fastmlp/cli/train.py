"""``fastmlp train``: what all data have in common; images and tables go their own ways."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastmlp import datasets
from fastmlp.cli.files import table_name
from fastmlp.cli.outputs import check_folder, check_output
from fastmlp.cli.saying import nothing, printed
from fastmlp.data import files

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


def run(options: argparse.Namespace) -> None:
    """Train on what was asked for, save it, and print the result last."""
    _check_kind(options)
    output = options.output or Path(f"{table_name(Path(options.data))}.safetensors")
    check_output(output, inputs=[Path(options.data)])
    files.check_model_name(output, "--output")
    if output.exists() and not output.is_file():  # predictions may go to one
        raise ValueError(f"--output {output} is a device or the like; give the name of a file")
    if options.plot is not None:
        from fastmlp.plot.canvas import require_matplotlib

        require_matplotlib()
        check_folder(options.plot)
    if options.data in IMAGES:  # each loads what the other does not need
        from fastmlp.cli.images import train
    else:
        from fastmlp.cli.tables import train
    train(options, output, nothing if options.quiet else printed)


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
