"""Weights put in by hand: into estimators never fitted, of other shapes, and trained on."""

import copy
import pickle

import numpy as np
import pytest
import sklearn.neural_network as peer
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.preprocessing import LabelBinarizer

import fastmlp as fm

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = load_iris(return_X_y=True)
TWO = X[:, 0] > 5.8
NAMES = load_iris().target_names[y]


def classifier(module=fm, **parameters):
    given = {"max_iter": 20, "random_state": 0, "learning_rate_init": 0.02}
    return module.MLPClassifier((8,), **{**given, **parameters})


def autoencoder(module=fm):
    return module.MLPRegressor(
        hidden_layer_sizes=(3, 2, 3), activation="tanh", max_iter=20, random_state=0
    ).fit(X, X)


def server(fitted, *names, module=fm):
    """Return an estimator that was never fitted, with weights of one that was."""
    estimator = classifier(module)
    for name in ("coefs_", "intercepts_", "n_layers_", "n_outputs_", "out_activation_", *names):
        setattr(estimator, name, getattr(fitted, name))
    return estimator


@pytest.mark.parametrize("labels", [y, NAMES, TWO, np.column_stack([TWO, y == 1]).astype(int)])
@pytest.mark.parametrize("also", [["classes_", "_label_binarizer"], ["_label_binarizer"]])
def test_an_estimator_never_fitted_predicts_by_the_weights_it_is_given(labels, also):
    fitted = classifier().fit(X, labels)
    given = server(fitted, *also)
    assert_array_equal(given.predict(X), fitted.predict(X))
    assert_array_equal(given.predict_proba(X), fitted.predict_proba(X))
    assert given.score(X, labels) == fitted.score(X, labels)
    assert_array_equal(given.model_.predict(X), fitted.model_.predict(X))
    assert given.n_features_in_ == 4


@pytest.mark.parametrize("labels", [y, NAMES, TWO])
def test_classes_are_enough_where_labels_exclude_each_other(labels):
    fitted = classifier().fit(X, labels)
    estimator = classifier()
    estimator.coefs_, estimator.intercepts_ = fitted.coefs_, fitted.intercepts_
    estimator.classes_ = np.unique(labels)
    assert_array_equal(estimator.predict(X), fitted.predict(X))


def test_what_is_lacking_is_named():
    fitted = classifier().fit(X, y)
    with pytest.raises(NotFittedError):
        classifier().predict(X)
    only_classes = classifier()
    only_classes.classes_ = np.arange(3)
    with pytest.raises(NotFittedError):
        only_classes.predict(X)
    probabilities = server(fitted)
    assert_array_equal(probabilities.predict_proba(X), fitted.predict_proba(X))
    with pytest.raises(ValueError, match="no classes_"):
        probabilities.predict(X)
    estimator = classifier()
    estimator.coefs_, estimator.classes_ = fitted.coefs_, np.arange(3)
    with pytest.raises(ValueError, match="no intercepts_"):
        estimator.predict(X)
    assert not hasattr(classifier(), "model_")


@pytest.mark.parametrize("module", [fm, peer], ids=["fastmlp", "scikit-learn"])
@pytest.mark.parametrize("new", [False, True])
def test_the_first_layers_of_an_autoencoder_are_its_encoder(module, new):
    whole = autoencoder(module)
    code = X
    for coef, intercept in zip(whole.coefs_[:2], whole.intercepts_[:2], strict=True):
        code = np.tanh(code @ coef + intercept)
    encoder = copy.deepcopy(whole)
    if new:
        encoder = module.MLPRegressor(hidden_layer_sizes=(3,), activation="tanh")
        encoder.n_outputs_ = 2
    encoder.coefs_, encoder.intercepts_ = whole.coefs_[:2], whole.intercepts_[:2]
    encoder.n_layers_, encoder.out_activation_ = 3, "tanh"
    assert_allclose(encoder.predict(X), code, rtol=1e-12)
    assert_allclose(encoder.score(X, code), 1)
    assert whole.predict(X).shape == X.shape


