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
_UNARY = (
    "negative exp log sqrt sin cos abs power relu softplus threshold logistic tanh scale".split()
)
_BINARY = (
    "add subtract multiply divide maximum relu_message softplus_message threshold_message "
    "logistic_message tanh_message".split()
)
UNARY: Final = {name: number for number, name in enumerate(_UNARY)}
BINARY: Final = {name: number for number, name in enumerate(_BINARY)}
ACTIVATION: Final = {
    name: number
    for number, name in enumerate(("identity", "relu", "softplus", "threshold", "logistic", "tanh"))
}
