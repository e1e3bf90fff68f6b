"""Sparse rows fed to the core: the same numbers as dense ones, and errors instead of crashes."""

import itertools

import numpy as np
import pytest
import scipy.sparse

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import planner
from fastmlp.data.sparse import CompressedRows
from fastmlp.optimizers import SGD
from fastmlp.planner.parameters import Parameters

DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]


def some_matrix(rows, columns, dtype="f8", seed=0):
    rng = np.random.default_rng(seed)
    dense = rng.integers(0, 5, (rows, columns)) * (rng.random((rows, columns)) < 0.3)
    return dense.astype(dtype)


def doubled(columns):
    x = g.input(columns, "x")
    return x, 2.0 * x


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("shape", [(1, 1), (3, 7), (17, 5)])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_sparse_rows_are_what_they_are_when_dense(dtype, index, shape, precision):
    dense = some_matrix(*shape, dtype)
    if dtype == "f2":  # SciPy has no sparse half precision
        rows = CompressedRows(
            dense.ravel(),
            np.tile(np.arange(shape[1]), shape[0]).astype(index),
            (np.arange(shape[0] + 1) * shape[1]).astype(index),
            shape,
        )
    else:
        matrix = scipy.sparse.csr_array(dense)
        rows = CompressedRows(
            matrix.data, matrix.indices.astype(index), matrix.indptr.astype(index), shape
        )
    x, y = doubled(shape[1])
    (found,) = planner.plan([y], dtype=precision).run({x: rows})
    np.testing.assert_array_equal(found, 2.0 * dense.astype(precision))


def test_elements_of_one_place_are_added_up():
    rows = CompressedRows(
        np.array([1.0, 2.0, 4.0]), np.array([1, 1, 0]), np.array([0, 2, 3]), (2, 2)
    )
    x, y = doubled(2)
    (found,) = planner.plan([y], dtype="float64").run({x: rows})
    np.testing.assert_array_equal(found, [[0.0, 6.0], [8.0, 0.0]])


def one_layer(x, units):
    """The gradient of one unit is a row: z̄ᵀ x, not xᵀ z̄."""
    W = g.parameter(np.full((units, x.shape[1]), 0.1), "W")
    b = g.parameter(np.zeros((1, units)), "b")
    return g.affine(x, W, b), [W, b]


def mlp(x, units):
    h, first = one_layer(x, units)
    V, c = g.parameter(np.full((2, units), 0.2), "V"), g.parameter(np.zeros((1, 2)), "c")
    return g.affine(g.tanh(h), V, c), [*first, V, c]


def two_layers_side_by_side(x, units):
    h, first = one_layer(x, units)
    k, second = one_layer(x, units + 3)
    return g.concatenate([g.relu(h), k]), [*first, *second]


def scaled(x, units):
    """The factor h is applied to x U within the product."""
    h, first = one_layer(x, units)
    U = g.parameter(np.full((x.shape[1], units), 0.3), "U")
    h = g.tanh(h)
    return h * (1 - h**2) + g.matmul(x, U) * (1 - h**2), [*first, U]


def with_shortcut(x, units):
    """x is more than a factor: its rows become dense."""
    h, first = one_layer(x, units)
    return g.concatenate([g.tanh(h), x]), first


def squared(x, units):
    """x is both factors of a product."""
    S = g.matmul(x, x, transpose_a=True)
    W = g.parameter(np.full((units, x.shape[1]), 0.1), "W")
    return g.matmul(g.matmul(x, S), W, transpose_b=True), [W]


BUILDERS = [one_layer, mlp, two_layers_side_by_side, scaled, with_shortcut, squared]


