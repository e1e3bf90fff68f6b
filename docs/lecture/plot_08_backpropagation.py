r"""
8. Backpropagation
==================

Backpropagation is the chain rule in the right order. For a value :math:`v` of a computation, its
**error signal** :math:`\bar v = \partial L / \partial v` says by how much the loss changes when
:math:`v` does. The loss has :math:`\bar L = 1`; every other value adds up what those computed from
it send back.

In fastmlp the gradient is not hidden in the library: `fastmlp.graph.gradient` returns error
signals as nodes of a graph, and that graph is what the C++ core runs in training.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm
from fastmlp import graph as g

# %%
# One weight, one bias
# --------------------
# The univariate logistic least-squares model:
#
# .. math:: z = w x + b, \qquad y = \sigma(z), \qquad L = \tfrac{1}{2} (y - t)^2
#
# Nodes are made by writing the formulas down, and named as on the slides.

x, t = g.input(1, "x", rows=1), g.input(1, "t", rows=1)
w, b = g.parameter(0.5, "w"), g.parameter(0.1, "b")
z = (w * x + b).named("z")
y = g.logistic(z).named("y")
L = (0.5 * (y - t) ** 2).named("L")
example = {x: 1.5, t: 1.0}

# %%
# Four lines of chain rule, from the loss back:
#
# .. math::
#
#    \bar L &= 1 \\
#    \bar y &= \bar L \, (y - t) \\
#    \bar z &= \bar y \, \sigma'(z) = \bar y \, y (1 - y) \\
#    \bar w &= \bar z \, x \qquad \bar b = \bar z
#
# and here are the same numbers, from the formulas and from the graph in the C++ core:

sigma = 1 / (1 + np.exp(-(0.5 * 1.5 + 0.1)))
y_bar = sigma - 1.0
z_bar = y_bar * sigma * (1 - sigma)
by_hand = {"ȳ": y_bar, "z̄": z_bar, "w̄": z_bar * 1.5, "b̄": z_bar}

by_core = g.run(g.gradient(L, [y, z, w, b]), example, dtype="float64")
for (name, formula), value in zip(by_hand.items(), by_core, strict=True):
    print(f"{name} = {formula:+.15f} by hand, {value.item():+.15f} by the graph")

# %%
# With L2
# -------
# A penalty adds a second path from the weight to what is minimised:
#
# .. math:: R = \tfrac{1}{2} w^2, \qquad J = L + \lambda R
#
# .. math:: \bar J = 1, \quad \bar L = \bar J, \quad \bar R = \lambda \bar J, \quad
#    \bar w = \bar z \, x + \bar R \, w
#
# Two messages arrive at :math:`w`, and they are added. `fastmlp.graph.trace` prints the whole
# algorithm, message by message:

lam = g.constant(0.1, "λ")
R = (0.5 * w**2).named("R")
J = (L + lam * R).named("J")
g.trace(J, example)

# %%
# The same as a picture: values in green, error signals in red.

g.draw(J, example)

# %%
# Two paths to one variable
# -------------------------
# Let :math:`f(x, y) = y + e^{xy}` with :math:`x = \cos t` and :math:`y = t^2`. The variable
# :math:`t` reaches :math:`f` along two paths, and the multivariate chain rule adds them:
#
# .. math::
#
#    \frac{df}{dt} = \frac{\partial f}{\partial x} \frac{dx}{dt}
#    + \frac{\partial f}{\partial y} \frac{dy}{dt}
#    = y e^{xy} \cdot (-\sin t) + (1 + x e^{xy}) \cdot 2t

s = g.parameter(0.7, "t")
u, v = g.cos(s).named("x"), (s**2).named("y")
f = (v + g.exp(u * v)).named("f")
g.draw(f, {})

# %%
# The last two rows of the table are the two paths:

g.trace(f, {})

# %%
# A derivative can be checked without the rounding error of a difference: by a step of
# :math:`h = 10^{-30}` in the *imaginary* direction, where
# :math:`f(t + ih) = f(t) + ih f'(t) + O(h^2)`: the imaginary part over :math:`h` is :math:`f'(t)`.


def formula(t):
    """Return df/dt as written above."""
    x, y = np.cos(t), t**2
    return y * np.exp(x * y) * -np.sin(t) + (1 + x * np.exp(x * y)) * 2 * t


h = 1e-30
step = g.reference.evaluate(f, {s: 0.7 + 1j * h}, dtype=np.complex128).item().imag / h
print("formula        ", formula(0.7))
print("backpropagation", g.run(g.gradient(f, s), {}, dtype="float64").item())
print("complex step   ", step)

# %%
# The algorithm
# -------------
# Let :math:`v_1, \ldots, v_N` be a topological order of the graph: parents before children.
#
# * **Forward**: for :math:`i = 1, \ldots, N` compute :math:`v_i` from its parents.
# * **Backward**: :math:`\bar v_N = 1`, then for :math:`i = N - 1, \ldots, 1` add up the messages of
#   the children,
#
# .. math:: \bar v_i = \sum_{j \,\in\, \mathrm{children}(i)} \bar v_j
#    \frac{\partial v_j}{\partial v_i}
#
# A node needs to know nothing but the derivatives of its own formula. The trace has its rows as
# data, so here is the backward pass told in words:

for row in g.trace(f, {}).backward:
    terms = " + ".join(message.formula for message in row.messages)
    print(f"v{row.index}: {row.label} = {terms} = {row.value.item():.4f}")

# %%
# A network with several outputs
# ------------------------------
# The multilayer perceptron of the slides, with one hidden layer and several outputs:
#
# .. math::
#
#    z_i = \sum_j w^{(1)}_{ij} x_j + b^{(1)}_i, \quad h_i = \varphi(z_i), \quad
#    y_k = \sum_i w^{(2)}_{ki} h_i + b^{(2)}_k, \quad L = \tfrac{1}{2} \sum_k (y_k - t_k)^2

rng = np.random.default_rng(0)
inputs, hidden, outputs = 3, 4, 2
x, t = g.input(inputs, "x", rows=1), g.input(outputs, "t", rows=1)
W1, b1 = g.parameter(rng.normal(size=(hidden, inputs)), "W1"), g.parameter(np.zeros(hidden), "b1")
W2, b2 = g.parameter(rng.normal(size=(outputs, hidden)), "W2"), g.parameter(np.zeros(outputs), "b2")

z = g.affine(x, W1, b1).named("z")
h = g.tanh(z).named("h")
y = g.affine(h, W2, b2).named("y")
L = (0.5 * g.sum((y - t) ** 2)).named("L")

# %%
# Its backward pass is eight equations. On the left the slides', for each unit; on the right the
# same for all units at once, where a message through a layer is a product with the transposed
# weights:
#
# .. math::
#
#    \bar L &= 1 \\
#    \bar y_k &= \bar L \, (y_k - t_k) & \bar{\mathbf y} &= \bar L \, (\mathbf y - \mathbf t) \\
#    \bar w^{(2)}_{ki} &= \bar y_k h_i & \bar W^{(2)} &= \bar{\mathbf y} \, \mathbf h^\top \\
#    \bar b^{(2)}_k &= \bar y_k & \bar{\mathbf b}^{(2)} &= \bar{\mathbf y} \\
#    \bar h_i &= \sum_k \bar y_k w^{(2)}_{ki} & \bar{\mathbf h} &= W^{(2)\top} \bar{\mathbf y} \\
#    \bar z_i &= \bar h_i \, \varphi'(z_i) & \bar{\mathbf z} &= \bar{\mathbf h} \circ
#    \varphi'(\mathbf z) \\
#    \bar w^{(1)}_{ij} &= \bar z_i x_j & \bar W^{(1)} &= \bar{\mathbf z} \, \mathbf x^\top \\
#    \bar b^{(1)}_i &= \bar z_i & \bar{\mathbf b}^{(1)} &= \bar{\mathbf z}

example = {x: rng.normal(size=(1, inputs)), t: rng.normal(size=(1, outputs))}
nodes = {"x": x, "t": t, "h": h, "y": y, "W2": W2}
nodes |= {f"{v.name}_bar": g.gradient(L, v) for v in (L, y, W2, b2, h, z, W1, b1)}
got = dict(zip(nodes, g.run(nodes.values(), example, dtype="float64"), strict=True))


def slides(v):
    """Return the eight equations, index by index, from the forward values."""
    x, t, h, y = (v[name][0] for name in ("x", "t", "h", "y"))
    L_bar = 1.0
    y_bar = np.array([L_bar * (y[k] - t[k]) for k in range(outputs)])
    W2_bar = np.array([[y_bar[k] * h[i] for i in range(hidden)] for k in range(outputs)])
    h_bar = np.array([sum(y_bar[k] * v["W2"][k, i] for k in range(outputs)) for i in range(hidden)])
    z_bar = np.array([h_bar[i] * (1 - h[i] ** 2) for i in range(hidden)])
    W1_bar = np.array([[z_bar[i] * x[j] for j in range(inputs)] for i in range(hidden)])
    return {
        "L_bar": [[L_bar]],
        "y_bar": [y_bar],
        "W2_bar": W2_bar,
        "b2_bar": [y_bar],
        "h_bar": [h_bar],
        "z_bar": [z_bar],
        "W1_bar": W1_bar,
        "b1_bar": [z_bar],
    }


differences = {name: np.abs(got[name] - value).max() for name, value in slides(got).items()}
for name, difference in differences.items():
    print(f"{name:6}  largest difference from the slides' equation: {difference:.0e}")

# %%
# And as the algorithm prints it, matrices by their norms:

g.trace(L, example)

# %%
# Watching the signals
# --------------------
# The error signals of a deep network tell whether its first layers learn. Twenty layers of logistic
# units multiply twenty factors :math:`\varphi'(z) \le \frac{1}{4}`; ReLU's are 0 or 1.

depth, width, rows = 20, 32, 64
signals = {}
for activation in ("logistic", "tanh", "relu"):
    model = fm.MLP([width, *[width] * depth, 1], activation=activation, seed=0)
    feed = {model.network.input_nodes[0]: rng.normal(size=(rows, width))}
    out, by_layer = model.network.forward()
    layers = [g.gradient(g.mean(out), node) for node in by_layer.values()]
    signals[activation] = [np.linalg.norm(a) for a in g.run(layers, feed, dtype="float64")]

fig, ax = plt.subplots(figsize=(7, 4))
for activation, sizes in signals.items():
    ax.semilogy(range(1, len(sizes) + 1), sizes, label=activation)
ax.set(
    xlabel="layer, from the input",
    ylabel="norm of its error signal",
    title="Error signals on their way back through 20 layers",
)
ax.set_xticks([20, 15, 10, 5, 1])
ax.invert_xaxis()
ax.legend()
plt.show()

# sphinx_gallery_thumbnail_number = -1
