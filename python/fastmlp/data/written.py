"""Numbers as people write them in tables: 1.234,50 €, 12 %, (1,234).

Nothing here knows of files; `fastmlp.data.texts` reads numbers as programs write them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fastmlp.data.texts import LEAST_READ, MISSING

DECIMALS = (".", ",")
#: What may stand in front of or behind all numbers of a column.
_UNIT = r"%|‰|[€$£¥₹₽₩₺]|US\$|EUR|USD|GBP|CHF|JPY|CNY|CAD|AUD|INR|SEK|NOK|DKK|PLN|kr|zł|Fr\."
#: Besides a point or comma, what stands between groups of three digits.
_SPACES = "'’ \u00a0\u202f"
_SIGN = r"[+\-−]"
_VALUE = re.compile(
    rf"(?P<open>\()?(?P<sign>{_SIGN})?(?:(?P<before>{_UNIT})\s*)?(?P<inner>{_SIGN})?"
    rf"(?P<body>[0-9.,{_SPACES}]*[0-9])\s*(?P<after>{_UNIT})?(?P<close>\))?"
)


@dataclass(frozen=True)
class Style:
    """How the numbers of a column are written.

    Attributes
    ----------
    decimal : {".", ","}
    thousands : str
        What stands between groups of three digits, "" for nothing.
    unit : str
        What stands beside each number: %, €, CHF, …; the number is what is written, 5 of 5 %.

    Examples
    --------
    >>> str(Style(",", ".", "€"))
    'decimal commas, points between thousands, €'
    >>> str(Style())
    'a minus as (5) or −5'
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def __str__(self) -> str:
        names = {"": "", ",": "commas", ".": "points", "'": "apostrophes", "’": "apostrophes"}
        between = names.get(self.thousands, "spaces")
        said = ["decimal commas" if self.decimal == "," else ""]
        said += [f"{between} between thousands" if between else "", self.unit]
        return ", ".join(filter(None, said)) or "a minus as (5) or −5"

    def told_of(self, what: str) -> str:
        """Return the note that numbers of a column or target are written so."""
        return f"{what} is read as numbers with {self}"


@dataclass(frozen=True)
class _Written:
    """A text as a number: its sign, digits with what is between them, unit."""

    negative: bool
    body: str
    unit: str


def _parse(text: str) -> _Written | None:
    found = _VALUE.fullmatch(text)
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    signs = [sign for sign in (found["open"], found["sign"], found["inner"]) if sign]
    if len(signs) > 1 or (found["before"] and found["after"]):
        return None
    return _Written(
        signs not in ([], ["+"]), found["body"], found["before"] or found["after"] or ""
    )


def unit_of(text: str) -> str:
    """Return what stands beside the digits of a number, "" for nothing or where there is none.

    Examples
    --------
    >>> unit_of("12 €"), unit_of("7"), unit_of("red")
    ('€', '', '')
    """
    part = _parse(text)
    return part.unit if part else ""


def _cut(body: str, decimal: str) -> tuple[str, list[str], str] | None:
    """Return what is between groups of digits, these groups, and the digits behind the decimal."""
    whole, _, behind = body.partition(decimal)
    between = sorted(set(whole) - set("0123456789"))
    if len(between) > 1 or (behind and not behind.isdecimal()) or body.endswith(decimal):
        return None
    groups = whole.split(between[0]) if between else [whole]
    if between and (not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:])):
        return None
    if groups[0][:1] == "0" and (len(groups[0]) > 1 or between):
        return None  # a code; no thousands begin with 0, as 0,125 does
    return "".join(between), groups, behind


def _styles(texts: Iterable[str]) -> list[Style]:
    """Return the ways in which all of a column's numbers may be written, one for each decimal."""
    found = []
    for text in texts:
        if text in MISSING:
            continue
        part = _parse(text)
        if part is None:
            return []  # as nearly always, at the first text
        found.append(part)
    units = {part.unit for part in found}
    if len(units) != 1:
        return []
    styles = []
    for decimal in DECIMALS:
        cuts = [_cut(part.body, decimal) for part in found]
        between = {cut[0] for cut in cuts if cut is not None and cut[0]}
        if None not in cuts and len(between) <= 1:
            styles.append(Style(decimal, "".join(between), *units))
    return styles


def style_of(texts: Iterable[str], decimal: str | None = None) -> Style | None:
    """Find how all numbers among the texts of a column are written; None if there is no one way.

    Missing values don't count. Where commas or points may be either, as in 1,234, the decimal sign
    is `decimal`, a point if that is not given.

    Examples
    --------
    >>> style_of(["1.234,50 €", "7 €"])
    Style(decimal=',', thousands='.', unit='€')
    >>> style_of(["1,234", "7"]), style_of(["1,234", "7"], decimal=",")
    (Style(decimal='.', thousands=',', unit=''), Style(decimal=',', thousands='', unit=''))
    >>> style_of(["1,5", "1.5"]), style_of(["5 %", "$5"]), style_of(["red"])
    (None, None, None)
    """
    styles = _styles(texts)
    wanted = [style for style in styles if style.decimal == (decimal or ".")]
    return next(iter(wanted or styles), None)


