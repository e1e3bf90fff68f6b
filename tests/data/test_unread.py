"""Values that a column could not have learned from are missing, unless most are such."""

from __future__ import annotations

import datetime
import gc
import weakref

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmlp.data.columns.words import Strange
from fastmlp.data.table import Preprocessing

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")

learn = Preprocessing.learn
ROWS = pd.MultiIndex.from_arrays([range(1, 41), range(2, 42)], names=["row", "line"])


@pytest.mark.parametrize(
    ("learned", "new", "things"),
    [
        (range(30), "98144-3027", "numbers"),
        ([*range(30), None], "98144-3027", "numbers"),
        ([f"{hour}:30" for hour in range(24)], "25:30", "times"),
        ([f"2026-01-{day:02}" for day in range(1, 29)], "2026-02-30", "dates"),
        (["yes", "no"] * 10, "maybe", "'no' or 'yes'"),
        ([1, 0] * 10, "maybe", "'0' or '1'"),
    ],
)
@pytest.mark.parametrize("kind", [list, np.array, pd.Series, pl.Series, pa.array])
def test_a_few_values_that_training_could_not_have_read_are_missing_with_one_warning(
    learned, new, things, kind
):
    prepare = learn({"a": learned}, kinds={"a": "flag"} if new == "maybe" else None)
    known = [str(value) for value in learned if value is not None]

    def told(values):
        values = values if kind is not list else pd.Series(values, index=ROWS[: len(values)])
        notes = []
        X = prepare.transform({"a": values if kind is list else kind(values)}, notes.append)
        expected = prepare.transform({"a": [v if v in known else None for v in values]})
        assert_array_equal(X, expected)
        return [str(note) for note in notes if isinstance(note, Strange)]

    line = " (line 3)" if kind is list else " (iloc 1)" if kind is pd.Series else " (index 1)"
    said = f"column 'a' must hold {things}; 2 other values are taken as missing: {new!r}, "
    (found,) = told([known[0], new, new, known[1]])
    assert found.startswith(f"{said}the first in row 2{line}")
    assert "; 1 other value is taken as missing: " in told([new])[0]
    assert not told(known)
    told([new] * 9)  # too few to say that it is another column
    told([new] * 10 + known[:10])
    with pytest.raises(ValueError, match=f"'a' must hold {things}, but 10 of its 20 .* in row 1"):
        told([new] * 10 + known[:9] + ["NA"])


def test_notes_of_the_same_can_be_added_up():
    prepare = learn({"a": ["x", "y", "z"] * 7, "n": [*map(str, range(20)), None]})
    notes = []
    for new in ("7", "soon", "later"):
        prepare.transform({"a": ["w"] * 10, "n": [new] * 2 + ["1"] * 8}, notes.append)
    a, n, b, m = notes[0], notes[2], notes[1].and_of(notes[3]), notes[2].and_of(notes[4])
    assert str(a.and_of(b)).startswith("column 'a': none of its 30 values was seen in training")
    assert "; 2 other values are taken as missing: 'soon', the first in row 1 (index 0)" in n
    assert "; 4 other values are taken as missing: 'soon', the first in row 1 (index 0)" in m
    assert type(m) is Strange
    prepare.transform({"a": ["v", "x"], "n": [1, 2]}, notes.append)
    few = notes[0].and_of(notes[-1])
    assert (
        few == "column 'a': 11 values not seen in training ('v'), taken as none of its categories"
    )


@pytest.mark.parametrize(
    "index",
    [
        pd.Index(["x", "y", "z"], name="row"),
        pd.Index([0.5, 1.5, 2.5], name="row"),
        pd.MultiIndex.from_arrays([list("xyz"), [1, 2, 3]], names=["row", "line"]),
    ],
)
def test_an_index_of_the_users_that_is_named_as_that_of_files_names_no_rows(index):
    prepare, notes = learn({"a": [1, 2, 3]}), []
    prepare.transform(pd.DataFrame({"a": ["1", "soon", "2"]}, index=index), notes.append)
    assert "the first in row 2 (iloc 1);" in notes[0]


def test_durations_are_no_plain_numbers_for_their_unit_is_not_known():
    minutes = learn({"a": [10, 20, 30]})
    durations = pd.to_timedelta([None, 20, 30], unit="min")
    with pytest.raises(
        ValueError, match=r"'a' must hold numbers, but holds durations .* in row 2 .*;"
    ):
        minutes.transform({"a": durations})
    with pytest.raises(ValueError, match="'a' must hold numbers, but holds durations"):
        minutes.transform({"a": [datetime.time(12, 30)]})
    assert minutes.transform({"a": durations[:1]}) == 0
    assert learn({"a": durations[1:]}).columns[0].seconds


def test_notes_do_not_keep_the_columns_that_they_are_of():
    prepare, notes = learn({"a": [1, 2, 3]}), []
    series = pd.Series(["1", "soon", "2"], dtype=object)
    kept = weakref.ref(series)
    prepare.transform({"a": series}, notes.append)
    del series
    gc.collect()
    assert notes
    assert kept() is None


def test_numbers_in_texts_are_true_and_false_or_seconds_where_numbers_are():
    flags = learn({"a": [True, False, True]})
    texts = ["1.0", " 0.0", "NA", "2.0"]
    with_gaps = flags.transform({"a": [1.0, 0.0, None, None]})
    assert_array_equal(flags.transform({"a": texts}), with_gaps)
    times = learn({"a": ["0:30", "1:30", "2:30", None]})
    texts = ["90.0", "0:01:30", "soon", ""]
    assert_array_equal(times.transform({"a": texts}), times.transform({"a": [90, 90, None, None]}))
    words = learn({"a": [*(f"{i}:30" for i in range(20)), "90"]}, kinds={"a": "number"})
    assert_array_equal(words.transform({"a": ["90"]}), words.transform({"a": [""]}))


def test_periods_among_objects_are_the_dates_that_those_of_a_column_are():
    months = pd.Series(pd.period_range("2020-01", periods=9, freq="M"))
    months[4] = pd.NaT
    prepare = learn({"a": months})
    for given in (months.astype(object), months.tolist()):
        assert learn({"a": given}) == prepare
        assert_array_equal(prepare.transform({"a": given}), prepare.transform({"a": months}))
