"""Order, sections, barriers, and the program as the core takes it."""

from __future__ import annotations

import ast
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from test_planner_place import ALLOWED, cells, planned

from fastmlp import _core
from fastmlp import graph as g
from fastmlp.graph.ops import OPS
from fastmlp.planner import ir
from fastmlp.planner.build import plan_program
from fastmlp.planner.ir import Buffer, Steps
from fastmlp.planner.kernels import BINARY, KINDS, MAY_OVERWRITE, NUMBERS, UNARY
from fastmlp.planner.lower import _Lowering
from fastmlp.planner.lower_rows import ROWS
from fastmlp.planner.parameters import Parameters

SEEDS = range(40)


def test_what_a_result_may_overwrite_is_what_the_kernels_allow():
    assert {kind: inputs for kind, inputs in MAY_OVERWRITE.items() if inputs} == ALLOWED


def test_the_core_has_no_kind_of_step_that_the_planner_does_not_use():
    both = (False, True)
    assert {s.kind for seed in SEEDS for t in both for s in planned(seed, t)[1].steps} == set(KINDS)


def test_every_step_has_the_numbers_of_its_kind():
    for seed in SEEDS:
        for step in planned(seed, True)[1].steps:
            assert tuple(step.numbers) == NUMBERS[step.kind]


def test_every_operation_can_be_lowered():
    known = {*UNARY, *BINARY} | {n.removeprefix("op_") for n in dir(_Lowering) if n[:3] == "op_"}
    assert set(OPS) <= known | set(ROWS)


@pytest.mark.parametrize("training", [False, True])
def test_every_step_comes_after_those_whose_results_it_reads(training: bool):
    for seed in SEEDS:
        _, work = planned(seed, training)
        ready: set[Buffer] = {*work.feeds, *work.constants}
        for step in work.steps:
            for buffer in step.reads():
                assert buffer in ready or buffer.home == "parameter"
            ready.update(step.writes())


def stages(work: Steps) -> list[str]:
    return ["rows" if s.section == "reduce" else s.section for s in work.steps]


@pytest.mark.parametrize("training", [False, True])
def test_a_batch_that_may_be_cut_has_its_rows_between_what_comes_before_and_after(training: bool):
    cut = 0
    for seed in SEEDS:
        arguments, work = planned(seed, training)
        if not arguments["by_rows"]:
            continue
        cut += 1
        order = ["before", "rows", "after"]
        assert [*map(order.index, stages(work))] == sorted(map(order.index, stages(work)))
        reductions = [b for s in work.steps if s.section == "reduce" for b in s.writes()]
        sums = {b for b in reductions if not b.by_batch}  # rows beside sums may be read at once
        plain = [s.kind == "sum" for s in work.steps if s.section in ("rows", "reduce")]
        assert plain == sorted(plain), "one thread adds a plain sum, others would wait for it"
        for step in work.steps:
            touches_rows = any(b.by_batch for b in step.reads() + step.writes())
            assert touches_rows == (step.section in ("rows", "reduce"))
            if step.section in ("rows", "reduce"):
                assert sums.isdisjoint(step.reads()), "a row needs a sum that is not yet whole"
            if step.section == "rows":
                assert all(b.by_batch for b in step.writes())
            else:
                assert not all(b.by_batch for b in step.writes())
    assert cut > 0


@pytest.mark.parametrize("training", [False, True])
def test_sums_over_the_batch_are_kept_lane_by_lane(training: bool):
    for seed in SEEDS:
        _, work = planned(seed, training)
        for step in work.steps:
            if step.section == "reduce":
                places = [b.place for b in step.writes() if not b.by_batch]
                assert places
                assert all(p is not None and p.space == ir.REDUCED_SPACE for p in places)


@pytest.mark.parametrize("training", [False, True])
def test_a_barrier_stands_where_steps_touch_the_same_memory_or_a_stage_begins(training: bool):
    for seed in SEEDS:
        _, work = planned(seed, training)
        reads = [{c for b in s.reads() for c in cells(b)} for s in work.steps]
        writes = [{c for b in s.writes() for c in cells(b)} for s in work.steps]
        begun = [a != b for a, b in itertools.pairwise(["", *stages(work)])]
        since = 0
        for j, step in enumerate(work.steps):
            earlier = range(since, j)
            touched = any(
                writes[i] & (reads[j] | writes[j]) or reads[i] & writes[j] for i in earlier
            )
            assert step.barrier == (j > 0 and (touched or begun[j])), (seed, j, step)
            if step.barrier:
                since = j


