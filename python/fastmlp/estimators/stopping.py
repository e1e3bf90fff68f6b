"""scikit-learn's rule of stopping, which keeps an estimator's records, and its orders of the rows.

The rule needs the loss of every epoch, and can stop a training only after `n_iter_no_change` epochs
in a row without improvement. So one call of the core runs as many epochs as are left until then,
and stopping, weights and random numbers are those of one epoch a call.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.estimators.solvers import PeerSGD
from fastmlp.training import warned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from fastmlp.history import History
    from fastmlp.training.trainer import Trainer

SMALLEST_RATE = 1e-6  # where an adaptive rate is as small as this, the training stops


class Orders:
    """Orders of the rows as scikit-learn draws them: each is a shuffle of the one before."""

    def __init__(self, rows: int, rng: np.random.RandomState) -> None:
        self._last = np.arange(rows, dtype=np.int64)
        self._rng = rng

    def __call__(self, epochs: int) -> NDArray[np.int64]:
        """Return the orders of the next epochs (epochs, rows)."""
        rows = len(self._last)
        orders = np.empty((epochs, rows), dtype=np.int64)
        for order in orders:
            shuffled = np.arange(rows)
            self._rng.shuffle(shuffled)
            np.take(self._last, shuffled, out=order)
            self._last = order
        return orders


class StoppingRule:
    """Records the epochs of one `fit` or `partial_fit`, and ends it as scikit-learn does.

    Parameters
    ----------
    estimator : estimator
        Its settings say what to do; its fitted attributes are kept up to date.
    trainer : Trainer
        What trains: its weights are kept where they are the best, its rate falls.
    rows : int
        Examples of an epoch.
    incremental : bool
        One epoch only, as in `partial_fit`.
    """

    def __init__(self, estimator: Any, trainer: Trainer, rows: int, incremental: bool) -> None:
        self.estimator = estimator
        self.trainer = trainer
        self.rows = rows
        self.incremental = incremental

    def ahead(self) -> int:
        """Return how many epochs can run before anything has to be decided, or printed."""
        estimator = self.estimator
        if estimator.verbose and estimator.verbose != "bar":
            return 1
        patience = estimator.n_iter_no_change + 1 - estimator._no_improvement_count
        return int(max(1, min(estimator.max_iter, patience)))

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float]) -> str | None:
        """Take note of an epoch; return why the training is over, if it is."""
        estimator = self.estimator
        estimator.n_iter_ = epoch
        estimator.loss_ = logs["loss"]
        estimator.t_ += self.rows
        estimator.loss_curve_.append(logs["loss"])
        self._print(f"Iteration {epoch}, loss = {logs['loss']:.8f}")
        if "val_loss" in logs:
            estimator.validation_loss_curve_.append(logs["val_loss"])
        self._count_improvement(logs["loss"], logs.get("val_score"))
        self._scale_rate()
        if estimator._no_improvement_count <= estimator.n_iter_no_change:
            return None
        return self._stop_or_slow_down()

    def _print(self, text: str) -> None:
        if self.estimator.verbose and self.estimator.verbose != "bar":
            print(text)

    def _count_improvement(self, loss: float, score: float | None) -> None:
        """Count the epochs since the last that was better by `tol`; NaN and infinity never are."""
        estimator = self.estimator
        if score is not None:
            estimator.validation_scores_.append(score)
            self._print(f"Validation score: {score:f}")
        if estimator.early_stopping:
            assert score is not None
            score = score if math.isfinite(score) else math.nan
            better = score >= estimator.best_validation_score_ + estimator.tol
            if score > estimator.best_validation_score_:
                estimator.best_validation_score_ = score
                estimator._best_flat = self.trainer.parameters.flat.copy()
        else:
            better = loss <= estimator.best_loss_ - estimator.tol
            estimator.best_loss_ = min(estimator.best_loss_, loss)
        estimator._no_improvement_count = 0 if better else estimator._no_improvement_count + 1

    def _scale_rate(self) -> None:
        """Give the rate of "invscaling" to the next epoch."""
        state = self.trainer.state
        assert state is not None
        optimizer = state.optimizer
        if isinstance(optimizer, PeerSGD) and optimizer.later is not None:
            later = replace(optimizer.later, seen=self.estimator.t_)
            rate = float(later.after(0))
            state.optimizer = replace(optimizer, learning_rate=rate, later=later)

    def _stop_or_slow_down(self) -> str | None:
        """Divide an adaptive rate by 5 and go on, or stop; return why."""
        estimator, state = self.estimator, self.trainer.state
        what = "Validation score" if estimator.early_stopping else "Training loss"
        said = (
            f"{what} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        adaptive = estimator.solver == "sgd" and estimator.learning_rate == "adaptive"
        assert state is not None
        rate = state.optimizer.learning_rate
        if adaptive and isinstance(rate, float) and rate > SMALLEST_RATE:
            state.optimizer = replace(state.optimizer, learning_rate=rate / 5.0)
            estimator._no_improvement_count = 0
            self._print(f"{said} Setting learning rate to {rate / 5.0:f}")
            return None
        estimator.stopped_ = True
        self._print(said + (" Learning rate too small. Stopping." if adaptive else " Stopping."))
        return said

    def on_fit_end(self, history: History, non_finite: bool) -> None:
        """Return to the best weights with early stopping; warn of what went wrong.

        Raises
        ------
        ValueError
            If the loss became NaN or infinite, without early stopping.
        """
        estimator = self.estimator
        if non_finite:
            self._end_diverged_epoch()
        elif not history.stopped and not self.incremental:
            warn(
                f"Stochastic Optimizer: Maximum iterations ({estimator.max_iter}) reached and the "
                "optimization hasn't converged yet."
            )
        if not estimator.early_stopping or (self.incremental and not estimator.stopped_):
            return
        if estimator._best_flat is not None:
            self.trainer.parameters.flat[:] = estimator._best_flat
        else:
            warn(
                "The validation score was NaN or infinite after every epoch: none is the best, the "
                "weights are the last finite ones."
            )

    def _end_diverged_epoch(self) -> None:
        """Take note of an epoch whose loss is no number: early stopping ends at once."""
        estimator = self.estimator
        if not estimator.early_stopping:
            raise ValueError(
                "Solver produced non-finite parameter weights. The input data may contain large "
                "values and need to be preprocessed."
            )
        estimator.n_iter_ += 1
        estimator.t_ += self.rows
        estimator.loss_ = math.nan
        estimator.loss_curve_.append(math.nan)
        estimator.validation_loss_curve_.append(math.nan)
        estimator.validation_scores_.append(math.nan)
        estimator._no_improvement_count += 1
        estimator.stopped_ = True
        warn(
            f"The loss became NaN or infinite in epoch {estimator.n_iter_}: the training has "
            "stopped, with the weights of the best validation score before."
        )


def warn(text: str) -> None:
    """Warn of a training that did not converge."""
    from sklearn.exceptions import ConvergenceWarning

    warned.warn(text, ConvergenceWarning)
