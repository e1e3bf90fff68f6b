"""The same category is found whatever a table made of it: codes without their zeros, float32."""

import itertools
from decimal import Decimal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmlp.data.columns.matching import meanings
from fastmlp.data.columns.targets import ClassTarget
from fastmlp.data.columns.values import read
from fastmlp.data.columns.words import Strange
from fastmlp.data.table import Preprocessing

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")

learn = Preprocessing.learn
CODES = [f"{i:05d}" for i in (26, 501, 10001)] * 4
WHOLE = [int(code) for code in CODES]


def found(learned, column, note=lambda text: None):
    return learned.transform({"a": column}, note)


@pytest.mark.parametrize(
    "given",
    [
        WHOLE,
        [*map(str, WHOLE)],
        [f"{number}.0" for number in WHOLE],
        pd.Categorical(WHOLE),
        pd.array(WHOLE, dtype="Int32"),
    ],
)
def test_codes_of_one_length_are_found_without_their_zeros_and_with_them(given):
    learned = learn({"a": CODES})
    mixed = [*given[:6], *CODES[6:]]
    assert_array_equal(found(learned, given), found(learned, CODES))
    assert_array_equal(found(learned, mixed), found(learned, CODES))
    learned = learn({"a": given}, kinds={"a": "category"})
    assert_array_equal(found(learned, CODES), found(learned, given))


def test_codes_found_without_their_zeros_are_told_once_and_others_stay_unknown():
    notes = []
    X = found(learn({"a": CODES}), ["26", "0026", "27", "00501"], notes.append)
    assert_array_equal(X, [[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]])
    assert notes == [
        "column 'a': 2 values not seen in training ('0026', '27'), taken as none of its "
        "categories; training saw '00026' and maybe others that are the same number: read the "
        "column as text, with dtype=str in pandas.read_csv",
        "column 'a': 1 value written with other zeros than in training ('26' for '00026'), taken "
        "as the same",
    ]


@pytest.mark.parametrize("given", [[7, 12], ["7", "12"]])
def test_where_zeros_leave_a_choice_the_remedy_is_told_to_who_asks_for_no_notes_too(given):
    learned = learn({"a": [*["07", "007", "12"] * 4, "rare"]})  # a place for others
    notes = []
    found(learned, given, notes.append)
    (note,) = notes
    assert isinstance(note, Strange)
    assert "with dtype=str in pandas.read_csv" in note


def test_versions_and_other_texts_with_digits_to_spare_are_no_numbers():
    known = {"1.1": 0, "1.10": 1, "n/a": 2}
    assert meanings(read("a", ["1.10", "1.100", "NaN"]), known) == [1, None, None]
    assert meanings(read("a", ["1.10", "red", "+2"]), {"1.1": 0, "2": 1}) == [1, 0, None]
    large = {str(2**53): 0}
    assert meanings(read("a", [2**53 + 1, 2**53]), large) == [0, None]
    assert meanings(read("a", [str(2**53 + 1)]), large) == [None]


FLOATS = np.array([0.1, 1 / 3, 2.5, -0.7] * 3)
HELD = {
    "float64": FLOATS,
    "float32": FLOATS.astype("f4"),
    "objects of float32": list(FLOATS.astype("f4")),
    "Float64": pd.array(FLOATS, dtype="Float64"),
    "Float32": pd.array(FLOATS.astype("f4"), dtype="Float32"),
    "sparse float32": pd.Series(pd.arrays.SparseArray(FLOATS.astype("f4"))),
    "sparse float64": pd.Series(pd.arrays.SparseArray(FLOATS)),
    "categories of float64": pd.Categorical(FLOATS),
    "categories of float32": pd.Categorical(FLOATS.astype("f4")),
    "texts": [*map(str, FLOATS.tolist())],
    "texts of float32": [*map(str, FLOATS.astype("f4"))],
    "polars float64": pl.Series(FLOATS),
    "polars float32": pl.Series(FLOATS.astype("f4")),
    "Arrow float32": pa.array(FLOATS.astype("f4")),
    "a dictionary of Arrow": pa.array(FLOATS.astype("f4")).dictionary_encode(),
    "pandas' float of Arrow": pd.Series(FLOATS.astype("f4")).astype("float32[pyarrow]"),
    "longdouble": FLOATS.astype(np.longdouble),
}


