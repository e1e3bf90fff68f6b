"""Losses of classes: how improbable, or how far on the wrong side, the right class is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from fastmlp import graph as g
from fastmlp import schedules
from fastmlp._checks import choice, integer, listed, real, says
from fastmlp.losses.base import Configured, mean_columns, require_same_columns, sum_columns

_BOUNDS = {"at_least": 0.0, "below": 1.0}  # of label smoothing


def require_classes(name: str, y: g.Node, t: g.Node) -> None:
    """Refuse targets that are neither labels nor have a column for each class."""
    if t.shape[1] not in (1, y.shape[1]):
        raise ValueError(
            f"{name} takes targets of one column, labels, or of {y.shape[1]}, one for each class: "
            f"t has {t.shape[1]} columns"
        )


def require_softmax(name: str, y: g.Node, t: g.Node) -> None:
    """Refuse outputs that are no probabilities of classes, and targets of another width."""
    if y.op != "softmax":
        raise ValueError(
            f"{name} needs probabilities of classes that sum to 1: an output of "
            f"'softmax', not {y.op!r}; set output='softmax'"
        )
    if y.shape[1] == 1:
        binary = "binary_focal" if name == "focal" else "binary_cross_entropy"
        raise ValueError(
            f"{name} needs two output columns at least, a softmax of one column is always 1; "
            f"set output='logistic' and loss={binary!r}"
        )
    require_classes(name, y, t)


def require_logistic(name: str, y: g.Node, t: g.Node) -> None:
    """Refuse outputs that are no probabilities of yes, and targets of another width."""
    if y.op != "logistic":
        raise ValueError(
            f"{name} needs probabilities: an output of 'logistic', not {y.op!r}; "
            "set output='logistic'"
        )
    require_same_columns(name, y, t)


# Of all classes, or of those that are named.
_Weights: TypeAlias = "tuple[float, ...] | tuple[tuple[int, float], ...]"


def class_of(key: Any, name: str, *, at_least: int) -> int:
    """Return the class that a key of weights names: True and 1.0 are 1, as they are among targets.

    Examples
    --------
    >>> class_of(True, "a class", at_least=0)
    1
    """
    equal = isinstance(key, bool | np.bool_ | float | np.floating) and float(key).is_integer()
    return integer(int(key) if equal else key, name, at_least=at_least)


def checked_weights(given: Any, name: str) -> _Weights | None:
    """Return weights of all classes as numbers, and of some as pairs in the classes' order."""
    if given is None:
        return None
    # a series of pandas has keys, too, which need not stand in the order of the classes
    has_keys = isinstance(given, Mapping) or (hasattr(given, "items") and hasattr(given, "index"))
    pairs = list(given.items()) if has_keys else listed(given)
    if pairs is None:
        advice = ""
        if says(given, "balanced"):
            advice = "; what balances them depends on the data: len(t) / np.bincount(t) / classes"
        raise TypeError(
            f"{name} must be a dict from class to weight or a list of weights, got {given!r}"
            f"{advice}"
        )
    of_all = not all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs)
    if of_all:
        pairs = list(enumerate(pairs))
    checked = {
        class_of(label, f"a class of {name}", at_least=0): real(
            weight, f"{name}[{label}]", at_least=0
        )
        for label, weight in pairs
    }
    if len(checked) < len(pairs) or not any(checked.values()):
        raise ValueError(f"{name} must name each class once, one of them above 0, got {given!r}")
    return tuple(checked.values()) if of_all else tuple(sorted(checked.items()))


def row_of(weights: Any, columns: int, name: str) -> list[float]:
    """Return the weights of all classes: 1 for those that are not named."""
    if not isinstance(weights[0], tuple):
        if len(weights) != columns:
            raise ValueError(
                f"{name} has {len(weights)} weights; the output has {columns} columns: give one "
                "for each, or a dict of some"
            )
        return list(weights)
    if weights[-1][0] >= columns:
        raise ValueError(
            f"{name} has a weight for class {weights[-1][0]}; the output has {columns} columns"
        )
    named = dict(weights)
    return [named.get(label, 1.0) for label in range(columns)]


