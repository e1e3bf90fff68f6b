"""scikit-learn: `MLPClassifier` and `MLPRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.networks import LEARNING_RATE, Problem

TITLE = "scikit-learn"
PACKAGES = ("sklearn",)
ASIDE: tuple[str, ...] = ()


def estimator_of(problem: Problem) -> Any:
    """Return an estimator with the problem's initial weights and an optimizer not begun."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    network = problem.network
    if not network.plain:
        raise ValueError(f"scikit-learn has no such networks as {network.name}")
    kind = MLPClassifier if network.classes else MLPRegressor
    estimator = kind(
        hidden_layer_sizes=network.widths[1:-1],
        activation=network.activation,
        alpha=0.0,
        batch_size=network.batch,
        learning_rate_init=LEARNING_RATE,
        shuffle=False,
    )
    labels = {"classes": np.arange(network.widths[-1])} if network.classes else {}
    estimator.partial_fit(problem.X[:1], problem.t[:1], **labels)
    for mine, given in zip(estimator.coefs_, problem.weights[::2], strict=True):
        mine[...] = given.T
    for mine, given in zip(estimator.intercepts_, problem.weights[1::2], strict=True):
        mine[...] = given
    del estimator._optimizer
    return estimator


class PartialFit:
    """An epoch is one `partial_fit` of the rows in their order, which it cuts into batches."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._estimator = estimator_of(problem)

    def stage(self, epochs: int) -> None:
        self._orders = self.problem.orders(epochs).reshape(epochs, -1)

    def run(self) -> None:
        X, t = self.problem.X, self.problem.t
        for rows in self._orders:
            batch = (X[rows], t[rows]) if self.problem.network.shuffled else (X, t)
            self._estimator.partial_fit(*batch)

    def weights(self) -> list[Any]:
        layers = zip(self._estimator.coefs_, self._estimator.intercepts_, strict=True)
        return [array for w, b in layers for array in (w.T, b)]


def predict(problem: Problem, X: Any) -> tuple[str, dict[str, Any]]:
    method = "predict_proba" if problem.network.classes else "predict"
    return f"estimator.{method}(X)", {"estimator": estimator_of(problem), "X": X}


TRAINING = {"partial_fit": PartialFit}
PREDICTION = {"estimator": predict}
