"""Arithmetic on the constants of an ONNX graph."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np

_FOLDED: Final[dict[str, Callable[..., Any]]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Pow": np.power,
    "Neg": np.negative,
    "Sqrt": np.sqrt,
    "Exp": np.exp,
    "Reciprocal": np.reciprocal,
}


def folded(node: Any, arguments: list[Any]) -> Any:
    """Return what an operator makes of constants alone; None where it is not one of arithmetic.

    The result is no larger than the largest of them.
    """
    if (
        node.op_type not in _FOLDED
        or not arguments
        or not all(isinstance(a, np.ndarray) for a in arguments)
    ):
        return None
    shape = np.broadcast_shapes(*(a.shape for a in arguments))
    if math.prod(shape) > max(a.size for a in arguments):
        raise ValueError(f"it makes a constant of the shape {shape}")
    with np.errstate(all="ignore"):
        result = _FOLDED[node.op_type](*(np.asarray(a, np.float64) for a in arguments))
    if not np.isfinite(result).all():
        raise ValueError("it makes a constant that is not finite")
    return result
