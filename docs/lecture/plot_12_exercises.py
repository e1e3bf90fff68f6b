r"""
12. Exercises
=============

Six exercises to do with pen and paper and a few lines of code. Each begins with an answer that is
not right yet, and `fastmlp.exercises` says what is wrong with it: change the answer and ask
again. The solutions come last. Download the notebook at the end of the page and work there.
"""

import numpy as np

import fastmlp as fm
from fastmlp import exercises
from fastmlp import graph as g

# %%
# XOR by hand
# -----------
# Find weights and biases of a network of three hard thresholds :math:`[z > 0]` that computes XOR: 1
# where exactly one of :math:`x_1, x_2` is 1. This is a beginning, in which the two hidden units are
# the same:

net = fm.MLP([2, 2, 1], activation="threshold", output="threshold")
net.layers[0].weights = [[1, 1], [1, 1]]
net.layers[0].biases = [-0.5, -0.5]
net.layers[1].weights = [[1, 1]]
net.layers[1].biases = [-0.5]
print(exercises.xor(net))

# %%
# How few hidden units would do, if the output saw :math:`x_1` and :math:`x_2` as well? (One: build
# it with ``fm.concat``, as the skip connection of the first page.)
#
# A message, derived
# ------------------
# SiLU is :math:`v = z \, \sigma(z)`. Which message :math:`\bar z` does it send back, given
# :math:`\bar v`? Write it as a function of arrays. (Use the product rule, and
# :math:`\sigma' = \sigma (1 - \sigma)`.)


def sigma(z):
    """Return the logistic function."""
    return 1 / (1 + np.exp(-z))


def silu(z):
    """Return SiLU of a node."""
    return z * g.logistic(z)


def silu_bar(v_bar, z):
    """Return what SiLU sends back."""
    return v_bar * sigma(z)


print(exercises.message(silu, silu_bar))

# %%
# The same for softmax, whose outputs depend on every :math:`z_j`:
# :math:`y_k = e^{z_k} / \sum_j e^{z_j}`. An answer that looks right and is not:


def softmax_bar(y_bar, z):
    """Return what softmax sends back."""
    e = np.exp(z)
    y = e / e.sum(axis=1, keepdims=True)
    return y_bar * y * (1 - y)


print(exercises.message(g.softmax, softmax_bar, columns=3))

# %%
# All messages of a small graph
# -----------------------------
# :math:`z = w x + b`, :math:`y = \tanh(z)`, and the loss with its penalty,
# :math:`J = \frac{1}{2} (y - t)^2 + \lambda \, \frac{1}{2} w^2`. Work out :math:`\bar y`,
# :math:`\bar z`, :math:`\bar w` and :math:`\bar b`, as numbers or as formulas of nodes:

x, t = g.input(1, "x", rows=1), g.input(1, "t", rows=1)
w, b = g.parameter(0.5, "w"), g.parameter(-0.2, "b")
z = (w * x + b).named("z")
y = g.tanh(z).named("y")
R = (0.5 * w**2).named("R")
J = (0.5 * (y - t) ** 2 + 0.1 * R).named("J")
example = {x: 2.0, t: -1.0}

y_bar = y - t
z_bar = y_bar * (1 - z**2)
answer = {y: y_bar, z: z_bar, w: z_bar * x, b: z_bar}
print(exercises.signals(J, example, answer))

# %%
# Overfit, then cure
# ------------------
# Twenty points of a sine with much noise. First make a network that knows the noise by heart:
# nearly no error on these points, and more than need be on new ones. Then make one that has learned
# the sine and not the noise. A line is neither:

points = exercises.noisy_sine()
line = fm.MLP([1, 1], seed=0)
line.fit(*points, epochs=500, batch_size=None, optimizer=fm.Adam(0.05))
print(exercises.overfits(line))
print(exercises.generalises(line))

# %%
# ``exercises.noisy_sine(30, seed=1)`` are points of the same sine with other noise, to watch while
# you train.
#
# A deep linear network
# ---------------------
# Two layers without an activation, :math:`\mathbf{y} = W^{(2)} (W^{(1)} \mathbf{x} +
# \mathbf{b}^{(1)}) + \mathbf{b}^{(2)}`. Which single layer :math:`\mathbf{y} = W \mathbf{x} +
# \mathbf{b}` computes the same?

deep = fm.MLP([3, 3, 3], activation="identity", seed=0, dtype="float64")
deep.layers[0].biases = [1.0, 2.0, 3.0]
deep.layers[1].biases = [-1.0, 0.0, 1.0]
W1, b1, W2, b2 = deep.get_weights()

print(exercises.one_layer(deep, W1 @ W2, b1 + b2))

# %%
# A threshold from logistics
# --------------------------
# :math:`\sigma(kx)` comes close to the threshold :math:`[x > 0]` as :math:`k` grows. Which
# :math:`k` is enough for an error of at most 0.01 wherever :math:`|x| \ge 0.1`? Solve for it, do
# not try.

