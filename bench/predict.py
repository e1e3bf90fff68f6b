"""Microseconds of a prediction from Python, of fastmlp and its peers: ``python -m bench.predict``.

What is timed is the statement that a user would write, NumPy arrays in and out. Before anything is
timed, every contender's answer is compared with that of NumPy in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from bench import contest, report
from bench.contest import Contest, Entry
from bench.networks import NETWORKS, Problem
from bench.peers import numpy as reference
from bench.worker import WorkerError

# Network and rows: one small prediction in a loop, and a batch that is all arithmetic.
CASES = {"one": ("tiny", 1), "batch": ("digits", 1024)}
TOLERANCE = {"float32": 1e-5, "float64": 1e-13}


def expected(name: str, rows: int, dtype: str) -> Any:
    """Return the answer, computed in float64 from the very weights and inputs of the type."""
    problem = Problem(NETWORKS[name], dtype)
    weights = [w.astype(np.float64) for w in problem.weights]
    X = problem.X[:rows].astype(np.float64)
    (logits,), _ = reference.forward(problem.network, weights, (X,))
    return reference.softmax(logits) if problem.network.classes else logits


def compete(case: str, options: Any) -> dict[str, Any]:
    """Check and measure all contenders on one case."""
    name, rows = CASES[case]
    answer = expected(name, rows, options.dtype)

    with Contest(options.contenders, "prediction", options.threads, options.isa) as rivals:

        def prepare(entry: Entry) -> None:
            worker = entry.worker
            arguments = entry.contender, entry.way, NETWORKS[name], options.dtype, rows
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
            "network": name,
            "dtype": options.dtype,
            "rows": rows,
            "entries": [entry.record() for entry in rivals.entries],
        }


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0])
    parser.add_argument("--cases", type=contest.names(CASES), default=tuple(CASES))
    parser.add_argument("--dtype", choices=tuple(TOLERANCE), default="float32")
    parser.add_argument("--isa", help="hold fastmlp to this instruction set")
    options = contest.parse(parser, arguments)
    results = [compete(case, options) for case in options.cases]
    document = contest.finish(options, "predict", {"results": results})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
