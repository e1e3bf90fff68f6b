"""Estimators of tables in files, and the intervals that are in them."""

import collections
import json
import os

import numpy as np
import pandas as pd
import pytest

import fastmlp as fm
import fuzz_files
import messy_tables
from fastmlp.estimators.tabular.intervals import Conformal

FAST = {"quality": "fast", "random_state": 0}


def made(name):
    """Return an estimator of each kind, fitted, and a table for it."""
    if name == "classifier":
        X, y = messy_tables.customers()
        return fm.TabularClassifier("log_loss", class_weight={"yes": 2.0, "no": 1}, **FAST).fit(
            X, y
        ), X
    if name == "labels":
        X, y = messy_tables.wines()
        labels = np.searchsorted(np.unique(y), y).astype(np.int16) - 1
        return fm.TabularClassifier(**FAST).fit(
            X.select_dtypes("number").to_numpy(float), labels
        ), X
    X, y = messy_tables.patients()
    if name == "quantiles":
        reg = fm.TabularRegressor(
            "quantile", quantiles=(0.2, 0.8), kinds={"s4": "category"}, **FAST
        )
        return reg.fit(X, y), X
    reg = fm.TabularRegressor(**FAST)
    return reg.fit(X, y if name == "regressor" else np.column_stack([y, -y])), X


KINDS = ["classifier", "labels", "regressor", "quantiles", "several"]


@pytest.fixture(params=KINDS, scope="module")
def saved(request, tmp_path_factory):
    estimator, X = made(request.param)
    if request.param == "labels":
        X = X.select_dtypes("number").to_numpy(float)
    estimator.metadata_ = {"data": "a table", "nested": {"ü": [1, None]}}
    path = tmp_path_factory.mktemp("tabular") / f"{request.param}.safetensors"
    estimator.save(path)
    return estimator, X, path


def test_an_estimator_from_a_file_is_the_one_that_was_saved(saved):
    estimator, X, path = saved
    other = fm.load(path)
    assert type(other) is type(estimator)
    np.testing.assert_array_equal(other.predict(X), estimator.predict(X))
    if hasattr(estimator, "classes_"):
        np.testing.assert_array_equal(other.predict_proba(X), estimator.predict_proba(X))
        assert other.classes_.dtype == estimator.classes_.dtype
        assert other.classes_.tolist() == estimator.classes_.tolist()
    else:
        np.testing.assert_array_equal(other.predict_interval(X), estimator.predict_interval(X))
    np.testing.assert_array_equal(other.feature_importances_, estimator.feature_importances_)
    names = ["n_features_in_", "n_members_", "notes_", "stopped_", "metadata_"]
    for name in [*names, "validation_score_", "baseline_score_", "preprocessing_"]:
        assert getattr(other, name) == getattr(estimator, name), name
    assert hasattr(other, "feature_names_in_") == hasattr(estimator, "feature_names_in_")


def test_parameters_come_back_so_that_it_can_be_fitted_again(saved):
    estimator, _, path = saved
    wanted = estimator.get_params()
    if isinstance(wanted.get("quantiles"), tuple):
        wanted["quantiles"] = list(wanted["quantiles"])
    assert fm.load(path).get_params() == wanted


def test_a_loaded_estimator_has_one_file_byte_for_byte(saved, tmp_path):
    _, _, path = saved
    fm.load(path).save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_other_programs_can_read_the_file_and_find_no_pickle(saved):
    from safetensors.numpy import load_file

    _, _, path = saved
    assert load_file(path)
    header, _ = fuzz_files.parts(path.read_bytes())
    assert header["__metadata__"]["kind"] == "tabular"
    assert json.loads(header["__metadata__"]["estimator"])["class"].startswith("Tabular")


