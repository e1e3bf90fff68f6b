"""The graph of a model computes with the model's present weights, whoever changed them."""

import copy
import gc
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import planner
from fastmlp.graph import reference

RNG = np.random.default_rng(3)
X = RNG.normal(size=(20, 4)).astype("float32")
LABELS = (X[:, 0] > 0).astype(int)


def fitted(dtype="float32", **arguments):
    model = fm.MLP([4, 8, 2], output="softmax", seed=0, dtype=dtype)
    model.fit(X, LABELS, epochs=5, seed=1, verbose=False, **arguments)
    return model


def by_hand(model, X):
    """The output in float64, from the weights as the layers show them."""
    h = np.maximum(0, X @ model.layers[0].weights.T.astype("f8") + model.layers[0].biases)
    z = np.exp(h @ model.layers[1].weights.T.astype("f8") + model.layers[1].biases)
    return z / z.sum(axis=1, keepdims=True)


def assert_present(model, graph=None):
    graph = model.graph if graph is None else graph
    (x,) = (node for node in g.topological_order(graph) if node.op == "input")
    expected = by_hand(model, X)
    for dtype, tolerance in (("float32", 1e-6), ("float64", 1e-13)):
        for computed in (
            g.run(graph, {x: X}, dtype=dtype),
            planner.plan([graph], dtype=dtype).run({x: X})[0],
            reference.evaluate(graph, {x: X}, dtype=dtype),
        ):
            np.testing.assert_allclose(computed, expected, atol=tolerance)
    np.testing.assert_allclose(g.trace(graph, {x: X}).forward[-1].value, expected, atol=1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "changed",
    [
        lambda model: model,
        lambda model: model.copy(),
        copy.deepcopy,
        lambda model: pickle.loads(pickle.dumps(model)),
        lambda model: model.set_weights([w + 1 for w in model.get_weights()]) or model,
        lambda model: model.layers[0].weights.fill(0.1) or model,
        lambda model: model.fit(X, LABELS, epochs=1, verbose=False) and model,
    ],
    ids=["fit", "copy", "deepcopy", "pickle", "set_weights", "in place", "second fit"],
)
def test_a_graph_reads_the_weights_of_its_model(changed, dtype):
    assert_present(changed(fitted(dtype)))


def test_a_loaded_model_has_a_graph_of_the_weights_in_the_file(tmp_path):
    fitted().save(tmp_path / "m.safetensors")
    assert_present(fm.load(tmp_path / "m.safetensors"))


