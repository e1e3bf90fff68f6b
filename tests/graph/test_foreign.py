"""Functions of NumPy are given nodes: a TypeError says what to write; operators work."""

from __future__ import annotations

import math

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.graph.foreign import INSTEAD

x = g.input(3, "x")
X = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, 1.5]])
FUNCTIONS = {
    "np.mean": np.mean,
    "np.sum": np.sum,
    "np.max": np.max,
    "np.var": np.var,
    "np.median": np.median,
    "np.average": np.average,
    "np.argmax": np.argmax,
    "np.cumsum": np.cumsum,
    "np.where": lambda a: np.where(a, a, 0),
    "np.dot": lambda a: np.dot(a, a),
    "np.concatenate": lambda a: np.concatenate([a, a]),
    "np.linalg.norm": np.linalg.norm,
    "np.sin": np.sin,
    "np.maximum": lambda a: np.maximum(a, 0),
    "np.add.reduce": np.add.reduce,
    "np.transpose": np.transpose,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_arrays_says_what_to_write_for_nodes(name):
    with pytest.raises(TypeError, match="was given a node of a graph") as error:
        FUNCTIONS[name](x)
    assert str(error.value).startswith(f"{name} ")
    short = name.rpartition(".")[2]
    assert ("write" in str(error.value)) == (short in INSTEAD)


@pytest.mark.parametrize(
    "name", ["exp2", "log2", "log10", "reciprocal", "square", "tan", "sinh", "cosh", "sign"]
)
def test_what_is_said_instead_computes_it(name):
    a = np.array([[0.3, 1.2, 2.5]])
    found = eval(INSTEAD[name], {"g": g, "math": math, "a": g.constant(a)})
    np.testing.assert_allclose(g.reference.evaluate(found, {}), getattr(np, name)(a), rtol=1e-12)


@pytest.mark.parametrize("name", ["max", "min", "argmin"])
def test_what_is_said_instead_takes_each_row(name):
    a = np.array([[0.3, -1.2, 2.5], [4.0, 5.0, 6.0]])
    told = INSTEAD[name].partition(" for ")[0]
    found = g.reference.evaluate(eval(told, {"g": g, "a": g.constant(a)}), {})
    np.testing.assert_array_equal(found, getattr(np, name)(a, axis=1, keepdims=True))


@pytest.mark.parametrize("name", [n for n in INSTEAD.values() if n.endswith("(…)")])
def test_what_is_said_instead_exists(name):
    for one in name.split("("):
        if one.startswith("g."):
            assert callable(getattr(g, one[2:]))


@pytest.mark.parametrize(
    "compute",
    [
        lambda a, v: a + v,
        lambda a, v: a - v,
        lambda a, v: a * v,
        lambda a, v: a / (v * v + 1.0),
        lambda a, v: (v * v + 1.0) ** a,
        lambda a, v: np.float32(2) * v,
        lambda a, v: np.add(v, a),
        lambda a, v: np.ones((2, 2)) @ v,
    ],
)
def test_operators_between_arrays_and_nodes_are_nodes(compute):
    v = g.input(3, rows=2)
    node = compute(np.array([[2.0, 3.0, -1.0]]), v)
    expected = compute(np.array([[2.0, 3.0, -1.0]]), X)
    assert isinstance(node, g.Node)
    np.testing.assert_allclose(g.reference.evaluate(node, {v: X}), expected)


def test_what_people_write_of_arrays_says_what_to_write_of_nodes():
    for method in ("sum", "mean", "exp", "square", "grad", "backward", "numpy", "item"):
        with pytest.raises(AttributeError, match=f"'Node' object has no attribute '{method}'; wr"):
            getattr(x, method)
    with pytest.raises(AttributeError, match=r"has no attribute 'foo'$"):
        _ = x.foo
    with pytest.raises(AttributeError, match=r"has no attribute 'square'; write a\*\*2$"):
        _ = g.square
    for compare in (lambda: x > 0, lambda: max(x, x), lambda: np.ones(3) > x):
        with pytest.raises(TypeError, match=r"g.threshold\(a - b\), which is 1 where a > b"):
            compare()


def test_abs_of_a_node_is_a_node():
    np.testing.assert_array_equal(g.run(abs(x), {x: X}), np.abs(X))
    model = fm.MLP([3, 1], seed=0, dtype="float64")
    mine = model.evaluate(X, [1.0, 2.0], loss=lambda y, t: abs(y - t))["loss"]
    assert mine == pytest.approx(model.evaluate(X, [1.0, 2.0], loss="mae")["loss"])


def test_an_argument_beside_the_operands_is_refused():
    for settings in ({"where": [True, False]}, {"out": np.zeros(2)}, {"dtype": "float32"}):
        with pytest.raises(TypeError, match="was given a node of a graph"):
            np.add(np.ones(2), x, **settings)


def test_adding_to_a_variable_that_was_an_array_makes_it_a_node():
    total = np.zeros(3)
    total += x
    assert isinstance(total, g.Node)


def test_nodes_are_compared_by_identity_beside_arrays_too():
    assert not np.bool_(np.float64(1.0) == x)
    assert np.bool_(np.float64(1.0) != x)
    assert x in [np.float64(3.0), x]


def test_a_layer_of_numpys_function_says_so():
    with pytest.raises(TypeError, match=r"np\.sin computes with arrays.*g\.sin"):
        fm.Sequential([fm.Lambda(np.sin), fm.Dense(1)], input_columns=2)
    with pytest.raises(TypeError, match=r"np\.mean computes with arrays.*g\.mean"):
        fm.Sequential([fm.Lambda(lambda x: x - np.mean(x)), fm.Dense(1)], input_columns=2)
