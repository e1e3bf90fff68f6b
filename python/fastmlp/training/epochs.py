"""Epochs of one fit: many in one call of the core where nobody listens."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from fastmlp import callbacks
from fastmlp.history import History
from fastmlp.training import progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fastmlp.planner.training_plans import EpochsResult
    from fastmlp.training.request import FitRequest
    from fastmlp.training.trainer import Compiled, Trainer

# Orders of rows that are made ahead hold at most this many numbers: 8 MB, made in about 15 ms.
ORDER_NUMBERS = 1 << 20
# The scalars of at most this many steps are made ahead, 40 bytes each.
STEPS_AHEAD = 1 << 16
# Where somebody watches, a call of the core should take about this many seconds.
BAR_SECONDS = 0.1


class Call(NamedTuple):
    """A call of the core: its result, and after how many steps and epochs it began."""

    result: EpochsResult
    first_step: int
    first_epoch: int


def epochs_next(count: int, seconds: float) -> int:
    """Return how many epochs to run in the next call, after `count` of them took `seconds`.

    As many as take `BAR_SECONDS`, at most twice as many as before, at least one.

    Examples
    --------
    >>> epochs_next(10, seconds=0.2), epochs_next(10, seconds=0.001), epochs_next(1, seconds=9.0)
    (5, 20, 1)
    """
    return max(1, min(2 * count, int(count * BAR_SECONDS / seconds)))


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
    ) -> None:
        self.request = request
        self.compiled_anew = compiled_anew
        self.history = History(request.recorded)
        self.non_finite = False
        self.noise = request.noise
        self.trainer = trainer
        self._plan = compiled.plan
        self._report = compiled.graph.report
        self._feeds = compiled.feeds(request.data)
        self._model = model
        self._call: Call | None = None  # of the core, not written down yet
        self._phase = "epoch"  # then "validation" and "listeners", where there are any
        self._evaluated: tuple[int, dict[str, float]] = -1, {}  # after how many epochs, and what
        self._heard = 0  # epochs that the rule was told of

    @property
    def is_over(self) -> bool:
        """Whether no epoch is to come."""
        return self.history.epochs >= self.request.epochs or bool(self.history.stopped)

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
            for listener in request.listeners:
                listener.on_fit_end(self._model, self.history)

    @contextmanager
    def _agreed(self) -> Iterator[None]:
        """Write down what the core has done before an exception goes on."""
        try:
            yield
        except BaseException as error:
            history = self.history
            try:
                self._finish()
            finally:
                n = history.epochs
                place = f"in epoch {n + 1}" if self._phase == "epoch" else f"after epoch {n}"
                key = isinstance(error, KeyboardInterrupt)
                why = "interrupted" if key else f"ended by {type(error).__name__}"
                history.stopped = history.stopped or f"{why} {place}"
            raise

    def _run(self) -> None:
        request, history = self.request, self.history
        self.trainer.state_of(request.optimizer)
        with progress.Progress(request.epochs, request.display, history.epochs) as shown:
            count = 1
            while not self.is_over:
                self._phase = "epoch"
                left = request.epochs - history.epochs
                count = min(left, self._most_epochs(), count if shown.often else left)
                start = time.perf_counter()
                done = self._run_epochs(count)
                seconds = max(time.perf_counter() - start, 1e-6)
                if done:
                    self._tell()
                    shown.advance([self._numbers(i) for i in range(-done, 0)])
                self._call = None
                count = epochs_next(count, seconds)

    def _most_epochs(self) -> int:
        """Return how many epochs one call of the core may run."""
        request = self.request
        if request.listeners or request.evaluate is not None or request.measure is not None:
            return 1
        numbers = 1 if request.orders is None else request.data.rows
        most = max(1, min(ORDER_NUMBERS // numbers, STEPS_AHEAD // request.steps_per_epoch))
        return most if request.rule is None else min(most, request.rule.ahead())

    def _finish(self) -> None:
        """Write down what the core has done when an exception came.

        An interrupt that finds the core at the end of an epoch is heard when that epoch has been
        evaluated and told of, as any other.
        """
        call = self._call
        if call is None or self._phase == "listeners":
            return
        self._settle(call, validated=self._phase == "epoch")
        if call.result.epochs_done and self._phase == "epoch":
            self._tell()

    def _numbers(self, epoch: int) -> dict[str, float]:
        """Return the numbers of an epoch, counted from 0."""
        return {name: values[epoch] for name, values in self.history.items()}

    def _tell(self) -> None:
        """Tell every listener, also those after one that stops the training."""
        for listener in self.request.listeners:
            model, epoch, logs = self._model, self.history.epochs, self._numbers(-1)
            self._phase = "listeners"  # at the last moment: until then an interrupt tells them
            answer = listener.on_epoch_end(model, epoch, logs)
            self.history.stopped = self.history.stopped or callbacks.stop_reason(answer)
        for listener in self.request.listeners:
            listener.after_epoch(self)

    def _tell_rule(self) -> None:
        """Tell the rule of the epochs since the last time."""
        history, rule = self.history, self.request.rule
        while rule is not None and self._heard < history.epochs:
            logs = self._numbers(self._heard)
            self._heard += 1
            history.stopped = rule.on_epoch_end(self._heard, logs) or history.stopped

    @property
    def _rate_factor(self) -> float:
        """What the listeners multiply the learning rates by."""
        return math.prod(listener.rate_factor for listener in self.request.listeners)

    def _run_epochs(self, count: int) -> int:
        """Run `count` epochs in one call of the core; return how many had a finite loss."""
        request, plan = self.request, self._plan
        state = self.trainer.state
        assert state is not None
        steps = count * request.steps_per_epoch
        call = Call(plan.new_result(count), state.steps, self.history.epochs)
        self._call = call
        plan.run_epochs(
            self._feeds,
            **self.trainer.steps_ahead(plan, steps, self._rate_factor),
            order=None if request.orders is None else request.orders(count),
            batch_size=request.batch_size,
            epochs=count,
            seed=self.noise,
            result=call.result,
        )
        self._settle(call, validated=True)
        return call.result.epochs_done

    def _settle(self, call: Call, *, validated: bool) -> None:
        """Write down what a call of the core has done; a second time changes nothing.

        Without `validated` the validation of an epoch was interrupted.
        """
        result, trainer = call.result, self.trainer
        trainer.settle(call.first_step, result)
        self.non_finite = result.non_finite
        names = [name for name in self.request.names if name not in self.request.measured]
        for numbers in result.scalars[self.history.epochs - call.first_epoch :].tolist():
            if self._evaluated[0] != self.history.epochs:
                self._validate(skip=not validated)
            reported = numbers if self._report is None else self._report(numbers)
            logs = dict(zip(names, reported, strict=True))
            self.history.append(self._evaluated[1] | logs)
        self._tell_rule()
        if self.non_finite:
            # Its vectors are no longer those of the weights.
            trainer.state = None
            epoch = self.history.epochs + 1
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
