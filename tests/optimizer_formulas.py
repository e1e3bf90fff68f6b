"""The formulas of the optimizers' docstrings in NumPy, and settings that use every rule.

Whatever compares optimizers loops over CASES; one without a formula or a rule without a case fails
in tests/optimizers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastmlp.optimizers import SGD, Adagrad, Adam, Adamax, AdamW, Lion, Muon, Nadam, RMSprop, Update

State = dict[str, Any]  # of one parameter; empty before the first step


def adam(how: Adam, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    m = state["m"] = how.beta1 * state.get("m", 0.0) + (1 - how.beta1) * g
    v = state["v"] = how.beta2 * state.get("v", 0.0) + (1 - how.beta2) * g**2
    if how.amsgrad:
        v = state["greatest"] = np.maximum(state.get("greatest", 0.0), v)
    m_hat, v_hat = m / (1 - how.beta1**t), v / (1 - how.beta2**t)
    return -rate * m_hat / (np.sqrt(v_hat) + how.epsilon)


def nadam(how: Nadam, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    m = state["m"] = how.beta1 * state.get("m", 0.0) + (1 - how.beta1) * g
    v = state["v"] = how.beta2 * state.get("v", 0.0) + (1 - how.beta2) * g**2
    mu = how.beta1 * (1 - 0.5 * 0.96 ** (np.arange(1, t + 2) * how.momentum_decay))  # μ₁ … μₜ₊₁
    momenta = np.cumprod(mu)
    along = mu[t] * m / (1 - momenta[t]) + (1 - mu[t - 1]) * g / (1 - momenta[t - 1])
    return -rate * along / (np.sqrt(v / (1 - how.beta2**t)) + how.epsilon)


def adamax(how: Adamax, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    m = state["m"] = how.beta1 * state.get("m", 0.0) + (1 - how.beta1) * g
    u = state["u"] = np.maximum(how.beta2 * state.get("u", 0.0), np.abs(g) + how.epsilon)
    return -rate / (1 - how.beta1**t) * m / u


def adagrad(how: Adagrad, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    s = state["s"] = state.get("s", how.initial) + g**2
    return -rate * g / (np.sqrt(s) + how.epsilon)


def lion(how: Lion, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    m = state.get("m", 0.0)
    state["m"] = how.beta2 * m + (1 - how.beta2) * g
    return -rate * np.sign(how.beta1 * m + (1 - how.beta1) * g)


def sgd(how: SGD, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    v = state["v"] = how.momentum * state.get("v", 0.0) - rate * g
    return how.momentum * v - rate * g if how.nesterov else v


def rmsprop(how: RMSprop, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    s = state["s"] = how.rho * state.get("s", 0.0) + (1 - how.rho) * g**2
    m = state["m"] = how.rho * state.get("m", 0.0) + (1 - how.rho) * g
    quotient = g / (np.sqrt(s - m**2 if how.centered else s) + how.epsilon)
    u = state["u"] = how.momentum * state.get("u", 0.0) + quotient
    return -rate * u


def muon(how: Muon, t: int, rate: float, g: np.ndarray, state: State) -> np.ndarray:
    m = state["m"] = how.momentum * state.get("m", 0.0) + (1 - how.momentum) * g
    X = how.momentum * m + (1 - how.momentum) * g if how.nesterov else m
    X = X / np.linalg.norm(X)
    rows, columns = X.shape
    for _ in range(how.ns_steps):
        A = X @ X.T
        X = 3.4445 * X + (-4.7750 * A + 2.0315 * A @ A) @ X
    original = how.scale == "original"
    factor = max(1, rows / columns) ** 0.5 if original else 0.2 * max(rows, columns) ** 0.5
    return -rate * factor * X


FORMULAS: dict[type[Update], Any] = {
    Adagrad: adagrad,
    Adam: adam,
    AdamW: adam,
    Adamax: adamax,
    Lion: lion,
    Muon: muon,
    Nadam: nadam,
    RMSprop: rmsprop,
    SGD: sgd,
}

CASES: dict[str, Update] = {
    "adam": Adam(0.02),
    "adam with decay": Adam(0.02, beta1=0.8, beta2=0.9, epsilon=1e-3, weight_decay=0.1),
    "adam without memory of the gradient": Adam(0.02, beta1=0.0),
    "amsgrad": Adam(0.02, beta2=0.5, weight_decay=0.1, amsgrad=True),
    "adamw": AdamW(0.02, weight_decay=0.2),
    "adamw by the greatest square": AdamW(0.02, beta2=0.8, amsgrad=True),
    "nadam": Nadam(0.02),
    "nadam with decay": Nadam(
        0.02, beta1=0.8, beta2=0.9, epsilon=1e-3, momentum_decay=0.5, weight_decay=0.1
    ),
    "nadam of one momentum": Nadam(0.02, momentum_decay=0.0),
    "nadam without memory of the gradient": Nadam(0.02, beta1=0.0),
    "adamax": Adamax(0.02),
    "adamax with decay": Adamax(0.02, beta1=0.8, beta2=0.7, epsilon=0.1, weight_decay=0.1),
    "adagrad": Adagrad(0.1),
    "adagrad with decay": Adagrad(0.1, initial=0.1, epsilon=1e-3, weight_decay=0.1),
    "lion": Lion(0.003),
    "lion with decay": Lion(0.003, beta1=0.95, beta2=0.98, weight_decay=1.0),
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


def step(
    how: Update, number: int, w: np.ndarray, g: np.ndarray, state: State, role: str = "weight"
) -> np.ndarray:
    """Return w after the step of this number, from 0, along the gradient g."""
    rate = how.rates(number, 1)[0]
    change = FORMULAS[type(how)](how, number + 1, rate, g, state)
    decays = how.decaying is None or role in how.decaying
    decay = how.weight_decay if decays else 0.0  # type: ignore[attr-defined]
    return w + change - rate * decay * w  # type: ignore[no-any-return]
