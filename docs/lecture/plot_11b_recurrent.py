r"""
11b. Beyond the MLP: a recurrent network
========================================

A recurrent network reads a sequence step by step and keeps a state:

.. math:: \mathbf{h}_s = \tanh(W \mathbf{x}_s + U \mathbf{h}_{s-1} + \mathbf{b}), \qquad
   y_s = V \mathbf{h}_s + c

The weights are the same at every step. Unrolled over a sequence of given length it is an acyclic
graph in which each weight is used many times, and backpropagation adds up what all the uses send
back: *backpropagation through time* is no new algorithm.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import initializers
from fastmlp.layers import Layer, ParameterSpec

# %%
# A layer of one's own
# --------------------
# A layer says which parameters it needs and what it does with nodes; the rest, from ``fit`` to
# ``summary``, comes with it. A sequence is a row: one column for each step.


class Recurrent(Layer):
    """Read a row from left to right; after each step predict what comes next."""

    def __init__(self, units, name=None):
        super().__init__(name=name)
        self.units = units

    def output_columns(self, input_columns):
        """Return the number of steps: there is a prediction after each."""
        return input_columns[0]

    def parameter_specs(self, input_columns):
        """Return W, U, b, V and c: the same for any number of steps."""
        draw, zeros, n = initializers.get("glorot_uniform"), initializers.get("zeros"), self.units
        return (
            ParameterSpec("input_weights", "W", (n, 1), draw),
            ParameterSpec("state_weights", "U", (n, n), draw),
            ParameterSpec("biases", "b", (1, n), zeros),
            ParameterSpec("output_weights", "V", (1, n), draw),
            ParameterSpec("output_biases", "c", (1, 1), zeros),
        )

    def apply(self, nodes, parameters, *, training, key):
        """Unroll: the same five parameters at each step."""
        (x,), (W, U, b, V, c) = nodes, parameters
        state, predictions = None, []
        for step in range(x.shape[1]):
            z = g.affine(x[:, step : step + 1], W, b)
            if state is not None:
                z = z + g.matmul(state, U, transpose_b=True)
            state = g.tanh(z).named(f"h{step + 1}")
            predictions.append(g.affine(state, V, c))
        return g.concatenate(predictions)


# %%
# Three steps of it as a graph: W, U and b have three children each.

unrolled = fm.Sequential([Recurrent(2)], input_columns=3, seed=0)
g.draw(unrolled.graph)

# %%
# Learning a sequence
# -------------------
# Sine waves of random frequency and phase. The network sees the values so far and has to tell the
# next one; for that its state must hold where in the wave it is, and how fast the wave goes.

steps = 24
rng = np.random.default_rng(0)


def waves(rows, length):
    """Return sine waves of random frequency and phase, one in each row."""
    frequency, phase = rng.uniform(0.25, 0.7, (rows, 1)), rng.uniform(0, 2 * np.pi, (rows, 1))
    return np.sin(frequency * np.arange(length) + phase).astype(np.float32)


data = waves(2048, steps + 1)
model = fm.Sequential([Recurrent(24)], input_columns=steps, seed=0)
history = model.fit(
    data[:, :-1],
    data[:, 1:],
    loss=lambda y, t: g.mean((y - t) ** 2, axis=1),
    optimizer=fm.Adam(fm.CosineDecay(1e-2, 150 * 32)),
    epochs=150,
    batch_size=64,
    seed=0,
)
print(model.summary())
print(f"mean squared error {history['loss'][0]:.4f} → {history['loss'][-1]:.5f}")

# %%
# The error falls from step to step: after one value nothing is known of the frequency, after a few
# the wave is.

test = waves(512, steps + 1)
errors = ((model.predict(test[:, :-1]) - test[:, 1:]) ** 2).mean(axis=0)
fig, ax = plt.subplots(figsize=(7, 3.6))
ax.semilogy(range(1, steps + 1), errors, "o-")
ax.set(xlabel="values seen", ylabel="mean squared error", title="The next value, predicted")
plt.show()

# %%
# Left to itself it goes on with the wave: each prediction is appended and read again. Small errors
# add up, and in the end it drifts.

length = 60
start = waves(3, steps + length)
sequence = start[:, :steps]
for _ in range(length):
    following = model.predict(np.ascontiguousarray(sequence[:, -steps:]))[:, -1:]
    sequence = np.hstack([sequence, following])

fig, axes = plt.subplots(3, 1, figsize=(7, 5.5), sharex=True)
for ax, true, made in zip(axes, start, sequence, strict=True):
    ax.plot(true, color="#BBBBBB", linewidth=5, label="the wave")
    ax.plot(range(steps), made[:steps], color="#0072B2", label="read")
    ax.plot(range(steps - 1, steps + length), made[steps - 1 :], color="#D55E00", label="made")
axes[0].legend(ncols=3, loc="upper right", bbox_to_anchor=(1, 1.5))
axes[0].set_title("Going on alone")
axes[-1].set_xlabel("step")
plt.show()

# %%
# Shared weights
# --------------
# The message to a shared weight is the sum of the messages of all its uses. With a copy of
# :math:`U` for each step, of equal value, each copy gets one term of the sum:

x = g.input(4, "x")
W, b = g.parameter(np.ones((2, 1)), "W"), g.parameter(np.zeros(2), "b")
U = g.parameter([[0.5, -0.3], [0.2, 0.4]], "U")
copies = [g.parameter(U.value, f"U{step}") for step in (2, 3, 4)]


def last_state(state_weights):
    """Return the loss of the last state, with these weights at steps 2, 3 and 4."""
    state = g.tanh(g.affine(x[:, 0:1], W, b))
    for step, weights in enumerate(state_weights, start=1):
        into = g.affine(x[:, step : step + 1], W, b)
        state = g.tanh(into + g.matmul(state, weights, transpose_b=True))
    return 0.5 * g.sum(state**2)


row = {x: [[1.0, -0.5, 0.3, 0.8]]}
shared = g.run(g.gradient(last_state([U] * 3), U), row, dtype="float64")
terms = g.run(g.gradient(last_state(copies), copies), row, dtype="float64")
print(shared)
print(np.sum(terms, axis=0))

# %%
# What the package lacks for this
# -------------------------------
# The number of steps is fixed when the graph is built, and the graph grows with it: a program
# has no loop, so a sequence of thousands of steps is a program of thousands of steps, and another
# length is another model (with the same weights). A file cannot hold a layer of one's own:
# ``model.save`` says so.

# sphinx_gallery_thumbnail_number = 2
