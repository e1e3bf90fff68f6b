"""Numbers as people write them in tables: 1.234,50 €, 12 %, (1,234).

Nothing here knows of files; `fastmlp.data.texts` reads numbers as programs write them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fastmlp.data.texts import LEAST_READ, MISSING, Array

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
#: Forms of texts that are no numbers, and of those that stand for a missing value.
_NONE, _MISSING = -1, -2
#: So many texts are looked at together, each with four bytes for a character.
_BLOCK = 1 << 14


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
class _Cut:
    """Where the digits of a number are in its text, with one of the decimal signs.

    Attributes
    ----------
    between : str
        What is between groups of three digits, "" for nothing.
    whole, behind : list of int
        Places in the text of the digits in front of the decimal sign, and of those behind it.
    """

    between: str
    whole: list[int]
    behind: list[int]


@dataclass(frozen=True)
class _Form:
    """What numbers have in common whose texts differ in their digits alone, but for a first 0.

    Attributes
    ----------
    text : str
        One of the texts.
    negative : bool
    unit : str
    cuts : dict of str to _Cut
        By decimal sign, of those that it may have.
    """

    text: str
    negative: bool
    unit: str
    cuts: dict[str, _Cut]

    def is_said(self, cut: _Cut) -> bool:
        """Tell whether programs read such a text as the same number."""
        try:
            return bool(float(self.text) == _numbers([self.text], self, cut)[0])
        except ValueError:
            return False


def _form(text: str) -> _Form | None:
    """Return the form of a text, None if it is no number."""
    found = _VALUE.fullmatch(text)
    if found is None or bool(found["open"]) != bool(found["close"]):
        return None
    signs = [sign for sign in (found["open"], found["sign"], found["inner"]) if sign]
    if len(signs) > 1 or (found["before"] and found["after"]):
        return None
    cuts = {sign: _cut(found["body"], found.start("body"), sign) for sign in DECIMALS}
    return _Form(
        text,
        signs not in ([], ["+"]),
        found["before"] or found["after"] or "",
        {sign: cut for sign, cut in cuts.items() if cut is not None},
    )


def _cut(body: str, begin: int, decimal: str) -> _Cut | None:
    """Find the digits of a number, which begins at a place of its text."""
    whole, _, behind = body.partition(decimal)
    between = sorted(set(whole) - set("0123456789"))
    if len(between) > 1 or (behind and not behind.isdecimal()) or body.endswith(decimal):
        return None
    groups = whole.split(between[0]) if between else [whole]
    if between and (not 1 <= len(groups[0]) <= 3 or any(len(group) != 3 for group in groups[1:])):
        return None
    if groups[0][:1] == "0" and (len(groups[0]) > 1 or between):
        return None  # a code; no thousands begin with 0, as 0,125 does
    end = begin + len(body)
    places = [begin + i for i, sign in enumerate(whole) if sign.isdecimal()]
    return _Cut("".join(between), places, [*range(end - len(behind), end)])


def _numbers(texts: Sequence[str], form: _Form, cut: _Cut) -> Array:
    """Return the numbers that texts of a form are, float64."""
    signs = np.frombuffer("".join(texts).encode("utf-32-le"), "<u4").reshape(len(texts), -1)
    point = len(cut.whole)
    written = np.full((len(texts), point + 1 + len(cut.behind)), ord("."), np.uint8)
    written[:, :point] = signs[:, cut.whole]
    written[:, point + 1 :] = signs[:, cut.behind]
    numbers: Array = written.view(f"S{written.shape[1]}")[:, 0].astype(np.float64)
    return -numbers if form.negative else numbers


def unit_of(text: str) -> str:
    """Return what stands beside the digits of a number, "" for nothing or where there is none.

    Examples
    --------
    >>> unit_of("12 €"), unit_of("7"), unit_of("red")
    ('€', '', '')
    """
    form = _form(text)
    return form.unit if form else ""


class Reading:
    """Which of a column's texts may be numbers as people write them, each looked at once.

    How a number is written does not depend on its digits, but for a 0 in front: texts that differ
    in nothing else have one form, and there are few of these.

    Parameters
    ----------
    texts : sequence of str
        The different texts.

    Examples
    --------
    >>> Reading(["1.234,50 €", "7 €", "8 €"]).style()
    Style(decimal=',', thousands='.', unit='€')
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = texts
        self._forms: list[_Form] = []
        self._form_of = np.array([_MISSING if text in MISSING else _NONE for text in texts], int)
        known: dict[str, int] = {}
        for begin in range(0, len(texts), _BLOCK):
            outlines = _outlines(texts[begin : begin + _BLOCK])
            for outline in dict.fromkeys(outlines):
                if outline not in known and (form := _form(outline)):
                    known[outline] = len(self._forms)
                    self._forms.append(form)
            found = np.array([known.get(outline, _NONE) for outline in outlines])
            part = self._form_of[begin : begin + _BLOCK]
            part[part == _NONE] = found[part == _NONE]

    def without(self, words: Collection[str]) -> Reading:
        """Return the same of a column in which these texts say nothing, as what is missing."""
        if not words:
            return self
        other = copy(self)
        said = np.array([text in words for text in self.texts], bool)
        other._form_of = np.where(said, _MISSING, self._form_of)
        return other

    def _present(self) -> dict[int, int]:
        """Return how many texts each form has, in the order of the first."""
        found = self._form_of[self._form_of >= 0]
        _, first = np.unique(found, return_index=True)
        counts = np.bincount(found)
        return {int(i): int(counts[i]) for i in found[np.sort(first)]}

    def _styles(self, least: float = 1.0) -> list[Style]:
        """Return the ways in which all numbers may be written, one for each decimal.

        There are none if fewer of the texts are numbers than this share.
        """
        present = self._present()
        if sum(present.values()) < least * int((self._form_of != _MISSING).sum()):
            return []
        forms = [self._forms[i] for i in present]
        units = {form.unit for form in forms}
        if len(units) != 1:
            return []
        styles = []
        for decimal in DECIMALS:
            cuts = [form.cuts.get(decimal) for form in forms]
            between = {cut.between for cut in cuts if cut is not None and cut.between}
            if None not in cuts and len(between) <= 1:
                styles.append(Style(decimal, "".join(between), *units))
        return styles

    def style(self, decimal: str | None = None) -> Style | None:
        """Find how all numbers of the column are written; None if there is no one way.

        Missing values don't count. Where commas or points may be either, as in 1,234, the decimal
        sign is `decimal`, a point if that is not given.

        Examples
        --------
        >>> Reading(["1,234", "7"]).style(), Reading(["1,234", "7"]).style(decimal=",")
        (Style(decimal='.', thousands=',', unit=''), Style(decimal=',', thousands='', unit=''))
        >>> [Reading(texts).style() for texts in (["1,5", "1.5"], ["5 %", "$5"], ["red"])]
        [None, None, None]
        """
        styles = self._styles()
        wanted = [style for style in styles if style.decimal == (decimal or ".")]
        return next(iter(wanted or styles), None)

    def numbers(
        self, decimal: str | None = None, unit: str | None = None
    ) -> tuple[dict[str, float], Style] | None:
        """Return those of the texts that are numbers as people write them.

        The way in which all are written counts, or else that in which most are; texts of another
        way, and such as are no numbers, are left out.

        Parameters
        ----------
        decimal : {".", ","} or None
            The decimal sign, where that is known.
        unit : str, optional
            Of what is known to be numbers: what stands beside them, "" if that is not known and
            may be anything. Then each text is read for itself, whatever others there are, and
            parentheses are always a minus.

        Returns
        -------
        (dict of str to float, Style) or None
            The numbers, and how they were written; None if programs write so.

        Examples
        --------
        >>> Reading(["1.234,50 €", "n.v.", "2 €", "2 £"]).numbers()
        ({'1.234,50 €': 1234.5, '2 €': 2.0}, Style(decimal=',', thousands='.', unit='€'))
        >>> Reading(["12", "(7)"]).numbers()[0], Reading(["(1)", "(2)"]).numbers()
        ({'12': 12.0, '(7)': -7.0}, None)
        >>> Reading(["(1)", "5", "$7"]).numbers(unit="$")[0], Reading(["1.5", "2"]).numbers(",")
        ({'(1)': -1.0, '5': 5.0, '$7': 7.0}, None)
        """
        style = self.style(decimal) or self._most_usual(decimal)
        if unit is None:
            signs = [style.decimal]
        else:
            style = replace(style, unit=unit or style.unit)
            first = decimal or style.decimal
            signs = sorted(DECIMALS, key=lambda sign: sign != first)
        cuts: dict[int, _Cut] = {}
        for i in self._present():
            form = self._forms[i]
            found = [form.cuts[sign] for sign in signs if sign in form.cuts]
            if not found or (unit != "" and form.unit not in ("", style.unit)):
                continue
            if unit is not None or found[0].between in ("", style.thousands):
                cuts[i] = found[0]
        if all(self._forms[i].is_said(cut) for i, cut in cuts.items()):
            return None  # also of codes, such as integers that float64 does not tell apart
        if unit is None and style == Style() and all(self._forms[i].text[0] == "(" for i in cuts):
            return None  # parentheses around all are no sign
        beside = (self._forms[i].unit for i in cuts)
        return self._read(cuts), replace(style, unit=style.unit or next(filter(None, beside), ""))

    def _read(self, cuts: Mapping[int, _Cut]) -> dict[str, float]:
        """Return the numbers of the forms that are cut."""
        order = np.argsort(self._form_of, kind="stable")
        numbers = np.empty(len(self.texts))
        for i, cut in cuts.items():
            begin, end = np.searchsorted(self._form_of, [i, i + 1], sorter=order)
            own = order[begin:end]
            numbers[own] = _numbers([self.texts[at] for at in own], self._forms[i], cut)
        found = np.isin(self._form_of, [*cuts])
        pairs = zip(self.texts, found.tolist(), numbers.tolist(), strict=True)
        return {text: number for text, is_number, number in pairs if is_number}

    def _most_usual(self, decimal: str | None) -> Style:
        """Return how most of the numbers among the texts are written."""
        present = [(self._forms[i], n) for i, n in self._present().items()]
        units: Counter[str] = Counter()
        for form, n in present:
            units[form.unit] += n
        best, style = 0, Style()
        if units and 2 * max(units.values()) <= units.total():
            return style  # of no unit are most
        for sign in sorted(DECIMALS, key=lambda sign: sign != decimal):
            between: Counter[str] = Counter()
            for form, n in present:
                if cut := form.cuts.get(sign):
                    between[cut.between] += n
            if between.total() > best:
                best = between.total()
                usual = [*filter(None, (each for each, _ in between.most_common()))]
                style = Style(sign, "".join(usual[:1]), units.most_common(1)[0][0])
        return style


