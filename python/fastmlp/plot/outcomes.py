"""Predicted classes beside the true ones: how they are mixed up, what probabilities are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.plot import given
from fastmlp.plot.canvas import (
    COLORS,
    INK,
    axes,
    clear,
    faint_of,
    ink_of,
    picture,
    write_title,
)
from fastmlp.plot.names import short, shorts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

# The most classes whose counts are written into their cells.
_WRITTEN = 20
# The width of a letter beside an axis, in inches.
_LETTER = 0.09


@picture
def confusion(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    labels: Sequence[Any] | None = None,
    normalize: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often rows of each class are taken for each class.

    A row of the picture is a true class, a column a predicted one; the diagonal is right. Colours
    are shares of the true class, so that a small class shows as clearly as a large one.

    Parameters
    ----------
    y_true, y_pred : array-like, shape (rows,)
        Labels, as of ``y`` and ``predict(X)``.
    labels : sequence, optional
        The classes and their order; by default all that occur, sorted.
    normalize : bool, default False
        Write shares of the true class in percent into the cells instead of counts.
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
        The labels are not as many, there are none, or one is not in ``labels``.

    Examples
    --------
    >>> import fastmlp as fm
    >>> ax = fm.plot.confusion(["cat", "cat", "dog", "dog"], ["cat", "dog", "dog", "dog"])
    >>> ax.get_title(loc="left")
    '3 of 4 right (75.0 %)'
    """
    truth, said = _pair(y_true, y_pred)
    if truth.ndim != 1:
        raise ValueError(f"y_true must hold one label for each row, its shape is {truth.shape}")
    _checks.flag(normalize, "normalize")
    classes = (
        _sorted_labels([*truth, *said]) if labels is None else given.each_one(labels, "labels")
    )
    number = {label: i for i, label in enumerate(classes)}
    if unknown := [label for label in (*truth, *said) if label not in number]:
        raise ValueError(f"{unknown[0]!r} is not in labels, which are {classes[:20]}")
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(counts, ([number[v] for v in truth], [number[v] for v in said]), 1)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.where(totals, totals, 1)

    side = min(3.4 + 0.42 * len(classes), 11.0)
    ax = axes(ax, (side + 0.6, side))
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    if len(classes) <= _WRITTEN:
        _write_cells(ax, counts, shares, normalize)
    names = shorts(classes)
    if len(classes) <= 2 * _WRITTEN:
        long = max(map(len, names)) * _LETTER > _cell(ax, len(classes))
        turned: dict[str, Any] = {"rotation": 45, "ha": "right"} if long else {}
        ax.set_xticks(range(len(classes)), names, **turned)
        ax.set_yticks(range(len(classes)), names)
    ax.set_xlabel("predicted (in % of the true class)" if normalize else "predicted")
    ax.set_ylabel("true")
    right = int(np.trace(counts))
    percent = 100 * right / len(truth)
    write_title(ax, f"{right:,} of {len(truth):,} right ({percent:.1f} %)")
    clear(ax, grid=False)
    ax.tick_params(length=0)
    for side_of in ("left", "bottom"):
        ax.spines[side_of].set_visible(False)
    # white lines between the cells, which are no data
    ax.set_xticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    ax.set_yticks(np.arange(len(classes) + 1) - 0.5, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.5 if len(classes) <= _WRITTEN else 0.5)
    ax.tick_params(which="minor", length=0)
    return ax


