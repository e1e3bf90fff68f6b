"""Bins of numbers: between quantiles, or between all values where targets jump between these."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import f

import fastmlp as fm
from fastmlp.estimators.tabular import bins
from fastmlp.estimators.tabular.bins import bins_for, jumps
from fastmlp.estimators.tabular.recipe import DESIGNS

STEPPED = DESIGNS[1]
FEW = dataclasses.replace(STEPPED, encoding=8)
RNG = np.random.default_rng


def shops(rows=900, count=60, seed=0):
    """Return numbers that are names, and what goes along with each: number, mean."""
    rng = RNG(seed)
    shop = rng.integers(0, count, rows)
    return rng.permutation(np.arange(100.0, 100 + 7 * count, 7))[shop], rng.normal(size=count)[shop]


def quantiles(column, count=8):
    return np.unique(np.quantile(column, np.linspace(0, 1, count + 1)))


def found(column, t, classes=False, most=4096, count=8):
    t = t if classes else np.reshape(t, (len(column), -1))
    return jumps(column, t, quantiles(column, count), most, classes=classes)


def test_a_constant_column_has_a_bin_around_it():
    numbers = np.array([[7.0, 0.0], [7.0, 1.0], [7.0, 2.0]])
    edges = bins_for(STEPPED, numbers, numbers[:, 1:], classes=False).edges
    assert edges[0] == [6.5, 7.5]
    assert edges[1][0] == 0.0
    assert edges[1][-1] == 2.0


def test_other_designs_have_no_bins():
    for design in (DESIGNS[0], DESIGNS[2]):
        assert bins_for(design, np.ones((3, 2)), np.ones((3, 1)), classes=False) is None
    assert bins_for(STEPPED, np.ones((3, 0)), np.ones((3, 1)), classes=False) is None


def test_numbers_that_are_names_have_bins_of_their_own_and_others_quantiles():
    number, mean = shops()
    smooth = RNG(1).integers(0, 60, 900).astype(np.float64)
    X = np.column_stack([number, smooth]).astype(np.float32)
    found = bins_for(FEW, X, (mean + smooth / 20)[:, None], classes=False)
    assert found.edges == [np.unique(number).tolist(), quantiles(smooth).tolist()]
    assert found.hats == [True, False]


def test_targets_that_jump_are_seen_among_noise_of_numbers_classes_and_several_targets():
    number, mean = shops()
    noise = RNG(1).normal(size=900)
    assert found(number, mean + 0.6 * noise)
    assert not found(number, mean + 2.0 * noise)  # the values leave most of it open
    assert found(number, np.column_stack([noise, mean]))
    assert found(number, np.digitize(mean + 0.3 * noise, [-1, 1]), classes=True)
    assert found(number, (mean > 0).astype(np.int64), classes=True)
    assert not found(number, noise)
    assert not found(number, np.digitize(noise, [-1, 1]), classes=True)


def test_what_lines_between_quantiles_follow_does_not_jump():
    x = RNG(0).integers(0, 60, 3_000).astype(np.float64)
    noise = RNG(1).normal(size=3_000)
    for y in (x, np.abs(x - 30), np.sin(x / 15)):
        assert not found(x, y + 0.3 * y.std() * noise, count=24)
    # Every fifth class of a slope: each is probable in a range.
    assert not found(x, (x + 10 * noise).clip(0, 59).astype(np.int64) // 12, classes=True)


@pytest.mark.parametrize("classes", [False, True])
def test_of_noise_few_columns_jump(classes):
    rng = RNG(0)
    X = rng.integers(0, 40, size=(400, 400)).astype(np.float64)
    t = rng.integers(0, 3, 400) if classes else rng.standard_t(3, size=400)
    assert sum(found(column, t, classes) for column in X.T) <= 3


def test_there_must_be_rows_of_each_value_and_values_between_edges():
    number, mean = shops(rows=150)  # fewer than three of each
    assert not found(number, mean)
    number, mean = shops()
    assert found(number, mean, most=60)
    assert not found(number, mean, most=59)
    few, mean = shops(count=4)
    assert not found(few, mean)
    assert not found(number, np.zeros(900))
    assert not found(np.ones(900), mean)


def test_the_chance_is_that_of_the_test_for_lack_of_fit(monkeypatch):
    """By hand, of a line through two edges: means at four values from it, rows from the means."""
    x = np.repeat([0.0, 1.0, 2.0, 3.0], 4)
    t = RNG(3).normal(size=16) + np.array([0.0, 6.0, -2.0, 0.0])[x.astype(int)]
    slope, offset = np.polyfit(x, t, 1)
    means = np.array([t[x == value].mean() for value in range(4)])
    missed = 4 * np.square(means - slope * np.arange(4) - offset).sum()
    within = np.square(t - means[x.astype(int)]).sum()
    chance = f.sf((missed / 2) / (within / 12), 2, 12)
    for times, jump in ((0.99, False), (1.01, True)):
        monkeypatch.setattr(bins, "CHANCE", times * chance)
        assert jumps(x, t[:, None], np.array([0.0, 3.0]), 9, classes=False) is jump


def test_values_that_come_once_say_nothing_of_other_rows(monkeypatch):
    x = np.append(np.zeros(600), np.arange(200) * 2.37)
    t = np.append(np.zeros(600), RNG(2).normal(size=200)) + 0.1 * RNG(3).normal(size=800)
    assert not found(x, t, count=24)
    assert found(np.append(x, x), np.append(t, t), count=24)
    monkeypatch.setattr(bins, "LEFT_OUT", np.inf)
    assert found(x, t, count=24)


@pytest.mark.parametrize("classes", [False, True])
def test_rows_are_left_out_in_turn(classes, monkeypatch):
    """By hand: fits to all other rows, of lines and of means; lines where a value comes once."""
    x = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0])
    t = np.array([0.1, 0.0, 0.2, 2.0, 2.2, 1.0, 0.1, 0.0, 3.1, 3.0, 0.2, 0.1])
    t = (t > 1.5).astype(np.int64) if classes else t
    by_lines = by_hats = 0.0
    for row in range(12):
        others = np.arange(12) != row
        same = others & (x == x[row])
        line = np.polyval(np.polyfit(x[others], t[others], 1), x[row])
        by_lines += (t[row] - line) ** 2
        by_hats += (t[row] - (t[same].mean() if same.any() else line)) ** 2
    monkeypatch.setattr(bins, "CHANCE", 1.0)
    monkeypatch.setattr(bins, "ROWS_OF_VALUE", 2)
    for times, jump in ((0.999, False), (1.001, True)):
        monkeypatch.setattr(bins, "LEFT_OUT", times * by_hats / by_lines)
        given = t if classes else t[:, None]
        assert jumps(x, given, np.array([0.0, 5.0]), 9, classes=classes) is jump


def test_of_many_rows_some_tell():
    number, mean = shops(rows=50_000, count=300)
    found = bins_for(FEW, number[:, None], mean[:, None], classes=False)
    assert found.edges == [np.unique(number).tolist()]
    # A value that is rare is an edge, too.
    number = np.append(number, 1e5)
    found = bins_for(FEW, number[:, None], np.append(mean, 0.0)[:, None], classes=False)
    assert found.edges[0][-1] == 1e5


@pytest.mark.parametrize("classes", [False, True])
def test_an_estimator_learns_numbers_that_are_names(classes, monkeypatch):
    number, mean = shops(rows=1_800, count=120)
    rng = RNG(1)
    X = np.column_stack([number, rng.normal(size=1_800)])
    y = mean + 0.3 * X[:, 1] + 0.1 * rng.normal(size=1_800)
    y = y > 0 if classes else y
    estimator = fm.TabularClassifier if classes else fm.TabularRegressor

    def error():
        model = estimator(quality="fast", random_state=0).fit(X[:1_300], y[:1_300])
        return 1 - model.score(X[1_300:], y[1_300:])

    now = error()
    monkeypatch.setattr(bins, "CHANCE", 0.0)
    assert now < 0.6 * error()
