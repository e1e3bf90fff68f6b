"""Every kernel of every instruction set against NumPy, at awkward sizes; gemm has its own file."""

from __future__ import annotations

import itertools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from fastmlp._core import kernels
from fastmlp.graph.ops.activations.declaration import DECLARED
from formulas import ACTIVATIONS
from optimizer_formulas import CASES, step

ISAS = list(kernels.isas)
DTYPES = ["float32", "float64"]
# Around the widths of 2 to 16 elements, primes, and beyond every unrolled loop.
SIZES = (1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33, 64, 67, 129, 257)
every_table = pytest.mark.parametrize(("isa", "dtype"), list(itertools.product(ISAS, DTYPES)))
# As precise as NumPy has it: 64 bits of mantissa on x86, 113 on arm64 Linux, but 53 elsewhere.
EXACT = {"float32": np.float64, "float64": np.longdouble}


def message(formula):
    return lambda bar, u: bar * formula.slope(u)


def log_cosh(x):
    m = np.abs(x)
    far = m - np.log(x.dtype.type(2)) + np.log1p(np.exp(-2 * m))
    return np.where(m > 1, far, np.log1p(np.sinh(np.minimum(m, 1)) ** 2) / 2)


UNARY = {
    "negative": np.negative,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "abs": np.abs,
    "log_cosh": log_cosh,
    "power": None,  # by exponent, in a test of its own
    "scale": lambda x: x * x.dtype.type(0.75),
    **{name: formula.phi for name, formula in ACTIVATIONS.items()},
}
BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": np.maximum,
    "ratio": lambda a, b: a / b,
    "prelu": lambda z, a: np.where(z > 0, z, a * z),
    "prelu_slope": lambda z, a: np.where(z > 0, 1, a),
    "logistic_cross_entropy": lambda z, t: np.logaddexp(0, z) - t * z,
    "logistic_residual": lambda z, t: 1 / (1 + np.exp(-z)) - t,
    **{f"{name}_message": message(formula) for name, formula in ACTIVATIONS.items()},
}
ULPS = {"float32": 2.05, "float64": 4}
# A product and a quotient follow their exp.
MORE_ULPS = {(name, "float32"): 4.0 for name in ("gelu", "gelu_tanh", "mish")}
MORE_ULPS["silu", "float32"] = 2.8
# Near 0 it is the square of a tanh.
MORE_ULPS |= {("log_cosh", "float32"): 6.5, ("log_cosh", "float64"): 6.5}
# These may err by as much more as φ changes when z does by 1½ units of its own last place.
STEEP = {"gelu", "gelu_tanh", "gaussian"}
READS_Z = [name for name in ACTIVATIONS if DECLARED[name].reads == "z"]


def dtype_of(dtype):
    return np.dtype(dtype).type


def ulps(y, expected, dtype):
    """Return the errors in units of the last place of the rounded expected values."""
    unit = np.spacing(np.abs(expected).astype(dtype)).astype(expected.dtype)
    return np.abs(y - expected) / unit


def run(kernel, isa, x, *arguments, **options):
    y = np.full_like(x, np.nan)
    getattr(kernels, kernel)(*arguments, x, y, isa=isa, **options)
    return y


def unary(name, isa, x, c=0.75):
    y = np.full_like(x, np.nan)
    kernels.unary(name, x, y, isa=isa, c=c)
    return y


def test_every_kernel_of_the_tables_has_a_reference_here():
    assert set(UNARY) == set(kernels.unary_names)
    assert set(BINARY) == set(kernels.binary_names)


@every_table
@pytest.mark.parametrize("name", [name for name in UNARY if UNARY[name]])
def test_functions_are_within_units_of_the_last_place(name, isa, dtype):
    rng = np.random.default_rng(1)
    info = np.finfo(dtype)
    wide = rng.standard_normal(40_000) * np.exp(rng.uniform(-20, 4, 40_000))
    near = np.concatenate([rng.uniform(-2, 2, 20_000), np.linspace(-30, 30, 20_001)])
    ends = np.log(info.max) - rng.uniform(1e-5, 3, 2_000)
    x = np.concatenate([wide, near, ends, -ends]).astype(dtype)
    if name == "exp":
        x = x[np.abs(x) < np.log(info.max)]  # what lies beyond has tests of its own
    if name in ("silu", "mish", "gelu_tanh"):
        x = x[x > np.log(info.tiny)]  # below, its exp has fewer digits than the product
    if name in ("log", "sqrt"):
        x = np.concatenate([np.abs(x), rng.uniform(0, 50, 1_000) * info.tiny]).astype(dtype)
        x = x[x > 0]
    if name in ("sin", "cos"):  # beyond 2^13 and 2^20 they are libm's
        far = rng.uniform(-1, 1, 20_000) * np.exp(rng.uniform(5, 25, 20_000))
        near_zero = np.arange(-5000, 5000) * (np.pi / 2)  # where little is left of the angle
        x = np.concatenate([x, far, near_zero]).astype(dtype)
    exact = x.astype(EXACT[dtype])
    expected = UNARY[name](exact)
    most = MORE_ULPS.get((name, dtype), ULPS[dtype])
    if name in STEEP:
        has_digits = np.abs(expected) >= info.tiny * np.maximum(1, np.abs(exact))
        x, exact, expected = x[has_digits], exact[has_digits], expected[has_digits]
        most += 1.5 * np.abs(exact * ACTIVATIONS[name].slope(exact) / expected)
    assert (ulps(unary(name, isa, x), expected, dtype) <= most).all()


