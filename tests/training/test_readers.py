"""What one thread reads while another changes the weights is of one set of weights."""

import copy
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import _core, planner
from fastmlp.planner.parameters import Parameters
from fastmlp.training import turns
from threaded import run_together

# So many rows and columns that an answer takes milliseconds.
X = np.ones((1000, 256), np.float32)
T = np.zeros((1000, 1), np.float32)
REFUSED = "another thread is in"


def wide(**arguments):
    return fm.MLP([256, 512, 1], activation="identity", seed=0, **arguments)


def constant(model, value):
    return [np.full(w.shape, value, w.dtype) for w in model.get_weights()]


def hammered(read, change, seconds=0.4):
    """Return what two threads read, as a set, while a third changes the weights all the time."""
    end, said = time.monotonic() + seconds, set()

    def reads():
        while not said or time.monotonic() < end:
            try:
                said.add(read())
            except RuntimeError as error:
                assert REFUSED in str(error)  # noqa: PT017  (it may or may not be refused)
                time.sleep(0)

    def changes():
        while not said or time.monotonic() < end:
            change()
            time.sleep(0.001)

    run_together([reads, reads, changes])
    return said


def parts(arrays):
    return b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)


def own_plan(model, dtype="float32"):
    """Return what a plan of the user's own reads."""
    plan, x = planner.plan([model.graph], dtype=dtype), model.network.input_nodes[0]
    return lambda: plan.run({x: X})[0].tobytes()


def of_members(model):
    members = fm.Members([model, wide()])
    return lambda: members.predict(X, each=True)[0].tobytes()


def scores_of_members(model):
    members = fm.Members([model, wide()])
    return lambda: repr(members.evaluate(X, T, l2=0.1)[0])


def gradient_of(trainer):
    return lambda: parts(trainer.loss_and_gradient(X, T))


def of_many(model):
    return lambda: model.predict(X, training=True, seed=0, samples=2).tobytes()


READS = {
    "predict": lambda model: lambda: model.predict(X).tobytes(),
    "predict of float64": lambda model: lambda: model.predict(X.astype("float64")).tobytes(),
    "predict of a list": lambda model: lambda: model.predict(list(X[:300])).tobytes(),
    "predict while training": of_many,
    "evaluate": lambda model: lambda: repr(model.evaluate(X, T, l2=0.1)),
    "gradient": lambda model: lambda: model.gradient(X).tobytes(),
    "jacobian": lambda model: lambda: model.jacobian(X).tobytes(),
    "activations": lambda model: lambda: parts(model.activations(X).values()),
    "get_weights": lambda model: lambda: parts(model.get_weights()),
    "copy": lambda model: lambda: parts(model.copy().get_weights()),
    "deepcopy": lambda model: lambda: parts(copy.deepcopy(model).get_weights()),
    "pickle": lambda model: lambda: parts(pickle.loads(pickle.dumps(model)).get_weights()),
    "predict of Members": of_members,
    "evaluate of Members": scores_of_members,
    "loss_and_gradient": lambda model: gradient_of(model.trainer()),
    "a plan of one's own": own_plan,
    "a plan of another type": lambda model: own_plan(model, "float64"),
}


@pytest.mark.parametrize("call", READS)
def test_what_is_read_while_weights_are_set_is_of_the_old_ones_or_of_the_new_ones(call):
    model = wide()
    read = READS[call](model)
    weights, fair = [constant(model, c) for c in (0.01, -0.02)], set()
    for values in weights:
        model.set_weights(values)
        fair |= {read(), read()}  # as functions and as plans say it
    turn = iter(range(10**9))
    said = hammered(read, lambda: model.set_weights(weights[next(turn) % 2]))
    assert said <= fair


CHANGES = {
    "layer": lambda model, values: setattr(model.layers[0], "weights", values[0]),
    "flat": lambda model, values: setattr(
        model.parameters, "flat", np.full(model.parameters.size, values[0][0, 0])
    ),
}


