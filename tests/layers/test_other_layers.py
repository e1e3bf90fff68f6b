"""Layers that scale, multiply, add noise or do what a function of the user's says."""

import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import layers
from fastmlp.layers import function

RNG = np.random.default_rng(3)
X = RNG.normal(size=(80, 5)).astype("float32")
T = X[:, :1] * X[:, 1:2]


@pytest.fixture
def names(monkeypatch):
    """Forgets afterwards what was registered."""
    monkeypatch.setattr(function, "_REGISTERED", {})


def squares(x):
    return g.concatenate(x, x * x)


def distance(a, b):
    return g.sqrt(g.sum((a - b[:, 1:6]) ** 2, axis=1))


def again(model, path):
    """Yield the model saved and loaded, copied, and pickled."""
    model.save(path / "m.safetensors")
    yield from (fm.load(path / "m.safetensors"), model.copy(), pickle.loads(pickle.dumps(model)))


def test_scale_is_a_factor_for_each_column_and_learns(tmp_path):
    model = fm.Sequential([fm.Scale(), fm.Dense(4, "tanh"), fm.Dense(1)], input_columns=5, seed=0)
    layer = model.layers[0]
    np.testing.assert_array_equal(layer.scale, np.ones(5))
    layer.scale = [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(model.activations(X)["scale_1"], X * layer.scale)
    model.fit(X, T, epochs=1, verbose=False, l2=100.0, optimizer=fm.SGD(1e-6))
    np.testing.assert_allclose(layer.scale, [1, 2, 3, 4, 5], rtol=1e-4)  # not penalised
    model.fit(X, T, epochs=5, verbose=False)
    assert np.abs(layer.scale - [1, 2, 3, 4, 5]).min() > 0
    for twin in again(model, tmp_path):
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
        assert twin.layers[0].config() == layer.config()


def test_scale_may_begin_elsewhere():
    model = fm.Sequential([fm.Scale(0.25), fm.Dense(1)], input_columns=5, seed=0)
    np.testing.assert_array_equal(model.layers[0].scale, np.full(5, 0.25))
    with pytest.raises(AttributeError, match="have been drawn, assign them"):
        model.layers[0].initializer = "zeros"


def test_multiply_is_the_product_of_its_inputs(tmp_path):
    x = fm.Input(5)
    gate, value = fm.Dense(3, "logistic")(x), fm.Dense(3)(x)
    model = fm.Model(x, fm.Dense(1)(fm.multiply([gate, value, value])), seed=0)
    h = model.activations(X)
    np.testing.assert_allclose(
        h["multiply_1"], h["dense_1"] * h["dense_2"] * h["dense_2"], rtol=1e-6
    )
    before = model.evaluate(X, T)["loss"]
    model.fit(X, T, epochs=20, verbose=False)
    assert model.evaluate(X, T)["loss"] < before
    for twin in again(model, tmp_path):
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="Multiply takes two inputs at least, all of the same"):
        fm.multiply([x, gate])
    with pytest.raises(ValueError, match="Multiply takes two inputs at least"):
        fm.multiply([x])


@pytest.mark.parametrize(("join", "function"), [(fm.maximum, np.maximum), (fm.minimum, np.minimum)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_largest_and_the_smallest_of_inputs_are_exact(tmp_path, join, function, dtype):
    x = fm.Input(5)
    h = [fm.Dense(3)(x), fm.Dense(3, "tanh")(x), fm.Dense(3)(x)]
    model = fm.Model(x, fm.Dense(1)(join(h, name="extreme")), seed=0, dtype=dtype)
    h = model.activations(X)
    expected = function(function(h["dense_1"], h["dense_2"]), h["dense_3"])
    np.testing.assert_array_equal(h["extreme"], expected)
    if dtype == "float64":
        loss = g.mean(model.graph**2)
        fm.check_gradients(loss, {model.network.input_nodes[0]: X})
    before = model.evaluate(X, T)["loss"]
    model.fit(X, T, epochs=20, verbose=False)
    assert model.evaluate(X, T)["loss"] < before
    for twin in again(model, tmp_path):
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    with pytest.raises(ValueError, match="takes two inputs at least, all of the same"):
        join([x, fm.Dense(3)(x)])


def test_noise_is_added_in_training_alone_and_is_normal():
    model = fm.Sequential([fm.GaussianNoise(0.5), fm.Dense(1)], input_columns=5, seed=0)
    np.testing.assert_array_equal(model.activations(X)["gaussiannoise_1"], X)
    x = model.network.input_nodes[0]
    _, by_layer = model.network.forward(training=True)
    zeros = np.zeros((40000, 5), "float32")
    drawn = g.run(by_layer["gaussiannoise_1"], {x: zeros}, seed=4)
    assert abs(drawn.mean()) < 0.005
    assert abs(drawn.std() - 0.5) < 0.005
    assert abs((drawn**3).mean()) < 0.01
    assert (drawn**4).mean() == pytest.approx(3 * 0.5**4, rel=0.03)
    assert np.abs(np.corrcoef(drawn, rowvar=False) - np.eye(5)).max() < 0.02
    other = g.run(by_layer["gaussiannoise_1"], {x: zeros}, seed=5)
    assert np.abs(drawn - other).max() > 0.1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_noise_is_that_of_the_reference(dtype):
    x = g.input(33)
    h = g.gaussian_noise(x, 0.7, key=5)
    values = RNG.normal(size=(50, 33))
    expected = g.reference.evaluate(h, {x: values}, seed=9)
    found = g.run(h, {x: values}, dtype=dtype, seed=9)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 if dtype == "float32" else 2e-15)


def test_noise_of_each_place_and_each_step_is_its_own():
    x = fm.Input(5)
    shared = fm.GaussianNoise(1.0)
    both = fm.concat([shared(x), fm.GaussianNoise(1.0)(x)])
    model = fm.Model(x, fm.Dense(1)(both), seed=0)
    _, by_layer = model.network.forward(training=True)
    zeros = np.zeros((3, 5))
    first, second = g.run(
        [by_layer["gaussiannoise_1"], by_layer["gaussiannoise_2"]],
        {model.network.input_nodes[0]: zeros},
    )
    assert np.abs(first - second).min() > 0
    trainer = model.trainer(optimizer=fm.SGD(1e-12), seed=1)
    losses = [trainer.step(X, T) for _ in range(3)]
    assert len(set(losses)) == 3


def test_noise_can_be_changed_and_is_saved(tmp_path):
    model = fm.Sequential([fm.GaussianNoise(0.5), fm.Dense(1)], input_columns=5, seed=0)
    model.layers[0].std = 0
    plain = fm.Sequential([fm.Dense(1)], input_columns=5, seed=0)
    plain.set_weights(model.get_weights())
    settings = {"epochs": 2, "verbose": False, "seed": 1}
    assert model.fit(X, T, **settings)["loss"] == plain.fit(X, T, **settings)["loss"]
    model.layers[0].std = 0.25
    for twin in again(model, tmp_path):
        assert twin.layers[0].std == 0.25
    with pytest.raises(ValueError, match="std must be"):
        fm.GaussianNoise(-1)
    with pytest.raises(ValueError, match="deviation must be"):
        g.gaussian_noise(g.input(2), -1.0, 0)


@pytest.mark.usefixtures("names")
def test_a_function_is_a_layer_and_has_a_gradient():
    model = fm.Sequential([fm.Lambda(squares, columns=10), fm.Dense(1)], input_columns=5, seed=0)
    np.testing.assert_allclose(
        model.activations(X)["lambda_1"], np.concatenate([X, X * X], axis=1), rtol=1e-6
    )
    before = model.evaluate(X, T)["loss"]
    model.fit(X, T, epochs=5, verbose=False)
    assert model.evaluate(X, T)["loss"] < before
    W = model.layers[1].weights
    np.testing.assert_allclose(
        model.gradient(X[:4]), W[:, :5] + 2 * X[:4] * W[:, 5:], rtol=1e-4, atol=1e-6
    )
    twin = model.copy()
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X))