def decimal_of(columns: Iterable[Iterable[str]]) -> str | None:
    """Find the decimal sign of a table: what the columns say that leave no choice.

    None if no column says it, or they say different things. A few texts that are no numbers don't
    count.

    Examples
    --------
    >>> decimal_of([["1,5", "2"], ["1.234"], ["red"]]), decimal_of([["1,234"], ["5"]])
    (',', None)
    >>> decimal_of([["1,234", "0,125"]]), decimal_of([[*(f"{i},5" for i in range(9)), "n.v."]])
    (',', ',')
    """
    said = set()
    for texts in columns:
        styles = _styles(texts) or _styles(_alike(texts))
        if len(styles) == 1:
            said.add(styles[0].decimal)
    return said.pop() if len(said) == 1 else None


def _alike(texts: Iterable[str]) -> list[str]:
    """Return the texts that are numbers, if nearly all are."""
    present = [text for text in texts if text not in MISSING]
    found = [text for text in present if _parse(text)]
    return found if len(found) >= LEAST_READ * len(present) else []


def numbers_in(texts: Iterable[str], style: Style) -> Mapping[str, float]:
    """Read every text that is a number of this style, or stands for a missing one.

    Examples
    --------
    >>> numbers_in(["(1.234,5)", "NA", "−7 ", "red"], Style(",", "."))
    {'(1.234,5)': -1234.5, 'NA': nan, '−7 ': -7.0}
    """
    found = {}
    for text in dict.fromkeys(texts):
        if text in MISSING:
            found[text] = math.nan
            continue
        part = _parse(text)
        if part is None or part.unit not in ("", style.unit):
            continue
        cut = _cut(part.body, style.decimal)
        if cut is not None and cut[0] in ("", style.thousands):
            found[text] = _number(part, cut)
    return found


def _number(part: _Written, cut: tuple[str, list[str], str]) -> float:
    number = float("".join(cut[1]) + "." + (cut[2] or "0"))
    return -number if part.negative else number


def _each(texts: Iterable[str], decimal: str, unit: str) -> Mapping[str, float]:
    """Read every text for itself, by the other decimal sign where it cannot be this one."""
    signs = sorted(DECIMALS, key=lambda sign: sign != decimal)
    found = {}
    for text in texts:
        part = None if text in MISSING else _parse(text)
        if part is not None and part.unit in ("", unit):
            cuts = (_cut(part.body, sign) for sign in signs)
            if cut := next(filter(None, cuts), None):
                found[text] = _number(part, cut)
    return found


def as_programs(
    texts: Sequence[str], decimal: str | None = None, unit: str | None = None
) -> tuple[list[str], Style] | None:
    """Write the numbers among the different texts of a column as programs do.

    The way in which all are written counts, or else that in which most are; texts of another way,
    and such as are no numbers, are left as they are.

    Parameters
    ----------
    texts : sequence of str
        The different texts.
    decimal : {".", ","} or None
        The decimal sign, where that is known.
    unit : str, optional
        Of what is known to be numbers: what stands beside them, "" if that is not known. Then each
        text is read for itself, whatever others there are, and parentheses are always a minus.

    Returns
    -------
    (list of str, Style) or None
        A text for each, and how they were written; None if programs write so.

    Examples
    --------
    >>> as_programs(["1.234,50 €", "n.v.", "2 €", "2 £"])
    (['1234.5', 'n.v.', '2.0', '2 £'], Style(decimal=',', thousands='.', unit='€'))
    >>> as_programs(["12", "(7)"])[0], as_programs(["(1)", "(2)"]), as_programs(["1.5", "2"], ",")
    (['12.0', '-7.0'], None, None)
    >>> as_programs(["(1)", "5", "$7"], unit="$")[0]
    ['-1.0', '5.0', '7.0']
    """
    style = style_of(texts, decimal) or _most_usual(texts, decimal)
    if unit is None:
        numbers = {text: x for text, x in numbers_in(texts, style).items() if x == x}
    else:
        style = replace(style, unit=unit or style.unit)
        numbers = dict(_each(texts, decimal or style.decimal, style.unit))
    if all(_says(text, number) for text, number in numbers.items()):
        return None  # also of codes, such as integers that float64 does not tell apart
    if unit is None and style == Style() and all(text.startswith("(") for text in numbers):
        return None  # parentheses around all are no sign
    return [repr(numbers[text]) if text in numbers else text for text in texts], style


def _says(text: str, number: float) -> bool:
    """Tell whether programs read a text as this number."""
    try:
        return float(text) == number
    except ValueError:
        return False


def _most_usual(texts: Iterable[str], decimal: str | None) -> Style:
    """Return how most of the numbers among texts are written."""
    parts = [part for text in texts if text not in MISSING and (part := _parse(text))]
    units = Counter(part.unit for part in parts).most_common(1)
    best, style = 0, Style()
    if units and 2 * units[0][1] <= len(parts):
        return style  # of no unit are most
    for sign in sorted(DECIMALS, key=lambda sign: sign != decimal):
        cuts = [cut for part in parts if (cut := _cut(part.body, sign))]
        if len(cuts) > best:
            between = Counter(cut[0] for cut in cuts if cut[0]).most_common(1)
            best, style = len(cuts), Style(sign, between[0][0] if between else "", units[0][0])
    return style
