"""What every optimizer has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from fastmlp import schedules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.schedules import Schedule


@dataclass(frozen=True)
class Update(ABC):
    """What every optimizer has in common: a learning rate and a rule of the C++ core.

    Attributes
    ----------
    kernel : str
        Name of the update in the core.
    state_vectors : int
        How many flat vectors the rule keeps from step to step.
    """

    kernel: ClassVar[str]
    learning_rate: float | Schedule

    @property
    @abstractmethod
    def state_vectors(self) -> int:
        """How many flat vectors the rule keeps from step to step."""

    def rates(self, first_step: int, count: int) -> NDArray[np.float64]:
        """Learning rates of `count` steps, the first of which is number `first_step` (from 0)."""
        steps = np.arange(first_step, first_step + count, dtype=np.int64)
        return schedules.rates(self.learning_rate, steps)

    @abstractmethod
    def step_values(
        self, first_step: int, count: int, rates: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scalars of the kernel for `count` steps from `first_step` on, shape (count, 5)."""
