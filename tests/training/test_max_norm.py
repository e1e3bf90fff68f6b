"""A bound on the norm of the weights into each unit, kept after every step."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import _core
from fastmlp import graph as g
from fastmlp.layers.base import ParameterSpec
from fastmlp.planner import plan_training
from fastmlp.planner.parameters import Parameters

RNG = np.random.default_rng(4)
X, T = RNG.normal(size=(40, 6)), RNG.integers(3, size=40)
HOW = {"batch_size": 10, "shuffle": False}


def network(max_norm=0.6, dtype="float64", **settings):
    layers = [fm.Dense(7, "tanh", max_norm=max_norm, **settings), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=6, seed=0, dtype=dtype)


def norms(model):
    return np.linalg.norm(model.layers[0].weights.astype(float), axis=1)


def projected(W, limit):
    """Srivastava et al. 2014, row by row, each row's squares added in their order in float64."""
    W = W.copy()
    for w in W:
        square = 0.0
        for x in w.astype(np.float64):
            square += x * x
        if square**0.5 > limit:
            w *= W.dtype.type(limit / square**0.5)
    return W


def stepped(limit, dtype, optimizer, steps, average=None):
    """A model trained without a bound, whose weights are projected by NumPy after each step."""
    model = network(None, dtype)
    trainer = model.trainer(optimizer=optimizer)
    for number in range(steps):
        rows = slice(10 * (number % 4), 10 * (number % 4) + 10)
        trainer.step(X[rows], T[rows])
        model.layers[0].weights = projected(model.layers[0].weights, limit)
        w = model.parameters.flat
        if average is not None:
            average = w.copy() if number == 0 else 0.8 * average + (1 - 0.8) * w
    return model, average


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer",
    [fm.SGD(0.5, momentum=0.9), fm.Adam(0.05), fm.AdamW(0.05, clip_norm=0.5, clip_value=0.1)],
    ids=lambda optimizer: type(optimizer).__name__,
)
def test_a_training_is_that_of_numpy_which_projects_after_each_step(dtype, optimizer):
    expected, _ = stepped(0.6, dtype, optimizer, 12)
    model = network(0.6, dtype)
    model.fit(X, T, optimizer=optimizer, epochs=3, **HOW)
    if dtype == "float32":  # squares of float32 are exact in float64
        np.testing.assert_array_equal(model.parameters.flat, expected.parameters.flat)
    np.testing.assert_allclose(model.parameters.flat, expected.parameters.flat, rtol=1e-12)
    assert norms(model).max() <= 0.6 * (1 + 4 * np.finfo(dtype).eps)
    assert (norms(model) > 0.6 * (1 - 1e-6)).any()  # the bound is felt
    by_steps = network(0.6, dtype)
    trainer = by_steps.trainer(optimizer=optimizer)
    for number in range(12):
        rows = slice(10 * (number % 4), 10 * (number % 4) + 10)
        trainer.step(X[rows], T[rows])
    np.testing.assert_array_equal(by_steps.parameters.flat, model.parameters.flat)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_average_is_that_of_weights_within_the_bound(threads):
    optimizer = fm.SGD(0.5, ema=0.8)
    _, average = stepped(0.6, "float64", fm.SGD(0.5), 12, average=np.zeros(0))
    before = _core.get_num_threads()
    _core.set_num_threads(threads)
    try:
        model = network(0.6)
        model.fit(X, T, optimizer=optimizer, epochs=3, **HOW)
    finally:
        _core.set_num_threads(before)
    np.testing.assert_allclose(model.parameters.flat, average, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (300, 40), (257, 33), (17, 2)])
def test_matrices_of_any_shape_are_projected_and_their_neighbours_are_not(dtype, shape):
    found = []
    values = RNG.normal(size=shape) * RNG.choice([0.01, 1.0, 100.0], size=(shape[0], 1))
    for threads in (1, 2, 3):
        W, b = g.parameter(values, "W"), g.parameter(np.full(shape[0], 9.0), "b")
        x = g.input(shape[1], "x")
        parameters = Parameters([W, b], dtype)
        loss = g.sum(g.affine(x, W, b)) * 0.0
        how = fm.SGD(0.1)
        training = plan_training(loss, parameters, how, max_norms={W: 1.5})
        before = _core.get_num_threads()
        _core.set_num_threads(threads)
        try:
            training.run_epochs(
                {x: np.zeros((4, shape[1]), dtype)},
                state=training.new_state(),
                order=None,
                batch_size=4,
                epochs=1,
                step_values=how.step_values(0, 1, how.rates(0, 1)),
                seed=0,
                first_step=0,
            )
        finally:
            _core.set_num_threads(before)
        expected = projected(values.astype(dtype), 1.5)
        np.testing.assert_allclose(parameters.view(W), expected, rtol=4 * np.finfo(dtype).eps)
        np.testing.assert_array_equal(parameters.view(b), np.full((1, shape[0]), 9.0))
        found.append(parameters.flat.copy())
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.mark.parametrize(
    ("size", "limit"), [(1e200, 1.0), (1e200, 1e150), (1e-200, 1e-210), (1e-200, 1e-100)]
)
def test_squares_beyond_the_range_of_float64_do_not_spoil_the_norm(size, limit):
    model = network(limit, use_bias=False)
    model.layers[0].weights = np.full((7, 6), size)
    model.layers[1].weights = np.zeros((3, 7))
    model.fit(X, T, optimizer=fm.SGD(1e-300), epochs=1, batch_size=None)
    expected = min(size, limit / 6**0.5)
    np.testing.assert_allclose(model.layers[0].weights, np.full((7, 6), expected), rtol=1e-12)


