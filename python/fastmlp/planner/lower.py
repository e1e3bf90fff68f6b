"""From nodes to steps: each operation of the graph becomes at most one call of a kernel."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence

import numpy as np

from fastmlp.graph.node import BATCH, OPS, Array, Node, topological_order
from fastmlp.graph.ops.cross_entropy import without_cancellation
from fastmlp.planner import ir
from fastmlp.planner.ir import ONE, Buffer, Operand, Place, Step, Steps, Uniform, constant_buffer
from fastmlp.planner.kernels import BINARY, UNARY
from fastmlp.planner.layout import is_matrix, transposed
from fastmlp.planner.lower_rows import ROWS, batch_mean
from fastmlp.planner.parameters import Parameters

Value = Operand | Uniform


def lower(
    order: Sequence[Node],
    *,
    parameters: Parameters,
    fed: Sequence[Node] = (),
    outputs: Sequence[Node] = (),
    scalars: Sequence[Node] = (),
    weight: Node | None = None,
    gradients: Mapping[Node, Node] | None = None,
    directions: Mapping[Node, Node] | None = None,
) -> Steps:
    """Return the steps that compute the outputs.

    Parameters
    ----------
    order : sequence of Node
        v_1 … v_N, each after its parents.
    parameters : Parameters
        The flat vector that has every parameter of the order.
    fed : sequence of Node
        Those whose values the caller gives; their numbers are their positions.
    outputs : sequence of Node
        What the caller gets.
    scalars : sequence of Node
        (1, 1) results that training averages, the loss first.
    weight : Node, optional
        (1, 1), what a batch counts in these averages; by default its number of rows.
    gradients : mapping of Node to Node
        From a parameter to the node whose value goes to its place in the gradient.
    directions : mapping of Node to Node
        From a fed matrix that is stored as parameters are to an output that is, too.
    """
    gradients, directions = gradients or {}, directions or {}
    others = [node for node in fed if node not in directions]
    turned = transposed(order, [*gradients.values(), *directions.values()], others)
    work = _Lowering(parameters, fed, turned)
    for node in order:
        work.visit(node)
    for parameter, node in gradients.items():
        work.deliver_gradient(parameter, node)
    for node in scalars:
        work.deliver(node, Buffer(1, 1, "scalar"))
    if weight is not None:
        work.deliver(weight, Buffer(1, 1, "scalar"))
        work.result.weight = work.result.scalars.pop()
    for number, node in enumerate([*outputs, *directions.values()]):
        place, given = Place(ir.OUTPUT_SPACE, number), number < len(outputs)
        shape = node.shape if given else (node.shape[1], int(node.shape[0]))
        work.deliver(node, Buffer(*shape, "output", place=place), turned=not given)
    return work.result


class _Lowering:
    """Values of the nodes visited so far, and the steps that compute them."""

    def __init__(self, parameters: Parameters, fed: Collection[Node], turned: set[Node]) -> None:
        self.parameters = parameters
        self.fed = frozenset(fed)
        self.turned = turned
        self.values: dict[Node, Value] = {}
        self.filled: dict[Uniform, Operand] = {}
        self.turned_copies: dict[Buffer, Operand] = {}
        self.shared: dict[Hashable, tuple[Operand, ...]] = {}  # of several operations
        self.result = Steps()
        for number, node in enumerate(fed):
            buffer = Buffer(*self.stored_shape(node), "feed", place=Place(ir.FEED_SPACE, number))
            self.result.feeds.append(buffer)
            self.values[node] = Operand.of(buffer)

    # Values of nodes.

    def visit(self, node: Node) -> None:
        if node in self.values:
            return
        if node.op == "parameter":
            if node not in self.parameters.offsets:
                raise ValueError(f"parameters: {node!r} is not among {self.parameters!r}")
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
        assert node.value is not None
        first = float(node.value.flat[0])
        if np.all(node.value == first) and math.isfinite(first):
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
            if rows[0] == BATCH:
                return None if u[0].per_row else Uniform(u[0].value / columns, True)
            return Uniform(u[0].value / columns / int(rows[0]), u[0].per_row)
        if node.op == "mean":  # of equal numbers
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
        if value.buffer not in self.turned_copies:
            shape = (value.columns, int(value.rows))
            self.turned_copies[value.buffer] = self.emit("transpose", (value,), shape)
        return self.turned_copies[value.buffer]

    def whole(self, node: Node) -> Operand:
        """Return the value as its node has it, in full size and not transposed."""
        value = self.values[node]
        if isinstance(value, Uniform):
            return self.emit("fill", (), node.shape, scalar=value)
        return self.operand(node)

    def stored_shape(self, node: Node) -> tuple[int | str, int]:
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

    # Steps of operations.

    def compute(self, node: Node) -> Value:
        if node.op in BINARY:
            return self.binary(node)
        if node.op in UNARY:
            return self.unary(node)
        if node.op in ROWS:
            return ROWS[node.op](self, node)
        rule = getattr(self, f"op_{node.op}", None)
        if rule is None:
            raise NotImplementedError(f"the core has no kernel for the operation {node.op!r}")
        value: Value = rule(node)
        return value

    def unary(self, node: Node) -> Value:
        exponent = node.attrs.get("exponent", 0.0)
        if node.op == "power" and exponent == 1.0:
            return self.same(node, node.parents[0])
        x = self.operand(node.parents[0], node in self.turned)
        if x.shape != self.stored_shape(node):  # a number that could not be folded
            x = self.emit("spread", (x,), self.stored_shape(node))
        scalar = Uniform(float(exponent))
        shape = self.stored_shape(node)
        return self.emit("unary", (x,), shape, scalar, function=UNARY[node.op])

    def same(self, node: Node, parent: Node) -> Value:
        """Return the parent's value, stored as the node is."""
        value = self.values[parent]
        return value if isinstance(value, Uniform) else self.operand(parent, node in self.turned)

    def scaled(self, node: Node, parent: Node, factor: Uniform) -> Operand:
        x = self.operand(parent, node in self.turned)
        shape = self.stored_shape(node)
        return self.emit("unary", (x,), shape, factor, function=UNARY["scale"])

    def binary(self, node: Node) -> Value:
        left, right = node.parents
        for number, other in ((left, right), (right, left)):
            factor = self.values[number]
            if not isinstance(factor, Uniform) or other.shape != node.shape:
                continue
            if isinstance(self.values[other], Uniform):
                continue
            if node.op == "multiply":
                return self.same(node, other) if factor == ONE else self.scaled(node, other, factor)
            # Beyond these a reciprocal may overflow in float32 where the quotient does not.
            ordinary = not factor.per_row and 1e-30 < abs(factor.value) < 1e30
            if node.op == "divide" and number is right and ordinary:
                return self.scaled(node, other, Uniform(1.0 / factor.value))
        turned = node in self.turned
        operands = (self.operand(left, turned), self.operand(right, turned))
        shape = self.stored_shape(node)
        return self.emit("binary", operands, shape, function=BINARY[node.op])

    def factor(self, node: Node, flip: bool) -> tuple[Operand, int]:
        """Return a factor of a product as stored, and whether the kernel must transpose it."""
        value = self.values[node]
        if isinstance(value, Uniform):
            value = self.whole(node)
            return value, int(flip)
        return value, int(flip != (node in self.turned))

    def product(
        self,
        node: Node,
        left: Node,
        flip_left: bool,
        right: Node,
        flip_right: bool,
        bias: Operand | None = None,
    ) -> Operand:
        if node in self.turned:  # (A B)ᵀ = Bᵀ Aᵀ
            left, flip_left, right, flip_right = right, not flip_right, left, not flip_left
        a, transpose_a = self.factor(left, flip_left)
        b, transpose_b = self.factor(right, flip_right)
        if transpose_b and b.is_vector:
            b, transpose_b = self.vector(b), 0
        return self.emit(
            "gemm",
            (a, b, bias),
            self.stored_shape(node),
            transpose_a=transpose_a,
            transpose_b=transpose_b,
            activation=0,
            derivative=0,
        )

    def op_affine(self, node: Node) -> Value:
        x, W, b = node.parents
        bias = self.operand(b) if not isinstance(self.values[b], Uniform) else self.whole(b)
        return self.product(node, x, False, W, True, bias)

    def op_matmul(self, node: Node) -> Value:
        a, b = node.parents
        return self.product(node, a, node.attrs["transpose_a"], b, node.attrs["transpose_b"])

    def reduction(self, node: Node, mean: bool) -> Value:
        parent, axis = node.parents[0], node.attrs["axis"]
        value = self.values[parent]
        x = value if isinstance(value, Operand) else self.whole(parent)
        turned = isinstance(value, Operand) and parent in self.turned
        factor = 1.0
        if mean and axis != 0:
            factor /= parent.shape[1]
        if mean and axis != 1 and parent.shape[0] != BATCH:
            factor /= int(parent.shape[0])
        per_row = mean and axis != 1 and parent.shape[0] == BATCH
        along = 2 if axis is None else axis ^ turned
        shape = node.shape if not turned else (node.shape[1], int(node.shape[0]))
        result = self.emit("sum", (x,), shape, Uniform(factor, per_row), axis=along)
        return result.turned() if turned else result

    def op_sum(self, node: Node) -> Value:
        return self.reduction(node, mean=False)

    def op_mean(self, node: Node) -> Value:
        return batch_mean(self, node) or self.reduction(node, mean=True)

    def op_spread(self, node: Node) -> Value:
        parent = node.parents[0]
        factor = ONE
        if node.attrs["mean"]:
            divisor = node.shape[1] // parent.shape[1]
            repeats = parent.shape[0] != node.shape[0]
            if repeats and node.shape[0] != BATCH:
                divisor *= int(node.shape[0])
            factor = Uniform(1.0 / divisor, repeats and node.shape[0] == BATCH)
        turned = node in self.turned
        x = self.operand(parent, turned)
        return self.emit("spread", (x,), self.stored_shape(node), scalar=factor)

    def rows_op(self, node: Node) -> Value:
        return self.emit(node.op, tuple(self.whole(p) for p in node.parents), node.shape)

    op_softmax = op_log_softmax = op_argmax = op_pick = op_scatter = rows_op

    def op_softmax_cross_entropy(self, node: Node) -> Value:
        z, t = (self.whole(p) for p in node.parents)
        return self.emit("softmax_cross_entropy", (z, t, None), node.shape)

    def op_softmax_cross_entropy_message(self, node: Node) -> Value:
        bar, z, t = node.parents
        factor = self.values[bar]
        uniform = isinstance(factor, Uniform)
        z_bar = Operand.of(Buffer(*node.shape))
        operands = (self.whole(z), self.whole(t), None if uniform else self.operand(bar))
        scalar = factor if isinstance(factor, Uniform) else ONE
        step = Step("softmax_cross_entropy", operands, None, out2=z_bar, scalar=scalar)
        self.result.append(step)
        return z_bar

    def op_concatenate(self, node: Node) -> Value:
        out = Operand.of(Buffer(*node.shape))
        start = 0
        for parent in node.parents:
            x, n = self.whole(parent), parent.shape[1]
            self.write("copy", (x,), out, from_column=0, to_column=start, columns=n)
            start += n
        return out

    def op_slice(self, node: Node) -> Value:
        start = node.attrs["start"]
        x = self.whole(node.parents[0])
        shape = node.shape
        return self.emit("copy", (x,), shape, from_column=start, to_column=0, columns=shape[1])

    def op_pad(self, node: Node) -> Value:
        x, start = self.whole(node.parents[0]), node.attrs["start"]
        out = Operand.of(Buffer(*node.shape))
        self.write("fill", (), out, Uniform(0.0))
        self.write("copy", (x,), out, from_column=0, to_column=start, columns=x.columns)
        return out

    def op_dropout_at(self, node: Node) -> Value:
        a, rate = node.parents
        x = (self.whole(a), self.operand(rate))
        return self.emit("dropout", x, node.shape, Uniform(0.0), key=node.attrs["key"])

    # Results.

    def deliver_gradient(self, parameter: Node, node: Node) -> None:
        """Write a node's value to a parameter's place in the gradient."""
        place = Place(ir.REDUCED_SPACE, self.parameters.offsets[parameter])
        buffer = Buffer(*self.stored_shape(parameter), "gradient", place=place)
        self.copy(node, buffer, parameter in self.turned)

    def deliver(self, node: Node, buffer: Buffer, *, turned: bool = False) -> None:
        """Write a node's value to an output or a scalar."""
        if buffer.home == "output":
            self.result.outputs.append(buffer)
        else:
            self.result.scalars.append(buffer)
        self.copy(node, buffer, turned)

    def copy(self, node: Node, buffer: Buffer, turned: bool) -> None:
        out, value = Operand.of(buffer), self.values[node]
        if isinstance(value, Uniform):
            self.write("fill", (), out, value)
        else:
            x = self.operand(node, turned)
            self.write("copy", (x,), out, from_column=0, to_column=0, columns=buffer.columns)
