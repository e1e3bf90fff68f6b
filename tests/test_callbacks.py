"""Who listens between epochs: stopping early, checkpoints, progress, history."""

import copy
import math
import types
import warnings

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import callbacks
from fastmlp import graph as g
from fastmlp.history import History
from fastmlp.metrics import Metric
from fastmlp.training import progress


class Recorded(fm.Callback):
    """Writes down what it was told."""

    def __init__(self):
        self.calls = []

    def on_fit_begin(self, model, names):
        self.calls.append(("begin", dict(names)))

    def on_epoch_end(self, model, epoch, logs):
        self.calls.append((epoch, dict(logs)))

    def on_fit_end(self, model, history):
        self.calls.append(("end", history))


def data(rows=31):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(rows, 3))
    return X, (X[:, 0] > 0).astype(int)


def model():
    return fm.MLP([3, 5, 2], output="softmax", seed=0)


class Scripted:
    """A model whose weights and numbers of each epoch are given: no training."""

    def __init__(self):
        model = fm.MLP([1, 2])
        self.network, self.parameters = model.network, model.parameters


def play(stopping, values, name="val_loss"):
    """Tell a callback of epochs with these values; return the epoch it stops at and the weights."""
    scripted, history = Scripted(), History(["loss", name])
    stopping.on_fit_begin(scripted, {"loss": False, name: name != "val_loss"})
    stopped = None
    for epoch, value in enumerate(values, start=1):
        scripted.parameters.flat[:] = epoch
        if callbacks.stop_reason(
            stopping.on_epoch_end(scripted, epoch, {"loss": 0.0, name: value})
        ):
            stopped = epoch
            break
    stopping.on_fit_end(scripted, history)
    return stopped, scripted.parameters.flat[0]


@pytest.mark.parametrize(
    ("arguments", "values", "stopped", "kept"),
    [
        ({"patience": 2}, [3, 2, 1, 2, 2, 0], 5, 3),
        ({"patience": 2}, [3, 2, 1, 2, 0, 1], None, 5),
        ({"patience": 1}, [1, 1, 0], 2, 1),
        ({"patience": 2, "min_delta": 0.5}, [3, 2.6, 2.4, 2.2, 2], 5, 3),
        ({"patience": 2, "min_delta": 0.5, "mode": "max"}, [1, 1.4, 1.6, 1.8, 2], 5, 3),
        ({"patience": 2, "restore_best": False}, [3, 2, 1, 2, 2, 0], 5, 5),
        ({"patience": 2}, [np.nan, np.nan, 1], 2, 2),
        ({"patience": 2}, [1, np.nan, np.nan, 0], 3, 1),
        ({"patience": 2, "mode": "max"}, [1, 2, 3, 2, 2, 9], 5, 3),
    ],
)
def test_early_stopping_waits_for_an_improvement_and_goes_back_to_the_best(
    arguments, values, stopped, kept
):
    assert play(fm.EarlyStopping(**arguments), values) == (stopped, kept)


@pytest.mark.parametrize("name", ["val_accuracy", "val_f1"])
def test_of_metrics_that_say_so_more_is_better(name):
    stopping = fm.EarlyStopping(monitor=name, patience=2)
    assert play(stopping, [0.5, 0.9, 0.7, 0.8, 1.0], name=name) == (4, 2)
    assert (stopping.best_epoch, stopping.best_value) == (2, 0.9)
    stopping = fm.EarlyStopping(monitor=name, patience=2, mode="min")
    assert play(stopping, [0.5, 0.9, 0.7, 0.8], name=name) == (3, 1)


def test_a_fit_that_stops_early_has_the_weights_of_its_best_epoch():
    X, t = data()
    network = model()
    held_out = (X, 1 - t)
    stopping = fm.EarlyStopping(patience=3)
    history = network.fit(
        X, t, optimizer=fm.Adam(0.05), epochs=100, validation_data=held_out, callbacks=[stopping]
    )
    assert history.epochs == stopping.best_epoch + 3
    assert history.stopped == "no better val_loss for 3 epochs"
    assert history.best_epoch == stopping.best_epoch
    assert network.evaluate(*held_out)["loss"] == min(history["val_loss"]) == stopping.best_value


