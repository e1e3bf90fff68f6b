"""Training along given gradients: each parameter may descend on a loss of its own."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.optimizers import SGD, Adam
from fastmlp.planner import TrainingPlan, plan_training
from fastmlp.planner.parameters import Parameters


def game() -> tuple[g.Node, g.Node, g.Node, g.Node, g.Node]:
    """A player a who minimises mean(x)·a·b + a²/2 and a player b who minimises −mean(x)·a·b."""
    x = g.input(1, "x")
    a, b = g.parameter(1.0, "a"), g.parameter(0.5, "b")
    both = g.mean(x) * a * b
    return x, a, b, both + 0.5 * a**2, -both


def run(plan: TrainingPlan, x: g.Node, steps: int, update: SGD | Adam) -> np.ndarray:
    values = update.step_values(0, steps, update.rates(0, steps))
    result = plan.run_epochs(
        {x: np.full((2, 1), 2.0)},
        state=plan.new_state(),
        order=None,
        batch_size=2,
        epochs=steps,
        step_values=values,
        seed=0,
        first_step=0,
    )
    return result.scalars


def test_each_player_descends_on_a_loss_of_its_own_at_the_same_time():
    x, a, b, loss_a, loss_b = game()
    parameters = Parameters([a, b], "float64")
    gradients = {a: g.gradient(loss_a, a), b: g.gradient(loss_b, b)}
    plan = plan_training(loss_a, parameters, SGD(0.1), metrics=[loss_b], gradients=gradients)
    scalars = run(plan, x, 3, SGD(0.1))
    u, v, expected = 1.0, 0.5, []
    for _ in range(3):
        expected.append([2 * u * v + u**2 / 2, -2 * u * v])
        u, v = u - 0.1 * (2 * v + u), v + 0.1 * 2 * u
    np.testing.assert_allclose(scalars, expected, rtol=1e-14)
    np.testing.assert_allclose([parameters.view(a), parameters.view(b)], [[[u]], [[v]]], rtol=1e-14)


@pytest.mark.parametrize("update", [SGD(0.1), SGD(0.1, momentum=0.9), Adam(0.1)])
def test_a_parameter_left_out_stays_as_it_is(update: SGD | Adam):
    x, a, b, loss_a, _ = game()
    parameters = Parameters([a, b], "float64")
    plan = plan_training(loss_a, parameters, update, gradients={a: g.gradient(loss_a, a)})
    run(plan, x, 5, update)
    assert parameters.view(b).item() == 0.5
    assert parameters.view(a).item() != 1.0


def test_the_gradient_of_the_loss_is_the_default():
    x, a, b, loss_a, _ = game()
    results = []
    for gradients in (None, dict(zip([a, b], g.gradient(loss_a, [a, b]), strict=True))):
        plan = plan_training(loss_a, Parameters([a, b], "float64"), SGD(), gradients=gradients)
        results.append(plan.loss_and_gradient({x: np.full((3, 1), 2.0)}))
    assert results[0][0] == results[1][0]
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_inputs_that_only_a_gradient_needs_are_fed():
    x, a, b, loss_a, _ = game()
    z = g.input(1, "z")
    parameters = Parameters([a, b], "float64")
    plan = plan_training(loss_a, parameters, SGD(), gradients={b: g.mean(z)})
    _, flat = plan.loss_and_gradient({x: np.ones((2, 1)), z: np.array([[1.0], [4.0]])})
    assert parameters.view(b, flat).item() == 2.5
    assert parameters.view(a, flat).item() == 0.0
    with pytest.raises(ValueError, match="no value for input 'z'"):
        plan.loss_and_gradient({x: np.ones((2, 1))})


def test_gradients_that_do_not_fit_are_an_error():
    x, a, b, loss_a, _ = game()
    parameters = Parameters([a], "float64")
    with pytest.raises(ValueError, match="is not among the parameters"):
        plan_training(loss_a, parameters, SGD(), gradients={b: a})
    with pytest.raises(TypeError, match="expected graph nodes, got float"):
        plan_training(loss_a, parameters, SGD(), gradients={a: 1.0})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match=r"expected \(1, 1\) for"):
        plan_training(loss_a, parameters, SGD(), gradients={a: x})
