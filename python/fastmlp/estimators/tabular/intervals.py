"""Intervals that hold the truth with a probability asked for: split conformal prediction.

Rows that a network was not trained on say how far it is off. Of exchangeable rows a new one is
within the k-th smallest of n such distances with probability k / (n + 1), whatever the network and
the distribution (Vovk, Gammerman and Shafer 2005; Lei et al., JASA 2018). Distances are divided by
what is usual at such a prediction, so that intervals are wide where errors are large; those of
predicted quantiles are measured from the quantiles (Romano, Patterson and Candès, NeurIPS 2019).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# The most distances to keep, and the most places with a size of their own.
MOST, PLACES = 1000, 10
# At a place are at least so many rows, and its size is at least this share of the mean.
ROWS_OF_A_PLACE, LEAST_SIZE = 50, 0.1


@dataclass(frozen=True)
class Conformal:
    """How far predictions of one target are off.

    Attributes
    ----------
    places, sizes : tuple of float
        Predictions, ascending, and the usual error there; straight lines between.
    levels, distances : tuple of float
        With which probability a new row is within a distance, in units of the usual error; both
        ascending.

    Examples
    --------
    >>> said = np.arange(99.0)
    >>> found = Conformal.learn(said, said, said + 2.0)
    >>> found.around(np.array([5.0]), np.array([5.0]), 0.9)
    array([[3., 7.]])
    """

    places: tuple[float, ...]
    sizes: tuple[float, ...]
    levels: tuple[float, ...]
    distances: tuple[float, ...]

    @classmethod
    def learn(
        cls, lower: Array, upper: Array, truth: Array, weights: Array | None = None
    ) -> Conformal:
        """Learn from rows that were not trained on.

        Parameters
        ----------
        lower, upper : ndarray of shape (rows,)
            The prediction, twice, or the lowest and the highest of the quantiles predicted.
        truth : ndarray of shape (rows,)
        weights : ndarray of shape (rows,), optional
            A row of weight 2 counts as two.
        """
        middle = lower / 2 + upper / 2
        off = np.maximum(lower - truth, truth - upper)
        places, sizes = _usual(middle, off, np.abs(truth - middle), bool((lower != upper).any()))
        distances = off / np.interp(middle, places, sizes)
        order = np.argsort(distances, kind="stable")
        w = np.ones(len(order)) if weights is None else weights[order] / weights.mean()
        levels = np.cumsum(w) / (w.sum() + 1)
        kept = np.unique(np.linspace(0, len(order) - 1, MOST).round().astype(int))
        found = places, sizes, levels[kept], distances[order][kept]
        return cls(*(tuple(map(float, part)) for part in found))

    def around(self, lower: Array, upper: Array, coverage: float) -> Array:
        """Return intervals, (rows, 2), around predictions.

        Raises
        ------
        ValueError
            If there were too few rows to say so much.
        """
        at = int(np.searchsorted(self.levels, coverage - 1e-12))
        if at == len(self.levels):
            raise ValueError(
                f"coverage={coverage:g} is more than the held-out rows can say: they reach "
                f"{self.levels[-1]:.3g}; fit on more rows"
            )
        reach = self.distances[at] * np.interp(lower / 2 + upper / 2, self.places, self.sizes)
        # Quantiles that are farther apart than needed may cross: then the middle is all there is.
        reach = np.maximum(reach, (lower - upper) / 2)
        return np.stack([lower - reach, upper + reach], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Describe everything in lists of numbers."""
        return {key: list(value) for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, data: Any) -> Conformal:
        """Rebuild from `to_json`; anything that could not come from there is a ValueError."""
        names = ("places", "sizes", "levels", "distances")
        if not isinstance(data, dict) or set(data) != set(names):
            raise ValueError(f"its intervals must have {', '.join(names)}")
        parts = {}
        for name in names:
            given = data[name]
            numbers = isinstance(given, list) and all(type(v) in (int, float) for v in given)
            if not numbers or not 1 <= len(given) <= MOST or not np.isfinite(given).all():
                raise ValueError(f"{name} of its intervals must be 1 to {MOST} finite numbers")
            parts[name] = tuple(map(float, given))
        lengths = [len(parts[name]) for name in names]
        rising = all(parts[n] == tuple(sorted(parts[n])) for n in names if n != "sizes")
        if lengths[0] != lengths[1] or lengths[2] != lengths[3] or not rising:
            raise ValueError("its intervals must be ascending numbers, as many of each pair")
        if min(parts["sizes"]) <= 0:
            raise ValueError("the sizes of its intervals must be positive")
        return cls(**parts)


def _usual(middle: Array, off: Array, far: Array, has_width: bool) -> tuple[Array, Array]:
    """Return at which predictions errors of which size are usual.

    Quantiles know by themselves where errors are large; few rows do not tell.
    """
    mean = float(far.mean())
    if mean == 0:
        mean = float(np.finfo(np.float64).tiny ** 0.5)
    count = 1 if has_width else min(PLACES, len(middle) // ROWS_OF_A_PLACE)
    if count < 2 or middle.min() == middle.max():
        return np.array([middle.mean()]), np.array([mean])
    groups = np.array_split(np.argsort(middle, kind="stable"), count)
    places = np.array([middle[group].mean() for group in groups])
    sizes = np.array([far[group].mean() for group in groups])
    return places, np.maximum(sizes, LEAST_SIZE * mean)
