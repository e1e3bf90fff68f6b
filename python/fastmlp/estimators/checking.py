"""Checks of what estimators are given, around those of scikit-learn."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from sklearn.utils import check_array
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, validate_data

from fastmlp import _checks
from fastmlp.data import frames
from fastmlp.data.arrays import check_finite
from fastmlp.data.reading import read
from fastmlp.data.weights import check_not_negative, in_ordinary_unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

M = TypeVar("M", bound=Callable[..., Any])


def taught_if(condition: Callable[[Any], bool], instead: Mapping[str, str]) -> Callable[[M], M]:
    """Let a method be there under a condition, and say what to write for other keywords."""

    def decorate(method: M) -> M:
        return available_if(condition)(_checks.taught(instead)(method))  # type: ignore[no-any-return]

    return decorate


def is_plain(X: Any, estimator: Any, *, reset: bool = False) -> bool:
    """Whether checks of X find nothing, which takes them ten times as long to tell.

    Of an estimator that knows its columns by their number alone, or with `reset` forgets them.
    """
    return (
        type(X) is np.ndarray
        and X.ndim == 2
        and 0 not in X.shape
        and X.dtype in (np.float64, np.float32)
        and (reset or X.shape[1] == getattr(estimator, "n_features_in_", None))
        and (reset or not hasattr(estimator, "feature_names_in_"))
        and bool(np.isfinite(X).all())
    )


def are_plain(y: Any, X: Array, *, numbers: bool) -> bool:
    """Likewise for targets, one for each row of X: whole labels, or any `numbers`."""
    if type(y) is not np.ndarray or y.shape != (len(X),):
        return False
    real = numbers and y.dtype in (np.float64, np.float32)
    return y.dtype.kind in "iu" or (real and bool(np.isfinite(y).all()))


def check_numbers(estimator: Any) -> None:
    """Raise for what scikit-learn takes for numbers and fails to compare.

    That are times, and integers that no float holds where a parameter is a real number.
    """
    for name, kinds in estimator._parameter_constraints.items():
        value = getattr(estimator, name)
        wanted = {kind.type for kind in kinds if isinstance(kind, Interval)}
        if wanted and isinstance(value, np.timedelta64):
            raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
        if Real in wanted and isinstance(value, Integral):
            _checks.real(int(value), name)


@contextmanager
def advising(estimator: Any) -> Iterator[None]:
    """Let scikit-learn's checks of parameters say which word may have been meant."""
    try:
        yield
    except InvalidParameterError as error:
        said = str(error)
        found = re.match(r"The '(\w+)' parameter", said)
        name = found[1] if found else ""
        value = getattr(estimator, name, None)
        kinds = estimator._parameter_constraints.get(name, ())
        words = sorted(w for kind in kinds if isinstance(kind, StrOptions) for w in kind.options)
        advice = _checks.hint(value, words) if isinstance(value, str) else ""
        if name == "learning_rate" and not isinstance(value, bool) and isinstance(value, Real):
            advice = f"; write learning_rate_init={value!r}"
        if not advice:
            raise
        raise InvalidParameterError(f"{said.removesuffix('.')}{advice}") from None


def check_range(values: Any, name: str, dtype: np.dtype[Any]) -> None:
    """Raise ValueError for numbers of a larger type that are infinite in what is computed in."""
    if values.dtype.itemsize > dtype.itemsize:
        check_finite(values.data if hasattr(values, "nnz") else values, name, dtype)


@contextmanager
def as_before_unless_right(estimator: Any) -> Iterator[None]:
    """Forget what was set if an argument is wrong, or Ctrl-C comes, before the block ends."""
    before = dict(vars(estimator))
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


@contextmanager
def naming(
    *names: str, first_wrong: Callable[[], bool] = lambda: True, rows: str = ""
) -> Iterator[None]:
    """Let scikit-learn's checks say which argument they mean, where their own words do not.

    That is the first of the names, unless `first_wrong` denies it. Numbers of rows that differ are
    a matter of two arguments: `rows` names them, without it the words stay. A number too large for
    any float is a ValueError.
    """
    try:
        with np.errstate(invalid="ignore"):  # ∞ − ∞, where sums are looked at
            yield
    except (TypeError, ValueError, OverflowError) as error:
        kind = ValueError if isinstance(error, OverflowError) else type(error)
        said = str(error)
        differ = "numbers of samples" in said
        known = any(re.search(rf"\b{name}\b", said) for name in names) or (differ and not rows)
        if kind not in (TypeError, ValueError) or (known and kind is type(error)):
            raise
        name = rows if differ and rows else names[0] if first_wrong() else names[-1]
        raise kind(f"{name}: {said}") from error


def is_unreadable(X: Any, fitted: Any = None) -> bool:
    """Whether scikit-learn refuses X alone, or as the columns of a `fitted` estimator."""
    how: Any = {"accept_sparse": ["csr", "csc"], "dtype": (np.float64, np.float32)}
    try:
        if fitted is None:
            check_array(X, **how)
        else:
            validate_data(fitted, X, reset=False, **how)
    except (TypeError, ValueError, OverflowError):
        return True
    return False


def checked_weight(
    weight: Any,
    X: Any,
    name: str = "sample_weight",
    place: Callable[[int], str] = "row {}".format,
) -> tuple[Array | None, int]:
    """Return the weights of the rows of X, or None, in units of 2^e, and e.

    One below zero is an error, and so is zero for all of them; `place` names a row by its index.
    """
    if weight is None:
        return None, 0
    if isinstance(weight, str):
        raise TypeError(
            f"{name} must be a number for each row, got the text {weight!r}: give the column "
            f"itself, {name}=table[{weight!r}], and leave it out of X"
        )
    frames.refuse_dates(weight, name)
    with naming(name):
        given = read(weight, name)
        if given.dtype.kind == "c":
            raise TypeError(f"{name} must hold real numbers, got {given.dtype}")
        if given.dtype.kind in "biuf" and given.size and not given.any():
            raise ValueError(f"{name} is zero for every row: nothing would count")
        checked = _check_sample_weight(weight, X)
        # who gives all rows one number is not asked there
        check_finite(checked, name, np.float64, place)
        check_not_negative(checked, name, place)
        return in_ordinary_unit(checked, np.float64)
