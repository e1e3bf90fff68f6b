"""The optimizers and the rules of the core, against the formulas of their docstrings."""

import dataclasses
from fractions import Fraction

import numpy as np
import pytest

from fastmlp import _core, optimizers
from fastmlp._core import kernels
from fastmlp.optimizers import (
    LBFGS,
    OPTIMIZERS,
    SGD,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Nadam,
    RMSprop,
)
from optimizer_formulas import CASES, FORMULAS, step


def test_every_optimizer_has_a_formula_and_every_rule_of_the_core_a_case():
    assert set(FORMULAS) == set(OPTIMIZERS.values())
    used = {how.kernel for how in CASES.values()}
    # muon's direction comes from a program: tests/training/test_muon.py
    assert used | {"assign", "muon"} == set(_core.format.optimizers)


@pytest.mark.parametrize("name", CASES)
def test_many_steps_of_the_core_are_the_formula(name):
    how, rng = CASES[name], np.random.default_rng(0)
    w, gradients, state = rng.normal(size=7), rng.normal(size=(13, 7)), {}
    W, vectors = w.copy(), [np.zeros(7) for _ in range(how.state_vectors)]
    values = how.step_values(0, 13, how.rates(0, 13))
    for number, g in enumerate(gradients):
        kernels.update(how.kernel, w, g, state=vectors, numbers=values[number], isa=_core.isa())
        W = step(how, number, W, g, state)
    np.testing.assert_allclose(w, W, rtol=1e-11)


def test_the_first_step_of_adam_moves_each_weight_by_the_learning_rate():
    adam = Adam(0.25, epsilon=1e-300)
    w, (numbers,) = np.zeros(2), adam.step_values(0, 1, adam.rates(0, 1))
    state, g = [np.zeros(2), np.zeros(2)], np.array([1e-3, -1e3])
    kernels.update("adam", w, g, state=state, numbers=numbers, isa=_core.isa())
    np.testing.assert_allclose(w, [-0.25, 0.25], rtol=1e-12)


def test_the_scalars_of_sgd_are_its_settings_and_the_rate_of_the_step():
    sgd = SGD(lambda steps: 1.0 / (1 + steps), momentum=0.9, nesterov=True, weight_decay=0.5)
    values = sgd.step_values(1, 2, sgd.rates(1, 2))
    assert sgd.kernel == "nesterov"
    np.testing.assert_allclose(values, [[1 / 2, 0.9, 1 / 4], [1 / 3, 0.9, 1 / 6]], rtol=1e-15)


def test_momentum_needs_a_velocity_and_plain_sgd_needs_no_state():
    assert SGD().state_vectors == 0
    assert SGD(momentum=0.9).state_vectors == 1
    assert Adam().state_vectors == 2
    assert RMSprop().state_vectors == 1
    assert RMSprop(momentum=0.9, centered=True).state_vectors == 3


