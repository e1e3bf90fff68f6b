"""Focal losses: what is right already counts little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp import graph as g
from fastmlp._checks import listed, real
from fastmlp.losses.base import Configured, mean_columns
from fastmlp.losses.classes import (
    checked_weights,
    labels,
    one_hot,
    require_logistic,
    require_softmax,
    row_of,
)

if TYPE_CHECKING:
    import numpy.typing as npt


@dataclass(frozen=True, repr=False)
class Focal(
    Configured,
    name="focal",
    formula="−αₜ (1 − yₜ)^γ log yₜ",
    target="class",
):
    """L = −αₜ (1 − yₜ)^γ log yₜ of a softmax output, t the right class.

    Lin et al. 2017, Focal loss for dense object detection: what is answered well already counts
    little. With γ = 0 and without α it is the cross-entropy. Computed from the margin
    m = zₜ − log Σ_{j≠t} e^zⱼ of the right class, by which yₜ = logistic(m): no digit is lost.

    Parameters
    ----------
    gamma
        γ ≥ 0.
    alpha
        α ≥ 0 of all classes, or a list or dict of one for each; None: 1.

    Raises
    ------
    TypeError, ValueError
        If a setting is no such number; from targets that are neither labels nor one-hot.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import Focal
    >>> y = g.softmax(g.constant([[0.0, 0.0]]))
    >>> round(g.run(Focal(gamma=2.0)(y, g.constant(1)), {}).item(), 4)
    0.1733
    """

    gamma: float = 2.0
    alpha: Any = None

    def __post_init__(self) -> None:
        alpha = self.alpha
        if not isinstance(alpha, str) and (isinstance(alpha, Mapping) or listed(alpha) is not None):
            alpha = checked_weights(alpha, "alpha")
        elif alpha is not None:
            alpha = real(alpha, "alpha", at_least=0)
        self._set(gamma=real(self.gamma, "gamma", at_least=0), alpha=alpha)

    def encode_targets(
        self, t: npt.ArrayLike, output_columns: int, *, name: str = "t"
    ) -> npt.NDArray[Any]:
        """Check labels or one-hot rows and return the labels."""
        encoded = super().encode_targets(t, output_columns, name=name)
        if encoded.shape[1] > 1:
            raise ValueError(f"focal needs labels or one-hot rows, {name} has probabilities")
        return encoded

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_softmax(self.name, y, t)
        z, columns = y.parents[0], y.shape[1]
        label = labels(t)
        # log Σ_{j≠t} e^zⱼ = z_r + the cross-entropy at r, where r is the largest of the others.
        far = 1e30  # more than any zⱼ, and finite in float32
        others = z - one_hot(label, columns, far)
        rival = g.argmax(others)
        m = g.pick(z, label) - g.pick(others, rival) - g.softmax_cross_entropy(others, rival)
        each = _focused(m, self.gamma)
        if isinstance(self.alpha, tuple):
            alpha = g.constant([row_of(self.alpha, columns, "alpha")])
            return g.sum(one_hot(label, columns) * alpha, axis=1) * each
        return each if self.alpha is None else self.alpha * each


@dataclass(frozen=True, repr=False)
class BinaryFocal(
    Configured,
    name="binary_focal",
    formula="−meanₖ (α tₖ (1 − yₖ)^γ log yₖ + (1 − α) (1 − tₖ) yₖ^γ log(1 − yₖ))",
    target="binary",
):
    """L = −meanₖ (α tₖ (1 − yₖ)^γ log yₖ + (1 − α) (1 − tₖ) yₖ^γ log(1 − yₖ)), y logistic.

    Lin et al. 2017, Focal loss for dense object detection, as in Keras and torchvision. Targets
    between 0 and 1 mix the losses of both answers. Computed from the argument of the logistic
    function: no digit is lost.

    Parameters
    ----------
    gamma
        γ ≥ 0.
    alpha
        α in [0, 1], 0.25 in the paper; None: both answers count 1.

    Raises
    ------
    TypeError, ValueError
        If a setting is no such number.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import BinaryFocal
    >>> y = g.logistic(g.constant(0.0))
    >>> round(g.run(BinaryFocal(gamma=2.0)(y, g.constant(1.0)), {}).item(), 4)
    0.1733
    """

    gamma: float = 2.0
    alpha: float | None = None

    def __post_init__(self) -> None:
        self._set(gamma=real(self.gamma, "gamma", at_least=0))
        if self.alpha is not None:
            self._set(alpha=real(self.alpha, "alpha", at_least=0, at_most=1))

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_logistic(self.name, y, t)
        z = y.parents[0]
        yes, no = (1.0, 1.0) if self.alpha is None else (self.alpha, 1.0 - self.alpha)
        right, wrong = _focused(z, self.gamma), _focused(-z, self.gamma)
        return mean_columns((yes * t) * right + (no * (1.0 - t)) * wrong)


def _focused(m: g.Node, gamma: float) -> g.Node:
    """Return −(1 − p)^γ log p with p = logistic(m): −log p is softplus(−m), and so on."""
    loss = g.softplus(-m)
    return loss if gamma == 0 else g.exp(-gamma * g.softplus(m)) * loss


FOCAL = (Focal(), BinaryFocal())
