"""Epochs of one fit: many in one call of the core where nobody listens."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from fastmlp import callbacks
from fastmlp.callbacks.base import Watching
from fastmlp.history import History
from fastmlp.training import progress, turns, warned
from fastmlp.training.interrupts import DelayedInterrupt
from fastmlp.training.updates import NumbersAhead

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from fastmlp.networks.examples import Examples
    from fastmlp.planner.plans import CoreFeeds, Feeds
    from fastmlp.planner.results import EpochsResult
    from fastmlp.training.request import FitRequest
    from fastmlp.training.trainer import Compiled, Trainer

    Array = NDArray[Any]

# Orders of rows that are made ahead hold at most this many numbers: 8 MB, made in about 15 ms.
ORDER_NUMBERS = 1 << 20
# A call of the core takes one epoch, or at most this many steps: the numbers of each are 40 bytes.
CALL_STEPS = 1 << 16


class Call(NamedTuple):
    """A call of the core: its result, and after how many steps and epochs it began.

    It is `open` if it ran a part of an epoch, after which others come.
    """

    result: EpochsResult
    first_step: int
    first_epoch: int
    open: bool = False

    @property
    def epochs_done(self) -> int:
        """How many epochs were run to their end."""
        return 0 if self.open else self.result.epochs_done


class Part(NamedTuple):
    """What one call of the core is given: whole epochs, or some batches of one."""

    data: Examples
    batch_size: int
    epochs: int = 1
    order: NDArray[np.int64] | None = None
    open: bool = False

    @property
    def steps(self) -> int:
        """How many batches there are."""
        return self.epochs * -(-self.data.rows // self.batch_size)


class Training:
    """The course of one fit; weights and optimizer are the trainer's, everything else is here.

    Parameters
    ----------
    trainer : Trainer
        What trains.
    request : FitRequest
        What was asked for.
    compiled : Compiled
        The plan.
    model
        What the listeners are told of.
    compiled_anew : bool
        Whether the plan was made for this fit.
    numbers : NumbersAhead
        Those of the first steps.

    Attributes
    ----------
    request : FitRequest
    trainer : Trainer
    compiled_anew : bool
        As given.
    history : History
        What has happened so far.
    non_finite : bool
        Whether the training ended because the loss became NaN or infinite.
    noise : int
        Where dropout comes from.
    """

    def __init__(
        self,
        trainer: Trainer,
        request: FitRequest,
        compiled: Compiled,
        model: Any,
        *,
        compiled_anew: bool,
        numbers: NumbersAhead,
    ) -> None:
        self.request = request
        self.compiled_anew = compiled_anew
        self.history = History(request.recorded)
        self.non_finite = False
        self.noise = request.noise
        self.trainer = trainer
        self._model = model
        self._call: Call | None = None  # of the core, not written down yet
        self._use(compiled, numbers)
        self._phase = "epoch"  # then "validation" and "listeners", where there are any
        self._evaluated: tuple[int, dict[str, float]] = -1, {}  # after how many epochs, and what

    def _use(self, compiled: Compiled, numbers: NumbersAhead) -> None:
        """Train by this plan from now on."""
        self._compiled, self._plan = compiled, compiled.plan
        self._report = compiled.graph.report
        self._version = self.trainer.network.version
        self._fed: CoreFeeds | None = None
        self._ahead = numbers

    @property
    def is_changed(self) -> bool:
        """Whether a setting of a layer is another than in the plan, as listeners may assign it."""
        return self.trainer.network.version != self._version

    @property
    def is_over(self) -> bool:
        """Whether no epoch is to come."""
        return self.history.epochs >= self.request.epochs or bool(self.history.stopped)

    @property
    def schedules(self) -> list[Any]:
        """The functions of steps among the settings of layers and losses."""
        return self._plan.schedules

    @property
    def waits(self) -> bool:
        """Whether the core has done something that is not written down yet."""
        return self._call is not None

    def announce(self) -> None:
        """Tell the listeners that the training begins."""
        for listener in self.request.listeners:
            if isinstance(listener, Watching) or listener.WRITES:
                turns.hear(listener, self._model)
        for listener in self.request.listeners:
            listener.on_fit_begin(self._model, self.request.recorded)
        for listener in self.request.listeners:
            listener.on_training(self)

    def run(self) -> None:
        """Run the epochs and tell the listeners after each.

        However it ends, history, weights and the optimizer's state are those after the same step.
        """
        with self._agreed():
            self._run()

    def end(self) -> None:
        """Tell rule and listeners that the training is over."""
        request, self._phase = self.request, "listeners"
        with self._agreed():
            if request.rule is not None:
                request.rule.on_fit_end(self.history, self.non_finite)
            if request.listeners:
                with DelayedInterrupt():
                    for listener in request.listeners:
                        listener.on_fit_end(self._model, self.history)

    @contextmanager
    def _agreed(self) -> Iterator[None]:
        """Write down what the core has done before an exception goes on."""
        try:
            yield
        except BaseException as error:
            self.give_up(error)
            raise

    def give_up(self, error: BaseException) -> None:
        """Write down what the core has done, and that this exception ended the training."""
        history = self.history
        try:
            self._finish()
        finally:
            n = history.epochs
            place = f"in epoch {n + 1}" if self._phase == "epoch" else f"after epoch {n}"
            key = isinstance(error, KeyboardInterrupt)
            why = "interrupted" if key else f"ended by {type(error).__name__}"
            history.stopped = history.stopped or f"{why} {place}"

    def _run(self) -> None:
        request, history = self.request, self.history
        self.trainer.state_of(request.optimizer)
        with progress.Progress(request.epochs, request.display, history.epochs) as shown:
            count = 1
            while not self.is_over:
                self._phase = "epoch"
                self.follow_settings()
                left = request.epochs - history.epochs
                count = min(left, self.most_epochs(), count if shown.often else left)
                start = time.perf_counter()
                done = self._run_epochs(count)
                seconds = max(time.perf_counter() - start, 1e-6)
                if done:
                    self._tell()
                    told = range(-done, 0) if shown.often else ()
                    shown.advance([self._numbers(i) for i in told])
                self._call = None
                count = progress.epochs_next(count, seconds)

    def follow_settings(self) -> None:
        """Let what has been assigned to layers count from the next epoch on."""
        if self.is_changed:
            request = self.request
            how = request.objective, request.optimizer, request.data
            self._use(self.trainer.compiled(*how), NumbersAhead())

    def look_ahead(self) -> None:
        """Ask schedules for the next steps of a fit that goes on; raises what they get wrong."""
        if not self.is_over:
            request, done = self.request, self.history.epochs
            self._ahead = self.trainer.first_numbers(request, self._plan, done)

    def most_epochs(self) -> int:
        """Return how many epochs one call of the core may run."""
        request = self.request
        asked = (request.stream, request.evaluate, request.measure)
        if request.listeners or any(each is not None for each in asked):
            return 1
        numbers = 1 if request.orders is None else request.data.rows
        most = max(1, min(ORDER_NUMBERS // numbers, CALL_STEPS // request.steps_per_epoch))
        return most if request.rule is None else min(most, request.rule.ahead())

    def _finish(self) -> None:
        """Write down what the core has done when an exception came.

        An interrupt that finds the core at the end of an epoch is heard when that epoch has been
        evaluated and told of, as any other; where it ends the evaluation, all hear of NaN there.
        """
        call = self._call
        if call is None or self._phase == "listeners":
            return
        self._settle(call, validated=self._phase == "epoch")
        if call.epochs_done:
            self._tell()

    def _numbers(self, epoch: int) -> dict[str, float]:
        """Return the numbers of an epoch, counted from 0."""
        return {name: values[epoch] for name, values in self.history.items()}

    def _tell(self) -> None:
        """Tell every listener, also those after one that stops the training."""
        if not self.request.listeners:
            return
        model, epoch = self._model, self.history.epochs
        with DelayedInterrupt():
            self._phase = "listeners"  # until then an interrupt tells them
            for listener in self.request.listeners:
                answer = listener.on_epoch_end(model, epoch, self._numbers(-1))
                self.history.stopped = self.history.stopped or callbacks.stop_reason(answer)
            for listener in self.request.listeners:
                listener.after_epoch(self)

    def _tell_rule(self) -> None:
        """Tell the rule of the epochs since the last time."""
        history, rule = self.history, self.request.rule
        if rule is not None:
            history.stopped = rule.on_epochs(history) or history.stopped

    @property
    def _rate_factor(self) -> float:
        """What the listeners multiply the learning rates by."""
        return math.prod(listener.rate_factor for listener in self.request.listeners)

    def _run_epochs(self, count: int) -> int:
        """Run `count` epochs; return how many had a finite loss.

        Arrays are one call of the core, an epoch of a stream is one for each chunk.
        """
        sums = None if self.request.stream is None else self._plan.new_sums()
        for part in self._parts(count):
            call = self._train(part, sums)
            if call.result.non_finite or not call.open:
                return call.epochs_done
        self._end_stream()
        return 0

    def _parts(self, count: int) -> Iterator[Part]:
        """Return what the next calls of the core are given; no last part if a stream has ended."""
        request = self.request
        if request.stream is None:
            order = None if request.orders is None else request.orders(count)
            yield Part(request.data, request.batch_size, count, order)
            return
        for chunk in request.stream.epoch():
            yield Part(chunk.data, chunk.batch_size, open=not chunk.last)

    def next_epochs(self, count: int) -> Any:
        """Return the next epochs as a job, for `TrainingPlan.run_jobs` of members.

        `took` then has to be called, or `give_up` if an exception came.
        """
        self._phase = "epoch"
        (part,) = self._parts(count)
        call, how = self._next(part, None)
        return self._plan.job(self._feeds(part.data), **how, result=call.result)

    def _feeds(self, data: Examples) -> Feeds:
        """Return what the core is fed; the data of all epochs are checked in the first call."""
        if data is not self.request.data:
            return self._compiled.feeds(data)
        self._fed = self._fed or self._plan.checked(self._compiled.feeds(data))
        return self._fed

    def settle_weights(self) -> None:
        """Give the model the weights that it has after the epochs of a job, if they are done."""
        if self._call is not None:
            self.trainer.settle(self._call.first_step, self._call.result)

    def took(self) -> list[dict[str, float]]:
        """Write down what a job has done and tell of it; return the numbers of its epochs."""
        call = self._call
        assert call is not None
        self._settle(call, validated=True)
        if call.epochs_done:
            self._tell()
        self._call = None
        return [self._numbers(i) for i in range(-call.epochs_done, 0)]

    def _train(self, part: Part, sums: Array | None) -> Call:
        """Make one call of the core, and write down what it has done."""
        call, how = self._next(part, sums)
        self._plan.run_epochs(self._feeds(part.data), **how, result=call.result)
        self._settle(call, validated=True)
        return call

    def _next(self, part: Part, sums: Array | None) -> tuple[Call, dict[str, Any]]:
        """Return a call of the core that is to come, and what it is told besides its data."""
        plan, trainer = self._plan, self.trainer
        state = trainer.state
        assert state is not None
        call = Call(plan.new_result(part.epochs), state.steps, self.history.epochs, part.open)
        self._call = call
        return call, {
            **trainer.steps_ahead(plan, part.steps, self._rate_factor, self._ahead),
            "order": part.order,
            "batch_size": part.batch_size,
            "epochs": part.epochs,
            "seed": self.noise,
            "sums": sums,
            "parameters": trainer.parameters,
        }

    def _end_stream(self) -> None:
        """Stop, as a stream that cannot begin again has ended before the epochs asked for."""
        stream, epoch = self.request.stream, self.history.epochs + 1
        assert stream is not None
        self.history.stopped = (
            f"the stream ended in epoch {epoch}, after {stream.came} of its {stream.stream.steps} "
            "batches"
        )
        warned.warn(self.history.stopped, UserWarning)

    def _settle(self, call: Call, *, validated: bool) -> None:
        """Write down what a call of the core has done; a second time changes nothing.

        Without `validated` the validation of an epoch was interrupted.
        """
        result, trainer = call.result, self.trainer
        trainer.settle(call.first_step, result)
        self.non_finite = result.non_finite
        names = self.request.reported
        new = result.scalars[self.history.epochs - call.first_epoch : call.epochs_done].tolist()
        reported = new if self._report is None else [self._report(numbers) for numbers in new]
        if self.request.evaluate is None and self.request.measure is None:
            self.history.extend({name: [e[i] for e in reported] for i, name in enumerate(names)})
        else:
            for numbers in reported:
                if self._evaluated[0] != self.history.epochs:
                    self._validate(skip=not validated)
                logs = dict(zip(names, numbers, strict=True))
                self.history.append(self._evaluated[1] | logs)
        self._tell_rule()
        if self.non_finite:
            # Its vectors are no longer those of the weights.
            trainer.state = None
            self._say_non_finite()

    def _say_non_finite(self) -> None:
        """Let the history say that the loss became no number."""
        # After the last epoch the last update may have been too large.
        epoch = min(self.history.epochs + 1, self.request.epochs)
        self.history.stopped = f"the loss became NaN or infinite in epoch {epoch}"

    def _validate(self, *, skip: bool) -> None:
        """Keep what is taken after an epoch, if there is anything, for the history."""
        request = self.request
        values: dict[str, float] = dict.fromkeys(request.measured, math.nan)
        held_out: Mapping[str, float] = {}
        if request.evaluate is not None and skip:
            held_out = dict.fromkeys(request.held_out, math.nan)
        elif not skip and (request.evaluate is not None or request.measure is not None):
            self._phase = "validation"
            if request.measure is not None:
                values |= request.measure(self.trainer)
            if request.evaluate is not None:
                held_out = request.evaluate(self.trainer)
        values |= {f"val_{name}": value for name, value in held_out.items()}
        self._evaluated = self.history.epochs, values
        self._phase = self._phase if skip else "epoch"
