"""Dense layers of groups, and embeddings of numbers, which are made of them."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.layers import LAYERS, from_config
from formulas import ACTIVATIONS

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 6))
TARGETS = RNG.normal(size=(50, 1))


def model_of(layer: fm.layers.Layer, dtype: str = "float64", **settings) -> fm.Model:
    return fm.Sequential([layer, fm.Dense(1, **settings)], input_columns=6, seed=0, dtype=dtype)


def first(model: fm.Model, data: np.ndarray = X) -> np.ndarray:
    return next(iter(model.activations(data).values()))


def own(z: g.Node) -> g.Node:
    return g.tanh(z) * g.softmax(z)


# ----------------------------------------------------------------------------- dense layers


@pytest.mark.parametrize("shared", [False, True, "weights"])
@pytest.mark.parametrize("activation", ["tanh", "relu", "softmax", own])
@pytest.mark.parametrize("use_bias", [True, False])
def test_each_group_of_units_sees_its_group_of_inputs(shared, activation, use_bias):
    if shared == "weights" and not use_bias:
        return
    layer = fm.Dense(
        4, activation, groups=3, shared=shared, use_bias=use_bias, bias_initializer="normal"
    )
    model = model_of(layer)
    W, z = layer.weights, X.reshape(50, 3, 2)
    assert W.shape == ((4, 2) if shared else (12, 2))
    z = np.einsum("bki,koi->bko", z, np.broadcast_to(W.reshape(-1, 4, 2), (3, 4, 2)))
    if use_bias:
        assert layer.biases.shape == ((4,) if shared is True else (12,))
        z = z + layer.biases.reshape(-1, 4)
    e = np.exp(z - z.max(axis=2, keepdims=True))
    softmax = e / e.sum(axis=2, keepdims=True)
    if callable(activation):
        expected = np.tanh(z) * softmax
    else:
        expected = softmax if activation == "softmax" else ACTIVATIONS[activation].phi(z)
    np.testing.assert_allclose(first(model), expected.reshape(50, 12), rtol=1e-11, atol=1e-12)


def test_weights_of_groups_are_drawn_as_those_of_layers_of_their_own():
    layer, alone = fm.Dense(5, groups=3), fm.Dense(5)
    grouped = fm.Sequential([layer], input_columns=6, seed=3)
    fm.Sequential([alone], input_columns=2, seed=3)
    np.testing.assert_array_equal(layer.weights[:5], alone.weights)
    assert not np.array_equal(layer.weights[:5], layer.weights[5:10])
    assert grouped.network.output_columns == 15


@pytest.mark.parametrize("shared", [False, True, "weights"])
def test_groups_are_trained_saved_and_loaded(shared, tmp_path):
    layers = [fm.Dense(4, "relu", groups=2, shared=shared), fm.Dropout(0.1)]
    layers += [fm.Dense(3, "tanh", groups=2, shared=shared), fm.Dense(1, groups=2), fm.Dense(1)]
    model = fm.Sequential(layers, input_columns=6, seed=0)
    losses = model.fit(X, TARGETS, epochs=30, l2=1e-3, optimizer=fm.Adam(0.02), seed=0).history
    assert losses["loss"][-1] < 0.8 * losses["loss"][0]
    model.save(tmp_path / "model.safetensors")
    again = fm.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    x, t = model.network.input_nodes[0], g.input(1, "t")
    loss = g.mean((model.graph - t) ** 2)
    wrt = model.network.parameter_nodes
    g.check_gradients(loss, {x: X[:5], t: TARGETS[:5]}, wrt=wrt)


def test_senseless_groups_are_refused():
    with pytest.raises(ValueError, match="takes groups=2 of as many columns, not 7 columns"):
        fm.Dense(3, groups=2)(fm.Input(7))
    with pytest.raises(ValueError, match="groups must be at least 1, got 0"):
        fm.Dense(3, groups=0)
    with pytest.raises(ValueError, match="shared needs groups"):
        fm.Dense(3, shared=True)
    with pytest.raises(ValueError, match="shared must be one of"):
        fm.Dense(3, groups=2, shared="biases")
    with pytest.raises(TypeError, match="shared must be True or False"):
        fm.Dense(3, groups=2, shared=1)
    with pytest.raises(ValueError, match="needs biases"):
        fm.Dense(3, groups=2, shared="weights", use_bias=False)
    assert "groups" not in fm.Dense(3).config()  # files of plain layers are as they were


# ---------------------------------------------------------------------- embeddings of numbers


def grouped_product(encoded: np.ndarray, layer) -> np.ndarray:
    """Each column's encoding (b, n, m) times its own matrix, without biases."""
    n, d = encoded.shape[1], layer.columns
    return np.einsum("bnm,ndm->bnd", encoded, layer.weights.reshape(n, d, -1))


