"""Tables with named columns (pandas, polars, Arrow) as arrays of numbers, whatever their kinds."""

from __future__ import annotations

import datetime
import reprlib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data.reading import of_numpy, read, refuse_masked, uneven

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# What a NumPy type holds that is no number, by its kind.
KINDS = {"V": "records", "O": "objects", "c": "complex numbers"} | dict.fromkeys("UST", "text")
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
    each = _pairs(data)
    if each is None:
        return None
    named: dict[str, Any] = {}
    for i, (name, column) in enumerate(each):
        named[repr(name) if repr(name) not in named else f"{name!r} (number {i})"] = column
    return named


def is_table(data: Any) -> bool:
    """Tell a table of pandas, polars or Arrow, without a look at its columns.

    Examples
    --------
    >>> import pandas as pd
    >>> is_table(pd.DataFrame({"a": [1]})), is_table({"a": [1]}), is_table(np.ones((2, 2)))
    (True, False, False)
    """
    return _pairs(data) is not None


def _pairs(data: Any) -> Iterable[tuple[Any, Any]] | None:
    """Return names and columns of a table; None if it is none."""
    if hasattr(data, "iloc") and hasattr(data, "columns"):  # pandas
        pairs: Iterable[tuple[Any, Any]] = data.items()  # also if a name comes twice
        return pairs
    if hasattr(data, "get_columns"):  # polars
        return ((column.name, column) for column in data.get_columns())
    if hasattr(data, "column_names") and hasattr(data, "itercolumns"):  # Arrow
        return zip(data.column_names, data.itercolumns(), strict=True)
    return None


@dataclass(frozen=True, eq=False)
class Table:
    """The columns of a table by name, as whoever made it holds them.

    Attributes
    ----------
    columns : dict
    rows : int
    named : bool
        Whether the table names its columns; else they are x0, x1 and so on.
    texts : bool
        Whether all names are texts; pandas numbers the columns of a frame made of a matrix, and so
        may a dict.
    decimal : {".", ","} or None
        The decimal sign of numbers among its texts, where whoever read them knows it.
    """

    columns: dict[str, Any]
    rows: int
    named: bool
    texts: bool = True
    decimal: str | None = None


@dataclass(frozen=True, eq=False)
class Kept:
    """Some rows of a column, which know where they stood: errors name rows of the user's.

    Attributes
    ----------
    values
        The rows that were kept.
    whole
        The column they are of.
    rows : ndarray
        The number of each in it.

    Examples
    --------
    >>> np.asarray(Kept([3, 5], [2, 3, 5], np.array([1, 2])))
    array([3, 5])
    """

    values: Any
    whole: Any
    rows: Array

    def __len__(self) -> int:
        return len(self.rows)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self.values, dtype=dtype)


def named(data: Any, name: str = "X") -> Table:
    """Read any table: of pandas, polars or Arrow, a dict of columns, a matrix, a list of rows.

    Raises
    ------
    TypeError, ValueError
        If it is no table, two columns have one name, or they differ in length.

    Examples
    --------
    >>> list(named([[1, "a"], [2, "b"]]).columns)
    ['x0', 'x1']
    >>> named({"size": [1, 2, 3]}).rows
    3
    """
    if isinstance(data, Table):
        return data
    if hasattr(type(data), "toarray") and hasattr(type(data), "nnz"):
        raise TypeError(
            f"{name} is a sparse matrix ({type(data).__name__}); expected a table: {name}.toarray()"
        )
    data = _collected(data)
    pairs = _pairs(data)
    if pairs is None and hasattr(data, "__arrow_c_stream__") and hasattr(data, "columns"):
        import pyarrow

        pairs = _pairs(pyarrow.table(data))
    if pairs is None:
        pairs = _pairs_of_rows(data, name)
    if pairs is None:
        each = _unnamed(data, name)
        return Table({f"x{i}": column for i, column in enumerate(each)}, len(each[0]), named=False)
    columns: dict[str, Any] = {}
    for key, column in pairs:
        if str(key) in columns:
            raise ValueError(f"{name} has two columns {str(key)!r}; rename or drop one of them")
        no_column = isinstance(column, (str, bytes, Mapping, Set)) or not hasattr(column, "__len__")
        if no_column or getattr(column, "ndim", 1) == 0:
            shown = reprlib.repr(column)
            many = isinstance(column, Iterable) and not isinstance(column, (str, bytes, np.ndarray))
            hint = f"use list({name}[{key!r}])" if many else f"for one row use a list: [{shown}]"
            if isinstance(column, Mapping):
                hint = f"use list({name}[{key!r}].values())"
            raise ValueError(f"{name}[{key!r}] must be a column, got the value {shown}; {hint}")
        columns[str(key)] = column
    lengths = {key: len(column) for key, column in columns.items()}
    for key, length in lengths.items():
        if length != (rows := next(iter(lengths.values()))):
            raise ValueError(
                f"{name} must have columns of one length: {next(iter(lengths))!r} has {rows} rows, "
                f"{key!r} has {length}"
            )
    labels = data.columns if hasattr(data, "iloc") else data if isinstance(data, Mapping) else ()
    texts = all(isinstance(label, str) for label in labels)
    return Table(columns, next(iter(lengths.values()), 0), named=True, texts=texts)


