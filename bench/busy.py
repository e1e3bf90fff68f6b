"""What busy neighbours cost: ``python -m bench.busy``.

Calls of growing size with one thread and with all threads allowed, in turns, while 0, 1, 2 and 4
other processes keep a core busy each. Neighbours take their cores for milliseconds at a time, so
that the mean of many calls counts, not their median.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import fastmlp as fm
from bench import contest, report

NEIGHBOURS = (0, 1, 2, 4)
# How much longer than with one thread a call may take.
MOST_RATIO = 2.0
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Case:
    """A call on so many rows: predict, fit for one epoch, or partial_fit of an estimator."""

    call: str
    sizes: tuple[int, ...]
    rows: int
    batch: int | None = None  # None: all rows

    def __str__(self) -> str:
        batch = f" in batches of {self.batch}" if self.batch else ""
        return f"{self.call}, {self.rows:,} rows{batch}, {'-'.join(map(str, self.sizes))}"

    def prepare(self, dtype: str) -> Callable[[], object]:
        """Return the call, after a first one."""
        rng = np.random.default_rng(0)
        X = rng.random((self.rows, self.sizes[0])).astype(dtype)
        T = rng.random((self.rows, self.sizes[-1])).astype(dtype)
        if self.call == "partial_fit":
            estimator = fm.MLPRegressor(
                hidden_layer_sizes=self.sizes[1:-1], dtype=dtype, random_state=0
            )
            return warm(lambda: estimator.partial_fit(X, T))
        model = fm.MLP(self.sizes, activation="relu", seed=0, dtype=dtype)
        if self.call == "predict":
            return warm(lambda: model.predict(X))
        optimizer = fm.Adam(3e-4)
        return warm(
            lambda: model.fit(
                X, T, optimizer=optimizer, epochs=1, batch_size=self.batch, verbose=False
            )
        )


def warm(call: Callable[[], object]) -> Callable[[], object]:
    """Make the call once, and return it."""
    call()
    return call


CASES = (
    Case("predict", (4, 32, 32, 3), 32),
    Case("fit", (4, 32, 32, 3), 32),
    Case("predict", (4, 128, 128, 2), 128),
    Case("fit", (4, 128, 128, 2), 128),
    Case("partial_fit", (4, 128, 128, 2), 128),
    Case("predict", (64, 300, 10), 256),
    Case("fit", (64, 300, 10), 256),
    Case("predict", (64, 300, 10), 1024),
    Case("fit", (64, 300, 10), 1024),
    Case("fit", (54, 128, 64, 7), 10_240, 256),
    Case("predict", (784, 256, 128, 10), 1024),
    Case("fit", (784, 256, 128, 10), 128),
    Case("fit", (784, 256, 128, 10), 5120, 128),
    Case("predict", (784, 1024, 1024, 10), 256),
    Case("fit", (784, 1024, 1024, 10), 256),
    Case("fit", (784, 1024, 1024, 10), 2560, 256),
)


@contextlib.contextmanager
def neighbours(count: int) -> Iterator[None]:
    """Keep so many other processes busy."""
    busy = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    others = [subprocess.Popen(busy, stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for other in others:
            assert other.stdout is not None
            other.stdout.readline()  # it runs
        yield
    finally:
        for other in others:
            other.kill()
            other.communicate()


def calls_in(call: Callable[[], object], seconds: float) -> tuple[float, int]:
    """Call for so many seconds, at least once; return the seconds that took and the calls."""
    start, calls = time.perf_counter(), 0
    while True:
        call()
        calls += 1
        spent = time.perf_counter() - start
        if spent > seconds:
            return spent, calls


def measure(case: Case, dtype: str, options: argparse.Namespace) -> dict[str, Any]:
    """Return the mean seconds of a call with one thread and with all, among these neighbours."""
    call = case.prepare(dtype)
    counts = (1, options.threads)
    totals = {count: np.zeros(2) for count in counts}
    before = fm.get_num_threads()
    try:
        for _ in range(options.repeats):
            for count in counts:
                fm.set_num_threads(count)
                totals[count] += calls_in(call, options.seconds)
    finally:
        fm.set_num_threads(before)
    one, most = (float(spent / calls) for spent, calls in totals.values())
    return {"one": one, "most": most, "ratio": most / one}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp",))
    parser.add_argument("--dtypes", type=contest.names(DTYPES), default=DTYPES)
    parser.add_argument("--calls", type=contest.names(("predict", "fit", "partial_fit")))
    options = contest.parse(parser, arguments)
    if options.threads < 2:
        parser.error("--threads must be at least 2: they are compared with one")
    cases = [
        {"call": str(case), "dtype": dtype, "case": case, "neighbours": {}}
        for dtype in options.dtypes
        for case in CASES
        if not options.calls or case.call in options.calls
    ]
    for count in NEIGHBOURS:
        with neighbours(count):
            for row in cases:
                row["neighbours"][str(count)] = measure(row["case"], row["dtype"], options)
    results = [{key: row[key] for key in ("call", "dtype", "neighbours")} for row in cases]
    document = contest.finish(options, "busy", {"results": results, "ceiling": MOST_RATIO})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
