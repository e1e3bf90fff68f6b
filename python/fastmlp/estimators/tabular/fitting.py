"""From the rows of a table to an average of networks.

Each member holds another part of the rows out and is taken from its best epoch by the metric there.
What members say of rows they did not learn from weighs the designs against each other, calibrates
the probabilities, and is kept for whoever wants intervals or importances.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config
from fastmlp.estimators.tabular import weighing
from fastmlp.estimators.tabular.fitted import Fitted, shape_of
from fastmlp.estimators.tabular.member import Clock, Rows, Trained, train
from fastmlp.estimators.tabular.network import Shape, edges_for
from fastmlp.estimators.tabular.splits import NEVER, deal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.data.table import Layout
    from fastmlp.estimators.tabular.recipe import Recipe

    Array = NDArray[Any]


@dataclass(frozen=True)
class Progress:
    """How far a fit is.

    Attributes
    ----------
    member, members : int
        Which network, counted from 1, and how many there will be.
    epoch, epochs : int
        Which of its epochs, and of how many at most.
    value : float
        Its metric on the rows it holds out, as a number to be made small.
    """

    member: int
    members: int
    epoch: int
    epochs: int
    value: float


def fit_tables(
    X: Array,
    layout: Layout,
    t: Array,
    weights: Array | None,
    recipe: Recipe,
    seed: int,
    *,
    classes: int = 0,
    eval: tuple[Array, Array, Array | None] | None = None,
    deadline: float | None = None,
    n_threads: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Fitted:
    """Fit the networks of a recipe to a table, several at once on several threads.

    Parameters
    ----------
    X : ndarray (rows, width), float32
        What `Preprocessing.transform` returns.
    layout : Layout
        Of its columns.
    t : ndarray
        Classes 0 … C − 1 as int64 (rows,); or numbers (rows, targets), standardised.
    weights : ndarray (rows,) or None
        Not negative; rows without weight count for nothing.
    recipe : Recipe
        What to fit.
    seed : int
        Of everything random: the same numbers on any number of threads, unless the time ends it.
    classes : int
        C, 0 for numbers.
    eval : tuple (X, t, weights), optional
        Rows to choose the best epochs by; then every network learns from all of X.
    deadline : float, optional
        Of `time.monotonic`: when to be ready. One network with one epoch is trained in any case.
    n_threads : int, optional
        The most threads to use.
    progress : callable, optional
        Told of every epoch, by the thread that ran it, one at a time.

    Raises
    ------
    ValueError
        If no row has weight, or training diverges.
    KeyboardInterrupt
        As soon as the present epochs are over.
    """
    data, kept = _weighted(
        Rows(X, t, weights), "sample_weight must be above 0 for one row at least"
    )
    outputs = classes or t.shape[1] * max(1, len(recipe.quantiles))
    shape = shape_of(recipe, layout, outputs)
    judge, judged, rows = None, kept, len(X)
    if eval is not None:
        error = "the weights of the validation rows must be above 0 for one at least"
        judge, judged = _weighted(Rows(*eval), error)
        rows = len(eval[0])
    seeds = np.random.SeedSequence(seed)
    rng = np.random.default_rng(seeds)
    fold = deal(data.t, recipe.folds, rng, classes=shape.classes)
    if judge is not None:
        fold[:] = NEVER
    fit = _Fit(recipe, shape, data, judge, fold, seeds, Clock(deadline), progress)
    models, holdouts = fit.run(n_threads)
    low, high = _range(data.t, outputs, shape)
    result = Fitted(
        recipe,
        layout,
        outputs,
        models=[[trained.model for trained in each] for each in models],
        edges=fit.edges,
        weights=np.zeros(len(models)),
        temperature=1.0,
        low=low,
        high=high,
        holdouts=holdouts,
        scores=[[trained.score for trained in each] for each in models],
        epochs=[[trained.epoch for trained in each] for each in models],
        stopped="time limit" if fit.cut else "",
    )
    _judge(result, data, judge, fold, judged, rows, n_threads)
    return result


def _weighted(rows: Rows, error: str) -> tuple[Rows, Array]:
    """Return the rows that have weight, and which they are; an error if there are none."""
    if rows.w is None:
        return rows, np.arange(len(rows.X))
    w = np.asarray(rows.w, dtype=np.float64)
    kept = np.flatnonzero(w > 0)
    if len(kept) == 0:
        raise ValueError(error)
    rows = Rows(rows.X, rows.t, w)
    return rows if len(kept) == len(w) else rows.take(kept), kept


def _range(t: Array, outputs: int, shape: Shape) -> tuple[Array, Array]:
    """Return between which numbers each output stays."""
    if shape.classes:
        return np.zeros(outputs), np.ones(outputs)
    times = max(1, shape.quantiles)
    return np.repeat(t.min(axis=0), times), np.repeat(t.max(axis=0), times)


def _judge(
    fitted: Fitted,
    data: Rows,
    judge: Rows | None,
    fold: NDArray[np.int64],
    kept: Array,
    rows: int,
    n_threads: int | None,
) -> None:
    """Weigh the designs, calibrate, and keep what was held out."""
    used = [d for d, models in enumerate(fitted.models) if models]
    held = data if judge is None else judge
    means = {}
    with config.own_threads(n_threads):
        for d in used:
            fitted.weights = np.eye(len(fitted.models))[d]
            if judge is None:
                means[d] = fitted.by_others(data.X, fold)
            else:
                means[d] = fitted.predict(judge.X)
    known = np.all([np.isfinite(means[d][:, 0]) for d in used], axis=0)
    fitted.weights = np.zeros(len(fitted.models))
    fitted.weights[used] = 1 / len(used)
    if known.any():
        w = None if held.w is None else held.w[known]
        found = weighing.weights_of(
            fitted.recipe, [means[d][known] for d in used], held.t[known], w
        )
        fitted.weights[used] = found
        if fitted.recipe.task == "classes":
            P = sum(fitted.weights[d] * means[d][known] for d in used)
            temperature = weighing.temperature_of(held.t[known], np.asarray(P), w)
            if temperature > 1 and judge is None:
                # A mean of several is less sure than the one that each row was held out by.
                temperature **= len(used) / fitted.members
            fitted.temperature = temperature
    fitted.held_out = np.full((rows, fitted.outputs), np.nan)
    fitted.held_out[kept] = fitted.joined(
        [means.get(d, np.empty(0)) for d in range(len(fitted.models))]
    )
    if judge is None:
        fitted.folds = np.full(rows, NEVER, dtype=np.int64)
        fitted.folds[kept] = fold


class _Fit:
    """The trainings of one fit, dealt out to threads."""

    def __init__(
        self,
        recipe: Recipe,
        shape: Shape,
        data: Rows,
        judge: Rows | None,
        fold: NDArray[np.int64],
        seeds: np.random.SeedSequence,
        clock: Clock,
        progress: Callable[[Progress], None] | None,
    ) -> None:
        self.recipe, self.shape, self.data, self.judge = recipe, shape, data, judge
        self.fold, self.clock, self.progress = fold, clock, progress
        self.folds = max(1, int(fold.max(initial=NEVER)) + 1)
        # One network of each design first, for whoever has little time.
        pairs = [(d, m) for m in range(recipe.members) for d in range(len(recipe.designs))]
        self.jobs = pairs
        self.seeds = seeds.generate_state(len(pairs), dtype=np.uint64).tolist()
        numbers = data.X[:, : shape.layout.numbers]
        self.edges = [edges_for(design, numbers) for design in recipe.designs]
        # Seconds that were left when the first of a design began, and that one of it took.
        self.began: dict[int, float] = {}
        self.took: dict[int, float] = {}
        self.cut = False
        self._lock = threading.Lock()

    def run(self, n_threads: int | None) -> tuple[list[list[Trained]], list[list[int]]]:
        """Return the members of each design, and the folds that they hold out."""
        threads = min(n_threads or config.get_num_threads(), len(self.jobs))
        self.threads = threads
        if threads == 1:
            with config.own_threads(n_threads if len(self.jobs) == 1 else 1):
                found = [self._job(i) for i in range(len(self.jobs))]
        else:
            found = self._on_threads(threads)
        models: list[list[Trained]] = [[] for _ in self.recipe.designs]
        holdouts: list[list[int]] = [[] for _ in self.recipe.designs]
        for (d, m), trained in zip(self.jobs, found, strict=True):
            if trained is not None:
                models[d].append(trained)
                holdouts[d].append(self._held_out(m))
        return models, holdouts

    def _on_threads(self, threads: int) -> list[Trained | None]:
        def job(i: int) -> Trained | None:
            with config.own_threads(1):
                return self._job(i)

        with ThreadPoolExecutor(threads, thread_name_prefix="fastmlp") as pool:
            waiting = [pool.submit(job, i) for i in range(len(self.jobs))]
            try:
                return [future.result() for future in waiting]
            except BaseException:
                self.clock.stopped = True
                for future in waiting:
                    future.cancel()
                raise

    def _held_out(self, member: int) -> int:
        return member % self.folds if self.judge is None and self.fold.max() > NEVER else NEVER

    def _job(self, i: int) -> Trained | None:
        """Train a network if there is time for it."""
        d, m = self.jobs[i]
        self.began.setdefault(d, self.clock.left)
        seconds = self._seconds(i, d)
        if seconds == 0:
            self.cut = True
            return None
        fold, data = self._held_out(m), self.data
        if fold == NEVER:
            learn, judge = data, self.judge or data
        else:
            learn = data.take(np.flatnonzero(self.fold != fold))
            judge = data.take(np.flatnonzero(self.fold == fold))
        before = self.clock.left
        trained = train(
            self.recipe.designs[d],
            self.recipe,
            self.shape,
            learn,
            judge,
            self.edges[d],
            self.seeds[i],
            clock=self.clock,
            seconds=seconds,
            told=lambda *at: self._tell(i, *at),
        )
        if before < math.inf:
            self.took[d] = max(self.took.get(d, 0.0), before - self.clock.left)
        self.cut = self.cut or not trained.whole
        return trained

    def _seconds(self, i: int, design: int) -> float:
        """Return what a training may take, 0 if it is not begun.

        The first ones of each design share the time; others begin if they will be ready in it.
        """
        left = self.clock.left
        if left == math.inf:
            return left
        designs = len(self.recipe.designs)
        if i < designs:
            rounds = math.ceil((designs - i) / self.threads)
            return max(0.9 * left / rounds, 1e-3) if i == 0 or left > 0 else 0.0
        # The first of this design may still be on its way.
        expected = self.took.get(design, self.began.get(design, left) - left)
        return left if not self.clock.over and expected < left else 0.0

    def _tell(self, job: int, epoch: int, epochs: int, score: float) -> None:
        if self.progress is not None:
            with self._lock:
                self.progress(Progress(job + 1, len(self.jobs), epoch, epochs, score))
