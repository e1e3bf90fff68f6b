"""What designs count beside each other, and how sure probabilities are, by held-out rows."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.estimators.tabular.measures import log_loss, of_each

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.recipe import Recipe

    Array = NDArray[Any]

#: Weights that are tried are multiples of a tenth; held-out rows beyond these are not looked at.
STEP, MOST_ROWS = 10, 20_000
#: Samples of the held-out rows whose best weights are averaged: no single row decides.
SAMPLES = 50
#: With fewer held-out rows than these all designs count alike: luck would decide.
FEW_ROWS = 20
#: How far from 1 a temperature is thought to be before rows are seen: the standard deviation of its
#: logarithm.
SPREAD = 0.3


def weights_of(recipe: Recipe, means: Sequence[Array], t: Array, w: Array | None) -> Array:
    """Return what the mean of each design counts, so that their sum is best on held-out rows.

    It is the mean of what is best for samples of the rows, drawn with replacement: one row far from
    all others, which would decide alone what is best for all rows, is in 63 % of these (Breiman,
    "Bagging predictors", Machine Learning 24, 1996).

    Parameters
    ----------
    recipe : Recipe
        Of task and metric; probabilities are weighed by their log loss whatever the metric, which
        has no steps.
    means : sequence of ndarray (rows, outputs)
        Of each design, for rows that it did not learn from.
    t, w : ndarray
        Their targets and weights.
    """
    count = len(means)
    if count == 1 or len(t) < FEW_ROWS:
        return np.full(count, 1 / count)
    every = math.ceil(len(t) / MOST_ROWS)
    means, t, w = [P[::every] for P in means], t[::every], None if w is None else w[::every]
    tried = [p for p in itertools.product(range(STEP + 1), repeat=count) if sum(p) == STEP]
    weights = np.array(tried) / STEP
    together = np.stack(means)
    bad = np.stack([of_each(recipe, t, np.tensordot(one, together, axes=1)) for one in weights])
    if w is not None:
        bad = bad * w
    rows = len(t)
    drawn = np.random.default_rng(0).multinomial(rows, np.full(rows, 1 / rows), size=SAMPLES)
    found: Array = weights[(drawn @ bad.T).argmin(axis=1)].mean(axis=0)
    return found


def tempered(P: Array, temperature: float) -> Array:
    """Return probabilities whose logarithms are divided by a temperature."""
    if temperature == 1:
        return P
    z = np.log(np.maximum(P, np.finfo(np.float64).tiny)) / temperature
    with np.errstate(under="ignore"):
        q = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(q / q.sum(axis=1, keepdims=True))


def temperature_of(t: Array, P: Array, w: Array | None) -> float:
    """Return the temperature with the least log loss, nearer to 1 the fewer rows there are.

    Guo, Pleiss, Sun, Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017).
    """
    from scipy.optimize import minimize_scalar

    def bad(logarithm: float) -> float:
        sure = log_loss(t, tempered(P, math.exp(logarithm)), w)
        return sure + 0.5 * (logarithm / SPREAD) ** 2 / len(t)

    found = minimize_scalar(bad, bounds=(math.log(0.25), math.log(4.0)), method="bounded")
    return math.exp(float(found.x))
