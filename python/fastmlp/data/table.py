"""From the columns of a table to the numbers a network trains on.

What is learned from the training rows (medians, spreads, categories, calendars) is plain JSON, so
that a model file can predict from a new table without a pickle. One function,
`Preprocessing.transform`, applies it in training and in prediction alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastmlp import _checks
from fastmlp.data import frames
from fastmlp.data.columns.base import Column
from fastmlp.data.columns.category import CategoryColumn
from fastmlp.data.columns.learning import KINDS, LeftOut, learn_column, tell_left_out
from fastmlp.data.columns.saved import COLUMNS, describe, rebuild
from fastmlp.data.columns.values import Values, read
from fastmlp.data.columns.words import Note, listed
from fastmlp.data.texts import Array
from fastmlp.data.written import DECIMALS, decimal_of

#: What `kinds` may say of a column.
IGNORE = "ignore"


@dataclass(frozen=True)
class Layout:
    """What the columns of the matrix are: first numbers, then flags, then codes.

    Attributes
    ----------
    numbers : int
        Columns of numbers, most within -3 … 3 and all within -12 … 12, which a network may embed.
    flags : int
        Columns of numbers within -1 … 1, which are used as they are.
    codes : tuple of int
        For each column of codes, how many there are, with 0 for what is missing or unknown.
    """

    numbers: int
    flags: int
    codes: tuple[int, ...]

    @property
    def width(self) -> int:
        """The number of columns."""
        return self.numbers + self.flags + len(self.codes)


@dataclass(frozen=True)
class Preprocessing:
    """What turns a table into the numbers of a network.

    Attributes
    ----------
    columns : tuple of Column
        The columns used: `NumberColumn` or its `TailedColumn`, `CategoryColumn`, `FlagColumn` or
        `DateColumn`.
    seen : tuple of str
        The names of all columns of the table that was learned from, in its order.
    named : bool
        Whether that table named its columns; else they are x0, x1 and so on.
    decimal : {".", ","} or None
        The decimal sign of numbers among its texts: what the table said itself, or its texts where
        these leave no choice.

    Examples
    --------
    >>> table = {"size": [1.0, 2.0, 3.0, 4.0], "kind": ["a", "b", "a", "b"]}
    >>> prepare = Preprocessing.learn(table)
    >>> prepare.transform({"kind": ["a"], "size": [2.5]})
    array([[ 0., -1.]], dtype=float32)
    >>> prepare.layout
    Layout(numbers=1, flags=1, codes=())
    >>> Preprocessing.from_json(prepare.to_json()) == prepare
    True
    """

    columns: tuple[Column, ...]
    seen: tuple[str, ...]
    named: bool = True
    decimal: str | None = None

    @classmethod
    def learn(
        cls,
        table: Any,
        *,
        kinds: Mapping[Any, str] | None = None,
        note: Note = lambda text: None,
    ) -> Preprocessing:
        """Learn medians, spreads, categories and calendars from the training rows.

        Parameters
        ----------
        table : DataFrame, dict of columns, matrix or list of rows
            The features, see `frames.named`.
        kinds : mapping, optional
            The kind of some columns by name: "number", "category", "flag", "date", or "ignore";
            others are found, see `find_kind`.
        note : function of a str, optional
            Is told of every column that is left out, and why: one value in every row, texts that
            hardly ever occur twice, the values of another column.

        Raises
        ------
        TypeError, ValueError
            `kinds` names no column or kind; a column holds infinities or is not of the kind it is
            said to be; no column is left.
        """
        return cls.learn_and_read(table, kinds, note)[0]

    @classmethod
    def learn_and_read(
        cls, table: Any, kinds: Mapping[Any, str] | None, note: Note
    ) -> tuple[Preprocessing, frames.Table]:
        """Do the same, and return also the table, whose texts `transform` need not read again."""
        given = frames.named(table)
        if not given.columns or not given.rows:
            raise ValueError(
                f"X has {len(given.columns)} columns and {given.rows} rows; expected at least one "
                "of each"
            )
        learned, texts, decimal = _learned(given, _check_kinds(kinds, given))
        columns: list[Column] = []
        left: list[LeftOut] = []
        found: dict[Any, str] = {}
        for name, (column, identity, notes) in learned.items():
            for text in notes:
                note(text)
            twin = name if isinstance(column, LeftOut) else found.setdefault(identity, name)
            if twin != name:
                column = LeftOut(name, f"it holds the values of column {twin!r}", "like another")
            if isinstance(column, LeftOut):
                left.append(column)
            else:
                columns.append(column)
        tell_left_out(left, note)
        if not columns:
            reasons = [f"; {column.name!r}: {column.words}" for column in left[:3]]
            raise ValueError(
                f"no column is left to learn from, of the {len(given.columns)} there are"
                f"{''.join(reasons)}{'; …' * (len(left) > 3)}; say with kinds what columns are"
            )
        prepare = cls(tuple(columns), tuple(given.columns), given.named, decimal)
        return prepare, replace(given, columns={**given.columns, **texts})

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns used."""
        return tuple(column.name for column in self.columns)

    @property
    def layout(self) -> Layout:
        """What the columns of the matrix are."""
        return Layout(
            numbers=sum(column.numbers for column in self.columns),
            flags=sum(column.flags for column in self.columns),
            codes=tuple(codes for column in self.columns for codes in column.codes),
        )

    @property
    def places(self) -> dict[str, tuple[int, ...]]:
        """The columns of the matrix that each column of the table became, by name."""
        layout = self.layout
        ends = [0, layout.numbers, layout.numbers + layout.flags]
        places = {}
        for column in self.columns:
            found: list[int] = []
            for i, width in enumerate((column.numbers, column.flags, len(column.codes))):
                found += range(ends[i], ends[i] + width)
                ends[i] += width
            places[column.name] = tuple(found)
        return places

    def transform(self, table: Any, note: Note = lambda text: None) -> Array:
        """Turn rows of a table into numbers, float32 of shape (rows, layout.width).

        Columns are found by name, in any order; others are not looked at. Blanks around a name do
        not count where there is none of exactly that name. A matrix without names
        must have the columns of training in their order. The decimal sign of numbers among texts is
        that of the table, if it says one, or of training; what a column's texts leave open, or a
        point, where neither is known.

        Raises
        ------
        TypeError, ValueError
            A column is missing, or holds what cannot be read as learned: infinities, dates for
            numbers, mostly texts among numbers; a few are missing values, and noted.
        """
        given = self.matched(frames.named(table))
        layout = self.layout
        X = np.zeros((given.rows, layout.width), dtype=np.float32)
        parts = np.split(X, [layout.numbers, layout.numbers + layout.flags], axis=1)
        at = [0, 0, 0]
        for column in self.columns:
            widths = (column.numbers, column.flags, len(column.codes))
            ends = [begin + width for begin, width in zip(at, widths, strict=True)]
            numbers, flags, codes = (
                part[:, a:b] for part, a, b in zip(parts, at, ends, strict=True)
            )
            values = self.values_of(column.name, given)
            column.fill(values, numbers, flags, codes, note)
            at = ends
        return X

    def values_of(self, name: str, table: frames.Table) -> Values:
        """Return the values of a column of a table with the names of training."""
        return replace(read(name, table.columns[name]), decimal=table.decimal or self.decimal)

    def matched(self, table: frames.Table) -> frames.Table:
        """Return a table with the names of training."""
        if not (table.named and self.named):
            if len(table.columns) == len(self.seen):
                columns = dict(zip(self.seen, table.columns.values(), strict=True))
                return replace(table, columns=columns, named=self.named)
            if not table.named:
                raise ValueError(
                    f"X must have the {len(self.seen)} columns of training, in their order, or "
                    f"name its columns; got {len(table.columns)} columns without names"
                )
        absent = [name for name in self.names if name not in table.columns]
        if absent:
            table = _without_blanks(table, absent)
            absent = [name for name in absent if name not in table.columns]
        if absent:
            raise ValueError(
                f"the table lacks {len(absent)} of the {len(self.columns)} columns the model "
                f"was trained on: {listed(absent)}{_checks.hint(absent[0], list(table.columns))}"
            )
        return table

    def to_json(self) -> dict[str, Any]:
        """Describe everything in dictionaries, lists, texts and numbers."""
        return {
            "columns": [describe(column) for column in self.columns],
            "seen": list(self.seen),
            "named": self.named,
            **({"decimal": self.decimal} if self.decimal else {}),
        }

    @classmethod
    def from_json(cls, data: Any) -> Preprocessing:
        """Rebuild from `to_json`; anything that could not come from there is a ValueError.

        Older files of the command line, which know only the columns used, are read too.
        """
        try:
            columns = tuple(rebuild(part, COLUMNS) for part in data["columns"])
            names = [column.name for column in columns]
            seen, named = data.get("seen", names), data.get("named", True)
            decimal = data.get("decimal")
            if decimal not in (*DECIMALS, None):
                raise ValueError(f"decimal is {decimal!r}")
            if not (isinstance(seen, list) and all(isinstance(name, str) for name in seen)):
                raise ValueError(f"seen is {seen!r}")
            if not isinstance(named, bool):
                raise ValueError(f"named is {named!r}")
            if not columns or not set(names) <= set(seen) or len(set(names)) < len(names):
                raise ValueError("it has no columns, or two of one name, or some it has not seen")
        except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as error:
            raise ValueError(f"not a description of preprocessing: {error}") from None
        return cls(columns, tuple(seen), named, decimal)


