"""The graphs of training and evaluation: which nodes are fed, followed and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastmlp.graph.node import Node


@dataclass(frozen=True)
class TrainingGraph:
    """The nodes of training: scalars to minimise and to report, and the nodes to feed.

    Attributes
    ----------
    targets : tuple of Node
        The targets of each output.
    weights : tuple of Node or None
        The weights of the examples, if there are any: one for all outputs, or one for each.
    batch_weight : Node or None
        The sum of those for all, shape (1, 1): what a batch counts in the averages of an epoch.
    loss : Node
        What is reported, shape (1, 1): J = mean loss + penalty.
    metrics : list of Node
        What is reported besides, shape (1, 1) each: means of the metrics.
    gradients : dict of parameter to Node, or None
        What is followed; None is the gradient of `loss`.
    statistics : dict of parameter to Node
        What parameters of this role become after the step.
    report : callable or None
        Makes what is reported of an epoch from the averages of `loss` and `metrics`; None: they
        are it.
    """

    targets: tuple[Node, ...]
    weights: tuple[Node | None, ...]
    batch_weight: Node | None
    loss: Node
    metrics: list[Node]
    gradients: dict[Node, Node] | None = None
    statistics: dict[Node, Node] = field(default_factory=dict)
    report: Callable[[Sequence[float]], list[float]] | None = None


@dataclass(frozen=True)
class EvaluationGraph:
    """The nodes of evaluation: one number an example, averaged in float64 outside.

    Attributes
    ----------
    targets : tuple of Node
        The targets of each output.
    values : list of dict of str to Node
        For each output loss and metrics per example by name, shape (batch, 1); (1, 1) from a
        function that has averaged already.
    penalty : Node or None
        The penalty on the weights, shape (1, 1), if there is one.
    outputs : tuple of Node
        What the network says.
    """

    targets: tuple[Node, ...]
    values: list[dict[str, Node]]
    penalty: Node | None
    outputs: tuple[Node, ...]
