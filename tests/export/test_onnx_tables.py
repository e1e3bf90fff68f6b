"""Estimators of tables as ONNX files: an input for each column, prepared inside."""

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.data.columns.category import CategoryColumn, FlagColumn
from fastmlp.data.columns.date import DateColumn
from fastmlp.data.columns.number import NumberColumn, TailedColumn
from fastmlp.data.columns.saved import COLUMNS
from fastmlp.data.table import Preprocessing
from fastmlp.graph.node import input as node_input

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from fastmlp.export.onnx import tables  # noqa: E402

rng = np.random.default_rng(0)
N = 240
MOMENTS = np.datetime64("1999-12-25T00:00", "m") + rng.integers(0, 60 * 24 * 3000, N)


def some_missing(values, none=None):
    found = np.array(values, object)
    found[rng.random(N) < 0.15] = none
    return found.tolist()


TABLE = {
    "size": some_missing(rng.normal(1e6, 3.0, N)),
    "age": rng.integers(20, 60, N).tolist(),
    "wealth": some_missing(np.exp(np.arange(N) / 20)),
    "kind": some_missing(rng.choice(["red", "gr\u00fcn", "blue"], N)),
    "place": some_missing([f"p{i % 14}" for i in range(N)]),
    "grade": rng.integers(1, 15, N).astype(str).tolist(),
    "two": rng.choice(["left", "right"], N).tolist(),
    "sold": some_missing(rng.choice(["yes", "no"], N)),
    "true": some_missing((rng.random(N) < 0.5).tolist()),
    "bit": rng.integers(0, 2, N).tolist(),
    "when": some_missing(MOMENTS.astype(str)),
}
KINDS = {"grade": "category", "bit": "flag", "two": "category"}
NEW = {
    "size": [None, 1e6, -5e8, 999_997.5],
    "age": [20, None, 1000, 33],
    "wealth": [-1e300, None, 1e6, 0.0],
    "kind": ["violet", None, "gr\u00fcn", "red"],
    "place": ["p3", "p99", None, "p13"],
    "grade": ["7", "14", None, "99"],
    "two": [None, "left", "right", "up"],
    "sold": ["YES", None, "No", "maybe"],
    "true": [True, None, False, True],
    "bit": [1, 0, None, 0],
    "when": ["2000-02-29T23:59", None, "1969-12-31", "2100-03-01T06:30"],
}


def fed(preprocessing, table):
    """Return what a program feeds: float64 or texts, (rows, 1), by the types of the inputs."""
    found = {}
    for column in preprocessing.columns:
        values = table[column.name]
        if isinstance(column, DateColumn):
            days = np.array(values, "M8[us]").astype("f8") / 86_400e6
            found[column.name] = np.where(np.isnat(np.array(values, "M8[us]")), np.nan, days)
        elif column.name in ("kind", "place", "two", "sold"):
            found[column.name] = np.array(["" if v is None else v for v in values], object)
        else:
            numbers = [np.nan if v is None else float(v) for v in values]
            found[column.name] = np.array(numbers, np.float64)
    return {name: values[:, None] for name, values in found.items()}


def run(model, feeds):
    given = model if isinstance(model, bytes) else str(model)
    session = runtime.InferenceSession(given, providers=["CPUExecutionProvider"])
    assert {value.name for value in session.get_inputs()} == set(feeds)
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


FAST = {"quality": "fast", "random_state": 0, "kinds": KINDS}
LABEL = np.array(["low", "mid", "high"])[rng.integers(0, 3, N)]
PRICE = np.array(TABLE["age"]) * 1e4 + rng.normal(size=N) + 5e6


def estimators():
    two = np.column_stack([PRICE, -PRICE / 1e4])
    return {
        "texts": (fm.TabularClassifier(**FAST), LABEL),
        "true and false": (fm.TabularClassifier(**FAST), np.median(PRICE) < PRICE),
        "a number": (fm.TabularRegressor(**FAST), PRICE),
        "two numbers": (fm.TabularRegressor(**FAST), two),
        "quantiles": (fm.TabularRegressor("quantile", **FAST), PRICE),
    }


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", estimators())
def test_an_estimator_of_tables_predicts_the_same_with_its_columns_as_inputs(tmp_path, name):
    estimator, target = estimators()[name]
    estimator.fit(TABLE, target)
    kinds = {type(column) for column in estimator.preprocessing_.columns}
    assert kinds == {NumberColumn, TailedColumn, CategoryColumn, FlagColumn, DateColumn}
    estimator.export(tmp_path / "t.onnx")
    estimator.save(tmp_path / "t.safetensors")
    fm.load(tmp_path / "t.safetensors").export(tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "t.onnx").read_bytes()
    for table in (TABLE, NEW):
        found = run(tmp_path / "t.onnx", fed(estimator.preprocessing_, table))
        if hasattr(estimator, "classes_"):
            expected = estimator.predict_proba(table)
            np.testing.assert_array_equal(found["label"], estimator.predict(table))
            found = found["probabilities"]
        else:
            expected = estimator.predict(table)
            found = found["variable"]
        expected = np.asarray(expected).reshape(len(found), -1)
        # The networks compute in the targets' spread: that, not a number near 0, is the measure.
        spread = 1.0
        if not hasattr(estimator, "classes_"):
            columns = target.reshape(len(target), -1).std(axis=0)
            spread = np.resize(columns, expected.shape[1])
        size = np.maximum(spread, np.abs(expected).max(axis=0) / 16)
        np.testing.assert_allclose(found / size, expected / size, rtol=0, atol=2e-6)


