"""What each operation of the graph is in ONNX: an operator, a small pattern, or simpler operations.

`OPERATORS`, `COMPOSED` and `RANDOM` together have every operation there is.
"""

from __future__ import annotations

from typing import Final

from fastmlp.export.onnx import activations as activations
from fastmlp.export.onnx import arithmetic as arithmetic
from fastmlp.export.onnx.builder import Builder
from fastmlp.export.onnx.composed import COMPOSED
from fastmlp.export.onnx.patterns import OPERATORS
from fastmlp.graph.node import Node

# They belong to training, and draw other numbers in each call.
RANDOM: Final = frozenset({"dropout", "dropout_at", "gaussian_noise"})


def operator_of(b: Builder, node: Node, values: list[str]) -> str | Node:
    """Write an operation and return its value, or return a node of simpler ones.

    Raises
    ------
    ValueError
        If it has no pattern.
    """
    if node.op in OPERATORS:
        return OPERATORS[node.op](b, node, *values)
    if node.op in COMPOSED:
        return COMPOSED[node.op](*node.parents, **node.attrs)
    if node.op in RANDOM:
        raise ValueError(
            f"the operation {node.op!r} draws other numbers in each call: ONNX has no such operator"
        )
    raise ValueError(f"the operation {node.op!r} has no pattern in ONNX")
