"""Public names whose module is loaded when they are first used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def attach(
    package: str, table: Mapping[str, str], instead: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]], dict[str, str]]:
    """Return ``__getattr__`` and ``__dir__`` of a package, and where each of its names is.

    Parameters
    ----------
    package
        Its ``__name__``.
    table
        Module, as a path below `package`, to the names it gives, separated by blanks. A name that
        is the module's own means the module.
    instead
        What to say of names that people bring from elsewhere.
    """
    home = {name: module for module, names in table.items() for name in names.split()}

    def get(name: str) -> Any:
        if name not in home:
            advice = f"; {instead[name]}" if instead and name in instead else ""
            raise AttributeError(f"module {package!r} has no attribute {name!r}{advice}")
        module = import_module(f"{package}.{home[name]}")
        value = module if home[name] == name else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *home})

    return get, names, home


def load(module: str) -> Any:
    """Return the module of this whole name, which a table has, loading it if it is not."""
    return import_module(module)


class _Awaited:
    """Stands first among the finders of modules until the one it waits for is imported."""

    def __init__(self, module: str, then: Callable[[], None]) -> None:
        self.module = module
        self.then = then
        self.found = False

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name != self.module or self.found:
            return None
        from importlib.util import find_spec

        # The other finders know where it is. This one stays where it is: if it left the list, an
        # import of another thread, on its way along it, would miss one of them.
        self.found = True
        spec = find_spec(name)
        loader: Any = None if spec is None else spec.loader
        if loader is not None:
            run = loader.exec_module

            def run_then(module: Any) -> None:
                run(module)
                self.then()

            loader.exec_module = run_then
        return spec


def after_import(module: str, then: Callable[[], None]) -> None:
    """Call a function as soon as a module is imported: now, if it is; it is not imported here."""
    if sys.modules.get(module) is not None:  # None keeps it from being imported
        then()
    else:
        sys.meta_path.insert(0, _Awaited(module, then))
