"""Learning rates as functions of the step number."""

import dataclasses
import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import schedules
from fastmlp.optimizers import SGD, Adam
from fastmlp.schedules import (
    CosineDecay,
    CosineRestarts,
    Coslog4,
    ExponentialDecay,
    FlatCosine,
    InverseScaling,
    OneCycle,
    PolynomialDecay,
    StepDecay,
    Warmup,
)

DECAYS = [
    ExponentialDecay(0.1, factor=0.9, every=7),
    StepDecay(0.1, factor=0.5, every=3),
    InverseScaling(0.1, power=0.7),
    CosineDecay(0.1, steps=11, final=0.01),
    PolynomialDecay(0.1, steps=11, final=0.01, power=1.5),
    FlatCosine(0.1, steps=11, flat=0.4, final=0.02),
]
SCHEDULES = [
    *DECAYS,
    OneCycle(0.1, steps=11),
    CosineRestarts(0.1, period=3, factor=2, final=0.01),
    CosineRestarts(0.1, period=3),
    Coslog4(0.1, steps=11),
    Warmup(5, after=0.1),
    Warmup(1, after=CosineDecay(0.1, steps=4)),
    0.5 * CosineDecay(0.2, steps=11),
]


def cosine(first, last, part):
    return last + (first - last) * (1 + math.cos(math.pi * part)) / 2


def one_cycle(s, peak, steps, rise, divide, final_divide):
    """As PyTorch's OneCycleLR has it, whose first phase ends at step rise · steps − 1."""
    s, top = min(s, steps - 1), rise * steps - 1
    if s <= top:
        return cosine(peak / divide, peak, s / top)
    return cosine(peak, peak / divide / final_divide, (s - top) / (steps - 1 - top))


def restarted(s, initial, period, factor, final):
    while s >= period:
        s, period = s - period, period * factor
    return cosine(initial, final, s / period)


