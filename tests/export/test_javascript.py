"""Modules of JavaScript: what node computes by them is what `predict` does."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest

import fastmlp as fm
from exported_cases import REFUSED, compare, expected, graph_of, sums_the_batch
from exported_models import DTYPES, MODELS, X, model_of, predicted
from fastmlp.export import javascript
from op_cases import CASES

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="there is no node")


def node(main, folder):
    """Run a program beside the modules of a folder; return its lines of output."""
    (folder / "main.mjs").write_text(main, encoding="utf-8")
    done = subprocess.run(["node", "main.mjs"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[:3000]
    return done.stdout.splitlines()


def run(modules, folder):
    """Run modules {name: (text, inputs)}; return what each predicts, and its sizes."""
    lines = []
    for number, (text, inputs) in enumerate(modules.values()):
        (folder / f"m{number}.mjs").write_text(text, encoding="utf-8")
        rows = len(next(iter(inputs.values())))
        given = {name: x.astype(float).ravel().tolist() for name, x in inputs.items()}
        written = json.dumps(given["x"] if list(given) == ["x"] else given)
        lines += [
            "{",
            f'const m = await import("./m{number}.mjs");',
            f"let y = m.predict({written}, {rows});",
            "if (ArrayBuffer.isView(y)) y = { y };",
            "const kinds = Object.values(y).map((v) => v.constructor.name);",
            "y = Object.fromEntries(Object.entries(y).map(([k, v]) => [k, Array.from(v)]));",
            "console.log(JSON.stringify({ y, kinds, sizes: [m.INPUTS, m.OUTPUTS] }));",
            "}",
        ]
    found = map(json.loads, node("\n".join(lines), folder))
    return dict(zip(modules, found, strict=True))


def inputs_of(model, rows):
    arrays = rows if isinstance(rows, list) else [rows]
    names = ["left_side", "right"] if len(arrays) == 2 else ["x"]
    return dict(zip(names, arrays, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_module_computes_what_predict_does_for_every_layer_and_activation(dtype, tmp_path):
    modules, wanted = {}, {}
    for name in MODELS:
        model, rows = model_of(name, dtype)
        modules[name] = javascript.source(model), inputs_of(model, rows)
        wanted[name] = predicted(model, rows)
    for name, found in run(modules, tmp_path).items():
        rows = len(wanted[name])
        y = np.concatenate([np.reshape(v, (rows, -1)) for v in found["y"].values()], axis=1)
        compare(y, wanted[name], dtype, name)
        assert set(found["kinds"]) == {f"Float{dtype[5:]}Array"}
    assert found is not None


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_module_computes_every_operation(dtype, tmp_path):
    modules, wanted = {}, {}
    for op, cases in CASES.items():
        for i, case in enumerate(cases):
            if op not in REFUSED and not sums_the_batch(op, case):
                graph, fed = graph_of(op, case, dtype)
                inputs = dict(zip(graph.input_names, fed, strict=True))
                modules[op, i] = javascript.module(graph), inputs
                wanted[op, i] = expected(graph, fed).ravel()
    for name, found in run(modules, tmp_path).items():
        compare(np.array(found["y"]["y"]), wanted[name], dtype, str(name))


def test_several_inputs_and_outputs_have_their_names(tmp_path):
    model, rows = model_of("several", "float32")
    text = javascript.source(model)
    (found,) = run({"several": (text, inputs_of(model, rows))}, tmp_path).values()
    assert list(found["y"]) == ["kind", "size", "float_2"]
    assert found["sizes"] == [
        {"left_side": 5, "right": 2},
        {"kind": 3, "size": 1, "float_2": 2},
    ]


def test_rows_are_counted_and_wrong_lengths_refused(tmp_path):
    (tmp_path / "net.mjs").write_text(javascript.source(fm.MLP([5, 2], seed=0)), encoding="utf-8")
    main = """
import { predict } from "./net.mjs";
const all = [predict(new Float32Array(15)), predict([]), predict(Array(10).fill(1), 2)];
console.log(all.map((y) => y.length).join(" "));
for (const [x, rows] of [[Array(7).fill(0)], [Array(10).fill(0), 3]]) {
  try { predict(x, rows); } catch (error) { console.log(error.name, error.message); }
}
"""
    assert node(main, tmp_path) == [
        "6 0 4",
        "RangeError x: expected 1 rows of 5 numbers, got 7 numbers",
        "RangeError x: expected 3 rows of 5 numbers, got 10 numbers",
    ]


def test_what_is_no_number_is_refused_and_null_is_nan(tmp_path):
    layer = fm.Activation("identity")
    text = javascript.source(fm.Sequential([layer], input_columns=2, seed=0))
    (tmp_path / "net.mjs").write_text(text, encoding="utf-8")
    main = """
import { predict } from "./net.mjs";
console.log(predict([null, undefined, true, 2.5]).join(" "));
console.log(predict(Int8Array.of(3, -1)).join(" "));
for (const x of [[[1, 2], [3, 4]], [1, "2"], ["", 1]])
  try { predict(x); } catch (error) { console.log(error.name, error.message); }
"""
    assert node(main, tmp_path) == [
        "NaN NaN 1 2.5",
        "3 -1",
        "TypeError x[0]: expected a number, got [1,2]",
        'TypeError x[1]: expected a number, got "2"',
        'TypeError x[0]: expected a number, got ""',
    ]


def test_a_module_of_a_million_weights_is_read(tmp_path):
    model = fm.MLP([5, 1000, 1000, 2], seed=0)
    (found,) = run({"large": (javascript.source(model), {"x": X})}, tmp_path).values()
    compare(np.reshape(found["y"]["y"], (12, 2)), model.predict(X), "float32", "large")


def test_a_name_of_a_layer_may_be_any_text(tmp_path):
    name = "a */ ` ${x} \\ \n \u2028 é"
    model = fm.Sequential([fm.Dense(3, "tanh", name=name), fm.Dense(2)], input_columns=5, seed=0)
    (found,) = run({"net": (javascript.source(model), {"x": X})}, tmp_path).values()
    compare(np.reshape(found["y"]["y"], (12, 2)), model.predict(X), "float32", name)


def test_an_input_may_be_called_as_what_every_object_has(tmp_path):
    names = ["__proto__", "constructor", "toString"]
    inputs = [fm.Input(2, name=name) for name in names]
    y = fm.Dense(3)(fm.concat(inputs))
    model = fm.Model(inputs, {"__proto__": y, "valueOf": fm.Dense(1)(y)}, seed=0)
    rows = [X[:, :2], X[:, 1:3], X[:, 2:4]]
    given = dict(zip(["proto__", *names[1:]], rows, strict=True))
    (found,) = run({"net": (javascript.source(model), given)}, tmp_path).values()
    assert list(found["y"]) == ["proto___2", "valueOf"]
    y = np.concatenate([np.reshape(v, (12, -1)) for v in found["y"].values()], axis=1)
    compare(y, np.concatenate(list(model.predict(rows).values()), axis=1), "float32", "objects")


def test_a_module_is_written_where_it_is_asked_to(tmp_path):
    model = fm.MLP([2, 1], seed=0)
    assert javascript.export(model, tmp_path / "net.js") is None
    assert (tmp_path / "net.js").read_text(encoding="utf-8") == javascript.source(model)
