"""The examples of docstrings run and show what they say."""

import doctest
import importlib
import pkgutil

import pytest

import fastmlp
from fastmlp import activations, losses
from fastmlp.layers import function

# Their packages are optional, and imported with them.
OPTIONAL = {"export.skl2onnx": "skl2onnx", "export.onnx": "onnx", "export.torch": "torch"}
MODULES = sorted(
    module.name.removeprefix("fastmlp.")
    for module in pkgutil.walk_packages(fastmlp.__path__, "fastmlp.")
    if module.name not in ("fastmlp.__main__", "fastmlp._core")
)


@pytest.fixture
def taken_back():
    """What examples register is not there for other tests."""
    own = activations._REGISTERED, activations.ACTIVATIONS, activations.NAMES
    tables = [losses.LOSSES, function._REGISTERED, *own]
    before = [table.copy() for table in tables]
    yield
    for table, kept in zip(tables, before, strict=True):
        table.clear()
        table.update(kept)


@pytest.mark.parametrize("name", ["", *MODULES])
@pytest.mark.usefixtures("taken_back")
def test_the_examples_of(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pytest.importorskip("matplotlib").use("Agg")
    for room, package in OPTIONAL.items():
        if name.startswith(room):
            pytest.importorskip(package)
    module = importlib.import_module(f"fastmlp.{name}" if name else "fastmlp")
    before = fastmlp.get_num_threads()
    found = doctest.testmod(module, optionflags=doctest.REPORT_NDIFF | doctest.ELLIPSIS)
    fastmlp.set_num_threads(before)
    assert found.failed == 0, f"{found.failed} of {found.attempted}; see what is printed"


def test_there_are_examples_to_run():
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [importlib.import_module(f"fastmlp.{name}") for name in MODULES[:60]]
    assert sum(bool(test.examples) for module in modules for test in finder.find(module)) > 60