@pytest.mark.parametrize("how", CHANGES)
def test_what_is_assigned_is_seen_as_a_whole(how):
    model = wide()
    weights, fair = [constant(model, c) for c in (0.01, -0.02)], set()
    model.set_weights(weights[0])
    for values in weights:
        CHANGES[how](model, values)
        fair |= {model.predict(X).tobytes(), model.predict(X).tobytes()}
    turn = iter(range(10**9))
    said = hammered(
        lambda: model.predict(X).tobytes(), lambda: CHANGES[how](model, weights[next(turn) % 2])
    )
    assert said <= fair


def linear():
    """Return a model of equal weights, which stay equal, and how to train it on one row."""
    model = fm.MLP([256, 256], output="identity", seed=0)
    model.set_weights(constant(model, 0.5))
    how = {"loss": lambda y, t: fm.graph.mean(y), "optimizer": fm.SGD(10.0)}
    return model, how


def fit_of_members(model, how):
    members = fm.Members([model, linear()[0]])
    return lambda: members.fit(X[:1], X[:1], epochs=2, verbose=0, **how)


def step(model, how):
    trainer = model.trainer(**how)
    return lambda: trainer.step(X[:1], X[:1])


def step_with_an_average(model, how):
    trainer = model.trainer(loss=how["loss"], optimizer=fm.SGD(10.0, ema=0.5))

    def change():
        trainer.step(X[:1], X[:1])
        trainer.loss_and_gradient(X[:1], X[:1])

    return change


TRAINED = {
    "fit": lambda model, how: lambda: model.fit(X[:1], X[:1], epochs=2, verbose=0, **how),
    "fit of Members": fit_of_members,
    "step": step,
    "step with an average": step_with_an_average,
}


@pytest.mark.parametrize("call", TRAINED)
def test_what_was_begun_before_a_training_is_of_the_weights_before_it(call):
    model, how = linear()
    model.predict(X)
    change = TRAINED[call](model, how)

    def read():
        y = model.predict(X).astype(np.float64)
        return float(np.ptp(y) / abs(y).max())

    said = hammered(read, change)
    assert max(said) < 1e-3  # equal weights and equal rows: equal outputs


def later(call):
    """Begin a call in another thread; return the thread and what comes of it."""
    said = []

    def run():
        try:
            said.append(call())
        except BaseException as error:
            said.append(error)

    worker = threading.Thread(target=run)
    worker.start()
    return worker, said


WAITING = {
    "fit": lambda model: model.fit(X[:4], T[:4], epochs=1),
    "set_weights": lambda model: model.set_weights(constant(model, 3.0)),
    "step": lambda model: model.trainer().step(X[:4], T[:4]),
    "solve_output_layer": lambda model: model.solve_output_layer(X[:4], T[:4]),
    "fit of Members": lambda model: fm.Members([model]).fit(X[:4], T[:4], epochs=1),
    "a layer's weights": lambda model: setattr(model.layers[1], "biases", [3.0]),
    "objective": lambda model: model.trainer().objective(X[:4], T[:4])(
        np.ones(model.parameters.size)
    ),
}


@pytest.mark.parametrize("call", WAITING)
def test_a_change_waits_for_a_read_that_is_under_way_and_then_is_made(call):
    model = wide()
    before = model.parameters.flat.copy()
    with turns.reading("evaluate", model):
        worker, said = later(lambda: WAITING[call](model))
        worker.join(0.05)
        assert worker.is_alive()
        np.testing.assert_array_equal(model.parameters.flat, before)
    worker.join(60)
    assert not worker.is_alive()
    assert not isinstance(said[0], BaseException), said
    assert (model.parameters.flat != before).any()


def test_while_a_training_waits_no_other_read_begins_and_those_under_way_go_on():
    model = wide()
    model.predict(X)
    with turns.reading("evaluate", model):
        worker, _ = later(lambda: model.fit(X[:4], T[:4], epochs=1))
        while model._turn is None:
            time.sleep(0.001)
        for read in READS.values():
            read(model)()  # a part of what is under way
        for few in (X, X[:1]):
            for read in (model.predict, lambda X: model.predict(X.tolist()), model.gradient):
                other, said = later(partial(read, few))
                other.join()
                assert isinstance(said[0], RuntimeError)
                assert REFUSED in str(said[0])
        for change in WAITING.values():
            with pytest.raises(RuntimeError, match=REFUSED):
                change(model)
    worker.join()
    model.predict(X)


