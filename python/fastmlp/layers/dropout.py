"""Dropout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from fastmlp import graph as g
from fastmlp import schedules
from fastmlp.layers.base import Layer, only_input
from fastmlp.layers.settings import Setting, scheduled_setting

if TYPE_CHECKING:
    from fastmlp.schedules import Schedule


_BOUNDS = {"at_least": 0.0, "below": 1.0}


class Dropout(Layer):
    """In training, set each element to 0 with probability `rate` and divide the others by 1 − rate.

    Elsewhere (predict, evaluate, validation) it does nothing. Each place in a network draws numbers
    of its own. Srivastava et al. 2014.

    Parameters
    ----------
    rate
        Probability of a zero, in [0, 1), or a schedule of it (see `fastmlp.schedules`).
    name
        What summaries call it; dropout_1, dropout_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Examples
    --------
    >>> from fastmlp.layers import Dropout, Input
    >>> Dropout(0.2)(Input(256)).columns
    256
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {"rate": scheduled_setting("rate", **_BOUNDS)}

    def __init__(
        self, rate: float | Schedule, *, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.rate = rate

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return only_input(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the input, with zeros in training."""
        if not training:
            return nodes[0]
        return g.dropout(nodes[0], schedules.in_graph(self.rate, "rate of dropout", **_BOUNDS), key)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"rate": schedules.config(self.rate)}

    def _arguments(self) -> list[str]:
        return [repr(self.rate) if callable(self.rate) else f"{self.rate:g}"]
