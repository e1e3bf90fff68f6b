"""Modules of Python: what they compute by NumPy alone is what `predict` does."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest

import fastmlp as fm
from exported_cases import compare, expected, graph_of
from exported_models import DTYPES, MODELS, X, model_of, predicted
from fastmlp import graph as g
from fastmlp.export import numpy as exporter
from fastmlp.export.source import arrays
from fastmlp.graph.ops import OPS
from op_cases import CASES

RANDOM = ("dropout", "dropout_at", "gaussian_noise")


def run(text):
    """Return the names of a module."""
    names = {}
    exec(compile(text, "net.py", "exec"), names)
    return names


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_a_module_computes_what_predict_does(name, dtype):
    model, rows = model_of(name, dtype)
    inputs = rows if isinstance(rows, list) else [rows]
    found = run(exporter.source(model))["predict"](*inputs)
    if isinstance(found, dict):
        assert list(found) == ["kind", "size", "float_2"]
        found = np.concatenate(list(found.values()), axis=1)
    compare(found, predicted(model, rows), dtype, name)
    assert found.dtype == dtype


@pytest.mark.parametrize("name", MODELS)
def test_no_rows_give_none(name):
    model, rows = model_of(name, "float32")
    inputs = rows if isinstance(rows, list) else [rows]
    found = run(exporter.source(model))["predict"](*(x[:0] for x in inputs))
    columns = [y.shape for y in (found.values() if isinstance(found, dict) else [found])]
    assert columns == [(0, n) for n in model.network.outputs.columns]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("op", sorted(set(OPS) - set(RANDOM)))
def test_a_module_computes_every_operation(op, dtype):
    for i, case in enumerate(CASES[op]):
        if len(case.static) == len(case.arrays) and op != "ungroup_rows":
            continue  # a product with the batch as columns
        graph, fed = graph_of(op, case, dtype)
        found = run(exporter.module(graph))["predict"](*fed)
        compare(found, expected(graph, fed), dtype, f"{op} {i}")
        assert found.dtype == dtype


@pytest.mark.parametrize("op", RANDOM)
def test_a_random_operation_is_refused_by_name(op):
    with pytest.raises(
        ValueError, match=f"the operation '{op}' draws random numbers: it cannot be exported"
    ):
        graph_of(op, CASES[op][1], "float32")


def test_every_operation_has_its_text():
    there = {*vars(arrays), *exporter.EXPRESSIONS, "matmul", "spread", *RANDOM}
    assert set(OPS) <= there


def test_an_operation_without_text_is_refused_by_name(monkeypatch):
    monkeypatch.delattr(arrays, "mish")
    model, _ = model_of("activation mish", "float32")
    with pytest.raises(ValueError, match="there is no NumPy for the operation 'mish'"):
        exporter.source(model)


def test_a_module_imports_numpy_and_nothing_of_ours(tmp_path):
    model, rows = model_of("activation gelu", "float32")
    exporter.export(model, tmp_path / "net.py")
    tree = ast.parse((tmp_path / "net.py").read_text(encoding="utf-8"))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    assert imported == {"base64", "numpy"}
    np.save(tmp_path / "x.npy", rows)
    main = "import sys, numpy as np, net; np.save('y.npy', net.predict(np.load('x.npy')));"
    main += " print('fastmlp' in sys.modules, 'scipy' in sys.modules)"
    command = [sys.executable, "-W", "error", "-c", main]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    compare(np.load(tmp_path / "y.npy"), model.predict(rows), "float32", "gelu")


def test_lists_are_taken_and_wrong_shapes_refused():
    names = run(exporter.source(fm.MLP([5, 2], seed=0)))
    assert names["predict"](X.tolist()).shape == (12, 2)
    for wrong in (X[:, :4], X[0], 1.0):
        with pytest.raises(ValueError, match=r"x: expected \(rows, 5\), got"):
            names["predict"](wrong)
    several, rows = model_of("several", "float32")
    with pytest.raises(ValueError, match="right: expected 12 rows, got 3"):
        run(exporter.source(several))["predict"](rows[0], rows[1][:3])


def test_lines_have_the_names_of_layers_and_parameters():
    text = exporter.source(fm.MLP([5, 4, 2], activation="tanh", seed=0))
    assert "    v1 = x @ dense_1_weights.T + dense_1_biases\n    dense_1 = np.tanh(v1)\n" in text
    assert text.endswith("    return dense_2\n")


def test_a_name_of_a_layer_may_be_any_text():
    name = 'a """ \\ import os \n \u2028 é {x}'
    model = fm.Sequential([fm.Dense(3, "tanh", name=name), fm.Dense(2)], input_columns=5, seed=0)
    found = run(exporter.source(model))["predict"](X)
    compare(found, model.predict(X), "float32", name)


def test_an_input_may_be_called_as_a_function_that_the_module_needs():
    x, y = fm.Input(3, name="softmax"), fm.Input(2, name="ratio")
    both = fm.layers.concat([fm.Dense(2, "softmax")(x), y])
    model = fm.Model([x, y], fm.Dense(2, "softmax")(both), seed=0)
    rows = [X[:, :3], X[:, 3:5]]
    compare(run(exporter.source(model))["predict"](*rows), model.predict(rows), "float32", "names")


def test_what_no_input_changes_is_computed_beforehand():
    layer = fm.layers.Lambda(lambda x: x * g.exp(g.constant([[1.0, 2.0]])), columns=2)
    model = fm.Sequential([layer, fm.Dense(1)], input_columns=2, seed=0)
    text = exporter.source(model)
    assert "exp" not in text.partition('"""\n')[2].replace("expected", "")
    compare(run(text)["predict"](X[:, :2]), model.predict(X[:, :2]), "float32", "exp")


def test_a_model_that_is_not_built_has_nothing_to_write():
    with pytest.raises(ValueError, match="does not know its number of input columns"):
        exporter.source(fm.Sequential([fm.Dense(1)]))
