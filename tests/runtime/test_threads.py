"""The same bits for any number of threads, in every run; threads and processes side by side."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse

import fastmlp as fm
from fastmlp import _core
from fastmlp import graph as g
from fastmlp.data.sparse import CompressedRows
from fastmlp.graph import Node
from fastmlp.optimizers import SGD, Adam, Update
from fastmlp.planner import plan, plan_training
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.results import Average


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = _core.get_num_threads()
    yield
    _core.set_num_threads(before)


ADAM = Adam(1e-2)
BOUND = Adam(1e-2, clip_norm=0.1, clip_value=0.01, ema=0.9)


@dataclass(frozen=True)
class Net:
    """A network and its data."""

    sizes: tuple[int, ...]
    rows: int
    batch: int
    rate: float = 0.0
    l2: float = 0.0
    centered: bool = False
    normalize: int | None = None  # along which axis
    rescaled: bool = False  # rows of numbers before and behind the activations
    optimizer: Update = ADAM
    data: str = "float32"
    shuffle: bool = True
    density: float = 1.0  # below, the rows are sparse
    categories: int = 0  # what the columns of x number
    groups: int = 1
    max_norm: float | None = None  # of each unit's weights

    def max_norms(self, nodes: Sequence[Node]) -> dict[Node, float]:
        return {} if self.max_norm is None else dict.fromkeys(nodes[::2], self.max_norm)

    def examples(self, rng: np.random.Generator, dtype: str) -> Any:
        if self.categories:
            return rng.integers(self.categories, size=(self.rows, self.sizes[0]))
        if self.data == "uint8":
            return rng.integers(256, size=(self.rows, self.sizes[0])).astype("uint8")
        X = rng.normal(size=(self.rows, self.sizes[0])).astype(dtype)
        if self.density == 1.0:
            return X
        X[rng.random(X.shape) > self.density] = 0.0
        return CompressedRows.of(scipy.sparse.csr_array(X))


def common(optimizer: Update, parameters: Parameters, steps: int) -> dict[str, Any]:
    """What `run_epochs` is told of an optimizer besides its rule."""
    given: dict[str, Any] = {
        "clip_norm": optimizer.clip_norm,
        "clip_value": optimizer.clip_value,
        "average": None,
    }
    if optimizer.ema is not None:
        given["average"] = Average(parameters.flat.copy(), np.full(steps, 1 - optimizer.ema))
    return given


NETS = {
    "too small to share": Net((3, 5, 2), rows=20, batch=7),
    "steps shared": Net((64, 600, 10), rows=130, batch=31),
    "products on tiles": Net((300, 500, 100, 10), rows=600, batch=250),
    "cut in lanes": Net((64, 128, 10), rows=1300, batch=500),
    "cut in lanes and chunks": Net((40, 300, 100, 3), rows=1500, batch=1200, shuffle=False),
    "one long batch": Net((17, 31, 7), rows=3001, batch=3001, shuffle=False),
    "dropout": Net((40, 130, 10), rows=700, batch=300, rate=0.3),
    "dropout, steps shared": Net((200, 260, 10), rows=130, batch=31, rate=0.5, l2=1e-3),
    "two short lanes": Net((64, 100, 10), rows=331, batch=101, rate=0.2, l2=1e-3),
    "penalty": Net((50, 70, 5), rows=900, batch=400, l2=1e-2, optimizer=SGD(0.05, momentum=0.9)),
    "plain descent": Net((50, 70, 5), rows=300, batch=128, optimizer=SGD(0.05)),
    "in pieces": Net((300, 400, 300, 10), rows=1700, batch=1500, rate=0.2, l2=1e-3),
    "rows that need the batch": Net((60, 90, 5), rows=700, batch=300, centered=True),
    "rows normalized": Net((60, 90, 5), rows=700, batch=300, normalize=1),
    "rows normalized, two layers": Net((40, 130, 70, 5), rows=1300, batch=500, normalize=1),
    "columns normalized": Net((60, 90, 5), rows=700, batch=300, normalize=0),
    "columns normalized, prime sizes": Net((53, 101, 13), rows=997, batch=337, normalize=0),
    "rescaled, cut in lanes": Net((60, 90, 30, 5), rows=700, batch=300, rescaled=True),
    "rescaled, steps shared": Net((53, 501, 403, 5), rows=130, batch=31, rescaled=True),
    "rescaled, in pieces": Net((53, 501, 403, 5), rows=1501, batch=1501, rescaled=True),
    "bytes": Net((64, 100, 10), rows=700, batch=300, data="uint8"),
    "bytes as they stand": Net((64, 100, 10), rows=700, batch=300, data="uint8", shuffle=False),
    "sparse rows": Net((2000, 60, 5), rows=230, batch=100, density=0.02, l2=1e-3),
    "sparse rows as they stand": Net((701, 90, 5), rows=230, batch=97, density=0.1, shuffle=False),
    "sparse rows, cut in lanes": Net((128, 64, 10), rows=1300, batch=500, density=0.1),
    "sparse rows, cut in chunks": Net((900, 30, 3), rows=1500, batch=1200, density=0.1),
    "sparse rows, in pieces": Net((701, 200, 400, 10), rows=1701, batch=1701, density=0.1),
    "sparse rows, one unit": Net((5000, 1, 2), rows=230, batch=100, density=0.1),
    "tables, cut in lanes": Net((5, 60, 7), rows=1300, batch=500, categories=9, l2=1e-3),
    "tables, in pieces": Net((5, 500, 400, 7), rows=1300, batch=1200, categories=9),
    "tables, steps shared": Net((5, 900, 7), rows=130, batch=31, categories=999, rate=0.3),
    "groups, cut in lanes": Net((12, 32, 4), rows=1300, batch=500, groups=4, rate=0.2),
    "groups, in pieces": Net((60, 600, 600, 20), rows=1100, batch=1000, groups=2, shuffle=False),
    "groups, steps shared": Net((400, 1200, 20), 130, batch=31, groups=20, l2=1e-3),
    "few groups": Net((60, 200, 20), rows=300, batch=128, groups=2),
    "groups of tables": Net((6, 40, 12), rows=500, batch=200, groups=3, categories=50),
    "prime sizes": Net((53, 101, 13), rows=997, batch=337),
    "clipped and averaged, steps shared": Net((64, 600, 10), 130, batch=31, optimizer=BOUND),
    "clipped and averaged, cut in lanes": Net((64, 128, 10), 1300, batch=500, optimizer=BOUND),
    "clipped and averaged, small": Net((3, 5, 2), rows=20, batch=7, optimizer=BOUND),
    "clipped and averaged, in pieces": Net((300, 400, 300, 10), 1500, batch=1500, optimizer=BOUND),
    "norms bound, steps shared": Net((64, 600, 10), rows=130, batch=31, max_norm=0.8),
    "norms bound, cut in lanes": Net((64, 128, 10), rows=1300, batch=500, max_norm=0.8),
    "norms bound and averaged": Net((53, 601, 13), 130, batch=31, optimizer=BOUND, max_norm=0.8),
}


def build(net: Net) -> tuple[Node, Node, Node, list[Node]]:
    rng = np.random.default_rng(0)
    x, t = g.input(net.sizes[0], "x"), g.input(1, "t")
    weights, parameters = [], []
    h: Node = x / 255.0 if net.data == "uint8" else x
    if net.categories:
        shapes = [(net.categories, 3 + j % 2 * net.groups) for j in range(net.sizes[0])]
        parameters += [g.parameter(rng.normal(size=shape), by_rows=True) for shape in shapes]
        h = g.concatenate(*[g.take_rows(parameters, x)] * net.groups)
    for i, outputs in enumerate(net.sizes[1:]):
        # The first layer of groups shares its weights, the others have each their own.
        inputs, shared = h.shape[1] // net.groups, i == 0 and net.groups > 1
        rows = outputs // net.groups if shared else outputs
        weights.append(g.parameter(rng.normal(size=(rows, inputs)) / inputs**0.5))
        parameters += [weights[-1], g.parameter(np.zeros(rows))]
        z = g.affine(h, *parameters[-2:], net.groups, shared=shared)
        if net.normalize is not None:
            parameters += [g.parameter(np.ones(outputs)), g.parameter(np.zeros(outputs))]
            z = g.normalize(z, net.normalize, 1e-5) * parameters[-2] + parameters[-1]
            z = g.gaussian_noise(z, 0.1, key=i)
        if net.centered:
            z = z - g.mean(z, axis=0)
        if i == len(net.sizes) - 2:
            h = z
        elif net.rescaled:
            rows = [g.parameter(rng.normal(size=outputs)) for _ in range(3)]
            parameters += rows
            h = g.tanh(z * rows[0] + rows[1]) * rows[2]
        else:
            h = g.dropout(g.tanh(z), net.rate, key=i)
    loss = g.mean(g.softmax_cross_entropy(h, t))
    if net.l2:
        loss = loss + net.l2 * 0.5 * sum((g.sum(W**2) for W in weights), g.constant(0.0))
    return x, t, loss, parameters


def train(net: Net, dtype: str, epochs: int = 2) -> bytes:
    """The bits of the parameters, the optimizer's state and the losses after some epochs."""
    x, t, loss, nodes = build(net)
    rng = np.random.default_rng(1)
    X = net.examples(rng, dtype)
    labels = rng.integers(net.sizes[-1], size=(net.rows, 1))
    parameters = Parameters(nodes, dtype)
    training = plan_training(loss, parameters, net.optimizer, max_norms=net.max_norms(nodes))
    state = training.new_state()
    count = epochs * -(-net.rows // net.batch)
    more = common(net.optimizer, parameters, count)
    order = None
    if net.shuffle:
        order = np.stack([rng.permutation(net.rows) for _ in range(epochs)])
    result = training.run_epochs(
        {x: X, t: labels},
        state=state,
        order=order,
        batch_size=net.batch,
        epochs=epochs,
        step_values=net.optimizer.step_values(0, count, net.optimizer.rates(0, count)),
        seed=5,
        first_step=3,
        **more,
    )
    assert result.epochs_done == epochs
    assert np.isfinite(parameters.flat).all()
    vectors = [parameters.flat, *state, result.scalars]
    if more["average"] is not None:
        vectors.append(more["average"].vector)
    return b"".join(a.tobytes() for a in vectors)


def with_threads(n: int, run: Callable[[], bytes]) -> bytes:
    _core.set_num_threads(n)
    return run()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_a_name_says_how_the_batches_of_a_network_are_cut(name: str, dtype: str):
    _, _, loss, nodes = build(NETS[name])
    training = plan_training(loss, Parameters(nodes, dtype), NETS[name].optimizer)
    program, rows = training._program, NETS[name].batch
    if "lanes" in name:
        assert program.lanes(rows) >= 2
    if any(words in name for words in ("steps shared", "in pieces", "small")):
        assert program.lanes(rows) == 0
    if "steps shared" in name:
        assert rows * program.flops_per_row >= 2e6  # enough for two threads


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETS)
def test_training_gives_the_same_bits_on_any_number_of_threads_and_again(name: str, dtype: str):
    runs = [with_threads(n, lambda: train(NETS[name], dtype)) for n in (1, 2, 3, 8, 1)]
    assert len(set(runs)) == 1
    nodes = build(NETS[name])[3]
    start = Parameters(nodes, dtype).flat.tobytes()
    assert runs[0][: len(start)] != start  # it has learned something