def test_neither_nan_nor_infinity_is_ever_the_best():
    values = [math.inf, 3.0, math.nan, -math.inf, 2.0, math.nan]
    stopping = fm.EarlyStopping(patience=9)
    assert play(stopping, values) == (None, 5)
    assert (stopping.best_epoch, stopping.best_value) == (5, 2.0)
    history = History(["loss", "val_loss"])
    for value in values:
        history.append({"loss": 1.0, "val_loss": value})
    assert history.best_epoch == 5


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_fit_whose_validation_loss_is_never_finite_has_no_best_epoch_and_says_so(value):
    network = model()
    stopping = fm.EarlyStopping(patience=3)
    history = History(["loss", "val_loss"])
    stopping.on_fit_begin(network, dict.fromkeys(history, False))
    answers = []
    for epoch in (1, 2, 3):
        logs = {"loss": 1.0, "val_loss": value}
        history.append(logs)
        answers.append(stopping.on_epoch_end(network, epoch, logs))
    assert answers == [None, None, "no finite val_loss for 3 epochs"]
    before = network.parameters.flat.copy()
    with pytest.warns(fm.NonFiniteLossWarning, match="val_loss was NaN or infinite after every"):
        stopping.on_fit_end(network, history)
    np.testing.assert_array_equal(network.parameters.flat, before)
    assert history.best_epoch is None


@pytest.mark.parametrize("kind", ["model", "estimator"])
def test_early_stopping_warns_at_the_line_that_fits(kind):
    X, t = data()
    stopping = fm.EarlyStopping("nan" if kind == "model" else "val_loss", patience=2)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if kind == "model":
            nan = Metric("nan", "log −1", lambda y, t: g.log(0.0 * y - 1.0))
            model().fit(X, t, metrics=[nan], callbacks=[stopping], epochs=3)
        else:
            far = np.full(len(X), 1e200)  # its square is infinite
            regressor = fm.MLPRegressor(max_iter=3, callbacks=[stopping], random_state=0)
            regressor.fit(X.astype(float), t.ravel(), X_val=X, y_val=far)
    (warning,) = [w for w in said if w.category is fm.NonFiniteLossWarning]
    assert warning.filename == __file__


def test_early_stopping_can_be_used_again():
    X, t = data()
    stopping = fm.EarlyStopping(patience=2, min_delta=10)
    for _ in range(2):
        assert model().fit(X, t, epochs=9, callbacks=[stopping]).epochs == 3


def test_without_validation_data_the_training_loss_is_watched():
    X, t = data()
    stopping = fm.EarlyStopping()
    history = model().fit(X, t, epochs=3, callbacks=[stopping])
    assert stopping.best_value == min(history["loss"])


def test_a_metric_of_the_users_own_says_which_way_is_better():
    X, t = data()
    rising = Metric("mine", "y₁", lambda y, t: y[:, 0:1], higher_is_better=True)
    stopping = fm.EarlyStopping(monitor="mine")
    history = model().fit(X, t, epochs=3, metrics=[rising], callbacks=[stopping])
    assert stopping.best_value == max(history["mine"])


def test_listeners_are_told_of_the_begin_each_epoch_and_the_end():
    X, t = data()
    listener = Recorded()
    history = model().fit(X, t, epochs=2, metrics=["accuracy"], callbacks=[listener])
    assert listener.calls == [
        ("begin", {"loss": False, "accuracy": True}),
        *((i + 1, {name: history[name][i] for name in history}) for i in range(2)),
        ("end", history),
    ]


def test_every_listener_hears_of_the_epoch_at_which_one_stops():
    X, t = data()
    listener = Recorded()
    history = model().fit(
        X, t, epochs=9, callbacks=[lambda model, epoch, logs: epoch == 2, listener]
    )
    assert history.epochs == 2
    assert history.stopped == "a callback asked for it"
    assert [call[0] for call in listener.calls] == ["begin", 1, 2, "end"]


def test_what_a_function_returns_stops_only_if_it_is_true_or_words():
    assert callbacks.stop_reason(np.True_) is not None
    assert callbacks.stop_reason("enough") == "enough"
    for result in (None, False, np.False_, 0, 1, [1]):
        assert callbacks.stop_reason(result) is None


def test_a_checkpoint_is_the_best_model_so_far(tmp_path):
    X, t = data()
    network = model()
    path = tmp_path / "best.safetensors"
    held_out = (X, 1 - t)
    history = network.fit(
        X,
        t,
        optimizer=fm.Adam(0.05),
        epochs=10,
        validation_data=held_out,
        callbacks=[fm.ModelCheckpoint(path)],
    )
    assert fm.load(path).evaluate(*held_out)["loss"] == min(history["val_loss"])
    assert min(history["val_loss"]) < network.evaluate(*held_out)["loss"]


