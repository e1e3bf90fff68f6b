"""Placed steps as the core takes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp._node import BATCH
from fastmlp.planner import ir
from fastmlp.planner.ir import Buffer, Operand, Step, Steps
from fastmlp.planner.kernels import KINDS, NUMBERS
from fastmlp.planner.place import Sizes
from fastmlp.planner.sections import section_number

_NONE = (0, 0, 0, 0)
_BY_ROWS = -1  # a batch counts as much as it has rows


def emit(work: Steps, sizes: Sizes, parameter_size: int, by_rows: bool) -> dict[str, Any]:
    """Return the arguments of `_core.Program`."""
    return {
        "steps": [_step(step) for step in work.steps],
        "feeds": [_shape(b) for b in work.feeds],
        "outputs": [_shape(b) for b in work.outputs],
        "scalars": [_offset(b) for b in work.scalars],
        "batch_weight": _BY_ROWS if work.weight is None else _offset(work.weight),
        "constants": _constants(work),
        "batch_columns": sizes.batch_columns,
        "fixed_size": sizes.fixed,
        "reduced_size": sizes.reduced,
        "parameter_size": parameter_size,
        "by_rows": by_rows,
        "flops_per_row": float(sum(_flops_per_row(step) for step in work.steps)),
    }


def _step(step: Step) -> tuple[Any, ...]:
    inputs = [_ref(x) for x in step.inputs] + [_NONE] * (4 - len(step.inputs))
    numbers = [step.numbers[name] for name in NUMBERS[step.kind]]
    return (
        KINDS[step.kind],
        section_number(step),
        step.barrier,
        inputs,
        _ref(step.out),
        _ref(step.out2),
        tuple(numbers + [0] * (4 - len(numbers))),
        (step.scalar.value, step.scalar.per_row),
    )


def _ref(operand: Operand | None) -> tuple[int, int, int, int]:
    if operand is None:
        return _NONE
    place = operand.buffer.place
    assert place is not None
    rows = -1 if isinstance(operand.rows, str) else operand.rows
    return (place.space, place.offset, rows, operand.columns)


def _shape(buffer: Buffer) -> tuple[int, int]:
    return (-1 if isinstance(buffer.rows, str) else buffer.rows, buffer.columns)


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


def _flops_per_row(step: Step) -> int:
    """Operations for one row of the batch, products by two, the rest by their elements."""
    operands = [x for x in (*step.inputs, step.out, step.out2) if x is not None]
    if not any(x.rows == BATCH for x in operands):
        return 0
    if step.kind != "gemm":
        return sum(x.columns for x in operands if x.rows == BATCH)
    a, b = step.inputs[0], step.inputs[1]
    assert a is not None
    assert b is not None
    columns = int(b.rows) if step.numbers["transpose_b"] else b.columns
    return 2 * a.columns * columns