# The rate of one step, as the docstring of the schedule has it; none of its settings is a default.
FORMULAS = [
    (ExponentialDecay(0.3, factor=0.9, every=7), lambda s: 0.3 * 0.9 ** (s / 7)),
    (StepDecay(0.3, factor=0.5, every=3), lambda s: 0.3 * 0.5 ** (s // 3)),
    (InverseScaling(0.3, power=0.7), lambda s: 0.3 / (s + 1) ** 0.7),
    (CosineDecay(0.3, steps=11, final=0.1), lambda s: cosine(0.3, 0.1, min(s, 11) / 11)),
    (
        PolynomialDecay(0.3, steps=11, final=0.1, power=1.5),
        lambda s: 0.1 + 0.2 * (1 - min(s, 11) / 11) ** 1.5,
    ),
    (
        FlatCosine(0.3, steps=11, flat=0.4, final=0.1),
        lambda s: cosine(0.3, 0.1, max(min(s, 11) / 11 - 0.4, 0) / 0.6),
    ),
    (
        OneCycle(0.3, steps=11, rise=0.4, divide=5, final_divide=7),
        lambda s: one_cycle(s, 0.3, 11, 0.4, 5, 7),
    ),
    (
        OneCycle(0.3, steps=2, rise=0.3, divide=5, final_divide=7),
        lambda s: one_cycle(s, 0.3, 2, 0.3, 5, 7),
    ),
    (
        CosineRestarts(0.3, period=3, factor=2, final=0.1),
        lambda s: restarted(s, 0.3, 3, 2, 0.1),
    ),
    (CosineRestarts(0.3, period=3, final=0.1), lambda s: restarted(s, 0.3, 3, 1, 0.1)),
    (
        Coslog4(0.3, steps=11),
        lambda s: 0.15 * (1 - math.cos(2 * math.pi * math.log2(1 + 15 * min(s, 11) / 11))),
    ),
    (Warmup(5, after=0.3), lambda s: 0.3 * min((s + 1) / 5, 1)),
    (
        Warmup(3, after=InverseScaling(0.3, power=0.5)),
        lambda s: 0.3 * (s + 1) / 3 if s < 3 else 0.3 / (s - 2) ** 0.5,
    ),
    (3 * InverseScaling(0.1, power=0.5), lambda s: 0.3 / (s + 1) ** 0.5),
]


@pytest.mark.parametrize(("schedule", "formula"), FORMULAS, ids=lambda given: repr(given)[:60])
def test_a_schedule_is_its_formula(schedule, formula):
    expected = [formula(s) for s in range(40)]
    np.testing.assert_allclose(schedule(np.arange(40)), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(
    ("schedule", "name"),
    [(each, field.name) for each, _ in FORMULAS for field in dataclasses.fields(each)],
    ids=lambda given: given if isinstance(given, str) else repr(given)[:60],
)
def test_no_setting_of_a_schedule_is_below_nought_or_text(schedule, name):
    with pytest.raises((TypeError, ValueError), match=rf"^{name} must be .*got 'fast'"):
        dataclasses.replace(schedule, **{name: "fast"})
    if name != "of":
        with pytest.raises(ValueError, match=rf"^{name} must be .*got -1"):
            dataclasses.replace(schedule, **{name: -1})


# The smallest and largest settings that there are.
AT_THE_EDGE = [
    (ExponentialDecay(0.3, factor=1, every=1), [0.3, 0.3, 0.3]),
    (StepDecay(0.3, factor=0.5, every=1), [0.3, 0.15, 0.075]),
    (InverseScaling(0.3, power=0), [0.3, 0.3, 0.3]),
    (CosineDecay(0.3, steps=1), [0.3, 0, 0]),
    (PolynomialDecay(0.3, steps=1, power=0.5), [0.3, 0, 0]),
    (PolynomialDecay(0.4, steps=4, power=0.5), [0.4, 0.4 * 0.75**0.5, 0.4 * 0.5**0.5]),
    (FlatCosine(0.3, steps=1, flat=0), [0.3, 0, 0]),
    (OneCycle(0.3, steps=2, rise=0.5, divide=1, final_divide=1), [0.3, 0.3, 0.3]),
    (OneCycle(0.3, steps=2, rise=0.5, divide=2, final_divide=3), [0.3, 0.05, 0.05]),
    (CosineRestarts(0.3, period=1, factor=1), [0.3, 0.3, 0.3]),
    (Coslog4(0.3, steps=1), [0, 0, 0]),
    (Warmup(1, after=0.3), [0.3, 0.3, 0.3]),
    (0 * Warmup(1, after=0.3), [0, 0, 0]),
]


@pytest.mark.parametrize(("schedule", "expected"), AT_THE_EDGE, ids=lambda given: repr(given)[:60])
def test_settings_at_the_edge_of_what_may_be_are_taken(schedule, expected):
    np.testing.assert_allclose(schedule(np.arange(3)), expected, atol=1e-15)
    assert schedule(np.arange(0)).shape == (0,)


@pytest.mark.parametrize("real", [np.float16, np.float32, Fraction])
@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_the_type_of_a_number_does_not_matter(schedule, real):
    plain, others = {}, {}
    for own in dataclasses.fields(schedule):
        value = getattr(schedule, own.name)
        if not callable(value):
            others[own.name] = np.int8(value) if own.type == "int" else real(value)
            plain[own.name] = value if own.type == "int" else float(real(value))
    far = np.array([0, 1, 3, 10, 200, 1000, 2**40])
    found, expected = (dataclasses.replace(schedule, **each) for each in (others, plain))
    np.testing.assert_array_equal(found(far), expected(far))


def test_every_schedule_of_the_module_is_tested_here():
    assert {type(schedule) for schedule, _ in FORMULAS} == {type(each) for each in SCHEDULES}
    assert set(schedules.SCHEDULES.values()) == {type(schedule) for schedule in SCHEDULES}


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_schedule_gives_each_step_its_rate_whatever_else_is_asked(schedule):
    steps = np.arange(23)
    whole = schedule(steps)
    assert whole.shape == (23,)
    assert whole.dtype == np.float64
    for step in steps:
        assert schedule(steps[step : step + 1])[0] == whole[step]


@pytest.mark.parametrize("schedule", DECAYS, ids=repr)
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


def test_a_number_times_a_schedule_is_a_schedule():
    decay = CosineDecay(0.1, steps=10)
    steps = np.arange(12)
    np.testing.assert_array_equal((0.1 * decay)(steps), 0.1 * decay(steps))
    assert 0.1 * decay == decay * 0.1 == schedules.Scaled(decay, 0.1)
    np.testing.assert_allclose((2 * (3 * decay))(steps), 6 * decay(steps))
    with pytest.raises(ValueError, match=r"factor must be .* at least 0, got -1"):
        -1 * decay
    with pytest.raises(TypeError, match=r"factor must be a number, got 'twice'"):
        schedules.Scaled(decay, "twice")
    with pytest.raises(TypeError, match=r"of must be a schedule, got 0.1"):
        schedules.Scaled(0.1, 2)
    with pytest.raises(TypeError, match=r"of must be .* got the class CosineDecay"):
        schedules.Scaled(CosineDecay, 2)
    with pytest.raises(TypeError):
        decay * decay


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
        (lambda: StepDecay(1, 1.5, 1), ValueError, "factor must be .* at most 1, got 1.5"),
        (lambda: CosineDecay(0.1, 10, final=0.2), ValueError, "final must be .* at most 0.1"),
        (lambda: PolynomialDecay(0.1, 10, final=0.2), ValueError, "final must be .* at most 0.1"),
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


def test_one_cycle_rises_to_its_peak_and_falls_below_where_it_began():
    rates = OneCycle(0.5, steps=20, rise=0.25, divide=10, final_divide=100)(np.arange(30))
    # Half cosines between the steps 0, 4 and 19, as PyTorch's OneCycleLR has them.
    np.testing.assert_allclose(rates[[0, 2, 4, 19, 29]], [0.05, 0.275, 0.5, 0.0005, 0.0005])
    np.testing.assert_allclose(rates[9], 0.0005 + 0.4995 * (1 + np.cos(np.pi / 3)) / 2)
    assert (np.diff(rates[:5]) > 0).all()
    assert (np.diff(rates[4:20]) < 0).all()


def test_restarts_come_after_periods_that_grow():
    rates = CosineRestarts(1.0, period=2, factor=3)(np.arange(30))
    assert np.flatnonzero(rates == 1.0).tolist() == [0, 2, 8, 26]
    np.testing.assert_allclose(rates[5], 0.5)
    far = CosineRestarts(1.0, period=7)(np.array([7 * 10**12 + 3]))
    np.testing.assert_allclose(far, 0.5 * (1 + np.cos(np.pi * 3 / 7)))


def test_coslog4_has_four_waves_which_end_at_zero():
    schedule = Coslog4(2.0, steps=15_000)
    ends = np.array([0, 1000, 3000, 7000, 15_000, 20_000])
    np.testing.assert_allclose(schedule(ends), 0, atol=1e-12)
    for begin, end in pairwise(ends[:5]):
        assert schedule(np.arange(begin, end)).max() == pytest.approx(2.0, rel=1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_a_schedule_comes_back_from_its_config(schedule):
    assert schedules.from_config(schedules.config(schedule)) == schedule


def test_what_a_file_cannot_hold_or_does_not_hold_is_told():
    with pytest.raises(ValueError, match=r"the schedule <function .* cannot be saved"):
        schedules.config(lambda steps: 1.0 / (1 + steps))
    with pytest.raises(ValueError, match="no schedule is called 'Zigzag'"):
        schedules.from_config({"schedule": "Zigzag"})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: OneCycle(0.1, steps=1), "steps"),
        (lambda: OneCycle(0.1, steps=10, rise=1), "rise"),
        (lambda: CosineRestarts(0.1, period=0), "period"),
        (lambda: CosineRestarts(0.1, period=3, final=0.2), "final"),
        (lambda: PolynomialDecay(0.1, steps=3, power=0), "power"),
        (lambda: FlatCosine(0.1, steps=3, flat=1), "flat"),
        (lambda: Coslog4(-0.1, steps=3), "initial"),
    ],
)
def test_a_number_out_of_range_is_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


# ------------------------------------------------------------------------- schedules of dropout


def fitted(rate, *, dtype="float32", threads=None, calls=(6,)):
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(40, 5)), rng.normal(size=(40, 2))
    layers = [fm.Dense(16, "tanh"), fm.Dropout(rate), fm.Dense(2)]
    model = fm.Sequential([fm.Input(5), *layers], seed=1, dtype=dtype)
    optimizer = fm.SGD(0.05)
    for epochs in calls:
        model.fit(X, t, optimizer=optimizer, epochs=epochs, batch_size=16, shuffle=False)
    return model


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_constant_schedule_of_dropout_is_dropout(dtype):
    plain, scheduled = fitted(0.25, dtype=dtype), fitted(lambda s: 0.25 + 0 * s, dtype=dtype)
    np.testing.assert_array_equal(plain.parameters.flat, scheduled.parameters.flat)


