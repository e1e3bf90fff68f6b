"""A sweep of learning rates: how the loss falls as they grow."""

from __future__ import annotations

import warnings
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, optimizers
from fastmlp.config import readable
from fastmlp.data import arrays
from fastmlp.models.habits import OF_SWEEP
from fastmlp.models.model import Model
from fastmlp.training.warned import NonFiniteLossWarning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from fastmlp.losses import Loss
    from fastmlp.optimizers import Update

_SMOOTH = 4.0  # steps on either side within which two thirds of the weight of a mean lie
_WORSE = 4.0  # times the least mean of losses: then the sweep ends
_STEPS, _ROWS = 9, 64  # of such a mean, at least: of a batch of few rows the loss may be anything


@readable
@dataclass(frozen=True)
class LearningRates:
    """What `find_learning_rate` found.

    Attributes
    ----------
    rates : ndarray of shape (steps,)
        Learning rates of the steps taken, rising.
    losses : ndarray of shape (steps,)
        The loss of each batch before its step.
    smoothed : ndarray of shape (steps,)
        Means of the losses around each step, weighted as by a normal curve four steps wide.
    suggestion : float
        The rate at which the smoothed loss falls fastest, by the logarithm of the rate, before it
        is least: one to begin with.

    Examples
    --------
    >>> import fastmlp as fm
    >>> data = fm.datasets.load("iris")
    >>> model = fm.MLP([4, 8, 3], output="softmax", seed=0)
    >>> found = fm.find_learning_rate(model, data.X_train, data.t_train)
    >>> len(found.rates) == len(found.losses)
    True
    >>> bool(found.rates[0] < found.suggestion < found.rates[-1])
    True
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]

    @property
    def smoothed(self) -> NDArray[np.float64]:
        """Means of the losses around each step."""
        steps = np.arange(len(self.losses))
        weights = np.exp(-0.5 * ((steps[:, None] - steps) / _SMOOTH) ** 2)
        result: NDArray[np.float64] = weights @ self.losses / weights.sum(axis=1)
        return result

    @property
    def suggestion(self) -> float:
        """The rate at which the smoothed loss falls fastest."""
        smoothed = self.smoothed
        until = max(int(np.argmin(smoothed)), 2)
        slopes = np.gradient(smoothed[: until + 1], np.log(self.rates[: until + 1]))
        return float(self.rates[int(np.argmin(slopes))])

    def __repr__(self) -> str:
        return (
            f"<LearningRates {self.rates[0]:.3g} … {self.rates[-1]:.3g}, {len(self.rates)} steps, "
            f"suggestion {self.suggestion:.3g}>"
        )


@_checks.taught(OF_SWEEP)
def find_learning_rate(
    model: Model,
    X: Any,
    t: Any,
    *,
    loss: str | Loss | Any | None = None,
    loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
    optimizer: str | Update = "adam",
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    batch_size: int = 32,
    seed: int | None = 0,
) -> LearningRates:
    """Try learning rates on a copy of the model, each larger than the last, a step with each.

    The rates grow by the same factor from step to step; the sweep ends when the loss, as a mean of
    nine steps and 64 rows at least, is four times the least one until then, or no number. Smith,
    "Cyclical learning rates for training neural networks" (WACV 2017), section 3.3.
    `fastmlp.plot.learning_rates` draws it.

    Parameters
    ----------
    model : Model
        What is to be trained; it stays as it is. It must be built.
    X, t
        Data, as for `fit`, in arrays: of several inputs or outputs a list or dict of such.
    loss, loss_weights, optimizer
        As for `fit`; the learning rate of the optimizer does not matter.
    lowest, highest : float
        The first and the last learning rate.
    steps : int, default 100
        How many steps, at least 10.
    batch_size : int, default 32
        Rows of a step.
    seed : int or None, default 0
        Makes batches and dropout the same each time.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or the loss is no number from the beginning.

    Examples
    --------
    >>> import fastmlp as fm
    >>> data = fm.datasets.load("digits")
    >>> model = fm.MLP([64, 32, 10], output="softmax", seed=0)
    >>> found = fm.find_learning_rate(model, data.X_train, data.t_train)
    >>> 1e-4 < found.suggestion < 1
    True
    """
    if not isinstance(model, Model):
        raise TypeError(f"model must be a Model, such as an MLP, got {type(model).__name__}")
    lowest = _checks.real(lowest, "lowest", above=0)
    highest = _checks.real(highest, "highest", above=lowest)
    steps = _checks.integer(steps, "steps", at_least=10)
    batch_size = _checks.integer(batch_size, "batch_size", at_least=1)
    seed = None if seed is None else _checks.seed(seed)
    rates = np.geomspace(lowest, highest, steps)
    rule = replace(optimizers.get(optimizer), learning_rate=lambda numbers: rates[numbers])
    trainer = model.copy().trainer(loss=loss, loss_weights=loss_weights, optimizer=rule, seed=seed)
    count = trainer._examples(X, t, None).rows
    outputs = model.network.outputs
    targets = [arrays.array(each, title) for each, title in outputs.values(t, "t")]
    random = np.random.default_rng(seed)
    rows = np.concatenate(
        [random.permutation(count) for _ in range(-(-steps * batch_size // count))]
    )

    def data(first: int, count: int) -> tuple[Any, Any]:
        batch = rows[first * batch_size : (first + count) * batch_size]
        return _rows(X, batch), outputs.arrange([target[batch] for target in targets])

    losses: list[float] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteLossWarning)
        many = max(_STEPS, -(-_ROWS // batch_size))
        least = trainer.loss_and_gradient(*data(0, many))[0]
        recent = deque([least] * many, many)
        for i in range(steps):
            found = trainer.step(*data(i, 1))
            recent.append(found)
            mean = sum(recent) / many
            if not np.isfinite(found) or mean > _WORSE * max(least, 1e-12):
                while losses and not losses[-1] <= _WORSE * max(least, 1e-12):
                    losses.pop()  # the mean comes to know of it some steps later
                break
            least = min(least, mean)
            losses.append(found)
    if len(losses) < 3:
        raise ValueError(
            f"the loss was too large or no number after {len(losses)} steps from lowest={lowest:g} "
            "on: give a smaller lowest, or scaled inputs"
        )
    return LearningRates(rates[: len(losses)], np.array(losses))


def _rows(X: Any, rows: NDArray[np.int64]) -> Any:
    """Return these rows of each input."""
    if arrays.is_named(X):
        return {name: _rows(each, rows) for name, each in X.items()}
    if arrays.is_sparse(X):
        return X.tocsr()[rows]
    if isinstance(X, list | tuple) and X and np.ndim(X[0]) == 2:
        return [_rows(each, rows) for each in X]
    return arrays.array(X, "X")[rows]
