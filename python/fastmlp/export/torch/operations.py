"""Operations of the graph as functions of tensors; their derivatives are PyTorch's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

from fastmlp.graph.shapes import per_example

Function: TypeAlias = Callable[..., Any]

_KAPPA: Final = 2 * math.sqrt(2 / math.pi)
_MU: Final = 0.044715 * _KAPPA


def softplus(z: Tensor) -> Tensor:
    """Return log(1 + e^z); PyTorch's default goes over to z where 1e-9 is left of the rest."""
    return functional.softplus(z, threshold=40.0)


def _threshold(z: Tensor) -> Tensor:
    return torch.where(z.isnan(), z, (z > 0).to(z))


def _log_cosh(z: Tensor) -> Tensor:
    size, square = z.abs(), z.tanh() ** 2
    near = size < 0.88
    small = 0.5 * torch.log1p(square / torch.where(near, 1 - square, 1.0))
    return torch.where(near, small, (size - math.log(2)) + torch.log1p(torch.exp(-2 * size)))


def _prelu(z: Tensor, a: Tensor) -> Tensor:
    return torch.where(z > 0, z, a * z)


def _ratio(a: Tensor, b: Tensor) -> Tensor:
    none = b == 0
    return torch.where(none, 0.0, a / torch.where(none, 1.0, b))


def _sum(a: Tensor, axis: int | None) -> Tensor:
    return a.sum().reshape(1, 1) if axis is None else a.sum(axis, keepdim=True)


def _mean(a: Tensor, axis: int | None) -> Tensor:
    return a.mean().reshape(1, 1) if axis is None else a.mean(axis, keepdim=True)


def _spread(a: Tensor, shape: tuple[int | str, int], mean: bool, rows: int) -> Tensor:
    count = rows * per_example(shape[0]) if isinstance(shape[0], str) else shape[0]
    size = (count, shape[1])
    whole = a.expand(size)
    return whole / (count * shape[1] / a.numel()) if mean else whole


def _argmax(a: Tensor) -> Tensor:
    return a.argmax(1, keepdim=True).to(a)


def _class_weights(z: Tensor, t: Tensor) -> Tensor:
    if t.shape[1] == z.shape[1]:
        return t
    return functional.one_hot(t[:, 0].long(), z.shape[1]).to(z)


def _cross_entropy(z: Tensor, t: Tensor) -> Tensor:
    return -(_class_weights(z, t) * z.log_softmax(1)).sum(1, keepdim=True)


def _cross_entropy_message(bar: Tensor, z: Tensor, t: Tensor) -> Tensor:
    weights = _class_weights(z, t)
    return bar * (z.softmax(1) * weights.sum(1, keepdim=True) - weights)


def _logistic_cross_entropy(z: Tensor, t: Tensor) -> Tensor:
    return torch.where(z > 0, (1 - t) * z, -t * z) + torch.log1p(torch.exp(-z.abs()))


def _dropout(a: Tensor, rate: float, key: int) -> Tensor:
    return functional.dropout(a, rate)


def _gaussian_noise(a: Tensor, deviation: float, key: int) -> Tensor:
    return a + deviation * torch.randn_like(a)


def _normalized(axis: int) -> Function:
    def function(a: Tensor, epsilon: float, centered: bool) -> Tensor:
        rest = a - a.mean(axis, keepdim=True) if centered else a
        return rest / torch.sqrt((rest * rest).mean(axis, keepdim=True) + epsilon)

    return function


def _normalized_message(axis: int) -> Function:
    def function(bar: Tensor, a: Tensor, epsilon: float, centered: bool) -> Tensor:
        rest = a - a.mean(axis, keepdim=True) if centered else a
        deviation = torch.sqrt((rest * rest).mean(axis, keepdim=True) + epsilon)
        h = rest / deviation
        change = bar - bar.mean(axis, keepdim=True) if centered else bar
        return (change - h * (bar * h).mean(axis, keepdim=True)) / deviation

    return function


def _standardize(a: Tensor, mean: Tensor, variance: Tensor, epsilon: float) -> Tensor:
    return (a - mean) / torch.sqrt(variance + epsilon)


def _matmul(a: Tensor, b: Tensor, transpose_a: bool, transpose_b: bool) -> Tensor:
    return (a.T if transpose_a else a) @ (b.T if transpose_b else b)


def _group_matmul(
    a: Tensor, b: Tensor, groups: int, transpose_a: bool = False, transpose_b: bool = True
) -> Tensor:
    parts = a.chunk(groups, 1)
    others = b.chunk(groups, 1 if transpose_a else 0)
    if transpose_a:
        return torch.cat([x.T @ y for x, y in zip(parts, others, strict=True)])
    products = [x @ (w.T if transpose_b else w) for x, w in zip(parts, others, strict=True)]
    return torch.cat(products, 1)


def _group_affine(x: Tensor, w: Tensor, b: Tensor, groups: int) -> Tensor:
    return _group_matmul(x, w, groups) + b


def _pad(a: Tensor, start: int, columns: int) -> Tensor:
    return functional.pad(a, (start, columns - start - a.shape[1]))


def _take_rows(index: Tensor, *tables: Tensor) -> Tensor:
    found = [functional.embedding(index[:, j].long(), t) for j, t in enumerate(tables)]
    return torch.cat(found, 1)


