"""An average of the weights: what it is, who sees it, and what goes on beside it."""

from __future__ import annotations

import pkgutil

import numpy as np
import pytest

import fastmlp as fm

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(23, 5)), RNG.integers(3, size=23)
HOW = {"batch_size": 7, "shuffle": False}
EMA = 0.8


def network(dtype="float64", dropout=0.0):
    layers = [fm.Dense(7, "tanh"), fm.Dropout(dropout), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=5, seed=0, dtype=dtype)


def optimizer(ema=EMA, **settings):
    return fm.Adam(0.05, ema=ema, **settings)


def averaged(steps):
    """The weights after each step without an average, and their averages."""
    twin = network()
    trainer = twin.trainer(optimizer=optimizer(None))
    average, trained, averages = None, [], []
    for number in range(steps):
        rows = slice(7 * (number % 4), 7 * (number % 4) + 7)
        trainer.step(X[rows], T[rows])
        w = twin.parameters.flat.copy()
        average = w if average is None else EMA * average + (1 - EMA) * w
        trained.append(w)
        averages.append(average)
    return trained, averages


def test_the_model_has_the_average_of_the_weights_after_every_step():
    _, averages = averaged(12)
    model = network()
    model.fit(X, T, optimizer=optimizer(), epochs=3, **HOW)
    np.testing.assert_allclose(model.parameters.flat, averages[-1], rtol=1e-12, atol=1e-15)
    stepped = network()
    trainer = stepped.trainer(optimizer=optimizer())
    for number, expected in enumerate(averages):
        rows = slice(7 * (number % 4), 7 * (number % 4) + 7)
        trainer.step(X[rows], T[rows])
        np.testing.assert_allclose(stepped.parameters.flat, expected, rtol=1e-12, atol=1e-15)


def test_listeners_and_the_validation_meet_the_average():
    _, averages = averaged(12)
    seen, shown = [], network()

    def listener(model, epoch, logs):
        np.testing.assert_allclose(
            model.parameters.flat, averages[4 * epoch - 1], rtol=1e-12, atol=1e-15
        )
        shown.set_weights(model.get_weights())
        assert logs["val_loss"] == shown.evaluate(X, T)["loss"]
        seen.append(epoch)

    how = {"callbacks": [listener], "validation_data": (X, T), **HOW}
    network().fit(X, T, optimizer=optimizer(), epochs=3, **how)
    assert seen == [1, 2, 3]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_next_fit_goes_on_from_the_weights_themselves(dtype):
    whole, parts, heard = network(dtype, 0.3), network(dtype, 0.3), network(dtype, 0.3)
    how = {**HOW, "optimizer": optimizer(clip_norm=0.5)}
    whole.fit(X, T, epochs=5, seed=1, **how)
    heard.fit(X, T, epochs=5, seed=1, callbacks=[lambda *_: None], **how)
    np.testing.assert_array_equal(whole.parameters.flat, heard.parameters.flat)
    whole, parts = network(dtype), network(dtype)
    whole.fit(X, T, epochs=5, **how)
    for epochs in (2, 1, 2):
        parts.fit(X, T, epochs=epochs, **how)
    np.testing.assert_array_equal(whole.parameters.flat, parts.parameters.flat)


def test_who_changes_the_weights_begins_a_new_average():
    model, twin = network(), network()
    model.fit(X, T, optimizer=optimizer(), epochs=2, **HOW)
    twin.fit(X, T, optimizer=optimizer(), epochs=2, **HOW)
    zeros = [0 * w for w in model.get_weights()]
    model.set_weights(zeros)
    model.fit(X[:7], T[:7], optimizer=optimizer(), epochs=1, **HOW)
    twin.set_weights(zeros)
    twin.fit(X[:7], T[:7], optimizer=optimizer(None), epochs=1, **HOW)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)  # of one step
    model.fit(X[:7], T[:7], optimizer=optimizer(), epochs=1, **HOW)
    first = twin.parameters.flat.copy()
    twin.fit(X[:7], T[:7], optimizer=optimizer(None), epochs=1, **HOW)
    expected = EMA * first + (1 - EMA) * twin.parameters.flat
    np.testing.assert_allclose(model.parameters.flat, expected, rtol=1e-12, atol=1e-15)


