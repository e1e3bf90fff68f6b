"""One member of an average: a network trained to the best epoch on the rows it holds out."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import planner
from fastmlp.estimators.tabular.measures import badness
from fastmlp.estimators.tabular.network import (
    Shape,
    build,
    inputs_of,
    loss_of,
    optimizer_of,
    plan_dropout,
    rest_dropout,
)
from fastmlp.training.updates import Updates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.network import Edges
    from fastmlp.estimators.tabular.recipe import Design, Recipe
    from fastmlp.models.model import Model

    Array = NDArray[Any]

#: Rows that are predicted at once: encodings of numbers are wide.
CHUNK = 2048
#: How often a training whose loss became NaN begins again, each time at a tenth of the rate.
RETRIES = 2


@dataclass(frozen=True)
class Rows:
    """Rows to learn from, or to judge by.

    Attributes
    ----------
    X : ndarray (rows, width)
        As the layout says.
    t : ndarray
        Classes (rows,), or numbers (rows, targets).
    w : ndarray (rows,) or None
        Their weights.
    """

    X: Array
    t: Array
    w: Array | None

    def take(self, index: Array) -> Rows:
        """Return some of the rows."""
        return Rows(self.X[index], self.t[index], None if self.w is None else self.w[index])


@dataclass
class Trained:
    """A member as it was at its best epoch.

    Attributes
    ----------
    model : Model
        With the weights of that epoch.
    epoch, score : int, float
        Which it was, counted from 1, and `badness` there.
    whole : bool
        Whether the training came to its own end before the time limit.
    """

    model: Model
    epoch: int
    score: float
    whole: bool


class Clock:
    """When to stop: at a time, or because somebody asked to.

    Parameters
    ----------
    deadline : float, optional
        Of `time.monotonic`.
    """

    def __init__(self, deadline: float | None) -> None:
        self.deadline = math.inf if deadline is None else deadline
        self.stopped = False

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.monotonic()

    @property
    def over(self) -> bool:
        """Whether to stop."""
        return self.stopped or self.left <= 0


def train(
    design: Design,
    recipe: Recipe,
    shape: Shape,
    learn: Rows,
    judge: Rows,
    edges: Edges | None,
    seed: int,
    *,
    clock: Clock,
    seconds: float = math.inf,
    told: Callable[[int, int, float], None] = lambda epoch, epochs, score: None,
) -> Trained:
    """Train one network; return it as it was after the epoch that judged best.

    Parameters
    ----------
    design, recipe, shape
        What is trained, what for, and how large its ends are.
    learn, judge : Rows
        What it learns from, and what its best epoch is chosen by.
    edges : Edges or None
        Of the bins of an embedding.
    seed : int
        Of weights, orders and dropout.
    clock : Clock
        When to stop; one epoch is run in any case.
    seconds : float
        What it should take: if the first epoch says that it would be longer, there are fewer.
    told : function of epoch, epochs and score
        Is told of every epoch.

    Raises
    ------
    ValueError
        If the loss is not finite, however small the rate.
    """
    rate = 1.0
    for _ in range(1 + RETRIES):
        course = _Course(design, recipe, shape, learn, judge, edges, seed, rate)
        trained = course.run(clock, seconds, told)
        if trained is not None:
            return trained
        rate /= 10
    raise ValueError(
        "training diverged: the loss became NaN or infinite in the first epoch, also at a "
        "hundredth of the learning rate; look for enormous numbers in X, y or sample_weight"
    )


class _Course:
    """The course of one training, at a rate of so many times the design's."""

    def __init__(
        self,
        design: Design,
        recipe: Recipe,
        shape: Shape,
        learn: Rows,
        judge: Rows,
        edges: Edges | None,
        seed: int,
        rate: float,
    ) -> None:
        self.design, self.recipe, self.shape, self.judge = design, recipe, shape, judge
        self.seed, self.rate, self.rows = seed, rate, len(learn.t)
        self.batch = min(design.batch, self.rows)
        self.steps_of_epoch = -(-self.rows // self.batch)
        self.model = build(design, shape, edges, seed)
        self.rng = np.random.default_rng(seed)
        self.feeds = self._feeds(learn)
        self.predictor = Predictor(self.model, design, shape)
        self.judged = inputs_of(judge.X, shape.layout)

    def _feeds(self, learn: Rows) -> dict[str, Array]:
        """Return what the loss reads, by the names of its inputs."""
        X = inputs_of(learn.X, self.shape.layout)
        names = [str(node.name) for node in self.model.network.input_nodes]
        feeds: dict[str, Array] = dict(zip(names, X, strict=True))
        feeds["t"] = np.ascontiguousarray(learn.t.reshape(self.rows, -1), np.float32)
        if learn.w is not None:
            # The mean weight is 1, whatever the unit: float32 holds the sum of a batch.
            w = learn.w / learn.w.mean()
            feeds["w"] = np.ascontiguousarray(w[:, None], np.float32)
        return feeds

    def run(
        self, clock: Clock, seconds: float, told: Callable[[int, int, float], None]
    ) -> Trained | None:
        """Return the best epoch, None if there is none with a finite loss."""
        epochs = self.design.epochs
        self._plan(epochs)
        best, found = math.inf, None
        epoch, since, began = 0, 0, time.monotonic()
        while epoch < epochs:
            finite = self._epoch(epoch)
            epoch += 1
            score = badness(self.recipe, self.judge.t, self.predictor(self.judged), self.judge.w)
            if not finite or not math.isfinite(score):
                break
            if found is None or score < best:
                best, since = score, epoch
                found = self.model.parameters.flat.copy()
            told(epoch, epochs, score)
            if epoch == 1 and seconds < math.inf:
                took = time.monotonic() - began
                fitting = max(1, int(seconds / max(took, 1e-9)))
                if fitting < epochs:  # the schedule shall come to its end in time
                    epochs = fitting
                    self._plan(epochs)
            if clock.over or self._useless(epoch, since, epochs):
                break
        if found is None:
            return None
        self.model.parameters.flat[...] = found
        rest_dropout(self.model, self.design)
        return Trained(self.model, since, best, whole=not clock.over)

    def _useless(self, epoch: int, since: int, epochs: int) -> bool:
        """Tell whether to give up: nothing was better for too long.

        On coslog4 that is a whole wave of the rate, as validations are bad in the midst of one.
        """
        if self.design.schedule != "coslog4":
            return epoch - since >= self.design.patience
        ends = [round(epochs * (2**wave - 1) / 15) for wave in range(4)]
        return epoch in ends[2:] and since <= ends[ends.index(epoch) - 1]

    def _plan(self, epochs: int) -> None:
        """Plan a training of so many epochs from the present weights."""
        steps = epochs * self.steps_of_epoch
        model, design = self.model, self.design
        plan_dropout(model, design, steps)
        optimizer = optimizer_of(model.network, design, steps)
        updates = Updates.of(model.network, optimizer)
        loss, _, _, total = loss_of(
            model.network, design, self.recipe, self.shape, "w" in self.feeds
        )
        self.plan = planner.plan_training(
            loss, model.parameters, optimizer, weight=total, treatments=dict(updates.treatments)
        )
        self.clip = optimizer.clip_norm
        self.values = updates.step_values(0, steps, 0, self.rate)
        self.state = self.plan.new_state()

    def _epoch(self, epoch: int) -> bool:
        """Run an epoch; tell whether its loss was finite."""
        first = epoch * self.steps_of_epoch
        order = self.rng.permutation(self.rows)[None].astype(np.int64)
        result = self.plan.run_epochs(
            {node: self.feeds[str(node.name)] for node in self.plan.inputs},
            state=self.state,
            order=order,
            batch_size=self.batch,
            epochs=1,
            step_values=self.values[first : first + self.steps_of_epoch, : self.plan.columns],
            seed=self.seed,
            first_step=first,
            clip_norm=self.clip,
        )
        return not result.non_finite


class Predictor:
    """What a network predicts, as `fit_tables` wants it: probabilities, or numbers.

    Parameters
    ----------
    model : Model
        Made by `build`.
    design, shape
        What it was made of.
    """

    def __init__(self, model: Model, design: Design, shape: Shape) -> None:
        self._nodes = model.network.input_nodes
        y, _ = model.network.forward(training=False)
        self._plan = planner.plan([y], parameters=model.parameters)
        self._copies, self._shape = design.copies, shape

    def __call__(self, inputs: list[Array]) -> Array:
        """Return predictions (rows, outputs) in float64, of copies their mean.

        Quantiles come target by target.
        """
        rows = len(inputs[0])
        if rows <= CHUNK:
            return self._chunk(inputs)
        starts = range(0, rows, CHUNK)
        return np.concatenate([self._chunk([x[i : i + CHUNK] for x in inputs]) for i in starts])

    def _chunk(self, inputs: list[Array]) -> Array:
        (z,) = self._plan.run(dict(zip(self._nodes, inputs, strict=True)))
        y = np.asarray(z, dtype=np.float64).reshape(len(z), self._copies, self._shape.outputs)
        if self._shape.classes:
            y = np.exp(y - y.max(axis=2, keepdims=True))
            y /= y.sum(axis=2, keepdims=True)
        P: Array = y.mean(axis=1) if self._copies > 1 else y[:, 0]
        q = self._shape.quantiles
        if q:  # of each quantile all targets → of each target all quantiles
            P = P.reshape(len(P), q, -1).transpose(0, 2, 1).reshape(len(P), -1)
        return P
