"""Estimators of tables: whatever the table, what goes in comes out right, or an error says why."""

import copy
import pickle
import warnings
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.metrics import d2_pinball_score, log_loss, r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastmlp as fm
import messy_tables
from fastmlp.estimators.tabular import judging

TABLES = {
    "customers": (fm.TabularClassifier, messy_tables.customers),
    "wines": (fm.TabularClassifier, messy_tables.wines),
    "patients": (fm.TabularRegressor, messy_tables.patients),
}


def fast(kind, *arguments, **settings):
    return kind(*arguments, quality="fast", random_state=0, **settings)


@pytest.fixture(scope="module")
def fitted():
    """Return each table with its targets, and an estimator fitted to three quarters of it."""
    found = {}
    for name, (kind, make) in TABLES.items():
        X, y = make()
        test = np.arange(len(X)) % 4 == 0
        found[name] = X, y, test, fast(kind).fit(X[~test], y[~test])
    return found


@pytest.fixture(params=TABLES)
def case(request, fitted):
    return fitted[request.param]


def outputs(estimator, X):
    if hasattr(estimator, "predict_proba"):
        return estimator.predict_proba(X)
    return estimator.predict(X)


# --- messy tables ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "least"), [("customers", 0.7), ("wines", 0.9), ("patients", 0.2)])
def test_a_messy_table_is_learned_from_without_anything_to_prepare(fitted, name, least):
    X, y, test, estimator = fitted[name]
    scores = [estimator.score(X[test], y[test])]
    for seed in (1, 2):  # few rows are held out: of one fit, luck would decide
        other = TABLES[name][0](quality="fast", random_state=seed).fit(X[~test], y[~test])
        scores.append(other.score(X[test], y[test]))
    assert np.mean(scores) > least
    assert judging.is_better(
        estimator.metric, estimator.validation_score_, estimator.baseline_score_
    )


def test_what_was_noticed_of_the_columns_is_told(fitted):
    *_, estimator = fitted["customers"]
    told = "\n".join(estimator.notes_)
    for left_out in ("'country'", "'fax'", "'age again'", "'id'"):
        assert f"column {left_out} is left out" in told
    assert estimator.preprocessing_.names == ("age", "spent", "member", "city", "plan", "since")


def test_columns_in_another_order_and_more_columns_change_nothing(case):
    X, _, _, estimator = case
    other = X[X.columns[::-1]].assign(more=1.0)
    np.testing.assert_array_equal(outputs(estimator, other), outputs(estimator, X))


def test_another_dtype_of_the_same_values_changes_nothing(fitted):
    X, _, _, estimator = fitted["customers"]
    other = X.assign(
        age=X["age"].astype("Int64"),
        spent=pd.to_numeric(X["spent"], errors="coerce"),
        member=X["member"] == "Yes",
        city=X["city"].astype(str),
        plan=X["plan"].astype("category").cat.set_categories(["pro", "plus", "basic", "new"]),
        since=pd.to_datetime(X["since"]),
    )
    np.testing.assert_array_equal(outputs(estimator, other), outputs(estimator, X))


def test_a_column_that_is_missing_is_named(case):
    X, _, _, estimator = case
    gone = estimator.preprocessing_.names[1]
    with pytest.raises(ValueError, match=f"lacks 1 of the .* columns .*: '{gone}'"):
        estimator.predict(X.drop(columns=gone))


def test_unknown_categories_and_missing_values_are_predicted(case):
    X, _, _, estimator = case
    strange = X.astype(object).where(np.zeros(X.shape, bool), None)
    assert np.isfinite(outputs(estimator, X.head(3).assign(city="nowhere"))).all()
    assert np.isfinite(outputs(estimator, strange)).all()


def test_a_column_whose_values_are_all_unknown_is_warned_of_at_the_line_that_predicts():
    table = pd.DataFrame({"sex": ["male", "female", "unsaid"] * 20, "x": range(60)})
    reg = fm.TabularRegressor(quality="fast", random_state=0).fit(table, range(60))
    with pytest.warns(
        UserWarning, match="'sex': none of its 60 values was seen .*'M', 'F'"
    ) as said:
        reg.predict(table.assign(sex=["M", "F"] * 30))
    assert [warning.filename for warning in said] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reg.predict(table.assign(sex=["M", "female"] * 30))


def test_a_few_texts_among_what_were_numbers_are_missing_with_a_warning_at_the_line_of_the_user():
    table = pd.DataFrame({"zip": range(60), "x": [0.5, 2.0, np.nan] * 20})
    reg = fm.TabularRegressor(quality="fast", epochs=2, random_state=0)
    texts = table.astype({"zip": str}).replace({"zip": {"7": "98144-3027"}})
    with pytest.warns(
        UserWarning, match=r"'zip' must hold numbers; 1 other .*-3027', .* row 8"
    ) as w:
        reg.fit(table, range(60), eval_set=(texts, range(60)))
    assert w[0].filename == __file__
    pa = pytest.importorskip("pyarrow").Table.from_pandas
    gaps = table.assign(zip=table["zip"].astype(float).where(table["zip"] != 7))
    for predict in (reg.predict, reg.predict_interval):
        for made in (pd.DataFrame, pytest.importorskip("polars").from_pandas, pa, dict):
            with pytest.warns(UserWarning, match="'zip' must hold numbers") as said:
                found = predict(made(texts))
            assert [warning.filename for warning in said] == [__file__]
            np.testing.assert_array_equal(found, predict(gaps))


