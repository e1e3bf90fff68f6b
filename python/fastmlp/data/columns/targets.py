"""Targets: labels and numbers to what a network is trained on, and its outputs back to them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from fastmlp.data.columns.base import shrinking
from fastmlp.data.columns.matching import meanings
from fastmlp.data.columns.read_targets import ReadTargets
from fastmlp.data.columns.sources import text_of
from fastmlp.data.columns.values import Values, read
from fastmlp.data.columns.words import Note, count, examples, quoted
from fastmlp.data.texts import EXACT, Array

Label: TypeAlias = str | int | float | bool
#: Whole numbers as a target are classes if there are at most this many, with this many rows each on
#: average.
MAX_INFERRED_CLASSES = 20
MIN_ROWS_OF_A_CLASS = 5


@dataclass(frozen=True)
class ClassTarget:
    """The labels of the classes, in the order of the network's outputs.

    Attributes
    ----------
    name : str
    labels : tuple of str, int, float or bool
    dtype : str
        NumPy's letters of the type the labels had; texts are as long as they are.

    Examples
    --------
    >>> target = ClassTarget.learn(["no", "yes", "no"])
    >>> target.encode(["yes"]), target.decode(np.array([[0.9, 0.1]]))
    (array([1]), array(['no'], dtype='<U3'))
    """

    name: str
    labels: tuple[Label, ...]
    dtype: str = "|O"

    @classmethod
    def learn(cls, values: Any, name: str = "y") -> ClassTarget:
        """Learn the labels, sorted.

        Raises
        ------
        TypeError
            For labels of different kinds, dates and durations.
        ValueError
            A label is missing, or there is only one.
        """
        column, given = _labels(name, values), np.asarray(values)
        if given.dtype.kind == "O" and {*map(type, given.tolist())} == {int}:
            given = np.array(given.tolist())  # of 64 bits, unless one is wider
        labels: tuple[Label, ...]
        if given.dtype.kind in "iuf":
            labels, kind = tuple(np.unique(given).tolist()), given.dtype.str
        elif column.kind == "text":
            labels = column.texts
            odd = [label for label in given.tolist() if not isinstance(label, str)]
            if odd:
                raise TypeError(
                    f"the target {name!r} must hold labels of one kind, texts, numbers or "
                    f"true/false; got {quoted(odd[0])} ({type(odd[0]).__name__}) among them"
                )
            whole = tuple(np.array(labels).tolist()) == labels  # NumPy drops NUL at their ends
            kind = "<U" if given.dtype.kind == "U" and whole else "|O"
        elif column.kind == "flag":
            labels, kind = tuple(np.unique(column.data).astype(bool).tolist()), "|b1"
        else:
            numbers = np.unique(column.data)  # of objects, such as integers that may be missing
            numbers = numbers if (numbers % 1).any() else numbers.astype(np.int64)
            labels, kind = tuple(numbers.tolist()), numbers.dtype.str
        if len(labels) < 2:
            raise ValueError(f"the target {name!r} is {labels[0]!r} in every row")
        return cls(name, labels, kind)

    @property
    def classes(self) -> Array:
        """The labels as an array of their own type."""
        return np.array(self.labels, dtype=self.dtype)

    def encode(self, values: Any, name: str | None = None) -> Array:
        """Give each label its number, int64; errors call them `name`, or as in training.

        Raises
        ------
        ValueError
            A label is missing, or none of those learned.
        """
        name = name or self.name
        column = _labels(name, values)
        codes, texts = column.coded()
        number = {text_of(label): i for i, label in enumerate(self.classes)}
        found = [number.get(text) for text in texts]
        if column.kind != "text":  # 1 is True, and a float of any width the same number
            found = meanings(column, number)
        wrong = np.array([place is None for place in found], dtype=bool)[codes]
        if wrong.any():
            raise ValueError(
                f"column {name!r} holds {quoted(texts[codes[wrong.argmax()]])} in "
                f"{column.where(wrong)}, which is none of the {len(number)} classes: "
                f"{examples(self.labels)}; leave such rows out, or learn from them"
            )
        result: Array = np.array(found, dtype=np.int64)[codes]
        return result

    def decode(self, y: Array) -> Array:
        """Name the class with the largest output in each row."""
        named: Array = self.classes[y.argmax(axis=1)]
        return named


@dataclass(frozen=True)
class RealTarget:
    """A number, which the network learns as (number - mean) / scale.

    Attributes
    ----------
    name : str
    mean, scale : float
        Mean and standard deviation in training.
    low, high : float or None
        The range in training, which predictions keep to.
    decimal : {".", ","} or None
        The decimal sign of texts in training, if these or the table said it.
    unit : str
        What stood beside numbers in texts, such as €.

    Examples
    --------
    >>> target = RealTarget.learn([1.0, 3.0])
    >>> target.encode([3.0]), target.decode(np.array([0.0, 9.0]))
    (array([1.]), array([2., 3.]))
    """

    name: str
    mean: float
    scale: float
    low: float | None = None
    high: float | None = None
    decimal: str | None = None
    unit: str = ""

    @classmethod
    def learn(cls, values: Any, name: str = "y", note: Note = lambda text: None) -> RealTarget:
        """Learn mean, standard deviation and range.

        Texts may be numbers as people write them, 1.234,50 €, which is noted; where they leave open
        what the decimal sign is, it is that of the table, if the values were read and know it.

        Raises
        ------
        ValueError
            A number is missing, infinite or a text; all are equal.
        """
        column = read(name, values)
        if as_written := column.as_written():
            column, style = as_written
            note(style.told_of(f"the target {name!r}"))
        numbers = _numbers(column)
        low, high = float(numbers.min()), float(numbers.max())
        if low == high:
            if column.integers is not None and len(set(column.integers.tolist())) > 1:
                raise ValueError(
                    f"the target {name!r} holds whole numbers that are all {low:g} in float64: "
                    f"subtract {min(column.integers)} from them"
                )
            raise ValueError(f"the target {name!r} is {low:g} in every row")
        # Divided by a power of two, numbers keep all their digits, and their squares are in range.
        exponent = math.frexp(max(-low, high))[1]
        unit = np.ldexp(numbers, -exponent)
        mean, scale = math.ldexp(unit.mean(), exponent), math.ldexp(unit.std(), exponent)
        scale = max(scale, np.finfo(np.float64).smallest_subnormal)
        return cls(name, mean, scale, low, high, column.decimal, column.unit)

    def encode(self, values: Any, name: str | None = None) -> Array:
        """Standardize, float64 of shape (rows,); errors call them `name`, or as in training.

        Raises
        ------
        ValueError
            A number is missing, infinite, a text, or farther from the mean than float32 can tell.
        """
        name = name or self.name
        column = self._read(values, name)
        numbers = _numbers(column, self.unit)
        shrink = shrinking(self.scale)
        with np.errstate(over="ignore"):
            standard: Array = (numbers * shrink - self.mean * shrink) / (self.scale * shrink)
        beyond = np.abs(standard) > np.finfo(np.float32).max
        if beyond.any():
            raise ValueError(
                f"column {name!r}: {numbers[beyond.argmax()]:g} in {column.where(beyond)} is "
                f"too far from what training saw, {self.mean:g} ± {self.scale:g}"
            )
        return standard

    def numbers(self, values: Any, name: str) -> Array:
        """Return targets as numbers, float64; errors call them `name`.

        Raises
        ------
        ValueError
            A number is missing, infinite or a text.
        """
        return _numbers(self._read(values, name), self.unit)

    def _read(self, values: Any, name: str) -> Values:
        return replace(read(name, values), decimal=self.decimal)

    def decode(self, y: Array) -> Array:
        """Return to the target's own units, float64 of the shape of `y`, within the range."""
        with np.errstate(over="ignore"):
            numbers: Array = y.astype(np.float64) * self.scale + self.mean
        return np.clip(numbers, *self.limits)

    @property
    def limits(self) -> tuple[float, float]:
        """Between which numbers predictions stay, infinite where training told of none."""
        low = -math.inf if self.low is None else self.low
        return low, math.inf if self.high is None else self.high


