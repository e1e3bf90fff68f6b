"""What is accepted as data, what it becomes, and when it is not copied."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import fastmlp as fm
from fastmlp import losses
from fastmlp.data import arrays
from fastmlp.networks import examples

NUMBERS = ["float16", "float32", "float64", "int8", "uint8", "int16", "int32", "int64", "uint64"]


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("part", [np.s_[:], np.s_[::2], np.s_[:, 1:3], np.s_[::3, 2:]])
def test_numbers_that_lie_side_by_side_in_their_rows_are_not_copied(dtype, part):
    X = np.ones((7, 5), dtype=dtype)
    assert np.shares_memory(arrays.matrix(X[part], "X", np.float32), X)


@pytest.mark.parametrize("dtype", [">f2", "float16", "float32", "float64"])
@pytest.mark.parametrize("part", [np.s_[:], np.s_[::2], np.s_[::-1, 1:3], np.s_[2]])
def test_a_number_that_is_not_finite_is_found_in_any_float(dtype, part):
    most = np.finfo(np.float16).max
    X = np.full((7, 5), -most, dtype=dtype)
    X[::3] = most
    X[::2, 2] = -0.0
    arrays.check_finite(X[part], "X", np.float32)
    for wrong, what in ((np.nan, "1 NaN"), (np.inf, "1 infinite"), (-np.inf, "1 infinite")):
        bad = X.copy()
        bad[2, 2] = wrong
        with pytest.raises(ValueError, match=f"X must hold finite numbers .* got {what} among"):
            arrays.check_finite(bad[part], "X", np.float32)


@pytest.mark.parametrize("dtype", [">f4", ">i2", "longdouble"])
def test_numbers_the_core_cannot_read_are_copied_to_the_type_of_the_model(dtype):
    X = np.arange(6).reshape(3, 2).astype(dtype)
    for model in (np.float32, np.float64):
        result = arrays.matrix(X, "X", model)
        assert result.dtype == model
        np.testing.assert_array_equal(result, np.arange(6).reshape(3, 2))


@pytest.mark.parametrize("part", [np.s_[:, ::2], np.s_[::-1], np.s_[:, ::-1]])
def test_rows_in_another_order_are_copied_once(part):
    X = np.arange(28.0).reshape(4, 7)
    result = arrays.matrix(X[part], "X", np.float64)
    assert result.flags.c_contiguous
    np.testing.assert_array_equal(result, X[part])


def test_booleans_are_read_in_place_as_zeros_and_ones():
    X = np.array([[True, False]])
    result = arrays.matrix(X, "X", np.float32)
    assert np.shares_memory(result, X)
    np.testing.assert_array_equal(result, [[1, 0]])


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", [np.matrix, np.ma.array, np.rec.array])
def test_other_kinds_of_arrays_are_read_as_plain_ones(kind):
    X = np.arange(6.0).reshape(3, 2)
    result = arrays.matrix(kind(X), "X", np.float64)
    assert type(result) is np.ndarray
    np.testing.assert_array_equal(result, X)
    column = kind(X)[:, 1:]
    assert arrays.sample_weights(column, 3, np.float32).tolist() == [[1], [3], [5]]
    W, b = fm.least_squares(kind(X), column)
    assert type(b) is np.ndarray
    np.testing.assert_allclose(X @ W.T + b, X[:, 1:], atol=1e-12)


@pytest.mark.parametrize("X", [[[1, 2], [3, 4]], pd.DataFrame({"a": [1, 3], "b": [2, 4]})])
def test_lists_and_tables_are_matrices(X):
    np.testing.assert_array_equal(arrays.matrix(X, "X", np.float32), [[1, 2], [3, 4]])


def test_a_vector_is_a_matrix_only_for_a_model_of_one_column():
    assert arrays.matrix([1.0, 2.0], "X", np.float32, columns=1).shape == (2, 1)
    with pytest.raises(ValueError, match=r"for one row use X.reshape\(1, -1\)"):
        arrays.matrix([1.0, 2.0], "X", np.float32, columns=2)


@pytest.mark.parametrize("rows", [1, 7, 100_003])
def test_the_first_wrong_value_is_found_wherever_it_is(rows):
    rng = np.random.default_rng(rows)
    X = np.ones((rows, 13))
    row, column = rng.integers(rows), rng.integers(13)
    X[row, column] = np.nan
    with pytest.raises(ValueError, match=f"1 NaN among {rows * 13} .* row {row}, column {column}$"):
        arrays.matrix(X, "X", np.float32)


def test_wrong_values_are_counted_by_kind():
    X = np.ones((2, 3))
    X[0, 1], X[1, 0], X[1, 1], X[1, 2] = np.nan, -np.inf, np.inf, 1e39
    with pytest.raises(ValueError, match=r"1 NaN and 2 infinite and 1 beyond 3.4e\+38 among 6"):
        arrays.check_finite(X, "X", np.float32)
    with pytest.raises(ValueError, match="1 NaN and 2 infinite among 6"):
        arrays.check_finite(X, "X", np.float64)


def test_values_at_the_limits_of_a_type_are_finite():
    for dtype in (np.float32, np.float64):
        info = np.finfo(dtype)
        arrays.check_finite(np.array([info.min, info.max, info.tiny], dtype), "X", dtype)


def test_inputs_come_by_position_or_by_name():
    a, b = np.ones((3, 2)), np.zeros((3, 1))
    for X in ([a, b], (a, b), {"b": b, "a": a}):
        left, right = arrays.inputs(X, ["a", "b"], [2, 1], np.float32)
        assert np.shares_memory(left, a)
        assert np.shares_memory(right, b)


def test_a_list_of_rows_is_one_input():
    (X,) = arrays.inputs([[1, 2], [3, 4], [5, 6]], ["x"], [2], np.float32)
    assert X.shape == (3, 2)


def test_labels_become_a_column_and_one_hot_rows_mean_the_same():
    loss = losses.get("cross_entropy")
    labels = examples.targets(np.array([2, 0, 1]), loss, 3, np.float32)
    assert labels.shape == (3, 1)
    np.testing.assert_array_equal(
        examples.targets(np.eye(3)[[2, 0, 1]], loss, 3, np.float32), labels
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_ordinary_weights_are_read_in_place(dtype):
    weights = np.arange(5).astype(dtype)
    assert np.shares_memory(arrays.sample_weights(weights, 5, np.float32), weights)


@pytest.mark.parametrize("weights", [[2**40, 2**41], np.float16([1e-6, 2e-6]), [1e-300, 2e-300]])
def test_weights_in_another_unit_keep_their_ratios(weights):
    found = arrays.sample_weights(weights, 2, np.float32)
    assert found[1, 0] == 2 * found[0, 0]
    assert 0.5 <= found[1, 0] < 1


def test_weights_become_a_column():
    assert arrays.sample_weights(np.ones(3), 3, np.float32).shape == (3, 1)
    assert arrays.sample_weights(np.ones((3, 1)), 3, np.float32).shape == (3, 1)


@pytest.mark.parametrize(
    ("X", "told"),
    [
        ([[Fraction(1, 2), 1]], r"write np.array\(X, dtype=float\)"),
        ([[Decimal("1.5"), Decimal(2)]], r"write np.array\(X, dtype=float\)"),
        (np.array([[Decimal("1.5"), "2"]], dtype=object), r"write X.astype\(float\)"),
        ([[None, 1.0]], "got objects"),
        (np.array([["1.5", "2"]]), r"got text .* write np.array\(X, dtype=float\)"),
        (np.array([[1j]]), r"got complex numbers \(dtype complex128, type ndarray\)$"),
        (np.zeros(2, [("a", float)]), r"write numpy.*structured_to_unstructured\(X\)"),
    ],
)
def test_numbers_of_other_types_are_told_how_to_become_some(X, told):
    with pytest.raises(TypeError, match=f"X must hold numbers, .*{told}") as error:
        arrays.matrix(X, "X", np.float32)
    assert ("write" in str(error.value)) == ("write" in told)
