"""The rooms of the package: who may import whom, and what stands at its top."""

import ast
from pathlib import Path

import pytest

import fastmlp

PACKAGE = Path(fastmlp.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

FLOOR = {"_checks", "_lazy", "_core", "config"}
DATA = {"data", "datasets"}
NETS = {"activations", "initializers", "losses", "metrics", "layers"}
RULES = {"optimizers", "schedules"}
TRAINING = {"training", "callbacks", "history"}
BELOW_DOORS = {"data", "graph", "planner", "networks", "models"} | NETS | RULES | TRAINING
DOORS = {"estimators", "plot", "export"}
# Rooms, and what they may import besides themselves and the floor: rooms or single files.
MAY_IMPORT = [
    (FLOOR | DATA, set()),
    ({"graph"}, {"data.sparse"}),
    ({"planner"}, {"graph", "data"}),
    (NETS, {"graph", "data.targets", "data.arrays"} | NETS),
    ({"networks"}, {"graph", "data"} | NETS),
    (RULES, {"graph"} | RULES),
    (TRAINING, {"networks", "planner", "graph", "data"} | NETS | RULES | TRAINING),
    ({"models"} | DOORS, BELOW_DOORS),
    ({"cli"}, BELOW_DOORS | DOORS | DATA),
]
# Inside a function: `g.run` plans and runs.
INSIDE = {("graph", "planner")}


def imports(tree):
    """Yield module and name, line, and whether it is inside a function."""
    todo = [(tree, False)]
    while todo:
        node, inside = todo.pop()
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{node.module}.{a.name}", node.lineno, inside) for a in node.names)
        elif isinstance(node, ast.Import):
            yield from ((a.name, node.lineno, inside) for a in node.names)
        inside = inside or isinstance(node, ast.FunctionDef)
        todo += [(child, inside) for child in ast.iter_child_nodes(node)]


def violations(file, text=None):
    place = file.relative_to(PACKAGE).with_suffix("").parts
    room = place[0]
    if room in ("__init__", "__main__"):  # the public names, and the command
        return
    (allowed,) = (may | FLOOR | {room} for rooms, may in MAY_IMPORT if room in rooms)
    for module, line, inside in imports(ast.parse(text or file.read_text(encoding="utf-8"))):
        package, *path = module.split(".")
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


def test_the_top_holds_what_is_public():
    top = [path.name for path in PACKAGE.iterdir() if path.suffix in (".py", ".pyi", ".typed")]
    assert len(top) <= 20
    hidden = {path.stem for path in FILES if path.name.startswith("_")} - {"__init__", "__main__"}
    assert hidden == {"_checks", "_lazy"}


def test_no_file_is_too_long_to_be_read_at_once():
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {str(file): count for file, count in lines.items() if count > 420} == {}
