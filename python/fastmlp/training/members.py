"""Fits of many networks that are alike: in each round, epochs of all of them in one call."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks, optimizers
from fastmlp.callbacks.base import Callback
from fastmlp.data import arrays
from fastmlp.data.stream import is_stream, parts_of
from fastmlp.graph.called import takes
from fastmlp.networks import examples
from fastmlp.networks.examples import NAMES, VALIDATION_NAMES
from fastmlp.training import progress
from fastmlp.training.epochs import Training
from fastmlp.training.request import FitRequest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from fastmlp.losses import Loss
    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective
    from fastmlp.training.trainer import Trainer

    Array = NDArray[Any]


def own_weights(
    data: Examples, weight: Any, k: int, dtype: np.dtype[Any], name: str
) -> list[Examples]:
    """Return the examples of each of k members, which differ in their weights.

    Parameters
    ----------
    data : Examples
        Without them, or with those of all.
    weight : array-like of shape (rows,) or (k, rows), or None
        Those of all members, or of each.
    k : int
    dtype : numpy.dtype
    name : str
        What errors call the weights.

    Raises
    ------
    TypeError, ValueError
        If they are no weights of these rows.
    """
    if weight is None:
        return [data] * k
    values = arrays.array(weight, name)
    rows = data.rows
    if values.shape in ((rows,), (rows, 1)):
        return [replace(data, weight=arrays.sample_weights(values, rows, dtype, name))] * k
    if values.shape != (k, rows):
        raise ValueError(
            f"{name} must have shape ({rows},), or ({k}, {rows}) for weights of each member, got "
            f"{values.shape}"
        )
    return [
        replace(data, weight=arrays.sample_weights(one, rows, dtype, f"{name}[{i}]"))
        for i, one in enumerate(values)
    ]


def listeners_of(callbacks: Any, k: int) -> list[Sequence[Any]]:
    """Return the callbacks of each of k members: copies, or what a function gives for each.

    Raises
    ------
    TypeError, ValueError
        If they are no callbacks, or members would write to one file.
    """
    alone = callable(callbacks) or isinstance(callbacks, Callback)
    if alone and not isinstance(callbacks, Callback) and takes(callbacks, 1):
        return [callbacks(i) for i in range(k)]
    given = None if alone else _checks.listed(() if callbacks is None else callbacks)
    if given is None:
        raise TypeError(
            f"callbacks must be a list of callbacks or a function of a member's number, got "
            f"{callbacks!r}"
        )
    for one in given:
        if isinstance(one, Callback) and one.WRITES and k > 1:
            raise ValueError(
                f"callbacks: {k} members would write to the place of one {type(one).__name__}; "
                "give a function of the member's number that returns its callbacks"
            )
    # One memo for a member: what is there twice is so in its copies, and refused.
    memos: list[dict[int, Any]] = [{} for _ in range(k)]
    return [[_own(one, memo) for one in given] for memo in memos]


def _own(callback: Any, memo: dict[int, Any]) -> Any:
    return copy.deepcopy(callback, memo) if isinstance(callback, Callback) else callback


def optimizers_of(given: Any, k: int) -> list[Any]:
    """Return the optimizer of each of k members: one for all, or a list of k.

    Raises
    ------
    ValueError
        If it has another length, or one of them is L-BFGS.
    """
    each = list(given) if isinstance(given, (list, tuple)) else [given] * k
    if len(each) != k:
        raise ValueError(f"optimizer must be one for all or a list of {k}, got {len(each)}")
    if any(optimizers.minimiser(one) for one in each):
        raise ValueError(
            "optimizer: L-BFGS minimises one function at a time; fit each member alone"
        )
    return each


@dataclass(frozen=True)
class MembersRequest:
    """What the members of a network are asked to do.

    Attributes
    ----------
    requests : list of FitRequest
        Of each.
    objective : MeanObjective
        Of all.
    scoring : Scoring
        What takes their scores.
    display : str
        What to show of the epochs.
    """

    requests: list[FitRequest]
    objective: MeanObjective
    scoring: Scoring
    display: str

    @classmethod
    def of(
        cls,
        networks: Sequence[Network],
        dtype: np.dtype[Any],
        objective: MeanObjective,
        X: Any,
        t: Any,
        *,
        optimizer: Any,
        validation_data: Any,
        validation_split: Any,
        sample_weight: Any,
        class_weight: Any,
        callbacks: Any,
        seeds: Sequence[np.random.SeedSequence],
        verbose: Any,
        **how: Any,
    ) -> MembersRequest:
        """Check the arguments of `Members.fit`; the data once, for all of them."""
        k, losses = len(networks), objective.losses
        data = examples_of_members(networks[0], dtype, losses, (X, t), sample_weight, k)
        held_out = _validation(networks[0], dtype, losses, validation_data, k)
        split = [examples.held_out(one, validation_split) for one in data]
        if held_out is not None and split[0][1] is not None:
            raise ValueError("validation_data and validation_split are both given: take one")
        chosen = optimizers_of(optimizer, k)
        listeners = listeners_of(callbacks, k)
        display = progress.display(verbose)
        requests = []
        validation: list[Examples | None] = [last for _, last in split]
        if held_out is not None:
            validation = [*held_out]
        for i, (network, (own, _)) in enumerate(zip(networks, split, strict=True)):
            request = FitRequest.of(
                *(network, dtype, objective, own, None),
                optimizer=chosen[i],
                validation_data=validation[i],
                validation_split=0.0,
                sample_weight=None,
                class_weight=class_weight,
                callbacks=listeners[i],
                seed=seeds[i],
                verbose=False,
                **how,
            )
            requests.append(request)
        trained = [request.data for request in requests]
        scoring = Scoring(objective, trained, [last for last in validation if last is not None])
        own_scores = [scoring.asked_of(request, i) for i, request in enumerate(requests)]
        return cls(own_scores, objective, scoring, display)


def examples_of_members(
    network: Network,
    dtype: np.dtype[Any],
    losses: Sequence[Loss],
    pair: tuple[Any, Any],
    weight: Any,
    k: int,
    names: tuple[str, str, str] = NAMES,
) -> list[Examples]:
    """Return the examples of each member, which differ in their weights."""
    X, t = pair
    if is_stream(X) or t is None:
        raise TypeError(
            f"members are trained on arrays ({names[0]}, {names[1]}), got {type(X).__name__} for "
            f"{names[0]}; a stream trains one model"
        )
    common = weight if arrays.is_named(weight) else None
    checked = examples.check(network, dtype, losses, X, t, common, names)
    return own_weights(checked, None if common is weight else weight, k, dtype, names[2])


def _validation(
    network: Network, dtype: np.dtype[Any], losses: Sequence[Loss], given: Any, k: int
) -> list[Examples] | None:
    """Return the validation data of each member, which differ in their weights."""
    if given is None:
        return None
    X, t, weight = parts_of(given, "validation_data")
    return examples_of_members(network, dtype, losses, (X, t), weight, k, VALIDATION_NAMES)


class Scoring:
    """Takes the scores of members: of all that go on at once, when one of them is asked for.

    Parameters
    ----------
    objective : MeanObjective
        Of all.
    data, held_out : list of Examples
        What each is trained on, and what it is evaluated on; the latter may be empty.
    """

    def __init__(
        self, objective: MeanObjective, data: list[Examples], held_out: list[Examples]
    ) -> None:
        self._objective, self._data, self._held_out = objective, data, held_out
        self._trainers: Sequence[Trainer] = ()
        self._live: Mapping[int, Training | None] = {}
        self._found: dict[str, dict[int, dict[str, float]]] = {}

    def begin(self, trainers: Sequence[Trainer], live: Mapping[int, Training | None]) -> None:
        """Forget what was found: the weights have changed of the members that still go on."""
        self._trainers, self._live = trainers, live
        self._found = {}

    def asked_of(self, request: FitRequest, member: int) -> FitRequest:
        """Return a member's request, which asks here."""
        return replace(
            request,
            evaluate=request.evaluate and (lambda _: self._of("evaluation", member)),
            measure=request.measure and (lambda _: self._of("measurement", member)),
        )

    def _of(self, kind: str, member: int) -> Mapping[str, float]:
        if kind not in self._found:
            lead, data = self._trainers[0], self._data
            how: Any
            if kind == "evaluation":
                data = self._held_out
                how = lead.evaluation(self._objective, data[0])
            else:
                how = lead.measurement(self._objective)
            for training in self._live.values():
                if training is not None:
                    training.settle_weights()
            vectors = [self._trainers[i].parameters.flat for i in self._live]
            scores = how.each([data[i] for i in self._live], vectors)
            self._found[kind] = dict(zip(self._live, scores, strict=True))
        return self._found[kind][member]


