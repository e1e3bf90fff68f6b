"""Predictions beside the truth: classes mixed up, probabilities kept, numbers met."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.plot import given
from fastmlp.plot.canvas import COLORS, FAINT, INK, axes, beside, clear, picture
from fastmlp.plot.names import LETTERS_OF_AN_AXIS, short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

# More rows than this are drawn as a density, since dots would hide one another.
_MANY = 2000
# The most classes whose counts are written into their cells.
_WRITTEN = 20
# The largest numbers that are written out beside each other along an axis.
_LARGEST = 1e8


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
    names = [short(label) for label in classes]
    if len(classes) <= 2 * _WRITTEN:
        long = max(map(len, names)) > 3 and len(classes) > 3
        turned: dict[str, Any] = {"rotation": 45, "ha": "right"} if long else {}
        ax.set_xticks(range(len(classes)), names, **turned)
        ax.set_yticks(range(len(classes)), names)
    ax.set_xlabel("predicted (in % of the true class)" if normalize else "predicted")
    ax.set_ylabel("true")
    right = int(np.trace(counts))
    percent = 100 * right / len(truth)
    ax.set_title(f"{right:,} of {len(truth):,} right ({percent:.1f} %)", loc="left", color=INK)
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
    ax.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
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
    ax.set_title(f"expected calibration error {error:.3g}", loc="left", color=INK)
    clear(ax)
    return ax


@picture
def predicted(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    interval: ArrayLike | None = None,
    name: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw predicted numbers over the true ones: a good model lies on the diagonal.

    Few rows are dots, many a density. The title has the root of the mean squared error and R².

    Parameters
    ----------
    y_true, y_pred : array-like, shape (rows,)
        The true numbers and ``predict(X)``.
    interval : array-like, shape (rows, 2), optional
        Lower and upper ends, as of ``predict_interval(X)``: drawn as a line for each row, in
        another colour where the truth lies outside; the title says how many contain it.
    name : str, optional
        What is predicted, with its unit, for the axes.
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
        The numbers are not as many, not finite, or there are none; a lower end is above the upper.

    Examples
    --------
    >>> import fastmlp as fm
    >>> ax = fm.plot.predicted([1.0, 2.0, 3.0], [1.1, 1.9, 3.0], name="price [€]")
    >>> ax.get_title(loc="left")
    'RMSE 0.0816, R² 0.990'
    """
    truth, said = (given.column(v, n) for v, n in ((y_true, "y_true"), (y_pred, "y_pred")))
    if truth.shape != said.shape or not len(truth):
        raise ValueError(
            f"y_true and y_pred must have one number for each row, got {len(truth)} and {len(said)}"
        )
    ends = None if interval is None else given.numbers(interval, "interval")
    if ends is not None and (ends.shape != (len(truth), 2) or not np.isfinite(ends).all()):
        raise ValueError(
            f"interval must hold finite numbers of shape ({len(truth)}, 2), got {ends.shape}"
        )
    if ends is not None and (turned := ends[:, 0] > ends[:, 1]).any():
        raise ValueError(f"interval: the lower end is above the upper in row {turned.argmax()}")
    title = _quality(truth, said)

    ax = axes(ax, (5.6, 5.4))
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    low, high = _span(truth, said)
    if len(truth) > _MANY:
        _draw_density(ax, truth, said, (low, high))
    else:
        if ends is not None:
            _draw_intervals(ax, truth, ends)
        size = 26 if len(truth) <= 300 else 12
        ax.scatter(
            truth, said, s=size, color=COLORS[0], alpha=0.75, linewidths=0.4, edgecolors="white",
            zorder=3,
        )  # fmt: skip
    if ends is not None:
        inside = ((ends[:, 0] <= truth) & (truth <= ends[:, 1])).mean()
        title += f", {100 * inside:.1f} % in their interval"
    ax.plot([low, high], [low, high], color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=4)
    ax.set_xlim(low, high)
    if ends is None or len(truth) > _MANY:
        ax.set_ylim(low, high)
        ax.set_aspect("equal")
    else:
        ax.set_ylim(_span(truth, said, ends))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        if high - low >= 1e4 and max(-low, high) < _LARGEST:  # 1,000,000, not 1.0 and 1e6 somewhere
            axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    name = "" if name is None else f" {short(name, LETTERS_OF_AN_AXIS)}"
    ax.set_xlabel(f"true{name}")
    ax.set_ylabel(f"predicted{name}")
    ax.set_title(title, loc="left", color=INK)
    clear(ax)
    ax.grid(axis="x", color=FAINT, linewidth=0.6)
    return ax


# --- classes ---------------------------------------------------------------------------------


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


def _write_cells(ax: Axes, counts: Array, shares: Array, normalize: bool) -> None:
    size = 11 if len(counts) <= 8 else 8
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
    ax.bar(edges[:-1], heights, width=1 / 40, align="edge", color=FAINT, zorder=0)


# --- numbers ---------------------------------------------------------------------------------


def _quality(truth: Array, said: Array) -> str:
    """Return the root of the mean squared error and R², in words."""
    unit = float(np.abs(truth).max()) or 1.0  # squares of very large numbers would overflow
    error = float(np.sqrt(np.mean((said / unit - truth / unit) ** 2)))
    rmse, variance = error * unit, float((truth / unit).var())
    told = f"RMSE {rmse:,.0f}" if 1000 <= rmse < 1e15 else f"RMSE {rmse:.3g}"
    return told if variance == 0 else f"{told}, R² {1 - error**2 / variance:.3f}"


def _span(*numbers: Array) -> tuple[float, float]:
    """Return from where to where an axis goes that shows all of them."""
    low, high = float(min(n.min() for n in numbers)), float(max(n.max() for n in numbers))
    margin = 0.04 * (high - low) or 1.0
    return low - margin, high + margin


def _draw_intervals(ax: Axes, truth: Array, ends: Array) -> None:
    inside = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    for rows, color, words in ((inside, COLORS[5], "inside"), (~inside, COLORS[1], "outside")):
        if rows.any():
            ax.vlines(
                truth[rows], ends[rows, 0], ends[rows, 1], color=color, linewidth=1, alpha=0.5,
                label=f"the truth is {words}", zorder=2,
            )  # fmt: skip
    beside(ax)


def _draw_density(ax: Axes, truth: Array, said: Array, span: tuple[float, float]) -> None:
    from matplotlib.colors import LogNorm

    drawn = ax.hexbin(
        truth, said, gridsize=60, extent=(*span, *span), cmap="Blues", mincnt=1, norm=LogNorm(),
        linewidths=0.1, zorder=2,
    )  # fmt: skip
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.6, pad=0.02)
    bar.set_label("rows")
    bar.outline.set_visible(False)
