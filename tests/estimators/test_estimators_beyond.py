"""What the estimators have beyond scikit-learn's: each test fails without the feature."""

import io
import threading
from contextlib import redirect_stderr

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal

import fastmlp as fm
from fastmlp import graph as g

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X = RNG.randn(210, 4)
y = X[:, 0] + 0.3 * RNG.randn(210)
LABELS = (y > 0).astype(int) + (y > 1)


def classifier(**parameters):
    given = {"hidden_layer_sizes": (9,), "max_iter": 12, "random_state": 0, "batch_size": 30}
    return fm.MLPClassifier(**{**given, "learning_rate_init": 0.01, **parameters})


def regressor(**parameters):
    given = {"hidden_layer_sizes": (9,), "max_iter": 12, "random_state": 0, "batch_size": 30}
    return fm.MLPRegressor(**{**given, "learning_rate_init": 0.01, **parameters})


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_the_weight_of_a_class_is_that_of_its_rows(solver):
    weights = {0: 1.0, 1: 2.0, 2: 30.0}
    by_class = classifier(class_weight=weights, solver=solver).fit(X, LABELS)
    by_row = classifier(solver=solver).fit(X, LABELS, np.array([1.0, 2.0, 30.0])[LABELS])
    plain = classifier(solver=solver).fit(X, LABELS)
    assert_array_equal(by_class.coefs_[0], by_row.coefs_[0])
    assert (by_class.predict(X) == 2).sum() > (plain.predict(X) == 2).sum()


def test_balanced_classes_multiply_the_weights_of_samples():
    weight = RNG.rand(210)
    balance = weight.sum() / 3 / np.bincount(LABELS, weight)
    one = classifier(class_weight="balanced").fit(X, LABELS, weight)
    other = classifier().fit(X, LABELS, weight * balance[LABELS])
    assert_allclose(one.coefs_[0], other.coefs_[0], rtol=1e-12)


SEVERAL = np.c_[y > 0.5, X[:, 1] > 0].astype(int)
BALANCES = {
    "balanced": ("balanced", LABELS),
    "balanced names": ("balanced", np.array(["a", "b", "c"])[LABELS]),
    "balanced labels": ("balanced", SEVERAL),
    "a list": (["balanced", {0: 1.0, 1: 3.0}], SEVERAL),
    "a dict": ({0: 1.0, 1: 2.0, 2: 5.0}, LABELS),
}


@pytest.mark.parametrize("balance", BALANCES)
def test_a_weight_of_k_is_k_copies_whatever_the_weights_of_the_classes(balance):
    class_weight, labels = BALANCES[balance]
    copies = RNG.randint(0, 4, 210)
    copies[LABELS == 0] //= 2
    how = {"class_weight": class_weight, "solver": "lbfgs", "hidden_layer_sizes": 3}
    weighted = classifier(**how).fit(X, labels, copies)
    copied = classifier(**how).fit(np.repeat(X, copies, 0), np.repeat(labels, copies, 0))
    assert_allclose(weighted.predict_proba(X), copied.predict_proba(X), atol=1e-9)


def test_a_class_whose_rows_have_no_weight_is_as_good_as_not_there():
    labels = np.arange(210) % 3
    weight = (labels < 2) * RNG.uniform(0.5, 1, 210)
    by_class = classifier(class_weight="balanced").fit(X, labels, weight)
    balance = weight.sum() / 2 / np.bincount(labels, weight)[:2]
    by_row = classifier().fit(X, labels, weight * np.r_[balance, 0][labels])
    assert_allclose(by_class.coefs_[0], by_row.coefs_[0], rtol=1e-12)
    with pytest.raises(ValueError, match="class_weight leaves weight 0 for every row"):
        classifier(class_weight={0: 0, 1: 0, 2: 0}).fit(X, labels, weight)


