"""Columns of every kind become the numbers they should, and errors name column and row."""

from __future__ import annotations

import datetime
import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmlp.data.columns.category import CategoryColumn, FlagColumn
from fastmlp.data.columns.date import DateColumn
from fastmlp.data.columns.number import NumberColumn, TailedColumn
from fastmlp.data.columns.targets import ClassTarget
from fastmlp.data.columns.words import Strange
from fastmlp.data.table import Preprocessing

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

nan = math.nan
NOON = datetime.datetime(2026, 1, 31, 12, 30)
learn = Preprocessing.learn


# --- numbers ---------------------------------------------------------------------------------


def test_numbers_of_any_scale_become_small_ones():
    x = np.linspace(-1, 1, 9)
    expected = learn({"a": x}).transform({"a": x})
    for scale in (1e300, 1e-300, 1.7e308, 1e-320, 1e10):
        # Denormal numbers have few digits.
        tolerance = 0.02 if scale < 1e-308 else 1e-6
        assert_allclose(
            learn({"a": x * scale}).transform({"a": x * scale}), expected, atol=tolerance
        )
    assert_allclose(learn({"a": x + 1e6}).transform({"a": x + 1e6}), expected, atol=1e-6)
    X = learn({"a": x}).transform({"a": [1e308, -1e308, 1e300, -1e9]})
    assert_allclose(X[:, 0], [3, -3, 3, -3], rtol=1e-6)


def test_numbers_that_are_mostly_one_are_scaled_by_half_their_range():
    (column,) = learn({"a": [5.0] * 9 + [7.0]}).columns
    assert (column.median, column.scale) == (5.0, 1.0)


def test_numbers_with_long_tails_are_told_from_each_other_far_from_the_median():
    tailed = np.exp(1.5 * np.random.default_rng(0).normal(size=500))
    prepare = learn({"calm": np.log(tailed), "tailed": tailed, "gaps": np.append(tailed[1:], nan)})
    assert [type(column) for column in prepare.columns] == [
        NumberColumn,
        TailedColumn,
        TailedColumn,
    ]
    assert Preprocessing.from_json(prepare.to_json()) == prepare
    far = np.array([0.0, 10, 30, 100, 1e3, 1e9, 1e308, nan])
    X = prepare.transform({"calm": far, "tailed": far, "gaps": far})
    scale, median = prepare.columns[1].scale, prepare.columns[1].median
    expected = np.minimum(3 * np.arcsinh((far[:6] - median) / scale / 3), 12)
    assert_allclose(X[:6, 1], expected, rtol=1e-6)
    assert np.diff(X[:5, 1]).min() > 1
    assert X[6, 1] == X[5, 1] == 12
    assert X[7, 1] == np.float32(prepare.columns[1].fill_value)


def test_one_outlier_makes_no_long_tail():
    x = [*np.random.default_rng(0).normal(size=199), 1e6]
    assert type(learn({"a": x}).columns[0]) is NumberColumn
    assert type(learn({"a": [*x, -1e6, 1e6]}).columns[0]) is TailedColumn


def test_a_column_of_one_number_and_gaps_is_a_flag_of_the_gaps():
    prepare = learn({"a": [5.0, nan, 5.0, nan]})
    assert prepare.columns == (NumberColumn("a", 5.0, 0.0, 0.0, True),)
    assert_array_equal(prepare.transform({"a": [5.0, nan, 9.0]}), [[0], [1], [0]])


def test_a_number_missing_for_the_first_time_is_told_and_becomes_the_mean():
    prepare = learn({"a": [1.0, 2.0, 9.0]})
    notes = []
    X = prepare.transform({"a": [nan, None, 1.0]}, notes.append)
    assert X[0, 0] == X[1, 0] == pytest.approx(prepare.transform({"a": [1, 2, 9]}).mean())
    assert notes == ["column 'a': 2 values missing, which training never saw; taken as its mean"]


