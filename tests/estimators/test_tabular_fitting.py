"""Averages of networks for tables: they learn, hold rows out, stop in time, and fit into files."""

import copy
import dataclasses
import itertools
import json
import math
import pickle
import threading
import time

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp.data.table import Layout
from fastmlp.estimators.tabular import fitting
from fastmlp.estimators.tabular.bins import bins_for
from fastmlp.estimators.tabular.course import Course
from fastmlp.estimators.tabular.fitted import Fitted
from fastmlp.estimators.tabular.fitting import fit_tables
from fastmlp.estimators.tabular.member import Member
from fastmlp.estimators.tabular.network import (
    Shape,
    build,
    fewest_parameters,
    inputs_of,
    loss_of,
)
from fastmlp.estimators.tabular.recipe import METRICS, choose
from fastmlp.estimators.tabular.splits import Rows
from fastmlp.planner.training_plans import TrainingPlan

LAYOUT = Layout(3, 2, (4, 11))


def table(rows, seed=0, layout=LAYOUT):
    """Return a matrix of this layout, and a function of it that is worth learning."""
    rng = np.random.default_rng(seed)
    numbers = np.clip(rng.normal(size=(rows, layout.numbers)), -3, 3)
    flags = rng.choice([-1.0, 1.0], size=(rows, layout.flags))
    codes = [rng.integers(0, n, rows)[:, None] for n in layout.codes]
    X = np.concatenate([numbers, flags, *codes], axis=1).astype(np.float32)
    signal = np.zeros(rows)
    if layout.numbers:
        signal += np.abs(numbers[:, 0]) * 2
    if layout.flags:
        signal += flags[:, 0]
    if layout.codes:
        signal += (codes[0][:, 0] % 2) * 1.5
    return X, (signal - signal.mean()) / max(signal.std(), 1e-9)


def small(recipe, **changes):
    """Return a recipe whose networks are small and quick."""
    designs = tuple(
        dataclasses.replace(
            design, width=16, depth=2, encoding=4, embedded=2, batch=32, epochs=12, **changes
        )
        for design in recipe.designs[:2]
    )
    return dataclasses.replace(recipe, designs=designs, members=2, folds=4)


def recipe_of(metric, quantiles=(), **changes):
    task = next(task for task, known in METRICS.items() if metric in known)
    classes = 3 if task == "classes" else 0
    return small(choose(100, task, metric=metric, quantiles=quantiles, classes=classes), **changes)


def fitted(metric="rmse", rows=160, quantiles=(), weights=None, seed=0, layout=LAYOUT, **more):
    X, signal = table(rows, layout=layout)
    recipe = recipe_of(metric, quantiles)
    if recipe.task == "classes":
        t = np.digitize(signal, [-0.5, 0.5]).astype(np.int64)
        return X, t, fit_tables(X, layout, t, weights, recipe, seed, classes=3, **more)
    t = np.stack([signal, -signal], axis=1)
    return X, t, fit_tables(X, layout, t, weights, recipe, seed, **more)


@pytest.mark.parametrize("metric", METRICS["classes"])
def test_classes_are_learned_for_every_metric(metric):
    X, t, fit = fitted(metric, rows=400)
    P = fit.predict(X)
    assert P.shape == (400, 3)
    assert P.sum(axis=1) == pytest.approx(1.0)
    held = fit.unchosen
    known = np.isfinite(held[:, 0])
    assert known.sum() == pytest.approx(200, abs=4)  # two of four folds
    majority = np.bincount(t).max() / len(t)
    assert (held[known].argmax(axis=1) == t[known]).mean() > majority + 0.2


@pytest.mark.parametrize("metric", ["rmse", "mae"])
def test_several_numbers_are_learned_and_stay_in_their_range(metric):
    X, t, fit = fitted(metric, rows=400)
    known = np.isfinite(fit.unchosen[:, 0])
    rest = np.mean((fit.unchosen[known] - t[known]) ** 2, axis=0)
    assert (rest < 0.3).all()
    wild = X.copy()
    wild[:, 0] = 3.0
    P = fit.predict(wild)
    assert (t.min(axis=0) <= P).all()
    assert (t.max(axis=0) >= P).all()


