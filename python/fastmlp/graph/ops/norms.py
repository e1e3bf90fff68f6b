"""Normalization: what is left of the mean is divided by the standard deviation, of rows or columns.

h = (a − mean a)/√(variance a + ε). Its Jacobian, for one row (or column) of n numbers,
J = (I − 11ᵀ/n − hhᵀ/n)/√(variance + ε), is symmetric, so that the message J·h̄ is its own adjoint.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp._checks import flag, real, taught, whole
from fastmlp.graph.habits import OF_SUMS
from fastmlp.graph.node import Array, Node, Operand, Shape, apply, as_node, declare
from fastmlp.graph.ops.elementwise import power
from fastmlp.graph.ops.reductions import mean, spread
from fastmlp.graph.shapes import describe


def normalize(a: Operand, axis: int, epsilon: float, centered: bool = True) -> Node:
    """Return (a − mean a)/√(variance a + ε), of each row (axis 1) or each column (axis 0).

    Parameters
    ----------
    a : node (b, n)
    axis : 0 or 1
        Along which mean and variance are taken; the variance is that of the numbers themselves,
        divided by how many they are.
    epsilon : float
        ε > 0.
    centered : bool
        Without it the mean is taken as 0: a/√(mean a² + ε).

    References
    ----------
    Ba, Kiros, Hinton (2016), Layer normalization; Ioffe, Szegedy (2015), Batch normalization;
    Zhang, Sennrich (2019), Root mean square layer normalization.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> h = g.normalize([[1.0, 2.0, 3.0]], axis=1, epsilon=1e-12)
    >>> g.reference.evaluate(h, {}).round(3)
    array([[-1.225,  0.   ,  1.225]])
    """
    if whole(axis) not in (0, 1):
        raise ValueError(f"axis: expected 0 or 1, got {axis!r}")
    epsilon = real(epsilon, "epsilon", above=0)
    op = "normalize_rows" if whole(axis) == 1 else "normalize_columns"
    return apply(op, a, epsilon=epsilon, centered=flag(centered, "centered"))


@taught(OF_SUMS)
def variance(a: Operand, axis: int | None = None) -> Node:
    """Return the mean of (a − mean a)², over rows (axis 0), columns (axis 1) or everything (None).

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.variance([[1.0], [2.0], [3.0]], axis=0), {}).round(4)
    array([[0.6667]])
    """
    a = as_node(a)
    if whole(axis) in (0, -2):
        return apply("column_variance", a)
    return mean((a - mean(a, axis)) ** 2, axis)


def standardize(a: Operand, mean: Operand, variance: Operand, epsilon: float) -> Node:
    """Return (a − mean)/√(variance + ε) with a mean and a variance (1, n) for each column."""
    return apply("standardize", a, mean, variance, epsilon=real(epsilon, "epsilon", at_least=0))


def _same(a: Shape, **_: Any) -> Shape:
    return a


def _message_shape(bar: Shape, a: Shape, **_: Any) -> Shape:
    if bar != a:
        raise ValueError(f"a {describe(a)} needs bar of its shape, got {describe(bar)}")
    return a


def _standardize_shape(a: Shape, mean: Shape, variance: Shape, **_: Any) -> Shape:
    for name, shape in (("mean", mean), ("variance", variance)):
        if shape != (1, a[1]):
            raise ValueError(
                f"a {describe(a)} needs a {name} of shape (1, {a[1]}), got {describe(shape)}"
            )
    return a


def _declare(along: str, axis: int) -> None:
    """Declare normalization along an axis and its message."""
    message = f"normalize_{along}_message"

    def parts(a: Array, epsilon: float, centered: bool) -> tuple[Array, Array]:
        rest = a - np.mean(a, axis=axis, keepdims=True) if centered else a
        inverse = 1 / np.sqrt(np.mean(rest * rest, axis=axis, keepdims=True) + epsilon)
        return rest * inverse, inverse

    def message_value(bar: Array, a: Array, epsilon: float, centered: bool) -> Array:
        h, inverse = parts(a, epsilon, centered)
        rest = bar - np.mean(bar, axis=axis, keepdims=True) if centered else bar
        result: Array = (rest - h * np.mean(bar * h, axis=axis, keepdims=True)) * inverse
        return result

    def second(m: Node, u: Node, bar: Node, a: Node) -> tuple[Node, Node]:
        # Σ u∘m = s·n·(c − p·q) with s = 1/√(variance + ε), c = mean(u∘bar) less the product of
        # their means, p = mean(u∘h), q = mean(bar∘h). By a: s̄ = −s²h/n, h̄ = J.
        centered = m.attrs["centered"]
        h = apply(f"normalize_{along}", a, **m.attrs)
        rest = a - mean(a, axis) if centered else a
        s = power(mean(rest**2, axis) + m.attrs["epsilon"], -0.5)
        p, q, c = mean(u * h, axis), mean(bar * h, axis), mean(u * bar, axis)
        if centered:
            c = c - mean(u, axis) * mean(bar, axis)
        to_bar = apply(message, u, a, **m.attrs)
        return to_bar, -(s * s * (c - p * q)) * h - s * (q * to_bar + p * m)

    declare(
        f"normalize_{along}",
        shape=_same,
        value=lambda a, epsilon, centered: parts(a, epsilon, centered)[0],
        derive=lambda h, bar, a: (apply(message, bar, a, **h.attrs),),
        formula=f"normalize_{along}({{0}})",
    )
    declare(
        message,
        shape=_message_shape,
        value=message_value,
        derive=second,
        formula=f"normalize_{along}_message({{0}}, {{1}})",
    )


_declare("rows", 1)
_declare("columns", 0)

declare(
    "column_variance",
    shape=lambda a: (1, a[1]),
    value=lambda a: np.mean((a - np.mean(a, axis=0, keepdims=True)) ** 2, axis=0, keepdims=True),
    derive=lambda v, bar, a: (2.0 * spread(bar, a.shape, mean=True) * (a - mean(a, axis=0)),),
    formula="variance({0}, axis=0)",
)


def _standardize_messages(
    h: Node, bar: Node, a: Node, mean: Node, variance: Node
) -> tuple[Node, Node, Node]:
    inverse = power(variance + h.attrs["epsilon"], -0.5)
    to_a = bar * inverse
    return to_a, -to_a, -0.5 * (to_a * h) * inverse


declare(
    "standardize",
    shape=_standardize_shape,
    value=lambda a, mean, variance, epsilon: (a - mean) / np.sqrt(variance + epsilon),
    derive=_standardize_messages,
    formula="({0} − {1})/√({2} + ε)",
    precedence=2,
)
