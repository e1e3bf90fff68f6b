"""A place for every buffer, computed before the run.

Buffers with batch rows share one arena: a place there counts columns, each as long as the arena has
rows, so that one plan serves every batch size. Two of them share columns if they are not alive at
the same time; a result takes the place of an operand that dies with it where the kernel allows.
Everything without batch rows has a place of its own.
"""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass

from fastmlp.planner import ir
from fastmlp.planner.ir import Buffer, Place, Step, Steps
from fastmlp.planner.kernels import BLOCK_TERMS, GRAIN, MAY_OVERWRITE


@dataclass
class Sizes:
    """How much each space needs."""

    batch_columns: int = 0
    fixed: int = 0
    reduced: int = 0


def place(work: Steps, parameter_size: int) -> Sizes:
    """Give every buffer its place; return the sizes of the spaces."""
    trains = any(buffer.home in ("gradient", "scalar") for buffer in _buffers(work))
    sizes = Sizes(reduced=parameter_size if trains else 0)
    _place_constants(work, sizes)
    _place_added(work)
    _place_fixed(work, sizes)
    _place_batch(work, sizes)
    return sizes


def _place_constants(work: Steps, sizes: Sizes) -> None:
    """Place constants first in the fixed space: the core is given its first elements."""
    for buffer in work.constants:
        buffer.place = Place(ir.FIXED_SPACE, sizes.fixed)
        sizes.fixed += _padded(buffer.size)


def _place_added(work: Steps) -> None:
    """Place a of a + c·b where the sum is; backwards, so that a chain of sums has one place."""
    for step in reversed(work.steps):
        if step.kind == "add_scaled" and step.out is not None and step.inputs[0] is not None:
            target, source = step.out.buffer, step.inputs[0].buffer
            if target.place is not None and source.place is None:
                source.place = target.place


def _place_fixed(work: Steps, sizes: Sizes) -> None:
    sums = {b for s in work.steps if s.section == "reduce" for b in s.writes()}
    for buffer in _buffers(work):
        if buffer.place is not None or buffer.by_batch:
            continue
        if buffer in sums or buffer.home == "scalar":
            buffer.place = Place(ir.REDUCED_SPACE, sizes.reduced)
            sizes.reduced += _padded(buffer.size)
        else:
            buffer.place = Place(ir.FIXED_SPACE, sizes.fixed)
            sizes.fixed += _padded(buffer.size)


def _place_batch(work: Steps, sizes: Sizes) -> None:
    last_use: dict[Buffer, int] = {}
    for i, step in enumerate(work.steps):
        for buffer in step.reads() + step.writes():
            last_use[buffer] = i
    columns = _Columns()
    for i, step in enumerate(work.steps):
        dying = [b for b in dict.fromkeys(step.reads()) if _in_arena(b) and last_use[b] == i]
        for buffer in step.writes():
            if not buffer.by_batch or buffer.place is not None:
                continue
            reused = _overwritten(step, buffer, dying)
            if reused is not None:
                buffer.place = reused.place
                dying.remove(reused)
            else:
                buffer.place = Place(ir.BATCH_SPACE, columns.take(buffer.size))
        unread = [b for b in step.writes() if _in_arena(b) and last_use[b] == i]
        for buffer in dying + unread:
            assert buffer.place is not None
            columns.give_back(buffer.place.offset, buffer.size)
    sizes.batch_columns = columns.end


def _overwritten(step: Step, result: Buffer, dying: list[Buffer]) -> Buffer | None:
    """Return the dying operand whose place the result takes, if the kernel allows that."""
    main = step.out2 if step.kind == "softmax_cross_entropy" else step.out
    if main is None or main.buffer is not result:
        return None
    if step.kind == "add_scaled" or (step.kind == "gemm" and _terms(step) > BLOCK_TERMS):
        return None  # where a sum lies, `_place_added` has decided
    for i in MAY_OVERWRITE[step.kind]:
        operand = step.inputs[i] if i < len(step.inputs) else None
        if operand is not None and operand.buffer in dying and operand.shape == main.shape:
            return operand.buffer
    return None


def _terms(step: Step) -> int:
    """Return how many products each element of a gemm sums up; 0 if they are a batch's rows."""
    factor = step.inputs[1]
    assert factor is not None
    terms = factor.columns if step.numbers["transpose_b"] else factor.rows
    return 0 if isinstance(terms, str) else terms


class _Columns:
    """Columns of the arena, taken first fit."""

    def __init__(self) -> None:
        self.end = 0
        self.free: list[tuple[int, int]] = []  # (start, length), in order, never adjacent

    def take(self, n: int) -> int:
        for i, (start, length) in enumerate(self.free):
            if length >= n:
                self.free[i : i + 1] = [(start + n, length - n)] if length > n else []
                return start
        start = self.end
        if self.free and sum(self.free[-1]) == self.end:  # grow the hole at the end
            start = self.free.pop()[0]
        self.end = start + n
        return start

    def give_back(self, start: int, n: int) -> None:
        i = bisect(self.free, (start, n))
        if i < len(self.free) and self.free[i][0] == start + n:
            n += self.free.pop(i)[1]
        if i > 0 and sum(self.free[i - 1]) == start:
            start, n = self.free[i - 1][0], self.free[i - 1][1] + n
            del self.free[i - 1]
            i -= 1
        self.free.insert(i, (start, n))


def _in_arena(buffer: Buffer) -> bool:
    return buffer.place is not None and buffer.place.space == ir.BATCH_SPACE


def _buffers(work: Steps) -> list[Buffer]:
    weight = [] if work.weight is None else [work.weight]
    found = dict.fromkeys(work.feeds + work.outputs + work.scalars + weight)
    for step in work.steps:
        found |= dict.fromkeys(step.reads() + step.writes())
    return list(found)


def _padded(size: int) -> int:
    return -(-size // GRAIN) * GRAIN
