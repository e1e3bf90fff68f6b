"""Rules of fusion for rows of numbers beside an activation: φ(v∘scale + offset)∘factor.

They look at what the other rules have left. The message computes z and h again, from v, so that
only v is kept: to read z and h from memory would take longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from fastmlp.planner.fuse_rows import readers_of, steady_row_beside, sum_over_batch
from fastmlp.planner.ir import Buffer, Operand, Rule, Step, Steps, by_position
from fastmlp.planner.kernels import ACTIVATION_OF_UNARY, BINARY, DERIVATIVE_OF_BINARY

# What is done to a matrix, in the order of one pass.
_SCALE, _OFFSET, _ACTIVATION, _FACTOR = range(4)


class _Part(NamedTuple):
    """A step as a part of a pass: a matrix, and the row that it has beside it."""

    what: int
    matrix: Operand
    row: Operand | None
    activation: int = 0


def _part(step: Step | None) -> _Part | None:
    """Return what part of a pass over rows of examples a step could be, if any."""
    if step is None or step.out is None or step.out2 is not None or not step.out.buffer.by_batch:
        return None
    if step.kind == "unary":
        activation = ACTIVATION_OF_UNARY.get(step.numbers["function"])
        x = step.inputs[0]
        if activation is None or x is None or x.shape != step.out.shape:
            return None
        return _Part(_ACTIVATION, x, None, activation)
    names = {BINARY["multiply"]: _SCALE, BINARY["add"]: _OFFSET}
    what = names.get(step.numbers["function"]) if step.kind == "binary" else None
    for matrix in step.inputs:
        row = None if what is None or matrix is None else steady_row_beside(step, matrix)
        if row is not None and matrix is not None:
            return _Part(what or 0, matrix, row)
    return None


def rows_beside_activation(work: Steps, step: Step) -> Step | None:
    """Scale, add an offset, apply φ and multiply by a factor, two of these or more, in one pass."""
    part, steps = _part(step), [step]
    if part is None:
        return None
    parts = {part.what: part}
    while (after := _only_part(work, steps[-1])) is not None:
        reader, part = after
        what = _FACTOR if part.what == _SCALE else part.what
        if what <= max(parts):
            break
        parts[what] = part
        steps.append(reader)
    if len(steps) < 2:
        return None
    rows = (parts[what].row if what in parts else None for what in (_SCALE, _OFFSET, _FACTOR))
    numbers = {"activation": parts[_ACTIVATION].activation if _ACTIVATION in parts else 0}
    inputs = (parts[min(parts)].matrix, *rows)
    fused = Step("rescale", inputs, steps[-1].out, numbers=numbers)
    for inner in steps[:-1]:
        work.remove(inner)
    work.replace(steps[-1], fused)
    return fused


def _only_part(work: Steps, step: Step) -> tuple[Step, _Part] | None:
    """Return the step that alone reads a result, as a part of the same pass."""
    assert step.out is not None
    if step.out.buffer.home != "temporary" or not work.read_once(step.out.buffer):
        return None
    (reader,) = work.readers(step.out.buffer)
    part = _part(reader)
    return None if part is None or part.matrix != step.out else (reader, part)


def message_beside_rows(work: Steps, product: Step) -> Step | None:
    """Pass a message back through rows and φ, and sum up the gradients of the rows meanwhile.

    The step is the last: what φ sends on, multiplied by the scale.
    """
    part = _part(product)
    if part is None or part.row is None or part.what != _SCALE:
        return None
    g, scale = part.matrix, part.row
    message = _only_writer(work, g)
    activation = _derivative(message)
    if message is None or activation is None or g.buffer.home != "temporary":
        return None
    bar, read = message.inputs
    if bar is None or read is None or not bar.shape == read.shape == g.shape:
        return None
    found = _before_message(work, read, scale, activation)
    if found is None:
        return None
    v, offset, h = found
    factor, merged = None, [message]
    before = _only_writer(work, bar)
    inner = _part(before)
    if inner is not None and inner.what == _SCALE and work.read_once(bar.buffer):
        assert before is not None
        if bar.buffer.home == "temporary":
            factor, bar = inner.row, inner.matrix
            merged.append(before)
    sums = [
        None if factor is None or h is None else sum_over_batch(work, "dot", bar, h),
        sum_over_batch(work, "dot", g, v),
        sum_over_batch(work, "sum", g),
    ]
    if not any(sums) or not set(work.readers(g.buffer)) <= {product, *sums}:
        return None
    numbers = {"activation": activation, "reads_z": int(h != read)}
    inputs = (bar, v, scale, offset, factor)
    fused = Step("rescale_message", inputs, product.out, numbers=numbers)
    return _with_sums(work, product, fused, sums, merged)


def sums_beside_scale(work: Steps, product: Step) -> Step | None:
    """Sum up the gradient of a scale, and what is scaled, while a message is multiplied by it."""
    part = _part(product)
    if part is None or part.row is None or part.what != _SCALE:
        return None
    bar = part.matrix
    dots = (
        step
        for step in sorted(work.readers(bar.buffer), key=by_position)
        if step.kind == "dot" and bar in step.inputs
    )
    dot = next((s for s in dots if sum_over_batch(work, "dot", *_two(s)) is s), None)
    if dot is None:
        return None
    left, right = _two(dot)
    inputs = (bar, right if left == bar else left, part.row, None, None)
    numbers = {"activation": 0, "reads_z": 0}
    fused = Step("rescale_message", inputs, product.out, numbers=numbers)
    sums = [None, dot, sum_over_batch(work, "sum", bar)]
    return _with_sums(work, product, fused, sums, [])


def _two(step: Step) -> tuple[Operand, Operand]:
    a, b = step.inputs
    assert a is not None
    assert b is not None
    return a, b


def _only_writer(work: Steps, operand: Operand) -> Step | None:
    """Return the step that alone writes what an operand sees, as it sees it."""
    writers = work.writers(operand.buffer)
    writer = next(iter(writers), None)
    return writer if writer and len(writers) == 1 and writer.out == operand else None


def _derivative(step: Step | None) -> int | None:
    """Return the activation whose message a step is."""
    if step is None or step.kind != "binary":
        return None
    return DERIVATIVE_OF_BINARY.get(step.numbers["function"])


def _before_message(
    work: Steps, read: Operand, scale: Operand, activation: int
) -> tuple[Operand, Operand | None, Operand | None] | None:
    """Return v, the offset and h of φ(v∘scale + offset), of which a message reads z or h."""
    h: Operand | None = read
    applied = _part(_only_writer(work, read))
    if applied is not None and applied.what == _ACTIVATION:
        z = applied.matrix
    else:
        z, h = read, None
        for step in sorted(work.readers(read.buffer), key=by_position):
            applied = _part(step)
            if applied is not None and applied[:2] == (_ACTIVATION, read):
                h = step.out
                break
    if applied is None or applied.activation != activation:
        return None
    moved = _part(_only_writer(work, z))
    offset = None
    if moved is not None and moved.what == _OFFSET:
        offset = moved.row
        moved = _part(_only_writer(work, moved.matrix))
    if moved is None or moved.what != _SCALE or moved.row != scale:
        return None
    return moved.matrix, offset, h


def _with_sums(
    work: Steps,
    product: Step,
    fused: Step,
    sums: Sequence[Step | None],
    merged: Iterable[Step],
) -> Step | None:
    """Put a message where the first of the steps was that it does the work of.

    The sums it leaves side by side are then brought where they are wanted.
    """
    names = ("sums_factor", "sums_scale", "sums_offset")
    wanted = [s for s in sums if s is not None]
    # The message goes first; whose place it takes goes where it was.
    first = min([product, *wanted], key=by_position)
    places = [product if s is first else s for s in wanted]
    made = (writer.position for buffer in fused.reads() for writer in work.writers(buffer))
    if max(made, default=-1) > first.position:
        return None
    for old, place in zip(wanted, places, strict=True):
        if any(reader.position < place.position for reader in readers_of(work, old)):
            return None
    assert fused.out is not None
    n = fused.out.columns
    side_by_side = Operand.of(Buffer(1, len(wanted) * n))
    asked = {name: int(s is not None) for name, s in zip(names, sums, strict=True)}
    fused = fused.but(out2=side_by_side, numbers=fused.with_numbers(**asked))
    for step in merged:
        work.remove(step)
    work.replace(first, fused)
    for i, (place, old) in enumerate(zip(places, wanted, strict=True)):
        step = Step("sum_blocks", (side_by_side,), old.out, numbers={"from_column": i * n})
        work.replace(place, step)
    return fused


# In the order they are tried, once the other rules have found their steps.
RESCALING_RULES: Final[dict[Rule, tuple[str, ...]]] = {
    message_beside_rows: ("binary",),
    sums_beside_scale: ("binary",),
    rows_beside_activation: ("binary", "unary"),
}
