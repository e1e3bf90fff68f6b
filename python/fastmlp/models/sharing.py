"""Models over the same layers: one flat vector for the parameters of all of them.

A parameter has one home, since what trains it reads and writes one vector. A model of layers of
others therefore lives in their vector, which grows by what only the new model has. What is compiled
of the models knows places in the vector and is forgotten then; their optimizers' states follow (see
`Trainer`). What only networks and layers had that are gone is left behind. A fit of one model
leaves the parameters that are of others alone.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fastmlp.planner.parameters import Parameters, owner_of
from fastmlp.training import turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fastmlp.graph.node import Node
    from fastmlp.networks.network import Network


@contextmanager
def one_vector(model: Any, network: Network) -> Iterator[Parameters]:
    """Give the parameters that a new model has, with others if it has layers of theirs.

    The model must take them before this ends: no other thread begins a fit meanwhile.

    Raises
    ------
    ValueError
        If the layers have parameters of another dtype, or of an estimator that cannot move.
    RuntimeError
        If another thread has the turn of a model of the same layers, or this thread fits it and
        its parameters would have to move. Nothing has changed then.
    """
    nodes, dtype = network.parameter_nodes, model.dtype
    homes = list(dict.fromkeys(home for n in nodes if (home := owner_of([n])) is not None))
    if not homes:
        yield Parameters(nodes, dtype, network.parameter_roles)
        return
    for home in homes:
        if home.dtype != dtype:
            raise ValueError(
                f"dtype must be {home.dtype}, that of a model whose layers this one shares, got "
                f"{dtype}"
            )
    own = [node for node in nodes if owner_of([node]) is None]
    moving = bool(own) or len(homes) > 1
    pinned = next((home.pinned for home in homes if home.pinned), "")
    if moving and pinned:
        raise ValueError(f"layers cannot be shared with new ones: {pinned}")
    others = [other for home in homes for other in models_of(home)]
    with turns.joining(model, others, moving=moving):
        first = homes[0]
        if moving:
            users = [user for home in homes for user in home.users]
            new = Parameters(own, dtype, network.parameter_roles)
            first.absorb(*homes[1:], new, leaving=_left(homes, network))
            for user in users:
                user.bind(first)
                user.changed()
        yield first


def _left(homes: Sequence[Parameters], network: Network) -> set[Node]:
    """Return the parameters whose networks and layers are gone, and which a new one has not."""
    had = set(network.parameter_nodes)
    for home in homes:
        had.update(*(user.parameter_nodes for user in home.users))
        had.update(*((layer.parameter_nodes or {}).values() for layer in home.layers))
    return {node for home in homes for node in home.nodes} - had


def models_of(parameters: Parameters) -> list[Any]:
    """Return the models whose parameters are in this vector."""
    return [model for user in parameters.users if (model := user.model) is not None]
