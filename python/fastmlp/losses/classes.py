"""Losses of classes: how improbable, or how far on the wrong side, the right class is."""

from __future__ import annotations

from fastmlp import graph as g
from fastmlp.losses.base import Loss, require_same_columns, sum_columns


def _cross_entropy(y: g.Node, t: g.Node) -> g.Node:
    if y.op != "softmax":
        raise ValueError(
            f"cross_entropy needs probabilities of classes that sum to 1: an output of "
            f"'softmax', not {y.op!r}; set output='softmax'"
        )
    if y.shape[1] == 1:
        raise ValueError(
            "cross_entropy needs two output columns at least, a softmax of one column is always 1; "
            "set output='logistic' and loss='binary_cross_entropy'"
        )
    return g.softmax_cross_entropy(y.parents[0], t)


def _binary_cross_entropy(y: g.Node, t: g.Node) -> g.Node:
    if y.op != "logistic":
        raise ValueError(
            f"binary_cross_entropy needs probabilities: an output of 'logistic', not {y.op!r}; "
            "set output='logistic'"
        )
    require_same_columns("binary_cross_entropy", y, t)
    return sum_columns(g.logistic_cross_entropy(y.parents[0], t))


def _hinge(y: g.Node, t: g.Node) -> g.Node:
    columns = y.shape[1]
    if columns == 1:
        require_same_columns("hinge", y, t)
        return g.relu(1.0 - (2.0 * t - 1.0) * y)
    label = t if t.shape[1] == 1 else g.argmax(t)
    # max(0, 1 + max_{j≠t} yⱼ − yₜ) = maxⱼ (yⱼ + [j ≠ t]) − yₜ: at j = t the difference is the 0.
    one = g.spread(g.constant(1.0), shape=label.shape)
    margins = y + 1.0 - g.scatter(one, label, columns=columns)
    return g.pick(margins, g.argmax(margins)) - g.pick(y, label)


CLASSES = (
    Loss("cross_entropy", "−Σₖ tₖ log yₖ", _cross_entropy, "class"),
    Loss(
        "binary_cross_entropy",
        "−Σₖ (tₖ log yₖ + (1 − tₖ) log(1 − yₖ))",
        _binary_cross_entropy,
        "binary",
    ),
    # Several classes: Crammer & Singer 2001.
    Loss("hinge", "max(0, 1 − (2t − 1) y), or max(0, 1 + maxⱼ≠ₜ yⱼ − yₜ)", _hinge, "class"),
)
