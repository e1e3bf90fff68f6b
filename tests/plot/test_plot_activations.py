"""The picture of activations: its curves are φ and φ′, torn where they jump."""

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import activations
from fastmlp import graph as g

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")


@pytest.fixture(autouse=True)
def _close():
    yield
    matplotlib.pyplot.close("all")


def test_every_activation_of_one_number_can_be_drawn():
    names = [name for name in activations.ACTIVATIONS if "softmax" not in name]
    assert [ax.get_title(loc="left") for ax in fm.plot.activations(names)] == names
    lecture = ["identity", "relu", "softplus", "threshold", "logistic", "tanh"]
    assert [ax.get_title(loc="left") for ax in fm.plot.activations()] == lecture


@pytest.mark.parametrize("name", ["identity", "relu", "softplus", "threshold", "logistic", "tanh"])
def test_the_dashed_curve_is_the_slope_of_the_other(name):
    (ax,) = fm.plot.activations([name], interval=(-3, 5))
    z, h = ax.lines[0].get_data()
    points, slope = ax.lines[1].get_data()
    measured = np.gradient(h, z)
    inside = np.isfinite(measured)
    expected = np.interp(z[inside], points[np.isfinite(points)], slope[np.isfinite(slope)])
    # the neighbours of a kink see half of each side
    away = abs(z[inside]) > 0.02
    np.testing.assert_allclose(measured[inside][away], expected[away], atol=2e-3)


def test_a_jump_is_a_gap():
    (ax,) = fm.plot.activations(["threshold"])
    assert np.isnan(ax.lines[0].get_ydata()).sum() == 1


def test_a_function_of_nodes_is_drawn_too():
    def square(z):
        return g.power(z, 2.0)

    (ax,) = fm.plot.activations([square])
    z, slope = ax.lines[1].get_data()
    np.testing.assert_allclose(slope, 2 * z)


def test_axes_of_ones_own_are_drawn_into():
    _, axes = matplotlib.pyplot.subplots(1, 2)
    assert fm.plot.activations(["relu", "tanh"], axes=axes) == list(axes)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"names": ["softmax"]}, "softmax is not a function of a single z"),
        ({"names": ["rellu"]}, "relu"),
        ({"names": []}, "at least one"),
        ({"interval": (1.0, 1.0)}, r"interval\[1\]"),
        ({"names": ["relu"], "axes": []}, "axes must be 1"),
    ],
)
def test_what_cannot_be_drawn_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        fm.plot.activations(**arguments)
