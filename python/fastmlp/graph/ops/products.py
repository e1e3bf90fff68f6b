"""Matrix products."""

from __future__ import annotations

from typing import Any

from fastmlp._checks import flag
from fastmlp.graph.node import Array, Node, Operand, Shape, apply, as_node, declare
from fastmlp.graph.ops.groups import group_rows, number_of_groups, ungroup_rows
from fastmlp.graph.shapes import describe, multiple


def affine(x: Operand, W: Operand, b: Operand, groups: int = 1, *, shared: bool = False) -> Node:
    """Return x Wᵀ + b: x (rows, inputs), W (outputs, inputs), b (1, outputs) → (rows, outputs).

    Parameters
    ----------
    x, W, b : node
    groups : int
        With k > 1 the columns of x are k groups of as many, and so are those of the result: group i
        of the result is that of x times Wᵢᵀ, plus its part of b.
    shared : bool
        Whether all groups have one W: (outputs of a group, inputs of a group), and b as it is, or
        with a part for each group. Otherwise each has rows of its own of W, (outputs, inputs of a
        group), and of b.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x, W, b = g.input(2, "x"), g.parameter([[1.0, 2.0]], "W"), g.parameter(3.0, "b")
    >>> g.reference.evaluate(g.affine(x, W, b), {x: [[10.0, 100.0]]})
    array([[213.]])
    >>> each = g.affine(x, g.parameter([[1.0], [2.0]]), g.parameter([0.0, 3.0]), groups=2)
    >>> g.reference.evaluate(each, {x: [[10.0, 100.0]]})
    array([[ 10., 203.]])
    """
    groups, shared = number_of_groups(groups), flag(shared, "shared")
    if groups == 1:
        return apply("affine", x, W, b)
    if not shared:
        return apply("group_affine", x, W, b, groups=groups)
    W, b = as_node(W), as_node(b)
    rows = group_rows(x, groups)
    if b.shape == (1, W.shape[0]):
        return ungroup_rows(apply("affine", rows, W, b), groups)
    if b.shape != (1, multiple(W.shape[0], groups)):
        raise ValueError(
            f"affine: {groups} groups of W {describe(W.shape)} need b of shape (1, {W.shape[0]}) "
            f"or (1, {multiple(W.shape[0], groups)}), got {describe(b.shape)}"
        )
    return ungroup_rows(matmul(rows, W, transpose_b=True), groups) + b


def _affine_shape(x: Shape, W: Shape, b: Shape) -> Shape:
    if isinstance(W[0], str) or W[1] != x[1]:
        raise ValueError(f"x {describe(x)} needs W of shape (outputs, {x[1]}), got {describe(W)}")
    outputs = int(W[0])
    if b != (1, outputs):
        raise ValueError(f"W {describe(W)} needs b of shape (1, {outputs}), got {describe(b)}")
    return x[0], outputs


declare(
    "affine",
    shape=_affine_shape,
    value=lambda x, W, b: x @ W.T + b,
    derive=lambda z, bar, x, W, b: (
        matmul(bar, W),
        matmul(bar, x, transpose_a=True),
        apply("sum", bar, axis=0),
    ),
    formula="{0} {1}ᵀ + {2}",
    precedence=1,
)


def matmul(a: Operand, b: Operand, transpose_a: bool = False, transpose_b: bool = False) -> Node:
    """Return the matrix product a b, of a or aᵀ with b or bᵀ.

    The batch may be the rows of the product or be summed over, as in z̄ᵀ x; never its columns.
    """
    flag(transpose_a, "transpose_a")
    flag(transpose_b, "transpose_b")
    return apply("matmul", a, b, transpose_a=transpose_a, transpose_b=transpose_b)


def _matmul_shape(a: Shape, b: Shape, transpose_a: bool, transpose_b: bool) -> Shape:
    rows, inner_a = (a[1], a[0]) if transpose_a else a
    inner_b, columns = (b[1], b[0]) if transpose_b else b
    if inner_a != inner_b:
        left, right = ("aᵀ" if transpose_a else "a"), ("bᵀ" if transpose_b else "b")
        raise ValueError(
            f"the columns of {left} must be as many as the rows of {right}, "
            f"got a {describe(a)} and b {describe(b)}"
        )
    if isinstance(columns, str):
        raise ValueError("bᵀ of a batch would have the batch as columns")
    return rows, columns


def _matmul_value(a: Array, b: Array, transpose_a: bool, transpose_b: bool) -> Any:
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)


def _matmul_messages(h: Node, bar: Node, a: Node, b: Node) -> tuple[Node, Node]:
    # With A, B the factors as they enter: Ā = bar Bᵀ and B̄ = Aᵀ bar, transposed back.
    ta, tb = h.attrs["transpose_a"], h.attrs["transpose_b"]
    to_a = matmul(b, bar, tb, True) if ta else matmul(bar, b, False, not tb)
    to_b = matmul(bar, a, True, ta) if tb else matmul(a, bar, not ta, False)
    return to_a, to_b


declare(
    "matmul",
    shape=_matmul_shape,
    value=_matmul_value,
    derive=_matmul_messages,
    formula=lambda a, b, transpose_a, transpose_b: f"{a}{'ᵀ' * transpose_a} {b}{'ᵀ' * transpose_b}",
    precedence=2,
)
