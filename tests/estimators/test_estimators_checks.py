"""scikit-learn's own checks of estimators, all of those it makes of its multilayer perceptrons."""

import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier as PeerClassifier
from sklearn.neural_network import MLPRegressor as PeerRegressor
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

import fastmlp as fm

ESTIMATORS = [
    fm.MLPClassifier(max_iter=100),
    fm.MLPRegressor(max_iter=100),
    fm.MLPClassifier(solver="lbfgs", hidden_layer_sizes=(10,)),
    fm.MLPRegressor(solver="lbfgs", hidden_layer_sizes=(10,)),
]


# The checks fit small data for few epochs.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:Got `batch_size` less than 1")
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_approves_of(estimator, check):
    check(estimator)


def names_of_checks(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        checks = estimator_checks_generator(estimator)
        return [getattr(check, "func", check).__name__ for _, check in checks]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(fm.MLPClassifier, PeerClassifier), (fm.MLPRegressor, PeerRegressor)],
    ids=["classifier", "regressor"],
)
def test_no_check_is_skipped_that_scikit_learn_s_own_passes(ours, theirs):
    assert set(names_of_checks(theirs())) <= set(names_of_checks(ours()))
