"""What the planner works on: steps that read and write buffers, before they have a place."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from fastmlp._node import BATCH, Array

Home = Literal["temporary", "feed", "parameter", "constant", "output", "gradient", "scalar"]


class Place(NamedTuple):
    """Where a buffer lives: a space of the core and an offset in it."""

    space: int
    offset: int


# The numbers of cpp/runtime/program.h.
BATCH_SPACE, FIXED_SPACE, REDUCED_SPACE, PARAMETER_SPACE, FEED_SPACE, OUTPUT_SPACE = range(1, 7)
SECTIONS = ("before", "rows", "reduce", "after")


@dataclass(eq=False)
class Buffer:
    """Memory for one matrix.

    `index` is the number of a feed or output, the offset of a parameter or gradient in the flat
    vector, the number of a scalar; `value` is that of a constant.
    """

    rows: int | str
    columns: int
    home: Home = "temporary"
    index: int = 0
    value: Array | None = None
    place: Place | None = None

    @property
    def size(self) -> int:
        """Elements, for each row of the batch if it has batch rows."""
        return self.columns * (1 if isinstance(self.rows, str) else self.rows)


@dataclass(frozen=True)
class Operand:
    """A buffer as a step sees it: a vector may be seen as a row or as a column."""

    buffer: Buffer
    rows: int | str
    columns: int

    @staticmethod
    def of(buffer: Buffer) -> Operand:
        """Return the buffer as it is."""
        return Operand(buffer, buffer.rows, buffer.columns)

    @property
    def shape(self) -> tuple[int | str, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    @property
    def is_vector(self) -> bool:
        """Whether it has one row or one column, and no batch."""
        return self.rows != BATCH and (self.rows == 1 or self.columns == 1)

    def turned(self) -> Operand:
        """Return the same memory with rows and columns exchanged: a vector's transpose."""
        assert self.is_vector
        return Operand(self.buffer, self.columns, int(self.rows))


class Uniform(NamedTuple):
    """A matrix of one number: value, divided by the batch's rows if per_row."""

    value: float
    per_row: bool = False


ONE = Uniform(1.0)


@dataclass(eq=False)
class Step:
    """One call of a kernel; the fields are those of `Step` in cpp/runtime/program.h."""

    kind: str
    inputs: tuple[Operand | None, ...]
    out: Operand | None
    out2: Operand | None = None
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0
    scalar: Uniform = ONE
    section: str = ""
    barrier: bool = False

    def reads(self) -> list[Buffer]:
        """Return the buffers it reads."""
        return [operand.buffer for operand in self.inputs if operand is not None]

    def writes(self) -> list[Buffer]:
        """Return the buffers it writes."""
        return [operand.buffer for operand in (self.out, self.out2) if operand is not None]

    def but(self, **changes: object) -> Step:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@dataclass
class Steps:
    """Steps in the order of their running, with what they need from outside."""

    steps: list[Step] = field(default_factory=list)
    feeds: list[Buffer] = field(default_factory=list)
    outputs: list[Buffer] = field(default_factory=list)
    scalars: list[Buffer] = field(default_factory=list)
    weight: Buffer | None = None
    constants: list[Buffer] = field(default_factory=list)

    def readers(self) -> dict[Buffer, list[Step]]:
        """Return who reads each buffer."""
        found: dict[Buffer, list[Step]] = {}
        for step in self.steps:
            for buffer in step.reads():
                found.setdefault(buffer, []).append(step)
        return found


def constant_buffer(value: Array) -> Buffer:
    """Return a buffer for a matrix that never changes."""
    rows, columns = value.shape
    return Buffer(rows, columns, "constant", value=np.ascontiguousarray(value, dtype=np.float64))
