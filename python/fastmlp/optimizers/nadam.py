"""Nadam, Adam with Nesterov's momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastmlp import _checks
from fastmlp.optimizers.base import Update

if TYPE_CHECKING:
    from fastmlp.optimizers.base import Array
    from fastmlp.schedules import Schedule


@dataclass(frozen=True, repr=False)
class Nadam(Update):
    """Adam that looks ahead (Dozat, "Incorporating Nesterov momentum into Adam", 2016).

    m ← β₁ m + (1−β₁) w̄,  v ← β₂ v + (1−β₂) w̄²,  μₜ = β₁ (1 − ½·0.96^(t·momentum_decay)),
    w ← w − α · (μₜ₊₁ m / (1 − μ₁⋯μₜ₊₁) + (1−μₜ) w̄ / (1 − μ₁⋯μₜ)) / (√v̂ + ε) − α·weight_decay·w
    with v̂ = v / (1−β₂ᵗ).

    This is PyTorch's `NAdam`; its `weight_decay` is decoupled here, as in the other optimizers.
    In the paper the mean too is made with the changing μₜ in the place of β₁.

    Parameters
    ----------
    learning_rate : float or schedule, default 0.002
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    beta1, beta2 : float, default 0.9 and 0.999
        Decay rates of the two moments, in [0, 1).
    epsilon : float, default 1e-8
        ε, greater than 0.
    momentum_decay : float, default 0.004
        How fast μₜ rises from about ½ β₁ to β₁, at least 0.
    weight_decay : float or schedule, default 0
        Decoupled decay of all parameters, at least 0.
    clip_norm, clip_value, groups, ema
        As for `Update`.

    Raises
    ------
    TypeError, ValueError
        If a setting is of the wrong type or outside its range.

    Examples
    --------
    >>> Nadam(1e-3).state_vectors
    2
    """

    learning_rate: float | Schedule = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    momentum_decay: float = 0.004
    weight_decay: float | Schedule = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        # NumPy takes the logarithm of a plain number, not of a fraction.
        beta1 = _checks.real(self.beta1, "beta1", at_least=0, below=1)
        object.__setattr__(self, "beta1", beta1)
        _checks.real(self.beta2, "beta2", at_least=0, below=1)
        _checks.real(self.epsilon, "epsilon", above=0)
        _checks.real(self.momentum_decay, "momentum_decay", at_least=0)

    @property
    def kernel(self) -> str:
        """The rule of the core: "nadam"."""
        return "nadam"

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return the factors of mean and gradient, β₁, β₂, ε √(1−β₂ᵗ) and α·weight_decay."""
        correction = np.sqrt(1 - self.beta2**t)
        scaled = rates * correction
        return {
            "ahead": scaled * self._momentum(t + 1) / (1 - self._momenta(t + 1)),
            "now": scaled * (1 - self._momentum(t)) / (1 - self._momenta(t)),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon * correction,
            "decay": rates * decays,
        }

    def _momentum(self, t: Array) -> Array:
        """Return μₜ."""
        return self.beta1 * (1 - 0.5 * _BASE ** (t * self.momentum_decay))

    def _momenta(self, t: Array) -> Array:
        """Return μ₁⋯μₜ without going through all steps.

        With q = 0.96^momentum_decay, log Π (1 − ½ qⁱ) = −Σₖ ½ᵏ/k Σᵢ qᵏⁱ, whose inner sums are
        geometric, and of whose outer one 60 terms are enough for float64.
        """
        if self.beta1 == 0:
            return np.zeros_like(t)
        k = np.arange(1.0, 61.0)[:, None]
        slope = k * (self.momentum_decay * np.log(_BASE))  # log qᵏ
        if slope[0, 0] == 0:
            powers = k * 0 + t
        else:
            powers = np.exp(slope) * np.expm1(slope * t) / np.expm1(slope)
        # In the order of k whatever the number of steps, unlike np.sum.
        logarithm = np.cumsum(0.5**k / k * powers, axis=0)[-1]
        return np.asarray(np.exp(t * np.log(self.beta1) - logarithm))


_BASE = 0.96  # Dozat's
