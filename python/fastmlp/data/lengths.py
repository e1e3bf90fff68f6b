"""Rows of different lengths and masked values, which are no array: told alike everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np


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