k = 10
print(exercises.steepness(k))

# %%
# Solutions
# ---------
# On the site a click on its heading opens each.
#
# Solution: XOR by hand
# ~~~~~~~~~~~~~~~~~~~~~
# The first hidden unit is OR, on if at least one input is 1; the second is AND, on if both are. XOR
# is OR without AND: the output takes the second away from the first.

net.layers[0].biases = [-0.5, -1.5]
net.layers[1].weights = [[1, -1]]
print(exercises.xor(net))

inputs = fm.Input(2)
both = fm.Dense(1, "threshold")(inputs)
skipping = fm.Model(inputs, fm.Dense(1, "threshold")(fm.concat([inputs, both])))
skipping.set_weights([[[1, 1]], [-1.5], [[1, 1, -2]], [-0.5]])
print(exercises.xor(skipping))

# %%
# Solution: A message, derived
# ~~~~~~~~~~~~~~~~~~~~~~~~~~~~
# :math:`v = z \, \sigma(z)` has :math:`\partial v / \partial z = \sigma(z) + z \, \sigma(z)
# (1 - \sigma(z))`. For softmax :math:`\partial y_k / \partial z_j = y_k ([j = k] - y_j)`, so that
# :math:`\bar z_j = \sum_k \bar y_k \, y_k ([j = k] - y_j) = y_j (\bar y_j - \sum_k \bar y_k y_k)`.


def silu_bar(v_bar, z):
    """Return what SiLU sends back."""
    return v_bar * (sigma(z) + z * sigma(z) * (1 - sigma(z)))


def softmax_bar(y_bar, z):
    """Return what softmax sends back."""
    e = np.exp(z)
    y = e / e.sum(axis=1, keepdims=True)
    return y * (y_bar - (y_bar * y).sum(axis=1, keepdims=True))


print(exercises.message(silu, silu_bar))
print(exercises.message(g.softmax, softmax_bar, columns=3))

# %%
# Solution: All messages of a small graph
# ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
# :math:`\tanh' = 1 - \tanh^2`, so it is :math:`1 - y^2` and not :math:`1 - z^2`. Two messages
# arrive at :math:`w`: :math:`\bar z \, x` from :math:`z`, and :math:`\lambda w` from the penalty.
# ``g.trace(J, example)`` prints them all.

z_bar = y_bar * (1 - y**2)
answer = {y: y_bar, z: z_bar, w: z_bar * x, b: z_bar}
print(exercises.signals(J, example, answer))
answer[w] = z_bar * x + 0.1 * w
print(exercises.signals(J, example, answer))

# %%
# Solution: Overfit, then cure
# ~~~~~~~~~~~~~~~~~~~~~~~~~~~~
# Ten thousand weights and three thousand steps at all points know everything by heart. A penalty on
# the weights, a smaller network and an early end are three cures; each has a number to be found,
# and the points to watch are there to find it.

adam, all_rows = fm.Adam(0.01), {"epochs": 3000, "batch_size": None}
large = fm.MLP([1, 100, 100, 1], activation="tanh", seed=0)
large.fit(*points, optimizer=adam, **all_rows)
print(exercises.overfits(large))
print(exercises.generalises(large), "\n")

penalised = fm.MLP([1, 100, 100, 1], activation="tanh", seed=0)
penalised.fit(*points, optimizer=adam, l2=1e-2, **all_rows)
small = fm.MLP([1, 3, 1], activation="tanh", seed=0)
small.fit(*points, optimizer=fm.Adam(0.02), **all_rows)
stopped = fm.MLP([1, 100, 100, 1], activation="tanh", seed=0)
stopped.fit(
    *points,
    optimizer=fm.Adam(0.003),
    validation_data=exercises.noisy_sine(30, seed=1),
    callbacks=[fm.EarlyStopping(patience=200)],
    **all_rows,
)
for name, model in {"l2": penalised, "3 units": small, "early end": stopped}.items():
    print(f"{name}\n{exercises.generalises(model)}")

# %%
# Solution: A deep linear network
# ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
# Multiplying out, :math:`W = W^{(2)} W^{(1)}` and
# :math:`\mathbf{b} = W^{(2)} \mathbf{b}^{(1)} + \mathbf{b}^{(2)}`: what is applied first stands on
# the right, and the first biases pass through the second layer, too.

print(exercises.one_layer(deep, W2 @ W1, b1 + b2))
print(exercises.one_layer(deep, W2 @ W1, W2 @ b1 + b2))

# %%
# Solution: A threshold from logistics
# ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
# The error is largest at :math:`x = \pm 0.1`, where it is :math:`\sigma(-0.1 k) = 1 / (1 +
# e^{0.1 k}) \le 0.01`: so :math:`e^{0.1 k} \ge 99` and :math:`k \ge 10 \ln 99 \approx 45.95`. With
# such a factor a network of thresholds becomes one of logistics, which can be trained.

print(exercises.steepness(45.9))
print(exercises.steepness(10 * np.log(99)))