@pytest.mark.parametrize("kind", ["polars", "arrow", "dict", "records"])
def test_any_kind_of_table_gives_the_same_model(kind):
    X, y = messy_tables.wines()
    X = X.drop(columns=["hue"]).astype({"strength": str})
    weight = np.minimum(np.arange(len(X)) % 9, 1)  # rows are left out of tables of all kinds
    known = fast(fm.TabularClassifier).fit(X, y, weight).predict_proba(X)
    if kind == "polars":
        polars = pytest.importorskip("polars")
        other, y = polars.from_pandas(X), polars.Series(y.astype(str))
    elif kind == "arrow":
        pyarrow = pytest.importorskip("pyarrow")
        other, y = pyarrow.Table.from_pandas(X), pyarrow.chunked_array([y.astype(str).tolist()])
    else:
        other = {name: X[name].tolist() for name in X}
        if kind == "records":
            other = [
                dict(zip(other, row, strict=True)) for row in zip(*other.values(), strict=True)
            ]
    estimator = fast(fm.TabularClassifier).fit(other, y, weight)
    np.testing.assert_array_equal(estimator.predict_proba(other), known)
    assert estimator.feature_names_in_.tolist() == X.columns.tolist()


def test_kinds_of_columns_can_be_said():
    X, y = messy_tables.patients()
    estimator = fast(fm.TabularRegressor, kinds={"s4": "category", "age": "ignore"}).fit(X, y)
    kinds = {column.name: column.kind for column in estimator.preprocessing_.columns}
    assert kinds["s4"] == "category"
    assert "age" not in kinds
    assert estimator.feature_importances_[0] == 0


@pytest.mark.parametrize("kinds", [{"age": "float"}, {"agee": "number"}])
def test_unknown_kinds_and_columns_are_errors(kinds):
    X, y = messy_tables.patients()
    with pytest.raises(ValueError, match=next(iter(kinds))):
        fast(fm.TabularRegressor, kinds=kinds).fit(X, y)
    with pytest.raises(ValueError, match=r"'0'.*; without names, columns are x0, x1 and so on"):
        fast(fm.TabularRegressor, kinds={0: "category"}).fit(np.c_[y, y], y)


# --- targets ---------------------------------------------------------------------------------


def two_blobs(rows=80):
    rng = np.random.default_rng(0)
    t = np.arange(rows) % 2
    return rng.normal(size=(rows, 3)) + 2 * t[:, None], t


@pytest.mark.parametrize(
    "labels",
    [
        ["no", "yes"],
        np.array(["no", "yes"]),
        [False, True],
        [3, 7],
        np.array([3, 7], np.int8),
        [0.0, 1.0],
        pd.array([3, 7], "Int64"),
        pd.Categorical(["yes", "no"]),
        np.array([3, 7], dtype=object),
        np.array([False, True], dtype=object),
        [Decimal(3), Decimal("7.5")],
    ],
    ids=str,
)
def test_labels_of_any_kind_come_back_as_they_are(labels):
    X, t = two_blobs()
    y = pd.Series(labels)[t] if hasattr(labels, "isna") else np.asarray(labels)[t]
    estimator = fast(fm.TabularClassifier).fit(X, y)
    assert sorted(estimator.classes_.tolist()) == sorted(labels)
    predicted = estimator.predict(X)
    assert predicted.dtype == estimator.classes_.dtype
    assert (predicted == np.asarray(y)).mean() > 0.9
    assert estimator.score(X, y) > 0.9


def test_the_columns_of_probabilities_are_in_the_order_of_classes():
    X, t = two_blobs()
    estimator = fast(fm.TabularClassifier).fit(X, np.array(["z", "a"])[t])
    assert estimator.classes_.tolist() == ["a", "z"]
    probabilities = estimator.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (estimator.classes_[probabilities.argmax(axis=1)] == estimator.predict(X)).all()
    np.testing.assert_allclose(np.exp(estimator.predict_log_proba(X)), probabilities)


def test_the_target_may_be_a_column_of_the_table():
    X, y = messy_tables.patients()
    table = X.assign(progression=y)
    estimator = fast(fm.TabularRegressor).fit(table, "progression")
    same = fast(fm.TabularRegressor).fit(X, y)
    np.testing.assert_array_equal(estimator.predict(table), same.predict(X))
    assert estimator.score(table, "progression") == same.score(X, y)
    assert "progression" not in estimator.feature_names_in_
    with pytest.raises(ValueError, match="the target 'progression' lacks 2 values"):
        estimator.fit(table.assign(progression=y.where(y.index > 1)), "progression")


def test_a_target_that_is_no_column_is_an_error():
    X, y = messy_tables.patients()
    with pytest.raises(ValueError, match="y='bmj' is no column of the table, which has 'age'"):
        fm.TabularRegressor().fit(X, "bmj")
    with pytest.raises(TypeError, match="the table has no names"):
        fm.TabularRegressor().fit(y.to_numpy()[:, None], "y")


def test_several_targets_are_predicted_each_in_its_own_unit():
    X, y = messy_tables.patients()
    both = np.column_stack([y, 1e6 - 1000 * y])
    estimator = fast(fm.TabularRegressor).fit(X, both)
    predicted = estimator.predict(X)
    assert predicted.shape == both.shape
    assert estimator.n_outputs_ == 2
    assert estimator.score(X, both) > 0.35
    assert estimator.predict_interval(X).shape == (*both.shape, 2)
    frame = fast(fm.TabularRegressor).fit(X, pd.DataFrame(both, columns=["a", "b"]))
    np.testing.assert_array_equal(frame.predict(X), predicted)
    columns = fast(fm.TabularRegressor).fit(X, {"a": both[:, 0], "b": both[:, 1].tolist()})
    np.testing.assert_array_equal(columns.predict(X), predicted)
    truth = {"a": both[:, 0], "b": both[:, 1].tolist()}
    assert columns.score(X, truth) == estimator.score(X, both)


