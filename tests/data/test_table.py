"""A table becomes finite numbers in the agreed order, whoever made it, and files keep how."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastmlp.data.columns.category import CategoryColumn, FlagColumn
from fastmlp.data.columns.number import NumberColumn
from fastmlp.data.table import Layout, Preprocessing
from fastmlp.data.texts import numbers_of, values

nan = math.nan


def through_json(prepare):
    return Preprocessing.from_json(json.loads(json.dumps(prepare.to_json())))


def messy_table(rows=53, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(1e4, 3.0, rows)
    size[::7] = nan
    return {
        "size": size,
        "count": rng.integers(0, 9, rows),
        "kind": rng.choice(["ash", "oak", "elm"], rows).astype(object),
        "colour": np.array(["red" if i % 5 else None for i in range(rows)], dtype=object),
        "street": np.array([f"s{i % 20}" for i in range(rows)], dtype=object),
        "sold": rng.random(rows) < 0.3,
        "when": np.datetime64("2026-01-01") + rng.integers(0, 400, rows).astype("m8[D]"),
    }


def test_numbers_come_first_then_flags_then_codes():
    prepare = Preprocessing.learn(messy_table())
    # flags: size is missing; ash, elm, oak; red or missing; sold; month, weekday and day twice each
    assert prepare.layout == Layout(numbers=3, flags=1 + 3 + 1 + 1 + 6, codes=(21,))
    X = prepare.transform(messy_table())
    assert X.shape == (53, prepare.layout.width)
    assert X.dtype == np.float32
    assert X.flags.c_contiguous
    assert np.isfinite(X).all()
    assert (np.abs(X[:, :3]) <= 3).all()
    assert (np.abs(X[:, 3:-1]) <= 1).all()
    assert set(X[:, -1]) == set(range(1, 21))
    assert sorted(i for places in prepare.places.values() for i in places) == [*range(16)]


def test_a_number_column_by_pencil_and_paper():
    prepare = Preprocessing.learn({"a": [1.0, nan, 3.0, 8.0, 4.0]})
    # 1 3 4 8: median 3.5, quartiles 2.5 and 5
    clipped = [x / math.sqrt(1 + x * x / 9) for x in (-1.0, -0.2, 0.2, 1.8)]
    mean = sum(clipped) / 4
    assert prepare.columns == (NumberColumn("a", 3.5, 2.5, pytest.approx(mean), True),)
    assert_allclose(prepare.transform({"a": [8.0, nan]}), [[clipped[3], 0], [mean, 1]], rtol=1e-6)


def test_json_brings_back_the_same_preprocessing():
    prepare = Preprocessing.learn(messy_table())
    assert through_json(prepare) == prepare
    assert_array_equal(
        through_json(prepare).transform(messy_table()), prepare.transform(messy_table())
    )


def test_columns_that_cannot_help_are_left_out_and_named():
    notes = []
    table = {
        "good": [1.0, 2.0, 3.0, 4.0],
        "constant": [5, 5, 5, 5],
        "empty": [nan] * 4,
        "id": ["a1", "a2", "a3", "a4"],
        "same": ["x", "x", "x", "x"],
        "twin": [1, 2, 3, 4],
    }
    prepare = Preprocessing.learn(table, note=notes.append)
    assert prepare.names == ("good",)
    assert notes == [
        "column 'constant' is left out: it is 5 in every row",
        "column 'empty' is left out: it is empty",
        "column 'id' is left out: 4 different texts in 4 rows ('a1', 'a2', 'a3', …)",
        "column 'same' is left out: it is 'x' in every row",
        "column 'twin' is left out: it holds the values of column 'good'",
    ]
    with pytest.raises(ValueError, match="no column is left to learn from, of the 1 there are"):
        Preprocessing.learn({"same": ["x", "x"]})


def test_flags_of_two_are_one_and_unknown_values_are_between_them():
    prepare = Preprocessing.learn({"kind": ["a", "a", "b", "b"], "sold": ["yes", "no"] * 2})
    assert prepare.columns == (
        CategoryColumn("kind", ("a", "b"), others=False),
        FlagColumn("sold", "no", "yes"),
    )
    notes = []
    X = prepare.transform({"kind": ["b", "c", "a"], "sold": [True, None, "?"]}, notes.append)
    assert_array_equal(X, [[1, 1], [0, 0], [-1, 0]])
    assert notes == [
        "column 'kind': 1 value not seen in training ('c'), taken as none of its categories"
    ]


def test_a_prediction_table_needs_the_columns_of_training_and_no_others():
    prepare = Preprocessing.learn({"a": [1.0, 2.0], "b": [1.0, 3.0]})
    with pytest.raises(ValueError, match=r"lacks 1 of the 2 columns.*: 'b'"):
        prepare.transform({"a": [1.0], "c": [2.0]})
    X = prepare.transform({"c": [0.0], "b": [3.0], "a": [1.0]})
    assert_array_equal(X, prepare.transform({"a": [1.0], "b": [3.0]}))


NUMBER = {"kind": "robust", "name": "a", "median": 0.0, "scale": 1.0, "fill_value": 0.0}
NUMBER["indicator"] = False
CATEGORY = {"kind": "category", "name": "c", "categories": ["x", "y"], "others": False}
DATE = {**NUMBER, "kind": "date", "parts": ["month"]}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"columns": []},
        {"columns": "abc"},
        {"columns": [{"kind": "class", "name": "t", "labels": ["x", "y"]}]},
        {"columns": [{**NUMBER, "kind": "os.system"}]},
        {"columns": [{**NUMBER, "kind": ["robust"]}]},
        {"columns": [{**NUMBER, "scale": -1.0}]},
        {"columns": [{**NUMBER, "scale": math.inf}]},
        {"columns": [{**NUMBER, "scale": 10**400}]},
        {"columns": [{**NUMBER, "median": "0"}]},
        {"columns": [{**NUMBER, "median": True}]},
        {"columns": [{**NUMBER, "extra": 1}]},
        {"columns": [{**NUMBER, "name": ["a"]}]},
        {"columns": [{**CATEGORY, "categories": ["x", "x"]}]},
        {"columns": [{**CATEGORY, "categories": ["x", 1]}]},
        {"columns": [{**DATE, "parts": ["century"]}]},
        {"columns": [{**DATE, "parts": ["month", "month"]}]},
        {"columns": [NUMBER, NUMBER]},
        {"columns": [NUMBER], "seen": ["b"]},
        {"columns": [NUMBER], "seen": "a"},
        {"columns": [NUMBER], "named": 1},
    ],
)
def test_json_that_we_did_not_write_is_an_error(data):
    with pytest.raises(ValueError, match="not a description of preprocessing"):
        Preprocessing.from_json(data)


def test_a_column_without_a_value_is_left_out_whatever_kind_is_asked_for():
    table = {"a": ["NA", None, "?"], "b": [1.0, 2.0, 3.0]}
    for kind in ("number", "date"):
        notes = []
        prepare = Preprocessing.learn(table, kinds={"a": kind}, note=notes.append)
        assert prepare.names == ("b",)
        assert notes == ["column 'a' is left out: it is empty"]


def test_digits_of_any_script_are_numbers_in_columns_of_texts_too():
    assert_array_equal(values(["١٢", "٣"]), [12, 3])
    assert numbers_of(["١٢", " ٣", "red"]) == {"١٢": 12.0, " ٣": 3.0}
