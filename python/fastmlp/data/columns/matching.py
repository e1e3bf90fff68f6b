"""Which of the texts that were learned the values of a column are, however a table holds them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

import numpy as np

from fastmlp.data.columns.sources import text_of
from fastmlp.data.columns.values import Values
from fastmlp.data.texts import EXACT, FALSE, MISSING, TRUE, numbers_of

Key = TypeVar("Key")
#: Says what a text means, None if it is not known.
Find: TypeAlias = "Callable[[str], int | None]"
_BEGINS = frozenset("+-.0123456789")
#: Python reads no longer whole numbers.
_LONGEST = 4000


def meanings(values: Values, known: Mapping[str, int]) -> list[int | None]:
    """Return what each of a column's different texts means, None where it is not known.

    Texts must be equal, but for blanks around them, which some readers of files keep and others do
    not; 3.0 is also looked for as 3, for so integers are written once some are missing. Numbers
    need only be equal as numbers, also to codes such as 007, which readers of files may take for
    numbers; those with fractions also as float32, if either are of that type.

    Texts of digits are looked for by their number where it is certain which is meant: if no known
    number has digits to spare, such as the zeros of 007 and 1.50, or if zeros in front of a whole
    number, which some reader has lost, bring it to the length of all whole numbers known.

    Examples
    --------
    >>> from fastmlp.data.columns.values import read
    >>> codes = {"00501": 0, "10001": 1}
    >>> meanings(read("zip", ["10001", "501", "0501"]), codes)
    [None, 1, 0]
    >>> meanings(read("zip", [501, 10001]), codes), meanings(read("a", ["07"]), {"7": 0})
    ([1, 0], [0])
    """
    _, texts = values.coded()
    ways: list[Callable[[], Find]] = [lambda: known.get, lambda: _without_point(known)]
    if values.kind == "text":
        ways += [lambda: _without_blanks(known), lambda: _of_digits(values, known)]
    elif values.kind in ("number", "flag"):
        ways += [lambda: _of_numbers(values, known)]
    found: list[int | None] = [None] * len(texts)
    for way in ways:
        left = [i for i, meaning in enumerate(found) if meaning is None]
        if not left:
            break
        find = way()
        for i in left:
            found[i] = find(texts[i])
    return found


def stripped(meaning: Mapping[str, int]) -> dict[str, int]:
    """Return what texts without blanks around them mean, where that is one thing."""
    return _once((text.strip(), value) for text, value in meaning.items() if text.strip())


def _without_point(known: Mapping[str, int]) -> Find:
    return lambda text: known.get(text.removesuffix(".0"))


def _without_blanks(known: Mapping[str, int]) -> Find:
    bare = stripped(known)
    return lambda text: bare.get(text.strip())


def _of_numbers(values: Values, known: Mapping[str, int]) -> Find:
    """Find numbers by their value."""
    by_value = _by_value(known, numbers_of(known), values.precision)

    def find(text: str) -> int | None:
        is_flag = text in ("True", "False")
        return by_value(int(text == "True") if is_flag else _value(text, float(text)))

    return find


def _of_digits(values: Values, known: Mapping[str, int]) -> Find:
    """Find texts of digits by their number, where there is no doubt."""
    numbers = {t: x for t, x in numbers_of(known).items() if t not in TRUE | FALSE | MISSING}
    if not numbers:
        return lambda text: None
    if all(text_of(x) == text.removesuffix(".0") for text, x in numbers.items()):
        by_value = _by_value(known, numbers, values.precision)

        def find(text: str) -> int | None:
            text = text.strip()
            read = numbers_of([text]) if text[:1] in _BEGINS else {}
            return by_value(_value(text, read[text])) if text in read else None

        return find
    widths = {len(text) for text in numbers if _is_whole(text)}
    if len(widths) != 1:
        return lambda text: None
    (width,) = widths

    def padded(text: str) -> int | None:
        text = text.strip().removesuffix(".0")
        is_bare = _is_whole(text) and (text[0] != "0" or text == "0")
        return known.get(text.zfill(width)) if is_bare else None

    return padded


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _value(text: str, number: float) -> int | float:
    """Return the number that a text is, with all digits of a whole one."""
    whole = abs(number) >= EXACT and _is_whole(text.removeprefix("-")) and len(text) < _LONGEST
    return int(text) if whole else number


def _by_value(
    known: Mapping[str, int], numbers: Mapping[str, float], precision: str
) -> Callable[[float], int | None]:
    """Return what finds the known texts that are numbers by their values, where these differ."""
    exact = _once((_value(text, number), known[text]) for text, number in numbers.items())
    broken = [(text, x) for text, x in numbers.items() if x % 1 > 0]
    narrow = np.dtype("f4" if precision == "f8" else precision).type
    rounded = _once((float(narrow(number)), known[text]) for text, number in broken)
    are_single = precision != "f8" or all(_is_single(text, number) for text, number in broken)

    def find(number: float) -> int | None:
        found = exact.get(number)
        if found is not None or not rounded or not number % 1 > 0:
            return found
        rounds = are_single or _is_single(text_of(number), number)
        return rounded.get(float(narrow(number))) if rounds else None

    return find


def _is_single(text: str, number: float) -> bool:
    """Tell numbers that may have been float32."""
    single = np.float32(number)
    return float(single) == number or text_of(single) == text


def _once(pairs: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    """Return the values of keys that come once."""
    each = list(pairs)
    count = Counter(key for key, _ in each)
    return {key: value for key, value in each if count[key] == 1}
