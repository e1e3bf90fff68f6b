"""What a model's predictions rest on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.plot.canvas import COLORS, axes, clear, faint_of, ink_of, picture, write_title
from fastmlp.plot.given import has, listed, numbers
from fastmlp.plot.names import shorts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[Any]

# The most letters of a column's name.
_LETTERS = 32


@picture
def importance(
    model_or_values: Any | Mapping[str, float] | ArrayLike,
    names: Sequence[str] | None = None,
    *,
    count: int = 20,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw how much each column matters, the most important on top.

    Parameters
    ----------
    model_or_values : estimator, mapping of str to float or array-like
        A fitted estimator with ``feature_importances_``, importances by name, or importances in
        the order of `names`: (columns,), or (columns, repeats), whose spread is drawn as a line.
    names : sequence of str, optional
        The columns' names; by default those of the estimator, the labels of the rows of a pandas
        Series or DataFrame, or x0, x1, ….
    count : int, default 20
        The most columns to draw; the title says of how many.
    label : str, optional
        What the numbers are, for the axis.
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
        There are no importances, they are not finite, or not as many as names.

    Examples
    --------
    >>> import fastmlp as fm
    >>> ax = fm.plot.importance({"rooms": 0.4, "age": 0.1, "tax": 0.0})
    >>> [text.get_text() for text in ax.get_yticklabels()]
    ['rooms', 'age', 'tax']
    """
    count = _checks.integer(count, "count", at_least=1)
    values, names = _named(model_or_values, names)
    means, spread = (values, None) if values.ndim == 1 else (values.mean(1), values.std(1))
    shown = np.argsort(-means, kind="stable")[:count]

    ax = axes(ax, (6.4, 1.1 + 0.3 * len(shown)))
    at = np.arange(len(shown))
    tint = [COLORS[0] if value > 0 else COLORS[7] for value in means[shown]]
    ax.barh(at, means[shown], height=0.66, color=tint, zorder=2)
    if spread is not None:
        ax.errorbar(
            means[shown],
            at,
            xerr=spread[shown],
            fmt="none",
            ecolor=ink_of(ax),
            elinewidth=1.2,
            zorder=3,
        )
    ax.set_yticks(at, shorts([names[i] for i in shown], _LETTERS))
    ax.set_ylim(len(shown) - 0.4, -0.6)
    ax.axvline(0, color=ink_of(ax), linewidth=0.8, zorder=4)
    ax.set_xlabel("importance" if label is None else label)
    some = f"the {len(shown)} columns of {len(means)} that matter most"
    title = some if len(shown) < len(means) else "what the predictions rest on"
    write_title(ax, title)
    clear(ax, grid=False)
    ax.grid(axis="x", linewidth=0.6, color=faint_of(ax))
    ax.set_axisbelow(True)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def _named(given: Any, names: Sequence[str] | None) -> tuple[Array, list[str]]:
    """Return importances, checked, and the names of their columns."""
    if isinstance(given, Mapping):
        if names is not None:
            raise ValueError("names are for importances in an array; those of a mapping are keys")
        names, given = list(given), list(given.values())
    elif hasattr(given, "fit"):
        if names is None:
            names = getattr(given, "feature_names_in_", None)
        kind = "importances or an estimator that has them, as TabularClassifier"
        given = has(given, "feature_importances_", "model_or_values", kind).feature_importances_
    elif names is None and hasattr(given, "iloc"):  # of pandas
        labels = list(given.index)
        names = None if labels == list(range(len(labels))) else labels
    values = numbers(given, "model_or_values")
    if values.ndim not in (1, 2) or not values.size or not np.isfinite(values).all():
        raise ValueError(
            "importances must be finite numbers of shape (columns,) or (columns, repeats), got "
            f"{'the shape ' + str(values.shape) if np.isfinite(values).all() else 'others'}"
        )
    found = (
        [f"x{i}" for i in range(len(values))]
        if names is None
        else [str(n) for n in listed(names, "names")]
    )
    if len(found) != len(values):
        raise ValueError(f"there are {len(values)} importances and {len(found)} names")
    return values, found
