"""Rates that fall from a first one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastmlp import _checks
from fastmlp.schedules.base import Scalable, half_cosine

if TYPE_CHECKING:
    from fastmlp.schedules.base import Rates, Steps


@dataclass(frozen=True)
class ExponentialDecay(Scalable):
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
        self._keep("initial", _checks.real, above=0)
        self._keep("factor", _checks.real, above=0, at_most=1)
        self._keep("every", _checks.integer, at_least=1)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        return np.asarray(self.initial * self.factor ** (steps / self.every))


@dataclass(frozen=True)
class StepDecay(Scalable):
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
        self._keep("initial", _checks.real, above=0)
        self._keep("factor", _checks.real, above=0, at_most=1)
        self._keep("every", _checks.integer, at_least=1)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        return np.asarray(self.initial * self.factor ** (steps // self.every).astype(np.float64))


@dataclass(frozen=True)
class InverseScaling(Scalable):
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
        self._keep("initial", _checks.real, above=0)
        self._keep("power", _checks.real, at_least=0)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        with np.errstate(over="ignore"):  # a rate of 0 then
            return np.asarray(self.initial / (steps + 1.0) ** self.power)


@dataclass(frozen=True)
class CosineDecay(Scalable):
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
        self._keep("initial", _checks.real, above=0)
        self._keep("steps", _checks.integer, at_least=1)
        self._keep("final", _checks.real, at_least=0, at_most=self.initial)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        part = np.minimum(steps, self.steps) / self.steps
        return half_cosine(self.initial, self.final, part)


@dataclass(frozen=True)
class PolynomialDecay(Scalable):
    """Decay as a power of the steps left: final + (initial − final) (1 − s/steps)^power.

    From step `steps` on it is `final`. The formula is that of Keras and of PyTorch's PolynomialLR;
    power 1, the default, is a line.

    Parameters
    ----------
    initial : float
        Learning rate of step 0.
    steps : int
        Number of steps until `final` is reached.
    final : float, default 0
        Learning rate from then on, at most `initial`.
    power : float, default 1
        Exponent, greater than 0.

    Examples
    --------
    >>> PolynomialDecay(0.1, steps=10, power=2)(np.array([0, 5, 10, 20]))
    array([0.1  , 0.025, 0.   , 0.   ])
    """

    initial: float
    steps: int
    final: float = 0.0
    power: float = 1.0

    def __post_init__(self) -> None:
        self._keep("initial", _checks.real, above=0)
        self._keep("steps", _checks.integer, at_least=1)
        self._keep("final", _checks.real, at_least=0, at_most=self.initial)
        self._keep("power", _checks.real, above=0)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        left = 1 - np.minimum(steps, self.steps) / self.steps
        return np.asarray(self.final + (self.initial - self.final) * left**self.power)
