"""Models as files of Keras and back; against Keras itself where it is installed."""

import io
import json
import os
import re
import sys
import zipfile

import numpy as np
import pytest

import fastmlp as fm
from exported_cases import TOLERANCE, compare
from exported_models import ADJUSTED, DTYPES, MODELS, model_of, predicted

h5py = pytest.importorskip("h5py")
# Keras's own, with the backend of PyTorch.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 5)).astype(np.float32)
# What Keras has no layer for.
REFUSED = {
    "activation threshold": "no activation 'threshold'",
    "activation sin": "no activation 'sin'",
    "Dense in groups": "no such layer",
    "Lambda": "no such layer",
    "Lambda of rows": "no such layer",
    "Lambda tied": "no such layer",
    "Lambda of a number": "no such layer",
    "NumericEmbedding": "no such layer",
    "NumericEmbedding piecewise": "no such layer",
}
# Of which others of ours come, of the same function.
OTHERS = (
    *("activation gaussian", "activation gelu_tanh", "ParametricActivation"),
    *(f"activation {name}" for name in ADJUSTED if name.startswith("hard_tanh")),
)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in MODELS if name not in REFUSED])
def test_what_is_written_is_read_back(name, dtype, tmp_path):
    model, rows = model_of(name, dtype)
    model.export(tmp_path / "m.keras")
    before = (tmp_path / "m.keras").read_bytes()
    back = fm.from_keras(str(tmp_path / "m.keras"))
    assert back.dtype == model.dtype
    compare(predicted(back, rows), predicted(model, rows), dtype, name)
    if name in OTHERS:
        return
    back.export(tmp_path / "m.keras")
    # Tile comes back as a concatenation of another name, what does nothing not at all.
    if name not in ("Tile", "activation identity"):
        assert (tmp_path / "m.keras").read_bytes() == before


