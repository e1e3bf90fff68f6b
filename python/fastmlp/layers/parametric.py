"""Activations of which a share is learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from fastmlp import activations
from fastmlp import graph as g
from fastmlp.initializers import Initializer
from fastmlp.layers.activation import saved_name
from fastmlp.layers.base import Layer, ParameterSpec, only_input
from fastmlp.layers.settings import Setting, initializer_setting
from fastmlp.layers.views import array_of


class ParametricActivation(Layer):
    """h = x + a·(φ(x) − x), where the share a of each column is learned.

    At a = 1 it is φ, at a = 0 it is linear, and it may leave both: a column decides how bent it is.
    The activation of RealMLP: Holzmüller, Grinsztajn, Steinwart, "Better by default" (NeurIPS
    2024).

    Parameters
    ----------
    activation
        φ: a name, an `Activation`, or a function of a node; of elements, not of rows as softmax.
    share_initializer
        What a is drawn from, see `initializers.get`; 1 by default.
    name
        What summaries call it; parametricactivation_1, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Raises
    ------
    ValueError, TypeError
        If the activation or the initializer is unknown.

    Examples
    --------
    >>> import fastmlp as fm
    >>> layers = [fm.Dense(3), fm.ParametricActivation("selu"), fm.Dense(1)]
    >>> model = fm.Sequential(layers, input_columns=4, seed=0)
    >>> model.layers[1].share.tolist()
    [1.0, 1.0, 1.0]
    """

    activation: activations.Activation
    SETTINGS: ClassVar[dict[str, Setting]] = {
        "activation": Setting(activations.get),
        "share_initializer": initializer_setting(
            "share_initializer", "its shares have been drawn, assign them"
        ),
    }

    share = array_of("share", "a, (columns,)")

    def __init__(
        self,
        activation: str | activations.Activation | Callable[[g.Node], g.Node],
        *,
        share_initializer: str | Initializer | float = 1.0,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.activation = activation  # type: ignore[assignment]
        self.share_initializer: Initializer = share_initializer  # type: ignore[assignment]

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return only_input(self, input_columns)

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return that of a, (1, columns)."""
        shape = (1, only_input(self, input_columns))
        return (ParameterSpec("share", "a", shape, self.share_initializer, role="scale"),)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return x + a·(φ(x) − x)."""
        (x,), (a,) = nodes, parameters
        return x + a * (self.activation(x) - x)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {
            "activation": saved_name(self.activation),
            "share_initializer": self.share_initializer.config(),
        }

    def _arguments(self) -> list[str]:
        return [repr(self.activation.name)]