# Where tables of exp, of log1p and of the normal tail go from one number to the next.
SEAMS = np.concatenate(
    [
        (np.arange(-600, 600) + 0.5) * np.log(2) / 32,
        np.log((np.arange(15) + 0.5) / 15),
        np.multiply.outer((-1, 1), 0.8125 * np.array([0.5, 1, 2, 3, 5, 7, 11])).reshape(-1),
    ]
)


@every_table
@pytest.mark.parametrize("name", ["exp", "elu", "tanh", "logistic", "softplus", "gelu"])
def test_functions_keep_their_digits_where_their_pieces_meet(name, isa, dtype):
    away = np.arange(-8, 9) * np.finfo(dtype).eps
    x = np.multiply.outer(SEAMS, 1 + away).astype(dtype).reshape(-1)
    exact = x.astype(EXACT[dtype])
    expected = UNARY[name](exact)
    most = MORE_ULPS.get((name, dtype), ULPS[dtype])
    if name in STEEP:
        most += 1.5 * np.abs(exact * ACTIVATIONS[name].slope(exact) / expected)
    assert (ulps(unary(name, isa, x), expected, dtype) <= most).all()


@every_table
@pytest.mark.parametrize("name", READS_Z)
def test_derivatives_keep_their_digits_far_from_zero(name, isa, dtype):
    z = np.random.default_rng(9).uniform(-40, 40, 8_000).astype(dtype)
    z = np.concatenate([z, np.linspace(-3, 3, 4_000)]).astype(dtype)
    slope, exact, nudge = ACTIVATIONS[name].slope, z.astype(EXACT[dtype]), 1e-6
    expected = slope(exact)
    change = np.abs(slope(exact * (1 + nudge)) - expected) / nudge  # if z changes by its whole size
    found = np.empty_like(z[None])
    kernels.binary(f"{name}_message", np.ones_like(found), z[None], found, isa=isa)
    info = np.finfo(dtype)
    allowed = 5 * info.eps * (np.abs(expected) + change) + 50 * info.tiny
    assert (np.abs(found[0] - expected) <= allowed).all()


@every_table
def test_functions_are_exact_at_their_ends(isa, dtype):
    inf, nan, big = np.inf, np.nan, np.finfo(dtype).max
    ends = {
        "exp": ([inf, -inf, 0, -0.0, big, -big], [inf, 0, 1, 1, inf, 0]),
        "log": ([inf, 0, -0.0, 1, -1, -inf], [inf, -inf, -inf, 0, nan, nan]),
        "sqrt": ([inf, 0, -0.0, 1, -1], [inf, 0, -0.0, 1, nan]),
        "tanh": ([inf, -inf, big, -big, 50, -50, 0, -0.0], [1, -1, 1, -1, 1, -1, 0, -0.0]),
        "logistic": ([inf, -inf, big, -big, 800, 0], [1, 0, 1, 0, 1, 0.5]),
        "softplus": ([inf, -inf, big, -big], [inf, 0, big, 0]),
        "relu": ([inf, -inf, 0, -0.0, -1, 1], [inf, 0, 0, 0, 0, 1]),
        "elu": ([inf, -inf, 0, big, -big], [inf, -1, 0, big, -1]),
        "leaky_relu": ([inf, -inf, 0, -0.0], [inf, -inf, 0, -0.0]),
        "gelu": ([inf, -inf, 0, -0.0, big, -big], [inf, 0, 0, -0.0, big, 0]),
        "gelu_tanh": ([inf, -inf, 0, -0.0, big, -big], [inf, -0.0, 0, -0.0, big, -0.0]),
        "mish": ([inf, 0, -0.0, big, -big], [inf, 0, -0.0, big, -0.0]),
        "softsign": ([inf, -inf, big, -big, 0, -0.0], [1, -1, 1, -1, 0, -0.0]),
        "hard_tanh": ([inf, -inf, 1, -1, 0, -0.0], [1, -1, 1, -1, 0, -0.0]),
        "hard_sigmoid": ([inf, -inf, 3, -3, 0], [1, 0, 1, 0, 0.5]),
        "gaussian": ([inf, -inf, big, 0, -0.0], [0, 0, 0, 1, 1]),
        "threshold": ([inf, -inf, 0, -0.0, -1, 1], [1, 0, 0, 0, 0, 1]),
        "abs": ([inf, -inf, -0.0, -2], [inf, inf, 0, 2]),
        "log_cosh": ([inf, -inf, big, -big, 0, -0.0], [inf, inf, big, big, 0, 0]),
        "negative": ([inf, 0, -0.0], [-inf, -0.0, 0]),
        "sin": ([inf, -inf, 0], [nan, nan, 0]),
        "cos": ([inf, -inf, 0, -0.0], [nan, nan, 1, 1]),
    }
    for name, (x, expected) in ends.items():
        y = unary(name, isa, np.array(x, dtype))
        np.testing.assert_array_equal(y, np.array(expected, dtype), err_msg=name)
        np.testing.assert_array_equal(np.signbit(y[y == 0]), np.signbit(expected)[y == 0])
    for name in set(UNARY) - {"power"}:
        assert np.isnan(unary(name, isa, np.full(21, nan, dtype))).all(), name


