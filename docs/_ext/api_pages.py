"""Pages of the API, written from what the package says is public: a new name cannot be forgotten.

Every name of ``fastmlp.__all__`` stands on the page of the module it comes from; modules that are
public themselves bring their own names along. Docstrings do the rest.
"""

from __future__ import annotations

import abc
import importlib
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import fastmlp

# Module -> the heading of its page, in the order of the site. What is missing here comes last,
# under its own name.
PAGES = {
    "models": "Models",
    "estimators": "scikit-learn estimators",
    "layers": "Layers",
    "activations": "Activations",
    "initializers": "Initializers",
    "losses": "Losses",
    "metrics": "Metrics",
    "optimizers": "Optimizers",
    "schedules": "Schedules",
    "callbacks": "Callbacks, history and warnings",
    "graph": "The graph",
    "planner": "The planner",
    "data": "Data larger than memory",
    "datasets": "Datasets",
    "export": "Export and import",
    "exercises": "Exercises",
    "plot": "Pictures",
    "config": "Threads and versions",
}
# What public objects give and is no public name: the module, and the page that tells of it.
REACHED = {
    "networks.network.Network": "models",
    "models.sweeps.LearningRates": "models",
    "training.scores.Scores": "models",
    "data.table.Preprocessing": "estimators",
    "graph.tracing.ForwardStep": "graph",
    "graph.tracing.BackwardStep": "graph",
    "graph.tracing.Message": "graph",
    "planner.results.EpochsResult": "planner",
}
# Classes whose methods are what other rooms of the package need of them, all but these.
TOLD = {
    "Trainer": frozenset(),
    "Network": frozenset(
        {
            "forward",
            "input_columns",
            "layer",
            "mlp",
            "output_activation",
            "output_activations",
            "output_columns",
            "parameter_count",
            "penalty",
            "sequential",
            "summary",
            "values",
            "views",
        }
    ),
    "Portable": frozenset({"config", "copied", "copy", "from_config"}),
}
# Modules whose public names are told on another's page.
TOLD_ON = {
    "export.conversions": "export",
    "models.direct": "models",
    "models.loading": "models",
    "models.members": "models",
    "models.model": "models",
    "models.sequential": "models",
    "models.sweeps": "models",
    "networks.signal": "callbacks",
    "history": "callbacks",
    "training.steps": "models",
    "training.warned": "callbacks",
    "graph.check": "graph",
}


def pages() -> dict[str, list[str]]:
    """Return the qualified public names of each page."""
    found: dict[str, list[str]] = {page: [] for page in PAGES}
    top = [name for name in fastmlp.__all__ if not name.startswith("__")]
    modules = [name for name in top if isinstance(getattr(fastmlp, name), ModuleType)]
    for name in top:
        if name not in modules:
            home = fastmlp._HOME[name]
            found.setdefault(TOLD_ON.get(home, home), []).append(f"fastmlp.{name}")
    for module in modules:
        page = found.setdefault(TOLD_ON.get(module, module), [])
        members = importlib.import_module(f"fastmlp.{module}")
        for name in _public(members):
            same = name in top and getattr(fastmlp, name) is getattr(members, name)
            if not same:
                page.append(f"fastmlp.{module}.{name}")
    for name, page in REACHED.items():
        found[page].append(f"fastmlp.{name}")
    return {page: sorted(names, key=_rank) for page, names in found.items() if names}


def _public(module: ModuleType) -> list[str]:
    """Return the module's ``__all__``; without one, the classes and functions it defines."""
    defined = [
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_")
    ]
    return list(getattr(module, "__all__", defined))


def _rank(qualified: str) -> tuple[int, str]:
    """Sort what readers look for first: names of ``fm``, classes before functions."""
    value = resolve(qualified)
    kind = 0 if inspect.isclass(value) else 1 if callable(value) else 2
    return qualified.count("."), kind, qualified.lower()


def resolve(qualified: str) -> Any:
    """Return the object of a dotted name."""
    module, _, name = qualified.rpartition(".")
    return getattr(importlib.import_module(module), name)


