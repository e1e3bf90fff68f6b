"""Rows of several inputs, or of categories, go straight to the core, which tells what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp as fm

N, C = 6, [4, 7]
RNG = np.random.default_rng(5)
ROWS = [RNG.normal(size=(N, 3)).astype("f4"), RNG.integers(0, C, (N, 2))]


def embedded(dtype="float32"):
    return fm.Sequential([fm.Embedding(C, 3), fm.Dense(2)], input_columns=2, seed=0, dtype=dtype)


def two_inputs(dtype="float32"):
    numbers, categories = fm.Input(3, name="numbers"), fm.Input(2, name="categories")
    h = fm.Concatenate()([numbers, fm.Embedding(C, 3)(categories)])
    y = fm.Dense(2)(fm.Dense(8, "tanh")(h))
    return fm.Model([numbers, categories], y, seed=0, dtype=dtype)


def heads(dtype="float32"):
    a, b = fm.Input(3, name="a"), fm.Input(2, name="b")
    h = fm.Concatenate()([a, b])
    return fm.Model(
        [a, b], {"p": fm.Dense(2, "softmax")(h), "q": fm.Dense(1)(h)}, seed=1, dtype=dtype
    )


@pytest.fixture
def fast(monkeypatch):
    """Let the way through Python fail once a model has its plan."""

    def begin(model, X):
        first = model.predict(X)

        def no(*_):
            raise AssertionError("not in the core")

        monkeypatch.setattr(type(model), "_predict_any", no)
        return first

    return begin


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [np.int64, np.int32, np.uint8, np.float32, np.float64])
def test_indices_of_any_type_stay_in_the_core(kind, dtype, fast):
    model, X = embedded(dtype), ROWS[1].astype(kind)
    expected = fast(model, X)
    np.testing.assert_array_equal(model.predict(X), expected)
    np.testing.assert_array_equal(model.predict(X[1:2]), expected[1:2])
    np.testing.assert_array_equal(model.predict(X[::2]), expected[::2])
    np.testing.assert_array_equal(model.predict(np.asfortranarray(X)), expected)
    out = np.empty_like(expected)
    assert model.predict(X, out=out) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_several_inputs_stay_in_the_core_as_list_tuple_or_dict(dtype, fast):
    model = two_inputs(dtype)
    expected = fast(model, ROWS)
    named = {"categories": ROWS[1], "numbers": ROWS[0]}
    for X in (ROWS, tuple(ROWS), named, [ROWS[0].astype("f8"), ROWS[1].astype("i2")]):
        np.testing.assert_array_equal(model.predict(X), expected)
        out = np.empty_like(expected)
        assert model.predict(X, out=out) is out
        np.testing.assert_array_equal(out, expected)
    one = model.predict([part[2:3] for part in ROWS])
    np.testing.assert_allclose(one, expected[2:3], rtol=1e-6)


def test_several_outputs_of_several_inputs_stay_in_the_core(fast):
    model, X = heads(), [ROWS[0], ROWS[0][:, :2]]
    expected = fast(model, X)
    for given in (X, {"a": X[0], "b": X[1]}):
        found = model.predict(given)
        assert list(found) == ["p", "q"]
        for name in found:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-6)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (7, "got 7"),
        (-1, "got -1"),
        (0.5, "got 0.5"),
        (np.nan, "got nan"),
        (1e30, "got 1e"),
        (np.inf, "inf"),
    ],
)
def test_what_is_no_category_is_named_after_the_first_call_too(value, message):
    for model, wrap in ((embedded(), lambda c: c), (two_inputs(), lambda c: [ROWS[0], c])):
        categories = ROWS[1].astype("f8")
        model.predict(wrap(categories))
        categories[3, 1] = value
        with pytest.raises(ValueError, match="whole numbers in 0 … 6 in column 1") as error:
            model.predict(wrap(categories))
        assert message in str(error.value)
        assert "row 3" in str(error.value)


def test_wrong_kinds_and_shapes_are_told_after_the_first_call_too():
    model = two_inputs()
    model.predict(ROWS)
    with pytest.raises(ValueError, match="must hold 2 arrays"):
        model.predict(ROWS[:1])
    with pytest.raises(TypeError, match="list or dict of 2 arrays"):
        model.predict(ROWS[0])
    with pytest.raises(ValueError, match="rows"):
        model.predict([ROWS[0], ROWS[1][:3]])
    with pytest.raises(ValueError, match="keys"):
        model.predict({"numbers": ROWS[0], "other": ROWS[1]})
    store = np.zeros(4 * N, "f4")
    numbers, out = store[: 3 * N].reshape(N, 3), store[2 * N :].reshape(N, 2)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"out.*overlap"):
            model.predict([numbers, ROWS[1]], out=out)


def test_lists_of_lists_are_converted_as_before():
    model = two_inputs()
    expected = model.predict(ROWS)
    found = model.predict([part.tolist() for part in ROWS])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_fit_is_seen_and_a_loaded_model_predicts_the_same(tmp_path):
    model = two_inputs()
    before = model.predict(ROWS)
    model.fit(ROWS, np.zeros((N, 2)), epochs=2, verbose=0)
    assert (model.predict(ROWS) != before).any()
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(
        fm.load(tmp_path / "m.safetensors").predict(ROWS), model.predict(ROWS)
    )
