"""Tables as text: every field arrives in its column as what it says, or an error names a line."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastmlp.cli.files import Format, read_table, read_tables
from fastmlp.data.columns.words import place
from fastmlp.data.frames import named
from fastmlp.data.table import Preprocessing
from fastmlp.data.texts import MISSING, labels, values

pd = pytest.importorskip("pandas")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@pytest.fixture
def read(folder):
    """Read a table of these contents: the columns as lists, and what is said of them."""

    def call(content, name="t.csv", **options):
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        notes = []
        table, _ = read_table(path, note=notes.append, **options)
        return {name: table[name].tolist() for name in table}, notes

    return call


# --- fields and columns ----------------------------------------------------------------------

SMALL = {"a": [1.0, 2.5], "b": ["x", "y"]}


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1,x\n2.5,y\n",
        "a,b\n1,x\n2.5,y",
        "a;b\n1;x\n2.5;y\n",
        "a\tb\n1\tx\n2.5\ty\n",
        "a|b\n1|x\n2.5|y\n",
        "a,b\r\n1,x\r\n2.5,y\r\n",
        "a,b\r1,x\r2.5,y\r",
        "\n\na,b\n\n1,x\n   \n2.5,y\n\n",
        " a , b \n 1 , x \n 2.5 ,y  \n",
        '"a", "b"\n"1", "x"\n2.5,"y" \n',
        "\ufeffa,b\n1,x\n2.5,y\n",
        '\ufeff"a","b"\n1,x\n2.5,y\n',
        "a,b\n1,x,\n2.5,y,\n",
        "a,b\n1,x,,,\n2.5,y\n",
        "a\tb\n1\tx\t\n2.5\ty\t \n",
        " a , b\t\n 1 , x\t\n 2.5 ,y\t\n",
        "a\tb\n1\tx\n2.5\ty\n".encode("utf-16"),
    ],
)
def test_a_table_is_read_whatever_separates_ends_and_surrounds_it(read, content):
    assert read(content) == (SMALL, [])


def test_a_quoted_field_may_hold_delimiters_quotes_and_lines(read):
    table, _ = read('"x, 1";y\n"1;2";"say ""hi"""\n"two\nlines";5"\n')
    assert table == {"x, 1": ["1;2", "two\nlines"], "y": ['say "hi"', '5"']}


def test_commas_in_the_names_of_a_table_with_tabs_do_not_cut_them(read):
    assert read("weight, kg\tprice, €\n1\t2\n3\t4\n")[0] == {
        "weight, kg": [1.0, 3.0],
        "price, €": [2.0, 4.0],
    }


def test_an_empty_row_of_a_single_column_is_a_row_if_it_is_quoted(read):
    table, _ = read('a\n1\n""\n\n3\n')
    np.testing.assert_array_equal(table["a"], [1.0, math.nan, 3.0])


def test_many_rows_come_in_their_order(read):
    rows = 25_001  # more than two chunks, and some
    text = "a,b\n" + "".join(f"{i},r{i}\n" for i in range(rows))
    table, _ = read(text)
    assert table["a"] == list(range(rows))
    assert table["b"] == [f"r{i}" for i in range(rows)]


def test_columns_without_a_name_or_with_the_same_are_named_as_pandas_names_them(read):
    text = ",a,b,a,\n1,2,3,4,5\n"
    table, notes = read(text)
    assert list(table) == list(pd.read_csv(io.StringIO(text)).columns)
    assert notes == ["columns 2 and 4 are both named 'a'; the second is taken as 'a.1'"]


