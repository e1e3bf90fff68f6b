"""The recipe of tables, its measures, splits and weights: numbers that follow from the rows."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import log_loss, mean_pinball_loss, roc_auc_score

from fastmlp.estimators.tabular import measures, weighing
from fastmlp.estimators.tabular.recipe import METRICS, Recipe, choose
from fastmlp.estimators.tabular.splits import deal, originals_of

RNG = np.random.default_rng(0)


def recipe(metric, **more):
    task = next(task for task, known in METRICS.items() if metric in known)
    return choose(100, task, metric=metric, **more)


@pytest.mark.parametrize("metric", [m for known in METRICS.values() for m in known])
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_a_recipe_comes_back_from_json(metric, quality):
    made = recipe(metric, quality=quality, quantiles=(0.1, 0.9) if metric == "quantile" else ())
    assert Recipe.from_config(json.loads(json.dumps(made.config()))) == made


def test_fast_has_fewer_networks_than_best_and_numbers_can_be_asked_for():
    fast, best = recipe("rmse", quality="fast"), recipe("rmse")
    count = [each.members * len(each.designs) for each in (fast, best)]
    assert count[0] < count[1]
    assert recipe("rmse", n_members=3).members == 3
    assert recipe("rmse", validation_fraction=0.25).folds == 4


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
@pytest.mark.parametrize("rows", [1, 200, 2_000, 20_000, 200_000, 5_000_000])
def test_steps_are_bounded_however_many_rows_there_are(rows, metric):
    made = choose(rows, "numbers" if metric == "rmse" else "classes", metric=metric)
    for design in made.designs:
        steps = design.epochs * -(-rows // design.batch)
        assert design.epochs >= 12
        assert steps <= max(10_000, 12 * -(-rows // design.batch))


def test_tables_of_few_rows_take_smaller_steps():
    rows = (60, 255, 256, 511, 512, 1_499, 1_500)
    sizes = [choose(n, "numbers", metric="rmse").designs[0].batch for n in rows]
    assert sizes == [16, 16, 32, 32, 64, 64, 128]


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
@pytest.mark.parametrize("rows", [1, 2, 60, 200, 500, 1_000])
def test_few_rows_are_learned_from_in_five_hundred_steps_at_least(rows, metric):
    task = "numbers" if metric == "rmse" else "classes"
    for design in choose(rows, task, metric=metric).designs:
        assert design.epochs * -(-rows // design.batch) >= 500
    assert choose(rows, task, metric=metric, epochs=3).designs[0].epochs == 3


def test_classes_take_half_the_rows_a_step_and_half_the_epochs():
    numbers, classes = (
        choose(5_000, task, metric=metric).designs[0]
        for task, metric in (("numbers", "rmse"), ("classes", "accuracy"))
    )
    assert (classes.batch, classes.epochs) == (numbers.batch // 2, numbers.epochs // 2)


@pytest.mark.parametrize("members", [1, 4, 8, 9, 40])
def test_a_network_learns_from_seven_eighths_of_the_rows_or_more(members):
    assert recipe("rmse", n_members=members).folds == {9: 9, 40: 10}.get(members, 8)


def test_fast_holds_out_a_fifth_which_is_all_that_its_intervals_rest_on():
    assert recipe("rmse", quality="fast").folds == 5


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"metric": "rmse"}, "metric"),
        ({"quality": "good"}, "quality"),
        ({"n_members": 0}, "n_members"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"quantiles": (0.5,)}, "quantiles"),
    ],
)
def test_what_is_wrong_is_named(wrong, name):
    with pytest.raises(ValueError, match=name):
        choose(100, "classes", **{"metric": "accuracy"} | wrong)


@pytest.mark.parametrize("quantiles", [(), (0.9, 0.1), (0.5, 0.5), (0.0, 0.5)])
def test_quantiles_must_rise_between_0_and_1(quantiles):
    with pytest.raises(ValueError, match="quantiles"):
        recipe("quantile", quantiles=quantiles)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.pop("folds"),
        lambda c: c.update(more=1),
        lambda c: c.update(task="cooking"),
        lambda c: c.update(designs=[]),
        lambda c: c.update(designs="none"),
        lambda c: c["designs"][0].update(width=0),
        lambda c: c["designs"][0].update(width="wide"),
        lambda c: c["designs"][0].update(rate=math.nan),
        lambda c: c["designs"][0].update(activation="sloth"),
        lambda c: c["designs"][0].pop("rate"),
        lambda c: c.update(quantiles=[0.5]),
        lambda c: c.update(members=True),
    ],
)
def test_a_config_that_is_none_is_refused(spoil):
    config = recipe("rmse").config()
    spoil(config)
    with pytest.raises(ValueError, match=r"."):
        Recipe.from_config(config)


# --- splits -------------------------------------------------------------------------------------


def test_copies_of_a_row_are_held_out_together():
    X = RNG.normal(size=(300, 4)).astype(np.float32)
    X, t = np.repeat(X, 3, axis=0), np.repeat(RNG.integers(3, size=300), 3)
    order = RNG.permutation(900)
    X, t, source = X[order], t[order], np.repeat(np.arange(300), 3)[order]
    originals = originals_of(X, t)
    for i in range(300):
        assert set(originals[source == i]) == {np.flatnonzero(source == i)[0]}
    fold = deal(t, 8, np.random.default_rng(0), classes=True, originals=originals)
    assert all(len(set(fold[source == i])) == 1 for i in range(300))
    assert set(np.bincount(fold)) == {111, 114}


def test_copies_of_a_handful_of_rows_are_held_out_as_other_rows_are():
    originals = np.arange(90) % 3  # of three rows, which are too few for eight folds
    t = originals.copy()
    fold = deal(t, 8, np.random.default_rng(0), classes=True, originals=originals)
    assert fold.tolist() == deal(t, 8, np.random.default_rng(0), classes=True).tolist()
    assert np.bincount(fold).min() > 0


def test_equal_rows_of_columns_with_few_values_are_no_copies():
    X = RNG.integers(2, size=(400, 3)).astype(np.float32)
    t = RNG.integers(2, size=400)
    assert originals_of(X, t).tolist() == list(range(400))
    numbers = RNG.normal(size=(400, 1))
    assert originals_of(X, numbers).tolist() == list(range(400))


def test_a_few_equal_rows_with_another_target_are_no_copies_but_others_stay_so():
    X = np.repeat(RNG.normal(size=(100, 2)), 2, axis=0).astype(np.float32)
    t = np.repeat(np.arange(100.0), 2)[:, None]
    t[1] = -1
    assert originals_of(X, t).tolist() == [0, 1, *np.repeat(np.arange(2, 200, 2), 2)]


@pytest.mark.parametrize("folds", [2, 5, 8])
def test_folds_have_equal_sizes_and_their_share_of_every_class(folds):
    t = RNG.choice(4, size=403, p=[0.6, 0.3, 0.08, 0.02])
    fold = deal(t, folds, np.random.default_rng(1), classes=True)
    for label in range(4):
        counts = np.bincount(fold[t == label], minlength=folds)
        assert np.ptp(counts) <= 2
    assert np.ptp(np.bincount(fold)) <= 2


def test_every_fold_of_numbers_has_small_and_large_ones():
    t = RNG.lognormal(size=(500, 2))
    fold = deal(t, 5, np.random.default_rng(1), classes=False)
    means = [t[fold == i, 0].mean() for i in range(5)]
    assert np.ptp(means) < 0.5 * t[:, 0].std()
    assert np.ptp(np.bincount(fold)) == 0


@pytest.mark.parametrize("seed", range(20))
def test_who_holds_rows_out_has_seen_every_class(seed):
    t = np.array([0] * 7 + [1, 2, 2, 3, 3, 3])
    fold = deal(t, 3, np.random.default_rng(seed), classes=True)
    assert fold[7] == -1
    for i in range(3):
        assert set(t[fold != i]) == {0, 1, 2, 3}
        assert (fold == i).any()


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_too_few_rows_are_held_out_by_nobody(rows):
    assert (deal(np.zeros((rows, 1)), 5, np.random.default_rng(0), classes=False) == -1).all()


# --- measures -----------------------------------------------------------------------------------

WEIGHTS = RNG.uniform(0.5, 3, 60)
LABELS = RNG.integers(0, 3, 60)
P = RNG.dirichlet(np.ones(3), 60)


@pytest.mark.parametrize("w", [None, WEIGHTS])
def test_log_loss_and_auc_are_those_of_scikit_learn(w):
    loss = log_loss(LABELS, P, sample_weight=w)
    assert measures.badness(recipe("log_loss"), LABELS, P, w) == pytest.approx(loss, rel=1e-12)
    each = [
        roc_auc_score(k == LABELS, P[:, k].round(1), sample_weight=w)  # with ties
        for k in range(3)
    ]
    bad = measures.badness(recipe("auc"), LABELS, P.round(1), w)
    rest = measures.TIE * measures.badness(recipe("log_loss"), LABELS, P.round(1), w)
    assert bad - rest == pytest.approx(1 - np.mean(each), rel=1e-9)
    yes = (LABELS == 1).astype(np.int64)
    two = np.stack([1 - P[:, 0], P[:, 0]], axis=1)
    bad = measures.badness(recipe("auc"), yes, two, w)
    rest = measures.TIE * measures.badness(recipe("log_loss"), yes, two, w)
    area = roc_auc_score(yes, P[:, 0], sample_weight=w)
    assert bad - rest == pytest.approx(1 - area, rel=1e-9)


def test_the_epoch_for_accuracy_is_chosen_by_the_log_loss():
    chosen = [measures.badness(recipe(m), LABELS, P, WEIGHTS) for m in ("accuracy", "log_loss")]
    assert chosen[0] == chosen[1]


def test_targets_of_more_than_two_classes_are_smoothed_for_accuracy():
    for metric, classes, smoothing in [
        ("accuracy", 3, 0.1),
        ("accuracy", 2, 0.0),
        ("log_loss", 3, 0.0),
        ("auc", 3, 0.0),
    ]:
        designs = choose(100, "classes", metric=metric, classes=classes).designs
        # Of all kinds, or those that are not smoothed would have the better log loss.
        assert [design.smoothing for design in designs] == 3 * [smoothing]


@pytest.mark.parametrize("w", [None, WEIGHTS])
def test_the_measures_of_numbers_are_those_of_scikit_learn(w):
    t, y = RNG.normal(size=(60, 2)), RNG.normal(size=(60, 2))
    share = np.ones(60) if w is None else w
    rmse = np.sqrt(np.average(np.mean((y - t) ** 2, axis=1), weights=share))
    assert measures.badness(recipe("rmse"), t, y, w) == pytest.approx(rmse, rel=1e-12)
    mae = np.average(np.mean(np.abs(y - t), axis=1), weights=share)
    assert measures.badness(recipe("mae"), t, y, w) == pytest.approx(mae, rel=1e-12)
    q = (0.1, 0.6, 0.9)
    guess = RNG.normal(size=(60, 6))  # of each target all quantiles
    expected = np.mean(
        [
            mean_pinball_loss(t[:, j], guess[:, 3 * j + i], alpha=q[i], sample_weight=w)
            for j in range(2)
            for i in range(3)
        ]
    )
    got = measures.badness(recipe("quantile", quantiles=q), t, guess, w)
    assert got == pytest.approx(expected, rel=1e-12)


def test_an_auc_of_one_class_is_a_half():
    bad = measures.badness(recipe("auc"), np.zeros(4, np.int64), np.full((4, 2), 0.5), None)
    assert bad == pytest.approx(0.5 + measures.TIE * math.log(2))


# --- weighing -----------------------------------------------------------------------------------


def test_the_better_of_two_counts_more_and_equal_ones_alike():
    t = RNG.normal(size=(2000, 1))
    noise = [RNG.normal(size=(2000, 1)) for _ in range(2)]
    rmse = recipe("rmse")
    even = weighing.weights_of(rmse, [t + noise[0], t + noise[1]], t, None)
    assert even == pytest.approx([0.5, 0.5], abs=0.1)
    better = weighing.weights_of(rmse, [t + 0.5 * noise[0], t + noise[1]], t, None)
    assert better == pytest.approx([0.8, 0.2], abs=0.1)  # 1/σ² of each
    assert weighing.weights_of(rmse, [t, t + noise[0]], t, None).tolist() == [1.0, 0.0]


def test_one_row_far_from_all_others_does_not_decide_what_counts():
    t = RNG.normal(size=(400, 1))
    good, bad = t + 0.1 * RNG.normal(size=t.shape), t + 0.2 * RNG.normal(size=t.shape)
    rmse = recipe("rmse")
    calm = weighing.weights_of(rmse, [good, bad], t, None)
    good[7] += 20.0  # worse than all others together
    wild = weighing.weights_of(rmse, [good, bad], t, None)
    assert calm[0] > 0.7
    assert 0.2 < wild[0] < calm[0]
    assert wild.sum() == pytest.approx(1)


def test_the_same_rows_give_the_same_weights():
    t = RNG.normal(size=(300, 1))
    means = [t + RNG.normal(size=t.shape) for _ in range(3)]
    one, other = (weighing.weights_of(recipe("mae"), means, t, None) for _ in range(2))
    assert np.array_equal(one, other)
    assert one == pytest.approx([1 / 3] * 3, abs=0.15)


def test_probabilities_are_weighed_by_their_log_loss_and_rows_by_their_weight():
    t = RNG.integers(0, 2, 500)
    good = np.where(np.eye(2)[t] == 1, 0.9, 0.1)
    bad = good[:, ::-1]
    accuracy = recipe("accuracy")
    assert weighing.weights_of(accuracy, [bad, good], t, None).tolist() == [0.0, 1.0]
    mixed = np.concatenate([good[:250], bad[250:]])
    other = np.concatenate([bad[:250], good[250:]])
    w = np.where(np.arange(500) < 250, 9.0, 1e-3)
    assert weighing.weights_of(accuracy, [mixed, other], t, w).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_a_temperature_is_found_again(temperature):
    z = 2 * RNG.normal(size=(20_000, 3))
    right = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    t = (right.cumsum(axis=1) < RNG.uniform(size=(20_000, 1))).sum(axis=1)
    said = weighing.tempered(right, 1 / temperature)
    assert said.sum(axis=1) == pytest.approx(1.0)
    found = weighing.temperature_of(t, said, None)
    assert found == pytest.approx(temperature, rel=0.05)


def test_few_rows_change_a_temperature_little():
    P = np.array([[0.99, 0.01], [0.99, 0.01]])
    assert 0.7 < weighing.temperature_of(np.array([0, 1]), P, None) < 2
    assert np.isfinite(weighing.tempered(np.array([[1.0, 0.0]]), 0.5)).all()
