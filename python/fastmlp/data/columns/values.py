"""One column of any table as this package computes with it, whoever made the table.

Nothing here knows what was learned; nothing but pandas' own columns needs pandas, and so on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from fastmlp.data.columns.codes import Texts, by_code, sorted_texts
from fastmlp.data.columns.moments import Order, dates_of
from fastmlp.data.columns.sources import (
    Coded,
    Mixed,
    in_zone,
    integers_of,
    is_missing,
    plain,
    seconds_in,
    text_of,
    zone_of,
)
from fastmlp.data.columns.words import MANY, Note, Strange, Tally, count, examples, place, remedy
from fastmlp.data.frames import Kept
from fastmlp.data.texts import EXACT, FALSE, MISSING, TRUE, Array, numbers_of
from fastmlp.data.written import Style

Kind: TypeAlias = Literal["number", "flag", "date", "text"]
_FORMS = ((True, TRUE), (False, FALSE))


@dataclass(frozen=True, eq=False)
class Values:
    """The values of one column.

    Attributes
    ----------
    name : str
    kind : {"number", "flag", "date", "text"}
    data : array of shape (rows,)
        Numbers and flags (0, 1): float64, NaN where missing. Dates: datetime64[us], NaT where
        missing. Texts: int64, the place in `texts`, -1 where missing.
    texts : Texts
        The different texts, sorted, which keep how they are read.
    declared : bool
        Whether the table itself says that it holds categories.
    source
        What the table had; its index may know the lines of a file.
    whole : Kept, optional
        The column that the table had, if these are some of its rows.
    zone : str
        The time zone of dates, "" if none is known.
    durations : bool
        Whether its numbers are seconds of what the table had as durations or times of day.
    precision : {"f8", "f4", "f2"}
        The type of the table's numbers: of 0.1 as float32 all digits of float64 say another number.
    decimal : {".", ","} or None
        The decimal sign of texts, where the table or that of training says it.
    written : mapping of str to float
        Texts that are numbers as people write them, where these count as such, see `as_written`.
    unit : str
        What stands beside these.
    own : (array, Texts) or None
        As of `coded`, of numbers whose texts say more: True among them is not 1.
    """

    name: str
    kind: Kind
    data: Array
    texts: Texts = field(default_factory=Texts)
    declared: bool = False
    source: Any = None
    whole: Kept | None = None
    zone: str = ""
    durations: bool = False
    precision: str = "f8"
    decimal: str | None = None
    written: Mapping[str, float] = field(default_factory=dict)
    unit: str = ""
    own: tuple[Array, Texts] | None = None

    def __len__(self) -> int:
        return len(self.data)

    @cached_property
    def missing(self) -> Array:
        """Where nothing is."""
        if self.kind == "text":
            return self.data < 0
        return np.isnat(self.data) if self.kind == "date" else np.isnan(self.data)

    @cached_property
    def integers(self) -> Array | None:
        """The values that are there, where they are integers beyond 2^53; else None.

        float64 skips some of them.
        """
        if self.kind != "number" or not (np.abs(self.data) >= EXACT).any():
            return None
        return integers_of(self.source)

    def in_zone(self, zone: str) -> Values:
        """Return dates by the clock of a time zone; where one of the two is not known, as they are.

        Raises
        ------
        ValueError
            If the zone is not known to who made the column.
        """
        if not (zone and self.zone) or zone == self.zone:
            return self
        try:
            return replace(read(self.name, in_zone(self.source, zone)), whole=self.whole)
        except ValueError as error:
            raise ValueError(
                f"column {self.name!r} holds times of the zone {self.zone}, but training saw those "
                f"of {zone}: {error}"
            ) from None

    @property
    def merges(self) -> bool:
        """Whether integers that repeat, as codes do, are fewer numbers of float64."""
        if self.integers is None:
            return False
        different = len(np.unique(self.integers))
        return 2 * different <= len(self) and len(np.unique(self.data[~self.missing])) < different

    def where(self, wrong: Array) -> str:
        """Name the first row of those marked."""
        row = int(wrong.argmax())
        if self.whole is None:
            return place(self.source, row)
        return place(self.whole.whole, int(self.whole.rows[row]))

    @cached_property
    def read_as_numbers(self) -> Mapping[str, float]:
        """Those of its texts that are numbers, or missing."""
        if not self.written:
            return self.texts.numbers
        others = numbers_of(text for text in self.texts if text not in self.written)
        # True and false are none beside numbers.
        return {**{t: x for t, x in others.items() if t not in TRUE | FALSE}, **self.written}

    @cached_property
    def seconds(self) -> bool:
        """Whether it holds durations or times of day, or more texts of such than of numbers."""
        if self.kind != "text":
            return self.durations
        return len(self.texts.seconds) > len(self.read_as_numbers)

    def numbers(
        self,
        words: Sequence[str] = (),
        seconds: bool = False,
        note: Note | None = None,
        unit: str | None = None,
    ) -> Array:
        """Return float64, NaN where missing; texts must be numbers, or words for what is missing.

        Texts may be numbers as people write them, see `as_written`. Where seconds are wanted, they
        are times of day and durations, or numbers of these. Who gives a note is told of a few other
        texts, which are missing then, see `check`, and how numbers are written, if that is another
        way than the decimal sign says.

        Raises
        ------
        ValueError
            For dates, texts that are no numbers, and infinities.
        """
        if self.kind == "date":
            if self.missing.all():
                return np.full(len(self), np.nan)
            raise ValueError(
                f"column {self.name!r} must hold numbers, but holds dates, the first in "
                f"{self.where(~self.missing)}; give numbers, or learn it as a date"
            )
        values = self
        if not self.written and (as_written := self.as_written(words, unit)):
            values, style = as_written
            if note is not None and style.decimal != self.decimal:
                note(style.told_of(f"column {self.name!r}"))
        return values._numbers(words, seconds, note)

    def _numbers(self, words: Sequence[str], seconds: bool, note: Note | None) -> Array:
        """Return numbers, in which texts are those that `read_as_numbers` has."""
        numbers = self.data
        if self.kind == "text":
            found = {**dict.fromkeys(words, np.nan), **self.read_as_numbers}
            if seconds:  # numbers are such, too, but for those that training took for words
                found = {**self.read_as_numbers, **dict.fromkeys(words, np.nan)}
                found |= self.texts.seconds
            things = "times" if seconds else "numbers"
            self.check(found, things, note)
            numbers = self._spread([found.get(text, np.nan) for text in self.texts], np.nan)
        else:
            self._tally(note)
            taken = {str(flag) for flag, forms in _FORMS if forms.intersection(words)}
            if taken and (self.own or self.kind == "flag"):
                codes, texts = self.coded()
                odd = by_code(codes, (text in taken for text in texts), False)
                numbers = np.where(odd, np.nan, numbers)
        infinite = np.isinf(numbers)
        if infinite.any():
            raise ValueError(
                f"column {self.name!r} holds {count(infinite.sum(), 'infinite value')}, the first "
                f"in {self.where(infinite)}; give finite numbers, or none where there is none"
            )
        return numbers

    def dates(
        self, words: Sequence[str] = (), order: Order | None = None, note: Note | None = None
    ) -> Array:
        """Return datetime64[us], NaT where missing; texts must be dates, or such words.

        What is in front in them is what they tell themselves if no order is given. Of a note as of
        `numbers`.

        Raises
        ------
        ValueError
            For numbers, and for texts that are no dates.
        """
        if self.kind == "date" or self.missing.all():
            self._tally(note)
            return self.data if self.kind == "date" else np.full(len(self), "NaT", dtype="M8[us]")
        advice = "; write them as 2026-01-31 or 2026-01-31T18:30, or leave them empty"
        if self.kind != "text":
            present = self.data[~self.missing]
            if self.kind == "number" and ((present > 1e11) & (present < 4e12)).all():  # 1973–2096
                advice = (
                    "; milliseconds since 1970, as pandas writes dates in JSON, become dates by "
                    "pandas.to_datetime(…, unit='ms')"
                )
            raise ValueError(
                f"column {self.name!r} must hold dates, but holds numbers, the first in "
                f"{self.where(~self.missing)}{advice}"
            )
        nat = np.datetime64("NaT", "us")
        read = self.texts.dates if order is None else dates_of(self.texts, order)
        found = {**dict.fromkeys(words, nat), **read}
        self.check(found, "dates", note, advice)
        return self._spread([found.get(text, nat) for text in self.texts], nat)

    def coded(self) -> tuple[Array, tuple[str, ...]]:
        """Return the place of each value in the sorted texts of all, -1 where missing; the texts.

        Examples
        --------
        >>> read("a", [2.0, None, 10]).coded()
        (array([ 1, -1,  0]), ('10', '2'))
        """
        return self._coded

    @cached_property
    def _coded(self) -> tuple[Array, tuple[str, ...]]:
        if self.kind == "text":
            return self.data, self.texts
        if self.own:
            return self.own
        codes = np.full(len(self), -1)
        present = ~self.missing
        given = self.data[present] if self.integers is None else self.integers
        distinct, codes[present] = np.unique(given, return_inverse=True)
        if self.kind == "flag":
            texts = [str(bool(value)) for value in distinct]
        elif self.kind == "date":
            texts = [text_of(value) for value in distinct]
        else:
            own = distinct if self.precision == "f8" else distinct.astype(self.precision)
            texts = [text_of(value) for value in own]
        return sorted_texts(codes, texts)

    def as_written(
        self, words: Sequence[str] = (), unit: str | None = None
    ) -> tuple[Values, Style] | None:
        """Return the same, in which texts count as numbers as people write them, 1.234,50 €.

        None if programs write so, or these are no texts; see `fastmlp.data.written`, which also
        says how they are written. Words for what is missing are no numbers. A unit says that these
        are numbers.

        Examples
        --------
        >>> values, style = read("a", ["73.1 %", "5 %", "n.a."]).as_written()
        >>> values.written, str(style)
        ({'5 %': 5.0, '73.1 %': 73.1}, '%')
        """
        # With decimal points, what programs read as numbers they read right.
        if self.kind != "text" or (
            self.decimal != "," and len(self.texts.numbers) == len(self.texts)
        ):
            return None
        found = self.texts.written.without(words).numbers(self.decimal, unit)
        if found is None:
            return None
        numbers, style = found
        return replace(self, written=numbers, decimal=style.decimal, unit=style.unit), style

    def _spread(self, values: Sequence[Any], missing: Any) -> Array:
        """Give each row the value of its text."""
        return by_code(self.data, values, missing)

    def _tally(self, note: Note | None) -> None:
        """Count values that need no reading, where a table comes part by part."""
        if isinstance(note, Tally):
            note.add(self.name, 0, int((~self.missing).sum()), len(self))

    def check(
        self,
        known: Collection[str],
        things: str,
        note: Note | None = None,
        advice: str = "; correct them or leave them empty",
    ) -> None:
        """Note texts that are none of those known; raise if there is no note, or if most are none.

        A model at work does not stop for one of a million values. But if ten or more are none, and
        more than half of what is there, it is another column: training takes no more for words
        among numbers, either. Of a table that comes part by part, all parts so far count.

        Parameters
        ----------
        known : collection of str
        things : str
            What they are.
        note : function of a str, optional
            Is told of texts that will be taken as missing.
        advice : str
            What to do with them, after a semicolon.

        Raises
        ------
        ValueError
        """
        codes, texts = self.coded()
        bad = [text not in known for text in texts]
        if not any(bad) and not isinstance(note, Tally):
            return
        wrong = by_code(codes, bad, False)
        number = int(wrong.sum())
        there = int(by_code(codes, (text not in MISSING for text in texts), False).sum())
        numbers = number, there, len(self)
        unread, present, rows = (
            note.add(self.name, *numbers) if isinstance(note, Tally) else numbers
        )
        if not number:
            return
        culprits = [texts[code] for code in codes[wrong][:1000]]
        seen = f"{examples(culprits)}, the first in {self.where(wrong)}"
        advice = remedy(culprits) or advice
        if note is None or (unread >= MANY and 2 * unread > present):
            raise ValueError(
                f"column {self.name!r} must hold {things}, but {unread:,} of its {rows:,} "
                f"values do not: {seen}{advice}"
            )
        before = f"column {self.name!r} must hold {things};"
        after = f"taken as missing: {seen}{advice}"

        def say(n: int) -> str:  # who keeps it does not keep the column
            return f"{before} {count(n, 'other value')} {'is' if n == 1 else 'are'} {after}"

        note(Strange(f"unread {self.name}", number, say))


def read(name: str, column: Any) -> Values:
    """Read a column of pandas, polars, Arrow, NumPy, or a list of values; once: read ones stay.

    Dates say what a clock on the wall said, in their time zone if they have one. Durations and
    times of day become seconds.

    Raises
    ------
    TypeError
        If its values are none of a table: complex numbers, records, rows of an array.

    Examples
    --------
    >>> read("a", [True, None]).kind, read("a", ["x", "y"]).texts
    ('flag', ('x', 'y'))
    """
    if isinstance(column, Values):
        return column if column.name == name else replace(column, name=name)
    if isinstance(column, Kept):
        return replace(read(name, column.values), whole=column)
    try:
        found = plain(column)
    except TypeError as error:
        raise TypeError(
            f"column {name!r} must hold a number, text, date or true/false in each row, got {error}"
        ) from None
    if isinstance(found, Coded):
        if not found.declared and found.values and {*map(type, found.values)} == {bool}:
            data = by_code(found.codes, found.values, np.nan)
            return Values(name, "flag", data, source=column)
        # A dictionary of Arrow may have a place for what is missing.
        each = ["" if is_missing(value) else text_of(value) for value in found.values]
        codes, texts = sorted_texts(found.codes, each)
        return Values(name, "text", codes, texts, found.declared, column)
    if isinstance(found, Mixed):
        own = sorted_texts(found.texts.codes, found.texts.values)
        return Values(name, "number", found.numbers, source=column, own=own)
    if found.dtype.kind == "M":
        dates = found.astype("M8[us]")
        if (beyond := ~np.isnat(found) & (dates.astype("M8[Y]") != found.astype("M8[Y]"))).any():
            raise ValueError(
                f"column {name!r} holds dates beyond the year 294247, the first in "
                f"{place(column, int(beyond.argmax()))}; leave such dates empty"
            )
        return Values(name, "date", dates, source=column, zone=zone_of(column))
    if found.dtype.kind == "m":
        return Values(name, "number", seconds_in(found), source=column, durations=True)
    kind: Kind = "flag" if found.dtype.kind == "b" else "number"
    narrow = found.dtype.kind == "f" and found.dtype.itemsize < 8
    precision = f"f{found.dtype.itemsize}" if narrow else "f8"
    return Values(name, kind, found.astype(np.float64), source=column, precision=precision)
