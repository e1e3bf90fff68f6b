"""The weights of rows by their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import compute_class_weight

from fastmlp import _checks
from fastmlp.data.weights import balanced

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def of_rows(given: Any, y: Array, classes: Array, weight: Array | None) -> Array:
    """Return the weight of each row by its classes, whether all classes are in y or not.

    Parameters
    ----------
    given : dict, list of dict or "balanced"
        The argument `class_weight`.
    y : ndarray of shape (rows,) or (rows, labels)
        Classes, or zeros and ones for several labels, whose weights are multiplied.
    classes : ndarray
        All classes there are, if y has one for each row.
    weight : ndarray or None
        Weights of the rows (rows,): "balanced" counts a row of weight 2 as two rows.

    Raises
    ------
    TypeError, ValueError
        If the dicts are not as many as the labels, not for classes, or hold other than finite
        numbers of at least 0.
    """
    if y.ndim == 1:
        columns, of_columns = [y], [given]
    else:
        if isinstance(given, dict):
            raise ValueError(
                "For multi-output, class_weight should be a list of dicts, or the string "
                "'balanced'."
            )
        columns, classes = list(y.T), np.arange(2)
        of_columns = given if isinstance(given, list) else [given] * len(columns)
        if len(of_columns) != len(columns):
            raise ValueError(f"class_weight has {len(given)} dicts, y has {len(columns)} columns")
    result = np.ones(len(y))
    for one, column in zip(of_columns, columns, strict=True):
        if _checks.says(one, "balanced"):
            result *= balanced(column, weight)
        else:
            if one is not None and not isinstance(one, dict):
                raise TypeError(f"class_weight must hold a dict for each column, got {one!r}")
            for label, number in (one or {}).items():
                _checks.real(number, f"class_weight[{label!r}]", at_least=0)
            by_class = compute_class_weight(one, classes=classes, y=column)
            result *= by_class[np.searchsorted(classes, column)]
    return result


def weighted(given: Any, y: Array, classes: Array, weight: Array | None) -> Array:
    """Return weights of rows times those of `of_rows`; ValueError if nothing would count."""
    by_class = of_rows(given, y, classes, weight)
    result: Array = by_class if weight is None else by_class * weight
    if not result.any():
        raise ValueError("class_weight leaves weight 0 for every row: nothing would count")
    return result
