import gc
import json
import pickle

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp import initializers
from fastmlp.layers import (
    Activation,
    Add,
    Dense,
    Dropout,
    Input,
    Layer,
    ParameterSpec,
    add,
    concat,
)
from fastmlp.networks.network import Network
from fastmlp.planner.parameters import Parameters

RNG = np.random.default_rng(11)


def square(z):
    return z * z


def skip_network(seed=0):
    x = Input(4)
    h = Dropout(0.5)(Dense(6, "relu")(x))
    return Network(x, Dense(3, "softmax")(concat([h, x])), seed=seed)


def two_towers(seed=0):
    a, b = Input(2, "left"), Input(3)
    joined = add([Dense(5, "tanh")(a), Dense(5, "tanh")(b)])
    return Network([a, b], Dense(1)(joined), seed=seed)


def shared(seed=0):
    x, twice = Input(3), Dense(3, "tanh", name="twice")
    return Network(x, twice(Dropout(0.25)(twice(x))), seed=seed)


def deep(seed=0):
    return Network.sequential([Dense(2, "tanh") for _ in range(40)], 2, seed=seed)


NETWORKS = [skip_network, two_towers, shared, deep]


def values(network):
    return [node.value for node in network.parameter_nodes]


def evaluate(network, *arrays, training=False, seed=0):
    y, _ = network.forward(training=training)
    feeds = dict(zip(network.input_nodes, arrays, strict=True))
    return g.reference.evaluate(y, feeds, seed=seed)


def data(network, rows=5):
    return [RNG.normal(size=(rows, columns)) for columns in network.input_columns]


# ---------------------------------------------------------------------------------- what it is


def test_an_mlp_is_dense_layers_in_a_row():
    network = Network.mlp([2, 3, 4, 1], "tanh", "logistic", seed=0)
    assert [layer.units for layer in network.layers] == [3, 4, 1]
    assert [layer.activation.name for layer in network.layers] == ["tanh", "tanh", "logistic"]
    assert network.input_columns == (2,)
    assert (network.output_columns, network.output_activation) == (1, "logistic")
    assert network.parameter_count == 3 * 2 + 3 + 4 * 3 + 4 + 1 * 4 + 1
    assert [node.name for node in network.parameter_nodes] == ["W1", "b1", "W2", "b2", "W3", "b3"]


def test_the_forward_graph_is_the_formula():
    network = Network.mlp([2, 3, 1], "tanh", "logistic", seed=0)
    W1, b1, W2, b2 = values(network)
    (x,) = data(network)
    expected = 1 / (1 + np.exp(-(np.tanh(x @ W1.T + b1) @ W2.T + b2)))
    np.testing.assert_allclose(evaluate(network, x), expected, rtol=1e-14)


def test_branches_are_joined_as_they_were_called():
    network = skip_network()
    W1, b1, W2, b2 = values(network)
    (x,) = data(network)
    z = np.hstack([np.maximum(x @ W1.T + b1, 0), x]) @ W2.T + b2
    expected = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(evaluate(network, x), expected, rtol=1e-13)


def test_a_network_of_two_inputs_takes_both():
    network = two_towers()
    W = dict(zip(network.parameter_names, values(network), strict=True))
    a, b = data(network)
    h = np.tanh(a @ W["dense_1.weights"].T) + np.tanh(b @ W["dense_2.weights"].T)
    np.testing.assert_allclose(evaluate(network, a, b), h @ W["dense_3.weights"].T, rtol=1e-13)
    assert [node.name for node in network.input_nodes] == ["left", "x2"]


def test_a_layer_called_twice_shares_its_weights():
    network = shared()
    assert network.parameter_names == ("twice.weights", "twice.biases")
    W, b = values(network)
    (x,) = data(network)
    np.testing.assert_allclose(
        evaluate(network, x), np.tanh(np.tanh(x @ W.T + b) @ W.T + b), rtol=1e-14
    )
    _, by_layer = network.forward()
    assert list(by_layer) == ["twice", "dropout_1", "twice:2"]


@pytest.mark.parametrize("make", NETWORKS)
def test_every_gradient_of_every_network_is_its_derivative(make):
    network = make()
    y, _ = network.forward(training=True)
    feeds = dict(zip(network.input_nodes, data(network), strict=True))
    report = g.check_gradients(g.sum(g.cos(y)), feeds)
    assert set(report.errors) == set(network.parameter_nodes)


