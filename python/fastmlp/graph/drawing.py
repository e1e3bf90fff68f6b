"""Pictures of a graph, left to right: SVG with a layout of its own, Mermaid and DOT as text."""

from __future__ import annotations

import html
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.config import readable
from fastmlp.graph import reference
from fastmlp.graph.feeds import listed
from fastmlp.graph.gradients import overbar
from fastmlp.graph.layered import Layout, Point, layered
from fastmlp.graph.node import Array, Node, topological_order
from fastmlp.graph.shapes import describe
from fastmlp.graph.tracing import brief, formula, is_number, labels, number, trace

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

FORMATS = {"svg": ("svg",), "mermaid": ("mmd", "mermaid"), "dot": ("dot", "gv")}

# Kind of box -> (fill, border). The output is what the graph is for, most often a loss.
COLOURS = {
    "input": ("#e3effb", "#3574b5"),
    "parameter": ("#fdefd8", "#c77f16"),
    "constant": ("#f3f3f3", "#9a9a9a"),
    "scheduled": ("#e2f3ea", "#2f8a5b"),
    "operation": ("#ffffff", "#6b7280"),
    "output": ("#e9e4f7", "#6a4fb3"),
}
TEXT, SHAPE, VALUE, SIGNAL, EDGE = "#1b1f24", "#8a9099", "#17692f", "#b3261e", "#98a1ab"
FONT = "font-family=\"'DejaVu Sans','Segoe UI',Helvetica,Arial,sans-serif\""
MOST_BOXES = 1000
MOST = 4  # elements of a matrix that is written out; of a larger one the norm is
LONGEST = 44  # characters of a formula; the whole of it stands in the box's tooltip


@readable
@dataclass(frozen=True)
class Box:
    """What is written on a node."""

    kind: str
    title: str
    shape: str
    value: str | None
    signal: str | None
    details: str

    @property
    def size(self) -> Point:
        """Return width and height."""
        width = max(_width(self.title, 14), _width(self.shape, 10), 34.0)
        numbers = [text for text in (self.value, self.signal) if text is not None]
        width = max([width, *(_width(text, 12) for text in numbers)])
        return width + 24, 36 + 15 * bool(self.shape) + 17 * len(numbers)


@readable
class Drawing:
    """A picture of a graph: shown by notebooks, printed as text, saved to a file.

    `str` gives it in the format asked for; `save` in the format of the file's suffix.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x = g.input(1, "x")
    >>> g.draw(g.exp(x).named("y"))
    <Drawing of 2 nodes as svg>
    """

    def __init__(
        self, boxes: Mapping[Node, Box], parents: Mapping[Node, list[Node]], format: str
    ) -> None:
        self.boxes = boxes
        self.parents = parents
        self.format = format
        self._shown = self._text(format)

    def __str__(self) -> str:
        return self._shown

    def __repr__(self) -> str:
        return f"<Drawing of {len(self.boxes)} nodes as {self.format}>"

    def _repr_svg_(self) -> str | None:
        return self._shown if self.format == "svg" else None

    def _repr_html_(self) -> str:
        # Pages that show only HTML show the picture too; a wide one gets a scroll bar.
        if self.format == "svg":
            return f'<div style="overflow-x:auto">{self._shown}</div>'
        return f"<pre>{html.escape(self._shown)}</pre>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file that ends in .svg, .mmd, .mermaid, .dot or .gv."""
        suffix = Path(path).suffix[1:].lower()
        for format, suffixes in FORMATS.items():
            if suffix in suffixes:
                Path(path).write_text(self._text(format), encoding="utf-8")
                return
        known = ", ".join(f".{s}" for suffixes in FORMATS.values() for s in suffixes)
        raise ValueError(f"path: expected a name ending in {known}, got {os.fspath(path)!r}")

    def _text(self, format: str) -> str:
        writer = {"svg": _svg, "mermaid": _mermaid, "dot": _dot}[format]
        return writer(self.boxes, self.parents)


