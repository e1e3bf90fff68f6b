"""Networks: layers joined into a directed acyclic graph, with the parameters they share.

A `Network` is made from symbols (see layers.py). It names the layers, makes one node for each
parameter, and builds graphs of nodes: with dropout for training, without for everything else. It
computes nothing.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fastmlp import activations, losses
from fastmlp import graph as g
from fastmlp._checks import hint, real
from fastmlp.graph.roles import is_vector
from fastmlp.layers.base import Input, Layer, Symbol
from fastmlp.networks.forward import Forward, build
from fastmlp.networks.initial import (
    Seed,
    Weights,
    drawn,
    given,
    input_nodes,
    parameter_nodes,
    shared_nodes,
)
from fastmlp.networks.portable import Portable
from fastmlp.networks.structure import (
    Structure,
    SummaryRow,
    checked_inputs,
    dense_chain,
    first_input,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from fastmlp.networks.outputs import Given


class Owner(Protocol):
    """What a network needs to know of its model."""

    def _check_turn(self, what: str) -> None:
        """Raise what is against changing a layer now."""

    def _forget_plans(self) -> None:
        """Drop what was compiled of the network as it was."""


class Network(Portable):
    """Layers joined from inputs to outputs, with their parameters.

    Parameters
    ----------
    inputs
        An `Input`, or several.
    outputs
        The symbol whose value the network returns, or a list, tuple or dict of several: then they
        are called as its keys or as their layers.
    seed
        What initial values are drawn from: an int ≥ 0, a Generator, or None for a new one each
        time.
    weights
        Initial values by name (see `parameter_names`) instead of drawn ones, all of them: weights
        (units, inputs), biases (1, units).
    dtype
        In which drawn values must be finite: that of the model to be.
    kept
        Whether layers that have parameters may keep them though `weights` has others.

    Attributes
    ----------
    inputs : tuple of Input
    outputs : Outputs
        Names and columns of the outputs.
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
    index_limits : tuple
        How many categories each column of each input has; None for an input of other numbers.
    version : int
        How often a setting of a layer or the place of a parameter has changed: what is made of a
        graph is of this version.
    parameters : Parameters or None
        What holds the values, perhaps with parameters of other networks, once it is bound.

    Raises
    ------
    ValueError
        If an output needs an input that is not given, an input leads nowhere, two layers have one
        name, a layer has parameters from another network that it would need in other shapes here,
        or the initial values do not fit. Nothing changes.
    TypeError
        If `inputs` or `outputs` are something else, or an initializer makes no numbers.

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
        outputs: Given,
        *,
        seed: Seed = None,
        weights: Weights | None = None,
        dtype: npt.DTypeLike = "float64",
        kept: bool = False,
    ) -> None:
        structure = Structure(checked_inputs(inputs), outputs)
        self._structure = structure
        self.inputs = structure.inputs
        self.outputs = structure.outputs
        self.layers = structure.layers
        self.index_limits = structure.index_limits
        shared = shared_nodes(structure)
        specs = structure.parameters()
        if weights is None:
            structure.check_size()
            values = drawn(structure, seed, dtype, shared)
        elif any(shared.values()) and not kept:
            taken = next(structure.names[place] for place, nodes in shared.items() if nodes)
            raise ValueError(f"weights are given, but layer {taken!r} has those of another model")
        else:
            needed = (len(own) for own in structure.specs)
            places = [place for place, count in enumerate(needed) for _ in range(count)]
            each = zip(places, given(specs, weights), strict=True)
            values = [value for place, value in each if place not in shared]
        self._layer_nodes = parameter_nodes(structure.specs, values, shared)
        self.parameter_names = tuple(specs)
        self.parameter_nodes = tuple(node for nodes in self._layer_nodes for node in nodes)
        roles = (spec.role for spec in specs.values())
        self.parameter_roles = dict(zip(self.parameter_nodes, roles, strict=True))
        self.input_nodes = input_nodes(structure.inputs)
        self.version = 0
        self.parameters: Any = None
        self._model: Callable[[], Owner | None] = lambda: None
        self.forward_pass()  # raises what does not fit
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
        """Number of columns of the output; ValueError if there are several outputs."""
        return self.outputs.columns[self.outputs.the_only("output_columns")]

    @property
    def output_activation(self) -> str:
        """The operation that makes the output if it is an activation, else ``"identity"``.

        ValueError if there are several outputs.
        """
        return self.output_activations[self.outputs.the_only("output_activation")]

    @property
    def output_activations(self) -> tuple[str, ...]:
        """The operation that makes each output if it is an activation, else ``"identity"``."""
        made = (node.op for node in self.forward_pass().outputs)
        return tuple(op if op in activations.ACTIVATIONS else "identity" for op in made)

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
        if not isinstance(name, str) or name not in names:
            known = ", ".join(names)
            raise ValueError(f"no layer is called {name!r}; there are: {known}{hint(name, names)}")
        return self.layers[names.index(name)]

    def bind(self, parameters: Any) -> None:
        """Let the layers' arrays and the values of the nodes be views of `parameters`."""
        parameters.own()
        parameters.add_user(self, self.layers)
        self.parameters = parameters
        for layer in self.layers:
            layer.bind(parameters)

    def belong_to(self, model: Owner) -> None:
        """Be the network of a model from now on, which is told of changes."""
        self._model = weakref.ref(model)

    @property
    def model(self) -> Any:
        """The model whose network it is, if there is one."""
        return self._model()

    def leave(self) -> None:
        """Let the layers be no part of the network any more; it is of no use then."""
        for layer in self.layers:
            layer.leave(self)

    def check_write(self, name: str, layer: Layer) -> None:
        """Raise what the model has against assigning this attribute of a layer now."""
        model = self._model()
        if model is not None:
            model._check_turn(f"{name} of {layer!r}")

    def check(self) -> None:
        """Raise TypeError or ValueError if the layers do not fit together any more."""
        self.forward_pass(training=True)

    def changed(self) -> None:
        """Note that a layer has changed: graphs made until now are not those of the network."""
        self.version += 1
        model = self._model()
        if model is not None:
            model._forget_plans()

    def forward(
        self, inputs: g.Node | Sequence[g.Node] | None = None, *, training: bool = False
    ) -> tuple[g.Node, dict[str, g.Node]]:
        """Build the graph from inputs to the output; ValueError if there are several outputs.

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
        place = self.outputs.the_only("forward")
        passed = self.forward_pass(inputs, training=training)
        return passed.outputs[place], passed.by_layer

    def forward_pass(
        self, inputs: g.Node | Sequence[g.Node] | None = None, *, training: bool = False
    ) -> Forward:
        """Build the graph as `forward` does: all outputs, and what becomes of the statistics."""
        nodes = self._checked_nodes(inputs)
        return build(self._structure, nodes, self._layer_nodes, training=training)

    @property
    def frozen(self) -> frozenset[g.Node]:
        """The parameters of layers that are not trainable."""
        both = zip(self.layers, self._layer_nodes, strict=True)
        return frozenset(node for layer, own in both if not layer.trainable for node in own)

    @property
    def max_norms(self) -> dict[g.Node, float]:
        """The largest norm of the weights into each unit, of the weights that have one."""
        both = zip(self.parameter_nodes, self._structure.present_specs(), strict=True)
        return {node: spec.max_norm for node, spec in both if spec.max_norm is not None}

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

    def penalty(self, l2: float = 0.0, l1: float = 0.0) -> g.Node | None:
        """Return the regularizer λ·½ Σ‖W‖² + λ₁ Σ ``|w|``, or None where nothing is penalised.

        Parameters
        ----------
        l2, l1
            λ and λ₁ of the layers that have none of their own. Biases are not penalised.

        Raises
        ------
        ValueError, TypeError
            If one of them is negative or no number.
        """
        l2, l1 = real(l2, "l2", at_least=0), real(l1, "l1", at_least=0)
        specs = self._structure.present_specs()
        l2s = [l2 if spec.l2 is None else spec.l2 for spec in specs]
        l1s = [l1 if spec.l1 is None else spec.l1 for spec in specs]
        return losses.elastic_penalty(self.parameter_nodes, l1s, l2s)

    def summary(self) -> list[SummaryRow]:
        """Return a row for each input and each call of a layer, in topological order."""
        return self._structure.summary([str(node.name) for node in self.input_nodes])

    def __repr__(self) -> str:
        return f"<Network of {len(self.layers)} layers, {self.parameter_count} parameters>"
