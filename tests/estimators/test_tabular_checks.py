"""scikit-learn's own checks of estimators, made of those of tables."""

import numpy as np
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


@pytest.mark.parametrize("estimator", [*ESTIMATORS[:2], fm.MLPClassifier(), fm.MLPRegressor()])
def test_weights_by_the_name_of_a_column_are_refused_with_what_to_write(estimator):
    X, y = np.arange(20.0).reshape(10, 2), np.arange(10) % 2
    with pytest.raises(TypeError, match=r"^sample_weight must .* sample_weight=table\['w'\]"):
        estimator.fit(X, y, sample_weight="w")
