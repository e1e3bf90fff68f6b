"""Training: check everything, then run epochs in the core, many at once where nobody listens."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastmlp import _checks, callbacks, optimizers, planner
from fastmlp.networks import examples, objectives, signal
from fastmlp.training import progress
from fastmlp.training.history import History

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

    from fastmlp.callbacks import Callback
    from fastmlp.graph.node import Node
    from fastmlp.networks.examples import Examples
    from fastmlp.networks.objectives import Objective, TrainingGraph
    from fastmlp.optimizers import Update
    from fastmlp.planner.training_plans import EpochsResult

# Orders of rows that are made ahead hold at most this many numbers: 8 MB, made in about 15 ms.
ORDER_NUMBERS = 1 << 20
# The scalars of at most this many steps are made ahead, 40 bytes each.
STEPS_AHEAD = 1 << 16
# With a progress bar a call of the core should take about this many seconds.
BAR_SECONDS = 0.1


class NonFiniteLossWarning(UserWarning):
    """The loss became NaN or infinite; training stopped with the last finite weights kept."""


@dataclass
class OptimizerState:
    """What an optimizer remembers from step to step; a model owns it between fits.

    Attributes
    ----------
    optimizer : Update
        Whose state it is.
    vectors : list of ndarray
        Flat vectors in the layout of the parameters.
    steps : int
        How many steps were taken.
    """

    optimizer: Update
    vectors: list[NDArray[Any]]
    steps: int = 0


@dataclass(frozen=True)
class Compiled:
    """A training graph and its plan, kept by the model for the next fit of the same kind.

    Attributes
    ----------
    key : hashable
        What graph and plan depend on.
    graph : TrainingGraph
        The nodes to feed.
    plan : TrainingPlan
        The compiled training.
    """

    key: Hashable
    graph: TrainingGraph
    plan: planner.TrainingPlan


@dataclass(frozen=True)
class Settings:
    """The arguments of one fit, all of them checked.

    Attributes
    ----------
    objective : Objective
        Loss, penalty and metrics.
    data, validation : Examples
        What to train on, and what to evaluate after each epoch if anything.
    optimizer : Update
        The rule of a step.
    epochs, batch_size : int
        How long, and how many rows a step; `batch_size` is at most the number of rows.
    shuffle : bool
        Whether each epoch has an order of its own.
    seed : SeedSequence
        Where the orders and the dropout come from.
    listeners : list of Callback
        Whom to tell after each epoch.
    visible : bool
        Whether to show a progress bar.
    """

    objective: Objective
    data: Examples
    validation: Examples | None
    optimizer: Update
    epochs: int
    batch_size: int
    shuffle: bool
    seed: np.random.SeedSequence
    listeners: list[Callback]
    visible: bool

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch, the last of which may be short."""
        return -(-self.data.rows // self.batch_size)

    @property
    def names(self) -> list[str]:
        """Names of the numbers that every epoch has."""
        names = self.objective.names
        return names + [f"val_{name}" for name in names] if self.validation else names

    @property
    def most_epochs(self) -> int:
        """How many epochs one call of the core may run."""
        if self.listeners or self.validation:
            return 1
        numbers = self.data.rows if self.shuffle else 1
        return max(1, min(ORDER_NUMBERS // numbers, STEPS_AHEAD // self.steps_per_epoch))


def prepare(model: Any, X: Any, t: Any, arguments: dict[str, Any]) -> tuple[Settings, Compiled]:
    """Check the arguments of `Model.fit` and compile the training.

    The last thing it does is to build a model that had no input columns yet: until then nothing
    changes.

    Raises
    ------
    TypeError, ValueError
        For the first argument that is wrong.
    """
    optimizer = optimizers.get(arguments["optimizer"])
    epochs = _checks.integer(arguments["epochs"], "epochs", at_least=1)
    batch_size = arguments["batch_size"]
    if batch_size is not None:
        batch_size = _checks.integer(batch_size, "batch_size", at_least=1)
    shuffle = _checks.flag(arguments["shuffle"], "shuffle")
    listeners = callbacks.as_callbacks(arguments["callbacks"])
    visible = progress.wanted(arguments["verbose"])
    seed = model._seed_sequence(arguments["seed"])
    with model._network_of(X) as network:
        dtype = model.dtype
        objective = objectives.choose(
            network, arguments["loss"], arguments["l2"], arguments["metrics"]
        )
        loss = objective.loss
        data = examples.check(network, dtype, loss, X, t, arguments["sample_weight"])
        held_out = examples.check_validation(network, dtype, loss, arguments["validation_data"])
        batch_size = min(batch_size or data.rows, data.rows)
        columns, weighted = data.target.shape[1], data.weight is not None
        key = (objective, optimizer.kernel, optimizer.state_vectors, columns, weighted)
        compiled = model._compiled
        if compiled is None or compiled.key != key:
            compiled = None
            graph = objectives.training_graph(network, objective, columns, weighted)
    settings = Settings(
        objective, data, held_out, optimizer, epochs, batch_size, shuffle, seed, listeners, visible
    )
    if compiled is None:
        plan = planner.plan_training(
            graph.loss,
            model.parameters,
            optimizer,
            metrics=graph.metrics,
            weight=graph.batch_weight,
        )
        compiled = Compiled(key, graph, plan)
        if silence := signal.message(network):
            warnings.warn(silence, signal.NoSignalWarning, stacklevel=3)
    return settings, compiled


class Call(NamedTuple):
    """A call of the core: its result, and after how many steps and epochs it began."""

    result: EpochsResult
    first_step: int
    first_epoch: int


class Training:
    """One fit on its way: the weights are the model's, everything else is here.

    Parameters
    ----------
    model : Model
        Whose weights change.
    settings : Settings
        What was asked for.
    compiled : Compiled
        The plan.

    Attributes
    ----------
    history : History
        What has happened so far.
    non_finite : bool
        Whether the training ended because the loss became NaN or infinite.
    """

    def __init__(self, model: Any, settings: Settings, compiled: Compiled) -> None:
        self.model = model
        self.settings = settings
        self.history = History(settings.names)
        self.non_finite = False
        self._compiled = compiled
        self._call: Call | None = None  # of the core, not written down yet
        self._phase = "epoch"  # then "validation" and "listeners", where there are any
        self._evaluated: tuple[int, dict[str, float]] = -1, {}  # after how many epochs, and what
        order_seed, noise_seed = settings.seed.spawn(2)
        self._order = np.random.Generator(np.random.PCG64(order_seed))
        self._noise = int(noise_seed.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def begin(self) -> None:
        """Tell the listeners what will be recorded; one that is not content may raise."""
        rising = {m.name: m.higher_is_better for m in self.settings.objective.metrics}
        names = {name: rising.get(name.removeprefix("val_"), False) for name in self.history}
        for listener in self.settings.listeners:
            listener.on_fit_begin(self.model, names)

    def run(self) -> History:
        """Run the epochs and tell the listeners after each.

        Whatever ends it, history, weights and the optimizer's state are those of one moment.
        """
        model, history = self.model, self.history
        try:
            model._objective, model.history = self.settings.objective, history
            model._fits += 1
            self._run()
        except BaseException as error:
            try:
                self._finish()
            finally:
                n = history.epochs
                place = f"in epoch {n + 1}" if self._phase == "epoch" else f"after epoch {n}"
                key = isinstance(error, KeyboardInterrupt)
                why = "interrupted" if key else f"ended by {type(error).__name__}"
                history.stopped = history.stopped or f"{why} {place}"
            raise
        return history

    def _run(self) -> None:
        settings, history = self.settings, self.history
        with progress.Progress(settings.epochs, settings.visible) as bar:
            count = 1
            while history.epochs < settings.epochs and not history.stopped:
                self._phase = "epoch"
                left = settings.epochs - history.epochs
                count = min(left, settings.most_epochs, count if settings.visible else left)
                start = time.perf_counter()
                done = self._run_epochs(count)
                seconds = max(time.perf_counter() - start, 1e-6)
                if done:
                    self._tell()
                    bar.advance(done, self._last())
                self._call = None
                count = max(1, min(2 * count, int(count * BAR_SECONDS / seconds)))
        self._phase = "listeners"
        for listener in settings.listeners:
            listener.on_fit_end(self.model, history)

    def _finish(self) -> None:
        """Write down what the core has done when an exception came.

        An interrupt that finds the core at the end of an epoch is heard when that epoch has been
        evaluated and told of, as any other.
        """
        call = self._call
        if call is None or self._phase == "listeners":
            return
        self._settle(call, validated=self._phase == "epoch")
        if call.result.epochs_done and self._phase == "epoch":
            self._tell()

    def _last(self) -> dict[str, float]:
        """Return the numbers of the last epoch."""
        return {name: values[-1] for name, values in self.history.history.items()}

    def _tell(self) -> None:
        """Tell every listener, also those after one that stops the training."""
        for listener in self.settings.listeners:
            self._phase = "listeners"
            answer = listener.on_epoch_end(self.model, self.history.epochs, self._last())
            self.history.stopped = self.history.stopped or callbacks.stop_reason(answer)

    def _run_epochs(self, count: int) -> int:
        """Run so many epochs in one call of the core; return how many had a finite loss."""
        settings, state, plan = self.settings, self._state(), self._compiled.plan
        steps = count * settings.steps_per_epoch
        rates = settings.optimizer.rates(state.steps, steps)
        call = Call(plan.new_result(count), state.steps, self.history.epochs)
        self._call = call
        plan.run_epochs(
            self._feeds(),
            state=state.vectors,
            order=self._orders(count),
            batch_size=settings.batch_size,
            epochs=count,
            step_values=settings.optimizer.step_values(state.steps, steps, rates),
            seed=self._noise,
            first_step=state.steps,
            result=call.result,
        )
        self._settle(call, validated=True)
        return call.result.epochs_done

    def _state(self) -> OptimizerState:
        """Return what the optimizer remembers, which is the model's."""
        model, optimizer = self.model, self.settings.optimizer
        state: OptimizerState | None = model._optimizer_state
        if state is None or state.optimizer != optimizer:
            new = [model.parameters.new_vector() for _ in range(optimizer.state_vectors)]
            model._optimizer_state = state = OptimizerState(optimizer, new)
        return state

    def _settle(self, call: Call, *, validated: bool) -> None:
        """Write down what a call of the core has done; once more does no harm.

        Without `validated` the validation of an epoch was interrupted.
        """
        result, model = call.result, self.model
        if model._optimizer_state is not None:
            model._optimizer_state.steps = call.first_step + result.steps_done
        self.non_finite = result.non_finite
        names = self.settings.objective.names
        for numbers in result.scalars[self.history.epochs - call.first_epoch :].tolist():
            if self._evaluated[0] != self.history.epochs:
                self._evaluate(skip=not validated)
            logs = dict(zip(names, numbers, strict=True))
            self.history.append(self._evaluated[1] | logs)
        if self.non_finite:
            # Its vectors are no longer those of the weights.
            model._optimizer_state = None
            epoch = self.history.epochs + 1
            self.history.stopped = f"the loss became NaN or infinite in epoch {epoch}"

    def _evaluate(self, *, skip: bool) -> None:
        """Keep loss and metrics of the validation data, if there are any, for the history."""
        data, values = self.settings.validation, {}
        if data is not None and skip:
            values = dict.fromkeys(self.settings.objective.names, math.nan)
        elif data is not None:
            self._phase = "validation"
            evaluation = self.model._evaluation(self.settings.objective, data.target.shape[1])
            values = evaluation(data.inputs, data.target, data.weight)
        named = {f"val_{name}": value for name, value in values.items()}
        self._evaluated = self.history.epochs, named
        self._phase = self._phase if skip else "epoch"

    def _orders(self, epochs: int) -> NDArray[np.int64] | None:
        """Order of the rows in each of the next epochs; the same however the epochs are cut."""
        if not self.settings.shuffle:
            return None
        orders = np.tile(np.arange(self.settings.data.rows, dtype=np.int64), (epochs, 1))
        return self._order.permuted(orders, axis=1, out=orders)

    def _feeds(self) -> dict[Node, Any]:
        graph, data = self._compiled.graph, self.settings.data
        feeds = dict(zip(self.model.network.input_nodes, data.inputs, strict=True))
        feeds[graph.target] = data.target
        if graph.weight is not None and data.weight is not None:
            feeds[graph.weight] = data.weight
        # A loss of the user's need not depend on everything.
        needed = set(self._compiled.plan.inputs)
        return {node: array for node, array in feeds.items() if node in needed}
