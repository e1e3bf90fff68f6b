"""scikit-learn's own checks of estimators, made of those of tables."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastmlp as fm

ESTIMATORS = [
    fm.TabularClassifier(quality="fast"),
    fm.TabularRegressor(quality="fast"),
    fm.TabularRegressor("quantile", quantiles=[0.5], quality="fast"),
]
REPEATED = {
    "check_sample_weight_equivalence_on_dense_data": "a row of weight 2 is held out as one, two "
    "equal rows may be in different parts; rows of weight 0 are as if they were not there",
}


# The checks fit small data, often with nothing to learn in them.
@pytest.mark.filterwarnings("ignore:the model is no better than")
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=lambda estimator: REPEATED)
def test_scikit_learn_approves_of(estimator, check):
    check(estimator)
