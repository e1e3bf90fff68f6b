"""Models as Keras wrote them before its archives: one file of HDF5, with texts as attributes."""

from __future__ import annotations

import io
from typing import Any, Final

from fastmlp.export.keras.names import MODELS, h5py
from fastmlp.export.keras.stores import Numbers, Scope, Weights, parsed
from fastmlp.export.keras.texts import Texts

_MOST_PARTS: Final = 1000  # of a list of names
_OTHERS: Final = ("hard_sigmoid",)  # min(1, max(0, z/5 + 1/2)), where Keras 3 has z/6


def opened(data: bytes) -> tuple[Any, Scope]:
    """Return the description of the model in a file, and its weights."""
    texts, weights = Texts(data), Weights(io.BytesIO(data), len(data))
    described = texts.read(_address(weights.root), "model_config")
    if described is None or len(described) != 1:
        raise ValueError(
            "it has no model_config: it is none of Keras, or has weights alone, as save_weights "
            "writes them"
        )
    group = weights.group(weights.root, "model_weights")
    if group is None:
        raise ValueError("it has no model_weights")
    model, version = parsed(described[0]), texts.read(_address(weights.root), "keras_version")
    if version is not None and version[:1] and version[0].startswith(("1.", "2.")):
        _rename(model)
    return model, _Named(weights, texts, group)


def _rename(described: Any) -> None:
    """Call activations of Keras 1 and 2 that have come to be other functions by other names."""
    todo = [described]
    while todo:
        part = todo.pop()
        if isinstance(part, dict) and part.get("activation") in _OTHERS:
            part["activation"] += " of Keras 2"
        todo += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()


def _address(group: h5py.Group) -> int:
    return int(h5py.h5o.get_info(group.id).addr)


class _Named(Scope):
    """Groups by the names of layers, each with a list of the names of its arrays."""

    def __init__(self, weights: Weights, texts: Texts, group: h5py.Group) -> None:
        self.weights, self.texts, self.group = weights, texts, group

    def arrays(self, kind: str, name: str) -> tuple[list[Numbers], Scope]:
        """Return those that the group of the layer names, in this order."""
        group = self.weights.group(self.group, name)
        found = []
        for path in [] if group is None else self._paths(group):
            *above, last = path.split("/")
            place = self.weights.group(group, "/".join(above)) if above else group
            array = None if place is None else self.weights.member(place, last)
            if array is None:
                raise ValueError(f"{path[:60]!r} in its weights of {name[:60]!r} is not there")
            found.append((above, self.weights.numbers(array, f"{name[:60]}/{path[:60]}", kind)))
        if kind in MODELS:
            return [], _Within(found)
        return [numbers for _, numbers in found], self

    def _paths(self, group: h5py.Group) -> list[str]:
        """Return the names of a group's arrays; Keras cuts a long list into several."""
        address = _address(group)
        paths = self.texts.read(address, "weight_names")
        if paths is not None:
            return paths
        paths = []
        for part in range(_MOST_PARTS):
            more = self.texts.read(address, f"weight_names{part}")
            if more is None:
                break
            paths += more
        return paths


class _Within(Scope):
    """The arrays of a model within another, which lie in one list: by the layers in their paths.

    What is trained stands first in that list, of all layers, then what is not, so that the place
    in it tells of no layer.
    """

    def __init__(self, found: list[tuple[list[str], Numbers]]) -> None:
        self.found = found

    def arrays(self, kind: str, name: str) -> tuple[list[Numbers], Scope]:
        """Return those whose path ends with the layer's name."""
        if kind in MODELS:
            inner = [(above, numbers) for above, numbers in self.found if name in above]
            return [], _Within(inner or self.found)
        own = [(above, numbers) for above, numbers in self.found if above[-1:] == [name]]
        if any(above != own[0][0] for above, _ in own):
            raise ValueError(f"two layers within models have the name {name[:60]!r}")
        return [numbers for _, numbers in own], self
