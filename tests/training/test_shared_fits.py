"""Fits of models over the same layers: each as if it were alone, one at a time."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import fastmlp as fm
from shared_models import DTYPES, RNG, Autoencoder, X, Z, fit, same, weights
from threaded import Pause

# ------------------------------------------------------------------------------- trained as alone


OPTIMIZERS = {
    "adam": fm.Adam(0.01),
    "decay": fm.AdamW(0.01, weight_decay=0.1),
    "momentum": fm.SGD(0.1, momentum=0.9),
    "muon": fm.Muon(0.02),
    "average": fm.Adam(0.01, ema=0.9),
    "lbfgs": fm.LBFGS(),
    "groups": fm.Adam(0.01, groups={"bias": {"learning_rate": 0.1}, "dense_1": fm.SGD(0.1)}),
    "clipped": fm.Adam(0.01, clip_value=0.01),
}
KINDS = ["encoder", "decoder", "classifier"]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("how", OPTIMIZERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_fit_has_the_bits_of_the_fit_of_a_copy_and_changes_nothing_else(kind, how, dtype):
    a = Autoencoder(dtype)
    model, other = getattr(a, kind)(), a.classifier(5)
    alone = model.copy()
    assert alone.parameters is not model.parameters
    shared = set(model.network.parameter_nodes)
    others = [n for m in (a.model, other) for n in m.network.parameter_nodes if n not in shared]
    before = [n.value.copy() for n in others]
    batch = {"batch_size": None} if how == "lbfgs" else {}
    settings = {"optimizer": OPTIMIZERS[how], "l2": 0.01, **batch}
    for epochs in (2, 1):  # the second goes on with the first one's state
        expected, history = (fit(m, epochs, **settings) for m in (alone, model))
        assert dict(history) == dict(expected)
    assert same(weights(model), weights(alone))
    assert same([n.value for n in others], before)


@pytest.mark.parametrize("how", [name for name in OPTIMIZERS if name != "lbfgs"])
@pytest.mark.parametrize("first", [False, True])
def test_the_state_of_optimizers_follows_weights_that_move(how, first):
    """Moments, counts and averages of models that join others, as if nothing had happened."""

    def run(share):
        left, right = fm.MLP([6, 4, 2], seed=0), fm.MLP([2, 4, 6], seed=1)
        models = [left, right] if first else [right, left]
        steps = [m.trainer(optimizer=OPTIMIZERS[how]) for m in models]
        data = [(X, X[:, :2]) if m is left else (Z, X) for m in models]
        for trainer, rows in zip(steps, data, strict=True):
            for _ in range(3):
                trainer.step(*rows)
        for model in models:
            fit(model, optimizer=OPTIMIZERS[how])
        if share:
            x = y = fm.Input(models[0].network.input_columns[0])
            for layer in (*models[0].layers, *models[1].layers, fm.Dense(1)):
                y = layer(y)
            kept.append(fm.Model(x, y, seed=2))
        seen = []
        for trainer, rows in zip(steps, data, strict=True):
            seen.append(trainer.loss_and_gradient(*rows)[0])
            seen += [trainer.step(*rows) for _ in range(3)]
            assert trainer.steps == 6
        for model in models:
            seen += fit(model, optimizer=OPTIMIZERS[how])["loss"]
        return seen, [*weights(left), *weights(right)]

    kept = []
    (losses, after), (shared_losses, shared_after) = run(share=False), run(share=True)
    assert shared_losses == losses
    assert same(shared_after, after)


def test_an_average_of_weights_leaves_those_of_others_alone():
    a = Autoencoder()
    classifier = a.classifier()
    for layer in a.layers[:2]:
        layer.trainable = False
    optimizer = fm.Adam(0.01, ema=0.5)
    alone = classifier.copy()
    trainers = [m.trainer(optimizer=optimizer) for m in (classifier, alone)]
    decoder = a.decoder()
    for _ in range(3):
        one, other = (trainer.step(X, np.arange(40) % 3) for trainer in trainers)
        assert one == other
        fit(decoder, 1)
    expected = weights(decoder)
    trainers[0].step(X, np.arange(40) % 3)
    trainers[1].step(X, np.arange(40) % 3)
    assert same(weights(decoder), expected)
    assert same(weights(classifier), weights(alone))


def test_stopping_early_restores_the_weights_of_its_model_alone():
    a = Autoencoder()
    classifier = a.classifier()
    trainer = a.decoder().trainer()
    seen = []

    def train_the_decoder(model, epoch, logs):
        trainer.step(Z, X)
        seen.append(weights(classifier))

    rows = X[:20], np.arange(20) % 3
    history = classifier.fit(
        *rows,
        optimizer=fm.Adam(0.5),
        validation_data=(X[20:], np.arange(20) % 3),
        epochs=6,
        callbacks=[train_the_decoder, fm.EarlyStopping(patience=100)],
        verbose=0,
    )
    last = trainer.loss_and_gradient(Z, X)[0]
    twin = Autoencoder()
    alone = twin.decoder().trainer()
    losses = [alone.step(Z, X) for _ in range(6)]
    assert last < losses[-1]
    assert last == alone.loss_and_gradient(Z, X)[0]
    best = int(np.argmin(history["val_loss"]))
    assert best < 5
    assert same(weights(classifier), seen[best])


def test_a_fit_of_one_of_several_models_is_resumed_as_that_of_one_alone(tmp_path):
    a = Autoencoder()
    classifier = a.classifier()
    alone = classifier.copy()
    optimizer = fm.Adam(0.01, ema=0.9)
    stopped = [fm.Checkpoint(tmp_path)]
    fit(classifier, 2, optimizer=optimizer, callbacks=stopped)
    decoder = a.decoder()
    fit(decoder)
    before = weights(decoder)
    again = a.classifier(7)
    fit(again, 4, optimizer=optimizer, callbacks=[fm.Checkpoint(tmp_path)])
    fit(alone, 4, optimizer=optimizer)
    assert same(weights(again), weights(alone))
    assert same(weights(decoder), before)


def test_a_generator_is_trained_through_a_frozen_discriminator():
    x, z = fm.Input(2), fm.Input(3)
    judges = [fm.Dense(8, "tanh"), fm.Dense(1, "logistic")]
    makers = [fm.Dense(8, "tanh"), fm.Dense(2)]
    discriminator = fm.Model(x, judges[1](judges[0](x)), seed=0)
    made = makers[1](makers[0](z))
    generator = fm.Model(z, made, seed=1)
    game = fm.Model(z, judges[1](judges[0](made)))
    assert game.parameters is discriminator.parameters is generator.parameters
    noise = RNG.normal(size=(64, 3))
    real = RNG.normal(size=(64, 2)) + 3
    distances = []
    for _ in range(40):
        for layer in judges:
            layer.trainable = True
        rows = np.concatenate([real, generator.predict(noise)])
        before = weights(generator)
        discriminator.fit(rows, np.repeat([1, 0], 64), epochs=5, seed=0, verbose=0)
        assert same(weights(generator), before)
        for layer in judges:
            layer.trainable = False
        before = weights(discriminator)
        game.fit(noise, np.ones(64), optimizer=fm.Adam(0.01), epochs=5, seed=0, verbose=0)
        assert same(weights(discriminator), before)
        distances.append(float(np.linalg.norm(generator.predict(noise).mean(0) - 3)))
    assert distances[-1] < 0.5 * distances[0]
    with pytest.raises(ValueError, match="nothing to train: every layer with parameters is frozen"):
        discriminator.fit(real, np.ones(64), epochs=1)


def test_statistics_of_a_shared_layer_are_those_of_the_last_fit_of_any_model():
    x = fm.Input(6)
    norm = fm.BatchNorm()
    h = fm.Dense(4, "relu")(norm(x))
    one = fm.Model(x, fm.Dense(6)(h), seed=0, dtype="float64")
    other = fm.Model(x, fm.Dense(3, "softmax")(h), seed=1, dtype="float64")
    alone = other.copy()
    for model in (other, alone):
        fit(model)
    assert same(weights(other), weights(alone))
    assert same(weights(one)[:4], weights(other)[:4])
    norm.trainable = False
    before = weights(one)[:4]
    fit(one)
    assert same(weights(other)[:4], before)


def test_penalties_and_bounds_of_a_shared_layer_hold_in_the_fits_of_all_its_models():
    a = Autoencoder(max_norm=0.5, l1=0.01, l2=0.1)
    for model in (a.model, a.classifier(), a.model):
        fit(model)
        norms = np.linalg.norm(a.layers[0].weights, axis=1)
        assert 0.3 < norms.max() < 0.5 + 1e-12
    classifier = a.classifier()
    alone = classifier.copy()
    for model in (classifier, alone):
        fit(model)
    assert same(weights(classifier), weights(alone))
    rest = weights(a.model)[4:]
    a.layers[0].trainable = False
    before = a.layers[0].weights.copy()
    fit(classifier)
    np.testing.assert_array_equal(a.layers[0].weights, before)
    assert same(weights(a.model)[4:], rest)


def test_a_layer_shared_within_one_model_is_shared_with_another():
    x = fm.Input(3)
    square = fm.Dense(3, "tanh")
    twice = fm.Model(x, square(square(x)), seed=0)
    alone = twice.copy()
    once = fm.Model(x, square(x))
    twice.fit(X[:, :3], X[:, 3:], epochs=2)
    np.testing.assert_allclose(
        once.predict(once.predict(X[:, :3])), twice.predict(X[:, :3]), rtol=1e-5
    )
    alone.fit(X[:, :3], X[:, 3:], epochs=2)
    for model in (twice, alone):
        model.fit(X[:, :3], X[:, 3:], epochs=2, seed=1)
    assert same(weights(twice), weights(alone))


def test_scipy_gets_the_vector_of_all_and_a_gradient_of_zero_at_what_is_of_others():
    a = Autoencoder()
    classifier = a.classifier()
    trainer = classifier.trainer()
    loss, gradient = trainer.loss_and_gradient(X, np.arange(40) % 3)
    assert gradient.shape == a.model.parameters.flat.shape
    for node in a.model.network.parameter_nodes[4:]:
        assert not a.model.parameters.view(node, gradient).any()
    expected, alone = classifier.copy().trainer().loss_and_gradient(X, np.arange(40) % 3)
    assert loss == expected
    np.testing.assert_array_equal(
        classifier.parameters.part(classifier.network.parameter_nodes, gradient), alone
    )


# -------------------------------------------------------------------------------------- whose turn


@pytest.fixture(params=["one fitted", "built by the fit"])
def fitted_elsewhere(request):
    """An autoencoder, an encoder, and a model of its layers that another thread fits."""
    a, pause = Autoencoder(), Pause()
    encoder, model = a.encoder(), a.model
    a.model.predict(X)
    encoder.predict(X)  # from now on the core is asked at once
    if request.param == "built by the fit":
        model = fm.Sequential([*a.layers[:2], fm.Dense(6)], dtype="float64")
    worker = threading.Thread(
        target=lambda: model.fit(X, X, epochs=2, callbacks=[pause], verbose=0)
    )
    worker.start()
    assert pause.there.wait(60)
    yield a, encoder
    pause.go.set()
    worker.join()
    assert model.history.epochs == 2
    fit(encoder)  # it is free again
    encoder.predict(X)
    np.testing.assert_array_equal(encoder.predict(X), a.model.activations(X)["dense_2"])
    a.classifier()


ASKED = {
    "fit": fit,
    "predict": lambda model: model.predict(X),
    "evaluate": lambda model: model.evaluate(X, Z),
    "activations": lambda model: model.activations(X),
    "gradient": lambda model: model.gradient(X, 0),
    "get_weights": lambda model: model.get_weights(),
    "set_weights": lambda model: model.set_weights([]),
    "copy": lambda model: model.copy(),
    "step": lambda model: model.trainer().step(X, Z),
}


@pytest.mark.parametrize("call", ASKED)
def test_while_a_model_is_fitted_those_that_share_are_refused_in_other_threads(
    fitted_elsewhere, call
):
    _, encoder = fitted_elsewhere
    with pytest.raises(RuntimeError, match=f"{call}: another thread is in fit of the same model"):
        ASKED[call](encoder)


def test_while_a_model_is_fitted_no_other_thread_builds_of_its_layers(fitted_elsewhere):
    a, _ = fitted_elsewhere
    owners = a.layers[0].owners
    for build in (a.encoder, a.decoder, a.classifier):
        with pytest.raises(RuntimeError, match="building a model of the same layers: another"):
            build()
    with pytest.raises(RuntimeError, match=r"trainable of Dense\(.* another thread is in fit"):
        a.layers[0].trainable = False
    assert a.layers[0].owners == owners


def test_a_callback_may_ask_and_build_what_shares_but_move_nothing():
    a, alone = Autoencoder(), Autoencoder()
    encoder = a.encoder()
    seen = []

    def ask(model, epoch, logs):
        code = encoder.predict(X)
        late = a.encoder()
        np.testing.assert_array_equal(late.predict(X), code)
        np.testing.assert_array_equal(model.activations(X)["dense_2"], code)
        with pytest.raises(RuntimeError, match="fit was called inside fit of the same model"):
            fit(late)
        with pytest.raises(RuntimeError, match="not possible inside fit, by a callback: build it"):
            a.classifier()
        unbuilt = fm.Sequential(a.layers[:1], dtype="float64")
        with pytest.raises(RuntimeError, match="not possible inside fit"):
            unbuilt.fit(X, X[:, :5])
        seen.append(late)

    fit(a.model, callbacks=[ask])
    fit(alone.model)
    assert same(weights(a.model), weights(alone.model))
    for model in (encoder, *seen):
        model.predict(X)
        np.testing.assert_array_equal(model.predict(X), a.model.activations(X)["dense_2"])
        fit(model, 1)
    a.classifier()


def test_models_of_shared_layers_predict_in_many_threads_while_others_are_built():
    a = Autoencoder()
    encoder = a.encoder()
    wrong, done = [], threading.Event()
    calls = [
        encoder.predict,
        encoder.jacobian,
        lambda rows: encoder.gradient(rows, 1),
        lambda rows: a.model.activations(rows)["dense_2"],
        lambda rows: encoder.evaluate(rows, Z)["loss"],
    ]
    expected = [call(X) for call in calls]

    def ask():
        while not done.is_set():
            for call, y in zip(calls, expected, strict=True):
                try:
                    if not np.array_equal(call(X), y):
                        wrong.append("numbers")
                except Exception as error:
                    wrong.append(error)

    workers = [threading.Thread(target=ask) for _ in range(3)]
    for worker in workers:
        worker.start()
    kept = [a.classifier(seed) for seed in range(20)]
    done.set()
    for worker in workers:
        worker.join()
    assert wrong == []
    assert len({id(model.parameters) for model in kept}) == 1
    fit(a.model)  # what is compiled by now follows
    code = a.model.activations(X)["dense_2"]
    J = encoder.copy().jacobian(X)
    for _ in range(2):
        np.testing.assert_array_equal(encoder.predict(X), code)
        np.testing.assert_array_equal(encoder.jacobian(X), J)
        np.testing.assert_allclose(encoder.gradient(X, 1), J[:, 1], rtol=1e-12)
