"""The operations, each declared once: shape rule, NumPy value and messages side by side.

`OPS` is the one registry. The files go by topic; importing this package fills it.
"""

from fastmlp.graph.node import LEAVES, OPS, Op
from fastmlp.graph.ops import (
    activations,
    columns,
    cross_entropy,
    elementwise,
    groups,
    norms,
    products,
    reductions,
    rows,
    scheduled,
    tables,
)

__all__ = [
    "LEAVES",
    "OPS",
    "Op",
    "activations",
    "columns",
    "cross_entropy",
    "elementwise",
    "groups",
    "norms",
    "products",
    "reductions",
    "rows",
    "scheduled",
    "tables",
]