@pytest.mark.parametrize("wrong", [math.inf, -math.inf, 10**400, "inf"])
def test_infinities_are_errors_that_name_column_and_row(wrong):
    prepare = learn({"a": [1.0, 2.0]})
    message = "column 'a' holds 1 infinite value, the first in row 2 .*; give finite numbers"
    with pytest.raises(ValueError, match=message):
        prepare.transform({"a": [1, wrong]})
    if not isinstance(wrong, str):
        with pytest.raises(ValueError, match=message):
            learn({"a": [1, wrong]})


def test_texts_that_are_numbers_are_numbers_with_a_note_unless_they_are_codes():
    notes = []
    table = {"n": ["1", "2.5", "NA", " 7"], "code": ["007", "42", "007", "42"]}
    prepare = learn(table, note=notes.append)
    assert [type(column) for column in prepare.columns] == [NumberColumn, CategoryColumn]
    assert notes == ["column 'n' holds texts that are numbers (' 7', '1', '2.5'); taken as numbers"]
    assert_array_equal(
        prepare.transform({"n": [1, 2.5, None, 7], "code": ["007"] * 4})[:, :1],
        prepare.transform(table)[:, :1],
    )


@pytest.mark.parametrize(
    ("texts", "unit"),
    [
        (["7 kg", "12.5 kg", "3 kg"], "kg"),
        (["20.5°C", "3.0°C"], "°C"),
        (["1.5k", "20.0k"], "k"),
        (["R$ 4.20", "R$ 17.00"], "R$"),
        (["5a", "6a"], ""),
        (["1st", "2nd"], ""),
        (["Room 3", "Room 4"], ""),
        (["3 kg", "3 m"], ""),
        (["3 kg", "red"], ""),
    ],
)
def test_numbers_with_a_unit_that_is_not_known_are_texts_with_a_note(texts, unit):
    notes = []
    (column,) = learn({"a": texts * 9}, note=notes.append).columns
    assert isinstance(column, CategoryColumn)
    said = [note.partition("; ")[2] for note in notes]
    assert said == ([f"they are numbers if written without {unit!r}"] if unit else [])


def test_numbers_that_may_be_milliseconds_say_so_where_dates_are_wanted():
    prepare = learn({"a": np.arange("2026-01-01", "2026-01-31", dtype="M8[D]")})
    with pytest.raises(ValueError, match=r"holds numbers, .*; milliseconds since 1970.*unit='ms'"):
        prepare.transform({"a": [1767225600000, 1767312000000]})
    with pytest.raises(ValueError, match=r"holds numbers, .*; write them as 2026-01-31 or"):
        prepare.transform({"a": [1, 2]})


def test_a_few_texts_among_many_numbers_or_dates_are_missing_values_with_a_note():
    notes = []
    days = [f"2026-01-{day:02}" for day in range(1, 29)]
    table = {"n": [*map(str, range(27)), "soon"], "d": [*days[:26], "soon", "NA"]}
    prepare = learn(table, note=notes.append)
    assert notes == [
        "column 'n' holds texts that are no numbers, taken as missing: 'soon', the first "
        "in row 28 (index 27); it is the last row: leave it out if it sums up the others",
        "column 'd' holds texts that are no dates, taken as missing: 'soon', the first "
        "in row 27 (index 26)",
    ]
    assert [column.words for column in prepare.columns] == [("soon",)] * 2
    assert Preprocessing.from_json(prepare.to_json()) == prepare
    gaps = {"n": [*range(27), None], "d": [*days[:26], None, None]}
    assert_array_equal(prepare.transform(table), prepare.transform(gaps))
    with pytest.raises(ValueError, match=r"'n' must hold numbers, .*'soon', .* row 1 .*; correct"):
        learn({"n": ["soon", "1", "later"]}, kinds={"n": "number"})


def test_texts_among_few_numbers_are_categories_unless_kinds_say_numbers():
    table = {"a": ["1", "2", "3", "4 or more"] * 2}
    assert learn(table).columns == (CategoryColumn("a", ("1", "2", "3", "4 or more"), False),)
    (column,) = learn(table, kinds={"a": "number"}).columns
    assert column == NumberColumn("a", 2.0, 1.5, pytest.approx(0), True, ("4 or more",))


