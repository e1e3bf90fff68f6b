"""Streams: data that come batch by batch, and need not fit in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastmlp.data import arrays

EXPECTED = (
    "a function that returns an iterator of batches, or something to iterate over, such as a "
    "DataLoader, a list of batches, a generator or fastmlp.data.Parquet"
)


class Stream:
    """Gives batches, pass after pass, of what a user gave.

    Parameters
    ----------
    given : callable, iterable or iterator
        A function is called for each pass and returns an iterable; what can be iterated over again
        is; an iterator, such as a generator, has one pass. An object with ``__len__`` and
        ``__getitem__`` alone, as Keras has them, is gone through by its numbers. One with
        ``on_epoch_end`` is told of the end of a pass.
    steps : int, optional
        How many batches a pass has: then it goes on where the last one ended, and begins again
        where the batches end. None: all of them.

    Attributes
    ----------
    steps : int or None
        As given.
    once : bool
        Whether there is one pass only.

    Raises
    ------
    TypeError
        If it is none of these.

    Examples
    --------
    >>> stream = Stream(["a", "b", "c"])
    >>> list(stream.batches()), list(stream.batches())
    (['a', 'b', 'c'], ['a', 'b', 'c'])
    >>> stream = Stream(["a", "b", "c"], steps=2)
    >>> list(stream.batches()), list(stream.batches())
    (['a', 'b'], ['c', 'a'])
    """

    def __init__(self, given: Any, steps: int | None = None, name: str = "a stream") -> None:
        self._given, self._name = given, name
        self.steps = steps
        self.once = isinstance(given, Iterator)
        self._on_its_way: Iterator[Any] | None = None

    @property
    def kind(self) -> str:
        """What was given, for errors."""
        return type(self._given).__name__

    @property
    def passes(self) -> int | None:
        """How many passes were begun; None if what was given does not count them.

        It may be assigned where it is counted: orders to come follow from it.
        """
        return getattr(self._given, "passes", None)

    @passes.setter
    def passes(self, passes: int | None) -> None:
        if passes is not None and self.passes is not None:
            self._given.passes = passes

    def batches(self) -> Iterator[Any]:
        """Return the batches of the next pass; fewer than `steps` where no more come."""
        if self.steps is None:
            yield from self._opened()
            self._tell_end()
            return
        for _ in range(self.steps):
            for again in (True, False):
                if self._on_its_way is None:
                    self._on_its_way = self._opened()
                try:
                    batch = next(self._on_its_way)
                except StopIteration:
                    if self.once or not again:
                        return
                    self._on_its_way = None
                else:
                    yield batch
                    break
        self._tell_end()

    def _opened(self) -> Iterator[Any]:
        given = self._given
        if isinstance(given, Iterable):
            return iter(given)
        if not callable(given):
            return (given[i] for i in range(len(given)))
        found = given()
        if not isinstance(found, Iterable):
            raise TypeError(
                f"the function given as {self._name} returned {type(found).__name__}, expected an "
                "iterator of batches"
            )
        return iter(found)

    def _tell_end(self) -> None:
        tell = getattr(self._given, "on_epoch_end", None)
        if callable(tell):
            tell()


def is_stream(data: Any) -> bool:
    """Tell whether it gives batches and cannot be taken for an array.

    Examples
    --------
    >>> is_stream(iter([])), is_stream(lambda: iter([])), is_stream([[1.0], [2.0]])
    (True, True, False)
    """
    if isinstance(data, (str, bytes, Mapping)) or _is_array(data):
        return False
    indexed = hasattr(data, "__getitem__")
    return callable(data) or isinstance(data, Iterator) or (_iterates(data) and not indexed)


def is_sequence_of_batches(data: Any) -> bool:
    """Tell whether it is a list of batches, or counts and gives them by their numbers.

    Examples
    --------
    >>> is_sequence_of_batches([([[1.0]], [0])]), is_sequence_of_batches([[1.0, 2.0]])
    (True, False)
    """
    if isinstance(data, (str, bytes, Mapping)) or _is_array(data):
        return False
    if isinstance(data, (list, tuple)):
        return len(data) > 0 and all(map(_is_batch, data))
    return hasattr(data, "__getitem__") and hasattr(data, "__len__")


def parts_of(batch: Any, name: str) -> tuple[Any, Any, Any]:
    """Return X, t and the weights of a batch, which may be None.

    Raises
    ------
    TypeError
        If it is no pair (X, t) or triple (X, t, weights).
    """
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        got = type(batch).__name__
        if isinstance(batch, (tuple, list)):
            got = f"{len(batch)} part{'s' * (len(batch) != 1)}"
        elif isinstance(batch, Mapping):
            got += f" with the keys {list(batch)}: of such a d write (d[x], d[t])"
        raise TypeError(f"{name} must be (X, t) or (X, t, sample_weight), got {got}")
    X, t, weight = (*batch, None)[:3]
    return X, t, weight


def _is_batch(value: Any) -> bool:
    """Tell whether it may be (X, t), and is no row of numbers."""
    return (
        isinstance(value, (tuple, list)) and len(value) in (2, 3) and hasattr(value[0], "__len__")
    )


def _iterates(data: Any) -> bool:
    return isinstance(data, Iterable)


def _is_array(data: Any) -> bool:
    names = "__array__", "__array_interface__", "__dataframe__", "__arrow_c_stream__", "__dlpack__"
    return arrays.is_sparse(data) or any(hasattr(data, name) for name in names)