def test_a_header_that_ends_with_delimiters_does_not_need_them_in_the_rows(read):
    table, _ = read("a,b,\n1,2\n3,4,\n")
    assert (table["a"], table["b"]) == ([1, 3], [2, 4])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("rows", "line", "fields"),
    [
        (["1,2,3", "4,5,6"], 2, "3 fields"),
        (["1,2,3", "4,5", "6,7"], 2, "3 fields"),
        (["1,2", "4,5", "6,7,8"], 4, "3 fields"),
        (["1,2", "", "4,5,6,7"], 4, "4 fields"),
        (["1,2,3"], 2, "3 fields"),
        (["1,2,", "3,4,5"], 3, "3 fields"),
        (["x,2,3", "y,5,6", "x,7,8"], 2, "3 fields"),
        (["0.5,2,3", "0.6,5,6", "0.7,7,8"], 2, "3 fields"),
        (['1,"2', '2"', "4"], 4, "1 field"),
        (["1,2", "3"], 3, "1 field"),
    ],
)
def test_a_row_of_another_number_of_fields_is_named_by_its_line(
    read, separator, rows, line, fields
):
    content = "\n".join(["p,q", *rows]).replace(",", separator)
    with pytest.raises(ValueError, match=f"line {line} has {fields}, but the header names 2 col"):
        read(content)


@pytest.mark.parametrize("first", ["id", "PassengerId", "row_no", "Name", "#"])
def test_a_column_that_names_rows_itself_is_not_taken_for_names_in_front(read, first):
    with pytest.raises(ValueError, match="line 2 has 3 fields"):
        read(f"{first},t\n" + "".join(f"{i},{i % 2},ok\n" for i in range(1, 6)))


@pytest.mark.parametrize(
    ("header", "names"),
    [
        ('"p","q"', ['"1"', '"2"', '"3"']),  # as write.table writes a data frame
        ('"p","q"', ['"12"', '"5"', '"31"']),  # a sample of its rows
        ('"p","q"', ['"Mazda RX4"', '"Valiant"', '"Fiat 128"']),
        ("p,q", ["Mazda RX4", "Valiant", "Fiat 128"]),
        ("p,q", ["0", "1", "2"]),  # to_csv(index_label=False) of pandas
        ("p,q", ["1", "2", "3"]),
    ],
)
def test_row_names_that_the_header_does_not_count_move_no_column(read, header, names):
    rows = zip(names, ["0.5", "0.25", "0"], ["x", "y", "x"], strict=True)
    table, notes = read("\n".join([header, *map(",".join, rows)]))
    assert table == {"p": [0.5, 0.25, 0.0], "q": ["x", "y", "x"]}
    assert "the first is taken as the rows' names" in notes[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it is empty"),
        ("\n  \n", "it is empty"),
        (b"a,b\n1,x\n2,\x81\n", r"it is not cp1252 \(byte 0x81\)"),
        (b"a,b\n1,x\0\n", "line 2 holds zero bytes"),
        (b"a,b\n1,x\n".decode().encode("utf-16") + b"\x00", "it is not utf-16"),
        ("a,b\n1,x\n\na,b\n2,x\n", "line 4 repeats the header"),
        ('a,b\n1,x\n2,"y\n3,z\n', "line 3: a quote is not closed"),
        ('a,b\n1,"x', "line 2: a quote is not closed"),
        ('a,"b\n1,x\n', "line 1: a quote is not closed"),
        ('a,b\n1,"' + "x\n" * 70_000, "line 2: a quote is not closed"),
    ],
)
def test_what_is_no_table_says_why(read, content, message):
    with pytest.raises(ValueError, match=f"t.csv cannot be read as a table: .*{message}"):
        read(content)


@pytest.mark.parametrize("name", ["t.csv.gz", "t.csv.bz2", "t.csv.xz", "t.csv.zip", "t.csv.tar"])
def test_a_file_that_cannot_be_unpacked_says_why(read, name):
    with pytest.raises(ValueError, match="cannot be read as a table"):
        read("a,b\n1,2\n", name=name)
    with pytest.raises(ValueError, match="cannot be read as a table"):
        read(gzip.compress(b"a,b\n1,2\n" * 99)[:-20], name=name)


@pytest.mark.parametrize("line", ["sep=;\r\n", "SEP=;\n", '"sep=;"\n'])
def test_a_first_line_for_spreadsheets_tells_the_delimiter(read, folder, line):
    found, _ = read(line + "a;b,c\n1,5;x\n2,5;y\n")
    assert found == {"a": ["1,5", "2,5"], "b,c": ["x", "y"]}
    assert place(read_table(folder / "t.csv")[0]["a"], 1) == "row 2 (line 4)"
    assert read("sep=\t\na\tb\n1\t2\n")[0] == {"a": [1], "b": [2]}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_encoding_that_the_first_bytes_tell_is_found(read, encoding):
    assert read("a,b\n1,ü\n".encode(encoding))[0] == {"a": [1], "b": ["ü"]}


