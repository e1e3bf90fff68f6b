"""Fewer steps: what one kernel can do in one pass becomes one step.

Each rule looks at one step and its neighbours, those that read or write the same buffers; none
changes what is computed, and each may be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fastmlp.planner.fuse_rescale import RESCALING_RULES
from fastmlp.planner.fuse_rows import ROW_RULES
from fastmlp.planner.ir import ONE, Buffer, Rule, Step, Steps, Uniform, by_position
from fastmlp.planner.kernels import (
    ACTIVATION_OF_UNARY,
    BINARY,
    DERIVATIVE_OF_BINARY,
    KINDS,
    OVER_ALL,
    OVER_COLUMNS,
    OVER_ROWS,
    UNARY,
)


def fuse(work: Steps, rules: Mapping[Rule, tuple[str, ...]] | None = None) -> Steps:
    """Apply every rule until none finds anything to do, and then the rules for what is left."""
    for part in (RULES, RESCALING_RULES) if rules is None else (rules,):
        _apply(work, part)
    return work


def _apply(work: Steps, rules: Mapping[Rule, tuple[str, ...]]) -> None:
    """Apply some rules until none finds anything to do.

    A rule looks again only at steps near a change, so that the time is linear in the steps.
    """
    unseen: dict[Rule, dict[Step, None]] = {}
    of_kind: dict[str, list[dict[Step, None]]] = {}
    for rule, kinds in rules.items():
        unseen[rule] = {}
        for kind in kinds:
            of_kind.setdefault(kind, []).append(unseen[rule])

    def show(steps: Iterable[Step]) -> None:
        for step in dict.fromkeys(steps):
            for waiting in of_kind.get(step.kind, ()):
                waiting[step] = None

    show(work.steps)
    while any(unseen.values()):
        for rule, waiting in unseen.items():
            if not waiting:
                continue
            steps = sorted(waiting, key=by_position)
            waiting.clear()
            found = [rule(work, step) for step in steps if step in work]
            if fused := [step for step in found if step is not None]:
                show(near for step in fused for near in _near(work, step))


def _near(work: Steps, step: Step) -> Iterator[Step]:
    """Yield the steps for which a rule may find something to do now that this one is new."""
    yield step
    for buffer in step.writes():
        yield from work.readers(buffer)
    for buffer in step.reads():
        yield from work.writers(buffer)
        if len(work.readers(buffer)) == 1:
            yield from work.readers(buffer)
    if step.kind == "gemm" and step.inputs[1] is not None:  # a sum of z̄ may join it now
        yield from work.readers(step.inputs[1].buffer)


def drop_unread(work: Steps, step: Step) -> Step | None:
    """Leave out steps whose results no step reads, as parts of what was lowered to one step."""
    waiting, dropped = [step], None
    while waiting:
        last = waiting.pop()
        if last not in work or any(b.home != "temporary" or work.readers(b) for b in last.writes()):
            continue
        work.remove(last)
        dropped = step
        waiting += [writer for buffer in last.reads() for writer in work.writers(buffer)]
    return dropped


def deliver_in_place(work: Steps, copy: Step) -> Step | None:
    """Compute a result where it is wanted, instead of copying it there."""
    x, out = copy.inputs[0], copy.out
    assert x is not None
    assert out is not None
    source, target = x.buffer, out.buffer
    columns = copy.numbers["columns"]
    whole = copy.numbers["from_column"] == copy.numbers["to_column"] == 0
    whole = whole and columns == source.columns == target.columns
    by_rows = target.home != "output" or target.by_batch
    if target.home == "temporary" or source.home != "temporary" or not (whole and by_rows):
        return None
    if len(work.writers(target)) > 1 or (target.home == "output" and _regrouped(work, source)):
        return None
    work.remove(copy)
    work.rename(source, target)
    return next(iter(work.writers(target)), None)


def activation_into_product(work: Steps, product: Step) -> Step | None:
    """Apply φ to the rows of affine's result while they are in registers."""
    consumer = _only_reader(work, product, "unary")
    if consumer is None or not _is_plain(product):
        return None
    activation = ACTIVATION_OF_UNARY.get(consumer.numbers["function"])
    if activation is None:
        return None
    numbers = product.with_numbers(activation=activation)
    return work.merge(consumer, product.but(numbers=numbers, out=consumer.out), at=product)


