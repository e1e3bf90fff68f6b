"""Item 10: the loss surface is the loss, the path is where training was, and it goes down."""

from __future__ import annotations

import numpy as np
import pytest
from pages import run

import fastmlp as fm
from fastmlp.plot.landscape import landscape


def logistic_loss(w, b, x, t, lam):
    y = 1 / (1 + np.exp(-(w * x + b)))
    return 0.5 * ((y - t) ** 2).mean() + lam * 0.5 * w**2


@pytest.mark.parametrize("lam", [0.0, 0.02])
def test_gradient_descent_walks_where_the_formula_of_the_gradient_leads(lam):
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=12), rng.integers(0, 2, size=12).astype(float)
    model, path = fm.MLP([1, 1], output="logistic", dtype="float64"), fm.plot.WeightPath()
    model.set_weights([[[-3.0]], [2.5]])
    arguments = {"loss": "squared_error", "l2": lam, "optimizer": fm.SGD(2.0), "batch_size": None}
    model.fit(x[:, None], t, epochs=40, callbacks=[path], **arguments)

    walked = [np.array([-3.0, 2.5])]
    for _ in range(40):
        w, b = walked[-1]
        y = 1 / (1 + np.exp(-(w * x + b)))
        z_bar = (y - t) * y * (1 - y)
        gradient = np.array([(z_bar * x).mean() + lam * w, z_bar.mean()])
        walked.append(walked[-1] - 2.0 * gradient)
    found = landscape(model, x[:, None], t, path, resolution=5)
    np.testing.assert_allclose(found.path, walked, rtol=1e-11)

    for j, b in enumerate(found.up):
        for i, w in enumerate(found.across):
            expected = logistic_loss(w, b, x, t, lam)
            assert found.loss[j, i] == pytest.approx(expected, rel=1e-13)
    losses = [logistic_loss(w, b, x, t, lam) for w, b in walked]
    np.testing.assert_allclose(found.path_loss, losses, rtol=1e-11)
    assert (np.diff(losses) < 0).all()


def test_descent_is_at_right_angles_to_the_contours():
    """Along the first small step the loss falls by α‖w̄‖², across it not at all (first order)."""
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(9, 1)), rng.normal(size=9)
    model, path = fm.MLP([1, 1], output="tanh", seed=0, dtype="float64"), fm.plot.WeightPath()
    alpha = 1e-4
    model.fit(x, t, optimizer=fm.SGD(alpha), epochs=1, batch_size=None, callbacks=[path])
    (w0, b0), (w1, b1) = ([part.item() for part in point] for point in path.weights)
    step = np.array([w1 - w0, b1 - b0])
    across = np.array([-step[1], step[0]])
    model.set_weights(path.weights[0])
    directions = [[[[d[0]]], [d[1]]] for d in (step, across)]
    found = landscape(model, x, t, directions=tuple(directions), resolution=3, span=1.0)
    here = found.loss[1, 1]
    slopes = (found.loss[1, 2] - found.loss[1, 0]) / 2, (found.loss[2, 1] - found.loss[0, 1]) / 2
    assert here > found.loss[1, 2]
    assert slopes[0] == pytest.approx(-(step @ step) / alpha, rel=1e-4)
    assert abs(slopes[1]) < 1e-4 * abs(slopes[0])


def test_the_page_shows_descent_momentum_and_a_plane_that_holds_the_path():
    page = run("plot_10_descent")
    path = page["path"].weights
    assert len(path) == 61
    html = page["animation"].to_jshtml(fps=5)
    assert html.count("data:image/png;base64") == 20
    classifier = page["classifier"]
    assert classifier.evaluate(page["X"], page["labels"])["accuracy"] > 0.99
    assert classifier.n_parameters == 2410
