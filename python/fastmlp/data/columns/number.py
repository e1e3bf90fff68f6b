"""A column of numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmlp.data.columns.base import Column, clipped, compressed, robust
from fastmlp.data.columns.values import Values
from fastmlp.data.columns.words import Note
from fastmlp.data.texts import Array

#: Tails are long if more than one number of a hundred is beyond so many scales from the median: of
#: a normal distribution it is 2.
LONG, SHARE = 5.0, 0.01


@dataclass(frozen=True)
class NumberColumn(Column):
    """x = (value - median) / scale, smoothly clipped to -3 … 3; `fill_value` where it is missing.

    With `indicator`, a flag is 1 where the value was missing and 0 elsewhere. A scale of 0 says
    that training saw one value only: then the indicator alone remains. The `words` are texts that
    stood among the numbers in training, and count as missing. With `seconds`, the numbers are those
    of durations and times of day, and so are texts. The `unit` is what stood beside numbers in
    texts, such as €.

    Examples
    --------
    >>> from fastmlp.data.columns.values import read
    >>> NumberColumn.learn("a", read("a", [1, 2, 3, 4, 9]))
    NumberColumn(name='a', median=3.0, scale=2.0, fill_value=0.23..., indicator=False, words=(), ...
    """

    kind = "robust"  # "number" is that of older files

    median: float
    scale: float
    fill_value: float
    indicator: bool
    words: tuple[str, ...] = ()
    seconds: bool = False
    unit: str = ""

    @classmethod
    def learn(cls, name: str, values: Values, words: tuple[str, ...] = ()) -> NumberColumn:
        """Learn median, scale and the mean of what is there, and whether its tails are long."""
        numbers = values.numbers(words, values.seconds)
        missing = np.isnan(numbers)
        present = numbers[~missing]
        median, scale = robust(present)
        kind = TailedColumn if _is_tailed(present, median, scale) else NumberColumn
        fill_value = float(kind.squeezed(present, median, scale).mean()) if scale > 0 else 0.0
        indicator = bool(missing.any())
        read_so = words, values.seconds, values.unit
        return kind(name, median, scale, fill_value, indicator, *read_so)

    @staticmethod
    def squeezed(numbers: Array, median: float, scale: float) -> Array:
        """Return numbers as the network reads them."""
        return clipped(numbers, median, scale)

    @property
    def holds(self) -> str:
        """Numbers, or seconds."""
        return "seconds" if self.seconds else "a number"

    @property
    def numbers(self) -> int:
        """1, or 0 for a column of one value."""
        return int(self.scale > 0)

    @property
    def flags(self) -> int:
        """1 for a column that may miss values."""
        return int(self.indicator)

    def read(self, values: Values, note: Note) -> Array:
        """Return the numbers of new rows, float64, NaN where they are missing or none.

        Raises
        ------
        ValueError
            For infinities, dates, mostly texts, and durations where training saw plain numbers: of
            which unit is not known.
        """
        if values.durations and not self.seconds and not values.missing.all():
            raise ValueError(
                f"column {self.name!r} must hold numbers, but holds durations or times of day, the "
                f"first in {values.where(~values.missing)}; give numbers, in the unit of training"
            )
        return values.numbers(self.words, self.seconds, note, self.unit)

    def fill(self, values: Values, numbers: Array, flags: Array, codes: Array, note: Note) -> None:
        """Write the number and the indicator."""
        found = self.read(values, note)
        missing = np.isnan(found)
        if self.indicator:
            flags[:, 0] = missing
        else:
            self.tell_missing(missing, "its mean", note)
        if self.numbers:
            scaled = self.squeezed(found, self.median, self.scale)
            numbers[:, 0] = np.where(missing, self.fill_value, scaled)


@dataclass(frozen=True)
class TailedColumn(NumberColumn):
    """The same of numbers with long tails: 3 asinh(x/3) within -12 … 12 instead of a clipped x.

    Examples
    --------
    >>> from fastmlp.data.columns.values import read
    >>> type(NumberColumn.learn("a", read("a", [2.0**i for i in range(20)]))).__name__
    'TailedColumn'
    """

    kind = "tailed"

    @staticmethod
    def squeezed(numbers: Array, median: float, scale: float) -> Array:
        """Return numbers as the network reads them."""
        return compressed(numbers, median, scale)


def _is_tailed(numbers: Array, median: float, scale: float) -> bool:
    """Tell whether many numbers are where `clipped` can hardly tell them apart."""
    if scale <= 0:
        return False
    with np.errstate(over="ignore"):
        far = np.abs(numbers / scale - median / scale) > LONG
    return bool(far.mean() > SHARE)
