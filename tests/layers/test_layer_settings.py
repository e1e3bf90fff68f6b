"""Attributes of layers and models that are assigned take effect, or are refused by name."""

import copy
import gc
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import initializers, planner
from fastmlp.layers import Layer, ParameterSpec

RNG = np.random.default_rng(5)
X = RNG.normal(size=(64, 4)).astype("float32")
LABELS = (X[:, 0] > 0).astype(int)
ONE_HOT = np.eye(2)[LABELS]
CHANGES = {
    "rate": (1, "rate", 0.75),
    "l2": (0, "l2", 0.5),
    "activation": (0, "activation", "tanh"),
    "output": (3, "activation", "identity"),
    "layer of activation": (2, "activation", "softplus"),
}


def sequential(**changes):
    layers = [fm.Dense(8, "relu"), fm.Dropout(0.1), fm.Activation("tanh"), fm.Dense(2, "softmax")]
    for name in changes:
        index, setting, value = CHANGES[name.replace("_", " ")]
        setattr(layers[index], setting, value)
    return layers


def trained(model):
    model.fit(X, LABELS, epochs=1, seed=1, verbose=False, metrics=["accuracy"])
    return model


def numbers(model):
    """Everything that a setting may change, after a step too small to move the weights."""
    history = model.fit(X, ONE_HOT, epochs=2, seed=2, verbose=False, loss="squared_error")
    return [
        history["loss"],
        list(model.evaluate(X, ONE_HOT, loss="squared_error", metrics=[])),
        model.predict(X[:3]).tolist(),
        model.predict(X.astype("f8")).tolist(),
        *(h.tolist() for h in model.activations(X[:3]).values()),
        *(w.tolist() for w in model.get_weights()),
    ]


@pytest.mark.parametrize("change", CHANGES)
def test_a_setting_changed_after_a_fit_is_that_of_a_model_made_with_it(change, tmp_path):
    index, setting, value = CHANGES[change]
    model = fm.Sequential(sequential(), input_columns=4, seed=0)
    trained(model).predict(X)
    setattr(model.layers[index], setting, value)
    other = fm.Sequential(sequential(**{change.replace(" ", "_"): 1}), input_columns=4, seed=0)
    other.set_weights(model.get_weights())
    other.seed = model.seed
    assert str(model.summary()) == str(other.summary())
    assert model.network.config() == other.network.config()
    twins = [model.copy(), pickle.loads(pickle.dumps(model))]
    model.save(tmp_path / "m.safetensors")
    twins.append(fm.load(tmp_path / "m.safetensors"))
    model._trainer.state = None  # as the other has none
    expected = numbers(other)
    for one in (model, *twins):
        assert numbers(one) == expected


@pytest.mark.parametrize("change", CHANGES)
def test_a_setting_changed_before_the_model_is_built_is_that_of_the_layer(change):
    index, setting, value = CHANGES[change]
    model = fm.Sequential(sequential(), seed=0)
    setattr(model.layers[index], setting, value)
    changed = fm.Sequential(sequential(**{change.replace(" ", "_"): 1}), input_columns=4, seed=0)
    assert numbers(model) == numbers(changed)


def test_a_setting_assigned_as_it_was_keeps_what_is_compiled(monkeypatch):
    model = trained(fm.Sequential(sequential(), input_columns=4, seed=0))
    made = []
    plan = planner.plan_training
    monkeypatch.setattr(planner, "plan_training", lambda *a, **k: made.append(a) or plan(*a, **k))
    model.layers[1].rate, model.layers[0].activation, model.layers[0].l2 = 0.1, "relu", None
    trained(model)
    model.layers[0].weights[...] *= 2
    model.layers[0].biases = np.zeros(8)
    trained(model)
    assert made == []
    model.layers[1].rate = 0.2
    trained(model)
    assert len(made) == 1


@pytest.mark.parametrize(
    ("index", "setting", "value", "error", "words"),
    [
        (1, "rate", 1.0, ValueError, "rate must be a finite number"),
        (1, "rate", "high", TypeError, "rate must be a number"),
        (0, "l2", -1.0, ValueError, "l2 must be"),
        (0, "activation", "rellu", ValueError, "did you mean 'relu'"),
        (0, "activation", lambda z: g.sum(z), ValueError, "must keep the shape"),
        (0, "units", 9, AttributeError, "units of .* cannot change any more: the shape"),
        (0, "use_bias", False, AttributeError, "use_bias of .* cannot change any more"),
        (0, "weights_initializer", "zeros", AttributeError, "have been drawn, assign them"),
        (0, "bias_initializer", "zeros", AttributeError, "have been drawn, assign them"),
        (0, "name", "hidden", AttributeError, "name of .* knows it by its name"),
        (0, "given_name", "hidden", AttributeError, "its model knows it by its name"),
        (0, "trainable", "no", TypeError, "trainable must be True or False"),
        (0, "requires_grad", False, AttributeError, "write trainable"),
        (0, "weight", np.ones((8, 4)), AttributeError, "write weights"),
        (0, "kernel", np.ones((8, 4)), AttributeError, "write weights"),
        (0, "bias", np.ones(8), AttributeError, "write biases"),
        (0, "rate", 0.5, AttributeError, "'rate' of a Dense cannot be assigned; what can be"),
        (1, "p", 0.5, AttributeError, "write rate"),
        (1, "rat", 0.5, AttributeError, "did you mean 'rate'"),
        (1, "weights", np.ones(3), AttributeError, "'weights' of a Dropout cannot be assigned"),
        (2, "activaton", "relu", AttributeError, "did you mean 'activation'"),
        (0, "apply", len, AttributeError, "'apply' of a Dense cannot be assigned"),
        (0, "SETTINGS", {}, AttributeError, "cannot be assigned"),
    ],
)
def test_what_a_layer_cannot_be_set_to_is_refused_and_changes_nothing(
    index, setting, value, error, words
):
    model = trained(fm.Sequential(sequential(), input_columns=4, seed=0))
    twin, layer = model.copy(), model.layers[index]
    before = dict(vars(layer))
    with pytest.raises(error, match=words):
        setattr(layer, setting, value)
    assert vars(layer) == before
    model._trainer.state = None
    assert numbers(model) == numbers(twin)


