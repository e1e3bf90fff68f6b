"""Functions of one or two matrices, element by element, with broadcasting."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.graph.node import Array, Node, Operand, Shape, apply, as_node, constant, declare
from fastmlp.graph.ops.reductions import spread, uniform
from fastmlp.graph.shapes import as_array, broadcast


def identity(a: Operand) -> Node:
    """Return a itself."""
    return as_node(a)


# ------------------------------------------------------------------------------ two arguments


def add(a: Operand, b: Operand) -> Node:
    """Return a + b; (1, n), (b, 1) and (1, 1) broadcast against (b, n)."""
    return apply("add", a, b)


def _simpler_add(a: Node, b: Node) -> Node | None:
    for number, other in ((uniform(a), b), (uniform(b), a)):
        if number is not None and number[0] == 0 and broadcast(a.shape, b.shape) == other.shape:
            return other
    return None


declare(
    "add",
    shape=broadcast,
    value=lambda a, b: a + b,
    derive=lambda h, bar, a, b: (bar, bar),
    formula="{0} + {1}",
    precedence=1,
    simplify=_simpler_add,
)


def subtract(a: Operand, b: Operand) -> Node:
    """Return a − b, broadcasting."""
    return apply("subtract", a, b)


declare(
    "subtract",
    shape=broadcast,
    value=lambda a, b: a - b,
    derive=lambda h, bar, a, b: (bar, -bar),
    formula="{0} − {1}",
    precedence=1,
)


def multiply(a: Operand, b: Operand) -> Node:
    """Return a·b element by element, broadcasting."""
    return apply("multiply", a, b)


def _simpler_multiply(a: Node, b: Node) -> Node | None:
    """Fold numbers that stand everywhere (1 · a, the seed of a gradient), as one does by hand."""
    shape = broadcast(a.shape, b.shape)
    for number, factor, other in ((uniform(a), a, b), (uniform(b), b, a)):
        if number is None:
            continue
        c, mean = number
        second = uniform(other)
        if second is not None and not second[1] and (factor.shape == shape or not mean):
            return spread(constant(c * second[0]), shape, mean)
        if not mean and other.shape == shape:
            if c == 1:
                return other
            if factor.op == "spread":
                return multiply(factor.parents[0], other)
    return None


declare(
    "multiply",
    shape=broadcast,
    value=lambda a, b: a * b,
    derive=lambda h, bar, a, b: (bar * b, bar * a),
    formula="{0}·{1}",
    precedence=2,
    simplify=_simpler_multiply,
)


def divide(a: Operand, b: Operand) -> Node:
    """Return a/b element by element, broadcasting."""
    return apply("divide", a, b)


declare(
    "divide",
    shape=broadcast,
    value=lambda a, b: a / b,
    derive=lambda h, bar, a, b: (bar / b, -(bar * h) / b),
    formula="{0}/{1}",
    precedence=2,
)


def ratio(a: Operand, b: Operand) -> Node:
    """Return a/b, and 0 where b = 0: a mean over nothing; broadcasting.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.ratio([[3.0, 0.0]], [[2.0, 0.0]]), {})
    array([[1.5, 0. ]])
    """
    return apply("ratio", a, b)


def _ratio_value(a: Array, b: Array) -> Array:
    return np.where(b.real == 0, np.zeros_like(a), a / b)


declare(
    "ratio",
    shape=broadcast,
    value=_ratio_value,
    derive=lambda h, bar, a, b: (ratio(bar, b), -ratio(bar * h, b)),
    formula="ratio({0}, {1})",
)


def maximum(a: Operand, b: Operand) -> Node:
    """Return the larger of a and b, broadcasting; where they tie, the message goes to b."""
    return apply("maximum", a, b)


def _maximum_value(a: Array, b: Array) -> Array:
    if np.iscomplexobj(a) or np.iscomplexobj(b):
        return np.where(a.real > b.real, a, b)
    result: Array = np.maximum(a, b)
    return result


def _maximum_messages(h: Node, bar: Node, a: Node, b: Node) -> tuple[Node, Node]:
    to_a = apply("relu_message", bar, a - b)
    return to_a, bar - to_a


declare(
    "maximum",
    shape=broadcast,
    value=_maximum_value,
    derive=_maximum_messages,
    formula="max({0}, {1})",
    analytic=False,
)

# ------------------------------------------------------------------------------- one argument


def _same(shape: Shape, **_: Any) -> Shape:
    return shape


def negative(a: Operand) -> Node:
    """Return −a."""
    return apply("negative", a)


def _simpler_negative(a: Node) -> Node | None:
    number = uniform(a)
    return None if number is None else spread(constant(-number[0]), a.shape, number[1])


declare(
    "negative",
    shape=_same,
    value=lambda a: -a,
    derive=lambda h, bar, a: (-bar,),
    formula="−{0}",
    precedence=2,
    simplify=_simpler_negative,
)


def exp(a: Operand) -> Node:
    """Return e^a."""
    return apply("exp", a)


declare(
    "exp",
    shape=_same,
    value=np.exp,
    derive=lambda h, bar, a: (bar * h,),
    formula="exp({0})",
)


def log(a: Operand) -> Node:
    """Return the natural logarithm of a."""
    return apply("log", a)


declare(
    "log",
    shape=_same,
    value=np.log,
    derive=lambda h, bar, a: (bar / a,),
    formula="log({0})",
)


def sqrt(a: Operand) -> Node:
    """Return √a."""
    return apply("sqrt", a)


declare(
    "sqrt",
    shape=_same,
    value=np.sqrt,
    derive=lambda h, bar, a: (0.5 * bar / h,),
    formula="√{0}",
    precedence=3,
)


def sin(a: Operand) -> Node:
    """Return sin a, a in radians."""
    return apply("sin", a)


declare(
    "sin",
    shape=_same,
    value=np.sin,
    derive=lambda h, bar, a: (bar * cos(a),),
    formula="sin({0})",
)


def cos(a: Operand) -> Node:
    """Return cos a, a in radians."""
    return apply("cos", a)


declare(
    "cos",
    shape=_same,
    value=np.cos,
    derive=lambda h, bar, a: (-(bar * sin(a)),),
    formula="cos({0})",
)


def abs(a: Operand) -> Node:
    """Return the absolute value ``|a|``; its derivative at 0 is taken as 0."""
    return apply("abs", a)


declare(
    "abs",
    shape=_same,
    value=lambda a: np.where(a.real < 0, -a, a) if np.iscomplexobj(a) else np.abs(a),
    derive=lambda h, bar, a: (apply("relu_message", bar, a) - apply("relu_message", bar, -a),),
    formula="|{0}|",
    analytic=False,
)


def log_cosh(a: Operand) -> Node:
    """Return log cosh a, which is ½a² near 0 and ``|a|`` − log 2 far away; its derivative is tanh.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> g.reference.evaluate(g.log_cosh([[0.0, 1e-8, 800.0]]), {})
    array([[0.00000000e+00, 5.00000000e-17, 7.99306853e+02]])
    """
    return apply("log_cosh", a)


def _log_cosh_value(a: Array) -> Array:
    m = np.where(a.real < 0, -a, a)
    square = np.tanh(a) ** 2
    near = m.real < 0.88  # sinh² a, which is square / (1 − square), is below 1 there
    small = 0.5 * np.log1p(square / np.where(near, 1 - square, 1))
    result: Array = np.where(near, small, (m - np.log(2)) + np.log1p(np.exp(-2 * m)))
    return result.astype(a.dtype, copy=False)


declare(
    "log_cosh",
    shape=_same,
    value=_log_cosh_value,
    derive=lambda h, bar, a: (bar * apply("tanh", a),),
    formula="log cosh({0})",
)


def power(a: Operand, exponent: Operand) -> Node:
    """Return a to the power of a number, or of a node as exp(exponent · log a).

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> w = g.parameter(3.0, "w")
    >>> g.reference.evaluate(g.power(w, 2), {})
    array([[9.]])
    """
    base = as_node(a)
    if isinstance(exponent, Node) or as_array(exponent, "exponent").ndim > 0:
        return exp(as_node(exponent) * log(base))
    number = float(constant(exponent).value[0, 0])  # type: ignore[index]
    return base if number == 1 else apply("power", base, exponent=number)


def _power_messages(h: Node, bar: Node, a: Node) -> tuple[Node | None]:
    exponent = h.attrs["exponent"]
    return (None if exponent == 0 else exponent * bar * power(a, exponent - 1),)


def _power_text(a: str, exponent: float) -> str:
    text = f"{exponent:g}"
    raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
    return f"{a}{text.translate(raised)}" if exponent.is_integer() else f"{a}^{text}"


declare(
    "power",
    shape=_same,
    value=lambda a, exponent: a**exponent,
    derive=_power_messages,
    formula=_power_text,
    precedence=3,
)
