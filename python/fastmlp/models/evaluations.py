"""What a model scores: its loss and its metrics on given data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp import _checks
from fastmlp.models.habits import OF_EVALUATE
from fastmlp.models.predictions import Predicting
from fastmlp.networks import examples
from fastmlp.training import turns
from fastmlp.training.scores import Scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from fastmlp.losses import Loss
    from fastmlp.metrics import ArrayMetric, Metric
    from fastmlp.training.trainer import Trainer


class Evaluated(Predicting):
    """A model that can be evaluated; a base of `Model`."""

    def _begin(self, seed: int | None, dtype: DTypeLike) -> None:
        """Set everything but the network."""
        super()._begin(seed, dtype)
        self._trainer: Trainer | None = None

    @_checks.taught(OF_EVALUATE)
    def evaluate(
        self,
        X: Any,
        t: Any = None,
        *,
        loss: str | Loss | Any | None = None,
        loss_weights: float | Sequence[float] | Mapping[str, float] | None = None,
        l2: float | None = None,
        l1: float | None = None,
        metrics: Sequence[str | Metric | ArrayMetric | Any] | Mapping[str, Any] | None = None,
        sample_weight: ArrayLike | Mapping[str, ArrayLike] | None = None,
    ) -> Scores:
        """Return the loss and the metrics on given data, without dropout.

        The loss is J with the same reduction as in `fit`, penalty included.

        Parameters
        ----------
        X, t, sample_weight
            Data, as for `fit`: arrays, or a stream of batches alone, whose scores are those of all
            its rows.
        loss, loss_weights, l2, l1, metrics
            As for `fit`; by default those of the last fit. A model that was never fitted has the
            loss of its output and no penalty; where there are no metrics, the accuracy is reported
            if the targets are classes.

        Returns
        -------
        Scores
            "loss" and the metrics by name; means over the rows are summed in float64. A dict of
            floats that unpacks into its numbers, ``loss, accuracy = model.evaluate(X, t)``; where
            there is the loss alone, `float` makes a number of it.

        Raises
        ------
        TypeError, ValueError
            If an argument is wrong.

        Examples
        --------
        >>> import fastmlp as fm
        >>> model = fm.MLP([2, 3], output="softmax", seed=0)
        >>> scores = model.evaluate([[0.0, 1.0], [1.0, 0.0]], [0, 2])
        >>> list(scores.keys())
        ['loss', 'accuracy']
        >>> loss, accuracy = scores
        >>> loss == scores["loss"]
        True
        """
        from fastmlp.networks import objectives
        from fastmlp.networks.batches import BatchCheck
        from fastmlp.training import streams

        turns.check(self, "evaluate")
        with streams.reading(X, t) as given:
            stream = given if isinstance(given, streams.Reader) else None
            if stream is not None and sample_weight is not None:
                raise ValueError("sample_weight: the weights of a stream are in its batches")
            with self._network_of(X if stream is None else stream.first_inputs) as network:
                objective = objectives.choose(
                    network,
                    loss=loss,
                    loss_weights=loss_weights,
                    metrics=metrics,
                    l2=l2,
                    l1=l1,
                    last=self._objective,
                )
                losses = objective.losses
                if stream is None:
                    data = examples.check(network, self.dtype, losses, X, t, sample_weight)
                else:
                    stream.begin(BatchCheck(network, self.dtype, losses))
            with turns.reading("evaluate", self):
                return Scores(self._own_trainer().evaluate(objective, stream or data))

    def _own_trainer(self) -> Trainer:
        """Return what trains and evaluates the model, made when first needed."""
        if self._trainer is None:
            from fastmlp.training.trainer import Trainer

            with turns.building:
                if self._trainer is None:
                    self._trainer = Trainer(self.network, self.parameters)
        return self._trainer
