"""Which matrices are stored transposed, as the parameters are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from fastmlp._node import BATCH, Node
from fastmlp.planner.kernels import BINARY, UNARY

_ELEMENTWISE = frozenset(UNARY) | frozenset(BINARY)
_EITHER_WAY = _ELEMENTWISE | {
    "matmul",
    "spread",
    "constant",
}  # as easily stored one way as the other


def is_matrix(node: Node) -> bool:
    """Tell whether it has several rows, known in number, and several columns."""
    return node.shape[0] != BATCH and node.shape[0] != 1 and node.shape[1] != 1


def transposed(
    order: Sequence[Node], gradients: Iterable[Node], fed: Collection[Node]
) -> set[Node]:
    """Return the nodes whose values are stored transposed.

    Parameters and their gradients are; and what is computed element by element from them or into
    them, so that it needs no copy.
    """
    turned = {v for v in order if v.op == "parameter" and is_matrix(v) and v not in fed}
    turned |= {v for v in gradients if is_matrix(v) and v.op in _EITHER_WAY}
    size = -1
    while size != len(turned):
        size = len(turned)
        for v in order:
            if v.op not in _ELEMENTWISE or not is_matrix(v) or v in fed:
                continue
            matrices = [p for p in v.parents if is_matrix(p)]
            if v in turned or not turned.isdisjoint(matrices):
                turned.add(v)
                turned.update(p for p in matrices if p.op in _EITHER_WAY and p not in fed)
    return turned
