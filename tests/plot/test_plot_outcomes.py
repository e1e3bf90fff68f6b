"""Pictures of predictions beside the truth, and of what they rest on."""

from __future__ import annotations

import numpy as np
import pytest

from fastmlp import plot

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def cells(ax):
    return {tuple(map(int, t.get_position()[::-1])): t.get_text() for t in ax.texts}


def brightness(color):
    return sum(matplotlib.colors.to_rgb(color)) / 3


def ticks(axis):
    return [t.get_text() for t in axis.get_ticklabels()]


# --- confusion -------------------------------------------------------------------------------

TRUTH = ["dog", "dog", "dog", "cat", "cat", "emu"]
SAID = ["dog", "dog", "cat", "cat", "cat", "dog"]


def test_confusion_counts_in_rows_of_true_and_columns_of_predicted_classes():
    ax = plot.confusion(TRUTH, SAID)
    assert ticks(ax.xaxis) == ticks(ax.yaxis) == ["cat", "dog", "emu"]
    # an empty cell has no number
    assert cells(ax) == {(0, 0): "2", (1, 0): "1", (1, 1): "2", (2, 1): "1"}
    assert ax.get_title(loc="left") == "4 of 6 right (66.7 %)"


def test_confusion_is_coloured_by_shares_of_the_true_class():
    shares = plot.confusion(TRUTH, SAID).images[0].get_array()
    np.testing.assert_allclose(shares, [[1, 0, 0], [1 / 3, 2 / 3, 0], [0, 1, 0]])


def test_confusion_in_percent_and_in_an_order_asked_for():
    ax = plot.confusion(TRUTH, SAID, labels=["emu", "dog", "cat", "yak"], normalize=True)
    assert ticks(ax.yaxis) == ["emu", "dog", "cat", "yak"]
    assert cells(ax) == {(0, 1): "100", (1, 1): "67", (1, 2): "33", (2, 2): "100"}
    assert "%" in ax.get_xlabel()


def test_confusion_says_that_a_share_is_not_nothing():
    truth = np.zeros(1000, int)
    said = truth.copy()
    said[0] = 1
    assert cells(plot.confusion(truth, said, normalize=True))[0, 1] == "<1"


@pytest.mark.parametrize(
    "labels",
    [np.array([True, False]), np.array([1.0, 2.0]), ["a", "b"], np.array(["a", 1], object)],
)
def test_confusion_takes_labels_of_any_kind(labels):
    ax = plot.confusion([labels[0], labels[1]], [labels[0], labels[0]])
    assert set(ticks(ax.xaxis)) == {str(label) for label in labels}


def test_confusion_of_many_classes_writes_no_numbers():
    t = np.arange(60)
    ax = plot.confusion(t, t)
    assert not ax.texts
    ax.figure.canvas.draw()


def test_long_labels_are_cut_and_turned():
    names = ["a" * 60, "b" * 60, "c", "d"]
    ax = plot.confusion(names, names)
    assert all(len(text) <= 24 for text in ticks(ax.xaxis))
    assert ax.xaxis.get_ticklabels()[0].get_rotation() == 45


@pytest.mark.parametrize(("name", "turned"), [("a class of its own", 45), ("a class", 0)])
def test_labels_of_two_classes_are_turned_where_they_would_touch(name, turned):
    ax = plot.confusion([f"{name} 1", f"{name} 2"], [f"{name} 1", f"{name} 2"])
    ax.figure.canvas.draw()
    first, second = ax.xaxis.get_ticklabels()
    assert first.get_rotation() == second.get_rotation() == turned
    assert turned or not first.get_window_extent().overlaps(second.get_window_extent())


def test_numbers_of_small_cells_are_small_or_left_out():
    classes = np.arange(12)
    for inches, largest in ((2.0, 0), (4.0, 6), (9.0, 8)):
        ax = plot.confusion(classes, classes, ax=plt.subplots(figsize=(inches, inches))[1])
        sizes = {text.get_fontsize() for text in ax.texts}
        assert max(sizes, default=0) <= largest <= max(sizes, default=0) + 1