@pytest.mark.parametrize("kind", [fm.MLPClassifier, fm.MLPRegressor])
@pytest.mark.parametrize("negative", [-1.0, -1e-300])
def test_a_weight_below_zero_is_an_error_that_names_its_row(kind, negative):
    weight = np.where(np.arange(len(X)) == 3, negative, 1.0)
    for fit in (kind().fit, kind().partial_fit):
        also = {"classes": np.unique(LABELS)} if fit.__name__ == "partial_fit" else {}
        also = also if kind is fm.MLPClassifier else {}
        with pytest.raises(ValueError, match=r"sample_weight must not be negative.*in row 3: -1"):
            fit(X, LABELS, sample_weight=weight, **also)
    with pytest.raises(ValueError, match=r"sample_weight_val must not be negative"):
        kind().fit(X, LABELS, X_val=X, y_val=LABELS, sample_weight_val=weight)


@pytest.mark.parametrize("number", [np.nan, np.inf, 10**400, "2", -1])
@pytest.mark.parametrize("several", [False, True])
def test_a_weight_of_a_class_that_is_no_number_from_0_on_is_an_error_that_names_it(number, several):
    weights, labels = {0: 1.0, 1: number, 2: 1.0}, LABELS
    if several:
        weights, labels = [{0: 1.0, 1: number}] * 2, np.c_[LABELS == 0, LABELS == 1].astype(int)
    kind = TypeError if isinstance(number, str) else ValueError
    with pytest.raises(kind, match=r"class_weight\[1\] must be a"):
        classifier(class_weight=weights).fit(X, labels)


@pytest.mark.parametrize("kind", [fm.MLPClassifier, fm.MLPRegressor])
def test_settings_too_large_for_a_float_are_errors_that_name_them(kind):
    settings = kind()._parameter_constraints
    reals = [name for name in settings if isinstance(getattr(kind(), name), float)]
    assert {"alpha", "learning_rate_init", "tol", "epsilon"} <= set(reals)
    for name in reals:
        with pytest.raises(ValueError, match=name):
            kind(**{name: 10**400}).fit(X, LABELS)
    assert kind(alpha=1, tol=np.int64(0), max_iter=1).fit(X, LABELS).n_iter_ == 1


@pytest.mark.parametrize("kind", [fm.MLPClassifier, fm.MLPRegressor])
@pytest.mark.parametrize("name", ["alpha", "tol", "batch_size", "max_iter", "max_fun"])
def test_times_are_no_numbers_among_settings(kind, name):
    with pytest.raises(TypeError, match=f"{name} must be a number, got .*timedelta64"):
        kind(**{name: np.timedelta64(3, "s")}).fit(X, LABELS)


EXPONENTS = [("float32", -1000), ("float32", -140), ("float32", 120), ("float64", -1000)]
EXPONENTS += [("float64", -140), ("float64", 1020)]


@pytest.mark.parametrize(("dtype", "exponent"), EXPONENTS)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("balance", [None, "balanced"])
def test_without_a_penalty_the_unit_of_the_weights_changes_no_bit(solver, balance, dtype, exponent):
    weight = RNG.uniform(0.5, 1, 210)
    fits = []
    for given in (weight, np.ldexp(weight, exponent)):
        how = {"alpha": 0, "solver": solver, "dtype": dtype, "class_weight": balance}
        estimator = classifier(**how, early_stopping=True)
        more = {} if solver == "lbfgs" else {"X_val": X, "y_val": LABELS}
        estimator.fit(X, LABELS, given, **more, **({"sample_weight_val": given} if more else {}))
        curves = getattr(estimator, "loss_curve_", []), getattr(estimator, "validation_scores_", [])
        fits.append((estimator.model_.parameters.flat.tobytes(), estimator.loss_, *curves))
    assert fits[1] == fits[0]


