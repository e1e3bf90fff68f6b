"""The scores that early stopping follows: undefined, of rows without weight, diverging."""

import math
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score

import fastmlp as fm

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
y = 2 * X[:, 0] + np.sin(X[:, 1])
LABELS = (y > 0).astype(int)
ESTIMATORS = {"regressor": (fm.MLPRegressor, y), "classifier": (fm.MLPClassifier, LABELS)}

each_estimator = pytest.mark.parametrize(
    ("kind", "target"), ESTIMATORS.values(), ids=list(ESTIMATORS)
)


def stopping(kind=fm.MLPRegressor, **parameters):
    given = {"hidden_layer_sizes": 8, "learning_rate_init": 0.01, "random_state": 0}
    return kind(early_stopping=True, **{**given, **parameters})


@each_estimator
@pytest.mark.parametrize("incremental", [False, True])
def test_a_score_that_is_nan_is_no_improvement(kind, target, incremental, monkeypatch):
    scores = iter([0.25, math.nan, 0.5, *[math.nan] * 9])
    weights = []
    estimator = stopping(kind, n_iter_no_change=3, callbacks=[lambda m, e, logs: remember(m)])

    def remember(model):
        weights.append(model.parameters.flat.copy())

    monkeypatch.setattr(kind, "_score_outputs", lambda *_: next(scores))
    if incremental:
        more = {"classes": [0, 1]} if kind is fm.MLPClassifier else {}
        while not getattr(estimator, "stopped_", False):
            estimator.partial_fit(X, target, **more)
    else:
        estimator.fit(X, target)
    assert len(estimator.validation_scores_) == 7  # the third is the best, four do not better it
    assert estimator.best_validation_score_ == 0.5
    assert_array_equal(estimator.model_.parameters.flat, weights[2])


def test_scores_that_are_never_finite_leave_the_last_weights_and_a_warning(monkeypatch):
    monkeypatch.setattr(fm.MLPRegressor, "_score_outputs", lambda *_: math.nan)
    with pytest.warns(ConvergenceWarning, match="NaN or infinite after every epoch"):
        estimator = stopping(n_iter_no_change=30).fit(X, y)
    assert estimator.n_iter_ == 31
    monkeypatch.undo()
    assert estimator.score(X, y) > 0.3  # the initial weights have less than 0


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_one_validation_row_has_no_r2_to_stop_by(how):
    weight = np.zeros(200)
    weight[7] = 1
    for validation in (
        {"X_val": X[:1], "y_val": y[:1]},
        {"X_val": X, "y_val": y, "sample_weight_val": weight},
    ):
        with pytest.raises(ValueError, match="X_val needs at least two rows whose weight is not 0"):
            getattr(stopping(), how)(X, y, **validation)


@each_estimator
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_weights_that_are_all_zero_are_an_error_that_names_them(kind, target, how):
    more = {"classes": [0, 1]} if (kind is fm.MLPClassifier and how == "partial_fit") else {}
    nothing = np.zeros(200)
    with pytest.raises(ValueError, match="sample_weight is zero for every row"):
        getattr(kind(), how)(X, target, nothing, **more)
    for wrong in (np.nan, np.inf):  # one number is the weight of every row
        with pytest.raises(ValueError, match="sample_weight must hold finite numbers"):
            getattr(kind(), how)(X, target, wrong, **more)
    with pytest.raises(ValueError, match="sample_weight_val is zero for every row"):
        getattr(kind(), how)(
            X, target, X_val=X, y_val=target, sample_weight_val=nothing.astype(int), **more
        )


@each_estimator
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_rows_of_weight_zero_are_never_held_out(kind, target, seed):
    weight = np.zeros(200)
    weight[np.random.default_rng(seed).choice(200, 40, replace=False)] = 1
    # Targets no network can miss or meet tell whether a row without weight was in the score.
    estimator = stopping(kind, random_state=seed, max_iter=3)
    estimator.fit(X, np.where(weight > 0, target, 1 - target), weight)
    among = stopping(kind, random_state=seed, max_iter=3)
    among.fit(X[weight > 0], target[weight > 0])
    assert len(estimator.validation_scores_) == 3
    assert_allclose(estimator.validation_scores_[0], among.validation_scores_[0], rtol=1e-9)


