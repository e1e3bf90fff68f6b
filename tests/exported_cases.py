"""The operations of `op_cases` as graphs that exporters take, and how results are compared."""

from __future__ import annotations

import numpy as np

from fastmlp import graph as g
from fastmlp.export.source.prepared import Prepared, of_nodes
from fastmlp.graph import BATCH, Node
from fastmlp.graph.ops import OPS
from op_cases import Case

# Operations whose results are no function of one row, and what the error says of them.
REFUSED = {
    **dict.fromkeys(("dropout", "dropout_at", "gaussian_noise"), "draws random numbers"),
    **dict.fromkeys(
        ("normalize_columns", "normalize_columns_message", "column_variance", "add_rows"),
        "other rows of its batch",
    ),
}
TOLERANCE = {"float32": 2e-5, "float64": 1e-13}


def graph_of(op: str, case: Case, dtype: str) -> tuple[Prepared, list[np.ndarray]]:
    """Return the graph of an example of an operation, and what to feed it."""
    arguments, inputs, fed = [], {}, []
    grouped = op == "ungroup_rows"  # its rows are several of each example
    static = () if grouped else case.static
    rows = max(len(array) for i, array in enumerate(case.arrays) if i not in static)
    for i, array in enumerate(case.arrays):
        if i in static or len(array) != rows:
            arguments.append(g.parameter(array, f"a{i}"))
            continue
        times = case.attrs["groups"] if grouped else 1
        inputs[f"a{i}"] = g.input(array.shape[1] * times, f"a{i}")
        arguments.append(g.group_rows(inputs[f"a{i}"], times))
        fed.append(array.reshape(len(array) // times, -1))
    attrs = dict(case.attrs)
    if "shape" in attrs:
        attrs["shape"] = (BATCH, attrs["shape"][1])
    shape = OPS[op].shape(*(a.shape for a in arguments), **attrs)
    node = Node(op, arguments, attrs, shape)
    return of_nodes(inputs, [("y", node)], {}, dtype=np.dtype(dtype), title=op), fed


def expected(graph: Prepared, fed: list[np.ndarray]) -> np.ndarray:
    """Return what the reference has for the output."""
    feeds = dict(zip(graph.inputs, fed, strict=True))
    return g.reference.evaluate(graph.outputs[0], feeds)


def compare(found: np.ndarray, wanted: np.ndarray, dtype: str, what: str) -> None:
    """Assert that numbers are equal but for the rounding of their type."""
    tolerance = TOLERANCE[dtype]
    scale = max(1.0, float(np.max(np.abs(wanted))))
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def sums_the_batch(op: str, case: Case) -> bool:
    """Tell whether an example has one result for all of its rows, or for a number of rows."""
    if op in ("sum", "mean"):
        return case.attrs["axis"] != 1
    if op == "spread":
        return case.attrs["mean"] and len(case.arrays[0]) != case.attrs["shape"][0]
    return bool(case.attrs.get("transpose_a"))