@pytest.mark.parametrize("layer", [fm.Add(), fm.Concatenate()])
def test_a_layer_without_settings_of_its_own_can_be_frozen(layer):
    with pytest.raises(AttributeError, match=r"'axis' of an? .*; what can be assigned: trainable$"):
        layer.axis = 1


def test_a_layer_of_no_model_may_be_given_any_setting():
    layer = fm.Dense(3)
    layer.units, layer.use_bias, layer.name, layer.weights_initializer = 5, False, "h", "zeros"
    assert repr(layer) == "Dense(5, 'identity', use_bias=False, name='h')"
    assert layer.config()["name"] == layer.name == "h"
    model = fm.Sequential([layer], input_columns=2)
    assert model.network.parameter_names == ("h.weights",)
    assert not layer.weights.any()
    del model
    gc.collect()
    layer.units = 2  # it may become part of another
    assert fm.Sequential([layer], input_columns=2).n_parameters == 4


def test_units_changed_between_a_call_and_the_model_are_an_error():
    x, layer = fm.Input(2), fm.Dense(3)
    symbol = layer(x)
    layer.units = 4
    with pytest.raises(ValueError, match="promised the shape"):
        fm.Model(x, symbol)


def test_symbols_do_not_change():
    x = fm.Input(2, "x")
    for name, value in (("columns", 3), ("name", "y"), ("layer", None)):
        with pytest.raises(AttributeError, match=f"immutable: cannot set '{name}'"):
            setattr(x, name, value)
    assert repr(copy.deepcopy(x)) == repr(pickle.loads(pickle.dumps(x))) == repr(x)


class Power(Layer):
    """x to a power that may be assigned, counting how often it is applied."""

    def __init__(self, exponent):
        self.exponent = exponent  # before the base knows of anything
        super().__init__()
        self.applied = 0
        self.trainable = False

    def output_columns(self, input_columns):
        return input_columns[0]

    def apply(self, nodes, parameters, *, training, key):
        self.applied += 1
        return nodes[0] ** self.exponent


def test_a_layer_of_the_users_holds_what_it_likes_and_a_change_takes_effect():
    layer = Power(2)
    model = fm.Sequential([layer, fm.Dense(1)], input_columns=4, seed=0)
    trained_once = model.predict(X)
    assert layer.applied > 0
    twin = fm.Sequential([Power(3), fm.Dense(1)], input_columns=4, seed=0)
    layer.exponent = 3
    assert np.abs(model.predict(X) - trained_once).max() > 0
    np.testing.assert_array_equal(model.predict(X), twin.predict(X))
    for _ in range(2):
        ours, theirs = (m.fit(X, X[:, :1], epochs=1, seed=1, verbose=False) for m in (model, twin))
        assert ours["loss"] == theirs["loss"]


def test_a_layer_of_the_users_that_wants_other_parameters_is_an_error():
    class Scaled(Layer):
        rows = 1

        def output_columns(self, input_columns):
            return input_columns[0]

        def parameter_specs(self, input_columns):
            draw = fm.initializers.get(1.0)
            return (ParameterSpec("scale", "s", (self.rows, input_columns[0]), draw),)

        def apply(self, nodes, parameters, *, training, key):
            return nodes[0] * parameters[0]

    layer = Scaled()
    model = fm.Sequential([layer], input_columns=4)
    layer.rows = 2
    with pytest.raises(ValueError, match="has changed: its parameters have other shapes now"):
        model.fit(X, X, epochs=1, verbose=False)


class Turned(Layer):
    """An affine layer of the user's, without properties for its arrays, and no __init__ above."""

    def __init__(self, units, kernel=None):
        self.units = units
        self.size = 3.0  # also the name of a parameter

    def output_columns(self, input_columns):
        return self.units

    def parameter_specs(self, input_columns):
        return (
            ParameterSpec("kernel", "K", (self.units, input_columns[0]), "he_normal"),
            ParameterSpec("biases", "b", (1, self.units), 0.0),
            ParameterSpec("size", "s", (1, 1), 1.0),
        )

    def apply(self, nodes, parameters, *, training, key):
        return g.affine(nodes[0], *parameters[:2]) * parameters[2]


