"""Whatever the core's programs are given, they raise or run; they never crash."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_planner_place import planned
from test_threads import environment

from fastmlp import _core
from fastmlp import graph as g
from fastmlp.planner import plan
from fastmlp.planner.build import plan_program
from fastmlp.planner.kernels import OPTIMIZERS
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.treatments import Group

x, t = g.input(3, "x"), g.input(1, "t")
W, b = g.parameter(np.ones((4, 3)), "W"), g.parameter(np.zeros(4), "b")
logits = g.affine(x, W, b)
loss = g.mean(g.softmax_cross_entropy(logits, t))
X, T = np.ones((5, 3), np.float32), np.zeros((5, 1), np.float32)


def program(training: bool) -> tuple[Any, int]:
    parameters = Parameters([W, b])
    bars = dict(zip([W, b], g.gradient(loss, [W, b]), strict=True)) if training else {}
    arguments, _ = plan_program(
        () if training else [logits],
        parameters=parameters,
        fed=[x, t] if training else [x],
        scalars=[loss] if training else [],
        gradients=bars,
    )
    return _core.ProgramF32(**arguments), parameters.size


PREDICT, SIZE = program(training=False)
TRAIN, _ = program(training=True)


def vector(n: int = SIZE, dtype: Any = np.float32) -> np.ndarray:
    return np.zeros(n, dtype)


def read_only(a: np.ndarray) -> np.ndarray:
    a.flags.writeable = False
    return a


def unaligned(a: np.ndarray) -> np.ndarray:
    moved = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def group(
    begin: int = 0, end: int = SIZE, rule: str = "adam", column: int = 0
) -> tuple[int, int, str, int, bool]:
    return begin, end, rule, column, True


def run(**changes: Any) -> Any:
    call: dict[str, Any] = {
        "feeds": [X],
        "rows": 5,
        "parameters": vector(),
        "outputs": [np.zeros((5, 4), np.float32)],
        "seed": 0,
        "step": 0,
        "gradient": None,
    }
    return PREDICT.run(**{**call, **changes})


UPDATING = (
    *("parameters", "state", "groups", "step_values", "clip_norm", "clip_value", "max_norms"),
    "outputs",
)


def train(**changes: Any) -> Any:
    call: dict[str, Any] = {
        "feeds": [X, T],
        "order": np.arange(10).reshape(2, 5) % 5,
        "rows": 5,
        "batch_rows": 2,
        "epochs": 2,
        "parameters": vector(),
        "state": [vector(), vector()],
        "groups": [group()],
        "step_values": np.full((6, 5), 0.1),
        "seed": 0,
        "first_step": 0,
        "scalars": np.zeros((2, 1)),
    }
    call |= changes
    updating = {name: call.pop(name) for name in list(call) if name in UPDATING}
    return TRAIN.train_each([TRAIN.job(updating=_core.Updating(**updating), **call)])[0]


def test_the_calls_that_are_then_spoilt_work():
    run()
    assert train() == (2, 6, False)


BAD_RUNS: dict[str, dict[str, Any]] = {
    "no feed": {"feeds": []},
    "two feeds": {"feeds": [X, X]},
    "a feed of other columns": {"feeds": [X[:, :2]]},
    "a feed of fewer rows": {"feeds": [X[:4]]},
    "a flat feed": {"feeds": [X.ravel()]},
    "a feed in Fortran order": {"feeds": [np.asfortranarray(X)]},
    "a feed backwards": {"feeds": [X[::-1]]},
    "a feed of text": {"feeds": [X.astype("U3")]},
    "a feed of objects": {"feeds": [X.astype(object)]},
    "a complex feed": {"feeds": [X.astype(np.complex64)]},
    "a feed of the other byte order": {"feeds": [X.astype(">f4")]},
    "an unaligned feed": {"feeds": [unaligned(X)]},
    "a feed of dates": {"feeds": [X.astype("M8[s]")]},
    "None as a feed": {"feeds": [None]},
    "a list as a feed": {"feeds": [X.tolist()]},
    "no rows": {"rows": 0},
    "negative rows": {"rows": -1},
    "rows that overflow": {"rows": 2**63 - 1},
    "rows beyond 64 bits": {"rows": 2**64},
    "rows of a row repeated for ever": {
        "feeds": [np.broadcast_to(X[:1], (2**50, 3))],
        "rows": 2**50,
    },
    "short parameters": {"parameters": vector(SIZE - 1)},
    "parameters in float64": {"parameters": vector(dtype=np.float64)},
    "parameters with gaps": {"parameters": vector(2 * SIZE)[::2]},
    "a matrix of parameters": {"parameters": vector()[None]},
    "unaligned parameters": {"parameters": unaligned(vector())},
    "no outputs": {"outputs": []},
    "an output of other columns": {"outputs": [np.zeros((5, 3), np.float32)]},
    "an output of fewer rows": {"outputs": [np.zeros((4, 4), np.float32)]},
    "a read-only output": {"outputs": [read_only(np.zeros((5, 4), np.float32))]},
    "an output in float64": {"outputs": [np.zeros((5, 4))]},
    "a transposed output": {"outputs": [np.zeros((4, 5), np.float32).T]},
    "a negative seed": {"seed": -1},
    "a short gradient": {"gradient": vector(SIZE - 1)},
    "a read-only gradient": {"gradient": read_only(vector())},
    "a gradient nobody computes": {"gradient": vector()},
}

BAD_TRAININGS: dict[str, dict[str, Any]] = {
    "an order of a row too many": {"order": np.full((2, 5), 5)},
    "an order of negative rows": {"order": np.full((2, 5), -1)},
    "an order of too few epochs": {"order": np.zeros((1, 5), np.int64)},
    "an order of int32": {"order": np.zeros((2, 5), np.int32)},
    "an order of floats": {"order": np.zeros((2, 5))},
    "an order in Fortran order": {"order": np.zeros((5, 2), np.int64).T},
    "batches of no rows": {"batch_rows": 0},
    "negative epochs": {"epochs": -1},
    "epochs that overflow": {"epochs": 2**62},
    "a rule that is none": {"groups": [group(rule="adagrad")]},
    "one state vector for adam": {"state": [vector()]},
    "two state vectors for sgd": {"groups": [group(rule="sgd")]},
    "a group beyond the end": {"groups": [group(end=SIZE + 1)]},
    "a group before the beginning": {"groups": [group(begin=-16)]},
    "a group that ends before it begins": {"groups": [group(begin=16, end=0)]},
    "a group between two cache lines": {"groups": [group(begin=8)]},
    "groups that overlap": {"groups": [group(), group(begin=16)]},
    "groups in disorder": {"groups": [group(begin=16), group(end=16)]},
    "a group of a negative column": {"groups": [group(column=-1)]},
    "a group of a column beyond the end": {"groups": [group(column=1)]},
    "a group of a column that overflows": {"groups": [group(column=2**63 - 1)]},
    "a short state": {"state": [vector(), vector(SIZE - 1)]},
    "a read-only state": {"state": [vector(), read_only(vector())]},
    "read-only parameters": {"parameters": read_only(vector())},
    "too few step values": {"step_values": np.zeros((5, 5))},
    "step values of other columns": {"step_values": np.zeros((6, 4))},
    "step values in float32": {"step_values": np.zeros((6, 5), np.float32)},
    "scalars of too few epochs": {"scalars": np.zeros((1, 1))},
    "read-only scalars": {"scalars": read_only(np.zeros((2, 1)))},
    "sums without that of the weights": {"sums": np.zeros(1)},
    "read-only sums": {"sums": read_only(np.zeros(2))},
    "a bound beyond the end": {"max_norms": [(SIZE - 8, 3, 4, 1.0)]},
    "a bound before the beginning": {"max_norms": [(-1, 1, 1, 1.0)]},
    "a bound from beyond the end on": {"max_norms": [(2**63 - 1, 1, 1, 1.0)]},
    "a bound of no inputs": {"max_norms": [(0, 0, 4, 1.0)]},
    "a bound of no units": {"max_norms": [(0, 3, 0, 1.0)]},
    "a bound of units that overflow": {"max_norms": [(0, 2**32, 2**32, 1.0)]},
    "bounds that overlap": {"max_norms": [(0, 3, 4, 1.0), (11, 1, 1, 1.0)]},
    "bounds in disorder": {"max_norms": [(16, 1, 4, 1.0), (0, 3, 4, 1.0)]},
    "a bound of 0": {"max_norms": [(0, 3, 4, 0.0)]},
    "a bound of NaN": {"max_norms": [(0, 3, 4, np.nan)]},
    "an infinite bound": {"max_norms": [(0, 3, 4, np.inf)]},
    "a bound without a limit": {"max_norms": [(0, 3, 4)]},
    "a feed too few": {"feeds": [X]},
}


@pytest.mark.parametrize("what", BAD_RUNS)
def test_a_bad_argument_of_run_raises(what: str):
    with pytest.raises((ValueError, TypeError)):
        run(**BAD_RUNS[what])


@pytest.mark.parametrize("what", BAD_TRAININGS)
def test_a_bad_argument_of_train_raises_before_anything_is_written(what: str):
    changes = dict(BAD_TRAININGS[what])
    parameters = changes.setdefault("parameters", vector())
    state = changes.setdefault("state", [vector(), vector()])
    with pytest.raises((ValueError, TypeError)):
        train(**changes)
    assert not any(a.any() for a in (parameters, *state))


def test_a_program_without_a_loss_cannot_train():
    values = np.zeros((1, 0))
    nothing = _core.Updating(parameters=vector(), state=[], groups=[], step_values=values)
    with pytest.raises(ValueError, match="computes no loss"):
        PREDICT.job([X], None, 5, 5, 1, nothing, 0, 0, np.zeros((1, 0)))


@pytest.mark.parametrize("place", [-2, 10**6])
def test_a_weight_of_a_batch_that_is_not_there_is_no_program(place: int):
    arguments, _ = plan_program([logits], parameters=Parameters([W, b]), fed=[x])
    _core.ProgramF32(**arguments)
    with pytest.raises(ValueError, match="no such weight of a batch"):
        _core.ProgramF32(**{**arguments, "batch_weight": place})


# --------------------------------------------------------------------- labels out of range

LABELS = [-1.0, 4.0, 1e30, -1e30, np.nan, np.inf, -np.inf, -0.5, 2.0**63]


def guarded(op: Callable[..., g.Node], *columns: int) -> np.ndarray:
    """The result of an operation on rows with good and bad labels, beside NaN on all sides."""
    inputs = [g.input(n) for n in columns]
    rows = len(LABELS) + 2
    surroundings = np.full((rows + 20, sum(columns) + 9), 777.0)
    feeds, at = {}, 3
    for node, n in zip(inputs, columns, strict=True):
        surroundings[10 : 10 + rows, at : at + n] = 1.0
        feeds[node] = surroundings[10 : 10 + rows, at : at + n]
        at += n
    feeds[inputs[-1]][:, 0] = [0, *LABELS, 3]
    return plan([op(*inputs)], dtype="float64").run(feeds)[0]


def test_picking_a_column_that_does_not_exist_gives_nan():
    found = guarded(g.pick, 4, 1)[:, 0]
    assert found[[0, -1]].tolist() == [1, 1]
    bad = found[1:-1]
    assert np.isnan(bad[np.array(LABELS) != -0.5]).all()
    assert not (found == 777).any()


def test_scattering_to_a_column_that_does_not_exist_writes_nothing():
    found = guarded(lambda a, i: g.scatter(a, i, 4), 1, 1)
    assert found[0].tolist() == [1, 0, 0, 0]
    assert found[-1].tolist() == [0, 0, 0, 1]
    assert not found[1:-1][np.array(LABELS) != -0.5].any()


def test_the_cross_entropy_of_a_class_that_does_not_exist_is_no_number():
    found = guarded(g.softmax_cross_entropy, 4, 1)[:, 0]
    np.testing.assert_allclose(found[[0, -1]], np.log(4))
    assert np.isnan(found[1:-1][np.array(LABELS) != -0.5]).all()


def test_the_message_of_a_class_that_does_not_exist_touches_its_own_row_only():
    def message(z: g.Node, t: g.Node) -> g.Node:
        return g.gradient(g.sum(g.softmax_cross_entropy(z, t)), z)

    found = guarded(message, 4, 1)
    np.testing.assert_allclose(found[0], [-0.75, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(found[-1], [0.25, 0.25, 0.25, -0.75])
    assert not (np.abs(found) > 1).any()


# ------------------------------------------------------------------------- corrupt programs

NUMBERS = [-(2**63), -(2**40), -2, -1, 0, 1, 2, 3, 5, 16, 64, 1000, 2**31, 2**40, 2**62, 2**63 - 1]


def spoilt(value: Any, rng: random.Random) -> Any:
    """The value with one number somewhere in it changed."""
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        key = rng.choice(sorted(value))
        return {**value, key: spoilt(value[key], rng)}
    if isinstance(value, list | tuple):
        if not value or rng.random() < 0.03:
            return type(value)([*value, *value[-1:]]) if rng.random() < 0.5 else type(value)()
        i = rng.randrange(len(value))
        changed = [*value]
        changed[i] = spoilt(value[i], rng)
        return type(value)(changed)
    if isinstance(value, bool):
        return not value
    if isinstance(value, float):
        return rng.choice([float("nan"), float("inf"), -1.0, 0.0, 1e300, 1.0])
    return rng.choice([*NUMBERS, value + 1, value - 1, value * 2])


def try_program(arguments: dict[str, Any], rng: random.Random) -> str:
    """Build and run a program on data that fits it, if there is such; return what came of it."""
    try:
        each = getattr(_core, rng.choice(["ProgramF32", "ProgramF64"]))(**arguments)
    except (ValueError, TypeError):
        return "refused"
    dtype = np.float32 if "F32" in type(each).__name__ else np.float64
    rows = rng.choice([1, 3, 300])

    def matrix(r: int, c: int, fill: float) -> np.ndarray:
        return np.full((rows if r == -1 else r, c), fill, dtype)

    def fed(r: int, c: int) -> Any:
        dense = matrix(r, c, rng.choice([0.5, -3.0, 1e9]))
        if rng.random() < 0.7:
            return dense
        n = len(dense)  # one element in each row
        return dense[:, 0].copy(), np.arange(n) % max(c, 1), np.arange(n + 1)

    try:
        feeds = [fed(r, c) for r, c in arguments["feeds"]]
        outputs = [matrix(r, c, 0.0) for r, c in arguments["outputs"]]
        n = arguments["parameter_size"]
        gradient = np.zeros(n, dtype) if arguments["scalars"] else None
        each.run(feeds, rows, np.ones(n, dtype), outputs, 1, 2, gradient)
        if arguments["scalars"]:
            train_two_batches(each, feeds, rows, n, len(arguments["scalars"]), rng)
            return "trained"
    except (ValueError, TypeError, MemoryError):
        return "raised"
    return "ran"


def train_two_batches(
    program: Any, feeds: list[Any], rows: int, n: int, scalars: int, rng: random.Random
) -> None:
    """Two batches by a rule, sometimes of groups that do not fit."""
    rule = rng.choice(list(OPTIMIZERS))
    groups = [
        Group(0, n // 2 // 16 * 16, rule, 0, True),
        Group(n // 2 // 16 * 16, n, rule, 0, False),
    ]
    max_norms = [(0, 3, n // 6, 0.5, rng.random() < 0.5)] if n >= 6 else []
    if rng.random() < 0.3:
        max_norms = spoilt(max_norms, rng)
    vectors, columns = len(OPTIMIZERS[rule].state), len(OPTIMIZERS[rule].numbers)
    if rng.random() < 0.3:
        groups = [Group(*group) for group in spoilt(groups, rng)]
    dtype = np.float32 if "F32" in type(program).__name__ else np.float64
    batch = -(-rows // 2)
    order = rng.choice([None, np.arange(rows)[::-1].copy()[None]])
    job = program.job(
        feeds,
        order,
        rows,
        batch,
        1,
        _core.Updating(
            parameters=np.ones(n, dtype),
            state=[np.zeros(n, dtype) for _ in range(vectors)],
            groups=groups,
            step_values=np.full((-(-rows // batch), max(columns, 1)), 0.1),
            max_norms=max_norms,
        ),
        0,
        0,
        np.zeros((1, scalars)),
    )
    program.train_each([job])


def fuzz(seeds: range) -> dict[str, int]:
    outcomes = {"refused": 0, "raised": 0, "ran": 0, "trained": 0}
    for seed in seeds:
        rng = random.Random(seed)
        arguments, _ = planned(rng.randrange(8), training=rng.random() < 0.5)
        for _ in range(rng.choice([0, 1, 1, 1, 2, 4])):
            arguments = spoilt(arguments, rng)
        outcomes[try_program(arguments, rng)] += 1
    return outcomes


def test_a_corrupt_program_is_refused_or_runs_but_never_crashes():
    script = """
import resource
from fastmlp import _core
from test_executor_errors import *
if not _core.sanitizer():  # which takes terabytes of addresses for itself
    # Absurd sizes must not fill the machine.
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
outcomes = fuzz(range(1500))
assert outcomes["refused"] > 300 and outcomes["ran"] > 100 and outcomes["trained"] > 100, outcomes
print(outcomes)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment(FASTMLP_NUM_THREADS="2"),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
