"""What stands beside axes, and beside the inputs and outputs of a drawn network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fastmlp.plot import given
from fastmlp.plot.canvas import ink_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The most letters of a name along an axis.
LETTERS_OF_AN_AXIS = 40
_BELOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def short(name: Any, letters: int = 24) -> str:
    """Return a name as a text of at most so many letters."""
    text = str(name)
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def shorts(names: Sequence[Any], letters: int = 24) -> list[str]:
    """Return names as texts of at most so many letters, different ones as different texts.

    Their ends are left out, or their middles where two would be alike otherwise.
    """
    texts = [str(name) for name in names]
    cut = [short(text, letters) for text in texts]
    meant: dict[str, set[str]] = {}
    for text, shown in zip(texts, cut, strict=True):
        meant.setdefault(shown, set()).add(text)
    front = letters // 2
    return [
        shown if len(meant[shown]) == 1 else f"{text[:front]}…{text[len(text) - front + 1 :]}"
        for text, shown in zip(texts, cut, strict=True)
    ]


class Column(Protocol):
    """Units drawn above each other."""

    @property
    def name(self) -> str:
        """What the layer is called."""

    @property
    def positions(self) -> Mapping[int, tuple[float, float]]:
        """Where each unit is that is drawn."""


def check_names(names: Sequence[str] | None, units: Sequence[Any], what: str) -> list[str] | None:
    """Return a list of as many names as units, or None; raise for anything else."""
    if names is None:
        return None
    found = given.listed(names, what)
    if len(found) != len(units):
        raise ValueError(f"{what}: expected {len(units)} names, got {len(found)}")
    return found


def numbered(units: Sequence[tuple[Column, int]]) -> list[str]:
    """Return x₁, x₂, …; of several inputs, each has its own name and numbers."""
    several = len({column.name for column, _ in units}) > 1
    return [
        f"{column.name if several else 'x'}{str(unit + 1).translate(_BELOW)}"
        for column, unit in units
    ]


def write_names(
    ax: Axes, units: Sequence[tuple[Column, int]], names: Sequence[str], side: str
) -> None:
    """Write names beside the units that are drawn, on this side of the text."""
    for (column, unit), name in zip(units, shorts(names), strict=True):
        if unit in column.positions:
            x, y = column.positions[unit]
            beside = x + (0.5 if side == "left" else -0.5)
            ax.text(beside, y, name, ha=side, va="center", size=10, color=ink_of(ax))
