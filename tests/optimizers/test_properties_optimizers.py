"""Whatever the arguments of optimizers and schedules: rates of every step, or a refusal by name."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastmlp import schedules
from fastmlp.optimizers import OPTIMIZERS
from properties import REFUSED, attempt, good_arguments, one_replaced

NAMES = {"initial": 0.1, "peak": 0.1, "factor": 0.5, "every": 10, "steps": 10, "period": 10}
SCHEDULES = {
    name: good_arguments(cls, {**NAMES, "after": 0.1, "of": schedules.CosineDecay(0.1, 10)})
    for name, cls in sorted(vars(schedules).items())
    if dataclasses.is_dataclass(cls)
}
RULES = {name: good_arguments(cls, {}) for name, cls in OPTIMIZERS.items()}
RULES["sgd"].update(momentum=0.9, nesterov=True)
RULES["rmsprop"].update(momentum=0.9, centered=True)
STEPS = np.array([0, 1, 2, 9, 10, 1000, 2**40], np.int64)


@pytest.mark.parametrize("name", SCHEDULES)
@given(st.data())
def test_a_schedule_has_a_rate_for_every_step_or_refuses_an_argument_by_name(name, data):
    wrong, arguments = data.draw(one_replaced(SCHEDULES[name]))
    schedule = attempt(lambda: getattr(schedules, name)(**arguments), wrong)
    if schedule is REFUSED:
        return
    known = ["schedule"] if callable(arguments[wrong]) else ["no refusal any more"]
    rates = attempt(lambda: schedules.rates(schedule, STEPS), *known)
    if rates is not REFUSED:
        assert rates.shape == STEPS.shape
        assert (np.isfinite(rates) & (rates >= 0)).all()


@pytest.mark.parametrize("name", RULES)
@given(st.data())
def test_an_optimizer_has_numbers_for_every_step_or_refuses_an_argument_by_name(name, data):
    wrong, arguments = data.draw(one_replaced(RULES[name]))
    rule = attempt(lambda: OPTIMIZERS[name](**arguments), wrong)
    if rule is REFUSED or callable(arguments[wrong]):
        return  # what a function returns is asked later
    for first in (0, 1, 1000, 10**9):
        assert np.isfinite(rule.step_values(first, 5, rule.rates(first, 5))).all()
