"""What a model consists of apart from anything compiled: for copies, pickles and files alike."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

from fastmlp.data import arrays

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from fastmlp.models.base import Owner
    from fastmlp.networks.network import Network
    from fastmlp.planner.parameters import Parameters

    Array = NDArray[Any]
    AnyOwner = TypeVar("AnyOwner", bound=Owner)


def views(network: Network, parameters: Parameters) -> dict[str, Array]:
    """Return writable views of all parameters by name; biases have shape (units,)."""
    result = {}
    for name, node in zip(network.parameter_names, network.parameter_nodes, strict=True):
        view = parameters.view(node)
        result[name] = view[0] if name.endswith(".biases") else view
    return result


def set_weights(network: Network, parameters: Parameters, weights: Sequence[ArrayLike]) -> None:
    """Copy in all parameters if every one of them fits.

    Raises
    ------
    TypeError, ValueError
        If their number, a shape or a value is wrong; then none has changed.
    """
    if not isinstance(weights, (list, tuple)):
        raise TypeError(f"weights must be a list of arrays, got {type(weights).__name__}")
    targets = views(network, parameters)
    if len(weights) != len(targets):
        raise ValueError(
            f"weights must hold {len(targets)} arrays ({', '.join(targets)}), got {len(weights)}"
        )
    write(targets, dict(zip(targets, weights, strict=True)), "weights")


def write(targets: Mapping[str, Array], values: Mapping[str, ArrayLike], what: str) -> None:
    """Copy values into views of the same names if all of them fit."""
    checked = {
        name: arrays.asarray_like(values[name], view, f"{what}: {name}")
        for name, view in targets.items()
    }
    for name, view in targets.items():
        view[...] = checked[name]


def state_of(model: Owner) -> dict[str, Any]:
    """Return everything a model is made of: the weights are the values of the network's nodes."""
    network = model._network  # once: another thread may be building it
    state: dict[str, Any] = {
        "seed": model.seed,
        "dtype": str(model.dtype),
        "metadata": copy.deepcopy(model.metadata),
        "fits": model._fits,
        "objective": model._objective,
        "waiting": model._waiting,
        "network": network,
    }
    if network is not None:
        state["waiting"] = []
    return state


def pickled(model: Owner) -> dict[str, Any]:
    """Return the state for a pickle: a loss of the user's own is left out, as in a file."""
    state = state_of(model)
    if state["objective"] is not None and not state["objective"].has_names:
        state["objective"] = None
    return state


def restore(model: Owner, state: dict[str, Any]) -> None:
    """Make an empty object the model of this state, and owner of the network in it."""
    model._begin(state["seed"], state["dtype"])
    model.metadata = state["metadata"]
    model._fits = state["fits"]
    model._objective = state["objective"]
    model._waiting = state["waiting"]
    network = state["network"]
    if network is not None:
        model._adopt(network)


def copied(model: AnyOwner) -> AnyOwner:
    """Return a model of its own layers and weights."""
    state = state_of(model)
    if state["network"] is not None:
        state["network"] = state["network"].copy(weights=state["network"].values())
    else:
        state["waiting"] = [copy.copy(layer) for layer in state["waiting"]]
    twin = object.__new__(type(model))
    restore(twin, state)
    return twin
