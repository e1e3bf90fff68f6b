"""A model's graph made ready to be written as a program: what no input changes is computed."""

from __future__ import annotations

import keyword
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp.graph.node import Node, constant, parameter, topological_order
from fastmlp.graph.ops.cross_entropy import without_cancellation
from fastmlp.graph.reference import evaluate
from fastmlp.graph.shapes import per_example
from fastmlp.networks.examples import network_inputs
from fastmlp.training import turns

if TYPE_CHECKING:
    from fastmlp.networks.exported import ExportedNodes
    from fastmlp.networks.network import Network

# Words that mean something in C, C++, JavaScript or Python, macros in small letters that compilers
# and <errno.h> have, and what the programs call their own.
_WORDS: Final = """
    alignas alignof asm auto bitand bitor bool boolean case catch char char8_t char16_t char32_t
    compl concept const const_cast consteval constexpr constinit co_await co_return co_yield
    debugger decltype default delete do double dynamic_cast else enum explicit export extends
    extern false float friend function goto implements inline instanceof int interface let long
    mutable namespace new noexcept null nullptr operator package private protected public register
    reinterpret_cast requires restrict short signed sizeof static static_assert static_cast struct
    super switch template this thread_local throw true typedef typeid typename typeof
    typeof_unqual union unsigned using var virtual void volatile wchar_t
    xor and_eq not_eq or_eq xor_eq linux unix i386 errno signgam math_errhandling
    np base64 rows scratch predict len NUMBERS
"""
RESERVED: Final = frozenset(keyword.kwlist) | frozenset(_WORDS.split())


@dataclass(frozen=True)
class Prepared:
    """A graph whose leaves are inputs, parameters and constants.

    Attributes
    ----------
    inputs, outputs : tuple of Node
        (b, columns) each.
    input_names, output_names : tuple of str
        Words that a program may call them; each once.
    names : dict of Node to str
        What other nodes are called in the model: parameters and results of layers.
    dtype : numpy.dtype
    title : str
        A line that tells which network it is.
    notes : tuple of str
        What else people should know.
    feeds : callable
        From rows as the user gives them to the values of the inputs.
    """

    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    input_names: tuple[str, ...]
    output_names: tuple[str, ...]
    names: dict[Node, str]
    dtype: np.dtype[Any]
    title: str
    notes: tuple[str, ...]
    feeds: Callable[[Any], list[Any]]


def prepared(model: Any) -> Prepared:
    """Return the graph of what a model, members or an estimator of tables predicts.

    Raises
    ------
    ValueError
        If the model is not built yet, or an operation draws random numbers or follows the step.
    """
    if hasattr(model, "_export_nodes"):
        nodes: ExportedNodes = model._export_nodes()
        return of_nodes(
            nodes.inputs,
            nodes.outputs,
            nodes.names,
            dtype=nodes.dtype,
            title=nodes.title,
            notes=nodes.notes,
            feeds=nodes.feeds,
        )
    return _of_model(model)


@turns.reads("export")
def _of_model(model: Any) -> Prepared:
    network: Network = model.network
    passed = network.forward_pass()
    names = {node: name for name, node in passed.by_layer.items()}
    names |= dict(zip(network.parameter_nodes, network.parameter_names, strict=True))
    return of_nodes(
        {str(node.name): node for node in network.input_nodes},
        list(zip(network.outputs.names, passed.outputs, strict=True)),
        names,
        dtype=model.dtype,
        title=repr(model).strip("<>"),
        feeds=lambda data: network_inputs(network, model.dtype, data, "data"),
    )


def of_nodes(
    inputs: Mapping[str, Node],
    outputs: Sequence[tuple[str, Node]],
    names: Mapping[Node, str],
    *,
    dtype: np.dtype[Any],
    title: str,
    notes: Sequence[str] = (),
    feeds: Callable[[Any], list[Any]] = list,
) -> Prepared:
    """Return the graph of some nodes; an input or an output alone is called x or y."""
    known = _folded([node for _, node in outputs], list(inputs.values()))
    given = ("x",) if len(inputs) == 1 else distinct_words(inputs)
    gives = ("y",) if len(outputs) == 1 else distinct_words((n for n, _ in outputs), given)
    return Prepared(
        tuple(inputs.values()),
        tuple(known[node] for _, node in outputs),
        given,
        gives,
        {known[node]: plain(name) for node, name in names.items() if node in known},
        dtype,
        plain(title),
        tuple(map(plain, notes)),
        feeds,
    )


