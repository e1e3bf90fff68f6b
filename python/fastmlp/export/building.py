"""Models of layers whose weights come from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from fastmlp.data import arrays
from fastmlp.layers.base import Input, Layer, Symbol
from fastmlp.models.model import Model
from fastmlp.models.sequential import Sequential
from fastmlp.models.states import ModelState
from fastmlp.networks.network import Network
from fastmlp.networks.outputs import ONE
from fastmlp.networks.structure import Structure

if TYPE_CHECKING:
    from fastmlp.networks.outputs import Given


UNFLAT: Final = "what an embedding makes of several columns must be made flat before all else"


class Stacked(NamedTuple):
    """What others make of an embedding of several columns, (rows, columns, n), until it is flat."""

    flat: Symbol


def structure_of(inputs: Sequence[Input], outputs: Given) -> Structure:
    """Return what a network needs, of a size that a machine can hold; nothing is allocated."""
    structure = Structure(tuple(inputs), outputs)
    structure.check_size()
    return structure


def model_of(
    inputs: Sequence[Input],
    outputs: Given,
    weights: Mapping[Layer, Mapping[str, Any]],
    dtype: Any,
) -> Model:
    """Return the model of layers that have been called, with weights for each of them.

    It is a `Sequential` where the layers stand in a row.

    Parameters
    ----------
    inputs : sequence of Input
    outputs : as of `Model`
    weights : mapping of Layer to mapping of str to array
        By the names of its parameters; biases may have one axis.
    dtype : dtype-like

    Raises
    ------
    ValueError
        If the weights are none of these layers, in shape or number, or not finite.
    """
    structure = structure_of(inputs, outputs)
    dtype = np.dtype(dtype)
    values: dict[str, Any] = {}
    for layer, name, specs in zip(structure.layers, structure.names, structure.specs, strict=True):
        given = weights.get(layer, {})
        for spec in specs:
            what = f"{spec.name} of layer {name!r}"
            if spec.name not in given:
                raise ValueError(f"{what} are missing")
            array = np.asarray(given[spec.name])
            if array.shape not in (spec.shape, spec.array_shape):
                raise ValueError(
                    f"{what} must have the shape {spec.array_shape}, got {array.shape}"
                )
            arrays.check_finite(array, what, dtype)
            values[f"{name}.{spec.name}"] = array.reshape(spec.shape)
    network = Network(tuple(inputs), outputs, weights=values)
    calls = enumerate(structure.calls)
    in_a_row = all(call.sources == (i,) and call.layer == i for i, call in calls)
    sequential = in_a_row and len(inputs) == 1 and structure.outputs.form == ONE
    model: Model = object.__new__(Sequential if sequential else Model)
    model._restore(ModelState(None, str(dtype), {}, 0, None, [], network))
    return model


def chain(symbol: Symbol, layers: Sequence[Layer]) -> Symbol:
    """Return what layers make of a symbol, one after the other."""
    for layer in layers:
        symbol = layer(symbol)
    return symbol