@pytest.mark.parametrize("name", REFUSED)
def test_what_keras_has_not_is_named_and_nothing_is_written(name, tmp_path):
    model, _ = model_of(name, "float32")
    with pytest.raises(ValueError, match=f"layer '[a-z_0-9]+', .*{REFUSED[name]}"):
        model.export(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_what_depends_on_the_step_of_a_training_is_refused(tmp_path):
    falling = fm.schedules.ExponentialDecay(0.5, 0.5, 10)
    for layer in (fm.Dropout(falling), fm.layers.GaussianNoise(falling)):
        model = fm.Sequential([layer, fm.Dense(1)], input_columns=2)
        with pytest.raises(ValueError, match="follows the step of a training"):
            model.export(tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_settings_come_back(tmp_path):
    layers = [
        fm.Dense(6, "relu", name="first", trainable=False),
        fm.Dropout(0.25),
        fm.BatchNorm(0.125, 1e-4),
        fm.layers.GaussianNoise(0.5),
        fm.LayerNorm(1e-2, use_offset=False),
        fm.Dense(2, "leaky_relu", use_bias=False),
        fm.layers.PReLU(shared=True),
    ]
    fm.Sequential(layers, input_columns=5, seed=0).export(tmp_path / "m.keras")
    back = fm.from_keras(tmp_path / "m.keras")
    assert isinstance(back, fm.Sequential)
    assert [repr(layer).replace("name='first', ", "") for layer in back.layers] == [
        "Dense(6, 'relu', trainable=False)",
        "Dropout(0.25, name='dropout_1')",
        "BatchNorm(momentum=0.125, epsilon=0.0001, name='batchnorm_1')",
        "GaussianNoise(0.5, name='gaussiannoise_1')",
        "LayerNorm(epsilon=0.01, use_offset=False, name='layernorm_1')",
        "Dense(2, 'identity', use_bias=False, name='dense_1')",
        "Activation('leaky_relu', name='dense_1_activation')",
        "PReLU(shared=True, name='prelu_1')",
    ]


def test_names_of_inputs_and_outputs_and_shared_layers_come_back(tmp_path):
    a, b, shared = fm.Input(3, "a"), fm.Input(3, "b"), fm.Dense(4, "tanh", name="shared")
    both = fm.layers.add([shared(a), shared(b)])
    outputs = {"z": fm.Dense(1)(both), "m": fm.layers.multiply([both, shared(a)])}
    model = fm.Model([a, b], outputs, seed=0)
    model.export(tmp_path / "m.keras")
    back = fm.from_keras(tmp_path / "m.keras")
    assert [x.name for x in back.network.inputs] == ["a", "b"]
    rows = {"a": X[:, :3], "b": X[:, 2:]}
    found, wanted = back.predict(rows), model.predict(rows)
    assert list(found) == ["z", "m"]
    assert all((found[name] == wanted[name]).all() for name in wanted)
    assert back.n_parameters == model.n_parameters


def test_names_are_those_that_keras_allows_with_every_backend(tmp_path):
    x = fm.Input(5, name="of.rows")
    encoder, clash = fm.Dense(4, name="encoder.fc/1"), fm.Dense(4, name="encoder_fc_1")
    model = fm.Model(x, {"y.z": clash(encoder(x))}, seed=0)
    model.export(tmp_path / "m.keras")
    back = fm.from_keras(tmp_path / "m.keras")
    assert [layer.name for layer in back.layers] == ["encoder_fc_1", "encoder_fc_1_2"]
    assert [y.name for y in back.network.inputs] == ["of.rows"]
    assert (back.predict({"of.rows": X})["y.z"] == model.predict(X)["y.z"]).all()


def exchanged(place, kind, *numbers, first=False, **settings):
    """Return a change of a layer to an operation of Keras, which has no weights."""

    def change(described):
        part = described["config"]["layers"][place]
        part.update(class_name=kind, registered_name=kind)
        part["config"] = {"name": part["name"], **settings}
        args = part["inbound_nodes"][0]["args"]
        part["inbound_nodes"][0]["args"] = [*numbers, *args] if first else [*args, *numbers]

    return change


WRITTEN_OPERATIONS = {
    "Gelu": (exchanged(2, "Gelu", approximate=True), "gelu_tanh"),
    "Relu6": (exchanged(2, "Relu6"), "hard_tanh(low=0, high=6)"),
    "LeakyRelu": (exchanged(2, "LeakyRelu", negative_slope=0.3), "leaky_relu(slope=0.3)"),
    "Clip": (exchanged(2, "Clip", x_min=-0.5, x_max=2), "hard_tanh(low=-0.5, high=2)"),
    "Negative": (exchanged(2, "Negative"), fm.Rescaling(-1)),
    "Multiply": (exchanged(2, "Multiply", 3, first=True), fm.Rescaling(3)),
    "Subtract": (exchanged(2, "Subtract", 3, first=True), fm.Rescaling(-1, 3)),
    "TrueDivide": (exchanged(2, "TrueDivide", 4.0), fm.Rescaling(0.25)),
}


def with_an_activation(path):
    """Write a model that is no row of layers, whose third is an activation."""
    x = fm.Input(5)
    h = fm.layers.Activation("tanh", name="phi")(fm.Dense(4)(x))
    model = fm.Model(x, {"y": fm.Dense(2)(h), "h": h}, seed=0)
    model.export(path)
    return model


@pytest.mark.parametrize("name", WRITTEN_OPERATIONS)
def test_operations_are_layers(name, tmp_path):
    model = with_an_activation(tmp_path / "m.keras")
    change, wanted = WRITTEN_OPERATIONS[name]
    rewritten(tmp_path / "m.keras", config=change)
    layer = fm.layers.Activation(wanted) if isinstance(wanted, str) else wanted
    dense = model.layers[0]
    h = fm.Sequential([layer], input_columns=4).predict(X @ dense.weights.T + dense.biases)
    np.testing.assert_allclose(fm.from_keras(tmp_path / "m.keras").predict(X)["h"], h, atol=1e-6)


def test_an_average_is_a_sum_times_a_number(tmp_path):
    x = fm.Input(5)
    sum_ = fm.add([fm.Dense(4)(x), fm.Dense(4, "relu")(x), fm.Dense(4)(x)])
    model = fm.Model(x, {"y": sum_, "z": fm.Dense(2)(sum_)}, seed=0)
    model.export(tmp_path / "m.keras")

    def change(described):
        for part in described["config"]["layers"]:
            if part["class_name"] == "Add":
                part.update(class_name="Average", registered_name="Average")

    rewritten(tmp_path / "m.keras", config=change)
    found = fm.from_keras(tmp_path / "m.keras").predict(X)["y"]
    np.testing.assert_allclose(found, model.predict(X)["y"] / 3, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (exchanged(2, "TrueDivide", 0), "it divides by 0"),
        (exchanged(2, "TrueDivide", 1, first=True), "a division by a tensor"),
        (exchanged(2, "Add", 1, 2), "two values, or a value and a number"),
        (exchanged(2, "Add", float("nan")), "offset must be finite|must be a finite number"),
        (exchanged(2, "Add", 10**400), "cannot read"),
        (exchanged(2, "Add", "1"), "it takes 1, which is made by no layer"),
        (exchanged(2, "Relu", 1), "it takes 1, which is made by no layer"),
        (exchanged(2, "Clip", x_min="a", x_max=1), "x_min=a must be a number"),
        (exchanged(2, "Clip", x_min=2, x_max=1), "bound|low"),
        (exchanged(2, "Celu", alpha=0), "cannot read"),
        (exchanged(2, "LeakyRelu"), "its config has no 'negative_slope'"),
        (exchanged(2, "Cropping1D", cropping=[0, 1]), "crops rows of columns"),
    ],
)
def test_operations_with_other_settings_are_refused(change, message, tmp_path):
    with_an_activation(tmp_path / "m.keras")
    rewritten(tmp_path / "m.keras", config=change)
    with pytest.raises(ValueError, match=message) as error:
        fm.from_keras(tmp_path / "m.keras")
    assert str(error.value).startswith("cannot read ")


def test_an_activation_may_be_a_layer(tmp_path):
    path = tmp_path / "m.keras"
    model = fm.MLP([5, 8, 3], activation="leaky_relu(slope=0.25)", seed=0)
    model.export(path)
    layer = {"class_name": "LeakyReLU", "config": {"name": "l", "negative_slope": 0.25}}

    def moved(described):
        parts = described["config"]["layers"]
        del parts[2]
        parts[1]["config"]["activation"] = layer

    rewritten(path, config=moved)
    back = fm.from_keras(path)
    assert (back.predict(X) == model.predict(X)).all()
    assert len(back.layers) == 2
    layer["registered_name"] = "mine>LeakyReLU"
    rewritten(path, config=changed(1, activation=layer))
    with pytest.raises(ValueError, match="a class of its author's: no code is run"):
        fm.from_keras(path)


def test_a_model_in_memory_may_say_tuples_where_files_have_lists():
    class Scaling:
        name = "s"

        def get_weights(self):
            return [np.arange(5, dtype=np.float32)]

    class Sequential:
        layers = (Scaling(),)

        def get_config(self):
            config = {"name": "s", "equation": "ab,b->ab", "output_shape": (5,)}
            scale = {"class_name": "EinsumDense", "config": config}
            start = {"class_name": "InputLayer", "config": {"batch_shape": (None, 5)}}
            return {"layers": (start, scale)}

    np.testing.assert_array_equal(
        fm.from_keras(Sequential()).predict(X), X * np.arange(5, dtype="f4")
    )


# ------------------------------------------------------------------------------- hostile files


def rewritten(path, *, config=None, weights=None, compress=zipfile.ZIP_STORED, drop=(), more=()):
    """Write an archive again with changes to its JSON, and to its weights."""
    with zipfile.ZipFile(path) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    if config is not None:
        described = json.loads(contents["config.json"])
        contents["config.json"] = json.dumps(config(described) or described).encode()
    if weights is not None:
        file = io.BytesIO(contents["model.weights.h5"])
        with h5py.File(file, "r+") as open_file:
            weights(open_file)
        contents["model.weights.h5"] = file.getvalue()
    with zipfile.ZipFile(path, "w", compress) as new:
        for name, data in contents.items():
            if name not in drop:
                new.writestr(name, data)
        for name, data in more:
            new.writestr(name, data)


def changed(place, **settings):
    """Return a change of a layer's settings."""

    def change(described):
        described["config"]["layers"][place]["config"].update(settings)

    return change


def replaced(place, **parts):
    def change(described):
        described["config"]["layers"][place].update(parts)

    return change


def put(name, **settings):
    """Return a change of an array."""

    def change(file):
        del file[name]
        file.create_dataset(name, **settings)

    return change


def linked(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/x")


def outside(file):
    del file["layers/dense/vars/0"]
    external = [("/etc/passwd", 0, 160)]
    file.create_dataset("layers/dense/vars/0", (5, 8), "f4", external=external)


W0 = "layers/dense/vars/0"
HOSTILE = {
    "lambda": (
        {"config": replaced(1, class_name="Lambda")},
        "layer 'dense_1', Lambda: it has no counterpart in fastmlp: no code of a file is run",
    ),
    "registered": (
        {"config": replaced(1, registered_name="evil>Dense")},
        "'dense_1', Dense: a class of its author's",
    ),
    "function": (
        {"config": changed(1, activation={"class_name": "function", "config": "os.system"})},
        "'os.system' is a function of its author's",
    ),
    "activation": ({"config": changed(1, activation="glu")}, "activation 'glu' has no count"),
    "huge": ({"config": changed(1, units=10**9)}, "must have the shape|parameters"),
    "immense": ({"config": changed(1, units=10**30)}, "layer 'dense_1', Dense|at most"),
    "negative": ({"config": changed(1, units=-1)}, "units must be"),
    "text": ({"config": changed(1, units="8")}, "units must be"),
    "no units": (
        {"config": lambda d: d["config"]["layers"][1]["config"].pop("units") and None},
        "no 'units",
    ),
    "no layers": ({"config": lambda d: d["config"].update(layers=[])}, "a list of one at least"),
    "layers of text": ({"config": lambda d: d["config"].update(layers="ab")}, "a list of one"),
    "class": ({"config": lambda d: d.update(class_name="Evil")}, "'Evil' is none of"),
    "no mapping": ({"config": lambda d: [1]}, "none of"),
    "images": ({"config": changed(0, batch_shape=[None, 4, 4])}, "must be rows of columns"),
    "unknown": ({"config": replaced(1, class_name="Conv2D")}, "Conv2D: it has no counterpart"),
    "link": ({"weights": linked}, "is a link to somewhere else"),
    "outside": ({"weights": outside}, "in one piece"),
    "packed array": (
        {"weights": put(W0, data=np.zeros((5, 8), "f4"), compression="gzip")},
        "in one piece",
    ),
    "empty claim": ({"weights": put(W0, shape=(5, 8), dtype="f4")}, "claims 160 bytes and has 0"),
    "immense claim": ({"weights": put(W0, shape=(1 << 40, 8), dtype="f4")}, "claims .* has 0"),
    "shape": ({"weights": put(W0, data=np.zeros((8, 5), "f4"))}, r"the shape \(8, 5\), and"),
    "integers": (
        {"weights": put(W0, data=np.zeros((5, 8), "i4"))},
        "float32 or float64, not int32",
    ),
    "objects": ({"weights": put(W0, data="text")}, "float32 or float64"),
    "NaN": ({"weights": put(W0, data=np.full((5, 8), np.nan, "f4"))}, "weights of layer 'dense_1'"),
    "missing": ({"weights": lambda f: f.pop("layers/dense/vars/1")}, "it has 1 arrays, expected 2"),
    "more": (
        {"weights": lambda f: f.create_dataset("layers/dense/vars/2", data=np.zeros(3, "f4"))},
        "it has 3 arrays, expected 2",
    ),
    "no weights": ({"drop": ["model.weights.h5"]}, "must have one 'model.weights.h5', and has 0"),
    "bomb": (
        {
            "more": [("config.json", b" " * (1 << 20))],
            "drop": ["config.json"],
            "compress": zipfile.ZIP_DEFLATED,
        },
        r"'config.json' claims 1048576 bytes, of \d+ packed",
    ),
    "twice": ({"more": [("config.json", b"{}")]}, "must have one 'config.json', and has 2"),
}


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "m.keras"
    fm.MLP([5, 8, 3], output="softmax", seed=0).export(path)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_contradicts_itself_is_refused(name, written):
    changes, message = HOSTILE[name]
    rewritten(written, **changes)
    with pytest.raises(ValueError, match=message) as error:
        fm.from_keras(written)
    assert str(error.value).startswith("cannot read ")
    assert len(str(error.value)) < 1000


def embedded(tmp_path, change):
    """Return where a model with an embedding of three columns is, with its description changed."""
    path = tmp_path / "m.keras"
    layers = [fm.Embedding([3, 5, 2], [2, 1, 2]), fm.Dense(2)]
    fm.Sequential(layers, input_columns=3, seed=0).export(path)

    def by_name(described):
        parts = {part["name"]: part for part in described["config"]["layers"]}
        change(parts, described["config"])

    rewritten(path, config=by_name)
    return path


def of_call(part, place=0):
    return part["inbound_nodes"][0]["args"][place]


def swapped(parts, config):
    args = of_call(parts["embedding_1"])
    args[0], args[1] = args[1], args[0]


def ended_early(parts, config):
    config["output_layers"] = ["embedding_1_1_table", 0, 0]


def one_trained(parts, config):
    parts["embedding_1_1_table"]["config"]["trainable"] = False


def one_table_twice(parts, config):
    last = of_call(parts["embedding_1_2_table_row"])["config"]["keras_history"]
    last[0] = "embedding_1_0_table"


def cropped(*cropping):
    return lambda parts, config: parts["embedding_1_1"]["config"].update(cropping=list(cropping))


def columns_added(parts, config):
    of_call(parts["dense_1"])["config"]["keras_history"][0] = "embedding_1_columns"


def two_calls(parts, config):
    """Let the embedding be called again with its tables in another order."""
    node = parts["embedding_1"]["inbound_nodes"][0]
    node = json.loads(json.dumps(node))
    node["args"][0].reverse()
    parts["embedding_1"]["inbound_nodes"].append(node)
    config["output_layers"] = ["embedding_1", 1, 0]


SPOILT_EMBEDDINGS = {
    swapped: "looked up in a table and all that is found is joined in their order",
    ended_early: "it takes some of a value's columns",
    one_trained: "some of its tables are trainable and some not",
    one_table_twice: "joined in their order",
    cropped(0, 3): "leaves nothing of 3 columns",
    cropped(-1, 0): "leaves nothing of 3 columns",
    cropped(1): "must be two numbers",
    cropped(0, 1): "it takes some of a value's columns",
    cropped("a", 1): "must be two numbers",
    columns_added: "it takes some of a value's columns",
    two_calls: "joined in their order",
}


@pytest.mark.parametrize("change", SPOILT_EMBEDDINGS, ids=lambda change: change.__name__)
def test_columns_that_are_not_all_looked_up_are_refused(change, tmp_path):
    path = embedded(tmp_path, change)
    with pytest.raises(ValueError, match=SPOILT_EMBEDDINGS[change]) as error:
        fm.from_keras(path)
    assert str(error.value).startswith("cannot read ")


def test_an_embedding_of_several_columns_is_one_layer_again(tmp_path):
    x, one = fm.Input(3), fm.Embedding([3, 5, 2], [2, 1, 2], trainable=False, name="kinds")
    y = fm.Input(3)
    model = fm.Model([x, y], fm.Dense(2)(fm.concat([one(x), one(y)])), seed=0)
    model.export(tmp_path / "m.keras")
    back = fm.from_keras(tmp_path / "m.keras")
    assert repr(back.layers[0]) == repr(one)
    rows = [np.array([[2, 4, 1], [0, 0, 0]]), np.array([[1, 3, 0], [2, 4, 1]])]
    assert (back.predict(rows) == model.predict(rows)).all()


@pytest.mark.parametrize("unflat", [{"output_layers": ["embedding_1", 0, 0]}, {}])
def test_inputs_share_a_table_whatever_their_columns(unflat, tmp_path):
    x, y, one = fm.Input(3), fm.Input(1), fm.Embedding(7, 4)
    model = fm.Model([x, y], fm.Dense(2)(fm.concat([one(x), one(y)])), seed=0)
    path = tmp_path / "m.keras"
    model.export(path)
    back = fm.from_keras(path)
    assert [repr(layer) for layer in back.layers[:1]] == ["Embedding(7, 4, name='embedding_1')"]
    rows = [RNG.integers(7, size=(9, 3)), RNG.integers(7, size=(9, 1))]
    assert (back.predict(rows) == model.predict(rows)).all()
    if unflat:
        rewritten(path, config=lambda described: described["config"].update(unflat))
        with pytest.raises(ValueError, match="several columns must be made flat before all else"):
            fm.from_keras(path)


def test_an_array_is_not_read_again_and_again_for_many_layers(tmp_path):
    path, many = tmp_path / "m.keras", 30
    fm.MLP([64] * (many + 1), seed=0).export(path)
    with zipfile.ZipFile(path) as archive:
        config = archive.read("config.json")
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for i in range(many):
            group = file.create_group("layers/dense" + (f"_{i}" if i else "") + "/vars")
            group["0"] = file[W0] if i else np.zeros((64, 64), "f4")
            group["1"] = np.zeros(64, "f4")
    assert len(weights.getvalue()) < many * 64 * 64 * 4
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", config)
        archive.writestr("model.weights.h5", weights.getvalue())
    with pytest.raises(ValueError, match="claim more bytes than the file has"):
        fm.from_keras(path)


def test_without_h5py_it_is_said_what_to_install(monkeypatch, tmp_path):
    for module in [name for name in sys.modules if name.startswith("fastmlp.export.keras")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"need h5py: pip install 'fastmlp\[keras\]'"):
        fm.MLP([2, 1], seed=0).export(tmp_path / "m.keras")
    with pytest.raises(ImportError, match=r"need h5py: pip install 'fastmlp\[keras\]'"):
        fm.from_keras(tmp_path / "m.keras")


def doubled(depth):
    """Return a model that calls a model twice, which calls a model twice, and so on."""
    x = {"class_name": "InputLayer", "config": {"name": "x", "batch_shape": [None, 5]}}

    def call(name):
        kept = {"shape": [None, 5], "keras_history": [name, 0, 0]}
        return {"args": [{"class_name": "__keras_tensor__", "config": kept}], "kwargs": {}}

    def again(name, place):
        tensor = call(name)
        tensor["args"][0]["config"]["keras_history"] = [name, place, 0]
        return tensor

    inner = {"class_name": "Identity", "config": {"name": "m"}}
    for _ in range(depth):
        nodes = [call("x"), again("m", 0)]
        config = {
            "name": "m",
            "layers": [{**x, "name": "x"}, {**inner, "name": "m", "inbound_nodes": nodes}],
            "input_layers": ["x", 0, 0],
            "output_layers": ["m", 1, 0],
        }
        inner = {"class_name": "Functional", "config": config}
    return inner


def test_models_within_models_do_not_multiply_without_end(written):
    rewritten(written, config=lambda _: doubled(5))
    assert (fm.from_keras(written).predict(X) == X).all()
    rewritten(written, config=lambda _: doubled(60))
    with pytest.raises(ValueError, match="its layers are called more than 131,072 times"):
        fm.from_keras(written)
    rewritten(written, config=lambda _: doubled(150))
    with pytest.raises(ValueError, match="cannot read"):
        fm.from_keras(written)


H5 = b"\x89HDF\r\n\x1a\n"


def test_other_things_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        fm.from_keras(tmp_path / "nowhere.keras")
    with pytest.raises(IsADirectoryError):
        fm.from_keras(tmp_path)
    for name, data in (("text.keras", b"PK nothing"), ("empty.keras", b""), ("m.h5", H5)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=f"cannot read '.*{re.escape(name)}'"):
            fm.from_keras(tmp_path / name)
    with pytest.raises(TypeError, match="source must be a path or a model of Keras, got int"):
        fm.from_keras(3)


def test_changed_bytes_are_an_error_or_a_model(written):
    whole = written.read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), rng.integers(1, 5)):
            data[place] = rng.integers(256)
        written.write_bytes(data[: rng.integers(len(data))] if rng.random() < 0.2 else data)
        said = ""
        try:
            assert fm.from_keras(written).predict(X).shape[0] == 16
        except ValueError as error:
            said = str(error)
        assert said.startswith("cannot read ") or said == ""


