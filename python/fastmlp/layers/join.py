"""Layers that join several values into one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING

from fastmlp import graph as g
from fastmlp._checks import columns
from fastmlp.layers.base import Layer, Symbol

if TYPE_CHECKING:
    pass


class Add(Layer):
    """The sum of several inputs of equal width: a skip connection.

    Examples
    --------
    >>> from fastmlp.layers import Add, Dense, Input
    >>> x = Input(8)
    >>> Add()([Dense(8, "relu")(x), x]).columns
    8
    """

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of columns that all inputs have."""
        if len(input_columns) < 2 or len(set(input_columns)) > 1:
            raise ValueError(
                "Add takes two inputs at least, all of the same number of columns, "
                f"not inputs of {input_columns} columns"
            )
        return input_columns[0]

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the sum of the inputs, from the first to the last."""
        return reduce(g.add, nodes)


class Concatenate(Layer):
    """Several inputs side by side: first the columns of the first, last those of the last.

    Examples
    --------
    >>> from fastmlp.layers import Concatenate, Dense, Input
    >>> x = Input(8)
    >>> Concatenate()([Dense(16, "relu")(x), x]).columns
    24
    """

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the sum of the inputs' columns."""
        if len(input_columns) < 2:
            raise ValueError(f"Concatenate takes two inputs at least, not {len(input_columns)}")
        return columns(sum(input_columns), f"the columns of {self!r}")

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the inputs side by side."""
        return g.concatenate(*nodes)


def add(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return the sum of symbols of equal width; see `Add`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, add
    >>> x = Input(8)
    >>> add([Dense(8, "relu")(x), x]).columns
    8
    """
    return Add(name=name)(symbols)


def concat(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return symbols side by side; see `Concatenate`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, concat
    >>> x = Input(8)
    >>> concat([Dense(16, "relu")(x), x]).columns
    24
    """
    return Concatenate(name=name)(symbols)
