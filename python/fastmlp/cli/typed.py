"""Files whose columns have types, as those of delimited text have not: Parquet, Feather, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from fastmlp.data.texts import EXACT

#: The endings of packed files, in front of which stands that of what is in them.
PACKED = (".gz", ".bz2", ".zip", ".xz", ".zst", ".tar")
#: The endings of spreadsheets, which are not read.
SHEETS = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")
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
    """Read objects, one a line; or a list of them or columns, which are there as a whole.

    By Python's own reader: that of pandas makes floats of whole numbers where some are missing, and
    takes none beyond 64 bits.
    """
    if _has_lines(path):
        records = _records(path)
        while part := [*islice(records, rows)]:
            yield _of_records(pd, part)
        return
    table = _table(pd, path)
    for start in range(0, len(table), rows or max(1, len(table))):
        yield table.iloc[start : start + (rows or len(table))]


def _text_of(path: Path) -> Any:
    from pandas.io.common import get_handle

    return get_handle(path, "r", encoding=_UTF8, compression="infer")


def _has_lines(path: Path) -> bool:
    """Tell a file with an object a line from one that is one list or object."""
    with _text_of(path) as opened:
        texts = (line.strip() for line in opened.handle if line.strip())
        first, second = next(texts, ""), next(texts, "")
    if not second or first.startswith("["):
        return False
    try:
        json.loads(first)
    except ValueError:
        return not first.startswith("{")
    return True


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with _text_of(path) as opened:
        for line, text in enumerate(opened.handle, 1):
            if not text.strip():
                continue
            record = _parsed(path, text.rstrip(), line)
            if not isinstance(record, dict):
                raise TableError(f"{path} cannot be read as a table: line {line} is no object")
            yield record


def _parsed(path: Path, text: str, line: int = 1) -> Any:
    """Return what JSON says that begins in a line."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise TableError(
            f"{path} cannot be read as a table: line {line + error.lineno - 1} is no JSON: "
            f"{error.msg}"
        ) from None


def _table(pd: Any, path: Path) -> Any:
    """Return the table that a list or an object is, in any of the ways of pandas."""
    with _text_of(path) as opened:
        held = _parsed(path, opened.handle.read())
    if isinstance(held, list):
        if not all(isinstance(record, dict) for record in held):
            raise TableError(f"{path} holds a list, but not of objects: columns need names")
        return _of_records(pd, held)
    values = [*held.values()] if isinstance(held, dict) else []
    if values and {*held} == {"schema", "data"}:
        return _typed(pd, path)
    if values and {"columns", "data"} <= held.keys() <= {"columns", "data", "index"}:
        names, rows = held["columns"], held["data"]
        if not all(isinstance(row, list) and len(row) == len(names) for row in rows):
            raise TableError(f"{path} cannot be read as a table: its rows are not as its columns")
        return _of_records(pd, [dict(zip(names, row, strict=True)) for row in rows])
    if values and all(isinstance(value, dict) for value in values):
        keys = dict.fromkeys(key for value in values for key in value)
        if _are_numbers(held) and not _are_numbers(keys):
            return _of_records(pd, values)
        return _frame(
            pd, {name: [column.get(key) for key in keys] for name, column in held.items()}
        )
    if values and all(isinstance(value, list) for value in values):
        return _frame(pd, held)
    if values and not any(isinstance(value, (dict, list)) for value in values):
        return _of_records(pd, [held])  # the only row
    raise TableError(
        f"{path} holds an object that is no table; write one a row, as "
        "df.to_json(path, orient='records', lines=True) does"
    )


def _typed(pd: Any, path: Path) -> Any:
    """Return a table that says itself of which types its columns are."""
    try:
        return pd.read_json(path, orient="table", precise_float=True, encoding=_UTF8)
    except (ValueError, AttributeError, TypeError, KeyError) as error:  # all of pandas
        raise TableError(f"{path} cannot be read as a table: {error}") from None


def _are_numbers(keys: Any) -> bool:
    return all(key.isdecimal() for key in keys)


def _of_records(pd: Any, records: list[dict[str, Any]]) -> Any:
    names = dict.fromkeys(name for record in records for name in record)
    return _frame(pd, {name: [record.get(name) for record in records] for name in names})


def _frame(pd: Any, columns: dict[str, list[Any]]) -> Any:
    return pd.DataFrame({str(name): _column(pd, values) for name, values in columns.items()})


def _column(pd: Any, values: list[Any]) -> Any:
    """Return a column for pandas: of whole numbers that float64 skips also if some are missing."""
    if {*map(type, values)} == {int, type(None)}:
        sizes = [abs(value) for value in values if value is not None]
        if max(sizes) >= EXACT:
            return pd.array(values, dtype="Int64" if max(sizes) < 2**63 else object)
    return values


_READERS: dict[str, Callable[[Any, Path, int | None], Iterator[Any]]] = {
    **dict.fromkeys((".parquet", ".pq"), _parquet),
    **dict.fromkeys((".feather", ".arrow"), _feather),
    **dict.fromkeys(_JSON, _json),
}
#: The endings of all that have types.
TYPED = tuple(_READERS)