# --------------------------------------------------------------------------------- Keras itself


@pytest.fixture(scope="module")
def keras():
    for backend in ("torch", "jax", "tensorflow"):
        try:
            __import__(backend)
        except ImportError:
            continue
        os.environ.setdefault("KERAS_BACKEND", backend)
        os.environ.setdefault("JAX_ENABLE_X64", "1")
        break
    else:
        pytest.skip("no backend of Keras is installed")
    return pytest.importorskip("keras")


# What Keras computes of float64: it promotes products to float32 at most.
OF_KERAS = {"float32": TOLERANCE["float32"], "float64": 1e-6}


def called(model, rows, names=None):
    """Return all outputs of a model of Keras side by side."""
    y = model(rows)
    y = [y[name] for name in names] if isinstance(y, dict) else y
    y = y if isinstance(y, (list, tuple)) else [y]
    return np.concatenate([np.asarray(v.detach() if hasattr(v, "detach") else v) for v in y], 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name in MODELS if name not in REFUSED])
def test_keras_loads_and_computes_the_same(keras, name, dtype, tmp_path):
    model, rows = model_of(name, dtype)
    model.export(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    wanted = predicted(model, rows)
    tolerance = OF_KERAS[dtype] * max(1, np.abs(wanted).max())
    found = called(theirs, rows, model.network.outputs.names)
    np.testing.assert_allclose(found, wanted, rtol=OF_KERAS[dtype], atol=tolerance)
    assert isinstance(theirs, (keras.Sequential, keras.Model))


def random_network(seed):
    """Return a model whose layers are joined at random, some of them called several times."""
    rng = np.random.default_rng(seed)
    inputs = [fm.Input(3) for _ in range(rng.integers(1, 4))]
    values = list(inputs)
    shared = [fm.Dense(3, "tanh") for _ in range(2)]
    for _ in range(rng.integers(3, 12)):
        pick = [values[i] for i in rng.choice(len(values), size=min(2, len(values)), replace=False)]
        kind = rng.integers(5)
        if kind == 0 and len(pick) == 2:
            values.append(fm.layers.add(pick))
        elif kind == 1 and len(pick) == 2:
            values.append(fm.Dense(3)(fm.layers.concat(pick)))
        elif kind == 2:
            values.append(shared[rng.integers(2)](pick[0]))
        else:
            values.append(fm.Dense(3, rng.choice(["relu", "gaussian", "leaky_relu"]))(pick[0]))
    out = fm.Dense(2)(fm.layers.concat([*inputs, *values[-3:]]))
    return fm.Model(inputs, {"z": out, "a": fm.Dense(1)(values[-1])}, seed=0)


@pytest.mark.parametrize("seed", range(12))
def test_keras_finds_the_weights_of_each_layer_however_they_are_joined(keras, seed, tmp_path):
    model = random_network(seed)
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.export(tmp_path / "m.keras")
    rows = [X[:, :3] for _ in model.network.inputs]
    theirs = keras.models.load_model(tmp_path / "m.keras")
    rows = rows if len(rows) > 1 else rows[0]
    found = called(theirs, rows, ["z", "a"])
    wanted = predicted(model, rows)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max())


