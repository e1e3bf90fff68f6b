"""Every operation: value, shape and messages, in a loop over the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import scipy.special
from fastmlp import graph as g
from fastmlp.gradient import complex_step
from fastmlp.graph import BATCH, Node
from fastmlp.ops import LEAVES, OPS
from fastmlp.ops.rows import run_key

TOLERANCE = 1e-12


def away_from_zero(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, kept off the kinks at 0."""
    x = np.random.default_rng([seed, *shape]).normal(size=shape)
    return x + np.copysign(0.1, x)


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return np.abs(away_from_zero(*shape, seed=seed))


def within_one(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).uniform(0.1, 0.9, size=shape)


def classes(rows: int, columns: int) -> np.ndarray:
    return (np.arange(rows) * 7 % columns).astype(float)[:, None]


@dataclass
class Case:
    """An operation on numbers; `fixed` arguments have no derivative, `static` ones no batch."""

    arrays: tuple[np.ndarray, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    fixed: tuple[int, ...] = ()
    static: tuple[int, ...] = ()

    def build(self, op: str, batch: bool) -> tuple[Node, list[Node], dict[Node, np.ndarray]]:
        arguments = []
        for i, array in enumerate(self.arrays):
            rows = BATCH if batch and len(array) > 1 and i not in self.static else len(array)
            arguments.append(g.input(array.shape[1], f"a{i}", rows=rows))
        feeds = dict(zip(arguments, self.arrays, strict=True))
        attrs = dict(self.attrs)
        if batch and "shape" in attrs:
            # An input beside it tells the rows of the batch.
            rows, columns = attrs["shape"]
            attrs["shape"] = (BATCH, columns)
            feeds[g.input(1, "rows")] = np.zeros((rows, 1))
        node = Node(op, arguments, attrs, OPS[op].shape(*(a.shape for a in arguments), **attrs))
        return node, arguments, feeds


SHAPES = [(1, 1), (1, 7), (5, 3), (17, 1), (3, 13)]
PAIRS = [
    ((5, 3), (5, 3)),
    ((5, 3), (1, 3)),
    ((5, 1), (5, 3)),
    ((5, 1), (1, 3)),
    ((1, 1), (5, 3)),
    ((1, 3), (1, 1)),
    ((7, 1), (7, 1)),
    ((1, 1), (1, 1)),
]


def unary(make: Callable[..., np.ndarray] = away_from_zero, **attrs: Any) -> list[Case]:
    return [Case((make(*shape),), attrs) for shape in SHAPES]


def binary(second: Callable[..., np.ndarray] = away_from_zero) -> list[Case]:
    return [Case((away_from_zero(*a), second(*b, seed=1))) for a, b in PAIRS]


def flip(x: np.ndarray, transpose: bool) -> np.ndarray:
    return np.ascontiguousarray(x.T) if transpose else x


CASES: dict[str, list[Case]] = {
    "affine": [
        Case(
            (away_from_zero(rows, k), away_from_zero(n, k, seed=1), away_from_zero(1, n)),
            static=(1, 2),
        )
        for rows, k, n in [(1, 1, 1), (5, 3, 2), (7, 1, 4), (2, 5, 1)]
    ],
    "matmul": [
        Case(
            (flip(away_from_zero(m, k), ta), flip(away_from_zero(k, n, seed=1), tb)),
            {"transpose_a": ta, "transpose_b": tb},
            # The batch is a's rows, or what a product of two transposed sums over.
            static=() if ta and not tb else (1,) if not ta else (0, 1),
        )
        for m, k, n in [(1, 1, 1), (5, 3, 2), (2, 7, 3)]
        for ta in (False, True)
        for tb in (False, True)
    ],
    **{op: binary() for op in ("add", "subtract", "multiply", "divide", "maximum")},
    **{op: binary(positive) for op in ("relu_message", "softplus_message")},
    **{op: binary(within_one) for op in ("threshold_message", "logistic_message", "tanh_message")},
    **{op: unary() for op in ("negative", "exp", "sin", "cos", "abs")},
    **{op: unary(positive) for op in ("log", "sqrt")},
    "power": [
        *unary(exponent=2.0),
        *unary(exponent=3.0),
        *unary(exponent=-1.0),
        *unary(exponent=0.0),
        *unary(positive, exponent=0.5),
        *unary(positive, exponent=-1.7),
    ],
    **{op: unary() for op in ("relu", "softplus", "threshold", "logistic", "tanh")},
    **{
        op: [Case((away_from_zero(*s),), {"axis": axis}) for s in SHAPES for axis in (None, 0, 1)]
        for op in ("sum", "mean")
    },
    "spread": [
        Case((away_from_zero(*a),), {"shape": b, "mean": mean})
        for a, b in [((1, 1), (5, 3)), ((1, 3), (5, 3)), ((5, 1), (5, 3)), ((1, 1), (7, 1))]
        for mean in (False, True)
    ],
    **{op: unary() for op in ("softmax", "log_softmax", "argmax")},
    "softmax_cross_entropy": [
        Case((away_from_zero(5, 3), away_from_zero(5, 3, seed=1))),
        Case((away_from_zero(1, 7), away_from_zero(1, 7, seed=1))),
        Case((away_from_zero(5, 3), classes(5, 3)), fixed=(1,)),
        Case((away_from_zero(1, 2), classes(1, 2)), fixed=(1,)),
        Case((away_from_zero(3, 1), away_from_zero(3, 1, seed=1))),
    ],
    "softmax_cross_entropy_message": [
        Case((away_from_zero(5, 1), away_from_zero(5, 3), away_from_zero(5, 3, seed=1))),
        Case((away_from_zero(1, 1), away_from_zero(1, 7), away_from_zero(1, 7, seed=1))),
        Case((away_from_zero(5, 1), away_from_zero(5, 3), classes(5, 3)), fixed=(2,)),
    ],
    "pick": [
        Case((away_from_zero(b, n), classes(b, n)), fixed=(1,))
        for b, n in [(1, 1), (5, 3), (17, 5)]
    ],
    "scatter": [
        Case((away_from_zero(b, 1), classes(b, n)), {"columns": n}, fixed=(1,))
        for b, n in [(1, 1), (5, 3), (17, 5)]
    ],
    "concatenate": [
        Case(tuple(away_from_zero(b, n) for n in columns))
        for b, columns in [(1, (1, 1)), (5, (3, 1, 4)), (17, (2, 5))]
    ],
    "slice": [
        Case((away_from_zero(b, n),), {"start": i, "stop": j})
        for b, n, i, j in [(1, 1, 0, 1), (5, 3, 0, 2), (5, 3, 1, 3), (17, 7, 2, 3)]
    ],
    "pad": [
        Case((away_from_zero(b, n),), {"start": i, "columns": columns})
        for b, n, i, columns in [(1, 1, 0, 1), (5, 3, 0, 4), (5, 3, 2, 5), (17, 2, 1, 7)]
    ],
    "dropout": [
        Case((away_from_zero(*shape),), {"rate": rate, "key": 3})
        for shape in SHAPES
        for rate in (0.2, 0.5)
    ],
}

ALL_CASES = [
    pytest.param(op, case, batch, id=f"{op}-{i}-{'batch' if batch else 'rows'}")
    for op, cases in CASES.items()
    for i, case in enumerate(cases)
    for batch in (False, True)
    # A batch of one row is there already as a number of rows.
    if not batch
    or op == "spread"
    or any(len(a) > 1 and j not in case.static for j, a in enumerate(case.arrays))
]


def dense(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    return t if t.shape == z.shape else np.eye(z.shape[1])[t[:, 0].astype(int)]


def cross_entropy(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    return -(dense(z, t) * scipy.special.log_softmax(z, axis=1)).sum(1, keepdims=True)


def cross_entropy_message(bar: np.ndarray, z: np.ndarray, t: np.ndarray) -> np.ndarray:
    t = dense(z, t)
    return bar * (scipy.special.softmax(z, axis=1) * t.sum(1, keepdims=True) - t)


def spread_value(a: np.ndarray, shape: tuple[int, int], mean: bool) -> np.ndarray:
    return a * np.ones(shape) / (np.prod(shape) / a.size if mean else 1)


def matmul_value(a: np.ndarray, b: np.ndarray, transpose_a: bool, transpose_b: bool) -> np.ndarray:
    return np.einsum("ki,jk->ij" if transpose_b else "ki,kj->ij", a if transpose_a else a.T, b)


def pad_value(a: np.ndarray, start: int, columns: int) -> np.ndarray:
    result = np.zeros((len(a), columns))
    result[:, start : start + a.shape[1]] = a
    return result


def keep(n: int, rate: float, key: int) -> bool:
    """The formula of cpp/kernels/table.h on Python's own integers."""
    word = 2**64
    u = (key + (n + 1) * 0x9E3779B97F4A7C15) % word
    u = (u ^ (u >> 30)) * 0xBF58476D1CE4E5B9 % word
    u = (u ^ (u >> 27)) * 0x94D049BB133111EB % word
    u ^= u >> 31
    return (u >> 32) >= int(rate * 2**32)


def dropout_value(a: np.ndarray, rate: float, key: int) -> np.ndarray:
    kept = [keep(n, rate, run_key(0, 0, key)) for n in range(a.size)]
    return np.where(np.reshape(kept, a.shape), a / (1 - rate), 0)


# What each operation is, said another way (SciPy, einsum, loops) than in the package.
VALUES: dict[str, Callable[..., np.ndarray]] = {
    "affine": lambda x, W, b: np.einsum("bi,oi->bo", x, W) + b,
    "matmul": matmul_value,
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.true_divide,
    "maximum": lambda a, b: np.where(a > b, a, b),
    "relu_message": lambda bar, h: bar * (h > 0),
    "softplus_message": lambda bar, h: bar * (1 - np.exp(-h)),
    "threshold_message": lambda bar, h: 0 * bar * h,
    "logistic_message": lambda bar, h: bar * (h - h**2),
    "tanh_message": lambda bar, h: bar - bar * h**2,
    "negative": np.negative,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "abs": np.abs,
    "power": lambda a, exponent: np.power(a, exponent),
    "relu": lambda z: z * (z > 0),
    "softplus": lambda z: np.logaddexp(0, z),
    "threshold": lambda z: 1.0 * (z > 0),
    "logistic": scipy.special.expit,
    "tanh": np.tanh,
    "sum": lambda a, axis: np.add.reduce(a, axis=axis if axis is not None else (0, 1)).reshape(
        [1 if axis in (None, i) else n for i, n in enumerate(a.shape)]
    ),
    "mean": lambda a, axis: np.average(a, axis=axis, keepdims=True),
    "spread": spread_value,
    "softmax": lambda a: scipy.special.softmax(a, axis=1),
    "log_softmax": lambda a: scipy.special.log_softmax(a, axis=1),
    "argmax": lambda a: np.array([[row.tolist().index(max(row))] for row in a]),
    "softmax_cross_entropy": cross_entropy,
    "softmax_cross_entropy_message": cross_entropy_message,
    "pick": lambda a, i: np.array([[row[int(j)]] for row, j in zip(a, i[:, 0], strict=True)]),
    "scatter": lambda a, i, columns: a * np.eye(columns)[i[:, 0].astype(int)],
    "concatenate": lambda *arrays: np.hstack(arrays),
    "slice": lambda a, start, stop: np.delete(
        a, [j for j in range(a.shape[1]) if not start <= j < stop], axis=1
    ),
    "pad": pad_value,
    "dropout": dropout_value,
}


def weighted(node: Node, feeds: dict[Node, np.ndarray], seed: int) -> Node:
    """Σ c·node with random c, so that no derivative can hide behind a symmetry."""
    shape = g.reference.evaluate(node, feeds).shape
    c = g.input(node.shape[1], "c", rows=node.shape[0])
    feeds[c] = np.random.default_rng(seed).normal(size=shape)
    return g.sum(c * node)


def assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    scale = max(1.0, float(np.abs(expected).max()))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE * scale)


def test_every_operation_has_cases_and_a_second_formula():
    assert set(CASES) == set(OPS)
    assert set(VALUES) == set(OPS)
    assert not LEAVES & set(OPS)


@pytest.mark.parametrize(("op", "case", "batch"), ALL_CASES)
def test_the_value_is_that_of_the_other_formula(op: str, case: Case, batch: bool):
    node, _, feeds = case.build(op, batch)
    assert_same(g.reference.evaluate(node, feeds), VALUES[op](*case.arrays, **case.attrs))


@pytest.mark.parametrize(("op", "case", "batch"), ALL_CASES)
@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_the_value_has_the_shape_declared_and_the_dtype_asked_for(
    op: str, case: Case, batch: bool, dtype: type
):
    node, _, feeds = case.build(op, batch)
    value = g.reference.evaluate(node, feeds, dtype=dtype)
    rows = {len(array) for fed, array in feeds.items() if fed.shape[0] == BATCH}
    assert value.shape == (rows.pop() if node.shape[0] == BATCH else node.shape[0], node.shape[1])
    assert value.dtype == dtype


@pytest.mark.parametrize(("op", "case", "batch"), ALL_CASES)
def test_messages_have_the_shapes_of_the_parents(op: str, case: Case, batch: bool):
    node, arguments, _ = case.build(op, batch)
    bar = g.input(node.shape[1], "bar", rows=node.shape[0])
    messages = OPS[op].messages(node, bar)
    assert len(messages) == len(arguments)
    for i, (message, argument) in enumerate(zip(messages, arguments, strict=True)):
        assert message is None or message.shape == argument.shape
        assert message is None or i not in case.fixed


@pytest.mark.parametrize(("op", "case", "batch"), ALL_CASES)
def test_first_and_second_derivatives_agree_with_the_complex_step(op: str, case: Case, batch: bool):
    node, arguments, feeds = case.build(op, batch)
    loss = weighted(node, feeds, seed=1)
    wrt = [a for i, a in enumerate(arguments) if i not in case.fixed]
    bars = g.gradient(loss, wrt)
    for argument, bar in zip(wrt, g.reference.evaluate(bars, feeds), strict=True):
        assert_same(bar, complex_step(loss, feeds, argument))

    second = weighted(bars[0], feeds, seed=2)
    for i, bar in enumerate(bars[1:]):
        second = second + weighted(bar, feeds, seed=3 + i)
    for argument, bar in zip(
        wrt, g.reference.evaluate(g.gradient(second, wrt), feeds), strict=True
    ):
        assert_same(bar, complex_step(second, feeds, argument))


@pytest.mark.parametrize("op", sorted(op for op in OPS if not OPS[op].analytic))
def test_what_is_not_analytic_agrees_with_central_differences(op: str):
    case = CASES[op][0]
    node, arguments, feeds = case.build(op, batch=False)
    loss = weighted(node, feeds, seed=1)
    report = g.check_gradients(loss, feeds, wrt=arguments)
    assert set(report.method.values()) == {"central differences"}


@pytest.mark.parametrize("op", sorted(OPS))
def test_the_formula_names_every_parent(op: str):
    case = CASES[op][0]
    names = [f"a{i}" for i in range(len(case.arrays))]
    text = OPS[op].text(*names, **case.attrs)
    silent = {"threshold_message": {"a1"}}
    assert all(name in text for name in set(names) - silent.get(op, set()))


def value(build: Callable[..., Node], *arrays: Any, **attrs: Any) -> np.ndarray:
    return g.reference.evaluate(build(*map(g.constant, arrays), **attrs), {})


@pytest.mark.parametrize("z", [-1000.0, -40.0, -0.0, 0.0, 40.0, 1000.0])
def test_softplus_and_logistic_are_stable_for_large_arguments(z: float):
    assert value(g.softplus, z).item() == pytest.approx(np.logaddexp(0, z), rel=1e-15, abs=0)
    assert value(g.logistic, z).item() == pytest.approx(scipy.special.expit(z), rel=1e-15, abs=0)
    for phi in (g.softplus, g.logistic):
        x = g.parameter(z)
        slope = g.reference.evaluate(g.gradient(phi(x), x), {})
        assert np.isfinite(slope).all()


@pytest.mark.parametrize("offset", [-1e4, 1e4])
@pytest.mark.parametrize("op", ["softmax", "log_softmax"])
def test_a_large_shared_offset_does_not_change_the_softmax(op: str, offset: float):
    a = np.array([[0.0, 1.0, -2.0], [3.0, 3.0, 3.0]])
    build = getattr(g, op)
    np.testing.assert_array_equal(value(build, a + offset), value(build, a))


def test_ties_of_maximum_send_the_message_to_the_second_argument():
    a, b = g.parameter([1.0, 2.0, 3.0], "a"), g.parameter([2.0, 2.0, 2.0], "b")
    a_bar, b_bar = g.reference.evaluate(g.gradient(g.sum(g.maximum(a, b)), [a, b]), {})
    np.testing.assert_array_equal(a_bar, [[0, 0, 1]])
    np.testing.assert_array_equal(b_bar, [[1, 1, 0]])


@pytest.mark.parametrize("build", [g.relu, g.abs, g.threshold])
def test_the_derivative_at_a_kink_is_zero(build: Callable[[Node], Node]):
    z = g.parameter(0.0)
    assert g.reference.evaluate(g.gradient(build(z), z), {}).item() == 0


def test_argmax_takes_the_first_of_equals():
    np.testing.assert_array_equal(value(g.argmax, [[1, 3, 3], [2, 2, 2]]), [[1], [0]])


@pytest.mark.parametrize("op", ["threshold", "argmax"])
def test_zero_messages_are_not_made(op: str):
    node = getattr(g, op)(g.input(3))
    assert OPS[op].messages(node, g.input(1)) == (None,)


def test_a_class_as_a_number_costs_what_its_one_hot_row_costs():
    z, t = g.input(4, "z"), g.input(1, "t")
    logits, labels = away_from_zero(6, 4), classes(6, 4)
    by_number = g.softmax_cross_entropy(z, t)
    one_hot = g.softmax_cross_entropy(z, g.scatter(g.spread(1.0, (BATCH, 1)), t, 4))
    for a, b in [(by_number, one_hot), (g.gradient(by_number, z), g.gradient(one_hot, z))]:
        first, second = g.reference.evaluate([a, b], {z: logits, t: labels})
        np.testing.assert_allclose(first, second, rtol=1e-15)


# ---------------------------------------------------------------------------------- dropout


def mask(rows: int, columns: int, seed: int = 0, step: int = 0, key: int = 0) -> np.ndarray:
    node = g.dropout(g.constant(np.ones((rows, columns))), 0.3, key)
    return g.reference.evaluate(node, {}, seed=seed, step=step) > 0


def test_dropout_keeps_the_expectation():
    kept = mask(300, 101).mean()
    assert abs(kept - 0.7) < 4 * np.sqrt(0.3 * 0.7 / (300 * 101))


@pytest.mark.parametrize("change", [{"seed": 1}, {"step": 1}, {"key": 1}, {"seed": -1}])
def test_seed_step_and_key_each_change_the_mask(change: dict[str, int]):
    share = (mask(50, 40) == mask(50, 40, **change)).mean()
    assert abs(share - (0.7**2 + 0.3**2)) < 0.06


def test_a_rows_mask_does_not_depend_on_the_rows_after_it():
    np.testing.assert_array_equal(mask(7, 5), mask(23, 5)[:7])


def test_the_key_of_a_run_wraps_around_at_64_bits():
    assert 0 <= run_key(2**64 - 1, 2**40, 5) < 2**64
    assert run_key(-1, 0, 0) == run_key(2**64 - 1, 0, 0)


def test_dropout_at_rate_zero_is_the_node_itself():
    a = g.input(3)
    assert g.dropout(a, 0.0, key=0) is a


# ----------------------------------------------------------------------------------- errors

x3, x4, one = g.input(3, "x"), g.input(4, "y"), g.input(1, "i")
W = g.parameter(np.ones((2, 3)), "W")

BAD = {
    "columns that do not broadcast": (lambda: x3 + x4, "do not broadcast"),
    "a batch beside a number of rows": (lambda: x3 * g.input(3, rows=5), "do not broadcast"),
    "affine, W of other columns": (lambda: g.affine(x4, W, g.parameter([0, 0])), "needs W"),
    "affine, b of other size": (lambda: g.affine(x3, W, g.parameter([0, 0, 0])), "needs b"),
    "affine, a batch as W": (lambda: g.affine(x3, x3, one), "needs W"),
    "matmul, inner sizes": (lambda: x3 @ W, "as many as the rows of b"),
    "matmul, the batch as columns": (lambda: g.matmul(x3, x3, transpose_b=True), "batch as col"),
    "sum over axis 2": (lambda: g.sum(x3, axis=2), "axis: expected None, 0 or 1, got 2"),
    "spread to less": (lambda: g.spread(x3, (1, 3)), "does not broadcast to"),
    "cross entropy, other targets": (lambda: g.softmax_cross_entropy(x3, x4), "needs targets"),
    "message of cross entropy": (
        lambda: g.ops.rows.apply("softmax_cross_entropy_message", x3, x3, x3),
        "needs bar",
    ),
    "pick, a row as index": (lambda: g.pick(x3, x3), "needs an index"),
    "scatter a matrix": (lambda: g.scatter(x3, one, 4), r"expected a and index of shape \(b, 1\)"),
    "scatter to no columns": (lambda: g.scatter(one, one, 0), "columns: expected at least 1"),
    "slice beyond the end": (lambda: g.slice(x3, 1, 4), "columns 1:4 are not in a matrix"),
    "slice of nothing": (lambda: x3[:, 2:2], "columns 2:2"),
    "slice with a step": (lambda: x3[:, ::2], "step must be 1, got 2"),
    "pad too narrow": (lambda: g.pad(x3, 2, 4), "does not fit 4 columns"),
    "concatenate other rows": (lambda: g.concatenate([x3, W]), "rows differ"),
    "concatenate nothing": (lambda: g.concatenate([]), "at least one node"),
    "dropout of all": (lambda: g.dropout(x3, 1.0, 0), r"rate: expected a number in \[0, 1\)"),
    "a class that is not there": (lambda: value(g.pick, [[1, 2]], 2), "in 0 … 1, got 1 others"),
    "a class between two": (lambda: value(g.pick, [[1, 2]], 0.5), "the first 0.5 in row 0"),
    "a class that is not a number": (
        lambda: value(g.softmax_cross_entropy, [[1, 2]], np.nan),
        "the first nan in row 0",
    ),
    "an operation declared twice": (lambda: g.ops.rows.declare("softmax"), "already declared"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_does_not_fit_is_an_error_that_says_so(what: str):
    build, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        build()
