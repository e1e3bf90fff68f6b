"""JAX at its best: epochs in one jitted scan, donated buffers, Adam written out."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bench.networks import (
    CLIP_NORM,
    LEARNING_RATE,
    MOMENTUM,
    NORM_EPSILON,
    SEED,
    WEIGHT_DECAY,
    Network,
    Problem,
)

TITLE = "JAX"
PACKAGES = ("jax",)
ASIDE: tuple[str, ...] = ()


def outputs(
    network: Network, weights: Any, X: Any, rows: Any = None, key: Any = None
) -> tuple[list[Any], list[Any]]:
    """Return each output, logits for classes, and mean and variance of the batch where wanted.

    Without a key nothing is dropped.
    """
    import jax
    import jax.numpy as jnp

    activation = {
        "relu": jax.nn.relu,
        "tanh": jnp.tanh,
        "gelu": partial(jax.nn.gelu, approximate=False),
        "logistic": jax.nn.sigmoid,
        "softplus": jax.nn.softplus,
    }[network.activation]
    given, h, moments = iter(weights), X, []
    if network.categories:
        found = jnp.take(next(given), rows, axis=0, mode="clip")
        h = jnp.concatenate([h, found.reshape(len(h), -1)], axis=1)
    for i in range(len(network.widths) - 2):
        h = h @ next(given).T
        if network.norm:
            h, *own = normalized(h, int(network.norm == "layer"), next(given), next(given))
            moments += own if network.norm == "batch" else []
        else:
            h = h + next(given)
        h = activation(h)
        if network.dropout:
            h = dropped(h, network.dropout, jax.random.fold_in(key, i))
    return [h @ next(given).T + next(given) for _ in network.outputs], moments


def normalized(z: Any, axis: int, scale: Any, offset: Any) -> tuple[Any, Any, Any]:
    """Return γ ŷ + β, the mean and the variance, from one pass as Flax does it by default."""
    import jax
    import jax.numpy as jnp

    mean = z.mean(axis=axis, keepdims=True)
    variance = jnp.maximum((z * z).mean(axis=axis, keepdims=True) - mean * mean, 0)
    factor = jax.lax.rsqrt(variance + NORM_EPSILON) * scale
    return (z - mean) * factor + offset, mean, variance


def dropped(h: Any, rate: float, key: Any) -> Any:
    """Return h with zeros in so many places, divided by 1 − rate elsewhere."""
    import jax
    import jax.numpy as jnp

    # Threefry on 32 bits, compared as they are, is the fastest of its generators here.
    kept = jax.random.bits(key, h.shape, jnp.uint32) >= np.uint32(rate * 2**32)
    return jnp.where(kept, h / (1 - rate), 0)


def mean_loss(
    network: Network, weights: Any, inputs: Any, targets: Any, key: Any = None
) -> tuple[Any, Any]:
    """Return J and the moments; labels are one-hot, which is faster here than picking by label."""
    import jax
    import jax.numpy as jnp

    ys, moments = outputs(network, weights, *inputs, key=key)
    losses = [
        jnp.mean(jax.nn.logsumexp(y, axis=1) - jnp.sum(y * t, axis=1))
        if kind == "cross_entropy"
        else 0.5 * jnp.mean(jnp.sum((y - t) ** 2, axis=1))
        for (kind, _), y, t in zip(network.outputs, ys, targets, strict=True)
    ]
    return sum(losses[1:], losses[0]), moments


def clipped(gradients: Any) -> Any:
    """Return the gradients, shortened to CLIP_NORM if they are longer."""
    import jax
    import jax.numpy as jnp

    norm = jnp.sqrt(sum(jnp.sum(g * g) for g in gradients))
    factor = jnp.minimum(1, CLIP_NORM / (norm + 1e-6))
    return jax.tree.map(lambda g: factor * g, gradients)


def adam(carry: Any, gradients: Any, decay: float = 0.0) -> Any:
    """Return weights, moments and step count after one step; of the weights, matrices decay."""
    import jax
    import jax.numpy as jnp

    weights, m, v, steps = carry
    steps = steps + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
    correction = jnp.sqrt(1 - 0.999**steps)
    rate = LEARNING_RATE * correction / (1 - 0.9**steps)

    def moved(w: Any, m: Any, v: Any) -> Any:
        kept = (1 - LEARNING_RATE * decay) * w if decay and w.ndim == 2 else w
        return kept - rate * m / (jnp.sqrt(v) + 1e-8 * correction)

    return jax.tree.map(moved, weights, m, v), m, v, steps


def descent(carry: Any, gradients: Any) -> Any:
    """Return the same after one step of gradient descent, which leaves the moments alone."""
    import jax

    weights, *others = carry
    return jax.tree.map(lambda w, g: w - LEARNING_RATE * g, weights, gradients), *others


class Scan:
    """A scan over the batches of all epochs, compiled as a whole.

    It carries what `adam` does, the running statistics of normalization by the batch, and a key.
    """

    def __init__(self, problem: Problem, unroll: int = 1) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", problem.dtype == np.float64)
        self.problem = problem
        network = problem.network
        weights = [jnp.array(w) for w in problem.weights]
        zeros = [jnp.zeros_like(w) for w in weights]
        m, v = zeros, [jnp.zeros_like(w) for w in weights]
        statistics = []
        if network.norm == "batch":
            for columns in network.widths[1:-1]:
                row = jnp.zeros((1, columns), problem.dtype)
                statistics += [row, row + 1]
        key = jax.random.key(SEED) if network.dropout else None
        self._carry = (weights, m, v, jnp.zeros((), problem.dtype)), statistics, key
        X, *rows = problem.inputs
        self._inputs = [jnp.array(X), *(jnp.array(a.astype(np.int32)) for a in rows)]
        self._targets = [
            jnp.array(np.eye(columns, dtype=problem.dtype)[t] if kind == "cross_entropy" else t)
            for (kind, columns), t in zip(network.outputs, problem.targets, strict=True)
        ]
        epochs = partial(self._epochs, network, unroll)
        self._train = jax.jit(epochs, donate_argnums=0)

    @staticmethod
    def _epochs(
        network: Network, unroll: int, carry: Any, orders: Any, inputs: Any, targets: Any
    ) -> Any:
        import jax
        import jax.numpy as jnp

        value_and_gradient = jax.value_and_grad(partial(mean_loss, network), has_aux=True)

        def step(carry: Any, rows: Any) -> Any:
            batch, (state, statistics, key) = (inputs, targets), carry
            if network.shuffled:
                batch = jax.tree.map(lambda a: jnp.take(a, rows, axis=0, mode="clip"), batch)
            own = None
            if network.dropout:
                key, own = jax.random.split(key)
            (loss, moments), gradients = value_and_gradient(state[0], *batch, own)
            if network.l2:
                decayed = zip(network.trained, gradients, state[0], strict=True)
                gradients = [
                    g + network.l2 * w if kind == "W" else g for (kind, _), g, w in decayed
                ]
            if network.optimizer == "adamw":
                state = adam(state, clipped(gradients), WEIGHT_DECAY)
            elif network.optimizer == "sgd":
                state = descent(state, gradients)
            else:
                state = adam(state, gradients)
            # The running variance is that of n − 1, as PyTorch has it.
            sizes = [1.0, network.batch / (network.batch - 1)] * (len(moments) // 2)
            statistics = [
                (1 - MOMENTUM) * old + MOMENTUM * size * new
                for old, new, size in zip(statistics, moments, sizes, strict=True)
            ]
            return (state, statistics, key), loss

        return jax.lax.scan(step, carry, orders, unroll=unroll)

    def stage(self, epochs: int) -> None:
        import jax.numpy as jnp

        shuffled = self.problem.network.shuffled
        orders = self.problem.orders(epochs) if shuffled else np.zeros((epochs, 1))
        self._orders = jnp.array(orders.astype(np.int32))
        arguments = self._carry, self._orders, self._inputs, self._targets
        self._compiled = self._train.lower(*arguments).compile()

    def run(self) -> None:
        import jax

        self._carry, losses = self._compiled(self._carry, self._orders, self._inputs, self._targets)
        jax.block_until_ready((self._carry, losses))

    def weights(self) -> list[Any]:
        return [np.asarray(w) for w in self._carry[0][0]]


def predict(problem: Problem, X: Any, device: bool) -> tuple[str, dict[str, Any]]:
    """Return a compiled call on NumPy arrays, as the others take and give, or on JAX's own."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", problem.dtype == np.float64)
    # Handing a small call to another thread takes longer than the call.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    weights = [jnp.array(w) for w in problem.weights]

    @jax.jit
    def function(X: Any) -> Any:
        (y,), _ = outputs(problem.network, weights, X)
        return jax.nn.softmax(y) if problem.network.classes else y

    if device:
        return "predict(X).block_until_ready()", {"predict": function, "X": jnp.array(X)}
    return "asarray(predict(X))", {"asarray": np.asarray, "predict": function, "X": X}


TRAINING = {"scan": Scan, "scan, 4 steps unrolled": partial(Scan, unroll=4)}
PREDICTION = {
    "NumPy arrays": partial(predict, device=False),
    "JAX arrays": partial(predict, device=True),
}
