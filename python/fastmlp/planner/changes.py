"""What a training changes: which parameters, along what, by which rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from fastmlp.graph.gradients import gradient
from fastmlp.graph.node import Node, constant
from fastmlp.graph.ops.reductions import spread
from fastmlp.graph.roles import STATISTIC
from fastmlp.graph.shapes import describe
from fastmlp.planner.directions import Direction
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.treatments import Bound, Group, Treatment


class UpdateRule(Protocol):
    """What a training plan needs to know of an optimizer."""

    @property
    def kernel(self) -> str:
        """The rule, one of those in `_core.format.optimizers`."""


@dataclass(frozen=True)
class Changes:
    """What a step does to which parameters; see `plan_training`."""

    gradients: Mapping[Node, Node] | None
    statistics: Mapping[Node, Node]
    frozen: frozenset[Node]
    undecayed: frozenset[Node]
    treatments: Mapping[Node, Treatment]
    directions: Mapping[Node, Direction]
    max_norms: Mapping[Node, float]
    matrices: frozenset[Node] = frozenset()  # those of `gradients` that are fed; see `following`

    @property
    def given(self) -> list[Node]:
        """The nodes that are followed besides the loss's gradient."""
        return [*(self.gradients or {}).values(), *self.statistics.values()]

    def check(self, parameters: Parameters) -> None:
        """Raise unless all of it is about these parameters."""
        _check_nodes("gradients", self.gradients or {}, parameters)
        _check_nodes("statistics", self.statistics, parameters)
        for node in self.statistics:
            if parameters.roles[node] != STATISTIC:
                raise ValueError(
                    f"statistics: {node!r} has the role {parameters.roles[node]!r}, "
                    f"expected {STATISTIC!r}"
                )
        for name, nodes in (
            ("frozen", self.frozen),
            ("undecayed", self.undecayed),
            ("treatments", self.treatments),
            ("directions", self.directions),
            ("max_norms", self.max_norms),
        ):
            for node in nodes:
                if node not in parameters.offsets:
                    raise ValueError(f"{name}: {node!r} is not among the parameters")

    def bounds(self, parameters: Parameters, followed: Iterable[Node]) -> list[Bound]:
        """Return the bounds of the matrices that follow something."""
        return parameters.bounds(
            {node: self.max_norms[node] for node in followed if node in self.max_norms}
        )

    def followed(self, loss: Node, parameters: Parameters) -> dict[Node, Node]:
        """Return what each parameter follows; those left out stay as they are."""
        stay = self.frozen | {v for v, role in parameters.roles.items() if role == STATISTIC}
        trained = [node for node in parameters.nodes if node not in stay]
        if self.gradients is None:
            along = gradient(loss, trained)
        else:
            zero = constant(0.0)
            along = [self.gradients.get(node) or spread(zero, node.shape) for node in trained]
        values = {v: new for v, new in self.statistics.items() if v not in self.frozen}
        return dict(zip(trained, along, strict=True)) | values

    def groups(self, parameters: Parameters, followed: Iterable[Node], rule: str) -> list[Group]:
        """Return the groups of the parameters that follow something."""
        how = {
            node: Treatment("assign")
            if node in self.statistics
            else self.treatments.get(node, Treatment(rule, decays=node not in self.undecayed))
            for node in followed
        }
        return parameters.groups(how)


def _check_nodes(name: str, nodes: Mapping[Node, Node], parameters: Parameters) -> None:
    """Raise unless each is a node of the shape of one of the parameters."""
    for parameter, node in nodes.items():
        if parameter not in parameters.offsets:
            raise ValueError(f"{name}: {parameter!r} is not among the parameters")
        if not isinstance(node, Node):
            raise TypeError(f"{name}: expected graph nodes, got {type(node).__name__}")
        if node.shape != parameter.shape:
            raise ValueError(
                f"{name}: expected {describe(parameter.shape)} for {parameter!r}, got {node!r}"
            )
