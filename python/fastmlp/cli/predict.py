"""``fastmlp predict``: a line for each row of a table, however many there are."""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np

from fastmlp.cli.files import Format, load_trained, read_table, read_tables, warn
from fastmlp.cli.outputs import check_is_csv, check_output
from fastmlp.cli.preparing import Prepared
from fastmlp.cli.saying import beside
from fastmlp.data import files, frames
from fastmlp.data.columns.category import CategoryColumn
from fastmlp.data.columns.date import DateColumn
from fastmlp.data.columns.older import OneHotColumn
from fastmlp.data.columns.targets import ClassTarget, RealTarget
from fastmlp.data.columns.words import Tally, Told, count

#: Rows that are in memory at a time.
ROWS = 100_000


def run(options: argparse.Namespace) -> None:
    """Predict the rows of a table and write them as CSV."""
    if options.output is not None:
        check_is_csv(options.output)
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
            print(_checked(line), end="")
        return
    if options.output.exists() and not options.output.is_file():  # a pipe, a device
        try:
            with options.output.open("w", newline="", encoding="utf-8") as file:
                file.writelines(lines)
        except OSError as error:
            raise files.named(error, options.output) from None
    else:
        files.write(options.output, (line.encode() for line in lines))
    beside(f"{count(done.rows, 'prediction')} written to {options.output}")


def _checked(line: str) -> str:
    """Return a line of predictions if the output has all its letters: they are read by programs."""
    encoding = getattr(sys.stdout, "encoding", None)
    try:
        line.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        raise ValueError(
            f"{line.rstrip()!r} cannot be written in {encoding}, the encoding of the output: give "
            "--output FILE, which is UTF-8"
        ) from None
    return line


class _Count:
    """Counts the rows that go through it."""

    rows = 0

    def all(self, rows: Iterator[Any]) -> Iterator[Any]:
        for row in rows:
            self.rows += 1
            yield row


def _of_estimator(options: argparse.Namespace, estimator: Any) -> Iterator[list[Any]]:
    """Give the header, then the rows of each part of the table."""
    from fastmlp.estimators.tabular.answers import Subject

    is_classifier = hasattr(estimator, "classes_")
    if options.probabilities and not is_classifier:
        raise ValueError(f"--probabilities is for classes; {options.model} predicts a number")
    prepare = estimator.preprocessing_
    form = Format.of(options, prepare.decimal)
    # Texts are read by the rule of their column, however few rows are read at a time.
    read_so = (CategoryColumn, DateColumn)
    texts = [column.name.strip() for column in prepare.columns if isinstance(column, read_so)]
    names = names_of(estimator) or ["prediction"]
    quantiles = Subject.of(estimator).quantiles
    several = len(quantiles) > 1
    header = [f"{name}_q{q:g}" for name in names for q in quantiles] if several else list(names)
    if options.probabilities:
        header += [f"probability_{label}" for label in estimator.classes_]
    if options.intervals is not None:
        header += [f"{name}_{end}" for name in names for end in ("lower", "upper")]
    yield [header]
    notes = _Notes()
    rows = 0
    parts = read_tables(options.table, form, texts=texts, rows=ROWS, note=notes)
    try:
        for part, read_by in parts:
            if read_by.decimal == "," != form.decimal:
                notes(f"{options.table} has decimal commas (see --decimal)")
            rows += len(part)
            table = replace(frames.named(part), decimal=read_by.decimal)
            yield _predicted(options, estimator, table, notes)
    finally:
        notes.tell()
    if not rows:
        raise ValueError(f"{options.table} has a header but no rows")


class _Notes(Tally):
    """Tells each thing once, what is counted when all rows have been."""

    def __init__(self) -> None:
        super().__init__()
        self._told: set[str] = set()
        self._counted: dict[str, Told] = {}

    def __call__(self, text: str) -> None:
        if isinstance(text, Told):
            before = self._counted.get(text.about)
            self._counted[text.about] = text if before is None else before.and_of(text)
        elif text not in self._told:
            self._told.add(text)
            warn(text)

    def tell(self) -> None:
        """Tell what was counted."""
        for text in self._counted.values():
            warn(text)


def _predicted(
    options: argparse.Namespace, estimator: Any, table: frames.Table, notes: _Notes
) -> list[Any]:
    from fastmlp.estimators.tabular.answers import answers_of

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        answers = answers_of(estimator, table, notes)
    for warning in caught:
        notes(str(warning.message))
    found, targets = answers.outputs, answers.subject.numbers
    if not targets:
        labels = answers.labels.tolist()
        if not options.probabilities:
            return [[label] for label in labels]
        return [
            [label, *(f"{p:.6g}" for p in row)]
            for label, row in zip(labels, found.tolist(), strict=True)
        ]
    digits = np.repeat([digits_of(target) for target in targets], found.shape[1] // len(targets))
    if options.intervals is not None:
        ends = answers.around(options.intervals).reshape(table.rows, -1)
        found = np.hstack([found, ends])
        digits = np.concatenate([digits, np.repeat([digits_of(t) for t in targets], 2)])
    each = digits.tolist()
    return [[f"{y:.{d}g}" for y, d in zip(row, each, strict=True)] for row in found.tolist()]


def names_of(estimator: Any) -> list[str]:
    """Return what an estimator's targets are called; nothing where nobody named the only one."""
    from fastmlp.estimators.tabular.answers import Subject

    if about := estimator.metadata_.get("target"):
        return [str(about)]
    return Subject.of(estimator).names


def digits_of(target: RealTarget) -> int:
    """Return how many digits say of a number what float32 knows of it.

    That is seven of what is left without the mean.

    Examples
    --------
    >>> digits_of(RealTarget("price", 1.0, 2.0)), digits_of(RealTarget("time", 1.7e9, 3.0))
    (7, 15)
    """
    with np.errstate(over="ignore"):
        before = np.log10(max(abs(np.float64(target.mean)) / target.scale, 1.0))
    return int(min(7 + before, 17))


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
        rows = [[f"{number:.{digits_of(target)}g}"] for number in target.decode(y[:, 0])]
    yield [header]
    yield rows


class _Line:
    """A file that gives back what is written to it."""

    def write(self, text: str) -> str:
        return text


def _lines(rows: Iterator[Any]) -> Iterator[str]:
    return map(csv.writer(_Line(), lineterminator="\n").writerow, rows)
