"""What each operator of an ONNX graph makes of the values that it reads: the table of those taken.

``TAKEN[operator]`` has the least and the largest number of arguments, and ``(graph, node,
arguments)`` to the value of the first output. Arguments are values, constants (arrays), `LABEL`, or
None where an optional one is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp import graph as g
from fastmlp import layers
from fastmlp.export.onnx.norms import centered, mean_of, normed, sum_of
from fastmlp.export.onnx.values import Elementwise, Value, affine, product

if TYPE_CHECKING:
    import onnx

    from fastmlp.export.onnx.layering import Graph

# What is no number of the network: labels, places of the largest, texts.
LABEL: Final = object()
TAKEN: Final[dict[str, tuple[int, int, Callable[..., Any]]]] = {}
MANY: Final = 1 << 20
# Elementwise operators that patterns are made of, beside those with a function below.
PLAIN: Final = (
    *("Relu", "Sigmoid", "Tanh", "Softsign", "Selu", "Exp", "Sin", "Erf", "Abs", "Log"),
    *("Softplus", "Mish", "Gelu", "IsNaN", "Equal", "Greater", "Where", "Min", "Elu", "LeakyRelu"),
    *("HardSigmoid", "HardSwish", "Celu", "Clip"),
)
# They make labels of numbers, or of labels.
LABELLING: Final = ("ArgMax", "ArrayFeatureExtractor", "Binarizer")


def taken(operator: str, least: int, most: int | None = None) -> Callable[..., Any]:
    """Enter a function as what an operator makes of so many arguments."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        TAKEN[operator] = least, most or least, function
        return function

    return enter


def attributes_of(node: onnx.NodeProto, **defaults: Any) -> dict[str, Any]:
    """Return the attributes of an operator; ValueError if it has others than these."""
    found = dict(defaults)
    for attribute in node.attribute:
        name = attribute.name
        if name not in defaults:
            raise ValueError(f"the attribute {name!r} is not taken")
        kind = type(defaults[name])
        if kind is float:
            # float32, of which 0.01 is 0.0099999998
            found[name] = float(f"{attribute.f:.7g}") if attribute.type == 1 else math.nan
        elif kind is int:
            found[name] = attribute.i
        elif kind is str:
            found[name] = attribute.s.decode("ascii", "replace")
        else:
            found[name] = tuple(attribute.ints)
    return found


def _values(*arguments: Any) -> list[Value]:
    """Return arguments that must be values of the network."""
    for argument in arguments:
        if not isinstance(argument, Value):
            kind = "labels" if argument is LABEL else "constants"
            raise ValueError(f"it reads {kind} where values of the network are taken")
    return list(arguments)


def _row(constant: Any, columns: int, what: str) -> Any:
    """Return a constant as a row (columns,), a number repeated."""
    if not isinstance(constant, np.ndarray) or constant.size not in (1, columns):
        shape = getattr(constant, "shape", None)
        raise ValueError(f"{what} must be a constant of {columns} numbers, its shape is {shape}")
    if constant.ndim > 1 and constant.shape[:-1] != (1,) * (constant.ndim - 1):
        raise ValueError(f"{what} must be a row, its shape is {constant.shape}")
    return np.broadcast_to(constant.reshape(-1), (columns,))


def _factor(constant: Any, value: Value) -> Any:
    """Return a constant that goes with a value as a number or a row (1, columns)."""
    if constant.size == 1:
        return constant.reshape(())
    return _row(constant, value.columns, "what it adds or multiplies by")[None]


# ---------------------------------------------------------------------------------- products


