"""Estimators as ONNX files, by themselves and through skl2onnx: labels and what they come from."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastmlp as fm
from fastmlp.activations import NAMES
from fastmlp.estimators.objectives import LOSSES

pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from fastmlp.export.onnx import estimating  # noqa: E402

X, T = make_classification(60, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0)
X = X.astype(np.float32)
Y = np.column_stack([X[:, 0] * X[:, 1], X[:, 2]])
SEVERAL = make_multilabel_classification(60, 5, n_classes=4, random_state=0)[1]
LABELS = {
    "two texts": np.array(["no", "yes"])[T % 2],
    "three texts": np.array(["a", "bä", "c"])[T],
    "texts as objects": np.array(["a", "bb", "c"], object)[T],
    "whole numbers": T * 7 - 3,
    "two whole numbers": T % 2,
    "true and false": T == 1,
    "whole floats": T * 2.0,
    "one class": np.zeros(60, int),
    "several": SEVERAL,
}
REGRESSION = sorted(set(LOSSES) - {"log_loss", "hinge"})
QUICK = {"hidden_layer_sizes": 6, "solver": "lbfgs", "max_iter": 15, "random_state": 0}
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def run(model, x):
    given = model if isinstance(model, bytes) else str(model)
    session = runtime.InferenceSession(given, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    (fed,) = session.get_inputs()
    return dict(zip(names, session.run(None, {fed.name: x}), strict=True))


def exported(estimator, tmp_path, x=X):
    estimator.export(tmp_path / "e.onnx")
    return run(tmp_path / "e.onnx", x)


def converted(estimator, x=X, kind="FloatTensorType", **settings):
    skl2onnx = pytest.importorskip("skl2onnx")
    from skl2onnx.common import data_types

    types = [("X", getattr(data_types, kind)([None, x.shape[1]]))]
    made = skl2onnx.convert_sklearn(estimator, initial_types=types, **settings)
    return run(made.SerializeToString(), x)


def no_zipmap(estimator):
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    return {id(last): {"zipmap": False}}


def assert_right(found, clf, relative=2e-5):
    expected = clf.predict(X)
    np.testing.assert_array_equal(found["label"], np.asarray(expected))
    np.testing.assert_allclose(found["probabilities"], clf.predict_proba(X), rtol=0, atol=relative)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("labels", LABELS)
def test_a_classifier_gives_its_labels_and_probabilities(tmp_path, labels, dtype):
    clf = fm.MLPClassifier(**QUICK, dtype=dtype).fit(X, LABELS[labels])
    found = exported(clf, tmp_path, X.astype(dtype))
    assert list(found) == ["label", "probabilities"]
    assert found["probabilities"].dtype == dtype
    texts = "text" in labels
    assert found["label"].dtype == (object if texts else np.int64)
    assert_right(found, clf, {"float32": 2e-5, "float64": 1e-12}[dtype])


@pytest.mark.parametrize("labels", ["two texts", "three texts", "several"])
def test_a_classifier_without_probabilities_gives_scores(tmp_path, labels):
    clf = fm.MLPClassifier(**QUICK, loss="hinge").fit(X, LABELS[labels])
    found = exported(clf, tmp_path)
    assert list(found) == ["label", "scores"]
    np.testing.assert_array_equal(found["label"], clf.predict(X))
    scores = clf.decision_function(X)
    scores = np.column_stack([-scores, scores]) if scores.ndim == 1 else scores
    np.testing.assert_allclose(found["scores"], scores, rtol=2e-5, atol=2e-5 * np.abs(scores).max())


@pytest.mark.parametrize("loss", REGRESSION)
def test_a_regressor_of_every_loss_gives_its_numbers(tmp_path, loss):
    y = np.abs(Y) + 0.5
    for target in (y[:, 0], y):
        if loss == "quantile":
            reg = fm.MLPRegressor(**{**QUICK, "solver": "adam"}, loss=loss, quantile=[0.1, 0.9])
            target = y[:, 0]
        else:
            reg = fm.MLPRegressor(**{**QUICK, "solver": "adam"}, loss=loss)
        found = exported(reg.fit(X, target), tmp_path)
        expected = np.asarray(reg.predict(X)).reshape(len(X), -1)
        np.testing.assert_allclose(found["variable"], expected, rtol=2e-5, atol=2e-5)


def test_names_that_do_not_end_in_onnx_and_estimators_not_fitted_are_refused(tmp_path):
    with pytest.raises(NotFittedError):
        fm.MLPClassifier().export(tmp_path / "e.onnx")
    clf = fm.MLPClassifier(**QUICK).fit(X, T)
    with pytest.raises(ValueError, match=r"estimators are written as '.onnx'; did you mean"):
        clf.export(tmp_path / "e.onx")
    assert list(tmp_path.iterdir()) == []


def test_labels_that_onnx_has_no_type_for_are_refused(tmp_path):
    days = np.datetime64("2020-01-01") + np.arange(3)
    labels = estimating.Labels(days)
    with pytest.raises(TypeError, match="classes_ must be texts or whole numbers"):
        estimating.written(fm.MLP([5, 3], seed=0), labels)
    large = fm.MLPClassifier(**QUICK).fit(X, np.array([1, 2**63 + 5, 3], np.uint64)[T])
    with pytest.raises(
        ValueError, match=r"classes_ must be less than 2\*\*63 .* got 9223372036854775813"
    ):
        large.export(tmp_path / "e.onnx")


def test_weights_that_a_user_sets_are_written(tmp_path):
    clf = fm.MLPClassifier(**QUICK).fit(X, T)
    clf.coefs_[0][:] = 0.25
    assert_right(exported(clf, tmp_path), clf)


@pytest.mark.parametrize("labels", LABELS)
def test_skl2onnx_converts_a_classifier(labels):
    clf = fm.MLPClassifier(**QUICK).fit(X, LABELS[labels])
    assert_right(converted(clf, options=no_zipmap(clf)), clf)


@pytest.mark.parametrize("labels", ["two texts", "whole numbers"])
def test_skl2onnx_has_its_options(labels):
    clf = fm.MLPClassifier(**QUICK).fit(X, LABELS[labels])
    probabilities = clf.predict_proba(X)
    (_, dicts) = converted(clf).values()  # zipmap is skl2onnx's default
    assert set(dicts[0]) == set(clf.classes_.tolist())
    expected = dict(zip(clf.classes_.tolist(), probabilities[0], strict=True))
    assert dicts[0] == pytest.approx(expected, abs=2e-5)
    numbered = converted(clf, options={id(clf): {"nocl": True, "zipmap": False}})
    np.testing.assert_array_equal(numbered["label"], probabilities.argmax(axis=1))
    columns = converted(clf, options={id(clf): {"zipmap": "columns"}})
    assert len(columns) == 1 + len(clf.classes_)


@pytest.mark.parametrize("activation", sorted(NAMES - {"softmax"}))
def test_skl2onnx_converts_every_activation(activation):
    clf = fm.MLPClassifier(**{**QUICK, "solver": "adam"}, activation=activation).fit(X, T)
    assert_right(converted(clf, options=no_zipmap(clf)), clf)


@pytest.mark.parametrize("version", [13, 15, 17, 18, None])
@pytest.mark.parametrize("activation", sorted(NAMES - {"softmax"}))
def test_skl2onnx_converts_for_older_and_newer_sets_of_operators(activation, version):
    clf = fm.MLPClassifier(5, activation, solver="lbfgs", max_iter=3, random_state=0).fit(X, T)
    found = converted(clf, options=no_zipmap(clf), target_opset=version)
    assert_right(found, clf)


def test_skl2onnx_converts_a_list_of_activations_in_a_pipeline():
    clf = fm.MLPClassifier((6, 4, 3), ["mish", "relu", "gelu"], random_state=0, dropout=0.2)
    pipeline = make_pipeline(StandardScaler(), clf).fit(X, LABELS["three texts"])
    for kind, x in (("FloatTensorType", X), ("DoubleTensorType", X.astype("f8"))):
        found = converted(pipeline, x, kind, options=no_zipmap(pipeline))
        assert found["probabilities"].dtype == x.dtype
        assert_right(found, pipeline)
    whole = np.rint(X).astype(np.int64)
    found = converted(pipeline, whole, "Int64TensorType", options=no_zipmap(pipeline))
    np.testing.assert_allclose(found["probabilities"], pipeline.predict_proba(whole), atol=2e-5)


@pytest.mark.parametrize("loss", REGRESSION)
def test_skl2onnx_converts_a_regressor_of_every_loss_in_a_pipeline(loss):
    y = np.abs(Y) + 0.5
    for target in (y[:, 0],) if loss == "quantile" else (y[:, 0], y):
        reg = fm.MLPRegressor(loss, 6, max_iter=10, random_state=0)
        pipeline = make_pipeline(StandardScaler(), reg).fit(X, target)
        found = converted(pipeline)["variable"]
        expected = pipeline.predict(X).reshape(len(X), -1)
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("first", ["skl2onnx", "fastmlp"])
def test_both_know_of_each_other_whichever_is_imported_first(first):
    pytest.importorskip("skl2onnx")
    second = {"skl2onnx": "fastmlp", "fastmlp": "skl2onnx"}[first]
    code = f"""
