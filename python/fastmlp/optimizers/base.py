"""What every optimizer has in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from fastmlp import _checks, _core, schedules
from fastmlp.config import readable
from fastmlp.optimizers.groups import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
    from fastmlp.schedules import Schedule

    Array: TypeAlias = NDArray[np.float64]


@readable
@dataclass(frozen=True, repr=False)
class Update(ABC):
    """What every optimizer has in common: a learning rate and a rule of the C++ core.

    What a rule keeps from step to step and which numbers a step needs, the core says in
    `_core.format.optimizers`.

    Parameters
    ----------
    learning_rate : float or schedule
        α, a positive number or a function of step numbers (see `fastmlp.schedules`).
    clip_norm : float, optional
        Gradients longer than this are shortened: w̄ ← w̄ · min(1, clip_norm / (‖w̄‖ + 1e-6)), where
        ‖w̄‖ is the norm over all parameters that are trained. It is PyTorch's `clip_grad_norm_`
        and Keras' `global_clipnorm` (Pascanu, Mikolov and Bengio, ICML 2013).
    clip_value : float, optional
        Each element of the gradient is brought into [−clip_value, clip_value], after `clip_norm`.
    groups : dict, optional
        Settings for some of the parameters, such as ``{"bias": {"weight_decay": 0}}``. A key is a
        role ("weight", "bias", …), the name of a layer ("dense_1") or of a parameter
        ("dense_1.weights"), or a tuple of such; a value is a dict of settings to replace, or an
        optimizer of any class. What is said of a layer goes before what is said of a role, and what
        is said of a parameter before both.
    ema : float, optional
        d of an average of the weights, e ← d e + (1−d) w after each step, in (0, 1). The average
        begins as the weights after the first step, as PyTorch's `AveragedModel` does. The model has
        the average after each epoch, so that it is what is validated, saved and left when `fit` is
        over; the steps, and a next `fit`, go on from the weights themselves as long as nobody else
        has changed those of the model. Parameters that are told their value, as the means of
        batches, are not averaged.

    Examples
    --------
    >>> import fastmlp as fm
    >>> rule = fm.Adam(1e-3, clip_norm=1.0, groups={"bias": {"learning_rate": 1e-4}})
    >>> isinstance(rule, Update), rule.learning_rate
    (True, 0.001)
    """

    learning_rate: float | Schedule
    clip_norm: float | None = field(default=None, kw_only=True)
    clip_value: float | None = field(default=None, kw_only=True)
    groups: Mapping[Any, Any] | None = field(default=None, kw_only=True)
    ema: float | None = field(default=None, kw_only=True)

    # The settings that are for all parameters at once.
    common: ClassVar[tuple[str, ...]] = ("clip_norm", "clip_value", "groups", "ema")
    # The roles of the parameters that the weight decay shrinks; None: all of them.
    decaying: ClassVar[frozenset[str] | None] = None

    def __post_init__(self) -> None:
        schedules.check(self.learning_rate)
        schedules.checked(getattr(self, "weight_decay", 0.0), "weight_decay", at_least=0)
        for name in ("clip_norm", "clip_value"):
            if getattr(self, name) is not None:
                _checks.real(getattr(self, name), name, above=0)
        if self.ema is not None:
            _checks.real(self.ema, "ema", above=0, below=1)
        if self.groups is not None:
            groups = checked(self.groups, self, Update) or None
            object.__setattr__(self, "groups", groups)  # frozen for everybody else

    def __repr__(self) -> str:
        names = [own.name for own in fields(self) if own.init and not own.kw_only]
        names += [name for name in self.common if getattr(self, name) is not None]
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in names)})"

    @property
    @abstractmethod
    def kernel(self) -> str:
        """Name of the rule in the core; it may depend on the settings."""

    @property
    def direction(self) -> Callable[[Node, Node], Node] | None:
        """What makes the direction of a step of the mean until now and the gradient, for "muon"."""
        return None

    def parts(self) -> tuple[Update, ...]:
        """Return the optimizers that it consists of, itself first."""
        return (self,)

    @property
    def state_vectors(self) -> int:
        """How many flat vectors the rule keeps from step to step."""
        return len(_core.format.optimizers[self.kernel].state)

    def rates(self, first_step: int, count: int) -> Array:
        """Learning rates of `count` steps, the first of which is number `first_step` (from 0)."""
        steps = np.arange(first_step, first_step + count, dtype=np.int64)
        return schedules.rates(self.learning_rate, steps)

    @abstractmethod
    def numbers(self, t: Array, rates: Array, decays: float | Array) -> Mapping[str, float | Array]:
        """Return the rule's numbers by name, each for all steps or one for each.

        Parameters
        ----------
        t : ndarray of shape (count,)
            Numbers of the steps, counted from 1.
        rates : ndarray of shape (count,)
            Their learning rates.
        decays : float or ndarray of shape (count,)
            Their weight decays.
        """

    def decays(self, first_step: int, count: int) -> float | Array:
        """Weight decays of `count` steps, the first of which is number `first_step` (from 0)."""
        decay = getattr(self, "weight_decay", 0.0)
        if not callable(decay):
            return float(decay)
        steps = np.arange(first_step, first_step + count, dtype=np.int64)
        return schedules.rates(decay, steps, "weight decay")

    def step_values(
        self, first_step: int, count: int, rates: Array, decays: float | Array | None = None
    ) -> Array:
        """Return the rule's numbers for `count` steps from `first_step` on: a row for each step.

        `decays` are those of the same steps; by default they are counted as these.
        """
        if decays is None:
            decays = self.decays(first_step, count)
        names = _core.format.optimizers[self.kernel].numbers
        t = np.arange(first_step + 1, first_step + count + 1, dtype=np.float64)
        numbers = self.numbers(t, rates, decays)
        values = np.empty((count, len(names)))
        for column, name in enumerate(names):
            values[:, column] = numbers[name]
        return values
