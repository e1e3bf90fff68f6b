"""Rules of fusion for normalization: rows beside it, and the sums that a message reads along."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fastmlp.planner.ir import ONE, Buffer, Operand, Rule, Step, Steps, by_position
from fastmlp.planner.kernels import BINARY, OVER_ROWS

# The sums of a message are those of so many blocks of the rows it sees: no more threads share it.
_BLOCKS = 8


def row_into_normalization(work: Steps, step: Step) -> Step | None:
    """Multiply by a scale, then add an offset, each a row, while a normalized row is there."""
    scale, offset = step.inputs[-2:]
    if step.out is None or step.out.buffer.home != "temporary" or offset is not None:
        return None
    alone = work.read_once(step.out.buffer)
    if not alone and (scale is not None or step.out2 is not None):
        return None  # what others read would not be kept
    names = {BINARY["add"]: 1} if scale else {BINARY["multiply"]: 0, BINARY["add"]: 1}
    for reader in sorted(work.readers(step.out.buffer), key=by_position):
        which = names.get(reader.numbers["function"]) if reader.kind == "binary" else None
        row = None if which is None else steady_row_beside(reader, step.out)
        if row is None:
            continue
        inputs = (*step.inputs[:-2], *((row, None), (scale, row))[which or 0])
        kept = step.out2 if alone else step.out
        return work.merge(reader, step.but(inputs=inputs, out=reader.out, out2=kept), at=step)
    return None


def scale_into_message(work: Steps, message: Step) -> Step | None:
    """Multiply z̄ by a scale, a row, in the message of a normalization."""
    bar, x, scale = message.inputs
    assert bar is not None
    writers = work.writers(bar.buffer)
    product = next(iter(writers), None)
    if scale is not None or product is None or product.kind != "binary" or len(writers) > 1:
        return None
    if product.numbers["function"] != BINARY["multiply"] or not work.read_once(bar.buffer):
        return None
    for read, other in (product.inputs, product.inputs[::-1]):
        if read is not None and read.shape == bar.shape and _is_steady_row(other, bar):
            return work.merge(product, message.but(inputs=(read, x, other)), at=message)
    return None


def steady_row_beside(step: Step, operand: Operand) -> Operand | None:
    """Return the row that a binary step combines with a matrix, if it is one."""
    left, right = step.inputs
    row = right if left == operand else left
    fits = operand in (left, right) and step.out is not None and step.out.shape == operand.shape
    return row if fits and _is_steady_row(row, operand) else None


def _is_steady_row(row: Operand | None, beside: Operand) -> bool:
    """Tell whether an operand has a number for each column and is there from the beginning."""
    if row is None or row.shape != (1, beside.columns):
        return False
    return row.buffer.home in ("parameter", "constant")


def sums_into_rows_message(work: Steps, step: Step) -> Step | None:
    """Sum z̄∘h and z̄ over the batch, for γ̄ and β̄, while the message of a row has both."""
    for message in _beside(work, step, "normalize_rows_message"):
        bar, x, _ = message.inputs
        if message.out2 is not None or bar is None or x is None:
            continue
        for standard in _standards(work, x, "normalize_rows", message):
            h = _standard_of(standard)
            dot = None if h is None else sum_over_batch(work, "dot", bar, h)
            total = sum_over_batch(work, "sum", bar)
            if h is None or dot is None or (total and standard.position > total.position):
                continue
            fused = _with_sums(work, message, dot, total)
            if fused is not None:
                return _without(work, standard, h) or fused
    return None


def _with_sums(work: Steps, message: Step, dot: Step, total: Step | None) -> Step | None:
    """Let a message leave sums, which two steps or one then only add up."""
    sums = [dot] if total is None else [dot, total]
    assert message.out is not None
    n = message.out.columns
    blocks = Operand.of(Buffer(_BLOCKS, 2 * n))
    adding = [
        Step("sum_blocks", (blocks,), s.out, numbers={"from_column": i * n})
        for i, s in enumerate(sums)
    ]
    # The message goes first; whose place it takes goes where it was.
    first = min([message, *sums], key=by_position)
    places = [message if s is first else s for s in sums]
    for place, s in zip(places, sums, strict=True):
        if any(reader.position < place.position for reader in readers_of(work, s)):
            return None
    fused = message.but(out2=blocks)
    for old, new in ((first, fused), *zip(places, adding, strict=True)):
        work.replace(old, new)
    return fused


def scale_into_columns_message(work: Steps, sums: Step) -> Step | None:
    """Multiply z̄ by a scale in the message alone: the sums are those of what is not scaled yet."""
    bar = sums.inputs[0]
    assert bar is not None
    message = _message_of(work, sums)
    writers = work.writers(bar.buffer)
    product = next(iter(writers), None)
    if message is None or product is None or len(writers) > 1 or message.inputs[4] is not None:
        return None
    readers = work.readers(bar.buffer)
    alone = set(readers) == {sums, message} and bar.buffer.home == "temporary"
    if product.kind != "binary" or product.numbers["function"] != BINARY["multiply"] or not alone:
        return None
    for read, row in (product.inputs, product.inputs[::-1]):
        if read is not None and read.shape == bar.shape and _is_steady_row(row, bar):
            _, *others = message.inputs
            others[3] = row
            work.replace(message, message.but(inputs=(read, *others)))
            return work.merge(product, sums.but(inputs=(read, *sums.inputs[1:])), at=sums)
    return None


def sums_of_columns(work: Steps, step: Step) -> Step | None:
    """Take γ̄ and β̄ from the sums that the message of a normalization over the batch needs."""
    for sums in _beside(work, step, "standard_sums"):
        bar, x, *moments = sums.inputs
        if bar is None or x is None:
            continue
        total = sum_over_batch(work, "sum", bar)
        changed = total and _deliver_sum(work, sums, total, "out2")
        for standard in _standards(work, x, "standardize", sums):
            h = _standard_of(standard)
            dot = None if h is None else sum_over_batch(work, "dot", bar, h)
            if h is None or dot is None or standard.inputs[1:3] != tuple(moments):
                continue
            if _deliver_sum(work, sums, dot, "out"):
                changed = _without(work, standard, h) or sums
        if changed:
            return changed
    return None


def _deliver_sum(work: Steps, sums: Step, other: Step, which: str) -> Step | None:
    """Write one of two equal sums, where another step has it written."""
    own, out = getattr(sums, which), other.out
    assert own is not None
    assert out is not None
    readers = readers_of(work, other)
    # What is added to in place, or given away, cannot be read as it was.
    kept = out.buffer.home in ("temporary", "gradient") and len(work.writers(out.buffer)) == 1
    if not kept or own.buffer.home != "temporary" or any(r.kind == "add_scaled" for r in readers):
        return None
    if min((r.position for r in readers), default=sums.position) < sums.position:
        return None
    work.remove(other)
    work.rename(own.buffer, out.buffer)
    return sums


def _beside(work: Steps, step: Step, kind: str) -> Iterator[Step]:
    """Yield a step if it is of a kind, else the steps of that kind that read what it reads."""
    near = [step] if step.kind == kind else [r for b in step.reads() for r in work.readers(b)]
    return (s for s in sorted(set(near), key=by_position) if s.kind == kind)


def _standards(work: Steps, x: Operand, kind: str, like: Step) -> list[Step]:
    """Return the steps that normalize x with the ε, and the centre, of another step."""
    return [
        step
        for step in sorted(work.readers(x.buffer), key=by_position)
        if step.kind == kind
        and (step.inputs[0], step.scalar) == (x, like.scalar)
        and step.numbers.items() <= like.numbers.items()
    ]


def _standard_of(step: Step) -> Operand | None:
    """Return where a normalization leaves h, before its scale and offset."""
    scaled = any(row is not None for row in step.inputs[-2:])
    return step.out2 if scaled else step.out


def sum_over_batch(work: Steps, kind: str, *factors: Operand) -> Step | None:
    """Return the step that sums a matrix, or the product of two, over the rows."""
    for step in sorted(work.readers(factors[0].buffer), key=by_position):
        plain = step.kind == kind and step.scalar == ONE and step.numbers["axis"] == OVER_ROWS
        if plain and step.inputs in (factors, factors[::-1]):
            return step
    return None


def _message_of(work: Steps, sums: Step) -> Step | None:
    """Return the message that alone reads the sums it needs."""
    assert sums.out is not None
    for step in work.readers(sums.out.buffer):
        if step.kind == "normalize_columns_message" and step.inputs[5:] == (sums.out, sums.out2):
            return step
    return None


def _without(work: Steps, standard: Step, h: Operand) -> Step | None:
    """Leave out h beside y if nobody reads it any longer."""
    if standard.out2 != h or work.readers(h.buffer) or h.buffer.home != "temporary":
        return None
    work.replace(standard, fused := standard.but(out2=None))
    return fused


def readers_of(work: Steps, step: Step) -> list[Step]:
    """Return the steps that read what a step writes."""
    return [reader for buffer in step.writes() for reader in work.readers(buffer)]


ROW_RULES: Final[dict[Rule, tuple[str, ...]]] = {
    row_into_normalization: ("normalize_rows", "standardize"),
    scale_into_message: ("normalize_rows_message",),
    sums_into_rows_message: ("normalize_rows_message", "dot"),
    scale_into_columns_message: ("standard_sums",),
    sums_of_columns: ("standard_sums", "dot"),
}
