"""Placed steps as the core takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.graph.node import BATCH
from fastmlp.graph.shapes import per_example
from fastmlp.planner import ir
from fastmlp.planner.ir import Buffer, Operand, Step, Steps
from fastmlp.planner.kernels import BATCH_ROWS, BY_ITS_ROWS, KINDS, MOST_NUMBERS, NUMBERS, SECTIONS
from fastmlp.planner.place import Sizes

_NONE = (ir.NO_SPACE, 0, 0, 0)


def emit(work: Steps, sizes: Sizes, parameter_size: int, by_rows: bool) -> dict[str, Any]:
    """Return the arguments of `_core.Program`."""
    return {
        "steps": [_step(step) for step in work.steps],
        "feeds": [_shape(b) for b in work.feeds],
        "outputs": [_shape(b) for b in work.outputs],
        "scalars": [_offset(b) for b in work.scalars],
        "batch_weight": BY_ITS_ROWS if work.weight is None else _offset(work.weight),
        "constants": _constants(work),
        "batch_columns": sizes.batch_columns,
        "fixed_size": sizes.fixed,
        "reduced_size": sizes.reduced,
        "parameter_size": parameter_size,
        "by_rows": by_rows,
    }


def _step(step: Step) -> tuple[Any, ...]:
    numbers = [step.numbers[name] for name in NUMBERS[step.kind]]
    return (
        KINDS[step.kind],
        SECTIONS[step.section],
        step.barrier,
        [_ref(x) for x in step.inputs],
        _ref(step.out),
        _ref(step.out2),
        tuple(numbers + [0] * (MOST_NUMBERS - len(numbers))),
        (step.scalar.value, step.scalar.per_row),
    )


def _ref(operand: Operand | None) -> tuple[int, int, int, int]:
    if operand is None:
        return _NONE
    place = operand.buffer.place
    assert place is not None
    rows = operand.rows
    if isinstance(rows, str):
        rows = BATCH_ROWS * per_example(rows)
    return (place.space, place.offset, rows, operand.columns)


def _shape(buffer: Buffer) -> tuple[int, int]:
    assert buffer.rows == BATCH or isinstance(buffer.rows, int)
    return (buffer.rows if isinstance(buffer.rows, int) else BATCH_ROWS, buffer.columns)


def _offset(buffer: Buffer) -> int:
    assert buffer.place is not None
    assert buffer.place.space == ir.REDUCED_SPACE
    return buffer.place.offset


def _constants(work: Steps) -> Any:
    placed = [(b.place.offset, b.value) for b in work.constants if b.place and b.value is not None]
    size = max((offset + value.size for offset, value in placed), default=0)
    values = np.zeros(size)
    for offset, value in placed:
        values[offset : offset + value.size] = value.ravel()
    return values
