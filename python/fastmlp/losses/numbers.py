"""Losses of numbers: how far y is from t.

But for `SquaredError` they are means over the columns, as those of Keras and PyTorch are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp import graph as g
from fastmlp._checks import listed, real
from fastmlp.losses.base import Configured, mean_columns, require_same_columns, sum_columns

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, repr=False)
class SquaredError(
    Configured,
    name="squared_error",
    formula="½ Σₖ (yₖ − tₖ)²",
    target="real",
):
    """L = ½ Σₖ (yₖ − tₖ)², the negative log-likelihood of normal errors but for a constant.

    The gradient by y is y − t. Keras and PyTorch call `MeanSquaredError` by this name or "mse".

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import SquaredError
    >>> g.run(SquaredError()(g.constant([[1.0, 2.0]]), g.constant([[0.0, 4.0]])), {}).item()
    2.5
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_same_columns(self.name, y, t)
        return 0.5 * sum_columns((y - t) ** 2)


@dataclass(frozen=True, repr=False)
class MeanSquaredError(
    Configured,
    name="mean_squared_error",
    formula="meanₖ (yₖ − tₖ)²",
    target="real",
):
    """L = meanₖ (yₖ − tₖ)²: "mse" in Keras, `MSELoss` in PyTorch.

    It is `SquaredError` times 2 / columns.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import MeanSquaredError
    >>> g.run(MeanSquaredError()(g.constant([[1.0, 2.0]]), g.constant([[0.0, 4.0]])), {}).item()
    2.5
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_same_columns(self.name, y, t)
        return mean_columns((y - t) ** 2)


@dataclass(frozen=True, repr=False)
class AbsoluteError(
    Configured,
    name="absolute_error",
    formula="meanₖ |yₖ − tₖ|",
    target="real",
):
    """L = meanₖ ``|yₖ − tₖ|``: "mae" in Keras, `L1Loss` in PyTorch; it fits the median.

    The derivative at yₖ = tₖ is taken as 0.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import AbsoluteError
    >>> g.run(AbsoluteError()(g.constant([[1.0, 2.0]]), g.constant([[0.0, 4.0]])), {}).item()
    1.5
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_same_columns(self.name, y, t)
        return mean_columns(g.abs(y - t))


@dataclass(frozen=True, repr=False)
class Huber(
    Configured,
    name="huber",
    formula="meanₖ ½ d² where |d| ≤ δ, else δ (|d| − ½ δ), d = yₖ − tₖ",
    target="real",
):
    """L = meanₖ of ½ d² where ``|d| ≤ δ``, else δ (``|d|`` − ½ δ), with d = yₖ − tₖ.

    Huber 1964, Robust estimation of a location parameter. As in Keras and PyTorch; its derivative
    goes through ``|d| = δ`` without a jump, the second derivative there is that of the line.

    Parameters
    ----------
    delta
        δ > 0: from which distance on the loss is a line.

    Raises
    ------
    TypeError, ValueError
        If δ is no number above 0.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import Huber
    >>> g.run(Huber(2.0)(g.constant([[1.0, 5.0]]), g.constant([[0.0, 0.0]])), {}).item()
    4.25
    """

    delta: float = 1.0

    def __post_init__(self) -> None:
        self._set(delta=real(self.delta, "delta", above=0))

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_same_columns(self.name, y, t)
        # c = d cut to −δ … δ: L = c (d − ½ c).
        d = y - t
        c = -g.maximum(-g.maximum(d, -self.delta), -self.delta)
        return mean_columns(c * (d - 0.5 * c))