def test_reads_go_on_though_one_that_waits_to_set_weights_waits_for_them():
    model = wide()
    model.predict(X)
    with turns.reading("evaluate", model):
        worker, _ = later(lambda: model.set_weights(constant(model, 3.0)))
        worker.join(0.02)
        start = time.perf_counter()
        model.predict(X)  # of the thread that is waited for
        assert time.perf_counter() - start < 30
        other, said = later(lambda: model.predict(X))  # lets it go first, but not for ever
        other.join(60)
        assert not isinstance(said[0], BaseException), said
        assert worker.is_alive()
    worker.join(60)
    assert not worker.is_alive()


def test_who_sets_weights_comes_to_it_though_others_read_all_the_time():
    model, done = wide(), threading.Event()
    model.predict(X)

    def read():
        while not done.is_set():
            model.predict(X)

    def change():
        for _ in range(5):
            model.set_weights(constant(model, 0.01))
        done.set()

    run_together([read, read, read, change])
    assert done.is_set()


def test_what_a_metric_of_the_users_own_does_to_its_model_does_not_wait_for_itself():
    model = wide()

    def mine(y_true, y_pred):
        model.set_weights(constant(model, 0.0))
        model.fit(X[:4], T[:4], epochs=1)
        return 0.5

    assert model.evaluate(X, T, metrics=[mine])["mine"] == 0.5
    assert model.history.epochs == 1


def test_models_that_share_layers_wait_for_reads_of_each_other():
    x = fm.Input(6)
    code = fm.Dense(4, "tanh")(x)
    autoencoder, encoder = fm.Model(x, fm.Dense(6)(code), seed=0), fm.Model(x, code)
    data = np.ones((8, 6), np.float32)
    before = encoder.parameters.flat.copy()
    with turns.reading("evaluate", encoder):
        worker, _ = later(lambda: autoencoder.fit(data, data, epochs=1))
        worker.join(0.05)
        assert worker.is_alive()
        np.testing.assert_array_equal(encoder.parameters.flat, before)
    worker.join()
    # One that is not built yet, too: its fit builds it.
    young = fm.Sequential([encoder.layers[0], fm.Dense(2)], seed=0)
    with turns.reading("evaluate", encoder):
        now = encoder.get_weights()
        worker, _ = later(lambda: young.fit(data, data[:, :2], epochs=1))
        worker.join(0.05)
        for one, other in zip(encoder.get_weights(), now, strict=True):
            np.testing.assert_array_equal(one, other)
    worker.join()
    assert young.history.epochs == 1
    assert (encoder.get_weights()[0] != now[0]).any()


