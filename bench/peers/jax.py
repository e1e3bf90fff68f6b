"""JAX at its best: epochs in one jitted scan, donated buffers, Adam written out."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bench.networks import LEARNING_RATE, Network, Problem

TITLE = "JAX"
PACKAGES = ("jax",)
ASIDE: tuple[str, ...] = ()


def outputs(network: Network, weights: Any, X: Any) -> Any:
    """Return the logits."""
    import jax
    import jax.numpy as jnp

    activation = jax.nn.relu if network.activation == "relu" else jnp.tanh
    h = X
    for i in range(0, len(weights), 2):
        h = h @ weights[i].T + weights[i + 1]
        if i + 2 < len(weights):
            h = activation(h)
    return h


def mean_loss(network: Network, weights: Any, X: Any, t: Any) -> Any:
    """Return the mean loss; targets are one-hot, which is faster here than picking by label."""
    import jax
    import jax.numpy as jnp

    y = outputs(network, weights, X)
    if network.classes:
        return jnp.mean(jax.nn.logsumexp(y, axis=1) - jnp.sum(y * t, axis=1))
    return 0.5 * jnp.mean(jnp.sum((y - t) ** 2, axis=1))


def adam(carry: Any, gradients: Any) -> Any:
    """Return weights, moments and step count after one step."""
    import jax
    import jax.numpy as jnp

    weights, m, v, steps = carry
    steps = steps + 1
    m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, gradients)
    v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, gradients)
    correction = jnp.sqrt(1 - 0.999**steps)
    rate = LEARNING_RATE * correction / (1 - 0.9**steps)
    weights = jax.tree.map(
        lambda w, m, v: w - rate * m / (jnp.sqrt(v) + 1e-8 * correction), weights, m, v
    )
    return weights, m, v, steps


class Scan:
    """A scan over the batches of all epochs, compiled as a whole."""

    def __init__(self, problem: Problem, unroll: int = 1) -> None:
        import jax
        import jax.numpy as jnp

        jax.config.update("jax_enable_x64", problem.dtype == np.float64)
        self.problem = problem
        weights = [jnp.array(w) for w in problem.weights]
        zeros = [jnp.zeros_like(w) for w in weights]
        m, v = zeros, [jnp.zeros_like(w) for w in weights]
        self._carry = weights, m, v, jnp.zeros((), problem.dtype)
        self._X = jnp.array(problem.X)
        targets = problem.t
        if problem.network.classes:
            targets = np.eye(problem.network.widths[-1], dtype=problem.dtype)[targets]
        self._t = jnp.array(targets)
        epochs = partial(self._epochs, problem.network, unroll)
        self._train = jax.jit(epochs, donate_argnums=0)

    @staticmethod
    def _epochs(network: Network, unroll: int, carry: Any, orders: Any, X: Any, t: Any) -> Any:
        import jax
        import jax.numpy as jnp

        value_and_gradient = jax.value_and_grad(partial(mean_loss, network))

        def step(carry: Any, rows: Any) -> Any:
            batch = X, t
            if network.shuffled:
                batch = tuple(jnp.take(a, rows, axis=0, mode="clip") for a in batch)
            loss, gradients = value_and_gradient(carry[0], *batch)
            return adam(carry, gradients), loss

        return jax.lax.scan(step, carry, orders, unroll=unroll)

    def stage(self, epochs: int) -> None:
        import jax.numpy as jnp

        shuffled = self.problem.network.shuffled
        orders = self.problem.orders(epochs) if shuffled else np.zeros((epochs, 1))
        self._orders = jnp.array(orders.astype(np.int32))
        arguments = self._carry, self._orders, self._X, self._t
        self._compiled = self._train.lower(*arguments).compile()

    def run(self) -> None:
        import jax

        self._carry, losses = self._compiled(self._carry, self._orders, self._X, self._t)
        jax.block_until_ready((self._carry, losses))

    def weights(self) -> list[Any]:
        return [np.asarray(w) for w in self._carry[0]]


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
        y = outputs(problem.network, weights, X)
        return jax.nn.softmax(y) if problem.network.classes else y

    if device:
        return "predict(X).block_until_ready()", {"predict": function, "X": jnp.array(X)}
    return "asarray(predict(X))", {"asarray": np.asarray, "predict": function, "X": X}


TRAINING = {"scan": Scan, "scan, 4 steps unrolled": partial(Scan, unroll=4)}
PREDICTION = {
    "NumPy arrays": partial(predict, device=False),
    "JAX arrays": partial(predict, device=True),
}