def test_initial_weights_beyond_the_bound_are_within_it_after_the_first_step():
    model = network(0.6)
    assert norms(model).max() > 0.6
    model.trainer(optimizer=fm.SGD(1e-12)).step(X, T)
    assert norms(model).max() <= 0.6 * (1 + 1e-15)


def test_weights_of_a_frozen_layer_stay_beyond_the_bound():
    model = network(0.6, trainable=False)
    before = model.layers[0].weights.copy()
    model.fit(X, T, epochs=2)
    np.testing.assert_array_equal(model.layers[0].weights, before)
    model.layers[0].trainable = True
    model.fit(X, T, epochs=1)
    assert norms(model).max() <= 0.6 * (1 + 1e-15)


def test_a_bound_that_is_assigned_takes_effect_in_the_next_fit():
    model = network(None)
    model.fit(X, T, epochs=2)
    assert norms(model).max() > 0.5
    model.layers[0].max_norm = 0.5
    model.fit(X, T, epochs=1)
    assert norms(model).max() <= 0.5 * (1 + 1e-15)
    model.layers[0].max_norm = None
    model.fit(X, T, optimizer=fm.SGD(2.0), epochs=5)
    assert norms(model).max() > 0.5


def test_a_shared_layer_is_bound_once():
    x = fm.Input(6)
    shared = fm.Dense(6, "tanh", max_norm=0.4)
    model = fm.Model(x, fm.Dense(3, "softmax")(shared(shared(x))), seed=0, dtype="float64")
    model.fit(X, T, epochs=3)
    assert np.linalg.norm(shared.weights, axis=1).max() <= 0.4 * (1 + 1e-15)


@pytest.mark.parametrize("shared", [False, "weights", True])
def test_units_of_groups_are_bound_each(shared):
    layer = fm.Dense(4, "tanh", groups=3, shared=shared, max_norm=0.3)
    model = fm.Sequential([layer, fm.Dense(3, "softmax")], input_columns=6, seed=0, dtype="float64")
    model.fit(X, T, optimizer=fm.SGD(0.5), epochs=3)
    sizes = np.linalg.norm(layer.weights, axis=1)
    assert sizes.shape == ((4,) if shared else (12,))
    assert sizes.max() <= 0.3 * (1 + 1e-15)


def test_a_bound_is_copied_saved_and_shown(tmp_path):
    model = network(0.6)
    model.save(tmp_path / "model.safetensors")
    for other in (
        fm.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
        model.copy(),
    ):
        assert other.layers[0].max_norm == 0.6
        other.fit(X, T, epochs=1, seed=0)
        assert norms(other).max() <= 0.6 * (1 + 1e-15)
    assert "max_norm=0.6" in repr(model.layers[0])
    assert "max_norm" not in fm.Dense(3).settings()


@pytest.mark.filterwarnings("ignore::fastmlp.NonFiniteLossWarning")
def test_a_training_that_overflows_keeps_the_last_finite_weights():
    model = network(0.6, "float32")
    history = model.fit(X, 1e30 * X[:, :3], loss="squared_error", optimizer=fm.SGD(1e30), epochs=5)
    assert history.stopped
    assert np.isfinite(model.parameters.flat).all()


def test_lbfgs_refuses_a_bound_unless_its_layer_is_frozen():
    model = network(0.6)
    with pytest.raises(ValueError, match="LBFGS cannot keep the norm of weights at a bound"):
        model.fit(X, T, optimizer=fm.LBFGS(), batch_size=None, epochs=2)
    model.layers[0].trainable = False
    model.fit(X, T, optimizer=fm.LBFGS(), batch_size=None, epochs=2)