def test_numbers_in_cells_stand_out_and_white_lines_lie_between_the_cells():
    ax = plot.confusion([0, 0, 0, 1, 1], [0, 0, 1, 1, 1])
    colors = {cell.get_text(): cell.get_color() for cell in ax.texts if cell.get_text() != "2"}
    assert brightness(colors["1"]) < 0.3  # on pale blue: one in three
    dark = [cell for cell in ax.texts if cell.get_text() == "2"]
    assert [brightness(cell.get_color()) for cell in dark] == [1.0, 1.0]
    for axis in (ax.xaxis, ax.yaxis):
        np.testing.assert_array_equal(axis.get_minorticklocs(), [-0.5, 0.5, 1.5])
        assert {tick.gridline.get_color() for tick in axis.get_minor_ticks()} == {"white"}
        assert {tick.tick1line.get_markersize() for tick in axis.get_minor_ticks()} == {0}
    assert not any(spine.get_visible() for spine in ax.spines.values())


@pytest.mark.parametrize("count", [20, 21, 40, 41])
def test_lines_get_thin_then_numbers_and_names_are_left_out_as_classes_get_many(count):
    ax = plot.confusion(np.arange(count), np.arange(count))
    assert len(ax.texts) == (count if count <= 20 else 0)
    (width,) = {tick.gridline.get_linewidth() for tick in ax.xaxis.get_minor_ticks()}
    assert (width > 1) == (count <= 20)
    ax.figure.canvas.draw()
    assert (ticks(ax.yaxis) == [str(i) for i in range(count)]) == (count <= 40)
    assert ax.figure.get_size_inches().max() < 12


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_pred": [0]}, r"got the shapes \(2,\) and \(1,\)"),
        ({"y_true": [], "y_pred": []}, "at least one"),
        ({"labels": [0, 2]}, r"1 is not in labels, which are \[0, 2\]"),
        ({"y_true": np.eye(2), "y_pred": np.eye(2)}, r"its shape is \(2, 2\)"),
    ],
)
def test_confusion_errors_say_what_was_given(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.confusion(**{"y_true": [0, 1], "y_pred": [0, 1], **arguments})


# --- calibration -----------------------------------------------------------------------------


def curve(ax):
    (container,) = [c for c in ax.containers if hasattr(c, "lines") and c.has_yerr]
    return container.lines[0].get_xydata()


def test_calibration_draws_shares_over_mean_probabilities():
    ax = plot.calibration([0, 1, 1, 1], [0.1, 0.6, 0.7, 0.9], bins=2)
    np.testing.assert_allclose(curve(ax), [[0.35, 0.5], [0.8, 1.0]])
    # ½ · |0.5 − 0.35| + ½ · |1 − 0.8|, by hand
    assert ax.get_title(loc="left") == "expected calibration error 0.175"


def test_calibration_of_right_probabilities_lies_on_the_diagonal():
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    points = curve(plot.calibration(rng.random(len(p)) < p, p))
    np.testing.assert_allclose(points[:, 0], points[:, 1], atol=0.01)


def test_calibration_puts_rows_of_one_probability_into_one_bin():
    sorted_by_label = np.repeat([0, 1], 50)
    ax = plot.calibration(sorted_by_label, np.full(100, 0.5))
    assert ax.get_title(loc="left") == "expected calibration error 0"
    ax = plot.calibration(sorted_by_label, np.tile([0.25, 0.75], 50), bins=7)
    np.testing.assert_allclose(curve(ax)[:, 0], [0.25, 0.75])
    assert ax.get_title(loc="left") == "expected calibration error 0.25"


def test_calibration_of_two_columns_is_that_of_the_second():
    t, p = np.array(["n", "y", "y"]), np.array([0.2, 0.4, 0.9])
    one, two = (plot.calibration(t, q, bins=3) for q in (p, np.column_stack([1 - p, p])))
    np.testing.assert_allclose(curve(one), curve(two))
    assert one.get_ylabel() == "share of y"


def test_calibration_of_several_classes_is_that_of_the_class_predicted():
    p = np.array([[0.6, 0.3, 0.1], [0.1, 0.8, 0.1]])
    ax = plot.calibration(["a", "c"], p, labels=["a", "b", "c"], bins=2)
    np.testing.assert_allclose(curve(ax), [[0.6, 1], [0.8, 0]])


def test_calibration_has_a_diagonal_and_hills_that_say_how_often_a_probability_occurs():
    ax = plot.calibration([0, 1, 1, 1], [0.0, 0.51, 0.51, 1.0], bins=2)
    diagonal = ax.lines[0]
    np.testing.assert_array_equal(diagonal.get_xydata(), [[0, 0], [1, 1]])
    assert diagonal.get_linestyle() == "--"
    hills = {round(hill.get_x(), 3): hill for hill in ax.patches if hill.get_height()}
    assert list(hills) == [0.0, 0.5, 0.975]
    assert [hill.get_height() for hill in hills.values()] == [0.07, 0.14, 0.07]
    assert {round(hill.get_width(), 6) for hill in hills.values()} == {0.025}
    assert ax.get_xlim() == ax.get_ylim() == (-0.02, 1.02)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("probability of 1", "share of 1")


def test_the_bars_of_calibration_are_wilsons_intervals():
    ax = plot.calibration([1, 1, 0, 0], np.full(4, 0.5), labels=[0, 1], bins=1)
    (container,) = [c for c in ax.containers if hasattr(c, "lines") and c.has_yerr]
    (bar,) = container.lines[2][0].get_segments()
    # 2 of 4: the interval published for it is 0.150 … 0.850
    np.testing.assert_allclose(bar[:, 1], [0.150, 0.850], atol=5e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_proba": [0.5]}, r"got \(2,\) and \(1,\)"),
        ({"y_proba": [0.5, 1.5]}, "probabilities, from 0 to 1"),
        ({"y_proba": [0.5, np.nan]}, "probabilities, from 0 to 1"),
        ({"y_proba": np.full((2, 3), 1 / 3)}, "3 columns for 2 classes"),
        ({"labels": ["a", "b"]}, r"y_true has 0, which is not in labels \['a', 'b'\]"),
        ({"bins": 0}, "bins must be at least 1, got 0"),
    ],
)
def test_calibration_errors_say_what_was_given(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.calibration(**{"y_true": [0, 1], "y_proba": [0.2, 0.7], **arguments})


# --- predicted -------------------------------------------------------------------------------


def test_predicted_draws_dots_over_the_truth_and_says_how_far_they_are():
    ax = plot.predicted([1.0, 2.0, 3.0], [[1.0], [2.0], [6.0]], name="price")
    np.testing.assert_array_equal(ax.collections[0].get_offsets(), [[1, 1], [2, 2], [3, 6]])
    # errors 0, 0 and 3: √3, and 1 − 9 / 2
    assert ax.get_title(loc="left") == "RMSE 1.73, R² -3.500"
    assert ax.get_xlabel() == "true price"
    assert ax.get_xlim() == ax.get_ylim()


def test_large_numbers_and_long_names_have_room_along_the_axes():
    y = np.linspace(0, 4e14, 9)
    ax = plot.predicted(
        y, y, name="a name of a target that goes on and on, with its unit in brackets"
    )
    ax.figure.canvas.draw()
    assert max(map(len, ticks(ax.xaxis))) < 4
    assert len(ax.get_xlabel()) <= 45
    assert ax.get_xlabel().endswith("…")


def test_predicted_counts_the_truths_in_their_intervals():
    ends = [[0.5, 1.5], [0.0, 1.0], [2.0, 4.0], [4.0, 9.0]]
    ax = plot.predicted([1, 2, 3, 4], [1, 1, 3, 5], interval=ends)
    assert ax.get_title(loc="left").endswith("75.0 % in their interval")
    low, high = ax.get_ylim()
    assert low < 0
    assert high > 9


def test_intervals_are_lines_whose_colour_says_whether_they_hold_the_truth():
    ends = [[1, 1.5], [0.0, 1.0], [2.0, 3.0], [4.5, 9.0]]  # an end that is met holds it
    ax = plot.predicted([1, 2, 3, 4], [1, 1, 3, 5], interval=ends)
    lines = {c.get_label(): c for c in ax.collections if len(c.get_paths()) == 2}
    inside, outside = lines["the truth is inside"], lines["the truth is outside"]
    assert [s[:, 0].tolist() for s in inside.get_segments()] == [[1, 1], [3, 3]]
    assert [s[:, 1].tolist() for s in inside.get_segments()] == [[1, 1.5], [2, 3]]
    assert [s[:, 1].tolist() for s in outside.get_segments()] == [[0, 1], [4.5, 9]]
    assert not np.array_equal(inside.get_color(), outside.get_color())
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert shown == ["the truth is inside", "the truth is outside"]


@pytest.mark.parametrize("rows", [300, 301, 2000, 2001])
def test_predicted_has_a_diagonal_through_a_square_of_all_numbers(rows):
    truth = np.linspace(1.0, 11.0, rows)
    ax = plot.predicted(truth, truth + 2.0)
    (diagonal,) = ax.lines
    assert ax.get_xlim() == ax.get_ylim() == (0.52, 13.48)  # 4 % of 12 beyond either end
    np.testing.assert_allclose(diagonal.get_xydata(), [[0.52, 0.52], [13.48, 13.48]])
    assert ax.get_aspect() == 1.0
    dots = ax.collections[0]
    assert (dots.get_array() is None) == (rows <= 2000)  # of a density they are counts
    if rows <= 2000:
        assert (dots.get_sizes()[0] > 20) == (rows <= 300)


def test_intervals_have_all_the_height_that_they_need():
    ax = plot.predicted([0.0, 1.0], [0.0, 1.0], interval=[[-9.0, 1.0], [0.0, 41.0]])
    assert ax.get_xlim() == (-0.04, 1.04)
    assert ax.get_ylim() == (-11.0, 43.0)
    assert ax.get_aspect() == "auto"


@pytest.mark.parametrize(
    ("error", "said"), [(999.0, "999"), (1000.0, "1,000"), (9e14, "900,000,000,000,000")]
)
def test_a_large_error_has_its_thousands_apart(error, said):
    ax = plot.predicted([0.0, 0.0], [error, -error])
    assert ax.get_title(loc="left") == f"RMSE {said}"


def test_a_very_bad_r2_is_short():
    ax = plot.predicted([0.0, 1.0], [0.0, 12345.0])
    assert ax.get_title(loc="left") == "RMSE 8,729, R² -3.05e+08"


def test_predicted_of_many_rows_is_a_density():
    t = np.random.default_rng(0).normal(size=5000)
    ax = plot.predicted(t, t)
    assert ax.collections[0].get_array().sum() == 5000
    ax.figure.canvas.draw()


@pytest.mark.parametrize("truth", [[2.0], [3.0, 3.0], [1e9, 2e9], [1e-9, 2e-9], [-1e200, 1e200]])
def test_predicted_of_odd_numbers_can_be_drawn(truth):
    plot.predicted(truth, truth).figure.canvas.draw()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"y_pred": [1.0]}, "got 2 and 1"),
        ({"y_true": [], "y_pred": []}, "got 0 and 0"),
        ({"y_true": [1.0, np.nan]}, "y_true must hold finite numbers"),
        ({"y_pred": np.ones((2, 2))}, r"y_pred must have shape \(rows,\), got \(2, 2\)"),
        ({"interval": [1.0, 2.0]}, r"of shape \(2, 2\), got \(2,\)"),
        ({"interval": [[1.0, np.inf], [0, 1]]}, "finite numbers"),
        ({"interval": [[0.0, 1.0], [2, 1]]}, "the lower end is above the upper in row 1"),
    ],
)
def test_predicted_errors_say_what_was_given(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.predicted(**{"y_true": [1.0, 2.0], "y_pred": [1.0, 2.0], **arguments})


# --- importance ------------------------------------------------------------------------------


class Fitted:
    feature_importances_ = np.array([0.1, 0.5, 0.0])
    feature_names_in_ = np.array(["tax", "rooms", "age"])

    def fit(self, X, y):
        raise AssertionError("a picture fits nothing")


def test_importance_draws_the_columns_of_an_estimator_in_order():
    ax = plot.importance(Fitted())
    assert ticks(ax.yaxis) == ["rooms", "tax", "age"]
    assert [bar.get_width() for bar in ax.patches] == [0.5, 0.1, 0.0]


def test_importance_takes_mappings_arrays_and_repeats():
    assert ticks(plot.importance({"a": 1.0, "b": 2.0}).yaxis) == ["b", "a"]
    assert ticks(plot.importance([1.0, 2.0]).yaxis) == ["x1", "x0"]
    ax = plot.importance([[1.0, 3.0], [5.0, 5.0]], ["a", "b"])
    assert [bar.get_width() for bar in ax.patches] == [5.0, 2.0]


def test_importance_tells_what_matters_from_what_does_not_and_says_what_it_is():
    ax = plot.importance({"a": 0.5, "b": 0.0, "c": -0.25}, label="rise of the error")
    assert ax.get_xlabel() == "rise of the error"
    assert plot.importance([0.5]).get_xlabel() == "importance"
    (zero,) = [line for line in ax.lines if len(set(line.get_xdata())) == 1]
    assert zero.get_xdata()[0] == 0
    a, b, c = (bar.get_facecolor() for bar in ax.patches)
    assert b == c != a
    assert all(line.get_visible() for line in ax.get_xgridlines())
    assert ax.get_axisbelow() is True
    low, high = ax.get_ylim()
    assert low > 2.33 > -0.33 > high  # the bars are whole, the first on top


def test_importance_draws_twenty_columns_unless_told():
    assert len(plot.importance(np.arange(1.0, 31.0)).patches) == 20
    assert len(plot.importance(np.arange(1.0, 31.0), count=30).patches) == 30


def test_importance_takes_the_names_of_a_series():
    pd = pytest.importorskip("pandas")
    named = pd.Series([1.0, 2.0], index=["tax", "age"])
    assert ticks(plot.importance(named).yaxis) == ["age", "tax"]
    assert ticks(plot.importance(named, ["a", "b"]).yaxis) == ["b", "a"]
    assert ticks(plot.importance(pd.Series([1.0, 2.0])).yaxis) == ["x1", "x0"]
    repeats = pd.DataFrame([[1.0, 3.0], [5.0, 5.0]], index=["tax", "age"])
    assert ticks(plot.importance(repeats).yaxis) == ["age", "tax"]


def test_importance_of_many_columns_says_how_many_there_are():
    ax = plot.importance(np.arange(30.0), count=5)
    assert ticks(ax.yaxis) == ["x29", "x28", "x27", "x26", "x25"]
    assert ax.get_title(loc="left") == "the 5 columns of 30 that matter most"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model_or_values": []}, r"got the shape \(0,\)"),
        ({"model_or_values": [np.nan]}, "must be finite numbers"),
        ({"model_or_values": [1.0], "names": ["a", "b"]}, "1 importances and 2 names"),
        ({"model_or_values": {"a": 1.0}, "names": ["a"]}, "those of a mapping are keys"),
        ({"model_or_values": [1.0], "count": 0}, "count must be at least 1, got 0"),
    ],
)
def test_importance_errors_say_what_was_given(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot.importance(**arguments)
