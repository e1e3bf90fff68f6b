"""Item 2: the activations, their derivatives, and the threshold that lets no signal through."""

import numpy as np
import pytest
from pages import run
from test_01_unit import FORMULAS

import fastmlp as fm
from fastmlp import graph as g

DERIVATIVES = {
    "identity": np.ones_like,
    "relu": lambda z: (z > 0) * 1.0,
    "softplus": lambda z: 1 / (1 + np.exp(-z)),
    "threshold": np.zeros_like,
    "logistic": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "tanh": lambda z: 1 / np.cosh(z) ** 2,
}


@pytest.mark.parametrize("name", FORMULAS)
def test_value_and_derivative_follow_their_formulas(name):
    points = np.array([[-30.0], [-2.5], [-1.0], [-1e-3], [1e-3], [0.7], [3.0], [30.0]])
    z = g.input(1, "z")
    h = fm.activations.get(name)(z)
    h_value, slope = g.run([h, *g.gradient(g.sum(h), [z])], {z: points}, dtype="float64")
    np.testing.assert_allclose(h_value, FORMULAS[name](points), rtol=1e-13, atol=1e-300)
    # 1 − h² and h(1 − h) round to 0 where h rounds to 1; e⁻³⁰ is 1e-13
    np.testing.assert_allclose(slope, DERIVATIVES[name](points), rtol=1e-12, atol=1e-12)


def test_tanh_is_a_stretched_logistic_and_softplus_its_integral():
    z = np.linspace(-5, 5, 101)
    np.testing.assert_allclose(FORMULAS["tanh"](z), 2 * FORMULAS["logistic"](2 * z) - 1, atol=1e-15)
    np.testing.assert_array_equal(DERIVATIVES["softplus"](z), FORMULAS["logistic"](z))


def test_below_a_hard_threshold_every_error_signal_is_zero():
    network = fm.MLP([2, 3, 1], activation="threshold", seed=0).network
    x, (W1, b1, W2, b2) = network.input_nodes[0], network.parameter_nodes
    y, _ = network.forward()
    wanted = g.gradient(g.sum(y), [W1, b1, W2, b2])
    W1_bar, b1_bar, W2_bar, b2_bar = g.run(wanted, {x: [[0.3, -1.0], [2.0, 1.0]]})
    assert not W1_bar.any()
    assert not b1_bar.any()
    assert W2_bar.any()
    assert b2_bar.any()


def test_the_page_warns_and_shows_which_weights_stay():
    page = run("plot_02_activations")
    assert [warning.category for warning in page["caught"]] == [fm.NoSignalWarning]
    moved = [
        np.abs(new - old).max()
        for old, new in zip(page["before"], page["model"].get_weights(), strict=True)
    ]
    assert moved[0] == moved[1] == 0 < min(moved[2:])
    soft, hard = (page[name].evaluate(page["X"], page["t"]) for name in ("soft", "model"))
    assert hard["accuracy"] < 0.7 < 0.95 < soft["accuracy"]
