r"""
2. Activations
==============

The activation :math:`\varphi` of a unit turns the weighted sum
:math:`z = \mathbf{w}^\top \mathbf{x} + b` into its output :math:`h = \varphi(z)`. Its derivative
:math:`\varphi'(z)` decides how much of an error signal gets back through the unit:
:math:`\bar z = \varphi'(z)\, \bar h`.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm

# %%
# Six activations and their derivatives
# -------------------------------------
# Every one of these derivatives can be told from :math:`h` alone, or is constant, so the backward
# pass needs nothing but what the forward pass has left.

names = ["identity", "relu", "softplus", "threshold", "logistic", "tanh"]
for name in names:
    activation = fm.activations.get(name)
    print(f"{name:10} φ(z) = {activation.formula:18} φ′(z) = {activation.derivative}")

# %%

fm.plot.activations()
plt.show()

# %%
# *softplus*, the soft ReLU, is the integral of the logistic; *threshold*, the hard threshold, is
# where neural networks began; *tanh* is a logistic stretched to :math:`(-1, 1)`:
# :math:`\tanh z = 2\sigma(2z) - 1`.
#
# What they make of a network
# ---------------------------
# The same network, drawn from the same random numbers and never trained, over the plane:

grid = np.stack(np.meshgrid(*[np.linspace(-3, 3, 200)] * 2), axis=-1).reshape(-1, 2)
figure, axes = plt.subplots(3, 2, figsize=(6.4, 8.4), sharex=True, sharey=True)
for ax, name in zip(axes.ravel(), names, strict=True):
    normal = fm.initializers.LeCun(distribution="normal")
    hidden = [fm.Dense(24, name, weights_initializer=normal, bias_initializer=normal)]
    hidden += [fm.Dense(24, name, weights_initializer=normal, bias_initializer=normal)]
    model = fm.Sequential([*hidden, fm.Dense(1)], input_columns=2, seed=4)
    ax.contourf(model.predict(grid).reshape(200, 200), 24, cmap="RdBu_r", extent=(-3, 3, -3, 3))
    ax.set_title(name)
    ax.grid(visible=False)
plt.show()

# %%
# No signal through a hard threshold
# ----------------------------------
# The derivative of the hard threshold is 0 wherever it has one. A layer below it gets
# :math:`\bar z = 0 \cdot \bar h = 0`: gradient descent leaves it as it is. ``fit`` says so instead
# of pretending to train:

import warnings  # noqa: E402

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, (200, 2))
t = X[:, 0] * X[:, 1] > 0

model = fm.MLP([2, 8, 1], activation="threshold", output="logistic", seed=0)
before = model.get_weights()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X, t, epochs=100)
print(caught[0].category.__name__, "\n ", caught[0].message)
for name, old, new in zip(["W1", "b1", "W2", "b2"], before, model.get_weights(), strict=True):
    print(f"{name} moved by {np.abs(new - old).max():.3f}")

# %%
# The logistic is the way out: a threshold that is soft enough to have a slope.

figure, (upper, lower) = plt.subplots(2, 1, figsize=(5.6, 8.8))
soft = fm.MLP([2, 8, 1], activation="logistic", output="logistic", seed=0)
soft.fit(X, t, epochs=300, optimizer=fm.Adam(0.05))
for ax, classifier, title in [(upper, model, "threshold"), (lower, soft, "logistic")]:
    accuracy = classifier.evaluate(X, t)["accuracy"]
    fm.plot.decision_boundary(classifier, X, t, ax=ax)
    ax.get_legend().remove()
    ax.set_title(f"{title}: {accuracy:.1%} right")
plt.show()