def trained(build, columns, units, X, *, order, batch_size, dtype, l2=0.0):
    """The parameters after three epochs, and the output, its loss and gradient for all rows."""
    x, t = g.input(columns, "x"), g.input(1, "t")
    y, nodes = build(x, units)
    J = g.mean((y - t) ** 2)
    if l2:
        J = J + l2 * g.sum(nodes[0] ** 2)
    parameters = Parameters(nodes, dtype)
    plan = planner.plan_training(J, parameters, SGD())
    rows = X.shape[0]
    feeds = {x: X, t: np.random.default_rng(1).random((rows, 1))}
    steps = 3 * -(-rows // batch_size)
    plan.run_epochs(
        feeds,
        state=[],
        order=order,
        batch_size=batch_size,
        epochs=3,
        step_values=SGD().step_values(0, steps, np.full(steps, 0.01)),
        seed=0,
        first_step=0,
    )
    loss, gradient = plan.loss_and_gradient(feeds)
    (output,) = planner.plan([y], parameters=parameters).run({x: X})
    return parameters.flat, np.array(loss), gradient, output


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("l2", [0.0, 0.1])
@pytest.mark.parametrize("build", BUILDERS)
def test_training_on_sparse_rows_has_the_bits_of_training_on_dense_ones(build, l2, dtype):
    sizes = [(53, 11, 5), (1, 1, 1), (300, 40, 1), (64, 1, 3), (200, 300, 7)]
    for (rows, columns, units), ordered, batch in itertools.product(sizes, (False, True), (7, 500)):
        dense = some_matrix(rows, columns, dtype)
        dense[::5] = 0.0  # rows with no element
        order = None
        if ordered:  # with rows that come again and rows that never do
            order = np.random.default_rng(0).integers(0, rows, (3, rows))
        kinds = dense, CompressedRows.of(scipy.sparse.csr_array(dense))
        found = [
            trained(build, columns, units, X, order=order, batch_size=batch, dtype=dtype, l2=l2)
            for X in kinds
        ]
        for expected, sparse in zip(*found, strict=True):
            np.testing.assert_array_equal(sparse, expected)


def test_a_batch_with_no_element_at_all_is_trained_on():
    X = CompressedRows.of(scipy.sparse.csr_array((20, 6)))
    flat, _, gradient, _ = trained(mlp, 6, 4, X, order=None, batch_size=8, dtype="float64")
    assert np.isfinite(flat).all()
    assert not gradient[:24].any()  # W̄
    assert gradient.any()


def test_elements_in_any_order_and_twice_in_one_place_are_trained_on_as_their_sums():
    rng = np.random.default_rng(0)
    begins = np.arange(0, 61 * 8, 8)
    messy = CompressedRows(rng.random(480), rng.integers(0, 9, 480), begins, (60, 9))
    dense = scipy.sparse.csr_array((messy.data, messy.indices, begins), (60, 9)).toarray()
    options = {"order": None, "batch_size": 7, "dtype": "float64"}
    for build in BUILDERS:
        found = (trained(build, 9, 5, X, **options) for X in (messy, dense))
        for a, b in zip(*found, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9)


def test_a_first_layer_reads_only_what_the_rows_list():
    W = np.ones((3, 4))
    W[:, 2] = np.nan
    x = g.input(4, "x")
    each = planner.plan([g.matmul(x, g.parameter(W, "W"), transpose_b=True)])
    dense = np.array([[1.0, 2.0, 0.0, 3.0], [0.0, 0.0, 0.0, 0.0]])
    (found,) = each.run({x: CompressedRows.of(scipy.sparse.csr_array(dense))})
    np.testing.assert_array_equal(found, [[6.0] * 3, [0.0] * 3])
    assert np.isnan(each.run({x: dense})[0]).all()


@pytest.mark.parametrize("container", ["csr_array", "csc_array", "coo_matrix"])
@pytest.mark.parametrize("dtype", ["?", "u1", "i8", "f4", "f8", ">f8"])
def test_a_model_takes_sparse_rows_wherever_it_takes_dense_ones(container, dtype):
    dense = some_matrix(90, 20, dtype)
    sparse = getattr(scipy.sparse, container)(dense.astype(dtype.strip(">")))
    if dtype == ">f8":
        sparse.data = sparse.data.astype(dtype)
    t = np.arange(90) % 3
    found = []
    for X in (dense, sparse):
        model = fm.Sequential([fm.Dense(8, "relu"), fm.Dense(3, "softmax")], seed=0)
        history = model.fit(X, t, epochs=3, batch_size=32, validation_data=(X, t), seed=1)
        results = [*model.evaluate(X, t).values(), *history["loss"], *history["val_loss"]]
        found.append((np.array(results), model.predict(X), *model.activations(X).values()))
    for expected, value in zip(*found, strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.parametrize("kind", ["matrix", "array"])
@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
def test_every_format_of_scipy_is_taken_for_the_numbers_in_it(form, kind):
    X, t = some_matrix(9, 5), np.arange(9) % 2
    S = getattr(scipy.sparse, f"{form}_{kind}")(X)
    found = []
    for given in (X, S):
        model = fm.Sequential([fm.Dense(3, "relu"), fm.Dense(1)], seed=0, dtype="float64")
        history = model.fit(given, t, validation_data=(given, t), epochs=2)
        named = model.predict({"x": given})
        found.append([history["val_loss"][-1], model.evaluate(given, t)["loss"], *named.ravel()])
        found[-1].extend(model.gradient(given).ravel())
        found[-1].extend(model.jacobian(given, out=np.empty((9, 1, 5))).ravel())
        found[-1].extend(fm.find_learning_rate(model, given, t, steps=10, batch_size=4).losses)
        classifier = fm.MLPClassifier(solver="lbfgs", max_iter=1000, random_state=0).fit(given, t)
        found[-1].extend(classifier.predict(given))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


@pytest.mark.parametrize("form", ["csr", "coo", "dok"])
def test_sparse_targets_weights_and_vectors_are_errors_that_say_what_to_do(form):
    X, make = some_matrix(4, 3), getattr(scipy.sparse, f"{form}_array")
    model, column = fm.MLP([3, 1], seed=0), make(np.ones((4, 1)))
    with pytest.raises(TypeError, match=r"t is a sparse matrix.*t\.toarray\(\)"):
        model.fit(X, column)
    with pytest.raises(TypeError, match=r"sample_weight is a sparse matrix"):
        model.fit(X, np.ones(4), sample_weight=column)
    with pytest.raises(ValueError, match=r"must have shape \(rows, 3\), got shape \(4, 1\)"):
        model.predict(column)


def test_a_sparse_input_may_stand_beside_a_dense_one():
    dense, other, t = some_matrix(40, 6), some_matrix(40, 2, seed=1), np.arange(40) / 40
    found = []
    for X in (dense, scipy.sparse.csr_array(dense)):
        a, b = fm.Input(6, name="a"), fm.Input(2, name="b")
        h = fm.concat([fm.Dense(3, "tanh")(a), b])
        model = fm.Model([a, b], fm.Dense(1)(h), seed=0)
        model.fit({"a": X, "b": other}, t, epochs=2, seed=1)
        found.append(model.predict([X, other]))
    np.testing.assert_array_equal(*found)


def test_sparse_rows_of_other_columns_are_an_error():
    model = fm.MLP([4, 1], seed=0)
    with pytest.raises(ValueError, match=r"X must have shape \(rows, 4\), got shape \(3, 3\)"):
        model.predict(scipy.sparse.eye_array(3))


def test_a_sparse_first_layer_is_not_solved_directly():
    model = fm.MLP([4, 1], seed=0)
    with pytest.raises(TypeError, match=r"X is sparse; .* X.toarray\(\)"):
        model.solve_output_layer(scipy.sparse.eye_array(4, format="csr"), np.ones(4))


GOOD = {
    "data": np.ones(3),
    "indices": np.array([0, 1, 0]),
    "indptr": np.array([0, 1, 3]),
    "shape": (2, 2),
}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"indices": np.array([0, 2, 0])}, "out of range"),
        ({"indices": np.array([0, -1, 0])}, "out of range"),
        ({"indptr": np.array([0, 1, 4])}, "out of range"),
        ({"indptr": np.array([0, 2, 1])}, "out of range"),
        ({"indptr": np.array([-1, 1, 3])}, "out of range"),
        ({"indptr": np.array([0, 1])}, "must have 2 rows"),
        ({"indices": np.array([0, 1])}, "a column for each element"),
        ({"indices": np.array([0, 1, 0], np.int32)}, "one integer type"),
        ({"indices": np.array([0.0, 1.0, 0.0])}, "one integer type"),
        ({"data": np.ones((3, 1))}, "vector of elements"),
        ({"shape": (2, 3)}, "has shape"),
    ],
)
def test_malformed_sparse_rows_are_an_error(changed, message):
    x, y = doubled(2)
    with pytest.raises(ValueError, match=message):
        planner.plan([y]).run({x: CompressedRows(**{**GOOD, **changed})})


def test_sparse_rows_of_complex_numbers_are_an_error():
    x, y = doubled(2)
    with pytest.raises(TypeError, match="real numbers"):
        planner.plan([y]).run({x: CompressedRows(**{**GOOD, "data": np.ones(3, complex)})})
