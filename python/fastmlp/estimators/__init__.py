"""scikit-learn's door: `MLPClassifier` and `MLPRegressor` with its constructor, methods and errors.

    from fastmlp import MLPClassifier      # was: from sklearn.neural_network import MLPClassifier

With the same `random_state` and float64 they draw the same random numbers in the same order, and
their loss curves follow scikit-learn's. What is beyond scikit-learn is off by default.
"""

from fastmlp._lazy import after_import
from fastmlp.estimators.classifier import MLPClassifier
from fastmlp.estimators.peer import from_sklearn, to_sklearn
from fastmlp.estimators.regressor import MLPRegressor
from fastmlp.estimators.tabular.classifier import TabularClassifier
from fastmlp.estimators.tabular.regressor import TabularRegressor

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "TabularClassifier",
    "TabularRegressor",
    "from_sklearn",
    "to_sklearn",
]


def _convertible() -> None:
    """Tell skl2onnx of the estimators."""
    from fastmlp.export import skl2onnx

    skl2onnx.register_skl2onnx()


after_import("skl2onnx", _convertible)
