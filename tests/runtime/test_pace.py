"""Whether one thread does some work faster than several is measured, and measured again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import _core

TRIAL = 1e-3  # seconds; the usual way takes at least 50 times as long


def work(pace: _core.Pace, seconds: float, batch: Callable[[bool], float]) -> tuple[float, int]:
    """For how long one thread has worked, in so many seconds of batches, and how many those are."""
    alone = done = 0.0
    batches = 0
    while done < seconds:
        way, end = pace.alone, done + max(pace.left, 0.0)
        before = done
        first = batches
        while done <= end:
            done += batch(way)
            batches += 1
        alone += (done - before) * way
        pace.worked(done - before, batches - first)
    return alone / done, batches


def test_a_team_comes_first_and_one_thread_is_tried_after_a_while():
    pace = _core.Pace()
    assert not pace.alone
    assert pace.left == pytest.approx(50 * TRIAL)
    pace.worked(20e-3, 400)
    assert not pace.alone
    assert pace.left == pytest.approx(30e-3)
    pace.worked(30e-3, 600)
    assert pace.alone
    assert pace.left == pytest.approx(TRIAL)
    pace.worked(TRIAL, 10)  # a batch takes twice as long
    assert not pace.alone
    assert pace.left == pytest.approx(100 * TRIAL)


@pytest.mark.parametrize("time", [20e-6, 1e-3, 20e-3])
def test_trials_take_little_time_and_less_if_they_change_nothing(time: float):
    pace = _core.Pace()
    part, _ = work(pace, max(5.0, 8000 * time), lambda alone: time * (1 + alone))
    assert 0 < part < 0.02
    again, _ = work(pace, max(5.0, 8000 * time), lambda alone: time * (1 + alone))
    assert 0 < again < min(part, 0.005)


@pytest.mark.parametrize("time", [20e-6, 1e-3, 20e-3])
def test_what_one_thread_does_faster_it_does_until_the_team_is_faster_again(time: float):
    pace = _core.Pace()
    length = max(2.0, 4000 * time)
    part, batches = work(pace, length, lambda alone: time if alone else 3 * time)
    assert part > 0.8
    assert batches > 0.85 * length / time
    part, _ = work(pace, length, lambda alone: time if alone else time / 2)
    assert part < 0.3


def test_nearly_as_fast_is_no_reason_to_change():
    pace = _core.Pace()
    part, _ = work(pace, 5.0, lambda alone: 0.92e-4 if alone else 1e-4)
    assert part < 0.02
    part, _ = work(pace, 5.0, lambda alone: 0.85e-4 if alone else 1e-4)
    assert part > 0.9


def test_batches_that_take_long_are_tried_four_at_a_time():
    pace = _core.Pace()
    pace.worked(0.05, 1)  # 50 ms, but only one batch
    assert not pace.alone
    assert pace.left == pytest.approx(199 * 0.05)
    pace.worked(199 * 0.05, 199)
    assert pace.alone
    pace.worked(0.05, 1)
    assert pace.alone
    assert pace.left == pytest.approx(3 * 0.05)
    pace.worked(0.15, 3)
    assert not pace.alone


def test_what_one_thread_does_much_slower_it_tries_once():
    pace = _core.Pace()
    pace.worked(2.0, 200)
    assert pace.alone
    pace.worked(0.014, 1)  # less than half as much again: perhaps the first batch alone
    assert pace.alone
    pace.worked(0.018, 1)
    assert not pace.alone
    assert pace.left == pytest.approx(100 * TRIAL)


@pytest.mark.parametrize("calls", ["one training", "steps", "predictions", "lanes dealt out"])
def test_trials_change_no_bit(calls: str):
    """Half a second of work, in which one thread is tried several times."""
    rng = np.random.default_rng(0)
    sizes = [30, 100, 100, 10] if calls == "predictions" else [64, 200, 10]
    X = rng.normal(size=(64, sizes[0])).astype(np.float32)
    labels = rng.integers(0, 10, 64)

    def run() -> bytes:
        model = fm.MLP(sizes, output="softmax", seed=0)
        if calls == "one training":
            model.fit(X, labels, batch_size=32, epochs=3000, verbose=False)
            return model.predict(X).tobytes()
        if calls == "steps":
            trainer = model.trainer()
            losses = [trainer.step(X, labels) for _ in range(4000)]
            return np.array(losses).tobytes()
        rows = X[:40] if calls == "predictions" else X
        found = {model.predict(rows).tobytes() for _ in range(10_000)}
        assert len(found) == 1
        return found.pop()

    before = _core.get_num_threads()
    try:
        _core.set_num_threads(1)
        expected = run()
        _core.set_num_threads(2)
        _core.set_patient(False)
        assert run() == expected
    finally:
        _core.set_patient(True)
        _core.set_num_threads(before)
