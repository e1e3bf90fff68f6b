"""Item 11: attention is its formula, treats elements alike, and learns to look up."""

from __future__ import annotations

import numpy as np
import pytest
from pages import run

import fastmlp as fm
from fastmlp import graph as g

PAGE = "plot_11d_attention"
SHAPES = [(1, 2, 3, 1), (3, 4, 2, 5), (6, 5, 7, 3)]  # length, columns, width, output width


def network(length: int, columns: int, width: int, output_width: int) -> fm.Model:
    layer = run(PAGE)["Attention"](length, width, output_width)
    return fm.Sequential([layer], input_columns=length * columns, seed=0, dtype="float64")


@pytest.mark.parametrize("shape", SHAPES)
def test_it_is_softmax_of_queries_and_keys_times_values(shape):
    length, columns, width, output_width = shape
    model = network(*shape)
    Wq, Wk, Wv = model.get_weights()
    x = np.random.default_rng(0).normal(size=(5, length, columns))
    scores = (x @ Wq.T) @ (x @ Wk.T).transpose(0, 2, 1) / np.sqrt(width)
    a = np.exp(scores - scores.max(axis=2, keepdims=True))
    a /= a.sum(axis=2, keepdims=True)
    found = model.predict(x.reshape(5, -1)).reshape(5, length, output_width)
    np.testing.assert_allclose(found, a @ (x @ Wv.T), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_its_gradients_are_those_of_the_complex_step(shape):
    model = network(*shape)
    x = model.network.input_nodes[0]
    feeds = {x: np.random.default_rng(1).normal(size=(3, shape[0] * shape[1]))}
    loss = 0.5 * g.sum(model.graph**2)
    wrt = [*model.network.parameter_nodes, x]
    assert max(fm.check_gradients(loss, feeds, wrt=wrt).errors.values()) < 1e-12
    by_core = g.run(g.gradient(loss, wrt), feeds, dtype="float64")
    by_reference = g.reference.evaluate(g.gradient(loss, wrt), feeds)
    for actual, expected in zip(by_core, by_reference, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-12)


def test_elements_in_another_order_have_their_outputs_in_that_order():
    model = network(6, 5, 7, 3)
    rng = np.random.default_rng(2)
    x, order = rng.normal(size=(4, 6, 5)), rng.permutation(6)
    y = model.predict(x.reshape(4, -1)).reshape(4, 6, 3)
    permuted = model.predict(x[:, order].reshape(4, -1)).reshape(4, 6, 3)
    np.testing.assert_allclose(permuted, y[:, order], rtol=1e-11, atol=1e-13)


def test_on_the_page_it_looks_up_what_a_perceptron_cannot():
    page = run(PAGE)
    assert page["found"] > 0.98
    assert page["error_of_attention"] < 0.01 < 0.2 < page["error_of_perceptron"]
    np.testing.assert_allclose(page["weights"].sum(axis=2), 1, rtol=1e-5)
    block = page["meeting"][8:16, :8]  # asked name against name
    diagonal = np.diag(block)
    others = np.abs(page["meeting"]).sum() - np.abs(diagonal).sum()
    assert diagonal.min() > 0
    assert diagonal.mean() > 20 * others / (17 * 17 - 8)