@taken("Gemm", 2, 3)
def _product_and_sum(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    says = attributes_of(node, alpha=1.0, beta=1.0, transA=0, transB=0)
    (x,), W = _values(arguments[0]), arguments[1]
    if says["transA"]:
        raise ValueError("its first argument is transposed")
    W = _matrix(W, x.columns, transposed=bool(says["transB"]))
    if len(arguments) == 2 or arguments[2] is None:
        return graph.linear(node, x, says["alpha"] * W, None)
    biases = _row(arguments[2], len(W), "what it adds")
    return graph.linear(node, x, says["alpha"] * W, says["beta"] * biases)


@taken("MatMul", 2)
def _product(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    (x,) = _values(arguments[0])
    return graph.linear(node, x, _matrix(arguments[1], x.columns, transposed=False), None)


def _matrix(W: Any, columns: int, *, transposed: bool) -> Any:
    """Return weights as (units, inputs)."""
    if not isinstance(W, np.ndarray) or W.ndim != 2 or not W.size:
        raise ValueError("its second argument must be a constant matrix")
    W = W if transposed else W.T
    if W.shape[1] != columns:
        raise ValueError(f"its weights are for {W.shape[1]} columns, its input has {columns}")
    return W


# ------------------------------------------------------------------------------- element by element


def _elementwise(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    if any(argument is LABEL for argument in arguments):
        return LABEL
    defaults: dict[str, Any] = {
        "Elu": {"alpha": 1.0},
        "Celu": {"alpha": 1.0},
        "LeakyRelu": {"alpha": 0.01},
        "HardSigmoid": {"alpha": 0.2, "beta": 0.5},
        "Gelu": {"approximate": "none"},
        "Selu": {"alpha": 1.67326319217681884765625, "gamma": 1.05070102214813232421875},
        "Clip": {"min": -math.inf, "max": math.inf},
    }
    says = attributes_of(node, **defaults.get(node.op_type, {}))
    if node.op_type == "Clip" and len(arguments) > 1:
        bounds = [np.array(side) for side in (-math.inf, math.inf)]
        given = [*arguments[1:], None][:2]
        pairs = zip(given, bounds, strict=True)
        arguments, says = [arguments[0], *(b if a is None else a for a, b in pairs)], {}
    elif node.op_type == "Clip":
        arguments, says = [arguments[0], *map(np.array, says.values())], {}
    for constant in arguments:
        if isinstance(constant, np.ndarray) and constant.size != 1:
            raise ValueError(f"it takes numbers, one constant has the shape {constant.shape}")
    return graph.elementwise(node, node.op_type, arguments, says)


TAKEN.update(dict.fromkeys(PLAIN, (1, 3, _elementwise)))


@taken("Identity", 1)
def _identity(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    return arguments[0]


@taken("Dropout", 1, 3)
def _dropout(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    if len(arguments) > 2 and isinstance(arguments[2], np.ndarray) and arguments[2].any():
        raise ValueError("it draws: the file is of a network in training")
    return arguments[0]


@taken("Cast", 1)
def _cast(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    (x,) = arguments
    to = attributes_of(node, to=0, saturate=1)["to"]
    if isinstance(x, np.ndarray):
        return x
    if x is LABEL or to not in (1, 11):  # float, double
        return LABEL
    truth = isinstance(x, Elementwise) and x.operator in ("Greater", "Equal", "IsNaN")
    return graph.elementwise(node, "Cast", [x], {}) if truth else x


@taken("Add", 2)
def _sum_of_two(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    a, b = arguments
    if isinstance(b, Value) and isinstance(a, np.ndarray):
        a, b = b, a
    if isinstance(b, np.ndarray):
        (x,) = _values(a)
        return affine(x, 1.0, _factor(b, x), graph.uses(node))
    return graph.elementwise(node, "Add", _values(a, b), {})


@taken("Sum", 1, MANY)
def _sum_of_all(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    return graph.joined(node, layers.Add(), _values(*arguments))


@taken("Sub", 2)
def _difference(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    a, b = arguments
    if isinstance(b, np.ndarray):
        (x,) = _values(a)
        return affine(x, 1.0, -_factor(b, x), graph.uses(node))
    (y,) = _values(b)
    if isinstance(a, np.ndarray):
        return affine(y, -1.0, _factor(a, y), graph.uses(node))
    (x,) = _values(a)
    rest = centered(x, y, graph.uses(node))
    return rest or graph.elementwise(node, "Add", [x, affine(y, -1.0, 0.0)], {})


@taken("Neg", 1)
def _negative(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    (x,) = _values(*arguments)
    return affine(x, -1.0, 0.0, graph.uses(node))


@taken("Mul", 2)
def _product_of_two(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    a, b = arguments
    if a is LABEL or b is LABEL:
        return LABEL
    if isinstance(b, Value) and isinstance(a, np.ndarray):
        a, b = b, a
    if isinstance(b, np.ndarray):
        (x,) = _values(a)
        return affine(x, _factor(b, x), 0.0, graph.uses(node))
    x, y = _values(a, b)
    for z, inverse in ((x, y), (y, x)):
        if isinstance(inverse, Elementwise) and inverse.operator == "Reciprocal":
            norm = _norm(graph, node, z, inverse.arguments[0])
            if norm is not None:
                return norm
    if x.columns != y.columns:
        raise ValueError(f"it multiplies {x.columns} columns by {y.columns}")
    return graph.bounded(product(x, y, graph.uses(node)))


@taken("Div", 2)
def _quotient(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    a, b = arguments
    if isinstance(b, np.ndarray):
        (x,) = _values(a)
        divisor = _factor(b, x)
        if not np.all(divisor):
            raise ValueError("it divides by 0")
        return affine(x, 1 / np.asarray(divisor, np.float64), 0.0, graph.uses(node))
    return _norm(graph, node, a, b) or graph.elementwise(node, "Div", [a, b], {})


@taken("Pow", 2)
def _power(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    (x,), exponent = _values(arguments[0]), arguments[1]
    times = float(exponent.reshape(-1)[0]) if isinstance(exponent, np.ndarray) else math.nan
    if not isinstance(exponent, np.ndarray) or exponent.size != 1 or times not in (2, 3):
        raise ValueError("its exponent must be 2 or 3")
    x.uses += int(times) - 1
    square = product(x, x, graph.uses(node) if times == 2 else 1)
    return graph.bounded(square if times == 2 else product(square, x, graph.uses(node)))


@taken("PRelu", 2)
def _prelu(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    (x,) = _values(arguments[0])
    slopes = arguments[1]
    if isinstance(slopes, np.ndarray) and slopes.size == 1:
        return graph.layer(node, layers.PReLU(shared=True), [x], slopes=slopes.reshape(1))
    return graph.layer(node, layers.PReLU(), [x], slopes=_row(slopes, x.columns, "its slopes"))


# ------------------------------------------------------------------------------------- of rows


def _norm(graph: Graph, node: Any, x: Any, root: Any) -> Value | None:
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
    (x,) = _values(arguments[0])
    axes = says["axes"]
    if len(arguments) > 1 and isinstance(arguments[1], np.ndarray):
        axes = tuple(arguments[1].reshape(-1).tolist())
    if axes not in ((1,), (-1,)) or not says["keepdims"]:
        raise ValueError("it reduces something else than the columns to one")
    return (sum_of if node.op_type == "ReduceSum" else mean_of)(x, graph.uses(node))


@taken("Sqrt", 1)
@taken("Reciprocal", 1)
def _of_a_norm(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    return graph.elementwise(node, node.op_type, _values(*arguments), {})


@taken("Softmax", 1)
@taken("LogSoftmax", 1)
def _softmax(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    if attributes_of(node, axis=-1)["axis"] not in (-1, 1):
        raise ValueError("its axis is not that of the columns")
    phi = "softmax" if node.op_type == "Softmax" else g.log_softmax
    return graph.activated(_values(*arguments)[0], phi, node)


@taken("LayerNormalization", 2, 3)
def _layer_norm(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    says = attributes_of(node, axis=-1, epsilon=1e-5, stash_type=1)
    if says["axis"] not in (-1, 1):
        raise ValueError("its axis is not that of the columns")
    (x,) = _values(arguments[0])
    parts = {"scale": _row(arguments[1], x.columns, "its scale")}
    if len(arguments) > 2 and arguments[2] is not None:
        parts["offset"] = _row(arguments[2], x.columns, "its offset")
    made = layers.LayerNorm(says["epsilon"], use_offset="offset" in parts)
    return graph.layer(node, made, [x], **parts)


@taken("BatchNormalization", 5)
def _batch_norm(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    says = attributes_of(node, epsilon=1e-5, momentum=0.9, training_mode=0, spatial=1)
    if says["training_mode"]:
        raise ValueError("it is in training: export the network for evaluation")
    (x,) = _values(arguments[0])
    names = ("scale", "offset", "running_mean", "running_var")
    parts = {n: _row(a, x.columns, n) for n, a in zip(names, arguments[1:], strict=True)}
    momentum = round(1 - says["momentum"], 6)
    return graph.layer(node, layers.BatchNorm(momentum, says["epsilon"]), [x], **parts)


@taken("Scaler", 1)
def _scaler(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    (x,) = _values(*arguments)
    parts = {a.name: np.array(a.floats, np.float64) for a in node.attribute}
    if set(parts) - {"offset", "scale"}:
        raise ValueError(f"the attributes {sorted(parts)} are not taken")
    offset = _row(parts.get("offset", np.zeros(1)), x.columns, "its offset")[None]
    scale = _row(parts.get("scale", np.ones(1)), x.columns, "its scale")[None]
    return affine(x, scale, -offset * scale, graph.uses(node))


@taken("Concat", 1, MANY)
def _concat(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    if attributes_of(node, axis=1)["axis"] not in (-1, 1):
        raise ValueError("its axis is not that of the columns")
    values = _values(*arguments)
    if len(values) == 1:
        return values[0]
    return graph.joined(node, layers.Concatenate(), values)


# ------------------------------------------------------------------------------ shapes and labels


@taken("Flatten", 1)
def _flatten(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    if attributes_of(node, axis=1)["axis"] not in (-1, 1):
        raise ValueError("its axis is not that of the columns")
    return arguments[0]


@taken("Reshape", 2)
def _reshape(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    x, shape = arguments
    attributes_of(node, allowzero=0)
    if x is LABEL:
        return LABEL
    sizes = shape.tolist() if isinstance(shape, np.ndarray) and shape.ndim == 1 else []
    if isinstance(x, np.ndarray):
        known = math.prod(sizes) == x.size and all(size > 0 for size in sizes)
        if not known and sizes.count(-1) == 1 and all(s == -1 or s > 0 for s in sizes):
            known = x.size % math.prod(size for size in sizes if size > 0) == 0
        if not known:
            raise ValueError(f"it shapes a constant {x.shape} as {sizes}")
        return x.reshape(sizes)
    (x,) = _values(x)
    if len(sizes) == 2 and sizes[0] in (-1, 0) and sizes[1] in (x.columns, -1) and sum(sizes) > -2:
        return x
    if x.columns == 1 and sizes == [-1]:  # a vector of one output
        return x
    raise ValueError(f"it shapes rows of {x.columns} columns as {sizes}")


@taken("Transpose", 1)
def _transpose(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    (x,) = arguments
    if not isinstance(x, np.ndarray) or x.ndim != 2:
        raise ValueError("it transposes what is no constant matrix")
    axes = attributes_of(node, perm=(1, 0))["perm"]
    if sorted(axes) != [0, 1]:
        raise ValueError(f"its axes are {axes}")
    return x.transpose(axes)


def _labels(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    return LABEL


TAKEN.update(dict.fromkeys(LABELLING, (1, 2, _labels)))


@taken("Gather", 2)
def _gather(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    if arguments[1] is LABEL and not isinstance(arguments[0], Value):
        return LABEL  # the labels at their places
    raise ValueError("it takes elements of something else than labels")


@taken("ZipMap", 1)
def _zip_map(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    return arguments[0]  # the same numbers, with labels as their keys
