"""Loss and metrics of a model on given data; all of them, or those that training does not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastmlp import planner

if TYPE_CHECKING:
    from fastmlp.networks.examples import Examples
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective
    from fastmlp.planner.parameters import Parameters


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
    target_columns : tuple of int
        Columns of the encoded targets of each output.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        objective: MeanObjective,
        target_columns: tuple[int, ...],
    ) -> None:
        graph = objective.evaluation_graph(network, target_columns)
        self._network = network
        self._objective = objective
        self._inputs = network.input_nodes
        self._targets = graph.targets
        self._values = graph.values
        self._outputs = graph.outputs if objective.at_the_end else ()
        nodes = [*(node for values in graph.values for node in values.values()), *self._outputs]
        once = list(dict.fromkeys(nodes))
        self._plan = planner.plan(once, parameters=parameters, dtype=parameters.dtype)
        self._penalty = (
            None
            if graph.penalty is None
            else planner.plan([graph.penalty], parameters=parameters, dtype=parameters.dtype)
        )

    def __call__(self, data: Examples) -> dict[str, float]:
        """Return loss and metrics of all these rows, with their weights.

        A loss that has averaged already ignores the weights.
        """
        feeds = dict(zip(self._inputs, data.inputs, strict=True))
        feeds.update(zip(self._targets, data.targets, strict=True))
        computed = dict(zip(self._plan.outputs, self._plan.run(feeds), strict=True))
        means: dict[str, float] = {}
        for values, weight in zip(self._values, data.weights, strict=True):
            columns = np.empty((len(values), data.rows))
            for column, node in zip(columns, values.values(), strict=True):
                column[:] = computed[node].ravel()
            weights = None if weight is None else weight[:, 0]
            of_head = np.average(columns, axis=1, weights=weights)
            means |= dict(zip(values, of_head.tolist(), strict=True))
        penalty = 0.0 if self._penalty is None else self._penalty.run({})[0].item()
        found = self._objective.reported(means, penalty)
        if self._outputs:
            outputs = [computed[node] for node in self._outputs]
            found |= self._objective.measured(self._network, outputs, data.targets, data.weights)
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
        self._outputs = network.forward_pass().outputs
        once = list(dict.fromkeys(self._outputs))
        self._plan = planner.plan(once, parameters=parameters, dtype=parameters.dtype)

    def __call__(self, data: Examples) -> dict[str, float]:
        """Return them by name: one forward pass over the rows, without dropout."""
        feeds = dict(zip(self._network.input_nodes, data.inputs, strict=True))
        computed = dict(zip(self._plan.outputs, self._plan.run(feeds), strict=True))
        outputs = [computed[node] for node in self._outputs]
        return self._objective.measured(self._network, outputs, data.targets, data.weights)
