"""Tables whose columns are of different kinds, and what in them is no number."""

import datetime
import decimal

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal

import fastmlp as fm

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:pandas.DataFrame with sparse columns"),
]

RNG = np.random.default_rng(0)
NUMBERS = np.column_stack([RNG.normal(size=50), RNG.integers(0, 2, (50, 2))])
PLAIN = pd.DataFrame(NUMBERS, columns=list("abc"))
KINDS = {
    "booleans beside floats": {"b": bool, "c": bool},
    "integers beside booleans": {"b": "int8", "c": bool},
    "nullable": {"a": "Float64", "b": "Int64", "c": "boolean"},
    "nullable beside plain": {"b": "Int64"},
    "all nullable": {"a": "Float64", "b": "Float64", "c": "Float64"},
    "objects": {"a": object, "b": object, "c": object},
    "categories of numbers": {"b": "category"},
    "sparse columns": {"b": pd.SparseDtype(float, 0.0)},
}
try:
    import pyarrow  # noqa: F401
except ImportError:
    pass
else:
    KINDS["Arrow's"] = {"a": "float64[pyarrow]", "b": "int64[pyarrow]", "c": "bool[pyarrow]"}


def frame(kind):
    kinds = KINDS[kind]
    steps = {column: int for column, name in kinds.items() if "oo" in str(name)}
    return PLAIN.astype(steps).astype(kinds)


def model():
    return fm.MLP([3, 4, 1], seed=0)


def regressor():
    return fm.MLPRegressor(hidden_layer_sizes=4, max_iter=2, random_state=0)


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_different_kinds_are_the_numbers_they_show(kind):
    table = frame(kind)
    mixed, plain = model(), model()
    assert_array_equal(mixed.predict(table), plain.predict(PLAIN))
    mixed.fit(table, table["b"], epochs=2, verbose=False)
    plain.fit(PLAIN, PLAIN["b"], epochs=2, verbose=False)
    assert_array_equal(mixed.predict(table), plain.predict(PLAIN))
    assert mixed.evaluate(table, table["b"])["loss"] == plain.evaluate(PLAIN, PLAIN["b"])["loss"]
    estimator = regressor().fit(table, table["b"])
    assert_array_equal(estimator.predict(table), regressor().fit(PLAIN, PLAIN["b"]).predict(PLAIN))
    assert list(estimator.feature_names_in_) == list("abc")
    with pytest.raises(ValueError, match="feature names"):
        estimator.predict(table[["b", "a", "c"]])


@pytest.mark.parametrize("kind", ["Float64", "Int64", "boolean", object])
def test_missing_values_of_a_column_are_nan_and_refused_in_training(kind):
    table = PLAIN.astype({"b": int}).astype({"b": kind})
    table["b"] = table["b"].mask(table.index == 7)
    with pytest.raises(
        ValueError, match="got 1 NaN among 150 values, the first in row 7, column 1"
    ):
        model().fit(table, PLAIN["a"], verbose=False)
    with pytest.raises(ValueError, match="NaN"):
        regressor().fit(table, PLAIN["a"])


def test_frames_of_polars_and_tables_of_arrow_are_numbers_too():
    pl = pytest.importorskip("polars", reason="polars is not installed")
    table = pl.DataFrame({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1] > 0, "c": NUMBERS[:, 2] > 0})
    tables = [table, table.with_columns(b=table["b"].cast(pl.Int8))]
    decimals = [decimal.Decimal(int(value)) for value in NUMBERS[:, 1]]
    tables.append(table.with_columns(b=pl.Series(decimals)))
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    tables.append(pa.table({"a": NUMBERS[:, 0], "b": NUMBERS[:, 1] > 0, "c": NUMBERS[:, 2] > 0}))
    for mixed in tables:
        assert_array_equal(model().predict(mixed), model().predict(NUMBERS))
        estimator = regressor().fit(mixed, NUMBERS[:, 0])
        plain = regressor().fit(NUMBERS, NUMBERS[:, 0])
        assert_array_equal(estimator.predict(mixed), plain.predict(NUMBERS))


def test_two_columns_of_one_name_are_both_read():
    table = PLAIN.astype({"b": bool}).rename(columns={"c": "a"})
    assert_array_equal(model().predict(table), model().predict(PLAIN))


DAYS = pd.Series(pd.date_range("2020", periods=50))
NO_NUMBERS = {
    "dates": DAYS,
    "dates with a time zone": DAYS.dt.tz_localize("UTC"),
    "a missing date": DAYS.mask(DAYS.index == 3),
    "durations": DAYS - DAYS[0],
    "periods": DAYS.dt.to_period("D"),
    "dates of Python": pd.Series([datetime.date(2020, 1, 1)] * 50, dtype=object),
    "times of Python": pd.Series([datetime.time(12)] * 50, dtype=object),
    "dates of NumPy as objects": pd.Series([np.datetime64("2020", "D")] * 50, dtype=object),
    "durations of NumPy as objects": pd.Series([np.timedelta64(3, "D")] * 50, dtype=object),
    "categories of dates": DAYS.astype("category"),
}