def draw(
    node: Node | Iterable[Node],
    feeds: Mapping[Node, ArrayLike] | None = None,
    format: str = "svg",
) -> Drawing:
    """Return a picture of a graph, left to right.

    Parameters
    ----------
    node : Node or iterable of Node
        What the graph computes: a loss, gradients.
    feeds : mapping of Node to array, optional
        A value for each input. With them every box shows its value (green) and, if there is one
        output, its error signal (red, with a bar).
    format : "svg", "mermaid" or "dot"
        What `str` gives. No other program is needed for SVG.

    Returns
    -------
    Drawing

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x, w = g.input(1, "x"), g.parameter(2.0, "w")
    >>> print(g.draw((w * x).named("y"), format="mermaid"))
    flowchart LR
      n0(["w"]):::parameter
      n1(["x<br/>batch × 1"]):::input
      n2["y = w·x<br/>batch × 1"]:::output
      n0 --> n2
      n1 --> n2
      classDef input fill:#e3effb,stroke:#3574b5
      classDef parameter fill:#fdefd8,stroke:#c77f16
      classDef constant fill:#f3f3f3,stroke:#9a9a9a
      classDef scheduled fill:#e2f3ea,stroke:#2f8a5b
      classDef operation fill:#ffffff,stroke:#6b7280
      classDef output fill:#e9e4f7,stroke:#6a4fb3
    """
    if not isinstance(format, str) or format not in FORMATS:
        raise ValueError(f"format: expected {', '.join(map(repr, FORMATS))}, got {format!r}")
    outputs = listed(node, "node")
    if not outputs:
        raise ValueError("node: expected at least one graph node, got none")
    order = topological_order(outputs)
    values: dict[Node, Array] = {}
    signals: dict[Node, Array] = {}
    if feeds is not None:
        values = dict(zip(order, reference.evaluate(order, feeds), strict=True))
        if len(outputs) == 1:
            signals = {step.node: step.value for step in trace(outputs[0], feeds).backward}
    names = labels(order)
    shown = [v for v in order if not is_number(v) or v in outputs]
    boxes = {v: _box(v, names, v in outputs, values.get(v), signals.get(v)) for v in shown}
    parents = {v: [p for p in dict.fromkeys(v.parents) if p in boxes] for v in shown}
    return Drawing(boxes, parents, format)


def _box(
    node: Node,
    names: Mapping[Node, str],
    is_output: bool,
    value: Array | None,
    signal: Array | None,
) -> Box:
    name = names[node]
    full = name
    if node.parents:
        full = f"{name} = {formula(node, names)}"
    elif node.op == "constant" and node.value is not None and not is_number(node):
        full = f"{name} = {brief(node.value, 3, MOST)}"
    leaf = "operation" if node.parents else node.op
    rows, columns = node.shape
    return Box(
        "output" if is_output and node.parents else leaf,
        full if len(full) <= LONGEST else full[: LONGEST - 1] + "…",
        "" if node.shape == (1, 1) else f"{rows} × {columns}",
        None if value is None or node.op == "constant" else _short(name, value, False),
        None if signal is None else _short(overbar(name), signal, True),
        f"{full}, {node.op} of shape {describe(node.shape)}",
    )


def _short(name: str, value: Array, with_name: bool) -> str:
    if value.size > MOST:
        return f"‖{name}‖ = {number(float(np.linalg.norm(value)), 3)}"
    text = brief(value, 3, MOST)
    return f"{name} = {text}" if with_name else text


# ------------------------------------------------------------------------------------- SVG


def _svg(boxes: Mapping[Node, Box], parents: Mapping[Node, list[Node]]) -> str:
    if len(boxes) > MOST_BOXES:
        raise ValueError(
            f"node: expected a graph of at most {MOST_BOXES} nodes to draw, got {len(boxes)}"
        )
    layout = layered({v: box.size for v, box in boxes.items()}, parents)
    margin, legend = 18.0, _legend({box.kind for box in boxes.values()}, boxes.values())
    width = max(layout.width, legend[1]) + 2 * margin
    height = layout.height + 2 * margin + 30
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" {FONT} text-anchor="middle">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" '
        f'markerHeight="8" orient="auto"><path d="M0,0.8 L8,4 L0,7.2 z" fill="{EDGE}"/></marker>'
        "</defs>",
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="10" fill="#ffffff"/>',
        f'<g transform="translate({margin + (width - 2 * margin - layout.width) / 2:.1f},'
        f'{margin})">',
        *_edges(layout),
        *(line for v, box in boxes.items() for line in _rectangle(box, layout.centres[v])),
        "</g>",
        f'<g transform="translate({margin},{height - margin:.1f})" text-anchor="start" '
        f'font-size="11" fill="{SHAPE}">{legend[0]}</g>',
        "</svg>",
    ]
    return "\n".join(lines)


