"""The matrix product of every instruction set: values, epilogues, strides, and the same bits."""

from __future__ import annotations

import itertools
import platform

import numpy as np
import pytest

from fastmlp._core import kernels
from formulas import ALL

ISAS = list(kernels.isas)
DTYPES = ["float32", "float64"]
PHI = {name: formula.phi for name, formula in ALL.items() if name in kernels.activations}
# φ' in terms of what the message reads.
PHI_PRIME = {name: formula.slope for name, formula in ALL.items() if name in kernels.activations}
every_table = pytest.mark.parametrize(("isa", "dtype"), list(itertools.product(ISAS, DTYPES)))


def laid_out(values, layout, gap=0):
    """Return the same matrix in another layout, inside a larger one that is full of NaN."""
    rows, columns = values.shape
    step = 3 if layout == "strided" else 1
    if layout == "columns":
        store = np.full((columns + 1, rows + gap), np.nan, values.dtype).T
    else:
        store = np.full((rows + 1, columns * step + gap), np.nan, values.dtype)
    view = store[:rows, : columns * step : step]
    view[...] = values
    return view


def random(rng, rows, columns, dtype):
    return rng.standard_normal((rows, columns)).astype(dtype)


def bound(A, B, start=0.0):
    """Return by how much the computed A·B may be off: each of K terms is rounded at most twice."""
    eps = np.finfo(A.dtype).eps
    absolute = np.abs(A.astype(float)) @ np.abs(B.astype(float)) + np.abs(start)
    return (A.shape[1] + 2) * eps * absolute + np.finfo(A.dtype).tiny


def product(isa, A, B, C=None, **options):
    if C is None:
        C = np.full((A.shape[0], B.shape[1]), np.nan, A.dtype)
    kernels.gemm(A, B, C, isa=isa, **options)
    return C


