"""An ONNX graph as layers: its operators in order, and what activations they are together."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp import layers
from fastmlp.activations import with_settings
from fastmlp.export import wrapped
from fastmlp.export.onnx.builder import Builder, onnx
from fastmlp.export.onnx.folding import folded
from fastmlp.export.onnx.tensors import array_of
from fastmlp.export.onnx.translating.table import LABEL, TAKEN
from fastmlp.export.onnx.values import (
    MOST_PENDING,
    Affine,
    Elementwise,
    Leaf,
    Linear,
    Value,
    affine,
    match,
    uniform,
)
from fastmlp.export.onnx.writing import graph_values
from fastmlp.graph.node import input as input_node
from fastmlp.graph.ops.activations.declaration import DECLARED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Array = NDArray[Any]

MOST_COLUMNS: Final = 1 << 20
# Numbers that layers may have beyond those of the file: factors that one number was repeated for.
SPARE: Final = 1 << 22
_LAYERS: Final = (layers.Add, layers.Multiply, layers.Maximum, layers.Minimum)
_JOINS: Final = dict(zip(("Add", "Mul", "Max", "Min"), _LAYERS, strict=True))
# Operators that are an activation of ours whatever stands around them.
_SINGLE: Final = {
    "Relu": "relu",
    "Sigmoid": "logistic",
    "Tanh": "tanh",
    "Softsign": "softsign",
    "Softplus": "softplus",
    "Mish": "mish",
    "Exp": "exp",
    "Sin": "sin",
    "HardSwish": "hard_silu",
}


class Graph:
    """The values of an ONNX graph, by name, and the layers that were made of them.

    Attributes
    ----------
    known : dict of str to object
        Values, constants and `LABEL`.
    arrays : list of (Layer, dict of str to ndarray)
        What the arrays of layers are to be.
    double : bool
        Whether any number is of float64.
    true : set of str
        Constants that are the truth value true: other operators than Dropout read none.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.known: dict[str, Any] = {"": None}
        self.arrays: list[tuple[Any, dict[str, Array]]] = []
        self.double = False
        self.true: set[str] = set()
        self._uses: dict[str, int] = {}
        for name in [name for node in graph.node for name in node.input]:
            self._uses[name] = self._uses.get(name, 0) + 1
        for output in graph.output:
            self._uses[output.name] = self._uses.get(output.name, 0) + 1
        self._spare = SPARE
        for tensor in graph.initializer:
            self.known[tensor.name] = self._constant(tensor, tensor.name)

    def _constant(self, tensor: onnx.TensorProto, name: str) -> Any:
        values = array_of(tensor, name)
        if values is None:
            if any(tensor.raw_data) or any(tensor.int32_data):
                self.true.add(name)
            return LABEL
        self.double = self.double or values.dtype == np.float64
        self._spare += values.size
        return values

    def read(self, nodes: Any) -> None:
        """Read operators, each after those whose values it takes.

        Raises
        ------
        ValueError
            If one is not taken, with its name and what is wrong.
        """
        for node in nodes:
            try:
                if not node.output or node.output[0] in self.known:
                    raise ValueError("its value has no name, or that of another")
                value = self._read(node)
            except ValueError as error:
                name = f" {node.name[:80]!r}" if node.name else ""
                raise ValueError(f"the operator {node.op_type[:80]}{name}: {error}") from None
            self.known[node.output[0]] = value

    def _read(self, node: onnx.NodeProto) -> Any:
        for name in node.input:
            if name not in self.known:
                raise ValueError(f"there is no value {name[:80]!r} before it")
        arguments = [self.known[name] for name in node.input]
        if node.op_type == "Constant" and node.domain == "":
            if len(node.attribute) != 1 or node.attribute[0].name not in ("value", *_SCALARS):
                raise ValueError("it must have one value, a tensor or a number")
            (attribute,) = node.attribute
            if attribute.name in _SCALARS:
                return np.array(getattr(attribute, _SCALARS[attribute.name]))
            return self._constant(attribute.t, node.output[0])
        constant = folded(node, arguments)
        if constant is not None:
            return constant
        if node.op_type not in TAKEN or node.domain not in ("", "ai.onnx", "ai.onnx.ml"):
            raise ValueError("fastmlp has no layer for it")
        least, most, make = TAKEN[node.op_type]
        if not least <= len(arguments) <= most:
            raise ValueError(f"it reads {len(arguments)} values, {least} to {most} are taken")
        return make(self, node, arguments)

    def uses(self, node: onnx.NodeProto) -> int:
        """Return how many operators and outputs read what a node makes."""
        return self._uses.get(node.output[0], 0)

    def bounded(self, value: Value) -> Value:
        """Return a value that is not too many elementwise operators away from a layer."""
        if value.pending > MOST_PENDING:
            raise ValueError(f"it comes after {MOST_PENDING} others without a layer between them")
        return value

    def linear(self, node: Any, base: Value, weights: Array, biases: Array | None) -> Value:
        """Return a product with weights (units, inputs)."""
        self.symbol(base)
        columns = len(weights)
        return Linear(
            columns=columns, uses=self.uses(node), base=base, weights=weights, biases=biases
        )

    def elementwise(
        self, node: Any, operator: str, arguments: list[Any], says: Mapping[str, Any]
    ) -> Value:
        """Return an operator on values that are as wide, and numbers."""
        columns = {a.columns for a in arguments if isinstance(a, Value)}
        if len(columns) != 1 or any(a is None for a in arguments):
            raise ValueError(f"it reads values of {sorted(columns)} columns")
        return self.bounded(
            Elementwise(
                columns=columns.pop(),
                uses=self.uses(node),
                operator=operator,
                arguments=tuple(arguments),
                attributes=dict(says),
            )
        )

    def joined(self, node: Any, layer: Any, values: list[Value]) -> Value:
        """Return what a layer makes of several values."""
        symbol = layer([self.symbol(value) for value in values])
        return self._leaf(symbol, self.uses(node))

    def layer(self, node: Any, layer: Any, values: list[Value], **arrays: Array) -> Value:
        """Return what a layer with these arrays makes of a value."""
        symbol = layer(*(self.symbol(value) for value in values))
        self._owns(layer, arrays)
        return self._leaf(symbol, self.uses(node))

    def activated(self, value: Value, phi: Any, node: Any = None) -> Value:
        """Return an activation of a value: that of the layer before it, if nobody else reads it."""
        uses = 1 if node is None else self.uses(node)
        if isinstance(value, Linear) and value.symbol is None and value.uses == 1:
            return self._leaf(self._dense(value, phi), uses)
        return self._leaf(layers.Activation(phi)(self.symbol(value)), uses)

    def _leaf(self, symbol: Any, uses: int) -> Value:
        if symbol.columns > MOST_COLUMNS:
            raise ValueError(f"it makes {symbol.columns:,} columns, {MOST_COLUMNS:,} are taken")
        return Leaf(columns=symbol.columns, uses=uses, symbol=symbol)

    def _owns(self, layer: Any, arrays: dict[str, Array]) -> None:
        self._spare -= sum(values.size for values in arrays.values())
        if self._spare < 0:
            raise ValueError("its layers would have many more numbers than the file")
        self.arrays.append((layer, arrays))

    def symbol(self, value: Value) -> Any:
        """Return the symbol of a value, making the layers that it takes."""
        if value.symbol is None:
            value.symbol = self._layered(value)
        return value.symbol

    def _layered(self, value: Value) -> Any:
        if isinstance(value, Linear):
            return self._dense(value, "identity")
        if isinstance(value, (Affine, Elementwise)):
            for name, pattern, z in patterns():
                found = match(pattern, value, z)
                if found is not None:
                    return self.symbol(self.activated(found, name))
        if isinstance(value, Affine):
            found = self._unscaled(value)
            return self._scaled(value) if found is None else self.symbol(found)
        if isinstance(value, Elementwise):
            return self._operator(value)
        raise ValueError("it has no layer")  # pragma: no cover

    def _dense(self, value: Linear, activation: Any) -> Any:
        used = value.biases is not None
        layer = layers.Dense(value.columns, activation, use_bias=used)
        symbol = layer(self.symbol(value.base))
        arrays = {"weights": value.weights} | ({"biases": value.biases} if used else {})
        self._owns(layer, arrays)  # type: ignore[arg-type]
        return symbol

    def _unscaled(self, value: Affine) -> Value | None:
        """Return an activation that ends with a factor, of which another has become part."""
        for name, pattern, z in patterns():
            if isinstance(pattern, Affine) and isinstance(pattern.base, Elementwise):
                found = match(pattern.base, value.base, z)
                if found is not None:
                    factor = value.factor / pattern.factor
                    offset = value.offset - factor * pattern.offset
                    return affine(self.activated(found, name), factor, offset)
        return None

    def _scaled(self, value: Affine) -> Any:
        base, n = self.symbol(value.base), value.columns
        scale, change = uniform(value.factor), uniform(value.offset)
        if scale is not None and change is not None:
            return layers.Rescaling(scale, change)(base)
        factor = np.broadcast_to(value.factor.reshape(-1), (n,))
        if not value.offset.any():
            layer: Any = layers.Scale()
            arrays = {"scale": factor}
        else:
            layer = layers.Dense(1, groups=n)
            offset = np.broadcast_to(value.offset.reshape(-1), (n,))
            arrays = {"weights": factor[:, None], "biases": offset}
        symbol = layer(base)
        self._owns(layer, arrays)
        return symbol

    def _operator(self, value: Elementwise) -> Any:
        operator, says = value.operator, value.attributes
        z, *rest = value.arguments
        if not isinstance(z, Value):
            raise ValueError(f"{operator} of a number and a value is no activation")
        values = [one for one in value.arguments if isinstance(one, Value)]
        if operator in _JOINS and rest and len(values) == len(value.arguments):
            return _JOINS[operator]()([self.symbol(one) for one in values])
        if operator == "Where":
            found = _of_softplus(value)
            if found is not None:
                return self.symbol(self.activated(found, "softplus"))
            kept = _above(value)
            if kept is not None:
                return self.symbol(self._kept(*kept))
        if operator == "Gelu":
            name = {"none": "gelu", "tanh": "gelu_tanh"}.get(says["approximate"])
            if name is not None:
                return self.symbol(self.activated(z, name))
        if operator in _SINGLE and not rest:
            return self.symbol(self.activated(z, _SINGLE[operator]))
        if operator == "LeakyRelu":
            return self.symbol(self.activated(z, with_settings("leaky_relu", slope=says["alpha"])))
        if operator in ("Elu", "Celu"):
            return self.symbol(self._elu(z, says["alpha"], celu=operator == "Celu"))
        if operator == "HardSigmoid":
            return self.symbol(self._hard_sigmoid(z, says["alpha"], says["beta"]))
        if operator == "Selu":
            return self.symbol(self._selu(z, says["alpha"], says["gamma"]))
        if operator in ("Max", "Min") and len(rest) == 1 and not isinstance(rest[0], Value):
            side = float(np.asarray(rest[0]).reshape(()))
            low, high = (side, np.inf) if operator == "Max" else (-np.inf, side)
            return self.symbol(self._clipped(z, low, high))
        if operator == "Log" and _is(z, "Sigmoid"):
            inner = z.arguments[0]  # type: ignore[attr-defined]
            return self.symbol(self._wrapped(inner, wrapped.LOG_SIGMOID))
        bounds = _bounds(value)
        if bounds is not None:
            return self.symbol(self._clipped(z, *bounds))
        raise ValueError(f"{operator} here is part of no activation that fastmlp has")

    def _wrapped(self, z: Value, phi: wrapped.Wrapped) -> Value:
        """Return an activation between two scalings."""
        inner = z if phi.before == wrapped.AS_IT_IS else affine(z, *phi.before)
        h = self.activated(inner, phi.activation)
        return h if phi.after == wrapped.AS_IT_IS else affine(h, *phi.after)

    def _elu(self, z: Value, alpha: float, *, celu: bool) -> Value:
        """Return elu, or α elu(z/α) for celu."""
        if not celu:
            return self.activated(z, with_settings("elu", alpha=alpha))
        if alpha == 0:
            raise ValueError("Celu: its alpha is 0")
        return self._wrapped(z, wrapped.scaled("elu", 1 / alpha))

    def _selu(self, z: Value, alpha: float, gamma: float) -> Value:
        """Return gamma·z above 0, else gamma·alpha·(e^z − 1)."""
        if abs(alpha - 1.6732632) < 1e-5 and abs(gamma - 1.0507010) < 1e-5:
            return self.activated(z, "selu")
        return affine(self._elu(z, alpha, celu=False), gamma, 0.0)

    def _hard_sigmoid(self, z: Value, steep: float, middle: float) -> Value:
        """Return min(1, max(0, steep·z + middle))."""
        if abs(steep - 1 / 6) < 1e-6 and middle == 0.5:
            return self.activated(z, "hard_sigmoid")
        return self._clipped(affine(z, steep, middle), 0.0, 1.0)

    def _kept(self, z: Value, bound: float, otherwise: float) -> Value:
        """Return z where it is above a bound and else a number: nn.Threshold of PyTorch."""
        z.uses += 1
        above = z if bound == 0 else affine(z, 1.0, -bound)
        if bound == otherwise:
            highest = self.activated(above, "relu")
            return highest if bound == 0 else affine(highest, 1.0, bound)
        step = self.activated(above, "threshold")
        step.uses += 1
        part = self._leaf(layers.Multiply()([self.symbol(z), self.symbol(step)]), 1)
        if otherwise == 0:
            return part
        rest = affine(step, -otherwise, otherwise)
        return self._leaf(layers.Add()([self.symbol(part), self.symbol(rest)]), 1)

    def _clipped(self, z: Value, low: float, high: float) -> Value:
        """Return min(high, max(low, z)); an infinite bound is none."""
        try:
            return self._wrapped(z, wrapped.limited(low, high))
        except ValueError as error:
            raise ValueError(f"Clip to {low:g} … {high:g}: {error}") from None


