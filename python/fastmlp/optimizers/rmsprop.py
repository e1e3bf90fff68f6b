"""RMSprop, steps divided by the root of a mean square."""

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
class RMSprop(Update):
    """RMSprop (Hinton, Neural Networks for Machine Learning, lecture 6e, 2012), as PyTorch has it.

    s ← ρ s + (1−ρ) w̄²,  d = √s + ε,  w ← w − α w̄ / d − α·weight_decay·w.

    Centered, m ← ρ m + (1−ρ) w̄ and d = √(s − m²) + ε (Graves, "Generating sequences with recurrent
    neural networks", arXiv:1308.0850, 2013). With momentum, u ← μ u + w̄ / d and w ← w − α u in the
    place of w − α w̄ / d. The defaults are PyTorch's, where ρ is called alpha; the weight decay is
    decoupled, as in the other optimizers here.

    Parameters
    ----------
    learning_rate : float or schedule, default 0.01
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    rho : float, default 0.99
        ρ, the decay rate of the averages, in [0, 1).
    momentum : float, default 0
        μ in [0, 1).
    epsilon : float, default 1e-8
        ε, greater than 0.
    centered : bool, default False
        Divide by the root of the variance rather than of the mean square.
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
    >>> RMSprop(1e-3, momentum=0.9).state_vectors
    2
    """

    learning_rate: float | Schedule = 0.01
    rho: float = 0.99
    momentum: float = 0.0
    epsilon: float = 1e-8
    centered: bool = False
    weight_decay: float | Schedule = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.real(self.rho, "rho", at_least=0, below=1)
        _checks.real(self.momentum, "momentum", at_least=0, below=1)
        _checks.real(self.epsilon, "epsilon", above=0)
        _checks.flag(self.centered, "centered")

    @property
    def kernel(self) -> str:
        """The rule of the core: "rmsprop", by whether it is centered and has momentum."""
        name = "centered_rmsprop" if self.centered else "rmsprop"
        return f"{name}_momentum" if self.momentum > 0 else name

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α, ρ, ε, μ and α·weight_decay."""
        return {
            "rate": rates,
            "rho": self.rho,
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "decay": rates * decays,
        }
