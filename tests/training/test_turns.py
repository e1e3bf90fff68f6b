"""One model, several threads: a fit has it alone, the first use is one thread's, forks go on."""

import copy
import os
import pickle
import subprocess
import sys
import threading
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import planner
from threaded import Pause, run_together

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
T = np.arange(64) % 3


def network(**arguments):
    return fm.MLP([6, 16, 3], output="softmax", seed=0, **arguments)


@pytest.fixture
def fitted_elsewhere():
    """A model in the middle of a fit that another thread does."""
    model, pause = network(), Pause()
    model.predict(X)  # planned, so that only the turn keeps others from it
    worker = threading.Thread(target=lambda: model.fit(X, T, epochs=2, callbacks=[pause]))
    worker.start()
    assert pause.there.wait(60)
    yield model
    pause.go.set()
    worker.join()
    assert model.history.epochs == 2
    model.fit(X, T, epochs=1)  # it is free again
    model.predict(X)


ASKED = {
    "fit": lambda model, path: model.fit(X, T, epochs=1),
    "predict": lambda model, path: model.predict(X),
    "predict of a list": lambda model, path: model.predict(X.tolist()),
    "evaluate": lambda model, path: model.evaluate(X, T),
    "activations": lambda model, path: model.activations(X),
    "solve_output_layer": lambda model, path: model.solve_output_layer(X, T),
    "get_weights": lambda model, path: model.get_weights(),
    "set_weights": lambda model, path: model.set_weights(network().get_weights()),
    "copy": lambda model, path: model.copy(),
    "pickling": lambda model, path: pickle.dumps(model),
    "save": lambda model, path: model.save(path),
}


@pytest.mark.parametrize("call", ASKED)
def test_while_a_model_is_fitted_other_threads_are_refused(fitted_elsewhere, call, tmp_path):
    before = fitted_elsewhere.parameters.flat.copy()
    with pytest.raises(RuntimeError, match=f"{call.split()[0]}: another thread is in fit"):
        ASKED[call](fitted_elsewhere, tmp_path / "m")
    np.testing.assert_array_equal(fitted_elsewhere.parameters.flat, before)


def test_who_is_refused_lets_nobody_in(fitted_elsewhere):
    members = fm.Members([network(), fitted_elsewhere])
    for refused in (fitted_elsewhere, members):
        with pytest.raises(RuntimeError, match="another thread is in fit"):
            refused.fit(X, T, epochs=1)
        with pytest.raises(RuntimeError, match="predict: another thread is in fit"):
            fitted_elsewhere.predict(X)


@pytest.mark.parametrize("call", sorted(ASKED.keys() - {"fit", "solve_output_layer"}))
def test_a_callback_may_do_all_but_fit(call, tmp_path):
    model, alone = network(), network()
    alone.fit(X, T, epochs=2)
    weights = model.get_weights

    def ask(model, epoch, logs):
        kept = weights()
        ASKED[call](model, tmp_path / "m")
        model.set_weights(kept)

    model.fit(X, T, epochs=2, callbacks=[ask])
    np.testing.assert_array_equal(model.parameters.flat, alone.parameters.flat)


def test_a_callback_that_solves_the_last_layer_may():
    model = fm.MLP([6, 8, 1], activation="tanh", seed=0)
    costs = []
    model.fit(
        X, T, epochs=2, callbacks=[lambda m, epoch, logs: costs.append(m.solve_output_layer(X, T))]
    )
    assert len(costs) == 2


def test_a_fit_inside_a_fit_is_an_error_and_not_a_deadlock():
    model = network()
    with pytest.raises(RuntimeError, match="fit was called inside fit of the same model"):
        model.fit(X, T, epochs=2, callbacks=[lambda m, epoch, logs: m.fit(X, T, epochs=1)])
    assert model.history.epochs == 1
    assert model.history.stopped == "ended by RuntimeError after epoch 1"
    other = network()
    other.fit(X, T, epochs=2, callbacks=[lambda m, epoch, logs: m.copy().fit(X, T, epochs=1)])
    assert other.history.epochs == 2


