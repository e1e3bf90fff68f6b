"""Derivatives of a model's outputs by its inputs."""

import copy
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import activations
from fastmlp import graph as g
from fastmlp.graph.check import complex_step
from fastmlp.models import derivatives

RNG = np.random.default_rng(11)
EPS = {"float32": 2e-5, "float64": 1e-12}


def rows(count, columns=4, dtype="float32"):
    return np.random.default_rng(count).normal(size=(count, columns)).astype(dtype)


def by_complex_step(model, X):
    """The Jacobian of the present weights from the function itself."""
    y, inputs = model.graph, model.network.input_nodes
    given = [X] if len(inputs) == 1 else X
    feeds = {node: np.asarray(x, "f8") for node, x in zip(inputs, given, strict=True)}
    found = [
        np.stack([complex_step(y[:, k], feeds, x) for k in range(y.shape[1])], axis=1)
        for x in inputs
    ]
    return found if len(found) > 1 else found[0]


def two_inputs(dtype="float32"):
    a, b = fm.Input(3, "left"), fm.Input(2, "right")
    h = fm.concat([fm.Dense(5, "tanh")(a), b])
    return fm.Model([a, b], fm.Dense(3, "softmax")(h), seed=0, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("activation", sorted(set(activations.ACTIVATIONS) - {"softmax", "exp"}))
@pytest.mark.parametrize("output", ["identity", "softmax", "logistic"])
def test_the_jacobian_is_that_of_the_complex_step(activation, output, dtype):
    model, X = fm.MLP([4, 7, 5, 3], activation, output, seed=0, dtype=dtype), rows(6)
    expected = by_complex_step(model, X)
    for _ in range(2):  # compiled, and again
        for given in (X, X.astype("f8"), X.tolist()):
            J = model.jacobian(given)
            assert J.shape == (6, 3, 4)
            assert J.dtype == dtype
            np.testing.assert_allclose(J, expected, atol=EPS[dtype])
    for k in (0, 2, -1, np.int64(1)):
        for _ in range(2):
            bars = model.gradient(X.astype(dtype), k)
            np.testing.assert_allclose(bars, expected[:, k], atol=EPS[dtype])
            assert bars.dtype == dtype


def test_the_jacobian_is_that_of_differences_of_predictions():
    model, X = fm.MLP([4, 6, 3], "tanh", "softmax", seed=0, dtype="float64"), rows(5, dtype="f8")
    model.fit(X, [0, 1, 2, 0, 1], epochs=5, verbose=False)
    h = 1e-6
    differences = [
        (model.predict(X + h * e) - model.predict(X - h * e)) / (2 * h) for e in np.eye(4)
    ]
    np.testing.assert_allclose(model.jacobian(X), np.stack(differences, axis=2), atol=1e-9)


@pytest.mark.parametrize("rows_", [1, 2, 33, 500])
def test_weights_of_the_outputs_give_the_gradient_of_their_sum(rows_):
    model, X = fm.MLP([4, 7, 3], "tanh", seed=0, dtype="float64"), rows(rows_, dtype="f8")
    J = model.jacobian(X)
    v = RNG.normal(size=3)
    each = RNG.normal(size=(rows_, 3))
    for weights in (v, v[None], v.tolist()):
        np.testing.assert_allclose(model.gradient(X, weights), v @ J, atol=1e-13)
    np.testing.assert_allclose(
        model.gradient(X, each), np.einsum("rk,rki->ri", each, J), atol=1e-13
    )


def test_a_single_output_need_not_be_named():
    model, X = fm.MLP([4, 7, 1], seed=0), rows(5)
    for _ in range(2):
        bars = model.gradient(X)
        np.testing.assert_array_equal(bars, model.gradient(X, 0))
        np.testing.assert_array_equal(bars, model.jacobian(X)[:, 0])


@pytest.mark.parametrize(
    "change",
    [
        lambda model: model.fit(rows(9), rows(9, 3), epochs=3, verbose=False),
        lambda model: model.set_weights([w + 0.5 for w in model.get_weights()]),
        lambda model: model.layers[0].weights.fill(0.25),
        lambda model: setattr(model.layers[0], "activation", "softplus"),
    ],
    ids=["fit", "set_weights", "in place", "another activation"],
)
def test_derivatives_follow_the_model(change):
    model, X = fm.MLP([4, 7, 3], "tanh", seed=0), rows(5)
    v = [1.0, 2.0, 3.0]
    before = model.jacobian(X), model.gradient(X, 1), model.gradient(X, v)
    change(model)
    expected = by_complex_step(model, X)
    assert np.abs(before[0] - expected).max() > 1e-3
    for one in (model, model.copy(), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(one.jacobian(X), expected, atol=2e-5)
        np.testing.assert_allclose(one.gradient(X, 1), expected[:, 1], atol=2e-5)
        np.testing.assert_allclose(one.gradient(X, v), np.dot(v, expected), atol=1e-4)


def test_dropout_does_nothing():
    layers = [fm.Dense(6, "tanh"), fm.Dropout(0.5), fm.Dense(2)]
    model, X = fm.Sequential(layers, input_columns=4, seed=0), rows(5)
    np.testing.assert_allclose(model.jacobian(X), by_complex_step(model, X), atol=2e-5)


def test_an_unbuilt_model_is_built_as_by_predict():
    X = rows(3)
    for ask in (lambda m: m.jacobian(X), lambda m: m.gradient(X, 1)):
        model = fm.Sequential([fm.Dense(4, "tanh"), fm.Dense(2)], seed=0)
        other = fm.Sequential([fm.Dense(4, "tanh"), fm.Dense(2)], seed=0)
        first = ask(model)
        other.predict(X)
        np.testing.assert_array_equal(first, ask(other))


@pytest.mark.parametrize("activation", ["identity", "threshold"])
def test_a_model_that_is_linear_or_flat_has_a_constant_derivative(activation):
    model, X = fm.MLP([4, 3, 2], activation, seed=0), rows(7)
    W1, _, W2, _ = model.get_weights()
    expected = W2 @ W1 if activation == "identity" else np.zeros((2, 4))
    for _ in range(2):
        np.testing.assert_allclose(model.jacobian(X), [expected] * 7, atol=1e-6)
        np.testing.assert_allclose(model.gradient(X, 1), [expected[1]] * 7, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_inputs_come_back_as_they_are_given(dtype):
    model = two_inputs(dtype)
    X = [rows(5, 3), rows(5, 2)]
    expected = by_complex_step(model, X)
    J = model.jacobian(X)
    assert isinstance(J, list)
    named = dict(zip(("left", "right"), X, strict=True))
    by_name = model.jacobian(named)
    for i, name in enumerate(named):
        np.testing.assert_allclose(J[i], expected[i], atol=EPS[dtype])
        np.testing.assert_array_equal(by_name[name], J[i])
        np.testing.assert_allclose(model.gradient(X, 2)[i], J[i][:, 2], atol=EPS[dtype])
        np.testing.assert_array_equal(model.gradient(named, 2)[name], model.gradient(X, 2)[i])
    single = fm.MLP([4, 2], seed=0)
    np.testing.assert_array_equal(single.jacobian({"x": rows(2)})["x"], single.jacobian(rows(2)))


def test_sparse_rows_give_what_dense_ones_do():
    sparse = pytest.importorskip("scipy.sparse")
    model, X = fm.MLP([4, 7, 3], "tanh", seed=0), rows(9)
    X[np.abs(X) < 0.7] = 0
    for kind in (sparse.csr_array, sparse.csc_matrix):
        np.testing.assert_allclose(model.jacobian(kind(X)), model.jacobian(X), atol=1e-6)
        np.testing.assert_allclose(model.gradient(kind(X), 1), model.gradient(X, 1), atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 3, 5, 7, 11])
@pytest.mark.parametrize("numbers", [1, 40, 1 << 22])
def test_parts_of_rows_and_of_outputs_make_no_difference(outputs, numbers, monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    model, X = fm.MLP([4, 7, outputs], "tanh", "softmax", seed=0), rows(23)
    expected = by_complex_step(model, X)
    monkeypatch.setattr(derivatives, "BLOCK_NUMBERS", numbers)
    monkeypatch.setattr(derivatives, "PASSES", 5)
    out = np.empty((23, outputs, 4), "float32")
    for given in (X, X, X.astype("f8"), sparse.csr_array(X)):
        np.testing.assert_allclose(model.jacobian(given), expected, atol=1e-5)
        assert model.jacobian(given, out=out) is out
        np.testing.assert_allclose(out, expected, atol=1e-5)


def test_derivatives_are_written_where_they_are_wanted():
    model, X = fm.MLP([4, 7, 3], "tanh", seed=0), rows(5)
    for given in (X, X, X.astype("f8")):
        out = np.empty((5, 4), "float32")
        assert model.gradient(given, 2, out=out) is out
        np.testing.assert_array_equal(out, model.gradient(X, 2))
    model, X = two_inputs(), [rows(5, 3), rows(5, 2)]
    outs = [np.empty((5, 3, 3), "float32"), np.empty((5, 3, 2), "float32")]
    result = model.jacobian(X, out=outs)
    assert all(ours is theirs for ours, theirs in zip(result, outs, strict=True))
    np.testing.assert_array_equal(outs[1], model.jacobian(X)[1])
    by_name = dict(zip(("left", "right"), outs, strict=True))
    assert model.jacobian(dict(zip(by_name, X, strict=True)), out=by_name)["left"] is outs[0]


@pytest.mark.parametrize("activation", sorted(set(activations.ACTIVATIONS) - {"softmax"}))
def test_a_row_with_nan_has_no_derivative_and_no_other_row_differs(activation):
    X = rows(6)
    X[2, 1] = np.nan
    model = fm.MLP([4, 5, 2], activation, seed=0)
    expected = model.jacobian(np.nan_to_num(X))
    model = model.copy()
    for given in (X, X, X.astype("f8"), X.tolist()):
        for J in (model.jacobian(given), model.gradient(given, 1)[:, None]):
            np.testing.assert_array_equal(np.isnan(J).all(axis=(1, 2)), np.arange(6) == 2)
            np.testing.assert_allclose(
                np.delete(J, 2, 0)[:, -1], np.delete(expected, 2, 0)[:, 1], rtol=1e-5
            )


def test_the_same_bits_come_from_any_number_of_threads():
    model, X = fm.MLP([20, 64, 64, 3], "tanh", seed=0), rows(700, 20)
    before = fm.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 3):
            fm.set_num_threads(threads)
            found.append((model.jacobian(X), model.gradient(X, 1)))
    finally:
        fm.set_num_threads(before)
    for J, bars in found[1:]:
        np.testing.assert_array_equal(J, found[0][0])
        np.testing.assert_array_equal(bars, found[0][1])


X = rows(5)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({}, ValueError, "output must say which of the 3 outputs: a column, or 3 weights"),
        ({"output": 3}, ValueError, "output must be less than 3, got 3"),
        ({"output": -4}, ValueError, "output must be at least -3, got -4"),
        ({"output": True}, TypeError, "output must be an integer"),
        ({"output": "first"}, TypeError, "output must hold numbers, got text"),
        ({"output": [1.0, 2.0]}, ValueError, r"weights of shape \(3,\) or \(5, 3\), got shape"),
        ({"output": np.ones((4, 3))}, ValueError, r"got shape \(4, 3\)"),
        ({"output": 0.5}, ValueError, r"output must be a column, .* got shape \(\)"),
        ({"output": [1.0, np.nan, 0.0]}, ValueError, "output must hold finite numbers"),
        ({"output": 0, "X": X[0]}, ValueError, r"for one row use X.reshape\(1, -1\)"),
        ({"output": 0, "X": X[:, :3]}, ValueError, r"X must have shape \(rows, 4\)"),
        ({"output": 0, "out": np.empty((5, 3), "f4")}, ValueError, r"out must have shape \(5, 4\)"),
        ({"output": 0, "out": np.empty((5, 4))}, TypeError, "out must have dtype float32"),
        ({"output": 0, "out": []}, TypeError, "out must be a NumPy array"),
    ],
)
def test_a_wrong_argument_of_gradient_is_an_error(arguments, error, words, warm):
    model = fm.MLP([4, 7, 3], seed=0)
    if warm:
        model.gradient(X, 0)
    with pytest.raises(error, match=words):
        model.gradient(**{"X": X, **arguments})


