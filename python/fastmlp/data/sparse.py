"""Sparse rows as the core reads them: at most the rows of one batch become dense at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

Array: TypeAlias = "NDArray[Any]"


@dataclass(frozen=True)
class CompressedRows:
    """A matrix by the elements of its rows that are not zero (CSR), not copied.

    Attributes
    ----------
    data : ndarray
        The elements, row by row.
    indices : ndarray of int32 or int64
        The column of each; elements of one place are added up.
    indptr : ndarray of the type of `indices`
        Where each row begins, and after them where the last ends.
    shape : tuple of int
        (rows, columns).

    Examples
    --------
    >>> import scipy.sparse
    >>> CompressedRows.of(scipy.sparse.eye_array(3, format="csr")).shape
    (3, 3)
    """

    data: Array
    indices: Array
    indptr: Array
    shape: tuple[int, int]

    @classmethod
    def of(cls, matrix: Any) -> CompressedRows:
        """Return a SciPy matrix in CSR format as the core reads it."""
        index = matrix.indptr.dtype
        return cls(
            np.ascontiguousarray(matrix.data),
            np.ascontiguousarray(matrix.indices, dtype=index),
            np.ascontiguousarray(matrix.indptr),
            (int(matrix.shape[0]), int(matrix.shape[1])),
        )

    @classmethod
    def joined(cls, parts: Sequence[CompressedRows]) -> CompressedRows:
        """Return the rows of all of them, copied, in their order."""
        index = np.result_type(*(part.indices for part in parts))
        ends = np.cumsum([0, *(part.indptr[-1] - part.indptr[0] for part in parts)], dtype=np.int64)
        if ends[-1] > np.iinfo(index).max:
            index = np.dtype(np.int64)
        each = [
            part.indptr[1:] - part.indptr[0] + end
            for part, end in zip(parts, ends[:-1], strict=True)
        ]
        elements = [slice(part.indptr[0], part.indptr[-1]) for part in parts]
        return cls(
            np.concatenate([p.data[e] for p, e in zip(parts, elements, strict=True)]),
            np.concatenate([p.indices[e] for p, e in zip(parts, elements, strict=True)]).astype(
                index, copy=False
            ),
            np.concatenate([[0], *each]).astype(index),
            (sum(map(len, parts)), parts[0].shape[1]),
        )

    def take(self, rows: Array) -> CompressedRows:
        """Return some rows, in the order of their numbers in `rows`."""
        starts, counts = self.indptr[:-1][rows], np.diff(self.indptr)[rows]
        indptr = np.concatenate([self.indptr[:1] * 0, np.cumsum(counts, dtype=self.indptr.dtype)])
        elements = np.arange(indptr[-1]) + np.repeat(starts - indptr[:-1], counts)
        shape = len(rows), self.shape[1]
        return CompressedRows(self.data[elements], self.indices[elements], indptr, shape)

    def between(self, begin: int, end: int) -> CompressedRows:
        """Return the rows from `begin` to before `end`, their elements not copied."""
        indptr = self.indptr[begin : end + 1]
        elements = slice(int(indptr[0]), int(indptr[-1]))
        shape = end - begin, self.shape[1]
        return CompressedRows(
            self.data[elements], self.indices[elements], indptr - indptr[0], shape
        )

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the elements."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """Two."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]
