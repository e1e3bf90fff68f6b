"""Sums and means over rows, columns or everything, and their adjoint: to spread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp._checks import flag, taught, whole
from fastmlp.graph.habits import OF_SUMS
from fastmlp.graph.node import Array, Node, Operand, Run, Shape, apply, as_node, declare
from fastmlp.graph.shapes import broadcast, describe, number_of_rows


@taught(OF_SUMS)
def sum(a: Operand, axis: int | None = None) -> Node:
    """Return Σ a over the rows (axis 0), the columns (axis 1) or all elements (None).

    The result keeps two dimensions: (1, n), (rows, 1) or (1, 1).

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> a = g.constant([[1.0, 2.0], [3.0, 4.0]])
    >>> g.reference.evaluate(g.sum(a, axis=0), {})
    array([[4., 6.]])
    """
    return apply("sum", a, axis=_axis(axis))


@taught(OF_SUMS)
def mean(a: Operand, axis: int | None = None) -> Node:
    """Return the mean of a over the rows (axis 0), the columns (axis 1) or all elements (None)."""
    return apply("mean", a, axis=_axis(axis))


def _axis(axis: int | None) -> int | None:
    if axis is None:
        return None
    number = whole(axis)
    if number not in (-2, -1, 0, 1):
        raise ValueError(f"axis: expected None, 0 or 1, got {axis!r}")
    return number % 2


def _reduced(shape: Shape, axis: int | None) -> Shape:
    return (shape[0] if axis == 1 else 1, shape[1] if axis == 0 else 1)


declare(
    "sum",
    shape=_reduced,
    value=lambda a, axis: np.sum(a, axis=axis, keepdims=True),
    derive=lambda h, bar, a: (spread(bar, a.shape),),
    formula=lambda a, axis: f"sum({a})" if axis is None else f"sum({a}, axis={axis})",
)

declare(
    "mean",
    shape=_reduced,
    value=lambda a, axis: np.mean(a, axis=axis, keepdims=True),
    derive=lambda h, bar, a: (spread(bar, a.shape, mean=True),),
    formula=lambda a, axis: f"mean({a})" if axis is None else f"mean({a}, axis={axis})",
)


def spread(a: Operand, shape: Shape, mean: bool = False) -> Node:
    """Return a broadcast to `shape`, divided by the number of copies if `mean`.

    The adjoint of `sum` and, with `mean`, of `mean`. The rows may be those of the batch.
    """
    node = as_node(a)
    mean = flag(mean, "mean")
    rows, columns = shape
    if node.shape == (rows, columns):
        return node
    # Copies of copies are copies, and their numbers multiply.
    if node.op == "spread" and node.attrs["mean"] == mean:
        return spread(node.parents[0], shape, mean)
    return apply("spread", node, shape=(rows, columns), mean=mean)


def _spread_shape(parent: Shape, shape: Shape, mean: bool) -> Shape:
    if broadcast(parent, shape) != shape:
        raise ValueError(f"{describe(parent)} does not broadcast to {describe(shape)}")
    return shape


def _spread_at_run(attrs: Mapping[str, Any], run: Run) -> dict[str, Any]:
    rows, columns = attrs["shape"]
    return {"shape": (number_of_rows(rows, run.rows), columns), "mean": attrs["mean"]}


def _spread_value(a: Array, shape: tuple[int, int], mean: bool) -> Array:
    copies = shape[0] * shape[1] // a.size
    return np.broadcast_to(a / copies if mean else a, shape)


def _spread_messages(h: Node, bar: Node, a: Node) -> tuple[Node]:
    repeated = [axis for axis in (0, 1) if h.shape[axis] != a.shape[axis]]
    axis = None if len(repeated) == 2 else repeated[0]
    return (apply("mean" if h.attrs["mean"] else "sum", bar, axis=axis),)


declare(
    "spread",
    shape=_spread_shape,
    value=_spread_value,
    derive=_spread_messages,
    formula=lambda a, shape, mean: f"spread({a})/n" if mean else f"spread({a})",
    precedence=2,
    at_run=_spread_at_run,
)


def uniform(node: Node) -> tuple[float, bool] | None:
    """Return (c, mean) if the node is an unnamed number c, or that number spread; else None.

    Named constants are left alone: whoever named one wants to see it.
    """
    mean = False
    if node.op == "spread":
        mean = node.attrs["mean"]
        (node,) = node.parents
    if node.op != "constant" or node.shape != (1, 1) or node.name is not None:
        return None
    assert node.value is not None
    return float(node.value[0, 0]), mean
