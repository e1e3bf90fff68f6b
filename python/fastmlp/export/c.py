"""A network as one C99 header: it needs libm and nothing else, and allocates nothing."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from fastmlp import _checks
from fastmlp.data.files import write
from fastmlp.export.source.calls import Argument, Call, Constant, Listing, Ref
from fastmlp.export.source.dialect import MATH, Dialect
from fastmlp.export.source.prepared import (
    Prepared,
    as_word,
    distinct_words,
    noted,
    prepared,
    wrapped,
)
from fastmlp.export.source.steps import listing
from fastmlp.planner.parameters import Parameters
from fastmlp.planner.plans import plan

if TYPE_CHECKING:
    from os import PathLike

ON_THE_STACK: Final = 1024  # numbers of scratch; more are the caller's
_WIDTH: Final = 98


class Int8Error(NamedTuple):
    """How far the outputs of a header with int8 weights are from the model's, on given rows.

    Attributes
    ----------
    largest, rms : float
        The largest absolute difference, and the root of the mean square of all.
    output : float
        The largest absolute value that the model's outputs have.
    rows : int
    """

    largest: float
    rms: float
    output: float
    rows: int

    def __str__(self) -> str:
        return (
            f"{self.largest:.2g} at most, {self.rms:.2g} rms, of outputs up to {self.output:.2g}, "
            f"on {self.rows} rows"
        )


def export(
    model: Any,
    path: str | PathLike[str],
    *,
    name: str | None = None,
    quantize: str | None = None,
    data: Any = None,
) -> Int8Error | None:
    """Write a model as a C header, see `Model.export`.

    Parameters
    ----------
    model : Model
    path : path-like
    name : str, optional
        What the names in the header begin with; by default the file's name without its ending.
    quantize : "int8", optional
        Stores what rows are multiplied with as int8, with a scale for each output.
    data : array-like, or list or dict of such
        With `quantize`, rows on which the error that it makes is measured.

    Returns
    -------
    Int8Error or None
        With `quantize`, what it changes.
    """
    text, error = source(model, checked_name(name, path), quantize=quantize, data=data)
    write(path, [text.encode()])
    return error


def checked_name(name: str | None, path: str | PathLike[str]) -> str:
    """Return the name that the user gave, or that of the file as an identifier."""
    if name is None:
        return as_word(Path(path).stem)
    if not isinstance(name, str):
        raise TypeError(f"name must be a str, got {type(name).__name__}")
    if as_word(name) != name:
        raise ValueError(f"name must be an identifier of ASCII letters and digits, got {name!r}")
    return name


def source(
    model: Any, name: str, *, quantize: str | None = None, data: Any = None
) -> tuple[str, Int8Error | None]:
    """Return the text of the header, and the error of int8 weights."""
    int8 = quantize is not None and _checks.choice(quantize, "quantize", ("int8",)) == "int8"
    if int8 and data is None:
        raise ValueError("data: quantize='int8' needs some rows to measure its error, got None")
    if data is not None and not int8:
        raise ValueError("data is for quantize='int8' alone: leave it out")
    graph = prepared(model)
    calls = listing(graph, int8=int8)
    error = _error(graph, calls, data) if int8 else None
    return header(graph, calls, name, error), error


def header(graph: Prepared, calls: Listing, name: str, error: Int8Error | None = None) -> str:
    """Return the text of the header of a graph."""
    return _Header(graph, calls, name, error).text()


def _error(graph: Prepared, calls: Listing, data: Any) -> Int8Error:
    """Compare the model with itself when its weights are what int8 makes of them."""
    feeds = dict(zip(graph.inputs, graph.feeds(data), strict=True))
    expected, found = (
        np.concatenate(
            [y.astype(np.float64) for y in plan(graph.outputs, parameters=p).run(feeds)], 1
        )
        for p in (Parameters(calls.parameters.nodes, graph.dtype), calls.parameters)
    )
    difference = found - expected
    return Int8Error(
        float(np.max(np.abs(difference))),
        float(np.sqrt(np.mean(difference**2))),
        float(np.max(np.abs(expected))),
        len(found),
    )


def _dialect(kind: str, prefix: str) -> Dialect:
    single = kind == "float"
    return Dialect(
        function="static inline {result} {name}({arguments})",
        arguments={
            "y*": f"{kind} *{{name}}",
            "x*": f"const {kind} *{{name}}",
            "q*": "const int8_t *{name}",
            "#": "int {name}",
            "c": f"{kind} {{name}}",
            "result": kind,
            "nothing": "void",
        },
        words={
            "LET": f"const {kind}",
            "VAR": kind,
            "INT": "int",
            "WHOLE": "(int)",
            "NAN": f"({kind})NAN",
        },
        math={name: f"{name}f" if single else name for name in MATH},
        fraction="f" if single else "",
        prefix=prefix,
        unused="(void){name};",
    )


class _Header:
    """The parts of a header."""

    def __init__(self, graph: Prepared, calls: Listing, name: str, error: Int8Error | None) -> None:
        self.graph, self.calls, self.name, self.error = graph, calls, name, error
        self.kind = "float" if graph.dtype == np.float32 else "double"
        self.upper = name.upper()
        self.given = calls.scratch > ON_THE_STACK
        given = [*calls.inputs, *calls.outputs]
        words = distinct_words(map(self._no_macro, given), () if not self.given else ("scratch",))
        self.words = dict(zip(given, words, strict=True))

    def _no_macro(self, name: str) -> str:
        """Return a name as one that no macro has, such as NAN and M_PI, nor a function here."""
        own = name.startswith((f"{self.name}_", "_", "M_"))
        return f"{name}_" if own or name == name.upper() else name

    def text(self) -> str:
        guard = f"FASTMLP_{self.upper}_H"
        int8 = any(c.values.dtype == np.int8 for c in self.calls.constants.values())
        functions = _dialect(self.kind, f"{self.name}_").functions(self.calls.calls)
        parts = [
            "#include <math.h>" + ("\n#include <stdint.h>" if int8 else ""),
            "\n".join(self._sizes()),
            *(self._array(n, constant) for n, constant in self._typed().items()),
            *functions,
            self._predict(),
        ]
        # Which network it is: of two that are called the same, none is left out in silence.
        which = f"0x{zlib.crc32(' '.join(parts).encode()):08x}"
        clash = f"another header has a network named '{self.name}' too: give one another name="
        first = f"#ifndef {guard}\n#define {guard} {which}"
        last = f'#elif {guard} != {which}\n#error "{clash}"\n#endif'
        return "\n\n".join([self._comment(), first, *parts, last]) + "\n"

    def _comment(self) -> str:
        from fastmlp.config import __version__

        arguments = [*self.words.values(), *(["scratch"] if self.given else [])]
        count = sum(constant.values.nbytes for constant in self._typed().values())
        lines = [
            f"{self.graph.title}, as C99 and C++; written by fastmlp {__version__}.",
            "",
            f"  {self.name}_predict({', '.join(arguments)});",
            "",
            "computes one example. It allocates nothing and has no state: threads may call it at",
            "once. Everything is static: include the header where it is used, and link libm (-lm).",
            f"Weights are {count} bytes of constants; {self._memory()}.",
        ]
        lines += noted(self.graph.notes)
        if self.error is not None:
            lines += ["", "Weights are int8, with a scale for each output. What that changes:"]
            lines += [f"{self.error}."]
        return "\n".join(["/*", *(f" * {line}".rstrip() for line in lines), " */"])

    def _memory(self) -> str:
        size = f"{self.calls.scratch} numbers of type {self.kind}"
        if self.given:
            return f"scratch is yours, {size}, for one call at a time"
        return f"results between are on the stack, {size}"

    def _sizes(self) -> list[str]:
        sizes = []
        for what, arrays in (("INPUTS", self.calls.inputs), ("OUTPUTS", self.calls.outputs)):
            for name, columns in arrays.items():
                which = "" if len(arrays) == 1 else f"_{name.upper()}"
                sizes.append(f"#define {self.upper}_{what}{which} {columns} /* of {name} */")
        return [*sizes, f"#define {self.upper}_SCRATCH {self.calls.scratch}"]

    def _typed(self) -> dict[str, Constant]:
        """Return the constants in the type of the program."""
        return {
            name: constant
            if constant.values.dtype == np.int8
            else Constant(constant.values.astype(self.graph.dtype), constant.comment)
            for name, constant in self.calls.constants.items()
        }

    def _array(self, name: str, constant: Constant) -> str:
        int8 = constant.values.dtype == np.int8
        kind = "int8_t" if int8 else self.kind
        numbers = [str(v) if int8 else self._literal(v) for v in constant.values]
        lines, line = [], " "
        for number in numbers:
            if len(line) + len(number) + 2 > _WIDTH:
                lines.append(line)
                line = " "
            line += f" {number},"
        head = (
            f"static const {kind} {self.name}_{name}[{len(numbers)}] = {{ /* {constant.comment} */"
        )
        return "\n".join([head, *lines, line, "};"])

    def _literal(self, value: Any) -> str:
        """Return the shortest digits that are read back as the same number."""
        if not np.isfinite(value):
            name = "NAN" if np.isnan(value) else "INFINITY" if value > 0 else "-INFINITY"
            return f"({self.kind}){name}"
        digits = str(self.graph.dtype.type(value))
        return f"{digits}f" if self.kind == "float" else digits

    def _argument(self, argument: Argument) -> str:
        if isinstance(argument, Ref):
            own = argument.name in self.calls.constants
            name = argument.name
            name = f"{self.name}_{name}" if own else self.words.get(name, name)
            return f"{name} + {argument.offset}" if argument.offset else name
        return str(argument) if isinstance(argument, int) else self._literal(argument)

    def _call(self, call: Call) -> str:
        prefix = "" if call.kind == "loop" else f"{call.kind}_"
        arguments = ", ".join(map(self._argument, call.arguments))
        return wrapped(f"  {self.name}_{prefix}{call.name}({arguments});")

    def _predict(self) -> str:
        arguments = [f"const {self.kind} *{self.words[name]}" for name in self.calls.inputs]
        arguments += [f"{self.kind} *{self.words[name]}" for name in self.calls.outputs]
        lines = []
        if self.given:
            arguments.append(f"{self.kind} *scratch")
        elif self.calls.scratch:
            lines.append(f"  {self.kind} scratch[{self.upper}_SCRATCH];")
        named = {a.name for c in self.calls.calls for a in c.arguments if isinstance(a, Ref)}
        lines += [f"  (void){self.words[n]};" for n in self.calls.inputs if n not in named]
        lines += map(self._call, self.calls.calls)
        head = f"static inline void {self.name}_predict({', '.join(arguments)}) {{"
        return "\n".join([wrapped(head), *lines, "}"])
