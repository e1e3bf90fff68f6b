"""A step allocates nothing, and data is read where it lies."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from test_threads import BOUND, Net, build, common, run_script

from allocations import SUPPORTED, counted
from fastmlp import _core
from fastmlp import graph as g
from fastmlp.planner import TrainingPlan, plan, plan_training
from fastmlp.planner.parameters import Parameters

linux = pytest.mark.skipif(not SUPPORTED, reason="counts allocations as Linux makes them")


class Trainer:
    """A network that can be trained for any number of epochs, from the first step on."""

    def __init__(self, net: Net, dtype: str = "float32") -> None:
        self.net, self.dtype = net, dtype
        self.x, self.t, loss, nodes = build(net)
        self.parameters = Parameters(nodes, dtype)
        self.training: TrainingPlan = plan_training(
            loss, self.parameters, net.optimizer, max_norms=net.max_norms(nodes)
        )
        self.state = self.training.new_state()
        rng = np.random.default_rng(1)
        labels = rng.integers(net.sizes[-1], size=(net.rows, 1))
        self.feeds = {self.x: net.examples(rng, dtype), self.t: labels}

    def epochs(self, n: int) -> None:
        count = n * -(-self.net.rows // self.net.batch)
        optimizer = self.net.optimizer
        order = np.arange(self.net.rows)[None].repeat(n, axis=0)[:, ::-1]
        self.training.run_epochs(
            self.feeds,
            state=self.state,
            order=np.ascontiguousarray(order) if self.net.shuffle else None,
            batch_size=self.net.batch,
            epochs=n,
            step_values=optimizer.step_values(0, count, optimizer.rates(0, count)),
            seed=0,
            first_step=0,
            **common(optimizer, self.parameters, count),
        )


SMALL = {
    "one thread": Net((4, 7, 3), rows=10, batch=4, rate=0.2, l2=0.1),
    "one thread, unshuffled": Net((4, 7, 3), rows=10, batch=4, shuffle=False),
    "steps shared": Net((60, 400, 3), rows=130, batch=31),
    "cut in lanes": Net((30, 60, 3), rows=700, batch=300, rate=0.2, l2=0.1),
    "in pieces": Net((300, 400, 300, 3), rows=1400, batch=1300, l2=0.1),
    "rows normalized": Net((30, 60, 3), rows=700, batch=300, normalize=1),
    "columns normalized": Net((30, 60, 3), rows=700, batch=300, normalize=0),
    "rows beside activations": Net((60, 400, 3), rows=130, batch=31, rescaled=True),
    "clipped and averaged": Net((60, 400, 3), rows=130, batch=31, optimizer=BOUND),
    "clipped and averaged, one thread": Net((4, 7, 3), rows=10, batch=4, optimizer=BOUND),
    "tables": Net((4, 40, 3), rows=250, batch=60, categories=300),
    "groups": Net((8, 40, 4), rows=250, batch=60, groups=4),
    "groups of tables, cut in lanes": Net((8, 60, 4), rows=700, batch=300, groups=2, categories=9),
    "norms bound": Net((60, 400, 3), rows=130, batch=31, optimizer=BOUND, max_norm=0.5),
    "norms bound, one thread": Net((4, 7, 3), rows=10, batch=4, max_norm=0.5),
    "sparse rows": Net((500, 60, 3), rows=250, batch=100, density=0.1),
    "sparse rows, cut in lanes": Net((128, 64, 3), rows=700, batch=300, density=0.1),
}


@linux
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SMALL)
def test_a_step_of_training_allocates_nothing(name: str, dtype: str):
    before = _core.get_num_threads()
    _core.set_num_threads(2)
    try:
        trainer = Trainer(SMALL[name], dtype)
        trainer.epochs(100)  # long enough for both threads: their workspace is there
        with counted(_core.__file__) as calls:
            trainer.epochs(2)
            few = calls()
            trainer.epochs(102)
            many = calls() - few
    finally:
        _core.set_num_threads(before)
    assert few > 0  # a call of run_epochs does: the count counts
    assert many == few


@linux
def test_the_workspace_of_a_plan_is_kept_between_runs():
    x = g.input(40, "x")
    W = g.parameter(np.ones((30, 40)), "W")
    each = plan([g.tanh(g.matmul(x, W, transpose_b=True))])
    X = {n: np.ones((n, 40), np.float32) for n in (5, 500)}
    with counted(_core.__file__) as calls:
        counts = []
        for n in (500, 500, 5, 5, 500):
            start = calls()
            each.run({x: X[n]})
            counts.append(calls() - start)
    assert counts[0] > counts[1] == counts[4]
    assert counts[2] == counts[3] <= counts[1]


@linux
def test_a_prediction_in_place_allocates_nothing():
    x = g.input(40, "x")
    W = g.parameter(np.ones((30, 40)), "W")
    predict = plan([g.tanh(g.matmul(x, W, transpose_b=True))]).predictor()
    X, out = np.ones((1, 40), np.float32), np.empty((1, 30), np.float32)
    predict(X, out)
    with counted(_core.__file__) as calls:
        for _ in range(100):
            assert predict(X, out) is out
        assert calls() == 0


@linux
def test_programs_are_freed():
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):
        pytest.skip("needs glibc 2.33")

    class Info(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in "abcdefghij"]

    libc.mallinfo2.restype = Info

    def in_use() -> int:  # bytes of small blocks and of those that were mapped
        info = libc.mallinfo2()
        return int(info.h + info.e)

    x = g.input(100, "x")
    X = np.ones((1000, 100), np.float32)

    def use() -> None:
        plan([g.exp(g.sin(x) + 1)]).run({x: X})

    for _ in range(5):
        use()
    before = in_use()
    for _ in range(50):
        use()
    assert in_use() - before < 50 * 50_000  # each has an arena of 400 kB


@linux
def test_data_is_not_copied_to_be_trained_on():
    script = """
        import resource
        from test_memory import *
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        net = Net((64, 8, 2), rows=400_000, batch=1000, data="uint8")
        trainer = Trainer(Net((64, 8, 2), rows=1000, batch=1000, data="uint8"))
        rng = np.random.default_rng(0)
        trainer.net = net
        X = rng.integers(256, size=(net.rows, 64), dtype=np.uint8)     # 25.6 MB, as float32 102 MB
        t = rng.integers(2, size=(net.rows, 1), dtype=np.int64)
        order = rng.permutation(net.rows)[None]
        values = net.optimizer.step_values(0, 400, net.optimizer.rates(0, 400))
        for kind in (X, X.astype(np.float32)):
            before = peak()
            trainer.training.run_epochs(
                {trainer.x: kind, trainer.t: t}, state=trainer.state, order=order, batch_size=1000,
                epochs=1, step_values=values, seed=0, first_step=0,
            )
            print(peak() - before)
    """
    for line in run_script(script).splitlines():
        assert int(line) < 12_000_000
