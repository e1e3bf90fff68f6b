"""Tables from results, and their places in documents: ``python -m bench.report RESULT.json …``.

A document has a place for the tables of a benchmark between ``<!-- bench:NAME -->`` and
``<!-- end:NAME -->``; what stands there is replaced. With ``--into FILE …`` these files are
changed, else the tables are printed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from bench.networks import NETWORKS
from bench.peers import CONTENDERS, peer

Document = dict[str, Any]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its columns aligned so that it reads well in a terminal too."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    padded = ([cell.ljust(w) for cell, w in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in padded)


def figures(value: float) -> str:
    """Return a number with three figures, thousands separated."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def best(entries: Iterable[Document]) -> dict[str, Document]:
    """Return the fastest counted entry of each contender."""
    chosen: dict[str, Document] = {}
    for entry in entries:
        name = entry["contender"]
        if entry["counted"] and (name not in chosen or entry["median"] < chosen[name]["median"]):
            chosen[name] = entry
    return chosen


def present(results: Iterable[Document]) -> list[str]:
    """Return the contenders that have results, in the usual order."""
    found = {entry["contender"] for result in results for entry in result["entries"]}
    return [name for name in CONTENDERS if name in found]


def time_cell(entry: Document | None, own: Document | None) -> str:
    """Return a median in µs, and how many times slower than fastmlp it is."""
    if entry is None:
        return "–"
    text = figures(entry["median"] * 1e6)
    if own is None or entry is own:
        return text
    return f"{text} ({figures(entry['median'] / own['median'])}×)"


def spread_cell(entry: Document) -> str:
    """Return between which µs half of the samples lie."""
    return f"{figures(entry['lower'] * 1e6)}–{figures(entry['upper'] * 1e6)}"


def floor_cell(result: Document, own: Document | None) -> str:
    """Return which floors of the network's are met, and which are not."""
    chosen, said = best(result["entries"]), []
    for name, floor in NETWORKS[result["network"]].floors.items():
        if own is None or (name != "peak" and name not in chosen):
            continue
        if name == "peak":
            reached = own["flops"] / result["peak"]["all cores"]
            said.append(f"{'met' if reached >= floor else 'MISSED'} {floor:.0%} of the peak")
        else:
            reached = chosen[name]["median"] / own["median"]
            met = "met" if reached >= floor else "MISSED"
            said.append(f"{met} {floor:g}× {peer(name).TITLE}")
    return "; ".join(said)


