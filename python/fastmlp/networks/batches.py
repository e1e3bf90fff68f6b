"""Batches of a stream, checked, and joined to chunks that the core takes in one call."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import stream
from fastmlp.data.sparse import CompressedRows
from fastmlp.data.weights import Units
from fastmlp.networks import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastmlp.losses import Loss
    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network

    Array = NDArray[Any]

# A chunk holds about this many numbers, 4 MB of float32, or one batch that is larger …
CHUNK_NUMBERS = 1 << 20
# … and at most this many batches.
CHUNK_BATCHES = 1 << 10
_ROWS = (
    "; of single rows make batches, as PyTorch's DataLoader(dataset, batch_size=32) does, or arrays"
)


class BatchCheck:
    """Checks batches against a network, its losses and the first of them; call it with one.

    Parameters
    ----------
    network : Network
        What they are for.
    dtype : dtype
        Of the model.
    losses : sequence of Loss
        One for each output.
    class_weight
        As for `Model.fit`, a dict or None.
    of : str
        What errors call the stream.
    """

    def __init__(
        self,
        network: Network,
        dtype: np.dtype[Any],
        losses: Sequence[Loss],
        class_weight: Any = None,
        of: str = "the stream",
    ) -> None:
        self._network, self._dtype, self._losses = network, dtype, losses
        self._class_weight, self._of = class_weight, of
        self._units = Units()
        self._first: Examples | None = None

    def __call__(self, batch: Any, number: int) -> Examples:
        """Return the examples of a batch, which errors call by its number.

        Raises
        ------
        TypeError, ValueError
            If it does not fit the network, the losses, or the first batch.
        """
        name = f"batch {number}"
        try:
            X, t, weight = stream.parts_of(batch, "a batch")
            found = examples.check(
                *(self._network, self._dtype, self._losses, X, t, weight), units=self._units
            )
            found = examples.weighted_by_class(
                *(found, self._class_weight, self._losses, self._dtype, self._network.outputs),
                units=self._units,
            )
            self._check_like_first(found)
        except (TypeError, ValueError) as error:
            # A dataset of PyTorch gives row after row, and counts them as batches are counted.
            parts = batch if isinstance(batch, (tuple, list)) else ()
            axes = 0 if self._network.input_columns[0] == 1 else 1  # n numbers may be n rows
            row = any(getattr(part, "ndim", 2) <= axes for part in parts[:1])
            advice = _ROWS if row and isinstance(error, ValueError) else ""
            error.args = (f"{name} of {self._of}: {error}{advice}",)
            raise
        return found

    def _check_like_first(self, batch: Examples) -> None:
        first = self._first = self._first or batch
        for what, now, before in (
            ("columns of the targets", batch.target_columns, first.target_columns),
            ("weights", batch.weighted, first.weighted),
        ):
            if now != before:
                raise ValueError(f"{what}: the first batch has {before}, this one {now}")


@dataclass(frozen=True)
class Chunk:
    """Batches of one size behind each other, the last of which may be shorter.

    Attributes
    ----------
    data : Examples
        All their rows.
    batch_size : int
        Rows of a batch.
    last : bool
        Whether the epoch ends with it.
    """

    data: Examples
    batch_size: int
    last: bool


class Joining:
    """Copies batches behind each other until the core takes them.

    A batch may join if it is like the first one, or shorter: then no other may follow. So how the
    core cuts a batch into lanes depends on the batches before it alone, not on when it came.

    Parameters
    ----------
    first : Examples
        The first batch.
    """

    def __init__(self, first: Examples) -> None:
        self.batch_size, self._kind = first.rows, _kind(first)
        self._rows, self._batches, self._numbers, self._closed = 0, 0, 0, False
        each = max(1, sum(part.shape[1] for part in _dense(first))) * first.rows
        # One more for a shorter batch at the end. What is not written to takes no memory.
        self._most = 1 + min(CHUNK_BATCHES, max(1, CHUNK_NUMBERS // each))
        self._columns = [_Rows(part, self._most * first.rows) for part in _parts(first)]
        self._template = first
        self.add(first)

    def takes(self, batch: Examples) -> bool:
        """Tell whether a batch may join."""
        fits = _kind(batch) == self._kind and batch.rows <= self.batch_size
        return fits and not self._closed and self._batches < self._most

    @property
    def full(self) -> bool:
        """Whether there should be no more, but for one that is shorter."""
        return self._batches + 1 >= self._most or self._numbers >= CHUNK_NUMBERS

    def must_take(self, batch: Examples) -> bool:
        """Tell whether a batch belongs to those that are here: it is shorter."""
        return self.takes(batch) and batch.rows < self.batch_size

    def add(self, batch: Examples) -> None:
        """Copy a batch behind the others."""
        for column, part in zip(self._columns, _parts(batch), strict=True):
            column.add(part)
            self._numbers += part.data.size if isinstance(part, CompressedRows) else part.size
        self._rows += batch.rows
        self._batches += 1
        self._closed = batch.rows < self.batch_size

    def chunk(self, *, last: bool) -> Chunk:
        """Return all of it."""
        found = iter([column.all() for column in self._columns])
        like = self._template
        data = replace(
            like,
            inputs=[next(found) for _ in like.inputs],
            targets=tuple(next(found) for _ in like.targets),
            weight=None if like.weight is None else next(found),
            own=tuple(w if w is None else next(found) for w in like.own),
        )
        return Chunk(data, self.batch_size, last)


class _Rows:
    """Room for rows of one matrix."""

    def __init__(self, like: Any, rows: int) -> None:
        self._parts: list[CompressedRows] = []
        self._filled = 0
        self._room: Array | None = None
        if not isinstance(like, CompressedRows):
            self._room = np.empty((rows, like.shape[1]), like.dtype)

    def add(self, part: Any) -> None:
        if self._room is None:
            self._parts.append(CompressedRows.joined([part]))
            return
        self._room[self._filled : self._filled + len(part)] = part
        self._filled += len(part)

    def all(self) -> Any:
        if self._room is None:
            return CompressedRows.joined(self._parts)
        return self._room[: self._filled]


def _parts(batch: Examples) -> list[Any]:
    """Return all matrices of a batch."""
    return [*batch.inputs, *batch.targets, *(w for w in batch.fed if w is not None)]


def _dense(batch: Examples) -> list[Array]:
    return [part for part in _parts(batch) if not isinstance(part, CompressedRows)]


def _kind(batch: Examples) -> list[Any]:
    """Return what batches of one chunk have in common, besides their number of rows."""
    return [(type(part), part.dtype, part.shape[1]) for part in _parts(batch)]
