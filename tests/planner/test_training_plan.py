"""Epochs in the core against the same epochs in NumPy, and losses that stop being numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import optimizer_formulas as formulas
from fastmlp import graph as g
from fastmlp.graph import Node
from fastmlp.optimizers import SGD, Adam, Update
from fastmlp.planner import plan_training
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.results import EpochsResult
from optimizer_formulas import CASES


def network() -> tuple[Node, Node, Node, Node, list[Node]]:
    rng = np.random.default_rng(0)
    x, t = g.input(4, "x"), g.input(2, "t")
    W, b = g.parameter(rng.normal(size=(6, 4)), "W"), g.parameter(rng.normal(size=6), "b")
    V, c = g.parameter(rng.normal(size=(2, 6)), "V"), g.parameter(rng.normal(size=2), "c")
    h = g.dropout(g.tanh(g.affine(x, W, b)), 0.25, key=3)
    y = g.affine(h, V, c)
    mistakes = g.mean(g.sum(g.abs(y - t), axis=1))
    loss = 0.5 * g.mean(g.sum((y - t) ** 2, axis=1)) + 0.01 * (g.sum(W**2) + g.sum(V**2))
    return x, t, loss, mistakes, [W, b, V, c]


def epochs_in_numpy(
    how: Update, X: np.ndarray, T: np.ndarray, order: np.ndarray, batch: int, first: int
) -> tuple[list[np.ndarray], np.ndarray]:
    x, t, loss, metric, nodes = network()
    outputs = [loss, metric, *g.gradient(loss, nodes)]
    weights = [v.value.copy() for v in nodes if v.value is not None]
    states: list[dict[str, Any]] = [{} for _ in nodes]
    scalars, step = np.zeros((len(order), 2)), first
    for epoch, rows in enumerate(order):
        for begin in range(0, len(rows), batch):
            taken = rows[begin : begin + batch]
            feeds = {x: X[taken], t: T[taken], **dict(zip(nodes, weights, strict=True))}
            values = g.reference.evaluate(outputs, feeds, seed=9, step=step)
            scalars[epoch] += [v.item() * len(taken) / len(rows) for v in values[:2]]
            each = zip(weights, values[2:], states, strict=True)
            weights = [formulas.step(how, step, w, bar, state) for w, bar, state in each]
            step += 1
    return weights, scalars


def run(
    how: Update, feeds: dict[str, np.ndarray], first: int = 0, dtype: str = "float64", **call: Any
) -> tuple[EpochsResult, Parameters, list[np.ndarray], list[np.ndarray]]:
    x, t, loss, metric, nodes = network()
    parameters = Parameters(nodes, dtype)
    training = plan_training(loss, parameters, how, metrics=[metric])
    state = training.new_state()
    count = call["epochs"] * -(-len(feeds["x"]) // call["batch_size"])
    values = how.step_values(first, count, how.rates(first, count))
    call = {"order": None, "step_values": values, "seed": 9, **call}
    named = {x: feeds["x"], t: feeds["t"]}
    result = training.run_epochs(named, state=state, first_step=first, **call)
    return result, parameters, state, [parameters.view(v) for v in nodes]


@pytest.mark.parametrize("rows", [1, 23, 24, 300])
@pytest.mark.parametrize("name", CASES)
def test_epochs_are_those_of_numpy(name: str, rows: int):
    rng = np.random.default_rng(rows)
    X, T = rng.normal(size=(rows, 4)), rng.normal(size=(rows, 2))
    shuffled = np.stack([rng.permutation(rows) for _ in range(3)])
    batch = 8 if rows < 100 else 140
    for order, first in ((shuffled, 0), (None, 5)):
        how = CASES[name]
        straight = np.tile(np.arange(rows), (3, 1))
        taken = straight if order is None else order
        weights, scalars = epochs_in_numpy(how, X, T, taken, batch, first)
        result, _, _, found = run(
            how, {"x": X, "t": T}, first, order=order, batch_size=batch, epochs=3
        )
        assert (result.epochs_done, result.non_finite) == (3, False)
        assert result.steps_done == 3 * -(-rows // batch)
        np.testing.assert_allclose(result.scalars, scalars, rtol=1e-10)
        for a, b in zip(found, weights, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 4, 7, 23, 400])
def test_an_epoch_counts_each_batch_by_its_weight(batch: int):
    rng = np.random.default_rng(batch)
    rows = 500 if batch == 400 else 23
    values, weights = rng.normal(size=rows), rng.uniform(size=rows) * (rng.random(rows) < 0.3)
    weights[:8] = 0  # whole batches that count for nothing
    L, w, b = g.input(1, "L"), g.input(1, "w"), g.parameter(0.0, "b")
    total = g.sum(w)
    loss, metric = (g.ratio(g.sum(w * each), total) for each in (L + 0.0 * b, g.exp(L)))
    parameters = Parameters([b], "float64")
    training = plan_training(loss, parameters, SGD(0.1), metrics=[metric], weight=total)
    steps = -(-rows // batch)
    result = training.run_epochs(
        {L: values, w: weights},
        state=[],
        order=None,
        batch_size=batch,
        epochs=1,
        step_values=np.zeros((steps, 2)),
        seed=0,
        first_step=0,
    )
    expected = [np.average(each, weights=weights) for each in (values, np.exp(values))]
    np.testing.assert_allclose(result.scalars, [expected], rtol=1e-12)


def test_the_weight_of_a_batch_is_one_number():
    w, b = g.input(1, "w"), g.parameter(0.0, "b")
    with pytest.raises(ValueError, match=r"weight: expected a node of shape \(1, 1\)"):
        plan_training(g.mean(w * b), Parameters([b]), SGD(0.1), weight=w)
    with pytest.raises(TypeError, match="weight: expected a graph node, got int"):
        plan_training(g.mean(w * b), Parameters([b]), SGD(0.1), weight=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CASES)
def test_one_call_of_many_epochs_is_many_calls_of_one(name: str):
    how, rng = CASES[name], np.random.default_rng(1)
    X, T = rng.normal(size=(50, 4)), rng.normal(size=(50, 2))
    whole = run(how, {"x": X, "t": T}, batch_size=16, epochs=6, dtype="float32")
    x, t, loss, metric, nodes = network()
    parameters = Parameters(nodes, "float32")
    training = plan_training(loss, parameters, how, metrics=[metric])
    state, scalars = training.new_state(), []
    for first in range(0, 24, 4):
        values = how.step_values(first, 4, how.rates(first, 4))
        call = {"order": None, "batch_size": 16, "epochs": 1, "seed": 9}
        result = training.run_epochs(
            {x: X, t: T}, state=state, first_step=first, step_values=values, **call
        )
        scalars.append(result.scalars)
    assert parameters.flat.tobytes() == whole[1].flat.tobytes()
    assert np.concatenate(scalars).tobytes() == whole[0].scalars.tobytes()
    assert [s.tobytes() for s in state] == [s.tobytes() for s in whole[2]]


def data(rows: int = 40) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(2)
    return {"x": rng.normal(size=(rows, 4)), "t": rng.normal(size=(rows, 2))}


def test_a_loss_that_is_nan_stops_before_the_weights_are_touched():
    feeds = data()
    feeds["t"][25, 0] = np.nan  # in the fourth batch of five
    result, parameters, *_ = run(SGD(0.01), feeds, batch_size=8, epochs=3)
    assert (result.epochs_done, result.steps_done, result.non_finite) == (0, 3, True)
    assert result.scalars.shape == (0, 2)
    good = {k: v[:24] for k, v in feeds.items()}
    expected = run(SGD(0.01), good, batch_size=8, epochs=1)[1]
    np.testing.assert_array_equal(parameters.flat, expected.flat)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["adam", "momentum", "sgd"])
@pytest.mark.parametrize("bad_step", [0, 4, 5, 9, 62, 64, 69])
def test_weights_that_overflow_are_given_back_as_they_were(name: str, dtype: str, bad_step: int):
    """At the last step of a batch, an epoch, a call or before a new backup alike."""
    how, feeds = CASES[name], data()
    values = how.step_values(0, 70, how.rates(0, 70))
    values[bad_step, 0] = np.inf
    call = {"batch_size": 8, "epochs": 14, "step_values": values}
    result, parameters, state, _ = run(how, feeds, dtype=dtype, **call)
    assert result.non_finite
    assert bad_step < result.steps_done <= bad_step + 1
    for vector in (parameters.flat, *state):
        assert np.isfinite(vector).all()
    start = Parameters(network()[4], dtype)
    if bad_step >= 64:  # a backup later than the beginning was there
        assert (parameters.flat != start.flat).any()


def test_weights_that_were_never_finite_are_left_alone():
    x, t, loss, _, nodes = network()
    parameters = Parameters(nodes)
    parameters.flat[0] = np.nan
    before = parameters.flat.copy()
    training = plan_training(loss, parameters, SGD())
    values = SGD().step_values(0, 1, np.ones(1))
    feeds = {x: data()["x"], t: data()["t"]}
    result = training.run_epochs(
        feeds,
        state=[],
        order=None,
        batch_size=40,
        epochs=1,
        step_values=values,
        seed=0,
        first_step=0,
    )
    assert result.non_finite
    np.testing.assert_array_equal(parameters.flat, before)


def test_no_epochs_change_nothing():
    result, parameters, *_ = run(Adam(), data(), batch_size=8, epochs=0)
    assert (result.epochs_done, result.steps_done, result.non_finite) == (0, 0, False)
    np.testing.assert_array_equal(parameters.flat, Parameters(network()[4], "float64").flat)


def test_a_batch_larger_than_the_data_is_all_of_it():
    a = run(Adam(), data(), batch_size=40, epochs=2)
    b = run(Adam(), data(), batch_size=2**62, epochs=2)
    np.testing.assert_array_equal(a[1].flat, b[1].flat)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"loss": g.input(1)}, ValueError, "loss: expected a node of shape"),
        ({"loss": 3.0}, TypeError, "loss: expected a graph node, got float"),
        ({"metrics": [g.input(2)]}, ValueError, "metrics: expected a node of shape"),
    ],
)
def test_losses_and_metrics_are_single_numbers(
    arguments: dict[str, Any], error: type[Exception], message: str
):
    loss, nodes = network()[2], network()[4]
    call = {"loss": loss, "metrics": [], **arguments}
    with pytest.raises(error, match=message):
        plan_training(call["loss"], Parameters(nodes), SGD(), metrics=call["metrics"])


def test_parameters_are_asked_for_by_name():
    with pytest.raises(TypeError, match=r"parameters must be Parameters, .* got list"):
        plan_training(network()[2], network()[4], SGD())


def test_what_the_loss_does_not_depend_on_is_not_fed():
    x, t, loss, _, nodes = network()
    training = plan_training(loss, Parameters(nodes), SGD())
    other = g.input(1, "other")
    feeds = {x: data()["x"], t: data()["t"], other: np.zeros((40, 1))}
    with pytest.raises(ValueError, match=r"does not depend on .*other"):
        training.loss_and_gradient(feeds)
