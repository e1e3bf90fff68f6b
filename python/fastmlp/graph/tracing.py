"""Backpropagation as a lecture writes it: two tables, the forward pass and the messages back."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastmlp.config import readable
from fastmlp.graph import reference
from fastmlp.graph.feeds import NO_FEEDS
from fastmlp.graph.gradients import overbar
from fastmlp.graph.node import Array, Node, topological_order
from fastmlp.graph.ops import LEAVES, OPS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@readable
@dataclass(frozen=True)
class ForwardStep:
    """One line of the forward pass: v_i = formula = value.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> step = g.trace(g.exp(g.parameter(0.0, "w")).named("y"), {}).forward[1]
    >>> step.label, step.formula, step.value.item()
    ('y', 'exp(w)', 1.0)
    """

    index: int
    node: Node
    label: str
    formula: str
    value: Array


@readable
@dataclass(frozen=True)
class Message:
    """What a child j sends to a parent i: v̄_j · ∂v_j/∂v_i.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> (message,) = g.trace((2 * g.parameter(1.0, "w")).named("y"), {}).backward[1].messages
    >>> message.label, message.formula, message.value.item()
    ('y', 'ȳ·2', 2.0)
    """

    child: Node
    label: str
    formula: str
    value: Array


@readable
@dataclass(frozen=True)
class BackwardStep:
    """One line of the backward pass: v̄_i, the sum of the messages of v_i's children.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> step = g.trace(g.exp(g.parameter(0.0, "w")).named("y"), {}).backward[1]
    >>> step.label, [m.formula for m in step.messages], step.value.item()
    ('w̄', ['ȳ·y'], 1.0)
    """

    index: int
    node: Node
    label: str
    messages: tuple[Message, ...]
    value: Array


@readable
@dataclass(frozen=True)
class Trace:
    """The forward and the backward pass, as data; printed, as two tables.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> passes = g.trace(g.sin(g.parameter(0.0, "w")).named("y"), {})
    >>> len(passes.forward), [step.label for step in passes.backward]
    (2, ['ȳ', 'w̄'])
    """

    forward: tuple[ForwardStep, ...]
    backward: tuple[BackwardStep, ...]

    def __str__(self) -> str:
        return f"{_forward(self).text()}\n\n{_backward(self).text()}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"{_forward(self).html()}\n{_backward(self).html()}"


def trace(loss: Node, feeds: Mapping[Node, ArrayLike] = NO_FEEDS, seed: int = 0) -> Trace:
    """Return the values and error signals of a graph, step by step.

    Parameters
    ----------
    loss : Node
        v_N; usually (1, 1), else the sum of its elements is differentiated.
    feeds : mapping of Node to array
        A value for each input, as for `reference.evaluate`.
    seed : int
        Which random numbers dropout takes.

    Returns
    -------
    Trace
        Prints as two tables; `forward` and `backward` have the rows as data. Nodes are called by
        their names (`Node.named`), others v₁, v₂, … in topological order; unnamed numbers stand in
        the formulas.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x, w = g.input(1, "x"), g.parameter(2.0, "w")
    >>> y = (w * x).named("y")
    >>> print(g.trace((y**2).named("L"), {x: 3.0}))
    Forward: for i = 1 … 4 compute v_i from its parents
    i  node  formula    value
    1  w     parameter  2
    2  x     input      3
    3  y     w·x        6
    4  L     y²         36
    <BLANKLINE>
    Backward: v̄_4 = 1, then v̄_i = Σ over children j of v̄_j · ∂v_j/∂v_i
    i  signal  from  message           value  error signal
    4  L̄             1                 1      1
    3  ȳ       L     2·L̄·y             12     12
    2  x̄       y     ȳ·w               24     24
    1  w̄       y     sum(ȳ·x, axis=0)  36     36
    """
    if not isinstance(loss, Node):
        raise TypeError(f"loss: expected a graph node, got {type(loss).__name__}")
    order = topological_order(loss)
    names = labels(order)
    values = dict(zip(order, reference.evaluate(order, feeds, seed=seed), strict=True))
    shown = [v for v in order if not is_number(v)]
    index = {v: i for i, v in enumerate(shown, 1)}
    forward = tuple(ForwardStep(index[v], v, names[v], formula(v, names), values[v]) for v in shown)
    backward = tuple(
        BackwardStep(index[v], v, overbar(names[v]), messages, total)
        for v, messages, total in _messages(order, names, values, seed)
        if v.op != "constant"
    )
    return Trace(forward, backward)


def _messages(
    order: Sequence[Node], names: Mapping[Node, str], values: Mapping[Node, Array], seed: int
) -> Iterable[tuple[Node, tuple[Message, ...], Array]]:
    """Yield each node with its messages and their sum, for i = N … 1.

    The algorithm of `gradient`, in numbers. Every v̄_j is a symbol here, so that each message is
    written in terms of it, however simple v̄_j itself may be.
    """
    loss, symbols = order[-1], dict(names)
    received: dict[Node, list[Message]] = {v: [] for v in order}
    received[loss].append(Message(loss, "", "1", np.ones_like(values[loss])))
    for v in reversed(order):
        messages = tuple(received[v])
        total = np.sum([m.value for m in messages], axis=0) + np.zeros_like(values[v])
        yield v, messages, total
        if v.op in LEAVES or not messages:
            continue
        bar = Node("input", (), {}, v.shape)  # whose rows may be a multiple of the batch's
        symbols[bar] = overbar(names[v])
        sent = OPS[v.op].messages(v, bar)
        known = {bar: total, v: values[v], **{p: values[p] for p in v.parents}}
        for parent, message in zip(v.parents, sent, strict=True):
            if message is not None:
                value = reference.from_values(message, known, seed)
                text = expression(message, symbols)
                received[parent].append(Message(v, names[v], text, value))


def is_number(node: Node) -> bool:
    """Return whether the node is an unnamed number, which is written where it is used."""
    return node.op == "constant" and node.name is None and node.shape == (1, 1)


def labels(order: Sequence[Node]) -> dict[Node, str]:
    """Return what to call each node: its name, its number, or v_i by its place in the order."""
    shown = [v for v in order if not is_number(v)]
    place = {v: i for i, v in enumerate(shown, 1)}
    subscripts = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    result = {}
    for v in order:
        if v.value is not None and is_number(v):
            result[v] = number(v.value.item())
        else:
            result[v] = v.name or f"v{place[v]}".translate(subscripts)
    return result


def formula(node: Node, names: Mapping[Node, str]) -> str:
    """Return a node's formula in terms of the nodes that have names, or the kind of a leaf."""
    if node.op in LEAVES:
        return node.op
    operands = [_operand(node, k, names) for k in range(len(node.parents))]
    return OPS[node.op].text(*operands, **node.attrs)