def test_a_structured_array_is_a_table_with_names():
    X, t = two_blobs()
    records = np.rec.fromarrays(X.T, names="a,b,c")
    estimator = fast(fm.TabularClassifier).fit(records, t)
    assert estimator.feature_names_in_.tolist() == ["a", "b", "c"]
    expected = estimator.predict_proba(pd.DataFrame(X, columns=["a", "b", "c"]))
    np.testing.assert_array_equal(estimator.predict_proba(records[["c", "a", "b"]]), expected)


def test_several_columns_of_labels_are_for_multi_output_classifier():
    X, t = two_blobs()
    Y = np.column_stack([t, 1 - t])
    with pytest.raises(ValueError, match=r"y has 2 columns of labels.*MultiOutputClassifier"):
        fm.TabularClassifier().fit(X, Y)
    several = MultiOutputClassifier(fast(fm.TabularClassifier)).fit(X, Y)
    assert (several.predict(X) == Y).mean() > 0.9


@pytest.mark.parametrize(
    ("kind", "y", "error", "message"),
    [
        (
            fm.TabularClassifier,
            ["a", None] * 40,
            ValueError,
            "40 missing labels, the first in row 2",
        ),
        (
            fm.TabularClassifier,
            [1.0, 0.0, np.nan, np.inf] * 20,
            ValueError,
            "y contains NaN or infinity in 40 rows, the first in row 3",
        ),
        (fm.TabularClassifier, ["a", 1] * 40, TypeError, "mixes texts"),
        (fm.TabularClassifier, ["a"] * 80, ValueError, "one class only, 'a'"),
        (fm.TabularClassifier, np.full(80, "a"), ValueError, "one class only, 'a'"),
        (fm.TabularClassifier, np.linspace(0, 1, 80), ValueError, "Unknown label type: continuous"),
        (
            fm.TabularClassifier,
            ["a", "b"],
            ValueError,
            r"inconsistent numbers of samples: \[80, 2\]",
        ),
        (fm.TabularRegressor, ["a", "b"] * 40, ValueError, "must hold numbers"),
        (
            fm.TabularRegressor,
            [1.0, np.nan] * 40,
            ValueError,
            "lacks 40 values, the first in row 2",
        ),
        (fm.TabularRegressor, [1.0, np.inf] * 40, ValueError, "40 infinite values"),
        (fm.TabularRegressor, [1.0] * 80, ValueError, "is 1 in every row"),
        (fm.TabularRegressor, None, ValueError, "the target y is None"),
        (fm.TabularRegressor, np.ones((80, 2, 2)), ValueError, r"got \(80, 2, 2\)"),
    ],
)
def test_wrong_targets_are_errors_that_leave_the_estimator_as_it_was(kind, y, error, message):
    X, t = two_blobs()
    estimator = fast(kind).fit(X, t + 0.0 if kind is fm.TabularRegressor else t)
    before, known = dict(vars(estimator)), outputs(estimator, X)
    with pytest.raises(error, match=message):
        estimator.fit(X, y)
    assert vars(estimator) == before
    np.testing.assert_array_equal(outputs(estimator, X), known)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones((0, 2)), ValueError, r"0 sample\(s\)"),
        (np.ones((5, 0)), ValueError, r"0 feature\(s\)"),
        (np.ones((5, 2)), ValueError, "no column is left to learn from"),
        ({"a": [1, 2], "b": [1, 2, 3]}, ValueError, "columns of one length"),
        ({}, ValueError, "no columns"),
        ("houses.csv", TypeError, "got 'houses.csv': read a file with pandas.read_csv"),
        ([[1.0, np.inf], [2.0, 3.0], [3.0, 4.0]], ValueError, "'x1' holds 1 infinite value"),
        (np.ma.masked_equal([[1.0, 2.0], [3.0, 4.0]], 1), ValueError, "masked values"),
    ],
)
def test_wrong_tables_are_errors_that_say_what_is_wrong(X, error, message):
    with pytest.raises(error, match=message):
        fm.TabularRegressor().fit(X, [1.0, 2.0, 3.0, 4.0, 5.0][: len(X) or 5])


# --- metrics ---------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "auc"])
def test_metrics_of_classes_are_scikit_learns(metric):
    rng = np.random.default_rng(0)
    t, w = rng.integers(0, 3, 200), rng.random(200)
    y = rng.dirichlet(np.ones(3), 200)
    known = {
        "accuracy": np.average(y.argmax(1) == t, weights=w),
        "log_loss": log_loss(t, y, sample_weight=w),
        "auc": roc_auc_score(t, y, multi_class="ovr", sample_weight=w),
    }
    assert judging.score(metric, t, y, w) == pytest.approx(known[metric])


def test_the_area_of_a_single_class_is_not_defined():
    assert np.isnan(judging.score("auc", np.zeros(3, int), np.full((3, 2), 0.5)))


def test_no_constant_is_better_than_the_one_that_is_compared_with():
    rng = np.random.default_rng(0)
    t, w = rng.gamma(1.0, 1.0, (300, 1)), rng.random(300)
    for metric, quantiles in (("rmse", ()), ("mae", ()), ("quantile", (0.2, 0.9))):
        best = judging.constant(metric, t, w, quantiles)
        score = judging.score(metric, t, np.repeat(best, 300, axis=0), w, quantiles)
        for shift in (-0.05, 0.05):
            other = judging.score(metric, t, np.repeat(best + shift, 300, axis=0), w, quantiles)
            assert score < other


