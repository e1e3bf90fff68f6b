"""Whether networks say more of a target than a constant does, or were lucky.

Rows that an epoch was chosen by speak too well of it: of many epochs of noise one is better than
the mean. Therefore each half of the rows that a network holds out is also asked about the epoch
that is best for all other rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.estimators.tabular.measures import of_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.recipe import Recipe

    Array = NDArray[Any]

#: By how many standard errors the networks must be better than a constant; docs/tables_recipe.md
#: has how many tables of noise are.
ENOUGH = 1.0
#: Fewer rows than these say nothing against networks.
FEWEST_ROWS = 8
#: Numbers that are kept of each epoch of a network.
MOST_NUMBERS = 10_000


class Record:
    """What a network said, epoch after epoch, of rows that it is judged by.

    Parameters
    ----------
    rows, outputs : int
        How many rows there are, and numbers it says of each.

    Attributes
    ----------
    rows : ndarray of int
        Which are kept, in an order by chance.
    epochs : list of ndarray (rows kept, outputs), float32
    """

    def __init__(self, rows: int, outputs: int) -> None:
        order = np.random.default_rng(0).permutation(rows)
        self.rows: NDArray[np.int64] = order[: max(2, MOST_NUMBERS // outputs)]
        self.epochs: list[Array] = []

    def take(self, P: Array) -> None:
        """Keep what is said after an epoch."""
        self.epochs.append(P[self.rows].astype(np.float32))


def unchosen(
    recipe: Recipe,
    t: Array,
    w: Array | None,
    records: Sequence[Record],
    folds: Sequence[int],
    where: Mapping[int, NDArray[np.int64]],
) -> Array:
    """Return what networks of one design say of rows at epochs that these rows did not choose.

    Parameters
    ----------
    recipe : Recipe
        Of task and metric.
    t, w : ndarray
        Targets of all rows, and their weights or None.
    records : sequence of Record
        Of each network.
    folds : sequence of int
        Which fold each network is judged by.
    where : mapping of int to ndarray of int
        The rows of each fold.

    Returns
    -------
    ndarray (rows, outputs)
        The mean of the networks that speak of a row, NaN where none does.
    """
    outputs, longest = records[0].epochs[0].shape[1], max(len(each.epochs) for each in records)
    parts = [
        (record, fold, half, where[fold][record.rows[half::2]])
        for record, fold in zip(records, folds, strict=True)
        for half in (0, 1)
    ]
    sums: dict[tuple[int, int], Array] = {}
    for record, fold, half, rows in parts:
        count = len(record.epochs)
        said = np.stack([P[half::2] for P in record.epochs]).astype(np.float64)
        each = of_each(recipe, np.concatenate([t[rows]] * count), said.reshape(-1, outputs))
        bad = each.reshape(count, -1) @ (np.ones(len(rows)) if w is None else w[rows])
        bad = np.concatenate([bad, np.repeat(bad[-1:], longest - count)])
        sums[fold, half] = sums.get((fold, half), 0.0) + bad
    total = np.sum(list(sums.values()), axis=0)
    found, speakers = np.zeros((len(t), outputs)), np.zeros((len(t), 1))
    for record, fold, half, rows in parts:
        best = int((total - sums[fold, half])[: len(record.epochs)].argmin())
        found[rows] += record.epochs[best][half::2]
        speakers[rows] += 1
    with np.errstate(invalid="ignore"):
        return np.asarray(found / speakers)


def evidence(recipe: Recipe, t: Array, P: Array, constant: Array, w: Array | None) -> float:
    """Return by how many standard errors predictions are better than a constant.

    The rows are pairs: what counts is the mean of the differences of their losses. The loss of
    classes is the squared error of the probabilities (Brier, "Verification of forecasts expressed
    in terms of probability", Monthly Weather Review 78, 1950), as the logarithm of one row that is
    wrong and sure may be larger than all others; of numbers it is that of the metric.

    Parameters
    ----------
    recipe : Recipe
        Of task and metric.
    t : ndarray
        Classes (rows,), or numbers (rows, targets).
    P : ndarray (rows, outputs)
        Rows of NaN do not count.
    constant : ndarray (1, outputs)
        What is said without a model.
    w : ndarray (rows,) or None
        Weights of the rows.

    Returns
    -------
    float
        NaN if there are too few rows to tell.

    Examples
    --------
    >>> from fastmlp.estimators.tabular.recipe import choose
    >>> recipe = choose(1000, "numbers", metric="rmse")
    >>> t = np.linspace(-1, 1, 100)[:, None]
    >>> evidence(recipe, t, 0.9 * t, np.zeros((1, 1)), None) > ENOUGH
    True
    >>> evidence(recipe, t, -0.1 * t, np.zeros((1, 1)), None) > ENOUGH
    False
    """
    known = np.isfinite(P).all(axis=1)
    if known.sum() < FEWEST_ROWS:
        return math.nan
    t, P = t[known], P[known]
    better = _losses(recipe, t, np.broadcast_to(constant, P.shape)) - _losses(recipe, t, P)
    share = np.ones(len(better)) if w is None else np.asarray(w[known], np.float64)
    share = share / share.sum()
    mean = float(share @ better)
    error = math.sqrt(float(share**2 @ (better - mean) ** 2))
    if error == 0:
        return math.copysign(math.inf, mean) if mean else 0.0
    return mean / error


def _losses(recipe: Recipe, t: Array, P: Array) -> Array:
    if recipe.task == "numbers":
        return of_each(recipe, t, P)
    right = np.zeros(P.shape)
    right[np.arange(len(t)), t] = 1.0
    return np.asarray(((P - right) ** 2).sum(axis=1))