@pytest.mark.parametrize("phases", [False, True])
def test_periodic_embeddings_are_waves_of_each_column(phases: bool):
    layer = fm.NumericEmbedding(
        3, frequencies=5, scale=0.7, phases=phases, activation="tanh", name="e"
    )
    model = model_of(layer)
    z = 2 * np.pi * X[:, :, None] * layer.coefficients.reshape(6, 5)
    if phases:
        encoded = np.cos(z + layer.shifts.reshape(6, 5))
    else:
        encoded = np.concatenate([np.cos(z), np.sin(z)], axis=2)
    expected = np.tanh(grouped_product(encoded, layer) + layer.biases.reshape(6, 3))
    np.testing.assert_allclose(first(model), expected.reshape(50, 18), rtol=1e-10, atol=1e-12)
    assert abs(layer.coefficients.std() - 0.7) < 0.35


def encoding(x: np.ndarray, edges: list[float]) -> np.ndarray:
    """The piecewise-linear encoding, bin by bin."""
    result = []
    for i, (low, high) in enumerate(pairwise(edges)):
        part = (x - low) / (high - low)
        part = part if i == 0 else np.maximum(part, 0)
        result.append(part if i == len(edges) - 2 else np.minimum(part, 1))
    return np.stack(result, axis=1)


EDGES = [[-1, 0, 1], [-0.5, 0.5], [-2, -1, 0, 1, 2], [0, 1], [-1, -0.9, 3], [-3, 0.25, 0.5, 0.75]]


def test_piecewise_linear_encodings_are_open_at_both_ends():
    layer = fm.NumericEmbedding(None, "piecewise", edges=EDGES, keep=True)
    model = model_of(layer)
    wide = np.vstack([X, 10 * X])
    expected = np.hstack([wide, *(encoding(wide[:, j], edges) for j, edges in enumerate(EDGES))])
    np.testing.assert_allclose(first(model, wide), expected, rtol=1e-12, atol=1e-12)
    assert not layer.parameter_specs((6,))


@pytest.mark.parametrize("linear", [False, True])
def test_piecewise_linear_embeddings_multiply_each_encoding(linear: bool):
    layer = fm.NumericEmbedding(3, "piecewise", edges=EDGES, linear=linear, activation="relu")
    model = model_of(layer)
    if linear:
        assert not layer.weights.any()
        layer.weights = RNG.normal(size=layer.weights.shape)
    padded = np.zeros((50, 6, 4))
    for j, edges in enumerate(EDGES):
        padded[:, j, : len(edges) - 1] = encoding(X[:, j], edges)
    z = grouped_product(padded, layer)
    b = layer.biases.reshape(6, 3)
    if linear:
        expected = X[:, :, None] * layer.slopes.reshape(6, 3) + b + np.maximum(z, 0)
    else:
        expected = np.maximum(z + b, 0)
    np.testing.assert_allclose(first(model), expected.reshape(50, 18), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    "hats", [True, [True, False, True, True, False, True], np.arange(6) % 2 == 1]
)
def test_hats_are_1_at_an_edge_and_0_at_the_others(hats):
    layer = fm.NumericEmbedding(None, "piecewise", edges=EDGES, hats=hats)
    wide = np.vstack([X, 10 * X, *(np.resize(edges, 6) for edges in EDGES)])
    expected = []
    for j, (edges, is_hat) in enumerate(zip(EDGES, np.resize(hats, 6), strict=True)):
        pieces = encoding(wide[:, j], edges)
        more = np.pad(pieces[:, 1:], ((0, 0), (0, 1)))
        expected.append(pieces - more if is_hat else pieces)
        if is_hat:
            at_edges = np.array([pieces_at(edge, edges) for edge in edges])
            np.testing.assert_array_equal(at_edges, np.eye(len(edges))[:, 1:])
    np.testing.assert_allclose(first(model_of(layer), wide), np.hstack(expected), atol=1e-12)


