"""Norms of rows that are written as arithmetic: sums and means of columns until the layer is known.

Sums are elementwise values of one column, of an operator that no layer computes by itself.
"""

from __future__ import annotations

import math

from fastmlp.export.onnx.values import Affine, Elementwise, Value, affine


def sum_of(x: Value, uses: int = 1) -> Value:
    """Return the sum of the columns."""
    return Elementwise(columns=1, uses=uses, operator="ReduceSum", arguments=(x,))


def mean_of(x: Value, uses: int) -> Value:
    """Return the mean of the columns."""
    return affine(sum_of(x), 1 / x.columns, 0.0, uses)


def centered(x: Value, mean: Value, uses: int) -> Value | None:
    """Return x less the mean of its columns, None if something else is subtracted."""
    found = _averaged(mean)
    if found is None or found[0] is not x or found[1] != 0.0:
        return None
    return Elementwise(columns=x.columns, uses=uses, operator="Sub", arguments=(x, mean))


def normed(x: Value, root: Value) -> tuple[Value, float, bool] | None:
    """Return what x divided by a root is the norm of, with which ε, and whether it is centered.

    None if it is none: the root is that of the mean of the squares of x, and ε.
    """
    if not isinstance(root, Elementwise) or root.operator != "Sqrt":
        return None
    found = _averaged(root.arguments[0])
    if found is None or found[1] <= 0.0:
        return None
    square, epsilon = found
    if not isinstance(square, Elementwise) or square.operator != "Mul":
        return None
    if any(part is not x for part in square.arguments):
        return None
    if isinstance(x, Elementwise) and x.operator == "Sub" and isinstance(x.arguments[0], Value):
        return x.arguments[0], epsilon, True
    return x, epsilon, False


def _averaged(value: object) -> tuple[Value, float] | None:
    """Return x and a number if the value is the mean of the columns of x plus the number."""
    if not isinstance(value, Affine) or value.columns != 1:
        return None
    total = value.base
    if not isinstance(total, Elementwise) or total.operator != "ReduceSum":
        return None
    (x,) = total.arguments
    factor, offset = float(value.factor.reshape(())), float(value.offset.reshape(()))
    if not isinstance(x, Value) or not math.isclose(factor * x.columns, 1.0, rel_tol=1e-5):
        return None
    return x, offset
