"""What holds of every table: finite numbers of the right width, whatever is in it, in any order."""

from __future__ import annotations

import datetime
import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from fastmlp.data.columns.saved import TARGETS, describe, rebuild
from fastmlp.data.columns.targets import ClassTarget, RealTarget
from fastmlp.data.columns.values import read
from fastmlp.data.table import Preprocessing
from properties import REFUSED, attempt

missing = st.sampled_from([None, math.nan, np.datetime64("NaT")])
numbers = st.one_of(
    st.integers(-5, 5),
    st.integers(-(10**18), 10**18),
    st.floats(allow_nan=True, allow_infinity=False),
    st.sampled_from([1e300, -1e300, 1.7e308, -1.7e308, 5e-324, 1e-310, -0.0]),
    st.decimals(-1000, 1000, places=2),
    st.booleans(),
)
words = st.one_of(
    st.sampled_from(["a", "b", "c", "", "NA", "1", "1.0", "007", "yes", "no", " ", "2026-01-31"]),
    st.text(max_size=4),
)
dates = st.one_of(
    st.dates(),
    st.datetimes(),
    st.datetimes(timezones=st.just(datetime.timezone(datetime.timedelta(hours=5)))),
    st.dates().map(np.datetime64),
)
iso = st.dates().map(str)
KINDS_OF_VALUES = [numbers, words, dates, iso, st.booleans(), st.timedeltas(), st.times()]
anything = st.one_of(missing, *KINDS_OF_VALUES)


@st.composite
def tables(draw):
    """Draw a dict of lists, most of values of one kind."""
    count = draw(st.integers(1, 30))
    table = {}
    for name in "abcde"[: draw(st.integers(1, 5))]:
        kind = draw(st.sampled_from([*KINDS_OF_VALUES, anything]))
        some = draw(st.lists(st.one_of(missing, kind, kind, kind), min_size=1, max_size=12))
        places = st.integers(0, len(some) - 1)
        table[name] = [some[i] for i in draw(st.lists(places, min_size=count, max_size=count))]
    return table


def learn(table, **options):
    """Learn, or return None for a table in which nothing tells rows apart."""
    prepare = attempt(
        lambda: Preprocessing.learn(table, **options),
        "no column is left",
        "infinite value",
        errors=(ValueError,),
    )
    return None if prepare is REFUSED else prepare


@given(tables())
def test_every_table_becomes_finite_numbers_within_the_layouts_limits(table):
    prepare = learn(table)
    if prepare is None:
        return
    notes = []
    X, layout = prepare.transform(table, notes.append), prepare.layout
    assert X.shape == (len(table["a"]), layout.width)
    assert layout.width > 0
    assert X.dtype == np.float32
    assert np.isfinite(X).all()
    for column in prepare.columns:
        numbers = [i for i in prepare.places[column.name] if i < layout.numbers]
        farthest = 12 if column.kind == "tailed" else 3
        assert (np.abs(X[:, numbers]) <= farthest).all()
    flags = X[:, layout.numbers : layout.numbers + layout.flags]
    assert (np.abs(flags) <= 1).all()
    for column, codes in zip(X[:, layout.width - len(layout.codes) :].T, layout.codes, strict=True):
        assert set(column) <= set(range(codes))
    assert notes == []  # nothing in training is new
    assert {i for places in prepare.places.values() for i in places} == set(range(layout.width))


@given(tables())
def test_json_brings_back_what_gives_the_same_numbers(table):
    prepare = learn(table)
    if prepare is None:
        return
    again = Preprocessing.from_json(json.loads(json.dumps(prepare.to_json())))
    assert again == prepare
    assert_array_equal(again.transform(table), prepare.transform(table))


@given(tables(), st.randoms(use_true_random=False))
def test_rows_in_another_order_become_the_same_rows(table, random):
    prepare = learn(table)
    if prepare is None:
        return
    order = [*range(len(table["a"]))]
    random.shuffle(order)
    order = order[: random.randint(1, len(order))]
    X = prepare.transform({name: [column[i] for i in order] for name, column in table.items()})
    assert_array_equal(X, prepare.transform(table)[order])


@given(tables(), st.randoms(use_true_random=False))
def test_columns_in_another_order_are_learned_and_found_alike(table, random):
    prepare = learn(table)
    names = [*table]
    random.shuffle(names)
    other = learn({name: table[name] for name in names})
    if prepare is None:
        assert other is None
        return
    shuffled = {name: table[name] for name in [*names, "more"] if name != "more"}
    shuffled["more"] = ["?"] * len(table["a"])
    assert_array_equal(prepare.transform(shuffled), prepare.transform(table))
    # Of equal columns the first is kept, whichever that is.
    learned = {column.name: column for column in prepare.columns}
    for column in other.columns:
        assert learned.get(column.name, column) == column
    assert len(other.columns) == len(prepare.columns)


