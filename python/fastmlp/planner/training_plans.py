"""Training by a program: epochs of it in one call of the core, or its loss and gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from fastmlp.data.arrays import KINDS
from fastmlp.data.sparse import CompressedRows
from fastmlp.graph.feeds import check_feeds
from fastmlp.graph.gradients import gradient
from fastmlp.graph.node import Array, Node, constant, describe, topological_order
from fastmlp.graph.ops.reductions import spread
from fastmlp.graph.ops.scheduled import values_of
from fastmlp.graph.roles import STATISTIC
from fastmlp.planner.build import plan_program
from fastmlp.planner.directions import Direction, Directions
from fastmlp.planner.kernels import OPTIMIZERS
from fastmlp.planner.parameters import Group, Parameters, Treatment
from fastmlp.planner.plans import WORD, as_the_core_reads, make_program


class UpdateRule(Protocol):
    """What a training plan needs to know of an optimizer."""

    @property
    def kernel(self) -> str:
        """The rule, one of those in `_core.format.optimizers`."""


@dataclass(frozen=True)
class Changes:
    """What a step does to which parameters; see `plan_training`."""

    gradients: Mapping[Node, Node] | None
    statistics: Mapping[Node, Node]
    frozen: frozenset[Node]
    undecayed: frozenset[Node]
    treatments: Mapping[Node, Treatment]
    directions: Mapping[Node, Direction]

    @property
    def given(self) -> list[Node]:
        """The nodes that are followed besides the loss's gradient."""
        return [*(self.gradients or {}).values(), *self.statistics.values()]

    def check(self, parameters: Parameters) -> None:
        """Raise unless all of it is about these parameters."""
        _check_nodes("gradients", self.gradients or {}, parameters)
        _check_nodes("statistics", self.statistics, parameters)
        for node in self.statistics:
            if parameters.roles[node] != STATISTIC:
                raise ValueError(
                    f"statistics: {node!r} has the role {parameters.roles[node]!r}, "
                    f"expected {STATISTIC!r}"
                )
        for name, nodes in (
            ("frozen", self.frozen),
            ("undecayed", self.undecayed),
            ("treatments", self.treatments),
            ("directions", self.directions),
        ):
            for node in nodes:
                if node not in parameters.offsets:
                    raise ValueError(f"{name}: {node!r} is not among the parameters")

    def followed(self, loss: Node, parameters: Parameters) -> dict[Node, Node]:
        """Return what each parameter follows; those left out stay as they are."""
        stay = self.frozen | {v for v, role in parameters.roles.items() if role == STATISTIC}
        trained = [node for node in parameters.nodes if node not in stay]
        if self.gradients is None:
            along = gradient(loss, trained)
        else:
            zero = constant(0.0)
            along = [self.gradients.get(node) or spread(zero, node.shape) for node in trained]
        values = {v: new for v, new in self.statistics.items() if v not in self.frozen}
        return dict(zip(trained, along, strict=True)) | values

    def groups(self, parameters: Parameters, followed: Iterable[Node], rule: str) -> list[Group]:
        """Return the groups of the parameters that follow something."""
        how = {
            node: Treatment("assign")
            if node in self.statistics
            else self.treatments.get(node, Treatment(rule, decays=node not in self.undecayed))
            for node in followed
        }
        return parameters.groups(how)


def plan_training(
    loss: Node,
    parameters: Parameters,
    update: UpdateRule,
    *,
    metrics: Sequence[Node] = (),
    weight: Node | None = None,
    gradients: Mapping[Node, Node] | None = None,
    statistics: Mapping[Node, Node] | None = None,
    frozen: Collection[Node] = (),
    undecayed: Collection[Node] = (),
    treatments: Mapping[Node, Treatment] | None = None,
    directions: Mapping[Node, Direction] | None = None,
) -> TrainingPlan:
    """Return a plan that trains the parameters to make a loss small.

    Parameters
    ----------
    loss : Node
        (1, 1): J, its regularizer included.
    parameters : Parameters
        What is trained, in place.
    update : UpdateRule
        The optimizer.
    metrics : sequence of Node
        Further (1, 1) nodes to average over the batches of an epoch.
    weight : Node, optional
        (1, 1), what a batch counts in these averages and in that of the loss: for weighted means
        the sum of its weights. By default its number of rows.
    gradients : mapping of parameter to Node, optional
        What to descend along instead of the gradient of `loss`: each parameter may follow a loss of
        its own, as two networks against each other do. Parameters left out get a gradient of zero.
    statistics : mapping of parameter to Node, optional
        New values, as of a mean over batches: after each step these parameters, whose role is
        "statistic", have the value that the node had in it. The loss's gradient is not asked for
        parameters of this role; those left out stay as they are.
    frozen : collection of parameters
        They stay as they are: their gradient is not computed and counts as zero.
    undecayed : collection of parameters
        They are trained without the optimizer's weight decay.
    treatments : mapping of parameter to Treatment, optional
        How parameters are updated that the optimizer does not update in its own way.
    directions : mapping of matrix to function of nodes, optional
        For parameters of the rule "muon": what makes the direction of a step of the mean of
        gradients until now, and the gradient.
    """
    changes = Changes(
        gradients,
        statistics or {},
        frozenset(frozen),
        frozenset(undecayed),
        treatments or {},
        directions or {},
    )
    return TrainingPlan(loss, parameters, update, metrics, weight, changes)


