"""Muon: orthogonal steps of hidden matrices, and another optimizer for the rest."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

import fastmlp as fm
import optimizer_formulas as formulas

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(23, 5)), RNG.integers(3, size=23)
HOW = {"epochs": 3, "batch_size": 7, "shuffle": False}
BATCHES = [slice(first, first + 7) for first in range(0, 23, 7)] * 3
MUONS = [
    fm.Muon(0.1),
    fm.Muon(0.1, momentum=0.8, nesterov=False, ns_steps=3, weight_decay=0.1),
    fm.Muon(0.1, scale="match_rms_adamw", rest=fm.SGD(0.1, momentum=0.9)),
    fm.Muon(fm.CosineDecay(0.1, steps=9), momentum=0.0),
]


def network(dtype="float64"):
    """Hidden weights higher than wide, wider than high, and square."""
    layers = [fm.Dense(9, "tanh"), fm.Dense(6, "tanh"), fm.Dense(6, "relu"), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=5, seed=0, dtype=dtype)


def follow(model, rules):
    """Change the weights by the rules in NumPy."""
    names = model.network.parameter_names
    states = [{} for _ in names]
    trainer = model.trainer()
    for number, rows in enumerate(BATCHES):
        _, gradient = trainer.loss_and_gradient(X[rows], T[rows])
        gradients = trainer.views(gradient).values()
        each = zip(names, model.get_weights(), gradients, states, strict=True)
        model.set_weights(
            [
                formulas.step(rules(name), number, w, g, state, role=name.partition(".")[2][:-1])
                for name, w, g, state in each
            ]
        )


def assert_followed(optimizer, rules):
    model, twin = network(), network()
    model.fit(X, T, optimizer=optimizer, **HOW)
    follow(twin, rules)
    for got, expected in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("muon", MUONS, ids=repr)
def test_hidden_matrices_follow_the_formula_and_all_else_the_rest(muon):
    hidden = ("dense_1.weights", "dense_2.weights", "dense_3.weights")
    assert_followed(muon, lambda name: muon if name in hidden else muon.rest)


def test_a_layer_may_be_given_a_muon_and_a_role_settings():
    muon = fm.Muon(0.1)
    groups = {
        "dense_4": muon,
        "bias": {"learning_rate": 0.05},
        "dense_1.weights": {"momentum": 0.5},
        "dense_2.weights": fm.Adam(0.01),
    }
    rules = {
        "dense_1.weights": replace(muon, momentum=0.5),
        "dense_2.weights": fm.Adam(0.01),
        "dense_3.weights": muon,
        "dense_4.weights": muon,
        "dense_4.biases": muon.rest,
    }
    rest = replace(muon.rest, learning_rate=0.05)
    assert_followed(replace(muon, groups=groups), lambda name: rules.get(name, rest))


def test_the_weights_of_each_of_several_outputs_follow_the_rest():
    x = fm.Input(5)
    h = fm.Dense(4, "tanh", name="low")(fm.Dense(6, "tanh", name="first")(x))
    outputs = {"kind": fm.Dense(3, "softmax", name="kind")(h), "size": fm.Dense(2, name="size")(h)}
    model = fm.Model(x, outputs, seed=0, dtype="float64")
    before = dict(zip(model.network.parameter_names, model.get_weights(), strict=True))
    t = {"kind": T, "size": RNG.normal(size=(23, 2))}
    model.fit(X, t, optimizer=fm.Muon(1.0, rest=fm.SGD(1e-12)), epochs=1, batch_size=None)
    for name, now in zip(before, model.get_weights(), strict=True):
        hidden = name in ("first.weights", "low.weights")
        assert (np.abs(now - before[name]).max() > 0.1) == hidden


def test_an_orthogonal_step_has_singular_values_near_one():
    model = network()
    before = model.get_weights()
    model.fit(X, T, optimizer=fm.Muon(1.0, ns_steps=12), epochs=1, batch_size=None)
    for i in (2, 4):
        sizes = np.linalg.svd(model.get_weights()[i] - before[i], compute_uv=False)
        assert (sizes > 0.6).sum() >= 5
        assert (sizes < 1.25).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_steps_have_the_same_bits_on_any_number_of_threads_and_however_epochs_are_cut(dtype):
    rng = np.random.default_rng(1)
    X, T = rng.normal(size=(1300, 64)), rng.integers(10, size=1300)
    before, flats = fm.get_num_threads(), []
    for threads, batch in ((1, 60), (2, 60), (3, 60), (1, 500), (2, 500), (3, 500)):
        fm.set_num_threads(threads)
        try:
            model = fm.MLP([64, 300, 128, 10], output="softmax", seed=0, dtype=dtype)
            how = {"optimizer": fm.Muon(ema=0.9), "batch_size": batch, "shuffle": False}
            model.fit(X, T, epochs=2, callbacks=[lambda *_: None] if threads == 3 else (), **how)
            flats.append(model.parameters.flat.copy())
        finally:
            fm.set_num_threads(before)
    for first in (0, 3):
        np.testing.assert_array_equal(flats[first], flats[first + 1])
        np.testing.assert_array_equal(flats[first], flats[first + 2])


def test_a_next_fit_keeps_the_means_and_changed_settings_take_effect():
    whole, parts, changed = network(), network(), network()
    whole.fit(X, T, optimizer=fm.Muon(0.1), **{**HOW, "epochs": 4})
    for _ in range(2):
        parts.fit(X, T, optimizer=fm.Muon(0.1), **{**HOW, "epochs": 2})
    np.testing.assert_array_equal(whole.parameters.flat, parts.parameters.flat)
    changed.fit(X, T, optimizer=fm.Muon(0.1), **{**HOW, "epochs": 2})
    changed.fit(X, T, optimizer=fm.Muon(0.1, momentum=0.5), **{**HOW, "epochs": 2})
    assert changed._trainer.state.steps == 16
    assert not np.allclose(whole.parameters.flat, changed.parameters.flat)


def test_steps_of_a_trainer_are_those_of_fit_and_its_gradient_is_that_of_the_loss():
    model, twin = network(), network()
    model.fit(X, T, optimizer=fm.Muon(0.1), **HOW)
    trainer, plain = twin.trainer(optimizer=fm.Muon(0.1)), twin.trainer()
    for rows in BATCHES:
        shown, expected = (each.loss_and_gradient(X[rows], T[rows])[1] for each in (trainer, plain))
        np.testing.assert_allclose(shown, expected, rtol=1e-12, atol=1e-15)
        trainer.step(X[rows], T[rows])
    np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)


def test_frozen_layers_and_gradients_of_zero_stay():
    model = network()
    model.layers[1].trainable = False
    model.layers[2].weights = 0 * model.layers[2].weights  # relu of 0: no gradient reaches it
    model.layers[2].biases = model.layers[2].biases - 1.0
    before = model.get_weights()
    model.fit(X, T, optimizer=fm.Muon(0.1), **HOW)
    for i in (0, 2, 4):
        np.testing.assert_array_equal(model.get_weights()[i], before[i])
    assert np.isfinite(model.parameters.flat).all()


def test_it_can_be_compared_and_pickled():
    muon = fm.Muon(0.1, rest=fm.Lion(), groups={"dense_1": {"weight_decay": 0.1}})
    assert pickle.loads(pickle.dumps(muon)) == muon != fm.Muon(0.1)
    assert eval(repr(muon), vars(fm)) == muon


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"momentum": 1}, ValueError, "momentum must be"),
        ({"nesterov": 1}, TypeError, "nesterov must be True or False"),
        ({"ns_steps": 0}, ValueError, "ns_steps must be at least 1"),
        ({"scale": "none"}, ValueError, "scale must be one of"),
        ({"weight_decay": -1}, ValueError, "weight_decay must be"),
        ({"learning_rate": 0}, ValueError, "learning_rate must be"),
        ({"rest": "adam"}, TypeError, "rest must be an optimizer other than Muon, got 'adam'"),
        ({"rest": fm.Muon()}, TypeError, "rest must be an optimizer other than Muon"),
        ({"rest": fm.SGD(ema=0.9)}, ValueError, "rest: ema is for all parameters"),
        ({"clip_norm": 1.0}, ValueError, "clip_norm has no effect on the steps of Muon"),
        ({"groups": {"bias": {"beta": 1}}}, ValueError, "Muon has no setting 'beta'; it has"),
        ({"groups": {"bias": {"beta1": 2}}}, ValueError, r"groups\['bias'\]: beta1 must be"),
    ],
)
def test_its_settings_are_checked(settings, error, words):
    with pytest.raises(error, match=words):
        fm.Muon(**settings)


def test_what_does_not_go_together_is_an_error_at_fit():
    clipped = fm.Adam(clip_norm=1.0, groups={"weight": fm.Muon()})
    with pytest.raises(ValueError, match="clip_norm and clip_value have no effect on the steps of"):
        network().fit(X, T, optimizer=clipped)
    with pytest.raises(ValueError, match=r"'dense_1.biases' is updated by AdamW, which has"):
        network().fit(X, T, optimizer=fm.Muon(groups={"dense_1": {"momentum": 0.5}}))
