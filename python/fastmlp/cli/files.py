"""Reading the files that commands are given: tables, and models with their preprocessing."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from lzma import LZMAError
from pathlib import Path
from tarfile import TarError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from fastmlp.cli.saying import beside
from fastmlp.cli.typed import PACKED, SHEETS, TableError, reader_of
from fastmlp.data.columns.base import Column
from fastmlp.data.columns.older import OneHotColumn
from fastmlp.data.columns.sources import plain
from fastmlp.data.columns.words import Note, examples
from fastmlp.data.texts import FALSE, TRUE, Array, as_objects, values
from fastmlp.data.written import Reading, decimal_of

if TYPE_CHECKING:
    import argparse

    from fastmlp.cli.preparing import Prepared


#: What reading and unpacking raise; RuntimeError is zipfile's for a password.
_UNREADABLE = (
    ValueError, OSError, EOFError, RuntimeError, zlib.error, LZMAError, BadZipFile, TarError,
)  # fmt: skip


def table_name(path: Path) -> str:
    """Return the name of a table's file without its endings.

    Examples
    --------
    >>> table_name(Path("data/sales.2026.csv.gz"))
    'sales.2026'
    """
    while path.suffix.lower() in PACKED:
        path = path.with_suffix("")
    return path.stem


def warn(text: str) -> None:
    """Tell the user, beside the results and not among them."""
    beside(f"fastmlp: note: {text}")


@dataclass(frozen=True)
class Format:
    """How a delimited file is written, where that is known.

    Attributes
    ----------
    sep, decimal, encoding : str or None
        The delimiter, the decimal sign of numbers, and the encoding; None is found out.
    """

    sep: str | None = None
    decimal: str | None = None
    encoding: str | None = None

    @classmethod
    def of(cls, options: argparse.Namespace, decimal: str | None = None) -> Format:
        """Return what the command line says; of the decimal sign, what is known besides."""
        return cls(options.sep, options.decimal or decimal, options.encoding)


def read_table(
    path: Path,
    form: Format = Format(),
    *,
    texts: Sequence[str] = (),
    target: str | None = None,
    note: Note = warn,
) -> tuple[Any, Format]:
    """Read a table as a pandas DataFrame, with what was found of how it is written.

    Of delimited text, blanks around names and values don't count. An empty field is a missing
    value; so are NA, None and the like in a column that holds numbers otherwise
    (`fastmlp.data.texts.values`). Columns are bool, float64 or texts, as are numbers that people
    write: who learns of the table reads these (`fastmlp.data.written`), by the decimal sign that is
    returned. The index says row and line of the file, for errors about a value. The columns of
    Parquet, Feather and JSON have their own types.

    Parameters
    ----------
    path : Path
    form : Format
        What is known of how it is written.
    texts : sequence of str
        Columns to be read as the texts they are.
    target : str, optional
        A column to be read as texts, of which there must not be two.
    note : function of a str, optional
        Is told of what the header leaves open; on stderr by default.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file; it is no table.
    ImportError
        pandas is missing.
    """
    for table, found in read_tables(path, form, texts=texts, target=target, rows=None, note=note):
        return table, found
    raise ValueError(f"{path} has a header but no rows")


def read_tables(
    path: Path,
    form: Format,
    *,
    texts: Sequence[str] = (),
    target: str | None = None,
    rows: int | None,
    note: Note = warn,
) -> Iterator[tuple[Any, Format]]:
    """Read a table so many rows at a time; see `read_table`. A table without rows gives none."""
    try:
        import pandas as pd
    except ImportError:
        raise ImportError('reading a table needs pandas: pip install "fastmlp[table]"') from None

    if path.is_dir():
        raise ValueError(f"{path} is a folder; give the name of a table's file")
    if str(path) == "-" or (path.exists() and not path.is_file()):
        raise ValueError(f"{path} is a pipe or a device: tables are read twice, write a file first")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    typed = reader_of(path)
    if path.suffix.lower() in SHEETS:
        raise ValueError(f"{path} is a spreadsheet; save the sheet as CSV, or write it as Parquet")
    try:
        if typed is None:
            yield from _delimited(pd, path, form, {*texts, target}, target, rows, note)
        else:
            first = 1
            for table in typed(pd, path, rows):
                index = [name for name in table.index.names if name is not None]
                table.index = pd.RangeIndex(first, first + len(table), name="row")
                if len(table):
                    yield _flat(table, index, target, note if first == 1 else _quiet), form
                first += len(table)
    except ImportError as error:
        raise ImportError(
            f'reading {path.suffix} needs pyarrow: pip install "fastmlp[parquet]" ({error})'
        ) from None
    except TableError:
        raise
    except _UNREADABLE as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from None


def _flat(table: Any, index: Sequence[Any], target: str | None, note: Note) -> Any:
    """Leave out columns that hold lists or objects, which none of a table of text does.

    Columns that pandas takes for the rows' names, their index, are none of its frame, either.
    """
    for name in index:
        note(f"column {name!r} is left out: it is the index of the table, whose rows it names")
    nested = []
    for name in table.columns[[dtype is np.dtype("O") for dtype in table.dtypes]]:
        try:
            plain(table[name])
        except TypeError as error:
            if name == target:
                raise TableError(f"the target {name!r} holds {error}, no number or text") from None
            note(f"column {name!r} is left out: it holds {error}, no number, text or date")
            nested.append(name)
    return table.drop(columns=nested)


def _delimited(
    pd: Any,
    path: Path,
    form: Format,
    texts: set[str | None],
    target: str | None,
    rows: int | None,
    note: Note,
) -> Iterator[tuple[Any, Format]]:
    from fastmlp.cli.delimited import read_fields

    names: list[str] = []
    first = 1
    chunks = read_fields(path, sep=form.sep, encoding=form.encoding, rows=rows, note=note)
    for fields in chunks:
        if not names:
            if fields.row_names is not None:
                note(
                    f"{path} has a field more in each row than in its header: the first is taken "
                    f"as the rows' names ({examples(fields.row_names[:4].tolist())})"
                )
            if target and (twins := fields.names.count(target)) > 1:
                raise TableError(
                    f"{path} has {twins} columns {target!r}: which of them is the target?"
                )
            names = _unique(fields.names, note)
        if not len(fields.lines):
            continue
        columns = dict(zip(names, fields.columns, strict=True))
        fields.columns.clear()
        table, form = _typed(columns, form, texts)
        note = _quiet  # what is said of the first rows holds for all
        numbers = np.arange(first, first + len(fields.lines))
        first += len(numbers)
        index = pd.MultiIndex.from_arrays([numbers, fields.lines], names=["row", "line"])
        yield pd.DataFrame(table, index=index), form


def _quiet(text: str) -> None:
    """Note nothing."""


def _typed(
    columns: dict[str, Array], form: Format, texts: set[str | None]
) -> tuple[dict[str, Array], Format]:
    """Read columns as numbers that programs write, true and false, or texts."""
    table: dict[str, Array] = {}
    for name in list(columns):
        column = columns[name]
        plainly = as_objects(column) if name in texts else values(column)
        kind = plainly.dtype.kind
        table[name] = (
            as_objects(column) if kind == "f" and _says_truth(column, plainly) else plainly
        )
        if name in texts or kind == "b" or (kind == "f" and not _has_point(column)):
            del columns[name]  # few are there as texts and as numbers
    others = (name for name in columns if table[name].dtype.kind == "O")
    decimal = form.decimal or decimal_of(_reading(columns[name]) for name in others)
    if decimal == ",":  # 1.234 are thousands then, which programs read otherwise
        for name in (name for name in columns if table[name].dtype.kind == "f"):
            style = _reading(columns[name]).style(decimal)
            if style is not None and style.decimal == decimal:
                table[name] = as_objects(columns[name])
    return table, replace(form, decimal=decimal)


def _reading(column: Array) -> Reading:
    return Reading(np.unique(column).tolist())


def _says_truth(column: Array, numbers: Array) -> bool:
    """Tell whether numbers of a column are true and false, which stand beside no others."""
    there = ~np.isnan(numbers)
    return bool(there.any()) and str(column[there.argmax()]) in TRUE | FALSE


def _has_point(column: Array) -> bool:
    return bool((np.strings.find(column, ".") >= 0).any())


def _unique(names: list[str], note: Note) -> list[str]:
    """Name columns without a name, and tell apart those with the same, as pandas does."""
    found: dict[str, int] = {}
    for at, name in enumerate(names):
        unique, copy = name or f"Unnamed: {at}", 0
        while unique in found:
            copy += 1
            unique = f"{name}.{copy}"
        if copy:
            note(
                f"columns {found[name] + 1} and {at + 1} are both named {name!r}; the second is "
                f"taken as {unique!r}"
            )
        found[unique] = at
    return list(found)


def load_trained(path: Path) -> tuple[Any, Prepared | None]:
    """Read an estimator of tables, or a model of ``fastmlp train`` with what makes its inputs.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file; it is no model, or does not say how to read a table.
    """
    import fastmlp as fm
    from fastmlp.cli.preparing import Prepared
    from fastmlp.data.columns.targets import ClassTarget

    model = fm.load(path)
    if isinstance(model, (fm.TabularClassifier, fm.TabularRegressor)):
        return model, None
    if not isinstance(model, fm.Model) or "preprocessing" not in model.metadata:
        raise ValueError(
            f"{path} does not say how to read a table: it was not written by `fastmlp train`, nor "
            "by save of an estimator of tables; use fastmlp.load in Python"
        )
    prepare = _without_blanks(Prepared.from_json(model.metadata["preprocessing"]))
    target = prepare.target
    outputs = len(target.labels) if isinstance(target, ClassTarget) else 1
    sizes = model.network.input_columns, model.network.output_columns
    if sizes != ((prepare.width,), outputs):
        raise ValueError(
            f"{path} contradicts itself: its preprocessing makes {prepare.width} features and "
            f"expects {outputs} outputs, its network has {sizes[0]} and {sizes[1]}"
        )
    return model, prepare


def _without_blanks(prepare: Prepared) -> Prepared:
    """Name columns and categories as tables are read now: files of version 0.1 may hold blanks."""
    columns: list[Column] = []
    for column in prepare.columns:
        name = column.name.strip()
        if isinstance(column, OneHotColumn):
            texts = column.categories
            stripped = (text if text.strip() in texts else text.strip() for text in texts)
            columns.append(replace(column, name=name, categories=tuple(stripped)))
        else:
            columns.append(replace(column, name=name))
    return prepare.of(columns, prepare.target)
