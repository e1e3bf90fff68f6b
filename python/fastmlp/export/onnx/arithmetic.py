"""Arithmetic, sums, columns, products and functions of rows as operators."""

from __future__ import annotations

import math

import numpy as np

from fastmlp.export.onnx.builder import Builder
from fastmlp.export.onnx.patterns import is_float32, operator
from fastmlp.graph.node import Node
from fastmlp.graph.shapes import per_example


@operator
def _ratio(b: Builder, node: Node, a: str, c: str) -> str:
    zero = b.number(0)
    return b.where(b.add("Equal", c, zero), zero, b.add("Div", a, c))


@operator
def _power(b: Builder, node: Node, a: str) -> str:
    return b.add("Pow", a, b.number(node.attrs["exponent"]))


@operator
def _log_cosh(b: Builder, node: Node, a: str) -> str:
    size = b.add("Abs", a)
    # Near 0 it is ½ log(1 + s), s = sinh² a = tanh²/(1 − tanh²), and log(1 + s) = 2 artanh r by its
    # series, as r = s/(2 + s) < 0.34; far away |a| − log 2 and a rest.
    square = b.add("Mul", tanh := b.add("Tanh", a), tanh)
    r = b.add("Div", square, b.add("Sub", b.number(2), square))
    r2, total = b.add("Mul", r, r), b.number(1 / 33)
    for k in range(31, 0, -2):
        total = b.add("Add", b.add("Mul", total, r2), b.number(1 / k))
    near = b.add("Mul", r, total)
    e = b.add("Exp", b.add("Mul", size, b.number(-2)))
    rest = b.add("Log", b.add("Add", e, b.number(1)))
    far = b.add("Add", b.add("Sub", size, b.number(math.log(2))), rest)
    return b.where(b.add("Less", size, b.number(0.88)), near, far)


# ------------------------------------------------------------------------------- sums and columns


@operator
def _sum(b: Builder, node: Node, a: str) -> str:
    axis = node.attrs["axis"]
    axes = () if axis is None else (b.integers(axis),)
    return b.add("ReduceSum", a, *axes, keepdims=1)


@operator
def _mean(b: Builder, node: Node, a: str) -> str:
    # Of as many as there are when it runs. ReduceMean has other arguments from version 18 on.
    total = _sum(b, node, a)
    parent, axis = node.parents[0], node.attrs["axis"]
    if axis == 1:
        return b.add("Div", total, b.number(parent.shape[1]))
    rows = b.add("Slice", b.add("Shape", a), b.integers(0), b.integers(1))
    count = b.as_dtype(rows)
    if axis is None:
        count = b.add("Mul", count, b.number(parent.shape[1]))
    return b.add("Div", total, count)


@operator
def _spread(b: Builder, node: Node, a: str) -> str:
    rows, columns = node.attrs["shape"]
    shape = b.size(rows, columns, per_example(rows))
    if not node.attrs["mean"]:
        return b.add("Expand", a, shape)
    sizes = [b.as_dtype(b.add("ReduceProd", s)) for s in (shape, b.add("Shape", a))]
    return b.add("Expand", b.add("Div", a, b.add("Div", *sizes)), shape)


@operator
def _concatenate(b: Builder, node: Node, *values: str) -> str:
    return b.add("Concat", *values, axis=1)


@operator
def _slice(b: Builder, node: Node, a: str) -> str:
    return b.column(a, node.attrs["start"], node.attrs["stop"])


@operator
def _pad(b: Builder, node: Node, a: str) -> str:
    start = node.attrs["start"]
    after = node.attrs["columns"] - start - node.parents[0].shape[1]
    return b.add("Pad", a, b.integers(0, start, 0, after))


@operator
def _pick(b: Builder, node: Node, a: str, index: str) -> str:
    return b.add("GatherElements", a, b.as_index(index), axis=1)


@operator
def _scatter(b: Builder, node: Node, a: str, index: str) -> str:
    numbers = b.array(np.arange(node.attrs["columns"])[None])
    return b.where(b.add("Equal", index, numbers), a, b.number(0))


