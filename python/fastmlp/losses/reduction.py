"""From a number for each example to one, and penalties on weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fastmlp import graph as g
from fastmlp._checks import listed, real
from fastmlp.graph.called import check_node


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
        a batch that has nothing to say. An example of weight 0 counts for nothing, whatever its L.
    total
        Σᵢ wᵢ, (1, 1), where several means share it; by default it is computed.

    Raises
    ------
    TypeError
        If one of them is no node.
    ValueError
        If a shape is another, or weights are given for a loss that is reduced already.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import mean_loss
    >>> mean_loss(g.input(1, "L"), g.input(1, "weights")).shape
    (1, 1)
    """
    check_node(per_example, "per_example")
    for given, name in ((weights, "weights"), (total, "total")):
        if given is not None:
            check_node(given, name)
    if per_example.shape[1] != 1:
        raise ValueError(f"per_example must have one column, not the shape {per_example.shape}")
    if weights is None:
        return per_example if per_example.shape == (1, 1) else g.mean(per_example)
    require_each(per_example)
    if weights.shape != per_example.shape:
        raise ValueError(f"weights must have the shape {per_example.shape}, not {weights.shape}")
    weighted_sum = g.sum(weighted_loss(per_example, weights))
    return g.ratio(weighted_sum, g.sum(weights) if total is None else total)


def weighted_loss(per_example: g.Node, weights: g.Node) -> g.Node:
    """Return wᵢ Lᵢ of each example, and 0 where wᵢ is 0: there Lᵢ may be infinite or NaN.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses.reduction import weighted_loss
    >>> L, w = g.constant([[3.0], [1e38]]), g.constant([[2.0], [0.0]])
    >>> g.run(weighted_loss(10 * L, w), {}, dtype="float32").tolist()
    [[60.0], [0.0]]
    """
    return weights * counted(per_example, weights)


def counted(rows: g.Node, weights: g.Node) -> g.Node:
    """Return rows as they are where their weight is not 0, and rows of 0 where it is.

    A number that only says "missing" does no harm there then, such as a target of 1e36, whose
    square is infinite in float32: 0 times that would be NaN.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses.reduction import counted
    >>> t, w = g.constant([[3.0, 4.0], [1e36, 1e36]]), g.constant([[2.0], [0.0]])
    >>> g.run(counted(t, w), {}).tolist()
    [[3.0, 4.0], [0.0, 0.0]]
    """
    return g.ratio(rows, g.ratio(weights, weights))


def require_each(per_example: g.Node) -> None:
    """Raise ValueError for what is one number for all examples, which weights cannot enter.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses.reduction import require_each
    >>> require_each(g.input(1, "L"))
    """
    if per_example.shape == (1, 1):
        raise ValueError(
            "weights need a loss with a number for each example, shape (b, 1); this one is "
            "reduced already, to (1, 1)"
        )


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
        If λ is not a number, or `weight_nodes` no list of nodes.

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
    return _penalty(weight_nodes, l2, "l2", lambda weights: g.sum(weights**2), 0.5)


def l1_penalty(weight_nodes: Sequence[g.Node], l1: float | Sequence[float]) -> g.Node | None:
    """Return the regularizer λ₁ Σ ``|w|``, (1, 1), or None where no weight is penalised.

    Tibshirani 1996, the lasso; with `l2_penalty` the elastic net of Zou & Hastie 2005. The
    derivative at 0 is taken as 0: steps bring weights near 0 and seldom onto it.

    Parameters
    ----------
    weight_nodes
        Weight matrices.
    l1
        λ₁ ≥ 0, one for all matrices or one for each.

    Raises
    ------
    ValueError
        If λ₁ is negative or not finite, or the numbers of matrices and λ₁s differ.
    TypeError
        If λ₁ is not a number, or `weight_nodes` no list of nodes.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import l1_penalty
    >>> g.run(l1_penalty([g.parameter([[1.0, -2.0]], "W")], 0.5), {}).item()
    1.5
    """
    return _penalty(weight_nodes, l1, "l1", lambda weights: g.sum(g.abs(weights)), 1.0)


def elastic_penalty(
    weight_nodes: Sequence[g.Node], l1: float | Sequence[float], l2: float | Sequence[float]
) -> g.Node | None:
    """Return the sum of `l1_penalty` and `l2_penalty`, or None where nothing is penalised.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> from fastmlp.losses import elastic_penalty
    >>> g.run(elastic_penalty([g.parameter([[1.0, -2.0]], "W")], 0.5, 1.0), {}).item()
    4.0
    """
    sizes, squares = l1_penalty(weight_nodes, l1), l2_penalty(weight_nodes, l2)
    if sizes is None or squares is None:
        return squares if sizes is None else sizes
    return squares + sizes


def _penalty(
    weight_nodes: Sequence[g.Node],
    given: float | Sequence[float],
    name: str,
    measure: Callable[[g.Node], g.Node],
    scale: float,
) -> g.Node | None:
    """Return Σ scale · factor · measure(W) over the matrices whose factor is not 0."""
    one: Any = weight_nodes
    nodes = None if isinstance(one, g.Node) else listed(one)
    if nodes is None:
        raise TypeError(
            f"weight_nodes must be a list of graph nodes, got one {type(weight_nodes).__name__}"
        )
    for node in nodes:
        check_node(node, "each of weight_nodes")
    factors = list(given) if isinstance(given, Sequence) else [given] * len(nodes)
    if len(factors) != len(nodes):
        raise ValueError(f"{name} has {len(factors)} values for {len(nodes)} weight matrices")
    sums: dict[float, g.Node] = {}  # one multiplication by λ for all matrices that share it
    for weights, factor in zip(nodes, factors, strict=True):
        factor = real(factor, name, at_least=0)
        if factor == 0:
            continue
        size = measure(weights)
        sums[factor] = sums[factor] + size if factor in sums else size
    penalty: g.Node | None = None
    for factor, size in sums.items():
        term = (scale * factor) * size
        penalty = term if penalty is None else penalty + term
    return penalty
