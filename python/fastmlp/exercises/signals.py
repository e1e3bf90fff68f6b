"""Error signals worked out by hand, compared along the order in which they were."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.exercises.messages import slip
from fastmlp.exercises.verdict import Verdict, not_yet, number, numbers, same
from fastmlp.graph import reference
from fastmlp.graph.node import Node
from fastmlp.graph.tracing import BackwardStep, brief, trace

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

CLOSE = 1e-6  # of the largest number


def signals(
    loss: Node, feeds: Mapping[Node, ArrayLike], given: Mapping[Node, ArrayLike | Node]
) -> Verdict:
    """Look at error signals v̄ = ∂L/∂v that were worked out by hand.

    Parameters
    ----------
    loss : Node
        L, of shape (1, 1).
    feeds : mapping of Node to array
        The example: a value for each input, as for `g.trace`.
    given : mapping of Node to number, array or Node
        The answer: for each node its error signal, as numbers, or as a formula made of nodes.

    Returns
    -------
    Verdict
        The signals are looked at from L backwards, and the first that is wrong is told: later ones
        follow from it.

    Raises
    ------
    TypeError, ValueError
        If `loss` is no node of shape (1, 1), or a node of `given` is none that it is computed from.

    Examples
    --------
    >>> from fastmlp import exercises
    >>> from fastmlp import graph as g
    >>> x, t = g.input(1, "x", rows=1), g.input(1, "t", rows=1)
    >>> w = g.parameter(0.5, "w")
    >>> y = (w * x).named("y")
    >>> L = (0.5 * (y - t) ** 2).named("L")
    >>> example = {x: 2.0, t: 3.0}
    >>> exercises.signals(L, example, {y: t - y, w: (t - y) * x})
    not yet: ȳ: the sign is wrong
    >>> exercises.signals(L, example, {y: y - t, w: y - t})
    not yet: ȳ right; w̄: this is ȳ itself; what y sends to w is ȳ times ∂y/∂w
    >>> exercises.signals(L, example, {y: y - t, w: (y - t) * x})
    right: ȳ, w̄
    """
    if not isinstance(loss, Node):
        raise TypeError(f"loss: expected a graph node, got {type(loss).__name__}")
    if loss.shape != (1, 1):
        raise ValueError(f"loss must have the shape (1, 1), got {loss.shape}")
    answers: Any = given
    if not isinstance(answers, Mapping):
        kind = type(answers).__name__
        raise TypeError(f"given must be a dict of node to signal, got {kind}")
    if not given:
        raise ValueError("given must have a signal at least")
    passes = trace(loss, feeds)
    steps = passes.backward
    known = {step.node: step for step in steps}
    called = {step.node: step.node.name or step.formula for step in passes.forward}
    for v in given:
        if v not in known:
            shown = v.name if isinstance(v, Node) and v.name else repr(v)
            raise ValueError(f"{shown} is not a node that the loss is computed from")
    right: list[str] = []
    for step in steps:
        if step.node not in given:
            continue
        answer = given[step.node]
        if isinstance(answer, Node):
            (answer,) = reference.evaluate([answer], feeds)
        found = numbers(answer)
        if found is None:
            wrong: str | None = f"a signal is numbers or a node, got {type(answer).__name__}"
        elif not np.isfinite(found).all():
            wrong = "it is not a finite number"
        else:
            wrong = _wrong(step, np.atleast_2d(found), known, called)
        if wrong:
            behind = f"{', '.join(right)} right; " if right else ""
            return not_yet(f"{behind}{step.label}: {wrong}")
        right.append(step.label)
    return Verdict(True, ", ".join(right))


def _wrong(
    step: BackwardStep, value: Any, known: Mapping[Node, BackwardStep], called: Mapping[Node, str]
) -> str | None:
    """Say what is wrong with a signal, None if it is right."""
    if same(value, step.value, CLOSE):
        return None
    if value.shape != step.value.shape:
        if value.T.shape == step.value.shape and same(value.T, step.value, CLOSE):
            return "it is transposed: a signal has the shape of its value"
        more = value.ndim == 2 and value.shape[0] > 1 == step.value.shape[0]
        hint = "; add up what all rows send" if more else ""
        return f"a signal has the shape of its value, {step.value.shape}, got {value.shape}{hint}"
    several = len(step.messages) > 1
    for message in step.messages:
        if several and same(value, message.value, CLOSE):
            names = " and ".join(called[m.child] for m in step.messages)
            name = called[message.child]
            return f"{names} send messages, and they are added: this is only that of {name}"
        child = known.get(message.child)
        if child is not None and child.node is not step.node and same(value, child.value, CLOSE):
            name, mine = called[message.child], called[step.node]
            above, below = (part if part.isalnum() else f"({part})" for part in (name, mine))
            return (
                f"this is {child.label} itself; what {name} sends to {mine} is {child.label} "
                f"times ∂{above}/∂{below}"
            )
    if not value.any():
        return "it is 0"
    found = slip(value, step.value) if step.value.any() else None
    if found:
        return found
    factor = value.item() / step.value.item() if value.size == 1 and step.value.any() else 0.0
    if factor and abs(factor - round(factor)) < 1e-9:
        return f"it is {number(factor)} times what it should be"
    senders = " and ".join(called[m.child] for m in step.messages if m.child is not step.node)
    origin = f"; messages come from {senders}" if senders else ""
    return f"got {brief(value)}, expected {brief(step.value)}{origin}"
