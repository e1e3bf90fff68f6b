"""Normalization: what it computes, learns and remembers, and that it is said to whoever asks."""

import pickle

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.planner import plan

RNG = np.random.default_rng(11)
X = RNG.normal(size=(70, 6)) * [1, 2, 3, 0.5, 1, 1] + [0, 5, -3, 0, 1, 0]
T = np.tanh(X[:, :1]) + 0.1 * X[:, 1:2]
MAKE = {
    "LayerNorm": lambda **k: fm.LayerNorm(**k),
    "RMSNorm": lambda **k: fm.RMSNorm(**k),
    "BatchNorm": lambda **k: fm.BatchNorm(**k),
}
OFF = [(True, True), (True, False), (False, True), (False, False)]


def model(layer, dtype="float64", seed=0):
    chain = [fm.Dense(8), layer, fm.Activation("tanh"), fm.Dense(1)]
    return fm.Sequential(chain, input_columns=6, seed=seed, dtype=dtype)


def fit(one, **settings):
    return one.fit(X, T, **{"epochs": 2, "batch_size": 32, "verbose": False, "seed": 3, **settings})


def rows(x, epsilon=1e-5):
    return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + epsilon)


def mean_square(x, epsilon=2.0**-23):
    return x / np.sqrt((x**2).mean(1, keepdims=True) + epsilon)


@pytest.mark.parametrize(("kind", "formula"), [("LayerNorm", rows), ("RMSNorm", mean_square)])
@pytest.mark.parametrize(("use_scale", "use_offset"), OFF)
def test_rows_are_normalized_scaled_and_moved(kind, formula, use_scale, use_offset):
    one = model(MAKE[kind](use_scale=use_scale, use_offset=use_offset))
    layer, scale, offset = one.layers[1], 1.0, 0.0
    if use_scale:
        layer.scale = scale = RNG.normal(size=8)
    if use_offset:
        layer.offset = offset = RNG.normal(size=8)
    h = one.activations(X)
    (name,) = (n for n in h if n.startswith(kind.lower()))
    expected = scale * formula(h["dense_1"]) + offset
    np.testing.assert_allclose(h[name], expected, rtol=1e-12, atol=1e-12)
    assert one.n_parameters == 65 + 8 * (use_scale + use_offset)


@pytest.mark.parametrize("columns", [1, 3, 16, 37, 300])
@pytest.mark.parametrize("size", [0.0, 1e4, -3e5])
def test_a_large_mean_costs_no_digits(columns, size):
    x = (np.random.default_rng(columns).normal(size=(9, columns)) + size).astype("float32")
    node = g.input(columns)
    h = g.normalize(node, 1, 1e-5)
    exact = rows(x.astype("f8"))
    assert np.abs(g.run(h, {node: x}) - exact).max() < 1e-6 * max(1.0, np.abs(exact).max())


