"""Item 11: a convolution is its formula, a matrix of shared weights, and moves with the image."""

from __future__ import annotations

import numpy as np
import pytest
from pages import run
from scipy.signal import correlate2d

import fastmlp as fm
from fastmlp import graph as g

PAGE = "plot_11c_convolution"


def network(side: int, size: int, channels: int) -> fm.Model:
    layer = run(PAGE)["Convolution"](side, size, channels)
    return fm.Sequential([layer], input_columns=side * side, seed=0, dtype="float64")


@pytest.mark.parametrize(("side", "size", "channels"), [(3, 3, 1), (5, 2, 3), (8, 3, 4), (7, 1, 2)])
def test_every_place_and_channel_is_the_formula_of_the_convolution(side, size, channels):
    model = network(side, size, channels)
    rng = np.random.default_rng(0)
    kernels, biases = rng.normal(size=(channels, size * size)), rng.normal(size=channels)
    model.set_weights([kernels, biases])
    images = rng.normal(size=(5, side, side))
    places = side - size + 1
    found = model.predict(images.reshape(5, -1)).reshape(5, places, places, channels)
    for n in range(5):
        for c in range(channels):
            z = correlate2d(images[n], kernels[c].reshape(size, size), mode="valid") + biases[c]
            np.testing.assert_allclose(found[n, :, :, c], np.maximum(z, 0), atol=1e-12)


def test_the_gradient_of_a_kernel_is_the_sum_over_all_places():
    model = network(8, 3, 2)
    x, nodes = model.network.input_nodes[0], model.network.parameter_nodes
    images = np.random.default_rng(1).normal(size=(4, 8, 8))
    loss = 0.5 * g.sum(model.graph**2)
    feeds = {x: images.reshape(4, -1), **dict(zip(nodes, model.get_weights(), strict=True))}
    kernel_bar, bias_bar, h = g.run([*g.gradient(loss, nodes), model.graph], feeds, dtype="float64")
    z_bar = h.reshape(4, 6, 6, 2)  # h̄ = h, and φ′ is 0 where h is
    for c in range(2):
        expected = sum(correlate2d(images[n], z_bar[n, :, :, c], mode="valid") for n in range(4))
        np.testing.assert_allclose(kernel_bar[c].reshape(3, 3), expected, rtol=1e-11)
        assert bias_bar[0, c] == pytest.approx(z_bar[..., c].sum(), rel=1e-12)


def test_a_moved_image_has_a_moved_feature_map():
    model = network(8, 3, 3)
    image = np.zeros((8, 8))
    image[1:5, 1:5] = np.random.default_rng(2).random((4, 4))
    moved = np.roll(image, (2, 1), axis=(0, 1))
    here, there = (model.predict(i.reshape(1, -1)).reshape(6, 6, 3) for i in (image, moved))
    np.testing.assert_allclose(there[2:, 1:], here[:-2, :-1], atol=1e-14)


def test_pooling_takes_the_maximum_of_each_square():
    pool = run(PAGE)["MaxPool"](4, 3)
    model = fm.Sequential([pool, fm.Dense(1)], input_columns=48, seed=0)
    h = np.random.default_rng(3).normal(size=(2, 4, 4, 3)).astype(np.float32)
    found = model.activations(h.reshape(2, -1))["maxpool_1"].reshape(2, 2, 2, 3)
    np.testing.assert_array_equal(found, h.reshape(2, 2, 2, 2, 2, 3).max(axis=(2, 4)))


def test_the_page_reads_digits_with_few_weights_and_its_matrix_has_nine_numbers():
    page = run(PAGE)
    assert page["model"].n_parameters == 810
    assert page["result"]["accuracy"] > 0.95
    matrix = page["matrix"]
    assert matrix.shape == (36, 64)
    assert set(np.unique(matrix)) == set(range(10))
    assert ((matrix != 0).sum(axis=1) == 9).all()
