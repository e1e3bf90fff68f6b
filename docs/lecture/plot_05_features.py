r"""
5. Features that are learned
============================

A hidden unit answers to :math:`\mathbf{w}^\top \mathbf{x}`: most of all to inputs that look like
its weights. Where the inputs are images, the weights of a first-layer unit are an image too, and
one can see what the unit looks for.

With MNIST at hand (``$FASTMLP_DATA/mnist.npz``, see `fastmlp.datasets.load`) this page shows
it on 28×28 pixels, otherwise on the 8×8 digits that are always there.
"""

import os
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm

folder = Path(os.environ.get("FASTMLP_DATA", "~/.keras/datasets")).expanduser()
data = fm.datasets.load("mnist" if (folder / "mnist.npz").exists() else "digits")
pixels = data.X_train.shape[1]
height, width = data.image_shape
print(data)

# %%
# Before and after training
# -------------------------
# Before training the weights are noise. A little weight decay lets those fade that do no work.

units = 36
model = fm.MLP([pixels, units, 10], activation="logistic", output="softmax", seed=0)
untrained = model.copy()
epochs = 10 if data.name == "mnist" else 150
model.fit(data.X_train, data.t_train, epochs=epochs, optimizer=fm.Adam(0.005), l2=2e-4)
print("before:", untrained.evaluate(data.X_test, data.t_test))
print("after: ", model.evaluate(data.X_test, data.t_test))

figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 4))
fm.plot.features(untrained, data.image_shape, ax=left)
left.set_title(f"{units} units before training")
fm.plot.features(model, data.image_shape, ax=right)
right.set_title("after training")
plt.show()

# %%
# Red raises a unit's input, blue lowers it. After training, units look for strokes in places, and
# against strokes in others.
#
# From digit to features to answer
# --------------------------------
# ``model.activations(X)`` returns what every layer puts out, by name. Here for one image: the
# image, the 36 numbers that the hidden layer makes of it, and the probabilities made of these.

x = data.X_test[:1]
h = model.activations(x)
print({name: values.shape for name, values in h.items()})

figure, places = plt.subplot_mosaic("xh;yy", figsize=(6.4, 6))
axes = [places[name] for name in "xhy"]
axes[0].imshow(x.reshape(height, width), cmap="gray_r")
axes[0].set_title("x: the image")
axes[1].imshow(h["dense_1"].reshape(6, 6), cmap="magma", vmin=0, vmax=1)
axes[1].set_title("h: 36 hidden units")
for ax in axes[:2]:
    ax.set_axis_off()
axes[2].bar(range(10), h["dense_2"][0], color="#0072B2")
axes[2].set_xticks(range(10))
axes[2].set_ylim(0, 1)
axes[2].set_title("y: a probability for each digit")
plt.show()

# %%
# What a unit answers to
# ----------------------
# For the six units that the output listens to most: the weights, and below them the four test
# images that the unit answers to most.

strength = np.linalg.norm(model.layers[1].weights, axis=0)
chosen = np.argsort(-strength)[:6]
answers = model.activations(data.X_test)["dense_1"]

figure, axes = plt.subplots(5, 6, figsize=(7, 6.2))
for column, unit in zip(axes.T, chosen, strict=True):
    w = model.layers[0].weights[unit].reshape(height, width)
    column[0].imshow(w, cmap="RdBu_r", vmin=-abs(w).max(), vmax=abs(w).max())
    column[0].set_title(f"unit {unit}", loc="center")
    for ax, image in zip(column[1:], np.argsort(-answers[:, unit])[:4], strict=True):
        ax.imshow(data.X_test[image].reshape(height, width), cmap="gray_r")
for ax in axes.ravel():
    ax.set_axis_off()
plt.show()

# %%
# Features make the task easier
# -----------------------------
# Seen through their first two principal components, the images of ten digits lie in one cloud. What
# the hidden layer makes of them begins to come apart.

from sklearn.decomposition import PCA  # noqa: E402

some = slice(0, 1000)
figure, axes = plt.subplots(2, 1, figsize=(6.4, 8.6))
for ax, values, title in [
    (axes[0], data.X_test[some], "pixels"),
    (axes[1], answers[some], "hidden activations"),
]:
    flat = PCA(2).fit_transform(values)
    for digit in range(10):
        rows = data.t_test[some] == digit
        ax.scatter(*flat[rows].T, s=14, color=plt.cm.tab10(digit))
        place = np.median(flat[rows], axis=0)
        box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none"}
        ax.text(*place, digit, weight="bold", color=plt.cm.tab10(digit), bbox=box)
    ax.set_title(title)
    ax.set_xticks([])
    ax.set_yticks([])
plt.show()
