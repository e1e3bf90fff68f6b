import re

import numpy as np
import pytest

from fastmlp import graph as g
from fastmlp import losses, metrics
from fastmlp.metrics import METRICS, Metric


def value(spec, z, t, output="identity", loss=None):
    """The metric of each row of an output φ(z), in NumPy."""
    z, t = np.asarray(z, float), np.asarray(t, float)
    z_node, t_node = g.input(z.shape[1], "z"), g.input(t.shape[1], "t")
    loss = None if loss is None else losses.get(loss)
    node = metrics.get(spec)(getattr(g, output)(z_node), t_node, loss)
    assert node.shape == (g.BATCH, 1)
    return g.reference.evaluate(node, {z_node: z, t_node: t})[:, 0].tolist()


@pytest.mark.parametrize("output", ["softmax", "identity", "logistic"])
def test_several_outputs_predict_the_class_of_the_largest(output):
    z, labels = [[1, 3, 2], [5, 1, 0], [0, 1, 9]], np.array([1, 2, 2])
    assert value("accuracy", z, labels[:, None], output) == [1, 0, 1]
    assert value("accuracy", z, np.eye(3)[labels], output) == [1, 0, 1]
    assert value("zero_one", z, labels[:, None], output) == [0, 1, 0]


@pytest.mark.parametrize("classes", [2, 3, 101])
def test_every_pair_of_classes_is_told_apart(classes):
    predicted, labels = map(np.ravel, np.meshgrid(np.arange(classes), np.arange(classes)))
    found = value("zero_one", np.eye(classes)[predicted], labels[:, None])
    assert found == (predicted != labels).astype(float).tolist()


def test_one_logistic_output_decides_at_one_half():
    z = [[0.1], [-0.1], [0.1], [-0.1]]
    t = [[1], [1], [0], [0]]
    assert value("accuracy", z, t, "logistic") == [1, 0, 0, 1]
    assert value("accuracy", z, t, "logistic", "binary_cross_entropy") == [1, 0, 0, 1]


def test_one_linear_output_decides_at_zero_with_the_hinge():
    z, t = [[0.2], [-0.2], [0.2], [-0.2]], [[1], [1], [0], [0]]
    assert value("accuracy", z, t) == [1, 0, 0, 1]
    assert value("accuracy", z, t, loss="hinge") == [1, 0, 0, 1]


def test_one_linear_output_fitted_to_zero_and_one_decides_at_one_half():
    z, t = [[0.6], [0.4], [0.6], [0.4]], [[1], [1], [0], [0]]
    assert value("accuracy", z, t, loss="squared_error") == [1, 0, 0, 1]


def test_one_signed_output_reads_targets_of_minus_and_plus_one():
    z, t = [[0.2], [-0.2], [0.2], [-0.2]], [[1], [1], [-1], [-1]]
    assert value("accuracy", z, t, "tanh", "squared_error") == [1, 0, 0, 1]
    assert value("accuracy", z, t) == [1, 0, 0, 1]


@pytest.mark.parametrize("output", ["threshold", "relu", "softplus", "exp"])
def test_one_output_that_is_never_negative_decides_at_one_half(output):
    z, t = [[2.0], [-2.0]], [[1], [1]]
    assert value("accuracy", z, t, output) == [1, 0]


def test_under_a_binary_loss_each_column_is_a_question_of_its_own():
    z, t = [[3, -1, 2, 5], [-1, -1, 2, 2]], [[1, 0, 1, 0], [0, 0, 1, 1]]
    assert value("accuracy", z, t, "logistic", "binary_cross_entropy") == [0.75, 1]
    assert value("zero_one", z, t, "logistic", "binary_cross_entropy") == [0.25, 0]


def test_under_squared_error_one_hot_columns_are_one_question():
    z, t = [[3, -1, 2], [-1, -2, -3]], [[1, 0, 0], [0, 0, 1]]
    assert value("accuracy", z, t, "logistic", "squared_error") == [1, 0]


def test_mean_squared_error_is_the_mean_over_columns():
    assert value("mean_squared_error", [[1, 2], [0, 0]], [[0, 4], [0, 0]]) == [2.5, 0]
    assert value("mean_squared_error", [[3]], [[1]]) == [4]


