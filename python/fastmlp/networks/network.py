"""Networks: layers joined into a directed acyclic graph, with the parameters they share.

A `Network` is made from symbols (see layers.py). It names the layers, makes one node for each
parameter, and builds graphs of nodes: with dropout for training, without for everything else. It
computes nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from fastmlp import activations, losses
from fastmlp import graph as g
from fastmlp._checks import hint, real
from fastmlp.graph.roles import is_vector
from fastmlp.layers.base import Input, Layer, ParameterSpec, Symbol
from fastmlp.networks.forward import Forward, build
from fastmlp.networks.initial import Seed, Weights, drawn, given, input_nodes, parameter_nodes
from fastmlp.networks.structure import (
    Structure,
    SummaryRow,
    checked_inputs,
    dense_chain,
    first_input,
    replay,
    symbols,
)

if TYPE_CHECKING:
    import numpy.typing as npt


class Network:
    """Layers joined from inputs to one output, with their parameters.

    Parameters
    ----------
    inputs
        An `Input`, or several.
    output
        The symbol whose value the network returns.
    seed
        What initial values are drawn from: an int ≥ 0, a Generator, or None for a new one each
        time.
    weights
        Initial values by name (see `parameter_names`) instead of drawn ones, all of them: weights
        (units, inputs), biases (1, units).
    dtype
        In which drawn values must be finite: that of the model to be.

    Attributes
    ----------
    inputs : tuple of Input
    layers : tuple of Layer
        In topological order; the objects that were called.
    input_nodes : tuple of Node
        One for each input, (b, columns).
    parameter_nodes : tuple of Node
        W1, b1, W2, …; their values are the initial ones, and those of the model once there is one.
    parameter_names : tuple of str
        ``dense_1.weights``, ``dense_1.biases``, …, in the order of the nodes.
    parameter_roles : dict of Node to str
        What each is for, see `ParameterSpec`.
    output_columns : int
    version : int
        How often a setting of a layer has changed: what is made of a graph is of this version.

    Raises
    ------
    ValueError
        If the output needs an input that is not given, an input leads nowhere, two layers have one
        name, a layer belongs to another network, or the initial values do not fit. Nothing changes.
    TypeError
        If `inputs` or `output` are something else, or an initializer makes no numbers.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, concat
    >>> from fastmlp.networks.network import Network
    >>> x = Input(4)
    >>> network = Network(x, Dense(3, "softmax")(concat([Dense(8, "relu")(x), x])), seed=0)
    >>> network.parameter_names
    ('dense_1.weights', 'dense_1.biases', 'dense_2.weights', 'dense_2.biases')
    >>> network.output_activation, network.parameter_count
    ('softmax', 79)
    """

    def __init__(
        self,
        inputs: Input | Sequence[Input],
        output: Symbol,
        *,
        seed: Seed = None,
        weights: Weights | None = None,
        dtype: npt.DTypeLike = "float64",
    ) -> None:
        structure = Structure(checked_inputs(inputs), output)
        self._structure = structure
        self.inputs = structure.inputs
        self.layers = structure.layers
        for layer, name in zip(structure.layers, structure.names, strict=True):
            if layer.owner is not None:
                raise ValueError(
                    f"layer {name!r}, {layer!r}, belongs to another model; models do not share "
                    "weights: make a new layer or use its copy()"
                )
        specs = structure.parameters()
        if weights is None:
            structure.check_size()
            values = drawn(structure, seed, dtype)
        else:
            values = given(specs, weights)
        self.parameter_names = tuple(specs)
        self.parameter_nodes = parameter_nodes(structure.specs, values)
        roles = (spec.role for spec in specs.values())
        self.parameter_roles = dict(zip(self.parameter_nodes, roles, strict=True))
        self.input_nodes = input_nodes(structure.inputs)
        nodes = iter(self.parameter_nodes)
        self._layer_nodes = [tuple(next(nodes) for _ in specs) for specs in structure.specs]
        self.version = 0
        self._listener: weakref.WeakMethod[Callable[[], None]] | None = None
        self.forward()  # raises what does not fit
        for i, (layer, name) in enumerate(zip(self.layers, self._structure.names, strict=True)):
            named = [spec.name for spec in self._structure.specs[i]]
            vectors = frozenset(s.name for s in self._structure.specs[i] if len(s.array_shape) == 1)
            layer.join(self, name, dict(zip(named, self._layer_nodes[i], strict=True)), vectors)

    @classmethod
    def sequential(
        cls,
        layers: Sequence[Layer | Input],
        input_columns: int | None = None,
        *,
        seed: Seed = None,
        weights: Weights | None = None,
        dtype: npt.DTypeLike = "float64",
    ) -> Network:
        """Return a network of layers in a row.

        Parameters
        ----------
        layers
            Layers from first to last. An `Input` may stand first.
        input_columns
            Number of features, if there is no `Input`.
        seed, weights, dtype
            As for `Network`.

        Examples
        --------
        >>> from fastmlp.layers import Dense, Dropout
        >>> from fastmlp.networks.network import Network
        >>> Network.sequential([Dense(8, "relu"), Dropout(0.5), Dense(1)], 4).output_columns
        1
        """
        x, rest = first_input(layers, input_columns)
        symbol: Symbol = x
        for layer in rest:
            symbol = layer(symbol)
        return cls(x, symbol, seed=seed, weights=weights, dtype=dtype)

    @classmethod
    def mlp(
        cls,
        columns: Sequence[int],
        activation: str | activations.Activation | Callable[[g.Node], g.Node] = "relu",
        output: str | activations.Activation | Callable[[g.Node], g.Node] = "identity",
        *,
        seed: Seed = None,
        weights: Weights | None = None,
        dtype: npt.DTypeLike = "float64",
    ) -> Network:
        """Return a multilayer perceptron: dense layers in a row.

        Parameters
        ----------
        columns
            Number of features, of units in each hidden layer, of outputs.
        activation, output
            Activation of the hidden layers and of the last one.
        seed, weights, dtype
            As for `Network`.

        Examples
        --------
        >>> from fastmlp.networks.network import Network
        >>> [tuple(node.shape) for node in Network.mlp([2, 3, 1], "tanh").parameter_nodes]
        [(3, 2), (1, 3), (1, 3), (1, 1)]
        """
        sizes, chain = dense_chain(columns, activation, output)
        return cls.sequential(chain, sizes[0], seed=seed, weights=weights, dtype=dtype)

    @property
    def input_columns(self) -> tuple[int, ...]:
        """Number of features of each input."""
        return tuple(x.columns for x in self.inputs)

    @property
    def output_columns(self) -> int:
        """Number of columns of the output."""
        return self._structure.columns[-1]

    @property
    def output_activation(self) -> str:
        """The operation that makes the output if it is an activation, else ``"identity"``."""
        op = self.forward()[0].op
        return op if op in activations.ACTIVATIONS else "identity"

    @property
    def parameter_count(self) -> int:
        """How many numbers the network has, frozen ones and statistics included."""
        return sum(rows * columns for rows, columns in self._structure.shapes().values())

    def values(self) -> dict[str, npt.NDArray[Any]]:
        """Return the present values of the parameters by name: read-only views, 2-D."""
        values = [node.value for node in self.parameter_nodes if node.value is not None]
        return dict(zip(self.parameter_names, values, strict=True))

    def views(self, view: Callable[[g.Node], npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
        """Return what `view` has for each parameter, by name: biases as (units,), not (1, units).

        It is `Parameters.view`, or that of another vector in the same layout.
        """
        result = {}
        for name, node in zip(self.parameter_names, self.parameter_nodes, strict=True):
            values = view(node)
            vector = is_vector(self.parameter_roles[node], len(values))
            result[name] = values[0] if vector else values
        return result

    def layer(self, name: str) -> Layer:
        """Return the layer of that name; ValueError if there is none."""
        names = self._structure.names
        if name not in names:
            known = ", ".join(names)
            raise ValueError(f"no layer is called {name!r}; there are: {known}{hint(name, names)}")
        return self.layers[names.index(name)]

    def bind(self, parameters: Any) -> None:
        """Let the layers' arrays and the values of the nodes be views of `parameters`."""
        parameters.own()
        for layer in self.layers:
            layer.bind(parameters)

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call a method of the model that owns the network when a layer changes."""
        self._listener = weakref.WeakMethod(listener)

    def changed(self, *, check: bool) -> None:
        """Note that a layer has changed: graphs made until now are not those of the network.

        Raises
        ------
        TypeError, ValueError
            If the layers do not fit together any more, where `check` says to look; then nothing is
            noted.
        """
        if check:
            self.forward(training=True)
        self.version += 1
        listener = None if self._listener is None else self._listener()
        if listener is not None:
            listener()

    def forward(
        self, inputs: g.Node | Sequence[g.Node] | None = None, *, training: bool = False
    ) -> tuple[g.Node, dict[str, g.Node]]:
        """Build the graph from inputs to output.

        Parameters
        ----------
        inputs
            A node for each input, (b, columns); by default `input_nodes`.
        training
            Whether dropout is there.

        Returns
        -------
        output : Node
            (b, output_columns).
        by_layer : dict
            Output of each layer by name; that of the second call of a shared layer is ``name:2``.

        Examples
        --------
        >>> from fastmlp import graph as g
        >>> from fastmlp.networks.network import Network
        >>> network = Network.mlp([2, 3, 1], output="logistic", seed=0)
        >>> y, by_layer = network.forward()
        >>> y.op, list(by_layer)
        ('logistic', ['dense_1', 'dense_2'])
        """
        return self.forward_pass(inputs, training=training)[:2]

    def forward_pass(
        self, inputs: g.Node | Sequence[g.Node] | None = None, *, training: bool = False
    ) -> Forward:
        """Build the graph as `forward` does; return also what becomes of the statistics."""
        nodes = self._checked_nodes(inputs)
        return build(self._structure, nodes, self._layer_nodes, training=training)

    @property
    def frozen(self) -> frozenset[g.Node]:
        """The parameters of layers that are not trainable."""
        both = zip(self.layers, self._layer_nodes, strict=True)
        return frozenset(node for layer, own in both if not layer.trainable for node in own)

    def _checked_nodes(self, inputs: g.Node | Sequence[g.Node] | None) -> Sequence[g.Node]:
        if inputs is None:
            return self.input_nodes
        nodes = [inputs] if isinstance(inputs, g.Node) else list(inputs)
        columns = tuple(node.shape[1] for node in nodes)
        if columns != self.input_columns:
            raise ValueError(
                f"inputs must be nodes of {self.input_columns} columns, not of {columns}"
            )
        return nodes

    def penalty(self, l2: float = 0.0) -> g.Node | None:
        """Return the regularizer λ·½ Σ‖W‖² + λ₁ Σ ``|w|``, or None where nothing is penalised.

        Parameters
        ----------
        l2
            λ of the layers that have none of their own. Biases are not penalised.

        Raises
        ------
        ValueError, TypeError
            If `l2` is negative or no number.
        """
        l2 = real(l2, "l2", at_least=0)
        specs = self._structure.present_specs()
        l2s = [l2 if spec.l2 is None else spec.l2 for spec in specs]
        return losses.elastic_penalty(self.parameter_nodes, [spec.l1 for spec in specs], l2s)

    def summary(self) -> list[SummaryRow]:
        """Return a row for each input and each call of a layer, in topological order."""
        return self._structure.summary([str(node.name) for node in self.input_nodes])

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make the network again: JSON values only.

        Raises
        ------
        ValueError
            If a function or a class of the user's is inside, which a file cannot hold.
        """
        return self._structure.config()

    @classmethod
    def from_config(
        cls, config: object, *, seed: Seed = None, weights: Weights | None = None
    ) -> Network:
        """Return the network whose `config` this is.

        Parameters
        ----------
        config
            JSON values. Only classes and functions of fastmlp can be named in it: no code runs.
        seed, weights
            As for `Network`; shapes are compared before anything is allocated.

        Raises
        ------
        ValueError
            If the config is malformed in any way, or `weights` do not fit it.
        """
        return cls(*symbols(config), seed=seed, weights=weights)

    @staticmethod
    def specs_in(config: object) -> dict[str, ParameterSpec]:
        """Return what parameters a config asks for, by name, without making them.

        Raises
        ------
        ValueError
            If the config is malformed in any way.

        Examples
        --------
        >>> from fastmlp.networks.network import Network
        >>> specs = Network.specs_in(Network.mlp([2, 3]).config())
        >>> {name: spec.shape for name, spec in specs.items()}
        {'dense_1.weights': (3, 2), 'dense_1.biases': (1, 3)}
        """
        return Structure(*symbols(config)).parameters()

    def copy(self, *, seed: Seed = None, weights: Weights | None = None) -> Network:
        """Return a network of copied layers, with initial values of its own."""
        copied = [layer.copy() for layer in self.layers]
        return Network(
            *replay(self.inputs, copied, self._structure.steps()), seed=seed, weights=weights
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.inputs, self.layers, self._structure.steps(), self.values())

    # Where objects are written as their attributes and not as `__reduce__` says (skops), a network
    # is what a file holds of it: JSON values and arrays, no code.

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config(), "weights": self.values()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*symbols(state["config"]), weights=state["weights"])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"<Network of {len(self.layers)} layers, {self.parameter_count} parameters>"


def _unpickled(
    inputs: tuple[Input, ...],
    used: tuple[Layer, ...],
    steps: list[tuple[int, tuple[int, ...]]],
    weights: Weights,
) -> Network:
    return Network(*replay(inputs, used, steps), weights=weights)