def test_keras_loads_names_with_dots(keras, tmp_path):
    model = fm.Sequential([fm.Dense(3, name="encoder.fc")], input_columns=5, seed=0)
    model.export(tmp_path / "m.keras")
    theirs = keras.models.load_model(tmp_path / "m.keras")
    compare(called(theirs, X), model.predict(X), "float32", "dots")


OPERATIONS = {
    **{
        name: lambda keras, x, name=name: getattr(keras.ops, name)(x)
        for name in (
            *("relu", "relu6", "sigmoid", "tanh", "silu", "softplus", "softsign", "exp", "sin"),
            *("selu", "hard_sigmoid", "hard_silu", "hard_tanh", "gelu", "elu", "leaky_relu"),
            *("celu", "log_softmax", "softmax", "log_sigmoid", "negative"),
        )
    },
    "gelu by erf": lambda keras, x: keras.activations.gelu(x),
    "relu of another slope": lambda keras, x: keras.activations.relu(x, negative_slope=0.1),
    "a slope": lambda keras, x: keras.ops.leaky_relu(x, 0.3),
    "an alpha": lambda keras, x: keras.ops.celu(x, 0.3),
    "bounds": lambda keras, x: keras.ops.clip(x, -0.5, 0.75),
    "numbers": lambda keras, x: (2 * x + 1) / 4 - (1 - x * 0.5),
    "numbers before": lambda keras, x: (1 + x) * keras.ops.subtract(x, 3),
}


