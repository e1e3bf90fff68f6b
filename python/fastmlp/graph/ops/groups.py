"""Columns in groups: (b, k·n) seen as (k·b, n), which is the same memory, and a product for each.

Functions of rows, as softmax, and products with one W then see each group as a row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp._checks import MOST, flag, integer
from fastmlp.graph.node import Array, Node, Operand, Shape, apply, as_node, declare
from fastmlp.graph.shapes import describe, fraction, multiple


def number_of_groups(groups: Any) -> int:
    """Return a number of groups if it is one."""
    count = integer(groups, "groups", at_least=-MOST)
    if count < 1:
        raise ValueError(f"groups: expected at least 1, got {count}")
    return count


def group_rows(a: Operand, groups: int) -> Node:
    """Return the groups of columns of each row as rows: (b, k·n) → (k·b, n).

    Row i of the result, for i = k·r + j, is group j of row r. The number of rows is then a multiple
    of the batch's: such a node has functions, sums and means as any other, but cannot be fed.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x = g.input(4, "x")
    >>> g.group_rows(x, 2).shape
    ('2·batch', 2)
    >>> g.reference.evaluate(g.group_rows(x, 2), {x: [[1.0, 2.0, 3.0, 4.0]]})
    array([[1., 2.],
           [3., 4.]])
    """
    return _regrouped("group_rows", "ungroup_rows", a, groups)


def ungroup_rows(a: Operand, groups: int) -> Node:
    """Return every `groups` rows side by side: (k·b, n) → (b, k·n), the inverse of `group_rows`."""
    return _regrouped("ungroup_rows", "group_rows", a, groups)


def _regrouped(op: str, inverse: str, a: Operand, groups: int) -> Node:
    node, count = as_node(a), number_of_groups(groups)
    if count == 1:
        return node
    if node.op == inverse and node.attrs["groups"] == count:
        return node.parents[0]
    return apply(op, node, groups=count)


def _columns_of_group(a: Shape, groups: int) -> int:
    if a[1] % groups:
        raise ValueError(f"the columns of {describe(a)} are not {groups} groups of as many")
    return a[1] // groups


declare(
    "group_rows",
    shape=lambda a, groups: (multiple(a[0], groups), _columns_of_group(a, groups)),
    value=lambda a, groups: a.reshape(-1, a.shape[1] // groups),
    derive=lambda h, bar, a: (ungroup_rows(bar, h.attrs["groups"]),),
    formula="group_rows({0}, {groups})",
)

declare(
    "ungroup_rows",
    shape=lambda a, groups: (fraction(a[0], groups), a[1] * groups),
    value=lambda a, groups: a.reshape(-1, a.shape[1] * groups),
    derive=lambda h, bar, a: (group_rows(bar, h.attrs["groups"]),),
    formula="ungroup_rows({0}, {groups})",
)


# A product for each group: aᵢ Wᵢ, aᵢ Wᵢᵀ or aᵢᵀ cᵢ. Rows have their groups side by side, (b, k·n);
# matrices W one below the other, (k·m, n). The three are each other's messages.


def group_matmul(
    a: Operand, b: Operand, groups: int, transpose_a: bool = False, transpose_b: bool = False
) -> Node:
    """Return the products of groups: of rows a (b, k·n) with matrices, or of two a and b of rows.

    Parameters
    ----------
    a : node (b, k·n)
        Rows, with k groups of columns.
    b : node
        Matrices one below the other: (k·m, n) if `transpose_b`, for aᵢ bᵢᵀ (b, k·m); (k·n, m) for
        aᵢ bᵢ (b, k·m). If `transpose_a`, rows (b, k·m), for aᵢᵀ bᵢ one below the other, (k·n, m).
    groups : int
        k.
    transpose_a, transpose_b : bool
        Not both.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> a, W = g.constant([[1.0, 2.0, 3.0, 4.0]]), g.constant([[1.0, 1.0], [0.5, 2.0]])
    >>> g.reference.evaluate(g.group_matmul(a, W, 2, transpose_b=True), {})
    array([[3. , 9.5]])
    """
    flags = {
        "transpose_a": flag(transpose_a, "transpose_a"),
        "transpose_b": flag(transpose_b, "transpose_b"),
    }
    return apply("group_matmul", a, b, groups=number_of_groups(groups), **flags)


def _group_matmul_shape(
    a: Shape, b: Shape, groups: int, transpose_a: bool, transpose_b: bool
) -> Shape:
    inner = _columns_of_group(a, groups)
    if transpose_a and transpose_b:
        raise ValueError("transpose_a and transpose_b cannot both be True")
    if transpose_a:
        if a[0] != b[0]:
            raise ValueError(f"a and b need as many rows, got {describe(a)} and {describe(b)}")
        return inner * groups, _columns_of_group(b, groups)
    if isinstance(b[0], str) or b[0] % groups:
        raise ValueError(f"the rows of {describe(b)} are not {groups} groups of as many")
    rows, columns = b[0] // groups, b[1]
    if (columns if transpose_b else rows) != inner:
        raise ValueError(f"{groups} groups of {describe(a)} and {describe(b)} do not fit")
    return a[0], groups * (rows if transpose_b else columns)


def _group_matmul_value(
    a: Array, b: Array, groups: int, transpose_a: bool, transpose_b: bool
) -> Array:
    parts = np.split(a, groups, axis=1)
    others = np.split(b, groups, axis=1 if transpose_a else 0)
    if transpose_a:
        return np.concatenate([x.T @ y for x, y in zip(parts, others, strict=True)])
    products = [x @ (W.T if transpose_b else W) for x, W in zip(parts, others, strict=True)]
    return np.concatenate(products, axis=1)


def _group_matmul_messages(h: Node, bar: Node, a: Node, b: Node) -> tuple[Node, Node]:
    k = h.attrs["groups"]
    if h.attrs["transpose_a"]:  # aᵀb: ā = b barᵀ, b̄ = a bar
        return group_matmul(b, bar, k, transpose_b=True), group_matmul(a, bar, k)
    if h.attrs["transpose_b"]:  # a bᵀ: ā = bar b, b̄ = barᵀ a
        return group_matmul(bar, b, k), group_matmul(bar, a, k, transpose_a=True)
    return group_matmul(bar, b, k, transpose_b=True), group_matmul(a, bar, k, transpose_a=True)


declare(
    "group_matmul",
    shape=_group_matmul_shape,
    value=_group_matmul_value,
    derive=_group_matmul_messages,
    formula=lambda a, b, groups, transpose_a, transpose_b: (
        f"{a}{'ᵀ' * transpose_a} {b}{'ᵀ' * transpose_b} in {groups} groups"
    ),
    precedence=2,
)


def _group_affine_shape(x: Shape, W: Shape, b: Shape, groups: int) -> Shape:
    rows, outputs = _group_matmul_shape(x, W, groups, False, True)
    if b != (1, outputs):
        raise ValueError(f"W {describe(W)} needs b of shape (1, {outputs}), got {describe(b)}")
    return rows, outputs


declare(
    "group_affine",
    shape=_group_affine_shape,
    value=lambda x, W, b, groups: _group_matmul_value(x, W, groups, False, True) + b,
    derive=lambda z, bar, x, W, b: (
        group_matmul(bar, W, z.attrs["groups"]),
        group_matmul(bar, x, z.attrs["groups"], transpose_a=True),
        apply("sum", bar, axis=0),
    ),
    formula="{0} {1}ᵀ + {2} in {groups} groups",
    precedence=1,
)
