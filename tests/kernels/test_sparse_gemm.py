"""The product of sparse rows of every instruction set: values, epilogues, and the bits of gemm."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from fastmlp._core import kernels

every_table = pytest.mark.parametrize(
    ("isa", "dtype"), list(itertools.product(kernels.isas, ["float32", "float64"]))
)


def sparse_matrix(rng, rows, columns, dtype, density=0.2):
    """Return a matrix mostly of zeros, whole rows of it, and as the kernel takes it."""
    dense = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < density)
    dense[rng.random(rows) < 0.2] = 0.0
    dense = dense.astype(dtype)
    return dense, listed(dense)


def listed(dense):
    rows, places = np.nonzero(dense)
    begins = np.searchsorted(rows, np.arange(len(dense) + 1)).astype(np.int64)
    return dense[rows, places], places.astype(np.int32), begins


def sizes(dtype, isa):
    """Below, at and beyond the vectors of a panel and the rows before the epilogue."""
    w = kernels.gemm_tile(isa, dtype)[1] // 2
    return itertools.product(
        (1, 2, 15, 16, 17, 40), (1, w - 1, w, w + 1, 5 * w, 8 * w, 8 * w + 1), (1, 3, 50)
    )


@every_table
def test_a_sparse_product_has_the_bits_of_the_dense_one(isa, dtype):
    rng = np.random.default_rng(0)
    choices = itertools.cycle(
        itertools.product(
            kernels.activations,
            [None, *kernels.activations],
            (False, True),  # accumulate
            (False, True),  # bias
            (False, True),  # h where C is
            (False, True),  # addend
        )
    )
    for M, N, K in sizes(dtype, isa):
        dense, A = sparse_matrix(rng, M, K, dtype)
        B, start = (rng.standard_normal(s).astype(dtype) for s in ((K, N), (M, N)))
        for forward, derivative, accumulate, with_bias, in_place, added in itertools.islice(
            choices, 7
        ):
            found = []
            for kernel, left in ((kernels.gemm, dense), (kernels.sparse_gemm, A)):
                room = np.full((M + 2, N + 9), 7, dtype)
                C = room[1 : M + 1, 3 : N + 3]
                C[...] = start
                sums = np.ones(N, dtype)
                h = None if derivative is None else C if in_place else start / 2
                kernel(
                    left,
                    B,
                    C,
                    isa=isa,
                    accumulate=accumulate,
                    bias=start[0].copy() if with_bias else None,
                    forward=forward,
                    u=h,
                    derivative=derivative or "identity",
                    b_sums=sums,
                    addend=start / 3 if added else None,
                    factor=0.7,
                )
                found.append((room, sums))
            for dense_result, sparse_result in zip(*found, strict=True):
                np.testing.assert_array_equal(sparse_result, dense_result)


@every_table
def test_a_sparse_product_is_that_of_numpy_within_its_rounding(isa, dtype):
    rng = np.random.default_rng(1)
    for M, N, K in [(1, 1, 1), (17, 300, 700), (700, 9, 17)]:
        dense, A = sparse_matrix(rng, M, K, dtype)
        B = rng.standard_normal((K, N)).astype(dtype)
        C = np.full((M, N), np.nan, dtype)
        kernels.sparse_gemm(A, B, C, isa=isa)
        error = (K + 2) * np.finfo(dtype).eps * (np.abs(dense).astype(float) @ np.abs(B))
        assert (np.abs(C - dense.astype(float) @ B.astype(float)) <= error).all()


@every_table
def test_elements_come_in_any_order_and_those_of_one_place_are_added_up(isa, dtype):
    values = np.array([1, 2, 4, 8], dtype)
    A = values, np.array([2, 0, 2, 1], np.int32), np.array([0, 3, 3, 4])
    C = np.full((3, 5), np.nan, dtype)
    kernels.sparse_gemm(A, np.arange(15, dtype=dtype).reshape(3, 5), C, isa=isa)
    row = np.arange(5)
    np.testing.assert_array_equal(C, [2 * row + 5 * (row + 10), 0 * row, 8 * (row + 5)])


@every_table
def test_a_part_of_the_rows_or_columns_has_the_bits_of_the_whole(isa, dtype):
    rng = np.random.default_rng(2)
    _, (values, places, begins) = sparse_matrix(rng, 61, 40, dtype)
    B = rng.standard_normal((40, 300)).astype(dtype)
    whole = np.zeros((61, 300), dtype)
    kernels.sparse_gemm((values, places, begins), B, whole, isa=isa, forward="tanh")
    for _ in range(12):
        (i, p), (j, q) = (np.sort(rng.choice(n + 1, 2, replace=False)) for n in whole.shape)
        part = np.zeros((p - i, q - j), dtype)
        A = (
            values[begins[i] : begins[p]],
            places[begins[i] : begins[p]],
            begins[i : p + 1] - begins[i],
        )
        kernels.sparse_gemm(A, B[:, j:q], part, isa=isa, forward="tanh")
        np.testing.assert_array_equal(part, whole[i:p, j:q])


def test_malformed_lists_raise():
    values, places, begins = np.ones(3), np.array([0, 1, 2], np.int32), np.array([0, 1, 3])
    B, C = np.ones((3, 4)), np.ones((2, 4))
    bad = [
        ((values[:2], places, begins), "values has 2 elements, expected 3"),
        ((values, places[:2], begins), "columns has 2 elements, expected 3"),
        ((values, places, begins[:2]), "begins has 2 elements, expected 3"),
        ((values, places, np.array([0, 3, 1])), "begins must ascend"),
        ((values, places, np.array([-1, 1, 3])), "begins must ascend"),
        ((values, places + np.int32(1), begins), "columns must be rows of B"),
        ((values, places - np.int32(1), begins), "columns must be rows of B"),
    ]
    for A, message in bad:
        with pytest.raises(ValueError, match=message):
            kernels.sparse_gemm(A, B, C, isa=kernels.isas[0])
    for A in ((values.astype("f4"), places, begins), (values, begins, begins)):
        with pytest.raises(TypeError, match="dtype"):
            kernels.sparse_gemm(A, B, C, isa=kernels.isas[0])
    with pytest.raises(ValueError, match="columns of B"):
        kernels.sparse_gemm((values, places, begins), B, C[:, :3], isa=kernels.isas[0])