def _add_rows(a: Tensor, index: Tensor, rows: int, columns: int, start: int, column: int) -> Tensor:
    result = a.new_zeros(rows, columns)
    return result.index_add(0, index[:, column].long(), a[:, start : start + columns])


def _scatter(a: Tensor, index: Tensor, columns: int) -> Tensor:
    return a.new_zeros(a.shape[0], columns).scatter(1, index.long(), a)


def _gelu_message(bar: Tensor, z: Tensor) -> Tensor:
    density = torch.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    return (0.5 * torch.erfc(-z * math.sqrt(0.5)) + z * density) * bar


def _gelu_tanh_message(bar: Tensor, z: Tensor) -> Tensor:
    u = z * (_KAPPA + _MU * z * z)
    s = u.sigmoid()
    bump = z * (s * (-u).sigmoid())
    return (s + _KAPPA * bump + 3 * _MU * (z * (z * bump))) * bar


def _mish_message(bar: Tensor, z: Tensor) -> Tensor:
    t = softplus(z).tanh()
    return (t + z * (1 - t * t) * z.sigmoid()) * bar


_SELU, _SELU_FLOOR = 1.0507009873554805, 1.7580993408473769

# Operation -> (*tensors of the parents, **attributes) -> its tensor.
FUNCTIONS: Final[dict[str, Function]] = {
    "add": torch.add,
    "subtract": torch.sub,
    "multiply": torch.mul,
    "divide": torch.div,
    "negative": torch.neg,
    "maximum": torch.maximum,
    "ratio": _ratio,
    "power": lambda a, exponent: a**exponent,
    **{name: getattr(torch, name) for name in ("exp", "log", "sqrt", "sin", "cos", "abs")},
    "log_cosh": _log_cosh,
    "sum": _sum,
    "mean": _mean,
    "spread": _spread,
    "concatenate": lambda *parts: torch.cat(parts, 1),
    "slice": lambda a, start, stop: a[:, start:stop],
    "pad": _pad,
    "pick": lambda a, index: a.gather(1, index.long()),
    "scatter": _scatter,
    "take_rows": _take_rows,
    "add_rows": _add_rows,
    "group_rows": lambda a, groups: a.reshape(-1, a.shape[1] // groups),
    "ungroup_rows": lambda a, groups: a.reshape(-1, a.shape[1] * groups),
    "affine": functional.linear,
    "matmul": _matmul,
    "group_matmul": _group_matmul,
    "group_affine": _group_affine,
    "softmax": lambda a: a.softmax(1),
    "log_softmax": lambda a: a.log_softmax(1),
    "argmax": _argmax,
    "softmax_cross_entropy": _cross_entropy,
    "softmax_cross_entropy_message": _cross_entropy_message,
    "logistic_cross_entropy": _logistic_cross_entropy,
    "logistic_residual": lambda z, t: z.sigmoid() - t,
    "dropout": _dropout,
    "gaussian_noise": _gaussian_noise,
    "normalize_rows": _normalized(1),
    "normalize_columns": _normalized(0),
    "normalize_rows_message": _normalized_message(1),
    "normalize_columns_message": _normalized_message(0),
    "column_variance": lambda a: a.var(0, correction=0, keepdim=True),
    "standardize": _standardize,
    "relu": functional.relu,
    "softplus": softplus,
    "threshold": _threshold,
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "softsign": functional.softsign,
    "hard_tanh": functional.hardtanh,
    "hard_sigmoid": functional.hardsigmoid,
    "gaussian": lambda z: torch.exp(-z * z),
    "silu": functional.silu,
    "gelu": functional.gelu,
    "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
    "mish": functional.mish,
    "selu": functional.selu,
    "elu": functional.elu,
    "leaky_relu": functional.leaky_relu,
    "prelu": _prelu,
    "prelu_slope": lambda z, a: torch.where(z > 0, torch.ones_like(z), a),
    "relu_message": lambda bar, h: torch.where(h > 0, bar, 0.0),
    "softplus_message": lambda bar, h: -torch.expm1(-h) * bar,
    "threshold_message": lambda bar, h: torch.zeros_like(bar + h),
    "logistic_message": lambda bar, h: h * (1 - h) * bar,
    "tanh_message": lambda bar, h: (1 - h * h) * bar,
    "softsign_message": lambda bar, z: bar / (1 + z.abs()) ** 2,
    "hard_tanh_message": lambda bar, h: torch.where(h.abs() < 1, bar, 0.0),
    "hard_sigmoid_message": lambda bar, h: torch.where((h > 0) & (h < 1), bar / 6, 0.0),
    "gaussian_message": lambda bar, z: -2 * (z * torch.exp(-z * z)) * bar,
    "silu_message": lambda bar, z: z.sigmoid() * (1 + z * (-z).sigmoid()) * bar,
    "gelu_message": _gelu_message,
    "gelu_tanh_message": _gelu_tanh_message,
    "mish_message": _mish_message,
    "selu_message": lambda bar, h: torch.where(h > 0, _SELU, h + _SELU_FLOOR) * bar,
    "elu_message": lambda bar, h: torch.where(h > 0, 1.0, h + 1) * bar,
    "leaky_relu_message": lambda bar, h: torch.where(h > 0, bar, 0.01 * bar),
}
# What no module can have: a rate that another node gives, which follows the step of a training.
WITHOUT: Final = {"dropout_at": "follows the step of a training"}
