"""What `fastmlp train` learns from: a bundled dataset or a table, split and made into numbers."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fastmlp import datasets
from fastmlp._columns import as_labels, count
from fastmlp.cli.files import read_table
from fastmlp.table import ClassTarget, NumberColumn, Preprocessing, infer_task

Array = np.ndarray[Any, np.dtype[Any]]
Note = Callable[[str], None]

TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.1
#: Fewer rows cannot be split into three parts that mean anything.
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
    task: Literal["classification", "regression"]
    prepare: Preprocessing
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
            NumberColumn(name, median=0.0, mean=0.0, scale=1.0, indicator=False)
            for name in data.feature_names
        )
        prepare = Preprocessing(columns, ClassTarget(target, data.target_names))
        X_train, X_test = data.X_train, data.X_test
    else:
        table = dict(zip(data.feature_names, data.X_train.T, strict=True))
        prepare = Preprocessing.learn(
            {**table, target: t_train},
            target=target,
            task=data.task,
            labels=data.target_names if data.task == "classification" else None,
            note=note,
        )
        X_train = prepare.transform(table)
        X_test = prepare.transform(dict(zip(data.feature_names, data.X_test.T, strict=True)))
    encode = prepare.target.encode if data.task == "regression" else np.asarray
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
        nearest = difflib.get_close_matches(options.data, datasets.NAMES, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise FileNotFoundError(
            f"there is no file {options.data}, and no such dataset among "
            f"{', '.join(datasets.NAMES)}{hint}"
        )
    table = read_table(path)
    names = ", ".join(map(str, table.columns))
    if options.target is None:
        raise ValueError(f"say which column of {path} to predict with --target: {names}")
    target = options.target
    if target not in table:
        raise ValueError(f"{path} has no column {target!r}; it has: {names}")
    known = table[target].notna()
    if not known.all():
        note(f"{count((~known).sum(), 'row')} without {target!r} left out")
        table = table[known]
    if len(table) < MIN_ROWS:
        raise ValueError(f"{path} has {len(table)} rows to learn from; {MIN_ROWS} are the least")
    task = options.task or infer_task(table[target])
    labels = None
    if task == "classification":
        labels = sorted(set(as_labels(table[target])))
        _check_labels(labels, len(table), target)
    number = {label: index for index, label in enumerate(labels or ())}
    classes = np.array([number[label] for label in as_labels(table[target])]) if labels else None
    train, test = _split(len(table), TEST_FRACTION, options.seed, classes)
    training = table.iloc[train]
    prepare = Preprocessing.learn(training, target=target, task=task, labels=labels, note=note)

    def part(rows: Any) -> Part:
        return Part(prepare.transform(rows, note), prepare.target.encode(rows[target]))

    return Source(
        path.name.partition(".")[0],
        f"{path}, predicting {target!r}: {task}" + ("" if options.task else " (see --task)"),
        task,
        prepare,
        part(training),
        part(table.iloc[test]),
    )


def _check_labels(labels: list[Any], rows: int, target: str) -> None:
    if len(labels) > rows / 2:
        raise ValueError(
            f"{target!r} has {len(labels)} different values in {rows} rows, too many for classes; "
            "if it is a number, use --task regression"
        )