def test_texts_and_dates_among_numbers_are_errors_that_name_the_row():
    prepare = learn({"a": [1, 2]})
    with pytest.raises(
        ValueError, match=r"'a' must hold numbers, but 10 of its 11 values do not: 'so', .*row 2"
    ):
        prepare.transform({"a": ["3"] + ["so"] * 10})
    with pytest.raises(ValueError, match=r"'a' must hold numbers, but holds dates, .* row 2"):
        prepare.transform({"a": [None, NOON]})


def test_blanks_are_missing():
    for blank in ("", " ", "\t"):
        table = {"a": ["1.5", blank, "2.5"], "c": ["x", blank, "x"], "f": ["no", "yes", blank]}
        prepare = learn(table)
        assert prepare.columns[0].indicator
        assert prepare.columns[1].others
        X = prepare.transform({"a": [blank], "c": [blank], "f": [blank]})
        assert_array_equal(X[0, 1:], [1, 1, 0])


# --- categories and flags --------------------------------------------------------------------


def test_categories_are_flags_up_to_nine_and_codes_beyond():
    for count, layout in ((3, (3, ())), (9, (9, ())), (10, (0, (11,)))):
        texts = [f"k{i:02}" for i in range(count)] * 2
        prepare = learn({"a": texts})
        assert (prepare.layout.flags, prepare.layout.codes) == layout
        X = prepare.transform({"a": [*texts[:count], "never"]})
        if count < 10:
            assert_array_equal(X, np.eye(count + 1, count))
        else:
            assert_array_equal(X[:, 0], [*range(1, 11), 0])


def test_rare_missing_and_unknown_categories_share_a_place():
    prepare = learn({"a": ["x", "x", "y", "y", "once", None]})
    assert prepare.columns == (CategoryColumn("a", ("x", "y"), others=True),)
    notes = []
    X = prepare.transform({"a": ["y", "once", None, "never", nan]}, notes.append)
    assert_array_equal(X, [[0, 1, 0]] + [[0, 0, 1]] * 4)
    assert not notes


def test_unknown_and_missing_categories_are_told_if_training_had_none():
    prepare = learn({"a": ["x", "x", "y", "y", "z", "z"]})
    notes = []
    assert not prepare.transform({"a": ["w", None, "v"]}, notes.append).any()
    assert notes == [
        "column 'a': 1 value missing, which training never saw; taken as none of its categories",
        "column 'a': 2 values not seen in training ('w', 'v'), taken as none of its categories",
    ]


@pytest.mark.parametrize(
    "learned", [["x", "y", "z"], ["x", "y", "z", None], ["up", "no"], [f"c{i}" for i in range(50)]]
)
def test_a_column_of_unknown_values_alone_is_strange(learned):
    prepare = learn({"a": learned * 5})

    def strange(values):
        notes = []
        prepare.transform({"a": values}, notes.append)
        return [note for note in notes if isinstance(note, Strange)]

    assert not strange(["X"] * 9)
    assert not strange(["X"] * 99 + [learned[0]])
    assert not strange([None] * 20)
    (said,) = strange([*["X"] * 10, None])
    assert said.startswith("column 'a': none of its 10 values was seen in training ('X'); taken as")


def test_categories_are_found_whatever_type_they_come_in():
    for given in (
        ["1", "2", "3"] * 2,
        pd.Categorical([1, 2, 3] * 2),
        pd.Categorical(list("123123")),
    ):
        prepare = learn({"a": given}, kinds={"a": "category"})
        for column in (
            [3, 1, 9],
            [3.0, 1.0, nan],
            ["3", "1", "x"],
            ["3.0", "1.0", ""],
            np.array([3, 1, 9], dtype="u1"),
            pd.Categorical([3, 1, 4], categories=[4, 3, 1]),
            pd.Categorical(["3", "1", None], categories=["3", "2", "1"]),
            pd.array([3, 1, None], dtype="Int64"),
            pa.array(["3", "1", None]).dictionary_encode(),
        ):
            assert_array_equal(prepare.transform({"a": column}), [[0, 0, 1], [1, 0, 0], [0, 0, 0]])


