"""Every operation: value, shape and messages, in a loop over the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

from fastmlp import graph as g
from fastmlp.graph import BATCH, Node
from fastmlp.graph.check import complex_step
from fastmlp.graph.ops import LEAVES, OPS
from fastmlp.graph.ops.rows import run_key
from fastmlp.graph.shapes import number_of_rows, per_example
from op_cases import ALL_CASES, CASES, VALUES, Case, away_from_zero, classes

TOLERANCE = 1e-12


def weighted(node: Node, feeds: dict[Node, np.ndarray], seed: int) -> Node:
    """Σ c·node with random c, so that no derivative can hide behind a symmetry."""
    times = per_example(node.shape[0])
    node = g.ungroup_rows(node, times) if times else node
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
    batch = rows.pop() if rows else None
    assert value.shape == (number_of_rows(node.shape[0], batch), node.shape[1])
    assert value.dtype == dtype


@pytest.mark.parametrize(("op", "case", "batch"), ALL_CASES)
def test_messages_have_the_shapes_of_the_parents(op: str, case: Case, batch: bool):
    node, arguments, _ = case.build(op, batch)
    bar = g.spread(g.input(1, "bar", rows=1), node.shape)
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


@pytest.mark.parametrize(("op", "case", "batch"), ALL_CASES)
def test_the_core_agrees_with_the_reference_to_second_derivatives(op: str, case: Case, batch: bool):
    node, arguments, feeds = case.build(op, batch)
    wrt = [a for i, a in enumerate(arguments) if i not in case.fixed]
    first = g.gradient(weighted(node, feeds, seed=1), wrt)
    second = g.gradient(weighted(first[0], feeds, seed=2), wrt)
    outputs = [node, *first, *second]
    expected = g.reference.evaluate(outputs, feeds)
    for actual, value in zip(g.run(outputs, feeds, dtype="float64"), expected, strict=True):
        assert_same(actual, value)
    for actual, value in zip(g.run(outputs, feeds), expected, strict=True):
        scale = max(1.0, float(np.abs(value).max()))
        np.testing.assert_allclose(actual, value, rtol=0, atol=1e-4 * scale)


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


@pytest.mark.parametrize("offset", [-1e4, 0.0, 1e4])
def test_the_logarithm_of_a_sum_of_exponentials_holds_for_numbers_of_any_size(offset: float):
    a = np.array([[0.0, 1.0, -2.0], [3.0, 3.0, 3.0], [0.0, -50.0, -1e3]]) + offset
    truth = scipy.special.logsumexp(a, axis=1, keepdims=True)
    np.testing.assert_allclose(value(g.logsumexp, a), truth, rtol=1e-15)
    x = g.parameter(a)
    slopes = g.gradient(g.sum(g.logsumexp(x)), x)
    softmax = scipy.special.softmax(a, axis=1)
    np.testing.assert_allclose(g.reference.evaluate(slopes, {}), softmax, rtol=1e-12, atol=1e-16)
    rows = g.input(3)
    for found, wanted in (
        (g.logsumexp(rows), truth),
        (g.gradient(g.logsumexp(rows), rows), softmax),
    ):
        got = g.run(found, {rows: a}, dtype="float64")
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)


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


# -------------------------------------------------------------------------------- scheduled


def test_a_scheduled_number_is_that_of_the_step_in_the_core_and_the_reference():
    x, rate = g.input(3, "x"), g.scheduled(lambda steps: 0.1 * steps, "rate", at_least=0, below=1)
    X = np.ones((50, 3))
    for dtype in ("float32", "float64"):
        for step in (0, 3, 9):
            found = g.run([rate * x, g.dropout(x, rate, key=5)], {x: X}, dtype, seed=1, step=step)
            expected = g.reference.evaluate(
                [rate * x, g.dropout(x, rate, key=5)], {x: X}, dtype, seed=1, step=step
            )
            np.testing.assert_allclose(found[0], 0.1 * step, rtol=1e-6)
            for a, b in zip(found, expected, strict=True):
                assert a.dtype == b.dtype == dtype
                np.testing.assert_array_equal(a, b)
        assert (found[1] == 0).mean() == pytest.approx(0.9, abs=0.1)


def test_a_scheduled_number_can_be_fed_and_sends_no_message():
    w, factor = g.parameter(3.0, "w"), g.scheduled(lambda steps: 1.0 + steps, "factor")
    assert g.run(w * factor, {factor: 5.0}).item() == 15.0
    (w_bar,) = g.gradient(w * factor, [w])
    assert g.run(w_bar, {}, step=3).item() == 4.0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda steps: 1.0 * steps, r"returned the rate 1.0 for step 1; expected finite numbers "),
        (lambda steps: 0.5, r"must return one rate for each step, shape \(1,\), got shape \(\)"),
        (lambda steps: np.nan * steps, "returned the rate nan for step 1"),
    ],
)
def test_a_schedule_that_returns_nonsense_is_told(function, message):
    rate = g.scheduled(function, "rate", at_least=0, below=1)
    for run in (g.run, g.reference.evaluate):
        with pytest.raises(ValueError, match=message):
            run(rate, {}, step=1)
    with pytest.raises(TypeError, match="function: expected a function of steps, got float"):
        g.scheduled(0.5)


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
    around = 2**64
    expected = run_key(around - 1, 7, 5)
    assert run_key(-1, 7, 5) == expected
    assert run_key(around - 1, 7 + around, 5) == expected
    assert run_key(around - 1, 7, 5 + around) == expected


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
    "scatter to no columns": (lambda: g.scatter(one, one, 0), "columns must be at least 1"),
    "slice beyond the end": (lambda: g.slice(x3, 1, 4), "columns 1:4 are not in a matrix"),
    "slice of nothing": (lambda: x3[:, 2:2], "columns 2:2"),
    "slice with a step": (lambda: x3[:, ::2], "step must be 1, got 2"),
    "pad too narrow": (lambda: g.pad(x3, 2, 4), "does not fit 4 columns"),
    "concatenate other rows": (lambda: g.concatenate([x3, W]), "rows differ"),
    "concatenate nothing": (lambda: g.concatenate([]), "at least one node"),
    "dropout of all": (lambda: g.dropout(x3, 1.0, 0), "rate must be .* less than 1, got 1"),
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
