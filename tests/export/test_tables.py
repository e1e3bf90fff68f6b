"""Estimators of tables as source: columns, networks and targets' units in one function of a row."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import fastmlp as fm
from compiled import COMPILERS, Header, run
from fastmlp.data.table import Preprocessing
from fastmlp.estimators.tabular.answers import answers_of
from fastmlp.estimators.tabular.nodes import _meaning, raw_numbers

RNG = np.random.default_rng(0)
ROWS = 160
SIZE = RNG.normal(50, 10, ROWS)
AGE = RNG.integers(18, 90, ROWS).astype(float)
TABLE = {
    "size": SIZE,
    "age": np.where(RNG.random(ROWS) < 0.2, np.nan, AGE),
    "kind": RNG.choice(["a", "b", "c"], ROWS),
    "rare": np.where(np.arange(ROWS) == 7, "once", RNG.choice(["x", "y", "z"], ROWS)),
    "one or rare": np.where(np.arange(ROWS) % 5 == 0, None, "there"),
    "sex": RNG.choice(["man", "woman"], ROWS),
    "town": RNG.choice([f"town {i}" for i in range(14)], ROWS),
    "open": RNG.choice(["yes", "no"], ROWS),
    "wealth": np.exp(RNG.normal(0, 4, ROWS)),
    "constant": np.zeros(ROWS),
}
# As the table, with what training never saw.
ODD = {name: column[:12].astype(object) for name, column in TABLE.items()}
for place, (name, value) in enumerate(
    [
        ("size", None),
        ("kind", "new"),
        ("kind", None),
        ("rare", "once"),
        ("one or rare", "new"),
        ("sex", None),
        ("town", "town 99"),
        ("open", None),
        ("wealth", 1e12),
        ("size", -1e9),
    ]
):
    ODD[name][place] = value
SCORE = SIZE / 10 + 2 * (TABLE["kind"] == "a") + np.nan_to_num(TABLE["age"]) / 50
SETTINGS = {"quality": "fast", "n_members": 2, "random_state": 0}
TARGETS = {
    "classes": np.array(["low", "mid", "high"])[np.digitize(SCORE, [5.5, 7])],
    "two classes": SCORE > 6,
    "number": SCORE * 100 - 7,
    "numbers": np.column_stack([SCORE, -1000 * SCORE + SIZE]),
    "quantiles": SCORE * 100 - 7,
    "quantiles of numbers": np.column_stack([SCORE, -1000 * SCORE + SIZE]),
}


@pytest.fixture(scope="module")
def fitted():
    """Return what gives the estimator of a kind of target, fitted once."""
    known = {}

    def fit(name):
        if name not in known:
            cls = fm.TabularClassifier if "classes" in name else fm.TabularRegressor
            metric = {"metric": "quantile"} if "quantiles" in name else {}
            if name == "quantiles":
                metric["quantiles"] = [0.1, 0.3, 0.5, 0.7, 0.9]
            known[name] = cls(**SETTINGS, **metric).fit(TABLE, TARGETS[name])
        return known[name]

    return fit


def module_of(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def compare(found, wanted, name):
    np.testing.assert_allclose(
        found, wanted, rtol=2e-4, atol=2e-5 * np.abs(wanted).max(), err_msg=name
    )


pytestmark = pytest.mark.filterwarnings("ignore:the model is no better than")


@pytest.mark.parametrize("name", TARGETS)
def test_a_module_of_numpy_predicts_as_the_estimator(fitted, name, tmp_path):
    est = fitted(name)
    assert est.export(tmp_path / "table.py") is None
    module = module_of(tmp_path / "table.py")
    for table in (TABLE, ODD):
        compare(
            module.predict(raw_numbers(est.preprocessing_, table)),
            answers_of(est, table).outputs,
            name,
        )
    assert "constant" not in module.__doc__
    for line in (
        "is 'size', NaN if it is missing",
        "'sex': 0 'man', 1 'woman'",
        "13 'town 9'; NaN",
    ):
        assert line in " ".join(module.__doc__.split())


def test_outputs_are_named_in_their_order(fitted, tmp_path):
    for name, said in {
        "classes": ["the probability of 'high'", "the probability of 'low'"],
        "two classes": ["the probability of False", "the probability of True"],
        "quantiles": ["y, its quantile 0.1", "y, its quantile 0.3"],
        "numbers": ["y0", "y1"],
    }.items():
        fitted(name).export(tmp_path / "table.py")
        lines = module_of(tmp_path / "table.py").__doc__.splitlines()
        assert [line for line in lines if line.startswith("y[")][:2] == [
            f"y[{i}] is {what}" for i, what in enumerate(said)
        ]


@pytest.mark.skipif(not COMPILERS, reason="there is no gcc or clang")
def test_headers_predict_as_the_estimators(fitted, tmp_path):
    names, headers, wanted = ["classes", "numbers", "quantiles"], [], []
    for i, name in enumerate(names):
        est = fitted(name)
        assert est.export(tmp_path / f"t{i}.h") is None
        text = (tmp_path / f"t{i}.h").read_text(encoding="utf-8")
        wanted.append(answers_of(est, ODD).outputs)
        rows = raw_numbers(est.preprocessing_, ODD)
        headers.append(Header(text, f"t{i}", [rows], [wanted[-1].shape[1]]))
    outputs = run(headers, tmp_path, COMPILERS[0], "-std=c99", "-O0")
    for name, found, y in zip(names, outputs, wanted, strict=True):
        compare(found, y, name)


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
def test_a_module_of_javascript_predicts_as_the_estimator(fitted, tmp_path):
    est = fitted("classes")
    est.export(tmp_path / "table.mjs")
    rows = raw_numbers(est.preprocessing_, ODD).astype(float)
    written = json.dumps(rows.ravel().tolist())  # with NaN, as JavaScript has it
    main = f'import {{ predict }} from "./table.mjs";\nconst y = predict({written});\n'
    main += "console.log(JSON.stringify(Array.from(y)));\n"
    (tmp_path / "main.mjs").write_text(main, encoding="utf-8")
    done = subprocess.run(["node", "main.mjs"], cwd=tmp_path, capture_output=True, check=True)
    compare(np.reshape(json.loads(done.stdout), (12, 3)), answers_of(est, ODD).outputs, "classes")


@pytest.mark.skipif(not COMPILERS, reason="there is no gcc or clang")
@pytest.mark.parametrize("classes", [False, True])
def test_numbers_that_are_names_are_written(tmp_path, classes):
    shop = RNG.integers(0, 70, 500) * 13.0
    mean = RNG.normal(size=70)[shop.astype(int) // 13]
    table = {"shop": shop, "size": RNG.normal(size=500)}
    cls = fm.TabularClassifier if classes else fm.TabularRegressor
    est = cls(**SETTINGS).fit(table, mean > 0 if classes else mean)
    assert est._fitted.bins[1].hats == [True, False]
    new = {"shop": [-5.0, 0.0, 13.0, 20.0, 20 * 13.0, 69 * 13.0, 1e4, None], "size": np.zeros(8)}
    est.save(tmp_path / "shops.safetensors")
    again = fm.load(tmp_path / "shops.safetensors")
    np.testing.assert_array_equal(answers_of(again, new).outputs, answers_of(est, new).outputs)
    rows = raw_numbers(est.preprocessing_, new)
    again.export(tmp_path / "shops.py")
    compare(module_of(tmp_path / "shops.py").predict(rows), answers_of(est, new).outputs, "NumPy")
    again.export(tmp_path / "shops.h")
    text = (tmp_path / "shops.h").read_text(encoding="utf-8")
    header = Header(text, "shops", [rows], [answers_of(est, new).outputs.shape[1]])
    (found,) = run([header], tmp_path, COMPILERS[0], "-std=c99", "-O0")
    compare(found, answers_of(est, new).outputs, "C")


def test_int8_weights_say_their_error_on_a_table(fitted, tmp_path):
    error = fitted("number").export(tmp_path / "t.h", quantize="int8", data=ODD)
    assert 0 < error.largest < 0.2 * error.output
    assert str(error) in (tmp_path / "t.h").read_text(encoding="utf-8")


def test_a_saved_estimator_writes_the_same(fitted, tmp_path):
    est = fitted("classes")
    est.save(tmp_path / "est.safetensors")
    fm.load(tmp_path / "est.safetensors").export(tmp_path / "again.h", name="t")
    est.export(tmp_path / "first.h", name="t")
    assert (tmp_path / "again.h").read_bytes() == (tmp_path / "first.h").read_bytes()


def test_raw_numbers_of_texts_that_stood_for_none_are_nan():
    ages = [*np.arange(60).astype(str), "soon", "soon"]
    days = [*np.datetime_as_string(np.datetime64("2024-01-01") + np.arange(60)), "never", "never"]
    prepare = Preprocessing.learn({"age": ages, "day": days})
    found = raw_numbers(prepare, {"age": ages, "day": days})
    assert np.isnan(found[-2:]).all()
    assert np.isfinite(found[:-2]).all()


def test_raw_numbers_of_dates_and_times_as_people_write_them_are_days_and_seconds():
    days = [f"1/{day}/1970" for day in range(1, 32)]
    prepare = Preprocessing.learn({"at": [f"{i % 24}:{i:02}" for i in range(31)], "day": days})
    found = raw_numbers(prepare, {"at": ["1:05 pm", "0 days 00:00:07"], "day": ["1/2/1970"] * 2})
    np.testing.assert_array_equal(found, [[47100, 1], [7, 1]])
    assert _meaning(prepare.columns[0]) == "seconds of 'at', NaN if it is missing"


def test_raw_numbers_are_numbers_places_and_nan(fitted):
    est = fitted("classes")
    row = dict(zip(est.preprocessing_.names, raw_numbers(est.preprocessing_, ODD)[1], strict=True))
    assert row["size"] == np.float32(SIZE[1])
    assert np.isnan(row["kind"])
    assert row["sex"] == ["man", "woman"].index(TABLE["sex"][1])
    assert row["open"] == ["no", "yes"].index(TABLE["open"][1])


def test_dates_whose_calendar_counts_are_refused_and_others_are_days(tmp_path):
    days = np.datetime64("2026-01-01") + np.arange(60)
    est = fm.TabularRegressor(**SETTINGS)
    est.fit({"when": days, "size": np.arange(60.0)}, np.arange(60.0) + days.astype(int) % 7)
    with pytest.raises(ValueError, match=r"column 'when' is a date whose .*weekday.* count"):
        est.export(tmp_path / "t.h")
    assert list(tmp_path.iterdir()) == []
    # Years that began with a Thursday.
    years = np.tile([1970, 1976, 1981, 1987, 1998, 2004, 2009, 2015, 2026], 8)
    days = (years - 1970).astype("M8[Y]").astype("M8[D]")
    days[3] = "NaT"
    est.fit({"when": days, "size": np.arange(72.0)}, years / 10)
    est.export(tmp_path / "t.py")
    module = module_of(tmp_path / "t.py")
    assert "x[0] is days since 1970 of 'when', NaN if it is missing" in module.__doc__
    table = {"when": days[:9], "size": np.arange(9.0)}
    rows = raw_numbers(est.preprocessing_, table)
    assert rows[1, 0] == days[1].astype(int)
    compare(module.predict(rows), answers_of(est, table).outputs, "dates")


def test_a_date_is_by_the_clock_that_training_saw_and_the_file_says_so(tmp_path):
    pd = pytest.importorskip("pandas")
    onnx = pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    clock = "America/Los_Angeles"
    when = pd.Timestamp("2026-01-01", tz=clock) + pd.to_timedelta(np.arange(ROWS) * 365, "D")
    table = pd.DataFrame({"when": when + pd.to_timedelta(np.arange(ROWS) % 24, "h")})
    est = fm.TabularRegressor(**SETTINGS).fit(table, table["when"].dt.hour)
    est.export(tmp_path / "t.onnx")
    session = runtime.InferenceSession(tmp_path / "t.onnx", providers=["CPUExecutionProvider"])
    days = (table["when"].dt.tz_localize(None) - pd.Timestamp(0)) / pd.Timedelta("1D")
    (y,) = session.run(None, {"when": days.to_numpy()[:, None]})
    compare(y[:, 0], est.predict(table["when"].dt.tz_convert("UTC").to_frame()), "clock")
    (described,) = onnx.load(tmp_path / "t.onnx").graph.input
    assert described.doc_string.startswith(f"days since 1970-01-01 by the clock of {clock}, with")
    (column,) = est.preprocessing_.columns
    assert _meaning(column).startswith(f"days since 1970 by the clock of {clock} of 'when'")


def test_other_endings_and_estimators_not_fitted_are_refused(fitted, tmp_path):
    with pytest.raises(ValueError, match=r"an estimator of tables is written as one of .*'.h'"):
        fitted("number").export(tmp_path / "t.hh")
    with pytest.raises(NotFittedError):
        fm.TabularClassifier().export(tmp_path / "t.h")
    with pytest.raises(TypeError, match="export to NumPy has no setting 'name'"):
        fitted("number").export(tmp_path / "t.py", name="t")


def test_numbers_beyond_float32_are_refused(tmp_path):
    table = {"size": SIZE * 1e35, "age": AGE}
    est = fm.TabularRegressor(**SETTINGS).fit(table, SCORE)
    with pytest.raises(ValueError, match=r"column 'size': numbers of .* are beyond float32"):
        est.export(tmp_path / "t.h")


@pytest.mark.parametrize("begin", [1.7e9, -3e4])
def test_numbers_that_float32_cannot_tell_apart_are_refused(tmp_path, begin):
    spread = abs(begin) / 1e5
    table = {"second": begin + spread * (SIZE - 50), "age": AGE}
    fm.TabularRegressor(**SETTINGS).fit(table, SCORE).export(tmp_path / "t.py")
    table["second"] = begin + spread / 1e3 * (SIZE - 50)
    est = fm.TabularRegressor(**SETTINGS).fit(table, SCORE)
    with pytest.raises(ValueError, match=r"column 'second': numbers of .* apart in float32"):
        est.export(tmp_path / "t.h")
    assert not (tmp_path / "t.h").exists()
