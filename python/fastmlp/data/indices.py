"""Columns of indices: whole numbers that name categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp.data.sparse import CompressedRows

BLOCK_ROWS = 1 << 16  # that are looked at together


def check_indices(data: Any, name: str, categories: Sequence[int]) -> None:
    """Raise unless column j holds whole numbers in 0 … categories[j] − 1.

    Raises
    ------
    TypeError
        If the data are sparse.
    ValueError
        The message names row, column and value of the first that is none.

    Examples
    --------
    >>> check_indices(np.array([[0, 2], [1, 0]]), "X", [2, 3])
    """
    if isinstance(data, CompressedRows):
        raise TypeError(
            f"{name} is a sparse matrix; an Embedding takes a dense array of indices: "
            f"{name}.toarray()"
        )
    limits = np.asarray(categories)
    for start in range(0, len(data), BLOCK_ROWS):
        block = data[start : start + BLOCK_ROWS]
        with np.errstate(invalid="ignore"):
            fine = (block >= 0) & (block < limits)
            if block.dtype.kind == "f":
                fine &= block == np.floor(block)
        if fine.all():
            continue
        row, column = (int(i) for i in np.argwhere(~fine)[0])
        missing = (
            "; give missing ones a category of their own" if np.isnan(block[row, column]) else ""
        )
        raise ValueError(
            f"{name} must hold whole numbers in 0 … {categories[column] - 1} in column {column}, "
            f"as its Embedding has {categories[column]} categories, got {block[row, column]} in "
            f"row {start + row}{missing}"
        )
