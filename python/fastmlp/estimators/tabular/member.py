"""One member of an average: a network, the rows it learns from, and those it is judged by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import planner
from fastmlp.estimators.tabular.choosing import telling
from fastmlp.estimators.tabular.doubting import Record
from fastmlp.estimators.tabular.network import Shape, build, read_only

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.network import Bins
    from fastmlp.estimators.tabular.recipe import Design
    from fastmlp.estimators.tabular.splits import Rows
    from fastmlp.graph.node import Node
    from fastmlp.models.model import Model
    from fastmlp.planner.results import EpochsResult

    Array = NDArray[Any]

#: Rows that are predicted at once: encodings of numbers are wide.
CHUNK = 2048
#: How often a training whose loss became NaN begins again, each time at a tenth of the rate.
RETRIES = 2


class Member:
    """A network on its way from epoch to epoch.

    Parameters
    ----------
    design, shape
        What it is made of, and how large its ends are.
    learn, judge : Rows
        What it learns from, and what its best epoch is chosen by.
    bins : Bins or None
        Of an embedding of numbers.
    seed : int
        Of weights, orders and dropout.

    Attributes
    ----------
    model : Model
    learn, judge : Rows
    rate : float
        The share of the design's rate that it learns at.
    epoch : int
        How many there were.
    since, best : int, float
        Which was the best of them, 0 none, and what it was judged.
    over : bool
        Whether it goes on no more.
    record : Record
        What it said of the rows it is judged by, epoch after epoch.
    """

    def __init__(
        self, design: Design, shape: Shape, learn: Rows, judge: Rows, bins: Bins | None, seed: int
    ) -> None:
        self._made_of = design, shape, bins
        self.learn, self.judge, self.seed = learn, judge, seed
        self._kept = None
        if design.chosen:
            numbers, flags = shape.layout.numbers, shape.layout.flags
            self._kept = telling(learn, numbers, flags, design.chosen, classes=shape.classes)
        self.model = self._new()
        self.state: list[Array] = []
        self._restart(1.0)

    def _new(self) -> Model:
        """Return a network with new weights."""
        design, shape, bins = self._made_of
        model = build(design, shape, bins, self.seed)
        if self._kept is not None:
            read_only(model, design, shape.layout, self._kept)
        return model

    def _restart(self, rate: float) -> None:
        """Begin, the weights being new."""
        self.rate, self.rng = rate, np.random.default_rng(self.seed)
        self.epoch = self.since = 0
        self.best = math.inf
        self._found: Array | None = None
        self.record = Record(len(self.judge.t), self._made_of[1].outputs)
        self.over = False

    def job(
        self,
        plan: Any,
        feeds: Mapping[Node, Array],
        values: Array,
        first: int,
        clip: float | None,
        result: EpochsResult,
    ) -> Any:
        """Return its next epoch as a job of the plan of all.

        Parameters
        ----------
        plan : TrainingPlan
        feeds : mapping of Node to ndarray
            The rows it learns from.
        values : ndarray
            The optimizer's numbers for the steps.
        first : int
            The number of the first of them, for what is scheduled.
        clip : float or None
            What the norm of the gradient is bounded by.
        result : EpochsResult
            Is filled in.
        """
        self.state = self.state or plan.new_state()
        rows = len(self.learn.t)
        return plan.job(
            feeds,
            state=self.state,
            order=self.rng.permutation(rows)[None].astype(np.int64, copy=False),
            batch_size=self._made_of[0].batch,
            epochs=1,
            step_values=values,
            seed=self.seed,
            first_step=first,
            result=result,
            clip_norm=clip,
            parameters=self.model.parameters,
        )

    def judge_epoch(self, finite: bool, score: float) -> bool:
        """Take an epoch down: keep its weights if they are the best, or end with the best.

        Returns whether loss and score were finite.

        Raises
        ------
        ValueError
            If the loss is not finite, however small the rate.
        """
        self.epoch += 1
        if finite and math.isfinite(score):
            if score < self.best:
                self.best, self.since = score, self.epoch
                self._found = self.model.parameters.flat.copy()
            return True
        if self._found is None:
            self._begin_again()
        else:
            self.over = True
        return False

    def _begin_again(self) -> None:
        if self.rate <= 0.1**RETRIES:
            raise ValueError(
                "training diverged: the loss became NaN or infinite in the first epoch, also at a "
                "hundredth of the learning rate; look for enormous numbers in X, y or sample_weight"
            )
        self.model.parameters.flat[...] = self._new().parameters.flat
        self.state = []
        self._restart(self.rate / 10)

    def end(self) -> None:
        """Take the weights of the best epoch."""
        self.over = True
        if self._found is not None:
            self.model.parameters.flat[...] = self._found
            self._found = None


class Predictor:
    """What networks of one design predict, as `fit_tables` wants it: probabilities, or numbers.

    Parameters
    ----------
    model : Model
        One of them, made by `build`.
    design, shape
        What it was made of.
    """

    def __init__(self, model: Model, design: Design, shape: Shape) -> None:
        self._nodes = model.network.input_nodes
        y, _ = model.network.forward(training=False)
        self._plan = planner.plan([y], parameters=model.parameters)
        self._copies, self._shape = design.copies, shape

    def __call__(self, inputs: list[Array], model: Model) -> Array:
        """Return the predictions of a network (rows, outputs) in float64.

        Of copies it is their mean; quantiles come target by target.
        """
        return self.mean(inputs, [model])

    def mean(self, inputs: list[Array], models: Sequence[Model]) -> Array:
        """Return the mean of what some networks predict."""
        parts = [P.sum(axis=0) / len(models) for P in self._chunks(inputs, models)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def each(self, inputs: list[Array], models: Sequence[Model]) -> Array:
        """Return what each network predicts, (models, rows, outputs)."""
        return np.concatenate(list(self._chunks(inputs, models)), axis=1)

    def _chunks(self, inputs: list[Array], models: Sequence[Model]) -> Iterator[Array]:
        """Yield what each network predicts of some rows after the other, in one call for all."""
        vectors = [model.parameters.flat for model in models]
        for i in range(0, len(inputs[0]), CHUNK):
            yield self._chunk([x[i : i + CHUNK] for x in inputs], vectors)

    def _chunk(self, inputs: list[Array], vectors: list[Array]) -> Array:
        feeds = dict(zip(self._nodes, inputs, strict=True))
        (z,) = self._plan.of_members(feeds, vectors).values()
        shape = self._shape
        y = np.asarray(z, dtype=np.float64).reshape(*z.shape[:2], self._copies, shape.outputs)
        if shape.classes:
            y = np.exp(y - y.max(axis=3, keepdims=True))
            y /= y.sum(axis=3, keepdims=True)
        P: Array = y.mean(axis=2) if self._copies > 1 else y[:, :, 0]
        q = shape.quantiles
        if q:  # of each quantile all targets → of each target all quantiles
            P = P.reshape(*P.shape[:2], q, -1).swapaxes(2, 3).reshape(P.shape)
        return P
