"""A row with NaN has NaN in its result in every kind of source, as `predict` has it."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

import fastmlp as fm
from compiled import COMPILERS, Header, run
from fastmlp.export import c, javascript
from fastmlp.export import numpy as exporter
from fastmlp.graph.ops.activations.declaration import DECLARED

ROW = np.array([[np.nan, 1.0]], np.float32)


def models():
    return {
        name: fm.Sequential([fm.layers.Activation(name)], input_columns=2, seed=0)
        for name in DECLARED
    }


def expected():
    wanted = {name: np.isnan(model.predict(ROW)[0]) for name, model in models().items()}
    assert all(nan[0] for nan in wanted.values())
    return wanted


@pytest.mark.parametrize("name", DECLARED)
def test_numpy_keeps_nan(name):
    names = {}
    exec(exporter.source(models()[name]), names)
    np.testing.assert_array_equal(np.isnan(names["predict"](ROW)[0]), expected()[name])


@pytest.mark.skipif(not COMPILERS, reason="there is no gcc or clang")
@pytest.mark.parametrize("level", ["-O0", "-O3"])
def test_c_keeps_nan(level, tmp_path):
    headers = [
        Header(c.source(model, f"a_{name}")[0], f"a_{name}", [ROW], [2])
        for name, model in models().items()
    ]
    found = run(headers, tmp_path, COMPILERS[0], "-std=c99", level)
    for (name, wanted), y in zip(expected().items(), found, strict=True):
        np.testing.assert_array_equal(np.isnan(y[0]), wanted, err_msg=name)


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
def test_javascript_keeps_nan(tmp_path):
    lines = []
    for name, model in models().items():
        (tmp_path / f"{name}.mjs").write_text(javascript.source(model), encoding="utf-8")
        lines.append(f'console.log((await import("./{name}.mjs")).predict([NaN, 1]).join(" "));')
    (tmp_path / "main.mjs").write_text("\n".join(lines), encoding="utf-8")
    done = subprocess.run(
        ["node", "main.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    for (name, wanted), line in zip(expected().items(), done.stdout.splitlines(), strict=True):
        assert [word == "NaN" for word in line.split()] == wanted.tolist(), name
