"""What is public is what the reference tells and what type checkers are told: names and members."""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import pickle
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

import fastmlp as fm
from fastmlp.cli.arguments import parser

PACKAGE = Path(fm.__file__).parent
EXTENSIONS = Path(__file__).resolve().parent.parent / "docs" / "_ext"
pytestmark = pytest.mark.skipif(not EXTENSIONS.is_dir(), reason="the docs are not part of an sdist")
MODULES = {name for name in fm.__all__ if isinstance(getattr(fm, name), ModuleType)}


@pytest.fixture
def extension(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(EXTENSIONS), *sys.path])
    return importlib.import_module


@pytest.fixture
def written(extension):
    """The qualified names of all pages, with what they name."""
    pages = extension("api_pages")
    return {name: pages.resolve(name) for names in pages.pages().values() for name in names}


def names_of_stub(path):
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            found |= {alias.asname for alias in node.names if alias.asname == alias.name}
        elif isinstance(node, ast.AnnAssign):
            found.add(node.target.id)
    return {name for name in found if not name.startswith("_") or name == "__version__"}


def test_the_stub_has_the_public_names():
    assert names_of_stub(PACKAGE / "__init__.pyi") == set(fm.__all__)


def test_public_classes_and_functions_are_pickled_by_their_names():
    modules = [fm, *(getattr(fm, name) for name in MODULES)]
    found = {f"{m.__name__}.{name}": getattr(m, name) for m in modules for name in m.__all__}
    named = {name: value for name, value in found.items() if hasattr(value, "__qualname__")}
    assert len(named) > 250
    for name, value in named.items():
        assert pickle.loads(pickle.dumps(value)) is value, name


def test_the_stubs_of_faces_have_their_names():
    stubs = [path for path in PACKAGE.rglob("__init__.pyi") if path.parent != PACKAGE]
    assert stubs
    for path in stubs:
        module = importlib.import_module(f"fastmlp.{path.parent.relative_to(PACKAGE)}")
        assert names_of_stub(path) == set(module.__all__)


def test_the_reference_has_the_public_names_and_no_others(extension, written):
    top = {name.split(".")[1] for name in written if name.count(".") == 1}
    assert top == set(fm.__all__) - MODULES - {"__version__"}
    reached = {f"fastmlp.{name}" for name in extension("api_pages").REACHED}
    assert reached <= set(written)
    for name in set(written) - reached:
        first, *inside = name.split(".")[1:]
        assert first in (MODULES if inside else set(fm.__all__)), name


def test_every_public_member_of_a_public_class_is_told(written):
    """What autodoc leaves out silently: members without a docstring."""
    silent = set()
    for name, cls in written.items():
        if not inspect.isclass(cls):
            continue
        for member in dir(cls):
            homes = [c for c in cls.__mro__ if member in vars(c)]
            if member.startswith("_") or not homes or not homes[0].__module__.startswith("fastmlp"):
                continue
            value = inspect.getattr_static(cls, member)
            value = getattr(value, "__func__", value)
            if (inspect.isroutine(value) or isinstance(value, property)) and not inspect.getdoc(
                value
            ):
                silent.add(f"{name}.{member}")
    assert silent == set()


def test_every_public_class_and_function_has_an_example(extension, written):
    """Those of the graph's operations that have none are computed when the site is built."""
    without = {
        name
        for name, value in written.items()
        if (inspect.isclass(value) or inspect.isroutine(value))
        and ">>> " not in (value.__doc__ or "")
    }
    computed = dict(extension("graph_examples").without())
    assert without == {f"fastmlp.graph.{name}" for name in computed}
    for name in computed:
        _, statement, *shown = extension("graph_examples").example(name)
        assert f"g.{name}(" in statement
        assert shown[0].startswith("array([[")


def functions_of(written):
    """Functions, constructors and methods of ours, by name."""
    for name, value in written.items():
        found = {name: value}
        if inspect.isclass(value):
            members = (m for m in vars(value) if not m.startswith("_"))
            found |= {f"{name}.{m}": getattr(value, m, None) for m in members}
        for each, function in found.items():
            ours = (getattr(function, "__module__", None) or "").startswith("fastmlp")
            if (
                ours
                and callable(function)
                and "\nParameters\n---" in (inspect.getdoc(function) or "")
            ):
                yield each, function


def told_of(doc):
    """The arguments that a docstring lists, and what it says are their defaults."""
    listed = re.search(
        r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", doc, re.DOTALL | re.MULTILINE
    )
    told = {}
    for names, said in re.findall(r"^(\*{0,2}\w[\w*, ]*?)(?: : (.*))?$", listed[1], re.MULTILINE):
        each = [name.lstrip("*") for name in names.split(", ")]
        found = re.search(r"(?:^|, )default[ =](.+)", said)
        default = found[1] if found else ""
        values = default.split(" and ") if len(each) > 1 and " and " in default else None
        told |= dict(zip(each, values or [default] * len(each), strict=True))
    return told


def test_docstrings_tell_of_the_arguments_that_there_are_and_of_their_defaults(written):
    compared = 0
    for name, function in functions_of(written):
        parameters = inspect.signature(function).parameters
        doc = inspect.getdoc(function)
        told = told_of(doc)
        given = set(parameters) - {"self", "cls"}
        assert set(told) == {key for key in given if key in told or f"`{key}`" not in doc}, name
        for key, said in told.items():
            default = parameters[key].default
            if said and said != "None":
                number = said.replace(",", "") if re.fullmatch(r"\d[\d,]+", said) else said
                assert default == literal(number) or repr(default).startswith(said.split("(")[0]), (
                    name
                )
                compared += 1
    assert compared > 150


def literal(text):
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def test_the_page_of_the_command_line_has_every_option_with_its_help(extension):
    text = extension("command_line").page()
    (commands,) = (a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert set(commands.choices) == {"train", "predict", "info"}
    for name, command in commands.choices.items():
        part = text.partition(f"\nfastmlp {name}\n---")[2].partition("\n.. program::")[2]
        for action in command._actions:
            if action.dest == "help":
                continue
            assert action.help, (name, action.dest)
            for option in action.option_strings or [action.dest]:
                assert f".. option:: {option}" in part, (name, option)


def test_constructors_name_their_arguments(written):
    """As `help` and the reference show them, which look at ``__new__`` before ``__init__``."""
    hidden = set()
    for name, cls in written.items():
        if not inspect.isclass(cls):
            continue
        for constructor in (cls.__new__, cls.__init__):
            if (getattr(constructor, "__module__", None) or "").startswith("fastmlp"):
                kinds = {p.kind for p in inspect.signature(constructor).parameters.values()}
                if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
                    hidden.add(name)
    assert not hidden
