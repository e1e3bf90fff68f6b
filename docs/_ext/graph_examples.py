"""Examples of the graph's operations that have none, computed when the site is built."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from fastmlp import graph as g

UNARY = "[[-1.0, 0.5, 2.0]]"
# What is applied, where one or two such rows are not what an operation takes.
APPLIED = {
    "constant": "g.constant([1.0, 2.0])",
    "dropout": "g.dropout([[1.0, 1.0, 1.0, 1.0]], 0.5, key=1)",
    "gaussian_noise": "g.gaussian_noise([[0.0, 0.0, 0.0]], 0.1, key=1)",
    "log": "g.log([[1.0, 2.0, 4.0]])",
    "matmul": "g.matmul([[1.0, 2.0]], [[1.0, 0.0], [3.0, 1.0]])",
    "pad": "g.pad([[1.0, 2.0]], 1, 4)",
    "pick": "g.pick([[0.1, 0.7, 0.2]], [[1.0]])",
    "scatter": "g.scatter([[7.0]], [[1.0]], 3)",
    "slice": f"g.slice({UNARY}, 0, 2)",
    "spread": "g.spread([[1.0, 2.0]], (2, 2))",
    "sqrt": "g.sqrt([[1.0, 2.0, 4.0]])",
    "standardize": "g.standardize([[1.0], [3.0]], [[2.0]], [[4.0]], 1e-5)",
    "ungroup_rows": "g.ungroup_rows([[1.0, 2.0], [3.0, 4.0]], 2)",
}


def example(name: str) -> list[str]:
    """Return the lines of a session that applies an operation to numbers.

    >>> print(*example("negative"), sep=chr(10))
    >>> from fastmlp import graph as g
    >>> g.run(g.negative([[-1.0, 0.5, 2.0]]), {}).round(4)
    array([[ 1. , -0.5, -2. ]], dtype=float32)
    """
    function = getattr(g, name)
    operands = [p for p in inspect.signature(function).parameters.values() if p.default is p.empty]
    second = ", [[2.0]]" * (len(operands) - 1)
    applied = APPLIED.get(name, f"g.{name}({UNARY}{second})")
    value = g.run(eval(applied, {"g": g}), {}).round(4)
    return [
        ">>> from fastmlp import graph as g",
        f">>> g.run({applied}, {{}}).round(4)",
        *repr(value).split("\n"),
    ]


def without() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the operations whose docstring has no example."""
    for name in g.__all__:
        function = getattr(g, name)
        if inspect.isfunction(function) and ">>> " not in (function.__doc__ or ""):
            yield name, function


def _add(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    """Put the example behind the docstring."""
    for known, function in without():
        if function is value:
            lines += ["", ".. rubric:: Example", "", *example(known), ""]


def setup(app: Any) -> dict[str, Any]:
    """Work on docstrings after napoleon has."""
    app.connect("autodoc-process-docstring", _add, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