@dataclass(frozen=True)
class RealTargets:
    """One number or several for each row, each standardized for itself.

    Attributes
    ----------
    targets : tuple of RealTarget
    one : bool
        Whether they came as a vector, and predictions are one.

    Examples
    --------
    >>> target = RealTargets.learn([[1.0, 10.0], [3.0, 30.0]])
    >>> target.encode([[3.0, 10.0]])
    array([[ 1., -1.]])
    >>> target.decode(np.zeros((1, 2)))
    array([[ 2., 20.]])
    """

    targets: tuple[RealTarget, ...]
    one: bool

    @classmethod
    def learn(
        cls,
        values: Any,
        name: str = "y",
        decimal: str | None = None,
        note: Note = lambda text: None,
    ) -> RealTargets:
        """Learn each: of a vector, of the columns of a matrix or of a table.

        Texts are read as of `RealTarget.learn`, by the decimal sign of the table.

        Raises
        ------
        ValueError
            As of `RealTarget.learn`.
        """
        given = ReadTargets.of(values, name)
        learned = (
            RealTarget.learn(replace(column, decimal=decimal), key, note)
            for key, column in given.columns.items()
        )
        return cls(tuple(learned), given.one)

    def encode(self, values: Any, name: str = "y") -> Array:
        """Standardize, float64 of shape (rows, targets); errors call them `name`.

        Raises
        ------
        ValueError
            As of `RealTarget.encode`; there are more or fewer targets than learned.
        """
        pairs = zip(self.targets, self._columns_of(values, name).items(), strict=True)
        return np.column_stack([target.encode(each, key) for target, (key, each) in pairs])

    def numbers(self, values: Any) -> Array:
        """Return targets in the order of training, by name if all are the same: (rows, targets).

        Raises
        ------
        ValueError
            If there are more or fewer targets than learned, or a number is missing or infinite.

        Examples
        --------
        >>> target = RealTargets.learn({"u": [1.0, 2.0], "v": [8.0, 9.0]})
        >>> target.numbers({"v": [3.0], "u": [4.0]})
        array([[4., 3.]])
        """
        pairs = zip(self.targets, self._columns_of(values, "y").items(), strict=True)
        return np.column_stack([target.numbers(each, key) for target, (key, each) in pairs])

    def _columns_of(self, values: Any, name: str) -> dict[str, Any]:
        columns = ReadTargets.of(values, name).columns
        names = [target.name for target in self.targets]
        if len(columns) != len(names):
            raise ValueError(
                f"{name} must have {count(len(names), 'target')}, as in training, got "
                f"{len(columns)}"
            )
        return {key: columns[key] for key in names} if set(names) == set(columns) else columns

    def decode(self, y: Array) -> Array:
        """Return outputs (rows, targets) to the targets' own units; a vector if it was one."""
        pairs = zip(self.targets, y.T, strict=True)
        numbers = np.column_stack([target.decode(each) for target, each in pairs])
        return numbers[:, 0] if self.one else numbers


