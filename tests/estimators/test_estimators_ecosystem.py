"""The estimators inside scikit-learn's tools, and what of them survives copying."""

import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.neural_network as peer
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastmlp as fm

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
NAMES = load_iris().target_names[y]


def classifier(**parameters):
    given = {"learning_rate_init": 0.02, "max_iter": 30, "random_state": 0}
    return fm.MLPClassifier((8,), **{**given, **parameters})


def copies(estimator, tmp_path):
    joblib.dump(estimator, tmp_path / "estimator.joblib")
    return {
        "pickle": pickle.loads(pickle.dumps(estimator)),
        "deepcopy": copy.deepcopy(estimator),
        "joblib": joblib.load(tmp_path / "estimator.joblib"),
        "joblib, mapped into memory": joblib.load(tmp_path / "estimator.joblib", mmap_mode="r"),
    }


def test_a_copy_predicts_and_goes_on_training_as_the_original(tmp_path):
    original = classifier().partial_fit(X, NAMES, classes=np.unique(NAMES))
    made = copies(original, tmp_path)
    original.partial_fit(X, NAMES)
    for how, made_copy in made.items():
        made_copy.partial_fit(X, NAMES)
        assert_array_equal(made_copy.predict_proba(X), original.predict_proba(X), err_msg=how)
        assert made_copy.coefs_[0].base is not None, how
        assert made_copy.coefs_[0] is made_copy._shown[0], how


def test_weights_put_in_by_hand_are_the_weights():
    estimator = classifier().fit(X, y)
    estimator.coefs_ = [np.zeros_like(coef) for coef in estimator.coefs_]
    estimator.intercepts_[-1] = np.array([0.0, 9.0, 0.0])
    assert (estimator.predict(X) == 1).all()
    assert_array_equal(pickle.loads(pickle.dumps(estimator)).intercepts_[-1], [0.0, 9.0, 0.0])
    estimator.coefs_[0] = np.zeros((1, 1))
    with pytest.raises(ValueError, match=r"coefs_\[0\] has the shape \(1, 1\)"):
        estimator.predict(X)


def test_clone_forgets_the_fit_and_keeps_every_parameter():
    fitted = classifier(dropout=0.1, class_weight="balanced").fit(X, y)
    fresh = clone(fitted)
    assert fresh.get_params() == fitted.get_params()
    with pytest.raises(NotFittedError):
        fresh.predict(X)


def test_a_search_finds_what_scikit_learn_s_own_finds():
    results = []
    for module in (peer, fm):
        estimator = module.MLPClassifier((8,), max_iter=20, random_state=0)
        pipeline = make_pipeline(StandardScaler(), estimator)
        grid = {"mlpclassifier__learning_rate_init": [1e-4, 0.05], "mlpclassifier__alpha": [0.0, 1]}
        results.append(GridSearchCV(pipeline, grid, cv=3).fit(X, NAMES).cv_results_)
    assert_array_equal(results[1]["mean_test_score"], results[0]["mean_test_score"])


def test_processes_can_train_in_parallel():
    scores = cross_val_score(classifier(), X, NAMES, cv=3, n_jobs=2)
    assert_array_equal(scores, cross_val_score(classifier(), X, NAMES, cv=3))


def test_probabilities_can_be_calibrated():
    calibrated = CalibratedClassifierCV(classifier(max_iter=100), cv=3).fit(X, NAMES)
    assert calibrated.score(X, NAMES) > 0.9


def test_classifiers_can_be_chained():
    labels = np.c_[y > 0, y > 1].astype(int)
    assert ClassifierChain(classifier(max_iter=100)).fit(X, labels).score(X, labels) > 0.8


def test_the_importance_of_a_column_of_noise_is_small():
    noisy = np.c_[X, np.random.RandomState(0).randn(len(X))]
    estimator = classifier(max_iter=200).fit(noisy, y)
    importance = permutation_importance(estimator, noisy, y, random_state=0, n_repeats=3)
    assert importance.importances_mean.argmax() in (2, 3)


def test_frames_give_names_of_features_and_are_checked_for_them():
    frame = pd.DataFrame(X, columns=list("abcd"))
    estimator = classifier().fit(frame, pd.Series(NAMES))
    assert list(estimator.feature_names_in_) == list("abcd")
    assert_array_equal(estimator.predict(frame), classifier().fit(X, NAMES).predict(X))
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(frame[list("dcba")])


