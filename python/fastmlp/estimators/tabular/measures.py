"""How good predictions are, by the metric of a recipe: less is better."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.recipe import Recipe

    Array = NDArray[Any]

#: The least probability that a log loss counts with.
LEAST = 1e-7
#: What the log loss counts beside the area under the ROC curve, which no scale changes.
TIE = 1e-2


def badness(recipe: Recipe, t: Array, P: Array, w: Array | None) -> float:
    """Return what is to be made small: 1 − the metric where more is better.

    For accuracy it is the log loss: an epoch that was chosen by accuracy itself is right by luck as
    much as by merit, and was less accurate on other rows. AUC has a hundredth of the log loss
    added, which decides between epochs whose order of rows is as good.

    Parameters
    ----------
    recipe : Recipe
        Of task and metric.
    t : ndarray
        Classes (rows,), or numbers (rows, targets).
    P : ndarray (rows, outputs)
        Probabilities, or numbers.
    w : ndarray (rows,), optional
        Weights of the rows.
    """
    if recipe.task == "numbers":
        return _of_numbers(recipe, t, P, w)
    bad = log_loss(t, P, w)
    if recipe.metric != "auc":
        return bad
    area = auc(t, P, w)
    return 1 - (0.5 if math.isnan(area) else area) + TIE * bad


def log_loss(t: Array, P: Array, w: Array | None) -> float:
    """Return the mean of −log p of the right class.

    Examples
    --------
    >>> round(log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.0, 1.0]]), None), 3)
    0.347
    """
    return float(np.average(_surprise(t, P), weights=w))


def of_each(recipe: Recipe, t: Array, P: Array) -> Array:
    """Return how bad the prediction for each row is: what the metric is a function of the mean of.

    That is the log loss of classes whatever the metric, and the squared error for the metric rmse.
    """
    if recipe.task == "classes":
        return _surprise(t, P)
    if recipe.metric == "rmse":
        return np.asarray(np.mean((P - t) ** 2, axis=1))
    if recipe.metric == "mae":
        return np.asarray(np.mean(np.abs(P - t), axis=1))
    q = np.tile(recipe.quantiles, t.shape[1])
    e = np.repeat(t, len(recipe.quantiles), axis=1) - P
    return np.asarray(np.mean(np.maximum(q * e, (q - 1) * e), axis=1))


def _surprise(t: Array, P: Array) -> Array:
    return np.asarray(-np.log(np.maximum(P[np.arange(len(t)), t], LEAST)))


def _of_numbers(recipe: Recipe, t: Array, P: Array, w: Array | None) -> float:
    mean = float(np.average(of_each(recipe, t, P), weights=w))
    return math.sqrt(mean) if recipe.metric == "rmse" else mean


def auc(t: Array, P: Array, w: Array | None) -> float:
    """Return the area under the ROC curve, of several classes the mean of each against the rest.

    Classes that do not occur, or alone, count for nothing; NaN if there is no other.

    Examples
    --------
    >>> t, P = np.array([0, 1, 1]), np.array([[0.8, 0.2], [0.4, 0.6], [0.9, 0.1]])
    >>> auc(t, P, None), auc(t[:1], P[:1], None)
    (0.5, nan)
    """
    labels = range(P.shape[1]) if P.shape[1] > 2 else (1,)
    areas = [_area(t == label, P[:, label], w) for label in labels]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else math.nan


def _area(yes: Array, score: Array, w: Array | None) -> float | None:
    """Return the share of pairs of a yes and a no that are in order, ties as half."""
    weight = np.ones(len(yes)) if w is None else w
    _, rank = np.unique(score, return_inverse=True)
    up = np.bincount(rank, weights=weight * yes)
    down = np.bincount(rank, weights=weight * ~yes)
    pairs = up.sum() * down.sum()
    if pairs == 0:
        return None
    below = np.cumsum(down) - 0.5 * down
    return float((up * below).sum() / pairs)
