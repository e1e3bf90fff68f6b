"""Copies of all columns side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from fastmlp import graph as g
from fastmlp._checks import columns, integer
from fastmlp.layers.base import Layer, only_input
from fastmlp.layers.settings import Setting


class Tile(Layer):
    """All columns side by side as often as asked for: (b, n) → (b, copies·n), as `numpy.tile`.

    Each copy is a group of columns for the layers after it, see ``groups`` of `Dense`: so one
    network of k groups is an ensemble of k networks that share weights. TabM (Gorishniy et al.
    2025) is a `Tile`, a `Scale` whose factors make the copies differ, dense layers of shared
    weights and an output of its own for each copy.

    Parameters
    ----------
    copies
        How many there are of each column, at least 1.
    name
        What summaries and files call it; tile_1, tile_2, … by default.
    trainable
        As of every layer; it has no parameters.

    Raises
    ------
    ValueError, TypeError
        If `copies` is no whole number of at least 1.

    References
    ----------
    Gorishniy, Kotelnikov, Babenko (2025), TabM: Advancing Tabular Deep Learning with
    Parameter-Efficient Ensembling, ICLR.

    Examples
    --------
    Four members of TabM-mini in one network:

    >>> import fastmlp as fm
    >>> model = fm.Sequential(
    ...     [
    ...         fm.Tile(4),
    ...         fm.Scale("normal"),
    ...         fm.Dense(8, "relu", groups=4, shared=True),
    ...         fm.Dense(1, groups=4),
    ...     ],
    ...     input_columns=3,
    ...     seed=0,
    ... )
    >>> model.predict([[1.0, 2.0, 3.0]]).shape
    (1, 4)
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "copies": Setting(
            lambda value: integer(value, "copies", at_least=1, at_most=None),
            "the next layer depends on it, make a new model",
        )
    }

    def __init__(self, copies: int, *, name: str | None = None, trainable: bool = True) -> None:
        super().__init__(name=name, trainable=trainable)
        self.copies = copies

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the columns of all copies."""
        return columns(self.copies * only_input(self, input_columns), f"the columns of {self!r}")

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the copies side by side."""
        return nodes[0] if self.copies == 1 else g.concatenate([nodes[0]] * self.copies)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"copies": self.copies}

    def _arguments(self) -> list[str]:
        return [str(self.copies)]