def made(keras, name):
    """Return a model of Keras with weights as after a fit."""
    layers = keras.layers
    one = {
        "Dense": lambda: layers.Dense(4, "swish"),
        "no bias": lambda: layers.Dense(4, use_bias=False),
        "slope in Dense": lambda: layers.Dense(4, "leaky_relu"),
        "Activation": lambda: layers.Activation("gelu"),
        "slope": lambda: layers.Activation("leaky_relu"),
        "ReLU": lambda: layers.ReLU(),
        "ReLU sloped": lambda: layers.ReLU(negative_slope=0.25),
        "LeakyReLU": lambda: layers.LeakyReLU(),
        "LeakyReLU 0.01": lambda: layers.LeakyReLU(negative_slope=0.01),
        "PReLU": lambda: layers.PReLU(),
        "PReLU shared": lambda: layers.PReLU(shared_axes=[1]),
        "ELU": lambda: layers.ELU(),
        "ELU of another alpha": lambda: layers.ELU(0.25),
        "ReLU bounded": lambda: layers.ReLU(max_value=0.5),
        **{
            name: lambda name=name: layers.Dense(4, name)
            for name in ("relu6", "hard_silu", "hard_swish", "log_softmax", "celu", "log_sigmoid")
        },
        "sloped by a layer": lambda: layers.Dense(4, layers.LeakyReLU(negative_slope=0.25)),
        "a layer's layer": lambda: layers.Activation(layers.ReLU(max_value=0.5)),
        "Softmax": lambda: layers.Softmax(),
        "Dropout": lambda: layers.Dropout(0.5),
        "GaussianNoise": lambda: layers.GaussianNoise(0.5),
        "BatchNormalization": lambda: layers.BatchNormalization(),
        "BatchNormalization bare": lambda: layers.BatchNormalization(center=False, scale=False),
        "LayerNormalization": lambda: layers.LayerNormalization(),
        "LayerNormalization bare": lambda: layers.LayerNormalization(center=False),
        "RMSNormalization": lambda: layers.RMSNormalization(),
        "Flatten": lambda: layers.Flatten(),
        "Reshape": lambda: layers.Reshape((6,)),
        "Rescaling": lambda: layers.Rescaling(1.5, -0.25),
        "Rescaling each": lambda: layers.Rescaling([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        "Normalization": lambda: layers.Normalization(),
        "Normalization told": lambda: layers.Normalization(
            mean=[1.0] * 6, variance=[0.25] * 6, invert=True
        ),
    }
    if name == "nested":
        model = nested(keras)
    elif name == "Subtract":
        x = keras.Input((5,))
        model = keras.Model(x, layers.Subtract()([layers.Dense(4)(x), layers.Dense(4)(x)]))
    elif name == "Average":
        x = keras.Input((5,))
        model = keras.Model(x, layers.Average()([layers.Dense(4)(x) for _ in range(3)]))
    elif name in OPERATIONS:
        x = keras.Input((5,))
        h = OPERATIONS[name](keras, layers.Dense(6)(x))
        model = keras.Model(x, layers.Dense(3)(h))
    elif name == "Scale":
        scale = layers.EinsumDense("ab,b->ab", output_shape=(6,))
        model = keras.Sequential([layers.Input((5,)), layers.Dense(6), scale])
    elif name == "Dropout joined":  # of which Keras notes how it was called
        x = layers.Input((5,))
        model = keras.Model(x, layers.Dense(3)(layers.Dropout(0.5)(layers.Dense(4)(x))))
    elif name.startswith("Embedding"):
        columns = 3 if name.endswith("columns") else 1
        parts = [layers.Input((columns,)), layers.Embedding(7, 4), layers.Flatten()]
        model = keras.Sequential([*parts, layers.Dense(2)])
    else:
        model = keras.Sequential(
            [layers.Input((5,)), layers.Dense(6), one[name](), layers.Dense(3)]
        )
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.1, 1, w.shape).astype(w.dtype) for w in model.get_weights()])
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):  # of Normalization, as when weights are loaded
            layer.finalize_state()
    return model