def test_files_of_other_formats_are_told_apart_from_texts(folder, read):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"a": [1, 2]})
    frame.to_parquet(folder / "t.parquet")
    frame.to_feather(folder / "t.feather")
    for content, said in (
        ((folder / "t.parquet").read_bytes(), "Parquet: its name must end in .parquet"),
        ((folder / "t.feather").read_bytes(), "Arrow: its name must end in .feather"),
        (gzip.compress(b"a,b\n1,2\n"), "packed by gzip: its name must end in .gz"),
        (b"PK\x03\x04" + bytes(30), "a spreadsheet or packed by zip: save the sheet as CSV"),
    ):
        with pytest.raises(ValueError, match=rf"it is no text, but {said}"):
            read(content)


def test_what_is_not_utf_8_is_read_as_windows_1252_and_noted(read):
    table, notes = read("a,b\n1,é\n2,€\n".encode("cp1252"))
    assert table == {"a": [1.0, 2.0], "b": ["é", "€"]}
    assert "is not UTF-8 and is read as cp1252" in notes[0]
    table, notes = read("a,b\n1,ж\n".encode("koi8-r"), form=Format(encoding="koi8-r"))
    assert (table["b"], notes) == (["ж"], [])


def learned(folder, content, form=Format()):  # noqa: B008 - frozen
    """Learn a file's table: what is noted, and the numbers that its columns become."""
    (folder / "w.csv").write_text(content)
    frame, form = read_table(folder / "w.csv", form)
    table, notes = replace(named(frame), decimal=form.decimal), []
    prepare = Preprocessing.learn(table, note=notes.append)
    return {
        name: prepare.values_of(name, table).numbers().tolist() for name in prepare.names
    }, notes


def test_numbers_as_people_write_them_are_texts_by_one_decimal_sign_to_who_learns(read, folder):
    content = 'a;b;c;d\n1,5;1.234;5 %;(1.234,50)\n2;7;12 %;"€"\n'
    table, notes = read(content)
    assert table == {
        "a": ["1,5", "2"],
        "b": ["1.234", "7"],  # thousands, in a table of decimal commas
        "c": ["5 %", "12 %"],
        "d": ["(1.234,50)", "€"],
    }
    assert notes == []
    table, notes = learned(folder, content.replace('"€"', "(8)"))
    assert table == {"a": [1.5, 2], "b": [1234, 7], "c": [5, 12], "d": [-1234.5, -8]}
    assert [note.partition("numbers")[2] for note in notes] == [
        " with decimal commas", " with decimal commas, points between thousands",
        " with decimal commas, %", " with decimal commas, points between thousands",
    ]  # fmt: skip
    content = 'a,b,c\n"1,234",$5,007\n"2,345",$7.50,012\n'
    assert read(content)[0]["c"] == ["007", "012"]
    table, _ = learned(folder, 'a,b\n"1,234",$5\n"2,345",$7.50\n')
    assert table == {"a": [1234, 2345], "b": [5, 7.5]}
    assert learned(folder, "a\n1.234\n2.345\n", Format(decimal=","))[0] == {"a": [1234, 2345]}
    assert read("a\n1.234\n2.345\n")[0]["a"] == [1.234, 2.345]


def test_no_thousands_begin_with_a_zero(folder):
    """0,125 tells that the comma of 1,234 is a decimal one, too."""
    table, notes = learned(folder, "a;b\n1,234;-2,500\n-0,125;7,000\n")
    assert table == {"a": [1.234, -0.125], "b": [-2.5, 7.0]}
    assert all(note.endswith("numbers with decimal commas") for note in notes)
    table, _ = learned(folder, "a;b\n1.234;5,5\n0.125;1,0\n")  # nor a point of thousands
    assert table["a"] == [1.234, 0.125]
    assert learned(folder, "a;b\n,125;1,234\n,5;2\n")[0] == {"a": [0.125, 0.5], "b": [1.234, 2]}


