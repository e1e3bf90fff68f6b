"""Columns of a traced input: how many it has, and those that are looked up one by one.

As networks for tables are written: ``emb(x[:, i])`` for each column, all joined by ``cat``.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import fx, nn

from fastmlp import layers
from fastmlp.export.torch import modules as own
from fastmlp.export.torch.leaves import MODULES, Found, only_table, refused, wanted
from fastmlp.layers.base import Input

CATS: Final = (torch.cat, torch.concat, torch.concatenate)
# Of what is looked up the numbers are whole, whatever their type.
WHOLE: Final = ("long", "int")
ALONE: Final = (
    "a column of several is taken alone, which has a counterpart only where each of them is looked "
    "up in a table and all that is found is joined in their order"
)


class Column(NamedTuple):
    """One of several columns of an input, (rows,)."""

    value: Input
    place: int


class Row(NamedTuple):
    """What the table of a module has for a column."""

    value: Input
    place: int
    path: str


def place_of(node: fx.Node) -> int | None:
    """Return which column a node takes of the tensor that it is given, None if it does not."""
    index = node.args[1] if node.target is operator.getitem and len(node.args) == 2 else None
    if not isinstance(index, tuple) or len(index) != 2:
        return None
    rows, place = index
    whole = rows is Ellipsis or rows == slice(None)
    return place if whole and type(place) is int and place >= 0 else None


def taken(source: Any, node: fx.Node) -> Column | None:
    """Return the column that a node takes of an input, None if it takes something else."""
    place = place_of(node)
    if place is None or not isinstance(source, Input):
        return None
    if place >= source.columns:
        raise refused(f"it takes column {place} of {source.columns}")
    return Column(source, place)


def feeds_tables(node: fx.Node, known: Mapping[str, nn.Module]) -> bool:
    """Tell whether a tensor is looked up in tables and is nothing else, nor are its columns."""
    return all(
        only_table(known[str(user.target)]) is not None
        if user.op == "call_module"
        else place_of(user) is not None and feeds_tables(user, known)
        for user in node.users
    )


def read(node: fx.Node, known: Mapping[str, nn.Module]) -> int | None:
    """Return how many columns a layer wants that reads a value, or what an activation makes."""
    places = list(_places(node))
    if places:
        return 1 + max(places)
    todo, seen = list(node.users), set()
    while todo:
        user = todo.pop(0)
        if user in seen:
            continue
        seen.add(user)
        if user.op == "call_module":
            module = known[str(user.target)]
            if (table := only_table(module)) is not None:  # of all columns, and of one
                return (read(user, known) or 0) // table.embedding_dim or 1
            found = wanted(module)
            if found is not None:
                return found
            if isinstance(module, own.Join) and module.kind == "Concatenate":
                continue
        elif user.op == "output" or user.target in CATS:
            continue
        todo += user.users
    return None


def _places(node: fx.Node) -> Iterator[int]:
    """Yield which columns are taken of a tensor, also after it was made whole."""
    for user in node.users:
        place = place_of(user)
        if place is not None:
            yield place
        elif user.target in WHOLE:
            yield from _places(user)


def runs(values: Sequence[Any], tensors: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield the values of a join, each with its tensor; rows of all columns of an input as a list.

    Raises
    ------
    ValueError
        If some of the columns are missing, or stand in another order.
    """
    rows: list[Row] = []
    for part, tensor in zip(values, tensors, strict=True):
        if not isinstance(part, Row):
            if rows:
                raise refused(ALONE)
            yield part, tensor
            continue
        if part.place != len(rows) or (rows and part.value is not rows[0].value):
            raise refused(ALONE)
        rows.append(part)
        if len(rows) == part.value.columns:
            yield rows, tensor
            rows = []
    if rows:
        raise refused(ALONE)


def tables(rows: list[Row], known: Mapping[str, nn.Module]) -> tuple[str, Found]:
    """Return what to call the layer of all tables, and the layer with its weights."""
    paths = [row.path for row in rows]
    several: list[Any] = [known[path] for path in paths]
    if len(set(paths)) == 1:
        return paths[0], MODULES[nn.Embedding](several[0])
    if len(set(paths)) < len(paths):
        raise refused("some of its columns share a table and some not, which has no counterpart")
    if len({module.weight.requires_grad for module in several}) > 1:
        raise refused("some of its tables have requires_grad and some not")
    each = [MODULES[nn.Embedding](module).weights["weights"] for module in several]
    layer = layers.Embedding([len(t) for t in each], [t.shape[1] for t in each])
    weights = {f"weights_{i}": table for i, table in enumerate(each, start=1)}
    return " ".join(paths), Found([layer], weights)