@pytest.mark.parametrize("held", HELD)
def test_numbers_as_categories_are_found_in_floats_of_any_width(held):
    learned = learn({"a": HELD[held]}, kinds={"a": "category"})
    expected = found(learned, HELD[held])
    assert len(np.unique(expected, axis=0)) == 4
    for given in HELD.values():
        assert_array_equal(found(learned, given), expected)


def test_numbers_as_a_flag_are_found_in_floats_and_codes_of_any_kind():
    thirds = np.array([1 / 3, 2 / 3] * 6)
    learned = learn({"a": thirds}, kinds={"a": "flag"})
    assert_array_equal(found(learned, thirds.astype("f4")), found(learned, thirds))
    learned = learn({"a": ["01", "02"] * 6}, kinds={"a": "flag"})
    for given in ([1, 2], ["1", "2"], ["01", "02"]):
        assert_array_equal(found(learned, given), [[-1], [1]])


def test_narrow_numbers_round_to_what_was_learned_and_wide_ones_do_not():
    half = np.array([0.1, 1 / 3, 2.5], "f2")
    assert meanings(read("a", half), {"0.1": 0, "0.3333333333333333": 1, "2.5": 2}) == [0, 1, 2]
    places = {"47.1234567": 0, "2.5": 1}
    assert meanings(read("a", [2.5, 47.1234578]), places) == [1, None]


def test_labels_are_found_in_floats_of_any_width():
    target = ClassTarget.learn(np.array([0.1, 0.5], "f4"))
    assert target.classes.dtype == np.float32
    for given in (np.array([0.5, 0.1]), np.array([0.5, 0.1], "f4"), ["0.5", "0.1"]):
        assert_array_equal(target.encode(given), [1, 0])


@pytest.mark.parametrize(
    ("values", "different"),
    [
        ([False, 0, 1, True, "a"], 5),
        ([np.False_, -0.0, Decimal(1), "a"], 4),
        ([2**53 + 1, 2**53 + 3, 0.5, "a"], 4),
        ([pd.Period("2026-01"), pd.Timestamp("2026-01-01"), "a"], 2),
    ],
)
@pytest.mark.parametrize("kind", ["list", "object"])
def test_rows_are_the_same_categories_with_a_text_beside_them_and_without(values, different, kind):
    def column(values):
        return values if kind == "list" else pd.Series(values, dtype=object)

    learned = learn({"a": column(values * 2)})
    whole = found(learned, column(values))
    assert len(np.unique(whole, axis=0)) == different
    for kept in itertools.combinations(range(len(values)), 2):
        part = found(learned, column([values[i] for i in kept]))
        assert_array_equal(part, whole[[*kept]])


def test_true_that_is_no_number_among_texts_is_none_without_them():
    learned = learn({"a": [*range(30), "a", True]})
    absent = found(learned, [None])
    for given in ([True, "a"], [True, 7], [True]):
        assert_array_equal(found(learned, given)[:1], absent)
    assert_array_equal(found(learned, [False, 7])[:1], found(learned, [0]))


def test_true_among_numbers_is_1_where_the_column_holds_numbers():
    table = {"n": [False, 1, 2, 5], "f": [True, 1, 0, False], "one": [0, False, 0, 0]}
    notes = []
    learned = learn(table, kinds={"f": "flag"}, note=notes.append)
    assert notes == ["column 'one' is left out: it is 0 in every row"]
    as_numbers = {name: np.array(column, float) for name, column in table.items()}
    assert_array_equal(learned.transform(table), learned.transform(as_numbers))


def test_columns_that_differ_in_true_alone_are_no_twins():
    table = {"a": [0, False, 1, 2] * 2, "b": [0, 0, 1, 2] * 2}
    learned = learn(table, kinds={"a": "category", "b": "category"})
    assert learned.names == ("a", "b")