def test_no_row_of_the_training_data_is_in_the_file(tmp_path):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=300), "secret": [f"secret {i}" for i in range(300)]})
    y = X["a"] * 2 + rng.normal(size=300)
    estimator = fm.TabularRegressor(**FAST).fit(X, y)
    estimator.save(tmp_path / "e.safetensors")
    whole = (tmp_path / "e.safetensors").read_bytes()
    assert b"secret 17" not in whole
    size = fm.load(tmp_path / "e.safetensors")._held_out
    assert size is None
    for values in (X["a"], y):
        for dtype in (np.float32, np.float64):
            found = [v for v in values.to_numpy(dtype)[:50] if v.tobytes() in whole]
            assert not found
        assert not [v for v in values[:50] if repr(float(v)).encode() in whole]


def test_a_loaded_estimator_can_be_fitted_again(saved):
    _, _, path = saved
    X, y = messy_tables.patients()
    estimator = fm.load(path)
    if hasattr(estimator, "classes_"):
        estimator.set_params(class_weight=None).fit(X, y > 140)
        assert estimator.classes_.tolist() == [False, True]
    else:
        assert estimator.fit(X, y).n_outputs_ == 1


@pytest.mark.parametrize("name", ["e.pkl", "e.json", "e.onnx"])
def test_names_of_other_formats_are_refused(saved, tmp_path, name):
    with pytest.raises(ValueError, match="is the ending of another format"):
        saved[0].save(tmp_path / name)


def test_metadata_that_is_no_json_is_refused_and_nothing_is_written(saved, tmp_path):
    other = fm.load(saved[2])
    other.metadata_ = {"a": np.ones(2)}
    with pytest.raises(ValueError, match="metadata_ must hold JSON values only"):
        other.save(tmp_path / "e.safetensors")
    assert list(tmp_path.iterdir()) == []


def test_a_class_of_ones_own_cannot_be_saved(tmp_path):
    class Mine(fm.TabularRegressor):
        pass

    X, y = messy_tables.patients()
    with pytest.raises(TypeError, match="Mine is a class of your own"):
        Mine(**FAST).fit(X, y).save(tmp_path / "e.safetensors")


def test_scores_that_are_not_defined_and_generators_can_be_saved(saved, tmp_path):
    other = fm.load(saved[2]).set_params(random_state=np.random.RandomState(0))
    other.validation_score_ = float("nan")
    other.save(tmp_path / "e.safetensors")
    again = fm.load(tmp_path / "e.safetensors")
    assert np.isnan(again.validation_score_)
    assert again.random_state is None


# --- files that nobody saved -----------------------------------------------------------------


def change(path, target, edit):
    """Write a file with part of its description changed."""
    header, numbers = fuzz_files.parts(path.read_bytes())
    described = json.loads(header["__metadata__"]["estimator"])
    edit(described, header)
    if "estimator" in header["__metadata__"]:
        header["__metadata__"]["estimator"] = json.dumps(described)
    target.write_bytes(fuzz_files.joined(header, numbers))


