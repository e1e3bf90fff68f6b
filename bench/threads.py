"""What a second core is worth, and what a neighbour costs: ``python -m bench.threads``.

A training step with 1, 2, … threads in turns; then two trainings at once, each with all threads
allowed, in two processes and in two Python threads of one process, against the same training alone.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Any

from bench import contest, machine, report
from bench.contest import Entry
from bench.networks import NETWORKS
from bench.worker import Worker

# From digits on, all threads must be worth this much on two cores; the others must not lose.
LEAST_SPEEDUP = {"digits": 1.85, "wide": 1.85, "large": 1.85}
# On two cores, how much longer two trainings at once may take than one alone.
MOST_TOGETHER = 2.2


class Pair:
    """Two workers with the same training, and one with two such in its own threads."""

    def __init__(self, name: str, threads: int, seconds: float) -> None:
        self.workers = [Worker(threads), Worker(threads), Worker(threads)]
        self._first, self._second, self._both = self.workers
        for worker in self.workers[:2]:
            worker.call("open", "training", "fastmlp", "fit", NETWORKS[name], "float32")
        self._both.call("open", "side by side", NETWORKS[name], "float32")
        epochs = calibrated(self._first, seconds)
        for worker in self.workers:
            worker.call("stage", epochs)
            worker.call("run")

    def alone(self) -> float:
        """Return the seconds of one training."""
        time.sleep(contest.PAUSE)
        return float(self._first.call("run"))

    def two_processes(self) -> float:
        """Return the seconds of the slower one of two trainings begun together."""
        time.sleep(contest.PAUSE)
        for worker in (self._first, self._second):
            worker.begin("run")
        return max(worker.end() for worker in (self._first, self._second))

    def two_threads(self) -> float:
        """Return the seconds of the slower one of two trainings in threads of one process."""
        time.sleep(contest.PAUSE)
        return float(self._both.call("run"))

    def close(self) -> None:
        """End the processes."""
        for worker in self.workers:
            worker.close()


def calibrated(worker: Worker, seconds: float) -> int:
    """Return how many epochs a worker trains in about so many seconds, at least 1."""
    entry = Entry("fastmlp", "fit", worker)
    contest.calibrate(entry, seconds)
    return entry.count


def scaling(name: str, counts: Sequence[int], options: Any) -> dict[str, Any]:
    """Measure the steps of a network with each number of threads allowed."""
    network = NETWORKS[name]
    workers = [Worker(machine.cores(), {"FASTMLP_NUM_THREADS": str(n)}) for n in counts]
    try:
        entries = [Entry("fastmlp", f"{n}", w) for n, w in zip(counts, workers, strict=True)]
        for entry in entries:
            entry.worker.call("open", "training", "fastmlp", "fit", network, "float32")
            contest.calibrate(entry, options.seconds)
        contest.in_turns(entries, options.repeats, network.batches)
    finally:
        for worker in workers:
            worker.close()
    seconds = {entry.way: entry.timing.median for entry in entries}
    speedup = entries[0].timing.median / entries[-1].timing.median
    samples = {entry.way: entry.samples for entry in entries}
    return {
        "network": name,
        "seconds": seconds,
        "speedup": speedup,
        "floor": LEAST_SPEEDUP.get(name, 1.0),
        "samples": samples,
    }


def together(name: str, options: Any) -> list[dict[str, Any]]:
    """Measure two trainings at once against one alone."""
    pair = Pair(name, options.threads, options.seconds)
    kinds = {"processes": pair.two_processes, "Python threads": pair.two_threads}
    alone: list[float] = []
    spent: dict[str, list[float]] = {kind: [] for kind in kinds}
    try:
        for _ in range(options.repeats):
            alone.append(pair.alone())
            for kind, measure in kinds.items():
                spent[kind].append(measure())
    finally:
        pair.close()
    return [
        {
            "network": name,
            "kind": f"two {kind}",
            "alone": statistics.median(alone),
            "together": statistics.median(spent[kind]),
            "ceiling": MOST_TOGETHER,
            "samples": {"alone": alone, "together": spent[kind]},
        }
        for kind in kinds
    ]


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its tables, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp",))
    parser.add_argument("--networks", type=contest.names(NETWORKS), default=tuple(NETWORKS))
    options = contest.parse(parser, arguments)
    counts = sorted({1, *range(2, options.threads + 1)})
    scaled = [scaling(name, counts, options) for name in options.networks]
    sides = [row for name in options.networks for row in together(name, options)]
    document = contest.finish(options, "threads", {"scaling": scaled, "together": sides})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