def test_the_activation_of_the_output_is_found_through_other_layers():
    def output_activation(*layers):
        return Network.sequential(layers, 4).output_activation

    assert output_activation(Dense(3, "softmax")) == "softmax"
    assert output_activation(Dense(3), Activation("softmax")) == "softmax"
    assert output_activation(Dense(3, "logistic"), Dropout(0.5)) == "logistic"
    assert output_activation(Dense(3)) == "identity"
    assert output_activation(Dense(3, use_bias=False)) == "identity"
    assert output_activation(Dense(3, square)) == "identity"


def test_a_network_without_parameters_is_a_network():
    network = Network.sequential([Activation("tanh")], 3)
    (x,) = data(network)
    assert network.parameter_count == 0
    np.testing.assert_allclose(evaluate(network, x), np.tanh(x))


def test_a_network_may_be_thousands_of_layers_deep():
    network = Network.sequential([Dense(1) for _ in range(3000)], 1, seed=0)
    assert network.copy().parameter_count == 6000
    assert len(pickle.loads(pickle.dumps(network)).layers) == 3000
    assert len(Network.specs_in(network.config())) == 6000


# ------------------------------------------------------------------------------------- forward


def ops(node):
    return [v.op for v in g.topological_order(node)]


def test_dropout_is_in_the_training_graph_only():
    network = Network.sequential([Dropout(0.5), Dense(3), Dropout(0.5), Dense(1)], 4, seed=0)
    assert ops(network.forward(training=True)[0]).count("dropout") == 2
    assert "dropout" not in ops(network.forward(training=False)[0])


def test_every_call_of_a_dropout_layer_draws_numbers_of_its_own():
    x, dropout = Input(8), Dropout(0.5)
    network = Network(x, concat([dropout(x), dropout(x), Dropout(0.5)(x)]))
    y, _ = network.forward(training=True)
    keys = [v.attrs["key"] for v in g.topological_order(y) if v.op == "dropout"]
    assert len(set(keys)) == 3
    masks = np.split(evaluate(network, np.ones((16, 8)), training=True), 3, axis=1)
    assert not np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


def test_forward_takes_other_nodes_and_always_the_same_parameters():
    network = Network.mlp([3, 2], seed=0)
    z = g.input(3, "z")
    y, _ = network.forward(2.0 * z)
    x = RNG.normal(size=(4, 3))
    np.testing.assert_allclose(g.reference.evaluate(y, {z: x}), evaluate(network, 2 * x))
    leaves = {v for v in g.topological_order(y) if v.op == "parameter"}
    assert leaves == set(network.parameter_nodes)


def test_forward_on_nodes_of_another_width_is_an_error():
    with pytest.raises(ValueError, match=r"inputs must be nodes of \(3,\) columns, not of \(2,\)"):
        Network.mlp([3, 2]).forward(g.input(2))


def test_a_layer_that_returns_another_shape_than_it_promised_is_an_error():
    class Broken(Layer):
        def output_columns(self, input_columns):
            return 2

        def apply(self, nodes, parameters, *, training, key):
            return nodes[0]

    layer = Broken()
    with pytest.raises(ValueError, match=r"layer 'broken_1' promised the shape \('batch', 2\)"):
        Network.sequential([layer], 3)
    assert layer.owner is None


def test_what_a_layer_of_the_users_returns_is_checked():
    class Bent(Layer):
        draw, node = "he_normal", None

        def output_columns(self, input_columns):
            return 2

        def parameter_specs(self, input_columns):
            if self.draw is None:
                return [("W", (2, 3))]
            return [ParameterSpec("W", "W", (2, 3), self.draw), ParameterSpec("b", "b", (1, 2), 1)]

        def apply(self, nodes, parameters, *, training, key):
            return g.affine(nodes[0], *parameters) if self.node is None else self.node

    layer = Bent()
    W, b = (node.value for node in Network.sequential([layer], 3, seed=0).parameter_nodes)
    wanted = initializers.get("he_normal")(np.random.default_rng(0), (2, 3))
    np.testing.assert_array_equal(W, wanted)
    np.testing.assert_array_equal(b, np.ones((1, 2)))
    for draw, node, error, message in (
        ("normed", None, ValueError, "initializer of W must be one of"),
        (print, None, TypeError, "initializer of W, where it is neither a name nor an"),
        (None, None, TypeError, r"parameter_specs of layer 'bent_1' must return .* \('W', \(2, 3"),
        (0.5, 3, TypeError, "layer 'bent_1' must return a graph node, not int"),
    ):
        layer = Bent()
        layer.draw, layer.node = draw, node
        with pytest.raises(error, match=message):
            Network.sequential([layer], 3)
        assert layer.owner is None


