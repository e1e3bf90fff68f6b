"""``fastmlp predict``: a line for each row of a table."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

from fastmlp.cli.files import check_output, load_trained, read_table, warn
from fastmlp.data import files
from fastmlp.data.columns.older import OneHotColumn
from fastmlp.data.columns.targets import ClassTarget


def run(options: argparse.Namespace) -> None:
    """Predict the rows of a table and write them as CSV."""
    model, prepare = load_trained(options.model)
    target = prepare.target
    if options.probabilities and not isinstance(target, ClassTarget):
        raise ValueError(f"--probabilities is for classes; {options.model} predicts a number")
    if options.output is not None:
        check_output(options.output, inputs=[options.model, options.table])
    columns = [column.name for column in prepare.columns]
    texts = [column.name for column in prepare.columns if isinstance(column, OneHotColumn)]
    X = prepare.transform(read_table(options.table, texts, columns), note=warn)
    y = model.predict(X)
    header = [target.name]
    rows: Iterator[list[Any]]
    if isinstance(target, ClassTarget):
        rows = ([label] for label in target.decode(y).tolist())
    else:
        rows = ([f"{number:.7g}"] for number in target.decode(y[:, 0]))  # all that float32 knows
    if options.probabilities and isinstance(target, ClassTarget):
        header += [f"probability_{label}" for label in target.labels]
        rows = ([*row, *(f"{p:.6g}" for p in y_row)] for row, y_row in zip(rows, y, strict=True))
    lines = _lines(header, rows)
    if options.output is None:
        for line in lines:
            print(line, end="")
        return
    if options.output.exists() and not options.output.is_file():  # a pipe, a device
        with options.output.open("w", newline="", encoding="utf-8") as file:
            file.writelines(lines)
    else:
        files.write(options.output, (line.encode() for line in lines))
    print(f"{len(X):,} predictions written to {options.output}", file=sys.stderr)


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _lines(header: list[str], rows: Iterator[Any]) -> Iterator[str]:
    return map(csv.writer(_Line(), lineterminator="\n").writerow, chain([header], rows))
