"""What the parameters of a network are for.

A weight is penalised and decays; a bias and a scale do neither; a statistic, as a mean over
batches, is told by a training and not trained; an embedding has a row for each category.
"""

from __future__ import annotations

from typing import Final

STATISTIC: Final = "statistic"
ROLES: Final = ("weight", "bias", "scale", STATISTIC, "embedding")

_BY_COLUMN = frozenset({"bias", "scale", STATISTIC})


def is_vector(role: str, rows: int) -> bool:
    """Whether users see a parameter as a vector: a number for each column, in one row.

    Examples
    --------
    >>> is_vector("bias", 1), is_vector("weight", 1), is_vector("scale", 2)
    (True, False, False)
    """
    return rows == 1 and role in _BY_COLUMN