@every_table
def test_exp_and_log_reach_the_subnormal_numbers(isa, dtype):
    info = np.finfo(dtype)
    least = np.log(EXACT[dtype](info.smallest_subnormal))
    x = np.linspace(float(least) + 0.01, float(np.log(info.tiny)), 1001).astype(dtype)
    expected = np.exp(x.astype(EXACT[dtype]))
    assert (np.abs(unary("exp", isa, x) - expected) <= info.smallest_subnormal).all()
    tiny = info.smallest_subnormal * np.arange(1, 1001).astype(dtype)
    expected = np.log(tiny.astype(EXACT[dtype]))
    assert ulps(unary("log", isa, tiny), expected, dtype).max() <= ULPS[dtype]


@every_table
def test_powers_are_those_of_numpy(isa, dtype):
    x = np.random.default_rng(2).uniform(0.01, 9, 101).astype(dtype)
    for c in (0, 1, 2, 3, -1, 0.5, -0.5, 4, -2, 1.7):
        expected = x.astype(EXACT[dtype]) ** EXACT[dtype](dtype_of(dtype)(c))
        assert ulps(unary("power", isa, x, c), expected, dtype).max() <= ULPS[dtype], c
    minus = -x
    for c in (0, 1, 2, 3, -1):
        np.testing.assert_allclose(unary("power", isa, minus, c), minus**c, rtol=1e-6)


@every_table
def test_a_value_does_not_depend_on_its_position(isa, dtype):
    rng = np.random.default_rng(3)
    x = (4 * rng.standard_normal(67)).astype(dtype)
    z = rng.standard_normal(67).astype(dtype)
    for name in UNARY:
        whole = unary(name, isa, x, 1.7)
        for start in (1, 2, 5, 51):
            np.testing.assert_array_equal(unary(name, isa, x[start:].copy(), 1.7), whole[start:])
    for name in BINARY:
        whole, part = np.zeros((1, 67), dtype), np.zeros((1, 62), dtype)
        kernels.binary(name, x[None], z[None], whole, isa=isa)
        kernels.binary(name, x[None, 5:], z[None, 5:], part, isa=isa)
        np.testing.assert_array_equal(part, whole[:, 5:])


@every_table
def test_functions_of_any_length_write_that_length(isa, dtype):
    rng = np.random.default_rng(4)
    for n, name in itertools.product(SIZES, UNARY):
        x = rng.uniform(0.5, 2, n).astype(dtype)
        store = np.full(n + 40, 7, dtype)
        kernels.unary(name, x, store[20 : n + 20], isa=isa, c=2)
        expected = x**2 if UNARY[name] is None else x * 2 if name == "scale" else UNARY[name](x)
        np.testing.assert_allclose(store[20 : n + 20], expected, rtol=1e-5)
        assert (store[:20] == 7).all()
        assert (store[n + 20 :] == 7).all()
        kernels.unary(name, x, x, isa=isa, c=2)
        np.testing.assert_array_equal(x, store[20 : n + 20])


@every_table
@pytest.mark.parametrize("name", list(BINARY))
def test_functions_of_two_matrices_broadcast(name, isa, dtype):
    rng = np.random.default_rng(5)
    for rows, columns in itertools.product((1, 2, 7, 33), (1, 3, 8, 16, 33, 67)):
        shapes = ((rows, columns), (1, columns), (rows, 1), (1, 1))
        for a_shape, b_shape in itertools.product(shapes, shapes):
            a = rng.uniform(-3, 3, a_shape).astype(dtype)
            b = rng.uniform(0.1, 0.9, b_shape).astype(dtype) * rng.choice([1, -1], b_shape)
            b = b.astype(dtype)
            store = np.full((rows + 2, columns + 5), 7, dtype)
            y = store[1 : rows + 1, 2 : columns + 2]
            wide = (np.broadcast_to(m, (rows, columns)) for m in (a, b))
            kernels.binary(name, *wide, y, isa=isa)
            expected = BINARY[name](a.astype(float), b.astype(float))
            # Where t is outside 0 … 1, terms of these two cancel.
            atol = 5e-7 if name.startswith("logistic_") and "message" not in name else 0
            atol = 5e-7 if name.startswith("gelu") else atol  # and terms of a slope near its zero
            np.testing.assert_allclose(y, np.broadcast_to(expected, y.shape), rtol=2e-6, atol=atol)
            y[...] = 7
            assert (store == 7).all()


@every_table
def test_a_result_may_replace_an_operand(isa, dtype):
    rng = np.random.default_rng(6)
    for name, (rows, columns) in itertools.product(BINARY, ((3, 37), (5, 1), (1, 100))):
        a, b = rng.uniform(0.1, 0.9, (2, rows, columns)).astype(dtype)
        y, first, second = np.zeros_like(a), a.copy(), b.copy()
        kernels.binary(name, a, b, y, isa=isa)
        kernels.binary(name, first, b, first, isa=isa)
        kernels.binary(name, a, second, second, isa=isa)
        np.testing.assert_array_equal(first, y)
        np.testing.assert_array_equal(second, y)


