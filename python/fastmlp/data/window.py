"""Rows of a stream mixed in a window, so that memory holds no more than the window."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.data import arrays
from fastmlp.data.stream import EXPECTED, Stream, is_sequence_of_batches, is_stream, parts_of

if TYPE_CHECKING:
    from typing import TypeAlias

    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[Any]
    Leaves: TypeAlias = list[Array]


def shuffled(
    stream: Any, window: int = 10_000, *, batch_size: int | None = None, seed: int = 0
) -> Iterable[tuple[Any, ...]]:
    """Return a stream with the rows of another in a random order, mixed within a window.

    The window is filled with rows; each further row takes the place of one drawn from it, which
    comes next. So a row comes at most about `window` rows earlier than it stands and, on average,
    that many later. Data that are sorted by class or time over longer stretches stay so: shuffle
    them once on the disk.

    Parameters
    ----------
    stream : callable, iterable or iterator
        Batches (X, t) or (X, t, sample_weight) of dense arrays, as `Model.fit` takes them.
    window : int, default 10,000
        How many rows are in memory. At least as many as there are rows: a whole shuffle.
    batch_size : int, optional
        Rows of the batches that are returned, but for the last. None: as many as the first of
        `stream` has.
    seed : int, default 0
        Makes the orders the same each time; each pass has another.

    Returns
    -------
    iterable
        A generator if `stream` is an iterator, with one pass; else it may be iterated over again.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong; while iterating, if batches differ in kind, or are sparse.

    Examples
    --------
    >>> import fastmlp as fm
    >>> batches = [([[0.0], [1.0]], [0, 1]), ([[2.0], [3.0]], [2, 3])]
    >>> mixed = fm.data.shuffled(batches, window=4, batch_size=3)
    >>> [t.tolist() for X, t in mixed]
    [[2, 0, 1], [3]]
    """
    if not (is_stream(stream) or is_sequence_of_batches(stream)):
        raise TypeError(f"stream must be {EXPECTED}; got {type(stream).__name__}")
    window = _checks.integer(window, "window", at_least=1)
    if batch_size is not None:
        batch_size = _checks.integer(batch_size, "batch_size", at_least=1)
    mixed = Shuffled(Stream(stream), window, batch_size, _checks.seed(seed))
    return iter(mixed) if isinstance(stream, Iterator) else mixed


class Shuffled:
    """A stream with rows in a random order; made by `shuffled`.

    Attributes
    ----------
    passes : int
        How many passes were begun; the order of the next follows from it.
    """

    def __init__(self, source: Stream, window: int, batch_size: int | None, seed: int) -> None:
        self._source, self._window = source, window
        self._batch_size, self._seed = batch_size, seed
        self._passes = 0

    @property
    def passes(self) -> int:
        """How many passes were begun."""
        return self._passes

    @passes.setter
    def passes(self, passes: int) -> None:
        self._passes = passes
        self._source.passes = passes  # if it counts them, too

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        random = np.random.default_rng([self._seed, self._passes])
        self._passes += 1
        form: Form | None = None
        rows = self._batch_size

        def pieces() -> Iterator[Leaves]:
            nonlocal form, rows
            for number, batch in enumerate(self._source.batches()):
                X, t, weight = parts_of(batch, f"batch {number} of the stream")
                whole = (X, t) if weight is None else (X, t, weight)
                form = form or Form(whole)
                leaves = form.leaves(whole, number)
                rows = rows or len(leaves[0])
                yield leaves

        for leaves in rebatched(mixed(pieces(), self._window, random), lambda: rows or 1):
            assert form is not None
            yield form.batch(leaves)


class Form:
    """How the arrays of a batch are arranged; that of the first one holds for all.

    Parameters
    ----------
    batch : tuple
        The first.
    """

    def __init__(self, batch: tuple[Any, ...]) -> None:
        self._kinds: list[tuple[Any, ...]] | None = None
        self._keys = [self._keys_of(part, _rows(batch[0])) for part in batch]

    @staticmethod
    def _keys_of(part: Any, rows: int) -> list[Any] | int | None:
        """Return the keys of a dict, the number of several arrays, or None for one."""
        if arrays.is_named(part):
            return list(part)
        several = isinstance(part, (list, tuple)) and all(
            len(getattr(one, "shape", ())) > 0 and one.shape[0] == rows for one in part
        )
        return len(part) if several else None

    def leaves(self, batch: tuple[Any, ...], number: int) -> Leaves:
        """Return the arrays of a batch, of rows as many as X has.

        Raises
        ------
        TypeError, ValueError
            If they are not arranged as those of the first, or differ from them in kind.
        """
        name, rows = f"batch {number} of the stream", _rows(batch[0])
        keys = [self._keys_of(part, rows) for part in batch]
        if keys != self._keys:
            raise ValueError(f"{name} is not arranged as the first: {keys}, not {self._keys}")
        found = []
        for part, key in zip(batch, keys, strict=True):
            each = [part] if key is None else [part[k] for k in _all(key)]
            found += [arrays.array(one, name) for one in each]
        if any(len(array) != rows for array in found):
            raise ValueError(f"{name} has arrays of {[len(a) for a in found]} rows")
        kinds = [(array.dtype, array.shape[1:]) for array in found]
        self._kinds = self._kinds or kinds
        if kinds != self._kinds:
            raise ValueError(
                f"{name} has other types or columns than the first: {kinds}, not {self._kinds}"
            )
        return found

    def batch(self, leaves: Leaves) -> tuple[Any, ...]:
        """Return a batch of these arrays."""
        each = iter(leaves)
        parts: list[Any] = []
        for key in self._keys:
            if key is None:
                parts.append(next(each))
            elif isinstance(key, int):
                parts.append([next(each) for _ in range(key)])
            else:
                parts.append({k: next(each) for k in key})
        return tuple(parts)


def mixed(pieces: Iterable[Leaves], window: int, random: np.random.Generator) -> Iterator[Leaves]:
    """Give the rows of pieces in a random order, while at most `window` of them are kept.

    Only whole pieces fill the window, so that those that come out are as long as those that go in.
    Where a piece is of a type that the window does not hold, as NaN among whole numbers, the window
    becomes one of both.
    """
    kept: Leaves = []
    filled = 0
    for piece in pieces:
        kept = kept or [np.empty((window, *array.shape[1:]), array.dtype) for array in piece]
        kept = [
            room.astype(np.promote_types(room.dtype, array.dtype), copy=False)
            for room, array in zip(kept, piece, strict=True)
        ]
        if filled and filled + len(piece[0]) > window:
            window = filled  # full
        begin = min(len(piece[0]), window - filled)
        for room, array in zip(kept, piece, strict=True):
            room[filled : filled + begin] = array[:begin]
        filled += begin
        for at in range(begin, len(piece[0]), window):
            new = [array[at : at + window] for array in piece]
            drawn = random.choice(window, len(new[0]), replace=False)
            yield [room[drawn] for room in kept]
            for room, array in zip(kept, new, strict=True):
                room[drawn] = array
    order = random.permutation(filled)
    for at in range(0, filled, 1024):
        yield [room[order[at : at + 1024]] for room in kept]


def rebatched(pieces: Iterable[Leaves], rows: Callable[[], int]) -> Iterator[Leaves]:
    """Give the rows of pieces in pieces of `rows`, asked for when there are any; the last short."""
    waiting: list[Leaves] = []
    count = 0
    for piece in pieces:
        if not count and len(piece[0]) == rows():
            yield piece
            continue
        waiting.append(piece)
        count += len(piece[0])
        if count < rows():
            continue
        whole = [np.concatenate(parts) for parts in zip(*waiting, strict=True)]
        end = count - count % rows()
        for at in range(0, end, rows()):
            yield [array[at : at + rows()] for array in whole]
        waiting, count = [[array[end:] for array in whole]] if count > end else [], count - end
    if count:
        yield [np.concatenate(parts) for parts in zip(*waiting, strict=True)]


def _rows(X: Any) -> int:
    """Return how many rows X has, which may be several arrays."""
    if arrays.is_named(X):
        X = next(iter(X.values()), ())
    elif isinstance(X, (list, tuple)) and X and len(getattr(X[0], "shape", ())) == 2:
        X = X[0]
    shape = getattr(X, "shape", None)
    return int(shape[0]) if shape else len(X)


def _all(key: list[Any] | int) -> Iterable[Any]:
    return range(key) if isinstance(key, int) else key
