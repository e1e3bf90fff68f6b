"""Groups of columns as rows, products of groups, rows of tables."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from fastmlp import graph as g
from fastmlp.graph.shapes import fraction, multiple, number_of_rows, per_example
from fastmlp.planner import plan
from fastmlp.planner.build import plan_program
from fastmlp.planner.parameters import Parameters


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def both(node: g.Node, feeds: dict[g.Node, np.ndarray]) -> np.ndarray:
    """The value by the reference, once the core has been found to agree."""
    expected = g.reference.evaluate(node, feeds)
    found = g.run(node, feeds, dtype="float64")
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    return expected


def test_rows_may_be_a_multiple_of_the_batch():
    assert [per_example(rows) for rows in (3, "batch", "4·batch")] == [0, 1, 4]
    assert [multiple(rows, 4) for rows in (3, "batch", "4·batch")] == [12, "4·batch", "16·batch"]
    assert [fraction(rows, 4) for rows in (12, "4·batch", "16·batch")] == [3, "batch", "4·batch"]
    assert [number_of_rows(rows, 5) for rows in (3, "batch", "4·batch")] == [3, 5, 20]
    with pytest.raises(ValueError, match="6·batch rows are no multiple of 4"):
        fraction("6·batch", 4)


def test_one_group_and_there_and_back_are_the_node_itself():
    x = g.input(6, "x")
    assert g.group_rows(x, 1) is x
    assert g.ungroup_rows(g.group_rows(x, 3), 3) is x
    y = g.tanh(g.group_rows(x, 3))
    assert g.group_rows(g.ungroup_rows(y, 3), 3) is y
    assert g.group_rows(g.group_rows(x, 3), 2).shape == ("6·batch", 1)


@pytest.mark.parametrize("rows", [1, 2, 130, 700])
def test_functions_of_rows_see_groups_as_rows(rows: int):
    x, t = g.input(12, "x"), g.input(4, "t")
    X, T = numbers(rows, 12), np.random.default_rng(0).integers(3, size=(rows, 4))
    feeds = {x: X, t: T}
    z, classes = g.group_rows(x, 4), g.group_rows(t, 4)
    softmax = both(g.ungroup_rows(g.softmax(z), 4), {x: X})
    by_group = scipy.special.softmax(X.reshape(rows, 4, 3), axis=2)
    np.testing.assert_allclose(softmax, by_group.reshape(rows, 12), rtol=1e-12)
    best = both(g.ungroup_rows(g.argmax(z), 4), {x: X})
    np.testing.assert_array_equal(best, X.reshape(rows, 4, 3).argmax(axis=2))
    loss = g.mean(g.softmax_cross_entropy(z, classes))
    log = scipy.special.log_softmax(X.reshape(rows, 4, 3), axis=2)
    expected = -np.take_along_axis(log, T[:, :, None], axis=2).mean()
    assert both(loss, feeds).item() == pytest.approx(expected, rel=1e-12)
    both(g.gradient(loss, x), feeds)
    both(g.gradient(g.sum(g.gradient(loss, x) ** 2), x), feeds)


def test_sums_means_and_dropout_of_groups_are_those_of_their_rows():
    x = g.input(6, "x")
    X = numbers(300, 6)
    z = g.group_rows(x, 3)
    for node in (
        g.sum(z, axis=0),
        g.mean(z),
        g.mean(z, axis=0),
        g.ungroup_rows(g.mean(z, axis=1), 3),
        g.ungroup_rows(g.spread(g.mean(z, axis=0), ("3·batch", 2), mean=True), 3),
        g.dropout(z, 0.5, key=2),
        z,
    ):
        both(node, {x: X})


def test_an_affine_function_of_groups_with_one_matrix_or_one_each():
    X, W, E = numbers(7, 12), numbers(5, 3), numbers(20, 3, seed=1)
    b, c = numbers(1, 5), numbers(1, 20)
    x = g.input(12, "x")
    grouped = X.reshape(7, 4, 3)
    one = np.einsum("bki,oi->bko", grouped, W)
    each = np.einsum("bki,koi->bko", grouped, E.reshape(4, 5, 3))
    for node, expected in (
        (g.affine(x, W, b, 4, shared=True), (one + b[0]).reshape(7, 20)),
        (g.affine(x, W, c, 4, shared=True), one.reshape(7, 20) + c),
        (g.affine(x, E, c, groups=4), each.reshape(7, 20) + c),
    ):
        np.testing.assert_allclose(both(node, {x: X}), expected, rtol=1e-12, atol=1e-12)
    assert g.affine(x, numbers(5, 12), b, groups=1).op == "affine"


@pytest.mark.parametrize("shared", [True, False])
def test_gradients_of_groups_pass_the_check_twice(shared: bool):
    x, t = g.input(6, "x"), g.input(2, "t")
    W = g.parameter(numbers(2 if shared else 6, 2), "W")
    b = g.parameter(numbers(1, 2 if shared else 6), "b")
    table = g.parameter(numbers(4, 6), "E", by_rows=True)
    h = g.tanh(g.affine(x * g.take_rows([table, table], t)[:, 3:9], W, b, 3, shared=shared))
    loss = g.mean(g.softmax(g.group_rows(h, 3)) ** 3)
    feeds = {x: numbers(5, 6), t: np.array([[0, 3], [1, 1], [3, 0], [2, 2], [0, 1]])}
    first = g.gradient(loss, [W, b, table])
    second = g.sum(first[0] ** 2) + g.sum(first[1] ** 2) + g.sum(first[2] ** 2)
    for node in (loss, second):
        g.check_gradients(node, feeds, wrt=[W, b, table])


def test_a_layer_of_groups_with_one_matrix_is_one_product_with_its_activation():
    x, t = g.input(12, "x"), g.input(20, "t")
    W, V = g.parameter(numbers(5, 3), "W"), g.parameter(numbers(5, 5), "V")
    h = g.relu(g.affine(g.group_rows(x, 4), W, g.parameter(np.zeros(5))))
    y = g.ungroup_rows(g.relu(g.affine(h, V, g.parameter(np.zeros(5)))), 4)
    loss = g.mean((y - t) ** 2)
    used = [v for v in g.topological_order(loss) if v.op == "parameter"]
    wanted = dict(zip(used, g.gradient(loss, used), strict=True))
    _, work = plan_program(
        [], parameters=Parameters(used), fed=[x, t], scalars=[loss], gradients=wanted
    )
    products = [step for step in work.steps if step.kind == "gemm"]
    assert [bool(s.numbers["activation"]) for s in products] == [True, True, False, False, False]
    assert [bool(s.numbers["derivative"]) for s in products].count(True) == 1
    assert sum(step.out2 is not None for step in products) == 2  # b̄ on the way of W̄


def test_what_does_not_fit_is_refused():
    x, t = g.input(6, "x"), g.input(2, "t")
    with pytest.raises(ValueError, match=r"columns of \(batch, 6\) are not 4 groups"):
        g.group_rows(x, 4)
    with pytest.raises(ValueError, match="no multiple of 4"):
        g.ungroup_rows(x, 4)
    with pytest.raises(ValueError, match="groups: expected at least 1, got 0"):
        g.group_rows(x, 0)
    with pytest.raises(TypeError):
        g.affine(x, numbers(4, 3), numbers(1, 4), groups=2.0)
    with pytest.raises(ValueError, match=r"are not 4 groups"):
        g.affine(x, numbers(4, 3), numbers(1, 4), groups=4)
    with pytest.raises(ValueError, match="do not fit"):
        g.affine(x, numbers(4, 2), numbers(1, 4), groups=2)
    with pytest.raises(ValueError, match=r"b of shape \(1, 4\), got \(1, 2\)"):
        g.affine(x, numbers(4, 3), numbers(1, 2), groups=2)
    with pytest.raises(ValueError, match=r"\(1, 4\) or \(1, 8\), got \(1, 2\)"):
        g.affine(x, numbers(4, 3), numbers(1, 2), groups=2, shared=True)
    with pytest.raises(ValueError, match="cannot both be True"):
        g.group_matmul(x, x, 2, True, True)
    with pytest.raises(ValueError, match="as many rows"):
        g.group_matmul(x, numbers(3, 2), 2, transpose_a=True)
    with pytest.raises(ValueError, match=r"a multiple of the batch's; feed what it is made of"):
        g.run(g.exp(y := g.group_rows(x, 2)), {y: numbers(4, 3)})
    with pytest.raises(ValueError, match="predictor: an output has several rows"):
        plan([g.group_rows(x, 2)]).predictor()
    with pytest.raises(ValueError, match="rows: expected an int"):
        g.input(3, rows="2·batch")
    with pytest.raises(ValueError, match="a table for each column"):
        g.take_rows([numbers(3, 2)], t)
    with pytest.raises(ValueError, match="must have a number of rows"):
        g.take_rows([x, x], t)


@pytest.mark.parametrize("wrong", [-1, 4, 0.5, np.nan])
def test_an_index_that_is_no_row_is_an_error_of_the_reference_and_nan_in_the_core(wrong: float):
    t = g.input(2, "t")
    table = g.constant(numbers(4, 3))
    T = np.array([[0.0, 1.0], [2.0, wrong], [3.0, 3.0]])
    taken = g.take_rows([table, table], t)
    with pytest.raises(ValueError, match=r"in 0 … 3 in column 1, got 1 others, .* in row 1"):
        g.reference.evaluate(taken, {t: T})
    if wrong == 0.5:
        return  # the core cuts off fractions
    found = g.run(taken, {t: T})
    assert np.isnan(found[1, 3:]).all()
    assert np.isfinite(np.delete(found, 1, axis=0)).all()


def test_a_table_by_rows_lies_as_it_is_read():
    table = g.parameter([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "E", by_rows=True)
    parameters = Parameters([table])
    assert parameters.flat[:6].tolist() == [1, 2, 3, 4, 5, 6]
    assert parameters.view(table)[1].tolist() == [4, 5, 6]
    t = g.input(1, "t")
    _, work = plan_program([g.take_rows(table, t)], parameters=parameters, fed=[t])
    assert [step.kind for step in work.steps] == ["take_rows"]