@dataclass(frozen=True, repr=False)
class LogCosh(
    Configured,
    name="log_cosh",
    formula="meanₖ log cosh(yₖ − tₖ)",
    target="real",
):
    """L = meanₖ log cosh(yₖ − tₖ): ½ d² near 0, ``|d|`` − log 2 far away, smooth between.

    The derivative is tanh d / columns. As in Keras; no digit of a small error is lost.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import LogCosh
    >>> round(g.run(LogCosh()(g.constant([[1.0]]), g.constant([[0.0]])), {}).item(), 4)
    0.4338
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_same_columns(self.name, y, t)
        return mean_columns(g.log_cosh(y - t))


@dataclass(frozen=True, repr=False)
class Quantile(
    Configured,
    name="quantile",
    formula="mean of max(q e, (q − 1) e), e = t − y",
    target="real",
):
    """L = mean of max(q e, (q − 1) e) with e = t − y: the pinball loss, which fits quantiles.

    Koenker & Bassett 1978, Regression quantiles. For k quantiles of n targets a network has k · n
    output columns: first those of the first quantile, then those of the second. L is the mean over
    all of them. The derivative at y = t is taken as 0.

    Parameters
    ----------
    quantiles
        q in (0, 1), or several, all different.

    Raises
    ------
    TypeError, ValueError
        If they are no such numbers.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([1, 8, 3], seed=0)
    >>> loss = fm.losses.Quantile((0.1, 0.5, 0.9))
    >>> history = model.fit([[0.0], [1.0]], [0.0, 2.0], loss=loss, epochs=2)
    >>> model.predict([[0.5]]).shape
    (1, 3)
    """

    quantiles: Any = 0.5

    def __post_init__(self) -> None:
        given = listed(self.quantiles)
        alone = given is None
        each = tuple(
            real(q, "quantiles" if alone else f"quantiles[{i}]", above=0, below=1)
            for i, q in enumerate([self.quantiles] if given is None else given)
        )
        if not each or len(set(each)) < len(each):
            raise ValueError(
                f"quantiles must be one number or several different ones, got {self.quantiles!r}"
            )
        self._set(quantiles=each[0] if alone else each)

    @property
    def levels(self) -> tuple[float, ...]:
        """The quantiles, always as a tuple."""
        return self.quantiles if isinstance(self.quantiles, tuple) else (self.quantiles,)

    def target_columns(self, output_columns: int) -> int:
        """Return how many targets a network of `output_columns` predicts quantiles of."""
        columns, rest = divmod(output_columns, len(self.levels))
        if rest:
            raise ValueError(
                f"quantile with {len(self.levels)} quantiles needs as many output columns for "
                f"each target, not {output_columns} in all"
            )
        return columns

    def encode_targets(
        self, t: npt.ArrayLike, output_columns: int, *, name: str = "t"
    ) -> npt.NDArray[Any]:
        """Check targets, (rows, n) for k · n outputs, and return them as a matrix."""
        return super().encode_targets(t, self.target_columns(output_columns), name=name)

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        n, k = self.target_columns(y.shape[1]), len(self.levels)
        if t.shape[1] != n:
            raise ValueError(
                f"quantile with {k} quantiles compares {y.shape[1]} columns of y with {n} of t, "
                f"not with {t.shape[1]}"
            )
        e = (t if n == 1 or k == 1 else g.concatenate([t] * k)) - y
        q = g.constant([[level for level in self.levels for _ in range(n)]])
        return mean_columns(q * g.relu(e) + (1.0 - q) * g.relu(-e))


@dataclass(frozen=True, repr=False)
class CosineSimilarity(
    Configured,
    name="cosine_similarity",
    formula="1 − Σₖ yₖ tₖ / (‖y‖ ‖t‖)",
    target="real",
):
    """L = 1 − cos(y, t) = 1 − Σₖ yₖ tₖ / (‖y‖ ‖t‖): how far directions differ, 0 … 2.

    Computed as ½ ‖y/‖y‖ − t/‖t‖‖², which keeps its digits where they agree. Where ‖y‖ or ‖t‖ is 0,
    cos is 0 as in PyTorch, and the derivative is taken as if the norm were 1. Keras reports −cos.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import CosineSimilarity
    >>> g.run(CosineSimilarity()(g.constant([[0.0, 2.0]]), g.constant([[3.0, 0.0]])), {}).item()
    1.0
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_same_columns(self.name, y, t)
        if y.shape[1] == 1:
            raise ValueError(
                "cosine_similarity compares directions and needs two output columns at least; "
                "set loss='squared_error' for one number"
            )
        (unit_y, y_is), (unit_t, t_is) = _unit(y), _unit(t)
        return 0.5 * g.sum((unit_y - unit_t) ** 2, axis=1) + (1.0 - 0.5 * (y_is + t_is))


def _unit(a: g.Node) -> tuple[g.Node, g.Node]:
    """Return a/‖a‖ and [‖a‖ > 0]; rows of zeros stay."""
    square = g.sum(a**2, axis=1)
    there = g.threshold(square)
    return a / g.sqrt(square + (1.0 - there)), there


NUMBERS = (
    SquaredError(),
    MeanSquaredError(),
    AbsoluteError(),
    Huber(),
    LogCosh(),
    Quantile(),
    CosineSimilarity(),
)