def pieces_at(edge: float, edges: list[float]) -> np.ndarray:
    """What a hat of one column says of an edge."""
    layer = fm.NumericEmbedding(None, "piecewise", edges=[edges], hats=True)
    model = fm.Sequential([layer], input_columns=1, dtype="float64")
    return model.predict([[edge]])[0]


def test_hats_express_what_pieces_do():
    layer = fm.NumericEmbedding(3, "piecewise", edges=EDGES, linear=True)
    plain = model_of(layer)
    layer.weights = RNG.normal(size=layer.weights.shape)
    other = model_of(fm.NumericEmbedding(3, "piecewise", edges=EDGES, linear=True, hats=True))
    other.set_weights(plain.get_weights())
    twin = other.layers[0]
    # The value at an edge is the sum of what pieces add until there.
    twin.weights = np.cumsum(layer.weights, axis=1)
    np.testing.assert_allclose(first(other), first(plain), rtol=1e-11, atol=1e-11)


def test_bins_are_quantiles_and_equal_ones_are_one():
    edges = fm.NumericEmbedding.bins(X, 4)
    for j, found in enumerate(edges):
        np.testing.assert_allclose(found, np.quantile(X[:, j], [0, 0.25, 0.5, 0.75, 1]))
    assert fm.NumericEmbedding.bins([[0, 1], [0, 2], [5, 3]], 2) == [[0.0, 5.0], [1.0, 2.0, 3.0]]
    with pytest.raises(ValueError, match="column 1 has only 3: leave it out"):
        fm.NumericEmbedding.bins([[0.0, 3.0], [1.0, 3.0]])
    with pytest.raises(ValueError, match="NaN"):
        fm.NumericEmbedding.bins([[0.0], [np.nan]])


