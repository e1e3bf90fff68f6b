r"""
6. What networks can express
============================

One unit draws a line; it cannot compute XOR. Two layers can, and with enough hidden units they come
as close as one likes to any function on an interval. Depth without an activation brings nothing.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm

# %%
# XOR from three hard thresholds
# ------------------------------
# .. math:: h_1 = [x_1 + x_2 - 0.5 > 0] \quad\text{(OR)}, \qquad
#           h_2 = [x_1 + x_2 - 1.5 > 0] \quad\text{(AND)}, \qquad
#           y = [h_1 - h_2 - 0.5 > 0]

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
t = np.array([0, 1, 1, 0])

xor = fm.MLP([2, 2, 1], activation="threshold", output="threshold")
xor.layers[0].weights = [[1, 1], [1, 1]]
xor.layers[0].biases = [-0.5, -1.5]
xor.layers[1].weights = [[1, -1]]
xor.layers[1].biases = [-0.5]

h = xor.activations(X)["dense_1"]
y = xor.predict(X)
print(" x1  x2 | h1  h2 |  y")
for row in np.concatenate([X, h, y], axis=1):
    print("{:3.0f} {:3.0f} |{:3.0f} {:3.0f} |{:3.0f}".format(*row))
assert (y.ravel() == t).all()

# %%

fm.plot.network(xor)
plt.show()

# %%
# XOR learned, and not learned
# ----------------------------
# The same network with logistic units learns it, from about half of all starts; the others get
# stuck where two or three of the inputs have one answer between them, ½ or ⅓ or ⅔. A linear model
# cannot. It would have to satisfy :math:`b < 0`, :math:`w_1 + b > 0`, :math:`w_2 + b > 0` and
# :math:`w_1 + w_2 + b < 0`, but the middle two add up to :math:`w_1 + w_2 + b > -b > 0`. The best
# it does is to answer ½ every time.

learned = fm.MLP([2, 2, 1], activation="logistic", output="logistic", seed=1)
learned.fit(X, t, epochs=3000, batch_size=None, optimizer=fm.Adam(0.05))
linear = fm.MLP([2, 1], output="logistic", seed=0)
linear.fit(X, t, epochs=3000, batch_size=None, optimizer=fm.Adam(0.05))
print("logistic units:", learned.predict(X).ravel().round(3))
print("linear model:  ", linear.predict(X).ravel().round(3))

answers = {"three thresholds": xor, "three logistic units": learned, "one unit": linear}
figure, axes = plt.subplots(1, 3, figsize=(7.5, 3), sharey=True, layout="compressed")
for ax, (title, model) in zip(axes, answers.items(), strict=True):
    with warnings.catch_warnings():  # a constant ground has no line to draw
        warnings.simplefilter("ignore")
        fm.plot.decision_boundary(model, X, t, ax=ax)
    ax.get_legend().remove()
    for points in ax.collections:
        if hasattr(points, "set_sizes"):
            points.set_sizes([110])
    ax.set_title(title)
    ax.set_aspect("equal")
plt.show()

# %%
# Deep and linear is linear
# -------------------------
# Without an activation, layers multiply into one:
# :math:`W^{(3)} W^{(2)} W^{(1)} = W'`.

deep = fm.MLP([5, 30, 20, 3], activation="identity", seed=0, dtype="float64")
single = deep.collapse_linear()
inputs = np.random.default_rng(0).normal(size=(1000, 5))
print(deep, "\n", single, sep="")
print("largest difference:", np.abs(deep.predict(inputs) - single.predict(inputs)).max())

# %%
# Steep logistics are thresholds
# ------------------------------
# :math:`\sigma(cz)` comes close to the threshold as :math:`c` grows: what thresholds can express,
# logistic units with large weights can, and they can learn it.

z = np.linspace(-1.5, 1.5, 1001)[:, None]
figure, ax = plt.subplots(figsize=(7, 3.8))
unit = fm.MLP([1, 1], output="logistic")
for steepness, color in [(1, "#9ECAE1"), (5, "#4292C6"), (50, "#08519C")]:
    unit.layers[0].weights = [[steepness]]
    unit.layers[0].biases = [0]
    ax.plot(z, unit.predict(z), color=color, label=f"σ({steepness}z)" if steepness > 1 else "σ(z)")
ax.plot(z[z < 0], 0 * z[z < 0], "k--", linewidth=1.5, label="threshold")
ax.plot(z[z > 0], 0 * z[z > 0] + 1, "k--", linewidth=1.5)
ax.set_xlabel("z")
ax.legend()
ax.set_title("From soft to hard")
plt.show()

# %%
# Any function on an interval
# ---------------------------
# :math:`H` thresholds at :math:`H` places make a staircase of :math:`H` steps, and with enough of
# them a staircase follows any continuous function. ReLUs make it a polygon, logistic units a smooth
# curve. Here the hidden units stand at equal distances; the output layer is solved for by linear
# algebra, so that only what the units can express counts, not how well they were trained.


def function(x):
    """Return what is to be approximated."""
    return np.sin(3 * x) * np.exp(-0.3 * x) + 0.3 * np.abs(x - 2)


def approximation(activation, width):
    """Return a model of so many hidden units, spread over the interval [0, 4]."""
    model = fm.MLP([1, width, 1], activation=activation, dtype="float64")
    places = np.arange(width) / width * 4
    steepness = {"threshold": 1.0, "relu": 1.0, "logistic": 1.5 * width / 4}[activation]
    model.layers[0].weights = np.full((width, 1), steepness)
    model.layers[0].biases = -steepness * places
    x = np.linspace(0, 4, 1000)[:, None]
    model.solve_output_layer(x, function(x), l2=1e-15)
    return model


x = np.linspace(0, 4, 2000)[:, None]
figure, axes = plt.subplots(3, 3, figsize=(7.5, 6.6), sharex=True, sharey=True)
for row, width in zip(axes, [4, 12, 40], strict=True):
    for ax, name in zip(row, ["threshold", "logistic", "relu"], strict=True):
        ax.plot(x, function(x), color="#BBBBBB", linewidth=4)
        ax.plot(x, approximation(name, width).predict(x), linewidth=1.6)
        ax.set_title(f"{width} {name} units")
plt.show()

# %%
# The error falls like :math:`1/H` for a staircase and like :math:`1/H^2` for a polygon.

widths = [2, 4, 8, 16, 32, 64, 128, 256]
figure, ax = plt.subplots(figsize=(7, 4.5))
for name in ["threshold", "logistic", "relu"]:
    errors = [
        np.sqrt(np.mean((approximation(name, H).predict(x) - function(x)) ** 2)) for H in widths
    ]
    ax.loglog(widths, errors, "o-", label=name)
ax.loglog(widths, 1.5 / np.array(widths), ":", color="#999999", linewidth=1.2)
ax.loglog(widths, 8 / np.array(widths, float) ** 2, ":", color="#999999", linewidth=1.2)
ax.text(280, 1.5 / 256, "1/H", va="center", color="#777777")
ax.text(280, 8 / 256**2, "1/H²", va="center", color="#777777")
ax.set_xlabel("hidden units H")
ax.set_title("Root mean squared error")
ax.legend(labelcolor="linecolor")
plt.show()
# sphinx_gallery_thumbnail_number = 4
