"""Networks in files, pickles and copies: what their layers say of themselves, and arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _core
from fastmlp import graph as g
from fastmlp.layers.base import Symbol
from fastmlp.networks.structure import Structure, replay, symbols

if TYPE_CHECKING:
    import numpy.typing as npt
    from typing_extensions import Self

    from fastmlp.layers.base import Input, Layer, ParameterSpec
    from fastmlp.networks.initial import Seed, Weights
    from fastmlp.networks.outputs import Given


class Portable:
    """A network that can be written down and made again; the base of `Network`."""

    _structure: Structure
    _layer_nodes: Sequence[Sequence[g.Node]]
    inputs: tuple[Input, ...]
    layers: tuple[Layer, ...]
    parameter_names: tuple[str, ...]
    parameters: Any

    def values(self) -> dict[str, npt.NDArray[Any]]:
        """Return the present values of the parameters by name."""
        raise NotImplementedError

    def by_name(self, given: Any, what: str) -> dict[str, Any]:
        """Return an array for each parameter by its name, given so or in their order.

        Raises
        ------
        TypeError, ValueError
            If their number or a name is wrong, which the message calls `what`.

        Examples
        --------
        >>> from fastmlp.networks.network import Network
        >>> Network.mlp([2, 1]).by_name([[[1.0, 2.0]], [3.0]], "weights")
        {'dense_1.weights': [[1.0, 2.0]], 'dense_1.biases': [3.0]}
        """
        names = self.parameter_names
        if isinstance(given, Mapping):
            if set(given) != set(names):
                raise ValueError(f"{what} must have the keys {list(names)}, got {list(given)}")
            return {name: given[name] for name in names}
        if not isinstance(given, (list, tuple)):
            raise TypeError(f"{what} must be a list of arrays, got {type(given).__name__}")
        if len(given) != len(names):
            raise ValueError(
                f"{what} must hold {len(names)} arrays ({', '.join(names)}), got {len(given)}"
            )
        return dict(zip(names, given, strict=True))

    def config(self) -> dict[str, Any]:
        """Return what `from_config` needs to make the network again: JSON values only.

        Raises
        ------
        ValueError
            If a function or a class of the user's is inside, which a file cannot hold, or a
            layer that reads parameters of another.
        """
        self._check_whole()
        return self._structure.config()

    @classmethod
    def from_config(
        cls, config: object, *, seed: Seed = None, weights: Weights | None = None
    ) -> Self:
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
        return cls(*symbols(config), seed=seed, weights=weights)  # type: ignore[call-arg]

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

    def copy(
        self,
        *,
        seed: Seed = None,
        weights: Weights | None = None,
        dtype: npt.DTypeLike = "float64",
    ) -> Self:
        """Return a network of copied layers, with initial values of its own."""
        self._check_whole()
        copied = [layer.copy() for layer in self.layers]
        outputs = self._structure.outputs.described()
        made = replay(self.inputs, copied, self._structure.steps(), outputs)
        return type(self)(*made, seed=seed, weights=weights, dtype=dtype)  # type: ignore[call-arg]

    def copied(self, memo: dict[int, Any]) -> Self:
        """Return a network of copied layers with the same values of their parameters.

        `memo` has layers that were copied before, by their id, as that of a deep copy: those of
        another network, which this one shares then.
        """
        for layer in self.layers:
            if id(layer) not in memo:
                memo[id(layer)] = layer.copy()
        layers = tuple(memo[id(layer)] for layer in self.layers)
        made: Self = _unpickled(*self._parts(layers, self.values()))
        return made

    def joined(self, symbols: Symbol | Sequence[Symbol]) -> Given:
        """Return the symbols of the outputs if the same layers are called with other inputs.

        Raises
        ------
        TypeError, ValueError
            If they are not as many symbols as there are inputs, of as many columns.

        Examples
        --------
        >>> from fastmlp.layers import Dense, Input
        >>> from fastmlp.networks.network import Network
        >>> Network.sequential([Dense(8), Dense(3)], 2).joined(Input(2)).columns
        3
        """
        sources: list[Any] = [symbols] if isinstance(symbols, Symbol) else list(symbols)
        for source in sources:
            if not isinstance(source, Symbol):
                raise TypeError(
                    "a model is called with rows, or with symbols alone, an Input or what a layer "
                    f"returned; got {type(source).__name__} among them"
                )
        columns, wanted = ([x.columns for x in each] for each in (sources, self.inputs))
        if columns != wanted:
            raise ValueError(
                f"a model whose inputs have {wanted} columns was called with symbols of {columns}"
            )
        structure = self._structure
        return replay(sources, self.layers, structure.steps(), structure.outputs.described())[1]

    def difference(self, other: Portable) -> str:
        """Return in what another network differs from this one, values of parameters aside.

        Empty if it does not: then both have the same graphs.

        Examples
        --------
        >>> from fastmlp.layers import Dense, Dropout
        >>> from fastmlp.networks.network import Network
        >>> one, other = (Network.sequential([Dropout(p), Dense(1)], 2) for p in (0.1, 0.2))
        >>> one.difference(other)
        "rate of layer 'dropout_1' is 0.2, not 0.1"
        """
        mine, theirs = self._structure, other._structure
        columns = [[x.columns for x in network.inputs] for network in (self, other)]
        if columns[0] != columns[1]:
            return f"its inputs have {columns[1]} columns, not {columns[0]}"
        if mine.names != theirs.names:
            return f"it has the layers {list(theirs.names)}, not {list(mine.names)}"
        if mine.steps() != theirs.steps() or mine.outputs != theirs.outputs:
            return "its layers are joined in another way"
        for name, a, b in zip(mine.names, self.layers, other.layers, strict=True):
            if type(a) is not type(b):
                return f"layer {name!r} is {b!r}, not {a!r}"
            ours, others = a.__getstate__(), b.__getstate__()
            for key in ours | others:
                if key != "given_name" and not _same(ours.get(key), others.get(key)):
                    return f"{key} of layer {name!r} is {others.get(key)!r}, not {ours.get(key)!r}"
        return ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, self._parts(self.layers, self._kept())

    def _kept(self) -> dict[str, npt.NDArray[Any]]:
        """Return copies of the values for a pickle, which is written after they may have changed.

        All are of one set of weights: other threads wait to change them.
        """
        accesses = [] if self.parameters is None else [self.parameters.access]
        with _core.Reading(accesses):
            return {name: value.copy() for name, value in self.values().items()}

    def _parts(self, layers: tuple[Layer, ...], weights: Weights) -> tuple[Any, ...]:
        """Return the arguments of `_unpickled` for these in the place of its layers."""
        self._check_whole()
        structure = self._structure
        joined = structure.steps(), structure.outputs.described()
        return type(self), self.inputs, layers, *joined, weights

    def _check_whole(self) -> None:
        """Raise ValueError if a layer reads parameters of another: those of a copy are others.

        Functions of the user's may, of a `Lambda` or as activations, and layers of the user's.
        """
        structure = self._structure
        for call in structure.calls:
            layer, own = structure.layers[call.layer], self._layer_nodes[call.layer]
            sources = [g.input(structure.columns[source]) for source in call.sources]
            made = g.topological_order(layer.apply(sources, own, training=False, key=0))
            if any(node.op == "parameter" and node not in own for node in made):
                raise ValueError(
                    f"{layer!r} reads parameters of another layer, which it would not find in a "
                    "copy, a pickle or a file: make the model once more by your own code, and give "
                    "it model.get_weights() by set_weights"
                )

    # Where objects are written as their attributes and not as `__reduce__` says (skops), a network
    # is what a file holds of it: JSON values and arrays, no code.

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config(), "weights": self._kept()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*symbols(state["config"]), weights=state["weights"])  # type: ignore[misc]


def _same(a: Any, b: Any) -> bool:
    try:
        return a is b or bool(a == b)
    except ValueError:  # arrays
        return bool(np.array_equal(a, b))


def _unpickled(
    kind: Any,
    inputs: tuple[Input, ...],
    used: tuple[Layer, ...],
    steps: Sequence[tuple[int, tuple[int, ...]]],
    outputs: Any,
    weights: Weights,
) -> Any:
    # A layer that has its parameters is in the same pickle as another network's: they share it.
    return kind(*replay(inputs, used, steps, outputs), weights=weights, kept=True)
