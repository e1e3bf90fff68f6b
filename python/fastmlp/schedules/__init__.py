"""Numbers that change while training, such as learning rates: functions of the steps taken.

A schedule is called with an int64 array of step numbers, counted from 0 over the life of the
optimizer (one step is one batch), and returns the number of each. Any function that does so
can stand in for the classes here; these are frozen dataclasses, so two of them with the same
numbers are equal and a second `fit` knows that it continues the first one. A schedule times a
number is one too: ``0.1 * CosineDecay(1e-3, steps=1000)``.

Besides learning rates, other numbers of a step may follow a schedule: ``Dropout(rate)``, and what
else says so in its own description. Each counts from the first step that it was there in: one that
takes the place of another between two fits begins with its step 0, while the moments stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastmlp import _checks, _lazy
from fastmlp.schedules.base import (
    Rates,
    Scaled,
    Schedule,
    Steps,
    check,
    checked,
    in_graph,
    rates,
)
from fastmlp.schedules.cycles import CosineRestarts, Coslog4, FlatCosine, OneCycle
from fastmlp.schedules.decays import (
    CosineDecay,
    ExponentialDecay,
    InverseScaling,
    PolynomialDecay,
    StepDecay,
)
from fastmlp.schedules.warmup import Warmup

__all__ = [
    "SCHEDULES",
    "CosineDecay",
    "CosineRestarts",
    "Coslog4",
    "ExponentialDecay",
    "FlatCosine",
    "InverseScaling",
    "OneCycle",
    "PolynomialDecay",
    "Rates",
    "Scaled",
    "Schedule",
    "StepDecay",
    "Steps",
    "Warmup",
    "check",
    "checked",
    "config",
    "from_config",
    "in_graph",
    "rates",
]

if not TYPE_CHECKING:  # which knows the names there are
    __getattr__ = _lazy.elsewhere(__name__, __all__)

# What can be saved and loaded, by class name.
SCHEDULES: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        Coslog4,
        CosineDecay,
        CosineRestarts,
        ExponentialDecay,
        FlatCosine,
        InverseScaling,
        OneCycle,
        PolynomialDecay,
        Scaled,
        StepDecay,
        Warmup,
    )
}


# What their arguments are called elsewhere.
_ARGUMENTS = {
    **dict.fromkeys(("max_lr", "max_learning_rate", "peak_value"), "write peak="),
    **dict.fromkeys(("total_steps", "decay_steps", "T_max", "max_steps"), "write steps="),
    **dict.fromkeys(("eta_min", "min_lr", "end_learning_rate", "alpha"), "write final="),
    **dict.fromkeys(("initial_learning_rate", "lr", "learning_rate"), "write initial="),
    **dict.fromkeys(("gamma", "decay_rate"), "write factor="),
    **dict.fromkeys(("step_size", "milestones"), "write every="),
    **dict.fromkeys(("T_0", "first_decay_steps"), "write period="),
    **dict.fromkeys(("T_mult", "t_mul"), "write factor="),
    **dict.fromkeys(("warmup_steps", "warmup", "total_iters"), "write steps="),
    "pct_start": "write rise=",
    "optimizer": "leave it out: give the schedule to the optimizer, Adam(schedule)",
    "epochs": "write steps=, of epochs times batches",
    "last_epoch": "leave it out: a second fit goes on where the first ended",
}
for _class in SCHEDULES.values():
    _class.__init__ = _checks.taught(_ARGUMENTS)(_class.__init__)
    _checks.frozen(_ARGUMENTS)(_class)


def config(value: Any) -> Any:
    """Return a number as it is and a schedule as JSON values, for files.

    Raises
    ------
    ValueError
        For a function of the user's, which a file cannot hold.

    Examples
    --------
    >>> config(CosineDecay(0.1, steps=100))
    {'schedule': 'CosineDecay', 'initial': 0.1, 'steps': 100, 'final': 0.0}
    """
    if not callable(value):
        return value
    kind = type(value).__name__
    if SCHEDULES.get(kind) is not type(value):
        raise ValueError(
            f"the schedule {value!r} cannot be saved: only those of fastmlp can "
            f"({', '.join(SCHEDULES)})"
        )
    return {"schedule": kind} | {name: config(given) for name, given in vars(value).items()}


def from_config(given: Any) -> Any:
    """Return the number or schedule whose `config` this is.

    Raises
    ------
    ValueError, TypeError
        If it is no such thing.

    Examples
    --------
    >>> from_config({"schedule": "CosineDecay", "initial": 0.1, "steps": 100})
    CosineDecay(initial=0.1, steps=100, final=0.0)
    """
    if not isinstance(given, dict):
        return given
    settings = dict(given)
    kind = settings.pop("schedule", None)
    if not isinstance(kind, str) or kind not in SCHEDULES:
        raise ValueError(f"no schedule is called {kind!r}; there are: {', '.join(SCHEDULES)}")
    made = {name: from_config(value) for name, value in settings.items()}
    return SCHEDULES[kind](**made)
