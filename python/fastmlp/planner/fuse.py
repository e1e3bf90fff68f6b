"""Fewer steps: what one kernel can do in one pass becomes one step.

Each rule takes the steps and returns them, changed or not; none changes what is computed, and each
may be left out.
"""

from __future__ import annotations

from collections.abc import Callable

from fastmlp._node import BATCH
from fastmlp.planner.ir import ONE, Buffer, Operand, Step, Steps, Uniform
from fastmlp.planner.kernels import ACTIVATION, BINARY, UNARY

_ACTIVATION_OF_UNARY = {UNARY[name]: ACTIVATION[name] for name in ACTIVATION if name in UNARY}
_DERIVATIVE_OF_BINARY = {
    BINARY[f"{name}_message"]: number
    for name, number in ACTIVATION.items()
    if f"{name}_message" in BINARY
}


def fuse(work: Steps) -> Steps:
    """Apply every rule until none finds anything to do."""
    count = -1
    while count != len(work.steps):
        count = len(work.steps)
        for rule in RULES:
            rule(work)
    return work


def drop_unread(work: Steps) -> None:
    """Leave out what nobody reads: parts of what became one step when it was lowered."""
    read: set[Buffer] = set()
    kept = []
    for step in reversed(work.steps):
        if any(buffer.home != "temporary" or buffer in read for buffer in step.writes()):
            kept.append(step)
            read.update(step.reads())
    work.steps[:] = reversed(kept)


def deliver_in_place(work: Steps) -> None:
    """Compute a result where it is wanted, instead of copying it there."""
    while (step := next(filter(lambda step: _delivers(work, step), work.steps), None)) is not None:
        assert step.out is not None
        assert step.inputs[0] is not None
        work.steps.remove(step)
        _replace_buffer(work, step.inputs[0].buffer, step.out.buffer)


def _delivers(work: Steps, step: Step) -> bool:
    """Tell whether the step only copies a finished temporary result to where it is wanted."""
    if step.kind != "copy" or step.out is None or step.inputs[0] is None:
        return False
    source, target = step.inputs[0].buffer, step.out.buffer
    whole = step.a == step.b == 0 and step.c == source.columns == target.columns
    by_rows = target.home != "output" or isinstance(target.rows, str)
    if target.home == "temporary" or source.home != "temporary" or not (whole and by_rows):
        return False
    return not any(target in other.writes() for other in work.steps if other is not step)


def activation_into_product(work: Steps) -> None:
    """Apply φ to the rows of affine's result while they are in registers."""
    for producer, consumer in _only_reader(work, "gemm", "unary"):
        plain = producer.c == producer.d == 0 and not _sums_batch(producer)
        if plain and consumer.a in _ACTIVATION_OF_UNARY:
            fused = producer.but(c=_ACTIVATION_OF_UNARY[consumer.a], out=consumer.out)
            _merge(work, producer, consumer, fused, at=producer)


def derivative_into_product(work: Steps) -> None:
    """Multiply h̄ = z̄W by φ'(z) while it is in registers."""
    for producer, consumer in _only_reader(work, "gemm", "binary"):
        bar, h = consumer.inputs[0], consumer.inputs[1]
        derivative = _DERIVATIVE_OF_BINARY.get(consumer.a)
        if derivative is None or bar is None or h is None or producer.out is None:
            continue
        plain = producer.c == producer.d == 0 and not _sums_batch(producer)
        if plain and bar.buffer is producer.out.buffer and h.shape == bar.shape:
            inputs = (*producer.inputs[:3], h)
            fused = producer.but(inputs=inputs, d=derivative, out=consumer.out)
            _merge(work, producer, consumer, fused, at=consumer)


