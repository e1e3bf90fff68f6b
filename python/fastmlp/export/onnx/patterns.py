"""The table of operations that are written down as operators, and those that are one operator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from fastmlp.export.onnx.builder import Builder

# Operation -> (builder, node, *values of its parents) -> its value.
OPERATORS: Final[dict[str, Callable[..., str]]] = {}


def operator(function: Callable[..., str]) -> Callable[..., str]:
    """Enter a function as the pattern of the operation that it is called after."""
    OPERATORS[function.__name__.removeprefix("_")] = function
    return function


def is_float32(b: Builder) -> bool:
    """Tell whether operators can be used that ONNX Runtime has for float32 alone."""
    return b.dtype == np.float32


def _named(name: str) -> Callable[..., str]:
    return lambda b, node, *values: b.add(name, *values)


OPERATORS.update(
    add=_named("Add"),
    subtract=_named("Sub"),
    multiply=_named("Mul"),
    divide=_named("Div"),
    maximum=_named("Max"),
    negative=_named("Neg"),
    exp=_named("Exp"),
    log=_named("Log"),
    sqrt=_named("Sqrt"),
    sin=_named("Sin"),
    cos=_named("Cos"),
    abs=_named("Abs"),
    relu=_named("Relu"),
    logistic=_named("Sigmoid"),
    tanh=_named("Tanh"),
)
