"""What the core can read in place. It checks that again, and copies nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    Array = NDArray[Any]

KINDS = "biuf"  # NumPy's letters of the kinds of numbers that the core reads


def readable(matrix: Array, dtype: DTypeLike = np.float64) -> Array:
    """Return the matrix itself if the core can read its rows in place, else a copy that it can.

    The core reads numbers of up to 8 bytes in the machine's byte order, in rows whose numbers lie
    side by side; it converts a batch when it gathers its rows.

    Parameters
    ----------
    matrix : ndarray of shape (rows, columns)
        Of numbers.
    dtype : dtype-like
        What becomes of numbers of which the core knows no type.

    Examples
    --------
    >>> X = np.ones((4, 6), np.uint8)
    >>> readable(X[::2, :3]).base is X
    True
    >>> readable(X[:, ::2]).flags.c_contiguous
    True
    """
    known = matrix.dtype.isnative and matrix.dtype.kind in KINDS and matrix.dtype.itemsize <= 8
    if not known:
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(matrix, dtype=dtype)
    rows, columns = matrix.shape
    itemsize = matrix.itemsize
    side_by_side = columns == 1 or matrix.strides[1] == itemsize
    forward = rows == 1 or (matrix.strides[0] >= 0 and matrix.strides[0] % itemsize == 0)
    if side_by_side and forward and matrix.flags.aligned:
        return matrix
    return matrix.copy()  # ascontiguousarray would keep what is contiguous but not aligned
