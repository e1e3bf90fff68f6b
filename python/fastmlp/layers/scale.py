"""A factor for each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from fastmlp import graph as g
from fastmlp.initializers import Initializer
from fastmlp.layers.base import Layer, ParameterSpec, only_input
from fastmlp.layers.settings import Setting, initializer_setting
from fastmlp.layers.views import array_of


class Scale(Layer):
    """A factor for each column, which is learned: h = γ·x.

    As first layer it learns which columns matter, as the scaling layer of RealMLP does: Holzmüller,
    Grinsztajn, Steinwart, "Better by default" (NeurIPS 2024).

    Parameters
    ----------
    initializer
        What γ is drawn from, see `initializers.get`; 1 by default.
    name
        What summaries and files call it; scale_1, scale_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.Sequential([fm.Scale(), fm.Dense(1)], input_columns=3, seed=0)
    >>> model.layers[0].scale
    array([1., 1., 1.], dtype=float32)
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "initializer": initializer_setting(
            "initializer", "its factors have been drawn, assign them"
        )
    }

    scale = array_of("scale", "γ, (columns,)")

    def __init__(
        self,
        initializer: str | Initializer | float = 1.0,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.initializer: Initializer = initializer  # type: ignore[assignment]

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return only_input(self, input_columns)

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return that of γ, (1, columns)."""
        shape = (1, only_input(self, input_columns))
        return (ParameterSpec("scale", "γ", shape, self.initializer, role="scale"),)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return γ·x."""
        return nodes[0] * parameters[0]

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"initializer": self.initializer.config()}