@pytest.mark.parametrize("rows", [1, 5, 127, 128, 1000, 4099])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_values_and_gradients_have_the_same_bits_on_any_number_of_threads(rows: int, dtype: str):
    net = NETS["dropout"]
    x, t, loss, nodes = build(net)
    feeds = {x: np.random.default_rng(2).normal(size=(rows, 40)), t: np.arange(rows)[:, None] % 10}
    outputs = [loss, *g.gradient(loss, [*nodes, x])]

    def run() -> bytes:
        return b"".join(a.tobytes() for a in plan(outputs, dtype=dtype).run(feeds, seed=1))

    assert len({with_threads(n, run) for n in (1, 2, 3, 1)}) == 1


PIECES = [name for name in NETS if "in pieces" in name]


@pytest.mark.parametrize("name", PIECES)
def test_values_and_gradients_of_a_batch_in_pieces_are_those_of_the_reference(name: str):
    net = NETS[name]
    x, t, loss, nodes = build(net)
    rng = np.random.default_rng(2)
    X, labels = net.examples(rng, "float64"), rng.integers(net.sizes[-1], size=(net.rows, 1))
    dense = X
    if isinstance(X, CompressedRows):
        dense = scipy.sparse.csr_array((X.data, X.indices, X.indptr), X.shape).toarray()
    (logits,) = (v.parents[0] for v in g.topological_order(loss) if "cross" in v.op)
    outputs = [loss, logits, *g.gradient(loss, nodes)]
    expected = g.reference.evaluate(outputs, {x: dense, t: labels}, seed=3, step=4)
    found = plan(outputs, dtype="float64").run({x: X, t: labels}, seed=3, step=4)
    for ours, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-9, atol=1e-12 * abs(right).max())


