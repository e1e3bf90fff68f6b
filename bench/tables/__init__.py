"""The tables of each benchmark's results, in Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from bench.networks import TRAINED
from bench.peers import CONTENDERS, peer
from bench.tables.cells import (
    Document,
    best,
    figures,
    folded,
    plural,
    present,
    spread_cell,
    table,
    time_cell,
)
from bench.tables.prediction import prediction
from bench.tables.shapes import shapes

Maker = Callable[[Document], str]


def reach(
    result: Document, chosen: dict[str, Document], name: str, seconds: float | None
) -> float | None:
    """Return what a step of so many seconds reaches, of the peak or against a contender.

    None if there is no such step or contender.
    """
    if seconds is None:
        return None
    if name == "peak":
        return result["step_flops"] / seconds / result["peak"]["all cores"]
    return chosen[name]["median"] / seconds if name in chosen else None


def training(document: Document) -> str:
    """Return the tables of bench.train_step."""
    results = document["results"]
    contenders = present(results)
    header = ["network", "batch", "type", *(peer(name).TITLE for name in contenders)]
    rows, ways = [], []
    for result in results:
        chosen = best(result["entries"])
        own = chosen.get("fastmlp")
        cells = [str(TRAINED[result["network"]]), f"{result['batch']:,}", result["dtype"]]
        cells += [time_cell(chosen.get(name), own) for name in contenders]
        part = f"{own['flops'] / result['peak']['all cores']:.0%}" if own else "–"
        rows.append([*cells, part])
        ways += [way_row(result, entry) for entry in result["entries"]]
    header += ["of the FMA peak"]
    parts = [
        "µs a training step (times as long as fastmlp's)\n\n" + table(header, rows),
        peaks(results),
        precision(results),
        folded(
            "Every way that was measured",
            table(
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
        ),
    ]
    return "\n\n".join(part for part in parts if part)


def training_summary(document: Document) -> str:
    """Return the times of bench.train_step, and nothing else."""
    results = [result for result in document["results"] if result["dtype"] == "float32"]
    contenders = present(results)
    rows = []
    for result in results:
        chosen = best(result["entries"])
        cells = (time_cell(chosen.get(name), chosen.get("fastmlp")) for name in contenders)
        rows.append([str(TRAINED[result["network"]]), f"{result['batch']:,}", *cells])
    return table(["network", "batch", *(peer(name).TITLE for name in contenders)], rows)


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


def threads(document: Document) -> str:
    """Return the tables of bench.threads."""
    scaling = (
        [
            row["network"],
            *(figures(row["seconds"][count] * 1e6) for count in row["seconds"]),
            f"{row['speedup']:.2f}×",
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
        ]
        for row in document["together"]
    )
    return "\n\n".join(
        (
            table(["network", *counts, "most threads against one"], scaling),
            "Two trainings at once, each with all threads allowed\n\n"
            + table(["network", "side by side in", "alone, s", "together, s", "ratio"], sides),
        )
    )


def busy(document: Document) -> str:
    """Return the table of bench.busy."""
    rows, worst = [], 0.0
    for row in document["results"]:
        cells = [row["call"], row["dtype"]]
        for found in row["neighbours"].values():
            one, most = (figures(found[key] * 1e6) for key in ("one", "most"))
            cells.append(f"{one} → {most} ({found['ratio']:.2f}×)")
            worst = max(worst, found["ratio"])
        rows.append(cells)
    counts = document["results"][0]["neighbours"]
    header = ["call", "type", *(plural(int(count), "neighbour") for count in counts)]
    return (
        f"Mean µs of a call with one thread → with all\n\n{table(header, rows)}\n\n"
        f"At most {worst:.2f}× as long as with one thread."
    )


def memory(document: Document) -> str:
    """Return the table of rows of two cells: of bench.memory, bench.streams, …"""
    return table(
        ["what", "measured"],
        [[row["what"], f"{row['value']:.3g} {row['unit']}"] for row in document["rows"]],
    )


def planning(document: Document) -> str:
    """Return the table of bench.planning."""
    rows = [
        [
            row["what"],
            str(row["steps"]),
            figures(1e3 * row["seconds"]),
            figures(1e6 * row["seconds"] / row["steps"]),
        ]
        for row in document["results"]
    ]
    return table(["network", "steps", "ms", "µs a step"], rows)


def kernel_row(result: Document) -> list[str]:
    """Return the cells of one kernel on one size."""
    seconds = result["median"]
    if result["flops"]:
        rate = result["flops"] / seconds
        speed, part = f"{rate / 1e9:.1f} GFLOP/s", f"{rate / result['peak']:.0%} of the peak"
    else:
        speed = f"{result['bytes'] / seconds / 1e9:.1f} GB/s"
        part = f"{seconds / result['elements'] * 1e9:.3f} ns/element"
    name = f"{result['kernel']} {result['size']}"
    isa = f"{result['isa']} {result['dtype']}"
    return [name, isa, f"{seconds * 1e6:.3f}", f"±{result['spread'] / 2:.1%}", speed, part]


def kernels(document: Document) -> str:
    """Return the tables of bench.kernels."""
    header = ["kernel", "instruction set", "µs", "spread", "speed", "and"]
    tables = []
    if document["results"]:
        tables.append(table(header, map(kernel_row, document["results"])))
    if document["products"]:
        tables.append("Products of the networks' steps, µs (times as long as fastmlp's)")
        tables.append(products(document["products"]))
    return "\n\n".join(tables)


def products(results: Sequence[Document]) -> str:
    """Return the table of products beside the peers', for each number of threads."""
    contenders = present(results)
    counts = sorted({entry["threads"] for result in results for entry in result["entries"]})
    columns = [(count, name) for count in counts for name in contenders]
    rows = []
    for result in results:
        cells = [result["network"], result["part"], result["size"], result["isa"], result["dtype"]]
        for count, name in columns:
            chosen = best(e for e in result["entries"] if e["threads"] == count)
            cells.append(time_cell(chosen.get(name), chosen.get("fastmlp")))
        rows.append(cells)
    titles = [f"{peer(name).TITLE}, {plural(count, 'thread')}" for count, name in columns]
    return table(["network", "product", "M×N×K", "isa", "type", *titles], rows)


