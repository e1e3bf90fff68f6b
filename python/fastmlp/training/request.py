"""What a fit is asked to do: every argument checked before anything changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fastmlp import _checks, optimizers
from fastmlp.callbacks import as_callbacks
from fastmlp.graph.node import topological_order
from fastmlp.graph.ops.scheduled import values_of
from fastmlp.networks import examples, signal
from fastmlp.networks.batches import BatchCheck
from fastmlp.networks.examples import Examples
from fastmlp.training import lbfgs, progress
from fastmlp.training.streams import Reader
from fastmlp.training.updates import Updates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from fastmlp.callbacks import Callback
    from fastmlp.history import History
    from fastmlp.losses import Loss
    from fastmlp.networks.graphs import TrainingGraph
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective, Objective
    from fastmlp.optimizers import LBFGS, Update
    from fastmlp.training.trainer import Trainer


# Rows of a batch of arrays, where nobody says.
BATCH_ROWS = 32


class Rule(Protocol):
    """A rule of stopping, which says how many epochs may run before it has to decide."""

    def ahead(self) -> int:
        """Return how many epochs may run in one call before the rule is told of them."""

    def on_epochs(self, history: History) -> str | None:
        """Take note of the epochs that the history has more than before; return why to stop.

        None to go on. May be called again with the same epochs, or with none.
        """

    def on_fit_end(self, history: History, non_finite: bool) -> None:
        """Take note that the training is over; called before the listeners are told."""


class Shuffled:
    """Orders of the rows, each random; the same however many epochs they are asked for at once.

    Examples
    --------
    >>> orders = Shuffled(5, np.random.SeedSequence(0))
    >>> orders(2).shape
    (2, 5)
    """

    def __init__(self, rows: int, seed: np.random.SeedSequence) -> None:
        self._rows = rows
        self._random = np.random.Generator(np.random.PCG64(seed))

    @property
    def state(self) -> dict[str, Any]:
        """Where the random numbers are, as JSON values."""
        return dict(self._random.bit_generator.state)

    @state.setter
    def state(self, state: dict[str, Any]) -> None:
        self._random.bit_generator.state = state

    def __call__(self, epochs: int) -> NDArray[np.int64]:
        """Return the orders of the next epochs (epochs, rows)."""
        orders = np.tile(np.arange(self._rows, dtype=np.int64), (epochs, 1))
        return self._random.permuted(orders, axis=1, out=orders)


def noise_of(seeds: np.random.SeedSequence) -> int:
    """Return what dropout is drawn from, a number below 2⁶³."""
    return int(seeds.generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True)
class FitRequest:
    """What one fit is asked to do, all of it checked.

    Attributes
    ----------
    objective : Objective
        What is reported and what is followed.
    names : dict of str to bool
        What the reported numbers are called, and whether more of it is better.
    data : Examples
        What to train on.
    optimizer : Update
        The rule of a step.
    epochs, batch_size : int
        How long, and how many rows a step; `batch_size` is at most the number of rows.
    orders : callable or None
        Gives the orders of the rows in the next epochs; None takes them as they stand.
    noise : int
        Where dropout comes from.
    listeners : tuple of Callback
        Whom to tell after each epoch.
    display : {"nothing", "bar", "lines"}
        What to show of the epochs.
    held_out : dict of str to bool
        As `names`, of the numbers that `evaluate` gives.
    prepare : callable or None
        Called with the trainer before the first epoch, raises what `evaluate` cannot take.
    evaluate : callable or None
        Called with the trainer after each epoch, gives the numbers of `held_out`.
    measured : tuple of str
        Those of `names` that steps do not report.
    measure : callable or None
        Called with the trainer after each epoch, gives the numbers of `measured`.
    rule : Rule or None
        What else may end the training.
    minimiser : LBFGS or None
        What is done in the place of steps.
    stream : Reader or None
        What `data` is the first batch of; None if they are all the data.
    """

    objective: Objective
    names: dict[str, bool]
    data: Examples
    optimizer: Update
    epochs: int
    batch_size: int
    orders: Callable[[int], NDArray[np.int64]] | None
    noise: int
    listeners: tuple[Callback, ...] = ()
    display: str = "nothing"
    held_out: dict[str, bool] = field(default_factory=dict)
    prepare: Callable[[Trainer], object] | None = None
    evaluate: Callable[[Trainer], Mapping[str, float]] | None = None
    measured: tuple[str, ...] = ()
    measure: Callable[[Trainer], Mapping[str, float]] | None = None
    rule: Rule | None = None
    minimiser: LBFGS | None = None
    stream: Reader | None = None

    @classmethod
    def of(
        cls,
        network: Network,
        dtype: np.dtype[Any],
        objective: MeanObjective,
        X: Any,
        t: Any,
        *,
        optimizer: Any,
        epochs: Any,
        batch_size: Any,
        validation_data: Any,
        validation_split: Any,
        sample_weight: Any,
        class_weight: Any,
        callbacks: Any,
        shuffle: Any,
        seed: np.random.SeedSequence,
        verbose: Any,
    ) -> FitRequest:
        """Check the arguments of `Model.fit` with this objective.

        X and `validation_data` may be `Examples`, which have been checked.

        Raises
        ------
        TypeError, ValueError
            For the first argument that is wrong.
        """
        minimiser = optimizers.minimiser(optimizer)
        rule = optimizers.SGD() if minimiser else optimizers.get(optimizer)
        Updates.of(network, rule)  # raises what its groups get wrong
        epochs = _checks.integer(epochs, "epochs", at_least=1)
        stream = X if isinstance(X, Reader) else None
        most = _rows_of_a_batch(batch_size, stream, minimiser)
        shuffle = stream is None if _checks.says(shuffle, "auto") else shuffle
        shuffle = _checks.flag(shuffle, "shuffle")
        listeners = tuple(as_callbacks(callbacks))
        display = progress.display(verbose)
        losses, names, measured = objective.losses, objective.names, objective.at_the_end
        if stream is not None:
            _check_passes(stream, epochs)
            settings = sample_weight, class_weight, validation_split, shuffle, measured
            _check_streamed(stream, *settings)
            data = stream.begin(BatchCheck(network, dtype, losses, class_weight))
        elif isinstance(X, Examples):
            data = X
        else:
            data = examples.check(network, dtype, losses, X, t, sample_weight)
        passes = epochs + bool(measured)
        validation = _checked_validation(network, dtype, losses, validation_data, passes)
        if stream is None:
            data, last = examples.held_out(data, validation_split)
            if validation is not None and last is not None:
                raise ValueError("validation_data and validation_split are both given: take one")
            validation = validation or last
            data = examples.weighted_by_class(data, class_weight, losses, dtype, network.outputs)
        if validation is not None:
            _check_held_out(names)
        order_seed, noise_seed = seed.spawn(2)
        prepare, evaluate = (None, None) if validation is None else _scoring(objective, validation)

        def measure(trainer: Trainer) -> dict[str, float]:
            return trainer.measure(objective, stream or data)

        request = cls(
            objective=objective,
            names=names,
            data=data,
            optimizer=rule,
            epochs=epochs,
            batch_size=min(most or data.rows, data.rows),
            orders=Shuffled(data.rows, order_seed) if shuffle else None,
            noise=noise_of(noise_seed),
            listeners=listeners,
            display=display,
            held_out={} if validation is None else names,
            prepare=prepare,
            evaluate=evaluate,
            measured=measured,
            measure=measure if measured else None,
            minimiser=minimiser,
            stream=stream,
        )
        if minimiser is not None:
            lbfgs.check(network, request)
        return request

    def graph(self, network: Network) -> TrainingGraph:
        """Build the graph of a batch; raises what the loss cannot take, and if all is frozen."""
        signal.check_trainable(network)
        return self.objective.training_graph(network, self.data.target_columns, self.data.weighted)

    def check_first_epoch(self, network: Network) -> None:
        """Raise what loss and schedules of a first fit get wrong, for a network not taken yet."""
        nodes = topological_order([self.graph(network).loss])
        if self.resumes:
            return
        count = self.first_steps()
        Updates.of(network, self.optimizer).step_values(0, count, began=0)
        values_of([node for node in nodes if node.op == "scheduled"], 0, count, np.float64)

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch, the last of which may be short."""
        return -(-self.data.rows // self.batch_size)

    @property
    def resumes(self) -> bool:
        """Whether a callback lets the fit go on from steps that are not known yet."""
        return any(listener.resumes() for listener in self.listeners)

    def first_steps(self, done: int = 0) -> int:
        """Return of how many steps numbers are asked for beforehand, after some epochs.

        An epoch's, and two where there are: what a function of one step makes of several is seen
        with two.
        """
        steps = self.steps_per_epoch
        return min(max(steps, 2), (self.epochs - done) * steps)

    @property
    def reported(self) -> list[str]:
        """Those of `names` that steps report."""
        return [name for name in self.names if name not in self.measured]

    @property
    def recorded(self) -> dict[str, bool]:
        """Names of the numbers that every epoch has, and whether more of it is better."""
        return self.names | {f"val_{name}": higher for name, higher in self.held_out.items()}


def _rows_of_a_batch(batch_size: Any, stream: Reader | None, minimiser: LBFGS | None) -> int | None:
    """Return the argument `batch_size` as how many rows a batch has at most, None for all."""
    if _checks.says(batch_size, "auto"):
        return None if minimiser else BATCH_ROWS
    if stream is not None:
        raise ValueError(
            f"batch_size={batch_size}: a stream gives batches of its own; leave it out, or let "
            f"fastmlp.data.shuffled(stream, batch_size={batch_size}) make others"
        )
    return None if batch_size is None else _checks.integer(batch_size, "batch_size", at_least=1)


def _checked_validation(
    network: Network, dtype: np.dtype[Any], losses: Sequence[Loss], data: Any, passes: int
) -> Examples | Reader | None:
    """Return the argument `validation_data`, checked; a stream of it is read `passes` times."""
    if isinstance(data, Reader):
        _check_passes(data, passes)
        data.begin(BatchCheck(network, dtype, losses, of="validation_data"))
        return data
    if isinstance(data, Examples):
        return data
    return examples.check_validation(network, dtype, losses, data)


def _scoring(
    objective: MeanObjective, data: Examples | Reader
) -> tuple[Callable[[Trainer], object], Callable[[Trainer], Mapping[str, float]]]:
    """Return what makes sure that a trainer can evaluate these data, and what evaluates them."""
    return (
        lambda trainer: trainer.evaluation(objective, data),
        lambda trainer: trainer.evaluate(objective, data),
    )


def _check_passes(stream: Reader, passes: int) -> None:
    """Raise ValueError if a stream has fewer passes than are needed."""
    if stream.stream.once and stream.stream.steps is None and passes > 1:
        steps = ", or say steps_per_epoch=" if stream.name == "X" else ""
        raise ValueError(
            f"{stream.name} can be gone through once ({stream.stream.kind}), and is needed "
            f"{passes} times: give a function that returns it{steps}, or write epochs=1"
        )


def _check_held_out(names: Iterable[str]) -> None:
    """Raise ValueError if a number of the validation data has the name of one of the training."""
    known = set(names)
    if twice := sorted(known & {f"val_{name}" for name in known}):
        raise ValueError(
            f"{twice[0]!r} would be both a number of the validation data and one of the training "
            "data, after the name of an output or a metric: call that otherwise"
        )


def _check_streamed(
    stream: Reader,
    sample_weight: Any,
    class_weight: Any,
    validation_split: Any,
    shuffle: bool,
    measured: tuple[str, ...],
) -> None:
    """Raise ValueError for what a stream cannot be asked for."""
    balanced = class_weight.values() if isinstance(class_weight, Mapping) else [class_weight]
    if any(isinstance(one, str) for one in balanced):
        raise ValueError(
            f"class_weight={class_weight!r} needs all rows at once: give a stream the weights of "
            "its classes as a dict"
        )
    if sample_weight is not None:
        raise ValueError("sample_weight: the weights of a stream are in its batches, (X, t, w)")
    if validation_split != 0:
        raise ValueError(
            f"validation_split={validation_split}: a stream has no last rows; give "
            "validation_data, which may be another stream"
        )
    if shuffle:
        raise ValueError(
            "shuffle=True: the order of a stream is its own; shuffle it in a window, "
            "fastmlp.data.shuffled(stream, window=10_000)"
        )
    if measured and (stream.stream.once or stream.stream.steps is not None):
        raise ValueError(
            f"metrics: {', '.join(measured)} of a stream need another pass over it after each "
            "epoch; give a stream that can be gone through again, without steps_per_epoch"
        )
