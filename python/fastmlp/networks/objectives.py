"""What is minimised and what is measured, as nodes of one graph.

Training and evaluation are made of the same pieces, so that they mean the same: per-example losses
and metrics of each output, their mean over the examples (`losses.mean_loss`), and the penalty on
the weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from fastmlp import _checks, losses, metrics
from fastmlp import graph as g
from fastmlp.graph.rewriting import keeping_digits
from fastmlp.losses.reduction import counted, weighted_loss
from fastmlp.networks.graphs import EvaluationGraph, TrainingGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
    from fastmlp.losses import Loss
    from fastmlp.metrics import ArrayMetric, Metric
    from fastmlp.networks.network import Network
    from fastmlp.networks.outputs import Outputs

    Array = NDArray[Any]


class Objective(Protocol):
    """What a training does: a graph with what is reported and what is followed.

    Objectives are compared: equal ones have the same graph.
    """

    def training_graph(
        self, network: Network, target_columns: tuple[int, ...], weighted: tuple[bool, ...]
    ) -> TrainingGraph:
        """Build the graph of a batch, dropout included.

        Parameters
        ----------
        network : Network
            What is trained.
        target_columns : tuple of int
            Columns of the targets of each output.
        weighted : tuple of bool
            Whether examples have weights: one answer, or for each output where theirs differ.
        """


@dataclass(frozen=True)
class Head:
    """What one output of a network is trained for.

    Attributes
    ----------
    loss : Loss
        What is minimised, averaged over the examples.
    metrics : tuple of Metric and ArrayMetric
        What is measured besides.
    weight : float
        What the loss counts in J.
    prefix : str
        What the names of its numbers begin with; nothing if the output is the only one.
    """

    loss: Loss
    metrics: tuple[Metric | ArrayMetric, ...] = ()
    weight: float = 1.0
    prefix: str = ""

    @property
    def node_metrics(self) -> dict[str, Metric]:
        """The metrics that are means over the rows, by what they are called."""
        return {f"{self.prefix}{m.name}": m for m in self.metrics if isinstance(m, metrics.Metric)}

    @property
    def array_metrics(self) -> dict[str, ArrayMetric]:
        """The metrics of all rows at once, by what they are called."""
        return {
            f"{self.prefix}{m.name}": m for m in self.metrics if isinstance(m, metrics.ArrayMetric)
        }

    @property
    def loss_name(self) -> str:
        """What the mean of the loss is called."""
        return f"{self.prefix}loss"

    def values(self, y: Node, t: Node, weight: Node | None = None) -> dict[str, Node]:
        """Return the loss of each example, then the metrics that are nodes, by name.

        Numbers to predict in rows of weight 0 are read as 0. Labels and probabilities say something
        that is finite there, too.
        """
        if weight is not None and self.loss.target == "real":
            t = counted(t, weight)
        measured = {name: metric(y, t, self.loss) for name, metric in self.node_metrics.items()}
        return {self.loss_name: keeping_digits(self.loss(y, t))} | measured


@dataclass(frozen=True)
class MeanObjective:
    """The choice of a loss, a weight and metrics for each output, and a penalty.

    J = Σₖ weightₖ · mean Lₖ + λ·½‖W‖² + λ₁ Σ ``|w|``.

    Attributes
    ----------
    heads : tuple of Head
        One for each output of the network.
    l2 : float
        λ of the penalty λ·½‖W‖² on the weights.
    l1 : float
        λ₁ of the penalty λ₁ Σ ``|w|`` on them.
    """

    heads: tuple[Head, ...]
    l2: float
    l1: float = 0.0

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The loss of each output."""
        return tuple(head.loss for head in self.heads)

    @property
    def names(self) -> dict[str, bool]:
        """What the numbers are called, in their order, and whether more of it is better.

        "loss" first; of several outputs then the loss of each; then the metrics.
        """
        found = {"loss": False} | {head.loss_name: False for head in self.heads}
        for head in self.heads:
            found |= {f"{head.prefix}{m.name}": m.higher_is_better for m in head.metrics}
        return found

    @property
    def at_the_end(self) -> tuple[str, ...]:
        """Names of the metrics of all rows at once: steps do not report them."""
        return tuple(name for head in self.heads for name in head.array_metrics)

    def named(self) -> MeanObjective | None:
        """Return what is found again by names: all but metrics of the user's own.

        None if a loss is not, since without it the rest says nothing.
        """
        if any(losses.config(head.loss) is None for head in self.heads):
            return None
        heads = tuple(
            replace(head, metrics=tuple(filter(metrics.has_name, head.metrics)))
            for head in self.heads
        )
        return replace(self, heads=heads)

    def training_graph(
        self, network: Network, target_columns: tuple[int, ...], weighted: tuple[bool, ...]
    ) -> TrainingGraph:
        """Build J and the metrics that are nodes, with dropout active.

        Averaged over the batches of an epoch, each by its weight, they are what `evaluation_graph`
        gives for the whole, as long as the parameters do not move: Σ w L / Σ w and the penalty.
        """
        passed = network.forward_pass(training=True)
        targets = _targets(network, target_columns)
        shared = len(weighted) == 1
        named = [None] if shared else network.outputs.names
        fed = [
            g.input(1, _fed("sample_weight", name)) if has else None
            for name, has in zip(named, weighted, strict=True)
        ]
        sums = [None if weight is None else g.sum(weight) for weight in fed]
        weights = fed * len(self.heads) if shared else fed
        totals = sums * len(self.heads) if shared else sums
        each = [
            head.values(y, t, w)
            for head, y, t, w in zip(self.heads, passed.outputs, targets, weights, strict=True)
        ]
        means = [
            {name: losses.mean_loss(value, w, total) for name, value in values.items()}
            for values, w, total in zip(each, weights, totals, strict=True)
        ]
        penalty = network.penalty(self.l2, self.l1)
        J = self._sum([m[head.loss_name] for m, head in zip(means, self.heads, strict=True)])
        J = J if penalty is None else J + penalty
        scalars = {name: mean for of_head in means for name, mean in of_head.items()}
        report = None
        if not shared:
            report = _Ratios(self, each, weights, penalty)
            scalars = report.scalars
        elif len(self.heads) == 1:
            del scalars["loss"]
        else:
            scalars = {name: scalars[name] for name in self.names if name in scalars}
        return TrainingGraph(
            targets,
            tuple(fed),
            sums[0] if shared else None,
            J,
            list(scalars.values()),
            statistics=passed.statistics,
            report=report,
        )

    def _sum(self, of_heads: Sequence[Any]) -> Any:
        """Return Σ weightₖ xₖ, of nodes or numbers."""
        weighted = zip(self.heads, of_heads, strict=True)
        terms = [x if head.weight == 1 else head.weight * x for head, x in weighted]
        return sum(terms[1:], start=terms[0])

    def evaluation_graph(
        self, network: Network, target_columns: tuple[int, ...]
    ) -> EvaluationGraph:
        """Build the outputs, the losses and the metrics that are nodes, without dropout."""
        outputs = network.forward_pass().outputs
        targets = _targets(network, target_columns)
        values = [
            head.values(y, t) for head, y, t in zip(self.heads, outputs, targets, strict=True)
        ]
        return EvaluationGraph(targets, values, network.penalty(self.l2, self.l1), outputs)

    def reported(self, means: dict[str, float], penalty: float) -> dict[str, float]:
        """Return what is reported, in its order, but for the metrics of all rows at once.

        Parameters
        ----------
        means : dict
            Means of the losses and metrics of each output, by name.
        penalty : float
            That of the weights.
        """
        J = self._sum([means[head.loss_name] for head in self.heads]) + penalty
        found = means | {"loss": J}
        return {name: found[name] for name in self.names if name in found}

    def measured(
        self,
        network: Network,
        outputs: Sequence[Array],
        targets: Sequence[Array],
        weights: Sequence[Array | None],
    ) -> dict[str, float]:
        """Return the metrics of all rows at once, for outputs and encoded targets of some rows."""
        found: dict[str, float] = {}
        parts = zip(
            *(self.heads, outputs, targets, weights, network.output_activations), strict=True
        )
        for head, y, t, weight, activation in parts:
            if head.array_metrics:
                column = None if weight is None else weight[:, 0]
                outcome = metrics.Outcome(t, y, column, head.loss, activation)
                found |= {name: metric(outcome) for name, metric in head.array_metrics.items()}
        return found


