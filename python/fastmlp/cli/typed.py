"""Files whose columns have types, as those of delimited text have not: Parquet, Feather, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

#: The endings of packed files, in front of which stands that of what is in them.
PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")
#: The endings of JSON: lines of objects, a list of them, or what pandas writes.
_JSON = (".jsonl", ".ndjson", ".json")
_UTF8 = "utf-8-sig"  # with a mark at the beginning or without


class TableError(ValueError):
    """A table can be read, but is not what it has to be."""


def reader_of(path: Path) -> Callable[[Any, Path, int | None], Iterator[Any]] | None:
    """Return what reads a file with pandas, so many rows at a time or all; None of other files.

    Examples
    --------
    >>> reader_of(Path("sales.parquet")) is not None, reader_of(Path("sales.csv.gz")) is None
    (True, True)
    """
    inner = Path(path.stem).suffix.lower()
    packed = path.suffix.lower() in PACKED and inner in _JSON
    return _READERS.get(inner if packed else path.suffix.lower())


def _to_frame(pd: Any, table: Any) -> Any:
    """Return a table or batch of Arrow as a frame.

    Integers stay such though some are missing: as floats of 64 bits they would lose digits.
    """
    import pyarrow as pa

    kinds = {
        pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(), pa.int32(): pd.Int32Dtype(),
        pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(), pa.uint16(): pd.UInt16Dtype(),
        pa.uint32(): pd.UInt32Dtype(), pa.uint64(): pd.UInt64Dtype(),
    }  # fmt: skip
    return table.to_pandas(types_mapper=kinds.get)


def _parquet(pd: Any, path: Path, rows: int | None) -> Iterator[Any]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        if rows is None:
            yield _to_frame(pd, file.read())
            return
        for batch in file.iter_batches(rows):
            yield _to_frame(pd, batch)


def _feather(pd: Any, path: Path, rows: int | None) -> Iterator[Any]:
    """Read a file of Arrow, one that was written as a stream, or Feather of before."""
    from pyarrow import ipc

    with path.open("rb") as file:
        begin = file.read(6)
        file.seek(0)
        if begin[:4] == b"FEA1":
            yield pd.read_feather(path)
            return
        if begin == b"ARROW1":
            reader = ipc.open_file(file)
            batches = map(reader.get_batch, range(reader.num_record_batches))
        else:
            batches = reader = ipc.open_stream(file)
        if rows is None:
            yield _to_frame(pd, reader.read_all())
            return
        for batch in batches:
            for start in range(0, len(batch), rows):
                yield _to_frame(pd, batch.slice(start, rows))


def _json(pd: Any, path: Path, rows: int | None) -> Iterator[Any]:
    """Read objects, one a line; or a list of them or columns, which are there as a whole."""
    form = _form_of(path)
    options = {"dtype": False, "precise_float": True, "convert_axes": False, "encoding": _UTF8}
    if form == "table":
        del options["dtype"], options["convert_axes"]  # the file says which
    try:
        if form == "lines" and rows is not None:
            with pd.read_json(path, lines=True, chunksize=rows, **options) as tables:
                yield from tables
            return
        orient = {"lines": True} if form == "lines" else {"orient": form}
        table = pd.read_json(path, **orient, **options)
        if not all(isinstance(name, str) for name in table.columns):
            raise TableError(f"{path} holds a list, but not of objects: columns need names")
        for start in range(0, len(table), rows or max(1, len(table))):
            yield table.iloc[start : start + (rows or len(table))]
    except TableError:
        raise
    except (ValueError, AttributeError, TypeError, KeyError) as error:  # all of pandas
        raise TableError(_fault(path, str(error), lines=form == "lines")) from None


def _form_of(path: Path) -> str:
    """Return how a table is written: "lines", or what pandas calls the orientation of its JSON."""
    from pandas.io.common import get_handle

    with get_handle(path, "r", encoding=_UTF8, compression="infer") as opened:
        texts = (line for line in opened.handle if line.strip())
        first, second = next(texts, ""), next(texts, "")
        if first.lstrip().startswith("["):
            return "records"
        if _parsed(first) is not None and second.strip():
            return "lines"
        held = _parsed("".join([first, second, *texts]))
    if held is None and first.strip() == "{":
        return "columns"  # not lines, and no JSON either
    if not isinstance(held, dict) or not held:
        return "lines"
    if {"columns", "data"} <= held.keys() <= {"columns", "data", "index"}:
        return "split"
    if {*held} == {"schema", "data"}:
        return "table"
    if all(isinstance(value, dict) for value in held.values()):
        rows = {key for value in held.values() for key in value}
        numbered = _are_numbers(held) and not _are_numbers(rows)
        return "index" if numbered else "columns"
    if all(isinstance(value, list) for value in held.values()):
        return "columns"
    if not any(isinstance(value, (dict, list)) for value in held.values()):
        return "lines"  # the only row
    raise TableError(
        f"{path} holds an object that is no table; write one a row, as "
        "df.to_json(path, orient='records', lines=True) does"
    )


def _parsed(text: str) -> Any:
    """Return what a text of JSON says, None if it is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return None


def _are_numbers(keys: Any) -> bool:
    return all(key.isdecimal() for key in keys)


def _fault(path: Path, found: str, *, lines: bool) -> str:
    """Say in which line a file is no JSON; pandas does not."""
    from pandas.io.common import get_handle

    with get_handle(path, "r", encoding=_UTF8, compression="infer") as opened:
        for before, text in enumerate(opened.handle if lines else [opened.handle.read()]):
            try:
                if text.strip():
                    json.loads(text.rstrip())
            except json.JSONDecodeError as error:
                found = f"line {before + error.lineno} is no JSON: {error.msg}"
                break
    return f"{path} cannot be read as a table: {found}"


_READERS = {
    **dict.fromkeys((".parquet", ".pq"), _parquet),
    **dict.fromkeys((".feather", ".arrow"), _feather),
    **dict.fromkeys(_JSON, _json),
}
