"""What `fastmlp train` learns a table from: a file or a bundled dataset, with its target."""

from __future__ import annotations

import argparse
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fastmlp import _checks, datasets
from fastmlp.cli.files import Format, read_table, table_name, warn
from fastmlp.data.columns.sources import is_missing, text_of
from fastmlp.data.columns.targets import Label, infer_task
from fastmlp.data.columns.values import Values, read
from fastmlp.data.columns.words import Note, count, examples
from fastmlp.data.texts import MISSING, numbers_of, same_number, values
from fastmlp.data.texts import labels as read_labels

Task = Literal["classification", "regression"]

#: Fewer rows cannot be split into parts to learn from and to judge by.
MIN_ROWS = 10


@dataclass(frozen=True, eq=False)
class Source:
    """A table to train on, and how it was made from what the user has.

    Attributes
    ----------
    name, description : str
    target : str
        The name of the column to predict.
    task : {"classification", "regression"}
    X, y
        Columns and targets of the rows to train on.
    X_test, y_test
        Rows to test with, None where there are none besides.
    form : Format
        How the file is written.
    """

    name: str
    description: str
    target: str
    task: Task
    X: Any
    y: Any
    X_test: Any = None
    y_test: Any = None
    form: Format = Format()  # noqa: RUF009 - frozen


def open_source(options: argparse.Namespace, note: Note) -> Source:
    """Read what ``fastmlp train DATA`` names.

    Raises
    ------
    ValueError, FileNotFoundError, ImportError
        With a message that says what to do.
    """
    if options.data in datasets.NAMES:
        return _bundled(datasets.load(options.data))
    return _of_file(options, note)


def _bundled(data: datasets.Dataset) -> Source:
    names = data.feature_names
    parts = [dict(zip(names, X.T, strict=True)) for X in (data.X_train, data.X_test)]
    target, t = "class", (data.t_train, data.t_test)
    if data.task == "classification":
        labels = np.array(data.target_names, dtype=object)
        t = labels[data.t_train], labels[data.t_test]
    else:
        (target,) = data.target_names
    return Source(
        data.name,
        f"{data.name}: {data.description}",
        target,
        data.task,
        parts[0],
        t[0],
        parts[1],
        t[1],
    )


def _of_file(options: argparse.Namespace, note: Note) -> Source:
    path = Path(options.data)
    if not path.exists() and options.data != "-":
        raise FileNotFoundError(
            f"there is no file {options.data}, and no such dataset among "
            f"{', '.join(datasets.NAMES)}{_checks.hint(options.data, datasets.NAMES)}"
        )
    target = (options.target or "").strip()
    table, form = read_table(path, Format.of(options), target=target, note=note)
    if target not in table:
        names = [str(name) for name in table.columns]
        raise ValueError(_no_target(path, options.target, names, options.sep))
    if table.columns[0] == "Unnamed: 0" != target:
        note("the first column is left out: without a name, it numbers or names the rows")
        table = table.iloc[:, 1:]
    if table.shape[1] == 1:
        raise ValueError(f"{path} has no column but {target!r} to learn from")
    table, y, task = _read_target(table, target, options.task, form, note)
    if len(table) < MIN_ROWS:
        rows = count(len(table), "row")
        raise ValueError(f"{path} has {rows} to learn from; {MIN_ROWS} are the least")
    if task == "classification":
        _check_labels(y, target, replace(read(target, table[target]), decimal=form.decimal))
    return Source(
        table_name(path),
        f"{path}, predicting {target!r}: {task}" + ("" if options.task else " (see --task)"),
        target,
        task,
        table.drop(columns=target),
        y,
        form=form,
    )


def _no_target(path: Path, target: str | None, names: list[str], sep: str | None) -> str:
    """Say which columns there are, and what may be wrong."""
    known = ", ".join(names[:50]) + (", …" if len(names) > 50 else "")
    if not target:
        return f"say which column of {path} to predict with --target: {known}"
    numbers = [name for name in names if values([name]).dtype.kind == "f"]
    if len(names) == 1 and target in re.split(r"\W+", names[0]):
        hint = "; is another character between its columns? "
        hint += f"It is read with --sep {sep!r}" if sep else "Say which with --sep"
    elif len(numbers) == len(names):
        hint = "; they are all numbers: is there no header?"
    elif len(numbers) > 1:
        hint = f"; {examples(numbers)} are numbers: is there no header?"
    elif quoted := [name for name in names if name.strip("'\"`") == target]:
        hint = f"; the quotes are part of the name: --target {shlex.quote(quoted[0])}"
    elif names[0].startswith("#"):
        hint = "; is the first line a comment? The header must be the first line that is not blank"
    else:
        hint = _checks.hint(target, names)
    return f"{path} has no column {target!r}; it has: {known}{hint}"