def _outlines(texts: Sequence[str]) -> list[str]:
    """Write 1 for each digit of texts, but for a 0 that is the first."""
    signs = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), "<u4").copy()
    ends = np.cumsum([*map(len, texts)])
    digits = np.flatnonzero((signs >= ord("0")) & (signs <= ord("9")))
    first = np.searchsorted(digits, np.concatenate([[0], ends[:-1]]))
    leading = digits[np.unique(first[first < len(digits)])]
    zeros = leading[signs[leading] == ord("0")]
    signs[digits] = ord("1")
    signs[zeros] = ord("0")
    whole = signs.tobytes().decode("utf-32-le", "surrogatepass")
    return [whole[begin:end] for begin, end in pairwise([0, *ends.tolist()])]


def decimal_of(columns: Iterable[Reading]) -> str | None:
    """Find the decimal sign of a table: what the columns say that leave no choice.

    None if no column says it, or they say different things. A few texts that are no numbers don't
    count.

    Examples
    --------
    >>> def found(*columns):
    ...     return decimal_of(map(Reading, columns))
    >>> found(["1,5", "2"], ["1.234"], ["red"]), found(["1,234"], ["5"])
    (',', None)
    >>> found(["1,234", "0,125"]), found([*(f"{i},5" for i in range(9)), "n.v."])
    (',', ',')
    """
    said = set()
    for column in columns:
        styles = column._styles(LEAST_READ)
        if len(styles) == 1:
            said.add(styles[0].decimal)
    return said.pop() if len(said) == 1 else None
