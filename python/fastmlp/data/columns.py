"""The columns and targets of a table, what was learned of each, and how values are read.

Frozen dataclasses of texts and numbers, so that they can be kept as JSON in a model file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np

from fastmlp.data.texts import MISSING, Array, numbers_of

Label: TypeAlias = str | int | float | bool
Note: TypeAlias = Callable[[str], None]


@dataclass(frozen=True)
class NumberColumn:
    """(value - mean) / scale, the median where the value is missing.

    With `indicator`, a second feature is 1 where the value was missing and 0 elsewhere.
    """

    name: str
    median: float
    mean: float
    scale: float
    indicator: bool

    @property
    def width(self) -> int:
        """The number of features this column becomes."""
        return 2 if self.indicator else 1

    def fill(self, values: Any, out: Array, note: Note) -> None:
        """Write the features of `values` into the columns of `out`."""
        numbers = as_numbers(self.name, values)
        missing = np.isnan(numbers)
        if missing.any() and not self.indicator:
            note(
                f"column {self.name!r}: {count(missing.sum(), 'value')} missing, which training "
                f"never saw; taken as its median, {self.median:g}"
            )
        filled = np.where(missing, self.median, numbers)
        out[:, 0] = _standardize(self.name, values, filled, self.mean, self.scale)
        if self.indicator:
            out[:, 1] = missing


@dataclass(frozen=True)
class TextColumn:
    """One feature for each category: 1 where the value is that category, else 0.

    A missing value is the category ``""``, and so is a text such as NA if it is no category. With
    `others`, a last feature is 1 for every value that is in no category; without it such a value
    is 0 everywhere.
    """

    name: str
    categories: tuple[str, ...]
    others: bool

    @property
    def width(self) -> int:
        """The number of features this column becomes."""
        return len(self.categories) + self.others

    def fill(self, values: Any, out: Array, note: Note) -> None:
        """Write the features of `values` into the columns of `out`."""
        texts = as_texts(values)
        if "" in self.categories:
            for word in MISSING - set(self.categories):
                texts[texts == word] = ""
        out[:] = texts[:, None] == np.array([*self.categories, *[None] * self.others], dtype=object)
        unknown = ~out.any(axis=1)
        if self.others:
            out[unknown, -1] = 1
        elif unknown.any():
            note(
                f"column {self.name!r}: {count(unknown.sum(), 'value')} not seen in training "
                f"({examples(texts[unknown])}), taken as none of its categories"
            )


@dataclass(frozen=True)
class ClassTarget:
    """The labels of the classes, in the order of the network's outputs."""

    name: str
    labels: tuple[Label, ...]

    def encode(self, values: Any) -> Array:
        """Give each label its number, int64."""
        number = {label: index for index, label in enumerate(self.labels)}
        found = as_labels(values)
        for row, label in enumerate(found):
            if label not in number:
                raise ValueError(
                    f"column {self.name!r} holds {label!r} in {place(values, row)}, which is none "
                    f"of the {len(number)} classes: {examples(self.labels)}"
                )
        return np.array([number[label] for label in found], dtype=np.int64)

    def decode(self, y: Array) -> list[Label]:
        """Name the class with the largest output in each row."""
        return [self.labels[i] for i in y.argmax(axis=1)]


@dataclass(frozen=True)
class RealTarget:
    """A number, which the network learns as (number - mean) / scale."""

    name: str
    mean: float
    scale: float

    def encode(self, values: Any) -> Array:
        """Standardize, float32 of shape (rows, 1)."""
        numbers = as_numbers(self.name, values)
        standard = _standardize(self.name, values, numbers, self.mean, self.scale)
        return standard.astype(np.float32)[:, None]

    def decode(self, y: Array) -> list[float]:
        """Return to the target's own units."""
        return [float(number) for number in y[:, 0].astype(np.float64) * self.scale + self.mean]


Column: TypeAlias = NumberColumn | TextColumn
Target: TypeAlias = ClassTarget | RealTarget


def _standardize(name: str, values: Any, numbers: Array, mean: float, scale: float) -> Array:
    """Return (numbers - mean) / scale; more than float32 can hold is an error."""
    with np.errstate(over="ignore"):
        standard: Array = (numbers - mean) / scale
    beyond = np.abs(standard) > np.finfo(np.float32).max
    if beyond.any():
        first = int(beyond.argmax())
        raise ValueError(
            f"column {name!r}: {numbers[first]:g} in {place(values, first)} is too far from what "
            f"training saw, {mean:g} ± {scale:g}"
        )
    return standard


def is_missing(value: Any) -> bool:
    """Tell None, NaN, NaT and pandas' NA from values."""
    if value is None:
        return True
    same = value == value
    return not (isinstance(same, (bool, np.bool_)) and same)


