"""From nodes to a program of the core, in four steps.

order → lower (nodes to steps) → fuse (fewer steps) → place (memory) → emit. The number of rows is
given at run time, so one program serves the last short batch and a single row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastmlp.graph.node import Node, topological_order
from fastmlp.planner.emit import emit
from fastmlp.planner.fuse import fuse
from fastmlp.planner.ir import Steps
from fastmlp.planner.lower import lower
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.place import place
from fastmlp.planner.sections import assign_barriers, assign_sections


def plan_program(
    outputs: Sequence[Node],
    *,
    parameters: Parameters,
    fed: Sequence[Node],
    scalars: Sequence[Node] = (),
    weight: Node | None = None,
    gradients: Mapping[Node, Node] | None = None,
    matrices: Sequence[Node] = (),
    directions: Sequence[Node] = (),
) -> tuple[dict[str, Any], Steps]:
    """Return the arguments of `_core.Program` and the steps they came from; see `lower`."""
    gradients = gradients or {}
    weights = () if weight is None else (weight,)
    wanted = [*scalars, *weights, *gradients.values(), *outputs, *directions]
    order = topological_order([*wanted, *fed], known=set(fed))
    work = lower(
        order,
        parameters=parameters,
        fed=fed,
        outputs=outputs,
        scalars=scalars,
        weight=weight,
        gradients=gradients,
        matrices=matrices,
        directions=directions,
    )
    fuse(work)
    by_rows = assign_sections(work)
    sizes = place(work, parameters.size)
    assign_barriers(work)
    return emit(work, sizes, parameters.size, by_rows), work
