"""Threads, versions, and what an import costs."""

import ast
import importlib
import inspect
import os
import pkgutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

import fastmlp as fm
from fastmlp import config


@pytest.fixture
def threads():
    before = fm.get_num_threads()
    yield before
    fm.set_num_threads(before)


def test_the_number_of_threads_is_the_one_that_was_set(threads):
    for count in (1, 2, 3):
        fm.set_num_threads(count)
        assert fm.get_num_threads() == count


@pytest.mark.parametrize(
    ("count", "error"), [(0, ValueError), (-1, ValueError), (1.0, TypeError), (True, TypeError)]
)
def test_a_wrong_number_of_threads_changes_nothing(threads, count, error):
    with pytest.raises(error, match="count must be"):
        fm.set_num_threads(count)
    assert fm.get_num_threads() == threads


def test_a_number_of_threads_of_ones_own_lasts_as_long_as_its_context(threads):
    fm.set_num_threads(2)
    with config.own_threads(None):
        assert fm.get_num_threads() == 2
    with config.own_threads(1):
        assert fm.get_num_threads() == 1
        with config.own_threads(2):
            assert fm.get_num_threads() == 2
        with ThreadPoolExecutor(1) as other:
            assert other.submit(fm.get_num_threads).result() == 2
        assert fm.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="enough"), config.own_threads(1):
        raise RuntimeError("enough")
    assert fm.get_num_threads() == 2
    for wrong in (0, 10**9):
        with (
            pytest.raises(ValueError, match=f"n_threads must be .*got {wrong}"),
            config.own_threads(wrong),
        ):
            pass


def test_what_is_not_installed_and_a_build_without_openmp_are_said(monkeypatch, capsys):
    monkeypatch.setattr(config, "_installed", lambda package: None)
    monkeypatch.setattr("fastmlp._core.has_openmp", lambda: False)
    assert config.version() == config.__version__ == "unknown"
    fm.show_versions()
    said = capsys.readouterr().out
    assert "OpenMP           no: OMP_NUM_THREADS does not count\n" in said
    assert "scikit-learn     not installed\n" in said
    monkeypatch.setattr("fastmlp._core.has_openmp", lambda: True)
    assert config.versions()["OpenMP"] == "yes"


def test_versions_are_printed_a_line_each(capsys):
    fm.show_versions()
    lines = capsys.readouterr().out.splitlines()
    versions = config.versions()
    assert len(lines) == len(versions)
    for line, name in zip(lines, versions, strict=True):
        assert line.startswith(name)
    build = ("instruction set", "threads", "OpenMP", "compiler", "build type")
    for name in ("fastmlp", "numpy", *build):
        assert versions[name] is not None


def test_the_build_type_names_the_sanitizer_too(monkeypatch):
    monkeypatch.setattr("fastmlp._build.BUILD_TYPE", "Debug")
    monkeypatch.setattr("fastmlp._core.sanitizer", lambda: "")
    assert config.build_type() == "Debug"
    monkeypatch.setattr("fastmlp._core.sanitizer", lambda: "thread")
    assert config.versions()["build type"] == "Debug, thread"


def test_of_a_free_threaded_python_it_is_said_whether_it_has_the_gil(monkeypatch):
    monkeypatch.setattr("sysconfig.get_config_var", lambda name: int(name == "Py_GIL_DISABLED"))
    for enabled, words in ((False, "without a GIL"), (True, "with the GIL")):
        monkeypatch.setattr(sys, "_is_gil_enabled", lambda enabled=enabled: enabled, raising=False)
        assert config.versions()["python"].endswith(f", free-threaded, {words}")


def test_importing_and_training_load_numpy_and_the_extension_only():
    code = """
import sys
import fastmlp as fm
model = fm.MLP([2, 3, 1], seed=0)
model.fit([[0, 1], [1, 0]], [0, 1], epochs=2)
model.predict([[0, 1]])
heavy = ("sklearn", "matplotlib", "tqdm", "pandas", "scipy", "safetensors")
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_naming_a_model_does_not_load_what_only_training_needs():
    code = """
import sys
import numpy
before = set(sys.modules)
import fastmlp as fm
fm.MLP, fm.Model, fm.Dense
print(*sorted(set(sys.modules) - before))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "fastmlp.networks.network" in loaded
    later = {"training.trainer", "networks.objectives", "optimizers", "planner.training_plans"}
    later |= {f"graph.{name}" for name in ("gradients", "check", "tracing", "drawing", "reference")}
    assert not loaded & {f"fastmlp.{name}" for name in later}
    # Milliseconds each; numpy.random loads with the first weights that are drawn.
    assert not loaded & {"numpy.random", "numpy.typing", "numpy.ma", "pathlib", "difflib"}


def test_every_public_name_is_there_and_listed():
    for name in fm.__all__:
        assert getattr(fm, name) is not None
        assert name in dir(fm)
    assert isinstance(fm.__version__, str)


def test_names_for_type_checkers_are_those_of_the_running_program():
    tree = ast.parse(Path(fm.__file__).with_suffix(".pyi").read_text())
    told = {
        name.name: part.module.removeprefix("fastmlp").removeprefix(".") or name.name
        for part in tree.body
        if isinstance(part, ast.ImportFrom)
        for name in part.names
    }
    assert told.pop("_core") == "_core"
    assert told | {"__version__": "config"} == fm._HOME
    assert set(fm.__all__) == set(fm._HOME)


