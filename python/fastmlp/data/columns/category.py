"""Columns of categories, and of true and false."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fastmlp.data.columns.base import Column
from fastmlp.data.columns.codes import by_code
from fastmlp.data.columns.matching import meanings, stripped
from fastmlp.data.columns.values import Values
from fastmlp.data.columns.words import Note, Told, count, quoted
from fastmlp.data.texts import MISSING, Array, numbers_of

#: Up to this many categories are flags, more are codes, which a network embeds.
MAX_ONE_HOT = 9
#: In how many rows a category must occur to be one of its own.
MIN_ROWS_OF_A_CATEGORY = 2
#: Texts that say true or false, in any case.
TRUTH = (("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"), ("0", "1"))


@dataclass(frozen=True)
class CategoryColumn(Column):
    """A flag for each category, or one code if there are more than `MAX_ONE_HOT`.

    What is missing, rare in training or unknown is none of the categories: code 0, or with `others`
    a flag of its own; without it, all flags are 0. Two flags are written as one, -1 or 1.

    Attributes
    ----------
    name : str
    categories : tuple of str
        The texts, sorted; numbers as 3 or 0.5, whether the table held them as 3, 3.0 or "3".
    others : bool
        Whether training saw values that are missing or rare.

    Examples
    --------
    >>> from fastmlp.data.columns.values import read
    >>> CategoryColumn.learn("a", read("a", ["x", "y", "x", "y", "z"]))
    CategoryColumn(name='a', categories=('x', 'y'), others=True)
    """

    kind = "category"

    categories: tuple[str, ...]
    others: bool

    @classmethod
    def learn(cls, name: str, values: Values) -> CategoryColumn:
        """Learn the categories that occur often enough."""
        codes, texts = values.coded()
        counts = np.bincount(codes[codes >= 0], minlength=len(texts))
        kept = [text for text, n in zip(texts, counts, strict=True) if n >= MIN_ROWS_OF_A_CATEGORY]
        return cls(name, tuple(kept), others=bool(len(kept) < len(texts) or (codes < 0).any()))

    @property
    def _slots(self) -> int:
        return len(self.categories) + self.others

    @property
    def holds(self) -> str:
        """How many categories."""
        return f"{len(self.categories)} categories"

    @property
    def flags(self) -> int:
        """The number of flags, 0 if it becomes a code."""
        if self.codes:
            return 0
        return 1 if self._slots == 2 else self._slots

    @property
    def codes(self) -> tuple[int, ...]:
        """The number of categories and 1, if there are so many."""
        many = len(self.categories) > MAX_ONE_HOT
        return (len(self.categories) + 1,) if many else ()

    def fill(self, values: Values, numbers: Array, flags: Array, codes: Array, note: Note) -> None:
        """Write the flags or the code."""
        found = places(values, self.categories)
        unknown = found < 0
        taken = "another category" if self.others else "none of its categories"
        if not self.others:
            self.tell_missing(values.missing, taken, note)
        unknown_texts = unknown & ~values.missing
        advice = self._advice(values, unknown_texts)
        usual = self.others and not advice
        self.tell_unknown(values, unknown_texts, taken, note, usual=usual, advice=advice)
        self._tell_spelling(values, found, note)
        if self.codes:
            codes[:, 0] = found + 1
            return
        if self.others:
            found = np.where(unknown, len(self.categories), found)
        if self._slots == 2:
            flags[:, 0] = np.array([-1, 1, 0])[found]
        else:
            flags[:] = np.eye(self._slots + 1, self._slots)[found]  # -1 is the last row: zeros

    def _tell_spelling(self, values: Values, found: Array, note: Note) -> None:
        """Note texts that are categories as numbers only: 501 for 00501."""
        if values.kind != "text":
            return
        place = np.full(len(values.texts) + 1, -1)  # of each text; the last is that of none
        place[values.data] = found
        known = [_bare(category) for category in self.categories]
        spelt = [
            i >= 0 and _bare(t) != known[i] for t, i in zip(values.texts, place[:-1], strict=True)
        ]
        if any(spelt):
            other = by_code(values.data, spelt, False)
            row = int(other.argmax())
            here, there = values.texts[values.data[row]], self.categories[found[row]]
            seen = f"{quoted(here)} for {quoted(there)}"
            said = f"written with other zeros than in training ({seen}), taken as the same"
            self._tell(note, Told, "spelt", other, lambda n: f"{count(n, 'value')} {said}")

    def _advice(self, values: Values, unknown: Array) -> str:
        """Return what to do where a reader has taken zeros away and it is open which."""
        if not unknown.any():
            return ""
        codes, texts = values.coded()
        alike = {x: text for text, x in numbers_of(self.categories).items()}
        numbers = numbers_of(texts[code] for code in np.unique(codes[unknown])).values()
        code = next((alike[x] for x in numbers if x == x and x in alike), None)
        if code is None:
            return ""
        return (
            f"; training saw {code!r} and maybe others that are the same number: read the column "
            "as text, with dtype=str in pandas.read_csv"
        )


@dataclass(frozen=True)
class FlagColumn(Column):
    """1 for true, -1 for false, 0 where missing.

    Attributes
    ----------
    name : str
    off, on : str
        The texts of false and true. If they are words for these (no and yes, 0 and 1), any such
        words are understood, in any case, and so are numbers and true/false.

    Examples
    --------
    >>> from fastmlp.data.columns.values import read
    >>> FlagColumn.learn("a", read("a", ["yes", "no", "yes", None]))
    FlagColumn(name='a', off='no', on='yes')
    """

    kind = "flag"

    off: str
    on: str

    @classmethod
    def learn(cls, name: str, values: Values) -> FlagColumn:
        """Learn which two values there are.

        Raises
        ------
        ValueError
            If there are not two.
        """
        if pair := truth_pair(values):
            return cls(name, *pair)
        plain = replace(values, own=None)  # True among numbers is 1, as it is to programs
        texts = [text for text in plain.coded()[1] if text not in MISSING]
        if len(texts) != 2:
            raise ValueError(
                f"column {name!r} is to be a flag, but has {len(texts)} different values; a flag "
                'has two: use "category" or "number" in kinds'
            )
        found = numbers_of(texts)
        off, on = sorted(texts, key=lambda text: found.get(text, 0.0))
        return cls(name, off, on)

    @property
    def holds(self) -> str:
        """One of a pair."""
        return "one of two values"

    @property
    def flags(self) -> int:
        """One."""
        return 1

    def fill(self, values: Values, numbers: Array, flags: Array, codes: Array, note: Note) -> None:
        """Write the flag."""
        each, texts = values.coded()
        meaning = self._meaning()
        meaning = {**stripped(meaning), **meaning}

        def sign(text: str, found: int | None) -> int:
            bare = text.strip().lower()
            forms = (bare, bare.removesuffix(".0"))  # 1.0: others are missing
            spelt = (meaning[form] for form in forms if form in meaning)
            return next(spelt, 0) if found is None else found

        signs = [*map(sign, texts, meanings(values, meaning))]
        flags[:, 0] = by_code(each, signs, 0)
        known = {text for found, text in zip(signs, texts, strict=True) if found or text in MISSING}
        values.check(known, f"{quoted(self.off)} or {quoted(self.on)}", note)

    def _meaning(self) -> Mapping[str, int]:
        exact = {self.off: -1, self.on: 1}
        if (self.off.lower(), self.on.lower()) not in TRUTH:
            return exact
        words = {off: -1 for off, _ in TRUTH} | {on: 1 for _, on in TRUTH}
        return words | exact


def truth_pair(values: Values) -> tuple[str, str] | None:
    """Return the texts for false and true if a column holds two such, and nothing else."""
    if values.kind == "flag":
        return "False", "True"
    if values.kind == "text":
        texts = [text for text in values.texts if text.strip() not in MISSING]
        words = {text.strip().lower(): text.strip() for text in texts}
        for off, on in TRUTH[:-1]:  # texts 0 and 1 are numbers
            if set(words) == {off, on}:
                return words[off], words[on]
    return None


def _bare(text: str) -> str:
    return text.strip().removesuffix(".0")


def places(values: Values, categories: tuple[str, ...]) -> Array:
    """Return the place of each value among the categories, -1 if it is none; see `meanings`."""
    found = meanings(values, {text: i for i, text in enumerate(categories)})
    return by_code(values.coded()[0], (-1 if place is None else place for place in found), -1)
