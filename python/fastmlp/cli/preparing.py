"""What turns a table into the features of ``fastmlp train`` and outputs into predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from fastmlp.data.columns.base import Column
from fastmlp.data.columns.older import OneHotColumn, StandardColumn
from fastmlp.data.columns.saved import TARGETS, describe, rebuild
from fastmlp.data.columns.targets import ClassTarget, Label, RealTarget
from fastmlp.data.columns.values import Values, read
from fastmlp.data.columns.words import Note, comma_hint, examples
from fastmlp.data.table import Preprocessing
from fastmlp.data.texts import Array, as_objects

Target: TypeAlias = ClassTarget | RealTarget

#: The most categories that a text column keeps, and in how many rows each must occur; the rest are
#: one category together.
MAX_CATEGORIES = 40
MIN_ROWS_OF_A_CATEGORY = 2
#: Numbers beyond this power of two, or below its inverse, are scaled before they are squared.
SAFE_EXPONENT = 400


@dataclass(frozen=True)
class Prepared:
    """Features and a target.

    Attributes
    ----------
    features : Preprocessing
        Of columns of the older kinds.
    target : ClassTarget or RealTarget
    """

    features: Preprocessing
    target: Target

    @classmethod
    def of(cls, columns: Sequence[Column], target: Target) -> Prepared:
        """Join columns and a target."""
        names = tuple(column.name for column in columns)
        return cls(Preprocessing(tuple(columns), names), target)

    @classmethod
    def learn(
        cls,
        table: Mapping[str, Any],
        *,
        target: str,
        task: Literal["classification", "regression"],
        labels: Sequence[Label] | None = None,
        note: Note = lambda text: None,
    ) -> Prepared:
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
            if name != target and (column := _learn_column(read(str(name), table[name]), note))
        ]
        if not columns:
            raise ValueError(f"no column is left to predict {target!r} from")
        learned: Target
        if task == "regression":
            learned = replace(RealTarget.learn(table[target], target), low=None, high=None)
        elif labels is None:
            learned = ClassTarget.learn(table[target], target)
        elif len(labels) < 2:
            raise ValueError(f"the target {target!r} is {labels[0]!r} in every row")
        else:
            learned = ClassTarget(target, tuple(labels))
        return cls.of(columns, learned)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns used, in the order of the features."""
        return self.features.columns

    @property
    def width(self) -> int:
        """The number of features."""
        return self.features.layout.width

    def transform(self, table: Mapping[str, Any], note: Note = lambda text: None) -> Array:
        """Turn rows of a table into features, float32 of shape (rows, width)."""
        return self.features.transform(table, note)

    def encode(self, values: Any) -> Array:
        """Turn a target column into class numbers (rows,) or standardized float32 (rows, 1)."""
        t = self.target.encode(values)
        return t if isinstance(self.target, ClassTarget) else t.astype(np.float32)[:, None]

    def to_json(self) -> dict[str, Any]:
        """Describe everything in dictionaries, lists, texts and numbers."""
        return {
            "columns": [describe(column) for column in self.columns],
            "target": describe(self.target),
        }

    @classmethod
    def from_json(cls, data: Any) -> Prepared:
        """Rebuild from `to_json`; anything that could not come from there is a ValueError."""
        features = Preprocessing.from_json(data)
        try:
            return cls(features, rebuild(data["target"], TARGETS))
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError(f"not a description of preprocessing: {error}") from None


def _learn_column(values: Values, note: Note) -> Column | None:
    if values.kind in ("number", "flag"):
        return _learn_numbers(values.name, values.numbers(), note)
    return _learn_texts(values, note)


def _learn_numbers(name: str, numbers: Array, note: Note) -> Column | None:
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
    return StandardColumn(
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


def _learn_texts(values: Values, note: Note) -> Column | None:
    from sklearn.preprocessing import OneHotEncoder

    name = values.name
    codes, known = values.coded()
    texts = as_objects([*known, ""])[codes]
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
    return OneHotColumn(name, categories, others=bool(rare))