def derivative_into_product(work: Steps, product: Step) -> Step | None:
    """Multiply h̄ = z̄W by φ'(z) while it is in registers; the message reads h or z."""
    consumer = _only_reader(work, product, "binary")
    if consumer is None or not _is_plain(product):
        return None
    derivative = DERIVATIVE_OF_BINARY.get(consumer.numbers["function"])
    bar, read = consumer.inputs
    if derivative is None or bar is None or read is None:
        return None
    if bar != product.out or read.shape != bar.shape:
        return None
    numbers = product.with_numbers(derivative=derivative)
    fused = product.but(inputs=(*product.inputs[:3], read), numbers=numbers, out=consumer.out)
    return work.merge(product, fused, at=consumer)


def bias_gradient_into_product(work: Steps, total: Step) -> Step | None:
    """Sum z̄ over the batch, for b̄, while W̄ᵀ = xᵀz̄ reads it."""
    summed = total.inputs[0]
    assert summed is not None
    if total.numbers["axis"] != OVER_ROWS or total.scalar != ONE:
        return None

    def fits(product: Step) -> bool:
        if product.kind != "gemm" or product.out2 is not None or product.out is None:
            return False
        by_rows = product.out.buffer.by_batch  # then it is done for some rows at a time
        return product.inputs[1] == summed and not (product.numbers["transpose_b"] or by_rows)

    product = min(filter(fits, work.readers(summed.buffer)), key=by_position, default=None)
    if product is None:
        return None
    earlier, later = sorted((total, product), key=by_position)
    needed = (r.position for b in earlier.writes() for r in work.readers(b))  # the first reader
    if min(needed, default=later.position) < later.position:
        return None
    return work.merge(earlier, product.but(out2=total.out), at=later)


def both_ways_of_cross_entropy(work: Steps, message: Step) -> Step | None:
    """Compute cross-entropy and its message to the logits from one softmax."""
    if message.out is not None:
        return None
    z, _, bar = message.inputs
    assert z is not None

    def fits(loss: Step) -> bool:
        if loss.kind != message.kind or loss.out2 is not None:
            return False
        known = bar is None or all(
            step.position < loss.position for step in work.writers(bar.buffer)
        )
        return known and loss.inputs[:2] == message.inputs[:2]

    loss = min(filter(fits, work.readers(z.buffer)), key=by_position, default=None)
    return loss and work.merge(message, message.but(out=loss.out), at=loss)


def squares_into_dot(work: Steps, product: Step) -> Step | None:
    """Σ a² and Σ a∘b need no a² or a∘b."""
    total = _only_reader(work, product, "sum")
    if total is None or total.numbers["axis"] == OVER_COLUMNS:
        return None
    function = product.numbers["function"]
    if product.kind == "binary" and function == BINARY["multiply"]:
        factors = product.inputs
    elif product.kind == "unary" and function == UNARY["power"] and product.scalar.value == 2.0:
        factors = product.inputs * 2
    else:
        return None
    assert product.out is not None
    if any(x is None or x.shape != product.out.shape for x in factors):
        return None
    dot = Step("dot", factors, total.out, numbers=total.numbers, scalar=total.scalar)
    return work.merge(product, dot, at=total)


def factor_of_sum(work: Steps, total: Step) -> Step | None:
    """One sum with a factor for c · Σ a, one dot product with a factor for c · Σ a∘b."""
    scale = _only_reader(work, total, "unary")
    factor = _product(total, scale)
    if scale is None or factor is None or not _is_scale(scale):
        return None
    return work.merge(scale, total.but(scalar=factor, out=scale.out), at=total)


def sum_of_scaled(work: Steps, scale: Step) -> Step | None:
    """One sum with a factor for Σ (c · a)."""
    return _into_sum(work, scale) if _is_scale(scale) else None


def sum_of_sums(work: Steps, inner: Step) -> Step | None:
    """One sum over both axes for Σ Σ a."""
    outer = _only_reader(work, inner, "sum")
    return _into_sum(work, inner) if outer and outer.numbers["axis"] == OVER_ALL else None


def _into_sum(work: Steps, producer: Step) -> Step | None:
    """Let the sum that reads a step's result read what the step reads."""
    total = _only_reader(work, producer, "sum")
    factor = _product(producer, total)
    if total is None or factor is None:
        return None
    return work.merge(producer, total.but(inputs=producer.inputs, scalar=factor), at=total)