def labels(t: g.Node) -> g.Node:
    """Return targets as labels, (b, 1): rows of probabilities by their largest."""
    return t if t.shape[1] == 1 else g.argmax(t)


def one_hot(t: g.Node, columns: int, height: float | g.Node = 1.0) -> g.Node:
    """Return `height` times the targets as rows of probabilities, (b, columns)."""
    if t.shape[1] == columns:
        return t if height == 1 else height * t
    height = height if isinstance(height, g.Node) else g.constant(height)
    return g.scatter(g.spread(height, shape=t.shape), t, columns=columns)


@dataclass(frozen=True, repr=False)
class _Weighted(Configured):
    """Losses that smooth targets and weigh classes."""

    label_smoothing: Any = 0.0
    class_weight: Any = None

    def smoothing(self) -> float | g.Node:
        """Return ε, a node where it follows a schedule."""
        return schedules.in_graph(self.label_smoothing, "label smoothing", **_BOUNDS)

    def __post_init__(self) -> None:
        smoothing = schedules.checked(self.label_smoothing, "label_smoothing", **_BOUNDS)
        weights = checked_weights(self.class_weight, "class_weight")
        self._set(label_smoothing=smoothing, class_weight=weights)


@dataclass(frozen=True, repr=False)
class CrossEntropy(
    _Weighted,
    name="cross_entropy",
    formula="−Σₖ tₖ log yₖ",
    target="class",
):
    """L = −Σₖ wₖ t′ₖ log yₖ of a softmax output y, with t′ = (1 − ε) t + ε / n for n classes.

    Computed from the arguments of the softmax, so that it stays finite for wrong answers however
    sure they are. Without settings it is −log y of the right class.

    Parameters
    ----------
    label_smoothing
        ε in [0, 1): the share of the target that is spread over all classes (Szegedy et al. 2016,
        Rethinking the Inception architecture), as in Keras and PyTorch. Or a schedule of it (see
        `fastmlp.schedules`), which training follows; everything else takes its number of step 0.
    class_weight
        Weights wₖ ≥ 0 of the classes: a dict from class to weight, in which missing classes have 1,
        or a list with one for each. Without smoothing the weight of the right class multiplies
        the loss of the example. The mean over a batch is Σ L / n, as with Keras' class_weight;
        PyTorch's `CrossEntropyLoss(weight=)` divides by the sum of the weights of the batch's
        targets instead: give those as `sample_weight` of `fit` to have that.

    Raises
    ------
    TypeError, ValueError
        If a setting is no such number, or a weight is for a class that the output does not have.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import CrossEntropy
    >>> loss = CrossEntropy(label_smoothing=0.1, class_weight={0: 1, 2: 5})
    >>> loss
    CrossEntropy(label_smoothing=0.1, class_weight={0: 1.0, 2: 5.0})
    >>> y = g.softmax(g.constant([[0.0, 0.0, 0.0]]))
    >>> round(g.run(CrossEntropy(class_weight=[1, 1, 2])(y, g.constant(2)), {}).item(), 4)
    2.1972
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_softmax(self.name, y, t)
        z, columns, smoothing = y.parents[0], y.shape[1], self.smoothing()
        if smoothing == 0 and self.class_weight is None:
            return g.softmax_cross_entropy(z, t)
        t = one_hot(t, columns, 1.0 - smoothing)
        if smoothing != 0:
            t = t + smoothing / columns
        if self.class_weight is not None:
            t = t * g.constant([row_of(self.class_weight, columns, "class_weight")])
        return g.softmax_cross_entropy(z, t)


@dataclass(frozen=True, repr=False)
class BinaryCrossEntropy(
    _Weighted,
    name="binary_cross_entropy",
    formula="−Σₖ (tₖ log yₖ + (1 − tₖ) log(1 − yₖ))",
    target="binary",
):
    """L = −Σₖ (w₁ t′ₖ log yₖ + w₀ (1 − t′ₖ) log(1 − yₖ)) of a logistic output y.

    Computed from the argument of the logistic function: no digit is lost however sure y is.

    Parameters
    ----------
    label_smoothing
        ε in [0, 1): t′ = (1 − ε) t + ε / 2, as in Keras; or a schedule, as of `CrossEntropy`.
    class_weight
        Weights ≥ 0 of no and yes, as ``{0: w₀, 1: w₁}`` or ``[w₀, w₁]``; missing ones are 1. w₁ is
        what PyTorch calls pos_weight.
    columns
        "sum" over the columns, or their "mean" as in Keras and PyTorch: what "bce" stands for.

    Raises
    ------
    TypeError, ValueError
        If a setting is something else.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import BinaryCrossEntropy
    >>> y = g.logistic(g.constant([[0.0, 0.0]]))
    >>> round(g.run(BinaryCrossEntropy()(y, g.constant([[1.0, 0.0]])), {}).item(), 4)
    1.3863
    """

    columns: str = "sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        choice(self.columns, "columns", ("sum", "mean"))
        if self.class_weight is not None:
            row_of(self.class_weight, 2, "class_weight of yes and no")

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        require_logistic(self.name, y, t)
        z, smoothing = y.parents[0], self.smoothing()
        if smoothing != 0:
            t = (1.0 - smoothing) * t + 0.5 * smoothing
        if self.class_weight is None:
            each = g.logistic_cross_entropy(z, t)
        else:
            no, yes = row_of(self.class_weight, 2, "class_weight")
            each = (yes * t) * g.softplus(-z) + (no * (1.0 - t)) * g.softplus(z)
        return mean_columns(each) if self.columns == "mean" else sum_columns(each)


@dataclass(frozen=True, repr=False)
class LogLoss(
    Configured,
    name="log_loss",
    formula="−log of the probability of the right class",
    target="class",
):
    """`CrossEntropy` of a softmax output, `BinaryCrossEntropy` of one logistic column.

    What scikit-learn calls log_loss: −log of the probability of the right class.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import LogLoss
    >>> round(g.run(LogLoss()(g.logistic(g.constant(0.0)), g.constant(1.0)), {}).item(), 4)
    0.6931
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        if y.op == "logistic" and y.shape[1] == 1:
            require_logistic(self.name, y, t)
            return BinaryCrossEntropy().each(y, t)
        if y.op != "softmax":
            raise ValueError(
                "log_loss needs probabilities: an output of 'softmax', or of 'logistic' with one "
                f"column, not {y.op!r} with {y.shape[1]}; for several questions of yes and no set "
                "loss='binary_cross_entropy'"
            )
        require_softmax(self.name, y, t)
        return CrossEntropy().each(y, t)


