"""Headers compiled and run on rows, all by one program."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

STRICT = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wdouble-promotion"]
COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


@dataclass
class Header:
    """A header, and what its function is called with.

    Attributes
    ----------
    text, name : str
    inputs : list of ndarray
        (rows, columns) each.
    outputs : list of int
        Columns.
    """

    text: str
    name: str
    inputs: list[np.ndarray]
    outputs: list[int]

    @property
    def rows(self) -> int:
        return len(self.inputs[0])

    def calls(self) -> str:
        """Return statements that read every row, call the function and write the outputs."""
        kind = "double" if "const double *" in self.text else "float"
        sizes = [x.shape[1] for x in self.inputs]
        lines = [f"  for (int r = 0; r < {self.rows}; ++r) {{"]
        lines += [f"    {kind} x{i}[{n}];" for i, n in enumerate(sizes)]
        lines += [f"    {kind} y{i}[{n}];" for i, n in enumerate(self.outputs)]
        for i, n in enumerate(sizes):
            lines.append(f"    for (int j = 0; j < {n}; ++j) x{i}[j] = ({kind})number();")
        arguments = [f"x{i}" for i in range(len(sizes))]
        arguments += [f"y{i}" for i in range(len(self.outputs))]
        if f"{kind} *scratch)" in " ".join(self.text.split()):  # however its lines break
            lines.append(f"    static {kind} scratch[{self.name.upper()}_SCRATCH];")
            arguments.append("scratch")
        lines.append(f"    {self.name}_predict({', '.join(arguments)});")
        for i, n in enumerate(self.outputs):
            lines.append(f'    for (int j = 0; j < {n}; ++j) printf("%.17g\\n", (double)y{i}[j]);')
        return "\n".join([*lines, "  }"])


def run(headers: list[Header], folder: Path, compiler: str, *flags: str) -> list[np.ndarray]:
    """Compile headers to one program, run it, and return the outputs side by side of each."""
    for header in headers:
        (folder / f"{header.name}.h").write_text(header.text, encoding="utf-8")
    main = [
        "#include <stdio.h>",
        *(f'#include "{header.name}.h"' for header in headers),
        *(f'#include "{header.name}.h"' for header in headers),  # its guard lets it in once
        "static double number(void) {",
        "  double x = 0;",
        '  if (scanf("%lf", &x) != 1) printf("no more numbers\\n");',
        "  return x;",
        "}",
        "int main(void) {",
        *(header.calls() for header in headers),
        "  return 0;",
        "}",
        "",
    ]
    language = "cc" if any(flag.startswith("-std=c++") for flag in flags) else "c"
    file = folder / f"main.{language}"
    file.write_text("\n".join(main), encoding="utf-8")
    program = folder / f"{compiler}_{language}"
    command = [compiler, *STRICT, *flags, str(file), "-o", str(program), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
    given = np.concatenate(
        [np.concatenate(header.inputs, axis=1).ravel().astype(float) for header in headers]
    )
    text = "\n".join(map(repr, given.tolist()))
    done = subprocess.run([str(program)], input=text, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:4000]
    numbers, found = np.array(done.stdout.split(), dtype=float), []
    for header in headers:
        count = header.rows * sum(header.outputs)
        found.append(numbers[:count].reshape(header.rows, -1))
        numbers = numbers[count:]
    assert numbers.size == 0
    return found