@pytest.mark.usefixtures("names")
def test_a_function_of_several_inputs_takes_them_as_arguments():
    x, z = fm.Input(5), fm.Input(5)
    model = fm.Model([x, z], fm.Lambda(lambda a, b: a - b)([x, z]), seed=0)
    np.testing.assert_array_equal(model.predict([X, X]), np.zeros((80, 5)))


@pytest.mark.usefixtures("names")
def test_a_function_is_asked_how_many_columns_it_returns(tmp_path):
    layers.register("distance", distance)
    x, z = fm.Input(5), fm.Input(7)
    model = fm.Model([x, z], fm.Lambda("distance")([x, z]), seed=0)
    Z = np.random.default_rng(1).normal(size=(80, 7))
    expected = np.linalg.norm(X - Z[:, 1:6], axis=1, keepdims=True)
    for twin in again(model, tmp_path):
        np.testing.assert_allclose(twin.predict([X, Z]), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="do not broadcast"):
        fm.Lambda("distance")([fm.Input(4), fm.Input(7)])


@pytest.mark.usefixtures("names")
def test_a_function_is_saved_by_its_name(tmp_path):
    model = fm.Sequential([fm.Lambda(squares, columns=10), fm.Dense(1)], input_columns=5, seed=0)
    path = tmp_path / "m.safetensors"
    with pytest.raises(ValueError, match=r"cannot be saved: .* layers.register\(name, function\)"):
        model.save(path)
    assert layers.register("squares", squares) is squares
    layers.register("squares", squares)
    for twin in again(model, tmp_path):
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
        assert repr(twin.layers[0]).startswith("Lambda('squares', columns=10")
    function._REGISTERED.clear()
    with pytest.raises(ValueError, match="function must be"):
        fm.load(path)


@pytest.mark.usefixtures("names")
def test_another_function_takes_a_name_only_if_it_is_told_to():
    layers.register("f", squares)
    with pytest.raises(ValueError, match="'f' is taken by another function"):
        layers.register("f", g.exp)
    layers.register("f", g.exp, replace=True)
    assert fm.Lambda("f").function is g.exp


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: fm.Lambda("nothing"), ValueError, "function must be"),
        (lambda: fm.Lambda(3), TypeError, "function must be a function of nodes or the name"),
        (lambda: fm.Lambda(squares, columns=0), ValueError, "columns must be"),
        (lambda: layers.register("", squares), ValueError, "name must be a word"),
        (lambda: layers.register(3, squares), TypeError, "name must be a str"),
        (lambda: layers.register("x", 3), TypeError, "function must be a function of nodes"),
        (
            lambda: fm.Sequential([fm.Lambda(squares, 5), fm.Dense(1)], input_columns=5),
            ValueError,
            "promised the shape .* and returned",
        ),
        (
            lambda: fm.Sequential([fm.Lambda(g.mean), fm.Dense(1)], input_columns=5),
            ValueError,
            r"promised the shape \('batch', 1\) and returned \(1, 1\)",
        ),
        (
            lambda: fm.Sequential([fm.Lambda(lambda x: 3), fm.Dense(1)], input_columns=5),
            TypeError,
            "must return a graph node, not int",
        ),
        (
            lambda: fm.Sequential([fm.Lambda(len), fm.Dense(1)], input_columns=5),
            TypeError,
            r"Lambda\(len\) is called with graph nodes of its inputs, and fails: .*len\(\)",
        ),
    ],
)
def test_what_is_no_such_function_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()
