"""The activation with a slope that is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from fastmlp import graph as g
from fastmlp._checks import flag
from fastmlp.initializers import Initializer
from fastmlp.layers.base import Layer, ParameterSpec, only_input
from fastmlp.layers.settings import Setting, initializer_setting
from fastmlp.layers.views import array_of


class PReLU(Layer):
    """h = x for x > 0, else a·x, where the slopes a are learned: a ReLU with a parameter.

    The slopes are no weights: no penalty, and no decay of weights alone, draws them to 0, where
    this would be relu. A layer before it does not know of it: its ``weights_initializer`` should be
    He's. He, Zhang, Ren & Sun 2015, Delving deep into rectifiers.

    Parameters
    ----------
    shared
        Whether all columns have one slope; by default each has its own. PyTorch's ``PReLU()`` has
        one, its ``PReLU(n)`` and that of Keras one for each column.
    slopes_initializer
        What a is drawn from, see `initializers.get`: 0.25 as in the paper and PyTorch; Keras begins
        at 0.
    name
        What summaries call it; prelu_1, prelu_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Raises
    ------
    ValueError, TypeError
        If `shared` is no bool or the initializer is unknown.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.Sequential([fm.Input(4), fm.Dense(3), fm.PReLU(), fm.Dense(1)], seed=0)
    >>> model.layers[1].slopes.tolist()
    [0.25, 0.25, 0.25]
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "shared": Setting(
            lambda value: flag(value, "shared"),
            "the shape of its slopes depends on it, make a new model",
        ),
        "slopes_initializer": initializer_setting(
            "slopes_initializer", "its slopes have been drawn, assign them"
        ),
    }

    slopes = array_of("slopes", "a, (columns,), or (1,) if shared")

    def __init__(
        self,
        *,
        shared: bool = False,
        slopes_initializer: str | Initializer | float = 0.25,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.shared = shared
        self.slopes_initializer: Initializer = slopes_initializer  # type: ignore[assignment]

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return only_input(self, input_columns)

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return that of a, (1, columns), or (1, 1) if shared."""
        shape = (1, 1 if self.shared else only_input(self, input_columns))
        return (ParameterSpec("slopes", "a", shape, self.slopes_initializer, role="scale"),)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return max(0, x) + a·min(0, x)."""
        return g.prelu(nodes[0], parameters[0])

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {"shared": self.shared, "slopes_initializer": self.slopes_initializer.config()}

    def _arguments(self) -> list[str]:
        return ["shared=True"] if self.shared else []
