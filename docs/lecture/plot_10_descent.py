r"""
10. Gradient descent in weight space
====================================

Every setting of the weights is a point in weight space, and the loss is a height above it. Gradient
descent walks downhill:

.. math:: \mathbf{w} \leftarrow \mathbf{w} - \alpha \, \bar{\mathbf{w}}

`fastmlp.plot.WeightPath` remembers where training was, `fastmlp.plot.loss_surface`
draws the ground it walked on.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm

# %%
# Two weights: the whole space
# ----------------------------
# The univariate logistic least-squares model has just :math:`w` and :math:`b`: nothing is
# hidden. Its surface is not convex. Far from the valley there are plateaus where the unit
# saturates, the gradient is small, and descent is slow.

rng = np.random.default_rng(0)
x = rng.normal(size=(40, 1))
t = (x[:, 0] + 0.5 * rng.normal(size=40) > 0.3).astype(float)


def descend(optimizer, epochs, start=(-3.0, 2.5)):
    """Return the model of one unit and the path that an optimizer took."""
    model, path = fm.MLP([1, 1], output="logistic"), fm.plot.WeightPath()
    model.set_weights([[[start[0]]], [start[1]]])
    history = model.fit(
        x,
        t,
        loss="squared_error",
        optimizer=optimizer,
        epochs=epochs,
        batch_size=None,
        callbacks=[path],
    )
    print(f"{optimizer}: loss {history['loss'][-1]:.4f} after {epochs} steps")
    return model, path


model, path = descend(fm.SGD(2.0), 60)
fm.plot.loss_surface(model, x, t, path)
plt.show()

# %%
# How far, and with which step
# ----------------------------
# With a small learning rate sixty steps do not leave the plateau. Momentum rolls through. Adam
# scales its steps by the gradients it has seen, and is not impressed by flat ground.

rules = {
    "learning rate 0.3": fm.SGD(0.3),
    "with momentum 0.9": fm.SGD(0.3, momentum=0.9),
    "Adam, 0.2": fm.Adam(0.2),
}
fig, axes = plt.subplots(3, 1, figsize=(6, 11))
for ax, (title, optimizer) in zip(axes, rules.items(), strict=True):
    model, path = descend(optimizer, 60)
    fm.plot.loss_surface(model, x, t, path, span=((-5, 7), (-4, 4)), ax=ax)
    ax.set_title(title)
plt.show()

# %%
# L2 makes a bowl of it
# ---------------------
# The penalty :math:`\lambda \frac{1}{2} w^2` lifts the plateaus: the minimum moves towards
# :math:`w = 0`, and there is a way down from everywhere.

model, path = fm.MLP([1, 1], output="logistic"), fm.plot.WeightPath()
model.set_weights([[[-3.0]], [2.5]])
arguments = {"loss": "squared_error", "l2": 0.02, "optimizer": fm.SGD(2.0), "batch_size": None}
model.fit(x, t, epochs=60, callbacks=[path], **arguments)
ax = fm.plot.loss_surface(model, x, t, path, span=((-5, 7), (-4, 4)))
ax.set_title("with λ = 0.02")
plt.show()

# %%
# 2,410 parameters: a plane through the space
# -------------------------------------------
# A digit classifier has thousands of weights. What can be drawn is a plane of the space. The two
# *principal directions* of the path are those in which training moved most: the picture below holds
# nearly all of the way.

digits = fm.datasets.load("digits")
X, labels = digits.X_train, digits.t_train
classifier, path = fm.MLP([64, 32, 10], output="softmax", seed=1), fm.plot.WeightPath()
classifier.fit(X, labels, epochs=25, optimizer=fm.Adam(3e-3), callbacks=[path], seed=0)

fm.plot.loss_surface(classifier, X, labels, path, resolution=21)
plt.show()

# %%
# In three dimensions: any function of pictures here draws into axes that it is given.

fig = plt.figure(figsize=(7, 5.5), layout="constrained")
ax = fig.add_subplot(projection="3d")
fm.plot.loss_surface(classifier, X, labels, path, resolution=21, ax=ax)
ax.set(xlabel="first direction", ylabel="second direction")
ax.view_init(elev=35, azim=-60)
plt.show()

# %%
# The minimum itself, along two random directions (each unit's weights scaled to the norm they have,
# so that networks can be compared): a smooth bowl.

fm.plot.loss_surface(classifier, X, labels, resolution=21)
plt.show()

# %%
# Watching it
# -----------
# On request the walk is animated. ``animation.save("descent.gif", writer="pillow")`` writes a file
# for a slide, ``animation.to_jshtml()`` gives a player for a notebook.

model, path = descend(fm.SGD(2.0), 60)
fig, ax = plt.subplots(figsize=(5, 3.8))
animation = fm.plot.descent(model, x, t, path, frames=20, interval=150, ax=ax)
plt.close(fig)  # the player below shows it

plt.rcParams["animation.html"] = "jshtml"
animation  # noqa: B018

# sphinx_gallery_thumbnail_number = 5
