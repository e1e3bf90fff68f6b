"""Steps that the core takes without Python are the same steps, and it takes none it should not."""

import itertools
import os
import signal
import threading
import time

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import _core, optimizers
from fastmlp.training import steps as module

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(23, 5)), RNG.integers(3, size=23)


def network(dtype="float64", rate=0.3, output="softmax", columns=3, **more):
    layers = [fm.Dense(7, "tanh", **more), fm.Dropout(rate), fm.Dense(columns, output)]
    return fm.Sequential(layers, input_columns=5, seed=0, dtype=dtype)


def slow(trainer):
    """Return the trainer, which from now on takes no step ahead."""
    trainer._look_ahead = lambda *arguments: None
    return trainer


def count_slow(trainer, monkeypatch):
    """Return a list that has an element for each step taken by Python."""
    seen, step = [], trainer._examples

    def examples(*arguments):
        seen.append(1)
        return step(*arguments)

    monkeypatch.setattr(trainer, "_examples", examples)
    return seen


def check_same(make, data, monkeypatch, *, alone, **how):
    """Check that steps on the data are those of Python; `alone` of them are taken by Python."""
    trainer, twin = make().trainer(seed=1, **how), slow(make().trainer(seed=1, **how))
    seen = count_slow(trainer, monkeypatch)
    for given in data:
        assert trainer.step(*given) == twin.step(*given)
    np.testing.assert_array_equal(trainer.parameters.flat, twin.parameters.flat)
    assert trainer.steps == twin.steps == len(data)
    for one, other in zip(trainer.state.vectors, twin.state.vectors, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(seen) == alone


RULES = [
    *(rule() for rule in optimizers.OPTIMIZERS.values() if rule is not fm.optimizers.LBFGS),
    fm.Adam(fm.CosineDecay(0.1, steps=7), clip_norm=0.01, clip_value=0.002),
    fm.SGD(
        0.1,
        momentum=0.9,
        groups={"bias": {"learning_rate": fm.StepDecay(0.5, every=2, factor=0.5)}},
    ),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", RULES, ids=repr)
def test_steps_ahead_have_the_bits_of_other_steps(optimizer, dtype, monkeypatch):
    data = [(X[i : i + 5], T[i : i + 5]) for i in range(0, 20, 3)]
    make = lambda: network(dtype)  # noqa: E731
    check_same(make, data, monkeypatch, alone=1, optimizer=optimizer, l2=0.1)


KINDS = {
    "float32": X.astype("f4"),
    "float16": X.astype("f2"),
    "int64": (3 * X).astype("i8"),
    "uint8": np.abs(3 * X).astype("u1"),
    "bool": X > 0,
    "columns first": np.asfortranarray(X),
    "part": np.repeat(np.repeat(X, 2, 0), 2, 1)[::2, ::2],
    "reversed": np.ascontiguousarray(X[::-1])[::-1],
    "one row for all": np.broadcast_to(X[:1], X.shape),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_any_numbers_and_strides_are_read(kind, dtype, monkeypatch):
    check_same(lambda: network(dtype), [(KINDS[kind], T)] * 3, monkeypatch, alone=1)


ONE_HOT = np.eye(3)[T]
TARGETS = {
    "int32 labels": (network, T.astype("i4"), 1, None),
    "float labels in a column": (network, T[:, None].astype("f4"), 1, None),
    "one-hot": (network, ONE_HOT, 3, None),
    "probabilities": (network, 0.5 * ONE_HOT + 0.5 / 3, 3, None),
    "numbers": (lambda: network(output="identity"), X[:, :3], 1, "squared_error"),
    "numbers in a vector": (lambda: network(output="identity", columns=1), X[:, 0], 1, "huber"),
    "quantiles": (
        lambda: network(output="identity"),
        X[:, :1],
        1,
        fm.losses.Quantile((0.1, 0.5, 0.9)),
    ),
    "probabilities of one": (
        lambda: network(output="logistic", columns=1),
        T / 2,
        1,
        "binary_cross_entropy",
    ),
    "truths": (lambda: network(output="logistic", columns=1), T > 0, 1, "binary_cross_entropy"),
    "classes 0 and 1": (lambda: network(output="identity", columns=1), T > 0, 1, "hinge"),
    "classes −1 and 1": (
        lambda: network(output="identity", columns=1),
        2 * (T > 0) - 1,
        3,
        "hinge",
    ),
    "counts": (lambda: network(output="exp", columns=1), T, 1, "poisson"),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_targets_of_each_kind(kind, monkeypatch):
    make, t, alone, loss = TARGETS[kind]
    check_same(make, [(X, t)] * 3, monkeypatch, alone=alone, loss=loss)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((np.where(X[3, 2] == X, np.nan, X), T), "1 NaN among 115 values, the first in row 3"),
        ((np.where(X[3, 2] == X, np.inf, X), T), "1 infinite among 115 values, the first in row 3"),
        ((X[:, :4], T), r"X must have shape \(rows, 5\)"),
        ((X[0], T), r"X must have shape \(rows, 5\)"),
        ((X, T[:3]), "t must have as many rows as X"),
        ((X, T + 1), "out of range; the first is 3"),
        ((X, T - 1), "out of range; the first is -1"),
        ((X, T + 0.5), "that are no class labels"),
        ((X, np.full(23, np.nan)), "23 NaN"),
        ((X[:0], T[:0]), "empty"),
    ],
)
def test_wrong_data_are_told_as_before_the_first_step(wrong, words):
    model = network()
    trainer = model.trainer()
    trainer.step(X, T)
    trainer.step(X, T)
    before, steps = model.parameters.flat.copy(), trainer.steps
    with pytest.raises(ValueError, match=words) as told:
        trainer.step(*wrong)
    with pytest.raises(ValueError, match=words) as expected:
        network().trainer().step(*wrong)
    assert str(told.value) == str(expected.value)
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.steps == steps


def test_float64_numbers_beyond_float32_are_told(monkeypatch):
    model = network("float32", output="identity", columns=1)
    trainer = model.trainer()
    trainer.step(X, X[:, 0])
    for wrong in ((np.where(X[1, 1] == X, 1e39, X), X[:, 0]), (X, 1e39 * np.ones(23))):
        with pytest.raises(ValueError, match="beyond 3"):
            trainer.step(*wrong)


def test_lists_weights_and_sparse_rows_are_steps_between(monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    data = [(X, T), (X.tolist(), T.tolist()), (X, T), (X, T, np.linspace(1, 2, 23)), (X, T)]
    data += [(sparse.csr_array(X), T), (X, T), (X, T)]
    check_same(network, data, monkeypatch, alone=4)


def test_numbers_of_further_steps_are_made_when_the_first_are_used_up(monkeypatch):
    monkeypatch.setattr(module, "STEPS_AHEAD", 4)
    rate = fm.schedules.CosineDecay(0.5, steps=30)
    optimizer = fm.Adam(fm.CosineDecay(0.1, steps=20))
    make = lambda: network(rate=rate)  # noqa: E731
    check_same(make, [(X, T)] * 19, monkeypatch, alone=4, optimizer=optimizer)


def test_functions_of_the_users_are_asked_step_by_step():
    rates = [0.1, 0.2, 0.3]
    seen = []

    def schedule(steps):
        seen.extend(steps.tolist())
        return np.array([rates[i] for i in steps])  # there are no more

    trainer = network().trainer(optimizer=fm.SGD(schedule))
    for _ in range(3):
        trainer.step(X, T)
    assert seen == [0, 1, 2]
    current = {"rate": 0.5}
    model = network(rate=lambda steps: np.full(len(steps), current["rate"]))
    trainer = model.trainer(optimizer=fm.SGD(1e-12))
    losses = [trainer.step(X, T) for _ in range(3)]
    current["rate"] = 0.0
    losses += [trainer.step(X, T) for _ in range(2)]
    assert losses[3] == pytest.approx(losses[4], rel=1e-9)
    assert len(set(losses[:4])) == 4


def test_settings_of_layers_and_another_optimizer_take_effect_at_once():
    def run(trainer, model):
        losses = [trainer.step(X, T) for _ in range(3)]
        model.layers[1].rate = 0.7
        losses += [trainer.step(X, T) for _ in range(3)]
        trainer.optimizer = fm.Adam(0.5)
        losses += [trainer.step(X, T) for _ in range(3)]
        trainer.optimizer = fm.SGD(0.5)
        losses += [trainer.step(X, T) for _ in range(3)]
        model.layers[0].trainable = False
        losses += [trainer.step(X, T) for _ in range(3)]
        model.fit(X, T, epochs=1, seed=0)
        return losses + [trainer.step(X, T) for _ in range(3)], trainer.steps

    model, twin = network(), network()
    assert run(model.trainer(seed=0), model) == run(slow(twin.trainer(seed=0)), twin)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_trainers_and_fits_take_turns(monkeypatch):
    def run(*trainers):
        model = trainers[0]._model
        for i in range(12):
            trainers[i % 2].step(X, T)
            if i % 5 == 4:
                model.fit(X, T, epochs=1, seed=i)
                trainers[0].loss_and_gradient(X, T)
        return model.parameters.flat

    model, twin = network(), network()
    one = run(model.trainer(), model.trainer(optimizer="sgd"))
    two = run(slow(twin.trainer()), slow(twin.trainer(optimizer="sgd")))
    np.testing.assert_array_equal(one, two)


def test_several_inputs_come_as_a_list(monkeypatch):
    def make():
        a, b = fm.Input(5, "a"), fm.Input(1, "b")
        return fm.Model([a, b], fm.Dense(3, "softmax")(fm.concat([a, b])), seed=0)

    b = X[:, 0]
    check_same(make, [([X, b], T), ((X, b), T), ([X, b], T)], monkeypatch, alone=1)
    check_same(make, [({"a": X, "b": b}, T)] * 2, monkeypatch, alone=2)
    trainer = make().trainer()
    trainer.step([X, b], T)
    with pytest.raises(ValueError, match="X must hold 2 arrays"):
        trainer.step([X], T)
    with pytest.raises(ValueError, match=r"X\[1\]"):
        trainer.step([X, b[:3]], T)


def test_what_the_core_does_not_take_as_it_is_goes_its_own_way(monkeypatch):
    def two():
        x = fm.Input(5)
        return fm.Model(x, [fm.Dense(1)(x), fm.Dense(2)(x)], seed=0)

    check_same(two, [(X, [X[:, 0], X[:, :2]])] * 3, monkeypatch, alone=3)
    check_same(network, [(X, T)] * 3, monkeypatch, alone=3, optimizer=fm.Adam(ema=0.9))

    def categories():
        layers = [fm.Embedding(3, 4), fm.Dense(2, "softmax")]
        return fm.Sequential(layers, input_columns=1, seed=0)

    check_same(categories, [(T, T > 0)] * 3, monkeypatch, alone=3)
    trainer = categories().trainer()
    trainer.step(T, T > 0)
    with pytest.raises(ValueError, match="row"):
        trainer.step(T + 1, T > 0)

    class Halved(fm.losses.Loss):
        def encode_targets(self, t, output_columns, *, name="t"):
            return super().encode_targets(t, output_columns, name=name) / 2

    halved = Halved("halved", "", lambda y, t: (y - t) ** 2, "real")
    numbers = lambda: network(output="identity", columns=1)  # noqa: E731
    check_same(numbers, [(X, X[:, :1])] * 3, monkeypatch, alone=3, loss=halved)


def test_steps_follow_parameters_that_move():
    def run(keep):
        x = fm.Input(5)
        code = fm.Dense(4, "tanh")(x)
        model = fm.Model(x, fm.Dense(3, "softmax")(code), seed=0)
        trainer = keep(model.trainer(seed=0))
        losses = [trainer.step(X, T) for _ in range(3)]
        other = fm.Model(x, fm.Dense(2)(code), seed=1)  # its layers make the vector longer
        losses += [trainer.step(X, T) for _ in range(3)]
        other.fit(X, X[:, :2], epochs=1, seed=0)
        losses += [trainer.step(X, T) for _ in range(3)]
        return losses, [w.tolist() for w in model.get_weights()]

    assert run(lambda trainer: trainer) == run(slow)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="has no fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_steps_go_on_in_a_forked_process():
    trainer, twin = network().trainer(seed=0), network().trainer(seed=0)
    for _ in range(3):
        trainer.step(X, T)
        twin.step(X, T)
    expected = twin.step(X, T)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.write(writer, repr(trainer.step(X, T)).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == repr(expected)
    os.wait()
    assert trainer.step(X, T) == expected  # its own weights are as they were


def test_statistics_of_batches_are_kept(monkeypatch):
    def make():
        layers = [fm.Dense(7), fm.BatchNorm(), fm.Dense(3, "softmax")]
        return fm.Sequential(layers, input_columns=5, seed=0)

    check_same(make, [(X, T)] * 4, monkeypatch, alone=1)


def test_a_loss_that_is_no_number_is_told_and_changes_nothing():
    model = fm.MLP([5, 7, 1], seed=0)
    trainer = model.trainer(optimizer=fm.Adam(0.1))
    for _ in range(3):
        trainer.step(X, T)
    before = model.parameters.flat.copy()
    with pytest.warns(fm.NonFiniteLossWarning, match="before the step") as said:
        loss = trainer.step(1e30 * X, T)
    assert said[0].filename == __file__
    assert np.isnan(loss)
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.steps == 0
    assert np.isfinite(trainer.step(X, T))


def test_an_update_that_overflows_is_taken_back():
    model = fm.MLP([5, 1], seed=0)
    trainer = model.trainer(loss="squared_error", optimizer=fm.SGD(1e38))
    for _ in range(3):
        trainer.step(0 * X, 0 * T)  # without a gradient
    before = model.parameters.flat.copy()
    with pytest.warns(fm.NonFiniteLossWarning):
        assert np.isnan(trainer.step(X, 100.0 * T))
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.step(0 * X, 0 * T) == 0


def test_large_steps_hold_the_turn_and_let_others_run(monkeypatch):
    rows = RNG.normal(size=(60_000, 5))
    labels = RNG.integers(3, size=60_000)
    model = fm.MLP([5, 64, 64, 3], output="softmax", seed=0)
    trainer = model.trainer()
    seen = count_slow(trainer, monkeypatch)
    trainer.step(rows, labels)
    errors, done = [], threading.Event()

    def ask():
        while not done.is_set():
            try:
                model.get_weights()
            except RuntimeError as error:
                errors.append(str(error))
            time.sleep(1e-4)

    thread = threading.Thread(target=ask)
    thread.start()
    end = time.monotonic() + 20
    while not errors and time.monotonic() < end:
        trainer.step(rows, labels)
    done.set()
    thread.join()
    assert errors
    assert errors[0].startswith("get_weights: another thread is in step of the same model")
    assert len(seen) == 1


def test_no_step_is_ahead_of_a_fit_of_another_thread():
    model = network()
    trainer = model.trainer()
    trainer.step(X, T)
    trainer.step(X, T)
    said = []

    def elsewhere():
        try:
            trainer.step(X, T)
        except RuntimeError as error:
            said.append(str(error).partition(" of")[0])

    def listen(model, epoch, logs):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        trainer.step(X, T)

    model.fit(X, T, epochs=1, callbacks=[listen])
    assert said == ["step: another thread is in fit"]
    assert trainer.steps == 3


def step_until_interrupted(trainer, data, seconds):
    signal.setitimer(signal.ITIMER_REAL, seconds)
    for _ in range(1_000_000):
        trainer.step(*data)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="has no timers")
@pytest.mark.parametrize("rows", [23, 40_000])
def test_interrupts_leave_weights_and_counts_agreed(rows):
    data = RNG.normal(size=(rows, 5)), RNG.integers(3, size=rows)
    model, twin = network("float32"), network("float32")
    trainer, other = model.trainer(seed=0), slow(twin.trainer(seed=0))
    trainer.step(*data)
    delays = itertools.cycle([0.003, 0.0071, 0.0113])
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for _ in range(10):
            with pytest.raises(KeyboardInterrupt):
                step_until_interrupted(trainer, data, next(delays))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    for _ in range(trainer.steps):
        other.step(*data)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_a_handler_of_signals_may_step_within_a_step():
    if not hasattr(signal, "setitimer"):
        pytest.skip("has no timers")
    rows, labels = RNG.normal(size=(400_000, 5)), RNG.integers(3, size=400_000)
    model = fm.MLP([5, 64, 64, 3], output="softmax", seed=0)
    trainer = model.trainer()
    trainer.step(rows, labels)
    seen = []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append(trainer.step(X, T)))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        while not seen:
            trainer.step(rows, labels)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert np.isfinite(seen[0])
    assert np.isfinite(trainer.step(rows, labels))


def test_steps_are_counted_where_the_state_is():
    trainer = network().trainer()
    for _ in range(5):
        trainer.step(X, T)
    assert trainer.steps == trainer.state.steps == 5
    trainer.state.steps = 2  # as one who goes on from there
    trainer.step(X, T)
    assert trainer.steps == 3


def test_the_core_takes_only_arguments_that_fit():
    with pytest.raises(TypeError, match="expected a ProgramF32 or ProgramF64"):
        _core.make_stepper(
            program=None,
            feeds=[],
            sources=[],
            limits=(0.0, 1.0, False),
            parameters=np.zeros(1),
            state=[],
            groups=[],
            step_values=np.zeros((2, 1)),
            first_step=0,
            seed=0,
            clip_norm=1.0,
            clip_value=1.0,
            max_norms=[],
            outputs=[],
            counter=None,
        )
    trainer = network().trainer()
    trainer.step(X, T)
    step = trainer._ahead.step
    with pytest.raises(TypeError, match="got 2 arguments"):
        step(X, T)
    trainer.state.steps = "three"
    with pytest.raises(TypeError):
        step(X, T, False)