@pytest.mark.parametrize(
    ("says", "error", "message"),
    [
        ({"columns": None}, TypeError, "output_columns of Odd.* must be an integer, got None"),
        ({"columns": 2.0}, TypeError, "output_columns of Odd.* must be an integer, got 2.0"),
        ({"columns": 0}, ValueError, "output_columns of Odd.* must be at least 1, got 0"),
        ({"specs": None}, TypeError, "must return a tuple of ParameterSpecs, got None"),
        ({"specs": ParameterSpec("W", "W", (2, 2), 0.0)}, TypeError, r"of ParameterSpecs, got Par"),
        (
            {"specs": [ParameterSpec("W", "W", (2, 2), 0.0)] * 2},
            ValueError,
            r"parameter_specs of layer 'odd_1' must return different names, got \['W', 'W'\]",
        ),
        (
            {"statistics": None},
            TypeError,
            "statistics of layer 'odd_1' must return a dict of nodes by nodes, not NoneType",
        ),
    ],
)
def test_what_a_layer_of_the_users_forgets_to_return_is_said(says, error, message):
    class Odd(Layer):
        def output_columns(self, input_columns):
            return says.get("columns", 2)

        def parameter_specs(self, input_columns):
            return says.get("specs", ())

        def apply(self, nodes, parameters, *, training, key):
            return nodes[0]

        def statistics(self, nodes, parameters):
            return says.get("statistics", {})

    with pytest.raises(error, match=message):
        Network.sequential([Odd()], 2).forward_pass(training=True)


# ------------------------------------------------------------------------- names and ownership


def test_layers_get_the_first_free_names():
    network = Network.sequential(
        [Dense(2), Dense(2, name="dense_2"), Dropout(0.1), Dense(2), Dense(2, name="out")], 2
    )
    names = [layer.name for layer in network.layers]
    assert names == ["dense_1", "dense_2", "dropout_1", "dense_3", "out"]
    assert network.layer("dense_3") is network.layers[3]


def test_an_unknown_layer_is_an_error_that_lists_the_names():
    with pytest.raises(ValueError, match="no layer is called 'dense_9'; there are: dense_1"):
        Network.mlp([2, 1]).layer("dense_9")


def test_a_layer_shares_its_parameters_between_living_networks():
    hidden = Dense(3)
    network = Network.sequential([hidden], 2)
    other = Network.sequential([Dense(2), hidden, Dense(1)], 5)
    assert hidden.owners == [network, other]
    assert hidden.owner is network
    assert other.parameter_nodes[2:4] == network.parameter_nodes
    assert (hidden.name, other.layer("dense_2")) == ("dense_1", hidden)
    alone = Network.sequential([hidden.copy()], 2)
    assert not set(alone.parameter_nodes) & set(network.parameter_nodes)
    del network
    gc.collect()
    assert (hidden.owner, hidden.name) == (other, "dense_2")
    del other
    gc.collect()
    assert hidden.owner is None
    assert Network.sequential([hidden], 4).parameter_nodes[0].shape == (3, 4)


def test_a_layer_that_would_need_other_parameters_is_an_error():
    hidden = Dense(3)
    network = Network.sequential([hidden], 2)
    words = r"layer 'dense_1', Dense\(3, 'identity'\), has parameters of the shapes .* copy\(\)"
    with pytest.raises(ValueError, match=words):
        Network.sequential([hidden], 4)
    with pytest.raises(ValueError, match="weights are given, but layer 'dense_1' has those of"):
        Network.sequential([hidden], 2, weights=network.values())
    assert hidden.owners == [network]


def test_a_network_that_fails_leaves_its_layers_free():
    hidden = Dense(3)
    with pytest.raises(ValueError, match="weights lacks"):
        Network.sequential([hidden], 2, weights={})
    assert hidden.owner is None
    assert hidden.name is None


# ----------------------------------------------------------------------------- initial values


