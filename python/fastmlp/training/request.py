"""What a fit is asked to do: every argument checked before anything changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp import _checks, optimizers
from fastmlp.callbacks import as_callbacks
from fastmlp.networks import examples, objectives
from fastmlp.training import progress

if TYPE_CHECKING:
    import numpy as np

    from fastmlp.callbacks import Callback
    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective, TrainingGraph
    from fastmlp.optimizers import Update


@dataclass(frozen=True)
class FitRequest:
    """The arguments of one fit, all of them checked.

    Attributes
    ----------
    objective : MeanObjective
        Loss, penalty and metrics.
    data, validation : Examples
        What to train on, and what to evaluate after each epoch if anything.
    optimizer : Update
        The rule of a step.
    epochs, batch_size : int
        How long, and how many rows a step; `batch_size` is at most the number of rows.
    shuffle : bool
        Whether each epoch has an order of its own.
    seed : SeedSequence
        Where the orders and the dropout come from.
    listeners : tuple of Callback
        Whom to tell after each epoch.
    visible : bool
        Whether to show a progress bar.
    """

    objective: MeanObjective
    data: Examples
    validation: Examples | None
    optimizer: Update
    epochs: int
    batch_size: int
    shuffle: bool
    seed: np.random.SeedSequence
    listeners: tuple[Callback, ...]
    visible: bool

    @classmethod
    def of(
        cls,
        network: Network,
        dtype: np.dtype[Any],
        X: Any,
        t: Any,
        *,
        loss: Any,
        optimizer: Any,
        epochs: Any,
        batch_size: Any,
        validation_data: Any,
        sample_weight: Any,
        l2: Any,
        metrics: Any,
        callbacks: Any,
        shuffle: Any,
        seed: np.random.SeedSequence,
        verbose: Any,
    ) -> FitRequest:
        """Check the arguments of `Model.fit` for a network that computes in `dtype`.

        Raises
        ------
        TypeError, ValueError
            For the first argument that is wrong.
        """
        rule = optimizers.get(optimizer)
        epochs = _checks.integer(epochs, "epochs", at_least=1)
        if batch_size is not None:
            batch_size = _checks.integer(batch_size, "batch_size", at_least=1)
        shuffle = _checks.flag(shuffle, "shuffle")
        listeners = tuple(as_callbacks(callbacks))
        visible = progress.wanted(verbose)
        objective = objectives.choose(network, loss, l2, metrics)
        data = examples.check(network, dtype, objective.loss, X, t, sample_weight)
        return cls(
            objective=objective,
            data=data,
            validation=examples.check_validation(network, dtype, objective.loss, validation_data),
            optimizer=rule,
            epochs=epochs,
            batch_size=min(batch_size or data.rows, data.rows),
            shuffle=shuffle,
            seed=seed,
            listeners=listeners,
            visible=visible,
        )

    def graph(self, network: Network) -> TrainingGraph:
        """Build the graph of a batch; raises what the loss cannot take."""
        columns, weighted = self.data.target.shape[1], self.data.weight is not None
        return self.objective.training_graph(network, columns, weighted)

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch, the last of which may be short."""
        return -(-self.data.rows // self.batch_size)

    @property
    def names(self) -> dict[str, bool]:
        """Names of the numbers that every epoch has, and whether more of it is better."""
        rising = {metric.name: metric.higher_is_better for metric in self.objective.metrics}
        names = {name: rising.get(name, False) for name in self.objective.names}
        if self.validation is not None:
            names |= {f"val_{name}": higher for name, higher in names.items()}
        return names
