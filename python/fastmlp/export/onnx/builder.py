"""What ONNX graphs are put together with: nodes, constants and names that are there once."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

try:  # here alone, so that who has no onnx is told what to install
    import onnx as onnx
    import onnx.checker
    from google.protobuf.message import DecodeError as DecodeError
    from onnx import helper as helper
    from onnx import numpy_helper
except ImportError as error:
    raise ImportError("ONNX files need the package onnx: pip install 'fastmlp[onnx]'") from error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# Operators of version 17 (2022) are those that all runtimes of today have; LayerNormalization is
# of that version. What is written here means the same in every later one.
OPSET: Final = 17
IR_VERSION: Final = 8
ROWS: Final = "rows"


class Builder:
    """A graph in the making.

    Attributes
    ----------
    dtype : numpy.dtype
        That of all values that are not indices or conditions.
    rows : str
        A value whose first axis is the batch.
    nodes, initializers : list
        As ONNX has them.
    domains : set of str
        Those of the operators in use, beside ONNX's own.
    """

    def __init__(self, dtype: np.dtype[Any], inputs: Sequence[str]) -> None:
        self.dtype = dtype
        self.rows = inputs[0] if inputs else ""
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.domains: set[str] = set()
        self._names = set(inputs)
        self._constants: dict[tuple[bytes, Any, tuple[int, ...]], str] = {}

    def of(self, dtype: np.dtype[Any]) -> Builder:
        """Return a builder of the same graph for values of another type."""
        twin = copy.copy(self)
        twin.dtype = dtype
        return twin

    def unique(self, wanted: str) -> str:
        """Return a name that no value has yet: this one, or with a number behind it."""
        name, count = wanted, 1
        while name in self._names:
            count += 1
            name = f"{wanted}_{count}"
        self._names.add(name)
        return name

    def add(
        self, operator: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any
    ) -> str:
        """Append an operator and return its value, the first of several."""
        names = [self.unique(operator.lower()) for _ in range(outputs)]
        node = helper.make_node(operator, inputs, names, name=names[0], domain=domain, **attributes)
        self.nodes.append(node)
        if domain:
            self.domains.add(domain)
        return names[0]

    def rename(self, value: str, name: str) -> str:
        """Give a value a name got by `unique`, if the last node made it, else to a copy of it."""
        if not self.nodes or value != self.nodes[-1].output[0]:
            self.nodes.append(helper.make_node("Identity", [value], [name], name=name))
            return name
        self._names.discard(value)
        self.nodes[-1].output[0] = self.nodes[-1].name = name
        return name

    def array(self, values: Any, name: str | None = None) -> str:
        """Return a constant of the graph's type, with a name got by `unique`, or one of ours."""
        return self.constant(np.ascontiguousarray(values, self.dtype), name)

    def number(self, value: float) -> str:
        """Return a number without axes, which goes with values of any shape."""
        return self.constant(np.array(value, self.dtype))

    def integers(self, *values: int) -> str:
        """Return a row of int64: axes, shapes, positions."""
        return self.constant(np.array(values, np.int64))

    def constant(self, values: Array, name: str | None = None) -> str:
        """Return a constant of any type; of equal ones without a name there is one."""
        key = values.tobytes(), values.dtype, values.shape
        if name is None and key in self._constants:
            return self._constants[key]
        if name is None:
            name = self._constants[key] = self.unique("constant")
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    @property
    def element(self) -> int:
        """The graph's type as ONNX numbers it."""
        return int(helper.np_dtype_to_tensor_dtype(self.dtype))

    def as_dtype(self, value: str) -> str:
        """Return a value in the graph's type."""
        return self.add("Cast", value, to=self.element)

    def as_index(self, value: str) -> str:
        """Return whole numbers as int64."""
        return self.add("Cast", value, to=onnx.TensorProto.INT64)

    def where(self, condition: str, then: str, otherwise: str) -> str:
        """Return values of one where a condition holds, of the other elsewhere."""
        return self.add("Where", condition, then, otherwise)

    def above(self, value: str, bound: float = 0.0) -> str:
        """Return where a value is above a number."""
        return self.add("Greater", value, self.number(bound))

    def size(self, rows: int | str, columns: int, per_example: int) -> str:
        """Return a shape as a value: of so many rows, or of a multiple of the batch's."""
        if not per_example:
            return self.integers(int(rows), columns)
        shape = self.add("Shape", self.rows)
        batch = self.add("Slice", shape, self.integers(0), self.integers(1))
        if per_example > 1:
            batch = self.add("Mul", batch, self.integers(per_example))
        return self.add("Concat", batch, self.integers(columns), axis=0)

    def column(self, value: str, start: int, stop: int) -> str:
        """Return columns start … stop − 1 of a value."""
        return self.add("Slice", value, self.integers(start), self.integers(stop), self.integers(1))

    def value_info(
        self, name: str, columns: int, *, rows: int | str = ROWS, element: int | None = None
    ) -> onnx.ValueInfoProto:
        """Return the description of an input or output, of any number of rows unless it is said."""
        kind = self.element if element is None else element
        return helper.make_tensor_value_info(name, kind, [rows, columns])
