"""A number to multiply by and a number to add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from fastmlp import _checks
from fastmlp import graph as g
from fastmlp.layers.base import Layer, only_input
from fastmlp.layers.settings import Setting


class Rescaling(Layer):
    """h = scale·x + offset, by two numbers that stay as they are.

    For values in other units, as pixels from 0 to 255 are. Keras has it under this name. Factors
    that are learned, one for each column: `Scale`.

    Parameters
    ----------
    scale
        What x is multiplied by.
    offset
        What is added then.
    name
        What summaries and files call it; rescaling_1, rescaling_2, … by default.
    trainable
        As of every layer; it has no parameters.

    Raises
    ------
    ValueError, TypeError
        If `scale` or `offset` is not a finite number.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.Sequential([fm.layers.Rescaling(2, -1)], input_columns=2, seed=0)
    >>> model.predict([[0.0, 0.5]])
    array([[-1.,  0.]], dtype=float32)
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "scale": Setting(lambda value: _checks.real(value, "scale")),
        "offset": Setting(lambda value: _checks.real(value, "offset")),
    }

    def __init__(
        self,
        scale: float = 1.0,
        offset: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.scale = scale
        self.offset = offset

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return only_input(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return scale·x + offset."""
        return self.scale * nodes[0] + self.offset

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"scale": self.scale, "offset": self.offset}

    def _arguments(self) -> list[str]:
        return [f"{self.scale:g}", *([f"offset={self.offset:g}"] if self.offset else [])]
