r"""
4. Direct solution and gradient descent
=======================================

For a linear model :math:`\mathbf{y} = W\mathbf{x} + \mathbf{b}` under the squared error

.. math:: J(W, \mathbf{b}) = \frac{1}{n} \sum_{i=1}^n
          \frac{1}{2} \lVert W \mathbf{x}_i + \mathbf{b} - \mathbf{t}_i \rVert^2

the gradient is linear in the weights, and "gradient = 0" is a system of linear equations. Linear
algebra solves it at once; gradient descent walks there.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm

# %%
# Least squares
# -------------

rng = np.random.default_rng(0)
x = rng.uniform(-1, 2, (30, 1))
t = 1.5 * x - 0.5 + rng.normal(0, 0.3, x.shape)

W, b = fm.least_squares(x, t)
print("direct:           w =", W.item(), " b =", b.item())

model = fm.MLP([1, 1], seed=3, dtype="float64")
model.layers[0].biases = [1.5]
path = [model.get_weights()]
for _ in range(60):
    model.fit(x, t, epochs=1, batch_size=None, optimizer=fm.SGD(0.4), verbose=False)
    path.append(model.get_weights())
print("gradient descent: w =", path[-1][0].item(), " b =", path[-1][1].item())

# %%
# :math:`J` is a paraboloid over :math:`(w, b)`: one valley, one lowest point. The path starts
# steeply and then follows the valley's floor.

ws, bs = np.array([[w.item(), b.item()] for w, b in path]).T
w_axis, b_axis = np.linspace(-1.7, 3.2, 200), np.linspace(-1.6, 1.9, 200)
y = x[:, 0, None, None] * w_axis[None, None, :] + b_axis[None, :, None]
J = 0.5 * ((y - t[:, 0, None, None]) ** 2).mean(axis=0)

figure, (upper, lower) = plt.subplots(2, 1, figsize=(6.4, 9))
upper.plot(x, t, "o", color="#999999")
ends = np.array([[-1.1], [2.1]])
upper.plot(ends, ends * path[0][0].item() + path[0][1].item(), ":", label="start")
upper.plot(ends, model.predict(ends), linewidth=5, alpha=0.5, label="gradient descent")
upper.plot(ends, ends * W.item() + b.item(), "k--", linewidth=1.5, label="least squares")
upper.legend(loc="upper left")
upper.set_ylim(-2.6, 5.6)  # above the lines there is room for the legend
upper.set_xlabel("x")
upper.set_title("The line")
lower.contourf(w_axis, b_axis, np.sqrt(J), 20, cmap="Blues_r")
lower.plot(ws, bs, ".-", color="#D55E00", linewidth=1.2)
lower.plot(W.item(), b.item(), "*", color="white", markersize=18, markeredgecolor="black")
lower.set_xlabel("w")
lower.set_ylabel("b")
lower.grid(visible=False)
lower.set_title("The way there: √J over w and b")
plt.show()

# %%
# A network's last layer
# ----------------------
# With the layers below held fixed, the last one is a linear model on the features
# :math:`\mathbf{h}` that they compute. So it too can be solved for. First with features nobody
# learned: 10 tanh units with random weights.

x = np.linspace(-3, 3, 120)[:, None]
t = np.sin(x * np.abs(x)) + rng.normal(0, 0.1, x.shape)
dense = np.linspace(-3, 3, 600)[:, None]


def network() -> fm.MLP:
    """Return 10 tanh units whose steep parts are spread over the interval."""
    model = fm.MLP([1, 10, 1], activation="tanh", seed=0, dtype="float64")
    draw = np.random.default_rng(5)
    model.layers[0].weights = draw.normal(0, 2, (10, 1))
    model.layers[0].biases = -model.layers[0].weights[:, 0] * draw.uniform(-3, 3, 10)
    return model


solved = network()
J_random = solved.solve_output_layer(x, t, l2=1e-6)

# %%
# Then all weights by gradient descent, and at last the output layer once more on the features
# learned: a step to the lowest point that these features allow.

trained = network()
history = trained.fit(x, t, epochs=1500, batch_size=None, optimizer=fm.Adam(0.01))
polished = trained.copy()
J_learned = polished.solve_output_layer(x, t, l2=1e-6)
print(f"random features, last layer solved:   J = {J_random:.5f}")
print(f"all layers by gradient descent:       J = {trained.evaluate(x, t)['loss']:.5f}")
print(f"learned features, last layer solved:  J = {J_learned:.5f}")

figure, ax = plt.subplots(figsize=(7, 4.2))
ax.plot(x, t, "o", color="#BBBBBB", markersize=5)
ax.plot(dense, solved.predict(dense), label=f"random features, solved: J = {J_random:.4f}")
ax.plot(dense, polished.predict(dense), label=f"learned features, solved: J = {J_learned:.4f}")
ax.set_ylim(-1.6, 2.4)
ax.set_xlabel("x")
ax.legend(loc="upper center")
ax.set_title("The last layer by linear algebra")
plt.show()

# %%
# The same solution from both sides
# ---------------------------------
# Gradient descent on the last layer alone comes down to the direct solution. Here on the
# diabetes table: ten measurements of 353 patients, standardized.

data = fm.datasets.load("diabetes")
mean, spread = data.X_train.mean(axis=0), data.X_train.std(axis=0)
X = (data.X_train - mean) / spread
t = (data.t_train - data.t_train.mean()) / data.t_train.std()

direct = fm.MLP([10, 1], seed=0, dtype="float64")
lowest = direct.solve_output_layer(X, t)
descent = fm.MLP([10, 1], seed=0, dtype="float64")
history = descent.fit(X, t, epochs=1200, batch_size=None, optimizer=fm.SGD(0.1, momentum=0.9))
apart = np.abs(direct.layers[0].weights - descent.layers[0].weights).max()
print(f"largest difference of a weight: {apart:.1e}")

figure, ax = plt.subplots(figsize=(7, 4))
ax.loglog(np.arange(1, 1201), np.array(history["loss"]) - lowest)
ax.set_xlabel("step of gradient descent")
ax.set_title("J above the direct solution's")
plt.show()
# sphinx_gallery_thumbnail_number = 1
