"""A check of gradients against the function itself, by complex steps or central differences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastmlp._checks import real
from fastmlp.config import readable
from fastmlp.graph import reference
from fastmlp.graph.feeds import NO_FEEDS, check_mapping, listed
from fastmlp.graph.gradients import depending_on, gradient
from fastmlp.graph.node import Array, Node, topological_order
from fastmlp.graph.ops import OPS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class GradientError(ValueError):
    """A gradient disagrees with the function it is said to be the gradient of.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import graph as g
    >>> x = g.parameter(1e-7, "x")
    >>> try:  # differences do not hold across a kink
    ...     report = fm.check_gradients(g.relu(x), {})
    ... except GradientError as error:
    ...     print("x" in str(error))
    True
    """


@readable
@dataclass(frozen=True)
class GradientReport:
    """What `check_gradients` found: for each node, the largest relative error and the method.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import graph as g
    >>> w = g.parameter(0.5, "w")
    >>> report = fm.check_gradients(g.exp(w), {})
    >>> report.method[w], report.errors[w] < 1e-12
    ('complex step', True)
    """

    errors: Mapping[Node, float]
    method: Mapping[Node, str]

    def __str__(self) -> str:
        return "\n".join(
            f"{node.name or node.op}: relative error {error:.1e} ({self.method[node]})"
            for node, error in self.errors.items()
        )


def check_gradients(
    loss: Node,
    feeds: Mapping[Node, ArrayLike] = NO_FEEDS,
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
        A value for each input, of which there is none by default, and for any parameter that shall
        not have its own.
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
    >>> report = g.check_gradients(g.logistic(w) ** 2)
    >>> report.method[w]
    'complex step'

    References
    ----------
    Squire and Trapp (1998), Using complex variables to estimate derivatives of real functions.
    """
    if not isinstance(loss, Node):
        raise TypeError(
            f"loss must be a graph node, got {type(loss).__name__}; a model's output is model.graph"
        )
    check_mapping(feeds)
    if rtol is not None:
        real(rtol, "rtol", above=0)
    for fed in feeds:
        if isinstance(fed, Node) and fed.parents:
            raise ValueError(f"feeds: expected leaves only, got the value of {fed!r}")
    order = topological_order(loss)
    nodes = [v for v in order if v.op == "parameter"] if wrt is None else listed(wrt, "wrt")
    if not nodes:
        raise ValueError("wrt: the loss depends on no parameter; name the nodes to check")
    bars = reference.evaluate(gradient(loss, nodes), feeds)
    errors, methods = {}, {}
    for node, bar in zip(nodes, bars, strict=True):
        path = depending_on([node], order) - {node}
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
