"""Pictures of gradient descent in weight space: the loss as a surface, the path, an animation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.plot.canvas import COLORS, INK, axes, clear, picture, require_matplotlib, write_title
from fastmlp.plot.landscape import landscape

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from fastmlp.models.model import Model
    from fastmlp.plot.landscape import Direction, Landscape, WeightPath

    Array = NDArray[Any]


@picture
def loss_surface(
    model: Model,
    X: Any,
    t: Any,
    path: WeightPath | Sequence[Sequence[Any]] | None = None,
    *,
    directions: str | tuple[Direction, Direction] = "auto",
    loss: Any = None,
    l2: float | None = None,
    l1: float | None = None,
    span: float | tuple[tuple[float, float], tuple[float, float]] | None = None,
    resolution: int = 41,
    seed: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """Draw the loss over two directions in weight space, and the path of the weights on it.

    Parameters
    ----------
    model : Model
        Its weights are the centre of the plane (in the coordinates' case their zero); they do not
        change.
    X, t : array-like
        Data, as for `Model.evaluate`.
    path : WeightPath or sequence of weight lists, optional
        Where training has been, as recorded by the callback `WeightPath`.
    directions : {"auto", "principal", "random"} or (d₁, d₂), default "auto"
        "principal": the two directions in which the path moved most, named with their shares of its
        squared distances from the end. "random": normal numbers with
        each unit's weights scaled to the norm of the model's, biases left alone. A pair: arrays
        like those of `Model.get_weights`, for each direction. "auto": the coordinates themselves
        if the model has just two parameters, else principal with a path, random without one.
    loss, l2, l1
        As for `Model.evaluate`: by default those of the last fit.
    span : float or ((low, high), (low, high)), optional
        How far to go: so far to either side, or from where to where along each direction. By
        default what the path needs, else 1.
    resolution : int, default 41
        The loss is computed at resolution × resolution points.
    seed : int, default 0
        Of the random directions.
    ax : matplotlib Axes, optional
        Where to draw; a 3-D one gets a surface. By default a new figure with contours.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ImportError
        matplotlib is missing.
    TypeError, ValueError
        If an argument is wrong.

    Examples
    --------
    >>> import fastmlp as fm
    >>> X, t = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> model, path = fm.MLP([1, 1], seed=0), fm.plot.WeightPath()
    >>> _ = model.fit(X, t, optimizer=fm.SGD(0.1), epochs=30, batch_size=None, callbacks=[path])
    >>> ax = fm.plot.loss_surface(model, X, t, path, resolution=11)
    >>> ax.get_xlabel(), ax.get_ylabel()
    ('W1', 'b1')
    """
    require_matplotlib()
    found = landscape(
        model,
        X,
        t,
        path,
        directions=directions,
        loss=loss,
        l2=l2,
        l1=l1,
        span=span,
        resolution=resolution,
        seed=seed,
    )
    ax = axes(ax, (6.4, 5.2))
    _draw_surface(ax, found)
    if len(found.path):
        _draw_path(ax, found)
    return ax


def descent(
    model: Model,
    X: Any,
    t: Any,
    path: WeightPath | Sequence[Sequence[Any]],
    *,
    frames: int = 60,
    interval: int = 80,
    ax: Axes | None = None,
    **options: Any,
) -> FuncAnimation:
    """Animate the path of the weights over the loss surface.

    Parameters
    ----------
    model, X, t, path
        As for `loss_surface`.
    frames : int, default 60
        How many pictures at most; a longer path is shown in larger steps.
    interval : int, default 80
        Milliseconds from one to the next.
    ax : matplotlib Axes, optional
        Where to draw; a new figure by default.
    **options
        The other arguments of `loss_surface`.

    Returns
    -------
    matplotlib.animation.FuncAnimation
        ``.save("descent.gif", writer="pillow")`` writes a file, ``.to_jshtml()`` returns HTML with
        buttons, for notebooks and pages, which needs no network. Keep a reference until then, as
        matplotlib asks.

    Raises
    ------
    ImportError
        matplotlib is missing.
    TypeError, ValueError
        If an argument is wrong.

    Examples
    --------
    >>> import fastmlp as fm
    >>> X, t = [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0]
    >>> model, path = fm.MLP([1, 1], seed=0), fm.plot.WeightPath()
    >>> _ = model.fit(X, t, optimizer=fm.SGD(0.1), epochs=10, batch_size=None, callbacks=[path])
    >>> animation = fm.plot.descent(model, X, t, path, resolution=11)
    >>> html = animation.to_jshtml()
    """
    require_matplotlib()
    from fastmlp.plot.player import Player

    frames = _checks.integer(frames, "frames", at_least=2)
    interval = _checks.integer(interval, "interval", at_least=1)
    found = landscape(model, X, t, path, **options)
    if len(found.path) < 2:
        raise ValueError(f"path: expected at least two points, got {len(found.path)}")
    ax = axes(ax, (6.4, 5.2))
    _draw_surface(ax, found)
    line, head = _draw_path(ax, found)
    points = _as_drawn(ax, found)
    stops = np.unique(np.linspace(0, len(points) - 1, frames).round().astype(int)).tolist()

    def show(stop: int) -> tuple[Any, ...]:
        for artist, first in ((line, 0), (head, stop)):
            part = points[first : stop + 1].T
            artist.set_data(*part[:2])
            if len(part) == 3:
                artist.set_3d_properties(part[2])
        write_title(ax, f"epoch {stop}: loss {found.path_loss[stop]:.4g}")
        return line, head

    figure = ax.get_figure(root=True)
    assert figure is not None  # axes are in one
    return Player(
        figure, show, frames=stops, interval=interval, init_func=lambda: show(0), blit=False
    )


# --- drawing it ------------------------------------------------------------------------------


def _draw_surface(ax: Any, found: Landscape) -> None:
    from matplotlib.colors import LogNorm, Normalize

    values = np.where(np.isfinite(found.loss), found.loss, np.nan)
    low, high = np.nanmin(values), np.nanmax(values)
    steep = 0 < low < high / 20
    ax.set_xlabel(found.labels[0])
    ax.set_ylabel(found.labels[1])
    if ax.name == "3d":
        across, up = np.meshgrid(found.across, found.up)
        ax.plot_surface(
            across, up, values, cmap="viridis", rcount=60, ccount=60, alpha=0.85, linewidth=0
        )
        ax.set_zlabel("loss J")
        return
    levels = np.geomspace(low, high, 25) if steep else np.linspace(low, high, 25)
    if not low < high:  # a plain
        levels = np.array([low, low + 1.0])
    norm = LogNorm(levels[0], levels[-1]) if steep else Normalize(levels[0], levels[-1])
    filled = ax.contourf(found.across, found.up, values, levels, cmap="viridis", norm=norm)
    ax.contour(found.across, found.up, values, levels, colors="white", linewidths=0.3, alpha=0.5)
    bar = ax.figure.colorbar(filled, ax=ax, label="loss J", pad=0.02)
    bar.outline.set_visible(False)
    marks = levels[::6]
    bar.set_ticks(marks, labels=[f"{mark:.3g}" for mark in marks])
    bar.ax.minorticks_off()
    ax.locator_params(axis="x", nbins=5)  # numbers of large letters would touch
    clear(ax, grid=False)


def _as_drawn(ax: Any, found: Landscape) -> Array:
    """Return the path's points as the axes want them: in 3-D with their loss."""
    if ax.name != "3d":
        return found.path
    lift = 0.01 * float(np.nanmax(found.loss) - np.nanmin(found.loss))
    return np.column_stack([found.path, found.path_loss + lift])


def _draw_path(ax: Any, found: Landscape) -> tuple[Any, Any]:
    """Draw the path and return its line and the mark at its head."""
    points = _as_drawn(ax, found).T
    size = 3.5 if points.shape[1] <= 60 else 0
    (line,) = ax.plot(*points, "-o", color="white", linewidth=1.8, markersize=size, zorder=5)
    ax.plot(*points[:, :1], "o", color="white", markeredgecolor=INK, markersize=8, zorder=6)
    (head,) = ax.plot(
        *points[:, -1:], "*", color=COLORS[1], markeredgecolor="white", markersize=16, zorder=7
    )
    if ax.name != "3d":
        ax.annotate(
            "start",
            tuple(points[:, 0]),
            xytext=(8, 6),
            textcoords="offset points",
            color="white",
            zorder=6,
        )
    return line, head
