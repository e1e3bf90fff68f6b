"""Columns of pandas, polars, Arrow, NumPy and Python, read into arrays of few kinds.

No library is imported here: who has a column of one has loaded it.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from fastmlp.data.reading import of_numpy
from fastmlp.data.texts import EXACT, Array

_TIMES = (np.datetime64, np.timedelta64)
_NOTHING = ("NoneType", "NAType", "NaTType")


@dataclass(frozen=True, eq=False)
class Coded:
    """Values as places in a list of different ones, -1 where missing."""

    codes: Array
    values: Sequence[Any]
    declared: bool = False  # the table says itself that these are categories


@dataclass(frozen=True, eq=False)
class Mixed:
    """Numbers of several types of Python whose texts tell apart what float64 does not."""

    numbers: Array
    texts: Coded


def plain(column: Any) -> Array | Coded | Mixed:
    """Return numbers, bool, datetime64 without a zone, timedelta64, or coded values.

    A time of day is the timedelta64 since midnight. True among numbers is 1, with a text of its
    own: beside a text it would be "True", and what a row says may not depend on others.

    Raises
    ------
    TypeError
        If it holds something else: complex numbers, records.
    """
    package = type(column).__module__.partition(".")[0]
    found: Any = _READERS.get(package, _of_anything)(column)
    if isinstance(found, Coded):
        return found
    if isinstance(found, np.ma.MaskedArray) and np.ma.is_masked(found):
        found = found.tolist()  # None where masked
    if isinstance(found, np.ndarray):
        found = of_numpy(found)
        if found.ndim == 2 and found.shape[1] == 1:
            found = found[:, 0]
        if found.ndim != 1:
            raise TypeError(f"an array of shape {found.shape}")
        kind = found.dtype.kind
        if kind in "iufbMm":
            return np.asarray(found)
        if kind not in "OUST":
            raise TypeError(f"values of type {found.dtype}")
        found = found.tolist()
    return _of_objects(found)


def zone_of(column: Any) -> str:
    """Return the time zone of a column of pandas, polars or Arrow, "" if it has none with a name.

    Examples
    --------
    >>> import pandas as pd
    >>> zone_of(pd.to_datetime(["2026-01-31"]).tz_localize("Asia/Tokyo")), zone_of([1])
    ('Asia/Tokyo', '')
    """
    dtype = getattr(column, "dtype", getattr(column, "type", None))
    dtype = getattr(dtype, "pyarrow_dtype", dtype)
    zone = getattr(dtype, "tz", None) or getattr(dtype, "time_zone", None)
    if isinstance(zone, datetime.timezone):
        return str(zone)
    # Of objects of Python those have names that other computers know, too.
    name = getattr(zone, "key", None) or getattr(zone, "zone", None) or zone
    return name if isinstance(name, str) else ""


def in_zone(column: Any, zone: str) -> Any:
    """Return a column that has a time zone in another one: the same moments by another clock.

    Raises
    ------
    ValueError
        If its library does not know the zone.

    Examples
    --------
    >>> import pandas as pd
    >>> noon = pd.Series(pd.to_datetime(["2026-01-31 12:00"])).dt.tz_localize("UTC")
    >>> str(in_zone(noon, "Asia/Tokyo")[0])
    '2026-01-31 21:00:00+09:00'
    """
    package = type(column).__module__.partition(".")[0]
    try:
        if package == "polars":
            return column.dt.convert_time_zone(zone)
        if package == "pyarrow":
            return column.cast(sys.modules["pyarrow"].timestamp(column.type.unit, zone))
        if not hasattr(column, "iloc"):
            column = sys.modules["pandas"].Series(column)
        return column.dt.tz_convert(zone)
    except Exception as error:  # each library has its own
        raise ValueError(f"{package} cannot convert to the time zone {zone!r}: {error}") from None


def integers_of(column: Any) -> Array | None:
    """Return the whole numbers of a column as they are, those that are there; None for others.

    Examples
    --------
    >>> integers_of([2**53 + 1, None]), integers_of([0.5])
    (array([9007199254740993], dtype=object), None)
    """
    listed = next((n for n in ("to_pylist", "to_list", "tolist") if hasattr(column, n)), None)
    values = list(column) if listed is None else getattr(column, listed)()
    present = [value for value in values if not is_missing(value)]
    if not all(isinstance(v, (int, np.integer)) and not isinstance(v, bool) for v in present):
        return None
    return np.array([int(value) for value in present], dtype=object)


def is_missing(value: Any) -> bool:
    """Tell None, NaN, NaT and pandas' NA from values."""
    if type(value).__name__ in _NOTHING:
        return True
    try:
        same = value == value
    except ArithmeticError:  # a NaN of decimal that signals
        return True
    return isinstance(same, (bool, np.bool_)) and not same


