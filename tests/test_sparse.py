"""Sparse rows fed to the core: the same numbers as dense ones, and errors instead of crashes."""

import numpy as np
import pytest
import scipy.sparse

from fastmlp import graph as g
from fastmlp import planner
from fastmlp._sparse import CompressedRows
from fastmlp.optimizers import SGD
from fastmlp.parameters import Parameters

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


@pytest.mark.parametrize("ordered", [False, True])
def test_training_on_sparse_rows_has_the_bits_of_training_on_dense_ones(ordered):
    dense = some_matrix(53, 11)
    target = np.random.default_rng(1).random((53, 1))
    order = np.stack([np.random.default_rng(i).permutation(53) for i in range(3)])
    flats = []
    for X in (dense, CompressedRows.of(scipy.sparse.csr_array(dense))):
        x, t = g.input(11, "x"), g.input(1, "t")
        W, b = g.parameter(np.full((1, 11), 0.1), "W"), g.parameter(np.zeros((1, 1)), "b")
        J = g.mean((g.affine(x, W, b) - t) ** 2)
        parameters = Parameters([W, b], "float64")
        plan = planner.plan_training(J, parameters, SGD())
        plan.run_epochs(
            {x: X, t: target},
            state=[],
            order=order if ordered else None,
            batch_size=7,
            epochs=3,
            step_values=SGD().step_values(0, 24, np.full(24, 0.01)),
            seed=0,
            first_step=0,
        )
        flats.append(parameters.flat)
    np.testing.assert_array_equal(*flats)


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
