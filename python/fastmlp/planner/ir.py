"""What the planner works on: steps that read and write buffers, before they have a place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Final, Literal, NamedTuple

import numpy as np

from fastmlp.graph.node import Array
from fastmlp.graph.shapes import per_example
from fastmlp.planner.kernels import SPACES

Home = Literal["temporary", "feed", "parameter", "constant", "output", "gradient", "scalar"]


class Place(NamedTuple):
    """Where a buffer lives: a space of the core and an offset in it."""

    space: int
    offset: int


NO_SPACE: Final = SPACES["none"]
BATCH_SPACE: Final = SPACES["batch"]
FIXED_SPACE: Final = SPACES["fixed"]
REDUCED_SPACE: Final = SPACES["reduced"]
PARAMETER_SPACE: Final = SPACES["parameter"]
FEED_SPACE: Final = SPACES["feed"]
OUTPUT_SPACE: Final = SPACES["output"]


@dataclass(eq=False)
class Buffer:
    """Memory for one matrix; `value` is that of a constant.

    A feed, an output, a parameter or a gradient has its place from the beginning: the caller, or
    the layout of the parameters, decides it. The others get theirs from `place`.
    """

    rows: int | str
    columns: int
    home: Home = "temporary"
    value: Array | None = None
    place: Place | None = None

    @property
    def size(self) -> int:
        """Elements, for each row of the batch if it has batch rows."""
        return self.columns * (per_example(self.rows) or int(self.rows))

    @property
    def by_batch(self) -> bool:
        """Whether it has rows for each example, whose number the run decides."""
        return isinstance(self.rows, str)


@dataclass(frozen=True)
class Operand:
    """A buffer as a step sees it.

    A vector may be seen as a row or as a column, groups of columns as rows.
    """

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
        return not isinstance(self.rows, str) and (self.rows == 1 or self.columns == 1)

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
    """One call of a kernel; the fields are those of `Step` in cpp/runtime/program.h.

    `numbers` are named as in `kernels.NUMBERS`; `position` orders the steps of a `Steps`.
    """

    kind: str
    inputs: tuple[Operand | None, ...]
    out: Operand | None
    out2: Operand | None = None
    numbers: Mapping[str, int] = field(default_factory=dict)
    scalar: Uniform = ONE
    section: str = ""
    barrier: bool = False
    position: int = -1

    def reads(self) -> list[Buffer]:
        """Return the buffers it reads, one as often as it is an input."""
        return [operand.buffer for operand in self.inputs if operand is not None]

    def writes(self) -> list[Buffer]:
        """Return the buffers it writes."""
        if self.out2 is None:  # as nearly always; asked hundreds of times a plan
            return [] if self.out is None else [self.out.buffer]
        return [operand.buffer for operand in (self.out, self.out2) if operand is not None]

    def but(self, **changes: object) -> Step:
        """Return a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]

    def with_numbers(self, **numbers: int) -> Mapping[str, int]:
        """Return its numbers with some changed."""
        return {**self.numbers, **numbers}


# What steps are sorted by, and the first of several is found by.
by_position: Final = attrgetter("position")


class Steps:
    """Steps in the order of their running, with what they need from outside.

    Who reads and who writes a buffer is kept up to date with every change.
    """

    def __init__(self) -> None:
        self.feeds: list[Buffer] = []
        self.outputs: list[Buffer] = []
        self.scalars: list[Buffer] = []
        self.weight: Buffer | None = None
        self.constants: list[Buffer] = []
        self._steps: dict[int, Step] = {}  # by position
        self._readers: dict[Buffer, dict[Step, int]] = {}  # how many of its inputs a buffer is
        self._writers: dict[Buffer, dict[Step, None]] = {}

    @property
    def steps(self) -> list[Step]:
        """The steps in order."""
        return list(self._steps.values())

    def __contains__(self, step: Step) -> bool:
        return self._steps.get(step.position) is step

    def readers(self, buffer: Buffer) -> Mapping[Step, int]:
        """Return who reads a buffer, and how many inputs of each it is."""
        return self._readers.get(buffer, {})

    def writers(self, buffer: Buffer) -> Mapping[Step, None]:
        """Return who writes a buffer."""
        return self._writers.get(buffer, {})

    def read_once(self, buffer: Buffer) -> bool:
        """Tell whether a buffer is one input of one step."""
        readers = self.readers(buffer)
        return len(readers) == 1 and 1 in readers.values()

    def append(self, step: Step) -> None:
        """Add a step at the end."""
        step.position = next(reversed(self._steps), -1) + 1
        self._steps[step.position] = step
        self._link(step)

    def remove(self, step: Step) -> None:
        """Take a step out; the others keep their positions."""
        del self._steps[step.position]
        self._unlink(step)

    def replace(self, old: Step, new: Step) -> None:
        """Put a step where another was."""
        self._unlink(old)
        new.position = old.position
        self._steps[new.position] = new
        self._link(new)

    def merge(self, other: Step, fused: Step, at: Step) -> Step:
        """Put a step that does the work of two where one of them was, take the other out."""
        self.remove(other)
        self.replace(at, fused)
        return fused

    def rename(self, old: Buffer, new: Buffer) -> None:
        """Let all steps use another buffer of the same shape instead of `old`."""

        def renamed(operand: Operand | None) -> Operand | None:
            if operand is None or operand.buffer is not old:
                return operand
            return Operand(new, operand.rows, operand.columns)

        for step in [*self.writers(old), *self.readers(old)]:
            self._unlink(step)
            step.inputs = tuple(map(renamed, step.inputs))
            step.out, step.out2 = renamed(step.out), renamed(step.out2)
            self._link(step)

    def sort(self, key: Callable[[Step], int]) -> None:
        """Bring the steps into the order of a key; those of equal keys stay as they are."""
        ordered = sorted(self._steps.values(), key=key)
        for position, step in enumerate(ordered):
            step.position = position
        self._steps = dict(enumerate(ordered))

    def _link(self, step: Step) -> None:
        for buffer in step.reads():
            readers = self._readers.setdefault(buffer, {})
            readers[step] = readers.get(step, 0) + 1
        for buffer in step.writes():
            self._writers.setdefault(buffer, {})[step] = None

    def _unlink(self, step: Step) -> None:
        for buffer in step.reads():
            self._readers[buffer].pop(step, None)
        for buffer in step.writes():
            self._writers[buffer].pop(step, None)


# Returns the step it has made of this one and a neighbour, or None if it finds nothing to do.
Rule = Callable[[Steps, Step], Step | None]


def constant_buffer(value: Array) -> Buffer:
    """Return a buffer for a matrix that never changes."""
    rows, columns = value.shape
    return Buffer(rows, columns, "constant", value=np.ascontiguousarray(value, dtype=np.float64))
