"""A network as one Python module that needs NumPy alone, for people to read and to run."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp.data.files import write
from fastmlp.export.source import arrays
from fastmlp.export.source.erfc import NUMPY as ERFC
from fastmlp.export.source.packed import packed
from fastmlp.export.source.prepared import Prepared, distinct_words, noted, prepared
from fastmlp.graph.node import LEAVES, Node, topological_order
from fastmlp.graph.shapes import per_example

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

_WIDTH: Final = 92

# Operations that NumPy has as an operator or a function; {0}, {1}, … are the parents. The others
# are functions of `arrays`.
EXPRESSIONS: Final[dict[str, str]] = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "power": "{0} ** {exponent}",
    "affine": "{0} @ {1}.T + {2}",
    "slice": "{0}[:, {start}:{stop}]",
    "sum": "{0}.sum(axis={axis}, keepdims=True)",
    "mean": "{0}.mean(axis={axis}, keepdims=True)",
    **{name: f"np.{name}({{0}})" for name in ("exp", "log", "sqrt", "sin", "cos", "abs", "tanh")},
    "maximum": "np.maximum({0}, {1})",
    "concatenate": "np.concatenate([{all}], axis=1)",
}


def export(model: Any, path: str | PathLike[str]) -> None:
    """Write a model as a module of Python, see `Model.export`."""
    write(path, [source(model).encode()])


def source(model: Any) -> str:
    """Return the text of the module."""
    return module(prepared(model))


def module(graph: Prepared) -> str:
    """Return the text of the module of a graph."""
    return _Module(graph).text()


def _matmul(node: Node, a: str, b: str) -> str:
    left, right = (".T" if node.attrs[f"transpose_{side}"] else "" for side in "ab")
    return f"{a}{left} @ {b}{right}"


def _spread(node: Node, a: str) -> str:
    rows, columns = node.attrs["shape"]
    times = per_example(rows)
    count = f"rows * {times}" if times > 1 else "rows" if times else str(rows)
    text = f"np.broadcast_to({a}, ({count}, {columns}))"
    if not node.attrs["mean"]:
        return text
    parent = node.parents[0].shape
    copies = [] if parent[0] == rows else [count if times <= 1 else f"({count})"]
    copies += [] if parent[1] == columns else [str(columns // parent[1])]
    return f"{text} / ({' * '.join(copies) or 1})"


# Beside an array, Python's numbers leave its type as it is.
_WITH_NUMBERS: Final = {"add", "subtract", "multiply", "divide", "maximum"}
# What the functions of `arrays` call, and what the module may have as functions.
_FUNCTIONS: Final = {
    "erfc",
    *(name for name, thing in vars(arrays).items() if inspect.isfunction(thing)),
}
_SPECIAL: Final[dict[str, Callable[..., str]]] = {"matmul": _matmul, "spread": _spread}


class _Module:
    """The parts of a module."""

    def __init__(self, graph: Prepared) -> None:
        self.graph = graph
        self.order = topological_order([*graph.outputs, *graph.inputs])
        self.inputs = distinct_words(graph.input_names, _FUNCTIONS)  # none hides a function
        self.words = dict(zip(graph.inputs, self.inputs, strict=True))
        self.functions: dict[str, str] = {}  # by name, each after those it calls
        self.arrays: list[Node] = []
        self._name_everything()

    def _name_everything(self) -> None:
        names, count = {}, 0
        arrays_of = {p for node in self.order if node.op not in _WITH_NUMBERS for p in node.parents}
        for node in self.order:
            number = node.op == "constant" and node.shape == (1, 1) and node not in arrays_of
            if node in self.words or number:
                continue
            if node.op in ("parameter", "constant"):
                self.arrays.append(node)
                names[node] = self.graph.names.get(node, "constant").replace(".", "_")
            elif node in self.graph.names:
                names[node] = self.graph.names[node]
            else:
                count += 1
                names[node] = f"v{count}"
        words = distinct_words(names.values(), {*_FUNCTIONS, *self.words.values()})
        self.words |= dict(zip(names, words, strict=True))

    def text(self) -> str:
        lines = [self._line(node) for node in self.order if node.op not in LEAVES]
        parts = [
            self._comment(),
            "import base64\n\nimport numpy as np",
            *self._weights(),
            *(f"\n{text}" for text in self.functions.values()),
            f"\n{self._predict(lines)}",
        ]
        return "\n\n".join(parts) + "\n"

    def _comment(self) -> str:
        from fastmlp.config import __version__

        title = f'"""{self.graph.title}; written by fastmlp {__version__}.'
        lines = noted(self.graph.notes)
        return "\n".join([title, *lines, '"""']) if lines else f'{title}"""'

    def _weights(self) -> list[str]:
        """Return the text of all arrays, one after the other, and the names of each."""
        if not self.arrays:
            return []
        dtype = self.graph.dtype
        values = [np.asarray(node.value) for node in self.arrays]
        lines, places = packed(values, dtype, _WIDTH)
        named = []
        for node, value, (begin, end) in zip(self.arrays, values, places, strict=True):
            shape = ", ".join(map(str, value.shape))
            named.append(f"{self.words[node]} = NUMBERS[{begin}:{end}].reshape({shape})")
        return [
            "\n".join(
                [
                    'NUMBERS = np.frombuffer(base64.b64decode("""',
                    *lines,
                    f'"""), "<{dtype.str[1:]}")',
                ]
            ),
            "\n".join(named),
        ]

    def _argument(self, node: Node) -> str:
        if node in self.words:
            return self.words[node]
        assert node.value is not None
        number = float(node.value[0, 0])
        text = repr(number) if np.isfinite(number) else f'float("{number}")'
        return f"({text})" if number < 0 else text

    def _line(self, node: Node) -> str:
        parents = [self._argument(parent) for parent in node.parents]
        if node.op in _SPECIAL:
            value = _SPECIAL[node.op](node, *parents)
        elif node.op in EXPRESSIONS:
            value = EXPRESSIONS[node.op].format(*parents, all=", ".join(parents), **node.attrs)
        else:
            self._need(node.op, node.op)
            settings = [f"{key}={value!r}" for key, value in node.attrs.items()]
            value = f"{node.op}({', '.join([*parents, *settings])})"
        return f"    {self.words[node]} = {value}"

    def _need(self, name: str, op: str) -> None:
        """Copy a function of `arrays`, and those that it calls."""
        if name in self.functions:
            return
        if name == "erfc":
            self.functions[name] = ERFC.rstrip()
            return
        function = vars(arrays).get(name)
        if not inspect.isfunction(function):
            raise ValueError(f"there is no NumPy for the operation {op!r}")
        tree = ast.parse(inspect.getsource(function))
        for part in ast.walk(tree):
            if isinstance(part, ast.FunctionDef):
                part.returns = None
            elif isinstance(part, ast.arg):
                part.annotation = None
            elif isinstance(part, ast.Name) and part.id in _FUNCTIONS - {name}:
                self._need(part.id, op)
        self.functions[name] = ast.unparse(tree)

    def _predict(self, lines: list[str]) -> str:
        names, dtype = self.inputs, self.graph.dtype
        columns = [node.shape[1] for node in self.graph.inputs]
        one_in, one_out = len(names) == 1, len(self.graph.outputs) == 1
        results = [self._argument(node) for node in self.graph.outputs]
        arguments = ", ".join(f"{n}: (rows, {c})" for n, c in zip(names, columns, strict=True))
        given = [
            f"    {name} = np.asarray({name}, dtype=np.{dtype})\n"
            f"    if {name}.ndim != 2 or {name}.shape[1] != {size}:\n"
            f'        raise ValueError(f"{name}: expected (rows, {size}), got {{{name}.shape}}")'
            for name, size in zip(names, columns, strict=True)
        ]
        if not one_in:
            expected = f"expected {{len({names[0]})}}"
            given += [
                f"    if len({name}) != len({names[0]}):\n"
                f'        raise ValueError(f"{name}: {expected} rows, got {{len({name})}}")'
                for name in names[1:]
            ]
        if any("rows" in line for line in lines):
            given.append(f"    rows = len({names[0]})")
        pairs = zip(self.graph.output_names, results, strict=True)
        every = ", ".join(f'"{name}": {result}' for name, result in pairs)
        what = "the output" if one_out else "a dict of the outputs"
        return "\n".join(
            [
                f"def predict({', '.join(names)}):",
                f'    """Return {what}, a row for each of the inputs; {arguments}."""',
                *given,
                *lines,
                f"    return {results[0] if one_out else f'{{{every}}}'}",
            ]
        )
