"""The trainings of all networks of one design, epoch by epoch in one call of the core.

Each network has the bits that it would have alone.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import planner
from fastmlp.estimators.tabular.measures import badness
from fastmlp.estimators.tabular.member import Predictor
from fastmlp.estimators.tabular.network import loss_of, optimizer_of, plan_dropout, rest_dropout
from fastmlp.training.updates import Updates

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.estimators.tabular.member import Member
    from fastmlp.estimators.tabular.network import Shape
    from fastmlp.estimators.tabular.recipe import Design, Recipe
    from fastmlp.estimators.tabular.splits import Rows
    from fastmlp.graph.node import Node

    Array = NDArray[Any]

#: The fewest epochs of a wave after which a network may be given up.
WAVE = 4


class Clock:
    """When to stop.

    Parameters
    ----------
    deadline : float, optional
        Of `time.monotonic`.
    """

    def __init__(self, deadline: float | None) -> None:
        self.deadline = math.inf if deadline is None else deadline

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.monotonic()


class Course:
    """The trainings of one design.

    Parameters
    ----------
    design, recipe, shape
        What is trained, what for, and how large its ends are.
    lead : Member
        The first of the networks; `members` takes others.
    steps : int
        Of an epoch, of the network that has the most.
    told : function of member's number, epoch, epochs and score
        Is told of every epoch.

    Attributes
    ----------
    members : list of Member
    epochs : int
        How many there are at most.
    cut : bool
        Whether there would have been more, had there been time.
    """

    def __init__(
        self,
        design: Design,
        recipe: Recipe,
        shape: Shape,
        lead: Member,
        steps: int,
        told: Callable[[int, int, int, float], None],
    ) -> None:
        self.design, self.recipe, self.shape = design, recipe, shape
        self.members, self.steps, self.told = [lead], steps, told
        self.cut = False
        self._feeds: dict[int, dict[str, Array]] = {}
        self._predictor = Predictor(lead.model, design, shape)
        self.plan(design.epochs)

    def plan(self, epochs: int) -> None:
        """Let the trainings have so many epochs, at whose end schedules are at theirs."""
        self.epochs = max(epochs, self.members[0].epoch)
        count = self.epochs * self.steps
        lead, design = self.members[0], self.design
        optimizer = optimizer_of(lead.model.network, design, count)
        self._updates = Updates.of(lead.model.network, optimizer)
        self._clip = optimizer.clip_norm
        plan_dropout(lead.model, design, count)
        weighted = lead.learn.w is not None
        loss, _, _, total = loss_of(lead.model.network, design, self.recipe, self.shape, weighted)
        rest_dropout(lead.model, design)
        self._plan = planner.plan_training(
            loss,
            lead.model.parameters,
            optimizer,
            weight=total,
            frozen=lead.model.network.frozen,
            treatments=dict(self._updates.treatments),
        )
        self._values = {1.0: self._updates.step_values(0, count, 0)}

    def round(self, members: Sequence[Member]) -> None:
        """Run and judge an epoch of some members."""
        results = [self._plan.new_result(1) for _ in members]
        jobs = []
        for member, result in zip(members, results, strict=True):
            first = member.epoch * self.steps
            count = -(-len(member.learn.t) // self.design.batch)
            values = self._values_at(member.rate)[first : first + count]
            feeds = self._feeds_of(member.learn)
            jobs.append(member.job(self._plan, feeds, values, first, self._clip, result))
        self._plan.run_jobs(jobs)
        for member, result, P in zip(members, results, self._said(members), strict=True):
            score = badness(self.recipe, member.judge.t, P, member.judge.w)
            if member.judge_epoch(not result.non_finite, score):
                member.record.take(P)
                member.over = self._useless(member)
                self.told(self.members.index(member), member.epoch, self.epochs, score)

    def _feeds_of(self, learn: Rows) -> dict[Node, Array]:
        """Return what the loss reads of rows, which several members may learn from."""
        if id(learn) not in self._feeds:
            names = [str(node.name) for node in self.members[0].model.network.input_nodes]
            feeds: dict[str, Array] = dict(zip(names, learn.inputs, strict=True))
            feeds["t"] = np.ascontiguousarray(learn.t.reshape(len(learn.t), -1), np.float32)
            if learn.w is not None:
                # The mean weight is 1, whatever the unit: float32 holds the sum of a batch.
                w = learn.w / learn.w.mean()
                feeds["w"] = np.ascontiguousarray(w[:, None], np.float32)
            self._feeds[id(learn)] = feeds
        named = self._feeds[id(learn)]
        return {node: named[str(node.name)] for node in self._plan.inputs}

    def _values_at(self, rate: float) -> Any:
        if rate not in self._values:
            count = self.epochs * self.steps
            self._values[rate] = self._updates.step_values(0, count, 0, rate)
        return self._values[rate][:, : self._plan.columns]

    def _said(self, members: Sequence[Member]) -> Any:
        """Return what each member says of the rows it is judged by."""
        models = [member.model for member in members]
        if all(member.judge is members[0].judge for member in members):
            return self._predictor.each(members[0].judge.inputs, models)
        return [self._predictor(m.judge.inputs, m.model) for m in members]

    def _useless(self, member: Member) -> bool:
        """Tell whether to give a network up, as nothing was better for too long.

        On coslog4 that is a whole wave of the rate, as validations are bad in the midst of one, and
        one of several epochs, as a wave that ends within an epoch says little.
        """
        epoch, epochs = member.epoch, self.epochs
        if self.design.schedule != "coslog4":
            return epoch - member.since >= self.design.patience
        ends = [round(epochs * (2**wave - 1) / 15) for wave in range(4)]
        if epoch not in ends[2:]:
            return False
        begin = ends[ends.index(epoch) - 1]
        return bool(member.since <= begin <= epoch - WAVE)

    def go_on(self, clock: Clock) -> None:
        """Train all members to their end, or until the time is over.

        One epoch of each is run in any case.
        """
        while live := [m for m in self.members if not m.over and m.epoch < self.epochs]:
            if clock.left <= 0 and all(member.since for member in live):
                self.cut = True
                break
            self.round(live)
        for member in self.members:
            member.end()
