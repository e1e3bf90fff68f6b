"""Whatever a Ctrl-C comes between, weights, counts and what was told are of the same step."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp as fm
from interrupted import interrupts
from stepped import T, X, network, slow

OPTIMIZERS = ["adam", fm.SGD(0.1, momentum=0.9), fm.Adam(ema=0.9)]


class Listener(fm.Callback):
    def __init__(self):
        self.losses, self.weights = [], []

    def on_epoch_end(self, model, epoch, logs):
        self.losses.append(logs["loss"])
        self.weights.append(model.parameters.flat.copy())


def ask_step(trainer):
    trainer.step(X, T)


def ask_step_of_lists(trainer):
    trainer.step(X.tolist(), T)


def ask_step_by_python(trainer):
    slow(trainer).step(X, T)


def ask_gradient(trainer):
    trainer.loss_and_gradient(X.tolist(), T)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("ask", [ask_step, ask_step_of_lists, ask_step_by_python, ask_gradient])
def test_a_step_is_taken_and_counted_or_neither(ask, optimizer):
    def stepped(steps, keep=lambda trainer: trainer):
        trainer = keep(network().trainer(seed=0, optimizer=optimizer))
        weights = [trainer.parameters.flat.copy()]
        for _ in range(steps):
            trainer.step(X, T)
            weights.append(trainer.parameters.flat.copy())
        return trainer, weights

    def make():
        trainer, _ = stepped(2)
        return lambda: ask(trainer), trainer

    _, weights = stepped(4, slow)
    seen = set()
    for place, trainer in interrupts(make):
        seen.add(trainer.steps)
        for _ in range(2 if trainer.steps == 2 else 1):
            np.testing.assert_array_equal(
                trainer.parameters.flat, weights[trainer.steps], err_msg=str(place)
            )
            trainer.step(X, T)
        np.testing.assert_array_equal(trainer.parameters.flat, weights[trainer.steps])
    assert seen == ({2} if ask is ask_gradient else {2, 3})


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"validation_data": (X, T), "metrics": ["accuracy"]},
        {"optimizer": fm.Adam(ema=0.9)},
        {"optimizer": "lbfgs"},
    ],
    ids=["arrays", "validation", "average", "lbfgs"],
)
def test_an_epoch_is_run_counted_and_told_of_or_none_of_these(asked):
    asked = {"epochs": 3, "batch_size": None, "seed": 2, **asked}

    def make():
        model, listener = network(rate=0.0), Listener()
        model.fit(X, T, **asked | {"epochs": 1})
        return lambda: model.fit(X, T, callbacks=[listener], **asked), (model, listener)

    fit, (model, whole) = make()
    weights = [model.parameters.flat.copy()]
    fit()
    weights += whole.weights
    seen = set()
    for place, (model, listener) in interrupts(make, every=3):
        told = len(listener.losses)
        seen.add(told)
        assert listener.losses == whole.losses[:told], place
        np.testing.assert_array_equal(model.parameters.flat, weights[told], err_msg=str(place))
        if told:
            assert model.history.epochs == told, place
        model.fit(X, T, **asked)  # nobody is in it still
    assert seen == {0, 1, 2, 3}


def test_a_solution_is_put_down_whole_or_not():
    targets = np.eye(3)[T]

    def make():
        model = fm.MLP([5, 6, 3], seed=0)
        return lambda: model.solve_output_layer(X, targets), model

    solve, model = make()
    before = model.parameters.flat.copy()
    solve()
    solved = model.parameters.flat.copy()
    for place, model in interrupts(make, every=3):
        flat = model.parameters.flat
        assert np.array_equal(flat, before) or np.array_equal(flat, solved), place


@pytest.mark.filterwarnings("ignore:Training interrupted by user", "ignore:Stochastic Optimizer")
@pytest.mark.filterwarnings("ignore:The validation score was NaN")  # of the one that ended
@pytest.mark.parametrize("early_stopping", [False, True])
def test_an_estimator_is_of_one_fit_though_a_second_is_interrupted(early_stopping):
    other = np.where(T == 0, 7, 3)

    def make():
        estimator = fm.MLPClassifier(
            (6,), random_state=0, max_iter=3, early_stopping=early_stopping
        ).fit(X, T)
        return lambda: estimator.fit(X[:, :4], other), estimator

    for place, estimator in interrupts(make, every=17):
        of_first = estimator.n_features_in_ == 5
        assert len(estimator.classes_) == (3 if of_first else 2), place
        assert estimator.coefs_[0].shape[0] == estimator.n_features_in_, place
        assert estimator.n_iter_ == len(estimator.loss_curve_), place
        assert np.shares_memory(estimator.coefs_[0], estimator.model_.parameters.flat), place
        predicted = estimator.predict(X[:, : estimator.n_features_in_])
        assert set(predicted) <= set(estimator.classes_), place


@pytest.mark.filterwarnings("ignore:Training interrupted by user", "ignore:Stochastic Optimizer")
@pytest.mark.filterwarnings("ignore:The validation score was NaN")  # of none
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"early_stopping": True, "n_iter_no_change": 2},
        {"learning_rate": "invscaling"},
        {"learning_rate": "adaptive", "n_iter_no_change": 2, "tol": 10.0},
        {"verbose": True},
    ],
    ids=str,
)
def test_an_epoch_is_in_all_records_of_an_estimator_or_in_none(settings):
    def new(epochs):
        solver = "sgd" if "learning_rate" in settings else "adam"
        return fm.MLPClassifier((6,), solver=solver, random_state=0, max_iter=epochs, **settings)

    def make():
        estimator = new(7)
        return lambda: estimator.fit(X, T), estimator

    def records(estimator):
        names = ("n_iter_", "loss_", "t_", "loss_curve_", "validation_scores_", "best_loss_")
        kept = {name: getattr(estimator, name) for name in names}
        kept["count"] = estimator._no_improvement_count
        kept["rate"] = estimator._optimizer.learning_rate
        return kept

    whole = [records(new(epochs).fit(X, T)) for epochs in range(1, 8)]
    seen = set()
    for place, estimator in interrupts(make, within="estimators/stopping.py"):
        if hasattr(estimator, "loss_"):  # one that has none was interrupted before its first epoch
            assert records(estimator) == whole[estimator.n_iter_ - 1], place
            seen.add(estimator.n_iter_)
    assert whole[-1]["n_iter_"] in seen