def test_too_few_rows_of_weight_say_that_weights_are_the_reason():
    weight = np.zeros(200)
    weight[[3, 50, 90]] = 1
    with pytest.raises(ValueError, match=r"early_stopping .* sample_weight .* of 200 rows 3 have"):
        stopping().fit(X, y, weight)
    with pytest.raises(ValueError, match=r"early_stopping .* sample_weight .* of 200 rows 3 have"):
        stopping(fm.MLPClassifier).fit(X, LABELS, weight)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("bagging", "kind", "target"),
    [
        (BaggingClassifier, fm.MLPClassifier, LABELS),
        (BaggingRegressor, fm.MLPRegressor, y),
    ],
)
def test_bootstrap_weights_and_early_stopping_go_together(bagging, kind, target):
    each = stopping(kind, max_iter=5)
    ensemble = bagging(each, n_estimators=20, max_samples=0.2, random_state=0)
    assert ensemble.fit(X, target).score(X, target) > -1


@each_estimator
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_training_that_diverges_stops_and_keeps_the_best_weights(kind, target, solver, dtype):
    # The first epoch has small rates; the callback then makes the loss explode.
    def explode(model, epoch, logs):
        if epoch == 2:
            seen.append(logs["val_score"])
            seen.append(model.parameters.flat.copy())
            model.layers[0].weights[...] = np.finfo(model.dtype).max / 2

    seen = []
    estimator = stopping(
        kind, solver=solver, dtype=dtype, activation="identity", callbacks=[explode], tol=0
    )
    with pytest.warns(ConvergenceWarning, match="in epoch 3: .* weights of the best validation"):
        estimator.fit(X, target)
    assert estimator.stopped_
    assert estimator.n_iter_ == 3 == len(estimator.loss_curve_)
    for curve in (
        estimator.loss_curve_,
        estimator.validation_scores_,
        estimator.validation_loss_curve_,
    ):
        assert math.isnan(curve[-1])
        assert isinstance(curve[-1], float)
    assert np.isfinite(estimator.model_.parameters.flat).all()
    if estimator.best_validation_score_ == seen[0] > estimator.validation_scores_[0]:
        assert_array_equal(estimator.model_.parameters.flat, seen[1])
    assert np.isfinite(estimator.score(X, target))


def test_a_training_that_diverges_before_any_score_says_in_one_warning_which_weights_stay():
    estimator = stopping(solver="sgd", activation="identity", learning_rate_init=1e3)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        estimator.fit(1e100 * X, y)
    (warning,) = said
    assert str(warning.message) == (
        "The loss became NaN or infinite in epoch 2: the training has stopped, with the last "
        "finite weights, as no epoch before has a finite validation score."
    )
    assert np.isfinite(estimator.model_.parameters.flat).all()


