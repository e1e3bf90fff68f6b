"""Models of every layer and every activation, and rows for them: what exporters must write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.graph.ops.activations.declaration import DECLARED

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5)).astype(np.float32)
CATEGORIES = np.column_stack([RNG.integers(0, n, 12) for n in (3, 4, 2, 9, 5)]).astype(np.float32)
GROUPED = [g.constant(RNG.normal(size=shape)) for shape in ((10, 1), (1, 10))]
SCALE, OFFSET, FACTOR = (g.constant(RNG.normal(size=(1, 5))) for _ in range(3))
EDGES = [[0, 1], [0, 0.5, 2], [-1, 1], [0, 3], [1, 2, 3, 4]]
DTYPES = ["float32", "float64"]
# Activations with settings, of each that has some.
ADJUSTED = [
    *("elu(alpha=0.5)", "leaky_relu(slope=0.3)", "hard_tanh(low=0, high=0.75)"),
    "hard_tanh(low=-0.5, high=0.75)",
]


def layered(layer: fm.Layer) -> Callable[[str], fm.Model]:
    """Return what makes a model with a layer between two others."""

    def make(dtype: str) -> fm.Model:
        layers = [fm.Dense(5, "tanh"), layer.copy(), fm.Dense(3, "softmax")]
        return fm.Sequential(layers, input_columns=5, seed=0, dtype=dtype)

    return make


def first(layer: fm.Layer) -> Callable[[str], fm.Model]:
    """Return what makes a model that begins with a layer."""

    def make(dtype: str) -> fm.Model:
        layers = [layer.copy(), fm.Dense(3)]
        return fm.Sequential(layers, input_columns=5, seed=0, dtype=dtype)

    return make


def joined(layer: fm.Layer) -> Callable[[str], fm.Model]:
    """Return what makes a model in which a layer joins three values."""

    def make(dtype: str) -> fm.Model:
        x = fm.Input(5)
        parts = [fm.Dense(4, "tanh")(x), fm.Dense(4, "relu")(x), fm.Dense(4)(x)]
        return fm.Model(x, fm.Dense(2)(layer.copy()(parts)), seed=0, dtype=dtype)

    return make


def several(dtype: str) -> fm.Model:
    """Two inputs and three outputs, of which one is read by another and one is a layer's number."""
    left, right = fm.Input(5, name="left side"), fm.Input(2, name="right")
    h = fm.Dense(6, "relu")(fm.layers.concat([left, right]))
    kind = fm.Dense(3, "softmax")(h)
    size = fm.Dense(1, "softplus")(fm.layers.concat([kind, right]))
    outputs = {"kind": kind, "size": size, "float": fm.Dense(2)(h)}
    return fm.Model([left, right], outputs, seed=0, dtype=dtype)


def shared(dtype: str) -> fm.Model:
    """A layer that is called twice."""
    x, twice = fm.Input(5), fm.Dense(5, "tanh")
    return fm.Model(x, fm.Dense(2)(twice(twice(x))), seed=0, dtype=dtype)


def wide(dtype: str) -> fm.Model:
    """More between the layers than a small stack holds."""
    return fm.MLP([5, 1200, 3], activation="tanh", output="softmax", seed=0, dtype=dtype)


def tied(dtype: str) -> fm.Model:
    """A function of the user's in which W stands twice, once transposed."""
    w = g.constant(np.arange(10).reshape(5, 2) / 7)
    layer = fm.layers.Lambda(lambda x: g.matmul(g.tanh(x @ w), w, transpose_b=True), columns=5)
    return fm.Sequential([layer, fm.Dense(2)], input_columns=5, seed=0, dtype=dtype)


# Of every class of layers, by the name of the class or what begins with it.
MODELS: dict[str, Callable[[str], fm.Model]] = {
    **{f"activation {name}": layered(fm.layers.Activation(name)) for name in DECLARED},
    **{f"activation {name}": layered(fm.layers.Activation(name)) for name in ADJUSTED},
    "Dense": layered(fm.Dense(4, "relu")),
    "Dense with settings": layered(fm.Dense(4, "elu(alpha=0.5)")),
    "Dense without biases": layered(fm.Dense(4, "relu", use_bias=False)),
    "Dense in groups": layered(fm.layers.Lambda(lambda x: g.affine(x, *GROUPED, 5), columns=10)),
    "Activation": layered(fm.layers.Activation("mish")),
    "PReLU": layered(fm.layers.PReLU()),
    "Dropout": layered(fm.Dropout(0.25)),
    "GaussianNoise": layered(fm.layers.GaussianNoise(0.125)),
    "LayerNorm": layered(fm.layers.LayerNorm()),
    "LayerNorm bare": layered(fm.layers.LayerNorm(1e-3, use_scale=False, use_offset=False)),
    "RMSNorm": layered(fm.layers.RMSNorm(use_offset=False)),
    "BatchNorm": layered(fm.layers.BatchNorm(0.5)),
    "BatchNorm bare": layered(fm.layers.BatchNorm(0.5, use_scale=False)),
    "ParametricActivation": layered(fm.layers.ParametricActivation("tanh", share_initializer=0.4)),
    "Tile": layered(fm.layers.Tile(3)),
    "Rescaling": layered(fm.layers.Rescaling(1.5, -0.25)),
    "Scale": layered(fm.layers.Scale(0.5)),
    "Lambda": layered(fm.layers.Lambda(lambda x: g.concatenate(x, x * x)[:, 1:8], columns=7)),
    "Lambda of rows": layered(
        fm.layers.Lambda(lambda x: g.silu(x * SCALE + OFFSET) * FACTOR, columns=5)
    ),
    "Lambda tied": tied,
    "Lambda of a number": layered(fm.layers.Lambda(lambda x: x + g.spread(1.0, x.shape))),
    "Add": joined(fm.layers.Add()),
    "Multiply": joined(fm.layers.Multiply()),
    "Maximum": joined(fm.layers.Maximum()),
    "Minimum": joined(fm.layers.Minimum()),
    "Concatenate": joined(fm.layers.Concatenate()),
    "Embedding": first(fm.layers.Embedding([3, 4, 2, 9, 5], [2, 5, 1, 1, 3])),
    "Embedding of one table": first(fm.layers.Embedding(9, 3)),
    "NumericEmbedding": first(
        fm.layers.NumericEmbedding(3, frequencies=6, activation="relu", phases=True, keep=True)
    ),
    "NumericEmbedding piecewise": first(
        fm.layers.NumericEmbedding(3, "piecewise", activation="relu", edges=EDGES, keep=True)
    ),
    "several": several,
    "shared": shared,
    "wide": wide,
}


def rows_for(name: str, model: fm.Model) -> Any:
    """Return rows as the model of that name takes them."""
    if len(model.network.inputs) == 2:
        return [X, X[:, :2]]
    return CATEGORIES if name.startswith("Embedding") else X


def model_of(name: str, dtype: str) -> tuple[fm.Model, Any]:
    """Return the model of that name with weights and statistics as after a fit, and rows for it."""
    model = MODELS[name](dtype)
    rng = np.random.default_rng(1)
    weights = model.get_weights()
    model.set_weights([w + (w.ndim == 1) * rng.uniform(0.1, 0.5, w.shape) for w in weights])
    return model, rows_for(name, model)


def predicted(model: fm.Model, rows: Any) -> np.ndarray:
    """Return all outputs side by side."""
    return np.concatenate([y for y, _ in model.network.outputs.values(model.predict(rows), "y")], 1)
