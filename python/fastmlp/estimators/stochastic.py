"""Training by batches, epoch by epoch as scikit-learn counts them, many epochs in one call.

The rule that stops a training needs the loss of every epoch, but it cannot fire before
`n_iter_no_change` epochs in a row were no better than the best one. So that many epochs may run in
one call of the core when nobody listens in between: none is run in vain, no random number is drawn
too early, and the result is the one of calls epoch by epoch.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import callbacks, planner
from fastmlp.training import progress
from fastmlp.training.history import History

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.estimators.examples import Data
    from fastmlp.estimators.objectives import TrainingGraph
    from fastmlp.models.model import Model

    Array = NDArray[Any]

# Orders of rows that are drawn ahead hold at most this many numbers, and so do steps.
NUMBERS_AHEAD = 1 << 20
SMALLEST_RATE = 1e-6  # adaptive training stops instead of dividing a rate below it


@dataclass(frozen=True)
class Rule:
    """The update of the core that a solver uses."""

    kernel: str
    state_vectors: int


RULES = {"adam": Rule("adam", 2), "sgd": Rule("sgd", 1)}


@dataclass
class OptimizerState:
    """What a solver remembers from step to step.

    Attributes
    ----------
    solver : str
        Whose state it is.
    learning_rate : float
        The rate of SGD, as schedules have changed it.
    vectors : list of ndarray
        Flat vectors in the layout of the parameters.
    steps : int
        How many steps were taken.
    """

    solver: str
    learning_rate: float
    vectors: list[Array] = field(repr=False)
    steps: int = 0


@dataclass(frozen=True)
class Compiled:
    """A training graph and its plan."""

    graph: TrainingGraph
    plan: planner.TrainingPlan


class StochasticTraining:
    """One call of `fit` or `partial_fit` on its way.

    Parameters
    ----------
    estimator : estimator
        Its settings say what to do; its fitted attributes are kept up to date.
    compiled : Compiled
        The plan.
    data : Data
        What to train on.
    validate : callable or None
        Returns (loss, score) of the data held out.
    incremental : bool
        One epoch only, as in `partial_fit`.
    """

    def __init__(
        self,
        estimator: Any,
        compiled: Compiled,
        data: Data,
        validate: Callable[[], tuple[float, float]] | None,
        incremental: bool,
    ) -> None:
        self.estimator = estimator
        self.model: Model = estimator.model_
        self.data = data
        self.validate = validate
        self.incremental = incremental
        self.epochs = 1 if incremental else estimator.max_iter
        self.batch_size = self._checked_batch_size()
        self.listeners = callbacks.as_callbacks(estimator.callbacks or ())
        self._plan = compiled.plan
        graph = compiled.graph
        self._feeds = data.feeds(graph.x, graph.t, graph.weight)
        self._index = np.arange(data.rows, dtype=np.int64)
        self._rng = estimator._random_state
        uses_noise = any(layer.__class__.__name__ == "Dropout" for layer in self.model.layers)
        self._noise = int(self._rng.randint(np.iinfo(np.int32).max)) if uses_noise else 0
        self._diverged = False
        self._interrupt: KeyboardInterrupt | None = None

    def _checked_batch_size(self) -> int:
        size, rows = self.estimator.batch_size, self.data.rows
        if size == "auto":
            return min(200, rows)
        if size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. "
                "It is going to be clipped",
                stacklevel=6,
            )
        return int(min(size, rows))

    @property
    def _steps_per_epoch(self) -> int:
        return -(-self.data.rows // self.batch_size)

    @property
    def _optimizer(self) -> OptimizerState:
        state: OptimizerState = self.estimator._optimizer
        return state

    def run(self) -> None:
        """Run epochs until the settings, the loss, a listener or the user say stop."""
        estimator = self.estimator
        names = ["loss", "val_loss", "val_score"] if self.validate else ["loss"]
        history = History(names)
        for listener in self.listeners:
            listener.on_fit_begin(self.model, {name: name == "val_score" for name in names})
        estimator.n_iter_ = 0
        with _interruptible(), progress.Progress(self.epochs, estimator.verbose == "bar") as bar:
            stopped = False
            while not stopped and estimator.n_iter_ < self.epochs:
                first = estimator.n_iter_
                for loss in self._run_epochs(self._epochs_ahead()):
                    stopped = self._end_epoch(loss, history)
                if self._diverged:
                    stopped = self._end_diverged_epoch(history)
                if self._interrupt is not None:
                    raise self._interrupt
                logs = {name: history[name][-1] for name in names}
                bar.advance(estimator.n_iter_ - first, logs)
                stopped = self._tell(logs, history) or stopped
            if not stopped and not self.incremental:
                _warn(
                    f"Stochastic Optimizer: Maximum iterations ({self.epochs}) reached and the "
                    "optimization hasn't converged yet."
                )
        if estimator.early_stopping and (not self.incremental or estimator.stopped_):
            self._return_to_the_best()
        for listener in self.listeners:
            listener.on_fit_end(self.model, history)

    def _return_to_the_best(self) -> None:
        """Give the model the weights of the best score; those it has, if no score was finite."""
        best = self.estimator._best_flat
        if best is not None:
            self.model.parameters.flat[:] = best
            return
        _warn(
            "The validation score was NaN or infinite after every epoch: none is the best, the "
            "weights are the last finite ones."
        )

    def _epochs_ahead(self) -> int:
        """Return how many epochs can run before anything has to be decided."""
        estimator = self.estimator
        if self.validate or self.listeners or estimator.verbose:
            return 1
        left = self.epochs - estimator.n_iter_
        patience = estimator.n_iter_no_change + 1 - estimator._no_improvement_count
        numbers = max(self.data.rows if estimator.shuffle else 1, self._steps_per_epoch)
        return int(max(1, min(left, patience, NUMBERS_AHEAD // numbers)))

    def _run_epochs(self, count: int) -> list[float]:
        """Run epochs in one call of the core and return their losses."""
        state, first_step = self._optimizer, self._optimizer.steps
        result = self._plan.new_result(count)
        try:
            self._plan.run_epochs(
                self._feeds,
                state=state.vectors,
                order=self._orders(count),
                batch_size=self.batch_size,
                epochs=count,
                step_values=self._step_values(count),
                seed=self._noise,
                first_step=first_step,
                result=result,
            )
        except KeyboardInterrupt as interrupt:  # raised again when what was done is written down
            self._interrupt = interrupt
        finally:
            state.steps = first_step + result.steps_done
        self._diverged = bool(result.non_finite)
        if self._diverged and not self.estimator.early_stopping:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        losses: list[float] = result.scalars[:, 0].tolist()
        return losses

    def _orders(self, epochs: int) -> Array | None:
        """Draw the order of the rows for each epoch, each a shuffle of the one before."""
        if not self.estimator.shuffle:
            return None
        rows = self.data.rows
        orders = np.empty((epochs, rows), dtype=np.int64)
        for order in orders:
            shuffled = np.arange(rows)
            self._rng.shuffle(shuffled)
            np.take(self._index, shuffled, out=order)
            self._index = order
        return orders

    def _step_values(self, epochs: int) -> Array:
        """Return the numbers of the update for each step of the next epochs."""
        estimator, state = self.estimator, self._optimizer
        steps = epochs * self._steps_per_epoch
        values = np.zeros((steps, 5))
        if estimator.solver == "adam":
            # α √(1−β₂ᵗ)/(1−β₁ᵗ) · m / (√v + ε): ε as it is, unlike in `fastmlp.Adam`.
            t = np.arange(state.steps + 1, state.steps + steps + 1, dtype=np.float64)
            beta1, beta2 = estimator.beta_1, estimator.beta_2
            values[:, 0] = state.learning_rate * np.sqrt(1 - beta2**t) / (1 - beta1**t)
            values[:, 1:4] = beta1, beta2, estimator.epsilon
            return values
        rates = np.full(epochs, state.learning_rate)
        if estimator.learning_rate == "invscaling":
            rates[1:] = self._inverse_scaling(np.arange(1, epochs))
        values[:, 0] = np.repeat(rates, self._steps_per_epoch)
        values[:, 1:3] = estimator.momentum, estimator.nesterovs_momentum
        return values

    def _inverse_scaling(self, epochs_later: Any) -> Any:
        """Return the rate after so many epochs more: rate / (examples seen + 1)^power_t."""
        estimator = self.estimator
        seen = estimator.t_ + epochs_later * self.data.rows
        return estimator.learning_rate_init / (seen + 1.0) ** estimator.power_t

    def _end_epoch(self, loss: float, history: History) -> bool:
        """Take note of an epoch; return whether the training is over."""
        estimator = self.estimator
        estimator.n_iter_ += 1
        estimator.loss_ = loss
        estimator.t_ += self.data.rows
        estimator.loss_curve_.append(loss)
        if estimator.verbose and estimator.verbose != "bar":
            print(f"Iteration {estimator.n_iter_}, loss = {loss:.8f}")
        logs = {"loss": loss}
        if self.validate:
            logs["val_loss"], logs["val_score"] = self.validate()
            estimator.validation_loss_curve_.append(logs["val_loss"])
        history.append(logs)
        self._count_improvement(loss, logs.get("val_score"))
        if estimator.learning_rate == "invscaling" and estimator.solver == "sgd":
            self._optimizer.learning_rate = float(self._inverse_scaling(0))
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return False
        return self._stop_or_slow_down()

    def _end_diverged_epoch(self, history: History) -> bool:
        """Take note of an epoch whose loss is no number: early stopping ends at once."""
        estimator = self.estimator
        estimator.n_iter_ += 1
        estimator.t_ += self.data.rows
        estimator.loss_ = math.nan
        estimator.loss_curve_.append(math.nan)
        estimator.validation_loss_curve_.append(math.nan)
        estimator.validation_scores_.append(math.nan)
        estimator._no_improvement_count += 1
        estimator.stopped_ = True
        history.append({"loss": math.nan, "val_loss": math.nan, "val_score": math.nan})
        _warn(
            f"The loss became NaN or infinite in epoch {estimator.n_iter_}: the training has "
            "stopped, with the weights of the best validation score before."
        )
        return True

    def _count_improvement(self, loss: float, score: float | None) -> None:
        """Count the epochs since the last that was better by `tol`; NaN and infinity never are."""
        estimator = self.estimator
        if score is not None:
            estimator.validation_scores_.append(score)
            if estimator.verbose and estimator.verbose != "bar":
                print(f"Validation score: {score:f}")
        if estimator.early_stopping:
            assert score is not None
            score = score if math.isfinite(score) else math.nan
            better = score >= estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                estimator._best_flat = self.model.parameters.flat.copy()
        else:
            better = loss <= estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(estimator.best_loss_, loss)
        estimator._no_improvement_count = 0 if better else estimator._no_improvement_count + 1

    def _stop_or_slow_down(self) -> bool:
        """Divide an adaptive rate by 5 and go on, or stop; return whether it stops."""
        estimator, state = self.estimator, self._optimizer
        what = "Validation score" if estimator.early_stopping else "Training loss"
        said = (
            f"{what} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        adaptive = estimator.solver == "sgd" and estimator.learning_rate == "adaptive"
        if adaptive and state.learning_rate > SMALLEST_RATE:
            state.learning_rate /= 5.0
            estimator._no_improvement_count = 0
            then = f" Setting learning rate to {state.learning_rate:f}"
        else:
            estimator.stopped_ = True
            then = " Learning rate too small. Stopping." if adaptive else " Stopping."
        if estimator.verbose and estimator.verbose != "bar":
            print(said + then)
        return bool(estimator.stopped_)

    def _tell(self, logs: dict[str, float], history: History) -> bool:
        """Tell the listeners; return whether one of them wants to stop."""
        for listener in self.listeners:
            answer = listener.on_epoch_end(self.model, self.estimator.n_iter_, dict(logs))
            history.stopped = history.stopped or callbacks.stop_reason(answer)
        return history.stopped is not None


def _warn(text: str) -> None:
    from sklearn.exceptions import ConvergenceWarning

    warnings.warn(text, ConvergenceWarning, stacklevel=7)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end a training with a warning, as in scikit-learn."""
    try:
        yield
    except KeyboardInterrupt:
        warnings.warn("Training interrupted by user.", stacklevel=6)
