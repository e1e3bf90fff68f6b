"""Plans without a loss, whose steps follow the gradients that they are given."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fastmlp.graph.node import Array, Node, constant
from fastmlp.graph.roles import STATISTIC
from fastmlp.planner.changes import Changes, UpdateRule
from fastmlp.planner.directions import Direction, Matrices
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.plans import CoreFeeds
from fastmlp.planner.training_plans import TrainingPlan
from fastmlp.planner.treatments import Treatment


@dataclass(frozen=True)
class Follower:
    """A plan whose steps follow what they are fed.

    Attributes
    ----------
    plan : TrainingPlan
        It is fed nothing else.
    along : Matrices
        The parts of a gradient.
    """

    plan: TrainingPlan
    along: Matrices

    def feeds(self, gradient: Array) -> CoreFeeds:
        """Return what to feed of a gradient in the layout of the parameters."""
        return CoreFeeds(tuple(self.along.arrays(gradient)), rows=1)


def plan_following(
    parameters: Parameters,
    update: UpdateRule,
    *,
    frozen: Collection[Node],
    treatments: Mapping[Node, Treatment],
    directions: Mapping[Node, Direction],
    max_norms: Mapping[Node, float],
) -> Follower:
    """Return a plan for steps along gradients; its arguments are those of `plan_training`."""
    stay = {node for node, role in parameters.roles.items() if role == STATISTIC}.union(frozen)
    along = Matrices((n for n in parameters.nodes if n not in stay), parameters, "gradient")
    changes = Changes(
        gradients=along.nodes,
        statistics={},
        frozen=frozenset(frozen),
        undecayed=frozenset(),
        treatments=treatments,
        directions=directions,
        max_norms=max_norms,
        matrices=frozenset(along.nodes.values()),
    )
    return Follower(TrainingPlan(constant(0.0), parameters, update, (), None, changes), along)
