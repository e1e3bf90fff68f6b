"""Activations h = φ(z), each declared once: φ beside its message z̄ = φ'(z)·h̄, and what it is for.

A message is an operation itself, so it can be fused and differentiated again. It reads h̄ and what
φ' is written in: h where that says enough, else z. The one other place that knows an activation is
cpp/kernels/activations.h, which has φ and the message once more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np

from fastmlp.graph.node import Array, Node, Operand, Shape, apply, broadcast, declare
from fastmlp.graph.ops.elementwise import exp, identity
from fastmlp.graph.ops.rows import softmax

__all__ = ["logistic", "relu", "selu", "silu", "softplus", "tanh", "threshold"]


@dataclass(frozen=True)
class Declaration:
    """What an activation says of itself beside its operations.

    Attributes
    ----------
    function : callable
        From the node z to the node h.
    formula, derivative : str
        φ(z) and φ', for people to read; φ' in terms of h or z, as the message reads it.
    initializer : str
        The name of the initializer that suits it: He for what is zero on half of its inputs (He et
        al. 2015), Glorot for the rest (Glorot & Bengio 2010) that says nothing else.
    middle : float or None
        Where, as the only output, it changes from class 0 to class 1: ½ for what is never negative,
        0 for what is centred there; None where that depends on the loss.
    reads : "h" or "z"
        What its message reads beside h̄.
    elementwise : bool
        Whether each element of h depends on its own element of z alone.
    sends : bool
        Whether it sends a message: False where the derivative is 0 wherever there is one.
    aliases : tuple of str
        Other names of it.
    """

    function: Callable[[Node], Node]
    formula: str
    derivative: str
    initializer: str = "glorot_uniform"
    middle: float | None = None
    reads: Literal["h", "z"] = "h"
    aliases: tuple[str, ...] = ()
    elementwise: bool = True
    sends: bool = True


DECLARED: Final[dict[str, Declaration]] = {}


def _same(shape: Shape, **_: Any) -> Shape:
    return shape


def _declare(
    function: Callable[[Operand], Node],
    *,
    value: Callable[[Array], Array],
    message: Callable[[Array, Array], Array],
    text: str,
    message_text: str,
    formula: str,
    derivative: str,
    aliases: tuple[str, ...] = (),
    bend: Callable[[Node], Node] | None = None,
    gradient: bool = True,
    analytic: bool = True,
    initializer: str = "glorot_uniform",
    middle: float | None = None,
    reads: Literal["h", "z"] = "h",
) -> None:
    """Declare φ and its message as operations, and what else there is to know of them.

    Parameters
    ----------
    function : callable
        The operation φ, whose name is that of the activation.
    value, message : callable
        φ(z) and φ'·h̄ of (h̄, u) in NumPy, where u is what `reads` says.
    text, message_text : str
        How to write them: z is {0}; h̄ is {0} and u is {1}.
    bend : callable, optional
        The derivative of φ' by u, of the node u; without it that is 0.
    gradient : bool
        Whether φ sends messages, see `Declaration.sends`.
    formula, derivative, aliases, initializer, middle, reads
        See `Declaration`.
    """
    name = function.__name__
    sent = f"{name}_message"

    def derive(h: Node, bar: Node, z: Node) -> tuple[Node]:
        return (apply(sent, bar, h if reads == "h" else z),)

    def derive_message(m: Node, m_bar: Node, bar: Node, u: Node) -> tuple[Node, Node | None]:
        return apply(sent, m_bar, u), None if bend is None else m_bar * bar * bend(u)

    declare(
        name,
        shape=_same,
        value=value,
        derive=derive if gradient else None,
        formula=text,
        analytic=analytic,
    )
    declare(
        sent,
        shape=broadcast,
        value=message,
        derive=derive_message if gradient else None,
        formula=message_text,
        precedence=2,
        analytic=analytic,
    )
    DECLARED[name] = Declaration(
        function, formula, derivative, initializer, middle, reads, aliases, sends=gradient
    )


DECLARED["identity"] = Declaration(identity, "z", "1", aliases=("linear",))


def relu(z: Operand) -> Node:
    """Return max(z, 0); its derivative is [z > 0]."""
    return apply("relu", z)


_declare(
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


def _softplus_value(z: Array) -> Array:
    result: Array = np.where(z.real > 0, z, 0) + np.log1p(np.exp(np.where(z.real > 0, -z, z)))
    return result


_declare(
    softplus,
    value=_softplus_value,
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


_declare(
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


def _logistic_value(z: Array) -> Array:
    e = np.exp(np.where(z.real > 0, -z, z))
    result: Array = np.where(z.real > 0, 1, e) / (1 + e)
    return result


_declare(
    logistic,
    value=_logistic_value,
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


_declare(
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


def silu(z: Operand) -> Node:
    """Return z·logistic(z), also called swish; its derivative is σ(z)(1 + z σ(−z)), σ = logistic.

    Elfwing, Uchibe & Doya 2018, Sigmoid-weighted linear units.
    """
    return apply("silu", z)


def _silu_bend(z: Node) -> Node:
    s, rest = logistic(z), logistic(-z)
    return s * rest * (2.0 + z * (rest - s))


_declare(
    silu,
    value=lambda z: z * _logistic_value(z),
    message=lambda bar, z: _logistic_value(z) * (1 + z * _logistic_value(-z)) * bar,
    reads="z",
    bend=_silu_bend,
    text="silu({0})",
    message_text="silu′({1})·{0}",
    formula="z / (1 + exp(−z))",
    derivative="(1 + z / (1 + exp(z))) / (1 + exp(−z))",
    aliases=("swish",),
    initializer="he_uniform",
)


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


_declare(
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


# The mean of a Poisson distribution, as an output.
DECLARED["exp"] = Declaration(exp, "exp(z)", "h", middle=0.5)
DECLARED["softmax"] = Declaration(
    softmax, "exp(zⱼ) / Σₖ exp(zₖ)", "hⱼ ([j = k] − hₖ)", middle=0.5, elementwise=False
)
