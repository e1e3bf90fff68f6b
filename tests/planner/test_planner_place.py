"""Memory: an independent simulation of the planned steps finds no buffer overwritten too early."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from fastmlp import graph as g
from fastmlp.graph import Node
from fastmlp.graph.ops import OPS
from fastmlp.planner import ir
from fastmlp.planner.build import plan_program
from fastmlp.planner.ir import Buffer, Operand, Step, Steps
from fastmlp.planner.parameters import Parameters
from op_cases import CASES
from random_graphs import RandomGraph

# A second opinion on what the planner reads from the core, from cpp/kernels/table.h: which operand
# the result may be.
ALLOWED = {
    "gemm": (3,),
    "unary": (0,),
    "binary": (0, 1),
    "softmax": (0,),
    "log_softmax": (0,),
    "dropout": (0,),
    "softmax_cross_entropy": (0,),
    "add_scaled": (0,),
    "normalize_rows": (0,),
    "normalize_rows_message": (0, 1),
    "standardize": (0,),
    "normalize_columns_message": (0, 1),
    "noise": (0,),
    "rescale": (0,),
    "rescale_message": (0, 1),
}


@functools.cache
def planned(seed: int, training: bool) -> tuple[dict[str, object], Steps]:
    graph = RandomGraph(seed, size=30)
    parameters = Parameters(graph.parameters)
    loss = graph.loss()
    if training:
        bars = dict(zip(parameters.nodes, g.gradient(loss, list(parameters.nodes)), strict=True))
        outputs, scalars = (), (loss, graph.loss())
    else:
        bars, outputs, scalars = {}, (*graph.nodes[-3:], *g.gradient(loss, graph.parameters)), ()
    return plan_program(
        outputs,
        parameters=parameters,
        fed=list(graph.feeds),
        scalars=scalars,
        gradients=bars,
    )


def cells(buffer: Buffer) -> set[tuple[int, int]]:
    """The elements of a buffer, or its columns if it has batch rows."""
    assert buffer.place is not None
    space, start = buffer.place
    if space in (ir.FEED_SPACE, ir.OUTPUT_SPACE):
        return {(space, start)}
    return {(space, i) for i in range(start, start + buffer.size)}


def check_memory(work: Steps, arguments: dict[str, object]) -> int:
    """Run the steps on a memory that remembers who wrote each element; count those in place."""
    sizes = {
        ir.BATCH_SPACE: arguments["batch_columns"],
        ir.FIXED_SPACE: arguments["fixed_size"],
        ir.REDUCED_SPACE: arguments["reduced_size"],
        ir.PARAMETER_SPACE: arguments["parameter_size"],
    }
    memory: dict[tuple[int, int], Buffer] = {}
    for constant in work.constants:
        memory |= dict.fromkeys(cells(constant), constant)
    in_place = 0
    for step in work.steps:
        for buffer in step.reads():
            if buffer.home in ("feed", "parameter"):
                assert not any(cell in memory for cell in cells(buffer))
                continue
            assert all(memory.get(cell) is buffer for cell in cells(buffer)), step
        for buffer in step.writes():
            assert all(i < sizes.get(space, i + 1) for space, i in cells(buffer)), step  # type: ignore[operator]
            overwritten = [x for x in step.inputs if x and cells(x.buffer) & cells(buffer)]
            for operand in overwritten:
                assert may_overwrite(step, operand, buffer), step
                in_place += 1
            memory |= dict.fromkeys(cells(buffer), buffer)
    for buffer in (*work.outputs, *work.scalars):
        assert all(memory.get(cell) is buffer for cell in cells(buffer))
    return in_place


def may_overwrite(step: Step, operand: Operand, result: Buffer) -> bool:
    main = step.out2 if step.kind == "softmax_cross_entropy" else step.out
    allowed = [step.inputs[i] for i in ALLOWED.get(step.kind, ()) if i < len(step.inputs)]
    return (
        main is not None
        and main.buffer is result
        and operand.buffer.place == result.place
        and operand.shape == main.shape
        and operand in allowed
    )


@pytest.mark.parametrize("training", [False, True])
def test_no_buffer_is_overwritten_while_it_is_needed(training: bool):
    in_place = sum(check_memory(work, a) for a, work in (planned(s, training) for s in range(60)))
    assert in_place > 40  # or the simulation has seen no case that matters


def test_no_buffer_of_any_operation_is_overwritten_while_it_is_needed():
    for op, cases in CASES.items():
        for case in cases:
            node, arguments, feeds = case.build(op, batch=True)
            wrt = [a for i, a in enumerate(arguments) if i not in case.fixed]
            outputs = [node, *g.gradient(g.sum(g.sin(node)), wrt)]
            a, work = plan_program(outputs, parameters=Parameters([]), fed=list(feeds))
            check_memory(work, a)
    assert set(CASES) == set(OPS)


def buffers(work: Steps) -> Iterator[Buffer]:
    for step in work.steps:
        yield from step.reads() + step.writes()


def test_the_simulation_notices_two_buffers_in_one_place():
    noticed = 0
    for seed in range(10):
        arguments, work = planned(seed, training=True)
        temporary = [b for b in dict.fromkeys(buffers(work)) if b.home == "temporary"]
        pairs = [(a, b) for a in temporary for b in temporary if a is not b and a.size == b.size]
        for a, b in pairs[:5]:
            if a.rows == b.rows and a.place != b.place:
                kept, a.place = a.place, b.place
                try:
                    check_memory(work, arguments)
                except AssertionError:
                    noticed += 1
                a.place = kept
    assert noticed > 10


def deep(layers: int) -> tuple[Node, Node]:
    x = g.input(64, "x")
    h = x
    for _ in range(layers):
        h = g.sin(h * 0.9) + 0.1
    return x, h


def test_a_deep_network_needs_no_more_room_than_a_shallow_one():
    columns = []
    for layers in (3, 100):
        x, h = deep(layers)
        arguments, _ = plan_program([h], parameters=Parameters([]), fed=[x])
        columns.append(arguments["batch_columns"])
    assert columns[0] == columns[1] <= 2 * 64


def test_every_matrix_of_its_own_begins_on_a_cache_line():
    for seed in range(10):
        _, work = planned(seed, training=True)
        for buffer in buffers(work):
            assert buffer.place is not None
            if buffer.place.space in (ir.FIXED_SPACE, ir.REDUCED_SPACE, ir.PARAMETER_SPACE):
                assert buffer.place.offset % 16 == 0
            assert (buffer.place.space == ir.BATCH_SPACE) <= buffer.by_batch