@dataclass(frozen=True, repr=False)
class Hinge(
    Configured,
    name="hinge",
    formula="max(0, 1 − (2t − 1) y), or max(0, 1 + maxⱼ≠ₜ yⱼ − yₜ)",
    target="class",
):
    """L = max(0, 1 − (2t − 1) y), or of several classes max(0, 1 + maxⱼ≠ₜ yⱼ − yₜ).

    Crammer & Singer 2001. The derivative at the kink is taken as 0; of equal rivals the first
    counts.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import Hinge
    >>> g.run(Hinge()(g.constant([[3.0, 2.5, 0.0]]), g.constant(1)), {}).item()
    1.5
    """

    def each(self, y: g.Node, t: g.Node) -> g.Node:
        """Return L of each example."""
        columns = y.shape[1]
        if columns == 1:
            require_same_columns(self.name, y, t)
            return g.relu(1.0 - (2.0 * t - 1.0) * y)
        require_classes(self.name, y, t)
        label = labels(t)
        # max(0, 1 + max_{j≠t} yⱼ − yₜ) = maxⱼ (yⱼ + [j ≠ t]) − yₜ: at j = t the difference is 0.
        margins = y + 1.0 - one_hot(label, columns)
        return g.pick(margins, g.argmax(margins)) - g.pick(y, label)


CLASSES = (
    CrossEntropy(),
    BinaryCrossEntropy(),
    LogLoss(),
    Hinge(),
)
