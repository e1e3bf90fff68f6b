"""A loop of the user's own: a step is a step of `fit`, and what it follows can be seen."""

import copy
import pickle
import threading

import numpy as np
import pytest
from scipy.optimize import minimize

import fastmlp as fm
from fastmlp import optimizers, planner

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(23, 5)), RNG.integers(3, size=23)
OPTIMIZERS = [
    *(rule() for rule in optimizers.OPTIMIZERS.values()),
    fm.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    fm.Adam(fm.CosineDecay(0.1, steps=7)),
]


def network(dropout=0.0, dtype="float64"):
    layers = [fm.Dense(7, "tanh"), fm.Dropout(dropout), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=5, seed=0, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
def test_steps_over_the_batches_are_the_epochs_of_fit(optimizer, weighted, dtype):
    model, twin = network(dtype=dtype), network(dtype=dtype)
    weight = np.linspace(1, 2, 23).astype("float32") if weighted else None
    how = {"epochs": 2, "batch_size": 5, "shuffle": False, "sample_weight": weight}
    model.fit(X, T, optimizer=optimizer, l2=0.1, **how)
    trainer = twin.trainer(optimizer=optimizer, l2=0.1)
    for _ in range(2):
        for i in range(0, 23, 5):
            rows = slice(i, i + 5)
            trainer.step(X[rows], T[rows], weight[rows] if weighted else None)
    np.testing.assert_allclose(twin.parameters.flat, model.parameters.flat, rtol=1e-5, atol=1e-7)
    if not weighted:  # the unit of a batch's weights is not that of all
        np.testing.assert_array_equal(twin.parameters.flat, model.parameters.flat)
    assert trainer.steps == 10


def test_a_step_goes_down_the_gradient_that_is_shown_with_the_same_dropout():
    model = network(dropout=0.5)
    trainer = model.trainer(optimizer=fm.SGD(0.1), l2=0.2, seed=1)
    seen = set()
    for _ in range(3):
        before = model.get_weights()
        loss, gradient = trainer.loss_and_gradient(X, T)
        gradients = trainer.views(gradient).values()
        for now, w in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, w)
        assert trainer.loss_and_gradient(X, T)[0] == loss == trainer.step(X, T)
        for after, w, gradient in zip(model.get_weights(), before, gradients, strict=True):
            np.testing.assert_allclose(after, w - 0.1 * gradient, rtol=1e-10, atol=1e-14)
        seen.add(loss)
    assert len(seen) == 3  # another dropout each step


def test_the_gradient_is_that_of_differences():
    model = network()
    trainer = model.trainer(l2=0.1)
    gradient = trainer.views(trainer.loss_and_gradient(X, T)[1])["dense_1.weights"]
    weights = model.get_weights()
    ends = []
    for h in (1e-6, -1e-6):
        moved = [w.copy() for w in weights]
        moved[0][2, 3] += h
        model.set_weights(moved)
        ends.append(trainer.loss_and_gradient(X, T)[0])
    assert gradient[2, 3] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("method", ["L-BFGS-B", "BFGS", "CG"])
def test_scipy_minimizes_the_objective(method, dtype):
    model = network(dropout=0.3, dtype=dtype)
    trainer = model.trainer(l2=0.01, seed=3)
    f = trainer.objective(X, T, np.linspace(1, 2, 23))
    start = model.parameters.flat.copy()
    loss, gradient = f(start)
    expected = trainer.loss_and_gradient(X, T, np.linspace(1, 2, 23))
    assert (loss, gradient.dtype) == (expected[0], np.float64)
    np.testing.assert_array_equal(gradient, expected[1].astype(np.float64))
    found = minimize(f, model.parameters.flat, jac=True, method=method, options={"maxiter": 40})
    assert found.fun < loss - 0.5
    model.parameters.flat[:] = found.x
    assert trainer.loss_and_gradient(X, T, np.linspace(1, 2, 23))[0] == pytest.approx(found.fun)


def test_the_objective_follows_settings_of_layers_and_says_what_is_wrong():
    model = network(dropout=0.5)
    trainer = model.trainer()
    f = trainer.objective(X, T)
    start = model.parameters.flat.copy()
    f(start)
    model.layers[1].rate = 0.0
    expected = model.evaluate(X, T, loss="cross_entropy")["loss"]
    assert f(start)[0] == pytest.approx(expected, rel=1e-12)
    with pytest.raises(ValueError, match=r"w must have shape \(\d+,\), as model.parameters.flat"):
        f(start[1:])
    for wrong in (start + 1j, start.astype(str)):
        with pytest.raises(TypeError, match=r"w must hold numbers, got (complex|text)"):
            f(wrong)
    np.testing.assert_array_equal(model.parameters.flat, start)
    with pytest.raises(ValueError, match="rows"):
        trainer.objective(X, T[:3])
    with pytest.raises(ValueError, match="shape"):
        trainer.views(start[1:])
    with pytest.raises(TypeError, match="vector must be an array, got list"):
        trainer.views(start.tolist())