class Average(NamedTuple):
    """A running mean of the parameters: e ← e + part·(w − e) after each step.

    Attributes
    ----------
    vector : ndarray
        e, in the layout of the parameters. What no rule updates is left as it is; what is told its
        value has that value.
    parts : float64 array with an element for each step
        1 begins anew.
    """

    vector: Array
    parts: Array


class EpochsResult:
    """What a run of epochs did; filled in as it goes, so that it is right after an exception too.

    Parameters
    ----------
    epochs, scalars : int
        How many epochs are to be run, and how many numbers each has.

    Attributes
    ----------
    scalars : ndarray of shape (epochs_done, 1 + metrics)
        Loss and metrics of each epoch as training met them, averaged over its batches; NaN if they
        weigh nothing.
    epochs_done, steps_done : int
    non_finite : bool
        The loss became NaN or infinite; the parameters are the last finite ones.
    """

    def __init__(self, epochs: int, scalars: int) -> None:
        self.numbers = np.zeros((epochs, scalars))
        self.counts = np.zeros(3, dtype=np.int64)

    @property
    def scalars(self) -> Array:
        """A row of numbers for each epoch done."""
        return self.numbers[: self.epochs_done]

    @property
    def epochs_done(self) -> int:
        """How many epochs were run to their end."""
        return int(self.counts[0])

    @property
    def steps_done(self) -> int:
        """How many times the parameters were updated."""
        return int(self.counts[1])

    @property
    def non_finite(self) -> bool:
        """Whether the loss became NaN or infinite."""
        return bool(self.counts[2])


