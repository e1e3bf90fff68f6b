"""Loss and metrics of a model on given data; all of them, or those that training does not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import planner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective
    from fastmlp.planner.parameters import Parameters

    Array = NDArray[Any]


class Evaluation:
    """The compiled evaluation of one objective; call it with data.

    Parameters
    ----------
    network : Network
        What to evaluate.
    parameters : Parameters
        Its parameters: the values they have at the time of the call.
    objective : MeanObjective
        Loss, penalty and metrics.
    target_columns : int
        Columns of the encoded targets.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        objective: MeanObjective,
        target_columns: int,
    ) -> None:
        graph = objective.evaluation_graph(network, target_columns)
        self._network = network
        self._objective = objective
        self._means = ["loss", *(metric.name for metric in objective.node_metrics)]
        self._inputs = network.input_nodes
        self._target = graph.target
        outputs = [graph.output] if objective.array_metrics else []
        nodes = [*graph.values, *outputs]
        self._plan = planner.plan(nodes, parameters=parameters, dtype=parameters.dtype)
        self._penalty = (
            None
            if graph.penalty is None
            else planner.plan([graph.penalty], parameters=parameters, dtype=parameters.dtype)
        )

    def __call__(
        self, inputs: Sequence[Any], target: Array, weight: Array | None = None
    ) -> dict[str, float]:
        """Return loss and metrics of all these rows, with these weights.

        Parameters
        ----------
        inputs : sequence of ndarray or CompressedRows
            One matrix for each input.
        target : ndarray
            Encoded targets.
        weight : ndarray, optional
            Weights of the rows, shape (rows, 1). A loss that has averaged already ignores them.
        """
        feeds = dict(zip(self._inputs, inputs, strict=True))
        feeds[self._target] = target
        columns = np.empty((len(self._means), len(target)))
        values = self._plan.run(feeds)
        for column, value in zip(columns, values, strict=False):
            column[:] = value.ravel()
        means = np.average(columns, axis=1, weights=None if weight is None else weight[:, 0])
        if self._penalty is not None:
            means[0] += self._penalty.run({})[0].item()
        found = dict(zip(self._means, means.tolist(), strict=True))
        if self._objective.array_metrics:
            found |= self._objective.measured(self._network, values[-1], target, weight)
        return {name: found[name] for name in self._objective.names}


class Measurement:
    """The metrics of arrays of one objective, for training data; call it with them.

    Parameters
    ----------
    network, parameters, objective
        As for `Evaluation`.
    """

    def __init__(self, network: Network, parameters: Parameters, objective: MeanObjective) -> None:
        self._network = network
        self._objective = objective
        y, _ = network.forward(training=False)
        self._plan = planner.plan([y], parameters=parameters, dtype=parameters.dtype)

    def __call__(self, data: Examples) -> dict[str, float]:
        """Return them by name: one forward pass over the rows, without dropout."""
        feeds = dict(zip(self._network.input_nodes, data.inputs, strict=True))
        (y,) = self._plan.run(feeds)
        return self._objective.measured(self._network, y, data.target, data.weight)
