"""Tables of which rows are taken by number: embeddings, and their gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastmlp.graph.node import Array, Node, Operand, Shape, apply, as_node, declare
from fastmlp.graph.ops.columns import class_index, pad, slice
from fastmlp.graph.shapes import describe


def take_rows(tables: Operand | Sequence[Operand], index: Operand) -> Node:
    """Return rows of tables side by side: those that each column of `index` names.

    Row i of the result is [table₁[index[i, 0]], table₂[index[i, 1]], …]. The index receives no
    message; the message to a table adds up the rows of the error signal that each number has.

    Parameters
    ----------
    tables : node (categories, columns), or a sequence of such
        A table for each column of the index. One table may stand several times.
    index : node (b, tables)
        Whole numbers in 0 … categories − 1. Other numbers have rows of NaN in the core and raise
        ValueError in the reference.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> table, index = g.constant([[1.0, 2.0], [3.0, 4.0]]), g.input(1, "index")
    >>> g.reference.evaluate(g.take_rows(table, index), {index: [1, 0, 1]})
    array([[3., 4.],
           [1., 2.],
           [3., 4.]])
    """
    several: Sequence[Operand] = tables if isinstance(tables, list | tuple) else [as_node(tables)]  # type: ignore[arg-type]
    return apply("take_rows", index, *several)


def _taken_shape(index: Shape, *tables: Shape) -> Shape:
    if not tables or index[1] != len(tables):
        raise ValueError(
            f"expected a table for each column of the index {describe(index)}, got {len(tables)}"
        )
    for table in tables:
        if isinstance(table[0], str):
            raise ValueError(f"a table must have a number of rows, got {describe(table)}")
    return index[0], sum(columns for _, columns in tables)


def _taken_value(index: Array, *tables: Array) -> Array:
    found = [t[_numbers(index, j, len(t))] for j, t in enumerate(tables)]
    return np.concatenate(found, axis=1)


def _numbers(index: Array, column: int, categories: int) -> Array:
    """Return a column of the index as integers; ValueError if one is no row of the table."""
    return class_index(index[:, column], categories, f" in column {column}")


def _taken_messages(h: Node, bar: Node, index: Node, *tables: Node) -> tuple[Node | None, ...]:
    messages, start = [], 0
    for j, table in enumerate(tables):
        rows, columns = int(table.shape[0]), table.shape[1]
        messages.append(
            apply("add_rows", bar, index, rows=rows, columns=columns, start=start, column=j)
        )
        start += columns
    return (None, *messages)


declare(
    "take_rows",
    shape=_taken_shape,
    value=_taken_value,
    derive=_taken_messages,
    formula="rows({all})",
)


# The adjoint of taking rows: (rows, columns), the sum of the parts a[i, start : start + columns] in
# row index[i, column].


def _added_shape(a: Shape, index: Shape, rows: int, columns: int, start: int, column: int) -> Shape:
    if index[0] != a[0] or not 0 <= column < index[1] or not 0 <= start <= a[1] - columns:
        raise ValueError(
            f"columns {start}:{start + columns} of {describe(a)} by column {column} of an index "
            f"{describe(index)} do not fit"
        )
    return rows, columns


def _added_value(a: Array, index: Array, rows: int, columns: int, start: int, column: int) -> Array:
    result = np.zeros((rows, columns), a.dtype)
    np.add.at(result, _numbers(index, column, rows), a[:, start : start + columns])
    return result


def _added_messages(h: Node, bar: Node, a: Node, index: Node) -> tuple[Node, None]:
    j, start = h.attrs["column"], h.attrs["start"]
    taken = take_rows(bar, slice(index, j, j + 1) if index.shape[1] > 1 else index)
    return (pad(taken, start, a.shape[1]) if taken.shape != a.shape else taken), None


declare(
    "add_rows",
    shape=_added_shape,
    value=_added_value,
    derive=_added_messages,
    formula="add_rows({0}[:, {start}:], {1}[:, {column}])",
)