def nested(keras):
    layers = keras.layers

    def inner():
        return keras.Sequential([layers.Input((5,)), layers.Dense(5, "tanh"), layers.Dense(5)])

    x, y = keras.Input((5,)), keras.Input((5,))
    middle = keras.Model(x, layers.Add()([inner()(x), x]))
    return keras.Model(y, layers.Dense(2)(middle(inner()(middle(y)))))


NAMES = [
    *("Dense", "no bias", "slope in Dense", "Activation", "slope", "ReLU", "ReLU sloped"),
    *("LeakyReLU", "LeakyReLU 0.01", "PReLU", "PReLU shared", "ELU", "Softmax", "Dropout"),
    *("GaussianNoise", "BatchNormalization", "BatchNormalization bare", "LayerNormalization"),
    *("LayerNormalization bare", "RMSNormalization", "Flatten", "Reshape", "Embedding", "nested"),
    *("ELU of another alpha", "ReLU bounded", "relu6", "hard_silu", "hard_swish", "log_softmax"),
    *("celu", "log_sigmoid", "Subtract", "sloped by a layer", "a layer's layer", "Scale"),
    *("Average", "Embedding of columns"),
    *("Dropout joined", "Rescaling", "Rescaling each", "Normalization", "Normalization told"),
]


@pytest.mark.parametrize("name", dict.fromkeys([*NAMES, *OPERATIONS]))
def test_models_of_keras_are_taken_from_files_and_from_memory(keras, name, tmp_path):
    theirs = made(keras, name)
    rows = X if not name.startswith("Embedding") else np.arange(7)[:, None]
    rows = np.hstack([rows, rows[::-1], rows]) if name == "Embedding of columns" else rows
    wanted = called(theirs, rows)
    theirs.save(tmp_path / "m.keras")
    theirs.save(tmp_path / "m.h5")
    for source in (tmp_path / "m.keras", tmp_path / "m.h5", theirs):
        ours = fm.from_keras(source)
        compare(ours.predict(rows), wanted, "float32", name)