def test_quantiles_of_several_targets_come_target_by_target_and_rise():
    X, t, fit = fitted("quantile", rows=400, quantiles=(0.1, 0.5, 0.9))
    P = fit.predict(X)
    assert P.shape == (400, 6)
    assert (np.diff(P.reshape(-1, 2, 3), axis=2) >= 0).all()
    inside = (P.reshape(-1, 2, 3)[:, :, 0] <= t) & (t <= P.reshape(-1, 2, 3)[:, :, 2])
    assert 0.6 < inside.mean() <= 1
    assert np.corrcoef(P[:, 1], t[:, 0])[0, 1] > 0.8
    assert np.corrcoef(P[:, 4], t[:, 1])[0, 1] > 0.8


@pytest.mark.parametrize(
    "layout",
    [
        Layout(2, 0, ()),
        Layout(0, 3, ()),
        Layout(0, 0, (5,)),
        Layout(0, 1, (3, 12)),
        Layout(1, 0, (2,)),
    ],
    ids=str,
)
@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_tables_without_columns_of_some_kind_are_fitted(layout, metric):
    X, _, fit = fitted(metric, rows=60, layout=layout)
    assert np.isfinite(fit.predict(X)).all()


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_a_handful_of_rows_is_fitted(rows, metric):
    X, signal = table(rows)
    recipe = recipe_of(metric)
    if metric == "accuracy":
        t = np.arange(rows) % 3
        fit = fit_tables(X, LAYOUT, t, None, recipe, 0, classes=3)
    else:
        fit = fit_tables(X, LAYOUT, signal[:, None], None, recipe, 0)
    assert np.isfinite(fit.predict(X)).all()
    assert len(fit.unchosen) == rows
    assert np.isfinite(fit.unchosen).any() == (rows >= 4)


def test_a_wide_table_has_narrower_embeddings():
    layout = Layout(600, 0, ())
    design = choose(100, "numbers", metric="rmse").designs[1]
    numbers = np.random.default_rng(0).normal(size=(50, 600))
    bins = bins_for(design, numbers, numbers[:, :1], classes=False)
    assert max(map(len, bins.edges)) <= 8
    model = build(design, Shape(layout, 1, False), bins, seed=0)
    assert model.network.layer("front").scale.shape == (600,)
    assert model.predict(np.zeros((1, 600), np.float32)).shape == (1, 1)


# --- what is held out -----------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_what_was_held_out_can_be_asked_again(metric):
    X, _, fit = fitted(metric)

    def asked(X):
        return fit.by_others(inputs_of(X, fit.layout), fit.folds)

    again = asked(X)
    assert np.array_equal(np.isnan(again), np.isnan(fit.unchosen))
    assert np.corrcoef(again[fit.folds == 0, 0], fit.unchosen[fit.folds == 0, 0])[0, 1] > 0.9
    assert not np.array_equal(again, fit.predict(X))
    shuffled = X.copy()
    shuffled[:, 0] = np.random.default_rng(0).permutation(shuffled[:, 0])
    assert not np.array_equal(asked(shuffled), again, equal_nan=True)


def test_no_network_has_seen_what_it_holds_out():
    """A target that is noise cannot be predicted for rows that were held out."""
    X, _ = table(300)
    t = np.random.default_rng(1).normal(size=(300, 1))
    fit = fit_tables(X, LAYOUT, t, None, recipe_of("rmse"), 0)
    known = np.isfinite(fit.unchosen[:, 0])
    assert abs(np.corrcoef(fit.unchosen[known, 0], t[known, 0])[0, 1]) < 0.25


