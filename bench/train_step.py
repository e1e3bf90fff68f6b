"""Microseconds of a training step, of fastmlp and its peers: ``python -m bench.train_step``.

A step is a batch gathered, the gradient of its mean loss, and Adam; `networks.TOOLBOX` has one part
more in each network. Before anything is timed, every
contender trains a few steps from the same weights on the same batches, and the weights and the loss
are compared with those of NumPy in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bench import contest, report
from bench.contest import Contest, Entry
from bench.networks import TRAINED, Network, Problem
from bench.peers import numpy as reference
from bench.worker import Worker, WorkerError

CHECK_STEPS = 10
# How far the weights may be from the reference after these steps, in parts of the way they went
# from where they began, and the loss, in parts of itself. float32 comes within 1e-5 except where
# some z is so near to 0 that rounding decides whether relu lets it pass: then an example counts for
# one and not for the other, and the weights of the wide network differ by 3e-2. float64 knows no
# such excuse: measure with --dtype float64 to compare the methods themselves.
TOLERANCE = {"float32": (0.1, 1e-3), "float64": (1e-10, 1e-12)}
# scikit-learn has ε outside the correction of √v̂, which is another ε for the first steps.
OTHER_EPSILON = {"sklearn": (0.1, 1e-2)}
# What is dropped, everyone draws differently: the first steps of Adam, whose lengths do not depend
# on the gradient's, have the same sign in most places.
OTHER_DRAWS = (0.9, 0.1)


class Reference:
    """What a few steps from the initial weights must lead to."""

    def __init__(self, network: Network, steps: int = CHECK_STEPS) -> None:
        self.network = replace(network, batches=min(network.batches, steps))
        self.epochs = max(1, steps // self.network.batches) if network.batches == 1 else 1
        self._problem = Problem(self.network, "float64")
        training = reference.Training(self._problem)
        training.stage(self.epochs)
        training.run()
        self._weights = training.weights()
        self._loss = self._loss_of(self._weights)
        self._way = self._distance(self._problem.weights)

    def _loss_of(self, weights: Sequence[Any]) -> float:
        problem = self._problem
        exact = [np.asarray(w, np.float64) for w in weights]
        return reference.mean_loss(self.network, exact, problem.inputs, problem.targets)

    def _distance(self, weights: Sequence[Any]) -> float:
        pairs = zip(weights, self._weights, strict=True)
        return float(np.sqrt(sum(((a.astype(np.float64) - b) ** 2).sum() for a, b in pairs)))

    def check(self, entry: Entry, dtype: str) -> None:
        """Let an entry train these steps; WorkerError if it comes out elsewhere."""
        worker = entry.worker
        worker.call("open", "training", entry.contender, entry.way, self.network, dtype)
        worker.call("stage", self.epochs)
        worker.call("run")
        weights = worker.call("result")
        distance = self._distance(weights) / self._way
        error = abs(self._loss_of(weights) / self._loss - 1)
        entry.facts |= {"weights_error": distance, "loss_error": error}
        allowed = OTHER_EPSILON.get(entry.contender, TOLERANCE[dtype])
        if self.network.dropout:
            allowed = OTHER_DRAWS
        if not (distance <= allowed[0] and error <= allowed[1]):
            raise WorkerError(
                f"its results differ: weights by {distance:.1e} of their way, loss by {error:.1e}; "
                f"allowed are {allowed[0]:.0e} and {allowed[1]:.0e}"
            )


def compete(network: Network, dtype: str, expected: Reference, options: Any) -> dict[str, Any]:
    """Check and measure all contenders on one network."""
    with (
        Contest(options.contenders, "training", options.threads, options.isa) as rivals,
        Worker(options.threads, rivals.environment) as one,
        Worker(options.threads, rivals.environment) as all_cores,
    ):
        peaks = [Entry("peak", "one core", one), Entry("peak", "all cores", all_cores)]
        one.call("open", "peak", dtype, 1)
        all_cores.call("open", "peak", dtype, options.threads)

        def prepare(entry: Entry) -> None:
            expected.check(entry, dtype)
            worker = entry.worker
            worker.call("open", "training", entry.contender, entry.way, network, dtype)
            contest.calibrate(entry, options.seconds)

        rivals.each(prepare)
        contest.in_turns(rivals.entries, options.repeats, network.batches, peaks)
        one_core, all_of_them = (peak.timing.median for peak in peaks)
        for entry in rivals.entries:
            entry.facts |= {"flops": network.step_flops / entry.timing.median}
            entry.facts |= {"steps": entry.count * network.batches}
        return {
            "network": network.name,
            "dtype": dtype,
            "isa": one.call("result"),
            "batch": network.batch,
            "step_flops": network.step_flops,
            "peak": {"one core": one_core, "all cores": all_of_them},
            "entries": [entry.record() for entry in rivals.entries],
        }


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    kinds = [name for name in contest.CONTENDERS if name != "onnxruntime"]
    parser = contest.parser(__doc__.splitlines()[0], kinds)
    parser.add_argument("--networks", type=contest.names(TRAINED), default=tuple(TRAINED))
    parser.add_argument(
        "--dtype",
        type=contest.names(TOLERANCE),
        default=("float32",),
        help="float32, float64, or both with a comma: the table then has their ratio",
    )
    parser.add_argument("--isa", help="hold fastmlp and the peak to this instruction set")
    options = contest.parse(parser, arguments)
    results = []
    for name in options.networks:
        expected = Reference(TRAINED[name])
        for dtype in options.dtype:
            contest.note(f"{TRAINED[name]}, {dtype} …")
            results.append(compete(TRAINED[name], dtype, expected, options))
    document = contest.finish(options, "train_step", {"results": results})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
