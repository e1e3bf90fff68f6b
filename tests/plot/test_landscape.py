"""The loss over a plane in weight space: its values, the path on it, the pictures."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.plot.landscape import landscape

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

X, T = np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 4.0])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def line(epochs: int = 20, l2: float = 0.0) -> tuple[fm.Model, fm.plot.WeightPath]:
    """A straight line w x + b, fitted by gradient descent."""
    model, path = fm.MLP([1, 1], seed=0, dtype="float64"), fm.plot.WeightPath()
    rule = fm.SGD(0.1)
    model.fit(X, T, optimizer=rule, epochs=epochs, batch_size=None, l2=l2, callbacks=[path])
    return model, path


def deep() -> tuple[fm.Model, fm.plot.WeightPath]:
    rng = np.random.default_rng(0)
    model, path = (
        fm.MLP([1, 7, 1], activation="tanh", seed=0, dtype="float64"),
        fm.plot.WeightPath(),
    )
    x = rng.normal(size=(30, 1))
    model.fit(x, np.sin(x), epochs=12, callbacks=[path], seed=0)
    return model, path


def flat(weights: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([w.ravel() for w in weights])


def test_two_weights_are_the_coordinates_and_the_surface_is_the_formula():
    model, path = line(l2=0.5)
    found = landscape(model, X, T, path, resolution=9)
    w, b = np.meshgrid(found.across, found.up)
    residuals = w[..., None] * X[:, 0] + b[..., None] - T
    expected = 0.5 * (residuals**2).mean(axis=-1) + 0.25 * w**2
    np.testing.assert_allclose(found.loss, expected, rtol=1e-12)
    np.testing.assert_allclose(found.path, [flat(point) for point in path.weights], atol=1e-12)
    assert found.labels == ("W1", "b1")


def test_the_path_has_the_loss_of_its_points_and_goes_down():
    model, path = line()
    found = landscape(model, X, T, path, resolution=3)
    assert len(found.path_loss) == 21
    assert (np.diff(found.path_loss) < 0).all()
    assert found.path_loss[-1] == pytest.approx(model.evaluate(X, T)["loss"], rel=1e-12)


def test_a_second_fit_goes_on_with_the_path():
    model, path = line(3)
    model.fit(X, T, optimizer=fm.SGD(0.1), epochs=2, callbacks=[path])
    assert len(path.weights) == 6


def test_two_inputs_without_a_bias_are_two_coordinates_too():
    model = fm.Sequential([fm.Dense(1, use_bias=False)], input_columns=2, seed=0)
    found = landscape(model, [[1.0, 2.0]], [0.0], resolution=3)
    assert found.labels == ("W1[0,0]", "W1[0,1]")
    np.testing.assert_allclose(found.loss[1], [0.5, 0.0, 0.5], atol=1e-12)


def test_principal_directions_are_orthonormal_and_leave_least_of_the_path_out():
    model, path = deep()
    x = np.linspace(-1, 1, 5)[:, None]
    found = landscape(model, x, np.sin(x), path, resolution=3)
    points = np.array([flat(point) for point in path.weights])
    away = points - points[-1]
    sizes = np.linalg.svd(away, compute_uv=False)
    # Eckart and Young: what a plane through the end leaves out at least is the other sizes' squares
    left_out = (away**2).sum() - (found.path**2).sum()
    assert left_out == pytest.approx((sizes[2:] ** 2).sum(), rel=1e-9)
    np.testing.assert_allclose(found.path[-1], 0, atol=1e-9)
    assert f"({sizes[0] ** 2 / (sizes**2).sum():.0%})" in found.labels[0]


def test_the_centre_of_random_directions_is_the_model_and_rows_have_the_models_norms():
    model, _ = deep()
    x = np.linspace(-1, 1, 5)[:, None]
    found = landscape(model, x, np.sin(x), resolution=3, span=0.5)
    assert found.loss[1, 1] == pytest.approx(model.evaluate(x, np.sin(x))["loss"], rel=1e-12)
    other = landscape(model, x, np.sin(x), resolution=3, span=0.5, seed=1)
    assert not np.allclose(found.loss, other.loss)


@pytest.mark.parametrize(("unit", "squared"), [(0, 25.0), (1, 4.0)])
def test_random_directions_are_as_long_as_the_weights_of_each_unit_and_have_no_bias(unit, squared):
    model = fm.MLP([3, 2], seed=0, dtype="float64")
    model.set_weights([np.array([[3.0, 0.0, 4.0], [0.0, 2.0, 0.0]]), np.array([7.0, 7.0])])
    x = np.eye(3)
    one = np.eye(2)[[unit]]

    def loss(y, t):  # ½ of the squared change of one unit
        return g.sum(0.5 * one * (y - t) ** 2, axis=1)

    found = landscape(model, x, model.predict(x), loss=loss, resolution=3, span=1)
    # The rows of x pick each of a unit's weights once; a bias would come in all three.
    ways = found.loss[[1, 1, 0, 2], [0, 2, 1, 1]]
    np.testing.assert_allclose(ways, squared / 2 / 3, rtol=1e-12)


def test_the_surface_reaches_as_far_beyond_the_path_on_either_side_and_across_it():
    model, _ = line(1)
    path = [[[[w]], [2.0]] for w in (0.0, 1.0, 4.0)]  # b stays 2
    found = landscape(model, X, T, path, resolution=3)
    assert found.across[0] < 0 < 4 < found.across[-1]
    assert found.up[0] < 2 < found.up[-1]
    np.testing.assert_allclose((found.across[1], found.up[1]), (2, 2), atol=1e-12)
    assert found.across[0] > -4  # the path is what is to be seen


@pytest.mark.parametrize("span", [2, 2.0, np.float32(2), np.int64(2), ((-2, 2), (-2, 2))])
def test_a_span_is_taken_whatever_the_path_is(span):
    model, path = line(3)
    found = landscape(model, X, T, path, resolution=3, span=span)
    assert found.across.tolist() == found.up.tolist() == [-2, 0, 2]


def test_a_path_of_two_points_has_random_directions_and_one_of_three_principal_ones():
    model, _ = deep()
    rng = np.random.default_rng(0)
    path = [[rng.normal(size=w.shape) for w in model.get_weights()] for _ in range(3)]
    kinds = [landscape(model, [[0.0]], [0.0], path[:n], resolution=2).labels for n in (2, 3)]
    assert kinds[0] == ("random direction d₁", "random direction d₂")
    assert kinds[1][0].startswith("first principal direction")
    with pytest.raises(ValueError, match="at least three points, got 2"):
        landscape(model, [[0.0]], [0.0], path[:2], directions="principal")


def test_directions_may_be_of_lengths_far_apart():
    model, _ = line(1)
    along = ([1e-20, 0.0], [0.0, 1.0])
    assert landscape(model, X, T, directions=along, resolution=2).loss.shape == (2, 2)


def test_given_directions_are_taken_as_they_are():
    model, _ = line()
    w, b = flat(model.get_weights())
    along = ([np.ones((1, 1)), np.ones(1)], [np.zeros((1, 1)), np.full(1, 2.0)])
    found = landscape(model, X, T, directions=along, resolution=2, span=((0, 1), (0, 3)))
    y = (w + 1) * X[:, 0] + (b + 1 + 6)
    assert found.loss[1, 1] == pytest.approx(0.5 * ((y - T) ** 2).mean(), rel=1e-12)


def test_another_loss_and_penalty_can_be_asked_for():
    model, _ = line()
    options = {"loss": lambda y, t: (y - t) ** 4, "l2": 2.0, "l1": 3.0, "resolution": 2, "span": 1}
    found = landscape(model, X, T, **options)
    w, b = found.across[0], found.up[1]
    expected = ((w * X[:, 0] + b - T) ** 4).mean() + w**2 + 3 * abs(w)
    assert found.loss[1, 0] == pytest.approx(expected, rel=1e-12)


def test_the_model_is_as_it_was():
    model, path = deep()
    before = model.get_weights()
    landscape(model, [[0.0]], [1.0], path, resolution=3)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_picture_has_the_surface_the_path_its_start_and_its_end():
    model, path = line()
    ax = fm.plot.loss_surface(model, X, T, path, resolution=7)
    whole, start, end = ax.lines
    points = np.array([flat(point) for point in path.weights])
    np.testing.assert_allclose(whole.get_xydata(), points, atol=1e-12)
    np.testing.assert_allclose(start.get_xydata(), points[:1], atol=1e-12)
    np.testing.assert_allclose(end.get_xydata(), points[-1:], atol=1e-12)
    left, right = ax.get_xlim()
    assert left < points[:, 0].min() <= points[:, 0].max() < right
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("W1", "b1")
    assert [text.get_text() for text in ax.texts] == ["start"]


def test_a_picture_has_the_loss_and_the_penalties_that_are_asked_for():
    model, _ = line()
    # The loss is 5 everywhere, the penalties are ½ 2 w² + 3 |w| and at most 4.
    options = {"loss": lambda y, t: 0 * y + 5, "l2": 2.0, "l1": 3.0, "resolution": 3, "span": 1}
    drawn = fm.plot.loss_surface(model, X, T, **options).collections[0]
    assert (drawn.levels[0], drawn.levels[-1]) == pytest.approx((5, 9))


@pytest.mark.parametrize(("highest", "logarithmic"), [(10.0, False), (30.0, True)])
def test_colours_of_a_loss_that_grows_twentyfold_follow_its_logarithm(highest, logarithmic):
    model, _ = line()
    rise = highest - 1.0  # at w = ±1, by the penalty alone
    ax = fm.plot.loss_surface(
        model, X, T, loss=lambda y, t: 0 * y + 1, l1=rise, resolution=3, span=1
    )
    filled, bar = ax.collections[0], ax.figure.axes[-1]
    assert isinstance(filled.norm, matplotlib.colors.LogNorm) is logarithmic
    assert (filled.norm.vmin, filled.norm.vmax) == pytest.approx((1, highest))
    middle = np.sqrt(highest) if logarithmic else (1 + highest) / 2
    assert filled.levels[len(filled.levels) // 2] == pytest.approx(middle)
    assert [float(text.get_text()) for text in bar.get_yticklabels()] == pytest.approx(
        bar.get_yticks().tolist(), rel=5e-3
    )
    assert bar.get_ylabel() == "loss J"


def test_axes_in_three_dimensions_get_a_surface_with_the_path_on_it():
    model, path = line()
    ax = plt.figure().add_subplot(projection="3d")
    assert fm.plot.loss_surface(model, X, T, path, resolution=7, ax=ax) is ax
    heights = ax.lines[0].get_data_3d()[2]
    losses = landscape(model, X, T, path, resolution=7).path_loss
    assert heights - heights[-1] == pytest.approx(losses - losses[-1])
    assert (heights > losses).all()  # above the surface, which would hide it
    assert len(ax.collections) == 1
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_zlabel()) == ("W1", "b1", "loss J")
    ax.figure.canvas.draw()


def test_a_plain_and_an_overflowing_surface_can_be_drawn():
    model, _ = line()
    fm.plot.loss_surface(model, X, T, loss=lambda y, t: 0 * y, resolution=3).figure.canvas.draw()
    ax = fm.plot.loss_surface(model, X, T, loss=lambda y, t: g.exp(500 * y), resolution=5)
    assert len(ax.collections) > 0
    ax.figure.canvas.draw()


@pytest.mark.parametrize("projection", [None, "3d"])
def test_an_animation_lets_the_path_grow_and_can_be_saved(tmp_path: Path, projection: str | None):
    model, path = line(9)
    ax = plt.figure(figsize=(2, 2)).add_subplot(projection=projection)
    animation = fm.plot.descent(model, X, T, path, frames=4, resolution=5, ax=ax)
    animation.save(tmp_path / "descent.gif", writer="pillow", dpi=40)
    assert (tmp_path / "descent.gif").read_bytes().startswith(b"GIF89a")
    assert ax.get_title(loc="left").startswith("epoch 9: loss ")
    animation._func(3)
    growing, _, head = ax.lines
    assert len(growing.get_xdata()) == 4
    assert len(head.get_xdata()) == 1
    assert growing.get_xdata()[-1] == head.get_xdata()[0]
    if projection:
        assert len(growing.get_data_3d()[2]) == 4


def test_an_animation_shows_the_surface_and_goes_from_the_first_point_to_the_last():
    model, path = line(9)
    animation = fm.plot.descent(model, X, T, path, frames=4, interval=50, resolution=5)
    ax = plt.gca()
    assert len(ax.collections) > 0
    assert list(animation.new_frame_seq()) == [0, 3, 6, 9]
    assert animation.event_source.interval == 50
    animation._init_draw()
    assert len(ax.lines[0].get_xdata()) == 1
    few = fm.plot.descent(model, X, T, path, frames=60, resolution=2)  # than there are epochs
    assert list(few.new_frame_seq()) == list(range(10))
    shortest = fm.plot.descent(model, X, T, path.weights[:2], frames=2, interval=1, resolution=2)
    assert list(shortest.new_frame_seq()) == [0, 1]
    for made in (animation, few, shortest):
        made._draw_was_started = True  # matplotlib warns of animations that are never shown


def test_the_player_of_an_animation_asks_no_server_for_anything():
    model, path = line(9)
    ax = plt.figure(figsize=(2, 2)).add_subplot()
    player = fm.plot.descent(model, X, T, path, frames=3, resolution=5, ax=ax).to_jshtml()
    assert re.findall(r"""(?:src|href)=["'](?!data:)[^"']*""", player) == []
    assert player.count("<button") == sum(player.count(f"{sign}</button>") for sign in "−«‹◀❚▶›»+")
    assert '<i class="' not in player


BAD = {
    "a kind of direction": ({"directions": "sideways"}, "directions"),
    "one direction": ({"directions": ([1.0, 1.0],)}, "a pair of weight lists"),
    "a direction too short": ({"directions": ([1.0], [2.0])}, "expected 2 numbers each, got 1"),
    "parallel ones": ({"directions": ([1.0, 2.0], [2.0, 4.0])}, "that span a plane"),
    "no path": ({"directions": "principal"}, "at least three points, got 0"),
    "a direction of zeros": ({"directions": ([0.0, 0.0], [0.0, 1.0])}, "that span a plane"),
    "a span of nothing": ({"span": ((1, 1), (0, 1))}, "span: expected"),
    "a span of zero": ({"span": 0}, "span must be a finite number and greater than 0, got 0"),
    "a negative span": ({"span": -1.0}, "span"),
    "one point": ({"resolution": 1}, "resolution"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_has_no_surface_is_an_error_that_says_so(what: str):
    options, message = BAD[what]
    model, _ = line(2)
    with pytest.raises(ValueError, match=message):
        fm.plot.loss_surface(model, X, T, **options)
    assert plt.get_fignums() == []


def test_a_path_on_a_line_a_single_point_and_a_loss_without_numbers_are_errors():
    model, _ = deep()
    straight = [[np.asarray(w) + k for w in model.get_weights()] for k in range(4)]
    x = [[0.0]]
    with pytest.raises(ValueError, match="on a line"):
        fm.plot.loss_surface(model, x, [0.0], straight)
    with pytest.raises(ValueError, match="on all of the surface"):
        fm.plot.loss_surface(model, x, [0.0], loss=lambda y, t: g.log(y * 0) - t)
    with pytest.raises(ValueError, match="at least two points, got 1"):
        fm.plot.descent(model, x, [0.0], straight[:1])
