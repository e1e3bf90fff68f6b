"""Activations that others have by a name of their own: ours between two scalings; and scalings."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

from fastmlp import layers
from fastmlp.activations import with_settings
from fastmlp.layers.base import Layer

AS_IT_IS: Final = (1.0, 0.0)


class Wrapped(NamedTuple):
    """φ of a·x + b, times c and plus d.

    Attributes
    ----------
    activation : str or Activation
        φ.
    before, after : (float, float)
        a and b; c and d.
    """

    activation: Any
    before: tuple[float, float] = AS_IT_IS
    after: tuple[float, float] = AS_IT_IS

    def layers(self) -> list[Layer]:
        """Return it as layers one after the other."""
        first, last = (
            [] if numbers == AS_IT_IS else [layers.Rescaling(*numbers)]
            for numbers in (self.before, self.after)
        )
        return [*first, layers.Activation(self.activation), *last]


#: log σ(x) = −log(1 + e^−x).
LOG_SIGMOID: Final = Wrapped("softplus", (-1.0, 0.0), (-1.0, 0.0))


def scaled(activation: str, factor: float) -> Wrapped:
    """Return φ(factor·x) / factor, as CELU and the softplus of PyTorch are made.

    Examples
    --------
    >>> scaled("elu", 2.0).after
    (0.5, 0.0)
    """
    return Wrapped(activation, (factor, 0.0), (1 / factor, 0.0))


def with_number(kind: str, number: float, *, first: bool = False) -> tuple[float, float]:
    """Return factor and offset of x + number, x − number, x·number or x/number.

    Parameters
    ----------
    kind : "add", "sub", "mul" or "div"
    number : float
    first : bool
        Whether the number stands before x.

    Raises
    ------
    ValueError
        If it divides by x, or by 0.

    Examples
    --------
    >>> with_number("sub", 3.0), with_number("sub", 3.0, first=True)
    ((1.0, -3.0), (-1.0, 3.0))
    """
    if kind == "div" and first:
        raise ValueError("a division by a tensor has no counterpart")
    if kind == "div" and number == 0:
        raise ValueError("it divides by 0")
    if kind in ("mul", "div"):
        return (number if kind == "mul" else 1 / number), 0.0
    if kind == "add":
        return 1.0, number
    return (-1.0, number) if first else (1.0, -number)


def limited(low: float, high: float) -> Wrapped:
    """Return min(high, max(low, x)); an infinite bound is none.

    Raises
    ------
    ValueError
        If there is no bound, or the lower one is not the lower one.

    Examples
    --------
    >>> limited(0.0, 6.0).activation.name
    'hard_tanh(low=0, high=6)'
    >>> limited(2.0, math.inf)
    Wrapped(activation='relu', before=(1.0, -2.0), after=(1.0, 2.0))
    """
    if math.isinf(low) and math.isinf(high):
        raise ValueError("it has no bounds")
    if not (math.isinf(low) or math.isinf(high)):
        return Wrapped(with_settings("hard_tanh", low=low, high=high))
    if low == 0:
        return Wrapped("relu")
    # max(low, x) = relu(x − low) + low, min(high, x) = high − relu(high − x)
    sign, bound = (1.0, low) if math.isinf(high) else (-1.0, high)
    return Wrapped("relu", (sign, -sign * bound), (sign, bound))