def test_a_delimiter_that_is_given_is_taken(read):
    assert read("a;b,c\n1;x,y\n", form=Format(sep=";"))[0] == {"a": [1.0], "b,c": ["x,y"]}


@pytest.mark.parametrize("rows", [1, 7, 10_000, 30_000])
def test_a_table_in_parts_is_the_whole_table(folder, rows):
    path = folder / "long.csv"
    path.write_text("a,b\n" + "".join(f'"{i}",{i / 4},x\n' for i in range(25_000)))
    whole, form = read_table(path, note=lambda text: None)
    parts = [t for t, _ in read_tables(path, Format(), rows=rows, note=lambda text: None)]
    assert form == Format()
    assert len(parts) == (3 if rows <= 10_000 else 1)
    pd.testing.assert_frame_equal(pd.concat(parts), whole)
    assert whole.index[-1] == (25_000, 25_001)


@pytest.mark.parametrize("suffix", ["parquet", "feather", "jsonl", "json", "jsonl.gz", "json.gz"])
def test_files_with_types_keep_them(folder, suffix):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"n": [1.5, None, 3.0], "s": ["x", None, "007"], "b": [True, False, True]})
    path = folder / f"t.{suffix}"
    write = {"parquet": table.to_parquet, "feather": table.to_feather}
    if "json" in suffix:
        table.to_json(path, orient="records", lines="jsonl" in suffix)
    else:
        write[suffix](path)
    read, _ = read_table(path)
    assert read["n"].isna().tolist() == [False, True, False]
    assert read["s"].tolist()[2] == "007"
    assert read["b"].tolist() == [True, False, True]
    assert place(read["n"], 2) == "row 3"
    parts = [t for t, _ in read_tables(path, Format(), rows=2)]
    assert sum(map(len, parts)) == 3
    assert place(parts[-1]["n"], len(parts[-1]) - 1) == "row 3"


@pytest.mark.parametrize("suffix", ["parquet", "jsonl"])
def test_columns_of_lists_and_objects_are_left_out_with_a_note(folder, suffix):
    pytest.importorskip("pyarrow")
    table = pd.DataFrame({"n": [1.5, 2.5], "l": [[1], [2, 3]], "o": [{"x": 1}, {"x": 2}]})
    path = folder / f"nested.{suffix}"
    if suffix == "parquet":
        table.to_parquet(path)
    else:
        table.to_json(path, orient="records", lines=True)
    for rows in (None, 1):
        notes = []
        parts = [part for part, _ in read_tables(path, Format(), rows=rows, note=notes.append)]
        assert all(list(part.columns) == ["n"] for part in parts)
        assert [note[:24] for note in notes] == [
            "column 'l' is left out: ",
            "column 'o' is left out: ",
        ]


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("form", ["columns", "records", "split", "index", "table", "list"])
def test_tables_in_json_are_read_as_pandas_writes_them(folder, form, indent, packed):
    frame = pd.DataFrame(
        {"n": [0.1, None, 1 / 3], "s": ["x", "ü", "007"], "7": [True, False, True]}
    )
    path = folder / f"written.json{packed}"
    if form == "list":
        write = gzip.open if packed else open
        with write(path, "wt", encoding="utf-8") as file:
            columns = {name: frame[name].tolist() for name in frame}
            json.dump({**columns, "n": [0.1, None, 1 / 3]}, file, indent=indent)
    else:
        frame.to_json(path, orient=form, indent=indent, double_precision=15)
    for rows in (None, 2):
        parts = [part for part, _ in read_tables(path, Format(), rows=rows)]
        assert [len(part) for part in parts] == ([3] if rows is None else [2, 1])
        table = pd.concat(parts)
        assert list(table.columns) == ["n", "s", "7"]
        np.testing.assert_array_equal(
            table["n"], [0.1, np.nan, round(1 / 3, 15 + (form == "list"))]
        )
        assert table["s"].tolist() == ["x", "ü", "007"]
        assert table["7"].tolist() == [True, False, True]
        assert place(parts[-1]["n"], len(parts[-1]) - 1) == "row 3"


