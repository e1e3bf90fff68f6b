"""What turns a table into pixels, or into what networks of version 0.1 read, and outputs back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from fastmlp.data.columns.base import Column
from fastmlp.data.columns.saved import TARGETS, describe, rebuild
from fastmlp.data.columns.targets import ClassTarget, RealTarget
from fastmlp.data.columns.words import Note
from fastmlp.data.table import Preprocessing
from fastmlp.data.texts import Array

Target: TypeAlias = ClassTarget | RealTarget


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
