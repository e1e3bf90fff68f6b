"""Activations as layers of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from fastmlp import activations
from fastmlp import graph as g
from fastmlp.layers.base import Layer, only_input
from fastmlp.layers.settings import Setting


def saved_name(activation: activations.Activation) -> str:
    """Return the name a file knows an activation by; ValueError for a function that has none."""
    # The second may have been registered since the layer was made.
    for known in (activation, activations.get(activation.function)):
        if known.name in activations.NAMES and activations.get(known.name) == known:
            return known.name
    raise ValueError(
        f"the activation {activation.name!r} is a function of yours and cannot be saved before "
        "it is registered by fastmlp.activations.register(name, function); "
        f"those that can: {', '.join(activations.ACTIVATIONS)}"
    )


class Activation(Layer):
    """An activation as a layer of its own: h = φ(x).

    A layer before it does not know of it: give `Dense` its ``weights_initializer``, or the
    activation.

    Parameters
    ----------
    activation
        φ: a name, an `activations.Activation`, or a function of a node.
    name
        What summaries call it; activation_1, activation_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Examples
    --------
    >>> from fastmlp.layers import Activation, Input
    >>> Activation("tanh")(Input(3)).columns
    3
    """

    activation: activations.Activation
    SETTINGS: ClassVar[dict[str, Setting]] = {"activation": Setting(activations.get)}

    def __init__(
        self,
        activation: str | activations.Activation | Callable[[g.Node], g.Node],
        *,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.activation = activation  # type: ignore[assignment]

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return only_input(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return φ(x)."""
        return self.activation(nodes[0])

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"activation": saved_name(self.activation)}

    def _arguments(self) -> list[str]:
        return [repr(self.activation.name)]
