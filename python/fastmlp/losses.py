"""Losses: how wrong an output y is for a target t, as graphs; and their reduction to one number.

A loss is a function of two nodes, the output y (b, n) and the target t, that returns a node with
one number for each example. `mean_loss` is the only reduction: training, evaluation and gradient
use it. The objective is J = mean L + λ·½‖W‖², weights only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastmlp import graph as g
from fastmlp._checks import choice, real
from fastmlp.data.targets import ENCODERS, as_matrix

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = [
    "LOSSES",
    "Loss",
    "default",
    "get",
    "l2_penalty",
    "mean_loss",
    "one_number_per_row",
]


@dataclass(frozen=True)
class Loss:
    """A loss L(y, t), applied to nodes of the graph by calling it.

    Parameters
    ----------
    name
        What it is called in histories and messages.
    formula
        L of one example, for people to read.
    function
        Takes the nodes y, shape (b, n), and t, and returns a node: (b, 1), a number for each
        example; (b, k), whose columns are then summed; or (1, 1), taken as reduced already.
    target
        What targets look like. ``"real"``: n numbers. ``"binary"``: n times 0 or 1, or a
        probability. ``"class"``: a label 0 … n − 1, one-hot or class probabilities; for n = 1, 0
        and 1 or −1 and 1. ``"any"``: any number of columns, passed on as they are.

    Examples
    --------
    A loss of your own:

    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import Loss
    >>> absolute = Loss("absolute", "Σₖ|yₖ − tₖ|", lambda y, t: g.abs(y - t), target="real")
    >>> absolute(g.input(3, "y"), g.input(3, "t")).shape
    ('batch', 1)
    """

    name: str
    formula: str
    function: Callable[[g.Node, g.Node], g.Node]
    target: str = "any"

    def __post_init__(self) -> None:
        choice(self.target, "target", ENCODERS)

    def __call__(self, y: g.Node, t: g.Node) -> g.Node:
        """Return the loss of each example, (b, 1), or (1, 1) if the function reduced it already."""
        return one_number_per_row(self.function(y, t), y, f"loss {self.name!r}")

    def target_columns(self, output_columns: int) -> int:
        """Return how many columns targets usually have for a network of `output_columns`."""
        return 1 if self.target == "class" else output_columns

    def encode_targets(
        self, t: npt.ArrayLike, output_columns: int, *, name: str = "t"
    ) -> npt.NDArray[Any]:
        """Check targets and return them as the matrix that the loss reads.

        Parameters
        ----------
        t
            Targets, (rows,) or (rows, columns), numbers or booleans.
        output_columns
            The number n of the network's output columns.
        name
            What messages call the argument.

        Returns
        -------
        ndarray
            (rows, columns). Labels are int64 in one column, from one-hot rows too; anything else is
            not copied. Whether ``"real"`` and ``"any"`` targets are finite is left to the caller.

        Raises
        ------
        TypeError
            If `t` does not hold numbers.
        ValueError
            If its shape does not fit, or a value is out of range: the message says how many are,
            and the first of them.

        Examples
        --------
        >>> from fastmlp import losses
        >>> losses.get("cross_entropy").encode_targets([[0, 0, 1], [1, 0, 0]], 3).tolist()
        [[2], [0]]
        >>> losses.get("cross_entropy").encode_targets([2, 3], 3)
        Traceback (most recent call last):
            ...
        ValueError: t has 1 value out of range; the first is 3 at row 1; expected labels 0 … 2
        """
        return ENCODERS[self.target](as_matrix(t, name), output_columns, name)


def one_number_per_row(result: object, y: g.Node, what: str) -> g.Node:
    """Return `result` of a function of (y, t) as (b, 1), or as it is if it is (1, 1).

    (b, k) is summed over its columns.

    Raises
    ------
    TypeError
        If it is not a node.
    ValueError
        If it has neither as many rows as y nor the shape (1, 1).
    """
    if not isinstance(result, g.Node):
        raise TypeError(f"{what} must return a graph node, not {type(result).__name__}")
    if result.shape == (1, 1):
        return result
    if result.shape[0] != y.shape[0]:
        raise ValueError(
            f"{what} must return ({y.shape[0]}, 1), ({y.shape[0]}, k) or (1, 1), not {result.shape}"
        )
    return _sum_columns(result)


def _sum_columns(a: g.Node) -> g.Node:
    return a if a.shape[1] == 1 else g.sum(a, axis=1)


def _require_same_columns(name: str, y: g.Node, t: g.Node) -> None:
    # Without this, a column of labels would broadcast against the outputs and train on nonsense.
    if y.shape[1] != t.shape[1]:
        raise ValueError(
            f"{name} compares outputs and targets column by column: y has {y.shape[1]} columns "
            f"and t has {t.shape[1]}"
        )


def _squared_error(y: g.Node, t: g.Node) -> g.Node:
    _require_same_columns("squared_error", y, t)
    return 0.5 * _sum_columns((y - t) ** 2)


def _cross_entropy(y: g.Node, t: g.Node) -> g.Node:
    if y.op != "softmax":
        raise ValueError(
            f"cross_entropy needs probabilities of classes that sum to 1: an output of "
            f"'softmax', not {y.op!r}; set output='softmax'"
        )
    if y.shape[1] == 1:
        raise ValueError(
            "cross_entropy needs two output columns at least, a softmax of one column is always 1; "
            "set output='logistic' and loss='binary_cross_entropy'"
        )
    return g.softmax_cross_entropy(y.parents[0], t)


def _binary_cross_entropy(y: g.Node, t: g.Node) -> g.Node:
    if y.op != "logistic":
        raise ValueError(
            f"binary_cross_entropy needs probabilities: an output of 'logistic', not {y.op!r}; "
            "set output='logistic'"
        )
    _require_same_columns("binary_cross_entropy", y, t)
    return _sum_columns(g.logistic_cross_entropy(y.parents[0], t))


def _hinge(y: g.Node, t: g.Node) -> g.Node:
    columns = y.shape[1]
    if columns == 1:
        _require_same_columns("hinge", y, t)
        return g.relu(1.0 - (2.0 * t - 1.0) * y)
    label = t if t.shape[1] == 1 else g.argmax(t)
    # max(0, 1 + max_{j≠t} yⱼ − yₜ) = maxⱼ (yⱼ + [j ≠ t]) − yₜ: at j = t the difference is the 0.
    one = g.spread(g.constant(1.0), shape=label.shape)
    margins = y + 1.0 - g.scatter(one, label, columns=columns)
    return g.pick(margins, g.argmax(margins)) - g.pick(y, label)


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss("squared_error", "½ Σₖ (yₖ − tₖ)²", _squared_error, "real"),
        Loss("cross_entropy", "−Σₖ tₖ log yₖ", _cross_entropy, "class"),
        Loss(
            "binary_cross_entropy",
            "−Σₖ (tₖ log yₖ + (1 − tₖ) log(1 − yₖ))",
            _binary_cross_entropy,
            "binary",
        ),
        # Several classes: Crammer & Singer 2001.
        Loss("hinge", "max(0, 1 − (2t − 1) y), or max(0, 1 + maxⱼ≠ₜ yⱼ − yₜ)", _hinge, "class"),
    )
}


def get(spec: str | Loss | Callable[[g.Node, g.Node], g.Node]) -> Loss:
    """Return the loss that `spec` names.

    Parameters
    ----------
    spec
        A name (see ``LOSSES``), a `Loss`, or a function of the nodes (y, t). A function is given
        the targets as they are, whatever their number of columns; wrap it in a `Loss` to have them
        checked.

    Raises
    ------
    ValueError
        If the name is unknown, or ``"zero_one"``, which has no gradient to follow.
    TypeError
        If `spec` is none of these.

    Examples
    --------
    >>> from fastmlp import losses
    >>> losses.get("squared_error").formula
    '½ Σₖ (yₖ − tₖ)²'
    """
    if isinstance(spec, Loss):
        return spec
    if isinstance(spec, str):
        if spec in ("zero_one", "accuracy"):
            raise ValueError(
                f"{spec!r} cannot be a loss: its gradient is zero wherever it is defined, so "
                "training would not move; use 'cross_entropy' or 'hinge', and "
                f"metrics=[{spec!r}] to watch it"
            )
        return LOSSES[choice(spec, "loss", LOSSES)]
    if callable(spec):
        name = getattr(spec, "__name__", type(spec).__name__)
        return Loss(name, f"{name}(y, t)", spec)
    raise TypeError(
        f"loss must be a name, a Loss or a function of the nodes (y, t), not {type(spec).__name__}"
    )


def default(output_activation: str) -> str:
    """Return the name of the loss that suits an output: the negative log-likelihood it stands for.

    Examples
    --------
    >>> from fastmlp import losses
    >>> losses.default("softmax"), losses.default("logistic"), losses.default("identity")
    ('cross_entropy', 'binary_cross_entropy', 'squared_error')
    """
    return {"softmax": "cross_entropy", "logistic": "binary_cross_entropy"}.get(
        output_activation, "squared_error"
    )


def mean_loss(
    per_example: g.Node, weights: g.Node | None = None, total: g.Node | None = None
) -> g.Node:
    """Return the mean over examples, (1, 1): the one reduction of every loss and metric.

    Parameters
    ----------
    per_example
        A number for each example, (b, 1). (1, 1) is taken as reduced already and returned.
    weights
        Weights of the examples, (b, 1): the mean is Σᵢ wᵢ Lᵢ / Σᵢ wᵢ, and 0 where Σᵢ wᵢ is 0, as in
        a batch that has nothing to say.
    total
        Σᵢ wᵢ, (1, 1), where several means share it; by default it is computed.

    Raises
    ------
    ValueError
        If a shape is another, or weights are given for a loss that is reduced already.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import mean_loss
    >>> mean_loss(g.input(1, "L"), g.input(1, "weights")).shape
    (1, 1)
    """
    if per_example.shape[1] != 1:
        raise ValueError(f"per_example must have one column, not the shape {per_example.shape}")
    if per_example.shape == (1, 1):
        if weights is not None:
            raise ValueError(
                "weights need a loss with a number for each example, shape (b, 1); this one is "
                "reduced already, to (1, 1)"
            )
        return per_example
    if weights is None:
        return g.mean(per_example)
    if weights.shape != per_example.shape:
        raise ValueError(f"weights must have the shape {per_example.shape}, not {weights.shape}")
    return g.ratio(g.sum(weights * per_example), g.sum(weights) if total is None else total)


def l2_penalty(weight_nodes: Sequence[g.Node], l2: float | Sequence[float]) -> g.Node | None:
    """Return the regularizer λ·½ Σ‖W‖², (1, 1), or None where no weight is penalised.

    Parameters
    ----------
    weight_nodes
        Weight matrices.
    l2
        λ ≥ 0, one for all matrices or one for each.

    Raises
    ------
    ValueError
        If λ is negative or not finite, or the numbers of matrices and λs differ.
    TypeError
        If λ is not a number.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import l2_penalty
    >>> W = g.parameter([[1.0, 2.0]], "W")
    >>> l2_penalty([W], 1e-4).shape
    (1, 1)
    >>> l2_penalty([W], 0.0) is None
    True
    """
    factors = list(l2) if isinstance(l2, Sequence) else [l2] * len(weight_nodes)
    if len(factors) != len(weight_nodes):
        raise ValueError(f"l2 has {len(factors)} values for {len(weight_nodes)} weight matrices")
    squares: dict[float, g.Node] = {}  # one multiplication by λ for all matrices that share it
    for weights, factor in zip(weight_nodes, factors, strict=True):
        factor = real(factor, "l2", at_least=0)
        if factor == 0:
            continue
        square = g.sum(weights**2)
        squares[factor] = squares[factor] + square if factor in squares else square
    penalty: g.Node | None = None
    for factor, square in squares.items():
        term = (0.5 * factor) * square
        penalty = term if penalty is None else penalty + term
    return penalty
