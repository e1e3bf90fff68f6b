"""The picture of a network: which units and connections it has, where, and in which colours."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import fastmlp as fm
from fastmlp.plot import network

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def xor() -> fm.Model:
    model = fm.MLP([2, 2, 1], activation="threshold", output="threshold", seed=0)
    model.set_weights([[[1, 1], [1, 1]], [-0.5, -1.5], [[1, -1]], [-0.5]])
    return model


def centres(ax) -> list[tuple[float, float]]:
    return [patch.center for patch in ax.patches]


def lines(ax) -> list[np.ndarray]:
    return [path for part in ax.collections for path in part.get_segments()]


def colours(ax) -> np.ndarray:
    return np.concatenate([part.get_colors() for part in ax.collections])


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


@pytest.mark.parametrize(
    "columns", [[1, 1], [2, 2, 1], [3, 1, 5], [4, 8, 8, 3], [12, 12], [784, 256, 10], [13, 14, 500]]
)
def test_every_unit_is_a_circle_and_every_pair_a_line_up_to_the_limit(columns):
    ax = network(fm.MLP(columns, seed=0))
    shown = [min(n, 12) for n in columns]
    assert len(ax.patches) == sum(shown)
    assert len(lines(ax)) == sum(a * b for a, b in itertools.pairwise(shown))
    assert sum(len(line.get_xdata()) == 3 for line in ax.lines) == sum(n > 12 for n in columns)
    assert [t.split()[0] for t in texts(ax) if t.split()[0] in map(str, columns)]
    ax.figure.canvas.draw()


def test_no_two_units_overlap_and_lines_go_from_unit_to_unit():
    ax = network(fm.MLP([20, 7, 3], seed=0))
    found = centres(ax)
    radius = ax.patches[0].get_radius()
    for a, b in itertools.combinations(found, 2):
        assert np.hypot(a[0] - b[0], a[1] - b[1]) > 2 * radius
    ends = {tuple(np.round(point, 9)) for line in lines(ax) for point in (line[0], line[-1])}
    assert ends == {tuple(np.round(point, 9)) for point in found}


def test_positive_weights_are_red_negative_ones_blue_and_larger_ones_stronger():
    model = fm.MLP([1, 4], seed=0)
    model.set_weights([[[2.0], [-2.0], [0.5], [-0.5]], [0, 0, 0, 0]])
    ax = network(model)
    found = dict(zip([line[-1][1] for line in lines(ax)], colours(ax), strict=True))
    top_down = [found[y] for y in sorted(found, reverse=True)]  # unit 0 stands on top
    red, blue, pale_red, pale_blue = top_down
    assert red[0] > red[2]
    assert pale_red[0] > pale_red[2]
    assert blue[2] > blue[0]
    assert pale_blue[2] > pale_blue[0]
    assert red[3] > pale_red[3]
    assert blue[3] > pale_blue[3]


def test_a_few_weights_and_biases_are_written_and_many_are_not():
    ax = network(xor())
    assert sorted(t for t in texts(ax) if t in ("1", "−1")) == ["1"] * 5 + ["−1"]
    assert [t for t in texts(ax) if t.startswith("b = ")] == ["b = −0.5", "b = −1.5", "b = −0.5"]
    assert texts(network(xor(), values=False))[3:] == ["x₁", "x₂"]
    assert not any("0." in t for t in texts(network(fm.MLP([5, 5, 1], seed=0))))


def test_an_example_gives_every_unit_its_value_and_shade():
    ax = network(xor(), x=[1, 0])
    inside = [t for t in ax.texts if t.get_position() in centres(ax)]
    assert [t.get_text() for t in inside] == ["1", "0", "1", "0", "1"]
    shades = [patch.get_facecolor()[0] for patch in ax.patches]
    assert [shade < 0.5 for shade in shades] == [True, False, True, False, True]


def test_of_a_large_layer_the_units_with_the_largest_weights_are_drawn():
    model = fm.MLP([50, 1], seed=0)
    weights = np.full((1, 50), 0.01)
    weights[0, [3, 17, 40]] = [1.0, -2.0, 3.0]
    model.set_weights([weights, [0.0]])
    names = [f"x{i}" for i in range(50)]
    ax = network(model, most_units=3, feature_names=names)
    assert [t for t in texts(ax) if t.startswith("x")] == ["x3", "x17", "x40"]
    ax = network(model, most_units=3)
    assert [t for t in texts(ax) if t.startswith("x")] == ["x₄", "x₁₈", "x₄₁"]


def test_names_stand_beside_inputs_and_outputs():
    ax = network(xor(), feature_names=["left", "right"], class_names=["either"])
    places = {t.get_text(): t.get_position()[0] for t in ax.texts}
    assert places["left"] == places["right"] < 0 < max(x for x, _ in centres(ax)) < places["either"]


def test_long_names_leave_room_for_the_network():
    names = ["a" * 60, "b" * 60]
    ax = network(xor(), feature_names=names, class_names=["c" * 60])
    assert {t for t in texts(ax) if t[0] in "abc" and t[:2] != "b "} == {
        f"{letter * 23}…" for letter in "abc"
    }


def test_skip_connections_pass_above_what_lies_between():
    x = fm.Input(3)
    h = fm.Dense(9, "relu")(x)
    model = fm.Model(x, fm.Dense(2, "softmax")(fm.concat([h, x])), seed=0)
    ax = network(model)
    arcs = [line for line in lines(ax) if len(line) > 2]
    assert len(arcs) == 3 * 2
    assert len(lines(ax)) == 3 * 9 + 9 * 2 + 3 * 2
    middle = sorted({x for x, _ in centres(ax)})[1]
    highest = max(y for _, y in centres(ax))
    for arc in arcs:
        assert np.interp(middle, arc[:, 0], arc[:, 1]) > highest + ax.patches[0].get_radius()


def test_a_sum_has_grey_lines_from_its_parts_and_dropout_is_a_note():
    x = fm.Input(4)
    h = fm.Dropout(0.5)(fm.Dense(4, "relu")(x))
    ax = network(fm.Model(x, fm.add([fm.Dense(4)(h), h]), seed=0))
    grey = [c for c in colours(ax) if c[0] == c[1] == c[2]]
    assert len(grey) == 8
    assert "4\nrelu\ndropout(0.5)" in texts(ax)
    assert "4\nadd" in texts(ax)


def test_an_activation_of_a_shared_output_has_units_of_its_own():
    x = fm.Input(2)
    h = fm.Dense(3)(x)
    both = fm.concat([h, fm.Activation("tanh")(h)])
    ax = network(fm.Model(x, fm.Dense(1)(both), seed=0))
    assert len(ax.patches) == 2 + 3 + 3 + 1
    assert "3\nactivation\ntanh" in texts(ax)


def test_branches_stand_above_each_other_and_inputs_have_their_names():
    a, b = fm.Input(3, "a"), fm.Input(2, "b")
    joined = fm.concat([fm.Dense(4, "relu")(a), fm.Dense(5, "relu")(b)])
    ax = network(fm.Model([a, b], fm.Dense(1)(joined), seed=0), feature_names=list("pqrst"))
    columns = [sum(x == at for x, _ in centres(ax)) for at in sorted({x for x, _ in centres(ax)})]
    assert columns == [5, 9, 1]
    assert len(set(centres(ax))) == 15
    assert set("pqrst") <= set(texts(ax))
    ax = network(fm.Model([a, b], fm.Dense(1)(joined), seed=0))
    assert {"a₁", "a₂", "a₃", "b₁", "b₂"} <= set(texts(ax))


def test_a_shared_layer_is_drawn_at_each_of_its_places():
    x = fm.Input(3)
    shared = fm.Dense(3, "tanh")
    ax = network(fm.Model(x, shared(shared(x)), seed=0))
    assert len(ax.patches) == 9
    assert len(lines(ax)) == 18
    first, second = np.split(colours(ax), 2)
    np.testing.assert_array_equal(first, second)


BAD = {
    "not built": (lambda: network(fm.Sequential([fm.Dense(2)])), "does not know its number"),
    "one unit": (lambda: network(xor(), most_units=1), "most_units"),
    "names": (
        lambda: network(xor(), class_names=["a", "b"]),
        "class_names: expected 1 names, got 2",
    ),
    "example": (lambda: network(xor(), x=[1, 2, 3]), "one example of 2 columns, got shape"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_drawn_is_an_error_before_there_is_a_figure(what):
    build, message = BAD[what]
    with pytest.raises(ValueError, match=message):
        build()
    assert plt.get_fignums() == []


def test_layers_from_each_unit_to_itself_are_written_under_the_units():
    chain = [fm.Dense(4), fm.LayerNorm(), fm.Activation("relu"), fm.Scale(), fm.Dense(1)]
    ax = fm.plot.network(fm.Sequential(chain, input_columns=3, seed=0))
    notes = [text.get_text().split() for text in ax.texts]
    assert ["4", "layernorm", "relu", "scale"] in notes
    chain = [fm.Dense(4), fm.BatchNorm(0.5), fm.GaussianNoise(0.1), fm.Dense(1)]
    ax = fm.plot.network(fm.Sequential(chain, input_columns=3, seed=0))
    notes = [text.get_text().split() for text in ax.texts]
    assert ["4", "batchnorm(momentum=0.5)", "gaussiannoise(0.1)"] in notes


def test_groups_and_embeddings_are_connected_with_what_they_see():
    layers = [fm.Dense(3, groups=2, bias_initializer=0.5), fm.Dense(1, groups=2, shared=True)]
    ax = network(fm.Sequential(layers, input_columns=4, seed=0), values=True)
    assert len(lines(ax)) == 2 * 3 * 2 + 2 * 3
    assert texts(ax).count("b = 0.5") == 6
    ax = network(fm.Sequential([fm.Embedding([5, 3], [2, 4])], input_columns=2, seed=0))
    assert len(lines(ax)) == 2 + 4
    embedding = fm.NumericEmbedding(3, frequencies=2, keep=True)
    ax = network(fm.Sequential([embedding], input_columns=2, seed=0))
    assert len(lines(ax)) == 2 * (3 + 1)