def test_parameters_of_a_layer_of_the_users_are_attributes_that_its_model_follows():
    layer = Turned(2)
    with pytest.raises(AttributeError, match="no attribute 'kernel'; write weights"):
        _ = layer.kernel
    model = fm.Sequential([layer], input_columns=4, seed=0, dtype="float64")
    assert (layer.kernel.shape, layer.biases.shape) == ((2, 4), (2,))
    layer.kernel = np.ones((2, 4))
    layer.biases = [1.0, 2.0]
    expected = X.sum(axis=1)[:, None] + [1.0, 2.0]
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-6)
    layer.kernel[0] = 0.0  # a view
    np.testing.assert_array_equal(model.predict(X)[:, 0], 1.0)
    with pytest.raises(ValueError, match=r"kernel of .* must have shape \(2, 4\), got \(4,\)"):
        layer.kernel = np.ones(4)
    layer.size = 7.0  # an attribute stays one
    assert layer.size == 7.0
    np.testing.assert_array_equal(model.predict(X)[:, 0], 1.0)
    with pytest.raises(AttributeError, match="'Turned' object has no attribute 'kernels'"):
        _ = layer.kernels
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.layers[0].kernel, layer.kernel)


def test_plans_of_an_estimator_follow_its_layers():
    clf = fm.MLPClassifier((6,), max_iter=2, random_state=0, dropout=0.1)
    clf.partial_fit(X, LABELS, classes=[0, 1])
    before = clf.predict_proba(X), clf.transform(X)
    clf.model_.layers[0].activation = "tanh"
    clf.model_.layers[1].rate = 0.9
    assert np.abs(clf.predict_proba(X) - before[0]).max() > 1e-3
    np.testing.assert_allclose(
        clf.transform(X), np.tanh(X @ clf.coefs_[0] + clf.intercepts_[0]), atol=1e-5
    )
    again = pickle.loads(pickle.dumps(clf))
    for estimator in (clf, again):
        estimator.partial_fit(X, LABELS)
    np.testing.assert_array_equal(clf.coefs_[0], again.coefs_[0])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("weights", "use set_weights"),
        ("sed", "did you mean 'seed'"),
        ("trainable", "write trainable of each of its layers"),
        ("dtype", "a model has its type from the beginning"),
        ("parameters", "use set_weights, or write into parameters.flat"),
        ("layers", "make a new model"),
        ("network", "make a new model"),
        ("optimizer", "it is an argument of fit"),
        ("learning_rate", "it is an argument of the optimizer"),
        ("predict", "'predict' of an MLP cannot be assigned; what can be assigned: seed, metadata"),
        ("graph", "'graph' of an MLP cannot be assigned"),
        ("whatever", "'whatever' of an MLP cannot be assigned"),
    ],
)
def test_what_a_model_cannot_be_given_is_refused_by_name(name, words):
    with pytest.raises(AttributeError, match=words):
        setattr(fm.MLP([4, 2]), name, 1)


def test_seed_and_metadata_of_a_model_may_be_assigned():
    one, two = fm.MLP([4, 2], seed=0), fm.MLP([4, 2], seed=0)
    one.seed = two.seed = 7
    losses = [m.fit(X, ONE_HOT, epochs=1, verbose=False)["loss"] for m in (one, two)]
    assert losses[0] == losses[1]
    one.metadata = {"classes": ["no", "yes"]}
    assert one.copy().metadata == {"classes": ["no", "yes"]}
    with pytest.raises(ValueError, match="seed must be at least 0, got -1"):
        one.seed = -1
    with pytest.raises(TypeError, match="metadata must be a dict, got list"):
        one.metadata = []
    assert one.seed == 7


def test_a_model_of_a_class_of_the_users_has_attributes_of_its_own():
    class Mine(fm.MLP):
        pass

    model = Mine([4, 2])
    model.whatever = 3
    assert model.whatever == 3


def test_a_parameter_is_a_weight_or_a_bias_by_what_its_layer_says():
    draw = initializers.get("zeros")
    assert ParameterSpec("weights", "W", (3, 2), draw).role == "weight"
    assert ParameterSpec("biases", "b", (1, 3), draw).role == "bias"
    shift = ParameterSpec("shift", "s", (1, 3), draw, role="bias")
    assert (shift.role, shift.array_shape) == ("bias", (3,))
    assert ParameterSpec("scale", "s", (1, 3), draw).array_shape == (1, 3)
    with pytest.raises(ValueError, match="role"):
        ParameterSpec("weights", "W", (3, 2), draw, role="bais")
    with pytest.raises(ValueError, match=r"biases: a bias must be one row, got the shape \(2, 3\)"):
        ParameterSpec("biases", "b", (2, 3), draw)
