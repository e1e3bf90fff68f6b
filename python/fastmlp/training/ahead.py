"""Steps whose numbers are made ahead, so that the core takes them alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from fastmlp.networks.outputs import ONE
from fastmlp.planner.steppers import Fed, FedTarget, FollowedAverage, Stepper
from fastmlp.training.updates import STEPS_AHEAD, lasts

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastmlp.losses import Loss
    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network
    from fastmlp.optimizers import Update
    from fastmlp.training.trainer import Compiled, OptimizerState, Trainer


class StepsAhead(NamedTuple):
    """Steps whose numbers are made already, as functions of the core.

    Attributes
    ----------
    step, loss_and_gradient : callable
        See `planner.steppers.Stepper`.
    state, optimizer, version, kind, first, began
        What they hold for: the optimizer and its state, the version of the network, of which kind
        the examples are, the number of the first step, and that of the first step of the average.
    """

    step: Callable[[Any, Any, Any, bool], Any]
    loss_and_gradient: Callable[[Any, Any, Any], Any]
    state: OptimizerState
    optimizer: Update
    version: int
    kind: tuple[Any, ...]
    first: int
    began: int

    def hold(self, state: OptimizerState | None, optimizer: Update, version: int) -> bool:
        """Tell whether they are still the steps to come."""
        return (
            state is self.state
            and optimizer is self.optimizer
            and version == self.version
            and _began(self.state) == self.began
        )

    def serves(self, data: Examples) -> bool:
        """Tell whether they are of examples of this kind, and have numbers of the next step."""
        return self.kind == _kind(data) and 0 <= self.state.steps - self.first < STEPS_AHEAD


def made_ahead(
    trainer: Trainer,
    losses: tuple[Loss, ...],
    state: OptimizerState,
    compiled: Compiled,
    data: Examples,
    noise: int,
) -> StepsAhead | None:
    """Return the next steps on examples like these; None if the core cannot take them alone."""
    network, plan, optimizer = trainer.network, compiled.plan, state.optimizer
    fed = _fed(network, losses, compiled, data)
    lasting = trainer.updates_of(optimizer).lasting and all(map(lasts, plan.schedules))
    if fed is None or not lasting:
        return None
    try:
        how = trainer.steps_ahead(plan, STEPS_AHEAD)
        if state.average is not None:
            state.average.end()
    except BaseException:
        if state.average is not None:
            state.average.end()  # again if an interrupt came before it had begun
        raise
    average = how.pop("average")
    if average is not None and state.average is not None:
        average = FollowedAverage(average.vector, state.average.trained, average.parts)
    made: Stepper | None = plan.stepper(fed, state, seed=noise, average=average, **how)
    if made is None:
        return None
    began = _began(state)
    return StepsAhead(*made, state, optimizer, network.version, _kind(data), state.steps, began)


def _began(state: OptimizerState) -> int:
    return -1 if state.average is None else state.average.began


def _kind(data: Examples) -> tuple[Any, ...]:
    """Return what functions for examples depend on."""
    return data.target_columns, data.weighted


def _fed(
    network: Network, losses: tuple[Loss, ...], compiled: Compiled, data: Examples
) -> Fed | None:
    """Return what examples like these are fed to; None where only Python can read the targets."""
    targets = []
    parts = zip(
        *(compiled.graph.targets, network.outputs.names, losses, network.outputs.columns),
        strict=True,
    )
    for node, name, loss, columns in parts:
        limits = loss.target_limits(columns, node.shape[1])
        if limits is None:
            return None
        targets.append(FedTarget(node, name, columns if loss.target == "class" else 0, limits))
    common = not data.own
    names = ("",) if common else network.outputs.names
    return Fed(
        list(zip(compiled.inputs, network.index_limits, strict=True)),
        targets,
        network.outputs.form != ONE,
        [
            (node, name)
            for node, name in zip(compiled.graph.weights, names, strict=True)
            if node is not None
        ],
        common,
    )
