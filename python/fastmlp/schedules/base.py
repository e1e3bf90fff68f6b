"""What a schedule is, and how its numbers are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp import _checks
from fastmlp.graph.ops.scheduled import numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Steps: TypeAlias = "NDArray[np.int64]"
Rates: TypeAlias = "NDArray[np.float64]"
Schedule: TypeAlias = "Callable[[Steps], Rates]"


def check(learning_rate: Any, name: str = "learning_rate") -> None:
    """Raise unless `learning_rate` is a positive number or a function.

    Examples
    --------
    >>> check(lambda steps: 0.1 / (1 + steps))
    """
    if not callable(learning_rate):
        _checks.real(learning_rate, name, above=0)
    elif isinstance(learning_rate, type):
        raise TypeError(
            f"{name} must be a number or a schedule, got the class {learning_rate.__name__}: "
            "call it with its parameters first"
        )


def rates(learning_rate: float | Schedule, steps: Steps) -> Rates:
    """Return the learning rate of each step, of a number or a schedule.

    Raises
    ------
    ValueError
        If a schedule returns another shape, a negative number, infinity or NaN.

    Examples
    --------
    >>> rates(0.1, np.array([0, 1]))
    array([0.1, 0.1])
    """
    if not callable(learning_rate):
        return np.full(steps.shape, learning_rate, dtype=np.float64)
    return numbers(learning_rate, steps, "learning rate", at_least=0)