def test_a_training_that_diverges_over_calls_of_partial_fit_stops_too():
    estimator = stopping(solver="sgd", activation="identity", learning_rate_init=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for _ in range(20):
            estimator.partial_fit(100 * X, y)
    assert estimator.stopped_
    assert np.isfinite(estimator.model_.parameters.flat).all()
    assert math.isnan(estimator.validation_scores_[-1])


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_without_early_stopping_a_training_that_diverges_is_an_error(solver):
    estimator = fm.MLPRegressor(
        solver=solver, activation="identity", learning_rate_init=1e200, random_state=0
    )
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        estimator.fit(X, y)
    assert np.isfinite(estimator.model_.parameters.flat).all()


# Several quantiles.

QUANTILES = [0.1, 0.5, 0.9]


def quantiles(**parameters):
    given = {"hidden_layer_sizes": 8, "max_iter": 5, "random_state": 0, "quantile": QUANTILES}
    return fm.MLPRegressor("quantile", **{**given, **parameters})


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("weight", [None, RNG.random(200)])
def test_the_score_of_several_quantiles_is_the_mean_of_their_d2(weight):
    estimator = quantiles().fit(X, y)
    predicted = estimator.predict(X)
    each = [
        d2_pinball_score(y, predicted[:, i], sample_weight=weight, alpha=quantile)
        for i, quantile in enumerate(QUANTILES)
    ]
    assert_allclose(estimator.score(X, y, weight), np.mean(each))
    assert_allclose(estimator.score(X.tolist(), y[:, None].tolist(), weight), np.mean(each))
    watched = quantiles().fit(X, y, X_val=X, y_val=y, sample_weight_val=weight)
    assert_allclose(watched.validation_scores_[-1], np.mean(each))


def test_predicting_the_quantiles_of_y_scores_zero():
    estimator = quantiles(max_iter=1, alpha=0).partial_fit(X, y)
    for coef in estimator.coefs_:
        coef[...] = 0
    estimator.intercepts_[-1][...] = np.quantile(y, QUANTILES)
    assert abs(estimator.score(X, y)) < 1e-3


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_quantiles_stop_early_and_go_through_scikit_learn_s_tools():
    estimator = quantiles(early_stopping=True, max_iter=40, learning_rate_init=0.05).fit(X, y)
    assert estimator.best_validation_score_ == max(estimator.validation_scores_) > 0.3
    step_by_step = quantiles(early_stopping=True, learning_rate_init=0.05)
    for _ in range(10):
        step_by_step.partial_fit(X, y)
    assert len(step_by_step.validation_scores_) == 10
    assert np.isfinite(cross_val_score(quantiles(), X, y, cv=3, error_score="raise")).all()
    search = GridSearchCV(quantiles(), {"learning_rate_init": [1e-5, 0.05]}, cv=3)
    assert search.fit(X, y).best_params_ == {"learning_rate_init": 0.05}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("quantile", [0.3, [0.3]])
def test_the_score_of_one_quantile_is_r2(quantile):
    estimator = quantiles(quantile=quantile).fit(X, y)
    assert estimator.score(X, y) == r2_score(y, estimator.predict(X))


def test_several_quantiles_are_scored_against_one_target_of_numbers():
    estimator = quantiles(max_iter=1).partial_fit(X, y)
    with pytest.raises(ValueError, match="needs one target, y has 2 columns"):
        estimator.score(X, X[:, :2])
    estimator.set_params(quantile=[0.1, 0.2, 0.3, 0.4])
    with pytest.raises(ValueError, match="is for 4 outputs, the network has"):
        estimator.score(X, y)
    estimator.set_params(quantile=quantiles().quantile)
    for rows in (50, 1):  # one row would broadcast
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            estimator.score(X, y[:rows])
    with pytest.raises(ValueError, match="NaN"):
        estimator.score(X, np.full(200, math.nan))


def test_rows_are_split_by_one_number_each(monkeypatch):
    # Of a column scikit-learn makes a text for each row, which takes longer than an epoch.
    import sklearn.model_selection

    given = []

    def split(*arrays, stratify, **settings):
        given.append(stratify)
        return original(*arrays, stratify=stratify, **settings)

    original = sklearn.model_selection.train_test_split
    monkeypatch.setattr(sklearn.model_selection, "train_test_split", split)
    rows = np.arange(40.0)[:, None]
    with pytest.warns(ConvergenceWarning):
        fm.MLPClassifier((3,), max_iter=3, early_stopping=True).fit(rows, rows[:, 0] > 30)
    assert [part.shape for part in given] == [(40,)]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("loss", ["log_loss", "hinge"])
def test_the_only_class_is_always_right(loss):
    estimator = stopping(fm.MLPClassifier, loss=loss, max_iter=3).fit(X, np.full(200, "only"))
    assert estimator.validation_scores_ == [1.0] * 3
    assert estimator.score(X, np.full(200, "only")) == 1.0
