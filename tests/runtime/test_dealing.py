"""Members: many trainings, or predictions, of one program in one call of the core."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from test_threads import BOUND, NETS, Net, build, common, run_script

from allocations import SUPPORTED, counted
from fastmlp import _core
from fastmlp import graph as g
from fastmlp.planner import TrainingPlan, plan_training
from fastmlp.planner.build import plan_program
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.plans import make_program
from fastmlp.planner.results import EpochsResult

DEALT = {
    "too small to share": NETS["too small to share"],
    "clipped and averaged": Net((53, 31, 13), 250, batch=60, optimizer=BOUND, max_norm=0.8),
    "two threads each, dealt out": Net((64, 100, 10), rows=331, batch=101, rate=0.2, l2=1e-3),
    "sparse rows": Net((701, 20, 5), rows=230, batch=97, density=0.1),
    "bytes as they stand": Net((64, 30, 10), rows=700, batch=300, data="uint8", shuffle=False),
    "groups of tables": Net((6, 40, 12), rows=500, batch=200, groups=3, categories=50),
}
TOGETHER = {  # they use several threads alone: those left over are not dealt out
    "steps shared": Net((300, 500, 100, 10), rows=300, batch=250),
    "cut in chunks": Net((40, 500, 300, 3), rows=700, batch=600, shuffle=False),
}


@pytest.fixture(autouse=True)
def _threads_as_before() -> Any:
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)


@dataclass
class Member:
    """A member's own part of a training."""

    parameters: Parameters
    state: list[np.ndarray]
    order: np.ndarray | None
    values: np.ndarray
    seed: int
    result: EpochsResult
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def bits(self) -> bytes:
        vectors = [self.parameters.flat, *self.state, self.result.numbers, self.result.counts]
        if self.more["average"] is not None:
            vectors.append(self.more["average"].vector)
        return b"".join(a.tobytes() for a in vectors)