def test_without_an_average_a_next_fit_goes_on_from_what_the_model_has():
    model, twin = network(), network()
    model.fit(X, T, optimizer=optimizer(), epochs=2, **HOW)
    twin.fit(X, T, optimizer=optimizer(None), epochs=2, **HOW)
    twin.set_weights(model.get_weights())
    for each in (model, twin):
        each.fit(X, T, optimizer=optimizer(None), epochs=2, **HOW)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_the_gradient_shown_is_the_one_that_the_next_step_follows():
    model = network()
    trainer = model.trainer(optimizer=fm.SGD(0.1, ema=EMA))
    for _ in range(3):
        before = model.parameters.flat.copy()
        loss = trainer.loss_and_gradient(X, T)[0]
        np.testing.assert_array_equal(model.parameters.flat, before)
        assert trainer.step(X, T) == loss


PLACES = [
    "fastmlp.planner.training_plans.TrainingPlan.run_epochs",
    "fastmlp.training.request.Shuffled.__call__",
    "fastmlp.training.updates.NumbersAhead.__call__",
    "fastmlp.training.averages.WeightAverage.begin",
    "fastmlp.training.averages.WeightAverage.end",
    "fastmlp.training.evaluation.Evaluation.__call__",
    "fastmlp.history.History.append",
]


@pytest.mark.parametrize("place", PLACES)
def test_wherever_an_interrupt_comes_the_average_is_that_of_the_steps_done(monkeypatch, place):
    function, left = pkgutil.resolve_name(place), [3]

    def replaced(*arguments, **named):
        result = function(*arguments, **named)
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return result

    model, twin = network(), network()
    how = {**HOW, "shuffle": True, "validation_data": (X, T), "optimizer": optimizer()}
    monkeypatch.setattr(place, replaced)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, T, epochs=9, **how)
    monkeypatch.undo()
    done = model.history.epochs
    assert done in (2, 3)
    twin.fit(X, T, epochs=done, **how)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)
    for each in (model, twin):
        each.fit(X, T, epochs=2, **how)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_a_refused_fit_leaves_weights_that_were_set():
    model = network()
    model.fit(X, T, optimizer=optimizer(), epochs=2, **HOW)
    model.set_weights([0 * w for w in model.get_weights()])
    broken = fm.Adam(lambda steps: np.zeros(3), ema=EMA)
    with pytest.raises(ValueError, match="must return one learning rate for each step"):
        model.fit(X, T, optimizer=broken, epochs=2, **HOW)
    assert not model.parameters.flat.any()


def test_where_the_loss_becomes_infinite_the_last_finite_average_stays():
    model = fm.MLP([1, 1], seed=0)
    X, t = np.ones((4, 1)), np.ones((4, 1))
    with pytest.warns(fm.NonFiniteLossWarning):
        model.fit(X, t, optimizer=fm.SGD(1e30, ema=0.9), epochs=50, batch_size=2)
    assert np.isfinite(model.parameters.flat).all()
    assert model._trainer.state is None
    model.set_weights([np.zeros((1, 1)), np.zeros(1)])
    model.fit(X, t, optimizer=fm.SGD(0.1, ema=0.9), epochs=1, batch_size=None)
    assert model.predict(X)[0, 0] == pytest.approx(0.2)


def test_an_average_may_be_given_in_any_precision():
    X, t = np.ones((4, 2)), np.ones(4)
    for ema in (np.float32(0.5), np.float16(0.5)):
        found = [fm.MLP([2, 1], seed=0) for _ in range(2)]
        for one, given in zip(found, (0.5, ema), strict=True):
            one.fit(X, t, optimizer=fm.Adam(ema=given), epochs=3, verbose=False)
        assert (found[0].parameters.flat == found[1].parameters.flat).all()
