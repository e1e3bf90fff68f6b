"""The forward and backward passes as tables and as data."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.graph.tracing import brief, number


def two_paths() -> tuple[g.Node, dict[str, g.Node]]:
    t = g.parameter(0.7, "t")
    x, y = g.cos(t).named("x"), (t**2).named("y")
    f = (y + g.exp(x * y)).named("f")
    return f, {"t": t, "x": x, "y": y}


def network() -> tuple[g.Node, dict[g.Node, np.ndarray]]:
    rng = np.random.default_rng(0)
    x, t = g.input(3, "x"), g.input(1, "t")
    W = g.parameter(rng.normal(size=(4, 3)), "W")
    b = g.parameter(rng.normal(size=4), "b")
    h = g.dropout(g.relu(g.affine(x, W, b)), 0.3, key=1)
    loss = g.mean(g.softmax_cross_entropy(g.concatenate([h, h[:, 1:3]]), t)) + 0.1 * g.sum(W**2)
    return loss, {x: rng.normal(size=(5, 3)), t: rng.integers(6, size=5)}


def grouped() -> tuple[g.Node, dict[g.Node, np.ndarray]]:
    """Columns as rows of their own: a table for several indices, and a softmax of each group."""
    rng = np.random.default_rng(0)
    index, x = g.input(3, "index"), g.input(4, "x")
    E, W = g.parameter(rng.normal(size=(5, 2)), "E"), g.parameter(rng.normal(size=(4, 2)), "W")
    h = g.ungroup_rows(g.take_rows(E, g.group_rows(index, 3)), 3)
    y = g.ungroup_rows(g.softmax(g.group_rows(g.affine(x, W, g.constant([0.1, 0, 2, 1]), 2), 2)), 2)
    z = g.dropout(g.group_rows(g.concatenate([h, y]), 2), 0.3, key=1)
    return g.mean(z**2), {index: rng.integers(5, size=(6, 3)), x: rng.normal(size=(6, 4))}


def test_the_tables_of_two_paths_are_those_of_the_lecture():
    f, _ = two_paths()
    assert str(g.trace(f, {})) == "\n".join(
        [
            "Forward: for i = 1 … 6 compute v_i from its parents",
            "i  node  formula    value",
            "1  t     parameter  0.7",
            "2  y     t²         0.49",
            "3  x     cos(t)     0.7648",
            "4  v₄    x·y        0.3748",
            "5  v₅    exp(v₄)    1.455",
            "6  f     y + v₅     1.945",
            "",
            "Backward: v̄_6 = 1, then v̄_i = Σ over children j of v̄_j · ∂v_j/∂v_i",
            "i  signal  from  message      value    error signal",
            "6  f̄             1            1        1",
            "5  v̄₅      f     f̄            1        1",
            "4  v̄₄      v₅    v̄₅·v₅        1.455    1.455",
            "3  x̄       v₄    v̄₄·y         0.7128   0.7128",
            "2  ȳ       f     f̄            1        2.113",
            "           v₄    v̄₄·x         1.113",
            "1  t̄       x     −(x̄·sin(t))  −0.4592  2.498",
            "           y     2·ȳ·t        2.958",
        ]
    )


@pytest.mark.parametrize("build", [network, grouped, lambda: (two_paths()[0], {})])
def test_the_error_signals_are_those_of_the_gradient(build):
    loss, feeds = build()
    passes = g.trace(loss, feeds, seed=5)
    nodes = [step.node for step in passes.backward]
    signals = g.reference.evaluate(g.gradient(loss, nodes), feeds, seed=5)
    for step, signal in zip(passes.backward, signals, strict=True):
        np.testing.assert_allclose(step.value, signal, rtol=1e-13, atol=1e-15)


def test_the_values_are_those_of_the_reference():
    loss, feeds = network()
    passes = g.trace(loss, feeds, seed=5)
    values = g.reference.evaluate([step.node for step in passes.forward], feeds, seed=5)
    for step, value in zip(passes.forward, values, strict=True):
        np.testing.assert_array_equal(step.value, value)


def test_an_error_signal_is_the_sum_of_its_messages():
    loss, feeds = network()
    for step in g.trace(loss, feeds).backward:
        total = np.sum([m.value for m in step.messages], axis=0) + np.zeros_like(step.value)
        np.testing.assert_array_equal(step.value, total)
        assert all(step.node in m.child.parents for m in step.messages if m.child is not step.node)


def test_a_node_used_twice_by_one_child_gets_two_messages():
    w = g.parameter(3.0, "w")
    (_, step) = g.trace((w * w).named("L"), {}).backward
    assert [(m.label, m.formula, m.value.item()) for m in step.messages] == [("L", "L̄·w", 3.0)] * 2
    assert step.value.item() == 6


def test_what_gets_no_message_has_the_error_signal_zero():
    x, index = g.input(3, "x"), g.input(1, "index")
    passes = g.trace(g.pick(x, index), {x: [[1, 2, 3]], index: 2})
    (step,) = [s for s in passes.backward if s.node is index]
    assert step.messages == ()
    np.testing.assert_array_equal(step.value, [[0]])


@pytest.mark.parametrize(
    ("build", "formula"),
    [
        (lambda a, b: a - (b - a), "a − v₃"),
        (lambda a, b: g.affine(a, b, 0.5), "a bᵀ + 0.5"),
        (lambda a, b: g.matmul(a, b, transpose_b=True), "a bᵀ"),
        (lambda a, b: 0.25 * a, "0.25·a"),
        (lambda a, b: a**-1, "a⁻¹"),
        (lambda a, b: a**0.5, "a^0.5"),
        (lambda a, b: g.concatenate([a, b, a]), "[a, b, a]"),
        (lambda a, b: a[:, 0:1] if a.shape[1] > 1 else g.slice(a, 0, 1), "a[:, 0:1]"),
        (lambda a, b: g.sum(a, axis=1), "sum(a, axis=1)"),
        (lambda a, b: g.mean(a), "mean(a)"),
        (lambda a, b: g.maximum(a, b), "max(a, b)"),
        (lambda a, b: g.abs(a), "|a|"),
    ],
)
def test_a_formula_is_written_as_by_hand(build, formula: str):
    a, b = g.parameter(2.0, "a"), g.parameter(0.5, "b")
    assert g.trace(build(a, b), {}).forward[-1].formula == formula


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda a, b: a / b, "−(L̄·L)/b"),
        (lambda a, b: a - g.sqrt(b), "0.5·v̄₃/v₃"),
        (lambda a, b: g.maximum(b, a), "[(b − a) > 0]·L̄"),
        (lambda a, b: a + g.logistic(b), "v̄₃·v₃·(1 − v₃)"),
        (lambda a, b: a + g.tanh(b), "v̄₃·(1 − v₃²)"),
        (lambda a, b: g.affine(a, b, 0.5), "L̄ᵀ a"),
        (lambda a, b: a * g.mean(b), "v̄₃"),
        (lambda a, b: a + g.log_softmax(b), "v̄₃ − exp(v₃)·sum(v̄₃, axis=1)"),
        (lambda a, b: a + g.softmax(b), "v₃·(v̄₃ − sum(v̄₃·v₃, axis=1))"),
    ],
)
def test_a_message_is_written_as_by_hand(build, message: str):
    a, b = g.parameter(2.0, "a"), g.parameter(0.5, "b")
    backward = g.trace(build(a, b).named("L"), {}).backward
    (step,) = [s for s in backward if s.node is b]
    assert step.messages[0].formula == message


def test_named_constants_have_a_line_and_numbers_have_none():
    w, decay = g.parameter(2.0, "w"), g.constant(0.1, "λ")
    passes = g.trace(decay * (3 * w), {})
    assert [s.label for s in passes.forward] == ["λ", "w", "v₃", "v₄"]
    assert [s.formula for s in passes.forward] == ["constant", "parameter", "3·w", "λ·v₃"]
    assert [s.label for s in passes.backward] == ["v̄₄", "v̄₃", "w̄"]


def test_a_notebook_gets_the_same_tables_as_html():
    loss, feeds = network()
    passes = g.trace(loss, feeds)
    html = passes._repr_html_()
    assert html.count("<table>") == html.count("</table>") == 2
    rows = len(passes.forward) + sum(max(1, len(s.messages)) for s in passes.backward)
    assert html.count("<tr>") == rows + 2
    assert "compute v<sub>i</sub> from its parents" in html
    assert "[v₅ &gt; 0]" in html
    assert repr(passes) == str(passes)


@pytest.mark.parametrize("name", ["L", "y", "weight", "é"])
def test_bars_are_drawn_in_html_and_not_left_to_fonts(name: str):
    a = g.parameter(1.0, name)
    html = g.trace((a * a).named("J"), {})._repr_html_()
    assert "\N{COMBINING MACRON}" not in html
    assert "\N{COMBINING OVERLINE}" not in html
    drawn = "".join(f'<span style="text-decoration:overline">{c}</span>' for c in name)
    assert f">{drawn}</td>" in html
    assert f">{name}</td>" in html


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([[0.73105858]], "0.7311"),
        ([[-0.0]], "−0"),
        ([[1.0, -2.5]], "[1 −2.5]"),
        ([[1.0], [2.0]], "[1; 2]"),
        ([[1e-5, np.nan]], "[1e−05 nan]"),
        ([[3.0] * 4, [0.0] * 4], "2×4, norm 6"),
    ],
)
def test_a_matrix_is_written_briefly(value, text: str):
    assert brief(np.array(value)) == text


def test_a_number_is_written_with_the_digits_asked_for():
    assert number(0.73105858, digits=3) == "0.731"


def test_a_deep_graph_is_traced():
    h = g.parameter(0.5, "w")
    for _ in range(3000):
        h = g.sin(h)
    passes = g.trace(h, {})
    assert len(passes.forward) == len(passes.backward) == 3001


def test_only_a_node_can_be_traced():
    with pytest.raises(TypeError, match="loss: expected a graph node, got float"):
        g.trace(1.0, {})
