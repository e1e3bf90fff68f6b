"""What members of a network are: models that are alike but for their weights, asked together."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from fastmlp import _checks
from fastmlp.models.habits import ASSIGNED, OF_EVALUATE, OF_PREDICT
from fastmlp.models.model import Model
from fastmlp.networks import examples
from fastmlp.training import turns
from fastmlp.training.scores import Scores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from fastmlp.history import History
    from fastmlp.losses import Loss
    from fastmlp.metrics import ArrayMetric, Metric
    from fastmlp.networks.network import Network

    Array = NDArray[Any]


class Alike(Sequence[Model]):
    """Models that differ in their weights alone; the base of `Members`.

    Raises
    ------
    TypeError, ValueError
        If they are no models, differ in more, or one is there twice.
    """

    def __init__(self, models: list[Model]) -> None:
        if not models:
            raise ValueError("members: expected at least one model, got none")
        for i, one in enumerate(models):
            if not isinstance(one, Model):
                raise TypeError(f"members[{i}] must be a model, got {one!r}")
            if one.dtype != models[0].dtype:
                raise ValueError(f"members[{i}] is of {one.dtype}, members[0] of {models[0].dtype}")
        if len({id(one) for one in models}) < len(models):
            raise ValueError("members: one model is there twice")
        self._models = models
        self._seen: tuple[int, ...] = ()  # the networks' versions when they were last compared
        built = [one for one in models if one._network is not None]
        if built:
            if len(built) < len(models):
                raise ValueError("members: some models are built, others are not: build all")
            self.check_alike([one.network for one in built])

    def __setattr__(self, name: str, value: Any) -> None:
        if _checks.is_ours(type(self)) and not name.startswith("_"):
            raise _checks.refusal(self, name, (), ASSIGNED)
        object.__setattr__(self, name, value)

    @staticmethod
    def check_alike(networks: Sequence[Network]) -> None:
        """Raise ValueError unless the networks differ in their weights alone."""
        first = networks[0]
        places = None
        for i, network in enumerate(networks):
            said = first.difference(network) if i else ""
            if said:
                raise ValueError(
                    f"members must differ in their weights alone: of members[{i}] {said}"
                )
            parameters = network.parameters
            if parameters is None:  # not adopted yet
                continue
            offsets = [parameters.offsets[node] for node in network.parameter_nodes]
            if places is None:
                places = offsets, parameters.size
            if (offsets, parameters.size) != places:
                raise ValueError(
                    f"members[{i}] shares layers with another model, so that its weights lie "
                    "otherwise than those of members[0]: take its copy()"
                )

    def _stay_alike(self) -> None:
        """Raise ValueError if members, all of them built, have come to differ in more."""
        networks = [one.network for one in self._models]
        versions = tuple(network.version for network in networks)
        if versions != self._seen:
            self.check_alike(networks)
            self._seen = versions

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of weights and results."""
        return self._models[0].dtype

    @property
    def histories(self) -> list[History | None]:
        """That of the last fit of each member."""
        return [one.history for one in self._models]

    def __len__(self) -> int:
        return len(self._models)

    @overload
    def __getitem__(self, index: int) -> Model: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> Model | Self:
        if isinstance(index, slice):
            return type(self)(self._models[index])
        number, count = _checks.whole(index), len(self)
        if number is None:
            kind = type(index).__name__
            raise TypeError(f"members have numbers from 0, or slices; got {index!r} ({kind})")
        if not -count <= number < count:
            raise IndexError(f"there is no member {_checks.shown(number)}: there are {count}")
        return self._models[number]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self)} of {self._models[0]!r}>"

    def copy(self) -> Self:
        """Return members with layers and weights of their own."""
        twin = object.__new__(type(self))
        with turns.reading("copy", *self._models):
            twin._models, twin._seen = [one.copy() for one in self._models], ()
        return twin

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self.copy()

    @_checks.taught(OF_PREDICT)
    def predict(self, X: Any, *, each: bool = False) -> Any:
        """Return the mean of the members' outputs, or those of each.

        Parameters
        ----------
        X : array-like, shape (rows, columns)
            Inputs, as for `Model.predict`.
        each : bool, default False
            Whether to return the outputs of each member.

        Returns
        -------
        ndarray, shape (rows, output columns) or (members, rows, output columns)
            Of the models' type. The mean is taken of the outputs as they are: of probabilities, not
            of what goes into the softmax. A list or dict of such, as the outputs of the models are
            one.

        Raises
        ------
        TypeError, ValueError
            If `X` has the wrong kind or shape.

        Examples
        --------
        >>> import fastmlp as fm
        >>> members = fm.Members(fm.MLP([2, 3], output="softmax", seed=0), 4)
        >>> y = members.predict([[0.0, 1.0]], each=True)
        >>> y.shape, bool(abs(y.mean(axis=0) - members.predict([[0.0, 1.0]])).max() < 1e-6)
        ((4, 1, 3), True)
        """
        each = _checks.flag(each, "each")
        models = self._models
        with ExitStack() as building:
            networks = [building.enter_context(one._network_of(X)) for one in models]
            inputs = examples.network_inputs(networks[0], self.dtype, X, finite=False)
        self._stay_alike()
        plan, nodes = models[0]._inference_plan()
        feeds = dict(zip(networks[0].input_nodes, inputs, strict=True))
        with turns.reading("predict", *models):
            found = plan.of_members(feeds, [one.parameters.flat for one in models])
        results = [found[node] for node in nodes]
        if not each:
            results = [
                values.mean(axis=0, dtype=np.float64).astype(self.dtype) for values in results
            ]
        return networks[0].outputs.arrange(results)

    @_checks.taught(OF_EVALUATE)
    def evaluate(
        self,
        X: Any,
        t: Any,
        *,
        loss: str | Loss | Any | None = None,
        loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
        l2: float | None = None,
        l1: float | None = None,
        metrics: Sequence[str | Metric | ArrayMetric | Any] | Mapping[str, Any] | None = None,
        sample_weight: ArrayLike | Mapping[str, ArrayLike] | None = None,
    ) -> list[Scores]:
        """Return the scores of each member, as `Model.evaluate` would, on all cores.

        Those of their mean are those of ``predict(X)``: functions of `fastmlp.metrics` take it.

        Parameters
        ----------
        X, t, loss, loss_weights, l2, l1, metrics
            As for `Model.evaluate`; what is left out is that of the first member's last fit.
        sample_weight : array-like, shape (rows,) or (members, rows), optional
            Weights of the rows, or those of each member.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong.

        Examples
        --------
        >>> import fastmlp as fm
        >>> members = fm.Members(fm.MLP([2, 3], output="softmax", seed=0), 4)
        >>> [list(scores.keys()) for scores in members.evaluate([[0.0, 1.0]], [2])][0]
        ['loss', 'accuracy']
        """
        from fastmlp.networks import objectives
        from fastmlp.training.members import examples_of_members

        models = self._models
        with ExitStack() as building:
            networks = [building.enter_context(one._network_of(X)) for one in models]
            self.check_alike(networks)
            objective = objectives.choose(
                networks[0],
                loss=loss,
                loss_weights=loss_weights,
                metrics=metrics,
                l2=l2,
                l1=l1,
                last=models[0]._objective,
            )
            losses, k = objective.losses, len(models)
            data = examples_of_members(networks[0], self.dtype, losses, (X, t), sample_weight, k)
        evaluation = models[0]._own_trainer().evaluation(objective, data[0])
        with turns.reading("evaluate", *models):
            return [Scores(s) for s in evaluation.each(data, [m.parameters.flat for m in models])]