@pytest.mark.parametrize("rows_of_batch", [1, 31, 32, 33, 500])
@pytest.mark.parametrize("size", [0.0, 1e4, -3e5])
def test_the_variance_of_a_column_keeps_its_digits_beside_a_large_mean(rows_of_batch, size):
    x = np.random.default_rng(rows_of_batch).normal(size=(rows_of_batch, 1100)) + size
    x[: rows_of_batch // 9, ::2] -= size  # as if the first rows were of another kind
    x = x.astype("float32")
    node = g.input(1100)
    (variance,), (mean,) = plan([g.variance(node, axis=0), g.mean(node, axis=0)]).run({node: x})
    np.testing.assert_allclose(mean, x.astype("f8").mean(0), rtol=5e-7, atol=1e-6)
    np.testing.assert_allclose(variance, x.astype("f8").var(0), rtol=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [131, 600])
@pytest.mark.parametrize("centered", [True, False])
def test_matrices_beyond_the_caches_are_normalized_as_small_ones(columns, centered, dtype):
    x, bar, whole = (g.input(n, name) for n, name in ((columns, "x"), (columns, "bar"), (1, "c")))
    scale, offset = (g.parameter(np.full((1, columns), value)) for value in (1.25, 0.5))
    normalized = [g.normalize(x, axis, 1e-5, centered) * scale + offset for axis in (1, 0)]
    found = [[y, *g.gradient(g.sum(y * bar), [x, scale, offset])] for y in normalized]
    # A column's moments: then no plan cuts the batch into lanes, which stay in the caches.
    wanted = [*found[0], *found[1], g.normalize(whole, 0, 1e-5)]
    rows_of_batch = 5_000_000 // (columns * np.dtype(dtype).itemsize) + 1
    rng = np.random.default_rng(0)
    drawn = {node: rng.normal(size=(rows_of_batch, node.shape[1])) for node in (x, bar, whole)}
    drawn[x] += 3
    feeds = {node: value.astype(dtype) for node, value in drawn.items()}
    results = plan(wanted, dtype=dtype).run(feeds)
    exact = {node: value.astype(float) for node, value in feeds.items()}
    eps = np.finfo(dtype).eps
    for result, expected in zip(results, g.reference.evaluate(wanted, exact), strict=True):
        allowed = 200 * eps * max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(result, expected, rtol=0, atol=allowed)
    few = plan(found[0][:2], dtype=dtype).run({n: v[:7] for n, v in feeds.items()})
    for large, small in zip(results[:2], few, strict=True):
        np.testing.assert_array_equal(large[:7], small)


@pytest.mark.parametrize("columns", [3, 16, 37, 300])
def test_a_row_whose_first_columns_are_far_from_the_rest_costs_no_digits(columns):
    x = np.random.default_rng(columns).normal(size=(11, columns)) + 1e3
    x[::2, : columns // 4] = 0.0
    x = x.astype("float32")
    node, bar = g.input(columns), g.input(columns)
    h = g.normalize(node, 1, 1e-5)
    scale = g.parameter(np.linspace(0.5, 2, columns))
    outputs = [h, *g.gradient(g.sum(h * scale * bar), [node, scale])]
    feeds = {node: x, bar: np.cos(x)}
    found = plan(outputs).run(feeds)
    alone = np.concatenate([plan([h]).run({node: x[i : i + 1]})[0] for i in range(11)])
    np.testing.assert_array_equal(found[0], alone)
    exact = g.reference.evaluate(outputs, {k: v.astype("f8") for k, v in feeds.items()})
    for a, e in zip(found, exact, strict=True):
        assert np.abs(a - e).max() < 2e-6 * max(1.0, np.abs(e).max())


class Reference:
    """Batch normalization of one Dense layer by NumPy, as PyTorch has it."""

    def __init__(self, columns, momentum, epsilon):
        self.mean, self.var = np.zeros(columns), np.ones(columns)
        self.momentum, self.epsilon = momentum, epsilon

    def step(self, z):
        n = len(z)
        if n > 1:
            self.mean += self.momentum * (z.mean(0) - self.mean)
            self.var += self.momentum * (z.var(0) * n / (n - 1) - self.var)
        return (z - z.mean(0)) / np.sqrt(z.var(0) + self.epsilon)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("momentum", "batch"), [(0.1, 32), (0.3, 23), (1.0, 69), (0.0, 70)])
def test_running_statistics_are_those_of_the_batches(momentum, batch, dtype):
    one = model(fm.BatchNorm(momentum, 1e-3), dtype)
    one.layers[0].trainable = one.layers[3].trainable = False
    layer, expected = one.layers[1], Reference(8, momentum, 1e-3)
    z = X @ one.layers[0].weights.astype("f8").T
    fit(one, shuffle=False, epochs=3, batch_size=batch)
    for _ in range(3):
        for begin in range(0, len(z), batch):
            expected.step(z[begin : begin + batch])
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == "float32" else {"rtol": 1e-12, "atol": 1e-12}
    np.testing.assert_allclose(layer.running_mean, expected.mean, **close)
    np.testing.assert_allclose(layer.running_var, expected.var, **close)


def test_predict_evaluate_and_validation_use_the_running_statistics_and_change_nothing():
    one = model(fm.BatchNorm())
    fit(one, validation_data=(X[:9], T[:9]))
    before = one.get_weights()
    layer = one.layers[1]
    h = one.activations(X)
    expected = (h["dense_1"] - layer.running_mean) / np.sqrt(layer.running_var + 1e-5)
    np.testing.assert_allclose(h["batchnorm_1"], layer.scale * expected + layer.offset, rtol=1e-12)
    single = np.concatenate([one.predict(X[i : i + 1]) for i in range(5)])
    np.testing.assert_allclose(single, one.predict(X)[:5], rtol=1e-12)
    assert one.evaluate(X[:9], T[:9])["loss"] == pytest.approx(one.history["val_loss"][-1])
    for a, b in zip(before, one.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_step_updates_the_statistics_and_a_gradient_does_not():
    one = model(fm.BatchNorm())
    trainer, layer = one.trainer(optimizer=fm.SGD(0.01)), one.layers[1]
    _, gradient = trainer.loss_and_gradient(X, T)
    assert not np.any(layer.running_mean)
    named = trainer.views(gradient)
    assert not np.any(named["batchnorm_1.running_mean"])
    assert np.any(named["batchnorm_1.scale"])
    z = X @ one.layers[0].weights.T
    trainer.step(X, T)
    np.testing.assert_allclose(layer.running_mean, 0.1 * z.mean(0), rtol=1e-10, atol=1e-12)


def test_a_frozen_one_works_as_in_predict_and_remembers_nothing():
    one = model(fm.BatchNorm(trainable=False))
    one.layers[1].running_mean = RNG.normal(size=8)
    one.layers[1].running_var = RNG.uniform(1, 2, size=8)
    before = [w.copy() for w in one.get_weights()]
    expected = one.evaluate(X, T)["loss"]
    history = fit(one, batch_size=None, epochs=1)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-12)
    moved = [bool(np.any(a != b)) for a, b in zip(before, one.get_weights(), strict=True)]
    assert moved == [True, True, False, False, False, False, True, True]


def test_a_batch_of_one_row_puts_out_the_offset_and_moves_no_statistics():
    one = model(fm.BatchNorm())
    one.layers[1].offset = RNG.normal(size=8)
    trainer = one.trainer(optimizer=fm.SGD(0.5))
    before = [w.copy() for w in one.get_weights()]
    loss, gradient = trainer.loss_and_gradient(X[:1], T[:1])
    y = np.tanh(one.layers[1].offset) @ one.layers[3].weights.T + one.layers[3].biases
    assert loss == pytest.approx(0.5 * ((y - T[0]) ** 2).item(), rel=1e-12)
    assert not np.any(trainer.views(gradient)["dense_1.weights"])
    trainer.step(X[:1], T[:1])
    for i in (4, 5):
        np.testing.assert_array_equal(before[i], one.get_weights()[i])
    assert all(np.isfinite(w).all() for w in one.get_weights())


def test_a_shared_one_is_moved_by_each_of_its_calls():
    x, shared = fm.Input(6), fm.BatchNorm(0.5)
    one = fm.Model(x, fm.Dense(1)(shared(shared(x))), seed=0, dtype="float64")
    one.trainer(optimizer=fm.SGD(0.0001)).step(X, T)
    first = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-5)
    expected = 0.5 * (0.5 * X.mean(0)) + 0.5 * first.mean(0)
    np.testing.assert_allclose(one.layers[0].running_mean, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", MAKE)
@pytest.mark.parametrize("again", ["file", "copy", "pickle", "weights"])
def test_all_of_it_is_saved_copied_and_pickled(kind, again, tmp_path):
    one = model(MAKE[kind](epsilon=0.01), "float32")
    fit(one)
    one.save(tmp_path / "m.safetensors")
    twin = {
        "file": lambda: fm.load(tmp_path / "m.safetensors"),
        "copy": one.copy,
        "pickle": lambda: pickle.loads(pickle.dumps(one)),
        "weights": lambda: model(MAKE[kind](epsilon=0.01), "float32", seed=5),
    }[again]()
    if again == "weights":
        twin.set_weights(one.get_weights())
        assert str(twin.summary()) == str(one.summary())
    np.testing.assert_array_equal(twin.predict(X), one.predict(X))
    assert twin.layers[1].config() == one.layers[1].config()
    one._trainer.state = None
    twin.seed = one.seed
    assert fit(twin)["loss"] == fit(one)["loss"]


def test_a_summary_tells_statistics_apart():
    lines = str(model(fm.BatchNorm()).summary()).splitlines()
    assert lines[-1] == "97 parameters (81 trainable, 16 statistics), float64"
    assert "trainable" not in lines[0]
    frozen = model(fm.BatchNorm(trainable=False))
    last = str(frozen.summary()).splitlines()[-1]
    assert last == "97 parameters (65 trainable, 16 frozen, 16 statistics), float64"


@pytest.mark.parametrize("kind", MAKE)
def test_derivatives_of_the_network_are_right(kind):
    one = model(MAKE[kind]())
    fit(one)
    for training in (False, True):
        y, _ = one.network.forward(training=training)
        loss = g.mean((y - g.constant(0.3)) ** 2)
        learned = [
            p
            for p in one.network.parameter_nodes
            if "statistic" not in one.network.parameter_roles[p]
        ]
        report = g.check_gradients(loss, {one.network.input_nodes[0]: X[:7]}, wrt=learned)
        assert report
    slope = one.gradient(X[:3])
    step = 1e-6
    for j in range(6):
        moved = X[:3] + step * np.eye(6)[j]
        rise = (one.predict(moved) - one.predict(X[:3]))[:, 0] / step
        np.testing.assert_allclose(slope[:, j], rise, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("kind", MAKE)
def test_float32_learns_as_float64_does(kind):
    losses = [fit(model(MAKE[kind](), dtype))["loss"] for dtype in ("float32", "float64")]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: fm.LayerNorm(0), ValueError, "epsilon must be"),
        (lambda: fm.LayerNorm(64), ValueError, "epsilon must be .* at most 1, got 64"),
        (
            lambda: fm.LayerNorm(eps=1e-3),
            TypeError,
            "LayerNorm has no argument 'eps'; write epsilon=",
        ),
        (lambda: fm.BatchNorm(affine=False), TypeError, "write use_scale= and use_offset="),
        (lambda: fm.LayerNorm(use_scale=1), TypeError, "use_scale must be True or False"),
        (lambda: fm.BatchNorm(momentum=1.5), ValueError, "momentum must be"),
        (lambda: fm.RMSNorm("small"), TypeError, "epsilon must be a number"),
        (lambda: fm.LayerNorm()([fm.Input(2), fm.Input(2)]), ValueError, "takes one input"),
    ],
)
def test_what_makes_no_sense_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_what_the_parameters_depend_on_cannot_change_and_epsilon_can():
    one = model(fm.BatchNorm())
    with pytest.raises(AttributeError, match=r"use_scale of .* cannot change any more"):
        one.layers[1].use_scale = False
    with pytest.raises(AttributeError, match="did you mean 'running_mean'"):
        one.layers[1].runing_mean = 0
    before = one.predict(X)
    one.layers[1].epsilon = 1.0
    assert np.abs(one.predict(X) - before).max() > 0


