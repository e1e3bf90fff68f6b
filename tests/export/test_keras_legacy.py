"""Whole models in the older files of Keras, an HDF5 file each; Keras itself: see test_keras."""

import json
import re

import numpy as np
import pytest

import fastmlp as fm

h5py = pytest.importorskip("h5py")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 5)).astype("f4")


def dense(name, units, activation="linear", **more):
    return {
        "class_name": "Dense",
        "config": {"name": name, "units": units, "activation": activation, **more},
    }


def draw(*shape):
    return RNG.uniform(0.1, 1.0, shape).astype("f4")


INNER = {
    "class_name": "Sequential",
    "config": {
        "name": "inner",
        "layers": [
            dense("d", 4, "tanh"),
            {"class_name": "BatchNormalization", "config": {"name": "b"}},
        ],
    },
}
SEQUENTIAL = {
    "class_name": "Sequential",
    "config": {
        "name": "m",
        "layers": [
            dense("first", 6, "relu", batch_input_shape=[None, 5]),
            INNER,
            dense("last", 2, "softmax", trainable=False),
        ],
    },
}
ARRAYS = {
    "first": {"first/kernel:0": draw(5, 6), "first/bias:0": draw(6)},
    "inner": {
        "d/kernel:0": draw(6, 4),
        "d/bias:0": draw(4),
        "b/gamma:0": draw(4),
        "b/beta:0": draw(4),
        "b/moving_mean:0": draw(4),
        "b/moving_variance:0": draw(4),
    },
    "last": {"last/kernel:0": draw(4, 2), "last/bias:0": draw(2)},
}