def _page(page: str, names: list[str]) -> str:
    heading = PAGES.get(page, page)
    lines = [heading, "=" * len(heading), ""]
    module = fastmlp.__dict__.get(page) if page in fastmlp.__all__ else None
    if isinstance(module, ModuleType):
        lines += [inspect.cleandoc(module.__doc__ or ""), ""]
    objects = [name for name in names if _has_docstring_of_its_own(resolve(name))]
    lines += [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
    lines += [f"   {name}" for name in objects] + [""]
    for name in names:
        if name not in objects:
            lines += _constant(name, resolve(name))
    return "\n".join(lines)


def _has_docstring_of_its_own(value: Any) -> bool:
    return inspect.isclass(value) or inspect.isroutine(value)


def _constant(name: str, value: Any) -> list[str]:
    """Describe a constant by what is in it."""
    lines = [f".. py:data:: {name}", ""]
    if isinstance(value, dict):
        for key, entry in value.items():
            text = getattr(entry, "formula", None) or getattr(entry, "__name__", entry)
            lines.append(f"   - ``{key!r}``: ``{text}``")
    else:
        lines.append(f"   ``{value!r}``")
    return [*lines, ""]


def write(folder: Path) -> None:
    """Write the pages, leaving alone those that are as they should be."""
    folder.mkdir(exist_ok=True)
    found = pages()
    index = ["API", "===", "", "Every public name, as its docstring tells it.", ""]
    index += [".. toctree::", "   :maxdepth: 1", "", *(f"   {page}" for page in found), ""]
    texts = {"index": "\n".join(index)} | {page: _page(page, found[page]) for page in found}
    for page, text in texts.items():
        path = folder / f"{page}.rst"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _link(app: Any, env: Any, node: Any, content: Any) -> Any:
    """Find `Dense` said in a docstring under its public name, fastmlp.Dense."""
    if node.get("refdomain") != "py":
        return None
    target = node.get("reftarget", "").removeprefix("fm.")
    domain = env.get_domain("py")
    module = node.get("py:module") or "fastmlp"
    homes = ("fastmlp", module, "fastmlp.Model", "fastmlp.planner")
    reached = [f"fastmlp.{name}" for name in REACHED if name.endswith(f".{target}")]
    for name in (*(f"{home}.{target}" for home in homes), *reached):
        if name in domain.objects:
            entry = domain.objects[name]
            from sphinx.util.nodes import make_refnode

            return make_refnode(
                app.builder, node["refdoc"], entry.docname, entry.node_id, content, name
            )
    return None


def _skip(app: Any, what: str, name: str, value: Any, skip: bool, options: Any) -> bool | None:
    """Leave out what scikit-learn adds to estimators, and methods that are not the reader's."""
    routing = name.startswith("set_") and name.endswith("_request")
    function = getattr(value, "fget", None) or getattr(value, "__func__", value)
    owner = getattr(function, "__qualname__", "").rpartition(".")[0]
    inside = owner in TOLD and name not in TOLD[owner]
    return True if routing or inside or name in ("get_metadata_routing", "set_output") else None


def _told(bases: Any, known: list[Any]) -> list[Any]:
    """Return the bases that readers can look up: public ones, and those of other packages."""
    found: list[Any] = []
    for base in bases:
        ours = getattr(base, "__module__", "").startswith("fastmlp")
        if any(base is one for one in known) or not ours:
            found.append(base)
        else:
            found += _told(getattr(base, "__orig_bases__", base.__bases__), known)
    plain = (object, abc.ABC)
    return list(dict.fromkeys(base for base in found if base not in plain))


def _bases(app: Any, name: str, value: Any, options: Any, bases: list[Any]) -> None:
    """Name no class as a base that has no page."""
    bases[:] = _told(bases, [resolve(known) for names in pages().values() for known in names])


def _keep_sentences(
    app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Keep napoleon from reading "The learning rates: numbers" as a type and what it is.

    It looks for that in the first line of an attribute's description, which is an empty comment of
    reStructuredText then.
    """
    if what in ("attribute", "property") and lines:
        lines[:0] = ["..", ""]


# What napoleon makes of attributes: a field for the description and one for the type.
_ATTRIBUTES = re.compile(r":(ivar|vartype) ([^:]+):(.*)")
_BLANK = "\N{WORD JOINER}"  # between names: of two words Sphinx takes the first for a type


def _keep_names(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Keep the names of attributes whole: as it is, ``coefs_`` is a reference to ``coefs``."""
    for i, line in enumerate(lines):
        if found := _ATTRIBUTES.fullmatch(line):
            kind, names, said = found.groups()
            whole = [re.sub("_$", r"\_", each) for each in names.split(", ")]
            lines[i] = f":{kind} {f',{_BLANK}'.join(whole)}:{said}"


def _keep_words(app: Any, tree: Any) -> None:
    """Link no word of a type: of ``(rows, columns)`` Sphinx finds some attribute ``columns``."""
    from sphinx.addnodes import pending_xref

    for reference in list(tree.findall(pending_xref)):
        target = reference.get("reftarget", "")
        if reference.get("reftype") == "class" and target.islower() and "." not in target:
            reference.parent.replace(reference, reference.children)


def _leave_out_empty(app: Any, tree: Any) -> None:
    """Leave out the line of the bases where none is named."""
    from docutils import nodes

    for line in list(tree.findall(nodes.paragraph)):
        if line.astext().strip() == "Bases:":
            line.parent.remove(line)


def _part_names(app: Any, tree: Any) -> None:
    """Write blanks between names, now that they have been read."""
    from docutils import nodes

    for text in list(tree.findall(nodes.Text)):
        if _BLANK in text:
            text.parent.replace(text, nodes.Text(text.replace(_BLANK, " ")))


def setup(app: Any) -> dict[str, Any]:
    """Write the pages before Sphinx (and autosummary) look for them."""
    write(Path(app.srcdir) / "api")
    app.connect("missing-reference", _link)
    app.connect("autodoc-skip-member", _skip)
    app.connect("autodoc-process-docstring", _keep_sentences, priority=400)  # napoleon has 500
    app.connect("autodoc-process-docstring", _keep_names, priority=600)
    app.connect("autodoc-process-bases", _bases)
    app.connect("doctree-read", _leave_out_empty)
    app.connect("doctree-read", _part_names)
    app.connect("doctree-read", _keep_words)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
