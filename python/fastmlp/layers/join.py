"""Layers that join several values into one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from fastmlp import graph as g
from fastmlp._checks import columns, taught
from fastmlp.layers.base import Layer, Symbol
from fastmlp.layers.habits import ARGUMENTS


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
        return equal_columns(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the sum of the inputs, from the first to the last."""
        return reduce(g.add, nodes)


class Multiply(Layer):
    """The product of several inputs of equal width, element by element: a gate.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, Multiply
    >>> x = Input(8)
    >>> Multiply()([Dense(8, "logistic")(x), x]).columns
    8
    """

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of columns that all inputs have."""
        return equal_columns(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the product of the inputs, from the first to the last."""
        return reduce(g.multiply, nodes)


class Maximum(Layer):
    """The largest of several inputs of equal width, element by element.

    Of linear units it is a maxout unit (Goodfellow et al., "Maxout networks", ICML 2013). Where two
    tie, the later one gets the message.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, Maximum
    >>> x = Input(8)
    >>> Maximum()([Dense(4)(x), Dense(4)(x)]).columns
    4
    """

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of columns that all inputs have."""
        return equal_columns(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the largest of the inputs."""
        return reduce(g.maximum, nodes)


class Minimum(Layer):
    """The smallest of several inputs of equal width, element by element; see `Maximum`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, Minimum
    >>> x = Input(8)
    >>> Minimum()([Dense(4)(x), Dense(4)(x)]).columns
    4
    """

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the number of columns that all inputs have."""
        return equal_columns(self, input_columns)

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the smallest of the inputs, minus the largest of their negatives."""
        return -reduce(g.maximum, [-node for node in nodes])


def equal_columns(layer: Layer, input_columns: tuple[int, ...]) -> int:
    """Return the columns of inputs that all have as many; ValueError if they have not."""
    if len(input_columns) < 2 or len(set(input_columns)) > 1:
        raise ValueError(
            f"{type(layer).__name__} takes two inputs at least, all of the same number of columns, "
            f"not inputs of {input_columns} columns"
        )
    return input_columns[0]


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


@taught(ARGUMENTS)
def add(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return the sum of symbols of equal width; see `Add`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, add
    >>> x = Input(8)
    >>> add([Dense(8, "relu")(x), x]).columns
    8
    """
    return Add(name=_name(name, "add"))(symbols)


@taught(ARGUMENTS)
def multiply(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return the product of symbols of equal width; see `Multiply`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, multiply
    >>> x = Input(8)
    >>> multiply([Dense(8, "logistic")(x), x]).columns
    8
    """
    return Multiply(name=_name(name, "multiply"))(symbols)


@taught(ARGUMENTS)
def maximum(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return the largest of symbols of equal width, element by element; see `Maximum`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, maximum
    >>> x = Input(8)
    >>> maximum([Dense(4)(x), Dense(4)(x)]).columns
    4
    """
    return Maximum(name=_name(name, "maximum"))(symbols)


@taught(ARGUMENTS)
def minimum(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return the smallest of symbols of equal width, element by element; see `Minimum`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, minimum
    >>> x = Input(8)
    >>> minimum([Dense(4)(x), Dense(4)(x)]).columns
    4
    """
    return Minimum(name=_name(name, "minimum"))(symbols)


@taught(ARGUMENTS)
def concat(symbols: Sequence[Symbol], name: str | None = None) -> Symbol:
    """Return symbols side by side; see `Concatenate`.

    Examples
    --------
    >>> from fastmlp.layers import Dense, Input, concat
    >>> x = Input(8)
    >>> concat([Dense(16, "relu")(x), x]).columns
    24
    """
    return Concatenate(name=_name(name, "concat"))(symbols)


def _name(name: str | None, called: str) -> str | None:
    """Return a name; TypeError if it is another symbol, which belongs into the list."""
    if isinstance(name, Symbol):
        raise TypeError(f"{called} takes a list: write {called}([a, b])")
    return name
