"""Nodes, operators, leaves and the order of a graph."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp import planner
from fastmlp.graph import BATCH


def evaluate(node: g.Node, feeds: dict | None = None) -> np.ndarray:
    return g.reference.evaluate(node, feeds or {})


def test_a_node_is_immutable():
    x = g.input(3, "x")
    with pytest.raises(AttributeError, match="immutable: cannot set 'shape'"):
        x.shape = (1, 1)
    with pytest.raises(AttributeError, match="immutable: cannot delete 'op'"):
        del x.op
    with pytest.raises(TypeError):
        g.sum(x).attrs["axis"] = 1
    with pytest.raises(ValueError, match="read-only"):
        g.parameter(1.0).value[0, 0] = 2


def test_nodes_are_equal_only_to_themselves():
    a, b = g.constant(1.0), g.constant(1.0)
    assert a == a
    assert a != b
    assert len({a, b, a}) == 2


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda a, b: a + b, 2.5),
        (lambda a, b: a + 1, 3.0),
        (lambda a, b: 1 + a, 3.0),
        (lambda a, b: a - b, 1.5),
        (lambda a, b: 1 - a, -1.0),
        (lambda a, b: a - 1, 1.0),
        (lambda a, b: a * b, 1.0),
        (lambda a, b: 3 * a, 6.0),
        (lambda a, b: a * 3, 6.0),
        (lambda a, b: a / b, 4.0),
        (lambda a, b: 3 / a, 1.5),
        (lambda a, b: a / 4, 0.5),
        (lambda a, b: -a, -2.0),
        (lambda a, b: a**3, 8.0),
        (lambda a, b: a**b, np.sqrt(2)),
        (lambda a, b: 3**a, 9.0),
        (lambda a, b: a @ b, 1.0),
        (lambda a, b: a @ [[3.0]], 6.0),
        (lambda a, b: [[3.0]] @ a, 6.0),
        (lambda a, b: np.float32(3) * a, 6.0),
        (lambda a, b: np.array([[3.0]]) * a, 6.0),
        (lambda a, b: np.array([[3.0]]) - a, 1.0),
        (lambda a, b: np.array([[3.0]]) @ a, 6.0),
        (lambda a, b: True * a, 2.0),
    ],
)
def test_pythons_operators_build_nodes(build, expected):
    a, b = g.parameter(2.0), g.parameter(0.5)
    node = build(a, b)
    assert isinstance(node, g.Node)
    assert evaluate(node).item() == pytest.approx(expected, rel=1e-15)


def test_columns_are_cut_out_with_brackets():
    matrix = np.arange(12.0).reshape(3, 4)
    a = g.constant(matrix)
    for columns in (slice(1, 3), slice(None, 2), slice(-2, None)):
        np.testing.assert_array_equal(evaluate(a[:, columns]), matrix[:, columns])
    np.testing.assert_array_equal(evaluate(a[:, 2]), matrix[:, 2:3])
    np.testing.assert_array_equal(evaluate(a[:, -1]), matrix[:, 3:])


def test_a_number_beside_a_node_becomes_a_constant():
    x = g.input(3, "x")
    node = x + 2
    assert node.parents[1].op == "constant"
    assert node.parents[1].value.dtype == np.float64
    assert node.shape == (BATCH, 3)


@pytest.mark.parametrize(
    ("value", "shape"),
    [(1, (1, 1)), ([1, 2, 3], (1, 3)), ([[1], [2]], (2, 1)), (np.float32(2), (1, 1))],
)
@pytest.mark.parametrize("leaf", [g.constant, g.parameter])
def test_a_leaf_is_a_matrix(leaf, value, shape):
    node = leaf(value)
    assert node.shape == node.value.shape == shape


def test_a_leaf_keeps_its_own_copy_of_the_numbers():
    array = np.ones((2, 2))
    node = g.parameter(array)
    array[:] = 7
    assert (node.value == 1).all()


def test_multiplying_by_one_and_adding_zero_make_no_node():
    x = g.input(3, "x")
    assert 1 * x is x
    assert x * 1 is x
    assert x + 0 is x
    assert 0 + x is x
    assert x**1 is x
    assert g.identity(x) is x
    assert g.spread(x, x.shape) is x
    assert g.concatenate([x]) is x


def test_a_number_that_would_broadcast_is_not_dropped():
    b = g.parameter(2.0, "b")
    ones = g.spread(1.0, (BATCH, 3))
    assert (ones * b).shape == (BATCH, 3)
    assert (g.spread(0.0, (4, 3)) + b).shape == (4, 3)
    np.testing.assert_array_equal(evaluate(g.spread(0.0, (4, 3)) + b), np.full((4, 3), 2.0))


def test_a_mean_that_broadcasts_further_still_counts_its_own_copies():
    third = g.spread(1.0, (1, 3), mean=True)
    np.testing.assert_array_equal(evaluate(third * g.spread(2.0, (4, 3))), np.full((4, 3), 2 / 3))
    np.testing.assert_array_equal(evaluate(g.spread(2.0, (4, 3)) * third), np.full((4, 3), 2 / 3))
    np.testing.assert_array_equal(evaluate(6.0 * third), np.full((1, 3), 2.0))
    np.testing.assert_array_equal(evaluate(-third), np.full((1, 3), -1 / 3))


def test_a_named_constant_stays_visible():
    x, half = g.input(1, "x"), g.constant(1.0, "λ")
    assert half in g.topological_order(2 * (half * x))


def test_a_node_is_named_once():
    z = g.input(1) * 2
    assert z.name is None
    assert z.named("z") is z
    assert z.named("z").name == "z"
    with pytest.raises(ValueError, match="already called 'z', got 'y'"):
        z.named("y")


def test_parents_come_before_children_in_the_topological_order():
    rng = np.random.default_rng(0)
    nodes = [g.parameter(1.0), g.parameter(2.0)]
    for _ in range(200):
        i, j = rng.integers(len(nodes), size=2)
        nodes.append(nodes[i] * nodes[j])
    order = g.topological_order(nodes)
    assert len(order) == len(set(order))
    place = {v: i for i, v in enumerate(order)}
    assert all(place[p] < place[v] for v in order for p in v.parents)


def test_known_nodes_hide_what_they_are_made_of():
    x = g.input(1, "x")
    z = g.exp(x)
    y = z + x
    assert g.topological_order(y, known={z}) == [z, x, y]
    assert g.topological_order(z, known={z}) == [z]


def test_a_graph_survives_pickling():
    x, w = g.input(1, "x"), g.parameter(0.5, "w")
    y = g.sum(w * x, axis=0) + w
    copy = pickle.loads(pickle.dumps(y))
    names = {v.name: v for v in g.topological_order(copy)}
    assert evaluate(copy, {names["x"]: [1.0, 2.0]}).item() == 2.0
    assert sum(v.op == "parameter" for v in g.topological_order(copy)) == 1


def test_a_node_tells_what_it_is():
    x, w = g.input(2, "x"), g.parameter([1.0, 2.0], "w")
    assert repr(g.sum(w * x, axis=1).named("z")) == (
        "<Node z = sum(multiply, axis=1), shape (batch, 1)>"
    )
    assert repr(w) == "<Node w = parameter(), shape (1, 2)>"


def test_importing_the_graph_loads_numpy_only():
    heavy = ("scipy", "sklearn", "matplotlib", "pandas", "tqdm", "safetensors")
    code = f"import sys, fastmlp.graph; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_name_of_the_graph_is_there_and_listed():
    for name in g.__all__:
        assert getattr(g, name) is not None
        assert name in dir(g)
    with pytest.raises(AttributeError, match="has no attribute 'gradent'"):
        g.gradent  # noqa: B018


x = g.input(2, "x")
BAD = {
    "a width of 0": (lambda: g.input(0), ValueError, "columns: expected at least 1, got 0"),
    "a negative width": (lambda: g.input(-3), ValueError, "columns: expected at least 1, got -3"),
    "a fractional width": (lambda: g.input(2.5), TypeError, "columns: expected an int, got float"),
    "a width of True": (lambda: g.input(True), TypeError, "columns: expected an int, got bool"),
    "no rows": (lambda: g.input(2, rows=0), ValueError, "rows: expected at least 1, got 0"),
    "other rows": (lambda: g.input(2, rows="many"), ValueError, "expected an int or 'batch'"),
    "a number as name": (lambda: g.input(2, 3), TypeError, "name: expected a str, got int"),
    "half a letter as name": (lambda: g.input(2, "\ud800"), ValueError, "cannot be written"),
    "naming a node None": (lambda: (x + x).named(None), ValueError, "got None"),
    "text": (lambda: x + "one", TypeError, "expected real numbers, got str"),
    "None": (lambda: x * None, TypeError, "expected real numbers, got NoneType"),
    "complex": (lambda: x * 1j, TypeError, "got complex of dtype complex128"),
    "objects": (lambda: g.parameter([object()]), TypeError, "dtype object"),
    "a node as a value": (lambda: g.parameter(x), TypeError, "expected numbers, got a graph node"),
    "three dimensions": (lambda: g.constant(np.zeros((1, 1, 1))), ValueError, r"\(1, 1, 1\)"),
    "an empty array": (lambda: g.constant([]), ValueError, r"an array of shape \(0,\)"),
    "an index": (lambda: x[0], TypeError, r"sliced by columns, as in a\[:, i:j\]"),
    "rows cut out": (lambda: x[0:1, :], TypeError, "sliced by columns"),
    "a list of columns": (lambda: x[:, [0, 1]], TypeError, r"got the index \(slice.*\[0, 1\]\)"),
    "a fraction of columns": (lambda: x[:, 0.5:1], TypeError, r"sliced by columns.*0\.5"),
    "a mask of rows": (lambda: x[np.ones(2) > 0, :], TypeError, "sliced by columns"),
    "a comparison": (lambda: g.mean(x == 1), TypeError, r"operand is False: .* 1 - g\.threshold"),
    "a column that is not there": (lambda: x[:, 2], ValueError, "columns 2:3 are not in"),
    "iteration": (lambda: list(x), TypeError, "sliced by columns"),
    "an exponent that is text": (lambda: x ** "2", TypeError, "expected real numbers"),
    "the order of numbers": (lambda: g.topological_order([1]), TypeError, "got int"),
    "the order of no list": (lambda: g.topological_order(1), TypeError, "got int"),
    "a column by its name": (lambda: x[:, "a"], TypeError, "sliced by columns, .* got .*'a'"),
    "an axis of half": (lambda: g.sum(x, axis=1.0), ValueError, "axis: expected None, 0 or 1"),
    "a key of half": (lambda: g.dropout(x, 0.5, 2.5), TypeError, "key must be an integer"),
    "a rate that is text": (lambda: g.dropout(x, "x", 2), TypeError, "rate must be a number"),
    "noise of text": (lambda: g.gaussian_noise(x, "x", 2), TypeError, "deviation must be a n"),
    "groups of half": (lambda: g.group_rows(x, 1.5), TypeError, "groups must be an integer"),
    "a place of half": (lambda: g.pad(x, 0.5, 9), TypeError, "start must be an integer"),
    "centered by a word": (
        lambda: g.normalize(x, 1, 1e-5, centered="no"),
        TypeError,
        "centered must be True or False",
    ),
    "a seed of half": (lambda: g.run(x, {x: [[1.0, 2.0]]}, seed=0.5), TypeError, "seed must be"),
    "a step of text": (lambda: g.run(x, {x: [[1.0, 2.0]]}, step="x"), TypeError, "step must be"),
    "a type of none": (lambda: g.run(x, {}, dtype="x"), ValueError, "dtype must be .* got 'x'"),
    "values of no node": (
        lambda: g.run(3, {}),
        TypeError,
        "outputs: expected graph nodes, got int",
    ),
    "a gradient by no node": (lambda: g.gradient(x, 3), TypeError, "wrt: expected graph nodes"),
    "a picture of no node": (lambda: g.draw(3), TypeError, "node: expected graph nodes, got int"),
    "a check without feeds": (lambda: g.check_gradients(x, x), TypeError, "feeds: expected a dict"),
    "rows of two lengths": (
        lambda: g.tanh([[1], [1, 2]]),
        ValueError,
        "constant must have rows of one length, got lengths 1 at index 0 and 2 at index 1",
    ),
    "a power of rows of two lengths": (
        lambda: x ** [[1], [1, 2]],
        ValueError,
        "exponent must have rows of one length, got lengths 1 at index 0 and 2 at index 1",
    ),
    "a feed of rows of two lengths": (
        lambda: g.run(x, {x: [[1], [1, 2]]}),
        ValueError,
        "feeds: input 'x' must have rows of one length, got lengths 1 at index 0 and 2 at index 1",
    ),
    "a masked feed": (
        lambda: g.run(x, {x: np.ma.masked_equal([[1.0]], 1)}),
        ValueError,
        "feeds: input 'x' has masked values; fill or drop them first",
    ),
    "a masked parameter": (
        lambda: g.parameter(np.ma.masked_equal([1.0, 2.0], 1)),
        ValueError,
        "parameter has masked values; fill or drop them first",
    ),
    "an array for an axis": (lambda: g.sum(x, np.ones(2)), ValueError, "axis: expected None, 0 or"),
    "a number for an axis": (lambda: g.mean(x, np.array(0.5)), ValueError, "axis: expected None"),
    "a yes for an axis": (lambda: g.sum(x, True), ValueError, "axis: expected None, 0 or 1, got T"),
    "axes to normalize": (
        lambda: g.normalize(x, np.ones(2), 1e-5),
        ValueError,
        "axis: expected 0 or 1",
    ),
    "axes of a variance": (lambda: g.variance(x, np.ones(2)), ValueError, "axis: expected None, 0"),
    "a fraction of columns in an array": (
        lambda: g.input(np.array(2.5)),
        TypeError,
        "columns: expected an int, got ndarray",
    ),
    "no tolerance": (
        lambda: g.check_gradients(g.sum(g.parameter(1.0)), {}, rtol="small"),
        TypeError,
        "rtol must be a number, got 'small'",
    ),
    "a text for nodes": (lambda: g.gradient(x, ""), TypeError, "wrt: expected graph nodes, got s"),
    "a plan of no list": (
        lambda: planner.plan(x),
        TypeError,
        r"outputs must be a list .* write \[",
    ),
    "a plan of a model": (
        lambda: planner.plan([x], parameters=3),
        TypeError,
        "parameters must be Parameters, .* got int",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_not_a_graph_is_an_error_that_says_so(what: str):
    build, kind, message = BAD[what]
    with pytest.raises(kind, match=message):
        build()
