"""Predicted numbers over the true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.plot import given
from fastmlp.plot.canvas import (
    COLORS,
    axes,
    beside,
    clear,
    faint_of,
    ink_of,
    picture,
    write_title,
)
from fastmlp.plot.names import LETTERS_OF_AN_AXIS, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

# More rows than this are drawn as a density, since dots would hide one another.
_MANY = 2000
# The largest numbers that are written out beside each other along an axis.
_LARGEST = 1e8


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
    ax.plot(
        [low, high], [low, high], color=ink_of(ax), linewidth=0.9, linestyle=(0, (4, 3)), zorder=4
    )
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
    write_title(ax, title)
    clear(ax)
    ax.grid(axis="x", color=faint_of(ax), linewidth=0.6)
    return ax


def _quality(truth: Array, said: Array) -> str:
    """Return the root of the mean squared error and R², in words."""
    unit = float(np.abs(truth).max()) or 1.0  # squares of very large numbers would overflow
    error = float(np.sqrt(np.mean((said / unit - truth / unit) ** 2)))
    rmse, variance = error * unit, float((truth / unit).var())
    told = f"RMSE {rmse:,.0f}" if 1000 <= rmse < 1e15 else f"RMSE {rmse:.3g}"
    if variance == 0:
        return told
    r2 = 1 - error**2 / variance
    return f"{told}, R² {r2:.3f}" if r2 > -1000 else f"{told}, R² {r2:.3g}"


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
