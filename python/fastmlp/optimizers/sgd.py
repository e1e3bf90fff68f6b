"""Stochastic gradient descent."""

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
class SGD(Update):
    """Stochastic gradient descent, with momentum if wanted.

    v ← μ v − α w̄, then w ← w + v, or with Nesterov's look-ahead w ← w + μ v − α w̄; and w ← w −
    α·weight_decay·w. Without momentum w ← w − α w̄. The formulas are those of Sutskever et al., "On
    the importance of initialization and momentum in deep learning" (ICML 2013). In PyTorch the
    rate of the present step multiplies v instead, which is the same while α is constant.

    Parameters
    ----------
    learning_rate : float or schedule, default 0.01
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    momentum : float, default 0
        μ in [0, 1).
    nesterov : bool, default False
        Look ahead; needs momentum.
    weight_decay : float or schedule, default 0
        Decoupled decay of all parameters, at least 0.
    clip_norm, clip_value, groups, ema
        As for `Update`.

    Raises
    ------
    ValueError
        If a number is outside its range, or `nesterov` comes without momentum.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    """

    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float | Schedule = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _checks.real(self.momentum, "momentum", at_least=0, below=1)
        _checks.flag(self.nesterov, "nesterov")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=True needs a momentum greater than 0, got momentum=0")

    @property
    def kernel(self) -> str:
        """The rule of the core: "sgd", or with a velocity to keep "momentum" or "nesterov"."""
        if self.momentum == 0:
            return "sgd"
        return "nesterov" if self.nesterov else "momentum"

    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return α, μ and α·weight_decay."""
        return {"rate": rates, "momentum": self.momentum, "decay": rates * decays}
