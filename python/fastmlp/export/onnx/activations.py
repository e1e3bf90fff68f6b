"""Activations and their messages as operators; the smooth ones that are compositions are not here.

float64 has a pattern of its own where ONNX Runtime has an operator for float32 alone.
"""

from __future__ import annotations

import math

from fastmlp.export.onnx.builder import Builder
from fastmlp.export.onnx.patterns import is_float32, operator
from fastmlp.graph.node import Node


@operator
def _softplus(b: Builder, node: Node, z: str) -> str:
    if is_float32(b):
        return b.add("Softplus", z)
    e = b.add("Exp", b.add("Neg", b.add("Abs", z)))
    # log(1 + e) = e · log(u)/(u − 1), u = 1 + e rounded, has all digits of small e (Kahan).
    one = b.number(1)
    u = b.add("Add", e, one)
    ratio = b.add("Div", b.add("Mul", e, b.add("Log", u)), b.add("Sub", u, one))
    rest = b.where(b.add("Equal", u, one), e, ratio)
    return b.add("Add", b.add("Relu", z), rest)


@operator
def _threshold(b: Builder, node: Node, z: str) -> str:
    return b.where(b.add("IsNaN", z), z, b.as_dtype(b.above(z)))


@operator
def _hard_tanh(b: Builder, node: Node, z: str) -> str:
    return b.add("Clip", z, b.number(-1), b.number(1))


@operator
def _hard_sigmoid(b: Builder, node: Node, z: str) -> str:
    s = b.add("Clip", b.add("Add", z, b.number(3)), b.number(0), b.number(6))
    return b.add("Div", s, b.number(6))


@operator
def _leaky_relu(b: Builder, node: Node, z: str) -> str:
    return b.add("LeakyRelu", z, alpha=0.01) if is_float32(b) else _sloped(b, z, b.number(0.01))


def _sloped(b: Builder, z: str, slopes: str) -> str:
    return b.where(b.above(z), z, b.add("Mul", slopes, z))


@operator
def _prelu(b: Builder, node: Node, z: str, a: str) -> str:
    one = node.parents[1].shape[0] == 1 and node.shape == node.parents[0].shape
    return b.add("PRelu", z, a) if one else _sloped(b, z, a)


@operator
def _elu(b: Builder, node: Node, z: str) -> str:
    return b.add("Elu", z) if is_float32(b) else b.where(b.above(z), z, _below(b, z))


def _below(b: Builder, z: str) -> str:
    """Return e^z − 1 where z < 0, else 0."""
    negative = b.add("Min", z, b.number(0))
    return b.add("Sub", b.add("Exp", negative), b.number(1))


@operator
def _selu(b: Builder, node: Node, z: str) -> str:
    if is_float32(b):
        return b.add("Selu", z)
    scale, floor = 1.0507009873554805, 1.7580993408473769
    above = b.add("Mul", z, b.number(scale))
    return b.where(b.above(z), above, b.add("Mul", _below(b, z), b.number(floor)))


@operator
def _gelu(b: Builder, node: Node, z: str) -> str:
    return b.add("Mul", z, _normal(b, z))


def _normal(b: Builder, z: str) -> str:
    """Return Φ(z) = ½(1 + erf(z/√2)); ONNX Runtime has erf for float32 alone."""
    scaled = b.add("Mul", z, b.number(math.sqrt(0.5)))
    if is_float32(b):
        erf = b.add("Erf", scaled)
    else:
        erf = b.as_dtype(b.add("Erf", b.add("Cast", scaled, to=1)))
    return b.add("Mul", b.add("Add", erf, b.number(1)), b.number(0.5))


@operator
def _gelu_message(b: Builder, node: Node, bar: str, z: str) -> str:
    bell = b.add("Exp", b.add("Mul", b.add("Mul", z, z), b.number(-0.5)))
    density = b.add("Mul", bell, b.number(1 / math.sqrt(2 * math.pi)))
    slope = b.add("Add", _normal(b, z), b.add("Mul", z, density))
    return b.add("Mul", slope, bar)


@operator
def _softsign(b: Builder, node: Node, z: str) -> str:
    if is_float32(b):
        return b.add("Softsign", z)
    return b.add("Div", z, b.add("Add", b.add("Abs", z), b.number(1)))


# Messages with steps in them; the smooth ones are compositions.


@operator
def _relu_message(b: Builder, node: Node, bar: str, h: str) -> str:
    return b.where(b.above(h), bar, b.number(0))


@operator
def _leaky_relu_message(b: Builder, node: Node, bar: str, h: str) -> str:
    return b.where(b.above(h), bar, b.add("Mul", bar, b.number(0.01)))


@operator
def _hard_tanh_message(b: Builder, node: Node, bar: str, h: str) -> str:
    return b.where(b.add("Less", b.add("Abs", h), b.number(1)), bar, b.number(0))


@operator
def _hard_sigmoid_message(b: Builder, node: Node, bar: str, h: str) -> str:
    inside = b.add("And", b.above(h), b.add("Less", h, b.number(1)))
    return b.where(inside, b.add("Div", bar, b.number(6)), b.number(0))


@operator
def _elu_message(b: Builder, node: Node, bar: str, h: str) -> str:
    slope = b.where(b.above(h), b.number(1), b.add("Add", h, b.number(1)))
    return b.add("Mul", slope, bar)


@operator
def _selu_message(b: Builder, node: Node, bar: str, h: str) -> str:
    floor = b.number(1.7580993408473769)
    slope = b.where(b.above(h), b.number(1.0507009873554805), b.add("Add", h, floor))
    return b.add("Mul", slope, bar)


@operator
def _threshold_message(b: Builder, node: Node, bar: str, h: str) -> str:
    shape = b.add("Shape", b.add("Add", bar, h))
    return b.add("Expand", b.number(0), shape)


@operator
def _prelu_slope(b: Builder, node: Node, z: str, a: str) -> str:
    return b.where(b.above(z), b.number(1), a)
