"""The flat vector of parameters."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.planner import plan
from fastmlp.planner.parameters import Parameters, aligned_zeros

SHAPES = [(1, 1), (3, 5), (1, 17), (16, 1), (31, 33), (1, 1)]


def nodes() -> list[g.Node]:
    rng = np.random.default_rng(0)
    return [g.parameter(rng.normal(size=s), f"p{i}") for i, s in enumerate(SHAPES)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_views_have_the_initial_values_and_shapes(dtype: str):
    given = nodes()
    parameters = Parameters(given, dtype)
    for node in given:
        view = parameters.view(node)
        assert view.shape == node.shape
        assert view.dtype == np.dtype(dtype)
        assert node.value is not None
        np.testing.assert_array_equal(view, node.value.astype(dtype))


def test_views_write_through_and_do_not_touch_each_other():
    given = nodes()
    parameters = Parameters(given)
    for i, node in enumerate(given):
        parameters.view(node)[...] = i + 1
    for i, node in enumerate(given):
        assert (parameters.view(node) == i + 1).all()
    sizes = [a * b for a, b in SHAPES]
    assert [np.count_nonzero(parameters.flat == i + 1) for i in range(len(sizes))] == sizes
    assert np.count_nonzero(parameters.flat) == sum(sizes)  # what pads them stays zero


def test_every_matrix_begins_on_a_cache_line():
    parameters = Parameters(nodes())
    for node in parameters.nodes:
        assert parameters.view(node).ctypes.data % 64 == 0


@pytest.mark.parametrize("size", [0, 1, 15, 16, 1000])
def test_vectors_begin_on_a_cache_line(size: int):
    for dtype in (np.float32, np.float64):
        vector = aligned_zeros(size, dtype)
        assert vector.shape == (size,)
        assert size == 0 or vector.ctypes.data % 64 == 0
        assert not vector.any()


def test_a_matrix_is_stored_by_inputs():
    W = g.parameter([[1.0, 2, 3], [4, 5, 6]], "W")
    np.testing.assert_array_equal(Parameters([W]).flat[:6], [1, 4, 2, 5, 3, 6])


def test_a_vector_of_the_same_layout_has_the_same_views():
    parameters = Parameters(nodes())
    other = parameters.new_vector()
    assert other.shape == parameters.flat.shape
    view = parameters.view(parameters.nodes[1], other)
    view[2, 3] = 7
    assert other.sum() == 7
    with pytest.raises(ValueError, match="vector: expected shape"):
        parameters.view(parameters.nodes[1], other[:-1])


def test_a_copy_has_values_of_its_own():
    parameters = Parameters(nodes(), "float64")
    parameters.flat *= 2
    other = parameters.copy()
    np.testing.assert_array_equal(other.flat, parameters.flat)
    other.flat[:] = 0
    assert parameters.flat.any()


@pytest.mark.parametrize("again", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_by_pickle_runs_in_the_core_as_the_original_does(again: object):
    W = g.parameter([[1.0, 2], [3, 4]], "W")
    parameters = Parameters([W])
    parameters.view(W)[0, 0] = 9
    twin = again(parameters)  # type: ignore[operator]
    other = twin.nodes[0]
    assert twin.flat.ctypes.data % 64 == 0
    np.testing.assert_array_equal(plan([other], parameters=twin).run({})[0], [[9, 2], [3, 4]])
    twin.view(other)[...] = 0
    assert parameters.view(W)[0, 0] == 9


W = g.parameter(1.0, "W")


@pytest.mark.parametrize(
    ("given", "dtype", "error", "message"),
    [
        ([W, W], "float32", ValueError, "given twice"),
        ([g.input(1, "x")], "float32", TypeError, "expected parameters, got"),
        ([1.0], "float32", TypeError, "expected parameters, got 1.0"),
        ([W], "float16", ValueError, "float32 or float64, got .*float16"),
        ([W], "int64", ValueError, "float32 or float64, got .*int64"),
    ],
)
def test_what_cannot_be_parameters_is_refused(
    given: list[g.Node], dtype: str, error: type[Exception], message: str
):
    with pytest.raises(error, match=message):
        Parameters(given, dtype)


def test_a_foreign_node_has_no_view():
    with pytest.raises(ValueError, match="is not among these parameters"):
        Parameters([W]).view(g.parameter(2.0, "V"))


def test_no_parameters_are_an_empty_vector():
    parameters = Parameters([])
    assert parameters.flat.shape == (0,)
    assert "0 numbers" in repr(parameters)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_parameters_that_absorb_others_keep_their_places_and_all_values(dtype: str):
    given = nodes()
    first, second, third = (Parameters(given[i : i + 2], dtype) for i in (0, 2, 4))
    values = {node: node.value.astype(dtype) for node in given if node.value is not None}
    places, before = dict(first.offsets), first.flat
    moments = third.new_vector()
    moments[:] = np.arange(third.size)
    layout = third.offsets
    second.absorb(third)
    first.absorb(second)
    assert first.nodes == tuple(given)
    assert first.flat is not before
    assert {node: first.offsets[node] for node in places} == places
    assert first.flat.ctypes.data % 64 == 0
    for node in given:
        np.testing.assert_array_equal(first.view(node), values[node])
        assert node.value is not None
        assert np.shares_memory(node.value, first.flat)  # a plan of the node follows
    for other in (second, third):  # they are the first from now on
        assert other.flat is first.flat
        assert (other.size, other.nodes, other.dtype) == (first.size, first.nodes, first.dtype)
        np.testing.assert_array_equal(other.copy().flat, first.flat)
    moved = first.put(moments, layout, first.new_vector())
    for node in given[4:]:
        old = moments[layout[node] : layout[node] + values[node].size]
        np.testing.assert_array_equal(first.view(node, moved).T.ravel(), old)
    assert not any(first.view(node, moved).any() for node in given[:4])
    with pytest.raises(AttributeError, match="'Parameters' object has no attribute 'other'"):
        third.other  # noqa: B018


def test_parameters_of_another_type_are_not_absorbed():
    given = nodes()
    first, second = Parameters(given[:2]), Parameters(given[2:], "float64")
    flat = first.flat
    with pytest.raises(ValueError, match="others: expected parameters of float32, got float64"):
        first.absorb(second)
    assert first.flat is flat
    assert second.nodes == tuple(given[2:])


def test_a_part_lies_as_parameters_alone_and_goes_back():
    given = nodes()
    parameters, alone = Parameters(given), Parameters(given[3:1:-1])
    part = parameters.part(alone.nodes)
    np.testing.assert_array_equal(part, alone.flat)
    expected = parameters.flat.copy()
    for node in alone.nodes:
        parameters.view(node, expected)[...] *= 2
    assert parameters.put_part(alone.nodes, 2 * part) is parameters.flat
    np.testing.assert_array_equal(parameters.flat, expected)
    with pytest.raises(ValueError, match=r"part: expected shape \(48,\), got \(47,\)"):
        parameters.put_part(alone.nodes, part[1:])