@pytest.mark.parametrize("dtype", [np.dtype("float32"), "float64"])
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_the_penalty_of_weights_in_another_unit_is_that_of_scikit_learn(solver, dtype):
    weight = RNG.uniform(0.5, 1, 210)
    alpha = 0.05
    one = regressor(alpha=alpha, solver=solver, dtype=dtype).fit(X, y, weight)
    for exponent in (-30, 30):
        how = {"alpha": np.ldexp(alpha, exponent), "solver": solver, "dtype": dtype}
        other = regressor(**how).fit(X, y, np.ldexp(weight, exponent))
        assert other.loss_ == one.loss_
        assert_array_equal(other.coefs_[0], one.coefs_[0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("unit", [1e-300, 1e-39, 1e37, 1e300])
def test_weights_in_any_unit_train_something(unit, dtype):
    estimator = classifier(dtype=dtype).fit(X, LABELS, RNG.uniform(0.5, 1, 210) * unit)
    start = classifier(dtype=dtype, max_iter=1, learning_rate_init=1e-15).fit(X, LABELS)
    assert np.isfinite(estimator.loss_curve_).all()
    assert estimator.loss_curve_[-1] < estimator.loss_curve_[0]
    assert abs(estimator.coefs_[0] - start.coefs_[0]).max() > 0.01


@pytest.mark.parametrize("unit", [1e-320, 1e-200, 1e200, 1e307])
def test_the_unit_of_the_weights_does_not_matter_to_a_score(unit):
    weight = RNG.uniform(0.5, 1, 210)
    for estimator, target in ((classifier(), LABELS), (regressor(), y)):
        estimator.fit(X, target)
        expected = estimator.score(X, target, weight)
        assert_allclose(estimator.score(X, target, weight * unit), expected, rtol=1e-3)
        assert expected != estimator.score(X, target)
        with pytest.raises(ValueError, match="sample_weight is zero for every row"):
            estimator.score(X, target, np.zeros(210))


def test_the_part_that_is_held_out_keeps_the_unit_of_the_weights():
    weight = RNG.uniform(0.5, 1, 210)
    fits = [
        classifier(early_stopping=True, alpha=alpha).fit(X, LABELS, given)
        for alpha, given in ((0.1, weight), (np.ldexp(0.1, -100), np.ldexp(weight, -100)))
    ]
    assert fits[0].loss_curve_ == fits[1].loss_curve_
    assert fits[0].validation_scores_ == fits[1].validation_scores_


def test_a_batch_without_weight_changes_nothing():
    weight = np.zeros(210)
    weight[:30] = 1.0
    half = classifier(shuffle=False, max_iter=1, solver="sgd", momentum=0).fit(X, LABELS, weight)
    first = classifier(shuffle=False, max_iter=1, solver="sgd", momentum=0).fit(X[:30], LABELS[:30])
    assert_allclose(half.coefs_[0], first.coefs_[0], rtol=1e-12)


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("task", ["classifier", "regressor", "partial_fit"])
def test_the_loss_of_a_weighted_epoch_is_the_weighted_mean_of_its_rows(task, share):
    weight = RNG.uniform(0.5, 2, 210) * (RNG.rand(210) < share)
    weight[0] = 1
    still = {"learning_rate_init": 1e-15, "alpha": 0, "max_iter": 1, "batch_size": 20}
    if task == "regressor":
        estimator = regressor(**still).fit(X, y, weight)
        each = 0.5 * (estimator.predict(X) - y) ** 2
    else:
        estimator = classifier(**still)
        how = {"classes": [0, 1, 2]} if task == "partial_fit" else {}
        getattr(estimator, "partial_fit" if how else "fit")(X, LABELS, weight, **how)
        each = -np.log(estimator.predict_proba(X)[np.arange(210), LABELS])
    assert_allclose(estimator.loss_curve_, [np.average(each, weights=weight)], rtol=1e-10)
    assert estimator.loss_ == estimator.loss_curve_[0]


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_dropout_changes_the_training_and_not_the_prediction(solver):
    plain = classifier(solver=solver, max_iter=3).fit(X, LABELS)
    left_out = classifier(solver=solver, max_iter=3, dropout=0.5).fit(X, LABELS)
    assert left_out.loss_curve_[0] != plain.loss_curve_[0]
    assert_array_equal(left_out.predict_proba(X), left_out.predict_proba(X))
    again = classifier(solver=solver, max_iter=3, dropout=0.5).fit(X, LABELS)
    assert left_out.loss_curve_ == again.loss_curve_


def test_dropout_of_each_layer_and_a_wrong_number_of_rates():
    estimator = classifier(hidden_layer_sizes=(6, 5), dropout=[0.0, 0.5]).fit(X, LABELS)
    assert [layer.name for layer in estimator.model_.layers] == [
        "dense_1",
        "dense_2",
        "dropout_1",
        "dense_3",
    ]
    with pytest.raises(ValueError, match="dropout has 3 values for 1 hidden layer:"):
        classifier(dropout=[0.1, 0.2, 0.3]).fit(X, LABELS)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_validation_data_of_one_s_own_is_evaluated_after_every_epoch(make):
    target = LABELS if make is classifier else y
    plain = make().fit(X[:150], target[:150])
    watched = make().fit(X[:150], target[:150], X_val=X[150:], y_val=target[150:])
    assert_array_equal(plain.coefs_[0], watched.coefs_[0])
    assert len(watched.validation_loss_curve_) == len(watched.validation_scores_) == 12
    assert watched.validation_scores_[-1] == watched.score(X[150:], target[150:])


def test_the_validation_loss_is_the_mean_loss_of_the_rows():
    weight = RNG.rand(60) + 0.1
    estimator = regressor().fit(
        X[:150], y[:150], X_val=X[150:], y_val=y[150:], sample_weight_val=weight
    )
    errors = 0.5 * (estimator.predict(X[150:]) - y[150:]) ** 2
    assert_allclose(estimator.validation_loss_curve_[-1], np.average(errors, weights=weight))


def test_early_stopping_on_data_of_one_s_own_returns_to_the_best_weights():
    estimator = classifier(early_stopping=True, max_iter=200, n_iter_no_change=3, tol=0.0)
    estimator.fit(X[:150], LABELS[:150], X_val=X[150:], y_val=LABELS[150:])
    assert estimator.stopped_
    assert estimator.t_ == 150 * estimator.n_iter_  # nothing else was held out
    assert max(estimator.validation_scores_) == estimator.best_validation_score_
    assert estimator.score(X[150:], LABELS[150:]) == estimator.best_validation_score_


@pytest.mark.parametrize("given", [{"X_val": X}, {"y_val": y}, {"sample_weight_val": y}])
def test_half_of_validation_data_is_an_error(given):
    with pytest.raises(ValueError, match="go together"):
        regressor().fit(X, y, **given)


@pytest.mark.parametrize(
    ("X_val", "y_val", "words"),
    [
        (X[:9], LABELS[:8], r"X_val and y_val: Found .* numbers of samples: \[9, 8\]"),
        (X[:9, 1:], LABELS[:9], r"X_val: X has 3 features, but MLPClassifier is expecting 4"),
        (np.full((9, 4), np.nan), LABELS[:9], "X_val: Input X contains NaN"),
    ],
)
def test_what_is_wrong_with_validation_data_is_said_of_the_right_argument(X_val, y_val, words):
    with pytest.raises(ValueError, match=words):
        classifier().fit(X, LABELS, X_val=X_val, y_val=y_val)


@pytest.mark.parametrize(
    ("settings", "given"), [({"callbacks": [print]}, {}), ({}, {"X_val": X, "y_val": LABELS})]
)
def test_what_needs_epochs_is_refused_by_a_solver_without(settings, given):
    estimator = classifier(solver="lbfgs", **settings)
    with pytest.raises(ValueError, match="for solvers with epochs, not for 'lbfgs'"):
        estimator.fit(X, LABELS, **given)


@pytest.mark.parametrize("how", ["warm fit", "partial_fit"])
@pytest.mark.parametrize(
    ("make", "target", "before", "now"),
    [
        (fm.MLPRegressor, y, "squared_error", "poisson"),
        (fm.MLPClassifier, LABELS, "hinge", "log_loss"),
        (fm.MLPClassifier, (y > 0).astype(int), "hinge", "log_loss"),
        (fm.MLPClassifier, LABELS, "log_loss", "hinge"),
    ],
)
def test_layers_that_are_kept_cannot_change_to_a_loss_of_other_outputs(
    make, target, before, now, how
):
    # It would be computed from the layer below: "log_loss" fell below 0.
    estimator = make(loss=before, max_iter=2, random_state=0).fit(X, np.abs(target))
    weights = estimator.model_.parameters.flat.copy()
    estimator.set_params(loss=now, warm_start=True)
    with pytest.raises(ValueError, match=f"loss='{now}' needs the output"):
        getattr(estimator, "fit" if how == "warm fit" else how)(X, np.abs(target))
    assert_array_equal(estimator.model_.parameters.flat, weights)
    estimator.set_params(warm_start=False).fit(X, np.abs(target))


def test_the_validation_loss_is_there_for_rows_held_out_too():
    estimator = classifier(early_stopping=True).fit(X, LABELS)
    assert len(estimator.validation_loss_curve_) == estimator.n_iter_


def test_callbacks_hear_of_every_epoch_and_can_stop():
    heard = []

    def listen(model, epoch, logs):
        heard.append((epoch, logs["loss"], logs["val_score"]))
        return epoch == 5

    estimator = classifier(callbacks=[listen]).fit(X, LABELS, X_val=X, y_val=LABELS)
    epochs, losses, scores = zip(*heard, strict=True)
    assert epochs == (1, 2, 3, 4, 5)
    assert list(losses) == estimator.loss_curve_
    assert list(scores) == estimator.validation_scores_


def test_a_callback_of_the_package_works_on_the_model_inside():
    stopping = fm.EarlyStopping(monitor="val_score", patience=2)
    estimator = classifier(callbacks=[stopping], max_iter=100)
    estimator.fit(X, LABELS, X_val=X[:50], y_val=LABELS[:50])
    assert estimator.n_iter_ == stopping.best_epoch + 2
    assert estimator.score(X[:50], LABELS[:50]) == stopping.best_value


def test_a_bar_shows_the_progress():
    with redirect_stderr(io.StringIO()) as shown:
        classifier(verbose="bar").fit(X, LABELS)
    assert "12/12" in shown.getvalue()


@pytest.mark.parametrize(
    "name", sorted(set(fm.activations.ACTIVATIONS) | set(fm.activations.ALIASES))
)
def test_every_activation_of_the_package_can_be_named(name):
    estimator = classifier(activation=name, max_iter=2).fit(X, LABELS)
    assert estimator.model_.layers[0].activation is fm.activations.get(name)


def swish(z):
    return z * g.logistic(z)


def test_each_layer_can_have_an_activation_of_its_own():
    estimator = classifier(hidden_layer_sizes=(5, 4, 3), activation=["tanh", swish, "softplus"])
    estimator.fit(X, LABELS)
    assert [layer.activation.name for layer in estimator.model_.layers] == [
        "tanh",
        "swish",
        "softplus",
        "softmax",
    ]
    hidden = np.tanh(X @ estimator.coefs_[0] + estimator.intercepts_[0])
    assert_allclose(estimator.transform(X, layer=0), hidden, rtol=1e-12)
    z = hidden @ estimator.coefs_[1] + estimator.intercepts_[1]
    assert_allclose(estimator.transform(X, layer=1), z / (1 + np.exp(-z)), rtol=1e-10)


def test_hidden_activations_without_a_hidden_layer_are_an_error():
    with pytest.raises(ValueError, match="hidden layer puts out, and there is none"):
        classifier(hidden_layer_sizes=()).fit(X, LABELS).transform(X)


# Loss -> (parameters, what it says of one example).
LOSSES = {
    "absolute_error": ({}, lambda e: np.abs(e)),
    "huber": ({"delta": 0.4}, lambda e: np.where(abs(e) < 0.4, e**2 / 2, 0.4 * (abs(e) - 0.2))),
    "log_cosh": ({}, lambda e: np.log(np.cosh(e))),
    "quantile": ({"quantile": 0.8}, lambda e: np.maximum(0.8 * e, -0.2 * e)),
}


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("loss", LOSSES)
def test_further_losses_have_their_formula_and_fall(loss, solver):
    parameters, formula = LOSSES[loss]
    estimator = regressor(loss=loss, solver=solver, alpha=0.0, max_iter=60, **parameters)
    estimator.fit(X, y, X_val=X, y_val=y) if solver != "lbfgs" else estimator.fit(X, y)
    expected = formula(y - estimator.predict(X)).mean()
    last = estimator.loss_ if solver == "lbfgs" else estimator.validation_loss_curve_[-1]
    assert_allclose(last, expected, rtol=1e-6)
    assert expected < 0.7 * formula(y - np.median(y)).mean()


@pytest.mark.parametrize("name", ["absolute_error", "huber", "log_cosh", "poisson"])
def test_a_loss_given_as_an_object_is_the_one_of_its_name(name):
    counts = np.round(np.abs(y) * 3)
    named, given = (
        regressor(loss=loss, max_iter=5).fit(X, counts) for loss in (name, fm.losses.get(name))
    )
    assert_allclose(given.predict(X), named.predict(X), rtol=1e-6)
    if name == "poisson":
        assert (given.predict(X) > 0).all()
        with pytest.raises(ValueError, match="needs y >= 0"):
            regressor(loss=fm.losses.Poisson()).fit(X, -counts)


def test_a_classifier_takes_losses_of_probabilities_and_refuses_the_hinge_as_an_object():
    smooth = fm.losses.CrossEntropy(label_smoothing=0.1)
    sure, smoothed = (
        classifier(loss=loss, max_iter=200).fit(X, LABELS) for loss in ("log_loss", smooth)
    )
    assert smoothed.predict_proba(X).max() < sure.predict_proba(X).max()
    with pytest.raises(ValueError, match="loss='hinge' here"):
        classifier(loss=fm.losses.Hinge()).fit(X, LABELS)


def test_quantiles_hold_their_shares_and_make_an_interval():
    estimator = regressor(loss="quantile", quantile=[0.1, 0.5, 0.9], max_iter=200).fit(X, y)
    low, middle, high = estimator.predict(X).T
    assert_allclose([(y < q).mean() for q in (low, middle, high)], [0.1, 0.5, 0.9], atol=0.07)
    with pytest.raises(ValueError, match="needs one target"):
        regressor(loss="quantile").fit(X, np.c_[y, y])
    for loss in ("quantile", "squared_error"):  # as all settings, whether they count or not
        fitted = regressor(loss=loss, max_iter=1).partial_fit(X, y)
        predicted = fitted.predict(X)
        with pytest.raises(ValueError, match="between 0 and 1"):
            fitted.set_params(quantile=[1.0]).fit(X, y)
        with pytest.raises(ValueError, match=r"each quantile once, got \[0.1, 0.1\]"):
            fitted.set_params(quantile=[0.1, 0.1]).fit(X, y)
        assert_allclose(fitted.set_params(quantile=0.5).predict(X), predicted, rtol=0)


def test_a_loss_of_one_s_own_is_trained_on():
    own = regressor(loss=lambda y, t: 0.5 * (y - t) ** 2).fit(X, y)
    assert_allclose(own.loss_curve_, regressor().fit(X, y).loss_curve_, rtol=1e-12)

    def focal(y, t):
        return g.sum(-t * (1.0 - y) ** 2 * g.log(y + 1e-12), axis=1)

    estimator = classifier(loss=focal, max_iter=60).fit(X, LABELS)
    assert estimator.score(X, LABELS) > 0.7
    with pytest.raises(ValueError, match="a number for each example"):
        regressor(loss=lambda y, t: g.mean((y - t) ** 2)).fit(X, y)


def test_partial_fit_stops_early_over_calls():
    estimator = classifier(early_stopping=True, n_iter_no_change=2, learning_rate_init=0.05)
    calls = 0
    while not getattr(estimator, "stopped_", False) and calls < 200:
        estimator.partial_fit(
            X[:150], LABELS[:150], classes=[0, 1, 2], X_val=X[150:], y_val=LABELS[150:]
        )
        calls += 1
    assert estimator.stopped_
    assert len(estimator.validation_scores_) == calls < 200
    assert estimator.score(X[150:], LABELS[150:]) == estimator.best_validation_score_
    before = estimator.coefs_[0].copy()
    estimator.partial_fit(X[:150], LABELS[:150], X_val=X[150:], y_val=LABELS[150:])
    assert_array_equal(before, estimator.coefs_[0])


def test_partial_fit_stops_early_for_several_labels_too():
    labels = np.c_[LABELS > 0, LABELS > 1].astype(int)
    estimator = classifier(early_stopping=True, n_iter_no_change=1, validation_fraction=0.3)
    for _ in range(60):
        estimator.partial_fit(X, labels, classes=[0, 1])
    assert estimator.stopped_
    assert len(estimator.validation_scores_) < 60


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_warm_start_that_keeps_the_optimizer_is_one_long_fit(solver):
    settings = {"solver": solver, "shuffle": False}
    long = classifier(max_iter=10, **settings).fit(X, LABELS)
    kept = classifier(max_iter=5, warm_start=True, keep_optimizer=True, **settings)
    kept.fit(X, LABELS).fit(X, LABELS)
    forgot = classifier(max_iter=5, warm_start=True, **settings).fit(X, LABELS).fit(X, LABELS)
    assert_array_equal(kept.coefs_[0], long.coefs_[0])
    assert (forgot.coefs_[0] != long.coefs_[0]).any()


def test_hidden_activations_are_features_for_what_comes_next():
    estimator = classifier(hidden_layer_sizes=(6, 3)).fit(X, LABELS)
    last = estimator.transform(X)
    assert last.shape == (210, 3)
    assert_array_equal(last, estimator.transform(X, layer=1))
    logits = last @ estimator.coefs_[-1] + estimator.intercepts_[-1]
    assert_array_equal(logits.argmax(axis=1), estimator.predict(X))


def test_the_number_of_threads_is_used_given_back_and_no_other_thread_s():
    before, seen, seen_elsewhere = fm.get_num_threads(), [], []

    def look(*_):
        seen.append(fm.get_num_threads())
        elsewhere = threading.Thread(target=lambda: seen_elsewhere.append(fm.get_num_threads()))
        elsewhere.start()
        elsewhere.join()

    many = classifier(n_threads=before + 2, callbacks=[look]).fit(X, LABELS)
    assert set(seen) == {before + 2}
    assert set(seen_elsewhere) == {before}
    assert fm.get_num_threads() == before
    assert_array_equal(many.coefs_[0], classifier(n_threads=1).fit(X, LABELS).coefs_[0])
    with pytest.raises(ValueError, match=r"\[1, 4096\] or None. Got 4097"):
        classifier(n_threads=4097).fit(X, LABELS)
    with pytest.raises(ValueError, match="count must be at most 4096, got 4097"):
        fm.set_num_threads(4097)


def test_a_table_in_float64_can_train_in_float32():
    estimator = classifier(dtype="float32").fit(X, LABELS)
    assert estimator.coefs_[0].dtype == estimator.predict_proba(X).dtype == np.float32
    assert_allclose(estimator.loss_curve_, classifier().fit(X, LABELS).loss_curve_, rtol=1e-3)


def test_a_warm_network_cannot_change_its_layers():
    estimator = classifier(warm_start=True).fit(X, LABELS)
    with pytest.raises(ValueError, match="warm_start=True, keep the layers"):
        estimator.set_params(hidden_layer_sizes=(3,)).fit(X, LABELS)


def test_sparse_data_is_never_dense_as_a_whole():
    resource = pytest.importorskip("resource")
    rows, columns = 1000, 100_000  # 800 MB when dense
    sparse = scipy.sparse.random_array(
        (rows, columns), density=1e-4, format="csr", rng=np.random.default_rng(0)
    )
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for solver in ("lbfgs", "adam"):
        estimator = regressor(hidden_layer_sizes=1, solver=solver, max_iter=1, batch_size=40)
        estimator.fit(sparse, np.arange(rows) / rows).predict(sparse)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert kilobytes < 100_000


def test_ctrl_c_ends_the_training_with_a_warning_and_what_was_learnt():
    def interrupt(model, epoch, logs):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="interrupted by user"):
        estimator = classifier(callbacks=[interrupt]).fit(X, LABELS)
    assert_array_equal(estimator.coefs_[0], classifier(max_iter=3).fit(X, LABELS).coefs_[0])


HINGE_TARGETS = {
    "two classes": np.array(["no", "yes"])[(y > 0).astype(int)],
    "three classes": LABELS,
    "several labels": np.c_[y > 0, y > 1, y < -1].astype(int),
}


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("target", HINGE_TARGETS)
def test_the_hinge_loss_wants_a_margin_and_knows_no_probabilities(target, solver):
    labels = HINGE_TARGETS[target]
    estimator = classifier(loss="hinge", solver=solver, alpha=0.0, max_iter=60, batch_size=210)
    first = classifier(loss="hinge", alpha=0.0, max_iter=1, batch_size=210, learning_rate_init=1e-9)
    scores = first.fit(X, labels).decision_function(X)
    encoded = first._label_binarizer.transform(labels)
    if target == "three classes":
        others = np.where(encoded == 1, -np.inf, scores).max(axis=1)
        expected = np.maximum(0, 1 + others - scores[encoded == 1])
    else:
        margins = (2 * encoded - 1) * scores.reshape(encoded.shape)
        expected = np.maximum(0, 1 - margins).sum(axis=1)
    assert_allclose(first.loss_, expected.mean(), rtol=1e-6)
    estimator.fit(X, labels)
    assert estimator.loss_ < 0.6 * first.loss_
    assert estimator.score(X, labels) > 0.6
    assert_array_equal(estimator.predict(X[:50]), estimator.predict(X)[:50])
    assert not hasattr(estimator, "predict_proba")
    assert not hasattr(classifier(), "decision_function")


def test_the_hinge_loss_scores_held_out_rows_as_it_predicts():
    labels = HINGE_TARGETS["two classes"]
    estimator = classifier(loss="hinge").fit(X, labels, X_val=X, y_val=labels)
    assert estimator.validation_scores_[-1] == estimator.score(X, labels) > 0.5


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_activations_with_settings_have_a_name_for_estimators_too():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), np.arange(40) % 2
    how = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
    named = fm.MLPClassifier(activation="elu(alpha=0.5)", **how).fit(X, y)
    given = fm.MLPClassifier(activation=lambda z: g.elu(z, 0.5), **how).fit(X, y)
    assert_allclose(named.predict_proba(X), given.predict_proba(X))
    with pytest.raises(ValueError, match="'activation' parameter"):
        fm.MLPClassifier(activation="elu(alfa=0.5)").fit(X, y)