def test_rows_to_judge_by_can_be_given():
    X, signal = table(200)
    judge = table(80, seed=1)
    t, u = signal[:, None], judge[1][:, None]
    fit = fit_tables(X, LAYOUT, t, None, recipe_of("rmse"), 0, eval=(judge[0], u, None))
    assert fit.unchosen.shape == (80, 1)
    assert np.corrcoef(fit.unchosen[:, 0], fit.predict(judge[0])[:, 0])[0, 1] > 0.95
    assert fit.folds is None
    w = np.zeros(80)
    with pytest.raises(ValueError, match="validation"):
        fit_tables(X, LAYOUT, t, None, recipe_of("rmse"), 0, eval=(judge[0], u, w))


def test_rows_without_weight_are_as_if_they_were_not_there():
    X, signal = table(160)
    t = signal[:, None].copy()
    w = np.ones(160)
    w[100:] = 0
    t[100:] = 99.0
    less = fit_tables(X[:100], LAYOUT, t[:100], w[:100], recipe_of("rmse"), 0)
    more = fit_tables(X, LAYOUT, t, w, recipe_of("rmse"), 0)
    assert np.array_equal(less.predict(X), more.predict(X))
    assert np.isnan(more.unchosen[100:]).all()
    assert np.array_equal(more.unchosen[:100], less.unchosen, equal_nan=True)
    with pytest.raises(ValueError, match="sample_weight"):
        fit_tables(X, LAYOUT, t, np.zeros(160), recipe_of("rmse"), 0)


def test_the_unit_of_weights_does_not_matter():
    X, signal = table(120)
    t, w = signal[:, None], np.random.default_rng(0).uniform(1, 2, 120)
    one = fit_tables(X, LAYOUT, t, w, recipe_of("rmse"), 0).predict(X)
    other = fit_tables(X, LAYOUT, t, w * 2.0**-60, recipe_of("rmse"), 0).predict(X)
    assert np.array_equal(one, other)
    heavy = w.copy()
    heavy[:60] *= 1000
    assert not np.array_equal(fit_tables(X, LAYOUT, t, heavy, recipe_of("rmse"), 0).predict(X), one)


# --- the same bits --------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
def test_threads_change_no_bit_and_seeds_do(metric):
    X, _, one = fitted(metric, n_threads=1)
    for threads in (2, 3):
        _, _, other = fitted(metric, n_threads=threads)
        assert np.array_equal(one.predict(X), other.predict(X))
        assert one.epochs == other.epochs
        assert one.scores == other.scores
    assert not np.array_equal(one.predict(X), fitted(metric, seed=1)[2].predict(X))


def test_a_network_has_the_bits_that_it_has_alone():
    X, signal = table(160)
    recipe = recipe_of("accuracy")
    t = np.digitize(signal, [-0.5, 0.5]).astype(np.int64)
    three = dataclasses.replace(recipe, members=3)
    one = fit_tables(X, LAYOUT, t, None, dataclasses.replace(recipe, members=1), 0, classes=3)
    all_of_them = fit_tables(X, LAYOUT, t, None, three, 0, classes=3)
    for alone, first in zip(one.models, all_of_them.models, strict=True):
        assert np.array_equal(alone[0].parameters.flat, first[0].parameters.flat)
        assert not np.array_equal(first[0].parameters.flat, first[1].parameters.flat)


def test_few_rows_of_a_linear_table_are_left_to_the_linear_networks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1_000, 8)).astype(np.float32)
    signal = X @ np.linspace(-1, 1, 8)
    t = (signal + 0.3 * rng.normal(size=1_000))[:, None]
    recipe = choose(60, "numbers", metric="rmse", n_members=4)
    fit = fit_tables(X[:60], Layout(8, 0, ()), t[:60], None, recipe, 0)
    linear = [design.depth == 0 for design in recipe.designs]
    assert fit.weights[linear].sum() > 0.5
    assert [len(m.layers) for m in fit.models[linear.index(True)]] == 4 * [2]  # scales, output
    error = np.sqrt(np.mean((fit.predict(X[60:])[:, 0] - signal[60:]) ** 2))
    assert error < 0.25 * signal.std()


def test_an_epoch_of_all_networks_of_a_design_is_one_call(monkeypatch):
    calls = []
    run = TrainingPlan.run_jobs
    monkeypatch.setattr(
        TrainingPlan, "run_jobs", lambda plan, jobs: (calls.append(len(jobs)), run(plan, jobs))
    )
    fitted("rmse")
    assert len(calls) <= 24  # 12 epochs of 2 designs
    assert calls[0] == 2


