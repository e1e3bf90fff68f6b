"""Files: what comes back, and what happens with files that lie, are cut short or mean harm."""

import collections
import io
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import fastmlp as fm
import fuzz_files
from fastmlp.models import container


def several_inputs():
    a, b = fm.Input(2, name="a"), fm.Input(3, name="b")
    shared = fm.Dense(4, "relu", l2=0.1, name="shared")
    left = shared(fm.concat([a, b]))
    right = shared(fm.concat([b, a]))
    return fm.Model([a, b], fm.Dense(1)(fm.Dropout(0.1)(fm.add([left, right]))), seed=0)


MODELS = {
    "mlp": lambda: fm.MLP([4, 5, 3], output="softmax", seed=0),
    "float64": lambda: fm.MLP([4, 5, 1], activation="softplus", seed=0, dtype="float64"),
    "no biases": lambda: fm.Sequential([fm.Dense(3, use_bias=False)], input_columns=4),
    "several inputs": several_inputs,
}


def inputs(model, rows=5):
    parts = [np.ones((rows, n)) * np.arange(rows)[:, None] for n in model.network.input_columns]
    return parts if len(parts) > 1 else parts[0]


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_comes_back_as_it_was(kind, tmp_path):
    model = MODELS[kind]()
    model.metadata = {"classes": ["a", "b"], "means": [0.5, None], "nested": {"ü": True}}
    path = tmp_path / "m.safetensors"
    model.save(path)
    loaded = fm.load(str(path))
    assert repr(loaded).split(maxsplit=1)[1] == repr(model).split(maxsplit=1)[1]
    assert (loaded.metadata, loaded.seed, loaded.dtype) == (model.metadata, model.seed, model.dtype)
    X = inputs(model)
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert str(loaded.summary()) == str(model.summary())


def test_a_loaded_model_trains_on_as_a_copy_would(tmp_path):
    model = MODELS["mlp"]()
    X, t = np.random.default_rng(0).normal(size=(9, 4)), np.arange(9) % 3
    model.fit(X, t, epochs=2, batch_size=4, l2=0.1, metrics=["zero_one"])
    model.save(tmp_path / "m.safetensors")
    loaded, twin = fm.load(tmp_path / "m.safetensors"), model.copy()
    assert loaded.evaluate(X, t) == model.evaluate(X, t)
    for each in (loaded, twin):
        each.fit(X, t, epochs=2, batch_size=4)
    np.testing.assert_array_equal(loaded.parameters.flat, twin.parameters.flat)


def loaded(model, path):
    model.save(path / "m.safetensors")
    return fm.load(path / "m.safetensors")


@pytest.mark.parametrize("again", [loaded, lambda model, path: pickle.loads(pickle.dumps(model))])
def test_metrics_that_are_functions_take_no_loss_or_penalty_with_them(tmp_path, again):
    model = fm.MLP([4, 3, 1], seed=0)
    X, t = np.random.default_rng(0).normal(size=(9, 4)), np.arange(9.0)

    def worst(y_true, y_pred):
        return abs(y_true - y_pred).max()

    model.fit(X, t, loss="mae", l2=0.1, l1=0.01, metrics=["r2", worst], epochs=1)
    known = model.evaluate(X, t)
    found = again(model, tmp_path).evaluate(X, t)
    assert set(known.keys()) == {"loss", "r2", "worst"}
    assert found == {"loss": known["loss"], "r2": known["r2"]}


def test_weights_in_the_file_have_the_shapes_that_layers_show(tmp_path):
    model = MODELS["mlp"]()
    model.save(tmp_path / "m.safetensors")
    with safe_open(tmp_path / "m.safetensors", framework="numpy") as file:
        np.testing.assert_array_equal(file.get_tensor("dense_1.weights"), model.layers[0].weights)
        np.testing.assert_array_equal(file.get_tensor("dense_1.biases"), model.layers[0].biases)


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    MODELS["mlp"]().save(path)
    before = path.read_bytes()
    other = fm.MLP([4, 2], seed=1)
    other.metadata["no JSON"] = {1, 2}
    with pytest.raises(ValueError, match="metadata must hold JSON values only"):
        other.save(path)
    deep = other.metadata = {}
    for _ in range(100_000):
        deep["deeper"] = deep = {}
    with pytest.raises(ValueError, match="metadata must hold JSON values only"):
        other.save(path)
    other.metadata = {}

    def full(*args):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.replace", full)
    with pytest.raises(OSError, match="no space left"):
        other.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", MODELS)
