"""How good predictions are by the metric asked for, and what no model at all would reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    mean_pinball_loss,
    root_mean_squared_error,
)

from fastmlp.estimators.tabular import measures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[Any]

# Metrics of which more is better.
RISING = ("accuracy", "auc")


def score(
    metric: str, t: Array, y: Array, weights: Array | None = None, quantiles: Sequence[float] = ()
) -> float:
    """Return a metric of predictions.

    Parameters
    ----------
    metric : str
        "accuracy", "log_loss" or "auc" of classes, "rmse", "mae" or "quantile" of numbers. AUC is
        that of each class against the rest, averaged over the classes that occur beside others;
        NaN where there is none. "quantile" is the pinball loss, averaged over quantiles.
    t : ndarray of shape (rows,) or (rows, targets)
        Numbers of classes, or numbers.
    y : ndarray
        Probabilities (rows, classes), numbers (rows, targets), or of each target a column for each
        quantile.
    weights : ndarray of shape (rows,), optional
    quantiles : sequence of float
        Of metric "quantile".

    Examples
    --------
    >>> y = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
    >>> score("accuracy", np.array([0, 1, 1]), y), score("auc", np.array([0, 1, 1]), y)
    (1.0, 1.0)
    """
    if metric == "accuracy":
        return float(accuracy_score(t, y.argmax(axis=1), sample_weight=weights))
    if metric == "log_loss":
        return measures.log_loss(t, y, weights)
    if metric == "auc":
        return measures.auc(t, y, weights)
    unit = unit_of(t)  # squares of numbers in units of their own are in range
    t, y = t.reshape(len(t), -1) / unit, y / unit
    if metric == "quantile":
        by_target = y.reshape(len(t), t.shape[1], len(quantiles))
        losses = [
            mean_pinball_loss(t, by_target[:, :, i], alpha=q, sample_weight=weights)
            for i, q in enumerate(quantiles)
        ]
        return unit * float(np.mean(losses))
    function = {"rmse": root_mean_squared_error, "mae": mean_absolute_error}[metric]
    return unit * float(function(t, y, sample_weight=weights))


def unit_of(t: Array) -> float:
    """Return a power of two about as large as the largest of some numbers.

    Examples
    --------
    >>> unit_of(np.array([5.0, -7.0])), unit_of(np.zeros(3))
    (8.0, 1.0)
    """
    return float(np.ldexp(1.0, min(int(np.frexp(np.abs(t).max())[1]), 1023)))


def is_better(metric: str, one: float, other: float) -> bool:
    """Return whether one value of a metric is better than another.

    Examples
    --------
    >>> is_better("auc", 0.8, 0.7), is_better("rmse", 0.8, 0.7)
    (True, False)
    """
    return one > other if metric in RISING else one < other


def constant(
    metric: str, t: Array, weights: Array | None = None, quantiles: Sequence[float] = (), *,
    classes: int = 0,
) -> Array:  # fmt: skip
    """Return the best prediction of a metric that is the same for each row: (1, outputs).

    The shares of the classes; the mean, or the median, or quantiles of numbers.

    Examples
    --------
    >>> constant("accuracy", np.array([0, 1, 1, 1]), classes=2)
    array([[0.25, 0.75]])
    >>> constant("rmse", np.array([[1.0], [3.0]]))
    array([[2.]])
    """
    if classes:
        counts = np.bincount(t, weights=weights, minlength=classes)
        shares: Array = counts[None] / counts.sum()
        return shares
    t = t.reshape(len(t), -1)
    if metric == "rmse":
        return np.atleast_2d(np.average(t, axis=0, weights=weights))
    points = quantiles if metric == "quantile" else (0.5,)
    if weights is None:
        found = np.quantile(t, points, axis=0)
    else:
        found = np.quantile(t, points, axis=0, weights=weights, method="inverted_cdf")
    result: Array = found.T.reshape(1, -1)
    return result
