"""The penalty λ₁ Σ|w| of a layer, alone and beside l2."""

import copy
import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import losses

RNG = np.random.default_rng(11)
X, T = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 2))


def model(l1, l2=None, **settings):
    layers = [fm.Dense(3, "tanh", l1=l1, l2=l2, **settings), fm.Dense(2)]
    return fm.Sequential(layers, input_columns=4, seed=0, dtype="float64")


def test_the_penalty_is_the_sum_of_sizes_and_its_gradient_the_sign():
    W = np.array([[1.5, -2.0, 0.0], [0.25, -0.0, 3.0]])
    for run in (g.reference.evaluate, lambda nodes, feeds: g.run(nodes, feeds, "float64")):
        node = g.parameter(W, "W")
        J = losses.l1_penalty([node], 0.5)
        value, slope = run([J, g.gradient(J, node)], {})
        assert value.item() == 0.5 * np.abs(W).sum()
        np.testing.assert_array_equal(slope, 0.5 * np.sign(W))


@pytest.mark.parametrize("l2", [None, 0.0, 0.2])
def test_a_layer_with_l1_is_penalised_in_fit_and_evaluate_its_biases_are_not(l2):
    plain, with_l1 = model(0.0, l2), model(0.3, l2)
    plain.layers[0].biases = with_l1.layers[0].biases = [1.0, 2.0, 3.0]
    difference = with_l1.evaluate(X, T)["loss"] - plain.evaluate(X, T)["loss"]
    assert difference == pytest.approx(0.3 * np.abs(plain.layers[0].weights).sum())
    still = {"optimizer": fm.SGD(1e-300), "epochs": 1, "batch_size": None, "l2": 0.1}
    first = with_l1.fit(X, T, **still)["loss"][0]
    assert first == pytest.approx(with_l1.evaluate(X, T)["loss"], rel=1e-13)


def test_a_step_moves_weights_by_the_sign_more_than_without():
    plain, with_l1 = model(0.0), model(0.3)
    before = plain.layers[0].weights.copy()
    for each in (plain, with_l1):
        each.fit(X, T, optimizer=fm.SGD(0.1), epochs=1, batch_size=None)
    moved = with_l1.layers[0].weights - plain.layers[0].weights
    np.testing.assert_allclose(moved, -0.1 * 0.3 * np.sign(before), atol=1e-15)
    np.testing.assert_array_equal(with_l1.layers[1].weights, plain.layers[1].weights)


def test_features_without_a_say_lose_their_weights():
    inputs = RNG.normal(size=(200, 6))
    lasso = fm.Sequential([fm.Dense(1, l1=0.05)], input_columns=6, seed=0)
    lasso.fit(inputs, 2 * inputs[:, 0], optimizer=fm.SGD(0.01), epochs=100)
    weights = lasso.layers[0].weights[0]
    assert abs(weights[0] - 1.95) < 0.03
    assert np.abs(weights[1:]).max() < 0.005


def test_l1_is_copied_saved_and_shown(tmp_path):
    saved = model(0.25, 0.5)
    saved.save(tmp_path / "model.safetensors")
    for other in (
        fm.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(saved)),
        copy.deepcopy(saved),
        saved.copy(),
    ):
        assert other.layers[0].l1 == 0.25
        assert other.evaluate(X, T) == saved.evaluate(X, T)
    assert "l2=0.5, l1=0.25" in repr(saved.layers[0])
    assert "l1" not in fm.Dense(3).settings()


def test_l1_may_be_assigned_after_a_fit():
    changed = model(0.0)
    changed.fit(X, T, epochs=1)
    before = changed.evaluate(X, T)["loss"]
    changed.layers[0].l1 = 1.0
    size = np.abs(changed.layers[0].weights).sum()
    assert changed.evaluate(X, T)["loss"] == pytest.approx(before + size)


@pytest.mark.parametrize(
    ("l1", "error"), [(-1, ValueError), (np.nan, ValueError), ("a", TypeError)]
)
def test_an_l1_that_is_none_is_an_error(l1, error):
    with pytest.raises(error, match="l1 must be a"):
        fm.Dense(3, l1=l1)
    with pytest.raises(error, match="l1 must be a"):
        losses.l1_penalty([g.parameter([[1.0]], "W")], l1)


# ----------------------------------------------------------------------- the l1 of a whole fit

STILL = {"optimizer": fm.SGD(1e-300), "epochs": 1, "batch_size": None}


def size(*layers):
    return sum(np.abs(layer.weights).sum() for layer in layers)