def test_a_model_has_one_file_byte_for_byte(kind, tmp_path):
    model = MODELS[kind]()
    model.metadata = {"ü": 1, "b": 2, "a": 3}
    paths = [tmp_path / name for name in ("first", "second")]
    model.save(paths[0])
    fm.load(paths[0]).save(paths[1])
    first, second = (path.read_bytes() for path in paths)
    assert first == second
    (length,) = struct.unpack("<Q", first[:8])
    assert length % 8 == 0  # as the format's own writers align the numbers
    keys = list(json.loads(first[8 : 8 + length])["__metadata__"])
    assert keys == ["fastmlp", "architecture", "dtype", "seed", "fits", "objective", "metadata"]


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX's")
def test_a_file_has_the_permissions_that_any_new_file_has(tmp_path):
    path, other = tmp_path / "m.safetensors", tmp_path / "other"
    old = os.umask(0o027)
    try:
        MODELS["mlp"]().save(path)
        other.touch()
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(other.stat().st_mode) == 0o640
    path.chmod(0o600)
    MODELS["mlp"]().save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600  # one that was there keeps its own


needs_posix = pytest.mark.skipif(os.name != "posix", reason="links, signals and locks are POSIX's")


@needs_posix
def test_a_link_stays_a_link_and_the_file_it_leads_to_is_replaced(tmp_path):
    first, second = MODELS["mlp"](), fm.MLP([4, 2], seed=1)
    first.save(tmp_path / "m.safetensors")
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link"
    link.symlink_to(tmp_path / "m.safetensors")
    second.save(link)
    assert link.is_symlink()
    assert repr(fm.load(tmp_path / "m.safetensors")) == repr(fm.load(link))
    assert fm.load(link).network.output_columns == 2
    ahead = tmp_path / "ahead"
    ahead.symlink_to(tmp_path / "new.safetensors")  # of nothing yet: open() would make it, too
    second.save(ahead)
    assert ahead.is_symlink()
    assert (tmp_path / "new.safetensors").is_file()


@needs_posix
@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_a_draft_that_a_kill_left_is_removed_by_the_next_save_and_one_in_work_is_not(
    tmp_path, moment
):
    path = tmp_path / "m.safetensors"
    script = f"""
import os, pathlib, sys, time
import fastmlp as fm
def wait(*arguments):
    print("there", flush=True)
    time.sleep(60)
{"os.fsync" if moment == "fsync" else "pathlib.Path.replace"} = wait
fm.MLP([4, 2], seed=0).save({str(path)!r})
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"there\n"
        MODELS["mlp"]().save(path)
        (draft,) = set(tmp_path.iterdir()) - {path}
        assert draft.name.startswith(".fastmlp-")  # of a process that lives
        writer.kill()
    MODELS["mlp"]().save(tmp_path / "another.safetensors")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["another.safetensors", "m.safetensors"]


def test_several_threads_save_to_one_place_and_the_file_is_one_of_theirs(tmp_path):
    path, models = tmp_path / "m.safetensors", [fm.MLP([4, 2], seed=i) for i in range(4)]
    failed = []

    def save(model):
        try:
            for _ in range(20):
                model.save(path)
        except OSError as error:
            failed.append(error)

    workers = [threading.Thread(target=save, args=(model,)) for model in models]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not failed
    assert list(tmp_path.iterdir()) == [path]
    found = fm.load(path).parameters.flat.tobytes()
    assert found in [model.parameters.flat.tobytes() for model in models]


@needs_posix
def test_what_is_written_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    path, said = tmp_path / "m.safetensors", []
    monkeypatch.setattr("os.fsync", lambda number: said.append(path.exists()))
    MODELS["mlp"]().save(path)
    assert said == [False, True]  # the file without its name, then the folder with it


@pytest.mark.parametrize("ending", [".keras", ".h5", ".PT", ".pth", ".onnx", ".pkl", ".joblib"])
def test_a_name_that_promises_another_format_is_refused(tmp_path, ending):
    path = tmp_path / f"m{ending}"
    for refuse in (MODELS["mlp"]().save, fm.ModelCheckpoint):
        with pytest.raises(ValueError, match=r"another format .*write '.*m\.safetensors'"):
            refuse(path)
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ValueError, match=f"{ending!r} is the ending of another format"):
        fm.load(path)


@pytest.mark.parametrize("name", ["m", "m.safetensors", "m.pt.safetensors", "v1.2", "m.model"])
def test_other_names_are_the_users_to_choose(tmp_path, name):
    MODELS["mlp"]().save(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    fm.load(tmp_path / name)


def test_a_folder_is_no_place_for_a_file(tmp_path):
    with pytest.raises(IsADirectoryError, match="give the name of a file"):
        MODELS["mlp"]().save(tmp_path)
    assert not list(tmp_path.iterdir())


@needs_posix
def test_a_device_is_not_replaced_by_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no file"):
        MODELS["mlp"]().save(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(OSError, match="circle"):
        MODELS["mlp"]().save(tmp_path / "circle")


def test_a_place_that_is_not_there_is_an_error_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        MODELS["mlp"]().save(tmp_path / "nowhere" / "m.safetensors")


def test_a_function_of_ones_own_is_no_data(tmp_path):
    model = fm.Sequential([fm.Dense(2, lambda z: z * z)], input_columns=3)
    with pytest.raises(ValueError, match="function"):
        model.save(tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_loss_of_ones_own_is_forgotten(tmp_path):
    model = MODELS["mlp"]()
    X, t = np.zeros((2, 4)), [0, 1]
    model.fit(X, np.eye(3)[t], loss=lambda y, t: (y - t) ** 2, epochs=1)
    model.save(tmp_path / "m.safetensors")
    assert list(fm.load(tmp_path / "m.safetensors").evaluate(X, t).keys()) == ["loss", "accuracy"]


class Spy:
    """Leaves a trace if it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


