"""Binary cross-entropy of the argument of a logistic output, without cancellation."""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from fastmlp.graph.node import Array, Node, Operand, apply, constant, declare
from fastmlp.graph.ops.activations.basic import logistic
from fastmlp.graph.shapes import broadcast


def logistic_cross_entropy(z: Operand, t: Operand) -> Node:
    """Return softplus(z) − t·z = −t log y − (1 − t) log(1 − y) with y = logistic(z), broadcasting.

    For t of 0 … 1 no digit is lost by cancellation, however sure and right y is. The derivative by
    z is logistic(z) − t.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.logistic_cross_entropy([[40.0]], 1.0), {})
    array([[4.24835426e-18]])
    """
    return apply("logistic_cross_entropy", z, t)


def _cross_entropy_value(z: Array, t: Array) -> Array:
    # (1 − t)·z + log1p(e^−z) for z > 0, −t·z + log1p(e^z) below: no term is negative.
    above = z.real > 0
    result: Array = np.where(above, 1 - t, -t) * z + np.log1p(np.exp(np.where(above, -z, z)))
    return result


declare(
    "logistic_cross_entropy",
    shape=broadcast,
    value=_cross_entropy_value,
    derive=lambda h, bar, z, t: (bar * apply("logistic_residual", z, t), -(bar * z)),
    formula="softplus({0}) − {1}·{0}",
    precedence=1,
)


def _residual_value(z: Array, t: Array) -> Array:
    above = z.real > 0
    e = np.exp(np.where(above, -z, z))
    q = e / (1 + e)  # the smaller of logistic(z) and 1 − logistic(z)
    result: Array = np.where(above, (1 - t) - q, q - t)
    return result


declare(
    "logistic_residual",
    shape=broadcast,
    value=_residual_value,
    derive=lambda h, bar, z, t: (bar * (logistic(z) * logistic(-z)), -bar),
    formula="logistic({0}) − {1}",
    precedence=1,
)


def without_cancellation(node: Node, fed: Container[Node]) -> Node:
    """Return ±(softplus(z) − t·z) by `logistic_cross_entropy`, any other node as it is.

    Written out it would lose its digits where t = 1 and z is large. The node of the graph stays, so
    that its parents can be shown, fed and asked for gradients; only its value is computed from z
    and t at once, unless what lies between is fed.
    """
    if node.op not in ("add", "subtract"):
        return node
    (first, a), (second, b) = (_signed(parent, fed) for parent in node.parents)
    second ^= node.op == "subtract"
    for minus, plus, other, term in ((first, a, second, b), (second, b, first, a)):
        if plus.op != "softplus" or plus in fed:
            continue
        (z,) = plus.parents
        flipped, t = _multiple(term, z, fed)
        if t is not None and other ^ flipped != minus:
            loss = logistic_cross_entropy(z, t)
            return -loss if minus else loss
    return node


def _signed(node: Node, fed: Container[Node]) -> tuple[bool, Node]:
    """Return a node without its minus signs, and whether they are one in the end."""
    minus = False
    while node.op == "negative" and node not in fed:
        minus, (node,) = not minus, node.parents
    return minus, node


def _multiple(term: Node, z: Node, fed: Container[Node]) -> tuple[bool, Node | None]:
    """Return t of a term ±t·z, and whether the sign is minus; None if it is no such term."""
    minus, z = _signed(z, fed)
    if term is z:
        return minus, constant(1.0)
    if term.op == "multiply" and term not in fed:
        (first, a), (second, b) = (_signed(factor, fed) for factor in term.parents)
        if z in (a, b):
            return minus ^ first ^ second, b if a is z else a
    return False, None