def test_a_normalized_batch_is_not_cut():
    x = g.input(3, "x")
    arguments, _ = plan_program([x - g.mean(x, axis=0)], parameters=Parameters([]), fed=[x])
    assert not arguments["by_rows"]
    arguments, _ = plan_program([x, g.mean(x, axis=0)], parameters=Parameters([]), fed=[x])
    assert arguments["by_rows"]


def test_a_hidden_layer_and_the_next_train_with_five_products():
    x, t = g.input(784, "x"), g.input(256, "t")
    W, b = g.parameter(np.ones((256, 784)), "W"), g.parameter(np.zeros((1, 256)), "b")
    V = g.parameter(np.ones((256, 256)), "V")
    h = g.relu(g.affine(x, W, b))
    loss = g.mean((g.matmul(h, V, transpose_b=True) - t) ** 2)
    parameters = Parameters([W, b, V])
    bars = dict(zip([W, b, V], g.gradient(loss, [W, b, V]), strict=True))
    arguments, work = plan_program(
        (), parameters=parameters, fed=[x, t], scalars=[loss], gradients=bars
    )
    products = [s for s in work.steps if s.kind == "gemm"]
    assert len(products) == 5  # two forward, V̄ and h̄, W̄; b̄ goes with W̄, φ and φ' with z and z̄
    assert sum(s.out2 is not None for s in products) == 1
    flops = _core.ProgramF32(**arguments).flops_per_row
    assert 1 <= flops / (2 * (2 * 784 * 256 + 3 * 256 * 256)) < 1.02
    assert not any(s.kind in ("copy", "transpose") for s in work.steps)


@pytest.mark.parametrize("dtype", ["F32", "F64"])
def test_the_core_accepts_every_emitted_program(dtype: str):
    for seed in SEEDS:
        for training in (False, True):
            arguments, _ = planned(seed, training)
            getattr(_core, f"Program{dtype}")(**arguments)  # raises if it does not like a step


def test_the_core_does_not_accept_a_step_beyond_its_memory():
    arguments, _ = planned(0, True)
    for space in ("batch_columns", "fixed_size", "reduced_size", "parameter_size"):
        with pytest.raises(ValueError, match=r"beyond the end of|no room for the gradient"):
            _core.ProgramF32(**{**arguments, space: arguments[space] // 2})


# mypy.stubtest sees neither what _core.kernels holds nor the arguments of pybind11's functions.
def test_the_stub_of_the_core_names_what_the_core_has():
    stub = Path(_core.__file__).parent / "_core.pyi"
    if not stub.exists():
        stub = Path(plan_program.__code__.co_filename).parent.parent / "_core.pyi"
    tree = ast.parse(stub.read_text("utf-8"))
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    top = {n.name for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    assert {n for n in top if n[0] != "_"} | {"format", "kernels"} == public(_core)
    for owner, there in (
        ("_Program", _core.ProgramF32),
        ("_Kernels", _core.kernels),
        ("_Format", _core.format),
    ):
        functions = [n for n in classes[owner].body if isinstance(n, ast.FunctionDef)]
        properties = {f.name for f in functions if f.decorator_list}
        fields = [n.target.id for n in classes[owner].body if isinstance(n, ast.AnnAssign)]  # type: ignore[union-attr]
        assert {f.name for f in functions if f.name[0] != "_"} | set(fields) == public(there)
        for function in (f for f in functions if f.name not in properties):
            given = getattr(there, function.name).__doc__.partition(" -> ")[0]
            names = [a.arg for a in (*function.args.args[1:], *function.args.kwonlyargs)]
            assert re.findall(r"(?:\(|, )(\w+): ", given.replace("self: ", "")) == names


def public(owner: object) -> set[str]:
    return {name for name in dir(owner) if name[0] != "_"}
