"""Item 5: hidden activations by name are what the units compute, and training makes features."""

import numpy as np
import pytest
from pages import run

import fastmlp as fm


def neighbours_alike(images):
    """Return the correlation of side-by-side weights, pooled over units: 0 for noise."""
    left, right = images[:, :, :-1].ravel(), images[:, :, 1:].ravel()
    return np.corrcoef(left, right)[0, 1]


def test_activations_by_name_are_those_of_the_formula():
    model = fm.MLP([6, 4, 3], activation="logistic", output="softmax", seed=0, dtype="float64")
    X = np.random.default_rng(0).normal(size=(5, 6))
    h = model.activations(X)
    assert list(h) == ["dense_1", "dense_2"]
    W, b = model.layers[0].weights, model.layers[0].biases
    np.testing.assert_allclose(h["dense_1"], 1 / (1 + np.exp(-(X @ W.T + b))), rtol=1e-13)
    np.testing.assert_array_equal(h["dense_2"], model.predict(X))


def test_a_units_answer_rises_most_in_the_direction_of_its_weights():
    model = fm.MLP([6, 4], output="logistic", seed=0, dtype="float64")
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(200, 6))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for unit, w in enumerate(model.layers[0].weights):
        best = model.predict([w / np.linalg.norm(w)])[0, unit]
        assert (model.predict(directions)[:, unit] <= best).all()


def test_the_page_learns_digits_and_its_features_are_no_longer_noise(monkeypatch, tmp_path):
    monkeypatch.setenv("FASTMLP_DATA", str(tmp_path))  # the bundled digits, wherever this runs
    page = run("plot_05_features")
    data, model, untrained = page["data"], page["model"], page["untrained"]
    assert data.name == "digits"
    assert untrained.evaluate(data.X_test, data.t_test)["accuracy"] < 0.3
    assert model.evaluate(data.X_test, data.t_test)["accuracy"] > 0.95
    before, after = (m.layers[0].weights.reshape(-1, 8, 8) for m in (untrained, model))
    assert abs(neighbours_alike(before)) < 0.1
    assert neighbours_alike(after) > 0.2


def test_the_images_of_features_are_the_weight_rows():
    model = fm.MLP([4, 2], seed=0)
    ax = fm.plot.features(model, (2, 2), common_scale=True)
    drawn = np.asarray(ax.images[0].get_array())
    largest = np.abs(model.layers[0].weights).max()
    np.testing.assert_allclose(
        drawn[:2, :2].ravel() * largest, model.layers[0].weights[0], rtol=1e-6
    )


@pytest.mark.parametrize("layer", ["dense_1", "dense_2"])
def test_every_layer_can_be_asked_for(layer):
    model = fm.MLP([3, 2, 1], seed=0)
    width = dict(zip(["dense_1", "dense_2"], [2, 1], strict=True))[layer]
    assert model.activations(np.zeros((4, 3)))[layer].shape == (4, width)