@pytest.mark.parametrize("rows", [None, 4])
def test_arrow_is_read_as_a_file_or_a_stream_of_batches(folder, rows):
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"n": np.arange(10) / 2, "c": pa.array([*"abcde"] * 2).dictionary_encode()})
    for name, new in (("file", pa.ipc.new_file), ("stream", pa.ipc.new_stream)):
        path = folder / f"{name}.arrow"
        with new(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=6)
        parts = [part for part, _ in read_tables(path, Format(), rows=rows)]
        assert [len(part) for part in parts] == ([10] if rows is None else [4, 2, 4])
        assert pd.concat(parts)["n"].tolist() == (np.arange(10) / 2).tolist()
        assert pd.concat([part["c"].astype(str) for part in parts]).tolist() == [*"abcde"] * 2
        assert place(parts[-1]["n"], len(parts[-1]) - 1) == "row 10"
    (folder / "no.arrow").write_bytes(b"ARROW1 and nothing")
    with pytest.raises(ValueError, match=r"no\.arrow cannot be read as a table"):
        read_table(folder / "no.arrow")


def test_an_index_with_a_name_is_left_out_with_a_note(folder):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"n": [1.5, 2.5], "who": ["x", "y"]})
    for table, left in ((frame.set_index("who"), ["who"]), (frame.iloc[[1, 0]], [])):
        table.to_parquet(folder / "indexed.parquet")
        notes = []
        assert "n" in read_table(folder / "indexed.parquet", note=notes.append)[0]
        said = "is left out: it is the index of the table, whose rows it names"
        assert notes == [f"column {name!r} {said}" for name in left]


def test_true_and_false_of_which_some_are_missing_are_texts_for_flags(folder):
    for words in ("True,1\nFalse,\n,3\n", "TRUE,1\nfalse,\nNA,3\n"):
        (folder / "flags.csv").write_text("a,n\n" + words * 5)
        learned = Preprocessing.learn(read_table(folder / "flags.csv")[0])
        kinds = [type(column).__name__ for column in learned.columns]
        assert kinds == ["FlagColumn", "NumberColumn"]
        frame = pd.read_csv(folder / "flags.csv")
        assert Preprocessing.learn(frame).layout == learned.layout
        np.testing.assert_array_equal(
            learned.transform(frame), learned.transform(read_table(folder / "flags.csv")[0])
        )


def test_an_object_of_json_is_one_row_or_said_to_be_no_table(read):
    assert read('{"a": 1, "b": "x"}', "t.json")[0] == {"a": [1], "b": ["x"]}
    with pytest.raises(
        ValueError, match=r"t\.json holds an object that is no table; write one a ro"
    ):
        read('{"rows": [{"a": 1}], "count": 1}', "t.json")
    with pytest.raises(
        ValueError, match="cannot be read as a table: All arrays must be of the same"
    ):
        read('{"a": [1, 2], "b": [1]}', "t.json")
    with pytest.raises(ValueError, match=r"line 3 is no JSON: Expecting"):
        read('{\n "a": 1,\n "b": ,\n}', "t.json")


