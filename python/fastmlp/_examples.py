"""Examples for a network: its inputs, encoded targets and weights, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp import _data

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fastmlp.losses import Loss
    from fastmlp.network import Network

    Array = NDArray[Any]


@dataclass(frozen=True)
class Examples:
    """Checked data, as the core reads it.

    Attributes
    ----------
    inputs : list of ndarray or CompressedRows
        One matrix (rows, columns) for each input of the network.
    target : ndarray
        Encoded targets (rows, target columns).
    weight : ndarray or None
        Weights of the rows (rows, 1).
    """

    inputs: list[Any]
    target: Array
    weight: Array | None

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return len(self.target)


def network_inputs(
    network: Network, dtype: np.dtype[Any], X: Any, name: str = "X", *, finite: bool = True
) -> list[Any]:
    """Check the inputs of a network, which errors call `name`; their values if `finite`."""
    names = [str(node.name) for node in network.input_nodes]
    return _data.inputs(X, names, network.input_columns, dtype, name, finite=finite)


def check(
    network: Network,
    dtype: np.dtype[Any],
    loss: Loss,
    X: Any,
    t: Any,
    weight: Any,
    names: tuple[str, str, str] = ("X", "t", "sample_weight"),
) -> Examples:
    """Return inputs, targets and weights if they fit each other; errors call them by `names`.

    Raises
    ------
    TypeError, ValueError
        If they do not fit the network, the loss, or each other.
    """
    inputs = network_inputs(network, dtype, X, names[0])
    target = _data.targets(t, loss, network.output_columns, dtype, names[1])
    _data.same_rows(target, names[1], len(inputs[0]), names[0])
    weights = None if weight is None else _data.sample_weights(weight, len(target), dtype, names[2])
    return Examples(inputs, target, weights)


def check_validation(
    network: Network, dtype: np.dtype[Any], loss: Loss, data: Any
) -> Examples | None:
    """Return the examples of the argument `validation_data`, None if it is None.

    Raises
    ------
    TypeError, ValueError
        If it is no pair (X, t) or triple (X, t, weights), or they do not fit.
    """
    if data is None:
        return None
    if not isinstance(data, (tuple, list)) or len(data) not in (2, 3):
        got = f"{len(data)} parts" if isinstance(data, (tuple, list)) else type(data).__name__
        raise TypeError(f"validation_data must be (X, t) or (X, t, sample_weight), got {got}")
    X, t, weight = (*data, None)[:3]
    names = ("validation_data[0]", "validation_data[1]", "validation_data[2]")
    return check(network, dtype, loss, X, t, weight, names)
