"""Losses with settings: value and gradient beside NumPy's, at awkward points; names; files."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, log_expit, log_softmax, softmax

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import losses, planner
from fastmlp.planner.parameters import Parameters

RNG = np.random.default_rng(3)


def one_hot(t, n):
    return np.eye(n)[t[:, 0].astype(int)]


def smoothed_cross_entropy(z, t, smoothing, weights):
    n = z.shape[1]
    t = (1 - smoothing) * (one_hot(t, n) if t.shape[1] == 1 else t) + smoothing / n
    t = t * weights
    return -(t * log_softmax(z, 1)).sum(1), softmax(z, 1) * t.sum(1, keepdims=True) - t


def binary_cross_entropy(z, t, smoothing, no, yes, mean):
    t = (1 - smoothing) * t + smoothing / 2
    each = -yes * t * log_expit(z) - no * (1 - t) * log_expit(-z)
    slope = -yes * t * expit(-z) + no * (1 - t) * expit(z)
    n = z.shape[1] if mean else 1
    return each.sum(1) / n, slope / n


def huber(z, t, delta):
    d = z - t
    each = np.where(np.abs(d) <= delta, d**2 / 2, delta * (np.abs(d) - delta / 2))
    return each.mean(1), np.clip(d, -delta, delta) / z.shape[1]


def quantile(z, t, levels):
    q, e = np.repeat(levels, t.shape[1]), np.tile(t, len(levels)) - z
    slope = np.where(e > 0, -q, np.where(e < 0, 1 - q, 0))
    return np.maximum(q * e, (q - 1) * e).mean(1), slope / z.shape[1]


def cosine(z, t):
    a, b = (np.linalg.norm(v, axis=1, keepdims=True) for v in (z, t))
    a, b = np.where(a > 0, a, 1), np.where(b > 0, b, 1)
    cos = (z * t).sum(1, keepdims=True) / a / b
    return 1 - cos[:, 0], -(t / b - cos * z / a) / a


def gaussian(z, t, phi, slope, floor, full):
    n = t.shape[1]
    m, a = z[:, :n], z[:, n:]
    v, d = phi(a) + floor, m - t
    each = 0.5 * (np.log(v) + d**2 / v) + full * 0.5 * np.log(2 * np.pi)
    by_v = 0.5 / v - 0.5 * d**2 / v**2
    return each.mean(1), np.hstack([d / v, by_v * slope(a)]) / n


def focal(z, t, gamma, alpha):
    log_y, n = log_softmax(z, 1), z.shape[1]
    hot = one_hot(t, n)
    log_p = (hot * log_y).sum(1)
    rest = (softmax(z, 1) * (1 - hot)).sum(1)
    alpha = (hot * alpha).sum(1)
    by_m = -alpha * rest**gamma * (rest - gamma * np.exp(log_p) * log_p)
    by_m = np.where(rest > 0, by_m / np.where(rest > 0, rest, 1), 0)
    return -alpha * rest**gamma * log_p, by_m[:, None] * (hot - softmax(z, 1))


def binary_focal(z, t, gamma, no, yes):
    def part(m):  # −(1 − p)^γ log p and its derivative by m
        p, q, log_p = expit(m), expit(-m), log_expit(m)
        return -(q**gamma) * log_p, -(q**gamma) * (q - gamma * p * log_p)

    (right, by_right), (wrong, by_wrong) = part(z), part(-z)
    each = yes * t * right + no * (1 - t) * wrong
    slope = yes * t * by_right - no * (1 - t) * by_wrong
    return each.mean(1), slope / z.shape[1]


def kl(z, t):
    log_y = log_softmax(z, 1)
    each = np.where(t > 0, t * (np.log(np.where(t > 0, t, 1)) - log_y), 0)
    return each.sum(1), softmax(z, 1) * t.sum(1, keepdims=True) - t


NUMBERS = np.array([[0.0, 2.0], [1.0, -1.0], [-3.0, 40.0], [0.5, 1e-4], [1e4, -7.0]])
TARGETS = np.array([[0.0, 0.0], [0.0, 0.0], [-3.0, -1.0], [0.5, 0.0], [-1e4, -7.0]])
LOGITS = np.array([[0, 0, 0], [9, -9, 1], [-60, 0, 60], [30, -1, 2], [1, 2, 3.0]])
LABELS = np.array([[0], [1], [2], [0], [2.0]])
SURE = np.array([[-60.0, 30.0], [0.0, -30.0], [1.5, 60.0], [0.2, -0.2]])
YES_NO = np.array([[0.0, 1.0], [1.0, 0.0], [0.3, 0.0], [1.0, 1.0]])
SHARES = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 0, 1], [0.2, 0.3, 0.5], [1, 1, 1.0]])
SHARES /= SHARES.sum(1, keepdims=True)
SPREAD = np.array([[0.0, 1.0, -3.0, 0.0], [2.0, -1.0, 1.0, 4.0], [0.1, 0.2, -20.0, 0.5]])
COUNTS = np.array([[0.0, 3.0], [1.0, 0.0], [7.0, 2.0], [0, 1.0], [2.0, 2.0]])
LOG_RATES = np.array([[0.0, 2.0], [1.0, -1.0], [-3.0, 4.0], [0.5, 1e-4], [-50.0, 1.0]])
ONE = np.array([[0.5], [-0.5], [3.0]])

CASES = {
    "mse": ("mse", "identity", NUMBERS, TARGETS, lambda z, t: (((z - t) ** 2).mean(1), z - t)),
    "mae": (
        *("mae", "identity", NUMBERS, TARGETS),
        lambda z, t: (np.abs(z - t).mean(1), np.sign(z - t) / 2),
    ),
    "mae of one": (
        *("mae", "identity", ONE, ONE[::-1].copy()),
        lambda z, t: (np.abs(z - t)[:, 0], np.sign(z - t)),
    ),
    "huber": ("huber", "identity", NUMBERS, TARGETS, lambda z, t: huber(z, t, 1)),
    "huber 2": (losses.Huber(2), "identity", NUMBERS, TARGETS, lambda z, t: huber(z, t, 2)),
    "log_cosh": (
        *("log_cosh", "identity", NUMBERS, TARGETS),
        lambda z, t: (
            (np.logaddexp(z - t, t - z) - np.log(2)).mean(1),
            np.tanh(z - t) / 2,
        ),
    ),
    "quantile": ("quantile", "identity", NUMBERS, TARGETS, lambda z, t: quantile(z, t, [0.5])),
    "quantiles": (
        *(losses.Quantile((0.1, 0.9)), "identity", NUMBERS, TARGETS[:, :1]),
        lambda z, t: quantile(z, t, [0.1, 0.9]),
    ),
    "quantiles of two": (
        *(losses.Quantile([0.25, 0.75]), "identity", SPREAD, TARGETS[:3]),
        lambda z, t: quantile(z, t, [0.25, 0.75]),
    ),
    "cosine": ("cosine_similarity", "identity", NUMBERS, TARGETS, cosine),
    "poisson": (
        *("poisson", "exp", LOG_RATES, COUNTS),
        lambda z, t: ((np.exp(z) - t * z).mean(1), (np.exp(z) - t) / 2),
    ),
    "poisson of log rates": (
        *("poisson", "identity", LOG_RATES, COUNTS),
        lambda z, t: ((np.exp(z) - t * z).mean(1), (np.exp(z) - t) / 2),
    ),
    "kl_divergence": ("kl_divergence", "softmax", LOGITS, SHARES, kl),
    "kl_divergence of labels": (
        *("kl_divergence", "softmax", LOGITS, LABELS),
        lambda z, t: kl(z, one_hot(t, 3)),
    ),
    "gaussian_nll": (
        *("gaussian_nll", "identity", SPREAD, TARGETS[:3]),
        lambda z, t: gaussian(z, t, np.exp, np.exp, 1e-6, False),
    ),
    "gaussian_nll softplus": (
        *(losses.GaussianNLL("softplus", 0.01, full=True), "identity", SPREAD, TARGETS[:3]),
        lambda z, t: gaussian(z, t, lambda a: np.logaddexp(0, a), expit, 0.01, True),
    ),
    "smoothed": (
        *(losses.CrossEntropy(label_smoothing=0.1), "softmax", LOGITS, LABELS),
        lambda z, t: smoothed_cross_entropy(z, t, 0.1, np.ones(3)),
    ),
    "weighed": (
        *(losses.CrossEntropy(class_weight={0: 2, 2: 0}), "softmax", LOGITS, LABELS),
        lambda z, t: smoothed_cross_entropy(z, t, 0, [2, 1, 0]),
    ),
    "smoothed, weighed, probabilities": (
        *(losses.CrossEntropy(0.2, [1, 3, 0.5]), "softmax", LOGITS, SHARES),
        lambda z, t: smoothed_cross_entropy(z, t, 0.2, [1, 3, 0.5]),
    ),
    "bce": (
        "bce",
        "logistic",
        SURE,
        YES_NO,
        lambda z, t: binary_cross_entropy(z, t, 0, 1, 1, True),
    ),
    "binary smoothed": (
        *(losses.BinaryCrossEntropy(0.1), "logistic", SURE, YES_NO),
        lambda z, t: binary_cross_entropy(z, t, 0.1, 1, 1, False),
    ),
    "binary weighed": (
        *(losses.BinaryCrossEntropy(class_weight={1: 3}), "logistic", SURE, YES_NO),
        lambda z, t: binary_cross_entropy(z, t, 0, 1, 3, False),
    ),
    "focal": ("focal", "softmax", LOGITS, LABELS, lambda z, t: focal(z, t, 2, np.ones(3))),
    "focal ½": (
        *(losses.Focal(0.5, alpha=[1, 2, 0.25]), "softmax", LOGITS, LABELS),
        lambda z, t: focal(z, t, 0.5, np.array([1, 2, 0.25])),
    ),
    "focal 0": (
        *(losses.Focal(0, alpha=0.5), "softmax", LOGITS, LABELS),
        lambda z, t: focal(z, t, 0, np.full(3, 0.5)),
    ),
    "binary_focal": (
        *("binary_focal", "logistic", SURE, YES_NO),
        lambda z, t: binary_focal(z, t, 2, 1, 1),
    ),
    "binary_focal α": (
        *(losses.BinaryFocal(1.5, 0.25), "logistic", SURE, YES_NO),
        lambda z, t: binary_focal(z, t, 1.5, 0.75, 0.25),
    ),
}


def graph_of(spec, output, z, t):
    z_node, t_node = g.input(z.shape[1], "z"), g.input(t.shape[1], "t")
    each = losses.get(spec)(getattr(g, output)(z_node), t_node)
    return each, z_node, {z_node: z, t_node: t}


@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient_are_those_of_the_formula(case):
    spec, output, z, t, formula = CASES[case]
    each, z_node, feeds = graph_of(spec, output, z, t)
    value, slope = formula(z, t)
    for run, rtol, atol in (
        (lambda nodes: g.reference.evaluate(nodes, feeds), 1e-12, 1e-14),
        (lambda nodes: g.run(nodes, feeds, "float64"), 1e-12, 1e-14),
        (lambda nodes: g.run(nodes, feeds), 1e-5, 1e-6),
    ):
        found, found_slope = run([each, g.gradient(g.sum(each), z_node)])
        np.testing.assert_allclose(found[:, 0], value, rtol=rtol, atol=atol)
        np.testing.assert_allclose(found_slope, slope, rtol=rtol, atol=atol)


@pytest.mark.parametrize("case", CASES)
def test_first_and_second_derivatives_are_checked(case):
    spec, output, z, t, _ = CASES[case]
    z = RNG.normal(size=z.shape)  # away from the kinks
    each, z_node, feeds = graph_of(spec, output, z, t)
    g.check_gradients(g.sum(each), feeds, wrt=[z_node])
    bar = g.input(z.shape[1], "bar")
    second = g.sum(g.gradient(g.sum(each), z_node) * bar)
    if z_node in g.topological_order(second):
        g.check_gradients(second, {**feeds, bar: RNG.normal(size=z.shape)}, [z_node])


@pytest.mark.parametrize(
    ("spec", "output", "sure"),
    [
        ("focal", "softmax", lambda m: (np.exp(-m) / (1 + np.exp(-m))) ** 2 * np.log1p(np.exp(-m))),
        ("binary_focal", "logistic", lambda m: expit(-m) ** 2 * np.log1p(np.exp(-m))),
        (
            losses.BinaryCrossEntropy(class_weight={1: 3}),
            "logistic",
            lambda m: 3 * np.log1p(np.exp(-m)),
        ),
    ],
)
def test_sure_and_right_answers_keep_their_digits_in_float32(spec, output, sure):
    m = np.array([[8.0], [14.0], [20.0]])
    z, t = (np.hstack([0 * m, m]), 0 * m + 1) if output == "softmax" else (m, 0 * m + 1)
    each, _, feeds = graph_of(spec, output, z, t)
    np.testing.assert_allclose(g.run(each, feeds), sure(m), rtol=1e-5)


def test_small_errors_keep_their_digits_in_log_cosh_and_small_angles_in_the_cosine():
    d = np.array([[1e-6], [1e-4], [1e-2]])
    each, _, feeds = graph_of("log_cosh", "identity", d, 0 * d)
    np.testing.assert_allclose(g.run(each, feeds), d**2 / 2, rtol=1e-4)
    z, t = np.hstack([0 * d + 1, d]), np.hstack([0 * d + 1, 0 * d])
    each, _, feeds = graph_of("cosine_similarity", "identity", z, t)
    exact = 1 - np.cos(np.arctan(d.astype(np.longdouble)))
    np.testing.assert_allclose(g.run(each, feeds)[1:], exact.astype(float)[1:], rtol=1e-3)


@pytest.mark.parametrize("case", CASES)
def test_fit_reports_what_evaluate_says_with_weights_of_the_rows(case):
    spec, output, z, t, formula = CASES[case]
    model = fm.MLP([z.shape[1]] * 2, output=output, seed=0, dtype="float64")
    model.layers[0].weights = np.eye(z.shape[1])
    model.layers[0].biases = np.zeros(z.shape[1])
    t = t[:, 0] if t.shape[1] == 1 else t
    w = np.r_[0.0, np.arange(1.0, len(t))]
    expected = np.average(formula(z, t.reshape(len(t), -1))[0], weights=w)
    still = {"optimizer": fm.SGD(1e-300), "epochs": 1, "batch_size": None, "sample_weight": w}
    history = model.fit(z, t, loss=spec, **still)
    assert history["loss"][0] == pytest.approx(expected, rel=1e-12)
    assert model.evaluate(z, t, sample_weight=w)["loss"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", losses.LOSSES)
def test_no_loss_takes_many_steps(name):
    loss = losses.get(name)
    output = {"class": g.softmax, "binary": g.logistic, "real": g.identity}[loss.target]
    y = output(g.affine(g.input(4), g.parameter(np.ones((2, 4)), "W"), g.parameter([[1, 1.0]])))
    J = losses.mean_loss(loss(y, g.input(loss.target_columns(2))))
    parameters = [node for node in g.topological_order(J) if node.op == "parameter"]
    plan = planner.plan_training(J, Parameters(parameters), fm.SGD())
    assert len(plan.steps.steps) <= 45


# ------------------------------------------------------------------------- settings as objects


SETTINGS = [
    losses.CrossEntropy(0.1, {0: 1, 2: 5}),
    losses.BinaryCrossEntropy(0.1, [1, 2], "mean"),
    losses.Huber(2.0),
    losses.Quantile((0.1, 0.5, 0.9)),
    losses.Poisson(log_rate=True),
    losses.GaussianNLL("softplus", 0.1, True),
    losses.Focal(1.0, {1: 3}),
    losses.Focal(alpha=0.25),
    losses.BinaryFocal(3, 0.25),
]


@pytest.mark.parametrize("loss", SETTINGS, ids=repr)
def test_a_loss_is_its_settings(loss):
    made = eval(repr(loss), vars(losses))
    for twin in (made, copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert twin == loss
        assert hash(twin) == hash(loss)
    assert losses.get(loss.name) != loss
    assert losses.from_config(losses.config(loss)) == loss


def test_equal_settings_share_a_plan():
    model, X = fm.MLP([2, 1], seed=0), np.ones((4, 2))
    model.fit(X, np.ones(4), loss=losses.Huber(2.0), epochs=1)
    kept = model._trainer.plans._kept
    plan = kept["training"][1]
    model.fit(X, np.ones(4), loss=losses.Huber(2), epochs=1)
    assert kept["training"][1] is plan
    model.fit(X, np.ones(4), loss=losses.Huber(3.0), epochs=1)
    assert kept["training"][1] is not plan


@pytest.mark.parametrize("loss", [*SETTINGS[2:4], "log_cosh", "mae"], ids=repr)
def test_a_model_in_a_file_or_a_pickle_keeps_its_loss(loss, tmp_path):
    model, X, t = fm.MLP([2, 3], seed=0), RNG.normal(size=(5, 2)), RNG.normal(size=(5, 3))
    t = t[:, :1] if isinstance(loss, losses.Quantile) else t
    model.fit(X, t, loss=loss, epochs=1)
    model.save(tmp_path / "model.safetensors")
    for other in (
        fm.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
        model.copy(),
    ):
        assert other.evaluate(X, t)["loss"] == model.evaluate(X, t)["loss"]


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: losses.Huber(0), ValueError, "delta must be a finite number and greater than 0"),
        (lambda: losses.Huber("1"), TypeError, "delta must be a number, got '1'"),
        (lambda: losses.Quantile(1.0), ValueError, "quantiles must be .* less than 1"),
        (lambda: losses.Quantile((0.1, 0.1)), ValueError, "several different ones"),
        (lambda: losses.Quantile(()), ValueError, "several different ones"),
        (lambda: losses.Quantile((0.1, "a")), TypeError, r"quantiles\[1\] must be a number"),
        (lambda: losses.CrossEntropy(1.0), ValueError, "label_smoothing must be .* less than 1"),
        (lambda: losses.CrossEntropy(class_weight={0.5: 1}), TypeError, "a class of class_weight"),
        (lambda: losses.CrossEntropy(class_weight="balanced"), TypeError, r"np\.bincount"),
        (lambda: losses.CrossEntropy(class_weight={0: -1}), ValueError, r"class_weight\[0\] must"),
        (lambda: losses.CrossEntropy(class_weight={"a": 1}), TypeError, "a class of class_weight"),
        (lambda: losses.CrossEntropy(class_weight={}), ValueError, "one of them above 0"),
        (lambda: losses.CrossEntropy(class_weight=3), TypeError, "a dict from class to weight"),
        (lambda: losses.CrossEntropy(class_weight=pd.NA), TypeError, "class to weight"),
        (lambda: losses.BinaryCrossEntropy(class_weight=[1, 1, 1]), ValueError, "2 columns"),
        (lambda: losses.BinaryCrossEntropy(class_weight=[2]), ValueError, "has 1 weights"),
        (lambda: losses.BinaryCrossEntropy(columns="max"), ValueError, "columns must be one of"),
        (lambda: losses.Focal(-1), ValueError, "gamma must be"),
        (lambda: losses.Focal(alpha="a"), TypeError, "alpha must be a number"),
        (lambda: losses.BinaryFocal(alpha=2), ValueError, "alpha must be"),
        (lambda: losses.Poisson(1), TypeError, "log_rate must be True or False"),
        (lambda: losses.GaussianNLL("log"), ValueError, "variance must be one of"),
        (lambda: losses.GaussianNLL(floor=-1), ValueError, "floor must be"),
        (lambda: losses.get(losses.Huber), TypeError, r"write Huber\(\)"),
        (lambda: losses.from_config({"name": "huber", "d": 1}), ValueError, "do not fit"),
        (lambda: losses.from_config({"name": "huge"}), ValueError, "a name and settings"),
        (lambda: losses.from_config({"name": ["huber"]}), ValueError, "a name and settings"),
    ],
)
def test_a_setting_that_is_none_is_an_error(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("loss", "output", "columns", "t", "message"),
    [
        ("quantile", "identity", 2, [[1.0]], "needs"),
        (losses.Quantile((0.1, 0.5)), "identity", 3, [1.0], "as many output columns for each"),
        ("gaussian_nll", "identity", 3, [1.0], "two output columns for each target"),
        ("gaussian_nll", "exp", 2, [1.0], "set output='identity'"),
        ("cosine_similarity", "identity", 1, [1.0], "two output columns at least"),
        ("poisson", "identity", 1, [-1.0], "poisson needs t >= 0; the smallest is -1"),
        ("poisson", "softplus", 1, [1.0], "set output='exp'"),
        ("kl_divergence", "identity", 3, [0], "set output='softmax'"),
        ("focal", "softmax", 2, [[0.5, 0.5]], "labels or one-hot rows, t has probabilities"),
        ("focal", "logistic", 2, [0], "set output='softmax'"),
        ("binary_focal", "identity", 1, [0], "set output='logistic'"),
        ("log_loss", "identity", 2, [0], "loss='binary_cross_entropy'"),
        (losses.CrossEntropy(class_weight={5: 1}), "softmax", 3, [0], "class 5; the output has 3"),
    ],
)
def test_what_a_loss_cannot_take_is_told_with_what_to_set(loss, output, columns, t, message):
    model = fm.MLP([1, columns], output=output, seed=0)
    before = model.parameters.flat.copy()
    with pytest.raises(ValueError, match=message):
        model.fit(np.ones((1, 1)), t, loss=loss, epochs=1)
    np.testing.assert_array_equal(model.parameters.flat, before)


# --------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("mse", losses.MeanSquaredError()),
        ("MSELoss", losses.MeanSquaredError()),
        ("MeanSquaredError", losses.MeanSquaredError()),
        ("l1", losses.AbsoluteError()),
        ("mean_absolute_error", losses.AbsoluteError()),
        ("huber_loss", losses.Huber()),
        ("SmoothL1Loss", losses.Huber()),
        ("sparse_categorical_crossentropy", losses.CrossEntropy()),
        ("CategoricalCrossentropy", losses.CrossEntropy()),
        ("nll", losses.CrossEntropy()),
        ("binary_crossentropy", losses.BinaryCrossEntropy(columns="mean")),
        ("BCEWithLogitsLoss", losses.BinaryCrossEntropy(columns="mean")),
        ("binary_cross_entropy", losses.BinaryCrossEntropy()),
        ("kullback_leibler_divergence", losses.KLDivergence()),
        ("GaussianNLLLoss", losses.GaussianNLL()),
    ],
)
def test_names_of_other_libraries_mean_what_they_mean_there(name, loss):
    assert losses.get(name) == loss


def test_smooth_l1_is_the_huber_loss_of_delta_one():
    d = np.linspace(-3, 3, 31)[:, None]
    smooth = np.where(np.abs(d) < 1, 0.5 * d**2, np.abs(d) - 0.5)
    each, _, feeds = graph_of("smooth_l1", "identity", d, 0 * d)
    np.testing.assert_allclose(g.run(each, feeds, "float64"), smooth, atol=1e-15)


def test_a_registered_loss_is_found_saved_and_pickled_by_its_name(tmp_path):
    loss = losses.register("cubed", lambda y, t: g.abs(y - t) ** 3, formula="|y − t|³")
    try:
        assert losses.get("cubed") is loss
        assert losses.register("cubed", loss) is loss  # again
        model, X = fm.MLP([2, 1], seed=0), np.ones((3, 2))
        model.fit(X, [1, 2, 3], loss="cubed", epochs=1)
        model.save(tmp_path / "model.safetensors")
        loaded = fm.load(tmp_path / "model.safetensors")
        assert loaded.evaluate(X, [1, 2, 3]) == model.evaluate(X, [1, 2, 3])
        assert pickle.loads(pickle.dumps(model)).evaluate(X, [1, 2, 3]).keys() == {"loss"}
        model.fit(X, [1, 2, 3], loss=loss.function, epochs=1)  # which has that name
        model.save(tmp_path / "other.safetensors")
        loaded = fm.load(tmp_path / "other.safetensors")
        assert loaded.evaluate(X, [1, 2, 3]) == model.evaluate(X, [1, 2, 3])
        with pytest.raises(ValueError, match="'cubed' is taken by"):
            losses.register("cubed", lambda y, t: y - t)
        text = pickle.dumps(loss)
    finally:
        del losses.LOSSES["cubed"]
    with pytest.raises(ValueError, match="register"):
        pickle.loads(text)
    with pytest.raises(ValueError, match="cubed"):
        fm.load(tmp_path / "model.safetensors")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("huber", lambda y, t: y - t), ValueError, "'huber' is taken by Huber"),
        (("mse", lambda y, t: y - t), ValueError, "'mse' is taken"),
        (("accuracy", lambda y, t: y - t), ValueError, "'accuracy' is taken"),
        ((3, lambda y, t: y - t), TypeError, "name must be a text"),
        (("mine", 3), TypeError, "function must be a function"),
        (("mine", losses.Huber), TypeError, "function must be a function"),
    ],
)
def test_a_loss_that_cannot_be_registered_is_an_error(arguments, error, message):
    with pytest.raises(error, match=message):
        losses.register(*arguments)
    assert "mine" not in losses.LOSSES


def test_losses_are_metrics_by_any_of_their_names_and_files_keep_them(tmp_path):
    model, X, t = fm.MLP([2, 2], seed=0), RNG.normal(size=(5, 2)), RNG.normal(size=(5, 2))
    model.fit(X, t, metrics=["mse", "huber"], epochs=1)
    scores = model.evaluate(X, t)
    assert list(scores.keys()) == ["loss", "mse", "huber"]
    assert scores["mse"] == pytest.approx(scores["loss"], rel=1e-6)  # of two columns
    model.save(tmp_path / "model.safetensors")
    assert fm.load(tmp_path / "model.safetensors").evaluate(X, t) == scores


@pytest.mark.parametrize("loss", ["squared_error", "mse", "huber", "absolute_error"])
def test_a_linear_output_fitted_to_0_and_1_decides_at_a_half(loss):
    model = fm.MLP([1, 1], seed=0)
    model.layers[0].weights = [[1.0]]
    model.layers[0].biases = [0.0]
    scores = model.evaluate([[0.4], [0.6]], [0, 1], loss=loss, metrics=["accuracy"])
    assert scores["accuracy"] == 1


@pytest.mark.parametrize("loss", [losses.GaussianNLL(), losses.GaussianNLL("softplus", 0.25)])
def test_the_variances_that_are_told_are_those_of_the_loss(loss):
    m, a = RNG.normal(size=(9, 1)), 3 * RNG.normal(size=(9, 1))
    each, _, feeds = graph_of(loss, "identity", np.hstack([m, a]), m)  # at its mean: ½ log v
    np.testing.assert_allclose(
        np.exp(2 * g.run(each, feeds, "float64")), loss.variance_of(a), rtol=1e-12
    )


def test_a_list_of_weights_has_one_for_each_class():
    loss = losses.CrossEntropy(class_weight=[1, 2])
    y = g.softmax(g.input(3, "z"))
    with pytest.raises(ValueError, match="class_weight has 2 weights; the output has 3 columns"):
        loss(y, g.input(1, "t"))
    assert loss(g.softmax(g.input(2, "z")), g.input(1, "t")).shape == ("batch", 1)
    assert losses.CrossEntropy(class_weight={0: 1, 1: 2})(y, g.input(1, "t")).shape[1] == 1
    assert losses.from_config(losses.config(loss)) == loss


@pytest.mark.parametrize("kind", [losses.CrossEntropy, losses.BinaryCrossEntropy])
def test_keys_of_class_weights_are_the_classes_that_they_equal(kind):
    known = kind(class_weight={0: 1, 1: 3})
    for keys in ((False, True), (np.False_, np.True_), (0.0, 1.0), (np.int8(0), np.float32(1))):
        assert kind(class_weight=dict(zip(keys, (1, 3), strict=True))) == known
    # as of len(t) / t.value_counts(), whose first class is the most frequent
    assert kind(class_weight=pd.Series([3, 1], index=[1, 0])) == known
