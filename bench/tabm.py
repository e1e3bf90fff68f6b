"""Milliseconds of a step of TabM, of fastmlp and PyTorch: ``python -m bench.tabm``.

PyTorch runs the module of the package tabm, as it stands and compiled; the faster counts. Before
anything is timed, each trains a few steps, and its weights are compared with those of NumPy in
float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib import util
from typing import Any

import numpy as np

from bench import contest, copies, report
from bench.contest import Entry
from bench.memory import row
from bench.worker import Worker, WorkerError

# Of PyTorch's time.
MOST_PERCENT = 60
CHECK_STEPS = 3
# How far the weights may be from the reference after these steps, in parts of the way they went:
# rounding decides which arguments of relu pass, see `bench.train_step`.
TOLERANCE = 0.05
TITLES = {"fastmlp": "fastmlp", "pytorch": "PyTorch"}


def entries(contenders: Sequence[str], threads: int) -> list[Entry]:
    """Return those that are installed, each in a process of its own."""
    found = []
    for name in contenders:
        if name == "pytorch" and not util.find_spec("tabm"):
            contest.note("pytorch: skipped, tabm is not installed")
            continue
        found += [Entry(name, way, Worker(threads), threads) for way in copies.WAYS[name]]
    return found


def check(entry: Entry, size: copies.Size, expected: Sequence[Any]) -> None:
    """Let an entry train a short epoch; WorkerError if it comes out elsewhere."""
    worker = entry.worker
    worker.call("open", "copies", entry.contender, entry.way, size)
    worker.call("stage", 1)
    worker.call("run")
    found, begun = worker.call("result"), copies.Problem(size).weights
    distance = norm(found, expected) / norm(begun, expected)
    entry.facts |= {"weights_error": distance}
    if not distance <= TOLERANCE:
        raise WorkerError(f"its weights differ by {distance:.1e} of their way")


def norm(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Return the distance of two lists of arrays."""
    return float(np.sqrt(sum(((x - y) ** 2).sum() for x, y in zip(a, b, strict=True))))


def measure(size: copies.Size, options: Any) -> list[dict[str, Any]]:
    """Return the rows of one size."""
    few = replace(size, batches=CHECK_STEPS)
    expected = copies.trained(copies.Problem(few))
    rivals = entries(options.contenders, options.threads)
    rows: list[dict[str, Any]] = []

    def prepare(entry: Entry) -> None:
        check(entry, few, expected)
        entry.worker.call("open", "copies", entry.contender, entry.way, size)
        contest.calibrate(entry, options.seconds)

    try:
        usable = contest.usable(rivals, prepare)
        contest.in_turns(usable, options.repeats, size.batches)
    finally:
        for entry in rivals:
            entry.worker.close()
    best: dict[str, float] = {}
    for entry in usable:
        seconds, name = entry.timing.median, f"{TITLES[entry.contender]}, {entry.way}"
        rows.append(row(f"{size}: {name}", 1e3 * seconds, "ms"))
        if entry.contender == "fastmlp":
            rate = size.step_flops / seconds / 1e9
            rows.append(row(f"{size}: {name}, products alone counted", rate, "GFLOP/s"))
        best[entry.contender] = min(seconds, best.get(entry.contender, seconds))
    if len(best) == 2:
        share = 100 * best["fastmlp"] / best["pytorch"]
        floor = f"≤ {MOST_PERCENT} %"
        rows.append(row(f"{size}: fastmlp, of PyTorch's faster way", share, "%", floor))
    return rows


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], tuple(copies.WAYS))
    parser.add_argument("--sizes", type=contest.names(copies.SIZES), default=("small", "tabm"))
    options = contest.parse(parser, arguments)
    rows = [r for name in options.sizes for r in measure(copies.SIZES[name], options)]
    document = contest.finish(options, "tabm", {"rows": rows})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
