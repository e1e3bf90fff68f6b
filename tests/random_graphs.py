"""Random graphs of every kind of operation, for properties that must hold of all graphs."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from fastmlp import graph as g
from fastmlp.graph import BATCH, Node
from fastmlp.graph.shapes import per_example

SIDES = (1, 3, 4, 7)
UNARY = (g.tanh, g.logistic, g.softplus, g.relu, g.sin, g.cos, g.abs, g.threshold, g.negative)
BINARY = (g.add, g.subtract, g.multiply, g.maximum)
ROWS = (g.softmax, g.log_softmax)
NORMS = (
    lambda v: g.normalize(v, 1, 0.5),
    lambda v: g.normalize(v, 1, 0.5, centered=False),
    lambda v: g.normalize(v, 0, 0.5),
    lambda v: g.normalize(v, 0, 0.5, centered=False),
    lambda v: g.standardize(v, g.mean(v, axis=0), g.variance(v, axis=0), 0.5),
)


@dataclass
class RandomGraph:
    """A graph grown from leaves of all shapes, with the values of its nodes.

    Values are kept small, so that a difference between two ways to compute them is rounding.
    """

    seed: int
    size: int = 25
    batch: int = 5
    nodes: list[Node] = field(default_factory=list)
    feeds: dict[Node, np.ndarray] = field(default_factory=dict)
    values: dict[Node, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        for columns in (3, 7, 1):
            self.fed(g.input(columns, f"x{columns}"))
        self.fed(g.input(4, "fixed", rows=int(self.rng.choice(SIDES))))
        for shape in [(3, 7), (4, 3), (7, 7), (1, 3), (1, 7), (4, 1), (1, 1)]:
            self.keep(g.parameter(self.rng.normal(size=shape), f"p{shape[0]}{shape[1]}"))
        self.keep(g.constant(self.rng.normal(size=(4, 7))))
        self.keep(g.constant(np.full((7, 3), 0.5)))
        self.keep(g.constant(2.0))
        while len(self.nodes) < self.size:
            self.keep(self.grow())

    @property
    def parameters(self) -> list[Node]:
        return [v for v in self.nodes if v.op == "parameter"]

    def fed(self, node: Node) -> None:
        rows = self.batch if node.shape[0] == BATCH else node.shape[0]
        self.feeds[node] = self.rng.normal(size=(rows, node.shape[1]))
        self.keep(node)

    def keep(self, node: Node | None) -> None:
        if node is None:
            return
        fed = {v: x for v, x in self.values.items() if per_example(v.shape[0]) < 2}
        value = g.reference.evaluate(node, {**self.feeds, **fed})
        if np.isfinite(value).all() and np.abs(value).max() < 20:
            self.values[node] = value
            self.nodes.append(node)

    def pick(self, *candidates: Node) -> Node | None:
        return candidates[self.rng.integers(len(candidates))] if candidates else None

    def grow(self) -> Node | None:
        a = self.pick(*self.nodes)
        assert a is not None
        makers = (
            self.unary,
            self.unary,
            self.binary,
            self.binary,
            self.product,
            self.product,
            self.reduction,
            self.reduction,
            self.rows,
            self.norms,
            self.norms,
            self.scaled,
            self.columns,
            self.groups,
            self.tables,
        )
        return makers[self.rng.integers(len(makers))](a)

    def unary(self, a: Node) -> Node:
        powers = (lambda v: v**2, lambda v: g.sqrt(1 + v * v), lambda v: g.log(1.5 + v * v))
        others = (
            lambda v: g.exp(-g.abs(v)),
            lambda v: g.dropout(v, 0.3, key=len(self.nodes)),
            lambda v: g.gaussian_noise(v, 0.3, key=len(self.nodes)),
        )
        choices = (*UNARY, *powers, *others)
        return choices[self.rng.integers(len(choices))](a)

    def binary(self, a: Node) -> Node | None:
        def fits(b: Node) -> bool:
            rows, columns = {a.shape[0], b.shape[0]} - {1}, {a.shape[1], b.shape[1]} - {1}
            return len(rows) < 2 and len(columns) < 2

        b = self.pick(*filter(fits, self.nodes))
        assert b is not None
        if self.rng.random() < 0.2:
            return a / (1.5 + b * b)
        return BINARY[self.rng.integers(len(BINARY))](a, b)

    def product(self, a: Node) -> Node | None:
        choices = []
        for b in self.nodes:
            for ta in (False, True):
                for tb in (False, True):
                    inner = a.shape[0] if ta else a.shape[1], b.shape[1] if tb else b.shape[0]
                    if inner[0] == inner[1] and not isinstance(
                        b.shape[0] if tb else b.shape[1], str
                    ):
                        choices.append((b, ta, tb))
        if not choices:
            return None
        b, ta, tb = choices[self.rng.integers(len(choices))]
        if not ta and tb and not isinstance(b.shape[0], str) and self.rng.random() < 0.5:
            bias = self.pick(*[v for v in self.nodes if v.shape == (1, b.shape[0])])
            if bias is not None:
                return g.affine(a, b, bias)
        return g.matmul(a, b, ta, tb)

    def reduction(self, a: Node) -> Node:
        axis = (None, 0, 1)[self.rng.integers(3)]
        return (g.sum if self.rng.random() < 0.5 else g.mean)(a, axis=axis)

    def rows(self, a: Node) -> Node | None:
        if self.rng.random() < 0.5:
            return ROWS[self.rng.integers(len(ROWS))](a)
        index = g.argmax(a * a)
        if a.shape[1] > 1 and self.rng.random() < 0.5:
            return g.softmax_cross_entropy(a, index)
        return g.pick(g.sin(a), index) if self.rng.random() < 0.5 else g.scatter(index, index, 16)

    def norms(self, a: Node) -> Node:
        h = NORMS[self.rng.integers(len(NORMS))](a)
        row = self.pick(*[v for v in self.parameters if v.shape == (1, a.shape[1])])
        return h if row is None else h * row + row

    def scaled(self, a: Node) -> Node | None:
        rows = [v for v in self.parameters if v.shape == (1, a.shape[1])]
        if not rows:
            return None
        scale, offset, factor = (rows[i] for i in self.rng.integers(len(rows), size=3))
        return (g.tanh, g.silu)[self.rng.integers(2)](g.sin(a) * scale + offset) * factor

    def columns(self, a: Node) -> Node | None:
        n = a.shape[1]
        kind = self.rng.integers(3)
        if kind == 0:
            b = self.pick(*[v for v in self.nodes if v.shape[0] == a.shape[0]])
            assert b is not None
            return g.concatenate(a, b) if n + b.shape[1] < 12 else None
        if kind == 1:
            start = int(self.rng.integers(n))
            return g.slice(a, start, int(self.rng.integers(start, n)) + 1)
        start = int(self.rng.integers(3))
        return g.pad(a, start, start + n + int(self.rng.integers(3)))

    def groups(self, a: Node) -> Node | None:
        times = per_example(a.shape[0]) or int(a.shape[0])
        if times > 1 and a.shape[1] * times < 15 and self.rng.random() < 0.5:
            return g.ungroup_rows(a, times)
        n = a.shape[1]
        k = self.pick(*[i for i in range(2, n + 1) if n % i == 0])
        if k is None or times > 16:
            return None
        if self.rng.random() < 0.5:
            return g.group_rows(a, k)
        for b in self.rng.permutation(np.array(self.nodes, dtype=object)):
            rows, columns = b.shape
            if rows == a.shape[0] and columns % k == 0:
                return g.group_matmul(a, b, k, transpose_a=True)
            if isinstance(rows, int) and rows % k == 0 and columns * k == n:
                bias = self.pick(*[v for v in self.nodes if v.shape == (1, rows)])
                if bias is not None:
                    return g.affine(a, b, bias, k)
                return g.group_matmul(a, b, k, transpose_b=True)
            if rows == n and columns * k < 15:
                return g.group_matmul(a, b, k)
        return None

    def tables(self, a: Node) -> Node | None:
        fits = [b for b in self.nodes if isinstance(b.shape[0], int) and b.shape[0] >= a.shape[1]]
        table = self.pick(*fits)
        return None if table is None else g.take_rows(table, g.argmax(a))

    def loss(self) -> Node:
        """Σ of the means of some nodes, so that the graph's gradient has many ways to flow."""
        chosen = self.rng.choice(len(self.nodes), size=5)
        total: Node = g.constant(0.25)
        for i in chosen:
            total = total + g.mean(g.tanh(self.nodes[i]) * (1.0 + self.nodes[i]))
        return total
