"""Training step by step, for a loop of the user's own."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

from fastmlp.networks import examples
from fastmlp.training import turns
from fastmlp.training.trainer import Trainer
from fastmlp.training.warned import NonFiniteLossWarning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective
    from fastmlp.optimizers import Update
    from fastmlp.planner.parameters import Parameters


class StepTrainer(Trainer):
    """Trains a model one step at a time; made by `Model.trainer`.

    It has the state of its optimizer to itself: neither `fit` nor another trainer of the model
    shares the moments or counts the steps. The weights are the model's.

    Parameters
    ----------
    network, parameters
        What is trained.
    objective : MeanObjective
        Loss and penalty.
    optimizer : Update
        The rule of a step.
    noise : int
        Where dropout comes from.
    model
        Whose turn a step is.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([1, 8, 1], activation="tanh", seed=0)
    >>> trainer = model.trainer(loss="squared_error", optimizer=fm.Adam(0.01))
    >>> X, t = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
    >>> losses = [trainer.step(X, t) for _ in range(200)]
    >>> losses[-1] < 0.01 < losses[0]
    True
    >>> loss, gradients = trainer.loss_and_gradient(X, t)
    >>> [gradient.shape for gradient in gradients]
    [(8, 1), (8,), (1, 8), (1,)]
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        objective: MeanObjective,
        optimizer: Update,
        noise: int,
        model: turns.Held,
    ) -> None:
        super().__init__(network, parameters)
        self.objective = objective
        self.optimizer = optimizer
        self._noise = noise
        self._model = model

    @property
    def steps(self) -> int:
        """How many steps the optimizer has taken since its state began."""
        return 0 if self.state is None else self.state.steps

    def step(self, X: Any, t: Any, sample_weight: Any = None) -> float:
        """Take one step of the optimizer on all these rows as one batch.

        Parameters
        ----------
        X, t, sample_weight
            Data, as for `Model.fit`.

        Returns
        -------
        float
            J = mean loss + penalty of the batch before the step, with dropout active.

        Raises
        ------
        TypeError, ValueError
            If the data are wrong, before anything changes.
        RuntimeError
            If another thread trains the model meanwhile.

        Warns
        -----
        NonFiniteLossWarning
            If the loss is NaN or infinite: NaN is returned, the weights are as they were, and the
            state of the optimizer begins anew.
        """
        turn = turns.Turn("step")
        try:
            turn.take(self._model, nested=True)
            data = self._examples(X, t, sample_weight)
            compiled = self.compiled(self.objective, self.optimizer, data)
            state = self.state_of(self.optimizer)
            first, result = state.steps, compiled.plan.new_result(1)
            rates = self.optimizer.rates(first, 1)
            try:
                compiled.plan.run_epochs(
                    compiled.feeds(data),
                    state=state.vectors,
                    order=None,
                    batch_size=data.rows,
                    epochs=1,
                    step_values=self.optimizer.step_values(first, 1, rates),
                    seed=self._noise,
                    first_step=first,
                    result=result,
                )
            finally:
                state.steps = first + result.steps_done
                if result.non_finite:
                    self.state = None  # its vectors are no longer those of the weights
        finally:
            turn.live = False
        if result.non_finite:
            warnings.warn(
                "the loss became NaN or infinite; the weights are as they were before the step: a "
                "smaller learning rate or scaled inputs may help",
                NonFiniteLossWarning,
                stacklevel=2,
            )
            return math.nan
        return float(result.scalars[0, 0])

    def loss_and_gradient(
        self, X: Any, t: Any, sample_weight: Any = None
    ) -> tuple[float, list[NDArray[Any]]]:
        """Return J and its gradient by the weights, for all these rows as one batch.

        It is what the next `step` on them would follow: with the same dropout, penalty included.
        Nothing changes.

        Parameters
        ----------
        X, t, sample_weight
            Data, as for `Model.fit`.

        Returns
        -------
        loss : float
            J = mean loss + penalty.
        gradients : list of ndarray
            ∂J/∂w for each parameter, in the order and shapes of `Model.get_weights`.

        Raises
        ------
        TypeError, ValueError
            If the data are wrong.
        RuntimeError
            If another thread trains the model meanwhile.
        """
        turns.check(self._model, "loss_and_gradient")
        data = self._examples(X, t, sample_weight)
        compiled = self.compiled(self.objective, self.optimizer, data)
        loss, flat = compiled.plan.loss_and_gradient(
            compiled.feeds(data), seed=self._noise, step=self.steps
        )
        gradients = self.network.views(lambda node: self.parameters.view(node, flat))
        return loss, list(gradients.values())

    def _examples(self, X: Any, t: Any, sample_weight: Any) -> Examples:
        network, dtype = self.network, self.parameters.dtype
        return examples.check(network, dtype, self.objective.losses, X, t, sample_weight)

    def __repr__(self) -> str:
        names = " and ".join(loss.name for loss in self.objective.losses)
        return f"<StepTrainer: {names}, {self.optimizer!r}, {self.steps} steps>"
