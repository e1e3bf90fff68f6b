"""What linear algebra solves at once: least squares, last layers, and networks of linear layers.

Gradient descent finds weights step by step because most networks leave no other way. Two leave one:
the weights of a linear layer under the squared error are the solution of linear equations, and a
composition of linear layers is one linear layer.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.data import arrays
from fastmlp.data.sparse import CompressedRows
from fastmlp.layers import Activation, Dense, Dropout
from fastmlp.models.habits import OF_LEAST_SQUARES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from fastmlp.layers.base import Layer
    from fastmlp.networks.network import Network
    from fastmlp.networks.structure import SummaryRow

    Array = NDArray[np.float64]

__all__ = ["collapsed", "last_layer", "least_squares", "solve"]

# Of a system of equations that are brought to a triangle at once, where they have few columns.
_BLOCK_ROWS = 4096


@_checks.taught(OF_LEAST_SQUARES)
def least_squares(
    X: ArrayLike, t: ArrayLike, *, l2: float = 0.0, use_bias: bool = True
) -> tuple[Array, Array]:
    """Return the weights and biases of the linear model y = Wx + b that fits best.

    They minimise what `Model.fit` minimises with the squared error, the mean over the rows of
    ½ Σₖ (yₖ − tₖ)², plus l2·½‖W‖²: the solution of the normal equations, found by a singular value
    decomposition. Where many solutions are equally good it is the one with the smallest ‖W‖.

    Parameters
    ----------
    X : array-like, shape (rows, inputs)
        Features.
    t : array-like, shape (rows,) or (rows, outputs)
        Targets.
    l2 : float, default 0
        λ of the penalty λ·½‖W‖²; the biases are not penalised.
    use_bias : bool, default True
        Whether there is a b; without it zeros are returned for it.

    Returns
    -------
    W : ndarray of float64, shape (outputs, inputs)
    b : ndarray of float64, shape (outputs,)

    Raises
    ------
    TypeError, ValueError
        If the data are not finite numbers, their rows disagree, or l2 is negative.

    See Also
    --------
    Model.solve_output_layer : The same for the last layer of a network.

    Examples
    --------
    >>> import fastmlp as fm
    >>> W, b = fm.least_squares([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> W.round(6).tolist(), b.round(6).tolist()
    ([[2.0]], [1.0])
    """
    l2 = _checks.real(l2, "l2", at_least=0)
    use_bias = _checks.flag(use_bias, "use_bias")
    features = arrays.matrix(X, "X", np.float64).astype(np.float64, copy=False)
    targets = arrays.array(t, "t")
    if targets.ndim not in (1, 2):
        raise ValueError(f"t must have shape (rows,) or (rows, columns), got {targets.shape}")
    arrays.same_rows(targets, "t", len(features), "X")
    arrays.check_finite(targets, "t", np.float64)
    targets = targets.reshape(len(targets), -1).astype(np.float64, copy=False)

    # The best b makes the mean residual 0, so it drops out of the equations for W once both sides
    # are centred; that also keeps it out of the penalty.
    rows, inputs = features.shape
    center = features.mean(axis=0) if use_bias else np.zeros(inputs)
    middle = targets.mean(axis=0) if use_bias else np.zeros(targets.shape[1])
    A, B = _shortened(features, targets, center, middle)
    if l2 > 0:
        # ‖A Wᵀ − B‖² + rows·λ‖W‖² is the squared error of a taller system.
        A = np.concatenate([A, math.sqrt(rows * l2) * np.eye(inputs)])
        B = np.concatenate([B, np.zeros((inputs, B.shape[1]))])
    precision = float(np.finfo(np.float64).eps) * max(rows, inputs)
    W = np.asarray(np.linalg.lstsq(A, B, rcond=precision)[0].T, np.float64)
    return W, middle - W @ center


def _shortened(
    features: Array, targets: Array, center: Array, middle: Array
) -> tuple[Array, Array]:
    """Return A and B, centred, or where there are many rows R and QᵀB, which have the same best W.

    A = QR has ‖Av − b‖² = ‖Rv − Qᵀb‖² + what no v changes, as Q keeps lengths. R is found block of
    rows by block, each below the R of those before it, so that there is no centred copy.
    """
    inputs = features.shape[1]
    block_rows = max(_BLOCK_ROWS, 4 * inputs)
    if len(features) <= block_rows:
        return features - center, targets - middle
    from scipy.linalg import qr_multiply

    A: Array = np.empty((0, inputs))
    B: Array = np.empty((0, targets.shape[1]))
    for begin in range(0, len(features), block_rows):
        rows = slice(begin, begin + block_rows)
        A = np.concatenate([A, features[rows] - center])
        B = np.concatenate([B, targets[rows] - middle])
        turned, A = qr_multiply(A, B.T, mode="right", overwrite_c=True)
        B = turned.T
    return A, B


def last_layer(network: Network) -> tuple[Dense, str]:
    """Return the last layer and the name of what it takes its input from.

    Raises
    ------
    ValueError
        If it is no Dense layer with the identity activation and one group, used once, or if it is
        frozen or has an l1 or a max_norm.
    """
    network.outputs.the_only("solve_output_layer")
    rows = network.summary()
    last = rows[-1]
    calls = sum(row.name.partition(":")[0] == last.name.partition(":")[0] for row in rows)
    layer = network.layer(last.name.partition(":")[0])
    if type(layer) is not Dense or last.activation != "identity" or calls > 1:
        kind = f"{last.kind} {last.activation}".strip()
        raise ValueError(
            "the last layer must be a Dense layer with the identity activation, used once: "
            f"only then are its best weights the solution of linear equations; it is {kind}"
            f"{f', used {calls} times' if calls > 1 else ''}"
        )
    if layer.groups > 1:
        raise ValueError(f"the last layer must be one group of units, {layer!r} is {layer.groups}")
    if not layer.trainable:
        raise ValueError("the last layer is frozen: write model.layers[-1].trainable = True")
    for setting in ("l1", "max_norm"):
        if getattr(layer, setting):
            raise ValueError(
                f"the last layer has {setting}={getattr(layer, setting):g}: with it the best "
                "weights are no solution of linear equations"
            )
    (source,) = last.connections
    return layer, source


def solve(layer: Dense, features: Any, targets: Array, *, l2: float) -> float:
    """Set a linear layer to the least squares solution on its inputs; return the cost J.

    A layer with an l2 of its own uses that, as in a fit.
    """
    l2 = _checks.real(l2, "l2", at_least=0)
    l2 = l2 if layer.l2 is None else layer.l2
    if isinstance(features, CompressedRows):
        raise TypeError("X is sparse; a first layer is solved from dense rows: X.toarray()")
    W, b = least_squares(features, targets, l2=l2, use_bias=layer.use_bias)
    layer.assign({"weights": W, "biases": b} if layer.use_bias else {"weights": W})
    residuals = np.asarray(features, np.float64) @ W.T + b - targets
    return float(0.5 * (residuals**2).sum() / len(residuals) + 0.5 * l2 * (W**2).sum())


def collapsed(network: Network) -> tuple[Array, Array, Any]:
    """Return weights, biases and activation of the one layer that linear layers in a row are.

    Raises
    ------
    ValueError
        If a layer but the last has another activation than identity, or groups, or they do not
        stand in a row.
    """
    network.outputs.the_only("collapse_linear")
    rows = network.summary()
    previous = rows[0]
    W: Array = np.eye(previous.output_columns)
    b: Array = np.zeros(previous.output_columns)
    for row in rows[1:]:
        _check_in_a_row(row, previous)
        layer = network.layer(row.name.partition(":")[0])
        _check_linear(row, layer, is_last=row is rows[-1])
        if isinstance(layer, Dense):
            if layer.groups > 1:
                raise ValueError(f"layer {row.name!r} is {layer.groups} groups: it cannot collapse")
            weights = layer.weights.astype(np.float64)
            W, b = weights @ W, weights @ b
            if layer.use_bias:
                b = b + layer.biases
        previous = row
    output: Any = network.layer(previous.name.partition(":")[0])
    return W, b, output.activation or "identity"


def _check_in_a_row(row: SummaryRow, previous: SummaryRow) -> None:
    """Raise unless a layer follows the one before it, and nothing else."""
    if row.connections != (previous.name,):
        raise ValueError(
            f"layer {row.name!r} takes its input from {', '.join(row.connections)}: only layers in "
            "a row can be collapsed"
        )


def _check_linear(row: SummaryRow, layer: Layer, *, is_last: bool) -> None:
    """Raise unless a layer is linear; the last may end in any φ."""
    if type(layer) not in (Dense, Activation, Dropout):
        raise ValueError(f"layer {row.name!r} is {row.kind}, not one of Dense layers in a row")
    if row.activation not in ("", "identity") and not is_last:
        raise ValueError(
            f"layer {row.name!r} has the activation {row.activation}: only with identity is a "
            "composition of layers a single linear layer"
        )
