"""Columns and tables are read alike, whoever made them."""

from __future__ import annotations

import datetime
import math
from collections import namedtuple
from decimal import Decimal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastmlp.data.columns.values import read
from fastmlp.data.table import Preprocessing

pd = pytest.importorskip("pandas")
pa = pytest.importorskip("pyarrow")

nan = math.nan
NAT = np.datetime64("NaT")
NOON = datetime.datetime(2026, 1, 31, 12, 30)
EAST = datetime.timezone(datetime.timedelta(hours=5))
learn = Preprocessing.learn


def same(one, other):
    """Tell whether two columns were read alike."""
    assert (one.kind, one.texts) == (other.kind, other.texts)
    assert_array_equal(one.data, other.data)


PLAIN = {
    "numbers": [1.5, None, 3.0, -2.0],
    "integers": [1, None, 3, 4],
    "flags": [True, None, False, True],
    "texts": ["x", None, "y", "x"],
    "dates": [NOON, None, NOON.replace(year=2020), NOON],
    "days": [NOON.date(), None, datetime.date(1969, 7, 20), NOON.date()],
    "durations": [
        datetime.timedelta(1),
        None,
        datetime.timedelta(seconds=2),
        datetime.timedelta(0),
    ],
    "times": [datetime.time(1, 2, 3), None, datetime.time(0), datetime.time(23)],
    "decimals": [Decimal("1.5"), None, Decimal("-2"), Decimal("0.25")],
}
KINDS = ["number", "number", "flag", "text", "date", "date", "number", "number", "number"]


@pytest.mark.parametrize("name", PLAIN)
def test_a_column_is_read_alike_whoever_made_it(name):
    values = PLAIN[name]
    plain = read("a", values)
    assert plain.kind == dict(zip(PLAIN, KINDS, strict=True))[name]
    assert_array_equal(plain.missing, [False, True, False, False])
    kind = pa.array(values).type
    chunks = pa.chunked_array([pa.array(values[:2], kind), pa.array(values[2:], kind)])
    columns = [
        tuple(values),
        np.array(values, dtype=object),
        pd.Series(values, dtype=object),
        pd.Series(values, index=[7, 7, 3, 1]),
        pa.array(values),
        chunks,
        pd.Series(pd.array(values, dtype=pd.ArrowDtype(kind))),
    ]
    if name in ("texts", "days"):
        columns.append(pa.array(values).dictionary_encode())
    for column in columns:
        found = read("a", column)
        if name == "days" and found.kind == "text":  # a dictionary says that it has categories
            assert found.texts == ("1969-07-20", "2026-01-31")
            continue
        same(found, plain)


@pytest.mark.parametrize("name", PLAIN)
def test_a_column_of_polars_is_read_like_any_other(name):
    pl = pytest.importorskip("polars")
    same(read("a", pl.Series(PLAIN[name])), read("a", PLAIN[name]))