def test_the_error_asked_for_is_the_one_that_is_small():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2))
    y = X[:, 0] + rng.exponential(2.0, 600)  # the mean is 2 above, the median 1.39
    mean = fast(fm.TabularRegressor, "rmse").fit(X, y).predict(X) - X[:, 0]
    median = fast(fm.TabularRegressor, "mae").fit(X, y).predict(X) - X[:, 0]
    assert mean.mean() == pytest.approx(2.0, abs=0.25)
    assert median.mean() == pytest.approx(1.39, abs=0.25)


def test_quantiles_ascend_and_have_the_shares_below_them():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(800, 2))
    y = X[:, 0] + rng.normal(size=800) * (0.5 + (X[:, 1] > 0))
    estimator = fast(fm.TabularRegressor, "quantile", quantiles=[0.1, 0.5, 0.9]).fit(X, y)
    predicted = estimator.predict(X)
    assert predicted.shape == (800, 3)
    assert (np.diff(predicted, axis=1) >= 0).all()
    np.testing.assert_allclose((y[:, None] <= predicted).mean(axis=0), [0.1, 0.5, 0.9], atol=0.07)
    d2 = [d2_pinball_score(y, predicted[:, i], alpha=q) for i, q in enumerate([0.1, 0.5, 0.9])]
    assert estimator.score(X, y) == pytest.approx(np.mean(d2))
    one = fast(fm.TabularRegressor, "quantile", quantiles=[0.5]).fit(X, y)
    assert one.predict(X).shape == (800,)
    assert one.score(X, y) == pytest.approx(r2_score(y, one.predict(X)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"metric": "rmse", "quantiles": [0.5]}, "quantiles are predicted with metric='quantile'"),
        ({"metric": "quantile", "quantiles": [0.5, 0.1]}, "must be ascending"),
        ({"metric": "quantile", "quantiles": []}, "must be ascending"),
        ({"metric": "quantile", "quantiles": [0.0]}, "quantiles must be .* greater than 0"),
        ({"metric": "accuracy"}, "'metric' parameter of TabularRegressor"),
        ({"quality": "good"}, "'quality' parameter"),
        ({"n_members": 0}, "'n_members' parameter"),
        ({"time_limit": -1.0}, "'time_limit' parameter"),
        ({"time_limit": 10**400}, "time_limit must be a finite number"),
        ({"validation_fraction": 1.0}, "'validation_fraction' parameter"),
        ({"verbose": "loud"}, "'verbose' parameter"),
        ({"n_threads": 4097}, "'n_threads' parameter"),
    ],
)
def test_wrong_parameters_are_errors_of_fit(settings, message):
    X, t = two_blobs()
    with pytest.raises(ValueError, match=message):
        fm.TabularRegressor(**settings).fit(X, t)


def test_a_model_that_is_no_better_than_none_warns():
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(120, 2)), rng.random(120) < 0.2
    text = "no better than the largest class, as far as 24 held-out rows can tell: accuracy"
    with pytest.warns(UserWarning, match=text) as said:
        fast(fm.TabularClassifier).fit(X, t)
    assert said[0].filename == __file__
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(60, 1)), rng.normal(size=60)
    with pytest.warns(UserWarning, match="no better than the mean, as far as .*: rmse"):
        fast(fm.TabularRegressor).fit(X, y)


# --- rows ------------------------------------------------------------------------------------


def test_rows_of_weight_0_are_as_if_they_were_not_there():
    X, y = messy_tables.wines()
    keep = np.arange(len(X)) % 3 > 0
    X.iloc[0, 0] = 1e6  # would move the scale of its column
    wrong = np.where(keep, y, "barbera")
    weighted = fast(fm.TabularClassifier).fit(X, wrong, sample_weight=keep.astype(float))
    fewer = fast(fm.TabularClassifier).fit(X[keep], y[keep])
    np.testing.assert_allclose(weighted.predict_proba(X), fewer.predict_proba(X), atol=1e-5)


FRAMES = {
    "pandas": lambda X: X,
    "polars": lambda X: pytest.importorskip("polars").DataFrame({**X}),
    "dict": lambda X: {**X},
    "matrix": pd.DataFrame.to_numpy,
}


@pytest.mark.parametrize("made", FRAMES.values(), ids=FRAMES)
def test_errors_name_rows_as_they_were_before_those_of_weight_0_were_left_out(made):
    X = pd.DataFrame({"a": np.arange(80.0), "b": np.arange(80.0) % 7})
    keep = (np.arange(80) > 30).astype(float)
    y = np.arange(80.0)
    for wrong in (y, np.column_stack([y, y])):
        wrong[60] = np.nan
        with pytest.raises(ValueError, match=r"lacks 1 value, the first in row 61 .*;"):
            fm.TabularRegressor().fit(made(X), wrong, sample_weight=keep)
    X.loc[50, "a"] = np.inf
    with pytest.raises(ValueError, match=r"1 infinite value, the first in row 51 .*;"):
        fm.TabularRegressor().fit(made(X), np.arange(80.0), sample_weight=keep)


@pytest.mark.parametrize("kind", [fm.TabularClassifier, fm.TabularRegressor])
@pytest.mark.parametrize(("wrong", "message"), [(-1.0, "negative"), (np.nan, "(?i:nan)")])
def test_errors_of_weights_count_rows_as_those_of_columns_do(kind, wrong, message):
    X, y = np.arange(80.0)[:, None], (np.arange(80) > 40) + 0
    weight = pd.Series(np.ones(80))
    weight[3] = wrong
    where = r" in row 4 \(iloc 3\)" if wrong < 0 else ""
    for settings in (
        {"sample_weight": weight},
        {"eval_set": (X, y), "sample_weight_val": weight},
    ):
        with pytest.raises(ValueError, match=f"{message}.*{where}"):
            kind().fit(X, y, **settings)
    with pytest.raises(ValueError, match=f"{message}.*{where}"):
        fast(kind).fit(X, y).score(X, y, weight)


