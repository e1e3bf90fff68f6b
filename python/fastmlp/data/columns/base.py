"""What every column knows: how many numbers it becomes, and how to write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fastmlp.data.columns.values import Values
from fastmlp.data.columns.words import MANY, Note, Strange, Told, count, examples
from fastmlp.data.texts import Array

#: How far from 0 compressed numbers are at most.
FARTHEST = 12.0


@dataclass(frozen=True)
class Column:
    """A column of a table, with what was learned of it.

    Attributes
    ----------
    kind : str
        What it is called in files.
    name : str
    numbers, flags : int
        How many numbers it becomes, to be embedded, and how many within -1 … 1, taken as they are.
    codes : tuple of int
        For a column of codes, how many there are; else empty.
    holds : str
        What it holds, for people to read.
    """

    kind: ClassVar[str]
    name: str

    @property
    def holds(self) -> str:
        """What it holds, for people to read."""
        raise NotImplementedError

    @property
    def numbers(self) -> int:
        """The width in numbers."""
        return 0

    @property
    def flags(self) -> int:
        """The width in flags."""
        return 0

    @property
    def codes(self) -> tuple[int, ...]:
        """The number of codes, 0 among them, of each column of codes."""
        return ()

    def fill(self, values: Values, numbers: Array, flags: Array, codes: Array, note: Note) -> None:
        """Write what `values` become into its columns of numbers, flags and codes."""
        raise NotImplementedError

    def tell_missing(self, missing: Array, taken: str, note: Note) -> None:
        """Note that values are missing, which training never saw."""
        if missing.any():
            said = f"missing, which training never saw; taken as {taken}"
            self._tell(note, Told, "missing", missing, lambda n: f"{count(n, 'value')} {said}")

    def tell_unknown(
        self,
        values: Values,
        unknown: Array,
        taken: str,
        note: Note,
        *,
        usual: bool = False,
        advice: str = "",
    ) -> None:
        """Note values that training never saw; where that is usual, only if none is known.

        With advice, they are hardly meant to be unknown.
        """
        none_known = unknown.sum() >= MANY and bool(unknown[~values.missing].all())
        if not unknown.any() or (usual and not none_known):
            return
        codes, texts = values.coded()
        seen = examples(texts[code] if code >= 0 else "" for code in codes[unknown][:1000])
        if none_known:
            said = f"was seen in training ({seen}); taken as {taken}{advice}"
            self._tell(
                note, Strange, "unknown", unknown, lambda n: f"none of its {n:,} values {said}"
            )
        else:
            said = f"not seen in training ({seen}), taken as {taken}{advice}"
            kind = Strange if advice else Told
            self._tell(note, kind, "unknown", unknown, lambda n: f"{count(n, 'value')} {said}")

    def _tell(
        self, note: Note, kind: type[Told], what: str, where: Array, say: Callable[[int], str]
    ) -> None:
        about = f"{what} {self.name}"
        note(kind(about, int(where.sum()), lambda n: f"column {self.name!r}: {say(n)}"))


def robust(numbers: Array) -> tuple[float, float]:
    """Return median and scale: the distance of the quartiles, or half of the range if that is 0.

    Examples
    --------
    >>> robust(np.array([1.0, 2.0, 3.0, 4.0, 1000.0]))
    (3.0, 2.0)
    """
    shrink = shrinking(float(np.abs(numbers).max()))
    low, q25, median, q75, high = np.quantile(numbers * shrink, (0, 0.25, 0.5, 0.75, 1))
    scale = float(q75 - q25 or (high - low) / 2) / shrink
    return float(median) / shrink, min(scale, float(np.finfo(np.float64).max))


def clipped(numbers: Array, median: float, scale: float) -> Array:
    """Return x/√(1 + (x/3)²) of x = (numbers - median) / scale: smooth, within -3 … 3.

    The clipping of RealMLP (Holzmüller, Grinsztajn and Steinwart 2024, section 3.2).

    Examples
    --------
    >>> clipped(np.array([3.0, 5.0, 1e300]), 3.0, 2.0).round(3)
    array([0.   , 0.949, 3.   ])
    """
    third = _thirds(numbers, median, scale)
    result: Array = 3 * third / np.sqrt(1 + third * third)
    return result


def compressed(numbers: Array, median: float, scale: float) -> Array:
    """Return 3 asinh(x/3) of x = (numbers - median) / scale, within -12 … 12.

    Near the median it is x, as `clipped` is; far from it a logarithm, which tells the numbers of a
    long tail from each other.

    Examples
    --------
    >>> compressed(np.array([3.0, 5.0, 83.0, 1e300]), 3.0, 2.0).round(3)
    array([ 0.   ,  0.982,  9.854, 12.   ])
    """
    found: Array = 3 * np.arcsinh(_thirds(numbers, median, scale))
    return np.clip(found, -FARTHEST, FARTHEST)


def _thirds(numbers: Array, median: float, scale: float) -> Array:
    """Return (numbers - median) / scale / 3, whose squares are finite."""
    shrink = shrinking(scale)
    with np.errstate(over="ignore"):
        third = (numbers * shrink - median * shrink) / (scale * shrink) / 3
    result: Array = np.clip(third, -1e150, 1e150)
    return result


def shrinking(size: float) -> float:
    """Return a factor that keeps differences of numbers of such a size in range.

    Examples
    --------
    >>> shrinking(1.0), shrinking(1.7e308)
    (1.0, 0.25)
    """
    return 0.25 if size > 1e300 else 1.0
