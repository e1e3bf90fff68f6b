"""What trains a network: compiled plans, what the optimizer remembers, and the fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp import planner
from fastmlp.networks import signal
from fastmlp.training.epochs import Training
from fastmlp.training.evaluation import Evaluation, Measurement
from fastmlp.training.plans import Plans

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
    from fastmlp.networks.examples import Examples
    from fastmlp.networks.graphs import TrainingGraph
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective, Objective
    from fastmlp.optimizers import Update
    from fastmlp.planner.parameters import Parameters
    from fastmlp.training.request import FitRequest


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
    """

    optimizer: Update
    vectors: list[NDArray[Any]]
    steps: int = 0


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

    def begin(self, request: FitRequest, model: Any) -> Training:
        """Compile a fit and tell its listeners, one of which may raise.

        Parameters
        ----------
        request : FitRequest
            What is asked for.
        model
            What the listeners are told of.
        """
        known = self.plans.has(
            "training", _kind(request.objective, request.optimizer, request.data)
        )
        compiled = self.compiled(request.objective, request.optimizer, request.data)
        if request.measure is not None:
            # What a function of the user's cannot take it tells now, and not after an epoch.
            request.measure(self)
            if request.evaluate is not None:
                request.evaluate(self)
        training = Training(self, request, compiled, model, compiled_anew=not known)
        for listener in request.listeners:
            listener.on_fit_begin(model, request.recorded)
        return training

    def compiled(self, objective: Objective, optimizer: Update, data: Examples) -> Compiled:
        """Return the plan for steps on such data, the last one if it was of the same kind."""

        def make() -> Compiled:
            signal.check_trainable(self.network)
            graph = objective.training_graph(self.network, data.target_columns, data.weighted)
            plan = planner.plan_training(
                graph.loss,
                self.parameters,
                optimizer,
                metrics=graph.metrics,
                weight=graph.batch_weight,
                gradients=graph.gradients,
                statistics=graph.statistics,
                frozen=self.network.frozen,
                undecayed=_undecayed(optimizer, self.parameters),
            )
            return Compiled(graph, plan, self.network.input_nodes)

        return self.plans.get("training", _kind(objective, optimizer, data), make)

    def evaluate(self, objective: MeanObjective, data: Examples) -> dict[str, float]:
        """Return loss and metrics of some examples without dropout, at the present parameters."""
        network, parameters, columns = self.network, self.parameters, data.target_columns
        evaluation = self.plans.get(
            "evaluation",
            (objective, columns),
            lambda: Evaluation(network, parameters, objective, columns),
        )
        return evaluation(data)

    def measure(self, objective: MeanObjective, data: Examples) -> dict[str, float]:
        """Return the metrics of arrays for some examples, without dropout."""
        network, parameters = self.network, self.parameters
        measurement = self.plans.get(
            "measurement", objective, lambda: Measurement(network, parameters, objective)
        )
        return measurement(data)

    def state_of(self, optimizer: Update) -> OptimizerState:
        """Return what an optimizer remembers: nothing yet if the last step was not its own."""
        state = self.state
        if state is None or state.optimizer != optimizer:
            new = [self.parameters.new_vector() for _ in range(optimizer.state_vectors)]
            self.state = state = OptimizerState(optimizer, new)
        return state


def _undecayed(optimizer: Update, parameters: Parameters) -> list[Node]:
    """Return the parameters that the optimizer does not shrink."""
    decaying = optimizer.decaying
    roles = parameters.roles.items()
    return [] if decaying is None else [node for node, role in roles if role not in decaying]


def _kind(objective: Objective, optimizer: Update, data: Examples) -> tuple[Any, ...]:
    """Return what the plan of a training depends on."""
    return objective, optimizer.kernel, optimizer.decaying, data.target_columns, data.weighted
