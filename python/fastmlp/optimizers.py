"""Optimizers: frozen dataclasses whose docstring is their formula.

An optimizer says which kernel updates the flat parameter vector and which scalars each step needs;
it holds no state. The state (`state_vectors` flat vectors of the parameters' layout) belongs to the
model.

Notation: w the parameters, w̄ the gradient of the objective J, t = 1, 2, … the number of the step,
α its learning rate. All parameters are updated alike, so `weight_decay` shrinks the biases too; the
penalty on the weights alone is `fit(..., l2=)`, which is part of J.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from fastmlp import _checks, schedules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.schedules import Schedule


@dataclass(frozen=True)
class Update(ABC):
    """What every optimizer has in common: a learning rate and a rule of the C++ core.

    Attributes
    ----------
    kernel : str
        Name of the update in the core.
    state_vectors : int
        How many flat vectors the rule keeps from step to step.
    """

    kernel: ClassVar[str]
    learning_rate: float | Schedule

    @property
    @abstractmethod
    def state_vectors(self) -> int:
        """How many flat vectors the rule keeps from step to step."""

    def rates(self, first_step: int, count: int) -> NDArray[np.float64]:
        """Learning rates of `count` steps, the first of which is number `first_step` (from 0)."""
        steps = np.arange(first_step, first_step + count, dtype=np.int64)
        return schedules.rates(self.learning_rate, steps)

    @abstractmethod
    def step_values(
        self, first_step: int, count: int, rates: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Scalars of the kernel for `count` steps from `first_step` on, shape (count, 5)."""


@dataclass(frozen=True)
class SGD(Update):
    """Stochastic gradient descent, with momentum if wanted.

    v ← μ v − α w̄, then w ← w + v, or with Nesterov's look-ahead w ← w + μ v − α w̄; and w ← w −
    α·weight_decay·w. Without momentum w ← w − α w̄. The formulas are those of Sutskever et al., "On
    the importance of initialization and momentum in deep learning" (ICML 2013).

    Parameters
    ----------
    learning_rate : float or schedule, default 0.01
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    momentum : float, default 0
        μ in [0, 1).
    nesterov : bool, default False
        Look ahead; needs momentum.
    weight_decay : float, default 0
        Decoupled decay of all parameters, at least 0.

    Raises
    ------
    ValueError
        If a number is outside its range, or `nesterov` comes without momentum.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9)
    SGD(learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=0.0)
    """

    kernel: ClassVar[str] = "sgd"
    learning_rate: float | Schedule = 0.01
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        schedules.check(self.learning_rate)
        _checks.real(self.momentum, "momentum", at_least=0, below=1)
        _checks.flag(self.nesterov, "nesterov")
        _checks.real(self.weight_decay, "weight_decay", at_least=0)
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov=True needs a momentum greater than 0, got momentum=0")

    @property
    def state_vectors(self) -> int:
        """One vector, the velocity, if there is momentum."""
        return int(self.momentum > 0)

    def step_values(
        self, first_step: int, count: int, rates: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Columns α, μ, nesterov as 0 or 1, α·weight_decay, 0."""
        values = np.zeros((count, 5))
        values[:, 0] = rates
        values[:, 1] = self.momentum
        values[:, 2] = self.nesterov
        values[:, 3] = rates * self.weight_decay
        return values


@dataclass(frozen=True)
class Adam(Update):
    """Adam (Kingma and Ba, ICLR 2015), weight decay decoupled (Loshchilov and Hutter, ICLR 2019).

    m ← β₁ m + (1−β₁) w̄,  v ← β₂ v + (1−β₂) w̄²,
    w ← w − α · m̂ / (√v̂ + ε) − α·weight_decay·w  with  m̂ = m / (1−β₁ᵗ),  v̂ = v / (1−β₂ᵗ).

    The core computes the same with the corrections moved into two scalars:
    α √(1−β₂ᵗ) / (1−β₁ᵗ) · m / (√v + ε √(1−β₂ᵗ)).

    Parameters
    ----------
    learning_rate : float or schedule, default 0.001
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    beta1, beta2 : float, default 0.9 and 0.999
        Decay rates of the two moments, in [0, 1).
    epsilon : float, default 1e-8
        ε, greater than 0.
    weight_decay : float, default 0
        Decoupled decay of all parameters, at least 0.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Examples
    --------
    >>> Adam(1e-3)
    Adam(learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, weight_decay=0.0)
    """

    kernel: ClassVar[str] = "adam"
    learning_rate: float | Schedule = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        schedules.check(self.learning_rate)
        _checks.real(self.beta1, "beta1", at_least=0, below=1)
        _checks.real(self.beta2, "beta2", at_least=0, below=1)
        _checks.real(self.epsilon, "epsilon", above=0)
        _checks.real(self.weight_decay, "weight_decay", at_least=0)

    @property
    def state_vectors(self) -> int:
        """Two vectors, the moments m and v."""
        return 2

    def step_values(
        self, first_step: int, count: int, rates: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Columns α √(1−β₂ᵗ)/(1−β₁ᵗ), β₁, β₂, ε √(1−β₂ᵗ), α·weight_decay."""
        t = np.arange(first_step + 1, first_step + count + 1, dtype=np.float64)
        correction = np.sqrt(1 - self.beta2**t)
        values = np.empty((count, 5))
        values[:, 0] = rates * correction / (1 - self.beta1**t)
        values[:, 1] = self.beta1
        values[:, 2] = self.beta2
        values[:, 3] = self.epsilon * correction
        values[:, 4] = rates * self.weight_decay
        return values


OPTIMIZERS: dict[str, type[Adam] | type[SGD]] = {"adam": Adam, "sgd": SGD}


def get(spec: Any) -> Update:
    """Return the optimizer of a name ("adam" or "sgd", with its defaults) or the optimizer itself.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones.
    TypeError
        For anything that is neither a name nor an optimizer.

    Examples
    --------
    >>> get("sgd")
    SGD(learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0)
    """
    if isinstance(spec, Update):
        return spec
    if isinstance(spec, str):
        return OPTIMIZERS[_checks.choice(spec, "optimizer", OPTIMIZERS)]()
    if isinstance(spec, type) and issubclass(spec, Update):
        raise TypeError(f"optimizer must be an object, got the class: write {spec.__name__}()")
    raise TypeError(
        f"optimizer must be a name in {list(OPTIMIZERS)} or an optimizer such as Adam(1e-3), got "
        f"{spec!r} ({type(spec).__name__})"
    )
