"""Learning rates as functions of the step number."""

import numpy as np
import pytest

from fastmlp import schedules
from fastmlp.optimizers import SGD, Adam
from fastmlp.schedules import CosineDecay, ExponentialDecay, InverseScaling, StepDecay, Warmup

SCHEDULES = [
    ExponentialDecay(0.1, factor=0.9, every=7),
    StepDecay(0.1, factor=0.5, every=3),
    InverseScaling(0.1, power=0.7),
    CosineDecay(0.1, steps=11, final=0.01),
    Warmup(5, after=0.1),
    Warmup(1, after=CosineDecay(0.1, steps=4)),
]


def test_every_schedule_of_the_module_is_tested_here():
    defined = {
        value
        for value in vars(schedules).values()
        if isinstance(value, type) and value.__module__ == schedules.__name__
    }
    assert defined == {type(schedule) for schedule in SCHEDULES}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_schedule_gives_each_step_its_rate_whatever_else_is_asked(schedule):
    steps = np.arange(23)
    whole = schedule(steps)
    assert whole.shape == (23,)
    assert whole.dtype == np.float64
    for step in steps:
        assert schedule(steps[step : step + 1])[0] == whole[step]


@pytest.mark.parametrize("schedule", [s for s in SCHEDULES if type(s) is not Warmup], ids=repr)
def test_a_decay_starts_at_its_initial_rate_and_never_rises(schedule):
    rates = schedule(np.arange(40))
    assert rates[0] == 0.1
    assert (np.diff(rates) <= 0).all()
    assert rates[-1] < 0.06


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_two_schedules_of_the_same_numbers_make_equal_optimizers(schedule):
    twin = type(schedule)(**{name: getattr(schedule, name) for name in vars(schedule)})
    assert Adam(schedule) == Adam(twin)
    assert hash(SGD(schedule)) == hash(SGD(twin))


def test_a_warmup_reaches_what_follows_and_then_is_it():
    after = StepDecay(1.0, factor=0.5, every=2)
    rates = Warmup(4, after)(np.arange(9))
    np.testing.assert_allclose(rates, [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 0.5, 0.5, 0.25])


def test_an_optimizer_asks_its_schedule_for_the_steps_of_the_call():
    asked = []

    def schedule(steps):
        asked.append(steps)
        return np.full(steps.shape, 0.5)

    np.testing.assert_array_equal(SGD(schedule).rates(5, 3), [0.5, 0.5, 0.5])
    np.testing.assert_array_equal(asked, [[5, 6, 7]])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: ExponentialDecay(0, 0.5, 1), ValueError, "initial must be"),
        (lambda: ExponentialDecay(1, 1.5, 1), ValueError, "factor must be .* at most 1, got 1.5"),
        (lambda: StepDecay(1, 0.5, 0), ValueError, "every must be at least 1, got 0"),
        (lambda: StepDecay(1, 0.5, 1.0), TypeError, "every must be an integer"),
        (lambda: InverseScaling(1, power=-1), ValueError, "power must be"),
        (lambda: CosineDecay(0.1, 10, final=0.2), ValueError, "final must be .* at most 0.1"),
        (lambda: Warmup(5, after=-1), ValueError, "after must be"),
        (lambda: Adam(CosineDecay), TypeError, "got the class CosineDecay"),
        (lambda: Adam(lambda steps: 0.1).rates(0, 2), ValueError, r"shape \(2,\), got shape \(\)"),
        (lambda: Adam(lambda s: 1.0 - s).rates(0, 3), ValueError, "rate -1.0 for step 2"),
        (lambda: Adam(lambda s: s * np.nan).rates(4, 1), ValueError, "rate nan for step 4"),
    ],
)
def test_wrong_settings_and_wrong_rates_are_errors(make, error, words):
    with pytest.raises(error, match=words):
        make()
