"""NumPy: what anyone would write, and the reference that all results are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.networks import LEARNING_RATE, Network, Problem

TITLE = "NumPy"
PACKAGES: tuple[str, ...] = ()
ASIDE: tuple[str, ...] = ()

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def forward(network: Network, weights: list[Any], X: Any) -> list[Any]:
    """Return the values of the layers, the input first, logits last."""
    values = [X]
    for i in range(0, len(weights), 2):
        z = values[-1] @ weights[i].T
        z += weights[i + 1]
        if i + 2 < len(weights):
            np.maximum(z, 0, out=z) if network.activation == "relu" else np.tanh(z, out=z)
        values.append(z)
    return values


def softmax(z: Any) -> Any:
    """Return the softmax of each row."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def mean_loss(network: Network, weights: list[Any], X: Any, t: Any) -> float:
    """Return the mean loss over the rows."""
    y = forward(network, weights, X)[-1]
    if not network.classes:
        return float(0.5 * ((y - t) ** 2).sum(axis=1).mean())
    top = y.max(axis=1)
    log_sum = np.log(np.exp(y - top[:, None]).sum(axis=1)) + top
    return float((log_sum - y[np.arange(len(t)), t]).mean())


def gradient(network: Network, weights: list[Any], X: Any, t: Any) -> list[Any]:
    """Return the gradient of the mean loss, in the order of the weights."""
    values = forward(network, weights, X)
    if network.classes:
        bar = softmax(values[-1])
        bar[np.arange(len(t)), t] -= 1
    else:
        bar = values[-1] - t
    bar /= len(X)
    gradients: list[Any] = [None] * len(weights)
    for i in range(len(weights) - 2, -1, -2):
        h = values[i // 2]
        gradients[i], gradients[i + 1] = bar.T @ h, bar.sum(axis=0)
        if i:
            bar = bar @ weights[i]
            bar *= h > 0 if network.activation == "relu" else 1 - h * h
    return gradients


class Training:
    """Backpropagation by hand, Adam in place."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._weights = [w.copy() for w in problem.weights]
        self._m = [np.zeros_like(w) for w in self._weights]
        self._v = [np.zeros_like(w) for w in self._weights]
        self._steps = 0

    def stage(self, epochs: int) -> None:
        self._orders = self.problem.orders(epochs)

    def run(self) -> None:
        network, X, t = self.problem.network, self.problem.X, self.problem.t
        for rows in self._orders:
            batch = (X[rows], t[rows]) if network.shuffled else (X, t)
            self._update(gradient(network, self._weights, *batch))

    def _update(self, gradients: list[Any]) -> None:
        self._steps += 1
        correction = float(np.sqrt(1 - BETA2**self._steps))
        rate = LEARNING_RATE * correction / (1 - BETA1**self._steps)
        for w, g, m, v in zip(self._weights, gradients, self._m, self._v, strict=True):
            m *= BETA1
            m += (1 - BETA1) * g
            v *= BETA2
            g *= g
            g *= 1 - BETA2
            v += g
            np.sqrt(v, out=g)
            g += EPSILON * correction
            np.divide(m, g, out=g)
            g *= rate
            w -= g

    def weights(self) -> list[Any]:
        return self._weights


def predict(problem: Problem, X: Any) -> tuple[str, dict[str, Any]]:
    """Return the statement for the output of the network, probabilities for classes."""
    layers = [
        (w.T.copy(), b) for w, b in zip(problem.weights[::2], problem.weights[1::2], strict=True)
    ]
    hidden, (last, bias) = layers[:-1], layers[-1]
    relu = problem.network.activation == "relu"
    outputs = softmax if problem.network.classes else lambda z: z

    def function(h: Any) -> Any:
        for w, b in hidden:
            h = h @ w
            h += b
            np.maximum(h, 0, out=h) if relu else np.tanh(h, out=h)
        h = h @ last
        h += bias
        return outputs(h)

    return "predict(X)", {"predict": function, "X": X}


def product(A: Any, B: Any, C: Any) -> Callable[[int], None]:
    """Return repeated products by its BLAS, OpenBLAS in the wheels."""

    def repeat(count: int) -> None:
        for _ in range(count):
            np.matmul(A, B, out=C)

    return repeat


def tanh(x: Any, y: Any) -> Callable[[int], None]:
    """Return repeated tanh, always on one core."""

    def repeat(count: int) -> None:
        for _ in range(count):
            np.tanh(x, out=y)

    return repeat


TRAINING = {"arrays": Training}
PREDICTION = {"arrays": predict}
PRODUCT = {"matmul": product}
TANH = {"tanh": tanh}
