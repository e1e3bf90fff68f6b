"""Fits that are killed and go on: the same bits as those that were never stopped."""

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager, suppress

import numpy as np
import pytest

import fastmlp as fm

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 6))
LABELS = RNG.integers(0, 3, 90)
HELD_OUT = RNG.normal(size=(30, 6)), RNG.integers(0, 3, 30)


class Killed(Exception):  # noqa: N818
    pass


class KillAfter(fm.Callback):
    """Ends a fit as a kill does: nothing of it is left but what was written."""

    def __init__(self, epoch):
        self.epoch = epoch

    def after_epoch(self, training):
        if training.history.epochs == self.epoch:
            raise Killed


def fit(
    folder, *, killed=None, epochs=9, optimizer=None, dtype="float32", seed=4, more=(), **options
):
    """A new model, fitted as after a restart; returns it and its history."""
    layers = [fm.Dense(12, "tanh"), fm.Dropout(0.3), fm.Dense(3, "softmax")]
    model = fm.Sequential([fm.Input(6), *layers], seed=seed, dtype=dtype)
    listeners = [*more, KillAfter(killed)]
    if folder is not None:
        listeners.insert(len(more), fm.Checkpoint(folder))
    try:
        history = model.fit(
            X,
            LABELS,
            optimizer=optimizer or fm.Adam(0.01),
            epochs=epochs,
            batch_size=32,
            callbacks=listeners,
            **options,
        )
    except Killed:
        return model, None
    return model, history


