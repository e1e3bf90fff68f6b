"""What is said of columns: places of values, counts, examples, remedies."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from fastmlp.data.frames import Kept
from fastmlp.data.written import unit_of

#: What may be a date, with the month or the day in front.
_DATE = re.compile(r"\d{1,2}[/-]\d{1,2}[/-](\d\d|\d{4})")

#: A number with something beside it, in which a unit stands behind it, or in front of a fraction.
_MEASURED = re.compile(
    r"[+-]?\d[\d,]*(?:\.\d+)?(?P<gap> ?)(?P<behind>[^\W\d_/]{1,6}|[°\"'][^\W\d]?)"
    r"|(?P<before>[^\d\s.,+-]{1,4}) [+-]?\d+[.,]\d{1,2}"
)

#: Of so many values in a column, none of which is what training saw, is told as something strange.
MANY = 10

#: So many characters of a text are quoted.
LONGEST = 60

Note: TypeAlias = Callable[[str], None]


class Told(str):
    """A note of values of a column, to which those of more rows can be added.

    Attributes
    ----------
    about : str
        What it is about: notes of the same can be added.
    number : int
        How many values there are.
    say : function of an int
        Says it of so many.

    Examples
    --------
    >>> first = Told("missing a", 2, lambda n: f"{count(n, 'value')} missing")
    >>> first.and_of(Told("missing a", 1, str))
    '3 values missing'
    """

    about: str
    number: int
    say: Callable[[int], str]

    def __new__(cls, about: str, number: int, say: Callable[[int], str]) -> Told:
        """Say it of so many."""
        told = super().__new__(cls, say(number))
        told.about, told.number, told.say = about, number, say
        return told

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """Be a plain text in copies and pickles: what says it is a function."""
        return str, (str(self),)

    def and_of(self, other: Told) -> Told:
        """Return a note of the values of both, with the examples of the first."""
        first = other if isinstance(self, Strange) and not isinstance(other, Strange) else self
        return type(first)(self.about, self.number + other.number, first.say)


class Strange(Told):
    """A note of what is hardly meant: who asked for no notes is warned."""


class Tally:
    """A note that knows of the parts of a table what they held, so that all are judged together."""

    def __init__(self) -> None:
        self._held: dict[str, list[int]] = {}

    def __call__(self, text: str) -> None:
        """Take a note."""
        raise NotImplementedError

    def add(self, column: str, *numbers: int) -> list[int]:
        """Return what a column held until now, with these numbers of another part.

        Examples
        --------
        >>> tally = Tally()
        >>> tally.add("a", 1, 10), tally.add("a", 0, 5)
        ([1, 10], [1, 15])
        """
        held = self._held.get(column, [0] * len(numbers))
        self._held[column] = [old + new for old, new in zip(held, numbers, strict=True)]
        return self._held[column]


def place(values: Any, row: int) -> str:
    """Name a row: that of the table and its line in the file, where the values' index has them.

    Rows of tables are counted from 1, as those of files are; for those in memory what is beside it
    is where Python finds it. Rows of arrays that are no tables are counted from 0, as their index.

    Examples
    --------
    >>> place([1, 2], 0)
    'row 1 (index 0)'
    """
    if isinstance(values, Kept):
        return place(values.whole, int(values.rows[row]))
    index: Any = getattr(values, "index", None)
    names = list(getattr(index, "names", ()))
    if names in (["row"], ["row", "line"]):
        found = index[row] if len(names) == 2 else (index[row],)
        if all(isinstance(number, (int, np.integer)) for number in found):  # as files have them
            return f"row {found[0]:,}" + "".join(f" (line {line:,})" for line in found[1:])
    return f"row {row + 1} ({'iloc' if hasattr(values, 'iloc') else 'index'} {row})"


def count(number: int, thing: str) -> str:
    """Say how many.

    Examples
    --------
    >>> count(1, "value"), count(1200, "value")
    ('1 value', '1,200 values')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def quoted(value: Any) -> str:
    """Quote a value as Python writes it, of a long text how it begins.

    Examples
    --------
    >>> quoted("a"), quoted("a" * 99)[-5:]
    ("'a'", "aaa…'")
    """
    is_long = isinstance(value, str) and len(value) > LONGEST
    return repr(f"{value[:LONGEST]}…" if is_long else value)


def examples(texts: Any) -> str:
    """Quote the first three different texts.

    Examples
    --------
    >>> examples(["b", "a", "b"])
    "'b', 'a'"
    """
    distinct = list(dict.fromkeys(texts))
    return ", ".join(map(quoted, distinct[:3])) + (", …" if len(distinct) > 3 else "")


def listed(names: Iterable[str], most: int = 10) -> str:
    """Quote names, not too many of them.

    Examples
    --------
    >>> listed("abc", most=2)
    "'a', 'b', …"
    """
    names = list(names)
    return ", ".join(map(quoted, names[:most])) + (", …" if len(names) > most else "")


def remedy(texts: Iterable[str]) -> str:
    """Say how to write what looks like numbers, but with commas or in several units, or like dates.

    Examples
    --------
    >>> remedy(["1,5"]), remedy(["red"])
    ('; write numbers such as 1.234,5 or 1,234.5 as 1234.5', '')
    >>> remedy(["$7", "€5", "$1"])
    '; they are in $ and €: write all in one unit'
    >>> remedy(["1/31/2026"])
    '; write dates as 2024-05-31, for 3/4/2024 may be either of two days'
    >>> remedy(["7 kg", "12.5 kg"]), remedy(["2nd", "3rd"]), remedy(["5a", "6a"])
    ("; they are numbers if written without 'kg'", '', '')
    """
    texts = list(texts)
    for text in texts:
        if "," in text and text.lstrip("+-").replace(",", "").replace(".", "").isdecimal():
            return "; write numbers such as 1.234,5 or 1,234.5 as 1234.5"
    units = dict.fromkeys(unit for text in texts if (unit := unit_of(text)))
    if len(units) > 1:
        return f"; they are in {' and '.join(units)}: write all in one unit"
    if unit := _unknown_unit(texts):
        return f"; they are numbers if written without {unit!r}"
    if any(_DATE.fullmatch(text) for text in texts):
        return "; write dates as 2024-05-31, for 3/4/2024 may be either of two days"
    return ""


def _unknown_unit(texts: Iterable[str]) -> str:
    """Return what stands beside the number in every text, if that is one unit: kg, °C, R$."""
    found = [_MEASURED.fullmatch(text) for text in texts]
    units = {match and (match["behind"] or match["before"]) for match in found}
    if len(units) != 1 or None in units:
        return ""
    # 5a may be the name of a thing; 5 kg and 0.5k are numbers.
    sure = any(match and (match["gap"] or re.search(r"\d[.,]\d", match[0])) for match in found)
    return str(units.pop()) if sure else ""
