"""Bars of ratios with their ranges, as SVG: the same bytes for the same numbers, everywhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

# Near the colours of Okabe and Ito, which colour-blind people tell apart; each stands out from a
# light and from a dark ground.
COLOURS = {
    "JAX": "#2184C9",
    "PyTorch": "#D55E00",
    "ONNX Runtime": "#C2629C",
    "scikit-learn": "#0A9471",
    "NumPy": "#7D858D",
}
# Ground, text, quiet text, lines.
LIGHT = ("#ffffff", "#1f2328", "#59636e", "#d1d9e0")
DARK = ("#1a1c1e", "#e6e8ea", "#a3abb3", "#40464c")
FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', 'Liberation Sans', sans-serif"
WIDTH, RIGHT, LETTER = 420.0, 330.0, 6.8  # of the picture; where bars end at most; of a letter
BAR, STEP, HEAD, GAP = 10.0, 17.0, 21.0, 9.0  # heights: a bar, its row, a group's head, a gap
FINE, COARSE = (1, 2, 5, 10, 20, 50, 100), (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000)


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its ratio and how that is written, its range, its colour, what it took."""

    label: str
    value: float
    written: str
    low: float
    high: float
    colour: str
    said: str


@dataclass(frozen=True)
class Group:
    """Bars below a heading, with a word at its right."""

    label: str
    said: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Chart:
    """Groups of bars below a title and a line that says what is drawn."""

    title: str
    note: str
    groups: tuple[Group, ...]
    logarithmic: bool = True

    @property
    def ticks(self) -> list[float]:
        """The ratios that have a line."""
        most = max(bar.high for group in self.groups for bar in group.bars)
        if not self.logarithmic:
            return [0.5 * i for i in range(math.ceil(2 * most) + 1)]
        ticks = FINE if most <= FINE[-1] else COARSE
        return [tick for i, tick in enumerate(ticks) if i == 0 or ticks[i - 1] < most]

    @property
    def left(self) -> float:
        """Where bars begin, at the right of their names."""
        return 24 + LETTER * max(len(bar.label) for group in self.groups for bar in group.bars)

    def place(self, ratio: float) -> float:
        """Return where a ratio lies from left to right."""
        first, last = self.ticks[0], self.ticks[-1]
        if self.logarithmic:
            first, last, ratio = (math.log(value) for value in (first, last, max(ratio, first)))
        return self.left + (RIGHT - self.left) * (ratio - first) / (last - first)


def svg(chart: Chart) -> str:
    """Return a chart as an SVG document."""
    rows = sum(HEAD + STEP * len(group.bars) + GAP for group in chart.groups)
    top = 62.0
    height = top + rows + 8
    ground, ink, quiet, line = LIGHT
    dark = dict(zip(("ground", "ink", "quiet", "line"), DARK, strict=True))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="560" height="{height * 560 / WIDTH:.0f}" '
        f'viewBox="0 0 {WIDTH:.0f} {height:.0f}" role="img" font-family="{FONT}" font-size="12">',
        f"<title>{escape(chart.title)}: {escape(chart.note)}</title>",
        "<style>",
        f".ground{{fill:{ground}}} .ink{{fill:{ink}}} .quiet{{fill:{quiet}}}",
        f".line{{stroke:{line}}} .range{{stroke:{ink}}}",
        "@media (prefers-color-scheme: dark){",
        f".ground{{fill:{dark['ground']}}} .ink{{fill:{dark['ink']}}} "
        f".quiet{{fill:{dark['quiet']}}}",
        f".line{{stroke:{dark['line']}}} .range{{stroke:{dark['ink']}}}",
        "}",
        "</style>",
        f'<rect class="ground" width="{WIDTH:.0f}" height="{height:.0f}" rx="8"/>',
        _text(12, 22, chart.title, "ink", 'font-size="15" font-weight="600"'),
        _text(12, 39, chart.note, "quiet", 'font-size="10.5"'),
    ]
    bottom = top + rows - GAP + 4
    for tick in chart.ticks:
        x = chart.place(tick)
        lines.append(f'<path class="line" d="M{x:.1f} {top - 3:.1f}V{bottom:.1f}"/>')
        lines.append(
            _text(x, top - 6, f"{tick:g}×", "quiet", 'font-size="10" text-anchor="middle"')
        )
    y = top
    for group in chart.groups:
        lines += _group(chart, group, y)
        y += HEAD + STEP * len(group.bars) + GAP
    return "\n".join([*lines, "</svg>", ""])


def _group(chart: Chart, group: Group, top: float) -> list[str]:
    lines = [_text(12, top + 14, group.label, "ink", 'font-weight="600"')]
    # The heading hides the lines behind it.
    hidden = f'<rect class="ground" x="8" y="{top + 1:.1f}" width="{WIDTH - 16:.0f}" height="18"/>'
    lines.insert(0, hidden)
    if group.said:
        lines.append(_text(WIDTH - 12, top + 14, group.said, "quiet", 'text-anchor="end"'))
    for i, bar in enumerate(group.bars):
        middle = top + HEAD + STEP * i + STEP / 2
        begin, end = chart.place(chart.ticks[0]), chart.place(bar.value)
        low, high = chart.place(bar.low), chart.place(bar.high)
        lines.append(_text(chart.left - 8, middle + 4, bar.label, "ink", 'text-anchor="end"'))
        lines.append(
            f'<rect x="{begin:.1f}" y="{middle - BAR / 2:.1f}" width="{max(end - begin, 1):.1f}" '
            f'height="{BAR:.0f}" rx="1.5" fill="{bar.colour}"/>'
        )
        if high - low > 0.1:
            lines.append(f'<path class="range" d="M{low:.1f} {middle:.1f}H{high:.1f}"/>')
        after = max(end, high) + 6
        lines.append(_text(after, middle + 4, bar.written, "ink", 'font-weight="600"'))
        if bar.said:
            lines.append(_text(WIDTH - 12, middle + 4, bar.said, "quiet", 'text-anchor="end"'))
    return lines


def _text(x: float, y: float, text: str, kind: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>'
