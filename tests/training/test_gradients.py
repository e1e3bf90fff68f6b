"""Steps along gradients that come from elsewhere: those of `step`, whatever made the gradient."""

import threading

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import optimizers

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(20, 6)), RNG.normal(size=(20, 2))
OPTIMIZERS = [
    *(rule() for rule in optimizers.OPTIMIZERS.values()),
    fm.Adam(fm.CosineDecay(0.1, 6), clip_norm=0.01, ema=0.9),
    fm.SGD(0.1, momentum=0.9, clip_value=0.02, groups={"bias": {"learning_rate": 1.0}}),
]


def plain():
    return [fm.Dense(8, "relu"), fm.Dense(5, "tanh", max_norm=0.5), fm.Dropout(0.3), fm.Dense(2)]


def normed():
    return [fm.Dense(4, trainable=False), fm.LayerNorm(), fm.Dropout(fm.CosineDecay(0.5, 4))]


def trainers(layers, dtype="float64", **how):
    models = [fm.Sequential(layers(), input_columns=6, seed=1, dtype=dtype) for _ in range(2)]
    return models, [model.trainer(seed=3, **how) for model in models]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("layers", [plain, lambda: [*normed(), fm.Dense(2)]])
def test_steps_along_the_loss_s_gradient_are_those_of_step(layers, optimizer, dtype):
    models, (stepped, led) = trainers(layers, dtype, optimizer=optimizer, l2=0.1)
    for i in range(7):
        stepped.step(X, T)
        if i == 4:  # in turns with steps that go straight to the core
            led.step(X, T)
            continue
        _, gradient = led.loss_and_gradient(X, T)
        parts = led.views(gradient)
        led.apply_gradient([gradient, parts, list(parts.values())][i % 3])
        np.testing.assert_array_equal(models[0].parameters.flat, models[1].parameters.flat)
    assert led.steps == stepped.steps == 7


def test_schedules_go_on_where_no_step_was_taken_but_along_gradients():
    def half(y, t):  # steps of a function of the user's are not made ahead
        return g.mean((y - t) ** 2, axis=1)

    models, (stepped, led) = trainers(lambda: [*normed(), fm.Dense(2)], loss=half)
    for _ in range(3):
        stepped.step(X, T)
        led.apply_gradient(led.loss_and_gradient(X, T)[1])
    np.testing.assert_array_equal(models[0].parameters.flat, models[1].parameters.flat)


def test_every_number_of_a_gradient_goes_to_its_weight_and_no_statistic_moves():
    rows, numbers = fm.Input(1), fm.Input(2)
    h = fm.concat([fm.Embedding(4, 3)(rows), fm.BatchNorm()(fm.Dense(3)(numbers))])
    model = fm.Model([rows, numbers], fm.Dense(1)(fm.Dense(2)(h)), seed=0)
    before = model.get_weights()
    gradients = [RNG.integers(1, 9, w.shape).astype("f4") for w in before]
    model.trainer(optimizer=fm.SGD(1.0)).apply_gradient(gradients)
    names = model.network.parameter_names
    for name, w, by, now in zip(names, before, gradients, model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, w if "running" in name else w - by, err_msg=name)


def test_weights_of_other_models_of_the_same_layers_stay():
    x = fm.Input(6)
    code = fm.Dense(3, "tanh")(x)
    model = fm.Model(x, fm.Dense(2)(code), seed=0)
    other = fm.Model(x, fm.Dense(4)(code), seed=0)
    trainer, kept = model.trainer(optimizer=fm.AdamW(0.1)), other.get_weights()
    trainer.apply_gradient(np.ones(model.parameters.size))
    now = other.get_weights()
    assert not np.array_equal(now[0], kept[0])
    np.testing.assert_array_equal(now[2], kept[2])


@pytest.mark.parametrize(
    ("gradient", "error", "message"),
    [
        (np.ones(3), ValueError, r"gradient must have shape \(\d+,\), as model.parameters.flat"),
        ("steep", TypeError, "gradient"),
        ([np.ones((8, 6)), np.ones(8)], ValueError, "gradient"),
        ({"dense_1.weights": np.ones((8, 6))}, ValueError, "gradient must have the keys"),
        (
            lambda names: {n: np.ones(2) for n in names},
            ValueError,
            "gradient: dense_1.weights must",
        ),
        (lambda names: [np.full(1, np.nan)] * len(names), ValueError, "gradient: dense_1.weights"),
    ],
)
def test_wrong_gradients_change_nothing_and_are_told(gradient, error, message):
    (model, _), (trainer, _) = trainers(plain)
    trainer.step(X, T)
    if callable(gradient):
        gradient = gradient(model.network.parameter_names)
    before = model.parameters.flat.copy()
    with pytest.raises(error, match=message):
        trainer.apply_gradient(gradient)
    with pytest.raises(ValueError, match="gradient must hold finite numbers of float64, got 1 NaN"):
        trainer.apply_gradient(np.where(np.arange(before.size) == 3, np.nan, 1.0))
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.steps == 1


def test_weights_that_would_be_infinite_are_not_taken():
    (model, _), (trainer, _) = trainers(plain, "float32", optimizer=fm.SGD(1e30))
    before = model.parameters.flat.copy()
    with pytest.raises(FloatingPointError, match="along this gradient the weights become NaN"):
        trainer.apply_gradient(np.full(before.size, 1e30))
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.steps == 0


def test_there_must_be_something_to_train():
    model = fm.Sequential([fm.Dense(2, trainable=False)], input_columns=2, seed=0)
    with pytest.raises(ValueError, match="there is nothing to train"):
        model.trainer().apply_gradient(model.parameters.flat)


def test_a_gradient_is_no_other_threads_during_a_fit():
    (model, _), (trainer, _) = trainers(plain)
    found = []

    def meanwhile(model, epoch, logs):
        def step():
            try:
                trainer.apply_gradient(model.parameters.flat)
            except RuntimeError as error:
                found.append(str(error))

        thread = threading.Thread(target=step)
        thread.start()
        thread.join()

    model.fit(X, T, epochs=1, callbacks=[meanwhile], verbose=False)
    assert len(found) == 1
    assert "apply_gradient" in found[0]


@pytest.mark.parametrize("name", ["apply_gradients", "apply", "train_on_batch", "minimize"])
def test_what_it_is_called_elsewhere_is_told(name):
    _, (trainer, _) = trainers(plain)
    with pytest.raises(AttributeError, match=r"write (apply_gradient|step)"):
        getattr(trainer, name)
