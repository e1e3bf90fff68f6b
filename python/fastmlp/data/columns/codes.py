"""Texts as the places that they have among different ones, -1 where one is missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from fastmlp.data.columns.moments import Order, dates_of, order_of, seconds_of
from fastmlp.data.texts import Array, numbers_of
from fastmlp.data.written import Reading


class Texts(tuple[str, ...]):
    """The different texts of a column, sorted, each read once, whoever asks what it says.

    Examples
    --------
    >>> texts = Texts(["12:30", "5", "NA"])
    >>> texts.numbers, texts.seconds
    ({'NA': nan, '5': 5.0}, {'12:30': 45000.0, 'NA': nan})
    """

    @cached_property
    def numbers(self) -> dict[str, float]:
        """Those that are numbers as programs write them, or missing."""
        return numbers_of(self)

    @cached_property
    def written(self) -> Reading:
        """Those that are numbers as people write them."""
        return Reading(self)

    @cached_property
    def order(self) -> Order:
        """What is in front in dates with strokes, see `order_of`."""
        return order_of(self)

    @cached_property
    def dates(self) -> dict[str, np.datetime64]:
        """Those that are dates, or missing."""
        return dates_of(self, self.order)

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Those that are times of day or durations, or missing."""
        return seconds_of(self)


def sorted_texts(codes: Array, texts: Sequence[str]) -> tuple[Array, Texts]:
    """Sort the texts that occur and code them anew; blanks are missing, equal ones are one."""
    used = np.zeros(len(texts) + 1, dtype=bool)
    used[codes] = True
    there = {text for text, is_used in zip(texts, used, strict=False) if is_used}
    kept = sorted(text for text in there if text and not text.isspace())
    number = {text: i for i, text in enumerate(kept)}
    return by_code(codes, (number.get(text, -1) for text in texts), -1), Texts(kept)


def by_code(codes: Array, values: Iterable[Any], missing: Any) -> Array:
    """Return what each code stands for: a place among the values, or -1 for `missing`.

    Examples
    --------
    >>> by_code(np.array([1, -1, 0]), [2.5, 7.0], 0.0).tolist()
    [7.0, 0.0, 2.5]
    """
    found: Array = np.array([*values, missing])[codes]
    return found
