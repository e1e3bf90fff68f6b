"""Functions of whole rows: softmax and its relatives, the largest element, dropout's mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fastmlp._checks import MOST, integer, real, taught
from fastmlp.graph.habits import OF_ROWS
from fastmlp.graph.node import Array, Node, Operand, Run, Shape, apply, as_node, constant, declare
from fastmlp.graph.ops.columns import class_index, pick, scatter
from fastmlp.graph.ops.elementwise import exp
from fastmlp.graph.ops.reductions import spread, sum
from fastmlp.graph.shapes import describe


def _same(shape: Shape, **_: Any) -> Shape:
    return shape


def _column(shape: Shape) -> Shape:
    return shape[0], 1


@taught(OF_ROWS)
def softmax(a: Operand) -> Node:
    """Return e^a_j / Σ_k e^a_k along each row: positive, summing to 1."""
    return apply("softmax", a)


def _softmax_value(a: Array) -> Array:
    e = np.exp(a - np.max(a.real, axis=1, keepdims=True))
    result: Array = e / np.sum(e, axis=1, keepdims=True)
    return result


declare(
    "softmax",
    shape=_same,
    value=_softmax_value,
    derive=lambda y, bar, a: (y * (bar - sum(bar * y, axis=1)),),
    formula="softmax({0})",
)


@taught(OF_ROWS)
def log_softmax(a: Operand) -> Node:
    """Return a_j − log Σ_k e^a_k along each row."""
    return apply("log_softmax", a)


def _log_softmax_value(a: Array) -> Array:
    _, shifted, rest = _from_largest(a)
    result: Array = shifted - np.log1p(rest)
    return result


def _from_largest(a: Array) -> tuple[Array, Array, Array]:
    """Return which element of each row is its largest, a less that one, and Σ exp of the others.

    The whole sum is 1 plus that of the others, which would lose their digits where they are small.
    """
    largest = np.arange(a.shape[1]) == np.argmax(a.real, axis=1, keepdims=True)
    shifted = a - np.sum(a, axis=1, keepdims=True, where=largest)
    e = np.exp(shifted)
    # exp(0) − 1 is 0, and NaN where the largest is not finite.
    return largest, shifted, np.sum(np.where(largest, e - 1, e), axis=1, keepdims=True)


declare(
    "log_softmax",
    shape=_same,
    value=_log_softmax_value,
    derive=lambda h, bar, a: (bar - exp(h) * sum(bar, axis=1),),
    formula="log_softmax({0})",
)


@taught(OF_ROWS)
def argmax(a: Operand) -> Node:
    """Return the column of each row's largest element (the first of equals) as a number: (b, 1)."""
    return apply("argmax", a)


declare(
    "argmax",
    shape=_column,
    value=lambda a: np.argmax(a.real, axis=1, keepdims=True).astype(a.dtype),
    derive=None,
    formula="argmax({0})",
    analytic=False,
)


def logsumexp(a: Operand) -> Node:
    """Return log Σ_k e^a_k of each row, of numbers of any size: (b, 1).

    Examples
    --------
    The log density of a mixture of two normal numbers, as losses of such networks need it:

    >>> import numpy as np
    >>> from fastmlp import graph as g
    >>> shares, z = np.log([[0.75, 0.25]]), np.array([[30.0, 40.0]])
    >>> density = g.logsumexp(shares - 0.5 * z**2) - 0.5 * np.log(2 * np.pi)
    >>> g.reference.evaluate(density, {}).round(3)
    array([[-451.207]])
    """
    a = as_node(a)
    return pick(a - log_softmax(a), argmax(a))


def softmax_cross_entropy(z: Operand, t: Operand) -> Node:
    """Return Σ_j t_j (log Σ_k e^z_k − z_j) for each row: (b, 1).

    Parameters
    ----------
    z : node (b, n)
        The arguments of the softmax.
    t : node (b, n) or (b, 1)
        The weight of each class (one-hot or any other), or, for n > 1, the class as a number.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> z, t = g.constant([[0.0, 0.0]]), g.constant(1)
    >>> g.reference.evaluate(g.softmax_cross_entropy(z, t), {})
    array([[0.69314718]])
    """
    return apply("softmax_cross_entropy", z, t)


