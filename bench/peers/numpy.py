"""NumPy: what anyone would write, and the reference that all results are compared with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from bench.networks import (
    CLIP_NORM,
    LEARNING_RATE,
    NORM_EPSILON,
    SEED,
    WEIGHT_DECAY,
    Network,
    Problem,
)

TITLE = "NumPy"
PACKAGES: tuple[str, ...] = ()
ASIDE: tuple[str, ...] = ()

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def forward(network: Network, weights: list[Any], inputs: Any, draw: Any = None) -> Any:
    """Return the values of each output, logits for classes, and what carries gradients back.

    The latter are functions of the message ∂J/∂(what was computed) to a message to what it was
    computed from and the gradients of the weights it used, in the order of the computation.
    Without a generator to `draw` from nothing is dropped.
    """
    given, backs, h = iter(weights), [], inputs[0]

    def record(result: Any) -> Any:
        backs.append(result[1])
        return result[0]

    if network.categories:
        h = record(joined(h, inputs[1], next(given)))
    for i in range(len(network.widths) - 2):
        # Nobody asks for the message to numbers of the input.
        message = i > 0 or bool(network.categories)
        if network.norm:
            h = record(affine(h, next(given), None, message))
            h = record(normalized(h, int(network.norm == "layer"), next(given), next(given)))
        else:
            h = record(affine(h, next(given), next(given), message))
        h = record(ACTIVATIONS[network.activation](h))
        if network.dropout and draw is not None:
            h = record(dropped(h, network.dropout, draw))
    outputs = [affine(h, next(given), next(given), True) for _ in network.outputs]
    return [z for z, _ in outputs], [*backs, *(back for _, back in outputs)]


def joined(h: Any, rows: Any, table: Any) -> Any:
    """Return numbers and, behind them, what stands for the categories."""
    columns, width = h.shape[1], table.shape[1]

    def back(bar: Any) -> Any:
        gradient = np.zeros_like(table)
        np.add.at(gradient, rows.ravel(), bar[:, columns:].reshape(-1, width))
        return None, [gradient]

    return np.concatenate([h, table[rows].reshape(len(h), -1)], axis=1), back


def affine(h: Any, w: Any, b: Any, message: bool) -> Any:
    """Return h Wᵀ + b, or h Wᵀ."""
    z = h @ w.T
    if b is not None:
        z += b

    def back(bar: Any) -> Any:
        vectors = [] if b is None else [bar.sum(axis=0)]
        return (bar @ w if message else None), [bar.T @ h, *vectors]

    return z, back


def normalized(z: Any, axis: int, scale: Any, offset: Any) -> Any:
    """Return γ ŷ + β with ŷ = (z − mean) / √(variance + ε) of each row (1) or column (0)."""
    z = z - z.mean(axis=axis, keepdims=True)
    factor = 1 / np.sqrt((z * z).mean(axis=axis, keepdims=True) + NORM_EPSILON)
    z *= factor

    def back(bar: Any) -> Any:
        gradients = [(bar * z).sum(axis=0), bar.sum(axis=0)]
        bar = bar * scale
        along = (bar * z).mean(axis=axis, keepdims=True)
        return factor * (bar - bar.mean(axis=axis, keepdims=True) - z * along), gradients

    return z * scale + offset, back


def relu(z: Any) -> Any:
    """Return max(z, 0)."""
    h = np.maximum(z, 0, out=z)

    def back(bar: Any) -> Any:
        bar *= h > 0
        return bar, []

    return h, back


def hyperbolic_tangent(z: Any) -> Any:
    """Return tanh z."""
    h = np.tanh(z, out=z)

    def back(bar: Any) -> Any:
        bar *= 1 - h * h
        return bar, []

    return h, back


def gelu(z: Any) -> Any:
    """Return z Φ(z), Φ the distribution function of the standard normal distribution."""
    from scipy.special import ndtr

    below = ndtr(z)

    def back(bar: Any) -> Any:
        bar *= below + z * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        return bar, []

    return z * below, back


def logistic(z: Any) -> Any:
    """Return 1 / (1 + exp(−z))."""
    from scipy.special import expit

    h = expit(z, out=z)

    def back(bar: Any) -> Any:
        bar *= h * (1 - h)
        return bar, []

    return h, back


def softplus(z: Any) -> Any:
    """Return log(1 + exp(z))."""
    from scipy.special import expit

    def back(bar: Any) -> Any:
        bar *= expit(z)
        return bar, []

    return np.logaddexp(z, 0), back


def dropped(h: Any, rate: float, draw: Any) -> Any:
    """Return h with zeros in so many places, divided by 1 − rate elsewhere."""
    kept = (draw.random(h.shape, np.float32) >= rate) / h.dtype.type(1 - rate)
    return h * kept, lambda bar: (bar * kept, [])


ACTIVATIONS = {
    "relu": relu,
    "tanh": hyperbolic_tangent,
    "gelu": gelu,
    "logistic": logistic,
    "softplus": softplus,
}


def softmax(z: Any) -> Any:
    """Return the softmax of each row."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def loss_of(kind: str, y: Any, t: Any) -> float:
    """Return the mean loss of one output."""
    if kind == "squared_error":
        return float(0.5 * ((y - t) ** 2).sum(axis=1).mean())
    top = y.max(axis=1)
    log_sum = np.log(np.exp(y - top[:, None]).sum(axis=1)) + top
    return float((log_sum - y[np.arange(len(t)), t]).mean())


