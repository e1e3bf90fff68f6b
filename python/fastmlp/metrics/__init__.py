"""Metrics: what is watched but not minimised.

Some are means over the examples, and functions of the nodes (y, t) as losses are (`Metric`): in
training they are averaged over the epoch's batches, each taken before its step with dropout active,
and cost next to nothing. Others are functions of NumPy arrays, the targets and outputs of all rows
(`ArrayMetric`): auc, average_precision, f1, precision, recall, balanced_accuracy, top_k (k = 5;
"top_3" for another k), log_loss, r2, mae, rmse, mape, and any function (y_true, y_pred), those of
scikit-learn included. They are taken at the end of each epoch without dropout, which costs a
forward pass over the training rows, and before the first epoch once to see whether they work.

Of several classes, auc and average_precision are means over one class against the rest, f1,
precision and recall plain means over classes (scikit-learn's "macro"). Of two classes they are
those of class 1. mape is a fraction, not per cent. What is undefined, such as the auc of targets of
one class, is NaN, and never counts as an improvement.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fastmlp import _lazy, losses
from fastmlp._checks import choice
from fastmlp.losses import Loss
from fastmlp.metrics.arrays import ArrayMetric, Outcome, of, takes_arrays
from fastmlp.metrics.named import ARRAY_METRICS, top
from fastmlp.metrics.nodes import (
    NODE_METRICS,
    Metric,
    accuracy,
    decision,
    mean_squared_error,
    zero_one,
)

__all__ = [
    "ALIASES",
    "METRICS",
    "ArrayMetric",
    "Metric",
    "Outcome",
    "accuracy",
    "decision",
    "get",
    "has_name",
    "mean_squared_error",
    "of",
    "zero_one",
]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)

METRICS: dict[str, Metric | ArrayMetric] = {
    **{metric.name: metric for metric in NODE_METRICS},
    **{metric.name: metric for metric in ARRAY_METRICS},
}

# What Keras calls them, by which a history calls them too.
ALIASES: dict[str, str] = dict.fromkeys(
    ("acc", "binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy"), "accuracy"
)


def get(
    spec: str | Metric | ArrayMetric | Loss | Callable[..., Any], name: str = "metric"
) -> Metric | ArrayMetric:
    """Return the metric that `spec` names.

    Parameters
    ----------
    spec
        A name (see ``METRICS`` and ``ALIASES``; "top_3" for another k, names of losses work too),
        a `Metric`, an `ArrayMetric`, a `Loss`, or a function. Functions of scikit-learn, and those
        whose first argument is called ``y_true``, are of arrays (y_true, y_pred), see `of`; others
        are of the nodes (y, t). Of a function less is taken to be better, unless it has the
        attribute ``higher_is_better`` or is a score of scikit-learn.
    name
        What errors call it.

    Raises
    ------
    ValueError
        If the name is unknown.
    TypeError
        If `spec` is none of these.

    Examples
    --------
    >>> from fastmlp import metrics
    >>> metrics.get("accuracy").higher_is_better
    True
    """
    if isinstance(spec, (Metric, ArrayMetric)):
        return spec
    if isinstance(spec, str):
        if spec in ALIASES:
            return replace(METRICS[ALIASES[spec]], name=spec)
        if spec in METRICS:
            return METRICS[spec]
        if (k := spec.removeprefix("top_")) != spec and k.isdecimal() and int(k) > 0:
            return top(int(k))
        known = dict.fromkeys([*METRICS, *losses.LOSSES])  # some are both
        loss = losses.named(spec) or losses.LOSSES[choice(spec, name, list(known))]
        return Metric(spec, loss.formula, loss)
    if isinstance(spec, Loss):
        return Metric(spec.name, spec.formula, spec)  # equal losses are equal metrics
    kind: Any = spec
    if isinstance(kind, type) and issubclass(kind, (Loss, Metric, ArrayMetric)):
        raise TypeError(f"{name} must be an object, got the class: write {kind.__name__}(…)")
    if callable(spec):
        if takes_arrays(spec):
            return of(spec)
        called = getattr(spec, "__name__", type(spec).__name__)
        higher = getattr(spec, "higher_is_better", False)
        return Metric(called, f"{called}(y, t)", spec, higher_is_better=higher)
    raise TypeError(
        f"{name} must be a name, a Metric or a function of the nodes (y, t) or of the arrays "
        f"(y_true, y_pred), not {type(spec).__name__}"
    )


def has_name(metric: Metric | ArrayMetric) -> bool:
    """Whether a metric is found again by its name, as in a file.

    Examples
    --------
    >>> has_name(get("top_3")), has_name(get(lambda y, t: y - t))
    (True, False)
    """
    if not isinstance(metric, (Metric, ArrayMetric)):
        raise TypeError(f"metric must be a Metric or an ArrayMetric, got {type(metric).__name__}")
    try:
        return get(metric.name) == metric
    except ValueError:
        return False
