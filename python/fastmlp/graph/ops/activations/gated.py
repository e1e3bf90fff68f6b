"""Activations z·s(z) with a smooth step s from 0 to 1: relu's kin without a kink."""

from __future__ import annotations

import math

import numpy as np

from fastmlp.graph.node import Array, Node, Operand, apply
from fastmlp.graph.ops.activations.basic import (
    logistic,
    logistic_value,
    softplus,
    softplus_value,
    tanh,
)
from fastmlp.graph.ops.activations.bounded import hard_sigmoid
from fastmlp.graph.ops.activations.declaration import DECLARED, Declaration, declare_activation
from fastmlp.graph.ops.elementwise import exp, multiply

__all__ = ["gelu", "gelu_tanh", "hard_silu", "mish", "silu"]


def silu(z: Operand) -> Node:
    """Return z·logistic(z), also called swish; its derivative is σ(z)(1 + z σ(−z)), σ = logistic.

    Elfwing, Uchibe & Doya 2018, Sigmoid-weighted linear units.
    """
    return apply("silu", z)


def _silu_bend(z: Node) -> Node:
    s, rest = logistic(z), logistic(-z)
    return s * rest * (2.0 + z * (rest - s))


declare_activation(
    silu,
    value=lambda z: z * logistic_value(z),
    message=lambda bar, z: logistic_value(z) * (1 + z * logistic_value(-z)) * bar,
    reads="z",
    bend=_silu_bend,
    text="silu({0})",
    message_text="silu′({1})·{0}",
    formula="z / (1 + exp(−z))",
    derivative="(1 + z / (1 + exp(z))) / (1 + exp(−z))",
    aliases=("swish",),
    initializer="he_uniform",
)


_DENSITY = 1 / math.sqrt(2 * math.pi)  # of the standard normal distribution, at 0


def gelu(z: Operand) -> Node:
    """Return z·Φ(z), Φ(z) = ½(1 + erf(z/√2)); its derivative is Φ(z) + z·exp(−z²/2)/√(2π).

    Hendrycks & Gimpel 2016, Gaussian error linear units. PyTorch and Keras mean this one by the
    name, ``jax.nn.gelu`` means `gelu_tanh`. For z < 0 it is computed by erfc: it falls to 0 with
    all its digits.
    """
    return apply("gelu", z)


def _normal(z: Array) -> Array:
    """Return Φ(z), of complex z too."""
    import scipy.special

    result: Array = scipy.special.ndtr(z)
    return result


declare_activation(
    gelu,
    value=lambda z: z * _normal(z),
    message=lambda bar, z: (_normal(z) + z * np.exp(-0.5 * z * z) * _DENSITY) * bar,
    reads="z",
    bend=lambda z: (2.0 - z * z) * _DENSITY * exp(-0.5 * z * z),
    text="gelu({0})",
    message_text="gelu′({1})·{0}",
    formula="z Φ(z)",
    derivative="Φ(z) + z exp(−z²/2) / √(2π)",
    initializer="he_uniform",
)


# gelu_tanh(z) = z·logistic(u), u = κz + μz³.
_KAPPA = 2 * math.sqrt(2 / math.pi)
_MU = 0.044715 * _KAPPA


def gelu_tanh(z: Operand) -> Node:
    """Return ½z(1 + tanh(√(2/π)(z + 0.044715 z³))), which is within 5e-4 of `gelu`.

    Hendrycks & Gimpel 2016. Written as z·σ(u), u = 2√(2/π)(z + 0.044715 z³), σ = logistic, so that
    it falls to 0 with all its digits; its derivative is σ(u) + z σ(u)σ(−u) u′.
    """
    return apply("gelu_tanh", z)


def _gelu_tanh_message(bar: Array, z: Array) -> Array:
    u = z * (_KAPPA + _MU * z * z)
    s = logistic_value(u)
    bump = z * (s * logistic_value(-u))  # 0 where z² is infinite: times u′ it would be NaN
    result: Array = (s + _KAPPA * bump + 3 * _MU * (z * (z * bump))) * bar
    return result


def _gelu_tanh_bend(z: Node) -> Node:
    square = z * z
    u, slope = z * (_KAPPA + _MU * square), _KAPPA + 3 * _MU * square
    s, rest = logistic(u), logistic(-u)
    return s * rest * (2.0 * slope + z * (slope * slope * (rest - s) + 6 * _MU * z))


declare_activation(
    gelu_tanh,
    value=lambda z: z * logistic_value(z * (_KAPPA + _MU * z * z)),
    message=_gelu_tanh_message,
    reads="z",
    bend=_gelu_tanh_bend,
    text="gelu_tanh({0})",
    message_text="gelu_tanh′({1})·{0}",
    formula="z σ(u), u = 2 √(2/π) (z + 0.044715 z³)",
    derivative="σ(u) + z σ(u) σ(−u) u′, u = 2 √(2/π) (z + 0.044715 z³)",
    aliases=("gelu_new",),
    initializer="he_uniform",
)


def mish(z: Operand) -> Node:
    """Return z·tanh(softplus(z)); its derivative is t + z(1 − t²)σ(z), t = tanh(softplus(z)).

    Misra 2019, Mish: a self regularized non-monotonic activation function; σ is the logistic.
    """
    return apply("mish", z)


def _mish_message(bar: Array, z: Array) -> Array:
    t = np.tanh(softplus_value(z))
    result: Array = (t + z * (1 - t * t) * logistic_value(z)) * bar
    return result


def _mish_bend(z: Node) -> Node:
    t, s, rest = tanh(softplus(z)), logistic(z), logistic(-z)
    return (1.0 - t * t) * s * (2.0 + z * (rest - 2.0 * t * s))


declare_activation(
    mish,
    value=lambda z: z * np.tanh(softplus_value(z)),
    message=_mish_message,
    reads="z",
    bend=_mish_bend,
    text="mish({0})",
    message_text="mish′({1})·{0}",
    formula="z tanh(log(1 + exp(z)))",
    derivative="t + z (1 − t²) σ(z), t = tanh(log(1 + exp(z)))",
    initializer="he_uniform",
)


def hard_silu(z: Operand) -> Node:
    """Return z·hard_sigmoid(z), `silu` in straight pieces, also called hard swish.

    Howard et al. 2019, Searching for MobileNetV3. It is 0 up to −3 and z from 3 on.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.hard_silu([[0.0, 1.5, 4.0]]), {})
    array([[0.   , 1.125, 4.   ]])
    """
    return multiply(z, hard_sigmoid(z))


DECLARED["hard_silu"] = Declaration(
    hard_silu,
    "z min(1, max(0, z/6 + 1/2))",
    "[z > −3] [z ≤ 3] (z/3 + 1/2) + [z > 3]",
    "he_uniform",
    reads="z",
    aliases=("hard_swish", "hardswish"),
)
