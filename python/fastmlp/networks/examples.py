"""Examples for a network: its inputs, encoded targets and weights, checked against each other."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.data import arrays
from fastmlp.data.sparse import CompressedRows
from fastmlp.data.weights import balanced

if TYPE_CHECKING:
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

    def split(self, at: int) -> tuple[Examples, Examples]:
        """Return the rows before this number, and the others; neither is copied."""
        first, second = (self._between(*ends) for ends in ((0, at), (at, self.rows)))
        return first, second

    def _between(self, begin: int, end: int) -> Examples:
        inputs = [
            x.between(begin, end) if isinstance(x, CompressedRows) else x[begin:end]
            for x in self.inputs
        ]
        weight = None if self.weight is None else self.weight[begin:end]
        return replace(self, inputs=inputs, target=self.target[begin:end], weight=weight)

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


def held_out(data: Examples, fraction: Any) -> tuple[Examples, Examples | None]:
    """Return examples without the last rows, a `fraction` of them, and these; None for 0.

    Raises
    ------
    TypeError, ValueError
        If it is no number from 0 to less than 1, or a part has no rows, or rows without weight.
    """
    fraction = _checks.real(fraction, "validation_split", at_least=0, below=1)
    if fraction == 0:
        return data, None
    at = math.floor(data.rows * (1 - fraction))  # as Keras rounds
    if not 0 < at < data.rows:
        raise ValueError(
            f"validation_split={fraction} of {data.rows} rows leaves {at} to train on and "
            f"{data.rows - at} to validate; expected one of each at least"
        )
    parts = data.split(at)
    for part, which in zip(parts, ("first", "last"), strict=True):
        if part.weight is not None and not part.weight.any():
            raise ValueError(
                f"sample_weight is zero for every one of the {which} {part.rows} rows, a part of "
                "validation_split"
            )
    return parts


def weighted_by_class(
    data: Examples, class_weight: Any, loss: Loss, dtype: np.dtype[Any], classes: int
) -> Examples:
    """Return examples whose weights are multiplied by those of their classes.

    Parameters
    ----------
    data : Examples
        Encoded for the loss.
    class_weight : dict, "balanced" or None
        As for `Model.fit`.
    loss : Loss
        Whose targets they are.
    dtype : dtype
        Of the model.
    classes : int
        The network's output columns; 1 is two classes.

    Raises
    ------
    TypeError, ValueError
        If it is neither, a class is unknown, a weight wrong, or the targets are no classes.
    """
    if class_weight is None:
        return data
    t, classes = data.target, max(2, classes)
    if loss.target not in ("class", "binary") or t.shape[1] != 1 or not _whole(t):
        raise ValueError(
            f"class_weight needs one class for each row, as labels or one-hot, and a loss of "
            f"classes; the loss is {loss.name!r} and the targets have shape {t.shape}"
        )
    labels = t[:, 0].astype(np.int64)
    if isinstance(class_weight, str) and class_weight == "balanced":
        by_row = balanced(labels, None if data.weight is None else data.weight[:, 0])
    elif isinstance(class_weight, Mapping):
        by_row = _class_weights(class_weight, classes)[labels]
    else:
        raise TypeError(f'class_weight must be a dict or "balanced", got {class_weight!r}')
    weight = by_row if data.weight is None else by_row * data.weight[:, 0].astype(np.float64)
    if not weight.any():
        raise ValueError("class_weight leaves no row a weight: nothing would be learned")
    column = arrays.sample_weights(weight, data.rows, dtype, "class_weight")
    return replace(data, weight=column)


def _whole(t: Array) -> bool:
    return bool((t == np.floor(t)).all())


def _class_weights(given: Mapping[Any, Any], classes: int) -> Array:
    """Return the weight of each class, 1 for those that are not named."""
    result = np.ones(classes)
    for key, number in given.items():
        label = _checks.integer(key, "the keys of class_weight", at_least=-1)
        if label == -1 and classes == 2 and 0 not in given:  # targets of −1 and 1
            label = 0
        if not 0 <= label < classes:
            raise ValueError(f"class_weight has the key {key}, expected classes 0 … {classes - 1}")
        result[label] = _checks.real(number, f"class_weight[{key}]", at_least=0)
    return result


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
