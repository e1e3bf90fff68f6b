"""What was learned: curves of training, features, decision boundaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, metrics
from fastmlp.plot import given
from fastmlp.plot.canvas import COLORS, axes, beside, clear, picture, write_title
from fastmlp.plot.names import LETTERS_OF_AN_AXIS, check_names, short, shorts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]


# How much of a class's colour the ground of its region shows, white being the rest.
_TINT = 0.35


@picture
def history(
    history: Mapping[str, Sequence[float]] | Any,
    quantity: str = "loss",
    *,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how a quantity went from epoch to epoch, in training and in validation.

    Parameters
    ----------
    history : History or mapping of str to sequence of float
        What `fit` returned.
    quantity : str, default "loss"
        The name of a metric; ``"val_" + quantity`` is drawn beside it where there is one, with a
        mark at its best epoch.
    label : str, optional
        What to call the quantity in the picture; its name by default.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        The history does not have the quantity, or no epoch.
    TypeError
        It is no history.

    Examples
    --------
    >>> import fastmlp as fm
    >>> ax = fm.plot.history({"loss": [0.9, 0.4, 0.3], "val_loss": [0.8, 0.5, 0.6]})
    >>> ax.get_xlabel()
    'epoch'
    """
    if not hasattr(history, "keys"):
        raise TypeError(
            "history must be what fit of a model returned, or a dict such as "
            f"{{'loss': clf.loss_curve_}} of an estimator, got {type(history).__name__}"
        )
    if not isinstance(quantity, str) or quantity not in history:
        raise ValueError(
            f"quantity must be one of {', '.join(map(repr, history.keys()))}, got {quantity!r}"
        )
    if not len(history[quantity]):
        raise ValueError("the history has no epochs")
    ax = axes(ax, (6.4, 4.0))
    from matplotlib.ticker import MaxNLocator

    curves = [("training", quantity, COLORS[0]), ("validation", f"val_{quantity}", COLORS[1])]
    curves = [curve for curve in curves if curve[1] in history]
    epochs, is_empty = np.arange(1, len(history[quantity]) + 1), not ax.lines
    for name, key, color in curves:
        (line,) = ax.plot(epochs, history[key], color=color, linewidth=2, label=name)
        if (alone := _alone(history[key])).any():
            line.set(marker="o", markevery=alone)
    if len(curves) == 2:
        # What is no History, or one of an older pickle, does not say which way is up.
        rising = getattr(history, "higher_is_better", {}).get(quantity, "accuracy" in quantity)
        _mark_best(ax, line, rising=rising)
        ax.legend(edgecolor="none", framealpha=0.85, labelcolor="linecolor")
    ax.set_xlabel("epoch")
    title = quantity.replace("_", " ") if label is None else str(label)
    write_title(ax, title)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(epochs) == 1 and is_empty:  # no fractions of an epoch around it
        ax.set_xlim(0.5, 1.5)
    ax.margins(x=0.02)
    clear(ax)
    return ax


