"""Rows, and which of them each member of an average holds out to find its best epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

#: What no member holds out: the only row of its class, or all where rows are too few.
NEVER = -1
#: Equal rows are copies of one only if so few of them, as a share, have equals with another target:
#: else the columns just have few values.
MOST_AT_ODDS = 0.1


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, or to judge by.

    Attributes
    ----------
    inputs : list of ndarray (rows, columns)
        What each input of a network is given, from `inputs_of`.
    t : ndarray
        Classes (rows,), or numbers (rows, targets).
    w : ndarray (rows,) or None
        Their weights.
    """

    inputs: list[Array]
    t: Array
    w: Array | None

    def __getitem__(self, index: Any) -> Rows:
        """Return some of the rows: views of a slice."""
        w = None if self.w is None else self.w[index]
        return Rows([part[index] for part in self.inputs], self.t[index], w)


def deal(
    t: Array,
    folds: int,
    rng: np.random.Generator,
    *,
    classes: bool,
    originals: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Return the fold of each row: folds of equal size, and each with its share of every class.

    Numbers are dealt likewise by their order (that of the first target), so that no fold has the
    large ones alone. The only row of a class is in no fold, -1: whoever holds it out knows nothing
    of the class. With fewer than four rows all are. Copies go where their originals are, if these
    are given, as of `originals_of`, and are two for each fold at least.

    Examples
    --------
    >>> deal(np.array([0, 0, 0, 1, 1, 2]), 2, np.random.default_rng(0), classes=True)[-1]
    np.int64(-1)
    """
    rows = len(t)
    if originals is not None:
        firsts, place = np.unique(originals, return_inverse=True)
        if 2 * folds <= len(firsts) < rows:
            return deal(t[firsts], folds, rng, classes=classes)[place]
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


def originals_of(X: Array, t: Array) -> NDArray[np.int64]:
    """Return the first row that each row is a copy of, itself if it is none.

    A network judged by copies of rows it learned from would look the better the more it knows by
    heart.

    Parameters
    ----------
    X : ndarray (rows, columns), float32
    t : ndarray (rows,) or (rows, targets)
        Rows of one X with different targets are no copies.

    Examples
    --------
    >>> X = np.array([[1, 2], [3, 4], [1, 2], [5, 6]], np.float32)
    >>> originals_of(X, np.array([0, 1, 0, 1]))
    array([0, 1, 0, 3])
    """
    rows = np.arange(len(X))
    drawn: Array = np.random.default_rng(0).integers(1 << 62, size=(X.shape[1],), dtype=np.uint64)
    odd = 2 * drawn + 1
    bits = np.ascontiguousarray(X, np.float32).view(np.uint32)
    keys = np.zeros(len(X), np.uint64)
    for column, factor in zip(bits.T, odd, strict=True):
        keys ^= (column + (keys << np.uint64(7))) * factor
    _, first, group = np.unique(keys, return_index=True, return_inverse=True)
    original = first[group]
    repeated = np.bincount(group)[group] > 1
    if not repeated.any():
        return rows
    targets = t.reshape(len(t), -1)
    same = (targets == targets[original]).all(axis=1) & (bits == bits[original]).all(axis=1)
    at_odds = np.bincount(group, weights=~same)[group] > 0
    if at_odds.sum() > MOST_AT_ODDS * repeated.sum():
        return rows
    return np.where(at_odds, rows, original)
