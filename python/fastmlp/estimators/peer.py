"""From scikit-learn's fitted estimators to those of fastmlp."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from fastmlp.estimators.classifier import MLPClassifier
from fastmlp.estimators.regressor import MLPRegressor

# What scikit-learn records under the same name and with the same meaning.
_RECORDS = (
    *("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"),
    *("feature_names_in_", "classes_", "_label_binarizer", "_random_state"),
    *("loss_", "loss_curve_", "best_loss_", "validation_scores_", "best_validation_score_"),
    "_no_improvement_count",
)


def from_sklearn(fitted: Any) -> MLPClassifier | MLPRegressor:
    """Return the estimator of fastmlp that predicts what a fitted one of scikit-learn predicts.

    Parameters
    ----------
    fitted : sklearn.neural_network.MLPClassifier or MLPRegressor
        It is copied, not changed.

    Returns
    -------
    MLPClassifier or MLPRegressor
        Fitted, with the same parameters and weights; its `model_` is an `fm.Model`. Training can go
        on with `partial_fit` or a warm `fit`, from a new state of the solver.

    Raises
    ------
    TypeError
        If it is something else.
    sklearn.exceptions.NotFittedError
        If it has not been fitted.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> theirs = MLPClassifier(solver="lbfgs", hidden_layer_sizes=4, random_state=0).fit(X, y)
    >>> ours = fm.from_sklearn(theirs)
    >>> bool((ours.predict(X) == theirs.predict(X)).all())
    True
    """
    from sklearn.neural_network import MLPClassifier as PeerClassifier
    from sklearn.neural_network import MLPRegressor as PeerRegressor
    from sklearn.utils.validation import check_is_fitted

    estimator: Any
    if isinstance(fitted, PeerClassifier):
        estimator = MLPClassifier(**fitted.get_params(deep=False))
    elif isinstance(fitted, PeerRegressor):
        estimator = MLPRegressor(**fitted.get_params(deep=False))
    else:
        raise TypeError(
            "fitted must be an MLPClassifier or MLPRegressor of sklearn.neural_network, got "
            f"{type(fitted).__name__}"
        )
    check_is_fitted(fitted)
    for name in _RECORDS:
        if hasattr(fitted, name):
            setattr(estimator, name, copy.deepcopy(getattr(fitted, name)))
    coefs = fitted.coefs_
    units = [coefs[0].shape[0], *(coef.shape[1] for coef in coefs)]
    weights = {}
    for i, (coef, intercept) in enumerate(zip(coefs, fitted.intercepts_, strict=True), start=1):
        weights[f"dense_{i}.weights"] = coef.T
        weights[f"dense_{i}.biases"] = intercept[None]
    dtype = np.dtype("float32") if coefs[0].dtype == np.float32 else np.dtype("float64")
    estimator._adopt(units, weights, dtype)
    return estimator  # type: ignore[no-any-return]
