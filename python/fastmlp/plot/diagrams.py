"""A picture of a network: its units, and its connections with their weights as colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.plot import given
from fastmlp.plot.canvas import INK, axes, ink_of, picture
from fastmlp.plot.names import check_names, numbered, write_names
from fastmlp.plot.wires import wires

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from fastmlp.models.model import Model
    from fastmlp.networks.structure import SummaryRow

    Array = NDArray[Any]

_GREY = "#8C8C8C"
# Networks with at most this many connections have their weights written beside them by default.
_FEW = 12
# Of the strongest connection, in points; the weakest are hairlines.
_WIDEST = 3.2
# From column to column, in units' distances: enough for a picture half as wide again as high.
_NEAR, _FAR = 2.6, 6.0
_RADIUS = 0.3


@dataclass(eq=False)
class _Column:
    """Units drawn above each other: an input, or what a layer puts out."""

    name: str
    units: int
    depth: int
    notes: list[str] = field(default_factory=list)
    biases: Array | None = None
    shown: Array = field(default_factory=lambda: np.empty(0, int))
    positions: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def whole(self) -> bool:
        return len(self.shown) == self.units


_Unit = tuple[_Column, int]
_Key = tuple[str, int]  # a column's name, a unit's index


@dataclass(eq=False)
class _Bundle:
    """Connections to a column: from which units, and the weights (units, sources)."""

    sources: list[_Unit]
    target: _Column
    weights: Array | None  # None: without a weight
    links: Array | None = None  # (units, sources), which there are; by default all, or i to i


@picture
def network(
    model: Model,
    x: ArrayLike | None = None,
    *,
    most_units: int = 12,
    values: bool | None = None,
    feature_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the units of a network and their connections, left to right.

    Red connections have a positive weight, blue ones a negative, and the larger it is the wider and
    stronger the line, on a scale of its own for each layer; grey ones have none (sums). Layers of
    activations and dropout are noted below the column they act on; a concatenation is drawn as
    connections from each of its parts.

    Parameters
    ----------
    model : Model
        Anything with `layers` and a network: `MLP`, `Sequential`, `Model`.
    x : array-like, shape (columns,), optional
        One example: every unit is then as dark as its output is large (of its column's largest).
        Only for models of one input.
    most_units : int, default 12
        The most units drawn of a layer: those with the largest weights, in their order, with an
        ellipsis between.
    values : bool, optional
        Whether to write weights on the lines and biases above the units, rounded; by default if
        there are at most 12 connections.
    feature_names, class_names : sequence of str, optional
        What to write beside the inputs, x₁, x₂, … by default, and beside the outputs.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        matplotlib is missing.
    TypeError, ValueError
        If the model has not been built, an argument is wrong, or names are not as many as units.

    Examples
    --------
    >>> import fastmlp as fm
    >>> ax = fm.plot.network(fm.MLP([784, 256, 10], output="softmax", seed=0))
    >>> [text.get_text().split() for text in ax.texts][:3]
    [['784'], ['256', 'relu'], ['10', 'softmax']]
    """
    most_units = _checks.integer(most_units, "most_units", at_least=2)
    values = None if values is None else _checks.flag(values, "values")
    given.has(model, "network", "model", "a Model, as the model_ of an estimator is")
    rows, parts = model.network.summary(), {str(layer.name): layer for layer in model.layers}
    columns, bundles, last, where = _columns(rows, parts)
    first = [(column, i) for column in columns if column.depth == 0 for i in range(column.units)]
    feature_names = check_names(feature_names, first, "feature_names")
    class_names = check_names(class_names, last, "class_names")
    outputs = _outputs(model, x, where)
    for column in columns:
        column.shown = _strongest(column, bundles, most_units)
    width, height = _place(columns)
    # At most some seven inches wide, so that a phone shows the letters large enough.
    inch = min(0.75, 5.6 / (height + 1), 7.4 / (width + 3.5))
    ax = axes(ax, (inch * (width + 3.5), inch * (height + 3.5)))
    drawn = _connections(ax, bundles, columns)
    if values is None:
        values = drawn <= _FEW
    if values:
        _write_weights(ax, bundles)
    _draw_units(ax, columns, outputs, values)
    _captions(ax, columns, height)
    write_names(ax, first, numbered(first) if feature_names is None else feature_names, "right")
    if class_names is not None:
        write_names(ax, last, class_names, "left")
    ax.set_aspect("equal")
    ax.set_axis_off()
    ax.set_xlim(-1.1, width + 1.1)
    ax.margins(y=0.04)
    return ax


# Layers from each unit to itself: written under the units they take.
_NOTED = frozenset(
    {
        "Activation",
        "BatchNorm",
        "Dropout",
        "GaussianNoise",
        "LayerNorm",
        "PReLU",
        "RMSNorm",
        "Scale",
    }
)


# --- what there is to draw -------------------------------------------------------------------