def test_the_momenta_of_nadam_are_the_product_of_all_until_now():
    for decay in (0.0, 1e-9, 0.004, 3.0):
        how, t = Nadam(1.0, beta1=0.999, momentum_decay=decay), np.arange(1.0, 2001.0)
        mu = 0.999 * (1 - 0.5 * 0.96 ** (np.append(t, 2001.0) * decay))
        numbers, correction = how.numbers(t, np.ones(2000), 0.0), np.sqrt(1 - how.beta2**t)
        momenta = np.cumprod(mu)
        for name, expected in (
            ("ahead", mu[1:] / (1 - momenta[1:])),
            ("now", (1 - mu[:-1]) / (1 - momenta[:-1])),
        ):
            np.testing.assert_allclose(numbers[name], expected * correction, rtol=1e-10)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scalars_do_not_depend_on_how_the_steps_are_cut_into_calls(name):
    optimizer = optimizers.get(name)
    whole = optimizer.step_values(0, 11, optimizer.rates(0, 11))
    parts = [
        optimizer.step_values(first, count, optimizer.rates(first, count))
        for first, count in ((0, 1), (1, 7), (8, 3))
    ]
    assert whole.shape == (11, len(_core.format.optimizers[optimizer.kernel].numbers))
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_scalars_stay_finite_after_millions_of_steps(name):
    optimizer = optimizers.get(name)
    values = optimizer.step_values(10**9, 3, optimizer.rates(10**9, 3))
    assert np.isfinite(values).all()
    rate = values[:, :2].sum(axis=1) if name == "nadam" else values[:, 0]
    np.testing.assert_allclose(rate, optimizer.learning_rate)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_numbers_of_an_optimizer_may_be_fractions(name):
    made = OPTIMIZERS[name]()
    numbers = {f.name: getattr(made, f.name) for f in dataclasses.fields(made) if f.init}
    numbers = {key: value for key, value in numbers.items() if type(value) is float}
    odd = dataclasses.replace(made, **{key: Fraction(value) for key, value in numbers.items()})
    for first in (0, 1000):
        found, expected = (each.step_values(first, 3, each.rates(first, 3)) for each in (odd, made))
        np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_is_found_by_its_name_and_cannot_be_changed(name):
    optimizer = optimizers.get(name)
    assert optimizer == optimizers.get(optimizer) == OPTIMIZERS[name]()
    assert optimizer.kernel == ("adam" if name == "adamw" else name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        optimizer.learning_rate = 1.0


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Adam(0), ValueError, "learning_rate must be a finite number and greater than 0"),
        (lambda: Adam(-1e-3), ValueError, "got -0.001"),
        (lambda: Adam(float("nan")), ValueError, "got nan"),
        (lambda: Adam("fast"), TypeError, "learning_rate must be a number, got 'fast'"),
        (lambda: Adam(beta1=1.0), ValueError, "beta1 must be .* less than 1, got 1.0"),
        (lambda: Adam(beta2=-0.1), ValueError, "beta2 must be .* at least 0"),
        (lambda: Adam(epsilon=0), ValueError, "epsilon must be .* greater than 0"),
        (lambda: Adam(weight_decay=-1), ValueError, "weight_decay must be"),
        (lambda: SGD(momentum=1), ValueError, "momentum must be"),
        (lambda: SGD(nesterov=True), ValueError, "nesterov=True needs a momentum"),
        (lambda: SGD(momentum=0.9, nesterov=1), TypeError, "nesterov must be True or False"),
        (lambda: RMSprop(rho=1.0), ValueError, "rho must be .* less than 1, got 1.0"),
        (lambda: RMSprop(momentum=-0.1), ValueError, "momentum must be .* at least 0"),
        (lambda: RMSprop(epsilon=0), ValueError, "epsilon must be .* greater than 0"),
        (lambda: RMSprop(centered=1), TypeError, "centered must be True or False"),
        (lambda: RMSprop(weight_decay=-1), ValueError, "weight_decay must be"),
        (lambda: Adam(amsgrad=1), TypeError, "amsgrad must be True or False"),
        (lambda: AdamW(weight_decay=-1), ValueError, "weight_decay must be"),
        (lambda: Nadam(momentum_decay=-1), ValueError, "momentum_decay must be"),
        (lambda: Nadam(beta2=1), ValueError, "beta2 must be"),
        (lambda: Adamax(epsilon=0), ValueError, "epsilon must be"),
        (lambda: Adamax(weight_decay="much"), TypeError, "weight_decay must be a number"),
        (lambda: Adagrad(initial=-1), ValueError, "initial must be"),
        (lambda: Adagrad(epsilon=0), ValueError, "epsilon must be"),
        (lambda: Lion(beta2=1.0), ValueError, "beta2 must be"),
        (lambda: Lion(0), ValueError, "learning_rate must be"),
        (lambda: Adam(lr=0.1), TypeError, "Adam has no argument 'lr'; write learning_rate="),
        (lambda: AdamW(betas=(0.9, 0.99)), TypeError, "AdamW has .* write beta1= and beta2="),
        (
            lambda: SGD(momentm=0.9),
            TypeError,
            "SGD has no argument 'momentm'; did you mean 'momentum'",
        ),
        (lambda: optimizers.get("adma"), ValueError, "did you mean 'adam'"),
        (lambda: optimizers.get(None), TypeError, "optimizer must be a name in"),
        (lambda: optimizers.get(Adam), TypeError, r"got the class: write Adam\(\)"),
    ],
)
def test_wrong_settings_are_errors_that_name_the_argument(make, error, words):
    with pytest.raises(error, match=words):
        make()


# What each setting that is a number must not be; of the others nothing is bounded from above.
PAST = {
    "beta1": (-0.01, 1.0),
    "beta2": (-0.01, 1.0),
    "momentum": (-0.01, 1.0),
    "rho": (-0.01, 1.0),
    "epsilon": (0.0, -1e-9, np.inf),
    "initial": (-1e-9, np.inf),
    "momentum_decay": (-1e-9, np.inf),
    "weight_decay": (-1e-9, np.inf),
    "learning_rate": (0.0, -1e-9, np.inf),
    "clip_norm": (0.0, -1e-9),
    "clip_value": (0.0, -1e-9),
    "ema": (-0.01, 1.0),
    "ns_steps": (0, 100),
    "gradient_tolerance": (-1e-9, np.inf),
    "loss_tolerance": (-1e-9, np.inf),
    "history_size": (0, 2**20 + 1),
    "line_search_steps": (0, 2**20 + 1),
}


@pytest.mark.parametrize("kind", [*OPTIMIZERS.values(), LBFGS])
def test_every_number_of_an_optimizer_has_bounds(kind):
    optimizer, checked = kind(), 0
    for field in dataclasses.fields(optimizer):
        value = getattr(optimizer, field.name)
        if isinstance(value, (bool, str)) or field.name in ("rest", "groups"):
            continue
        for past in PAST[field.name]:
            said = f"{field.name} (must be .*, got |has no effect on the steps of Muon)"
            with pytest.raises(ValueError, match=said):
                dataclasses.replace(optimizer, **{field.name: past})
            checked += 1
    assert checked > 3
