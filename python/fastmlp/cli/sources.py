"""What `fastmlp train` learns from: a bundled dataset or a table, split and made into numbers."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fastmlp import _checks, datasets
from fastmlp.cli.files import read_table, table_name, warn
from fastmlp.cli.preparing import Prepared
from fastmlp.data.columns.older import StandardColumn
from fastmlp.data.columns.targets import ClassTarget, Label, infer_task
from fastmlp.data.columns.values import read
from fastmlp.data.columns.words import comma_hint, count, examples
from fastmlp.data.texts import MISSING, numbers_of, same_number, values
from fastmlp.data.texts import labels as read_labels

Array = np.ndarray[Any, np.dtype[Any]]
Note = Callable[[str], None]
Task = Literal["classification", "regression"]

TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.1
#: Fewer rows cannot be split into three useful parts.
MIN_ROWS = 10


@dataclass(frozen=True, eq=False)
class Part:
    """Rows as the network reads them: features, and class numbers or standardized targets."""

    X: Array
    t: Array

    def rows(self, index: Array) -> Part:
        """Return some of the rows."""
        return Part(self.X[index], self.t[index])


@dataclass(frozen=True, eq=False)
class Source:
    """Data to train on and to test with, and how it was made from what the user has."""

    name: str
    description: str
    task: Task
    prepare: Prepared
    training: Part
    test: Part
    image_shape: tuple[int, int] | None = None


def open_source(options: argparse.Namespace, note: Note) -> Source:
    """Read what ``fastmlp train DATA`` names.

    Raises
    ------
    ValueError, FileNotFoundError, ImportError
        With a message that says what to do.
    """
    if options.data not in datasets.NAMES:
        return _from_table(options, note)
    for option in ("target", "task"):
        if getattr(options, option) is not None:
            raise ValueError(f"--{option} is for tables; {options.data} has its own")
    return _from_dataset(datasets.load(options.data), note)


def split_validation(source: Source, seed: int) -> tuple[Part, Part]:
    """Cut the rows for early stopping off the training rows."""
    rows = source.training
    classes = rows.t if source.task == "classification" else None
    fit, validation = _split(len(rows.X), VALIDATION_FRACTION, seed, classes)
    return rows.rows(fit), rows.rows(validation)


def _split(rows: int, fraction: float, seed: int, classes: Array | None) -> tuple[Array, Array]:
    """Draw row numbers of two parts, each with its share of every class where that is possible."""
    from sklearn.model_selection import train_test_split

    if classes is not None:
        counts = np.unique(classes, return_counts=True)[1]
        if counts.min() < 2 or len(counts) > int(rows * fraction):
            classes = None
    first, second = train_test_split(
        np.arange(rows), test_size=fraction, random_state=seed, stratify=classes
    )
    return first, second


# --- datasets --------------------------------------------------------------------------------


def _from_dataset(data: datasets.Dataset, note: Note) -> Source:
    if data.task == "classification":
        target = "digit" if data.image_shape else "class"
        t_train = np.array(data.target_names, dtype=object)[data.t_train]
    else:
        (target,) = data.target_names
        t_train = data.t_train
    if data.image_shape:
        # Pixels all have one scale, which `load` has brought to 0 … 1.
        columns = tuple(
            StandardColumn(name, median=0.0, mean=0.0, scale=1.0, indicator=False)
            for name in data.feature_names
        )
        prepare = Prepared.of(columns, ClassTarget(target, data.target_names))
        X_train, X_test = data.X_train, data.X_test
    else:
        table = dict(zip(data.feature_names, data.X_train.T, strict=True))
        prepare = Prepared.learn(
            {**table, target: t_train},
            target=target,
            task=data.task,
            labels=data.target_names if data.task == "classification" else None,
            note=note,
        )
        X_train = prepare.transform(table)
        X_test = prepare.transform(dict(zip(data.feature_names, data.X_test.T, strict=True)))
    encode = prepare.encode if data.task == "regression" else np.asarray
    return Source(
        data.name,
        data.description,
        data.task,
        prepare,
        Part(X_train, encode(data.t_train)),
        Part(X_test, encode(data.t_test)),
        data.image_shape,
    )


# --- tables ----------------------------------------------------------------------------------


def _from_table(options: argparse.Namespace, note: Note) -> Source:
    path = Path(options.data)
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no file {options.data}, and no such dataset among "
            f"{', '.join(datasets.NAMES)}{_checks.hint(options.data, datasets.NAMES)}"
        )
    target = (options.target or "").strip()
    table = read_table(path, target=target)
    if target not in table:
        raise ValueError(_no_target(path, options.target, [str(name) for name in table.columns]))
    if table.columns[0] == "Unnamed: 0" != target:
        note("the first column is left out: without a name, it numbers or names the rows")
        table = table.iloc[:, 1:]
    table, task = _read_target(table, target, options.task, note)
    if len(table) < MIN_ROWS:
        raise ValueError(f"{path} has {len(table)} rows to learn from; {MIN_ROWS} are the least")
    labels = classes = None
    if task == "classification":
        labels = _sorted_labels(table[target], target)
        number = {label: index for index, label in enumerate(labels)}
        classes = np.array([number[label] for label in table[target].tolist()])
    train, test = _split(len(table), TEST_FRACTION, options.seed, classes)
    training = table.iloc[train]
    prepare = Prepared.learn(training, target=target, task=task, labels=labels, note=note)

    def part(rows: Any) -> Part:
        return Part(prepare.transform(rows, note), prepare.encode(rows[target]))

    return Source(
        table_name(path),
        f"{path}, predicting {target!r}: {task}" + ("" if options.task else " (see --task)"),
        task,
        prepare,
        part(training),
        part(table.iloc[test]),
    )


def _no_target(path: Path, target: str | None, names: list[str]) -> str:
    """Say which columns there are, and what may be wrong."""
    known = ", ".join(names[:50]) + (", …" if len(names) > 50 else "")
    if not target:
        return f"say which column of {path} to predict with --target: {known}"
    if values(names).dtype.kind == "f":
        hint = "; they are all numbers: is there no header?"
    elif names[0].startswith("#"):
        hint = "; is the first line a comment? The header must be the first line that is not blank"
    else:
        hint = _checks.hint(target, names)
    return f"{path} has no column {target!r}; it has: {known}{hint}"


def _read_target(table: Any, target: str, task: Task | None, note: Note) -> tuple[Any, Task]:
    """Find the task, make the target's texts labels or numbers, leave out rows without one.

    Among numbers NA, None and the like are missing values, among texts they are classes. Rows that
    are lost to such a word are told of even with --quiet, for they may be a class.
    """
    texts = table[target].to_numpy(dtype=object)
    typed = read(target, table[target]).numbers() if task == "regression" else values(texts)
    empty = texts == ""
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
    table = table[~missing].copy()
    table[target] = typed[~missing]
    found = task or infer_task(table[target])
    if found == "classification":
        table[target] = read_labels(texts[~missing])
    return table, found


def _sorted_labels(values: Any, target: str) -> list[Label]:
    """List the classes, in the order of their numbers where they have some."""
    found = set(values.tolist())
    texts = {str(label) for label in found}
    numbers = numbers_of(texts)
    if len(found) > len(values) / 2:
        raise ValueError(
            f"{target!r} has {len(found)} different values in {len(values)} rows, too many for "
            f"classes; if it is a number, use --task regression{comma_hint(texts)}"
        )
    if twins := same_number(texts):
        warn(f"{twins[0]!r} and {twins[1]!r} are two classes of {target!r}, though one number")
    if len(numbers) < len(texts) or any(map(math.isnan, numbers.values())):
        return sorted(found, key=str)
    return sorted(found, key=lambda label: (numbers[str(label)], str(label)))
