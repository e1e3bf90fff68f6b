"""Charts of the tables in docs/benchmarks.md: ``python -m bench.charts docs/benchmarks.md``.

A chart is drawn from the numbers that stand in the page, so that the two cannot differ. It is an
SVG with a ground of its own, light or dark as the reader's system is, narrow enough for a phone.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bars import COLOURS, Bar, Chart, Group, svg

Table = list[dict[str, str]]
RATIO = "times as long as fastmlp, which is 1×; thin lines: half of the runs"
# Those in the chart of the front page, from the smallest to the largest.
FRONT = ("tiny", "tabular", "digits", "large")


def tables(text: str, name: str) -> list[Table]:
    """Return the tables at the place of a benchmark in a page, rows by the names of columns."""
    place = re.search(f"<!-- bench:{name} -->(.*?)<!-- end:{name} -->", text, re.DOTALL)
    if place is None:
        raise ValueError(f"there is no place for {name}")
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", place[1], re.MULTILINE):
        head, _, *rows = (
            [c.strip() for c in line.strip("|").split("|")] for line in block.split("\n")[:-1]
        )
        found.append([dict(zip(head, row, strict=True)) for row in rows])
    return found


def number(text: str) -> float:
    """Return the number a cell begins with: 1,157 (3.55×) is 1157."""
    return float(text.split()[0].strip("×").replace(",", ""))


@dataclass(frozen=True)
class Time:
    """Microseconds of one way: the median, and between which half of the runs lie."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, median: str, half: str) -> Time:
        """Read two cells."""
        low, high = (number(part) for part in half.split("–"))
        return cls(number(median), low, high)

    def __str__(self) -> str:
        if self.median >= 10_000:
            return f"{self.median / 1000:.3g} ms"
        return f"{self.median:,.0f} µs" if self.median >= 100 else f"{self.median:.3g} µs"


def compared(label: str, best: dict[str, Time], ratios: dict[str, str]) -> Group:
    """Return the bars of a group: the fastest way of each contender, ratios as they are written."""
    own, bars = best["fastmlp"], []
    for name in filter(best.__contains__, COLOURS):
        low, high = best[name].low / own.high, best[name].high / own.low
        ratio = ratios[name]
        bars.append(Bar(name, number(ratio), ratio, low, high, COLOURS[name], str(best[name])))
    return Group(label, f"fastmlp {own}", tuple(bars))


def ratio_in(cell: str) -> str:
    """Return what stands in a cell's brackets: 3.55× of 1,157 (3.55×)."""
    return cell.partition("(")[2].partition(")")[0]


def fastest(times: Iterable[tuple[str, Time]]) -> dict[str, Time]:
    """Return the fastest time of each contender."""
    found: dict[str, Time] = {}
    for name, time in times:
        if name not in found or time.median < found[name].median:
            found[name] = time
    return found


def _steps(text: str, without: Collection[str] = ()) -> Iterator[tuple[str, Group]]:
    """Yield each network and its bars, some contenders left out."""
    summary, ways = tables(text, "train_step")
    for row in summary:
        network = row["network"].split()[0]
        best = fastest(
            (way["contender"], Time.of(way["µs"], way["half of the runs"]))
            for way in ways
            if (way["network"], way["type"]) == (network, row["type"])
            and "not counted" not in way["way"]
            and way["contender"] not in without
        )
        ratios = {name: ratio_in(row[name]) for name in best}
        yield network, compared(f"{row['network']}, batch {row['batch']}", best, ratios)


def speed(text: str) -> Chart:
    """Return the chart of the front page."""
    groups = tuple(group for name, group in _steps(text, ("NumPy",)) if name in FRONT)
    return Chart("A training step", RATIO, groups)


def training(text: str) -> Chart:
    """Return the chart of bench.train_step."""
    return Chart("A training step", RATIO, tuple(group for _, group in _steps(text)))


def prediction(text: str) -> Chart:
    """Return the chart of bench.predict."""
    (rows,) = tables(text, "predict")
    cases: dict[tuple[str, str], list[dict[str, str]]] = {}
    for row in rows:
        cases.setdefault((row["network"], row["rows"]), []).append(row)
    groups = []
    for (network, count), ways in cases.items():
        column = "µs (of fastmlp's)"
        times = [(way["contender"], Time.of(way[column], way["half of the runs"])) for way in ways]
        # The table begins with the fastest.
        ratios = {way["contender"]: ratio_in(way[column]) for way in reversed(ways)}
        label = f"{network}, {count} row" + "s" * (count != "1")
        groups.append(compared(label, fastest(times), ratios))
    return Chart("A prediction", RATIO, tuple(groups))


def estimators(text: str) -> Chart:
    """Return the chart of bench.estimators."""
    (rows,) = tables(text, "estimators")
    bars = tuple(
        _plain(row["fit"], row["times faster"], "scikit-learn", f"{row['fastmlp, ms']} ms")
        for row in rows
    )
    note = "times as long as fastmlp's, which is 1×; at the right what a fit takes"
    return Chart("scikit-learn's estimators", note, (Group("fit", "fastmlp", bars),))


def members(text: str) -> Chart:
    """Return the chart of bench.members."""
    (rows,) = tables(text, "members")
    groups: dict[str, list[Bar]] = {}
    for row in rows:
        found = re.fullmatch(
            r"(.*), (\d+) members: (\w+), (.*), \d+ threads against 1", row["what"]
        )
        if found:
            case, count, call, how = found.groups()
            colour = "JAX" if how == "at once" else "NumPy"
            bar = _plain(how, row["measured"].replace(" ", ""), colour, "")
            groups.setdefault(f"{call}, {count} × {case}", []).append(bar)
    made = tuple(Group(label, "", tuple(bars)) for label, bars in groups.items())
    note = "times as fast with all threads as with one"
    return Chart("Many networks at once", note, made, logarithmic=False)


def _plain(label: str, ratio: str, colour: str, said: str) -> Bar:
    """Return a bar without a range."""
    value = number(ratio)
    return Bar(label, value, ratio, value, value, COLOURS[colour], said)


CHARTS: dict[str, Callable[[str], Chart]] = {
    "speed": speed,
    "train_step": training,
    "predict": prediction,
    "estimators": estimators,
    "members": members,
}


def draw(page: Path) -> list[Path]:
    """Draw all charts of a page into the folder ``images`` beside it; return their paths."""
    text = page.read_text(encoding="utf-8")
    written = []
    for name, maker in CHARTS.items():
        path = page.parent / "images" / f"{name}.svg"
        path.write_text(svg(maker(text)), encoding="utf-8")
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the charts of a page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path)
    for path in draw(parser.parse_args(arguments).page):
        print(path)


if __name__ == "__main__":
    main()
