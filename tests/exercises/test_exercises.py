"""The exercises' checks: right answers pass, and each wrong one gets the hint it needs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import exercises
from fastmlp import graph as g

AND, OR = ([1, 1], -1.5), ([1, 1], -0.5)


def thresholds(first, second, output, bias=-0.5):
    net = fm.MLP([2, 2, 1], activation="threshold", output="threshold")
    (w1, b1), (w2, b2) = first, second
    net.set_weights([[w1, w2], [b1, b2], [output], [bias]])
    return net


def is_right(verdict):
    assert verdict.right, verdict
    assert bool(verdict)
    assert repr(verdict).startswith("right: ")


def says(verdict, *words):
    assert not verdict, verdict
    assert repr(verdict).startswith("not yet: ")
    for word in words:
        assert word in verdict.says


# ------------------------------------------------------------------------------------- XOR


@pytest.mark.parametrize(
    "net",
    [
        lambda: thresholds(OR, AND, [1, -1]),
        lambda: thresholds(AND, OR, [-2, 1]),
        lambda: thresholds(([1, -1], -0.5), ([-1, 1], -0.5), [1, 1]),
    ],
)
def test_every_network_that_computes_xor_is_right(net):
    is_right(exercises.xor(net()))


def test_xor_that_was_learned_is_right_and_hardly_learned_is_not_sure():
    X, t = [[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0]
    net = fm.MLP([2, 4, 1], activation="tanh", output="logistic", seed=1)
    net.fit(X, t, epochs=30, batch_size=None, optimizer=fm.Adam(0.05))
    says(exercises.xor(net), "neither 0 nor 1", "make it surer")
    net.fit(X, t, epochs=2000, batch_size=None, optimizer=fm.Adam(0.05))
    is_right(exercises.xor(net))


@pytest.mark.parametrize(
    ("net", "hint"),
    [
        (lambda: thresholds(OR, AND, [1, 1]), "this is OR"),
        (lambda: thresholds(OR, AND, [0, 1]), "this is AND"),
        (lambda: thresholds(OR, AND, [0, -1], 0.5), "this is NAND"),
        (lambda: thresholds(OR, AND, [-1, 0], 0.5), "this is NOR"),
        (lambda: thresholds(OR, AND, [-1, 1], 0.5), "change all signs"),
        (lambda: thresholds(OR, AND, [1, -1], -5), "never on"),
        (lambda: thresholds(OR, AND, [1, -1], 5), "always on"),
        (lambda: thresholds(([1, 0], -0.5), AND, [1, 0]), "this is x₁"),
        (lambda: thresholds(([0, 1], -0.5), AND, [1, 0]), "this is x₂"),
        (lambda: thresholds(([1, 1], 0), AND, [1, 1]), "unit 1 of dense_1 has z = 0 exactly"),
        (lambda: thresholds(OR, AND, [1, -1], -1), "unit 1 of dense_2 has z = 0 exactly"),
        (
            lambda: thresholds(([1, -1], -0.5), ([-1, 1], -0.5), [1, -1]),
            "at (0, 1) it answers 0 instead of 1; the hidden units say (0, 1)",
        ),
        (lambda: fm.MLP([2, 1], output="threshold", seed=0), "takes a hidden layer"),
        (lambda: fm.MLP([3, 2, 1]), "2 inputs and 1 output, the network 3 and 1"),
        (lambda: fm.MLP([2, 2, 2]), "the network 2 and 2"),
    ],
)
def test_a_wrong_xor_is_told_what_it_is(net, hint):
    says(exercises.xor(net()), hint)


def test_xor_takes_models_of_any_shape():
    x = fm.Input(2)
    both = fm.Dense(1, "threshold")(x)
    net = fm.Model(x, fm.Dense(1, "threshold")(fm.concat([x, both])))
    net.set_weights([[[1, 1]], [-1.5], [[1, 1, -2]], [-0.5]])
    is_right(exercises.xor(net))
    net.set_weights([[[1, 1]], [-1.5], [[1, 1, 2]], [-0.5]])
    says(exercises.xor(net), "this is OR")
    with pytest.raises(TypeError, match=r"expected a model such as fm.MLP.*, got list"):
        exercises.xor([1, 2])


# ---------------------------------------------------------------------------- steepness


@pytest.mark.parametrize(("k", "right"), [(45.95, False), (45.96, True), (1e9, True), (10, False)])
def test_the_least_k_is_ten_times_the_logarithm_of_99(k, right):
    assert exercises.steepness(k).right == right
    assert exercises.steepness(k / 2, margin=0.2).right == right


def test_wrong_k_are_told_why():
    says(exercises.steepness(-50), "falls from 1 to 0")
    says(exercises.steepness(0), "½ everywhere")
    says(exercises.steepness(1), "at x = 0.1", "0.525")
    says(exercises.steepness(45.95), "is 0.989999, which is 0.010001 from")
    with pytest.raises(TypeError, match="k must be a number"):
        exercises.steepness("steep")
    with pytest.raises(ValueError, match="error must be"):
        exercises.steepness(1, error=0.6)


# ----------------------------------------------------------------------------- messages


def sigma(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("operation", "derive", "columns"),
    [
        (g.tanh, lambda v, z: v * (1 - np.tanh(z) ** 2), 1),
        (g.logistic, lambda v, z: v * sigma(z) * (1 - sigma(z)), 3),
        (lambda z: z**2, lambda v, z: v * 2 * z, 2),
        (g.sqrt, lambda v, z: v / (2 * np.sqrt(z)), 2),  # of positive numbers alone
        (lambda z: g.sum(z**2, axis=1), lambda v, z: v * 2 * z, 3),
        (g.softmax, lambda v, z: softmax(z) * (v - (v * softmax(z)).sum(1, keepdims=True)), 4),
    ],
)
def test_right_messages_are_right(operation, derive, columns):
    is_right(exercises.message(operation, derive, columns=columns))


@pytest.mark.parametrize(
    ("derive", "hint"),
    [
        (lambda v, z: 1 - np.tanh(z) ** 2, "does not depend on v̄"),
        (lambda v, z: -v * (1 - np.tanh(z) ** 2), "the sign is wrong"),
        (lambda v, z: 2 * v * (1 - np.tanh(z) ** 2), "it is 2 times what it should be"),
        (lambda v, z: v * np.tanh(z), "f itself where its derivative belongs"),
        (lambda v, z: v * (1 - np.tanh(np.tanh(z)) ** 2), "taken at v = f(z) instead of z"),
        (lambda v, z: v * (1 - z**2), "the answer is"),
        (lambda v, z: 0 * v, "0 everywhere"),
        (lambda v, z: v[:3], "has the shape (3, 1)"),
        (lambda v, z: v / 0.0 * np.ones_like(z), "not a finite number"),
        (lambda v, z: "tanh", "an array of numbers, got str"),
        (lambda v, z: None, "got NoneType; is a return missing?"),
        (lambda v, z: v, "this is v̄ itself, without its factor"),
    ],
)
def test_a_wrong_message_is_told_what_is_wrong(derive, hint):
    with np.errstate(all="ignore"):
        says(exercises.message(g.tanh, derive), hint)


def test_a_message_of_rows_that_forgets_the_others_is_told_so():
    diagonal = lambda v, z: v * softmax(z) * (1 - softmax(z))  # noqa: E731
    says(exercises.message(g.softmax, diagonal, columns=3), "changes by")
    both = lambda z: g.exp(z) * g.sum(z, axis=1)  # noqa: E731
    says(exercises.message(both, lambda v, z: v + z, columns=2), "at z")
    ones = exercises.message(
        lambda z: z @ g.constant(np.ones((2, 2))), lambda v, z: 2 * v, columns=2
    )
    says(ones, "each vₖ depends on every zⱼ")


def test_what_is_said_of_a_point_is_true():
    verdict = exercises.message(g.tanh, lambda v, z: v * (1 - z**2))
    words = verdict.says.replace("−", "-").replace("(", " ").replace(")", " ").replace(",", " ")
    z, v_bar, answer, slope = (
        float(word) for word in words.split() if word.lstrip("-")[:1].isdigit()
    )
    assert answer == pytest.approx(v_bar * (1 - z**2), rel=1e-2)
    assert slope == pytest.approx(v_bar * (1 - np.tanh(z) ** 2), rel=1e-2)


def test_numbers_that_differ_are_told_with_the_digits_in_which_they_do():
    says = exercises.message(lambda z: z**2, lambda v, z: v * 2 * z + 1e-3).says
    told, slope = re.search(r"the answer is (\S+), but v̄·v changes by (\S+)", says).groups()
    assert told != slope


def test_messages_need_functions():
    with pytest.raises(TypeError, match="derive must be a function"):
        exercises.message(g.tanh, 1.0)
    with pytest.raises(TypeError, match="operation must return a graph node, not int"):
        exercises.message(lambda z: 3, lambda v, z: v)


# ------------------------------------------------------------------------------ signals


@pytest.fixture
def unit():
    x, t = g.input(1, "x", rows=1), g.input(1, "t", rows=1)
    w, b = g.parameter(0.5, "w"), g.parameter(-0.2, "b")
    z = (w * x + b).named("z")
    y = g.logistic(z).named("y")
    R = (0.5 * w**2).named("R")
    J = (0.5 * (y - t) ** 2 + 0.1 * R).named("J")
    return {"x": x, "t": t, "w": w, "b": b, "z": z, "y": y, "R": R, "J": J}


def answer(n, **other):
    y_bar = n["y"] - n["t"]
    z_bar = y_bar * n["y"] * (1 - n["y"])
    right = {"y": y_bar, "z": z_bar, "w": z_bar * n["x"] + 0.1 * n["w"], "b": z_bar}
    return {n[name]: v for name, v in (right | other).items()}


def asked(n, **other):
    return exercises.signals(n["J"], {n["x"]: 2.0, n["t"]: 1.0}, answer(n, **other))


def test_right_signals_are_right_as_formulas_and_as_numbers(unit):
    is_right(asked(unit))
    feeds = {unit["x"]: 2.0, unit["t"]: 1.0}
    numbers = g.run(list(answer(unit).values()), feeds, dtype="float64")
    is_right(asked(unit, **dict(zip("yzwb", numbers, strict=True))))
    is_right(asked(unit, b=numbers[3].item(), J=1.0))


@pytest.mark.parametrize(
    ("other", "hint"),
    [
        (lambda n: {"y": n["t"] - n["y"]}, "ȳ: the sign is wrong"),
        (lambda n: {"z": n["y"] - n["t"]}, "ȳ right; z̄: this is ȳ itself; what y sends to z"),
        (lambda n: {"J": 1.0, "R": 1.0}, "times ∂(0.1·R)/∂R"),
        (
            lambda n: {"w": answer(n)[n["z"]] * n["x"]},
            "w² and w·x send messages, and they are added: this is only that of w·x",
        ),
        (lambda n: {"w": 0.1 * n["w"]}, "this is only that of w²"),
        (lambda n: {"y": 2 * (n["y"] - n["t"])}, "it is 2 times"),
        (lambda n: {"y": 0.0}, "it is 0"),
        (lambda n: {"b": 17.3}, "b̄: got 17.3, expected"),
        (lambda n: {"b": [[1.0, 2.0]]}, "the shape of its value, (1, 1), got (1, 2)"),
        (lambda n: {"b": [[1.0], [2.0]]}, "add up what all rows send"),
    ],
)
def test_the_first_wrong_signal_is_told(unit, other, hint):
    says(asked(unit, **other(unit)), hint)


def test_a_transposed_signal_of_a_matrix_is_told_so():
    rng = np.random.default_rng(0)
    x, W = g.input(3, "x"), g.parameter(rng.normal(size=(2, 3)), "W")
    L = g.sum(g.matmul(x, W, transpose_b=True) ** 2)
    X = rng.normal(size=(4, 3))
    W_bar = 2 * (X @ np.asarray(W.value).T).T @ X
    is_right(exercises.signals(L, {x: X}, {W: W_bar}))
    says(exercises.signals(L, {x: X}, {W: W_bar.T}), "transposed")
    says(exercises.signals(L, {x: X}, {W: W_bar / 4}), "0.25 times")


def test_signals_are_of_nodes_of_the_loss(unit):
    with pytest.raises(ValueError, match="q is not a node that the loss is computed from"):
        exercises.signals(unit["J"], {unit["x"]: 1.0, unit["t"]: 1.0}, {g.parameter(1.0, "q"): 1.0})
    with pytest.raises(ValueError, match="a signal at least"):
        exercises.signals(unit["J"], {}, {})
    with pytest.raises(TypeError, match="expected a graph node, got float"):
        exercises.signals(1.0, {}, {})
    with pytest.raises(ValueError, match=r"loss must have the shape \(1, 1\)"):
        exercises.signals(g.input(2, "x"), {}, {})


# ---------------------------------------------------------------------------- overfitting


def trained(sizes, epochs=3000, rate=0.01, points=None, **settings):
    model = fm.MLP(sizes, activation="tanh", seed=0)
    points = exercises.noisy_sine() if points is None else points
    model.fit(*points, epochs=epochs, batch_size=None, optimizer=fm.Adam(rate), **settings)
    return model


def test_learning_by_heart_is_overfitting_and_a_penalty_cures_it():
    large = trained([1, 100, 100, 1])
    is_right(exercises.overfits(large))
    says(exercises.generalises(large), "still follows the noise", "l2=")
    cured = trained([1, 100, 100, 1], l2=1e-2)
    is_right(exercises.generalises(cured))
    says(exercises.overfits(cured), "not learned the noise")


def test_what_is_too_stiff_or_another_function_is_told_so():
    line = trained([1, 1], 500, 0.05)
    says(exercises.generalises(line), "too stiff")
    says(exercises.overfits(line), "does not even follow the sine")
    says(exercises.generalises(fm.MLP([2, 1])), "1 input and 1 output")
    says(exercises.overfits(fm.MLP([2, 1])), "1 input and 1 output")


def test_points_are_the_same_for_a_seed_and_others_for_another():
    (x, t), (x2, t2), (_, t3) = (exercises.noisy_sine(40, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(x, x2)
    np.testing.assert_array_equal(t, t2)
    assert np.abs(t - t3).max() > 0.1
    assert (t - np.sin(x)).std() == pytest.approx(0.5, abs=0.15)


# ------------------------------------------------------------------------- linear layers


@pytest.fixture(params=["float32", "float64"])
def deep(request):
    model = fm.MLP([3, 3, 3, 3], activation="identity", seed=0, dtype=request.param)
    rng = np.random.default_rng(0)
    model.set_weights([w + 0.3 * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def composed(deep):
    W, b = np.eye(3), np.zeros(3)
    for layer in deep.layers:
        W, b = layer.weights @ W, layer.weights @ b + layer.biases
    return W, b


def test_the_composition_of_linear_layers_is_right(deep):
    is_right(exercises.one_layer(deep, *composed(deep)))


def test_each_slip_with_linear_layers_has_its_hint(deep):
    W, b = composed(deep)
    matrices = [layer.weights for layer in deep.layers]
    biases = [layer.biases for layer in deep.layers]
    says(exercises.one_layer(deep, np.linalg.multi_dot(matrices), b), "in the other order")
    says(exercises.one_layer(deep, W.T, b), "transpose")
    says(exercises.one_layer(deep, sum(matrices), b), "sum of the layers' matrices")
    says(exercises.one_layer(deep, W + 1, b), "another matrix")
    says(exercises.one_layer(deep, W, biases[-1]), "W is right", "go through W⁽³⁾ as well")
    says(exercises.one_layer(deep, W, b - biases[-1]), "W is right; b lacks that of the last layer")
    says(exercises.one_layer(deep, W, sum(biases)), "sum of all biases")
    says(exercises.one_layer(deep, W, b + 1), "set x = 0")
    says(exercises.one_layer(deep, W, b[:2]), "b must have the shape (3,), got (2,)")


def test_linear_layers_are_compared_as_closely_as_their_type_allows(deep):
    W, b = composed(deep)
    exact = deep.dtype == np.float64
    for slip, right in ((1e-11, True), (1e-6, not exact), (1e-2, False)):
        slips = slip * np.abs(W).max()
        verdict = exercises.one_layer(deep, W + slips, b)
        assert verdict.right == right
    large = deep.copy()
    large.layers[-1].weights = 1000 * large.layers[-1].weights
    W, b = composed(large)
    assert exercises.one_layer(large, W + 1e-6 * np.abs(W).max(), b).right == (not exact)


def test_one_linear_layer_is_its_own_composition():
    model = fm.MLP([2, 3], seed=0)
    W, b = model.layers[0].weights, model.layers[0].biases
    is_right(exercises.one_layer(model, W, b))
    says(exercises.one_layer(model, W + 1, b), "another matrix")


def test_shapes_and_kinds_of_linear_networks_are_checked():
    deep = fm.MLP([4, 3, 2], activation="identity", seed=0)
    says(exercises.one_layer(deep, np.ones((4, 2)), [0, 0]), "(2, 4)", "its transpose has it")
    says(exercises.one_layer(deep, np.ones((2, 4)), [0, 0]), "another matrix")
    with pytest.raises(ValueError, match="identity"):
        exercises.one_layer(fm.MLP([4, 3, 2], activation="tanh"), np.ones((2, 4)), [0, 0])
    with pytest.raises(ValueError, match="identity as its last activation, got 'logistic'"):
        exercises.one_layer(fm.MLP([4, 2], output="logistic"), np.ones((2, 4)), [0, 0])
    with pytest.raises(ValueError, match="W must hold finite numbers"):
        exercises.one_layer(deep, np.full((2, 4), np.nan), [0, 0])


def test_an_answer_of_any_form_is_answered(deep):
    W, b = composed(deep)
    says(exercises.one_layer(deep, 0.5, b), "W must have the shape", "got ()")
    says(exercises.one_layer(deep, W, 0.5), "b must have the shape")
    with pytest.raises(ValueError, match="W must hold finite numbers"):
        exercises.one_layer(deep, np.nan, b)


def test_signals_that_are_no_numbers_are_told():
    x, t, w = g.input(1, "x", rows=1), g.input(1, "t", rows=1), g.parameter(0.5, "w")
    y = (w * x).named("y")
    L, example = (0.5 * (y - t) ** 2).named("L"), {x: 2.0, t: 3.0}
    for wrong in ("abc", b"1", {}, [[1], [1, 2]], object(), 1j, slice(2), None):
        says(exercises.signals(L, example, {y: wrong}), "a signal is numbers or a node")
    for wrong in (np.nan, np.inf):
        says(exercises.signals(L, example, {y: wrong}), "it is not a finite number")
    for wrong in ([y], 3, np.ones(2), None, ""):
        with pytest.raises(TypeError, match="given must be a dict of node to signal"):
            exercises.signals(L, example, wrong)


def test_functions_of_other_arguments_are_told():
    with pytest.raises(TypeError, match="derive must take two arrays"):
        exercises.message(g.tanh, lambda z: z)
    with pytest.raises(TypeError, match="operation is called with graph nodes z, and fails"):
        exercises.message(lambda: 0, lambda v_bar, z: z)
    for wrong in ("abc", b"1", {}, slice(2), 1j):
        says(exercises.message(g.tanh, lambda v_bar, z, it=wrong: it), "must be an array of num")


def test_the_page_counts_its_exercises():
    page = (Path(__file__).parents[2] / "docs/lecture/plot_12_exercises.py").read_text("utf-8")
    *sections, last = re.findall(r"^# (.+)\n# -+$", page, flags=re.MULTILINE)
    assert last == "Solutions"
    words = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"]
    assert f"{words[len(sections)]} exercises to do" in page


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ((1.0, 1.0), "does not even follow the sine"),
        ((0.2, 1.0), "not learned the noise"),
        ((0.0, 0.1), "does well on new points, too; was it trained on others?"),
        ((0.0, 9.0), None),
    ],
)
def test_what_overfits_has_learned_the_noise_and_nothing_of_new_points(errors, words, monkeypatch):
    monkeypatch.setattr("fastmlp.exercises.generalising._errors", lambda model: errors)
    verdict = exercises.overfits(fm.MLP([1, 1]))
    is_right(verdict) if words is None else says(verdict, words)