def _cross_entropy_shape(z: Shape, t: Shape) -> Shape:
    if t[0] != z[0] or t[1] not in (1, z[1]):
        raise ValueError(
            f"z {describe(z)} needs targets of shape {describe(z)} or {describe(_column(z))}, "
            f"got {describe(t)}"
        )
    return _column(z)


def _weights(z: Array, t: Array) -> Array:
    """Return the targets as weights of the classes (b, n)."""
    if t.shape[1] == z.shape[1]:
        return t
    return np.equal(class_index(t, z.shape[1]), np.arange(z.shape[1])).astype(z.dtype)


def _cross_entropy_value(z: Array, t: Array) -> Array:
    result: Array = -np.sum(_weights(z, t) * _log_softmax_value(z), axis=1, keepdims=True)
    return result


declare(
    "softmax_cross_entropy",
    shape=_cross_entropy_shape,
    value=_cross_entropy_value,
    derive=lambda h, bar, z, t: (
        apply("softmax_cross_entropy_message", bar, z, t),
        -(bar * log_softmax(z)) if t.shape == z.shape else None,
    ),
    formula="cross_entropy(softmax({0}), {1})",
)


def _cross_entropy_message_value(bar: Array, z: Array, t: Array) -> Array:
    # p·s − t with s = Σt; of the largest, whose p = 1/(1 + rest) may be near 1, by 1 − p.
    weights = _weights(z, t)
    largest, shifted, rest = _from_largest(z)
    s = np.sum(weights, axis=1, keepdims=True)
    ratio = s / (1 + rest)
    result: Array = bar * np.where(
        largest, (s - weights) - rest * ratio, np.exp(shifted) * ratio - weights
    )
    return result


def _cross_entropy_second(
    m: Node, u: Node, bar: Node, z: Node, t: Node
) -> tuple[Node, Node, Node | None]:
    # m = bar·(p·s − t) with p = softmax(z), s = Σt; a class index is one-hot, and s = 1.
    p, dense = softmax(z), t.shape == z.shape
    weights = t if dense else scatter(spread(1.0, t.shape), t, z.shape[1])
    s: Operand = sum(t, axis=1) if dense else 1.0
    u_p = sum(u * p, axis=1)
    to_bar = sum(u * (p * s - weights), axis=1)
    to_z = (bar * s) * p * (u - u_p)
    return to_bar, to_z, bar * (u_p - u) if dense else None


declare(
    "softmax_cross_entropy_message",
    shape=lambda bar, z, t: z if _cross_entropy_shape(z, t) == bar else _wrong_bar(bar, z),
    value=_cross_entropy_message_value,
    derive=_cross_entropy_second,
    formula="{0}·(softmax({1}) − {2})",
    precedence=2,
)


def _wrong_bar(bar: Shape, z: Shape) -> Shape:
    raise ValueError(
        f"z {describe(z)} needs bar of shape {describe(_column(z))}, got {describe(bar)}"
    )


def dropout(a: Operand, rate: float | Node, key: int) -> Node:
    """Return a with each element set to 0 with probability `rate`, the others divided by 1 − rate.

    Which ones is a function of (seed, step, key, row, column) alone: counter-based random numbers,
    the same on any number of threads. The message passes the same mask.

    Parameters
    ----------
    a : node (b, n)
    rate : float in [0, 1), or node (1, 1)
        Probability of a zero. At the number 0 the node itself is returned. A node's value outside
        [0, 1) counts as 0; no message goes to it.
    key : int
        Tells the dropout nodes of one graph apart.

    References
    ----------
    Srivastava et al. (2014), Dropout, JMLR 15; Steele et al. (2014), SplitMix64, OOPSLA.
    """
    key = _key(key)
    if isinstance(rate, Node):
        return apply("dropout_at", a, rate, key=key)
    rate = real(rate, "rate", at_least=0, below=1)
    return as_node(a) if rate == 0 else apply("dropout", a, rate=rate, key=key)


