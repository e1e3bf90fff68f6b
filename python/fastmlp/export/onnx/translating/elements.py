"""What is computed element by element, of one value or of several."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp import layers
from fastmlp.export.onnx.norms import centered
from fastmlp.export.onnx.translating.rows import norm_of
from fastmlp.export.onnx.translating.table import (
    LABEL,
    MANY,
    TAKEN,
    attributes_of,
    factor_of,
    row_of,
    taken,
    values_of,
)
from fastmlp.export.onnx.values import Elementwise, Value, affine, product

if TYPE_CHECKING:
    from fastmlp.export.onnx.layering import Graph

# Elementwise operators that patterns are made of, beside those with a function.
_PLAIN: Final = (
    *("Relu", "Sigmoid", "Tanh", "Softsign", "Selu", "Exp", "Sin", "Erf", "Abs", "Log"),
    *("Softplus", "Mish", "Gelu", "IsNaN", "Equal", "Greater", "Where", "Min", "Max"),
    *("Elu", "LeakyRelu"),
    *("HardSigmoid", "HardSwish", "Celu", "Clip", "LessOrEqual"),
)
# Those of which the result is true or false.
_TRUTHS: Final = ("Greater", "LessOrEqual", "Equal", "IsNaN")


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
    if node.op_type in ("Max", "Min") and isinstance(arguments[0], np.ndarray):
        arguments = arguments[::-1]
    for constant in arguments:
        if isinstance(constant, np.ndarray) and constant.size != 1:
            raise ValueError(f"it takes numbers, one constant has the shape {constant.shape}")
    return graph.elementwise(node, node.op_type, arguments, says)


TAKEN.update(dict.fromkeys(_PLAIN, (1, 3, _elementwise)))


@taken("Identity", 1)
def _identity(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    return arguments[0]


@taken("Dropout", 1, 3)
def _dropout(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    drops = arguments[2] if len(arguments) > 2 else None
    number = isinstance(drops, np.ndarray) and drops.any()
    if number or any(name in graph.true for name in node.input[2:]):
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
    truth = isinstance(x, Elementwise) and x.operator in _TRUTHS
    return graph.elementwise(node, "Cast", [x], {}) if truth else x


@taken("Add", 2)
def _sum_of_two(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    a, b = arguments
    if isinstance(b, Value) and isinstance(a, np.ndarray):
        a, b = b, a
    if isinstance(b, np.ndarray):
        (x,) = values_of(a)
        return affine(x, 1.0, factor_of(b, x), graph.uses(node))
    return graph.elementwise(node, "Add", values_of(a, b), {})


@taken("Sum", 1, MANY)
def _sum_of_all(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    return graph.joined(node, layers.Add(), values_of(*arguments))


@taken("Sub", 2)
def _difference(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    a, b = arguments
    if isinstance(b, np.ndarray):
        (x,) = values_of(a)
        return affine(x, 1.0, -factor_of(b, x), graph.uses(node))
    (y,) = values_of(b)
    if isinstance(a, np.ndarray):
        return affine(y, -1.0, factor_of(a, y), graph.uses(node))
    (x,) = values_of(a)
    rest = centered(x, y, graph.uses(node))
    return rest or graph.elementwise(node, "Add", [x, affine(y, -1.0, 0.0)], {})


@taken("Neg", 1)
def _negative(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    (x,) = values_of(*arguments)
    return affine(x, -1.0, 0.0, graph.uses(node))


@taken("Mul", 2)
def _product_of_two(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    a, b = arguments
    if a is LABEL or b is LABEL:
        return LABEL
    if isinstance(b, Value) and isinstance(a, np.ndarray):
        a, b = b, a
    if isinstance(b, np.ndarray):
        (x,) = values_of(a)
        return affine(x, factor_of(b, x), 0.0, graph.uses(node))
    x, y = values_of(a, b)
    for z, inverse in ((x, y), (y, x)):
        if isinstance(inverse, Elementwise) and inverse.operator == "Reciprocal":
            norm = norm_of(graph, node, z, inverse.arguments[0])
            if norm is not None:
                return norm
    if x.columns != y.columns:
        raise ValueError(f"it multiplies {x.columns} columns by {y.columns}")
    return graph.bounded(product(x, y, graph.uses(node)))


@taken("Div", 2)
def _quotient(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    a, b = arguments
    if isinstance(b, np.ndarray):
        (x,) = values_of(a)
        divisor = factor_of(b, x)
        if not np.all(divisor):
            raise ValueError("it divides by 0")
        return affine(x, 1 / np.asarray(divisor, np.float64), 0.0, graph.uses(node))
    return norm_of(graph, node, a, b) or graph.elementwise(node, "Div", [a, b], {})


@taken("Pow", 2)
def _power(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    (x,), exponent = values_of(arguments[0]), arguments[1]
    times = float(exponent.reshape(-1)[0]) if isinstance(exponent, np.ndarray) else math.nan
    if not isinstance(exponent, np.ndarray) or exponent.size != 1 or times not in (2, 3):
        raise ValueError("its exponent must be 2 or 3")
    x.uses += int(times) - 1
    square = product(x, x, graph.uses(node) if times == 2 else 1)
    return graph.bounded(square if times == 2 else product(square, x, graph.uses(node)))


@taken("PRelu", 2)
def _prelu(graph: Graph, node: Any, arguments: list[Any]) -> Value:
    (x,) = values_of(arguments[0])
    slopes = arguments[1]
    if isinstance(slopes, np.ndarray) and slopes.size == 1:
        return graph.layer(node, layers.PReLU(shared=True), [x], slopes=slopes.reshape(1))
    return graph.layer(node, layers.PReLU(), [x], slopes=row_of(slopes, x.columns, "its slopes"))
