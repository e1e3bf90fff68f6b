"""Dates and times as people write them are those that computers write."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmlp.data.columns.category import CategoryColumn
from fastmlp.data.columns.date import DateColumn
from fastmlp.data.columns.moments import dates_of
from fastmlp.data.columns.number import NumberColumn
from fastmlp.data.table import Preprocessing

pd = pytest.importorskip("pandas")
learn = Preprocessing.learn


@pytest.mark.parametrize("style", ["%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%Y/%m/%d 00:00"])
def test_dates_with_strokes_and_points_are_those_with_hyphens(style):
    days = np.arange("2024-02-01", "2024-04-10", dtype="datetime64[D]").tolist()
    iso, others = [str(day) for day in days], [day.strftime(style) for day in days]
    prepare = learn({"d": iso})
    assert learn({"d": others}) == prepare
    assert_array_equal(prepare.transform({"d": others}), prepare.transform({"d": iso}))


def test_dates_that_may_be_two_days_are_texts_with_a_remedy():
    notes = []
    days = [f"{month}/{day}/2024" for day in range(1, 4) for month in range(1, 4)]
    prepare = learn({"d": days * 9, "n": range(81)}, note=notes.append)
    assert [type(column) for column in prepare.columns] == [CategoryColumn, NumberColumn]
    assert notes == [
        "column 'd' is taken as texts, not dates ('1/1/2024', '1/2/2024', '1/3/2024', …); "
        "write dates as 2024-05-31, for 3/4/2024 may be either of two days"
    ]


@pytest.mark.parametrize(
    ("style", "order", "said"),
    [
        ("%d/%m/%Y", "dmy", ", the day in front"),
        ("%m/%d/%Y", "mdy", ", the month in front"),
        ("%m-%d-%Y %I:%M %p", "mdy", ", the month in front"),
        ("%d-%b-%Y", "", ""),
        ("%d %B %Y 00:00:00", "", ""),
        ("%B %d, %Y", "", ""),
    ],
)
def test_dates_as_people_write_them_are_those_of_iso(style, order, said):
    days = np.arange("2024-02-01", "2024-04-10", dtype="datetime64[D]").tolist()
    iso, others, notes = [str(day) for day in days], [day.strftime(style) for day in days], []
    prepare = learn({"d": others}, note=notes.append)
    assert notes[0].endswith(f"taken as dates{said}")
    assert prepare.columns == (replace(learn({"d": iso}).columns[0], order=order),)
    assert Preprocessing.from_json(prepare.to_json()) == prepare
    X = prepare.transform({"d": iso})
    # What training found of days and months holds for rows that leave it open.
    for day, expected in zip(others, X, strict=True):
        assert_array_equal(prepare.transform({"d": [day]}), expected[None])
    assert_array_equal(prepare.transform({"d": days}), X)


ISO = ["T%H", " %H", "T%H%M", "T%H%M%S", "T%H:%M:%S,500", "T%H:%M:%S.500Z", "T%H+0100", "t%H:%Mz"]


@pytest.mark.parametrize("time", ISO)
@pytest.mark.parametrize("date", ["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%GW%V%u"])
def test_dates_of_iso_8601_are_read_in_all_of_its_forms(date, time):
    moments = [
        datetime.datetime(2026, 1, 1, 5) + datetime.timedelta(hours=31 * i) for i in range(40)
    ]
    half = np.timedelta64(500, "ms") if "500" in time else np.timedelta64(0, "ms")
    texts = [moment.strftime(date + time) for moment in moments]
    known = dates_of(texts)
    if time[0] == " " and date != "%Y-%m-%d":
        assert known == {}
        return
    assert [known[text] for text in texts] == [np.datetime64(m, "us") + half for m in moments]
    for text, date in known.items():  # as pandas reads them, but for what only ISO has
        if "W" not in text:
            expected = pd.Timestamp(text.replace(",", "."))
            assert expected.tz_localize(None) == date
    assert isinstance(learn({"d": texts}).columns[0], DateColumn)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-31T",
        "2026-01-31T24",
        "2026-01-31T1",
        "2026-0131T10",
        "20260131T10:3",
        "2026-01-31T10:3005",
    ],
)
def test_what_only_looks_like_iso_8601_is_no_date(text):
    assert dates_of([text]) == {}


def test_days_and_months_in_both_places_are_no_dates_and_new_rows_keep_the_order():
    mixed = [f"{day}/1/2024" for day in range(13, 31)] + [f"1/{day}/2024" for day in range(13, 31)]
    with pytest.raises(ValueError, match="3/4/2024 may be either of two days"):
        learn({"d": mixed}, kinds={"d": "date"})
    prepare = learn({"d": [f"1/{day}/2024" for day in range(1, 31)]})
    with pytest.raises(ValueError, match=r"'d' must hold dates, but 11 of its 12 .*'31/1/2024'"):
        prepare.transform({"d": ["1/2/2024", *["31/1/2024"] * 11]})
    iso = learn({"d": [f"2024-01-{day:02}" for day in range(1, 31)]})
    with pytest.raises(ValueError, match="write dates as 2024-05-31"):
        iso.transform({"d": ["1/31/2024"] * 10})


def test_months_quarters_and_weeks_are_the_days_they_begin_with():
    months = np.arange("2014-03", "2017-09", dtype="datetime64[M]").tolist()
    iso = learn({"d": [str(month) for month in months]})
    assert iso.columns[0].parts == ("month",)  # the weekday of a first day says nothing
    X = iso.transform({"d": [str(month) for month in months]})
    for style in ("%Y-%m", "%Y/%m", "%m/%Y", "%b %Y", "%B-%Y"):
        texts, notes = [month.strftime(style) for month in months], []
        assert learn({"d": texts}, note=notes.append) == iso
        assert notes[0].endswith("taken as dates")
        assert_array_equal(iso.transform({"d": texts}), X)
        assert_array_equal(iso.transform({"d": texts[5:6]}), X[5:6])
    periods = pd.period_range("2014-03", "2017-08", freq="M")
    for given in (pd.Series(periods), periods.astype(str).to_numpy(), periods.to_timestamp()):
        assert learn({"d": given}) == iso
        assert_array_equal(iso.transform({"d": given}), X)
    begins = learn({"d": [str(day) for day in pd.date_range("2014-01-01", freq="QS", periods=9)]})
    quarters = pd.period_range("2014Q1", freq="Q", periods=9)
    for given in (quarters.astype(str).tolist(), [f"Q{q.quarter} {q.year}" for q in quarters]):
        assert learn({"d": given}) == begins
    mondays = pd.date_range("2014-12-29", freq="W-MON", periods=60)
    weeks = [f"{day.year}-W{day.week:02}" for day in mondays.isocalendar().itertuples()]
    assert learn({"d": weeks}) == learn({"d": mondays})


@pytest.mark.parametrize(
    "codes",
    [
        [f"2015-{number:02}" for number in range(1, 14)],  # 13 is no month
        [f"20{year:02}-{year + 1:02}" for year in range(12)],  # seasons
        [f"4711-{number:02}" for number in range(1, 13)],
        [f"2015-W{week}" for week in range(50, 64)],
        [f"2015-Q{number}" for number in range(1, 6)],
    ],
)
def test_codes_of_the_form_of_months_are_categories(codes):
    assert isinstance(learn({"d": codes * 2}).columns[0], CategoryColumn)
    days = [f"2015-03-{day:02}" for day in range(1, 31)] * 9
    assert isinstance(learn({"d": [*days, *codes]}).columns[0], DateColumn)


SECONDS = np.arange(61, 86400, 5000)


@pytest.mark.parametrize(
    "write",
    [
        lambda seconds: f"{datetime.timedelta(seconds=seconds)}",
        lambda seconds: f"0 days {datetime.timedelta(seconds=seconds)!s:>08}",
        lambda seconds: f"PT{seconds // 60}M{seconds % 60}S",
        lambda seconds: (
            f"{datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=seconds):%I:%M:%S %p}"
        ),
    ],
)
def test_texts_of_times_are_seconds_as_durations_are(write):
    texts, notes = [write(int(seconds)) for seconds in SECONDS], []
    prepare = learn({"t": texts}, note=notes.append)
    assert notes[0].endswith("taken as numbers of seconds")
    assert Preprocessing.from_json(prepare.to_json()) == prepare
    numbers = learn({"t": SECONDS}).columns[0]
    assert prepare.columns == (replace(numbers, seconds=True),)
    X = prepare.transform({"t": texts})
    durations = SECONDS * np.timedelta64(1, "s")
    times = [
        (datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=int(s))).time() for s in SECONDS
    ]
    for same in (SECONDS, durations, durations.tolist(), times):
        assert_array_equal(prepare.transform({"t": same}), X)
    # What learned from durations reads texts, what learned from plain numbers doesn't.
    assert learn({"t": durations}) == learn({"t": times}) == prepare
    assert_array_equal(learn({"t": durations}).transform({"t": texts}), X)
    with pytest.raises(ValueError, match="'t' must hold numbers, but 18 of its 18 values do not"):
        learn({"t": SECONDS}).transform({"t": texts})


def test_a_text_among_times_is_missing_with_a_note():
    notes = []
    prepare = learn({"t": [*(f"{hour}:30" for hour in range(24)), "noon"] * 2}, note=notes.append)
    assert notes == [
        "column 't' holds texts that are no times, taken as missing: 'noon', the first "
        "in row 25 (index 24)"
    ]
    with pytest.raises(ValueError, match=r"'t' must hold times, but 11 of .*'25:30', .*row 2"):
        prepare.transform({"t": ["noon", *["25:30"] * 11]})
    results = {"score": ["2:1", "0:0", "1:3", "2:2"] * 3}  # minutes have two digits
    assert type(learn(results).columns[0]) is CategoryColumn
