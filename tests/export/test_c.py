"""C headers: what they compute is what `predict` does, whoever compiles them."""

from __future__ import annotations

import pickle
import re
import subprocess

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import fastmlp as fm
from compiled import COMPILERS, STRICT, Header, run
from exported_cases import REFUSED, compare, expected, graph_of, sums_the_batch
from exported_models import DTYPES, MODELS, X, model_of, predicted
from fastmlp import graph as g
from fastmlp.export import c
from fastmlp.export.source.calls import quantized
from fastmlp.export.source.formulas import BINARY, UNARY
from fastmlp.export.source.steps import listing
from fastmlp.graph.ops import OPS
from fastmlp.layers import LAYERS
from fastmlp.planner import kernels
from op_cases import CASES

needs_a_compiler = pytest.mark.skipif(not COMPILERS, reason="there is no gcc or clang")
every_compiler = pytest.mark.parametrize("compiler", COMPILERS)


def header_of(name, dtype, **options):
    """Return the header of one of `MODELS`, and what `predict` has for its rows."""
    model, rows = model_of(name, dtype)
    inputs = rows if isinstance(rows, list) else [rows]
    word = "m_" + re.sub(r"\W", "_", name)
    text, _ = c.source(model, word, **options)
    return Header(text, word, inputs, list(model.network.outputs.columns)), predicted(model, rows)


def test_the_examples_have_every_layer():
    assert {name.split()[0] for name in MODELS} >= set(LAYERS)


def test_every_function_of_the_core_has_a_formula():
    assert set(UNARY) == set(kernels.UNARY)
    assert set(BINARY) == set(kernels.BINARY)


@needs_a_compiler
@every_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_header_computes_what_predict_does_for_every_layer_and_activation(
    dtype, compiler, tmp_path
):
    made = {name: header_of(name, dtype) for name in MODELS}
    found = run([header for header, _ in made.values()], tmp_path, compiler, "-std=c99", "-O1")
    for (name, (_, wanted)), values in zip(made.items(), found, strict=True):
        compare(values, wanted, dtype, name)


@needs_a_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_a_header_computes_every_operation(dtype, tmp_path):
    headers, wanted = [], []
    for op, cases in CASES.items():
        for i, case in enumerate(cases):
            if op in REFUSED or sums_the_batch(op, case):
                continue
            graph, fed = graph_of(op, case, dtype)
            name = f"{op}_{i}"
            text = c.header(graph, listing(graph), name)
            wanted.append((name, expected(graph, fed).reshape(len(fed[0]), -1)))
            headers.append(Header(text, name, fed, [wanted[-1][1].shape[1]]))
    found = run(headers, tmp_path, COMPILERS[0], "-std=c99", "-O0")
    for values, (name, values_wanted) in zip(found, wanted, strict=True):
        compare(values, values_wanted, dtype, name)
    assert {name.rpartition("_")[0] for name, _ in wanted} | set(REFUSED) == set(OPS)


@pytest.mark.parametrize("op", REFUSED)
def test_an_operation_that_is_no_function_of_one_row_is_refused_by_name(op):
    case = next(case for case in CASES[op] if len(case.arrays[0]) > 1)
    with pytest.raises(ValueError, match=REFUSED[op]):
        listing(graph_of(op, case, "float32")[0])


@needs_a_compiler
def test_a_header_with_int8_weights_is_as_far_from_the_model_as_it_says(tmp_path):
    names = ["Dense", "Dense without biases", "BatchNorm", "Embedding", "several", "wide"]
    made, errors = [], []
    for name in names:
        model, rows = model_of(name, "float32")
        text, error = c.source(model, f"m_{len(made)}", quantize="int8", data=rows)
        inputs = rows if isinstance(rows, list) else [rows]
        made.append(Header(text, f"m_{len(made)}", inputs, list(model.network.outputs.columns)))
        errors.append((error, np.abs(predicted(model, rows))))
        assert str(error) in text
    found = run(made, tmp_path, COMPILERS[0], "-std=c99", "-O1")
    for name, values, (error, wanted) in zip(names, found, errors, strict=True):
        model, rows = model_of(name, "float32")
        difference = np.abs(values - predicted(model, rows))
        assert error.largest == pytest.approx(difference.max(), rel=1e-2, abs=2e-6), name
        assert error.rms == pytest.approx(np.sqrt(np.mean(difference**2)), rel=1e-2, abs=2e-6)
        assert error.output == pytest.approx(wanted.max(), rel=1e-5)
        assert error.rows == len(values)
        assert 0 < error.largest < 0.05 * wanted.max(), name


