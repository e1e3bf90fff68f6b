"""The standard deviation of noise follows a schedule, step by step."""

import numpy as np
import pytest

import fastmlp as fm
from fastmlp.schedules import ExponentialDecay

X = np.random.default_rng(0).normal(size=(64, 3))
T = X[:, :1]


def fitted(std, *, epochs=4, dtype="float64", **settings):
    layers = [fm.GaussianNoise(std), fm.Dense(4, "tanh"), fm.Dense(1)]
    model = fm.Sequential(layers, input_columns=3, seed=1, dtype=dtype)
    model.fit(X, T, optimizer=fm.SGD(0.1), epochs=epochs, batch_size=16, verbose=0, **settings)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_schedule_that_stays_is_a_number(dtype):
    by_number = fitted(0.3, dtype=dtype).get_weights()
    by_schedule = fitted(lambda steps: np.full(len(steps), 0.3), dtype=dtype).get_weights()
    for a, b in zip(by_number, by_schedule, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_noise_is_there_in_the_steps_that_have_some():
    silent = fitted(0.0).get_weights()
    for a, b in zip(silent, fitted(lambda steps: 0.0 * steps).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    late = fitted(lambda steps: np.where(steps < 8, 0.0, 0.5))
    half = fitted(0.0, epochs=2).history["loss"]
    assert late.history["loss"][:2] == half
    assert late.history["loss"][2:] != fitted(0.0).history["loss"][2:]


def test_copies_and_files_know_the_schedule(tmp_path):
    model = fitted(ExponentialDecay(0.5, 0.9, every=4))
    model.save(tmp_path / "m.safetensors")
    for again in (model.copy(), fm.load(tmp_path / "m.safetensors")):
        assert again.layers[0].std == model.layers[0].std
        np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("std", [-0.1, np.nan, np.inf])
def test_a_number_out_of_bounds_is_refused(std):
    with pytest.raises(ValueError, match="std"):
        fm.GaussianNoise(std)


def test_a_schedule_out_of_bounds_is_named_with_its_step():
    with pytest.raises(ValueError, match=r"returned the std of noise -1\.0 for step 3"):
        fitted(lambda steps: np.where(steps < 3, 0.1, -1.0))
