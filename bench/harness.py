"""How everything here is timed: warm, in turns, and told with its spread."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

# Runs a case so many times and returns the seconds that took.
Runner = Callable[[int], float]


@dataclass(frozen=True)
class Timing:
    """Seconds of one run: the median of the samples, and between which values half of them lie."""

    median: float
    lower: float
    upper: float
    samples: int

    @property
    def spread(self) -> float:
        """The width of that range, as a part of the median."""
        return (self.upper - self.lower) / self.median


def runs_in(runner: Runner, seconds: float) -> int:
    """Return how many runs last about `seconds`; this warms the case up, too."""
    runs = 1
    while (spent := runner(runs)) < seconds / 2:
        runs = max(2 * runs, int(runs * seconds / max(spent, 1e-9)))
    return max(1, int(runs * seconds / spent))


def in_turns(runners: Sequence[Runner], *, sample: float = 2e-3, samples: int = 11) -> list[Timing]:
    """Time each case in samples of `sample` seconds, one of every case before the next of any.

    Whatever slows the machine down for a while then meets all cases alike.
    """
    runs = [runs_in(runner, sample) for runner in runners]
    found: list[list[float]] = [[] for _ in runners]
    for _ in range(samples):
        for runner, count, seconds in zip(runners, runs, found, strict=True):
            seconds.append(runner(count) / count)
    return [summary(seconds) for seconds in found]


def summary(seconds: Iterable[float]) -> Timing:
    """Return the median and the quartiles of the samples."""
    ordered = sorted(seconds)
    quarter = len(ordered) // 4
    return Timing(statistics.median(ordered), ordered[quarter], ordered[-1 - quarter], len(ordered))
