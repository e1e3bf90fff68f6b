"""The rooms of the package and the core: who may use whom, and what stands at the top."""

import ast
import re
import sys
from pathlib import Path

import pytest

import fastmlp

PACKAGE = Path(fastmlp.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
STUBS = sorted(PACKAGE.rglob("*.pyi"))
REPOSITORY = Path(__file__).parents[1]
CORE = sorted(path for path in REPOSITORY.glob("cpp/**/*") if path.suffix in (".h", ".cpp"))
# The folders of the core, each with those whose headers it may include.
MAY_INCLUDE = {
    "kernels": {"kernels"},
    "runtime": {"kernels", "runtime"},
    "bindings": {"kernels", "runtime", "bindings"},
}

FLOOR = {"_checks", "_lazy", "_core", "_build", "config"}
DATA = {"data", "datasets"}
NETS = {"activations", "initializers", "losses", "metrics", "layers"}
RULES = {"optimizers", "schedules"}
TRAINING = {"training", "callbacks", "history"}
BELOW_DOORS = {"data", "graph", "planner", "networks", "models"} | NETS | RULES | TRAINING
DOORS = {"estimators", "exercises", "plot", "export"}
# Rooms, and what they may import besides themselves and the floor: rooms or single files.
MAY_IMPORT = [
    (FLOOR | DATA, set()),
    ({"graph"}, {"data.sparse", "data.reading"}),
    ({"planner"}, {"graph", "data"}),
    (NETS, {"graph", "data.targets", "data.arrays", "schedules"} | NETS),
    ({"networks"}, {"graph", "data"} | NETS),
    (RULES, {"graph"} | RULES),
    (TRAINING, {"networks", "planner", "graph", "data"} | NETS | RULES | TRAINING),
    ({"models"} | DOORS, BELOW_DOORS),
    ({"cli"}, BELOW_DOORS | DOORS | DATA),
]
# Inside a function: `g.run` plans and runs; `load` reads estimators, too; models and estimators are
# written as other files, and skl2onnx is told of the estimators.
INSIDE = {
    ("graph", "planner"),
    ("models", "estimators"),
    ("models", "export"),
    ("estimators", "export"),
    ("export", "estimators"),
}
# Who may import by a text, which this test cannot read: lazy names, and the module of a command.
BY_TEXT = {"_lazy.py", "cli/arguments.py"}


def imports(tree):
    """Yield module and name, line, and whether it is inside a function."""
    todo = [(tree, False)]
    while todo:
        node, inside = todo.pop()
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((f"{module}.{a.name}", node.lineno, inside) for a in node.names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, node.lineno, inside) for a in node.names)
        inside = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        todo += [(child, inside) for child in ast.iter_child_nodes(node)]


def is_file(path):
    """Tell whether a file or folder of a room is imported, not a name of the room's `__init__`."""
    place = PACKAGE.joinpath(*path[:2])
    return len(path) > 1 and (place.is_dir() or place.with_suffix(".py").is_file())


def violations(file, text=None):
    place = file.relative_to(PACKAGE).with_suffix("").parts
    room = place[0]
    if room in ("__init__", "__main__"):  # the public names, and the command
        return
    (allowed,) = (may | FLOOR | {room} for rooms, may in MAY_IMPORT if room in rooms)
    for module, line, inside in imports(ast.parse(text or file.read_text(encoding="utf-8"))):
        if module.startswith("."):
            yield f"{'/'.join(place)}.py:{line}: write the whole name of {module}"
            continue
        package, *path = module.split(".")
        if package == "fastmlp" and path[:1] == [room] and len(place) > 1 and not is_file(path):
            yield f"{'/'.join(place)}.py:{line}: import a file of {room}, not its face: {module}"
            continue
        # The command line uses the package as its users do, by `import fastmlp`.
        if package != "fastmlp" or (not path and room == "cli"):
            continue
        if path and (path[0] in allowed or ".".join(path[:2]) in allowed):
            continue
        if not (inside and (room, *path[:1]) in INSIDE):
            yield f"{'/'.join(place)}.py:{line}: {room} may not import {module}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_a_file_imports_what_its_room_may(file):
    assert list(violations(file)) == []


