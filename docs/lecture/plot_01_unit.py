r"""
1. Unit, layer, network
=======================

A **unit** takes a vector of inputs, weighs and sums them, adds a bias and applies an activation:

.. math:: y = \varphi(\mathbf{w}^\top \mathbf{x} + b)

That is all there is. A layer is several units on the same inputs, a network is layers on layers.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm
from fastmlp import graph as g

# %%
# A unit, by hand and as a model
# ------------------------------
# With :math:`\mathbf{w} = (2, -1)`, :math:`b = 0.5` and the logistic
# :math:`\varphi(z) = \sigma(z) = 1 / (1 + e^{-z})`:

w, b = np.array([2.0, -1.0]), 0.5
x = np.array([1.0, 3.0])
by_hand = 1 / (1 + np.exp(-(w @ x + b)))

unit = fm.MLP([2, 1], output="logistic")
unit.layers[0].weights = [w]
unit.layers[0].biases = [b]
print(by_hand, unit.predict([x]).item())

# %%
# Logistic regression is a unit
# -----------------------------
# Read :math:`y = \sigma(\mathbf{w}^\top \mathbf{x} + b)` as the probability of one of two classes
# and let gradient descent find :math:`\mathbf{w}` and :math:`b`. The decision changes where
# :math:`\mathbf{w}^\top \mathbf{x} + b = 0`: on a line.

rng = np.random.default_rng(0)
X = np.concatenate([rng.normal([-1, 0], 0.8, (100, 2)), rng.normal([1, 1], 0.8, (100, 2))])
t = np.repeat([0, 1], 100)

logistic_regression = fm.MLP([2, 1], output="logistic", seed=0)
logistic_regression.fit(X, t, epochs=200, optimizer=fm.Adam(0.05), l2=1e-2)
print(logistic_regression.evaluate(X, t))

# %%
# The arrow is :math:`\mathbf{w}`: it stands at a right angle on the line and points to class 1.

ax = fm.plot.decision_boundary(logistic_regression, X, t, class_names=["t = 0", "t = 1"])
w, b = logistic_regression.layers[0].weights[0], logistic_regression.layers[0].biases[0]
foot = -b * w / (w @ w)
ax.annotate(
    "w",
    foot,
    foot + 1.6 * w / np.linalg.norm(w),
    arrowprops={"arrowstyle": "<-", "linewidth": 2.5, "shrinkA": 0, "shrinkB": 0},
    bbox={"boxstyle": "circle", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    fontsize=16,
    weight="bold",
)
ax.set_aspect("equal")
ax.set_title("A logistic unit divides the plane by a line")
plt.show()

# %%
# A layer
# -------
# :math:`M` units that look at the same :math:`N` inputs have :math:`M` weight vectors, the rows
# of a matrix :math:`W \in \mathbb{R}^{M \times N}`:
#
# .. math:: \mathbf{y} = \varphi(W \mathbf{x} + \mathbf{b})

layer = fm.MLP([3, 4], output="tanh", seed=0, dtype="float64")
W, b = layer.get_weights()
x = np.array([1.0, -2.0, 0.5])
print("W", W.shape, " b", b.shape)
print(np.tanh(W @ x + b))
print(layer.predict([x])[0])

# %%
# A network is a composition
# --------------------------
# .. math:: \mathbf{y} = f^{(L)} \circ \ldots \circ f^{(1)} (\mathbf{x}), \quad
#           f^{(l)}(\mathbf{h}) = \varphi^{(l)} (W^{(l)} \mathbf{h} + \mathbf{b}^{(l)})

network = fm.MLP([3, 5, 4, 2], activation="tanh", output="identity", seed=0, dtype="float64")
h = x
for layer in network.layers:
    phi = np.tanh if layer.activation.name == "tanh" else np.asarray
    h = phi(layer.weights @ h + layer.biases)
print(h)
print(network.predict([x])[0])

# %%

fm.plot.network(network)
plt.show()

# %%
# … and a directed acyclic graph
# ------------------------------
# Nothing says that a layer must read the one before it. Here the output also sees the input itself,
# over a *skip connection*:

x = fm.Input(2)
h1 = fm.Dense(4, "relu")(x)
h2 = fm.Dense(3, "relu")(h1)
skipping = fm.Model(x, fm.Dense(1)(fm.concat([h2, x])), seed=0)
print(skipping.summary())

# %%
# What the model computes is a graph of operations, the one that `fastmlp.graph.draw` shows
# and the core runs.

g.draw(skipping.graph)

# sphinx_gallery_thumbnail_number = 1