@every_table
@pytest.mark.parametrize("t", [0, 0.25, 0.75, 1])
def test_logistic_cross_entropy_and_its_residual_keep_their_digits(t, isa, dtype):
    exact = EXACT[dtype]
    z = np.random.default_rng(7).uniform(-80, 80, (1, 4001)).astype(dtype)
    e, t = np.exp(-np.abs(z.astype(exact))), np.full_like(z, t)
    distance = np.where(z > 0, 1 - t, t).astype(exact)  # of t from the class that z speaks for
    loss, residual = np.empty_like(z), np.empty_like(z)
    kernels.binary("logistic_cross_entropy", z, t, loss, isa=isa)
    kernels.binary("logistic_residual", z, t, residual, isa=isa)
    assert ulps(loss, distance * np.abs(z.astype(exact)) + np.log1p(e), dtype).max() <= 4
    expected = np.where(z > 0, distance - e / (1 + e), e / (1 + e) - distance)
    error = np.abs(residual - expected)
    assert (error <= 4 * np.finfo(dtype).eps * np.maximum(e, distance)).all()


@every_table
def test_a_ratio_to_zero_is_zero(isa, dtype):
    a = np.array([[0, 3, -2, np.inf, np.nan, 6, np.nan]], dtype)
    b = np.array([[0, 0, -0.0, 0, 0, -4, 1]], dtype)
    y = np.zeros_like(a)
    kernels.binary("ratio", a, b, y, isa=isa)
    np.testing.assert_array_equal(y, [[0, 0, 0, 0, 0, -1.5, np.nan]])


@every_table
def test_the_maximum_passes_nan_on(isa, dtype):
    a, b = np.array([[np.nan, 1, np.nan, 2]], dtype), np.array([[1, np.nan, np.nan, 3]], dtype)
    y = np.zeros_like(a)
    kernels.binary("maximum", a, b, y, isa=isa)
    np.testing.assert_array_equal(y, np.array([[np.nan, np.nan, np.nan, 3]], dtype))


@every_table
def test_sums_are_within_their_rounding(isa, dtype):
    rng, eps = np.random.default_rng(7), np.finfo(dtype).eps
    for n in (*SIZES, 0, 5000):
        a, b = rng.standard_normal((2, n)).astype(dtype)
        y = np.zeros(1, dtype)
        kernels.sum(a, y, isa=isa)
        assert abs(y[0] - a.astype(float).sum()) <= n * eps * np.abs(a).sum()
        kernels.dot(a, b, y, isa=isa)
        assert abs(y[0] - a.astype(float) @ b.astype(float)) <= n * eps * np.abs(a * b).sum()


@every_table
def test_the_roundings_of_equal_numbers_do_not_add_up_in_long_sums(isa, dtype):
    for n in (10**6, 8 * 1024 * 16 + 7):
        x, y, z = np.full(n, 0.3, dtype), np.zeros(1, dtype), np.zeros(1, dtype)
        kernels.sum(x, y, isa=isa)
        kernels.dot(x, x, z, isa=isa)
        exact, few = n * float(x[0]), 100 * float(np.finfo(dtype).eps)
        assert y.item() == pytest.approx(exact, rel=few)
        assert z.item() == pytest.approx(exact * float(x[0]), rel=few)


@every_table
def test_sums_of_rows_and_columns_keep_their_order(isa, dtype):
    rng = np.random.default_rng(8)
    for rows, columns in itertools.product((1, 2, 5, 40), SIZES):
        x = rng.standard_normal((rows, columns + 3)).astype(dtype)[:, :columns]
        before = rng.standard_normal(columns).astype(dtype)
        for accumulate in (False, True):
            y = before.copy()
            kernels.sum_rows(x, y, isa=isa, accumulate=accumulate)
            terms = np.vstack([before if accumulate else 0 * before, x])
            np.testing.assert_array_equal(y, np.cumsum(terms, axis=0, dtype=dtype)[-1])
        store, one = np.full((rows, 3), 7, dtype), np.zeros(1, dtype)
        kernels.sum_columns(x, store[:, 1:2], isa=isa)
        for i in range(rows):
            kernels.sum(x[i], one, isa=isa)
            assert store[i, 1] == one[0]
        assert (store[:, ::2] == 7).all()


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@every_table
def test_softmax_is_that_of_numpy_and_ignores_an_offset(isa, dtype):
    rng, eps = np.random.default_rng(9), np.finfo(dtype).eps
    for rows, columns in itertools.product((1, 2, 17), SIZES):
        z = (5 * rng.standard_normal((rows, columns + 1))).astype(dtype)[:, :columns]
        expected = softmax(z.astype(float))
        y, log_y = np.zeros((2, rows, columns), dtype)
        kernels.softmax(z, y, isa=isa)
        np.testing.assert_allclose(y, expected, rtol=(10 + columns) * eps)
        kernels.log_softmax(z, log_y, isa=isa)
        np.testing.assert_allclose(log_y, np.log(expected), atol=60 * eps, rtol=4 * eps)
        far = np.round(z) + dtype_of(dtype)(1e5)
        kernels.softmax(far, far, isa=isa)
        kernels.softmax(np.round(z), y, isa=isa)
        np.testing.assert_array_equal(far, y)


def cross_entropy(z, weights):
    shifted = z - z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    loss = (weights * (log_sum - shifted)).sum(axis=1)
    return loss, softmax(z) * weights.sum(axis=1, keepdims=True) - weights