def _columns(
    rows: Sequence[SummaryRow], parts: Mapping[str, Any]
) -> tuple[list[_Column], list[_Bundle], list[_Unit], dict[str, list[_Unit]]]:
    """Return columns, connections, the outputs' units, and the units of each row by its name."""
    columns: list[_Column] = []
    bundles: list[_Bundle] = []
    where: dict[str, list[_Unit]] = {}
    consumers: dict[str, int] = {}
    for row in rows:
        for source in row.connections:
            consumers[source] = consumers.get(source, 0) + 1
    for row in rows:
        sources = [where[name] for name in row.connections]
        joined = [unit for units in sources for unit in units]
        alone = len(row.connections) == 1 and consumers[row.connections[0]] == 1
        if row.kind == "Concatenate":
            where[row.name] = joined
            continue
        if row.kind in _NOTED and alone:
            said = repr(parts[row.name.partition(":")[0]]).lower()
            note = row.activation or said.removesuffix("()")
            for column in dict.fromkeys(column for column, _ in joined):
                column.notes.append(note)
            where[row.name] = joined
            continue
        depth = 1 + max((column.depth for column, _ in joined), default=-1)
        column = _Column(row.name, row.output_columns, depth)
        columns.append(column)
        where[row.name] = [(column, i) for i in range(column.units)]
        layer = parts.get(row.name.partition(":")[0])
        weights, links, column.biases = wires(layer, column.units, len(joined))
        if row.kind not in ("Input", "Dense"):
            column.notes.append(row.kind.lower())
        if row.activation not in ("", "identity"):
            column.notes.append(row.activation)
        if links is not None or weights is not None:
            bundles.append(_Bundle(joined, column, weights, links))
        elif joined:
            bundles += [_Bundle(units, column, None) for units in sources]
    several = [unit for row in rows if row.output for unit in where[row.name]]
    return columns, bundles, several or where[rows[-1].name], where


def _strongest(column: _Column, bundles: Sequence[_Bundle], most: int) -> Array:
    """Return which units to draw: those with the largest squared weights in and out."""
    if column.units <= most:
        return np.arange(column.units)
    strength = np.zeros(column.units)
    for bundle in bundles:
        if bundle.weights is None:
            continue
        if bundle.target is column:
            strength += (bundle.weights**2).sum(axis=1)
        for j, (source, unit) in enumerate(bundle.sources):
            if source is column:
                strength[unit] += (bundle.weights[:, j] ** 2).sum()
    return np.sort(np.argsort(-strength, kind="stable")[:most])


# --- where it is drawn -----------------------------------------------------------------------


def _place(columns: Sequence[_Column]) -> tuple[float, float]:
    """Give every shown unit a place; return width and height."""
    by_depth: dict[int, list[_Column]] = {}
    for column in columns:
        by_depth.setdefault(column.depth, []).append(column)
    heights = {
        depth: sum(_height(column) for column in stack) + 2.2 * (len(stack) - 1)
        for depth, stack in by_depth.items()
    }
    tallest, last = max(heights.values()), max(by_depth)
    between = float(np.clip(1.5 * tallest / max(last, 1), _NEAR, _FAR))
    for depth, stack in by_depth.items():
        y = heights[depth] / 2
        for column in stack:
            # The ellipsis takes the place of one unit, in the middle.
            half = (len(column.shown) + 1) // 2
            for k, unit in enumerate(column.shown.tolist()):
                below = k + (0 if column.whole or k < half else 1)
                column.positions[unit] = (depth * between, y - below)
            y -= _height(column) + 2.2
    return last * between, tallest


def _height(column: _Column) -> float:
    return len(column.shown) - 1 + (0 if column.whole else 1)


# --- drawing ---------------------------------------------------------------------------------


def _lines(bundle: _Bundle) -> list[tuple[tuple[float, float], tuple[float, float], float | None]]:
    """Return (from, to, weight) of each connection between units that are drawn."""
    found = []
    for j, (source, unit) in enumerate(bundle.sources):
        if unit not in source.positions:
            continue
        plain = bundle.weights is None and bundle.links is None
        targets = [j] if plain else bundle.target.shown.tolist()
        for i in targets:
            linked = bundle.links is None or bundle.links[i, j]
            if i in bundle.target.positions and linked:
                weight = None if bundle.weights is None else float(bundle.weights[i, j])
                found.append((source.positions[unit], bundle.target.positions[i], weight))
    return found