def test_each_step_has_its_rate_of_dropout_and_a_second_fit_goes_on():
    switch = fitted(lambda steps: np.where(steps < 9, 0.5, 0.0))
    first = fitted(0.5, calls=(3,))
    first.layers[1].rate = 0.0
    rng = np.random.default_rng(0)
    X, t = rng.normal(size=(40, 5)), rng.normal(size=(40, 2))
    first.fit(X, t, optimizer=fm.SGD(0.05), epochs=3, batch_size=16, shuffle=False)
    np.testing.assert_array_equal(first.parameters.flat, switch.parameters.flat)


def test_a_schedule_of_dropout_out_of_bounds_is_told_before_anything_changes():
    model = fitted(FlatCosine(0.5, steps=10))
    before = model.parameters.flat.copy()
    model.layers[1].rate = lambda steps: 1.0 + 0 * steps
    with pytest.raises(ValueError, match=r"returned the rate of dropout 1.0 for step 0; expected"):
        model.fit(np.ones((4, 5)), np.ones((4, 2)), epochs=1)
    np.testing.assert_array_equal(model.parameters.flat, before)
    with pytest.raises(TypeError, match="rate must be a number or a schedule, got the class"):
        fm.Dropout(FlatCosine)


def test_a_scheduled_dropout_is_saved_and_read(tmp_path):
    model = fitted(FlatCosine(0.5, steps=10))
    model.save(tmp_path / "m.safetensors")
    read = fm.load(tmp_path / "m.safetensors")
    assert read.layers[1].rate == FlatCosine(0.5, steps=10)
    assert "FlatCosine" in repr(read.layers[1])