@picture
def features(
    model_or_weights: Any,
    image_shape: tuple[int, int] | None = None,
    layer: int = 0,
    *,
    count: int | None = 64,
    common_scale: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw the weight rows of a layer as images: what each of its units looks for.

    Red raises the unit's input, blue lowers it, white is without effect.

    Parameters
    ----------
    model_or_weights : Model or array-like, shape (units, inputs)
        A model, or weights themselves.
    image_shape : (int, int), optional
        (height, width) of the images the inputs are; by default a square.
    layer : int, default 0
        Which of the model's layers with weights, from the input on; negative counts from the
        output. Not used with an array.
    count : int or None, default 64
        The most units to draw: those with the largest weight norms, in their own order.
    common_scale : bool, default False
        Draw all units on one scale of colours, so that strong and weak ones can be told apart;
        by default each has its own.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        There is no such layer, or its inputs do not make an image.

    Examples
    --------
    >>> import numpy as np
    >>> import fastmlp as fm
    >>> ax = fm.plot.features(np.eye(4), image_shape=(2, 2))
    >>> ax.get_title(loc="left")
    '4 units, 2×2 weights each'
    """
    weights = _weights(model_or_weights, layer)
    height, width = _image_shape(weights, image_shape)
    if count is not None:
        count = _checks.integer(count, "count", at_least=1)
    common_scale = _checks.flag(common_scale, "common_scale")
    units = len(weights)
    shown = units if count is None else min(count, units)
    strongest = np.argsort(-np.linalg.norm(weights, axis=1), kind="stable")[:shown]
    images = weights[np.sort(strongest)].reshape(-1, height, width)
    largest = np.abs(images).max(axis=None if common_scale else (1, 2), keepdims=True)
    mosaic = _mosaic(images / np.where(largest > 0, largest, 1))
    rows, columns = mosaic.shape
    ax = axes(ax, (6.4, 6.4 * rows / columns + 0.4))
    ax.imshow(mosaic, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    plural = "unit" if units == 1 else "units"
    some = f"the {shown} strongest of {units}" if shown < units else f"{units}"
    write_title(ax, f"{some} {plural}, {height}×{width} weights each")
    return ax


@picture
def decision_boundary(
    model: Any,
    X: ArrayLike,
    t: ArrayLike,
    *,
    class_names: Sequence[str] | None = None,
    feature_names: Sequence[str] | None = None,
    resolution: int = 300,
    ax: Axes | None = None,
) -> Axes:
    """Draw the regions a classifier of two features divides the plane into, and the examples.

    The ground has the colour of the predicted class; where the model gives probabilities the
    colours mix accordingly. Lines are where the decision changes. Examples have the colour of
    their own class, and a black edge where the model is wrong.

    Parameters
    ----------
    model : Model or estimator
        Anything with ``predict_proba(X)``, or with ``predict(X)`` that returns an output for each
        class or a single one for two classes, which change where the accuracy has it
        (`fastmlp.metrics.decision`).
    X : array-like, shape (rows, 2)
    t : array-like, shape (rows,)
        The classes of the rows.
    class_names, feature_names : sequence of str, optional
        For the legend and the two axes.
    resolution : int, default 300
        The model is asked at resolution × resolution points.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        X does not have two columns or holds infinities or NaN, t has not as many rows or other
        classes than the model, or there are more than 8.

    Examples
    --------
    >>> import fastmlp as fm
    >>> X, t = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    >>> model = fm.MLP([2, 4, 1], activation="tanh", output="logistic", seed=0)
    >>> ax = fm.plot.decision_boundary(model, X, t, resolution=20)
    """
    if not hasattr(model, "predict_proba"):
        given.has(model, "predict", "model", "a model or an estimator, with predict")
    X, t = given.numbers(X, "X"), given.labels(t, "t")
    t = t.ravel() if t.ndim == 1 or t.shape[1:] == (1,) else t
    if X.ndim != 2 or X.shape[1] != 2 or t.shape != X.shape[:1] or not len(X):
        raise ValueError(
            f"X must have shape (rows, 2) and t shape (rows,), got {X.shape} and {t.shape}"
        )
    if not np.isfinite(X).all():
        raise ValueError("X must hold finite numbers: leave the other rows out")
    resolution = _checks.integer(resolution, "resolution", at_least=2)
    low, high = X.min(axis=0), X.max(axis=0)
    margin = 0.15 * np.where(high > low, high - low, 1.0)
    low, high = low - margin, high + margin
    across, up = (np.linspace(low[i], high[i], resolution) for i in (0, 1))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    shares = _shares(model, X)  # before the ground: an error of the model's names the shape of X
    ground = _shares(model, grid)
    classes = _classes(model, t, shares.shape[1])
    if len(classes) > len(COLORS):
        raise ValueError(f"can draw {len(COLORS)} classes at most, got {len(classes)}")
    if not (known := np.isin(t, classes)).all():
        raise ValueError(
            f"t has {t[~known].tolist()[0]!r}, which is none of the classes that the model tells "
            f"apart: {', '.join(map(repr, classes.tolist()))}"
        )

    class_names = check_names(class_names, classes.tolist(), "class_names")
    feature_names = check_names(feature_names, ["x₁", "x₂"], "feature_names")

    ax = axes(ax, (6.4, 5.2))
    _draw_ground(ax, across, up, ground.reshape(resolution, resolution, -1))
    names = shorts(classes.tolist() if class_names is None else class_names)
    wrong = classes[shares.argmax(axis=1)] != t
    for label, color, name in zip(classes, COLORS, names, strict=False):
        for mistaken in (False, True):
            rows = (t == label) & (wrong == mistaken)
            ax.scatter(
                X[rows, 0],
                X[rows, 1],
                s=36 if mistaken else 28,
                color=color,
                edgecolors="black" if mistaken else "white",
                linewidths=1.4 if mistaken else 0.7,
                label=None if mistaken else name,
                zorder=4 if mistaken else 3,
            )
    beside(ax, *([_ring_of_mistaken()] if wrong.any() else []))
    along = ("x₁", "x₂") if feature_names is None else feature_names
    ax.set_xlabel(short(along[0], LETTERS_OF_AN_AXIS))
    ax.set_ylabel(short(along[1], LETTERS_OF_AN_AXIS))
    clear(ax, grid=False)
    return ax


def _ring_of_mistaken() -> Line2D:
    """Return what the legend shows of points with a black edge."""
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], linestyle="", marker="o", color="none", markeredgecolor="black", label="mistaken"
    )


# --- curves ----------------------------------------------------------------------------------


def _alone(values: Sequence[float]) -> Array:
    """Return which values no line leads to, as those beside them are missing or no numbers."""
    there = np.pad(np.isfinite(np.asarray(values, dtype=float)), 1)
    return there[1:-1] & ~there[:-2] & ~there[2:]  # type: ignore[no-any-return]


def _mark_best(ax: Axes, line: Line2D, *, rising: bool) -> None:
    """Put a dot at the best epoch of a curve and its value in the legend."""
    epochs, values = (np.asarray(data, dtype=float) for data in line.get_data())
    if not np.isfinite(values).any():
        return
    best = int(np.nanargmax(values) if rising else np.nanargmin(values))
    ax.plot(epochs[best], values[best], "o", color=COLORS[1], markersize=7, zorder=3)
    # in the legend, because beside the dot it would lie on one of the curves sooner or later
    line.set_label(f"validation, best {values[best]:.4g} after epoch {epochs[best]:.0f}")


# --- features --------------------------------------------------------------------------------


def _weights(model_or_weights: Any, layer: int) -> Array:
    if hasattr(model_or_weights, "layers"):
        matrices = [
            part.weights
            for part in model_or_weights.layers
            if getattr(part, "weights", None) is not None
        ]
        layer = _checks.integer(layer, "layer", at_least=-_checks.MOST)
        if not -len(matrices) <= layer < len(matrices):
            raise ValueError(
                f"layer must be from {-len(matrices)} to {len(matrices) - 1}, the model's layers "
                f"with weights, got {layer}"
            )
        model_or_weights = matrices[layer]
    weights = given.numbers(model_or_weights, "model_or_weights")
    if weights.ndim != 2 or not weights.size:
        raise ValueError(f"weights must have shape (units, inputs), got {weights.shape}")
    return weights


def _image_shape(weights: Array, image_shape: tuple[int, int] | None) -> tuple[int, int]:
    inputs = weights.shape[1]
    if image_shape is None:
        side = round(inputs**0.5)
        image_shape = (side, side)
        if side * side != inputs:
            raise ValueError(
                f"{inputs} inputs are not a square image: give image_shape=(height, width)"
            )
    sides = given.listed(image_shape, "image_shape")
    if len(sides) != 2:
        raise ValueError(f"image_shape must be (height, width), got {image_shape!r}")
    height, width = (_checks.integer(side, "image_shape", at_least=-_checks.MOST) for side in sides)
    if height < 1 or width < 1 or height * width != inputs:
        raise ValueError(
            f"image_shape={image_shape} has {height * width} pixels, the layer {inputs} inputs"
        )
    return height, width


def _mosaic(images: Array) -> Array:
    """Lay images out in a nearly square grid; NaN, drawn as nothing, between and after them."""
    count, height, width = images.shape
    columns = int(np.ceil(np.sqrt(count * height / width)))
    rows = -(-count // columns)
    gap = max(1, round(max(height, width) / 12))
    mosaic = np.full((rows * (height + gap) - gap, columns * (width + gap) - gap), np.nan)
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        top, left = row * (height + gap), column * (width + gap)
        mosaic[top : top + height, left : left + width] = image
    return mosaic


# --- decisions -------------------------------------------------------------------------------


def _shares(model: Any, X: Array) -> Array:
    """Return for each row how much of each class to show, a sum of 1: probabilities, if any."""
    if hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X), dtype=np.float64)
    if isinstance(said := model.predict(X), (list, dict)):
        raise ValueError("the regions are of one output; give a function of X as predict of one")
    y = np.asarray(said, dtype=np.float64)
    y = y[:, None] if y.ndim == 1 else y
    activation = getattr(model.layers[-1], "activation", None) if hasattr(model, "layers") else None
    kind = getattr(activation, "name", "identity")
    if y.shape[1] > 1:
        return y if kind == "softmax" else np.eye(y.shape[1])[y.argmax(axis=1)]
    if kind != "logistic":
        fitted = getattr(model, "_objective", None)
        y = (y > metrics.decision(kind, fitted and fitted.losses[0])).astype(np.float64)
    return np.concatenate([1 - y, y], axis=1)


def _classes(model: Any, t: Array, count: int) -> Array:
    """Return the label of each class that the model tells apart."""
    if hasattr(model, "classes_"):
        return np.asarray(model.classes_)
    numbers = np.arange(count)
    found = np.unique(t)
    if not np.isin(found, numbers).all() and len(found) == count:
        return found
    return numbers


def _draw_ground(ax: Axes, across: Array, up: Array, shares: Array) -> None:
    from matplotlib.colors import to_rgb

    colors = np.array([to_rgb(color) for color in COLORS[: shares.shape[2]]])
    tints = 1 - _TINT * (1 - colors)
    ax.imshow(
        np.clip(shares @ tints, 0, 1),
        extent=(across[0], across[-1], up[0], up[-1]),
        origin="lower",
        aspect="auto",
        interpolation="bilinear",
    )
    for index in range(shares.shape[2]):
        lead = shares[:, :, index] - np.delete(shares, index, axis=2).max(axis=2)
        if lead.min() < 0 < lead.max():  # contour warns where there is no line to draw
            ax.contour(across, up, lead, levels=[0.0], colors="white", linewidths=1.6)
