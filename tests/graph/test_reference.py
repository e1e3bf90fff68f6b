"""The reference evaluates any graph, and the feeds are checked before it does."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.graph.reference import evaluate

x, t = g.input(3, "x"), g.input(1, "t")
w = g.parameter([1.0, 2.0, 3.0], "w")
X = np.arange(6.0).reshape(2, 3)


def test_one_output_gives_an_array_and_a_list_gives_a_list():
    assert isinstance(evaluate(w, {}), np.ndarray)
    assert [v.shape for v in evaluate([w, g.sum(w)], {})] == [(1, 3), (1, 1)]
    assert evaluate([], {}) == []


def test_a_graph_without_inputs_needs_no_feeds():
    squares = g.sum(w**2)
    assert g.run(squares).item() == evaluate(squares).item() == 14
    assert [row.tolist() for row in g.run([w, squares])] == [[[1, 2, 3]], [[14]]]
    assert str(g.trace(squares)) == str(g.trace(squares, {}))
    assert g.check_gradients(squares).errors[w] < 1e-12
    with pytest.raises(ValueError, match=r"no value for input 'x'"):
        g.run(x)


@pytest.mark.parametrize(
    ("node", "fed", "expected"),
    [
        (t, 2.0, [[2.0]]),
        (t, [1, 2, 3], [[1], [2], [3]]),
        (t, [[1], [2]], [[1], [2]]),
        (x, [1, 2, 3], [[1, 2, 3]]),
        (x, np.array([[1, 2, 3]], np.uint8), [[1, 2, 3]]),
        (x, np.array([[True, False, True]]), [[1, 0, 1]]),
    ],
)
def test_numbers_and_vectors_become_matrices(node: g.Node, fed, expected):
    value = evaluate(2 * node, {node: fed})
    np.testing.assert_array_equal(value, 2 * np.array(expected, float))


def test_a_fed_parameter_takes_the_fed_value():
    np.testing.assert_array_equal(evaluate(w * x, {x: X, w: [0, 0, 1]}), X * [0, 0, 1])


def test_a_fed_intermediate_node_is_not_computed():
    z = g.log(x)
    np.testing.assert_array_equal(evaluate(z + 1, {z: X}), X + 1)


def test_feeds_that_the_outputs_do_not_need_are_allowed():
    np.testing.assert_array_equal(evaluate(x, {x: X, t: [0, 1]}), X)


def test_what_comes_back_is_not_what_was_fed():
    fed = X.copy()
    value = evaluate(x, {x: fed})
    value[:] = -1
    np.testing.assert_array_equal(fed, X)
    assert evaluate(g.spread(1.0, (2, 2)), {}).flags.writeable


@pytest.mark.parametrize("dtype", ["float32", np.float64, np.complex128])
def test_everything_is_computed_in_the_dtype_asked_for(dtype):
    value = evaluate(g.softmax(w * x + 0.1), {x: X.astype(np.float32)}, dtype=dtype)
    assert value.dtype == np.dtype(dtype)


def test_a_float32_result_is_rounded_at_every_step():
    third = evaluate(g.constant(1.0) / (g.parameter(3.0)), {}, dtype="float32")
    assert third.item() == np.float32(1) / np.float32(3)


def test_infinities_and_nan_come_without_warnings():
    zero = g.parameter(0.0)
    assert evaluate(g.log(zero), {}).item() == -np.inf
    assert np.isnan(evaluate(zero / zero, {}).item())
    assert evaluate(g.exp(zero + 1e4), {}).item() == np.inf


def test_the_same_seed_and_step_give_the_same_dropout():
    node = g.dropout(x, 0.5, key=1)
    feeds = {x: np.ones((50, 3))}
    first = evaluate(node, feeds, seed=3, step=4)
    np.testing.assert_array_equal(first, evaluate(node, feeds, seed=3, step=4))
    assert (first != evaluate(node, feeds, seed=3, step=5)).any()


def test_the_gradient_passes_through_the_same_mask():
    node = g.dropout(x, 0.5, key=1)
    value, bar = evaluate([node, g.gradient(node, x)], {x: np.ones((50, 3))}, seed=3)
    np.testing.assert_array_equal(value, bar)


y = x * w
BAD = {
    "no feeds for an input": ({}, ValueError, r"no value for input 'x' of shape \(batch, 3\)"),
    "a list": ([X], TypeError, "expected a dict of node to array, got list"),
    "a name as key": ({"x": X}, TypeError, "keys must be graph nodes, got str"),
    "text": ({x: [["a", "b", "c"]]}, TypeError, "input 'x' needs real numbers, got list of"),
    "objects": ({x: np.array([[None, 1, 2]])}, TypeError, "dtype object"),
    "complex": ({x: X + 1j}, TypeError, "dtype complex128"),
    "other columns": ({x: X[:, :2]}, ValueError, r"got an array of shape \(2, 2\)"),
    "a vector for a matrix": ({x: [1, 2]}, ValueError, r"\(batch, 3\), got an array of shape \(2,"),
    "three dimensions": ({x: X[None]}, ValueError, r"got an array of shape \(1, 2, 3\)"),
    "no rows": ({x: X[:0]}, ValueError, r"input 'x' got an empty array of shape \(0, 3\)"),
    "other rows": ({x: X, t: [1, 2, 3]}, ValueError, "input 't' has 3 rows, but input 'x' has 2"),
    "rows for a parameter": ({x: X, w: X}, ValueError, r"parameter 'w' has shape \(1, 3\)"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_fed_is_an_error_that_says_so(what: str):
    feeds, kind, message = BAD[what]
    with pytest.raises(kind, match=message):
        evaluate(y, feeds)


@pytest.mark.parametrize("dtype", ["int32", "float16", "complex64"])
def test_a_dtype_that_is_not_supported_is_named(dtype: str):
    with pytest.raises(ValueError, match=f"float64 or complex128, got {dtype}"):
        evaluate(w, {}, dtype=dtype)