@pytest.mark.parametrize("name", ["steps shared", "products on tiles"])
def test_a_row_has_the_same_bits_alone_and_among_others(name):
    x, _, loss, _ = build(NETS[name])
    losses = (v for v in g.topological_order(loss) if v.op == "softmax_cross_entropy")
    logits = next(losses).parents[0]
    X = np.random.default_rng(3).normal(size=(1000, NETS[name].sizes[0])).astype(np.float32)
    each = plan([logits])
    whole = each.run({x: X})[0]
    assert each.run({x: X[::-1].copy()})[0].tobytes() == whole[::-1].tobytes()
    same = each.run({x: np.tile(X[:1], (1009, 1))})[0]  # the last rows make a smaller chunk
    assert len(np.unique(same, axis=0)) == 1
    for rows in (slice(0, 1), slice(1, 2), slice(499, 500), slice(999, 1000), slice(0, 130)):
        some = each.run({x: X[rows]})[0]
        if _core.isa() == "amx":  # tiles do not pay for few rows, and round otherwise
            np.testing.assert_allclose(some, whole[rows], rtol=1e-5, atol=1e-5)
        else:
            assert some.tobytes() == whole[rows].tobytes()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux does")
def test_large_work_is_shared_and_small_work_is_not():
    small = "train(NETS['too small to share'], 'float32')"
    large = "train(NETS['steps shared'], 'float32')"
    script = f"""
        _core.set_num_threads(3)
        before = len(os.listdir("/proc/self/task"))
        {small}
        assert len(os.listdir("/proc/self/task")) == before
        {large}
        assert len(os.listdir("/proc/self/task")) == before + 2
    """
    run_script(script)