def test_an_import_upwards_is_found_for_types_and_in_functions_too():
    text = "if TYPE_CHECKING:\n    from fastmlp.models import model\n"
    text += "def f():\n    from fastmlp import planner, estimators\n"
    assert list(violations(PACKAGE / "graph/new.py", text)) == [
        "graph/new.py:4: graph may not import fastmlp.estimators",
        "graph/new.py:2: graph may not import fastmlp.models.model",
    ]


def test_a_relative_import_and_one_of_the_own_face_are_found():
    text = "from . import node\nfrom fastmlp.graph import run\nfrom fastmlp.graph import node\n"
    assert list(violations(PACKAGE / "graph/new.py", text)) == [
        "graph/new.py:2: import a file of graph, not its face: fastmlp.graph.run",
        "graph/new.py:1: write the whole name of ..node",
    ]


def test_libraries_that_are_imported_are_declared():
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    declared = set(re.findall(r'"([\w-]+)(?:\[\w+\])?[>=]=', text)) | {"fastmlp"}
    # google is protobuf, which onnx brings; typing_extensions is type checkers' own.
    brought = {"google", "typing_extensions", "__future__"} | set(sys.stdlib_module_names)
    found = set()
    for file in FILES:
        for module, _, _ in imports(ast.parse(file.read_text(encoding="utf-8"))):
            found.add(module.partition(".")[0])
    assert {"scikit-learn" if name == "sklearn" else name for name in found - brought} <= declared


def test_imports_by_text_are_only_where_they_are_needed():
    pattern = re.compile(r"\bimport_module\b|\b__import__\b")
    found = {f for f in FILES if pattern.search(f.read_text(encoding="utf-8"))}
    assert {file.relative_to(PACKAGE).as_posix() for file in found} <= BY_TEXT


@pytest.mark.parametrize("file", CORE, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_a_file_of_the_core_includes_what_its_folder_may(file):
    folder = file.relative_to(REPOSITORY / "cpp").parts[0]
    text = file.read_text(encoding="utf-8")
    included = re.findall(r'^#include "(\w+)/', text, re.MULTILINE)
    assert set(included) <= MAY_INCLUDE[folder]
    knows_python = re.search(r"#include <(pybind11/|Python\.h)", text)
    assert folder == "bindings" or not knows_python


def test_the_tests_mirror_the_rooms():
    folders = {path.name for path in (REPOSITORY / "tests").iterdir() if any(path.glob("*.py"))}
    rooms = {path.name for path in PACKAGE.iterdir() if path.is_dir()} | set(MAY_INCLUDE)
    # The lecture goes through all rooms, and the site tells of all.
    assert folders - rooms == {"lecture", "site"}


def test_the_top_holds_what_is_public():
    top = [path.name for path in PACKAGE.iterdir() if path.suffix in (".py", ".pyi", ".typed")]
    assert len(top) <= 20
    names = {part for path in FILES + STUBS for part in path.relative_to(PACKAGE).parts}
    hidden = {name.partition(".")[0] for name in names if name.startswith("_")}
    assert hidden - {"__init__", "__main__"} == {"_checks", "_build", "_core", "_lazy"}


def test_no_file_is_too_long_to_be_read_at_once():
    files = [*FILES, *STUBS, *CORE, *REPOSITORY.glob("bench/**/*.py")]
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    assert {str(file): count for file, count in lines.items() if count > 420} == {}


def test_the_command_line_asks_others_by_public_names_alone():
    odd = [
        f"{file.name}:{node.lineno} {node.attr}"
        for file in PACKAGE.glob("cli/*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and re.match("_[a-z]", node.attr)
        if not (isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"))
    ]
    assert odd == []
