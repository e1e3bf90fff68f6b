"""The table of the operators that are taken, and what their functions read of a node.

``TAKEN[operator]`` has the least and the largest number of arguments, and ``(graph, node,
arguments)`` to the value of the first output. Arguments are values, constants (arrays), `LABEL`, or
None where an optional one is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp.export.onnx.values import Value

if TYPE_CHECKING:
    import onnx

# What is no number of the network: labels, places of the largest, texts.
LABEL: Final = object()
TAKEN: Final[dict[str, tuple[int, int, Callable[..., Any]]]] = {}
MANY: Final = 1 << 20


def taken(operator: str, least: int, most: int | None = None) -> Callable[..., Any]:
    """Enter a function as what an operator makes of so many arguments."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        TAKEN[operator] = least, most or least, function
        return function

    return enter


def attributes_of(node: onnx.NodeProto, **defaults: Any) -> dict[str, Any]:
    """Return the attributes of an operator; ValueError if it has others than these."""
    found = dict(defaults)
    for attribute in node.attribute:
        name = attribute.name
        if name not in defaults:
            raise ValueError(f"the attribute {name!r} is not taken")
        kind = type(defaults[name])
        if kind is float:
            # float32, of which 0.01 is 0.0099999998
            found[name] = float(f"{attribute.f:.7g}") if attribute.type == 1 else math.nan
        elif kind is int:
            found[name] = attribute.i
        elif kind is str:
            found[name] = attribute.s.decode("ascii", "replace")
        else:
            found[name] = tuple(attribute.ints)
    return found


def values_of(*arguments: Any) -> list[Value]:
    """Return arguments that must be values of the network."""
    for argument in arguments:
        if not isinstance(argument, Value):
            kind = "labels" if argument is LABEL else "constants"
            raise ValueError(f"it reads {kind} where values of the network are taken")
    return list(arguments)


def row_of(constant: Any, columns: int, what: str) -> Any:
    """Return a constant as a row (columns,), a number repeated."""
    if not isinstance(constant, np.ndarray) or constant.size not in (1, columns):
        shape = getattr(constant, "shape", None)
        raise ValueError(f"{what} must be a constant of {columns} numbers, its shape is {shape}")
    if constant.ndim > 1 and constant.shape[:-1] != (1,) * (constant.ndim - 1):
        raise ValueError(f"{what} must be a row, its shape is {constant.shape}")
    return np.broadcast_to(constant.reshape(-1), (columns,))


def factor_of(constant: Any, value: Value) -> Any:
    """Return a constant that goes with a value as a number or a row (1, columns)."""
    if constant.size == 1:
        return constant.reshape(())
    return row_of(constant, value.columns, "what it adds or multiplies by")[None]
