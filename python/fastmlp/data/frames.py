"""Tables with named columns (pandas, polars, Arrow) as arrays of numbers, whatever their kinds."""

from __future__ import annotations

import datetime
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Array = NDArray[Any]

# What a NumPy type holds that is no number, by its kind.
KINDS = {"V": "records", "O": "objects", "U": "text", "S": "text", "c": "complex numbers"}
DATES = (datetime.date, datetime.time, datetime.timedelta, np.datetime64, np.timedelta64)
DATES_ADVICE = (
    "dates become numbers by subtracting one and dividing by a unit, as in "
    "(dates - dates.min()) / np.timedelta64(1, 'D')"
)


def columns(data: Any) -> dict[str, Any] | None:
    """Return the columns of a table by name; None if it is no table.

    Examples
    --------
    >>> import pandas as pd
    >>> list(columns(pd.DataFrame({"a": [1], "b": [True]})))
    ["'a'", "'b'"]
    """
    each: Iterable[tuple[Any, Any]]
    if hasattr(data, "iloc") and hasattr(data, "columns"):  # pandas: names may come twice
        each = ((name, data.iloc[:, i]) for i, name in enumerate(data.columns))
    elif hasattr(data, "get_columns"):  # polars
        each = ((column.name, column) for column in data.get_columns())
    elif hasattr(data, "column_names") and hasattr(data, "itercolumns"):  # Arrow
        each = zip(data.column_names, data.itercolumns(), strict=True)
    else:
        return None
    named: dict[str, Any] = {}
    for i, (name, column) in enumerate(each):
        named[repr(name) if repr(name) not in named else f"{name!r} (number {i})"] = column
    return named


def as_array(data: Any, name: str) -> Array:
    """Return `data` as an array, the columns of a table as numbers of one type.

    Missing values become NaN. What is no table is what NumPy makes of it.

    Raises
    ------
    TypeError
        If a column holds dates, texts or other objects.

    Examples
    --------
    >>> import pandas as pd
    >>> as_array(pd.DataFrame({"a": [0.5, 1.5], "b": [True, None]}), "X")
    array([[0.5, 1. ],
           [1.5, nan]])
    """
    if isinstance(data, np.ndarray):
        return data
    is_series = getattr(data, "ndim", 0) == 1 and hasattr(data, "to_numpy")
    result = np.asarray(data)
    if is_series and result.dtype.kind == "O":
        return _numbers(result, name, f" (type {type(data).__name__})")
    if hasattr(data, "iloc") and result.dtype.kind in "iufb":
        return result
    table = columns(data)
    if table is None:
        return result
    kind = type(data).__name__
    parts = [
        _numbers(np.asarray(column), name, f" in column {key} (type {kind})")
        for key, column in table.items()
    ]
    if not parts:
        return result
    if len({part.dtype for part in parts}) == 1 and result.dtype == parts[0].dtype:
        return result
    return np.column_stack(parts)


def _numbers(values: Array, name: str, where: str) -> Array:
    """Return a column as numbers: objects may be numbers of Python, or missing."""
    if values.dtype.kind in "iufb":
        return values
    if values.dtype.kind == "O" and all(_is_number(value) for value in values):
        return np.array([np.nan if _is_missing(v) else float(v) for v in values])
    raise TypeError(_told(values, name, where))


def _is_missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType"  # pandas.NA


def _is_number(value: Any) -> bool:
    if isinstance(value, DATES):  # NumPy's durations count as integers elsewhere
        return False
    if isinstance(value, (Real, np.bool_)) or _is_missing(value):
        return True
    return type(value).__name__ == "Decimal"  # which is no Real, and its module is slow to load


def _told(values: Array, name: str, where: str = "") -> str:
    """Say what is there instead of numbers, and what to do about it."""
    held, advice = f"{KINDS.get(values.dtype.kind, 'values')} of dtype {values.dtype}", ""
    if holds_dates(values):
        held, advice = f"dates or durations of dtype {values.dtype}", f"; {DATES_ADVICE}"
    elif values.dtype.kind == "O":
        odd = next(value for value in values if not _is_number(value))
        held = f"{odd!r} ({type(odd).__name__})"
        advice = "; categories become columns of 0 and 1 with pandas.get_dummies"
    return f"{name} must hold numbers, got {held}{where}{advice}"


def holds_dates(values: Array) -> bool:
    """Tell dates, times and durations, also among objects.

    Examples
    --------
    >>> holds_dates(np.zeros(2, "M8[s]")), holds_dates(np.zeros(2))
    (True, False)
    """
    if values.dtype.kind == "O":
        return any(isinstance(v, DATES) or type(v).__name__ == "Period" for v in values.flat)
    return values.dtype.kind in "mM"


def refuse_dates(data: Any, name: str) -> None:
    """Raise if there are dates, records or masked values that NumPy would take for numbers.

    Raises
    ------
    TypeError
        For dates, times, durations and records, in any column of a table.
    ValueError
        For masked values.

    Examples
    --------
    >>> refuse_dates([[1, 2.5]], "X")
    """
    if isinstance(data, np.ma.MaskedArray) and np.ma.is_masked(data):
        raise ValueError(f"{name} has masked values; fill or drop them first")
    if hasattr(data, "nnz"):
        return
    if isinstance(getattr(data, "dtype", None), np.dtype) and data.dtype.kind in "biufc":
        return
    if hasattr(data, "iloc") and hasattr(data, "dtypes") and hasattr(data, "columns"):
        # Of a wide table of pandas only the columns that are no plain numbers are looked at.
        odd = [i for i, d in enumerate(data.dtypes) if getattr(d, "kind", "O") not in "biufc"]
        if not odd:
            return
        data = data.iloc[:, odd]
    table = columns(data)
    parts = {"": data} if table is None else {f" in column {key}": table[key] for key in table}
    for where, part in parts.items():
        try:
            values = np.asarray(part)
        except ValueError:
            return  # rows of different lengths: whoever reads them says so
        if holds_dates(values) or values.dtype.kind == "V":
            raise TypeError(_told(values, name, where))