def expression(node: Node, names: Mapping[Node, str]) -> str:
    """Return a node's name or number, or else its formula."""
    if node in names:
        return names[node]
    if node.value is not None and is_number(node):
        return number(node.value.item())
    return formula(node, names)


def _operand(node: Node, k: int, names: Mapping[Node, str]) -> str:
    parent = node.parents[k]
    text = expression(parent, names)
    if parent in names or parent.op in LEAVES:
        return text
    inner, outer = OPS[parent.op].precedence, OPS[node.op].precedence
    # a − (b − c), but a + b + c and a·b·c; everything tighter stands bare.
    chain = node.op in ("add", "subtract", "multiply", "divide")
    joins = chain and (k == 0 or (parent.op == node.op and node.op in ("add", "multiply")))
    enclosed = outer < 4 and (inner < outer or (inner == outer and not joins))
    return f"({text})" if enclosed else text


def number(x: float, digits: int = 4) -> str:
    """Return a number as text: 0.731, −12, 1.2e−05."""
    return f"{x:.{digits}g}".replace("-", "−")


def brief(value: Array, digits: int = 4, most: int = 6) -> str:
    """Return a matrix as text: a number, its rows if it has few elements, else size and norm."""
    if value.size == 1:
        return number(value.item(), digits)
    if value.size <= most:
        return "[" + "; ".join(" ".join(number(x, digits) for x in row) for row in value) + "]"
    rows, columns = value.shape
    return f"{rows}×{columns}, norm {number(float(np.linalg.norm(value)), digits)}"


@dataclass(frozen=True)
class _Table:
    title: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def text(self) -> str:
        lines = [self.heads, *self.rows]
        widths = [max(_width(line[k]) for line in lines) for k in range(len(self.heads))]
        return "\n".join(
            [self.title]
            + [
                "  ".join(
                    cell + " " * (width - _width(cell))
                    for cell, width in zip(line, widths, strict=True)
                ).rstrip()
                for line in lines
            ]
        )

    def html(self) -> str:
        def line(cells: Iterable[str], tag: str) -> str:
            style = ' style="text-align:left"'
            inner = "".join(f"<{tag}{style}>{_barred(html.escape(c))}</{tag}>" for c in cells)
            return f"<tr>{inner}</tr>"

        body = "".join(line(row, "td") for row in self.rows)
        return (
            f"<table><caption>{_indexed(_barred(html.escape(self.title)))}</caption>"
            f"<thead>{line(self.heads, 'th')}</thead><tbody>{body}</tbody></table>"
        )


def _indexed(text: str) -> str:
    """Return HTML whose v_i has its index below the line."""
    return re.sub(r"_(\w+)", r"<sub>\1</sub>", text)


def _barred(text: str) -> str:
    """Return HTML whose bars are drawn as lines: many fonts put the bar of L̄ through the letter."""
    bars = "\N{COMBINING MACRON}\N{COMBINING OVERLINE}"
    line = r'<span style="text-decoration:overline">\1</span>'
    drawn = re.sub(rf"(\w[\u0300-\u036f]*?)[{bars}]", line, unicodedata.normalize("NFD", text))
    return unicodedata.normalize("NFC", drawn)


def _width(text: str) -> int:
    return sum(not unicodedata.combining(c) for c in text)


def _forward(passes: Trace) -> _Table:
    rows = [(str(s.index), s.label, s.formula, brief(s.value)) for s in passes.forward]
    title = f"Forward: for i = 1 … {len(passes.forward)} compute v_i from its parents"
    return _Table(title, ("i", "node", "formula", "value"), rows)


def _backward(passes: Trace) -> _Table:
    rows = []
    for s in passes.backward:
        first = (str(s.index), s.label)
        last = brief(s.value)
        if not s.messages:
            rows.append((*first, "", "", "", last))
        for m in s.messages:
            rows.append((*first, m.label, m.formula, brief(m.value), last))
            first, last = ("", ""), ""
    n = len(passes.forward)
    title = f"Backward: v̄_{n} = 1, then v̄_i = Σ over children j of v̄_j · ∂v_j/∂v_i"
    heads = ("i", "signal", "from", "message", "value", "error signal")
    return _Table(title, heads, rows)
