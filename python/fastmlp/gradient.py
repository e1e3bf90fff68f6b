"""The gradient of a graph, as a graph; and a check of it against the function itself.

Let v_1 … v_N be a topological order of the computation graph.

    Forward:   for i = 1 … N compute v_i from its parents.
    Backward:  v̄_N = 1, then for i = N−1 … 1,  v̄_i = Σ over children j of v̄_j · ∂v_j/∂v_i.

Each node needs to know only how to compute derivatives with respect to its own arguments: the terms
of the sum are the messages its operation declares (`Op.messages`). The error signals v̄_i are nodes,
so they can be printed, drawn, tested and differentiated again.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from fastmlp import reference
from fastmlp._node import Array, Node, constant, topological_order
from fastmlp.ops import OPS
from fastmlp.ops.reductions import spread

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@overload
def gradient(loss: Node, wrt: Node) -> Node: ...
@overload
def gradient(loss: Node, wrt: Iterable[Node]) -> list[Node]: ...
def gradient(loss: Node, wrt: Node | Iterable[Node]) -> Node | list[Node]:
    """Return ∂loss/∂v as a graph node for each v of `wrt`.

    Parameters
    ----------
    loss : Node
        Usually (1, 1). Of a larger one, the gradient of the sum of its elements.
    wrt : Node or iterable of Node
        Leaves or intermediate nodes; one that the loss does not depend on gets zeros.

    Returns
    -------
    Node or list of Node
        Of the shapes of `wrt`. Error signals are named after their node, z̄ for z.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> w = g.parameter(3.0, "w")
    >>> w_bar = g.gradient(w**2, w)
    >>> g.reference.evaluate(w_bar, {})
    array([[6.]])
    >>> g.reference.evaluate(g.gradient(w_bar, w), {})
    array([[2.]])
    """
    nodes = [wrt] if isinstance(wrt, Node) else list(wrt)
    for node in (loss, *nodes):
        if not isinstance(node, Node):
            raise TypeError(f"gradient: expected graph nodes, got {type(node).__name__}")
    order = topological_order(loss)  # v_1 … v_N
    asked = _depending_on(nodes, order)
    received: dict[Node, list[Node]] = {node: [] for node in asked}
    if loss in asked:
        received[loss].append(spread(constant(1.0), loss.shape))  # v̄_N = 1

    signals: dict[Node, Node] = {}
    for v in reversed(order):
        if not received.get(v):
            continue
        signals[v] = v_bar = _total(received[v])  # v̄_i = Σ v̄_j · ∂v_j/∂v_i
        if asked.isdisjoint(v.parents):
            continue
        for parent, message in zip(v.parents, OPS[v.op].messages(v, v_bar), strict=True):
            if message is not None and parent in asked:
                received[parent].append(message)

    _name(signals, set(order))
    zero = constant(0.0)
    found = [signals[node] if node in signals else spread(zero, node.shape) for node in nodes]
    return found[0] if isinstance(wrt, Node) else found


def _depending_on(nodes: Iterable[Node], order: Iterable[Node]) -> set[Node]:
    """Return the nodes of the order through which the gradient to `nodes` flows."""
    asked = set(nodes)
    for v in order:
        if not asked.isdisjoint(v.parents):
            asked.add(v)
    return asked


def _total(messages: list[Node]) -> Node:
    total = messages[0]
    for message in messages[1:]:
        total = total + message
    return total


def _name(signals: Mapping[Node, Node], forward: set[Node]) -> None:
    """Name the new error signals; a node of the forward graph that serves as one keeps its own."""
    for v, v_bar in signals.items():
        if v.name is not None and v_bar.name is None and v_bar not in forward:
            v_bar.named(overbar(v.name))


def overbar(name: str) -> str:
    """Return a name with a bar: z̄ for z, W̄1 for W1, and a bar over every letter of a word."""
    end = 1
    while end < len(name) and unicodedata.combining(name[end]):
        end += 1
    if name[:1].isalpha() and not name[end : end + 1].isalpha():
        barred = f"{name[:end]}\N{COMBINING MACRON}{name[end:]}"
    else:
        barred = "".join(
            c if unicodedata.combining(c) else f"{c}\N{COMBINING OVERLINE}" for c in name
        )
    # ȳ is then one character, as keyboards write it.
    return unicodedata.normalize("NFC", barred)


class GradientError(ValueError):
    """A gradient disagrees with the function it is said to be the gradient of."""


@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found: for each node, the largest relative error and the method."""

    errors: Mapping[Node, float]
    method: Mapping[Node, str]

    def __str__(self) -> str:
        return "\n".join(
            f"{node.name or node.op}: relative error {error:.1e} ({self.method[node]})"
            for node, error in self.errors.items()
        )


