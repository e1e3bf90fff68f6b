"""Models: what they compute, hold, copy and print."""

import copy
import json
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import activations, planner
from fastmlp import graph as g
from fastmlp.graph import reference


def mlp(**arguments):
    return fm.MLP([4, 7, 3], activation="tanh", output="softmax", **{"seed": 0, **arguments})


def skip(**arguments):
    x = fm.Input(4)
    h = fm.Dense(7, "tanh")(x)
    return fm.Model(x, fm.Dense(3)(fm.concat([h, x])), **{"seed": 0, **arguments})


def dropout(**arguments):
    layers = [fm.Dense(5, "relu"), fm.Dropout(0.5), fm.Dense(2, "softmax")]
    return fm.Sequential(layers, input_columns=4, **{"seed": 0, **arguments})


MODELS = [mlp, skip, dropout]


def rows(count, columns=4, dtype="float32"):
    return np.random.default_rng(count).normal(size=(count, columns)).astype(dtype)


def by_the_reference(model, X):
    network = model.network
    feeds = {node: model.parameters.view(node) for node in network.parameter_nodes}
    return reference.evaluate([model.graph], {network.input_nodes[0]: X, **feeds})[0]


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize("count", [1, 2, 17, 65])
def test_predictions_are_those_of_the_reference(make, count):
    X = rows(count, dtype="float64")
    for dtype, tolerance in (("float32", 1e-5), ("float64", 1e-13)):
        model = make(dtype=dtype)
        y = model.predict(X.astype(dtype))
        assert y.dtype == dtype
        np.testing.assert_allclose(y, by_the_reference(model, X), rtol=tolerance, atol=tolerance)


def test_a_network_of_one_unit_computes_what_a_pencil_does():
    model = fm.MLP([2, 1], output="logistic", seed=0)
    model.set_weights([[[2.0, -1.0]], [0.5]])
    z = 2.0 * 1.0 - 1.0 * 3.0 + 0.5
    np.testing.assert_allclose(model.predict([[1.0, 3.0]]), [[1 / (1 + np.exp(-z))]], rtol=1e-6)


