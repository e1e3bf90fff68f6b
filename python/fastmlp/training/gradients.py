"""Vectors in the layout of the weights that come from elsewhere, and steps along gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp.data import arrays
from fastmlp.graph.node import constant
from fastmlp.graph.roles import STATISTIC
from fastmlp.planner.directions import Matrices
from fastmlp.planner.plans import CoreFeeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp import planner
    from fastmlp.optimizers import Update
    from fastmlp.planner.parameters import Parameters
    from fastmlp.training.trainer import Trainer


@dataclass(frozen=True)
class Follower:
    """A plan whose steps follow what they are given.

    Attributes
    ----------
    plan : TrainingPlan
        It is fed nothing else.
    along : Matrices
        The parts of a gradient.
    """

    plan: planner.TrainingPlan
    along: Matrices

    def feeds(self, gradient: NDArray[Any]) -> CoreFeeds:
        """Return what to feed of a gradient in the layout of the parameters."""
        return CoreFeeds(tuple(self.along.arrays(gradient)), rows=1)


def follower_of(trainer: Trainer, optimizer: Update) -> Follower:
    """Return what follows gradients by the rule of an optimizer."""
    updates, parameters = trainer.updates_of(optimizer), trainer.parameters

    def make() -> Follower:
        stay = {node for node, role in parameters.roles.items() if role == STATISTIC}
        stay |= trainer.left_alone
        trained = (node for node in parameters.nodes if node not in stay)
        along = Matrices(trained, parameters, "gradient")
        nodes = along.nodes
        loss = constant(0.0)
        plan = trainer.planned(updates, loss, gradients=nodes, matrices=nodes.values())
        return Follower(plan, along)

    return trainer.plans.get("following", updates.plan, make)


def gradient_of(trainer: Trainer, given: Any) -> NDArray[Any]:
    """Return a gradient as a vector of its own, in the layout and the type of the parameters.

    Raises
    ------
    TypeError, ValueError
        If it is neither such a vector nor an array for each parameter, or not finite.
    """
    network, parameters = trainer.network, trainer.parameters
    names = network.parameter_names
    if isinstance(given, (list, tuple)) and len(given) == len(names):
        given = dict(zip(names, given, strict=True))
    if not isinstance(given, Mapping):
        vector = vector_of(parameters, given, "gradient")
        arrays.check_finite(vector, "gradient", parameters.dtype)
        return vector.astype(parameters.dtype)
    if set(given) != set(names):
        raise ValueError(f"gradient must have the keys {list(names)}, got {list(given)}")
    vector = parameters.new_vector()
    for name, view in network.views(lambda node: parameters.view(node, vector)).items():
        view[...] = arrays.asarray_like(given[name], view, f"gradient: {name}")
    return vector


def vector_of(parameters: Parameters, given: Any, name: str) -> NDArray[Any]:
    """Return an array of the shape of ``model.parameters.flat``; raises if it is none."""
    vector, shape = arrays.array(given, name), parameters.flat.shape
    if vector.shape != shape:
        raise ValueError(
            f"{name} must have shape {shape}, as model.parameters.flat, got {vector.shape}"
        )
    return vector
