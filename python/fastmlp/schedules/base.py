"""What a schedule is, and how its numbers are asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp import _checks
from fastmlp.graph.node import Node
from fastmlp.graph.ops.scheduled import numbers, scheduled

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


def rates(learning_rate: float | Schedule, steps: Steps, what: str = "learning rate") -> Rates:
    """Return the learning rate of each step, of a number or a schedule; `what` messages call it.

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
    return numbers(learning_rate, steps, what, at_least=0)


def checked(value: Any, name: str, *, at_least: float, below: float = math.inf) -> Any:
    """Return a number within the bounds as a float, and a schedule as it is.

    Raises
    ------
    TypeError, ValueError
        If it is neither.

    Examples
    --------
    >>> checked(1 / 2, "rate", at_least=0, below=1)
    0.5
    """
    if callable(value):
        check(value, name)
        return value
    return _checks.real(value, name, at_least=at_least, below=below)


def half_cosine(first: float, last: float, part: NDArray[np.float64]) -> Rates:
    """Return last + ½ (first − last) (1 + cos(π part)), which goes from `first` to `last`.

    Examples
    --------
    >>> half_cosine(0.1, 0.0, np.array([0.0, 0.5, 1.0]))
    array([0.1 , 0.05, 0.  ])
    """
    return np.asarray(last + 0.5 * (first - last) * (1 + np.cos(np.pi * part)))


def in_graph(value: Any, name: str, *, at_least: float, below: float = math.inf) -> float | Node:
    """Return a number as it is, and a schedule as the node of its number in each step.

    Examples
    --------
    >>> in_graph(lambda steps: 0.5**steps, "rate", at_least=0, below=1).shape
    (1, 1)
    """
    if not callable(value):
        return float(value)
    return scheduled(value, name, at_least=at_least, below=below)


class Scalable:
    """What can be multiplied by a number, as every schedule of fastmlp."""

    def _keep(self, name: str, check: Callable[..., Any], **bounds: float) -> None:
        """Put what a check returns of a number in its place, which may be of any type."""
        object.__setattr__(self, name, check(getattr(self, name), name, **bounds))

    def __mul__(self, factor: Any) -> Scaled:
        if callable(factor):
            return NotImplemented
        return Scaled(self, factor)  # type: ignore[arg-type]

    __rmul__ = __mul__


@dataclass(frozen=True)
class Scaled(Scalable):
    """A schedule times a number, also written ``factor * schedule``.

    Parameters
    ----------
    of : schedule
        What is multiplied.
    factor : float
        At least 0.

    Examples
    --------
    >>> from fastmlp.schedules import StepDecay
    >>> (0.5 * StepDecay(0.1, factor=0.5, every=10))(np.array([0, 10]))
    array([0.05 , 0.025])
    """

    of: Schedule
    factor: float

    def __post_init__(self) -> None:
        if not callable(self.of):
            raise TypeError(f"of must be a schedule, got {self.of!r}")
        check(self.of, "of")
        self._keep("factor", _checks.real, at_least=0)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        return self.factor * rates(self.of, steps)
