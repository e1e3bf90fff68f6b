"""Optimizers and losses of fastmlp in the estimators: one engine, and no setting ignored."""

import contextlib
import copy
import pickle
import re
from unittest import SkipTest

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor as PeerRegressor
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.estimator_checks import estimator_checks_generator

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import losses, optimizers

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
TWO, THREE = (X[:, 0] > 0).astype(int), np.digitize(X[:, 0], [-0.5, 0.5])
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)
NUMBERS = 2 * X[:, 0] - X[:, 1]
HOW = {"max_iter": 4, "random_state": 0, "batch_size": 20}

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def flat(estimator):
    return estimator.model_.parameters.flat


RULES = {
    **{
        name: lambda rule=rule: rule(learning_rate=0.01)
        for name, rule in optimizers.OPTIMIZERS.items()
    },
    "average and bounds": lambda: fm.AdamW(0.01, ema=0.9, clip_norm=0.1, clip_value=0.05),
    "schedule": lambda: fm.SGD(fm.Warmup(3, fm.CosineDecay(0.1, steps=12)), momentum=0.9),
    "groups": lambda: fm.Adam(
        0.01, groups={"bias": {"learning_rate": 0.1}, "dense_2": fm.SGD(0.1)}
    ),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", RULES)
def test_a_fit_is_that_of_a_model_with_the_same_optimizer(rule, dtype):
    optimizer = RULES[rule]()
    how = {"alpha": 0.0, "shuffle": False, "dtype": dtype, **HOW}
    estimator = fm.MLPRegressor(hidden_layer_sizes=(5,), solver=optimizer, **how)
    estimator.fit(X, NUMBERS)
    rng, drawn = np.random.RandomState(0), []
    for inputs, units in ((4, 5), (5, 1)):  # as scikit-learn draws them
        bound = np.sqrt(6 / (inputs + units))
        drawn += [rng.uniform(-bound, bound, (inputs, units)).T, rng.uniform(-bound, bound, units)]
    model = fm.MLP([4, 5, 1], dtype=dtype)
    model.set_weights(drawn)
    model.fit(X, NUMBERS, optimizer=optimizer, epochs=4, batch_size=20, shuffle=False)
    rtol = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(flat(estimator), model.parameters.flat, rtol=rtol, atol=rtol)


def test_a_name_takes_the_rate_of_the_estimator():
    named = fm.MLPClassifier(5, solver="adamw", learning_rate_init=0.02, **HOW).fit(X, THREE)
    given = fm.MLPClassifier(5, solver=fm.AdamW(0.02), **HOW).fit(X, THREE)
    np.testing.assert_array_equal(flat(named), flat(given))
    assert named._optimizer == fm.AdamW(0.02)


def test_scikit_learns_own_solvers_stay_as_they_are():
    for solver in ("adam", "sgd"):
        ours = fm.MLPRegressor(hidden_layer_sizes=5, solver=solver, **HOW).fit(X, NUMBERS)
        theirs = PeerRegressor(hidden_layer_sizes=5, solver=solver, **HOW).fit(X, NUMBERS)
        np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-10)
    assert type(ours._optimizer).__name__ == "PeerSGD"


@pytest.mark.parametrize(
    ("estimator", "advice"),
    [
        (fm.MLPClassifier(solver="Adam"), "; did you mean 'adam'?"),
        (fm.MLPRegressor(activation="rellu"), "; did you mean 'relu'?"),
        (fm.MLPRegressor(learning_rate=0.01), "; write learning_rate_init=0.01"),
        (fm.MLPRegressor(batch_size="Auto"), "; did you mean 'auto'?"),
        (fm.TabularRegressor(metric="RMSE"), "; did you mean 'rmse'?"),
        (fm.TabularClassifier(quality="Best"), "; did you mean 'best'?"),
        (fm.MLPClassifier(learning_rate="cosine"), "."),  # like none of them
        (fm.MLPClassifier(max_iter=0), "."),
        (fm.MLPClassifier(learning_rate=True), "."),
    ],
)
def test_a_parameter_almost_right_is_told_as_scikit_learn_does_and_what_was_meant(
    estimator, advice
):
    with pytest.raises(InvalidParameterError, match=re.escape(f" instead{advice}") + "$"):
        estimator.fit(X, TWO)