@pytest.mark.parametrize("make", [fm.MLPClassifier, fm.MLPRegressor])
def test_arrays_that_need_no_check_are_predicted_and_trained_on_as_any_others(make):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 4)).round(2)
    y = rng.integers(3, size=60)

    def fitted():
        return make(hidden_layer_sizes=(8,), max_iter=3, random_state=0).partial_fit(
            X, y, **({"classes": [0, 1, 2]} if make is fm.MLPClassifier else {})
        )

    estimator = fitted()
    expected = estimator.predict(X.tolist())
    assert estimator.partial_fit(X.tolist(), y.tolist()).t_ == 120
    for given in (X, np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2], X.view(np.ndarray)):
        other = fitted()
        np.testing.assert_array_equal(other.predict(given), expected)
        other.partial_fit(given, y)
        np.testing.assert_array_equal(other.coefs_[0], estimator.coefs_[0])
    wrong = X.copy()
    wrong[3, 1] = np.nan
    for call in (estimator.predict, lambda rows: estimator.partial_fit(rows, y)):
        with pytest.raises(ValueError, match="NaN"):
            call(wrong)
        with pytest.raises(ValueError, match=r"X has 3 features, but .* is expecting 4"):
            call(X[:, :3])
        with pytest.raises(ValueError, match=r"minimum of 1 is required|inconsistent"):
            call(X[:0])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        estimator.partial_fit(X, y[:-1])
    named = pytest.importorskip("pandas").DataFrame(X, columns=list("abcd"))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        make(hidden_layer_sizes=(8,), max_iter=1, random_state=0, solver="sgd").partial_fit(
            named, y, **({"classes": [0, 1, 2]} if make is fm.MLPClassifier else {})
        ).predict(X)
