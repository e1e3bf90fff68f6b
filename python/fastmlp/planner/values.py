"""Values of nodes while they are lowered: where each stands, in which form, made by what steps."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Sequence

import numpy as np

from fastmlp.graph.node import OPS, Array, Node, topological_order
from fastmlp.graph.ops.cross_entropy import without_cancellation
from fastmlp.graph.shapes import per_example
from fastmlp.planner import ir
from fastmlp.planner.ir import ONE, Buffer, Operand, Place, Step, Steps, Uniform, constant_buffer
from fastmlp.planner.kernels import BINARY, UNARY
from fastmlp.planner.layout import is_matrix
from fastmlp.planner.parameters import Parameters

Value = Operand | Uniform


class Values:
    """Values of the nodes visited so far, and the steps that compute them."""

    def __init__(self, parameters: Parameters, fed: Collection[Node], turned: set[Node]) -> None:
        self.parameters = parameters
        self.fed = frozenset(fed)
        self.turned = turned
        self.values: dict[Node, Value] = {}
        self.filled: dict[Uniform, Operand] = {}
        self.turned_copies: dict[Operand, Operand] = {}
        self.shared: dict[Hashable, tuple[Operand, ...]] = {}  # of several operations
        self.result = Steps()
        for number, node in enumerate(fed):
            buffer = Buffer(*self.stored_shape(node), "feed", place=Place(ir.FEED_SPACE, number))
            self.result.feeds.append(buffer)
            self.values[node] = Operand.of(buffer)

    def compute(self, node: Node) -> Value:
        """Add the steps of an operation; return its value."""
        raise NotImplementedError(f"the core has no kernel for the operation {node.op!r}")

    def visit(self, node: Node) -> None:
        """Find the value of a node whose parents have been visited."""
        if node in self.values:
            return
        if node.op == "parameter":
            if node not in self.parameters.offsets:
                raise ValueError(
                    f"parameters: {node!r} is not among {self.parameters!r}: a plan is given all "
                    "there are, Parameters([*model.parameters.nodes, own]); those of a network are "
                    "what its layers name in parameter_specs"
                )
            place = Place(ir.PARAMETER_SPACE, self.parameters.offsets[node])
            buffer = Buffer(*self.stored_shape(node), "parameter", place=place)
            self.values[node] = Operand.of(buffer)
        elif node.op == "constant":
            self.values[node] = self.constant(node)
        else:
            exact = self.exact(node)
            self.values[node] = self.uniform(exact) or self.compute(exact)

    def exact(self, node: Node) -> Node:
        """Return what to compute for a node: nearly always itself."""
        exact = without_cancellation(node, self.fed)
        if exact is not node:
            for part in topological_order(exact.parents, known=self.values):
                self.visit(part)
            if node in self.turned:
                self.turned.add(exact)
        return exact

    def constant(self, node: Node) -> Value:
        """Return the value of a constant."""
        assert node.value is not None
        first = float(node.value.flat[0])
        alike = node.value.size == 1 or np.all(node.value == first)
        if alike and math.isfinite(first):
            return Uniform(first)
        buffer = constant_buffer(node.value.T if node in self.turned else node.value)
        self.result.constants.append(buffer)
        return Operand.of(buffer)

    def uniform(self, node: Node) -> Uniform | None:
        """Return the number that every element is, if that is known here."""
        parents = [self.values[p] for p in node.parents]
        if not all(isinstance(p, Uniform) for p in parents):
            return None
        u = [p for p in parents if isinstance(p, Uniform)]
        if node.op == "spread":
            if not node.attrs["mean"]:
                return u[0]
            columns = node.shape[1] // node.parents[0].shape[1]
            rows = node.shape[0], node.parents[0].shape[0]
            if rows[0] == rows[1]:
                return Uniform(u[0].value / columns, u[0].per_row)
            if isinstance(rows[0], str):
                count = columns * per_example(rows[0])
                return None if u[0].per_row else Uniform(u[0].value / count, True)
            return Uniform(u[0].value / columns / int(rows[0]), u[0].per_row)
        if node.op in ("mean", "group_rows", "ungroup_rows"):  # of equal numbers
            return u[0]
        if node.op == "negative":
            return Uniform(-u[0].value, u[0].per_row)
        if node.op == "multiply" and not (u[0].per_row and u[1].per_row):
            return Uniform(u[0].value * u[1].value, u[0].per_row or u[1].per_row)
        if (node.op in UNARY or node.op in BINARY) and not any(x.per_row for x in u):
            with np.errstate(all="ignore"):
                arrays: list[Array] = [np.array([[x.value]]) for x in u]
                value = OPS[node.op].value(*arrays, **node.attrs).item()
            return Uniform(value) if math.isfinite(value) else None
        return None

    def operand(self, node: Node, turned: bool = False) -> Operand:
        """Return the stored value of a node, transposed or not; a number becomes (1, 1)."""
        value = self.values[node]
        if isinstance(value, Uniform):
            if value not in self.filled:
                self.filled[value] = self.emit("fill", (), (1, 1), scalar=value)
            return self.filled[value]
        if not is_matrix(node):
            return self.vector(value) if turned and value.is_vector else value
        return value if (node in self.turned) == turned else self.turned_copy(value)

    def vector(self, value: Operand) -> Operand:
        """Return a vector turned: the same memory, unless a feed may have gaps between its rows."""
        return self.turned_copy(value) if value.buffer.home == "feed" else value.turned()

    def turned_copy(self, value: Operand) -> Operand:
        """Return the transpose, computed when first asked for."""
        if value not in self.turned_copies:
            shape = (value.columns, int(value.rows))
            self.turned_copies[value] = self.emit("transpose", (value,), shape)
        return self.turned_copies[value]

    def whole(self, node: Node) -> Operand:
        """Return the value as its node has it, in full size and not transposed."""
        value = self.values[node]
        if isinstance(value, Uniform):
            return self.emit("fill", (), node.shape, scalar=value)
        return self.operand(node)

    def whole_turned(self, node: Node) -> Operand:
        """Return the value in full size and transposed."""
        value = self.values[node]
        if isinstance(value, Uniform):
            shape = node.shape[1], int(node.shape[0])
            return self.emit("fill", (), shape, scalar=value)
        return self.operand(node, turned=True)

    def stored_shape(self, node: Node) -> tuple[int | str, int]:
        """Return the shape of a node's buffer."""
        rows, columns = node.shape
        return (columns, int(rows)) if node in self.turned else (rows, columns)

    def emit(
        self,
        kind: str,
        inputs: Sequence[Operand | None],
        shape: tuple[int | str, int],
        scalar: Uniform = ONE,
        **numbers: int,
    ) -> Operand:
        """Add a step with a result of its own; return that."""
        out = Operand.of(Buffer(*shape))
        self.write(kind, inputs, out, scalar, **numbers)
        return out

    def write(
        self,
        kind: str,
        inputs: Sequence[Operand | None],
        out: Operand,
        scalar: Uniform = ONE,
        **numbers: int,
    ) -> None:
        """Add a step with its result in `out`."""
        self.result.append(Step(kind, tuple(inputs), out, numbers=numbers, scalar=scalar))
