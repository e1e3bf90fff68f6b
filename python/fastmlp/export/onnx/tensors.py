"""ONNX files as data: what they claim is compared with what they hold before anything is made."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp.data import arrays
from fastmlp.export.onnx.builder import DecodeError, onnx

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

    Array = NDArray[Any]

MOST_NODES: Final = 100_000
_KINDS: Final[dict[int, tuple[np.dtype[Any], str]]] = {
    onnx.TensorProto.FLOAT: (np.dtype("<f4"), "float_data"),
    onnx.TensorProto.DOUBLE: (np.dtype("<f8"), "double_data"),
    onnx.TensorProto.INT64: (np.dtype("<i8"), "int64_data"),
    onnx.TensorProto.INT32: (np.dtype("<i4"), "int32_data"),
}


def read(path: str | PathLike[str]) -> onnx.ModelProto:
    """Return the model in a file, as it is there: nothing of it is run, nor files that it names.

    Raises
    ------
    ValueError
        If it is no ONNX model, or one with too many operators, or functions of its own.
    OSError
        If it cannot be read.
    """
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(Path(path).read_bytes())
    except DecodeError as error:
        raise ValueError(f"it is no ONNX file: {error}") from None
    if not model.HasField("graph") or not model.graph.output:
        raise ValueError("it is no ONNX file: it has no graph with an output")
    if len(model.graph.node) > MOST_NODES:
        raise ValueError(f"it has {len(model.graph.node):,} operators, {MOST_NODES:,} are taken")
    if model.functions:
        raise ValueError(f"it has functions of its own, such as {model.functions[0].name!r}")
    if model.graph.sparse_initializer:
        raise ValueError("it has sparse initializers")
    return model


def array_of(tensor: onnx.TensorProto, name: str) -> Array | None:
    """Return the numbers of a tensor; None of texts and truth values, which networks do not read.

    Raises
    ------
    ValueError
        If they lie in another file, are not as many as the shape says, or not finite.
    """
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise ValueError(
            f"the numbers of {name!r} lie in another file, which is not read: have all in one, by "
            "external_data=False of torch.onnx.export"
        )
    if tensor.data_type in (onnx.TensorProto.STRING, onnx.TensorProto.BOOL):
        return None
    if tensor.data_type not in _KINDS:
        raise ValueError(f"{name!r} is of the type {tensor.data_type}, which is not taken")
    dtype, field = _KINDS[tensor.data_type]
    shape = tuple(tensor.dims)
    if any(size < 0 for size in shape) or len(shape) > 8:
        raise ValueError(f"{name!r} has the shape {shape}")
    count, held = math.prod(shape), getattr(tensor, field)
    raw = tensor.HasField("raw_data")
    given = len(tensor.raw_data) / dtype.itemsize if raw else len(held)
    if given != count:
        raise ValueError(f"{name!r} has the shape {shape} and {given:g} numbers")
    values: Array
    values = np.frombuffer(tensor.raw_data, dtype) if raw else np.fromiter(held, dtype, count)
    values = values.reshape(shape).astype(dtype.newbyteorder("="), copy=False)
    if dtype.kind == "f":
        arrays.check_finite(values.reshape(1, -1), repr(name), values.dtype)
    return values
