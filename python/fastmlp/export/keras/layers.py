"""Layers of ours as layers of Keras."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from fastmlp import activations, layers
from fastmlp.export.keras.graph import Array, Part, Parts, Value
from fastmlp.export.keras.names import ACTIVATIONS
from fastmlp.layers.base import Layer


class Writer:
    """Writes one layer of ours: its parts are made at the first call and called again later.

    Attributes
    ----------
    own : mapping of str to array
        The layer's parameters, rows and columns.
    """

    def __init__(self, parts: Parts, layer: Any, title: str, own: Mapping[str, Array]) -> None:
        self.parts, self.layer, self.title, self.own = parts, layer, title, own
        self.made: list[Part] = []
        self._next = 0

    def write(self, sources: list[Value]) -> Value:
        """Return the value of a call."""
        self._next = 0
        function = _LAYERS.get(type(self.layer))
        if function is None:
            raise ValueError("Keras has no such layer that a file could name")
        return function(self, sources)

    def add(
        self,
        kind: str,
        sources: list[Value],
        arrays: list[Array] | None = None,
        *,
        shape: tuple[int, ...] | None = None,
        suffix: str = "",
        **settings: Any,
    ) -> Value:
        """Call a layer of Keras, the next of this layer's; `shape` is that of the first source."""
        if self._next == len(self.made):
            part = self.parts.make(
                kind, self.title + suffix, arrays, trainable=self.layer.trainable, **settings
            )
            self.made.append(part)
        part = self.made[self._next]
        self._next += 1
        part.calls.append(sources)
        return Value(part, len(part.calls) - 1, sources[0].shape if shape is None else shape)

    def vector(self, name: str) -> list[Array]:
        """Return a parameter of one row, or nothing if there is none."""
        return [self.own[name][0]] if name in self.own else []

    def activation(self, phi: activations.Activation, x: Value, suffix: str) -> Value:
        """Return the value of an activation as a layer of its own."""
        if isinstance(phi.function, activations.Adjusted):
            return self.adjusted(phi.function.name, dict(phi.function.settings), x, suffix)
        if phi.declared is None:
            raise ValueError(f"the activation {phi.name!r} is a function of yours")
        if phi.name in ACTIVATIONS:
            return self.add("Activation", [x], suffix=suffix, activation=ACTIVATIONS[phi.name])
        if phi.name == "leaky_relu":
            return self.add("LeakyReLU", [x], suffix=suffix, negative_slope=0.01)
        if phi.name == "gaussian":
            square = self.add("Multiply", [x, x], suffix=f"{suffix}_square")
            negative = self.scaled(square, -1.0, 0.0, suffix)
            return self.add("Activation", [negative], suffix=suffix, activation="exponential")
        if phi.name == "gelu_tanh":
            kappa = 2 * math.sqrt(2 / math.pi)
            square = self.add("Multiply", [x, x], suffix=f"{suffix}_square")
            factor = self.scaled(square, 0.044715 * kappa, kappa, suffix)
            u = self.add("Multiply", [x, factor], suffix=f"{suffix}_inner")
            s = self.add("Activation", [u], suffix=f"{suffix}_gate", activation="sigmoid")
            return self.add("Multiply", [x, s], suffix=suffix)
        raise ValueError(f"Keras has no activation {phi.name!r} that a file could name")

    def adjusted(self, name: str, settings: dict[str, float], x: Value, suffix: str) -> Value:
        """Return the value of an activation with settings."""
        if name == "elu":
            return self.add("ELU", [x], suffix=suffix, alpha=settings["alpha"])
        if name == "leaky_relu":
            return self.add("LeakyReLU", [x], suffix=suffix, negative_slope=settings["slope"])
        low, high = settings.get("low", -1.0), settings.get("high", 1.0)  # of hard_tanh
        above = self.scaled(x, 1.0, -low, suffix) if low else x
        cut = self.add(
            "ReLU",
            [above],
            suffix=f"{suffix}_cut",
            max_value=high - low,
            negative_slope=0.0,
            threshold=0.0,
        )
        return self.scaled(cut, 1.0, low, suffix) if low else cut

    def scaled(self, x: Value, scale: float, offset: float, suffix: str) -> Value:
        """Return scale·x + offset."""
        return self.add("Rescaling", [x], suffix=f"{suffix}_scaled", scale=scale, offset=offset)


def _dense(w: Writer, sources: list[Value]) -> Value:
    layer = w.layer
    if layer.groups > 1:
        raise ValueError("Keras has no dense layer in groups")
    arrays = [w.own["weights"].T, *w.vector("biases")]
    phi = layer.activation
    named = phi.name in ACTIVATIONS and phi.declared is not None
    y = w.add(
        "Dense",
        sources,
        arrays,
        shape=(layer.units,),
        units=layer.units,
        activation=ACTIVATIONS[phi.name] if named else "linear",
        use_bias=layer.use_bias,
    )
    return y if named else w.activation(phi, y, "_activation")


def _activation(w: Writer, sources: list[Value]) -> Value:
    return w.activation(w.layer.activation, sources[0], "")


def _prelu(w: Writer, sources: list[Value]) -> Value:
    axes = [1] if w.layer.shared else None
    return w.add("PReLU", sources, w.vector("slopes"), shared_axes=axes)


