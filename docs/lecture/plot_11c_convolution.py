r"""
11c. Beyond the MLP: a convolution
==================================

A unit of a *convolution* looks at a small patch of an image, and the same unit looks at every
patch: its weights are shared between the places. With a kernel of :math:`3 \times 3`,

.. math:: z_{r,c} = b + \sum_{i=0}^{2} \sum_{j=0}^{2} k_{ij} \, x_{r+i,\, c+j}

It is a layer like any other, :math:`\mathbf{z} = W \mathbf{x} + \mathbf{b}`, whose :math:`W` has
few different numbers in it, and many zeros.
"""

import matplotlib.pyplot as plt
import numpy as np

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import initializers
from fastmlp.layers import Layer, ParameterSpec

# %%
# Two layers of one's own
# -----------------------
# An image is a row, line by line. Patches are cut out of it, side by side, and ``g.group_rows``
# reads them as rows of their own. The kernels of all channels are the rows of one matrix, so that
# one product applies every kernel to every patch.


class Convolution(Layer):
    """Kernels of size × size applied to every patch of images of one channel, then ReLU."""

    def __init__(self, side, size, channels, name=None):
        super().__init__(name=name)
        self.side, self.size, self.channels = side, size, channels
        self.places = side - size + 1

    def output_columns(self, input_columns):
        """Return a column for each place and channel, the channels of a place side by side."""
        return self.places**2 * self.channels

    def parameter_specs(self, input_columns):
        """Return the kernels, one in each row, and a bias for each."""
        draw, zeros = initializers.get("he_normal"), initializers.get("zeros")
        return (
            ParameterSpec("weights", "K", (self.channels, self.size**2), draw, None),
            ParameterSpec("biases", "b", (1, self.channels), zeros),
        )

    def apply(self, nodes, parameters, *, training, key):
        """Return the ReLU of the kernels' products with each patch."""
        (x,), (kernels, biases) = nodes, parameters
        places, lines = range(self.places), range(self.size)
        starts = [(r + i) * self.side + c for r in places for c in places for i in lines]
        patches = g.concatenate([x[:, start : start + self.size] for start in starts])
        z = g.affine(g.group_rows(patches, self.places**2), kernels, biases)
        return g.ungroup_rows(g.relu(z), self.places**2)


class MaxPool(Layer):
    """The maximum of each square of two by two places, for each channel."""

    def __init__(self, places, channels, name=None):
        super().__init__(name=name)
        self.places, self.channels = places, channels

    def output_columns(self, input_columns):
        """Return a quarter of the columns."""
        return (self.places // 2) ** 2 * self.channels

    def apply(self, nodes, parameters, *, training, key):
        """Return the maxima."""
        (h,), n = nodes, self.channels

        def place(row, column):
            start = (row * self.places + column) * n
            return h[:, start : start + n]

        squares = []
        for row in range(0, self.places, 2):
            for column in range(0, self.places, 2):
                top = g.maximum(place(row, column), place(row, column + 1))
                bottom = g.maximum(place(row + 1, column), place(row + 1, column + 1))
                squares.append(g.maximum(top, bottom))
        return g.concatenate(squares)


# %%
# On the digits
# -------------
# The bundled digits have 8 × 8 pixels. Eight kernels, a maximum over squares of two by two places,
# and a softmax:

digits = fm.datasets.load("digits")
channels = 8
model = fm.Sequential(
    [
        Convolution(8, 3, channels),
        MaxPool(6, channels),
        fm.Dense(10, "softmax"),
    ],
    input_columns=64,
    seed=0,
)
model.fit(
    digits.X_train,
    digits.t_train,
    epochs=25,
    batch_size=64,
    optimizer=fm.Adam(1e-2),
    l2=1e-4,
    seed=0,
)
print(model.summary())
result = model.evaluate(digits.X_test, digits.t_test)
print(result)

# %%
# 810 parameters do what takes a dense network some thousands:

dense = fm.MLP([64, 64, 10], output="softmax", seed=0)
dense.fit(digits.X_train, digits.t_train, epochs=25, batch_size=64, optimizer=fm.Adam(3e-3), seed=0)
print(f"{model.n_parameters} parameters: {result['accuracy']:.3f}")
accuracy_of_dense = dense.evaluate(digits.X_test, digits.t_test)["accuracy"]
print(f"{dense.n_parameters} parameters: {accuracy_of_dense:.3f}")

# %%
# What the kernels look for (red: ink, blue: none), and where they find it in a digit.

kernels = model.get_weights()[0]
image = digits.X_test[:1]
maps = model.activations(image)["convolution_1"].reshape(6, 6, channels)

fig, axes = plt.subplots(4, 1 + channels // 2, figsize=(7, 6))
for row in (0, 2, 3):
    axes[row, 0].axis("off")
axes[1, 0].imshow(image.reshape(8, 8), cmap="Greys")
axes[1, 0].set_title("the image", fontsize=11)
largest = np.abs(kernels).max()
for channel in range(channels):
    kernel = kernels[channel].reshape(3, 3)
    row, column = divmod(channel, channels // 2)
    above, below = axes[2 * row : 2 * row + 2, 1 + column]
    above.imshow(kernel, cmap="RdBu_r", vmin=-largest, vmax=largest)
    below.imshow(maps[:, :, channel], cmap="Greys", vmin=0, vmax=maps.max())
    above.set_title(f"kernel {channel + 1}", fontsize=11)
for ax in axes.ravel():
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
plt.show()

# %%
# A dense layer with many equal weights
# -------------------------------------
# The same layer as one matrix: every line of it holds the kernel, moved on by one place. Its
# columns are what the layer makes of images with one white pixel.

one_channel = fm.Sequential([Convolution(8, 3, 1)], input_columns=64, seed=3)
one_channel.set_weights([np.arange(1.0, 10)[None], [0.0]])
matrix = one_channel.predict(np.eye(64)).T  # all kernel entries are positive: ReLU lets them pass

fig, ax = plt.subplots(figsize=(7, 4.6))
ax.imshow(np.where(matrix > 0, matrix, np.nan), cmap="viridis")
ax.set(xlabel="pixel", ylabel="place", title="W: 36 × 64 numbers, 9 of them different")
ax.grid(False)
plt.show()

# %%
# What the package lacks for this
# -------------------------------
# There is no kernel for convolutions. The graph has three cuts of columns for each of the 36
# patches, and all patches are copied side by side before their product: a pixel in nine patches
# stands in memory nine times. For 8 × 8 images that is fast enough; for photographs it is not the
# package to take.

# sphinx_gallery_thumbnail_number = 1