@pytest.mark.parametrize("kind", MAKE)
def test_sparse_rows_are_normalized_as_dense_ones(kind):
    sparse = pytest.importorskip("scipy.sparse")
    S = sparse.random(40, 6, 0.4, format="csr", random_state=0)
    losses = []
    for data in (S, S.toarray()):
        chain = [MAKE[kind](), fm.Dense(1)]
        one = fm.Sequential(chain, input_columns=6, seed=0, dtype="float64")
        losses.append(one.fit(data, T[:40], epochs=2, verbose=False)["loss"])
        losses.append(one.predict(data).tolist())
    assert losses[0] == losses[2]
    np.testing.assert_allclose(losses[1], losses[3], rtol=1e-12)


@pytest.mark.parametrize("kind", [*MAKE, "GaussianNoise"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_has_the_same_bits_on_any_number_of_threads(kind, dtype):
    wide, t = RNG.normal(size=(700, 40)).astype(dtype), RNG.normal(size=(700, 1))
    before, runs = fm.get_num_threads(), set()
    try:
        for threads in (1, 2, 3, 1):
            fm.set_num_threads(threads)
            layer = fm.GaussianNoise(0.1) if kind == "GaussianNoise" else MAKE[kind]()
            chain = [fm.Dense(90), layer, fm.Activation("relu"), fm.Dense(1)]
            one = fm.Sequential(chain, input_columns=40, seed=0, dtype=dtype)
            one.fit(wide, t, epochs=2, batch_size=300, seed=1, verbose=False)
            bits = [w.tobytes() for w in (*one.get_weights(), one.predict(wide))]
            runs.add(b"".join(bits))
    finally:
        fm.set_num_threads(before)
    assert len(runs) == 1
