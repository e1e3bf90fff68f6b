# ruff: noqa: D103  (each is described by its operation)
"""Operations in NumPy as an exported program has them: its text is copied from here.

Each has the name of its operation and takes the values of the parents and the attributes. What a
function calls besides NumPy stands here too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import erfc

Array = Any


def relu(z: Array) -> Array:
    return np.maximum(z, 0)


def softplus(z: Array) -> Array:
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def threshold(z: Array) -> Array:
    return np.where(np.isnan(z), z, z > 0).astype(z.dtype)


def logistic(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.where(z > 0, 1, e) / (1 + e)


def silu(z: Array) -> Array:
    return z * logistic(z)


def selu(z: Array) -> Array:
    return np.where(z > 0, 1.0507009873554805 * z, 1.7580993408473769 * np.expm1(np.minimum(z, 0)))


def elu(z: Array) -> Array:
    return np.where(z > 0, z, np.expm1(np.minimum(z, 0)))


def leaky_relu(z: Array) -> Array:
    return np.where(z > 0, z, 0.01 * z)


def normal(z: Array) -> Array:
    """Return the normal distribution's share below z."""
    return 0.5 * erfc(-0.7071067811865476 * z)


def gelu(z: Array) -> Array:
    return z * normal(z)


def gelu_tanh(z: Array) -> Array:
    return z * logistic(1.5957691216057308 * (z + 0.044715 * z * z * z))


def mish(z: Array) -> Array:
    return z * np.tanh(softplus(z))


def softsign(z: Array) -> Array:
    return z / (1 + np.abs(z))


def hard_tanh(z: Array) -> Array:
    return np.clip(z, -1, 1)


def hard_sigmoid(z: Array) -> Array:
    return np.clip(z + 3, 0, 6) / 6


def gaussian(z: Array) -> Array:
    return np.exp(-z * z)


def log_cosh(z: Array) -> Array:
    m, square = np.abs(z), np.tanh(z) ** 2
    near = m < 0.88
    small = 0.5 * np.log1p(square / np.where(near, 1 - square, 1))
    return np.where(near, small, (m - 0.6931471805599453) + np.log1p(np.exp(-2 * m)))


def prelu(z: Array, a: Array) -> Array:
    return np.where(z > 0, z, a * z)


def prelu_slope(z: Array, a: Array) -> Array:
    return np.where(z > 0, np.ones_like(z), a)


def ratio(a: Array, b: Array) -> Array:
    return np.where(b == 0, 0, a / np.where(b == 0, 1, b))


def logistic_cross_entropy(z: Array, t: Array) -> Array:
    return np.where(z > 0, (1 - t) * z, -t * z) + np.log1p(np.exp(-np.abs(z)))


