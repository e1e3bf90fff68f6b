"""Models over the same layers, for tests: an autoencoder and what is made of its layers."""

from __future__ import annotations

import numpy as np

import fastmlp as fm

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 6))
Z = RNG.normal(size=(40, 2))
DTYPES = ["float32", "float64"]


class Autoencoder:
    """An autoencoder, its layers and the values between them."""

    def __init__(self, dtype="float64", **first):
        self.dtype = dtype
        self.x = fm.Input(6)
        self.layers = [fm.Dense(5, "tanh", **first), fm.Dense(2), fm.Dense(5, "tanh"), fm.Dense(6)]
        self.values = [self.x]
        for layer in self.layers:
            self.values.append(layer(self.values[-1]))
        self.model = fm.Model(self.x, self.values[-1], seed=0, dtype=dtype)

    def encoder(self):
        return fm.Model(self.x, self.values[2], dtype=self.dtype)

    def decoder(self):
        z = fm.Input(2)
        return fm.Model(z, self.layers[3](self.layers[2](z)), dtype=self.dtype)

    def classifier(self, seed=1):
        """The encoder and a layer of its own."""
        y = fm.Dense(3, "softmax")(self.values[2])
        return fm.Model(self.x, y, seed=seed, dtype=self.dtype)


def weights(model):
    return [w.copy() for w in model.get_weights()]


def same(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


def fit(model, epochs=3, **arguments):
    """A fit on rows that fit the model, the same each time."""
    n = model.network.input_columns[0]
    inputs = X if n == 6 else Z
    softmax = model.network.output_activation == "softmax"
    t = np.arange(40) % 3 if softmax else X[:, : model.network.output_columns]
    settings = {"seed": 3, "batch_size": 8, "verbose": 0} | arguments
    return model.fit(inputs, t, epochs=epochs, **settings)