@pytest.mark.parametrize(
    ("column", "plain"),
    [
        (np.array([1, 2], "u1"), [1, 2]),
        (np.array([0.5, nan], "f2"), [0.5, nan]),
        (np.array([[1.0], [2.0]]), [1, 2]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([b"a", b"b"]), ["a", "b"]),
        (np.array(["a", "b"], dtype=np.dtypes.StringDType()), ["a", "b"]),
        (np.ma.array([1, 2], mask=[0, 1]), [1, None]),
        (np.ma.array(["a", "b"], mask=[0, 1]), ["a", None]),
        (np.array(["2026-01", "NaT"], "M8[M]"), [datetime.date(2026, 1, 1), None]),
        (np.array([90, "NaT"], "m8[m]"), [5400.0, None]),
        (pd.array([1, None], dtype="Int64"), [1, None]),
        (pd.array([0.5, None], dtype="Float32"), [0.5, None]),
        (pd.array([True, None], dtype="boolean"), [True, None]),
        (pd.array(["a", None], dtype="string"), ["a", None]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (pd.Series([0, 1], dtype="Sparse[int]"), [0, 1]),
        (pd.Series(pd.period_range("2026-01", periods=2, freq="M")), ["2026-01-01", "2026-02-01"]),
        (range(2), [0, 1]),
        ([pd.NA, 1, pd.NaT, None, nan], [nan, 1, nan, nan, nan]),
        ([1, True, 2.5], [1, 1, 2.5]),
        ([True, nan], [True, None]),
        ([NOON, nan, NAT], [NOON, None, None]),
        ([10**30, Decimal("NaN")], [1e30, None]),
    ],
    ids=repr,
)
def test_special_columns_are_read_like_plain_ones(column, plain):
    expected = read("a", plain)
    if expected.kind == "text" and plain[0].startswith("2026"):
        assert_array_equal(read("a", column).data, expected.dates())
    else:
        same(read("a", column), expected)


def test_time_zones_are_left_out_so_that_the_clock_on_the_wall_counts():
    pl = pytest.importorskip("polars")
    plain = read("a", [NOON, None])
    local = pd.Series([NOON, None]).dt.tz_localize("Asia/Tokyo")
    for column in (
        [NOON.replace(tzinfo=EAST), None],
        [pd.Timestamp(NOON, tz="Asia/Tokyo"), pd.NaT],
        local,
        pa.Array.from_pandas(local),
        pl.Series([NOON, None]).dt.replace_time_zone("Asia/Tokyo"),
    ):
        same(read("a", column), plain)
    for text in ("2026-01-31T12:30", "2026-01-31 12:30:00.000", "2026-01-31T12:30+05:00"):
        assert_array_equal(read("a", [text, "NA"]).dates(), plain.data)


def test_mixed_values_are_texts_and_the_same_text_is_the_same_value():
    values = read("a", [1, 1.0, "1", True, "True", Decimal("1.0"), None, "", NOON])
    assert values.texts == ("1", "2026-01-31T12:30:00", "True")
    assert_array_equal(values.data, [0, 0, 0, 2, 2, 0, -1, -1, 1])


@pytest.mark.parametrize(
    ("table", "names"),
    [
        ({"a": [1, 2, 4], 5: [1, 3, 9]}, ("a", "5")),
        ([[1, "x"], [2, "y"], [2, "x"], [1, "y"]], ("x0", "x1")),
        ([(1.0, 2), (2.0, 5)], ("x0", "x1")),
        (np.array([[1, "x"], [2, "y"], [2, "x"], [1, "y"]], dtype=object), ("x0", "x1")),
        (np.array([[1, "x"], [2, "y"], [2, "x"], [1, "y"]]), ("x0", "x1")),
        ([{"a": 1}, {"a": 2, "b": True}, {"b": False}], ("a", "b")),
        ([namedtuple("Row", "a b")(i, i * i) for i in range(3)], ("a", "b")),
        (np.array([(1, 2.5), (3, 4.0)], dtype=[("a", "i4"), ("b", "f8")]), ("a", "b")),
        (pd.DataFrame({("a", 1): [1, 2, 4], 0: [1, 3, 9]}), ("('a', 1)", "0")),
        (pa.table({"a": [1, 2, 4], "b": [1, 3, 9]}), ("a", "b")),
        (pa.record_batch({"a": [1, 2, 4], "b": [1, 3, 9]}), ("a", "b")),
    ],
    ids=lambda part: type(part).__name__,
)
def test_every_table_is_read_with_its_names(table, names):
    prepare = learn(table)
    assert prepare.names == prepare.seen == names
    assert np.isfinite(prepare.transform(table)).all()


def test_lazy_and_foreign_frames_are_read():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"a": [1, 2, 4], "b": ["x", "y", "x"]})

    class Foreign:
        columns = ("a", "b")

        def __arrow_c_stream__(self, requested_schema=None):
            return frame.__arrow_c_stream__(requested_schema)

    expected = learn(frame).transform(frame)
    for other in (frame.lazy(), Foreign()):
        assert_array_equal(learn(other).transform(other), expected)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([1, 2, 3], r"must have shape \(rows, columns\), got shape \(3,\); for one row use X.resh"),
        (np.zeros((2, 2, 2)), r"got shape \(2, 2, 2\)"),
        (np.zeros((3, 0)), r"got shape \(3, 0\)"),
        (None, r"got shape \(\)"),
        ({}, "X has 0 columns and 0 rows"),
        ({"a": []}, "X has 1 columns and 0 rows"),
        ({"a": 1.0}, r"X\['a'\] must be a column, got the value 1.0; for one row use a list"),
        ({"a": np.array(2.5)}, r"X\['a'\] must be a column, got the value array\(2.5\)"),
        ({"a": {0: 1.5}}, r"got the value {0: 1.5}; use list\(X\['a'\].values\(\)\)"),
        (
            {"a": dict.fromkeys(range(99), 0.5)},
            r"got the value {0: 0.5, 1: 0.5, 2: 0.5, 3: 0.5, \.\.\.}",
        ),
        ({"a": iter([1])}, r"got the value <list_iterato.*>; use list\(X\['a'\]\)"),
        (
            [np.ones(2), np.ones(1)],
            "X must have rows of one length, got lengths 2 at index 0 and 1 at index 1",
        ),
        ({"a": "text"}, r"X\['a'\] must be a column, got the value 'text'"),
        ({"a": [1, 2], "b": [1]}, "columns of one length: 'a' has 2 rows, 'b' has 1"),
        ([[1, 2], [3]], "rows of one length, got lengths 2 at index 0 and 1 at index 1"),
        ({"a": [1, 2], 5: [1, 2], "5": [1, 2]}, "X has two columns '5'; rename or drop one"),
        (pd.DataFrame(np.eye(2), columns=["a", "a"]), "X has two columns 'a'"),
    ],
    ids=repr,
)
def test_what_is_no_table_is_an_error(table, message):
    with pytest.raises(ValueError, match=message):
        learn(table)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": np.array([1j, 2])}, "column 'a' must hold a number, text, date or .* complex128"),
        ({"a": np.zeros((2, 2))}, r"column 'a' must hold .* an array of shape \(2, 2\)"),
        (
            {"a": [[1], [2]]},
            "column 'a' must hold .* values of type list; leave it out, or say so wi",
        ),
        ({"a": [{"b": 1}, None]}, "column 'a' must hold .* values of type dict"),
        ({"a": [{1}, {2}]}, "column 'a' must hold .* values of type set"),
        ({"a": ["b", 1j]}, "column 'a' must hold .* values of type complex"),
        ({"a": pd.Series([np.zeros(2)] * 2)}, "column 'a' must hold .* values of type ndarray"),
        ({"a": [object(), object()]}, "column 'a' must hold .* values of type object"),
        (pa.table({"a": [[1], [2]]}), "column 'a' must hold .* values of type list"),
        (pa.table({"a": [{"b": 1}]}), "column 'a' must hold .* values of type dict"),
    ],
    ids=repr,
)
def test_columns_that_are_none_are_errors_that_name_the_column(table, message):
    with pytest.raises(TypeError, match=message):
        learn(table)


