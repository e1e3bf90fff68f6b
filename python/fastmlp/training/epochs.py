"""Epochs of one fit: many in one call of the core where nobody listens."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fastmlp import callbacks
from fastmlp.training import progress
from fastmlp.training.history import History

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from fastmlp.planner.training_plans import EpochsResult
    from fastmlp.training.request import FitRequest
    from fastmlp.training.trainer import Compiled, Trainer

# Orders of rows that are made ahead hold at most this many numbers: 8 MB, made in about 15 ms.
ORDER_NUMBERS = 1 << 20
# The scalars of at most this many steps are made ahead, 40 bytes each.
STEPS_AHEAD = 1 << 16
# With a progress bar a call of the core should take about this many seconds.
BAR_SECONDS = 0.1


class Call(NamedTuple):
    """A call of the core: its result, and after how many steps and epochs it began."""

    result: EpochsResult
    first_step: int
    first_epoch: int


class Training:
    """One fit on its way: weights and optimizer are the trainer's, everything else is here.

    Parameters
    ----------
    trainer : Trainer
        What trains.
    request : FitRequest
        What was asked for.
    compiled : Compiled
        The plan.
    evaluate : callable or None
        Returns loss and metrics of the validation data.
    model
        What the listeners are told of.

    Attributes
    ----------
    history : History
        What has happened so far.
    non_finite : bool
        Whether the training ended because the loss became NaN or infinite.
    """

    def __init__(
        self,
        trainer: Trainer,
        request: FitRequest,
        compiled: Compiled,
        evaluate: Callable[[], dict[str, float]] | None,
        model: Any,
    ) -> None:
        self.request = request
        self.history = History(list(request.names))
        self.non_finite = False
        self._trainer = trainer
        self._plan = compiled.plan
        self._feeds = compiled.feeds(request.data)
        self._evaluate = evaluate
        self._model = model
        self._call: Call | None = None  # of the core, not written down yet
        self._phase = "epoch"  # then "validation" and "listeners", where there are any
        self._evaluated: tuple[int, dict[str, float]] = -1, {}  # after how many epochs, and what
        order_seed, noise_seed = request.seed.spawn(2)
        self._order = np.random.Generator(np.random.PCG64(order_seed))
        self._noise = int(noise_seed.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def run(self) -> History:
        """Run the epochs and tell the listeners after each.

        Whatever ends it, history, weights and the optimizer's state are those of one moment.
        """
        history = self.history
        try:
            self._run()
        except BaseException as error:
            try:
                self._finish()
            finally:
                n = history.epochs
                place = f"in epoch {n + 1}" if self._phase == "epoch" else f"after epoch {n}"
                key = isinstance(error, KeyboardInterrupt)
                why = "interrupted" if key else f"ended by {type(error).__name__}"
                history.stopped = history.stopped or f"{why} {place}"
            raise
        return history

    def _run(self) -> None:
        request, history = self.request, self.history
        with progress.Progress(request.epochs, request.visible) as bar:
            count = 1
            while history.epochs < request.epochs and not history.stopped:
                self._phase = "epoch"
                left = request.epochs - history.epochs
                count = min(left, self._most_epochs(), count if request.visible else left)
                start = time.perf_counter()
                done = self._run_epochs(count)
                seconds = max(time.perf_counter() - start, 1e-6)
                if done:
                    self._tell()
                    bar.advance(done, self._last())
                self._call = None
                count = max(1, min(2 * count, int(count * BAR_SECONDS / seconds)))
        self._phase = "listeners"
        for listener in request.listeners:
            listener.on_fit_end(self._model, history)

    def _most_epochs(self) -> int:
        """Return how many epochs one call of the core may run."""
        request = self.request
        if request.listeners or self._evaluate is not None:
            return 1
        numbers = request.data.rows if request.shuffle else 1
        return max(1, min(ORDER_NUMBERS // numbers, STEPS_AHEAD // request.steps_per_epoch))

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

    def _last(self) -> dict[str, float]:
        """Return the numbers of the last epoch."""
        return {name: values[-1] for name, values in self.history.history.items()}

    def _tell(self) -> None:
        """Tell every listener, also those after one that stops the training."""
        for listener in self.request.listeners:
            self._phase = "listeners"
            answer = listener.on_epoch_end(self._model, self.history.epochs, self._last())
            self.history.stopped = self.history.stopped or callbacks.stop_reason(answer)

    def _run_epochs(self, count: int) -> int:
        """Run so many epochs in one call of the core; return how many had a finite loss."""
        request, plan = self.request, self._plan
        optimizer, state = request.optimizer, self._trainer.state_of(request.optimizer)
        steps = count * request.steps_per_epoch
        rates = optimizer.rates(state.steps, steps)
        call = Call(plan.new_result(count), state.steps, self.history.epochs)
        self._call = call
        plan.run_epochs(
            self._feeds,
            state=state.vectors,
            order=self._orders(count),
            batch_size=request.batch_size,
            epochs=count,
            step_values=optimizer.step_values(state.steps, steps, rates),
            seed=self._noise,
            first_step=state.steps,
            result=call.result,
        )
        self._settle(call, validated=True)
        return call.result.epochs_done

    def _settle(self, call: Call, *, validated: bool) -> None:
        """Write down what a call of the core has done; once more does no harm.

        Without `validated` the validation of an epoch was interrupted.
        """
        result, trainer = call.result, self._trainer
        if trainer.state is not None:
            trainer.state.steps = call.first_step + result.steps_done
        self.non_finite = result.non_finite
        names = self.request.objective.names
        for numbers in result.scalars[self.history.epochs - call.first_epoch :].tolist():
            if self._evaluated[0] != self.history.epochs:
                self._validate(skip=not validated)
            logs = dict(zip(names, numbers, strict=True))
            self.history.append(self._evaluated[1] | logs)
        if self.non_finite:
            # Its vectors are no longer those of the weights.
            trainer.state = None
            epoch = self.history.epochs + 1
            self.history.stopped = f"the loss became NaN or infinite in epoch {epoch}"

    def _validate(self, *, skip: bool) -> None:
        """Keep loss and metrics of the validation data, if there are any, for the history."""
        values = {}
        if self._evaluate is not None and skip:
            values = dict.fromkeys(self.request.objective.names, math.nan)
        elif self._evaluate is not None:
            self._phase = "validation"
            values = self._evaluate()
        named = {f"val_{name}": value for name, value in values.items()}
        self._evaluated = self.history.epochs, named
        self._phase = self._phase if skip else "epoch"

    def _orders(self, epochs: int) -> NDArray[np.int64] | None:
        """Order of the rows in each of the next epochs; the same however the epochs are cut."""
        if not self.request.shuffle:
            return None
        orders = np.tile(np.arange(self.request.data.rows, dtype=np.int64), (epochs, 1))
        return self._order.permuted(orders, axis=1, out=orders)