# ------------------------------------------------------------------ schedules of label smoothing


@pytest.mark.parametrize("kind", [fm.losses.CrossEntropy, fm.losses.BinaryCrossEntropy])
def test_each_step_has_its_label_smoothing(kind, tmp_path):
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(40, 5)), rng.integers(0, 3, 40)
    output, t = ("softmax", labels) if kind is fm.losses.CrossEntropy else ("logistic", labels > 1)
    columns = [5, 8, 3 if output == "softmax" else 1]

    def fitted(*smoothing, epochs):
        model = fm.MLP(columns, "tanh", output, seed=1, dtype="float64")
        for each in smoothing:
            loss = kind(label_smoothing=each)
            history = model.fit(
                X, t, loss=loss, optimizer=fm.SGD(0.1), epochs=epochs, batch_size=20, shuffle=False
            )
        return model, history

    ours, history = fitted(StepDecay(0.2, factor=0.5, every=4), epochs=4)
    expected, again = fitted(0.2, 0.1, epochs=2)
    np.testing.assert_allclose(ours.parameters.flat, expected.parameters.flat, rtol=1e-12)
    np.testing.assert_allclose(history["loss"][2:], again["loss"], rtol=1e-12)
    ours.save(tmp_path / "m.safetensors")
    assert fm.load(tmp_path / "m.safetensors").evaluate(X, t) == ours.evaluate(X, t)
    assert ours.evaluate(X, t)["loss"] == pytest.approx(
        ours.evaluate(X, t, loss=kind(label_smoothing=0.2))["loss"], rel=1e-12
    )


def test_a_label_smoothing_out_of_bounds_is_told():
    with pytest.raises(ValueError, match="label_smoothing must be a finite number and at least 0"):
        fm.losses.CrossEntropy(label_smoothing=1.5)
    loss = fm.losses.CrossEntropy(label_smoothing=lambda steps: 1.0 + steps)
    model = fm.MLP([2, 3], output="softmax", seed=0)
    with pytest.raises(ValueError, match=r"returned the label smoothing 1\.0 for step 0"):
        model.fit(np.ones((4, 2)), [0, 1, 2, 0], loss=loss)


