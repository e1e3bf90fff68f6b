"""Columns: joining, cutting out and padding them; picking one element of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fastmlp import _checks
from fastmlp.graph.habits import OF_ROWS
from fastmlp.graph.node import Array, Node, Operand, Shape, apply, as_node, declare
from fastmlp.graph.shapes import describe


@_checks.taught(OF_ROWS)
def concatenate(*nodes: Operand | Sequence[Operand]) -> Node:
    """Return the nodes' columns side by side: (b, m), (b, n) → (b, m + n).

    Takes a sequence of nodes, as NumPy does, or the nodes themselves.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.concatenate([g.input(3, "h"), g.input(2, "x")]).shape
    ('batch', 5)
    """
    if len(nodes) == 1 and isinstance(nodes[0], list | tuple):
        nodes = tuple(nodes[0])
    if not nodes:
        raise ValueError("concatenate: expected at least one node, got none")
    parents = [as_node(node) for node in nodes]  # type: ignore[arg-type]
    return parents[0] if len(parents) == 1 else apply("concatenate", *parents)


def _concatenated(*shapes: Shape) -> Shape:
    if len({rows for rows, _ in shapes}) > 1:
        raise ValueError(f"rows differ: shapes {', '.join(map(describe, shapes))}")
    return shapes[0][0], sum(columns for _, columns in shapes)


def _concatenate_messages(h: Node, bar: Node, *parents: Node) -> tuple[Node, ...]:
    stops = np.cumsum([p.shape[1] for p in parents]).tolist()
    return tuple(
        slice(bar, stop - p.shape[1], stop) for p, stop in zip(parents, stops, strict=True)
    )


declare(
    "concatenate",
    shape=_concatenated,
    value=lambda *arrays: np.concatenate(arrays, axis=1),
    derive=_concatenate_messages,
    formula="[{all}]",
)


def _place(column: Any, name: str) -> int:
    return _checks.integer(column, name, at_least=-_checks.MOST)


def slice(a: Operand, start: int, stop: int) -> Node:
    """Return the columns start … stop − 1 of a; also written a[:, start:stop]."""
    return apply("slice", a, start=_place(start, "start"), stop=_place(stop, "stop"))


def _slice_shape(a: Shape, start: int, stop: int) -> Shape:
    if not 0 <= start < stop <= a[1]:
        raise ValueError(f"columns {start}:{stop} are not in a matrix of shape {describe(a)}")
    return a[0], stop - start


declare(
    "slice",
    shape=_slice_shape,
    value=lambda a, start, stop: a[:, start:stop],
    derive=lambda h, bar, a: (pad(bar, h.attrs["start"], a.shape[1]),),
    formula="{0}[:, {start}:{stop}]",
)


def pad(a: Operand, start: int, columns: int) -> Node:
    """Return a matrix of `columns` columns, zero but for a, which begins at column `start`."""
    columns = _checks.columns(columns, "columns")
    return apply("pad", a, start=_place(start, "start"), columns=columns)


def _pad_shape(a: Shape, start: int, columns: int) -> Shape:
    if start < 0 or start + a[1] > columns:
        raise ValueError(f"shape {describe(a)} at column {start} does not fit {columns} columns")
    return a[0], columns


def _pad_value(a: Array, start: int, columns: int) -> Array:
    return np.pad(a, ((0, 0), (start, columns - start - a.shape[1])))


declare(
    "pad",
    shape=_pad_shape,
    value=_pad_value,
    derive=lambda h, bar, a: (slice(bar, h.attrs["start"], h.attrs["start"] + a.shape[1]),),
    formula="pad({0}, {start}, {columns})",
)


def pick(a: Operand, index: Operand) -> Node:
    """Return one element of each row: a (b, n), index (b, 1) → a[i, index_i] (b, 1).

    The index is a number in 0 … n − 1, for instance a class; it receives no message.
    """
    return apply("pick", a, index)


def _pick_shape(a: Shape, index: Shape) -> Shape:
    if index != (a[0], 1):
        raise ValueError(
            f"a {describe(a)} needs an index of shape ({a[0]}, 1), got {describe(index)}"
        )
    return a[0], 1


declare(
    "pick",
    shape=_pick_shape,
    value=lambda a, index: np.take_along_axis(a, class_index(index, a.shape[1]), axis=1),
    derive=lambda h, bar, a, index: (scatter(bar, index, a.shape[1]), None),
    formula="pick({0}, {1})",
)


def scatter(a: Operand, index: Operand, columns: int) -> Node:
    """Return a matrix of `columns` columns, zero but for a (b, 1) in column index (b, 1)."""
    return apply("scatter", a, index, columns=_checks.columns(columns, "columns"))


def _scatter_shape(a: Shape, index: Shape, columns: int) -> Shape:
    if a[1] != 1 or index != a:
        raise ValueError(
            f"expected a and index of shape (b, 1), got {describe(a)}, {describe(index)}"
        )
    return a[0], columns


def _scatter_value(a: Array, index: Array, columns: int) -> Array:
    result = np.zeros((a.shape[0], columns), a.dtype)
    np.put_along_axis(result, class_index(index, columns), a, axis=1)
    return result


declare(
    "scatter",
    shape=_scatter_shape,
    value=_scatter_value,
    derive=lambda h, bar, a, index: (pick(bar, index), None),
    formula="scatter({0}, {1})",
)


def class_index(index: Array, count: int, where: str = "") -> Array:
    """Return indices given as numbers as integers; ValueError if one is not in 0 … count − 1."""
    numbers = index.real
    with np.errstate(invalid="ignore"):
        whole = numbers.astype(np.int64)
    wrong = (whole != numbers) | (whole < 0) | (whole >= count)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise ValueError(
            f"index: expected whole numbers in 0 … {count - 1}{where}, got {wrong.sum()} others, "
            f"the first {numbers.flat[row]:g} in row {row}"
        )
    return whole