def awkward_sizes(isa, dtype):
    m, n = kernels.gemm_tile(isa, dtype)
    rows = (1, 2, 3, m - 1, m, m + 1, 2 * m + 1)
    columns = (1, 3, n // 2 - 1, n // 2 + 1, n, n + 3, 4 * n + 1)
    return itertools.product(rows, columns, (0, 1, 2, 33))


# Beyond the blocks of K and M; strides of 2 and 4 KB, which are copied; columns far apart; and few.
LARGE = [
    *[(300, 40, 300), (20, 7, 513), (2, 70, 300), (40, 130, 512), (70, 1024, 40), (1000, 70, 40)],
    *[(600, 3, 40), (300, 2, 1100), (520, 1, 20)],
    # Few rows of many columns; and few of a B that is transposed.
    *[(1, 1100, 40), (2, 300, 33), (3, 1024, 70), (4, 2048, 21), (15, 1024, 40)],
    *[(12, 70, 64), (16, 1030, 40), (32, 512, 512), (64, 33, 100)],
    # Copied by the first of two tiles, and of several, the last panel being narrow.
    *[(7, 1536, 500), (15, 1024, 530), (29, 1024, 1100)],
]


@every_table
def test_a_product_is_that_of_numpy_within_its_rounding(isa, dtype):
    rng = np.random.default_rng(1)
    for M, N, K in [*awkward_sizes(isa, dtype), *LARGE]:
        A, B = random(rng, M, K, dtype), random(rng, K, N, dtype)
        expected, error = A.astype(float) @ B.astype(float), bound(A, B)
        for a_layout, b_layout in itertools.product(
            ("rows", "columns", "strided"), ("rows", "columns")
        ):
            C = product(isa, laid_out(A, a_layout), laid_out(B, b_layout))
            off = np.abs(C - expected)
            assert (off <= error).all(), (M, N, K, a_layout, b_layout)


@every_table
def test_an_element_is_one_chain_of_fma_over_ascending_k(isa, dtype):
    if dtype == "float64":
        pytest.skip("needs arithmetic of more than twice the precision")
    fused = isa != "baseline" or platform.machine().lower() in ("arm64", "aarch64")
    rng = np.random.default_rng(2)
    A, B = random(rng, 17, 700, dtype), random(rng, 700, 37, dtype)
    start = random(rng, 17, 37, dtype)
    chain = start.copy()
    for k in range(700):
        term = A[:, k : k + 1].astype(float) * B[k].astype(float)  # exact
        if not fused:
            term = term.astype(dtype).astype(float)
        chain = (term.astype(np.longdouble) + chain).astype(dtype)
    np.testing.assert_array_equal(product(isa, A, B, start.copy(), accumulate=True), chain)


@every_table
def test_a_part_of_the_matrix_has_the_bits_of_the_whole(isa, dtype):
    rng = np.random.default_rng(3)
    sizes = [(61, 83, 40), (300, 45, 517), (30, 200, 512), (600, 3, 40), (16, 1024, 40)]
    sizes.append((31, 512, 1030))
    for M, N, K in sizes:
        A, B, bias = random(rng, M, K, dtype), random(rng, K, N, dtype), random(rng, 1, N, dtype)[0]
        h = random(rng, M, N, dtype)
        for a_layout, b_layout in itertools.product(("rows", "columns"), repeat=2):
            a, b = laid_out(A, a_layout), laid_out(B, b_layout)
            options = {"isa": isa, "forward": "tanh", "derivative": "logistic"}
            whole = h.copy()
            kernels.gemm(a, b, whole, bias=bias, u=whole, **options)
            for _ in range(12):
                i, p = np.sort(rng.choice(M + 1, 2, replace=False))
                j, q = np.sort(rng.choice(N + 1, 2, replace=False))
                part = np.zeros((p - i, q - j), dtype)
                kernels.gemm(
                    a[i:p], b[:, j:q], part, bias=bias[j:q].copy(), u=h[i:p, j:q], **options
                )
                np.testing.assert_array_equal(part, whole[i:p, j:q])


@every_table
def test_packing_and_layout_do_not_change_bits(isa, dtype):
    rng = np.random.default_rng(4)
    for M, N, K in LARGE:
        A, B = random(rng, M, K, dtype), random(rng, K, N, dtype)
        expected = product(isa, A, B)
        for a_layout, b_layout, gap in itertools.product(
            ("rows", "columns", "strided"), ("rows", "columns"), (0, 5)
        ):
            C = product(isa, laid_out(A, a_layout, gap), laid_out(B, b_layout, gap))
            np.testing.assert_array_equal(C, expected)


@every_table
def test_where_in_a_cache_line_b_begins_does_not_change_bits(isa, dtype):
    rng = np.random.default_rng(7)
    for M, N, K in [(1, 512, 40), (2, 256, 17), (2, 260, 16), (3, 1024, 70), (31, 1024, 530)]:
        A, B = random(rng, M, K, dtype), random(rng, K, N, dtype)
        store = np.empty(B.size + 256 // B.itemsize, dtype)
        found = []
        for place in (0, B.itemsize, 32):
            begin = (place - store.ctypes.data) % 64 // B.itemsize
            there = store[begin : begin + B.size].reshape(B.shape)
            assert there.ctypes.data % 64 == place
            there[...] = B
            found.append(product(isa, A, there))
        assert all(np.array_equal(C, found[0]) for C in found[1:])


@every_table
def test_a_b_too_large_for_the_caches_is_packed_in_slabs_without_changing_bits(isa, dtype):
    rng = np.random.default_rng(5)
    for M, N, K in [(291, 1024, 1031), (563, 2048 // np.dtype(dtype).itemsize * 3, 1500)]:
        A, B = random(rng, M, K, dtype), random(rng, K, N, dtype)
        sums = np.zeros(N, dtype)
        C = product(isa, A, B, b_sums=sums)
        assert (np.abs(C - A.astype(float) @ B.astype(float)) <= bound(A, B)).all()
        np.testing.assert_array_equal(product(isa, A[:20], B), C[:20])  # one block: no slab
        turned = np.zeros(N, dtype)
        np.testing.assert_array_equal(
            product(isa, A, np.ascontiguousarray(B.T).T, b_sums=turned), C
        )
        np.testing.assert_array_equal(turned, sums)


@every_table
def test_a_part_needs_no_more_scratch_than_the_whole(isa, dtype):
    """Scratch is taken for the largest batch, and used by its last rows and by threads' parts."""
    sizes = [1, 2, 3, 4, 5, 6, 7, 8, 15, 16, 17, 31, 32, 64, 65, 70, 256, 300, 900, 2100, 5000]
    shape = (len(sizes),) * 3
    rooms = np.array(
        [kernels.gemm_scratch(*s, isa=isa, dtype=dtype) for s in itertools.product(sizes, repeat=3)]
    ).reshape(shape)
    for axis in range(3):
        assert (np.diff(rooms, axis=axis) >= 0).all(), axis


@every_table
def test_epilogues_follow_in_the_order_of_the_contract(isa, dtype):
    rng = np.random.default_rng(5)
    eps = np.finfo(dtype).eps
    choices = itertools.product(
        PHI,
        [None, *PHI_PRIME],
        (False, True),
        (False, True),
        (False, True),
        [(19, 37, 9), (19, 37, 300), (270, 3, 20), (2, 300, 20), (16, 40, 33)],
    )
    for forward, derivative, with_bias, accumulate, in_place, (M, N, K) in choices:
        if in_place and derivative is None:
            continue
        A, B = random(rng, M, K, dtype) / 8, random(rng, K, N, dtype) / 8
        bias = random(rng, 1, N, dtype)[0] if with_bias else None
        C = np.abs(random(rng, M, N, dtype))
        h = None if derivative is None else C if in_place else np.abs(random(rng, M, N, dtype))
        s = A.astype(float) @ B.astype(float) + (C.astype(float) if accumulate else 0)
        s += 0 if bias is None or accumulate else bias.astype(float)
        error = bound(A, B, np.abs(C) * accumulate + (0 if bias is None else np.abs(bias)))
        sure = np.abs(s) > error if forward == "threshold" else True
        phi, size = PHI[forward](s), 1.0 if h is None else 1 + h.astype(float) ** 2
        slope = 1.0 if h is None else PHI_PRIME[derivative](h.astype(float))
        expected = phi * slope
        error += 4 * eps * (np.abs(phi) + 1)
        error = error * np.abs(slope) + 4 * eps * size * (np.abs(phi) + error)
        kernels.gemm(
            A,
            laid_out(B, "columns") if M == 16 else B,
            C,
            isa=isa,
            accumulate=accumulate,
            bias=bias,
            forward=forward,
            u=h,
            derivative=derivative or "identity",
        )
        wrong = (np.abs(C - expected) > error) & sure
        assert not wrong.any(), (forward, derivative, with_bias, accumulate, in_place, M)


@every_table
def test_a_multiple_of_another_matrix_joins_the_whole_sum_once(isa, dtype):
    rng = np.random.default_rng(6)
    for (M, N, K), accumulate in itertools.product(
        [(1, 1, 1), (15, 33, 7), (30, 70, 1100), (2, 300, 9)], (False, True)
    ):
        A, B, D, C = (random(rng, *s, dtype) for s in ((M, K), (K, N), (M, N), (M, N)))
        gap = laid_out(D, "rows", 3)
        plain = product(isa, A, B, C.copy(), accumulate=accumulate)
        total = product(isa, A, B, C.copy(), accumulate=accumulate, addend=gap, factor=0.25)
        np.testing.assert_array_equal(total, plain + D.dtype.type(0.25) * D)
        activated = product(isa, A, B, C.copy(), addend=gap, factor=0.25, forward="relu")
        if not accumulate:
            np.testing.assert_array_equal(activated, np.maximum(total, 0))
        turned = product(
            isa, A, laid_out(B, "columns"), C.copy(), accumulate=accumulate, addend=D, factor=0.25
        )
        np.testing.assert_array_equal(turned, total)


@every_table
def test_rows_without_gaps_have_the_bits_of_rows_apart(isa, dtype):
    rng = np.random.default_rng(12)
    sizes = [(31, 1, 9), (40, 3, 20), (300, 2, 8), (29, 5, 7), (33, 13, 8), (30, 20, 5)]
    for (M, N, K), layout in itertools.product(sizes, ("rows", "columns")):
        A, B, D = (random(rng, *s, dtype) for s in ((M, K), (K, N), (M, N)))
        for forward, addend in itertools.product(PHI, (None, D)):
            options = {"forward": forward, "factor": 0.25}
            whole = product(isa, laid_out(A, layout), B, addend=addend, **options)
            apart = laid_out(np.zeros_like(D), "rows", 3)
            product(
                isa,
                laid_out(A, layout),
                B,
                apart,
                addend=None if addend is None else laid_out(addend, "rows", 5),
                **options,
            )
            np.testing.assert_array_equal(apart, whole, forward)
            assert np.isnan(apart.base[:, N:]).all()


@every_table
def test_sums_of_b_are_running_sums_of_its_rows(isa, dtype):
    rng = np.random.default_rng(6)
    for M, N, K in [(1, 1, 1), (5, 33, 7), (300, 70, 600), (3, 300, 64), (300, 3, 9)]:
        A, B, before = (random(rng, *s, dtype) for s in ((M, K), (K, N), (1, N)))
        for layout, accumulate in itertools.product(("rows", "columns"), (False, True)):
            sums = before[0].copy()
            product(
                isa,
                A,
                laid_out(B, layout),
                np.zeros((M, N), dtype),
                accumulate=accumulate,
                b_sums=sums,
            )
            terms = np.vstack([before if accumulate else np.zeros_like(before), B])
            np.testing.assert_array_equal(sums, np.cumsum(terms, axis=0, dtype=dtype)[-1])


@every_table
def test_nothing_around_c_is_written(isa, dtype):
    rng = np.random.default_rng(7)
    for M, N, K in awkward_sizes(isa, dtype):
        store = np.full((M + 2, N + 70), 7, dtype)
        A, B = random(rng, M, K, dtype), random(rng, K, N, dtype)
        product(isa, A, B, store[1 : M + 1, 33 : N + 33], forward="relu")
        store[1 : M + 1, 33 : N + 33] = 7
        assert (store == 7).all()


@every_table
def test_nan_and_infinity_go_where_they_belong(isa, dtype):
    A, B = np.ones((20, 5), dtype), np.ones((5, 40), dtype)
    A[3, 2], A[4, 2], B[1, 7] = np.nan, np.inf, np.nan
    for forward in set(PHI) - {"threshold"}:
        C = product(isa, A, B, forward=forward)
        expected = np.zeros((20, 40), bool)
        expected[3], expected[:, 7] = True, True
        np.testing.assert_array_equal(np.isnan(C), expected)


def test_arguments_that_do_not_fit_raise():
    A, B, C = np.ones((3, 4)), np.ones((4, 5)), np.ones((3, 5))
    isa = ISAS[0]
    bad = [
        ((A, B[:3], C), {}, "B has shape"),
        ((A, B, C[:2]), {}, "C has shape"),
        ((A, np.ones((8, 10))[::2, ::2], C), {}, "contiguous"),
        ((A, B, np.ones((3, 10))[:, ::2]), {}, "contiguous rows"),
        ((A[::-1], B, C), {}, "strides"),
        ((A, B, C.copy()), {"u": C[:2]}, "u has shape"),
        ((A, B, C), {"bias": np.ones(4)}, "bias has 4 elements"),
        ((A, B, C), {"b_sums": np.ones(6)}, "b_sums has 6 elements"),
        ((A, B, C), {"forward": "rleu"}, 'forward is "rleu"; expected one of: identity, relu'),
        ((A, B, C), {"isa": "mmx"}, 'isa is "mmx"; expected one of: baseline'),
        ((A, B, C), {"repeat": -1}, "repeat"),
        ((C[:, :4], B, C), {}, "overlap"),
    ]
    for arguments, options, message in bad:
        with pytest.raises(ValueError, match=message):
            kernels.gemm(*arguments, **{"isa": isa, **options})
    with pytest.raises(TypeError, match="B has dtype float32, expected float64"):
        kernels.gemm(A, B.astype("float32"), C, isa=isa)
    with pytest.raises(TypeError, match="C must be a NumPy array"):
        kernels.gemm(A, B, None, isa=isa)
    C.flags.writeable = False
    with pytest.raises(ValueError, match="C is read-only"):
        kernels.gemm(A, B, C, isa=isa)
