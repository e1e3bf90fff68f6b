"""Models over the same layers: one home for their weights, settings and names of each."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import planner
from fastmlp.layers import Layer
from shared_models import DTYPES, Autoencoder, X, Z, fit, same, weights

# ------------------------------------------------------------------------------- the same weights


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_encoder_of_an_autoencoder_follows_it_and_the_other_way_round(dtype):
    a = Autoencoder(dtype)
    encoder = a.encoder()
    assert encoder.parameters is a.model.parameters
    for model in (a.model, encoder, a.model):
        before = encoder.predict(X)
        fit(model)
        code = encoder.predict(X)
        assert not np.array_equal(code, before)
        np.testing.assert_array_equal(code, a.model.activations(X)["dense_2"])
        np.testing.assert_array_equal(a.decoder().predict(code), a.model.predict(X))


def test_a_model_of_no_new_layers_leaves_the_vector_where_it_is():
    a = Autoencoder()
    flat, view = a.model.parameters.flat, a.layers[0].weights
    version = a.model.network.version
    encoder = a.encoder()
    assert encoder.parameters.flat is flat
    assert a.model.network.version == version
    fit(encoder)
    np.testing.assert_array_equal(view, a.layers[0].weights)


def test_a_new_layer_gets_its_place_behind_the_others():
    a = Autoencoder()
    a.model.predict(X)
    before, size = weights(a.model), a.model.parameters.size
    kept = a.model.parameters
    classifier = a.classifier()
    assert a.model.parameters is kept is classifier.parameters
    assert same(weights(a.model), before)
    assert kept.size > size
    np.testing.assert_array_equal(classifier.get_weights()[0], a.layers[0].weights)
    assert classifier.n_parameters == 6 * 5 + 5 + 5 * 2 + 2 + 2 * 3 + 3
    assert a.model.n_parameters == 6 * 5 + 5 + 2 * 5 + 2 + 5 * 2 + 5 + 5 * 6 + 6
    assert str(classifier.n_parameters) in str(classifier.summary()).splitlines()[-1]
    fit(classifier)
    np.testing.assert_array_equal(a.encoder().predict(X), a.model.activations(X)["dense_2"])
    a.layers[0].weights = np.ones((5, 6))
    assert classifier.get_weights()[0].min() == 1 == a.model.get_weights()[0].max()


def test_two_models_and_their_union_have_one_vector():
    first, last = fm.MLP([6, 4, 2], seed=0), fm.MLP([2, 4, 3], output="softmax", seed=1)
    fit(first)
    fit(last)
    first.predict(X)
    held, flat = last.parameters, last.parameters.flat
    expected = last.predict(first.predict(X))
    x = y = fm.Input(6)
    for layer in (*first.layers, *last.layers):
        y = layer(y)
    both = fm.Model(x, y)
    np.testing.assert_array_equal(both.predict(X), expected)
    assert first.parameters is last.parameters is both.parameters
    assert held.flat is both.parameters.flat is not flat  # who held the parameters has the new ones
    fit(both)
    np.testing.assert_array_equal(both.predict(X), last.predict(first.predict(X)))
    x = y = fm.Input(2)
    for layer in (last.layers[0], fm.Dense(1)):
        y = layer(y)
    third = fm.Model(x, y, seed=2)
    assert third.parameters is both.parameters
    expected = weights(third)
    fit(first)
    assert same(weights(third), expected)
    fit(last)
    np.testing.assert_array_equal(third.get_weights()[0], last.get_weights()[0])


def test_parameters_of_models_that_are_gone_are_let_go_when_the_vector_moves():
    a = Autoencoder()
    fit(a.model)
    before, size = weights(a.model), a.model.parameters.size
    kept = fm.Dense(3)  # outlives its model
    expected = None
    for i, layer in enumerate([fm.Dense(3), kept, *(fm.Dense(3) for _ in range(20))]):
        head = fm.Model(a.x, layer(a.values[1]), seed=i, dtype="float64")
        if layer is kept:
            fit(head)
            before, expected = weights(a.model), head.predict(X)
        head.predict(X)
        del head, layer
        gc.collect()
    fresh = fm.Model(a.x, fm.Dense(3)(a.values[1]), seed=99, dtype="float64")
    alike = fresh.parameters.size - size  # of the layer that is kept, and of the new one
    assert 0 < alike < 100
    assert same(weights(a.model), before)
    again = fm.Model(a.x, kept(a.values[1]), dtype="float64")
    np.testing.assert_array_equal(again.predict(X), expected)
    assert again.parameters is a.model.parameters
    fit(a.model)  # whose optimizer goes on in the new layout
    fit(fresh)
    np.testing.assert_array_equal(kept.weights, again.get_weights()[-2])


@pytest.mark.parametrize("planned", [True, False])
def test_a_graph_of_a_model_that_is_gone_keeps_its_values(planned):
    a = Autoencoder()
    head = fm.Model(a.x, fm.Dense(3)(a.values[1]), seed=0, dtype="float64")
    graph, expected, (x,) = head.graph, head.predict(X), head.network.input_nodes
    plan = planner.plan([graph], dtype="float64")
    if planned:
        plan.run({x: X})
    del head
    gc.collect()
    other = fm.Model(a.x, fm.Dense(2)(a.values[1]), seed=0, dtype="float64")
    np.testing.assert_array_equal(plan.run({x: X})[0], expected)
    np.testing.assert_array_equal(fm.graph.run(graph, {x: X}, dtype="float64"), expected)
    before = plan.run({x: X})[0]
    fit(other)  # of which the graph has layers
    assert not np.array_equal(plan.run({x: X})[0], before)


def test_a_union_of_unions_reaches_all():
    chains = [fm.MLP([2, 2, 2], seed=i) for i in range(4)]
    x = fm.Input(2)

    def joined(*models):
        y = x
        for model in models:
            for layer in model.layers:
                y = layer(y)
        return fm.Model(x, y)

    held = [model.parameters for model in chains]
    left, right = joined(*chains[:2]), joined(*chains[2:])
    everything = joined(left, right)
    for model in (*chains, left, right):
        assert model.parameters is everything.parameters
        np.testing.assert_array_equal(everything.parameters.flat, model.parameters.flat)
    assert all(parameters.flat is everything.parameters.flat for parameters in held)
    fit(everything)
    y = Z
    for model in chains:
        y = model.predict(y)
    np.testing.assert_allclose(everything.predict(Z), y, rtol=1e-6)


def test_plans_of_the_user_follow_weights_that_move():
    a = Autoencoder()
    plan = planner.plan([a.model.graph], dtype="float64")
    (x,) = a.model.network.input_nodes
    plan.run({x: X})
    loss = fm.graph.mean(a.model.graph * a.model.graph)
    training = planner.plan_training(loss, a.model.parameters, fm.SGD())
    a.classifier()
    fit(a.model)
    np.testing.assert_array_equal(plan.run({x: X})[0], a.model.predict(X))
    with pytest.raises(ValueError, match=r"the parameters have moved since .*: plan again"):
        training.loss_and_gradient({x: X})
    training = planner.plan_training(loss, a.model.parameters, fm.SGD())
    J, _ = training.loss_and_gradient({x: X})
    np.testing.assert_allclose(J, (a.model.predict(X) ** 2).mean(), rtol=1e-12)


# ----------------------------------------------------------------------------- settings and names


def test_a_setting_reaches_all_models_of_its_layer():
    a = Autoencoder()
    classifier, encoder = a.classifier(), a.encoder()
    for model in (a.model, classifier, encoder):
        model.predict(X)
    a.layers[0].activation = "relu"
    h = np.maximum(X @ a.layers[0].weights.T + a.layers[0].biases, 0)
    code = h @ a.layers[1].weights.T + a.layers[1].biases
    np.testing.assert_allclose(encoder.predict(X), code, rtol=1e-12)
    np.testing.assert_allclose(a.model.activations(X)["dense_2"], code, rtol=1e-12)
    np.testing.assert_allclose(classifier.activations(X)["dense_2"], code, rtol=1e-12)
    with pytest.raises(AttributeError, match=r"units of Dense.* cannot change any more"):
        a.layers[0].units = 3


def test_a_setting_that_one_of_the_models_refuses_changes_none():
    x = fm.Input(4)
    layer = fm.Dense(3)
    plain = fm.Model(x, layer(x), seed=0)

    class Strict(Layer):
        def output_columns(self, input_columns):
            return input_columns[0]

        def apply(self, nodes, parameters, *, training, key):
            if nodes[0].op == "relu":
                raise ValueError("no relu below")
            return nodes[0] + 1.0

    strict = fm.Model(x, Strict()(layer(x)))
    before = [m.predict(X[:, :4]) for m in (plain, strict)]
    versions = [m.network.version for m in (plain, strict)]
    with pytest.raises(ValueError, match="no relu below"):
        layer.activation = "relu"
    assert layer.activation.name == "identity"
    assert [m.network.version for m in (plain, strict)] == versions
    for model, y in zip((plain, strict), before, strict=True):
        np.testing.assert_array_equal(model.predict(X[:, :4]), y)


def test_each_model_has_names_of_its_own():
    a = Autoencoder()
    decoder = a.decoder()
    assert [layer.name for layer in decoder.layers] == ["dense_3", "dense_4"]
    assert decoder.network.parameter_names[0] == "dense_1.weights"
    assert decoder.network.layer("dense_1") is a.layers[2]
    assert list(decoder.activations(Z)) == ["dense_1", "dense_2"]
    fit(decoder, optimizer=fm.Adam(groups={"dense_1": {"learning_rate": 1e-30}}))
    np.testing.assert_array_equal(a.layers[2].weights, Autoencoder().layers[2].weights)


def test_layers_without_parameters_are_shared_too():
    x = fm.Input(6)
    drop = fm.Dropout(0.5)
    one = fm.Model(x, fm.Dense(1)(drop(x)), seed=0)
    other = fm.Model(x, fm.Dense(1)(drop(x)), seed=1)
    assert one.parameters is not other.parameters
    versions = [m.network.version for m in (one, other)]
    drop.rate = 0.1
    assert [m.network.version for m in (one, other)] == [v + 1 for v in versions]


# ---------------------------------------------------------------------------- kinds, copies, files


def test_models_in_a_row_share_too():
    first = fm.MLP([6, 4, 2], seed=0)
    same_layers = fm.Sequential(first.layers, input_columns=6)
    longer = fm.Sequential([*first.layers, fm.Dense(3, "softmax")], seed=1)
    assert same_layers.parameters is first.parameters
    fit(first)
    np.testing.assert_array_equal(same_layers.predict(X), first.predict(X))
    fit_on = {"seed": 0, "epochs": 1, "verbose": 0}
    longer.fit(X, np.arange(40) % 3, **fit_on)  # which builds it
    assert longer.parameters is first.parameters
    np.testing.assert_array_equal(longer.activations(X)["dense_2"], first.predict(X))
    np.testing.assert_array_equal(same_layers.predict(X), first.predict(X))
    again = fm.Sequential([*first.layers, fm.Dense(2)])
    with pytest.raises(ValueError, match="has parameters of the shapes"):
        again.predict(Z)
    assert first.layers[0].owners == [m.network for m in (first, same_layers, longer)]
    again.predict(X)


@pytest.mark.parametrize("build", ["fit", "predict", "build"])
def test_a_model_that_is_built_late_shares_from_then_on(build):
    a = Autoencoder()
    late = fm.Sequential([*a.layers[:2], fm.Dense(6)], seed=0, dtype="float64")
    a.model.predict(X)
    expected = weights(a.model)
    if build == "fit":
        with pytest.raises(ValueError, match="X has 40, t has 39"):
            late.fit(X, X[:39])
        assert a.layers[0].owners == [a.model.network]
        late.fit(X, X, epochs=1, optimizer=fm.SGD(1e-9))
    else:
        late.predict(X) if build == "predict" else late.build(6)
    assert late.parameters is a.model.parameters
    for one, other in zip(weights(a.model), expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    fit(late)
    np.testing.assert_array_equal(a.encoder().predict(X), late.activations(X)["dense_2"])


def test_layers_of_another_type_are_refused():
    a = Autoencoder("float64")
    with pytest.raises(ValueError, match="dtype must be float64, that of a model whose layers"):
        fm.Model(a.x, a.values[2])
    late = fm.Sequential(a.layers[:1])
    with pytest.raises(ValueError, match="dtype must be float64"):
        late.predict(X)
    assert a.layers[0].owners == [a.model.network]
    gc.collect()
    assert a.model.parameters.users == [a.model.network]


COPIES = {
    "copy": fm.Model.copy,
    "copy.copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_has_the_parameters_of_its_own_network_and_shares_nothing(how):
    a = Autoencoder()
    classifier = a.classifier()
    twin = COPIES[how](classifier)
    assert same(weights(twin), weights(classifier))
    assert twin.parameters.size < classifier.parameters.size
    before = weights(a.model)
    fit(twin)
    assert same(weights(a.model), before)
    fit(classifier)
    assert same(weights(twin), weights(classifier))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_models_copied_together_share_what_they_shared_and_no_more(dtype, order):
    a = Autoencoder(dtype)
    models = [a.model, a.encoder(), a.classifier()]
    fit(models[0])
    found = copy.deepcopy([models[i] for i in order])
    twins = dict(zip(order, found, strict=True))
    before = [weights(model) for model in models]
    for i, model in enumerate(models):
        np.testing.assert_array_equal(twins[i].predict(X), model.predict(X))
        assert twins[i].parameters is twins[0].parameters
        assert not set(twins[i].layers) & set(model.layers)
    assert twins[1].layers == twins[0].layers[:2] == twins[2].layers[:2]
    fit(twins[0])
    np.testing.assert_array_equal(twins[0].activations(X)["dense_2"], twins[1].predict(X))
    assert all(map(same, map(weights, models), before))
    given = {"model": a.model, "same": a.model}
    twin = copy.deepcopy(given)
    assert twin["model"] is twin["same"] is not a.model


def test_layers_of_a_sequential_that_is_not_built_stay_shared_in_a_copy():
    layer = fm.Dense(6, "tanh")
    model = fm.Sequential([layer, layer, fm.Dense(1)], seed=0)
    for how in COPIES.values():
        twin = how(model)
        twin.build(6)
        assert len(twin.get_weights()) == 4
        assert twin.layers[0] is not layer


@pytest.mark.parametrize("how", [*COPIES, "file"])
def test_a_layer_that_stands_in_two_places_does_so_in_twins(how, tmp_path):
    x = fm.Input(6)
    layer = fm.Dense(6, "tanh")
    model = fm.Model(x, fm.Dense(1)(fm.concat([layer(x), layer(layer(x))])), seed=0)
    if how == "file":
        model.save(tmp_path / "m.safetensors")
        twin = fm.load(tmp_path / "m.safetensors")
    else:
        twin = COPIES[how](model)
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))
    assert len(twin.get_weights()) == len(model.get_weights()) == 4
    fit(twin)
    fit(model)
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_models_pickled_together_share_what_they_shared(protocol, order):
    a = Autoencoder()
    models = [a.model, a.encoder(), a.classifier()]
    fit(models[0])
    given = [models[i] for i in order]
    found = pickle.loads(pickle.dumps(given, protocol))
    twins = dict(zip(order, found, strict=True))
    for i, model in enumerate(models):
        np.testing.assert_array_equal(twins[i].predict(X), model.predict(X))
        assert twins[i].parameters is twins[0].parameters
        assert twins[i].parameters is not model.parameters
    assert set(twins[1].layers) <= set(twins[0].layers)
    before, untouched = weights(twins[1]), weights(models[1])
    fit(twins[0])
    assert not same(weights(twins[1]), before)
    assert same(weights(models[1]), untouched)


def test_models_pickled_one_by_one_share_nothing():
    a = Autoencoder()
    one, other = (pickle.loads(pickle.dumps(m)) for m in (a.model, a.encoder()))
    before = weights(other)
    fit(one)
    assert same(weights(other), before)


def test_a_file_has_the_parameters_of_one_model(tmp_path):
    a = Autoencoder()
    classifier = a.classifier()
    fit(classifier)
    classifier.save(tmp_path / "classifier")
    loaded = fm.load(tmp_path / "classifier")
    np.testing.assert_array_equal(loaded.predict(X), classifier.predict(X))
    assert loaded.n_parameters == classifier.n_parameters
    assert loaded.parameters.size < classifier.parameters.size


def test_weights_are_set_and_taken_of_one_model():
    a = Autoencoder()
    classifier = a.classifier()
    taken = classifier.get_weights()
    assert len(taken) == 6
    rest = weights(a.model)[4:]
    classifier.set_weights([w + 1 for w in taken])
    assert same(weights(a.model)[:4], [w + 1 for w in taken[:4]])
    assert same(weights(a.model)[4:], rest)


def test_layers_of_an_estimator_are_shared_where_its_arrays_stay():
    estimator = fm.MLPRegressor(
        hidden_layer_sizes=(5, 2), max_iter=3, random_state=0, solver="adam"
    )
    with pytest.warns(UserWarning, match="Maximum iterations"):
        estimator.fit(X, X)
    layers, dtype = estimator.model_.layers, estimator.model_.dtype
    encoder = fm.Sequential(layers[:2], input_columns=6, dtype=dtype)
    np.testing.assert_array_equal(encoder.layers[0].weights.T, estimator.coefs_[0])
    encoder.fit(X, Z, epochs=1)
    np.testing.assert_array_equal(encoder.layers[0].weights.T, estimator.coefs_[0])
    h = estimator.model_.activations(X)["dense_2"]
    np.testing.assert_array_equal(encoder.predict(X), h)
    with pytest.raises(ValueError, match=r"they are of an estimator, whose coefs_.* model_.copy"):
        fm.Sequential([*layers[:2], fm.Dense(1)], input_columns=6, dtype=dtype)
    estimator.partial_fit(X, X)
    h = estimator.model_.activations(X)["dense_2"]
    np.testing.assert_array_equal(encoder.predict(X), h)


# ------------------------------------------------------------------------------ who lives how long


def test_models_do_not_keep_one_another_alive():
    a = Autoencoder()
    classifier = a.classifier()
    decoder = a.decoder()
    fit(a.model)
    fit(classifier)
    code = classifier.activations(X)["dense_2"]
    known = weakref.ref(a.model)
    gc.collect()
    gc.disable()
    try:
        del a.model
        assert known() is None
    finally:
        gc.enable()
    np.testing.assert_array_equal(classifier.activations(X)["dense_2"], code)
    fit(classifier)
    fit(decoder)
    assert a.layers[0].owners == [classifier.network]
    assert a.layers[0].name == "dense_1"
    assert a.layers[2].owners == [decoder.network]
    assert a.layers[2].name == "dense_1"
    a.layers[0].activation = "relu"
    classifier.predict(X)


def test_layers_keep_their_weights_when_their_models_are_gone():
    a = Autoencoder()
    fit(a.model)
    expected = a.model.activations(X)["dense_2"]
    del a.model
    gc.collect()
    np.testing.assert_array_equal(a.encoder().predict(X), expected)
    gc.collect()
    a.layers[0].units = 4  # as long as there is no model, which would need the weights
    x = fm.Input(6)
    other = fm.Model(x, a.layers[0](x), seed=0, dtype="float64")
    assert a.layers[0].weights.shape == (4, 6) == other.get_weights()[0].shape
    assert a.layers[1].weights.shape == (2, 5)
