import copy
import json
import math
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import layers
from fastmlp.initializers import Constant, Glorot, He, Normal, Uniform, Zeros
from fastmlp.layers import (
    LAYERS,
    Activation,
    Add,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Input,
    Layer,
    NumericEmbedding,
    PReLU,
    add,
    concat,
)


def twice(x):
    return g.concatenate(x, x)


layers.register("twice", twice)
EXAMPLES = {
    "Dense": Dense(
        3,
        "tanh",
        use_bias=False,
        weights_initializer=He("normal"),
        bias_initializer=0.5,
        l2=0.25,
        name="hidden",
    ),
    "Activation": Activation("softplus", name="φ"),
    "PReLU": PReLU(shared=True, slopes_initializer=He(), name="steep"),
    "Dropout": Dropout(0.25),
    "Add": Add(),
    "Concatenate": Concatenate(name="joined"),
    "LayerNorm": layers.LayerNorm(1e-3, use_scale=False),
    "RMSNorm": layers.RMSNorm(use_offset=False, trainable=False),
    "BatchNorm": layers.BatchNorm(0.25, name="batch"),
    "Rescaling": layers.Rescaling(0.5, -2),
    "Scale": layers.Scale(0.5),
    "Multiply": layers.Multiply(trainable=False),
    "Maximum": layers.Maximum(),
    "Minimum": layers.Minimum(name="least"),
    "Tile": layers.Tile(3),
    "ParametricActivation": layers.ParametricActivation("mish", share_initializer=0.5),
    "GaussianNoise": layers.GaussianNoise(0.125),
    "Lambda": layers.Lambda("twice", columns=10),
    "Embedding": Embedding([3, 4, 2, 9, 5], [2, 5, 1, 1, 3], initializer=Normal(0.1), name="towns"),
    "NumericEmbedding": NumericEmbedding(
        3,
        "piecewise",
        activation="relu",
        edges=[[0, 1], [0, 0.5, 2], [-1, 1], [0, 3], [1, 2, 3, 4]],
        keep=True,
        l2=0.5,
    ),
}


def apply(layer, arrays, parameters=(), *, training=False, key=0):
    nodes = [g.input(a.shape[1]) for a in map(np.asarray, arrays)]
    node = layer.apply(nodes, [g.constant(p) for p in parameters], training=training, key=key)
    return g.reference.evaluate(node, dict(zip(nodes, arrays, strict=True)))


def test_the_examples_below_cover_the_registry():
    assert set(EXAMPLES) == set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_comes_back_from_json(name):
    config = json.loads(json.dumps(EXAMPLES[name].config()))
    again = layers.from_config(config)
    assert type(again) is LAYERS[name]
    assert again.config() == config


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(
    "duplicate",
    [Layer.copy, copy.copy, copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))],
)
def test_a_copy_of_a_layer_has_its_settings_and_belongs_to_nobody(name, duplicate):
    layer = EXAMPLES[name]
    again = duplicate(layer)
    assert again is not layer
    assert again.config() == layer.config()
    assert again.owner is None


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_takes_a_name_and_whether_it_is_trained(name):
    arguments = {k: v for k, v in EXAMPLES[name].config().items() if k != "trainable"}
    assert layers.from_config(arguments).trainable
    layer = layers.from_config({**arguments, "name": "own", "trainable": False})
    assert (layer.given_name, layer.trainable) == ("own", False)


@pytest.mark.parametrize("name", LAYERS)
def test_the_columns_a_layer_promises_are_those_of_its_node(name):
    layer = EXAMPLES[name]
    inputs = 2 if name in ("Add", "Concatenate", "Multiply", "Maximum", "Minimum") else 1
    symbol = layer([Input(5) for _ in range(inputs)])
    parameters = [np.zeros(spec.shape) for spec in layer.parameter_specs((5,) * inputs)]
    assert apply(layer, [np.ones((7, 5))] * inputs, parameters).shape == (7, symbol.columns)


def test_dense_is_phi_of_x_wt_plus_b():
    W, b = [[1.0, -2.0], [0.5, 0.0], [0.0, 3.0]], [[0.0, 1.0, -1.0]]
    h = apply(Dense(3, "relu"), [[[2.0, 1.0]]], [W, b])
    assert h.tolist() == [[0.0, 2.0, 2.0]]


def test_dense_without_biases_is_phi_of_x_wt():
    W = [[1.0, -2.0], [0.5, 4.0]]
    layer = Dense(2, use_bias=False)
    assert apply(layer, [[[2.0, 1.0]]], [W]).tolist() == [[0.0, 5.0]]
    assert [spec.name for spec in layer.parameter_specs((2,))] == ["weights"]


