"""Noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from fastmlp import graph as g
from fastmlp import schedules
from fastmlp.layers.base import Layer, only_input
from fastmlp.layers.settings import Setting, scheduled_setting

if TYPE_CHECKING:
    from fastmlp.schedules import Schedule


class GaussianNoise(Layer):
    """In training, add normal numbers of mean 0 to each element; elsewhere do nothing.

    Each place in a network draws numbers of its own. Bishop, "Training with noise is equivalent to
    Tikhonov regularization" (1995).

    Parameters
    ----------
    std
        Their standard deviation, at least 0, in the unit of the inputs; or a schedule of it (see
        `fastmlp.schedules`).
    name
        What summaries call it; gaussiannoise_1, gaussiannoise_2, … by default.
    trainable
        As of every layer; it has no parameters, and adds its noise all the same.

    Examples
    --------
    >>> from fastmlp.layers import GaussianNoise, Input
    >>> GaussianNoise(0.1)(Input(256)).columns
    256
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {"std": scheduled_setting("std", at_least=0.0)}

    def __init__(
        self, std: float | Schedule, *, name: str | None = None, trainable: bool = True
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.std = std

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return only_input(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the input, with noise in training."""
        if not training:
            return nodes[0]
        std = schedules.in_graph(self.std, "std of noise", at_least=0.0)
        return g.gaussian_noise(nodes[0], std, key)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"std": schedules.config(self.std)}

    def _arguments(self) -> list[str]:
        return [repr(self.std) if callable(self.std) else f"{self.std:g}"]