def _learned(
    table: frames.Table, kinds: Mapping[str, str]
) -> tuple[dict[str, tuple[Column | LeftOut, Any, list[str]]], dict[str, Values], str | None]:
    """Learn each column, with what only equal ones share and what is noted.

    Also return the columns of texts as they were read, and the decimal sign. They come last, since
    those whose numbers leave no choice tell the sign of all. Others are read and learned one after
    the other: they are too many to be kept all at once.
    """
    learned: dict[str, Any] = dict.fromkeys(
        name for name in table.columns if kinds.get(name) != IGNORE
    )
    texts: dict[str, Values] = {}

    def learn(name: str, values: Values) -> None:
        notes: list[str] = []
        column = learn_column(values, kinds.get(name), notes.append)
        identity = None if isinstance(column, LeftOut) else _identity(column, values)
        learned[name] = column, identity, notes

    for name in learned:
        try:
            values = read(name, table.columns[name])
        except TypeError as error:
            raise TypeError(
                f"{error}; leave it out, or say so with kinds={{{name!r}: {IGNORE!r}}}"
            ) from None
        if values.kind == "text":
            texts[name] = values
        else:
            learn(name, values)
    open_ = (values.texts.written for values in texts.values() if not values.declared)
    decimal = table.decimal or decimal_of(open_)
    for name, values in texts.items():
        learn(name, replace(values, decimal=decimal))
    return learned, texts, decimal