def training(document: Document) -> str:
    """Return the tables of bench.train_step."""
    results = document["results"]
    contenders = present(results)
    header = ["network", "batch", "type", *(peer(name).TITLE for name in contenders)]
    rows, ways = [], []
    for result in results:
        chosen = best(result["entries"])
        own = chosen.get("fastmlp")
        cells = [str(NETWORKS[result["network"]]), f"{result['batch']:,}", result["dtype"]]
        cells += [time_cell(chosen.get(name), own) for name in contenders]
        part = f"{own['flops'] / result['peak']['all cores']:.0%}" if own else "–"
        rows.append([*cells, part, floor_cell(result, own)])
        ways += [way_row(result, entry) for entry in result["entries"]]
    header += ["of the FMA peak", "floors"]
    parts = [
        "µs a training step (times as long as fastmlp's)\n\n" + table(header, rows),
        peaks(results),
        precision(results),
        "Every way that was measured\n\n"
        + table(
            [
                "network",
                "type",
                "contender",
                "way",
                "µs",
                "half of the runs",
                "GFLOP/s",
                "weights differ",
            ],
            ways,
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def way_row(result: Document, entry: Document) -> list[str]:
    """Return the cells of one way of one contender."""
    return [
        result["network"],
        result["dtype"],
        peer(entry["contender"]).TITLE,
        entry["way"] + ("" if entry["counted"] else " (not counted)"),
        figures(entry["median"] * 1e6),
        spread_cell(entry),
        figures(entry["flops"] / 1e9),
        f"{entry['weights_error']:.0e}",
    ]


def peaks(results: Sequence[Document]) -> str:
    """Return the sentence on the FMA peaks met during the measurement."""
    said = []
    for dtype in dict.fromkeys(result["dtype"] for result in results):
        for kind in ("one core", "all cores"):
            rates = [r["peak"][kind] / 1e9 for r in results if r["dtype"] == dtype]
            said.append(f"{dtype} {kind} {figures(min(rates))}–{figures(max(rates))}")
    return f"FMA peak, GFLOP/s, measured in every round: {'; '.join(said)}."


def precision(results: Sequence[Document]) -> str:
    """Return fastmlp's rate in float64 as a part of that in float32, where both were measured."""
    medians = {
        (result["network"], result["dtype"]): best(result["entries"])["fastmlp"]["median"]
        for result in results
        if "fastmlp" in best(result["entries"])
    }
    pairs = [name for name, dtype in medians if dtype == "float64" and (name, "float32") in medians]
    if not pairs:
        return ""
    said = (f"{n} {medians[n, 'float32'] / medians[n, 'float64']:.0%}" for n in pairs)
    return f"fastmlp's rate in float64, of that in float32: {', '.join(said)}."


def prediction(document: Document) -> str:
    """Return the tables of bench.predict."""
    rows = []
    for result in document["results"]:
        network = NETWORKS[result["network"]]
        own = best(result["entries"]).get("fastmlp")
        for entry in sorted(result["entries"], key=lambda entry: entry["median"]):
            flops = result["rows"] * network.forward_flops / entry["median"]
            rows.append(
                [
                    str(network),
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


def threads(document: Document) -> str:
    """Return the tables of bench.threads."""
    scaling = (
        [
            row["network"],
            *(figures(row["seconds"][count] * 1e6) for count in row["seconds"]),
            f"{row['speedup']:.2f}×",
            f"≥ {row['floor']:g}×",
        ]
        for row in document["scaling"]
    )
    counts = [f"threads {count}: µs a step" for count in document["scaling"][0]["seconds"]]
    sides = (
        [
            row["network"],
            row["kind"],
            figures(row["alone"]),
            figures(row["together"]),
            f"{row['together'] / row['alone']:.2f}×",
            f"≤ {row['ceiling']:g}×",
        ]
        for row in document["together"]
    )
    return "\n\n".join(
        (
            table(["network", *counts, "most threads against one", "floor"], scaling),
            "Two trainings at once, each with all threads allowed\n\n"
            + table(
                ["network", "side by side in", "alone, s", "together, s", "ratio", "ceiling"], sides
            ),
        )
    )


def memory(document: Document) -> str:
    """Return the table of bench.memory."""
    return table(
        ["what", "measured", "floor"],
        [
            [row["what"], f"{row['value']:.3g} {row['unit']}", row["floor"]]
            for row in document["rows"]
        ],
    )


def kernels(document: Document) -> str:
    """Return the table of bench.kernels."""
    from bench.kernels import line

    header = ["kernel", "instruction set", "µs", "spread", "speed", "and"]
    return table(header, map(line, document["results"]))


TABLES: dict[str, Callable[[Document], str]] = {
    "train_step": training,
    "predict": prediction,
    "threads": threads,
    "memory": memory,
    "kernels": kernels,
}


def conditions(document: Document) -> str:
    """Return the sentences that say how the results came about."""
    machine, options = document["machine"], document.get("options", {})
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    said = (
        f"`python -m bench.{document['benchmark']}` on {machine['date']}: {machine['processor']}, "
        f"{options.get('threads', 1)} of {machine['cores']} cores, {machine['instruction set']}; "
        f"{machine['system']}, Python {machine['python']}, {versions}."
    )
    if "repeats" in options:
        said += f" Medians of {options['repeats']} runs"
        said += f" of about {options['seconds']:g} s each, taken in turns."
    return said


def render(document: Document) -> str:
    """Return the tables of a benchmark's results, and how they came about."""
    tables = f"{TABLES[document['benchmark']](document)}\n\n{conditions(document)}"
    if document.get("options", {}).get("quick"):
        return f"**A quick trial: these numbers mean nothing.**\n\n{tables}"
    return tables


def insert(text: str, name: str, content: str) -> str:
    """Return a document with the place of a name filled; ValueError if it has no such place."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- end:{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there is no place for {name}: expected {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text, count=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of results, or put them into documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, nargs="+", default=[], help="documents to fill")
    options = parser.parse_args(arguments)
    for path in options.results:
        document = json.loads(path.read_text())
        content = render(document)
        for target in options.into:
            text = target.read_text()
            target.write_text(insert(text, document["benchmark"], content))
        if not options.into:
            print(content, end="\n\n")


if __name__ == "__main__":
    main()