def test_wrong_arguments_leave_the_model_free():
    model = network()
    for _ in range(2):
        with pytest.raises(ValueError, match="epochs must be at least 1"):
            model.fit(X, T, epochs=0)
    model.predict(X)


def test_two_fits_at_once_are_one_after_the_other_or_an_error():
    def fitted(order):
        model = network()
        for seed in order:
            model.fit(X, T, epochs=5, seed=seed)
        return model.parameters.flat.tobytes()

    fair = {fitted(order) for order in ([0], [1], [0, 1], [1, 0])}
    for _ in range(5):
        model, said = network(), []

        def fit(seed, model=model, said=said):
            try:
                model.fit(X, T, epochs=5, seed=seed)
            except RuntimeError as error:
                said.append(str(error))

        run_together([lambda: fit(0), lambda: fit(1)])
        assert model.parameters.flat.tobytes() in fair
        assert all("another thread is in fit" in text for text in said)


FIRST = {
    "predict": lambda model: model.predict(X),
    "predict of a list": lambda model: model.predict(X.tolist()),
    "predict of float64": lambda model: model.predict(X.astype("float64")),
    "evaluate": lambda model: model.evaluate(X, T)["loss"],
    "activations": lambda model: model.activations(X)["dense_2"],
    "build": lambda model: model.build(6),
    "copy": lambda model: model.copy().predict(X),
}


@pytest.mark.parametrize("call", [*FIRST, "all"])
@pytest.mark.parametrize("made", ["not built", "built", "loaded"])
def test_the_first_call_may_come_from_many_threads_at_once(call, made, tmp_path):
    def model():
        layers = [fm.Dense(16, "relu"), fm.Dense(3, "softmax")]
        each = fm.Sequential(layers, seed=0, input_columns=None if made == "not built" else 6)
        if made == "loaded":
            each.save(tmp_path / "m")
            return fm.load(tmp_path / "m")
        return each

    if made == "loaded" and call in ("build", "all"):
        pytest.skip("a loaded model is no Sequential")
    calls = list(FIRST.values()) if call == "all" else [FIRST[call]] * 6
    for _ in range(5):
        shared = model()
        together = run_together([partial(each, shared) for each in calls])
        for each, found in zip(calls, together, strict=True):
            np.testing.assert_array_equal(found, each(model()))


def test_threads_that_need_different_widths_agree_on_the_first():
    layers = [fm.Dense(3)]
    model, widths, refused = fm.Sequential(layers, seed=0), [4, 5, 6], []

    def ask(width):
        try:
            model.predict(np.ones((2, width)))
        except ValueError as error:
            refused.append(str(error))

    run_together([lambda width=width: ask(width) for width in widths])
    assert len(refused) == 2
    assert all(f"the model takes {model.network.input_columns[0]} columns" in s for s in refused)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_forked_in_the_middle_of_a_fit_has_the_model_to_itself():
    script = """
import os, signal, threading, fastmlp as fm
from test_turns import *
model, pause = network(), Pause()
worker = threading.Thread(target=lambda: model.fit(X, T, epochs=2, callbacks=[pause]))
worker.start()
pause.there.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    model.predict(X)
    fresh = fm.Sequential([fm.Dense(3, "softmax")], seed=0)
    fresh.fit(X, T, epochs=1)
    model.fit(X, T, epochs=1)
    os._exit(0)
_, status = os.waitpid(child, 0)
pause.go.set()
worker.join()
assert status == 0, status
"""
    here = Path(__file__).parent
    folders = [str(here), str(here.parent), os.environ.get("PYTHONPATH")]
    path = os.pathsep.join(filter(None, folders))
    subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path}, check=True
    )


