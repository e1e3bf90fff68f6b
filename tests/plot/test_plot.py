"""The pictures: what is drawn where, for which input, without touching matplotlib's state."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import plot
from fastmlp.models.sweeps import LearningRates

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")

HISTORY = {"loss": [0.9, 0.5, 0.4], "val_loss": [0.8, 0.5, 0.6], "accuracy": [0.5, 0.6, 0.7]}
XOR = np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


class Halves:
    """Predicts by the sign of x₁ - ½, in the way asked for."""

    def __init__(self, columns, activation):
        self.columns = columns
        self.layers = [type("Part", (), {"activation": type("A", (), {"name": activation})})]

    def predict(self, X):
        score = X[:, :1] - 0.5
        if self.columns == 2:
            return np.concatenate([-score, score], axis=1)
        return score if self.layers[0].activation.name == "identity" else score + 0.5


class Probable:
    classes_ = np.array(["left", "right"])

    def predict_proba(self, X):
        right = (X[:, 0] > 0.5).astype(float)
        return np.stack([1 - right, right], axis=1)


def draw_history(ax=None):
    return plot.history(HISTORY, ax=ax)


def draw_features(ax=None):
    return plot.features(np.arange(12.0).reshape(3, 4) - 5, ax=ax)


def draw_boundary(ax=None):
    return plot.decision_boundary(Halves(1, "logistic"), *XOR, resolution=9, ax=ax)


def small_model():
    return fm.MLP([2, 3, 1], activation="tanh", output="logistic", seed=0)


def draw_network(ax=None):
    return plot.network(small_model(), ax=ax)


def draw_surface(ax=None):
    return plot.loss_surface(small_model(), *XOR, resolution=5, ax=ax)


def draw_learning_rates(ax=None):
    rates = np.geomspace(1e-4, 1.0, 30)
    return plot.learning_rates(LearningRates(rates, 1 / (1 + 50 * rates)), ax=ax)


def draw_confusion(ax=None):
    return plot.confusion([0, 0, 1], [0, 1, 1], ax=ax)


def draw_calibration(ax=None):
    return plot.calibration([0, 1, 1], [0.2, 0.4, 0.9], bins=2, ax=ax)


def draw_predicted(ax=None):
    return plot.predicted([1.0, 2.0], [1.5, 2.0], ax=ax)


def draw_importance(ax=None):
    return plot.importance([0.5, 0.1], ax=ax)


DRAW = [
    draw_learning_rates,
    draw_history,
    draw_features,
    draw_boundary,
    draw_network,
    draw_surface,
    draw_confusion,
    draw_calibration,
    draw_predicted,
    draw_importance,
]
# Several panels, an animation, a callback: they have tests of their own.
ELSEWHERE = {"activations", "descent", "WeightPath"}


def test_every_public_function_is_in_the_sweep():
    assert len(DRAW) == len(set(plot.__all__) - ELSEWHERE)


@pytest.mark.parametrize("draw", DRAW)
def test_given_axes_are_drawn_into_and_returned(draw):
    figure = matplotlib.figure.Figure()
    ax = figure.subplots()
    assert draw(ax) is ax
    assert ax.has_data()
    assert plt.get_fignums() == []
    figure.canvas.draw()


@pytest.mark.parametrize("draw", DRAW)
def test_without_axes_one_new_figure_is_made_and_no_setting_is_changed(draw):
    before = dict(matplotlib.rcParams)
    other = plt.figure()
    ax = draw()
    assert ax.figure is not other
    assert len(plt.get_fignums()) == 2
    assert dict(matplotlib.rcParams) == before
    ax.figure.canvas.draw()


def brightness(color):
    return sum(matplotlib.colors.to_rgb(color)) / 3


@pytest.mark.parametrize("draw", DRAW)
def test_on_a_dark_ground_nothing_is_written_or_ruled_in_dark(draw):
    with plt.style.context("dark_background"):
        ax = draw()
        ax.figure.canvas.draw()
    texts = [ax.title, ax._left_title, ax.xaxis.label, ax.yaxis.label]
    texts += [*ax.get_xticklabels(), *ax.get_yticklabels()]
    if draw not in (draw_confusion, draw_surface):  # they write on a ground of their own
        texts += [text for text in ax.texts if text.get_bbox_patch() is None]
    assert all(brightness(text.get_color()) > 0.35 for text in texts)
    if draw not in (draw_network, draw_surface):
        assert all(brightness(line.get_color()) > 0.25 for line in ax.lines)
    spines = [spine for spine in ax.spines.values() if spine.get_visible()]
    assert not ax.axison or all(brightness(spine.get_edgecolor()) < 0.5 for spine in spines)


@pytest.mark.parametrize("draw", DRAW)
def test_without_matplotlib_the_error_says_what_to_install(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "fastmlp\[plot\]"'):
        draw()


def test_history_draws_training_and_validation_and_marks_the_best_epoch():
    ax = plot.history(HISTORY)
    training, validation, best = ax.lines
    np.testing.assert_array_equal(training.get_xydata(), [[1, 0.9], [2, 0.5], [3, 0.4]])
    assert validation.get_label() == "validation, best 0.5 after epoch 2"
    assert best.get_xydata().tolist() == [[2, 0.5]]


def test_the_best_accuracy_is_the_largest():
    ax = plot.history({"accuracy": [0.1, 0.9], "val_accuracy": [0.7, 0.6]}, "accuracy")
    assert ax.lines[2].get_xydata().tolist() == [[1, 0.7]]


def test_a_quantity_without_validation_is_one_line():
    assert len(plot.history(HISTORY, "accuracy").lines) == 1


@pytest.mark.parametrize("values", [[0.5], [np.nan, np.nan], [np.nan, 0.5]])
def test_a_history_of_one_epoch_or_of_nan_can_be_drawn(values):
    ax = plot.history({"loss": values, "val_loss": values})
    ax.figure.canvas.draw()


def test_training_is_blue_and_validation_vermilion_as_the_legend_says():
    ax = plot.history(HISTORY)
    said = {text.get_text(): text.get_color() for text in ax.get_legend().get_texts()}
    training, validation, best = ax.lines
    assert list(said) == ["training", "validation, best 0.5 after epoch 2"]
    assert list(said.values()) == [training.get_color(), validation.get_color()]
    assert best.get_color() == validation.get_color() != training.get_color()
    assert plot.history({"loss": [0.5, 0.25]}).get_legend() is None


def test_values_that_no_line_leads_to_are_dots():
    ax = plot.history({"loss": [0.3, np.nan, 0.2, np.inf, 0.4, 0.5]})
    (line,) = ax.lines
    assert line.get_marker() == "o"
    assert list(line.get_markevery()) == [True, False, True, False, False, False]
    assert plot.history({"loss": [0.3, 0.2]}).lines[0].get_marker() == "None"


def test_names_alike_in_front_are_cut_in_the_middle():
    names = [f"the kind of cell that is called number {i}" for i in (1, 2)]
    model = fm.MLP([2, 1], output="logistic", seed=0)
    ax = plot.decision_boundary(model, *XOR, class_names=names, resolution=9)
    texts = [text.get_text() for text in ax.get_legend().get_texts()][:2]
    assert texts == ["the kind of …ed number 1", "the kind of …ed number 2"]


def test_history_errors_name_what_there_is():
    with pytest.raises(ValueError, match="one of 'loss', 'val_loss', 'accuracy', got 'mse'"):
        plot.history(HISTORY, "mse")
    with pytest.raises(ValueError, match="no epochs"):
        plot.history({"loss": []})


def test_features_puts_each_row_in_its_tile_scaled_by_its_largest_weight():
    weights = np.array([[1.0, -2, 0, 0], [0, 0, 0, 0], [8, 4, 2, 1]])
    (image,) = plot.features(weights).images
    assert image.get_clim() == (-1, 1)
    mosaic = image.get_array().filled(np.nan)
    # two tiles of 2×2 in a row, one pixel between; the fourth tile is empty
    np.testing.assert_array_equal(
        mosaic,
        [
            [0.5, -1, np.nan, 0, 0],
            [0, 0, np.nan, 0, 0],
            [np.nan] * 5,
            [1, 0.5, np.nan, np.nan, np.nan],
            [0.25, 0.125, np.nan, np.nan, np.nan],
        ],
    )


def test_features_on_a_common_scale_are_divided_by_the_largest_of_all():
    weights = np.array([[1.0, -2, 0, 0], [8, 4, 2, 1]])
    mosaic = plot.features(weights, common_scale=True).images[0].get_array().filled(np.nan)
    assert np.nanmax(mosaic) == 1
    assert np.nanmin(mosaic) == -0.25


def test_features_draws_the_strongest_units_in_their_own_order():
    weights = np.array([[2.0], [0.1], [-3.0], [0.2]])
    ax = plot.features(weights, count=2)
    mosaic = ax.images[0].get_array().filled(np.nan)
    np.testing.assert_array_equal(mosaic[~np.isnan(mosaic)], [1, -1])
    assert ax.get_title(loc="left") == "the 2 strongest of 4 units, 1×1 weights each"


def test_features_takes_a_layer_of_a_model_and_skips_those_without_weights():
    dense = [type("D", (), {"weights": np.full((n, 4), float(n))}) for n in (1, 2)]
    model = type("M", (), {"layers": [dense[0], object(), dense[1]]})
    assert "1 unit," in plot.features(model).get_title(loc="left")
    assert "2 units" in plot.features(model, layer=1).get_title(loc="left")
    assert "2 units" in plot.features(model, layer=-1).get_title(loc="left")
    with pytest.raises(ValueError, match="layer must be from -2 to 1"):
        plot.features(model, layer=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_or_weights": np.ones((2, 6))}, r"give image_shape=\(height, width\)"),
        ({"image_shape": (2, 3)}, "has 6 pixels, the layer 4 inputs"),
        ({"image_shape": (-2, -2)}, "has 4 pixels"),
        ({"model_or_weights": np.ones(4)}, r"shape \(units, inputs\), got \(4,\)"),
        ({"model_or_weights": np.ones((0, 4))}, r"got \(0, 4\)"),
        ({"count": 0}, "count must be at least 1, got 0"),
    ],
)
def test_features_errors_say_what_was_expected(options, message):
    with pytest.raises(ValueError, match=message):
        plot.features(**{"model_or_weights": np.ones((2, 4)), **options})


@pytest.mark.parametrize(
    ("model", "t"),
    [
        (Halves(1, "logistic"), XOR[1]),
        (Halves(1, "identity"), XOR[1]),
        (Halves(1, "identity"), XOR[1] * 2 - 1),
        (Halves(2, "identity"), XOR[1]),
        (Halves(1, "threshold"), XOR[1][:, None]),
        (Probable(), np.array(["left", "right"])[XOR[1]]),
    ],
)
def test_decision_boundary_shows_the_two_halves_and_the_two_mistakes(model, t):
    ax = plot.decision_boundary(model, XOR[0], t, resolution=8)
    ground = ax.images[0].get_array()
    assert (ground[:, 0] == ground[0, 0]).all()
    assert ground[0, 0, 2] > ground[0, -1, 2], "the left is blue, the right vermilion"
    # for each class its right and then its wrong examples: XOR against x₁ > ½ is half wrong
    points = [part for part in ax.collections if type(part).__name__ == "PathCollection"]
    assert [len(part.get_offsets()) for part in points] == [1, 1, 1, 1]
    assert [text.get_text() for text in ax.get_legend().get_texts()][2:] == ["mistaken"]


class Doubtful:
    """Says 0, ½ and 1 as the probability of the second class, from left to right."""

    classes_ = np.array(["no", "yes"])

    def predict_proba(self, X):
        second = (np.sign(X[:, 0].round(9)) + 1) / 2
        return np.stack([1 - second, second], axis=1)


def test_the_ground_mixes_colours_by_probability_and_a_line_lies_where_the_decision_changes():
    # No row is a "no": which class a column is of says the model.
    X, t = [[-1.0, -2.0], [1.0, 2.0]], ["yes", "yes"]
    ax = plot.decision_boundary(Doubtful(), X, t, resolution=5, feature_names=["a", "b"])
    (ground,) = ax.images
    left, middle, right = (ground.get_array()[0, i] for i in (0, 2, 4))
    np.testing.assert_allclose(middle, (left + right) / 2)
    assert left[2] > right[2], "the first class is blue, the second vermilion"
    assert ground.get_extent() == pytest.approx((-1.3, 1.3, -2.6, 2.6))
    lines = [part for part in ax.collections if type(part).__name__ == "QuadContourSet"]
    assert len(lines) == 2  # one for each of the two, on each other
    assert all(np.abs(line.get_paths()[0].vertices[:, 0]).max() < 0.01 for line in lines)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert not any(line.get_visible() for line in ax.get_ygridlines())


@pytest.mark.parametrize(("activation", "mixed"), [("softmax", True), ("identity", False)])
def test_only_probabilities_are_mixed(activation, mixed):
    layers = [type("Part", (), {"activation": type("A", (), {"name": activation})})]
    model = type("Model", (), {"layers": layers, "predict": lambda self, X: X * 0 + [0.25, 0.75]})()
    ground = plot.decision_boundary(model, *XOR, resolution=2).images[0].get_array()[0, 0]
    sure = plot.decision_boundary(Halves(2, "identity"), *XOR, resolution=2).images[0].get_array()
    first, second = sure[0, 0], sure[0, 1]
    expected = 0.25 * first + 0.75 * second if mixed else second
    np.testing.assert_allclose(ground, expected)


@pytest.mark.parametrize(
    ("output", "loss"),
    [("identity", "squared_error"), ("identity", "hinge"), ("tanh", "squared_error")],
)
def test_decision_boundary_marks_as_many_mistakes_as_the_accuracy_counts(output, loss):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2))
    t = (X[:, 0] + rng.normal(size=60) > 0.3).astype(int)
    model = fm.MLP([2, 1], output=output, seed=0)
    model.fit(X, t, loss=loss, epochs=20, optimizer=fm.Adam(0.05), metrics=["accuracy"])
    y = model.predict(X.astype(np.float32))
    assert ((y > 0) != (y > 0.5)).any(), "the two middles tell the examples apart in another way"
    ax = plot.decision_boundary(model, X, t, resolution=8)
    points = [part for part in ax.collections if type(part).__name__ == "PathCollection"]
    mistakes = sum(len(part.get_offsets()) for part in points[1::2])
    assert mistakes == round(60 * (1 - model.evaluate(X, t)["accuracy"]))


def test_a_plane_of_one_class_has_no_line_and_gives_no_warning():
    ax = plot.decision_boundary(Halves(1, "logistic"), XOR[0] * 0.01, XOR[1], resolution=4)
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    ("X", "t", "message"),
    [
        (np.ones((3, 3)), np.ones(3), r"X must have shape \(rows, 2\)"),
        (np.ones((3, 2)), np.ones(4), r"got \(3, 2\) and \(4,\)"),
        (np.ones((0, 2)), np.ones(0), r"got \(0, 2\)"),
    ],
)
def test_decision_boundary_errors_give_the_shapes(X, t, message):
    with pytest.raises(ValueError, match=message):
        plot.decision_boundary(Halves(1, "logistic"), X, t)


def test_legends_of_points_stand_beside_the_axes_where_they_hide_nothing():
    X = np.array([[0.0, 0.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    truth = np.array([0, 1, 1, 0])
    model = fm.MLP([2, 4, 2], output="softmax", seed=0)
    ends = np.column_stack([truth - 0.5, truth + np.array([0.5, -0.1, 0.5, 0.5])])
    for ax in (
        fm.plot.decision_boundary(model, X, truth, resolution=9),
        fm.plot.predicted(truth, truth + 0.1, interval=ends),
    ):
        ax.figure.canvas.draw()
        legend, axes = ax.get_legend().get_window_extent(), ax.get_window_extent()
        assert legend.x0 >= axes.x1
        assert legend.x1 <= ax.figure.bbox.x1


def test_the_picture_of_one_epoch_counts_no_fractions_of_it():
    ax = fm.plot.history({"loss": [0.7], "val_loss": [0.8]})
    ax.figure.canvas.draw()
    assert ax.get_xlim() == (0.5, 1.5)
    assert all(float(tick) % 1 == 0 for tick in ax.get_xticks())
    with pytest.raises(TypeError, match="history must be what fit of a model returned"):
        fm.plot.history(object())


def test_a_decision_boundary_refuses_what_it_would_draw_wrongly():
    model = fm.MLP([2, 3, 1], seed=0)
    X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 3.0]])
    with pytest.raises(ValueError, match=r"t has 0\.5, which is none of the classes .*: 0, 1"):
        fm.plot.decision_boundary(model, X, [0.5, 1.0, 2.0])
    with pytest.raises(ValueError, match="X must hold finite numbers"):
        fm.plot.decision_boundary(model, X * np.nan, [0, 1, 1])
    with pytest.raises(ValueError, match="class_names: expected 2 names, got 1"):
        fm.plot.decision_boundary(model, X, [0, 1, 1], class_names=["no"])
    with pytest.raises(ValueError, match="feature_names: expected 2 names, got 3"):
        fm.plot.decision_boundary(model, X, [0, 1, 1], feature_names=["a", "b", "c"])
    with pytest.raises(TypeError, match=r"resolution must be an integer, got 20\.5"):
        fm.plot.decision_boundary(model, X, [0, 1, 1], resolution=20.5)


def test_a_decision_boundary_asks_the_model_where_the_examples_are():
    X = np.array([[1e8, 0.0], [1e8 + 2, 0.0]])  # one number of float32

    def predict(X):
        return np.column_stack([X[:, 0] <= 1e8 + 1, X[:, 0] > 1e8 + 1]).astype(float)

    ax = fm.plot.decision_boundary(types.SimpleNamespace(predict=predict), X, [0, 1])
    assert not any(text.get_text() == "mistaken" for text in ax.get_legend().get_texts())
