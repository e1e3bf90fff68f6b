"""Weights of examples: by class, and in a unit that neither overflows nor vanishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]

# The largest weight may be within 2^±16 of 1: sums of such weights, and their products with losses,
# stay far from the ends of float32.
ORDINARY = 16
# Later batches may have weights up to this.
MOST = 2.0**64


def in_ordinary_unit(weights: Array, dtype: DTypeLike) -> tuple[Array, int]:
    """Return the weights divided by 2^e, which brings the largest near 1, and the exponent e.

    Means of losses with such weights neither overflow nor vanish. A power of 2 changes no digit, so
    that means are the same to the last bit in any unit. Ordinary weights are returned as they are.

    Parameters
    ----------
    weights : ndarray
        Finite numbers.
    dtype : float32 or float64
        What is computed in. Weights below tiny / ε of the largest one (1e-31 in float32, 1e-292 in
        float64) become 0: the sum of a batch of such weights is out of its range.

    Examples
    --------
    >>> weights, e = in_ordinary_unit(np.array([3e-39, 1.5e-39, 0.0]), np.float32)
    >>> (weights / weights[0]).tolist(), bool(np.all(np.ldexp(weights, e) == [3e-39, 1.5e-39, 0]))
    ([1.0, 0.5, 0.0], True)
    """
    size = np.abs(weights)
    largest = size.max()
    exponent = int(np.frexp(largest)[1])
    if abs(exponent) <= ORDINARY:
        exponent = 0
    else:
        weights = np.ldexp(weights, -exponent)
        size, largest = np.abs(weights), np.ldexp(largest, -exponent)
    info = np.finfo(dtype)
    tiny = (size > 0) & (size < float(largest) * (float(info.tiny) / float(info.eps)))
    return np.where(tiny, 0, weights) if tiny.any() else weights, exponent


def check_not_negative(
    values: Array, name: str, place: Callable[[int], str] = "row {}".format
) -> None:
    """Raise ValueError if a weight is less than 0, saying how many are and where the first is.

    `place` names a row by its index.

    Examples
    --------
    >>> check_not_negative(np.array([0.0, 2.0]), "sample_weight")
    """
    negative = values < 0
    if negative.any():
        first = int(np.flatnonzero(negative)[0])
        raise ValueError(
            f"{name} must not be negative, got {int(negative.sum())} negative values, the first "
            f"in {place(first)}: {values.flat[first]}"
        )


class Units:
    """The units of weights that come batch by batch: each that of the first batch with any weight.

    So that weights of different batches can be compared, though each may be in any unit.

    Examples
    --------
    >>> units = Units()
    >>> units.scaled(np.array([2e-39, 0.0]), "sample_weight", np.float32).round(2).tolist()
    [0.68, 0.0]
    >>> units.scaled(np.array([4e-39, 0.0]), "sample_weight", np.float32).round(2).tolist()
    [1.36, 0.0]
    """

    def __init__(self) -> None:
        self._exponents: dict[str, int] = {}

    def scaled(self, weights: Array, name: str, dtype: DTypeLike) -> Array:
        """Return the weights of a batch in the unit of those that had the same `name`.

        Raises
        ------
        ValueError
            If they are more than 2^64 times as large as those of the first batch.
        """
        if not weights.any():
            return weights
        if name not in self._exponents:
            scaled, self._exponents[name] = in_ordinary_unit(weights, dtype)
            return scaled
        exponent = self._exponents[name]
        scaled = np.ldexp(weights, -exponent) if exponent else weights
        if scaled.max() > MOST:
            raise ValueError(
                f"{name}: a weight of {weights.max():g} is more than 2^64 times as large as those "
                "of the first batch; give all batches weights of one unit"
            )
        info = np.finfo(dtype)
        vanishing = (scaled > 0) & (scaled < float(info.tiny) / float(info.eps))
        return np.where(vanishing, 0, scaled) if vanishing.any() else scaled


def balanced(labels: Array, weights: Array | None) -> Array:
    """Return for each row Σ w / (classes · Σ w of the row's class), so that classes weigh the same.

    A class without weight is not there. It is the formula of scikit-learn's ``class_weight=
    "balanced"``, n / (classes · n of the class), where a row of weight 2 counts as two: King and
    Zeng, Logistic Regression in Rare Events Data (2001).

    Examples
    --------
    >>> balanced(np.array([0, 0, 0, 1]), None).round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    _, number = np.unique(labels, return_inverse=True)
    counts = np.bincount(number, weights=weights).astype(np.float64)
    there = counts != 0
    by_class = np.zeros(len(counts))
    np.divide(counts.sum(), there.sum() * counts, out=by_class, where=there)
    result: Array = by_class[number]
    return result