def test_each_trainer_has_the_state_of_its_optimizer_to_itself():
    model, alone = network(), network()
    model.fit(X, T, epochs=2, shuffle=False)
    alone.set_weights(model.get_weights())
    model.trainer().step(X, T)
    alone.trainer().step(X, T)
    np.testing.assert_array_equal(model.parameters.flat, alone.parameters.flat)
    one, other = model.trainer(), model.trainer(loss="squared_error")
    one.step(X, T)
    assert (one.steps, other.steps) == (1, 0)
    assert model.history.epochs == 2


def test_a_changed_setting_of_a_layer_takes_effect_at_the_next_step():
    model = network(dropout=0.5)
    trainer = model.trainer()
    trainer.step(X, T)
    model.layers[1].rate = 0.0
    expected = model.evaluate(X, T, loss="cross_entropy")["loss"]
    assert trainer.step(X, T) == pytest.approx(expected, rel=1e-12)


def test_wrong_data_and_arguments_change_nothing():
    model = network()
    before = model.parameters.flat.copy()
    for arguments, words in (
        ({"loss": "nothing"}, "loss"),
        ({"optimizer": "nothing"}, "optimizer"),
        ({"l2": -1}, "l2"),
        ({"seed": -1}, "seed"),
    ):
        with pytest.raises(ValueError, match=words):
            model.trainer(**arguments)
    trainer = model.trainer()
    for call in (trainer.step, trainer.loss_and_gradient):
        with pytest.raises(ValueError, match=r"X must have shape \(rows, 5\)"):
            call(X[:, :4], T)
        with pytest.raises(ValueError, match="rows"):
            call(X, T[:3])
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.steps == 0
    with pytest.raises(ValueError, match="number of input columns"):
        fm.Sequential([fm.Dense(1)]).trainer()


def test_a_loss_that_is_no_number_leaves_the_weights_and_says_so():
    model = fm.MLP([5, 7, 1], seed=0)
    trainer = model.trainer(optimizer=fm.Adam(0.1))
    trainer.step(X, T)
    before = model.parameters.flat.copy()
    with pytest.warns(fm.NonFiniteLossWarning, match="before the step") as said:
        loss = trainer.step(1e30 * X, T)
    assert said[0].filename == __file__
    assert np.isnan(loss)
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.steps == 0
    assert np.isfinite(trainer.step(X, T))


def test_an_interrupt_behind_the_core_leaves_weights_and_steps_agreed(monkeypatch):
    run = planner.TrainingPlan.run_epochs

    def interrupted(plan, *arguments, **named):
        run(plan, *arguments, **named)
        raise KeyboardInterrupt

    model, twin = network(), network()
    trainer, other = model.trainer(), twin.trainer()
    with monkeypatch.context() as patch:
        patch.setattr(planner.TrainingPlan, "run_epochs", interrupted)
        with pytest.raises(KeyboardInterrupt):
            trainer.step(X, T)
    other.step(X, T)
    assert trainer.steps == other.steps == 1
    assert trainer.step(X, T) == other.step(X, T)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_a_step_waits_for_no_fit_of_another_thread_but_may_be_a_callbacks():
    model = network()
    trainer = model.trainer()
    start = model.parameters.flat.copy()
    said = []

    def elsewhere():
        f = trainer.objective(X, T)
        for call in (trainer.step, trainer.loss_and_gradient, lambda *_: f(start)):
            try:
                call(X, T)
            except RuntimeError as error:
                said.append(str(error).partition(" of")[0])

    def listen(model, epoch, logs):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        trainer.step(X, T)

    model.fit(X, T, epochs=1, callbacks=[listen])
    assert said == [
        "step: another thread is in fit",
        "loss_and_gradient: another thread is in fit",
        "loss_and_gradient: another thread is in fit",
    ]
    assert trainer.steps == 1


@pytest.mark.parametrize(
    "name", ["lr", "learning_rate", "optimzer", "momentum", "steps", "network"]
)
def test_what_a_trainer_does_not_have_cannot_be_assigned(name):
    trainer = network().trainer()
    with pytest.raises(AttributeError, match=name):
        setattr(trainer, name, 0.5)
    trainer.optimizer = "sgd"
    assert trainer.optimizer == fm.SGD()


def test_a_trainer_is_neither_copied_nor_pickled_and_says_what_is():
    model = network()
    trainer = model.trainer()
    for _ in range(2):
        for how in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="copy or save the model and make a trainer of it"):
                how(trainer)
        trainer.step(X, T)
    assert pickle.loads(pickle.dumps(model)).trainer().step(X, T) > 0
