"""Item 3: the losses are their formulas, and softmax and logistic fit theirs."""

import numpy as np
import pytest
from pages import run

import fastmlp as fm
from fastmlp import graph as g


def mean_loss(output, loss, columns, X, t):
    model = fm.MLP([X.shape[1], columns], output=output, seed=0, dtype="float64")
    z = X @ model.layers[0].weights.T + model.layers[0].biases
    return model, z, model.evaluate(X, t, loss=loss, metrics=[])["loss"]


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(13, 3))


def test_regression_has_a_linear_output_and_half_the_squared_distance(X):
    t = X[:, :2] ** 2
    _, z, J = mean_loss("identity", None, 2, X, t)
    assert pytest.approx((0.5 * ((z - t) ** 2).sum(axis=1)).mean(), rel=1e-13) == J


def test_two_classes_have_a_logistic_output_and_the_cross_entropy(X):
    t = np.arange(13) % 2
    _, z, J = mean_loss("logistic", None, 1, X, t)
    y = 1 / (1 + np.exp(-z[:, 0]))
    assert pytest.approx((-t * np.log(y) - (1 - t) * np.log(1 - y)).mean(), rel=1e-13) == J


def test_two_classes_have_the_hinge_loss_on_a_margin(X):
    t = np.arange(13) % 2
    _, z, J = mean_loss("identity", "hinge", 1, X, t)
    assert pytest.approx(np.maximum(0, 1 - (2 * t - 1) * z[:, 0]).mean(), rel=1e-13) == J


def test_several_classes_have_a_softmax_output_and_the_cross_entropy(X):
    t = np.arange(13) % 4
    model, z, J = mean_loss("softmax", None, 4, X, t)
    y = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict(X), y, rtol=1e-13)
    assert pytest.approx(-np.log(y[np.arange(13), t]).mean(), rel=1e-13) == J


def test_the_error_signal_of_output_and_loss_that_fit_is_their_difference(X):
    """z̄ = y − t, for the identity, the logistic and the softmax with their losses."""
    for output, loss, columns in [
        ("identity", "squared_error", 2),
        ("logistic", "binary_cross_entropy", 1),
        ("softmax", "cross_entropy", 3),
    ]:
        z, t = g.input(columns, "z"), g.input(columns, "t")
        y = fm.activations.get(output)(z)
        L = fm.losses.get(loss)(y, t)
        rng = np.random.default_rng(1)
        targets = np.eye(3)[rng.integers(0, 3, 5)][:, :columns]
        feeds = {z: rng.normal(size=(5, columns)), t: targets}
        z_bar, value = g.run([*g.gradient(g.sum(L), [z]), y], feeds, dtype="float64")
        np.testing.assert_allclose(z_bar, value - targets, rtol=1e-12, atol=1e-14, err_msg=output)


def test_the_zero_one_loss_counts_mistakes_and_is_refused_as_a_loss(X):
    t = np.arange(13) % 4
    model, z, _ = mean_loss("softmax", None, 4, X, t)
    counted = model.evaluate(X, t, metrics=["zero_one", "accuracy"])
    assert counted["zero_one"] == pytest.approx((z.argmax(axis=1) != t).mean())
    assert counted["zero_one"] + counted["accuracy"] == pytest.approx(1)
    with pytest.raises(ValueError, match="gradient is zero"):
        model.fit(X, t, loss="zero_one")


def test_the_zero_one_loss_has_no_slope(X):
    t = np.arange(13) % 2
    model, z, _ = mean_loss("identity", "hinge", 1, X, t)
    before = model.evaluate(X, t, loss="hinge", metrics=["zero_one"])["zero_one"]
    smallest = np.abs(z).min()
    model.layers[0].biases += 0.5 * smallest  # too little for any decision to change
    assert model.evaluate(X, t, loss="hinge", metrics=["zero_one"])["zero_one"] == before


def test_the_page_solves_its_three_tasks():
    page = run("plot_03_tasks")
    x = page["x"]
    truth = np.sin(2 * x) + 0.3 * x
    assert np.abs(page["regressor"].predict(x) - truth).mean() < 0.12
    for name in ("entropic", "margin"):
        assert page[name].evaluate(page["X"], page["t"])["accuracy"] > 0.97
    hinge, zero_one = page["curves"]["hinge"], page["curves"]["0–1"]
    points = page["points"]
    np.testing.assert_allclose(hinge, np.maximum(0, 1 - points), atol=1e-6)
    assert (hinge >= zero_one).all()  # what is trained on bounds what is counted