def checked_seeds(seeds: Any) -> list[int]:
    """Return the seeds that are given for members, each checked.

    Examples
    --------
    >>> checked_seeds(range(3))
    [0, 1, 2]
    """
    listed = _checks.listed(seeds)
    if listed is None:
        raise TypeError(f"seeds must be a list of integers, got {seeds!r}")
    return [_checks.seed(seed, f"seeds[{i}]") for i, seed in enumerate(listed)]


def seeds_of(model: Any, k: int | None, seeds: Any) -> list[int]:
    """Return the seed of each member."""
    if seeds is None:
        if k is None:
            raise TypeError("k is missing: how many members there are to be, or the seeds of each")
        k = _checks.integer(k, "k", at_least=1)
        first = model.seed if isinstance(model, Model) else None
        if first is None:
            drawn: list[int] = np.random.SeedSequence().generate_state(k, np.uint32).tolist()
            return drawn
        return [first + i for i in range(k)]
    listed = checked_seeds(seeds)
    if k is not None and len(listed) != k:
        raise ValueError(f"seeds: expected {k} of them, as k says, got {len(listed)}")
    return listed


def twin_of(model: Model, seed: int) -> Model:
    """Return a model of the same layers as it would be if it had been made with this seed."""
    turns.check(model, "Members")
    state = model._state()
    network = state.network
    twin = object.__new__(type(model))
    twin._restore(
        replace(
            state,
            seed=seed,
            metadata=copy.deepcopy(state.metadata),
            fits=0,
            objective=None,
            waiting=[copy.copy(layer) for layer in state.waiting],
            network=None if network is None else network.copy(seed=seed, dtype=state.dtype),
        )
    )
    return twin
