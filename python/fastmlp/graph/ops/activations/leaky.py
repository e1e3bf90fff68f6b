"""Activations that are z, or a multiple of it, above 0 and something smaller below."""

from __future__ import annotations

import numpy as np

from fastmlp._checks import real
from fastmlp.graph.node import Array, Node, Operand, apply, declare
from fastmlp.graph.ops.activations.basic import relu, threshold
from fastmlp.graph.ops.activations.declaration import declare_activation
from fastmlp.graph.shapes import broadcast

__all__ = ["elu", "leaky_relu", "prelu", "selu"]


# They keep mean 0 and variance 1 from layer to layer: Klambauer et al. 2017, equation 14.
_SELU_SCALE = 1.0507009873554805
_SELU_FLOOR = 1.7580993408473769  # λα


def selu(z: Operand) -> Node:
    """Return λz for z > 0, else λα(e^z − 1); its derivative is λ where h > 0, else h + λα.

    Klambauer, Unterthiner, Mayr & Hochreiter 2017, Self-normalizing neural networks: λ is 1.0507
    and α is 1.6733. It wants weights of variance 1 / inputs.
    """
    return apply("selu", z)


def _selu_value(z: Array) -> Array:
    below = _SELU_FLOOR * np.expm1(np.where(z.real > 0, 0, z))
    result: Array = np.where(z.real > 0, _SELU_SCALE * z, below)
    return result


declare_activation(
    selu,
    value=_selu_value,
    message=lambda bar, h: np.where(h.real > 0, _SELU_SCALE, h + _SELU_FLOOR) * bar,
    bend=lambda h: 1.0 - threshold(h),
    text="selu({0})",
    message_text="selu′({1})·{0}",
    formula="λ max(0, z) + λα (exp(min(0, z)) − 1)",
    derivative="λ [h > 0] + (h + λα) [h ≤ 0]",
    analytic=False,
    initializer="lecun_normal",
)


def elu(z: Operand, alpha: float = 1.0) -> Node:
    """Return z for z > 0, else α(e^z − 1); for α = 1 its derivative is 1 where h > 0, else h + 1.

    Clevert, Unterthiner & Hochreiter 2016, Fast and accurate deep network learning by exponential
    linear units. The activation ``"elu"`` has α = 1, as in PyTorch and Keras; with another it is
    called ``"elu(alpha=0.5)"``.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.elu([[-1.0, 2.0]], 0.5), {}).round(4)
    array([[-0.3161,  2.    ]])
    """
    h = apply("elu", z)
    alpha = real(alpha, "alpha")
    return h if alpha == 1 else alpha * h + (1 - alpha) * relu(z)


def _elu_value(z: Array) -> Array:
    result: Array = np.where(z.real > 0, z, np.expm1(np.where(z.real > 0, 0, z)))
    return result


declare_activation(
    elu,
    value=_elu_value,
    message=lambda bar, h: np.where(h.real > 0, 1, h + 1) * bar,
    bend=lambda h: 1.0 - threshold(h),
    text="elu({0})",
    message_text="elu′({1})·{0}",
    formula="max(0, z) + exp(min(0, z)) − 1",
    derivative="[h > 0] + (h + 1) [h ≤ 0]",
    analytic=False,
    initializer="he_uniform",
)


def leaky_relu(z: Operand, slope: float = 0.01) -> Node:
    """Return z for z > 0, else slope·z; its derivative is 1 where h > 0, else the slope.

    Maas, Hannun & Ng 2013, Rectifier nonlinearities improve neural network acoustic models. The
    activation ``"leaky_relu"`` has the slope 0.01, as PyTorch and JAX have it. In Keras it is 0.2
    for the name and 0.3 for the layer: ``"leaky_relu(slope=0.2)"``. Slopes that are learned:
    `layers.PReLU`.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.leaky_relu([[-1.0, 2.0]], 0.2), {})
    array([[-0.2,  2. ]])
    """
    slope = real(slope, "slope")
    return apply("leaky_relu", z) if slope == 0.01 else prelu(z, slope)


declare_activation(
    leaky_relu,
    value=lambda z: np.where(z.real > 0, z, 0.01 * z),
    message=lambda bar, h: np.where(h.real > 0, bar, 0.01 * bar),
    text="leaky_relu({0})",
    message_text="leaky_relu′({1})·{0}",
    formula="max(0, z) + 0.01 min(0, z)",
    derivative="[h > 0] + 0.01 [h ≤ 0]",
    aliases=("leakyrelu",),
    analytic=False,
    initializer="he_uniform",
)


def prelu(z: Operand, slopes: Operand) -> Node:
    """Return z for z > 0, else a·z, where the slopes a broadcast against z: (1, n) or (1, 1).

    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers: a is learned with the weights.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.prelu([[-1.0, -1.0, 2.0]], [[0.5, 0.25, 0.25]]), {})
    array([[-0.5 , -0.25,  2.  ]])
    """
    return apply("prelu", z, slopes)


def _prelu_messages(h: Node, bar: Node, z: Node, a: Node) -> tuple[Node, Node]:
    return bar * apply("prelu_slope", z, a), -(bar * relu(-z))


declare(
    "prelu",
    shape=broadcast,
    value=lambda z, a: np.where(z.real > 0, z, a * z),
    derive=_prelu_messages,
    formula="prelu({0}, {1})",
    analytic=False,
)

# The derivative of prelu by z.
declare(
    "prelu_slope",
    shape=broadcast,
    value=lambda z, a: np.where(z.real > 0, np.ones_like(a), a),
    derive=lambda h, bar, z, a: (None, bar - apply("relu_message", bar, z)),
    formula="prelu′({0}, {1})",
    analytic=False,
)
