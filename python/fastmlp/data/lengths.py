"""Rows of different lengths, which are no array, told alike of data and of graphs."""

from __future__ import annotations

from typing import Any


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