@pytest.mark.parametrize("make", [fm.MLPClassifier, fm.MLPRegressor])
def test_estimators_with_an_optimizer_pass_scikit_learns_checks(make):
    estimator, done = make(solver=fm.AdamW(0.02), max_iter=30), 0
    for checked, check in estimator_checks_generator(estimator):
        with contextlib.suppress(SkipTest):  # of what is not installed
            check(checked)
            done += 1
    assert done > 40


WAYS = {
    "pickle": lambda e: pickle.loads(pickle.dumps(e)),
    "copy": copy.deepcopy,
    "skops": lambda e: through_skops(e),
}


def through_skops(thing):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    data = skops.dumps(thing)
    return skops.loads(data, trusted=skops.get_untrusted_types(data=data))


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("rule", ["adamw", "average and bounds", "schedule"])
def test_a_twin_goes_on_as_the_original(rule, how):
    estimator = fm.MLPClassifier(5, solver=RULES[rule](), random_state=0)
    estimator.partial_fit(X, THREE, classes=[0, 1, 2]).partial_fit(X, THREE)
    twin = WAYS[how](estimator)
    assert twin.get_params()["solver"] == estimator.solver
    for one in (estimator, twin):
        one.partial_fit(X, THREE)
    np.testing.assert_array_equal(flat(twin), flat(estimator))
    assert twin._trainer.state.steps == estimator._trainer.state.steps


def test_clones_parameters_and_searches():
    estimator = fm.MLPClassifier(5, solver=fm.Lion(1e-3), loss=losses.Focal(), **HOW)
    twin = clone(estimator)
    assert twin.solver == fm.Lion(1e-3)
    assert twin.loss == losses.Focal()
    assert twin.set_params(solver=fm.AdamW(0.1)).solver == fm.AdamW(0.1)
    grid = {"solver": ["adam", "nadam", fm.AdamW(0.1), fm.SGD(0.5)], "loss": ["log_loss", "focal"]}
    search = GridSearchCV(fm.MLPClassifier(5, **HOW), grid, cv=2, error_score="raise")
    search.fit(X, TWO)
    assert search.best_params_["solver"] in grid["solver"]


def test_a_warm_fit_keeps_the_moments_if_it_is_asked_to():
    def run(keep, second):
        estimator = fm.MLPClassifier(
            5, solver=fm.Adam(0.01), warm_start=True, keep_optimizer=keep, **HOW
        )
        estimator.fit(X, THREE)
        estimator.solver = second
        estimator.fit(X, THREE)
        return estimator._trainer.state

    assert run(False, fm.Adam(0.01)).steps == 12
    assert run(True, fm.Adam(0.01)).steps == 24
    changed = run(True, fm.Adam(0.5))
    assert (changed.steps, changed.began, changed.optimizer) == (24, 12, fm.Adam(0.5))
    assert run(True, fm.SGD(0.5, momentum=0.9)).steps == 12
    assert run(True, "adam").steps == 12


def test_early_stopping_returns_to_the_averaged_weights_that_were_best():
    estimator = fm.MLPRegressor(
        hidden_layer_sizes=5,
        solver=fm.Adam(0.05, ema=0.9),
        early_stopping=True,
        random_state=0,
        n_iter_no_change=3,
    )
    held = X[:20], NUMBERS[:20]
    estimator.fit(X, NUMBERS, X_val=held[0], y_val=held[1])
    assert estimator.score(*held) == pytest.approx(estimator.best_validation_score_, abs=1e-12)