def _edges(layout: Layout) -> list[str]:
    lines = []
    for path in layout.paths.values():
        d = f"M{path[0][0]:.1f},{path[0][1]:.1f}"
        for (x0, y0), (x1, y1) in pairwise(path):
            middle = (x0 + x1) / 2
            d += f" C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f}"
        lines.append(
            f'<path d="{d}" fill="none" stroke="{EDGE}" stroke-width="1.5" marker-end="url(#tip)"/>'
        )
    return lines


def _rectangle(box: Box, centre: Point) -> list[str]:
    (x, y), (width, height) = centre, box.size
    fill, border = COLOURS[box.kind]
    top = y - height / 2
    radius = 12 if box.kind not in ("operation", "output") else 6
    lines = [
        f"<g><title>{html.escape(box.details)}</title>",
        f'<rect x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" '
        f'rx="{radius}" fill="{fill}" stroke="{border}" stroke-width="1.5"/>',
        _label(x, top + 23, 14, TEXT, box.title),
    ]
    below = top + 40
    if box.shape:
        lines.append(_label(x, below - 2, 10, SHAPE, box.shape))
        below += 15
    for text, colour in ((box.value, VALUE), (box.signal, SIGNAL)):
        if text is not None:
            lines.append(_label(x, below, 12, colour, text))
            below += 17
    return [*lines, "</g>"]


def _label(x: float, y: float, size: int, colour: str, text: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}">'
        f"{html.escape(text)}</text>"
    )


def _legend(kinds: set[str], boxes: Iterable[Box]) -> tuple[str, float]:
    """Return the legend as SVG and its width."""
    x, parts = 0.0, []
    for kind, (fill, border) in COLOURS.items():
        if kind in kinds:
            parts.append(
                f'<rect x="{x:.1f}" y="-9" width="14" height="10" rx="3" fill="{fill}" '
                f'stroke="{border}"/><text x="{x + 19:.1f}" y="0">{kind}</text>'
            )
            x += 19 + _width(kind, 11) + 16
    boxes = list(boxes)
    for name, colour, used in (
        ("value", VALUE, any(b.value is not None for b in boxes)),
        ("error signal", SIGNAL, any(b.signal is not None for b in boxes)),
    ):
        if used:
            parts.append(f'<text x="{x:.1f}" y="0" fill="{colour}">{name}</text>')
            x += _width(name, 11) + 16
    return "".join(parts), x


def _width(text: str, size: float) -> float:
    """Return about how wide a text is: no font is at hand, so rather too wide than too narrow."""
    return size * sum(
        0.0
        if unicodedata.combining(c)
        else 0.36
        if c in "iIjl.,;:'|()[] ·"
        else 0.9
        if c in "mwMW×=+−"
        else 0.64
        for c in text
    )


# ------------------------------------------------------------------------- Mermaid and DOT


def _mermaid(boxes: Mapping[Node, Box], parents: Mapping[Node, list[Node]]) -> str:
    ids = {v: f"n{i}" for i, v in enumerate(boxes)}
    lines = ["flowchart LR"]
    for v, box in boxes.items():
        text = "<br/>".join(html.escape(part).replace("#", "&num;") for part in _written(box))
        left, right = ("[", "]") if v.parents else ("([", "])")
        lines.append(f'  {ids[v]}{left}"{text}"{right}:::{box.kind}')
    lines += [f"  {ids[p]} --> {ids[v]}" for v in boxes for p in parents[v]]
    lines += [
        f"  classDef {kind} fill:{fill},stroke:{border}" for kind, (fill, border) in COLOURS.items()
    ]
    return "\n".join(lines)


def _dot(boxes: Mapping[Node, Box], parents: Mapping[Node, list[Node]]) -> str:
    ids = {v: f"n{i}" for i, v in enumerate(boxes)}
    lines = [
        "digraph {",
        "  rankdir=LR",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica"]',
    ]
    for v, box in boxes.items():
        text = "\\n".join(part.replace("\\", "\\\\").replace('"', '\\"') for part in _written(box))
        fill, border = COLOURS[box.kind]
        lines.append(f'  {ids[v]} [label="{text}", fillcolor="{fill}", color="{border}"]')
    lines += [f"  {ids[p]} -> {ids[v]}" for v in boxes for p in parents[v]]
    return "\n".join([*lines, "}"])


def _written(box: Box) -> list[str]:
    return [text for text in (box.title, box.shape, box.value, box.signal) if text]