def _is(value: Any, operator: str) -> bool:
    return isinstance(value, Elementwise) and value.operator == operator


_SCALARS: Final = {
    "value_float": "f",
    "value_floats": "floats",
    "value_int": "i",
    "value_ints": "ints",
}


def _bounds(value: Elementwise) -> tuple[float, float] | None:
    if value.operator != "Clip" or any(isinstance(a, Value) for a in value.arguments[1:]):
        return None
    low, high = (float(np.asarray(bound).reshape(())) for bound in value.arguments[1:])
    return low, high


def _above(value: Elementwise) -> tuple[Value, float, float] | None:
    """Return z, a bound and a number if a value is z above the bound and else the number."""
    test, *sides = value.arguments
    if not isinstance(test, Elementwise) or test.operator not in ("LessOrEqual", "Greater"):
        return None
    z, otherwise = sides if test.operator == "Greater" else sides[::-1]
    bound = test.arguments[1]
    if z is not test.arguments[0] or isinstance(bound, Value) or isinstance(otherwise, Value):
        return None
    numbers = (float(np.asarray(number).reshape(())) for number in (bound, otherwise))
    return z, *numbers  # type: ignore[return-value]


def _of_softplus(value: Elementwise) -> Value | None:
    """Return the z of PyTorch's softplus: it is z itself from 20 on, where that is 2e-9 less."""
    above, z, otherwise = value.arguments
    if not (isinstance(above, Elementwise) and isinstance(otherwise, Elementwise)):
        return None
    if (above.operator, otherwise.operator) != ("Greater", "Softplus"):
        return None
    limit = above.arguments[1]
    if isinstance(limit, Value) or float(np.asarray(limit).reshape(())) < 20:
        return None
    alike = isinstance(z, Value) and z is above.arguments[0] and z is otherwise.arguments[0]
    return z if alike else None  # type: ignore[return-value]


@cache
def patterns() -> list[tuple[str, Value, Value]]:
    """Return each activation as `.onnx` writes it: its name, its value and the z in it.

    They are read from what the exporter writes, and those of most operators come first.
    """
    found: list[tuple[int, str, Value, Value]] = []
    for name, declared in DECLARED.items():
        if not declared.elementwise or name == "identity":
            continue
        for dtype in ("float32", "float64"):
            b = Builder(np.dtype(dtype), ["z"])
            node = input_node(1, "z")
            (value,) = graph_values(b, [declared.function(node)], {node: "z"}, {})
            outputs = [onnx.ValueInfoProto(name=value)]
            graph = Graph(onnx.GraphProto(node=b.nodes, initializer=b.initializers, output=outputs))
            z = Leaf(columns=1, uses=2, symbol=z_symbol)
            graph.known["z"] = z
            graph.read(b.nodes)
            found.append((len(b.nodes), name, graph.known[value], z))
    found.sort(key=lambda one: -one[0])
    return [(name, value, z) for _, name, value, z in found]


z_symbol: Final = object()
