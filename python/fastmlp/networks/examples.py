"""Examples for a network: its inputs, encoded targets and weights, checked against each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.data import arrays
from fastmlp.data.sparse import CompressedRows
from fastmlp.data.stream import is_sequence_of_batches, parts_of
from fastmlp.data.weights import balanced
from fastmlp.losses.classes import class_of
from fastmlp.networks.outputs import ONE

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from fastmlp.data.weights import Units
    from fastmlp.losses import Loss
    from fastmlp.networks.network import Network
    from fastmlp.networks.outputs import Outputs

    Array = NDArray[Any]

# What errors call inputs, targets and weights, of training and of validation.
NAMES = ("X", "t", "sample_weight")
VALIDATION_NAMES = ("validation_data[0]", "validation_data[1]", "validation_data[2]")


@dataclass(frozen=True)
class Examples:
    """Checked data, as the core reads it.

    Attributes
    ----------
    inputs : list of ndarray or CompressedRows
        One matrix (rows, columns) for each input of the network.
    targets : tuple of ndarray
        Encoded targets (rows, target columns) for each output.
    weight : ndarray or None
        Weights of the rows (rows, 1).
    exponent : int
        Of the unit of the weights: those that were given are weight · 2^exponent.
    own : tuple of ndarray or None
        Where outputs have weights of their own: those of each, and None for all rows alike. There
        is no `weight` then. Otherwise empty.
    """

    inputs: list[Any]
    targets: tuple[Array, ...]
    weight: Array | None
    exponent: int = 0
    own: tuple[Array | None, ...] = ()

    @property
    def target(self) -> Array:
        """The targets, where there is one output."""
        (target,) = self.targets
        return target

    @property
    def target_columns(self) -> tuple[int, ...]:
        """How many columns the targets of each output have."""
        return tuple(target.shape[1] for target in self.targets)

    @property
    def fed(self) -> tuple[Array | None, ...]:
        """The weights, as training is fed with them: for all outputs, or for each."""
        return self.own or (self.weight,)

    @property
    def weighted(self) -> tuple[bool, ...]:
        """Whether there are weights: for all outputs, or for each."""
        return tuple(weight is not None for weight in self.fed)

    @property
    def weights(self) -> tuple[Array | None, ...]:
        """The weights for each output."""
        return self.own or (self.weight,) * len(self.targets)

    def part(self, rows: NDArray[np.int64]) -> Examples:
        """Return the examples with these numbers."""
        inputs = [x.take(rows) if isinstance(x, CompressedRows) else x[rows] for x in self.inputs]
        return self._of(inputs, rows)

    def split(self, at: int) -> tuple[Examples, Examples]:
        """Return the rows before this number, and the others; neither is copied."""
        first, second = (self._between(*ends) for ends in ((0, at), (at, self.rows)))
        return first, second

    def _between(self, begin: int, end: int) -> Examples:
        inputs = [
            x.between(begin, end) if isinstance(x, CompressedRows) else x[begin:end]
            for x in self.inputs
        ]
        return self._of(inputs, slice(begin, end))

    def _of(self, inputs: list[Any], rows: NDArray[np.int64] | slice) -> Examples:
        weight = None if self.weight is None else self.weight[rows]
        own = tuple(w if w is None else w[rows] for w in self.own)
        targets = tuple(target[rows] for target in self.targets)
        return replace(self, inputs=inputs, targets=targets, weight=weight, own=own)

    def parts(self) -> Iterable[Examples]:
        """Return the examples in pieces, of which this is one; a stream has several."""
        return (self,)

    @property
    def rows(self) -> int:
        """How many examples there are."""
        return len(self.targets[0])


def network_inputs(
    network: Network, dtype: np.dtype[Any], X: Any, name: str = "X", *, finite: bool = True
) -> list[Any]:
    """Check the inputs of a network, which errors call `name`; their values if `finite`."""
    names = [str(node.name) for node in network.input_nodes]
    return arrays.inputs(
        X,
        names,
        network.input_columns,
        dtype,
        name,
        finite=finite,
        categories=network.index_limits,
    )


def check(
    network: Network,
    dtype: np.dtype[Any],
    losses: Sequence[Loss],
    X: Any,
    t: Any,
    weight: Any,
    names: tuple[str, str, str] = NAMES,
    units: Units | None = None,
) -> Examples:
    """Return inputs, targets and weights if they fit each other; errors call them by `names`.

    `losses` has one for each output; `units` is there for a batch of several, and knows the units
    of their weights.

    Raises
    ------
    TypeError, ValueError
        If they do not fit the network, the losses, or each other.
    """
    inputs = network_inputs(network, dtype, X, names[0])
    outputs, rows, found = network.outputs, len(inputs[0]), []
    given = zip(outputs.values(t, names[1]), losses, outputs.columns, strict=True)
    for (values, title), loss, columns in given:
        target = targets(values, loss, columns, dtype, title)
        arrays.same_rows(target, title, rows, names[0])
        found.append(target)
    if outputs.form == ONE or not arrays.is_named(weight):
        common = (
            None if weight is None else arrays.sample_weights(weight, rows, dtype, names[2], units)
        )
        return Examples(inputs, tuple(found), common)
    own = [
        None if one is None else arrays.sample_weights(one, rows, dtype, title, units)
        for one, title in outputs.settings(weight, names[2])
    ]
    return _with_own(Examples(inputs, tuple(found), None), own)


def _with_own(data: Examples, own: Sequence[Array | None]) -> Examples:
    """Return examples with weights for each output; those of a single one are those of all."""
    if len(own) == 1:
        return replace(data, weight=own[0], own=())
    return replace(data, weight=None, own=tuple(own) if any(w is not None for w in own) else ())


def check_validation(
    network: Network, dtype: np.dtype[Any], losses: Sequence[Loss], data: Any
) -> Examples | None:
    """Return the examples of the argument `validation_data`, None if it is None.

    Raises
    ------
    TypeError, ValueError
        If it is no pair (X, t) or triple (X, t, weights), or they do not fit.
    """
    if data is None:
        return None
    try:
        X, t, weight = parts_of(data, "validation_data")
        return check(network, dtype, losses, X, t, weight, VALIDATION_NAMES)
    except (TypeError, ValueError) as error:
        batches = is_sequence_of_batches(data)
        if batches and not (len(data) in (2, 3) and len(data[0]) == len(network.input_columns)):
            advice = "of a list of batches make a stream, lambda: iter(batches)"
            error.args = (f"{error}; {advice}",)
        raise


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
        if any(weight is not None and not weight.any() for weight in part.fed):
            raise ValueError(
                f"sample_weight is zero for every one of the {which} {part.rows} rows, a part of "
                "validation_split"
            )
    return parts


def weighted_by_class(
    data: Examples,
    class_weight: Any,
    losses: Sequence[Loss],
    dtype: np.dtype[Any],
    outputs: Outputs,
    units: Units | None = None,
) -> Examples:
    """Return examples whose weights are multiplied by those of their classes.

    Parameters
    ----------
    data : Examples
        Encoded for the losses.
    class_weight : dict, "balanced" or None
        As for `Model.fit`.
    losses : sequence of Loss
        Whose targets they are.
    dtype : dtype
        Of the model.
    outputs : Outputs
        Those of the network; one of a single column has two classes.
    units : Units, optional
        Of the weights, for a batch of several.

    Raises
    ------
    TypeError, ValueError
        If it is neither, a class is unknown, a weight wrong, or the targets are no classes.
    """
    if class_weight is None:
        return data
    if len(outputs) > 1 and not isinstance(class_weight, Mapping):
        raise TypeError(
            f"class_weight must be a dict by the outputs {list(outputs.names)}, got "
            f"{class_weight!r}"
        )
    given = (
        outputs.settings(class_weight, "class_weight")
        if len(outputs) > 1
        else [(class_weight, "class_weight")]
    )
    own = []
    for k, (one, title) in enumerate(given):
        weight, classes = data.weights[k], max(2, outputs.columns[k])
        if one is not None:
            by_row = _weights_of_rows(one, title, data.targets[k], weight, losses[k], classes)
            if units is None and not by_row.any():
                raise ValueError(f"{title} leaves no row a weight: nothing would be learned")
            weight = arrays.sample_weights(by_row, data.rows, dtype, title, units)
        own.append(weight)
    return _with_own(data, own)


def _weights_of_rows(
    given: Any, name: str, t: Array, weight: Array | None, loss: Loss, classes: int
) -> Array:
    """Return the weights of rows (rows,) times those of their classes."""
    if loss.target not in ("class", "binary") or t.shape[1] != 1 or not _whole(t):
        raise ValueError(
            f"{name} needs one class for each row, as labels or one-hot, and a loss of classes; "
            f"the loss is {loss.name!r} and the targets have shape {t.shape}"
        )
    labels = t[:, 0].astype(np.int64)
    rows = None if weight is None else weight[:, 0].astype(np.float64)
    if _checks.says(given, "balanced"):
        by_row = balanced(labels, rows)
    elif isinstance(given, Mapping):
        by_row = _class_weights(given, name, classes)[labels]
    else:
        pairs = "" if _checks.listed(given) is None else ": write dict(enumerate(...)) around it"
        raise TypeError(f'{name} must be a dict or "balanced", got {given!r}{pairs}')
    return by_row if rows is None else by_row * rows


def _whole(t: Array) -> bool:
    return bool((t == np.floor(t)).all())


def _class_weights(given: Mapping[Any, Any], name: str, classes: int) -> Array:
    """Return the weight of each class, 1 for those that are not named."""
    result = np.ones(classes)
    for key, number in given.items():
        label = class_of(key, f"the keys of {name}", at_least=-1)
        if label == -1 and classes == 2 and 0 not in given:  # targets of −1 and 1
            label = 0
        if not 0 <= label < classes:
            raise ValueError(f"{name} has the key {key}, expected classes 0 … {classes - 1}")
        result[label] = _checks.real(number, f"{name}[{key}]", at_least=0)
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
        # What is sparse, or no array for a reason of its own, are not labels without numbers.
        labels = loss.target in ("class", "binary") and not arrays.is_sparse(t)
        hint = "; number the classes first: classes, t = np.unique(t, return_inverse=True)"
        advice = hint if labels and error.__cause__ is None else ""
        raise TypeError(f"{error}{advice}") from error.__cause__
    if values.ndim not in (1, 2):
        raise ValueError(f"{name} must have shape (rows,) or (rows, columns), got {values.shape}")
    if values.size == 0:
        raise ValueError(f"{name} is empty: shape {values.shape}, expected at least one row")
    arrays.check_finite(values, name, dtype)
    return arrays.readable(loss.encode_targets(values, output_columns, name=name), dtype)
