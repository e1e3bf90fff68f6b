"""Layers: what networks are made of, as descriptions that a `Network` turns into a graph.

``h = Dense(256, "relu")(x)`` computes nothing: it records that h comes from x through this layer. A
layer says how many columns it returns, which parameters it needs, and how it applies them to nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar

from fastmlp import activations, initializers
from fastmlp import graph as g
from fastmlp._checks import columns, flag, integer, real
from fastmlp._layer import LAYERS, Array, Input, Layer, ParameterSpec, Setting, Symbol
from fastmlp.initializers import Initializer

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "LAYERS",
    "Activation",
    "Add",
    "Concatenate",
    "Dense",
    "Dropout",
    "Input",
    "Layer",
    "ParameterSpec",
    "Symbol",
    "add",
    "concat",
    "from_config",
]


def _named_activation(activation: activations.Activation) -> str:
    if activations.ACTIVATIONS.get(activation.name) != activation:
        raise ValueError(
            f"the activation {activation.name!r} is a function of yours and cannot be saved; "
            f"those that can: {', '.join(activations.ACTIVATIONS)}"
        )
    return activation.name


def _one_input(layer: Layer, input_columns: tuple[int, ...]) -> int:
    if len(input_columns) != 1:
        raise ValueError(
            f"{layer!r} takes one input, not {len(input_columns)}; join several with concat or add"
        )
    return input_columns[0]


_SHAPE = "the shape of its weights depends on it, make a new model"
_DRAWN = "its weights have been drawn, assign them"


class Dense(Layer):
    """A layer of units: h = φ(x Wᵀ + b).

    Parameters
    ----------
    units
        Number of units: the columns of h.
    activation
        φ: a name, an `Activation`, or a function of a node.
    use_bias
        Whether there is a b.
    weights_initializer
        What W is drawn from, see `initializers.get`. None is the activation's own: He for relu and
        softplus, Glorot for the others.
    bias_initializer
        What b is drawn from.
    l2
        λ of ½λ‖W‖² for this layer. None takes that of the fit.
    name
        What summaries and files call it; dense_1, dense_2, … by default.

    Raises
    ------
    ValueError, TypeError
        If `units` is not a whole number of at least 1, `l2` is negative, or a name is unknown.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input
    >>> hidden = Dense(256, "relu")
    >>> h = hidden(Input(784))
    >>> [spec.shape for spec in hidden.parameter_specs((784,))]
    [(256, 784), (1, 256)]
    """

    activation: activations.Activation
    SETTINGS: ClassVar[dict[str, Setting]] = {
        "units": Setting(lambda value: integer(value, "units", at_least=1, at_most=None), _SHAPE),
        "activation": Setting(activations.get),
        "use_bias": Setting(lambda value: flag(value, "use_bias"), _SHAPE),
        "weights_initializer": Setting(
            lambda value: None if value is None else initializers.get(value), _DRAWN
        ),
        "bias_initializer": Setting(initializers.get, _DRAWN),
        "l2": Setting(lambda value: None if value is None else real(value, "l2", at_least=0)),
    }

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | Callable[[g.Node], g.Node] = "identity",
        *,
        use_bias: bool = True,
        weights_initializer: str | Initializer | float | None = None,
        bias_initializer: str | Initializer | float = "zeros",
        l2: float | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.units = units
        self.activation = activation  # type: ignore[assignment]  # a setting is checked as it is set
        self.use_bias = use_bias
        self.weights_initializer: Initializer | None = weights_initializer  # type: ignore[assignment]
        self.bias_initializer: Initializer = bias_initializer  # type: ignore[assignment]
        self.l2 = l2

    @property
    def weights(self) -> Array:
        """W, (units, inputs): a writable view; AttributeError before there is a model."""
        return self._view("weights")

    @weights.setter
    def weights(self, values: npt.ArrayLike) -> None:
        self._assign("weights", self.weights, values)

    @property
    def biases(self) -> Array:
        """b, (units,): a writable view; AttributeError before there is a model."""
        row: Array = self._view("biases")[0]
        return row

    @biases.setter
    def biases(self, values: npt.ArrayLike) -> None:
        self._assign("biases", self.biases, values)

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of units."""
        _one_input(self, input_columns)
        return self.units

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return those of W, (units, inputs), and b, (1, units)."""
        inputs = _one_input(self, input_columns)
        draw = self.weights_initializer or initializers.get(self.activation.initializer)
        weights = ParameterSpec("weights", "W", (self.units, inputs), draw, self.l2)
        if not self.use_bias:
            return (weights,)
        return weights, ParameterSpec("biases", "b", (1, self.units), self.bias_initializer)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return φ(x Wᵀ + b)."""
        (x,) = nodes
        if self.use_bias:
            return self.activation(g.affine(x, *parameters))
        return self.activation(g.matmul(x, parameters[0], transpose_b=True))

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        draw = self.weights_initializer
        return {
            "units": self.units,
            "activation": _named_activation(self.activation),
            "use_bias": self.use_bias,
            "weights_initializer": None if draw is None else draw.config(),
            "bias_initializer": self.bias_initializer.config(),
            "l2": self.l2,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Dense:
        """Return the layer whose `config` this is, without the key ``"class"``."""
        arguments = dict(config)
        for key in ("weights_initializer", "bias_initializer"):
            if arguments.get(key) is not None:
                arguments[key] = initializers.from_config(arguments[key])
        return cls(**arguments)

    def _arguments(self) -> list[str]:
        said = [str(self.units), repr(self.activation.name)]
        if not self.use_bias:
            said.append("use_bias=False")
        if self.l2 is not None:
            said.append(f"l2={self.l2:g}")
        return said


class Activation(Layer):
    """An activation as a layer of its own: h = φ(x).

    A layer before it does not know of it: give `Dense` its ``weights_initializer``, or the
    activation.

    Parameters
    ----------
    activation
        φ: a name, an `activations.Activation`, or a function of a node.
    name
        What summaries call it; activation_1, activation_2, … by default.

    Examples
    --------
    >>> from fastmlp.layers import Activation, Input
    >>> Activation("tanh")(Input(3)).columns
    3
    """

    activation: activations.Activation
    SETTINGS: ClassVar[dict[str, Setting]] = {"activation": Setting(activations.get)}

    def __init__(
        self,
        activation: str | activations.Activation | Callable[[g.Node], g.Node],
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.activation = activation  # type: ignore[assignment]

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return _one_input(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return φ(x)."""
        return self.activation(nodes[0])

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"activation": _named_activation(self.activation)}

    def _arguments(self) -> list[str]:
        return [repr(self.activation.name)]


class Dropout(Layer):
    """In training, set each element to 0 with probability `rate` and divide the others by 1 − rate.

    Elsewhere (predict, evaluate, validation) it does nothing. Each place in a network draws numbers
    of its own. Srivastava et al. 2014.

    Parameters
    ----------
    rate
        Probability of a zero, in [0, 1).
    name
        What summaries call it; dropout_1, dropout_2, … by default.

    Examples
    --------
    >>> from fastmlp.layers import Dropout, Input
    >>> Dropout(0.2)(Input(256)).columns
    256
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "rate": Setting(lambda value: real(value, "rate", at_least=0, below=1))
    }

    def __init__(self, rate: float, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.rate = rate

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return _one_input(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the input, with zeros in training."""
        return g.dropout(nodes[0], self.rate, key) if training else nodes[0]

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"rate": self.rate}

    def _arguments(self) -> list[str]:
        return [f"{self.rate:g}"]


class Add(Layer):
    """The sum of several inputs of equal width: a skip connection.

    Examples
    --------
    >>> from fastmlp.layers import Add, Dense, Input
    >>> x = Input(8)
    >>> Add()([Dense(8, "relu")(x), x]).columns
    8
    """

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of columns that all inputs have."""
        if len(input_columns) < 2 or len(set(input_columns)) > 1:
            raise ValueError(
                "Add takes two inputs at least, all of the same number of columns, "
                f"not inputs of {input_columns} columns"
            )
        return input_columns[0]

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the sum of the inputs, from the first to the last."""
        return reduce(g.add, nodes)


class Concatenate(Layer):
    """Several inputs side by side: first the columns of the first, last those of the last.

    Examples
    --------
    >>> from fastmlp.layers import Concatenate, Dense, Input
    >>> x = Input(8)
    >>> Concatenate()([Dense(16, "relu")(x), x]).columns
    24
    """

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the sum of the inputs' columns."""
        if len(input_columns) < 2:
            raise ValueError(f"Concatenate takes two inputs at least, not {len(input_columns)}")
        return columns(sum(input_columns), f"the columns of {self!r}")

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the inputs side by side."""
        return g.concatenate(*nodes)


LAYERS.update({cls.__name__: cls for cls in (Dense, Activation, Dropout, Add, Concatenate)})


def add(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return the sum of symbols of equal width; see `Add`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, add
    >>> x = Input(8)
    >>> add([Dense(8, "relu")(x), x]).columns
    8
    """
    return Add(name=name)(symbols)


def concat(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return symbols side by side; see `Concatenate`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, concat
    >>> x = Input(8)
    >>> concat([Dense(16, "relu")(x), x]).columns
    24
    """
    return Concatenate(name=name)(symbols)


def from_config(config: Any) -> Layer:
    """Return the layer whose `Layer.config` this is; anything else is a ValueError.

    Examples
    --------
    >>> from fastmlp.layers import Dropout, from_config
    >>> from_config(Dropout(0.5).config())
    Dropout(0.5)
    """
    if not isinstance(config, dict):
        raise ValueError(f"a layer's config must be a mapping, not {type(config).__name__}")
    arguments = dict(config)
    kind = arguments.pop("class", None)
    if not isinstance(kind, str) or kind not in LAYERS:
        raise ValueError(f"unknown class of layer {kind!r}; known are: {', '.join(LAYERS)}")
    if not isinstance(arguments.get("activation", ""), str):
        raise ValueError(f"a layer's activation must be a name, not {arguments['activation']!r}")
    try:
        return LAYERS[kind].from_config(arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the config of a layer of the class {kind} does not fit: {error}"
        ) from error