class Members:
    """Some members of a network, each with weights, rates, orders and seed of its own."""

    def __init__(self, net: Net, k: int, dtype: str = "float32", epochs: int = 2) -> None:
        x, t, loss, nodes = build(net)
        rng = np.random.default_rng(1)
        self.net, self.epochs = net, epochs
        labels = rng.integers(net.sizes[-1], size=(net.rows, 1))
        self.feeds = {x: net.examples(rng, dtype), t: labels}
        own = Parameters(nodes, dtype)
        self.plan: TrainingPlan = plan_training(
            loss, own, net.optimizer, max_norms=net.max_norms(nodes)
        )
        count = epochs * -(-net.rows // net.batch)
        self.members = []
        for i in range(k):
            parameters = own.copy()
            for node in nodes:
                view = parameters.view(node)
                view *= 1 + 0.1 * rng.normal(size=view.shape)
            rates = np.full(count, 1e-2 / (i + 1))
            order = np.stack([rng.permutation(net.rows) for _ in range(epochs)])
            member = Member(
                parameters,
                self.plan.new_state(),
                order if net.shuffle else None,
                net.optimizer.step_values(0, count, rates),
                5 + i,
                self.plan.new_result(epochs),
                common(net.optimizer, parameters, count),
            )
            self.members.append(member)

    def job(self, member: Member, **changes: Any) -> Any:
        given: dict[str, Any] = {
            "state": member.state,
            "order": member.order,
            "batch_size": self.net.batch,
            "epochs": self.epochs,
            "step_values": member.values,
            "seed": member.seed,
            "first_step": 3,
            "result": member.result,
            "parameters": member.parameters,
            **member.more,
        }
        return self.plan.job(self.feeds, **{**given, **changes})

    def together(self) -> Members:
        self.plan.run_jobs([self.job(member) for member in self.members])
        return self

    def one_by_one(self) -> Members:
        for member in self.members:
            self.plan.run_jobs([self.job(member)])
        return self

    @property
    def bits(self) -> list[bytes]:
        return [member.bits for member in self.members]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", [*DEALT, *TOGETHER])
def test_each_member_has_the_bits_that_it_has_alone_on_any_number_of_threads(name, dtype):
    net = {**DEALT, **TOGETHER}[name]
    _core.set_num_threads(1)
    alone = Members(net, 5, dtype).one_by_one().bits
    assert len(set(alone)) == 5
    for n in (1, 2, 3, 8):
        _core.set_num_threads(n)
        assert Members(net, 5, dtype).together().bits == alone


@pytest.mark.parametrize("name", ["two threads each, dealt out", "steps shared"])
def test_members_are_dealt_to_whoever_comes_also_while_calls_work_alone(name):
    net = {**DEALT, **TOGETHER}[name]
    _core.set_num_threads(1)
    alone = Members(net, 5, epochs=20).one_by_one().bits
    _core.set_num_threads(3)
    asked = _core.teams_asked()
    _core.set_patient(False)
    _core.work_alone(0.003)
    try:
        for _ in range(3):
            assert Members(net, 5, epochs=20).together().bits == alone
    finally:
        _core.work_alone(0)
        _core.set_patient(True)
    assert _core.teams_asked() >= asked + 3


def test_a_member_alone_is_a_training_alone():
    members = Members(DEALT["clipped and averaged"], 1)
    (one,) = members.members
    plan, given = members.plan, Members(DEALT["clipped and averaged"], 1).members[0]
    members.together()
    plan.parameters.flat[:] = given.parameters.flat
    result = plan.run_epochs(
        members.feeds,
        state=given.state,
        order=given.order,
        batch_size=members.net.batch,
        epochs=members.epochs,
        step_values=given.values,
        seed=given.seed,
        first_step=3,
        **given.more,
    )
    assert (result.scalars == one.result.scalars).all()
    assert plan.parameters.flat.tobytes() == one.parameters.flat.tobytes()


@pytest.mark.parametrize("name", ["clipped and averaged", "steps shared"])
def test_members_may_have_different_numbers_of_epochs_and_sizes_of_batches(name):
    net = {**DEALT, **TOGETHER}[name]
    changes = [
        {"epochs": epochs, "batch_size": batch, "order": None}
        for epochs, batch in ((1, 60), (2, 250), (0, 60), (1, 125))
    ]

    def run(n: int) -> list[bytes]:
        _core.set_num_threads(n)
        members = Members(net, 4, epochs=6)
        made = []
        for member, change in zip(members.members, changes, strict=True):
            member.result = members.plan.new_result(change["epochs"])
            steps = change["epochs"] * -(-net.rows // change["batch_size"])
            values = member.values[:steps]
            if member.more["average"] is not None:
                vector, parts = member.more["average"]
                member.more["average"] = type(member.more["average"])(vector, parts[:steps])
            made.append(members.job(member, step_values=values, **change))
        members.plan.run_jobs(made if n > 1 else made[:0])
        for job in made if n == 1 else ():
            members.plan.run_jobs([job])
        assert [m.result.epochs_done for m in members.members] == [1, 2, 0, 1]
        return members.bits

    assert run(1) == run(2) == run(3)


@pytest.mark.parametrize("name", ["clipped and averaged", "steps shared"])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_loss_that_is_not_finite_ends_one_member_alone(name, threads):
    net = {**DEALT, **TOGETHER}[name]
    _core.set_num_threads(1)
    alone = Members(net, 5).one_by_one()
    _core.set_num_threads(threads)
    members = Members(net, 5)
    bad = members.members[2]
    bad.parameters.flat[0] = np.nan
    before = bad.parameters.flat.tobytes()
    members.together()
    for i, (member, expected) in enumerate(zip(members.members, alone.bits, strict=True)):
        assert member.result.non_finite is (i == 2)
        assert (member.bits == expected) is (i != 2)
    assert bad.result.steps_done == 0
    assert bad.parameters.flat.tobytes() == before


def test_no_members_are_nothing_to_do():
    Members(DEALT["too small to share"], 1).plan.run_jobs([])


@pytest.mark.parametrize("shared", ["parameters", "state", "result"])
def test_members_that_would_write_to_the_same_place_are_refused(shared):
    members = Members(DEALT["too small to share"], 2)
    first, second = members.members
    setattr(second, shared, getattr(first, shared))
    before = members.bits
    with pytest.raises(ValueError, match="each job apart"):
        members.together()
    assert members.bits == before


def test_a_job_is_of_its_own_program():
    one, other = (Members(DEALT["too small to share"], 1) for _ in range(2))
    with pytest.raises(ValueError, match="jobs of this program"):
        one.plan.run_jobs([other.job(other.members[0])])
    with pytest.raises(TypeError):
        one.plan.run_jobs([None, 3])


def test_a_job_keeps_what_it_refers_to():
    expected = Members(DEALT["too small to share"], 3).together().bits
    members = Members(DEALT["too small to share"], 3)
    jobs = [members.job(m, step_values=m.values.copy()) for m in members.members]
    members.feeds = dict.fromkeys(members.feeds)
    waste = [np.full(size, np.nan) for size in range(1, 200)]  # where the copies would have been
    members.plan.run_jobs(jobs)
    assert members.bits == expected
    assert len(waste) == 199


@pytest.mark.skipif(not SUPPORTED, reason="counts allocations as Linux makes them")
@pytest.mark.parametrize("name", [*DEALT, *TOGETHER])
def test_the_steps_of_members_allocate_nothing(name):
    net = {**DEALT, **TOGETHER}[name]
    _core.set_num_threads(2)
    epochs = (8, 24) if name in TOGETHER else (40, 120)
    few, many = (Members(net, 4, epochs=n) for n in epochs)
    many.plan = few.plan
    many.feeds = few.feeds
    for members in (few, many):  # the workspaces of both threads are there
        members.together()
    with counted(_core.__file__) as calls:
        few.together()
        first = calls()
        many.together()
        second = calls() - first
    # A workspace may grow once more, as other members have fuller batches of sparse rows; there are
    # at least 128 steps more.
    assert first > 0
    assert second - first < 16


# --------------------------------------------------------------------------- predictions


def predictions(k: int, rows: int, sizes: tuple[int, ...], threads: int, each: bool) -> bytes:
    _core.set_num_threads(threads)
    rng = np.random.default_rng(0)
    x = g.input(sizes[0], "x")
    nodes = [g.parameter(np.zeros((n, m))) for m, n in itertools.pairwise(sizes)]
    h = x
    for W in nodes:
        h = g.dropout(g.tanh(g.matmul(h, W, transpose_b=True)), 0.3, key=W.shape[0])
    own = Parameters(nodes)
    arguments, _ = plan_program([h, g.mean(h)], parameters=own, fed=[x])
    program = make_program(arguments, own)
    X = rng.normal(size=(rows, sizes[0])).astype(np.float32)
    flats = [rng.normal(size=own.size).astype(np.float32) for _ in range(k)]
    out = [
        [np.zeros((rows, sizes[-1]), np.float32), np.zeros((1, 1), np.float32)] for _ in range(k)
    ]
    seeds = list(range(7, 7 + k))
    if each:
        program.run_each([X], rows, flats, out, seeds, 4)
    else:
        for flat, results, seed in zip(flats, out, seeds, strict=True):
            program.run([X], rows, flat, results, seed, 4, None)
    assert all(np.ptp(y) > 0 for y, _ in out)
    return b"".join(a.tobytes() for results in out for a in results)


@pytest.mark.parametrize("rows", [3, 200, 2000])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_each_prediction_has_the_bits_that_it_has_alone_on_any_number_of_threads(k, rows):
    sizes = (20, 90, 40, 3)
    alone = predictions(k, rows, sizes, 1, each=False)
    for threads in (1, 2, 3, 8):
        assert predictions(k, rows, sizes, threads, each=True) == alone


def test_what_does_not_fit_predictions_is_refused():
    x, W = g.input(2, "x"), g.parameter(np.ones((3, 2)))
    own = Parameters([W])
    arguments, _ = plan_program([g.matmul(x, W, transpose_b=True)], parameters=own, fed=[x])
    program = make_program(arguments, own)
    X, out = np.ones((4, 2), np.float32), [np.zeros((4, 3), np.float32)]
    call = {"feeds": [X], "rows": 4, "parameters": [own.flat], "outputs": [out], "seeds": [0]}
    program.run_each(**call, step=0)
    assert (out[0] == 2).all()
    for wrong in (
        {"rows": 5},
        {"parameters": []},
        {"parameters": [own.flat[:-1]]},
        {"seeds": [0, 1]},
        {"outputs": [[np.zeros((4, 2), np.float32)]]},
        {"outputs": [[]]},
        {"feeds": [X[:, :1]]},
    ):
        with pytest.raises((ValueError, TypeError)):
            program.run_each(**{**call, **wrong}, step=0)


# ------------------------------------------------------------------------------ processes


@pytest.mark.parametrize("sizes", [(53, 31, 13), (300, 500, 100, 10)])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_interrupt_stops_all_members_soon_after_whole_steps(sizes, threads):
    script = f"""
        from test_dealing import *
        _core.set_num_threads({threads})
        net = Net({sizes}, 250, batch=250)
        members = Members(net, 5, epochs=20_000)
        jobs = [members.job(member) for member in members.members]
        once = Members(net, 5, epochs=1)
        at = time.monotonic()
        once.plan.run_jobs([once.job(member) for member in once.members])
        a_step = time.monotonic() - at
        def interrupt():
            global at
            time.sleep(max(0.3, 5 * a_step))
            at = time.monotonic()
            os.kill(os.getpid(), signal.SIGINT)
        threading.Thread(target=interrupt).start()
        try:
            members.plan.run_jobs(jobs)
        except KeyboardInterrupt:
            late = time.monotonic() - at
            assert late < PATIENCE / 60, late
            again = Members(net, 5, epochs=20_000)
            began = 0
            for done, member in zip(members.members, again.members):
                steps = done.result.steps_done
                assert steps == done.result.epochs_done < 20_000
                began += steps > 0
                order, values = member.order[:steps], member.values[:steps]
                result = again.plan.new_result(steps)
                change = dict(epochs=steps, order=order, step_values=values, result=result)
                again.plan.run_jobs([again.job(member, **change)])
                assert member.parameters.flat.tobytes() == done.parameters.flat.tobytes()
            assert began
            print("interrupted")
    """
    assert run_script(script) == "interrupted\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_train_members_after_its_parent_has():
    script = """
        from test_dealing import *
        _core.set_num_threads(2)
        expected = Members(DEALT["clipped and averaged"], 4).together().bits
        child = os.fork()
        if child == 0:
            signal.alarm(PATIENCE // 3)
            same = Members(DEALT["clipped and averaged"], 4).together().bits == expected
            os._exit(0 if same else 1)
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        assert Members(DEALT["clipped and averaged"], 4).together().bits == expected
    """
    run_script(script)


def test_two_python_threads_train_members_of_one_plan_at_once():
    script = """
        from test_dealing import *
        _core.set_num_threads(2)
        net = DEALT["clipped and averaged"]
        expected = Members(net, 4).together().bits
        sets = [Members(net, 4) for _ in range(3)]
        for one in sets:
            one.plan, one.feeds = sets[0].plan, sets[0].feeds
        together(lambda one: one.together(), sets)
        assert all(one.bits == expected for one in sets)
    """
    run_script(script)
