"""Learning rates that change while training: functions of the number of steps taken.

A schedule is called with an int64 array of step numbers, counted from 0 over the life of the
optimizer (one step is one batch), and returns the learning rate of each. Any function that does so
can stand in for the classes here; these are frozen dataclasses, so two of them with the same
numbers are equal and a second `fit` knows that it continues the first one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp import _checks
from fastmlp.graph.ops.scheduled import numbers

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Steps: TypeAlias = NDArray[np.int64]
    Rates: TypeAlias = NDArray[np.float64]
    Schedule: TypeAlias = Callable[[Steps], Rates]


@dataclass(frozen=True)
class ExponentialDecay:
    """Exponential decay, by `factor` over `every` steps: initial · factor^(s / every).

    Parameters
    ----------
    initial : float
        Learning rate of step 0.
    factor : float
        What the rate is multiplied by over `every` steps, in (0, 1].
    every : int
        Number of steps.

    Examples
    --------
    >>> ExponentialDecay(0.1, factor=0.5, every=10)(np.array([0, 10, 20]))
    array([0.1  , 0.05 , 0.025])
    """

    initial: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        _checks.real(self.initial, "initial", above=0)
        _checks.real(self.factor, "factor", above=0, at_most=1)
        _checks.integer(self.every, "every", at_least=1)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        return np.asarray(self.initial * self.factor ** (steps / self.every))


@dataclass(frozen=True)
class StepDecay:
    """Stepwise decay: initial · factor^⌊s / every⌋.

    Parameters
    ----------
    initial : float
        Learning rate of step 0.
    factor : float
        What the rate is multiplied by at each stair, in (0, 1].
    every : int
        Number of steps on one stair.

    Examples
    --------
    >>> StepDecay(0.1, factor=0.5, every=10)(np.array([0, 9, 10]))
    array([0.1 , 0.1 , 0.05])
    """

    initial: float
    factor: float
    every: int

    def __post_init__(self) -> None:
        _checks.real(self.initial, "initial", above=0)
        _checks.real(self.factor, "factor", above=0, at_most=1)
        _checks.integer(self.every, "every", at_least=1)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        return np.asarray(self.initial * self.factor ** (steps // self.every).astype(np.float64))


@dataclass(frozen=True)
class InverseScaling:
    """Decay as a power of the step number: initial / (s + 1)^power.

    With power 1/2 this is the rate of the classical convergence proofs for SGD; power 1 satisfies
    the Robbins-Monro conditions (Robbins and Monro, Ann. Math. Statist. 22, 1951).

    Parameters
    ----------
    initial : float
        Learning rate of step 0.
    power : float, default 0.5
        Exponent, at least 0.

    Examples
    --------
    >>> InverseScaling(0.1)(np.array([0, 3, 99]))
    array([0.1 , 0.05, 0.01])
    """

    initial: float
    power: float = 0.5

    def __post_init__(self) -> None:
        _checks.real(self.initial, "initial", above=0)
        _checks.real(self.power, "power", at_least=0)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        with np.errstate(over="ignore"):  # a rate of 0 then
            return np.asarray(self.initial / (steps + 1.0) ** self.power)


@dataclass(frozen=True)
class CosineDecay:
    """Half a cosine from `initial` down to `final`, then constant.

    final + ½ (initial − final) (1 + cos(π min(s, steps) / steps)), from Loshchilov and Hutter,
    "SGDR" (ICLR 2017), without restarts.

    Parameters
    ----------
    initial : float
        Learning rate of step 0.
    steps : int
        Number of steps until `final` is reached.
    final : float, default 0
        Learning rate from then on, at most `initial`.

    Examples
    --------
    >>> CosineDecay(0.1, steps=10)(np.array([0, 5, 10, 20]))
    array([0.1 , 0.05, 0.  , 0.  ])
    """

    initial: float
    steps: int
    final: float = 0.0

    def __post_init__(self) -> None:
        _checks.real(self.initial, "initial", above=0)
        _checks.integer(self.steps, "steps", at_least=1)
        _checks.real(self.final, "final", at_least=0, at_most=self.initial)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        part = np.minimum(steps, self.steps) / self.steps
        return np.asarray(
            self.final + 0.5 * (self.initial - self.final) * (1 + np.cos(np.pi * part))
        )


@dataclass(frozen=True)
class Warmup:
    """Rise linearly to what `after` starts with, then follow it.

    Step s < `steps` has the rate after(0) · (s + 1) / steps; step s ≥ `steps` has after(s − steps).

    Parameters
    ----------
    steps : int
        Number of steps of the rise.
    after : float or schedule
        The learning rate reached, or the schedule that takes over.

    Examples
    --------
    >>> Warmup(4, after=0.1)(np.array([0, 1, 3, 100]))
    array([0.025, 0.05 , 0.1  , 0.1  ])
    """

    steps: int
    after: float | Schedule

    def __post_init__(self) -> None:
        _checks.integer(self.steps, "steps", at_least=1)
        check(self.after, "after")

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        rise = np.minimum(steps + 1, self.steps) / self.steps
        return rise * rates(self.after, np.maximum(steps - self.steps, 0))


def check(learning_rate: Any, name: str = "learning_rate") -> None:
    """Raise unless `learning_rate` is a positive number or a function.

    Examples
    --------
    >>> check(CosineDecay(0.1, steps=100))
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