def _labels(name: str, values: Any) -> Values:
    """Read labels; those of a declared category are what its values are."""
    column = read(name, values)
    if column.declared:
        column = replace(read(name, np.asarray(values)), source=values)
    if column.kind == "date":
        raise TypeError(f"the target {name!r} must hold labels, got dates; make them texts")
    if column.durations:
        raise TypeError(f"the target {name!r} must hold labels, got durations; make them texts")
    if column.kind == "number" and (np.abs(column.data) >= EXACT).any():
        # float64 skips some of such integers
        column = replace(read(name, list(map(text_of, np.asarray(values).tolist()))), source=values)
    _refuse_missing(column, column.missing)
    return column


def _numbers(column: Values, unit: str | None = None) -> Array:
    numbers = column.numbers(unit=unit)
    _refuse_missing(column, np.isnan(numbers))
    return numbers


def _refuse_missing(column: Values, missing: Array) -> None:
    if missing.any():
        raise ValueError(
            f"the target {column.name!r} lacks {count(missing.sum(), 'value')}, the first in "
            f"{column.where(missing)}; leave such rows out"
        )
    if not len(column):
        raise ValueError(f"the target {column.name!r} is empty; give at least one row")


def infer_task(values: Any, name: str = "target") -> Literal["classification", "regression"]:
    """Decide from the target column whether classes or a number are to be predicted.

    Texts and true/false are classes. Whole numbers are classes if there are at most
    ``MAX_INFERRED_CLASSES`` of them with ``MIN_ROWS_OF_A_CLASS`` rows each on average.
    Everything else is a number. Errors call the column by its name.

    Examples
    --------
    >>> infer_task(["yes", "no"]), infer_task([0.5, 0.7]), infer_task([0, 1] * 5)
    ('classification', 'regression', 'classification')
    """
    column = read(name, values)
    if column.kind != "number":
        return "classification"
    numbers = column.numbers()
    distinct = len(np.unique(numbers))
    few = distinct <= MAX_INFERRED_CLASSES and len(numbers) >= MIN_ROWS_OF_A_CLASS * distinct
    return "classification" if few and (numbers % 1 == 0).all() else "regression"