def unlabelled(kind):
    """Return targets of 80 rows, of which the fourth has none."""
    labels = (np.arange(80) % 2).tolist()
    if kind == "numbers":
        return np.where(np.arange(80) == 3, np.nan, labels)
    labels = [str(label) for label in labels] if kind in ("texts", "categories") else labels
    labels[3] = None
    series = {"categories": "category", "Int64": "Int64"}
    return pd.Series(labels, dtype=series[kind]) if kind in series else labels


@pytest.mark.parametrize("kind", ["numbers", "list", "texts", "categories", "Int64"])
def test_a_row_of_weight_0_needs_no_label(kind):
    X = np.random.default_rng(0).normal(size=(80, 2)) + (np.arange(80) % 2)[:, None] * 3
    y, weight = unlabelled(kind), (np.arange(80) != 3).astype(float)
    clf = fast(fm.TabularClassifier).fit(X, y, sample_weight=weight)
    assert len(clf.classes_) == 2
    assert clf.score(X, y, weight) > 0.9
    wrong = y.copy()
    wrong[7] = np.nan if kind == "numbers" else None
    with pytest.raises(ValueError, match=r"the first in row 8\b.*leave these rows out"):
        fm.TabularClassifier().fit(X, wrong, sample_weight=weight)
    if kind == "numbers":
        reg = fast(fm.TabularRegressor).fit(X, y, sample_weight=weight)
        assert reg.score(X, y, weight) > 0.5


@pytest.mark.filterwarnings("ignore:the model is no better")
def test_weights_move_predictions_and_their_unit_does_not():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 1))
    y = (rng.random(300) < 0.5).astype(float)
    weight = np.where(y == 1, 9.0, 1.0)
    heavy = fast(fm.TabularRegressor).fit(X, y, sample_weight=weight).predict(X).mean()
    assert heavy == pytest.approx(0.9, abs=0.08)


WRONG_WEIGHTS = [np.zeros(80), -np.ones(80), np.ones(79), np.full(80, np.nan)]
WRONG_WEIGHTS += [np.where(np.arange(80) == 3, -1e-300, 1.0)]


@pytest.mark.parametrize("weight", WRONG_WEIGHTS)
def test_wrong_weights_are_errors(weight):
    X, t = two_blobs()
    with pytest.raises(ValueError, match="sample_weight"):
        fm.TabularClassifier().fit(X, t, sample_weight=weight)