@pytest.mark.parametrize("call", ["fit", "partial_fit", "predict", "model_", "pickling"])
def test_an_estimator_in_a_fit_refuses_other_threads_and_works_for_its_callbacks(call):
    pause, other = Pause(), fm.MLPClassifier(max_iter=2, random_state=0)
    estimator = fm.MLPClassifier(max_iter=2, random_state=0, callbacks=[pause])
    inside = []
    pause.on_fit_begin = lambda model, names: inside.append(estimator.predict(X))
    calls = {
        "fit": lambda: estimator.fit(X, T),
        "partial_fit": lambda: estimator.partial_fit(X, T, [0, 1, 2]),
        "predict": lambda: estimator.predict(X),
        "model_": lambda: estimator.model_,
        "pickling": lambda: copy.deepcopy(estimator),
    }
    worker = threading.Thread(target=lambda: estimator.set_params(tol=0).fit(X, T))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two epochs are not enough
        worker.start()
        assert pause.there.wait(60)
        try:
            with pytest.raises(RuntimeError, match=f"{call}: another thread is in fit"):
                calls[call]()
        finally:
            pause.go.set()
            worker.join()
        other.fit(X, T)
    np.testing.assert_array_equal(estimator.predict_proba(X), other.predict_proba(X))
    assert len(inside) == 1
    pickle.loads(pickle.dumps(estimator.set_params(callbacks=None))).predict(X)


WRITES = {
    "weights of Dense": lambda model: setattr(model.layers[0], "weights", np.ones((16, 6))),
    "biases of Dense": lambda model: setattr(model.layers[1], "biases", np.ones(3)),
    "activation of Dense": lambda model: setattr(model.layers[0], "activation", "tanh"),
    "l2 of Dense": lambda model: setattr(model.layers[0], "l2", 0.5),
    "trainable of Dense": lambda model: setattr(model.layers[0], "trainable", False),
    "seed": lambda model: setattr(model, "seed", 3),
    "metadata": lambda model: setattr(model, "metadata", {"a": 1}),
    "history": lambda model: setattr(model, "history", None),
}


@pytest.mark.parametrize("what", WRITES)
def test_while_a_model_is_fitted_other_threads_cannot_assign_to_it_or_its_layers(
    fitted_elsewhere, what
):
    said = [repr(layer) for layer in fitted_elsewhere.layers]
    before = fitted_elsewhere.parameters.flat.copy()
    with pytest.raises(RuntimeError, match=f"{what}.*: another thread is in fit"):
        WRITES[what](fitted_elsewhere)
    np.testing.assert_array_equal(fitted_elsewhere.parameters.flat, before)
    assert [repr(layer) for layer in fitted_elsewhere.layers] == said
    assert fitted_elsewhere.seed == 0
    assert fitted_elsewhere.metadata == {}


def test_a_callback_may_assign_to_a_layer_and_everybody_may_when_the_fit_is_over():
    model = network()
    model.fit(X, T, callbacks=[lambda m, epoch, logs: setattr(m.layers[1], "biases", [1, 2, 3])])
    np.testing.assert_array_equal(model.layers[1].biases, [1, 2, 3])
    worker = threading.Thread(target=lambda: WRITES["weights of Dense"](model))
    worker.start()
    worker.join()
    assert (model.layers[0].weights == 1).all()
    loaded = pickle.loads(pickle.dumps(model))
    loaded.layers[0].weights = np.zeros((16, 6))
    assert (model.layers[0].weights == 1).all()


HELD = {
    "coefs_": lambda estimator, model: setattr(estimator, "coefs_", list(estimator.coefs_)),
    "intercepts_": lambda estimator, model: setattr(estimator, "intercepts_", []),
    "alpha": lambda estimator, model: estimator.set_params(alpha=1.0),
    "predict": lambda estimator, model: model.predict(X),
    "set_weights": lambda estimator, model: model.set_weights([]),
    "fit": lambda estimator, model: model.fit(X, T, epochs=1),
    "copy": lambda estimator, model: model.copy(),
    "weights of Dense": lambda estimator, model: setattr(model.layers[0], "weights", 0),
    "seed": lambda estimator, model: setattr(model, "seed", 3),
}


