"""Item 4: linear algebra and gradient descent find the same weights."""

import numpy as np
import pytest
from pages import run

import fastmlp as fm


@pytest.mark.parametrize("l2", [0.0, 0.1])
def test_gradient_descent_comes_to_the_direct_solution(l2):
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(31, 4)), rng.normal(size=(31, 2))
    W, b = fm.least_squares(X, t, l2=l2)
    model = fm.MLP([4, 2], seed=0, dtype="float64")
    model.fit(X, t, l2=l2, epochs=2000, batch_size=None, optimizer=fm.SGD(0.3))
    np.testing.assert_allclose(model.layers[0].weights, W, atol=1e-10)
    np.testing.assert_allclose(model.layers[0].biases, b, atol=1e-10)


def test_the_direct_solution_satisfies_the_normal_equations():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(31, 4)), rng.normal(size=31)
    W, b = fm.least_squares(X, t)
    design = np.column_stack([X, np.ones(31)])
    w = np.append(W[0], b)
    np.testing.assert_allclose(design.T @ design @ w, design.T @ t, atol=1e-12)


def test_gradient_descent_on_the_last_layer_alone_comes_to_its_direct_solution():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(40, 2)), rng.normal(size=40)
    network = fm.MLP([2, 5, 1], activation="tanh", seed=0, dtype="float64")
    features = network.activations(X)["dense_1"]
    last = fm.MLP([5, 1], seed=0, dtype="float64")
    last.fit(features, t, l2=0.01, epochs=6000, batch_size=None, optimizer=fm.SGD(0.3, 0.9))
    J = network.solve_output_layer(X, t, l2=0.01)
    np.testing.assert_allclose(network.layers[1].weights, last.layers[0].weights, atol=1e-9)
    assert last.evaluate(features, t)["loss"] == pytest.approx(J, rel=1e-12)


def test_the_page_finds_the_same_solution_twice_and_a_better_one_on_learned_features():
    page = run("plot_04_direct")
    path = np.array([[w.item(), b.item()] for w, b in page["path"]])
    goal = np.array([page["W"].item(), page["b"].item()])
    distance = np.linalg.norm(path - goal, axis=1)
    assert (np.diff(distance) < 0).all()  # every step comes nearer
    assert distance[-1] < 1e-4 * distance[0]
    assert page["J_learned"] < page["J_random"]
    assert page["apart"] < 1e-5
    assert min(page["history"]["loss"]) >= page["lowest"] * (1 - 1e-12)
