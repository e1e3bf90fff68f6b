"""Inputs of every kind for property tests, and what a refusal must be like."""

from __future__ import annotations

import datetime
import inspect
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

REFUSED = object()


def attempt(
    call: Callable[[], Any],
    *names: str,
    errors: tuple[type[Exception], ...] = (TypeError, ValueError),
) -> Any:
    """Return the call's result, or REFUSED if it is refused as it should be.

    That is by one of the errors, whose message names one of the arguments. Without names the
    message is somebody else's: that of a function that was given, which does not work.
    """
    try:
        return call()
    except errors as error:
        text = str(error)
        named = any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)
        assert named or not names, (names, text)
        return REFUSED


numbers = st.one_of(
    st.integers(-3, 40),
    st.floats(-2, 2),
    st.sampled_from([0.5, 1e-3, 0.9, 1e-8, 5e-324, 1e-310, 1e300, 1e38, 1 - 2**-53, 2**-149]),
)
# Neither a good argument of anything nor one that would take long.
strange: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-(10**400), -1, 10**13, 2**63, 2**64, 2**128, 10**30, 10**400]),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=5),
    st.binary(max_size=3),
    st.lists(st.integers(-2, 9) | st.floats() | st.none() | st.text(max_size=3), max_size=4),
    st.tuples(st.integers(-2, 9), st.floats()),
    st.dictionaries(st.text(max_size=3), st.integers(-2, 9), max_size=2),
    st.sampled_from(
        [
            *(object(), int, len, np.float64, print, ..., NotImplemented, slice(3), range(3)),
            *(np.float16(0.5), np.float32("nan"), np.float64(0.25), np.longdouble(0.5)),
            *(np.int8(3), np.uint64(2**63), np.bool_(True), np.str_("relu"), np.bytes_(b"x")),
            *(np.array(3), np.array([2]), np.array(0.5), np.array([]), np.array(None)),
            *(np.datetime64("NaT"), np.timedelta64(3, "s"), np.ma.masked, np.void(b"ab")),
            *(Fraction(1, 3), Decimal("0.1"), datetime.date(2000, 1, 1), "\ud800", "a:b"),
        ]
    ),
)
anything = numbers | strange


def good_arguments(cls: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of a constructor: its defaults, and for the others what is known by name."""
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: known[p.name] if p.default is p.empty else p.default for p in parameters}


def one_replaced(
    good: Mapping[str, Any], values: st.SearchStrategy[Any] = anything
) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Arguments of which one, whose name comes first, may be anything."""
    return st.sampled_from(sorted(good)).flatmap(
        lambda name: values.map(lambda value: (name, {**good, name: value}))
    )


# ---------------------------------------------------------------------------------- arrays

NUMBERS = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g"]
OTHERS = ["c8", "O", "U1", "S1", "M8[s]", "m8[s]"]
LAYOUTS = ["C", "F", "columns", "rows", "backwards", "unaligned", "swapped", "readonly", "list"]


def laid_out(array: np.ndarray, layout: str) -> Any:
    """Return the same numbers as they may lie in memory, or as lists."""
    if layout == "F":
        return np.asfortranarray(array)
    if layout == "columns":  # every second column of another array
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "rows":
        return np.repeat(array, 2, axis=0)[::2]
    if layout == "backwards":
        return np.ascontiguousarray(array[::-1])[::-1]
    if layout == "unaligned":
        memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
        result = memory.view(array.dtype).reshape(array.shape)
        result[...] = array
        return result
    if layout == "swapped":
        return array.astype(array.dtype.newbyteorder())
    if layout == "readonly":
        result = array.copy()
        result.flags.writeable = False
        return result
    if layout == "list" and array.dtype.kind not in "gMmV":
        return array.tolist()
    return array


def elements(dtype: str, *, finite: bool = True) -> st.SearchStrategy[Any]:
    """Numbers of a type, most of them small, whose sums and products are no matter of range."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        return st.booleans()
    if kind in "iu":
        return st.integers(0 if kind == "u" else -9, 9)
    small = st.integers(-64, 64).map(lambda i: i / 16)
    return small if finite else small | st.sampled_from([np.nan, np.inf, -np.inf])


def matrices(
    rows: st.SearchStrategy[int] | int,
    columns: st.SearchStrategy[int] | int,
    *,
    finite: bool = True,
) -> st.SearchStrategy[np.ndarray]:
    """Matrices of numbers that the core can read or convert."""
    rows = st.just(rows) if isinstance(rows, int) else rows
    columns = st.just(columns) if isinstance(columns, int) else columns
    return st.sampled_from(NUMBERS).flatmap(
        lambda dtype: hnp.arrays(
            dtype, st.tuples(rows, columns), elements=elements(dtype, finite=finite)
        )
    )


layouts = st.sampled_from(LAYOUTS)
shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
odd_arrays = st.sampled_from(NUMBERS + OTHERS).flatmap(lambda dtype: hnp.arrays(dtype, shapes))
