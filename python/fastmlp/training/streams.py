"""Batches of a stream, read ahead by a thread while the core trains."""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fastmlp import _checks
from fastmlp.data import stream as streams
from fastmlp.data.stream import Stream
from fastmlp.networks.batches import Joining

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from typing_extensions import Self

    from fastmlp.networks.batches import BatchCheck, Chunk
    from fastmlp.networks.examples import Examples

# Chunks that wait to be taken; one more is filled meanwhile, and one is trained on.
AHEAD = 2
# Who waits looks up as often, for a system whose locks no signal reaches; in seconds.
LOOK = 0.05
# How long the end of a fit waits for a thread that is in the midst of a batch.
PATIENCE = 0.1


class CancelledError(Exception):
    """Nobody wants what the thread reads any more."""


@contextmanager
def reading(X: Any, t: Any, steps: Any = None, rest: str = "steps_per_epoch") -> Iterator[Any]:
    """Give a call a `Reader` of X if it is a stream, or X as it is; t must suit it.

    Raises
    ------
    TypeError, ValueError
        If a stream comes with targets or arrays without, or with steps, which errors call `rest`.
    """
    if t is None and not (streams.is_stream(X) or streams.is_sequence_of_batches(X)):
        arrays = isinstance(X, (tuple, list)) and all(hasattr(part, "shape") for part in X)
        if arrays and len(X) in (2, 3):
            weight = ", sample_weight=data[2]" * (len(X) == 3)
            raise TypeError(
                f"t is missing: X is a {type(X).__name__} of {len(X)} arrays; if t is one of them, "
                f"call with (data[0], data[1]{weight})"
            )
        raise TypeError(
            f"t is missing: arrays come as (X, t). X alone is a stream of batches (X, t): "
            f"{streams.EXPECTED}; got {type(X).__name__}"
        )
    if t is not None and streams.is_stream(X):
        raise TypeError(
            f"X gives batches ({type(X).__name__}), which have their targets in them: leave out t"
        )
    if t is not None:
        if steps is not None:
            raise ValueError(f"{rest} is for streams: an epoch of arrays is all their rows")
        yield X
        return
    steps = None if steps is None else _checks.integer(steps, rest, at_least=1)
    with Reader(Stream(X, steps), "X") as reader:
        reader.start()
        yield reader


@contextmanager
def reading_validation(data: Any) -> Iterator[Any]:
    """Give a call a `Reader` of `validation_data` if it is a stream, or it as it is."""
    pair = isinstance(data, (tuple, list))
    if pair or not (streams.is_stream(data) or streams.is_sequence_of_batches(data)):
        yield data
        return
    with Reader(Stream(data, name="validation_data"), "validation_data") as reader:
        reader.start()
        yield reader


