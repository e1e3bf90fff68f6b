"""Examples for a network: its inputs, encoded targets and weights, checked against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastmlp.data import arrays
from fastmlp.data.sparse import CompressedRows

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import DTypeLike, NDArray

    from fastmlp.losses import Loss
    from fastmlp.networks.network import Network

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
    exponent : int
        Of the unit of the weights: those that were given are weight · 2^exponent.
    """

    inputs: list[Any]
    target: Array
    weight: Array | None
    exponent: int = 0

    def part(self, rows: NDArray[np.int64]) -> Examples:
        """Return the examples with these numbers."""
        inputs = [x.take(rows) if isinstance(x, CompressedRows) else x[rows] for x in self.inputs]
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, inputs=inputs, target=self.target[rows], weight=weight)

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return len(self.target)


def network_inputs(
    network: Network, dtype: np.dtype[Any], X: Any, name: str = "X", *, finite: bool = True
) -> list[Any]:
    """Check the inputs of a network, which errors call `name`; their values if `finite`."""
    names = [str(node.name) for node in network.input_nodes]
    return arrays.inputs(X, names, network.input_columns, dtype, name, finite=finite)


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
    target = targets(t, loss, network.output_columns, dtype, names[1])
    arrays.same_rows(target, names[1], len(inputs[0]), names[0])
    weights = (
        None if weight is None else arrays.sample_weights(weight, len(target), dtype, names[2])
    )
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


def targets(t: Any, loss: Loss, output_columns: int, dtype: DTypeLike, name: str = "t") -> Array:
    """Return the targets as the loss wants them, a matrix that the core can read.

    Raises
    ------
    TypeError, ValueError
        If they are no finite numbers, or not what the loss takes.

    Examples
    --------
    >>> from fastmlp import losses
    >>> targets([0, 2, 1], losses.get("cross_entropy"), 3, np.float32).shape
    (3, 1)
    """
    try:
        values = arrays.array(t, name)
    except TypeError as error:
        hint = "; number the classes first: classes, t = np.unique(t, return_inverse=True)"
        raise TypeError(f"{error}{hint if loss.target in ('class', 'binary') else ''}") from None
    if values.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (rows,) or (rows, columns), got {values.shape}")
    if values.size == 0:
        raise ValueError(f"{name} is empty: shape {values.shape}, expected at least one row")
    arrays.check_finite(values, name, dtype)
    return arrays.readable(loss.encode_targets(values, output_columns, name=name), dtype)
