"""Outputs with dropout: drawn as asked for, the same for a seed, of every form of model."""

import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import config
from fastmlp import graph as g

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 5))


def network(dtype="float32", rate=0.4):
    layers = [fm.Dense(16, "relu"), fm.Dropout(rate), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=5, seed=0, dtype=dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_samples_are_runs_of_the_graph_with_dropout_at_their_seeds(dtype):
    model = network(dtype)
    y = model.predict(X, training=True, samples=4, seed=7)
    assert (y.shape, y.dtype) == ((4, 40, 3), model.dtype)
    node, _ = model.network.forward(training=True)
    seeds = np.random.SeedSequence(7).generate_state(4, np.uint64).tolist()
    for sample, seed in zip(y, seeds, strict=True):
        expected = g.run(node, {model.network.input_nodes[0]: X}, seed=seed, dtype=dtype)
        np.testing.assert_allclose(sample, expected, rtol=2e-5, atol=1e-6)
    assert len({sample.tobytes() for sample in y}) == 4


def test_one_draw_is_the_first_sample_and_more_samples_do_not_change_it():
    model = network()
    many = model.predict(X, training=True, samples=5, seed=1)
    np.testing.assert_array_equal(model.predict(X, training=True, seed=1), many[0])
    np.testing.assert_array_equal(model.predict(X, training=True, samples=2, seed=1), many[:2])
    np.testing.assert_array_equal(model(X, training=True).shape, (40, 3))


def test_without_a_seed_calls_draw_anew_from_the_seed_of_the_model():
    model, twin = network(), network()
    draws = [model(X, training=True) for _ in range(3)]
    assert len({draw.tobytes() for draw in draws}) == 3
    for draw in draws:
        np.testing.assert_array_equal(twin(X, training=True), draw)
    for other in (model.copy(), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other(X, training=True), draws[0])
    twin.fit(X, X[:, :3] ** 2 / (X[:, :3] ** 2).sum(1, keepdims=True), epochs=1, seed=0)
    weights = model.get_weights()
    twin.set_weights(weights)
    assert not any(np.array_equal(twin(X, training=True), draw) for draw in draws)
    model.seed = None
    assert not np.array_equal(model(X, training=True), model(X, training=True))


def test_the_mean_of_many_samples_of_a_linear_output_is_the_prediction():
    layers = [fm.Dense(64, "relu"), fm.Dropout(0.2), fm.Dense(1)]
    model = fm.Sequential(layers, input_columns=5, seed=0, dtype="float64")
    y = model.predict(X, training=True, samples=4000)
    error = y.mean(axis=0) - model.predict(X)
    assert np.all(np.abs(error) < 6 * y.std(axis=0) / 4000**0.5)


def test_results_go_where_they_are_asked_for():
    model = network()
    out = np.empty((3, 40, 3), np.float32)
    assert model.predict(X, out, training=True, samples=3, seed=2) is out
    np.testing.assert_array_equal(out, model.predict(X, training=True, samples=3, seed=2))
    one = np.empty((40, 3), np.float32)
    assert model.predict(X, one, training=True, seed=2) is one
    np.testing.assert_array_equal(one, out[0])
    with pytest.raises(ValueError, match=r"out must have shape \(3, 40, 3\), got \(40, 3\)"):
        model.predict(X, one, training=True, samples=3)
    square = np.zeros((1, 5, 5), np.float32)
    wide = fm.Sequential([fm.Dropout(0.5), fm.Dense(5)], input_columns=5, seed=0)
    with pytest.raises(ValueError, match="shares memory"):
        wide.predict(square[0], square, training=True, samples=1)


def test_several_inputs_and_outputs_share_the_random_numbers_of_a_sample():
    a, b = fm.Input(5, "a"), fm.Input(2, "b")
    h = fm.Dropout(0.5)(fm.Dense(8, "tanh")(fm.concat([a, b])))
    twice = fm.Dense(2)(h)
    model = fm.Model(
        [a, b], {"y": twice, "same": fm.Dropout(0)(twice), "z": fm.Dense(1)(h)}, seed=0
    )
    data = {"a": X, "b": X[:, :2]}
    y = model.predict(data, training=True, samples=3, seed=5)
    assert {name: part.shape for name, part in y.items()} == {
        "y": (3, 40, 2),
        "same": (3, 40, 2),
        "z": (3, 40, 1),
    }
    np.testing.assert_array_equal(y["y"], y["same"])
    one = model([X, X[:, :2]], training=True)
    assert one["same"].shape == (40, 2)


def test_sparse_rows_are_as_dense_ones():
    sparse = pytest.importorskip("scipy.sparse")
    model = network("float64")
    rows = np.where(X > 0.5, X, 0)
    how = {"training": True, "samples": 2, "seed": 3}
    dense, listed = model.predict(rows, **how), model.predict(sparse.csr_array(rows), **how)
    np.testing.assert_allclose(listed, dense, rtol=1e-12)


def test_bits_do_not_depend_on_the_number_of_threads():
    layers = [fm.Dense(256, "relu"), fm.Dropout(0.3), fm.Dense(64, "tanh"), fm.Dense(3)]
    model = fm.Sequential(layers, input_columns=5, seed=0)
    rows = RNG.normal(size=(3000, 5)).astype("float32")
    before, results = config.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            config.set_num_threads(threads)
            results.append(model.predict(rows, training=True, samples=2, seed=0))
    finally:
        config.set_num_threads(before)
    assert len({y.tobytes() for y in results}) == 1


def test_settings_and_weights_of_now_count():
    model = network()
    with_dropout = model.predict(X, training=True, seed=0)
    model.layers[1].rate = 0.0
    np.testing.assert_array_equal(model.predict(X, training=True, seed=0), model.predict(X))
    assert not np.array_equal(with_dropout, model.predict(X))
    model.parameters.flat[:] = 0
    np.testing.assert_allclose(model.predict(X, training=True), 1 / 3, rtol=1e-6)


def test_a_rate_on_a_schedule_is_that_of_the_next_step_of_fit():
    model = network(rate=fm.schedules.StepDecay(0.5, every=4, factor=1e-9))
    assert not np.array_equal(model.predict(X, training=True), model.predict(X))
    model.fit(X, np.arange(40) % 3, epochs=1, batch_size=10)
    np.testing.assert_allclose(model.predict(X, training=True), model.predict(X), rtol=1e-5)


def test_a_model_is_built_by_the_rows_it_predicts():
    model = fm.Sequential([fm.Dropout(0.5), fm.Dense(2)], seed=0)
    assert model.predict(X, training=True, samples=2).shape == (2, 40, 2)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ({"samples": 3}, ValueError, "samples: .* set training=True"),
        ({"seed": 3}, ValueError, "seed: .* set training=True"),
        ({"training": True, "samples": 0}, ValueError, "samples"),
        ({"training": True, "samples": 2.5}, TypeError, "samples"),
        ({"training": True, "seed": -1}, ValueError, "seed"),
        ({"training": 1}, TypeError, "training must be True or False, got 1"),
        ({"training": None}, TypeError, "training must be True or False, got None"),
    ],
)
def test_wrong_arguments_are_named(how, error, words):
    with pytest.raises(error, match=words):
        network().predict(X, **how)
    with pytest.raises(ValueError, match=r"X must have shape \(rows, 5\)"):
        network().predict(X[:, :4], training=True)
