"""What is asked of results, for those who work on fastmlp: printed, never published."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

from bench.networks import TRAINED
from bench.peers import peer
from bench.tables import reach
from bench.tables.cells import Document, best, table
from bench.tables.shapes import ratios_of

Row = list[str]


def training(document: Document) -> list[Row]:
    """Return the floors of bench.train_step, and which are met."""
    return [
        [*_cells(result["network"], name, floor, reached), "met" if reached >= floor else "MISSED"]
        for result, _, name, floor, reached in _reached(document)
    ]


def bounds(document: Document) -> list[Row]:
    """Return the floors of bench.bounds: met, missed, or out of reach of the least step."""
    rows = []
    for result, chosen, name, floor, reached in _reached(document):
        possible = reach(result, chosen, name, result["bound"]["least"])
        if possible is None:
            continue
        missed = "MISSED" if possible >= floor else "out of reach"
        said = "met" if reached >= floor else missed
        rows.append([*_cells(result["network"], name, floor, reached), said])
    return rows


def _reached(document: Document) -> Iterator[tuple[Document, Document, str, float, float]]:
    """Yield of each floor its result, the fastest entries, whose it is, itself, and what came."""
    for result in document["results"]:
        chosen = best(result["entries"])
        own = chosen.get("fastmlp", {}).get("median")
        for name, floor in TRAINED[result["network"]].floors.items():
            reached = reach(result, chosen, name, own)
            if reached is not None:
                yield result, chosen, name, floor, reached


def _cells(network: str, name: str, floor: float, reached: float) -> Row:
    if name == "peak":
        return [f"{network}, of the FMA peak", f"{reached:.0%}", f"{floor:.0%}"]
    return [f"{network}, against {peer(name).TITLE}", f"{reached:.3g}×", f"{floor:g}×"]


def shapes(document: Document) -> list[Row]:
    """Return what bench.shapes asks of the mean and of the least ratio to a peer."""
    return [
        _ratios(name, ratios, floor, document["least"])
        for name, ratios in ratios_of(document["results"]).items()
        if (floor := document["floors"].get(name)) is not None
    ]


def prediction(document: Document) -> list[Row]:
    """Return what the grid of bench.predict asks of every peer."""
    grid = [result for result in document["results"] if result["case"] == "grid"]
    return [
        _ratios(name, ratios, document["mean"], document["least"])
        for name, ratios in ratios_of(grid).items()
    ]


def _ratios(name: str, ratios: list[float], floor: float, least: float) -> Row:
    mean, reached = statistics.geometric_mean(ratios), min(ratios)
    met = mean >= floor and reached >= least
    measured, asked = f"{mean:.2f}×, {reached:.2f}×", f"≥ {floor:g}×, ≥ {least:g}×"
    what = f"{peer(name).TITLE}, geometric mean and least"
    return [what, measured, asked, "met" if met else "MISSED"]


def threads(document: Document) -> list[Row]:
    """Return what bench.threads asks of more threads, and of two trainings at once."""
    rows = []
    for row in document["scaling"]:
        said = "met" if row["speedup"] >= row["floor"] else "MISSED"
        what = f"{row['network']}, most threads against one"
        rows.append([what, f"{row['speedup']:.2f}×", f"≥ {row['floor']:g}×", said])
    for row in document["together"]:
        ratio = row["together"] / row["alone"]
        said = "met" if ratio <= row["ceiling"] else "MISSED"
        what = f"{row['network']}, {row['kind']} against one alone"
        rows.append([what, f"{ratio:.2f}×", f"≤ {row['ceiling']:g}×", said])
    return rows


def busy(document: Document) -> list[Row]:
    """Return what bench.busy allows a call of all threads to cost at most."""
    found = [n["ratio"] for row in document["results"] for n in row["neighbours"].values()]
    said = "met" if max(found) <= document["ceiling"] else "MISSED"
    return [["all threads against one", f"{max(found):.2f}×", f"≤ {document['ceiling']:g}×", said]]


def lines(document: Document) -> list[Row]:
    """Return the lines of bench.memory, streams, members and tabm of which something is asked."""
    return [
        [row["what"], f"{row['value']:.3g} {row['unit']}", row["floor"], ""]
        for row in document["rows"]
        if row["floor"]
    ]


def planning(document: Document) -> list[Row]:
    """Return what bench.planning allows a network to cost."""
    return [
        [row["what"], f"{1e3 * row['seconds']:.3g} ms", row["floor"], ""]
        for row in document["results"]
        if row["floor"]
    ]


FLOORS: dict[str, Callable[[Document], list[Row]]] = {
    "train_step": training,
    "bounds": bounds,
    "shapes": shapes,
    "predict": prediction,
    "threads": threads,
    "busy": busy,
    "memory": lines,
    "passes": lines,
    "streams": lines,
    "members": lines,
    "tabm": lines,
    "planning": planning,
}


def asked(document: Document) -> str:
    """Return a table of what is asked of a benchmark's results; nothing where nothing is."""
    rows = FLOORS.get(document["benchmark"], lambda document: [])(document)
    return table(["what", "measured", "asked", ""], rows) if rows else ""
