"""Tables and targets as `fit` gets them, checked in scikit-learn's words where it has some."""

from __future__ import annotations

from dataclasses import dataclass, replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils import _safe_indexing, check_array, check_consistent_length

from fastmlp.data import frames
from fastmlp.data.columns.words import Strange, place
from fastmlp.estimators.checking import checked_weight, naming
from fastmlp.training import warned

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fastmlp.data.table import Preprocessing

    Array = NDArray[Any]


@dataclass(frozen=True)
class Rows:
    """Rows of a table with their targets, checked; those of weight 0 are left out.

    Attributes
    ----------
    table : frames.Table
    has_names : bool
        Whether the columns' names are texts of the user's.
    y
        Targets as the user gave them.
    target : str
        What they are called: the name of their column, or of the argument.
    weights : ndarray of shape (rows,) or None
    """

    table: frames.Table
    has_names: bool
    y: Any
    target: str
    weights: Array | None


def read(X: Any, name: str = "X") -> tuple[frames.Table, bool]:
    """Return the columns of any table, and whether their names are texts of the user's.

    Names that are no texts, as those that pandas gives to a frame made of a matrix, are none.

    Parameters
    ----------
    X
        A table of pandas, polars or pyarrow, a mapping of names to columns, an array, or rows in a
        list.
    name : str
        Of the argument, for errors.

    Raises
    ------
    TypeError, ValueError
        If it is no table, or there are no columns or rows.

    Examples
    --------
    >>> table, has_names = read({"size": [1.0, 2.5], "kind": ["a", "b"]})
    >>> list(table.columns), table.rows, has_names
    (['size', 'kind'], 2, True)
    >>> list(read([[1, "a"], [2, "b"]])[0].columns)
    ['x0', 'x1']
    """
    if isinstance(X, (str, PathLike)):
        raise TypeError(f"{name} must be a table, got {str(X)!r}: read a file with pandas.read_csv")
    if isinstance(X, np.ma.MaskedArray) and np.ma.is_masked(X):
        raise ValueError(f"{name} has masked values; make them NaN with {name}.filled(np.nan)")
    if hasattr(X, "__array__") and not (frames.fields(X) or frames.is_table(X)):
        with naming(name):
            X = check_array(X, dtype=None, ensure_all_finite=False)
    table = frames.named(X, name)
    if not table.columns:
        raise ValueError(f"{name} has no columns; expected at least one")
    if not table.rows:
        shape = (0, len(table.columns))
        raise ValueError(
            f"{name}: Found array with 0 sample(s) (shape={shape}) while a minimum of 1 is required"
        )
    return table, table.named and table.texts


def matched(
    table: frames.Table,
    has_names: bool,
    prepare: Preprocessing,
    had_names: bool,
    name: str,
    owner: str,
) -> frames.Table:
    """Return a table whose columns are found by name, or without names: by their position.

    Names that are no texts, as those of a frame made of a matrix, count if they are those of
    training.

    Parameters
    ----------
    table, has_names
        As of `read`.
    prepare : Preprocessing
        What was learned in training.
    had_names : bool
        As `has_names`, of the table of training.
    name, owner : str
        The argument and the estimator, for errors.

    Raises
    ------
    ValueError
        If columns go by position and are more or fewer; where names of one of the tables do not
        count there is a warning, as scikit-learn gives it.
    """
    by_name = table.named and prepare.named
    if (has_names and had_names) or (by_name and set(prepare.names) <= set(table.columns)):
        return table
    if len(table.columns) != len(prepare.seen):
        raise ValueError(
            f"{name} has {len(table.columns)} features, but {owner} is expecting "
            f"{len(prepare.seen)} features as input"
        )
    if has_names != had_names:
        has = "has feature names" if has_names else "does not have valid feature names"
        was = "with" if had_names else "without"
        warned.warn(
            f"{name} {has}, but {owner} was fitted {was} feature names: columns are taken by "
            "their position",
            UserWarning,
        )
    elif by_name:
        return table  # both are numbered, but otherwise: it is said then what is missing
    return replace(table, named=False)


def warn_if_strange(text: str) -> None:
    """Warn of what columns tell, if it is hardly meant."""
    if isinstance(text, Strange):
        warned.warn(str(text), UserWarning)  # which remembers texts for ever