def test_rounding_to_int8_is_by_the_largest_of_each_output():
    matrix = np.random.default_rng(0).normal(size=(7, 5)) * [1, 10, 100, 1e-3, 0]
    for axis in (0, 1):
        q, scale = quantized(matrix, axis)
        back = q * np.expand_dims(scale, axis)
        assert (np.abs(back - matrix) <= 0.5001 * np.expand_dims(scale, axis)).all()
        assert np.abs(q).max() == 127
    assert (quantized(matrix, 0)[0][:, 4] == 0).all()


@needs_a_compiler
@every_compiler
def test_headers_compile_as_cpp_of_every_standard(compiler, tmp_path):
    made = [header_of(name, dtype) for name, dtype in [("several", "float64"), ("wide", "float32")]]
    made.append(
        header_of("Embedding", "float32", quantize="int8", data=model_of("Embedding", "float32")[1])
    )
    headers = [header for header, _ in made]
    headers[0].name, headers[0].text = "other", headers[0].text.replace("m_several", "other")
    headers[0].text = headers[0].text.replace("M_SEVERAL", "OTHER")
    for standard in ("c++98", "c++11", "c++20"):
        flags = [f"-std={standard}", *(["-Wno-long-long"] if standard == "c++98" else [])]
        for values, (_, wanted) in zip(run(headers, tmp_path, compiler, *flags), made, strict=True):
            np.testing.assert_allclose(values, wanted, atol=0.05, err_msg=standard)  # of int8


@needs_a_compiler
@every_compiler
@pytest.mark.parametrize("level", ["-Os", "-O2", "-O3"])
def test_optimizers_have_nothing_to_complain_of(level, compiler, tmp_path):
    names = ["Dense", "BatchNorm", "LayerNorm", "several", "activation mish", "Embedding", "Tile"]
    made = {name: header_of(name, "float32") for name in names}
    found = run([header for header, _ in made.values()], tmp_path, compiler, "-std=c99", level)
    for (name, (_, wanted)), values in zip(made.items(), found, strict=True):
        compare(values, wanted, "float32", name)


@needs_a_compiler
@every_compiler
def test_a_name_of_a_layer_may_be_any_text(compiler, tmp_path):
    name = 'a */ int /* \\ " ??/ ` ${x} \n \u2028 é'
    layers = [fm.Dense(3, "tanh", name=name), fm.Dense(2)]
    model = fm.Sequential(layers, input_columns=5, seed=0)
    text, _ = c.source(model, "net")
    (found,) = run([Header(text, "net", [X], [2])], tmp_path, compiler, "-std=c99")
    compare(found, model.predict(X), "float32", name)


@needs_a_compiler
def test_names_of_arrays_functions_and_sizes_are_apart(tmp_path):
    one, other = fm.Input(5, name="a"), fm.Input(5, name="A")
    h = fm.layers.add([one, other])
    for layer in (
        fm.layers.LayerNorm(name="map"),
        fm.layers.Scale(name="map_"),
        fm.Dense(5, "relu", name="predict"),
        fm.layers.Lambda(lambda x: 1.5 * x + g.negative(x), columns=5, name="zip"),
    ):
        h = layer(h)
    model = fm.Model([one, other], {"x": fm.Dense(2)(h), "X": h}, seed=0)
    text = c.source(model, "net")[0]
    assert "float *A_2" in text
    (found,) = run([Header(text, "net", [X, X], [2, 5])], tmp_path, COMPILERS[0], "-std=c99")
    compare(found, predicted(model, [X, X]), "float32", "names")


@needs_a_compiler
@every_compiler
@pytest.mark.parametrize("standard", ["c99", "gnu17", "c++17", "c++20"])
def test_inputs_may_be_called_as_macros_keywords_and_functions_are(standard, compiler, tmp_path):
    words = ["NAN", "INFINITY", "M_PI", "M_PIf32", "HUGE", "_Bool", "__FILE__", "linux", "net_relu"]
    words += ["nullptr", "xor", "asm", "restrict", "co_await", "net_predict", "net_relu_"]
    inputs = [fm.Input(1, name=word) for word in words]
    y = fm.Dense(3, "relu")(fm.concat(inputs))
    model = fm.Model(inputs, {"NULL": y, "EOF": fm.Dense(1)(y)}, seed=0)
    rows = [X[:, i % 5 : i % 5 + 1] for i in range(len(words))]
    text, _ = c.source(model, "net")
    (found,) = run([Header(text, "net", rows, [3, 1])], tmp_path, compiler, f"-std={standard}")
    wanted = np.concatenate(list(model.predict(rows).values()), axis=1)
    compare(found, wanted, "float32", standard)


