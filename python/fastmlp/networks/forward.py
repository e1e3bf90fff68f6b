"""The forward pass of a network as nodes: what its layers make of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fastmlp.graph.node import Node

if TYPE_CHECKING:
    from fastmlp.networks.structure import Structure


class Forward(NamedTuple):
    """What a forward pass is made of.

    Attributes
    ----------
    outputs : tuple of Node
        (b, columns) each.
    by_layer : dict of str to Node
        Output of each call of a layer, by the call's name.
    statistics : dict of Node to Node
        New values of parameters with the role "statistic", in training, one call after the other.
    """

    outputs: tuple[Node, ...]
    by_layer: dict[str, Node]
    statistics: dict[Node, Node]


def build(
    structure: Structure,
    inputs: Sequence[Node],
    parameters: Sequence[Sequence[Node]],
    *,
    training: bool,
) -> Forward:
    """Apply the layers of a structure to nodes.

    Parameters
    ----------
    structure : Structure
        Which layers, joined how.
    inputs : sequence of Node
        One for each input.
    parameters : sequence of sequence of Node
        Those of each layer.
    training : bool
        Whether what belongs to training alone, as dropout, is there.

    Raises
    ------
    TypeError, ValueError
        If a layer returns no node, or another shape than it promised.
    """
    values = list(inputs)
    rows = values[0].shape[0]
    by_layer: dict[str, Node] = {}
    statistics: dict[Node, Node] = {}
    for key, (call, name) in enumerate(zip(structure.calls, structure.call_names(), strict=True)):
        layer, own = structure.layers[call.layer], parameters[call.layer]
        sources = [values[source] for source in call.sources]
        node = layer.apply(sources, own, training=training, key=key)
        if not isinstance(node, Node):
            raise TypeError(f"layer {name!r} must return a graph node, not {type(node).__name__}")
        if node.shape != (rows, call.columns):
            raise ValueError(
                f"layer {name!r} promised the shape {(rows, call.columns)} "
                f"and returned {node.shape}"
            )
        values.append(node)
        by_layer[name] = node
        if training and layer.trainable:
            present = [statistics.get(parameter, parameter) for parameter in own]
            new = layer.statistics(sources, present)
            if not isinstance(new, Mapping):
                raise TypeError(
                    f"statistics of layer {name!r} must return a dict of nodes by nodes, not "
                    f"{type(new).__name__}"
                )
            statistics |= {p: new[now] for p, now in zip(own, present, strict=True) if now in new}
    outputs = tuple(values[place] for place in structure.outputs.places)
    return Forward(outputs, by_layer, statistics)
