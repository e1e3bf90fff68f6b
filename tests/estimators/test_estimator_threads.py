"""An estimator that one thread asks while another fits it: an answer is of one fit."""

import threading

import numpy as np
import pytest

import fastmlp as fm
from fastmlp.estimators.tabular.fitted import Fitted
from threaded import run_together

X = np.random.default_rng(0).normal(size=(40, 3))
LETTERS = np.where(X[:, 0] > 0, "a", "b")
OTHERS = np.array(["k", "l", "m"])[np.arange(40) % 3]

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:the model is no better"),
]


def classifier(**settings):
    return fm.MLPClassifier((4,), max_iter=2, tol=0, random_state=0, **settings)


ASKED = {
    "predict": lambda estimator: estimator.predict(X),
    "predict_proba": lambda estimator: estimator.predict_proba(X),
    "score": lambda estimator: estimator.score(X, LETTERS),
    "transform": lambda estimator: estimator.transform(X),
}


@pytest.mark.parametrize("call", ASKED)
@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_a_fit_waits_for_what_is_asked_of_the_estimator_before(call, how, monkeypatch):
    estimator = classifier().fit(X, LETTERS)
    fair = ASKED[call](estimator)
    there, go, outputs = threading.Event(), threading.Event(), type(estimator)._outputs

    def held(self, *arguments):
        if self is estimator and not there.is_set():
            there.set()
            assert go.wait(60)
        return outputs(self, *arguments)

    monkeypatch.setattr(type(estimator), "_outputs", held)
    said, labels = [], LETTERS[::-1] if how == "partial_fit" else OTHERS
    asking = threading.Thread(target=lambda: said.append(ASKED[call](estimator)))
    fitting = threading.Thread(target=lambda: getattr(estimator, how)(X, labels))
    asking.start()
    assert there.wait(60)
    fitting.start()
    fitting.join(0.05)
    waits = fitting.is_alive()
    go.set()
    asking.join(60)
    fitting.join(60)
    assert waits
    np.testing.assert_array_equal(said[0], fair)
    assert set(estimator.predict(X)) <= set(labels)


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_the_model_that_a_fit_makes_is_read_by_nobody_else_before_it_ends(how):
    said = []

    def ask(*_):
        model = estimator.model_
        calls = [lambda: model.predict(X), lambda: model.predict(X[0]), model.get_weights]

        def of_another_thread():
            for call in calls:
                with pytest.raises(RuntimeError, match=f"another thread is in {how} of the same"):
                    call()
                said.append(call)

        thread = threading.Thread(target=of_another_thread)
        thread.start()
        thread.join(60)
        assert np.isfinite(model.predict(X)).all()  # its own thread may

    estimator = classifier(callbacks=[ask])
    getattr(estimator, how)(X, LETTERS, **({} if how == "fit" else {"classes": ["a", "b"]}))
    assert len(said) == 3 * estimator.n_iter_


def test_a_partial_fit_with_wrong_labels_takes_nothing_from_the_fit_of_another_thread():
    estimator = classifier().fit(X, LETTERS)
    there, go = threading.Event(), threading.Event()

    def pause(model, epoch, logs):
        there.set()
        assert go.wait(60)

    estimator.callbacks = [pause]
    fitting = threading.Thread(target=lambda: estimator.fit(X, OTHERS))
    fitting.start()
    assert there.wait(60)
    try:
        with pytest.raises(RuntimeError, match="partial_fit: another thread is in fit"):
            estimator.partial_fit(X, [object()] * len(X))
    finally:
        go.set()
        fitting.join(60)
    assert list(estimator.classes_) == ["k", "l", "m"]
    assert estimator.n_iter_ == 2


def test_threads_that_find_weights_set_by_hand_make_one_model_of_them():
    estimator = fm.MLPRegressor(hidden_layer_sizes=(64,), max_iter=2, random_state=0, tol=0).fit(
        X, X[:, 0]
    )
    for scale in (2.0, 3.0, 4.0):
        estimator.coefs_ = [scale * w for w in estimator.coefs_]
        estimator.intercepts_ = [scale * b for b in estimator.intercepts_]
        said = run_together([lambda: (estimator.predict(X), estimator._model)] * 6)
        assert len({id(model) for _, model in said}) == 1
        for y, _ in said:
            np.testing.assert_array_equal(y, estimator.predict(X))


@pytest.mark.parametrize("call", ["predict", "score", "predict_proba"])
def test_a_table_is_judged_by_one_fit_though_another_ends_meanwhile(call, monkeypatch):
    settings = {"quality": "fast", "n_members": 1, "epochs": 2, "random_state": 0}
    estimator = fm.TabularClassifier(**settings).fit(X, LETTERS)
    other = fm.TabularClassifier(**settings).fit(X[:, :2], OTHERS)
    ask = ASKED[call]
    fair, predict = ask(estimator), Fitted.predict

    def interrupted(fitted, *arguments, **named):
        estimator._adopt({n: v for n, v in vars(other).items() if n.endswith("_") or n[0] == "_"})
        return predict(fitted, *arguments, **named)

    monkeypatch.setattr(Fitted, "predict", interrupted)
    np.testing.assert_array_equal(ask(estimator), fair)
    monkeypatch.undo()
    assert list(estimator.classes_) == ["k", "l", "m"]
    assert set(estimator.predict(X[:, :2])) <= {"k", "l", "m"}


def test_numbers_of_a_table_come_with_the_intervals_of_their_fit(monkeypatch):
    settings = {"quality": "fast", "n_members": 1, "epochs": 2, "random_state": 0}
    estimator = fm.TabularRegressor(**settings).fit(X, X[:, 0])
    other = fm.TabularRegressor(**settings).fit(X, 100 * X[:, :2])
    asked = [
        lambda: estimator.predict(X),
        lambda: estimator.predict_interval(X, 0.5),
        lambda: estimator.score(X, X[:, 0]),
    ]
    fair, predict = [ask() for ask in asked], Fitted.predict
    mine = {n: v for n, v in vars(estimator).items() if n.endswith("_") or n[0] == "_"}

    def interrupted(fitted, *arguments, **named):
        estimator._adopt({n: v for n, v in vars(other).items() if n.endswith("_") or n[0] == "_"})
        return predict(fitted, *arguments, **named)

    monkeypatch.setattr(Fitted, "predict", interrupted)
    for ask, before in zip(asked, fair, strict=True):
        estimator._adopt(mine)
        np.testing.assert_array_equal(ask(), before)
        assert estimator.n_outputs_ == 2
