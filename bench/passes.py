"""Passes over memory of activations and normalizations, beyond relu's: ``python -m bench.passes``.

What a layer's function costs in a step beside its products: forward and its message, the gradients
of scale and offset among them, as a plan runs them on one core, less the same of relu. A pass is
the time in which y = −x reads one matrix and writes another of its size. Matrices lie in memory or
in caches, where a pass is short and arithmetic counts; what a call with one row takes is deducted.
All are compared with the reference before they are timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bench import contest, harness, report
from bench.memory import row
from bench.networks import NORM_EPSILON
from bench.parts import Array, aligned
from fastmlp import _core
from fastmlp import graph as g
from fastmlp.planner import plan

COLUMNS = 256
# Bytes of a matrix.
SIZES = {"in memory": 16 << 20, "in caches": 128 << 10}
CHECKED_ROWS = 64
TOLERANCE = {"float32": 1e-4, "float64": 1e-11}
ASKED = dict.fromkeys(("GELU", "softplus", "LayerNorm"), "≤ 1.5 passes")

Made = tuple[g.Node, list[g.Node]]  # of x, and the parameters it has


def normalized(axis: int, *, centered: bool = True) -> Callable[[g.Node], Made]:
    """Return the maker of a normalization with scale and offset."""

    def make(x: g.Node) -> Made:
        scale, offset = (g.parameter(np.full((1, COLUMNS), value)) for value in (1.25, 0.5))
        return g.normalize(x, axis, NORM_EPSILON, centered) * scale + offset, [scale, offset]

    return make


FUNCTIONS: dict[str, Callable[[g.Node], Made]] = {
    "relu": lambda x: (g.relu(x), []),
    "GELU": lambda x: (g.gelu(x), []),
    "softplus": lambda x: (g.softplus(x), []),
    "SiLU": lambda x: (g.silu(x), []),
    "LayerNorm": normalized(1),
    "RMSNorm": normalized(1, centered=False),
    "BatchNorm": normalized(0),
}


class Case:
    """One function on matrices of so many rows: what it becomes, and its gradients."""

    def __init__(self, make: Callable[[g.Node], Made] | None, rows: int, dtype: str) -> None:
        x, bar = g.input(COLUMNS, "x"), g.input(COLUMNS, "bar")
        rng = np.random.default_rng(0)
        self.feeds = {x: aligned(rng.standard_normal((rows, COLUMNS)), dtype)}
        if make is None:  # a pass
            self.outputs = [-x]
        else:
            y, trained = make(x)
            self.outputs = [y, *g.gradient(g.sum(y * bar), [x, *trained])]
            self.feeds[bar] = aligned(rng.standard_normal((rows, COLUMNS)), dtype)
        # Moments of one more column: no plan cuts the batch into lanes, which stay in caches.
        whole = g.input(1, "whole")
        self.outputs.append(g.normalize(whole, 0, NORM_EPSILON))
        self.feeds[whole] = aligned(rng.standard_normal((rows, 1)), dtype)
        self._plan = plan(self.outputs, dtype=dtype)
        self._out: list[Array] = [aligned(a, dtype) for a in self._plan.run(self.feeds)]

    def check(self, dtype: str) -> None:
        """Compare with the reference, in float64."""
        feeds = {node: value.astype(float) for node, value in self.feeds.items()}
        found = self._plan.run(self.feeds, out=self._out)
        for given, expected in zip(found, g.reference.evaluate(self.outputs, feeds), strict=True):
            error = np.abs(given - expected).max() / np.abs(expected).max()
            assert error <= TOLERANCE[dtype], f"differs from the reference by {error:.1e}"

    def run(self, times: int) -> float:
        """Return the seconds that so many runs take."""
        start = time.perf_counter()
        for _ in range(times):
            self._plan.run(self.feeds, out=self._out)
        return time.perf_counter() - start


def measure(where: str, dtype: str, options: Any) -> list[dict[str, Any]]:
    """Check and time all functions on matrices of one size."""
    for make in FUNCTIONS.values():
        Case(make, CHECKED_ROWS, dtype).check(dtype)
    size = COLUMNS * np.dtype(dtype).itemsize
    rows = SIZES[where] // size
    makers = {"a pass": None, **FUNCTIONS}
    cases = [Case(make, n, dtype) for make in makers.values() for n in (rows, 1)]
    timings = harness.in_turns(
        [case.run for case in cases], sample=options.seconds, samples=options.repeats
    )
    spent = [timing.median for timing in timings]
    # What a call takes with one row, it takes with all.
    each = dict(
        zip(makers, (a - b for a, b in zip(spent[::2], spent[1::2], strict=True)), strict=True)
    )
    one, relu = each["a pass"], each["relu"]
    found = [row(f"a pass, {dtype}, {rows:,} rows {where}", 1e6 * one, "µs")]
    found.append(row(f"relu, {dtype}, {where}", relu / one, "passes"))
    for name in list(FUNCTIONS)[1:]:
        asked = ASKED.get(name, "") if where == "in memory" else ""
        more = (each[name] - relu) / one
        found.append(row(f"{name} beyond relu, {dtype}, {where}", more, "passes", asked))
    return found


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp",))
    parser.set_defaults(repeats=15, seconds=0.02, threads=1)
    parser.add_argument("--dtype", type=contest.names(TOLERANCE), default=tuple(TOLERANCE))
    parser.add_argument("--where", type=contest.names(SIZES), default=tuple(SIZES))
    options = contest.parse(parser, arguments)
    before = _core.get_num_threads()
    _core.set_num_threads(options.threads)
    try:
        found = [
            r for dtype in options.dtype for w in options.where for r in measure(w, dtype, options)
        ]
    finally:
        _core.set_num_threads(before)
    document = contest.finish(options, "passes", {"rows": found})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