def test_one_that_diverges_begins_again_with_a_smaller_rate_and_changes_no_other(monkeypatch):
    """The second network learns from enormous weights once."""
    made = []

    class Explosive(Member):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)
            if len(made) == 2:
                self.model.parameters.flat[...] = 1e30

    X, _, plain = fitted("rmse")
    monkeypatch.setattr(fitting, "Member", Explosive)
    _, _, fit = fitted("rmse")
    assert [member.rate for member in made] == [1.0, 0.1, 1.0, 1.0]
    same = [
        [np.array_equal(a.parameters.flat, b.parameters.flat) for a, b in zip(*each, strict=True)]
        for each in zip(plain.models, fit.models, strict=True)
    ]
    assert same == [[True, False], [True, True]]
    assert np.isfinite(fit.predict(X)).all()


@pytest.mark.parametrize(("epochs", "ran"), [(8, 8), (12, 6), (21, 10), (32, 6), (64, 13)])
def test_a_network_is_given_up_at_the_end_of_a_wave_of_several_epochs(monkeypatch, epochs, ran):
    """Waves end after 1, 3, 7 and 15 fifteenths; here every epoch is worse than the first."""
    count = itertools.count()
    monkeypatch.setattr("fastmlp.estimators.tabular.course.badness", lambda *given: next(count))
    seen = []
    X, signal = table(40)
    recipe = recipe_of("rmse")
    designs = tuple(dataclasses.replace(design, epochs=epochs) for design in recipe.designs[:1])
    recipe = dataclasses.replace(recipe, designs=designs, members=1)
    fit_tables(*(X, LAYOUT, signal[:, None], None, recipe, 0), progress=seen.append)
    assert seen[-1].epoch == ran


# --- time -----------------------------------------------------------------------------------------


def test_a_deadline_that_is_over_leaves_one_network_of_one_epoch():
    X, _, fit = fitted("rmse", deadline=time.monotonic() - 1, n_threads=1)
    assert fit.members == 1
    assert fit.epochs == [[1], []]
    assert fit.stopped == "time limit"
    assert np.isfinite(fit.predict(X)).all()


def test_a_deadline_is_kept_and_a_far_one_changes_nothing():
    X, signal = table(4000)
    recipe = choose(4000, "numbers", metric="rmse")
    begin = time.monotonic()
    fit = fit_tables(X, LAYOUT, signal[:, None], None, recipe, 0, deadline=begin + 2.0)
    assert time.monotonic() - begin < 20.0  # of a minute; other work may take the processors
    assert fit.stopped == "time limit"
    assert np.corrcoef(fit.predict(X)[:, 0], signal)[0, 1] > 0.5
    _, _, late = fitted("rmse", deadline=time.monotonic() + 1e6)
    assert np.array_equal(late.predict(X), fitted("rmse")[2].predict(X))
    assert late.stopped == ""


class Hours:
    """A clock that trainings alone make go on: an hour for each epoch of each network.

    The first calls may take longer.
    """

    def __init__(self, monkeypatch, slow=0):
        self.now, self.slow = 0.0, slow
        run = Course.round

        def round(course, members):
            self.now += len(members) * (3 if self.slow > 0 else 1)
            self.slow -= 1
            run(course, members)

        monkeypatch.setattr(Course, "round", round)
        monkeypatch.setattr(time, "monotonic", lambda: self.now)