def test_hard_thresholds_compute_xor():
    model = fm.MLP([2, 2, 1], activation="threshold", output="threshold", seed=0)
    model.set_weights([[[1, 1], [1, 1]], [-0.5, -1.5], [[1, -1]], [-0.5]])
    y = model.predict([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert y.ravel().tolist() == [0, 1, 1, 0]


@pytest.mark.parametrize("make", MODELS)
def test_a_row_is_predicted_alike_alone_and_among_others(make):
    model, X = make(), rows(65)
    together = model.predict(X)
    for i in range(len(X)):
        np.testing.assert_array_equal(model.predict(X[i : i + 1]), together[i : i + 1])


@pytest.mark.parametrize("way", ["list", "float64", "fortran", "strided", "int8", "big-endian"])
def test_predictions_do_not_depend_on_how_the_numbers_lie(way):
    X = np.round(3 * rows(9))
    model = mlp()
    given = {
        "list": X.tolist(),
        "float64": X.astype("float64"),
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(np.repeat(X, 2, axis=0), 3, axis=1)[::2, ::3],
        "int8": X.astype("int8"),
        "big-endian": X.astype(">f4"),
    }[way]
    np.testing.assert_array_equal(model.predict(given), model.predict(X))


def test_predictions_are_written_where_they_are_wanted():
    model, X = mlp(), rows(5)
    expected = model.predict(X)
    for given in (X, X.astype("float64"), X[:1]):
        out = np.full((len(given), 3), np.nan, "float32")
        assert model.predict(given, out) is out
        np.testing.assert_array_equal(out, expected[: len(given)])
        out[:] = np.nan
        assert model.predict(given, out=out) is out
        np.testing.assert_array_equal(out, expected[: len(given)])


def test_an_evaluation_unpacks_into_its_numbers_and_is_a_dict_by_its_names():
    model, X, t = mlp(), rows(6), np.arange(6) % 3
    scores = model.evaluate(X, t)
    loss, accuracy = scores
    assert (loss, accuracy) == (scores["loss"], scores["accuracy"]) == (scores[0], scores[-1])
    plain = {"loss": loss, "accuracy": accuracy}
    assert scores == plain == dict(scores) == {**scores} == (scores | {})
    assert list(scores.keys()) == ["loss", "accuracy"]
    assert list(scores.items()) == [("loss", loss), ("accuracy", accuracy)]
    assert "loss" in scores
    assert loss not in scores
    assert repr(scores) == str(scores) == repr(plain)
    assert json.loads(json.dumps(scores)) == json.loads(json.dumps(scores, indent=1)) == plain
    for again in (copy.copy(scores), copy.deepcopy(scores), pickle.loads(pickle.dumps(scores, 0))):
        assert again == scores
        assert tuple(again) == (loss, accuracy)
    assert np.asarray(list(scores)).tolist() == [loss, accuracy] == list(reversed(scores))[::-1]


def test_an_evaluation_of_the_loss_alone_is_a_number_to_float():
    model, X = skip(), rows(6)
    scores = model.evaluate(X, rows(6, columns=3))
    (loss,) = scores
    assert float(scores) == loss > 0
    with pytest.raises(TypeError, match=r"there are 2 numbers, .'loss', 'accuracy'.: take one"):
        float(mlp().evaluate(X, np.arange(6) % 3))


def test_a_score_that_is_not_there_is_an_error_that_lists_those_that_are():
    scores = mlp().evaluate(rows(6), np.arange(6) % 3)
    with pytest.raises(KeyError, match=r"'auc' is not among .'loss', 'accuracy'."):
        scores["auc"]
    with pytest.raises(IndexError, match="there are 2 numbers"):
        scores[2]


def test_a_prediction_stays_as_it_is_when_the_next_one_is_made():
    model, X = mlp(), rows(5)
    first = model.predict(X)
    kept = first.copy()
    model.predict(-X)
    np.testing.assert_array_equal(first, kept)


def sparse_rows(X):
    return pytest.importorskip("scipy.sparse").csr_array(X)


def frame(X):
    return pytest.importorskip("pandas").DataFrame(X)


NAN_WAYS = {
    "float32": lambda X: X,
    "float64": lambda X: X.astype("float64"),
    "big-endian": lambda X: X.astype(">f8"),
    "long double": lambda X: X.astype(np.longdouble),
    "list": lambda X: X.tolist(),
    "columns apart": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "DataFrame": frame,
    "sparse": sparse_rows,
    "dict": lambda X: {"x": X},
}


@pytest.mark.parametrize("way", NAN_WAYS.values(), ids=NAN_WAYS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [5, 300])
def test_a_row_with_nan_has_nan_in_its_prediction_and_no_other_row_differs(way, dtype, width):
    X = rows(200)
    X[[3, 117], [1, 0]] = np.nan
    known = np.flatnonzero(~np.isnan(X).any(axis=1))
    finite = np.nan_to_num(X)
    for activation in set(activations.ACTIVATIONS) - {"softmax"}:
        model = fm.MLP([4, width, width, 3], activation, "softmax", seed=0, dtype=dtype)
        expected = fm.MLP([4, width, width, 3], activation, "softmax", seed=0, dtype=dtype)
        expected = expected.predict(finite)[known]
        for out in (None, np.zeros((200, 3), dtype), None):  # the first call, and later ones
            predicted = model.predict(way(X), out=out)
            assert np.isnan(predicted[[3, 117]]).all(), activation
            np.testing.assert_allclose(predicted[known], expected, rtol=1e-5)
        assert np.isnan(model.predict(way(X[3:4]))).all()


@pytest.mark.parametrize("output", sorted(activations.ACTIVATIONS))
def test_no_output_hides_nan(output):
    model = fm.MLP([4, 3], output=output, seed=0)
    for _ in range(2):
        assert np.isnan(model.predict(np.full((2, 4), np.nan, "float32"))).all()


def test_an_unbuilt_model_takes_nan_like_a_built_one_and_fit_and_evaluate_refuse_it():
    X = rows(6)
    X[2, 1] = np.nan
    model = fm.Sequential([fm.Dense(3, "threshold"), fm.Dense(2)], seed=0)
    np.testing.assert_array_equal(np.isnan(model.predict(X)).all(axis=1), np.arange(6) == 2)
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match="1 NaN among 24 values, the first in row 2, column 1"):
            call(X, np.zeros((6, 2)))


def test_what_is_infinite_in_the_type_of_the_model_shows_in_its_row_alone():
    X = rows(4, dtype="float64")
    expected = fm.MLP([4, 3], seed=0).predict(X)
    X[1] = 1e300
    predicted = fm.MLP([4, 3], seed=0).predict(X)
    assert not np.isfinite(predicted[1]).any()
    np.testing.assert_array_equal(predicted[[0, 2, 3]], expected[[0, 2, 3]])


def test_predictions_follow_the_weights():
    model, X = mlp(), rows(3)
    model.predict(X)
    model.layers[-1].weights[:] = 0
    model.layers[-1].biases[:] = 0
    np.testing.assert_allclose(model.predict(X), np.full((3, 3), 1 / 3), rtol=1e-6)
    model.layers[-1].biases = [0.0, 0.0, 1000.0]
    np.testing.assert_allclose(model.predict(X), [[0, 0, 1]] * 3, atol=1e-6)


def test_dropout_does_nothing_outside_of_training():
    model, X = dropout(), rows(31)
    np.testing.assert_array_equal(model.predict(X), model.predict(X))
    activations = model.activations(X)
    np.testing.assert_array_equal(activations["dropout_1"], activations["dense_1"])


@pytest.mark.parametrize("make", MODELS)
def test_the_activations_of_the_last_layer_are_the_predictions(make):
    model, X = make(), rows(9)
    activations = model.activations(X)
    assert list(activations) == [layer.name for layer in model.layers]
    np.testing.assert_array_equal(activations[model.layers[-1].name], model.predict(X))


def test_activations_are_planned_once_and_follow_weights_and_settings(monkeypatch):
    model, X, planned = dropout(), rows(9), []
    plan = planner.plan
    monkeypatch.setattr(
        planner, "plan", lambda *given, **how: planned.append(1) or plan(*given, **how)
    )
    for _ in range(3):
        model.activations(X)
    assert len(planned) == 1
    model.set_weights([0.5 * w for w in model.get_weights()])
    last = model.layers[-1]
    np.testing.assert_array_equal(model.activations(X)[last.name], model.predict(X))
    last.activation = "tanh" if last.activation.name != "tanh" else "relu"
    np.testing.assert_array_equal(model.activations(X)[last.name], model.predict(X))
    np.testing.assert_array_equal(model.copy().activations(X)[last.name], model.predict(X))


@pytest.mark.parametrize("count", [1, 7, 1023, 1024, 1025, 2500])
@pytest.mark.parametrize("weighted", [False, True])
def test_evaluation_is_the_mean_over_all_rows_however_many(count, weighted):
    model, X = mlp(dtype="float64"), rows(count, dtype="float64")
    t = np.arange(count) % 3
    weight = 1.0 + np.arange(count) % 5 if weighted else None
    y = model.predict(X)
    loss = np.average(-np.log(y[np.arange(count), t]), weights=weight)
    right = np.average(y.argmax(axis=1) == t, weights=weight)
    result = model.evaluate(X, t, sample_weight=weight)
    assert result == pytest.approx({"loss": loss, "accuracy": right}, rel=1e-10)


def test_evaluation_includes_the_penalty_on_weights_but_not_biases():
    model, X = mlp(dtype="float64"), rows(5)
    W1, _, W2, _ = model.get_weights()
    t = [0, 1, 2, 0, 1]
    plain = model.evaluate(X, t)["loss"]
    penalty = 0.1 * 0.5 * ((W1**2).sum() + (W2**2).sum())
    assert model.evaluate(X, t, l2=0.1)["loss"] == pytest.approx(plain + penalty, rel=1e-12)


def test_a_loss_that_has_averaged_already_sees_all_rows_at_once():
    model, X = skip(dtype="float64"), rows(2500)
    t = rows(2500, columns=3)
    root = model.evaluate(X, t, loss=lambda y, t: g.sqrt(g.mean((y - t) ** 2)))
    expected = np.sqrt(((model.predict(X) - t) ** 2).mean())
    assert root == pytest.approx({"loss": expected}, rel=1e-6)


def test_evaluation_takes_loss_and_metrics_of_the_last_fit():
    model, X = skip(), rows(6)
    t = np.arange(6) % 3
    model.fit(X, t, epochs=1, loss="hinge", metrics=["zero_one"], l2=0.5)
    assert list(model.evaluate(X, t).keys()) == ["loss", "zero_one"]
    assert model.evaluate(X, t) == model.evaluate(X, t, loss="hinge", metrics=["zero_one"], l2=0.5)
    assert list(model.evaluate(X, rows(6, columns=3), loss="squared_error").keys()) == ["loss"]
    assert list(model.evaluate(X, t, metrics=["accuracy"]).keys()) == ["loss", "accuracy"]


def test_weights_are_copied_out_and_in():
    model, other, X = mlp(seed=0), mlp(seed=1), rows(3)
    weights = model.get_weights()
    assert [w.shape for w in weights] == [(7, 4), (7,), (3, 7), (3,)]
    other.set_weights(weights)
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    weights[0][:] = 0
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


@pytest.mark.parametrize("make", MODELS)
@pytest.mark.parametrize(
    "twin_of",
    [fm.Model.copy, copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))],
    ids=["copy()", "copy.copy", "copy.deepcopy", "pickle"],
)
def test_a_copy_is_the_same_and_its_own(make, twin_of):
    model, X = make(), rows(7)
    t = np.arange(7) % 2
    model.metadata["classes"] = ["a", "b"]
    model.fit(X, t, loss="hinge", epochs=1)
    twin = twin_of(model)
    assert type(twin) is type(model)
    assert repr(twin) == repr(model)
    assert twin.metadata == model.metadata
    assert twin.evaluate(X, t) == model.evaluate(X, t)
    before = model.predict(X)
    np.testing.assert_array_equal(twin.predict(X), before)
    twin.metadata["classes"].append("c")
    twin.fit(X, t, loss="hinge", epochs=1)
    assert model.metadata == {"classes": ["a", "b"]}
    np.testing.assert_array_equal(model.predict(X), before)
    model.fit(X, t, loss="hinge", epochs=1, optimizer=fm.SGD(0.1))
    twin = twin_of(model)
    for each in (model, twin):
        each.fit(X, t, loss="hinge", epochs=1, optimizer=fm.Adam(0.001))
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))