def test_the_last_layers_are_its_decoder():
    whole = autoencoder()
    before = whole.predict(X)
    code = whole.transform(X, layer=1)
    decoder = copy.deepcopy(whole)
    decoder.coefs_, decoder.intercepts_, decoder.n_layers_ = (
        whole.coefs_[2:],
        whole.intercepts_[2:],
        3,
    )
    assert_allclose(decoder.predict(code), before, rtol=1e-12)
    assert decoder.n_features_in_ == 2
    assert_array_equal(whole.predict(X), before)


def test_arrays_are_followed_edited_in_place_replaced_or_in_a_new_list():
    estimator = classifier().fit(X, y)
    estimator.intercepts_[-1][...] = [0.0, 99.0, 0.0]
    assert (estimator.predict(X) == 1).all()
    estimator.intercepts_[-1] = [99.0, 0.0, 0.0]
    assert (estimator.predict(X) == 0).all()
    assert (estimator.model_.predict(X).argmax(axis=1) == 0).all()
    estimator.intercepts_ = [np.zeros(8), np.array([0.0, 0.0, 99.0])]
    assert (estimator.model_.predict(X).argmax(axis=1) == 2).all()
    assert (pickle.loads(pickle.dumps(estimator)).predict(X) == 2).all()


def test_estimators_that_share_arrays_do_not_share_what_they_learn():
    fitted = classifier().fit(X, y)
    given = server(fitted, "classes_")
    before = fitted.predict_proba(X)
    given.partial_fit(X, y)
    assert_array_equal(fitted.predict_proba(X), before)
    assert not np.array_equal(given.predict_proba(X), before)


def test_settings_changed_after_a_fit_take_effect_as_in_scikit_learn():
    theirs, ours = classifier(peer).fit(X, y), classifier().fit(X, y)
    for estimator in (theirs, ours):
        estimator.set_params(activation="tanh")
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    for estimator in (theirs, ours):
        estimator.out_activation_ = "identity"
    assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-6)
    ours.set_params(dropout=0.5)
    assert [type(layer).__name__ for layer in ours.model_.layers] == ["Dense", "Dropout", "Dense"]
    assert ours.set_params(dtype="float32").predict_proba(X).dtype == np.float32


@pytest.mark.parametrize("how", ["partial_fit", "warm fit"])
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_training_goes_on_from_the_weights_given(how, solver):
    results = []
    for module in (peer, fm):
        start = classifier(module, max_iter=3, solver=solver).fit(X, y)
        going_on = classifier(module, max_iter=3, solver=solver, warm_start=how == "warm fit")
        if module is peer:
            going_on = copy.deepcopy(start).set_params(warm_start=how == "warm fit")
            going_on.coefs_ = [coef.copy() for coef in start.coefs_]
            del going_on._optimizer
        else:
            going_on.coefs_, going_on.intercepts_ = start.coefs_, start.intercepts_
            going_on.classes_ = start.classes_
        if how == "partial_fit":
            going_on.partial_fit(X, y)
        else:
            going_on.fit(X, y)
        results.append(going_on.coefs_[0])
    assert_allclose(results[1], results[0], rtol=1e-7)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_the_first_partial_fit_may_follow_weights_set_by_hand(early_stopping):
    fitted = classifier().fit(X, y)
    estimator = classifier(early_stopping=early_stopping)
    estimator.coefs_, estimator.intercepts_ = fitted.coefs_, fitted.intercepts_
    estimator.partial_fit(X, y, classes=[0, 1, 2])
    assert len(estimator.loss_curve_) == 1
    assert estimator.loss_curve_[0] < 2 * fitted.loss_
    with pytest.raises(ValueError, match="4 features"):
        estimator.predict(X[:, :3])