@pytest.mark.parametrize("hours", [1, 2, 3, 14, 20, 30, 60, 100, 1000])
def test_little_time_is_for_all_epochs_of_fewer_networks_before_fewer_epochs(monkeypatch, hours):
    X, signal = table(60)
    patient = recipe_of("rmse", schedule="constant", rate=0.01)
    recipe = dataclasses.replace(patient, members=4)  # of 2 designs of 12 epochs
    clock, seen = Hours(monkeypatch), {}
    fit = fit_tables(
        *(X, LAYOUT, signal[:, None], None, recipe, 0),
        deadline=float(hours),
        progress=lambda now: seen.update({now.member: (now.epoch, now.epochs)}),
    )
    assert clock.now <= hours
    counts = [len(models) for models in fit.models]
    if hours >= 30:  # a network of each takes 24
        assert all(done == (12, 12) for done in seen.values())
        assert sum(counts) * 12 > 0.6 * min(hours, 96)
    elif hours >= 14:
        assert counts == [1, 1]
        assert all(epoch == epochs < 12 for epoch, epochs in seen.values())
    assert fit.stopped == ("" if hours >= 1000 else "time limit")
    assert np.isfinite(fit.predict(X)).all()


def test_time_that_the_first_epochs_did_not_promise_is_used(monkeypatch):
    X, signal = table(60)
    patient = recipe_of("rmse", schedule="constant", rate=0.01)
    recipe = dataclasses.replace(patient, members=4)
    clock = Hours(monkeypatch, slow=6)  # all by which the seconds of others are foretold
    fit = fit_tables(X, LAYOUT, signal[:, None], None, recipe, 0, deadline=150.0)
    assert clock.now <= 150
    assert [len(models) for models in fit.models] == [4, 4]
    assert fit.stopped == ""


def test_a_first_network_that_is_still_on_its_way_stops_no_other():
    """One design is done with its first network long before the other."""
    X, signal = table(400)
    recipe = recipe_of("rmse")
    slow = dataclasses.replace(recipe.designs[1], width=256, depth=4, batch=8)
    recipe = dataclasses.replace(recipe, designs=(recipe.designs[0], slow))
    far = time.monotonic() + 1e6
    fit = fit_tables(X, LAYOUT, signal[:, None], None, recipe, 0, deadline=far, n_threads=2)
    assert [len(each) for each in fit.models] == [2, 2]
    assert fit.stopped == ""


def test_progress_is_told_of_every_epoch():
    seen, names = [], set()

    def told(now):
        seen.append(now)
        names.add(threading.current_thread().name)

    _, _, fit = fitted("rmse", progress=told)
    assert names == {threading.current_thread().name}
    assert {now.member for now in seen} == {1, 2, 3, 4}
    assert all(now.members == 4 and 1 <= now.epoch <= now.epochs == 12 for now in seen)
    assert min(now.value for now in seen) == min(min(each) for each in fit.scores)


def test_what_the_listener_raises_ends_the_fit():
    def told(now):
        raise KeyboardInterrupt

    for threads in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            fitted("rmse", progress=told, n_threads=threads)


def test_targets_that_make_the_loss_infinite_are_an_error_that_says_so():
    X, _ = table(40)
    with pytest.raises(ValueError, match="diverged"):
        fit_tables(X, LAYOUT, np.full((40, 1), 1e30), None, recipe_of("rmse"), 0)


# --- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "rmse", "quantile"])
def test_what_was_fitted_comes_back_from_arrays_pickles_and_copies(metric):
    X, _, fit = fitted(metric, quantiles=(0.1, 0.9) if metric == "quantile" else ())
    values, arrays = fit.to_arrays()
    assert all(len(array) != len(X) for array in arrays.values())  # no training rows
    again = Fitted.from_arrays(
        json.loads(json.dumps(values)), {name: array.copy() for name, array in arrays.items()}
    )
    for other in (again, pickle.loads(pickle.dumps(fit)), copy.deepcopy(fit)):
        assert np.array_equal(other.predict(X), fit.predict(X))
        assert other.recipe == fit.recipe
        assert other.layout == fit.layout
        assert other.scores == fit.scores
        assert other.epochs == fit.epochs


