"""Which rows each member of an average holds out to find its best epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: What no member holds out: the only row of its class, or all where rows are too few.
NEVER = -1


def deal(t: Array, folds: int, rng: np.random.Generator, *, classes: bool) -> NDArray[np.int64]:
    """Return the fold of each row: folds of equal size, and each with its share of every class.

    Numbers are dealt likewise by their order (that of the first target), so that no fold has the
    large ones alone. The only row of a class is in no fold, -1: whoever holds it out knows nothing
    of the class. With fewer than four rows all are.

    Examples
    --------
    >>> deal(np.array([0, 0, 0, 1, 1, 2]), 2, np.random.default_rng(0), classes=True)[-1]
    np.int64(-1)
    """
    rows = len(t)
    fold = np.full(rows, NEVER, dtype=np.int64)
    if rows < 4:
        return fold
    folds = min(folds, rows // 2)
    order = rng.permutation(rows)
    first = t if t.ndim == 1 else t[:, 0]
    order = order[np.argsort(first[order], kind="stable")]
    if classes:
        counts = np.bincount(t)
        order = order[counts[t[order]] > 1]
    # Each block of neighbours goes to all folds, in an order of its own.
    for begin in range(0, len(order), folds):
        block = order[begin : begin + folds]
        fold[block] = rng.permutation(folds)[: len(block)]
    if classes:
        _keep_classes(fold, t)
    return fold


def _keep_classes(fold: NDArray[np.int64], t: Array) -> None:
    """Let no fold hold all rows of a class."""
    held = {(label, part) for label, part in zip(t.tolist(), fold.tolist(), strict=True)}
    parts: dict[int, int] = {}
    for label, _ in held:
        parts[label] = parts.get(label, 0) + 1
    for label in (label for label, count in parts.items() if count == 1):
        rows = np.flatnonzero(t == label)
        fold[rows[0]] = NEVER
