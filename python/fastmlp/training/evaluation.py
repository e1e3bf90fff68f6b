"""Loss and metrics of a model on given data; all of them, or those that training does not meet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import planner
from fastmlp.losses.reduction import require_each

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from fastmlp.graph.node import Node
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

    Attributes
    ----------
    network, objective
        As given.
    values : list of dict of str to Node
        Of each output the loss of each row, and its metrics, by name.
    outputs : tuple of Node
        The outputs, where metrics of arrays read them.
    plan : Plan
        What computes them.
    """

    def __init__(
        self,
        network: Network,
        parameters: Parameters,
        objective: MeanObjective,
        target_columns: tuple[int, ...],
    ) -> None:
        graph = objective.evaluation_graph(network, target_columns)
        self.network = network
        self.objective = objective
        self._inputs = network.input_nodes
        self._targets = graph.targets
        self.values = graph.values
        self.outputs = graph.outputs if objective.at_the_end else ()
        nodes = [*(node for values in graph.values for node in values.values()), *self.outputs]
        once = list(dict.fromkeys(nodes))
        self.plan = planner.plan(once, parameters=parameters, dtype=parameters.dtype)
        self._penalty = (
            None
            if graph.penalty is None
            else planner.plan([graph.penalty], parameters=parameters, dtype=parameters.dtype)
        )

    def check_weights(self, weighted: tuple[bool, ...]) -> None:
        """Raise ValueError for weights of an output that has a loss or metric of all rows at once.

        Parameters
        ----------
        weighted : tuple of bool
            Whether there are weights: for all outputs, or for each.
        """
        for values, has in zip(
            self.values, weighted * (len(self.values) // len(weighted)), strict=True
        ):
            if has:
                for node in values.values():
                    require_each(node)

    def __call__(self, parts: Iterable[Examples]) -> dict[str, float]:
        """Return loss and metrics of all rows of these parts, with their weights.

        Raises
        ------
        ValueError
            If no row has a weight.
        """
        tally = _Tally(self)
        for data in parts:
            computed = self.plan.run(self._feeds(data))
            tally.add(dict(zip(self.plan.outputs, computed, strict=True)), data)
        penalty = 0.0 if self._penalty is None else self._penalty.run({})[0].item()
        return tally.scores(penalty)

    def each(self, data: Sequence[Examples], vectors: Sequence[Array]) -> list[dict[str, float]]:
        """Return the same for each of some vectors of parameters, as members of a network have.

        Parameters
        ----------
        data : sequence of Examples
            For each vector. They have inputs and targets in common, and weights of their own.
        vectors : sequence of ndarray
            In the layout of the parameters.
        """
        computed = self.plan.of_members(self._feeds(data[0]), vectors)
        penalties = [0.0] * len(vectors)
        if self._penalty is not None:
            (found,) = self._penalty.of_members({}, vectors).values()
            penalties = found[:, 0, 0].tolist()
        scores = []
        for i, (own, penalty) in enumerate(zip(data, penalties, strict=True)):
            tally = _Tally(self)
            tally.add({node: values[i] for node, values in computed.items()}, own)
            scores.append(tally.scores(penalty))
        return scores

    def _feeds(self, data: Examples) -> dict[Node, Any]:
        feeds = dict(zip(self._inputs, data.inputs, strict=True))
        feeds.update(zip(self._targets, data.targets, strict=True))
        return feeds


class _Tally:
    """Loss and metrics of some rows, added up part by part."""

    def __init__(self, of: Evaluation) -> None:
        self._of = of
        self._sums = [np.zeros(len(values)) for values in of.values]
        self._totals = [0.0] * len(self._sums)
        self._said = Said()

    def add(self, computed: Mapping[Node, Array], data: Examples) -> None:
        """Add what was computed for some rows."""
        for k, (values, weight) in enumerate(zip(self._of.values, data.weights, strict=True)):
            columns = np.empty((len(values), data.rows))
            for column, node in zip(columns, values.values(), strict=True):
                column[:] = computed[node].ravel()
            if weight is not None:
                columns[:, weight[:, 0] == 0] = 0  # whatever it was, infinity too
                columns *= weight[:, 0]
            self._sums[k] += columns.sum(axis=1)
            self._totals[k] += data.rows if weight is None else weight[:, 0].sum(dtype=np.float64)
        if self._of.outputs:
            self._said.add([computed[node] for node in self._of.outputs], data)

    def scores(self, penalty: float) -> dict[str, float]:
        """Return loss and metrics of all rows; ValueError if none has a weight."""
        of = self._of
        if not all(self._totals):
            raise ValueError("sample_weight is zero for every row: there is nothing to average")
        means = {
            name: mean
            for values, total, of_head in zip(of.values, self._totals, self._sums, strict=True)
            for name, mean in zip(values, (of_head / total).tolist(), strict=True)
        }
        found = of.objective.reported(means, penalty)
        if of.outputs:
            found |= self._said.measured(of.objective, of.network)
        return {name: found[name] for name in of.objective.names}


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

    def each(self, data: Sequence[Examples], vectors: Sequence[Array]) -> list[dict[str, float]]:
        """Return the same for each of some vectors of parameters, see `Evaluation.each`."""
        feeds = dict(zip(self._network.input_nodes, data[0].inputs, strict=True))
        computed = self._plan.of_members(feeds, vectors)
        found = []
        for i, own in enumerate(data):
            said = Said()
            said.add([computed[node][i] for node in self._outputs], own)
            found.append(said.measured(self._objective, self._network))
        return found
