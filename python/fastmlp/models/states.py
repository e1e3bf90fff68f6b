"""What a model consists of apart from anything compiled: for copies, pickles and files alike."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastmlp.data import arrays

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from fastmlp.layers import Input, Layer
    from fastmlp.networks.network import Network
    from fastmlp.networks.objectives import MeanObjective
    from fastmlp.planner.parameters import Parameters

    Array = NDArray[Any]

NOT_BUILT = (
    "the model does not know its number of input columns yet: fit it, call build(columns), or give "
    "Sequential input_columns or an Input as first layer"
)


@dataclass(frozen=True)
class ModelState:
    """Everything a model is made of.

    Attributes
    ----------
    seed : int or None
        Of the model.
    dtype : str
        "float32" or "float64".
    metadata : dict
        The user's own.
    fits : int
        How often it was fitted.
    objective : MeanObjective or None
        That of the last fit.
    waiting : list of Layer or Input
        Layers of a `Sequential` that is not built yet; empty once there is a network.
    network : Network or None
        The values of its nodes are the weights.
    history : dict or None
        What `History.config` says of the last fit.
    """

    seed: int | None
    dtype: str
    metadata: dict[str, Any]
    fits: int
    objective: MeanObjective | None
    waiting: list[Layer | Input]
    network: Network | None
    history: dict[str, Any] | None = None

    def copied(self, memo: dict[int, Any] | None = None) -> ModelState:
        """Return the state of a model with layers, weights and metadata of its own.

        `memo` is that of a deep copy: layers that are in it already are shared.
        """
        memo = {} if memo is None else memo
        network = self.network
        return replace(
            self,
            metadata=copy.deepcopy(self.metadata),
            waiting=[_copied(layer, memo) for layer in self.waiting],
            network=None if network is None else network.copied(memo),
        )

    def pickled(self) -> dict[str, Any]:
        """Return the state for a pickle: functions of the user's own are left out, as in a file."""
        objective = None if self.objective is None else self.objective.named()
        return vars(replace(self, metadata=copy.deepcopy(self.metadata), objective=objective))


def _copied(layer: Layer | Input, memo: dict[int, Any]) -> Layer | Input:
    if id(layer) not in memo:
        memo[id(layer)] = copy.copy(layer)
    twin: Layer | Input = memo[id(layer)]
    return twin


def set_weights(
    network: Network,
    parameters: Parameters,
    weights: Sequence[ArrayLike] | Mapping[str, ArrayLike],
) -> None:
    """Copy in all parameters, in their order or by their names, if every one of them fits.

    Raises
    ------
    TypeError, ValueError
        If their number, a name, a shape or a value is wrong; then none has changed.
    """
    write(network, parameters, network.by_name(weights, "weights"), "weights")


def write(
    network: Network, parameters: Parameters, values: Mapping[str, ArrayLike], what: str
) -> None:
    """Copy in the values of all parameters by their names, in one go, if all of them fit."""
    targets = network.views(parameters.view)
    checked = [
        arrays.asarray_like(values[name], view, f"{what}: {name}") for name, view in targets.items()
    ]
    parameters.assign(dict(zip(network.parameter_nodes, checked, strict=True)))