@dataclass(frozen=True)
class _Ratios:
    """Means over an epoch where each output has weights of its own: Σ w L / Σ w, by their sums.

    A batch has one weight in the averages of an epoch. So numerators and denominators are averaged
    by rows, and divided in the end.
    """

    objective: MeanObjective
    each: list[dict[str, Node]]
    weights: list[Node | None]
    penalty: Node | None

    @property
    def scalars(self) -> dict[str, Node]:
        """What the steps are asked to average, (1, 1) each."""
        found = {}
        for k, (values, w) in enumerate(zip(self.each, self.weights, strict=True)):
            for name, value in values.items():
                found[name] = losses.mean_loss(value if w is None else weighted_loss(value, w))
            if w is not None:
                found[f"sum {k}"] = losses.mean_loss(w)
        return found if self.penalty is None else found | {"penalty": self.penalty}

    def __call__(self, numbers: Sequence[float]) -> list[float]:
        """Return what is reported of an epoch: J first, then the scalars that steps know."""
        found = dict(zip(self.scalars, numbers[1:], strict=True))
        means = {
            name: found[name] / found.get(f"sum {k}", 1.0)
            for k, values in enumerate(self.each)
            for name in values
        }
        return list(self.objective.reported(means, found.get("penalty", 0.0)).values())