@every_table
def test_cross_entropy_and_its_message_are_those_of_numpy(isa, dtype):
    rng, eps = np.random.default_rng(10), np.finfo(dtype).eps
    for rows, columns, dense in itertools.product((1, 2, 17, 35), SIZES, (False, True)):
        z = (3 * rng.standard_normal((rows, columns))).astype(dtype)
        labels = rng.integers(0, columns, rows)
        weights = rng.uniform(0, 2, z.shape) if dense else np.eye(columns)[labels]
        t = weights.astype(dtype) if dense else labels[:, None].astype(dtype)
        weights = t.astype(float) if dense else weights
        loss, z_bar = np.zeros(rows, dtype), np.zeros_like(z)
        bar = rng.standard_normal((rows, 2)).astype(dtype)[:, :1]
        options = {"isa": isa, "dense": dense}
        expected, message = cross_entropy(z.astype(float), weights)
        total = weights.sum(axis=1)
        kernels.softmax_cross_entropy(z, t, loss=loss, z_bar=z_bar, loss_bar=bar, **options)
        assert (np.abs(loss - expected) <= 60 * eps * (1 + expected + total)).all()
        allowed = (20 + columns) * eps * np.abs(bar) * (1 + total[:, None])
        assert (np.abs(z_bar - bar * message) <= allowed).all()

        alone, same = np.zeros_like(loss), z.copy()
        kernels.softmax_cross_entropy(z, t, loss=alone, **options)
        np.testing.assert_array_equal(alone, loss)
        kernels.softmax_cross_entropy(same, t, z_bar=same, loss_bar=bar, **options)
        np.testing.assert_array_equal(same, z_bar)
        kernels.softmax_cross_entropy(z, t, z_bar=z_bar, scale=0.25, **options)
        bar[...] = 0.25
        kernels.softmax_cross_entropy(z, t, z_bar=same, loss_bar=bar, **options)
        np.testing.assert_array_equal(same, z_bar)


def sure_rows(columns, dtype, rng):
    """Rows whose largest element is far above, a little above, or not above the others."""
    z = rng.standard_normal((21, columns)).astype(dtype)
    labels = rng.integers(0, columns, 21)
    gaps = np.array([0, 1e-3, 1, 5, 10, 16, 17, 20, 30, 50, 80])
    z[np.arange(11), labels[:11]] = np.floor(z[:11].max(axis=1)) + gaps.astype(dtype)
    z[11] = 0  # all of them the largest
    z[12, :2] = 7  # two of them
    labels[12] = 0
    return z, labels


def loss_of_class(z, labels):
    """Σ_{j≠t} exp(z_j − z_t) and its log1p: no digit is lost while exp has them."""
    rows = np.arange(len(z))
    others = np.exp(z.astype(np.longdouble) - z[rows, labels][:, None])
    others[rows, labels] = 0
    return others, np.log1p(others.sum(axis=1))


@every_table
def test_the_cross_entropy_of_a_sure_and_right_class_keeps_its_digits(isa, dtype):
    rng, eps = np.random.default_rng(12), np.finfo(dtype).eps
    for columns in (2, 3, 10, 15, 16, 17, 31, 32, 33, 40, 100):
        z, labels = sure_rows(columns, dtype, rng)
        others, expected = loss_of_class(z, labels)
        allowed = (30 + columns + np.ptp(z, axis=1)) * eps  # exp of a rounded difference
        log_y = np.zeros_like(z)
        kernels.log_softmax(z, log_y, isa=isa)
        found = -log_y[np.arange(21), labels]
        assert (np.abs(found - expected) <= allowed * expected).all()
        for dense in (False, True):
            t = np.eye(columns)[labels] if dense else labels[:, None]
            loss, z_bar = np.zeros(21, dtype), np.zeros_like(z)
            options = {"isa": isa, "dense": dense, "loss": loss}
            kernels.softmax_cross_entropy(z, t.astype(dtype), **options)
            assert (np.abs(loss - expected) <= allowed * expected).all()
            kernels.softmax_cross_entropy(z, t.astype(dtype), z_bar=z_bar, **options)
            assert (np.abs(loss - expected) <= allowed * expected).all()
            # The message to the class is minus that to all others.
            message = others / (1 + others.sum(axis=1, keepdims=True))
            message[np.arange(21), labels] = -message.sum(axis=1)
            assert (np.abs(z_bar - message) <= allowed[:, None] * np.abs(message)).all()


@every_table
def test_the_cross_entropy_of_probabilities_loses_no_digit_to_cancellation(isa, dtype):
    rng, eps = np.random.default_rng(13), np.finfo(dtype).eps
    for columns in (2, 3, 16, 17, 40):
        z, labels = sure_rows(columns, dtype, rng)
        t = np.full(z.shape, 1e-9, dtype)
        t[np.arange(21), labels] = 1
        far = z.astype(np.longdouble) - z.max(axis=1, keepdims=True)
        one = np.arange(columns) == np.argmax(z, axis=1)[:, None]
        log_sum = np.log1p(np.where(one, 0, np.exp(far)).sum(axis=1))
        expected = (t * (log_sum[:, None] - far)).sum(axis=1)
        loss = np.zeros(21, dtype)
        kernels.softmax_cross_entropy(z, t, isa=isa, dense=True, loss=loss)
        allowed = (30 + columns + np.ptp(z, axis=1)) * eps
        assert (np.abs(loss - expected) <= allowed * expected).all()


