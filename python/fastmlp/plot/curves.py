"""A picture of activations beside their derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp import activations as _activations
from fastmlp import graph as g
from fastmlp.plot import given
from fastmlp.plot.canvas import (
    COLORS,
    checked,
    clear,
    ink_of,
    picture,
    require_matplotlib,
    write_title,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Spec = str | _activations.Activation | Callable[[g.Node], g.Node]

# What hidden layers are made of; exp is an output's, and softmax no function of a single z.
_LECTURE = ("identity", "relu", "softplus", "threshold", "logistic", "tanh")
# A curve that climbs more than this from one point to the next jumps there.
_JUMP = 0.25
_POINTS = 1001


@picture
def activations(
    names: Sequence[Spec] | None = None,
    *,
    interval: tuple[float, float] = (-4.0, 4.0),
    axes: Sequence[Axes] | None = None,
) -> list[Axes]:
    """Draw activations φ(z), a panel each, with their derivatives φ′(z).

    Both curves are computed by the graph that trains networks, φ′ as the message that it sends to z
    for a message of 1 to φ(z).

    Parameters
    ----------
    names : sequence of str, activations.Activation or function, optional
        Which ones; by default identity, relu, softplus, threshold, logistic and tanh.
    interval : (float, float), default (-4, 4)
        From which z to which.
    axes : sequence of matplotlib Axes, optional
        Where to draw, one for each; a new figure by default.

    Returns
    -------
    list of matplotlib Axes

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        An activation is unknown or not a function of a single z (softmax), or the interval or the
        number of axes does not fit.

    Examples
    --------
    >>> import fastmlp as fm
    >>> [ax.get_title(loc="left") for ax in fm.plot.activations(["relu", "tanh"])]
    ['relu', 'tanh']
    """
    given_names = _LECTURE if names is None else given.listed(names, "names")
    chosen = [_activations.get(name) for name in given_names]
    if not chosen:
        raise ValueError("names must hold at least one activation, got none")
    ends = given.listed(interval, "interval")
    if len(ends) != 2:
        raise ValueError(f"interval must be (low, high), got {interval!r}")
    low = _checks.real(ends[0], "interval[0]")
    high = _checks.real(ends[1], "interval[1]", above=low)
    curves = [_curves(activation, np.linspace(low, high, _POINTS)) for activation in chosen]
    if axes is None:
        panels = _panels(len(chosen))
    else:  # also as the rows of plt.subplots(2, 3)[1]
        rows: Any = axes
        rows = rows.ravel() if isinstance(rows, np.ndarray) else rows
        panels = [checked(ax, f"axes[{i}]") for i, ax in enumerate(given.listed(rows, "axes"))]
    if len(panels) != len(chosen):
        raise ValueError(f"axes must be {len(chosen)}, one for each activation, got {len(panels)}")
    for ax, activation, (z, h, slope) in zip(panels, chosen, curves, strict=True):
        ax.plot(*_torn(z, h), color=COLORS[0], linewidth=2.4, label="φ(z)")
        ax.plot(*_torn(z, slope), color=COLORS[1], linewidth=1.8, linestyle="--", label="φ′(z)")
        ax.axvline(0, color=ink_of(ax), linewidth=0.5, zorder=0)
        write_title(ax, activation.name)
        ax.set_ylim(-1.35, 2.35)
        clear(ax)
    panels[0].legend(frameon=False, labelcolor="linecolor", loc="lower right")
    return panels


def _curves(activation: _activations.Activation, points: NDArray[Any]) -> tuple[Any, Any, Any]:
    """Return z, φ(z) and φ′(z)."""
    if activation.name in ("softmax", "log_softmax"):
        sums = "its outputs share" if activation.name == "softmax" else "their exponentials share"
        raise ValueError(f"{activation.name} is not a function of a single z: {sums} a sum of 1")
    z = g.input(1, "z")
    h = activation(z)
    (slope,) = g.gradient(g.sum(h), [z])
    values = g.run([h, slope], {z: points[:, None]}, dtype="float64")
    return points, values[0].ravel(), values[1].ravel()


def _torn(z: NDArray[Any], values: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Put a gap where the curve jumps, so that no line is drawn that is not there."""
    after = np.flatnonzero(np.abs(np.diff(values)) > _JUMP) + 1
    return np.insert(z, after, np.nan), np.insert(values, after, np.nan)


def _panels(count: int) -> list[Axes]:
    require_matplotlib()
    import matplotlib.pyplot as plt

    columns = min(count, 3)
    rows = -(-count // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(2.45 * columns, 2.4 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    panels = list(grid.ravel())
    for ax in panels[count:]:
        figure.delaxes(ax)
    for ax in panels[max(0, count - columns) : count]:
        ax.set_xlabel("z")
        ax.tick_params(labelbottom=True)
    return panels[:count]
