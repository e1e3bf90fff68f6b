"""Products with constant weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.export.onnx.translating.table import attributes_of, row_of, taken, values_of
from fastmlp.export.onnx.values import Value

if TYPE_CHECKING:
    from fastmlp.export.onnx.layering import Graph


@taken("Gemm", 2, 3)
def _product_and_sum(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    says = attributes_of(node, alpha=1.0, beta=1.0, transA=0, transB=0)
    (x,), W = values_of(arguments[0]), arguments[1]
    if says["transA"]:
        raise ValueError("its first argument is transposed")
    W = _matrix(W, x.columns, transposed=bool(says["transB"]))
    if len(arguments) == 2 or arguments[2] is None:
        return graph.linear(node, x, says["alpha"] * W, None)
    biases = row_of(arguments[2], len(W), "what it adds")
    return graph.linear(node, x, says["alpha"] * W, says["beta"] * biases)


@taken("MatMul", 2)
def _product(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    (x,) = values_of(arguments[0])
    return graph.linear(node, x, _matrix(arguments[1], x.columns, transposed=False), None)


def _matrix(W: Any, columns: int, *, transposed: bool) -> Any:
    """Return weights as (units, inputs)."""
    if not isinstance(W, np.ndarray) or W.ndim != 2 or not W.size:
        raise ValueError("its second argument must be a constant matrix")
    W = W if transposed else W.T
    if W.shape[1] != columns:
        raise ValueError(f"its weights are for {W.shape[1]} columns, its input has {columns}")
    return W