# What parameters of layers begin with, two columns in; those of Dense and Embedding stand below.
ONES, ZEROS, BINS = Constant(1.0), Zeros(), [[0, 1, 2, 3, 4], [0, 3]]
BEGIN = [
    (PReLU(), {"slopes": Constant(0.25)}),
    (layers.LayerNorm(), {"scale": ONES, "offset": ZEROS}),
    (layers.RMSNorm(), {"scale": ONES, "offset": ZEROS}),
    (
        layers.BatchNorm(),
        {"scale": ONES, "offset": ZEROS, "running_mean": ZEROS, "running_var": ONES},
    ),
    (layers.Scale(), {"scale": ONES}),
    (layers.ParametricActivation("mish"), {"share": ONES}),
    (Embedding([2, 3], 4), dict.fromkeys(("weights_1", "weights_2"), Normal(1.0))),
    (Dense(3), {"weights": Glorot(), "biases": ZEROS}),
    (
        NumericEmbedding(16, frequencies=8),
        {
            "coefficients": Normal(0.01),
            "weights": Uniform(0.25),  # 1/√ of the 16 sines and cosines
            "biases": Uniform(0.25),
        },
    ),
    (
        NumericEmbedding(9, frequencies=4, phases=True, scale=0.5),
        {
            "coefficients": Normal(0.5),
            "shifts": Uniform(math.pi),
            "weights": Uniform(0.5),
            "biases": Uniform(0.5),
        },
    ),
    (
        NumericEmbedding(9, "piecewise", edges=BINS),
        dict.fromkeys(("weights", "biases"), Uniform(0.5)),  # of at most four bins
    ),
    (
        NumericEmbedding(16, "piecewise", edges=BINS, linear=True),
        {"weights": ZEROS, "slopes": Uniform(0.25), "biases": Uniform(0.25)},
    ),
]


def test_parameters_begin_as_the_layers_say():
    for layer, drawn in BEGIN:
        specs = layer.parameter_specs((2,))
        assert {spec.name: spec.initializer for spec in specs} == drawn, layer
    there = {name for name, layer in EXAMPLES.items() if layer.parameter_specs((5,))}
    assert there == {type(layer).__name__ for layer, _ in BEGIN}


def test_the_initializer_follows_the_activation_unless_it_is_given():
    def drawn_from(layer):
        return layer.parameter_specs((2,))[0].initializer

    assert drawn_from(Dense(3, "relu")) == He()
    assert drawn_from(Dense(3, "tanh")) == Glorot()
    assert drawn_from(Dense(3, lambda z: z * z)) == Glorot()
    assert drawn_from(Dense(3, "tanh", weights_initializer="he_normal")) == He("normal")


def test_weights_take_the_l2_of_the_layer_and_biases_none():
    assert [spec.l2 for spec in Dense(3).parameter_specs((2,))] == [None, 0.0]
    assert [spec.l2 for spec in Dense(3, l2=0.0).parameter_specs((2,))] == [0.0, 0.0]
    assert [spec.l2 for spec in Dense(3, l2=0.5).parameter_specs((2,))] == [0.5, 0.0]


def test_add_adds_and_concatenate_joins_in_order():
    a, b, c = [[1.0, 2.0]], [[10.0, 20.0]], [[100.0, 200.0]]
    assert apply(Add(), [a, b, c]).tolist() == [[111, 222]]
    assert apply(Concatenate(), [a, b, c]).tolist() == [[1, 2, 10, 20, 100, 200]]


def test_dropout_is_there_in_training_only():
    x = np.ones((50, 20))
    assert (apply(Dropout(0.5), [x]) == 1).all()
    dropped = apply(Dropout(0.5), [x], training=True)
    assert set(np.unique(dropped)) == {0.0, 2.0}
    assert not np.array_equal(dropped, apply(Dropout(0.5), [x], training=True, key=1))
    node = g.input(3)
    assert Dropout(0.0).apply([node], [], training=True, key=0) is node


def test_helpers_call_the_layers_they_stand_for():
    x, y = Input(3), Input(3)
    assert add([x, y]).columns == 3
    assert concat([x, y], "joined").layer.name == "joined"
    assert add([x, y]).sources == (x, y)


