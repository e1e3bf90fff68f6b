"""Schedules of layers and losses count from the first step that they were there in."""

import numpy as np
import pytest

import fastmlp as fm

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(24, 3)), RNG.integers(2, size=24)
FALLS = fm.schedules.PolynomialDecay(0.8, steps=4, final=0.0)


class Told:
    """A schedule that writes down which steps it was asked for."""

    def __init__(self, value=0.25):
        self.value, self.steps = value, []

    def __call__(self, steps):
        self.steps += steps.tolist()
        return np.full(len(steps), self.value)


def noisy(rate):
    layers = [fm.Dense(4, "tanh"), fm.Dropout(rate), fm.GaussianNoise(0.1), fm.Dense(2, "softmax")]
    return fm.Sequential(layers, input_columns=3, seed=0)


def fit(model, **how):
    model.fit(X, T, batch_size=12, epochs=2, seed=0, **how)


def test_a_new_rate_of_dropout_begins_with_its_first_step():
    first, second, std = Told(), Told(), Told()
    model = noisy(first)
    fit(model)
    fit(model)
    assert first.steps == [0, 1, 2, 3, 4, 5, 6, 7]
    model.layers[1].rate = second
    model.layers[2].std = std
    fit(model)
    model.fit(X, T, batch_size=24, epochs=1, optimizer=fm.Adam(0.1))
    assert second.steps == std.steps == [0, 1, 2, 3, 4]
    model.layers[1].rate = first  # it was away
    fit(model)
    assert first.steps[8:] == [0, 1, 2, 3]
    assert std.steps[5:] == [5, 6, 7, 8]
    fit(model, optimizer="sgd")  # another optimizer counts anew
    assert std.steps[9:] == [0, 1, 2, 3]


def test_equal_schedules_are_one():
    def run(*rates):
        model = noisy(rates[0])
        for rate in rates:
            model.layers[1].rate = rate
            fit(model)
        return model.parameters.flat.copy()

    again = fm.schedules.PolynomialDecay(0.8, steps=4, final=0.0)
    np.testing.assert_array_equal(run(FALLS, FALLS), run(FALLS, again))
    late = fm.schedules.PolynomialDecay(0.8, steps=5, final=0.0)
    assert not np.array_equal(run(FALLS, FALLS), run(FALLS, late))


def test_single_steps_and_predictions_count_likewise():
    first, second = Told(), Told()
    model = noisy(first)
    trainer = model.trainer()
    for _ in range(3):
        trainer.step(X, T)
    model.layers[1].rate = second
    trainer.loss_and_gradient(X, T)
    trainer.step(X, T)
    trainer.step(X, T)
    trainer.loss_and_gradient(X, T)
    assert first.steps == [0, 1, 2]
    assert second.steps == [0, 0, 1, 2]
    fit(model)
    second.steps.clear()
    model.predict(X, training=True)
    model.layers[1].rate = third = Told()
    model.predict(X, training=True)
    assert second.steps == [4]
    assert third.steps == [0]


def test_steps_ahead_have_the_numbers_of_steps_by_python():
    def run(keep):
        model = noisy(FALLS)
        trainer = model.trainer(seed=0)
        if not keep:
            trainer._look_ahead = lambda *arguments: None
        losses = [trainer.step(X, T) for _ in range(3)]
        model.layers[1].rate = fm.schedules.PolynomialDecay(0.9, steps=4, final=0.0)
        losses += [trainer.step(X, T) for _ in range(3)]
        return [*losses, trainer.loss_and_gradient(X, T)[0]], trainer.state.starts

    assert run(True) == run(False)


def test_smoothing_of_labels_begins_with_its_first_step():
    smoothing = fm.schedules.PolynomialDecay(0.5, steps=3, final=0.0)

    def run(*losses):
        model = noisy(0.0)
        for loss in losses:
            fit(model, loss=loss)
        return model.parameters.flat.copy()

    smooth = fm.losses.CrossEntropy(label_smoothing=smoothing)
    plain = fm.losses.CrossEntropy()
    assert not np.array_equal(run(plain, smooth), run(plain, plain))


@pytest.mark.parametrize("stopped", [1, 3])
def test_a_resumed_fit_counts_on(tmp_path, stopped):
    def begun():
        model = noisy(FALLS)
        fit(model)
        model.layers[1].rate = fm.schedules.PolynomialDecay(0.9, steps=20, final=0.0)
        return model

    class Killed(Exception):  # noqa: N818
        pass

    class Kill(fm.Callback):
        def after_epoch(self, training):
            if training.history.epochs == stopped:
                raise Killed

    whole, part, rest = begun(), begun(), begun()
    how = {"batch_size": 6, "seed": 1, "epochs": 5}
    whole.fit(X, T, **how)
    with pytest.raises(Killed):
        part.fit(X, T, **how, callbacks=[fm.Checkpoint(tmp_path), Kill()])
    rest.fit(X, T, **how, callbacks=[fm.Checkpoint(tmp_path)])
    np.testing.assert_array_equal(rest.parameters.flat, whole.parameters.flat)


def freeze(model):
    model.layers[0].trainable = False


def let_through(model):
    model.layers[1].rate = 0.0


def bend(model):
    model.layers[0].activation = "relu"


@pytest.mark.parametrize("change", [freeze, let_through, bend])
@pytest.mark.parametrize("streamed", [False, True])
def test_what_a_callback_assigns_to_a_layer_counts_from_the_next_epoch_on(change, streamed):
    X, t = np.random.default_rng(0).normal(size=(2, 40, 3))
    rule = fm.Adam(fm.CosineDecay(0.1, 30), ema=0.9, clip_norm=1.0)

    def fitted(*parts, callbacks=()):
        layers = [fm.Dense(5, "tanh"), fm.Dropout(0.3), fm.Dense(3)]
        model = fm.Sequential(layers, input_columns=3, seed=0, dtype="float64")
        losses, data = [], (X, t)
        how = {"shuffle": False, "batch_size": 16, "seed": 1, "l2": 0.1}
        if streamed:
            data = (lambda: ((X[i : i + 16], t[i : i + 16]) for i in range(0, 40, 16)),)
            how = {"seed": 1, "l2": 0.1}
        for part, epochs in enumerate(parts):
            if part:
                change(model)
            history = model.fit(
                *data, **how, optimizer=rule, epochs=epochs, callbacks=callbacks,
                validation_data=(X, t), loss="squared_error",
            )  # fmt: skip
            losses += [*zip(history["loss"], history["val_loss"], strict=True)]
        return model, losses

    def change_after_two(model, epoch, logs):
        if epoch == 2:
            change(model)

    one, found = fitted(5, callbacks=[change_after_two])
    two, expected = fitted(2, 3)
    assert found == expected
    assert one.parameters.flat.tobytes() == two.parameters.flat.tobytes()


def test_where_one_plan_is_for_all_epochs_a_changed_layer_is_an_error():
    X, t = np.random.default_rng(0).normal(size=(2, 40, 3))

    def change(model, epoch, logs):
        freeze(model)

    members = fm.Members(fm.MLP([3, 5, 3], seed=0), 2)
    with pytest.raises(RuntimeError, match="a setting of a layer of member 0 was changed"):
        members.fit(X, t, epochs=3, callbacks=[change])
    assert [one.history.epochs for one in members] == [1, 1]
    model = fm.MLP([3, 5, 3], seed=0)
    with pytest.raises(RuntimeError, match="was changed while L-BFGS minimises by one plan"):
        model.fit(X, t, epochs=3, optimizer="lbfgs", callbacks=[change])
    assert model.history.epochs == 1
