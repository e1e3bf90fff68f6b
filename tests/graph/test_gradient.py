"""The gradient of a graph: by hand, by complex step, and of the gradient again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.graph import BATCH
from fastmlp.graph.gradients import overbar


def evaluate(node: g.Node, feeds: dict | None = None) -> float:
    return g.reference.evaluate(node, feeds or {}).item()


def test_logistic_least_squares_by_hand():
    """z = wx + b, y = σ(z), L = ½(y − t)², L_reg = L + λ·½w²; the formulas of the lecture."""
    x, t = g.input(1, "x"), g.input(1, "t")
    w, b = g.parameter(0.5, "w"), g.parameter(0.1, "b")
    z = w * x + b
    y = g.logistic(z)
    L = 0.5 * (y - t) ** 2
    L_reg = L + 0.01 * 0.5 * w**2
    signals = g.gradient(L_reg, [w, b, z, y])

    w_, b_, x_, t_ = 0.5, 0.1, 1.5, 1.0
    y_ = 1 / (1 + np.exp(-(w_ * x_ + b_)))
    y_bar = y_ - t_
    z_bar = y_bar * y_ * (1 - y_)
    w_bar, b_bar = z_bar * x_ + 0.01 * w_, z_bar
    for signal, by_hand in zip(signals, [w_bar, b_bar, z_bar, y_bar], strict=True):
        assert evaluate(signal, {x: x_, t: t_}) == pytest.approx(by_hand, rel=1e-15)


def test_two_paths_by_hand():
    """f = y + exp(x·y) with x = cos t, y = t²: df/dt sums the messages of both paths."""
    t = g.parameter(0.7, "t")
    x, y = g.cos(t), t**2
    f = y + g.exp(x * y)
    x_bar, y_bar, t_bar = (evaluate(v) for v in g.gradient(f, [x, y, t]))

    x_, y_ = np.cos(0.7), 0.49
    assert x_bar == pytest.approx(y_ * np.exp(x_ * y_), rel=1e-15)
    assert y_bar == pytest.approx(1 + x_ * np.exp(x_ * y_), rel=1e-15)
    assert t_bar == pytest.approx(-np.sin(0.7) * x_bar + 2 * 0.7 * y_bar, rel=1e-15)


def test_a_broadcast_sends_back_a_sum():
    X = np.arange(6.0).reshape(3, 2)
    x = g.input(2, "x")
    row, number = g.parameter([1.0, 2.0], "row"), g.parameter(3.0, "number")
    loss = g.sum(x * row * number)
    row_bar, number_bar = g.reference.evaluate(g.gradient(loss, [row, number]), {x: X})
    np.testing.assert_allclose(row_bar, 3 * X.sum(0, keepdims=True))
    np.testing.assert_allclose(number_bar, [[(X * [1, 2]).sum()]])


def test_the_gradient_of_a_loss_per_example_is_that_of_its_sum():
    x, w = g.input(1, "x"), g.parameter(0.3, "w")
    per_example = g.tanh(w * x)
    feeds = {x: [1.0, 2.0, 3.0]}
    of_each = evaluate(g.gradient(per_example, w), feeds)
    assert of_each == pytest.approx(evaluate(g.gradient(g.sum(per_example), w), feeds), rel=1e-15)


def test_the_gradient_of_the_loss_itself_is_one():
    loss = g.mean(g.input(3, "x"))
    assert evaluate(g.gradient(loss, loss), {}) == 1


def test_a_node_the_loss_does_not_depend_on_gets_zeros():
    x, w, other = g.input(2, "x"), g.parameter(1.0, "w"), g.parameter([[1.0, 2.0]], "other")
    later = g.exp(g.sum(w * x))
    for node in (other, later, g.input(3)):
        bar = g.gradient(g.sum(w * x), node)
        assert bar.shape == node.shape
        assert (g.reference.evaluate(bar, {x: [[1.0, 2.0], [3.0, 4.0]]}) == 0).all()


def test_through_a_threshold_nothing_comes_back():
    x, w = g.input(2, "x"), g.parameter([1.0, -1.0], "w")
    loss = g.sum(g.threshold(w * x)) + g.sum(g.argmax(w * x))
    np.testing.assert_array_equal(
        g.reference.evaluate(g.gradient(loss, w), {x: [[1.0, 2.0]]}), [[0, 0]]
    )


def test_only_what_leads_to_the_nodes_asked_for_is_in_the_graph():
    x, w = g.input(3, "x"), g.parameter(np.ones((2, 3)), "W")
    b = g.parameter([0.0, 0.0], "b")
    loss = g.mean(g.tanh(g.affine(x, w, b)))
    order = g.topological_order(g.gradient(loss, b))
    assert "matmul" not in {v.op for v in order}


def test_the_graph_of_a_gradient_is_as_one_writes_it_by_hand():
    x, t, w = g.input(1, "x"), g.input(1, "t"), g.parameter(0.5, "w")
    L = 0.5 * (w * x - t) ** 2
    w_bar = g.gradient(L, w)
    assert [v.op for v in g.topological_order(w_bar, known={x, t, w})] == [
        *["parameter", "input", "multiply", "input", "subtract"],  # y − t
        *["multiply", "sum"],  # Σ (y − t)·x
    ]


def test_error_signals_are_named_after_their_nodes():
    x, w = g.input(1, "x"), g.parameter(0.5, "w")
    z = (w * x).named("z")
    loss = g.sum(g.exp(z)).named("loss")
    w_bar, z_bar = g.gradient(loss, [w, z])
    assert w_bar.name == "w\u0304"
    assert z_bar.name is None  # it is h̄ · exp(z) with h̄ = 1: the node exp(z) of the graph itself
    square = g.sum(g.exp(z) ** 2)
    assert g.gradient(square, z).name == "z\u0304"


def test_a_node_of_the_forward_graph_is_not_renamed():
    a, b = g.parameter(2.0, "a"), g.parameter(3.0)
    assert g.gradient(a * b, a) is b
    assert b.name is None


@pytest.mark.parametrize(
    ("name", "barred"),
    [
        ("z", "z\u0304"),
        ("W1", "W\u03041"),
        ("w\u0304", "w\u0304\u0304"),
        ("b_2", "b\u0304_2"),
        ("L_reg", "L\u0304_reg"),
        ("loss", "l\u0305o\u0305s\u0305s\u0305"),
        ("h'", "h\u0304'"),
        ("y", "\u0233"),
        ("\u0233", "\u0233\u0304"),
    ],
)
def test_a_bar_stands_over_the_letter_or_over_the_word(name: str, barred: str):
    assert overbar(name) == barred


def test_one_node_gives_one_node_and_a_list_a_list():
    w = g.parameter(2.0, "w")
    assert isinstance(g.gradient(w**2, w), g.Node)
    assert [evaluate(v) for v in g.gradient(w**2, [w, w])] == [4.0, 4.0]
    assert g.gradient(w**2, []) == []


def test_a_graph_five_thousand_nodes_deep():
    w = g.parameter(0.5, "w")
    h = w
    for _ in range(5000):
        h = g.tanh(h) + 0.001
    report = g.check_gradients(h, {})
    assert report.errors[w] < 1e-12


def test_many_paths_are_summed_once_each():
    """40 doublings have 2^40 paths; each node sums its messages once."""
    w = g.parameter(1.0, "w")
    h = w
    for _ in range(40):
        h = h + h
    assert evaluate(g.gradient(h, w)) == 2.0**40


def mlp(seed: int, *, phi=g.tanh, sizes=(3, 5, 4)) -> tuple[g.Node, dict, list[g.Node]]:
    rng = np.random.default_rng(seed)
    x, t = g.input(sizes[0], "x"), g.input(1, "t")
    h, weights = x, []
    for i, (n, m) in enumerate(pairwise(sizes)):
        W = g.parameter(rng.normal(size=(m, n)), f"W{i + 1}")
        b = g.parameter(rng.normal(size=m), f"b{i + 1}")
        weights += [W, b]
        h = g.affine(h if i == 0 else phi(h), W, b)
    loss = g.mean(g.softmax_cross_entropy(h, t))
    loss = loss + 0.01 * 0.5 * sum(g.sum(W**2) for W in weights[::2])
    feeds = {x: rng.normal(size=(7, sizes[0])), t: rng.integers(sizes[-1], size=7)}
    return loss, feeds, weights


@pytest.mark.parametrize("phi", [g.tanh, g.logistic, g.softplus, g.sin, g.identity])
def test_a_networks_gradient_agrees_with_the_complex_step(phi):
    loss, feeds, weights = mlp(0, phi=phi)
    report = g.check_gradients(loss, feeds)
    assert set(report.errors) == set(weights)
    assert set(report.method.values()) == {"complex step"}
    assert max(report.errors.values()) < 1e-12


def test_a_relu_network_is_checked_by_central_differences_up_to_its_last_kink():
    loss, feeds, weights = mlp(1, phi=g.relu)
    report = g.check_gradients(loss, feeds)
    assert [report.method[v] for v in weights] == ["central differences"] * 2 + ["complex step"] * 2
    assert "W1: relative error" in str(report)


def test_the_gradient_of_a_gradient_penalty_agrees_with_the_complex_step():
    loss, feeds, weights = mlp(2, sizes=(2, 3, 2))
    penalty = loss + sum(g.sum(bar**2) for bar in g.gradient(loss, weights))
    assert max(g.check_gradients(penalty, feeds).errors.values()) < 1e-12


def test_third_derivatives_agree_with_those_of_the_sine():
    x = g.parameter(0.3, "x")
    f = g.sin(2 * x)
    for expected in (2 * np.cos(0.6), -4 * np.sin(0.6), -8 * np.cos(0.6)):
        f = g.gradient(f, x)
        assert evaluate(f) == pytest.approx(expected, rel=1e-15)


def test_the_gradient_with_respect_to_an_intermediate_node_is_checked_too():
    x, w = g.input(2, "x"), g.parameter([0.3, -0.4], "w")
    z = w * x
    loss = g.sum(g.logistic(z))
    report = g.check_gradients(loss, {x: [[1.0, 2.0], [3.0, 4.0]]}, wrt=[z, x])
    assert max(report.errors.values()) < 1e-12


def test_a_wrong_gradient_is_found(monkeypatch: pytest.MonkeyPatch):
    from dataclasses import replace

    from fastmlp.graph.ops import OPS

    wrong = replace(OPS["tanh"], derive=lambda h, bar, z: (bar * (1 - h),))
    monkeypatch.setitem(OPS, "tanh", wrong)
    w = g.parameter([0.5, 0.0], "w")
    with pytest.raises(
        g.GradientError, match=r"'w' at \(0, 0\) is 0\.53\d*, but the complex step gives"
    ):
        g.check_gradients(g.sum(g.tanh(w)), {})


def test_a_gradient_that_is_not_a_number_is_found():
    w = g.parameter([1.0, -1.0], "w")
    with pytest.raises(g.GradientError, match=r"gradient of 'w' at \(0, 1\) is nan"):
        g.check_gradients(g.sum(g.log(w) * g.sqrt(w)), {})


def test_a_derivative_that_cancels_is_not_held_against_the_gradient():
    z, shift = g.input(4, "z"), g.parameter(0.7, "shift")
    loss = g.mean(g.softmax_cross_entropy(z + shift, g.argmax(z)))
    g.check_gradients(loss, {z: np.random.default_rng(0).normal(size=(9, 4))})


v = g.input(1, "v")
BAD = {
    "a number as loss": (lambda: g.gradient(1.0, [v]), TypeError, "got float"),
    "a name as wrt": (lambda: g.gradient(v, ["w"]), TypeError, "got str"),
    "a model as loss": (
        lambda: g.check_gradients(object(), {}),
        TypeError,
        "loss must be a graph node, got object; a model's output is model.graph",
    ),
    "no parameters": (lambda: g.check_gradients(v, {v: 1.0}), ValueError, "on no parameter"),
    "an intermediate fed": (
        lambda: g.check_gradients(g.parameter(1.0) * v, {v + v: 1.0}),
        ValueError,
        "expected leaves only",
    ),
    "an input missing": (
        lambda: g.check_gradients(g.parameter(1.0) * v, {}),
        ValueError,
        "no value for input 'v'",
    ),
    "rows unknown": (
        lambda: g.reference.evaluate(g.gradient(v, v), {}),
        ValueError,
        "nothing fed tells the rows of spread",
    ),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_differentiated_is_an_error_that_says_so(what: str):
    build, kind, message = BAD[what]
    with pytest.raises(kind, match=message):
        build()


def test_the_seed_has_the_rows_of_the_batch():
    x = g.input(3, "x")
    bar = g.gradient(x, x)
    assert bar.shape == (BATCH, 3)
    np.testing.assert_array_equal(g.reference.evaluate(bar, {x: np.zeros((2, 3))}), np.ones((2, 3)))
