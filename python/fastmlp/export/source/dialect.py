"""From formulas and loops to the text of a language: only the functions that a listing calls."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fastmlp.export.source.calls import Call
from fastmlp.export.source.formulas import BINARY, HELPERS, UNARY, WITH_NUMBER
from fastmlp.export.source.loops import LOOPS
from fastmlp.export.source.prepared import wrapped

# Of libm, by its names for double.
MATH: Final = (
    *("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "fabs", "pow", "erfc"),
)
_FRACTION: Final = re.compile(r"(?<![\w.])(\d+\.\d*(?:e[-+]?\d+)?|\d+e[-+]?\d+)(?![\w.])")
_MATH: Final = re.compile(rf"\b({'|'.join(MATH)})\(")
_HELPER: Final = re.compile(rf"\b({'|'.join(HELPERS)})\(")


@dataclass(frozen=True)
class Dialect:
    """How a language writes what the formulas are made of.

    Attributes
    ----------
    function : str
        The head of a function: {result}, {name} and {arguments}.
    arguments : mapping of str to str
        How an argument is declared, by what it is marked with: "y*", "x*", "q*", "#" and "c"; and
        what a function returns: "result" or "nothing".
    words : mapping of str to str
        What `LET`, `VAR`, `INT`, `WHOLE` and `NAN` become.
    math : mapping of str to str
        What functions of libm are called.
    fraction : str
        What follows a number with a point.
    prefix : str
        What names of functions begin with.
    unused : str
        A statement that uses the argument {name}; empty if none is needed.
    """

    function: str
    arguments: Mapping[str, str]
    words: Mapping[str, str]
    math: Mapping[str, str]
    fraction: str = ""
    prefix: str = ""
    unused: str = ""

    def functions(self, calls: Iterable[Call]) -> list[str]:
        """Return the text of every function that the calls need, each after those it calls."""
        wanted: dict[str, str] = {}
        for kind, name in dict.fromkeys((call.kind, call.name) for call in calls):
            if kind == "loop":
                signature, body = LOOPS[name]
                wanted[name] = self._function(name, signature, body.strip("\n"))
                continue
            formula = UNARY[name] if kind == "map" else BINARY[name]
            for helper in self._helpers(formula):
                signature, text = HELPERS[helper]
                wanted.setdefault(helper, self._scalar(helper, signature, text))
            if kind == "map":
                number = " c" if name in WITH_NUMBER else ""
                scalar, loop = self._mapped(name, formula, number)
            else:
                scalar, loop = self._zipped(name, formula)
            wanted.setdefault(name, scalar)
            wanted[f"{kind}_{name}"] = loop
        return list(wanted.values())

    def _helpers(self, formula: str) -> list[str]:
        return [name for name in HELPERS if re.search(rf"\b{name}\(", formula)]

    def _mapped(self, name: str, formula: str, number: str) -> tuple[str, str]:
        argument = ", c" if number else ""
        body = f"for (INT i = 0; i < n; ++i) y[i] = {self.prefix}{name}(x[i]{argument});"
        return (
            self._scalar(name, f"z{number}", formula),
            self._function(f"map_{name}", f"y* x* n#{number}", body),
        )

    def _zipped(self, name: str, formula: str) -> tuple[str, str]:
        call = f"{self.prefix}{name}(a[i * ars + j * acs], b[i * brs + j * bcs])"
        body = f"for (INT i = 0; i < m; ++i)\n  for (INT j = 0; j < n; ++j) y[i * n + j] = {call};"
        return (
            self._scalar(name, "a b", formula),
            self._function(f"zip_{name}", "y* m# n# a* ars# acs# b* brs# bcs#", body),
        )

    def _scalar(self, name: str, signature: str, formula: str) -> str:
        body = "\n".join(f"{part.strip()};" for part in formula.rstrip(";").split("; "))
        return self._function(name, signature, body, scalar=True)

    def _function(self, name: str, signature: str, body: str, scalar: bool = False) -> str:
        arguments = [self._argument(marked) for marked in signature.split()]
        unused = [
            self.unused.format(name=marked.rstrip("*#"))
            for marked in signature.split()
            if self.unused and not re.search(rf"\b{marked.rstrip('*#')}\b", body)
        ]
        head = self.function.format(
            result=self.arguments["result"] if scalar else self.arguments["nothing"],
            name=f"{self.prefix}{name}",
            arguments=", ".join(arguments),
        )
        lines = [*unused, *self._translated(body).split("\n")]
        return wrapped("\n".join([f"{head} {{", *(f"  {line}" for line in lines), "}"]))

    def _argument(self, marked: str) -> str:
        name = marked.rstrip("*#")
        kind = marked[len(name) :]
        if kind == "*":
            kind = {"y": "y*", "q": "q*"}.get(name, "x*")
        return self.arguments[kind or "c"].format(name=name)

    def _translated(self, body: str) -> str:
        text = _FRACTION.sub(rf"\1{self.fraction}", body)
        text = _HELPER.sub(rf"{self.prefix}\1(", text)
        text = _MATH.sub(lambda found: f"{self.math[found[1]]}(", text)
        for word, own in self.words.items():
            text = re.sub(rf"\b{word}\b", own, text)
        return text
