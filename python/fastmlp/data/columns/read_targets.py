"""Targets that are numbers, of any form, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastmlp.data import frames
from fastmlp.data.columns.values import Values, read


@dataclass(frozen=True, eq=False)
class ReadTargets:
    """Targets of any form as columns, read once for all that is asked of them.

    Attributes
    ----------
    columns : dict of str to Values
    one : bool
        Whether they came as a vector.

    Examples
    --------
    >>> targets = ReadTargets.of([1.0, 3.0], "y")
    >>> list(targets.columns), len(targets), ReadTargets.of(targets, "y") is targets
    (['y'], 2, True)
    """

    columns: dict[str, Values]
    one: bool

    @classmethod
    def of(cls, values: Any, name: str) -> ReadTargets:
        """Read targets, unless they are; columns without names are called after all."""
        if isinstance(values, cls):
            return values
        columns, one = _target_columns(values, name)
        return cls({key: read(key, column) for key, column in columns.items()}, one)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def _target_columns(values: Any, name: str) -> tuple[dict[str, Any], bool]:
    if isinstance(values, frames.Kept):
        kept, one = _target_columns(values.values, name)
        whole, _ = _target_columns(values.whole, name)
        return {key: frames.Kept(kept[key], whole[key], values.rows) for key in kept}, one
    has_fields = bool(frames.fields(values))
    has_names = has_fields or isinstance(values, Mapping) or frames.is_table(values)
    if not (has_names or hasattr(values, "iloc")):
        if getattr(values, "ndim", None) != 1:
            array = np.asarray(values)
            if array.ndim == 2:
                return {f"{name}{i}": array[:, i] for i in range(array.shape[1])}, False
        return {name: values}, True
    if getattr(values, "ndim", 2) == 1 and not has_fields:
        return {name: values}, True
    return frames.named(values, name).columns, False
