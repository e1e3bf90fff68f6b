"""Networks of every layer and activation joined at random: inputs, outputs and shared layers."""

from __future__ import annotations

import numpy as np

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.graph.ops.activations.declaration import DECLARED
from fastmlp.layers import Symbol

ROWS = 11
# Steps of a value: a rounding before one may be any difference behind it.
STEPS = ("threshold",)
SMOOTH = [
    *sorted(set(DECLARED) - set(STEPS)),
    *("elu(alpha=0.5)", "leaky_relu(slope=0.3)", "hard_tanh(low=0, high=2)"),
]


class RandomNetwork:
    """A model of `size` calls of layers, with weights as after a fit, and rows for it.

    Parameters
    ----------
    seed : int
        The same network for the same seed.
    for_keras : bool
        Whether to have only what Keras has.
    """

    def __init__(self, seed: int, *, size: int = 14, for_keras: bool = False) -> None:
        self.rng = np.random.default_rng(seed)
        self.for_keras = for_keras
        self.dtype = ("float32", "float64")[seed % 2]
        inputs = [fm.Input(int(self.rng.integers(1, 7))) for _ in range(self.rng.integers(1, 4))]
        self.rows = [self.rng.normal(size=(ROWS, x.columns)).astype(self.dtype) for x in inputs]
        values: list[Symbol] = list(inputs)
        if self.rng.random() < 0.3:
            inputs.append(fm.Input(2))
            rows = self.rng.integers(0, [3, 5], size=(ROWS, 2))
            self.rows.append(rows.astype(self.dtype))
            one = fm.layers.Embedding(5, 2)  # for both columns, or of another input, too
            layer = one if self.rng.random() < 0.5 else fm.layers.Embedding([3, 5], [2, 1])
            values.append(layer(inputs[-1]))
            if layer is one:
                inputs.append(fm.Input(1))
                self.rows.append(self.rng.integers(0, 5, size=(ROWS, 1)).astype(self.dtype))
                values.append(one(inputs[-1]))
        self.used: list[tuple[fm.Layer, int]] = []
        for _ in range(size):
            values.append(self.next(values))
        # What all values are part of, and some that are outputs by themselves.
        total = fm.Dense(3, self.activation())(fm.layers.concat([*inputs, *values[-3:]]))
        outputs = [total, *(values[i] for i in self.rng.integers(len(inputs), len(values), 2))]
        outputs = list(dict.fromkeys(outputs))[: self.rng.integers(1, 4)]
        outputs = [y if y.layer is not None else fm.Dense(1)(y) for y in outputs]
        given = outputs[0] if len(outputs) == 1 else {f"y{i}": y for i, y in enumerate(outputs)}
        self.model = fm.Model(inputs, given, seed=seed, dtype=self.dtype)
        weights = self.model.get_weights()
        self.model.set_weights(
            [w + (w.ndim == 1) * self.rng.uniform(0.1, 0.5, w.shape) for w in weights]
        )
        self.names = [str(node.name) for node in self.model.network.input_nodes]

    def activation(self) -> str:
        """Return the name of an activation."""
        from_keras = [name for name in SMOOTH if name != "sin" or not self.for_keras]
        return str(self.rng.choice(from_keras))

    def next(self, values: list[Symbol]) -> Symbol:
        """Return what a layer makes of one or more of the values."""
        rng = self.rng
        x = values[rng.integers(len(values))]
        if rng.random() < 0.2:  # once more what has been called before
            again = [layer for layer, columns in self.used if columns == x.columns]
            if again:
                return again[rng.integers(len(again))](x)
        if rng.random() < 0.25:
            return self.join(values)
        layer = self.layer(x.columns)
        self.used.append((layer, x.columns))
        return layer(x)

    def join(self, values: list[Symbol]) -> Symbol:
        """Return what a layer makes of two or three values, of one width where it wants that."""
        rng = self.rng
        some = [values[i] for i in rng.integers(len(values), size=rng.integers(2, 4))]
        names = ("Add", "Multiply", "Maximum", "Minimum", "Concatenate")
        kind = getattr(fm.layers, names[rng.integers(len(names))])
        if kind is fm.layers.Concatenate:
            return kind()(some)
        n = int(rng.integers(1, 6))
        return kind()([fm.Dense(n, "tanh")(one) for one in some])

    def layer(self, columns: int) -> fm.Layer:
        """Return a layer for so many columns."""
        rng = self.rng
        yes = [bool(flag) for flag in rng.integers(2, size=2)]
        norm = {"use_scale": yes[0], "use_offset": yes[1]}
        kinds = [
            lambda: fm.Dense(int(rng.integers(1, 8)), self.activation(), use_bias=yes[0]),
            lambda: fm.Dense(int(rng.integers(1, 8)), self.activation()),
            lambda: fm.layers.Activation(self.activation()),
            lambda: fm.layers.PReLU(shared=yes[0]),
            lambda: fm.Dropout(0.25),
            lambda: fm.layers.GaussianNoise(0.5),
            lambda: fm.layers.LayerNorm(1e-2, **norm),
            lambda: fm.layers.BatchNorm(0.5, 1e-2, **norm),
            lambda: fm.layers.RMSNorm(1e-2, use_offset=False),
            lambda: fm.layers.Scale(0.7),
            lambda: fm.layers.Tile(2),
            lambda: fm.Rescaling(0.75, -0.25),
        ]
        if not self.for_keras:
            kinds += [
                lambda: fm.layers.RMSNorm(1e-2, **norm),
                lambda: fm.layers.ParametricActivation("silu", share_initializer=0.4),
                lambda: fm.Dense(2 * columns, self.activation(), groups=columns),
                lambda: fm.layers.NumericEmbedding(
                    2, frequencies=3, scale=0.3, activation="tanh", phases=yes[0], keep=yes[1]
                ),
                lambda: fm.layers.Lambda(lambda x: g.sin(x) + g.mean(x, axis=1)),
            ]
        return kinds[rng.integers(len(kinds))]()

    def predicted(self) -> np.ndarray:
        """Return all outputs side by side."""
        model = self.model
        y = model.predict(self.rows if len(self.rows) > 1 else self.rows[0])
        return self.side_by_side(dict(y) if isinstance(y, dict) else {"y": y})

    def side_by_side(self, outputs: dict[str, np.ndarray]) -> np.ndarray:
        """Return outputs by name in the order of the model."""
        names = self.model.network.outputs.names
        found = list(outputs.values()) if len(outputs) == 1 else [outputs[n] for n in names]
        return np.concatenate([np.asarray(y).reshape(ROWS, -1) for y in found], axis=1)