def test_files_of_before_there_were_hats_predict_the_same():
    X, _, fit = fitted("rmse")
    values, arrays = fit.to_arrays()
    values = json.loads(json.dumps(values))
    values["edges"] = [each and each["edges"] for each in values.pop("bins")]
    assert np.array_equal(Fitted.from_arrays(values, arrays).predict(X), fit.predict(X))


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("metric", ["accuracy", "rmse"])
@pytest.mark.parametrize("layout", [LAYOUT, Layout(0, 0, (5,)), Layout(40, 0, ())], ids=str)
def test_the_fewest_parameters_are_nearly_all_of_them(layout, metric, copies):
    classes = metric == "accuracy"
    shape = Shape(layout, 3 if classes else 1, classes)
    for plain in choose(100, "classes" if classes else "numbers", metric=metric).designs:
        design = dataclasses.replace(plain, copies=copies, width=120)
        t = np.zeros(5, np.int64) if classes else np.zeros((5, 1))
        bins = bins_for(design, np.zeros((5, layout.numbers)), t, classes=classes)
        made = build(design, shape, bins, seed=0).parameters.size
        assert 0.1 * made < fewest_parameters(design, shape) <= made


@pytest.mark.parametrize("part", ["numbers", "flags", "codes", "outputs", "width", "depth"])
def test_a_file_of_enormous_networks_takes_no_memory_for_them(part):
    _, _, fit = fitted("accuracy")
    values, arrays = fit.to_arrays()
    values = json.loads(json.dumps(values))
    if part in ("width", "depth"):
        values["recipe"]["designs"][0][part] = 1 << 20
    elif part == "outputs":
        values["outputs"] = 1 << 40
    else:
        values["layout"][part] = [4, 1 << 40] if part == "codes" else 1 << 40
    with pytest.raises(ValueError, match=r"network 0\.0 must have \d+ numbers or more"):
        Fitted.from_arrays(values, arrays)


def some_array(arrays):
    return next(iter(arrays))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda v, a: v.pop("recipe"),
        lambda v, a: v.update(layout={"numbers": 3}),
        lambda v, a: v.update(outputs=7),
        lambda v, a: v.update(outputs="many"),
        lambda v, a: v.update(temperature=0),
        lambda v, a: v.update(temperature=math.nan),
        lambda v, a: v.update(scores=[[math.inf]] * len(v["scores"])),
        lambda v, a: v.update(weights=[2.0, -1.0]),
        lambda v, a: v.update(weights=[1.0]),
        lambda v, a: v.update(weights=[0.4, 0.4]),
        lambda v, a: v.update(low=[math.inf, 0, 0]),
        lambda v, a: v.update(bins=[None, {"edges": [[1.0, 0.0]] * 3, "hats": [False] * 3}, None]),
        lambda v, a: v.update(bins=[None]),
        lambda v, a: v.update(bins=[None] * 3),
        lambda v, a: v["bins"][1].pop("hats"),
        lambda v, a: v["bins"][1].update(hats=[True]),
        lambda v, a: v["bins"][1].update(hats=["no"] * 3),
        lambda v, a: v.update(holdouts=[[0], [0]]),
        lambda v, a: v.update(holdouts="no"),
        lambda v, a: a.pop(some_array(a)),
        lambda v, a: a.update({"9.9.hidden_1.weights": np.zeros((1, 1))}),
        lambda v, a: a.update({some_array(a): np.zeros((1, 1), np.float32)}),
        lambda v, a: a.update({some_array(a): a[some_array(a)] * np.nan}),
    ],
)
def test_a_hostile_file_is_a_value_error(spoil):
    _, _, fit = fitted("accuracy")
    values, arrays = fit.to_arrays()
    values, arrays = json.loads(json.dumps(values)), dict(arrays)
    spoil(values, arrays)
    with pytest.raises(ValueError, match=r"."):
        Fitted.from_arrays(values, arrays)


