"""Metrics that are means over the examples, as functions of the same nodes as losses.

Such a metric returns one number for each example and is averaged by `losses.mean_loss`. It reads
the same target node as the loss, so it is told the loss: that says how the targets are encoded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fastmlp import activations
from fastmlp import graph as g
from fastmlp._checks import flag
from fastmlp.config import readable
from fastmlp.graph.called import called, check_node
from fastmlp.losses import Loss, one_number_per_row
from fastmlp.losses.base import Configured, check_described

__all__ = ["NODE_METRICS", "Metric", "accuracy", "decision", "mean_squared_error", "zero_one"]

_ARRAYS = (
    "; a function of the arrays (y_true, y_pred) calls its first argument y_true, or is given as "
    "fastmlp.metrics.of(function)"
)


@readable
@dataclass(frozen=True)
class Metric:
    """A metric m(y, t), applied to nodes of the graph by calling it.

    Parameters
    ----------
    name
        What it is called in histories.
    formula
        m of one example, for people to read.
    function
        Takes the nodes y, shape (b, n), and t, and returns a node as the function of a `Loss` does.
    higher_is_better
        Which way is up, for early stopping.
    reads_loss
        Whether the function takes the loss, or None, as a third argument.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.metrics import Metric
    >>> worst = Metric("worst", "maxₖ |yₖ|", lambda y, t: g.pick(g.abs(y), g.argmax(g.abs(y))))
    >>> worst(g.input(3, "y"), g.input(3, "t")).shape
    ('batch', 1)
    """

    name: str
    formula: str
    function: Callable[..., g.Node]
    higher_is_better: bool = False
    reads_loss: bool = False

    def __post_init__(self) -> None:
        check_described(self)
        flag(self.higher_is_better, "higher_is_better")
        flag(self.reads_loss, "reads_loss")

    def __call__(self, y: g.Node, t: g.Node, loss: Loss | None = None) -> g.Node:
        """Return the metric of each example, (b, 1), or (1, 1) if it is reduced already.

        Parameters
        ----------
        y
            Output of the network, (b, n).
        t
            Targets as the loss reads them.
        loss
            The loss that is trained, which says how t is encoded.
        """
        given = (y, t, loss) if self.reads_loss else (y, t)
        what = f"metric {self.name!r}"
        result = called(self.function, *given, what=what, nodes="(y, t)", advice=_ARRAYS)
        return one_number_per_row(result, y, what)


def decision(output: str, loss: Loss | None = None) -> float:
    """Return where an output of one column changes from class 0 to class 1: ½ or 0.

    Parameters
    ----------
    output
        The operation that makes it: the activation, or any other for a linear output.
    loss
        The loss that is trained, if any: with squared_error and other losses of numbers a linear
        output is fitted to 0 and 1.

    Examples
    --------
    >>> from fastmlp import losses, metrics
    >>> metrics.decision("identity", losses.get("squared_error"))
    0.5
    >>> metrics.decision("identity", losses.get("hinge"))
    0.0
    """
    if not isinstance(output, str):
        raise TypeError(f"output must be the name of an operation, got {output!r}")
    activation = activations.ACTIVATIONS.get(output)
    if activation is not None and activation.middle is not None:
        return activation.middle
    return 0.5 if isinstance(loss, Configured) and loss.target == "real" else 0.0


def zero_one(y: g.Node, t: g.Node, loss: Loss | None = None) -> g.Node:
    """Return the 0–1 loss of each example, (b, 1): 0 if the predicted class is right, else 1.

    Several output columns predict the class of the largest one. One output column separates two
    classes, at ½ for a logistic output (and others that are never negative) or a linear one trained
    with squared_error, at 0 for a linear output otherwise and for tanh. Under a loss with binary
    targets and several columns, each column is a question of its own, and the result is the share
    of wrong answers.

    Parameters
    ----------
    y
        Output, (b, n).
    t
        Labels (b, 1), or (b, n) one-hot or yes/no. For n = 1: 0 and 1, or −1 and 1.
    loss
        The loss that is trained, if any.

    Raises
    ------
    TypeError
        If y or t is no node.
    ValueError
        If t has neither one column nor as many as y.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.metrics import zero_one
    >>> zero_one(g.input(10, "y"), g.input(1, "t")).shape
    ('batch', 1)
    """
    _check_nodes(y, t)
    if loss is not None and not isinstance(loss, Loss):
        raise TypeError(f"loss must be a Loss or None, got {type(loss).__name__}")
    columns = y.shape[1]
    if t.shape[1] not in (1, columns):
        raise ValueError(f"t must have 1 or {columns} columns, like y, not {t.shape[1]}")
    if columns == 1 or (loss is not None and loss.target == "binary"):
        if t.shape[1] != columns:
            raise ValueError(f"t must have {columns} columns, like y, not {t.shape[1]}")
        wrong = g.abs(g.threshold(y - decision(y.op, loss)) - g.threshold(t - 0.5))
        return wrong if columns == 1 else g.mean(wrong, axis=1)
    label = t if t.shape[1] == 1 else g.argmax(t)
    return g.threshold(g.abs(g.argmax(y) - label) - 0.5)  # [predicted ≠ label], both whole numbers


def accuracy(y: g.Node, t: g.Node, loss: Loss | None = None) -> g.Node:
    """Return 1 − `zero_one` of each example, (b, 1): 1 if the predicted class is right, else 0.

    Parameters, errors and the decision are those of `zero_one`.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.metrics import accuracy
    >>> accuracy(g.logistic(g.input(1, "z")), g.input(1, "t")).shape
    ('batch', 1)
    """
    return 1.0 - zero_one(y, t, loss)


def mean_squared_error(y: g.Node, t: g.Node) -> g.Node:
    """Return the mean over columns of (y − t)² for each example, (b, 1).

    Raises
    ------
    TypeError
        If y or t is no node.
    ValueError
        If t has not as many columns as y.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.metrics import mean_squared_error
    >>> mean_squared_error(g.input(2, "y"), g.input(2, "t")).shape
    ('batch', 1)
    """
    _check_nodes(y, t)
    if t.shape[1] != y.shape[1]:
        raise ValueError(
            f"mean_squared_error needs targets of {y.shape[1]} columns, like y, not {t.shape[1]}"
        )
    square = (y - t) ** 2
    return square if y.shape[1] == 1 else g.mean(square, axis=1)


def _check_nodes(y: object, t: object) -> None:
    for node, name in ((y, "y"), (t, "t")):
        check_node(node, name, "; of arrays, model.evaluate(X, t) or scikit-learn tell it")


NODE_METRICS: tuple[Metric, ...] = (
    Metric("accuracy", "[class of y = t]", accuracy, higher_is_better=True, reads_loss=True),
    Metric("zero_one", "[class of y ≠ t]", zero_one, reads_loss=True),
    Metric("mean_squared_error", "meanₖ (yₖ − tₖ)²", mean_squared_error),
)
