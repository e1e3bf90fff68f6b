"""Activations h = φ(z), each declared once: φ beside its message z̄ = φ'(z)·h̄, and what it is for.

A message is an operation itself, so it can be fused and differentiated again. It reads h̄ and what
φ' is written in: h where that says enough, else z. The one other place that knows an activation is
cpp/kernels/activations.h, which has φ and the message once more.
"""

from fastmlp.graph.ops.activations.basic import logistic, relu, softplus, tanh, threshold
from fastmlp.graph.ops.activations.bounded import gaussian, hard_sigmoid, hard_tanh, softsign
from fastmlp.graph.ops.activations.gated import gelu, gelu_tanh, hard_silu, mish, silu
from fastmlp.graph.ops.activations.leaky import elu, leaky_relu, prelu, selu

__all__ = [
    "elu",
    "gaussian",
    "gelu",
    "gelu_tanh",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
    "logistic",
    "mish",
    "prelu",
    "relu",
    "selu",
    "silu",
    "softplus",
    "softsign",
    "tanh",
    "threshold",
]
