"""Columns and targets as JSON values, and back with every field checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any

import numpy as np

from fastmlp.data.columns.base import FARTHEST, Column
from fastmlp.data.columns.category import CategoryColumn, FlagColumn
from fastmlp.data.columns.date import PARTS, DateColumn
from fastmlp.data.columns.number import NumberColumn, TailedColumn
from fastmlp.data.columns.older import OneHotColumn, StandardColumn
from fastmlp.data.columns.sources import text_of
from fastmlp.data.columns.targets import ClassTarget, RealTarget
from fastmlp.data.written import DECIMALS

#: What files call each. A kind keeps its name and its fields; another one gets another name.
COLUMNS: dict[str, type[Any]] = {
    cls.kind: cls
    for cls in (
        *(NumberColumn, TailedColumn, CategoryColumn, FlagColumn, DateColumn),
        *(StandardColumn, OneHotColumn),
    )
}
TARGETS: dict[str, type[Any]] = {"class": ClassTarget, "real": RealTarget}


def describe(part: Column | ClassTarget | RealTarget) -> dict[str, Any]:
    """Describe a column or a target in a dictionary of texts, numbers and lists.

    Examples
    --------
    >>> describe(FlagColumn("sold", "no", "yes"))
    {'kind': 'flag', 'name': 'sold', 'off': 'no', 'on': 'yes'}
    """
    kinds = {**COLUMNS, **TARGETS}
    kind = next(kind for kind, cls in kinds.items() if type(part) is cls)
    return {"kind": kind, **asdict(part)}


def rebuild(data: dict[str, Any], allowed: dict[str, type[Any]]) -> Any:
    """Make the dataclass that `describe` described, after a look at every field's type.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is none of those allowed, or a field is missing, unknown or not what it must be.

    Examples
    --------
    >>> rebuild({"kind": "flag", "name": "sold", "off": "no", "on": "yes"}, COLUMNS)
    FlagColumn(name='sold', off='no', on='yes')
    """
    given = dict(data)
    kind = given.pop("kind")
    if kind not in allowed:
        raise ValueError(f"{kind!r} is none of {', '.join(allowed)}")
    cls = allowed[kind]
    part = cls(**{key: tuple(v) if isinstance(v, list) else v for key, v in given.items()})
    for field in fields(cls):
        value = getattr(part, field.name)
        check = _CHECKS.get(f"{kind}.{field.name}") or _CHECKS[str(field.type)]
        if not check(value):
            raise ValueError(f"{field.name} is {value!r}")
    if isinstance(part, ClassTarget) and part.classes.tolist() != list(part.labels):
        raise ValueError(f"labels are not of type {part.dtype}")
    return part


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and bool(np.isfinite(value))


def _are_texts(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(text, str) for text in value)


def _are_categories(value: Any) -> bool:
    return _are_texts(value) and len(set(value)) == len(value)


def _is_dtype(value: Any) -> bool:
    return isinstance(value, str) and (value == "<U" or np.dtype(value).kind in "Oiufb")


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "str": lambda value: isinstance(value, str),
    "bool": lambda value: isinstance(value, bool),
    "float": _is_finite,
    "float | None": lambda value: value is None or _is_finite(value),
    "tuple[Label, ...]": lambda value: (
        isinstance(value, tuple)
        and len({*map(text_of, value)}) == len(value) >= 2
        and all(isinstance(label, (str, bool)) or _is_finite(label) for label in value)
    ),
    "tuple[str, ...]": _are_categories,
    "class.dtype": _is_dtype,
    "text.categories": _are_texts,
    "date.order": lambda value: value in ("dmy", "mdy", ""),
    "date.parts": lambda value: _are_categories(value) and set(value) <= set(PARTS),
    "robust.fill_value": lambda value: _is_finite(value) and abs(value) <= 3,
    "tailed.fill_value": lambda value: _is_finite(value) and abs(value) <= FARTHEST,
    "date.fill_value": lambda value: _is_finite(value) and abs(value) <= 3,
    "robust.scale": lambda value: _is_finite(value) and value >= 0,
    "tailed.scale": lambda value: _is_finite(value) and value >= 0,
    "date.scale": lambda value: _is_finite(value) and value >= 0,
    "number.scale": lambda value: _is_finite(value) and value > 0,
    "real.decimal": lambda value: value in (*DECIMALS, None),
    "real.scale": lambda value: _is_finite(value) and value > 0,
}