def write(path, described=SEQUENTIAL, arrays=ARRAYS, *, fixed=True, cut=False):
    """Write a file as Keras does: texts of variable length, and names of fixed or variable."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.4.0"
        if described is not None:
            text = described if isinstance(described, bytes) else json.dumps(described).encode()
            file.attrs["model_config"] = text
        group = file.create_group("model_weights")
        for layer, own in arrays.items():
            place = group.create_group(layer)
            names = [name.encode() for name in own]
            if cut:  # as where the list is too long for one attribute
                for i, part in enumerate(np.array_split(names, 2)):
                    place.attrs[f"weight_names{i}"] = part
            else:
                place.attrs["weight_names"] = np.array(names) if fixed else names
            for name, array in own.items():
                place[name] = array


def expected(arrays=ARRAYS):
    layers = [
        *(fm.Dense(6, "relu"), fm.Dense(4, "tanh"), fm.BatchNorm(epsilon=1e-3)),
        fm.Dense(2, "softmax"),
    ]
    model = fm.Sequential(layers, input_columns=5, seed=0)
    a, b, c = (list(arrays[name].values()) for name in ("first", "inner", "last"))
    W = [a[0].T, a[1], b[0].T, b[1], *b[2:], c[0].T, c[1]]
    model.set_weights(W)
    return model


def test_an_activation_that_was_another_function_is_refused(tmp_path):
    described = json.loads(json.dumps(SEQUENTIAL).replace('"relu"', '"hard_sigmoid"'))
    write(tmp_path / "m.h5", described)
    message = r"layer 'first', Dense: activation 'hard_sigmoid of Keras 2' has no counterpart"
    with pytest.raises(ValueError, match=message):
        fm.from_keras(tmp_path / "m.h5")


def functional(layers, outputs):
    """Return a model of an input x, and layers of (class, config, nodes)."""
    parts = [("InputLayer", {"name": "x", "batch_input_shape": [None, 5]}, []), *layers]
    return {
        "class_name": "Functional",
        "config": {
            "name": "m",
            "layers": [
                {"class_name": kind, "config": c, "name": c["name"], "inbound_nodes": nodes}
                for kind, c, nodes in parts
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [[*place, 0] for place in outputs],
        },
    }


@pytest.mark.parametrize("first", [0, 1])
def test_calls_of_a_model_within_are_counted_with_and_without_its_own(first, tmp_path):
    part = dense("d", 5, "tanh")
    inner = functional([("Dense", part["config"], [[["x", 0, 0, {}]]])], [["d", 0]])["config"]
    inner["name"] = "inner"
    nodes = [[["x", 0, 0, {}]], [["inner", first, 0, {}]]]
    described = functional([("Functional", inner, nodes)], [["inner", first], ["inner", first + 1]])
    W, b = draw(5, 5), draw(5)
    write(tmp_path / "m.h5", described, {"inner": {"d/kernel:0": W, "d/bias:0": b}})
    once, twice = fm.from_keras(tmp_path / "m.h5").predict(X)
    np.testing.assert_allclose(once, np.tanh(X @ W + b), rtol=1e-5)
    np.testing.assert_allclose(twice, np.tanh(np.tanh(X @ W + b) @ W + b), rtol=1e-5)


def scaled(kind, arrays=None, **settings):
    """Return a model of one layer, and its arrays."""
    config = {"name": "s", "batch_input_shape": [None, 5], **settings}
    described = {
        "class_name": "Sequential",
        "config": {"name": "m", "layers": [{"class_name": kind, "config": config}]},
    }
    return described, {} if arrays is None else {"s": arrays}


MEAN, VARIANCE = draw(5), draw(5)
COUNT = np.array(7)
STATISTICS = {"mean:0": MEAN, "variance:0": VARIANCE, "count:0": COUNT}
SCALED = {
    "Rescaling": (scaled("Rescaling", scale=2.0, offset=-1), 2 * X - 1),
    "Rescaling each": (scaled("Rescaling", scale=MEAN.tolist()), X * MEAN),
    "Normalization": (
        scaled("Normalization", STATISTICS, axis=[-1], mean=None),
        (X - MEAN) / np.sqrt(VARIANCE),
    ),
    "inverse": (
        scaled("Normalization", STATISTICS, axis=[-1], invert=True),
        X * np.sqrt(VARIANCE) + MEAN,
    ),
    "told": (
        scaled("Normalization", mean=MEAN.tolist(), variance=[VARIANCE.tolist()]),
        (X - MEAN) / np.sqrt(VARIANCE),
    ),
    "constant columns": (
        scaled("Normalization", {**STATISTICS, "variance:0": 0 * VARIANCE}),
        (X - MEAN) / 1e-7,
    ),
}


@pytest.mark.parametrize("name", SCALED)
def test_what_scales_columns_is_a_layer_that_is_not_trained(name, tmp_path):
    (described, arrays), wanted = SCALED[name]
    write(tmp_path / "m.h5", described, arrays)
    model = fm.from_keras(tmp_path / "m.h5")
    np.testing.assert_allclose(
        model.predict(X), wanted, rtol=1e-4, atol=1e-6 * np.abs(wanted).max()
    )
    (layer,) = model.layers
    assert isinstance(layer, fm.Rescaling) or not layer.trainable


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (scaled("Rescaling", scale=[1, 2]), "scale=.* must be a number or 5 numbers"),
        (scaled("Rescaling", scale="much"), "scale=much must be a number"),
        (scaled("Rescaling", scale=[[1]] * 5), "scale=.* must be a number or 5 numbers"),
        (scaled("Normalization", axis=[0]), "axis=.* has no counterpart"),
        (scaled("Normalization"), "it has 0 arrays, expected 3"),
        (scaled("Normalization", mean=[0.0] * 5, variance=[-1.0] * 5), "must not be negative"),
        (
            scaled("Normalization", {**STATISTICS, "mean:0": draw(4)}),
            "its mean must be 5 numbers, its shape is",
        ),
        (scaled("Normalization", {**STATISTICS, "mean:0": np.arange(5)}), "of float32 or float64"),
        (scaled("Normalization", {**STATISTICS, "variance:0": -VARIANCE}), "finite numbers"),
    ],
)
def test_what_scales_columns_otherwise_is_refused(described, message, tmp_path):
    write(tmp_path / "m.h5", *described)
    with pytest.raises(ValueError, match=message):
        fm.from_keras(tmp_path / "m.h5")


@pytest.mark.parametrize("how", [{}, {"fixed": False}, {"cut": True}], ids=str)
def test_a_whole_model_of_the_older_format_is_read(how, tmp_path):
    write(tmp_path / "m.h5", **how)
    model = fm.from_keras(tmp_path / "m.h5")
    np.testing.assert_array_equal(model.predict(X), expected().predict(X))
    assert [layer.name for layer in model.layers] == ["first", "d", "b", "last"]
    assert [layer.trainable for layer in model.layers] == [True, True, True, False]


def test_a_functional_model_as_keras_2_wrote_it_is_read(tmp_path):
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 5]}},
        {**dense("shared", 5), "inbound_nodes": [[["x", 0, 0, {}]], [["shared", 0, 0, {}]]]},
        {
            "class_name": "Add",
            "config": {"name": "sum"},
            "inbound_nodes": [[["shared", 1, 0, {}], ["x", 0, 0, {}]]],
        },
    ]
    described = {
        "class_name": "Functional",
        "config": {
            "name": "m",
            "layers": [
                {"name": one["config"]["name"], "inbound_nodes": [], **one} for one in layers
            ],
            "input_layers": [["x", 0, 0]],
            "output_layers": [["sum", 0, 0]],
        },
    }
    W, b = draw(5, 5), draw(5)
    write(tmp_path / "m.h5", described, {"shared": {"shared/kernel:0": W, "shared/bias:0": b}})
    found = fm.from_keras(tmp_path / "m.h5").predict(X)
    np.testing.assert_allclose(found, ((X @ W + b) @ W + b) + X, rtol=1e-5)


def without(place, name):
    return {**ARRAYS, place: {key: a for key, a in ARRAYS[place].items() if key != name}}


def with_inner(**config):
    layers = SEQUENTIAL["config"]["layers"]
    inner = {**INNER, "config": {**INNER["config"], **config}}
    return {**SEQUENTIAL, "config": {"layers": [layers[0], inner, layers[2]]}}


WRONG = {
    "weights alone": ({"described": None}, "it has no model_config: .* weights alone"),
    "no JSON": ({"described": b"{"}, "its description is no JSON"),
    "an array less": ({"arrays": without("last", "last/bias:0")}, "it has 1 arrays, expected 2"),
    "no group": ({"arrays": {"first": ARRAYS["first"]}}, "it has 0 arrays, expected 2"),
    "another shape": (
        {"arrays": {**ARRAYS, "last": {"last/kernel:0": draw(3, 2), "last/bias:0": draw(2)}}},
        r"must have the shape \(2, 4\), and have \(2, 3\)",
    ),
    "of 16 bits": (
        {"arrays": {**ARRAYS, "last": {"k": draw(4, 2).astype("f2"), "b": draw(2)}}},
        "must be of float32 or float64, not float16",
    ),
    "a name twice": (
        {
            "described": with_inner(
                layers=[INNER | {"config": {"name": n, "layers": [dense("d", 4)]}} for n in "pq"]
            ),
            "arrays": {**ARRAYS, "inner": {"p/d/k": draw(6, 4), "z/d/k": draw(4, 4)}},
        },
        "it has 1 arrays, expected 2|two layers within models have the name 'd'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_does_not_fit_is_named(name, tmp_path):
    how, message = WRONG[name]
    write(tmp_path / "m.h5", **how)
    with pytest.raises(ValueError, match=message) as error:
        fm.from_keras(tmp_path / "m.h5")
    assert str(error.value).startswith("cannot read ")


def outside(file):
    del file["model_weights/first/first/kernel:0"]
    file["model_weights/first/first/kernel:0"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft(file):
    del file["model_weights/first"]
    file["model_weights/first"] = h5py.SoftLink("/model_weights/last")


def number(file):
    del file.attrs["model_config"]
    file.attrs["model_config"] = 3.0


def missing(file):
    del file["model_weights/first/first/bias:0"]


def larger(file):
    del file["model_weights/first/first/kernel:0"]
    space = h5py.h5s.create_simple((1 << 40, 6))
    group = file["model_weights/first/first"]
    h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, space)


HOSTILE = {
    outside: "'kernel:0' in its weights is a link to somewhere else",
    soft: "'first' in its weights is a link to somewhere else",
    number: "its 'model_config' is no text",
    missing: "'first/bias:0' in its weights of 'first' is not there",
    larger: "claims 26388279066624 bytes and has 0",
}


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_a_file_that_leads_elsewhere_or_claims_more_is_refused(change, tmp_path):
    write(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        change(file)
    with pytest.raises(ValueError, match=re.escape(HOSTILE[change])):
        fm.from_keras(tmp_path / "m.h5")


def test_a_file_of_the_newer_layout_of_hdf5_is_refused(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w", libver="latest") as file:
        file.attrs["model_config"] = b"{}"
    with pytest.raises(ValueError, match="Keras writes version 0"):
        fm.from_keras(tmp_path / "m.h5")


def test_a_heap_that_leads_into_itself_or_claims_more_ends(tmp_path):
    path = tmp_path / "m.h5"
    write(path, fixed=False)
    whole = path.read_bytes()
    heap = whole.rindex(b"GCOL", 0, whole.index(b'{"class_name"'))
    for place, value in ((24, 0), (24, 1 << 60), (8, 0), (40, 9), (48, 9), (48, 1 << 40)):
        data = bytearray(whole)
        data[heap + place : heap + place + 8] = value.to_bytes(8, "little")
        path.write_bytes(data)
        with pytest.raises(ValueError, match="cannot read"):
            fm.from_keras(path)


def test_a_text_is_not_read_again_and_again(tmp_path):
    path, many = tmp_path / "m.h5", 3000
    write(path)
    with h5py.File(path, "r+") as file:
        file["model_weights/first"].attrs["weight_names"] = [b"14 characters."] * many
    data = bytearray(path.read_bytes())
    text = len(json.dumps(SEQUENTIAL)).to_bytes(4, "little")
    place = data.index(text)
    reference = data[place : place + 16]  # length, heap and index
    element = (14).to_bytes(4, "little")
    start = next(
        i
        for i in range(len(data))
        if all(data[i + 16 * k : i + 16 * k + 4] == element for k in range(99))
    )
    data[start : start + 16 * many] = reference * many
    path.write_bytes(data)
    with pytest.raises(ValueError, match="its texts claim more bytes than the file has"):
        fm.from_keras(path)


@pytest.mark.parametrize("fixed", [True, False])
def test_changed_bytes_are_an_error_or_a_model_in_finite_time(fixed, tmp_path):
    path = tmp_path / "m.h5"
    write(path, fixed=fixed)
    whole = path.read_bytes()
    filled = np.flatnonzero(np.frombuffer(whole, np.uint8))
    rng = np.random.default_rng(0)
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.choice(filled, rng.integers(1, 5)):
            data[place] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.2 else data)
        said = ""
        try:
            assert fm.from_keras(path).predict(X).shape == (9, 2)
        except ValueError as error:
            said = str(error)
        assert said.startswith("cannot read ") or said == ""