def mean_loss(network: Network, weights: list[Any], inputs: Any, targets: Any) -> float:
    """Return J of these rows, nothing dropped."""
    found = zip(network.outputs, forward(network, weights, inputs)[0], targets, strict=True)
    loss = sum(loss_of(kind, y, t) for (kind, _), y, t in found)
    if not network.l2:
        return loss
    kinds = zip(network.trained, weights, strict=True)
    return loss + 0.5 * network.l2 * sum(np.vdot(w, w) for (kind, _), w in kinds if kind == "W")


def gradient(
    network: Network, weights: list[Any], inputs: Any, targets: Any, draw: Any = None
) -> list[Any]:
    """Return the gradient of J, in the order of the weights."""
    outputs, backs = forward(network, weights, inputs, draw)
    gradients: list[Any] = []
    message: Any = None
    for (kind, _), y, t in reversed([*zip(network.outputs, outputs, targets, strict=True)]):
        if kind == "cross_entropy":
            bar = softmax(y)
            bar[np.arange(len(t)), t] -= 1
        else:
            bar = y - t
        bar /= len(y)
        down, own = backs.pop()(bar)
        message = down if message is None else message + down
        gradients = own + gradients
    for back in reversed(backs):
        message, own = back(message)
        gradients = own + gradients
    if network.l2:
        for (kind, _), g, w in zip(network.trained, gradients, weights, strict=True):
            if kind == "W":
                g += network.l2 * w
    return gradients


class Training:
    """Backpropagation by hand, Adam in place."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._weights = [w.copy() for w in problem.weights]
        self._m = [np.zeros_like(w) for w in self._weights]
        self._v = [np.zeros_like(w) for w in self._weights]
        self._steps = 0
        self._draw = np.random.default_rng(SEED)

    def stage(self, epochs: int) -> None:
        self._orders = self.problem.orders(epochs)

    def run(self) -> None:
        network, inputs, targets = self.problem.network, self.problem.inputs, self.problem.targets
        for rows in self._orders:
            x, t = inputs, targets
            if network.shuffled:
                x, t = (tuple(a[rows] for a in arrays) for arrays in (inputs, targets))
            self._update(gradient(network, self._weights, x, t, self._draw))

    def _update(self, gradients: list[Any]) -> None:
        self._steps += 1
        if self.problem.network.optimizer == "sgd":
            for w, g in zip(self._weights, gradients, strict=True):
                w -= LEARNING_RATE * g
            return
        correction = float(np.sqrt(1 - BETA2**self._steps))
        rate = LEARNING_RATE * correction / (1 - BETA1**self._steps)
        if self.problem.network.optimizer == "adamw":
            norm = np.sqrt(sum(np.vdot(g, g) for g in gradients))
            for w, g in zip(self._weights, gradients, strict=True):
                g *= min(1.0, CLIP_NORM / (norm + 1e-6))
                if w.ndim == 2:
                    w *= 1 - LEARNING_RATE * WEIGHT_DECAY
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
