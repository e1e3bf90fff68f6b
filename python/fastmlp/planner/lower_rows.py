"""Steps of normalization, dropout and noise: operations on rows that share what they compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from fastmlp.planner.ir import Buffer, Operand, Step, Uniform

if TYPE_CHECKING:
    from fastmlp.graph.node import Node
    from fastmlp.planner.lower import _Lowering

    Rule: TypeAlias = Callable[[_Lowering, Node], Operand]


def _epsilon(node: Node) -> Uniform:
    return Uniform(node.attrs["epsilon"])


def normalize_rows(work: _Lowering, node: Node) -> Operand:
    """One step: two passes over a row for its moments, one to write."""
    x = work.whole(node.parents[0])
    centered = int(node.attrs["centered"])
    return work.emit(
        "normalize_rows", (x, None, None), node.shape, _epsilon(node), centered=centered
    )


def normalize_rows_message(work: _Lowering, node: Node) -> Operand:
    """One step, which computes the row's moments again rather than read h."""
    bar, x = (work.whole(p) for p in node.parents)
    centered = int(node.attrs["centered"])
    inputs = (bar, x, None)
    return work.emit(node.op, inputs, node.shape, _epsilon(node), centered=centered)


def moments(work: _Lowering, a: Node, centered: bool) -> tuple[Operand, Operand]:
    """Return mean and variance of each column, computed once."""
    known = work.shared.get(("moments", a, centered))
    if known is None:
        mean, variance = (Operand.of(Buffer(1, a.shape[1])) for _ in range(2))
        x, numbers = work.whole(a), {"centered": int(centered)}
        work.result.append(Step("column_moments", (x,), mean, variance, numbers))
        known = work.shared["moments", a, centered] = (mean, variance)
    return known[0], known[1]


def batch_mean(work: _Lowering, node: Node) -> Operand | None:
    """Return the mean over the batch if it is there with the variance, else None."""
    if node.attrs["axis"] != 0 or ("moments", node.parents[0], True) not in work.shared:
        return None
    return moments(work, node.parents[0], centered=True)[0]


def column_variance(work: _Lowering, node: Node) -> Operand:
    """Take the second of the moments."""
    return moments(work, node.parents[0], centered=True)[1]


def normalize_columns(work: _Lowering, node: Node) -> Operand:
    """Take the moments, then pass over the rows; once for nodes that compute the same."""
    (a,), centered, epsilon = node.parents, node.attrs["centered"], node.attrs["epsilon"]
    key = ("standard", a, centered, epsilon)
    if key not in work.shared:
        inputs = (work.whole(a), *moments(work, a, centered), None, None)
        work.shared[key] = (work.emit("standardize", inputs, a.shape, Uniform(epsilon)),)
    return work.shared[key][0]


def normalize_columns_message(work: _Lowering, node: Node) -> Operand:
    """Two sums over the batch, then a pass over the rows."""
    to, a = node.parents
    centered = node.attrs["centered"]
    known = (work.whole(to), work.whole(a), *moments(work, a, centered))
    products, totals = (Operand.of(Buffer(1, a.shape[1])) for _ in range(2))
    work.result.append(Step("standard_sums", known, products, totals, scalar=_epsilon(node)))
    inputs = (*known, None, products, totals)
    return work.emit(node.op, inputs, node.shape, _epsilon(node), centered=int(centered))


def standardize(work: _Lowering, node: Node) -> Operand:
    """One step."""
    x, mean, variance = (work.whole(p) for p in node.parents)
    return work.emit(node.op, (x, mean, variance, None, None), node.shape, _epsilon(node))


def dropout(work: _Lowering, node: Node) -> Operand:
    """One step, whose zeros are those of the node's key."""
    x, rate = work.whole(node.parents[0]), Uniform(float(node.attrs["rate"]))
    return work.emit("dropout", (x,), node.shape, rate, key=node.attrs["key"])


def noise(work: _Lowering, node: Node) -> Operand:
    """One step, whose random numbers are those of the node's key."""
    x, deviation = work.whole(node.parents[0]), Uniform(node.attrs["deviation"])
    return work.emit("noise", (x,), node.shape, deviation, key=node.attrs["key"])


ROWS: Final[dict[str, Rule]] = {
    "normalize_rows": normalize_rows,
    "normalize_rows_message": normalize_rows_message,
    "normalize_columns": normalize_columns,
    "normalize_columns_message": normalize_columns_message,
    "column_variance": column_variance,
    "standardize": standardize,
    "dropout": dropout,
    "gaussian_noise": noise,
}
