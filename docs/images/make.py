"""Draw the README's picture: ``python docs/images/make.py`` writes readme.png beside this file.

narrow.png, for phones, has the same panels.
"""

from pathlib import Path
from textwrap import fill

import matplotlib
import numpy as np
from matplotlib.figure import Figure

import fastmlp as fm


def spirals(rows, classes=3, seed=0):
    """Return points of intertwined spirals, one for each class, in random order."""
    rng = np.random.default_rng(seed)
    t = rng.integers(0, classes, rows)
    along = rng.uniform(0.08, 1, rows)
    angle = 2 * np.pi * t / classes + 4 * along + rng.normal(0, 0.18, rows)
    X = np.stack([along * np.cos(angle), along * np.sin(angle)], axis=1)
    return X.astype(np.float32), t


def draw_spirals(ax):
    """Train a classifier of two features; draw what it decides where."""
    X, t = spirals(360)
    model = fm.MLP([2, 64, 64, 3], activation="tanh", output="softmax", seed=0)
    model.fit(X, t, optimizer=fm.Adam(fm.CosineDecay(0.01, 300 * 12)), epochs=300, l2=1e-4)
    fm.plot.decision_boundary(model, X, t, resolution=500, ax=ax)
    ax.set(title="what a network decides", xticks=[], yticks=[], xlabel="", ylabel="")
    ax.get_legend().remove()


def draw_features(ax):
    """Train a classifier of handwritten digits; draw what its first layer looks for."""
    data = fm.datasets.load("digits")
    model = fm.MLP([64, 36, 10], activation="tanh", output="softmax", seed=0)
    model.fit(data.X_train, data.t_train, epochs=60, l2=5e-3)
    fm.plot.features(model, data.image_shape, ax=ax)
    ax.set_title("", loc="left")
    ax.set_title("what its hidden units look for in digits")


def draw_history(ax):
    """Train on few rows for too long; draw how the validation loss turns."""
    X, t = spirals(700, seed=1)
    noise = np.random.default_rng(0)
    t = np.where(noise.random(len(t)) < 0.15, noise.integers(0, 3, len(t)), t)
    model = fm.MLP([2, 64, 64, 3], activation="tanh", output="softmax", seed=0)
    history = model.fit(
        X[:200], t[:200], validation_data=(X[200:], t[200:]), optimizer=fm.Adam(2e-3), epochs=200
    )
    fm.plot.history(history, ax=ax)
    ax.set_title("", loc="left")
    ax.set_title("when it should have stopped: its loss")


def wide():
    """Return the figure of all three side by side, and its axes."""
    figure = Figure(figsize=(13.5, 4.4), layout="constrained")
    figure.get_layout_engine().set(wspace=0.06)
    return figure, figure.subplots(1, 3, width_ratios=(1, 1, 1.1))


def narrow():
    """Return a figure for phones, and its axes: two above the third."""
    figure = Figure(figsize=(4.6, 4.8), layout="constrained")
    panels = figure.subplot_mosaic([[0, 1], [2, 2]])
    return figure, [panels[i] for i in range(3)]


def main():
    """Draw both pictures, after the same trainings."""
    matplotlib.rcParams.update({"font.size": 11, "axes.titlesize": 13})
    for name, (figure, panels), dpi in (("readme", wide(), 110), ("narrow", narrow(), 200)):
        for draw, ax in zip((draw_spirals, draw_features, draw_history), panels, strict=True):
            draw(ax)
            if name == "narrow":
                ax.set_title(fill(ax.get_title(), 24 if ax is not panels[2] else 60), fontsize=11)
        figure.savefig(Path(__file__).with_name(f"{name}.png"), dpi=dpi)


if __name__ == "__main__":
    main()
