"""What a check says of an answer."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fastmlp.config import printable
from fastmlp.models.model import Model

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Verdict:
    """Whether an answer is right, and where to look if it is not.

    Parameters
    ----------
    right : bool
    says : str
        What was found.

    Examples
    --------
    >>> verdict = Verdict(False, "the sign is wrong")
    >>> verdict
    not yet: the sign is wrong
    >>> bool(verdict), verdict.says
    (False, 'the sign is wrong')
    """

    right: bool
    says: str

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        begin = "right: " if self.right else "not yet: "
        said = printable(begin + self.says)
        return textwrap.fill(said, 79, subsequent_indent=" " * len(begin))


def not_yet(says: str) -> Verdict:
    """Return the verdict of a wrong answer."""
    return Verdict(False, says)


def check_model(model: Any, example: str) -> Model:
    """Return the model, or raise a TypeError if it is none."""
    if not isinstance(model, Model):
        raise TypeError(f"expected a model such as {example}, got {type(model).__name__}")
    return model


def same(a: Any, b: Any, tolerance: float) -> bool:
    """Tell whether arrays have one shape and are equal but for a share of the largest of `b`.

    Examples
    --------
    >>> import numpy as np
    >>> same(np.array([1.0]), np.array([1.0 + 1e-9]), 1e-6), same(np.ones(2), np.ones(3), 1.0)
    (True, False)
    """
    if a.shape != b.shape:
        return False
    furthest, largest = np.abs(a - b).max(initial=0.0), np.abs(b).max(initial=0.0)
    return bool(furthest <= tolerance * max(1.0, largest))


def numbers(answer: Any) -> Array | None:
    """Return an answer as an array of float64, None where it is none.

    Examples
    --------
    >>> numbers([1, 2]), numbers("one")
    (array([1., 2.]), None)
    """
    if answer is None or isinstance(answer, (str, bytes)):
        return None
    try:
        found = np.asarray(answer)
        return found.astype(np.float64) if found.dtype.kind in "biufO" else None
    except (TypeError, ValueError):
        return None


def number(x: float, digits: int = 3) -> str:
    """Return a number as a verdict says it.

    Examples
    --------
    >>> number(0.123456), number(-3.0)
    ('0.123', '−3')
    """
    return f"{x:.{digits}g}".replace("-", "−")


def point(values: Any, digits: int = 3) -> str:
    """Return numbers as a point; a single one stands for itself.

    Examples
    --------
    >>> point([0.0, 1.0]), point([0.5])
    ('(0, 1)', '0.5')
    """
    several = ", ".join(number(v, digits) for v in values)
    return several if len(values) == 1 else f"({several})"


def told_apart(a: Any, b: Any, digits: int = 3) -> tuple[str, str]:
    """Return two points with as many digits as tell them apart, `digits` at least.

    Examples
    --------
    >>> told_apart([0.5], [0.25]), told_apart([1.0001], [1.0002])
    (('0.5', '0.25'), ('1.0001', '1.0002'))
    """
    for more in range(digits, 17):
        shown = point(a, more), point(b, more)
        if shown[0] != shown[1]:
            break
    return shown
