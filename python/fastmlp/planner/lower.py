"""From nodes to steps: each operation of the graph becomes at most one call of a kernel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fastmlp.graph.node import BATCH, Node
from fastmlp.graph.shapes import Shape, per_example
from fastmlp.planner import ir
from fastmlp.planner.ir import ONE, Buffer, Operand, Place, Step, Steps, Uniform
from fastmlp.planner.kernels import BINARY, OVER_ALL, UNARY
from fastmlp.planner.layout import transposed
from fastmlp.planner.lower_rows import ROWS, batch_mean
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.values import Value, Values


def lower(
    order: Sequence[Node],
    *,
    parameters: Parameters,
    fed: Sequence[Node] = (),
    outputs: Sequence[Node] = (),
    scalars: Sequence[Node] = (),
    weight: Node | None = None,
    gradients: Mapping[Node, Node] | None = None,
    matrices: Sequence[Node] = (),
    directions: Sequence[Node] = (),
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
    matrices : sequence of Node
        Those of `fed` that are stored as parameters are.
    directions : sequence of Node
        Further outputs, stored so too.
    """
    gradients = gradients or {}
    others = [node for node in fed if node not in matrices]
    by_columns = [v for p, v in gradients.items() if not p.attrs.get("by_rows")]
    turned = transposed([*gradients, *order], [*by_columns, *directions], others)
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
    for number, node in enumerate([*outputs, *directions]):
        place, given = Place(ir.OUTPUT_SPACE, number), number < len(outputs)
        rows, columns = node.shape if given else (node.shape[1], int(node.shape[0]))
        if isinstance(rows, str):  # several rows of an example side by side
            rows, columns = BATCH, columns * per_example(rows)
        work.deliver(node, Buffer(rows, columns, "output", place=place), turned=not given)
    return work.result


class _Lowering(Values):
    """The steps of each operation, and those that bring results where they are wanted."""

    def compute(self, node: Node) -> Value:
        if node.op in BINARY:
            return self.binary(node)
        if node.op in UNARY:
            return self.unary(node)
        if node.op in ROWS:
            return ROWS[node.op](self, node)
        rule = getattr(self, f"op_{node.op}", None)
        if rule is None:
            return super().compute(node)
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
            groups=1,
        )

    def bias(self, node: Node) -> Operand:
        """Return what is added to each row of a product: a row, also where it is one number."""
        return self.whole(node) if isinstance(self.values[node], Uniform) else self.operand(node)

    def op_affine(self, node: Node) -> Value:
        x, W, b = node.parents
        return self.product(node, x, False, W, True, self.bias(b))

    def op_group_affine(self, node: Node) -> Value:
        x, W, b = node.parents
        return self.group_product(node, x, W, False, True, self.bias(b))

    def op_group_matmul(self, node: Node) -> Value:
        a, b = node.parents
        transposes = node.attrs["transpose_a"], node.attrs["transpose_b"]
        return self.group_product(node, a, b, *transposes)

    def group_product(
        self,
        node: Node,
        a: Node,
        b: Node,
        transpose_a: bool,
        transpose_b: bool,
        bias: Operand | None = None,
    ) -> Operand:
        """Return the products of groups: side by side in every matrix as it lies."""
        rows, columns = node.shape
        shape: Shape
        if transpose_a:  # (aᵀ b)ᵀ = bᵀ a
            factors, shape = (self.whole(b), self.whole(a), bias), (columns, int(rows))
        else:
            factors, shape = (self.whole(a), self.whole_turned(b), bias), (rows, columns)
        out = self.emit(
            "gemm",
            factors,
            shape,
            transpose_a=int(transpose_a),
            transpose_b=int(not (transpose_a or transpose_b)),
            activation=0,
            derivative=0,
            groups=node.attrs["groups"],
        )
        if (node in self.turned) == transpose_a:
            return out
        return out.turned() if out.is_vector else self.turned_copy(out)

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
        if mean and axis != 1:
            factor /= per_example(parent.shape[0]) or int(parent.shape[0])
        per_row = mean and axis != 1 and isinstance(parent.shape[0], str)
        along = OVER_ALL if axis is None else axis ^ turned
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
            if repeats:
                divisor *= per_example(node.shape[0]) or int(node.shape[0])
            factor = Uniform(1.0 / divisor, repeats and isinstance(node.shape[0], str))
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

    def regrouped(self, node: Node) -> Operand:
        """Return the same memory, unless a feed may have gaps between its rows."""
        parent = node.parents[0]
        x = self.whole(parent)
        if x.buffer.home == "feed":
            n = parent.shape[1]
            x = self.emit("copy", (x,), parent.shape, from_column=0, to_column=0, columns=n)
        return Operand(x.buffer, *node.shape)

    op_group_rows = op_ungroup_rows = regrouped

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

    def op_take_rows(self, node: Node) -> Value:
        index, *tables = node.parents
        out, i, start = Operand.of(Buffer(*node.shape)), self.whole(index), 0
        for column, table in enumerate(tables):
            self.write("take_rows", (i, self.whole(table)), out, column=column, to_column=start)
            start += table.shape[1]
        return out

    def op_add_rows(self, node: Node) -> Value:
        a, index = (self.whole(p) for p in node.parents)
        start, column = node.attrs["start"], node.attrs["column"]
        return self.emit("add_rows", (a, index), node.shape, column=column, from_column=start)

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
            x = Operand(x.buffer, *out.shape) if buffer.by_batch else x
            self.write("copy", (x,), out, from_column=0, to_column=0, columns=buffer.columns)
