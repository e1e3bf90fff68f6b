"""A model as a file of Keras 3."""

from __future__ import annotations

import io
import itertools
import json
import zipfile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp.data import files
from fastmlp.export.keras.graph import Part, Parts, Value, ordered
from fastmlp.export.keras.layers import Writer
from fastmlp.export.keras.leaves import JOINS
from fastmlp.export.keras.names import CONFIG, METADATA, WEIGHTS, Groups, h5py
from fastmlp.networks.outputs import DICT, ONE
from fastmlp.training import turns

if TYPE_CHECKING:
    from os import PathLike

    from fastmlp.networks.network import Network

# The first that has all layers we write.
VERSION: Final = "3.9.0"


@turns.reads("export")
def export(model: Any, path: str | PathLike[str]) -> None:
    """Write a model as a file of Keras, see `Model.export`."""
    network: Network = model.network
    files.check_place(path)
    files.write(path, [archive(network, str(model.dtype))])


def archive(network: Network, dtype: str) -> bytes:
    """Return the bytes of the file: the same for the same model."""
    inputs, values = _values(network, dtype)
    outputs = [values[place] for place in network.outputs.places]
    form = network.outputs.form
    # Keras goes through a dict in the order of its keys.
    names = sorted(network.outputs.names) if form == DICT else network.outputs.names
    by_name = dict(zip(network.outputs.names, outputs, strict=True))
    parts = ordered([by_name[name] for name in names])
    in_a_row = all(
        [[source.part for source in call] for call in part.calls] == [[before]]
        for before, part in itertools.pairwise(parts)
    )
    if in_a_row and form == ONE and len(inputs) == 1:
        config, parts = _sequential(parts), parts[1:]
    else:
        config = _functional(parts, inputs, outputs, network)
    contents = {
        METADATA: json.dumps({"keras_version": VERSION}).encode(),
        CONFIG: json.dumps(config, allow_nan=False).encode(),
        WEIGHTS: _weights(parts, np.dtype(dtype)),
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name, data in contents.items():
            out.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def _values(network: Network, dtype: str) -> tuple[list[Value], list[Value]]:
    """Return the inputs, and all values of the network, inputs first."""
    structure = network._structure
    parts = Parts(dtype)
    numbers = network.values()
    described = zip(network.input_nodes, network.input_columns, strict=True)
    inputs = [parts.input(columns, str(node.name)) for node, columns in described]
    values = list(inputs)
    writers: dict[int, Writer] = {}
    for call in structure.calls:
        layer, title = structure.layers[call.layer], structure.names[call.layer]
        if call.layer not in writers:
            own = {s.name: numbers[f"{title}.{s.name}"] for s in structure.specs[call.layer]}
            writers[call.layer] = Writer(parts, layer, title, own)
        try:
            values.append(writers[call.layer].write([values[source] for source in call.sources]))
        except ValueError as error:
            raise ValueError(f"layer {title!r}, {layer!r}: {error}") from None
    return inputs, values


def _described(part: Part) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": part.kind,
        "config": part.config,
        "registered_name": None,
    }


def _sequential(parts: list[Part]) -> dict[str, Any]:
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "sequential", "layers": [_described(part) for part in parts]},
        "registered_name": None,
    }


def _functional(
    parts: list[Part], inputs: list[Value], outputs: list[Value], network: Network
) -> dict[str, Any]:
    def tensor(value: Value) -> dict[str, Any]:
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": [None, *value.shape],
                "dtype": value.part.config["dtype"],
                "keras_history": [value.part.name, value.call, 0],
            },
        }

    def node(part: Part, sources: list[Value]) -> dict[str, Any]:
        joins = part.kind in JOINS
        tensors = [tensor(source) for source in sources]
        return {"args": [tensors] if joins else tensors, "kwargs": {}}

    def place(value: Value) -> list[Any]:
        return [value.part.name, value.call, 0]

    described = [
        _described(part)
        | {
            "name": part.name,
            "inbound_nodes": [node(part, call) for call in part.calls if call],
        }
        for part in parts
    ]
    named = dict(zip(network.outputs.names, map(place, outputs), strict=True))
    form = network.outputs.form
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": "functional",
            "trainable": True,
            "layers": described,
            "input_layers": place(inputs[0]) if len(inputs) == 1 else list(map(place, inputs)),
            "output_layers": named
            if form == DICT
            else list(named.values())
            if form != ONE
            else place(outputs[0]),
        },
        "registered_name": "Functional",
    }


def _weights(parts: list[Part], dtype: np.dtype[Any]) -> bytes:
    """Return the file of weights: a group for each layer, with its arrays by number."""
    file, groups = io.BytesIO(), Groups()
    with h5py.File(file, "w") as out:
        for part in parts:
            group = out.create_group(f"layers/{groups.next(part.kind)}/vars")
            group.attrs["name"] = part.name
            for i, array in enumerate(part.arrays):
                group.create_dataset(str(i), data=np.ascontiguousarray(array, dtype))
        out.create_group("vars")
    return file.getvalue()
