"""What every optimizer has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np

from fastmlp import _core, schedules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.schedules import Schedule

    Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Update(ABC):
    """What every optimizer has in common: a learning rate and a rule of the C++ core.

    What a rule keeps from step to step and which numbers a step needs, the core says in
    `_core.format.optimizers`.
    """

    learning_rate: float | Schedule

    # The roles of the parameters that the weight decay shrinks; None: all of them.
    decaying: ClassVar[frozenset[str] | None] = None

    @property
    @abstractmethod
    def kernel(self) -> str:
        """Name of the rule in the core; it may depend on the settings."""

    @property
    def state_vectors(self) -> int:
        """How many flat vectors the rule keeps from step to step."""
        return len(_core.format.optimizers[self.kernel].state)

    def rates(self, first_step: int, count: int) -> Array:
        """Learning rates of `count` steps, the first of which is number `first_step` (from 0)."""
        steps = np.arange(first_step, first_step + count, dtype=np.int64)
        return schedules.rates(self.learning_rate, steps)

    @abstractmethod
    def numbers(self, t: Array, rates: Array) -> Mapping[str, float | Array]:
        """Return the rule's numbers by name, each for all steps or one for each.

        Parameters
        ----------
        t : ndarray of shape (count,)
            Numbers of the steps, counted from 1.
        rates : ndarray of shape (count,)
            Their learning rates.
        """

    def step_values(self, first_step: int, count: int, rates: Array) -> Array:
        """Return the rule's numbers for `count` steps from `first_step` on: a row for each step."""
        names = _core.format.optimizers[self.kernel].numbers
        t = np.arange(first_step + 1, first_step + count + 1, dtype=np.float64)
        numbers = self.numbers(t, rates)
        values = np.empty((count, len(names)))
        for column, name in enumerate(names):
            values[:, column] = numbers[name]
        return values
