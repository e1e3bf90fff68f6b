"""From the rows of a table to an average of networks.

Each member holds another part of the rows out and is taken from its best epoch by the metric there.
What members say of rows they did not learn from weighs the designs against each other, calibrates
the probabilities, and is kept for whoever wants intervals or importances.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import config
from fastmlp.estimators.tabular import doubting, judging, weighing
from fastmlp.estimators.tabular.bins import bins_for
from fastmlp.estimators.tabular.course import Clock, Course
from fastmlp.estimators.tabular.fitted import Fitted, shape_of
from fastmlp.estimators.tabular.member import Member
from fastmlp.estimators.tabular.network import Shape, inputs_of
from fastmlp.estimators.tabular.splits import NEVER, Rows, deal, originals_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.data.table import Layout
    from fastmlp.estimators.tabular.recipe import Recipe

    Array = NDArray[Any]

#: The share of the time left that trainings are planned for: other work may come between.
USED = 0.9
#: Epochs by which it is found what others will take, and the share of the time left that they may.
PROBES, PROBED = 3, 0.02


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
    """Fit the networks of a recipe to a table, all of a design side by side.

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
        Told of every epoch.

    Raises
    ------
    ValueError
        If no row has weight, or training diverges.
    KeyboardInterrupt
        As soon as the present epochs are over.
    """
    data, kept = _weighted(
        Rows(inputs_of(X, layout), t, weights), "sample_weight must be above 0 for one row at least"
    )
    outputs = classes or t.shape[1] * max(1, len(recipe.quantiles))
    shape = shape_of(recipe, layout, outputs)
    judge, judged, rows = None, kept, len(X)
    if eval is not None:
        error = "the weights of the validation rows must be above 0 for one at least"
        judge, judged = _weighted(Rows(inputs_of(eval[0], layout), *eval[1:]), error)
        rows = len(eval[0])
    seeds = np.random.SeedSequence(seed)
    rng = np.random.default_rng(seeds)
    originals = originals_of(np.concatenate(data.inputs, axis=1), data.t)
    fold = deal(data.t, recipe.folds, rng, classes=shape.classes, originals=originals)
    if judge is not None:
        fold[:] = NEVER
    fit = _Fit(recipe, shape, data, judge, fold, seeds, Clock(deadline), progress)
    with config.own_threads(n_threads):
        trained = fit.run()
        low, high = _range(data.t, outputs, shape)
        result = Fitted(
            recipe,
            layout,
            outputs,
            models=[[member.model for member in each] for each in trained],
            bins=fit.bins,
            weights=np.array([bool(each) for each in trained]) / sum(map(bool, trained)),
            temperature=1.0,
            low=low,
            high=high,
            holdouts=[[fit.held_out(m) for m in range(len(each))] for each in trained],
            scores=[[member.best for member in each] for each in trained],
            epochs=[[member.since for member in each] for each in trained],
            stopped="time limit" if fit.cut else "",
        )
        if judge is None:
            result.folds = np.full(rows, NEVER, dtype=np.int64)
            result.folds[judged] = fold
            means = result.means_of_others(data.inputs, fold)
        else:
            means = result.means(judge.inputs)
    held = data if judge is None else judge
    said = _said(recipe, trained, held, result.holdouts, fold if judge is None else None)
    _judge(result, said, means, held, judged, rows)
    result.evidence = _evidence(result, data, held, judged)
    return result


def _weighted(rows: Rows, error: str) -> tuple[Rows, Array]:
    """Return the rows that have weight, and which they are; an error if there are none."""
    if rows.w is None:
        return rows, np.arange(len(rows.t))
    w = np.asarray(rows.w, dtype=np.float64)
    kept = np.flatnonzero(w > 0)
    if len(kept) == 0:
        raise ValueError(error)
    rows = Rows(rows.inputs, rows.t, w)
    return rows if len(kept) == len(w) else rows[kept], kept


def _range(t: Array, outputs: int, shape: Shape) -> tuple[Array, Array]:
    """Return between which numbers each output stays."""
    if shape.classes:
        return np.zeros(outputs), np.ones(outputs)
    times = max(1, shape.quantiles)
    return np.repeat(t.min(axis=0), times), np.repeat(t.max(axis=0), times)


def _said(
    recipe: Recipe,
    trained: list[list[Member]],
    held: Rows,
    holdouts: list[list[int]],
    fold: NDArray[np.int64] | None,
) -> list[Array]:
    """Return what each design says of the rows held out, NaN of all others; nothing if none are.

    Its networks learned nothing from these rows, and speak at epochs that the rows did not choose.
    """
    if fold is None:
        where = {NEVER: np.arange(len(held.t))}
    else:
        where = {part: np.flatnonzero(fold == part) for part in set(fold.tolist()) - {NEVER}}
    if not where:
        return []
    return [
        doubting.unchosen(recipe, held.t, held.w, [m.record for m in each], folds, where)
        if each
        else np.empty(0)
        for each, folds in zip(trained, holdouts, strict=True)
    ]


def _judge(
    fitted: Fitted, said: list[Array], means: list[Array], held: Rows, kept: Array, rows: int
) -> None:
    """Weigh the designs, calibrate, and keep what is said of rows held out.

    Weights are those that are best at the epochs taken, `means`; how sure probabilities are, and
    all that is told of the networks, is of epochs that the rows did not choose, `said`.
    """
    used = [d for d, models in enumerate(fitted.models) if models]
    fitted.unchosen = np.full((rows, fitted.outputs), np.nan)
    if not said:
        return
    known = np.all([np.isfinite(said[d][:, 0]) for d in used], axis=0)
    t, w = held.t[known], None if held.w is None else held.w[known]
    best = [fitted.in_range(means[d][known]) for d in used]
    fitted.weights[used] = weighing.weights_of(fitted.recipe, best, t, w)
    together = fitted.joined(said)
    if fitted.recipe.task == "classes":
        temperature = weighing.temperature_of(t, together[known], w)
        if temperature > 1 and fitted.folds is not None:
            # A mean of several is less sure than the one that each row was held out by.
            temperature **= len(used) / fitted.members
        fitted.temperature = temperature
        together = fitted.joined(said)
    fitted.unchosen[kept] = together


def _evidence(fitted: Fitted, data: Rows, held: Rows, kept: Array) -> float:
    """Return by how many standard errors the networks are better than a constant."""
    recipe = fitted.recipe
    classes = fitted.outputs if recipe.task == "classes" else 0
    constant = judging.constant(recipe.metric, data.t, data.w, recipe.quantiles, classes=classes)
    said = np.asarray(fitted.unchosen)[kept]
    return doubting.evidence(recipe, held.t, said, constant, held.w)


class _Fit:
    """The trainings of one fit, design after design."""

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
        self.folds = int(fold.max(initial=NEVER)) + 1  # 0: none is held out
        count = recipe.members * len(recipe.designs)
        self.seeds = seeds.generate_state(count, dtype=np.uint64).tolist()
        numbers = data.inputs[0] if shape.layout.numbers else np.empty((len(data.t), 0))
        self.bins = [
            bins_for(design, numbers, data.t, classes=shape.classes) for design in recipe.designs
        ]
        self._parts: dict[int, tuple[Rows, Rows]] = {}
        self._twice: Rows | None = None
        self.cut = False

    def run(self) -> list[list[Member]]:
        """Return the members of each design."""
        if self.clock.left < math.inf:
            return self._run_in_time()
        designs = range(len(self.recipe.designs))
        return [self._trained(self._course(d), d, self.recipe.members) for d in designs]

    def _run_in_time(self) -> list[list[Member]]:
        """Train as many members as there is time for: all epochs of fewer before fewer epochs."""
        courses: list[Course] = []
        needed: list[float] = []  # seconds of one network
        for d in range(len(self.recipe.designs)):
            if courses and self.clock.left <= 0:
                break
            courses.append(self._course(d))
            needed.append(self._seconds_of_one(courses[d]))
        share = 0.0
        for d, course in enumerate(courses):
            share = USED * self.clock.left / max(sum(needed[d:]), 1e-9)
            if share < 1:
                course.plan(int(share * course.epochs))
                self.cut = True
            needed[d] = self._seconds_of(course, d, int(share)) or needed[d]
        # Now it is known what networks take: there may be time for more.
        while not self.cut:
            more = int(USED * self.clock.left / max(sum(needed), 1e-9))
            if more < 1 or all(len(each.members) == self.recipe.members for each in courses):
                break
            for d, course in enumerate(courses):
                needed[d] = self._seconds_of(course, d, len(course.members) + more) or needed[d]
        found = [course.members for course in courses]
        found += [[] for _ in self.recipe.designs[len(courses) :]]
        self.cut = self.cut or any(len(each) < self.recipe.members for each in found)
        return found

    def _seconds_of(self, course: Course, design: int, count: int) -> float:
        """Train a design's members until there are so many; return what one took, 0 if none did."""
        begin, before = time.monotonic(), sum(member.over for member in course.members)
        trained = len(self._trained(course, design, min(count, self.recipe.members))) - before
        return (time.monotonic() - begin) / trained if trained else 0.0

    def _seconds_of_one(self, course: Course) -> float:
        """Return what all epochs of one network take, by its first."""
        least = math.inf
        for _ in range(min(PROBES, course.epochs)):
            begin = time.monotonic()
            course.round(course.members)
            least = min(least, time.monotonic() - begin)
            if course.members[0].over or least > PROBED * self.clock.left:
                break
        return least * course.epochs

    def _trained(self, course: Course, design: int, count: int) -> list[Member]:
        """Return so many members of a design, one at least, trained."""
        course.members += [self._member(design, m) for m in range(len(course.members), count)]
        course.go_on(self.clock)
        self.cut = self.cut or course.cut
        return course.members

    def _course(self, d: int) -> Course:
        """Return the course of a design, with its first member."""
        recipe, design = self.recipe, self.recipe.designs[d]
        parts = np.bincount(self.fold[self.fold != NEVER], minlength=1)
        held = [self.held_out(m) for m in range(recipe.members)]
        rows = max(len(self.fold) - (0 if part == NEVER else parts[part]) for part in held)

        def told(member: int, epoch: int, epochs: int, score: float) -> None:
            if self.progress is not None:
                number, count = member * len(recipe.designs) + d + 1, len(self.seeds)
                self.progress(Progress(number, count, epoch, epochs, score))

        steps = -(-int(rows) // design.batch)
        return Course(design, recipe, self.shape, self._member(d, 0), steps, told)

    def _member(self, design: int, member: int) -> Member:
        return Member(
            self.recipe.designs[design],
            self.shape,
            *self._rows_of(self.held_out(member)),
            self.bins[design],
            self.seeds[member * len(self.recipe.designs) + design],
        )

    def _rows_of(self, fold: int) -> tuple[Rows, Rows]:
        """Return what is learned from by who holds a fold out, and what it is judged by.

        They are views of the rows, fold after fold and that twice: what follows a fold then ends
        where the fold begins again.
        """
        if fold == NEVER:
            return self.data, self.judge or self.data
        if fold not in self._parts:
            order = np.argsort(self.fold, kind="stable")
            if self._twice is None:
                self._twice = self.data[np.concatenate([order, order])]
            begin, end = np.searchsorted(self.fold[order], [fold, fold + 1])
            learn, judge = self._twice[end : begin + len(order)], self._twice[begin:end]
            self._parts[fold] = learn, judge
        return self._parts[fold]

    def held_out(self, member: int) -> int:
        """Return the fold that a member holds out."""
        return member % self.folds if self.folds else NEVER