WRONG_SOLVERS = [
    ({"solver": "adan"}, "solver"),
    ({"solver": fm.AdamW}, r"solver must be an object, got the class: write AdamW\(\)"),
    ({"solver": 3}, "solver"),
    ({"solver": fm.LBFGS()}, "write solver='lbfgs', with max_iter"),
    ({"solver": fm.AdamW(), "learning_rate_init": 0.1}, "learning_rate_init=0.1 has no effect"),
    ({"solver": fm.AdamW(), "beta_1": 0.8}, "beta_1=0.8 has no effect beside solver=AdamW"),
    ({"solver": fm.SGD(), "momentum": 0.5}, "momentum=0.5 has no effect"),
    ({"solver": "nadam", "epsilon": 1e-3}, "epsilon=0.001 has no effect beside solver='nadam'"),
    ({"solver": fm.SGD(), "learning_rate": "adaptive"}, "is for solver='sgd', not for SGD"),
    ({"solver": "nadam", "learning_rate": "invscaling"}, "is for solver='sgd', not for 'nadam'"),
    ({"solver": fm.Adam(groups={"dense_9": fm.SGD()})}, "dense_9"),
]


@pytest.mark.parametrize(("settings", "words"), WRONG_SOLVERS)
def test_what_a_solver_cannot_do_is_told(settings, words):
    estimator = fm.MLPClassifier(5, **settings)
    with pytest.raises((ValueError, TypeError), match=words):
        estimator.fit(X, THREE)


def test_partial_fit_is_there_for_all_but_lbfgs():
    assert hasattr(fm.MLPClassifier(solver=fm.Lion()), "partial_fit")
    assert hasattr(fm.MLPClassifier(solver="lion"), "partial_fit")
    assert not hasattr(fm.MLPClassifier(solver="lbfgs"), "partial_fit")
    assert not hasattr(fm.MLPClassifier(solver="lino"), "partial_fit")


def test_scikit_learn_gets_what_it_knows():
    estimator = fm.MLPClassifier(5, solver=fm.AdamW(0.01), **HOW).fit(X, THREE)
    theirs = fm.to_sklearn(estimator)
    assert theirs.solver == "adam"
    np.testing.assert_allclose(theirs.predict_proba(X), estimator.predict_proba(X), atol=1e-12)


# --- losses ---

CLASS_LOSSES = [
    ("cross_entropy", THREE),
    ("sparse_categorical_crossentropy", THREE),
    ("focal", THREE),
    ("kl_divergence", THREE),
    ("cross_entropy", TWO),
    ("focal", TWO),
    ("focal", LABELS),
    ("bce", TWO),
    ("binary_cross_entropy", LABELS),
    (losses.CrossEntropy(label_smoothing=0.1), THREE),
    (losses.Focal(gamma=1.0), THREE),
    (losses.BinaryCrossEntropy(label_smoothing=0.1), TWO),
    (losses.BinaryFocal(), LABELS),
]


@pytest.mark.parametrize(("loss", "y"), CLASS_LOSSES)
def test_losses_of_classes_are_minimised(loss, y):
    estimator = fm.MLPClassifier(5, loss=loss, solver=fm.Adam(0.05), max_iter=60, random_state=0)
    estimator.fit(X, y)
    assert estimator.loss_curve_[-1] < 0.8 * estimator.loss_curve_[0]
    assert estimator.score(X, y) > 0.8
    assert estimator.predict_proba(X).shape == (60, 3 if y is THREE else 2)
    twin = pickle.loads(pickle.dumps(clone(estimator).fit(X, y)))
    np.testing.assert_array_equal(twin.predict(X), estimator.predict(X))


def test_names_of_the_cross_entropy_are_scikit_learns_loss():
    expected = fm.MLPClassifier(5, **HOW)
    for y in (TWO, THREE, LABELS):
        expected.fit(X, y)
        other = fm.MLPClassifier(5, loss="CrossEntropyLoss", **HOW).fit(X, y)
        np.testing.assert_array_equal(flat(other), flat(expected))


REAL_LOSSES = ["mse", "mae", "MAE", "smooth_l1", "pinball", losses.Huber(2.0), losses.LogCosh()]


@pytest.mark.parametrize("loss", REAL_LOSSES, ids=str)
def test_losses_of_numbers_are_minimised(loss):
    how = {"solver": fm.Adam(0.05), "max_iter": 100, "random_state": 0}
    estimator = fm.MLPRegressor(loss=loss, hidden_layer_sizes=5, **how).fit(X, NUMBERS)
    assert estimator.score(X, NUMBERS) > 0.8


