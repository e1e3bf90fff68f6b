"""Adam, the method of adaptive moments."""

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
class Adam(Update):
    """Adam (Kingma and Ba, ICLR 2015), weight decay decoupled (Loshchilov and Hutter, ICLR 2019).

    m ← β₁ m + (1−β₁) w̄,  v ← β₂ v + (1−β₂) w̄²,
    w ← w − α · m̂ / (√v̂ + ε) − α·weight_decay·w  with  m̂ = m / (1−β₁ᵗ),  v̂ = v / (1−β₂ᵗ).

    The core computes the same with the corrections moved into two scalars:
    α √(1−β₂ᵗ) / (1−β₁ᵗ) · m / (√v + ε √(1−β₂ᵗ)). It is PyTorch's `AdamW` with one group. With
    `amsgrad` the largest v until now stands under the root (Reddi, Kale and Kumar, ICLR 2018; as in
    PyTorch, the largest before the correction, not of v̂).

    Parameters
    ----------
    learning_rate : float or schedule, default 0.001
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    beta1, beta2 : float, default 0.9 and 0.999
        Decay rates of the two moments, in [0, 1).
    epsilon : float, default 1e-8
        ε, greater than 0.
    weight_decay : float or schedule, default 0
        Decoupled decay of all parameters, at least 0.
    amsgrad : bool, default False
        Divide by the root of the largest v until now.
    clip_norm, clip_value, groups, ema
        As for `Update`.

    Raises
    ------
    TypeError, ValueError
        If a setting is of the wrong type or outside its range.

    Examples
    --------
    >>> Adam(1e-3, weight_decay=0.1).weight_decay
    0.1
    """

    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float | Schedule = 0.0
    amsgrad: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.real(self.beta1, "beta1", at_least=0, below=1)
        _checks.real(self.beta2, "beta2", at_least=0, below=1)
        _checks.real(self.epsilon, "epsilon", above=0)
        _checks.flag(self.amsgrad, "amsgrad")

    @property
    def kernel(self) -> str:
        """The rule of the core: "adam" or "amsgrad"."""
        return "amsgrad" if self.amsgrad else "adam"

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α √(1−β₂ᵗ)/(1−β₁ᵗ), β₁, β₂, ε √(1−β₂ᵗ) and α·weight_decay."""
        correction = np.sqrt(1 - self.beta2**t)
        return {
            "rate": rates * correction / (1 - self.beta1**t),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon * correction,
            "decay": rates * decays,
        }
