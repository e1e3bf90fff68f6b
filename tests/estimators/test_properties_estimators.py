"""Whatever comes to the estimators: fitted as documented, or refused by name and as before."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning

import fastmlp as fm
from properties import (
    REFUSED,
    anything,
    attempt,
    laid_out,
    layouts,
    matrices,
    odd_arrays,
    one_replaced,
)

X = np.random.default_rng(0).normal(size=(12, 3))
LABELS, NUMBERS = np.arange(12) % 3, X[:, 0] - X[:, 1]
BOTH = {
    "hidden_layer_sizes": (3,),
    "activation": "tanh",
    "solver": "sgd",
    "alpha": 1e-3,
    "batch_size": 4,
    "learning_rate": "constant",
    "learning_rate_init": 0.01,
    "power_t": 0.5,
    "max_iter": 2,
    "shuffle": True,
    "random_state": 0,
    "tol": 1e-4,
    "verbose": False,
    "warm_start": False,
    "momentum": 0.9,
    "nesterovs_momentum": True,
    "early_stopping": False,
    "validation_fraction": 0.25,
    "beta_1": 0.9,
    "beta_2": 0.999,
    "epsilon": 1e-8,
    "n_iter_no_change": 10,
    "max_fun": 20,
    "dropout": 0.0,
    "keep_optimizer": False,
    "callbacks": None,
    "dtype": None,
    "n_threads": 1,
}
KINDS = {
    "MLPClassifier": ({**BOTH, "loss": "log_loss", "class_weight": None}, LABELS),
    "MLPRegressor": ({**BOTH, "loss": "squared_error", "quantile": 0.5, "delta": 1.0}, NUMBERS),
}
kinds = st.sampled_from(sorted(KINDS))
WORDS = [
    *("adam", "lbfgs", "invscaling", "adaptive", "balanced", "auto", "bar", "hinge", "huber"),
    *("quantile", "poisson", "absolute_error", "float32", "float64", "softmax", "relu", "exp"),
]
# What does not take long, and is no function of the user's, whose errors are its own.
few = st.one_of(anything, st.sampled_from(WORDS)).filter(
    lambda v: not (isinstance(v, int) and not isinstance(v, bool) and v > 2**20) and not callable(v)
)
# Of fits that are taken: what ended them is the loss.
DIVERGED = ("non-finite", "finite loss", "not finite")


def diverging(call, arguments):
    """Return a call that may be ended by its loss, as documented; then the weights are finite."""

    def called():
        try:
            call(**arguments)
        except ValueError as error:
            if not any(words in str(error) for words in DIVERGED):
                raise

    return called


def fitted(estimator, X, y):
    """Fit, with the warnings that two epochs and a column of labels bring."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DataConversionWarning)
        warnings.filterwarnings("ignore", "Got `batch_size` less than 1 or larger")
        return estimator.fit(X, y)


def works(estimator):
    """Predict, and alike after a pickle."""
    found = estimator.predict(X)
    assert found.shape[0] == len(X)
    if found.dtype.kind == "f":
        assert np.isfinite(found).all()
    assert all(np.isfinite(coef).all() for coef in estimator.coefs_)
    again = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(again.predict(X), found)


def test_every_parameter_is_tried():
    for kind, (good, _) in KINDS.items():
        assert set(good) == set(getattr(fm, kind)().get_params())


@pytest.mark.parametrize("kind", KINDS)
@given(st.data())
def test_a_parameter_is_taken_or_refused_by_name_when_it_is_fitted(kind, data):
    good, y = KINDS[kind]
    solver = data.draw(st.sampled_from(["sgd", "adam", "lbfgs"]))
    stops = data.draw(st.booleans())
    name, arguments = data.draw(
        one_replaced({**good, "solver": solver, "early_stopping": stops}, few)
    )
    estimator = getattr(fm, kind)(**arguments)
    copied = clone(getattr(fm, kind)()).set_params(**arguments)
    assert copied.get_params()[name] is arguments[name]
    done = attempt(diverging(fitted, {"estimator": estimator, "X": X, "y": y}), name)
    if done is not REFUSED:
        works(estimator)
    else:
        assert not hasattr(estimator, "coefs_")


values = st.one_of(
    few,
    odd_arrays,
    matrices(st.integers(11, 13), st.integers(1, 4), finite=False),
    matrices(12, 3).flatmap(lambda a: layouts.map(lambda layout: laid_out(a, layout))),
    matrices(12, 3).filter(lambda a: a.dtype.char not in "eg").map(scipy.sparse.csr_array),
    st.lists(few, min_size=12, max_size=12),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@given(st.data())
def test_data_are_taken_or_refused_by_name_and_then_nothing_has_changed(kind, call, data):
    good, y = KINDS[kind]
    arguments = {
        **{"X": X, "y": y, "sample_weight": np.ones(12)},
        **{"X_val": X[:6], "y_val": y[:6], "sample_weight_val": np.ones(6)},
    }
    name, given_data = data.draw(one_replaced(arguments, values))
    estimator = fitted(getattr(fm, kind)(**good), X, y)
    before = {key: value for key, value in vars(estimator).items() if key[0] != "_"}
    weights = [coef.copy() for coef in estimator.coefs_]
    known = [name, "X", "y", "y_val", "samples", "Found", "labels", "Unknown label"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", DataConversionWarning)
        done = attempt(diverging(getattr(estimator, call), given_data), *known)
    if done is not REFUSED:
        assert all(np.isfinite(coef).all() for coef in estimator.coefs_)
        return
    after = {key: value for key, value in vars(estimator).items() if key[0] != "_"}
    assert after.keys() == before.keys()
    for coef, kept in zip(estimator.coefs_, weights, strict=True):
        np.testing.assert_array_equal(coef, kept)
    works(estimator)


@given(kinds, odd_arrays | few)
def test_what_are_no_rows_is_refused_by_predict(kind, rows):
    good, y = KINDS[kind]
    estimator = fitted(getattr(fm, kind)(**good), X, y)
    found = attempt(lambda: estimator.predict(rows))
    assert found is REFUSED or len(found) == len(np.asarray(rows))