@pytest.mark.parametrize("make", NETWORKS)
def test_the_same_seed_draws_the_same_weights(make):
    for a, b in zip(values(make(3)), values(make(3)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_layers_of_one_shape_draw_different_weights():
    first, _, second, _ = values(Network.mlp([3, 3, 3], seed=0))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, values(Network.mlp([3, 3, 3], seed=1))[0])


def test_given_weights_are_taken_by_name():
    source = skip_network(0)
    given = dict(zip(source.parameter_names, values(source), strict=True))
    for a, b in zip(values(source.copy(weights=given)), values(source), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dense_1.weights": None}, "weights lacks dense_1.weights"),
        ({"other": np.zeros(1)}, "weights has unknown other"),
        ({"dense_1.weights": np.zeros((2, 3))}, r"dense_1.weights must have the shape \(3, 2\)"),
        ({"dense_1.biases": np.zeros(3)}, r"dense_1.biases must have the shape \(1, 3\)"),
    ],
)
def test_given_weights_that_do_not_fit_are_an_error(change, message):
    weights = {"dense_1.weights": np.zeros((3, 2)), "dense_1.biases": np.zeros((1, 3))} | change
    weights = {name: value for name, value in weights.items() if value is not None}
    with pytest.raises(ValueError, match=message):
        Network.mlp([2, 3], weights=weights)


# --------------------------------------------------------------------------- arrays of a layer


@pytest.fixture
def bound():
    network = Network.mlp([2, 3, 1], seed=0)
    parameters = Parameters(network.parameter_nodes, "float64")
    network.bind(parameters)
    return network, parameters


def test_the_arrays_of_a_layer_are_views_of_the_flat_vector(bound):
    network, parameters = bound
    layer = network.layers[0]
    np.testing.assert_array_equal(layer.weights, network.parameter_nodes[0].value)
    assert layer.weights.shape == (3, 2)
    assert layer.biases.shape == (3,)
    assert np.shares_memory(layer.weights, parameters.flat)
    layer.biases[1] = 7.0
    assert 7.0 in parameters.flat


def test_assigning_to_a_layer_copies_into_the_flat_vector(bound):
    network, parameters = bound
    layer = network.layers[0]
    layer.weights = [[1, 2], [3, 4], [5, 6]]
    layer.biases = np.array([7, 8, 9], np.float32)
    np.testing.assert_array_equal(
        parameters.view(network.parameter_nodes[0]), [[1, 2], [3, 4], [5, 6]]
    )
    np.testing.assert_array_equal(parameters.view(network.parameter_nodes[1]), [[7, 8, 9]])


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("weights", np.ones((2, 3)), ValueError, r"shape \(3, 2\), got \(2, 3\)"),
        ("weights", 1.0, ValueError, r"shape \(3, 2\), got \(\)"),
        ("biases", np.ones((1, 3)), ValueError, r"shape \(3,\), got \(1, 3\)"),
        ("biases", [1, np.nan, np.inf], ValueError, "finite .* got 1 NaN and 1 infinite among 3"),
        ("biases", ["a", "b", "c"], TypeError, "must hold numbers, got text"),
    ],
)
def test_assigning_what_does_not_fit_is_an_error_and_changes_nothing(
    bound, name, value, error, message
):
    network, parameters = bound
    before = parameters.flat.copy()
    with pytest.raises(error, match=message):
        setattr(network.layers[0], name, value)
    np.testing.assert_array_equal(parameters.flat, before)


def test_a_layer_without_biases_has_none_to_show():
    network = Network.sequential([Dense(3, use_bias=False)], 2)
    network.bind(Parameters(network.parameter_nodes))
    assert network.layers[0].weights.shape == (3, 2)
    with pytest.raises(AttributeError, match="has no biases"):
        _ = network.layers[0].biases


# ------------------------------------------------------------------------------------ penalty


def test_the_penalty_counts_weights_once_and_no_biases():
    network = shared()
    W = network.parameter_nodes[0].value
    np.testing.assert_allclose(
        g.reference.evaluate(network.penalty(0.5), {}), 0.25 * (W**2).sum(), rtol=1e-14
    )


def test_the_lambda_of_a_layer_stands_before_that_of_the_model():
    chain = [Dense(3), Dense(4, l2=2.0), Dense(2, l2=0.0)]
    network = Network.sequential(chain, 2, seed=0)
    W1, _, W2, _, _, _ = values(network)
    for l2 in (0.0, 0.5):
        np.testing.assert_allclose(
            g.reference.evaluate(network.penalty(l2), {}),
            0.5 * (l2 * (W1**2).sum() + 2.0 * (W2**2).sum()),
            rtol=1e-14,
        )