@pytest.mark.parametrize("call", HELD)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_in_a_fit_and_its_model_kept_from_before_refuse_other_threads(call):
    estimator = fm.MLPClassifier((4,), max_iter=2, random_state=0, warm_start=True, tol=0)
    model, pause = estimator.fit(X, T).model_, Pause()
    estimator.callbacks = [pause]
    worker = threading.Thread(target=lambda: estimator.fit(X, T))
    worker.start()
    assert pause.there.wait(60)
    try:
        with pytest.raises(RuntimeError, match=f"{call}.*: another thread is in fit"):
            HELD[call](estimator, model)
    finally:
        pause.go.set()
        worker.join()
    assert estimator.model_ is model
    assert estimator.alpha == 0.0001
    estimator.predict(X)
    model.fit(X, T, epochs=1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_model_kept_from_before_can_be_asked_while_its_estimator_begins_anew():
    estimator = fm.MLPClassifier((4,), max_iter=2, random_state=0, tol=0)
    model, pause = estimator.fit(X, T).model_, Pause()
    before = model.predict(X)
    estimator.callbacks = [pause]
    worker = threading.Thread(target=lambda: estimator.fit(X, T))
    worker.start()
    assert pause.there.wait(60)
    try:
        np.testing.assert_array_equal(model.predict(X), before)
    finally:
        pause.go.set()
        worker.join()
    assert estimator.model_ is not model


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimator_whose_model_is_fitted_by_itself_refuses_other_threads():
    estimator = fm.MLPClassifier((4,), max_iter=2, random_state=0, solver="sgd").fit(X, T)
    model, pause = estimator.model_, Pause()
    onehot = np.eye(3)[T]
    worker = threading.Thread(target=lambda: model.fit(X, onehot, epochs=2, callbacks=[pause]))
    worker.start()
    assert pause.there.wait(60)
    try:
        for call in (lambda: estimator.predict(X), lambda: estimator.partial_fit(X, T)):
            with pytest.raises(RuntimeError, match=r"(fit|predict): another"):
                call()
    finally:
        pause.go.set()
        worker.join()
    estimator.partial_fit(X, T)


def test_an_interrupted_fit_of_an_estimator_counts_every_epoch_that_was_run(monkeypatch):
    run = planner.TrainingPlan.run_epochs

    def interrupted(plan, *arguments, **named):
        run(plan, *arguments, **named)
        raise KeyboardInterrupt

    estimator = fm.MLPClassifier(max_iter=3, random_state=0)
    monkeypatch.setattr("fastmlp.planner.training_plans.TrainingPlan.run_epochs", interrupted)
    with pytest.warns(UserWarning, match="interrupted by user"):
        estimator.fit(X, T)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 3
    assert estimator.t_ == 3 * len(X)
    assert estimator._trainer.state.steps == 3


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: fm.EarlyStopping(),
        lambda folder: fm.ReduceLROnPlateau(),
        lambda folder: fm.CSVLogger(folder / "log.csv"),
        lambda folder: fm.Checkpoint(folder),
    ],
)
def test_a_callback_hears_of_one_fit_at_a_time_and_of_others_after_it(make, tmp_path):
    X, t, one = np.ones((4, 2)), np.ones(4), make(tmp_path)
    outer, inner = fm.MLP([2, 1], seed=0), fm.MLP([2, 1], seed=0)

    def nested(model, epoch, logs):
        inner.fit(X, t, epochs=1, callbacks=[one])

    with pytest.raises(RuntimeError, match="would hear of two fits at once: give each its own"):
        outer.fit(X, t, epochs=3, callbacks=[one, nested])
    assert inner.history is None
    with pytest.raises(RuntimeError, match="would hear of two fits at once"):
        fm.Members(inner, 2).fit(X, t, epochs=1, callbacks=lambda i: [one])
    inner.fit(X, t, epochs=1, callbacks=[one])
