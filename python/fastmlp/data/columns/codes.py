"""Texts as the places that they have among different ones, -1 where one is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from fastmlp.data.texts import Array


def sorted_texts(codes: Array, texts: Sequence[str]) -> tuple[Array, tuple[str, ...]]:
    """Sort the texts that occur and code them anew; blanks are missing, equal ones are one."""
    used = np.zeros(len(texts) + 1, dtype=bool)
    used[codes] = True
    there = {text for text, is_used in zip(texts, used, strict=False) if is_used}
    kept = sorted(text for text in there if text and not text.isspace())
    number = {text: i for i, text in enumerate(kept)}
    return by_code(codes, (number.get(text, -1) for text in texts), -1), tuple(kept)


def by_code(codes: Array, values: Iterable[Any], missing: Any) -> Array:
    """Return what each code stands for: a place among the values, or -1 for `missing`.

    Examples
    --------
    >>> by_code(np.array([1, -1, 0]), [2.5, 7.0], 0.0).tolist()
    [7.0, 0.0, 2.5]
    """
    found: Array = np.array([*values, missing])[codes]
    return found
