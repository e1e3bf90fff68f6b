"""Dense layers: z = W x + b, h = φ(z)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from fastmlp import activations, initializers
from fastmlp import graph as g
from fastmlp._checks import flag, integer, real
from fastmlp.initializers import Initializer
from fastmlp.layers.activation import saved_name
from fastmlp.layers.base import Array, Layer, ParameterSpec, Setting, only_input

if TYPE_CHECKING:
    import numpy.typing as npt

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
        What W is drawn from, see `initializers.get`. None is the activation's own: He for relu, its
        kin and sin, LeCun for selu, Glorot for the others.
    bias_initializer
        What b is drawn from.
    l2
        λ of ½λ‖W‖² for this layer. None takes that of the fit.
    l1
        λ₁ of λ₁ Σ ``|w|`` over the weights of this layer, beside l2 (both: the elastic net).
    name
        What summaries and files call it; dense_1, dense_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Raises
    ------
    ValueError, TypeError
        If `units` is not a whole number of at least 1, `l1` or `l2` is negative, or a name is
        unknown.

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
            lambda value: None if value is None else initializers.get(value, "weights_initializer"),
            _DRAWN,
        ),
        "bias_initializer": Setting(
            lambda value: initializers.get(value, "bias_initializer"), _DRAWN
        ),
        "l2": Setting(lambda value: None if value is None else real(value, "l2", at_least=0)),
        "l1": Setting(lambda value: real(value, "l1", at_least=0)),
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
        l1: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.units = units
        self.activation = activation  # type: ignore[assignment]  # a setting is checked as it is set
        self.use_bias = use_bias
        self.weights_initializer: Initializer | None = weights_initializer  # type: ignore[assignment]
        self.bias_initializer: Initializer = bias_initializer  # type: ignore[assignment]
        self.l2 = l2
        self.l1 = l1

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
        return self._view("biases")

    @biases.setter
    def biases(self, values: npt.ArrayLike) -> None:
        self._assign("biases", self.biases, values)

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of units."""
        only_input(self, input_columns)
        return self.units

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return those of W, (units, inputs), and b, (1, units)."""
        inputs = only_input(self, input_columns)
        draw = self.weights_initializer or initializers.get(self.activation.initializer)
        shape = (self.units, inputs)
        weights = ParameterSpec("weights", "W", shape, draw, self.l2, l1=self.l1)
        if not self.use_bias:
            return (weights,)
        shape, draw = (1, self.units), self.bias_initializer
        return weights, ParameterSpec("biases", "b", shape, draw, role="bias")

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
            "activation": saved_name(self.activation),
            "use_bias": self.use_bias,
            "weights_initializer": None if draw is None else draw.config(),
            "bias_initializer": self.bias_initializer.config(),
            "l2": self.l2,
            **({"l1": self.l1} if self.l1 else {}),  # files without it are read by older versions
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
        if self.l1:
            said.append(f"l1={self.l1:g}")
        return said
