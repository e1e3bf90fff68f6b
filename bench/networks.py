"""The networks that are measured, their data and their arithmetic, in one place.

Everything a contender needs is made here from the network's name alone, so that each can make it in
its own process and all of them get the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SEED = 7
LEARNING_RATE = 1e-3
# Of the optimizer "adamw". Only matrices decay: W of each layer, and the tables of embeddings.
CLIP_NORM, WEIGHT_DECAY = 1.0, 0.01
# Of both normalizations, and the weight of a new batch in the running statistics of the one.
NORM_EPSILON, MOMENTUM = 1e-5, 0.1


@dataclass(frozen=True)
class Network:
    """A multilayer perceptron and how it is trained: on batches of equal size, with Adam.

    A hidden layer is φ(x Wᵀ + b); normalized, it is φ(γ·normalize(x Wᵀ) + β), without the b that a
    normalization over the batch would take away again. Dropout comes after φ.

    Attributes
    ----------
    name : str
        What the command line calls it.
    widths : tuple of int
        Columns of the first layer's input, the hidden layers and the output.
    activation : "relu", "tanh", "gelu", "logistic" or "softplus"
        Of the hidden layers.
    loss : "cross_entropy" or "squared_error"
        With softmax outputs and class labels, or identity outputs: ½ Σ_k (y_k − t_k)².
    batch, batches : int
        Rows of a step, and steps of an epoch.
    floors : mapping
        Ratios to reach against contenders, and under "peak" the part of the FMA peak.
    norm : "", "layer" or "batch"
        What each hidden layer is normalized by.
    dropout : float
        Its rate, after each hidden layer.
    categories : tuple of int
        How many categories each further column of the input has.
    embedded : int
        Columns that stand for a category; the first layer's input is numbers, then these.
    heads : tuple of (loss, columns)
        Further outputs of the last hidden layer. J is the sum of the outputs' mean losses.
    optimizer : "adam", "adamw" or "sgd"
        "adamw" with gradients clipped to a norm and with decay of the matrices.
    l2 : float
        λ of the penalty ½ λ ‖W‖² for the W of each layer.
    """

    name: str
    widths: tuple[int, ...]
    activation: str
    loss: str
    batch: int
    batches: int
    floors: Mapping[str, float] = field(default_factory=dict)
    norm: str = ""
    dropout: float = 0.0
    categories: tuple[int, ...] = ()
    embedded: int = 0
    heads: tuple[tuple[str, int], ...] = ()
    optimizer: str = "adam"
    l2: float = 0.0

    @property
    def plain(self) -> bool:
        """Whether it is affine layers and activations alone, with one output and Adam."""
        parts = self.norm or self.dropout or self.categories or self.heads or self.l2
        return not parts and self.activation in {"relu", "tanh"} and self.optimizer == "adam"

    @property
    def outputs(self) -> tuple[tuple[str, int], ...]:
        """Loss and columns of each output."""
        return (self.loss, self.widths[-1]), *self.heads

    @property
    def layers(self) -> list[tuple[int, int]]:
        """Inputs and outputs of each product of the forward pass, those to the outputs last."""
        hidden = zip(self.widths[:-2], self.widths[1:-1], strict=True)
        return [*hidden, *((self.widths[-2], columns) for _, columns in self.outputs)]

    @property
    def numbers(self) -> int:
        """Columns of the input that are no categories."""
        return self.widths[0] - self.embedded * len(self.categories)

    @property
    def trained(self) -> list[tuple[str, tuple[int, ...]]]:
        """Kind and shape of each array: tables one below the other, W and b or W, γ and β, …"""
        found: list[tuple[str, tuple[int, ...]]] = []
        if self.categories:
            found.append(("table", (sum(self.categories), self.embedded)))
        for i, (m, n) in enumerate(self.layers):
            normalized = self.norm and i < len(self.widths) - 2
            vectors = ("γ", "β") if normalized else ("b",)
            found += [("W", (n, m)), *((kind, (n,)) for kind in vectors)]
        return found

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
        """Number of numbers that are trained."""
        return sum(math.prod(shape) for _, shape in self.trained)

    @property
    def forward_flops(self) -> int:
        """Useful multiplications and additions of one row's forward pass, matrix products only."""
        return sum(2 * m * n for m, n in self.layers)

    @property
    def step_flops(self) -> int:
        """Of one training step: forward, weight gradients, messages; none to numbers put in."""
        first = 2 * self.numbers * self.widths[1]
        return self.batch * (3 * self.forward_flops - first)

    def __str__(self) -> str:
        further = "".join(f"+{columns}" for _, columns in self.heads)
        return f"{self.name} {'-'.join(map(str, self.widths))}{further}"


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

