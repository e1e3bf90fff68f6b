"""Values fed to a graph: checked once, here, for the reference and for the core alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from fastmlp import _checks
from fastmlp.data.sparse import CompressedRows
from fastmlp.graph.node import BATCH, Node
from fastmlp.graph.shapes import as_array, describe, per_example

NO_FEEDS: Final[Mapping[Node, Any]] = MappingProxyType({})  # of graphs without inputs


def check_feeds(
    feeds: Mapping[Node, Any], order: Iterable[Node], kinds: str = "biuf", *, sparse: bool = False
) -> tuple[dict[Node, Any], int | None]:
    """Return every fed value as a matrix of its node's shape, and the rows of the batch.

    A number is (1, 1); n numbers are (n, 1) for a node of one column and (1, n) for a node of n
    columns. Values keep their dtype and, where they are matrices, their memory.

    Parameters
    ----------
    feeds : mapping of Node to array
        A value for each input of `order`; other nodes may be fed too, and then are not computed.
    order : iterable of Node
        What will be computed.
    kinds : str
        NumPy's letters of the kinds of numbers allowed.
    sparse : bool
        Whether a value may be `CompressedRows`, which are returned as they are.

    Raises
    ------
    TypeError
        If a key is not a node or a value is not numeric.
    ValueError
        If an input is missing, a shape does not fit, or the numbers of rows differ.
    """
    check_mapping(feeds)
    matrices: dict[Node, Any] = {}
    first: Node | None = None
    for node, value in feeds.items():
        if not isinstance(node, Node):
            raise TypeError(f"feeds: keys must be graph nodes, got {type(node).__name__}")
        as_it_is = sparse and isinstance(value, CompressedRows)
        array = value if as_it_is else as_array(value, f"feeds: {label(node)}")
        matrices[node] = matrix = _as_matrix(node, array, type(value).__name__, kinds)
        if node.shape[0] == BATCH:
            first = first or node
            if len(matrix) != len(matrices[first]):
                raise ValueError(
                    f"feeds: {label(node)} has {len(matrix)} rows, "
                    f"but {label(first)} has {len(matrices[first])}"
                )
    rows = None if first is None else len(matrices[first])
    for node in order:
        if node in matrices:
            continue
        if node.op == "input":
            raise ValueError(f"feeds: no value for {label(node)} of shape {describe(node.shape)}")
        if isinstance(node.shape[0], str) and rows is None:
            raise ValueError(f"feeds: nothing fed tells the rows of {label(node)}")
    return matrices, rows


def listed(nodes: Any, name: str) -> list[Node]:
    """Return one node, or several, as a list."""
    if isinstance(nodes, Node):
        return [nodes]
    found = _checks.listed(nodes)
    if found is None:
        raise TypeError(f"{name}: expected graph nodes, got {type(nodes).__name__}")
    return found


def check_mapping(feeds: object) -> None:
    """Raise unless it is a mapping: before anything looks into it."""
    if not isinstance(feeds, Mapping):
        raise TypeError(f"feeds: expected a dict of node to array, got {type(feeds).__name__}")


def label(node: Node) -> str:
    """Return what to call a node in a message."""
    return f"{node.op} {node.name!r}" if node.name else f"an unnamed {node.op}"


def _as_matrix(node: Node, array: Any, given: str, kinds: str) -> Any:
    if array.dtype.kind not in kinds:
        raise TypeError(
            f"feeds: {label(node)} needs real numbers, got {given} of dtype {array.dtype}"
        )
    rows, columns = node.shape
    if per_example(rows) > 1:
        raise ValueError(
            f"feeds: {label(node)} of shape {describe(node.shape)} cannot be fed, as its rows are "
            "a multiple of the batch's; feed what it is made of"
        )
    if array.ndim < 2:
        shape = (-1, 1) if columns == 1 else (1, -1)
        matrix = array.reshape(shape)
    else:
        matrix = array
    fits = matrix.ndim == 2 and matrix.shape[1] == columns and rows in (BATCH, matrix.shape[0])
    if not fits:
        raise ValueError(
            f"feeds: {label(node)} has shape {describe(node.shape)}, got an array of shape "
            f"{array.shape}"
        )
    if matrix.shape[0] == 0:
        raise ValueError(f"feeds: {label(node)} got an empty array of shape {array.shape}")
    return matrix
