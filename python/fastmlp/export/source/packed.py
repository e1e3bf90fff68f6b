"""Many arrays as one text: their numbers one after the other in base64, by lines."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def packed(
    arrays: Sequence[Array], dtype: np.dtype[Any], width: int
) -> tuple[list[str], list[tuple[int, int]]]:
    """Return lines of at most so many letters, and where each array begins and ends in them.

    The numbers are little-endian, of this type; of at least one array.

    Examples
    --------
    >>> packed([np.ones((1, 2)), np.zeros(1)], np.dtype("float32"), 10)
    (['AACAPwAAgD', '8AAAAA'], [(0, 2), (2, 3)])
    """
    numbers = np.concatenate([array.ravel() for array in arrays])
    text = base64.b64encode(numbers.astype(dtype.newbyteorder("<")).tobytes()).decode()
    ends = accumulate((array.size for array in arrays), initial=0)
    return [text[i : i + width] for i in range(0, len(text), width)], list(pairwise(ends))