class Reader:
    """Reads a stream in a thread of its own, some chunks of batches ahead.

    An epoch is opened when it is asked for, so that nothing is read that is not trained on, and
    functions of the user's run in this one thread. Use it in a ``with``, which ends the thread.

    Parameters
    ----------
    stream : Stream
        What to read.
    name : str
        What errors call it.

    Attributes
    ----------
    stream, name
        As given.
    like : Examples or None
        The first batch, when it has been checked.

    Examples
    --------
    >>> with Reader(Stream([([[1.0]], [2.0])]), "X") as reader:
    ...     reader.start()
    ...     reader.first
    ([[1.0]], [2.0])
    """

    def __init__(self, stream: Stream, name: str) -> None:
        self.stream, self.name = stream, name
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._first: list[Any] | None = None  # of the first batch, when it is there
        self._check: BatchCheck | None = None
        self.like: Examples | None = None
        self._ready: deque[Chunk | None] = deque()  # None ends an epoch that has no chunk
        self._asked = self._begun = 0  # epochs
        self._epoch = 0  # the present one
        self._read = 0  # batches of it
        self._idle = False  # whether somebody waits for a chunk
        self._steady = False  # whether chunks must not depend on that
        self._error: BaseException | None = None
        self._cancelled = False
        self._again = False  # whether the first epoch has to be opened anew

    def start(self) -> None:
        """Start the thread and wait for the first batch; not while a lock is held that it may need.

        Raises
        ------
        ValueError
            If there is none.
        RuntimeError
            If the system starts no more threads.
        """
        self._thread = threading.Thread(target=self._run, name="fastmlp reader", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # as where a container's processes are counted
            raise RuntimeError(
                f"{self.name} is a stream, which is read in a thread of its own: {error}"
            ) from None
        with self._changed:
            self._wait(lambda: self._first is not None)

    @property
    def first(self) -> Any:
        """The first batch as it is."""
        assert self._first is not None
        return self._first[0]

    @property
    def first_inputs(self) -> Any:
        """Those of the first batch."""
        return streams.parts_of(self.first, "batch 0 of the stream")[0]

    def begin(self, check: BatchCheck) -> Examples:
        """Have all batches checked by this; return the first, checked."""
        self.like = check(self.first, 0)
        with self._changed:
            self._check = check
            self._changed.notify_all()
        return self.like

    def begin_again(self, passes: int | None) -> None:
        """Open the first epoch anew, as one after so many passes of the stream."""
        with self._changed:
            self.stream.passes = passes
            self._again = True
            self._changed.notify_all()

    @property
    def target_columns(self) -> tuple[int, ...]:
        """How many columns the targets of each output have."""
        assert self.like is not None
        return self.like.target_columns

    @property
    def weighted(self) -> tuple[bool, ...]:
        """Whether its batches have weights: for all outputs, or for each."""
        assert self.like is not None
        return self.like.weighted

    def parts(self) -> Iterator[Examples]:
        """Return the examples of an epoch, chunk by chunk."""
        return (chunk.data for chunk in self.epoch(steady=True))

    def epoch(self, *, steady: bool = False) -> Iterator[Chunk]:
        """Return the chunks of the next epoch; the last one says so, if all batches came.

        Those of an epoch of steps end early where somebody waits, which changes no step. With
        `steady` they are the same each time: sums over the rows of a chunk have the same bits.

        Raises
        ------
        ValueError
            If there is no batch at all.
        """
        with self._changed:
            self._steady = steady
            self._asked += 1
            self._changed.notify_all()
        while True:
            with self._changed:
                self._idle = True
                self._wait(lambda: bool(self._ready))
                self._idle = False
                chunk = self._ready.popleft()
                self._changed.notify_all()
            if chunk is None:
                return
            yield chunk
            if chunk.last:
                return

    @property
    def came(self) -> int:
        """How many batches of the present epoch were read."""
        return self._read

    def close(self) -> None:
        """End the thread, which may be in the midst of a batch: then it ends after it."""
        self._cancelled = True  # first: an interrupt may come before the thread is told
        with self._changed:
            self._ready.clear()
            self._changed.notify_all()
        if self._thread is not None and self._thread.is_alive():  # it may never have started
            self._thread.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _wait(self, there: Callable[[], bool]) -> None:
        """Wait, with the lock held, for something; raise what ended the thread before."""
        while not there():
            if self._error is not None:
                raise self._error
            self._changed.wait(LOOK)

    # What follows runs in the thread.

    def _run(self) -> None:
        try:
            while True:
                self._read_epoch()
        except CancelledError:
            pass
        except BaseException as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()

    def _until(self, come: Callable[[], bool]) -> None:
        """Wait, with the lock held, until something has come about."""
        while not (come() or self._cancelled):
            self._changed.wait(1.0)
        if self._cancelled:
            raise CancelledError

    def _read_epoch(self) -> None:
        if self._epoch:  # the first one is opened for the first batch
            with self._changed:
                self._until(lambda: self._asked > self._begun)
        self._epoch, self._read = self._epoch + 1, 0
        joining: Joining | None = None
        try:
            for batch in self.stream.batches():
                if self._first is None:
                    self._give_first(batch)
                    if self._again:
                        self._epoch = 0
                        return
                assert self._check is not None
                examples = self._check(batch, self._read)
                self._read += 1
                if joining is None:
                    joining = Joining(examples)
                elif joining.must_take(examples):
                    joining.add(examples)
                elif joining.full or self._wanted() or not joining.takes(examples):
                    self._hand_over(joining.chunk(last=False))
                    joining = Joining(examples)
                else:
                    joining.add(examples)
                if self._cancelled:
                    raise CancelledError
        except CancelledError:
            raise
        except BaseException:
            if joining is not None:  # what came before it is trained on
                self._hand_over(joining.chunk(last=False))
            raise
        if self._read == 0 and not (self.stream.once and self._epoch > 1):
            raise ValueError(self._no_batch())
        whole = self.stream.steps is None or self._read == self.stream.steps
        if joining is not None:
            self._hand_over(joining.chunk(last=whole))
        if not whole:
            self._hand_over(None)
        with self._changed:
            self._begun += 1

    def _wanted(self) -> bool:
        """Tell whether a chunk should end early, as somebody waits for it."""
        return self._idle and not self._steady

    def _give_first(self, batch: Any) -> None:
        """Show the first batch, and wait for what it is checked by and for the first epoch."""
        with self._changed:
            self._first = [batch]
            self._changed.notify_all()
            self._until(lambda: self._check is not None and (self._asked > 0 or self._again))

    def _hand_over(self, chunk: Chunk | None) -> None:
        with self._changed:
            self._until(lambda: len(self._ready) < AHEAD)
            self._ready.append(chunk)
            self._changed.notify_all()

    def _no_batch(self) -> str:
        if self._epoch == 1:
            return f"{self.name} gave no batch"
        return (
            f"{self.name} gave batches {self._epoch - 1} times and none the next: a function must "
            "return a new iterator each time"
        )
