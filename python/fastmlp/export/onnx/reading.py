"""Models from ONNX files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import files
from fastmlp.export.onnx import tensors
from fastmlp.export.onnx.builder import onnx
from fastmlp.export.onnx.layering import MOST_COLUMNS, Graph
from fastmlp.export.onnx.translating.table import LABEL
from fastmlp.export.onnx.values import Leaf, Value
from fastmlp.export.onnx.writing import ARCHITECTURE, written
from fastmlp.layers.base import Input
from fastmlp.models.container import shortened
from fastmlp.models.model import Model
from fastmlp.models.states import ModelState
from fastmlp.networks.network import Network

if TYPE_CHECKING:
    from collections.abc import Collection
    from os import PathLike


def from_onnx(path: str | PathLike[str]) -> Model:
    """Return the model in an ONNX file, see `fastmlp.from_onnx`."""
    path = files.path_of(path)
    try:
        proto = tensors.read(path)
        return _own(proto) or _translated(proto.graph)
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise ValueError(f"cannot read {str(path)!r}: {shortened(error)}") from None


def _own(proto: onnx.ModelProto) -> Model | None:
    """Return the model that the file says it was written from, if it would be written as this."""
    texts = [entry.value for entry in proto.metadata_props if entry.key == ARCHITECTURE]
    if len(texts) != 1:
        return None
    try:
        architecture = json.loads(texts[0])
        specs = Network.specs_in(architecture)
        given = {t.name: t for t in proto.graph.initializer if t.name in specs}
        if any(n not in given or tuple(given[n].dims) != spec.shape for n, spec in specs.items()):
            return None
        read = {name: tensors.array_of(tensor, name) for name, tensor in given.items()}
        weights = {name: values for name, values in read.items() if values is not None}
        kinds = {values.dtype for values in weights.values()}
        (element,) = {value.type.tensor_type.elem_type for value in proto.graph.input}
        dtype = np.dtype({1: "float32", 11: "float64"}[element])
        if kinds - {dtype}:
            return None
        network = Network.from_config(architecture, weights=weights)
        state = ModelState(
            seed=None,
            dtype=str(dtype),
            metadata={},
            fits=0,
            objective=None,
            waiting=[],
            network=network,
        )
        model = object.__new__(Model)
        model._restore(state)
        same = written(model).graph == proto.graph
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None  # what counts is the graph
    return model if same else None


def _translated(proto: onnx.GraphProto) -> Model:
    """Return the model that an ONNX graph is."""
    graph = Graph(proto)
    inputs: list[Input] = []
    for value in proto.input:
        if value.name in graph.known:  # an initializer, which old files list as inputs
            continue
        inputs.append(_input(value, {x.name for x in inputs}))
        graph.double = graph.double or value.type.tensor_type.elem_type == onnx.TensorProto.DOUBLE
        columns = inputs[-1].columns
        graph.known[value.name] = Leaf(columns=columns, uses=2, symbol=inputs[-1])
    graph.read(proto.node)
    outputs: dict[str, Any] = {}
    for output in proto.output:
        if output.name not in graph.known:
            raise ValueError(f"nothing makes the output {output.name[:80]!r}")
        found = graph.known[output.name]
        if found is LABEL:
            continue
        if not isinstance(found, Value):
            raise ValueError(f"the output {output.name[:80]!r} is a constant")
        outputs[_name(output.name, outputs)] = graph.symbol(found)
    if not outputs or not inputs:
        raise ValueError("it has no input, or no output but labels")
    dtype = "float64" if graph.double else "float32"
    given = next(iter(outputs.values())) if len(outputs) == 1 else outputs
    model = Model(inputs, given, seed=0, dtype=dtype)
    used = set(map(id, model.layers))  # not those of values that no output depends on
    for layer, arrays in graph.arrays:
        for name, values in arrays.items() if id(layer) in used else ():
            setattr(layer, name, values.astype(dtype))
    return model


def _name(given: str, others: Collection[str | None]) -> str:
    """Return a name of the file's as one that a model may have, without colons."""
    name = given.replace(":", "_")
    while name in others:
        name += "_"
    return name


def _input(value: onnx.ValueInfoProto, others: Collection[str | None]) -> Input:
    """Return an input of the network: its second axis must have a number."""
    name = value.name[:80]
    sizes = value.type.tensor_type.shape.dim
    if len(sizes) != 2 or not 1 <= sizes[1].dim_value <= MOST_COLUMNS:
        shape = [size.dim_value or size.dim_param or "?" for size in sizes]
        raise ValueError(
            f"the input {name!r} must be rows of so many columns, 1 to {MOST_COLUMNS:,}; its shape "
            f"is {shape}"
        )
    return Input(int(sizes[1].dim_value), name=_name(value.name, others))
