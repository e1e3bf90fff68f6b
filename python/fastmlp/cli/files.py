"""Reading the files that commands are given: tables, and models with their preprocessing."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from lzma import LZMAError
from pathlib import Path
from tarfile import TarError
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np

from fastmlp.data.columns.base import Column
from fastmlp.data.columns.older import OneHotColumn
from fastmlp.data.columns.words import Note, examples
from fastmlp.data.texts import as_objects, values

if TYPE_CHECKING:
    from fastmlp.cli.preparing import Prepared
    from fastmlp.models.model import Model


#: What reading and unpacking raise; RuntimeError is zipfile's for a password.
_UNREADABLE = (
    ValueError, OSError, EOFError, RuntimeError, zlib.error, LZMAError, BadZipFile, TarError,
)  # fmt: skip


#: The endings of packed files, in front of which stands that of what is in them.
_PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")


def table_name(path: Path) -> str:
    """Return the name of a table's file without its endings.

    Examples
    --------
    >>> table_name(Path("data/sales.2026.csv.gz"))
    'sales.2026'
    """
    while path.suffix.lower() in _PACKED:
        path = path.with_suffix("")
    return path.stem


def warn(text: str) -> None:
    """Tell the user, beside the results and not among them."""
    print(f"fastmlp: note: {text}", file=sys.stderr)


def read_table(
    path: Path,
    texts: Sequence[str] = (),
    columns: Sequence[str] | None = None,
    *,
    target: str | None = None,
    note: Note = warn,
) -> Any:
    """Read a delimited text file with a header as a pandas DataFrame.

    Blanks around names and values don't count. An empty field is a missing value; so are NA, None
    and the like in a column that holds numbers otherwise (`fastmlp.data.texts.values`). Columns are
    bool, float64 or texts. The index says row and line of the file, for errors about a value.

    Parameters
    ----------
    path : Path
    texts : sequence of str
        Columns to be read as the texts they are.
    columns : sequence of str, optional
        Leave out all other columns.
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
    try:
        import pandas as pd
    except ImportError:
        raise ImportError('reading a table needs pandas: pip install "fastmlp[table]"') from None
    from fastmlp.cli.delimited import read_fields

    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        fields = read_fields(path)
    except _UNREADABLE as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from None
    if not len(fields.lines):
        raise ValueError(f"{path} has a header but no rows")
    if fields.row_names is not None:
        note(
            f"{path} has a field more in each row than in its header: the first is taken as the "
            f"rows' names ({examples(fields.row_names[:4].tolist())})"
        )
    if target and (twins := fields.names.count(target)) > 1:
        raise ValueError(f"{path} has {twins} columns {target!r}: which of them is the target?")
    names = _unique(fields.names, note)
    as_they_are = {*texts, target}
    table = {}
    while fields.columns:
        # one column after another, so that few are there as texts and as numbers
        name, column = names[-len(fields.columns)], fields.columns.pop(0)
        if columns is None or name in columns:
            table[name] = as_objects(column) if name in as_they_are else values(column)
    rows = np.arange(1, len(fields.lines) + 1)
    index = pd.MultiIndex.from_arrays([rows, fields.lines], names=["row", "line"])
    return pd.DataFrame(table, index=index)


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


def check_output(output: Path, inputs: Sequence[Path]) -> None:
    """Find out before any work whether a result can be written, and overwrites no input."""
    if output.is_dir():
        raise ValueError(f"--output {output} is a folder; give the name of a file")
    if not output.parent.is_dir():
        raise ValueError(f"--output {output}: there is no folder {output.parent}")
    for given in inputs:
        if output.exists() and given.exists() and output.samefile(given):
            raise ValueError(f"--output {output} would overwrite what is read")


def load_trained(path: Path) -> tuple[Model, Prepared]:
    """Read a model that ``fastmlp train`` has saved, and what turns a table into its inputs.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file; it is no model, or holds none of the command's preprocessing.
    """
    import fastmlp as fm
    from fastmlp.cli.preparing import Prepared
    from fastmlp.data.columns.targets import ClassTarget

    model = fm.load(path)
    if not isinstance(model, fm.Model) or "preprocessing" not in model.metadata:
        raise ValueError(
            f"{path} does not say how to read a table: it was not written by `fastmlp train`; "
            "use fastmlp.load in Python"
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
