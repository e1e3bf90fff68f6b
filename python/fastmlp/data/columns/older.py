"""Kinds of columns in files of the command line that are older than `NumberColumn` and the others.

All that they become counts as numbers, so that the order of the features is that of the columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmlp.data.columns.base import Column
from fastmlp.data.columns.values import Values
from fastmlp.data.columns.words import Note
from fastmlp.data.texts import MISSING, Array


@dataclass(frozen=True)
class StandardColumn(Column):
    """(value - mean) / scale, the median where the value is missing.

    With `indicator`, a second feature is 1 where the value was missing and 0 elsewhere.
    """

    kind = "number"

    median: float
    mean: float
    scale: float
    indicator: bool

    @property
    def holds(self) -> str:
        """Numbers."""
        return "a number"

    @property
    def numbers(self) -> int:
        """1, and 1 for the indicator."""
        return 1 + self.indicator

    def fill(self, values: Values, numbers: Array, flags: Array, codes: Array, note: Note) -> None:
        """Write the number and the indicator."""
        found = values.numbers(note=note)
        missing = np.isnan(found)
        if self.indicator:
            numbers[:, 1] = missing
        else:
            self.tell_missing(missing, f"its median, {self.median:g}", note)
        filled = np.where(missing, self.median, found)
        with np.errstate(over="ignore"):
            standard = (filled - self.mean) / self.scale
        beyond = np.abs(standard) > np.finfo(np.float32).max
        if beyond.any():
            raise ValueError(
                f"column {self.name!r}: {filled[beyond.argmax()]:g} in {values.where(beyond)} is "
                f"too far from what training saw, {self.mean:g} ± {self.scale:g}"
            )
        numbers[:, 0] = standard


@dataclass(frozen=True)
class OneHotColumn(Column):
    """One feature for each category: 1 where the value is that category, else 0.

    A missing value is the category ``""``, and so is a text such as NA if it is no category. With
    `others`, a last feature is 1 for every value that is in no category; without it such a value
    is 0 everywhere.
    """

    kind = "text"

    categories: tuple[str, ...]
    others: bool

    @property
    def holds(self) -> str:
        """How many categories."""
        return f"{len(self.categories)} categories"

    @property
    def numbers(self) -> int:
        """One for each category, and one for the others."""
        return len(self.categories) + self.others

    def fill(self, values: Values, numbers: Array, flags: Array, codes: Array, note: Note) -> None:
        """Write the features."""
        rows, texts = values.coded()
        known = {text: i for i, text in reversed([*enumerate(self.categories)])}
        if "" in known:
            known = {**dict.fromkeys(MISSING, known[""]), **known}
        found = np.array([known.get(text, -1) for text in (*texts, "")])[rows]
        unknown = found < 0
        if self.others:
            found = np.where(unknown, len(self.categories), found)
        else:
            self.tell_unknown(values, unknown, "none of its categories", note)
        numbers[:] = np.eye(self.numbers + 1, self.numbers)[found]
