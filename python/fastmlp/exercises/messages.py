"""The message of one operation: what it sends back to what it was computed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp import graph as g
from fastmlp.exercises.verdict import Verdict, not_yet, number, numbers, point, same, told_apart
from fastmlp.graph.called import called, takes
from fastmlp.graph.node import Node

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

ROWS = 9
CLOSE = 1e-7  # of the largest number


def message(
    operation: Callable[[Node], Any],
    derive: Callable[[Any, Any], Any],
    *,
    columns: int = 1,
    seed: int = 0,
) -> Verdict:
    """Look at the message of an operation v = f(z): what it sends back, z̄ = v̄ · ∂v/∂z.

    Parameters
    ----------
    operation : function of a node
        f, written with operations of `fastmlp.graph`.
    derive : function of two arrays
        The answer: takes v̄ and z, of the shapes of v and z, and returns z̄ of the shape of z.
    columns : int, default 1
        How many columns z has: 1 for a function of numbers, more for one such as softmax.
    seed : int, default 0
        Determines the points at which both are compared.

    Returns
    -------
    Verdict
        It knows the usual slips: v̄ or f′ forgotten, a wrong sign or factor, f where f′ belongs, f′
        at f(z) instead of z; else it says where the answer differs, and by how much.

    Raises
    ------
    TypeError
        If `operation` or `derive` is no function of one and of two arguments, or `operation`
        returns no node.

    Notes
    -----
    The derivative is that of the graph, and what the verdict says of a point is checked by
    differences.

    Examples
    --------
    >>> import numpy as np
    >>> from fastmlp import exercises
    >>> from fastmlp import graph as g
    >>> def derive(v_bar, z):
    ...     return 1 - np.tanh(z) ** 2
    >>> exercises.message(g.tanh, derive)
    not yet: the answer does not depend on v̄, which is a factor of every message
    >>> exercises.message(g.tanh, lambda v_bar, z: v_bar * (1 - np.tanh(z) ** 2))
    right: the same as the graph's message at 9 points
    """
    functions: dict[str, Any] = {"operation": operation, "derive": derive}
    for name, function in functions.items():
        if not callable(function):
            raise TypeError(f"{name} must be a function, got {type(function).__name__}")
    if not takes(derive, 2):
        raise TypeError("derive must take two arrays, v̄ and z, and return z̄")
    columns = _checks.columns(columns, "columns")
    draw = np.random.default_rng(_checks.seed(seed))
    z = g.input(columns, "z")
    v = called(operation, z, what="operation", nodes="z")
    Z = np.round(draw.uniform(-2, 2, (ROWS, columns)), 2)
    (V,) = g.run([v], {z: Z}, dtype="float64")
    v_bar = g.input(v.shape[1], "v_bar")
    Vbar = draw.normal(size=V.shape)
    sent = g.gradient(g.sum(v * v_bar), z)

    def right(at: Array, signal: Array) -> Array:
        value: Array = g.run(sent, {z: at, v_bar: signal}, dtype="float64")
        return value

    if not np.isfinite(right(Z, Vbar)).all():  # a root or logarithm
        Z = np.abs(Z) + 0.1
        (V,) = g.run([v], {z: Z}, dtype="float64")
    expected, given = right(Z, Vbar), derive(Vbar.copy(), Z.copy())
    answer = numbers(given)
    if answer is None:
        forgotten = "; is a return missing?" if given is None else ""
        kind = type(given).__name__
        return not_yet(f"the answer must be an array of numbers, got {kind}{forgotten}")
    if answer.shape != expected.shape:
        return not_yet(f"the answer has the shape {answer.shape}, z̄ that of z: {expected.shape}")
    if not np.isfinite(answer).all():
        row = np.argwhere(~np.isfinite(answer))[0][0]
        return not_yet(f"at z = {point(Z[row])} the answer is not a finite number")
    if same(answer, expected, CLOSE):
        return Verdict(True, f"the same as the graph's message at {ROWS} points")
    if not answer.any():
        return not_yet("the answer is 0 everywhere")
    if same(np.asarray(derive(2 * Vbar, Z.copy()), dtype=np.float64), answer, CLOSE):
        return not_yet("the answer does not depend on v̄, which is a factor of every message")
    known = slip(answer, expected)
    if known:
        return not_yet(known)
    if V.shape == Z.shape:
        if same(answer, Vbar, CLOSE):
            return not_yet("this is v̄ itself, without its factor, the derivative")
        if same(answer, Vbar * V, CLOSE):
            return not_yet("this is v̄·f(z), with f itself where its derivative belongs")
        if same(answer, right(V, Vbar), CLOSE):
            return not_yet("the derivative is taken at v = f(z) instead of z")
    diagonal = right(Z, np.ones_like(V)) * (Vbar if V.shape == Z.shape else 1.0)
    if columns > 1 and same(answer, diagonal, CLOSE):
        return not_yet("each vₖ depends on every zⱼ: add up the messages of all of them")
    row = int(np.abs(answer - expected).max(axis=1).argmax())
    is_now, should_be = told_apart(answer[row], _differences(v, z, Z[row], Vbar[row]))
    return not_yet(
        f"at z = {point(Z[row])} and v̄ = {point(Vbar[row])} the answer is {is_now}, but v̄·v "
        f"changes by {should_be} for each unit of z"
    )


def slip(answer: Any, expected: Any) -> str | None:
    """Name a wrong sign or a constant factor.

    Examples
    --------
    >>> slip(np.array([2.0, 4.0]), np.array([1.0, 2.0]))
    'it is 2 times what it should be, everywhere'
    """
    if same(answer, -expected, CLOSE):
        return "the sign is wrong"
    largest = np.abs(expected).argmax()
    factor = float(answer.ravel()[largest] / expected.ravel()[largest]) if expected.any() else 0.0
    if expected.size > 1 and factor and same(answer, factor * expected, CLOSE):
        return f"it is {number(factor)} times what it should be, everywhere"
    return None


def _differences(v: Node, z: Node, at: Array, signal: Array) -> Array:
    """Return how v̄·v changes with each column of z, by differences around a point."""
    steps = 1e-6 * np.eye(len(at))
    rows = np.concatenate([at + steps, at - steps])
    values = g.run(v, {z: rows}, dtype="float64") @ signal
    slopes: Array = (values[: len(at)] - values[len(at) :]) / 2e-6
    return slopes
