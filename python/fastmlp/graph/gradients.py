"""The gradient of a graph, as a graph.

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
from typing import overload

from fastmlp.graph.feeds import listed
from fastmlp.graph.node import Node, constant, topological_order
from fastmlp.graph.ops import OPS
from fastmlp.graph.ops.reductions import spread


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
    nodes = listed(wrt, "wrt")
    for node in (loss, *nodes):
        if not isinstance(node, Node):
            raise TypeError(f"gradient: expected graph nodes, got {type(node).__name__}")
    order = topological_order(loss)  # v_1 … v_N
    asked = depending_on(nodes, order)
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


def depending_on(nodes: Iterable[Node], order: Iterable[Node]) -> set[Node]:
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