def test_hidden_activations_come_as_a_frame_if_wanted():
    estimator = classifier().set_output(transform="pandas").fit(X, y)
    features = estimator.transform(X)
    assert list(features.columns) == [f"mlpclassifier{i}" for i in range(8)]


def test_weights_of_samples_and_validation_data_can_be_routed():
    weight = np.where(y == 0, 0.0, 1.0)
    with sklearn.config_context(enable_metadata_routing=True):
        step = classifier(max_iter=200).set_fit_request(sample_weight=True, X_val=True, y_val=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(scaler, step)
        pipeline.fit(X, y, sample_weight=weight, X_val=X, y_val=y)
    assert not (pipeline.predict(X) == 0).any()
    assert len(step.validation_loss_curve_) == step.n_iter_


def test_scikit_learn_knows_what_they_are():
    assert is_classifier(fm.MLPClassifier())
    assert is_regressor(fm.MLPRegressor())
    assert "MLPClassifier" in fm.MLPClassifier()._repr_html_()
    assert repr(fm.MLPClassifier(alpha=1)) == "MLPClassifier(alpha=1)"


def test_importing_the_package_does_not_import_scikit_learn():
    code = "import fastmlp, sys; assert not {'sklearn', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("target", ["labels", "numbers", "counts"])
def test_a_fitted_estimator_of_scikit_learn_becomes_one_of_fastmlp(target, solver, dtype):
    if target == "labels":
        theirs = peer.MLPClassifier((5, 4), "tanh", solver=solver, max_iter=15, random_state=0)
        theirs.fit(X.astype(dtype), NAMES)
    else:
        loss = "poisson" if target == "counts" else "squared_error"
        theirs = peer.MLPRegressor(loss, (5,), solver=solver, max_iter=15, random_state=0)
        theirs.fit(X.astype(dtype), y)
    ours = fm.from_sklearn(theirs)
    assert ours.get_params().items() >= theirs.get_params().items()
    if target == "labels":
        assert_array_equal(ours.predict(X), theirs.predict(X))
    np.testing.assert_allclose(
        ours.model_.predict(X[:3]), theirs._forward_pass_fast(X[:3]), rtol=1e-4
    )
    assert ours.n_iter_ == theirs.n_iter_
    if solver != "lbfgs":
        ours.partial_fit(X, NAMES if target == "labels" else y)
        assert len(ours.loss_curve_) == len(theirs.loss_curve_) + 1


@pytest.mark.parametrize("given", [fm.MLPClassifier(), "model", None])
def test_only_estimators_of_scikit_learn_are_taken(given):
    with pytest.raises(TypeError, match="must be an MLPClassifier"):
        fm.from_sklearn(given)


def test_an_estimator_that_was_not_fitted_is_not_taken():
    with pytest.raises(NotFittedError):
        fm.from_sklearn(peer.MLPRegressor())
    theirs = peer.MLPRegressor(hidden_layer_sizes=3, max_iter=1).fit(X, y)
    del theirs.coefs_
    with pytest.raises(NotFittedError):
        fm.from_sklearn(theirs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda e: e.coefs_.pop(), "coefs_ holds 1 arrays and intercepts_ 2: expected one"),
        (lambda e: e.coefs_[0].fill(np.nan), r"coefs_\[0\] must hold finite"),
        (lambda e: setattr(e, "intercepts_", None), "intercepts_ must be a list of arrays"),
        (lambda e: e.coefs_.__setitem__(1, np.ones((5, 1))), "must be the inputs of the next one"),
    ],
)
def test_an_estimator_whose_weights_do_not_fit_is_not_taken(change, words):
    theirs = peer.MLPRegressor(hidden_layer_sizes=3, max_iter=1).fit(X, y)
    change(theirs)
    with pytest.raises((TypeError, ValueError), match=words):
        fm.from_sklearn(theirs)


def test_the_model_inside_predicts_the_same_and_can_be_saved(tmp_path):
    estimator = classifier().fit(X, y)
    assert_array_equal(estimator.model_.predict(X), estimator.predict_proba(X))
    estimator.model_.save(tmp_path / "model.safetensors")
    assert_array_equal(
        fm.load(tmp_path / "model.safetensors").predict(X), estimator.predict_proba(X)
    )
