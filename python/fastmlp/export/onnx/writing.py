"""A model as an ONNX file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from fastmlp import config
from fastmlp.data import files
from fastmlp.export.onnx import builder as build
from fastmlp.export.onnx.builder import Builder, helper, onnx
from fastmlp.export.onnx.operations import operator_of
from fastmlp.graph.node import LEAVES, Node, topological_order
from fastmlp.training import turns

if TYPE_CHECKING:
    from os import PathLike

    from fastmlp.networks.exported import ExportedNodes
    from fastmlp.networks.network import Network


# Where a file says which layers it was written from, as JSON: `from_onnx` makes them again.
ARCHITECTURE: Final = "fastmlp.architecture"


def export(model: Any, path: str | PathLike[str]) -> None:
    """Write a model as an ONNX file, see `Model.export`.

    Parameters
    ----------
    model : Model, Members or estimator
    path : path-like
    """
    files.check_place(path)
    made = model._as_onnx() if hasattr(model, "_as_onnx") else written(model)
    files.write(path, [made.SerializeToString()])


def written(model: Any) -> onnx.ModelProto:
    """Return a model as ONNX has it.

    Raises
    ------
    ValueError
        If it is not built yet, or an operation has no pattern.
    """
    if hasattr(model, "_export_nodes"):
        return _of_nodes(model._export_nodes())
    return _of_model(model)


@turns.reads("export")
def _of_model(model: Any) -> onnx.ModelProto:
    network: Network = model.network
    names = [str(node.name) for node in network.input_nodes]
    b = Builder(model.dtype, names)
    titles = ["y"] if len(network.outputs) == 1 else network.outputs.names
    values = network_values(b, network, names, titles)
    outputs = zip(values, network.outputs.columns, strict=True)
    inputs = zip(names, network.input_columns, strict=True)
    proto = as_model(
        b,
        [b.value_info(name, columns) for name, columns in inputs],
        [b.value_info(name, columns) for name, columns in outputs],
    )
    with suppress(ValueError):  # functions of the user's own: the graph says what they compute
        proto.metadata_props.add(key=ARCHITECTURE, value=json.dumps(network.config()))
    return proto


def _of_nodes(nodes: ExportedNodes) -> onnx.ModelProto:
    """Return nodes from inputs to outputs as ONNX has them."""
    names, titles = list(nodes.inputs), [name for name, _ in nodes.outputs]
    titles = titles if len(titles) > 1 else ["y"]
    b = Builder(nodes.dtype, names)
    outputs = [node for _, node in nodes.outputs]
    titles = [b.unique(title) for title in titles]
    wanted = {node: b.unique(name) for node, name in nodes.names.items()}
    known = {node: name for name, node in nodes.inputs.items()}
    values = graph_values(b, outputs, known, wanted)
    values = [b.rename(value, title) for value, title in zip(values, titles, strict=True)]
    given = [b.value_info(name, node.shape[1]) for name, node in nodes.inputs.items()]
    pairs = zip(values, outputs, strict=True)
    return as_model(b, given, [b.value_info(value, node.shape[1]) for value, node in pairs])


def network_values(
    b: Builder, network: Network, inputs: Sequence[str], outputs: Sequence[str]
) -> list[str]:
    """Write a network on values, and return those of its outputs.

    Outputs get the names that are given here, values within those of their layers; where a name is
    taken, it gets a number behind it.
    """
    passed = network.forward_pass()
    titles = [b.unique(name) for name in outputs]  # before any layer gets one of them
    wanted: dict[Node, str] = {node: name for name, node in passed.by_layer.items()}
    wanted |= dict(zip(network.parameter_nodes, network.parameter_names, strict=True))
    wanted = {node: b.unique(name) for node, name in wanted.items() if node not in passed.outputs}
    wanted |= dict(zip(passed.outputs, titles, strict=True))
    known = dict(zip(network.input_nodes, inputs, strict=True))
    values = graph_values(b, passed.outputs, known, wanted)
    for place, (value, title) in enumerate(zip(values, titles, strict=True)):
        if value != title:  # an input or a constant, or the same as another output
            values[place] = b.rename(value, title)
    return values


def graph_values(
    b: Builder, outputs: Sequence[Node], known: dict[Node, str], wanted: Mapping[Node, str]
) -> list[str]:
    """Write what nodes depend on, and return their values.

    Parameters
    ----------
    b : Builder
    outputs : sequence of Node
    known : dict of Node to str
        Values of nodes; what is written is entered.
    wanted : mapping of Node to str
        What nodes are to be called: names got by `Builder.unique`.
    """
    for node in topological_order(outputs, known):
        if node in known:
            continue
        if node.op in LEAVES:
            known[node] = _leaf(b, node, wanted.get(node))
            continue
        value = operator_of(b, node, [known[parent] for parent in node.parents])
        if isinstance(value, Node):
            (value,) = graph_values(b, [value], known, {})
        known[node] = b.rename(value, wanted[node]) if node in wanted else value
    return [known[node] for node in outputs]


def _leaf(b: Builder, node: Node, name: str | None) -> str:
    if node.op == "scheduled":
        raise ValueError(f"{node.name!r} follows the number of the step, which ONNX does not know")
    if node.value is None:
        raise ValueError(f"the input {node.name!r} is none of the network's")
    return b.array(node.value, name)


def as_model(b: Builder, inputs: Sequence[Any], outputs: Sequence[Any]) -> onnx.ModelProto:
    """Return the checked model of what was written."""
    graph = helper.make_graph(b.nodes, "fastmlp", inputs, outputs, b.initializers)
    versions = {"": build.OPSET, "ai.onnx.ml": 3}
    model = helper.make_model(
        graph,
        producer_name="fastmlp",
        producer_version=config.__version__,
        ir_version=build.IR_VERSION,
        opset_imports=[helper.make_opsetid(d, versions[d]) for d in ("", *sorted(b.domains))],
    )
    onnx.checker.check_model(model, full_check=True)
    return model
