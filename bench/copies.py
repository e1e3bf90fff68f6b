"""TabM (Gorishniy, Kotelnikov, Babenko, ICLR 2025): k networks that share their matrices.

A hidden layer of copy c is relu(((h ∘ r_c) Wᵀ) ∘ s_c + b_c), with one W for all; each copy has a
head of its own. J is the mean over examples and copies. AdamW clips the gradient to a norm, and the
matrices decay. Here are the problem, its step in NumPy, and how each contender makes it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SEED = 7
#: The method's own settings.
LEARNING_RATE, WEIGHT_DECAY, CLIP_NORM = 2e-3, 3e-4, 1.0
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Size:
    """So many copies of a network, and the rows of a step and of an epoch."""

    name: str
    copies: int
    widths: tuple[int, ...]
    batch: int
    batches: int

    @property
    def step_flops(self) -> int:
        """Useful operations of a step: products and the gradients of both their operands."""
        shared = sum(2 * m * n for m, n in zip(self.widths[:-1], self.widths[1:], strict=True))
        return 3 * self.batch * self.copies * shared

    def __str__(self) -> str:
        return f"{self.copies} copies of {'-'.join(map(str, self.widths))}, batch {self.batch}"


SIZES = {
    size.name: size
    for size in (
        Size("tiny", 4, (5, 16, 16, 3), 32, 4),
        Size("small", 8, (54, 128, 128, 7), 256, 40),
        Size("tabm", 32, (54, 512, 512, 512, 7), 256, 8),
    )
}


class Problem:
    """Data and initial weights, the same in every process.

    `weights` are, of each hidden layer, r (k, n), W (m, n), s (k, m) and b (k, m); then those of
    the heads, W (k, m, n) and b (k, m).
    """

    def __init__(self, size: Size) -> None:
        self.size = size

    @cached_property
    def X(self) -> Array:  # noqa: N802
        """Inputs, (rows, columns) float32."""
        shape = self.size.batch * self.size.batches, self.size.widths[0]
        return np.random.default_rng(SEED).standard_normal(shape, np.float32)

    @cached_property
    def t(self) -> Array:
        """Labels that a linear rule gives."""
        shape = self.X.shape[1], self.size.widths[-1]
        return (self.X @ np.random.default_rng(SEED + 1).standard_normal(shape)).argmax(axis=1)

    @cached_property
    def weights(self) -> list[Array]:
        """Initial weights, float32: the first r normal, the other r and s ones, as in TabM."""
        rng, k, found = np.random.default_rng(SEED + 2), self.size.copies, []
        *hidden, (n, m) = zip(self.size.widths[:-1], self.size.widths[1:], strict=True)
        for i, (inputs, units) in enumerate(hidden):
            found += [rng.standard_normal((k, inputs)) if i == 0 else np.ones((k, inputs))]
            found += [rng.uniform(-1, 1, (units, inputs)) / np.sqrt(inputs), np.ones((k, units))]
            found += [np.tile(rng.uniform(-1, 1, units) / np.sqrt(inputs), (k, 1))]
        heads = (rng.uniform(-1, 1, shape) / np.sqrt(n) for shape in ((k, m, n), (k, m)))
        return [array.astype(np.float32) for array in (*found, *heads)]

    @property
    def order(self) -> Array:
        """The rows of each step of the first epoch that `fit` draws with this seed."""
        seed = np.random.SeedSequence(SEED).spawn(2)[0]
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(self.t))
        return order.reshape(self.size.batches, self.size.batch)


def times(h: Array, W: Array) -> Array:
    """Return h W as one product: a stack of small ones takes ten times as long."""
    return (h.reshape(-1, h.shape[-1]) @ W).reshape(*h.shape[:-1], W.shape[1])


def gradient(weights: list[Array], X: Array, t: Array) -> list[Array]:
    """Return the gradient of J, in the order of the weights."""
    *layers, U, c = weights
    k, kept = len(c), []
    h = np.repeat(X[:, None], k, axis=1)
    for r, W, s, b in zip(*(layers[i::4] for i in range(4)), strict=True):
        v = times(h * r, W.T)
        z = v * s + b
        kept.append((h, r, W, s, v, z))
        h = np.maximum(z, 0)
    y = np.einsum("bkn,kmn->bkm", h, U) + c
    p = np.exp(y - y.max(axis=2, keepdims=True))
    message = p / p.sum(axis=2, keepdims=True)
    message[np.arange(len(t)), :, t] -= 1
    message /= len(t) * k
    found = [np.einsum("bkm,bkn->kmn", message, h), message.sum(axis=0)]
    message = np.einsum("bkm,kmn->bkn", message, U)
    for h, r, W, s, v, z in reversed(kept):
        message = message * (z > 0)
        own = [(message * v).sum(axis=0), message.sum(axis=0)]
        message = message * s
        own.insert(0, np.tensordot(message, h * r, ((0, 1), (0, 1))))
        message = times(message, W)
        found = [(message * h).sum(axis=0), *own, *found]
        message = message * r
    return found


def decaying(count: int) -> set[int]:
    """Return the places of the matrices among so many weights."""
    return {count - 2, *range(1, count - 2, 4)}


def trained(problem: Problem) -> list[Array]:
    """Return the weights after an epoch, in float64."""
    weights = [w.astype(np.float64) for w in problem.weights]
    m, v = ([np.zeros_like(w) for w in weights] for _ in range(2))
    for step, rows in enumerate(problem.order, 1):
        found = gradient(weights, problem.X[rows].astype(np.float64), problem.t[rows])
        norm = np.sqrt(sum((g**2).sum() for g in found))
        for i, g in enumerate(found):
            g = g * min(1.0, CLIP_NORM / norm)
            m[i] = BETA1 * m[i] + (1 - BETA1) * g
            v[i] = BETA2 * v[i] + (1 - BETA2) * g**2
            if i in decaying(len(weights)):
                weights[i] = weights[i] * (1 - LEARNING_RATE * WEIGHT_DECAY)
            change = m[i] / (1 - BETA1**step) / (np.sqrt(v[i] / (1 - BETA2**step)) + EPSILON)
            weights[i] = weights[i] - LEARNING_RATE * change
    return weights


class Fit:
    """fastmlp: a layer of one's own, trained by `Model.fit`."""

    def __init__(self, problem: Problem) -> None:
        import fastmlp as fm
        from fastmlp import graph as g

        size, k = problem.size, problem.size.copies
        x = fm.Input(size.widths[0])
        h = fm.layers.Tile(k)(x)
        for units in size.widths[1:-1]:
            h = hidden(k, units)(h)
        self._model = fm.Model(x, fm.Dense(size.widths[-1], groups=k)(h), seed=0)
        given = zip(problem.weights, self._model.get_weights(), strict=True)
        self._model.set_weights([w.reshape(own.shape) for w, own in given])
        self._problem = problem
        cross_entropy = fm.losses.CrossEntropy()

        def mean(y: g.Node, t: g.Node) -> g.Node:
            each = g.group_rows(g.concatenate([t] * k), k)
            found = cross_entropy(g.softmax(g.group_rows(y, k)), each)
            return g.mean(g.ungroup_rows(found, k), axis=1)

        formula = "mean of the copies' cross entropies"
        self._loss = fm.losses.Loss("mean_of_copies", formula, mean, "class")
        self._optimizer = fm.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY, clip_norm=CLIP_NORM)

    def stage(self, epochs: int) -> None:
        self._epochs = epochs

    def run(self) -> None:
        problem = self._problem
        self._model.fit(
            problem.X,
            problem.t,
            loss=self._loss,
            optimizer=self._optimizer,
            epochs=self._epochs,
            batch_size=problem.size.batch,
            seed=SEED,
            verbose=False,
        )

    def weights(self) -> list[Any]:
        given = zip(self._model.get_weights(), self._problem.weights, strict=True)
        return [own.reshape(w.shape) for own, w in given]


