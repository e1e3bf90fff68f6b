"""A fitted estimator of tables as one graph, from raw numbers of a row to what it predicts.

Each column of the table is one number: NaN where it is missing, and for categories the place in the
list of them. What prepares the columns, the networks, their mean and the targets' units are nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import graph as g
from fastmlp.data import frames
from fastmlp.data.columns.base import FARTHEST
from fastmlp.data.columns.category import CategoryColumn, FlagColumn, places
from fastmlp.data.columns.date import DateColumn, days_of
from fastmlp.data.columns.number import NumberColumn, TailedColumn
from fastmlp.estimators.tabular.tables import warn_if_strange
from fastmlp.graph.node import apply
from fastmlp.networks.exported import ExportedNodes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastmlp.data.columns.base import Column
    from fastmlp.data.table import Preprocessing
    from fastmlp.estimators.tabular.fitted import Fitted

    Array = NDArray[Any]
    Node = g.Node

#: How many numbers of float32 there must be in the spread of a column.
_STEPS = 100
#: Numbers within it have squares that float32 can hold.
_MOST = 1e15


def nodes_of(
    preprocessing: Preprocessing, fitted: Fitted, units: Array | None, said: Sequence[str]
) -> ExportedNodes:
    """Return the graph of an estimator.

    Parameters
    ----------
    preprocessing, fitted
        What `fit` has learned.
    units : ndarray (4, outputs) or None
        Of outputs that are numbers: scale, mean, lowest and highest of the targets.
    said : sequence of str
        What each output is.

    Raises
    ------
    ValueError
        If a column cannot be prepared by nodes: a date of which the calendar counts, or a column of
        an older file.
    """
    columns = preprocessing.columns
    x = g.input(len(columns), "x")
    parts = prepared_nodes(columns, x)
    names: dict[Node, str] = {}
    y = _joined(fitted, parts, names)
    if units is not None:
        scale, mean, low, high = units
        y = _between(y * g.constant(scale) + g.constant(mean), low, high)
    told = [f"x[{i}] is {_meaning(column)}" for i, column in enumerate(columns)]
    told += [f"y[{i}] is {what}" for i, what in enumerate(said)]
    return ExportedNodes(
        {"x": x},
        [("y", y)],
        names,
        np.dtype(np.float32),
        f"{fitted.members} networks for a table of {len(columns)} columns",
        lambda table: [raw_numbers(preprocessing, table)],
        told,
    )


def network_nodes(fitted: Fitted) -> tuple[list[Node], Node, dict[Node, str]]:
    """Return what the networks read, what they make of it, and the names of their parameters.

    They read numbers, flags and codes, those of them that there are, and make probabilities or
    standardised numbers.
    """
    layout = fitted.layout
    widths = {"numbers": layout.numbers, "flags": layout.flags, "codes": len(layout.codes)}
    parts = [g.input(width, name) for name, width in widths.items() if width]
    names: dict[Node, str] = {}
    return parts, _joined(fitted, parts, names), names


def raw_numbers(preprocessing: Preprocessing, table: Any) -> Array:
    """Return the rows of a table as what is exported takes them: (rows, columns used), float32."""
    given = preprocessing.matched(frames.named(table))
    found = np.empty((given.rows, len(preprocessing.columns)), np.float32)
    for i, column in enumerate(preprocessing.columns):
        values = preprocessing.values_of(column.name, given)
        if isinstance(column, CategoryColumn):
            place = places(values, column.categories)
            found[:, i] = np.where(place < 0, np.nan, place)
        elif isinstance(column, FlagColumn):
            signs = np.zeros((given.rows, 1))
            column.fill(values, signs, signs, signs, warn_if_strange)
            found[:, i] = np.where(signs[:, 0] == 0, np.nan, signs[:, 0] > 0)
        elif isinstance(column, DateColumn):
            dates = column.read(values, warn_if_strange)
            found[:, i] = np.where(np.isnat(dates), np.nan, days_of(dates))
        elif isinstance(column, NumberColumn):
            found[:, i] = column.read(values, warn_if_strange)
        else:
            found[:, i] = values.numbers()
    return found


def prepared_nodes(columns: Sequence[Column], x: Node) -> list[Node]:
    """Return what the networks read: numbers, flags and codes, those of them that there are."""
    flags: list[Node] = []
    codes: list[Node] = []
    scaled = [i for i, c in enumerate(columns) if isinstance(c, NumberColumn | DateColumn)]
    numbers = _numbers([columns[i] for i in scaled], _chosen(x, scaled)) if scaled else None
    for i, column in enumerate(columns):
        one = x[:, i]
        if isinstance(column, NumberColumn | DateColumn):
            if isinstance(column, DateColumn) and column.parts:
                raise ValueError(
                    f"column {column.name!r} is a date whose {' and '.join(column.parts)} count, "
                    "which cannot be exported as source; fit with kinds="
                    f"{{{column.name!r}: 'ignore'}}, and with columns for what should count"
                )
            if column.indicator:
                flags.append(1.0 - _where_positive(1.0, one * one + 1.0))
        elif isinstance(column, FlagColumn):
            flags.append(_where_positive(2.0 * one - 1.0, one * one + 1.0))
        elif isinstance(column, CategoryColumn):
            (codes if column.codes else flags).append(_category(column, one))
        else:
            raise ValueError(
                f"column {column.name!r} is of the kind {column.kind!r}, of an older file, which "
                "cannot be exported as source: fit it anew"
            )
    parts = [] if numbers is None else [numbers]
    return [*parts, *(g.concatenate(each) for each in (flags, codes) if each)]


def _chosen(x: Node, places: list[int]) -> Node:
    """Return some columns, neighbours at once."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][1] == place:
            runs[-1][1] += 1
        else:
            runs.append([place, place + 1])
    return g.concatenate([x[:, begin:end] for begin, end in runs])