def logistic_residual(z: Array, t: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.where(z > 0, (1 - t) - e / (1 + e), e / (1 + e) - t)


def relu_message(bar: Array, h: Array) -> Array:
    return np.where(h > 0, bar, 0)


def softplus_message(bar: Array, h: Array) -> Array:
    return -np.expm1(-h) * bar


def threshold_message(bar: Array, h: Array) -> Array:
    return np.zeros_like(bar + h)


def logistic_message(bar: Array, h: Array) -> Array:
    return h * (1 - h) * bar


def tanh_message(bar: Array, h: Array) -> Array:
    return (1 - h * h) * bar


def silu_message(bar: Array, z: Array) -> Array:
    return logistic(z) * (1 + z * logistic(-z)) * bar


def selu_message(bar: Array, h: Array) -> Array:
    return np.where(h > 0, 1.0507009873554805, h + 1.7580993408473769) * bar


def elu_message(bar: Array, h: Array) -> Array:
    return np.where(h > 0, 1, h + 1) * bar


def leaky_relu_message(bar: Array, h: Array) -> Array:
    return np.where(h > 0, bar, 0.01 * bar)


def gelu_message(bar: Array, z: Array) -> Array:
    return (normal(z) + z * np.exp(-0.5 * z * z) * 0.3989422804014327) * bar


def gelu_tanh_message(bar: Array, z: Array) -> Array:
    s = logistic(1.5957691216057308 * (z + 0.044715 * z * z * z))
    bump = z * (s * (1 - s))
    return (s + 1.5957691216057308 * (bump + 0.134145 * (z * (z * bump)))) * bar


def mish_message(bar: Array, z: Array) -> Array:
    t = np.tanh(softplus(z))
    return (t + z * (1 - t * t) * logistic(z)) * bar


def softsign_message(bar: Array, z: Array) -> Array:
    return bar / (1 + np.abs(z)) ** 2


def hard_tanh_message(bar: Array, h: Array) -> Array:
    return np.where(np.abs(h) < 1, bar, 0)


def hard_sigmoid_message(bar: Array, h: Array) -> Array:
    return np.where((h > 0) & (h < 1), bar / 6, 0)


def gaussian_message(bar: Array, z: Array) -> Array:
    return -2 * (z * np.exp(-z * z)) * bar


def softmax(a: Array) -> Array:
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def log_softmax(a: Array) -> Array:
    shifted = a - a.max(axis=1, keepdims=True)
    first = np.arange(a.shape[1]) == a.argmax(axis=1)[:, None]
    return shifted - np.log1p(np.where(first, 0, np.exp(shifted)).sum(axis=1, keepdims=True))


def argmax(a: Array) -> Array:
    return a.argmax(axis=1)[:, None].astype(a.dtype)


def class_weights(z: Array, t: Array) -> Array:
    """Return targets as the weight of each class."""
    return t if t.shape[1] == z.shape[1] else (t == np.arange(z.shape[1])).astype(z.dtype)


def softmax_cross_entropy(z: Array, t: Array) -> Array:
    return -(class_weights(z, t) * log_softmax(z)).sum(axis=1, keepdims=True)


def softmax_cross_entropy_message(bar: Array, z: Array, t: Array) -> Array:
    weights = class_weights(z, t)
    shifted = z - z.max(axis=1, keepdims=True)
    first = np.arange(z.shape[1]) == z.argmax(axis=1)[:, None]
    rest = np.where(first, 0, np.exp(shifted)).sum(axis=1, keepdims=True)
    total = weights.sum(axis=1, keepdims=True)
    share = total / (1 + rest)
    return bar * np.where(
        first, (total - weights) - rest * share, np.exp(shifted) * share - weights
    )


def normalized(a: Array, axis: int, epsilon: float, centered: bool) -> Array:
    """Return a less its mean by its deviation, and one by the deviation."""
    rest = a - a.mean(axis=axis, keepdims=True) if centered else a
    inverse = 1 / np.sqrt((rest * rest).mean(axis=axis, keepdims=True) + epsilon)
    return rest * inverse, inverse


def normalized_message(bar: Array, a: Array, axis: int, epsilon: float, centered: bool) -> Array:
    h, inverse = normalized(a, axis, epsilon, centered)
    rest = bar - bar.mean(axis=axis, keepdims=True) if centered else bar
    return (rest - h * (bar * h).mean(axis=axis, keepdims=True)) * inverse


def normalize_rows(a: Array, epsilon: float, centered: bool) -> Array:
    return normalized(a, 1, epsilon, centered)[0]


def normalize_columns(a: Array, epsilon: float, centered: bool) -> Array:
    return normalized(a, 0, epsilon, centered)[0]


def normalize_rows_message(bar: Array, a: Array, epsilon: float, centered: bool) -> Array:
    return normalized_message(bar, a, 1, epsilon, centered)


def normalize_columns_message(bar: Array, a: Array, epsilon: float, centered: bool) -> Array:
    return normalized_message(bar, a, 0, epsilon, centered)


def column_variance(a: Array) -> Array:
    return a.var(axis=0, keepdims=True)


def standardize(a: Array, mean: Array, variance: Array, epsilon: float) -> Array:
    return (a - mean) / np.sqrt(variance + epsilon)


def group_rows(a: Array, groups: int) -> Array:
    return a.reshape(-1, a.shape[1] // groups)


def ungroup_rows(a: Array, groups: int) -> Array:
    return a.reshape(-1, a.shape[1] * groups)


def group_matmul(
    a: Array, b: Array, groups: int, transpose_a: bool = False, transpose_b: bool = True
) -> Array:
    parts = np.split(a, groups, axis=1)
    others = np.split(b, groups, axis=1 if transpose_a else 0)
    if transpose_a:
        return np.concatenate([x.T @ y for x, y in zip(parts, others, strict=True)])
    products = [x @ (w.T if transpose_b else w) for x, w in zip(parts, others, strict=True)]
    return np.concatenate(products, axis=1)


def group_affine(x: Array, w: Array, b: Array, groups: int) -> Array:
    return group_matmul(x, w, groups) + b


def pad(a: Array, start: int, columns: int) -> Array:
    return np.pad(a, ((0, 0), (start, columns - start - a.shape[1])))


def rows_named(index: Array, count: int) -> Array:
    """Return numbers of rows or columns as whole ones."""
    numbers = index.astype(np.int64)
    if not ((numbers == index) & (numbers >= 0) & (numbers < count)).all():
        raise ValueError(f"expected whole numbers in 0 … {count - 1} as indices")
    return numbers


def take_rows(index: Array, *tables: Array) -> Array:
    found = [t[rows_named(index[:, j], len(t))] for j, t in enumerate(tables)]
    return np.concatenate(found, axis=1)


def add_rows(a: Array, index: Array, rows: int, columns: int, start: int, column: int) -> Array:
    result = np.zeros((rows, columns), a.dtype)
    np.add.at(result, rows_named(index[:, column], rows), a[:, start : start + columns])
    return result


def pick(a: Array, index: Array) -> Array:
    return np.take_along_axis(a, rows_named(index, a.shape[1]), axis=1)


def scatter(a: Array, index: Array, columns: int) -> Array:
    result = np.zeros((len(a), columns), a.dtype)
    np.put_along_axis(result, rows_named(index, columns), a, axis=1)
    return result