def check_gradients(
    loss: Node,
    feeds: Mapping[Node, ArrayLike],
    wrt: Iterable[Node] | None = None,
    rtol: float | None = None,
) -> GradientReport:
    """Compare each gradient, in float64, with the derivative taken from the function itself.

    The complex step imag f(x + ih)/h, h = 1e-30, has no cancellation and is exact to rounding. It
    is used where every operation on the way from the node to the loss is analytic; elsewhere
    central differences are, which lose a third of the digits and do not hold across a kink.

    Parameters
    ----------
    loss : Node
        Its elements are summed if it is not (1, 1).
    feeds : mapping of Node to array
        A value for each input, and for any parameter that shall not have its own.
    wrt : iterable of Node, optional
        Which gradients; by default those of all parameters. Each element costs one or two
        evaluations of the loss.
    rtol : float, optional
        Largest error allowed, relative to the node's largest derivative; by default 1e-12 for the
        complex step and 1e-6 for central differences.

    Returns
    -------
    GradientReport

    Raises
    ------
    GradientError
        Naming the node, the element and both values.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> w = g.parameter(0.5, "w")
    >>> report = g.check_gradients(g.logistic(w) ** 2, {})
    >>> report.method[w]
    'complex step'

    References
    ----------
    Squire and Trapp (1998), Using complex variables to estimate derivatives of real functions.
    """
    for fed in feeds:
        if isinstance(fed, Node) and fed.parents:
            raise ValueError(f"feeds: expected leaves only, got the value of {fed!r}")
    order = topological_order(loss)
    nodes = [v for v in order if v.op == "parameter"] if wrt is None else list(wrt)
    if not nodes:
        raise ValueError("wrt: the loss depends on no parameter; name the nodes to check")
    bars = reference.evaluate(gradient(loss, nodes), feeds)
    errors, methods = {}, {}
    for node, bar in zip(nodes, bars, strict=True):
        path = _depending_on([node], order) - {node}
        exact = all(OPS[v.op].analytic for v in path)
        expected = (complex_step if exact else central_differences)(loss, feeds, node)
        errors[node] = _compare(node, bar, expected, rtol or (1e-12 if exact else 1e-6), exact)
        methods[node] = "complex step" if exact else "central differences"
    return GradientReport(errors, methods)


def complex_step(loss: Node, feeds: Mapping[Node, ArrayLike], node: Node) -> Array:
    """Return the derivative of Σ loss with respect to each element of a node's value.

    Operations that branch do so by the real part: away from their kinks this is exact for them too.
    """
    h = 1e-30
    value = reference.evaluate(node, feeds, dtype=np.complex128)
    result = np.empty(value.shape)
    for index in np.ndindex(value.shape):
        moved = value.copy()
        moved[index] += 1j * h
        f = reference.evaluate(loss, {**feeds, node: moved}, dtype=np.complex128)
        result[index] = f.imag.sum() / h
    return result


def central_differences(loss: Node, feeds: Mapping[Node, ArrayLike], node: Node) -> Array:
    """Return the derivative as `complex_step` does, by (f(x + h) − f(x − h))/2h."""
    value = reference.evaluate(node, feeds)
    result = np.empty(value.shape)
    for index in np.ndindex(value.shape):
        # ε^(1/3) balances the truncation, h², against the rounding, ε/h.
        h = np.cbrt(np.finfo(np.float64).eps) * max(1.0, abs(value[index]))
        sides = []
        for step in (h, -h):
            moved = value.copy()
            moved[index] += step
            sides.append(reference.evaluate(loss, {**feeds, node: moved}).sum())
        result[index] = (sides[0] - sides[1]) / (2 * h)
    return result


def _compare(node: Node, bar: Array, expected: Array, rtol: float, exact: bool) -> float:
    """Return the largest error relative to the largest derivative, or raise if it is too large."""
    error = np.abs(bar - expected)
    scale = max(float(np.max(np.abs(expected))), float(np.max(np.abs(bar))))
    # Where derivatives cancel to nothing, what is left is the rounding of their terms.
    floor = 1e-14 if exact else 1e-8
    if not np.all(error <= rtol * scale + floor):
        index = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), bar.shape)
        place = tuple(int(i) for i in index)
        raise GradientError(
            f"the gradient of {node.name or node!r} at {place} is {bar[index]:.17g}, but "
            f"{'the complex step gives' if exact else 'central differences give'} "
            f"{expected[index]:.17g}"
        )
    return float(np.max(error)) / scale if scale > 0 else 0.0
