"""Numbers that change from step to step: functions of the step's number as leaves of the graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp import _checks
from fastmlp.graph.node import Array, Node

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray


def scheduled(
    function: Callable[[NDArray[np.int64]], Any],
    what: str = "value",
    *,
    at_least: float = -math.inf,
    below: float = math.inf,
) -> Node:
    """Return a number, (1, 1), that is a function of the number of the step, counted from 0.

    Plans ask the function for the numbers of all steps of a call before it begins; no message goes
    to it.

    Parameters
    ----------
    function : callable
        From int64 numbers of steps to as many finite numbers; see `fastmlp.schedules`.
    what : str
        What messages call the number.
    at_least, below : float
        Its bounds.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> half = g.scheduled(lambda steps: 0.5**steps)
    >>> g.run(10.0 * half, {}, step=2)
    array([[2.5]], dtype=float32)
    """
    if not callable(function):
        raise TypeError(f"function: expected a function of steps, got {type(function).__name__}")
    attrs = {"function": function, "what": what, "at_least": at_least, "below": below}
    return Node("scheduled", (), attrs, (1, 1), what)


def numbers(
    function: Callable[[NDArray[np.int64]], Any],
    steps: NDArray[np.int64],
    what: str = "value",
    at_least: float = -math.inf,
    below: float = math.inf,
) -> NDArray[np.float64]:
    """Return the number of each step.

    Raises
    ------
    TypeError, ValueError
        If the function fails, returns something else than numbers, another shape, or a number that
        is not finite or out of bounds.

    Examples
    --------
    >>> numbers(lambda steps: 0.5**steps, np.array([0, 1]))
    array([1. , 0.5])
    """
    try:
        given = function(steps)
    except (TypeError, ValueError) as error:  # as of math.exp and of "if"
        if _checks.is_ours(type(function)):
            raise
        raise TypeError(
            f"the schedule {function!r} is called with an array of numbers of steps, and fails: "
            f"{error}; write np.exp, np.minimum and np.where for math.exp, min and if"
        ) from error
    try:
        values = np.asarray(given)
        if values.dtype.kind not in "biufO":  # texts and complex numbers would become others
            raise TypeError(f"dtype {values.dtype}")
        result = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the schedule {function!r} must return one {what} for each step, got no numbers: "
            f"{error}"
        ) from error
    if result.shape != steps.shape:
        raise ValueError(
            f"the schedule {function!r} must return one {what} for each step, shape "
            f"{steps.shape}, got shape {result.shape}"
        )
    wrong = ~(np.isfinite(result) & (result >= at_least) & (result < below))
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        bounds = " that are not negative" if at_least == 0 else ""
        bounds += f" below {below:g}" if math.isfinite(below) else ""
        raise ValueError(
            f"the schedule {function!r} returned the {what} {result[first]} for step "
            f"{steps[first]}; expected finite numbers{bounds}"
        )
    return result


# Functions of steps, and the number of the step from which each counts.
Starts: TypeAlias = "Sequence[tuple[Callable[[NDArray[np.int64]], Any], int]]"


def start_of(function: Callable[..., Any], starts: Starts, default: int) -> int:
    """Return the number of the step from which a function counts, `default` if it is not known."""
    return next((n for known, n in starts if known is function or known == function), default)


def values_of(
    nodes: Sequence[Node], first_step: int, count: int, dtype: DTypeLike, starts: Starts = ()
) -> list[Array]:
    """Return the values of scheduled nodes for `count` steps, (count, 1) each."""
    if not nodes:
        return []
    steps = np.arange(first_step, first_step + count, dtype=np.int64)
    counted = [steps - start_of(node.attrs["function"], starts, 0) for node in nodes]
    return [
        numbers(steps=each, **node.attrs).astype(dtype)[:, None]
        for node, each in zip(nodes, counted, strict=True)
    ]