def _where_positive(a: g.Node | float, h: Node) -> Node:
    """Return a where h > 0, else 0: of NaN too, for which nothing holds."""
    return apply("relu_message", a, h)


def _numbers(columns: Sequence[Any], x: Node) -> Node | None:
    """Return the numbers of columns clipped or compressed, see `data.columns.base`."""
    kept = [i for i, column in enumerate(columns) if column.scale > 0]
    if not kept:
        return None
    if len(kept) < len(columns):
        x, columns = _chosen(x, kept), [columns[i] for i in kept]
    for column in columns:
        if not (1e-30 < column.scale < 1e30 and abs(column.median) < 1e30):
            raise ValueError(
                f"column {column.name!r}: numbers of {column.median:g} ± {column.scale:g} are "
                "beyond float32, which exported source computes in; give them in another unit"
            )
        step = float(np.spacing(np.float32(abs(column.median))))
        if column.scale < _STEPS * step:
            raise ValueError(
                f"column {column.name!r}: numbers of {column.median:.10g} ± {column.scale:g} are "
                f"{step:g} apart in float32, which exported source computes in; give them less "
                "what they have in common, or export '.onnx'"
            )
    median, scale, fill = (
        g.constant([[getattr(column, name) for column in columns]])
        for name in ("median", "scale", "fill_value")
    )
    there = x * x + 1.0  # NaN where it is missing
    third = _between((_where_positive(x, there) - median) / scale / 3.0, -_MOST, _MOST)
    root = g.sqrt(1.0 + third * third)
    found = 3.0 * third / root
    tailed = [isinstance(column, TailedColumn) for column in columns]
    if any(tailed):
        size = 3.0 * g.log(g.abs(third) + root)
        compressed = _where_positive(size, third) - _where_positive(size, -third)
        found += g.constant(np.array([tailed], np.float64)) * (
            _between(compressed, -FARTHEST, FARTHEST) - found
        )
    return fill + _where_positive(found - fill, there)


def _between(y: Node, low: Any, high: Any) -> Node:
    """Return y within bounds."""
    return -g.maximum(-g.maximum(y, g.constant(low)), g.constant(-np.asarray(high)))


def _category(column: CategoryColumn, one: Node) -> Node:
    """Return the flags of a category, or its code."""
    count = len(column.categories)
    if column.codes:
        return _where_positive(one + 1.0, (one + 1.0) * ((count - 0.5) - one))
    places = g.constant(np.arange(count, dtype=np.float64)[None])
    flags = _where_positive(1.0, 0.5 - g.abs(one - places))
    if column.others and count > 1:
        return g.concatenate(flags, 1.0 - g.sum(flags, axis=1))
    if column.others:
        return 2.0 * (1.0 - flags) - 1.0
    return flags[:, 1] - flags[:, 0] if count == 2 else flags


def _joined(fitted: Fitted, parts: list[Node], names: dict[Node, str]) -> Node:
    """Return the mean of the networks, calibrated and in range; see `Fitted.joined`."""
    shape, total = fitted.shape, None
    for d, (design, models) in enumerate(zip(fitted.recipe.designs, fitted.models, strict=True)):
        share = fitted.weights[d] / len(models) if models else 0.0
        for m, model in enumerate(models if share > 0 else ()):
            network = model.network
            z, _ = network.forward(parts, training=False)
            pairs = zip(network.parameter_nodes, network.parameter_names, strict=True)
            names.update({node: f"n{d}_{m}_{name}" for node, name in pairs})
            y = g.group_rows(z, design.copies)
            y = g.ungroup_rows(g.softmax(y) if shape.classes else y, design.copies)
            y = y @ g.constant(_mean_of_copies(design.copies, shape.outputs, shape.quantiles))
            total = share * y if total is None else total + share * y
    assert total is not None
    if shape.classes:
        if fitted.temperature == 1:
            return total
        tiny = float(np.finfo(np.float32).tiny)
        return g.softmax(g.log(g.maximum(total, tiny)) / fitted.temperature)
    total = _between(total, fitted.low[None], fitted.high[None])
    return _ascending(total, shape.quantiles) if shape.quantiles > 1 else total


def _mean_of_copies(copies: int, outputs: int, quantiles: int) -> Array:
    """Return the matrix of the mean; what each quantile has comes target by target behind it."""
    order = np.arange(outputs)
    if quantiles:
        order = order.reshape(quantiles, -1).T.ravel()
    return np.tile(np.eye(outputs)[:, order], (copies, 1)) / copies


def _ascending(y: Node, count: int) -> Node:
    """Return every `count` numbers of a row in order, by a network that compares neighbours."""
    columns = [y[:, i] for i in range(y.shape[1])]
    for first in range(0, len(columns), count):
        for turn in range(count):
            for i in range(first + turn % 2, first + count - 1, 2):
                a, b = columns[i], columns[i + 1]
                columns[i], columns[i + 1] = -g.maximum(-a, -b), g.maximum(a, b)
    return g.concatenate(columns)


def _meaning(column: Column) -> str:
    """Say what the number of a column is."""
    name = repr(column.name)
    if isinstance(column, CategoryColumn):
        known = ", ".join(f"{i} {text!r}" for i, text in enumerate(column.categories))
        return f"{name}: {known}; NaN for any other"
    if isinstance(column, FlagColumn):
        return f"{name}: 0 {column.off!r}, 1 {column.on!r}; NaN if it is missing"
    what = ""
    if isinstance(column, DateColumn):
        what = f"days since 1970{column.clock} of "
    elif isinstance(column, NumberColumn) and column.seconds:
        what = "seconds of "
    return f"{what}{name}, NaN if it is missing"