def _connections(ax: Axes, bundles: Sequence[_Bundle], columns: Sequence[_Column]) -> int:
    """Draw the connections, each bundle on a scale of its own; return how many."""
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    places = [place for column in columns for place in column.positions.values()]
    between = min((x for x, _ in places if x > 0), default=1.0)
    top = max(y for _, y in places)
    colours = colormaps["RdBu_r"]
    count = 0
    for bundle in bundles:
        lines = _lines(bundle)
        count += len(lines)
        largest = max((abs(w) for *_, w in lines if w is not None), default=0.0) or 1.0
        lines.sort(key=lambda line: abs(line[2] or 0.0))  # the strong ones on top
        shares = np.array([0.0 if w is None else w / largest for *_, w in lines])
        strengths = np.abs(shares)
        rgba = colours(0.5 + 0.5 * np.sign(shares) * (0.35 + 0.55 * strengths))
        crowd = np.clip(40 / max(len(lines), 1), 0.12, 1.0)
        rgba[:, 3] = np.clip(crowd * 0.35 + strengths * 0.9, 0.0, 0.95)
        widths = 0.4 + (_WIDEST - 0.4) * strengths * max(crowd, 0.45)
        if bundle.weights is None:
            rgba[:], widths[:] = (0.55, 0.55, 0.55, 0.8), 0.9
        paths = [_path(start, end, between, top) for start, end, _ in lines]
        ax.add_collection(LineCollection(paths, colors=rgba, linewidths=widths, zorder=1))
    return count


def _path(
    start: tuple[float, float], end: tuple[float, float], between: float, top: float
) -> Array:
    """Return a straight line, or where it would pass other columns an arc above them."""
    (x0, y0), (x1, y1) = start, end
    if x1 - x0 < 1.5 * between:
        return np.array([start, end])
    middle = top + 1.6 - 0.1 * (2 * top - y0 - y1)  # higher from higher units, so that they fan out
    peak = (middle - (y0 + y1) / 8) / 0.75
    corners = np.array([start, (x0 + 0.2 * (x1 - x0), peak), (x1 - 0.2 * (x1 - x0), peak), end])
    s = np.linspace(0, 1, 40)[:, None]
    weights = np.hstack([(1 - s) ** 3, 3 * s * (1 - s) ** 2, 3 * s**2 * (1 - s), s**3])
    curve: Array = weights @ corners
    return curve


def _write_weights(ax: Axes, bundles: Sequence[_Bundle]) -> None:
    for bundle in bundles:
        for (x0, y0), (x1, y1), weight in _lines(bundle):
            if weight is None:
                continue
            # Beside the sources, where lines to one target are apart.
            share = 0.36
            ax.text(
                x0 + share * (x1 - x0),
                y0 + share * (y1 - y0),
                _number(weight),
                ha="center",
                va="center",
                size=9,
                color=INK,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.9},
                zorder=2,
            )


def _draw_units(
    ax: Axes, columns: Sequence[_Column], outputs: Mapping[_Key, float], values: bool
) -> None:
    from matplotlib import colormaps
    from matplotlib.patches import Circle

    for column in columns:
        largest = max(
            (abs(outputs.get((column.name, i), 0.0)) for i in column.positions), default=0
        )
        for unit, (x, y) in column.positions.items():
            value = outputs.get((column.name, unit))
            share = 0.0 if value is None else abs(value) / (largest or 1.0)
            face = "white" if value is None else colormaps["Greys"](0.05 + 0.8 * share)
            ax.add_patch(
                Circle((x, y), _RADIUS, facecolor=face, edgecolor=INK, linewidth=1.1, zorder=3)
            )
            if values and value is not None:
                ink = "white" if share > 0.6 else INK
                ax.text(x, y, _number(value), ha="center", va="center", size=9, color=ink, zorder=4)
            if values and column.biases is not None:
                bias = f"b = {_number(float(column.biases.ravel()[unit]))}"
                ax.text(x, y + 0.38, bias, ha="center", va="bottom", size=8, color=_GREY, zorder=4)
        if not column.whole:
            ys = [y for _, y in column.positions.values()]
            gap = ys[(len(ys) + 1) // 2 - 1] - 1
            x = next(iter(column.positions.values()))[0]
            ax.plot([x] * 3, [gap - 0.22, gap, gap + 0.22], ".", color=ink_of(ax), ms=4, zorder=4)


def _outputs(
    model: Model, x: ArrayLike | None, where: Mapping[str, list[_Unit]]
) -> dict[_Key, float]:
    """Return what each unit puts out for an example, by the names of columns."""
    if x is None:
        return {}
    row = given.numbers(x, "x")
    if row.ndim == 1:
        row = row[None]
    if len(model.network.input_columns) > 1:
        raise ValueError("x is one example of a model of one input; this one has several")
    (columns,) = model.network.input_columns
    if row.shape != (1, columns):
        raise ValueError(f"x must be one example of {columns} columns, got shape {np.shape(x)}")
    found = {}
    first = next(iter(where))
    for name, value in {first: row, **model.activations(row)}.items():
        for (column, unit), number in zip(where[name], value[0].tolist(), strict=True):
            found[column.name, unit] = number
    return found


def _captions(ax: Axes, columns: Sequence[_Column], height: float) -> None:
    """Write below each column how many units it has and what is done to them."""
    lowest = -height / 2
    stacks = [column.depth for column in columns]
    for column in columns:
        xs, ys = zip(*column.positions.values(), strict=True)
        alone = stacks.count(column.depth) == 1
        bottom = lowest if alone else min(ys)
        text = "\n".join([str(column.units), *column.notes])
        ax.text(xs[0], bottom - 0.55, text, ha="center", va="top", size=10, color=ink_of(ax))


def _number(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")