def text_of(value: Any) -> str:
    """Write a value so that the same value of another type is written the same: 3.0 as 3.

    Numbers of less than 64 bits have the digits that tell them from others of their type.

    Examples
    --------
    >>> text_of(3.0), text_of(0.5), text_of(True), text_of(np.datetime64("2026-01-31"))
    ('3', '0.5', 'True', '2026-01-31')
    >>> text_of(np.float32(0.1)), text_of(0.1)
    ('0.1', '0.1')
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        return value.decode(errors="backslashreplace")
    if _is_period(type(value)):
        value = value.start_time
    if isinstance(value, (datetime.date, np.datetime64)):
        text = str(_wall_clock(value))
        return text.removesuffix(".000000").removesuffix("T00:00:00")
    if isinstance(value, (datetime.timedelta, np.timedelta64)):
        value = float(seconds_in(np.array([value], dtype="m8[us]"))[0])
    elif isinstance(value, datetime.time):
        value = float(seconds_in(np.array([_time_of_day(value)]))[0])
    elif isinstance(value, (np.float16, np.float32)):
        value = float(str(value))
    elif isinstance(value, (np.number, np.bool_)):
        value = value.item()
    if not isinstance(value, (bool, int)) and _is_real(type(value)):  # a decimal, too
        number = _float(value)
        return str(int(number)) if number % 1 == 0 and abs(number) < EXACT else repr(number)
    return str(value)


# --- libraries -------------------------------------------------------------------------------


def _of_pandas(column: Any) -> Any:
    if not hasattr(column, "iloc"):  # an index or an array of pandas
        column = sys.modules["pandas"].Series(column)
    dtype = column.dtype
    match type(dtype).__name__:
        case "CategoricalDtype":
            held = column.array  # .cat makes a Series of the codes at each call
            return Coded(np.asarray(held.codes), _listed(held.categories), declared=True)
        case "DatetimeTZDtype":
            return column.dt.tz_localize(None).to_numpy()
        case "PeriodDtype":
            return column.dt.to_timestamp().to_numpy()
        case "StringDtype":
            codes, values = column.factorize()
            return Coded(codes, values.tolist())
        case "ArrowDtype":
            return _of_arrow(column.array.__arrow_array__())
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return column.to_numpy()
    if getattr(dtype, "kind", "O") in "iuf":  # those that may miss values
        return column.to_numpy(_floats(dtype), na_value=np.nan)
    return column.to_numpy(dtype=object)


def _floats(dtype: Any) -> Any:
    """Return the type of NumPy for numbers of pandas that may be missing, or that are sparse."""
    own = getattr(dtype, "numpy_dtype", getattr(dtype, "subtype", None))
    return own if dtype.kind == "f" and own is not None else np.float64


def _listed(values: Any) -> list[Any]:
    """Return an index of pandas as a list, floats as they are and not as those of Python."""
    if getattr(values.dtype, "kind", "O") == "f":
        return list(values.to_numpy())
    return list(values.tolist())


def _of_polars(column: Any) -> Any:
    dtype = str(column.dtype)
    if dtype.startswith(("Categorical", "Enum")):
        found = _of_objects(column.to_list())
        return Coded(found.codes, found.values, True) if isinstance(found, Coded) else found
    if dtype.startswith("Datetime"):
        return column.dt.replace_time_zone(None).to_numpy()
    if dtype in ("Int128", "UInt128"):  # which NumPy has not
        return column.to_list()
    if dtype.startswith(("Int", "UInt", "Float", "Duration")) or dtype == "Date":
        return column.to_numpy()
    return column.to_list()


def _of_arrow(column: Any) -> Any:
    pa = sys.modules["pyarrow"]
    if isinstance(column, pa.Array):
        column = pa.chunked_array([column])
    types, dtype = pa.types, column.type
    if types.is_dictionary(dtype) or types.is_string(dtype) or types.is_large_string(dtype):
        coded = column.dictionary_encode().unify_dictionaries()
        codes = [part.indices.fill_null(-1).to_numpy() for part in coded.chunks]
        values = coded.chunk(0).dictionary.to_pylist() if coded.num_chunks else []
        whole = np.concatenate([np.empty(0, np.int64), *codes]).astype(np.int64)
        return Coded(whole, values, declared=types.is_dictionary(dtype))
    if types.is_timestamp(dtype) and dtype.tz is not None:
        from pyarrow import compute

        column = compute.local_timestamp(column)
        dtype = column.type
    if types.is_integer(dtype) or types.is_floating(dtype) or types.is_temporal(dtype):
        return column.to_numpy()
    return column.to_pylist()


def _of_anything(column: Any) -> Any:
    if isinstance(column, (list, tuple, range)):
        return list(column)
    return column if isinstance(column, np.ndarray) else np.asarray(column)


_READERS = {"pandas": _of_pandas, "polars": _of_polars, "pyarrow": _of_arrow}


# --- objects of Python -----------------------------------------------------------------------


def _of_objects(values: list[Any]) -> Array | Coded | Mixed:
    """Find what a list holds: true and false, numbers, dates, durations; all else is coded."""
    types = set(map(type, values))
    if str in types and types <= {str, type(None)}:
        return _factorized(values)
    kinds = {kind for kind in types if kind.__name__ not in _NOTHING}
    # NaN and NaT may stand beside other values for what is missing.
    open_ = {kind for kind in kinds if issubclass(kind, (float, np.floating, *_TIMES))}
    if open_ and len(kinds) > 1:
        kinds -= open_ - {
            type(value) for value in values if type(value) in open_ and value == value
        }

    def hold(*wanted: type) -> bool:
        return all(issubclass(kind, wanted) for kind in kinds)

    if not kinds:
        return np.full(len(values), np.nan)
    if hold(str):
        return _factorized([value if isinstance(value, str) else None for value in values])
    if hold(bool, np.bool_):
        found = _factorized([None if is_missing(value) else bool(value) for value in values])
        return found if (found.codes < 0).any() else np.array(found.values)[found.codes]
    if hold(datetime.timedelta, np.timedelta64):
        return np.array(_filled(values, "NaT", np.timedelta64), dtype="m8[us]")
    if hold(datetime.time):
        return np.array(_filled(values, "NaT", _time_of_day), dtype="m8[us]")
    if all(map(_is_period, kinds)):
        return np.array(_filled(values, "NaT", lambda value: value.start_time), dtype="M8[us]")
    if hold(datetime.date, np.datetime64):
        return np.array(_filled(values, "NaT", _wall_clock), dtype="M8[us]")
    if all(_is_real(kind) for kind in kinds):
        numbers = np.array(_filled(values, np.nan, _float))
        has_flags = any(issubclass(kind, (bool, np.bool_)) for kind in kinds)
        if has_flags or (len(kinds) > 1 and (np.abs(numbers) >= EXACT).any()):
            return Mixed(numbers, _factorized(_filled(values, None, text_of)))
        return numbers
    for kind in sorted(kinds, key=lambda kind: kind.__name__):
        if not _has_text(kind):
            raise TypeError(f"values of type {kind.__name__}")
    return _factorized(_filled(values, None, text_of))


def _filled(values: list[Any], missing: Any, read: Callable[[Any], Any]) -> list[Any]:
    return [missing if is_missing(value) else read(value) for value in values]


def _factorized(values: list[Any]) -> Coded:
    """Code values, None as -1: a dictionary is some ten times faster than sorting."""
    distinct = [value for value in dict.fromkeys(values) if value is not None]
    number = {value: i for i, value in enumerate(distinct)}
    number[None] = -1
    return Coded(np.fromiter(map(number.__getitem__, values), np.int64, len(values)), distinct)


def _has_text(kind: type) -> bool:
    """Tell values that may be categories from collections and objects that only have an address."""
    if issubclass(kind, (list, Mapping, Set, complex, np.complexfloating)):
        return False
    if hasattr(kind, "__array__") and not issubclass(kind, np.generic):
        return False
    return not (kind.__str__ is object.__str__ and kind.__repr__ is object.__repr__)


def _is_period(kind: type) -> bool:
    return kind.__name__ == "Period"  # of pandas, outside of its own columns


def _is_real(kind: type) -> bool:
    if issubclass(kind, _TIMES):
        return False
    return issubclass(kind, (Real, np.bool_)) or kind.__name__ == "Decimal"  # which is no Real


def _float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer of hundreds of digits
        return np.inf if value > 0 else -np.inf


def seconds_in(durations: Array) -> Array:
    """Return timedelta64 in seconds, NaN where it is missing.

    Examples
    --------
    >>> seconds_in(np.array([1500, "NaT"], dtype="m8[ms]"))
    array([1.5, nan])
    """
    seconds = durations.astype("m8[us]").astype(np.float64) / 1e6
    seconds[np.isnat(durations)] = np.nan
    return seconds


def _time_of_day(time: datetime.time) -> np.timedelta64:
    since = datetime.timedelta(0, time.second, time.microsecond, 0, time.minute, time.hour)
    return np.timedelta64(since, "us")


def _wall_clock(date: Any) -> np.datetime64:
    """Drop the time zone: what counts is what the clock on the wall said."""
    if isinstance(date, datetime.datetime):
        date = date.replace(tzinfo=None)
    return np.datetime64(date, "us")