@operator
def _take_rows(b: Builder, node: Node, index: str, *tables: str) -> str:
    whole = b.as_index(index)
    parts = [
        b.add("Gather", table, b.add("Gather", whole, _position(b, j), axis=1), axis=0)
        for j, table in enumerate(tables)
    ]
    return b.add("Concat", *parts, axis=1) if len(parts) > 1 else parts[0]


def _position(b: Builder, j: int) -> str:
    """Return a number without axes, which takes its axis away."""
    return b.constant(np.array(j, np.int64))


@operator
def _group_rows(b: Builder, node: Node, a: str) -> str:
    return b.add("Reshape", a, b.integers(-1, node.shape[1]))


@operator
def _ungroup_rows(b: Builder, node: Node, a: str) -> str:
    return b.add("Reshape", a, b.integers(-1, node.shape[1]))


# ---------------------------------------------------------------------------------------- products


@operator
def _affine(b: Builder, node: Node, x: str, W: str, bias: str) -> str:
    return b.add("Gemm", x, W, bias, transB=1)


@operator
def _matmul(b: Builder, node: Node, a: str, c: str) -> str:
    left, right = (int(node.attrs[f"transpose_{side}"]) for side in "ab")
    if not left and not right:
        return b.add("MatMul", a, c)
    return b.add("Gemm", a, c, transA=left, transB=right)


@operator
def _group_matmul(b: Builder, node: Node, a: str, c: str) -> str:
    return _by_groups(b, node, a, c, node.attrs["transpose_a"], node.attrs["transpose_b"])


@operator
def _group_affine(b: Builder, node: Node, x: str, W: str, bias: str) -> str:
    return b.add("Add", _by_groups(b, node, x, W, False, True), bias)


def _by_groups(b: Builder, node: Node, a: str, c: str, left: bool, right: bool) -> str:
    """Return aᵢ cᵢ, aᵢ cᵢᵀ or aᵢᵀ cᵢ of all groups i, as products along a third axis."""
    k = node.attrs["groups"]

    def rows(value: str, columns: int, order: tuple[int, ...]) -> str:
        split = b.add("Reshape", value, b.integers(-1, k, columns // k))
        return b.add("Transpose", split, perm=order)

    x, W = node.parents[:2]
    first = rows(a, x.shape[1], (1, 2, 0) if left else (1, 0, 2))
    if left:
        second = rows(c, W.shape[1], (1, 0, 2))
    else:
        second = b.add("Reshape", c, b.integers(k, int(W.shape[0]) // k, W.shape[1]))
        second = b.add("Transpose", second, perm=(0, 2, 1)) if right else second
    product = b.add("MatMul", first, second)
    if not left:
        product = b.add("Transpose", product, perm=(1, 0, 2))
    return b.add("Reshape", product, b.integers(-1, node.shape[1]))


# ---------------------------------------------------------------------------------------- of rows


@operator
def _softmax(b: Builder, node: Node, a: str) -> str:
    return b.add("Softmax", a, axis=1)


@operator
def _log_softmax(b: Builder, node: Node, a: str) -> str:
    return b.add("LogSoftmax", a, axis=1)


@operator
def _argmax(b: Builder, node: Node, a: str) -> str:
    return b.as_dtype(b.add("ArgMax", a, axis=1, keepdims=1))


@operator
def _normalize_rows(b: Builder, node: Node, a: str) -> str:
    epsilon = node.attrs["epsilon"]
    if node.attrs["centered"] and is_float32(b):  # as epsilon is, in the operator
        scale = b.array(np.ones(node.shape[1]))
        return b.add("LayerNormalization", a, scale, axis=1, epsilon=epsilon)

    def mean(value: str) -> str:
        total = b.add("ReduceSum", value, b.integers(1), keepdims=1)
        return b.add("Div", total, b.number(node.shape[1]))

    rest = b.add("Sub", a, mean(a)) if node.attrs["centered"] else a
    variance = mean(b.add("Mul", rest, rest))
    return b.add("Div", rest, b.add("Sqrt", b.add("Add", variance, b.number(epsilon))))


@operator
def _standardize(b: Builder, node: Node, a: str, mean: str, variance: str) -> str:
    deviation = b.add("Sqrt", b.add("Add", variance, b.number(node.attrs["epsilon"])))
    return b.add("Div", b.add("Sub", a, mean), deviation)
