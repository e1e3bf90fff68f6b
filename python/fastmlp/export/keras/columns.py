"""Embeddings of several columns, for which Keras takes a layer for each step.

One table looks up all columns, and what it finds is made flat. For tables of their own the columns
are cut from one another, each is looked up, and the rows that are found are joined.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fastmlp import layers
from fastmlp.export.building import UNFLAT, Stacked
from fastmlp.export.keras.leaves import LEAVES, Config
from fastmlp.layers.base import Symbol

CROPPING: Final = "Cropping1D"
_ONLY: Final = (
    "it takes some of a value's columns, which has a counterpart only where each of them is looked "
    "up in a table and all that is found is joined in their order"
)


class Columns(NamedTuple):
    """Columns of a value as (rows, columns, 1), or one of them as (rows, 1)."""

    value: Symbol
    places: range
    flat: bool


class Row(NamedTuple):
    """What a table has for a column of a value: (rows, 1, n), or (rows, n).

    Attributes
    ----------
    value : Symbol
    place : int
        The column.
    item : _Item
        The layer with the table, as it is described.
    flat : bool
    """

    value: Symbol
    place: int
    item: Any
    flat: bool


def whole(value: Any) -> Symbol:
    """Return a value that is no part of one."""
    if not isinstance(value, Symbol):
        raise ValueError(UNFLAT if isinstance(value, Stacked) else _ONLY)
    return value


def part_of(item: Any, source: Any) -> Columns | Row | Symbol | None:
    """Return what a layer makes of a value or a part of one, None if a layer of ours makes it."""
    shape = item.config.get("target_shape") if item.kind == "Reshape" else None
    if isinstance(source, Stacked):
        if item.kind == "Flatten" or shape in ([source.flat.columns], [-1]):
            return source.flat
        raise ValueError(UNFLAT)
    if isinstance(source, Symbol):
        if source.columns > 1 and shape == [source.columns, 1]:
            return Columns(source, range(source.columns), False)
        if item.kind == CROPPING:
            raise ValueError("it crops rows of columns, which has no counterpart")
        return None
    if isinstance(source, Columns):
        if item.kind == CROPPING and not source.flat:
            return source._replace(places=_cropped(item.config, source.places))
        if len(source.places) == 1 and shape in ([1], [-1]):
            return source._replace(flat=True)
        if item.kind == "Embedding" and source.flat:
            return Row(source.value, source.places[0], item, False)
    elif isinstance(source, Row) and shape in ([_table(source.item).columns], [-1]):
        return source._replace(flat=True)
    raise ValueError(_ONLY)


def _cropped(config: Config, places: range) -> range:
    cropping = config["cropping"]
    if not isinstance(cropping, list) or [type(n) for n in cropping] != [int, int]:
        raise ValueError(f"cropping={str(cropping)[:60]} must be two numbers")
    before, behind = cropping
    if min(before, behind) < 0 or before + behind >= len(places):
        raise ValueError(f"cropping={cropping} leaves nothing of {len(places)} columns")
    return places[before : len(places) - behind]


def _table(item: Any) -> layers.Embedding:
    """Return the layer of a table alone."""
    (layer,) = LEAVES[item.kind](item.config, 1).layers
    assert isinstance(layer, layers.Embedding)
    return layer


def looked_up(sources: list[Any]) -> tuple[Symbol, list[Any]]:
    """Return the value and the layers with the tables of its columns, in their order."""
    first = sources[0]
    whole = all(isinstance(one, Row) and one.flat and one.value is first.value for one in sources)
    if not whole or [one.place for one in sources] != list(range(first.value.columns)):
        raise ValueError(_ONLY)
    return first.value, [one.item for one in sources]


def embedding(items: list[Any]) -> tuple[layers.Embedding, dict[str, Any]]:
    """Return the layer of all tables, and its weights."""
    if any(item.layers is not None for item in items) or len(set(map(id, items))) < len(items):
        raise ValueError("it shares a table with another embedding, which has no counterpart")
    flags = {item.config.flag("trainable", True) for item in items}
    if len(flags) > 1:
        raise ValueError("some of its tables are trainable and some not")
    if any(len(item.arrays) != 1 for item in items):
        raise ValueError("each of its tables must be one array")
    tables = [_table(item) for item in items]
    sizes, widths = ([getattr(t, name) for t in tables] for name in ("categories", "columns"))
    layer = layers.Embedding(sizes, widths, trainable=flags.pop())
    own = {f"weights_{i}": (item.arrays[0], False) for i, item in enumerate(items, start=1)}
    return layer, own