class TrainingPlan:
    """Computes a loss and its gradient, and updates the parameters; made by `plan_training`.

    Attributes
    ----------
    parameters : Parameters
        As given.
    inputs : tuple of Node
        What is fed.
    groups : list of Group
        How the parameters are updated.
    vectors, columns : int
        How many vectors their rules keep from step to step, and how many numbers a step has.
    """

    def __init__(
        self,
        loss: Node,
        parameters: Parameters,
        update: UpdateRule,
        metrics: Sequence[Node],
        weight: Node | None,
        changes: Changes,
    ) -> None:
        weights = () if weight is None else (weight,)
        named = [("loss", loss), *(("metrics", metric) for metric in metrics)]
        for name, node in [*named, *(("weight", node) for node in weights)]:
            if not isinstance(node, Node):
                raise TypeError(f"{name}: expected a graph node, got {type(node).__name__}")
            if node.shape != (1, 1):
                raise ValueError(f"{name}: expected a node of shape (1, 1), got {node!r}")
        self.parameters = parameters
        changes.check(parameters)
        self._order = topological_order([loss, *metrics, *weights, *changes.given])
        self.inputs = tuple(v for v in self._order if v.op == "input")
        self._scheduled = tuple(v for v in self._order if v.op == "scheduled")
        followed = changes.followed(loss, parameters)
        self.groups = changes.groups(parameters, followed, update.kernel)
        rules = [(group.column, OPTIMIZERS[group.rule]) for group in self.groups]
        self.vectors = max((len(rule.state) for _, rule in rules), default=0)
        self.columns = max((begin + len(rule.numbers) for begin, rule in rules), default=0)
        self._assigned = [node for node in changes.statistics if node in followed]
        self._directions = Directions(changes.directions, followed, parameters)
        arguments, self.steps = plan_program(
            (),
            parameters=parameters,
            fed=(*self.inputs, *self._scheduled),
            directions=self._directions.nodes,
            scalars=(loss, *metrics),
            weight=weight,
            gradients=followed,
        )
        self._program = make_program(arguments, parameters)
        self._scalars = 1 + len(metrics)

    def new_state(self) -> list[Array]:
        """Return the optimizer's state at the beginning: vectors of zeros."""
        return [self.parameters.new_vector() for _ in range(self.vectors)]

    def new_result(self, epochs: int) -> EpochsResult:
        """Return the empty result of a run of `epochs` epochs."""
        return EpochsResult(epochs, self._scalars)

    def new_sums(self) -> Array:
        """Return what the averages of an epoch are made of at its beginning: zeros."""
        return np.zeros(self._scalars + 1)

    def run_epochs(
        self,
        feeds: Mapping[Node, Array | CompressedRows],
        *,
        state: Sequence[Array],
        order: Array | None,
        batch_size: int,
        epochs: int,
        step_values: Array,
        seed: int,
        first_step: int,
        average: Average | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        result: EpochsResult | None = None,
        sums: Array | None = None,
    ) -> EpochsResult:
        """Train for some epochs without returning in between.

        Parameters
        ----------
        feeds : mapping of Node to array
            (n, columns) for each input, read in place where the dtype is the parameters', else
            converted batch by batch.
        state : sequence of array
            From `new_state`, changed in place.
        order : int64 array of shape (epochs, n) or None
            In which order each epoch takes the rows; None takes them as they stand.
        batch_size, epochs : int
            The last batch of an epoch may be shorter.
        step_values : float64 array of shape (epochs · ⌈n / batch_size⌉, numbers)
            The optimizer's numbers for each step, see `optimizers`.
        seed, first_step : int
            Of the random numbers of dropout; the first step's number, for what is scheduled.
        average : Average, optional
            What the parameters are averaged in, changed in place.
        clip_norm, clip_value : float, optional
            Bounds of the gradient: of its norm over all parameters that are trained, and of each
            element then; see `optimizers.Update`.
        result : EpochsResult, optional
            What is returned, from `new_result`. Given by callers who need to know what was done
            when an exception ends the call.
        sums : float64 array, optional
            From `new_sums`, for an epoch whose batches come in several calls: each of them goes on
            where the last one was, and its averages are those of the epoch so far.

        Raises
        ------
        KeyboardInterrupt
            The parameters are then those after the last whole step, and `result` says which.
        """
        arrays, rows = self._arrays(feeds)
        steps = epochs * -(-rows // batch_size)
        arrays += values_of(self._scheduled, first_step, steps, self.parameters.dtype)
        result = result or self.new_result(epochs)
        means, outputs = self._directions.arrays(state)
        self._program.train(
            feeds=[*arrays, *means],
            outputs=outputs,
            order=order,
            rows=rows,
            batch_rows=batch_size,
            epochs=epochs,
            parameters=self.parameters.flat,
            state=list(state),
            groups=self.groups,
            step_values=np.ascontiguousarray(step_values, dtype=np.float64),
            seed=seed % WORD,
            first_step=first_step % WORD,
            scalars=result.numbers,
            done=result.counts,
            clip_norm=math.inf if clip_norm is None else clip_norm,
            clip_value=math.inf if clip_value is None else clip_value,
            average=None if average is None else average.vector,
            parts=None if average is None else average.parts,
            sums=sums,
        )
        return result

    def loss_and_gradient(
        self, feeds: Mapping[Node, Array | CompressedRows], *, seed: int = 0, step: int = 0
    ) -> tuple[float, Array]:
        """Return the loss of all rows as one batch, and its gradient as a flat vector.

        The gradient is 0 at parameters that are frozen or statistics.
        """
        return self.loss_function(feeds, seed=seed, step=step)()

    def loss_function(
        self, feeds: Mapping[Node, Array | CompressedRows], *, seed: int = 0, step: int = 0
    ) -> Callable[[], tuple[float, Array]]:
        """Return `loss_and_gradient` of these rows as a function without arguments.

        The feeds are checked once, here; the parameters are those at the time of each call.
        """
        arrays, rows = self._arrays(feeds)
        arrays += values_of(self._scheduled, step, 1, self.parameters.dtype)
        seed, step = seed % WORD, step % WORD
        means, outputs = self._directions.arrays(self.new_state())
        arrays += means

        def loss_and_gradient() -> tuple[float, Array]:
            flat = self.parameters.new_vector()
            loss = self._program.run(arrays, rows, self.parameters.flat, outputs, seed, step, flat)
            for node in self._assigned:  # what stands there is its new value
                self.parameters.view(node, flat)[...] = 0
            return loss, flat

        return loss_and_gradient

    def _arrays(self, feeds: Mapping[Node, Any]) -> tuple[list[Any], int]:
        matrices, rows = check_feeds(feeds, self._order, KINDS, sparse=True)
        unknown = [node for node in matrices if node not in self.inputs]
        if unknown:
            raise ValueError(f"feeds: the loss does not depend on {unknown[0]!r}")
        arrays = [as_the_core_reads(matrices[node]) for node in self.inputs]
        return arrays, 1 if rows is None else rows


def _check_nodes(name: str, nodes: Mapping[Node, Node], parameters: Parameters) -> None:
    """Raise unless each is a node of the shape of one of the parameters."""
    for parameter, node in nodes.items():
        if parameter not in parameters.offsets:
            raise ValueError(f"{name}: {parameter!r} is not among the parameters")
        if not isinstance(node, Node):
            raise TypeError(f"{name}: expected graph nodes, got {type(node).__name__}")
        if node.shape != parameter.shape:
            raise ValueError(
                f"{name}: expected {describe(parameter.shape)} for {parameter!r}, got {node!r}"
            )