WEIGHED = fm.losses.CrossEntropy(label_smoothing=fm.CosineDecay(0.2, 9), class_weight={0: 2.0})
OPTIMIZERS = [
    fm.Adam(fm.CosineDecay(0.02, steps=27)),
    fm.SGD(fm.Warmup(5, 0.1), momentum=0.9),
    fm.RMSprop(0.01, momentum=0.5, centered=True),
    fm.Adam(0.01, ema=0.9, clip_norm=1.0),
    fm.Adam(0.01, groups={"bias": fm.SGD(0.1, momentum=0.9)}),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("killed", [1, 4, 8])
def test_a_run_that_was_killed_ends_with_the_same_bits(tmp_path, optimizer, killed):
    whole, expected = fit(None, optimizer=optimizer, validation_data=HELD_OUT)
    fit(tmp_path, optimizer=optimizer, killed=killed, validation_data=HELD_OUT)
    model, history = fit(tmp_path, optimizer=optimizer, validation_data=HELD_OUT)
    np.testing.assert_array_equal(model.parameters.flat, whole.parameters.flat)
    assert history == expected
    assert history.stopped is None


def test_seeds_that_nobody_chose_are_those_of_the_run(tmp_path):
    fit(tmp_path / "a", killed=3, seed=None)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    (one, first), (other, second) = (fit(tmp_path / name, seed=None) for name in "ab")
    np.testing.assert_array_equal(one.parameters.flat, other.parameters.flat)
    assert first == second


def test_other_callbacks_go_on_too(tmp_path):
    def listeners():
        return [
            fm.EarlyStopping(patience=2),
            fm.ReduceLROnPlateau(patience=1, factor=0.5),
            fm.ModelCheckpoint(tmp_path / "best.safetensors"),
            fm.CSVLogger(tmp_path / "log.csv"),
        ]

    whole, expected = fit(None, more=listeners(), validation_data=HELD_OUT, epochs=30)
    log = (tmp_path / "log.csv").read_text()
    best = (tmp_path / "best.safetensors").read_bytes()
    assert expected.stopped
    for killed in (2, 3, 5):
        fit(tmp_path / "run", killed=killed, more=listeners(), validation_data=HELD_OUT, epochs=30)
    model, history = fit(tmp_path / "run", more=listeners(), validation_data=HELD_OUT, epochs=30)
    np.testing.assert_array_equal(model.parameters.flat, whole.parameters.flat)
    assert history == expected
    assert history.stopped == expected.stopped
    assert (tmp_path / "log.csv").read_text() == log
    assert (tmp_path / "best.safetensors").read_bytes() == best


def test_a_loss_with_settings_goes_on(tmp_path):
    whole, history = fit(None, loss=WEIGHED)
    fit(tmp_path, loss=WEIGHED, killed=4)
    model, again = fit(tmp_path, loss=WEIGHED)
    assert again == history
    np.testing.assert_array_equal(model.parameters.flat, whole.parameters.flat)


ASSIGNED = {
    "frozen": lambda layers: setattr(layers[0], "trainable", False),
    "dropout": lambda layers: setattr(layers[1], "rate", 0.1),
    "a schedule": lambda layers: setattr(layers[1], "rate", fm.CosineDecay(0.5, steps=9)),
    "a penalty": lambda layers: setattr(layers[2], "l2", 0.1),
    "an activation": lambda layers: setattr(layers[0], "activation", "elu(alpha=0.5)"),
}


@pytest.mark.parametrize("what", ASSIGNED)
@pytest.mark.parametrize("optimizer", OPTIMIZERS[::3], ids=repr)
def test_what_a_callback_has_assigned_to_layers_is_kept(tmp_path, what, optimizer):
    def assign(model, epoch, logs):
        if epoch == 2:
            ASSIGNED[what](model.layers)

    whole, history = fit(None, optimizer=optimizer, more=[assign])
    for killed in (3, 5, None):
        model, again = fit(tmp_path, optimizer=optimizer, more=[assign], killed=killed)
    assert again == history
    np.testing.assert_array_equal(model.parameters.flat, whole.parameters.flat)
    assert repr(model.layers) == repr(whole.layers)


@pytest.mark.parametrize("other", [fm.Dense(12, "relu"), fm.Dense(12, "tanh", name="own")])
def test_layers_of_other_kinds_are_another_fit(tmp_path, other):
    fit(tmp_path, epochs=2)
    model = fm.Sequential([fm.Input(6), other, fm.Dropout(0.3), fm.Dense(3, "softmax")], seed=4)
    before = model.parameters.flat.copy()
    with pytest.raises(ValueError, match="another fit, with layers="):
        model.fit(X, LABELS, batch_size=32, callbacks=[fm.Checkpoint(tmp_path)])
    np.testing.assert_array_equal(model.parameters.flat, before)


def test_a_complete_run_returns_at_once_and_goes_on_if_asked_for_more(tmp_path):
    first, history = fit(tmp_path, epochs=4)
    again, same = fit(tmp_path, epochs=4)
    np.testing.assert_array_equal(first.parameters.flat, again.parameters.flat)
    assert same == history
    longer, more = fit(tmp_path, epochs=9)
    whole, expected = fit(None, epochs=9)
    np.testing.assert_array_equal(longer.parameters.flat, whole.parameters.flat)
    assert more == expected


def test_a_process_that_is_killed_at_any_time_goes_on(tmp_path):
    program = tmp_path / "train.py"
    program.write_text(
        textwrap.dedent(
            f"""
            import numpy as np, fastmlp as fm
            rng = np.random.default_rng(0)
            X, t = rng.normal(size=(3000, 20)), rng.integers(0, 3, 3000)
            model = fm.MLP([20, 32, 3], output="softmax", seed=0)
            keep = fm.Checkpoint({str(tmp_path / "run")!r})
            history = model.fit(X, t, epochs=60, callbacks=[keep])
            print(history.epochs, hash(model.parameters.flat.tobytes()) & 0xFFFFFFFF)
            """
        )
    )
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    for seconds in (0.05, 0.15):
        process = subprocess.Popen([sys.executable, str(program)], env=environment)
        path = tmp_path / "run" / "checkpoint.safetensors"
        deadline = time.monotonic() + 60
        while not path.exists() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)
        process.wait()
    ended = subprocess.run(
        [sys.executable, str(program)], env=environment, capture_output=True, text=True, check=True
    )
    rng = np.random.default_rng(0)
    data = rng.normal(size=(3000, 20)), rng.integers(0, 3, 3000)
    whole = fm.MLP([20, 32, 3], output="softmax", seed=0)
    whole.fit(*data, epochs=60)
    script = "import sys; print(hash(sys.stdin.buffer.read()) & 0xFFFFFFFF)"
    expected = subprocess.run(
        [sys.executable, "-c", script],
        input=whole.parameters.flat.tobytes(),
        env=environment,
        capture_output=True,
        check=True,
    )
    assert ended.stdout.split() == ["60", expected.stdout.decode().strip()]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dtype": "float64"}, "dtype='float32' and not 'float64'"),
        (
            {"optimizer": fm.SGD(0.1)},
            r"with optimizer=\[\['\w+', [^]]*\]\] and not \[\['SGD'[^]]*\]\]: ",
        ),
        ({"optimizer": fm.Adam(ema=0.9)}, "average=False and not True"),
        ({"class_weight": {0: 2.0}}, "checksum of targets and weights="),
        ({"loss": "focal"}, "losses="),
        ({"loss": fm.losses.CrossEntropy(label_smoothing=0.1)}, "losses=.*label_smoothing"),
        ({"l2": 0.1}, "penalties="),
        ({"shuffle": False}, "shuffle=True and not False"),
        ({"validation_data": HELD_OUT}, "recorded="),
        ({"more": (fm.EarlyStopping(),)}, "callbacks="),
    ],
)
def test_the_checkpoint_of_another_fit_is_refused_and_nothing_changes(tmp_path, changed, message):
    fit(tmp_path, epochs=2)
    kept = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(ValueError, match=message):
        fit(tmp_path, **changed)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == kept


