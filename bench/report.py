"""Tables from results, and their places in documents: ``python -m bench.report RESULT.json …``.

A document has a place for the tables of a benchmark between ``<!-- bench:NAME -->`` and
``<!-- end:NAME -->``, or for a shorter one where the name is ``NAME_summary``; what stands there is
replaced. Of a grid of rows NAME ends in ``rows``, of a benchmark that was held to an instruction
set in that: ``predict_rows``, ``shapes_avx2``. With ``--into FILE …`` these files are changed, else
the tables are printed.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.floors import asked
from bench.tables import SUMMARIES, TABLES, Document, Maker


def held(document: Document) -> str:
    """Return the instruction set that a benchmark was held to, empty if it was not."""
    isa = document.get("options", {}).get("isa")
    return isa if isinstance(isa, str) else ""  # bench.kernels has a list of those it measures


def grid(document: Document) -> list[int]:
    """Return the numbers of rows that predictions were measured with, instead of the usual two."""
    rows: list[int] | None = document.get("options", {}).get("rows")
    return rows or []


def conditions(document: Document) -> str:
    """Return the sentences that say how the results came about."""
    machine, options = document["machine"], document.get("options", {})
    command = f"python -m bench.{document['benchmark']}"
    if rows := grid(document):
        command += f" --rows {','.join(map(str, rows))}"
    if isa := held(document):
        command += f" --isa {isa}"
    threads = options.get("threads", machine["cores"])
    versions = ", ".join(f"{k} {v}" for k, v in machine["versions"].items() if v)
    said = (
        f"`{command}` on {machine['date']}: {machine['processor']}, "
        f"{threads} of {machine['cores']} cores, {machine['instruction set']}; "
        f"{machine['system']}, Python {machine['python']}, {versions}."
    )
    if "repeats" in options:
        said += f" Medians of {options['repeats']} runs"
        said += f" of about {options['seconds']:g} s each, taken in turns."
    return said


def render(document: Document, makers: Mapping[str, Maker] = TABLES) -> str:
    """Return the tables of a benchmark's results, and how they came about."""
    tables = f"{makers[document['benchmark']](document)}\n\n{conditions(document)}"
    built = document["machine"].get("build type", "Release")
    if built != "Release":
        return f"**A build for finding errors ({built}): these numbers mean nothing.**\n\n{tables}"
    if document.get("options", {}).get("quick"):
        return f"**A quick trial: these numbers mean nothing.**\n\n{tables}"
    return tables


def show(document: Document) -> None:
    """Print a benchmark's tables, and below them what is asked of their numbers."""
    print(*filter(None, (render(document), asked(document))), sep="\n\n")


def insert(text: str, name: str, content: str) -> str:
    """Return a document with the place of a name filled; ValueError if it has no such place."""
    begin, end = f"<!-- bench:{name} -->", f"<!-- end:{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"there is no place for {name}: expected {begin} and {end}")
    return pattern.sub(lambda _: f"{begin}\n{content}\n{end}", text, count=1)


def fill(text: str, document: Document) -> str:
    """Return a text with the places of a benchmark filled, for its tables and for a summary."""
    parts = document["benchmark"], "rows" if grid(document) else "", held(document)
    name = "_".join(filter(None, parts))
    makers = {name: TABLES, f"{name}_summary": SUMMARIES}
    there = [place for place in makers if f"<!-- bench:{place} -->" in text]
    for place in there or [name]:
        text = insert(text, place, render(document, makers[place]))
    return text


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the tables of results, or put them into documents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, nargs="+", default=[], help="documents to fill")
    options = parser.parse_args(arguments)
    for path in options.results:
        document = json.loads(path.read_text())
        for target in options.into:
            target.write_text(fill(target.read_text(), document))
        if not options.into:
            print(render(document), end="\n\n")


if __name__ == "__main__":
    main()
