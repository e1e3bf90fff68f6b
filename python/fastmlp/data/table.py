"""From the columns of a table to the numbers a network trains on, and back to labels.

What is learned from the training rows (medians, means, spreads, categories, labels) becomes plain
JSON, so that a model file can predict from a new table without a pickle. scikit-learn learns it;
one function, `Preprocessing.transform`, applies it in training and in prediction alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fastmlp.data.columns import (
    ClassTarget,
    Column,
    Label,
    Note,
    NumberColumn,
    RealTarget,
    Target,
    TextColumn,
    as_labels,
    as_numbers,
    as_texts,
    comma_hint,
    count,
    describe,
    examples,
    holds_numbers,
    is_missing,
    place,
    rebuild,
)
from fastmlp.data.texts import Array

__all__ = [
    "ClassTarget",
    "NumberColumn",
    "Preprocessing",
    "RealTarget",
    "TextColumn",
    "infer_task",
]

#: The most categories that a text column keeps, and in how many rows each must occur; the rest are
#: one category together.
MAX_CATEGORIES = 40
MIN_ROWS_OF_A_CATEGORY = 2
#: Whole numbers as a target are classes if there are at most this many, with this many rows each on
#: average.
MAX_INFERRED_CLASSES = 20
MIN_ROWS_OF_A_CLASS = 5
#: Numbers beyond this power of two, or below its inverse, are scaled before they are squared.
SAFE_EXPONENT = 400


@dataclass(frozen=True)
class Preprocessing:
    """What turns a table into features and outputs into predictions.

    Attributes
    ----------
    columns : tuple of NumberColumn or TextColumn
        The columns used, in the order of the features.
    target : ClassTarget or RealTarget

    Examples
    --------
    >>> table = {"size": [1.0, 2.0, 3.0], "kind": ["a", "b", "a"], "price": [3.0, 5.0, 7.0]}
    >>> prepare = Preprocessing.learn(table, target="price", task="regression")
    >>> prepare.transform({"size": [2.0], "kind": ["a"]})
    array([[0., 1., 0.]], dtype=float32)
    >>> Preprocessing.from_json(prepare.to_json()) == prepare
    True
    """

    columns: tuple[Column, ...]
    target: Target

    @classmethod
    def learn(
        cls,
        table: Mapping[str, Any],
        *,
        target: str,
        task: Literal["classification", "regression"],
        labels: Sequence[Label] | None = None,
        note: Note = lambda text: None,
    ) -> Preprocessing:
        """Learn medians, means, spreads, categories and labels from the training rows.

        Parameters
        ----------
        table : mapping from column names to values
            A pandas DataFrame, or a dictionary of arrays of one length.
        target : str
            The column to predict. All others are features, except those that cannot help:
            a single value in every row, or texts that hardly ever occur twice.
        task : {"classification", "regression"}
        labels : sequence, optional
            The classes; those in the target column by default. Rows outside `table` may know more.
        note : function of a str, optional
            Is told of every column that is left out, and why.

        Raises
        ------
        ValueError
            A column holds infinities, the target has a single value or lacks some, no column is
            left.
        """
        columns = [
            column
            for name in table
            if name != target and (column := _learn_column(str(name), table[name], note))
        ]
        if not columns:
            raise ValueError(f"no column is left to predict {target!r} from")
        return cls(tuple(columns), _learn_target(target, table[target], task, labels))

    @property
    def width(self) -> int:
        """The number of features."""
        return sum(column.width for column in self.columns)

    def transform(self, table: Mapping[str, Any], note: Note = lambda text: None) -> Array:
        """Turn rows of a table into features, float32 of shape (rows, width).

        Raises
        ------
        ValueError
            A column is missing, or holds texts or infinities where numbers are expected.
        """
        absent = [column.name for column in self.columns if column.name not in table]
        if absent:
            raise ValueError(
                f"the table lacks {len(absent)} of the {len(self.columns)} columns the model "
                f"was trained on: {', '.join(map(repr, absent[:10]))}"
                + (", …" if len(absent) > 10 else "")
            )
        X = np.empty((len(table[self.columns[0].name]), self.width), dtype=np.float32)
        at = 0
        for column in self.columns:
            column.fill(table[column.name], X[:, at : at + column.width], note)
            at += column.width
        return X

    def to_json(self) -> dict[str, Any]:
        """Describe everything in dictionaries, lists, texts and numbers."""
        return {
            "columns": [describe(column) for column in self.columns],
            "target": describe(self.target),
        }

    @classmethod
    def from_json(cls, data: Any) -> Preprocessing:
        """Rebuild from `to_json`; anything that could not come from there is a ValueError."""
        try:
            columns = tuple(rebuild(part, (NumberColumn, TextColumn)) for part in data["columns"])
            target = rebuild(data["target"], (ClassTarget, RealTarget))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"not a description of preprocessing: {error}") from None
        if not columns:
            raise ValueError("not a description of preprocessing: it has no columns")
        return cls(columns, target)


def _learn_column(name: str, values: Any, note: Note) -> Column | None:
    if holds_numbers(values):
        return _learn_numbers(name, as_numbers(name, values), note)
    return _learn_texts(name, as_texts(values), note)


def _learn_numbers(name: str, numbers: Array, note: Note) -> NumberColumn | None:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    missing = np.isnan(numbers)
    if missing.all():
        note(f"column {name!r} is left out: it is empty")
        return None
    if (numbers == numbers[0]).all():
        note(f"column {name!r} is left out: it is {numbers[0]:g} in every row")
        return None
    exponent = _exponent(numbers)
    imputer = SimpleImputer(strategy="median")
    filled = imputer.fit_transform(np.ldexp(numbers, -exponent)[:, None])
    scaler = StandardScaler().fit(filled)
    return NumberColumn(
        name,
        median=math.ldexp(imputer.statistics_[0], exponent),
        mean=math.ldexp(scaler.mean_[0], exponent),
        scale=math.ldexp(scaler.scale_[0], exponent),
        indicator=bool(missing.any()),
    )


def _exponent(numbers: Array) -> int:
    """Find the power of two that keeps squares in range: 0 for numbers that need none.

    Divided by it, numbers keep all their digits.
    """
    exponent = int(np.frexp(np.nanmax(np.abs(numbers)))[1])
    return exponent if abs(exponent) > SAFE_EXPONENT else 0


def _learn_texts(name: str, texts: Array, note: Note) -> TextColumn | None:
    from sklearn.preprocessing import OneHotEncoder

    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=MIN_ROWS_OF_A_CATEGORY,
        max_categories=MAX_CATEGORIES,
    ).fit(texts[:, None])
    rare = encoder.infrequent_categories_[0]
    rare = set() if rare is None else set(rare.tolist())
    categories = tuple(text for text in encoder.categories_[0].tolist() if text not in rare)
    distinct = len(categories) + len(rare)
    if distinct == 1:
        note(f"column {name!r} is left out: it is {texts[0]!r} in every row")
        return None
    if np.isin(texts, list(rare)).sum() > len(texts) / 2:
        note(
            f"column {name!r} is left out: {distinct} different texts in {len(texts)} rows "
            f"({examples(texts)}){comma_hint(texts)}"
        )
        return None
    if hint := comma_hint(categories):
        note(f"column {name!r} is taken as texts, not numbers ({examples(categories)}){hint}")
    return TextColumn(name, categories, others=bool(rare))


def _learn_target(name: str, values: Any, task: str, labels: Sequence[Label] | None) -> Target:
    missing = [is_missing(value) for value in values]
    if any(missing):
        raise ValueError(
            f"the target {name!r} lacks {count(sum(missing), 'value')}, the first in "
            f"{place(values, missing.index(True))}; leave such rows out"
        )
    if task == "regression":
        numbers = as_numbers(name, values)
        if (numbers == numbers[0]).all():
            raise ValueError(f"the target {name!r} is {numbers[0]:g} in every row")
        exponent = _exponent(numbers)
        numbers = np.ldexp(numbers, -exponent)
        mean, scale = math.ldexp(numbers.mean(), exponent), math.ldexp(numbers.std(), exponent)
        return RealTarget(name, mean=mean, scale=scale)
    found = sorted(set(as_labels(values))) if labels is None else labels
    if len(found) < 2:
        raise ValueError(f"the target {name!r} is {found[0]!r} in every row")
    return ClassTarget(name, tuple(found))


def infer_task(values: Any) -> Literal["classification", "regression"]:
    """Decide from the target column whether classes or a number are to be predicted.

    Texts and true/false are classes. Whole numbers are classes if there are at most
    ``MAX_INFERRED_CLASSES`` of them with ``MIN_ROWS_OF_A_CLASS`` rows each on average.
    Everything else is a number.

    Examples
    --------
    >>> infer_task(["yes", "no"]), infer_task([0.5, 0.7]), infer_task([0, 1] * 5)
    ('classification', 'regression', 'classification')
    """
    if not holds_numbers(values) or np.asarray(values).dtype.kind == "b":
        return "classification"
    numbers = as_numbers(str(getattr(values, "name", "target")), values)
    distinct = len(np.unique(numbers))
    few = distinct <= MAX_INFERRED_CLASSES and len(numbers) >= MIN_ROWS_OF_A_CLASS * distinct
    return "classification" if few and (numbers % 1 == 0).all() else "regression"
