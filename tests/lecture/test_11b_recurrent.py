"""Item 11: a recurrent network is its loop, and backpropagation through time its formulas."""

from __future__ import annotations

import numpy as np
import pytest
from pages import run

import fastmlp as fm
from fastmlp import graph as g

PAGE = "plot_11b_recurrent"


def network(units: int, steps: int) -> fm.Model:
    layer = run(PAGE)["Recurrent"](units)
    return fm.Sequential([layer], input_columns=steps, seed=0, dtype="float64")


def forward(weights, X):
    """Return states and predictions of a loop over the steps."""
    W, U, b, V, c = (np.atleast_2d(w) for w in weights)
    state, states, predictions = np.zeros((len(X), len(U))), [], []
    for x in X.T:
        state = np.tanh(np.outer(x, W) + state @ U.T + b)
        states.append(state)
        predictions.append(state @ V.T + c)
    return states, np.hstack(predictions)


@pytest.mark.parametrize(("units", "steps"), [(1, 1), (3, 2), (5, 7)])
def test_unrolled_it_computes_what_the_loop_computes(units, steps):
    model = network(units, steps)
    X = np.random.default_rng(0).normal(size=(4, steps))
    _, expected = forward(model.get_weights(), X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("units", "steps"), [(1, 1), (3, 2), (5, 7)])
def test_backpropagation_through_time_is_its_formulas_in_the_core(units, steps):
    model = network(units, steps)
    rng = np.random.default_rng(1)
    X, T = rng.normal(size=(4, steps)), rng.normal(size=(4, steps))
    weights = [np.atleast_2d(w) for w in model.get_weights()]
    _, U, _, V, _ = weights
    states, y = forward(weights, X)
    bars = [np.zeros_like(w) for w in weights]
    z_bar = np.zeros((4, units))
    for s in reversed(range(steps)):
        y_bar = y[:, s : s + 1] - T[:, s : s + 1]
        h_bar = y_bar @ V + z_bar @ U  # from the prediction, and from the next state
        z_bar = h_bar * (1 - states[s] ** 2)
        before = states[s - 1] if s else np.zeros_like(z_bar)
        terms = [z_bar.T @ X[:, s : s + 1], z_bar.T @ before, z_bar.sum(axis=0, keepdims=True)]
        terms += [y_bar.T @ states[s], y_bar.sum(axis=0, keepdims=True)]
        bars = [bar + np.reshape(term, bar.shape) for bar, term in zip(bars, terms, strict=True)]

    nodes = model.network.parameter_nodes
    x, t = model.network.input_nodes[0], g.input(steps, "t")
    loss = 0.5 * g.sum((model.graph - t) ** 2)
    known = dict(zip(nodes, weights, strict=True))
    found = g.run(g.gradient(loss, nodes), {x: X, t: T, **known}, dtype="float64")
    for node, actual, expected in zip(nodes, found, bars, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-12, err_msg=node.name)
    assert max(fm.check_gradients(loss, {x: X, t: T}, wrt=nodes).errors.values()) < 1e-12


def test_the_past_does_not_see_the_future_and_a_longer_sequence_takes_the_same_weights():
    short, long = network(4, 5), network(4, 9)
    long.set_weights(short.get_weights())
    X = np.random.default_rng(2).normal(size=(3, 9))
    seen = np.ascontiguousarray(X[:, :5])
    np.testing.assert_allclose(long.predict(X)[:, :5], short.predict(seen), rtol=1e-12)


def test_the_page_learns_the_wave_and_the_shared_gradient_is_the_sum_of_the_copies():
    page = run(PAGE)
    errors = page["errors"]
    assert errors[0] > 0.05
    assert errors[-1] < 1e-3
    made, wave = page["sequence"][:, 24:34], page["start"][:, 24:34]
    assert np.abs(made - wave).max() < 0.25
    np.testing.assert_allclose(page["shared"], np.sum(page["terms"], axis=0), rtol=1e-14)