@pytest.mark.parametrize("l2", [0.0, 0.2])
def test_the_l1_of_a_fit_is_that_of_layers_without_their_own(l2):
    for own, expected in ((None, [0, 1]), (0.0, [1])):
        each = model(own)
        each.layers[0].biases = [1.0, 2.0, 3.0]
        without = each.evaluate(X, T, l2=l2)["loss"]
        penalty = 0.3 * size(*(each.layers[i] for i in expected))
        history = each.fit(X, T, l1=0.3, l2=l2, validation_data=(X, T), **STILL)
        assert history["loss"][0] == pytest.approx(without + penalty, rel=1e-13)
        assert history["val_loss"] == pytest.approx(history["loss"], rel=1e-13)
        assert each.evaluate(X, T)["loss"] == history["val_loss"][0]  # that of the fit
        assert each.evaluate(X, T, l1=0.0)["loss"] == pytest.approx(without, rel=1e-13)
        assert each.evaluate(X, T, l1=0.6)["loss"] == pytest.approx(without + 2 * penalty)


def test_steps_by_hand_have_the_l1_of_the_trainer():
    plain, with_l1 = model(None), model(None)
    before = [layer.weights.copy() for layer in plain.layers]
    losses_ = [
        each.trainer(optimizer=fm.SGD(0.1), l1=l1).step(X, T)
        for each, l1 in ((plain, 0.0), (with_l1, 0.3))
    ]
    assert losses_[1] - losses_[0] == pytest.approx(0.3 * sum(np.abs(W).sum() for W in before))
    for a, b, W in zip(plain.layers, with_l1.layers, before, strict=True):
        np.testing.assert_allclose(b.weights - a.weights, -0.03 * np.sign(W), atol=1e-15)
    fitted = model(None)
    fitted.fit(X, T, optimizer=fm.SGD(0.1), l1=0.3, epochs=1, batch_size=None, shuffle=False)
    np.testing.assert_array_equal(fitted.parameters.flat, with_l1.parameters.flat)


def test_scales_biases_and_slopes_are_not_penalised():
    layers = [fm.Dense(3), fm.BatchNorm(), fm.PReLU(), fm.Dense(2)]
    each = fm.Sequential(layers, input_columns=4, seed=0, dtype="float64")
    penalty = 0.5 * size(each.layers[0], each.layers[-1])
    with_l1 = each.evaluate(X, T, l1=0.5)["loss"]
    assert with_l1 - each.evaluate(X, T)["loss"] == pytest.approx(penalty)


def test_weights_of_embedded_numbers_are_penalised():
    layers = [fm.NumericEmbedding(3), fm.Dense(2)]
    each = fm.Sequential(layers, input_columns=4, seed=0, dtype="float64")
    nodes = [node for node, role in each.network.parameter_roles.items() if role == "weight"]
    penalty = 0.5 * sum(np.abs(node.value).sum() for node in nodes)
    with_l1 = each.evaluate(X, T, l1=0.5)["loss"]
    assert len(nodes) == 2
    assert with_l1 - each.evaluate(X, T)["loss"] == pytest.approx(penalty)


def test_several_outputs_are_penalised_once():
    x = fm.Input(4)
    h = fm.Dense(3, "tanh")(x)
    outputs = {"a": fm.Dense(2)(h), "b": fm.Dense(2)(h)}
    each = fm.Model(x, outputs, seed=0, dtype="float64")
    t = {"a": T, "b": T}
    plain = each.evaluate(X, t)["loss"]
    weights = {"a": np.ones(9), "b": np.ones(9)}
    for how in ({}, {"sample_weight": weights}):
        loss = each.fit(X, t, l1=0.3, **STILL, **how)["loss"][0]
        assert loss == pytest.approx(plain + 0.3 * size(*each.layers))


def test_the_l1_of_a_fit_is_saved_with_its_loss(tmp_path):
    path = tmp_path / "model.safetensors"
    for l1, saved in ((0.3, True), (0.0, False)):
        each = model(None)
        each.fit(X, T, l1=l1, l2=0.1, **STILL)
        each.save(path)
        assert (b'\\"l1\\"' in path.read_bytes()) == saved  # else older versions read it
        for other in (fm.load(path), pickle.loads(pickle.dumps(each)), each.copy()):
            assert other.evaluate(X, T) == each.evaluate(X, T)


@pytest.mark.parametrize(
    ("l1", "error"), [(-1, ValueError), (np.nan, ValueError), ("a", TypeError)]
)
def test_an_l1_of_a_fit_that_is_none_is_an_error(l1, error):
    each = model(None)
    before = each.parameters.flat.copy()
    for call in (
        lambda: each.fit(X, T, l1=l1),
        lambda: each.evaluate(X, T, l1=l1),
        lambda: each.trainer(l1=l1),
        lambda: each.network.penalty(0.0, l1),
    ):
        with pytest.raises(error, match="l1 must be a"):
            call()
    np.testing.assert_array_equal(each.parameters.flat, before)
