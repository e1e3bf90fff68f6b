"""A model that is called with symbols: its layers once more, with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(12, 5)), RNG.normal(size=(12, 5))


def between(u, v):
    return g.sum((u - v) ** 2, axis=1)


def twins(encoder):
    """Return a model of the distance of two rows, by what makes a code of one."""
    a, b = fm.Input(5), fm.Input(5)
    distance = fm.Lambda(between, columns=1)([encoder(a), encoder(b)])
    return fm.Model([a, b], distance, seed=1, dtype="float64")


def encoder(**how):
    return fm.Sequential([fm.Dense(8, "tanh"), fm.Dense(3)], seed=0, dtype="float64", **how)


@pytest.mark.parametrize("how", [{"input_columns": 5}, {}], ids=["built", "not built"])
def test_two_towers_have_the_weights_of_one(how):
    tower = encoder(**how)
    model = twins(tower)
    assert model.n_parameters == tower.n_parameters == 75
    codes = tower.predict(A), tower.predict(B)
    np.testing.assert_allclose(model.predict([A, B]), between_of(*codes), rtol=1e-12)
    before = tower.get_weights()
    model.fit([A, B], np.ones(12), epochs=3)
    assert not np.array_equal(tower.get_weights()[0], before[0])
    codes = tower.predict(A), tower.predict(B)
    np.testing.assert_allclose(model.predict([A, B]), between_of(*codes), rtol=1e-12)


def between_of(u, v):
    return ((u - v) ** 2).sum(axis=1, keepdims=True)


def test_it_is_what_calling_the_layers_makes():
    called = twins(encoder(input_columns=5))
    one, two = fm.Dense(8, "tanh"), fm.Dense(3)
    layer_by_layer = twins(lambda x: two(one(x)))
    layer_by_layer.set_weights(called.get_weights())
    np.testing.assert_array_equal(called.predict([A, B]), layer_by_layer.predict([A, B]))
    rows = [[str(cell) for cell in row] for row in called.network.summary()]
    assert rows == [[str(cell) for cell in row] for row in layer_by_layer.network.summary()]


@pytest.mark.parametrize("form", ["list", "dict"])
def test_several_inputs_and_outputs_keep_their_form(form):
    x, y = fm.Input(5), fm.Input(2)
    h = fm.concat([fm.Dense(4, "relu")(x), y])
    outputs = [fm.Dense(1)(h), fm.Dense(3, "softmax")(h)]
    outputs = dict(zip(("price", "kind"), outputs, strict=True)) if form == "dict" else outputs
    inner = fm.Model([x, y], outputs, seed=0)
    p, q = fm.Input(7), fm.Input(2)
    found = inner([fm.Dense(5)(p), q])
    assert isinstance(found, dict if form == "dict" else list)
    values = list(found.values()) if form == "dict" else found
    assert [one.columns for one in values] == [1, 3]
    outer = fm.Model([p, q], fm.concat(values), seed=0)
    X, Y = RNG.normal(size=(4, 7)), RNG.normal(size=(4, 2))
    rows = outer.activations([X, Y])["dense_1"]
    wanted = inner.predict([rows, Y])
    wanted = list(wanted.values()) if form == "dict" else wanted
    np.testing.assert_allclose(outer.predict([X, Y]), np.hstack(wanted), rtol=1e-6)


def test_a_model_inside_a_model_is_saved_and_copied_with_it(tmp_path):
    inner = encoder(input_columns=5)
    x = fm.Input(5)
    model = fm.Model(x, fm.Dense(2, "softmax")(fm.concat([inner(x), x])), seed=0, dtype="float64")
    model.save(tmp_path / "m.safetensors")
    for other in (fm.load(tmp_path / "m.safetensors"), model.copy()):
        np.testing.assert_array_equal(other.predict(A), model.predict(A))


@pytest.mark.parametrize(
    ("symbols", "error", "message"),
    [
        (lambda: fm.Input(4), ValueError, r"inputs have \[5\] columns was called with .* \[4\]"),
        (lambda: [fm.Input(5), fm.Input(5)], ValueError, r"called with symbols of \[5, 5\]"),
        (lambda: [fm.Input(5), A], TypeError, "with symbols alone.* got ndarray among them"),
    ],
)
def test_what_does_not_fit_is_told(symbols, error, message):
    with pytest.raises(error, match=message):
        encoder(input_columns=5)(symbols())


def test_symbols_are_not_trained():
    with pytest.raises(ValueError, match="training=True is for rows"):
        encoder()(fm.Input(5), training=True)
