"""Item 1: a unit is φ(wᵀx + b), a layer φ(Wx + b), a network their composition or any DAG."""

import numpy as np
import pytest
from pages import run
from sklearn.linear_model import LogisticRegression

import fastmlp as fm

FORMULAS = {
    "identity": lambda z: z,
    "relu": lambda z: np.maximum(z, 0),
    "softplus": lambda z: np.log1p(np.exp(z)),
    "threshold": lambda z: (z > 0) * 1.0,
    "logistic": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_unit_is_the_activation_of_the_weighted_sum(name):
    rng = np.random.default_rng(0)
    w, b, X = rng.normal(size=7), rng.normal(), rng.normal(size=(5, 7))
    unit = fm.MLP([7, 1], output=name, dtype="float64")
    unit.set_weights([w[None, :], [b]])
    expected = [FORMULAS[name](w @ x + b) for x in X]
    np.testing.assert_allclose(unit.predict(X).ravel(), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_layer_is_a_unit_for_each_row_of_its_m_by_n_matrix(name):
    layer = fm.MLP([3, 5], output=name, seed=0, dtype="float64")
    W, b = layer.get_weights()
    assert W.shape == (5, 3)
    X = np.random.default_rng(1).normal(size=(4, 3))
    for row, y in zip(X, layer.predict(X), strict=True):
        np.testing.assert_allclose(y, FORMULAS[name](W @ row + b), rtol=1e-13, atol=1e-15)
        units = [FORMULAS[name](W[m] @ row + b[m]) for m in range(5)]
        np.testing.assert_allclose(y, units, rtol=1e-13, atol=1e-15)


def test_a_network_is_the_composition_of_its_layers():
    network = fm.MLP([3, 5, 1, 7, 2], activation="logistic", seed=0, dtype="float64")
    X = np.random.default_rng(1).normal(size=(4, 3))
    h = X
    for layer, width in zip(network.layers, [5, 1, 7, 2], strict=True):
        single = fm.MLP([h.shape[1], width], output=layer.activation, dtype="float64")
        single.set_weights([layer.weights, layer.biases])
        h = single.predict(h)
    np.testing.assert_allclose(network.predict(X), h, rtol=1e-13)


def test_a_skip_connection_lets_the_output_see_the_input():
    x = fm.Input(2)
    h = fm.Dense(3, "tanh")(x)
    model = fm.Model(x, fm.Dense(1)(fm.concat([h, x])), seed=0, dtype="float64")
    W1, b1, W2, b2 = model.get_weights()
    X = np.random.default_rng(1).normal(size=(5, 2))
    expected = np.tanh(X @ W1.T + b1) @ W2[:, :3].T + X @ W2[:, 3:].T + b2
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-13)


def test_the_logistic_unit_trained_is_scikit_learns_logistic_regression():
    page = run("plot_01_unit")
    X, t = page["X"], page["t"]
    unit = fm.MLP([2, 1], output="logistic", seed=0, dtype="float64")
    unit.fit(X, t, l2=1e-2, epochs=3000, batch_size=None, optimizer=fm.SGD(0.5, momentum=0.9))
    peer = LogisticRegression(C=1 / (1e-2 * len(X)), tol=1e-12).fit(X, t)
    np.testing.assert_allclose(unit.layers[0].weights, peer.coef_, rtol=1e-6)
    np.testing.assert_allclose(unit.layers[0].biases, peer.intercept_, rtol=1e-5, atol=1e-7)
    assert page["by_hand"] == pytest.approx(1 / (1 + np.exp(0.5)))