def set_to(key, value):
    return lambda described, header: described.__setitem__(key, value)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (set_to("class", "os.system"), "its class must be one of"),
        (set_to("class", "TabularClassifier"), "its parameters must be those"),
        (set_to("parameters", {}), "its parameters must be those of TabularRegressor"),
        (lambda d, h: d["parameters"].update(quality="x"), "'quality' parameter"),
        (lambda d, h: d["parameters"].update(quantiles=[{}]), "is not one that was saved"),
        (lambda d, h: d["parameters"].update(quantiles=[float("nan")]), "not JSON compliant"),
        (set_to("importances", [1.0]), "its importances must be 12 numbers"),
        (set_to("importances", ["x"] * 12), "an importance must be a number"),
        (set_to("validation_score", "good"), "its score must be a number"),
        (set_to("seed", -1), "its seed must be at least 0"),
        (set_to("stopped", "never"), "stopped must be one of"),
        (set_to("notes", [1]), "its notes must be texts"),
        (lambda d, h: d["intervals"].append(d["intervals"][0]), "2 intervals for other targets"),
        (set_to("has_names", 1), "has_names must be True or False"),
        (lambda d, h: d["intervals"][0].update(sizes=[0.0]), "as many of each pair|positive"),
        (lambda d, h: d["intervals"][0].update(levels=[]), "must be 1 to 1000 finite numbers"),
        (lambda d, h: d["columns"]["columns"].pop(), "but its columns become"),
        (lambda d, h: d["target"].update(targets=[]), "at least one"),
        (lambda d, h: d["target"]["targets"].append(d["target"]["targets"][0]), "but there are 2"),
        (lambda d, h: d["target"]["targets"][0].update(scale=0), "scale is 0"),
        (lambda d, h: d.pop("notes"), "must be a JSON object with"),
        (lambda d, h: h["__metadata__"].update(kind="forest"), "it holds 'forest'"),
        (lambda d, h: h["__metadata__"].pop("kind"), "its header has no|its dtype"),
        (lambda d, h: h["__metadata__"].pop("networks"), "its header has no 'networks'"),
        (lambda d, h: h["__metadata__"].update(networks="[1"), "is no JSON"),
        (lambda d, h: h["__metadata__"].update(networks="{}"), "cannot load"),
        (
            lambda d, h: h["__metadata__"].update(metadata="[]"),
            "its metadata must be a JSON object",
        ),
        (lambda d, h: h["__metadata__"].update(fastmlp="2"), "a newer fastmlp"),
    ],
)
def test_a_file_that_contradicts_itself_is_an_error(tmp_path_factory, edit, message):
    path = known_file(tmp_path_factory)
    target = path.with_name("changed.safetensors")
    change(path, target, edit)
    with pytest.raises(ValueError, match="cannot load") as caught:
        fm.load(target)
    assert caught.match(message)


_KNOWN = []


def known_file(factory):
    """Return the file of a regressor, made once."""
    if not _KNOWN:
        estimator, _ = made("regressor")
        _KNOWN.append(factory.mktemp("known") / "e.safetensors")
        estimator.save(_KNOWN[0])
    return _KNOWN[0]


def test_a_file_cut_anywhere_is_an_error(tmp_path_factory, tmp_path):
    whole = known_file(tmp_path_factory).read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cannot load"):
            fm.load(tmp_path / "cut")


def test_a_file_longer_than_its_numbers_is_not_read_to_its_end(tmp_path_factory, tmp_path):
    path = tmp_path / "long"
    path.write_bytes(known_file(tmp_path_factory).read_bytes())
    os.truncate(path, 1 << 40)  # takes no place on the disk
    with pytest.raises(ValueError, match=r"asks for \d+ bytes in all, it has 1099511627776"):
        fm.load(path)


def test_hundreds_of_spoilt_files_are_estimators_that_work_or_clear_errors(tmp_path):
    rng, files = np.random.default_rng(0), fuzz_files.estimators()
    found = collections.Counter()
    for _ in range(300):
        path = tmp_path / "x.safetensors"
        path.write_bytes(fuzz_files.mutated(rng, files))
        found[fuzz_files.verdict(path)] += 1
    assert 5 < found["loaded"] < 200
    assert len(found) > 20


# --- intervals -------------------------------------------------------------------------------


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_intervals_hold_the_truth_as_often_as_they_say(coverage):
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        said = rng.normal(size=700)
        truth = said + rng.standard_t(3, 700) * np.exp(said)
        found = Conformal.learn(said[:200], said[:200], truth[:200])
        ends = found.around(said[200:], said[200:], coverage)
        shares.append(((ends[:, 0] <= truth[200:]) & (truth[200:] <= ends[:, 1])).mean())
    assert np.mean(shares) == pytest.approx(coverage, abs=0.012)


def test_a_new_row_is_within_the_kth_of_n_distances_with_probability_k_of_n_plus_1():
    said, at = np.zeros(9), np.zeros(1)
    found = Conformal.learn(said, said, np.array([3.0, -1, 9, -7, 2, -5, 4, -8, 6]))
    for k in range(1, 10):
        np.testing.assert_allclose(found.around(at, at, k / 10), [[-k, k]])
        np.testing.assert_allclose(found.around(at, at, k / 10 - 0.05), [[-k, k]])
    # Weights of 1, 1 and 2 are those of 3 rows, of which the last counts for a half.
    found = Conformal.learn(said[:3], said[:3], np.arange(1.0, 4.0), np.array([1.0, 1.0, 2.0]))
    np.testing.assert_allclose(found.levels, [3 / 16, 6 / 16, 12 / 16])


