"""Products of float32 by parts in bfloat16: as exact as by fma, with bits that depend on no cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from test_gemm import PHI, PHI_PRIME, laid_out, random

from fastmlp._core import kernels

ISA = "amx"
SIZES = [
    *itertools.product((1, 15, 16, 17, 33), (1, 16, 17, 31, 33), (0, 1, 31, 32, 33)),
    *[(128, 256, 784), (300, 70, 2100), (70, 2100, 50), (1100, 40, 40), (40, 40, 3100)],
]
# The second and the third take more than one block of A, of K, and of columns.
CUT = [(61, 83, 40), (1090, 97, 1500), (300, 2111, 1061)]
EPS = np.finfo(np.float32).eps

pytestmark = pytest.mark.skipif(
    ISA not in kernels.isas, reason="this processor has no tiles of bfloat16"
)


def product(A, B, C=None, **options):
    if C is None:
        C = np.full((A.shape[0], B.shape[1]), np.nan, np.float32)
    kernels.split_gemm(A, B, C, isa=ISA, **options)
    return C


def operands(seed, M, N, K):
    rng = np.random.default_rng(seed)
    return random(rng, M, K, "float32"), random(rng, K, N, "float32")


def absolute(A, B):
    return np.abs(A.astype(float)) @ np.abs(B.astype(float))


def test_errors_are_no_larger_than_those_of_fma():
    for seed, (M, N, K) in enumerate([(128, 256, 784), (256, 128, 2000), (64, 64, 64)]):
        A, B = operands(seed, M, N, K)
        fused = np.empty((M, N), np.float32)
        kernels.gemm(A, B, fused, isa=ISA)
        exact, size = A.astype(float) @ B.astype(float), absolute(A, B)
        split = product(A, B)
        by_parts, by_fma = (np.abs(C - exact) / size for C in (split, fused))
        assert np.sqrt(np.mean(by_parts**2)) < np.sqrt(np.mean(by_fma**2))
        assert by_parts.max() < by_fma.max()


def test_a_single_product_is_within_the_bound_of_its_parts():
    """Products of numbers whose three parts all matter, largest halves of places included."""
    rng = np.random.default_rng(0)
    edges = np.array([1.0, 1.00390625, 1.0078124, 1.99609375, 1.9999999, 1.0038452, 1.0000001])
    x = np.concatenate([edges, 1 + rng.random(1000), 2.0 ** rng.uniform(-45, 60, 1000)])
    x = np.concatenate([x, -x]).astype(np.float32)[:, None]
    y = rng.permutation(x)[: len(x) // 2].T
    exact = x.astype(float) * y.astype(float)
    error = np.abs(product(x, y) - exact) / np.abs(exact)
    assert error.max() <= 2.0**-22 + EPS  # the rest that is left out, and rounding the six


def test_products_too_small_for_a_normal_number_count_as_zero():
    """Each of six parts of a product is 0 below the least normal number, as tiles have it."""
    x = (2.0 ** np.random.default_rng(0).uniform(-90, -30, 500)).astype(np.float32)[:, None]
    exact = x.astype(float) * x.T.astype(float)
    allowed = 2.0**-22 * exact + EPS * exact + 6 * np.finfo(np.float32).tiny
    assert (np.abs(product(x, x.T.copy()) - exact) <= allowed).all()
    # So do parts of an operand, even where the product is large.
    small, large = np.float32(2.0**-118 * (1 + 2.0**-9)), np.float32(2.0**118)
    assert product(*(np.full((1, 1), v) for v in (small, large)))[0, 0] == 1
    least, most = np.float32(2.0**-102 * (1 + 2.0**-23)), np.float32(2.0**102)
    assert product(*(np.full((1, 1), v) for v in (least, most)))[0, 0] == 1 + 2.0**-23


def test_products_of_numbers_of_eight_bits_are_exact():
    rng = np.random.default_rng(1)
    A, B = (rng.integers(-255, 256, s).astype(np.float32) for s in ((40, 200), (200, 50)))
    np.testing.assert_array_equal(product(A, B), A @ B)
    # Integers of 12 bits take two parts; their sums stay under 2²⁴.
    A, B = (rng.integers(-2000, 2001, s).astype(np.float32) for s in ((40, 4), (4, 50)))
    np.testing.assert_array_equal(product(A, B), A @ B)


def test_values_of_any_size_and_layout():
    for seed, (M, N, K) in enumerate(SIZES):
        A, B = operands(seed, M, N, K)
        exact = A.astype(float) @ B.astype(float)
        error = (K / 8 + 4) * EPS * absolute(A, B)
        first = product(A, B)
        assert (np.abs(first - exact) <= error).all(), (M, N, K)
        for a_layout, b_layout in itertools.product(
            ("rows", "columns", "strided"), ("rows", "columns")
        ):
            C = product(laid_out(A, a_layout, 5), laid_out(B, b_layout, 5))
            np.testing.assert_array_equal(C, first, err_msg=f"{M, N, K, a_layout, b_layout}")


def test_a_part_of_the_matrix_has_the_bits_of_the_whole():
    rng = np.random.default_rng(3)
    for seed, (M, N, K) in enumerate(CUT):
        A, B = operands(seed, M, N, K)
        bias, h = random(rng, 1, N, "float32")[0], random(rng, M, N, "float32")
        options = {"forward": "tanh", "derivative": "logistic"}
        for a_layout, b_layout in itertools.product(("rows", "columns"), repeat=2):
            a, b = laid_out(A, a_layout), laid_out(B, b_layout)
            whole = product(a, b, h.copy(), bias=bias, u=h, **options)
            for _ in range(6):
                i, p = np.sort(rng.integers(0, M + 1, 2))
                j, q = np.sort(rng.integers(0, N + 1, 2))
                part = np.zeros((p - i, q - j), np.float32)
                product(a[i:p], b[:, j:q], part, bias=bias[j:q].copy(), u=h[i:p, j:q], **options)
                np.testing.assert_array_equal(part, whole[i:p, j:q])


@pytest.mark.parametrize("forward", PHI)
@pytest.mark.parametrize("derivative", [None, *PHI_PRIME])
def test_what_follows_the_sums(forward, derivative):
    rng = np.random.default_rng(4)
    choices = itertools.product(
        (False, True), (False, True), (False, True), (False, True), [(19, 37, 50), (40, 70, 2100)]
    )
    for with_bias, accumulate, in_place, with_addend, (M, N, K) in choices:
        if in_place and derivative is None:
            continue
        A, B = operands(5, M, N, K)
        A /= np.float32(K)
        sums = product(A, B)
        C = np.abs(random(rng, M, N, "float32"))
        h = None if derivative is None else C if in_place else np.abs(C + 1)
        bias = random(rng, 1, N, "float32")[0] if with_bias else None
        addend = random(rng, M, N, "float32") if with_addend else None
        # The contract's order, in float32: a start, a multiple of another matrix, φ, φ'.
        s = sums + (C if accumulate else 0 if bias is None else bias)
        s = s + (np.float32(0.25) * addend if with_addend else 0)
        expected = PHI[forward](s) * (1 if h is None else PHI_PRIME[derivative](h.copy()))
        product(
            *(A, B, C),
            accumulate=accumulate,
            bias=bias,
            forward=forward,
            u=h,
            derivative=derivative or "identity",
            addend=addend,
            factor=0.25,
        )
        np.testing.assert_allclose(C, expected, rtol=1e-5, atol=1e-5)
        if forward in ("identity", "relu") and derivative in (None, "relu"):
            np.testing.assert_array_equal(C, expected)


def test_sums_of_b_are_running_sums_of_its_rows():
    for seed, (M, N, K) in enumerate([(5, 33, 7), (300, 70, 1600), (1100, 300, 200)]):
        A, B = operands(seed, M, N, K)
        before = random(np.random.default_rng(9), 1, N, "float32")
        for layout, accumulate in itertools.product(("rows", "columns"), (False, True)):
            sums, C = before[0].copy(), np.zeros((M, N), np.float32)
            product(A, laid_out(B, layout), C, accumulate=accumulate, b_sums=sums)
            terms = np.vstack([before if accumulate else np.zeros_like(before), B])
            np.testing.assert_array_equal(sums, np.cumsum(terms, axis=0, dtype=np.float32)[-1])


def test_nothing_around_c_is_written():
    for M, N, K in itertools.product((1, 16, 33), (1, 17, 32, 70), (5, 40)):
        store = np.full((M + 2, N + 70), 7, np.float32)
        A, B = operands(0, M, N, K)
        product(A, B, store[1 : M + 1, 33 : N + 33], forward="relu")
        store[1 : M + 1, 33 : N + 33] = 7
        assert (store == 7).all()


@pytest.mark.parametrize("K", [90, 1024])
@pytest.mark.parametrize("forward", ["identity", "relu", "softplus", "logistic", "tanh"])
def test_infinity_overflow_and_nan_are_those_of_fma(forward, K):
    """Between parts ∞ would become NaN: such sums are computed again."""
    A, B = operands(6, 70, 75, K)
    B[5] = 1
    A[1, 5], A[2, 5], A[3, 5] = np.inf, -np.inf, np.nan
    A[4, :2] = np.inf, -np.inf
    A[5] = 3e38  # sums overflow
    A[6, 5] = np.finfo(np.float32).max  # rounds up to ∞ in bfloat16
    A[7, 5] = np.array(0xFFFFFFFF, np.uint32).view(np.float32)  # NaN, all bits set
    A[8, 5] = np.array(0x7F800001, np.uint32).view(np.float32)  # NaN, the last bit set
    B[7, 9] = np.inf
    expected = np.empty((70, 75), np.float32)
    kernels.gemm(A, B, expected, isa=ISA, forward=forward)
    C = product(A, B, forward=forward)
    np.testing.assert_array_equal(product(A, laid_out(B, "columns"), forward=forward), C)
    np.testing.assert_array_equal(np.isnan(C), np.isnan(expected))
    np.testing.assert_array_equal(np.isinf(C), np.isinf(expected))
    finite = np.isfinite(expected)
    np.testing.assert_allclose(C[finite], expected[finite], rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(C[4 * 8], product(A[4 * 8 :], B, forward=forward)[0])


def test_products_that_are_too_small_are_left_to_fma():
    assert kernels.splits(256, 1024, 784, isa=ISA)
    assert not kernels.splits(32, 32, 4, isa=ISA)
    assert not kernels.splits(10000, 10, 1024, isa=ISA)
    for isa in kernels.isas:
        if isa != ISA:
            assert not kernels.splits(256, 1024, 784, isa=isa)


def test_what_has_no_such_units_raises():
    A, B, C = (np.ones((4, 4)) for _ in range(3))
    with pytest.raises(ValueError, match="split_gemm needs float32"):
        kernels.split_gemm(A, B, C, isa=ISA)
    A, B, C = (x.astype(np.float32) for x in (A, B, C))
    with pytest.raises(ValueError, match="split_gemm needs float32"):
        kernels.split_gemm(A, B, C, isa="avx512")
