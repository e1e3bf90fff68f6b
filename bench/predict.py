"""Microseconds of a prediction from Python, of fastmlp and its peers: ``python -m bench.predict``.

What is timed is the statement that a user would write, NumPy arrays in and out. Before anything is
timed, every contender is compared with NumPy in float64. ``--rows 1,16,64`` measures five networks
with each of these numbers of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench import contest, report
from bench.contest import Contest, Entry
from bench.networks import NETWORKS, Network, Problem
from bench.peers import numpy as reference
from bench.worker import WorkerError

# Network and rows: one small prediction in a loop, and a batch that is all arithmetic.
CASES = {"one": ("tiny", 1), "batch": ("digits", 1024)}
DEEP = Network("deep", (64,) * 9 + (10,), "relu", "cross_entropy", 256, 1)
# Of any number of rows: the largest widths, and so many small layers that each is soon done.
GRID = {name: NETWORKS[name] for name in ("tiny", "tabular", "digits", "wide")} | {"deep": DEEP}
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}
# What no prediction of the grid may fall below, and what their geometric mean has to reach.
LEAST, MEAN = 1.0, 3.0


def with_rows(network: Network, rows: int) -> Network:
    """Return the network with data of at least so many rows."""
    return replace(network, batches=max(network.batches, -(-rows // network.batch)))


def expected(network: Network, rows: int, dtype: str) -> Any:
    """Return the answer, computed in float64 from the very weights and inputs of the type."""
    problem = Problem(network, dtype)
    weights = [w.astype(np.float64) for w in problem.weights]
    X = problem.X[:rows].astype(np.float64)
    (logits,), _ = reference.forward(problem.network, weights, (X,))
    return reference.softmax(logits) if problem.network.classes else logits


def compete(case: str, network: Network, rows: int, options: Any) -> dict[str, Any]:
    """Check and measure all contenders on one case."""
    network = with_rows(network, rows)
    answer = expected(network, rows, options.dtype)

    with Contest(options.contenders, "prediction", options.threads, options.isa) as rivals:

        def prepare(entry: Entry) -> None:
            worker = entry.worker
            arguments = entry.contender, entry.way, network, options.dtype, rows
            worker.call("open", "prediction", *arguments)
            statement, result = worker.call("result")
            error = float(np.abs(np.asarray(result, np.float64) - answer).max())
            entry.facts |= {"statement": statement, "error": error}
            if not (result.shape == answer.shape and error <= TOLERANCE[options.dtype]):
                raise WorkerError(f"its results differ by {error:.1e}")
            contest.calibrate(entry, options.seconds)

        rivals.each(prepare)
        contest.in_turns(rivals.entries, options.repeats, 1)
        return {
            "case": case,
            "network": str(network),
            "row_flops": network.forward_flops,
            "dtype": options.dtype,
            "rows": rows,
            "entries": [entry.record() for entry in rivals.entries],
        }


def numbers(text: str) -> tuple[int, ...]:
    """Read numbers of rows with commas between them."""
    return tuple(map(contest.positive(int), text.split(",")))


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0])
    parser.add_argument("--cases", type=contest.names(CASES), default=tuple(CASES))
    parser.add_argument("--rows", type=numbers, metavar="1,16,…", help="measure the grid instead")
    parser.add_argument("--networks", type=contest.names(GRID), default=tuple(GRID))
    parser.add_argument("--dtype", choices=tuple(TOLERANCE), default="float32")
    parser.add_argument("--isa", help="hold fastmlp to this instruction set")
    options = contest.parse(parser, arguments)
    if options.rows:
        cases = [("grid", GRID[name], rows) for name in options.networks for rows in options.rows]
    else:
        cases = [(case, NETWORKS[CASES[case][0]], CASES[case][1]) for case in options.cases]
    results = []
    for case, network, rows in cases:
        contest.note(f"{network}, {rows} rows …")
        results.append(compete(case, network, rows, options))
    found = {"results": results, "least": LEAST, "mean": MEAN}
    document = contest.finish(options, "predict", found)
    report.show(document)
    return document


if __name__ == "__main__":
    main()
