"""The networks that are measured, their data and their arithmetic, in one place.

Everything a contender needs is made here from the network's name alone, so that each can make it in
its own process and all of them get the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SEED = 7
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron and how it is trained: with Adam, on batches of equal size.

    Attributes
    ----------
    name : str
        What the command line calls it.
    widths : tuple of int
        Columns of the input, the hidden layers and the output.
    activation : "relu" or "tanh"
        Of the hidden layers.
    loss : "cross_entropy" or "squared_error"
        With softmax outputs and class labels, or identity outputs: ½ Σ_k (y_k − t_k)².
    batch, batches : int
        Rows of a step, and steps of an epoch.
    floors : mapping
        Ratios to reach against contenders, and under "peak" the part of the FMA peak.
    """

    name: str
    widths: tuple[int, ...]
    activation: str
    loss: str
    batch: int
    batches: int
    floors: Mapping[str, float] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of the data."""
        return self.batch * self.batches

    @property
    def shuffled(self) -> bool:
        """Whether the order of the rows matters: not where one batch is all of them."""
        return self.batches > 1

    @property
    def classes(self) -> bool:
        """Whether the targets are class labels."""
        return self.loss == "cross_entropy"

    @property
    def parameters(self) -> int:
        """Number of weights and biases."""
        return sum((m + 1) * n for m, n in zip(self.widths, self.widths[1:], strict=False))

    @property
    def forward_flops(self) -> int:
        """Useful multiplications and additions of one row's forward pass, matrix products only."""
        return sum(2 * m * n for m, n in zip(self.widths, self.widths[1:], strict=False))

    @property
    def step_flops(self) -> int:
        """Of one training step: forward, weight gradients, messages; none to the input."""
        first = 2 * self.widths[0] * self.widths[1]
        return self.batch * (3 * self.forward_flops - first)

    def __str__(self) -> str:
        return f"{self.name} {'-'.join(map(str, self.widths))}"


NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network(
            "tiny", (4, 32, 32, 3), "relu", "cross_entropy", 32, 100, {"jax": 5, "pytorch": 130}
        ),
        Network(
            "matexp",
            (4, 32, 16, 4),
            "tanh",
            "squared_error",
            10_000,
            1,
            {"jax": 3.5, "pytorch": 12},
        ),
        Network(
            "tabular",
            (54, 128, 64, 7),
            "relu",
            "cross_entropy",
            256,
            50,
            {"jax": 2.3, "pytorch": 6, "peak": 0.70},
        ),
        Network(
            "digits",
            (784, 256, 128, 10),
            "relu",
            "cross_entropy",
            128,
            100,
            {"jax": 1.4, "pytorch": 2.1, "peak": 0.85},
        ),
        Network(
            "wide",
            (784, 1024, 1024, 10),
            "relu",
            "cross_entropy",
            256,
            10,
            {"jax": 1.2, "pytorch": 1.3, "peak": 0.88},
        ),
        Network(
            "large",
            (1024, 4096, 4096, 1000),
            "relu",
            "cross_entropy",
            1024,
            8,  # what a call costs once, 0.3 s here, would add a quarter to each step with 2
            {"jax": 1.12, "pytorch": 1.12, "peak": 0.90},
        ),
    )
}


class Problem:
    """A network with its initial weights and its data, the same in every process.

    Parameters
    ----------
    network : Network
        What to train.
    dtype : "float32" or "float64"
        Of X, real targets and weights; drawn in float64 and rounded, so both train alike.
    """

    def __init__(self, network: Network, dtype: str = "float32") -> None:
        self.network = network
        self.dtype = np.dtype(dtype)

    @cached_property
    def X(self) -> Array:  # noqa: N802
        """Inputs, (rows, columns), standard normal."""
        rng = np.random.default_rng(SEED)
        shape = self.network.rows, self.network.widths[0]
        return rng.standard_normal(shape).astype(self.dtype)

    @cached_property
    def t(self) -> Array:
        """Targets: int64 labels (rows,), or numbers (rows, columns)."""
        if not self.network.classes:
            return exponential(self.X.astype(np.float64)).astype(self.dtype)
        # Labels that a linear rule gives, one in ten replaced by chance: something to learn, and
        # gradients that do not fade away however long one trains.
        rng = np.random.default_rng(SEED + 1)
        columns = self.network.widths[-1]
        rule = rng.standard_normal((self.X.shape[1], columns))
        labels = (self.X.astype(np.float64) @ rule).argmax(axis=1)
        chance = rng.integers(0, columns, len(labels))
        return np.where(rng.random(len(labels)) < 0.1, chance, labels).astype(np.int64)

    @cached_property
    def weights(self) -> list[Array]:
        """Initial W (outputs, inputs) and b (outputs,) of each layer in turn."""
        rng = np.random.default_rng(SEED + 2)
        gain = 2.0 if self.network.activation == "relu" else 1.0
        weights: list[Array] = []
        for m, n in zip(self.network.widths, self.network.widths[1:], strict=False):
            weights.append((rng.standard_normal((n, m)) * np.sqrt(gain / m)).astype(self.dtype))
            weights.append((0.1 * rng.standard_normal(n)).astype(self.dtype))
        return weights

    def orders(self, epochs: int) -> Array:
        """Return the rows of each step of so many epochs, (epochs · batches, batch) int64.

        It is the order that ``fastmlp.Model.fit(seed=SEED)`` draws, so that fastmlp can be
        measured through its public face with the batches of everyone else. If `fit` came to draw
        another, the comparison of the results before every measurement would fail.
        """
        rows = np.tile(np.arange(self.network.rows), (epochs, 1))
        if self.network.shuffled:
            seed = np.random.SeedSequence(SEED).spawn(2)[0]
            rows = np.random.Generator(np.random.PCG64(seed)).permuted(rows, axis=1)
        return rows.reshape(-1, self.network.batch)


def exponential(rows: Array) -> Array:
    """Return the matrix exponential of each row (a, b, c, d) read as ((a, b), (c, d)).

    With s = (a + d)/2 and q² = ((a − d)/2)² + bc:  e^A = eˢ (cosh q · I + sinh q / q · (A − s I)).
    """
    a, b, c, d = rows.T
    s, difference = (a + d) / 2, (a - d) / 2
    square = difference**2 + b * c
    q = np.sqrt(np.abs(square))
    safe = np.where(q < 1e-8, 1.0, q)
    cosh = np.where(square >= 0, np.cosh(q), np.cos(q))
    sinhc = np.where(q < 1e-8, 1.0, np.where(square >= 0, np.sinh(safe), np.sin(safe)) / safe)
    columns = cosh + sinhc * difference, sinhc * b, sinhc * c, cosh - sinhc * difference
    return np.stack([np.exp(s) * column for column in columns], axis=1)
