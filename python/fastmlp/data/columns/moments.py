"""Texts that are dates, times of day and durations, as people and programs write them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import numpy as np

from fastmlp.data.texts import MISSING

#: Whether of 3/4/2024 the day or the month is in front; "" if that is not known.
Order: TypeAlias = Literal["dmy", "mdy", ""]

_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d(?:\.\d{1,9})?))?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?"
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMED = (
    r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?"
    r"|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"
)
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?"
#: The time of ISO 8601, of two digits for each part with colons between them or without.
_ISO_CLOCK = (
    r"(?P<hour>\d\d)(?:(?P<colon>:?)(?P<minute>\d\d)"
    r"(?:(?P=colon)(?P<second>\d\d(?:[.,]\d{1,9})?))?)?"
)


def _dated(date: str) -> re.Pattern[str]:
    """Compile a way to write a date, and a time of the day if there is one."""
    return re.compile(rf"{date}(?:(?:T|,? ){_CLOCK}{_ZONE})?", re.IGNORECASE)


_YEAR_FIRST = _dated(r"(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})")
_ISO = re.compile(
    r"(?P<year>\d{4})(?P<sep>-?)(?P<month>\d\d)(?P=sep)(?P<day>\d\d)(?:T|(?<=-\d\d) )"
    rf"{_ISO_CLOCK}{_ZONE}",
    re.IGNORECASE,
)
_MONTH_NAME_FIRST = _dated(rf"(?P<name>{_NAMED}) (?P<day>\d{{1,2}}),? (?P<year>\d{{4}})")
_DAY_FIRST = _dated(rf"(?P<day>\d{{1,2}})(?P<sep>[ -])(?P<name>{_NAMED})(?P=sep)(?P<year>\d{{4}})")
_POINTS = _dated(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})")
#: 3/4/2024 may be either of two days.
_STROKES = _dated(r"(?P<first>\d{1,2})(?P<sep>[/-])(?P<other>\d{1,2})(?P=sep)(?P<year>\d{4})")
#: Years that a month, a quarter or a week may be of; others are rather codes.
_YEAR = r"(?P<year>(?:1[89]|2[01])\d\d)"
_MONTH = re.compile(rf"{_YEAR}[-/](?P<month>\d\d)")
_QUARTER = re.compile(rf"{_YEAR}[- ]?Q(?P<quarter>[1-4])", re.IGNORECASE)
_WEEK = re.compile(
    rf"{_YEAR}-?W(?P<week>\d\d)(?:-?(?P<weekday>[1-7])(?:T{_ISO_CLOCK}{_ZONE})?)?", re.IGNORECASE
)
_NAMED_MONTH = re.compile(rf"(?P<name>{_NAMED})[ -]{_YEAR}", re.IGNORECASE)
_MONTH_IN_FRONT = re.compile(rf"(?P<month>\d{{1,2}})/{_YEAR}")
_QUARTER_IN_FRONT = re.compile(rf"Q(?P<quarter>[1-4])[- /]{_YEAR}", re.IGNORECASE)
#: Of texts that begin with a number, by what follows it.
_BY_SEPARATOR = {
    ".": (_POINTS,),
    "/": (_STROKES, _MONTH_IN_FRONT),
    "-": (_STROKES, _DAY_FIRST),
    " ": (_DAY_FIRST,),
}
_PLACES = ("first", "other")
_UNITS = ("days", "hour", "minute", "second")
_TIME = re.compile(_CLOCK, re.IGNORECASE)
_DURATION = re.compile(
    r"(?=.)(?:(?P<days>-?\d+) days?,? ?)?"
    r"(?:(?P<sign>[+-])?(?P<hour>\d+):(?P<minute>\d\d):(?P<second>\d\d(?:\.\d{1,9})?))?"
)
_ISO_DURATION = re.compile(
    r"(?P<sign>-)?P(?=.)(?:(?P<days>-?\d+)D)?(?:T(?=.)(?:(?P<hour>-?\d+)H)?(?:(?P<minute>-?\d+)M)?"
    r"(?:(?P<second>-?\d+(?:\.\d{1,9})?)S)?)?"
)


def order_of(texts: Iterable[str]) -> Order:
    """Tell from all texts of a column what is in front in dates with strokes or hyphens.

    A day beyond 12 decides. If there is none, or there are some in both places, nothing does.

    Examples
    --------
    >>> order_of(["1/2/2026", "1/31/2026"]), order_of(["1/2/2026"])
    ('mdy', '')
    """
    found = [match for text in texts if (match := _STROKES.fullmatch(text.strip()))]
    pairs = {(int(match["first"]) > 12, int(match["other"]) > 12) for match in found}
    decided = pairs - {(False, False), (True, True)}
    if len(decided) != 1:
        return ""
    return "dmy" if (True, False) in decided else "mdy"


def dates_of(texts: Iterable[str], order: Order = "") -> dict[str, np.datetime64]:
    """Read every text that is a date, or stands for a missing one; others are left out.

    What a text says of its time zone is not read: 18:30 is 18:30. Months, quarters and weeks are
    the day they begin with, as periods of pandas are.

    Examples
    --------
    >>> dates_of(["2026-01-31", "soon"])
    {'2026-01-31': np.datetime64('2026-01-31T00:00:00.000000')}
    >>> list(dates_of(["2026/01/31", "31.1.2026", "31-Jan-2026", "Jan 31, 2026", "1/31/2026"]))
    ['2026/01/31', '31.1.2026', '31-Jan-2026', 'Jan 31, 2026']
    >>> dates_of(["1/31/2026 6:30 PM"], "mdy")
    {'1/31/2026 6:30 PM': np.datetime64('2026-01-31T18:30:00.000000')}
    >>> [str(date) for date in dates_of(["2026-01-31T18", "20260131T183005,5Z"]).values()]
    ['2026-01-31T18:00:00.000000', '2026-01-31T18:30:05.500000']
    >>> [str(day)[:10] for day in dates_of(["2026-02", "2026-Q2", "2026-W03", "Mar 2026"]).values()]
    ['2026-02-01', '2026-04-01', '2026-01-12', '2026-03-01']
    """
    found: dict[str, np.datetime64] = {}
    for text in texts:
        if text in MISSING:
            found[text] = np.datetime64("NaT", "us")
        elif (date := _date(text.strip(), order)) is not None:
            found[text] = date
    return found


def seconds_of(texts: Iterable[str]) -> dict[str, float]:
    """Read every text that is a time of day or a duration, or stands for a missing one, in seconds.

    Durations are those of Python, of pandas, and of ISO 8601 without years and months.

    Examples
    --------
    >>> seconds_of(["12:30", "12:30:05.5", "1:05 pm", "25:61", "noon"])
    {'12:30': 45000.0, '12:30:05.5': 45005.5, '1:05 pm': 47100.0}
    >>> list(seconds_of(["36:00:00", "1 days 12:00:00", "-1 day, 23:59:00", "P1DT12H"]).values())
    [129600.0, 129600.0, -60.0, 129600.0]
    """
    found: dict[str, float] = {}
    for text in texts:
        if text in MISSING:
            found[text] = np.nan
        elif (":" in text or "d" in text or "P" in text) and (
            seconds := _seconds(text.strip())
        ) is not None:
            found[text] = seconds
    return found


def are_no_months(texts: Sequence[str]) -> bool:
    """Tell texts that mostly have the form of months and are none: numbers of a year, seasons.

    Examples
    --------
    >>> are_no_months(["2026-12", "2026-13"]), are_no_months(["2000-01", "2001-02", "2002-03"])
    (True, True)
    >>> are_no_months(["2026-12", "2027-01"])
    False
    """
    found = [match for text in texts if (match := _MONTH.fullmatch(text.strip()))]
    if 2 * len(found) <= len(texts):
        return False
    pairs = {(int(match["year"]), int(match["month"])) for match in found}
    if any(not 1 <= month <= 12 for _, month in pairs):
        return True
    return len(pairs) > 1 and all(month == (year + 1) % 100 for year, month in pairs)


def _match(text: str) -> re.Match[str] | None:
    """Match the ways to write a date that its first characters leave."""
    head = text[:4]
    ways: tuple[re.Pattern[str], ...] = ()
    if head.isdecimal():
        ways = (_YEAR_FIRST, _ISO, _MONTH, _WEEK, _QUARTER)
    elif head[:3].lower() in _MONTHS:
        ways = (_MONTH_NAME_FIRST, _NAMED_MONTH)
    elif head[:1].isdecimal():
        ways = _BY_SEPARATOR.get(head.lstrip("0123456789")[:1], ())
    elif head[:1] in ("Q", "q"):
        ways = (_QUARTER_IN_FRONT,)
    return next((match for way in ways if (match := way.fullmatch(text))), None)


def _date(text: str, order: Order) -> np.datetime64 | None:
    match = _match(text)
    if match is None:
        return None
    given = match.groupdict()
    time = _time_of_day(match) if "hour" in given else 0.0
    if time is None:
        return None
    if "first" in given:
        if not order:
            return None
        day, month = (given[place] for place in (_PLACES if order == "dmy" else _PLACES[::-1]))
    elif "quarter" in given:
        day, month = "1", str(3 * int(given["quarter"]) - 2)
    else:
        day, month = given.get("day", "1"), given.get("month", "")
        if "name" in given:
            month = str(_MONTHS.index(given["name"][:3].lower()) + 1)
    try:
        if "week" in given:
            which = int(given["year"]), int(given["week"]), int(given["weekday"] or 1)
            midnight = np.datetime64(datetime.date.fromisocalendar(*which), "us")
        else:
            midnight = np.datetime64(f"{given['year']}-{month:>02}-{day:>02}", "us")
    except ValueError:  # the 30th of February, a week 53
        return None
    return midnight + np.timedelta64(round(1e6 * time), "us")


def _seconds(text: str) -> float | None:
    if (match := _TIME.fullmatch(text)) and (time := _time_of_day(match)) is not None:
        return time
    match = _DURATION.fullmatch(text) or _ISO_DURATION.fullmatch(text)
    if match is None:
        return None
    days, hours, minutes, seconds = (float(match[part] or 0) for part in _UNITS)
    if match.re is _DURATION and not max(minutes, seconds) < 60:
        return None
    rest = 3600 * hours + 60 * minutes + seconds
    if match["sign"] != "-":
        return 86_400 * days + rest
    return -86_400 * days - rest if match.re is _ISO_DURATION else 86_400 * days - rest


def _time_of_day(match: re.Match[str]) -> float | None:
    """Return seconds since midnight, 0 where no time is given, None if there is no such time."""
    hour, minute, second = (float((match[part] or "0").replace(",", ".")) for part in _UNITS[1:])
    if not max(minute, second) < 60 or hour > 23:
        return None
    if half := match.groupdict().get("half"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half.lower() == "p")
    return 3600 * hour + 60 * minute + second
