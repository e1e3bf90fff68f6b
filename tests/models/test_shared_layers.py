"""Models over the same layers: one home for their weights, each trained as if it were alone."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import planner
from fastmlp.layers import Layer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6))
Z = RNG.normal(size=(40, 2))
DTYPES = ["float32", "float64"]


class Autoencoder:
    """An autoencoder, its layers and the values between them."""

    def __init__(self, dtype="float64", **first):
        self.dtype = dtype
        self.x = fm.Input(6)
        self.layers = [fm.Dense(5, "tanh", **first), fm.Dense(2), fm.Dense(5, "tanh"), fm.Dense(6)]
        self.values = [self.x]
        for layer in self.layers:
            self.values.append(layer(self.values[-1]))
        self.model = fm.Model(self.x, self.values[-1], seed=0, dtype=dtype)

    def encoder(self):
        return fm.Model(self.x, self.values[2], dtype=self.dtype)

    def decoder(self):
        z = fm.Input(2)
        return fm.Model(z, self.layers[3](self.layers[2](z)), dtype=self.dtype)

    def classifier(self, seed=1):
        """The encoder and a layer of its own."""
        y = fm.Dense(3, "softmax")(self.values[2])
        return fm.Model(self.x, y, seed=seed, dtype=self.dtype)


def weights(model):
    return [w.copy() for w in model.get_weights()]


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def fit(model, epochs=3, **arguments):
    """A fit on rows that fit the model, the same each time."""
    n = model.network.input_columns[0]
    inputs = X if n == 6 else Z
    softmax = model.network.output_activation == "softmax"
    t = np.arange(40) % 3 if softmax else X[:, : model.network.output_columns]
    settings = {"seed": 3, "batch_size": 8, "verbose": 0} | arguments
    return model.fit(inputs, t, epochs=epochs, **settings)


# ------------------------------------------------------------------------------- the same weights


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_encoder_of_an_autoencoder_follows_it_and_the_other_way_round(dtype):
    a = Autoencoder(dtype)
    encoder = a.encoder()
    assert encoder.parameters is a.model.parameters
    for model in (a.model, encoder, a.model):
        before = encoder.predict(X)
        fit(model)
        code = encoder.predict(X)
        assert not np.array_equal(code, before)
        np.testing.assert_array_equal(code, a.model.activations(X)["dense_2"])
        np.testing.assert_array_equal(a.decoder().predict(code), a.model.predict(X))


def test_a_model_of_no_new_layers_leaves_the_vector_where_it_is():
    a = Autoencoder()
    flat, view = a.model.parameters.flat, a.layers[0].weights
    version = a.model.network.version
    encoder = a.encoder()
    assert encoder.parameters.flat is flat
    assert a.model.network.version == version
    fit(encoder)
    np.testing.assert_array_equal(view, a.layers[0].weights)


def test_a_new_layer_gets_its_place_behind_the_others():
    a = Autoencoder()
    a.model.predict(X)
    before, size = weights(a.model), a.model.parameters.size
    kept = a.model.parameters
    classifier = a.classifier()
    assert a.model.parameters is kept is classifier.parameters
    assert same(weights(a.model), before)
    assert kept.size > size
    np.testing.assert_array_equal(classifier.get_weights()[0], a.layers[0].weights)
    assert classifier.n_parameters == 6 * 5 + 5 + 5 * 2 + 2 + 2 * 3 + 3
    assert a.model.n_parameters == 6 * 5 + 5 + 2 * 5 + 2 + 5 * 2 + 5 + 5 * 6 + 6
    assert str(classifier.n_parameters) in str(classifier.summary()).splitlines()[-1]
    fit(classifier)
    np.testing.assert_array_equal(a.encoder().predict(X), a.model.activations(X)["dense_2"])
    a.layers[0].weights = np.ones((5, 6))
    assert classifier.get_weights()[0].min() == 1 == a.model.get_weights()[0].max()


def test_two_models_and_their_union_have_one_vector():
    first, last = fm.MLP([6, 4, 2], seed=0), fm.MLP([2, 4, 3], output="softmax", seed=1)
    fit(first)
    fit(last)
    first.predict(X)
    held, flat = last.parameters, last.parameters.flat
    expected = last.predict(first.predict(X))
    x = y = fm.Input(6)
    for layer in (*first.layers, *last.layers):
        y = layer(y)
    both = fm.Model(x, y)
    np.testing.assert_array_equal(both.predict(X), expected)
    assert first.parameters is last.parameters is both.parameters
    assert held.flat is both.parameters.flat is not flat  # who held the parameters has the new ones
    fit(both)
    np.testing.assert_array_equal(both.predict(X), last.predict(first.predict(X)))
    x = y = fm.Input(2)
    for layer in (last.layers[0], fm.Dense(1)):
        y = layer(y)
    third = fm.Model(x, y, seed=2)
    assert third.parameters is both.parameters
    expected = weights(third)
    fit(first)
    assert same(weights(third), expected)
    fit(last)
    np.testing.assert_array_equal(third.get_weights()[0], last.get_weights()[0])


def test_a_union_of_unions_reaches_all():
    chains = [fm.MLP([2, 2, 2], seed=i) for i in range(4)]
    x = fm.Input(2)

    def joined(*models):
        y = x
        for model in models:
            for layer in model.layers:
                y = layer(y)
        return fm.Model(x, y)

    held = [model.parameters for model in chains]
    left, right = joined(*chains[:2]), joined(*chains[2:])
    everything = joined(left, right)
    for model in (*chains, left, right):
        assert model.parameters is everything.parameters
        np.testing.assert_array_equal(everything.parameters.flat, model.parameters.flat)
    assert all(parameters.flat is everything.parameters.flat for parameters in held)
    fit(everything)
    y = Z
    for model in chains:
        y = model.predict(y)
    np.testing.assert_allclose(everything.predict(Z), y, rtol=1e-6)


def test_plans_of_the_user_follow_weights_that_move():
    a = Autoencoder()
    plan = planner.plan([a.model.graph], dtype="float64")
    (x,) = a.model.network.input_nodes
    plan.run({x: X})
    loss = fm.graph.mean(a.model.graph * a.model.graph)
    training = planner.plan_training(loss, a.model.parameters, fm.SGD())
    a.classifier()
    fit(a.model)
    np.testing.assert_array_equal(plan.run({x: X})[0], a.model.predict(X))
    with pytest.raises(ValueError, match=r"the parameters have moved since .*: plan again"):
        training.loss_and_gradient({x: X})
    training = planner.plan_training(loss, a.model.parameters, fm.SGD())
    J, _ = training.loss_and_gradient({x: X})
    np.testing.assert_allclose(J, (a.model.predict(X) ** 2).mean(), rtol=1e-12)


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


# ----------------------------------------------------------------------------- settings and names


def test_a_setting_reaches_all_models_of_its_layer():
    a = Autoencoder()
    classifier, encoder = a.classifier(), a.encoder()
    for model in (a.model, classifier, encoder):
        model.predict(X)
    a.layers[0].activation = "relu"
    h = np.maximum(X @ a.layers[0].weights.T + a.layers[0].biases, 0)
    code = h @ a.layers[1].weights.T + a.layers[1].biases
    np.testing.assert_allclose(encoder.predict(X), code, rtol=1e-12)
    np.testing.assert_allclose(a.model.activations(X)["dense_2"], code, rtol=1e-12)
    np.testing.assert_allclose(classifier.activations(X)["dense_2"], code, rtol=1e-12)
    with pytest.raises(AttributeError, match=r"units of Dense.* cannot change any more"):
        a.layers[0].units = 3


def test_a_setting_that_one_of_the_models_refuses_changes_none():
    x = fm.Input(4)
    layer = fm.Dense(3)
    plain = fm.Model(x, layer(x), seed=0)

    class Strict(Layer):
        def output_columns(self, input_columns):
            return input_columns[0]

        def apply(self, nodes, parameters, *, training, key):
            if nodes[0].op == "relu":
                raise ValueError("no relu below")
            return nodes[0] + 1.0

    strict = fm.Model(x, Strict()(layer(x)))
    before = [m.predict(X[:, :4]) for m in (plain, strict)]
    versions = [m.network.version for m in (plain, strict)]
    with pytest.raises(ValueError, match="no relu below"):
        layer.activation = "relu"
    assert layer.activation.name == "identity"
    assert [m.network.version for m in (plain, strict)] == versions
    for model, y in zip((plain, strict), before, strict=True):
        np.testing.assert_array_equal(model.predict(X[:, :4]), y)


def test_each_model_has_names_of_its_own():
    a = Autoencoder()
    decoder = a.decoder()
    assert [layer.name for layer in decoder.layers] == ["dense_3", "dense_4"]
    assert decoder.network.parameter_names[0] == "dense_1.weights"
    assert decoder.network.layer("dense_1") is a.layers[2]
    assert list(decoder.activations(Z)) == ["dense_1", "dense_2"]
    fit(decoder, optimizer=fm.Adam(groups={"dense_1": {"learning_rate": 1e-30}}))
    np.testing.assert_array_equal(a.layers[2].weights, Autoencoder().layers[2].weights)


def test_layers_without_parameters_are_shared_too():
    x = fm.Input(6)
    drop = fm.Dropout(0.5)
    one = fm.Model(x, fm.Dense(1)(drop(x)), seed=0)
    other = fm.Model(x, fm.Dense(1)(drop(x)), seed=1)
    assert one.parameters is not other.parameters
    versions = [m.network.version for m in (one, other)]
    drop.rate = 0.1
    assert [m.network.version for m in (one, other)] == [v + 1 for v in versions]


# ---------------------------------------------------------------------------- kinds, copies, files


def test_models_in_a_row_share_too():
    first = fm.MLP([6, 4, 2], seed=0)
    same_layers = fm.Sequential(first.layers, input_columns=6)
    longer = fm.Sequential([*first.layers, fm.Dense(3, "softmax")], seed=1)
    assert same_layers.parameters is first.parameters
    fit(first)
    np.testing.assert_array_equal(same_layers.predict(X), first.predict(X))
    fit_on = {"seed": 0, "epochs": 1, "verbose": 0}
    longer.fit(X, np.arange(40) % 3, **fit_on)  # which builds it
    assert longer.parameters is first.parameters
    np.testing.assert_array_equal(longer.activations(X)["dense_2"], first.predict(X))
    np.testing.assert_array_equal(same_layers.predict(X), first.predict(X))
    again = fm.Sequential([*first.layers, fm.Dense(2)])
    with pytest.raises(ValueError, match="has parameters of the shapes"):
        again.predict(Z)
    assert first.layers[0].owners == [m.network for m in (first, same_layers, longer)]
    again.predict(X)


@pytest.mark.parametrize("build", ["fit", "predict", "build"])
def test_a_model_that_is_built_late_shares_from_then_on(build):
    a = Autoencoder()
    late = fm.Sequential([*a.layers[:2], fm.Dense(6)], seed=0, dtype="float64")
    a.model.predict(X)
    expected = weights(a.model)
    if build == "fit":
        with pytest.raises(ValueError, match="X has 40, t has 39"):
            late.fit(X, X[:39])
        assert a.layers[0].owners == [a.model.network]
        late.fit(X, X, epochs=1, optimizer=fm.SGD(1e-9))
    else:
        late.predict(X) if build == "predict" else late.build(6)
    assert late.parameters is a.model.parameters
    for one, other in zip(weights(a.model), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    fit(late)
    np.testing.assert_array_equal(a.encoder().predict(X), late.activations(X)["dense_2"])


def test_layers_of_another_type_are_refused():
    a = Autoencoder("float64")
    with pytest.raises(ValueError, match="dtype must be float64, that of a model whose layers"):
        fm.Model(a.x, a.values[2])
    late = fm.Sequential(a.layers[:1])
    with pytest.raises(ValueError, match="dtype must be float64"):
        late.predict(X)
    assert a.layers[0].owners == [a.model.network]
    gc.collect()
    assert a.model.parameters.users == [a.model.network]


COPIES = {
    "copy": fm.Model.copy,
    "copy.copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_has_the_parameters_of_its_own_network_and_shares_nothing(how):
    a = Autoencoder()
    classifier = a.classifier()
    twin = COPIES[how](classifier)
    assert same(weights(twin), weights(classifier))
    assert twin.parameters.size < classifier.parameters.size
    before = weights(a.model)
    fit(twin)
    assert same(weights(a.model), before)
    fit(classifier)
    assert same(weights(twin), weights(classifier))


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_models_copied_together_share_nothing(how):
    a = Autoencoder()
    pair = a.model, a.encoder()
    one, other = COPIES[how](pair)
    assert not set(one.layers) & set(other.layers)
    np.testing.assert_array_equal(other.predict(X), pair[1].predict(X))
    np.testing.assert_array_equal(one.predict(X), pair[0].predict(X))
    before = weights(other)
    fit(one)
    assert same(weights(other), before)


def test_a_file_has_the_parameters_of_one_model(tmp_path):
    a = Autoencoder()
    classifier = a.classifier()
    fit(classifier)
    classifier.save(tmp_path / "classifier")
    loaded = fm.load(tmp_path / "classifier")
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))
    assert loaded.n_parameters == classifier.n_parameters
    assert loaded.parameters.size < classifier.parameters.size


def test_weights_are_set_and_taken_of_one_model():
    a = Autoencoder()
    classifier = a.classifier()
    taken = classifier.get_weights()
    assert len(taken) == 6
    rest = weights(a.model)[4:]
    classifier.set_weights([w + 1 for w in taken])
    assert same(weights(a.model)[:4], [w + 1 for w in taken[:4]])
    assert same(weights(a.model)[4:], rest)


def test_layers_of_an_estimator_are_shared_where_its_arrays_stay():
    estimator = fm.MLPRegressor(
        hidden_layer_sizes=(5, 2), max_iter=3, random_state=0, solver="adam"
    )
    with pytest.warns(UserWarning, match="Maximum iterations"):
        estimator.fit(X, X)
    layers, dtype = estimator.model_.layers, estimator.model_.dtype
    encoder = fm.Sequential(layers[:2], input_columns=6, dtype=dtype)
    np.testing.assert_array_equal(encoder.layers[0].weights.T, estimator.coefs_[0])
    encoder.fit(X, Z, epochs=1)
    np.testing.assert_array_equal(encoder.layers[0].weights.T, estimator.coefs_[0])
    h = estimator.model_.activations(X)["dense_2"]
    np.testing.assert_array_equal(encoder.predict(X), h)
    with pytest.raises(ValueError, match=r"they are of an estimator, whose coefs_.* model_.copy"):
        fm.Sequential([*layers[:2], fm.Dense(1)], input_columns=6, dtype=dtype)
    estimator.partial_fit(X, X)
    h = estimator.model_.activations(X)["dense_2"]
    np.testing.assert_array_equal(encoder.predict(X), h)


# ------------------------------------------------------------------------------ who lives how long


def test_models_do_not_keep_one_another_alive():
    a = Autoencoder()
    classifier = a.classifier()
    decoder = a.decoder()
    fit(a.model)
    fit(classifier)
    code = classifier.activations(X)["dense_2"]
    known = weakref.ref(a.model)
    gc.collect()
    gc.disable()
    try:
        del a.model
        assert known() is None
    finally:
        gc.enable()
    np.testing.assert_array_equal(classifier.activations(X)["dense_2"], code)
    fit(classifier)
    fit(decoder)
    assert a.layers[0].owners == [classifier.network]
    assert a.layers[0].name == "dense_1"
    assert a.layers[2].owners == [decoder.network]
    assert a.layers[2].name == "dense_1"
    a.layers[0].activation = "relu"
    classifier.predict(X)


def test_layers_keep_their_weights_when_their_models_are_gone():
    a = Autoencoder()
    fit(a.model)
    expected = a.model.activations(X)["dense_2"]
    del a.model
    gc.collect()
    np.testing.assert_array_equal(a.encoder().predict(X), expected)
    gc.collect()
    a.layers[0].units = 4  # as long as there is no model, which would need the weights
    x = fm.Input(6)
    other = fm.Model(x, a.layers[0](x), seed=0, dtype="float64")
    assert a.layers[0].weights.shape == (4, 6) == other.get_weights()[0].shape
    assert a.layers[1].weights.shape == (2, 5)


# -------------------------------------------------------------------------------------- whose turn


class Pause(fm.Callback):
    """Holds a fit in its first epoch until it is told to go on."""

    def __init__(self):
        self.there, self.go = threading.Event(), threading.Event()

    def on_epoch_end(self, model, epoch, logs):
        self.there.set()
        assert self.go.wait(60)


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