NOT_MODELS = {
    "empty": b"",
    "text": b"import os; os.system('true')\n" * 100,
    "huge length": struct.pack("<Q", 2**63) + b"{}",
    "length beyond the file": struct.pack("<Q", 1000) + b"{}",
    "header no JSON": struct.pack("<Q", 4) + b"{{{{",
    "deep": struct.pack("<Q", 40_000) + b"[" * 40_000,
    "no tensors": struct.pack("<Q", 2) + b"{}",
    "zip": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("kind", NOT_MODELS)
def test_what_is_no_model_is_an_error_that_names_the_file(kind, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(NOT_MODELS[kind])
    with pytest.raises(ValueError, match=r"cannot load '.*x.safetensors'"):
        fm.load(path)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    trace, path = tmp_path / "trace", tmp_path / "x.safetensors"
    path.write_bytes(pickle.dumps(Spy(trace)))
    with pytest.raises(ValueError, match="cannot load"):
        fm.load(path)
    assert not trace.exists()


def test_a_missing_file_and_a_directory_are_errors_of_the_system(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        fm.load(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        fm.load(tmp_path)


def test_what_is_no_name_of_a_file_is_refused(tmp_path):
    opened = io.BytesIO(b"")
    for given in (b"m.safetensors", opened, 3, None):
        for use in (fm.load, MODELS["mlp"]().save, fm.ModelCheckpoint, fm.CSVLogger):
            with pytest.raises(TypeError, match="path must be a str or a path, the name of a file"):
                use(given)
        with pytest.raises(TypeError, match="folder must be a str or a path"):
            fm.Checkpoint(given)


def test_what_could_not_be_loaded_again_replaces_no_file(tmp_path):
    models = [MODELS["mlp"](), fm.Members([fm.MLP([2, 1], seed=seed) for seed in (0, 1)])]
    for kept in models:
        path = tmp_path / "m.safetensors"
        kept.save(path)
        before = path.read_bytes()
        one = kept if isinstance(kept, fm.Model) else kept[1]
        one.parameters.flat[0] = np.inf
        with pytest.raises(ValueError, match=r"tensor 'dense_1\.weights' must hold finite numbers"):
            kept.save(path)
        assert path.read_bytes() == before


@needs_posix
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"cannot load '.*pipe': it is no file, but a pipe"):
        fm.load(tmp_path / "pipe")


def read(path):
    with safe_open(path, framework="numpy") as file:
        return {name: file.get_tensor(name) for name in list(file.keys())}, file.metadata()


@pytest.fixture
def saved(tmp_path):
    """A good file, its tensors and its metadata: each test spoils something."""
    path = tmp_path / "m.safetensors"
    MODELS["mlp"]().save(path)
    return path, *read(path)


def architecture(change):
    """Spoil the architecture by a function of the parsed JSON."""

    def spoil(tensors, header):
        config = json.loads(header["architecture"])
        header["architecture"] = json.dumps(change(config) or config)

    return spoil


def put(key, value):
    """Spoil one entry of the metadata."""

    def spoil(tensors, header):
        header[key] = value

    return spoil


def tensor(name, value):
    """Spoil one tensor."""

    def spoil(tensors, header):
        if value is None:
            del tensors[name]
        else:
            tensors[name] = value

    return spoil


W1, LIES = np.zeros((5, 4), "float32"), "cannot load"
HOSTILE = [
    (lambda tensors, header: header.clear(), "without 'fastmlp' metadata"),
    (put("fastmlp", "2"), "format is version '2', this fastmlp reads version 1"),
    (put("dtype", "float16"), r"dtype must be in \['float32', 'float64'\], not 'float16'"),
    (put("dtype", "float64"), "must be F64, not F32"),
    (put("architecture", "{"), "'architecture' in its header is no JSON"),
    (put("architecture", "[" * 100_000), "cannot load"),
    (put("architecture", "null"), LIES),
    (put("architecture", "[]"), LIES),
    (put("architecture", "{}"), LIES),
    (put("metadata", "[]"), "metadata must be a JSON object, not list"),
    (put("metadata", "__import__('os')"), "'metadata' in its header is no JSON"),
    (put("seed", "-1"), "its seed must be at least 0"),
    (put("seed", '"x"'), "its seed must be an integer"),
    (put("fits", "null"), "its fits must be an integer"),
    (put("objective", "3"), "objective must have"),
    (put("objective", '{"loss": "evil", "l2": 0, "metrics": []}'), "loss must be one of"),
    (put("objective", '{"loss": "hinge", "l2": NaN, "metrics": []}'), "its l2 must be"),
    (put("objective", '{"loss": "hinge", "l2": 0, "metrics": "os"}'), "must be a list"),
    (put("objective", '{"loss": "hinge", "l2": 0, "metrics": [{}]}'), LIES),
    (lambda tensors, header: header.pop("objective"), "header has no 'objective'"),
    (tensor("dense_1.weights", None), "lacks 'dense_1.weights'"),
    (tensor("dense_9.weights", W1), "has an unexpected 'dense_9.weights'"),
    (tensor("dense_1.weights", W1.T.copy()), r"shape \(5, 4\) by its architecture, not \(4, 5\)"),
    (tensor("dense_1.weights", W1[:4].copy()), "must have shape"),
    (tensor("dense_1.weights", W1.astype("float64")), "must be F32, not F64"),
    (tensor("dense_1.weights", W1.astype("int32")), "must be F32, not I32"),
    (tensor("dense_1.weights", np.full_like(W1, np.nan)), "'dense_1.weights' must hold finite"),
    (architecture(lambda c: c["layers"][0].update({"units": 10**9})), "must have shape"),
    (architecture(lambda c: c["layers"][0].update({"units": 10**400})), "must have shape"),
    (architecture(lambda c: c["layers"][0].update({"units": -1})), LIES),
    (architecture(lambda c: c["layers"][0].update({"units": "4"})), LIES),
    (architecture(lambda c: c["layers"][0].update({"class": "os.system"})), LIES),
    (architecture(lambda c: c["layers"][0].update({"class": ["Dense"]})), LIES),
    (architecture(lambda c: c["layers"][0].update({"activation": "exec"})), LIES),
    (architecture(lambda c: c["layers"][0].update({"__init__": 1})), LIES),
    (architecture(lambda c: c["layers"].append(c["layers"][0])), LIES),
    (architecture(lambda c: c["inputs"][0].update({"columns": 10**12})), LIES),
    (architecture(lambda c: c["inputs"][0].update({"name": "\ud800"})), "cannot be written"),
    (architecture(lambda c: c["layers"][0].update({"name": "\ud800"})), "cannot be written"),
    (architecture(lambda c: c["calls"][0].update({"sources": [1]})), LIES),
    (architecture(lambda c: c["calls"][0].update({"sources": [-1]})), LIES),
    (architecture(lambda c: c["calls"][0].update({"layer": 7})), LIES),
    (architecture(lambda c: c["calls"].clear()), LIES),
    (architecture(lambda c: dict.fromkeys(c)), LIES),
]


@pytest.mark.parametrize(("spoil", "words"), HOSTILE)
def test_a_file_that_contradicts_itself_is_an_error_that_says_where(saved, spoil, words):
    path, tensors, header = saved
    spoil(tensors, header)
    save_file(tensors, path, header or None)
    with pytest.raises(ValueError, match=words) as caught:
        fm.load(path)
    assert str(caught.value).startswith("cannot load")
    assert len(str(caught.value)) < 1000


def alone(layer, calls):
    """Architecture of one layer called many times on one column."""
    return {"inputs": [{"columns": 1}], "layers": [layer], "calls": calls}


ADD, JOIN = {"class": "Add"}, {"class": "Concatenate"}
DENSE = {"class": "Dense", "units": 1, "use_bias": False}
DOUBLING = [{"layer": 0, "sources": [i, i]} for i in range(1000)]
ONCE = [{"layer": 0, "sources": [0]}]
COSTLY = {
    "columns that double": (alone(JOIN, DOUBLING), "columns of Concatenate.. must be at most"),
    "very many sources": (alone(ADD, [{"layer": 0, "sources": [0] * 200_000}]), "joins 131,072"),
    "an input beyond counting": (
        {"inputs": [{"columns": 10**400}], "layers": [ADD], "calls": ONCE},
        "columns must be at most 1099511627776, got an integer of about 401 digits",
    ),
    "units beyond counting": (alone({**DENSE, "units": 10**4000}, ONCE), "lacks 'dense_1.weights'"),
    "a penalty beyond counting": (alone({**DENSE, "l2": 10**400}, ONCE), "l2 must be a finite"),
    "a name of a million letters": (
        alone({**DENSE, "name": "a" * 10**6}, [{"layer": 0, "sources": [1]}]),
        "names what is not there yet",
    ),
}


@pytest.mark.parametrize("kind", COSTLY)
def test_a_small_file_that_asks_for_much_is_an_error_before_it_costs_much(saved, kind):
    path, _, header = saved
    config, words = COSTLY[kind]
    save_file({}, path, {**header, "architecture": json.dumps(config)})
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words) as caught:
            fm.load(path)
        assert tracemalloc.get_traced_memory()[1] < 100 * path.stat().st_size + 10**7
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("key", ["seed", "fits"])
def test_whole_numbers_of_a_file_have_a_limit(saved, key):
    path, tensors, header = saved
    save_file(tensors, path, {**header, key: str(10**400)})
    with pytest.raises(ValueError, match=f"its {key} must be at most"):
        fm.load(path)


def test_a_file_that_is_longer_than_its_numbers_is_not_read_to_its_end(saved):
    path, *_ = saved
    with path.open("r+b") as file:
        file.truncate(1 << 40)  # takes no place on the disk, and would take a terabyte of memory
    with pytest.raises(ValueError, match=r"asks for \d+ bytes in all, it has 1099511627776"):
        fm.load(path)


def test_a_file_cut_short_while_it_is_read_is_an_error(saved, monkeypatch):
    path, *_ = saved
    cut = container._check_size

    def check(file, expected):
        cut(file, expected)
        os.truncate(path, 2000)

    monkeypatch.setattr("fastmlp.models.container._check_size", check)
    with pytest.raises(ValueError, match="cannot load"):
        fm.load(path)


def test_a_file_cut_anywhere_is_an_error(saved):
    path, *_ = saved
    whole = path.read_bytes()
    for length in range(0, len(whole), 17):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="cannot load"):
            fm.load(path)


def test_a_file_with_any_byte_changed_loads_or_is_a_clear_error(saved):
    path, *_ = saved
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(400):
        spoiled = bytearray(whole)
        for at in rng.integers(len(whole), size=3):
            spoiled[at] = rng.integers(256)
        path.write_bytes(spoiled)
        try:
            fm.load(path)
        except ValueError as error:
            errors.append(str(error))
    assert len(errors) > 100
    assert all(error.startswith("cannot load") for error in errors)


def test_hundreds_of_spoilt_files_load_as_models_that_work_or_are_clear_errors(tmp_path):
    rng, files = np.random.default_rng(0), fuzz_files.originals()
    found = collections.Counter()
    for _ in range(400):
        path = tmp_path / "x.safetensors"
        path.write_bytes(fuzz_files.mutated(rng, files))
        found[fuzz_files.verdict(path)] += 1
    assert 10 < found["loaded"] < 200  # neither are all of them spoilt at the first byte
    assert len(found) > 30