def test_a_checkpoint_of_every_epoch_has_its_number_in_its_name(tmp_path):
    X, t = data()
    checkpoint = fm.ModelCheckpoint(tmp_path / "m{epoch:02d}.safetensors", save_best_only=False)
    model().fit(X, t, epochs=3, callbacks=[checkpoint])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"m0{epoch}.safetensors" for epoch in (1, 2, 3)]


@pytest.mark.parametrize(("best", "kept"), [(True, ["m1"]), (False, ["m1", "m2", "m3"])])
def test_an_epoch_that_is_no_better_is_kept_only_if_every_one_is(tmp_path, best, kept):
    still = fm.SGD(1e-30)  # no weight moves, and every epoch has the same loss
    checkpoint = fm.ModelCheckpoint(tmp_path / "m{epoch}.safetensors", save_best_only=best)
    model().fit(*data(), epochs=3, optimizer=still, shuffle=False, callbacks=[checkpoint])
    assert sorted(path.stem for path in tmp_path.iterdir()) == kept


def test_the_name_of_a_checkpoint_tells_any_number_of_its_epoch(tmp_path):
    X, t = data()
    path = tmp_path / "{run}" / "m-{epoch:02d}-{val_loss:.2f}-{{x}}.safetensors"
    path.parent.mkdir()  # names of folders are names
    checkpoint = fm.ModelCheckpoint(path, save_best_only=False)
    history = model().fit(X, t, epochs=2, validation_data=(X, t), callbacks=[checkpoint])
    assert sorted(p.name for p in path.parent.iterdir()) == [
        f"m-0{epoch}-{loss:.2f}-{{x}}.safetensors"
        for epoch, loss in enumerate(history["val_loss"], start=1)
    ]


@pytest.mark.parametrize(
    "name",
    ["m{}", "m{0}", "m{val_loss}", "m{epoch:x", "m{loss:d}", "m{epoch.real}", "m{loss[0]}", "m}"],
)
def test_a_placeholder_that_cannot_be_filled_is_found_before_training(tmp_path, name):
    X, t = data()
    heard = []
    with pytest.raises(ValueError, match=r"placeholders cannot be filled.*\{loss\}, \{epoch\}"):
        model().fit(
            X, t, callbacks=[lambda m, epoch, logs: heard.append(1), fm.ModelCheckpoint(name)]
        )
    assert not heard


def test_a_model_that_no_file_can_hold_is_told_before_it_is_trained(tmp_path):
    model = fm.Sequential([fm.Input(2), fm.Lambda(lambda x: x * 2.0), fm.Dense(1)], seed=0)
    before = model.parameters.flat.copy()
    with pytest.raises(ValueError, match="is a function of yours and cannot be saved"):
        model.fit([[1.0, 2.0]], [1.0], callbacks=[fm.ModelCheckpoint(tmp_path / "m.safetensors")])
    np.testing.assert_array_equal(model.parameters.flat, before)


def test_callbacks_print_what_makes_them():
    made = [
        fm.EarlyStopping(monitor="loss", patience=3, min_delta=0.1, restore_best=False, mode="min"),
        fm.ModelCheckpoint("a.safetensors", monitor="val_loss", save_best_only=False),
    ]
    for callback in made:
        assert repr(eval(repr(callback), vars(fm))) == repr(callback)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: fm.EarlyStopping(patience=0), ValueError, "patience must be at least 1, got 0"),
        (lambda: fm.EarlyStopping(patience=2.0), TypeError, "patience must be an integer"),
        (lambda: fm.EarlyStopping(min_delta=-1), ValueError, "min_delta must be"),
        (lambda: fm.EarlyStopping(mode="mx"), ValueError, "did you mean 'max'"),
        (lambda: fm.EarlyStopping(monitor=3), TypeError, "monitor must be a name"),
        (lambda: fm.EarlyStopping(restore_best=1), TypeError, "restore_best must be True or"),
        (lambda: callbacks.as_callbacks(fm.EarlyStopping()), TypeError, "must be a list"),
        (lambda: callbacks.as_callbacks([fm.EarlyStopping]), TypeError, "write EarlyS"),
        (lambda: callbacks.as_callbacks(["early"]), TypeError, "got 'early'"),
    ],
)
def test_wrong_settings_are_errors_that_name_the_argument(make, error, words):
    with pytest.raises(error, match=words):
        make()


