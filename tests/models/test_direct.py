"""Least squares, last layers and linear networks by linear algebra; layers no signal reaches."""

import re
import tracemalloc

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.models import direct


def regression(rows=23, inputs=5, outputs=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, inputs)) + 2.0
    t = X @ rng.normal(size=(inputs, outputs)) - 1.0 + 0.1 * rng.normal(size=(rows, outputs))
    return X, t


def test_least_squares_is_scikit_learns_linear_regression():
    X, t = regression()
    W, b = fm.least_squares(X, t)
    peer = LinearRegression().fit(X, t)
    np.testing.assert_allclose(W, peer.coef_, rtol=1e-10)
    np.testing.assert_allclose(b, peer.intercept_, rtol=1e-10)


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_penalty_of_lambda_is_ridge_with_rows_times_lambda(use_bias):
    X, t = regression()
    W, b = fm.least_squares(X, t, l2=0.3, use_bias=use_bias)
    peer = Ridge(alpha=0.3 * len(X), fit_intercept=use_bias).fit(X, t)
    np.testing.assert_allclose(W, peer.coef_, rtol=1e-9)
    np.testing.assert_allclose(b, np.broadcast_to(peer.intercept_, b.shape), rtol=1e-9, atol=1e-12)


def test_of_many_solutions_it_is_the_shortest():
    X, t = regression(rows=3, inputs=7)
    W, b = fm.least_squares(X, t)
    np.testing.assert_allclose(X @ W.T + b, t, atol=1e-10)
    null = np.linalg.svd(X - X.mean(axis=0))[2][2:]  # directions that no centred row has
    np.testing.assert_allclose(W @ null.T, 0, atol=1e-10)


@pytest.mark.parametrize("outputs", [3, 11])
@pytest.mark.parametrize("how", [{}, {"use_bias": False}, {"l2": 0.1}], ids=str)
def test_many_rows_have_the_solution_of_all_at_once(how, outputs):
    X, t = regression(rows=direct._BLOCK_ROWS * 2 + 5, inputs=7, outputs=outputs)
    X[:, 6] = X[:, 0] - 2 * X[:, 1]  # so that many solutions are equally good without l2
    W, b = fm.least_squares(X, t, **how)
    middle = X.mean(axis=0) if how.get("use_bias", True) else 0.0
    target = t - t.mean(axis=0) if how.get("use_bias", True) else t
    A, ridge = X - middle, np.sqrt(len(X) * how.get("l2", 0.0)) * np.eye(7)
    B = np.vstack([target, np.zeros((7, outputs))])
    expected = np.linalg.lstsq(np.vstack([A, ridge]), B, rcond=None)[0].T
    np.testing.assert_allclose(W, expected, rtol=1e-10)
    if how.get("use_bias", True):
        np.testing.assert_allclose(b, t.mean(axis=0) - W @ X.mean(axis=0), rtol=1e-10)


def test_many_rows_are_not_copied():
    X, t = regression(rows=100_000, inputs=20, outputs=1)
    fm.least_squares(X[:10], t[:10])  # what is loaded when first used
    tracemalloc.start()
    fm.least_squares(X, t)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < X.nbytes / 3


def test_images_of_bytes_are_taken_as_numbers():
    X = np.array([[0], [1], [255]], np.uint8)
    W, b = fm.least_squares(X, [1.0, 3.0, 511.0])
    np.testing.assert_allclose([W[0, 0], b[0]], [2.0, 1.0])


@pytest.mark.parametrize("l2", [0.0, 0.05])
def test_the_gradient_of_the_objective_is_zero_at_the_solved_layer(l2):
    X, t = regression()
    model = fm.MLP([5, 4, 3], activation="tanh", seed=0, dtype="float64")
    hidden = model.layers[0].weights.copy()
    J = model.solve_output_layer(X, t, l2=l2)
    np.testing.assert_array_equal(model.layers[0].weights, hidden)
    W, b = model.network.parameter_nodes[2:]
    target = g.input(3, "t")
    loss = fm.losses.mean_loss(fm.losses.get("squared_error")(model.graph, target))
    if l2:
        loss = loss + fm.losses.l2_penalty([W], l2)
    feeds = {model.network.input_nodes[0]: X, target: t}
    views = dict(zip(model.network.parameter_nodes, model.get_weights(), strict=True))
    feeds |= {node: value.reshape(node.shape) for node, value in views.items()}
    value, W_bar, b_bar = g.run([loss, *g.gradient(loss, [W, b])], feeds, dtype="float64")
    assert abs(W_bar).max() < 1e-12
    assert abs(b_bar).max() < 1e-12
    assert value.item() == pytest.approx(J, rel=1e-12)


