"""Pictures of graphs: what is on them, and that nothing lies on top of anything."""

from __future__ import annotations

import itertools
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.graph import BATCH
from fastmlp.graph.layered import layered

SVG = "{http://www.w3.org/2000/svg}"


def logistic_loss() -> tuple[g.Node, dict[g.Node, float]]:
    x, t = g.input(1, "x"), g.input(1, "t")
    w, b = g.parameter(0.5, "w"), g.parameter(0.1, "b")
    y = g.logistic((w * x + b).named("z")).named("y")
    return (0.5 * (y - t) ** 2 + 0.005 * w**2).named("L"), {x: 1.5, t: 1.0}


def texts(drawing: g.Drawing) -> list[str]:
    root = ElementTree.fromstring(str(drawing))
    return [node.text or "" for node in root.iter(f"{SVG}text")]


def test_every_node_has_its_formula_and_every_pair_its_edge():
    loss, _ = logistic_loss()
    drawing = g.draw(loss)
    shown = set(texts(drawing))
    formulas = {"w", "x", "b", "t", "v₃ = w·x", "z = v₃ + b", "y = logistic(z)", "v₈ = y − t"}
    assert formulas <= shown
    assert "batch × 1" in shown
    edges = sum(len(set(v.parents) & set(drawing.boxes)) for v in drawing.boxes)
    paths = list(ElementTree.fromstring(str(drawing)).iter(f"{SVG}path"))
    assert len([p for p in paths if "marker-end" in p.attrib]) == edges


def test_values_and_error_signals_are_shown_when_fed():
    loss, feeds = logistic_loss()
    shown = texts(g.draw(loss, feeds))
    assert "0.701" in shown  # y
    assert "ȳ = −0.299" in shown
    assert {"value", "error signal"} <= set(shown)  # the legend
    assert not {"value", "error signal"} & set(texts(g.draw(loss)))


def test_a_large_matrix_is_shown_by_its_norm():
    x = g.input(3, "x")
    shown = texts(g.draw(g.sum(x**2), {x: [[2.0, 0.0, 0.0], [0.0, 0.0, 0.0]]}))
    assert "‖x‖ = 2" in shown
    assert "‖x̄‖ = 4" in shown


def test_a_graph_without_inputs_shows_its_values():
    assert "9" in texts(g.draw(g.parameter(3.0, "w") ** 2, {}))


def test_kinds_are_told_apart_by_colour():
    loss, _ = logistic_loss()
    decay = g.constant(0.1, "λ")
    drawing = g.draw(loss * decay)
    kinds = {box.kind for box in drawing.boxes.values()}
    assert kinds == {"input", "parameter", "constant", "operation", "output"}
    assert "λ = 0.1" in texts(drawing)


def test_numbers_stand_in_the_formulas_and_have_no_box():
    loss, _ = logistic_loss()
    drawing = g.draw(loss)
    assert all(v.op != "constant" for v in drawing.boxes)
    assert any("0.5·" in text for text in texts(drawing))


def test_a_gradient_is_a_graph_and_can_be_drawn():
    loss, feeds = logistic_loss()
    w, z = (v for v in g.topological_order(loss) if v.name in ("w", "z"))
    drawing = g.draw([loss, *g.gradient(loss, [w, z])], feeds)
    assert sum(box.kind == "output" for box in drawing.boxes.values()) == 3
    assert any(text.startswith("w̄ = ") for text in texts(drawing))


def test_a_single_leaf_can_be_drawn():
    assert texts(g.draw(g.input(3, "x")))[:2] == ["x", "batch × 3"]
    assert "2" in texts(g.draw(g.constant(2.0)))


def test_names_cannot_break_the_picture():
    evil = '<script>"&\\'
    x = g.input(1, evil)
    assert f"v₂ = exp({evil})" in texts(g.draw(g.exp(x)))
    dot = str(g.draw(g.exp(x), format="dot"))
    assert '[label="<script>\\"&\\\\\\nbatch × 1"' in dot
    assert "<script>" not in str(g.draw(g.exp(x), format="mermaid"))


def test_a_long_formula_is_cut_and_stands_whole_in_the_tooltip():
    parents = [g.input(1, f"a_rather_long_name_{i}") for i in range(5)]
    drawing = g.draw(g.concatenate(parents))
    titles = [t.text or "" for t in ElementTree.fromstring(str(drawing)).iter(f"{SVG}title")]
    assert any("a_rather_long_name_4]" in title for title in titles)
    assert not any("a_rather_long_name_4]" in text for text in texts(drawing))


def test_mermaid_and_dot_have_the_same_nodes_and_edges():
    loss, feeds = logistic_loss()
    drawing = g.draw(loss, feeds)
    nodes, edges = len(drawing.boxes), sum(map(len, drawing.parents.values()))
    mermaid, dot = (str(g.draw(loss, feeds, format=f)) for f in ("mermaid", "dot"))
    assert mermaid.startswith("flowchart LR")
    assert dot.startswith("digraph {")
    assert mermaid.count(":::") == dot.count("[label=") == nodes
    assert mermaid.count("-->") == dot.count("->") == edges
    assert "ȳ = −0.299" in mermaid
    assert "ȳ = −0.299" in dot


