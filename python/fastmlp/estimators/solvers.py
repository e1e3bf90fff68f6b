"""scikit-learn's solvers by batches, as optimizers of the core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.optimizers import Update

if TYPE_CHECKING:
    from fastmlp.optimizers.base import Array


@dataclass(frozen=True, repr=False)
class PeerAdam(Update):
    """Adam with ε as it is: α √(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε), unlike in `fastmlp.Adam`.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon : float
        α, β₁, β₂, ε.
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        """Take everything: scikit-learn's checks were made before."""

    @property
    def kernel(self) -> str:
        """The rule of the core: "adam"."""
        return "adam"

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α √(1−β₂ᵗ)/(1−β₁ᵗ), β₁, β₂, ε and no decay."""
        return {
            "rate": rates * np.sqrt(1 - self.beta2**t) / (1 - self.beta1**t),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon,
            "decay": 0.0,
        }


@dataclass(frozen=True)
class Scaling:
    """The rate by the number of examples seen: rate / (examples + 1)^power.

    Attributes
    ----------
    rate, power : float
    seen : int
        Examples until now.
    rows, steps : int
        Examples and steps of an epoch.
    """

    rate: float
    power: float
    seen: int
    rows: int
    steps: int

    def after(self, epochs: Any) -> Any:
        """Return the rate after `epochs` more epochs."""
        return self.rate / (self.seen + epochs * self.rows + 1.0) ** self.power


@dataclass(frozen=True, repr=False)
class PeerSGD(Update):
    """Steps down the gradient with momentum, which may be 0 or 1 too.

    Parameters
    ----------
    learning_rate : float
        The rate until the end of the epoch.
    momentum : float
    nesterov : bool
        Whether momentum looks ahead.
    later : Scaling, optional
        The rate of the epochs after this one; it stays without.
    """

    learning_rate: float
    momentum: float = 0.9
    nesterov: bool = True
    later: Scaling | None = None

    def __post_init__(self) -> None:
        """Take everything: scikit-learn's checks were made before."""

    @property
    def kernel(self) -> str:
        """The rule of the core: "momentum" or "nesterov"."""
        return "nesterov" if self.nesterov else "momentum"

    def rates(self, first_step: int, count: int) -> Array:
        """Learning rates of `count` steps, the first of which begins an epoch."""
        if self.later is None:
            return np.full(count, self.learning_rate)
        steps = self.later.steps
        rates = np.full(-(-count // steps), self.learning_rate)
        rates[1:] = self.later.after(np.arange(1, len(rates)))
        return np.repeat(rates, steps)[:count]

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α, μ and no decay."""
        return {"rate": rates, "momentum": self.momentum, "decay": 0.0}
