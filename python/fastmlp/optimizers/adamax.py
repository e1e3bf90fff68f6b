"""Adamax, Adam by the largest gradient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastmlp import _checks
from fastmlp.optimizers.base import Update

if TYPE_CHECKING:
    from fastmlp.optimizers.base import Array
    from fastmlp.schedules import Schedule


@dataclass(frozen=True, repr=False)
class Adamax(Update):
    """Adamax (Kingma and Ba, ICLR 2015, section 7.1): Adam by the infinity norm.

    m ← β₁ m + (1−β₁) w̄,  u ← max(β₂ u, ``|w̄|`` + ε),
    w ← w − α / (1−β₁ᵗ) · m / u − α·weight_decay·w.

    This is PyTorch's, whose ε the paper lacks; `weight_decay` is decoupled here, as in the other
    optimizers, and not added to w̄.

    Parameters
    ----------
    learning_rate : float or schedule, default 0.002
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    beta1, beta2 : float, default 0.9 and 0.999
        Decay rates of mean and norm, in [0, 1).
    epsilon : float, default 1e-8
        ε, greater than 0.
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
    >>> Adamax(1e-3).state_vectors
    2
    """

    learning_rate: float | Schedule = 2e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float | Schedule = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.real(self.beta1, "beta1", at_least=0, below=1)
        _checks.real(self.beta2, "beta2", at_least=0, below=1)
        _checks.real(self.epsilon, "epsilon", above=0)

    @property
    def kernel(self) -> str:
        """The rule of the core: "adamax"."""
        return "adamax"

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α/(1−β₁ᵗ), β₁, β₂, ε and α·weight_decay."""
        return {
            "rate": rates / (1 - self.beta1**t),
            "beta1": self.beta1,
            "beta2": self.beta2,
            "epsilon": self.epsilon,
            "decay": rates * decays,
        }
