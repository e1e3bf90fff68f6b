"""What training members at once gains: ``python -m bench.members``.

k networks one after another by `Model.fit` and at once by `Members.fit`, with one thread and with
all, in turns; and likewise their predictions. Each member has rows of its own order, as in an
ensemble.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastmlp as fm
from bench import contest, harness, report
from bench.memory import row

# What two cores must be worth to members that are trained at once.
LEAST_SPEEDUP = 1.8


@dataclass(frozen=True)
class Case:
    """So many members of one network, on so many rows."""

    name: str
    members: int
    sizes: tuple[int, ...]
    rows: int
    batch: int

    def prepare(self) -> dict[str, Callable[[int], object]]:
        """Return what is timed: functions of a number of epochs, or of calls."""
        rng = np.random.default_rng(0)
        X = rng.random((self.rows, self.sizes[0]), np.float32)
        t = rng.integers(0, self.sizes[-1], self.rows)
        members = fm.Members(fm.MLP(self.sizes, "relu", "softmax", seed=0), self.members)
        how: dict[str, Any] = {
            "optimizer": fm.Adam(1e-4),
            "batch_size": self.batch,
            "verbose": False,
        }

        def one_by_one(epochs: int) -> None:
            for member in members:
                member.fit(X, t, epochs=epochs, **how)

        def at_once(epochs: int) -> None:
            members.fit(X, t, epochs=epochs, **how)

        def predicted_one_by_one(calls: int) -> None:
            for _ in range(calls):
                for member in members:
                    member.predict(X)

        def predicted_at_once(calls: int) -> None:
            for _ in range(calls):
                members.predict(X, each=True)

        return {
            "fit, one by one": one_by_one,
            "fit, at once": at_once,
            "predict, one by one": predicted_one_by_one,
            "predict, at once": predicted_at_once,
        }


CASES = (
    Case("tiny", 8, (4, 32, 32, 3), 1_000, 32),
    Case("tabular", 8, (54, 128, 64, 7), 2_560, 256),
    Case("wide table", 4, (54, 512, 512, 512, 7), 2_560, 256),
    Case("digits", 4, (784, 256, 128, 10), 2_560, 128),
)


def timed(call: Callable[[int], object], threads: int) -> harness.Runner:
    """Return the seconds that calls take with so many threads."""

    def run(count: int) -> float:
        fm.set_num_threads(threads)
        start = time.perf_counter()
        call(count)
        return time.perf_counter() - start

    return run


def measure(case: Case, options: Any) -> list[dict[str, Any]]:
    """Return the rows of a case: milliseconds with one thread, and what all of them are worth."""
    calls, before = case.prepare(), fm.get_num_threads()
    ways = [(what, n) for what in calls for n in (1, options.threads)]
    runners = [timed(calls[what], n) for what, n in ways]
    try:
        timings = harness.in_turns(runners, sample=options.seconds, samples=options.repeats)
    finally:
        fm.set_num_threads(before)
    seconds = {way: timing.median for way, timing in zip(ways, timings, strict=True)}
    rows = []
    for what in calls:
        one, most = (seconds[what, n] for n in (1, options.threads))
        floor = f"≥ {LEAST_SPEEDUP}×" if what.endswith("at once") else ""
        name = f"{case.name}, {case.members} members: {what}"
        rows.append(row(f"{name}, 1 thread", 1e3 * one, "ms", ""))
        rows.append(row(f"{name}, {options.threads} threads against 1", one / most, "×", floor))
    return rows


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp",))
    known = [case.name for case in CASES]
    parser.add_argument("--cases", type=contest.names(known), default=tuple(known))
    options = contest.parse(parser, arguments)
    rows = [r for case in CASES if case.name in options.cases for r in measure(case, options)]
    document = contest.finish(options, "members", {"rows": rows})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
