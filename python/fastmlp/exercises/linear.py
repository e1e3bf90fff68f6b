"""A deep network without activations is one layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.data import arrays
from fastmlp.exercises.verdict import Verdict, check_model, not_yet, same
from fastmlp.models import direct

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from fastmlp.models.model import Model

    Array = NDArray[Any]


def one_layer(deep: Model, W: ArrayLike, b: ArrayLike) -> Verdict:
    """Look at the single layer y = Wx + b that is to be the same as a deep linear network.

    Parameters
    ----------
    deep : Model
        Dense layers in a row, all activations identity.
    W : array-like of shape (outputs, inputs)
        The answer.
    b : array-like of shape (outputs,)
        And its biases.

    Returns
    -------
    Verdict
        It tells wrong orders, forgotten biases and transposes apart.

    Raises
    ------
    TypeError, ValueError
        If `deep` is no model, or not a linear one; if W or b are not finite numbers.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import exercises
    >>> deep = fm.MLP([3, 4, 2], activation="identity", seed=0, dtype="float64")
    >>> deep.layers[0].biases = [1.0, 2.0, 3.0, 4.0]
    >>> (W1, b1), (W2, b2) = [(layer.weights, layer.biases) for layer in deep.layers]
    >>> exercises.one_layer(deep, W2 @ W1, b2)
    not yet: W is right; b is that of the last layer alone, and those below go
             through W⁽²⁾ as well
    >>> exercises.one_layer(deep, W2 @ W1, W2 @ b1 + b2)
    right: the same for every input
    """
    deep = check_model(deep, "fm.MLP([3, 4, 2], activation='identity')")
    W_right, b_right, output = direct.collapsed(deep.network)
    if output.name != "identity":
        raise ValueError(f"deep must have identity as its last activation, got {output.name!r}")
    W_given, b_given = arrays.array(W, "W"), np.atleast_1d(arrays.array(b, "b")).ravel()
    for value, name in ((W_given, "W"), (b_given, "b")):
        arrays.check_finite(value, name, np.float64)
    if W_given.shape != W_right.shape:
        turned = " (its transpose has it)" if W_given.T.shape == W_right.shape else ""
        return not_yet(
            f"W must have the shape {W_right.shape}, (outputs, inputs), got {W_given.shape}{turned}"
        )
    if b_given.shape != b_right.shape:
        return not_yet(f"b must have the shape {b_right.shape}, got {b_given.shape}")
    scale = 1e-4 if deep.dtype == np.float32 else 1e-9
    if not same(W_given, W_right, scale):
        return not_yet(_about_weights(deep, W_given, W_right, scale))
    if not same(b_given, b_right, scale):
        return not_yet(f"W is right; {_about_biases(deep, b_given, b_right, scale)}")
    return Verdict(True, "the same for every input")


def _pairs(deep: Model) -> list[tuple[Array, Array]]:
    layers: Any = [layer for layer in deep.layers if hasattr(layer, "weights")]
    return [(np.asarray(layer.weights), np.asarray(layer.biases)) for layer in layers]


def _about_weights(deep: Model, given: Array, right: Array, scale: float) -> str:
    matrices = [W for W, _ in _pairs(deep)]
    if right.shape[0] == right.shape[1] and same(given.T, right, scale):
        return "W is the transpose of what it should be"
    try:
        other = np.linalg.multi_dot(matrices) if len(matrices) > 1 else matrices[0]
    except ValueError:  # the other order of matrices that are not square
        other = None
    if other is not None and other.shape == given.shape and same(given, other, scale):
        return "W is the product in the other order: what is applied first stands on the right"
    total = matrices[0]
    if all(W.shape == total.shape for W in matrices) and same(
        given, np.sum(matrices, axis=0), scale
    ):
        return "W is the sum of the layers' matrices: layers are applied one after another"
    return (
        "W is another matrix: write the layers into one another, "
        "y = W⁽²⁾(W⁽¹⁾x + b⁽¹⁾) + b⁽²⁾, and multiply it out"
    )


def _about_biases(deep: Model, given: Array, right: Array, scale: float) -> str:
    biases = [b for _, b in _pairs(deep)]
    last = len(biases)
    above = f"W⁽{str(last).translate(str.maketrans('0123456789', '⁰¹²³⁴⁵⁶⁷⁸⁹'))}⁾"
    if same(given, biases[-1], scale):
        return f"b is that of the last layer alone, and those below go through {above} as well"
    if same(given, right - biases[-1], scale):
        return "b lacks that of the last layer"
    if all(b.shape == given.shape for b in biases) and same(given, np.sum(biases, axis=0), scale):
        return f"b is the sum of all biases, but those below go through {above} first"
    return "b is another vector: set x = 0 and follow what comes out of each layer"
