"""The same function written so that it keeps its digits: what a loss written by hand needs."""

from __future__ import annotations

import numpy as np

from fastmlp.graph.node import Node, apply, topological_order


def keeping_digits(node: Node) -> Node:
    """Return a node of the same value without logarithms of probabilities that round to 0 or 1.

    log softmax(z) becomes `log_softmax`, log logistic(z) is −softplus(−z) and log(1 − logistic(z))
    is −softplus(z). Where p rounds to 0 or 1, as in float32 from some z = 17 on, the logarithm of p
    is −∞ or 0, and its gradient NaN or 0. Nodes below them are as they were; `node` itself is
    returned if there is nothing to do.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> z = g.input(3, "z")
    >>> keeping_digits(-g.log(g.softmax(z)))
    <Node negative(log_softmax), shape (batch, 3)>
    """
    new: dict[Node, Node] = {}
    for old in topological_order([node]):
        parents = [new[parent] for parent in old.parents]
        found = _logarithm(old)
        if found is None:
            same = all(a is b for a, b in zip(parents, old.parents, strict=True))
            found = old if same else apply(old.op, *parents, **old.attrs)
        new[old] = found
    return new[node]


def _logarithm(node: Node) -> Node | None:
    """Return log p by what p is computed from, None if it is no such logarithm."""
    if node.op != "log":
        return None
    (p,) = node.parents
    if p.op == "softmax":
        return apply("log_softmax", *p.parents)
    if p.op == "logistic":
        return -apply("softplus", -p.parents[0])
    if p.op == "subtract" and p.parents[1].op == "logistic" and _is_one(p.parents[0]):
        return -apply("softplus", *p.parents[1].parents)
    return None


def _is_one(node: Node) -> bool:
    return node.op == "constant" and node.shape == (1, 1) and bool(np.all(node.value == 1.0))
