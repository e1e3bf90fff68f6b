"""Where weights of Keras lie: in an archive or a model in memory.

Files are hostile input: what one claims of a size is compared with what it holds before anything is
allocated, and nothing that could lead out of it is followed.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastmlp.export.keras.names import CONFIG, WEIGHTS, Groups, h5py

# The longest description of a model, and how much smaller than its contents a member may be.
MOST_CONFIG: Final = 1 << 26
MOST_RATIO: Final = 100
_MOST_ARRAYS: Final = 16  # of a layer


class Numbers(NamedTuple):
    """An array that may not have been read yet."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], NDArray[Any]]


class Scope:
    """The weights of one model's layers, asked for in the order of its description."""

    def arrays(self, kind: str, name: str) -> tuple[list[Numbers], Scope]:
        """Return the arrays of the next layer, and the scope of its own layers if it is a model."""
        raise NotImplementedError


class Weights:
    """A file of HDF5 in which arrays are looked for by name.

    Parameters
    ----------
    file : file-like
    size : int
        In bytes: so many may be read in all, whatever leads to them.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.root = h5py.File(file, "r")
        self.left = size

    def group(self, parent: h5py.Group, path: str) -> h5py.Group | None:
        """Return a group inside of another, None if there is none."""
        for part in path.split("/"):
            found = self.member(parent, part)
            if not isinstance(found, h5py.Group):
                return None
            parent = found
        return parent

    def member(self, parent: h5py.Group, name: str) -> Any:
        """Return what stands in a group under a name, None if nothing does."""
        link = parent.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, h5py.HardLink):
            raise ValueError(f"{name!r} in its weights is a link to somewhere else")
        return parent[name]

    def numbers(self, array: Any, what: str, kind: str) -> Numbers:
        """Return an array of a layer of this class that is there, whole and plain."""
        if not isinstance(array, h5py.Dataset) or array.shape is None:
            raise ValueError(f"{what} is no array")
        counted = kind == "Normalization" and array.shape == () and array.dtype.kind == "i"
        if array.dtype not in (np.float32, np.float64) and not counted:
            raise ValueError(f"{what} must be of float32 or float64, not {array.dtype}")
        if array.is_virtual or array.external or array.chunks is not None:
            raise ValueError(f"{what} must lie in the file in one piece")
        size = array.size * array.dtype.itemsize
        if array.id.get_storage_size() != size:
            raise ValueError(f"{what} claims {size} bytes and has {array.id.get_storage_size()}")
        self.left -= size
        if self.left < 0:
            raise ValueError("its arrays claim more bytes than the file has")
        return Numbers(array.shape, array.dtype, lambda: array[()])


class Archived(Scope):
    """Of a .keras file: groups by class and number."""

    def __init__(self, weights: Weights, prefix: str = "") -> None:
        self.weights, self.prefix, self.groups = weights, prefix, Groups()

    def arrays(self, kind: str, name: str) -> tuple[list[Numbers], Scope]:
        """Return those in the group of the next layer of its class."""
        path = f"{self.prefix}layers/{self.groups.next(kind)}"
        inner = Archived(self.weights, f"{path}/")
        group = self.weights.group(self.weights.root, f"{path}/vars")
        found: list[Numbers] = []
        while group is not None and len(found) < _MOST_ARRAYS:
            array = self.weights.member(group, str(len(found)))
            if array is None:
                break
            found.append(self.weights.numbers(array, f"{path}/vars/{len(found)}", kind))
        return found, inner


class Live(Scope):
    """Of a model in memory: its layers by their names."""

    def __init__(self, model: Any) -> None:
        self.layers = {layer.name: layer for layer in model.layers}

    def arrays(self, kind: str, name: str) -> tuple[list[Numbers], Scope]:
        """Return copies of the layer's weights."""
        if name not in self.layers:  # the input of a Sequential is none of its layers
            return [], self
        layer = self.layers[name]
        if hasattr(layer, "layers"):
            return [], Live(layer)
        arrays = [np.array(array) for array in layer.get_weights()]
        # Half precision is exact in float32; NumPy knows no bfloat16 of its own.
        arrays = [a.astype(np.float32) if a.dtype.itemsize == 2 else a for a in arrays]
        return [Numbers(a.shape, a.dtype, lambda a=a: a) for a in arrays], self  # type: ignore[misc]


def opened(path: Path) -> tuple[Any, Scope]:
    """Return the description in an archive, and its weights."""
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        config = _member(archive, CONFIG, MOST_CONFIG)
        data = _member(archive, WEIGHTS, MOST_RATIO * size)
    return parsed(config), Archived(Weights(io.BytesIO(data), len(data)))


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """Return a member of an archive of at most so many bytes, whatever it claims."""
    found = [info for info in archive.infolist() if info.filename == name]
    if len(found) != 1:
        raise ValueError(f"it must have one {name!r}, and has {len(found)}")
    (info,) = found
    if info.file_size > min(most, MOST_RATIO * max(info.compress_size, 1024)):
        raise ValueError(f"{name!r} claims {info.file_size} bytes, of {info.compress_size} packed")
    with archive.open(info) as member:
        data = member.read(info.file_size + 1)
    if len(data) != info.file_size:
        raise ValueError(f"{name!r} claims {info.file_size} bytes and has others")
    return data


def parsed(text: str | bytes) -> Any:
    """Return a description."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"its description is no JSON: {error}") from None