def gaussian_noise(a: Operand, deviation: float | Node, key: int) -> Node:
    """Return a plus normal numbers of mean 0 and this standard deviation.

    They are a function of (seed, step, key, row, column) alone, as dropout's zeros; the message
    passes as it is.

    Parameters
    ----------
    a : node (b, n)
    deviation : float of at least 0, or node (1, 1)
        At the number 0 the node itself is returned. A node gets the message of a factor.
    key : int
        Tells the random nodes of one graph apart.

    References
    ----------
    Box, Muller (1958), A note on the generation of random normal deviates.
    """
    key = _key(key)
    if isinstance(deviation, Node):
        if deviation.shape != (1, 1):
            raise ValueError(f"deviation: expected a number, got {describe(deviation.shape)}")
        a = as_node(a)
        zeros = spread(constant(0.0), a.shape)
        return a + deviation * apply("gaussian_noise", zeros, deviation=1.0, key=key)
    deviation = real(deviation, "deviation", at_least=0)
    if deviation == 0:
        return as_node(a)
    return apply("gaussian_noise", a, deviation=deviation, key=key)


def _key(key: Any) -> int:
    return integer(key, "key", at_least=-MOST)


_WORD = (1 << 64) - 1


def _mix(u: Any) -> Any:
    """Return SplitMix64's finalizer of a number or an array of uint64; see `keep` in table.h."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        u = (u ^ (u >> shift)) * factor
        u = u if isinstance(u, np.ndarray) else u & _WORD
    return u ^ (u >> 31)


def run_key(seed: int, step: int, key: int) -> int:
    """Return the 64-bit key of one dropout node in one run."""
    word = 0
    for part in (seed, step, key):
        word = _mix((word + part) & _WORD)
    return int(word)


def _dropout_at_run(attrs: Mapping[str, Any], run: Run) -> dict[str, Any]:
    return {**attrs, "key": run_key(run.seed, run.step, attrs["key"])}


def _places(a: Array) -> Array:
    """Return the number of each element, row after row."""
    return np.arange(a.size).reshape(a.shape)


def _bits(numbers: Array, key: int) -> Array:
    """Return 64 random bits for each number."""
    counter = numbers.astype(np.uint64) + np.uint64(1)
    bits: Array = _mix(counter * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key))
    return bits


def _dropout_value(a: Array, rate: float, key: int) -> Array:
    n = _places(a)
    u = _bits(n // 2, key)
    word = np.where(n % 2, u >> np.uint64(32), u & np.uint64(0xFFFFFFFF))
    kept = word >= np.uint64(int(rate * 2**32))
    return np.where(kept, a * a.dtype.type(1 / (1 - rate)), np.zeros_like(a))


declare(
    "dropout",
    shape=_same,
    value=_dropout_value,
    derive=lambda h, bar, a: (apply("dropout", bar, **h.attrs),),
    formula="dropout({0}, {rate:g})",
    at_run=_dropout_at_run,
)


def _dropout_at_shape(a: Shape, rate: Shape, **_: Any) -> Shape:
    if rate != (1, 1):
        raise ValueError(f"rate must be (1, 1), got {describe(rate)}")
    return a


def _dropout_at_value(a: Array, rate: Array, key: int) -> Array:
    number = float(rate.real[0, 0])
    return _dropout_value(a, number if 0 <= number < 1 else 0.0, key)


declare(
    "dropout_at",
    shape=_dropout_at_shape,
    value=_dropout_at_value,
    derive=lambda h, bar, a, rate: (apply("dropout_at", bar, rate, **h.attrs), None),
    formula="dropout({0}, {1})",
    at_run=_dropout_at_run,
)


def _noise_at_run(attrs: Mapping[str, Any], run: Run) -> dict[str, Any]:
    return {"deviation": attrs["deviation"], "key": run_key(run.seed, run.step, attrs["key"])}


def _noise_value(a: Array, deviation: float, key: int) -> Array:
    bits = _bits(_places(a), key)
    upper, lower = bits >> np.uint64(32), bits & np.uint64(2**32 - 1)
    radius = np.sqrt(-2 * np.log((upper + np.uint64(1)) * 2.0**-32))
    normal = radius * np.cos(2 * np.pi * (lower * 2.0**-32))
    result: Array = a + (deviation * normal).astype(a.real.dtype)
    return result


declare(
    "gaussian_noise",
    shape=_same,
    value=_noise_value,
    derive=lambda h, bar, a: (bar,),
    formula="{0} + noise({deviation:g})",
    precedence=1,
    at_run=_noise_at_run,
)