def test_a_model_solved_by_linear_algebra_has_a_graph_of_the_solution():
    model = fm.MLP([4, 8, 2], seed=0)
    model.solve_output_layer(X, np.eye(2)[LABELS])
    x = model.network.input_nodes[0]
    np.testing.assert_allclose(g.run(model.graph, {x: X}), model.predict(X), atol=1e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_graph_of_an_estimator_reads_its_weights_through_every_kind_of_fit():
    for solver in ("adam", "sgd", "lbfgs"):
        clf = fm.MLPClassifier((5,), solver=solver, max_iter=3, random_state=0, warm_start=True)
        for _ in range(2):
            clf.fit(X, LABELS)
            for estimator in (clf, pickle.loads(pickle.dumps(clf))):
                x = estimator.model_.network.input_nodes[0]
                ours = g.run(estimator.model_.graph, {x: X})
                np.testing.assert_allclose(
                    ours[:, -1], estimator.predict_proba(X)[:, -1], atol=1e-6
                )


def test_plans_made_before_a_fit_follow_the_weights():
    model = fm.MLP([4, 8, 2], output="softmax", seed=0)
    x = model.network.input_nodes[0]
    plans = [planner.plan([model.graph], dtype=dtype) for dtype in ("float32", "float64")]
    single = [plan.predictor() for plan in plans]
    before = [plan.run({x: X})[0] for plan in plans]
    model.fit(X, LABELS, epochs=5, verbose=False)
    for plan, function, old in zip(plans, single, before, strict=True):
        new = plan.run({x: X})[0]
        assert np.abs(new - old).max() > 0.01
        np.testing.assert_allclose(new, by_hand(model, X), atol=1e-6)
        np.testing.assert_array_equal(function(X.astype(new.dtype), None), new)


def test_a_plan_over_two_models_follows_both():
    first, second = fm.MLP([4, 1], seed=0), fm.MLP([4, 1], seed=1, dtype="float64")
    x = first.network.input_nodes[0]
    own = g.parameter(2.0, "w")
    plan = planner.plan([first.graph + own * second.network.forward(x)[0]], dtype="float64")
    for value in (1.0, 3.0):
        first.layers[0].weights[...] = value
        second.layers[0].weights[...] = -value
        expected = first.predict(X) + 2.0 * second.predict(X)
        np.testing.assert_allclose(plan.run({x: X})[0], expected, rtol=1e-6)


def test_a_gradient_and_its_check_are_taken_at_the_present_weights():
    model = fitted("float64")
    x = model.network.input_nodes[0]
    L = g.sum(g.log(model.graph[:, 0]))
    x_bar = g.run(g.gradient(L, x), {x: X[:3]}, dtype="float64")
    h = 1e-6
    for column in range(4):
        step = h * np.eye(4)[column]
        sides = [np.log(by_hand(model, X[:3] + s)[:, 0]) for s in (step, -step)]
        np.testing.assert_allclose(x_bar[:, column], (sides[0] - sides[1]) / (2 * h), atol=1e-7)
    # The check compares with the function itself: where the weights are is seen in neither.
    assert max(g.check_gradients(L, {x: X[:3]}).errors.values()) < 1e-6


def test_nodes_of_the_middle_and_copied_nodes_keep_what_they_mean():
    model = fitted()
    _, by_layer = model.network.forward()
    x = model.network.input_nodes[0]
    hidden = by_layer["dense_1"]
    np.testing.assert_array_equal(g.run(hidden, {x: X}), model.activations(X)["dense_1"])
    twin = copy.deepcopy(model.graph)
    before = by_hand(model, X)
    model.layers[0].weights.fill(0.0)
    (x,) = (node for node in g.topological_order(twin) if node.op == "input")
    np.testing.assert_allclose(g.run(twin, {x: X}), before, atol=1e-6)


def test_a_picture_shows_the_present_weights():
    model = fm.MLP([1, 1], seed=0)
    model.set_weights([[[2.5]], [0.25]])
    assert "2.75" in str(g.draw(model.graph, feeds={model.network.input_nodes[0]: [[1.0]]}))


def test_a_graph_outlives_its_model():
    model = fitted()
    graph, expected = model.graph, model.predict(X)
    del model
    gc.collect()
    (x,) = (node for node in g.topological_order(graph) if node.op == "input")
    np.testing.assert_allclose(g.run(graph, {x: X}), expected, atol=1e-6)
    np.testing.assert_allclose(reference.evaluate(graph, {x: X}), expected, atol=1e-6)


def test_a_model_and_its_copy_have_nodes_of_their_own():
    model = fitted()
    twin = model.copy()
    assert not set(model.network.parameter_nodes) & set(twin.network.parameter_nodes)
    twin.layers[0].weights.fill(0.0)
    assert_present(model)
    assert_present(twin)


def test_a_vector_that_is_assigned_is_that_of_layers_graph_and_predictions():
    model, given = fm.MLP([3, 4, 2], activation="tanh", seed=0), fm.MLP([3, 4, 2], seed=1)
    trainer, flat = model.trainer(), model.parameters.flat
    rows, x = X[:5, :3], model.network.input_nodes[0]
    model.predict(rows)
    for vector in (given.parameters.flat.astype("f8"), given.parameters.flat.tolist()):
        model.parameters.flat = 0 * flat
        model.parameters.flat = vector
        assert model.parameters.flat is flat
        np.testing.assert_array_equal(model.layers[0].weights, given.layers[0].weights)
        np.testing.assert_allclose(g.run(model.graph, {x: rows}), model.predict(rows), rtol=1e-6)
    model.parameters.flat -= 0.5 * trainer.loss_and_gradient(rows, np.zeros((5, 2)))[1]
    assert model.parameters.flat is flat
    np.testing.assert_allclose(g.run(model.graph, {x: rows}), model.predict(rows), rtol=1e-6)
    before = flat.copy()
    for wrong in (flat[:-1], 0.0, flat.reshape(1, -1), "flat", flat + 1j):
        with pytest.raises((TypeError, ValueError), match="flat"):
            model.parameters.flat = wrong
    with pytest.raises(AttributeError, match="'nodes' of a Parameters cannot be assigned"):
        model.parameters.nodes = ()
    np.testing.assert_array_equal(flat, before)


def test_values_of_nodes_are_read_only_views():
    model = fitted()
    node = model.network.parameter_nodes[0]
    assert np.shares_memory(node.value, model.parameters.flat)
    with pytest.raises(ValueError, match="read-only"):
        node.value[...] = 0.0


@pytest.mark.parametrize("again", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_a_network_alone_keeps_its_weights_in_copies_and_pickles(again):
    network = fitted().network
    twin = again(network)
    for name, value in network.values().items():
        np.testing.assert_array_equal(twin.values()[name], value)
