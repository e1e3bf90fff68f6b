"""The table of the networks that are drawn at random."""

from __future__ import annotations

import statistics

from bench.peers import peer
from bench.tables.cells import Document, best, figures, present, table, time_cell


def shapes(document: Document) -> str:
    """Return the table of bench.shapes and, of each peer, the mean and the least of its ratios."""
    results = document["results"]
    contenders = present(results)
    rows = []
    for result in results:
        chosen = best(result["entries"])
        own = chosen.get("fastmlp")
        cells = [result["number"], result["network"], f"{result['batch']:,}", result["parts"]]
        cells += [time_cell(chosen.get(name), own) for name in contenders]
        rows.append([*cells, figures(own["flops"] / 1e9) if own else "–"])
    titles = [peer(name).TITLE for name in contenders]
    said = [verdict(name, found) for name, found in ratios_of(results).items()]
    return "\n\n".join(
        (
            "µs a training step (times as long as fastmlp's)",
            table(["", "network", "batch", "with", *titles, "GFLOP/s"], rows),
            *said,
        )
    )


def verdict(name: str, ratios: list[float]) -> str:
    """Return the geometric mean and the least of the ratios to a peer."""
    mean, least = statistics.geometric_mean(ratios), min(ratios)
    return f"{peer(name).TITLE}: geometric mean {mean:.2f}×, least {least:.2f}×."


def ratios_of(results: list[Document]) -> dict[str, list[float]]:
    """Return how many times as long as fastmlp each peer takes in each result."""
    ratios: dict[str, list[float]] = {}
    for result in results:
        chosen = best(result["entries"])
        for name in chosen if "fastmlp" in chosen else ():
            if name != "fastmlp":
                ratio = chosen[name]["median"] / chosen["fastmlp"]["median"]
                ratios.setdefault(name, []).append(ratio)
    return {name: ratios[name] for name in present(results) if name in ratios}
