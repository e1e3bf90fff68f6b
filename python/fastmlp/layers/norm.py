"""Normalization: of each example by its own columns, or of each column by the batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from fastmlp import graph as g
from fastmlp import initializers
from fastmlp._checks import flag, real
from fastmlp.graph.roles import STATISTIC
from fastmlp.layers.base import Layer, ParameterSpec, only_input
from fastmlp.layers.settings import Setting
from fastmlp.layers.views import array_of

# The least ε, a normal number of float32: a column that never changes is divided by its root.
_LEAST = 2.0**-126
_SHAPE = "the parameters depend on it, make a new model"


def _no_columns(value: Any, name: str, at_least: float) -> float:
    """Return a number of at most 1; of others say that no number of columns is asked for."""
    try:
        return real(value, name, at_least=at_least, at_most=1)
    except (TypeError, ValueError) as error:
        if isinstance(value, int | tuple | list) and not isinstance(value, bool):
            advice = "a layer finds out how many columns it is called with: leave their number out"
            raise type(error)(f"{error}; {advice}") from None
        raise


class Normalization(Layer):
    """What the layers of this file have in common: ε, and a scale and an offset for each column."""

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "epsilon": Setting(lambda value: _no_columns(value, "epsilon", _LEAST)),
        "use_scale": Setting(lambda value: flag(value, "use_scale"), _SHAPE),
        "use_offset": Setting(lambda value: flag(value, "use_offset"), _SHAPE),
    }

    scale = array_of("scale", "γ, (columns,)")
    offset = array_of("offset", "β, (columns,)")

    def __init__(
        self,
        epsilon: float = 1e-5,
        *,
        use_scale: bool = True,
        use_offset: bool = True,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.epsilon = epsilon
        self.use_scale = use_scale
        self.use_offset = use_offset

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the input's number of columns."""
        return only_input(self, input_columns)

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return those of the scale and the offset, (1, columns), as far as they are used."""
        shape = (1, only_input(self, input_columns))
        one, zero = initializers.get(1.0), initializers.get("zeros")
        scale = ParameterSpec("scale", "γ", shape, one, role="scale")
        offset = ParameterSpec("offset", "β", shape, zero, role="bias")
        return (*[scale][: self.use_scale], *[offset][: self.use_offset])

    def affine(self, h: g.Node, parameters: Sequence[g.Node]) -> g.Node:
        """Return γ·h + β with those of the two that are used, the first of the parameters."""
        own = iter(parameters)
        if self.use_scale:
            h = h * next(own)
        return h + next(own) if self.use_offset else h

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""
        return {name: getattr(self, name) for name in self.SETTINGS}

    def _arguments(self) -> list[str]:
        said = [] if self.epsilon == 1e-5 else [f"epsilon={self.epsilon:g}"]
        said += [f"{name}=False" for name in ("use_scale", "use_offset") if not getattr(self, name)]
        return said


class LayerNorm(Normalization):
    """Layer normalization: each example less the mean of its columns, by their deviation.

    h = γ·(x − mean x)/√(variance x + ε) + β, the variance divided by the number of columns, as in
    training so in predict. Ba, Kiros, Hinton, "Layer normalization" (2016).

    Parameters
    ----------
    epsilon
        ε in (0, 1], by default that of PyTorch; Keras has 1e-3.
    use_scale, use_offset
        Whether there is a γ, which begins as 1, and a β, which begins as 0.
    name
        What summaries and files call it; layernorm_1, layernorm_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Examples
    --------
    >>> import fastmlp as fm
    >>> layers = [fm.Dense(64), fm.LayerNorm(), fm.Activation("relu"), fm.Dense(1)]
    >>> fm.Sequential(layers, input_columns=4, seed=0).layers[1].scale.shape
    (64,)
    """

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return γ·h + β."""
        return self.affine(g.normalize(nodes[0], 1, self.epsilon), parameters)


