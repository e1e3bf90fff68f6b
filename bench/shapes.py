"""Microseconds of a training step of random networks: ``python -m bench.shapes``.

Where a lead is thin tells more than where it is wide: the networks are drawn once for all, of one
to five hidden layers, some 4 to 1,024 units, batches of 8 to 4,096 rows, in both types, with each
of five activations, with Adam and SGD, some with dropout, some with a penalty. All contenders are
checked as by bench.train_step, those with dropout without it. Measure in pieces and put them
together with ``--shapes 1,2,3 --json a.json`` and ``--shapes 4,5,6 --join a.json``. With ``--wait``
everything is compiled and checked first, in processes of each network's own, and measured when a
line comes on the standard input: the machine has to be quiet from then on only.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import contest, machine, report
from bench.contest import HELD, Contest, Entry
from bench.networks import SEED, Network
from bench.train_step import Reference
from bench.worker import WorkerError

COUNT = 24
WIDTHS = (4, 5, 8, 13, 16, 20, 32, 54, 64, 96, 100, 128, 200, 256, 300, 512, 784, 1024)
OUTPUTS = (1, 2, 3, 4, 7, 10, 100)
BATCHES = (8, 16, 32, 64, 100, 128, 200, 256, 500, 1000, 2048, 4096)
ACTIVATIONS = ("relu", "tanh", "logistic", "gelu", "softplus")
# A step of more takes too long to check; epochs of fewer rows are too short.
MOST_FLOPS, ROWS = 4e9, 4096
# The way of each contender that is the fastest, or all but, of every network of bench.train_step.
WAYS = ("fit", "scan", "eager", "arrays")
CHECK_STEPS = 4
# Geometric means to reach by instruction set, and what no ratio may be under.
FLOORS = {
    "avx2": ({"jax": 3.2, "pytorch": 5.5}, 1.25),
    "avx512": ({"jax": 4.2, "pytorch": 7.5}, 1.5),
    "amx": ({"jax": 4.2, "pytorch": 7.5}, 1.5),
}


@dataclass(frozen=True)
class Shape:
    """A network and the type it is trained in."""

    network: Network
    dtype: str

    @property
    def parts(self) -> str:
        """What there is beside the widths."""
        network = self.network
        further = ["dropout"] * bool(network.dropout) + ["L2"] * bool(network.l2)
        return ", ".join([network.activation, network.optimizer, *further, self.dtype])


def shared(rng: np.random.Generator, choices: Sequence[Any]) -> Iterator[Any]:
    """Return `COUNT` of the choices in any order, each as often as any other, or once more."""
    each = -(-COUNT // len(choices))
    return iter([choices[i] for i in rng.permutation(np.tile(np.arange(len(choices)), each))])


def drawn() -> dict[str, Shape]:
    """Return the networks by their numbers."""
    rng = np.random.default_rng(SEED)
    depths, batches = shared(rng, (1, 2, 3, 4, 5)), shared(rng, BATCHES)
    activations, optimizers = shared(rng, ACTIVATIONS), shared(rng, ("adam", "adam", "sgd"))
    rates, penalties = shared(rng, (0.0, 0.0, 0.0, 0.2)), shared(rng, (0.0, 0.0, 1e-4))
    dtypes = shared(rng, ("float32", "float32", "float64"))
    found = {}
    for number in map(str, range(1, COUNT + 1)):
        depth, batch = next(depths), next(batches)
        network = Network(
            number,
            (),
            next(activations),
            "",
            batch,
            max(2, ROWS // batch),
            optimizer=next(optimizers),
            dropout=next(rates),
            l2=next(penalties),
        )
        while True:
            *widths, columns = *rng.choice(WIDTHS, depth + 1), rng.choice(OUTPUTS)
            loss = "cross_entropy" if columns > 1 and rng.random() < 0.5 else "squared_error"
            network = replace(network, widths=(*map(int, widths), int(columns)), loss=loss)
            if network.step_flops <= MOST_FLOPS:
                break
        found[number] = Shape(network, next(dtypes))
    return found


SHAPES = drawn()


def prepared(number: str, rivals: Contest, options: Any) -> list[Entry]:
    """Check all contenders on one network; return the entries of those that are right."""
    shape = SHAPES[number]
    network = shape.network
    expected = Reference(replace(network, dropout=0.0), CHECK_STEPS)

    def prepare(entry: Entry) -> None:
        entry.facts, entry.samples = {}, []
        expected.check(entry, shape.dtype)
        arguments = entry.contender, entry.way, network, shape.dtype
        entry.worker.call("open", "training", *arguments)
        contest.calibrate(entry, options.seconds)

    return contest.usable(rivals.entries, prepare, f" of network {number}")


def measure(number: str, measured: list[Entry], options: Any) -> dict[str, Any]:
    """Measure the entries of one network."""
    shape = SHAPES[number]
    network = shape.network
    contest.in_turns(measured, options.repeats, network.batches)
    for entry in measured:
        if not all(np.isfinite(w).all() for w in entry.worker.call("result")):
            raise WorkerError(
                f"network {number} does not train: {entry.contender}'s weights are NaN"
            )
        entry.facts |= {"flops": network.step_flops / entry.timing.median}
    return {
        "number": number,
        "network": "-".join(map(str, network.widths)),
        "batch": network.batch,
        "parts": shape.parts,
        "entries": [entry.record() for entry in measured],
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    kinds = ("fastmlp", "jax", "pytorch", "numpy")
    parser = contest.parser(__doc__.splitlines()[0], kinds)
    parser.set_defaults(contenders=("fastmlp", "jax", "pytorch"))
    numbers = {"type": contest.names(SHAPES), "default": tuple(SHAPES), "metavar": "1,2,…"}
    parser.add_argument("--shapes", help="networks by their numbers", **numbers)
    parser.add_argument("--isa", choices=tuple(HELD), help="hold everyone to this instruction set")
    parser.add_argument(
        "--join", type=Path, nargs="+", default=[], help="results to put with these"
    )
    parser.add_argument(
        "--wait", action="store_true", help="prepare all, measure after a line of standard input"
    )
    options = contest.parse(parser, arguments)
    results = [r for path in options.join for r in json.loads(path.read_text())["results"]]
    threads, how = options.threads, {"everyone": True, "ways": WAYS}
    with ExitStack() as open_contests:
        rivals, ready = None, {}
        for number in options.shapes:
            if rivals is None or options.wait:
                rivals = Contest(options.contenders, "training", threads, options.isa, **how)
                open_contests.enter_context(rivals)
            contest.note(f"{number}: {SHAPES[number].network.widths}, {SHAPES[number].parts} …")
            ready[number] = prepared(number, rivals, options)
            if not options.wait:
                results.append(measure(number, ready.pop(number), options))
        if options.wait:
            contest.note("ready: a line begins the measurement")
            sys.stdin.readline()
            results += [measure(number, entries, options) for number, entries in ready.items()]
    isa = options.isa or machine.describe()["instruction set"]
    floors, least = FLOORS.get(str(isa), ({}, 0.0))
    results.sort(key=lambda result: int(result["number"]))
    found = {"results": results, "isa": isa, "floors": floors, "least": least}
    options.join = [str(path) for path in options.join]
    document = contest.finish(options, "shapes", found)
    report.show(document)
    return document


if __name__ == "__main__":
    main()
