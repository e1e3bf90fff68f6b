"""Which kind of column each column of a table is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fastmlp.data.columns.base import Column
from fastmlp.data.columns.category import MAX_ONE_HOT, CategoryColumn, FlagColumn, truth_pair
from fastmlp.data.columns.codes import by_code
from fastmlp.data.columns.date import DateColumn
from fastmlp.data.columns.moments import are_no_months
from fastmlp.data.columns.number import NumberColumn
from fastmlp.data.columns.values import Values
from fastmlp.data.columns.words import Note, examples, listed, quoted, remedy
from fastmlp.data.texts import LEAST_READ, MISSING, Array
from fastmlp.data.texts import values as parsed

KINDS: dict[str, type[Any]] = {
    "number": NumberColumn,
    "category": CategoryColumn,
    "flag": FlagColumn,
    "date": DateColumn,
}

#: What texts may be, one after the other: the kind of column, what they are called and taken as,
#: and what returns those of a column that are such, or missing.
READINGS: tuple[tuple[str, str, str, Callable[[Values], Collection[str]]], ...] = (
    ("number", "numbers", "numbers", lambda values: values.read_as_numbers),
    ("date", "dates", "dates", lambda values: values.texts.dates),
    ("number", "times", "numbers of seconds", lambda values: values.texts.seconds),
)
IN_FRONT = {"dmy": ", the day in front", "mdy": ", the month in front", "": ""}
#: More columns than these that are left out are told of in one note.
MAX_SINGLE_NOTES = 5


@dataclass(frozen=True)
class LeftOut:
    """Why a column is left out: in words, and which of a few reasons it is."""

    name: str
    words: str
    reason: Literal["empty", "of one value", "of texts that hardly repeat", "like another"]


def learn_column(values: Values, kind: str | None, note: Note) -> Column | LeftOut:
    """Learn a column of a kind, or of the kind that is found, unless it cannot help."""
    if reason := _useless(values):
        return reason
    may_be = kind == "number" or (kind is None and not values.declared)
    as_written = values.as_written() if may_be else None
    if as_written and (kind or find_kind(as_written[0], lambda text: None) == "number"):
        values, style = as_written
        kind = "number"
        note(style.told_of(f"column {values.name!r}"))
    found = kind or find_kind(values, note)
    if found in ("number", "date") and values.kind == "text" and MISSING.issuperset(values.texts):
        return LeftOut(values.name, "it is empty", "empty")
    column: Column
    odd = _words(values, found)
    if odd:
        things = "times" if found == "number" and values.seconds else f"{found}s"
        holds = _holds(values, odd)
        note(
            f"column {values.name!r} holds texts that are no {things}, taken as missing: "
            f"{examples(odd)}, the first in {values.where(holds)}"
            f"{_of_last_row(holds) or remedy(odd)}"
        )
        column = KINDS[found].learn(values.name, values, odd)
    else:
        column = KINDS[found].learn(values.name, values)
    if isinstance(column, CategoryColumn):
        codes, texts = values.coded()
        kept = {*column.categories}
        rare = int(by_code(codes, (text not in kept for text in texts), False).sum())
        if not column.categories or (kind is None and rare > len(values) / 2):
            seen = [texts[code] for code in codes[:1000] if code >= 0]
            words = f"{len(texts)} different texts in {len(values)} rows ({examples(seen)})"
            return LeftOut(values.name, words + remedy(seen), "of texts that hardly repeat")
    return column


def _of_last_row(holds: Array) -> str:
    """Say what to do if the last row alone is odd, as the sums below a table are."""
    if holds[-1] and holds.sum() == 1 and len(holds) > 2:
        return "; it is the last row: leave it out if it sums up the others"
    return ""


def tell_left_out(left: list[LeftOut], note: Note) -> None:
    """Note which columns are left out: each for itself, or together if they are many."""
    if len(left) <= MAX_SINGLE_NOTES:
        for column in left:
            note(f"column {column.name!r} is left out: {column.words}")
        return
    names: dict[str, list[str]] = {}
    for column in left:
        names.setdefault(column.reason, []).append(column.name)
    parts = [f"{len(found)} {reason} ({listed(found, 3)})" for reason, found in names.items()]
    note(f"{len(left)} columns are left out: {', '.join(parts)}")


def find_kind(values: Values, note: Note) -> str:
    """Find the kind of a column.

    Numbers are numbers, however few different ones there are, but for codes beyond 2^53, which
    float64 would merge: these are categories, and so is what a table declares as such. Texts are
    flags if they are a pair such as yes and no; numbers if all are, or nearly all of many, and none
    is a code such as 007; dates likewise, and times of day and durations, which are numbers, too,
    of seconds (see `moments`); else categories.

    Examples
    --------
    >>> from fastmlp.data.columns.values import read
    >>> [find_kind(read("a", column), print) for column in ([0, 1], ["a", "b"], ["Yes", "no"])]
    ['number', 'category', 'flag']
    """
    if values.merges:
        return "category"
    if values.kind != "text":
        return str(values.kind)
    if truth_pair(values):
        return "flag"
    present = [text for text in values.texts if text not in MISSING]
    if values.declared or not present:
        return "category"
    what, name = examples(present), values.name
    numbers = {t: x for t, x in values.read_as_numbers.items() if t not in MISSING}
    programs = [text for text in numbers if text not in values.written]
    if numbers and not (_are_numbers(programs) and np.isfinite([*numbers.values()]).any()):
        return "category"
    for kind, things, taken, read in READINGS:
        if kind == "date" and are_no_months(present):
            continue
        found = set(read(values)) - MISSING
        if len(found) == len(present):
            front = IN_FRONT[values.texts.order] if kind == "date" else ""
            note(f"column {name!r} holds texts that are {things} ({what}); taken as {taken}{front}")
            return kind
        if len(found) > MAX_ONE_HOT and _share(values, found) >= LEAST_READ:
            return kind
    if hint := remedy(present):
        meant = "dates" if "dates" in hint else "numbers"
        note(f"column {name!r} is taken as texts, not {meant} ({what}){hint}")
    return "category"


def _words(values: Values, kind: str) -> tuple[str, ...]:
    """Return the few texts that are none of the numbers or dates which most texts are."""
    if values.kind != "text" or kind not in ("number", "date"):
        return ()
    found = max((read(values) for known, *_, read in READINGS if known == kind), key=len)
    if _share(values, found) <= 0.5:
        return ()
    return tuple(text for text in values.texts if text not in found)


def _share(values: Values, texts: Collection[str]) -> float:
    """Return in which part of the rows that are there one of the texts stands."""
    counts = np.bincount(values.data[values.data >= 0], minlength=len(values.texts))
    found = np.array([text in texts or text in MISSING for text in values.texts])
    return float(counts[found].sum() / counts.sum())


def _holds(values: Values, texts: Collection[str]) -> Array:
    """Return in which rows one of the texts stands."""
    return by_code(values.data, (text in texts for text in values.texts), False)


def _are_numbers(texts: Any) -> bool:
    return parsed(list(texts)).dtype.kind == "f"


def _useless(values: Values) -> LeftOut | None:
    """Find whether a column tells no row from another."""
    missing = values.missing
    if missing.all():
        return LeftOut(values.name, "it is empty", "empty")
    data = values.data if values.integers is None else values.integers
    if not missing.any() and (data == data[0]).all():
        text = values.coded()[1][0]
        shown = quoted(text) if values.kind == "text" else text
        return LeftOut(values.name, f"it is {shown} in every row", "of one value")
    return None