_GOALS = {"jax": 1.5, "pytorch": 3}
_TABULAR = replace(NETWORKS["tabular"], floors=_GOALS)
# `tabular` with one part more each: what the part costs is the difference to it.
TOOLBOX: dict[str, Network] = {
    network.name: network
    for network in (
        replace(_TABULAR, name="layernorm", norm="layer"),
        replace(_TABULAR, name="batchnorm", norm="batch"),
        replace(_TABULAR, name="gelu", activation="gelu"),
        replace(_TABULAR, name="dropout", dropout=0.2),
        replace(
            _TABULAR,
            name="embedding",
            widths=(54 + 20 * 8, 128, 64, 7),
            categories=tuple(range(5, 105, 5)),
            embedded=8,
        ),
        replace(_TABULAR, name="adamw", optimizer="adamw"),
        replace(_TABULAR, name="heads", heads=(("squared_error", 3),)),
    )
}
TRAINED = NETWORKS | TOOLBOX


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
        shape = self.network.rows, self.network.numbers
        return rng.standard_normal(shape).astype(self.dtype)

    @cached_property
    def categories(self) -> Array:
        """Inputs that are categories, (rows, their columns) int64."""
        rng = np.random.default_rng(SEED + 3)
        limits = self.network.categories
        return rng.integers(0, limits, (self.network.rows, len(limits)))

    @property
    def table_rows(self) -> Array:
        """The row of each of the categories in all tables, one below the other."""
        before = np.cumsum([0, *self.network.categories[:-1]])
        return self.categories + before

    @property
    def inputs(self) -> tuple[Array, ...]:
        """X, and the rows of the tables if there are any."""
        return (self.X, self.table_rows) if self.network.categories else (self.X,)

    @cached_property
    def targets(self) -> tuple[Array, ...]:
        """The targets of each output."""
        rng = np.random.default_rng(SEED + 4)
        found = [self.t]
        for loss, width in self.network.heads:
            assert loss == "squared_error", "further outputs are of numbers"
            found.append(self._numbers(width, rng))
        return tuple(found)

    def _numbers(self, width: int, rng: np.random.Generator) -> Array:
        """Return targets that depend on X by a linear rule, (rows, width)."""
        rows, columns = self.X.shape
        rule = rng.standard_normal((columns, width)) / np.sqrt(columns)
        numbers = self.X.astype(np.float64) @ rule + 0.1 * rng.standard_normal((rows, width))
        return numbers.astype(self.dtype)

    @cached_property
    def t(self) -> Array:
        """Targets of the first output: int64 labels (rows,), or numbers (rows, columns)."""
        if self.network.name == "matexp":
            return exponential(self.X.astype(np.float64)).astype(self.dtype)
        if not self.network.classes:
            return self._numbers(self.network.widths[-1], np.random.default_rng(SEED + 1))
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
        """Initial values of what is trained, in that order; W are (outputs, inputs)."""
        rng = np.random.default_rng(SEED + 2)
        gain = 1.0 if self.network.activation == "tanh" else 2.0
        weights: list[Array] = []
        for kind, shape in self.network.trained:
            spread = {"table": 1.0, "W": np.sqrt(gain / shape[-1])}.get(kind, 0.1)
            values = rng.standard_normal(shape) * spread + (kind == "γ")
            weights.append(values.astype(self.dtype))
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