import sys
import {first}
if {first == "fastmlp"}:
    from fastmlp import MLPClassifier
    assert "skl2onnx" not in sys.modules and "onnx" not in sys.modules
import {second}
from fastmlp import MLPClassifier, MLPRegressor
for kind in (MLPClassifier, MLPRegressor):
    assert skl2onnx.get_model_alias(kind) == "Fastmlp" + kind.__name__
import importlib
importlib.reload(skl2onnx)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)


def test_registering_again_changes_nothing():
    skl2onnx = pytest.importorskip("skl2onnx")
    fm.export.register_skl2onnx()
    assert skl2onnx.get_model_alias(fm.MLPClassifier) == "FastmlpMLPClassifier"


@pytest.mark.filterwarnings("ignore:The distutils.sysconfig module:DeprecationWarning")
def test_emlearn_converts_as_it_converts_those_of_scikit_learn(tmp_path, monkeypatch):
    with np.errstate():  # which it changes
        emlearn = pytest.importorskip("emlearn")
    monkeypatch.chdir(tmp_path)  # where it compiles
    clf = fm.MLPClassifier((6, 4), activation="relu", max_iter=10, random_state=0).fit(X, T)
    native = emlearn.convert(clf, method="inline", dtype="float")
    np.testing.assert_array_equal(native.predict(X), clf.predict(X))
