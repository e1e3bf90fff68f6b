"""Steps of normalization, dropout and noise: operations on rows that share what they compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from fastmlp.graph.shapes import per_example
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
    """Take the moments, then pass over the rows."""
    return _standard(work, node.parents[0], node)


def _standard(work: _Lowering, a: Node, node: Node) -> Operand:
    """Return (a − mean)/√(variance + ε), computed once for a normalization and its messages."""
    centered, epsilon = node.attrs["centered"], node.attrs["epsilon"]
    key = ("standard", a, centered, epsilon)
    if key not in work.shared:
        x, (mean, variance) = work.whole(a), moments(work, a, centered)
        inputs = (x, mean, variance, None, None)
        work.shared[key] = (work.emit("standardize", inputs, a.shape, Uniform(epsilon)),)
    return work.shared[key][0]


def normalize_columns_message(work: _Lowering, node: Node) -> Operand:
    """Two sums over the batch, then a pass over the rows."""
    to, a = node.parents
    bar, h, centered = work.whole(to), _standard(work, a, node), node.attrs["centered"]
    rows = a.shape[0]
    share = Uniform(1.0 / (per_example(rows) or int(rows)), isinstance(rows, str))
    row = (1, a.shape[1])
    if centered:
        mean = work.emit("sum", (bar,), row, share, axis=0)
    else:
        mean = work.emit("fill", (), row, Uniform(0.0))
    along = work.emit("dot", (bar, h), row, share, axis=0)
    inputs = (bar, h, moments(work, a, centered)[1], mean, along)
    return work.emit(node.op, inputs, node.shape, _epsilon(node))


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
