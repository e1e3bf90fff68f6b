"""Adagrad, steps divided by the root of all squares until now."""

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
class Adagrad(Update):
    """Adagrad (Duchi, Hazan and Singer, JMLR 12, 2011), as PyTorch has it.

    s ← s + w̄², which begins at `initial`,  w ← w − α w̄ / (√s + ε) − α·weight_decay·w.

    PyTorch's `lr_decay` is the schedule `InverseScaling(α, power=1)`, where the decay is 1;
    `weight_decay` is decoupled here, as in the other optimizers, and not added to w̄.

    Parameters
    ----------
    learning_rate : float or schedule, default 0.01
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    initial : float, default 0
        What the sum of squares begins with, at least 0; Keras has 0.1.
    epsilon : float, default 1e-10
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
    >>> Adagrad(0.1).state_vectors
    1
    """

    learning_rate: float | Schedule = 0.01
    initial: float = 0.0
    epsilon: float = 1e-10
    weight_decay: float | Schedule = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.real(self.initial, "initial", at_least=0)
        _checks.real(self.epsilon, "epsilon", above=0)

    @property
    def kernel(self) -> str:
        """The rule of the core: "adagrad"."""
        return "adagrad"

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α, what s begins with, ε and α·weight_decay."""
        return {
            "rate": rates,
            "initial": self.initial,
            "epsilon": self.epsilon,
            "decay": rates * decays,
        }
