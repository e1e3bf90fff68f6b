"""The formulas of the optimizers' docstrings in NumPy, and settings that use every rule.

Whatever compares optimizers loops over CASES; one without a formula or a rule without a case fails
in tests/optimizers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.optimizers import SGD, Adam, RMSprop, Update

State = dict[str, Any]  # of one parameter; empty before the first step


def adam(how: Adam, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    m = state["m"] = how.beta1 * state.get("m", 0.0) + (1 - how.beta1) * g
    v = state["v"] = how.beta2 * state.get("v", 0.0) + (1 - how.beta2) * g**2
    m_hat, v_hat = m / (1 - how.beta1**t), v / (1 - how.beta2**t)
    return -rate * m_hat / (np.sqrt(v_hat) + how.epsilon)


def sgd(how: SGD, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    v = state["v"] = how.momentum * state.get("v", 0.0) - rate * g
    return how.momentum * v - rate * g if how.nesterov else v


def rmsprop(how: RMSprop, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    s = state["s"] = how.rho * state.get("s", 0.0) + (1 - how.rho) * g**2
    m = state["m"] = how.rho * state.get("m", 0.0) + (1 - how.rho) * g
    quotient = g / (np.sqrt(s - m**2 if how.centered else s) + how.epsilon)
    u = state["u"] = how.momentum * state.get("u", 0.0) + quotient
    return -rate * u


FORMULAS: dict[type[Update], Any] = {Adam: adam, RMSprop: rmsprop, SGD: sgd}

CASES: dict[str, Update] = {
    "adam": Adam(0.02),
    "adam with decay": Adam(0.02, beta1=0.8, beta2=0.9, epsilon=1e-3, weight_decay=0.1),
    "adam without memory of the gradient": Adam(0.02, beta1=0.0),
    "sgd": SGD(0.1),
    "sgd with decay": SGD(0.1, weight_decay=0.2),
    "momentum": SGD(0.1, momentum=0.9),
    "momentum with decay": SGD(0.1, momentum=0.9, weight_decay=0.01),
    "nesterov": SGD(0.1, momentum=0.8, nesterov=True, weight_decay=0.1),
    "rmsprop": RMSprop(),
    "rmsprop with decay and momentum": RMSprop(0.02, rho=0.9, momentum=0.8, weight_decay=0.1),
    "centered": RMSprop(0.02, epsilon=1e-3, centered=True),
    "centered with momentum": RMSprop(0.02, rho=0.8, momentum=0.9, epsilon=0.1, centered=True),
}


def step(how: Update, number: int, w: np.ndarray, g: np.ndarray, state: State) -> np.ndarray:
    """Return w after the step of this number, from 0, along the gradient g."""
    rate = how.rates(number, 1)[0]
    change = FORMULAS[type(how)](how, number + 1, rate, g, state)
    return w + change - rate * how.weight_decay * w  # type: ignore[attr-defined,no-any-return]
