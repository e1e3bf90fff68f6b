"""What an estimator asks of the trainer, by its settings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import graph as g
from fastmlp import losses, planner
from fastmlp.callbacks import as_callbacks
from fastmlp.estimators.chosen import solver_of
from fastmlp.estimators.examples import average, penalty, split
from fastmlp.estimators.objectives import LOSSES, PeerObjective
from fastmlp.estimators.solvers import PeerAdam, PeerSGD, Scaling
from fastmlp.estimators.stopping import Orders, StoppingRule
from fastmlp.estimators.weights import Weights
from fastmlp.layers import Dropout
from fastmlp.training import warned
from fastmlp.training.request import FitRequest
from fastmlp.training.trainer import Compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.networks.examples import Examples
    from fastmlp.optimizers import Update
    from fastmlp.training.trainer import Trainer

    Array = NDArray[Any]


class Trained(Weights):
    """The part of an estimator that trains its weights."""

    # Of the estimator.
    loss: Any
    solver: Any
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    verbose: Any
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    keep_optimizer: bool
    callbacks: Any
    n_iter_: int
    t_: int
    _random_state: Any

    def _score_outputs(self, output: Array, target: Array, weight: Array | None) -> float:
        raise NotImplementedError

    def _begin_records(self, *, anew: bool) -> None:
        """Begin the records of the epochs; unless `anew`, only those that are missing.

        Assigned weights have no records, and early stopping switched on later has none.
        """
        stopping = self.early_stopping
        fresh = {
            "t_": 0,
            "loss_curve_": [],
            "_no_improvement_count": 0,
            "validation_loss_curve_": [] if stopping else None,
            "validation_scores_": [] if stopping else None,
            "best_validation_score_": -np.inf if stopping else None,
            "best_loss_": None if stopping else np.inf,
        }
        for name, value in fresh.items():
            if anew or getattr(self, name, None) is None:
                setattr(self, name, value)

    def _fit_stochastic(self, data: Examples, held_out: Examples | None, incremental: bool) -> None:
        self._begin_records(anew=False)
        if self.early_stopping and held_out is not None:
            self._check_scorable(held_out)
        elif self.early_stopping:
            data, held_out = split(
                data, self.validation_fraction, self._strata(data.target), self._random_state
            )
        self.stopped_ = False
        model, trainer = self.model_, self._trainer
        request = self._request(data, held_out, incremental)
        keep = incremental or (self.warm_start and self.keep_optimizer)
        if keep and trainer.state and isinstance(trainer.state.optimizer, type(request.optimizer)):
            if isinstance(request.optimizer, PeerAdam | PeerSGD):  # the rate that it has come to
                rate: Any = trainer.state.optimizer.learning_rate
                trainer.state.optimizer = replace(request.optimizer, learning_rate=rate)
                request = replace(request, optimizer=trainer.state.optimizer)
        else:
            trainer.state = None
        training = trainer.begin(request, model)
        self.n_iter_ = 0
        try:
            training.run()
        except KeyboardInterrupt:  # as in scikit-learn
            warned.warn("Training interrupted by user.", UserWarning)
        training.end()

    def _request(self, data: Examples, held_out: Examples | None, incremental: bool) -> FitRequest:
        """Return what the settings ask of the trainer."""
        batch_size = self._checked_batch_size(data.rows)
        evaluate = None
        if held_out is not None:
            evaluate = self._validation(held_out)
            self.validation_scores_: list[float] = self.validation_scores_ or []
            self.validation_loss_curve_: list[float] = self.validation_loss_curve_ or []
        rng = self._random_state
        uses_noise = any(isinstance(layer, Dropout) for layer in self._model.layers)
        noise = int(rng.randint(np.iinfo(np.int32).max)) if uses_noise else 0
        return FitRequest(
            objective=self._penalised(data),
            names={"loss": False},
            data=data,
            optimizer=self._solver(data.rows, batch_size),
            epochs=1 if incremental else self.max_iter,
            batch_size=batch_size,
            orders=Orders(data.rows, rng) if self.shuffle else None,
            noise=noise,
            listeners=tuple(as_callbacks(self.callbacks or ())),
            display="bar" if self.verbose == "bar" else "nothing",
            held_out={} if evaluate is None else {"loss": False, "score": True},
            evaluate=evaluate,
            rule=StoppingRule(self, self._trainer, data.rows, incremental),
        )

    def _checked_batch_size(self, rows: int) -> int:
        size = self.batch_size
        if size == "auto":
            return min(200, rows)
        if size > rows:
            warned.warn(
                "Got `batch_size` less than 1 or larger than sample size. "
                "It is going to be clipped",
                UserWarning,
            )
        return int(min(size, rows))

    def _solver(self, rows: int, batch_size: int) -> Update:
        rate = float(self.learning_rate_init)
        if (given := solver_of(self)) is not None:
            return given
        if self.solver == "adam":
            return PeerAdam(rate, self.beta_1, self.beta_2, self.epsilon)
        later = None
        if self.learning_rate == "invscaling":
            steps = -(-rows // batch_size)
            later = Scaling(self.learning_rate_init, self.power_t, self.t_, rows, steps)
        return PeerSGD(rate, self.momentum, self.nesterovs_momentum, later)

    def _check_scorable(self, held_out: Examples) -> None:
        """Raise if the user's validation rows are too few for a score to follow."""

    def _strata(self, target: Array) -> Array | None:
        return None

    @property
    def _chosen_loss(self) -> Any:
        """What `loss` names: one of an estimator's own names, a `Loss` or a function."""
        if not isinstance(self.loss, str) or self.loss in LOSSES:
            return self.loss
        loss = losses.get(self.loss)
        own = loss.name in LOSSES and loss == losses.LOSSES[loss.name]
        return loss.name if own else loss

    def _objective(self) -> PeerObjective:
        return PeerObjective(self._chosen_loss, float(self.alpha))

    def _penalised(self, data: Examples) -> PeerObjective:
        """Return the objective with α in the unit of the weights."""
        alpha = penalty(float(self.alpha), data.exponent, self.model_.dtype)
        return replace(self._clipped(), alpha=alpha)

    def _clipped(self) -> PeerObjective:
        """Return the objective, which clips by the type of the weights."""
        return replace(self._objective(), epsilon=float(np.finfo(self.model_.dtype).eps))

    def _compiled_total(self, data: Examples) -> Compiled:
        """Return the plan of L-BFGS: in float64, as its line search needs."""
        trainer = self._trainer
        if self.model_.dtype != np.float64:
            trainer = trainer.in_float64()
        objective = replace(self._penalised(data), total=True)
        return trainer.compiled(objective, PeerSGD(1.0), data)

    def _validation(self, data: Examples) -> Any:
        """Return a function that gives the loss and the score of the data."""
        y, _ = self.model_.network.forward(training=False)
        t = g.input(data.target.shape[1], "t")
        _, reported = self._clipped().examples(y, t)
        plan = planner.plan([y, reported], parameters=self.model_.parameters)
        (x,), (X,) = self.model_.network.input_nodes, data.inputs
        feeds = {x: X, t: data.target}
        weight = None if data.weight is None else data.weight[:, 0]
        out = [np.empty((data.rows, node.shape[1]), self.model_.dtype) for node in (y, reported)]

        def validate(trainer: Trainer) -> dict[str, float]:
            output, losses = plan.run(feeds, out=out)
            score = self._score_outputs(output, data.target, weight)
            return {"loss": average(losses[:, 0], weight), "score": score}

        return validate