@every_table
def test_what_is_not_finite_makes_its_row_of_cross_entropy_nan(isa, dtype):
    for columns, bad in itertools.product((3, 16, 17, 40), (np.nan, np.inf)):
        z = np.zeros((3, columns), dtype)
        z[1, columns - 1] = bad
        for label in (0, columns - 1):
            t = np.full((3, 1), label, dtype)
            loss, log_y = np.zeros(3, dtype), np.zeros_like(z)
            kernels.softmax_cross_entropy(z, t, isa=isa, loss=loss)
            np.testing.assert_array_equal(np.isnan(loss), [False, True, False])
            kernels.softmax_cross_entropy(z, t, isa=isa, loss=loss, z_bar=log_y)
            np.testing.assert_array_equal(np.isnan(loss), [False, True, False])
            kernels.log_softmax(z, log_y, isa=isa)
            np.testing.assert_array_equal(np.isnan(log_y).any(axis=1), [False, True, False])


@every_table
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_row_of_softmax_does_not_depend_on_the_others(isa, dtype, name):
    rng, function = np.random.default_rng(11), getattr(kernels, name)
    for columns in (1, 2, 3, 7, 8, 9, 10, 15, 16, 17, 40):
        z = (9 * rng.standard_normal((37, columns))).astype(dtype)
        z[::5] = np.round(z[::5])  # with more than one of the largest
        z[3, 0], z[4, -1], z[5, 0], z[6] = np.nan, np.inf, -np.inf, -np.inf
        whole = np.zeros_like(z)
        function(z, whole, isa=isa)
        bad = [3, 4, 6] if columns > 1 else [3, 4, 5, 6]
        np.testing.assert_array_equal(np.isnan(whole).any(axis=1), np.isin(np.arange(37), bad))
        for start, stop in ((0, 1), (1, 20), (2, 10), (5, 37), (30, 35), (36, 37)):
            part = np.zeros_like(z[start:stop])
            function(z[start:stop], part, isa=isa)
            np.testing.assert_array_equal(part, whole[start:stop])
            np.copyto(part, z[start:stop])
            function(part, part, isa=isa)
            np.testing.assert_array_equal(part, whole[start:stop])


@every_table
def test_a_row_of_cross_entropy_does_not_depend_on_the_others(isa, dtype):
    rng = np.random.default_rng(11)
    for columns in (3, 10, 16, 17, 40):
        z = rng.standard_normal((37, columns)).astype(dtype)
        t = rng.integers(0, columns, (37, 1)).astype(dtype)
        loss, z_bar = np.zeros(37, dtype), np.zeros_like(z)
        kernels.softmax_cross_entropy(z, t, isa=isa, loss=loss, z_bar=z_bar)
        for start, stop in ((0, 1), (1, 20), (5, 37), (36, 37)):
            some, bar = np.zeros(stop - start, dtype), np.zeros_like(z[start:stop])
            kernels.softmax_cross_entropy(
                z[start:stop], t[start:stop], isa=isa, loss=some, z_bar=bar
            )
            np.testing.assert_array_equal(some, loss[start:stop])
            np.testing.assert_array_equal(bar, z_bar[start:stop])


@every_table
def test_a_class_that_does_not_exist_gives_nan_in_its_row_alone(isa, dtype):
    for columns in (3, 40):
        z = np.zeros((5, columns), dtype)
        t = np.array([[0], [columns], [-1], [np.nan], [1]], dtype)
        loss, z_bar = np.zeros(5, dtype), np.zeros_like(z)
        kernels.softmax_cross_entropy(z, t, isa=isa, loss=loss, z_bar=z_bar)
        wrong = [False, True, True, True, False]
        np.testing.assert_array_equal(np.isnan(loss), wrong)
        np.testing.assert_array_equal(np.isnan(z_bar).all(axis=1), wrong)
        np.testing.assert_array_equal(np.isnan(z_bar).any(axis=1), wrong)