def test_blanks_around_texts_and_names_that_some_readers_keep_do_not_count():
    table = {"a": ["x", "y", "z"] * 4, "b": ["up", "down"] * 6, "c": ["yes", "no"] * 6}
    spaced = {f" {name}": [f" {text} " for text in texts] for name, texts in table.items()}
    kinds = {"b": "flag"}
    expected = learn(table, kinds=kinds).transform(table)
    notes = []
    for learned in (learn(table, kinds=kinds), learn(spaced, kinds={" b": "flag"})):
        for given in (table, spaced):
            assert_array_equal(learned.transform(given, notes.append), expected)
    assert notes == []
    both = {"a": ["x", " x"] * 4}  # these blanks are all that there is
    assert len(np.unique(learn(both).transform(both))) == 2
    X = learn({"a": [1.0, 2.0]}).transform({" a": [9.0, 9.0], "a": [1.0, 2.0]})
    assert_array_equal(X, learn({"a": [1.0, 2.0]}).transform({"a": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="lacks 1 of the 1 columns"):
        learn({"a": [1.0, 2.0]}).transform({" a": [1.0], "a ": [1.0]})


def test_codes_that_were_taken_for_numbers_are_found_where_one_is_meant():
    codes = ["007", "0010", "12", "x"] * 4
    learned = learn({"a": codes})
    expected = learned.transform({"a": codes})
    found = learned.transform({"a": pd.Series([7, 10, 12, None] * 4, dtype="Int64")})
    assert_array_equal(found[::4], expected[::4])
    assert_array_equal(found[1::4], expected[1::4])
    assert_array_equal(found[2::4], expected[2::4])
    assert_array_equal(found[3::4], 0)
    assert_array_equal(learned.transform({"a": [7.5, 8, 70]}), 0)
    assert_array_equal(learned.transform({"a": ["7", "10", "x"]})[:2], 0)  # these are texts
    both = learn({"a": ["07", "007", "x"] * 4})
    assert_array_equal(both.transform({"a": [7, 7]}), 0)


@pytest.mark.parametrize("kind", ["int64", "uint64", "Int64", "int64[pyarrow]", "object"])
@pytest.mark.parametrize("gaps", [False, True])
def test_codes_beyond_2_to_the_53_are_categories_that_stay_apart(kind, gaps):
    """float64 has one number for 2^53 and 2^53 + 1."""
    codes = [2**53 + i % 3 for i in range(12)]
    if gaps:
        codes[5] = None
    if gaps and kind in ("int64", "uint64"):
        pytest.skip("it has no missing values")
    column = pd.Series(codes, dtype=kind)
    prepare = learn({"a": column})
    (learned,) = prepare.columns
    assert isinstance(learned, CategoryColumn)
    whole = prepare.transform({"a": column})
    assert len(np.unique(whole, axis=0)) == 3 + gaps
    for i in range(3):  # one row at a time, too
        assert_array_equal(prepare.transform({"a": column[i : i + 1]}), whole[i : i + 1])
    assert_array_equal(prepare.transform({"a": column.tolist()}), whole)


def test_large_integers_that_hardly_repeat_are_numbers():
    times = np.arange(12) * 3_600_000_000_000 + 1_700_000_000_000_000_000
    (learned,) = learn({"a": times}).columns
    assert isinstance(learned, NumberColumn)


def test_a_number_column_reads_texts_and_categories():
    prepare = learn({"a": [1, 2, 3]})
    expected = prepare.transform({"a": [3, 1]})
    for column in (["3", "1.0"], pd.Categorical(["3", "1"]), pd.Categorical([3, 1]), [3, True]):
        assert_array_equal(prepare.transform({"a": column}), expected)


@pytest.mark.parametrize(
    "given",
    [
        [True, False, True],
        np.array([True, False, True]),
        ["yes", "no", "Yes"],
        ["F", "t", None, "F"],
        ["on", "off", "NA"],
        pd.Categorical([True, False]),
    ],
)
def test_true_and_false_are_understood_in_any_words(given):
    prepare = learn({"a": given})
    assert [type(column) for column in prepare.columns] == [FlagColumn]
    assert_array_equal(np.unique(prepare.transform({"a": given})[:2]), [-1, 1])
    for column in (
        [True, False, None],
        ["TRUE", "False", ""],
        ["yes", "NO", "n/a"],
        [1, 0, nan],
        ["1", "0.0".removesuffix(".0"), None],
        pd.array([True, False, None], dtype="boolean"),
    ):
        assert_array_equal(prepare.transform({"a": column}), [[1], [-1], [0]])
    notes = []
    assert prepare.transform({"a": ["maybe"]}, notes.append) == 0
    assert (
        "; 1 other value is taken as missing: 'maybe', the first in row 1 (index 0); correct them"
        in notes[0]
    )


def test_ten_thousand_categories_are_codes_of_one_column():
    rng = np.random.default_rng(0)
    texts = np.array([f"k{i}" for i in range(10_000)], dtype=object)
    column = texts[rng.permutation(np.repeat(np.arange(10_000), 2))]
    prepare = learn({"a": column})
    assert prepare.layout.codes == (10_001,)
    X = prepare.transform({"a": column})[:, 0].astype(int)
    assert_array_equal(np.array(prepare.columns[0].categories, dtype=object)[X - 1], column)


# --- dates -----------------------------------------------------------------------------------


def test_a_date_by_pencil_and_paper():
    days = ["2026-01-02", "2026-04-02", "2026-07-02", "2026-10-02", "2027-01-02"]
    prepare = learn({"a": np.array(days, "M8[D]")})
    (column,) = prepare.columns
    # days since 1970 of the middle; the quartiles are the second and the fourth
    assert (column.median, column.scale) == (20636.0, 183.0)
    assert column.parts == ("month", "weekday")
    (row,) = prepare.transform({"a": ["2026-10-02"]})
    trend = 92 / 183  # a Friday: 4 of 7; October: 9 of 12
    angles = [2 * math.pi * 9 / 12, 2 * math.pi * 4 / 7]
    expected = [trend / math.sqrt(1 + trend**2 / 9)]
    expected += [f(angle) for angle in angles for f in (math.sin, math.cos)]
    assert_allclose(row, expected, atol=1e-6)


def test_dates_of_another_time_zone_are_the_same_moments():
    pl = pytest.importorskip("polars")
    clock = pd.Series(pd.date_range("2026-01-01", periods=90, freq="7h", tz="Europe/Berlin"))
    learned = learn({"a": clock})
    learned = Preprocessing.from_json(learned.to_json())
    expected = learned.transform({"a": clock})
    for zone in ("UTC", "Asia/Tokyo", "America/New_York"):
        away = clock.dt.tz_convert(zone)
        for same in (
            *(away, pd.Index(away), away.astype("timestamp[us, tz=" + zone + "][pyarrow]")),
            *(pl.Series("a", away.tolist()).dt.convert_time_zone(zone), pa.array(away)),
        ):
            assert_array_equal(learned.transform({"a": same}), expected)
    for same in (clock.dt.tz_localize(None), clock.astype(str)):
        assert_array_equal(learned.transform({"a": same}), expected)
    odd = DateColumn("a", 0.0, 1.0, 0.0, (), False, (), "Mars/Olympus")
    with pytest.raises(ValueError, match=r"column 'a' holds times of the zone .*Berlin, but"):
        Preprocessing((odd,), ("a",)).transform({"a": clock})
    assert learn({"a": clock.dt.tz_localize(None)}).columns[0].zone == ""
    hours = datetime.timezone(datetime.timedelta(hours=2))
    zones = {"UTC": "UTC", hours: "UTC+02:00"}
    for zone, name in zones.items():
        assert learn({"a": clock.dt.tz_convert(zone)}).columns[0].zone == name
    tz = pytest.importorskip("dateutil.tz")
    away = clock.dt.tz_convert(tz.tzoffset("here", 3600))  # whose name no other computer knows
    assert learn({"a": away}).columns[0].zone == ""


def test_hours_count_if_they_differ_and_missing_dates_have_a_flag():
    times = [datetime.datetime(2026, 1, 5, hour, 30) for hour in (0, 6, 12, 18)]
    prepare = learn({"a": [*times, None]})
    (column,) = prepare.columns
    assert column.parts == ("hour",)
    X = prepare.transform({"a": [times[1], None]})
    angle = 2 * math.pi * 6.5 / 24
    assert_allclose(X[0, 1:], [math.sin(angle), math.cos(angle), 0], atol=1e-6)
    assert_allclose(X[1], [column.fill_value, 0, 0, 1], atol=1e-6)


def test_texts_of_dates_are_dates_with_a_note_and_others_are_errors_that_name_the_row():
    notes = []
    texts = ["2026-01-01", "2026-02-03T10:00:00Z", "", "2026-01-05 11:30"]
    prepare = learn({"a": texts}, note=notes.append)
    assert notes == [
        "column 'a' holds texts that are dates ('2026-01-01', '2026-01-05 11:30', "
        "'2026-02-03T10:00:00Z'); taken as dates"
    ]
    given = [datetime.date(2026, 1, 1), datetime.datetime(2026, 2, 3, 10), None]
    given += [pd.Timestamp("2026-01-05 11:30", tz="Asia/Tokyo")]
    assert_array_equal(prepare.transform({"a": given}), prepare.transform({"a": texts}))
    for wrong in ("2026-02-30", "31.31.2026", "soon"):
        with pytest.raises(ValueError, match=f"'a' must hold dates, .* '{wrong}', .* row 2 .*; w"):
            prepare.transform({"a": ["2026-01-01", *[wrong] * 10]})
    with pytest.raises(
        ValueError, match=r"'a' must hold dates, but holds numbers, .* in row 1 .*; "
    ):
        prepare.transform({"a": [5, None]})
    with pytest.raises(ValueError, match=r"'a' holds dates beyond the year 294247, .* row 2"):
        prepare.transform({"a": np.array([0, 10**14], "M8[s]")})


# --- kinds -----------------------------------------------------------------------------------


def test_kinds_may_be_said_instead_of_found():
    rows = {"a": [0, 1, 0, 1], "b": ["1", "2", "3", "4"], "c": ["x", "y"] * 2, "d": [1, 2, 3, 5]}
    kinds = {"a": "flag", "b": "category", "c": "flag", "d": "ignore"}
    with pytest.raises(ValueError, match="no column is left"):
        learn({"b": rows["b"]}, kinds={"b": "category"})  # none of them comes twice
    prepare = learn({**rows, "b": ["1", "2"] * 2}, kinds=kinds)
    assert prepare.columns == (
        FlagColumn("a", "0", "1"),
        CategoryColumn("b", ("1", "2"), others=False),
        FlagColumn("c", "x", "y"),
    )
    assert prepare.seen == ("a", "b", "c", "d")
    days = learn(
        {"a": np.array(["2026-01-01", "2026-01-02"] * 2, "M8[D]")}, kinds={"a": "category"}
    )
    assert_array_equal(days.transform({"a": ["2026-01-02", "2026-01-01"]}), [[1], [-1]])
    dates = learn({"a": ["2026-01-01", "2026-01-02"]}, kinds={"a": "date"})
    assert isinstance(dates.columns[0], DateColumn)
    numbers = learn(pd.DataFrame({0: pd.Categorical([1, 2, 4])}), kinds={0: "number"})
    assert isinstance(numbers.columns[0], NumberColumn)


@pytest.mark.parametrize(
    ("kinds", "error", "message"),
    [
        ({"hause": "number"}, ValueError, "kinds names 'hause', but X has no such column; did you"),
        (
            {"house": "numeric"},
            ValueError,
            r"kinds\['house'\] must be one of .*'numeric'",
        ),
        (["number"], TypeError, "kinds must be a dict of kinds by column, got list"),
        ({"house": "number"}, ValueError, "'house' must hold numbers, but 4 of its 4 .* in row 1"),
        ({"house": "date"}, ValueError, "column 'house' must hold dates, but 4 of its 4"),
        ({"house": "flag"}, ValueError, "'house' is to be a flag, but has 3 different values"),
    ],
)
def test_kinds_that_cannot_be_are_errors(kinds, error, message):
    with pytest.raises(error, match=message):
        learn({"house": ["x", "y", "z", "x"]}, kinds=kinds)


# --- names -----------------------------------------------------------------------------------


def test_a_matrix_stands_for_a_table_of_as_many_columns_by_position():
    frame = pd.DataFrame({"a": [1, 2, 4], "constant": [1, 1, 1], "b": [3, 5, 1]})
    prepare = learn(frame)
    assert_array_equal(prepare.transform(frame.to_numpy()), prepare.transform(frame))
    with pytest.raises(ValueError, match=r"X must have the 3 columns of .* got 2 columns"):
        prepare.transform(frame.to_numpy()[:, :2])
    unnamed = learn(frame.to_numpy())
    assert not unnamed.named
    assert_array_equal(unnamed.transform(frame), unnamed.transform(frame.to_numpy()))


def test_many_columns_that_are_left_out_share_a_note():
    notes = []
    table = {f"c{i}": [i, i] for i in range(9)} | {"e": [None, None], "a": [1, 2], "b": [1, 2]}
    assert learn(table, note=notes.append).names == ("a",)
    assert notes == [
        "11 columns are left out: 9 of one value ('c0', 'c1', 'c2', …), 1 empty ('e'), 1 like "
        "another ('b')"
    ]


def test_reading_tables_loads_numpy_alone():
    code = (
        "import sys, fastmlp.data.table; print(*{'pandas', 'sklearn', 'pyarrow'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- older files -----------------------------------------------------------------------------


def test_columns_of_older_files_become_what_they_became_in_their_order():
    prepare = Preprocessing.from_json(
        {
            "columns": [
                {"kind": "text", "name": "c", "categories": ["", "x"], "others": True},
                {
                    "kind": "number",
                    "name": "a",
                    "median": 3.0,
                    "mean": 2.0,
                    "scale": 4.0,
                    "indicator": True,
                },
                {"kind": "text", "name": "d", "categories": ["u", "v"], "others": False},
            ],
            "target": {"kind": "real", "name": "t", "mean": 0.0, "scale": 1.0},
        }
    )
    table = {"a": [6.0, nan, 2.0], "c": ["x", "NA", "y"], "d": ["v", "w", "u"]}
    assert_array_equal(
        prepare.transform(table),
        [[0, 1, 0, 1, 0, 0, 1], [1, 0, 0, 0.25, 1, 0, 0], [0, 0, 1, 0, 0, 1, 0]],
    )
    assert prepare.layout.flags == 0


def test_of_long_texts_no_more_is_quoted_than_how_they_begin():
    notes, long = [], "x" * 10_000
    table = {
        "free": [f"{long}{i}" for i in range(40)],
        "one": [long] * 40,
        "n": [*range(39), long],
    }
    prepare = Preprocessing.learn(table, note=notes.append)
    prepare.transform({"n": [long, 1]}, notes.append)
    flags = Preprocessing.learn({"a": [f"{long}a", f"{long}b"] * 9}, kinds={"a": "flag"})
    flags.transform({"a": ["c"]}, notes.append)
    assert len(notes) >= 4
    assert max(map(len, notes)) < 500
    with pytest.raises(ValueError, match="x…'") as error:
        ClassTarget.learn(["a", "b"]).encode([long])
    assert len(str(error.value)) < 300