def _targets(network: Network, columns: tuple[int, ...]) -> tuple[Node, ...]:
    """Return the nodes of the targets."""
    names = network.outputs.names if len(columns) > 1 else (None,)
    return tuple(g.input(n, _fed("t", name)) for n, name in zip(columns, names, strict=True))


def _fed(what: str, name: str | None) -> str:
    return what if name is None else f"{what} of {name}"


def choose(
    network: Network,
    *,
    loss: Any,
    loss_weights: Any,
    metrics: Any,
    l2: Any,
    l1: Any,
    last: MeanObjective | None = None,
) -> MeanObjective:
    """Check the arguments of `fit` and `evaluate` and return what they mean.

    What is None is that of `last`, if it has the same losses. Else a loss of None is the one that
    suits the output, metrics of None are the accuracy where the targets are classes and otherwise
    none, weights of None are 1, and an l2 or l1 of None is 0.

    Raises
    ------
    TypeError, ValueError
        For an unknown loss or metric, a name used twice, or what does not fit the outputs.
    """
    outputs = network.outputs
    found = _losses(network, loss, last)
    if last is not None and found != last.losses:
        # Another loss may read its targets in another way: the last metrics may not fit it.
        last = None
    measured = _metrics(outputs, metrics, found, last)
    weights = _weights(outputs, loss_weights, last)
    heads = tuple(
        Head(each, own, weight, outputs.prefix(k))
        for k, (each, own, weight) in enumerate(zip(found, measured, weights, strict=True))
    )
    l2 = (0.0 if last is None else last.l2) if l2 is None else l2
    l1 = (0.0 if last is None else last.l1) if l1 is None else l1
    penalty = _checks.real(l2, "l2", at_least=0), _checks.real(l1, "l1", at_least=0)
    objective = MeanObjective(heads, *penalty)
    _check_names(objective, outputs)
    return objective


def _losses(network: Network, given: Any, last: MeanObjective | None) -> tuple[Loss, ...]:
    """Return the loss of each output: the one given, that of `last`, or the one that suits it."""
    titled = network.outputs.settings(given, "loss")
    before = [None] * len(titled) if last is None else last.losses
    suits = map(losses.default, network.output_activations)
    return tuple(
        losses.get(old or default if own is None else own)
        for (own, _), old, default in zip(titled, before, suits, strict=True)
    )


def _metrics(
    outputs: Outputs, given: Any, chosen: Sequence[Loss], last: MeanObjective | None
) -> list[tuple[Metric | ArrayMetric, ...]]:
    """Return the metrics of each output: those given, those of `last`, or the usual ones."""
    kept = [] if last is None else [head.metrics for head in last.heads]
    usual = kept if any(kept) else [_usual(loss) for loss in chosen]
    return [
        tuple(
            metrics.get(one, f"{title}[{i}]") for i, one in enumerate(each if own is None else own)
        )
        for (own, title), each in zip(outputs.lists(given, "metrics"), usual, strict=True)
    ]


def _weights(outputs: Outputs, given: Any, last: MeanObjective | None) -> list[float]:
    """Return the weight of each output's loss: the one given, that of `last`, or 1."""
    titled = outputs.settings(given, "loss_weights")
    kept = [1.0] * len(titled) if last is None else [head.weight for head in last.heads]
    found = [
        old if own is None else _checks.real(own, title, at_least=0)
        for (own, title), old in zip(titled, kept, strict=True)
    ]
    if not any(found):
        raise ValueError("loss_weights are zero for every output: nothing would be learned")
    return found


def _usual(loss: Loss) -> Sequence[Any]:
    return ["accuracy"] if loss.target in ("class", "binary") else []


def _check_names(objective: MeanObjective, outputs: Outputs) -> None:
    """Raise ValueError if two numbers have one name."""
    for k, head in enumerate(objective.heads):
        names = [metric.name for metric in head.metrics]
        taken = ["loss", "epoch"]  # the second is the column of tables and files of epochs
        if len({*names, *taken}) < len(names) + len(taken):
            raise ValueError(
                f"metrics{outputs.of(k)} must have different names, none of them 'loss' or "
                f"'epoch', got {names}"
            )
    numbers = sum(1 + len(head.metrics) for head in objective.heads) + (len(outputs) > 1)
    if len(objective.names) < numbers:
        raise ValueError(
            f"two of the numbers have one name, after those of the outputs {list(outputs.names)}: "
            f"call one of them otherwise; the names are {list(objective.names)}"
        )