def test_public_modules_are_there_whatever_was_used_before():
    modules = [name for name in fm.__all__ if isinstance(getattr(fm, name), ModuleType)]
    assert {"callbacks", "estimators", "layers"} < set(modules)
    rooms = {path.stem for path in Path(fm.__file__).parent.iterdir() if path.suffix != ".so"}
    hidden = {name for name in rooms if name.startswith("_")} | {"py"}
    behind = {"cli", "config", "history", "models", "networks", "training"}  # fm has their names
    assert set(modules) == rooms - hidden - behind
    for name in modules:
        code = f"import fastmlp as fm\nprint(fm.{name}.__name__)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.stdout.strip() == f"fastmlp.{name}", done.stderr


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="'fastmlp' has no attribute 'Dens'"):
        fm.Dens  # noqa: B018


@pytest.mark.parametrize("loaded", [False, True])
def test_another_interpreter_of_the_process_gets_an_import_error_and_does_not_hang(loaded):
    script = f"""
import sys
if {loaded}:
    import fastmlp._core
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    number = interpreters.create("legacy")
else:
    import _xxsubinterpreters as interpreters
    number = interpreters.create(isolated=False)
interpreters.run_string(number, '''
import sys
sys.path[:] = {sys.path!r}
try:
    import fastmlp._core
except ImportError as error:
    print(error)
''')
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert "works in the main interpreter alone" in done.stdout


# What says numbers and names of fastmlp alone.
SAYING_NO_NAMES = {"Network", "Alike", "Int8Error", "Parquet", "Style", "Dataset"}


def test_what_classes_say_of_themselves_is_readable_in_any_encoding():
    found = []
    for module in pkgutil.walk_packages(fm.__path__, "fastmlp.", onerror=lambda name: None):
        if module.name == "fastmlp.__main__":
            continue
        try:
            values = vars(importlib.import_module(module.name)).values()
        except ImportError as error:
            if (error.name or "").startswith("fastmlp"):
                raise
            continue  # of a package that is not there
        found += [c for c in values if inspect.isclass(c) and c.__module__ == module.name]
    saying = [
        (c.__name__, vars(c)[how])
        for c in found
        for how in {"__repr__", "__str__"} & vars(c).keys()
        if "fastmlp" in vars(c)[how].__code__.co_filename  # which those of dataclasses have not
    ]
    assert len(saying) > 25
    mute = {name for name, method in saying if "printable" not in method.__code__.co_names}
    assert mute == SAYING_NO_NAMES & {name for name, _ in saying}  # others are @readable


def test_each_sign_that_an_encoding_lacks_is_written_in_other_letters():
    plain = {"→−×·…½ᵀ²": b"->-x*...1/2^T^2", "ȳ ŷ λ é": b"y_bar y_hat \\u03bb \\xe9"}
    plain |= {f"x{chr(ord('₀') + digit)}": b"x_%d" % digit for digit in range(10)}
    for text, letters in plain.items():
        assert text.encode("ascii", config.IN_OTHER_LETTERS) == letters
    with pytest.raises(UnicodeDecodeError):  # other letters are of what is written, not read
        b"\xff".decode("ascii", config.IN_OTHER_LETTERS)


@pytest.mark.parametrize("encoding", [None, "no such", object()])
def test_a_text_stays_where_nobody_knows_how_it_is_written(encoding, monkeypatch):
    monkeypatch.setattr(sys, "stdout", type("Somewhere", (), {"encoding": encoding}))
    assert config.printable("3 → 4") == "3 → 4"
    monkeypatch.setattr(sys, "stdout", None)  # as of a program without a console
    assert config.printable("3 → 4") == "3 → 4"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_people_read_is_printed_in_any_encoding(encoding):
    script = """
import fastmlp as fm
from fastmlp import graph as g
from fastmlp.exercises.verdict import Verdict

def größe(y, t):
    return (y - t) * (y - t)

model = fm.MLP([2, 3, 1], seed=0)
history = model.fit([[0.0, 1.0]], [1.0], epochs=1, metrics=[größe], verbose=2)
x, w = g.input(1, "x"), g.parameter([[2.0]], "ŵ")
y = x * w - 1.0
y = y * y
column = fm.Input(2, "größe")
print(model, fm.Members(model, 2), history, g.trace(y, {x: 1.0}), g.gradient(y, [w]))
print(fm.Model(column, fm.Dense(1)(column)).summary(), fm.check_gradients(y, {x: 1.0}))
print(Verdict(False, "the sum of x\u0304 is −1"))
layer = fm.Dense(1, name="höhe")
deep = fm.Model(column, layer(column))
print(column, layer, layer(column), deep.layers, deep.network.summary(), deep.parameters)
print(deep.trainer(loss=größe, optimizer=fm.Adam(groups={"höhe": {"learning_rate": 0.1}})))
print(*(g.draw(y, format=one) for one in ("svg", "dot", "mermaid")), g.draw(y).boxes)
print(g.trace(y, {x: 1.0}).forward, g.trace(y, {x: 1.0}).backward)
print([fm.CSVLogger("größe"), fm.Checkpoint("größe"), fm.EarlyStopping("größe")])
print(fm.activations.ACTIVATIONS, fm.metrics.METRICS, fm.losses.get(größe), fm.metrics.get("r2"))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=60, check=False,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )  # fmt: skip
    assert done.stderr == b""
    plain = {"ascii": ("->", "-1"), "cp1252": ("->", "-1"), "utf-8": ("→", "−1")}[encoding]
    said = done.stdout.decode(encoding)
    assert f"<MLP 2 {plain[0]} 3 relu {plain[0]} 1;" in said
    assert f"is {plain[1]}" in said
    assert ("the sum of x_bar" in said) == (encoding != "utf-8")
    assert ("größe" in said) == (encoding != "ascii")
