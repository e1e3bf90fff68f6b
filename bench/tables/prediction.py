"""The tables of predictions: every call of a few cases, and the best of each over many."""

from __future__ import annotations

from bench.peers import peer
from bench.tables.cells import Document, best, figures, present, spread_cell, table, time_cell
from bench.tables.shapes import ratios_of, verdict


def prediction(document: Document) -> str:
    """Return the tables of bench.predict."""
    results = document["results"]
    every = [result for result in results if result["case"] != "grid"]
    grid = [result for result in results if result["case"] == "grid"]
    return "\n\n".join([*([calls(every)] if every else []), *(summary(grid) if grid else [])])


def calls(results: list[Document]) -> str:
    """Return the table of every call that was measured."""
    rows = []
    for result in results:
        own = best(result["entries"]).get("fastmlp")
        for entry in sorted(result["entries"], key=lambda entry: entry["median"]):
            flops = result["rows"] * result["row_flops"] / entry["median"]
            rows.append(
                [
                    result["network"],
                    f"{result['rows']:,}",
                    peer(entry["contender"]).TITLE,
                    f"`{entry['statement']}` ({entry['way']})",
                    time_cell(entry, own),
                    spread_cell(entry),
                    figures(flops / 1e9),
                ]
            )
    header = [
        "network",
        "rows",
        "contender",
        "call",
        "µs (of fastmlp's)",
        "half of the runs",
        "GFLOP/s",
    ]
    return table(header, rows)


def summary(results: list[Document]) -> list[str]:
    """Return the table of the fastest calls, and what their ratios come to."""
    contenders = present(results)
    rows = []
    for result in results:
        chosen = best(result["entries"])
        own = chosen.get("fastmlp")
        cells = (time_cell(chosen.get(name), own) for name in contenders)
        rows.append([result["network"], f"{result['rows']:,}", *cells])
    said = [verdict(name, found) for name, found in ratios_of(results).items()]
    titles = [peer(name).TITLE for name in contenders]
    head = "µs a prediction, the fastest call of each (times as long as fastmlp's)"
    return [head, table(["network", "rows", *titles], rows), *said]
