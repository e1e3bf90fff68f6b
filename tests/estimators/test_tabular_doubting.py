"""The warning that a model says nothing: of tables of noise it comes, of others it does not."""

import math
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris, make_friedman1, make_regression

import fastmlp as fm
from fastmlp.estimators.tabular import doubting
from fastmlp.estimators.tabular.recipe import choose

NUMBERS = choose(100, "numbers", metric="rmse")
CLASSES = choose(100, "classes", metric="accuracy", classes=2)


def noise(kind, seed, rows=150):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 5))
    if kind == "numbers":
        return fm.TabularRegressor, X, rng.normal(size=rows)
    if kind == "tails":
        return fm.TabularRegressor, X, np.exp(rng.normal(size=rows))
    share = {"even": 0.5, "rare": 0.1}[kind]
    return fm.TabularClassifier, X, np.where(rng.random(rows) < share, "yes", "no")


def warnings_of(kind, X, y, **settings):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind(random_state=0, **settings).fit(X, y)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize("kind", ["numbers", "tails", "even", "rare"])
def test_of_tables_of_noise_most_are_told_of(kind):
    said = [
        warnings_of(*noise(kind, seed), quality=quality, n_members=members, epochs=24)
        for seed in range(3)
        for quality, members in (("fast", None), ("best", 2))
    ]
    assert sum(map(bool, said)) >= 5
    (text,) = next(each for each in said if each)
    assert "no better than the" in text
    assert "the columns may say nothing of the target" in text


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize("metric", ["accuracy", "log_loss", "auc"])
def test_of_flowers_nothing_is_said(metric, quality):
    X, y = load_iris(return_X_y=True)
    assert warnings_of(fm.TabularClassifier, X, y, metric=metric, quality=quality) == []


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"metric": "mae"}, {"metric": "quantile", "quantiles": (0.1, 0.9)}, {"time_limit": 60}],
)
def test_of_60_rows_with_a_truth_nothing_is_said(settings, quality):
    X, y = make_regression(60, 10, n_informative=5, noise=20.0, random_state=0)
    weights = np.linspace(1, 2, len(y))
    assert warnings_of(fm.TabularRegressor, X, y, quality=quality, **settings) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        estimator = fm.TabularRegressor(quality=quality, random_state=0, **settings)
        estimator.fit(X, y, weights, eval_set=(X[:30], y[:30]))


@pytest.mark.filterwarnings("ignore:the model is no better")
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_what_is_told_of_few_rows_holds_for_new_ones(quality):
    found = []
    for seed in range(8):
        X, y = make_friedman1(1060, noise=1.0, random_state=seed)
        reg = fm.TabularRegressor(quality=quality, random_state=seed).fit(X[:60], y[:60])
        error = np.sqrt(np.mean((reg.predict(X[60:]) - y[60:]) ** 2))
        low, high = reg.predict_interval(X[60:], 0.8).T
        held = ((low <= y[60:]) & (y[60:] <= high)).mean()
        found.append((np.log(reg.validation_score_ / error), held))
    told, held = np.mean(found, axis=0)
    assert abs(told) < 0.15  # it was -0.4 and -0.3 at epochs that the rows chose
    assert 0.75 < held < 0.92  # 12 rows have no distance nearer above 0.8 than 0.85


def test_of_noise_to_validate_on_it_is_told_too():
    kind, X, y = noise("numbers", 0, rows=400)
    with pytest.warns(UserWarning, match="no better than the mean, as far as 200 held-out rows"):
        kind(quality="fast", epochs=24, random_state=0).fit(
            X[:200], y[:200], eval_set=(X[200:], y[200:])
        )


def test_of_a_rare_class_it_is_told_that_the_probabilities_are_good():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1000, 2))
    y = (X[:, 0] > 1) & (rng.random(1000) < 0.4)
    (text,) = warnings_of(fm.TabularClassifier, X, y, quality="fast")
    assert "no better than the largest class" in text
    assert "the probabilities do say something of the classes, see metric='log_loss'" in text
    assert warnings_of(fm.TabularClassifier, X, y, quality="fast", metric="log_loss") == []