@pytest.mark.parametrize("what", NO_NUMBERS)
@pytest.mark.parametrize("make", [model, regressor, lambda: fm.MLPClassifier(4, max_iter=2)])
def test_dates_are_no_numbers(what, make):
    table = PLAIN.assign(b=NO_NUMBERS[what])
    labels = (PLAIN["a"] > 0).astype(int)
    with pytest.raises(TypeError, match=r"X must hold numbers, got dates.*'b'.*timedelta64\(1, 'D"):
        make().fit(table, labels)
    with pytest.raises(TypeError, match="must hold numbers"):
        make().fit(table[["b"]].to_numpy(), labels)
    trained = make()
    trained.fit(PLAIN, labels)
    with pytest.raises(TypeError, match="X must hold numbers, got dates"):
        trained.predict(table)


@pytest.mark.parametrize("what", NO_NUMBERS)
def test_targets_and_weights_are_no_dates_either(what):
    values = NO_NUMBERS[what]
    with pytest.raises(TypeError, match="t must hold numbers"):
        model().fit(PLAIN, values, verbose=False)
    with pytest.raises(TypeError, match="y must hold numbers, got dates"):
        regressor().fit(PLAIN, values)
    with pytest.raises(TypeError, match="y_val must hold numbers, got dates"):
        regressor().fit(PLAIN, PLAIN["a"], X_val=PLAIN, y_val=values)
    with pytest.raises(TypeError, match="sample_weight must hold numbers"):
        regressor().fit(PLAIN, PLAIN["a"], values)
    with pytest.raises(TypeError, match="sample_weight must hold numbers"):
        model().fit(PLAIN, PLAIN["a"], sample_weight=values, verbose=False)


def test_lists_of_dates_are_no_numbers_either():
    rows = [[np.datetime64("2020", "D"), np.datetime64("2021", "D")]] * 4
    for make in (regressor, lambda: fm.MLP([2, 1], seed=0)):
        with pytest.raises(TypeError, match="X must hold numbers"):
            make().fit(rows, [0, 1, 0, 1])


def test_masked_values_and_records_are_not_read_as_numbers():
    masked = np.ma.array(NUMBERS, mask=NUMBERS > 0.9)
    records = np.array([(1.0,), (2.0,)], dtype=[("a", float)])
    for make in (model, regressor):
        with pytest.raises(ValueError, match="X has masked values"):
            make().fit(masked, PLAIN["a"])
        with pytest.raises(TypeError, match="X must hold numbers"):
            make().fit(records, [0, 1])
    numbers = np.ma.array(NUMBERS[:, 0], mask=NUMBERS[:, 0] > 0)
    labels = np.ma.array(numbers.mask.astype(int), mask=numbers.mask)
    kinds = (fm.MLPRegressor, numbers), (fm.MLPClassifier, labels)
    kinds += (fm.TabularRegressor, numbers), (fm.TabularClassifier, labels)
    for kind, y in kinds:
        with pytest.raises(ValueError, match="y has masked values"):
            kind().fit(NUMBERS, y)
        with pytest.raises(ValueError, match="y has masked values"):
            kind().fit(NUMBERS, y.data).score(NUMBERS, y)
    full = np.ma.array(NUMBERS, mask=False)
    assert_array_equal(model().predict(full), model().predict(NUMBERS))


@pytest.mark.parametrize("values", [["x"] * 50, pd.Categorical(["x"] * 50), [1j] * 50])
def test_a_column_that_holds_no_numbers_is_called_by_its_name(values):
    with pytest.raises(TypeError, match=r"X must hold numbers, got .* in column 'b' \(type Data"):
        model().fit(PLAIN.assign(b=values), PLAIN["a"], verbose=False)
    with pytest.raises(ValueError, match=r"could not convert string|Complex data"):
        regressor().fit(PLAIN.assign(b=values), PLAIN["a"])


@pytest.mark.parametrize("kind", [iter, set, lambda rows: (row for row in rows)])
def test_what_is_read_once_or_has_no_order_is_to_be_a_list(kind):
    targets = PLAIN["a"].tolist()
    for fit in (
        lambda: model().fit(NUMBERS, kind(targets), verbose=False),
        lambda: fm.TabularRegressor().fit(PLAIN, kind(targets)),
        lambda: fm.TabularRegressor().fit(kind(targets), targets),
    ):
        with pytest.raises(TypeError, match=r"(t|y|X) \(type \w+\) is no array: write list\("):
            fit()
