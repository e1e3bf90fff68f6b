"""Numbers that people write, 1.234,50 €, are numbers in any table, as in files of the shell."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

import fastmlp as fm
from fastmlp.data.columns.category import CategoryColumn
from fastmlp.data.columns.number import NumberColumn
from fastmlp.data.columns.targets import RealTarget
from fastmlp.data.columns.values import read
from fastmlp.data.frames import named
from fastmlp.data.table import Preprocessing
from fastmlp.data.written import Reading

learn = Preprocessing.learn
NUMBERS = [round(1.25 * i - 20, 2) for i in range(1000, 4000, 50)]
FAST = {"quality": "fast", "epochs": 3, "n_members": 1, "random_state": 0}


def german(number):
    return f"{number:,.2f} €".replace(",", "#").replace(".", ",").replace("#", ".")


STYLES = {
    "%": (lambda x: f"{x:.2f} %", "%"),
    "€": (german, "decimal commas, points between thousands, €"),
    "$": (lambda x: f"${x:,.2f}", "commas between thousands, $"),
    "decimal commas": (lambda x: f"{x:.2f}".replace(".", ","), "decimal commas"),
    "minus": (lambda x: f"−{x:.2f}" if x > 3000 else f"{x:.2f}", "a minus as (5) or −5"),
}


@pytest.mark.parametrize("style", STYLES)
def test_texts_of_numbers_as_people_write_them_are_those_numbers_with_a_note(style):
    write, said = STYLES[style]
    texts, notes, told = [*map(write, NUMBERS)], [], []
    sign = np.where([text[0] == "−" for text in texts], -1, 1)
    numbers = np.array(NUMBERS) * sign
    expected = learn({"a": numbers})
    learned = learn({"a": texts}, note=notes.append)
    (column,) = learned.columns
    assert replace(column, unit="") == expected.columns[0]
    assert column.unit == (said[-1] if style in "%€$" else "")
    assert notes == [f"column 'a' is read as numbers with {said}"]
    X = expected.transform({"a": numbers})
    for prepare in (learned, Preprocessing.from_json(learned.to_json())):
        assert_array_equal(prepare.transform({"a": texts}), X)
        assert_array_equal(prepare.transform({"a": numbers}), X)
        assert_array_equal(prepare.transform({"a": pd.Categorical(texts)}), X)
    assert_array_equal(expected.transform({"a": texts}, told.append), X)
    assert told == notes


def test_the_decimal_sign_of_training_reads_new_rows_that_leave_it_open():
    learned = learn({"a": ["1,5", "2,25", "3"] * 4, "b": ["1,234", "5,678"] * 6})
    assert_array_equal(
        learned.transform({"a": ["1,500", "3,000"], "b": ["1,234", "5,678"]}),
        learned.transform({"a": [1.5, 3.0], "b": [1.234, 5.678]}),
    )


def test_a_few_words_among_written_numbers_are_missing_and_codes_stay_categories():
    notes = []
    texts = [f"{i},5 kr" for i in range(40)]
    (column,) = learn({"a": [*texts, "n.v.", *texts]}, note=notes.append).columns
    assert column.words == ("n.v.",)
    assert "taken as missing: 'n.v.', the first in row 41 (index 40)" in notes[1]
    for codes in (["007", "042"], ["3/4", "1/4"], ["5 %", "$5"], ["1.2.3", "1.2.4"]):
        assert isinstance(learn({"a": codes * 6}).columns[0], CategoryColumn)
    assert isinstance(
        learn({"a": ["5 %", "7 %"] * 6}, kinds={"a": "category"}).columns[0], CategoryColumn
    )
    assert learn({"a": ["5 %", "7 %", "x"] * 6}, kinds={"a": "number"}).columns[0].words


def test_the_sign_that_a_table_says_itself_goes_before_that_of_training():
    rows = {"a": ["1,125", "9,875"]}
    learned = learn({"a": np.arange(80) / 8})
    table = named(rows)
    thousands = learned.transform({"a": [1125, 9875]})
    assert_array_equal(learned.transform(rows), thousands)
    assert_array_equal(learned.transform(replace(table, decimal=".")), thousands)
    commas = learned.transform({"a": [1.125, 9.875]})
    assert_array_equal(learned.transform(replace(table, decimal=",")), commas)
    assert_array_equal(replace(learned, decimal=",").transform(rows), commas)
    assert learn(replace(named({"a": ["1,125", "9,875"] * 9}), decimal=",")).decimal == ","


def test_a_point_among_decimal_commas_that_cannot_be_one_of_thousands_is_a_decimal_one():
    learned = learn({"a": [f"{i},5" for i in range(40)]})
    for more in ([], ["n.v."]):
        found = learned.values_of("a", named({"a": ["1.234", "1.5", *more]}))
        assert_array_equal(found.numbers(more)[:2], [1.234, 1.5])


def test_words_of_training_are_no_numbers_of_another_unit():
    learned = learn({"a": [*(f"${i}" for i in range(80)), "€7"]})
    (column,) = learned.columns
    assert column.words == ("€7",)
    assert_array_equal(learned.transform({"a": ["€7"]}), learned.transform({"a": [None]}))


@pytest.mark.parametrize(
    "texts",
    [
        ["(5)", "7", "(12)", "−3"],
        ["$5", "6", "$7.5"],
        ["5 %", "6", "7,5 %"],
        ["1,234.5", "2,345", "7"],
        ["1.234,5", "2.345", "7"],
    ],
    ids=str,
)
def test_rows_are_read_alike_alone_and_among_others(texts):
    """Of what was learned to be numbers, no text depends on those beside it."""
    prepare = learn({"a": texts * 9})
    (column,) = prepare.columns
    assert isinstance(column, NumberColumn)
    expected = prepare.transform({"a": texts})
    assert not column.words
    for same in (prepare, Preprocessing.from_json(prepare.to_json())):
        alone = [same.transform({"a": [text]}) for text in texts]
        assert_array_equal(np.concatenate(alone), expected)
    target = RealTarget.learn(texts * 9)
    assert_array_equal(
        np.concatenate([target.encode([text]) for text in texts]), target.encode(texts)
    )


def test_units_that_training_never_saw_are_read_alike_alone_and_among_others():
    prepare = learn({"a": range(40)})
    texts = ["€7", "8", "9", "$10", "11 %"]
    expected, told = prepare.transform({"a": [7, 8, 9, 10, 11]}), []
    assert_array_equal(prepare.transform({"a": texts}, told.append), expected)
    assert told == ["column 'a' is read as numbers with $"]
    alone = [prepare.transform({"a": [text]}) for text in texts]
    assert_array_equal(np.concatenate(alone), expected)


def test_another_unit_than_that_of_training_is_no_number():
    prepare = learn({"a": [f"${i}" for i in range(40)]})
    for texts in (["€7"], ["€7", "€8", "$9"]):
        noted = []
        found = prepare.transform({"a": texts}, noted.append)
        assert_array_equal(found[0], prepare.transform({"a": [None]})[0])
        assert any("taken as missing: '€7'" in note for note in noted)
    estimator = fm.TabularRegressor(**FAST).fit({"a": range(40)}, [f"${i}" for i in range(40)])
    with pytest.raises(
        ValueError, match="'y' must hold numbers, but 1 of its 2 values do not: '€7'"
    ):
        estimator.score({"a": [1, 2]}, ["€7", "$8"])


def test_each_column_of_a_table_is_read_once_to_be_learned(monkeypatch):
    read_so = []

    def counted(name, column):
        read_so.append(name)
        return read(name, column)

    monkeypatch.setattr("fastmlp.data.table.read", counted)
    learn({"a": NUMBERS, "b": [*map(str, NUMBERS)], "c": pd.Categorical([*map(str, NUMBERS)])})
    assert read_so == ["a", "b", "c"]


def test_texts_of_a_column_or_target_are_looked_at_once_in_a_fit(monkeypatch):
    looked_at = []

    class Counted(Reading):
        def __init__(self, texts):
            looked_at.append(texts)
            super().__init__(texts)

    monkeypatch.setattr("fastmlp.data.columns.codes.Reading", Counted)
    table = {"a": [*map(german, NUMBERS)], "b": [f"{x} %" for x in NUMBERS], "c": NUMBERS}
    fm.TabularRegressor(**FAST).fit(table, [f"${x}" for x in NUMBERS])
    assert [len(texts) for texts in looked_at] == 3 * [len(NUMBERS)]


def test_numbers_of_one_form_are_those_of_their_digits():
    rng = np.random.default_rng(0)
    numbers = [*rng.integers(0, 10**12, 300), *np.exp(rng.uniform(-5, 40, 300)), 0, 0.5, 1e-300]
    for decimals in (0, 2, 20):
        plain = [f"{x:.{decimals}f}" for x in numbers]
        texts = [f"({x:,.{decimals}f})".replace(",", "’") for x in numbers]
        found, style = Reading(texts).numbers()
        assert found == {text: -float(x) for text, x in zip(texts, plain, strict=True)}
        assert style.thousands == "’"


def test_what_is_no_number_changes_no_other_wherever_it_stands():
    odd = ["", "-", "1.#IND", "0", "00", "red", "\ud800", "5\ud800", "٣", "x" * 40_000, "9" * 400]
    texts = [*odd, *(f"{i},5" for i in range(20_000)), *(text + "!" for text in odd)]
    found, _ = Reading(texts).numbers()
    expected = {f"{i},5": i + 0.5 for i in range(20_000)}
    assert found == {**expected, "0": 0.0, "9" * 400: np.inf}


def test_notes_and_columns_keep_their_order_whatever_they_hold():
    notes = []
    table = {
        "b": ["5 %", "7 %"] * 6,
        "a": [1.0, 2.0] * 6,
        "d": ["1,5", "2"] * 6,
        "c": [1.0, 2.0] * 6,
    }
    learned = learn(table, note=notes.append)
    assert learned.names == ("b", "a", "d")
    assert [note[:10] for note in notes] == ["column 'b'", "column 'd'", "column 'c'"]


# --- targets ---------------------------------------------------------------------------------


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("hold", [list, np.array, pd.Series, lambda y: pd.DataFrame({"t": y})])
def test_targets_that_people_write_are_those_numbers_with_a_note(style, hold):
    write, said = STYLES[style]
    texts = [*map(write, NUMBERS)]
    numbers = [(-1 if text[0] == "−" else 1) * x for text, x in zip(texts, NUMBERS, strict=True)]
    X = {"a": NUMBERS}
    expected = fm.TabularRegressor(**FAST).fit(X, hold(numbers), eval_set=(X, hold(numbers)))
    found = fm.TabularRegressor(**FAST).fit(X, hold(texts), eval_set=(X, hold(texts)))
    assert_array_equal(found.predict(X), expected.predict(X))
    assert found.score(X, hold(texts)) == expected.score(X, hold(numbers))
    (note,) = found.notes_
    assert note.partition(" is ")[2] == f"read as numbers with {said}"
    assert note.startswith("the target '")


def test_the_decimal_sign_of_targets_is_that_of_training_or_of_the_table(tmp_path):
    X = {"a": NUMBERS}
    half = [f"{x / 4000:.3f}".replace(".", ",") for x in NUMBERS]
    estimator = fm.TabularRegressor(**FAST).fit(X, half)  # some begin with a zero
    estimator.save(tmp_path / "m.safetensors")
    rows = {"a": NUMBERS[:2]}
    for model in (estimator, fm.load(tmp_path / "m.safetensors")):
        assert model.score(rows, ["1,234", "2,345"]) == estimator.score(rows, [1.234, 2.345])
    table = {"a": [f"{x:.2f}".replace(".", ",") for x in NUMBERS]}
    open_ = [f"{i},{100 + i}" for i in range(1, 61)]
    found = fm.TabularRegressor(**FAST).fit(table, open_)
    assert found.predict(table).max() < 61.2


def test_targets_that_are_no_numbers_are_named_as_they_are_written():
    texts = [f"{i},5 €" for i in range(40)]
    with pytest.raises(
        ValueError, match=r"'y' must hold numbers, but 1 of its 41 .* 'soon', the f"
    ):
        fm.TabularRegressor().fit({"a": range(41)}, [*texts, "soon"])
    with pytest.raises(ValueError, match=r"they are in € and \$: write all in one unit"):
        fm.TabularRegressor().fit({"a": range(80)}, [*texts, *(f"${i}" for i in range(40))])


def test_the_decimal_sign_in_the_metadata_of_older_files_is_that_of_their_table(tmp_path):
    X, y = {"a": np.arange(80) / 8}, np.arange(80.0)
    estimator = fm.TabularRegressor(**FAST).fit(X, y)
    for sign, number in ((",", 1.125), (7, 1125)):
        estimator.metadata_ = {"decimal": sign}
        estimator.save(tmp_path / "m.safetensors")
        older = fm.load(tmp_path / "m.safetensors")
        assert_array_equal(older.predict({"a": ["1,125"]}), estimator.predict({"a": [number]}))