def test_intervals_are_wide_where_errors_are_large():
    rng = np.random.default_rng(0)
    said = rng.uniform(1, 10, 2000)
    found = Conformal.learn(said, said, said + said * rng.normal(size=2000))
    (small,), (large,) = (np.diff(found.around(*[np.array([at])] * 2, 0.9)) for at in (2.0, 9.0))
    assert 3 < large[0] / small[0] < 6  # 4.5 times the error


def test_usual_errors_lie_on_straight_lines_between_their_places():
    said = np.repeat([1.0, 3.0], 50)  # two groups, whose errors are 1 and 3
    found = Conformal.learn(said, said, said + said * np.tile([1, -1], 50))
    at = np.array([1.0, 2.0, 3.0, 9.0])
    np.testing.assert_allclose(found.around(at, at, 0.9), [[0, 2], [0, 4], [0, 6], [6, 12]])


def test_intervals_of_quantiles_keep_their_widths():
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 10, 1000)
    lower, upper = x - 0.5 * x, x + 0.5 * x
    found = Conformal.learn(lower, upper, x + x * rng.normal(size=1000))
    at = np.array([2.0, 9.0])
    small, large = np.diff(found.around(0.5 * at, 1.5 * at, 0.9))[:, 0]
    assert large - small == pytest.approx(7.0)
    narrow = Conformal.learn(x - 50, x + 50, x).around(at - 50, at + 50, 0.9)
    np.testing.assert_allclose(narrow, np.stack([at, at], axis=1), atol=1e-9)


def test_a_row_of_weight_2_counts_as_two_rows():
    rng = np.random.default_rng(0)
    said, truth = rng.normal(size=(2, 40))
    twice = rng.integers(1, 3, 40)
    weighted = Conformal.learn(said, said, truth, twice.astype(float))
    repeated = Conformal.learn(*(np.repeat(v, twice) for v in (said, said, truth)))
    at = np.array([0.0, 1.0])
    np.testing.assert_allclose(weighted.around(at, at, 0.6), repeated.around(at, at, 0.6), rtol=0.2)


def test_more_than_the_rows_can_say_is_an_error():
    said = np.arange(9.0)
    found = Conformal.learn(said, said, said + 1)
    np.testing.assert_allclose(found.around(said, said, 0.9)[:, 1], said + 1)
    with pytest.raises(ValueError, match=r"coverage=0.95 is more than .* they reach 0.9"):
        found.around(said, said, 0.95)


def test_intervals_of_many_rows_are_few_numbers_and_as_wide():
    rng = np.random.default_rng(0)
    said = rng.normal(size=50_000)
    found = Conformal.learn(said, said, said + rng.normal(size=50_000))
    assert len(found.levels) == 1000
    assert np.diff(found.around(said[:1], said[:1], 0.9))[0, 0] == pytest.approx(3.29, abs=0.2)
    assert Conformal.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize("coverage", [0, 1, -0.5, "0.9", np.nan])
def test_a_coverage_that_is_no_probability_is_an_error(tmp_path_factory, coverage):
    estimator = fm.load(known_file(tmp_path_factory))
    X, _ = messy_tables.patients()
    with pytest.raises((TypeError, ValueError), match="coverage must be"):
        estimator.predict_interval(X, coverage)


def test_intervals_of_a_real_table_hold_about_as_many_as_they_say():
    X, y = messy_tables.patients()
    test = np.arange(len(X)) % 3 == 0
    for metric in ("rmse", "quantile"):
        estimator = fm.TabularRegressor(metric, **FAST).fit(X[~test], y[~test])
        ends = estimator.predict_interval(X[test], 0.8)
        inside = ((ends[:, 0] <= y[test]) & (y[test] <= ends[:, 1])).mean()
        assert 0.68 < inside < 0.95
