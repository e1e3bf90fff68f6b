"""An estimator of tables as an ONNX file: an input for each column, and what prepares them.

Columns are prepared in float64, as `Preprocessing.transform` does it, and handed to the networks in
float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp.data.columns.base import FARTHEST, shrinking
from fastmlp.data.columns.category import CategoryColumn, FlagColumn
from fastmlp.data.columns.date import PARTS, DateColumn
from fastmlp.data.columns.matching import stripped
from fastmlp.data.columns.number import NumberColumn, TailedColumn
from fastmlp.data.columns.sources import text_of
from fastmlp.data.texts import numbers_of
from fastmlp.export.onnx.builder import ROWS, Builder, helper, onnx
from fastmlp.export.onnx.estimating import Labels, label_values
from fastmlp.export.onnx.writing import as_model, graph_values

if TYPE_CHECKING:
    from fastmlp.data.columns.base import Column
    from fastmlp.graph.node import Node

    Array = np.ndarray[Any, np.dtype[Any]]

# What a column has of numbers, flags and codes: a value with the columns of each, or none.
Parts = tuple[list[str], list[str], list[str]]
_TEXT: Final = int(onnx.TensorProto.STRING)
# Days before 1970-01-01 of a year that begins in March, from which 400 years go round.
_MARCH_OF_YEAR_0: Final = 719_468


def written(
    columns: Sequence[Column],
    parts: Sequence[Node],
    y: Node,
    names: Mapping[Node, str],
    units: Array | None,
    labels: Labels | None,
) -> onnx.ModelProto:
    """Return an estimator of tables as ONNX has it.

    Parameters
    ----------
    columns : sequence of Column
        Those used, each an input of its name.
    parts, y, names
        What the networks read (numbers, flags and codes, those that there are), what they make of
        it, and what parameters are to be called.
    units : ndarray (4, outputs) or None
        Of outputs that are numbers: scale, mean, lowest and highest.
    labels : Labels or None
        Of outputs that are probabilities.

    Raises
    ------
    ValueError
        If a column is of an older file.
    """
    b = Builder(np.dtype(np.float32), [])
    d = b.of(np.dtype(np.float64))
    inputs: list[onnx.ValueInfoProto] = []
    found: Parts = ([], [], [])
    for column in columns:
        name = b.unique(column.name or "column")
        if not inputs:
            b.rows = d.rows = name
        inputs.append(_input(d, column, name))
    for column, described in zip(columns, inputs, strict=True):
        for values, own in zip(found, _prepared(d, column, described.name), strict=True):
            values.extend(own)
    joined = [d.add("Concat", *v, axis=1) if len(v) > 1 else v[0] for v in found if v]
    known = dict(zip(parts, (b.as_dtype(value) for value in joined), strict=True))
    wanted = {node: b.unique(name) for node, name in names.items()}
    (value,) = graph_values(b, [y], known, wanted)
    if labels is not None:
        return as_model(b, inputs, label_values(b, labels, value, y.shape[1]))
    assert units is not None
    scale, mean, low, high = (d.array(row[None]) for row in units)
    value = d.add("Add", d.add("Mul", d.as_dtype(value), scale), mean)
    value = d.add("Min", d.add("Max", value, low), high)
    value = d.rename(value, d.unique("variable"))
    return as_model(b, inputs, [d.value_info(value, y.shape[1])])


def _prepared(d: Builder, column: Column, x: str) -> Parts:
    """Write what prepares a column."""
    for kind, write in _PREPARED.items():
        if isinstance(column, kind):
            return write(d, column, x)
    raise ValueError(
        f"column {column.name!r} is of the kind {column.kind!r}, of an older file, which cannot be "
        "exported: fit it anew"
    )


def _input(d: Builder, column: Column, name: str) -> onnx.ValueInfoProto:
    """Describe the input of a column: float64 or texts, (rows, 1), and what they mean."""
    element, said = d.element, "a number, NaN where it is missing"
    if isinstance(column, NumberColumn) and column.seconds:
        said = "seconds, NaN where it is missing"
    elif isinstance(column, DateColumn):
        said = f"days since 1970-01-01{column.clock}, with fractions; NaN where it is missing"
    elif isinstance(column, (CategoryColumn, FlagColumn)):
        texts = column.categories if isinstance(column, CategoryColumn) else _flag_texts(column)
        if _as_numbers(texts) is None:
            bare = ", ".join(repr(text.strip() or text) for text in texts)
            said = f"one of the texts {bare}, or another"
            element, said = _TEXT, f"{said}; without blanks around it"
        else:
            said = f"one of the numbers {', '.join(texts)}, or another; NaN where it is missing"
        if isinstance(column, FlagColumn) and (column.off, column.on) == ("False", "True"):
            said = "0 for false, 1 for true, NaN where it is missing"
    shape: list[str | int | None] = [ROWS, 1]
    return helper.make_tensor_value_info(name, element, shape, doc_string=said)


# ----------------------------------------------------------------------------- numbers and dates


def _number(d: Builder, column: NumberColumn, x: str) -> Parts:
    missing = d.add("IsNaN", x)
    flags = [d.as_dtype(missing)] if column.indicator else []
    return _trend(d, column, x, missing), flags, []


def _trend(d: Builder, column: NumberColumn | DateColumn, x: str, missing: str) -> list[str]:
    """Return the number clipped or compressed, see `data.columns.base`; none of one value."""
    if not column.scale > 0:
        return []
    shrink = shrinking(column.scale)
    rest = d.add("Sub", d.add("Mul", x, d.number(shrink)), d.number(column.median * shrink))
    third = d.add("Div", d.add("Div", rest, d.number(column.scale * shrink)), d.number(3))
    third = d.add("Clip", third, d.number(-1e150), d.number(1e150))
    root = d.add("Sqrt", d.add("Add", d.add("Mul", third, third), d.number(1)))
    if isinstance(column, TailedColumn):
        # The operator Asinh is there for float32 alone.
        size = d.add("Log", d.add("Add", d.add("Abs", third), root))
        found = d.add("Mul", d.add("Mul", size, d.add("Sign", third)), d.number(3))
        found = d.add("Clip", found, d.number(-FARTHEST), d.number(FARTHEST))
    else:
        found = d.add("Div", d.add("Mul", third, d.number(3)), root)
    return [d.where(missing, d.number(column.fill_value), found)]


def _date(d: Builder, column: DateColumn, x: str) -> Parts:
    missing = d.add("IsNaN", x)
    days = d.where(missing, d.number(0), x)
    flags = []
    if column.parts:
        day = d.add("Floor", days)
        whole = d.as_index(day)
        for part in column.parts:
            angle = d.add(
                "Mul", _part(d, part, days, day, whole), d.number(2 * np.pi / PARTS[part])
            )
            for function in ("Sin", "Cos"):
                flags.append(d.where(missing, d.number(0), d.add(function, angle)))
    if column.indicator:
        flags.append(d.as_dtype(missing))
    return _trend(d, column, x, missing), flags, []


def _part(d: Builder, part: str, days: str, day: str, whole: str) -> str:
    """Return a part of the calendar, from 0, of days since 1970, their floor and that as int64."""
    if part == "weekday":  # 1970 began with a Thursday
        return d.as_dtype(_modulo(d, d.add("Add", whole, d.integers(3)), 7))
    if part == "hour":  # with its minutes; a millisecond is added, as 18:30 is no binary fraction
        minutes = d.add("Mul", d.add("Sub", days, day), d.number(1440))
        return d.add("Div", d.add("Floor", d.add("Add", minutes, d.number(2e-5))), d.number(60))
    # Howard Hinnant, "chrono-compatible low-level date algorithms": days to day and month.
    e = _modulo(d, d.add("Add", whole, d.integers(_MARCH_OF_YEAR_0)), 146_097)
    year = d.add("Sub", e, _quotient(d, e, 1460))
    year = d.add("Add", year, _quotient(d, e, 36_524))
    year = _quotient(d, d.add("Sub", year, _quotient(d, e, 146_096)), 365)
    before = d.add("Add", _times(d, year, 365), _quotient(d, year, 4))
    rest = d.add("Sub", e, d.add("Sub", before, _quotient(d, year, 100)))  # of its year
    month = _quotient(d, d.add("Add", _times(d, rest, 5), d.integers(2)), 153)  # from March
    if part == "month":
        return d.as_dtype(_modulo(d, d.add("Add", month, d.integers(2)), 12))
    begin = _quotient(d, d.add("Add", _times(d, month, 153), d.integers(2)), 5)
    return d.as_dtype(d.add("Sub", rest, begin))


def _modulo(d: Builder, value: str, by: int) -> str:
    return d.add("Mod", value, d.integers(by))


def _quotient(d: Builder, value: str, by: int) -> str:
    """Return the quotient of whole numbers that are not negative."""
    return d.add("Div", value, d.integers(by))


def _times(d: Builder, value: str, by: int) -> str:
    return d.add("Mul", value, d.integers(by))


# ------------------------------------------------------------------------------------- categories


def _category(d: Builder, column: CategoryColumn, x: str) -> Parts:
    count, others = len(column.categories), column.others
    place = _place(d, x, {text: i + 1 for i, text in enumerate(column.categories)}, _spelt)
    if column.codes:
        return [], [], [d.as_dtype(place)]
    slots = count + others
    table = np.array([[-1.0], [1.0]]) if slots == 2 else np.eye(slots)
    unknown = table[-1:] if others else np.zeros((1, table.shape[1]))
    return [], [_looked_up(d, np.concatenate([unknown, table[:count]]), place)], []


def _flag(d: Builder, column: FlagColumn, x: str) -> Parts:
    signs = _flag_signs(column)
    place = _place(d, x, {text: 1 if sign < 0 else 2 for text, sign in signs.items()}, stripped)
    return [], [_looked_up(d, np.array([[0.0], [-1.0], [1.0]]), place)], []


def _flag_texts(column: FlagColumn) -> tuple[str, str]:
    return column.off, column.on


def _flag_signs(column: FlagColumn) -> dict[str, int]:
    """Return what texts mean: words for true and false are known in small and capital letters."""
    if _as_numbers(_flag_texts(column)) is not None:
        return {column.off: -1, column.on: 1}
    meaning = column._meaning()
    spelt: dict[str, int] = {}
    for change in (str.upper, str.capitalize, str):
        spelt |= {change(text): sign for text, sign in meaning.items()} if len(meaning) > 2 else {}
    return spelt | dict(meaning)


def _as_numbers(texts: Sequence[str]) -> list[float] | None:
    """Return what numbers texts are, if all are numbers as tables write them, or true and false."""
    if set(texts) == {"False", "True"}:
        return [float(text == "True") for text in texts]
    found = numbers_of(texts)
    if all(text in found and text_of(found[text]) == text for text in texts):
        return [found[text] for text in texts]
    return None


def _spelt(places: Mapping[str, int]) -> dict[str, int]:
    """Return what texts are looked for as other texts: without blanks around them, and 3.0 as 3."""
    numbered = {f"{text}.0": place for text, place in places.items() if text[-1:].isdecimal()}
    return stripped(places) | numbered


def _place(
    d: Builder,
    x: str,
    places: Mapping[str, int],
    others: Callable[[Mapping[str, int]], dict[str, int]],
) -> str:
    """Return the place of each text or number, int64 (rows, 1), 0 of any other.

    `others` says which other texts are looked for as these.
    """
    numbers = _as_numbers(list(places))
    if numbers is None:
        places = others(places) | dict(places)
        return d.add(
            "LabelEncoder",
            x,
            domain="ai.onnx.ml",
            keys_strings=list(places),
            values_int64s=list(places.values()),
            default_int64=0,
        )
    same = d.as_dtype(d.add("Equal", x, d.array([numbers])))
    column = np.array([*places.values()], np.float64)[:, None]
    return d.as_index(d.add("MatMul", same, d.array(column)))


def _looked_up(d: Builder, table: Array, place: str) -> str:
    """Return the rows of a table at these places, (rows, columns of the table)."""
    rows = d.add("Gather", d.array(table), place, axis=0)
    return d.add("Reshape", rows, d.integers(-1, table.shape[1]))


_PREPARED: Final[dict[type, Callable[..., Parts]]] = {
    NumberColumn: _number,
    TailedColumn: _number,
    DateColumn: _date,
    CategoryColumn: _category,
    FlagColumn: _flag,
}
