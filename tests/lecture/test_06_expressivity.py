"""Item 6: what one unit cannot do, three can; what depth without activations does not add."""

import itertools

import numpy as np
import pytest
from pages import run
from scipy.optimize import linprog

import fastmlp as fm

CASES = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
XOR = np.array([0, 1, 1, 0])


@pytest.mark.parametrize(("case", "answer"), list(zip(CASES, XOR, strict=True)))
def test_three_hard_thresholds_compute_xor(case, answer):
    model = run("plot_06_expressivity")["xor"]
    h1, h2 = model.activations([case])["dense_1"][0]
    assert h1 == (case.sum() - 0.5 > 0) == (case[0] or case[1])
    assert h2 == (case.sum() - 1.5 > 0) == (case[0] and case[1])
    assert model.predict([case]).item() == (h1 - h2 - 0.5 > 0) == answer


def test_logistic_units_learn_xor():
    page = run("plot_06_expressivity")
    np.testing.assert_allclose(page["learned"].predict(CASES).ravel(), XOR, atol=0.01)


def test_no_linear_model_computes_xor_but_every_other_pair_of_functions():
    """w·x + b > 0 on one class and < 0 on the other is a linear program without a solution."""
    unsolvable = []
    for answers in itertools.product([0, 1], repeat=4):
        sign = 2 * np.array(answers) - 1
        design = np.column_stack([CASES, np.ones(4)])
        program = linprog(
            np.zeros(3), A_ub=-sign[:, None] * design, b_ub=-np.ones(4), bounds=(None, None)
        )
        if not program.success:
            unsolvable.append(answers)
    assert unsolvable == [(0, 1, 1, 0), (1, 0, 0, 1)]  # XOR and its negation, of 16


def test_the_best_linear_model_of_xor_answers_one_half():
    W, b = fm.least_squares(CASES, XOR)
    np.testing.assert_allclose(W, 0, atol=1e-12)
    assert b.item() == pytest.approx(0.5)
    np.testing.assert_allclose(run("plot_06_expressivity")["linear"].predict(CASES), 0.5, atol=1e-3)


def test_a_deep_linear_network_is_one_layer_on_any_input():
    page = run("plot_06_expressivity")
    deep, single = page["deep"], page["single"]
    W1, W2, W3 = (layer.weights for layer in deep.layers)
    np.testing.assert_allclose(single.layers[0].weights, W3 @ W2 @ W1, rtol=1e-12)
    X = np.random.default_rng(1).normal(size=(50, 5)) * 10.0 ** np.arange(-2, 3)
    np.testing.assert_allclose(single.predict(X), deep.predict(X), rtol=1e-9)


@pytest.mark.parametrize("steepness", [5, 50, 500])
def test_a_steep_logistic_is_a_threshold_away_from_zero(steepness):
    unit = fm.MLP([1, 1], output="logistic", dtype="float64")
    unit.set_weights([[[steepness]], [0.0]])
    z = np.linspace(0.05, 2, 40)[:, None]
    # |σ(cz) − [z > 0]| = 1/(1 + e^{c|z|}) ≤ e^{−c|z|}
    bound = np.exp(-steepness * z) + 1e-15
    assert (np.abs(unit.predict(z) - 1) <= bound).all()
    assert (np.abs(unit.predict(-z)) <= bound).all()


@pytest.mark.parametrize(("name", "order"), [("threshold", 1.0), ("relu", 2.0), ("logistic", 1.3)])
def test_the_error_falls_with_the_width(name, order):
    page = run("plot_06_expressivity")
    x, function = page["x"], page["function"]
    errors = [
        np.sqrt(np.mean((page["approximation"](name, H).predict(x) - function(x)) ** 2))
        for H in (16, 64)
    ]
    measured = np.log(errors[0] / errors[1]) / np.log(4)
    assert measured > order * 0.9
    assert errors[1] < 0.03