@pytest.mark.parametrize("form", ["lines", "records", "columns", "split", "index"])
def test_whole_numbers_of_json_keep_their_digits_though_some_are_missing(folder, form):
    ids = [None if i % 7 == 0 else 2**53 + 1 + i // 4 for i in range(40)]
    huge = [10**25 + i // 4 for i in range(40)]
    rows = [
        {"id": one, "h": other, "n": i}
        for i, (one, other) in enumerate(zip(ids, huge, strict=True))
    ]
    columns = {name: {f"r{i}": row[name] for i, row in enumerate(rows)} for name in rows[0]}
    held = {
        "records": rows,
        "columns": columns,
        "split": {"columns": [*rows[0]], "data": [[*row.values()] for row in rows]},
        "index": {str(i): row for i, row in enumerate(rows)},
    }
    texts = [*map(json.dumps, rows)] if form == "lines" else [json.dumps(held[form])]
    (folder / "ids.json").write_text("\n".join(texts))
    table, _ = read_table(folder / "ids.json")
    assert [None if pd.isna(one) else int(one) for one in table["id"]] == ids
    assert table["h"].tolist() == huge
    kinds = [type(column).__name__ for column in Preprocessing.learn(table).columns]
    assert kinds == ["CategoryColumn", "CategoryColumn", "NumberColumn"]


def test_what_is_no_table_of_json_is_said_with_its_line(read):
    for text, said in (
        ('{"a": 1}\n\n{"a": }\n', "line 3 is no JSON: Expecting value"),
        ('{"a": 1}\n[2]\n', "line 2 is no object"),
        ('{"columns": ["a", "b"], "data": [[1, 2], [3]]}', "rows are not as its columns"),
        ('{"schema": 1, "data": 2}', "cannot be read as a table"),
        ("[1, 2]", "holds a list, but not of objects"),
        ("5", "holds an object that is no table"),
    ):
        with pytest.raises(ValueError, match=said):
            read(text, "t.json")


@pytest.mark.parametrize("lines", [True, False])
def test_json_may_begin_with_a_mark(folder, lines):
    path = folder / "marked.json"
    pd.DataFrame({"n": [1.5, 3.0], "s": ["x", "ü"]}).to_json(path, orient="records", lines=lines)
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    for parts in ([read_table(path)], read_tables(path, Format(), rows=1)):
        table = pd.concat([part for part, _ in parts])
        assert table["n"].tolist() == [1.5, 3.0]
        assert table["s"].tolist() == ["x", "ü"]


def test_an_error_about_a_value_names_its_row_and_its_line(folder):
    from fastmlp.data.columns.values import read

    (folder / "inf.csv").write_text('a,b\n\n1,"x\ny"\n\n2,z\n-inf,z\n')
    table, _ = read_table(folder / "inf.csv")
    for rows in (table, table.iloc[::-1], table.iloc[[2]]):
        with pytest.raises(ValueError, match=r"1 infinite value, the first in row 3 \(line 7\)"):
            read("a", rows["a"]).numbers()
        with pytest.raises(ValueError, match=r"'b' must hold .* in row [13] \(line [37]\)"):
            read("b", rows["b"]).numbers()


# --- what fields say -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "2.5", "-1e3", "+4", ".5"], [1.0, 2.5, -1000.0, 4.0, 0.5]),
        (["1", "", "NA", "None", "?"], [1.0, *[math.nan] * 4]),
        (["", ""], [math.nan, math.nan]),
        (["True", "FALSE", "true"], [True, False, True]),
        (["True", "", "NA"], [1.0, math.nan, math.nan]),
        (["1", "True"], ["1", "True"]),
        (["Basic", "None", ""], ["Basic", "None", ""]),
        (["NA", "NA"], ["NA", "NA"]),
        (["007", "42"], ["007", "42"]),
        (["-01", "2", ""], ["-01", "2", ""]),
        (["0", "0.50", "00.5", "0e0"], [0.0, 0.5, 0.5, 0.0]),
        (["9007199254740992", "9007199254740993"], ["9007199254740992", "9007199254740993"]),
        (["9007199254740992", "9007199254740994", "1"], [2.0**53, 2.0**53 + 2, 1.0]),
        (["100000000000000000", "1"], [1e17, 1.0]),
        (["1_000", "2"], ["1_000", "2"]),
        (["1,5", "2"], ["1,5", "2"]),
        (["inf", "1"], [math.inf, 1.0]),
        (["9" * 5000, "1"], [math.inf, 1.0]),
        (["2020-01-01"], ["2020-01-01"]),
    ],
)
def test_a_column_is_numbers_unless_it_would_lose_something(texts, expected):
    found = values(texts)
    assert found.dtype.kind == {float: "f", bool: "b", str: "O"}[type(expected[0])]
    assert list(map(str, found)) == list(map(str, np.array(expected, dtype=found.dtype)))


@pytest.mark.parametrize(
    "texts",
    [
        ["7", "-42"],
        ["007", "42"],
        ["9007199254740992", "9007199254740993"],
        ["9223372036854775807", "-9223372036854775808", "9223372036854775808"],
        ["1.0", "2.0"],
        ["+1", "-1"],
        ["1e3", "5"],
        ["True", "False"],
        ["true", "false"],
        ["٣", "4"],
        ["-0", "0"],
        ["9" * 5000, "1"],
    ],
)
def test_labels_print_as_they_are_written(texts):
    assert list(map(str, labels(texts).tolist())) == texts


