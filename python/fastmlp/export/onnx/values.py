"""Values of an ONNX graph on their way to layers: what they are made of, until a layer reads them.

Products with constants wait until it is known what is added, and elementwise operators until it is
seen what activation they are together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

# Elementwise operators in a row, of which no layer has been made.
MOST_PENDING: Final = 100
_COMMUTATIVE: Final = frozenset({"Mul", "Add", "Min", "Max", "Equal"})


@dataclass(eq=False, kw_only=True)
class Value:
    """A value of so many columns, which so many operators and outputs read.

    Attributes
    ----------
    symbol : Symbol or None
        When layers have been made of it.
    pending : int
        How many elementwise operators it is away from what layers have been made of.
    """

    columns: int
    uses: int = 1
    symbol: Any = None
    pending: int = 0


@dataclass(eq=False, kw_only=True)
class Leaf(Value):
    """An input, the result of a layer, or the z of a pattern."""


@dataclass(eq=False, kw_only=True)
class Linear(Value):
    """A product with weights (units, inputs), and biases (units,) or none."""

    base: Value
    weights: Array
    biases: Array | None = None


@dataclass(eq=False, kw_only=True)
class Affine(Value):
    """factor·base + offset, each a number or a row (1, columns)."""

    base: Value
    factor: Array
    offset: Array

    def __post_init__(self) -> None:
        self.pending = _after(self.base)


@dataclass(eq=False, kw_only=True)
class Elementwise(Value):
    """An operator on values, element by element, and constants (numbers)."""

    operator: str
    arguments: tuple[Value | Array, ...]
    attributes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pending = _after(*(a for a in self.arguments if isinstance(a, Value)))


def _after(*values: Value) -> int:
    return 1 + max((0 if v.symbol is not None else v.pending for v in values), default=0)


def affine(base: Value, factor: Any, offset: Any, uses: int = 1) -> Value:
    """Return factor·base + offset; at once if the base is of that kind and nobody else reads it."""
    factor, offset = np.asarray(factor, np.float64), np.asarray(offset, np.float64)
    if base.uses == 1 and base.symbol is None:
        if isinstance(base, Affine):
            offset = offset + factor * base.offset
            factor, base = factor * base.factor, base.base
        elif isinstance(base, Linear):
            rows = np.broadcast_to(factor.reshape(-1), (base.columns,))
            before = 0.0 if base.biases is None else base.biases
            biases = np.broadcast_to(rows * before + offset.reshape(-1), (base.columns,))
            plain = base.biases is None and not offset.any()
            return Linear(
                columns=base.columns,
                uses=uses,
                base=base.base,
                weights=rows[:, None] * base.weights,
                biases=None if plain else biases,
            )
    return Affine(columns=base.columns, uses=uses, base=base, factor=factor, offset=offset)


def product(a: Value, b: Value, uses: int = 1) -> Value:
    """Return a·b, with numbers that stand before an argument put before the whole."""
    number, parts = 1.0, []
    for part in (a, b):
        if isinstance(part, Affine) and part.uses == 1 and part.symbol is None:
            found = uniform(part.factor)
            if found is not None and found not in (0.0, 1.0):
                number *= found
                part = affine(part.base, 1.0, part.offset / found)
        parts.append(part)
    columns = max(a.columns, b.columns)
    inner = Elementwise(columns=columns, uses=uses, operator="Mul", arguments=tuple(parts))
    if number == 1.0:
        return inner
    inner.uses = 1
    return affine(inner, number, 0.0, uses)


def uniform(values: Array) -> float | None:
    """Return the number that all of an array are, None if they are several."""
    first = float(values.flat[0])
    return first if (values == first).all() else None


def match(pattern: Any, value: Any, z: Value) -> Value | None:
    """Return what the leaf z of a pattern stands for in a value of that pattern, else None."""
    bound: list[Value] = []
    return bound[0] if _matches(pattern, value, z, bound) and bound else None


def _matches(pattern: Any, value: Any, z: Value, bound: list[Value]) -> bool:
    if pattern is z:
        if not isinstance(value, Value):
            return False
        if not bound:
            bound.append(value)
        return value is bound[0]
    if not isinstance(pattern, Value):
        return not isinstance(value, Value) and _close(pattern, value)
    if isinstance(pattern, Affine) and isinstance(value, Affine):
        same = _close(pattern.factor, value.factor) and _close(pattern.offset, value.offset)
        return same and _matches(pattern.base, value.base, z, bound)
    if not isinstance(pattern, Elementwise) or not isinstance(value, Elementwise):
        return False
    if pattern.operator != value.operator or len(pattern.arguments) != len(value.arguments):
        return False
    if pattern.attributes != value.attributes:
        return False
    orders = [value.arguments]
    if pattern.operator in _COMMUTATIVE:
        orders.append(value.arguments[::-1])
    for arguments in orders:
        tried = list(bound)
        pairs = zip(pattern.arguments, arguments, strict=True)
        if all(_matches(p, v, z, tried) for p, v in pairs):
            bound[:] = tried
            return True
    return False


def _close(a: Array, b: Array) -> bool:
    return a.size == 1 and bool(np.allclose(b, a, rtol=1e-5, atol=1e-7))
