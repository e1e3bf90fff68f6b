"""Training step by step, for a loop of the user's own."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from fastmlp import _checks, optimizers
from fastmlp.config import readable
from fastmlp.networks import examples
from fastmlp.training import turns
from fastmlp.training.ahead import made_ahead
from fastmlp.training.gradients import follower_of, gradient_of, vector_of
from fastmlp.training.habits import ATTRIBUTES
from fastmlp.training.trainer import Trainer
from fastmlp.training.warned import REMEDY, NonFiniteLossWarning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective
    from fastmlp.optimizers import Update
    from fastmlp.planner.parameters import Parameters
    from fastmlp.training.ahead import StepsAhead
    from fastmlp.training.trainer import Compiled

_ONCE = ("network", "parameters", "plans")  # what it is made with


@readable
@_checks.has_not(ATTRIBUTES)
class StepTrainer(Trainer):
    """Trains a model one step at a time; made by `Model.trainer`.

    It has the state of its optimizer to itself: neither `fit` nor another trainer of the model
    shares the moments or counts the steps. The weights are the model's.

    Parameters
    ----------
    network, parameters, objective, optimizer, noise, model
        What is trained, for which loss and penalty, by which rule, where dropout comes from, and
        whose turn a step is.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.MLP([1, 8, 1], activation="tanh", seed=0)
    >>> trainer = model.trainer(loss="squared_error", optimizer=fm.Adam(0.01))
    >>> X, t = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
    >>> losses = [trainer.step(X, t) for _ in range(200)]
    >>> losses[-1] < 0.01 < losses[0]
    True

    The same network by a method of SciPy's:

    >>> from scipy.optimize import minimize
    >>> found = minimize(trainer.objective(X, t), model.parameters.flat, jac=True, method="BFGS")
    >>> model.parameters.flat[:] = found.x
    >>> model.evaluate(X, t)["loss"] < losses[-1]
    True
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
        self._objective = objective
        self.optimizer = optimizer
        self._noise = noise
        self._model = model
        self._ahead: StepsAhead | None = None
        self._schedules: Sequence[Any] = ()  # of the loss and the layers, as last planned

    def __setattr__(self, name: str, value: Any) -> None:
        known = name.startswith("_") or name in ("optimizer", "state")
        if _checks.is_ours(type(self)) and not known and (name not in _ONCE or name in vars(self)):
            raise _checks.refusal(self, name, ("optimizer",), ATTRIBUTES)
        object.__setattr__(self, name, value)

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a StepTrainer is neither copied nor pickled: copy or save the model and make a "
            "trainer of it, whose optimizer begins anew"
        )

    @property
    def optimizer(self) -> Update:
        """The rule of a step; another one, or the name of one, can be put in its place."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, optimizer: str | Update) -> None:
        rule = optimizers.get(optimizer)
        self.updates_of(rule)  # raises what its groups get wrong
        self._optimizer = rule

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

        Notes
        -----
        Arrays of numbers, one-hot rows, CSR matrices, weights, indices, and lists or dicts of such
        go straight to the core, all but the first step and one in 256: a step of a small network
        takes about a microsecond longer than one of `fit`. What takes some 50 µs more: lists of
        numbers, tables, other sparse matrices, weights in an unusual unit, and schedules or losses
        that are functions or classes of your own.
        """
        ahead = self._ahead
        loss: Any = NotImplemented
        if ahead is not None and self._holds(ahead):
            loss = ahead.step(X, t, sample_weight, False)
        if loss is NotImplemented:
            loss = self._step_in_turn(X, t, sample_weight, ahead)
        if loss is None:
            self.state = None  # its vectors are no longer those of the weights
            warnings.warn(
                "the loss became NaN or infinite; the weights are as they were before the step: "
                f"{REMEDY}",
                NonFiniteLossWarning,
                stacklevel=2,
            )
            return math.nan
        return loss  # type: ignore[no-any-return]

    def _step_in_turn(
        self, X: Any, t: Any, sample_weight: Any, ahead: StepsAhead | None
    ) -> float | None:
        """Take a step of any size and kind; None if the loss is not finite."""
        turn = turns.Turn("step")
        try:
            turn.take(self._model, nested=True)
            if ahead is not None and self._holds(ahead):  # now that no other thread steps
                loss: float | None = ahead.step(X, t, sample_weight, True)
                if loss is not NotImplemented:
                    return loss
            data = self._examples(X, t, sample_weight)
            compiled = self._planned_for(data)
            result = self.follow(compiled.plan, compiled.feeds(data), data.rows, *self._how)
            if result.non_finite:
                return None
            self._look_ahead(compiled, data)
        finally:
            turn.live = False
        return float(result.scalars[0, 0])

    def apply_gradient(self, gradient: Any) -> None:
        """Take one step of the optimizer along a gradient of your own.

        Gradients of several batches added up, those of a simulation, or estimates without any
        derivative. Clipping, weight decay, groups and averages are as in `step`. Penalties are
        parts of what `loss_and_gradient` returns. Frozen weights and running statistics stay.

        Parameters
        ----------
        gradient : array of shape (model.parameters.size,), list or dict of arrays
            As `loss_and_gradient` returns it, or an array for each parameter, by the names of
            `views` or in their order.

        Raises
        ------
        TypeError, ValueError
            If it has other shapes or is not finite, before anything changes.
        FloatingPointError
            If the weights would become NaN or infinite: they stay, the optimizer begins anew.
        RuntimeError
            If another thread trains the model meanwhile.

        Examples
        --------
        One step of Adam for two batches:

        >>> import fastmlp as fm
        >>> trainer = fm.MLP([1, 8, 1], seed=0).trainer(loss="squared_error")
        >>> batches = [([[0.0], [0.5]], [0.0, 0.25]), ([[1.0], [2.0]], [1.0, 4.0])]
        >>> found = [trainer.loss_and_gradient(X, t) for X, t in batches]
        >>> trainer.apply_gradient(sum(gradient for _, gradient in found) / 2)
        >>> trainer.steps
        1
        """
        turn = turns.Turn("apply_gradient")
        try:
            turn.take(self._model, nested=True)
            vector = gradient_of(self, gradient)
            follower = follower_of(self, self.optimizer)
            result = self.follow(follower.plan, follower.feeds(vector), 1, *self._how)
        finally:
            turn.live = False
        if result.non_finite:
            raise FloatingPointError(
                "along this gradient the weights become NaN or infinite; they are as they were "
                f"before the step: {REMEDY}"
            )

    def _look_ahead(self, compiled: Compiled, data: Examples) -> None:
        """Prepare the next steps on data of this kind, unless they are prepared."""
        ahead = self._ahead
        if ahead is not None and self._holds(ahead) and ahead.serves(data):
            return
        self._ahead = None
        losses, state = self._objective.losses, self.state_of(self.optimizer)
        self._ahead = made_ahead(self, losses, state, compiled, data, self._noise)

    def _holds(self, ahead: StepsAhead) -> bool:
        """Tell whether steps made ahead are still those to come."""
        return ahead.hold(self.state, self._optimizer, self.network.version)

    def loss_and_gradient(
        self, X: Any, t: Any, sample_weight: Any = None
    ) -> tuple[float, NDArray[Any]]:
        """Return J and its gradient by the weights, for all these rows as one batch.

        What the next `step` on them would follow, dropout and penalty included. Nothing changes.

        Parameters
        ----------
        X, t, sample_weight
            Data, as for `Model.fit`.

        Returns
        -------
        loss : float
            J = mean loss + penalty.
        gradient : ndarray of shape (model.parameters.size,)
            ∂J/∂w in the layout and the type of ``model.parameters.flat``: 0 at what pads it and at
            parameters that are not trained. `views` shows the part of each parameter.

        Raises
        ------
        TypeError, ValueError
            If the data are wrong.
        RuntimeError
            If another thread trains the model meanwhile.

        Examples
        --------
        One step of gradient descent, by hand:

        >>> import fastmlp as fm
        >>> model = fm.MLP([1, 8, 1], activation="tanh", seed=0)
        >>> trainer = model.trainer()
        >>> X, t = [[0.0], [0.5], [1.0]], [0.0, 0.25, 1.0]
        >>> loss, gradient = trainer.loss_and_gradient(X, t)
        >>> model.parameters.flat[:] -= 0.1 * gradient
        >>> trainer.loss_and_gradient(X, t)[0] < loss
        True
        """
        ahead = self._ahead
        if ahead is not None and self._holds(ahead):
            found = ahead.loss_and_gradient(X, t, sample_weight)
            if found is not NotImplemented:
                return found  # type: ignore[no-any-return]
        turns.check(self._model, "loss_and_gradient")
        data = self._examples(X, t, sample_weight)
        evaluate = self._loss_function(data)
        state = self._present_state()
        average = None if state is None else state.average
        if average is None:
            found = evaluate()
        else:
            turn = turns.Turn("loss_and_gradient")
            try:
                turn.take(self._model, nested=True)  # the weights are not the average meanwhile
                average.begin(self.steps, self.untouched())
                found = evaluate()
                average.end()
            except BaseException:
                average.end()
                raise
            finally:
                turn.live = False
        if state is None or state.optimizer is self.optimizer:  # else the next step decides
            self._look_ahead(self._planned_for(data), data)
        return found

    def views(self, vector: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the part of each parameter in a vector such as a gradient, by their names.

        Parameters
        ----------
        vector : ndarray of shape (model.parameters.size,)
            In the layout of ``model.parameters.flat``.

        Returns
        -------
        dict of str to ndarray
            Views, in the order and the shapes of `Model.get_weights`.

        Raises
        ------
        TypeError, ValueError
            If the vector is no array, or has another shape.

        Examples
        --------
        >>> import fastmlp as fm
        >>> trainer = fm.MLP([2, 1], seed=0).trainer()
        >>> _, gradient = trainer.loss_and_gradient([[0.0, 1.0]], [1.0])
        >>> {name: part.shape for name, part in trainer.views(gradient).items()}
        {'dense_1.weights': (1, 2), 'dense_1.biases': (1,)}
        """
        if not isinstance(vector, np.ndarray):  # of what is converted these would be no views
            raise TypeError(f"vector must be an array, got {type(vector).__name__}")
        return self.network.views(lambda node: self.parameters.view(node, vector))

    def objective(
        self, X: Any, t: Any, sample_weight: Any = None
    ) -> Callable[[NDArray[Any]], tuple[float, NDArray[np.float64]]]:
        """Return J and its gradient as a function of the weights, for `scipy.optimize.minimize`.

        The data are checked once, here. Each call writes its argument into
        ``model.parameters.flat``: after a method that ends elsewhere than at its last call, write
        the weights that it found there, as above. Dropout is the same in each call: that of the
        next `step`.

        Parameters
        ----------
        X, t, sample_weight
            Data, as for `Model.fit`; all rows are one batch.

        Returns
        -------
        callable
            From a vector in the layout of ``model.parameters.flat`` to J, as a float, and ∂J/∂w
            there, a float64 vector.

        Raises
        ------
        TypeError, ValueError
            If the data are wrong; from the function, if the vector is.
        RuntimeError
            From the function, if another thread trains the model meanwhile.
        """
        data = self._examples(X, t, sample_weight)
        known, evaluate = self.network.version, self._loss_function(data)

        def loss_and_gradient(w: NDArray[Any]) -> tuple[float, NDArray[np.float64]]:
            nonlocal known, evaluate
            turn = turns.Turn("loss_and_gradient")
            try:
                turn.take(self._model, nested=True)
                if known != self.network.version:  # a setting of a layer has changed
                    known, evaluate = self.network.version, self._loss_function(data)
                self.parameters.flat[:] = vector_of(self.parameters, w, "w")
                loss, gradient = evaluate()
            finally:
                turn.live = False
            return loss, gradient.astype(np.float64)

        return loss_and_gradient

    def _loss_function(self, data: Examples) -> Callable[[], tuple[float, NDArray[Any]]]:
        """Return J and its gradient of some rows, as a function of the present parameters."""
        compiled = self._planned_for(data)
        plan = compiled.plan
        return plan.loss_function(
            compiled.feeds(data),
            seed=self._noise,
            step=self.steps,
            starts=self.starts(plan.schedules),
        )

    @property
    def _how(self) -> tuple[Update, int, Sequence[Any]]:
        """How a step is taken; see `Trainer.follow`."""
        return self.optimizer, self._noise, self._schedules

    def _planned_for(self, data: Examples) -> Compiled:
        """Return the plan for such rows."""
        compiled = self.compiled(self._objective, self.optimizer, data)
        self._schedules = compiled.plan.schedules
        return compiled

    def _examples(self, X: Any, t: Any, sample_weight: Any) -> Examples:
        network, dtype = self.network, self.parameters.dtype
        return examples.check(network, dtype, self._objective.losses, X, t, sample_weight)

    def __repr__(self) -> str:
        names = " and ".join(loss.name for loss in self._objective.losses)
        return f"<StepTrainer: {names}, {self.optimizer!r}, {self.steps} steps>"