def test_no_other_last_layer_is_better():
    X, t = regression()
    model = fm.MLP([5, 4, 3], activation="relu", seed=0, dtype="float64")
    J = model.solve_output_layer(X, t)
    solved = model.layers[1].weights.copy()
    rng = np.random.default_rng(1)
    for _ in range(10):
        model.layers[1].weights = solved + 0.01 * rng.normal(size=solved.shape)
        assert model.evaluate(X, t, loss="squared_error")["loss"] > J


def test_a_last_layer_may_read_skip_connections_or_an_input():
    X, t = regression()
    x = fm.Input(5)
    skipping = fm.Model(x, fm.Dense(3)(fm.concat([fm.Dense(4, "tanh")(x), x])), seed=0)
    linear = fm.MLP([5, 3], seed=0)
    assert skipping.solve_output_layer(X, t) < linear.solve_output_layer(X, t)
    W, b = fm.least_squares(X, t)
    np.testing.assert_allclose(linear.layers[0].weights, W, rtol=1e-5)
    np.testing.assert_allclose(linear.layers[0].biases, b, rtol=1e-5)


def test_a_last_layer_reads_the_right_one_of_two_inputs():
    X, t = regression()
    a, b = fm.Input(5, "a"), fm.Input(2, "b")
    noise = fm.Dense(5, weights_initializer="zeros")(b)
    model = fm.Model([a, b], fm.Dense(3)(fm.add([noise, a])), seed=0, dtype="float64")
    model.solve_output_layer({"a": X, "b": X[:, :2]}, t)
    np.testing.assert_allclose(model.layers[-1].weights, fm.least_squares(X, t)[0], rtol=1e-9)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (fm.MLP([5, 3], output="logistic"), "identity activation.*it is Dense logistic"),
        (fm.Sequential([fm.Dense(3), fm.Dropout(0.5)], input_columns=5), "it is Dropout"),
        (fm.Sequential([fm.Dense(3, trainable=False)], input_columns=5), "last layer is frozen"),
        (fm.Sequential([fm.Dense(3, l1=0.1)], input_columns=5), "last layer has l1=0.1: with it"),
        (fm.Sequential([fm.Dense(3, max_norm=2)], input_columns=5), "last layer has max_norm=2"),
    ],
)
def test_a_last_layer_that_is_not_linear_is_an_error(model, message):
    X, t = regression()
    before = model.get_weights()
    with pytest.raises(ValueError, match=message):
        model.solve_output_layer(X, t)
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_last_layer_with_an_l2_of_its_own_is_solved_with_that():
    X, t = regression()
    models = [
        fm.Sequential([fm.Dense(3, l2=l2)], input_columns=5, seed=0, dtype="float64")
        for l2 in (None, 0.3, 0.0)
    ]
    costs = [
        model.solve_output_layer(X, t, l2=l2)
        for model, l2 in zip(models, (0.3, 0.0, 0.7), strict=True)
    ]
    assert costs[0] == costs[1] > costs[2]
    np.testing.assert_array_equal(models[0].layers[0].weights, models[1].layers[0].weights)
    np.testing.assert_allclose(models[2].layers[0].weights, fm.least_squares(X, t)[0])


def test_a_shared_last_layer_is_an_error():
    x, shared = fm.Input(3), fm.Dense(3)
    with pytest.raises(ValueError, match="used 2 times"):
        fm.Model(x, shared(shared(x))).solve_output_layer(np.eye(3), np.eye(3))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[1.0]], [1.0, 2.0]), ValueError, "t must have as many rows as X"),
        (([[1.0]], [np.nan]), ValueError, "t must hold finite numbers"),
        (([[1.0]], 3.0), ValueError, re.escape("t must have shape (rows,) or (rows, columns)")),
        (([[1.0]], ["a"]), TypeError, "t must"),
    ],
)
def test_wrong_data_are_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        fm.least_squares(*arguments)


def test_a_negative_penalty_is_an_error():
    with pytest.raises(ValueError, match="l2"):
        fm.least_squares([[1.0]], [1.0], l2=-1.0)


def test_wrong_targets_leave_a_model_without_columns_unbuilt():
    model = fm.Sequential([fm.Dense(2)])
    with pytest.raises(ValueError, match="t"):
        model.solve_output_layer([[1.0]], [[1.0, 2.0], [3.0, 4.0]])
    assert model.layers[0].owner is None


