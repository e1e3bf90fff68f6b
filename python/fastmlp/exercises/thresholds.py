"""XOR from thresholds, and a threshold from logistics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp import _checks
from fastmlp.exercises.verdict import Verdict, check_model, not_yet, number, point, told_apart
from fastmlp.layers.dense import Dense

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastmlp.models.model import Model

    Array = NDArray[Any]

INPUTS = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = (0, 1, 1, 0)
# What other answers to the four inputs are called, and what is to be done about them.
OTHERS = {
    (0, 0, 0, 0): "the output is never on: its bias is too low, or a weight has the wrong sign",
    (1, 1, 1, 1): "the output is always on: its bias is too high, or a weight has the wrong sign",
    (0, 1, 1, 1): "this is OR; (1, 1) must be off, so take away what is on there alone: AND",
    (0, 0, 0, 1): "this is AND; (0, 1) and (1, 0) must be on, and (1, 1) off",
    (1, 1, 1, 0): "this is NAND; (0, 0) must be off, so ask for OR as well",
    (1, 0, 0, 0): "this is NOR; (0, 1) and (1, 0) must be on, and (0, 0) off",
    (1, 0, 0, 1): "this says the opposite everywhere: change all signs of the output unit",
    (0, 0, 1, 1): "this is x₁; x₂ does not count",
    (0, 1, 0, 1): "this is x₂; x₁ does not count",
}


def xor(model: Model) -> Verdict:
    """Look at a network that is to compute XOR: 1 where one of two inputs is 1, but not both.

    Parameters
    ----------
    model : Model
        Two inputs, one output; its weights may have been set or learned.

    Returns
    -------
    Verdict
        It names the input that is answered wrongly and what the hidden units say there.

    Raises
    ------
    TypeError
        If it is no model.

    Examples
    --------
    >>> import fastmlp as fm
    >>> from fastmlp import exercises
    >>> net = fm.MLP([2, 2, 1], activation="threshold", output="threshold")
    >>> net.set_weights([[[1, 1], [1, 1]], [-0.5, -1.5], [[1, 1]], [-0.5]])
    >>> exercises.xor(net)
    not yet: this is OR; (1, 1) must be off, so take away what is on there alone:
             AND
    >>> net.layers[1].weights = [[1, -1]]
    >>> exercises.xor(net)
    right: all four inputs are answered
    """
    model = check_model(model, "fm.MLP([2, 2, 1], activation='threshold', output='threshold')")
    columns = getattr(model.network, "input_columns", ()), model.network.output_columns
    if columns != ((2,), 1):
        return not_yet(f"XOR has 2 inputs and 1 output, the network {_told(columns)}")
    y = model.predict(INPUTS).ravel()
    answers = tuple(int(v > 0.5) for v in y)
    if answers == XOR:
        unsure = np.abs(y - XOR).argmax()
        if abs(y[unsure] - XOR[unsure]) > 0.1:
            return not_yet(
                f"at {point(INPUTS[unsure])} the output is {number(y[unsure])}, on the right side "
                f"of ½ but neither 0 nor 1: make it surer, with larger weights or more steps"
            )
        return Verdict(True, "all four inputs are answered")
    if not _hidden(model):
        return not_yet(
            "one unit divides the plane by a line, and no line has (0, 1) and (1, 0) on one side "
            "and (0, 0) and (1, 1) on the other: it takes a hidden layer"
        )
    edge = _edge(model)
    if edge:
        return not_yet(edge)
    if answers in OTHERS:
        return not_yet(OTHERS[answers])
    wrong = next(i for i in range(4) if answers[i] != XOR[i])
    hidden = list(model.activations(INPUTS).values())[-2][wrong]
    return not_yet(
        f"at {point(INPUTS[wrong])} it answers {answers[wrong]} instead of {XOR[wrong]}; the "
        f"hidden units say {point(hidden)} there"
    )


def _told(columns: tuple[Any, Any]) -> str:
    inputs, outputs = columns
    return f"{' and '.join(map(str, inputs))} and {outputs}"


def _hidden(model: Model) -> bool:
    return sum(isinstance(layer, Dense) for layer in model.layers) > 1


def _edge(model: Model) -> str | None:
    """Say where a threshold's z is exactly 0, if the layers are dense ones in a row."""
    h: Array = INPUTS
    layers = [layer for layer in model.layers if isinstance(layer, Dense)]
    if len(layers) < len(model.layers):
        return None
    for layer, out in zip(layers, model.activations(INPUTS).values(), strict=True):
        z = h @ np.asarray(layer.weights).T + np.asarray(layer.biases)
        if getattr(layer.activation, "name", "") == "threshold" and (z == 0).any():
            row, unit = np.argwhere(z == 0)[0]
            return (
                f"at {point(INPUTS[row])} unit {unit + 1} of {layer.name} has z = 0 exactly, on "
                "the edge, which counts as off: move its bias, so that no input lies there"
            )
        h = out
    return None


def steepness(k: float, *, margin: float = 0.1, error: float = 0.01) -> Verdict:
    """Look at the k with which σ(kx) is to be a threshold.

    Parameters
    ----------
    k : float
        The answer.
    margin : float, default 0.1
        Nearer to 0 than this σ(kx) may be anything.
    error : float, default 0.01
        How far from the threshold, 1 for x > 0 and else 0, it may be elsewhere.

    Returns
    -------
    Verdict
        Right if σ(kx) is within `error` of the threshold wherever x is `margin` or more from 0.

    Raises
    ------
    TypeError, ValueError
        If an argument is no number of its range.

    Examples
    --------
    >>> from fastmlp import exercises
    >>> exercises.steepness(-50)
    not yet: σ(−50x) falls from 1 to 0, and the threshold rises
    >>> exercises.steepness(50)
    right: beyond |x| = 0.1, σ(50x) is nowhere further than 0.00669 from the
           threshold
    """
    k = _checks.real(k, "k")
    margin = _checks.real(margin, "margin", above=0)
    error = _checks.real(error, "error", above=0, below=0.5)
    if k < 0:
        return not_yet(f"σ({number(k)}x) falls from 1 to 0, and the threshold rises")
    if k == 0:
        return not_yet("σ(0·x) is ½ everywhere")
    # σ(−a) = 1 − σ(a): the distance is the same on both sides, and largest where |x| is least.
    apart = 1 / (1 + math.exp(min(k * margin, 700.0)))
    told = f"σ({number(k, 4)}x)"
    if apart > error * (1 + 1e-9):
        value, _ = told_apart([1 - apart], [1 - error], 4)
        distance, _ = told_apart([apart], [error])
        return not_yet(
            f"at x = {number(margin)}, {told} is {value}, which is {distance} from the "
            "threshold's 1: make it steeper"
        )
    return Verdict(
        True,
        f"beyond |x| = {number(margin)}, {told} is nowhere further than {number(apart)} from the "
        "threshold",
    )
