"""Modules of PyTorch as graphs of `torch.fx`: which modules, functions and methods are called."""

from __future__ import annotations

import operator
from typing import Any

from torch import fx, nn

from fastmlp.export.torch import modules as own
from fastmlp.export.torch.leaves import MODULES


class _Proxy(fx.Proxy):
    """A tensor that is traced, also where it is written to: ``x += y``, ``x *= y`` and so on."""

    def _written(self, operation: Any, other: Any) -> Any:
        return self.tracer.create_proxy("call_function", operation, (self, other), {})

    def __iadd__(self, other: Any) -> Any:
        return self._written(operator.iadd, other)

    def __isub__(self, other: Any) -> Any:
        return self._written(operator.isub, other)

    def __imul__(self, other: Any) -> Any:
        return self._written(operator.imul, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._written(operator.itruediv, other)

    def __ipow__(self, other: Any) -> Any:
        return self._written(operator.ipow, other)


class _Tracer(fx.Tracer):
    """What goes through classes of the user's, and stops at those of `torch.nn` and ours."""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if type(m) in MODULES:
            return True
        if isinstance(m, (nn.Sequential, own.Network)):
            return False
        return bool(super().is_leaf_module(m, module_qualified_name))


def traced(module: nn.Module) -> fx.Graph:
    """Return the graph of a module in evaluation."""
    modes = {part: part.training for part in module.modules()}
    try:
        module.eval()
        return _Tracer().trace(module)
    except Exception as error:  # whatever a user's forward raises when it is given no numbers
        raise ValueError(
            f"{type(module).__name__} cannot be traced by torch.fx: {type(error).__name__}: {error}"
        ) from error
    finally:
        for part, mode in modes.items():
            part.training = mode


def of_network(network: own.Network) -> fx.Graph:
    """Return the graph of a network of ours, whose number of inputs a trace does not know."""
    graph = fx.Graph()
    values = [graph.placeholder(f"x{i}") for i in range(1, len(network.columns) + 1)]
    for call in network.calls:
        sources = tuple(values[source] for source in call.sources)
        values.append(graph.call_module(call.module, sources))
    graph.output(network.arranged(values))
    return graph