def test_there_is_no_penalty_where_nothing_is_penalised():
    assert skip_network().penalty() is None
    assert Network.sequential([Dense(3, l2=0.0)], 2).penalty(0.5) is None


def test_a_negative_lambda_is_an_error():
    with pytest.raises(ValueError, match=r"l2 must be .* at least 0, got -0.5"):
        skip_network().penalty(-0.5)


# -------------------------------------------------------------------- configs, copies, pickles


@pytest.mark.parametrize("make", NETWORKS)
@pytest.mark.parametrize(
    "duplicate",
    [
        lambda network, weights: Network.from_config(
            json.loads(json.dumps(network.config())), weights=weights
        ),
        lambda network, weights: network.copy(weights=weights),
        lambda network, weights: pickle.loads(pickle.dumps(network)).copy(weights=weights),
    ],
    ids=["config", "copy", "pickle"],
)
def test_a_network_made_again_computes_the_same(make, duplicate):
    network = make()
    weights = dict(zip(network.parameter_names, values(network), strict=True))
    again = duplicate(network, weights)
    arrays = data(network)
    assert again.config() == network.config()
    assert again.summary() == network.summary()
    for training in (False, True):
        np.testing.assert_array_equal(
            evaluate(again, *arrays, training=training),
            evaluate(network, *arrays, training=training),
        )


def test_copies_and_pickles_hold_functions_of_the_users_but_configs_do_not():
    network = Network.mlp([2, 3, 1], square, seed=0)
    assert network.copy().layers[0].activation.function is square
    assert pickle.loads(pickle.dumps(network)).layers[0].activation.function is square
    with pytest.raises(ValueError, match="'square' is a function of yours and cannot be saved"):
        network.config()


@pytest.mark.parametrize("make", NETWORKS)
def test_the_shapes_in_a_config_are_those_of_the_network(make):
    network = make()
    shapes = {
        name: node.shape
        for name, node in zip(network.parameter_names, network.parameter_nodes, strict=True)
    }
    specs = Network.specs_in(network.config())
    assert {name: spec.shape for name, spec in specs.items()} == shapes


def test_the_shapes_of_an_absurd_config_cost_nothing():
    config = Network.mlp([2, 3]).config()
    config["layers"][0]["units"] = 10**18
    assert Network.specs_in(config)["dense_1.weights"].shape == (10**18, 2)
    weights = {"dense_1.weights": np.zeros((3, 2)), "dense_1.biases": np.zeros((1, 3))}
    with pytest.raises(ValueError, match="must have the shape"):
        Network.from_config(config, weights=weights)


def edited(path, value):
    """Return the config of a small network with one thing changed, or removed."""
    config = Network.mlp([2, 3, 1]).config()
    place = config
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return config


@pytest.mark.parametrize(
    "config",
    [
        None,
        "{}",
        [],
        {},
        edited(["inputs"], None),
        edited(["inputs"], []),
        edited(["inputs"], [None]),
        edited(["inputs"], [{}]),
        edited(["inputs"], [{"columns": -2}]),
        edited(["inputs"], [{"columns": 2, "rows": 3}]),
        edited(["inputs"], [{"columns": 2}, {"columns": 2}]),
        edited(["extra"], 1),
        edited(["layers"], {}),
        edited(["layers", 0], None),
        edited(["layers", 0], "Dense"),
        edited(["layers", 0, "class"], "Network"),
        edited(["layers", 0, "units"], 1.5),
        edited(["layers", 0, "name"], "dense_2"),
        edited(["layers", 0, "activation"], "__import__"),
        edited(["calls"], []),
        edited(["calls", 0], None),
        edited(["calls", 0], 5),
        edited(["calls", 0, "layer"], None),
        edited(["calls", 0, "layer"], 2),
        edited(["calls", 0, "layer"], -1),
        edited(["calls", 0, "layer"], True),
        edited(["calls", 0, "sources"], 0),
        edited(["calls", 0, "sources"], []),
        edited(["calls", 0, "sources"], [0, 0]),
        edited(["calls", 0, "sources"], [1]),
        edited(["calls", 0, "sources"], ["0"]),
        edited(["calls", 1, "sources"], [0]),
        edited(["calls", 0, "extra"], 1),
    ],
)
def test_a_malformed_config_is_a_value_error(config):
    with pytest.raises(ValueError, match=r"config|layer|call|input|shape|name"):
        Network.from_config(config)
    with pytest.raises(ValueError, match=r"config|layer|call|input|shape|name"):
        Network.specs_in(config)


