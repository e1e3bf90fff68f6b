"""``fastmlp predict``: a line for each row of a table, however many there are."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np

from fastmlp.cli.files import Format, check_output, load_trained, read_table, read_tables, warn
from fastmlp.cli.preparing import Prepared
from fastmlp.data import files
from fastmlp.data.columns.category import CategoryColumn
from fastmlp.data.columns.older import OneHotColumn
from fastmlp.data.columns.targets import ClassTarget

#: Rows that are in memory at a time.
ROWS = 100_000


def run(options: argparse.Namespace) -> None:
    """Predict the rows of a table and write them as CSV."""
    model, prepare = load_trained(options.model)
    if options.output is not None:
        check_output(options.output, inputs=[options.model, options.table])
    if options.intervals is not None and not hasattr(model, "predict_interval"):
        raise ValueError(f"--intervals is for numbers of a table; {options.model} predicts others")
    tables = _of_model(options, model, prepare) if prepare else _of_estimator(options, model)
    header, first = next(tables), next(tables)  # what cannot be read leaves no header behind
    done = _Count()
    lines = _lines(chain(header, done.all(chain.from_iterable(chain([first], tables)))))
    if options.output is None:
        for line in lines:
            print(line, end="")
        return
    if options.output.exists() and not options.output.is_file():  # a pipe, a device
        with options.output.open("w", newline="", encoding="utf-8") as file:
            file.writelines(lines)
    else:
        files.write(options.output, (line.encode() for line in lines))
    print(f"{done.rows:,} predictions written to {options.output}", file=sys.stderr)


class _Count:
    """Counts the rows that go through it."""

    rows = 0

    def all(self, rows: Iterator[Any]) -> Iterator[Any]:
        for row in rows:
            self.rows += 1
            yield row


def _of_estimator(options: argparse.Namespace, estimator: Any) -> Iterator[list[Any]]:
    """Give the header, then the rows of each part of the table."""
    is_classifier = hasattr(estimator, "classes_")
    if options.probabilities and not is_classifier:
        raise ValueError(f"--probabilities is for classes; {options.model} predicts a number")
    about = estimator.metadata_
    form = Format.of(options, about.get("decimal"))
    columns = estimator.preprocessing_.columns
    texts = [column.name for column in columns if isinstance(column, CategoryColumn)]
    header = [str(about.get("target", "prediction"))]
    if options.probabilities:
        header += [f"probability_{label}" for label in estimator.classes_]
    if options.intervals is not None:
        header += [f"{header[0]}_lower", f"{header[0]}_upper"]
    yield [header]
    told: set[str] = set()

    def note(text: str) -> None:
        if text not in told:
            told.add(text)
            warn(text)

    rows = 0
    parts = read_tables(options.table, form, texts=texts, rows=ROWS, note=note)
    for table, _ in parts:
        rows += len(table)
        yield _predicted(options, estimator, table, note)
    if not rows:
        raise ValueError(f"{options.table} has a header but no rows")


def _predicted(options: argparse.Namespace, estimator: Any, table: Any, note: Any) -> list[Any]:
    estimator.preprocessing_.transform(table, note=note)  # for what it tells of new values
    if options.probabilities:
        probabilities = estimator.predict_proba(table)
        labels = estimator.classes_[probabilities.argmax(axis=1)]
        return [
            [label, *(f"{p:.6g}" for p in row)]
            for label, row in zip(labels.tolist(), probabilities.tolist(), strict=True)
        ]
    predicted = np.asarray(estimator.predict(table))
    if hasattr(estimator, "classes_"):
        return [[label] for label in predicted.tolist()]
    found = predicted.reshape(len(table), -1)
    if options.intervals is not None:
        found = np.hstack([found, estimator.predict_interval(table, options.intervals)])
    return [[f"{number:.7g}" for number in row] for row in found.tolist()]


def _of_model(options: argparse.Namespace, model: Any, prepare: Prepared) -> Iterator[list[Any]]:
    """Do the same for images, and for tables of version 0.1."""
    target = prepare.target
    if options.probabilities and not isinstance(target, ClassTarget):
        raise ValueError(f"--probabilities is for classes; {options.model} predicts a number")
    texts = [column.name for column in prepare.columns if isinstance(column, OneHotColumn)]
    table, _ = read_table(options.table, Format.of(options), texts=texts)
    y = model.predict(prepare.transform(table, note=warn))
    header = [target.name]
    if isinstance(target, ClassTarget):
        rows = [[label] for label in target.decode(y).tolist()]
        if options.probabilities:
            header += [f"probability_{label}" for label in target.labels]
            each = zip(rows, y.tolist(), strict=True)
            rows = [[*row, *(f"{p:.6g}" for p in probabilities)] for row, probabilities in each]
    else:
        rows = [[f"{number:.7g}"] for number in target.decode(y[:, 0])]  # all that float32 knows
    yield [header]
    yield rows


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _lines(rows: Iterator[Any]) -> Iterator[str]:
    return map(csv.writer(_Line(), lineterminator="\n").writerow, rows)