def recorded(*epochs):
    """Return the record of a network that said so, epoch after epoch."""
    record = doubting.Record(len(epochs[0]), epochs[0].shape[1])
    for P in epochs:
        record.take(P)
    return record


def test_an_epoch_is_not_chosen_by_the_rows_that_it_speaks_of():
    rows = 40
    t = np.linspace(-1, 1, rows)[:, None]
    half = doubting.Record(rows, 1).rows[::2]
    mine = np.isin(np.arange(rows), half)[:, None]
    # after the first epoch it knows one half by heart, after the second the other
    record = recorded(np.where(mine, t, 5.0), np.where(mine, 5.0, t))
    said = doubting.unchosen(NUMBERS, t, None, [record], [0], {0: np.arange(rows)})
    np.testing.assert_array_equal(said, np.full((rows, 1), 5.0))


def test_an_epoch_is_chosen_by_the_rows_of_other_networks():
    t = np.linspace(-1, 1, 20)[:, None]
    where = {0: np.arange(0, 20, 2), 1: np.arange(1, 20, 2)}
    good, bad = t, t + 3.0
    records = [
        recorded(bad[where[0]], good[where[0]], bad[where[0]]),
        recorded(bad[where[1]], good[where[1]]),  # given up earlier
    ]
    said = doubting.unchosen(NUMBERS, t, np.ones(20), records, [0, 1], where)
    np.testing.assert_allclose(said, t, atol=1e-6)


def test_rows_that_nobody_holds_out_are_unknown():
    t = np.array([0, 1, 0, 1, 1])
    P = np.full((4, 2), 0.5)
    said = doubting.unchosen(CLASSES, t, None, [recorded(P)], [0], {0: np.arange(4)})
    assert np.isnan(said[4]).all()
    assert np.isfinite(said[:4]).all()


def test_evidence_is_the_mean_of_the_gains_by_its_standard_error():
    rng = np.random.default_rng(0)
    t = rng.normal(size=(50, 1))
    P, constant = t + rng.normal(size=(50, 1)), np.zeros((1, 1))
    gain = (t**2 - (P - t) ** 2)[:, 0]
    expected = gain.mean() / (gain.std() / math.sqrt(50))
    assert doubting.evidence(NUMBERS, t, P, constant, None) == pytest.approx(expected)
    twice = np.concatenate([t, t]), np.concatenate([P, P])
    weights = np.repeat([3.0, 0.0], 50)
    assert doubting.evidence(NUMBERS, *twice, constant, weights) == pytest.approx(expected)
    assert doubting.evidence(NUMBERS, t, np.zeros((50, 1)), constant, None) == 0


def test_one_row_that_is_wrong_and_sure_does_not_decide():
    t = np.arange(60) % 2
    P = np.where(t[:, None] == [0, 1], 0.95, 0.05)
    P[0] = 1e-12, 1.0
    assert doubting.evidence(CLASSES, t, P, np.full((1, 2), 0.5), None) > 3


def test_few_rows_say_nothing():
    t = np.arange(doubting.FEWEST_ROWS - 1) % 2
    P = np.full((len(t), 2), 0.5)
    assert math.isnan(doubting.evidence(CLASSES, t, P, P[:1], None))
    many = np.concatenate([t, t])
    unknown = np.concatenate([P, np.full_like(P, np.nan)])
    assert math.isnan(doubting.evidence(CLASSES, many, unknown, P[:1], None))


def test_of_many_outputs_fewer_rows_are_kept():
    record = doubting.Record(5000, 100)
    record.take(np.zeros((5000, 100)))
    assert record.epochs[0].shape == (doubting.MOST_NUMBERS // 100, 100)
    assert record.epochs[0].dtype == np.float32
