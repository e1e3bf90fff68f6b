"""A delimited text file with a header, field by field: what stands where, not what it means."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastmlp.data.texts import MISSING, TEXT, Array

#: Of two that fit equally the first: a comma is more often part of a name or number.
DELIMITERS = "\t;|,"
#: Of what is neither UTF-8 nor UTF-16.
OTHER = "cp1252"
#: How files begin that are no text, and what they are.
_FORMATS = {
    b"PAR1": "Parquet: its name must end in .parquet",
    b"ARROW1": "Arrow: its name must end in .feather",
    b"FEA1": "Feather: its name must end in .feather",
    b"\x1f\x8b": "packed by gzip: its name must end in .gz",
    b"\xfd7zXZ": "packed by xz: its name must end in .xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd: its name must end in .zst",
    b"PK\x03\x04": "a spreadsheet or packed by zip: save the sheet as CSV, or end its name in .zip",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save the sheet as CSV",
    b"SQLite format 3": "a database: write the table as CSV",
    b"%PDF": "a PDF: write the table as CSV",
}
#: A first line by which spreadsheets are told the delimiter.
_TOLD = re.compile(r'"?sep=(?P<sep>[^\r\n"])"?\s*', re.IGNORECASE)
#: How many lines are looked at to find the delimiter.
_SAMPLE = 20
#: Rows that are lists of str at a time; as arrays their texts need a quarter of the memory.
_CHUNK = 10_000
#: Characters of a field: more than texts have, and fewer than a quote that is not closed swallows.
_LONGEST = 1 << 24
#: Comes behind the last line, to see whether a quoted field swallows it.
_END = "\x1e"
#: Of fewer rows, a first column of different texts or of 1, 2, … may well be data.
_FEWEST_NAMES = 3
#: What ends the name of a first column that itself names or numbers the rows.
_NAMING = frozenset(("id", "index", "row", "no", "nr", "number", "name", "#"))


@dataclass(frozen=True, eq=False)
class Fields:
    """The fields of a table as texts, without blanks around them.

    Attributes
    ----------
    names : list of str
        What the header calls the columns, "" where it says nothing.
    columns : list of ndarray of StringDType, shape (rows,)
    lines : ndarray of int64, shape (rows,)
        The line of the file in which each row begins, from 1.
    row_names : ndarray of StringDType or None
        Names of the rows that the header does not count, as R writes them.
    """

    names: list[str]
    columns: list[Array]
    lines: Array
    row_names: Array | None


def read_fields(
    path: Path,
    *,
    sep: str | None = None,
    encoding: str | None = None,
    rows: int | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Iterator[Fields]:
    """Read a table that has a header, whole or so many rows at a time.

    Blank lines don't count. Every row has as many fields as the header, but for empty ones too
    many at its end, and for names of the rows in front of all of them.

    Parameters
    ----------
    path : Path
    sep : str, optional
        The delimiter; by default that of a first line ``sep=;``, as spreadsheets read it, or the
        one of ``, ; tab |`` that splits the header.
    encoding : str, optional
        By default UTF-8, UTF-16 or UTF-32 if the first bytes say so, and Windows-1252 for what is
        none of them.
    rows : int, optional
        How many come at a time, about; all by default.
    note : function of a str
        Is told of the encoding, if that was not UTF-8.

    Raises
    ------
    ValueError
        The file is no text, or a row has another number of fields; the line is named.
    OSError, EOFError
        The file cannot be read or unpacked.
    """
    from pandas.io.common import get_handle

    with get_handle(path, "rb", is_text=False, compression="infer") as opened:
        binary: Any = opened.handle
        _check_is_text(binary)
        found = encoding or _encoding(binary)
        if found == OTHER and encoding is None:
            note(f"{path} is not UTF-8 and is read as {OTHER} (see --encoding)")
        binary.seek(0)
        text = io.TextIOWrapper(binary, found, newline="")
        try:
            yield from _read(text, sep, rows)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"it is not {found} (byte 0x{error.object[error.start]:02x}): is it text, and in "
                "another encoding? See --encoding"
            ) from None
        finally:
            text.detach()  # whoever opened the file closes it


def _check_is_text(binary: Any) -> None:
    """Raise if the first bytes say that a file is of a format which is no text."""
    first = binary.read(16)
    binary.seek(0)
    what = next((what for begin, what in _FORMATS.items() if first.startswith(begin)), "")
    if what:
        raise ValueError(f"it is no text, but {what}")


def _encoding(binary: Any) -> str:
    """Find the encoding of a file that does not say it."""
    first = binary.read(4)
    if first in (b"\xff\xfe\0\0", b"\0\0\xfe\xff"):
        return "utf-32"
    if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    binary.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := binary.read(1 << 20):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return OTHER
    return "utf-8-sig"


def _read(text: io.TextIOWrapper, sep: str | None, rows: int | None) -> Iterator[Fields]:
    sample = [line for _, line in zip(range(_SAMPLE), text, strict=False)]
    if sample and (told := _TOLD.fullmatch(sample[0])):
        sep, sample[0] = sep or told["sep"], "\n"
    quoted = bytearray()
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))  # of the process: by itself 128 KB
    lines = _lines(sample, text, quoted)
    reader = csv.reader(lines, delimiter=sep or _delimiter(sample), skipinitialspace=True)
    try:
        yield from _read_records(reader, quoted, rows)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}; is a quote not closed?") from None


def _lines(sample: list[str], text: io.TextIOWrapper, quoted: bytearray) -> Iterator[str]:
    """Give every line, and note whether it begins with a quote."""
    for lines in (sample, text):
        for line in lines:
            if "\0" in line:
                raise ValueError(
                    f"it is no text: line {len(quoted) + 1} holds zero bytes; UTF-16 that does not "
                    "say so needs --encoding utf-16-le or utf-16-be"
                )
            quoted.append(line.startswith('"'))
            yield line
    yield _END


def _delimiter(sample: list[str]) -> str:
    """Choose what gives the header most names; half of the first rows should be as long."""

    def score(delimiter: str) -> tuple[bool, bool, int, int]:
        try:
            reader = csv.reader(sample, delimiter=delimiter, skipinitialspace=True)
            header, *rows = [record for record in reader if any(map(str.strip, record))]
        except (csv.Error, ValueError):  # a field without end, or nothing but blanks
            return False, False, 0, 0
        width = len(header)
        alike = sum(len(row) == width for row in rows)
        return width > 1, 2 * alike >= len(rows), sum(map(bool, map(str.strip, header))), alike

    return max(DELIMITERS, key=score)


def _read_records(reader: Any, quoted: bytearray, most: int | None) -> Iterator[Fields]:
    """Cut records into the header and chunks of rows."""
    rows: _Rows | None = None
    records: list[list[str]] = []
    lines: list[int] = []
    end = 0
    for record in reader:
        records.append(record)
        lines.append(end + 1)
        end = reader.line_num
        if rows is None and any(map(str.strip, record)):
            # the header: above it there are blank lines only
            rows = _Rows([name.strip() for name in record], lines[-1], quoted, again=record)
            records, lines = [], []
        elif rows is not None and len(records) > _CHUNK:
            rows.add(records[:-1], lines[:-1])
            records, lines = records[-1:], lines[-1:]
            if most is not None and len(rows) >= most:
                yield (fields := rows.fields())
                named = fields.row_names is not None
                rows = _Rows(rows.names, rows.line, quoted, again=rows.again, named=named)
    if rows is None:
        raise ValueError("it is empty")
    if records[-1:] != [[_END]]:
        begin = lines[-1] if lines else rows.line
        raise ValueError(f"line {begin}: a quote is not closed")
    rows.add(records[:-1], lines[:-1])
    yield rows.fields()


class _Rows:
    """The rows read so far, checked against the header."""

    def __init__(
        self,
        names: list[str],
        line: int,
        quoted: bytearray,
        *,
        again: list[str],
        named: bool = False,
    ) -> None:
        self.names = names
        self.line = line
        self.again = again  # the header as it stands: files put together may hold it again
        self._named = named  # whether rows before these had names
        self._quoted = quoted  # for each line so far, whether it begins with a quote
        self._chunks: list[list[Array]] = []
        self._lines: list[int] = []
        # of rows with one field too many: how many, what it says, where it first says something
        self._wide = 0
        self._beyond: list[str] = []
        self._first_beyond: int | None = None

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, records: list[list[str]], lines: list[int]) -> None:
        width = len(self.names)
        kept = []
        for record, line in zip(records, lines, strict=True):
            if record == self.again and len(record) > 1:
                raise ValueError(f"line {line} repeats the header: leave it out")
            if len(record) != width:
                if not any(map(str.strip, record)) and len(record) < 2:
                    continue  # a blank line
                record = self._fit(record, line)
            kept.append(record)
            self._lines.append(line)
        if kept:
            columns = zip(*kept, strict=True)
            self._chunks.append([np.array(column, dtype=TEXT) for column in columns])

    def _fit(self, record: list[str], line: int) -> list[str]:
        """Give a row the header's width, and remember what is beyond it."""
        width = len(self.names)
        while len(record) > width + 1 and not record[-1].strip():
            record.pop()
        while len(record) < width and not self.names[len(record)]:
            record.append("")  # the header alone ends with delimiters
        if not width <= len(record) <= width + 1:
            raise self._misfit(line, len(record))
        if len(record) > width:
            self._wide += 1
            self._beyond.append(record.pop())
            if self._first_beyond is None and self._beyond[-1].strip():
                self._first_beyond = line
        return record

    def fields(self) -> Fields:
        """Put the chunks together, once all rows are there."""
        columns = [self._whole(at) for at in range(len(self.names) if self._chunks else 0)]
        lines = np.array(self._lines, dtype=np.int64)
        if self._first_beyond is None:
            return Fields(self.names, columns, lines, None)
        if self._wide < len(lines) or not (self._named or self._name_rows(columns[0])):
            hint = "; if rows begin with their names, the header must name that column too"
            raise self._misfit(
                self._first_beyond, len(self.names) + 1, hint if self._wide == len(lines) else ""
            )
        beyond = np.strings.strip(np.array(self._beyond, dtype=TEXT))
        return Fields(self.names, [*columns[1:], beyond], lines, columns[0])

    def _whole(self, at: int) -> Array:
        column = np.strings.strip(np.concatenate([chunk[at] for chunk in self._chunks]))
        for chunk in self._chunks:
            chunk[at] = column[:0]  # so that there is one copy of one column at most
        return column

    def _name_rows(self, first: Array) -> bool:
        """Tell names of rows from data: each is another text or whole number.

        As R writes them, they are quoted. Without quotes, numbers must be those of the rows, from 0
        or 1 on, and the first column must not be called a name or number itself.
        """
        names = first.tolist()
        numbers = [name for name in names if _is_value(name)]
        if len(set(names)) < len(names) or not all(map(str.isdecimal, numbers)):
            return False
        if all(self._quoted[line - 1] for line in self._lines):
            return True
        last_word = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|#", self.names[0])[-1:]
        if len(names) < _FEWEST_NAMES or _NAMING & {word.lower() for word in last_word}:
            return False
        return not numbers or (
            numbers[0] in ("0", "1")
            and names == [str(int(numbers[0]) + row) for row in range(len(names))]
        )

    def _misfit(self, line: int, found: int, hint: str = "") -> ValueError:
        width = len(self.names)
        header = "the header" + (f" (line {self.line})" if self.line > 1 else "")
        return ValueError(
            f"line {line} has {found} field{'' if found == 1 else 's'}, but {header} names "
            f"{width} column{'' if width == 1 else 's'}: {_shorten(self.names)}{hint}"
        )


def _is_value(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return text in MISSING
    return True


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
