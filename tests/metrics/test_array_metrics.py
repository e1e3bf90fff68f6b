"""Metrics of all rows at once, beside scikit-learn's functions called by hand."""

import pickle
import warnings
from functools import partial

import numpy as np
import pytest
import sklearn.metrics as sk

from fastmlp import losses, metrics
from fastmlp.metrics import METRICS, ArrayMetric, Outcome

RNG = np.random.default_rng(0)
ROWS = 203
ARRAY_METRICS = [name for name, metric in METRICS.items() if isinstance(metric, ArrayMetric)]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def outcome(t, y, loss, output, weight=None):
    loss = losses.get(loss)
    y = np.asarray(y, float)
    y = y[:, None] if y.ndim == 1 else y
    return Outcome(loss.encode_targets(t, y.shape[1]), y, weight, loss, output)


def of_any_targets(y, t):
    return y * t


def value(spec, *arguments, **more):
    return metrics.get(spec)(outcome(*arguments, **more))


def macro(function, **more):
    return partial(function, average="macro", zero_division=0.0, **more)


def rmse(t, y, **more):
    return np.mean(np.sqrt(np.average((t - y) ** 2, axis=0, weights=more.get("sample_weight"))))


def one_logistic():
    p = RNG.uniform(size=ROWS)
    t = (p + RNG.normal(size=ROWS) * 0.4 > 0.5).astype(int)
    said = (p > 0.5).astype(int)
    expected = {
        "auc": (sk.roc_auc_score, p),
        "average_precision": (sk.average_precision_score, p),
        "f1": (sk.f1_score, said),
        "precision": (sk.precision_score, said),
        "recall": (sk.recall_score, said),
        "balanced_accuracy": (sk.balanced_accuracy_score, said),
        "log_loss": (sk.log_loss, p),
        "r2": (sk.r2_score, p),
    }
    return t, p, "binary_cross_entropy", "logistic", expected


def two_softmax():
    t, p, _, _, expected = one_logistic()
    del expected["r2"]
    return t, np.stack([1 - p, p], axis=1), "cross_entropy", "softmax", expected


def two_linear():
    t, p, _, _, expected = one_logistic()
    z = np.stack([1 - p, p], axis=1) * 10
    names = ("auc", "average_precision", "f1")
    return t, z, "hinge", "identity", {name: expected[name] for name in names}


def signed():
    t, p, _, _, expected = one_logistic()
    del expected["log_loss"], expected["r2"]
    return 2 * t - 1, np.tanh(p - 0.5), "hinge", "tanh", expected


def four_classes():
    z = RNG.normal(size=(ROWS, 4))
    t, p = (z + RNG.normal(size=z.shape)).argmax(axis=1), softmax(z)
    said = z.argmax(axis=1)
    expected = {
        "auc": (partial(sk.roc_auc_score, multi_class="ovr"), p),
        "average_precision": (sk.average_precision_score, p),
        "f1": (macro(sk.f1_score), said),
        "precision": (macro(sk.precision_score), said),
        "recall": (macro(sk.recall_score), said),
        "balanced_accuracy": (sk.balanced_accuracy_score, said),
        "top_2": (partial(sk.top_k_accuracy_score, k=2), p),
        "log_loss": (sk.log_loss, p),
    }
    return t, p, "cross_entropy", "softmax", expected


def one_hot():
    t, p, loss, output, expected = four_classes()
    return np.eye(4)[t], p, loss, output, expected


def questions():
    p = RNG.uniform(size=(ROWS, 3))
    t = (p + RNG.normal(size=p.shape) * 0.4 > 0.5).astype(int)
    said = (p > 0.5).astype(int)
    expected = {
        "auc": (sk.roc_auc_score, p),
        "average_precision": (sk.average_precision_score, p),
        "f1": (macro(sk.f1_score), said),
        "precision": (macro(sk.precision_score), said),
        "recall": (macro(sk.recall_score), said),
    }
    return t, p, "binary_cross_entropy", "logistic", expected


def regression(columns):
    y = RNG.normal(size=(ROWS, columns))
    t = y + RNG.normal(size=y.shape) + 3
    expected = {
        "r2": (sk.r2_score, y),
        "mae": (sk.mean_absolute_error, y),
        "rmse": (rmse, y),
        "mape": (sk.mean_absolute_percentage_error, y),
    }
    return t, y, "squared_error", "identity", expected


TASKS = {
    "one logistic": one_logistic(),
    "two softmax": two_softmax(),
    "two linear": two_linear(),
    "signed": signed(),
    "four classes": four_classes(),
    "one-hot": one_hot(),
    "questions": questions(),
    "one number": regression(1),
    "three numbers": regression(3),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("task", "name"), [(task, name) for task in TASKS for name in TASKS[task][-1]]
)
def test_a_named_metric_is_scikit_learns(task, name, weighted):
    t, y, loss, output, expected = TASKS[task]
    weight = RNG.uniform(0.1, 2, size=ROWS) if weighted else None
    function, said = expected[name]
    more = {"sample_weight": weight} if weighted else {}
    got = value(name, t, y, loss, output, weight=weight)
    t = np.argmax(t, axis=1) if task == "one-hot" else np.maximum(t, 0) if task == "signed" else t
    assert got == pytest.approx(function(t, said, **more), rel=1e-12)