# --- the network ----------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["accuracy", "rmse", "mae", "quantile"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_loss_of_copies_is_the_mean_of_their_losses(metric, weighted):
    recipe = recipe_of(metric, (0.2, 0.7) if metric == "quantile" else ())
    classes = recipe.task == "classes"
    q = len(recipe.quantiles)
    shape = Shape(LAYOUT, 3 if classes else 2 * max(1, q), classes, q)
    design = dataclasses.replace(recipe.designs[0], copies=3, dropout=0.0)
    X, _ = table(6)
    rng = np.random.default_rng(0)
    t = rng.integers(0, 3, (6, 1)).astype(float) if classes else rng.normal(size=(6, 2))
    w = rng.uniform(0.5, 2, (6, 1))
    network = build(design, shape, None, seed=0).network
    loss, t_node, w_node, _ = loss_of(network, design, recipe, shape, weighted)
    feeds = dict(zip(network.input_nodes, inputs_of(X, LAYOUT), strict=True))
    y = g.reference.evaluate(network.forward()[0], feeds)
    assert y.shape == (6, 3 * shape.outputs)
    each = []
    for one in np.split(y.astype(np.float64), 3, axis=1):
        if classes:
            p = np.exp(one) / np.exp(one).sum(axis=1, keepdims=True)
            said = (1 - design.smoothing) * np.eye(3)[t[:, 0].astype(int)] + design.smoothing / 3
            each.append(-(said * np.log(p)).sum(axis=1))
        elif q:
            e = np.concatenate([t, t], axis=1) - one
            level = np.array([0.2, 0.2, 0.7, 0.7])
            each.append(np.maximum(level * e, (level - 1) * e).mean(axis=1))
        else:
            e = one - t
            each.append((e**2 if metric == "rmse" else np.abs(e)).mean(axis=1))
    expected = np.average(np.mean(each, axis=0), weights=w[:, 0] if weighted else None)
    given = feeds | {t_node: t} | ({w_node: w} if weighted else {})
    assert g.reference.evaluate(loss, given).item() == pytest.approx(expected, rel=1e-5)


def test_copies_begin_differently_and_an_average_of_them_learns():
    X, signal = table(300)
    recipe = recipe_of("rmse", copies=4, schedule="constant", rate=0.01, clip=1.0)
    fit = fit_tables(X, LAYOUT, signal[:, None], None, recipe, 0)
    (y,) = {m.predict(inputs_of(X, LAYOUT)).shape for m in fit.models[0]}
    assert y == (300, 4)
    assert np.std(fit.models[0][0].predict(inputs_of(X, LAYOUT)), axis=1).min() > 0
    known = np.isfinite(fit.unchosen[:, 0])
    assert np.mean((fit.unchosen[known, 0] - signal[known]) ** 2) < 0.5


def test_rows_are_taken_with_their_weights():
    rows = Rows([np.arange(6.0).reshape(3, 2)], np.arange(3), np.arange(3.0))
    some = rows[np.array([2, 0])]
    assert some.inputs[0].tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert some.t.tolist() == [2, 0]
    assert some.w.tolist() == [2.0, 0.0]


@pytest.mark.parametrize("weighted", [False, True])
def test_who_holds_rows_out_learns_from_all_others_once_and_copies_none(monkeypatch, weighted):
    made = []

    class Watched(Member):
        def __init__(self, *args):
            super().__init__(*args)
            made.append(self)

    monkeypatch.setattr(fitting, "Member", Watched)
    X, signal = table(97)
    signal[:] = np.arange(97)  # names the row
    w = np.arange(1.0, 98.0) if weighted else None
    recipe = dataclasses.replace(recipe_of("rmse"), members=5)
    fit_tables(X, LAYOUT, signal[:, None], w, recipe, 0)
    assert len(made) == 10
    judged = [member.judge.t[:, 0].astype(int).tolist() for member in made]
    assert sorted(itertools.chain(*judged[:4])) == list(
        range(97)
    )  # of four folds; the fifth is the first
    for member in made:
        for part in (member.learn, member.judge):
            at = part.t[:, 0].astype(int)
            for array, given in zip(part.inputs, inputs_of(X, LAYOUT), strict=True):
                assert np.array_equal(array, given[at])
            assert (part.w is not None) == weighted
            if weighted:
                assert np.array_equal(part.w, at + 1.0)
        both = [*member.learn.t[:, 0], *member.judge.t[:, 0]]
        assert sorted(both) == list(range(97))
    memory = {member.learn.inputs[0].base.__array_interface__["data"][0] for member in made}
    assert len(memory) == 1