def test_resume_false_begins_anew(tmp_path):
    fit(tmp_path, epochs=3)
    model = fm.MLP([6, 3], output="softmax", seed=0)
    history = model.fit(X, LABELS, epochs=2, callbacks=[fm.Checkpoint(tmp_path, resume=False)])
    assert history.epochs == 2


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 100])
def test_a_file_that_is_no_checkpoint_is_told(tmp_path, content):
    (tmp_path / "checkpoint.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="is no checkpoint of a fit"):
        fit(tmp_path)


def test_a_model_file_is_no_checkpoint(tmp_path):
    fm.MLP([2, 1], seed=0).save(tmp_path / "checkpoint.safetensors")
    with pytest.raises(ValueError, match="is no checkpoint of a fit"):
        fit(tmp_path)


def test_a_checkpoint_is_no_model_and_load_says_what_it_is(tmp_path):
    fit(tmp_path, killed=1)
    with pytest.raises(ValueError, match=r"a fit that fm\.Checkpoint keeps, no model: the same"):
        fm.load(tmp_path / "checkpoint.safetensors")


def test_what_cannot_be_resumed_is_told(tmp_path):
    model = fm.MLP([6, 3], output="softmax", seed=0)
    with pytest.raises(ValueError, match="a fit by L-BFGS cannot be resumed"):
        model.fit(
            X, LABELS, optimizer="lbfgs", batch_size=None, callbacks=[fm.Checkpoint(tmp_path)]
        )
    with pytest.raises(ValueError, match="every must be at least 1"):
        fm.Checkpoint(tmp_path, every=0)


def test_every_says_after_how_many_epochs(tmp_path):
    fit(tmp_path / "a", killed=1)
    assert (tmp_path / "a/checkpoint.safetensors").exists()
    model = fm.MLP([6, 3], output="softmax", seed=0)
    seen = []

    def look(model, epoch, logs):
        seen.append((tmp_path / "b/checkpoint.safetensors").exists())

    model.fit(X, LABELS, epochs=5, callbacks=[fm.Checkpoint(tmp_path / "b", every=3), look])
    assert seen == [False, False, False, True, True]
    # The last epoch is kept, whatever its number: the run is complete and has nothing to do again.
    model = fm.MLP([6, 3], output="softmax", seed=0)
    history = model.fit(
        X, LABELS, epochs=5, callbacks=[fm.Checkpoint(tmp_path / "b", every=3), look]
    )
    assert history.epochs == 5
    assert len(seen) == 5


def test_the_folder_of_a_checkpoint_is_made_with_those_above_it(tmp_path):
    fit(tmp_path / "runs/today/first", killed=1)
    assert (tmp_path / "runs/today/first/checkpoint.safetensors").exists()


def test_a_place_that_is_no_files_is_told_before_the_first_epoch(tmp_path):
    (tmp_path / "checkpoint.safetensors").mkdir()
    model = fm.MLP([6, 3], output="softmax", seed=0)
    before = model.parameters.flat.copy()
    keep = fm.Checkpoint(tmp_path, resume=False)
    with pytest.raises(OSError, match=r"checkpoint\.safetensors"):
        model.fit(X, LABELS, callbacks=[keep])
    np.testing.assert_array_equal(model.parameters.flat, before)


@contextmanager
def written_again(folder):
    """Gives what is in a checkpoint, to be changed."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    path = folder / "checkpoint.safetensors"
    with safe_open(path, "numpy") as file:
        numbers = json.loads(file.metadata()["fastmlp"])
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    yield numbers, arrays
    save_file(arrays, path, metadata={"fastmlp": json.dumps(numbers)})


def test_a_long_history_is_kept_as_numbers_and_read_as_text_too(tmp_path):
    whole, expected = fit(None)
    fit(tmp_path, killed=4)
    with written_again(tmp_path) as (numbers, arrays):  # as older ones are
        assert "history" not in numbers  # whose length each epoch would write again
        numbers["history"] = {"loss": arrays.pop("history.loss").tolist()}
    assert len(numbers["history"]["loss"]) == 4
    model, history = fit(tmp_path)
    assert history == expected
    np.testing.assert_array_equal(model.parameters.flat, whole.parameters.flat)


@pytest.mark.parametrize(
    "change",
    [
        lambda numbers, arrays: numbers.update(of=[]),
        lambda numbers, arrays: numbers.update(steps="many"),
        lambda numbers, arrays: numbers.update(noise=float("inf")),
        lambda numbers, arrays: numbers.update(orders={}),
        lambda numbers, arrays: numbers.update(listeners=3),
        lambda numbers, arrays: numbers.update(settings="ab"),
        lambda numbers, arrays: numbers["settings"][1].update(rate=7),
        lambda numbers, arrays: numbers.pop("began"),
        lambda numbers, arrays: arrays.pop("optimizer.1"),
        lambda numbers, arrays: arrays.update(parameters=arrays["parameters"][:-1].copy()),
        lambda numbers, arrays: arrays["parameters"].fill(np.nan),
        lambda numbers, arrays: arrays.pop("history.loss"),
    ],
)
def test_a_checkpoint_of_wrong_numbers_is_told_and_nothing_changes(tmp_path, change):
    fit(tmp_path, killed=4)
    model = fm.Sequential(
        [fm.Input(6), fm.Dense(12, "tanh"), fm.Dropout(0.3), fm.Dense(3, "softmax")], seed=5
    )
    how = {"optimizer": fm.Adam(0.01), "batch_size": 32, "epochs": 9}
    model.fit(X, LABELS, **how)
    before, steps = model.parameters.flat.copy(), model._own_trainer().state.steps
    with written_again(tmp_path) as (numbers, arrays):
        change(numbers, arrays)
    with pytest.raises(ValueError, match=r"checkpoint.safetensors' is no checkpoint of a fit: "):
        model.fit(X, LABELS, callbacks=[fm.Checkpoint(tmp_path)], **how)
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert model._own_trainer().state.steps == steps
    assert model.layers[1].rate == 0.3


class Asked:
    """A rate of every step, which notes the first steps that it is asked for."""

    def __init__(self, wrong=None):
        self.wrong = wrong
        self.firsts = []

    def __call__(self, steps):
        self.firsts.append(int(steps[0]))
        return np.where(steps == self.wrong, np.nan, 0.01)


@pytest.mark.parametrize("built", [True, False])
def test_schedules_are_asked_for_the_steps_to_come_alone(tmp_path, built):
    def begin(schedule, killed=None):
        input_columns = 6 if built else None
        model = fm.Sequential(
            [fm.Dense(3, "softmax")], input_columns=input_columns, seed=0, dtype="float64"
        )
        listeners = [fm.Checkpoint(tmp_path), KillAfter(killed)]
        with suppress(Killed):
            model.fit(X, LABELS, optimizer=fm.SGD(schedule), epochs=5, callbacks=listeners)

    begin(Asked(), killed=2)  # of three steps an epoch
    with pytest.raises(ValueError, match=r"returned the learning rate nan for step 7"):
        begin(Asked(wrong=7))
    again = Asked(wrong=1)
    begin(again)
    assert again.firsts == [6, 9, 12]
    complete = Asked(wrong=1)
    begin(complete)
    assert complete.firsts == []


def test_a_schedule_that_is_wrong_where_a_fit_goes_on_changes_nothing(tmp_path):
    fit(tmp_path, optimizer=fm.SGD(Asked()), killed=2)
    layers = [fm.Dense(12, "tanh"), fm.Dropout(0.3), fm.Dense(3, "softmax")]
    model = fm.Sequential([fm.Input(6), *layers], seed=4)
    before = model.parameters.flat.copy()
    with pytest.raises(ValueError, match="for step 7"):
        model.fit(
            *(X, LABELS),
            optimizer=fm.SGD(Asked(wrong=7)),
            epochs=9,
            callbacks=[fm.Checkpoint(tmp_path), KillAfter(None)],
        )
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert model.history is None
