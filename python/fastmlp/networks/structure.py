"""How the layers of a network hang together: checked, ordered, named; no arrays yet."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from fastmlp import _checks, activations, layers
from fastmlp.config import readable
from fastmlp.graph.roles import STATISTIC
from fastmlp.layers.base import Input, Layer, ParameterSpec, Symbol
from fastmlp.networks.outputs import ONE, Outputs, from_described
from fastmlp.networks.outputs import checked as outputs_of

if TYPE_CHECKING:
    from fastmlp.networks.outputs import Given

    AnySymbol = TypeVar("AnySymbol", bound=Symbol)

__all__ = [
    "Call",
    "Structure",
    "SummaryRow",
    "checked_inputs",
    "dense_chain",
    "first_input",
    "replay",
    "symbols",
]


# Far more than a network has that can be trained; a file that has as many is read in seconds.
MOST_JOINS = 1 << 17


@readable
class SummaryRow(NamedTuple):
    """One line of a summary: an input, or a call of a layer.

    Attributes
    ----------
    name, kind
        What it is called, and its class.
    output_columns
        Columns of its output.
    activation
        Name of its activation, empty if it has none.
    parameters
        How many numbers it learns; 0 at the second call of a shared layer.
    connections
        Names of the rows it takes its input from.
    told
        How many of the parameters are statistics, which a training tells instead of learning.
    trainable
        False for a layer that is frozen.
    output
        Name of the output that it makes, where outputs have names or are several; else empty.
    """

    name: str
    kind: str
    output_columns: int
    activation: str
    parameters: int
    connections: tuple[str, ...]
    told: int = 0
    trainable: bool = True
    output: str = ""


class Call(NamedTuple):
    """A layer at a place: which layer, the values it takes (inputs, then calls), its width."""

    layer: int
    sources: tuple[int, ...]
    columns: int


class Structure:
    """Inputs, layers and calls in topological order, checked and named; no arrays yet."""

    def __init__(self, inputs: tuple[Input, ...], outputs: Given) -> None:
        form, output_names, found = outputs_of(outputs)
        order = topological_order(inputs, found)
        position = {symbol: i for i, symbol in enumerate(order)}
        self.inputs = inputs
        self.layers = tuple(dict.fromkeys(s.layer for s in order if s.layer is not None))
        index = {layer: i for i, layer in enumerate(self.layers)}
        self.calls = tuple(
            Call(index[s.layer], tuple(position[source] for source in s.sources), s.columns)
            for s in order
            if s.layer is not None
        )
        self.columns = tuple(s.columns for s in order)
        joins = sum(len(call.sources) for call in self.calls)
        if joins > MOST_JOINS:
            raise ValueError(f"a network joins {MOST_JOINS:,} values at most, this one {joins:,}")
        self.names = unique_names(self.layers)
        self.index_limits = tuple(map(self._index_limits, range(len(inputs))))
        self.specs = self._parameter_specs()
        places = tuple(position[symbol] for symbol in found)
        called = self.call_names()
        self.outputs = Outputs(
            form,
            tuple(output_names or [called[place - len(inputs)] for place in places]),
            places,
            tuple(self.columns[place] for place in places),
        )

    def _index_limits(self, number: int) -> tuple[int, ...] | None:
        """Return how many categories each column of an input has, if it holds indices."""
        readers = [self.layers[call.layer] for call in self.calls if number in call.sources]
        asked = [layer.index_limits(self.columns[number]) for layer in readers]
        limits = [found for found in asked if found is not None]
        return tuple(map(min, zip(*limits, strict=True))) if limits else None

    def _parameter_specs(self) -> tuple[tuple[ParameterSpec, ...], ...]:
        specs: dict[int, tuple[ParameterSpec, ...]] = {}
        for call in self.calls:
            layer = self.layers[call.layer]
            needed = layer.parameter_specs(tuple(self.columns[s] for s in call.sources))
            title = f"parameter_specs of layer {self.names[call.layer]!r}"
            several = isinstance(needed, (tuple, list))
            odd = [s for s in needed if not isinstance(s, ParameterSpec)] if several else [needed]
            if odd:
                raise TypeError(f"{title} must return a tuple of ParameterSpecs, got {odd[0]!r}")
            names = [spec.name for spec in needed]
            if len(set(names)) < len(names):
                raise ValueError(f"{title} must return different names, got {names}")
            shapes = [spec.shape for spec in needed]
            shared = [spec.shape for spec in specs.setdefault(call.layer, needed)]
            if shapes != shared:
                raise ValueError(
                    f"layer {self.names[call.layer]!r} cannot share its parameters between inputs "
                    f"of different numbers of columns: they would be {shared} and {shapes}"
                )
        return tuple(specs[i] for i in range(len(self.layers)))

    def check_size(self) -> None:
        """Raise ValueError for more columns or parameters than any machine can hold."""
        for call in self.calls:
            _checks.columns(call.columns, f"the columns of {self.names[call.layer]!r}")
        count = sum(math.prod(shape) for shape in self.shapes().values())
        _checks.integer(count, "the number of parameters", at_least=0, at_most=_checks.MOST_NUMBERS)

    def present_specs(self) -> list[ParameterSpec]:
        """Return what each parameter is as its layer says it now.

        Raises
        ------
        ValueError
            If a layer has changed so that it needs other parameters.
        """
        present = self._parameter_specs()
        for name, made, now in zip(self.names, self.specs, present, strict=True):
            if [spec.shape for spec in made] != [spec.shape for spec in now]:
                raise ValueError(
                    f"layer {name!r} has changed: its parameters have other shapes now than the "
                    "model's; make a new model"
                )
        return [spec for specs in present for spec in specs]

    def parameters(self) -> dict[str, ParameterSpec]:
        """Return the specs by full name, ``dense_1.weights``."""
        return {
            f"{name}.{spec.name}": spec
            for name, specs in zip(self.names, self.specs, strict=True)
            for spec in specs
        }

    def call_names(self) -> list[str]:
        """Return a name for each call: the layer's, and name:2 for its second call."""
        calls: Counter[int] = Counter()
        names = []
        for call in self.calls:
            calls[call.layer] += 1
            count = calls[call.layer]
            name = self.names[call.layer]
            names.append(name if count == 1 else f"{name}:{count}")
        return names

    def shapes(self) -> dict[str, tuple[int, int]]:
        """Return the shapes of the parameters by full name."""
        return {name: spec.shape for name, spec in self.parameters().items()}

    def summary(self, input_names: Sequence[str]) -> list[SummaryRow]:
        """Return a row for each input and each call, in topological order."""
        names = [*input_names, *self.call_names()]
        inputs = zip(input_names, self.inputs, strict=True)
        rows = [SummaryRow(name, "Input", x.columns, "", 0, ()) for name, x in inputs]
        counted: set[int] = set()
        made = {} if self.outputs.form == ONE else self.outputs.by_place
        for place, (call, name) in enumerate(
            zip(self.calls, self.call_names(), strict=True), len(rows)
        ):
            layer = self.layers[call.layer]
            specs = () if call.layer in counted else self.specs[call.layer]
            counted.add(call.layer)
            rows.append(
                SummaryRow(
                    name,
                    type(layer).__name__,
                    call.columns,
                    "" if layer.activation is None else layer.activation.name,
                    sum(math.prod(s.shape) for s in specs),
                    tuple(names[source] for source in call.sources),
                    sum(math.prod(s.shape) for s in specs if s.role == STATISTIC),
                    layer.trainable,
                    made.get(place, ""),
                )
            )
        return rows

    def steps(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return what `replay` needs of each call."""
        return [(call.layer, call.sources) for call in self.calls]

    def config(self) -> dict[str, Any]:
        """Return what `symbols` needs: JSON values only."""
        described = [
            layer.config() | {"name": name}
            for layer, name in zip(self.layers, self.names, strict=True)
        ]
        outputs = self.outputs.described()
        return {
            "inputs": [{"columns": x.columns, "name": x.name} for x in self.inputs],
            "layers": described,
            "calls": [{"layer": c.layer, "sources": list(c.sources)} for c in self.calls],
            **({} if outputs is None else {"outputs": outputs}),
        }


def topological_order(inputs: tuple[Input, ...], outputs: Sequence[Symbol]) -> list[Symbol]:
    """Return the inputs, then every symbol that an output depends on, each after its sources."""
    order: list[Symbol] = list(inputs)
    seen: set[Symbol] = set(inputs)
    used: set[Symbol] = set()
    path: list[tuple[Symbol, Iterator[Symbol]]] = []
    waiting = list(reversed(outputs))
    while path or waiting:  # a loop, not a recursion: networks may be thousands of layers deep
        if not path:
            symbol = waiting.pop()
            if symbol not in seen:
                seen.add(symbol)
                path.append((symbol, iter(symbol.sources)))
            continue
        symbol, sources = path[-1]
        for source in sources:
            if source in seen:
                used.add(source)
            elif source.layer is None:
                raise ValueError(f"output depends on {source!r}, which is not among the inputs")
            else:
                seen.add(source)
                path.append((source, iter(source.sources)))
                break
        else:
            path.pop()
            order.append(symbol)
    for x in inputs:
        if x not in used:
            raise ValueError(
                f"{'output does not depend' if len(outputs) == 1 else 'no output depends'} on the "
                f"input {x!r}"
            )
    return order


def unique_names(found: Sequence[Layer]) -> tuple[str, ...]:
    """Return the layers' names: the given ones, and dense_1, dense_2, … for the others."""
    given = Counter(layer.given_name for layer in found if layer.given_name is not None)
    for name, count in given.items():
        if count > 1:
            raise ValueError(f"{count} layers are called {name!r}; names must be unique")
    numbers: Counter[str] = Counter()

    def next_free(kind: str) -> str:
        while True:
            numbers[kind] += 1
            name = f"{kind}_{numbers[kind]}"
            if name not in given:
                return name

    return tuple(layer.given_name or next_free(type(layer).__name__.lower()) for layer in found)


def replay(
    inputs: Sequence[AnySymbol],
    used: Sequence[Layer],
    calls: Sequence[tuple[int, Sequence[int]]],
    outputs: Any = None,
) -> tuple[tuple[AnySymbol, ...], Given]:
    """Call layers again as `calls` (layer, sources) tell; return the inputs and the outputs.

    `outputs` is what `Outputs.described` says of them.
    """
    values: list[Symbol] = list(inputs)
    for layer, sources in calls:
        values.append(used[layer]([values[source] for source in sources]))
    return tuple(inputs), from_described(outputs, values)


def symbols(config: object) -> tuple[tuple[Input, ...], Given]:
    """Return inputs and outputs of the network whose `Structure.config` this is.

    Raises
    ------
    ValueError
        If it is malformed in any way.
    """
    if not isinstance(config, dict) or set(config) - {"outputs"} != {"inputs", "layers", "calls"}:
        raise ValueError(
            "a network's config must be a mapping of 'inputs', 'layers' and 'calls', "
            f"not {sorted(map(str, config)) if isinstance(config, dict) else type(config).__name__}"
        )
    for key in ("inputs", "layers", "calls"):
        if not isinstance(config[key], list) or not config[key]:
            raise ValueError(f"a network's {key} must be a list of one element at least")
    try:
        inputs = [Input(**_mapping(x, "an input")) for x in config["inputs"]]
    except (TypeError, ValueError) as error:
        raise ValueError(f"the config of an input does not fit: {error}") from error
    made = [layers.from_config(description) for description in config["layers"]]
    calls = [
        _checked_call(call, len(made), len(inputs) + i) for i, call in enumerate(config["calls"])
    ]
    if {layer for layer, _ in calls} != set(range(len(made))):
        raise ValueError("a network's config describes layers that are never called")
    found, outputs = replay(inputs, made, calls, config.get("outputs"))
    if len(topological_order(found, outputs_of(outputs)[-1])) != len(inputs) + len(calls):
        raise ValueError("a network's config describes calls that do not lead to the output")
    return found, outputs


def _mapping(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ValueError(f"the config of {what} must be a mapping, not {value!r}")
    return value


def _checked_call(call: object, layer_count: int, value_count: int) -> tuple[int, list[int]]:
    description = _mapping(call, "a call")
    layer, sources = description.get("layer"), description.get("sources")
    well_formed = (
        set(description) == {"layer", "sources"}
        and isinstance(sources, list)
        and all(type(n) is int for n in (layer, *sources))  # True is not a number here
    )
    if not well_formed or not isinstance(layer, int) or not isinstance(sources, list):
        raise ValueError(f"the config of a call must say a layer and sources, not {call!r}")
    if not (0 <= layer < layer_count and all(0 <= n < value_count for n in sources)):
        raise ValueError(f"the config of a call names what is not there yet: {call!r}")
    return layer, sources


def checked_inputs(inputs: Input | Sequence[Input]) -> tuple[Input, ...]:
    """Return the inputs as a tuple; an error if they are none, or something else."""
    found = (inputs,) if isinstance(inputs, Input) else inputs
    if not isinstance(found, Sequence) or not all(isinstance(x, Input) for x in found):
        raise TypeError(f"inputs must be an Input or a list of them, not {type(inputs).__name__}")
    if not found:
        raise ValueError("inputs must hold one Input at least, got none")
    if len(set(found)) != len(found):
        raise ValueError("inputs must be different, one of them is there twice")
    return tuple(found)


def first_input(
    chain: Sequence[Layer | Input], input_columns: int | None
) -> tuple[Input, list[Layer]]:
    """Return the input of a sequential network, and its layers without it."""
    if not isinstance(chain, Sequence):
        raise TypeError(f"layers must be a list of layers, not {type(chain).__name__}")
    rest = list(chain)
    x = None if input_columns is None else Input(_checks.columns(input_columns, "input_columns"))
    if rest and isinstance(rest[0], Input):
        first = rest.pop(0)
        assert isinstance(first, Input)
        if x is not None and x.columns != first.columns:
            raise ValueError(f"input_columns is {x.columns}, but the layers begin with {first!r}")
        x = first
    if x is None:
        raise ValueError("input_columns must be given, or an Input stand first in layers")
    checked: list[Layer] = []
    for layer in rest:
        if not isinstance(layer, Layer):
            raise TypeError(
                f"layers must hold layers, and an Input only as the first; got {layer!r}"
            )
        checked.append(layer)
    if not checked:
        raise ValueError("layers must hold one layer at least, got none")
    return x, checked


def dense_chain(
    columns: Sequence[int], activation: Any, output: Any
) -> tuple[list[int], list[Layer]]:
    """Return the widths of a multilayer perceptron, inputs first, and its layers."""
    if isinstance(columns, str | bytes) or not isinstance(columns, Sequence):
        raise TypeError(
            f"columns must be a list of integers, not {type(columns).__name__}: write "
            "MLP([4, 8, 3])"
        )
    if len(columns) < 2:
        raise ValueError(f"columns must name inputs and outputs at least, got {list(columns)}")
    sizes = [_checks.columns(n, f"columns[{i}]") for i, n in enumerate(columns)]
    phi = activations.get(activation)  # checked even where there is no hidden layer
    hidden: list[Layer] = [layers.Dense(units, phi) for units in sizes[1:-1]]
    return sizes, [*hidden, layers.Dense(sizes[-1], activations.get(output, "output"))]