def test_a_read_that_fails_is_over():
    model = wide()
    for wrong in (X[:, :3], "text", None):
        for call in (model.predict, model.gradient, model.activations):
            with pytest.raises((TypeError, ValueError)):
                call(wrong)
    with pytest.raises(ValueError, match="columns"):
        model.evaluate(X[:, :3], T)
    assert model._access.reads == 0
    model.fit(X[:4], T[:4], epochs=1)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_neither_the_reads_nor_the_turns_of_its_parent():
    script = """
import os, signal, threading
from test_readers import *
model = wide()
model.predict(X)
trainer = model.trainer()
reading, go = threading.Event(), threading.Event()
def read():
    with turns.reading("evaluate", model):
        reading.set()
        go.wait()
def change():
    model.set_weights(constant(model, 1.0))
threads = [threading.Thread(target=read), threading.Thread(target=change)]
threads[0].start()
reading.wait()
threads[1].start()
time.sleep(0.02)  # it waits
with turns.reading("evaluate", model):
    child = os.fork()
if child == 0:
    signal.alarm(60)
    assert model._access.reads == 0
    model.fit(X[:4], T[:4], epochs=1)
    for _ in range(3):
        trainer.step(X[:4], T[:4])
    model.set_weights(constant(model, 1.0))
    model.predict(X)
    os._exit(0)
_, status = os.waitpid(child, 0)
go.set()
for thread in threads:
    thread.join()
assert status == 0, status
assert model._access.reads == 0
"""
    here = Path(__file__).parent
    folders = [str(here), str(here.parent), os.environ.get("PYTHONPATH")]
    path = os.pathsep.join(filter(None, folders))
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, check=True
    )


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
@pytest.mark.parametrize("call", ["fit", "set_weights", "step"])
def test_control_c_ends_the_waiting_and_leaves_the_model_as_it_was(call):
    model, reading, go = wide(), threading.Event(), threading.Event()
    before = model.parameters.flat.copy()

    def read():
        with turns.reading("evaluate", model):
            reading.set()
            assert go.wait(60)

    def interrupt():
        main, end = threading.main_thread().ident, time.monotonic() + 60
        while time.monotonic() < end:
            time.sleep(0.01)
            if sys._current_frames()[main].f_code.co_name in ("take", "assign"):
                signal.pthread_kill(main, signal.SIGINT)
                return

    worker, killer = threading.Thread(target=read), threading.Thread(target=interrupt)
    worker.start()
    assert reading.wait(60)
    killer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            WAITING[call](model)
        np.testing.assert_array_equal(model.parameters.flat, before)
        model.predict(X)  # it is nobody's turn
    finally:
        go.set()
        killer.join()
        worker.join()
    WAITING[call](model)
    assert (model.parameters.flat != before).any()


def test_numbers_are_put_only_where_the_vector_is():
    access, vector = _core.Access(), np.zeros(8, np.float32)
    access.put(vector, [(1, np.ones(2, np.float32)), (6, np.full(2, 3, np.float32))])
    assert vector.tolist() == [0, 1, 1, 0, 0, 0, 3, 3]
    for begin in (7, -1, 1 << 62, -(1 << 62)):
        with pytest.raises(ValueError, match="not in the vector"):
            access.put(vector, [(0, np.zeros(8, np.float32)), (begin, np.ones(2, np.float32))])
    for values in (np.ones(2), np.ones((2, 1), np.float32), np.ones(4, np.float32)[::2]):
        with pytest.raises(ValueError, match="parts: expected a contiguous vector"):
            access.put(vector, [(0, values)])
    fixed = np.full(1, 5, np.float32)
    fixed.flags.writeable = False
    access.put(vector, [(3, fixed)])
    vector.flags.writeable = False
    with pytest.raises(ValueError, match="vector: expected a writable vector"):
        access.put(vector, [])
    assert vector.tolist() == [0, 1, 1, 5, 0, 0, 3, 3]


def test_a_block_of_reads_is_one_and_says_so():
    access = _core.Access()
    with _core.Reading([access, access]) as nothing:
        assert nothing is None
        assert access.reads == 2
    assert access.reads == 0
    block = _core.Reading([access])
    with block:
        with pytest.raises(RuntimeError, match="begins once"), block:
            pass
        assert access.reads == 1
    assert access.reads == 0
    del block
    left = _core.Reading([access])
    left.__enter__()
    del left
    assert access.reads == 0


def test_parameters_of_ones_own_are_assigned_in_one_go():
    w, b = fm.graph.parameter(np.zeros((2, 3)), "w"), fm.graph.parameter(np.zeros((1, 2)), "b")
    table = fm.graph.parameter(np.zeros((2, 2)), "table", by_rows=True)
    parameters = Parameters([w, b, table])
    given = {w: np.arange(6.0).reshape(2, 3), b: np.array([7.0, 8.0]), table: np.eye(2)}
    parameters.assign(given)
    for node, values in given.items():
        np.testing.assert_array_equal(parameters.view(node), values.reshape(-1, node.shape[1]))