@picture
def calibration(
    y_true: ArrayLike,
    y_proba: ArrayLike,
    *,
    labels: Sequence[Any] | None = None,
    bins: int = 10,
    ax: Axes | None = None,
) -> Axes:
    """Draw how often what is said with a probability comes true: a reliability diagram.

    Rows are put into bins of about as many rows each by their probability, rows of the same
    probability into the same one. On the diagonal, of what is
    called 80 % likely 80 % happens; below it the model is too sure. Bars are 95 % intervals of
    Wilson's, the hills at the bottom show which probabilities occur.

    Parameters
    ----------
    y_true : array-like, shape (rows,)
        Labels.
    y_proba : array-like, shape (rows, classes) or (rows,)
        Probabilities, as of ``predict_proba(X)``; a single column is the second class's. With two
        classes the second one is drawn, with more the class each row is predicted to have.
    labels : sequence, optional
        The classes in the order of the columns, ``classes_`` of a classifier; by default all that
        occur, sorted.
    bins : int, default 10
        How many groups of rows, at most.
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
        The rows are not as many, there are none, the columns are not the classes, or a number is no
        probability.

    Notes
    -----
    The number in the title is the expected calibration error,
    ``Σ n_b / n · |share − mean probability|`` over the bins b (Naeini et al., AAAI 2015).

    Examples
    --------
    >>> import fastmlp as fm
    >>> ax = fm.plot.calibration([0, 1, 1, 1], [0.1, 0.6, 0.7, 0.9], bins=2)
    >>> ax.get_title(loc="left")
    'expected calibration error 0.175'
    """
    truth, proba = given.labels(y_true, "y_true"), given.numbers(y_proba, "y_proba")
    bins = _checks.integer(bins, "bins", at_least=1)
    if truth.ndim != 1 or proba.ndim not in (1, 2) or len(proba) != len(truth) or not len(truth):
        raise ValueError(
            "y_true must have shape (rows,) and y_proba (rows, classes) or (rows,), got "
            f"{truth.shape} and {proba.shape}"
        )
    if not ((proba >= 0) & (proba <= 1)).all():
        raise ValueError("y_proba must hold probabilities, from 0 to 1")
    if proba.ndim == 1 or proba.shape[1] == 1:
        proba = np.column_stack([1 - proba.ravel(), proba.ravel()])
    classes = _sorted_labels(truth) if labels is None else given.each_one(labels, "labels")
    if len(classes) != proba.shape[1]:
        raise ValueError(
            f"y_proba has {proba.shape[1]} columns for {len(classes)} classes: give all classes "
            "as labels, in the order of the columns"
        )
    if unknown := [label for label in truth.tolist() if label not in classes]:
        raise ValueError(f"y_true has {unknown[0]!r}, which is not in labels {classes[:20]}")
    number = {label: i for i, label in enumerate(classes)}
    index = np.array([number[label] for label in truth.tolist()])
    if len(classes) == 2:
        confidence, came = proba[:, 1], index == 1
        what, share = f"probability of {short(classes[1])}", f"share of {short(classes[1])}"
    else:
        confidence, came = proba.max(axis=1), index == proba.argmax(axis=1)
        what, share = "probability of the class predicted", "share of rows predicted right"
    means, shares, sizes = _binned(confidence, came, bins)
    error = float((sizes * np.abs(shares - means)).sum() / len(truth))

    ax = axes(ax, (5.6, 5.2))
    _draw_hills(ax, confidence)
    ax.plot([0, 1], [0, 1], color=ink_of(ax), linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    low, high = _wilson(shares, sizes)
    spread = np.maximum(np.stack([shares - low, high - shares]), 0)
    ax.errorbar(
        means, shares, spread, color=COLORS[0], linewidth=2, elinewidth=1, capsize=2, marker="o",
        markersize=5, zorder=3,
    )  # fmt: skip
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel(what)
    ax.set_ylabel(share)
    write_title(ax, f"expected calibration error {error:.3g}")
    clear(ax)
    return ax


def _pair(y_true: ArrayLike, y_pred: ArrayLike) -> tuple[Array, Array]:
    truth, said = given.labels(y_true, "y_true"), given.labels(y_pred, "y_pred")
    if truth.shape != said.shape or not truth.size:
        raise ValueError(
            "y_true and y_pred must have as many labels, at least one, got the shapes "
            f"{truth.shape} and {said.shape}"
        )
    return np.array(truth.tolist(), object), np.array(said.tolist(), object)


def _sorted_labels(values: Any) -> list[Any]:
    """Return the different labels in order; by their texts if they are of kinds without one."""
    distinct = list(dict.fromkeys(np.asarray(values, object).tolist()))
    try:
        return sorted(distinct)
    except TypeError:
        return sorted(distinct, key=str)


def _cell(ax: Axes, count: int) -> float:
    """Return about how wide each of so many cells beside each other is, in inches."""
    box = ax.get_window_extent()
    return float(min(box.width, box.height)) / ax.figure.dpi / count


def _write_cells(ax: Axes, counts: Array, shares: Array, normalize: bool) -> None:
    size = min(11 if len(counts) <= 8 else 8, 20 * _cell(ax, len(counts)))
    if size < 4:
        return  # nobody could read them
    for row, column in np.ndindex(*counts.shape):
        if not counts[row, column]:
            continue  # an empty cell says it better than a zero
        text = f"{counts[row, column]:,}"
        if normalize:
            percent = 100 * shares[row, column]
            text = f"{percent:.0f}" if percent >= 0.5 else "<1"
        color = "white" if shares[row, column] > 0.55 else INK
        ax.text(column, row, text, ha="center", va="center", color=color, fontsize=size)


def _binned(confidence: Array, came: Array, bins: int) -> tuple[Array, Array, Array]:
    """Return of each bin the mean probability, the share that came true, and the rows."""
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    # Rows of one probability in several bins would each be off by what chance, or their order, has
    # put there: all of them go where the first is.
    starts = np.searchsorted(confidence[order], [confidence[part[0]] for part in parts])
    groups = np.split(order, np.unique(starts)[1:])
    means = np.array([confidence[g].mean() for g in groups])
    shares = np.array([came[g].mean() for g in groups])
    return means, shares, np.array([len(g) for g in groups])


def _wilson(shares: Array, sizes: Array) -> tuple[Array, Array]:
    """Return the ends of 95 % intervals of shares: Wilson, JASA 22 (1927)."""
    z2 = 1.96**2
    middle = (shares + z2 / (2 * sizes)) / (1 + z2 / sizes)
    half = np.sqrt(shares * (1 - shares) * z2 / sizes + (z2 / (2 * sizes)) ** 2) / (1 + z2 / sizes)
    return middle - half, middle + half


def _draw_hills(ax: Axes, confidence: Array) -> None:
    """Draw how many rows have which probability, along the lower edge."""
    heights, edges = np.histogram(confidence, bins=40, range=(0, 1))
    heights = 0.14 * heights / heights.max()
    ax.bar(edges[:-1], heights, width=1 / 40, align="edge", color=faint_of(ax), zorder=0)
