"""Callbacks that write numbers down, or change the learning rate; the sweep of learning rates."""

import csv
from pathlib import Path

import numpy as np
import pytest

import fastmlp as fm

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
T = X @ RNG.normal(size=(3, 1))


def model(dtype="float64"):
    return fm.MLP([3, 8, 1], "tanh", seed=0, dtype=dtype)


# -------------------------------------------------------------------------------------- CSVLogger


def test_a_log_has_the_numbers_of_the_history(tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("of another fit")
    history = model().fit(
        X, T, epochs=3, validation_data=(X, T), callbacks=[fm.CSVLogger(path)], metrics=["r2"]
    )
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", *history]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    for name, values in history.items():
        assert [float(row[name]) for row in rows] == values


def test_a_log_without_a_place_is_refused_before_training(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such folder"):
        model().fit(X, T, callbacks=[fm.CSVLogger(tmp_path / "missing" / "log.csv")])
    with pytest.raises(IsADirectoryError):
        model().fit(X, T, callbacks=[fm.CSVLogger(tmp_path)])


# ------------------------------------------------------------------------------------ TensorBoard


def scalars(folder):
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        while data:
            length = int.from_bytes(data[:8], "little")
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


@pytest.mark.parametrize("lose", [Path.unlink, lambda path: path.write_text("")])
def test_a_log_that_is_lost_on_the_way_begins_again_with_its_names(tmp_path, lose):
    path = tmp_path / "log.csv"

    def lose_it(model, epoch, logs):
        if epoch == 2:
            lose(path)

    history = model().fit(X, T, epochs=4, callbacks=[fm.CSVLogger(path), lose_it])
    rows = list(csv.reader(path.read_text().splitlines()))
    assert rows == [["epoch", "loss"], *([str(e), repr(history["loss"][e - 1])] for e in (3, 4))]


def test_tensorboard_gets_the_numbers_of_each_epoch(tmp_path):
    history = model().fit(X, T, epochs=3, callbacks=[fm.TensorBoard(tmp_path / "run")])
    found = scalars(tmp_path / "run")["loss"]
    assert [step for step, _ in found] == [1, 2, 3]
    np.testing.assert_allclose([value for _, value in found], history["loss"], rtol=1e-6)


def test_without_tensorboardx_it_is_told_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="pip install tensorboardX"):
        model().fit(X, T, callbacks=[fm.TensorBoard(tmp_path)])


def test_a_folder_that_cannot_be_is_an_error_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    network = model()
    before = network.parameters.flat.copy()
    with pytest.raises(OSError, match="file"):
        network.fit(X, T, callbacks=[fm.TensorBoard(tmp_path / "file")])
    assert network.parameters.flat.tobytes() == before.tobytes()


# ------------------------------------------------------------------------------ ReduceLROnPlateau


@pytest.mark.parametrize("optimizer", [fm.SGD(0.1), fm.SGD(fm.StepDecay(0.1, 0.5, 2))])
def test_a_lowered_rate_is_the_rate_of_the_epochs_that_follow(optimizer):
    plateau = fm.ReduceLROnPlateau("loss", factor=0.25, patience=2, min_delta=1e9)
    ours = model()
    ours.fit(X, T, optimizer=optimizer, epochs=5, batch_size=20, shuffle=False, callbacks=[plateau])
    # Nothing improves by so much but the first epoch: lowered after the epochs 3 and 5.
    assert plateau.epochs == [3, 5]
    assert plateau.rate_factor == 0.0625

    def rates(steps):
        return fm.schedules.rates(optimizer.learning_rate, steps) * np.where(steps < 6, 1.0, 0.25)

    twin = model()
    twin.fit(X, T, optimizer=fm.SGD(rates), epochs=5, batch_size=20, shuffle=False)
    np.testing.assert_allclose(ours.parameters.flat, twin.parameters.flat, rtol=1e-12)


def test_the_factor_has_a_floor_and_begins_anew_with_each_fit():
    plateau = fm.ReduceLROnPlateau("loss", factor=0.1, patience=1, min_delta=1e9, min_factor=0.05)
    assert (plateau.rate_factor, plateau.epochs) == (1.0, [])
    net = model()
    net.fit(X, T, epochs=6, callbacks=[plateau])
    assert plateau.rate_factor == 0.05
    assert plateau.epochs == [2, 3]
    net.fit(X, T, epochs=1, callbacks=[plateau])
    assert plateau.rate_factor == 1.0
    assert plateau.epochs == []


def test_a_quantity_that_improves_keeps_the_rate():
    plateau = fm.ReduceLROnPlateau(patience=1)
    model().fit(X, T, optimizer=fm.SGD(0.05), epochs=10, batch_size=None, callbacks=[plateau])
    assert plateau.rate_factor == 1.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"factor": 1.0}, "factor"),
        ({"patience": 0}, "patience"),
        ({"min_factor": 2}, "min_factor"),
        ({"mode": "up"}, "mode"),
    ],
)
def test_a_wrong_setting_of_the_plateau_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        fm.ReduceLROnPlateau(**wrong)
    with pytest.raises(ValueError, match="monitor='val_loss' is not recorded"):
        model().fit(X, T, callbacks=[fm.ReduceLROnPlateau("val_loss")])
    with pytest.raises(ValueError, match="LBFGS has no learning rate to lower"):
        model().fit(X, T, optimizer="lbfgs", callbacks=[fm.ReduceLROnPlateau("loss")])


