"""The least time a training step could take on this machine: ``python -m bench.bounds``.

It is the sum of what no step does without: its products, each in the least time that anyone here
needs for it alone; tanh likewise; and Adam's reading and writing of 28 bytes a parameter at the
bandwidth of this machine. The steps of the peers, measured too, divided by that time are the
largest ratios that the same arithmetic could show, with the products there are. A floor above such
a bound is out of reach; one below it that is not met is fastmlp's own shortfall.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench import contest, report, train_step
from bench.networks import NETWORKS, Network
from bench.parts import Stream, parts_of

# Rows of a larger batch may go through all layers piece by piece, which then stay in the caches.
MOST_ROWS, PIECE = 1024, 500
# Adam reads w, m, v and the gradient and writes w, m and v.
UPDATE_NUMBERS = 7
DTYPE = "float32"


def steps_of(network: Network, options: argparse.Namespace) -> dict[str, Any]:
    """Measure the steps of fastmlp and of those against whom the network has floors."""
    rivals = [name for name in options.contenders if name in {"fastmlp", *network.floors}]
    chosen = argparse.Namespace(**vars(options) | {"contenders": rivals})
    return train_step.compete(network, DTYPE, train_step.Reference(network), chosen)


def measure_parts(network: Network, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure each part of a step, on all rows and, of many, on pieces of them.

    A result has ``times``, how many such parts make up the step's.
    """
    sizes = [network.batch, PIECE] if network.batch > MOST_ROWS else [network.batch]
    wanted = [(network.batch / rows, part) for rows in sizes for part in parts_of(network, rows)]
    results = []
    for kind in dict.fromkeys(part.KIND for _, part in wanted):
        same = ((times, part) for times, part in wanted if kind == part.KIND)
        times, parts = zip(*same, strict=True)
        found = contest.compare(parts, DTYPE, options, options.isa)
        results += [
            {"kind": kind, "times": n, **each} for n, each in zip(times, found, strict=True)
        ]
    return results


def least(parts: Sequence[dict[str, Any]], kind: str, contenders: Sequence[str]) -> float:
    """Return the seconds of all parts of a kind, each by the fastest of these contenders."""
    best: dict[str, float] = {}
    for result in parts:
        if result["kind"] != kind:
            continue
        name, times = result["part"], result["times"]
        medians = [e["median"] for e in result["entries"] if e["contender"] in contenders]
        best[name] = min(best.get(name, np.inf), times * min(medians))
    return sum(best.values())


def bound(network: Network, options: argparse.Namespace) -> dict[str, Any]:
    """Return the least seconds of a step of a network, and of what they are made."""
    parts = measure_parts(network, options)
    stream = Stream(network.parameters)
    (streamed,) = contest.compare([stream], DTYPE, options, options.isa)
    bandwidth = stream.bytes(DTYPE) / min(entry["median"] for entry in streamed["entries"])
    update = UPDATE_NUMBERS * np.dtype(DTYPE).itemsize * network.parameters / bandwidth
    everyone, own = options.contenders, ["fastmlp"]
    return {
        "least": least(parts, "product", everyone) + least(parts, "tanh", everyone) + update,
        "products": least(parts, "product", everyone),
        "own products": least(parts, "product", own),
        "tanh": least(parts, "tanh", everyone),
        "own tanh": least(parts, "tanh", own),
        "update": update,
        "bandwidth": bandwidth,
        "parts": parts,
        "stream": streamed,
    }


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its tables, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp", "jax", "pytorch", "numpy"))
    parser.add_argument("--networks", type=contest.names(NETWORKS), default=tuple(NETWORKS))
    parser.add_argument("--isa", help="hold fastmlp and the peak to this instruction set")
    parser.add_argument(
        "--steps", type=Path, help="a result of bench.train_step, instead of measuring steps again"
    )
    options = contest.parse(parser, arguments)
    if "fastmlp" not in options.contenders:
        parser.error("--contenders: expected fastmlp among them, whose step the bounds are for")
    steps = {}
    if options.steps:
        found = json.loads(options.steps.read_text())["results"]
        steps = {result["network"]: result for result in found if result["dtype"] == DTYPE}
    results = []
    for name in options.networks:
        contest.note(f"{NETWORKS[name]} …")
        result = steps.get(name) or steps_of(NETWORKS[name], options)
        results.append({**result, "bound": bound(NETWORKS[name], options)})
    document = contest.finish(options, "bounds", {"results": results})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
