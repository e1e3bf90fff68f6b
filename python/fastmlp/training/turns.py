"""Whose turn it is: a model that one thread fits is that thread's until the fit is over.

Nothing waits here, so nothing can deadlock: a call out of turn gets a RuntimeError. The one
exception is the first use of a model that is not built yet: one thread builds it, the others wait.

Other threads are refused by the calls of a model and by assignments to its attributes, to those of
its layers and to those of an estimator; models that share layers have their turns together. The
arrays themselves (`parameters.flat`, `weights` of a layer, `coefs_[0]`) are plain NumPy arrays:
what another thread writes there during a fit is trained on, and which step sees it is chance.
Likewise what it reads there may be of two steps.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Held(Protocol):
    """What turns are of: a model or an estimator."""

    _turn: Turn | None  # the last one, which may be over

    def _together(self) -> Sequence[Held]:
        """Return it and all that share weights with it: they have their turns together."""


class Turn:
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

    __slots__ = ("live", "process", "thread", "what")

    def __init__(self, what: str) -> None:
        self.what = what
        self.thread = threading.get_ident()
        self.process = os.getpid()
        self.live = False

    def take(self, model: Held, *, nested: bool = False) -> None:
        """Begin; RuntimeError if another call has its turn, of this thread or another.

        With `nested` a callback may do it: it is this thread's turn already.
        """
        with _guard:
            holder = _holder(model)
            if holder is None:
                self.live = True
                for one in model._together():
                    one._turn = self
                return
        if holder.thread == self.thread:
            if nested:
                return
            raise RuntimeError(
                f"{self.what} was called inside {holder.what} of the same model, by a callback: "
                "let it call its copy()"
            )
        raise RuntimeError(_in_use(self.what, holder))


def check(model: Held, what: str) -> None:
    """Raise RuntimeError if it is the turn of another thread; callbacks are of the same thread.

    Examples
    --------
    >>> import fastmlp as fm
    >>> check(fm.MLP([2, 1], seed=0), "predict")
    """
    if model._turn is None:  # as nearly always
        return
    with _guard:
        holder = _holder(model)
    if holder is not None and holder.thread != threading.get_ident():
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


def _holder(model: Held) -> Turn | None:
    """Return the live turn; None if there is none, or if it is that of a process before a fork."""
    turn: Turn | None = model._turn
    return turn if turn is not None and turn.live and turn.process == os.getpid() else None


def _in_use(what: str, holder: Turn) -> str:
    return (
        f"{what}: another thread is in {holder.what} of the same model, whose weights change "
        "meanwhile; let one thread wait for the other, or give each a copy() from before"
    )


# Held while a turn is looked at and taken.
_guard = threading.Lock()
# Held while one thread makes what the first use of a model needs; the others wait.
building = threading.RLock()


def _after_fork() -> None:
    # The child has no thread that could release a lock held at the fork.
    global _guard, building
    _guard, building = threading.Lock(), threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
