"""The core's names for what it computes, in the order of its tables (cpp/kernels/table.h)."""

from __future__ import annotations

from typing import Final

# The numbers of each kind of step, in the order of a, b, c, d of `Step` in cpp/runtime/program.h.
NUMBERS: Final[dict[str, tuple[str, ...]]] = {
    "gemm": ("transpose_a", "transpose_b", "activation", "derivative"),
    "unary": ("function",),
    "binary": ("function",),
    "sum": ("axis",),  # 2: both
    "dot": (),
    "add_scaled": (),
    "spread": (),
    "fill": (),
    "softmax": (),
    "log_softmax": (),
    "softmax_cross_entropy": (),
    "argmax": (),
    "pick": (),
    "scatter": (),
    "copy": ("from_column", "to_column", "columns"),
    "dropout": ("key",),
    "transpose": (),
}
KINDS: Final = {kind: number for number, kind in enumerate(NUMBERS)}
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
