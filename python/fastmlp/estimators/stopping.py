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
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastmlp.history import History
    from fastmlp.optimizers import Update
    from fastmlp.training.trainer import Trainer

SMALLEST_RATE = 1e-6  # where an adaptive rate is as small as this, the training stops
# What an estimator keeps of the history, under scikit-learn's names.
CURVES = {
    "loss": "loss_curve_",
    "val_loss": "validation_loss_curve_",
    "val_score": "validation_scores_",
}


class Orders:
    """Orders of the rows as scikit-learn draws them: each is a shuffle of the one before."""

    def __init__(self, rows: int, rng: np.random.RandomState) -> None:
        self._last: NDArray[np.int64] = np.arange(rows, dtype=np.int64)
        self._rng = rng

    def __call__(self, epochs: int) -> NDArray[np.int64]:
        """Return the orders of the next epochs (epochs, rows)."""
        orders = np.empty((epochs, len(self._last)), dtype=np.int64)
        for order in orders:
            order[:] = self._last  # shuffling it is taking what a shuffle of 0, 1, … names
            self._rng.shuffle(order)
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
        self._seen = estimator.t_
        curves = {name: getattr(estimator, name) for name in CURVES.values()}
        self._begun = {name: len(curve) for name, curve in curves.items() if curve is not None}

    def ahead(self) -> int:
        """Return how many epochs can run before anything has to be decided, or printed."""
        estimator = self.estimator
        if self._prints:
            return 1
        patience = estimator.n_iter_no_change + 1 - estimator._no_improvement_count
        return int(max(1, min(estimator.max_iter, patience)))

    def on_epochs(self, history: History) -> str | None:
        """Take note of the epochs since the last time; return why the training is over, if it is.

        What is noted of them is written in one go, which no signal comes between: whoever tells of
        epochs again, as after an interrupt, finds them noted.
        """
        estimator, before = self.estimator, self.estimator.n_iter_
        if history.epochs == before:
            return None
        curves = {
            attribute: history[name][before:]
            for name, attribute in CURVES.items()
            if name in history
        }
        losses, scores = curves["loss_curve_"], curves.get("validation_scores_")
        for attribute, values in curves.items():
            getattr(estimator, attribute)[self._begun[attribute] + before :] = values
        noted: dict[str, Any] = {
            "n_iter_": history.epochs,
            "loss_": losses[-1],
            "t_": self._seen + history.epochs * self.rows,
            **(self._best_score(scores) if estimator.early_stopping else self._best_loss(losses)),
        }
        optimizer = self._scaled(noted["t_"])
        reason = said = None
        if noted["_no_improvement_count"] > estimator.n_iter_no_change:
            optimizer, reason, said = self._stop_or_slow_down(optimizer, noted)
        state, write = self.trainer.state, vars(estimator).update
        assert state is not None
        state.optimizer = optimizer
        write(noted)
        if self._prints:
            for i, loss in enumerate(losses):
                print(f"Iteration {before + i + 1}, loss = {loss:.8f}")
                if scores is not None:
                    print(f"Validation score: {scores[i]:f}")
            if said is not None:
                print(said)
        return reason

    @property
    def _prints(self) -> bool:
        """Whether it prints each epoch."""
        return bool(self.estimator.verbose) and self.estimator.verbose != "bar"

    def _best_loss(self, losses: Sequence[float]) -> dict[str, Any]:
        """Return the best loss, and how many epochs ago the last came that was better by `tol`."""
        estimator = self.estimator
        best, count, tol = estimator.best_loss_, estimator._no_improvement_count, estimator.tol
        for loss in losses:
            count = 0 if loss <= best - tol else count + 1
            best = min(best, loss)
        return {"best_loss_": best, "_no_improvement_count": count}

    def _best_score(self, scores: Sequence[float] | None) -> dict[str, Any]:
        """Likewise for the score of an epoch, with the weights; NaN and infinity never are best."""
        estimator = self.estimator
        assert scores is not None
        (score,) = scores  # what is held out is evaluated after each epoch
        score = score if math.isfinite(score) else math.nan
        best = estimator.best_validation_score_
        better = score >= best + estimator.tol
        count = 0 if better else estimator._no_improvement_count + 1
        noted: dict[str, Any] = {"_no_improvement_count": count}
        if score > best:
            noted["best_validation_score_"] = score
            noted["_best_flat"] = self.trainer.parameters.flat.copy()
        return noted

    def _scaled(self, seen: int) -> Update:
        """Return the optimizer of the next epoch: with "invscaling" its rate is another one."""
        state = self.trainer.state
        assert state is not None
        optimizer = state.optimizer
        if isinstance(optimizer, PeerSGD) and optimizer.later is not None:
            later = replace(optimizer.later, seen=seen)
            optimizer = replace(optimizer, learning_rate=float(later.after(0)), later=later)
        return optimizer

    def _stop_or_slow_down(
        self, optimizer: Update, noted: dict[str, Any]
    ) -> tuple[Update, str | None, str]:
        """Divide an adaptive rate by 5 and go on, or stop; return why, and what to print of it."""
        estimator = self.estimator
        what = "Validation score" if estimator.early_stopping else "Training loss"
        said = (
            f"{what} did not improve more than tol={estimator.tol:f} for "
            f"{estimator.n_iter_no_change} consecutive epochs."
        )
        adaptive = estimator.solver == "sgd" and estimator.learning_rate == "adaptive"
        rate = optimizer.learning_rate
        if adaptive and isinstance(rate, float) and rate > SMALLEST_RATE:
            noted["_no_improvement_count"] = 0
            slower = replace(optimizer, learning_rate=rate / 5.0)
            return slower, None, f"{said} Setting learning rate to {rate / 5.0:f}"
        noted["stopped_"] = True
        ending = " Learning rate too small. Stopping." if adaptive else " Stopping."
        return optimizer, said, said + ending

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
        elif not non_finite:
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
        epochs = estimator.n_iter_ + 1
        for attribute, begun in self._begun.items():
            getattr(estimator, attribute)[begun + epochs - 1 :] = [math.nan]
        noted = {
            "n_iter_": epochs,
            "loss_": math.nan,
            "t_": self._seen + epochs * self.rows,
            "_no_improvement_count": estimator._no_improvement_count + 1,
            "stopped_": True,
        }
        vars(estimator).update(noted)
        weights = "the weights of the best validation score before"
        if estimator._best_flat is None:
            weights = "the last finite weights, as no epoch before has a finite validation score"
        warn(
            f"The loss became NaN or infinite in epoch {epochs}: the training has stopped, with "
            f"{weights}."
        )


def warn(text: str) -> None:
    """Warn of a training that did not converge."""
    from sklearn.exceptions import ConvergenceWarning

    warned.warn(text, ConvergenceWarning)
