r"""
9. Computation graphs
=====================

A network, its loss and the gradient of that loss are one directed acyclic graph. Here it is drawn
as formulas, by `fastmlp.graph.draw`, and as units and connections, by
`fastmlp.plot.network`.
"""

import matplotlib.pyplot as plt

import fastmlp as fm
from fastmlp import graph as g

# %%
# A unit as a graph
# -----------------
# Every box is an operation; data goes from left to right. In a notebook a drawing shows itself;
# ``drawing.save("unit.svg")`` writes a file, and no other program is needed for it.

x, t = g.input(2, "x"), g.input(1, "t")
w, b = g.parameter([[2.0, -1.0]], "w"), g.parameter(0.5, "b")
z = g.affine(x, w, b).named("z")
y = g.logistic(z).named("y")
L = g.mean(0.5 * (y - t) ** 2).named("L")
g.draw(L)

# %%
# With data
# ---------
# Fed with data, the boxes show their values (green) and their error signals (red). Of a matrix with
# more than four numbers the norm is shown.

feeds = {x: [[1.0, 3.0], [2.0, -1.0]], t: [0.0, 1.0]}
g.draw(L, feeds)

# %%
# The backward pass is a graph too
# --------------------------------
# The gradient is made of the same operations, so it can be drawn, and differentiated again. This is
# what is planned and run in training: forward and backward in one.

g.draw([L, *g.gradient(L, [w, b])])

# %%
# As text
# -------
# For a page on GitHub, Mermaid; for Graphviz, DOT.

print(g.draw(L, format="mermaid"))

# %%

print(g.draw(L, format="dot"))

# %%
# The graph of a model
# --------------------
# ``model.graph`` is the output node of a model. Skip connections are nothing special in a graph:

inputs = fm.Input(4)
h = fm.Dense(5, "relu")(inputs)
skip = fm.Model(inputs, fm.Dense(3, "softmax")(fm.concat([h, inputs])), seed=0)
g.draw(skip.graph)

# %%
# Units and connections
# ---------------------
# The other picture of a network. Red connections have positive weights, blue ones negative; the
# larger the weight the wider the line. A single unit has its numbers written on it:

unit = fm.MLP([2, 1], output="logistic")
unit.set_weights([[[2.0, -1.0]], [0.5]])
fm.plot.network(unit, feature_names=["x₁", "x₂"], class_names=["y"])
plt.show()

# %%
# An example can be sent through: the network that computes XOR, asked about (1, 0). Dark units are
# on.

xor = fm.MLP([2, 2, 1], activation="threshold", output="threshold")
xor.set_weights([[[1, 1], [1, 1]], [-0.5, -1.5], [[1, -1]], [-0.5]])
fm.plot.network(xor, x=[1, 0], feature_names=["x₁", "x₂"], class_names=["XOR"])
plt.show()

# %%
# Training seen in the weights: a classifier of irises before and after. Lines that do not matter
# fade (here L2 helps them), and the ones that do stand out.

iris = fm.datasets.load("iris")
mean, deviation = iris.X_train.mean(axis=0), iris.X_train.std(axis=0)
model = fm.MLP([4, 8, 3], activation="tanh", output="softmax", seed=1)

fig, axes = plt.subplots(2, 1, figsize=(6.4, 9))
for ax, title in zip(axes, ("before training", "after training"), strict=True):
    if title == "after training":
        X = (iris.X_train - mean) / deviation
        model.fit(X, iris.t_train, epochs=200, optimizer=fm.Adam(0.02), l2=0.01)
    names = [name.replace(" (cm)", "") for name in iris.feature_names]
    fm.plot.network(model, feature_names=names, class_names=iris.target_names, ax=ax)
    ax.set_title(title)
plt.show()

print(model.evaluate((iris.X_test - mean) / deviation, iris.t_test))

# %%
# Skip connections pass above what they skip:

fm.plot.network(skip)
plt.show()

# %%
# A network for MNIST has 784 pixels, 256 hidden units and 10 outputs: 203,264 connections. Of a
# large layer the units with the largest weights are drawn, with an ellipsis for the others.

large = fm.MLP([784, 256, 10], activation="relu", output="softmax", seed=0)
fm.plot.network(large, class_names=[str(digit) for digit in range(10)])
plt.show()

# sphinx_gallery_thumbnail_number = 3
