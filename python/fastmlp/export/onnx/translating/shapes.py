"""What leaves rows as they are, constants in another shape, and labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp.export.onnx.translating.table import LABEL, TAKEN, attributes_of, taken, values_of
from fastmlp.export.onnx.values import Value

if TYPE_CHECKING:
    from fastmlp.export.onnx.layering import Graph

# They make labels of numbers, or of labels.
_LABELLING: Final = ("ArgMax", "ArrayFeatureExtractor", "Binarizer")


@taken("Flatten", 1)
def _flatten(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    if attributes_of(node, axis=1)["axis"] not in (-1, 1):
        raise ValueError("its axis is not that of the columns")
    return arguments[0]


@taken("Reshape", 2)
def _reshape(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    x, shape = arguments
    attributes_of(node, allowzero=0)
    if x is LABEL:
        return LABEL
    sizes = shape.tolist() if isinstance(shape, np.ndarray) and shape.ndim == 1 else []
    if isinstance(x, np.ndarray):
        known = math.prod(sizes) == x.size and all(size > 0 for size in sizes)
        if not known and sizes.count(-1) == 1 and all(s == -1 or s > 0 for s in sizes):
            known = x.size % math.prod(size for size in sizes if size > 0) == 0
        if not known:
            raise ValueError(f"it shapes a constant {x.shape} as {sizes}")
        return x.reshape(sizes)
    (x,) = values_of(x)
    if len(sizes) == 2 and sizes[0] in (-1, 0) and sizes[1] in (x.columns, -1) and sum(sizes) > -2:
        return x
    if x.columns == 1 and sizes == [-1]:  # a vector of one output
        return x
    raise ValueError(f"it shapes rows of {x.columns} columns as {sizes}")


@taken("Transpose", 1)
def _transpose(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    (x,) = arguments
    if not isinstance(x, np.ndarray) or x.ndim != 2:
        raise ValueError("it transposes what is no constant matrix")
    axes = attributes_of(node, perm=(1, 0))["perm"]
    if sorted(axes) != [0, 1]:
        raise ValueError(f"its axes are {axes}")
    return x.transpose(axes)


def _labels(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    return LABEL


TAKEN.update(dict.fromkeys(_LABELLING, (1, 2, _labels)))


@taken("Gather", 2)
def _gather(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    if arguments[1] is LABEL and not isinstance(arguments[0], Value):
        return LABEL  # the labels at their places
    if isinstance(arguments[0], np.ndarray):
        raise ValueError(
            "it looks up rows of a table: an Embedding is read from what fastmlp has written "
            "alone, of networks without functions of your own"
        )
    raise ValueError("it takes single columns or rows of a value, which no layer does")


@taken("ZipMap", 1)
def _zip_map(graph: Graph, node: Any, arguments: list[Any]) -> Any:
    return arguments[0]  # the same numbers, with labels as their keys
