"""What is computed of whole rows: norms, softmax, scales of columns, rows joined."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import layers
from fastmlp.export.onnx.norms import mean_of, normed, sum_of
from fastmlp.export.onnx.translating.table import MANY, attributes_of, row_of, taken, values_of
from fastmlp.export.onnx.values import Value, affine

if TYPE_CHECKING:
    from fastmlp.export.onnx.layering import Graph


def norm_of(graph: Graph, node: Any, x: Any, root: Any) -> Value | None:
    """Return x divided by a root if that is a norm of rows."""
    found = normed(x, root) if isinstance(x, Value) and isinstance(root, Value) else None
    if found is None:
        return None
    z, epsilon, is_centered = found
    kind: Any = layers.LayerNorm if is_centered else layers.RMSNorm
    return graph.layer(node, kind(epsilon, use_scale=False, use_offset=False), [z])


@taken("ReduceSum", 1, 2)
@taken("ReduceMean", 1, 2)
def _over_columns(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    says = attributes_of(node, axes=(), keepdims=1, noop_with_empty_axes=0)
    (x,) = values_of(arguments[0])
    axes = says["axes"]
    if len(arguments) > 1 and isinstance(arguments[1], np.ndarray):
        axes = tuple(arguments[1].reshape(-1).tolist())
    if axes not in ((1,), (-1,)) or not says["keepdims"]:
        raise ValueError("it reduces something else than the columns to one")
    return (sum_of if node.op_type == "ReduceSum" else mean_of)(x, graph.uses(node))


@taken("Sqrt", 1)
@taken("Reciprocal", 1)
def _of_a_norm(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    return graph.elementwise(node, node.op_type, values_of(*arguments), {})


@taken("Softmax", 1)
@taken("LogSoftmax", 1)
def _softmax(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    if attributes_of(node, axis=-1)["axis"] not in (-1, 1):
        raise ValueError("its axis is not that of the columns")
    phi = "softmax" if node.op_type == "Softmax" else "log_softmax"
    return graph.activated(values_of(*arguments)[0], phi, node)


@taken("LayerNormalization", 2, 3)
def _layer_norm(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    says = attributes_of(node, axis=-1, epsilon=1e-5, stash_type=1)
    if says["axis"] not in (-1, 1):
        raise ValueError("its axis is not that of the columns")
    (x,) = values_of(arguments[0])
    parts = {"scale": row_of(arguments[1], x.columns, "its scale")}
    if len(arguments) > 2 and arguments[2] is not None:
        parts["offset"] = row_of(arguments[2], x.columns, "its offset")
    made = layers.LayerNorm(says["epsilon"], use_offset="offset" in parts)
    return graph.layer(node, made, [x], **parts)


@taken("BatchNormalization", 5)
def _batch_norm(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    says = attributes_of(node, epsilon=1e-5, momentum=0.9, training_mode=0, spatial=1)
    if says["training_mode"]:
        raise ValueError("it is in training: export the network for evaluation")
    (x,) = values_of(arguments[0])
    names = ("scale", "offset", "running_mean", "running_var")
    parts = {n: row_of(a, x.columns, n) for n, a in zip(names, arguments[1:], strict=True)}
    momentum = round(1 - says["momentum"], 6)
    return graph.layer(node, layers.BatchNorm(momentum, says["epsilon"]), [x], **parts)


@taken("Scaler", 1)
def _scaler(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    (x,) = values_of(*arguments)
    parts = {a.name: np.array(a.floats, np.float64) for a in node.attribute}
    if set(parts) - {"offset", "scale"}:
        raise ValueError(f"the attributes {sorted(parts)} are not taken")
    offset = row_of(parts.get("offset", np.zeros(1)), x.columns, "its offset")[None]
    scale = row_of(parts.get("scale", np.ones(1)), x.columns, "its scale")[None]
    return affine(x, scale, -offset * scale, graph.uses(node))


@taken("Concat", 1, MANY)
def _concat(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    if attributes_of(node, axis=1)["axis"] not in (-1, 1):
        raise ValueError("its axis is not that of the columns")
    values = values_of(*arguments)
    if len(values) == 1:
        return values[0]
    return graph.joined(node, layers.Concatenate(), values)
