"""The parts of a training step that can be measured alone: products, tanh, the update's traffic.

A part makes its own operands, the same in every process, the result last. Which contenders can
compute it, and how, stands in bench/peers.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from bench.networks import Array, Network


def aligned(values: Array, dtype: str) -> Array:
    """Return a copy on a boundary of 64 bytes, where the planner puts its arrays."""
    store = np.empty(values.nbytes + 64, np.uint8)
    start = -store.ctypes.data % 64
    copy = store[start : start + values.size * np.dtype(dtype).itemsize].view(dtype)
    copy = copy.reshape(values.shape)
    copy[...] = values
    return copy


def normal(rng: np.random.Generator, rows: int, columns: int, dtype: str) -> Array:
    """Return aligned standard normal numbers, (rows, columns)."""
    return aligned(rng.standard_normal((rows, columns)), dtype)


@dataclass(frozen=True)
class Product:
    """C = A B with A (M, K) and B (K, N), either of them stored transposed."""

    M: int
    N: int
    K: int
    a_transposed: bool = False
    b_transposed: bool = False
    name: str = "product"
    KIND: ClassVar[str] = "product"

    @property
    def flops(self) -> int:
        """Multiplications and additions."""
        return 2 * self.M * self.N * self.K

    def arrays(self, dtype: str) -> tuple[Array, Array, Array]:
        """Return A, B and a C to write to."""
        rng, M, N, K = np.random.default_rng(0), self.M, self.N, self.K
        A = normal(rng, K, M, dtype).T if self.a_transposed else normal(rng, M, K, dtype)
        B = normal(rng, N, K, dtype).T if self.b_transposed else normal(rng, K, N, dtype)
        return A, B, aligned(np.zeros((M, N)), dtype)

    def expected(self, dtype: str) -> Array:
        """Return C in float64."""
        A, B, _ = self.arrays(dtype)
        return A.astype(np.float64) @ B.astype(np.float64)

    def __str__(self) -> str:
        stored = ("Aᵀ" if self.a_transposed else "") + ("Bᵀ" if self.b_transposed else "")
        return f"{self.M}×{self.N}×{self.K} {stored}".strip()


@dataclass(frozen=True)
class Tanh:
    """y = tanh(x) of so many elements."""

    elements: int
    name: str = "tanh"
    KIND: ClassVar[str] = "tanh"

    def arrays(self, dtype: str) -> tuple[Array, Array]:
        """Return x and a y to write to."""
        x = normal(np.random.default_rng(0), 1, self.elements, dtype)
        return x, aligned(np.zeros_like(x), dtype)

    def expected(self, dtype: str) -> Array:
        """Return y in float64."""
        return np.tanh(self.arrays(dtype)[0].astype(np.float64))

    def __str__(self) -> str:
        return f"{self.elements}"


@dataclass(frozen=True)
class Stream:
    """x = −x, on as much memory as Adam's update of so many parameters touches: 4 vectors of them.

    Of the ways to move numbers this was the fastest measured, a third faster than y += x where the
    caches are too small: each line that is read is written back, as Adam does with w, m and v.
    """

    parameters: int
    name: str = "stream"
    KIND: ClassVar[str] = "stream"

    def arrays(self, dtype: str) -> tuple[Array]:
        """Return x."""
        return (aligned(np.ones((1, 4 * self.parameters)), dtype),)

    def expected(self, dtype: str) -> Array:
        """Return x after one run."""
        return np.full((1, 4 * self.parameters), -1.0)

    def bytes(self, dtype: str) -> int:
        """Read and written."""
        return 2 * 4 * self.parameters * np.dtype(dtype).itemsize

    def __str__(self) -> str:
        return f"{self.parameters}"


Part = Product | Tanh | Stream


def products_of(network: Network, rows: int) -> list[Product]:
    """Return the products of a step on so many rows, stored as fastmlp stores them.

    W lies as (inputs, outputs). Of each layer: x Wᵀ, the gradient xᵀ z̄, and, but for the first,
    the message z̄ W to the layer below.
    """
    layers = list(enumerate(pairwise(network.widths), 1))
    forward = [Product(rows, n, m, name=f"forward {i}") for i, (m, n) in layers]
    gradients = [Product(m, n, rows, True, False, f"gradient {i}") for i, (m, n) in layers]
    messages = [Product(rows, m, n, False, True, f"message {i}") for i, (m, n) in layers[1:]]
    return [*forward, *gradients, *messages]


def parts_of(network: Network, rows: int) -> list[Any]:
    """Return the parts of a step on so many rows that take time in proportion to them."""
    found: list[Any] = list(products_of(network, rows))
    if network.activation == "tanh":
        found.append(Tanh(rows * sum(network.widths[1:-1])))
    return found