def bounds(document: Document) -> str:
    """Return the tables of bench.bounds."""
    steps, ratios = [], []
    for result in document["results"]:
        network, bound = TRAINED[result["network"]], result["bound"]
        chosen = best(result["entries"])
        own, at_peak = chosen.get("fastmlp"), result["step_flops"] / result["peak"]["all cores"]
        seconds = bound["products"], bound["own products"], bound["tanh"], bound["own tanh"]
        steps.append(
            [
                str(network),
                time_cell(own, None),
                f"{figures(bound['least'] * 1e6)}"
                + (f" ({bound['least'] / own['median']:.0%})" if own else ""),
                *(figures(s * 1e6) if s else "–" for s in seconds),
                f"{figures(bound['update'] * 1e6)} ({figures(bound['bandwidth'] / 1e9)} GB/s)",
                figures(at_peak * 1e6),
            ]
        )
        ratios += bound_rows(result, chosen)
    header = ["network", "fastmlp", "least step (of fastmlp's)", "its products", "by fastmlp's"]
    header += ["its tanh", "by fastmlp's", "its update", "arithmetic at the FMA peak"]
    return "\n\n".join(
        (
            "µs a training step, and the least that it could take",
            table(header, steps),
            "Ratios, and the largest that such a least step would show",
            table(["network", "against", "measured", "bound"], ratios),
        )
    )


def bound_rows(result: Document, chosen: dict[str, Document]) -> list[list[str]]:
    """Return what a network reaches against each contender, and what the least step would."""
    rows, least = [], result["bound"]["least"]
    own = chosen.get("fastmlp", {}).get("median")
    for name in (*CONTENDERS, "peak"):
        reached, possible = (reach(result, chosen, name, seconds) for seconds in (own, least))
        if name == "fastmlp" or reached is None or possible is None:
            continue
        against = "the FMA peak" if name == "peak" else peer(name).TITLE
        form = "{:.0%}" if name == "peak" else "{:.3g}×"
        rows.append([result["network"], against, form.format(reached), form.format(possible)])
    return rows


def estimators(document: Document) -> str:
    """Return the table of bench.estimators."""
    rows, names = [], ("sklearn", "fastmlp")
    for result in document["results"]:
        cells = [result["case"]]
        for name in names:
            scores = result[name]["scores"]
            cells.append(figures(1e3 * statistics.median(result[name]["seconds"])))
            cells.append(f"{statistics.mean(scores):.4f} ± {statistics.pstdev(scores):.4f}")
        rows.append([*cells, f"{result['speedup']:.1f}×"])
    speedups = [result["speedup"] for result in document["results"]]
    header = ["fit", "scikit-learn, ms", "score", "fastmlp, ms", "score", "times faster"]
    mean, seeds = statistics.geometric_mean(speedups), document["options"]["seeds"]
    return (
        f"{table(header, rows)}\n\nGeometric mean {mean:.1f}×, least {min(speedups):.1f}×; "
        f"medians of the times and means of the scores over {plural(seeds, 'seed')}."
    )


TABLES: dict[str, Maker] = {
    "train_step": training,
    "shapes": shapes,
    "bounds": bounds,
    "predict": prediction,
    "estimators": estimators,
    "threads": threads,
    "busy": busy,
    "memory": memory,
    "passes": memory,
    "streams": memory,
    "members": memory,
    "tabm": memory,
    "exported": memory,
    "planning": planning,
    "kernels": kernels,
}
# Shorter tables, for the README: their places are called ``NAME_summary``.
SUMMARIES: dict[str, Maker] = {"train_step": training_summary}
