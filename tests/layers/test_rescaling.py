"""Two fixed numbers as a layer, and activations with settings wherever a name is taken."""

import copy
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import activations
from fastmlp import graph as g

X = np.random.default_rng(0).normal(size=(9, 4))


def test_rescaling_multiplies_and_adds_and_its_numbers_may_be_assigned():
    model = fm.Sequential([fm.Rescaling(2, -1)], input_columns=4, dtype="float64")
    np.testing.assert_array_equal(model.predict(X), 2 * X - 1)
    model.layers[0].offset = 0.5
    np.testing.assert_array_equal(model.predict(X), 2 * X + 0.5)
    for name in ("scale", "offset"):
        with pytest.raises(ValueError, match=f"{name} must be a finite number"):
            setattr(model.layers[0], name, np.inf)
        with pytest.raises(TypeError, match=f"{name} must be a number"):
            fm.Rescaling(**{name: "2"})
    plain = fm.Sequential([fm.Rescaling()], input_columns=4, dtype="float64")
    np.testing.assert_array_equal(plain.predict(X), X)


WANTED = {
    "elu(alpha=0.5)": lambda z: np.where(z > 0, z, 0.5 * np.expm1(np.minimum(z, 0))),
    "leaky_relu(slope=0.3)": lambda z: np.where(z > 0, z, 0.3 * z),
    "hard_tanh(low=0, high=6)": lambda z: np.clip(z, 0, 6),
    "hard_tanh( high = .5 )": lambda z: np.clip(z, -1, 0.5),
    "elu(alpha=-1e-1)": lambda z: np.where(z > 0, z, -0.1 * np.expm1(np.minimum(z, 0))),
}


@pytest.mark.parametrize("name", WANTED)
def test_an_activation_with_settings_is_one_wherever_a_name_is_taken(name, tmp_path):
    phi = activations.get(name)
    assert activations.get(phi.name) == phi == pickle.loads(pickle.dumps(phi))
    layers = [fm.Dense(5, name), fm.layers.Activation(name), fm.Dense(2)]
    model = fm.Sequential(layers, input_columns=4, seed=0, dtype="float64")
    first, last = model.layers[0], model.layers[2]
    h = X @ first.weights.T + first.biases
    wanted = WANTED[name](WANTED[name](h)) @ last.weights.T + last.biases
    np.testing.assert_allclose(model.predict(X), wanted, rtol=1e-13, atol=1e-14)
    model.save(tmp_path / "model.safetensors")
    for other in (
        fm.load(tmp_path / "model.safetensors"),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
    ):
        np.testing.assert_array_equal(other.predict(X), model.predict(X))
        assert [layer.activation for layer in other.layers] == [
            layer.activation for layer in model.layers
        ]
    z = g.input(4, "z")
    assert set(g.check_gradients(g.sum(phi(z)), {z: X}, wrt=[z]).errors) == {z}


def test_settings_that_change_nothing_leave_the_activation_as_it_is():
    assert activations.get("elu(alpha=1)") is activations.get("elu")
    assert activations.with_settings("hardtanh", low=-1.0, high=1) is activations.get("hard_tanh")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("elu(beta=1)", "'elu' has no setting 'beta': its settings are alpha"),
        ("tanh(alpha=1)", "'tanh' has no setting 'alpha': it has none"),
        ("elu(alpha=1e999)", "alpha must be a finite number"),
        ("hard_tanh(low=2)", "low must be less than high, got 2 and 1"),
        ("elu(alpha=1, alpha=2)", "says a setting twice"),
        ("elu(0.5)", "must be one of"),
        ("elu(alpha=__import__)", "must be one of"),
        ("eluu(alpha=1)", "did you mean 'elu'"),
    ],
)
def test_settings_that_there_are_not_are_named(name, message):
    with pytest.raises(ValueError, match=message):
        fm.Dense(3, name)
    with pytest.raises(ValueError, match="unknown here"):
        fm.layers.from_config({"class": "Dense", "units": 3, "activation": name})
    with pytest.raises(TypeError, match="alpha must be a number"):
        activations.with_settings("elu", alpha="1")


def test_functions_of_the_users_have_no_settings():
    try:
        activations.register("doubled", lambda z: 2 * z)
        with pytest.raises(ValueError, match="'doubled' is a function of yours"):
            activations.with_settings("doubled", alpha=1)
    finally:
        activations.NAMES.discard("doubled")
        activations.ACTIVATIONS.pop("doubled", None)
        activations._REGISTERED.pop("doubled", None)


def test_a_network_of_logarithms_of_probabilities_is_saved_and_trained_on(tmp_path):
    layers = [fm.Dense(6, "hard_silu"), fm.Dense(3, "log_softmax")]
    model = fm.Sequential(layers, input_columns=4, seed=0)
    np.testing.assert_allclose(np.exp(model.predict(X)).sum(1), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="'softmax', not 'log_softmax'"):
        model.fit(X, np.arange(9) % 3, loss="cross_entropy", epochs=1, verbose=False)
    t = np.log(np.full((9, 3), 1 / 3))
    before = model.evaluate(X, t, loss="squared_error")
    model.fit(X, t, loss="squared_error", epochs=20, verbose=False)
    assert model.evaluate(X, t, loss="squared_error")["loss"] < before["loss"]
    model.save(tmp_path / "model.safetensors")
    again = fm.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
