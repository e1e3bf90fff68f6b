"""Layers: what networks are made of, as descriptions that a `Network` turns into a graph.

``h = Dense(256, "relu")(x)`` computes nothing: it records that h comes from x through this layer. A
layer says how many columns it returns, which parameters it needs, and how it applies them to nodes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp import _lazy, activations
from fastmlp.layers.activation import Activation
from fastmlp.layers.base import LAYERS, Input, Layer, ParameterSpec, Symbol
from fastmlp.layers.dense import Dense
from fastmlp.layers.dropout import Dropout
from fastmlp.layers.embedding import Embedding
from fastmlp.layers.function import Lambda, register
from fastmlp.layers.join import (
    Add,
    Concatenate,
    Maximum,
    Minimum,
    Multiply,
    add,
    concat,
    maximum,
    minimum,
    multiply,
)
from fastmlp.layers.noise import GaussianNoise
from fastmlp.layers.norm import BatchNorm, LayerNorm, RMSNorm
from fastmlp.layers.numeric import NumericEmbedding
from fastmlp.layers.parametric import ParametricActivation
from fastmlp.layers.prelu import PReLU
from fastmlp.layers.rescaling import Rescaling
from fastmlp.layers.scale import Scale
from fastmlp.layers.tile import Tile

__all__ = [
    "LAYERS",
    "Activation",
    "Add",
    "BatchNorm",
    "Concatenate",
    "Dense",
    "Dropout",
    "Embedding",
    "GaussianNoise",
    "Input",
    "Lambda",
    "Layer",
    "LayerNorm",
    "Maximum",
    "Minimum",
    "Multiply",
    "NumericEmbedding",
    "PReLU",
    "ParameterSpec",
    "ParametricActivation",
    "RMSNorm",
    "Rescaling",
    "Scale",
    "Symbol",
    "Tile",
    "add",
    "concat",
    "from_config",
    "maximum",
    "minimum",
    "multiply",
    "register",
]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)

_ALL: tuple[type[Layer], ...] = (
    Dense,
    Activation,
    PReLU,
    Dropout,
    Add,
    Concatenate,
    LayerNorm,
    RMSNorm,
    BatchNorm,
    Scale,
    Multiply,
    Maximum,
    Minimum,
    GaussianNoise,
    Lambda,
    Embedding,
    NumericEmbedding,
    Tile,
    ParametricActivation,
    Rescaling,
)
LAYERS.update({cls.__name__: cls for cls in _ALL})


def from_config(config: Any) -> Layer:
    """Return the layer whose `Layer.config` this is; anything else is a ValueError.

    Examples
    --------
    >>> from fastmlp.layers import Dropout, from_config
    >>> from_config(Dropout(0.5).config())
    Dropout(0.5)
    """
    if not isinstance(config, dict):
        raise ValueError(f"a layer's config must be a mapping, not {type(config).__name__}")
    arguments = dict(config)
    kind = arguments.pop("class", None)
    if not isinstance(kind, str) or kind not in LAYERS:
        raise ValueError(f"unknown class of layer {kind!r}; known are: {', '.join(LAYERS)}")
    if not isinstance(arguments.get("activation", ""), str):
        raise ValueError(f"a layer's activation must be a name, not {arguments['activation']!r}")
    name = arguments.get("activation", "identity")
    if name not in activations.NAMES:
        raise ValueError(
            f"a layer's config has the activation {name!r}, which is unknown here: if it is a "
            "function of yours, register it first by fastmlp.activations.register"
            f"({name!r}, function)"
        )
    try:
        return LAYERS[kind].from_config(arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the config of a layer of the class {kind} does not fit: {error}"
        ) from error
