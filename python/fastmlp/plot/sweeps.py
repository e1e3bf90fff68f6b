"""A picture of a sweep of learning rates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastmlp.plot import given
from fastmlp.plot.canvas import COLORS, axes, clear, faint_of, picture, write_title

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from fastmlp.models.sweeps import LearningRates


@picture
def learning_rates(found: LearningRates, *, ax: Axes | None = None) -> Axes:
    """Draw the loss of each step of a sweep over its learning rate, with the rate suggested.

    Parameters
    ----------
    found : LearningRates
        What `fastmlp.find_learning_rate` returned.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        matplotlib is missing.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([1, 8, 1], activation="tanh", seed=0)
    >>> found = fm.find_learning_rate(model, [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0])
    >>> fm.plot.learning_rates(found).get_xlabel()
    'learning rate'
    """
    given.has(found, "smoothed", "found", "what fastmlp.find_learning_rate returned")
    ax = axes(ax, (6.4, 4.0))
    smoothed, suggestion = found.smoothed, found.suggestion
    at = float(np.interp(np.log(suggestion), np.log(found.rates), smoothed))
    ax.plot(found.rates, found.losses, color=faint_of(ax), linewidth=1)
    ax.plot(found.rates, smoothed, color=COLORS[0], linewidth=2)
    ax.plot([suggestion], [at], "o", color=COLORS[1])
    ax.annotate(
        f"{suggestion:.2g}",
        (suggestion, at),
        xytext=(8, 6),
        textcoords="offset points",
        color=COLORS[1],
    )
    ax.set_xscale("log")
    ax.set_xlabel("learning rate")
    write_title(ax, "loss of each step, and its mean")
    clear(ax)
    return ax