def rows_of(
    X: Any,
    y: Any,
    weight: Any,
    suffix: str,
    checks: Sequence[Callable[[Any, str], Any]],
    owner: str,
) -> Rows:
    """Check a table with its targets and weights.

    Parameters
    ----------
    X, y, weight
        As the user gave them; y may be the name of a column of X.
    suffix : str
        What follows X, y and sample_weight in the names of these arguments.
    checks : two functions of targets and their name
        Return them, or raise: the first is asked about all rows, the second about those of weight.
    owner : str
        The estimator, for errors.
    """
    target = y if isinstance(y, str) else f"y{suffix}"
    X, y = split(X, y, f"y{suffix}", owner)
    table, has_names = read(X, f"X{suffix}")
    check_targets, check_labels = checks
    y = check_targets(y, f"y{suffix}")
    check_consistent_length(np.empty(table.rows), y)
    weights, _ = weights_of(weight, table.rows, f"sample_weight{suffix}")
    if weights is None or weights.all():
        return Rows(table, has_names, check_labels(y, f"y{suffix}"), target, weights)
    columns = {key: counting(column, weights) for key, column in table.columns.items()}
    weighed = weights[weights > 0]
    table = replace(table, columns=columns, rows=len(weighed))
    y = check_labels(counting(y, weights), f"y{suffix}")
    return Rows(table, has_names, y, target, weighed)


def counting(column: Any, weights: Array | None) -> Any:
    """Return a column without the rows of weight 0; it knows where its rows stood.

    Examples
    --------
    >>> counting([3, 5, 7], np.array([1.0, 0.0, 1.0])).values
    [3, 7]
    """
    if weights is None or weights.all():
        return column
    kept = np.flatnonzero(weights)
    return frames.Kept(_safe_indexing(column, kept), column, kept)


def weights_of(weight: Any, rows: int, name: str) -> tuple[Array | None, int]:
    """Return the weights of so many rows, checked, in units of 2^e, and e.

    Examples
    --------
    >>> weights_of([1, 2], 2, "sample_weight")
    (array([1., 2.]), 0)
    """
    return checked_weight(weight, np.empty((rows, 1)), name, lambda row: place(weight, row))


def of_weight(weights: Array | None, *arrays: Any) -> tuple[Any, ...]:
    """Return weights and arrays without the rows of weight 0, which may lack a target.

    Examples
    --------
    >>> of_weight(np.array([1.0, 0.0]), [3, None])
    (array([1.]), [3])
    """
    if weights is None or weights.all() or not weights.any():
        return (weights, *arrays)
    check_consistent_length(weights, *arrays)
    kept = np.flatnonzero(weights)
    return (weights[kept], *(_safe_indexing(array, kept) for array in arrays))


def split(X: Any, y: Any, name: str, owner: str) -> tuple[Any, Any]:
    """Return a table and its targets; a text in their place is the name of a column in the table.

    Targets in a dict of columns become records.

    Raises
    ------
    TypeError
        If there is a name, but X has none.
    ValueError
        If there are no targets, masked ones, or no column of that name.

    Examples
    --------
    >>> X, y = split({"a": [1, 2], "cost": [3, 4]}, "cost", "y", "TabularRegressor")
    >>> list(X.columns), y
    (['a'], [3, 4])
    """
    if y is None:
        raise ValueError(
            f"{owner} requires {name} to be passed, but the target {name} is None; give the "
            "targets, or the name of their column in the table"
        )
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        raise ValueError(f"{name} has masked values; leave these rows out")
    if not isinstance(y, str):
        return X, frames.targets(y, name)
    table = frames.named(X)
    if not table.named:
        raise TypeError(
            f"{name}={y!r} is the name of a column, but the table has no names: give a data frame, "
            "or the targets themselves"
        )
    if y not in table.columns:
        known = list(table.columns)
        more = ", …" if len(known) > 20 else ""
        raise ValueError(
            f"{name}={y!r} is no column of the table, which has "
            f"{', '.join(map(repr, known[:20]))}{more}"
        )
    columns = {key: column for key, column in table.columns.items() if key != y}
    return replace(table, columns=columns), table.columns[y]


def validation(
    eval_set: Any, X: Any, y: Any, weight: Any, fraction: float | None
) -> tuple[Any, Any, Any] | None:
    """Return rows to validate on and their weights, from either way to give them; None if none.

    Examples
    --------
    >>> validation(([[1]], [2]), None, None, None, None)
    ([[1]], [2], None)
    """
    if eval_set is not None:
        if X is not None or y is not None:
            raise ValueError("give eval_set=(X, y), or X_val= and y_val=, not both")
        pairs = [eval_set] if isinstance(eval_set, tuple) else eval_set
        pair = pairs[0] if isinstance(pairs, list) and len(pairs) == 1 else None
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            many = f" of {len(eval_set)}" if isinstance(eval_set, (list, tuple)) else ""
            raise ValueError(
                "eval_set must be one pair (X, y) of rows to validate on, or a list of one pair, "
                f"got {type(eval_set).__name__}{many}"
            )
        X, y = pair
        if X is None or y is None:
            raise ValueError(
                f"eval_set must be a pair (X, y), got None for {'y' if X is not None else 'X'}"
            )
    if (X is None) != (y is None) or (X is None and weight is not None):
        raise ValueError("X_val and y_val go together, and sample_weight_val with them")
    if X is None:
        return None
    if fraction is not None:
        raise ValueError(
            "validation_fraction is the share of rows to hold out, but rows to validate on are "
            "given: leave one of them out"
        )
    return X, y, weight
