"""The core's names for what it computes, in the order of its tables (cpp/kernels/table.h)."""

from __future__ import annotations

from typing import Final

KINDS: Final = (
    "gemm",
    "unary",
    "binary",
    "sum",
    "dot",
    "add_scaled",
    "spread",
    "fill",
    "softmax",
    "log_softmax",
    "softmax_cross_entropy",
    "argmax",
    "pick",
    "scatter",
    "copy",
    "dropout",
    "transpose",
)
_ACTIVATIONS = ("relu", "softplus", "threshold", "logistic", "tanh")
_UNARY = ("negative", "exp", "log", "sqrt", "sin", "cos", "abs", "power", *_ACTIVATIONS, "scale")
_BINARY = (
    *("add", "subtract", "multiply", "divide", "maximum"),
    *(f"{name}_message" for name in _ACTIVATIONS),
    *("ratio", "logistic_cross_entropy", "logistic_residual"),
)
UNARY: Final = {name: number for number, name in enumerate(_UNARY)}
BINARY: Final = {name: number for number, name in enumerate(_BINARY)}
ACTIVATION: Final = {name: number for number, name in enumerate(("identity", *_ACTIVATIONS))}
