"""What most activations are made of, and operations of other files that serve as activations."""

from __future__ import annotations

import numpy as np

from fastmlp.graph.node import Array, Node, Operand, apply
from fastmlp.graph.ops.activations.declaration import DECLARED, Declaration, declare_activation
from fastmlp.graph.ops.elementwise import exp, identity, sin
from fastmlp.graph.ops.rows import log_softmax, softmax

__all__ = ["logistic", "relu", "softplus", "tanh", "threshold"]

DECLARED["identity"] = Declaration(identity, "z", "1", aliases=("linear",))


def relu(z: Operand) -> Node:
    """Return max(z, 0); its derivative is [z > 0]."""
    return apply("relu", z)


declare_activation(
    relu,
    value=lambda z: np.where(z.real > 0, z, 0) if np.iscomplexobj(z) else np.maximum(z, 0),
    message=lambda bar, h: np.where(h.real > 0, bar, np.zeros_like(bar)),
    text="relu({0})",
    message_text="[{1} > 0]·{0}",
    formula="max(0, z)",
    derivative="[h > 0]",
    analytic=False,
    initializer="he_uniform",
    middle=0.5,
)


def softplus(z: Operand) -> Node:
    """Return log(1 + e^z), the soft ReLU, stable for large ``|z|``; its derivative is 1 − e^−h."""
    return apply("softplus", z)


def softplus_value(z: Array) -> Array:
    result: Array = np.where(z.real > 0, z, 0) + np.log1p(np.exp(np.where(z.real > 0, -z, z)))
    return result


declare_activation(
    softplus,
    value=softplus_value,
    message=lambda bar, h: -np.expm1(-h) * bar,
    bend=lambda h: exp(-h),
    text="softplus({0})",
    message_text="(1 − exp(−{1}))·{0}",
    formula="log(1 + exp(z))",
    derivative="1 − exp(−h)",
    aliases=("soft_relu",),
    initializer="he_uniform",
    middle=0.5,
)


def threshold(z: Operand) -> Node:
    """Return the hard threshold [z > 0]: 1 where z > 0, else 0, NaN of NaN; it sends no message."""
    return apply("threshold", z)


declare_activation(
    threshold,
    value=lambda z: np.where(np.isnan(z), z, z.real > 0).astype(z.dtype),
    message=lambda bar, h: np.zeros_like(bar + h),
    gradient=False,
    text="[{0} > 0]",
    message_text="0·{0}",
    formula="[z > 0]",
    derivative="0",
    aliases=("hard_threshold",),
    analytic=False,
    middle=0.5,
)


def logistic(z: Operand) -> Node:
    """Return 1/(1 + e^−z); its derivative is h(1 − h)."""
    return apply("logistic", z)


def logistic_value(z: Array) -> Array:
    e = np.exp(np.where(z.real > 0, -z, z))
    result: Array = np.where(z.real > 0, 1, e) / (1 + e)
    return result


declare_activation(
    logistic,
    value=logistic_value,
    message=lambda bar, h: h * (1 - h) * bar,
    bend=lambda h: 1 - 2 * h,
    text="logistic({0})",
    message_text="{0}·{1}·(1 − {1})",
    formula="1 / (1 + exp(−z))",
    derivative="h (1 − h)",
    aliases=("sigmoid",),
    middle=0.5,
)


def tanh(z: Operand) -> Node:
    """Return tanh z; its derivative is 1 − h²."""
    return apply("tanh", z)


declare_activation(
    tanh,
    value=np.tanh,
    message=lambda bar, h: (1 - h * h) * bar,
    bend=lambda h: -2 * h,
    text="tanh({0})",
    message_text="{0}·(1 − {1}²)",
    formula="tanh(z)",
    derivative="1 − h²",
    middle=0.0,
)


# The mean of a Poisson distribution, as an output.
DECLARED["exp"] = Declaration(exp, "exp(z)", "h", middle=0.5, aliases=("exponential",))
# Weights of variance 2 / inputs keep its signals in scale: Sitzmann et al. 2020, Implicit neural
# representations with periodic activation functions, theorem 1.8.
DECLARED["sin"] = Declaration(
    sin, "sin(z)", "cos(z)", "he_uniform", middle=0.0, reads="z", aliases=("sine",)
)
DECLARED["softmax"] = Declaration(
    softmax, "exp(zⱼ) / Σₖ exp(zₖ)", "hⱼ ([j = k] − hₖ)", middle=0.5, elementwise=False
)
DECLARED["log_softmax"] = Declaration(
    log_softmax, "zⱼ − log Σₖ exp(zₖ)", "[j = k] − exp(hₖ)", elementwise=False
)