def test_functional_models_have_their_inputs_and_outputs(keras, tmp_path):
    layers = keras.layers
    a, b = keras.Input((5,), name="a"), keras.Input((5,), name="b")
    shared = layers.Dense(5, "relu")
    h = layers.Add()([shared(a), shared(b)])
    h = layers.Minimum()([h, b, layers.Maximum()([a, b])])
    wide = layers.Concatenate()([layers.Multiply()([h, a]), h])
    theirs = keras.Model([a, b], {"y": layers.Dense(2)(wide), "c": layers.Dense(1)(shared(h))})
    theirs.save(tmp_path / "m.keras")
    theirs.save(tmp_path / "m.h5")
    for source in (tmp_path / "m.keras", tmp_path / "m.h5", theirs):
        ours = fm.from_keras(source)
        wanted = called(theirs, [X, X + 1], ["y", "c"])
        found = ours.predict({"a": X, "b": X + 1})
        compare(np.concatenate([found["y"], found["c"]], 1), wanted, "float32", "functional")


@pytest.mark.parametrize("policy", ["float16", "bfloat16", "mixed_float16"])
def test_models_in_memory_may_be_of_half_precision(keras, policy):
    layers = keras.layers
    parts = [layers.Dense(4, "tanh", dtype=policy), layers.Dense(2, dtype=policy)]
    theirs = keras.Sequential([layers.Input((5,)), *parts])
    ours = fm.from_keras(theirs)
    assert ours.dtype == np.float32
    wanted = theirs(X.astype(np.float32))
    wanted = wanted.detach().float() if hasattr(wanted, "detach") else wanted
    np.testing.assert_allclose(ours.predict(X), np.asarray(wanted, np.float32), atol=0.05)