class Course:
    """The fits of members on their way; iterate over it to have a say after each epoch.

    Attributes
    ----------
    trainings : list of Training
        Of each member, its history in it.
    live : list of int
        The members that go on.

    Examples
    --------
    >>> import fastmlp as fm
    >>> members = fm.Members(fm.MLP([1, 4, 1], seed=0), 3)
    >>> with members.course([[0.0], [1.0]], [0.0, 1.0], epochs=5) as course:
    ...     for epoch in course:
    ...         y = members.predict([[0.5]], each=True)  # of all, (3, 1, 1)
    ...         if epoch == 2:
    ...             course.stop(0, "it is the first")
    >>> [training.history.epochs for training in course.trainings]
    [2, 5, 5]
    """

    def __init__(
        self, request: MembersRequest, trainers: Sequence[Trainer], models: Sequence[Any]
    ) -> None:
        self._scoring, self._display = request.scoring, request.display
        self._trainers = trainers
        requests = request.requests
        lead, first = trainers[0], requests[0]
        updates = [t.updates_of(r.optimizer) for t, r in zip(trainers, requests, strict=True)]
        for i, one in enumerate(updates):
            if _rules(one) != _rules(updates[0]):
                raise ValueError(
                    f"optimizer[{i}]: {requests[i].optimizer!r} updates by other rules than "
                    f"optimizer[0], {first.optimizer!r}; those of members may differ in numbers"
                )
        self._scoring.begin(trainers, dict.fromkeys(range(len(trainers))))
        self.trainings: list[Training] = [lead.prepare(first, models[0])]
        compiled = lead.compiled(first.objective, first.optimizer, first.data)
        self._plan = compiled.plan
        self.trainings += [
            trainer.prepare(request, model, compiled)
            for trainer, request, model in list(zip(trainers, requests, models, strict=True))[1:]
        ]
        for training in self.trainings:
            training.announce()
        for trainer, own in zip(trainers, requests, strict=True):
            trainer.state_of(own.optimizer)

    @property
    def live(self) -> list[int]:
        """The members that go on."""
        return [i for i, training in enumerate(self.trainings) if not training.is_over]

    def stop(self, member: int, why: str = "a loop asked for it") -> None:
        """Let a member end after the present epoch; its history says why."""
        history = self.trainings[member].history
        history.stopped = history.stopped or why

    def __iter__(self) -> Iterator[int]:
        """Run epoch after epoch of the members that go on; yields the number of each, from 1."""
        with progress.Progress(self._epochs, self._display, self._done) as shown:
            while self.live:
                self._round(1, shown)
                yield self._done

    def run(self) -> None:
        """Run all epochs, many in one call where nobody listens."""
        with progress.Progress(self._epochs, self._display, self._done) as shown:
            count = 1
            while live := self.live:
                # The orders of rows that are made ahead are those of all.
                most = max(1, min(self.trainings[i].most_epochs() for i in live) // len(live))
                most = min(most, *(self._left(i) for i in live))
                count = min(most, count if shown.often else most)
                start = time.perf_counter()
                self._round(count, shown)
                count = progress.epochs_next(count, max(time.perf_counter() - start, 1e-6))

    def end(self) -> None:
        """Tell rules and listeners that the trainings are over, also those that a loop has left."""
        for i in self.live:
            self.stop(i, f"the loop was left after epoch {self._done}")
        for training in self.trainings:
            training.end()

    def give_up(self, error: BaseException) -> None:
        """Write down what the core has done, and that this exception ended the trainings."""
        raised: BaseException | None = None
        for training in self.trainings:
            try:
                if training.waits or not training.is_over:
                    training.give_up(error)
            except BaseException as another:
                raised = raised or another
        if raised is not None:
            raise raised

    @property
    def _epochs(self) -> int:
        return max(training.request.epochs for training in self.trainings)

    @property
    def _done(self) -> int:
        return max(training.history.epochs for training in self.trainings)

    def _left(self, member: int) -> int:
        training = self.trainings[member]
        return training.request.epochs - training.history.epochs

    def _round(self, count: int, shown: progress.Progress) -> None:
        live = {i: self.trainings[i] for i in self.live}
        for i, training in live.items():
            if training.is_changed:
                raise RuntimeError(
                    f"a setting of a layer of member {i} was changed while the members are fitted, "
                    "by one plan for all: change it before, or fit that model alone"
                )
        self._scoring.begin(self._trainers, live)
        trainings = live.values()
        self._plan.run_jobs([training.next_epochs(count) for training in trainings])
        done = [training.took() for training in trainings]
        epochs = range(max(map(len, done)))  # a member may have ended before the others
        means = [_mean([numbers[i] for numbers in done if i < len(numbers)]) for i in epochs]
        if means:
            shown.advance(means)


def _mean(numbers: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([one[name] for one in numbers])) for name in numbers[0]}


def _rules(updates: Any) -> list[Any]:
    """Return what a plan depends on, of parameters in their order."""
    treatments = [treatment for _, treatment in updates.treatments]
    return [treatments, [direction for _, direction in updates.directions]]
