"""Rows of numbers beside an activation: one pass forward, one back, and the same numbers."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.graph import Node
from fastmlp.optimizers import SGD
from fastmlp.planner import plan, plan_training
from fastmlp.planner.fuse import fuse
from fastmlp.planner.ir import Steps
from fastmlp.planner.kernels import ACTIVATION
from fastmlp.planner.lower import lower
from fastmlp.planner.parameters import Parameters

PHI = sorted(set(ACTIVATION) - {"identity"})


def row(columns: int, seed: int) -> Node:
    return g.parameter(np.random.default_rng(seed).uniform(0.5, 1.5, (1, columns)), f"row{seed}")


def layer(
    v: Node, phi: str | None, *, offset: bool = True, factor: bool = True
) -> tuple[Node, list[Node]]:
    """φ(v∘scale + offset)∘factor and its rows."""
    n = v.shape[1]
    rows = [row(n, 1)]
    z = v * rows[0]
    if offset:
        rows.append(row(n, 2))
        z = z + rows[-1]
    h = z if phi is None else getattr(g, phi)(z)
    if factor:
        rows.append(row(n, 3))
        h = h * rows[-1]
    return h, rows


def lowered(outputs: list[Node]) -> Steps:
    order = g.topological_order(outputs)
    parameters = Parameters([v for v in order if v.op == "parameter"])
    fed = [v for v in order if v.op == "input"]
    return fuse(lower(order, parameters=parameters, fed=fed, outputs=outputs))


def kinds(outputs: list[Node]) -> Counter[str]:
    return Counter(step.kind for step in lowered(outputs).steps)


def weights(rows: int, columns: int) -> Node:
    return g.parameter(np.random.default_rng(rows).normal(size=(rows, columns)) / 2, "W")


def network(phi: str | None, columns: int = 5, **how: bool) -> tuple[Node, list[Node]]:
    """Outputs of a layer between two products, and the gradients of all parameters and of x."""
    x = g.input(4, "x")
    W, V = weights(columns, 4), weights(3, columns)
    h, rows = layer(g.matmul(x, W, transpose_b=True), phi, **how)
    y = g.matmul(h, V, transpose_b=True)
    return x, [y, *g.gradient(g.sum(g.sin(y)), [W, *rows, V, x])]


def close(outputs: list[Node], feeds: dict[Node, np.ndarray], dtype: str) -> None:
    expected = g.reference.evaluate(outputs, feeds)
    bound = 1e-11 if dtype == "float64" else 2e-4
    for a, e in zip(plan(outputs, dtype=dtype).run(feeds), expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=bound, atol=bound * max(1, np.abs(e).max()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [False, True])
@pytest.mark.parametrize("factor", [False, True])
@pytest.mark.parametrize("phi", [None, *PHI])
def test_values_and_gradients_are_those_of_the_reference(
    phi: str | None, factor: bool, offset: bool, dtype: str
):
    x, outputs = network(phi, offset=offset, factor=factor)
    X = np.random.default_rng(0).normal(size=(37, 4))
    close(outputs, {x: X}, dtype)


@pytest.mark.parametrize("columns", [1, 2, 15, 16, 17, 1023, 1025, 2050])
@pytest.mark.parametrize("rows", [1, 2, 33])
def test_any_number_of_rows_and_columns(rows: int, columns: int):
    x, outputs = network("tanh", columns)
    close(outputs, {x: np.random.default_rng(0).normal(size=(rows, 4))}, "float64")


@pytest.mark.parametrize("phi", sorted({*PHI} - {"threshold"}))
def test_a_layer_is_one_pass_each_way(phi: str):
    found = kinds(network(phi)[1])
    assert found["rescale"] == found["rescale_message"] == 1
    assert found["sum_blocks"] == 3
    assert found["dot"] == found["sum"] == 0
    assert found["binary"] == 0
    assert kinds(network(phi)[1][:1]) == {"gemm": 2, "rescale": 1}


def test_a_scale_alone_is_passed_with_the_sum_of_its_gradient():
    found = kinds(network(None, offset=False, factor=False)[1])
    assert found["rescale_message"] == 1
    assert found["dot"] == 0


def test_groups_of_columns_are_scaled_in_one_pass():
    x, k, n = g.input(12, "x"), 4, 5
    r, W, V = row(12, 7), weights(n, 3), weights(3, n * k)
    v = g.ungroup_rows(g.matmul(g.group_rows(x * r, k), W, transpose_b=True), k)
    h, rows = layer(v, "relu")
    y = g.matmul(h, V, transpose_b=True)
    outputs = [y, *g.gradient(g.sum(g.sin(y)), [r, W, *rows, V])]
    assert kinds(outputs)["rescale_message"] == 1
    close(outputs, {x: np.random.default_rng(0).normal(size=(50, 12))}, "float64")


def test_what_others_read_is_kept():
    x = g.input(4, "x")
    scale, offset = row(4, 1), row(4, 2)
    z = x * scale + offset
    h = g.relu(z)
    for outputs in ([h, z], [h, x * scale], [g.exp(h), h]):
        close(outputs, {x: np.random.default_rng(0).normal(size=(9, 4))}, "float64")
    assert kinds([h, z])["rescale"] == 1  # of z, and relu by itself
    loss = g.sum(g.sin(h))
    bars = g.gradient(loss, [scale, offset, x])
    read = g.gradient(g.sum(g.sin(h)) + g.sum(h * g.cos(z)), [scale, offset, x])
    for outputs in (bars, [*bars, h, z], read):
        close(outputs, {x: np.random.default_rng(0).normal(size=(9, 4))}, "float64")


def test_another_scale_than_that_of_the_forward_pass_is_not_taken_for_it():
    x = g.input(4, "x")
    scale, other, offset = row(4, 1), row(4, 5), row(4, 2)
    h = g.silu(x * scale + offset)
    bar = g.gradient(g.sum(g.sin(h)), [x * scale])[0]
    outputs = [h, bar, g.gradient(g.sum(g.sin(h)), [scale])[0]]
    z_bar = g.gradient(g.sum(g.sin(h)), [offset])[0]
    outputs += [z_bar, g.exp(h) * other, g.sum(g.exp(h) * x, axis=0)]
    close(outputs, {x: np.random.default_rng(0).normal(size=(9, 4))}, "float64")


def test_rows_that_no_gradient_is_wanted_of_have_no_sums():
    x = g.input(4, "x")
    W = weights(5, 4)
    h, rows = layer(g.matmul(x, W, transpose_b=True), "relu")
    outputs = [h, *g.gradient(g.sum(g.sin(h)), [W])]
    assert kinds(outputs)["rescale_message"] == 0
    close(outputs, {x: np.random.default_rng(0).normal(size=(9, 4))}, "float64")
    for wanted in rows:
        outputs = [h, *g.gradient(g.sum(g.sin(h)), [W, wanted])]
        close(outputs, {x: np.random.default_rng(0).normal(size=(9, 4))}, "float64")


@pytest.mark.parametrize("rows", [7, 64, 700])
def test_a_training_of_many_or_few_rows_goes_along_the_reference(rows: int):
    x, t = g.input(4, "x"), g.input(3, "t")
    W, V = weights(120, 4), weights(3, 120)
    h, scales = layer(g.matmul(x, W, transpose_b=True), "tanh")
    loss = g.mean(g.sum((g.matmul(h, V, transpose_b=True) - t) ** 2, axis=1))
    nodes = [W, *scales, V]
    rng = np.random.default_rng(0)
    feeds = {x: rng.normal(size=(rows, 4)), t: rng.normal(size=(rows, 3))}
    bars = g.reference.evaluate(g.gradient(loss, nodes), feeds)
    expected = [v.value - 0.01 * bar for v, bar in zip(nodes, bars, strict=True)]
    parameters, how = Parameters(nodes, "float64"), SGD(0.01)
    training = plan_training(loss, parameters, how)
    training.run_epochs(
        feeds,
        state=training.new_state(),
        order=None,
        batch_size=rows,
        epochs=1,
        step_values=how.step_values(0, 1, how.rates(0, 1)),
        seed=0,
        first_step=0,
    )
    for v, e in zip(nodes, expected, strict=True):
        np.testing.assert_allclose(parameters.view(v), e, rtol=1e-10, atol=1e-12)


def test_not_a_number_stays():
    x, outputs = network("relu")
    X = np.random.default_rng(0).normal(size=(9, 4))
    X[3, 1] = np.nan
    expected = g.reference.evaluate(outputs, {x: X})
    for a, e in zip(plan(outputs, dtype="float64").run({x: X}), expected, strict=True):
        assert (np.isnan(a) == np.isnan(e)).all()