def holds_numbers(values: Any) -> bool:
    """Tell numbers and true/false (missing values among them or not) from texts."""
    values = np.asarray(values)
    if values.dtype.kind != "O":
        return values.dtype.kind in "iufb"
    return all(
        isinstance(value, (bool, int, float, np.number, np.bool_))
        for value in values
        if not is_missing(value)
    )


def as_numbers(name: str, values: Any) -> Array:
    """Read a column as float64, NaN where missing; texts and infinities are errors."""
    array = np.asarray(values)
    if array.dtype.kind in "iufb":
        numbers = array.astype(np.float64)
    elif holds_numbers(array):
        numbers = np.array([np.nan if is_missing(value) else float(value) for value in array])
    else:
        numbers = _parse(name, values)
    infinite = np.isinf(numbers)
    if infinite.any():
        raise ValueError(
            f"column {name!r} holds {count(infinite.sum(), 'infinite value')}, the first in "
            f"{place(values, int(infinite.argmax()))}"
        )
    return numbers


def _parse(name: str, values: Any) -> Array:
    """Read numbers from texts, or from other objects that print as one."""
    texts = as_texts(values)
    found = numbers_of(texts)
    wrong = [row for row, text in enumerate(texts) if text not in found]
    if wrong:
        culprits = texts[wrong]
        raise ValueError(
            f"column {name!r} must hold numbers, but {len(wrong)} of its {len(texts)} values "
            f"do not: {examples(culprits)}, the first in {place(values, wrong[0])}"
            f"{comma_hint(culprits)}"
        )
    return np.array([found[text] for text in texts], dtype=np.float64)


def comma_hint(texts: Iterable[str]) -> str:
    """Say how to write numbers if texts look like numbers with commas, 1,5 or 1,234.5."""
    for text in texts:
        if "," in text and text.lstrip("+-").replace(",", "").replace(".", "").isdecimal():
            return "; write numbers such as 1.234,5 or 1,234.5 as 1234.5"
    return ""


def place(values: Any, row: int) -> str:
    """Name a row: that of the table and its line in the file, where the values' index has them."""
    index = getattr(values, "index", None)
    if list(getattr(index, "names", ())) == ["row", "line"]:
        number, line = index[row]  # type: ignore[index]
        return f"row {number:,} (line {line:,})"
    return f"row {row + 1}"


def as_texts(values: Any) -> Array:
    """Read a column as an object array of str, ``""`` where missing."""
    texts = ["" if is_missing(value) else str(value) for value in values]
    array = np.empty(len(texts), dtype=object)
    array[:] = texts
    return array


def as_labels(values: Any) -> list[Label]:
    """Read a target column as labels that JSON can keep; 3.0 becomes 3."""
    array = np.asarray(values)
    if not holds_numbers(array) or array.dtype.kind == "O":
        return list(as_texts(values))
    labels: list[Label] = array.tolist()
    return [
        int(label) if isinstance(label, float) and label % 1 == 0 else label for label in labels
    ]


def count(number: int, thing: str) -> str:
    """Say how many: "1 value", "1,200 values"."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def examples(texts: Any) -> str:
    """Quote the first three different texts."""
    distinct = list(dict.fromkeys(texts))
    return ", ".join(map(repr, distinct[:3])) + (", …" if len(distinct) > 3 else "")


# --- JSON ------------------------------------------------------------------------------------

_KINDS: dict[str, type] = {
    "number": NumberColumn,
    "text": TextColumn,
    "class": ClassTarget,
    "real": RealTarget,
}


def describe(part: Column | Target) -> dict[str, Any]:
    """Describe a column or a target in a dictionary of texts, numbers and lists."""
    kind = next(kind for kind, cls in _KINDS.items() if type(part) is cls)
    return {"kind": kind, **asdict(part)}


def rebuild(data: dict[str, Any], allowed: tuple[type, ...]) -> Any:
    """Make the dataclass that `describe` described, after a look at every field's type."""
    fields = dict(data)
    cls = _KINDS[fields.pop("kind")]
    if cls not in allowed:
        raise ValueError(f"{cls.__name__} in a wrong place")
    part = cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()})
    for key, annotation in cls.__annotations__.items():
        value = getattr(part, key)
        if not _FIELD_CHECKS[annotation](value):
            raise ValueError(f"{key} is {value!r}")
    if not getattr(part, "scale", 1.0) > 0:
        raise ValueError("scale must be positive")
    return part


def _is_finite(value: Any) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


_FIELD_CHECKS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "float": _is_finite,
    "tuple[str, ...]": lambda value: (
        isinstance(value, tuple) and all(isinstance(text, str) for text in value)
    ),
    "tuple[Label, ...]": lambda value: (
        isinstance(value, tuple)
        and len(value) >= 2
        and all(isinstance(label, (str, bool)) or _is_finite(label) for label in value)
    ),
}