def _without_blanks(table: frames.Table, absent: list[str]) -> frames.Table:
    """Find columns whose names differ by blanks around them, which some readers of files keep."""
    found: dict[str, list[str]] = {}
    for name in table.columns:
        found.setdefault(name.strip(), []).append(name)
    same = {name: found.get(name.strip(), []) for name in absent}
    columns = {name: table.columns[twins[0]] for name, twins in same.items() if len(twins) == 1}
    return replace(table, columns={**table.columns, **columns})


def _check_kinds(kinds: Mapping[Any, str] | None, table: frames.Table) -> dict[str, str]:
    if kinds is None:
        return {}
    if not isinstance(kinds, Mapping):
        raise TypeError(f"kinds must be a dict of kinds by column, got {type(kinds).__name__}")
    found = {str(name): kind for name, kind in kinds.items()}
    for name, kind in found.items():
        if name not in table.columns:
            hint = _checks.hint(name, list(table.columns))
            hint = hint if table.named else "; without names, columns are x0, x1 and so on"
            raise ValueError(f"kinds names {name!r}, but X has no such column{hint}")
        if kind not in (*KINDS, IGNORE):
            raise ValueError(
                f"kinds[{name!r}] must be one of {', '.join(map(repr, (*KINDS, IGNORE)))}, got "
                f"{kind!r}"
            )
    return found


def _identity(column: Column, values: Values) -> Any:
    """Return what only columns of equal values share."""
    is_category = isinstance(column, CategoryColumn)
    data, texts = values.coded() if is_category else (values.data, values.texts)
    return type(column), values.kind, texts, hashlib.blake2b(data.tobytes()).digest()
