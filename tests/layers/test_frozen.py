"""Layers that are frozen stay as they are, and so does what nobody asked to change."""

import json
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp.graph.roles import ROLES
from fastmlp.layers import ParameterSpec
from fastmlp.models import files
from fastmlp.networks.signal import silent_layers
from fastmlp.planner.parameters import Parameters

RNG = np.random.default_rng(7)
X = RNG.normal(size=(96, 5)).astype("float32")
LABELS = (X[:, 0] + X[:, 1] > 0).astype(int)
OPTIMIZERS = [fm.SGD(0.1), fm.Adam(0.01, weight_decay=0.1), fm.RMSprop(0.01, weight_decay=0.1)]


def mlp(**settings):
    return fm.MLP([5, 8, 6, 2], activation="tanh", output="softmax", seed=0, **settings)


def moved(model, before):
    return [bool(np.any(a != b)) for a, b in zip(model.get_weights(), before, strict=True)]


def fit(model, **settings):
    return model.fit(X, LABELS, **{"epochs": 2, "verbose": False, "seed": 1, **settings})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=str)
def test_a_frozen_layer_keeps_its_weights_and_the_others_learn(dtype, optimizer):
    for index in range(3):
        model = mlp(dtype=dtype)
        model.layers[index].trainable = False
        before = model.get_weights()
        fit(model, optimizer=optimizer, l2=0.01)
        assert moved(model, before) == [i // 2 != index for i in range(6)]


def test_freezing_takes_effect_at_the_next_fit_and_ends_with_the_next_assignment():
    model = mlp()
    fit(model)
    model.layers[0].trainable = False
    before = model.get_weights()
    fit(model)
    assert moved(model, before)[:2] == [False, False]
    model.layers[0].trainable = True
    fit(model)
    assert moved(model, before) == [True] * 6


def test_what_a_frozen_first_layer_puts_out_is_what_the_rest_is_trained_on():
    frozen, rest = mlp(dtype="float64"), fm.MLP([8, 6, 2], "tanh", "softmax", dtype="float64")
    frozen.layers[0].trainable = False
    rest.set_weights(frozen.get_weights()[2:])
    H = frozen.activations(X)["dense_1"]
    fit(frozen)
    rest.fit(H, LABELS, epochs=2, verbose=False, seed=1)
    for ours, theirs in zip(frozen.get_weights()[2:], rest.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-12)


def test_the_gradient_of_frozen_layers_is_not_planned():
    steps = {}
    for frozen in (0, 1, 2):
        model = mlp()
        for layer in model.layers[:frozen]:
            layer.trainable = False
        fit(model)
        plan = next(kept[1] for kind, kept in model._trainer.plans._kept.items()).plan
        steps[frozen] = sum(step.kind == "gemm" for step in plan.steps.steps)
    # Three forward products; backward W̄ of each layer and h̄ above the lowest that learns.
    assert steps == {0: 3 + 3 + 2, 1: 3 + 2 + 1, 2: 3 + 1}


def test_weights_that_are_frozen_stay_in_the_penalty():
    model = mlp(dtype="float64")
    model.layers[0].trainable = False
    trainer = model.trainer(optimizer=fm.SGD(0.0001), l2=0.5)
    loss, gradient = trainer.loss_and_gradient(X, LABELS)
    gradients = trainer.views(gradient).values()
    weights = model.get_weights()[::2]
    plain = model.evaluate(X, LABELS, metrics=[])["loss"]
    assert loss == pytest.approx(plain + 0.25 * sum((w**2).sum() for w in weights), rel=1e-12)
    assert [bool(np.any(bar)) for bar in gradients] == [False, False, True, True, True, True]


def test_a_model_with_nothing_to_train_says_so_before_anything_changes():
    model = mlp()
    for layer in model.layers:
        layer.trainable = False
    history = model.history
    for call in (lambda: fit(model), lambda: model.trainer().step(X, LABELS)):
        with pytest.raises(ValueError, match=r"nothing to train: every layer .* is frozen"):
            call()
    assert model.history is history
    assert model.predict(X).shape == (96, 2)
    assert model.evaluate(X, LABELS)["loss"] > 0
    unbuilt = fm.Sequential([fm.Dense(2, "softmax", trainable=False)])
    with pytest.raises(ValueError, match="nothing to train"):
        fit(unbuilt)
    assert repr(unbuilt).startswith("<Sequential, not built yet")


def test_a_network_without_parameters_has_nothing_to_train():
    model = fm.Sequential([fm.Activation("softmax")], input_columns=2)
    with pytest.raises(ValueError, match="nothing to train: no layer has parameters"):
        model.fit(X[:, :2], LABELS, epochs=1, verbose=False)


@pytest.mark.parametrize("again", ["file", "copy", "pickle"])
def test_being_frozen_is_saved_copied_and_pickled(again, tmp_path):
    model = mlp()
    model.layers[1].trainable = False
    model.save(tmp_path / "m.safetensors")
    twin = {
        "file": lambda: fm.load(tmp_path / "m.safetensors"),
        "copy": model.copy,
        "pickle": lambda: pickle.loads(pickle.dumps(model)),
    }[again]()
    assert [layer.trainable for layer in twin.layers] == [True, False, True]
    before = twin.get_weights()
    fit(twin)
    assert moved(twin, before) == [True, True, False, False, True, True]


def test_a_file_tells_of_frozen_layers_only_and_old_files_are_of_layers_that_learn(tmp_path):
    model = mlp()
    model.layers[1].trainable = False
    configs = model.network.config()["layers"]
    assert ["trainable" in config for config in configs] == [False, True, False]
    model.save(tmp_path / "m.safetensors")
    state = files.read(tmp_path / "m.safetensors")
    assert json.dumps(state.network.config()) == json.dumps(model.network.config())


def test_layers_pickled_before_there_was_freezing_are_trainable():
    layer = fm.Dense(3)
    state = layer.__getstate__()
    del state["trainable"]
    old = object.__new__(fm.Dense)
    old.__dict__.update(state)
    assert old.trainable
    old.trainable = False
    assert "trainable=False" in repr(old)


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("trainable", 0, TypeError, "trainable must be True or False, got 0"),
        ("requires_grad", False, AttributeError, "write trainable"),
    ],
)
def test_what_is_not_a_flag_is_refused(name, value, error, words):
    layer = mlp().layers[0]
    with pytest.raises(error, match=words):
        setattr(layer, name, value)
    assert layer.trainable
    with pytest.raises(AttributeError, match="write trainable of each of its layers"):
        setattr(mlp(), name, value)


