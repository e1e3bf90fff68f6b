r"""
11d. Beyond the MLP: attention
==============================

An attention layer lets every element of a sequence ask all others (Vaswani et al. 2017). Each
element :math:`\mathbf{x}_i` has a query, a key and a value, by weights that all elements share:

.. math::

   \mathbf{q}_i = W_q \mathbf{x}_i, \quad \mathbf{k}_i = W_k \mathbf{x}_i, \quad
   \mathbf{v}_i = W_v \mathbf{x}_i, \quad
   \mathbf{a}_i = \operatorname{softmax}_j \frac{\mathbf{q}_i^\top \mathbf{k}_j}{\sqrt{d}}, \quad
   \mathbf{y}_i = \sum_j a_{ij} \mathbf{v}_j

The weights :math:`a_{ij}` with which values are mixed are computed from the data: a network whose
connections depend on its input.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import initializers
from fastmlp.layers import Layer, ParameterSpec

# %%
# The layer
# ---------
# A sequence is a row, element after element.


class Attention(Layer):
    """Self-attention with one head over `length` elements side by side in a row."""

    def __init__(self, length, width, output_width, name=None):
        super().__init__(name=name)
        self.length, self.width, self.output_width = length, width, output_width

    def output_columns(self, input_columns):
        """Return the columns of all elements' outputs."""
        return self.length * self.output_width

    def parameter_specs(self, input_columns):
        """Return W_q, W_k and W_v."""
        draw, columns = initializers.get("glorot_uniform"), input_columns[0] // self.length
        return (
            ParameterSpec("query_weights", "Wq", (self.width, columns), draw),
            ParameterSpec("key_weights", "Wk", (self.width, columns), draw),
            ParameterSpec("value_weights", "Wv", (self.output_width, columns), draw),
        )

    def elements(self, row):
        """Return the elements of a row of them."""
        width = row.shape[1] // self.length
        return [row[:, i * width : (i + 1) * width] for i in range(self.length)]

    def weights_of(self, row, Wq, Wk):
        """Return for each element the weights a_i with which it listens to all."""
        queries = [g.matmul(x, Wq, transpose_b=True) for x in self.elements(row)]
        keys = [g.matmul(x, Wk, transpose_b=True) for x in self.elements(row)]
        scale = 1 / np.sqrt(self.width)
        return [
            g.softmax(scale * g.concatenate([g.sum(q * k, axis=1) for k in keys])) for q in queries
        ]

    def apply(self, nodes, parameters, *, training, key):
        """Return the weighted sums of values."""
        (row,), (Wq, Wk, Wv) = nodes, parameters
        values = [g.matmul(x, Wv, transpose_b=True) for x in self.elements(row)]
        outputs = []
        for weights in self.weights_of(row, Wq, Wk):
            mixed = weights[:, 0:1] * values[0]
            for j in range(1, self.length):
                mixed = mixed + weights[:, j : j + 1] * values[j]
            outputs.append(mixed)
        return g.concatenate(outputs)


# %%
# Something to look up
# --------------------
# Each of five elements carries a name (a random direction in eight dimensions, new in every
# example), the name of another element it *asks for*, and a number. Its target is the number of the
# one that it asked for. Nothing can be learned by heart; the network has to learn to look up.

length, name_width = 5, 8
rng = np.random.default_rng(0)


def puzzles(rows):
    """Return rows of elements (name, asked name, number), the answers, and who is asked."""
    names = rng.normal(size=(rows, length, name_width))
    names /= np.linalg.norm(names, axis=2, keepdims=True)
    numbers = rng.uniform(-1, 1, size=(rows, length))
    asked = np.argsort(rng.random((rows, length)), axis=1)
    asks = np.take_along_axis(names, asked[:, :, None], axis=1)
    X = np.concatenate([names, asks, numbers[:, :, None]], axis=2).reshape(rows, -1)
    return X.astype(np.float32), np.take_along_axis(numbers, asked, axis=1), asked


