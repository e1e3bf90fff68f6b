"""Modules of our own, for what `torch.nn` has no module for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from fastmlp.export.torch.operations import FUNCTIONS, WITHOUT
from fastmlp.graph.node import LEAVES, Node, topological_order


class Step(NamedTuple):
    """An operation: its name, the places of the values it takes, its attributes, its result."""

    op: str
    sources: tuple[int | str, ...]
    attrs: dict[str, Any]
    place: int


class Graph:
    """A graph as steps; constants and parameters stand in a module, by name.

    Parameters
    ----------
    outputs, inputs : sequence of Node
    names : mapping of Node to str
        The parameters.
    """

    def __init__(
        self, outputs: Sequence[Node], inputs: Sequence[Node], names: Mapping[Node, str]
    ) -> None:
        places: dict[Node, int | str] = {node: place for place, node in enumerate(inputs)}
        places |= names
        self.constants: dict[str, Any] = {}
        self.steps: list[Step] = []
        self.inputs = len(inputs)
        for node in topological_order(outputs, places):
            if node in places:
                continue
            if node.op in WITHOUT or node.op == "scheduled":
                raise ValueError(
                    f"{node.name or node.op!r} follows the step of a training, which a module does "
                    "not know: assign a number"
                )
            if node.op in LEAVES:
                places[node] = name = f"constant_{len(self.constants)}"
                self.constants[name] = node.value
                continue
            if node.op not in FUNCTIONS:
                raise ValueError(f"there is no function of PyTorch for the operation {node.op!r}")
            place = self.inputs + len(self.steps)
            sources = tuple(places[parent] for parent in node.parents)
            self.steps.append(Step(node.op, sources, dict(node.attrs), place))
            places[node] = place
        self.results = [places[node] for node in outputs]

    def run(self, inputs: Sequence[Tensor], module: nn.Module, prefix: str) -> list[Tensor]:
        """Return the results for inputs, with the numbers that the module has."""
        values: dict[int | str, Tensor] = dict(enumerate(inputs))

        def value(place: int | str) -> Tensor:
            if isinstance(place, str) and place not in values:
                own = prefix + place if place in self.constants else place
                values[place] = getattr(module, own)
            return values[place]

        for step in self.steps:
            arguments = [value(place) for place in step.sources]
            more = {"rows": inputs[0].shape[0]} if step.op == "spread" else {}
            values[step.place] = FUNCTIONS[step.op](*arguments, **step.attrs, **more)
        return [value(place) for place in self.results]


class Function(nn.Module):
    """A layer as its graphs: one for evaluation and one for training, which may tell statistics.

    Parameters
    ----------
    evaluation, training : Graph
        Training has the output, then the new values of `told`.
    parameters, statistics : mapping of str to Tensor
    told : sequence of str
        Names of statistics.
    config : dict, optional
        What `fastmlp.layers.from_config` makes the layer of, if a file could hold it.
    columns : sequence of int
        Of its inputs.
    """

    def __init__(
        self,
        evaluation: Graph,
        training: Graph,
        parameters: Mapping[str, Tensor],
        statistics: Mapping[str, Tensor],
        told: Sequence[str],
        config: dict[str, Any] | None,
        *,
        columns: Sequence[int],
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        for name, tensor in parameters.items():
            self.register_parameter(name, nn.Parameter(tensor))
        for name, tensor in statistics.items():
            self.register_buffer(name, tensor)
        self._graphs = {"evaluated_": evaluation, "trained_": training}
        for prefix, graph in self._graphs.items():
            for name, array in graph.constants.items():
                tensor = torch.tensor(array, dtype=dtype)
                self.register_buffer(prefix + name, tensor, persistent=False)
        self._told = tuple(told)
        self.columns = tuple(columns)
        self.config = config

    def forward(self, *inputs: Tensor) -> Tensor:
        """Return the layer's output."""
        prefix = "trained_" if self.training else "evaluated_"
        result, *new = self._graphs[prefix].run(inputs, self, prefix)
        with torch.no_grad():
            for name, tensor in zip(self._told if self.training else (), new, strict=True):
                getattr(self, name).copy_(tensor.reshape(getattr(self, name).shape))
        return result

    def extra_repr(self) -> str:
        """Return what the layer is."""
        return "" if self.config is None else str(self.config["class"])


class Embedding(nn.Module):
    """Columns of indices, all in one table or each in its own; numbers of any type."""

    def __init__(self, tables: Sequence[Tensor]) -> None:
        super().__init__()
        each = [nn.Embedding.from_pretrained(table, freeze=False) for table in tables]
        self.tables = nn.ModuleList(each)

    def forward(self, x: Tensor) -> Tensor:
        """Return the rows that the indices name, side by side: (b, columns of all tables)."""
        index = x.long()
        if len(self.tables) == 1:
            return self.tables[0](index).flatten(1)
        found = [table(index[:, j]) for j, table in enumerate(self.tables)]
        return torch.cat(found, 1)


class GaussianNoise(nn.Module):
    """Normal numbers added in training."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        """Return x, with noise in training."""
        return x + self.std * torch.randn_like(x) if self.training else x

    def extra_repr(self) -> str:
        """Return the standard deviation."""
        return f"std={self.std:g}"


class Join(nn.Module):
    """Several values made one: their sum, product, largest or smallest, or side by side."""

    TWO: ClassVar[dict[str, Callable[[Tensor, Tensor], Tensor]]] = {
        "Add": torch.add,
        "Multiply": torch.mul,
        "Maximum": torch.maximum,
        "Minimum": torch.minimum,
    }

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, *values: Tensor) -> Tensor:
        """Return them joined, from the first to the last."""
        if self.kind == "Concatenate":
            return torch.cat(values, 1)
        return reduce(self.TWO[self.kind], values)

    def extra_repr(self) -> str:
        """Return which of them."""
        return self.kind


class Call(NamedTuple):
    """A module at a place: its name, and the values that it takes; inputs come first."""

    module: str
    sources: tuple[int, ...]


class Network(nn.Module):
    """Modules joined as the layers of a network; called with a tensor for each input."""

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        calls: Sequence[Call],
        outputs: Sequence[int],
        names: Sequence[str] | None,
        columns: Sequence[int],
    ) -> None:
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)
        self.calls = tuple(calls)
        self._outputs = tuple(outputs)
        self._names = None if names is None else tuple(names)
        self.columns = tuple(columns)

    def forward(self, *inputs: Tensor) -> Any:
        """Return the output, or a list or dict of several."""
        if len(inputs) != len(self.columns):
            raise TypeError(f"the network has {len(self.columns)} inputs, got {len(inputs)}")
        values = list(inputs)
        for call in self.calls:
            arguments = [values[source] for source in call.sources]
            values.append(self.get_submodule(call.module)(*arguments))
        return self.arranged(values)

    def arranged(self, values: Sequence[Any]) -> Any:
        """Return the outputs among the values of inputs and calls."""
        found = [values[place] for place in self._outputs]
        if self._names is None:
            return found[0]
        return dict(zip(self._names, found, strict=True)) if self._names else found
