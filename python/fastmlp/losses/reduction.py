"""From a number for each example to one, and penalties on weights."""

from __future__ import annotations

from collections.abc import Sequence

from fastmlp import graph as g
from fastmlp._checks import real


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
