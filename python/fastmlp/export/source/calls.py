"""Calls of loops, and where the operands of the planner's steps are: in arrays, or known now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastmlp.export.source.formulas import NAMES as FORMULAS
from fastmlp.export.source.loops import LOOPS
from fastmlp.export.source.prepared import Prepared, distinct_words
from fastmlp.graph.node import topological_order
from fastmlp.graph.shapes import number_of_rows
from fastmlp.planner import ir
from fastmlp.planner.build import plan_program
from fastmlp.planner.ir import Buffer, Operand, Step
from fastmlp.planner.parameters import Parameters

if TYPE_CHECKING:
    from fastmlp.graph.node import Array


# What functions may be called, and arrays therefore not.
NAMES = frozenset({"predict", *LOOPS, *FORMULAS})


class Ref(NamedTuple):
    """Memory from an offset on: of an input, an output, the scratch or a constant, by name."""

    name: str
    offset: int = 0

    def at(self, offset: int) -> Ref:
        """Return what lies so much further."""
        return Ref(self.name, self.offset + offset)


Argument = Ref | int | float


class Call(NamedTuple):
    """One call of a loop, or of a function of one or two numbers for all elements."""

    kind: str  # "loop", "map" or "zip"
    name: str
    arguments: tuple[Argument, ...]


class Constant(NamedTuple):
    """An array that never changes, and what it is."""

    values: Array
    comment: str


@dataclass
class Listing:
    """The calls that compute the outputs of one example.

    Attributes
    ----------
    calls : list of Call
    constants : dict of str to Constant
        By the name that the calls have for it.
    scratch : int
        Numbers of scratch memory, called "scratch".
    inputs, outputs : dict of str to int
        How many numbers each has, by its name.
    parameters : Parameters
        What the constants are made of; with int8, as they are when multiplied by their scales.
    """

    parameters: Parameters
    inputs: dict[str, int]
    outputs: dict[str, int]
    calls: list[Call] = field(default_factory=list)
    constants: dict[str, Constant] = field(default_factory=dict)
    scratch: int = 0


def quantized(values: Array, axis: int) -> tuple[Array, Array]:
    """Return int8 and the scales along an axis, so that their product is nearest to the values.

    Examples
    --------
    >>> q, scale = quantized(np.array([[1.0, -2.0], [0.5, 0.0]]), axis=0)
    >>> q, scale.round(4)
    (array([[ 127, -127],
           [  64,    0]], dtype=int8), array([0.0079, 0.0157]))
    """
    largest = np.max(np.abs(values), axis=axis)
    scale = np.where(largest > 0, largest, 1) / 127
    q = np.rint(values / np.expand_dims(scale, axis))
    return q.astype(np.int8), scale


class Operands:
    """The program of a graph for one example, and what its steps have for operands."""

    def __init__(self, graph: Prepared, int8: bool) -> None:
        self.axes: dict[int, int] = {}  # of scales, by the offset of a parameter that is int8
        used = [v for v in topological_order(graph.outputs) if v.op == "parameter"]
        self.parameters = Parameters(used, graph.dtype)
        arguments, work = plan_program(graph.outputs, parameters=self.parameters, fed=graph.inputs)
        self.fixed = arguments["batch_columns"]  # where what has no rows begins in the scratch
        size = self.fixed + arguments["fixed_size"]
        self.result = Listing(
            self.parameters,
            {n: v.shape[1] for n, v in zip(graph.input_names, graph.inputs, strict=True)},
            {n: b.columns for n, b in zip(graph.output_names, work.outputs, strict=True)},
            scratch=size,
        )
        self.spaces = {ir.FEED_SPACE: graph.input_names, ir.OUTPUT_SPACE: graph.output_names}
        self.names = {self.parameters.offsets[v]: graph.names.get(v, "constant") for v in used}
        self.known: dict[tuple[Any, ...], Ref] = {}
        self.values: dict[Buffer, Array] = {}  # of what is known before any input is
        self.steps = work.steps
        for step in self.steps if int8 else ():
            self._round_to_int8(step)

    def _folded(self, step: Step) -> bool:
        """Compute a step here that no input has part in, if it only repeats or moves numbers."""
        out = step.out
        if out is None or out.buffer.by_batch or out.buffer.home == "output":
            return False
        if step.kind == "fill":
            self.values[out.buffer] = np.full(self._size(out), step.scalar.value)
            return True
        x = step.inputs[0] if step.inputs else None
        found = None if x is None else self._values(x)
        if x is None or found is None:
            return False
        matrix = found.reshape(int(x.rows), x.columns)
        shape = (int(out.rows), out.columns)
        if step.kind == "transpose":
            self.values[out.buffer] = matrix.T.ravel()
        elif step.kind == "spread":
            self.values[out.buffer] = np.broadcast_to(matrix * step.scalar.value, shape).ravel()
        else:
            return False
        return True

    def _values(self, operand: Operand) -> Array | None:
        """Return the numbers of an operand, as they lie, if they are constant."""
        buffer = operand.buffer
        if buffer in self.values:
            return self.values[buffer]
        if buffer.home == "constant":
            assert buffer.value is not None
            return buffer.value.ravel()
        if buffer.home == "parameter":
            assert buffer.place is not None
            start = buffer.place.offset
            return self.parameters.flat[start : start + self._size(operand)].astype(np.float64)
        return None

    def _title(self, operand: Operand) -> str:
        place = operand.buffer.place
        if operand.buffer.home == "parameter" and place is not None:
            return self.names[place.offset]
        return "constant"

    def _constant(self, key: tuple[Any, ...], values: Array, title: str) -> Ref:
        """Return the name of an array, which is entered once."""
        if key not in self.known:
            taken = [*self.result.inputs, *self.result.outputs, *self.result.constants]
            (name,) = distinct_words([title.replace(".", "_")], [*taken, *NAMES])
            self.result.constants[name] = Constant(values, title)
            self.known[key] = Ref(name)
        return self.known[key]

    def _size(self, operand: Operand) -> int:
        return self._rows(operand) * operand.columns

    def _rows(self, operand: Operand) -> int:
        return number_of_rows(operand.rows, 1)

    def _shape(self, operand: Operand | None) -> tuple[int, int]:
        assert operand is not None
        return self._rows(operand), operand.columns

    def _ref(self, operand: Operand | None) -> Ref:
        """Return where an operand is."""
        assert operand is not None
        values = self._values(operand)
        if values is not None:
            return self._constant(("as it is", operand.buffer), values, self._title(operand))
        place = operand.buffer.place
        assert place is not None
        if place.space in self.spaces:
            return Ref(self.spaces[place.space][place.offset])
        return Ref("scratch", place.offset + (self.fixed if place.space == ir.FIXED_SPACE else 0))

    def _number(self, value: float) -> Ref:
        """Return an array of one number, for what is repeated."""
        return self._constant(("number", value), np.array([value]), "number")

    def _zeros(self, count: int) -> Ref:
        return self._constant(("zeros", count), np.zeros(count), "zeros")

    def _round_to_int8(self, step: Step) -> None:
        """Give the matrix of a product, or a table, the values it has as int8 times its scales."""
        if step.kind not in ("gemm", "take_rows"):
            return
        matrix = step.inputs[1]
        assert matrix is not None
        axis = 1 if step.kind == "take_rows" else step.numbers["transpose_b"]
        place, values = matrix.buffer.place, self._values(matrix)
        if matrix.buffer.home != "parameter" or place is None or values is None:
            return
        if place.offset not in self.axes:
            q, scale = quantized(values.reshape(self._shape(matrix)), axis)
            rounded = (q * np.expand_dims(scale, axis)).ravel()
            self.parameters.flat[place.offset : place.offset + rounded.size] = rounded
            self.axes[place.offset] = axis

    def _matrix(self, operand: Operand | None, axis: int) -> tuple[Ref, Ref | None]:
        """Return a factor of a product or a table, and its scales if it is int8."""
        assert operand is not None
        place, values = operand.buffer.place, self._values(operand)
        offset = None if place is None or operand.buffer.home != "parameter" else place.offset
        if offset is None or values is None or self.axes.get(offset) != axis:
            return self._ref(operand), None
        q, scale = quantized(values.reshape(self._shape(operand)), axis)
        key, title = (operand.buffer, axis), self._title(operand)
        return (
            self._constant(("int8", *key), q.ravel(), f"{title}.int8"),
            self._constant(("scale", *key), scale, f"{title}.scale"),
        )
