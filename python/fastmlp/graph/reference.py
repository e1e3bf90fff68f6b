"""The reference: a graph evaluated by NumPy, node by node, slow and obviously right.

It takes complex numbers too, so that every gradient can be checked by a complex step.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, overload

import numpy as np

from fastmlp.graph.feeds import NO_FEEDS, check_feeds, check_mapping, listed
from fastmlp.graph.node import Array, Node, Run, topological_order
from fastmlp.graph.ops import OPS
from fastmlp.graph.ops.cross_entropy import without_cancellation
from fastmlp.graph.ops.scheduled import values_of
from fastmlp.graph.shapes import per_example

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike


@overload
def evaluate(
    outputs: Node,
    feeds: Mapping[Node, ArrayLike] = ...,
    dtype: DTypeLike = ...,
    seed: int = ...,
    step: int = ...,
) -> Array: ...
@overload
def evaluate(
    outputs: Iterable[Node],
    feeds: Mapping[Node, ArrayLike] = ...,
    dtype: DTypeLike = ...,
    seed: int = ...,
    step: int = ...,
) -> list[Array]: ...
def evaluate(
    outputs: Node | Iterable[Node],
    feeds: Mapping[Node, ArrayLike] = NO_FEEDS,
    dtype: DTypeLike = np.float64,
    seed: int = 0,
    step: int = 0,
) -> Array | list[Array]:
    """Return the values of the outputs: for i = 1 … N compute v_i from its parents.

    Parameters
    ----------
    outputs : Node or iterable of Node
    feeds : mapping of Node to array
        A value for each input. Any other node may be fed too, and is then not computed: parameters
        take their own values, those of a model its present ones, unless fed. A number is (1, 1), n
        numbers are n rows of a one-column node or the row of an n-column node.
    dtype : float32, float64 or complex128
        In which everything is computed.
    seed, step : int
        Which random numbers dropout takes.

    Returns
    -------
    ndarray or list of ndarray
        (rows, columns) each. As in IEEE arithmetic, log(0) is −inf and 0/0 is NaN, without warning.

    Raises
    ------
    TypeError, ValueError
        If a feed is missing or does not fit its node.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x, w = g.input(1, "x"), g.parameter(2.0, "w")
    >>> g.reference.evaluate(w * x, {x: [1.0, 10.0]})
    array([[ 2.],
           [20.]])
    """
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64, np.complex128):
        raise ValueError(f"dtype: expected float32, float64 or complex128, got {kind}")
    wanted = listed(outputs, "outputs")
    check_mapping(feeds)
    order = topological_order(wanted, known=feeds)
    matrices, rows = check_feeds(feeds, order, "biufc" if kind == np.complex128 else "biuf")
    known = {node: fed.astype(kind) for node, fed in matrices.items()}
    values = _computed(order, known, Run(rows, seed, step), kind)
    # Copies: a value may be a view of another or of what was fed.
    result = [values[node].copy() for node in wanted]
    return result[0] if isinstance(outputs, Node) else result


def from_values(output: Node, known: Mapping[Node, Array], seed: int = 0) -> Array:
    """Return the value of a node from values of `evaluate`, those of grouped rows among them.

    Examples
    --------
    >>> from fastmlp import graph as g
    >>> x = g.input(2, "x")
    >>> halves = g.group_rows(x, 2)
    >>> from_values(g.ungroup_rows(-halves, 2), {halves: np.array([[1.0], [2.0]])})
    array([[-1., -2.]])
    """
    order = topological_order([output], known=known)
    of_batch = [v for v in known if isinstance(v.shape[0], str)]
    rows = len(known[of_batch[0]]) // per_example(of_batch[0].shape[0]) if of_batch else None
    return _computed(order, known, Run(rows, seed, 0), np.dtype(np.float64))[output].copy()


def _computed(
    order: Iterable[Node], known: Mapping[Node, Array], run: Run, dtype: np.dtype[np.generic]
) -> dict[Node, Array]:
    """Return the values of nodes in topological order, with those that are known."""
    values = dict(known)
    with np.errstate(all="ignore"):
        for node in order:
            if node not in values:
                values[node] = _value(node, values, known, run, dtype)
    return values


def _value(
    node: Node,
    values: Mapping[Node, Array],
    fed: Container[Node],
    run: Run,
    dtype: np.dtype[np.generic],
) -> Array:
    if node.value is not None:
        return node.value.astype(dtype)
    if node.op == "scheduled":
        return values_of([node], run.step, 1, dtype)[0]
    node = without_cancellation(node, fed)
    op = OPS[node.op]
    attrs = node.attrs if op.at_run is None else op.at_run(node.attrs, run)
    parents = (
        values[p] if p in values else _value(p, values, fed, run, dtype) for p in node.parents
    )
    return op.value(*parents, **attrs)
