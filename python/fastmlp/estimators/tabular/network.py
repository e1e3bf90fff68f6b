"""From a design and the layout of a table to a network, its loss and its optimizer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import graph as g
from fastmlp import layers, losses
from fastmlp.initializers import Constant, He, Initializer, LeCun, Normal, Uniform
from fastmlp.layers.base import Input, Symbol
from fastmlp.losses.reduction import mean_loss
from fastmlp.models.model import Model
from fastmlp.optimizers.adamw import AdamW
from fastmlp.schedules import Coslog4, FlatCosine

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.data.table import Layout
    from fastmlp.estimators.tabular.recipe import Design, Recipe
    from fastmlp.graph.node import Node
    from fastmlp.layers.base import Layer
    from fastmlp.networks.network import Network

    Array = NDArray[Any]

#: Numbers that stand for a category; RealMLP's.
CATEGORY_COLUMNS = 8
#: What all embeddings of the numbers may have as columns together: wide tables have narrower ones.
MOST_EMBEDDED, MOST_ENCODED = 1024, 4096
#: Standard deviation of the frequencies of a periodic embedding; RealMLP's.
FREQUENCY_SCALE = 0.1
#: RealMLP's factors of the rate: of the scales in front, of biases, and of embeddings and shares.
FRONT, SLOW = 6.0, 0.1


@dataclass(frozen=True)
class Bins:
    """Of the columns of numbers.

    Attributes
    ----------
    edges : list of list of float
        Where the bins of each column begin and end.
    hats : list of bool
        Which columns jump from edge to edge, see `NumericEmbedding`.
    """

    edges: list[list[float]]
    hats: list[bool]


@dataclass(frozen=True)
class Shape:
    """What a network is made for, besides its design.

    Attributes
    ----------
    layout : Layout
        Of the columns.
    outputs : int
        Classes, or numbers to predict.
    classes : bool
        Whether they are probabilities.
    quantiles : int
        How many of them there are of each number, 0 if they are the numbers themselves.
    """

    layout: Layout
    outputs: int
    classes: bool
    quantiles: int = 0


def inputs_of(X: Array, layout: Layout) -> list[Array]:
    """Return what the inputs of a network are given of a matrix: numbers, flags, codes."""
    ends = np.cumsum([layout.numbers, layout.flags, len(layout.codes)])
    parts = np.split(X, ends[:2], axis=1)
    return [np.ascontiguousarray(part) for part in parts if part.shape[1]]


def fewest_parameters(design: Design, shape: Shape) -> int:
    """Return how many parameters a network has at least, however large, without making it."""
    layout, width = shape.layout, design.width
    columns = layout.numbers + layout.flags + CATEGORY_COLUMNS * len(layout.codes)
    outputs = design.copies * shape.outputs
    dense = columns * outputs
    if design.depth:
        dense = width * (columns + (design.depth - 1) * width + outputs)
    return CATEGORY_COLUMNS * sum(layout.codes) + dense


def build(design: Design, shape: Shape, bins: Bins | None, seed: int) -> Model:
    """Return a network with new weights; the bins are those of `bins_for`."""
    layout, inputs, parts = shape.layout, [], []
    if layout.numbers:
        inputs.append(Input(layout.numbers, name="numbers"))
        embedding = _embedding(design, layout.numbers, bins)
        parts.append(inputs[-1] if embedding is None else embedding(inputs[-1]))
    if layout.flags:
        inputs.append(Input(layout.flags, name="flags"))
        parts.append(inputs[-1])
    if layout.codes:
        inputs.append(Input(len(layout.codes), name="codes"))
        tables = layers.Embedding(list(layout.codes), CATEGORY_COLUMNS, name="categories")
        parts.append(tables(inputs[-1]))
    h = layers.concat(parts) if len(parts) > 1 else parts[0]
    if design.chosen:
        h = layers.Scale(name="chosen", trainable=False)(h)
    output = _output(design, shape, _hidden(design, _front(design, h)))
    return Model(inputs, output, seed=seed)


def read_only(model: Model, design: Design, layout: Layout, kept: Array) -> None:
    """Let a network read only these of the numbers and flags, as if there were no others."""
    own = kept[: layout.numbers]
    for layer in model.layers:
        if isinstance(layer, layers.NumericEmbedding):
            embedded = np.repeat(own, layer.spans(layout.numbers))
            own = np.concatenate([own, embedded]) if layer.keep else embedded
    codes = np.ones(CATEGORY_COLUMNS * len(layout.codes), bool)
    read = np.concatenate([own, kept[layout.numbers :], codes])
    # Weights are drawn, and learn, by the number of inputs.
    factor = math.sqrt(len(read) / read.sum())
    model.network.views(model.parameters.view)["chosen.scale"][...] = np.where(read, factor, 0.0)


def _embedding(design: Design, count: int, bins: Bins | None) -> Layer | None:
    columns = min(design.embedded, MOST_EMBEDDED // count)
    encoding = min(design.encoding, MOST_ENCODED // count)
    if design.embedding == "none" or columns == 0:
        return None
    if design.embedding == "periodic":
        return layers.NumericEmbedding(
            columns,
            frequencies=max(1, encoding),
            scale=FREQUENCY_SCALE,
            phases=True,
            keep=True,
            name="numeric",
        )
    if bins is None:
        raise ValueError("a design with bins has none")
    return layers.NumericEmbedding(
        columns, "piecewise", edges=bins.edges, linear=True, hats=bins.hats, name="numeric"
    )


def _front(design: Design, h: Symbol) -> Symbol:
    """Return the inputs of the hidden layers: scaled, and of each copy in its own way."""
    if design.copies == 1:
        return layers.Scale(name="front")(h)
    return layers.Scale(Normal(1.0), name="front")(layers.Tile(design.copies)(h))


def _hidden(design: Design, h: Symbol) -> Symbol:
    groups: dict[str, Any] = {"groups": design.copies, "shared": True} if design.copies > 1 else {}
    ntk = design.schedule == "coslog4"
    draw = LeCun("normal") if design.activation == "selu" else He("normal")
    for i in range(1, design.depth + 1):
        bias: Initializer = Constant(0.0)
        if not ntk:
            bias = Uniform(1 / math.sqrt(h.columns // design.copies))
        name = "identity" if design.parametric else design.activation
        dense = layers.Dense(
            design.width,
            name,
            weights_initializer=draw,
            bias_initializer=bias,
            name=f"hidden_{i}",
            **groups,
        )
        h = dense(h)
        if design.parametric:
            h = layers.ParametricActivation(design.activation, name=f"share_{i}")(h)
        if design.dropout:
            h = layers.Dropout(design.dropout, name=f"dropout_{i}")(h)
    return h


def _output(design: Design, shape: Shape, h: Symbol) -> Symbol:
    groups: dict[str, Any] = {"groups": design.copies} if design.copies > 1 else {}
    draw = LeCun("normal")
    return layers.Dense(shape.outputs, weights_initializer=draw, name="output", **groups)(h)


def plan_dropout(model: Model, design: Design, steps: int) -> None:
    """Let dropout of RealMLP fall to 0 in the second half of so many steps."""
    if design.schedule == "coslog4" and design.dropout:
        for layer in model.layers:
            if isinstance(layer, layers.Dropout):
                layer.rate = FlatCosine(design.dropout, steps)


def rest_dropout(model: Model, design: Design) -> None:
    """Let dropout be a number again: schedules are of the training that is over."""
    for layer in model.layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = design.dropout


def loss_of(
    network: Network, design: Design, recipe: Recipe, shape: Shape, weighted: bool
) -> tuple[Node, Node, Node | None, Node | None]:
    """Return the loss of a batch, what to feed as targets and as weights, and Σ w."""
    y, _ = network.forward(training=True)
    k = design.copies
    t = g.input(1 if shape.classes else shape.outputs // max(1, shape.quantiles), "t")
    w = g.input(1, "w") if weighted else None
    y, each = g.group_rows(y, k), t if k == 1 else g.group_rows(g.concatenate([t] * k), k)
    per_row = _loss(design, recipe)(g.softmax(y) if shape.classes else y, each)
    if k > 1:  # the mean over the copies
        per_row = g.mean(g.ungroup_rows(per_row, k), axis=1)
    total = None if w is None else g.sum(w)
    return mean_loss(per_row, w, total), t, w, total


def _loss(design: Design, recipe: Recipe) -> Any:
    if recipe.task == "classes":
        return losses.CrossEntropy(label_smoothing=design.smoothing)
    if recipe.metric == "quantile":
        return losses.Quantile(recipe.quantiles)
    return losses.AbsoluteError() if recipe.metric == "mae" else losses.MeanSquaredError()


def optimizer_of(network: Network, design: Design, steps: int) -> AdamW:
    """Return what trains a network for so many steps."""
    clip = design.clip or None
    if design.schedule == "constant":
        decay = design.decay
        return AdamW(design.rate, beta2=design.beta2, weight_decay=decay, clip_norm=clip)

    def at(factor: float) -> Coslog4:
        return Coslog4(design.rate * factor, steps)

    groups: dict[str, dict[str, Any]] = {
        "bias": {"learning_rate": at(SLOW)},
        "scale": {"learning_rate": at(SLOW)},
        "front": {"learning_rate": at(FRONT)},
    }
    for name, node in zip(network.parameter_names, network.parameter_nodes, strict=True):
        layer, _, parameter = name.rpartition(".")
        if layer == "numeric":
            groups[layer] = {"learning_rate": at(SLOW)}
        elif parameter == "weights" and layer != "categories":
            # W / √n with W of variance 1 moves 1 / √n as far at the same rate, and decays as much.
            root = math.sqrt(int(node.shape[1]))
            groups[name] = {
                "learning_rate": at(1 / root),
                "weight_decay": _falling(design.decay * root, steps),
            }
    falling = _falling(design.decay, steps)
    return AdamW(at(1.0), beta2=design.beta2, weight_decay=falling, groups=groups, clip_norm=clip)


def _falling(value: float, steps: int) -> FlatCosine | float:
    return FlatCosine(value, steps) if value else 0.0
