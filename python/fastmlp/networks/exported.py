"""What an object other than a model gives to be exported: nodes from its inputs to its outputs."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

from fastmlp.networks.examples import network_inputs

if TYPE_CHECKING:
    import numpy as np

    from fastmlp.graph.node import Node


@dataclass(frozen=True)
class ExportedNodes:
    """A graph to be exported.

    Attributes
    ----------
    inputs : mapping of str to Node
    outputs : sequence of (str, Node)
    names : mapping of Node to str
        What parameters and results of layers are called.
    dtype : numpy.dtype
    title : str
        Which network it is, in a line.
    feeds : callable
        From rows as the user gives them to the values of the inputs.
    notes : sequence of str
        Lines for people, as what each number of a row is.
    """

    inputs: Mapping[str, Node]
    outputs: Sequence[tuple[str, Node]]
    names: Mapping[Node, str]
    dtype: np.dtype[Any]
    title: str
    feeds: Callable[[Any], list[Any]]
    notes: Sequence[str] = ()


def mean_of(networks: Sequence[Any], dtype: np.dtype[Any], title: str) -> ExportedNodes:
    """Return the mean of the outputs of networks that differ in their weights alone."""
    first = networks[0]
    names: dict[Node, str] = {}
    outputs = []
    for i, network in enumerate(networks):
        outputs.append(network.forward_pass(first.input_nodes).outputs)
        pairs = zip(network.parameter_nodes, network.parameter_names, strict=True)
        names |= {node: f"m{i}_{name}" for node, name in pairs}
    means = [
        reduce(operator.add, each) / float(len(networks)) for each in zip(*outputs, strict=True)
    ]
    return ExportedNodes(
        {str(node.name): node for node in first.input_nodes},
        list(zip(first.outputs.names, means, strict=True)),
        names,
        dtype,
        title,
        lambda data: network_inputs(first, dtype, data, "data"),
    )