def test_a_model_trained_with_a_loss_of_ones_own_can_be_pickled():
    model, X = mlp(), rows(6)
    model.fit(X, np.eye(3)[np.arange(6) % 3], loss=lambda y, t: g.abs(y - t), epochs=1)
    twin = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    assert list(twin.evaluate(X, np.arange(6) % 3).keys()) == ["loss", "accuracy"]


def test_a_sequential_model_is_built_by_the_first_data_it_sees():
    X = rows(6)
    t = np.arange(6) % 2
    actions = [
        lambda model: model.fit(X, t, epochs=1),
        lambda model: model.predict(X),
        lambda model: model.evaluate(X, t),
        lambda model: model.activations(X),
        lambda model: model.build(4),
    ]
    for action in actions:
        model = fm.Sequential([fm.Dense(5, "relu"), fm.Dense(2, "softmax")], seed=0)
        assert repr(model) == "<Sequential, not built yet, float32>"
        assert len(model.layers) == 2
        twins = [model.copy(), pickle.loads(pickle.dumps(model))]
        action(model)
        assert repr(model) == "<Sequential 4 → 5 relu → 2 softmax; 37 parameters, float32>"
        for twin in twins:
            action(twin)
            np.testing.assert_array_equal(twin.predict(X), model.predict(X))


