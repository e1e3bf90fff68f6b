"""A column of dates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastmlp.data.columns.base import Column, clipped, robust
from fastmlp.data.columns.moments import Order
from fastmlp.data.columns.values import Values
from fastmlp.data.columns.words import Note
from fastmlp.data.texts import Array

#: The parts of a calendar, each with how many of its units go round.
PARTS = {"month": 12, "weekday": 7, "day": 31, "hour": 24}


@dataclass(frozen=True)
class DateColumn(Column):
    """Days since the median, like a number, and sine and cosine of the parts of the calendar.

    Attributes
    ----------
    name : str
    median, scale, fill_value : float
        As of `NumberColumn`, of the days since 1970.
    parts : tuple of str
        Those of month, weekday, day (of the month) and hour (with its minutes) that differ in
        training; each is two flags. Where all dates are the first of a month, as those of months
        are, weekdays say nothing.
    indicator : bool
        Whether a last flag says where the date is missing.
    words : tuple of str
        Texts that stood among the dates in training, and count as missing.
    zone : str
        The time zone of training, "" if it had none. Dates of another zone are converted to it;
        those without one, and texts, are taken as they stand.
    order : {"dmy", "mdy", ""}
        What is in front in texts such as 3/4/2024, which are no dates if it is not known.

    Examples
    --------
    >>> from fastmlp.data.columns.values import read
    >>> DateColumn.learn("a", read("a", ["2026-01-01", "2026-01-03", "2026-01-02"])).parts
    ('weekday', 'day')
    """

    kind = "date"

    median: float
    scale: float
    fill_value: float
    parts: tuple[str, ...]
    indicator: bool
    words: tuple[str, ...] = ()
    zone: str = ""
    order: Order = ""

    @classmethod
    def learn(cls, name: str, values: Values, words: tuple[str, ...] = ()) -> DateColumn:
        """Learn where the dates lie and which parts of them differ."""
        dates = values.dates(words)
        missing = np.isnat(dates)
        present = dates[~missing]
        days = days_of(present)
        median, scale = robust(days)
        fill_value = float(clipped(days, median, scale).mean()) if scale > 0 else 0.0
        told_apart = {part: np.unique(_part(present, part)) for part in PARTS}
        if (told_apart["day"] == 0).all():
            del told_apart["weekday"]
        parts = tuple(part for part, found in told_apart.items() if len(found) > 1)
        indicator = bool(missing.any())
        told = words, values.zone, values.texts.order
        return cls(name, median, scale, fill_value, parts, indicator, *told)

    @property
    def holds(self) -> str:
        """Dates."""
        return "a date"

    @property
    def clock(self) -> str:
        """By whose clock its dates are, to follow what they are; "" if that is not known."""
        return f" by the clock of {self.zone}" if self.zone else ""

    @property
    def numbers(self) -> int:
        """1, or 0 for a column of one date."""
        return int(self.scale > 0)

    @property
    def flags(self) -> int:
        """Two for each part, and the indicator."""
        return 2 * len(self.parts) + self.indicator

    def read(self, values: Values, note: Note) -> Array:
        """Return the dates of new rows by the clock of training, NaT where missing or none."""
        return values.in_zone(self.zone).dates(self.words, self.order, note)

    def fill(self, values: Values, numbers: Array, flags: Array, codes: Array, note: Note) -> None:
        """Write the trend, the parts and the indicator."""
        dates = self.read(values, note)
        missing = np.isnat(dates)
        if self.indicator:
            flags[:, -1] = missing
        else:
            self.tell_missing(missing, "the mean date", note)
        dates = np.where(missing, np.datetime64(0, "us"), dates)
        if self.numbers:
            trend = clipped(days_of(dates), self.median, self.scale)
            numbers[:, 0] = np.where(missing, self.fill_value, trend)
        for i, part in enumerate(self.parts):
            angle = 2 * np.pi * _part(dates, part) / PARTS[part]
            flags[:, 2 * i] = np.where(missing, 0, np.sin(angle))
            flags[:, 2 * i + 1] = np.where(missing, 0, np.cos(angle))


def days_of(dates: Array) -> Array:
    """Return days since 1970, with fractions."""
    days: Array = dates.astype(np.int64) / 86_400e6
    return days


def _part(dates: Array, part: str) -> Array:
    """Return a part of the calendar, from 0."""
    day = dates.astype("M8[D]")
    month = day.astype("M8[M]")
    found: Array
    if part == "month":
        found = month.astype(np.int64) % 12
    elif part == "weekday":
        found = (day.astype(np.int64) + 3) % 7  # 1970 began with a Thursday
    elif part == "day":
        found = (day - month.astype("M8[D]")).astype(np.int64)
    else:
        found = (dates - day).astype("m8[m]").astype(np.int64) / 60
    return found