# ------------------------------------------------------------------------------------- summary


def test_the_summary_has_a_row_for_each_input_and_each_call():
    rows = {row.name: row for row in shared().summary()}
    assert [tuple(row)[:6] for row in rows.values()] == [
        ("x", "Input", 3, "", 0, ()),
        ("twice", "Dense", 3, "tanh", 12, ("x",)),
        ("dropout_1", "Dropout", 3, "", 0, ("twice",)),
        ("twice:2", "Dense", 3, "tanh", 0, ("dropout_1",)),
    ]
    joined = two_towers().summary()[4]
    assert (joined.kind, joined.connections) == ("Add", ("dense_1", "dense_2"))


@pytest.mark.parametrize("make", NETWORKS)
def test_the_parameters_of_the_summary_add_up(make):
    network = make()
    assert sum(row.parameters for row in network.summary()) == network.parameter_count
    assert sum(value.size for value in values(network)) == network.parameter_count


# -------------------------------------------------------------------------------------- errors


def unlisted_input():
    return Network(Input(2), Dense(1)(Input(2)))


def unused_input():
    x = Input(2)
    return Network([x, Input(3, "unused")], Dense(1)(x))


def the_same_input_twice():
    x = Input(2)
    return Network([x, x], Dense(1)(x))


def two_layers_of_one_name():
    return Network.sequential([Dense(2, name="a"), Dense(2, name="a")], 2)


def shared_between_widths():
    x, layer = Input(3), Dense(2)
    return Network(x, layer(layer(x)))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (unlisted_input, ValueError, r"depends on Input\(2\), which is not among the inputs"),
        (unused_input, ValueError, r"does not depend on the input Input\(3, 'unused'\)"),
        (the_same_input_twice, ValueError, "one of them is there twice"),
        (two_layers_of_one_name, ValueError, "2 layers are called 'a'; names must be unique"),
        (shared_between_widths, ValueError, r"'dense_1' cannot share .*\(2, 3\).*\(2, 2\)"),
        (lambda: Network([], Dense(1)(Input(2))), ValueError, "one Input at least"),
        (lambda: Network(3, Dense(1)(Input(2))), TypeError, "inputs must be an Input.*not int"),
        (lambda: Network(Input(2), Dense(1)), TypeError, "output must be one symbol.* not Dense"),
        (lambda: Network(Input(2), Input(2)), ValueError, "output must come from a layer"),
        (lambda: Network.mlp([3]), ValueError, r"columns must name inputs and outputs.*\[3\]"),
        (lambda: Network.mlp([3, 0, 1]), ValueError, r"columns\[1\] must be at least 1, got 0"),
        (lambda: Network.mlp([3, 1.5]), TypeError, r"columns\[1\] must be an integer"),
        (lambda: Network.mlp(3), TypeError, "columns must be a list of integers, not int"),
        (lambda: Network.mlp([3, 1], "rellu"), ValueError, "did you mean 'relu'"),
        (lambda: Network.sequential([], 2), ValueError, "one layer at least"),
        (lambda: Network.sequential([Dense(1)]), ValueError, "input_columns must be given"),
        (lambda: Network.sequential([Input(2), Dense(1)], 3), ValueError, "input_columns is 3"),
        (lambda: Network.sequential([Dense(1), Input(1)], 3), TypeError, "Input only as the first"),
        (lambda: Network.sequential([Dense(1), "relu"], 3), TypeError, "hold layers.*'relu'"),
        (lambda: Network.sequential(Dense(1), 3), TypeError, "layers must be a list.*not Dense"),
        (lambda: Network.sequential([Add()], 3), ValueError, "Add takes two inputs at least"),
    ],
)
def test_what_makes_no_network_is_an_error(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_sequential_takes_its_input_from_either_place():
    for network in (
        Network.sequential([Input(4, "pixels"), Dense(2)]),
        Network.sequential([Input(4), Dense(2)], 4),
        Network.sequential([Dense(2)], 4),
    ):
        assert network.input_columns == (4,)