@pytest.mark.parametrize("warm", [False, True])
def test_a_wrong_argument_of_jacobian_is_an_error(warm):
    model, other = fm.MLP([4, 7, 3], seed=0), two_inputs()
    if warm:
        model.jacobian(X)
    with pytest.raises(ValueError, match=r"X must have shape \(rows, 4\), got shape \(5, 2\)"):
        model.jacobian(X[:, :2])
    with pytest.raises(ValueError, match=r"out must have shape \(5, 3, 4\), got \(5, 12\)"):
        model.jacobian(X, out=np.empty((5, 12), "float32"))
    with pytest.raises(TypeError, match="out must be a list of 2 arrays, one for each input"):
        other.jacobian([rows(5, 3), rows(5, 2)], out=np.empty((5, 3, 3), "float32"))
    with pytest.raises(TypeError, match="out must be a dict of arrays with the keys"):
        model.jacobian({"x": X}, out=np.empty((5, 3, 4), "float32"))
    out = np.empty((5, 3, 4), "float32")
    with pytest.raises(ValueError, match=r"shares memory|must not overlap X"):
        model.jacobian(out.reshape(-1)[:20].reshape(5, 4), out=out)


def test_a_jacobian_goes_from_array_to_array_in_the_core_alone(monkeypatch):
    model, out = fm.MLP([4, 7, 3], "tanh", seed=0), np.empty((5, 3, 4), "float32")
    expected = model.jacobian(X)

    def checked_again(*arguments):
        raise AssertionError("not straight to the core")

    monkeypatch.setattr(derivatives.examples, "network_inputs", checked_again)
    assert model.jacobian(X, out=out) is out
    for J in (out, model.jacobian(X)):
        np.testing.assert_array_equal(J, expected)
    monkeypatch.undo()
    for shape, strange in (((4, 5, 3), np.transpose), ((5, 3, 8), lambda a: a[..., ::2])):
        with pytest.raises(ValueError, match="out must "):
            model.jacobian(X, out=strange(np.empty(shape, "float32")))
    with pytest.raises(TypeError, match="out must have dtype float32"):
        model.jacobian(X, out=out.astype("float64"))
    assert model.jacobian(X.astype("float64"), out=out) is out


def test_a_loss_of_the_graph_agrees():
    model, X = fm.MLP([4, 7, 3], "tanh", "softmax", seed=0, dtype="float64"), rows(5, dtype="f8")
    x = model.network.input_nodes[0]
    by_graph = g.run(g.gradient(g.sum(g.log(model.graph)), x), {x: X}, dtype="float64")
    np.testing.assert_allclose(model.gradient(X, 1 / model.predict(X)), by_graph, atol=1e-12)


def test_estimators_have_them_through_their_model():
    clf = fm.MLPClassifier((5,), max_iter=2, random_state=0)
    clf.partial_fit(rows(9), np.arange(9) % 3, classes=[0, 1, 2])
    J = clf.model_.jacobian(rows(4))
    np.testing.assert_allclose(J, by_complex_step(clf.model_, rows(4)), atol=2e-5)