def test_every_named_metric_is_compared():
    compared = {name for *_, expected in TASKS.values() for name in expected}
    assert set(ARRAY_METRICS) - {"top_k"} <= compared
    t = TASKS["four classes"][0]
    seven = softmax(RNG.normal(size=(ROWS, 7)))
    assert value("top_k", t, seven, "cross_entropy", "softmax") == pytest.approx(
        sk.top_k_accuracy_score(t, seven, k=5, labels=range(7))
    )


@pytest.mark.parametrize("name", ["auc", "balanced_accuracy"])
@pytest.mark.parametrize("label", [0, 1])
def test_of_one_class_it_is_undefined_without_a_warning(name, label):
    p = RNG.uniform(size=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = value(name, np.full(9, label), p, "binary_cross_entropy", "logistic")
    assert np.isnan(got)


def test_a_class_whose_rows_weigh_nothing_is_not_there():
    t, p, weight = np.array([0, 0, 1, 1]), RNG.uniform(size=4), np.array([1.0, 1, 0, 0])
    for name in ("auc", "average_precision", "balanced_accuracy"):
        assert np.isnan(value(name, t, p, "binary_cross_entropy", "logistic", weight=weight))


@pytest.mark.parametrize("name", ["average_precision", "recall", "precision", "f1"])
def test_nothing_over_nothing_is_undefined(name):
    p = np.full(5, 0.25)
    assert np.isnan(value(name, np.zeros(5), p, "binary_cross_entropy", "logistic"))


def test_the_r2_of_constant_targets_is_undefined():
    y = RNG.normal(size=(5, 1))
    assert np.isnan(value("r2", np.ones((5, 1)), y, "squared_error", "identity"))
    assert np.isnan(value("r2", np.ones((1, 1)), y[:1], "squared_error", "identity"))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("name", ["auc", "log_loss", "mae"])
def test_of_outputs_that_are_not_finite_it_is_nan(name, bad):
    assert np.isnan(value(name, [0, 1], [bad, 0.5], "binary_cross_entropy", "logistic"))


@pytest.mark.parametrize(
    ("name", "t", "y", "loss", "output", "message"),
    [
        (
            "auc",
            [[0.5], [2.0]],
            [0.1, 0.2],
            "squared_error",
            "identity",
            "must be classes, 0 and 1",
        ),
        ("f1", [[0.5, 2]], [[0.1, 0.2]], "squared_error", "identity", "classes, one-hot rows"),
        ("f1", [[-0.5, 1]], [[0.1, 0.2]], "squared_error", "identity", "classes, one-hot rows"),
        ("f1", [0, 2], [0.1, 0.2], "squared_error", "identity", "must be classes, 0 and 1"),
        *(
            ("f1", [0, label], np.eye(2, 3), of_any_targets, "identity", "labels 0 … 2")
            for label in (-1, 0.5, 3)
        ),
        ("log_loss", [0, 1], [0.1, 0.2], "hinge", "identity", "output must be probabilities"),
        ("log_loss", [0.5, 1], [0.1, 0.2], "binary_cross_entropy", "logistic", "not probabilities"),
        (
            "log_loss",
            [[0, 1, 1]],
            [[0.1, 0.2, 0.3]],
            "binary_cross_entropy",
            "logistic",
            "one class",
        ),
        (
            "top_k",
            [0, 1],
            [[0.1, 0.2, 0.7]] * 2,
            "cross_entropy",
            "softmax",
            "first 5 of 3 classes",
        ),
        ("top_1", [0, 1], [0.1, 0.2], "binary_cross_entropy", "logistic", "first 1 of 2 classes"),
        ("mae", [0, 1], [[0.1, 0.2, 0.7]] * 2, "cross_entropy", "softmax", "column by column"),
        ("balanced_accuracy", [[0, 1]], [[0, 1]], "binary_cross_entropy", "logistic", "one class"),
    ],
)
def test_what_a_metric_cannot_take_is_an_error_that_names_it(name, t, y, loss, output, message):
    with pytest.raises(ValueError, match=f"metric '{name}': .*{message}"):
        value(name, t, y, loss, output)


def test_labels_are_classes_whatever_the_loss():
    y = np.array([[3.0, 1, 2], [0, 1, 2], [0, 2, 1], [1, 2, 3]])
    assert value("balanced_accuracy", [0, 0, 1, 2], y, of_any_targets, "identity") == 5 / 6
    assert value("f1", [-1, 1, 1], [0.7, 0.7, -3], of_any_targets, "identity") == 0.5


def test_a_number_may_come_in_an_array():
    boxed = metrics.of(lambda y_true, y_pred: np.array([[2.5]]))
    assert value(boxed, [0, 1], [0.1, 0.2], "squared_error", "identity") == 2.5


def of_nodes(y, t):
    return y - t


def of_arrays(y_true, y_pred, sample_weight=None):
    return np.average(np.abs(y_true - y_pred), weights=sample_weight)


@pytest.mark.parametrize(
    ("function", "needs", "higher"),
    [
        (of_arrays, "output", False),
        (sk.roc_auc_score, "score", True),
        (sk.log_loss, "proba", False),
        (sk.brier_score_loss, "proba", False),
        (sk.f1_score, "prediction", True),
        (partial(sk.f1_score, average="macro"), "prediction", True),
        (partial(partial(sk.fbeta_score, beta=2), average="macro"), "prediction", True),
        (sk.matthews_corrcoef, "prediction", True),
        (sk.hinge_loss, "score", False),
        (sk.r2_score, "prediction", True),
        (sk.mean_absolute_error, "prediction", False),
        (sk.cohen_kappa_score, "prediction", True),
    ],
)
def test_functions_of_arrays_are_known_by_their_arguments(function, needs, higher):
    metric = metrics.get(function)
    assert isinstance(metric, ArrayMetric)
    assert (metric.needs, metric.higher_is_better) == (needs, higher)


def test_other_functions_are_of_nodes():
    assert isinstance(metrics.get(of_nodes), metrics.Metric)
    assert isinstance(metrics.get(lambda a, b: np.mean(a - b)), metrics.Metric)


def test_a_function_says_by_an_attribute_which_way_is_up():
    def good(y_true, y_pred):
        return 1.0

    def good_of_nodes(y, t):
        return y

    good.higher_is_better = good_of_nodes.higher_is_better = True
    assert metrics.get(good).higher_is_better
    assert metrics.get(good_of_nodes).higher_is_better
    assert not metrics.of(good, higher_is_better=False).higher_is_better


def test_of_makes_any_function_one_of_arrays():
    metric = metrics.of(lambda a, b: (a == b).mean(), name="same", needs="label")
    t, p, loss, output, _ = TASKS["four classes"]
    assert metric.name == "same"
    assert metric(outcome(t, p, loss, output)) == sk.accuracy_score(t, p.argmax(axis=1))


def test_a_function_gets_the_weights_if_it_has_an_argument_for_them():
    t, y, loss, output, _ = TASKS["three numbers"]
    weight = RNG.uniform(size=(ROWS,))
    seen = []

    def unweighted(y_true, y_pred):
        seen.append((y_true.shape, y_pred.shape))
        return np.abs(y_true - y_pred).mean()

    by_column = metrics.of(lambda y_true, y_pred, sample_weight: float(sample_weight.sum()))
    assert value(by_column, t, y, loss, output, weight=weight) == pytest.approx(weight.sum())
    assert value(unweighted, t, y, loss, output, weight=weight) == np.abs(t - y).mean()
    assert seen == [((ROWS, 3), (ROWS, 3))]


@pytest.mark.parametrize("result", [np.ones(3), "1", None, 1j, True])
def test_a_function_that_returns_no_number_is_a_type_error(result):
    metric = metrics.of(lambda y_true, y_pred: result, name="odd")
    with pytest.raises(TypeError, match="metric 'odd' must return one number, got"):
        metric(outcome([[1.0]], [[1.0]], "squared_error", "identity"))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"function": 3}, TypeError, "function must be callable"),
        ({"function": of_arrays, "name": 3}, TypeError, "name must be a text"),
        ({"function": of_arrays, "needs": "probs"}, ValueError, "needs must be one of"),
        ({"function": of_arrays, "higher_is_better": 1}, TypeError, "higher_is_better must be"),
    ],
)
def test_what_of_cannot_use_is_an_error(arguments, error, message):
    with pytest.raises(error, match=message):
        metrics.of(**arguments)


@pytest.mark.parametrize("name", [*ARRAY_METRICS, "top_3"])
def test_named_metrics_are_found_again_after_a_pickle(name):
    metric = metrics.get(name)
    again = pickle.loads(pickle.dumps(metric))
    assert again == metric == metrics.get(name)
    assert metrics.has_name(again)
    assert not metrics.has_name(ArrayMetric(name, "", of_arrays))


@pytest.mark.parametrize("name", ["top_0", "top_", "top_x", "top_-1", "aucc"])
def test_names_that_are_none_are_errors(name):
    with pytest.raises(ValueError, match="metric must be one of"):
        metrics.get(name)


@pytest.mark.parametrize("given", [([0, 1], [0.2, 0.8]), ([0, 1],), (np.ones(2), np.ones(2))])
def test_a_metric_that_is_called_with_arrays_says_who_tells_it_of_them(given):
    with pytest.raises(TypeError, match=r"metric 'auc' takes an Outcome, got .*evaluate"):
        metrics.get("auc")(*given)
