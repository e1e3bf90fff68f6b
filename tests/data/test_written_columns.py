"""Numbers that people write, 1.234,50 €, are numbers in any table, as in files of the shell."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

import fastmlp as fm
from fastmlp.data.columns.category import CategoryColumn
from fastmlp.data.table import Preprocessing

learn = Preprocessing.learn
NUMBERS = [round(1.25 * i - 20, 2) for i in range(1000, 4000, 50)]


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
    assert learned.columns == expected.columns
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


def test_an_estimator_reads_texts_by_the_decimal_sign_of_its_file():
    X, y = {"a": np.arange(80) / 8}, np.arange(80.0)
    estimator = fm.TabularRegressor(quality="fast", epochs=2, random_state=0).fit(X, y)
    rows = {"a": ["1,125", "9,875"]}
    thousands = estimator.predict(rows)
    estimator.metadata_ = {"decimal": ","}
    assert_array_equal(estimator.predict(rows), estimator.predict({"a": [1.125, 9.875]}))
    estimator.metadata_ = {"decimal": 7}
    assert_array_equal(estimator.predict(rows), thousands)