def test_other_names_of_a_loss_take_the_same_settings():
    how = {"hidden_layer_sizes": 5, **HOW}
    for name, alias, more in (
        ("quantile", "pinball", {"quantile": [0.1, 0.9]}),
        ("huber", "huber_loss", {"delta": 0.3}),
        ("absolute_error", "mae", {}),
    ):
        one = fm.MLPRegressor(loss=name, **more, **how).fit(X, NUMBERS)
        two = fm.MLPRegressor(loss=alias, **more, **how).fit(X, NUMBERS)
        np.testing.assert_array_equal(flat(one), flat(two))
        assert one.score(X, NUMBERS) == two.score(X, NUMBERS)


def test_quantiles_of_a_loss_are_outputs_and_are_scored():
    how = {"hidden_layer_sizes": 5, "solver": fm.Adam(0.05), "max_iter": 100, "random_state": 0}
    given = fm.MLPRegressor(loss=losses.Quantile((0.1, 0.9)), **how).fit(X, NUMBERS)
    named = fm.MLPRegressor(loss="quantile", quantile=[0.1, 0.9], **how).fit(X, NUMBERS)
    assert given.predict(X).shape == (60, 2)
    assert given.score(X, NUMBERS) == pytest.approx(named.score(X, NUMBERS), abs=0.1)
    with pytest.raises(ValueError, match="needs one target"):
        given.fit(X, X)


WRONG_LOSSES = [
    (fm.MLPClassifier, losses.Focal(), TWO, r"BinaryCrossEntropy or BinaryFocal"),
    (fm.MLPClassifier, losses.CrossEntropy(label_smoothing=0.1), LABELS, "or BinaryFocal"),
    (fm.MLPClassifier, losses.BinaryFocal(), THREE, "take fm.losses.CrossEntropy or Focal"),
    (fm.MLPClassifier, "bce", THREE, "take fm.losses.CrossEntropy or Focal"),
    (fm.MLPClassifier, losses.GaussianNLL(), TWO, "is built with fm.Model"),
    (fm.MLPClassifier, "mse", TWO, "The 'loss' parameter of MLPClassifier"),
    (fm.MLPClassifier, losses.Focal, THREE, r"write Focal\(\)"),
    (fm.MLPRegressor, losses.GaussianNLL(), NUMBERS, "is built with fm.Model"),
    (fm.MLPRegressor, "hinge", NUMBERS, "The 'loss' parameter of MLPRegressor"),
    (fm.MLPRegressor, "focal", NUMBERS, "The 'loss' parameter of MLPRegressor"),
    (fm.MLPRegressor, losses.CrossEntropy(), NUMBERS, "does not fit: cross_entropy needs"),
    (fm.MLPRegressor, "nothing", NUMBERS, "The 'loss' parameter of MLPRegressor"),
]


@pytest.mark.parametrize(("make", "loss", "y", "words"), WRONG_LOSSES)
def test_a_loss_that_does_not_fit_is_told_before_anything_changes(make, loss, y, words):
    estimator = make(loss=loss, **HOW)
    before = set(vars(estimator))
    with pytest.raises((ValueError, TypeError), match=words) as told:
        estimator.fit(X, y)
    assert "set output=" not in str(told.value)
    assert set(vars(estimator)) - before <= {"_turn"}


def test_quantiles_are_said_once():
    estimator = fm.MLPRegressor(loss=losses.Quantile((0.1, 0.9)), quantile=0.3)
    with pytest.raises(ValueError, match=r"quantile=0\.3 has no effect beside loss=Quantile"):
        estimator.fit(X, NUMBERS)


def test_a_registered_loss_goes_by_its_name():
    losses.register("cubed_of_estimators", lambda y, t: g.abs(y - t) ** 3, target="real")
    how = {"hidden_layer_sizes": 5, "solver": fm.Adam(0.05), "max_iter": 100, "random_state": 0}
    try:
        estimator = fm.MLPRegressor(loss="cubed_of_estimators", **how).fit(X, NUMBERS)
        assert estimator.score(X, NUMBERS) > 0.8
    finally:
        del losses.LOSSES["cubed_of_estimators"]
