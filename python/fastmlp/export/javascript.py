"""A network as one ES module: typed arrays, no dependency, for browsers and servers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fastmlp.data.files import write
from fastmlp.export.source.calls import Argument, Call, Listing, Ref
from fastmlp.export.source.dialect import MATH, Dialect
from fastmlp.export.source.erfc import JAVASCRIPT as ERFC
from fastmlp.export.source.packed import packed
from fastmlp.export.source.prepared import Prepared, noted, prepared, wrapped
from fastmlp.export.source.steps import listing

if TYPE_CHECKING:
    from os import PathLike

_WIDTH: Final = 96

_DIALECT: Final = Dialect(
    function="function {name}({arguments})",
    arguments={
        **dict.fromkeys(("y*", "x*", "q*", "#", "c"), "{name}"),
        "result": "",
        "nothing": "",
    },
    words={"LET": "const", "VAR": "let", "INT": "let", "WHOLE": "Math.trunc", "NAN": "NaN"},
    math={name: {"fabs": "Math.abs", "erfc": "erfc"}.get(name, f"Math.{name}") for name in MATH},
    prefix="_",
)


def export(model: Any, path: str | PathLike[str]) -> None:
    """Write a model as a module of JavaScript, see `Model.export`."""
    write(path, [source(model).encode()])


def source(model: Any) -> str:
    """Return the text of the module."""
    return module(prepared(model))


def module(graph: Prepared) -> str:
    """Return the text of the module of a graph."""
    return _Module(graph, listing(graph)).text()


# An array made a number would be NaN or, of one element, that; an empty text and null would be 0.
_ONLY_NUMBERS: Final = """\
function onlyNumbers(x, name) {
  if (ArrayBuffer.isView(x)) return;
  for (let i = 0; i < x.length; ++i)
    if (typeof x[i] !== "number" && typeof x[i] !== "boolean" && x[i] != null)
      throw new TypeError(`${name}[${i}]: expected a number, got ${JSON.stringify(x[i])}`);
}"""


class _Module:
    """The parts of a module."""

    def __init__(self, graph: Prepared, calls: Listing) -> None:
        self.graph, self.calls = graph, calls
        self.array = "Float32Array" if graph.dtype == np.float32 else "Float64Array"
        self.views: dict[Ref, str] = {}  # parts of arrays that do not begin where these do

    def text(self) -> str:
        functions = _DIALECT.functions(self.calls.calls)
        if any("erfc(" in text for text in functions):
            functions.insert(0, ERFC)
        buffers = self._buffers()
        body = [self._call(call) for call in self.calls.calls]
        parts = [
            self._comment(),
            self._sizes(),
            *self._constants(),
            buffers,
            *functions,
            "\n".join(["function example() {", *body, "}"]),
            _ONLY_NUMBERS,
            self._predict(),
        ]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _comment(self) -> str:
        from fastmlp.config import __version__

        one_in, one_out = len(self.calls.inputs) == 1, len(self.calls.outputs) == 1
        given = "an array" if one_in else f"{{{', '.join(self.calls.inputs)}}}, arrays"
        gives = f"a {self.array}"
        if not one_out:
            gives = f"{{{', '.join(self.calls.outputs)}}}, each {gives}"
        lines = [
            f"{self.graph.title}; written by fastmlp {__version__}.",
            "",
            f"predict(x, rows): x is {given} of all rows, one after the other; it returns {gives}",
            "likewise. By default there are as many rows as x has. null is NaN.",
            *noted(self.graph.notes),
        ]
        return "\n".join(f"// {line}".rstrip() for line in lines)

    def _sizes(self) -> str:
        return (
            f"export const INPUTS = {_written(self.calls.inputs)};\n"
            f"export const OUTPUTS = {_written(self.calls.outputs)};"
        )

    def _constants(self) -> list[str]:
        """Return the text of all constants, one after the other in one array."""
        if not self.calls.constants:
            return []
        values = [constant.values for constant in self.calls.constants.values()]
        lines, places = packed(values, self.graph.dtype, _WIDTH)
        views = [
            f"const {_private(name)} = weights.subarray({begin}, {end}); // {constant.comment}"
            for (name, constant), (begin, end) in zip(
                self.calls.constants.items(), places, strict=True
            )
        ]
        return [
            "\n".join(["const BASE64 = `", *lines, "`;"]),
            f"const weights = new {self.array}(\n"
            "  Uint8Array.from(atob(BASE64), (letter) => letter.charCodeAt(0)).buffer,\n);",
            "\n".join(views),
        ]

    def _buffers(self) -> str:
        """Return the arrays of one example, and views of parts of arrays that calls ask for."""
        sizes = {**self.calls.inputs, **self.calls.outputs}
        if self.calls.scratch:
            sizes["scratch"] = self.calls.scratch
        lines = [f"const {_private(n)} = new {self.array}({size});" for n, size in sizes.items()]
        for call in self.calls.calls:
            for argument in call.arguments:
                if isinstance(argument, Ref) and argument.offset and argument not in self.views:
                    self.views[argument] = f"{_private(argument.name)}${argument.offset}"
        lines += [
            f"const {name} = {_private(ref.name)}.subarray({ref.offset});"
            for ref, name in self.views.items()
        ]
        return "\n".join(lines)

    def _argument(self, argument: Argument) -> str:
        if isinstance(argument, Ref):
            return self.views.get(argument, _private(argument.name))
        return _number(argument)

    def _call(self, call: Call) -> str:
        prefix = "" if call.kind == "loop" else f"{call.kind}_"
        arguments = ", ".join(map(self._argument, call.arguments))
        return wrapped(f"  _{prefix}{call.name}({arguments});")

    def _predict(self) -> str:
        """Return the function that is exported: all rows, one after the other."""
        one_in, one_out = len(self.calls.inputs) == 1, len(self.calls.outputs) == 1
        given = {name: "x" if one_in else f"x.{name}" for name in self.calls.inputs}
        first, columns = next(iter(self.calls.inputs.items()))
        lines = [
            f"export function predict(x, rows = Math.trunc({given[first]}.length / {columns})) {{"
        ]
        for name, size in self.calls.inputs.items():
            what = given[name]
            expected = f"expected ${{rows}} rows of {size} numbers"
            message = f"`{what}: {expected}, got ${{{what}.length}} numbers`"
            lines.append(
                f"  if ({what}.length !== rows * {size})\n    throw new RangeError({message});\n"
                f'  onlyNumbers({what}, "{what}");'
            )
        lines += [
            f"  const all_{name} = new {self.array}(rows * {size});"
            for name, size in self.calls.outputs.items()
        ]
        lines.append("  for (let r = 0; r < rows; ++r) {")
        for name, size in self.calls.inputs.items():
            loop = f"for (let j = 0; j < {size}; ++j)"
            value = f"{given[name]}[r * {size} + j] ?? NaN"
            lines.append(f"    {loop} {_private(name)}[j] = {value};")
        lines.append("    example();")
        lines += [
            f"    all_{name}.set({_private(name)}, r * {size});"
            for name, size in self.calls.outputs.items()
        ]
        every = ", ".join(f"{name}: all_{name}" for name in self.calls.outputs)
        only = f"all_{next(iter(self.calls.outputs))}"
        lines += ["  }", f"  return {only if one_out else f'{{ {every} }}'};", "}"]
        return "\n".join(lines)


def _private(name: str) -> str:
    """Return what an array is called, apart from functions and what is exported."""
    return f"${name}"


def _number(value: float) -> str:
    if isinstance(value, float) and not np.isfinite(value):
        return "NaN" if np.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def _written(sizes: dict[str, int]) -> str:
    if len(sizes) == 1:
        return str(*sizes.values())
    return f"{{ {', '.join(f'{name}: {size}' for name, size in sizes.items())} }}"