def _folded(outputs: Sequence[Node], inputs: Sequence[Node]) -> dict[Node, Node]:
    """Return for each node the one to compute: a parameter where no input changes its value."""
    known: dict[Node, Node] = {node: node for node in inputs}
    changing = set(inputs)
    for node in _exact_order(outputs, inputs):
        if node in known:
            continue
        if "key" in node.attrs or node.op == "scheduled":
            what = "follows the step of a training"
            what = what if node.op == "scheduled" else "draws random numbers"
            raise ValueError(f"the operation {node.op!r} {what}: it cannot be exported as source")
        exact = without_cancellation(node, ())
        if not exact.parents:
            known[node] = exact
        elif per_example(exact.shape[0]) or any(parent in changing for parent in exact.parents):
            changing.add(node)
            parents = [known[parent] for parent in exact.parents]
            same = exact is node and tuple(parents) == node.parents
            made = Node(exact.op, parents, exact.attrs, exact.shape, node.name)
            known[node] = node if same else made
        else:
            value = evaluate(exact, {})
            known[node] = (constant if value.size == 1 else parameter)(value)
    return known


def _exact_order(outputs: Sequence[Node], inputs: Sequence[Node]) -> list[Node]:
    """Return the nodes after their parents, those of what is computed instead of them too."""
    order: dict[Node, None] = dict.fromkeys(inputs)
    for node in topological_order(outputs, known=set(inputs)):
        exact = without_cancellation(node, ())
        if exact is not node:
            order |= dict.fromkeys(topological_order(exact.parents, known=order))
        order[node] = None
    return list(order)


def distinct_words(names: Iterable[str], taken: Iterable[str] = ()) -> tuple[str, ...]:
    """Return an identifier for each name, none of them twice or among those taken, in any case.

    Examples
    --------
    >>> distinct_words(["dense 1", "dense-1", "2nd"])
    ('dense_1', 'dense_1_2', '_2nd')
    """
    used, found = {word.lower() for word in taken}, []
    for name in names:
        word = base = _ordinary(as_word(name))
        count = 1
        while word.lower() in used or word in RESERVED:
            count += 1
            word = f"{base}_{count}"
        used.add(word.lower())
        found.append(word)
    return tuple(found)


def _ordinary(word: str) -> str:
    """Return a word without the underscores of names such as __proto__, which any object has."""
    rest = word.lstrip("_")
    return as_word(rest) if rest and word.startswith("__") else word


def plain(text: str) -> str:
    """Return a text that a comment of any language may have in it.

    Examples
    --------
    >>> plain('a */ "name"')
    "a *·/ 'name'"
    """
    text = "".join(c if c.isprintable() else " " for c in text).replace('"', "'")
    for mark in ("*/", "/*", "??"):  # the last begins what C has for other characters
        text = text.replace(mark, f"{mark[0]}·{mark[1]}")
    return text.replace("\\", "/")


def noted(notes: Sequence[str]) -> list[str]:
    """Return notes as lines of a comment, after an empty one."""
    lines = [line for note in notes for line in textwrap.wrap(note, 94, subsequent_indent="  ")]
    return ["", *lines] if lines else []


def wrapped(text: str, width: int = 98) -> str:
    """Return lines of code with those that are too long broken at spaces.

    Examples
    --------
    >>> print(wrapped("  call(first, second);", 15))
      call(first,
          second);
    """
    lines = []
    for line in text.split("\n"):
        margin = " " * (len(line) - len(line.lstrip()) + 4)
        broken = textwrap.wrap(line, width, subsequent_indent=margin, break_long_words=False)
        lines += broken if len(line) > width else [line]
    return "\n".join(lines)


def as_word(name: str) -> str:
    """Return a name as an identifier of ASCII letters, digits and underscores."""
    word = re.sub(r"[^A-Za-z0-9_]+", "_", name) or "_"
    return f"_{word}" if word[0].isdigit() else word
