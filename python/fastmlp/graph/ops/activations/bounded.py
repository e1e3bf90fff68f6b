"""Activations that stay within bounds."""

from __future__ import annotations

import numpy as np

from fastmlp._checks import real
from fastmlp.graph.node import Array, Node, Operand, apply
from fastmlp.graph.ops.activations.basic import threshold
from fastmlp.graph.ops.activations.declaration import declare_activation
from fastmlp.graph.ops.elementwise import abs, exp, maximum

__all__ = ["gaussian", "hard_sigmoid", "hard_tanh", "softsign"]


def softsign(z: Operand) -> Node:
    """Return z/(1 + ``|z|``); its derivative is 1/(1 + ``|z|``)².

    Bergstra, Desjardins, Lamblin & Bengio 2009, Quadratic polynomials learn better image features.
    It nears ±1 as 1/z does, much later than tanh.
    """
    return apply("softsign", z)


def _one_and_size(z: Array) -> Array:
    result: Array = 1 + np.where(z.real < 0, -z, z)
    return result


declare_activation(
    softsign,
    value=lambda z: z / _one_and_size(z),
    message=lambda bar, z: bar / _one_and_size(z) ** 2,
    reads="z",
    bend=lambda z: 2.0 * (threshold(-z) - threshold(z)) * (1.0 + abs(z)) ** -3,
    text="softsign({0})",
    message_text="{0}/(1 + |{1}|)²",
    formula="z / (1 + |z|)",
    derivative="1 / (1 + |z|)²",
    analytic=False,
    middle=0.0,
)


def hard_tanh(z: Operand, low: float = -1.0, high: float = 1.0) -> Node:
    """Return min(high, max(low, z)); its derivative is 1 for low < z < high, else 0.

    Collobert 2004, Large scale machine learning. The activation ``"hard_tanh"`` has the bounds −1
    and 1; ``"hard_tanh(low=0, high=6)"`` is what PyTorch and Keras call relu6.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.hard_tanh([[-1.0, 2.0, 7.0]], 0, 6), {})
    array([[0., 2., 6.]])
    """
    low, high = real(low, "low"), real(high, "high")
    if low >= high:
        raise ValueError(f"low must be less than high, got {low:g} and {high:g}")
    if (low, high) == (-1, 1):
        return apply("hard_tanh", z)
    return -maximum(-maximum(z, low), -high)


declare_activation(
    hard_tanh,
    value=lambda z: np.where(z.real < -1, -1, np.where(z.real > 1, 1, z)),
    message=lambda bar, h: np.where(np.abs(h.real) < 1, bar, np.zeros_like(bar)),
    text="hard_tanh({0})",
    message_text="[|{1}| < 1]·{0}",
    formula="min(1, max(−1, z))",
    derivative="[|h| < 1]",
    aliases=("hardtanh",),
    analytic=False,
    middle=0.0,
)


def hard_sigmoid(z: Operand) -> Node:
    """Return min(1, max(0, z/6 + ½)); its derivative is 1/6 for −3 < z < 3, else 0.

    As PyTorch, JAX and Keras 3 have it (Howard et al. 2019, Searching for MobileNetV3). Keras
    before version 3 has min(1, max(0, z/5 + ½)) under this name, which is
    ``lambda z: g.hard_sigmoid(1.2 * z)``.
    """
    return apply("hard_sigmoid", z)


def _hard_sigmoid_value(z: Array) -> Array:
    s = z + 3
    result: Array = np.where(s.real < 0, 0, np.where(s.real > 6, 6, s)) / 6
    return result


declare_activation(
    hard_sigmoid,
    value=_hard_sigmoid_value,
    message=lambda bar, h: np.where((h.real > 0) & (h.real < 1), bar / 6, np.zeros_like(bar)),
    text="hard_sigmoid({0})",
    message_text="[0 < {1} < 1]·{0}/6",
    formula="min(1, max(0, z/6 + 1/2))",
    derivative="[0 < h < 1] / 6",
    aliases=("hardsigmoid",),
    analytic=False,
    middle=0.5,
)


def gaussian(z: Operand) -> Node:
    """Return exp(−z²), a bump of height 1; its derivative is −2z exp(−z²).

    The radial function of Broomhead & Lowe 1988, Multivariable functional interpolation and
    adaptive networks.
    """
    return apply("gaussian", z)


declare_activation(
    gaussian,
    value=lambda z: np.exp(-z * z),
    # z is multiplied by what is 0 where z² is infinite, and only then by 2.
    message=lambda bar, z: -2 * (z * np.exp(-z * z)) * bar,
    reads="z",
    bend=lambda z: 4.0 * (z * (z * exp(-z * z))) - 2.0 * exp(-z * z),
    text="gaussian({0})",
    message_text="gaussian′({1})·{0}",
    formula="exp(−z²)",
    derivative="−2 z exp(−z²)",
    middle=0.5,
)
