"""Activations said another way than in the package and in the core: a line for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.special


class Formula(NamedTuple):
    """φ of z, and φ' of what the activation's message reads: h or z."""

    phi: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]


def sigma(z: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(z))
    return np.where(z < 0, e, 1) / (1 + e)


def bell(z: np.ndarray) -> np.ndarray:
    return np.exp(-z * z / 2) / np.sqrt(2 * np.arccos(z.dtype.type(-1)))


def normal(z: np.ndarray) -> np.ndarray:
    """Return Φ(z); SciPy has it in float64 at best."""
    if np.finfo(z.dtype).nmant <= 52:
        return scipy.special.erfc(-z * 0.5**0.5) / 2
    a = np.abs(z)
    near, far = np.minimum(a, 2), np.maximum(a, 2)
    term = total = near
    for k in range(1, 60):  # Φ(a) = ½ + bell(a)·(a + a³/3 + a⁵/15 + …)
        term = term * near * near / (2 * k + 1)
        total = total + term
    fraction = np.zeros_like(far)
    for k in range(200, 0, -1):  # 1 − Φ(a) = bell(a) / (a + 1/(a + 2/(a + …)))
        fraction = k / (far + fraction)
    tail = np.where(a < 2, 0.5 - bell(near) * total, bell(far) / (far + fraction))
    return np.where(z < 0, tail, 1 - tail)


def tanh_argument(z: np.ndarray) -> np.ndarray:
    return np.sqrt(8 / np.arccos(z.dtype.type(-1))) * (z + z.dtype.type(44715) / 1000000 * z**3)


def tanh_argument_slope(z: np.ndarray) -> np.ndarray:
    return np.sqrt(8 / np.arccos(z.dtype.type(-1))) * (1 + z.dtype.type(134145) / 1000000 * z**2)


def mish_step(z: np.ndarray) -> np.ndarray:
    # tanh of softplus, by e^z where it is small and by e^−z where that is.
    e = np.exp(-np.abs(z))
    return np.where(z < 0, e * (e + 2) / (e * (e + 2) + 2), (1 + 2 * e) / (1 + 2 * e + 2 * e * e))


def mish_slope(z: np.ndarray) -> np.ndarray:
    # t + 4z e^z (1 + e^z) / ((1 + e^z)² + 1)², again by what does not overflow.
    e = np.exp(-np.abs(z))
    below, above = (
        e * (1 + e) / (e * (e + 2) + 2) ** 2,
        e * e * (1 + e) / (1 + 2 * e * (1 + e)) ** 2,
    )
    return mish_step(z) + 4 * z * np.where(z < 0, below, above)


LAMBDA, ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

# Those that the core knows; in any precision.
ACTIVATIONS = {
    "relu": Formula(lambda z: z * (z > 0), lambda h: 1.0 * (h > 0)),
    "softplus": Formula(
        lambda z: np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))), lambda h: -np.expm1(-h)
    ),
    "threshold": Formula(lambda z: (z > 0).astype(z.dtype), np.zeros_like),
    "logistic": Formula(sigma, lambda h: h - h**2),
    "tanh": Formula(np.tanh, lambda h: 1 - h**2),
    "silu": Formula(lambda z: z * sigma(z), lambda z: sigma(z) + z * sigma(z) * sigma(-z)),
    "selu": Formula(
        lambda z: LAMBDA * (np.maximum(z, 0) + ALPHA * np.expm1(np.minimum(z, 0))),
        lambda h: np.where(h > 0, LAMBDA, h + LAMBDA * ALPHA),
    ),
    "elu": Formula(
        lambda z: np.maximum(z, 0) + np.expm1(np.minimum(z, 0)),
        lambda h: 1 + np.minimum(h, 0),
    ),
    "leaky_relu": Formula(
        lambda z: np.maximum(z, 0) + z.dtype.type(0.01) * np.minimum(z, 0),
        lambda h: np.where(h > 0, 1, 0.01),
    ),
    "gelu": Formula(lambda z: z * normal(z), lambda z: normal(z) + z * bell(z)),
    "gelu_tanh": Formula(
        lambda z: z * sigma(tanh_argument(z)),
        lambda z: (
            sigma(tanh_argument(z))
            + z * tanh_argument_slope(z) * sigma(tanh_argument(z)) * sigma(-tanh_argument(z))
        ),
    ),
    "mish": Formula(lambda z: z * mish_step(z), mish_slope),
    "softsign": Formula(lambda z: z / (1 + np.abs(z)), lambda z: (1 + np.abs(z)) ** -2),
    "hard_tanh": Formula(lambda z: np.clip(z, -1, 1), lambda h: 1.0 * (np.abs(h) < 1)),
    "hard_sigmoid": Formula(
        lambda z: np.clip(z + 3, 0, 6) / 6, lambda h: ((h > 0) & (h < 1)) / h.dtype.type(6)
    ),
    "gaussian": Formula(lambda z: np.exp(-(z**2)), lambda z: -2 * z * np.exp(-(z**2))),
}

# As outputs too.
ALL = {
    "identity": Formula(lambda z: z, np.ones_like),
    **ACTIVATIONS,
    "exp": Formula(np.exp, lambda h: h),
    "sin": Formula(np.sin, np.cos),
    "hard_silu": Formula(
        lambda z: z * np.clip(z + 3, 0, 6) / 6,
        lambda z: np.where(z > 3, 1, np.where(z > -3, (2 * z + 3) / 6, 0)),
    ),
    "softmax": Formula(lambda z: scipy.special.softmax(z, axis=1), None),
    "log_softmax": Formula(lambda z: scipy.special.log_softmax(z, axis=1), None),
}