def _collected(data: Any) -> Any:
    """Return a lazy frame of polars as a frame, anything else as it is."""
    is_lazy = hasattr(data, "collect_schema") and hasattr(data, "collect")
    return data.collect() if is_lazy else data


def fields(data: Any) -> tuple[str, ...]:
    """Return the names of an array's fields; of what has none, nothing.

    Examples
    --------
    >>> fields(np.zeros(3, [("a", "f8")])), fields(np.zeros(3)), fields([1, 2])
    (('a',), (), ())
    """
    return (data.dtype.names or ()) if isinstance(data, np.ndarray) else ()


def targets(data: Any, name: str) -> Any:
    """Return targets as they are, but a dict of columns as records, and a lazy frame as a frame.

    Examples
    --------
    >>> fields(targets({"u": [1, 2]}, "y")), targets([1, 2], "y")
    (('u',), [1, 2])
    """
    return as_records(data, name) if isinstance(data, Mapping) else _collected(data)


def as_records(data: Mapping[str, Any], name: str) -> Array:
    """Return a dict of columns as an array of rows that has their names.

    Raises
    ------
    ValueError
        If they differ in length, or one has more axes than one.

    Examples
    --------
    >>> as_records({"u": [1, 2], "v": [0.5, 1.5]}, "y")["v"]
    array([0.5, 1.5])
    """
    table = named(data, name)
    columns = {key: np.asarray(column) for key, column in table.columns.items()}
    for key, column in columns.items():
        if column.ndim != 1:
            raise ValueError(f"{name}[{key!r}] must be a column, got shape {column.shape}")
    records = np.empty(table.rows, [(key, column.dtype) for key, column in columns.items()])
    for key, column in columns.items():
        records[key] = column
    return records


def _pairs_of_rows(data: Any, name: str) -> Iterable[tuple[Any, Any]] | None:
    """Return names and columns of a dict of columns, and of rows that have names."""
    if isinstance(data, Mapping):
        return data.items()
    if names := fields(data):
        return ((field, data[field]) for field in names)
    if isinstance(data, (list, tuple)) and data:
        if all(isinstance(row, Mapping) for row in data):
            keys = dict.fromkeys(key for row in data for key in row)
            return ((key, [row.get(key) for row in data]) for key in keys)
        if parts := getattr(data[0], "_fields", None):  # named tuples
            _check_lengths(data, name)
            return zip(parts, map(list, zip(*data, strict=True)), strict=True)
    return None


def _unnamed(data: Any, name: str) -> list[Any]:
    """Return the columns of a matrix or of a list of rows, each of a kind of its own."""
    is_rows = isinstance(data, (list, tuple)) and len(data) > 0
    if is_rows and all(isinstance(row, (list, tuple)) for row in data):
        _check_lengths(data, name)
        columns = [list(column) for column in zip(*data, strict=True)]
        if not columns:
            raise ValueError(f"{name} has no columns; expected at least one")
        return columns
    matrix = data if isinstance(data, np.ma.MaskedArray) else read(data, name)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        hint = f"; for one row use {name}.reshape(1, -1)" if matrix.ndim == 1 else ""
        raise ValueError(f"{name} must have shape (rows, columns), got shape {matrix.shape}{hint}")
    return [matrix[:, i] for i in range(matrix.shape[1])]


def _check_lengths(rows: Sequence[Any], name: str) -> None:
    if wrong := uneven(rows):
        raise ValueError(f"{name} must have {wrong}")


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
        # A kind of array of its own, as np.matrix, computes otherwise.
        return of_numpy(np.asarray(data))
    is_series = getattr(data, "ndim", 0) == 1 and hasattr(data, "to_numpy")
    result = read(data, name)
    if is_series and result.dtype.kind == "O":
        return _numbers(result, name, f" (type {type(data).__name__})")
    if hasattr(data, "iloc") and result.dtype.kind in "iufb":
        return result
    table = columns(data)
    if table is None:
        return result
    kind = type(data).__name__
    parts = [
        _numbers(read(column, name), name, f" in column {key} (type {kind})")
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
    refuse_masked(data, name)
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
            values = read(part, name)
        except ValueError:
            return  # rows of different lengths: whoever reads them says so
        if holds_dates(values) or values.dtype.kind == "V":
            raise TypeError(_told(values, name, where))