OURS = [
    (fm.EarlyStopping(), {"monitor": "loss", "mode": "max", "min_delta": 0.5, "patience": 3}),
    (fm.EarlyStopping(), {"restore_best": False}),
    (fm.ReduceLROnPlateau(), {"factor": 0.5, "patience": 2, "min_factor": 0.1, "mode": "max"}),
    (fm.ModelCheckpoint("a"), {"path": "b", "save_best_only": False, "monitor": "loss"}),
    (fm.Checkpoint("a"), {"folder": "b", "every": 2, "resume": False}),
    (fm.CSVLogger("a"), {"path": "b"}),
    (fm.TensorBoard("a"), {"folder": "b"}),
]


@pytest.mark.parametrize(("callback", "settings"), OURS)
def test_settings_may_be_assigned_and_are_those_of_the_constructor(callback, settings):
    given = copy.copy(callback)
    for name, value in settings.items():
        setattr(given, name, value)
    for name, value in settings.items():
        assert str(getattr(given, name)) == str(value)
        assert repr(value) in repr(given)
    for name in ("monitr", "patienc", "lr", "on_epoch_ends"):
        with pytest.raises(AttributeError, match=f"'{name}' of an? {type(given).__name__} can"):
            setattr(given, name, 1)


def test_a_setting_that_is_assigned_is_checked_and_holds_in_the_next_fit():
    stopping = fm.EarlyStopping()
    for name, wrong in (("patience", 0), ("mode", "mx"), ("min_delta", -1), ("monitor", 3)):
        with pytest.raises((TypeError, ValueError), match=name):
            setattr(stopping, name, wrong)
    X, t = data()
    stopping.monitor, stopping.mode, stopping.patience = "accuracy", "min", 2
    history = fm.MLP([3, 4, 2], output="softmax", seed=0).fit(
        X, t, epochs=50, metrics=["accuracy"], callbacks=[stopping]
    )
    accuracy = np.array(history["accuracy"])
    assert stopping.best_epoch == 1 + accuracy.argmin()
    assert history.epochs == stopping.best_epoch + 2
    assert history.stopped == "no better accuracy for 2 epochs"


def test_a_callback_of_one_s_own_may_have_any_attribute():
    class Mine(fm.EarlyStopping):
        def __init__(self):
            super().__init__(patience=1)
            self.seen = []

    mine = Mine()
    mine.monitr = "loss"
    assert (mine.seen, mine.monitr, mine.patience) == ([], "loss", 1)
    with pytest.raises(ValueError, match="patience must be at least 1"):
        mine.patience = 0


@pytest.mark.parametrize(
    ("callback", "error", "words"),
    [
        (fm.EarlyStopping("val_loss"), ValueError, r"'val_loss' is not .* needs validation_data"),
        (fm.EarlyStopping("accuracy"), ValueError, r"this fit records \['loss'\]"),
        (fm.ModelCheckpoint("no/such/place/m"), FileNotFoundError, "no directory no/such/place"),
    ],
)
def test_what_a_listener_lacks_is_said_before_training(callback, error, words):
    X, t = data()
    network = model()
    before = network.parameters.flat.copy()
    with pytest.raises(error, match=words):
        network.fit(X, t, callbacks=[callback])
    np.testing.assert_array_equal(network.parameters.flat, before)