# ------------------------------------------------------------------- Python's own threads


def test_two_threads_train_two_models_at_once():
    names = ["cut in lanes", "steps shared", "dropout", "too small to share"]
    _core.set_num_threads(2)
    alone = {name: train(NETS[name], "float32") for name in names}
    found: dict[str, bytes] = {}

    def work(name: str) -> None:
        found[name] = train(NETS[name], "float32")

    together(work, names)
    assert found == alone


def test_several_threads_predict_with_one_plan_at_once():
    net = NETS["cut in lanes"]
    x, t, loss, nodes = build(net)
    outputs = [loss, *g.gradient(loss, nodes)]
    each = plan(outputs)
    rng = np.random.default_rng(4)
    feeds = [
        {x: rng.normal(size=(n, 64)).astype(np.float32), t: np.zeros((n, 1), np.int64)}
        for n in (1, 60, 300, 1100)
    ]
    alone = [[a.tobytes() for a in each.run(f)] for f in feeds]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(20):
            if [a.tobytes() for a in each.run(feeds[i])] != alone[i]:
                wrong.append(i)

    together(work, range(4))
    assert not wrong


def together(work: Callable[..., None], arguments: object) -> None:
    failed: list[BaseException] = []

    def guarded(argument: object) -> None:
        try:
            work(argument)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(a,)) for a in arguments]  # type: ignore[attr-defined]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


# ------------------------------------------------------------------------------ processes

PRELUDE = """
import multiprocessing, os, signal, sys, threading, time
import numpy as np
from fastmlp import _core, graph as g
from test_threads import *
_core.set_patient(True)
"""


# Seconds for a child: a sanitizer makes it some ten times slower, as does a busy machine.
PATIENCE = 600 if _core.sanitizer() else 60