def test_a_model_uses_the_very_layers_it_was_given():
    first, last = fm.Dense(5, "relu"), fm.Dense(2)
    model = fm.Sequential([fm.Input(4), first, last], seed=0)
    assert model.layers == [first, last]
    assert first.weights.shape == (5, 4)
    assert np.shares_memory(first.weights, model.parameters.flat)


def test_the_same_seed_gives_the_same_initial_weights():
    X = rows(3)
    np.testing.assert_array_equal(mlp(seed=5).predict(X), mlp(seed=5).predict(X))
    assert not np.array_equal(mlp(seed=5).predict(X), mlp(seed=6).predict(X))
    assert not np.array_equal(mlp(seed=None).predict(X), mlp(seed=None).predict(X))


def test_a_summary_has_a_line_for_each_layer_and_is_what_the_notebook_shows():
    model = skip()
    text = str(model.summary())
    lines = text.splitlines()
    assert len(lines) == 1 + 1 + len(model.layers) + 1
    for layer in model.layers:
        assert any(line.startswith(layer.name) for line in lines)
    assert lines[-1] == f"{model.n_parameters} parameters, float32"
    assert repr(model.summary()) == text
    assert sum(row.parameters for row in model.summary().rows) == model.n_parameters == 71


def test_a_model_says_in_a_line_what_it_is():
    assert repr(mlp()) == "<MLP 4 → 7 tanh → 3 softmax; 59 parameters, float32>"
    assert repr(skip(dtype="float64")) == "<Model 4 → 3 layers → 3; 71 parameters, float64>"
    assert "Dropout" in repr(dropout())


def test_the_graph_of_a_model_can_be_built_upon():
    model, X = mlp(dtype="float64"), rows(4, dtype="float64")
    x = model.network.input_nodes[0]
    parameters = {node: model.parameters.view(node) for node in model.network.parameter_nodes}
    (slope,) = g.gradient(g.sum(g.log(model.graph)), [x])
    (value,) = reference.evaluate([slope], {x: X, **parameters})
    h = 1e-6
    for column in range(4):
        nudge = h * (np.arange(4) == column)
        change = np.log(model.predict(X + nudge)) - np.log(model.predict(X - nudge))
        np.testing.assert_allclose(value[:, column], change.sum(axis=1) / (2 * h), rtol=1e-5)


def test_a_row_without_weight_counts_for_nothing_in_scores_even_where_its_loss_is_infinite():
    model = fm.MLP([2, 3, 1], seed=0)
    X, t = np.random.default_rng(0).normal(size=(5, 2)), np.arange(5.0)
    weight = [1, 2, 0, 1, 0]
    expected = model.evaluate(X[[0, 1, 3]], t[[0, 1, 3]], sample_weight=[1, 2, 1])
    X[2] *= 1e30  # whose square is too large for float32
    t[4] = 1e30
    found = model.evaluate(X, t, sample_weight=weight, metrics=["mae"])
    assert found["loss"] == pytest.approx(expected["loss"], rel=1e-6)
    assert np.isfinite(found["mae"])
