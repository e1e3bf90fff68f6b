"""Which layers of a network can learn: those that an error signal reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmlp.graph.node import OPS
from fastmlp.graph.roles import STATISTIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastmlp.graph.node import Node
    from fastmlp.networks.network import Network


class NoSignalWarning(UserWarning):
    """Layers below a hard threshold get no error signal: gradient descent does not change them.

    Examples
    --------
    >>> import warnings
    >>> import fastmlp as fm
    >>> model = fm.MLP([1, 2, 1], activation="threshold", seed=0)
    >>> with warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     history = model.fit([[1.0]], [0.0], epochs=1)
    >>> said[0].category.__name__
    'NoSignalWarning'
    """


def check_trainable(network: Network) -> None:
    """Raise ValueError if no layer could learn, or those that could are frozen.

    Examples
    --------
    >>> from fastmlp.networks.network import Network
    >>> check_trainable(Network.mlp([2, 3, 1], seed=0))
    """
    learn = {node for node, role in network.parameter_roles.items() if role != STATISTIC}
    if not learn:
        raise ValueError("there is nothing to train: no layer has parameters")
    if learn <= network.frozen:
        raise ValueError(
            "there is nothing to train: every layer with parameters is frozen; set trainable of "
            "one of them to True"
        )


def silent_layers(network: Network) -> list[str]:
    """Return the names of the layers to train whose every path to the output has a step.

    Examples
    --------
    >>> from fastmlp.networks.network import Network
    >>> silent_layers(Network.mlp([2, 3, 1], "threshold", seed=0))
    ['dense_1']
    """
    reached, frozen = _reached(network.forward_pass(training=True).outputs), network.frozen
    silent: dict[str, bool] = {}
    for node, name in zip(network.parameter_nodes, network.parameter_names, strict=True):
        if node in frozen or network.parameter_roles[node] == STATISTIC:
            continue  # the signal has nothing to change there
        layer = name.rpartition(".")[0]
        silent[layer] = silent.get(layer, True) and node not in reached
    return [layer for layer, without in silent.items() if without]


def _reached(outputs: Sequence[Node]) -> set[Node]:
    """Return the nodes that get a message when one is sent from each output."""
    seen = set(outputs)
    waiting = list(outputs)
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
    which = "the" if len(network.outputs) == 1 else "an"
    return (
        f"no error signal reaches {names}: every path to {which} output passes a hard threshold, "
        "whose derivative is 0 wherever there is one, so gradient descent leaves the weights there "
        "as they are; take logistic or relu, or set these weights yourself"
    )
