r"""
7. Overfitting
==============

A model that can follow the noise of a few examples will. The training error falls with capacity;
the error on new data falls and then rises. Two repairs: a penalty on the weights, and stopping
early.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import fastmlp as fm

# %%
# Twelve examples of a noisy sine, and new ones to test on
# --------------------------------------------------------

rng = np.random.default_rng(3)


def examples(x):
    """Return x and t = sin(2πx) + noise."""
    return x, np.sin(2 * np.pi * x) + rng.normal(0, 0.25, x.shape)


x, t = examples(np.linspace(0, 1, 12)[:, None])
x_test, t_test = examples(rng.uniform(0, 1, (1000, 1)))
dense = np.linspace(0, 1, 400)[:, None]

# %%
# Polynomials of degree M
# -----------------------
# A linear model on :math:`1, x, x^2, \ldots, x^M` is still linear in its weights: least squares
# solves it. The features are standardized, so that the penalty further down treats all alike.


class Polynomial:
    """A linear model on powers of x."""

    def __init__(self, degree, l2=0.0):
        self.powers = PolynomialFeatures(degree, include_bias=False).fit(x)
        self.scaler = StandardScaler().fit(self.powers.transform(x))
        self.model = fm.MLP([degree, 1], dtype="float64")
        self.model.solve_output_layer(self.features(x), t, l2=l2)

    def features(self, x):
        """Return the standardized powers."""
        return self.scaler.transform(self.powers.transform(x))

    def predict(self, x):
        """Return y."""
        return self.model.predict(self.features(x))


def rms(model, x, t):
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((model.predict(x) - t) ** 2)))


figure, axes = plt.subplots(1, 3, figsize=(7.5, 3.2), sharey=True)
for ax, degree in zip(axes, [1, 3, 11], strict=True):
    ax.plot(dense, np.sin(2 * np.pi * dense), color="#CCCCCC", linewidth=4)
    ax.plot(x, t, "o", color="#333333")
    ax.plot(dense, Polynomial(degree).predict(dense), color="#D55E00")
    ax.set_ylim(-1.9, 1.9)
    ax.set_title(f"M = {degree}")
plt.show()

# %%
# :math:`M = 1` cannot bend, :math:`M = 3` is about right, and :math:`M = 11` goes through all
# twelve points and through nothing else.

degrees = np.arange(1, 12)
polynomials = [Polynomial(M) for M in degrees]
figure, ax = plt.subplots(figsize=(7, 4))
ax.plot(degrees, [rms(p, x, t) for p in polynomials], "o-", label="training")
ax.plot(degrees, [rms(p, x_test, t_test) for p in polynomials], "o-", label="test")
ax.axhline(0.25, color="#999999", linestyle=":", linewidth=1.5)
ax.text(1, 0.19, "noise", color="#777777")
ax.set_ylim(0, 1.05)
ax.set_xlabel("degree M")
ax.legend(labelcolor="linecolor", loc="upper left")
ax.set_title("Root mean squared error against capacity")
plt.show()

# %%
# L²: a price on large weights
# ----------------------------
# The wiggles need huge weights of alternating sign. Minimising
# :math:`J + \lambda\, \frac{1}{2} \lVert \mathbf{w} \rVert^2` instead, the same eleven powers
# behave:

lambdas = np.logspace(-9, 1, 41)
penalized = [Polynomial(11, l2=value) for value in lambdas]
figure, (upper, lower) = plt.subplots(2, 1, figsize=(6.4, 8))
upper.plot(dense, np.sin(2 * np.pi * dense), color="#CCCCCC", linewidth=4)
upper.plot(x, t, "o", color="#333333")
for value, color in [(1e-9, "#D55E00"), (1e-3, "#009E73"), (10.0, "#0072B2")]:
    upper.plot(dense, Polynomial(11, value).predict(dense), color=color, label=f"λ = {value:g}")
upper.set_ylim(-1.9, 1.9)
upper.legend(labelcolor="linecolor")
upper.set_title("M = 11 with a penalty")
lower.semilogx(lambdas, [rms(p, x, t) for p in penalized], label="training")
lower.semilogx(lambdas, [rms(p, x_test, t_test) for p in penalized], label="test")
lower.set_xlabel("λ")
lower.set_title("Root mean squared error")
lower.legend(labelcolor="linecolor")
plt.show()

# %%
# Networks of width H
# -------------------
# The same with hidden units for powers. Trained for long, wide networks reach the noise too.


def network(width, steps, learning_rate=0.01, **more):
    """Return a trained network of one hidden layer, and its history."""
    draw = np.random.default_rng(0)
    model = fm.MLP([1, width, 1], activation="tanh", seed=1)
    w = draw.normal(0, 8, (width, 1))  # steep enough to follow noise, spread over the interval
    model.layers[0].weights = w
    model.layers[0].biases = -w[:, 0] * draw.uniform(0, 1, width)
    adam = fm.Adam(learning_rate)
    return model, model.fit(x, t, epochs=steps, batch_size=None, optimizer=adam, **more)


widths = [1, 2, 3, 5, 10, 20, 50, 100]
slower = fm.CosineDecay(0.02, steps=10_000)
networks = [network(H, 10_000, slower)[0] for H in widths]
figure, ax = plt.subplots(figsize=(7, 4))
ax.semilogx(widths, [rms(model, x, t) for model in networks], "o-", label="training")
ax.semilogx(widths, [rms(model, x_test, t_test) for model in networks], "o-", label="test")
ax.set_xlabel("hidden units H")
ax.set_title("Root mean squared error after 10,000 steps")
ax.legend(labelcolor="linecolor")
plt.show()

# %%
# Stopping early
# --------------
# Along the training of the widest network the test error goes through a minimum too.
# `fastmlp.EarlyStopping` watches data that are not trained on, stops some time after their
# best epoch and returns to it. Here it watches twenty examples of their own.

x_val, t_val = examples(rng.uniform(0, 1, (20, 1)))
watch = {"validation_data": (x_val, t_val)}
wide, history = network(100, 1000, **watch)
stopper = fm.EarlyStopping(patience=300)
stopped, _ = network(100, 1000, **watch, callbacks=[stopper])
regular, _ = network(100, 1000, l2=1e-3)

figure, (upper, lower) = plt.subplots(2, 1, figsize=(6.4, 8))
fm.plot.history(history, ax=upper)
upper.loglog()
upper.set_title("Loss of 100 units")
lower.plot(dense, np.sin(2 * np.pi * dense), color="#CCCCCC", linewidth=4)
lower.plot(x, t, "o", color="#333333")
for model, name in [(wide, "trained on"), (stopped, "stopped early"), (regular, "λ = 0.001")]:
    error = rms(model, x_test, t_test)
    lower.plot(dense, model.predict(dense), label=f"{name}: test error {error:.2f}")
lower.set_ylim(-1.9, 2.3)
lower.legend(labelcolor="linecolor")
lower.set_title("Three ends of it")
plt.show()
# sphinx_gallery_thumbnail_number = 2
