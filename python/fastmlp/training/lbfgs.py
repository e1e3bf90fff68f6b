"""A fit by L-BFGS: iterations of SciPy's minimiser in the place of epochs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.graph.node import topological_order
from fastmlp.networks.objectives import MeanObjective
from fastmlp.planner.results import EpochsResult
from fastmlp.training import progress
from fastmlp.training.epochs import Call, Training
from fastmlp.training.interrupts import DelayedInterrupt
from fastmlp.training.minimiser import minimise

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.networks.network import Network
    from fastmlp.training.request import FitRequest

    Array = NDArray[Any]


class _Ended(Exception):  # noqa: N818
    """The history says why."""


def check(network: Network, request: FitRequest) -> None:
    """Raise ValueError unless J is the same function each time it is computed."""
    if request.stream is not None:
        raise ValueError("LBFGS needs all rows at once, in arrays; use another optimizer")
    if request.batch_size < request.data.rows:
        raise ValueError(
            f"LBFGS needs all {request.data.rows} rows at once, got batch_size="
            f"{request.batch_size}: write batch_size=None"
        )
    graph = request.graph(network)
    if any("key" in node.attrs for node in topological_order([graph.loss])):
        raise ValueError(
            "LBFGS needs a loss that is the same each time, but a layer draws random numbers, as "
            "dropout does: set its rate to 0, or use another optimizer"
        )
    if network.max_norms.keys() - network.frozen:
        raise ValueError(
            "LBFGS cannot keep the norm of weights at a bound: set max_norm of the layers to None, "
            "or use another optimizer"
        )
    if graph.statistics:
        raise ValueError(
            "LBFGS cannot train a network with statistics of batches, as those of BatchNorm: "
            "freeze these layers, or use another optimizer"
        )


class Minimisation(Training):
    """One fit by L-BFGS on its way.

    Its plan is of parameters in float64 of their own: those of the model change with each iteration
    and not with each step of a line search.
    """

    def _run(self) -> None:
        request, history = self.request, self.history
        settings = request.minimiser
        assert settings is not None
        own, shared = self._plan.parameters, self.trainer.parameters
        work = own.flat
        work[:] = shared.part(own.nodes)
        self.trainer.state = None  # of steps that led elsewhere
        self._report = None  # what an iteration reports is evaluated, not averaged over batches
        compute = self._plan.loss_function(self._compiled.feeds(request.data))
        last: tuple[Array, float] = work.copy(), np.nan

        def at(flat: Array) -> tuple[float, Array]:
            nonlocal last
            work[:] = flat
            loss, gradient = compute()
            if not (np.isfinite(loss) and np.isfinite(gradient).all()):
                self.non_finite = True
                self._say_non_finite()
                raise _Ended
            last = flat.copy(), loss
            return loss, gradient

        with progress.Progress(request.epochs, request.display) as shown:

            def iterated(flat: Array) -> None:
                loss = last[1] if np.array_equal(flat, last[0]) else at(flat)[0]
                self._iterated(flat, loss)
                shown.advance([self._numbers(-1)])
                if history.stopped:
                    raise _Ended
                if self.is_changed:
                    raise RuntimeError(
                        "a setting of a layer was changed while L-BFGS minimises by one plan: "
                        "change it between two fits"
                    )
                there = shared.part(own.nodes)
                if request.listeners and not np.array_equal(there, flat.astype(there.dtype)):
                    raise RuntimeError(
                        "the weights were changed while L-BFGS minimises, which goes on from those "
                        "it knows: change them between two fits"
                    )

            options = {
                "maxcor": settings.history_size,
                "gtol": settings.gradient_tolerance,
                "ftol": settings.loss_tolerance,
                "maxls": settings.line_search_steps,
                "maxiter": request.epochs,
                "maxfun": 1 + request.epochs * (1 + settings.line_search_steps),
            }
            try:
                result = minimise(at, work.copy(), options=options, callback=iterated)
            except _Ended:
                return
        if history.epochs < request.epochs:
            history.stopped = f"L-BFGS after epoch {history.epochs}: {result.message}"

    def _iterated(self, flat: Array, loss: float) -> None:
        """Write down an iteration and tell of it, as of an epoch."""
        request, trainer = self.request, self.trainer
        self._phase = "epoch"
        names = request.reported
        result = EpochsResult(1, len(names))
        result.numbers[0] = [loss, *[math.nan] * (len(names) - 1)]
        with DelayedInterrupt():  # all weights are those of the iteration, and it counts
            trainer.parameters.put_part(self._plan.parameters.nodes, flat)
            result.counts[0] = 1
            self._call = Call(result, 0, self.history.epochs)
        if len(names) > 1:
            assert isinstance(request.objective, MeanObjective)
            scores = trainer.evaluate(request.objective, request.data)
            result.numbers[0, 1:] = [scores[name] for name in names[1:]]
        self._settle(self._call, validated=True)
        self._tell()
        self._call = None