@pytest.mark.parametrize("last", [0, 1, 2])
def test_calls_of_a_model_within_a_model_are_told_apart(keras, last, tmp_path):
    layers = keras.layers
    x = keras.Input((5,))
    inner = keras.Model(x, layers.Add()([layers.Dense(5, "tanh")(x), x]))
    y = keras.Input((5,))
    values = [inner(y)]
    values += [inner(values[0]), inner(layers.Dense(5)(values[0]))]
    outputs = {"a": values[last], "b": layers.Dense(2)(layers.Concatenate()(values))}
    theirs = keras.Model(y, outputs)
    theirs.save(tmp_path / "m.keras")
    theirs.save(tmp_path / "m.h5")
    wanted = called(theirs, X, ["a", "b"])
    for source in (tmp_path / "m.keras", tmp_path / "m.h5", theirs):
        found = fm.from_keras(source).predict(X)
        compare(np.concatenate([found["a"], found["b"]], 1), wanted, "float32", "calls")


def test_training_goes_on_as_in_keras(keras):
    layers = keras.layers
    theirs = keras.Sequential([layers.Input((5,)), layers.Dense(8, "tanh"), layers.Dense(3)])
    ours = fm.from_keras(theirs)
    t = RNG.normal(size=(16, 3)).astype(np.float32)
    theirs.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    theirs.fit(X, t, epochs=10, batch_size=16, verbose=0, shuffle=False)
    # ½ Σ of three columns is 1.5 times their mean.
    ours.fit(
        *(X, t),
        loss="squared_error",
        optimizer=fm.SGD(0.1 * 2 / 3),
        epochs=10,
        batch_size=16,
        verbose=False,
    )
    np.testing.assert_allclose(ours.predict(X), called(theirs, X), atol=1e-5)


def test_classes_of_the_users_own_are_refused(keras, tmp_path):
    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    class Subclassed(keras.Model):
        def call(self, x):
            return x

    layers = keras.layers
    theirs = keras.Sequential([layers.Input((5,)), Own(name="mine"), layers.Dense(1)])
    theirs.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="layer 'mine', Own"):
        fm.from_keras(tmp_path / "m.keras")
    with pytest.raises(ValueError, match="Subclassed is neither Sequential nor Functional"):
        fm.from_keras(Subclassed())
    x = keras.Input((5,))
    with pytest.raises(ValueError, match="layer 'cos', Cos: "):
        fm.from_keras(keras.Model(x, layers.Dense(1)(keras.ops.cos(x))))