LAYERS_OF_NUMBERS = {
    "PLR": fm.NumericEmbedding(4, frequencies=6, activation="relu"),
    "PBLD": fm.NumericEmbedding(3, frequencies=6, scale=0.1, phases=True, keep=True),
    "piecewise": fm.NumericEmbedding(3, "piecewise", edges=EDGES, activation="relu"),
    "piecewise, linear": fm.NumericEmbedding(3, "piecewise", edges=EDGES, linear=True, l2=0.1),
    "hats": fm.NumericEmbedding(3, "piecewise", edges=EDGES, linear=True, hats=True),
    "some hats": fm.NumericEmbedding(
        None, "piecewise", edges=EDGES, hats=[True, False, True, True, False, True], keep=True
    ),
    "encoding": fm.NumericEmbedding(None, "piecewise", edges=EDGES),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", LAYERS_OF_NUMBERS)
def test_embeddings_of_numbers_are_trained_saved_loaded_and_checked(name, dtype, tmp_path):
    model = model_of(LAYERS_OF_NUMBERS[name].copy(), dtype)
    weight = RNG.uniform(0.5, 1.5, size=50)
    losses = model.fit(
        X, TARGETS, sample_weight=weight, epochs=30, optimizer=fm.Adam(0.02), seed=0
    ).history
    assert losses["loss"][-1] < losses["loss"][0]
    model.save(tmp_path / "model.safetensors")
    again = fm.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.network.config() == model.network.config()
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    config = model.layers[0].config()
    assert from_config({k: v for k, v in config.items() if k != "name"}).settings() == {
        k: v for k, v in config.items() if k not in ("name", "class")
    }
    x, t = model.network.input_nodes[0], g.input(1, "t")
    loss = g.mean((model.graph - t) ** 2)
    g.check_gradients(loss, {x: X[:5], t: TARGETS[:5]}, wrt=[x, *model.network.parameter_nodes])
    found = model.gradient(X[:5])
    y = g.gradient(g.sum(model.graph), x)
    np.testing.assert_allclose(found, g.reference.evaluate(y, {x: X[:5]}), rtol=1e-3, atol=1e-4)


def test_one_column_and_one_frequency_do():
    layer = fm.NumericEmbedding(1, frequencies=1, phases=True)
    model = fm.Sequential([layer], input_columns=1, seed=0, dtype="float64")
    c, p, W, b = (w.item() for w in model.get_weights())
    expected = W * np.cos(2 * np.pi * c * X[:, :1] + p) + b
    np.testing.assert_allclose(model.predict(X[:, :1]), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": None}, "columns must be given for the kind 'periodic'"),
        ({"columns": 0}, "columns must be at least 1"),
        ({"columns": 3, "kind": "plr"}, "kind must be one of"),
        ({"columns": 3, "edges": [[0, 1]]}, "edges does not belong to the kind 'periodic'"),
        ({"columns": 3, "linear": True}, "linear does not belong to the kind 'periodic'"),
        ({"columns": 3, "frequencies": 0}, "frequencies must be at least 1"),
        ({"columns": 3, "scale": 0.0}, "scale must be"),
        ({"columns": 3, "kind": "piecewise"}, "edges must be given"),
        ({"edges": [[0, 1]], "scale": 1.0}, "scale does not belong to the kind 'piecewise'"),
        ({"edges": [[0, 1]], "frequencies": 3}, "frequencies does not belong"),
        ({"edges": [[0, 1]], "phases": True}, "phases does not belong"),
        ({"edges": [[0]]}, r"edges\[0\] must be two numbers at least, got 1"),
        ({"edges": [[0, 1], [0, 2, 2]]}, r"edges\[1\] must grow .* got 2 after 2 at 2"),
        ({"edges": [[0, np.inf]]}, r"edges\[0\]\[1\] must be a finite number"),
        ({"edges": 3}, "edges must be a sequence"),
        ({"columns": 3, "hats": True}, "hats does not belong to the kind 'periodic'"),
        ({"edges": [[0, 1]], "hats": "yes"}, "hats must be True or False, got 'yes'"),
        ({"edges": [[0, 1]], "hats": [1]}, r"hats\[0\] must be True or False, got 1"),
        ({"edges": [[0, 1]], "hats": [True, False]}, "one for each of the 1 columns .* got 2"),
        ({"edges": [[0, 1]], "columns": None, "linear": True}, "linear needs columns"),
        ({"edges": [[0, 1]], "columns": None, "activation": "relu"}, "activation needs columns"),
        ({"edges": [[0, 1]], "columns": None, "l2": 0.1}, "l2 needs columns"),
    ],
)
def test_senseless_embeddings_of_numbers_are_refused(arguments, message: str):
    if "edges" in arguments and "columns" not in arguments:
        arguments = {"columns": 3, **arguments}
    if "edges" in arguments and "edges does" not in message:
        arguments = {"kind": "piecewise", **arguments}
    with pytest.raises((ValueError, TypeError), match=message):
        fm.NumericEmbedding(**arguments)


def test_there_are_edges_for_every_column():
    with pytest.raises(ValueError, match="has edges for 6 columns and is called with 5"):
        fm.NumericEmbedding(3, "piecewise", edges=EDGES)(fm.Input(5))
    assert {"Embedding", "NumericEmbedding"} <= set(LAYERS)
