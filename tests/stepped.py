"""Steps that the core takes alone beside the same steps by Python, for tests."""

from __future__ import annotations

import numpy as np

import fastmlp as fm

RNG = np.random.default_rng(0)
X, T = RNG.normal(size=(23, 5)), RNG.integers(3, size=23)


def network(dtype="float64", rate=0.3, output="softmax", columns=3, **more):
    layers = [fm.Dense(7, "tanh", **more), fm.Dropout(rate), fm.Dense(columns, output)]
    return fm.Sequential(layers, input_columns=5, seed=0, dtype=dtype)


def slow(trainer):
    """Return the trainer, which from now on takes no step ahead."""
    trainer._look_ahead = lambda *arguments: None
    return trainer


def count_slow(trainer, monkeypatch):
    """Return a list that has an element for each step taken by Python."""
    seen, step = [], trainer._examples

    def examples(*arguments):
        seen.append(1)
        return step(*arguments)

    monkeypatch.setattr(trainer, "_examples", examples)
    return seen


def check_same(make, data, monkeypatch, *, alone, **how):
    """Check that steps on the data are those of Python; `alone` of them are taken by Python."""
    trainer, twin = make().trainer(seed=1, **how), slow(make().trainer(seed=1, **how))
    seen = count_slow(trainer, monkeypatch)
    for given in data:
        assert trainer.step(*given) == twin.step(*given)
    np.testing.assert_array_equal(trainer.parameters.flat, twin.parameters.flat)
    assert trainer.steps == twin.steps == len(data)
    for one, other in zip(trainer.state.vectors, twin.state.vectors, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(seen) == alone
