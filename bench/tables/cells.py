"""The cells of tables of results, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from bench.peers import CONTENDERS

Document = dict[str, Any]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, its columns aligned so that it reads well in a terminal too."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    lines.insert(1, ["-" * width for width in widths])
    padded = ([cell.ljust(w) for cell, w in zip(line, widths, strict=True)] for line in lines)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in padded)


def folded(title: str, content: str) -> str:
    """Return a long table that a page shows when its title is clicked."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


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


def plural(count: int, noun: str) -> str:
    """Return a number of things."""
    return f"{count} {noun}" + ("s" if count != 1 else "")