def hidden(k: int, units: int) -> Any:
    """Return a hidden layer of k copies, relu(((h ∘ r) Wᵀ) ∘ s + b)."""
    import fastmlp as fm
    from fastmlp import graph as g
    from fastmlp.initializers import Constant
    from fastmlp.layers import ParameterSpec

    class Hidden(fm.layers.Layer):
        def output_columns(self, input_columns: tuple[int, ...]) -> int:
            return k * units

        def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[Any, ...]:
            (columns,) = input_columns
            one = Constant(1.0)
            return (
                ParameterSpec("r", "r", (1, columns), one, role="scale"),
                ParameterSpec("weights", "W", (units, columns // k), one, role="weight"),
                ParameterSpec("s", "s", (1, k * units), one, role="scale"),
                ParameterSpec("biases", "b", (1, k * units), one, role="bias"),
            )

        def apply(self, nodes: Any, parameters: Any, *, training: bool, key: int) -> g.Node:
            r, W, s, b = parameters
            v = g.matmul(g.group_rows(nodes[0] * r, k), W, transpose_b=True)
            return g.relu(g.ungroup_rows(v, k) * s + b)

    return Hidden()


class Module:
    """PyTorch: the module of the package tabm, with the fused AdamW; compiled if wanted."""

    def __init__(self, problem: Problem, compiled: bool = False) -> None:
        import tabm
        import torch

        size, self._problem = problem.size, problem
        *widths, outputs = size.widths
        module = tabm.TabM.make(
            n_num_features=widths[0],
            d_out=outputs,
            k=size.copies,
            n_blocks=len(widths) - 1,
            d_block=widths[1],
            dropout=0.0,
        )
        # As the problem has them, but that a head's W is (k, n, m) here.
        blocks = [block[0] for block in module.backbone.blocks]
        self._own = [a for layer in blocks for a in (layer.r, layer.weight, layer.s, layer.bias)]
        self._own += [module.output.weight, module.output.bias]
        with torch.no_grad():
            for own, w in zip(self._own, self._turned(problem.weights), strict=True):
                own.copy_(torch.from_numpy(w))
        self._X, self._t = torch.from_numpy(problem.X), torch.from_numpy(problem.t)
        chosen = decaying(len(self._own))
        groups = [
            {"params": [self._own[i] for i in chosen]},
            {
                "params": [w for i, w in enumerate(self._own) if i not in chosen],
                "weight_decay": 0.0,
            },
        ]
        self._optimizer = torch.optim.AdamW(
            groups, lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True
        )
        self._module: Any = module
        if compiled:
            logging.getLogger("torch").setLevel(logging.ERROR)
            self._module = torch.compile(module)

    @staticmethod
    def _turned(weights: list[Any]) -> list[Any]:
        return [*weights[:-2], weights[-2].transpose(0, 2, 1), weights[-1]]

    def stage(self, epochs: int) -> None:
        import torch

        self._orders = list(torch.from_numpy(self._problem.order)) * epochs

    def run(self) -> None:
        from torch.nn.functional import cross_entropy
        from torch.nn.utils import clip_grad_norm_

        for rows in self._orders:
            self._optimizer.zero_grad()
            y = self._module(self._X.index_select(0, rows))
            t = self._t.index_select(0, rows)
            cross_entropy(y.flatten(0, 1), t.repeat_interleave(y.shape[1])).backward()
            clip_grad_norm_(self._own, CLIP_NORM)
            self._optimizer.step()

    def weights(self) -> list[Any]:
        return self._turned([w.detach().numpy() for w in self._own])


#: For each contender its ways.
WAYS: dict[str, dict[str, Callable[[Problem], Any]]] = {
    "fastmlp": {"fit": Fit},
    "pytorch": {"the tabm package": Module, "compiled": partial(Module, compiled=True)},
}
