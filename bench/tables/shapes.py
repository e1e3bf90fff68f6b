"""The table of the networks that are drawn at random."""

from __future__ import annotations

import statistics

from bench.peers import peer
from bench.tables.cells import Document, best, figures, present, table, time_cell


def shapes(document: Document) -> str:
    """Return the table of bench.shapes and, of each peer, the mean and the least of its ratios."""
    results = document["results"]
    contenders = present(results)
    ratios: dict[str, list[float]] = {name: [] for name in contenders if name != "fastmlp"}
    rows = []
    for result in results:
        chosen = best(result["entries"])
        own = chosen.get("fastmlp")
        cells = [result["number"], result["network"], f"{result['batch']:,}", result["parts"]]
        cells += [time_cell(chosen.get(name), own) for name in contenders]
        rows.append([*cells, figures(own["flops"] / 1e9) if own else "–"])
        for name, found in ratios.items():
            if own and name in chosen:
                found.append(chosen[name]["median"] / own["median"])
    titles = [peer(name).TITLE for name in contenders]
    said = [verdict(document, name, found) for name, found in ratios.items() if found]
    return "\n\n".join(
        (
            "µs a training step (times as long as fastmlp's)",
            table(["", "network", "batch", "with", *titles, "GFLOP/s"], rows),
            *said,
        )
    )


def verdict(document: Document, name: str, ratios: list[float]) -> str:
    """Return the geometric mean and the least of the ratios to a peer, beside what is asked."""
    mean, least = statistics.geometric_mean(ratios), min(ratios)
    said = f"{peer(name).TITLE}: geometric mean {mean:.2f}×, least {least:.2f}×"
    floor = document["floors"].get(name)
    if floor is None:
        return f"{said}."
    met = "met" if mean >= floor and least >= document["least"] else "MISSED"
    return f"{said}; {met} ≥ {floor:g}× and ≥ {document['least']:g}×."
