"""Milliseconds of planning, before the first step of a network: ``python -m bench.planning``.

From a loss to a program the core runs: its gradient, the steps of both, fewer of them, places in
memory, the core's checks. It is done once for a network, whatever the number of rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from bench import contest, harness, report
from fastmlp import Adam
from fastmlp import graph as g
from fastmlp.planner import plan_training
from fastmlp.planner.parameters import Parameters


def layered(*widths: int) -> g.Node:
    """Return the loss of a multilayer perceptron with relu."""
    h = g.input(widths[0], "x")
    for i, (m, n) in enumerate(pairwise(widths)):
        h = g.affine(g.relu(h) if i else h, parameter(n, m), parameter(1, n))
    return g.mean((h - g.input(widths[-1], "t")) ** 2)


def heads(n: int) -> g.Node:
    """Return the sum of the losses of n outputs of one hidden layer."""
    h = g.relu(g.affine(g.input(8, "x"), parameter(8, 8), parameter(1, 8)))
    t = g.input(2, "t")
    loss: g.Node = g.constant(0.0)
    for _ in range(n):
        loss = loss + g.mean((g.affine(h, parameter(2, 8), parameter(1, 2)) - t) ** 2)
    return loss


def parameter(rows: int, columns: int) -> g.Node:
    """Return a parameter of ones."""
    return g.parameter(np.ones((rows, columns)))


CASES: dict[str, tuple[Callable[[], g.Node], str]] = {
    "[10, 8, 1]": (lambda: layered(10, 8, 1), "1 ms"),
    "[10, 8, 8, 1]": (lambda: layered(10, 8, 8, 1), ""),
    "64 hidden layers": (lambda: layered(*[8] * 66), ""),
    "256 hidden layers": (lambda: layered(*[8] * 258), "300 ms"),
    "64 heads": (lambda: heads(64), ""),
    "256 heads": (lambda: heads(256), ""),
}


def measured(loss: g.Node, options: Any) -> tuple[harness.Timing, int]:
    """Return how long planning takes, and how many steps the program has."""
    parameters = Parameters([v for v in g.topological_order(loss) if v.op == "parameter"])

    def run(times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            plan_training(loss, parameters, Adam())
        return time.perf_counter() - start

    (timing,) = harness.in_turns([run], sample=options.seconds, samples=options.repeats)
    return timing, len(plan_training(loss, parameters, Adam()).steps.steps)


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp",))
    options = contest.parse(parser, arguments)
    results = []
    for name, (build, floor) in CASES.items():
        timing, steps = measured(build(), options)
        result = {"what": name, "seconds": timing.median, "spread": timing.spread}
        results.append({**result, "steps": steps, "floor": floor})
    document = contest.finish(options, "planning", {"results": results})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