def test_the_repr_of_a_layer_reads_like_its_constructor():
    assert repr(Dense(3, "relu")) == "Dense(3, 'relu')"
    assert repr(EXAMPLES["Dense"]) == "Dense(3, 'tanh', use_bias=False, l2=0.25, name='hidden')"
    assert repr(Dropout(0.5)) == "Dropout(0.5)"
    assert repr(Add()) == "Add()"
    assert repr(Input(3)) == "Input(3)"
    assert repr(Input(3, "pixels")) == "Input(3, 'pixels')"


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Dense(0), ValueError, "units must be at least 1, got 0"),
        (lambda: Dense(2.5), TypeError, "units must be an integer, got 2.5"),
        (lambda: Dense(True), TypeError, "units must be an integer"),
        (lambda: Dense(3, "rellu"), ValueError, "did you mean 'relu'"),
        (lambda: Dense(3, 5), TypeError, "activation must be a name or a function"),
        (lambda: Dense(3, l2=-1), ValueError, "l2 must be .* at least 0, got -1"),
        (lambda: Dense(3, l2="x"), TypeError, "l2 must be a number"),
        (lambda: Dense(3, use_bias=1), TypeError, "use_bias must be True or False"),
        (lambda: Dense(3, weights_initializer="he"), ValueError, "initializer must be one of"),
        (lambda: Dense(3, name=""), ValueError, "name must not be empty"),
        (lambda: Dense(3, name="a:2"), ValueError, "name must not .* colon, got 'a:2'"),
        (lambda: Dense(3, name="\ud800"), ValueError, "name: .* cannot be written as UTF-8"),
        (lambda: Dense(3, name=2), TypeError, "name must be a str, not int"),
        (lambda: Dropout(1.0), ValueError, "rate must be .* less than 1, got 1"),
        (lambda: Dropout(-0.1), ValueError, "rate must be .* at least 0"),
        (lambda: Dropout(float("nan")), ValueError, "rate must be a finite number"),
        (lambda: Dropout("0.5"), TypeError, "rate must be a number"),
        (lambda: Input(0), ValueError, "columns must be at least 1, got 0"),
        (lambda: Input("x"), TypeError, "columns must be an integer"),
        (lambda: Dense(3)(np.zeros((2, 2))), TypeError, "must be called with an Input.*ndarray"),
        (lambda: Dense(3)([1, 2]), TypeError, "must be called with an Input"),
        (lambda: Dense(3)([]), ValueError, "one input at least"),
        (lambda: Dense(3)([Input(2), Input(2)]), ValueError, "takes one input, not 2"),
        (lambda: Dropout(0.5)([Input(2), Input(2)]), ValueError, "takes one input, not 2"),
        (lambda: add([Input(2), Input(3)]), ValueError, r"inputs of \(2, 3\) columns"),
        (lambda: add([Input(2)]), ValueError, "Add takes two inputs at least"),
        (lambda: concat([Input(2)]), ValueError, "Concatenate takes two inputs at least, not 1"),
    ],
)
def test_what_makes_no_sense_is_an_error_at_once(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    "config",
    [
        None,
        [],
        {},
        {"class": "Layer"},
        {"class": "eval", "name": "x"},
        {"class": ["Dense"]},
        {"class": "Dense"},
        {"class": "Dense", "units": "3"},
        {"class": "Dense", "units": 3, "activation": "lambda z: z"},
        {"class": "Dense", "units": 3, "activation": None},
        {"class": "Dense", "units": 3, "weights_initializer": {"class": "os.system"}},
        {"class": "Dense", "units": 3, "weights_initializer": "he_normal"},
        {"class": "Dense", "units": 3, "__init__": 1},
        {"class": "Dropout", "rate": None},
        {"class": "Add", 3: 4},
    ],
)
def test_a_malformed_config_is_a_value_error(config):
    with pytest.raises(ValueError, match=r"config|unknown class of layer|activation must be"):
        layers.from_config(config)


@pytest.mark.parametrize("kind", LAYERS)
@pytest.mark.parametrize("change", ["left out", None, [], {}, "no"])
def test_a_config_with_a_part_that_is_spoilt_is_a_layer_or_a_value_error(kind, change):
    whole = EXAMPLES[kind].config()
    for key in whole:
        config = {name: value for name, value in whole.items() if name != key}
        if change != "left out":
            config[key] = change
        try:
            made = layers.from_config(config)
        except ValueError:
            continue
        assert type(made) is type(EXAMPLES[kind])


def test_a_layer_with_a_function_of_the_users_cannot_be_saved():
    for layer in (Dense(3, lambda z: z), Activation(lambda z: z)):
        with pytest.raises(ValueError, match="a function of yours and cannot be saved"):
            layer.config()


def test_a_layer_of_the_users_cannot_be_saved():
    class Mine(Layer):
        pass

    with pytest.raises(ValueError, match="class Mine cannot be saved"):
        Mine().config()


def test_a_layer_without_a_model_has_no_arrays_yet():
    layer = Dense(3)
    assert not hasattr(layer, "weights")
    with pytest.raises(AttributeError, match="has no biases yet"):
        _ = layer.biases
    with pytest.raises(AttributeError, match="has no weights yet"):
        layer.weights = np.zeros((3, 2))


def test_what_a_layer_of_your_own_lacks_is_said():
    class Half(Layer):
        pass

    with pytest.raises(NotImplementedError, match=r"^Half has to define output_columns$"):
        fm.Sequential([Half()], input_columns=3).predict(np.ones((1, 3)))
    Half.output_columns = lambda self, columns: columns[0]
    with pytest.raises(NotImplementedError, match=r"^Half has to define apply$"):
        fm.Sequential([Half()], input_columns=3).predict(np.ones((1, 3)))
