"""What trains a network: compiled plans, what the optimizer remembers, and the fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp import planner
from fastmlp.graph.ops.scheduled import start_of
from fastmlp.networks import signal
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.results import Average
from fastmlp.planner.treatments import Treatment
from fastmlp.training.averages import WeightAverage
from fastmlp.training.epochs import Training
from fastmlp.training.evaluation import Evaluation, Measurement
from fastmlp.training.lbfgs import Minimisation
from fastmlp.training.plans import Plans
from fastmlp.training.updates import NumbersAhead, Updates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
    from fastmlp.graph.ops.scheduled import Starts
    from fastmlp.networks.examples import Examples
    from fastmlp.networks.graphs import TrainingGraph
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective, Objective
    from fastmlp.optimizers import Update
    from fastmlp.planner.plans import Feeds
    from fastmlp.planner.results import EpochsResult
    from fastmlp.training.request import FitRequest
    from fastmlp.training.streams import Reader


@dataclass
class OptimizerState:
    """What an optimizer remembers from step to step; a trainer owns it between fits.

    Attributes
    ----------
    optimizer : Update
        Whose state it is.
    vectors : list of ndarray
        Flat vectors in the layout of the parameters.
    steps : int
        How many steps were taken.
    began : int
        After how many steps the present learning rates began: schedules count from there.
    starts : sequence of (function, int)
        Likewise for each schedule of layers and losses.
    average : WeightAverage or None
        That of the weights, if the optimizer has one.
    """

    optimizer: Update
    vectors: list[NDArray[Any]]
    steps: int = 0
    began: int = 0
    average: WeightAverage | None = None
    starts: Starts = ()


@dataclass(frozen=True)
class Compiled:
    """A training graph and its plan.

    Attributes
    ----------
    graph : TrainingGraph
        The nodes to feed.
    plan : TrainingPlan
        The compiled training.
    inputs : sequence of Node
        The inputs of the network.
    """

    graph: TrainingGraph
    plan: planner.TrainingPlan
    inputs: tuple[Node, ...]

    def feeds(self, data: Examples) -> dict[Node, Any]:
        """Return what to feed of some examples."""
        feeds = dict(zip(self.inputs, data.inputs, strict=True))
        feeds.update(zip(self.graph.targets, data.targets, strict=True))
        for node, weight in zip(self.graph.weights, data.fed, strict=True):
            if node is not None:
                feeds[node] = weight
        # A loss of the user's need not depend on everything.
        needed = set(self.plan.inputs)
        return {node: array for node, array in feeds.items() if node in needed}


class Trainer:
    """Trains a network: owns the compiled plans, and the state of the optimizer between fits.

    Parameters
    ----------
    network : Network
        What is trained.
    parameters : Parameters
        Its parameters, changed in place.

    Attributes
    ----------
    state : OptimizerState or None
        What the optimizer of the last step remembers.
    plans : Plans
        What was compiled.
    """

    def __init__(self, network: Network, parameters: Parameters) -> None:
        self.network = network
        self.parameters = parameters
        self.state: OptimizerState | None = None
        self.plans = Plans(network)
        self._updates: Updates | None = None
        self._layout = parameters.offsets  # that of the vectors of the state

    def begin(self, request: FitRequest, model: Any, compiled: Compiled | None = None) -> Training:
        """Compile a fit and tell its listeners, one of which may raise; see `prepare`."""
        training = self.prepare(request, model, compiled)
        training.announce()
        return training

    def prepare(
        self, request: FitRequest, model: Any, compiled: Compiled | None = None
    ) -> Training:
        """Compile a fit; raises what can be known before anybody is told.

        Parameters
        ----------
        request : FitRequest
            What is asked for.
        model
            What the listeners are told of.
        compiled : Compiled, optional
            The same for a network like this one, to be used in the place of one of its own.
        """
        by_steps = request.minimiser is None
        kind, trainer = (Training, self) if by_steps else (Minimisation, self.in_float64())
        updates = trainer.updates_of(request.optimizer)
        known = compiled is not None or trainer.plans.has(
            "training", _kind(request.objective, updates, request.data)
        )
        if compiled is None:
            compiled = trainer.compiled(request.objective, request.optimizer, request.data)
            if request.prepare is not None:
                request.prepare(self)
        if request.measure is not None and request.stream is None:
            # What a function of the user's cannot take it tells now, and not after an epoch.
            request.measure(self)
            if request.evaluate is not None:
                request.evaluate(self)
        numbers = NumbersAhead()
        if not request.resumes:
            numbers = self.first_numbers(request, compiled.plan)
        return kind(self, request, compiled, model, compiled_anew=not known, numbers=numbers)

    def first_numbers(
        self, request: FitRequest, plan: planner.TrainingPlan, done: int = 0
    ) -> NumbersAhead:
        """Return those of the first steps after some epochs; raises what a schedule gets wrong."""
        updates, numbers = self.updates_of(request.optimizer), NumbersAhead()
        if not (updates.is_scheduled or plan.schedules):  # as nearly always
            return numbers
        kept = self._kept(request.optimizer) if request.minimiser is None else None
        first, known = (0, ()) if kept is None else (kept.steps, kept.starts)
        starts = [(each, start_of(each, known, first)) for each in plan.schedules]
        count = request.first_steps(done)
        numbers.of_graph(plan, first, count, starts)
        if updates.is_scheduled:
            began = 0 if kept is None else self._began(kept, request.optimizer)
            numbers(updates, first, count, began, 1.0)
        return numbers

    def in_float64(self) -> Trainer:
        """Return a trainer of parameters of its own, in float64, for whoever gives them values."""

        def make() -> Trainer:
            network = self.network
            own = Parameters(network.parameter_nodes, "float64", network.parameter_roles)
            return Trainer(network, own)

        return self.plans.get("trainer in float64", None, make)

    def compiled(self, objective: Objective, optimizer: Update, data: Examples) -> Compiled:
        """Return the plan for steps on such data, the last one if it was of the same kind."""
        updates = self.updates_of(optimizer)

        def make() -> Compiled:
            changes = self.changes(updates)
            graph = objective.training_graph(self.network, data.target_columns, data.weighted)
            plan = planner.plan_training(
                graph.loss,
                self.parameters,
                optimizer,
                metrics=graph.metrics,
                weight=graph.batch_weight,
                gradients=graph.gradients,
                statistics=graph.statistics,
                **changes,
            )
            return Compiled(graph, plan, self.network.input_nodes)

        return self.plans.get("training", _kind(objective, updates, data), make)

    def changes(self, updates: Updates) -> dict[str, Any]:
        """Return what a plan is told of the parameters; ValueError if none would be trained."""
        signal.check_trainable(self.network)
        return {
            "frozen": self.left_alone,
            "treatments": dict(updates.treatments),
            "directions": dict(updates.directions),
            "max_norms": self.network.max_norms,
        }

    @property
    def left_alone(self) -> frozenset[Node]:
        """The parameters that no step changes: frozen ones, and those of other networks alone."""
        return self.network.frozen | (self.parameters.roles.keys() - self.network.parameter_roles)

    def evaluate(self, objective: MeanObjective, data: Examples | Reader) -> dict[str, float]:
        """Return loss and metrics of some examples without dropout, at the present parameters."""
        return self.evaluation(objective, data)(data.parts())

    def evaluation(self, objective: MeanObjective, like: Examples | Reader) -> Evaluation:
        """Return what evaluates an objective for data like these; ValueError if nothing can."""
        columns = like.target_columns
        found = self.plans.get(
            "evaluation",
            (objective, columns),
            lambda: Evaluation(self.network, self.parameters, objective, columns),
        )
        found.check_weights(like.weighted)
        return found

    def measure(self, objective: MeanObjective, data: Examples | Reader) -> dict[str, float]:
        """Return the metrics of arrays for some examples, without dropout."""
        return self.measurement(objective)(data.parts())

    def measurement(self, objective: MeanObjective) -> Measurement:
        """Return what takes the metrics of arrays of an objective."""
        return self.plans.get(
            "measurement",
            objective,
            lambda: Measurement(self.network, self.parameters, objective),
        )

    def updates_of(self, optimizer: Update) -> Updates:
        """Return which optimizer updates which parameter.

        Raises
        ------
        ValueError
            If the groups of the optimizer name something that the network has not.
        """
        if self._updates is None or self._updates.optimizer != optimizer:
            self._updates = Updates.of(self.network, optimizer)
        return self._updates

    def state_of(self, optimizer: Update) -> OptimizerState:
        """Return what an optimizer remembers.

        It is what the last step left if all parameters were updated by rules of the same class that
        keep the same vectors: other settings take effect, moments and step count stay, and a new
        learning rate begins with its step 0. Else nothing is remembered yet.
        """
        state = self._kept(optimizer)
        if state is None:
            vectors = self.updates_of(optimizer).vectors
            new = [self.parameters.new_vector() for _ in range(vectors)]
            self.state = state = OptimizerState(optimizer, new)
        elif state.optimizer is optimizer or state.optimizer == optimizer:
            return state
        else:
            state.began = self._began(state, optimizer)
            state.optimizer = optimizer
        if optimizer.ema is None:
            state.average = None
        elif state.average is None:
            state.average = WeightAverage(self.parameters, state.steps)
        return state

    def _kept(self, optimizer: Update) -> OptimizerState | None:
        """Return the state that is of use to an optimizer, if there is one."""
        state = self._present_state()
        if state is None or state.optimizer is optimizer or state.optimizer == optimizer:
            return state
        before = self.updates_of(state.optimizer).memory
        return state if before == self.updates_of(optimizer).memory else None

    def _began(self, state: OptimizerState, optimizer: Update) -> int:
        """Return since which step the learning rates of an optimizer count that goes on so."""
        before = self.updates_of(state.optimizer).rates
        return state.began if before == self.updates_of(optimizer).rates else state.steps

    def _present_state(self) -> OptimizerState | None:
        """Return the state, its vectors in the present layout of the parameters."""
        state, parameters = self.state, self.parameters
        if self._layout is not parameters.offsets:
            old, self._layout = self._layout, parameters.offsets
            if state is not None:
                moved = [parameters.put(v, old, parameters.new_vector()) for v in state.vectors]
                state.vectors = moved
                if state.average is not None:
                    state.average.move(old)
        return state

    def starts(self, schedules: Sequence[Any]) -> Starts:
        """Return from which step on each schedule in a graph counts: the first that it was in."""
        state = self.state
        known, now = ((), 0) if state is None else (state.starts, state.steps)
        return [(schedule, start_of(schedule, known, now)) for schedule in schedules]

    def untouched(self) -> list[slice]:
        """Return the parts of the vector that no step changes."""

        def make() -> list[slice]:
            how = dict.fromkeys(self.left_alone, Treatment(""))
            return [slice(group.begin, group.end) for group in self.parameters.groups(how)]

        return self.plans.get("untouched", None, make)

    def steps_ahead(
        self,
        plan: planner.TrainingPlan,
        count: int,
        rate_factor: float = 1.0,
        numbers: NumbersAhead | None = None,
        schedules: Sequence[Any] | None = None,
    ) -> dict[str, Any]:
        """Return what `TrainingPlan.run_epochs` needs to know of the next steps.

        Learning rates are multiplied by `rate_factor`. A fit keeps `numbers` from call to call. The
        counts of `schedules` go on, by default of those of the plan.

        The parameters have the weights that are trained until `settle` is called.
        """
        state = self.state
        assert state is not None
        optimizer, average = state.optimizer, state.average
        updates, numbers = self.updates_of(optimizer), numbers or NumbersAhead()
        values = numbers(updates, state.steps, count, state.began, rate_factor)
        state.starts = self.starts(plan.schedules if schedules is None else schedules)
        mean = None
        if average is not None and optimizer.ema is not None:
            average.begin(state.steps, self.untouched())
            parts = average.parts(optimizer.ema, state.steps, count)
            mean = Average(average.vector, parts)
        return {
            "state": state.vectors[: plan.vectors],
            "step_values": values[:, : plan.columns],
            "first_step": state.steps,
            "scheduled": numbers.of_graph(plan, state.steps, count, state.starts),
            "average": mean,
            "clip_norm": optimizer.clip_norm,
            "clip_value": optimizer.clip_value,
        }

    def follow(
        self,
        plan: planner.TrainingPlan,
        feeds: Feeds,
        rows: int,
        optimizer: Update,
        noise: int,
        schedules: Sequence[Any],
    ) -> EpochsResult:
        """Take one step of a plan, of all these rows, and write down what it did."""
        state = self.state_of(optimizer)
        first, result = state.steps, plan.new_result(1)
        try:
            plan.run_epochs(
                feeds,
                **self.steps_ahead(plan, 1, schedules=schedules),
                order=None,
                batch_size=rows,
                epochs=1,
                seed=noise,
                result=result,
            )
            self.settle(first, result)
        except BaseException:
            self.settle(first, result)  # again if an interrupt came before it had begun
            raise
        finally:
            if result.non_finite:
                self.state = None  # its vectors are no longer those of the weights
        return result

    def settle(self, first_step: int, result: EpochsResult) -> None:
        """Write down what steps from this one on have done; once more does no harm."""
        state = self.state
        if state is None:
            return
        if state.average is not None:
            state.average.end()
        state.steps = first_step + result.steps_done


def _kind(objective: Objective, updates: Updates, data: Examples) -> tuple[Any, ...]:
    """Return what the plan of a training depends on."""
    return objective, updates.plan, data.target_columns, data.weighted
