"""Embeddings of categories: a row of a table for each number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from fastmlp import graph as g
from fastmlp._checks import integer
from fastmlp.initializers import Initializer
from fastmlp.layers.base import Layer, ParameterSpec, Symbol, only_input
from fastmlp.layers.settings import MAX_NORM, Setting, initializer_setting

_SHAPE = "the shape of its tables depends on it, make a new model"
_DRAWN = "its tables have been drawn, assign weights"
# Every index must be exact in float32.
MOST_CATEGORIES = 1 << 24


class Embedding(Layer):
    """A row of a table for each category: columns of indices become columns of numbers.

    It stands on an `Input` whose columns hold whole numbers, of any type, from 0 to categories − 1;
    anything else is an error that names row and column before anything changes. Numbers of other
    kinds go to an `Input` of their own.

    Parameters
    ----------
    categories
        How many categories there are: one table, in which all columns of indices are looked up, as
        words in a row are. Or a sequence of such, for columns with a table each. At most
        16,777,216.
    columns
        How many numbers stand for a category: the columns of its table, or a sequence of such.
    initializer
        What the tables are drawn from, see `initializers.get`. By default the standard normal
        distribution, as in PyTorch; Keras's is ``"uniform"``.
    max_norm
        c: after each step of a fit every row w of the tables becomes w · min(1, c / ‖w‖). PyTorch's
        does so before a step, to the rows that it reads. None is no bound.
    name
        What summaries and files call it; embedding_1, embedding_2, … by default.
    trainable
        Whether a fit changes it, see `Layer`.

    Raises
    ------
    ValueError, TypeError
        If a number is no whole number of at least 1, the sequences differ in length, `max_norm` is
        not more than 0, or it is called with anything but an `Input`.

    Notes
    -----
    What it makes of a row are the rows of the tables side by side, in the order of the indices:
    what PyTorch and Keras make of several columns, made flat.

    The parameters are ``weights`` (categories, columns), or ``weights_1``, ``weights_2``, … where
    `categories` is a sequence. Their role is ``"embedding"``: an l2 penalty leaves them alone. The
    derivative by the indices is 0. Called with several inputs, one after the other, it shares its
    tables between them, as any layer its parameters.

    The gradient of a table is dense: a step goes through all of its rows, those that no index of
    the batch names too, as PyTorch's does without ``sparse=True``. So a step costs time by the size
    of the tables, and moments and decay move every row in each step.

    Examples
    --------
    >>> import fastmlp as fm
    >>> model = fm.Sequential([fm.Embedding(7, 4), fm.Dense(1)], input_columns=1, seed=0)
    >>> model.predict([[0], [6]]).shape
    (2, 1)
    >>> fm.Embedding([7, 3, 10], [4, 2, 4])(fm.Input(3)).columns
    10

    One table for three letters in a row, which tell the fourth:

    >>> letters = fm.Embedding(27, 10)
    >>> letters(fm.Input(3)).columns
    30
    >>> fm.Sequential([letters, fm.Dense(27, "softmax")], input_columns=3, seed=0)
    <Sequential 3 → Embedding → 27 softmax; 1,107 parameters, float32>
    """

    SETTINGS: ClassVar[dict[str, Setting]] = {
        "categories": Setting(
            lambda value: _one_or_several(value, "categories", MOST_CATEGORIES), _SHAPE
        ),
        "columns": Setting(lambda value: _one_or_several(value, "columns", None), _SHAPE),
        "initializer": initializer_setting("initializer", _DRAWN),
        "max_norm": MAX_NORM,
    }

    def __init__(
        self,
        categories: int | Sequence[int],
        columns: int | Sequence[int],
        *,
        initializer: str | Initializer | float = "normal",
        max_norm: float | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(name=name, trainable=trainable)
        self.categories: int | tuple[int, ...] = categories  # type: ignore[assignment]
        self.columns: int | tuple[int, ...] = columns  # type: ignore[assignment]
        self.initializer: Initializer = initializer  # type: ignore[assignment]
        self.max_norm = max_norm
        self._tables()

    def _tables(self) -> list[tuple[int, int]]:
        """Return the shape of each table."""
        sizes, widths = self.categories, self.columns
        if isinstance(sizes, int):
            if isinstance(widths, tuple):
                raise ValueError(
                    f"columns must be one number, as categories is, got {list(widths)}"
                )
            return [(sizes, widths)]
        if isinstance(widths, int):
            widths = (widths,) * len(sizes)
        if len(widths) != len(sizes):
            raise ValueError(
                f"columns must be one number or as many as categories, {len(sizes)}, "
                f"got {list(widths)}"
            )
        return list(zip(sizes, widths, strict=True))

    def __call__(self, symbols: Symbol | Sequence[Symbol]) -> Symbol:
        """Return the symbol of this layer's output for an `Input`."""
        result = super().__call__(symbols)
        if result.sources[0].layer is not None:
            raise ValueError(
                f"{self!r} must be called with an Input, whose columns are indices, not with "
                f"{result.sources[0]!r}"
            )
        return result

    def _looked_up(self, input_columns: int) -> list[tuple[int, int]]:
        """Return the shape of the table of each column of the input."""
        tables = self._tables()
        return tables * input_columns if isinstance(self.categories, int) else tables

    def index_limits(self, input_columns: int) -> tuple[int, ...]:
        """Return how many categories each column of the input has."""
        return tuple(rows for rows, _ in self._looked_up(input_columns))

    def spans(self, input_columns: int) -> list[int]:
        """Return how many columns of the result come of each column of the input."""
        return [width for _, width in self._looked_up(input_columns)]

    @property
    def weights(self) -> Any:
        """The table, (categories, columns), or a list of them; writable views."""
        if isinstance(self.categories, int):
            return self._view("weights")
        return [self._view(name) for name in self._names()]

    @weights.setter
    def weights(self, values: Any) -> None:
        if isinstance(self.categories, int):
            self.assign({"weights": values})
            return
        count = len(self.weights)
        if not isinstance(values, Sequence) or len(values) != count:
            raise ValueError(f"weights of {self!r} must be a list of {count} tables")
        self.assign(dict(zip(self._names(), values, strict=True)))

    def _names(self) -> list[str]:
        if isinstance(self.categories, int):
            return ["weights"]
        return [f"weights_{i}" for i in range(1, len(self.categories) + 1)]

    def output_columns(self, input_columns: tuple[int, ...]) -> int:
        """Return the columns of the tables, for each column of the input."""
        given = only_input(self, input_columns)
        spans = self.spans(given)
        if given != len(spans):
            raise ValueError(
                f"{self!r} takes {len(spans)} columns of indices, one for each number of "
                f"categories, not {given}"
            )
        return sum(spans)

    def parameter_specs(self, input_columns: tuple[int, ...]) -> tuple[ParameterSpec, ...]:
        """Return those of the tables, (categories, columns) each."""
        names = self._names()
        symbols = ["E"] if len(names) == 1 else [f"E{i}_" for i in range(1, len(names) + 1)]
        return tuple(
            ParameterSpec(
                name, symbol, shape, self.initializer, role="embedding", max_norm=self.max_norm
            )
            for name, symbol, shape in zip(names, symbols, self._tables(), strict=True)
        )

    def apply(
        self, nodes: Sequence[g.Node], parameters: Sequence[g.Node], *, training: bool, key: int
    ) -> g.Node:
        """Return the rows that the indices name, side by side."""
        (index,) = nodes
        if isinstance(self.categories, int):  # as rows of one index, of which one sum is learned
            count = index.shape[1]
            return g.ungroup_rows(g.take_rows(parameters[0], g.group_rows(index, count)), count)
        return g.take_rows(list(parameters), index)

    def settings(self) -> dict[str, Any]:
        """Return the constructor's arguments but the name, JSON values only."""

        def plain(value: int | tuple[int, ...]) -> int | list[int]:
            return value if isinstance(value, int) else list(value)

        return {
            "categories": plain(self.categories),
            "columns": plain(self.columns),
            "initializer": self.initializer.config(),
            # Files without it are read by older versions.
            **({} if self.max_norm is None else {"max_norm": self.max_norm}),
        }

    def _arguments(self) -> list[str]:
        saved = self.settings()
        said = [str(saved["categories"]), str(saved["columns"])]
        return said if self.max_norm is None else [*said, f"max_norm={self.max_norm:g}"]


def _one_or_several(value: Any, name: str, at_most: int | None) -> int | tuple[int, ...]:
    """Return a whole number of at least 1, or several as a tuple."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    if isinstance(value, str | bytes) or not isinstance(value, Sequence):
        return integer(value, name, at_least=1, at_most=at_most)
    if len(value) == 0:
        raise ValueError(f"{name} must hold one number at least, got none")
    return tuple(
        integer(number, f"{name}[{i}]", at_least=1, at_most=at_most)
        for i, number in enumerate(value)
    )