def test_class_weights_are_weights_of_rows():
    X, t = two_blobs(240)
    t[:20] = 0
    balanced = fast(fm.TabularClassifier, class_weight="balanced").fit(X, t)
    weight = len(t) / (2 * np.bincount(t))[t]
    same = fast(fm.TabularClassifier).fit(X, t, sample_weight=weight)
    np.testing.assert_allclose(balanced.predict_proba(X), same.predict_proba(X), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:the model is no better")
def test_names_that_are_no_texts_are_names_if_they_are_those_of_training():
    X, t = two_blobs()
    numbered = pd.DataFrame(X)
    lettered = numbered.set_axis(["u", "v", "w"], axis=1)
    clf = fast(fm.TabularClassifier).fit(numbered, t)
    expected = clf.predict_proba(numbered)
    for same in (numbered[[2, 0, 1]], numbered[[2, 0, 1]].set_axis(["2", "0", "1"], axis=1)):
        np.testing.assert_array_equal(clf.predict_proba(same), expected)
    with pytest.warns(UserWarning, match="X has feature names, .* taken by their position"):
        np.testing.assert_array_equal(clf.predict_proba(lettered), expected)
    with pytest.raises(ValueError, match="the table lacks 3 of the 3 columns"):
        clf.predict(numbered.set_axis([7, 8, 9], axis=1))
    clf = fast(fm.TabularClassifier).fit(lettered, t)
    with pytest.warns(UserWarning, match="X does not have valid .* taken by their position"):
        np.testing.assert_array_equal(clf.predict_proba(numbered), expected)


def test_the_score_of_numbers_whose_squares_are_out_of_range_is_that_of_others():
    X, names = messy_tables.wines()
    y = np.unique(names, return_inverse=True)[1].astype(np.float64)
    expected = fast(fm.TabularRegressor).fit(X, y).score(X, y)
    for power in (-1000, 1000):
        far = np.ldexp(y, power)
        assert fast(fm.TabularRegressor).fit(X, far).score(X, far) == expected
    with pytest.raises(ValueError, match=r"the target 'y' goes from .*: the sum"):
        fast(fm.TabularRegressor).fit(X, np.where(y > y.mean(), 1.7e308, -1.7e308))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        fast(fm.TabularRegressor).fit(X, y).score(X, [])


@pytest.mark.parametrize("kind", ["pandas", "polars", "Arrow", "dict"])
def test_several_targets_are_found_by_their_names(kind):
    make = {
        "pandas": pd.DataFrame,
        "polars": lambda columns: pytest.importorskip("polars").DataFrame(columns),
        "Arrow": lambda columns: pytest.importorskip("pyarrow").table(columns),
        "dict": dict,
    }[kind]
    X = np.random.default_rng(0).normal(size=(80, 3))
    u, v = X[:, 0], 100 * X[:, 1]
    one, other = make({"u": u, "v": v}), make({"v": v, "u": u})
    weight = np.arange(80) % 4
    fits = [
        fast(fm.TabularRegressor).fit(X, one, weight, eval_set=(X, validation))
        for validation in (one, other)
    ]
    assert fits[0].validation_score_ == fits[1].validation_score_
    reg = fits[0]
    assert reg.score(X, one) == reg.score(X, other) == reg.score(X, np.column_stack([u, v])) > 0.5
    np.testing.assert_array_equal(reg.importances(X, one), reg.importances(X, other))
    assert reg.predict(X).shape == (80, 2)
    with pytest.raises(ValueError, match="the target 'v' is 1 in every row"):
        fast(fm.TabularRegressor).fit(X, make({"u": u, "v": np.ones(80)}))
    with pytest.raises(ValueError, match="y must have 2 targets, as in training, got 1"):
        reg.score(X, u)


def test_rows_to_validate_on_may_be_given_in_three_ways():
    X, y = messy_tables.wines()
    test = np.arange(len(X)) % 3 == 0
    arguments = [
        {"eval_set": (X[test], y[test])},
        {"eval_set": [(X[test], y[test])]},
        {"X_val": X[test], "y_val": y[test]},
    ]
    found = [fast(fm.TabularClassifier).fit(X[~test], y[~test], **a) for a in arguments]
    for other in found[1:]:
        np.testing.assert_array_equal(other.predict_proba(X), found[0].predict_proba(X))
    assert found[0].validation_score_ == pytest.approx(found[0].score(X[test], y[test]))


@pytest.mark.filterwarnings("ignore:the model is no better")
@pytest.mark.parametrize("metric", ["rmse", "mae", "quantile"])
def test_rows_to_validate_on_are_judged_by_what_is_predicted(metric):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = X[:, 0] + rng.normal(size=300)
    X_val = 3 * X[:100]  # where quantiles of single networks cross, and numbers leave the range
    estimator = fast(fm.TabularRegressor, metric, epochs=5)
    estimator.fit(X, y, X_val=X_val, y_val=y[:100])
    _, said = estimator.held_out_
    np.testing.assert_array_equal(said, estimator.predict(X_val))


def test_targets_to_validate_on_may_lie_beyond_those_of_training():
    x = np.arange(60.0)
    reg = fast(fm.TabularRegressor).fit({"a": x}, x, eval_set=({"a": x}, x + 1000))
    truth, _ = reg.held_out_
    np.testing.assert_allclose(truth, x + 1000)
    assert reg.validation_score_ > 900
    assert len(reg.importances({"a": x}, x + 1000)) == 1


def test_rows_to_validate_on_whose_class_has_no_weight_do_not_count():
    X, y = messy_tables.wines()
    test = np.arange(len(X)) % 3 == 0
    first, *others = np.unique(y)
    clf = fast(fm.TabularClassifier, class_weight={first: 0.0, **dict.fromkeys(others, 1.0)})
    clf.fit(X[~test], y[~test], eval_set=(X[test], y[test]))
    truth, probabilities = clf.held_out_
    counted = test & (np.asarray(y) != first)
    np.testing.assert_array_equal(truth, np.asarray(y)[counted])
    np.testing.assert_allclose(probabilities, clf.predict_proba(X[counted]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"X_val": [[1.0]]}, "X_val and y_val go together"),
        ({"sample_weight_val": [1.0]}, "sample_weight_val with them"),
        ({"eval_set": ([[1.0]], [0]), "X_val": [[1.0]], "y_val": [0]}, "not both"),
        ({"eval_set": [([[1.0]], [0]), ([[1.0]], [0])]}, "a list of one pair, got list of 2"),
        ({"eval_set": ([[1.0]], [0], [1.0])}, "a list of one pair, got tuple of 3"),
        ({"eval_set": [None]}, "a list of one pair, got list of 1"),
        (
            {"eval_set": ([[1.0] * 3], ["new"])},
            r"'y_val' holds 'new' in row 1 .*, which is none of the 2 classes",
        ),
        (
            {"eval_set": ([[1.0]], [0])},
            "X_val has 1 features, but TabularClassifier is expecting 3",
        ),
    ],
)
def test_wrong_rows_to_validate_on_are_errors(arguments, message):
    X, t = two_blobs()
    with pytest.raises(ValueError, match=message):
        fm.TabularClassifier().fit(X, t, **arguments)


def test_a_score_without_a_target_is_an_error_that_names_its_row_unless_it_weighs_nothing():
    X, y = np.arange(80.0)[:, None], np.arange(80.0)
    reg = fast(fm.TabularRegressor).fit(X, y)
    wrong, weight = y.copy(), np.r_[0.0, np.ones(79)]
    wrong[[0, 5]] = np.nan
    for kind in (np.asarray, list, pd.Series):
        with pytest.raises(ValueError, match=r"'y' lacks 1 value, the first in row 6"):
            reg.score(X, kind(wrong), weight)
    wrong[5] = 5.0
    assert reg.score(X, wrong, weight) > 0.5


@pytest.mark.parametrize("targets", [1, 2])
def test_errors_of_targets_to_validate_on_call_them_as_the_argument(targets):
    X, y = np.arange(80.0)[:, None], np.arange(80.0)
    t = y if targets == 1 else np.c_[y, -y]
    wrong = t.copy()
    wrong[5] = np.nan
    with pytest.raises(ValueError, match=r"'y_val0?' lacks 1 value, the first in row 6"):
        fm.TabularRegressor().fit(X, t, X_val=X, y_val=wrong)
    table = pd.DataFrame({"a": y, "cost": wrong.reshape(80, -1)[:, 0]})
    with pytest.raises(ValueError, match=r"'cost' lacks 1 value, the first in row 6"):
        fm.TabularRegressor().fit(table.assign(cost=y), "cost", eval_set=(table, "cost"))


