"""Lion, steps by the sign of a momentum."""

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
class Lion(Update):
    """Lion (Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023).

    w ← w − α sign(β₁ m + (1−β₁) w̄) − α·weight_decay·w,  then  m ← β₂ m + (1−β₂) w̄.

    Every step has the size α, so α is three to ten times smaller than Adam's, and weight_decay that
    much larger. sign(0) is 0. The decay is decoupled, as in the paper.

    Parameters
    ----------
    learning_rate : float or schedule, default 0.0001
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    beta1, beta2 : float, default 0.9 and 0.99
        How much of the mean is in the step, and how much of it stays, in [0, 1).
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
    >>> Lion(1e-4).state_vectors
    1
    """

    learning_rate: float | Schedule = 1e-4
    beta1: float = 0.9
    beta2: float = 0.99
    weight_decay: float | Schedule = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.real(self.beta1, "beta1", at_least=0, below=1)
        _checks.real(self.beta2, "beta2", at_least=0, below=1)

    @property
    def kernel(self) -> str:
        """The rule of the core: "lion"."""
        return "lion"

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α, β₁, β₂ and α·weight_decay."""
        return {
            "rate": rates,
            "beta1": self.beta1,
            "beta2": self.beta2,
            "decay": rates * decays,
        }
