"""Losses and solvers that an estimator is given beyond those of scikit-learn."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from fastmlp import activations, losses, optimizers
from fastmlp import graph as g
from fastmlp.estimators.objectives import PeerObjective, output_of
from fastmlp.losses import Loss
from fastmlp.optimizers import LBFGS, Update

# scikit-learn's own, which take their numbers from the parameters of the estimator.
OWN_SOLVERS = ("lbfgs", "sgd", "adam")
SOLVERS = {*OWN_SOLVERS, *optimizers.OPTIMIZERS}
_OF_OWN = ("power_t", "momentum", "nesterovs_momentum", "beta_1", "beta_2", "epsilon")


class LossNames(set[str]):
    """Names of losses: some of an estimator's own, and what `fastmlp.losses` finds.

    Parameters
    ----------
    own : iterable of str
        Those of its own.
    *targets : str
        Of which kinds the targets of the others are, beside "any"; see `Loss`.

    Examples
    --------
    >>> names = LossNames(["log_loss"], "class")
    >>> "log_loss" in names, "CrossEntropyLoss" in names, "mse" in names
    (True, True, False)
    """

    def __init__(self, own: Iterable[str], *targets: str) -> None:
        self._targets = ("any", *targets)
        known = (name for name, loss in losses.LOSSES.items() if loss.target in targets)
        super().__init__([*own, *known])

    def __contains__(self, name: object) -> bool:
        loss = losses.named(name) if isinstance(name, str) else None
        return super().__contains__(name) or (loss is not None and loss.target in self._targets)


def check_solver(estimator: Any) -> None:
    """Raise ValueError for a solver that takes no steps, or has settings beside its own.

    A solver of `fastmlp.optimizers` has numbers of its own: what says others is refused and not
    ignored.
    """
    solver = estimator.solver
    if isinstance(solver, LBFGS):
        raise ValueError(
            f"solver={solver!r}: write solver='lbfgs', with max_iter, max_fun and tol of the "
            f"{type(estimator).__name__}"
        )
    if isinstance(solver, str) and solver in OWN_SOLVERS:
        if solver == "lbfgs" and estimator.callbacks:
            raise ValueError(
                "callbacks are for solvers with epochs, not for 'lbfgs': leave them out"
            )
        return
    rate = f"{solver!r}" if isinstance(solver, str) else type(solver).__name__
    if estimator.learning_rate != "constant":
        raise ValueError(
            f"learning_rate={estimator.learning_rate!r} is for solver='sgd', not for {rate}: give "
            "a schedule as its rate, as in solver=fm.AdamW(fm.CosineDecay(1e-3, steps=1000))"
        )
    defaults = inspect.signature(type(estimator)).parameters
    for name in _OF_OWN if isinstance(solver, str) else ("learning_rate_init", *_OF_OWN):
        if (given := getattr(estimator, name)) != defaults[name].default:
            raise ValueError(
                f"{name}={given!r} has no effect beside solver={solver!r}: leave it out, and give "
                "an optimizer its own numbers, as in solver=fm.AdamW(1e-3, beta1=0.8)"
            )


def solver_of(estimator: Any) -> Update | None:
    """Return the optimizer that is given, None for those of scikit-learn."""
    solver = estimator.solver
    if isinstance(solver, Update):
        return solver
    if solver in OWN_SOLVERS:
        return None
    made: Any = optimizers.OPTIMIZERS[solver]
    optimizer: Update = made(learning_rate=float(estimator.learning_rate_init))
    return optimizer


def check_loss(objective: PeerObjective, output: str, columns: int, targets: int) -> None:
    """Raise ValueError if a loss does not fit the outputs of an estimator, before it changes.

    Parameters
    ----------
    objective : PeerObjective
        With the loss.
    output : str
        The activation of the outputs.
    columns, targets : int
        How many outputs and columns of targets there are.
    """
    if isinstance(objective.loss, str):  # of the estimators' own
        needed = output_of(objective.loss, one_of_several=columns > targets) or output
        if needed != output:  # of layers that are kept
            raise ValueError(
                f"loss={objective.loss!r} needs the output {needed!r}, these layers have "
                f"{output!r}: partial_fit, and fit with warm_start=True, keep them; fit with "
                "warm_start=False makes new ones"
            )
        return
    y = activations.get(output)(g.input(columns, "y"))
    try:
        objective.examples(y, g.input(targets, "t"))
    except ValueError as error:
        if not isinstance(objective.loss, Loss):  # a function of the user's says what it means
            raise
        why = str(error).partition("; set output")[0]
        raise ValueError(
            f"loss={objective.loss!r} does not fit: {why}{_advice(objective.loss, output)}"
        ) from None


def _advice(loss: Loss, output: str) -> str:
    if output == "logistic" and loss.target == "class":
        return (
            "; two classes and labels that do not exclude one another have logistic outputs: take "
            "fm.losses.BinaryCrossEntropy or BinaryFocal"
        )
    if output == "softmax" and loss.target == "binary":
        return "; classes that exclude one another take fm.losses.CrossEntropy or Focal"
    return "; a network whose outputs are others than the targets is built with fm.Model"
