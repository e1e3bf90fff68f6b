"""Nanoseconds of one row in C, of headers that `Model.export` writes: ``python -m bench.exported``.

One thread, the least of many runs, beside `predict` from Python. What C computes is compared with
`predict` before it is timed. Bytes are those of code and constants at -Os.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fastmlp as fm
from bench import contest, report
from bench.networks import NETWORKS

FLAGS = ("-Os", "-O2", "-O3 -march=native")
# How far int8 weights may take the outputs, and float ones.
TOLERANCE = {"float": 1e-5, "int8": 0.05}
_MAIN = """\
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <time.h>
#include "net.h"

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(void) {
  static const float x[NET_INPUTS] = {ROW};
  float y[NET_OUTPUTS];
  double best = 1e18;
  for (int r = 0; r < REPEATS; ++r) {
    const double begin = now();
    for (int i = 0; i < CALLS; ++i) {
      net_predict(x, y);
      __asm__ volatile("" : : "r"(x), "r"(y) : "memory");
    }
    const double took = (now() - begin) / CALLS;
    if (took < best) best = took;
  }
  printf("%.6g\\n", best);
  for (int j = 0; j < NET_OUTPUTS; ++j) printf("%.9g\\n", y[j]);
  return 0;
}
"""


def network(name: str) -> fm.Model:
    """Return a network of the benchmarks with new weights."""
    found = NETWORKS[name]
    output = "softmax" if found.loss == "cross_entropy" else "identity"
    return fm.MLP(list(found.widths), activation=found.activation, output=output, seed=0)


def in_c(model: fm.Model, X: Any, compiler: str, kind: str, options: Any) -> list[dict[str, Any]]:
    """Return the nanoseconds of each set of flags, and the bytes."""
    rows = []
    calls = max(1, int(options.seconds * 1e6) // max(1, model.n_parameters // 100))
    text = _MAIN.replace("ROW", ", ".join(f"{x!r}f" for x in map(float, X[0])))
    text = text.replace("REPEATS", str(10 * options.repeats)).replace("CALLS", str(calls))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        settings = {"quantize": "int8", "data": X} if kind == "int8" else {}
        model.export(place / "net.h", **settings)
        (place / "main.c").write_text(text, encoding="utf-8")
        for flags in FLAGS:
            build = [compiler, "-std=c99", *flags.split(), "main.c", "-o", "main", "-lm"]
            subprocess.run(build, cwd=place, check=True)
            done = subprocess.run([place / "main"], capture_output=True, text=True, check=True)
            nanoseconds, *y = map(float, done.stdout.split())
            error = float(np.max(np.abs(np.array(y) - model.predict(X[:1])[0])))
            if not error <= TOLERANCE[kind]:
                raise ValueError(f"{compiler} {flags}: results differ by {error:.1e}")
            rows.append({"what": f"{kind}, {compiler} {flags}", "value": nanoseconds, "unit": "ns"})
        alone = '#include "net.h"\nvoid f(const float *, float *);\n'
        alone += "void f(const float *x, float *y) { net_predict(x, y); }\n"
        (place / "alone.c").write_text(alone, encoding="utf-8")
        build = [compiler, "-std=c99", "-Os", "-c", "alone.c", "-o", "alone.o"]
        subprocess.run(build, cwd=place, check=True)
        sizes = subprocess.run(
            ["size", "alone.o"], cwd=place, capture_output=True, text=True, check=True
        )
        code, data, _ = sizes.stdout.splitlines()[1].split()[:3]
        size = float(code) + float(data)
        rows.append({"what": f"{kind}, {compiler} -Os", "value": size, "unit": "bytes"})
    return rows


def in_python(model: fm.Model, X: Any, options: Any) -> dict[str, Any]:
    """Return the nanoseconds of `predict` of one row."""
    row, best, calls = X[:1].copy(), float("inf"), max(1, int(options.seconds * 1e5))
    for _ in range(10 * options.repeats):
        begin = time.perf_counter()
        for _ in range(calls):
            model.predict(row)
        best = min(best, (time.perf_counter() - begin) / calls)
    return {"what": "predict", "value": 1e9 * best, "unit": "ns"}


def main(arguments: Sequence[str] | None = None) -> dict[str, Any]:
    """Run the benchmark, print its table, and return the results."""
    parser = contest.parser(__doc__.splitlines()[0], ("fastmlp",))
    parser.add_argument("--networks", type=contest.names(NETWORKS), default=("tiny", "digits"))
    parser.set_defaults(seconds=0.001)  # so short that some run has the core for itself
    options = contest.parse(parser, arguments)
    compilers = [name for name in ("gcc", "clang") if shutil.which(name)]
    rows = []
    fm.set_num_threads(1)
    for name in options.networks:
        model = network(name)
        X = np.random.default_rng(0).normal(size=(200, NETWORKS[name].widths[0]))
        X = X.astype(np.float32)
        found = [in_python(model, X, options)]
        for kind in TOLERANCE:
            for compiler in compilers:
                found += in_c(model, X, compiler, kind, options)
        rows += [{**row, "what": f"{name}, {row['what']}", "floor": ""} for row in found]
    del options.repeats  # what is reported is no median
    document = contest.finish(options, "exported", {"rows": rows})
    report.show(document)
    return document


if __name__ == "__main__":
    main()
