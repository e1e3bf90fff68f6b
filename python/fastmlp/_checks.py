"""Checks of single arguments, so that every error says what was given and what was expected."""

from __future__ import annotations

import math
import operator
from numbers import Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


# What the core counts with.
MOST = (1 << 63) - 1
# Numbers of one network, or of a row: 4 TB of float32.
MOST_NUMBERS = 1 << 40
# A seed's: NumPy spreads as many bits over its generators.
MOST_SEED = (1 << 128) - 1


def integer(value: Any, name: str, *, at_least: int, at_most: int | None = MOST) -> int:
    """Return `value` as an int within the limits; a bool or a float is not one.

    Examples
    --------
    >>> integer(3, "epochs", at_least=1)
    3
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name} must be an integer, got {value!r} ({type(value).__name__})")
    number = operator.index(value)
    if number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {shown(number)}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {shown(number)}")
    return number


def seed(value: Any, name: str = "seed") -> int:
    """Return `value` as what random numbers can begin with.

    Examples
    --------
    >>> seed(0)
    0
    """
    return integer(value, name, at_least=0, at_most=MOST_SEED)


def columns(value: Any, name: str) -> int:
    """Return `value` as a number of columns or units.

    Examples
    --------
    >>> columns(10, "units")
    10
    """
    return integer(value, name, at_least=1, at_most=MOST_NUMBERS)


def shown(number: Any) -> str:
    """Return a number as an error shows it: one of very many digits by their number.

    Examples
    --------
    >>> shown(12), shown(10**400)
    ('12', 'an integer of about 401 digits')
    """
    if isinstance(number, int) and number.bit_length() > 200:
        return f"an integer of about {math.ceil(number.bit_length() * math.log10(2))} digits"
    return repr(number)


def real(
    value: Any,
    name: str,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    at_most: float = math.inf,
) -> float:
    """Return `value` as a finite float within the limits given.

    Examples
    --------
    >>> real(0.5, "momentum", at_least=0, below=1)
    0.5
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a number, got {value!r} ({type(value).__name__})")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if math.isfinite(number) and at_least <= number <= at_most and above < number < below:
        return number
    limits = {
        "at least": at_least,
        "greater than": above,
        "less than": below,
        "at most": at_most,
    }
    told = [f"{words} {limit:g}" for words, limit in limits.items() if math.isfinite(limit)]
    expected = " and ".join(["a finite number", *told])
    raise ValueError(f"{name} must be {expected}, got {shown(value)}")


def flag(value: Any, name: str) -> bool:
    """Return `value` if it is True or False.

    Examples
    --------
    >>> flag(True, "shuffle")
    True
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {value!r} ({type(value).__name__})")
    return value


def choice(value: Any, name: str, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`; otherwise the error lists them.

    Examples
    --------
    >>> choice("min", "mode", ("auto", "min", "max"))
    'min'
    """
    known = list(choices)
    if not isinstance(value, str):
        raise TypeError(f"{name} must be one of {known}, got {value!r} ({type(value).__name__})")
    if value not in known:
        from difflib import get_close_matches

        nearest = get_close_matches(value, known, n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ValueError(f"{name} must be one of {known}, got {value!r}{hint}")
    return value