@pytest.mark.parametrize(
    ("limit", "error"), [(0, ValueError), (-1, ValueError), (np.inf, ValueError), ("a", TypeError)]
)
def test_a_bound_that_is_none_is_an_error(limit, error):
    with pytest.raises(error, match="max_norm must be a"):
        fm.Dense(3, max_norm=limit)
    with pytest.raises(error, match="max_norm of weights must be a"):
        ParameterSpec("weights", "W", (2, 3), fm.initializers.get("zeros"), max_norm=limit)


INDICES = np.column_stack([np.arange(40) % 7, np.arange(40) % 300])


def tables(max_norm=None, dtype="float64"):
    layers = [fm.Embedding([7, 300], [3, 5], max_norm=max_norm), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=2, seed=0, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_tables_are_kept_at_their_norm(dtype):
    optimizer = fm.AdamW(0.05, ema=0.8)
    expected, model = tables(None, dtype), tables(1.5, dtype)
    trainer, average = expected.trainer(optimizer=fm.AdamW(0.05)), None
    for number in range(6):
        trainer.step(INDICES, T)
        for table in expected.layers[0].weights:
            table[...] = projected(table, 1.5)
        w = expected.parameters.flat
        average = w.copy() if number == 0 else 0.8 * average + (1 - 0.8) * w
    model.fit(INDICES, T, optimizer=optimizer, epochs=6, batch_size=40, shuffle=False)
    rtol = 1e-12 if dtype == "float64" else 1e-5
    np.testing.assert_allclose(model.parameters.flat, average, rtol=rtol, atol=1e-7)
    assert max(np.linalg.norm(w, axis=1).max() for w in model.layers[0].weights) < 1.5001
    assert np.linalg.norm(expected.layers[0].weights[1], axis=1).max() > 1.4999


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_rows_of_large_tables_are_the_same_on_any_number_of_threads(threads):
    def run():
        layers = [fm.Embedding(3001, 9, max_norm=2.0), fm.Dense(3, "softmax")]
        model = fm.Sequential(layers, input_columns=1, seed=0, dtype="float32")
        rows = np.random.default_rng(0).integers(3001, size=3000)
        model.fit(rows, rows % 3, batch_size=1500, epochs=2, seed=0, optimizer=fm.SGD(1.0))
        return model.parameters.flat

    before = _core.get_num_threads()
    try:
        _core.set_num_threads(1)
        expected = run()
        _core.set_num_threads(threads)
        np.testing.assert_array_equal(run(), expected)
    finally:
        _core.set_num_threads(before)


def test_weights_of_numeric_embeddings_are_kept_at_their_norm():
    layers = [fm.NumericEmbedding(4, max_norm=0.3), fm.Dense(3, "softmax")]
    model = fm.Sequential(layers, input_columns=6, seed=0)
    model.fit(X, T, optimizer=fm.Adam(0.05), epochs=5)
    found = norms(model)
    assert found.shape == (24,)
    assert found.max() <= 0.3 * (1 + 1e-6)
    model.layers[0].max_norm = None
    model.fit(X, T, optimizer=fm.Adam(0.05), epochs=5)
    assert norms(model).max() > 0.3


LAYERS = {
    "embedding": lambda **more: fm.Embedding(7, 2, **more),
    "numeric": lambda **more: fm.NumericEmbedding(2, **more),
}


@pytest.mark.parametrize("kind", LAYERS)
def test_bounds_of_embeddings_are_saved_and_checked(kind, tmp_path):
    model = fm.Sequential([LAYERS[kind](max_norm=0.5), fm.Dense(1)], input_columns=1, seed=0)
    model.save(tmp_path / "m.safetensors")
    for twin in (
        fm.load(tmp_path / "m.safetensors"),
        pickle.loads(pickle.dumps(model)),
        model.copy(),
    ):
        assert twin.layers[0].max_norm == 0.5
    assert "max_norm=0.5" in repr(model.layers[0])
    assert "max_norm" not in LAYERS[kind]().settings()
    for wrong, error in ((0, ValueError), (-1, ValueError), ("x", TypeError), (np.nan, ValueError)):
        with pytest.raises(error, match="max_norm must be a"):
            LAYERS[kind](max_norm=wrong)
        with pytest.raises(error, match="max_norm must be a"):
            model.layers[0].max_norm = wrong
    with pytest.raises(ValueError, match="max_norm needs columns"):
        fm.NumericEmbedding(None, "piecewise", edges=[[0, 1]], max_norm=1)


def test_a_bound_of_what_is_no_parameter_is_an_error():
    W = g.parameter([[1.0]], "W")
    other = g.parameter([[1.0]], "V")
    with pytest.raises(ValueError, match=r"max_norms: .* is not among the parameters"):
        plan_training(g.sum(W), Parameters([W]), fm.SGD(), max_norms={other: 1.0})
