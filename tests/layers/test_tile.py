"""Tile and ParametricActivation: NumPy's formulas, gradients, groups, files."""

import copy
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g

X = np.random.default_rng(0).normal(size=(5, 3))


def selu(z):
    return 1.0507009873554805 * np.where(z > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0)))


def model_with(*layers, dtype="float64"):
    return fm.Sequential(list(layers), input_columns=3, seed=0, dtype=dtype)


@pytest.mark.parametrize("copies", [1, 2, 7])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_tile_is_that_of_numpy(copies, dtype):
    model = model_with(fm.Tile(copies), dtype=dtype)
    assert np.array_equal(model.predict(X), np.tile(X.astype(dtype), (1, copies)))


@pytest.mark.parametrize("copies", [0, -1, 1.5, True, "two"])
def test_copies_that_are_no_number_are_refused(copies):
    with pytest.raises((TypeError, ValueError), match="copies"):
        fm.Tile(copies)


def test_a_parametric_activation_lies_between_x_and_its_activation():
    layer = fm.ParametricActivation("selu")
    model = model_with(layer)
    assert np.allclose(model.predict(X), selu(X), rtol=1e-12)
    layer.share = [0.0, 0.5, 2.0]
    expected = X + np.array([0.0, 0.5, 2.0]) * (selu(X) - X)
    assert np.allclose(model.predict(X), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "layers",
    [
        lambda: [fm.Dense(4), fm.ParametricActivation("mish", share_initializer=0.5), fm.Dense(2)],
        lambda: [
            fm.Tile(3),
            fm.Scale("normal"),
            fm.Dense(4, "tanh", groups=3, shared=True),
            fm.Dense(1, groups=3),
        ],
    ],
    ids=["parametric", "tile"],
)
def test_gradients_files_copies_and_pickles_agree(layers, tmp_path):
    model = model_with(*layers())
    y, _ = model.network.forward()
    g.check_gradients(g.mean(y * y), {model.network.input_nodes[0]: X})
    model.fit(X, np.zeros((5, model.network.output_columns)), epochs=3, verbose=0)
    model.save(tmp_path / "model.safetensors")
    expected = model.predict(X)
    for again in (
        fm.load(tmp_path / "model.safetensors"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        assert np.array_equal(again.predict(X), expected)


def test_shares_are_scales_and_do_not_decay():
    model = model_with(fm.Dense(2), fm.ParametricActivation("relu"), fm.Dense(1))
    assert "scale" in model.network.parameter_roles.values()
    layer = model.layers[1]
    frozen = model.layers[0], model.layers[2]
    for each in frozen:
        each.trainable = False
    before = layer.share.copy()
    model.fit(X, np.ones((5, 1)), optimizer=fm.AdamW(0.01, weight_decay=0.5), epochs=2, verbose=0)
    assert not np.array_equal(layer.share, before)
    layer.trainable = False
    kept = layer.share.copy()
    frozen[0].trainable = True
    model.fit(X, np.ones((5, 1)), epochs=2, verbose=0)
    assert np.array_equal(layer.share, kept)


def test_an_unknown_activation_is_refused():
    with pytest.raises(ValueError, match="activation"):
        fm.ParametricActivation("sloth")
