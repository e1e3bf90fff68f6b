"""Whose turn it is: a model that one thread fits is that thread's until the fit is over.

There are two sides. A *read* (`predict`, `evaluate`, `save`, a copy) computes with one set of
weights; a *change* (`fit`, a step, `set_weights`) makes another one.

- A call that changes weights step by step takes its `Turn`. From then on reads and changes of other
  threads are refused: they get a RuntimeError. It then waits for the reads under way and begins.
- `set_weights`, and what is assigned to a layer, is a copy in one go: it waits for the reads under
  way, refuses nobody, and every answer is of the old weights or of the new ones. Reads that would
  begin while it waits let it go first, for a second of every ten that it waits.

Reads wait for no turn, and a turn is waited for by nobody; a copy waits for reads and reads only
for a second; nobody waits for what his own thread does. So nothing can deadlock, but where a read
waits for a thread that waits for that read, as a stream does that is evaluated and fed by a fit of
the same model; Ctrl-C ends that. The first use of a model that is not built yet is one thread's,
for which the others wait.

Reads are counted by the core (`bindings/access.h`) where it gives the GIL away, and by `reading`
where many lines of Python make one answer. Models that share layers have their turns together, and
an estimator has turns of its own besides those of its model. Refused are also assignments to
attributes of a model, of its layers and of an estimator. The arrays themselves (`parameters.flat`,
`weights` of a layer, `coefs_[0]`) are plain NumPy arrays: what another thread writes there during a
fit is trained on, and which step or which prediction sees it is chance. Likewise what it reads
there may be of two steps.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar
from weakref import ref

from fastmlp import _core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

P = ParamSpec("P")
R = TypeVar("R")
M = TypeVar("M", bound="Held")


class Held(Protocol):
    """What turns are of: a model or an estimator."""

    _turn: Turn | None  # the last one, which may be over

    @property
    def _access(self) -> _core.Access | None:
        """Who reads it: what all have in common that share weights with it; None if not built."""

    def _together(self) -> Sequence[Held]:
        """Return it and all that share weights with it: they have their turns together."""


class Turn(_core.Turn):
    """The right of one call to change a model, from `take` until `live` is False again.

    Ends by an assignment, which no signal comes between: ``finally: turn.live = False``.

    Parameters
    ----------
    what : str
        The call, for the errors of others.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model, turn = fm.MLP([2, 1], seed=0), Turn("fit")
    >>> try:
    ...     turn.take(model)
    ...     Turn("fit").take(model)
    ... except RuntimeError as error:
    ...     print(str(error).partition(":")[0])
    ... finally:
    ...     turn.live = False
    fit was called inside fit of the same model, by a callback
    """

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self.thread = threading.get_ident()
        self.process = os.getpid()

    def take(self, model: Held, *, nested: bool = False) -> None:
        """Begin when the reads under way are over; nobody begins to read meanwhile.

        RuntimeError if another call has its turn, of this thread or another. With `nested` a
        callback may do it: it is this thread's turn already.
        """
        with _guard:
            holder = _holder(model)
            if holder is None:
                self.live = True
                for one in model._together():
                    one._turn = self
                self.cover(model)
        if holder is None:
            self.wait()  # with no lock: reads may need them
            return
        if holder.thread == self.thread:
            if nested:
                return
            raise RuntimeError(
                f"{self.what} was called inside {holder.what} of the same model, by a callback: "
                "let it call its copy()"
            )
        raise RuntimeError(_in_use(self.what, holder))

    def cover(self, model: Held) -> None:
        """Keep others from reads of a model, now that it is built, if the turn is not over.

        Whoever goes on to change it has to `wait` then.
        """
        if model._access is not None:
            self.hold(model._access)


def reading(what: str, *models: Held) -> _core.Reading:
    """Return a block that reads models: other threads wait to change them until it ends.

    Beginning it raises RuntimeError if it is the turn of another thread. A call that runs one
    program of the core needs none, it is counted there.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([2, 1], seed=0)
    >>> with reading("get_weights", model):
    ...     model._access.reads
    1
    """

    def refuse() -> None:
        for model in models:
            check(model, what)

    refuse()  # for models that are not built
    return _core.Reading([m._access for m in models if m._access is not None], refuse)


def reads(what: str) -> Callable[[Callable[Concatenate[M, P], R]], Callable[Concatenate[M, P], R]]:
    """Let a function, whose first argument is a model, be a read of it."""

    def decorated(function: Callable[Concatenate[M, P], R]) -> Callable[Concatenate[M, P], R]:
        @wraps(function)
        def read(model: M, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with reading(what, model):
                return function(model, *args, **kwargs)

        return read

    return decorated


def check(model: Held, what: str) -> None:
    """Raise RuntimeError if it is the turn of another thread; callbacks are of the same thread.

    What is asked within a read that is under way is a part of it, for which the turn waits.

    Examples
    --------
    >>> import fastmlp as fm
    >>> check(fm.MLP([2, 1], seed=0), "predict")
    """
    turn: Turn | None = model._turn
    if turn is None or turn.thread == threading.get_ident():  # as nearly always
        return
    with _guard:
        holder = _holder(model)
    if holder is None or holder.thread == threading.get_ident():
        return
    access = model._access
    if access is None or access.refuses_reads:
        raise RuntimeError(_in_use(what, holder))


@contextmanager
def joining(model: Held, others: Sequence[Held], *, moving: bool) -> Iterator[None]:
    """Let a new model have its turns together with others, whose layers it shares from now on.

    Nobody begins a turn meanwhile. Whose turn it is goes on: that of a fit of the new model, which
    is built by it, is one of all; that of a fit of the others, with a callback that builds, too.

    Parameters
    ----------
    model : Held
        The new model.
    others : sequence of Held
        All that share weights with it from now on.
    moving : bool
        Whether the weights of the others get another place, which no fit of theirs survives.

    Raises
    ------
    RuntimeError
        If another thread has the turn of one of them, or weights would move in a fit.
    """
    what = "building a model of the same layers"
    with _guard:
        mine = _holder(model)
        theirs = [turn for turn in map(_holder, others) if turn is not None]
        for turn in theirs:
            if turn.thread != threading.get_ident():
                raise RuntimeError(_in_use(what, turn))
            if moving or mine is not None:
                raise RuntimeError(
                    f"{what} is not possible inside {turn.what}, by a callback: build it before, "
                    "or of copies of the layers"
                )
        yield
        for turn in theirs if mine is None else [mine]:
            for one in (model, *others):
                one._turn = turn


def hear(listener: Any, model: Held) -> None:
    """Note that a callback, which counts epochs or writes a file, hears of a model's fit.

    RuntimeError if it hears of another one that is not over: it would count the epochs of both.
    """
    with _guard:
        for key, (known, turn) in list(_hearing.items()):
            if known() is None or not _is_on(turn):
                del _hearing[key]
            elif known() is listener:
                raise RuntimeError(
                    f"callbacks: one {type(listener).__name__} would hear of two fits at once: "
                    "give each its own"
                )
        holder = _holder(model)
        if holder is not None:
            _hearing[id(listener)] = ref(listener), holder


def _is_on(turn: Turn) -> bool:
    """Tell whether a turn is not over; one of a process before a fork is."""
    return turn.live and turn.process == os.getpid()


def _holder(model: Held) -> Turn | None:
    """Return the live turn; None if there is none."""
    turn: Turn | None = model._turn
    return turn if turn is not None and _is_on(turn) else None


def _in_use(what: str, holder: Turn) -> str:
    return (
        f"{what}: another thread is in {holder.what} of the same model, whose weights change "
        "meanwhile; let one thread wait for the other, or give each a copy() from before"
    )


# Held while a turn is looked at and taken.
_guard = threading.Lock()
# Callbacks of fits that go on, by their ids, each with the turn of its fit.
_hearing: dict[int, tuple[ref[Any], Turn]] = {}
# Held while one thread makes what the first use of a model needs; the others wait.
building = threading.RLock()


def _after_fork() -> None:
    # The child has no thread that could release a lock held at the fork.
    global _guard, building
    _guard, building = threading.Lock(), threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