@needs_a_compiler
@every_compiler
def test_of_two_networks_of_one_name_none_is_left_out_in_silence(compiler, tmp_path):
    for seed, name in enumerate(["net 1", "net-1"]):
        fm.MLP([2, 1], seed=seed).export(tmp_path / f"{name}.h")
    (tmp_path / "twice.c").write_text('#include "net 1.h"\n#include "net 1.h"\n')
    (tmp_path / "both.c").write_text('#include "net 1.h"\n#include "net-1.h"\n')
    said = [
        subprocess.run(
            [compiler, *STRICT, "-Wno-unused-function", "-fsyntax-only", f"{file}.c"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        ).stderr
        for file in ("twice", "both")
    ]
    assert said[0] == ""
    assert "another header has a network named 'net_1' too: give one another name=" in said[1]


@needs_a_compiler
def test_headers_are_clean_under_the_sanitizers(tmp_path):
    names = ["several", "wide", "shared", "Embedding", "NumericEmbedding", "LayerNorm", "BatchNorm"]
    names += ["Dense in groups", "PReLU", "activation softmax"]
    made = [header_of(name, "float32") for name in names]
    rows = model_of("Embedding", "float32")[1]
    headers = [header for header, _ in made]
    headers.append(header_of("Embedding", "float32", quantize="int8", data=rows)[0])
    headers[-1].text = (
        headers[-1].text.replace("m_Embedding", "eight").replace("M_EMBEDDING", "EIGHT")
    )
    headers[-1].name = "eight"
    flags = ["-std=c99", "-g", "-O0", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    found = run(headers, tmp_path, COMPILERS[0], *flags)
    for name, values, (_, wanted) in zip(names, found, made, strict=False):
        compare(values, wanted, "float32", name)


@needs_a_compiler
def test_a_header_needs_no_memory_but_its_constants_and_the_stack(tmp_path):
    header, _ = header_of("several", "float32")
    (tmp_path / "net.h").write_text(header.text, encoding="utf-8")
    call = '#include "net.h"\nvoid f(const float *a, const float *b, float *c, float *d, float *e);'
    call += "\nvoid f(const float *a, const float *b, float *c, float *d, float *e) {"
    call += f"\n  {header.name}_predict(a, b, c, d, e);\n}}\n"
    (tmp_path / "f.c").write_text(call, encoding="utf-8")
    command = [COMPILERS[0], "-std=c99", *STRICT, "-Os", "-c", "f.c", "-o", "f.o"]
    subprocess.run(command, cwd=tmp_path, check=True)
    sizes = subprocess.run(["nm", "f.o"], cwd=tmp_path, check=True, capture_output=True, text=True)
    kinds = {line.split()[-1]: line.split()[-2] for line in sizes.stdout.splitlines()}
    undefined = {name for name, kind in kinds.items() if kind == "U"}
    assert undefined <= {"expf", "log1pf", "memset", "memcpy", "__stack_chk_fail"}
    assert not {
        kind for kind in kinds.values() if kind in "bBdDcC"
    }  # nothing that could be written


def test_weights_are_written_with_all_their_digits():
    model = fm.MLP([6, 1], seed=0)
    numbers = np.array([1 / 3, 1e-38, 1e-45, -3.4028235e38, 16777217.0, -0.0], np.float32)
    model.set_weights([numbers[None], np.zeros(1)])
    text, _ = c.source(model, "net")
    digits = re.search(r"weights\[6\] = \{[^\n]*\n([^}]*)", text)[1].replace("f", "").split(",")
    np.testing.assert_array_equal(np.array(digits[:6], dtype=np.float32), numbers)


@needs_a_compiler
@pytest.mark.parametrize("dtype", DTYPES)
def test_constants_may_be_infinite_or_nan(dtype, tmp_path):
    bounds = g.constant([[-np.inf, 0.5, np.inf, np.nan, 1.0]])
    layer = fm.layers.Lambda(lambda x: g.maximum(x, bounds), columns=5)
    model = fm.Sequential([layer], input_columns=5, seed=0, dtype=dtype)
    header = Header(c.source(model, "net")[0], "net", [X], [5])
    (found,) = run([header], tmp_path, COMPILERS[0], "-std=c99")
    np.testing.assert_array_equal(found, model.predict(X))


def test_large_results_between_layers_are_in_memory_of_the_callers():
    text = header_of("wide", "float32")[0].text
    assert "#define M_WIDE_SCRATCH 1203" in text
    assert "m_wide_predict(const float *x, float *y, float *scratch) {" in text
    assert "m_wide_predict(x, y, scratch);" in text
    small = header_of("Dense", "float32")[0].text
    assert "m_Dense_predict(const float *x, float *y) {\n  float scratch[M_DENSE_SCRATCH];" in small


def test_inputs_and_outputs_have_the_names_of_the_model_as_words():
    text = header_of("several", "float32")[0].text
    arguments = (
        "const float *left_side, const float *right, float *kind, float *size, float *float_2"
    )
    assert f"m_several_predict({arguments}) {{" in " ".join(text.split())
    for size in ("INPUTS_LEFT_SIDE 5", "INPUTS_RIGHT 2", "OUTPUTS_KIND 3", "OUTPUTS_FLOAT_2 2"):
        assert f"#define M_SEVERAL_{size} " in text


def test_the_name_is_that_of_the_file_as_a_word(tmp_path):
    model = fm.MLP([2, 1], seed=0)
    assert c.export(model, tmp_path / "my net-2.h") is None
    assert "my_net_2_predict(const float *x" in (tmp_path / "my net-2.h").read_text(
        encoding="utf-8"
    )
    c.export(model, tmp_path / "a.h", name="engine")
    assert "#define ENGINE_INPUTS 2" in (tmp_path / "a.h").read_text(encoding="utf-8")
    for name, error in [
        ("my net", ValueError),
        ("2nd", ValueError),
        ("é", ValueError),
        (3, TypeError),
    ]:
        with pytest.raises(error, match="name must be"):
            c.export(model, tmp_path / "b.h", name=name)
    assert not (tmp_path / "b.h").exists()


def test_copies_and_loaded_models_write_the_same(tmp_path):
    model, _ = model_of("PReLU", "float32")
    model.save(tmp_path / "model.safetensors")
    text = c.source(model, "net")[0].partition("*/")[2]
    for again in (
        fm.load(tmp_path / "model.safetensors"),
        model.copy(),
        pickle.loads(pickle.dumps(model)),
    ):
        assert c.source(again, "net")[0].partition("*/")[2] == text


def test_an_estimator_has_its_network_written(tmp_path):
    clf = fm.MLPClassifier((4,), solver="lbfgs", max_iter=5, random_state=0)
    with pytest.warns(ConvergenceWarning):
        clf.fit(X, np.arange(12) % 3)
    clf.model_.export(tmp_path / "net.h")
    assert "#define NET_OUTPUTS 3" in (tmp_path / "net.h").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"its network alone is written by model_\.export"):
        clf.export(tmp_path / "net.h")


def test_wrong_settings_of_int8_are_refused(tmp_path):
    model = fm.MLP([2, 1], seed=0)
    with pytest.raises(ValueError, match=r"quantize must be one of \['int8'\], got 'int4'"):
        c.source(model, "net", quantize="int4")
    with pytest.raises(ValueError, match="data: quantize='int8' needs some rows"):
        c.source(model, "net", quantize="int8")
    with pytest.raises(ValueError, match="data is for quantize='int8' alone"):
        c.source(model, "net", data=X[:, :2])
    with pytest.raises(ValueError, match="columns"):
        c.source(model, "net", quantize="int8", data=X)
    with pytest.raises(ValueError, match="NaN"):
        c.source(model, "net", quantize="int8", data=np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="at least one row"):
        c.source(model, "net", quantize="int8", data=X[:0, :2])


def test_a_function_that_is_random_is_refused():
    layer = fm.layers.Lambda(lambda x: g.dropout(x, 0.5, 3), columns=2)
    model = fm.Sequential([layer, fm.Dense(1)], input_columns=2, seed=0)
    with pytest.raises(ValueError, match="the operation 'dropout' draws random numbers: it cannot"):
        c.source(model, "net")
