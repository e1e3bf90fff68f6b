"""Logarithms of probabilities that are written by hand keep their digits in a fit."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.graph.rewriting import keeping_digits

X = np.array([[20.0, 0, 0], [0, -20, 30], [-40, 40, 0], [100, 0, -100]], "f4")
T = np.eye(3, dtype="f4")[[0, 2, 0, 2]]
BY_HAND = {
    "softmax": (lambda y, t: -g.sum(t * g.log(y), axis=1), "cross_entropy"),
    "logistic": (
        lambda y, t: -g.sum(t * g.log(y) + (1.0 - t) * g.log(1.0 - y), axis=1),
        "binary_cross_entropy",
    ),
}


@pytest.mark.parametrize("output", BY_HAND)
def test_a_loss_by_hand_has_the_digits_of_the_one_by_name_and_trains_like_it(output):
    by_hand, name = BY_HAND[output]
    models = []
    for loss in (by_hand, name):
        model = fm.Sequential([fm.Dense(3, output)], input_columns=3, seed=0)
        model.layers[0].weights = np.eye(3)
        model.layers[0].biases = np.zeros(3)
        first = model.evaluate(X, T, loss=loss)["loss"]
        model.fit(X, T, loss=loss, optimizer=fm.SGD(0.01), epochs=3, batch_size=4, verbose=0)
        models.append((first, *model.history["loss"], model.layers[0].weights))
    for a, b in zip(*models, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda z: g.log(g.softmax(z)), g.log_softmax),
        (lambda z: 2.0 * g.log(g.logistic(z)) + z, lambda z: z - 2.0 * g.softplus(-z)),
        (lambda z: g.log(1.0 - g.logistic(z)), lambda z: -g.softplus(z)),
    ],
)
def test_values_and_gradients_stay(build, expected):
    z = g.input(3, "z")
    node, other = keeping_digits(build(z)), expected(z)
    assert not {"softmax", "logistic"} & {v.op for v in g.topological_order([node])}
    pair = [node, g.gradient(g.sum(node), z), other, g.gradient(g.sum(other), z)]
    a, a_bar, b, b_bar = g.reference.evaluate(pair, {z: X / 20.0})
    np.testing.assert_allclose(a, b, rtol=1e-12)
    np.testing.assert_allclose(a_bar, b_bar, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(
        a, g.reference.evaluate(build(z), {z: X / 20.0}), rtol=1e-9, atol=1e-12
    )


def test_other_logarithms_are_returned_as_they_are():
    z = g.input(3, "z")
    for node in (g.log(g.exp(z)), g.log(g.softmax(z) + 1e-7), g.log(2.0 - g.logistic(z))):
        assert keeping_digits(node) is node
