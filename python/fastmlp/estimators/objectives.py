"""What the estimators minimise: scikit-learn's losses and further ones, as graphs.

scikit-learn reports one number and follows the gradient of another: a squared error is averaged
over the outputs in `loss_curve_` but summed in the gradient, and logarithms are clipped only where
they are reported. So a loss here is a pair of nodes, each with one number for each example: the one
that is followed and the one that is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import graph as g
from fastmlp import losses
from fastmlp.losses.base import sum_columns
from fastmlp.losses.reduction import weighted_loss
from fastmlp.networks.graphs import TrainingGraph

if TYPE_CHECKING:
    from fastmlp.graph.node import Node
    from fastmlp.networks.network import Network


@dataclass(frozen=True)
class PeerObjective:
    """Loss and penalty of one fit, as scikit-learn reports and follows them.

    Attributes
    ----------
    loss : str or callable
        A name in `LOSSES`, or a function of the nodes (y, t).
    alpha : float
        Of the penalty ½ α ‖W‖², which is divided by the number of rows of a batch, or by the sum
        of their weights.
    epsilon : float
        Reported probabilities are clipped to [ε, 1 − ε], as scikit-learn does.
    delta : float
        Where the Huber loss turns from a square to a line.
    quantile : tuple of float
        The quantiles of the quantile loss, one for each output.
    total : bool
        Add the losses of the examples up, without the penalty, for batches that are parts of one
        sum; otherwise (Σ w L + ½ α ‖W‖²) / Σ w, and 0 where Σ w is 0: a batch without weight
        counts for nothing, its penalty included.
    """

    loss: str | Callable[[Node, Node], Node]
    alpha: float
    epsilon: float = 1e-7
    delta: float = 1.0
    quantile: tuple[float, ...] = (0.5,)
    total: bool = False

    def examples(self, y: Node, t: Node) -> tuple[Node, Node]:
        """Return the loss of each example, (b, 1): the one to follow and the one to report."""
        if isinstance(self.loss, str):
            return LOSSES[self.loss](self, y, t)
        loss = losses.get(self.loss)
        result = loss(y, t)
        if result.shape == (1, 1):
            raise ValueError(
                f"loss {loss.name!r} must return a number for each example, shape (b, 1), not one "
                "for all of them"
            )
        return result, result

    def training_graph(
        self, network: Network, target_columns: tuple[int, ...], weighted: tuple[bool, ...]
    ) -> TrainingGraph:
        """Build the objective of a batch, dropout included, and what to descend along."""
        y, _ = network.forward(training=True)
        t = g.input(target_columns[0], "t")
        weight = g.input(1, "sample_weight") if weighted[0] else None
        sum_of_weights = None if weight is None else g.sum(weight)
        squares = [g.sum(W**2) for W in _weight_matrices(network)]
        penalty = (0.5 * self.alpha) * sum(squares[1:], start=squares[0])
        followed, reported = self.examples(y, t)

        if weight is None and not self.total:
            penalty = penalty * _one_over_rows()

        def reduced(each: Node) -> Node:
            if self.total:
                return g.sum(each if weight is None else weighted_loss(each, weight))
            if weight is None:
                loss = g.mean(each)
                return loss if self.alpha == 0 else loss + penalty
            assert sum_of_weights is not None
            loss = g.sum(weighted_loss(each, weight))
            return g.ratio(loss if self.alpha == 0 else loss + penalty, sum_of_weights)

        J = reduced(followed)
        along = g.gradient(J, network.parameter_nodes)
        return TrainingGraph(
            (t,),
            (weight,),
            None if self.total else sum_of_weights,
            J if reported is followed else reduced(reported),
            [],
            dict(zip(network.parameter_nodes, along, strict=True)),
        )


def _one_over_rows() -> Node:
    """Return 1 / n of a batch of n rows, (1, 1); no example is read for it.

    A gradient of the mean is 1 / n for each row, and the mean of these is 1 / n.
    """
    each = g.spread(g.constant(1.0), (g.BATCH, 1), mean=True)
    return g.mean(each)


def _at_most(a: Node, limit: float) -> Node:
    return -g.maximum(-a, -limit)


def _mean_of_outputs(total: Node, outputs: int) -> tuple[Node, Node]:
    """Follow the sum over the outputs and report their mean, as for the squared error."""
    return total, total if outputs == 1 else total * (1.0 / outputs)


def _log_loss(o: PeerObjective, y: Node, t: Node) -> tuple[Node, Node]:
    z = y.parents[0]
    # scikit-learn clips probabilities at ε and at 1 − ε. A loss below that of 1 − ε has its digits
    # here, and is reported as it is.
    most = -float(np.log(o.epsilon))
    if y.op == "softmax":
        each = g.softmax_cross_entropy(z, t)
        return each, _at_most(each, most)
    each = g.logistic_cross_entropy(z, t)
    return sum_columns(each), sum_columns(_at_most(each, most))


def _squared_error(o: PeerObjective, y: Node, t: Node) -> tuple[Node, Node]:
    return _mean_of_outputs(0.5 * sum_columns((y - t) ** 2), y.shape[1])


def _hinge(o: PeerObjective, y: Node, t: Node) -> tuple[Node, Node]:
    one_of_several = y.shape[1] > t.shape[1]
    each = (
        losses.get("hinge")(y, t)
        if one_of_several
        else sum_columns(g.relu(1.0 - (2.0 * t - 1.0) * y))
    )
    return each, each


def _poisson(o: PeerObjective, y: Node, t: Node) -> tuple[Node, Node]:
    z = y.parents[0]
    # t log(t / y) − t + y; the part without z is constant and 0 at t = 0.
    constant = t * g.log(g.maximum(t, float(np.finfo(np.float32).tiny))) - t
    followed = y - t * z
    return sum_columns(followed), sum_columns(followed + constant)


def _absolute_error(o: PeerObjective, y: Node, t: Node) -> tuple[Node, Node]:
    return _mean_of_outputs(sum_columns(g.abs(y - t)), y.shape[1])


def _huber(o: PeerObjective, y: Node, t: Node) -> tuple[Node, Node]:
    distance = g.abs(y - t)
    near = _at_most(distance, o.delta)
    return _mean_of_outputs(sum_columns(near * (distance - 0.5 * near)), y.shape[1])


def _log_cosh(o: PeerObjective, y: Node, t: Node) -> tuple[Node, Node]:
    return _mean_of_outputs(sum_columns(g.log_cosh(y - t)), y.shape[1])


def _quantile(o: PeerObjective, y: Node, t: Node) -> tuple[Node, Node]:
    q = g.constant([list(o.quantile)])
    e = t - y
    return _mean_of_outputs(sum_columns(g.maximum(q * e, (q - 1.0) * e)), y.shape[1])


LOSSES: dict[str, Callable[[PeerObjective, Any, Any], tuple[Any, Any]]] = {
    "log_loss": _log_loss,
    "hinge": _hinge,
    "squared_error": _squared_error,
    "poisson": _poisson,
    "absolute_error": _absolute_error,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "quantile": _quantile,
}


def output_of(loss: str, *, one_of_several: bool) -> str | None:
    """Return the activation of the outputs that a loss of `LOSSES` judges, None for any.

    `one_of_several` says whether there are more outputs than columns of targets.

    Examples
    --------
    >>> output_of("log_loss", one_of_several=True), output_of("huber", one_of_several=False)
    ('softmax', None)
    """
    if loss == "log_loss":
        return "softmax" if one_of_several else "logistic"
    return {"hinge": "identity", "poisson": "exp"}.get(loss)


def _weight_matrices(network: Network) -> list[Node]:
    return [node for node, role in network.parameter_roles.items() if role == "weight"]
