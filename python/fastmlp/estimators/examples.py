"""The data of one fit as the core reads it, and the part of it that is held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data.sparse import CompressedRows
from fastmlp.data.weights import in_ordinary_unit
from fastmlp.networks.examples import Examples

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]


def examples(
    X: Any, target: Array, weight: Array | None, dtype: DTypeLike, exponent: int = 0
) -> Examples:
    """Return examples to compute with in `dtype`.

    Parameters
    ----------
    X : ndarray or sparse matrix
        (rows, features), checked.
    target : ndarray
        Encoded targets (rows, target columns).
    weight : ndarray or None
        Weights of the rows (rows,), given as weight · 2^exponent.
    """
    if weight is not None:
        weight, more = in_ordinary_unit(weight, dtype)
        weight, exponent = weight[:, None], exponent + more
    return Examples([as_feed(X)], (target,), weight, exponent)


def penalty(alpha: float, exponent: int, dtype: DTypeLike) -> float:
    """Return the α that goes with weights in units of 2^exponent, so that α / Σ w stays the same.

    At most the fourth root of the largest number, 4e9 in float32, where the penalty outweighs all
    losses: of a larger one the square of the gradient, in Adam's second moment, would overflow.
    """
    if exponent == 0:
        return alpha
    with np.errstate(over="ignore", under="ignore"):
        return float(min(np.ldexp(alpha, -exponent), np.finfo(dtype).max ** 0.25))


def split(
    data: Examples, fraction: float, stratify: Array | None, rng: Any
) -> tuple[Examples, Examples]:
    """Hold out a random part of the rows, the one that scikit-learn holds out.

    Rows of weight 0 all stay in the training part, where they count for nothing.

    Returns
    -------
    training, held_out : Examples

    Raises
    ------
    ValueError
        If fewer than two rows are held out, or a class cannot be in both parts.
    """
    from sklearn.model_selection import train_test_split

    rows = np.arange(data.rows)
    empty = rows[:0] if data.weight is None else np.flatnonzero(data.weight == 0)
    counting, told = np.delete(rows, empty), ""
    if len(empty):
        stratify = None if stratify is None else stratify[counting]
        told = (
            f" early_stopping holds out rows whose sample_weight is not 0; of {data.rows} rows "
            f"{len(counting)} have one."
        )
    try:
        kept, held = train_test_split(
            counting, random_state=rng, test_size=fraction, stratify=stratify
        )
    except ValueError as error:
        # scikit-learn's name of it
        said = str(error).replace("test_size", "validation_fraction")
        raise ValueError(f"{said}{told}") from None
    if len(held) < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of "
            f"your dataset.{told}"
        )
    return data.part(np.concatenate([kept, empty])), data.part(held)


def as_feed(X: Any) -> Any:
    """Return checked data as a plan takes it: an array, or the listed elements of sparse rows."""
    return CompressedRows.of(X.tocsr()) if hasattr(X, "tocsr") else np.asarray(X)


def average(values: Array, weight: Array | None) -> float:
    """Return the mean of a number for each row, in float64."""
    mean = values.mean(dtype=np.float64) if weight is None else np.average(values, weights=weight)
    return float(mean)
