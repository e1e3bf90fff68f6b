"""PReLU: its values and derivatives are the formula's, and its slopes train and stay with it."""

import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g

X = np.random.default_rng(0).normal(size=(40, 4))
T = np.random.default_rng(1).normal(size=(40, 2))


def network(dtype="float64", **settings):
    layers = [fm.Dense(6, weights_initializer="he_uniform"), fm.PReLU(**settings), fm.Dense(2)]
    return fm.Sequential(layers, input_columns=4, seed=0, dtype=dtype)


def forward(model, x):
    first, prelu, last = model.layers
    z = x @ first.weights.T + first.biases
    h = np.where(z > 0, z, prelu.slopes * z)
    return z, h, h @ last.weights.T + last.biases


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shared", [False, True])
def test_its_values_are_those_of_the_formula(shared, dtype):
    model = network(dtype, shared=shared)
    model.layers[1].slopes = [0.7] if shared else [0.1, 0.2, 0.3, -0.5, 0.0, 1.5]
    np.testing.assert_allclose(model.predict(X), forward(model, X)[2], atol=1e-5)


@pytest.mark.parametrize("shared", [False, True])
def test_a_step_of_descent_is_that_of_the_formula(shared):
    model, rate = network(shared=shared), 0.1
    z, h, y = forward(model, X)
    first, prelu, last = model.layers
    y_bar = (y - T) / len(X)
    h_bar = y_bar @ last.weights
    slopes = h_bar * np.minimum(z, 0)
    expected = [
        prelu.slopes - rate * (slopes.sum(keepdims=True)[0] if shared else slopes.sum(axis=0)),
        first.weights - rate * (h_bar * np.where(z > 0, 1, prelu.slopes)).T @ X,
        last.weights - rate * y_bar.T @ h,
    ]
    model.fit(X, T, optimizer=fm.SGD(rate), epochs=1, batch_size=len(X), verbose=False)
    for found, array in zip((prelu.slopes, first.weights, last.weights), expected, strict=True):
        np.testing.assert_allclose(found, array, rtol=1e-12)


def test_its_messages_are_its_derivatives_to_the_second_order():
    z, a = g.input(3, "z"), g.parameter([[0.1, 0.25, -0.5]], "a")
    values = np.array([[-1.5, 0.3, -0.2], [0.7, -2.0, 1.0]])
    bar = g.constant([[0.3, -1.2, 0.7]])
    h = bar * g.prelu(z, a) ** 2
    g.check_gradients(g.sum(h), {z: values}, wrt=[z, a])
    for node in g.gradient(g.sum(h), [z, a]):
        g.check_gradients(g.sum(node * node), {z: values}, wrt=[z, a])


def test_its_slopes_begin_at_a_quarter_and_are_no_weights():
    model = network()
    np.testing.assert_array_equal(model.layers[1].slopes, np.full(6, 0.25))
    assert network(shared=True, slopes_initializer=0.1).layers[1].slopes.tolist() == [0.1]
    (spec,) = fm.PReLU().parameter_specs((6,))
    assert (spec.role, spec.shape) == ("scale", (1, 6))
    before = model.layers[1].slopes.copy()
    # At the targets it predicts only the penalty has a gradient, and that is of weights alone.
    targets = model.predict(X)
    model.fit(X, targets, l2=1.0, optimizer=fm.SGD(0.1), epochs=1, batch_size=40, verbose=False)
    np.testing.assert_allclose(model.layers[1].slopes, before, rtol=1e-12)
    assert abs(model.layers[0].weights).max() > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shared", [False, True])
def test_trained_slopes_come_back_from_files_copies_and_pickles(shared, dtype, tmp_path):
    model = network(dtype, shared=shared)
    model.fit(X, T, optimizer=fm.Adam(0.05), epochs=5, verbose=False)
    assert (model.layers[1].slopes != 0.25).all()
    model.save(tmp_path / "model.safetensors")
    expected = model.predict(X)
    for same in (
        fm.load(tmp_path / "model.safetensors"),
        model.copy(),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(same.layers[1].slopes, model.layers[1].slopes)
        np.testing.assert_array_equal(same.predict(X), expected)
        assert same.layers[1].shared is shared


def test_training_has_the_same_bits_on_any_number_of_threads():
    rng = np.random.default_rng(3)
    many, targets = rng.normal(size=(3000, 4)), rng.normal(size=(3000, 2))
    before, found = fm.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            fm.set_num_threads(threads)
            model = network("float32")
            model.fit(many, targets, epochs=2, batch_size=1000, verbose=False)
            found.append(np.concatenate([w.ravel() for w in model.get_weights()]))
    finally:
        fm.set_num_threads(before)
    np.testing.assert_array_equal(found[1], found[0])
    np.testing.assert_array_equal(found[2], found[0])


def test_frozen_it_keeps_its_slopes():
    model = network(trainable=False)
    model.fit(X, T, epochs=2, verbose=False)
    np.testing.assert_array_equal(model.layers[1].slopes, np.full(6, 0.25))


def test_it_says_what_it_is():
    assert repr(fm.PReLU()) == "PReLU()"
    assert repr(fm.PReLU(shared=True, name="steep")) == "PReLU(shared=True, name='steep')"
    assert "prelu_1  PReLU" in str(network().summary())


def assign(name, value):
    model = network()
    setattr(model.layers[1], name, value)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda: fm.PReLU(shared=1), TypeError, "shared must be"),
        (lambda: fm.PReLU(slopes_initializer="quarter"), ValueError, "slopes_initializer must be"),
        (lambda: fm.PReLU(slopes_initializer=np.nan), ValueError, "slopes_initializer"),
        (
            lambda: fm.Dense(3, fm.PReLU()),
            TypeError,
            r"activation: PReLU\(\) is a layer: put it after",
        ),
        (lambda: fm.Activation(fm.PReLU), TypeError, "is a layer: put it after"),
        (lambda: assign("shared", True), AttributeError, "make a new model"),
        (lambda: assign("slopes", [1.0, 2.0]), ValueError, "slopes of"),
        (lambda: assign("slope", 1.0), AttributeError, "cannot be assigned"),
    ],
)
def test_what_it_cannot_be_is_an_error(build, error, words):
    with pytest.raises(error, match=words):
        build()