@every_table
def test_argmax_takes_the_first_of_equals_and_nan_before_all(isa, dtype):
    rng = np.random.default_rng(12)
    for rows, columns in itertools.product((1, 6), SIZES):
        x = rng.integers(0, 5, (rows, columns)).astype(dtype)
        if columns > 3:
            x[0, columns // 2 :: 2] = np.nan
        y = np.zeros(rows, dtype)
        kernels.argmax(x, y, isa=isa)
        np.testing.assert_array_equal(y, np.argmax(x, axis=1))


@every_table
def test_a_transpose_moves_every_element(isa, dtype):
    for rows, columns in itertools.product(SIZES, SIZES):
        x = np.arange(rows * (columns + 1), dtype=dtype).reshape(rows, columns + 1)[:, :columns]
        store = np.full((columns, rows + 2), -1, dtype)
        kernels.transpose(x, store[:, :rows], isa=isa)
        np.testing.assert_array_equal(store[:, :rows], x.T)
        assert (store[:, rows:] == -1).all()


def inside(dtype, rows, columns):
    """Return a matrix of NaN inside a larger one of 7, and that."""
    store = np.full((rows + 2, columns + 5), 7, dtype)
    y = store[1 : rows + 1, 2 : columns + 2]
    y[...] = np.nan
    return y, store


def assert_is(y, store, expected):
    """Check what a kernel wrote, and that it wrote nothing else."""
    np.testing.assert_array_equal(y, expected)
    y[...] = 7
    assert (store == 7).all()


@every_table
def test_what_fills_repeats_or_adds_writes_its_matrix(isa, dtype):
    rng = np.random.default_rng(14)
    half = dtype_of(dtype)(0.3)
    for rows, columns in itertools.product((1, 2, 7), SIZES):
        y, store = inside(dtype, rows, columns)
        kernels.fill(y, isa=isa, value=0.3)
        assert_is(y, store, half)
        for shape in ((rows, columns), (1, columns), (rows, 1), (1, 1)):
            x = rng.standard_normal(shape).astype(dtype)
            kernels.spread(np.broadcast_to(x, y.shape), y, isa=isa, factor=0.3)
            assert_is(y, store, np.broadcast_to(half * x, y.shape))
        a, b = rng.standard_normal((2, rows, columns)).astype(dtype)
        kernels.add_scaled(a, b, y, isa=isa, factor=0.3)
        assert_is(y, store, a + half * b)
        expected = a + half * b
        kernels.add_scaled(a, b, a, isa=isa, factor=0.3)
        np.testing.assert_array_equal(a, expected)


@every_table
def test_pick_and_scatter_follow_the_columns_that_are_named(isa, dtype):
    rng = np.random.default_rng(15)
    for rows, columns in itertools.product((1, 2, 33), SIZES):
        x, place = rng.standard_normal((rows, columns)).astype(dtype), np.arange(rows)
        named = rng.integers(columns, size=rows)
        index = named.astype(dtype)[:, None]
        y, store = inside(dtype, rows, 1)
        kernels.pick(x, index, y, isa=isa)
        assert_is(y, store, x[place, named][:, None])
        y, store = inside(dtype, rows, columns)
        kernels.scatter(x[:, :1], index, y, isa=isa)
        expected = np.zeros_like(x)
        expected[place, named] = x[:, 0]
        assert_is(y, store, expected)
        for missing in (-1, columns, np.nan):
            index[...] = missing
            y, store = inside(dtype, rows, 1)
            kernels.pick(x, index, y, isa=isa)
            assert_is(y, store, np.nan)
            y, store = inside(dtype, rows, columns)
            kernels.scatter(x[:, :1], index, y, isa=isa)
            assert_is(y, store, 0)


@every_table
def test_rows_of_tables_are_those_that_are_named(isa, dtype):
    rng = np.random.default_rng(16)
    for rows, columns in itertools.product((1, 2, 33), SIZES):
        table = rng.standard_normal((7, columns)).astype(dtype)
        named = rng.integers(7, size=rows)
        index = named.astype(dtype)[:, None]
        y, store = inside(dtype, rows, columns)
        kernels.take_rows(table, index, y, isa=isa)
        assert_is(y, store, table[named])
        x = rng.standard_normal((rows, columns)).astype(dtype)
        for begin, end in ((0, 7), (2, 5), (3, 3)):
            y, store = inside(dtype, 7, columns)
            y[...] = table
            expected = table.copy()
            for i, j in enumerate(named):
                if begin <= j < end:
                    expected[j] += x[i]
            kernels.add_rows(x, index, y, isa=isa, begin=begin, end=end)
            assert_is(y, store, expected)
        for missing in (-1, 7, np.nan):
            index[...] = missing
            y, store = inside(dtype, rows, columns)
            kernels.take_rows(table, index, y, isa=isa)
            assert_is(y, store, np.nan)
            y, store = inside(dtype, 7, columns)
            y[...] = table
            kernels.add_rows(x, index, y, isa=isa, begin=0, end=7)
            assert_is(y, store, table)


def mix(u):
    u = (u ^ (u >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    u = (u ^ (u >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return u ^ (u >> np.uint64(31))


@every_table
def test_dropout_keeps_by_the_hash_of_key_and_number(isa, dtype):
    x = np.random.default_rng(13).uniform(1, 2, 1000).astype(dtype)
    for key, first, rate in [(0, 0, 0.5), (2**64 - 3, 2**63, 0.1), (12345, 77, 0.9), (1, 1, 0.0)]:
        n = np.uint64(first) + np.arange(1000, dtype=np.uint64)
        pair, half = n // np.uint64(2), n % np.uint64(2)
        u = mix(np.uint64(key) + (pair + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15))
        word = (u >> (half * np.uint64(32))) & np.uint64(0xFFFFFFFF)
        keep = word >= np.uint64(int(rate * 2**32))
        for size in (1, 7, 1000):
            y = run("dropout", isa, x[:size].copy(), key=key, first=first, rate=rate)
            scale = dtype_of(dtype)(1 / (1 - rate))
            np.testing.assert_array_equal(y, np.where(keep, x * scale, 0)[:size])
        assert abs(keep.mean() - (1 - rate)) < 0.06


@every_table
@pytest.mark.parametrize("name", CASES)
def test_every_rule_of_an_optimizer_follows_its_formula(isa, dtype, name):
    how, eps = CASES[name], np.finfo(dtype).eps
    rng = np.random.default_rng(14)
    for n in SIZES:
        w, *gradients = rng.standard_normal((4, n)).astype(dtype)
        W, state = w.astype(float), {}
        vectors = [np.zeros(n, dtype) for _ in range(how.state_vectors)]
        values = how.step_values(0, 3, how.rates(0, 3))
        for number, g in enumerate(gradients):
            kernels.update(how.kernel, w, g, state=vectors, numbers=values[number], isa=isa)
            W = step(how, number, W, g.astype(float), state)
        np.testing.assert_allclose(w, W, rtol=60 * eps, atol=60 * eps)


@every_table
def test_muon_goes_along_the_direction_it_is_given(isa, dtype):
    eps, (rate, momentum, decay) = np.finfo(dtype).eps, (0.25, 0.75, 0.125)
    for n in SIZES:
        w, g, mean, direction = np.random.default_rng(n).standard_normal((4, n)).astype(dtype)
        before, kept = w.astype(float), (mean.astype(float), direction.copy())
        numbers = [rate, momentum, decay]
        kernels.update("muon", w, g, state=[mean, direction], numbers=numbers, isa=isa)
        expected = before - rate * kept[1] - decay * before
        np.testing.assert_allclose(w, expected, rtol=8 * eps, atol=8 * eps)
        np.testing.assert_allclose(mean, 0.75 * kept[0] + 0.25 * g, rtol=8 * eps, atol=8 * eps)
        np.testing.assert_array_equal(direction, kept[1])


@every_table
def test_what_is_assigned_is_what_was_given(isa, dtype):
    for n in SIZES:
        w, g = np.random.default_rng(n).standard_normal((2, n)).astype(dtype)
        kernels.update("assign", w, g, state=[], numbers=[], isa=isa)
        np.testing.assert_array_equal(w, g)


@every_table
def test_what_is_clipped_is_scaled_and_then_bounded(isa, dtype):
    for n in SIZES:
        g = np.random.default_rng(n).standard_normal(n).astype(dtype)
        y = np.empty_like(g)
        factor, bound = np.array([0.75, 0.5], dtype)
        kernels.clip(g, y, factor=factor, bound=bound, isa=isa)
        np.testing.assert_array_equal(y, np.clip(factor * g, -bound, bound))
        kernels.clip(g, y, factor=1.0, bound=np.inf, isa=isa)
        np.testing.assert_array_equal(y, g)
        kernels.clip(np.full(n, np.nan, dtype), y, factor=1.0, bound=0.5, isa=isa)
        assert np.isnan(y).all()


@every_table
def test_an_average_approaches_the_weights_by_a_part(isa, dtype):
    eps = np.finfo(dtype).eps
    for n in SIZES:
        w, e = np.random.default_rng(n).standard_normal((2, n)).astype(dtype)
        before = e.astype(float)
        kernels.approach(w, e, part=0.125, isa=isa)
        np.testing.assert_allclose(e, 0.875 * before + 0.125 * w, rtol=8 * eps, atol=8 * eps)
        kernels.approach(w, e, part=1.0, isa=isa)
        np.testing.assert_array_equal(e, w)


def isa_of_a_process(**environment):
    command = [sys.executable, "-c", "from fastmlp import _core; print(_core.isa())"]
    before = {k: v for k, v in os.environ.items() if k != "FASTMLP_ISA"}
    return subprocess.run(
        command, env={**before, **environment}, capture_output=True, text=True, check=False
    )


def test_the_environment_chooses_the_instruction_set():
    assert isa_of_a_process().stdout.strip() == ISAS[-1]
    assert isa_of_a_process(FASTMLP_ISA="").stdout.strip() == ISAS[-1]
    for isa in ISAS:
        assert isa_of_a_process(FASTMLP_ISA=isa).stdout.strip() == isa


def test_an_instruction_set_that_cannot_run_is_an_error_that_names_those_that_can():
    failed = isa_of_a_process(FASTMLP_ISA="avx1024")
    assert failed.returncode != 0
    assert 'FASTMLP_ISA is "avx1024"' in failed.stderr
    assert ", ".join(ISAS) in failed.stderr


def test_arguments_that_do_not_fit_raise():
    x, isa = np.ones((3, 4)), ISAS[0]
    y = np.zeros((3, 4))
    overlapping = np.lib.stride_tricks.as_strided(y, (3, 4), (8, 8), writeable=True)
    bad = [
        (ValueError, 'name is "sine"; expected one of: negative', kernels.unary, ("sine", x, y)),
        (ValueError, "x has 6 elements, expected 12", kernels.unary, ("exp", x[:, :2].copy(), y)),
        (ValueError, "contiguous", kernels.unary, ("exp", x, np.ones((4, 3)).T)),
        (ValueError, "dimensions", kernels.unary, ("exp", np.ones((1, 1, 1)), y)),
        (TypeError, "int64", kernels.unary, ("exp", np.ones(3, np.int64), y)),
        (TypeError, "x must be a NumPy array", kernels.unary, ("exp", [1.0], y)),
        (ValueError, "a has shape", kernels.binary, ("add", x[:2], x, y)),
        (ValueError, "rows that overlap", kernels.softmax, (x, overlapping)),
        (ValueError, "y has shape", kernels.transpose, (x, y)),
        (ValueError, "y has 12 elements, expected 3", kernels.argmax, (x, y)),
        (ValueError, "y has shape", kernels.sum_columns, (x, y)),
        (ValueError, "t has shape", kernels.softmax_cross_entropy, (x, x)),
    ]
    for error, message, kernel, arguments in bad:
        with pytest.raises(error, match=message):
            kernel(*arguments, isa=isa)
    with pytest.raises(ValueError, match="rate"):
        kernels.dropout(x, y, isa=isa, key=0, rate=1.0)
    with pytest.raises(ValueError, match="dtype"):
        kernels.gemm_tile(isa, "float16")


def test_an_array_that_was_unpickled_is_as_good_as_any():
    for dtype in DTYPES:
        x, y = (pickle.loads(pickle.dumps(np.ones(5, dtype))) for _ in range(2))
        kernels.unary("negative", x, y, isa=ISAS[0])
        np.testing.assert_array_equal(y, -x)
