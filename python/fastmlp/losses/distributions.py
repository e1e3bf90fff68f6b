"""Losses of distributions: minus the log-likelihood of t, or the divergence from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import activations
from fastmlp import graph as g
from fastmlp._checks import choice, flag, real
from fastmlp.losses.base import Configured, mean_columns, require_same_columns
from fastmlp.losses.classes import require_softmax

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, repr=False)
class Poisson(
    Configured,
    name="poisson",
    formula="meanₖ (λₖ − tₖ log λₖ)",
    target="real",
):
    """L = meanₖ (λₖ − tₖ log λₖ): counts t ≥ 0 with mean λ, without the constant log t!.

    As Keras has it, and PyTorch's `PoissonNLLLoss(full=False)`. It is computed from log λ.

    Parameters
    ----------
    log_rate
        Whether the output y is log λ, as in PyTorch, and not λ. None: y is λ if the output is
        'exp', so that `predict` returns means, and log λ if it is 'identity'.

    Raises
    ------
    TypeError
        If `log_rate` is something else.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([1, 8, 1], output="exp", seed=0)
    >>> history = model.fit([[0.0], [1.0]], [1, 4], loss="poisson", epochs=100)
    >>> history["loss"][-1] < history["loss"][0]
    True
    """

    log_rate: bool | None = None

    def __post_init__(self) -> None:
        if self.log_rate is not None:
            flag(self.log_rate, "log_rate")

    def encode_targets(
        self, t: npt.ArrayLike, output_columns: int, *, name: str = "t"
    ) -> npt.NDArray[Any]:
        """Check targets, which must not be negative, and return them as a matrix."""
        encoded = super().encode_targets(t, output_columns, name=name)
        if (encoded < 0).any():
            raise ValueError(f"poisson needs {name} >= 0; the smallest is {encoded.min()}")
        return encoded

    def target_limits(self, output_columns: int, columns: int) -> tuple[float, float, bool] | None:
        """Return which targets are left as they are: those that are not negative."""
        return 0.0, math.inf, False

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_same_columns(self.name, y, t)
        known = y.op in activations.ACTIVATIONS
        if self.log_rate or (self.log_rate is None and not known):
            return mean_columns(g.exp(y) - t * y)
        if y.op != "exp":
            advice = "" if self.log_rate is None else ", or log_rate=True for an output of log λ"
            raise ValueError(
                f"poisson needs means above 0: an output of 'exp', not {y.op!r}; "
                f"set output='exp'{advice}"
            )
        return mean_columns(y - t * y.parents[0])


@dataclass(frozen=True, repr=False)
class KLDivergence(
    Configured,
    name="kl_divergence",
    formula="Σₖ tₖ log(tₖ / yₖ)",
    target="class",
):
    """L = Σₖ tₖ log(tₖ / yₖ): from probabilities t to a softmax output y, with 0 log 0 = 0.

    As in Keras, and PyTorch's `KLDivLoss(reduction="batchmean")`, without their clipping: it is
    computed from the arguments of the softmax. `CrossEntropy` less the entropy of t, so both have
    the same gradient; for labels they are equal.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import KLDivergence
    >>> y, t = g.softmax(g.constant([[0.0, 0.0]])), g.constant([[0.25, 0.75]])
    >>> round(g.run(KLDivergence()(y, t), {}).item(), 4)
    0.1308
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_softmax(self.name, y, t)
        z = y.parents[0]
        if t.shape[1] == 1:
            return g.softmax_cross_entropy(z, t)
        log_t = g.log(g.maximum(t, float(np.finfo(np.float32).tiny)))
        return g.sum(t * (log_t - g.log_softmax(z)), axis=1)


@dataclass(frozen=True, repr=False)
class GaussianNLL(
    Configured,
    name="gaussian_nll",
    formula="meanₖ ½ (log vₖ + (tₖ − mₖ)² / vₖ)",
    target="real",
):
    """L = meanₖ ½ (log vₖ + (tₖ − mₖ)² / vₖ): normal targets of mean m and variance v.

    Nix & Weigend 1994; PyTorch's `GaussianNLLLoss`. A network for n targets has 2n linear output
    columns: n means m, then n numbers a that say the variance, v = exp(a) + floor or
    softplus(a) + floor. `predict` returns m and a; ``loss.variance_of(a)`` returns v.

    Parameters
    ----------
    variance
        "exp" or "softplus": how a becomes a variance.
    floor
        The least variance, ≥ 0, so that a target met exactly cannot make L fall without end. It is
        added, where PyTorch's eps is a limit.
    full
        Whether to add the constant ½ log 2π.

    Raises
    ------
    TypeError, ValueError
        If an argument is something else.

    Examples
    --------
    >>> import fastmlp as fm
    >>> loss = fm.losses.GaussianNLL()
    >>> model = fm.MLP([1, 8, 2], activation="tanh", seed=0)
    >>> history = model.fit([[0.0], [1.0]], [0.0, 2.0], loss=loss, epochs=3)
    >>> mean, a = model.predict([[0.5]]).T
    >>> bool(loss.variance_of(a) > 0)
    True
    """

    variance: str = "exp"
    floor: float = 1e-6
    full: bool = False

    def __post_init__(self) -> None:
        choice(self.variance, "variance", ("exp", "softplus"))
        flag(self.full, "full")
        self._set(floor=real(self.floor, "floor", at_least=0))

    def target_columns(self, output_columns: int) -> int:
        """Return how many targets a network of `output_columns` says means and variances of."""
        if output_columns % 2:
            raise ValueError(
                "gaussian_nll needs two output columns for each target, the mean and the "
                f"variance, not {output_columns} in all"
            )
        return output_columns // 2

    def encode_targets(
        self, t: npt.ArrayLike, output_columns: int, *, name: str = "t"
    ) -> npt.NDArray[Any]:
        """Check targets, (rows, n) for 2n outputs, and return them as a matrix."""
        return super().encode_targets(t, self.target_columns(output_columns), name=name)

    def variance_of(self, a: npt.ArrayLike) -> npt.NDArray[Any]:
        """Return the variances that the second half of the output columns stands for."""
        a = np.asarray(a)
        v = np.exp(a) if self.variance == "exp" else np.logaddexp(0, a)
        result: npt.NDArray[Any] = v + v.dtype.type(self.floor)
        return result

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        n = self.target_columns(y.shape[1])
        if t.shape[1] != n:
            raise ValueError(
                f"gaussian_nll compares {n} means and variances with as many targets: t has "
                f"{t.shape[1]} columns"
            )
        if y.op in activations.ACTIVATIONS:
            raise ValueError(
                f"gaussian_nll needs a linear output, not {y.op!r}: it makes variances of its "
                "second half itself; set output='identity'"
            )
        a = y[:, n:]
        v = (g.exp(a) if self.variance == "exp" else g.softplus(a)) + self.floor
        each = 0.5 * mean_columns(g.log(v) + (t - y[:, :n]) ** 2 / v)
        return each + 0.5 * math.log(2 * math.pi) if self.full else each


DISTRIBUTIONS = (Poisson(), KLDivergence(), GaussianNLL())
