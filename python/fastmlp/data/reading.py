"""What NumPy makes of data, and what it makes no array of, told alike everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

ADDED = 2  # what `isbuiltin` is of a type that another package has added to NumPy's


def refuse_masked(data: Any, name: str) -> None:
    """Raise ValueError for masked values: NumPy would compute with what lies below the mask.

    Examples
    --------
    >>> refuse_masked(np.ma.masked_greater([1.0, 2.0], 1), "X")
    Traceback (most recent call last):
        ...
    ValueError: X has masked values; fill or drop them first
    """
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError(f"{name} has masked values; fill or drop them first")


def uneven(rows: Any) -> str:
    """Say of rows of different lengths which differ, to follow what they must be; "" of others.

    Examples
    --------
    >>> uneven([[1, 2], [3]]), uneven([[1, 2], [3, 4]])
    ('rows of one length, got lengths 2 at index 0 and 1 at index 1', '')
    """
    if not isinstance(rows, (list, tuple)):
        return ""
    try:
        lengths = [len(row) for row in rows]
    except TypeError:  # of a number, or of an array of one
        return ""
    for i, length in enumerate(lengths):
        if length != lengths[0]:
            return (
                f"rows of one length, got lengths {lengths[0]} at index 0 and {length} at index {i}"
            )
    return ""


def of_numpy(values: Array) -> Array:
    """Return numbers of a type that a package has added, in float32 if that holds all of them.

    Such are the bfloat16, float8 and int4 of ml_dtypes, which JAX and TensorFlow use. Others are
    returned as given.

    Examples
    --------
    >>> of_numpy(np.ones(2, np.float16))
    array([1., 1.], dtype=float16)
    """
    if values.dtype.isbuiltin == ADDED and np.can_cast(values.dtype, np.float32):
        return values.astype(np.float32)
    return values


def as_known(data: Any) -> Any:
    """Return data as given, or as an array in float32 if NumPy reads numbers of an added type.

    For others, such as scikit-learn, which know NumPy's own types alone.

    Examples
    --------
    >>> as_known([1, 2])
    [1, 2]
    """
    given = np.asarray(data)
    known = of_numpy(given)
    return data if known is given else known


def read(data: Any, name: str) -> Array:
    """Return what NumPy makes of it; an error that names it where that fails by its own fault.

    A TypeError for tensors that require grad, lie on another device or are of a type that NumPy has
    not, for generators and sets, and what JAX traces; a ValueError for rows of different lengths.

    Examples
    --------
    >>> read([1, 2], "X")
    array([1, 2])
    """
    if isinstance(data, (Iterator, Set)):
        raise TypeError(f"{name} (type {type(data).__name__}) is no array: write list({name})")
    try:
        return of_numpy(np.asarray(data))
    except (TypeError, RuntimeError, ValueError) as error:
        if wrong := uneven(data):
            raise ValueError(f"{name} must have {wrong}") from None
        why = next(iter(str(error).splitlines()), type(error).__name__)
        kind = ValueError if isinstance(error, ValueError) else TypeError
        advice = f"; write {name}.float()" if "BFloat16" in why else ""  # PyTorch's
        raise kind(f"{name} (type {type(data).__name__}) is no array: {why}{advice}") from error
