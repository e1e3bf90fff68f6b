"""The rows that a fit has held out: what they say of the networks, and of each column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config
from fastmlp.estimators.tabular import judging
from fastmlp.estimators.tabular.network import inputs_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.fitted import Fitted

    Array = NDArray[Any]

# How many rows to permute at most, and how often.
MOST_ROWS, REPEATS = 1000, 3


@dataclass(frozen=True)
class Judge:
    """A metric in the targets' own units.

    Attributes
    ----------
    metric : str
    quantiles : tuple of float
    decode : function of an array
        From what the networks put out to predictions.
    """

    metric: str
    quantiles: tuple[float, ...]
    decode: Callable[[Array], Array]

    def __call__(self, t: Array, y: Array, weights: Array | None) -> float:
        """Return the metric of what the networks put out."""
        return judging.score(self.metric, t, self.decode(y), weights, self.quantiles)


@dataclass(frozen=True)
class HeldOut:
    """Rows, each with what networks that were not trained on it say.

    Attributes
    ----------
    X : ndarray of float32, shape (rows, features)
    t : ndarray
        Targets in their units, or numbers of classes.
    y, unchosen : ndarray of shape (rows, outputs)
        What the networks put out; and at epochs that the rows did not choose, NaN where there is
        nothing.
    weights : ndarray of shape (rows,) or None
    fitted : Fitted
    folds : ndarray of shape (rows,) or None
        Which fold each row is in; None if no network was trained on any.
    """

    X: Array
    t: Array
    y: Array
    unchosen: Array
    weights: Array | None
    fitted: Fitted
    folds: Array | None

    def __len__(self) -> int:
        return len(self.X)

    def at(self, rows: Array) -> HeldOut:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        folds = None if self.folds is None else self.folds[rows]
        X, t, y, unchosen = (part[rows] for part in (self.X, self.t, self.y, self.unchosen))
        return HeldOut(X, t, y, unchosen, weights, self.fitted, folds)

    @property
    def known(self) -> Array:
        """The numbers of the rows of which something is said at epochs that they did not choose."""
        return np.flatnonzero(np.isfinite(self.unchosen).all(axis=1))

    def some(self, most: int, seed: int) -> HeldOut:
        """Return at most so many of the rows, by chance."""
        if len(self) <= most:
            return self
        chosen = np.random.default_rng(seed).choice(len(self), most, replace=False)
        return self.at(np.sort(chosen))

    def predict(self, X: Array, n_threads: int | None = None) -> Array:
        """Return what the networks put out for other features of these rows."""
        if self.folds is None:
            return self.fitted.predict(X, n_threads=n_threads)
        with config.own_threads(n_threads):
            return self.fitted.by_others(inputs_of(X, self.fitted.layout), self.folds)


def permuted(
    rows: HeldOut,
    columns: Sequence[Sequence[int]],
    judge: Judge,
    seed: int,
    repeats: int = REPEATS,
    n_threads: int | None = None,
) -> Array:
    """Return how much worse the metric is when a column is permuted: (columns, repeats).

    Permutation importance (Breiman, Machine Learning 45, 2001; Fisher, Rudin and Dominici, JMLR 20,
    2019): what a model gets from a column is lost when the rows exchange its values.

    Parameters
    ----------
    rows : HeldOut
    columns : sequence of sequences of int
        The features of each column; one without any has importance 0.
    judge : Judge
    seed : int
    repeats : int
    n_threads : int, optional
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(len(rows)) for _ in range(repeats)]
    # Of rows that networks were trained on, y is said at other epochs than those that are asked.
    y = rows.y if rows.folds is None else rows.predict(rows.X, n_threads)
    before = judge(rows.t, y, rows.weights)
    found = np.zeros((len(columns), repeats))
    sign = 1 if judge.metric in judging.RISING else -1
    for c, features in enumerate(map(list, columns)):
        for r, order in enumerate(orders if features else ()):
            X = rows.X.copy()
            X[:, features] = X[order][:, features]
            after = judge(rows.t, rows.predict(X, n_threads), rows.weights)
            found[c, r] = sign * (before - after)
    return found
