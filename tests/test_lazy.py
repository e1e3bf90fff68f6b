"""Names that load their module, names from elsewhere, and what waits for a module."""

import importlib
import re
import sys
from operator import attrgetter

import pytest

import fastmlp as fm
from fastmlp._lazy import ELSEWHERE, after_import


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_name_of_elsewhere_is_answered_with_what_there_is(name):
    with pytest.raises(
        AttributeError, match=f"^module .* has no attribute '{name}'; [a-z]"
    ) as told:
        getattr(fm.schedules, name)
    for called in re.findall(r"((?:[a-z]+\.)*[A-Z]\w+)\(", str(told.value)):
        assert callable(attrgetter(called.removeprefix("fastmlp."))(fm)), called


def test_a_name_with_an_underscore_has_no_names_like_it():
    with pytest.raises(AttributeError, match=r"has no attribute '_layers'$"):
        fm._layers  # noqa: B018


def test_what_waits_for_a_module_hears_of_that_one_alone_and_once(tmp_path, monkeypatch):
    for name in ("waited_for", "another"):
        (tmp_path / f"{name}.py").write_text("value = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    heard = []

    def hear():
        heard.append(sys.modules["waited_for"].value)  # the module is whole

    after_import("waited_for", hear)
    after_import("not_installed", hear)
    with pytest.raises(ModuleNotFoundError, match="not_installed"):
        importlib.import_module("not_installed")
    importlib.import_module("another")
    assert heard == []
    module = importlib.import_module("waited_for")
    assert heard == [1]
    importlib.reload(module)
    assert heard == [1]
    after_import("waited_for", hear)  # it is there already
    assert heard == [1, 1]


def test_a_module_that_is_kept_from_being_imported_is_waited_for(monkeypatch):
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setitem(sys.modules, "kept_away", None)
    after_import("kept_away", pytest.fail)
