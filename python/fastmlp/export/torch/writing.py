"""A model as a module of PyTorch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from fastmlp import graph as g
from fastmlp import layers
from fastmlp.activations import Adjusted
from fastmlp.export.torch.modules import Call, Embedding, Function, GaussianNoise, Graph, Join
from fastmlp.export.torch.modules import Network as Module
from fastmlp.graph.node import Node
from fastmlp.graph.roles import STATISTIC
from fastmlp.networks.outputs import DICT, ONE
from fastmlp.training import turns

if TYPE_CHECKING:
    from fastmlp.activations import Activation
    from fastmlp.layers.base import Layer
    from fastmlp.networks.network import Network

# Activations that have a module.
ACTIVATIONS: Final[dict[str, Callable[[], nn.Module]]] = {
    "relu": nn.ReLU,
    "softplus": lambda: nn.Softplus(threshold=40.0),
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda: nn.Softmax(1),
    "softsign": nn.Softsign,
    "hard_tanh": nn.Hardtanh,
    "hard_sigmoid": nn.Hardsigmoid,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "hard_silu": nn.Hardswish,
    "log_softmax": lambda: nn.LogSoftmax(1),
    "mish": nn.Mish,
    "selu": nn.SELU,
    "elu": nn.ELU,
    "leaky_relu": nn.LeakyReLU,
}

# Those with settings.
_SET: Final[dict[str, Callable[..., nn.Module]]] = {
    "elu": nn.ELU,
    "leaky_relu": lambda slope: nn.LeakyReLU(slope),
    "hard_tanh": lambda low=-1.0, high=1.0: nn.Hardtanh(low, high),
}
_EMPTY: Final = nn.Sequential()


@turns.reads("to_torch")
def to_torch(model: Any) -> nn.Module:
    """Return the module, see `fastmlp.to_torch`."""
    network: Network = model.network
    return _Writing(network, model.dtype).module()


class _Writing:
    """Modules of the layers, one after the other."""

    def __init__(self, network: Network, dtype: Any) -> None:
        self.network = network
        self.structure = network._structure
        self.dtype = {"float32": torch.float32, "float64": torch.float64}[str(dtype)]
        self.values = network.values()
        self.modules: dict[str, nn.Module] = {}

    def module(self) -> nn.Module:
        structure, outputs = self.structure, self.network.outputs
        of_layer: dict[int, list[str]] = {}  # the modules of each layer, one after the other
        places = list(range(len(structure.inputs)))  # of our values among those of the module
        calls: list[Call] = []
        for call in structure.calls:
            sources = tuple(places[source] for source in call.sources)
            if call.layer not in of_layer:
                of_layer[call.layer] = self._named(call.layer, call.sources)
            for name in of_layer[call.layer]:
                calls.append(Call(name, sources))
                sources = (len(structure.inputs) + len(calls) - 1,)
            (place,) = sources  # that of its input, if there is nothing to do
            places.append(place)
        found = [places[place] for place in outputs.places]
        in_a_row = [call.sources for call in calls] == [(i,) for i in range(len(calls))]
        once = len({call.module for call in calls}) == len(calls)
        if in_a_row and once and outputs.form == ONE and len(structure.inputs) == 1:
            return nn.Sequential(OrderedDict(self.modules))
        names = None if outputs.form == ONE else outputs.names if outputs.form == DICT else ()
        return Module(self.modules, calls, found, names, self.network.input_columns)

    def _named(self, place: int, sources: tuple[int, ...]) -> list[str]:
        """Enter the modules of a layer, and return their names."""
        columns = tuple(self.structure.columns[source] for source in sources)
        layer, title = self.structure.layers[place], self.structure.names[place]
        own = {
            spec.name: torch.tensor(self.values[f"{title}.{spec.name}"], dtype=self.dtype)
            for spec in self.structure.specs[place]
        }
        try:
            made = list(self._modules(layer, columns, own))
        except ValueError as error:
            raise ValueError(f"to_torch: layer {title!r}, {layer!r}: {error}") from None
        names = []
        for after, module in made:
            if not layer.trainable:
                module.requires_grad_(False)
            names.append(self._free(f"{title}{after}"))
            self.modules[names[-1]] = module
        return names

    def _free(self, name: str) -> str:
        """Return a name that a module may have in it: no dots, none of `nn.Module`'s own."""
        name = base = name.replace(".", "_")
        count = 1
        while name in self.modules or hasattr(_EMPTY, name) or name.startswith("_"):
            count += 1
            name = f"{base.lstrip('_') or 'layer'}_{count}"
        return name

    def _modules(
        self, layer: Any, columns: tuple[int, ...], own: dict[str, torch.Tensor]
    ) -> Iterable[tuple[str, nn.Module]]:
        """Yield the modules of a layer, and what is added to its name for each."""
        kind = type(layer)
        if kind is layers.Dense and layer.groups == 1:
            yield "", self._linear(**own)
            for module in self._activation(layer.activation, layer.units):
                yield "_activation", module
        elif kind is layers.Activation:
            for module in self._activation(layer.activation, columns[0]):
                yield "", module
        elif kind is layers.Dropout:
            if callable(layer.rate):
                raise ValueError("its rate follows the step of a training: assign a number")
            yield "", nn.Dropout(layer.rate)
        elif kind is layers.GaussianNoise:
            if callable(layer.std):
                raise ValueError("its std follows the step of a training: assign a number")
            yield "", GaussianNoise(layer.std)
        elif kind is layers.Concatenate or kind.__name__ in Join.TWO:
            yield "", Join(kind.__name__)
        elif kind is layers.Embedding:
            yield "", Embedding(list(own.values()))
        elif kind is layers.PReLU:
            yield "", _filled(nn.PReLU(own["slopes"].numel()), weight=own["slopes"].flatten())
        elif (module := self._normalization(layer, columns[0], own)) is not None:
            yield "", module
        else:
            yield "", self._function(layer, columns, own)

    def _linear(self, weights: torch.Tensor, biases: torch.Tensor | None = None) -> nn.Module:
        rows, columns = weights.shape
        made = nn.utils.skip_init(nn.Linear, columns, rows, bias=biases is not None)
        return _filled(made, weight=weights, bias=None if biases is None else biases[0])

    def _activation(self, phi: Activation, columns: int) -> list[nn.Module]:
        if isinstance(phi.function, Adjusted):
            return [_SET[phi.function.name](**dict(phi.function.settings))]
        if phi.declared is not None and phi.name == "identity":
            return []
        if phi.declared is not None and phi.name in ACTIVATIONS:
            return [ACTIVATIONS[phi.name]()]
        return [self._function(layers.Activation(phi), (columns,), {})]

    def _normalization(
        self, layer: Any, columns: int, own: dict[str, torch.Tensor]
    ) -> nn.Module | None:
        """Return the module of a normalization, None if PyTorch's is another."""
        kind = type(layer)
        if kind is layers.RMSNorm and not layer.use_offset:
            made: nn.Module = nn.RMSNorm(columns, layer.epsilon, layer.use_scale)
            return _filled(made, weight=_row(own.get("scale")))
        if kind is layers.LayerNorm:
            affine = layer.use_scale or layer.use_offset
            made = nn.LayerNorm(columns, layer.epsilon, affine, bias=layer.use_offset)
        elif kind is layers.BatchNorm and layer.trainable:  # frozen ones use what they know
            affine = layer.use_scale or layer.use_offset
            made = nn.BatchNorm1d(columns, layer.epsilon, layer.momentum, affine)
            made.running_mean = own["running_mean"][0]
            made.running_var = own["running_var"][0]
        else:
            return None
        made.to(self.dtype)
        _filled(made, weight=_row(own.get("scale")), bias=_row(own.get("offset")))
        if affine and not layer.use_scale:  # the module has one all the same, which stays 1
            made.weight.requires_grad_(False)
        if affine and not layer.use_offset and made.bias is not None:
            made.bias.requires_grad_(False)
        return made

    def _function(
        self, layer: Layer, columns: tuple[int, ...], own: dict[str, torch.Tensor]
    ) -> Function:
        """Return a layer as the graphs that it builds."""
        inputs = [g.input(n, f"x{i}") for i, n in enumerate(columns)]
        specs = layer.parameter_specs(columns)
        nodes = [g.parameter(own[spec.name].numpy(), spec.name) for spec in specs]
        names = {node: spec.name for node, spec in zip(nodes, specs, strict=True)}
        if clash := [name for name in own if hasattr(nn.Module, name) or "." in name]:
            raise ValueError(f"PyTorch can call no parameter {clash[0]!r}")
        y = layer.apply(inputs, nodes, training=False, key=0)
        trained = layer.apply(inputs, nodes, training=True, key=0)
        told: dict[Node, Node] = {}
        if layer.trainable:
            told = dict(layer.statistics(inputs, nodes))
        try:
            config = layer.config() | {"name": None}
        except ValueError:  # a function or a class of the user's
            config = None
        roles = {spec.name: spec.role for spec in specs}
        return Function(
            Graph([y], inputs, names),
            Graph([trained, *told.values()], inputs, names),
            {name: t for name, t in own.items() if roles[name] != STATISTIC},
            {name: t for name, t in own.items() if roles[name] == STATISTIC},
            [names[node] for node in told],
            config,
            columns=columns,
            dtype=self.dtype,
        )


def _row(tensor: torch.Tensor | None) -> torch.Tensor | None:
    return None if tensor is None else tensor[0]


def _filled(module: nn.Module, **parameters: torch.Tensor | None) -> nn.Module:
    """Return a module with these parameters instead of its own."""
    for name, tensor in parameters.items():
        if tensor is not None:
            setattr(module, name, nn.Parameter(tensor.contiguous()))
    return module
