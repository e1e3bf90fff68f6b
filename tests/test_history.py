"""Histories keep all they know, wherever they and their models go."""

import copy
import json
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp.history import History

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(30, 3)), RNG.integers(2, size=30)


def model():
    made = fm.MLP([3, 4, 2], output="softmax", seed=0)
    made.fit(
        *(X, T),
        epochs=9,
        metrics=["accuracy", "auc"],
        validation_data=(X, T),
        callbacks=[lambda model, epoch, logs: epoch == 3],
    )
    return made


def test_a_history_reads_like_a_dict():
    history = History(["loss", "val_loss"])
    assert (history.epochs, history.best_epoch, history.stopped) == (0, None, None)
    assert repr(history) == "<History of 0 epochs>"
    for loss, val_loss in ((3, 2), (2, 1), (1, 3)):
        history.append({"loss": loss, "val_loss": val_loss})
    assert dict(history) == history.history == {"loss": [3, 2, 1], "val_loss": [2, 1, 3]}
    assert (history.epochs, history.best_epoch, len(history)) == (3, 2, 2)
    assert "loss" in history
    assert "accuracy" not in history
    assert repr(history) == "<History of 3 epochs: loss 1, val_loss 3>"
    with pytest.raises(KeyError, match=r"no 'acc' in this history; it has \['loss', 'val_loss'\]"):
        history["acc"]


def test_a_history_says_why_it_is_short_and_counts_one_epoch_as_one():
    history = History(["loss"])
    history.append({"loss": 0.25})
    history.stopped = "enough"
    assert repr(history) == "<History of 1 epoch: loss 0.25; stopped: enough>"


def test_the_best_epoch_is_never_one_without_a_number():
    history = History(["loss"])
    history.extend({"loss": [np.nan, np.inf, 0.5, 0.25, -np.inf, 0.25]})
    assert history.best_epoch == 4
    assert History({"loss": False}).best_epoch is None


def test_what_is_better_stays_what_was_said_of_it():
    history = History({"accuracy": False, "mine": True})
    history["accuracy"] = [0.5]
    history["auc"] = [0.5]
    assert history.higher_is_better == {"accuracy": False, "mine": True, "auc": True}
    assert History(["accuracy"]).higher_is_better == {"accuracy": False}


def test_a_history_has_a_row_an_epoch_in_pandas():
    pd = pytest.importorskip("pandas")
    history = fm.MLP([3, 2], output="softmax", seed=0).fit(X, T, epochs=3, validation_data=(X, T))
    frame = pd.DataFrame(history)
    assert list(frame.columns) == list(history) == ["loss", "val_loss"]
    assert len(frame) == 3
    assert frame["val_loss"].tolist() == history["val_loss"]


def through_joblib(thing, path):
    joblib = pytest.importorskip("joblib")
    joblib.dump(thing, path)
    return joblib.load(path)


def through_skops(thing):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    data = skops.dumps(thing)
    return skops.loads(data, trusted=skops.get_untrusted_types(data=data))


WAYS = {
    "copy": lambda thing, path: copy.copy(thing),
    "method": lambda thing, path: thing.copy(),
    "deepcopy": lambda thing, path: copy.deepcopy(thing),
    "protocol 0": lambda thing, path: pickle.loads(pickle.dumps(thing, 0)),
    "pickle": lambda thing, path: pickle.loads(pickle.dumps(thing)),
    "joblib": through_joblib,
}


def assert_same(one, other):
    assert type(one) is History
    assert one == other
    assert one.higher_is_better == other.higher_is_better
    assert one.stopped == other.stopped
    assert repr(one) == repr(other)
    assert one.best_epoch == other.best_epoch


@pytest.mark.parametrize("how", WAYS)
def test_a_history_is_the_same_in_copies_and_pickles(how, tmp_path):
    history = model().history
    assert history.stopped
    assert_same(WAYS[how](history, tmp_path / "h"), history)


@pytest.mark.parametrize("how", [*WAYS, "skops"])
def test_that_of_a_model_goes_with_it(how, tmp_path):
    one = model()
    twin = through_skops(one) if how == "skops" else WAYS[how](one, tmp_path / "m")
    assert_same(twin.history, one.history)
    assert twin.history is not one.history
    twin.history["loss"].append(1.0)
    assert one.history.epochs == 3
    assert fm.MLP([3, 2], seed=0).copy().history is None


def test_a_history_of_items_alone_knows_which_metrics_are_better():
    history = model().history
    alone = through_skops(history)
    assert alone == history
    assert alone.higher_is_better == history.higher_is_better
    assert alone.higher_is_better["val_auc"] is True
    assert alone.higher_is_better["val_loss"] is False
    alone["mine"] = [1.0]
    assert alone.higher_is_better["mine"] is False


def test_what_config_says_makes_it_again():
    history = model().history
    said = json.loads(json.dumps(history.config()))
    assert_same(History.from_config(said), history)
    for wrong in ({}, {"numbers": {}}, [1]):
        with pytest.raises(ValueError, match=r"what History\.config returns"):
            History.from_config(wrong)


def test_what_is_no_history_is_not_copied():
    one = model()
    one.history = {"loss": [1.0]}
    assert one.copy().history is None


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda h: History("loss"), TypeError, "names must be a list of texts, .* got 'loss'"),
        (lambda h: History(3), TypeError, "names must be a list of texts"),
        (lambda h: History([1]), TypeError, "names must be a list of texts"),
        (lambda h: h.append({}), ValueError, "logs must have every name .* not all but 'loss'"),
        (lambda h: h.append(0.5), TypeError, "logs must be a dict by the names, got float"),
        (lambda h: h.extend({"b": [1.0]}), ValueError, "logs must have every name"),
        (lambda h: h.extend(None), TypeError, "logs must be a dict by the names, got NoneType"),
        (lambda h: h.__setitem__(3, [1.0]), TypeError, "a quantity has a text for a name, got 3"),
        (lambda h: h.__setitem__([], [1.0]), TypeError, "a quantity has a text for a name"),
    ],
)
def test_what_a_record_cannot_hold_is_told(wrong, error, message):
    history = History(["loss", "mae"])
    with pytest.raises(error, match=message):
        wrong(history)
    assert history == {"loss": [], "mae": []}


@pytest.mark.parametrize(
    ("name", "instead"),
    [("loss", r"write history\['loss'\]"), ("epoch", "write range"), ("best", "best_epoch")],
)
def test_a_history_says_what_to_write_for_attributes_of_others(name, instead):
    history = History(["loss"])
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; .*{instead}"):
        getattr(history, name)
    assert name not in dir(history)