def test_numbers_that_are_names_predict_the_same(tmp_path):
    shop = rng.integers(0, 70, 500) * 13.0
    mean = rng.normal(size=70)[shop.astype(int) // 13]
    table = {"shop": shop, "size": rng.normal(size=500)}
    estimator = fm.TabularRegressor(quality="fast", random_state=0).fit(table, mean)
    assert estimator._fitted.bins[1].hats == [True, False]
    estimator.export(tmp_path / "t.onnx")
    new = np.array([-5.0, 0.0, 13.0, 20.0, 260.0, 897.0, 1e4, np.nan])
    found = run(tmp_path / "t.onnx", {"shop": new[:, None], "size": np.zeros((8, 1))})["variable"]
    expected = estimator.predict({"shop": new, "size": np.zeros(8)})
    np.testing.assert_allclose(found.ravel(), expected, atol=2e-6)


def prepared(preprocessing, feeds):
    """Return numbers, flags and codes side by side, as the file computes them."""
    layout = preprocessing.layout
    widths = [w for w in (layout.numbers, layout.flags, len(layout.codes)) if w]
    parts = [node_input(width, f"p{i}") for i, width in enumerate(widths)]
    units = np.array([[1.0, 0.0, -np.inf, np.inf]] * layout.width).T
    y = g.concatenate(parts)
    written = tables.written(preprocessing.columns, parts, y, {}, units, None)
    return run(written.SerializeToString(), feeds)["variable"]


@pytest.mark.parametrize("rows", [TABLE, NEW], ids=["table", "new"])
def test_columns_are_prepared_as_in_training(rows):
    preprocessing = Preprocessing.learn(TABLE, kinds=KINDS)
    assert preprocessing.columns[-1].parts == ("month", "weekday", "day", "hour")
    expected = preprocessing.transform(rows)
    found = prepared(preprocessing, fed(preprocessing, rows))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_texts_are_known_without_the_blanks_that_training_saw_around_them():
    kinds = rng.choice([" red", "blue ", "x", "v1"], N)
    table = {"kind": kinds, "side": rng.choice([" up", "down "], N)}
    preprocessing = Preprocessing.learn(table, kinds={"side": "flag"})
    as_seen = {"kind": [" red", "blue ", "x", "v1"] * 2, "side": [" up", "down "] * 4}
    bare = {name: [text.strip() for text in texts] for name, texts in as_seen.items()}
    bare["kind"][3] = as_seen["kind"][3] = "v1.0"
    wanted = preprocessing.transform(as_seen)
    np.testing.assert_array_equal(preprocessing.transform(bare), wanted)
    for given in (as_seen, bare):
        feeds = {name: np.array(texts, object)[:, None] for name, texts in given.items()}
        np.testing.assert_array_equal(prepared(preprocessing, feeds), wanted)


def test_every_day_has_its_place_in_the_calendar():
    days = np.datetime64("1890-01-01") + np.arange(0, 365 * 230, 1)
    minutes = rng.integers(0, 1440, len(days)).astype("m8[m]")
    table = {"when": (days.astype("M8[m]") + minutes).astype("M8[us]")}
    preprocessing = Preprocessing.learn(table)
    found = prepared(preprocessing, fed(preprocessing, table))
    np.testing.assert_allclose(found, preprocessing.transform(table), rtol=0, atol=1e-6)


def test_the_file_says_what_each_input_is(tmp_path):
    preprocessing = Preprocessing.learn(TABLE, kinds=KINDS)
    layout = preprocessing.layout
    parts = [node_input(layout.numbers, "n"), node_input(layout.flags, "f")]
    parts.append(node_input(len(layout.codes), "c"))
    units = np.array([[1.0, 0.0, 0.0, 1.0]] * layout.numbers).T
    written = tables.written(preprocessing.columns, parts, parts[0], {}, units, None)
    said = {value.name: value.doc_string for value in written.graph.input}
    kinds = {value.name: value.type.tensor_type.elem_type for value in written.graph.input}
    texts = {name for name, kind in kinds.items() if kind == onnx.TensorProto.STRING}
    assert texts == {"kind", "place", "two", "sold"}
    assert said["age"] == "a number, NaN where it is missing"
    assert said["two"] == "one of the texts 'left', 'right', or another; without blanks around it"
    assert said["grade"].startswith("one of the numbers 1, 10, 11")
    assert said["true"] == "0 for false, 1 for true, NaN where it is missing"
    assert said["when"] == "days since 1970-01-01, with fractions; NaN where it is missing"


def test_columns_of_older_files_are_refused():
    kinds = [kind for kind in COLUMNS.values() if kind.__module__.endswith("older")]
    assert len(kinds) == 2
    for kind in kinds:
        column = object.__new__(kind)
        object.__setattr__(column, "name", "a")
        with pytest.raises(ValueError, match=r"column 'a' is of the kind .* older file"):
            tables.written([column], [], node_input(1, "x"), {}, None, None)


def test_the_mean_of_members_is_written(tmp_path):
    members = fm.Members(fm.MLP([3, 4, 2], "tanh", "softmax", seed=0), 3)
    members.export(tmp_path / "m.onnx")
    x = rng.normal(size=(7, 3)).astype(np.float32)
    (found,) = run(tmp_path / "m.onnx", {"x": x}).values()
    np.testing.assert_allclose(found, members.predict(x), rtol=0, atol=2e-6)
