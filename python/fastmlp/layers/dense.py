"""Dense layers: z = W x + b, h = φ(z)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from fastmlp import activations, initializers
from fastmlp import graph as g
from fastmlp._checks import choice, flag, integer, real
from fastmlp.initializers import Initializer, Stacked
from fastmlp.layers.activation import saved_name
from fastmlp.layers.base import Layer, ParameterSpec, only_input
from fastmlp.layers.settings import MAX_NORM, Setting, initializer_setting
from fastmlp.layers.views import array_of

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
    groups
        k > 1 cuts the inputs and the outputs into k groups of columns: `units` is the number of
        units of each, and group i of h is φ(xᵢ Wᵢᵀ + bᵢ) of group i of x.
    shared
        Whether all groups have one W and one b. With ``"weights"`` they have one W, and each a b.
    l2
        λ of ½λ‖W‖² for this layer. None takes that of the fit.
    l1
        λ₁ of λ₁ Σ ``|w|`` for this layer, beside l2 (both: the elastic net). None takes that of the
        fit.
    max_norm
        c: after each step of a fit the weights into a unit are multiplied by min(1, c / ‖w‖), so
        that their norm is at most c (Srivastava et al. 2014). Weights that were drawn or assigned
        are so after the first step; those of a frozen layer stay. None is no bound.
    name
        What summaries and files call it; dense_1, dense_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Raises
    ------
    ValueError, TypeError
        If `units` is not a whole number of at least 1, `l1` or `l2` is negative, `max_norm` is not
        more than 0, a name is unknown, or the inputs are not `groups` groups of as many columns.

    Notes
    -----
    The parameters are ``weights`` (units, inputs) and ``biases`` (units,). With groups, weights are
    (units, inputs / groups) if shared, else (groups·units, inputs / groups), those of the groups
    one below the other; biases are (units,) if shared is True, else (groups·units,). One W shared
    is one product with groups·rows rows: TabM (Gorishniy et al. 2025) is built of such layers.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input
    >>> hidden = Dense(256, "relu")
    >>> h = hidden(Input(784))
    >>> [spec.shape for spec in hidden.parameter_specs((784,))]
    [(256, 784), (1, 256)]
    >>> heads = Dense(2, groups=32)
    >>> [spec.shape for spec in heads.parameter_specs((320,))]
    [(64, 10), (1, 64)]
    """

    activation: activations.Activation
    SETTINGS: ClassVar[dict[str, Setting]] = {
        "units": Setting(lambda value: integer(value, "units", at_least=1, at_most=None), _SHAPE),
        "activation": Setting(activations.get),
        "use_bias": Setting(lambda value: flag(value, "use_bias"), _SHAPE),
        "weights_initializer": initializer_setting("weights_initializer", _DRAWN, optional=True),
        "bias_initializer": initializer_setting("bias_initializer", _DRAWN),
        "groups": Setting(lambda value: integer(value, "groups", at_least=1, at_most=None), _SHAPE),
        "shared": Setting(lambda value: _checked_shared(value), _SHAPE),
        "l2": Setting(lambda value: None if value is None else real(value, "l2", at_least=0)),
        "l1": Setting(lambda value: None if value is None else real(value, "l1", at_least=0)),
        "max_norm": MAX_NORM,
    }

    weights = array_of("weights", "W, (units, inputs)")
    biases = array_of("biases", "b, (units,)")

    def __init__(
        self,
        units: int,
        activation: str | activations.Activation | Callable[[g.Node], g.Node] = "identity",
        *,
        use_bias: bool = True,
        weights_initializer: str | Initializer | float | None = None,
        bias_initializer: str | Initializer | float = "zeros",
        groups: int = 1,
        shared: bool | str = False,
        l2: float | None = None,
        l1: float | None = None,
        max_norm: float | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.units = units
        self.activation = activation  # type: ignore[assignment]  # a setting is checked as it is set
        self.use_bias = use_bias
        self.weights_initializer: Initializer | None = weights_initializer  # type: ignore[assignment]
        self.bias_initializer: Initializer = bias_initializer  # type: ignore[assignment]
        self.groups = groups
        self.shared = shared
        self.l2 = l2
        self.l1 = l1
        self.max_norm = max_norm
        if self.shared and self.groups == 1:
            raise ValueError("shared needs groups: with one group there is nothing to share")
        if self.shared == "weights" and not self.use_bias:
            raise ValueError('shared="weights" needs biases that are not: write shared=True')

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of units, of all groups."""
        self._inputs_of_group(input_columns)
        return self.groups * self.units

    def _inputs_of_group(self, input_columns: tuple[int, ...]) -> int:
        inputs = only_input(self, input_columns)
        if inputs % self.groups:
            raise ValueError(
                f"{self!r} takes groups={self.groups} of as many columns, not {inputs} columns"
            )
        return inputs // self.groups

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return those of W, (units, inputs), and b, (1, units)."""
        inputs = self._inputs_of_group(input_columns)
        draw = self.weights_initializer or initializers.get(self.activation.initializer)
        matrices = 1 if self.shared else self.groups
        draw = draw if matrices == 1 else Stacked(draw, matrices)
        shape = (matrices * self.units, inputs)
        weights = ParameterSpec(
            "weights", "W", shape, draw, self.l2, l1=self.l1, max_norm=self.max_norm
        )
        if not self.use_bias:
            return (weights,)
        vectors = 1 if self.shared is True else self.groups
        shape, draw = (1, vectors * self.units), self.bias_initializer
        return weights, ParameterSpec("biases", "b", shape, draw, role="bias")

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return φ(x Wᵀ + b)."""
        (x,) = nodes
        if self.groups > 1:
            return self._grouped(x, *parameters)
        if self.use_bias:
            W, b = parameters
            return self.activation(g.affine(x, W, b))
        return self.activation(g.matmul(x, parameters[0], transpose_b=True))

    def _grouped(self, x: g.Node, W: g.Node, b: g.Node | None = None) -> g.Node:
        k = self.groups
        if self.shared and (b is None or self.shared is True):  # φ, too, on k·b rows
            rows = g.group_rows(x, k)
            z = g.matmul(rows, W, transpose_b=True) if b is None else g.affine(rows, W, b)
            return g.ungroup_rows(self.activation(z), k)
        if b is None:
            z = g.group_matmul(x, W, k, transpose_b=True)
        else:
            z = g.affine(x, W, b, groups=k, shared=bool(self.shared))
        return activated(self.activation, z, k)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        draw = self.weights_initializer
        later = {"l1": self.l1, "max_norm": self.max_norm}
        later = {name: value for name, value in later.items() if value is not None}
        return {
            "units": self.units,
            "activation": saved_name(self.activation),
            "use_bias": self.use_bias,
            "weights_initializer": None if draw is None else draw.config(),
            "bias_initializer": self.bias_initializer.config(),
            "l2": self.l2,
            # Files without these are read by older versions.
            **later,
            **({"groups": self.groups, "shared": self.shared} if self.groups > 1 else {}),
        }

    def _arguments(self) -> list[str]:
        said = [str(self.units), repr(self.activation.name)]
        if not self.use_bias:
            said.append("use_bias=False")
        if self.groups > 1:
            said.append(f"groups={self.groups}")
        if self.shared:
            said.append(f"shared={self.shared!r}")
        if self.l2 is not None:
            said.append(f"l2={self.l2:g}")
        if self.l1 is not None:
            said.append(f"l1={self.l1:g}")
        if self.max_norm is not None:
            said.append(f"max_norm={self.max_norm:g}")
        return said


def activated(phi: activations.Activation, z: g.Node, groups: int) -> g.Node:
    """Return φ(z), of each group of columns by itself unless φ works on elements."""
    if phi.declared is not None and phi.declared.elementwise:
        return phi(z)
    return g.ungroup_rows(phi(g.group_rows(z, groups)), groups)


def _checked_shared(value: Any) -> bool | str:
    if isinstance(value, str):
        return choice(value, "shared", ("weights",))
    return flag(value, "shared")