def _read_target(
    table: Any, target: str, task: Task | None, form: Format, note: Note
) -> tuple[Any, Any, Task]:
    """Find the task, make the target's texts labels or numbers, leave out rows without one.

    Among numbers NA, None and the like are missing values, among texts they are classes. Rows that
    are lost to such a word are told of even with --quiet, for they may be a class.
    """
    column = table[target]
    held = replace(read(target, column), decimal=form.decimal)
    things = _things(held)
    if things and (held.kind != "text" or task == "regression"):
        raise ValueError(_no_target_of(target, things))
    if column.dtype.kind != "O":  # of a file whose columns have types
        texts, by_people = np.empty(0, dtype=object), False
        missing = column.isna().to_numpy()
        typed = column.to_numpy(object if missing.any() else None)  # integers stay integers
        empty, words = missing, np.zeros(len(table), bool)
    else:
        texts = np.array(["" if is_missing(v) else _written(v) for v in column], dtype=object)
        typed = values(texts)
        by_people = False
        if task != "classification" and (typed.dtype.kind == "O" or form.decimal == ","):
            as_written = _all_written(held)
            by_people = as_written is not None
            if by_people or task == "regression":
                typed = (held if as_written is None else as_written).numbers()
        empty = np.array([not text or text.isspace() for text in texts], dtype=bool)
        missing = np.isnan(typed) if typed.dtype.kind == "f" else empty
        words = ~empty & np.isin(texts, list(MISSING))
    if (words & missing).any():
        warn(
            f"{count((words & missing).sum(), 'row')} left out: {target!r} holds numbers, and "
            f"{examples(texts[words])} among numbers is a missing value"
        )
    elif words.any():
        note(
            f"{examples(texts[words])} is taken as a class of {target!r}, in "
            f"{count(words.sum(), 'row')}; a missing value is an empty field"
        )
    if (empty & missing).any():
        note(f"{count((empty & missing).sum(), 'row')} without {target!r} left out")
    table, typed = table[~missing], typed[~missing]
    if not len(table):
        raise ValueError(f"the target {target!r} is missing in every row")
    found = task or infer_task(type(column)(typed, index=table.index), target)
    if found == "classification" and len(texts):
        typed = read_labels(texts[~missing])
    if (typed == typed[0]).all():
        raise ValueError(
            f"the target {target!r} is {typed[0]!s} in every row: there is nothing to predict"
        )
    return table, table[target] if by_people and found == "regression" else typed, found


def _things(column: Values) -> str:
    """Return what a target holds that is neither numbers nor classes, "" for none such."""
    if column.kind != "text":
        return "dates" if column.kind == "date" else "durations" if column.durations else ""
    there = {*column.texts} - MISSING
    if there and there <= column.texts.dates.keys():
        return "dates"
    return "durations" if there and there <= column.texts.seconds.keys() else ""


def _no_target_of(target: str, things: str) -> str:
    return (
        f"the target {target!r} holds {things}, which are neither numbers nor classes; "
        "write them as numbers, such as seconds or days"
    )


def _written(value: Any) -> str:
    return text_of(value) if isinstance(value, bytes) else str(value)


def _all_written(column: Values) -> Values | None:
    """Return targets that count as numbers, if people wrote all as such, 1.234,50 €."""
    found = column.as_written()
    if found is None or len(found[0].read_as_numbers) < len(found[0].texts):
        return None
    return found[0]


def _numbers_among(column: Values) -> set[str]:
    """Return the texts of a column that are numbers, as programs or as people write them."""
    as_written = column.as_written()
    return {*column.read_as_numbers, *(as_written[0].written if as_written else ())}


def _check_labels(labels: Any, target: str, column: Values) -> None:
    """Refuse what can be no classes; tell of two that are written as one number."""
    found: set[Label] = set(labels.tolist())
    texts = {str(label) for label in found}
    if len(found) > len(labels) / 2:
        numbers = _numbers_among(column)
        odd = np.array([str(label) not in numbers for label in labels.tolist()])
        if 0 < odd.mean() < 0.5:  # numbers, but for a few
            raise ValueError(
                f"{count(odd.sum(), 'value')} of {target!r} among numbers "
                f"{'is' if odd.sum() == 1 else 'are'} none: {examples(labels[odd])}, the first in "
                f"{column.where(odd)}; correct them or leave them empty"
            )
        if things := _things(column):
            raise ValueError(_no_target_of(target, things))
        raise ValueError(
            f"{target!r} has {len(found)} different values in {len(labels)} rows, too many for "
            "classes; if it is a number, use --task regression"
        )
    if numbers_of(texts) and (twins := same_number(texts)):
        warn(f"{twins[0]!r} and {twins[1]!r} are two classes of {target!r}, though one number")