X, t, _ = puzzles(8192)
X_test, t_test, asked = puzzles(1000)
columns = X.shape[1]

attention = Attention(length, 16, 1)
model = fm.Sequential([attention], input_columns=columns, seed=0)
rule = fm.Adam(fm.CosineDecay(3e-2, 12 * 64))
model.fit(X, t, optimizer=rule, epochs=12, batch_size=128, seed=0)
print(model.summary())

# %%
# A multilayer perceptron with fifty times as many weights does not find it from the same data:

perceptron = fm.MLP([columns, 128, 128, length], seed=0)
perceptron.fit(X, t, optimizer=fm.Adam(1e-3), epochs=30, batch_size=128, seed=0)


def error(model):
    """Return the mean squared error on the test puzzles, and that of always saying 0."""
    return ((model.predict(X_test) - t_test) ** 2).mean()


error_of_attention, error_of_perceptron = error(model), error(perceptron)
print(f"attention   {model.n_parameters:6} parameters, squared error {error_of_attention:.4f}")
print(
    f"perceptron  {perceptron.n_parameters:6} parameters, squared error {error_of_perceptron:.4f}"
)
print(f"always 0                       squared error {(t_test**2).mean():.4f}")

# %%
# Whom does each listen to? The weights are nodes of the graph, so they can be asked for. Circles
# mark who was asked; nobody told the network where to look.

x = g.input(columns, "x")
Wq, Wk, _ = model.network.parameter_nodes
listening = dict(zip((Wq, Wk), model.get_weights()[:2], strict=True))
weights = np.stack(g.run(attention.weights_of(x, Wq, Wk), {x: X_test, **listening}), axis=1)

fig, axes = plt.subplots(2, 2, figsize=(7, 6.4))
for ax, a, truth in zip(axes.ravel(), weights, asked, strict=False):
    picture = ax.imshow(a, cmap="Blues", vmin=0, vmax=1)
    ax.plot(truth, range(length), "o", markersize=20, fillstyle="none", color="#D55E00")
    ax.set(xlabel="listens to", xticks=range(length), yticks=range(length))
    ax.grid(False)
for ax in axes[:, 0]:
    ax.set_ylabel("element")
fig.colorbar(picture, ax=axes, label="attention weight")
plt.show()

found = (weights.argmax(axis=2) == asked).mean()
print(f"the largest weight is on the one that was asked in {found:.1%} of the cases")

# %%
# What it has learned
# -------------------
# The score is :math:`\mathbf{x}_i^\top W_q^\top W_k \mathbf{x}_j / \sqrt d`. To look up, the *asked
# name* of :math:`i` has to meet the *name* of :math:`j`: one block of the matrix must be a multiple
# of the identity, and all else nothing. It is:

meeting = model.get_weights()[0].T @ model.get_weights()[1] / np.sqrt(attention.width)
fig, ax = plt.subplots(figsize=(6, 5))
largest = np.abs(meeting).max()
picture = ax.imshow(meeting, cmap="RdBu_r", vmin=-largest, vmax=largest)
middles = [3.5, 11.5, 16]
ax.set(title="How an element's query meets another's key")
ax.set_xticks(middles, ["name", "asked name", "number"])
ax.set_yticks(middles, ["name", "asked name", "number"], rotation=90, va="center")
ax.grid(False)
fig.colorbar(picture, ax=ax)
plt.show()

# %%
# What the package lacks for this
# -------------------------------
# There are no tensors of three axes and no product of a matrix for each example: the scores are
# :math:`n^2` products of columns, one node each, so the graph grows with the square of the length,
# which is fixed when it is built. Five elements are fine; five hundred are not. A block of a
# transformer has more around this layer: several heads, a sum with its input (``fm.add``), a dense
# layer for each element, outputs brought to mean 0 and deviation 1 for each element. All of that
# can be made of the same operations, with ``g.group_rows`` to make rows of elements, but there is
# no layer for it.

# sphinx_gallery_thumbnail_number = 1