def _dropout(w: Writer, sources: list[Value]) -> Value:
    if callable(w.layer.rate):
        raise ValueError("its rate follows the step of a training: assign a number")
    return w.add("Dropout", sources, rate=w.layer.rate)


def _noise(w: Writer, sources: list[Value]) -> Value:
    if callable(w.layer.std):
        raise ValueError("its std follows the step of a training: assign a number")
    return w.add("GaussianNoise", sources, stddev=w.layer.std)


def _layer_norm(w: Writer, sources: list[Value]) -> Value:
    return _normalization(w, "LayerNormalization", sources, axis=[-1])


def _batch_norm(w: Writer, sources: list[Value]) -> Value:
    statistics = [*w.vector("running_mean"), *w.vector("running_var")]
    momentum = 1 - w.layer.momentum
    return _normalization(w, "BatchNormalization", sources, statistics, axis=-1, momentum=momentum)


def _normalization(
    w: Writer, kind: str, sources: list[Value], more: list[Array] | None = None, **settings: Any
) -> Value:
    return w.add(
        kind,
        sources,
        [*w.vector("scale"), *w.vector("offset"), *(more or [])],
        epsilon=w.layer.epsilon,
        center=w.layer.use_offset,
        scale=w.layer.use_scale,
        **settings,
    )


def _rms_norm(w: Writer, sources: list[Value]) -> Value:
    if w.layer.use_offset or not w.layer.use_scale:
        raise ValueError("Keras has RMSNormalization with a scale and without an offset only")
    return w.add("RMSNormalization", sources, w.vector("scale"), axis=[-1], epsilon=w.layer.epsilon)


def _scale(w: Writer, sources: list[Value]) -> Value:
    return _factors(w, sources[0], "scale", "")


def _factors(w: Writer, x: Value, parameter: str, suffix: str) -> Value:
    """Return a factor for each column, as the product that says so."""
    return w.add(
        "EinsumDense",
        [x],
        w.vector(parameter),
        suffix=suffix,
        equation="ab,b->ab",
        output_shape=list(x.shape),
        activation=None,
        bias_axes=None,
    )


def _rescaling(w: Writer, sources: list[Value]) -> Value:
    layer = w.layer
    return w.add("Rescaling", sources, scale=layer.scale, offset=layer.offset)


def _parametric(w: Writer, sources: list[Value]) -> Value:
    (x,) = sources
    h = w.activation(w.layer.activation, x, "_activation")
    change = _factors(w, w.add("Subtract", [h, x], suffix="_change"), "share", "_share")
    return w.add("Add", [x, change])


def _tile(w: Writer, sources: list[Value]) -> Value:
    (x,) = sources
    copies = w.layer.copies
    return _joined("Concatenate", w, [x] * copies) if copies > 1 else x


def _embedding(w: Writer, sources: list[Value]) -> Value:
    (x,) = sources
    tables = list(w.own.values())
    (columns,) = x.shape
    if len(tables) == 1:  # which looks up all columns, of inputs of any number of them
        several = _looked_up(w, x, tables[0], "")
        return w.add("Flatten", [several], shape=(math.prod(several.shape),), suffix="_row")
    cut = w.add("Reshape", [x], shape=(columns, 1), suffix="_columns", target_shape=[columns, 1])
    found = []
    for i, table in enumerate(tables):
        one = w.add(
            "Cropping1D", [cut], shape=(1, 1), suffix=f"_{i}", cropping=[i, columns - 1 - i]
        )
        index = w.add("Reshape", [one], shape=(1,), suffix=f"_{i}_index", target_shape=[1])
        suffix, width = f"_{i}_table", table.shape[1]
        row = _looked_up(w, index, table, suffix)
        found.append(
            w.add("Reshape", [row], shape=(width,), suffix=f"{suffix}_row", target_shape=[width])
        )
    return _joined("Concatenate", w, found)


def _looked_up(w: Writer, x: Value, table: Array, suffix: str) -> Value:
    rows, columns = table.shape
    return w.add(
        "Embedding",
        [x],
        [table],
        shape=(*x.shape, columns),
        suffix=suffix,
        input_dim=rows,
        output_dim=columns,
        mask_zero=False,
    )


def _join(w: Writer, sources: list[Value]) -> Value:
    return _joined(type(w.layer).__name__, w, sources)


def _joined(kind: str, w: Writer, sources: list[Value]) -> Value:
    if kind != "Concatenate":
        return w.add(kind, sources)
    columns = int(np.sum([source.shape[0] for source in sources]))
    return w.add(kind, sources, shape=(columns,), axis=-1)


_LAYERS: Final[dict[type[Layer], Callable[[Writer, list[Value]], Value]]] = {
    layers.Dense: _dense,
    layers.Activation: _activation,
    layers.PReLU: _prelu,
    layers.Dropout: _dropout,
    layers.GaussianNoise: _noise,
    layers.LayerNorm: _layer_norm,
    layers.RMSNorm: _rms_norm,
    layers.BatchNorm: _batch_norm,
    layers.Scale: _scale,
    layers.Rescaling: _rescaling,
    layers.ParametricActivation: _parametric,
    layers.Tile: _tile,
    layers.Embedding: _embedding,
    layers.Add: _join,
    layers.Multiply: _join,
    layers.Maximum: _join,
    layers.Minimum: _join,
    layers.Concatenate: _join,
}