def bias_gradient_into_product(work: Steps) -> None:
    """Sum z̄ over the batch, for b̄, while W̄ᵀ = xᵀz̄ reads it."""
    for total in [s for s in work.steps if s.kind == "sum" and s.a == 0 and s.scalar == ONE]:
        summed = total.inputs[0]
        for product in work.steps:
            if product.kind != "gemm" or product.b or product.out2 is not None:
                continue
            if product.inputs[1] != summed or product.out is None or product.out.rows == BATCH:
                continue  # a product by rows is done for some of them at a time
            earlier, later = sorted((total, product), key=work.steps.index)
            if not _read_before(work, earlier.out, later):
                _merge(work, total, product, product.but(out2=total.out), at=later)
            break


def both_ways_of_cross_entropy(work: Steps) -> None:
    """Compute cross-entropy and its message to the logits from one softmax."""
    for loss in [s for s in work.steps if s.kind == "softmax_cross_entropy" and s.out2 is None]:
        for message in work.steps:
            if message.kind != loss.kind or message.out is not None:
                continue
            same = message.inputs[:2] == loss.inputs[:2]
            if same and (
                message.inputs[2] is None or _defined_before(work, message.inputs[2], loss)
            ):
                _merge(work, loss, message, message.but(out=loss.out), at=loss)
                break


def squares_into_dot(work: Steps) -> None:
    """Σ a² and Σ a∘b need no a² or a∘b."""
    for kind in ("unary", "binary"):
        for producer, consumer in _only_reader(work, kind, "sum"):
            if consumer.a != 2 or producer.out is None:
                continue
            inputs = producer.inputs[:2]
            if kind == "unary":
                if producer.a != UNARY["power"] or producer.scalar.value != 2.0:
                    continue
                inputs = (inputs[0], inputs[0])
            elif producer.a != BINARY["multiply"]:
                continue
            if any(x is None or x.shape != producer.out.shape for x in inputs):
                continue
            fused = Step("dot", inputs, consumer.out, scalar=consumer.scalar)
            _merge(work, producer, consumer, fused, at=consumer)


def scale_into_sum(work: Steps) -> None:
    """One sum with a factor for c · Σ a, Σ (c · a) and Σ (c · a) and Σ Σ a."""
    for producer, consumer in _only_reader(work, "sum", "unary"):
        factor = _product(producer.scalar, consumer.scalar)
        if consumer.a == UNARY["scale"] and factor is not None:
            _merge(
                work, producer, consumer, producer.but(scalar=factor, out=consumer.out), at=producer
            )
    for producer, consumer in _only_reader(work, "dot", "unary"):
        factor = _product(producer.scalar, consumer.scalar)
        if consumer.a == UNARY["scale"] and factor is not None:
            _merge(
                work, producer, consumer, producer.but(scalar=factor, out=consumer.out), at=producer
            )
    for producer, consumer in _only_reader(work, "unary", "sum", UNARY["scale"]):
        factor = _product(producer.scalar, consumer.scalar)
        if factor is not None:
            fused = consumer.but(inputs=producer.inputs, scalar=factor)
            _merge(work, producer, consumer, fused, at=consumer)
    for producer, consumer in _only_reader(work, "sum", "sum"):
        factor = _product(producer.scalar, consumer.scalar)
        if consumer.a == 2 and factor is not None:
            fused = consumer.but(inputs=producer.inputs, scalar=factor)
            _merge(work, producer, consumer, fused, at=consumer)


def scale_into_addition(work: Steps) -> None:
    """Add a and c·b, as of a gradient and its L2 term, in one pass and in place of a."""
    for producer, consumer in _only_reader(work, "unary", "binary", UNARY["scale"]):
        if consumer.a != BINARY["add"] or producer.out is None:
            continue
        left, right = consumer.inputs[:2]
        assert left is not None
        assert right is not None
        assert consumer.out is not None
        other = left if right.buffer is producer.out.buffer else right
        readers = work.readers()[other.buffer]
        in_place = other.buffer.home == "temporary" and len(readers) == 1
        fits = other.shape == consumer.out.shape == producer.out.shape
        if in_place and fits and other.buffer is not producer.out.buffer:
            inputs = (other, producer.inputs[0])
            fused = Step("add_scaled", inputs, consumer.out, scalar=producer.scalar)
            _merge(work, producer, consumer, fused, at=consumer)