@pytest.mark.parametrize(
    ("suffix", "begins"),
    [
        (".svg", "<svg"),
        (".SVG", "<svg"),
        (".mmd", "flowchart"),
        (".mermaid", "flowchart"),
        (".dot", "digraph"),
        (".gv", "digraph"),
    ],
)
def test_a_picture_is_saved_in_the_format_of_the_suffix(tmp_path: Path, suffix: str, begins: str):
    loss, feeds = logistic_loss()
    path = tmp_path / f"graph{suffix}"
    g.draw(loss, feeds).save(path)
    assert path.read_text(encoding="utf-8").startswith(begins)
    g.draw(loss, feeds).save(str(path))


def test_a_notebook_shows_the_svg_unless_asked_for_text():
    loss, _ = logistic_loss()
    assert g.draw(loss)._repr_svg_() == str(g.draw(loss))
    assert g.draw(loss, format="dot")._repr_svg_() is None
    assert str(g.draw(loss)) in g.draw(loss)._repr_html_()
    assert g.draw(loss, format="dot")._repr_html_().startswith("<pre>digraph {")
    assert repr(g.draw(loss)) == "<Drawing of 13 nodes as svg>"


def deep(nodes: int) -> g.Node:
    h = g.parameter(0.5, "w")
    for _ in range(nodes):
        h = g.sin(h)
    return h


def test_a_deep_graph_is_drawn_as_text():
    assert str(g.draw(deep(5000), format="dot")).count("->") == 5000


BAD = {
    "another format": (lambda: g.draw(g.input(1), format="png"), ValueError, "'svg', 'mermaid', "),
    "no node": (lambda: g.draw([]), ValueError, "expected at least one graph node"),
    "a number": (lambda: g.draw([1.0]), TypeError, "got float"),
    "another suffix": (lambda: g.draw(g.input(1)).save("a.png"), ValueError, ".svg, .mmd, .*a.png"),
    "no suffix": (lambda: g.draw(g.input(1)).save("graph"), ValueError, "got 'graph'"),
    "an input missing": (lambda: g.draw(g.input(1, "x"), {}), ValueError, "no value for input 'x'"),
    "too many nodes": (lambda: g.draw(deep(1000)), ValueError, "at most 1000 nodes .* got 1001"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_drawn_is_an_error_that_says_so(what: str):
    build, kind, message = BAD[what]
    with pytest.raises(kind, match=message):
        build()


# ---------------------------------------------------------------------------------- layout


def random_graph(seed: int) -> tuple[dict[int, tuple[float, float]], dict[int, list[int]]]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    sizes = {i: (float(rng.uniform(40, 200)), float(rng.uniform(20, 90))) for i in range(n)}
    parents = {i: rng.integers(0, i, size=rng.integers(0, 3)).tolist() if i else [] for i in sizes}
    return sizes, parents


@pytest.mark.parametrize("seed", range(25))
def test_boxes_do_not_overlap_and_edges_do_not_run_through_them(seed: int):
    sizes, parents = random_graph(seed)
    layout = layered(sizes, parents)
    bounds = {
        k: (x - sizes[k][0] / 2, y - sizes[k][1] / 2, x + sizes[k][0] / 2, y + sizes[k][1] / 2)
        for k, (x, y) in layout.centres.items()
    }
    near = 1e-6
    for left, top, right, bottom in bounds.values():
        assert -near <= left < right <= layout.width + near
        assert -near <= top < bottom <= layout.height + near
    for a, b in itertools.combinations(bounds.values(), 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] + near or b[3] <= a[1] + near
    assert set(layout.paths) == {(p, k) for k in parents for p in parents[k]}
    for (parent, child), path in layout.paths.items():
        assert path[0][0] == pytest.approx(bounds[parent][2])
        assert path[-1][0] == pytest.approx(bounds[child][0])
        assert all(a[0] < b[0] for a, b in itertools.pairwise(path))
        for (x0, y0), (x1, _) in itertools.islice(itertools.pairwise(path), 1, None, 2):
            for left, top, right, bottom in bounds.values():
                assert x1 <= left + near or right <= x0 + near or y0 < top or y0 > bottom


def test_a_tree_is_drawn_without_crossings():
    parents = {0: [], 1: [], 2: [], 3: [], 4: [0, 3], 5: [1, 2], 6: [4, 5]}
    layout = layered(dict.fromkeys(parents, (50.0, 30.0)), parents)
    paths = [p for (_, child), p in layout.paths.items() if child in (4, 5)]
    for a, b in itertools.combinations(paths, 2):
        assert (a[0][1] - b[0][1]) * (a[-1][1] - b[-1][1]) >= 0


def test_a_chain_is_drawn_as_a_straight_line():
    parents = {0: [], 1: [0], 2: [1], 3: [2]}
    layout = layered(dict.fromkeys(parents, (50.0, 30.0)), parents)
    assert len({round(y, 6) for _, y in layout.centres.values()}) == 1


def test_a_target_stands_beside_the_loss_that_uses_it():
    t, x = g.input(1, "t"), g.input(1, "x")
    loss = g.tanh(g.tanh(x)) - t
    drawing = g.draw(loss)
    layout = layered({v: b.size for v, b in drawing.boxes.items()}, drawing.parents)
    assert layout.centres[t][0] > layout.centres[x][0]
    assert t.shape == (BATCH, 1)
