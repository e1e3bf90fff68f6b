"""Loss and metrics of a model on given data; all of them, or those that training does not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import planner

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

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

    def __call__(self, parts: Iterable[Examples]) -> dict[str, float]:
        """Return loss and metrics of all rows of these parts, with their weights.

        A loss that has averaged already ignores the weights within a part.

        Raises
        ------
        ValueError
            If no row has a weight.
        """
        sums = [np.zeros(len(values)) for values in self._values]
        totals = [0.0] * len(sums)
        said = Said()
        for data in parts:
            feeds = dict(zip(self._inputs, data.inputs, strict=True))
            feeds.update(zip(self._targets, data.targets, strict=True))
            computed = dict(zip(self._plan.outputs, self._plan.run(feeds), strict=True))
            for k, (values, weight) in enumerate(zip(self._values, data.weights, strict=True)):
                columns = np.empty((len(values), data.rows))
                for column, node in zip(columns, values.values(), strict=True):
                    column[:] = computed[node].ravel()
                if weight is not None:
                    columns *= weight[:, 0]
                sums[k] += columns.sum(axis=1)
                totals[k] += data.rows if weight is None else weight[:, 0].sum(dtype=np.float64)
            if self._outputs:
                said.add([computed[node] for node in self._outputs], data)
        if not all(totals):
            raise ValueError("sample_weight is zero for every row: there is nothing to average")
        means = {
            name: mean
            for values, total, of_head in zip(self._values, totals, sums, strict=True)
            for name, mean in zip(values, (of_head / total).tolist(), strict=True)
        }
        penalty = 0.0 if self._penalty is None else self._penalty.run({})[0].item()
        found = self._objective.reported(means, penalty)
        if self._outputs:
            found |= said.measured(self._objective, self._network)
        return {name: found[name] for name in self._objective.names}


class Said:
    """What a network says of some examples, part by part, with their targets and weights.

    Attributes
    ----------
    parts : list
        Of each part the outputs, the targets and the weights.
    """

    def __init__(self) -> None:
        self.parts: list[tuple[Sequence[Array], Sequence[Array], Sequence[Array | None]]] = []

    def add(self, outputs: Sequence[Array], data: Examples) -> None:
        """Keep the outputs for some examples, but not their inputs."""
        self.parts.append((outputs, data.targets, data.weights))

    def measured(self, objective: MeanObjective, network: Network) -> dict[str, float]:
        """Return the metrics of all rows at once."""
        outputs, targets, weights = (
            [_joined(of_head) for of_head in zip(*kind, strict=True)]
            for kind in zip(*self.parts, strict=True)
        )
        return objective.measured(network, outputs, targets, weights)


def _joined(parts: Sequence[Any]) -> Any:
    """Return arrays as one; the same array if it is alone, None if there is none."""
    return parts[0] if len(parts) == 1 or parts[0] is None else np.concatenate(parts)


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

    def __call__(self, parts: Iterable[Examples]) -> dict[str, float]:
        """Return them by name: one forward pass over the rows, without dropout."""
        said = Said()
        for data in parts:
            feeds = dict(zip(self._network.input_nodes, data.inputs, strict=True))
            computed = dict(zip(self._plan.outputs, self._plan.run(feeds), strict=True))
            said.add([computed[node] for node in self._outputs], data)
        return said.measured(self._objective, self._network)
