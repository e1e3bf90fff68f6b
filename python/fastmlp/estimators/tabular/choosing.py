"""Which columns tell of a target by themselves, where there are many columns of few rows.

A network of few rows takes the noise of some columns for a truth, however small it is told to keep
them; trees look at some columns only. So a kind of network reads what is left by a test of each.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.splits import Rows

    Array = NDArray[Any]


def telling(rows: Rows, numbers: int, flags: int, share: float, *, classes: bool) -> Array:
    """Return which numbers and flags tell of the targets.

    The F-test of a column says how probable it would be by chance that classes differ so much in
    their means, or that a target goes along with it so well. Columns are taken as long as no more
    than a share of them is expected to be there by chance (Benjamini and Hochberg, "Controlling the
    false discovery rate", Journal of the Royal Statistical Society B 57, 1995), one at least. The
    weights of rows do not count.

    Parameters
    ----------
    rows : Rows
        Those that a network learns from.
    numbers, flags : int
        Columns of the layout, which the inputs begin with.
    share : float
        Of false discoveries.
    classes : bool
        Whether targets are classes.

    Returns
    -------
    ndarray of bool (numbers + flags,)
    """
    from sklearn.feature_selection import f_classif, f_regression

    count = numbers + flags
    if count == 0:
        return np.ones(0, bool)
    X = np.concatenate(rows.inputs, axis=1)[:, :count].astype(np.float64)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of columns that are constant in these rows
        if classes:
            p = f_classif(X, rows.t)[1]
        else:
            targets = rows.t.shape[1]
            p = targets * np.min([f_regression(X, t)[1] for t in rows.t.T], axis=0)
    p = np.where(np.isfinite(p), p, 1.0)
    order = np.argsort(p, kind="stable")
    below = np.flatnonzero(p[order] <= share * np.arange(1, count + 1) / count)
    found = np.zeros(count, bool)
    found[order[: below[-1] + 1 if len(below) else 1]] = True
    return found
