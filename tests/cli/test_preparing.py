"""What is learned from a table gives scikit-learn's numbers, also after a trip through JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from fastmlp.cli.preparing import MAX_CATEGORIES, Prepared
from fastmlp.data.columns.older import OneHotColumn, StandardColumn
from fastmlp.data.columns.targets import ClassTarget, RealTarget, infer_task

nan = math.nan


def learn(table, task="regression", **options):
    table = dict(table)
    rows = len(next(iter(table.values())))
    return Prepared.learn(
        {**table, "t": np.arange(rows, dtype=float)}, target="t", task=task, **options
    )


def through_json(prepare):
    return Prepared.from_json(json.loads(json.dumps(prepare.to_json())))


def messy_table(rows=53, seed=0):
    rng = np.random.default_rng(seed)
    size = rng.normal(1e4, 3.0, rows)
    size[::7] = nan
    return {
        "size": size,
        "count": rng.integers(0, 9, rows),
        "kind": rng.choice(["ash", "oak", "elm"], rows).astype(object),
        "colour": np.array(["red" if i % 5 else None for i in range(rows)], dtype=object),
        "sold": rng.random(rows) < 0.3,
    }


def test_features_are_those_of_scikit_learns_own_pipeline():
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(messy_table())
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    theirs = ColumnTransformer(
        [
            ("numbers", numbers, ["size", "count", "sold"]),
            ("texts", OneHotEncoder(sparse_output=False), ["kind", "colour"]),
            ("missing", "passthrough", ["absent"]),
        ]
    ).fit_transform(
        table.assign(
            sold=table["sold"].astype(float),
            colour=table["colour"].fillna(""),
            absent=table["size"].isna().astype(float),
        )
    )
    ours = learn(messy_table()).transform(table)
    # ours: size, its indicator, count, kind ×3, colour ×2, sold
    order = [0, 8, 1, 3, 4, 5, 6, 7, 2]
    np.testing.assert_allclose(ours, theirs[:, order], rtol=0, atol=1e-6)


def test_a_number_column_by_pencil_and_paper():
    prepare = learn({"a": [1.0, nan, 3.0, 8.0]})
    # median 3; 1 3 3 8 has mean 3.75 and variance (2.75² + 2·0.75² + 4.25²) / 4
    scale = math.sqrt((2.75**2 + 2 * 0.75**2 + 4.25**2) / 4)
    assert prepare.columns == (StandardColumn("a", 3.0, 3.75, pytest.approx(scale), True),)
    np.testing.assert_allclose(
        prepare.transform({"a": [8.0, nan]}), [[4.25 / scale, 0], [-0.75 / scale, 1]], rtol=1e-6
    )


def test_json_brings_back_the_same_preprocessing():
    table = messy_table()
    for task in ("regression", "classification"):
        prepare = learn(table, task)
        assert through_json(prepare) == prepare
        np.testing.assert_array_equal(
            through_json(prepare).transform(table), prepare.transform(table)
        )


def test_rows_do_not_depend_on_one_another():
    table = messy_table()
    prepare = learn(table)
    together = prepare.transform(table)
    for row in (0, 1, 7, 52):
        alone = prepare.transform({name: values[row : row + 1] for name, values in table.items()})
        np.testing.assert_array_equal(alone, together[row : row + 1])


def test_columns_that_cannot_help_are_left_out_and_named():
    notes = []
    table = {
        "good": [1.0, 2.0, 3.0, 4.0],
        "constant": [5, 5, 5, 5],
        "empty": [nan] * 4,
        "id": ["a1", "a2", "a3", "a4"],
        "same": ["x", "x", "x", "x"],
    }
    prepare = learn(table, note=notes.append)
    assert [column.name for column in prepare.columns] == ["good"]
    assert len(notes) == 4
    for name, note in zip(["constant", "empty", "id", "same"], notes, strict=True):
        assert f"column {name!r} is left out" in note
    with pytest.raises(ValueError, match="no column is left to predict 't' from"):
        learn({"same": ["x", "x"]})


def test_a_column_that_is_constant_where_it_is_there_still_says_what_is_missing():
    prepare = learn({"a": [5.0, nan, 5.0, nan]})
    np.testing.assert_array_equal(prepare.transform({"a": [5.0, nan]}), [[0, 0], [0, 1]])


def test_an_unseen_category_counts_as_one_of_the_rare_ones():
    prepare = learn({"kind": ["a", "a", "b", "b", "once"]})
    assert prepare.columns == (OneHotColumn("kind", ("a", "b"), others=True),)
    notes = []
    X = prepare.transform({"kind": ["b", "once", "never"]}, notes.append)
    np.testing.assert_array_equal(X, [[0, 1, 0], [0, 0, 1], [0, 0, 1]])
    assert not notes


def test_an_unseen_category_without_rare_ones_is_none_of_them_and_is_reported():
    prepare = learn({"kind": ["a", "a", "b", "b"]})
    notes = []
    X = prepare.transform({"kind": ["b", "c", None, "c"]}, notes.append)
    np.testing.assert_array_equal(X, [[0, 1], [0, 0], [0, 0], [0, 0]])
    assert notes == [
        "column 'kind': 3 values not seen in training ('c', ''), taken as none of its categories"
    ]


def test_a_missing_text_is_a_category_of_its_own():
    prepare = learn({"kind": ["a", None, "a", nan]})
    assert prepare.columns[0].categories == ("", "a")
    np.testing.assert_array_equal(prepare.transform({"kind": [nan, "a"]}), [[1, 0], [0, 1]])


def test_a_number_missing_for_the_first_time_becomes_the_median_and_is_reported():
    prepare = learn({"a": [1.0, 2.0, 9.0]})
    notes = []
    X = prepare.transform({"a": [nan, 2.0]}, notes.append)
    assert X[0] == X[1]
    assert "column 'a': 1 value missing" in notes[0]


def test_a_text_column_keeps_no_more_than_its_largest_categories():
    texts = [f"k{i}" for i in range(3 * MAX_CATEGORIES) for _ in range(2)] + ["k7"] * 500
    prepare = learn({"kind": texts})
    (column,) = prepare.columns
    assert prepare.width == MAX_CATEGORIES
    assert "k7" in column.categories
    assert column.others


def test_a_prediction_table_needs_the_columns_of_training_and_no_others():
    prepare = learn({"a": [1.0, 2.0], "b": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"lacks 1 of the 2 columns.*: 'b'"):
        prepare.transform({"a": [1.0], "c": [2.0]})
    prepare.transform({"c": [0.0], "b": [1.0], "a": [1.0]})


def test_texts_and_infinities_among_numbers_are_errors_that_name_the_column():
    prepare = learn({"a": [1.0, 2.0]})
    with pytest.raises(ValueError, match="column 'a' must hold numbers, but 1 of its 2 values do"):
        prepare.transform({"a": ["3", "three"]})
    with pytest.raises(ValueError, match="column 'a' holds 1 infinite value, the first in row 2"):
        prepare.transform({"a": [3.0, math.inf]})


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_target_with_gaps_and_labels_of_no_class_are_errors_that_name_the_row(task):
    table = {"a": [1.0, 2.0, 3.0], "t": [1.0, nan, 2.0]}
    with pytest.raises(
        ValueError, match="target 't' lacks 1 value, the first in row 2; leave such"
    ):
        Prepared.learn(table, target="t", task=task)
    target = ClassTarget("t", ("x", "y"))
    with pytest.raises(ValueError, match="column 't' holds 'z' in row 2, which is none of the 2"):
        target.encode(["x", "z"])


def test_columns_of_pandas_that_may_miss_values_are_read_like_any_other():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(
        {
            "n": pd.array([1, None, 3, 4], dtype="Int64"),
            "b": pd.array([True, None, False, True], dtype="boolean"),
            "s": pd.array(["x", None, "x", "y"], dtype="string"),
            "c": pd.Categorical(["x", None, "x", "x"]),
        }
    )
    plain = {"n": [1, nan, 3, 4], "b": [True, None, False, True]}
    plain |= {"s": ["x", None, "x", "y"], "c": ["x", None, "x", "x"]}
    np.testing.assert_array_equal(learn(table).transform(table), learn(plain).transform(plain))


def test_numbers_that_no_float32_can_hold_are_errors_that_name_the_row():
    prepare = learn({"a": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"column 'a': 1e\+300 in row 2 is too far from what"):
        prepare.transform({"a": [1.0, 1e300]})


def test_a_missing_word_is_a_category_if_training_saw_it_and_missing_if_not():
    table = {"kind": ["NA", "x", "", "NA", "x", ""]}
    prepare = learn(table)
    X = prepare.transform({"kind": ["NA", "None", "", "x"]})
    np.testing.assert_array_equal(X, [[0, 1, 0], [1, 0, 0], [1, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["a", "b"], "classification"),
        ([True, False], "classification"),
        (np.array([True, False]), "classification"),
        ([0, 1] * 5, "classification"),
        ([0.0, 1.0, 2.0] * 5, "classification"),
        ([0, 1], "regression"),
        (list(range(100)), "regression"),
        ([0.5, 1.5] * 50, "regression"),
        (list(range(21)) * 50, "regression"),
    ],
)
def test_the_task_follows_from_the_target(values, task):
    assert infer_task(values) == task


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        (["no", "yes", "no"], ("no", "yes")),
        ([2, 1, 2], (1, 2)),
        ([0.5, 1.0], (0.5, 1.0)),
        ([True, False], (False, True)),
    ],
)
def test_labels_keep_their_kind_through_json_and_come_back_from_outputs(values, labels):
    table = {"a": np.arange(len(values)), "t": values}
    target = through_json(Prepared.learn(table, target="t", task="classification")).target
    assert target.labels == labels
    assert [type(label) for label in target.labels] == [type(label) for label in labels]
    assert target.decode(np.eye(len(labels))[target.encode(values)]).tolist() == list(values)


def test_a_real_target_is_standardized_and_returns_to_its_units():
    table = {"a": [1, 2, 3], "t": [10.0, 20.0, 60.0]}
    prepare = Prepared.learn(table, target="t", task="regression")
    target, t = prepare.target, prepare.encode(table["t"])
    assert isinstance(target, RealTarget)
    assert t.shape == (3, 1)
    assert t.dtype == np.float32
    assert t.mean() == pytest.approx(0, abs=1e-6)
    assert t.std() == pytest.approx(1)
    assert target.decode(t[:, 0]) == pytest.approx(table["t"])


@pytest.mark.parametrize("task", ["regression", "classification"])
def test_a_target_with_one_value_is_an_error(task):
    with pytest.raises(ValueError, match=r"the target 't' is .* in every row"):
        Prepared.learn({"a": [1, 2], "t": [3, 3]}, target="t", task=task)


NUMBER = {"kind": "number", "name": "a", "median": 0.0, "mean": 0.0, "scale": 1.0}
NUMBER["indicator"] = False
CLASSES = {"kind": "class", "name": "t", "labels": ["x", "y"]}


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"columns": [NUMBER]},
        {"columns": [], "target": CLASSES},
        {"columns": "abc", "target": CLASSES},
        {"columns": [CLASSES], "target": CLASSES},
        {"columns": [NUMBER], "target": NUMBER},
        {"columns": [{**NUMBER, "kind": "os.system"}], "target": CLASSES},
        {"columns": [{**NUMBER, "scale": 0.0}], "target": CLASSES},
        {"columns": [{**NUMBER, "scale": math.inf}], "target": CLASSES},
        {"columns": [{**NUMBER, "mean": "0"}], "target": CLASSES},
        {"columns": [{**NUMBER, "extra": 1}], "target": CLASSES},
        {"columns": [{**NUMBER, "name": ["a"]}], "target": CLASSES},
        {"columns": [NUMBER], "target": {**CLASSES, "labels": ["only"]}},
        {"columns": [NUMBER], "target": {**CLASSES, "labels": [["x"], ["y"]]}},
    ],
)
def test_json_that_we_did_not_write_is_an_error(data):
    with pytest.raises(ValueError, match="not a description of preprocessing"):
        Prepared.from_json(data)
