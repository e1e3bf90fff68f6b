"""Loss and metrics of a model on given data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import planner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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
        self._names = objective.names
        self._inputs = network.input_nodes
        self._target = graph.target
        self._plan = planner.plan(graph.values, parameters=parameters, dtype=parameters.dtype)
        self._penalty = (
            None
            if graph.penalty is None
            else planner.plan([graph.penalty], parameters=parameters, dtype=parameters.dtype)
        )

    def __call__(
        self, inputs: Sequence[Any], target: Array, weight: Array | None = None
    ) -> dict[str, float]:
        """Return loss and metrics, averaged over the rows with these weights.

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
        columns = np.empty((len(self._names), len(target)))
        for column, value in zip(columns, self._plan.run(feeds), strict=True):
            column[:] = value.ravel()
        means = np.average(columns, axis=1, weights=None if weight is None else weight[:, 0])
        if self._penalty is not None:
            means[0] += self._penalty.run({})[0].item()
        return dict(zip(self._names, means.tolist(), strict=True))