# ------------------------------------------------------------------------------ learning rates


@pytest.mark.parametrize("optimizer", ["adam", fm.SGD(momentum=0.9)])
def test_the_suggested_rate_trains_well_and_the_model_stays_as_it_is(optimizer):
    data = fm.datasets.load("digits")
    net = fm.MLP([64, 32, 10], output="softmax", seed=0)
    before = net.parameters.flat.copy()
    found = fm.find_learning_rate(net, data.X_train, data.t_train, optimizer=optimizer)
    np.testing.assert_array_equal(net.parameters.flat, before)
    assert len(found.rates) == len(found.losses) == len(found.smoothed) > 20
    np.testing.assert_allclose(found.rates[1:] / found.rates[:-1], 1e7 ** (1 / 99))
    kind = fm.Adam if optimizer == "adam" else fm.SGD
    net.fit(data.X_train, data.t_train, optimizer=kind(found.suggestion), epochs=10)
    assert net.evaluate(data.X_test, data.t_test)["accuracy"] > 0.9


def test_a_sweep_is_the_same_each_time_and_takes_other_inputs():
    first, second = (fm.find_learning_rate(model(), X, T, steps=30) for _ in range(2))
    np.testing.assert_array_equal(first.losses, second.losses)
    scipy_sparse = pytest.importorskip("scipy.sparse")
    sparse = fm.find_learning_rate(model(), scipy_sparse.coo_array(X), T, steps=30)
    np.testing.assert_allclose(sparse.losses, first.losses, rtol=1e-9)
    lists = fm.find_learning_rate(model(), X.tolist(), T.tolist(), steps=30)
    np.testing.assert_array_equal(lists.losses, first.losses)
    a, b = fm.Input(3), fm.Input(3)
    two = fm.Model([a, b], fm.Dense(1)(fm.concat([a, b])), seed=0)
    assert len(fm.find_learning_rate(two, [X, X], T, steps=30).losses) > 10


@pytest.mark.parametrize("form", [list, dict])
def test_a_sweep_takes_several_outputs(form):
    x, labels = fm.Input(3), np.arange(len(X)) % 2
    h = fm.Dense(4, "tanh")(x)
    outputs = {"number": fm.Dense(1)(h), "kind": fm.Dense(2, "softmax")(h)}
    targets = {"number": T, "kind": labels}
    if form is list:
        outputs, targets = list(outputs.values()), list(targets.values())
    net = fm.Model(x, outputs, seed=0)
    found = fm.find_learning_rate(net, X, targets, loss_weights=[1.0, 0.0], steps=30)
    alone = fm.find_learning_rate(net, X, targets, loss_weights=[1.0, 2.0], steps=30)
    assert len(found.losses) > 10
    assert found.losses[0] < alone.losses[0]


@pytest.mark.parametrize("batch_size", [1, 4, 7])
def test_batches_of_few_rows_whose_losses_differ_do_not_end_a_sweep(batch_size):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=60)
        found = fm.find_learning_rate(
            fm.MLP([4, 5, 1], seed=seed),
            *(rng.normal(size=(60, 4)), noise),
            optimizer="sgd",
            batch_size=batch_size,
            seed=seed,
        )
        assert len(found.losses) > 60  # until the rates are too large
        assert found.losses[-1] <= 10 * found.smoothed.min()


def test_a_sweep_that_cannot_be_made_is_told():
    with pytest.raises(ValueError, match="t must have as many rows as X"):
        fm.find_learning_rate(model(), X, T[:-1])
    with pytest.raises(ValueError, match="X is empty"):
        fm.find_learning_rate(model(), X[:0], T[:0])
    with pytest.raises(TypeError, match="model must be a Model, such as an MLP, got MLPRegressor"):
        fm.find_learning_rate(fm.MLPRegressor(), X, T)
    with pytest.raises(ValueError, match="highest must be"):
        fm.find_learning_rate(model(), X, T, lowest=1.0, highest=0.5)
    with pytest.raises(ValueError, match="the loss was too large or no number after"):
        fm.find_learning_rate(
            model("float32"), X * 1e15, T, optimizer="sgd", lowest=1e3, highest=1e4
        )


def test_a_sweep_is_drawn(tmp_path):
    found = fm.find_learning_rate(model(), X, T, steps=40)
    ax = fm.plot.learning_rates(found)
    assert ax.get_xscale() == "log"
    assert f"{found.suggestion:.2g}" in [text.get_text() for text in ax.texts]
