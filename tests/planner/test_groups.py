"""Groups of parameters: trained, frozen, spared the decay, or told their value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import optimizer_formulas as formulas
from fastmlp import graph as g
from fastmlp.graph import Node, reference
from fastmlp.planner import plan_training
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.training_plans import TrainingPlan
from fastmlp.planner.treatments import Treatment
from optimizer_formulas import CASES

ROWS, BATCH, EPOCHS = 23, 5, 3


def network(width: int = 6) -> tuple[list[Node], Node, dict[str, Node]]:
    """Inputs, a loss, and parameters, one of which is a mean that the loss subtracts."""
    rng = np.random.default_rng(0)
    x, t = g.input(4, "x"), g.input(2, "t")
    named = {
        "W": g.parameter(rng.normal(size=(width, 4)), "W"),
        "b": g.parameter(rng.normal(size=width), "b"),
        "mean": g.parameter(rng.normal(size=width), "mean"),
        "V": g.parameter(rng.normal(size=(2, width)), "V"),
    }
    z = g.affine(x, named["W"], named["b"])
    y = g.matmul(g.tanh(z - named["mean"]), named["V"], transpose_b=True)
    named["new mean"] = 0.9 * named["mean"] + 0.1 * g.mean(z, axis=0)
    return [x, t], g.mean(g.sum((y - t) ** 2, axis=1)), named


def data() -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [rng.normal(size=(ROWS, 4)), rng.normal(size=(ROWS, 2))]


def trained(plan: TrainingPlan, how: Any, inputs: list[Node]) -> list[np.ndarray]:
    count = EPOCHS * -(-ROWS // BATCH)
    state = plan.new_state()
    plan.run_epochs(
        dict(zip(inputs, data(), strict=True)),
        state=state,
        order=None,
        batch_size=BATCH,
        epochs=EPOCHS,
        step_values=how.step_values(0, count, how.rates(0, count)),
        seed=0,
        first_step=0,
    )
    return state


@pytest.mark.parametrize("name", CASES)
def test_every_parameter_is_updated_by_the_rule_of_its_group(name: str):
    how = CASES[name]
    inputs, loss, named = network()
    W, b, mean, V = (named[key] for key in ("W", "b", "mean", "V"))
    parameters = Parameters([W, b, mean, V], "float64", {mean: "statistic", b: "bias"})
    plan = plan_training(
        loss, parameters, how, statistics={mean: named["new mean"]}, frozen=[V], undecayed=[b]
    )
    assert [group.rule for group in plan.groups] == [how.kernel, how.kernel, "assign"]
    trained(plan, how, inputs)

    values = {node: np.array(node.value) for node in (W, b, mean, V)}
    states: dict[Node, dict[str, Any]] = {W: {}, b: {}}
    outputs = [named["new mean"], *g.gradient(loss, [W, b])]
    batches = [slice(first, first + BATCH) for first in range(0, ROWS, BATCH)] * EPOCHS
    for number, batch in enumerate(batches):
        feeds = {node: array[batch] for node, array in zip(inputs, data(), strict=True)}
        new_mean, *bars = reference.evaluate(outputs, {**feeds, **values})
        for node, bar in zip((W, b), bars, strict=True):
            before = values[node]
            values[node] = formulas.step(how, number, before, bar, states[node])
            if node is b:
                rate = how.rates(number, 1)[0]
                values[node] += rate * how.weight_decay * before  # type: ignore[attr-defined]
        values[mean] = new_mean
    for node, expected in values.items():
        np.testing.assert_allclose(parameters.view(node), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(parameters.view(V), V.value)


def test_the_gradient_of_what_is_frozen_is_not_planned():
    inputs, loss, named = network()
    nodes = [named[key] for key in ("W", "b", "mean", "V")]
    roles = {named["mean"]: "statistic"}
    how = CASES["adam"]
    whole = plan_training(loss, Parameters(nodes, roles=roles), how)
    last = plan_training(loss, Parameters(nodes, roles=roles), how, frozen=nodes[:2])
    assert len(last.steps.steps) < len(whole.steps.steps)
    feeds = dict(zip(inputs, data(), strict=True))
    flat = whole.loss_and_gradient(feeds)[1]
    only = last.loss_and_gradient(feeds)[1]
    view = last.parameters.view
    np.testing.assert_array_equal(view(nodes[3], only), whole.parameters.view(nodes[3], flat))
    for node in nodes[:3]:
        assert not view(node, only).any()


def test_where_everything_is_frozen_nothing_changes_and_nothing_is_kept():
    inputs, loss, named = network()
    nodes = [named[key] for key in ("W", "b", "mean", "V")]
    parameters = Parameters(nodes)
    before = parameters.flat.copy()
    plan = plan_training(loss, parameters, CASES["adam"], frozen=nodes)
    assert plan.groups == []
    assert plan.new_state() == []
    result = plan.run_epochs(
        dict(zip(inputs, data(), strict=True)),
        state=[], order=None, batch_size=BATCH, epochs=1, step_values=np.zeros((5, 0)), seed=0,
        first_step=0,
    )  # fmt: skip
    assert result.steps_done == 5
    np.testing.assert_array_equal(parameters.flat, before)


def test_a_statistic_has_no_gradient_whatever_is_assigned_to_it():
    inputs, loss, named = network()
    nodes = [named[key] for key in ("W", "b", "mean", "V")]
    parameters = Parameters(nodes, roles={named["mean"]: "statistic"})
    new = {named["mean"]: named["new mean"]}
    plan = plan_training(loss, parameters, CASES["sgd"], statistics=new)
    flat = plan.loss_and_gradient(dict(zip(inputs, data(), strict=True)))[1]
    assert not parameters.view(named["mean"], flat).any()
    assert parameters.view(named["W"], flat).any()


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_groups_have_the_same_bits_on_any_number_of_threads(threads: int):
    import fastmlp as fm

    how, before, flats = CASES["adam with decay"], fm.get_num_threads(), []
    for count in (1, threads):
        fm.set_num_threads(count)
        try:
            inputs, loss, named = network(width=40_000)
            nodes = [named[key] for key in ("W", "b", "mean", "V")]
            parameters = Parameters(nodes, roles={named["mean"]: "statistic"})
            new = {named["mean"]: named["new mean"]}
            plan = plan_training(
                loss, parameters, how, statistics=new, frozen=nodes[3:], undecayed=nodes[1:2]
            )
            trained(plan, how, inputs)
        finally:
            fm.set_num_threads(before)
        flats.append(parameters.flat.tobytes())
    assert flats[0] == flats[1]


def test_neighbours_that_are_updated_alike_are_one_group():
    nodes = [g.parameter(np.zeros(n), f"p{n}") for n in (3, 17, 5, 4)]
    parameters = Parameters(nodes)
    adam, spared = Treatment("adam"), Treatment("adam", decays=False)
    whole = parameters.groups(dict.fromkeys(nodes, adam))
    assert whole == [(0, parameters.size, "adam", 0, True)]
    cut = parameters.groups({nodes[0]: adam, nodes[1]: adam, nodes[3]: spared})
    assert cut == [(0, 48, "adam", 0, True), (64, 80, "adam", 0, False)]


def test_what_a_plan_is_told_of_parameters_is_checked():
    _, loss, named = network()
    W, mean, new = named["W"], named["mean"], named["new mean"]
    parameters = Parameters([W, named["b"], mean, named["V"]], roles={mean: "statistic"})
    other, how = g.parameter(0.0, "other"), CASES["sgd"]
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"frozen": [other]}, ValueError, "frozen: .* is not among the parameters"),
        ({"undecayed": [other]}, ValueError, "undecayed: .* is not among the parameters"),
        ({"statistics": {other: new}}, ValueError, "statistics: .* is not among the parameters"),
        ({"statistics": {W: W}}, ValueError, "has the role 'weight', expected 'statistic'"),
        ({"statistics": {mean: W}}, ValueError, r"statistics: expected \(1, 6\)"),
        ({"statistics": {mean: 1}}, TypeError, "statistics: expected graph nodes, got int"),
    ]
    for arguments, error, words in wrong:
        with pytest.raises(error, match=words):
            plan_training(loss, parameters, how, **arguments)
