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
}

# As outputs too.
ALL = {
    "identity": Formula(lambda z: z, np.ones_like),
    **ACTIVATIONS,
    "exp": Formula(np.exp, lambda h: h),
    "softmax": Formula(lambda z: scipy.special.softmax(z, axis=1), None),
}
