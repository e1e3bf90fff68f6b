"""Which units of a layer are connected with which sources, and by what weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.layers.embedding import Embedding
from fastmlp.layers.numeric import NumericEmbedding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]


def wires(layer: Any, units: int, sources: int) -> tuple[Array | None, Array | None, Array | None]:
    """Return the weights (units, sources), which connections there are, and the biases."""
    if isinstance(layer, (Embedding, NumericEmbedding)):
        links = np.repeat(np.eye(sources, dtype=bool), layer.spans(sources), axis=0)
        if len(links) < units:  # what is kept stands in front
            links = np.vstack([np.eye(sources, dtype=bool), links])
        return None, links, None
    weights, biases = _array(layer, "weights"), _array(layer, "biases")
    groups = getattr(layer, "groups", 1)
    if weights is not None and groups > 1:
        height, width = units // groups, sources // groups
        blocks, links = np.zeros((units, sources)), np.zeros((units, sources), dtype=bool)
        for k, block in enumerate(np.resize(weights, (groups, height, width))):
            part = slice(k * height, (k + 1) * height), slice(k * width, (k + 1) * width)
            blocks[part], links[part] = block, True
        return blocks, links, None if biases is None else np.resize(biases, units)
    fits = weights is not None and weights.shape == (units, sources)
    return (weights if fits else None), None, biases


def _array(layer: Any, name: str) -> Array | None:
    try:
        return np.asarray(getattr(layer, name), dtype=np.float64)
    except AttributeError:
        return None
