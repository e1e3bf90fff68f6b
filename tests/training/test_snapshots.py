"""What is compared before a fit goes on from a file, and what is taken from it."""

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
T = RNG.integers(0, 2, 40)
WEIGHTS = RNG.random(40) + 0.5


def one(y, t):
    return g.sum((y - t) ** 2, axis=1)


def other(y, t):
    return g.sum(g.abs(y - t), axis=1)


def begin(folder, t=T, weights=WEIGHTS, rate=0.3, epochs=2, loss=None):
    """A new model, fitted as after a restart."""
    layers = [fm.Input(3), fm.Dense(4, "tanh"), fm.Dropout(rate), fm.Dense(2, "softmax")]
    model = fm.Sequential(layers, seed=0)
    how = {"epochs": epochs, "loss": loss, "callbacks": [fm.Checkpoint(folder)]}
    return model, lambda: model.fit(X, t, sample_weight=weights, **how)


@pytest.mark.parametrize(
    "other",
    [{"t": 1 - T}, {"t": T[::-1]}, {"weights": WEIGHTS[::-1]}, {"t": 1 - T, "weights": WEIGHTS**2}],
)
def test_other_targets_or_other_weights_are_another_fit(tmp_path, other):
    _, run = begin(tmp_path)
    assert run().epochs == 2
    model, run = begin(tmp_path, epochs=3, **other)
    before = model.parameters.flat.copy()
    with pytest.raises(ValueError, match="another fit, with checksum of targets and weights="):
        run()
    np.testing.assert_array_equal(model.parameters.flat, before)
    _, run = begin(tmp_path, T.copy(), WEIGHTS.tolist(), epochs=3)  # the same in another place
    assert run().epochs == 3


def test_losses_of_the_users_own_are_told_apart_by_their_names(tmp_path):
    t = np.eye(2)[T]
    _, run = begin(tmp_path, t, loss=one)
    run()
    with pytest.raises(ValueError, match=r"another fit, with losses=.*one.* and not .*other"):
        begin(tmp_path, t, loss=other, epochs=3)[1]()
    assert begin(tmp_path, t, loss=one, epochs=3)[1]().epochs == 3


def test_settings_that_no_callback_has_assigned_are_those_of_the_new_model(tmp_path):
    _, run = begin(tmp_path)
    run()
    model, run = begin(tmp_path, rate=0.5, epochs=3)
    assert run().epochs == 3
    assert model.layers[1].rate == 0.5


@pytest.mark.parametrize("kind", [fm.MLPClassifier, fm.MLPRegressor])
@pytest.mark.parametrize(
    "how", [{}, {"shuffle": False}, {"shuffle": False, "early_stopping": True}]
)
def test_a_fit_of_an_estimator_whose_rule_of_stopping_no_file_has_is_refused(tmp_path, kind, how):
    with pytest.raises(ValueError, match="only fits of models can be resumed"):
        kind(callbacks=[fm.Checkpoint(tmp_path)], **how).fit(X, T)
    assert not list(tmp_path.iterdir())
