"""Targets as users give them, made into the matrices that losses read.

One function for each kind of target. Each takes t as a 1-D or 2-D array of numbers, the number of
the network's output columns and the argument's name for messages, and returns a 2-D array with a
row for each example, without a copy where nothing changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp.data.reading import read

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ENCODERS", "as_matrix", "limits"]

Array: TypeAlias = "npt.NDArray[Any]"

# How far a row of class probabilities may be from a sum of 1: float32 softmaxes over many classes
# stay within this, counts and percentages do not.
_SUM_TOLERANCE = 1e-4


def as_matrix(t: npt.ArrayLike, name: str = "t") -> Array:
    """Return `t` as a 2-D array of real numbers; 1-D becomes a column, booleans become 0 and 1.

    Raises
    ------
    TypeError
        If it does not hold numbers.
    ValueError
        If it is empty or has another number of dimensions than 1 or 2.
    """
    array = read(t, name)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{name} must hold numbers, not {array.dtype}; "
            "text labels become numbers with np.unique(labels, return_inverse=True)"
        )
    if array.ndim not in (1, 2):
        raise ValueError(f"{name} must have 1 or 2 dimensions, not the shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} is empty: its shape is {array.shape}")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    return array[:, np.newaxis] if array.ndim == 1 else array


def _first(bad: Array, t: Array) -> tuple[int, str]:
    """Return how many elements are bad, and the first of them in words."""
    row, column = np.unravel_index(int(np.argmax(bad)), bad.shape)
    where = f"row {row}" if t.shape[1] == 1 else f"row {row}, column {column}"
    return int(np.count_nonzero(bad)), f"{t[row, column]} at {where}"


def _values(count: int) -> str:
    return "1 value" if count == 1 else f"{count} values"


def _require_columns(t: Array, columns: int, name: str, advice: str = "") -> None:
    if t.shape[1] != columns:
        if columns == 1 == t.shape[0]:
            advice = f"; for one number a row write {name}.reshape(-1, 1)"
        given = t.shape[1]
        raise ValueError(
            f"{name} has {given} column{'s' * (given != 1)}; a network of {columns} output "
            f"column{'s' * (columns != 1)} needs the shape ({t.shape[0]}, {columns}){advice}"
        )


def encode_any(t: Array, columns: int, name: str) -> Array:
    """Targets of a loss we know nothing about: as they are."""
    return t


def encode_real(t: Array, columns: int, name: str) -> Array:
    """Numbers, as many columns as the network has outputs."""
    may_be_labels = t.shape[1] == 1 < columns and not (t % 1).any()
    advice = f"; class labels become columns with np.eye({columns})[labels]"
    _require_columns(t, columns, name, advice if may_be_labels else "")
    return t


def encode_binary(t: Array, columns: int, name: str) -> Array:
    """0 or 1 (or a probability) for each output column."""
    advice = "; for one class out of several use output='softmax' and loss='cross_entropy'"
    _require_columns(t, columns, name, advice if t.shape[1] == 1 else "")
    bad = ~((t >= 0) & (t <= 1))
    if bad.any():
        count, first = _first(bad, t)
        raise ValueError(
            f"{name} has {_values(count)} outside 0 … 1; the first is {first}; expected 0 and 1"
        )
    return t


def encode_class(t: Array, columns: int, name: str) -> Array:
    """One of the classes 0 … columns − 1 as an int64 label; rows of probabilities stay rows.

    A network of one output column separates two classes: 0 and 1, or −1 and 1.
    """
    if t.shape[1] == 1:
        return _two_classes(t, name) if columns == 1 else _labels(t, columns, name)
    _require_columns(t, columns, name, f" (or labels 0 … {columns - 1} in one column)")
    # One-hot first: it is the common case, and one column of labels is all that has to be read
    # then.
    if ((t == 0) | (t == 1)).all() and (np.count_nonzero(t, axis=1) == 1).all():
        return np.argmax(t, axis=1, keepdims=True).astype(np.int64, copy=False)  # type: ignore[no-any-return]
    return _probabilities(t, name)


def _labels(t: Array, columns: int, name: str) -> Array:
    expected = f"expected labels 0 … {columns - 1}"
    if t.dtype.kind == "f":
        fractional = t != np.floor(t)  # also true of NaN
        if fractional.any():
            count, first = _first(fractional, t)
            raise ValueError(
                f"{name} has {_values(count)} that are no class labels; the first is {first}; "
                f"{expected}"
            )
    bad = (t < 0) | (t >= columns)
    if bad.any():
        count, first = _first(bad, t)
        raise ValueError(
            f"{name} has {_values(count)} out of range; the first is {first}; {expected}"
        )
    return t.astype(np.int64, copy=False)


def _two_classes(t: Array, name: str) -> Array:
    zero_one = (t == 0) | (t == 1)
    plus_minus = (t == -1) | (t == 1)
    if not (zero_one.all() or plus_minus.all()):
        # Named against the reading that fits more of the values.
        bad = ~(plus_minus if plus_minus.sum() > zero_one.sum() else zero_one)
        count, first = _first(bad, t)
        raise ValueError(
            f"{name} has {_values(count)} out of range; the first is {first}; expected 0 and 1, "
            "or −1 and 1, for a network of one output column"
        )
    return (t > 0).astype(np.int64)


def _probabilities(t: Array, name: str) -> Array:
    sums = t.sum(axis=1, dtype=np.float64)
    bad = ~((t >= 0).all(axis=1) & (np.abs(sums - 1) <= _SUM_TOLERANCE))
    if bad.any():
        row = int(np.argmax(bad))
        raise ValueError(
            f"{name} must have one-hot rows or rows of probabilities; {int(bad.sum())} of {len(t)} "
            f"are neither, the first is row {row}, {t[row]}, which sums to {sums[row]:g}"
        )
    return t


ENCODERS: dict[str, Callable[[Array, int, str], Array]] = {
    "any": encode_any,
    "real": encode_real,
    "binary": encode_binary,
    "class": encode_class,
}


def limits(kind: str, columns: int) -> tuple[float, float, bool]:
    """Return between which numbers targets are that their encoder leaves as they are.

    Ends included; the third says whether they are whole numbers. Such labels are in one column.

    Examples
    --------
    >>> limits("class", 3)
    (0.0, 2.0, True)
    """
    if kind == "class":
        return 0.0, float(max(columns, 2) - 1), True
    return (0.0, 1.0, False) if kind == "binary" else (-math.inf, math.inf, False)