class RMSNorm(Normalization):
    """Normalization by the root of the mean square: h = γ·x/√(mean x² + ε), of each example.

    Zhang, Sennrich, "Root mean square layer normalization" (2019).

    Parameters
    ----------
    epsilon
        ε in (0, 1], by default 2⁻²³, what float32 can tell from 1: as `torch.nn.RMSNorm`, which
        takes 2⁻⁵² for float64; Keras has 1e-6.
    use_scale, use_offset
        Whether there is a γ, which begins as 1, and a β, which begins as 0; the original has no β.
    name
        What summaries and files call it; rmsnorm_1, rmsnorm_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.Sequential([fm.RMSNorm(use_scale=False)], input_columns=2)
    >>> model.predict([[3.0, 4.0]]).round(2)
    array([[0.85, 1.13]], dtype=float32)
    """

    def __init__(
        self,
        epsilon: float = 2.0**-23,
        *,
        use_scale: bool = True,
        use_offset: bool = True,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            epsilon, use_scale=use_scale, use_offset=use_offset, name=name, trainable=trainable
        )

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return γ·h + β."""
        return self.affine(g.normalize(nodes[0], 1, self.epsilon, centered=False), parameters)


class BatchNorm(Normalization):
    """Batch normalization: each column less its mean, by its deviation.

    h = γ·(x − mean)/√(variance + ε) + β. In training mean and variance are those of the batch,
    rows of weight 0 included and all counted alike; a step also moves the running statistics,

        running_mean ← (1 − momentum)·running_mean + momentum·mean,

    and running_var likewise, with the variance divided by n − 1 for n rows, as PyTorch does it.
    Everywhere else (predict, evaluate, validation, and where the layer is frozen) the running
    statistics are used. A batch of one row, which PyTorch refuses, has no variance: it puts out β,
    sends no signal back, and leaves the running statistics as they are. Ioffe, Szegedy, "Batch
    normalization" (2015).

    Parameters
    ----------
    momentum
        Weight of the new batch in [0, 1], as in PyTorch; in Keras momentum is what the old keeps,
        its 0.99 is 0.01 here.
    epsilon
        ε in (0, 1], by default that of PyTorch; Keras has 1e-3.
    use_scale, use_offset
        Whether there is a γ, which begins as 1, and a β, which begins as 0.
    name
        What summaries and files call it; batchnorm_1, batchnorm_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`; its statistics too.

    Examples
    --------
    >>> import fastmlp as fm
    >>> layers = [fm.Dense(8), fm.BatchNorm(), fm.Activation("relu"), fm.Dense(1)]
    >>> model = fm.Sequential(layers, input_columns=2, seed=0)
    >>> X, t = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 2.0, 3.0]
    >>> history = model.fit(X, t, epochs=5)
    >>> bool((model.layers[1].running_mean != 0).any())
    True
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "momentum": Setting(lambda value: _no_columns(value, "momentum", 0)),
        **Normalization.SETTINGS,
    }

    running_mean = array_of("running_mean", "The mean used in predict, (columns,)")
    running_var = array_of("running_var", "The variance used in predict, (columns,)")

    def __init__(
        self,
        momentum: float = 0.1,
        epsilon: float = 1e-5,
        *,
        use_scale: bool = True,
        use_offset: bool = True,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            epsilon, use_scale=use_scale, use_offset=use_offset, name=name, trainable=trainable
        )
        self.momentum = momentum

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return those of scale and offset, as far as they are used, and of the statistics."""
        shape = (1, only_input(self, input_columns))
        zero, one = initializers.get("zeros"), initializers.get(1.0)
        mean = ParameterSpec("running_mean", "μ", shape, zero, role=STATISTIC)
        variance = ParameterSpec("running_var", "v", shape, one, role=STATISTIC)
        return (*super().parameter_specs(input_columns), mean, variance)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return γ·h + β, with the statistics of the batch in training unless it is frozen."""
        (x,) = nodes
        if training and self.trainable:
            return self.affine(g.normalize(x, 0, self.epsilon), parameters)
        mean, variance = parameters[-2:]
        return self.affine(g.standardize(x, mean, variance, self.epsilon), parameters)

    def statistics(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node]
    ) -> Mapping[g.Node, g.Node]:
        """Return the running statistics moved towards those of the batch."""
        (x,), (mean, variance) = nodes, parameters[-2:]
        n = g.sum(g.spread(1.0, (x.shape[0], 1)))
        several = g.ratio(n - 1.0, n - 1.0)  # 1, of a batch of one row 0
        unbiased = g.ratio(n * g.variance(x, axis=0), n - 1.0)
        return {
            mean: mean + self.momentum * several * (g.mean(x, axis=0) - mean),
            variance: variance + self.momentum * (unbiased - several * variance),
        }

    def _arguments(self) -> list[str]:
        said = [] if self.momentum == 0.1 else [f"momentum={self.momentum:g}"]
        return said + super()._arguments()