@pytest.mark.parametrize(
    "given", [["a"], ["0.1"], [1j], [[0.1], [0.1, 0.2]], [np.datetime64("2020-01-01")], [{}]]
)
def test_a_schedule_that_returns_no_numbers_is_told_of_by_what_it_is_for(given):
    def odd(steps):
        return given * len(steps)

    match = "the schedule .*odd.* must return one {} for each step, got no numbers: ".format
    model = fm.Sequential([fm.Dropout(odd), fm.Dense(1)], input_columns=2, seed=0)
    with pytest.raises(TypeError, match=match("rate of dropout")):
        model.fit(np.ones((4, 2)), np.ones(4))
    model.layers[0].rate = 0.0
    with pytest.raises(TypeError, match=match("learning rate")):
        model.fit(np.ones((4, 2)), np.ones(4), optimizer=fm.SGD(odd))
    with pytest.raises(TypeError, match=match("weight decay")):
        model.trainer(optimizer=fm.AdamW(0.1, weight_decay=odd)).step(np.ones((4, 2)), np.ones(4))


@pytest.mark.parametrize(
    "schedule",
    [
        lambda s: 0.1 * math.exp(-s),
        lambda s: 0.1 if s < 2 else 0.01,
        lambda s: min(0.1, 1 / (s + 1)),
    ],
)
def test_a_schedule_written_for_one_number_is_told_that_it_gets_many(schedule):
    model = fm.MLP([1, 1], seed=0)
    with pytest.raises(TypeError, match=r"is called with an array .* write np.exp, np.minimum and"):
        model.fit([[1.0]], [1.0], optimizer=fm.SGD(schedule), epochs=3, verbose=False)


class Told(fm.Callback):
    def __init__(self):
        self.begun = 0

    def on_fit_begin(self, model, names):
        self.begun += 1


SMOOTHING = fm.losses.BinaryCrossEntropy(label_smoothing=lambda s: s - 0.5)


@pytest.mark.parametrize(
    ("layer", "how"),
    [
        (fm.Scale(), {"optimizer": fm.Adam(lambda s: s * np.nan)}),
        (fm.Scale(), {"optimizer": fm.AdamW(0.1, weight_decay=lambda s: 0.5 - s)}),
        (fm.Scale(), {"optimizer": fm.SGD(groups={"bias": {"learning_rate": lambda s: -1.0 - s}})}),
        (fm.Dropout(lambda s: s + 0.5), {}),
        (fm.GaussianNoise(lambda s: -1.0 - s), {"optimizer": "adamw"}),
        (fm.Scale(), {"loss": SMOOTHING}),
        (fm.Scale(), {"loss": SMOOTHING, "optimizer": "lbfgs"}),
    ],
)
def test_a_schedule_that_is_wrong_in_the_first_epoch_is_told_before_the_callbacks_are(layer, how):
    rng = np.random.default_rng(0)
    X, t, told = rng.normal(size=(40, 3)), rng.integers(0, 2, 40), Told()
    model = fm.Sequential([fm.Dense(4), layer, fm.Dense(1, "logistic")], seed=0)
    with pytest.raises(ValueError, match=r"the schedule <.* for step \d"):
        model.fit(X, t, epochs=2, callbacks=[told], **how)
    with pytest.raises(ValueError, match="does not know its number"):  # as if nobody had asked
        model.get_weights()
    model.build(3)
    twin = model.copy()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"the schedule <.* for step \d"):
            model.fit(X, t, epochs=2, callbacks=[told], **how)
        if not isinstance(layer, fm.Scale):
            return
        # The next fit has the random numbers and the optimizer's state that it would have had.
        model.fit(X, t, optimizer="adamw", epochs=1)
        twin.fit(X, t, optimizer="adamw", epochs=1)
        np.testing.assert_array_equal(model.parameters.flat, twin.parameters.flat)
    assert told.begun == 0


def test_a_schedule_that_is_wrong_for_one_member_is_told_before_callbacks_hear_of_any():
    members, told = fm.Members(fm.MLP([3, 1], seed=0), 2), [Told(), Told()]
    optimizers = [fm.SGD(0.1), fm.SGD(lambda s: s - 1.0)]
    with pytest.raises(ValueError, match=r"rate -1\.0 for step 0"):
        members.fit(
            np.ones((4, 3)), np.ones(4), optimizer=optimizers, callbacks=lambda i: [told[i]]
        )
    assert [each.begun for each in told] == [0, 0]