# --- any table -------------------------------------------------------------------------------

FIELD = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"])),
    st.floats().map(repr),
    st.integers().map(str),
    st.sampled_from([*MISSING, "True", "false", "007", "1,5", '5"', " x ", "\n", "\r\n", '""']),
)


@st.composite
def tables(draw):
    """Names, rows of as many fields, and how they are written."""
    width = draw(st.integers(2, 4))
    name = st.text("abcdef ", min_size=1, max_size=4).filter(str.strip)
    names = draw(st.lists(name, min_size=width, max_size=width, unique_by=str.strip))
    rows = draw(st.lists(st.lists(FIELD, min_size=width, max_size=width), min_size=1, max_size=6))
    form = {
        "delimiter": draw(st.sampled_from(",;\t|")),
        "lineterminator": draw(st.sampled_from(["\n", "\r\n"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    }
    if form["quoting"] == csv.QUOTE_MINIMAL:
        # csv.writer quotes a lone carriage return in new versions only
        rows = [[field.replace("\r", "") for field in row] for row in rows]
    return names, rows, form


@settings(max_examples=500, deadline=None)
@given(tables())
@example((["a", "b"], [["\x1e", '"'], ["", "\x1e"]], {"delimiter": "\t"}))
def test_any_table_that_csv_writes_is_read_field_by_field(folder, table):
    names, rows, form = table
    with (folder / "any.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, **form).writerows([names, *rows])
    stripped = [name.strip() for name in names]
    read, _ = read_table(folder / "any.csv", texts=stripped)
    assert list(read) == stripped
    expected = [[field.strip() for field in row] for row in rows]
    assert read.to_numpy(dtype=object).tolist() == expected


@settings(max_examples=500, deadline=None)
@given(st.lists(FIELD, min_size=1, max_size=8))
def test_a_column_of_any_texts_keeps_them_or_every_number(texts):
    found = values(texts)
    if found.dtype.kind == "O":
        assert found.tolist() == texts
        return
    for text, value in zip(texts, found.tolist(), strict=True):
        if text in MISSING:
            assert math.isnan(value)
        elif text.lower() in ("true", "false"):
            assert value == (text.lower() == "true")
        else:
            assert value == float(text)


@settings(max_examples=300, deadline=None)
@given(
    st.data(),
    st.lists(st.lists(FIELD, max_size=5), min_size=1, max_size=5),
    st.sampled_from(",;\t"),
)
def test_rows_of_any_lengths_are_read_as_they_are_or_an_error(folder, data, rows, delimiter):
    with (folder / "ragged.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=delimiter).writerows([["p", "q", "r"], *rows])
    notes = []
    try:
        table, _ = read_table(folder / "ragged.csv", texts=["p", "q", "r"], note=notes.append)
    except ValueError:
        return
    kept = [[field.strip() for field in row] for row in rows]
    kept = [row for row in kept if len(row) > 1 or any(row)]
    first = 1 if notes else 0
    assert table.to_numpy(dtype=object).tolist() == [row[first : first + 3] for row in kept]
    assert all(not any(row[first + 3 :]) for row in kept)


def test_long_texts_are_fields_and_what_a_quote_swallows_is_an_error(folder):
    long = "word " * 60_000 + "end"  # csv by itself takes 131,072 characters
    (folder / "long.csv").write_text(f'a,b\n"{long}",1\nshort,2\n')
    table, _ = read_table(folder / "long.csv")
    assert table["a"].tolist() == [long, "short"]
    (folder / "long.csv").write_text('a,b\n"' + "x" * 17_000_000 + ",1\n")
    with pytest.raises(ValueError, match=r"line 2: .* is a quote not closed\?"):
        read_table(folder / "long.csv")


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text('ab1,;\t"\r\n \x1e\ufeff').map(str.encode)))
def test_any_bytes_are_a_table_or_an_error(folder, content):
    (folder / "bytes.csv").write_bytes(content)
    with contextlib.suppress(ValueError):
        table, _ = read_table(folder / "bytes.csv", note=lambda text: None)
        assert len(table) > 0