def test_a_summary_counts_what_is_trained_and_what_is_frozen():
    model = mlp()
    assert str(model.summary()).splitlines()[-1] == "116 parameters, float32"
    model.layers[1].trainable = False
    lines = str(model.summary()).splitlines()
    assert lines[-1] == "116 parameters (62 trainable, 54 frozen), float32"
    assert [line.endswith("frozen") for line in lines[2:5]] == [False, True, False]
    assert [row.trainable for row in model.summary().rows] == [True, True, False, True]


def test_no_warning_says_that_a_frozen_layer_gets_no_signal():
    model = fm.MLP([5, 4, 1], activation="threshold", seed=0)
    assert silent_layers(model.network) == ["dense_1"]
    model.layers[0].trainable = False
    assert silent_layers(model.network) == []


def test_roles_of_one_row_are_vectors_to_users():
    draw = fm.initializers.get("zeros")
    seen = {role: ParameterSpec("p", "p", (1, 3), draw, role=role).array_shape for role in ROLES}
    assert seen == {
        "weight": (1, 3),
        "bias": (3,),
        "scale": (3,),
        "statistic": (3,),
        "embedding": (1, 3),
    }
    assert ParameterSpec("p", "p", (2, 3), draw, role="scale").array_shape == (2, 3)
    with pytest.raises(ValueError, match="role"):
        ParameterSpec("p", "p", (1, 3), draw, role="scales")
    node = fm.graph.parameter(1.0, "w")
    with pytest.raises(ValueError, match="role"):
        Parameters([node], roles={node: "scales"})
