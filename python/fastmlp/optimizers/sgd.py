"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fastmlp import _checks, schedules
from fastmlp.optimizers.base import Update

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.schedules import Schedule


@dataclass(frozen=True)
class SGD(Update):
    """Stochastic gradient descent, with momentum if wanted.

    v ← μ v − α w̄, then w ← w + v, or with Nesterov's look-ahead w ← w + μ v − α w̄; and w ← w −
    α·weight_decay·w. Without momentum w ← w − α w̄. The formulas are those of Sutskever et al., "On
    the importance of initialization and momentum in deep learning" (ICML 2013).

    Parameters
    ----------
    learning_rate : float or schedule, default 0.01
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    momentum : float, default 0
        μ in [0, 1).
    nesterov : bool, default False
        Look ahead; needs momentum.
    weight_decay : float, default 0
        Decoupled decay of all parameters, at least 0.

    Raises
    ------
    ValueError
        If a number is outside its range, or `nesterov` comes without momentum.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    """

    kernel: ClassVar[str] = "sgd"
    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        schedules.check(self.learning_rate)
        _checks.real(self.momentum, "momentum", at_least=0, below=1)
        _checks.flag(self.nesterov, "nesterov")
        _checks.real(self.weight_decay, "weight_decay", at_least=0)
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=True needs a momentum greater than 0, got momentum=0")

    @property
    def state_vectors(self) -> int:
        """One vector, the velocity, if there is momentum."""
        return int(self.momentum > 0)

    def step_values(
        self, first_step: int, count: int, rates: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Columns α, μ, nesterov as 0 or 1, α·weight_decay, 0."""
        values = np.zeros((count, 5))
        values[:, 0] = rates
        values[:, 1] = self.momentum
        values[:, 2] = self.nesterov
        values[:, 3] = rates * self.weight_decay
        return values
