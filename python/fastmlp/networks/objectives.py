"""What is minimised and what is measured, as nodes of one graph.

Training and evaluation are made of the same pieces, so that they mean the same: per-example losses
and metrics, their mean over the examples (`losses.mean_loss`), and the penalty on the weights.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from fastmlp import _checks, losses, metrics
from fastmlp import graph as g

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
    from fastmlp.losses import Loss
    from fastmlp.metrics import ArrayMetric, Metric
    from fastmlp.networks.network import Network

    Array = NDArray[Any]


class Objective(Protocol):
    """What a training does: a graph with what is reported and what is followed.

    Objectives are compared: equal ones have the same graph.
    """

    def training_graph(
        self, network: Network, target_columns: int, weighted: bool
    ) -> TrainingGraph:
        """Build the graph of a batch, dropout included; `weighted` if examples have weights."""


@dataclass(frozen=True)
class MeanObjective:
    """The choice of a loss, an L2 penalty and metrics.

    Attributes
    ----------
    loss : Loss
        What is minimised, averaged over the examples.
    l2 : float
        λ of the penalty λ·½‖W‖² on the weights.
    metrics : tuple of Metric and ArrayMetric
        What is measured besides.
    """

    loss: Loss
    l2: float
    metrics: tuple[Metric | ArrayMetric, ...]

    @property
    def names(self) -> list[str]:
        """What the numbers are called: "loss" first, then the metrics."""
        return ["loss", *(metric.name for metric in self.metrics)]

    @property
    def node_metrics(self) -> list[Metric]:
        """The metrics that are means over the rows, and nodes of the same graph as the loss."""
        return [m for m in self.metrics if isinstance(m, metrics.Metric)]

    @property
    def array_metrics(self) -> list[ArrayMetric]:
        """The metrics of all rows at once, computed from what the network says."""
        return [m for m in self.metrics if isinstance(m, metrics.ArrayMetric)]

    @property
    def has_names(self) -> bool:
        """Whether loss and metrics are all found again by their names."""
        by_name = losses.config(self.loss) is not None
        return by_name and all(metrics.has_name(metric) for metric in self.metrics)

    def training_graph(
        self, network: Network, target_columns: int, weighted: bool
    ) -> TrainingGraph:
        """Build J and the metrics that are nodes, with dropout active.

        Averaged over the batches of an epoch, each by its weight, they are what `evaluation_graph`
        gives for the whole, as long as the parameters do not move: Σ w L / Σ w and the penalty.
        """
        y, _, statistics = network.forward_pass(training=True)
        t = g.input(target_columns, "t")
        weight = g.input(1, "sample_weight") if weighted else None
        total = None if weight is None else g.sum(weight)
        J = losses.mean_loss(self.loss(y, t), weight, total)
        penalty = network.penalty(self.l2)
        return TrainingGraph(
            t,
            weight,
            total,
            J if penalty is None else J + penalty,
            [losses.mean_loss(m(y, t, self.loss), weight, total) for m in self.node_metrics],
            statistics=statistics,
        )

    def evaluation_graph(self, network: Network, target_columns: int) -> EvaluationGraph:
        """Build the output, the losses and the metrics that are nodes, without dropout."""
        y, _ = network.forward(training=False)
        t = g.input(target_columns, "t")
        return EvaluationGraph(
            t,
            [self.loss(y, t), *(metric(y, t, self.loss) for metric in self.node_metrics)],
            network.penalty(self.l2),
            y,
        )

    def measured(
        self, network: Network, y: Array, t: Array, weight: Array | None
    ) -> dict[str, float]:
        """Return the metrics of arrays for the outputs and encoded targets of some rows."""
        weight = None if weight is None else weight[:, 0]
        outcome = metrics.Outcome(t, y, weight, self.loss, network.output_activation)
        return {metric.name: metric(outcome) for metric in self.array_metrics}


def choose(network: Network, loss: Any, l2: Any, chosen: Any) -> MeanObjective:
    """Check the arguments of `fit` and `evaluate` and return what they mean.

    A loss of None is the one that suits the output; metrics of None are the accuracy where the
    targets are classes, else none.

    Raises
    ------
    TypeError, ValueError
        For an unknown loss or metric, or one name used twice.
    """
    loss = losses.get(losses.default(network.output_activation) if loss is None else loss)
    if chosen is None:
        chosen = ["accuracy"] if loss.target in ("class", "binary") else []
    given = _checks.listed(chosen)
    if given is None:
        raise TypeError(f"metrics must be a list of names or metrics, got {chosen!r}: write [...]")
    l2 = _checks.real(l2, "l2", at_least=0)
    each = [metrics.get(metric, f"metrics[{i}]") for i, metric in enumerate(given)]
    objective = MeanObjective(loss, l2, tuple(each))
    names = objective.names
    if len(set(names)) < len(names):
        raise ValueError(f"metrics must have different names, none of them 'loss', got {names[1:]}")
    return objective


@dataclass(frozen=True)
class TrainingGraph:
    """The nodes of training: scalars to minimise and to report, and the nodes to feed.

    Attributes
    ----------
    target : Node
        The targets.
    weight : Node or None
        The weights of the examples, if there are any.
    batch_weight : Node or None
        Their sum, shape (1, 1): what a batch counts in the averages of an epoch.
    loss : Node
        What is reported, shape (1, 1): J = mean loss + penalty.
    metrics : list of Node
        What is reported besides, shape (1, 1) each: means of the metrics.
    gradients : dict of parameter to Node, or None
        What is followed; None is the gradient of `loss`.
    statistics : dict of parameter to Node
        What parameters of this role become after the step.
    """

    target: Node
    weight: Node | None
    batch_weight: Node | None
    loss: Node
    metrics: list[Node]
    gradients: dict[Node, Node] | None = None
    statistics: dict[Node, Node] = field(default_factory=dict)


@dataclass(frozen=True)
class EvaluationGraph:
    """The nodes of evaluation: one number an example, averaged in float64 outside.

    Attributes
    ----------
    target : Node
        The targets.
    values : list of Node
        Loss and metrics per example, shape (batch, 1); (1, 1) from a function that has averaged
        already.
    penalty : Node or None
        The penalty on the weights, shape (1, 1), if there is one.
    output : Node
        What the network says.
    """

    target: Node
    values: list[Node]
    penalty: Node | None
    output: Node
