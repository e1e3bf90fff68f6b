"""Item 9: pictures of graphs and networks show what the core computes, at every size."""

from __future__ import annotations

import itertools
from xml.etree import ElementTree

import numpy as np
import pytest
from pages import run

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.graph.tracing import number

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

SIZES = {"a unit": [2, 1], "XOR": [2, 2, 1], "iris": [4, 8, 3], "MNIST": [784, 256, 10]}


def training_graph(sizes: list[int]) -> tuple[g.Node, dict[g.Node, np.ndarray]]:
    model = fm.MLP(sizes, activation="tanh", seed=0)
    (x,), t = model.network.input_nodes, g.input(sizes[-1], "t")
    rng = np.random.default_rng(0)
    loss = g.mean(g.sum((model.graph - t) ** 2, axis=1)).named("L")
    return loss, {x: rng.normal(size=(1, sizes[0])), t: rng.normal(size=(1, sizes[-1]))}


@pytest.mark.parametrize("size", SIZES)
def test_a_fed_drawing_shows_the_values_and_error_signals_of_the_core(size):
    loss, feeds = training_graph(SIZES[size])
    drawing = g.draw(loss, feeds)
    assert {box.kind for box in drawing.boxes.values()} >= {"input", "parameter", "output"}
    nodes = list(drawing.boxes)
    values = g.run([v for v in nodes if v.op != "input"], feeds, dtype="float64")
    signals = g.run(g.gradient(loss, nodes), feeds, dtype="float64")
    computed = iter(values)
    for node, signal in zip(nodes, signals, strict=True):
        box = drawing.boxes[node]
        value = np.asarray(feeds[node]) if node.op == "input" else next(computed)
        for shown, array in ((box.value, value), (box.signal, signal)):
            if array.size == 1:
                assert shown.endswith(number(array.item(), 3))
            elif array.size > 4:
                assert shown.endswith(number(float(np.linalg.norm(array)), 3))


@pytest.mark.parametrize("size", SIZES)
def test_boxes_go_from_left_to_right_and_fit_the_picture(size):
    loss, feeds = training_graph(SIZES[size])
    drawing = g.draw(loss, feeds)
    root = ElementTree.fromstring(str(drawing))
    width, height = (float(root.get(side)) for side in ("width", "height"))
    boxes = [
        r for r in root.iter("{http://www.w3.org/2000/svg}rect") if float(r.get("rx")) in (6, 12)
    ]
    assert len(boxes) == len(drawing.boxes)
    left = {v: float(r.get("x")) for v, r in zip(drawing.boxes, boxes, strict=True)}
    right = {v: x + float(r.get("width")) for (v, x), r in zip(left.items(), boxes, strict=True)}
    assert all(right[p] < left[v] for v in left for p in drawing.parents[v])
    assert min(left.values()) >= 0
    assert max(right.values()) <= width
    assert all(0 <= float(r.get("y")) <= height - float(r.get("height")) for r in boxes)


@pytest.mark.parametrize("size", SIZES)
def test_all_three_formats_tell_of_the_same_graph(size):
    loss, feeds = training_graph(SIZES[size])
    drawing = g.draw(loss, feeds)
    edges = sum(len(set(v.parents) & set(drawing.boxes)) for v in drawing.boxes)
    assert str(drawing).count("marker-end") == edges
    assert str(g.draw(loss, feeds, format="mermaid")).count("-->") == edges
    assert str(g.draw(loss, feeds, format="dot")).count("->") == edges


@pytest.mark.parametrize("size", SIZES)
def test_the_picture_of_units_has_as_many_as_the_network_up_to_the_ellipsis(size):
    sizes = SIZES[size]
    ax = fm.plot.network(fm.MLP(sizes, seed=0))
    shown = [min(n, 12) for n in sizes]
    assert len(ax.patches) == sum(shown)
    lines = sum(len(part.get_segments()) for part in ax.collections)
    assert lines == sum(a * b for a, b in itertools.pairwise(shown))
    plt.close("all")


def test_the_page_runs_and_its_networks_compute_what_their_pictures_say():
    page = run("plot_09_graphs")
    assert page["xor"].predict([[1, 0]]).item() == 1
    iris, X = page["iris"], (page["iris"].X_test - page["mean"]) / page["deviation"]
    assert page["model"].evaluate(X, iris.t_test)["accuracy"] > 0.9