def addition_into_product(work: Steps) -> None:
    """Add c·b, as of an L2 term, to a sum over the batch while that is in registers."""
    for product in [s for s in work.steps if s.kind == "gemm" and _sums_batch(s)]:
        assert product.out is not None
        readers = work.readers().get(product.out.buffer, [])
        if len(readers) != 1 or readers[0].kind != "add_scaled" or len(product.inputs) > 3:
            continue
        total = readers[0]
        addend = total.inputs[1]
        assert addend is not None
        steady = addend.buffer.home in ("parameter", "constant")  # the same for every row
        if product.out == total.inputs[0] and product.out.shape == addend.shape and steady:
            inputs = (*product.inputs, None, None)[:3]
            fused = product.but(inputs=(*inputs, addend), out=total.out, scalar=total.scalar)
            _merge(work, product, total, fused, at=total)


RULES: tuple[Callable[[Steps], None], ...] = (
    drop_unread,
    deliver_in_place,
    activation_into_product,
    derivative_into_product,
    bias_gradient_into_product,
    both_ways_of_cross_entropy,
    squares_into_dot,
    scale_into_sum,
    scale_into_addition,
    addition_into_product,
)


def _only_reader(
    work: Steps, producer_kind: str, consumer_kind: str, function: int | None = None
) -> list[tuple[Step, Step]]:
    """Return pairs of steps where the first's result is temporary and read by the second alone.

    The second reads it as the first wrote it: a vector not turned. `function` is the first's, of
    those of its kind.
    """
    readers = work.readers()
    pairs = []
    for step in work.steps:
        if step.kind != producer_kind or step.out is None or step.out2 is not None:
            continue
        if function is not None and step.a != function:
            continue
        by = readers.get(step.out.buffer, [])
        alone = step.out.buffer.home == "temporary" and len(by) == 1
        if alone and by[0].kind == consumer_kind and step.out in by[0].inputs:
            pairs.append((step, by[0]))
    taken: set[int] = set()  # a step takes part in one merge at a time
    free = []
    for pair in pairs:
        if taken.isdisjoint(map(id, pair)):
            free.append(pair)
            taken.update(map(id, pair))
    return free


def _sums_batch(step: Step) -> bool:
    """Tell whether the result is a sum over the batch, whole only when every row has been added."""
    assert step.out is not None
    return step.out.rows != BATCH and any(x is not None and x.rows == BATCH for x in step.inputs)


def _merge(work: Steps, first: Step, second: Step, fused: Step, at: Step) -> None:
    position = work.steps.index(at)
    work.steps[position] = fused
    work.steps.remove(second if at is first else first)


def _product(a: Uniform, b: Uniform) -> Uniform | None:
    if a.per_row and b.per_row:
        return None
    return Uniform(a.value * b.value, a.per_row or b.per_row)


def _replace_buffer(work: Steps, old: Buffer, new: Buffer) -> None:
    def renamed(operand: Operand | None) -> Operand | None:
        if operand is None or operand.buffer is not old:
            return operand
        return Operand(new, operand.rows, operand.columns)

    for i, step in enumerate(work.steps):
        if old in step.reads() or old in step.writes():
            work.steps[i] = step.but(
                inputs=tuple(map(renamed, step.inputs)),
                out=renamed(step.out),
                out2=renamed(step.out2),
            )


def _defined_before(work: Steps, operand: Operand, step: Step) -> bool:
    """Tell whether the operand's value is there when `step` runs."""
    position = work.steps.index(step)
    return all(operand.buffer not in later.writes() for later in work.steps[position:])


def _read_before(work: Steps, operand: Operand | None, step: Step) -> bool:
    """Tell whether someone reads the operand before `step` runs."""
    assert operand is not None
    position = work.steps.index(step)
    return any(operand.buffer in earlier.reads() for earlier in work.steps[:position])
