"""Fits by L-BFGS: iterations in the place of epochs."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

import fastmlp as fm

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
T = np.sin(X[:, :1]) + 0.1 * X[:, 1:2]
WHOLE = {"batch_size": None, "verbose": False}


def network(dtype="float64", **settings):
    return fm.MLP([3, 6, 1], activation="tanh", seed=0, dtype=dtype, **settings)


def test_it_is_the_minimiser_of_scipy_on_loss_and_penalty():
    model, twin = network(), network()
    history = model.fit(X, T, optimizer=fm.LBFGS(), epochs=30, l2=0.01, **WHOLE)
    loss = twin.trainer(l2=0.01).objective(X, T)
    options = {"maxiter": 30, "gtol": 1e-5, "ftol": 1e-9}
    start = twin.parameters.flat.copy()
    result = minimize(loss, start, jac=True, method="L-BFGS-B", options=options)
    assert history["loss"][-1] == pytest.approx(result.fun, rel=1e-6)
    np.testing.assert_allclose(model.parameters.flat, result.x, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_an_epoch_is_an_iteration_after_which_its_numbers_are_taken(dtype):
    model, seen = network(dtype), []

    def listener(model, epoch, logs):
        seen.append(model.evaluate(X, T)["loss"])
        assert logs["val_loss"] == pytest.approx(model.evaluate(X[:9], T[:9])["loss"], rel=1e-6)

    history = model.fit(
        X, T, optimizer="lbfgs", epochs=7, validation_data=(X[:9], T[:9]), callbacks=[listener],
        metrics=["mean_squared_error"], l2=1e-3, **WHOLE,
    )  # fmt: skip
    assert history.epochs == 7
    assert history.stopped is None
    np.testing.assert_allclose(history["loss"], seen, rtol=1e-6)
    squared = model.evaluate(X, T, metrics=["mean_squared_error"])["mean_squared_error"]
    assert history["mean_squared_error"][-1] == pytest.approx(squared, rel=1e-6)
    assert (np.diff(history["loss"]) < 0).all()


def test_it_says_when_it_is_done():
    model = fm.MLP([3, 1], seed=0, dtype="float64")
    history = model.fit(X, T, optimizer=fm.LBFGS(), epochs=200, **WHOLE)
    assert history.epochs < 100
    assert history.stopped.startswith(f"L-BFGS after epoch {history.epochs}: CONVERGENCE")
    np.testing.assert_allclose(model.layers[0].weights, fm.least_squares(X, T)[0], atol=1e-4)
    again = model.fit(X, T, optimizer=fm.LBFGS(), epochs=5, **WHOLE)
    assert again.epochs <= 1


def test_callbacks_end_it_and_bring_the_best_weights_back():
    model = network()
    ends = lambda model, epoch, logs: True if epoch == 3 else None  # noqa: E731
    history = model.fit(X, T, optimizer=fm.LBFGS(), epochs=20, callbacks=[ends], **WHOLE)
    assert history.epochs == 3
    assert history.stopped is not None
    assert model.evaluate(X, T)["loss"] == pytest.approx(history["loss"][-1], rel=1e-12)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_leaves_the_weights_of_the_last_iteration(error):
    model = network()

    def listener(model, epoch, logs):
        if epoch == 4:
            raise error("stop")

    with pytest.raises(error, match="stop"):
        model.fit(X, T, optimizer=fm.LBFGS(), epochs=20, callbacks=[listener], **WHOLE)
    assert model.history.epochs == 4
    assert model.history.stopped.endswith("after epoch 4")
    assert model.evaluate(X, T)["loss"] == pytest.approx(model.history["loss"][-1], rel=1e-12)
    model.fit(X, T, optimizer=fm.LBFGS(), epochs=2, **WHOLE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_that_a_callback_sets_are_an_error_but_not_where_it_ends_the_fit(dtype):
    def halved(model, epoch, logs):
        model.set_weights([0.5 * values for values in model.get_weights()])
        return epoch == last

    last = 2
    model = network(dtype)
    with pytest.raises(RuntimeError, match="the weights were changed while L-BFGS minimises"):
        model.fit(X, T, optimizer=fm.LBFGS(), epochs=20, callbacks=[halved], **WHOLE)
    assert model.history.epochs == 1
    last = 1
    assert model.fit(X, T, optimizer=fm.LBFGS(), epochs=9, callbacks=[halved], **WHOLE).epochs == 1
    looks = lambda model, epoch, logs: model.predict(X) is None  # noqa: E731
    assert model.fit(X, T, optimizer=fm.LBFGS(), epochs=9, callbacks=[looks], **WHOLE).epochs == 9


def test_frozen_layers_stay_and_sample_weights_count():
    model = network()
    model.layers[0].trainable = False
    before = model.get_weights()
    weight = np.arange(40.0)
    history = model.fit(X, T, optimizer="lbfgs", epochs=9, sample_weight=weight, **WHOLE)
    np.testing.assert_array_equal(model.get_weights()[0], before[0])
    assert not np.array_equal(model.get_weights()[2], before[2])
    scores = model.evaluate(X, T, sample_weight=weight)
    assert scores["loss"] == pytest.approx(history["loss"][-1], rel=1e-12)


def test_moments_of_steps_are_forgotten():
    model, twin = network(), network()
    adam = {"optimizer": fm.Adam(0.01), "epochs": 2, "shuffle": False, **WHOLE}
    model.fit(X, T, **adam)
    model.fit(X, T, optimizer="lbfgs", epochs=2, **WHOLE)
    twin.set_weights(model.get_weights())
    for each in (model, twin):
        each.fit(X, T, **adam)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_a_loss_that_is_not_finite_ends_it():
    model = fm.MLP([1, 1], seed=0)
    before = model.get_weights()
    with pytest.warns(fm.NonFiniteLossWarning, match="infinite in epoch 1"):
        history = model.fit(
            [[1.0], [2.0]], [1.0, 2.0], loss=lambda y, t: (y - t) ** 2 * 1e308 * 1e9,
            optimizer="lbfgs", **WHOLE,
        )  # fmt: skip
    assert history.epochs == 0
    for now, w in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, w)


def test_a_finite_loss_with_a_gradient_that_is_not_ends_it_too():
    model = fm.MLP([1, 1], seed=0, dtype="float64")
    model.set_weights([[[0.0]], [0.0]])
    with pytest.warns(fm.NonFiniteLossWarning, match="in epoch 1"):
        history = model.fit(
            [[1e10], [2e10]], [0.0, 0.0], loss=lambda y, t: 1e300 * (y - t), optimizer="lbfgs",
            **WHOLE,
        )  # fmt: skip
    assert history.epochs == 0
    assert not model.parameters.flat.any()


def test_it_takes_all_rows_unless_told_otherwise():
    one, other = network(), network()
    one.fit(X, T, optimizer="lbfgs", epochs=3)
    other.fit(X, T, optimizer="lbfgs", epochs=3, batch_size=None)
    np.testing.assert_array_equal(one.parameters.flat, other.parameters.flat)
    with pytest.raises(ValueError, match="did you mean 'lbfgs'"):
        one.fit(X, T, optimizer="l-bfgs")


def test_what_it_cannot_do_is_said_before_anything_changes():
    model = network()
    with pytest.raises(ValueError, match="LBFGS needs all 40 rows at once, got batch_size=32"):
        model.fit(X, T, optimizer=fm.LBFGS(), batch_size=32)
    assert model.history is None
    noisy = fm.Sequential([fm.Dense(4, "tanh"), fm.Dropout(0.5), fm.Dense(1)], input_columns=3)
    with pytest.raises(ValueError, match="a loss that is the same each time"):
        noisy.fit(X, T, optimizer="lbfgs", **WHOLE)
    noisy.layers[1].rate = 0.0
    assert noisy.fit(X, T, optimizer="lbfgs", epochs=2, **WHOLE).epochs == 2
    with pytest.raises(ValueError, match="LBFGS does not train step by step"):
        model.trainer(optimizer="lbfgs")
    with pytest.raises(TypeError, match=r"got the class: write LBFGS\(\)"):
        model.fit(X, T, optimizer=fm.LBFGS, **WHOLE)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"history_size": 0}, ValueError, "history_size must be at least 1"),
        ({"history_size": 1.5}, TypeError, "history_size must be an integer"),
        ({"gradient_tolerance": -1}, ValueError, "gradient_tolerance must be"),
        ({"loss_tolerance": "small"}, TypeError, "loss_tolerance must be a number"),
        ({"line_search_steps": 0}, ValueError, "line_search_steps must be at least 1"),
    ],
)
def test_its_settings_are_checked(settings, error, words):
    with pytest.raises(error, match=words):
        fm.LBFGS(**settings)
