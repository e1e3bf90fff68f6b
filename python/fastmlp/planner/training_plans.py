"""Training by a program: epochs of it in one call of the core, or its loss and gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from fastmlp import _core
from fastmlp.graph.node import Array, Node, topological_order
from fastmlp.graph.ops.scheduled import Starts, values_of
from fastmlp.planner.build import plan_program
from fastmlp.planner.changes import Changes, UpdateRule
from fastmlp.planner.directions import Direction, Directions
from fastmlp.planner.kernels import OPTIMIZERS
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.plans import WORD, CoreFeeds, Feeds, check_parameters, make_program
from fastmlp.planner.results import Average, EpochsResult
from fastmlp.planner.steppers import Fed, FollowedAverage, Stepper
from fastmlp.planner.treatments import Treatment


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
    max_norms: Mapping[Node, float] | None = None,
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
    frozen : collection of Node
        Parameters that stay as they are: their gradient is not computed and counts as zero.
    undecayed : collection of Node
        Parameters trained without the optimizer's weight decay.
    treatments : mapping of parameter to Treatment, optional
        How parameters are updated that the optimizer does not update in its own way.
    directions : mapping of matrix to function of nodes, optional
        For parameters of the rule "muon": what makes the direction of a step of the mean of
        gradients until now, and the gradient.
    max_norms : mapping of matrix to float, optional
        c: after each step every row w of the matrix becomes w · min(1, c / ‖w‖), before the average
        is taken. Rows of what stays as it is are left alone.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import graph as g
    >>> w = g.parameter(1.0, "w")
    >>> plan_training((w - 3.0) ** 2, Parameters([w]), fm.SGD(0.1)).inputs
    ()
    """
    changes = Changes(
        gradients,
        statistics or {},
        frozenset(frozen),
        frozenset(undecayed),
        treatments or {},
        directions or {},
        max_norms or {},
    )
    return TrainingPlan(loss, parameters, update, metrics, weight, changes)


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

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import graph as g
    >>> w = g.parameter(1.0, "w")
    >>> plan = plan_training((w - 3.0) ** 2, Parameters([w]), fm.SGD(0.1))
    >>> plan.loss_and_gradient({})[0]
    4.0
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
        check_parameters(parameters)
        weights = () if weight is None else (weight,)
        named = [("loss", loss), *(("metrics", metric) for metric in metrics)]
        for name, node in [*named, *(("weight", node) for node in weights)]:
            if not isinstance(node, Node):
                raise TypeError(f"{name}: expected a graph node, got {type(node).__name__}")
            if node.shape != (1, 1):
                raise ValueError(f"{name}: expected a node of shape (1, 1), got {node!r}")
        self.parameters = parameters
        self._layout = parameters.offsets
        changes.check(parameters)
        wanted, matrices = [loss, *metrics, *weights, *changes.given], changes.matrices
        self._order = topological_order(wanted, known=matrices)
        self.inputs = tuple(v for v in self._order if v.op == "input" or v in matrices)
        self._scheduled = tuple(v for v in self._order if v.op == "scheduled")
        followed = changes.followed(loss, parameters)
        self.groups = changes.groups(parameters, followed, update.kernel)
        rules = [(group.column, OPTIMIZERS[group.rule]) for group in self.groups]
        self.vectors = max((len(rule.state) for _, rule in rules), default=0)
        self.columns = max((begin + len(rule.numbers) for begin, rule in rules), default=0)
        self._assigned = [node for node in changes.statistics if node in followed]
        self._max_norms = changes.bounds(parameters, followed)
        self._directions = Directions(changes.directions, followed, parameters)
        means = self._directions.means.nodes.values()
        arguments, self.steps = plan_program(
            (),
            parameters=parameters,
            fed=(*self.inputs, *self._scheduled, *means),
            matrices=(*matrices, *means),
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
        self, feeds: Feeds, *, epochs: int, result: EpochsResult | None = None, **how: Any
    ) -> EpochsResult:
        """Train for some epochs without returning in between.

        Parameters
        ----------
        feeds, epochs, **how
            As for `job`.
        result : EpochsResult, optional
            What is returned, from `new_result`. Given by callers who need to know what was done
            when an exception ends the call.

        Raises
        ------
        KeyboardInterrupt
            The parameters are then those after the last whole step, and `result` says which.
        """
        result = result or self.new_result(epochs)
        self.run_jobs([self.job(feeds, epochs=epochs, result=result, **how)])
        return result

    def job(
        self,
        feeds: Feeds,
        *,
        state: Sequence[Array],
        order: Array | None,
        batch_size: int,
        epochs: int,
        step_values: Array,
        seed: int,
        first_step: int,
        result: EpochsResult,
        average: Average | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        sums: Array | None = None,
        parameters: Parameters | None = None,
        scheduled: Sequence[Array] | None = None,
    ) -> Any:
        """Return epochs of a training for `run_jobs`, all arguments checked.

        Parameters
        ----------
        feeds : mapping of Node to array
            (n, columns) for each input, read in place where the dtype is the parameters', else
            converted batch by batch; or what `checked` has made of it.
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
        result : EpochsResult
            From `new_result`, filled in.
        average : Average, optional
            What the parameters are averaged in, changed in place.
        clip_norm, clip_value : float, optional
            Bounds of the gradient: of its norm over all parameters that are trained, and of each
            element then; see `optimizers.Update`.
        sums : float64 array, optional
            From `new_sums`, for an epoch whose batches come in several calls: each of them goes on
            where the last one was, and its averages are those of the epoch so far.
        parameters : Parameters, optional
            What is trained instead of those of the plan, in the same layout.
        scheduled : sequence of array, optional
            Numbers of the steps in the graph, from `scheduled`; by default they count from 0.
        """
        arrays, rows = self.checked(feeds)
        steps = epochs * -(-rows // batch_size)
        values = self.scheduled(first_step, steps) if scheduled is None else scheduled
        means, outputs = self._directions.arrays(state)
        return self._program.job(
            feeds=[*arrays, *values, *means],
            order=order,
            rows=rows,
            batch_rows=batch_size,
            epochs=epochs,
            updating=self._updating(state, outputs, step_values, clip_norm, clip_value, parameters),
            seed=seed % WORD,
            first_step=first_step % WORD,
            scalars=result.numbers,
            done=result.counts,
            average=None if average is None else average.vector,
            parts=None if average is None else average.parts,
            sums=sums,
        )

    def run_jobs(self, jobs: Sequence[Any]) -> None:
        """Do jobs, each with parameters and a state of its own, in one call of the core.

        Each ends with the bits that it would have alone. Small ones are dealt out to threads whole,
        large ones come one after the other and use them all.

        Raises
        ------
        KeyboardInterrupt
            The `result` of each job says how far it came.
        """
        self._program.train_each(jobs)

    def _updating(
        self,
        state: Sequence[Array],
        outputs: Sequence[Array],
        step_values: Array,
        clip_norm: float | None,
        clip_value: float | None,
        parameters: Parameters | None = None,
    ) -> _core.Updating:
        """Return what the core needs to know of the optimizer."""
        own = self._flat
        return _core.Updating(
            parameters=own if parameters is None else parameters.flat,
            state=list(state),
            groups=self.groups,
            step_values=np.ascontiguousarray(step_values, dtype=np.float64),
            clip_norm=math.inf if clip_norm is None else clip_norm,
            clip_value=math.inf if clip_value is None else clip_value,
            max_norms=self._max_norms,
            outputs=outputs,
        )

    @property
    def schedules(self) -> list[Any]:
        """The functions of steps in the graph."""
        return [node.attrs["function"] for node in self._scheduled]

    def scheduled(self, first_step: int, count: int, starts: Starts = ()) -> list[Array]:
        """Return the numbers of what is scheduled in the graph, (count, 1); `starts` as below."""
        return values_of(self._scheduled, first_step, count, self.parameters.dtype, starts)

    def stepper(
        self,
        fed: Fed,
        counter: Any,
        *,
        state: Sequence[Array],
        step_values: Array,
        seed: int,
        first_step: int,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        average: FollowedAverage | None = None,
        scheduled: Sequence[Array] = (),
    ) -> Stepper | None:
        """Return single steps as a function of plain arrays, for loops in Python.

        Parameters
        ----------
        fed : Fed
            What examples are fed to.
        counter : object
            Its attribute `steps` is the number of the next step, read and written.
        state, step_values, seed, first_step, clip_norm, clip_value, scheduled
            As for `run_epochs`; numbers of at least two steps.
        average : FollowedAverage, optional
            That of the weights: the parameters are the trained ones during a step only.

        Returns
        -------
        Stepper or None
            None if the loss depends on more than what is fed.
        """
        places = {node: place for place, node in enumerate(fed.nodes)}
        if not set(self.inputs) <= set(places):
            return None
        means, outputs = self._directions.arrays(state)
        fixed = [*scheduled, *means]
        functions = _core.make_stepper(
            program=self._program,
            feeds=[*(None for _ in self.inputs), *fixed],
            sources=[*(places[node] for node in self.inputs), *(-1 for _ in fixed)],
            **fed.described(),
            updating=self._updating(state, outputs, step_values, clip_norm, clip_value),
            first_step=first_step,
            seed=seed % WORD,
            average=average,
            assigned=[self.parameters.place(node) for node in self._assigned],
            counter=counter,
            access=self.parameters.access,
        )
        return Stepper(*functions)

    def loss_and_gradient(
        self, feeds: Feeds, *, seed: int = 0, step: int = 0
    ) -> tuple[float, Array]:
        """Return the loss of all rows as one batch, and its gradient as a flat vector.

        The gradient is 0 at parameters that are frozen or statistics.
        """
        return self.loss_function(feeds, seed=seed, step=step)()

    def loss_function(
        self, feeds: Feeds, *, seed: int = 0, step: int = 0, starts: Starts = ()
    ) -> Callable[[], tuple[float, Array]]:
        """Return `loss_and_gradient` of these rows as a function without arguments.

        The feeds are checked once, here; the parameters are those at the time of each call.
        """
        fed, rows = self.checked(feeds)
        values = self.scheduled(step, 1, starts)
        seed, step, access = seed % WORD, step % WORD, self.parameters.access
        means, outputs = self._directions.arrays(self.new_state())
        arrays = [*fed, *values, *means]
        assigned = [self.parameters.place(node) for node in self._assigned]

        def loss_and_gradient() -> tuple[float, Array]:
            flat = self.parameters.new_vector()
            loss = self._program.run(arrays, rows, self._flat, outputs, seed, step, flat, access)
            for begin, size in assigned:  # what stands there is its new value
                flat[begin : begin + size] = 0
            return loss, flat

        return loss_and_gradient

    @property
    def _flat(self) -> Array:
        """The parameters; ValueError if they are not where the program looks for them."""
        if self.parameters.offsets is not self._layout:
            raise ValueError(
                "the parameters have moved since this was planned, as a model of their layers and "
                "of others was made: plan again"
            )
        return self.parameters.flat

    def checked(self, feeds: Feeds) -> CoreFeeds:
        """Return feeds for several calls with the same arrays, which are checked here."""
        if isinstance(feeds, CoreFeeds):
            return feeds
        return CoreFeeds.of(feeds, self._order, self.inputs)