def scale_into_addition(work: Steps, addition: Step) -> Step | None:
    """Add a and c·b, as of a gradient and its L2 term, in one pass and in place of a."""
    if addition.numbers["function"] != BINARY["add"]:
        return None
    scaled = [
        step
        for buffer in addition.reads()
        for step in work.writers(buffer)
        if _is_scale(step) and _only_reader(work, step, "binary") is addition
    ]
    scale = min(scaled, key=by_position, default=None)
    if scale is None or scale.out is None:
        return None
    left, right = addition.inputs
    a = left if right == scale.out else right
    assert a is not None
    assert addition.out is not None
    alone = a.buffer.home == "temporary" and work.read_once(a.buffer)
    if not alone or not (a.shape == addition.out.shape == scale.out.shape):
        return None
    fused = Step("add_scaled", (a, scale.inputs[0]), addition.out, scalar=scale.scalar)
    return work.merge(scale, fused, at=addition)


def addition_into_product(work: Steps, product: Step) -> Step | None:
    """Add c·b, as of an L2 term, to a sum over the batch while that is in registers."""
    assert product.out is not None
    if not _sums_batch(product) or len(product.inputs) > 3:
        return None
    readers = work.readers(product.out.buffer)
    total = next(iter(readers), None)
    if total is None or total.kind != "add_scaled" or not work.read_once(product.out.buffer):
        return None
    addend = total.inputs[1]
    assert addend is not None
    steady = addend.buffer.home in ("parameter", "constant")  # the same for every row
    if product.out != total.inputs[0] or product.out.shape != addend.shape or not steady:
        return None
    fused = product.but(inputs=(*product.inputs, None, addend), out=total.out, scalar=total.scalar)
    return work.merge(product, fused, at=total)


# In the order they are tried, with the kinds of the steps they look at.
RULES: dict[Rule, tuple[str, ...]] = {
    drop_unread: tuple(KINDS),
    deliver_in_place: ("copy",),
    activation_into_product: ("gemm",),
    derivative_into_product: ("gemm",),
    bias_gradient_into_product: ("sum",),
    both_ways_of_cross_entropy: ("softmax_cross_entropy",),
    squares_into_dot: ("unary", "binary"),
    factor_of_sum: ("sum", "dot"),
    sum_of_scaled: ("unary",),
    sum_of_sums: ("sum",),
    scale_into_addition: ("binary",),
    addition_into_product: ("gemm",),
    **ROW_RULES,
}


def _regrouped(work: Steps, buffer: Buffer) -> bool:
    """Tell whether a step sees groups of its columns as rows, or rows as groups."""
    steps = [*work.readers(buffer), *work.writers(buffer)]
    operands = [x for step in steps for x in (*step.inputs, step.out, step.out2)]
    return any(x is not None and x.buffer is buffer and x.rows != buffer.rows for x in operands)


def _only_reader(work: Steps, step: Step, kind: str) -> Step | None:
    """Return the step of a kind that alone reads a temporary result, as it was written.

    A vector must not be turned. None if there is no such step.
    """
    if step.out is None or step.out2 is not None or step.out.buffer.home != "temporary":
        return None
    if not work.read_once(step.out.buffer):
        return None
    (reader,) = work.readers(step.out.buffer)
    return reader if reader.kind == kind and step.out in reader.inputs else None


def _is_scale(step: Step) -> bool:
    return step.kind == "unary" and step.numbers["function"] == UNARY["scale"]


def _is_plain(product: Step) -> bool:
    """Tell whether the product has no function of its elements yet and can take one."""
    numbers = product.numbers
    return numbers["activation"] == numbers["derivative"] == 0 and not _sums_batch(product)


def _sums_batch(step: Step) -> bool:
    """Tell whether the result is a sum over the batch, whole only when every row has been added."""
    assert step.out is not None
    return not step.out.buffer.by_batch and any(buffer.by_batch for buffer in step.reads())


def _product(producer: Step, consumer: Step | None) -> Uniform | None:
    """Return the product of both steps' numbers, None if it is divided by the rows twice."""
    if consumer is None or (producer.scalar.per_row and consumer.scalar.per_row):
        return None
    a, b = producer.scalar, consumer.scalar
    return Uniform(a.value * b.value, a.per_row or b.per_row)
