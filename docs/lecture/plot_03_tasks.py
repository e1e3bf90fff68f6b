r"""
3. Tasks: what goes out and what is minimised
=============================================

The task decides the last activation and the loss of an example, nothing else:

* **Regression**: :math:`y = z` and :math:`\frac{1}{2} \sum_k (y_k - t_k)^2`.
* **Two classes**: :math:`y = \sigma(z)` and :math:`-t \log y - (1 - t) \log (1 - y)`.
* **Two classes with a margin**: :math:`y = z` and :math:`\max(0, 1 - t z)`, with :math:`t = \pm 1`.
* **Several classes**: the softmax and :math:`-\log y_t`.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm
from fastmlp import graph as g

# %%
# Regression: linear output, squared error
# ----------------------------------------

rng = np.random.default_rng(1)
x = np.sort(rng.uniform(-3, 3, 80))[:, None]
t = np.sin(2 * x) + 0.3 * x + rng.normal(0, 0.15, x.shape)

regressor = fm.MLP([1, 32, 32, 1], activation="tanh", seed=0)
regressor.fit(x, t, loss="squared_error", epochs=800, batch_size=None, optimizer=fm.Adam(0.01))

dense = np.linspace(-3.3, 3.3, 400)[:, None]
figure, ax = plt.subplots(figsize=(7, 4))
ax.plot(x, t, "o", color="#999999", label="examples (x, t)")
ax.plot(dense, regressor.predict(dense), label="y(x), squared error")
ax.set_xlabel("x")
ax.legend()
ax.set_title("Regression")
plt.show()

# %%
# Two classes: cross-entropy or hinge
# -----------------------------------
# The cross-entropy makes :math:`y` a probability; the hinge loss only asks that
# :math:`z` be beyond 1 on the right side. Both learn the moons, with classes 0 and 1, which the
# hinge loss takes for :math:`t = -1` and :math:`t = 1`.

from sklearn.datasets import make_moons  # noqa: E402

X, t = make_moons(200, noise=0.15, random_state=0)
entropic = fm.MLP([2, 16, 1], activation="tanh", output="logistic", seed=0)
entropic.fit(X, t, loss="binary_cross_entropy", epochs=300, optimizer=fm.Adam(0.02))
margin = fm.MLP([2, 16, 1], activation="tanh", output="identity", seed=0)
margin.fit(X, t, loss="hinge", epochs=300, optimizer=fm.Adam(0.02))

figure, axes = plt.subplots(2, 1, figsize=(6.4, 9))
for ax, model, name in zip(axes, [entropic, margin], ["cross-entropy", "hinge"], strict=True):
    accuracy = model.evaluate(X, t)["accuracy"]
    fm.plot.decision_boundary(model, X, t, ax=ax)
    ax.set_title(f"{name}: {accuracy:.1%} right")
plt.show()

# %%
# Several classes: softmax
# ------------------------
# :math:`y_k = e^{z_k} / \sum_j e^{z_j}`: positive and of sum 1, a probability for each class.

angles = rng.uniform(0, 0.75, 300)
t = np.repeat([0, 1, 2], 100)
turn = 2 * np.pi * (angles + t / 3)
X = np.column_stack([angles * np.cos(turn), angles * np.sin(turn)]) * 4
X += rng.normal(0, 0.06, X.shape)

classifier = fm.MLP([2, 32, 3], activation="tanh", output="softmax", seed=0)
classifier.fit(X, t, epochs=500, optimizer=fm.Adam(0.02))
print("sums of the rows:", classifier.predict(X[:3]).sum(axis=1))
ax = fm.plot.decision_boundary(classifier, X, t)
ax.set_title(f"Softmax, three classes: {classifier.evaluate(X, t)['accuracy']:.1%} right")
plt.show()

# %%
# The 0–1 loss: counted, not trained on
# -------------------------------------
# What one wants of a classifier is few mistakes: the 0–1 loss :math:`[\text{class}(y) \neq t]`. As
# a function of the weights it is a staircase of slope 0: gradient descent would
# get no signal. The losses above stand in for it. All are drawn over :math:`z` for an example with
# :math:`t = 1`, with the graph that trains.

z, target = g.input(1, "z"), g.input(1, "t")
points = np.linspace(-3, 3, 601)[:, None]
ones = np.ones_like(points)
curves = {
    "0–1": g.run(1 - g.threshold(z), {z: points}),
    "hinge": g.run(fm.losses.get("hinge")(z, target), {z: points, target: ones}),
    "cross-entropy": g.run(
        fm.losses.get("binary_cross_entropy")(g.logistic(z), target), {z: points, target: ones}
    ),
    "squared error of σ(z)": g.run(
        fm.losses.get("squared_error")(g.logistic(z), target), {z: points, target: ones}
    ),
}
figure, ax = plt.subplots(figsize=(7, 4.2))
for (name, values), color in zip(
    curves.items(), ["#333333", "#D55E00", "#0072B2", "#009E73"], strict=True
):
    ax.plot(points, values, color=color, label=name)
ax.set_xlabel("z")
ax.legend(labelcolor="linecolor")
ax.set_title("Loss of an example with t = 1")
plt.show()

# %%
# Asked to train on it, ``fit`` says why not; asked to count it, it counts:

try:
    entropic.fit(X, t, loss="zero_one")
except ValueError as error:
    print(error)
X, t = make_moons(200, noise=0.15, random_state=0)
print(entropic.evaluate(X, t, metrics=["zero_one", "accuracy"]))
