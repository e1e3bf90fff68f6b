"""Which matrices are stored transposed, as the parameters are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from fastmlp.graph.node import Node
from fastmlp.planner.kernels import BINARY, UNARY

_ELEMENTWISE = frozenset(UNARY) | frozenset(BINARY)
_EITHER_WAY = _ELEMENTWISE | {
    "matmul",
    "group_matmul",
    "spread",
    "constant",
}  # as easily stored one way as the other


def is_matrix(node: Node) -> bool:
    """Tell whether it has several rows, known in number, and several columns."""
    return not isinstance(node.shape[0], str) and node.shape[0] != 1 and node.shape[1] != 1


def is_turned_parameter(node: Node) -> bool:
    """Tell whether a parameter, or what stands for one, is stored transposed."""
    return node.op == "parameter" and is_matrix(node) and not node.attrs.get("by_rows")


def transposed(
    order: Sequence[Node], gradients: Iterable[Node], fed: Collection[Node]
) -> set[Node]:
    """Return the nodes whose values are stored transposed.

    Parameters and their gradients are; and what is computed element by element from them or into
    them, so that it needs no copy.
    """
    turned = {v for v in order if is_turned_parameter(v) and v not in fed}
    turned |= {v for v in gradients if is_matrix(v) and v.op in _EITHER_WAY}
    children: dict[Node, list[Node]] = {}
    for v in order:
        if v.op in _ELEMENTWISE and is_matrix(v) and v not in fed:
            for p in filter(is_matrix, v.parents):
                children.setdefault(p, []).append(v)
    waiting = list(turned)
    while waiting:
        v = waiting.pop()
        parents = v.parents if v.op in _ELEMENTWISE and v not in fed else ()
        operands = [p for p in parents if is_matrix(p) and p.op in _EITHER_WAY and p not in fed]
        for near in (*operands, *children.get(v, ())):
            if near not in turned:
                turned.add(near)
                waiting.append(near)
    return turned
