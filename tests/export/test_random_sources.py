"""Random graphs as source: several outputs at once, whose buffers are shared."""

from __future__ import annotations

import re

import numpy as np
import pytest

from compiled import COMPILERS, Header, run
from fastmlp import graph as g
from fastmlp.export import c
from fastmlp.export import numpy as exporter
from fastmlp.export.source.prepared import of_nodes
from fastmlp.export.source.steps import listing
from fastmlp.graph import Node
from fastmlp.graph.shapes import per_example
from random_graphs import RandomGraph

SEEDS = range(25)


def prepared(seed, dtype, every):
    """Return the outputs of a random graph, ready; what they are; and the rows of its inputs.

    Inputs of so many rows as they are become constants. With `every`, all nodes that have rows of
    the batch are outputs, else those that are functions of one row.
    """
    random = RandomGraph(seed, size=90)
    inputs = {str(v.name): v for v in random.feeds if isinstance(v.shape[0], str)}
    known = {v: g.constant(x) for v, x in random.feeds.items() if v not in inputs.values()}
    for node in g.topological_order(random.nodes):
        parents = [known.get(parent, parent) for parent in node.parents]
        if node not in known and tuple(parents) != node.parents:
            known[node] = Node(node.op, parents, node.attrs, node.shape)
    title = f"random {seed}"

    def graph_of(nodes):
        named = [(f"out{i}", known.get(v, v)) for i, v in enumerate(nodes)]
        return of_nodes(inputs, named, {}, dtype=np.dtype(dtype), title=title)

    outputs = [
        v
        for v in random.nodes
        if per_example(v.shape[0]) and not any("key" in u.attrs for u in g.topological_order(v))
    ]
    if not every:
        outputs = [v for v in outputs if is_of_one_row(graph_of([v]))]
    fed = [random.feeds[v] for v in inputs.values()]
    return graph_of(outputs), [random.values[v] for v in outputs], fed


def is_of_one_row(graph):
    try:
        listing(graph)
    except ValueError as error:
        assert re.search("depends on the other rows of its batch", str(error))  # noqa: PT017
        return False
    return True


@pytest.mark.parametrize("seed", SEEDS)
def test_a_module_of_numpy_computes_every_node_of_a_graph(seed):
    graph, wanted, fed = prepared(seed, "float64", every=True)
    names = {}
    exec(compile(exporter.module(graph), "net.py", "exec"), names)
    found = names["predict"](*fed)
    for y, value in zip(found.values(), wanted, strict=True):
        np.testing.assert_allclose(y, value, rtol=1e-11, atol=1e-11)


@pytest.mark.skipif(not COMPILERS, reason="there is no gcc or clang")
def test_headers_compute_all_nodes_that_are_functions_of_one_row(tmp_path):
    headers, values = [], []
    for seed in SEEDS:
        graph, wanted, fed = prepared(seed, "float64", every=False)
        rows = len(fed[0])
        values.append(np.concatenate([v.reshape(rows, -1) for v in wanted], axis=1))
        text = c.header(graph, listing(graph), f"r{seed}")
        sizes = [v.size // rows for v in wanted]
        headers.append(Header(text, f"r{seed}", fed, sizes))
    assert sum(len(header.outputs) for header in headers) > 10 * len(SEEDS)
    flags = ["-std=c99", "-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    for seed, found in enumerate(run(headers, tmp_path, COMPILERS[0], *flags)):
        np.testing.assert_allclose(found, values[seed], rtol=1e-11, atol=1e-11, err_msg=str(seed))


@pytest.mark.skipif(not COMPILERS, reason="there is no gcc or clang")
def test_headers_compute_the_slopes_of_a_network(tmp_path):
    """Products that are multiplied by φ′ as they are made, of φ itself and of what it is given."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(6, 3))
    headers, values = [], []
    for activation in (g.tanh, g.relu, g.gelu):
        x = g.input(3, "x")
        shapes = ((5, 3), (1, 5), (4, 5), (1, 4), (1, 4), (1, 1))
        W, b, V, c_, u, d = (g.parameter(rng.normal(size=shape)) for shape in shapes)
        y = g.affine(activation(g.affine(activation(g.affine(x, W, b)), V, c_)), u, d)
        (slopes,) = g.gradient(g.sum(y), [x])
        for nodes in ([slopes], [y, slopes]):
            named = [(f"out{i}", node) for i, node in enumerate(nodes)]
            graph = of_nodes({"x": x}, named, {}, dtype=np.dtype("float64"), title="slopes")
            name = f"s{len(headers)}"
            text = c.header(graph, listing(graph), name)
            assert "_message" in text
            wanted = g.run(nodes, {x: rows}, dtype="float64")
            headers.append(Header(text, name, [rows], [v.shape[1] for v in wanted]))
            values.append(np.concatenate(wanted, axis=1))
    flags = ["-std=c99", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    for found, wanted in zip(run(headers, tmp_path, COMPILERS[0], *flags), values, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-11)