@pytest.mark.parametrize("columns", [[3, 2], [4, 7, 1, 5], [5, 1, 1, 1, 2]])
def test_linear_layers_in_a_row_collapse_to_the_product_of_their_weights(columns):
    deep = fm.MLP(columns, activation="identity", seed=0, dtype="float64")
    rng = np.random.default_rng(0)
    deep.set_weights([rng.normal(size=w.shape) for w in deep.get_weights()])
    single = deep.collapse_linear()
    X = rng.normal(size=(11, columns[0])) * 100
    product = np.linalg.multi_dot([np.eye(columns[-1]), *(w.weights for w in deep.layers[::-1])])
    np.testing.assert_allclose(single.layers[0].weights, product, rtol=1e-12)
    np.testing.assert_allclose(single.predict(X), deep.predict(X), rtol=1e-10)
    assert len(single.layers) == 1


def test_dropout_shared_layers_and_missing_biases_collapse_too():
    x, shared = fm.Input(4), fm.Dense(4)
    h = fm.Dropout(0.5)(shared(fm.Activation("identity")(shared(x))))
    deep = fm.Model(x, fm.Dense(3, "softmax", use_bias=False)(h), seed=0, dtype="float64")
    deep.layers[0].biases = [1.0, 2.0, 3.0, 4.0]
    single = deep.collapse_linear()
    X = np.random.default_rng(0).normal(size=(5, 4))
    np.testing.assert_allclose(single.predict(X), deep.predict(X), rtol=1e-12)
    assert single.layers[0].activation.name == "softmax"


def test_what_is_not_linear_or_not_in_a_row_cannot_collapse():
    with pytest.raises(ValueError, match="'dense_1' has the activation relu"):
        fm.MLP([2, 3, 1]).collapse_linear()
    x = fm.Input(2)
    with pytest.raises(ValueError, match=r"'dense_2' takes its input from x|'add_1'"):
        fm.Model(x, fm.add([fm.Dense(2)(x), fm.Dense(2)(x)])).collapse_linear()


def test_a_layer_of_the_users_that_is_called_dense_is_not_taken_for_one_of_ours():
    class Dense(fm.Dense):
        def apply(self, nodes, parameters, *, training, key):
            return super().apply(nodes, parameters, training=training, key=key) ** 2

    model = fm.Sequential([Dense(1)], input_columns=1, seed=0)
    with pytest.raises(ValueError, match="the last layer must be a Dense layer"):
        model.solve_output_layer([[1.0], [2.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="not one of Dense layers in a row"):
        model.collapse_linear()


def test_training_below_a_hard_threshold_warns_and_changes_nothing_there():
    X, t = regression()
    model = fm.MLP([5, 4, 4, 3], activation="threshold", seed=0)
    before = model.get_weights()
    with pytest.warns(fm.NoSignalWarning, match="reaches dense_1, dense_2: "):
        model.fit(X, t, epochs=3)
    after = model.get_weights()
    for i in range(4):
        np.testing.assert_array_equal(before[i], after[i])
    assert (before[4] != after[4]).any()


def test_a_path_around_the_threshold_brings_the_signal():
    X, t = regression()
    x = fm.Input(5)
    h = fm.Dense(4, "logistic")(x)
    around = fm.concat([fm.Dense(4, "threshold")(h), h])
    with pytest.warns(fm.NoSignalWarning, match="reaches dense_2: "):
        fm.Model(x, fm.Dense(3)(around), seed=0).fit(X, t, epochs=1)


def test_a_threshold_on_the_features_silences_nothing():
    X, t = regression()
    layers = [fm.Activation("threshold"), fm.Dense(3)]
    fm.Sequential(layers, input_columns=5, seed=0).fit(X, t, epochs=1)  # warnings are errors here


def test_layers_of_groups_are_neither_solved_nor_collapsed():
    model = fm.Sequential([fm.Dense(2), fm.Dense(1, groups=2)], input_columns=3, seed=0)
    with pytest.raises(ValueError, match=r"must be one group of units, .* is 2"):
        model.solve_output_layer([[0.0, 1.0, 2.0]], [[1.0, 2.0]])
    groups = fm.Sequential([fm.Dense(2, groups=2), fm.Dense(1)], input_columns=4, seed=0)
    with pytest.raises(ValueError, match="is 2 groups: it cannot collapse"):
        groups.collapse_linear()
