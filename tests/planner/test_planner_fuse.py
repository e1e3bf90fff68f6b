"""Each rule of fusion: what it makes of the steps it is for, and what it leaves alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.graph import Node
from fastmlp.planner import fuse, fuse_rows, plan
from fastmlp.planner.ir import Steps
from fastmlp.planner.kernels import ACTIVATION
from fastmlp.planner.lower import lower
from fastmlp.planner.parameters import Parameters

x, t = g.input(5, "x"), g.input(3, "t")
W, b = g.parameter(np.arange(15.0).reshape(3, 5) / 9 - 1, "W"), g.parameter([0.5, -1, 0.1], "b")
y = g.affine(x, W, b)
scale, shift = g.parameter(np.arange(5.0) / 3, "scale"), g.parameter(np.arange(5.0) - 2, "shift")
X = np.random.default_rng(0).normal(size=(300, 5))
T = np.abs(np.random.default_rng(1).normal(size=(300, 3)))


def lowered(outputs: Sequence[Node], gradients: Sequence[Node] = ()) -> Steps:
    """The steps of outputs, and of gradients of the scale and the shift in their order."""
    order = g.topological_order([*outputs, *gradients])
    parameters = Parameters([v for v in order if v.op == "parameter"])
    fed = [v for v in order if v.op == "input"]
    bars = dict(zip((scale, shift), gradients, strict=False))
    return lower(order, parameters=parameters, fed=fed, outputs=outputs, gradients=bars)


def kinds(work: Steps) -> Counter[str]:
    return Counter(step.kind for step in work.steps)


def logits_and_loss() -> list[Node]:
    loss = g.sum(g.softmax_cross_entropy(y, t))
    return [loss, g.gradient(loss, x)]


def weights_and_biases() -> list[Node]:
    z_bar = g.exp(y)
    return [g.matmul(x, z_bar, transpose_a=True), g.sum(z_bar, axis=0)]


def sum_and_penalty() -> list[Node]:
    V = g.parameter(np.arange(15.0).reshape(5, 3) / 10, "V")
    return [g.matmul(x, g.exp(y), transpose_a=True) + 0.1 * V]


def written_out_cross_entropy() -> list[Node]:
    return [g.softplus(y) - t * y]


def scaled_and_moved(axis: int) -> list[Node]:
    loss = g.sum(g.exp(g.normalize(x, axis, 0.5) * scale + shift))
    return g.gradient(loss, [x, scale, shift])


# A graph for each rule: what it has to become fewer of.
FOR: dict[str, tuple[Callable[[], list[Node]], str]] = {
    "drop_unread": (written_out_cross_entropy, "unary"),
    "deliver_in_place": (lambda: [g.exp(x)], "copy"),
    "activation_into_product": (lambda: [g.relu(y)], "unary"),
    "derivative_into_product": (lambda: [g.gradient(g.sum(g.exp(g.tanh(y) @ W)), y)], "binary"),
    "bias_gradient_into_product": (weights_and_biases, "sum"),
    "both_ways_of_cross_entropy": (logits_and_loss, "softmax_cross_entropy"),
    "squares_into_dot": (lambda: [g.sum(x**2)], "unary"),
    "factor_of_sum": (lambda: [2 * g.sum(x, axis=0)], "unary"),
    "sum_of_scaled": (lambda: [g.sum(2 * x, axis=0)], "unary"),
    "sum_of_sums": (lambda: [g.sum(g.sum(x, axis=1))], "sum"),
    "scale_into_addition": (lambda: [g.exp(x) + 2 * g.sin(x)], "binary"),
    "addition_into_product": (sum_and_penalty, "add_scaled"),
    "row_into_normalization": (lambda: [g.exp(g.normalize(x, 1, 0.5) * scale + shift)], "binary"),
    "scale_into_message": (
        lambda: [g.gradient(g.sum(g.exp(scale * g.normalize(x, 1, 0.5))), x)],
        "binary",
    ),
    "sums_into_rows_message": (lambda: scaled_and_moved(1), "dot"),
    "scale_into_columns_message": (
        lambda: [g.gradient(g.sum(g.exp(scale * g.normalize(x, 0, 0.5))), x)],
        "binary",
    ),
    "sums_of_columns": (lambda: scaled_and_moved(0), "dot"),
}
# What another rule must have prepared.
AFTER = {
    "addition_into_product": (fuse.scale_into_addition,),
    "sums_into_rows_message": (fuse.squares_into_dot, fuse_rows.scale_into_message),
    "sums_of_columns": (fuse.squares_into_dot, fuse_rows.scale_into_columns_message),
}
# As many steps as before, but what they read is small.
AS_MANY = {"sums_into_rows_message"}


def only(*rules: fuse.Rule) -> dict[fuse.Rule, tuple[str, ...]]:
    return {rule: fuse.RULES[rule] for rule in rules}


def test_every_rule_has_an_example():
    assert set(FOR) == {rule.__name__ for rule in fuse.RULES}


@pytest.mark.parametrize("rule", fuse.RULES)
def test_a_rule_makes_fewer_steps_of_its_example(rule: fuse.Rule):
    build, fewer = FOR[rule.__name__]
    work = lowered(build())
    fuse.fuse(work, only(*AFTER.get(rule.__name__, ())))
    before = kinds(work)
    fuse.fuse(work, only(rule))
    assert kinds(work)[fewer] < before[fewer]
    assert len(work.steps) - sum(before.values()) <= (0 if rule.__name__ in AS_MANY else -1)


@pytest.mark.parametrize("rule", fuse.RULES)
def test_a_rule_changes_no_result_of_its_example(rule: fuse.Rule, monkeypatch: pytest.MonkeyPatch):
    outputs = FOR[rule.__name__][0]()
    used = g.topological_order(outputs)
    feeds = {v: a for v, a in ((x, X), (t, T)) if v in used}
    expected = g.reference.evaluate(outputs, feeds)
    monkeypatch.setattr(fuse, "RULES", only(*AFTER.get(rule.__name__, ()), rule))
    for a, e in zip(plan(outputs, dtype="float64").run(feeds), expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("name", sorted(set(ACTIVATION) - {"identity"}))
def test_every_activation_is_one_step_with_its_layer(name: str):
    work = fuse.fuse(lowered([getattr(g, name)(y)]))
    assert [s.kind for s in work.steps] == ["gemm"]
    assert work.steps[0].numbers["activation"] == ACTIVATION[name]


@pytest.mark.parametrize("name", sorted(set(ACTIVATION) - {"identity", "threshold"}))
def test_every_derivative_is_one_step_with_the_product_before_it(name: str):
    h = getattr(g, name)(y)
    work = fuse.fuse(lowered(g.gradient(g.sum((h @ W) * x), [y])))
    products = [s for s in work.steps if s.kind == "gemm"]
    fused = [s for s in products if s.numbers["derivative"] == ACTIVATION[name]]
    assert len(fused) == 1
    assert kinds(work)["binary"] == 0


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_gradients_of_a_normalization_are_one_pass_in_any_order(axis: int, order: tuple[int, ...]):
    gradients = scaled_and_moved(axis)
    outputs = [gradients[i] for i in order]
    found = kinds(fuse.fuse(lowered(outputs)))
    sums = {1: "sum_blocks", 0: "standard_sums"}[axis]
    assert found["dot"] == found["sum"] == 0
    assert found[sums] == {1: 2, 0: 1}[axis]
    expected = g.reference.evaluate(outputs, {x: X})
    for a, e in zip(plan(outputs, dtype="float64").run({x: X}), expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_trained_normalization_keeps_nothing_for_its_gradients_but_x(axis: int):
    x_bar, *bars = scaled_and_moved(axis)
    work = fuse.fuse(lowered([x_bar], bars))
    found = kinds(work)
    assert found["dot"] == found["sum"] == 0
    assert found["sum_blocks"] + found["standard_sums"] == {1: 2, 0: 1}[axis]
    forward = [s for s in work.steps if s.kind in ("normalize_rows", "standardize")]
    assert [s.out2 for s in forward] == [None]  # h is not kept beside y


@pytest.mark.parametrize("axis", [0, 1])
def test_sums_of_a_normalization_that_is_told_apart_stay_apart(axis: int):
    h, other = g.normalize(x, axis, 0.5), g.normalize(x, axis, 0.25)
    loss = g.sum(g.exp(h * scale))
    bar = g.gradient(loss, [x])[0]
    outputs = [bar, g.sum(g.exp(h * scale) * other, axis=0), 2 * g.sum(h * bar, axis=0)]
    expected = g.reference.evaluate(outputs, {x: X})
    for a, e in zip(plan(outputs, dtype="float64").run({x: X}), expected, strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-11, atol=1e-11)


def test_what_others_read_is_not_fused_away():
    z = fuse.fuse(lowered([g.relu(y), y]))
    assert kinds(z)["unary"] == 1
    square = x**2
    assert kinds(fuse.fuse(lowered([g.sum(square), square])))["dot"] == 0


def test_z_is_kept_for_a_message_that_reads_it():
    V = g.parameter(np.arange(6.0).reshape(3, 2), "V")
    work = fuse.fuse(lowered([g.gradient(g.sum(g.exp(g.silu(y) @ V)), W)]))
    (message,) = (s for s in work.steps if s.kind == "gemm" and s.numbers["derivative"])
    (product,) = (s for s in work.steps if s.out is not None and s.out == message.inputs[3])
    assert product.kind == "gemm"
    assert product.numbers["activation"] == 0
    assert kinds(work)["unary"] == 2  # silu and exp


@pytest.mark.parametrize("name", sorted(set(ACTIVATION) - {"identity", "threshold"}))
def test_a_message_is_not_fused_into_the_product_that_it_reads(name: str):
    message = g.gradient(g.sum(getattr(g, name)(y) * t), y)  # t·φ'(y), and nobody needs φ(y)
    expected = g.reference.evaluate(message, {x: X, t: T})
    found = plan([message], dtype="float64").run({x: X, t: T})[0]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)


def test_a_sum_over_the_batch_is_not_yet_whole_when_it_is_multiplied():
    product = g.matmul(x, y, transpose_a=True)
    assert kinds(fuse.fuse(lowered([g.tanh(product)])))["unary"] == 1
    h = g.parameter(np.full((5, 3), 0.5))
    message = g.gradient(g.sum(product * g.sin(g.tanh(h))), h)
    for step in fuse.fuse(lowered([message])).steps:
        if step.kind == "gemm":
            assert step.numbers["activation"] == step.numbers["derivative"] == 0


def test_the_sum_of_the_weights_is_not_added_up_row_by_row():
    work = fuse.fuse(lowered([y, g.sum(W, axis=1)]))
    assert kinds(work) == {"gemm": 1, "sum": 1, "copy": 1}
    assert all(step.out2 is None for step in work.steps)


def test_the_penalty_joins_the_gradient_in_one_pass():
    loss = g.mean((y - t) ** 2) + 0.01 * g.sum(W**2)
    order = g.topological_order([loss, *(bars := g.gradient(loss, [W, b]))])
    work = fuse.fuse(
        lower(
            order,
            parameters=Parameters([W, b]),
            fed=[x, t],
            scalars=[loss],
            gradients=dict(zip([W, b], bars, strict=True)),
        )
    )
    added = [
        s for s in work.steps if len(s.inputs) > 3 and s.out and s.out.buffer.home == "gradient"
    ]
    assert [s.kind for s in added] == ["gemm"]
    assert added[0].scalar.value == pytest.approx(0.02)
    assert kinds(work)["add_scaled"] == 0


def test_cross_entropy_of_a_logistic_output_is_one_step_each_way():
    for loss in (g.logistic_cross_entropy(y, t), g.softplus(y) - t * y):
        assert kinds(fuse.fuse(lowered([loss]))) == {"gemm": 1, "binary": 1}
    message = g.gradient(g.sum(g.logistic_cross_entropy(y, t)), y)
    assert kinds(fuse.fuse(lowered([message]))) == {"gemm": 1, "binary": 1}


def test_a_number_divided_by_the_rows_of_the_batch_is_known_to_the_planner():
    inverse = g.mean(g.spread(g.constant(3.0), (g.BATCH, 1), mean=True))  # 3 / rows
    work = fuse.fuse(lowered([g.sum(x) * inverse]))
    assert kinds(work) == {"sum": 1, "copy": 1}
    for rows in (1, 7, 300):
        found = plan([g.sum(x) * inverse], dtype="float64").run({x: X[:rows]})[0]
        np.testing.assert_allclose(found, [[3.0 * X[:rows].sum() / rows]], rtol=1e-12)
