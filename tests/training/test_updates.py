"""Settings of an optimizer for some of the parameters, bounds of the gradient, and what is kept."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

import fastmlp as fm
import optimizer_formulas as formulas
from fastmlp import optimizers, schedules
from fastmlp.training.updates import NumbersAhead, Updates

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(23, 5)), RNG.integers(3, size=23)
HOW = {"epochs": 3, "batch_size": 7, "shuffle": False}
BATCHES = [slice(first, first + 7) for first in range(0, 23, 7)] * 3
NAMES = ("dense_1.weights", "dense_1.biases", "dense_2.weights", "dense_2.biases")


def network(dtype="float64", seed=0):
    layers = [fm.Dense(7, "tanh"), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=5, seed=seed, dtype=dtype)


def followed(rules, clip=lambda gradients: gradients):
    """The weights after the steps of `HOW`, each parameter by its rule, in NumPy."""
    twin = network()
    states = [{} for _ in NAMES]
    trainer = twin.trainer()
    for number, rows in enumerate(BATCHES):
        _, gradient = trainer.loss_and_gradient(X[rows], T[rows])
        gradients = clip(list(trainer.views(gradient).values()))
        each = zip(NAMES, twin.get_weights(), gradients, states, strict=True)
        twin.set_weights(
            [
                formulas.step(rules[name], number, w, g, state, role=name.partition(".")[2][:-1])
                for name, w, g, state in each
            ]
        )
    return twin.get_weights()


def assert_followed(optimizer, rules, **clip):
    model = network()
    model.fit(X, T, optimizer=optimizer, **HOW)
    for got, expected in zip(model.get_weights(), followed(rules, **clip), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


def test_more_specific_settings_go_before_others():
    decay = fm.CosineDecay(0.02, steps=10)
    optimizer = fm.Adam(
        0.02,
        weight_decay=0.1,
        groups={
            "dense_1": {"learning_rate": 0.1 * decay},
            "bias": {"weight_decay": 0.0, "learning_rate": 0.05},
            "dense_2.biases": {"learning_rate": 0.001},
        },
    )
    slow = fm.Adam(schedules.Scaled(decay, 0.1), weight_decay=0.1)
    rules = {
        "dense_1.weights": slow,
        "dense_1.biases": replace(slow, weight_decay=0.0),
        "dense_2.weights": fm.Adam(0.02, weight_decay=0.1),
        "dense_2.biases": fm.Adam(0.001),
    }
    assert_followed(optimizer, rules)


def test_several_optimizers_train_one_network():
    nesterov = fm.SGD(0.1, momentum=0.9, nesterov=True)
    groups = {("bias", "dense_2"): nesterov, "dense_1.biases": fm.Adagrad(0.1)}
    rules = dict(zip(NAMES, (fm.AdamW(0.01), fm.Adagrad(0.1), nesterov, nesterov), strict=True))
    assert_followed(fm.AdamW(0.01, groups=groups), rules)


def test_adamw_shrinks_a_bias_that_is_named_alone():
    rule = fm.AdamW(0.01, weight_decay=0.5)
    assert_followed(rule, dict.fromkeys(NAMES, rule))
    both = fm.Adam(0.01, weight_decay=0.5)
    groups = {"bias": {"weight_decay": 0.5}}
    assert_followed(replace(rule, groups=groups), dict.fromkeys(NAMES, both))
    groups = {"dense_1": {"weight_decay": 0.3}}  # of the layer's weights
    rules = {name: replace(rule, weight_decay=0.3 if "1" in name else 0.5) for name in NAMES}
    assert_followed(replace(rule, groups=groups), rules)


def by_norm(most):
    def clip(gradients):
        norm = np.sqrt(sum((g**2).sum() for g in gradients))
        assert norm > most
        return [g * min(1.0, most / (norm + 1e-6)) for g in gradients]

    return clip


def test_gradients_are_shortened_by_the_norm_of_all_parameters():
    rule = fm.SGD(0.5, clip_norm=0.02)
    groups = {"bias": fm.SGD(0.1, momentum=0.9)}  # not alone, each by its norm
    rules = {name: groups["bias"] if "bias" in name else fm.SGD(0.5) for name in NAMES}
    assert_followed(replace(rule, groups=groups), rules, clip=by_norm(0.02))


def test_gradients_that_are_short_enough_stay_as_they_are():
    flats = []
    for optimizer in (fm.Adam(0.01), fm.Adam(0.01, clip_norm=1e6, clip_value=1e6)):
        model = network("float32")
        model.fit(X, T, optimizer=optimizer, **HOW)
        flats.append(model.parameters.flat)
    np.testing.assert_array_equal(*flats)


def test_elements_of_gradients_are_bounded_after_their_norm():
    rules = dict.fromkeys(NAMES, fm.Adam(0.01))
    bound = lambda gradients: [np.clip(g, -0.01, 0.01) for g in gradients]  # noqa: E731
    assert_followed(fm.Adam(0.01, clip_value=0.01), rules, clip=bound)
    both = fm.Adam(0.01, clip_norm=0.05, clip_value=0.01)
    assert_followed(both, rules, clip=lambda g: bound(by_norm(0.05)(g)))


def test_a_gradient_too_large_to_be_squared_in_float32_is_shortened():
    model = fm.MLP([1, 1], seed=0)
    X, t = np.full((4, 1), 1e15), np.full((4, 1), 1e15)
    before = model.get_weights()
    model.fit(X, t, optimizer=fm.SGD(1.0, clip_norm=0.5), epochs=1, batch_size=None)
    moved = [w - b for w, b in zip(model.get_weights(), before, strict=True)]
    assert np.sqrt(sum((m**2).sum() for m in moved)) == pytest.approx(0.5, rel=1e-5)


def history(second, first=fm.Adam(0.01), **how):  # noqa: B008
    model = network()
    how = {**HOW, **how}
    model.fit(X, T, optimizer=first, **how)
    return np.array(model.fit(X, T, optimizer=second, **how)["loss"]), model


def test_a_changed_setting_keeps_moments_and_step_count():
    same, _ = history(fm.Adam(0.01))
    almost, model = history(fm.Adam(0.01 * (1 - 1e-9)))
    np.testing.assert_allclose(almost, same, rtol=1e-9)
    assert model._trainer.state.steps == 24
    decayed, model = history(fm.Adam(0.01, beta1=0.8, weight_decay=0.1, clip_norm=1.0))
    assert model._trainer.state.steps == 24
    assert not np.allclose(decayed, same, rtol=1e-6)
    _, model = history(fm.Adam(0.01, groups={"bias": {"learning_rate": 0.02}}))
    assert model._trainer.state.steps == 24


@pytest.mark.parametrize(
    "other", [fm.SGD(0.1), fm.Adam(0.01, amsgrad=True), fm.AdamW(0.01), fm.Nadam(0.01)], ids=repr
)
def test_another_rule_begins_anew(other):
    _, model = history(other)
    assert model._trainer.state.steps == 12
    twin = network()
    twin.fit(X, T, optimizer=fm.Adam(0.01), **HOW)
    twin._trainer.state = None
    twin.fit(X, T, optimizer=other, **HOW)
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_momentum_goes_on_where_it_begins_to_look_ahead():
    ahead = fm.SGD(0.1, momentum=0.9, nesterov=True)
    _, model = history(ahead, fm.SGD(0.1, momentum=0.9))
    assert model._trainer.state.steps == 24


def test_a_new_schedule_begins_with_its_step_0_and_an_equal_one_goes_on():
    short = fm.CosineDecay(0.1, steps=12)
    fell, model = history(fm.SGD(short), fm.SGD(short))
    assert fell.std() < 1e-12  # at a rate of 0
    began, model = history(fm.SGD(fm.CosineDecay(0.05, steps=12)), fm.SGD(short))
    assert began[-1] < began[0]
    assert model._trainer.state.steps == 24
    whole = network()
    long = fm.SGD(fm.CosineDecay(0.1, steps=24))
    whole.fit(X, T, optimizer=long, **{**HOW, "epochs": 6})
    _, model = history(fm.SGD(fm.CosineDecay(0.1, steps=24)), long)
    np.testing.assert_array_equal(whole.parameters.flat, model.parameters.flat)
    # what else changes leaves the schedule where it is
    _, model = history(replace(long, clip_norm=1e9), long)
    np.testing.assert_array_equal(whole.parameters.flat, model.parameters.flat)


GROUPED = fm.Adam(
    0.02,
    clip_norm=0.1,
    clip_value=0.05,
    ema=0.9,
    groups={("bias", "dense_2"): {"learning_rate": 0.01}, "dense_2.weights": fm.Lion(1e-3)},
)


def test_an_optimizer_with_groups_can_be_compared_hashed_copied_and_pickled():
    twin = pickle.loads(pickle.dumps(GROUPED))
    assert twin == GROUPED
    assert hash(twin) == hash(GROUPED)
    assert twin != replace(GROUPED, groups=None)
    assert repr(fm.SGD(0.1)) == (
        "SGD(learning_rate=0.1, momentum=0.0, nesterov=False, weight_decay=0.0)"
    )
    assert eval(repr(GROUPED), vars(fm)) == GROUPED
    given = {"bias": {"weight_decay": 0.0}}
    optimizer = fm.Adam(groups=given)
    given["bias"]["weight_decay"] = 1.0
    assert optimizer == fm.Adam(groups={"bias": {"weight_decay": 0.0}})
    with pytest.raises(TypeError, match="does not support item assignment"):
        optimizer.groups["bias"] = {}
    assert fm.Adam(groups={}) == fm.Adam()


def test_a_model_and_an_estimator_go_on_after_a_copy():
    model = network()
    model.fit(X, T, optimizer=GROUPED, **HOW)
    assert np.isfinite(model.copy().fit(X, T, optimizer=GROUPED, **HOW)["loss"]).all()
    assert np.isfinite(pickle.loads(pickle.dumps(model)).predict(X)).all()


WRONG = [
    ({"clip_norm": 0}, ValueError, "clip_norm must be .* greater than 0, got 0"),
    ({"clip_norm": "1"}, TypeError, "clip_norm must be a number"),
    ({"clip_value": -1}, ValueError, "clip_value must be .* greater than 0, got -1"),
    ({"ema": 1.0}, ValueError, "ema must be .* less than 1, got 1.0"),
    ({"ema": 0}, ValueError, "ema must be .* greater than 0"),
    ({"groups": [("bias", {})]}, TypeError, "groups must be a dict from roles"),
    ({"groups": {1: {}}}, TypeError, "expected names or tuples of names as keys, got 1"),
    ({"groups": {(): {}}}, TypeError, r"expected names or tuples of names as keys, got \(\)"),
    ({"groups": {"bias": 0.1}}, TypeError, "expected a dict of settings or an optimizer, got 0.1"),
    ({"groups": {"bias": {}, ("weight", "bias"): {}}}, ValueError, "'bias' is given twice"),
    ({"groups": {"bias": {"lr": 1}}}, ValueError, "Adam has no setting 'lr'; it has learning_rate"),
    ({"groups": {"bias": {"ema": 0.5}}}, ValueError, "ema is for all parameters"),
    ({"groups": {"bias": fm.SGD(clip_norm=1)}}, ValueError, "clip_norm is for all parameters"),
    ({"groups": {"bias": {"beta1": 2}}}, ValueError, r"groups\['bias'\]: beta1 must be"),
    ({"groups": {"bias": {"learning_rate": "1"}}}, TypeError, r"groups\['bias'\]: learning_rate"),
]


@pytest.mark.parametrize(("settings", "error", "words"), WRONG)
def test_what_is_wrong_with_the_common_settings_is_said_when_they_are_given(settings, error, words):
    with pytest.raises(error, match=words):
        fm.Adam(**settings)


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"dens_1": {}}, r"is called 'dens_1'; there are: .*dense_1.*did you mean 'dense_1'"),
        ({"statistic": {}}, "no role, layer or parameter is called 'statistic'"),
        ({"dense_1.bias": {}}, "called 'dense_1.bias'.*did you mean 'dense_1.biases'"),
        (
            {"bias": fm.SGD(), "dense_1": {"beta1": 0.5}},
            "'dense_1.biases' is updated by SGD, which has no setting 'beta1', given for 'dense_1'",
        ),
    ],
)
def test_groups_of_what_is_not_there_are_an_error_before_anything_changes(groups, words):
    model = network()
    before = model.parameters.flat.copy()
    with pytest.raises(ValueError, match=words):
        model.fit(X, T, optimizer=fm.Adam(groups=groups))
    with pytest.raises(ValueError, match=words):
        model.trainer(optimizer=fm.Adam(groups=groups))
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert model.history is None


def test_a_layer_with_the_name_of_a_role_is_not_guessed_at():
    layers = [fm.Dense(7, "tanh", name="bias"), fm.Dense(3, "softmax")]
    model = fm.Sequential(layers, input_columns=5)
    with pytest.raises(ValueError, match="'bias' is a role and the name of a layer"):
        model.fit(X, T, optimizer=fm.Adam(groups={"bias": {}}))
    model.fit(X, T, optimizer=fm.Adam(groups={"bias.biases": {"learning_rate": 0.1}}), epochs=1)


def test_a_scheduled_decay_is_that_of_each_step():
    schedule = fm.schedules.FlatCosine(0.5, steps=6)
    ours, theirs = fm.MLP([3, 4, 1], seed=0), fm.MLP([3, 4, 1], seed=0)
    X, t = np.random.default_rng(0).normal(size=(20, 3)), np.ones(20)
    ours.fit(
        X, t, optimizer=fm.SGD(0.1, weight_decay=schedule), epochs=8, batch_size=None, shuffle=False
    )
    for step in range(8):
        decay = schedule(np.array([step])).item()
        rule = fm.SGD(0.1, weight_decay=decay)
        theirs.fit(X, t, optimizer=rule, epochs=1, batch_size=None, shuffle=False)
    np.testing.assert_array_equal(ours.parameters.flat, theirs.parameters.flat)


@pytest.mark.parametrize("kind", list(fm.optimizers.OPTIMIZERS.values()))
def test_every_optimizer_takes_a_schedule_of_its_decay(kind):
    rule = kind(weight_decay=lambda steps: 0.1 * (steps < 3))
    X, t = np.random.default_rng(0).normal(size=(20, 3)), np.ones(20)
    ours = fm.MLP([3, 4, 1], seed=0, dtype="float64")
    theirs = ours.copy()
    ours.fit(X, t, optimizer=rule, epochs=6, batch_size=None, shuffle=False)
    for decay in (0.1, 0.0):
        each = replace(rule, weight_decay=decay)
        theirs.fit(X, t, optimizer=each, epochs=3, batch_size=None, shuffle=False)
    np.testing.assert_allclose(ours.parameters.flat, theirs.parameters.flat, rtol=1e-12)
    with pytest.raises(ValueError, match="weight_decay must be a finite number and at least 0"):
        kind(weight_decay=-1.0)
    wrong = kind(weight_decay=lambda steps: -1.0 * (steps + 1))
    with pytest.raises(ValueError, match="returned the weight decay -"):
        theirs.fit(X, t, optimizer=wrong)


EACH = [rule() for rule in optimizers.OPTIMIZERS.values() if rule is not fm.optimizers.LBFGS]
SCHEDULED = fm.Adam(fm.CosineDecay(0.1, steps=9), groups={"bias": {"weight_decay": 0.5}})


@pytest.mark.parametrize("optimizer", [*EACH, SCHEDULED], ids=repr)
def test_numbers_made_for_several_calls_have_the_bits_of_those_of_each(optimizer):
    updates, other = (Updates.of(network().network, one) for one in (optimizer, fm.SGD(0.25)))
    ahead = NumbersAhead()
    first = 0
    for count, began, factor, mine in [
        *[(count, 0, 1.0, updates) for count in (1, 3, 2, 200, 60, 5, 300)],
        *[(4, 2, 1.0, updates), (4, 2, 0.5, updates), (4, 2, 0.5, updates), (4, 2, 0.5, other)],
    ]:
        got = ahead(mine, first, count, began, factor)
        expected = mine.step_values(first, count, began, factor)
        np.testing.assert_array_equal(got, expected, strict=True)
        first += count
    back = ahead(other, 1, 2, 2, 0.5)
    np.testing.assert_array_equal(back, other.step_values(1, 2, 2, 0.5), strict=True)


@pytest.mark.parametrize("groups", [False, True])
def test_an_epoch_asks_functions_of_the_users_for_its_own_steps_alone(groups):
    asked, told = [], {"rate": 0.1}

    def schedule(steps):
        asked.append(steps.tolist())
        return np.full(len(steps), told["rate"])

    rule = fm.SGD(0.1, groups={"bias": {"learning_rate": schedule}}) if groups else fm.SGD(schedule)
    model, weights = network(), []

    def listen(model, epoch, logs):
        weights.append(model.get_weights()[1])
        told["rate"] = 0.0

    model.fit(X, T, optimizer=rule, callbacks=[listen], **HOW)
    assert asked == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    np.testing.assert_array_equal(weights[0], weights[-1])