def test_the_mean_over_rows_of_mean_squared_error_is_the_mean_over_all():
    rng = np.random.default_rng(0)
    y, t = rng.normal(size=(2, 7, 3))
    np.testing.assert_allclose(
        np.mean(value("mean_squared_error", y, t)), np.mean((y - t) ** 2), rtol=1e-14
    )


@pytest.mark.parametrize("name", losses.LOSSES)
def test_every_loss_is_a_metric_too(name):
    loss, columns = losses.get(name), 4
    output = {"class": g.softmax, "binary": g.logistic, "real": g.identity}[loss.target]
    y, t = output(g.input(columns)), g.input(loss.target_columns(columns))
    for spec in (loss,) if name in METRICS else (name, loss):
        assert metrics.get(spec)(y, t).shape == (g.BATCH, 1)
    assert not metrics.get(name).higher_is_better


def test_errors_are_better_when_lower_and_the_others_when_higher():
    lower = [name for name, metric in METRICS.items() if not metric.higher_is_better]
    assert lower == ["zero_one", "mean_squared_error", "log_loss", "mae", "rmse", "mape"]


def test_a_function_is_a_metric_and_does_not_see_the_loss():
    def worst(y, t):
        return g.pick(g.abs(y - t), g.argmax(g.abs(y - t)))

    assert metrics.get(worst).name == "worst"
    assert value(worst, [[1, 5], [0, 0]], [[0, 0], [0, 2]], loss="squared_error") == [5, 2]


def test_a_metric_object_is_accepted_as_it_is():
    mine = Metric("mine", "y", lambda y, t: y, higher_is_better=True)
    assert metrics.get(mine) is mine


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("acuracy", ValueError, "metric must be one of.*did you mean 'accuracy'"),
        (3, TypeError, "metric must be a name, a Metric or a function.*not int"),
    ],
)
def test_what_is_no_metric_is_an_error(spec, error, message):
    with pytest.raises(error, match=message):
        metrics.get(spec)


@pytest.mark.parametrize(
    ("spec", "columns", "target_columns", "loss"),
    [
        ("accuracy", 3, 2, None),
        ("zero_one", 1, 2, None),
        ("accuracy", 3, 1, "binary_cross_entropy"),
        ("mean_squared_error", 3, 1, None),
    ],
)
def test_targets_that_cannot_be_compared_are_an_error(spec, columns, target_columns, loss):
    loss = None if loss is None else losses.get(loss)
    with pytest.raises(ValueError, match="columns, like y, not"):
        metrics.get(spec)(g.input(columns), g.input(target_columns), loss)


def test_a_function_that_returns_no_node_is_a_type_error():
    with pytest.raises(TypeError, match="metric 'bad' must return a graph node, not int"):
        Metric("bad", "", lambda y, t: 1)(g.input(1), g.input(1))


def test_an_unknown_name_is_told_each_known_one_once():
    with pytest.raises(ValueError, match="must be one of") as said:
        metrics.get("nope")
    known = re.findall(r"'(\w+)'", str(said.value))[:-1]
    assert len(known) == len(set(known)) > 20


@pytest.mark.parametrize(
    "function", [metrics.accuracy, metrics.zero_one, metrics.mean_squared_error]
)
def test_arrays_are_no_nodes(function):
    for y, t in (([0, 1], [0, 1]), (None, None), (g.input(1), [0.0]), (3, g.input(1))):
        with pytest.raises(TypeError, match=r"must be a graph node, got .*; of arrays, model.eval"):
            function(y, t)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: metrics.accuracy(g.input(1), g.input(1), "mse"), "loss must be a Loss or None"),
        (lambda: metrics.decision(["tanh"]), "output must be the name of an operation"),
        (lambda: metrics.has_name("mse"), "metric must be a Metric or an ArrayMetric, got str"),
        (lambda: Metric("m", "", 3), "function must be a function, got 3"),
        (lambda: Metric("m", "", len, higher_is_better="yes"), "higher_is_better must be True or"),
        (lambda: metrics.ArrayMetric(3, "", len), "name must be a text, got 3"),
        (lambda: metrics.ArrayMetric("m", "", len, takes=None), "takes must be a tuple of names"),
    ],
)
def test_what_metrics_are_made_of_is_checked(wrong, message):
    with pytest.raises(TypeError, match=message):
        wrong()