def test_integers_that_numpy_has_not_are_numbers():
    pl = pytest.importorskip("polars")
    for dtype in (pl.Int128, pl.UInt128):
        same(read("a", pl.Series([1, None, 2**100], dtype=dtype)), read("a", [1, None, 2**100]))


def test_sparse_matrices_are_refused():
    scipy = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match=r"X is a sparse matrix .*X.toarray\(\)"):
        learn(scipy.eye_array(3))


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_matrices_of_numpys_other_kinds_are_read_like_arrays():
    plain = learn([[1.0, 2.0], [3.0, 5.0], [4.0, 1.0]])
    assert learn(np.asmatrix([[1.0, 2.0], [3.0, 5.0], [4.0, 1.0]])) == plain
    masked = np.ma.array([[1.0, 2.0], [3.0, 5.0]], mask=[[0, 1], [0, 0]])
    assert_array_equal(plain.transform(masked), plain.transform([[1.0, None], [3.0, 5.0]]))


def test_a_place_for_what_is_missing_in_a_dictionary_of_arrow_is_no_category():
    places = pa.array([0, 1, 2, None])
    column = pa.DictionaryArray.from_arrays(places, pa.array(["u", None, "v"]))
    codes, texts = read("a", column).coded()
    assert (codes.tolist(), texts) == ([0, -1, 1, -1], ("u", "v"))


def test_a_nan_of_decimal_that_signals_is_missing_too():
    values = read("a", [Decimal("sNaN"), Decimal("1.5"), Decimal("NaN")])
    assert_array_equal(values.data, [math.nan, 1.5, math.nan])
