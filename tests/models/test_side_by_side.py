"""Threads of Python side by side: what each finds is what it would have found alone."""

import os
import subprocess
import sys
import sysconfig
import threading
import warnings
from functools import partial

import numpy as np
import pytest

import fastmlp as fm
from threaded import run_together

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(200, 6)).astype("float32"), RNG.integers(3, size=200)
# Without the GIL, the threads of a thousand calls meet by themselves.
ROUNDS = 3


@pytest.fixture(autouse=True)
def _threads_change_often():
    interval, threads = sys.getswitchinterval(), fm.get_num_threads()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)
    fm.set_num_threads(threads)


def network(seed=0, dtype="float32"):
    layers = [fm.Dense(16, "relu"), fm.Dropout(0.2), fm.BatchNorm(), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=6, seed=seed, dtype=dtype)


def two_inputs():
    a, b = fm.Input(6, name="a"), fm.Input(2, name="b")
    out = fm.Dense(3, "softmax")(fm.Concatenate()([fm.Dense(4, "tanh")(a), b]))
    return fm.Model([a, b], out, seed=0)


def fit(seed, dtype):
    model = network(seed, dtype)
    model.fit(X, T, epochs=4, batch_size=50)
    return model.parameters.flat.tobytes()


def fit_members():
    models = fm.Members([network(i) for i in range(4)])
    models.fit(X, T, epochs=2, batch_size=64)
    return models.predict(X).tobytes()


def step(seed):
    model = network(seed)
    trainer = model.trainer(loss="categorical_cross_entropy", optimizer=fm.Adam(0.01))
    losses = [trainer.step(X[:40], T[:40]) for _ in range(100)]
    return repr(losses).encode() + model.parameters.flat.tobytes()


def estimate(seed):
    found = fm.MLPClassifier((8,), max_iter=5, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence; threads share the filters
        return found.fit(X, T).predict_proba(X).tobytes()


def differentiate(seed):
    model = network(seed)
    return model.gradient(X, output=0).tobytes() + model.jacobian(X[:9]).tobytes()


def save_and_load(seed, folder):
    path = folder / f"{threading.get_ident()}.safetensors"
    network(seed).save(path)
    return fm.load(path).predict(X).tobytes()


def jobs(folder):
    """Return some of each kind of work, as functions that return bits."""
    return [
        *(partial(fit, seed, dtype) for seed in (0, 1) for dtype in ("float32", "float64")),
        fit_members,
        partial(step, 0),
        partial(step, 1),
        partial(estimate, 0),
        partial(estimate, 1),
        partial(differentiate, 2),
        partial(save_and_load, 3, folder),
        partial(save_and_load, 4, folder),
    ]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_whatever_threads_do_side_by_side_has_the_bits_it_has_alone(tmp_path):
    calls = jobs(tmp_path)
    alone = [call() for call in calls]
    for _ in range(ROUNDS):
        assert run_together(calls) == alone


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_numbers_of_threads_may_change_while_others_work(tmp_path):
    calls = jobs(tmp_path)
    alone = [call() for call in calls]
    done = threading.Event()

    def change():
        while not done.is_set():
            for count in (1, 3, 2):
                fm.set_num_threads(count)
                assert fm.get_num_threads() in (1, 2, 3)
            with fm.config.own_threads(5):
                assert fm.get_num_threads() == 5  # whatever others set

    changing = [threading.Thread(target=change) for _ in range(2)]
    for thread in changing:
        thread.start()
    try:
        assert run_together(calls) == alone
    finally:
        done.set()
        for thread in changing:
            thread.join()


@pytest.mark.parametrize("units", [8, 700])
@pytest.mark.parametrize("several", [False, True])
def test_of_steps_of_one_trainer_by_many_threads_each_is_taken_whole_or_refused(units, several):
    def trained():
        a, b = fm.Input(6), fm.Input(2)
        h = fm.Dense(units, "tanh")(fm.Concatenate()([a, b]))
        model = fm.Model([a, b], fm.Dense(1)(h), seed=0)
        if not several:
            model = fm.MLP([6, units, 1], activation="tanh", seed=0)
        return model, model.trainer(loss="squared_error", optimizer=fm.Adam(1e-3))

    t = X[:, :1].copy()
    data = [X, X[:, :2].copy()] if several else X
    model, trainer = trained()
    trainer.step(data, t)
    refused = []

    def steps():
        losses = []
        for _ in range(30):
            try:
                losses.append(trainer.step(data, t))
            except RuntimeError as error:
                refused.append(str(error))
        return losses

    losses = run_together([steps] * 4)
    assert all("another thread is in" in text for text in refused)
    taken = sum(map(len, losses))
    assert trainer.steps == 1 + taken
    assert taken + len(refused) == 4 * 30
    twin, alone = trained()
    alone.step(data, t)
    each = [alone.step(data, t) for _ in range(taken)]
    assert sorted(loss for found in losses for loss in found) == sorted(each)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_the_arrays_of_a_list_or_dict_may_be_exchanged_while_others_predict_them():
    model = two_inputs()
    pairs = [(RNG.normal(size=(5, 6)), RNG.normal(size=(5, 2))) for _ in range(2)]
    model.predict(list(pairs[0]))
    possible = {model.predict([a, b]).tobytes() for a, _ in pairs for _, b in pairs}
    parts, named, done = list(pairs[0]), dict(zip("ab", pairs[0], strict=True)), threading.Event()

    def exchange():
        while not done.is_set():
            for a, b in pairs:
                parts[:] = a.copy(), b.copy()  # the former arrays are gone
                named["a"], named["b"] = a.copy(), b.copy()
                parts.pop()
                parts.append(b.copy())
                del named["b"]
                named["b"] = b.copy()

    def predict(X):
        found = set()
        for _ in range(300):
            try:
                found.add(model.predict(X).tobytes())
            except (ValueError, TypeError, KeyError, RuntimeError):
                found.add(None)  # an array was missing
        return found

    exchanging = threading.Thread(target=exchange)
    exchanging.start()
    try:
        found = set().union(
            *run_together([partial(predict, given) for given in [parts, named] * 2])
        )
    finally:
        done.set()
        exchanging.join()
    assert found - {None} <= possible


def run(script, *options):
    done = subprocess.run(
        [sys.executable, *options, "-c", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_public_name_may_be_loaded_first_by_many_threads_at_once():
    script = """
import sys, threading
import fastmlp as fm
sys.setswitchinterval(1e-4)
names, start, wrong = [n for n in dir(fm) if n[0] != "_"], threading.Barrier(6), []
def load(first):
    start.wait()
    try:
        for name in names[first:] + names[:first]:
            getattr(fm, name)
    except BaseException as error:
        wrong.append((name, error))
threads = [threading.Thread(target=load, args=(i * len(names) // 6,)) for i in range(6)]
for t in threads: t.start()
for t in threads: t.join()
assert not wrong, wrong
print(len(names))
"""
    assert int(run(script)) > 50


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="Python has the GIL")
@pytest.mark.skipif(os.environ.get("PYTHON_GIL") == "1", reason="the GIL was asked for")
def test_the_core_brings_no_gil_into_a_free_threaded_python():
    script = "import sys, fastmlp._core; assert not sys._is_gil_enabled()"
    run(script, "-W", "error")
