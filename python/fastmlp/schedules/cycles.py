"""Rates that rise and fall."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastmlp import _checks
from fastmlp.schedules.base import Scalable, half_cosine

if TYPE_CHECKING:
    from fastmlp.schedules.base import Rates, Steps


@dataclass(frozen=True)
class OneCycle(Scalable):
    """Rise from a small rate to `peak`, then fall to a smaller one, in half cosines.

    Smith & Topin 2018, Super-convergence; the numbers are those of PyTorch's OneCycleLR: over the
    first `rise` of the steps from peak / divide to peak, then to peak / (divide · final_divide).

    Parameters
    ----------
    peak : float
        The largest learning rate.
    steps : int
        Number of steps of the whole, at least 2; from then on the last rate stays.
    rise : float, default 0.3
        Part of the steps in which it rises, in (0, 1).
    divide : float, default 25
        By how much the first rate is smaller than `peak`, at least 1.
    final_divide : float, default 1e4
        By how much the last rate is smaller than the first, at least 1.

    Examples
    --------
    >>> OneCycle(1.0, steps=10, rise=0.5)(np.array([0, 4, 9])).round(6)
    array([4.e-02, 1.e+00, 4.e-06])
    """

    peak: float
    steps: int
    rise: float = 0.3
    divide: float = 25.0
    final_divide: float = 1e4

    def __post_init__(self) -> None:
        self._keep("peak", _checks.real, above=0)
        self._keep("steps", _checks.integer, at_least=2)
        self._keep("rise", _checks.real, above=0, below=1)
        self._keep("divide", _checks.real, at_least=1)
        self._keep("final_divide", _checks.real, at_least=1)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        top, last = self.rise * self.steps - 1, self.steps - 1
        s = np.minimum(steps, last)
        first, final = self.peak / self.divide, self.peak / self.divide / self.final_divide
        up = np.clip(s / top, 0.0, 1.0) if top > 0 else np.ones(steps.shape)
        down = np.maximum((s - top) / (last - top), 0.0)
        rising, falling = half_cosine(first, self.peak, up), half_cosine(self.peak, final, down)
        return np.where(s <= top, rising, falling)


@dataclass(frozen=True)
class CosineRestarts(Scalable):
    """Half cosines from `initial` down to `final`, each begun anew: SGDR.

    final + ½ (initial − final) (1 + cos(π s / period)), s counted from the last restart; each
    period is `factor` times as long as the one before. Loshchilov & Hutter, "SGDR" (ICLR 2017);
    PyTorch's CosineAnnealingWarmRestarts with T_0 = period and T_mult = factor.

    Parameters
    ----------
    initial : float
        Learning rate after each restart.
    period : int
        Number of steps until the first restart.
    factor : int, default 1
        How much longer each period is than the last.
    final : float, default 0
        What the rate falls to, at most `initial`.

    Examples
    --------
    >>> CosineRestarts(0.1, period=2, factor=2)(np.array([0, 1, 2, 4, 6]))
    array([0.1 , 0.05, 0.1 , 0.05, 0.1 ])
    """

    initial: float
    period: int
    factor: int = 1
    final: float = 0.0

    def __post_init__(self) -> None:
        self._keep("initial", _checks.real, above=0)
        self._keep("period", _checks.integer, at_least=1)
        self._keep("factor", _checks.integer, at_least=1)
        self._keep("final", _checks.real, at_least=0, at_most=self.initial)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        last = int(steps.max(initial=0))
        starts, length = [0], self.period
        if self.factor == 1:
            begin, period = steps - steps % self.period, np.full(steps.shape, self.period)
        else:
            while starts[-1] + length <= last:
                starts.append(starts[-1] + length)
                length *= self.factor
            number = np.searchsorted(starts, steps, side="right") - 1
            begin = np.asarray(starts, dtype=np.int64)[number]
            period = self.period * float(self.factor) ** number
        part = (steps - begin) / period
        return half_cosine(self.initial, self.final, part)


@dataclass(frozen=True)
class Coslog4(Scalable):
    """Four waves, each longer than the last: initial · ½ (1 − cos(2π log₂(1 + 15 s / steps))).

    The learning rate of RealMLP (Holzmüller, Grinsztajn & Steinwart, "Better by default",
    NeurIPS 2024): it is 0 at the beginning and the end of each wave.

    Parameters
    ----------
    initial : float
        The largest learning rate.
    steps : int
        Number of steps of the whole; from then on the rate is 0.

    Examples
    --------
    >>> Coslog4(0.1, steps=15)(np.array([0, 1, 3, 7])).round(6)
    array([0., 0., 0., 0.])
    >>> Coslog4(0.1, steps=100)(np.array([10])).round(4)
    array([0.0718])
    """

    initial: float
    steps: int

    def __post_init__(self) -> None:
        self._keep("initial", _checks.real, above=0)
        self._keep("steps", _checks.integer, at_least=1)

    def __call__(self, steps: Steps) -> Rates:
        """Learning rate of each step."""
        part = np.minimum(steps, self.steps) / self.steps
        return np.asarray(self.initial * 0.5 * (1 - np.cos(2 * np.pi * np.log2(1 + 15 * part))))


@dataclass(frozen=True)
class FlatCosine(Scalable):
    """Stay at `initial` for a while, then half a cosine down to `final`: flat_cos.

    With `flat` = 0.5 and `final` = 0 it is what RealMLP multiplies dropout and weight decay by
    (Holzmüller et al., "Better by default", NeurIPS 2024).

    Parameters
    ----------
    initial : float
        The number of the first steps.
    steps : int
        Number of steps until `final` is reached.
    flat : float, default 0.5
        Part of the steps at `initial`, in [0, 1).
    final : float, default 0
        The number from then on, at most `initial`.

    Examples
    --------
    >>> FlatCosine(0.1, steps=8)(np.array([0, 4, 6, 8, 9]))
    array([0.1 , 0.1 , 0.05, 0.  , 0.  ])
    """

    initial: float
    steps: int
    flat: float = 0.5
    final: float = 0.0

    def __post_init__(self) -> None:
        self._keep("initial", _checks.real, above=0)
        self._keep("steps", _checks.integer, at_least=1)
        self._keep("flat", _checks.real, at_least=0, below=1)
        self._keep("final", _checks.real, at_least=0, at_most=self.initial)

    def __call__(self, steps: Steps) -> Rates:
        """Return the number of each step."""
        part, flat = np.minimum(steps, self.steps) / self.steps, float(self.flat)
        fallen = np.maximum(part - flat, 0) / (1 - flat)
        return half_cosine(self.initial, self.final, fallen)
