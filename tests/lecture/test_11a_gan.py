"""Item 11: two networks against each other, each descending on a loss of its own."""

from __future__ import annotations

import numpy as np
import pytest
from pages import run

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.planner import plan_training
from fastmlp.planner.parameters import Parameters


def small_game():
    """Return losses, weights and data of a game between two small smooth networks."""
    G = fm.MLP([2, 3, 2], activation="tanh", seed=0)
    D = fm.MLP([2, 4, 1], activation="tanh", seed=1)
    x, z = g.input(2, "x"), g.input(2, "z")
    fake, _ = G.network.forward(z)
    real_score, fake_score = D.network.forward(x)[0], D.network.forward(fake)[0]
    loss_D = g.mean(g.softplus(-real_score) + g.softplus(fake_score))
    slope = g.gradient(g.sum(real_score), x)
    loss_D = loss_D + 0.15 * g.mean(g.sum(slope**2, axis=1))
    loss_G = g.mean(g.softplus(-fake_score))
    rng = np.random.default_rng(0)
    data = {x: rng.normal(size=(6, 2)), z: rng.normal(size=(6, 2))}
    return loss_G, loss_D, G.network.parameter_nodes, D.network.parameter_nodes, data


def test_both_gradients_are_those_of_the_complex_step_the_slope_penalty_included():
    loss_G, loss_D, of_G, of_D, data = small_game()
    for loss, wrt in ((loss_G, of_G), (loss_D, of_D)):
        report = fm.check_gradients(loss, data, wrt=wrt)
        assert max(report.errors.values()) < 1e-12
        assert set(report.method.values()) == {"complex step"}


def test_the_core_computes_the_penalty_on_the_slope_by_its_formula():
    D = fm.MLP([2, 4, 1], activation="tanh", seed=1, dtype="float64")
    W1, b1, W2, _ = D.get_weights()
    x = D.network.input_nodes[0]
    slope = g.gradient(g.sum(D.graph), x)
    X = np.random.default_rng(0).normal(size=(5, 2))
    h = np.tanh(X @ W1.T + b1)
    expected = ((1 - h**2) * W2) @ W1  # ∂D/∂x = W⁽¹⁾ᵀ (φ′(z) ∘ w⁽²⁾)
    np.testing.assert_allclose(g.run(slope, {x: X}, dtype="float64"), expected, atol=1e-6)


def test_a_step_of_the_game_moves_each_player_down_its_own_loss():
    loss_G, loss_D, of_G, of_D, data = small_game()
    own = [(loss_G, of_G), (loss_D, of_D)]
    signals = {n: s for loss, of in own for n, s in zip(of, g.gradient(loss, of), strict=True)}
    parameters = Parameters(list(signals), "float64")
    rule = fm.SGD(0.1)
    game = plan_training(loss_G, parameters, rule, metrics=[loss_D], gradients=signals)
    result = game.run_epochs(
        data,
        state=game.new_state(),
        order=None,
        batch_size=6,
        epochs=1,
        step_values=rule.step_values(0, 1, rule.rates(0, 1)),
        seed=0,
        first_step=0,
    )
    before = g.reference.evaluate([loss_G, loss_D], data)
    np.testing.assert_allclose(result.scalars[0], np.ravel(before), rtol=1e-12)
    expected = g.reference.evaluate(list(signals.values()), data)
    for node, signal in zip(signals, expected, strict=True):
        np.testing.assert_allclose(
            parameters.view(node), node.value - 0.1 * signal, rtol=1e-10, atol=1e-13
        )


def test_the_generator_of_the_page_covers_the_whole_ring():
    page = run("plot_11a_gan")
    before, after = (page["shares"](page["stages"][k]) for k in (0, max(page["stages"])))
    assert before.min() == 0
    assert after.min() > 0.04
    assert after.sum() > 0.75
    assert page["curves"][-20:].mean(axis=0) == pytest.approx([np.log(2), 2 * np.log(2)], abs=0.15)
