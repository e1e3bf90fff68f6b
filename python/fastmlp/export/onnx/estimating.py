"""An estimator as an ONNX file: its network, and labels with the numbers that they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.export.onnx.builder import ROWS, Builder, helper, onnx
from fastmlp.export.onnx.writing import as_model, network_values

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Labels:
    """How the outputs of a classifier become labels.

    Attributes
    ----------
    classes : ndarray
        In the order of the outputs; an output alone is that of the second one.
    several : bool
        Whether labels do not exclude one another: then they are zeros and ones in columns.
    scores : bool
        Whether outputs are no probabilities but scores, above 0 for a label.
    """

    classes: Array
    several: bool = False
    scores: bool = False


def written(
    model: Any,
    labels: Labels | None,
    *,
    dtype: npt.DTypeLike | None = None,
    element: int | None = None,
) -> onnx.ModelProto:
    """Return an estimator as ONNX has it: from ``X`` to ``label`` and more, or to ``variable``.

    Parameters
    ----------
    model : Model
        With one input and one output.
    labels : Labels or None
        Those of a classifier; None for numbers.
    dtype : dtype, optional
        In which to compute; the model's by default.
    element : int, optional
        What ONNX calls the type of the input; that of `dtype` by default.
    """
    network = model.network
    b = Builder(np.dtype(model.dtype if dtype is None else dtype), ["X"])
    element = b.element if element is None else element
    x = "X" if element == b.element else b.as_dtype("X")
    inputs = [b.value_info("X", network.input_columns[0], element=element)]
    (columns,) = network.outputs.columns
    if labels is None:
        (y,) = network_values(b, network, [x], ["variable"])
        return as_model(b, inputs, [b.value_info(y, columns)])
    (y,) = network_values(b, network, [x], ["y"])
    return as_model(b, inputs, label_values(b, labels, y, columns))


def label_values(b: Builder, labels: Labels, y: str, columns: int) -> list[onnx.ValueInfoProto]:
    """Write labels and the numbers they come from, and return the descriptions of both.

    Of an output alone there are two columns: 1 − y and y of probabilities, −y and y of scores.
    """
    numbers = y
    if columns == 1 and not labels.several:
        other = b.add("Neg", y) if labels.scores else b.add("Sub", b.number(1), y)
        numbers, columns = b.add("Concat", other, y, axis=1), 2
    name = b.rename(numbers, b.unique("scores" if labels.scores else "probabilities"))
    if labels.several:
        label = b.as_index(b.above(name, 0.0 if labels.scores else 0.5))
        kind = int(onnx.TensorProto.INT64)
    else:
        classes, kind = _as_tensor(labels.classes)
        place = b.add("ArgMax", name, axis=1, keepdims=0)
        if len(classes) == 1:  # whatever the output is
            place = b.add("Mul", place, b.constant(np.array(0, np.int64)))
        label = b.add("Gather", b.constant(classes), place, axis=0)
    label = b.rename(label, b.unique("label"))
    shape: list[str | int | None] = [ROWS, columns] if labels.several else [ROWS]
    described = helper.make_tensor_value_info(label, kind, shape)
    return [described, b.value_info(name, columns)]


def _as_tensor(classes: Array) -> tuple[Array, int]:
    """Return labels in a type that ONNX has, and its number; numbers are whole, and int64."""
    values = classes.tolist()
    if all(isinstance(value, str) for value in values):
        return np.array(values, object), onnx.TensorProto.STRING
    if not all(isinstance(v, (bool, int, float)) and v == int(v) for v in values):
        raise TypeError(
            "classes_ must be texts or whole numbers to stand in an ONNX file, got "
            f"{values[:5]} of dtype {classes.dtype}"
        )
    if any(int(value) > np.iinfo(np.int64).max for value in values):
        raise ValueError(
            f"classes_ must be less than 2**63 to stand in an ONNX file, got {max(values)}"
        )
    return np.array([int(value) for value in values], np.int64), onnx.TensorProto.INT64
