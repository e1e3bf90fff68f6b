"""What the fields of a text file say: numbers, true or false, texts, or nothing.

One rule for every table, in training and in prediction. Nothing here knows of files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

#: What stands for a missing number. In a column of texts only "" is missing; the others are texts.
MISSING = frozenset(
    {"", "?", "NA", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "<NA>", "NaN", "nan", "-NaN", "-nan"}
    | {"None", "NULL", "null", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
)
TRUE, FALSE = frozenset(("True", "TRUE", "true")), frozenset(("False", "FALSE", "false"))
#: In which part of the rows texts must be numbers, or dates, for the others to count as missing.
LEAST_READ = 0.9
#: The type of a column of texts: 16 bytes for each of up to 15 characters.
TEXT = np.dtypes.StringDType()
#: How the text of a number may begin, infinity and NaN among them.
_BEGINS = frozenset("+-.0123456789iInN")
#: From here on float64 skips whole numbers.
EXACT = 2**53


def values(texts: Sequence[str] | Array) -> Array:
    """Read a column: bool, float64 with NaN where missing, or an object array of the texts.

    A column is read as numbers if every text is a number or stands for a missing one. It remains
    texts where float64 would lose digits: the zeros in front of a code such as 007, or the last
    digits of a whole number beyond 2⁵³. true and false count as the numbers 1 and 0.

    Examples
    --------
    >>> values(["1", "NA", "2.5"])
    array([1. , nan, 2.5])
    >>> values(["Basic", "None"])
    array(['Basic', 'None'], dtype=object)
    >>> values(["007", "42"])
    array(['007', '42'], dtype=object)
    """
    column = np.asarray(texts, dtype=TEXT)
    numbers = _as_floats(column)
    if numbers is not None:
        return as_objects(column) if _lose_digits(column, numbers) else numbers
    missing = np.isin(column, np.array([*MISSING], dtype=TEXT))
    present = column[~missing]
    if not len(present):
        empty = bool((column == "").all())
        return np.full(len(column), np.nan) if empty else as_objects(column)
    true = np.isin(present, np.array([*TRUE], dtype=TEXT))
    if (true | np.isin(present, np.array([*FALSE], dtype=TEXT))).all():
        if not missing.any():
            return true
        numbers = true.astype(np.float64)
    else:
        numbers = _as_floats(present)
        if numbers is None or _lose_digits(present, numbers):
            return as_objects(column)
    filled = np.full(len(column), np.nan)
    filled[~missing] = numbers
    return filled


def numbers_of(texts: Iterable[str]) -> dict[str, float]:
    """Read every text that is a number, or stands for a missing one; others are left out.

    true and false are numbers where there are no others beside them.
    """
    kinds = set(texts)
    present = kinds - MISSING
    if present <= TRUE | FALSE:
        found = {text: float(text in TRUE) for text in present}
    else:
        maybe = [text for text in present if (c := text.lstrip()[:1]) in _BEGINS or c.isdecimal()]
        whole = _as_floats(np.array(maybe, dtype=TEXT))  # at once, if all are
        each = map(_number, maybe) if whole is None else whole.tolist()
        found = {t: value for t, value in zip(maybe, each, strict=True) if value is not None}
    return {**dict.fromkeys(kinds & MISSING, math.nan), **found}


def as_objects(texts: Sequence[str] | Array) -> Array:
    """Put texts into an object array."""
    array = np.empty(len(texts), dtype=object)
    array[:] = texts.tolist() if isinstance(texts, np.ndarray) else texts
    return array


def labels(texts: Sequence[str]) -> Array:
    """Read the labels of classes so that printing them gives the texts again.

    int64 or bool if every text is what Python prints of one, the texts themselves otherwise.

    Examples
    --------
    >>> labels(["7", "42"]), labels(["007", "42"])
    (array([ 7, 42]), array(['007', '42'], dtype=object))
    """
    kinds = set(texts)
    if kinds <= {"True", "False"}:
        return np.array([text == "True" for text in texts])
    if all(_is_plain_integer(text) for text in kinds):
        return np.array([int(text) for text in texts], dtype=np.int64)
    return as_objects(texts)


def same_number(texts: Iterable[str]) -> tuple[str, str] | None:
    """Find two texts that write one number in two ways, such as 1 and 1.0."""
    seen: dict[float, str] = {}
    for text in sorted(texts):
        number = _number(text)
        if number is None or abs(number) >= EXACT:
            continue
        if seen.setdefault(number, text) != text:
            return seen[number], text
    return None


def _as_floats(column: Array) -> Array | None:
    """Read a column of numbers, infinite or not; None if there is anything else in it.

    Unlike Python's, numbers have no underscores between digits.
    """
    try:
        numbers = column.astype(np.float64)
    except ValueError:
        return None
    wrong = np.isnan(numbers).any() or (np.strings.find(column, "_") >= 0).any()
    return None if wrong else numbers


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return None if math.isnan(number) or "_" in text else number


def _lose_digits(column: Array, numbers: Array) -> bool:
    """Tell whether float64 would lose leading zeros of whole numbers, or make two of them equal."""
    texts = set(column[np.floor(numbers) == numbers].tolist())
    whole = [text.removeprefix("+") for text in texts if text.lstrip("+-").isdecimal()]
    if any(len(digits := text.removeprefix("-")) > 1 and digits[0] == "0" for text in whole):
        return True
    large = {text for text in whole if abs(float(text)) >= EXACT}
    return len(set(map(float, large))) < len(large)


def _is_plain_integer(text: str) -> bool:
    if not text.removeprefix("-").isdecimal() or len(text) > 20:
        return False
    number = int(text)
    return str(number) == text and -(2**63) <= number < 2**63
