"""Operations as graphs of simpler ones, which have operators."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from fastmlp import graph as g
from fastmlp.graph.node import Node

_KAPPA = 2 * math.sqrt(2 / math.pi)
_MU = 0.044715 * _KAPPA


def _gelu_tanh_argument(z: Node) -> Node:
    return z * (_KAPPA + _MU * (z * z))


def _gelu_tanh_message(bar: Node, z: Node) -> Node:
    u = _gelu_tanh_argument(z)
    s = g.logistic(u)
    bump = z * (s * g.logistic(-u))
    return (s + _KAPPA * bump + 3 * _MU * (z * (z * bump))) * bar


def _mish_message(bar: Node, z: Node) -> Node:
    t = g.tanh(g.softplus(z))
    return (t + z * (1.0 - t * t) * g.logistic(z)) * bar


def _cross_entropy(z: Node, t: Node) -> Node:
    if t.shape == z.shape:
        return -g.sum(t * g.log_softmax(z), axis=1)
    return -g.pick(g.log_softmax(z), t)


def _cross_entropy_message(bar: Node, z: Node, t: Node) -> Node:
    if t.shape == z.shape:
        return bar * (g.softmax(z) * g.sum(t, axis=1) - t)
    one_hot = g.scatter(g.spread(1.0, t.shape), t, z.shape[1])
    return bar * (g.softmax(z) - one_hot)


def _normalized(axis: int) -> Callable[..., Node]:
    def compose(a: Node, epsilon: float, centered: bool) -> Node:
        rest = a - g.mean(a, axis) if centered else a
        return rest / g.sqrt(g.mean(rest * rest, axis) + epsilon)

    return compose


def _normalized_message(axis: int) -> Callable[..., Node]:
    def compose(bar: Node, a: Node, epsilon: float, centered: bool) -> Node:
        rest = a - g.mean(a, axis) if centered else a
        deviation = g.sqrt(g.mean(rest * rest, axis) + epsilon)
        h = rest / deviation
        change = bar - g.mean(bar, axis) if centered else bar
        return (change - h * g.mean(bar * h, axis)) / deviation

    return compose


def _column_variance(a: Node) -> Node:
    rest = a - g.mean(a, 0)
    return g.mean(rest * rest, 0)


def _added_rows(a: Node, index: Node, rows: int, columns: int, start: int, column: int) -> Node:
    numbers = index[:, column : column + 1]
    one_hot = g.scatter(g.spread(1.0, numbers.shape), numbers, rows)
    return g.matmul(one_hot, a[:, start : start + columns], transpose_a=True)


# Operation -> (*parents, **attrs) -> the node that it is.
COMPOSED: Final[dict[str, Callable[..., Node]]] = {
    "gaussian": lambda z: g.exp(-(z * z)),
    "silu": lambda z: z * g.logistic(z),
    "gelu_tanh": lambda z: z * g.logistic(_gelu_tanh_argument(z)),
    "mish": lambda z: z * g.tanh(g.softplus(z)),
    # 1 − e^−h = tanh(h/2)·(1 + e^−h), without cancellation.
    "softplus_message": lambda bar, h: g.tanh(0.5 * h) * (1.0 + g.exp(-h)) * bar,
    "logistic_message": lambda bar, h: h * (1.0 - h) * bar,
    "tanh_message": lambda bar, h: (1.0 - h * h) * bar,
    "softsign_message": lambda bar, z: bar / (1.0 + g.abs(z)) ** 2,
    "gaussian_message": lambda bar, z: -2.0 * (z * g.exp(-(z * z))) * bar,
    "silu_message": lambda bar, z: g.logistic(z) * (1.0 + z * g.logistic(-z)) * bar,
    "gelu_tanh_message": _gelu_tanh_message,
    "mish_message": _mish_message,
    # (1 − t)·z or −t·z, and log(1 + e^−|z|): no two terms that cancel.
    "logistic_cross_entropy": lambda z, t: (
        g.relu(z) * (1.0 - t) + g.relu(-z) * t + g.softplus(-g.abs(z))
    ),
    "logistic_residual": lambda z, t: g.logistic(z) - t,
    "softmax_cross_entropy": _cross_entropy,
    "softmax_cross_entropy_message": _cross_entropy_message,
    "normalize_columns": _normalized(0),
    "normalize_rows_message": _normalized_message(1),
    "normalize_columns_message": _normalized_message(0),
    "column_variance": _column_variance,
    "add_rows": _added_rows,
}
