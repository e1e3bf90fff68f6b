"""Activations h = φ(z), each beside its message z̄ = φ'(z)·h̄ with φ' in terms of h.

The messages are operations themselves, so they can be fused and differentiated again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp._node import Array, Node, Operand, Shape, apply, broadcast, declare
from fastmlp.ops.elementwise import exp


def _same(shape: Shape, **_: Any) -> Shape:
    return shape


def relu(z: Operand) -> Node:
    """Return max(z, 0); its derivative is [z > 0]."""
    return apply("relu", z)


declare(
    "relu",
    shape=_same,
    value=lambda z: np.where(z.real > 0, z, 0) if np.iscomplexobj(z) else np.maximum(z, 0),
    derive=lambda h, bar, z: (apply("relu_message", bar, h),),
    formula="relu({0})",
    analytic=False,
)

declare(
    "relu_message",
    shape=broadcast,
    value=lambda bar, h: np.where(h.real > 0, bar, np.zeros_like(bar)),
    derive=lambda m, u, bar, h: (apply("relu_message", u, h), None),
    formula="[{1} > 0]·{0}",
    precedence=2,
    analytic=False,
)


def softplus(z: Operand) -> Node:
    """Return log(1 + e^z), the soft ReLU, stable for large ``|z|``; its derivative is 1 − e^−h."""
    return apply("softplus", z)


def _softplus_value(z: Array) -> Array:
    result: Array = np.where(z.real > 0, z, 0) + np.log1p(np.exp(np.where(z.real > 0, -z, z)))
    return result


declare(
    "softplus",
    shape=_same,
    value=_softplus_value,
    derive=lambda h, bar, z: (apply("softplus_message", bar, h),),
    formula="softplus({0})",
)

declare(
    "softplus_message",
    shape=broadcast,
    value=lambda bar, h: -np.expm1(-h) * bar,
    derive=lambda m, u, bar, h: (apply("softplus_message", u, h), u * bar * exp(-h)),
    formula="(1 − exp(−{1}))·{0}",
    precedence=2,
)


def threshold(z: Operand) -> Node:
    """Return the hard threshold [z > 0]: 1 where z > 0, else 0; it sends no message."""
    return apply("threshold", z)


declare(
    "threshold",
    shape=_same,
    value=lambda z: np.where(z.real > 0, np.ones_like(z), np.zeros_like(z)),
    derive=lambda h, bar, z: (None,),
    formula="[{0} > 0]",
    analytic=False,
)

declare(
    "threshold_message",
    shape=broadcast,
    value=lambda bar, h: np.zeros_like(bar + h),
    derive=lambda m, u, bar, h: (None, None),
    formula="0·{0}",
    precedence=2,
    analytic=False,
)


def logistic(z: Operand) -> Node:
    """Return 1/(1 + e^−z); its derivative is h(1 − h)."""
    return apply("logistic", z)


def _logistic_value(z: Array) -> Array:
    e = np.exp(np.where(z.real > 0, -z, z))
    result: Array = np.where(z.real > 0, 1, e) / (1 + e)
    return result


declare(
    "logistic",
    shape=_same,
    value=_logistic_value,
    derive=lambda h, bar, z: (apply("logistic_message", bar, h),),
    formula="logistic({0})",
)

declare(
    "logistic_message",
    shape=broadcast,
    value=lambda bar, h: h * (1 - h) * bar,
    derive=lambda m, u, bar, h: (apply("logistic_message", u, h), u * bar * (1 - 2 * h)),
    formula="{0}·{1}·(1 − {1})",
    precedence=2,
)


def tanh(z: Operand) -> Node:
    """Return tanh z; its derivative is 1 − h²."""
    return apply("tanh", z)


declare(
    "tanh",
    shape=_same,
    value=np.tanh,
    derive=lambda h, bar, z: (apply("tanh_message", bar, h),),
    formula="tanh({0})",
)

declare(
    "tanh_message",
    shape=broadcast,
    value=lambda bar, h: (1 - h * h) * bar,
    derive=lambda m, u, bar, h: (apply("tanh_message", u, h), u * bar * (-2 * h)),
    formula="{0}·(1 − {1}²)",
    precedence=2,
)
