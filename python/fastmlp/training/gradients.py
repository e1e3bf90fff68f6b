"""Vectors in the layout of the weights that come from elsewhere, and steps along gradients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastmlp.data import arrays
from fastmlp.planner.following import Follower, plan_following

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.optimizers import Update
    from fastmlp.planner.parameters import Parameters
    from fastmlp.training.trainer import Trainer


def follower_of(trainer: Trainer, optimizer: Update) -> Follower:
    """Return what follows gradients by the rule of an optimizer."""
    updates = trainer.updates_of(optimizer)

    def make() -> Follower:
        return plan_following(trainer.parameters, optimizer, **trainer.changes(updates))

    return trainer.plans.get("following", updates.plan, make)


def gradient_of(trainer: Trainer, given: Any) -> NDArray[Any]:
    """Return a gradient as a vector of its own, in the layout and the type of the parameters.

    Raises
    ------
    TypeError, ValueError
        If it is neither such a vector nor an array for each parameter, or not finite.
    """
    network, parameters = trainer.network, trainer.parameters
    in_order = isinstance(given, (list, tuple)) and len(given) == len(network.parameter_names)
    if not (in_order or isinstance(given, Mapping)):
        vector = vector_of(parameters, given, "gradient")
        arrays.check_finite(vector, "gradient", parameters.dtype)
        return vector.astype(parameters.dtype)
    parts, vector = network.by_name(given, "gradient"), parameters.new_vector()
    for name, view in network.views(lambda node: parameters.view(node, vector)).items():
        view[...] = arrays.asarray_like(parts[name], view, f"gradient: {name}")
    return vector


def vector_of(parameters: Parameters, given: Any, name: str) -> NDArray[Any]:
    """Return an array of the shape of ``model.parameters.flat``; raises if it is none."""
    vector, shape = arrays.array(given, name), parameters.flat.shape
    if vector.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}, as model.parameters.flat, got {vector.shape}"
        )
    return vector
