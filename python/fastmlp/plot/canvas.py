"""What all pictures share: colours, axes, and the error for a missing matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp import _checks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

# Okabe and Ito's colours, which people with any kind of colour vision can tell apart, reordered:
# blue and vermilion first. Grey closes the list where their black would hide the points' edges.
COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#7F7F7F",
)  # fmt: skip
INK = "#333333"
FAINT = "#D9D9D9"
# The same on a dark ground.
_INK_ON_DARK = "#CCCCCC"
_FAINT_ON_DARK = "#4D4D4D"

# Lets a function that draws say what to write for what people bring from pictures elsewhere.
picture = _checks.taught(
    {
        **dict.fromkeys(("figsize", "size"), "write ax=plt.subplots(figsize=...)[1]"),
        **dict.fromkeys(("title", "xlabel", "ylabel"), "write ax.set_title and its like after it"),
        **dict.fromkeys(("fig", "figure", "axis"), "write ax="),
        "show": "leave it out: plt.show() shows what was drawn",
        **dict.fromkeys(("path", "filename", "savefig"), "write ax.figure.savefig(path) after it"),
        **dict.fromkeys(
            ("cmap", "color", "colors", "alpha"), "change what is in the axes after it"
        ),
    }
)


def require_matplotlib() -> None:
    """Raise an ImportError that says what to install, unless matplotlib is there."""
    try:
        import matplotlib as _  # noqa: F401
    except ImportError:
        raise ImportError('pictures need matplotlib: pip install "fastmlp[plot]"') from None


def axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """Return the axes given, or those of a new figure of this size in inches."""
    require_matplotlib()
    if ax is not None:
        return checked(ax, "ax")
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def checked(ax: Any, name: str) -> Axes:
    """Return axes; TypeError for a figure, several axes and whatever else is none."""
    from matplotlib.axes import Axes

    if not isinstance(ax, Axes):
        kind = type(ax).__name__
        raise TypeError(
            f"{name} must be one matplotlib Axes, as of figure.gca() or plt.subplots()[1], got "
            f"{kind}"
        )
    return ax


def ink_of(ax: Axes) -> str:
    """Return the colour of what is written on the ground of the axes."""
    return _INK_ON_DARK if _is_dark(ax) else INK


def faint_of(ax: Axes) -> str:
    """Return the colour of lines that carry no data."""
    return _FAINT_ON_DARK if _is_dark(ax) else FAINT


def _is_dark(ax: Axes) -> bool:
    """Tell by the colour of labels, which a style such as matplotlib's "dark_background" chooses.

    The ground itself may be transparent, and show that of a page.
    """
    from matplotlib.colors import to_rgb

    return sum(to_rgb(ax.xaxis.label.get_color())) > 1.5


def write_title(ax: Axes, title: str) -> None:
    """Write the title above the left end of the axes."""
    ax.set_title(title, loc="left", color=ink_of(ax))


def clear(ax: Axes, *, grid: bool = True) -> None:
    """Take away the lines that carry no data."""
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(faint_of(ax))
    ax.tick_params(color=faint_of(ax), labelcolor=ink_of(ax))
    ax.grid(visible=False)  # also one that matplotlib's settings ask for
    if grid:
        ax.grid(axis="y", color=faint_of(ax), linewidth=0.6)
        ax.set_axisbelow(True)


def beside(ax: Axes, *more: Line2D) -> None:
    """Put the legend at the right of the axes, where it hides nothing, with more than is drawn."""
    shown = [*ax.get_legend_handles_labels()[0], *more]
    ax.legend(
        handles=shown,
        frameon=False,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        borderaxespad=0.0,
    )
