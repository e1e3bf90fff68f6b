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
from fastmlp.training import ahead as module
from stepped import RNG, T, X, check_same, count_slow, network, slow

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

    for optimizer in (fm.SGD(schedule), fm.SGD(0.1, groups={"bias": {"learning_rate": schedule}})):
        trainer = network().trainer(optimizer=optimizer)
        for _ in range(3):
            trainer.step(X, T)
        assert seen == [0, 1, 2]
        seen.clear()
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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", [fm.Adam(ema=0.9), fm.SGD(0.1, ema=0.5, clip_norm=0.1)])
def test_averages_of_the_weights_are_taken(optimizer, dtype, monkeypatch):
    def run(keep):
        model = network(dtype, max_norm=0.9)
        trainer = keep(model.trainer(seed=1, optimizer=optimizer))
        told = [trainer.step(X, T) for _ in range(4)]
        told += [model.predict(X).tolist(), trainer.loss_and_gradient(X, T)[1].tolist()]
        model.parameters.flat[:3] += 1  # steps go on from what somebody has changed
        told += [trainer.loss_and_gradient(X, T)[0], *(trainer.step(X, T) for _ in range(4))]
        model.layers[0].trainable = False
        model.layers[0].weights[0, 0] = 7
        told += [trainer.step(X, T) for _ in range(4)]
        return told, model.parameters.flat.tolist(), trainer.state.average.trained.tolist()

    assert run(lambda trainer: trainer) == run(slow)
    check_same(lambda: network(dtype), [(X, T)] * 4, monkeypatch, alone=1, optimizer=optimizer)


def test_what_the_core_does_not_take_as_it_is_goes_its_own_way(monkeypatch):
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


@pytest.mark.parametrize("bounds", [{}, {"max_norm": 1e30}])
def test_an_update_of_which_the_last_part_overflows_is_taken_back_whole(bounds):
    hidden = fm.Dense(100, "relu", **bounds)  # its weights are a few blocks of an update
    model = fm.Sequential([hidden, fm.Dense(1)], input_columns=200, seed=0)
    trainer = model.trainer(loss="squared_error", optimizer=fm.SGD(1e38, momentum=0.9))
    tiny, t = np.full((4, 200), 1e-36), np.full((4, 1), 100.0)
    before = model.parameters.flat.copy()
    with pytest.warns(fm.NonFiniteLossWarning):
        assert np.isnan(trainer.step(tiny, t))
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.step(0 * tiny, 0 * t) == 0  # without a gradient: what moves is the velocity
    np.testing.assert_array_equal(model.parameters.flat, before)


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
            inputs=[],
            targets=[],
            several=False,
            weights=[],
            common=False,
            updating=_core.Updating(
                parameters=np.zeros(1), state=[], groups=[], step_values=np.zeros((2, 1))
            ),
            first_step=0,
            seed=0,
            average=None,
            assigned=[],
            counter=None,
            access=_core.Access(),
        )
    trainer = network().trainer()
    trainer.step(X, T)
    step = trainer._ahead.step
    with pytest.raises(TypeError, match="got 2 arguments"):
        step(X, T)
    with pytest.raises(TypeError, match="got 2 arguments"):
        trainer._ahead.loss_and_gradient(X, T)
    trainer.state.steps = "three"
    for call in (lambda: step(X, T, None, False), lambda: trainer.loss_and_gradient(X, T)):
        with pytest.raises(TypeError):
            call()
