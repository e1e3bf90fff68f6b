"""A rise before a schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastmlp import _checks
from fastmlp.schedules.base import Scalable, check, rates

if TYPE_CHECKING:
    from fastmlp.schedules.base import Rates, Schedule, Steps


@dataclass(frozen=True)
class Warmup(Scalable):
    """Rise linearly to what `after` starts with, then follow it.

    Step s < `steps` has the rate after(0) · (s + 1) / steps; step s ≥ `steps` has after(s − steps).

    Parameters
    ----------
    steps : int
        Number of steps of the rise.
    after : float or schedule
        The learning rate reached, or the schedule that takes over.

    Examples
    --------
    >>> Warmup(4, after=0.1)(np.array([0, 1, 3, 100]))
    array([0.025, 0.05 , 0.1  , 0.1  ])
    """

    steps: int
    after: float | Schedule

    def __post_init__(self) -> None:
        self._keep("steps", _checks.integer, at_least=1)
        check(self.after, "after")
        if not callable(self.after):
            self._keep("after", _checks.real)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        rise = np.minimum(steps + 1, self.steps) / self.steps
        return rise * rates(self.after, np.maximum(steps - self.steps, 0))
