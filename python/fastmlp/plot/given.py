"""What pictures are given, checked: numbers, labels, lists of names, models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.data.reading import read

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def labels(data: Any, name: str) -> Array:
    """Return what may hold anything as an array, none of it hidden by a mask.

    Examples
    --------
    >>> labels(["yes", "no"], "y_true").shape
    (2,)
    """
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError(f"{name} has masked values; leave them out first")
    return read(data, name)


def numbers(data: Any, name: str) -> Array:
    """Return numbers as float64.

    Examples
    --------
    >>> numbers([1, 2], "x")
    array([1., 2.])
    """
    found = labels(data, name)
    try:
        return found.astype(np.float64, copy=False)
    except (TypeError, ValueError, OverflowError) as error:
        raise _of(error)(f"{name} must hold numbers: {error}") from error


def column(data: Any, name: str) -> Array:
    """Return one finite number for each row: (rows,).

    Examples
    --------
    >>> column([[1], [2]], "y_true")
    array([1., 2.])
    """
    found = numbers(data, name)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise ValueError(f"{name} must have shape (rows,), got {found.shape}: draw one target each")
    if not np.isfinite(found).all():
        raise ValueError(f"{name} must hold finite numbers")
    return found


def listed(data: Any, name: str) -> list[Any]:
    """Return the elements of a list; one text is none.

    Examples
    --------
    >>> listed(("a", "b"), "class_names")
    ['a', 'b']
    """
    found = _checks.listed(data)
    if found is None:
        raise TypeError(f"{name} must be a list, got {data!r}")
    return found


def each_one(data: Any, name: str) -> list[Any]:
    """Return the labels of a list, none of which is a list itself.

    Examples
    --------
    >>> each_one(["yes", "no"], "labels")
    ['yes', 'no']
    """
    found = listed(data, name)
    for label in found:
        if isinstance(label, (list, np.ndarray)):
            raise TypeError(f"{name} must hold one label each, got {label!r}")
    return found


def has(value: Any, attribute: str, name: str, kind: str) -> Any:
    """Return what is drawn, if it has what that takes.

    Examples
    --------
    >>> has(np.ones(2), "predict", "model", "a model")
    Traceback (most recent call last):
        ...
    TypeError: model must be a model, got ndarray
    """
    if isinstance(value, type) or not hasattr(value, attribute):
        raise TypeError(f"{name} must be {kind}, got {type(value).__name__}")
    return value


def _of(error: Exception) -> type[Exception]:
    """Return the kind of an error about a value: of one, or of a kind of values."""
    return ValueError if isinstance(error, (ValueError, OverflowError)) else TypeError