@given(tables(), tables())
def test_other_rows_become_finite_numbers_or_are_refused_by_column_and_row(table, rows):
    prepare = learn(table)
    if prepare is None:
        return
    rows = {name: rows.get(name, [None] * len(rows["a"])) for name in table}
    X = attempt(lambda: prepare.transform(rows), r"row", errors=(ValueError,))
    if X is not REFUSED:
        assert np.isfinite(X).all()
        assert X.shape == (len(rows["a"]), prepare.layout.width)


@given(st.lists(anything, max_size=20))
def test_a_column_is_read_alike_as_a_list_and_as_an_array_of_objects(column):
    array = np.empty(len(column), dtype=object)
    array[:] = column
    one, other = read("a", column), read("a", array)
    assert (one.kind, one.texts) == (other.kind, other.texts)
    assert_array_equal(one.data, other.data)


@given(
    st.one_of(
        st.lists(
            st.text(min_size=1, max_size=3).filter(lambda text: not text.isspace()),
            min_size=1,
            max_size=20,
        ),
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=20),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20),
        st.lists(st.booleans(), min_size=1, max_size=20),
    )
)
def test_labels_come_back_from_their_numbers_and_from_files(labels):
    if len(set(labels)) < 2:
        return
    target = ClassTarget.learn(labels)
    assert rebuild(json.loads(json.dumps(describe(target))), TARGETS) == target
    assert target.classes.tolist() == sorted(set(labels))
    assert target.classes.dtype in (np.asarray(labels).dtype, object)  # of texts with NUL
    t = target.encode(labels)
    assert target.decode(np.eye(len(target.labels))[t]).tolist() == labels


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=20))
def test_numbers_come_back_from_what_the_network_learns(values):
    if len(set(values)) < 2:
        return
    target = RealTarget.learn(values)
    assert rebuild(json.loads(json.dumps(describe(target))), TARGETS) == target
    t = target.encode(values)
    assert np.isfinite(t).all()
    size = max(map(abs, values))
    np.testing.assert_allclose(target.decode(t) / size, np.array(values) / size, atol=1e-12)
    assert_array_equal(target.decode(np.array([-1e30, 1e30])), [min(values), max(values)])


def test_decimals_are_numbers():
    assert_array_equal(read("a", [Decimal("1.5"), None]).numbers(), [1.5, math.nan])


simple = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.just([]),
    st.just({}),
)


def places_in(data, at=()):
    """List the way to every value in JSON values."""
    yield at
    if isinstance(data, (dict, list)):
        for key in data if isinstance(data, dict) else range(len(data)):
            yield from places_in(data[key], (*at, key))


@given(st.data())
def test_a_spoilt_file_is_refused_or_still_gives_finite_numbers(data):
    table = {
        "n": [1.5, None, "2", "7"],
        "c": ["x", "y", "x", "y"],
        "h": [f"k{i % 12}" for i in range(24)],
        "f": [True, False],
        "d": ["2026-01-01", "2026-02-03"],
    }
    table = {name: (column * 24)[:24] for name, column in table.items()}
    spoilt = learn(table, kinds={"n": "number"}).to_json()
    *way, last = data.draw(st.sampled_from([*places_in(spoilt)][1:]))
    inner = spoilt
    for key in way:
        inner = inner[key]
    inner[last] = data.draw(simple)
    prepare = attempt(
        lambda: Preprocessing.from_json(spoilt), "not a description", errors=(ValueError,)
    )
    if prepare is not REFUSED:
        X = attempt(lambda: prepare.transform(table), "column", "columns", errors=(ValueError,))
        assert X is REFUSED or np.isfinite(X).all()


@pytest.mark.parametrize(
    "column",
    [
        [
            -1.7e308,
            -1.7e308,
            9.8e306,
            9.8e306,
        ],  # quartiles too far apart
        ["INF", None, "INF"],  # a word, where no number is
        [datetime.time(0), np.datetime64("NaT"), None],
    ],
)
def test_columns_that_once_went_wrong(column):
    table = {"a": column}
    X = Preprocessing.learn(table).transform(table)
    assert np.isfinite(X).all()
    assert len(np.unique(X, axis=0)) == 2
