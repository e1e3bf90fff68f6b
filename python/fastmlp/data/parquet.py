"""Tables in Parquet files as streams of batches, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fastmlp import _checks
from fastmlp.data.window import mixed, rebatched

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Path: TypeAlias = "str | PathLike[str]"
# Rows that are decoded at once.
PIECE_ROWS = 1 << 14


class Parquet:
    """A stream of batches of the rows of Parquet files, for `Model.fit` and `Model.evaluate`.

    Files are read by PyArrow (``pip install fastmlp[parquet]``), a piece of a row group at a time,
    so they need not fit in memory.

    Parameters
    ----------
    paths : path-like or sequence of such
        The files, with the same columns of numbers or booleans.
    target : str or sequence of str
        The column of the targets, or several.
    columns : sequence of str, optional
        Those of the inputs, in this order. By default all others of the first file.
    weight : str, optional
        A column of weights of the rows.
    batch_size : int, default 256
        Rows of a batch; the last one may be short.
    window : int, optional
        How many rows are kept to mix them, see `shuffled`; files, and the row groups of each, then
        come in a random order, too. None: the rows as they stand.
    seed : int, default 0
        Of these orders; each pass has another.

    Attributes
    ----------
    columns : list of str
        Those of the inputs.
    rows : int
        How many there are in all files.
    passes : int
        How many passes were begun; the order of the next follows from it.

    Raises
    ------
    ImportError
        If PyArrow is not installed.
    OSError
        If a file cannot be read.
    TypeError, ValueError
        If an argument is wrong, a file is none of Parquet, a column is not there, or holds no
        numbers.

    Notes
    -----
    Columns of one type, in all files, stay what they are; of several become one that holds them
    all, float64 at most. Missing values are NaN, which `Model.fit` refuses.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> import pyarrow, pyarrow.parquet
    >>> import fastmlp as fm
    >>> path = pathlib.Path(tempfile.mkdtemp(), "rows.parquet")
    >>> table = pyarrow.table({"a": [0.0, 1.0, 2.0], "b": [1.0, 1.0, 0.0], "y": [0, 1, 1]})
    >>> pyarrow.parquet.write_table(table, path)
    >>> stream = fm.data.Parquet(path, target="y", batch_size=2)
    >>> [X.tolist() for X, t in stream]
    [[[0.0, 1.0], [1.0, 1.0]], [[2.0, 0.0]]]
    >>> history = fm.MLP([2, 4, 1], output="logistic", seed=0).fit(stream, epochs=2)
    """

    def __init__(
        self,
        paths: Path | Sequence[Path],
        target: str | Sequence[str],
        *,
        columns: Sequence[str] | None = None,
        weight: str | None = None,
        batch_size: int = 256,
        window: int | None = None,
        seed: int = 0,
    ) -> None:
        self._batch_size = _checks.integer(batch_size, "batch_size", at_least=1)
        self._window = None if window is None else _checks.integer(window, "window", at_least=1)
        self._seed = _checks.seed(seed)
        self.passes = 0
        given = [paths] if isinstance(paths, (str, PathLike)) else _checks.listed(paths)
        if not given or not all(isinstance(path, (str, PathLike)) for path in given):
            raise TypeError(f"paths must be a path or a list of paths, got {paths!r}")
        self._paths = [fspath(path) for path in given]
        files = [_opened(path) for path in self._paths]
        self._groups = [file.num_row_groups for file in files]
        self.rows: int = sum(file.metadata.num_rows for file in files)
        if not self.rows:
            raise ValueError(f"paths: there are no rows in {self._paths}")
        self._single = isinstance(target, str)
        self._targets = [str(target)] if self._single else _named(target, "target")
        self._weights = [] if weight is None else _named([weight], "weight")
        besides = {*self._targets, *self._weights}
        there = files[0].schema_arrow.names
        self.columns = (
            [name for name in there if name not in besides]
            if columns is None
            else _named(columns, "columns")
        )
        if not self.columns:
            raise ValueError(f"columns: there are none besides {sorted(besides)}")
        if both := [name for name in self.columns if name in besides]:
            raise ValueError(f"columns: {both} are targets or weights, too")
        for path, file in zip(self._paths, files, strict=True):
            self._check_schema(path, file.schema_arrow)
        self._types = [
            _common([file.schema_arrow.field(name).type for file in files for name in names])
            for names in (self.columns, self._targets, self._weights)
            if names
        ]

    def _check_schema(self, path: str, schema: Any) -> None:
        wanted = {
            "columns": self.columns,
            "target": self._targets,
            "weight": self._weights,
        }
        for argument, names in wanted.items():
            for name in names:
                if schema.names.count(name) != 1:
                    times = "no column" if name not in schema.names else "several columns"
                    advice = _checks.hint(name, schema.names)
                    raise ValueError(f"{argument}: {path} has {times} {name!r}{advice}")
                kind = schema.field(name).type
                if not _is_number(kind):
                    raise TypeError(
                        f"{argument}: {name!r} of {path} holds {kind}, expected numbers; an "
                        "estimator such as TabularClassifier takes other kinds, from memory"
                    )

    def __len__(self) -> int:
        """Return how many batches a pass has."""
        return -(-self.rows // self._batch_size)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        random = np.random.default_rng([self._seed, self.passes])
        self.passes += 1
        pieces = self._pieces(None if self._window is None else random)
        if self._window is not None:
            pieces = mixed(pieces, min(self._window, self.rows), random)
        for X, t, *weights in rebatched(pieces, lambda: self._batch_size):
            yield X, t[:, 0] if self._single else t, *(w[:, 0] for w in weights)

    def _pieces(self, random: np.random.Generator | None) -> Iterator[list[Array]]:
        """Give inputs, targets and weights; files and row groups in a random order, or as given."""
        named = [names for names in (self.columns, self._targets, self._weights) if names]
        every = [name for names in named for name in names]
        for i in _order(len(self._paths), random):
            file = _opened(self._paths[i])
            for group in _order(self._groups[i], random):
                # In this thread alone: the others train.
                pieces = file.iter_batches(
                    PIECE_ROWS, row_groups=[group], columns=every, use_threads=False
                )
                for piece in pieces:
                    yield [
                        _matrix([piece.column(name) for name in names], dtype)
                        for names, dtype in zip(named, self._types, strict=True)
                    ]

    def __repr__(self) -> str:
        files = f"{len(self._paths)} file{'s' * (len(self._paths) > 1)}"
        return (
            f"<Parquet: {files}, {self.rows:,} rows, {len(self.columns)} columns, batches of "
            f"{self._batch_size}>"
        )


def _opened(path: str) -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise ImportError(
            "reading Parquet files needs PyArrow: pip install fastmlp[parquet]"
        ) from error
    try:
        return parquet.ParquetFile(path)
    except ValueError as error:  # PyArrow's, which names no file
        raise ValueError(f"paths: {path} is no Parquet file that can be read: {error}") from None


def _order(count: int, random: np.random.Generator | None) -> list[int]:
    return list(range(count)) if random is None else random.permutation(count).tolist()


def _named(names: Any, argument: str) -> list[str]:
    """Return the names of columns."""
    given = None if isinstance(names, str) else _checks.listed(names)
    if not given or not all(isinstance(name, str) for name in given):
        raise TypeError(f"{argument} must be names of columns, got {names!r}")
    if len(set(given)) < len(given):
        raise ValueError(f"{argument} names a column twice: {given}")
    return given


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _common(kinds: Sequence[Any]) -> np.dtype[Any]:
    """Return the type that holds the numbers of columns of these types."""
    found = [np.dtype(kind.to_pandas_dtype()) for kind in kinds]
    return np.result_type(*(np.uint8 if dtype.kind == "b" else dtype for dtype in found))


def _matrix(columns: Sequence[Any], dtype: np.dtype[Any]) -> Array:
    missing = any(column.null_count for column in columns)
    if missing and dtype.kind != "f":
        dtype = np.dtype(np.float64)
    matrix = np.empty((len(columns[0]), len(columns)), dtype)
    for i, column in enumerate(columns):
        matrix[:, i] = column.to_numpy(zero_copy_only=False)
    return matrix