def test_early_stopping_may_begin_with_a_warm_fit():
    estimator = classifier(warm_start=True).fit(X, y)
    estimator.set_params(early_stopping=True).fit(X, y)
    assert estimator.best_validation_score_ == max(estimator.validation_scores_)
    estimator.set_params(early_stopping=False).fit(X, y)
    assert np.isfinite(estimator.best_loss_)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"coefs_": [np.ones((4, 8)), np.ones((7, 3))]}, r"coefs_\[0\] has the shape \(4, 8\) and"),
        ({"intercepts_": [np.ones(8)]}, "coefs_ holds 2 arrays and intercepts_ 1"),
        ({"intercepts_": [np.ones(8), np.ones(2)]}, r"intercepts_\[1\] \(2,\): expected"),
        ({"coefs_": [np.ones(4), np.ones((8, 3))]}, r"coefs_\[0\] has the shape \(4,\)"),
        ({"coefs_": [], "intercepts_": []}, "coefs_ holds 0 arrays"),
        ({"coefs_": None}, "coefs_ must be a list of arrays, got NoneType"),
        ({"intercepts_": 3}, "intercepts_ must be a list of arrays, got int"),
        ({"n_layers_": 2}, "n_layers_ is 2, but coefs_ holds the weights of 2 layers"),
        ({"coefs_": [np.ones((4, 3))], "intercepts_": [np.ones(3)]}, "n_layers_ is 3, but"),
    ],
)
def test_arrays_that_are_no_layers_in_a_row_are_refused_and_change_nothing(changes, words):
    estimator = classifier().fit(X, y)
    before = {name: getattr(estimator, name) for name in changes}
    predicted = estimator.predict_proba(X)
    for name, value in changes.items():
        setattr(estimator, name, value)
    for use in (estimator.predict, lambda X: estimator.partial_fit(X, y)):
        with pytest.raises((TypeError, ValueError), match=words):
            use(X)
    for name, value in before.items():
        setattr(estimator, name, value)
    assert_array_equal(estimator.predict_proba(X), predicted)


@pytest.mark.parametrize("labels", [NAMES, TWO])
def test_classes_in_another_order_than_that_of_fit_are_refused_not_mixed_up(labels):
    fitted = classifier().fit(X, labels)
    estimator = server(fitted)
    estimator.classes_ = fitted.classes_[::-1]
    for _ in range(2):
        with pytest.raises(ValueError, match=r"classes_ are set by hand .* must be sorted"):
            estimator.predict(X)
    estimator.classes_ = fitted.classes_
    assert_array_equal(estimator.predict(X), fitted.predict(X))


def test_weights_that_are_no_numbers_or_too_few_for_the_classes_are_refused(tmp_path):
    estimator = classifier().fit(X, y)
    estimator.coefs_[0] = np.ones((4, 8)) * 1j
    with pytest.raises(TypeError, match=r"coefs_\[0\] must hold numbers, got complex"):
        estimator.predict(X)
    estimator = classifier().fit(X, y)
    estimator.coefs_[1], estimator.intercepts_[1] = np.ones((8, 2)), np.ones(2)
    for use in (lambda: estimator.predict(X), lambda: estimator.export(tmp_path / "e.onnx")):
        with pytest.raises(ValueError, match="have 2 outputs, 3 classes need 3"):
            use()


def test_a_copy_of_weights_half_set_is_a_copy_of_just_that():
    estimator = classifier().fit(X, y)
    estimator.coefs_ = estimator.coefs_[:1]
    again = copy.deepcopy(estimator)
    assert len(again.coefs_) == 1
    again.intercepts_ = again.intercepts_[:1]
    again.n_layers_, again.out_activation_ = 2, "relu"
    assert_array_equal(again.predict_proba(X), classifier().fit(X, y).transform(X))
    never = classifier()
    never.coefs_, never.intercepts_ = [np.ones((4, 3))], [np.zeros(3)]
    never.classes_, never._label_binarizer = np.arange(3), LabelBinarizer().fit(y)
    never.set_params(hidden_layer_sizes=())
    assert pickle.loads(pickle.dumps(never)).predict(X).shape == (150,)


@pytest.mark.parametrize("wrong", [1e39, np.nan, np.inf])
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_weights_that_are_no_numbers_of_its_type_are_refused_by_name(name, wrong):
    estimator = fm.MLPRegressor(
        hidden_layer_sizes=(3,), max_iter=2, dtype="float32", random_state=0
    )
    estimator.fit(np.ones((4, 2)), np.arange(4.0))
    before = estimator.predict(np.ones((1, 2)))
    kept, given = getattr(estimator, name), [a.astype("f8") for a in getattr(estimator, name)]
    given[1].flat[0] = wrong
    setattr(estimator, name, given)
    with pytest.raises(ValueError, match=rf"{name}\[1\] must hold finite numbers of float32"):
        estimator.predict(np.ones((1, 2)))
    setattr(estimator, name, kept)
    np.testing.assert_array_equal(estimator.predict(np.ones((1, 2))), before)
