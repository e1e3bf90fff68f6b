"""Which layers of a network can learn: those that an error signal reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmlp.graph.node import OPS

if TYPE_CHECKING:
    from fastmlp.graph.node import Node
    from fastmlp.networks.network import Network


class NoSignalWarning(UserWarning):
    """Layers below a hard threshold get no error signal: gradient descent does not change them."""


def silent_layers(network: Network) -> list[str]:
    """Return the names of the layers with parameters whose every path to the output has a step.

    Examples
    --------
    >>> from fastmlp.networks.network import Network
    >>> silent_layers(Network.mlp([2, 3, 1], "threshold", seed=0))
    ['dense_1']
    """
    output, _ = network.forward(training=True)
    reached = _reached(output)
    silent: dict[str, bool] = {}
    for node, name in zip(network.parameter_nodes, network.parameter_names, strict=True):
        layer = name.rpartition(".")[0]
        silent[layer] = silent.get(layer, True) and node not in reached
    return [layer for layer, without in silent.items() if without]


def _reached(output: Node) -> set[Node]:
    """Return the nodes that get a message when one is sent from the output."""
    seen = {output}
    waiting = [output]
    while waiting:
        node = waiting.pop()
        rule = OPS.get(node.op)
        if rule is not None and rule.derive is not None:
            new = [parent for parent in node.parents if parent not in seen]
            seen.update(new)
            waiting += new
    return seen


def message(network: Network) -> str | None:
    """Return what to warn of, or None when every layer can learn."""
    silent = silent_layers(network)
    if not silent:
        return None
    names = ", ".join(silent)
    return (
        f"no error signal reaches {names}: every path to the output passes a hard threshold, whose "
        "derivative is 0 wherever there is one, so gradient descent leaves the weights there as "
        "they are; take logistic or relu, or set these weights yourself"
    )
