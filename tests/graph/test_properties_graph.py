"""Whatever comes to the functions of the graph: the reference's numbers, or a refusal."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmlp import graph as g
from fastmlp.graph import BATCH
from fastmlp.graph.ops import OPS
from op_cases import CASES
from properties import REFUSED, anything, attempt, laid_out, layouts, matrices, odd_arrays

rows = st.sampled_from([1, 1, 2, 3, BATCH])
columns = st.sampled_from([1, 1, 2, 3])
operands = st.one_of(
    st.tuples(rows, columns).map(lambda shape: g.input(shape[1], "a", rows=shape[0])),
    st.floats(-2, 2, allow_subnormal=False),  # the core takes them for zeros
    matrices(st.integers(1, 3), st.integers(1, 3)),
)
FUNCTIONS = sorted(set(OPS) & set(g.__all__))


def ordinary(value: object) -> bool:
    return not isinstance(value, float) or value == 0 or not abs(value) < sys.float_info.min


def value_of(node: g.Node, batch: int) -> np.ndarray:
    shape = [batch if side == BATCH else side for side in node.shape]
    return np.linspace(-1.5, 1.5, int(np.prod(shape))).reshape(shape)


def same_as_reference(node: g.Node, batch: int = 3) -> None:
    feeds = {v: value_of(v, batch) for v in g.topological_order(node) if v.op == "input"}
    with np.errstate(all="ignore"):
        expected = g.reference.evaluate(node, feeds)
    found = g.run(node, feeds, dtype="float64")
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", FUNCTIONS)
@given(st.data())
def test_operands_of_any_shape_are_computed_as_by_the_reference_or_refused(name, data):
    case = CASES[name][0]
    several = data.draw(st.lists(operands, min_size=len(case.arrays), max_size=len(case.arrays)))
    attrs = dict(case.attrs)
    if attrs and data.draw(st.booleans()):
        attrs[data.draw(st.sampled_from(sorted(attrs)))] = data.draw(anything.filter(ordinary))
    node = attempt(lambda: getattr(g, name)(*several, **attrs))
    if node is not REFUSED and all(isinstance(side, (int, str)) for side in node.shape):
        attempt(lambda: same_as_reference(node))


@given(st.data())
def test_what_is_fed_is_read_as_by_the_reference_or_refused_alike(data):
    node = g.input(data.draw(st.integers(1, 3)), "fed", rows=data.draw(rows))
    value = data.draw(
        st.one_of(
            odd_arrays,
            anything,
            st.tuples(matrices(st.integers(1, 3), st.integers(1, 3), finite=False), layouts).map(
                lambda drawn: laid_out(*drawn)
            ),
        )
    )
    outputs = [2.0 * node, g.maximum(node, 0.5), g.sum(node, axis=1)]
    with np.errstate(all="ignore"):
        expected = attempt(lambda: g.reference.evaluate(outputs, {node: value}), "fed", "feeds")
        found = attempt(lambda: g.run(outputs, {node: value}, dtype="float64"), "fed", "feeds")
    assert (found is REFUSED) == (expected is REFUSED)
    if found is not REFUSED:
        for one, other in zip(found, expected, strict=True):  # the core takes subnormals for zeros
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-306)


@given(st.lists(st.tuples(anything, anything), max_size=2), anything)
def test_feeds_of_any_kind_are_refused_by_name(pairs, other):
    x = g.input(1, "x")
    feeds = other
    try:
        feeds = {x: 1.0, **dict(pairs)} if pairs else other
    except TypeError:  # a key that cannot be one
        return
    attempt(lambda: g.run(2.0 * x, feeds), "feeds", "x")
    attempt(lambda: g.reference.evaluate(2.0 * x, feeds), "feeds", "x")