def test_a_share_to_hold_out_beside_rows_to_validate_on_is_an_error():
    X, t = two_blobs()
    with pytest.raises(ValueError, match="leave one of them out"):
        fm.TabularClassifier(validation_fraction=0.2).fit(X, t, eval_set=(X, t))


@pytest.mark.parametrize("rows", [2, 3, 4])
def test_the_fewest_rows_can_be_learned_from(rows, tmp_path):
    X, y = np.arange(2.0 * rows).reshape(rows, 2) ** 2, np.arange(rows) % 2
    for estimator in (fast(fm.TabularClassifier), fast(fm.TabularRegressor)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # whether they are any good is another question
            estimator.fit(X, y)
        known = outputs(estimator, X)
        assert np.isfinite(known).all()
        estimator.save(tmp_path / "e.safetensors")
        other = fm.load(tmp_path / "e.safetensors")
        np.testing.assert_array_equal(outputs(other, X), known)
        np.testing.assert_array_equal(other.feature_importances_, estimator.feature_importances_)
        if np.isnan(estimator.validation_score_) and hasattr(other, "predict_interval"):
            with pytest.raises(ValueError, match="so few rows that none could be held out"):
                other.predict_interval(X)


def test_two_threads_and_another_fit_give_the_same_numbers(case):
    X, y, test, estimator = case
    other = clone(estimator).set_params(n_threads=1).fit(X[~test], y[~test])
    np.testing.assert_array_equal(outputs(other, X), outputs(estimator, X))
    assert other.validation_score_ == estimator.validation_score_


@pytest.mark.filterwarnings("ignore:the model is no better")  # after an epoch or two
def test_a_time_limit_ends_the_training_with_a_model_that_works():
    X, y = messy_tables.patients()
    estimator = fm.TabularRegressor(time_limit=0.05, random_state=0).fit(X, y)
    assert estimator.stopped_ == "time limit"
    assert np.isfinite(estimator.predict(X)).all()


@pytest.mark.filterwarnings("ignore:the model is no better")
@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_time_that_suffices_for_few_epochs_changes_no_result(epochs):
    X, t = two_blobs()
    how = {"epochs": epochs, "random_state": 0, "n_members": 2}
    in_time = fm.TabularClassifier(time_limit=3600, **how).fit(X, t)
    assert in_time.stopped_ == ""
    without = fm.TabularClassifier(**how).fit(X, t)
    np.testing.assert_array_equal(in_time.predict_proba(X), without.predict_proba(X))


@pytest.mark.parametrize(("verbose", "said"), [(0, ""), (2, "network 1/"), (1, "fit: 100%")])
def test_progress_is_shown_where_it_is_asked_for(verbose, said, capfd):
    X, t = two_blobs()
    fast(fm.TabularClassifier, verbose=verbose).fit(X, t)
    out, err = capfd.readouterr()
    assert said in out + err
    assert bool(out + err) == bool(verbose)


# --- scikit-learn ----------------------------------------------------------------------------


def test_matrices_go_by_position_and_frames_by_name():
    X, t = two_blobs()
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    by_name = fast(fm.TabularClassifier).fit(frame, t)
    by_position = fast(fm.TabularClassifier).fit(X, t)
    assert not hasattr(by_position, "feature_names_in_")
    np.testing.assert_array_equal(by_name.predict_proba(frame), by_position.predict_proba(X))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        by_name.predict(X)
    with pytest.warns(UserWarning, match="was fitted without feature names"):
        by_position.predict(frame)
    unnamed = fast(fm.TabularClassifier).fit(pd.DataFrame(X), t)  # columns 0, 1, 2
    assert not hasattr(unnamed, "feature_names_in_")
    table = pd.DataFrame(X).assign(t=t)
    assert fast(fm.TabularClassifier).fit(table, "t").score(table, "t") == unnamed.score(X, t)
    np.testing.assert_array_equal(unnamed.predict_proba(X), by_position.predict_proba(X))
    with pytest.raises(ValueError, match="X has 2 features, but TabularClassifier is expecting 3"):
        by_position.predict(X[:, :2])


def test_an_estimator_fitted_again_forgets_the_names_of_columns():
    X, t = two_blobs()
    estimator = fast(fm.TabularClassifier).fit(pd.DataFrame(X, columns=["a", "b", "c"]), t)
    estimator.fit(X, t)
    assert not hasattr(estimator, "feature_names_in_")


def test_pipelines_searches_and_cross_validation_work():
    X, y = messy_tables.patients()
    scaled = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include=float)),
        remainder="passthrough",
        verbose_feature_names_out=False,
    ).set_output(transform="pandas")
    pipeline = make_pipeline(scaled, fast(fm.TabularRegressor))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.3
    search = GridSearchCV(fast(fm.TabularRegressor), {"metric": ["rmse", "mae"]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.3
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()


@pytest.mark.parametrize("kind", [fm.TabularClassifier, fm.TabularRegressor])
def test_what_a_network_elsewhere_has_is_answered_with_what_to_write(kind):
    other = fm.MLPClassifier if kind is fm.TabularClassifier else fm.MLPRegressor
    for name in set(other().get_params()) - set(kind().get_params()):
        with pytest.raises(TypeError, match=f"has no argument '{name}'; (leave it out|write )"):
            kind(**{name: 1})
    for name in ("partial_fit", "n_iter_", "loss_curve_", "history"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; "):
            getattr(kind(), name)
    for name in ("validation_split", "batch_size", "X_valid", "class_weight", "weights"):
        with pytest.raises(TypeError, match=f"has no argument '{name}'; (leave it out|write )"):
            kind().fit([[1.0]], [1.0], **{name: 1})


def test_what_is_not_fitted_says_so():
    for call in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(fm.TabularClassifier(), call)([[1.0]])
    with pytest.raises(NotFittedError):
        fm.TabularRegressor().predict_interval([[1.0]])
    with pytest.raises(NotFittedError):
        fm.TabularRegressor().save("nowhere.safetensors")
    assert not hasattr(fm.TabularRegressor(), "feature_importances_")


# --- importances -----------------------------------------------------------------------------


def test_importances_find_the_columns_that_matter():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=["noise", "strong", "weak"])
    X["kind"] = rng.choice(["a", "b", "c"], 400)
    y = 3 * X["strong"] + X["weak"] + 2 * (X["kind"] == "b")
    estimator = fast(fm.TabularRegressor).fit(X, y)
    noise, strong, weak, kind = estimator.feature_importances_
    assert strong > kind > abs(noise)
    assert strong > weak > abs(noise)
    # permuting x adds 2 var(x) = 18 to a squared error near 0, so about √18 to its root
    assert strong == pytest.approx(np.sqrt(18), rel=0.2)
    given = estimator.importances(X, y, n_repeats=2)
    assert given.shape == (4, 2)
    assert given.mean(axis=1).argmax() == 1


@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "auc"])
def test_importances_are_what_the_metric_loses(metric):
    X, t = two_blobs(200)
    X[:, 1:] = np.random.default_rng(1).normal(size=(200, 2))
    estimator = fast(fm.TabularClassifier, metric).fit(X, t)
    assert estimator.feature_importances_[0] > 0.05
    assert estimator.feature_importances_[0] > 2 * abs(estimator.feature_importances_[1:]).max()