def test_a_progress_bar_counts_every_epoch_and_shows_the_numbers(capsys):
    X, t = data()
    model().fit(X, t, epochs=37, verbose=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "37/37" in shown.err
    assert "loss=" in shown.err


@pytest.mark.parametrize("verbose", [False, "auto"])
def test_nothing_is_printed_where_nobody_looks(capsys, verbose):
    X, t = data()
    model().fit(X, t, epochs=2, verbose=verbose)
    assert capsys.readouterr() == ("", "")


def test_a_bar_is_wanted_in_terminals_and_notebooks(monkeypatch):
    monkeypatch.setattr("sys.stderr", types.SimpleNamespace(isatty=lambda: False))
    assert progress.display("auto") == "nothing"
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    ipython = types.SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(__import__("sys").modules, "IPython", ipython)
    assert progress.display("auto") == "bar"
    ipython.get_ipython = lambda: None
    assert progress.display("auto") == "nothing"
    monkeypatch.setattr("sys.stderr", types.SimpleNamespace(isatty=lambda: True))
    assert progress.display("auto") == "bar"
    monkeypatch.setattr("sys.stderr", None)
    assert progress.display("auto") == "nothing"
    assert progress.display(True) == "nothing"


def test_a_notebook_without_widgets_has_a_bar_of_text_and_no_warning(monkeypatch, capsys, recwarn):
    modules = __import__("sys").modules
    for name in [name for name in modules if name.startswith("tqdm.") and "std" not in name]:
        monkeypatch.delitem(modules, name)
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    ipython = types.ModuleType("IPython")
    ipython.get_ipython = lambda: shell
    monkeypatch.setitem(modules, "IPython", ipython)
    monkeypatch.setitem(modules, "ipykernel.zmqshell", types.ModuleType("zmqshell"))
    monkeypatch.setitem(modules, "ipywidgets", None)
    with progress.Progress(2, "bar") as shown:
        shown.advance([{"loss": 0.5}, {"loss": 0.25}])
    assert "2/2" in capsys.readouterr().err
    assert [str(warning.message) for warning in recwarn] == []


def test_verbose_2_prints_a_line_an_epoch(capsys):
    X, t = data()
    history = model().fit(X, t, epochs=3, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"epoch {i + 1}/3: loss {v:.4g}" for i, v in enumerate(history["loss"])]


@pytest.mark.parametrize("nothing", [0, False, np.int64(0), np.False_])
def test_verbose_0_is_false_and_1_is_true(capsys, nothing):
    X, t = data()
    model().fit(X, t, epochs=2, verbose=nothing)
    assert capsys.readouterr() == ("", "")
    model().fit(X, t, epochs=2, verbose=1)
    assert "2/2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "error"), [(3, ValueError), (-1, ValueError), ("yes", TypeError), (1.0, TypeError)]
)
def test_another_verbose_is_refused(wrong, error):
    X, t = data()
    with pytest.raises(error, match='verbose must be True, False, 0, 1, 2 or "auto", got'):
        model().fit(X, t, verbose=wrong)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("on_train_begin", r"write on_fit_begin\(self, model, names\)"),
        ("on_epoch_begin", r"write on_epoch_end\(self, model, epoch, logs\)"),
        ("on_train_end", r"write on_fit_end\(self, model, history\)"),
        ("on_train_batch_end", r"for batches write a loop over step of model.trainer"),
    ],
)
def test_a_method_of_keras_that_nobody_would_call_is_an_error(name, words):
    with pytest.raises(TypeError, match=f"Mine.{name} is never called: .*{words}"):
        type("Mine", (fm.Callback,), {name: lambda self, logs=None: None})


def test_a_method_that_cannot_be_called_is_an_error_before_any_training():
    with pytest.raises(TypeError, match=r"\(self, epoch, logs=None\) cannot be called: it has to"):
        type("Mine", (fm.Callback,), {"on_epoch_end": lambda self, epoch, logs=None: None})

    class Mine(fm.Callback):
        def on_epoch_end(self, *everything):
            self.heard = everything

        def on_batch(self):  # a method of its own
            pass

    callback, (X, t) = Mine(), data()
    model().fit(X, t, epochs=1, callbacks=[callback], verbose=False)
    assert callback.heard[1] == 1


def test_one_callback_is_not_there_twice():
    stopping, (X, t) = fm.EarlyStopping(patience=4), data()
    with pytest.raises(ValueError, match="callbacks has one EarlyStopping twice"):
        model().fit(X, t, callbacks=[stopping, stopping])
    model().fit(X, t, epochs=1, callbacks=[stopping, fm.EarlyStopping()], verbose=False)


def test_no_callbacks_may_be_none():
    X, t = data()
    assert model().fit(X, t, epochs=1, callbacks=None, verbose=False).epochs == 1


def test_callbacks_in_no_order_are_refused():
    X, t = data()
    with pytest.raises(TypeError, match="callbacks must be a list of callbacks"):
        model().fit(X, t, callbacks={fm.EarlyStopping(), fm.ReduceLROnPlateau()})


def test_a_metric_is_not_called_as_the_column_of_epochs_is(tmp_path):
    def epoch(y, t):
        return y - t

    X, t = data()
    with pytest.raises(ValueError, match="none of them 'loss' or 'epoch', got"):
        model().fit(X, t, metrics=[epoch], callbacks=[fm.CSVLogger(tmp_path / "a.csv")])
    assert not list(tmp_path.iterdir())


def test_a_bar_shows_the_losses_first(capsys):
    with progress.Progress(2, "bar") as shown:
        shown.advance([{"loss": 0.5, "accuracy": 0.75, "val_loss": 0.625, "val_accuracy": 1.0}])
    line = capsys.readouterr().err.rpartition("\r")[2]
    assert "loss=0.5, val_loss=0.625, accuracy=0.75, val_accuracy=1" in line
