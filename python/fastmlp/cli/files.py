"""Reading the files that commands are given: tables, and models with their preprocessing."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmlp.model import Model
    from fastmlp.table import Preprocessing


def read_table(path: Path, texts: Sequence[str] = ()) -> Any:
    """Read a delimited text file with a header as a pandas DataFrame.

    The delimiter is the one of ``, ; tab |`` that the header has most of. Empty fields, ``?`` and
    pandas' usual markers are missing values; ``.gz``, ``.zip`` and the like are unpacked.

    Parameters
    ----------
    path : Path
    texts : sequence of str
        Columns to be read as texts even if they look like numbers.

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
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        # a separator that no header has gives the whole header line, unpacked
        header = pd.read_csv(path, nrows=0, sep="\x1f", quoting=csv.QUOTE_NONE).columns[0]
        delimiter = max(",;\t|", key=header.count)
        table = pd.read_csv(
            path,
            sep=delimiter,
            na_values=["?"],
            skipinitialspace=True,
            dtype=dict.fromkeys(texts, "str"),
        )
    except (ValueError, UnicodeError, OSError, EOFError) as error:
        raise ValueError(f"{path} cannot be read as a table: {error}") from None
    if not len(table):
        raise ValueError(f"{path} has a header but no rows")
    return table


def load_trained(path: Path) -> tuple[Model, Preprocessing]:
    """Read a model that ``fastmlp train`` has saved, and what turns a table into its inputs.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file; it is no model, or holds none of the command's preprocessing.
    """
    import fastmlp as fm
    from fastmlp.table import ClassTarget, Preprocessing

    model = fm.load(path)
    if "preprocessing" not in model.metadata:
        raise ValueError(
            f"{path} does not say how to read a table: it was not written by `fastmlp train`; "
            "use fastmlp.load in Python"
        )
    prepare = Preprocessing.from_json(model.metadata["preprocessing"])
    target = prepare.target
    outputs = len(target.labels) if isinstance(target, ClassTarget) else 1
    sizes = model.network.input_columns, model.network.output_columns
    if sizes != ((prepare.width,), outputs):
        raise ValueError(
            f"{path} contradicts itself: its preprocessing makes {prepare.width} features and "
            f"expects {outputs} outputs, its network has {sizes[0]} and {sizes[1]}"
        )
    return model, prepare