# --- copies ----------------------------------------------------------------------------------


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))])
def test_copies_predict_the_same_and_have_no_training_rows(case, copied):
    X, _, _, estimator = case
    other = copied(estimator)
    np.testing.assert_array_equal(outputs(other, X), outputs(estimator, X))
    np.testing.assert_array_equal(other.feature_importances_, estimator.feature_importances_)
    assert other.get_params() == estimator.get_params()
    assert other._held_out is None


def test_a_pickle_does_not_grow_with_the_rows():
    X, t = two_blobs(2000)
    sizes = [len(pickle.dumps(fast(fm.TabularClassifier).fit(X[:n], t[:n]))) for n in (200, 2000)]
    assert sizes[1] < sizes[0] + 2000 * 3


@pytest.mark.parametrize("cls", [fm.TabularRegressor, fm.TabularClassifier])
def test_targets_may_be_records_a_dict_of_columns_or_a_lazy_frame(cls):
    X, t = {"a": np.arange(80.0)}, np.repeat([0, 1], 40)
    expected = cls(quality="fast", epochs=2, n_members=1, random_state=0).fit(X, t)
    given = [{"t": t}, {"t": t.tolist()}, np.array([(v,) for v in t], [("t", "i8")])]
    given.append(pytest.importorskip("polars").LazyFrame({"t": t}))
    for y in given:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's, of one column
            found = clone(expected).fit(X, y, eval_set=(X, y))
            assert found.score(X, y) == found.score(X, t)
            found = np.ravel(clone(expected).fit(X, y).predict(X))
        np.testing.assert_array_equal(found, expected.predict(X))
    two = {"t": t, "u": t[::-1]}
    if cls is fm.TabularClassifier:
        with pytest.raises(ValueError, match="y has 2 columns of labels"):
            cls().fit(X, two)
    else:
        assert clone(expected).fit(X, two).predict(X).shape == (80, 2)


def test_errors_of_rows_to_validate_on_name_their_argument():
    X, y = {"a": np.arange(80.0)}, np.arange(80.0)
    for wrong, said in (
        ({"b": y}, "X_val: the table lacks 1 of the 1 columns"),
        ({"a": np.full(80, np.inf)}, "X_val: column 'a' holds 80 infinite values"),
        (None, r"eval_set must be a pair \(X, y\), got None for X"),
    ):
        with pytest.raises(ValueError, match=said):
            fm.TabularRegressor().fit(X, y, eval_set=(wrong, y))
    for pair in ((None, None), (X, None)):
        with pytest.raises(ValueError, match=r"eval_set must be a pair \(X, y\), got None for"):
            fm.TabularRegressor().fit(X, y, eval_set=pair)


def test_a_dict_with_names_that_are_no_texts_names_its_columns_as_a_frame_does():
    y = np.arange(80.0)
    columns = {0: y, 1: y**2}
    fast = fm.TabularRegressor(quality="fast", epochs=2, n_members=1, random_state=0)
    frame = pd.DataFrame(columns)
    assert not hasattr(fast.fit(columns, y), "feature_names_in_")
    expected = fast.predict(columns)
    for table in (frame, frame.rename(columns=str), frame.to_numpy(), {1: y**2, 0: y}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.testing.assert_array_equal(fast.predict(table), expected)


def test_a_list_of_labels_scores_as_they_are_with_zero_bytes_at_their_ends():
    x = np.linspace(-1, 1, 60)
    labels = ["a\0" if value > 0 else "a" for value in x]
    clf = fm.TabularClassifier(quality="fast", epochs=3, random_state=0).fit({"x": x}, labels)
    expected = np.mean(
        [said == label for said, label in zip(clf.predict({"x": x}), labels, strict=True)]
    )
    assert clf.score({"x": x}, labels) == expected > 0.9
    assert clf.score({"x": x, "y": labels}, "y") == expected