def command(script: str) -> list[str]:
    lines = script.splitlines()
    indent = min((len(s) - len(s.lstrip()) for s in lines if s.strip()), default=0)
    return [sys.executable, "-c", PRELUDE + "\n".join(s[indent:] for s in lines)]


def environment(**variables: str) -> dict[str, str]:
    here = Path(__file__).parent
    folders = [str(here), str(here.parent / "planner"), str(here.parent)]
    path = os.pathsep.join(filter(None, [*folders, os.environ.get("PYTHONPATH")]))
    kept = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    return {**kept, "PYTHONPATH": path, **variables}


def finished(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(script),
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def run_script(script: str, **variables: str) -> str:
    done = finished(script, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_can_train_after_its_parent_has():
    script = """
        _core.set_num_threads(2)
        expected = train(NETS["steps shared"], "float32")
        child = os.fork()
        if child == 0:
            signal.alarm(PATIENCE // 3)
            same = all(train(NETS["steps shared"], "float32") == expected for _ in range(3))
            os._exit(0 if same else 1)
        _, status = os.waitpid(child, 0)
        assert status == 0, status
        assert train(NETS["steps shared"], "float32") == expected
    """
    run_script(script)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_pool_of_forked_workers_can_train_after_their_parent_has():
    script = """
        signal.alarm(PATIENCE * 2 // 3)
        _core.set_num_threads(2)
        expected = train(NETS["cut in lanes"], "float64")
        jobs = [(NETS["cut in lanes"], "float64")] * 3
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert set(pool.starmap(train, jobs)) == {expected}
    """
    run_script(script)


@pytest.mark.skipif(not _core.has_openmp(), reason="the core was built without OpenMP")
def test_threadpoolctl_limits_the_threads():
    pytest.importorskip("threadpoolctl")
    script = """
        from threadpoolctl import threadpool_limits
        before = _core.get_num_threads()
        with threadpool_limits(1):
            assert _core.get_num_threads() == 1
        assert _core.get_num_threads() == before
    """
    run_script(script)


@pytest.mark.parametrize("name", ["FASTMLP_NUM_THREADS", "OMP_NUM_THREADS"])
def test_the_environment_says_how_many_threads(name: str):
    if name[0] == "O" and not _core.has_openmp():
        pytest.skip("the core was built without OpenMP")
    assert run_script("print(_core.get_num_threads())", **{name: "1"}) == "1\n"


def test_the_own_variable_counts_more_than_openmps_and_a_call_more_than_both():
    variables = {"FASTMLP_NUM_THREADS": "3", "OMP_NUM_THREADS": "1"}
    assert run_script("print(_core.get_num_threads())", **variables) == "3\n"
    script = "_core.set_num_threads(5); print(_core.get_num_threads())"
    assert run_script(script, **variables) == "5\n"


@pytest.mark.parametrize("value", ["0", "-1", "two", "2.5", "4097", "1e3", " "])
def test_a_senseless_number_of_threads_in_the_environment_is_an_error(value: str):
    script = """
        import fastmlp as fm
        model = fm.MLP([64, 256, 10], seed=0)
        model.predict([[0.0] * 64])  # too little work to ask; it makes the plan
        works = (
            _core.get_num_threads,
            lambda: train(NETS["steps shared"], "float32"),
            lambda: model.predict(np.zeros((1000, 64), np.float32)),
        )
        for work in works:
            try:
                work()
            except ValueError as error:
                print(error)
    """
    lines = run_script(script, FASTMLP_NUM_THREADS=value).splitlines()
    assert len(lines) == 3
    for line in lines:
        assert "FASTMLP_NUM_THREADS" in line
        assert f"'{value}'" in line


@pytest.mark.parametrize("n", [0, -3, 4097])
def test_a_senseless_number_of_threads_is_an_error(n: int):
    with pytest.raises(ValueError, match=f"1 to 4096, got {n}"):
        _core.set_num_threads(n)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_interrupt_key_stops_a_long_training_between_two_steps(threads: int):
    script = f"""
        _core.set_num_threads({threads})
        net = NETS["steps shared"]
        x, t, loss, nodes = build(net)
        parameters = Parameters(nodes)
        training = plan_training(loss, parameters, net.optimizer)
        rng = np.random.default_rng(1)
        X = rng.normal(size=(net.rows, 64)).astype(np.float32)
        labels = rng.integers(10, size=(net.rows, 1))
        epochs = 200_000
        count = epochs * -(-net.rows // net.batch)
        call = dict(
            state=training.new_state(), order=None, batch_size=net.batch, epochs=epochs,
            step_values=net.optimizer.step_values(0, count, net.optimizer.rates(0, count)),
            seed=0, first_step=0,
        )
        print("go", flush=True)
        try:
            training.run_epochs({{x: X, t: labels}}, **call)
        except KeyboardInterrupt:
            stopped = time.monotonic()
            start = Parameters(nodes)
            assert np.isfinite(parameters.flat).all()
            assert (parameters.flat != start.flat).any()
            assert np.isfinite(training.loss_and_gradient({{x: X, t: labels}})[0])
            print(stopped, flush=True)
    """
    child = subprocess.Popen(
        command(script),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "go\n"
        with pytest.raises(subprocess.TimeoutExpired):  # it is at work
            child.wait(0.3)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE // 3)  # all the epochs would take minutes
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 0, err
    assert float(out) > 0


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("how", [{}, {"training": True, "samples": 2}], ids=["", "samples"])
def test_the_interrupt_key_stops_a_long_prediction_before_its_end(threads: int, how: dict):
    model = fm.MLP([8, 1024, 1024, 1], seed=0)
    X = np.zeros((100_000, 8), np.float32)
    shape = (len(X), 1) if not how else (2, len(X), 1)
    before, _ = _core.get_num_threads(), _core.set_num_threads(threads)
    expected = model.predict(X[:9], **how)
    out = np.full(shape, np.nan, np.float32)
    key = threading.Timer(0.2, signal.raise_signal, [signal.SIGINT])
    try:
        key.start()
        with pytest.raises(KeyboardInterrupt):
            model.predict(X, out, **how)
        assert np.isnan(out[..., -1, :]).all()  # it would take seconds
        np.testing.assert_array_equal(model.predict(X[:9], **how), expected)
    finally:
        key.join()
        _core.set_num_threads(before)


# ------------------------------------------------------------------------- late and refused


@pytest.fixture
def impatient() -> Iterator[None]:
    _core.set_patient(False)
    _core.work_alone(0)
    yield
    _core.work_alone(0)
    _core.set_patient(True)


def asked_by(run: Callable[[], object]) -> int:
    before = _core.teams_asked()
    run()
    return _core.teams_asked() - before


def test_short_calls_stay_with_the_calling_thread_and_long_ones_ask_for_help():
    _core.set_num_threads(2)
    model = fm.MLP([64, 300, 10], output="softmax", seed=0)
    rows = np.random.default_rng(0).normal(size=(20_000, 64)).astype(np.float32)
    labels = np.arange(20_000) % 10
    model.predict(rows[:1])

    def fit(n: int, epochs: int) -> object:
        return model.fit(
            rows[:n], labels[:n], batch_size=64, epochs=epochs, shuffle=False, verbose=False
        )

    assert asked_by(lambda: model.predict(rows[:16])) == 0
    assert asked_by(lambda: model.predict(rows)) == 1
    if _core.isa() != "baseline":
        assert asked_by(lambda: fit(8, 1)) == 0
    assert asked_by(lambda: fit(1000, 10)) == 1
    _core.set_num_threads(1)
    assert asked_by(lambda: model.predict(rows)) == 0


@pytest.mark.parametrize("rows", [40, 64], ids=["steps shared", "lanes dealt out"])
def test_calls_of_a_moment_wake_nobody_but_in_a_row_they_ask_for_help(rows: int):
    script = f"""
        import fastmlp as fm
        _core.set_patient(False)
        _core.set_num_threads(2)
        model = fm.MLP([64, 300, 300, 10] if {rows} == 40 else [64, 200, 10], seed=0)
        X = np.random.default_rng(0).normal(size=({rows}, 64)).astype(np.float32)
        call = lambda: model.predict(X)
        expected = with_threads(1, lambda: call().tobytes())
        _core.set_num_threads(2)
        assert asked_by(call) == 0
        end = time.monotonic() + PATIENCE // 2
        while asked_by(lambda: [call() for _ in range(100)]) == 0:
            assert time.monotonic() < end
        assert all(call().tobytes() == expected for _ in range(1000))
    """
    run_script(script)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["steps shared", "cut in lanes", "penalty", "sparse rows"])
def test_threads_that_come_late_change_no_bit(name: str, dtype: str, impatient: None):
    expected = with_threads(1, lambda: train(NETS[name], dtype))
    for _ in range(5):  # far more threads than processors: some are always late
        assert with_threads(16, lambda: train(NETS[name], dtype)) == expected
        _core.work_alone(0)


def test_a_training_that_begins_alone_asks_for_help_after_a_while(impatient: None):
    net, epochs = NETS["steps shared"], 300
    expected = with_threads(1, lambda: train(net, "float32", epochs))
    found: list[bytes] = []
    _core.work_alone(1e-3)
    count = asked_by(lambda: found.append(with_threads(2, lambda: train(net, "float32", epochs))))
    assert count >= 1
    assert found == [expected]
    _core.work_alone(1e6)
    assert asked_by(lambda: found.append(with_threads(2, lambda: train(net, "float32")))) == 0


def test_a_team_has_lost_what_one_thread_would_have_done_sooner():
    # of 1 ms the calling thread has worked 0.4 ms: two threads 0.8 in all, three 1.2
    assert _core.time_lost(1e-3, 0.6e-3, 2) == pytest.approx(0.2e-3)
    assert _core.time_lost(1e-3, 0.6e-3, 3) == pytest.approx(-0.2e-3)
    assert _core.time_lost(1e-3, 0.0, 2) == pytest.approx(-1e-3)


def test_gains_pay_for_losses_but_not_for_many():
    assert _core.credit_after(0.0, -1e-3) == pytest.approx(1e-3)
    assert _core.credit_after(7.5e-3, -1e-3) == pytest.approx(8e-3)
    assert _core.credit_after(3e-3, 1e-3) == pytest.approx(2e-3)
    assert _core.credit_after(3e-3, 4e-3) == 0


def test_single_threads_work_four_times_as_long_as_was_lost_and_longer_each_time():
    times = [_core.time_alone(1e-5, n) for n in range(11)]
    assert times == pytest.approx([1e-5 * 4 * 2 ** min(n, 8) for n in range(11)])
    assert _core.time_alone(10.0, 0) == 1.0


REFUSED = """
    import resource
    def refuse_threads():
        if os.getuid() == 0:
            os.setuid(65534)  # root has no limit
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        try:
            threading.Thread(target=int).start()
        except RuntimeError:
            return
        print("the system starts threads")
        sys.exit()

    names = ("steps shared", "cut in lanes")
    _core.set_num_threads(1)
    expected = [train(NETS[name], "float32") for name in names]
    def same():
        return [train(NETS[name], "float32") for name in names] == expected
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits threads as Linux does")
@pytest.mark.parametrize(
    "script",
    [
        "_core.set_num_threads(8); refuse_threads(); assert same() and same()",
        # some are there already, more are refused
        "_core.set_num_threads(2); assert same(); refuse_threads()\n"
        "_core.set_num_threads(8); assert same()",
        # in a thread of the user's
        "_core.set_num_threads(8); go = threading.Event(); found = []\n"
        "t = threading.Thread(target=lambda: (go.wait(), found.append(same()))); t.start()\n"
        "refuse_threads(); go.set(); t.join(); assert found == [True]",
        # in a forked child
        "_core.set_num_threads(3); assert same(); child = os.fork()\n"
        "if child == 0:\n"
        "    refuse_threads(); os._exit(0 if same() else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0",
    ],
    ids=["all", "some", "a thread", "a child"],
)
def test_where_the_system_refuses_threads_work_goes_on_with_fewer(script: str):
    out = run_script(textwrap.dedent(REFUSED) + script)
    if out:
        pytest.skip(out.strip())


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer's signal")
def test_a_signal_handler_may_predict_in_the_midst_of_a_training():
    script = """
        import fastmlp as fm
        _core.set_num_threads(2)
        X = np.random.default_rng(0).normal(size=(4000, 64)).astype(np.float32)
        model = fm.MLP([64, 300, 10], seed=1)
        expected, found = model.predict(X), []
        signal.signal(signal.SIGALRM, lambda *_: found.append(model.predict(X)))
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        net = NETS["steps shared"]
        while not found:
            train(net, "float32", epochs=500)
        assert (found[0] == expected).all()
    """
    run_script(script)


# ------------------------------------------------------------- memory that others write to


def disturbed(array: np.ndarray, values: list[int], work: Callable[[], object]) -> None:
    """Begin work; while it goes on, another thread writes the values into the array, in turn."""
    before, done = array.copy(), threading.Event()

    def write() -> None:
        while not done.wait(0.002):
            for value in values:
                array[:] = value

    writer = threading.Thread(target=write)
    writer.start()
    try:
        work()
    finally:
        done.set()
        writer.join()
        array[:] = before


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("part", ["indices", "indptr", "order", "order of dense rows", "labels"])
def test_data_changed_by_others_while_it_is_read_spoils_numbers_alone(part: str, threads: int):
    script = f"""
        _core.set_num_threads({threads})
        rows, columns, epochs = 600, 3000, 6 if _core.sanitizer() else 60
        X = scipy.sparse.random_array((rows, columns), density=0.01, format="csr", rng=0)
        order, labels = np.tile(np.arange(rows), (epochs, 1)), np.zeros((rows, 1), "int64")
        dense = {part!r} in ("order of dense rows", "labels")
        data = X.toarray() if dense else CompressedRows.of(X)
        rng = np.random.default_rng(0)
        x, t = g.input(columns, "x"), g.input(1, "t")
        V, W = g.parameter(rng.normal(size=(48, columns))), g.parameter(rng.normal(size=(3, 48)))
        h = g.tanh(g.matmul(x, V, transpose_b=True))
        loss = g.mean(g.softmax_cross_entropy(g.matmul(h, W, transpose_b=True), t))
        how, steps = SGD(1e-3), 10 * epochs
        training = plan_training(loss, Parameters([V, W]), how)

        def work():
            try:
                training.run_epochs(
                    {{x: data, t: labels}}, state=training.new_state(), order=order, batch_size=64,
                    epochs=epochs, step_values=how.step_values(0, steps, how.rates(0, steps)),
                    seed=0, first_step=0,
                )
            except ValueError:  # written to before it was checked
                pass

        parts = {{"indices": X.indices, "indptr": X.indptr[1:-1], "labels": labels}}
        for _ in range(4):
            disturbed(parts.get({part!r}, order), [-(2**30), 2**30, 7], work)
    """
    run_script(script)


# ----------------------------------------------------------------------- the end of a process


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("work", ["fit", "epochs", "predict", "product", "all"])
def test_a_process_ends_as_it_says_while_daemons_are_in_the_core(work: str, threads: int):
    script = f"""
        import threading, time
        from test_threads import *
        import fastmlp as fm
        from fastmlp._core import kernels
        _core.set_num_threads({threads})
        X = np.random.default_rng(0).random((1000, 40), dtype="float32")
        labels = np.arange(1000) % 5
        net = lambda: fm.MLP([40, 100, 100, 5], output="softmax", seed=0)

        def fit():
            net().fit(X, labels, epochs=10**6, batch_size=100, verbose=False)

        def epochs():
            net().fit(X, labels, epochs=10**6, verbose=False, callbacks=[lambda *_: None])

        def predict():
            model = net()
            while True:
                model.predict(X)

        def product():
            C = np.empty((1000, 1000), "float32")
            while True:
                kernels.gemm(X, X.T, C, isa=kernels.isas[0])

        each = [fit, epochs, predict, product]
        fit_once = net().fit(X, labels, epochs=1, verbose=False)
        for target in each if {work!r} == "all" else [locals()[{work!r}]] * 2:
            threading.Thread(target=target, daemon=True).start()
        time.sleep(0.3)
        sum(range(10**6))  # a while in which the daemons wait for the GIL
        sys.exit(7)
    """
    done = finished(script)
    assert (done.returncode, done.stderr) == (7, "")
