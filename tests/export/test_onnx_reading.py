"""`from_onnx`: what was written comes back, what others write is read, and nothing else gets in."""

import re

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import fastmlp as fm
from exported_models import DTYPES, MODELS, X, model_of, predicted

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from fastmlp.export.onnx import layering, tensors, values  # noqa: E402

WITHOUT_CONFIG = {
    "Dense in groups",
    "Lambda",
    "Lambda of rows",
    "Lambda tied",
    "Lambda of a number",
}
# What is read from the graph alone: every activation, and these.
PLAIN = {name for name in MODELS if name.startswith("activation")}
PLAIN |= {"Dense", "Dense without biases", "Activation", "PReLU", "Dropout", "GaussianNoise"}
PLAIN |= {"BatchNorm", "BatchNorm bare", "ParametricActivation", "Tile", "Scale", "Lambda tied"}
PLAIN |= {"Add", "Multiply", "Maximum", "Concatenate", "several", "wide"}
rng = np.random.default_rng(3)


def rewritten(path, change):
    """Change the model in a file."""
    model = onnx.load(path)
    change(model)
    onnx.save(model, path)


def without_metadata(model):
    del model.metadata_props[:]


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


def assert_same(found, model, rows, relative=1e-6):
    a, b = predicted(found, rows), predicted(model, rows)
    np.testing.assert_allclose(a, b, rtol=0, atol=relative * np.abs(b).max())


@pytest.mark.filterwarnings("ignore::fastmlp.NoSignalWarning")  # of the threshold
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(set(MODELS) - WITHOUT_CONFIG))
def test_what_is_written_comes_back_layer_by_layer(tmp_path, name, dtype):
    model, rows = model_of(name, dtype)
    model.export(tmp_path / "m.onnx")
    found = fm.from_onnx(tmp_path / "m.onnx")
    assert found.network.config() == model.network.config()
    assert found.dtype == dtype
    for a, b in zip(found.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    found.export(tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == (tmp_path / "m.onnx").read_bytes()
    fit_once(found, rows)


def fit_once(model, rows):
    targets = [np.zeros((len(X), n)) for n in model.network.outputs.columns]
    t = targets if len(targets) > 1 else targets[0]
    model.fit(rows, t, loss="squared_error", epochs=1, verbose=False)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(PLAIN))
def test_the_graph_alone_is_read_too(tmp_path, name, dtype):
    model, rows = model_of(name, dtype)
    model.export(tmp_path / "m.onnx")
    rewritten(tmp_path / "m.onnx", without_metadata)
    found = fm.from_onnx(tmp_path / "m.onnx")
    assert_same(found, model, rows)
    assert [x.name for x in found.network.inputs] == [n.name for n in model.network.input_nodes]
    # Those with settings come as what they are made of.
    if name.startswith("activation") and name != "activation identity" and "=" not in name:
        activation = name.partition(" ")[2]
        used = [getattr(layer, "activation", None) for layer in found.layers]
        assert activation in [str(getattr(one, "name", one)) for one in used]
    found.save(tmp_path / "m.safetensors")
    assert_same(fm.load(tmp_path / "m.safetensors"), model, rows)


@pytest.mark.parametrize("name", sorted(set(MODELS) - PLAIN))
def test_of_other_layers_the_graph_is_read_or_what_no_layer_computes_is_named(tmp_path, name):
    model, rows = model_of(name, "float32")
    model.export(tmp_path / "m.onnx")
    rewritten(tmp_path / "m.onnx", without_metadata)
    try:
        found = fm.from_onnx(tmp_path / "m.onnx")
    except ValueError as error:
        why = str(error)
    else:
        why = "the operator Gemm 'y': "
        assert_same(found, model, rows)
    assert re.search(r"the operator \w+ '[\w.]+': |must hold finite numbers", why)


@pytest.mark.parametrize(
    ("name", "operator"),
    [("Dense in groups", "Reshape"), ("Lambda", "Slice"), ("Embedding", "Gather")],
)
def test_what_no_layer_computes_is_named(tmp_path, name, operator):
    model_of(name, "float32")[0].export(tmp_path / "m.onnx")
    rewritten(tmp_path / "m.onnx", without_metadata)
    with pytest.raises(ValueError, match=f"m.onnx': the operator {operator} '"):
        fm.from_onnx(tmp_path / "m.onnx")


def test_the_graph_counts_where_it_is_not_that_of_the_layers_it_names(tmp_path):
    model = fm.MLP([2, 3, 1], "tanh", seed=0)
    model.export(tmp_path / "m.onnx")

    def swap(read):
        (node,) = (node for node in read.graph.node if node.op_type == "Tanh")
        node.op_type = "Sigmoid"

    rewritten(tmp_path / "m.onnx", swap)
    found = fm.from_onnx(tmp_path / "m.onnx")
    other = fm.MLP([2, 3, 1], "logistic", seed=0)
    other.set_weights(model.get_weights())
    assert_same(found, other, X[:, :2])

    def change(read):
        weights = read.graph.initializer[0]
        weights.CopyFrom(numpy_helper.from_array(np.zeros((3, 2), "f4"), weights.name))

    rewritten(tmp_path / "m.onnx", change)  # weights that another program trained
    assert not fm.from_onnx(tmp_path / "m.onnx").layers[0].weights.any()


# ----------------------------------------------------------------- as PyTorch and skl2onnx write it


def file_of(path, nodes, arrays, columns=4, kind=TensorProto.FLOAT, outputs=("y",)):
    """Write a file of an input x of rows."""
    tensors_of = [numpy_helper.from_array(np.asarray(a), n) for n, a in arrays.items()]
    graph = helper.make_graph(
        nodes,
        "main_graph",
        [helper.make_tensor_value_info("x", kind, ["batch", columns])],
        [helper.make_tensor_value_info(name, kind, None) for name in outputs],
        tensors_of,
    )
    domains = {"", *(node.domain for node in nodes)}
    opsets = [helper.make_opsetid(d, 17 if d == "" else 3) for d in sorted(domains)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def node(operator, *given, domain="", **attributes):
    *inputs, output = given
    return helper.make_node(operator, inputs, [output], domain=domain, **attributes)


W = rng.normal(size=(4, 4)).astype("f4")
B = rng.normal(size=4).astype("f4")
V = np.abs(rng.normal(size=4)).astype("f4") + 0.5
GEMM = node("Gemm", "x", "W", "b", "z", transB=1, alpha=1.0, beta=1.0)
X4 = rng.normal(size=(9, 4)).astype("f4")
Z = X4 @ W.T + B


def erf(z):
    from scipy.special import erf

    return erf(z)


def batch_norm(z):
    return (z - V) / np.sqrt(V + 1e-3) * V + B


# What is written after a Linear layer, its result, and the layers that come of it.
AFTER = {
    "Relu": ([node("Relu", "z", "y")], np.maximum(Z, 0), ["Dense"]),
    "GELU before version 20": (
        [
            node("Div", "z", "root", "a"),
            node("Erf", "a", "e"),
            node("Add", "e", "one", "f"),
            node("Mul", "z", "f", "g"),
            node("Mul", "g", "half", "y"),
        ],
        Z * 0.5 * (1 + erf(Z / np.sqrt(2))),
        ["Dense", "Activation"],
    ),
    "Gelu": (
        [node("Gelu", "z", "y", approximate="tanh")],
        0.5 * Z * (1 + np.tanh(np.sqrt(2 / np.pi) * (Z + 0.044715 * Z**3))),
        ["Dense"],
    ),
    "SiLU": (
        [node("Sigmoid", "z", "s"), node("Mul", "z", "s", "y")],
        Z / (1 + np.exp(-Z)),
        ["Dense", "Activation"],
    ),
    "Mish": (
        [node("Softplus", "z", "s"), node("Tanh", "s", "t"), node("Mul", "z", "t", "y")],
        Z * np.tanh(np.log1p(np.exp(Z))),
        ["Dense", "Activation"],
    ),
    "ReLU6": (
        [node("Clip", "z", "zero", "six", "y")],
        np.clip(Z, 0, 6),
        ["Dense"],
    ),
    "Clip without an end": ([node("Clip", "z", "zero", "y")], np.maximum(Z, 0), ["Dense"]),
    "Hardtanh": ([node("Clip", "z", "minus", "one", "y")], np.clip(Z, -1, 1), ["Dense"]),
    "Hardsigmoid": (
        [node("HardSigmoid", "z", "y", alpha=1 / 6)],
        np.clip(Z / 6 + 0.5, 0, 1),
        ["Dense"],
    ),
    "HardSigmoid": (
        [node("HardSigmoid", "z", "y")],
        np.clip(0.2 * Z + 0.5, 0, 1),
        ["Dense"],
    ),
    "Hardswish": (
        [node("HardSwish", "z", "y")],
        Z * np.clip(Z / 6 + 0.5, 0, 1),
        ["Dense"],
    ),
    "Elu": (
        [node("Elu", "z", "y", alpha=0.5)],
        np.where(Z > 0, Z, 0.5 * np.expm1(np.minimum(Z, 0))),
        ["Dense"],
    ),
    "min": ([node("Min", "z", "half", "y")], np.minimum(Z, 0.5), ["Dense", "Rescaling"]),
    "max": ([node("Max", "half", "z", "y")], np.maximum(Z, 0.5), ["Dense", "Rescaling"]),
    "Clip to what is below": (
        [node("Clip", "z", "", "half", "y")],
        np.minimum(Z, 0.5),
        ["Dense", "Rescaling"],
    ),
    "LogSigmoid": (
        [node("Sigmoid", "z", "s"), node("Log", "s", "y")],
        -np.log1p(np.exp(-Z)),
        ["Dense", "Rescaling"],
    ),
    "Selu of its own numbers": (
        [node("Selu", "z", "y", alpha=1.5, gamma=0.75)],
        0.75 * np.where(Z > 0, Z, 1.5 * np.expm1(Z)),
        ["Dense", "Rescaling"],
    ),
    "Gelu and a factor of each column": (
        [
            *(node("Div", "z", "root", "a"), node("Erf", "a", "e"), node("Add", "e", "one", "p")),
            *(node("Mul", "z", "p", "q"), node("Mul", "q", "half", "g")),
            *(node("Mul", "g", "v", "n"), node("Add", "n", "b", "y")),
        ],
        Z * (1 + erf(Z / np.sqrt(2))) / 2 * V + B,
        ["Dense", "Activation", "Dense"],
    ),
    "Celu": (
        [node("Celu", "z", "y", alpha=0.5)],
        np.where(Z > 0, Z, 0.5 * np.expm1(np.minimum(Z / 0.5, 0))),
        ["Dense", "Rescaling"],
    ),
    "LeakyRelu": (
        [node("LeakyRelu", "z", "y", alpha=0.25)],
        np.where(Z > 0, Z, 0.25 * Z),
        ["Dense"],
    ),
    "PRelu": ([node("PRelu", "z", "b", "y")], np.where(Z > 0, Z, B * Z), ["Dense", "PReLU"]),
    "BatchNorm": (
        [node("BatchNormalization", "z", "v", "b", "v", "v", "y", epsilon=1e-3)],
        batch_norm(Z),
        ["Dense", "BatchNorm"],
    ),
    "LayerNorm": (
        [node("LayerNormalization", "z", "v", "b", "y", epsilon=1e-3)],
        (Z - Z.mean(1, keepdims=True)) / np.sqrt(Z.var(1, keepdims=True) + 1e-3) * V + B,
        ["Dense", "LayerNorm"],
    ),
    "Dropout and Flatten": (
        [
            *(node("Dropout", "z", "half", "false", "d"), node("Flatten", "d", "f")),
            node("Reshape", "f", "to", "y"),
        ],
        Z,
        ["Dense"],
    ),
    "a residue": (
        [node("Tanh", "z", "t"), node("Add", "t", "x", "y")],
        np.tanh(Z) + X4,
        ["Dense", "Add"],
    ),
    "a product": ([node("Mul", "z", "x", "y")], Z * X4, ["Dense", "Multiply"]),
    "the larger": ([node("Max", "z", "x", "y")], np.maximum(Z, X4), ["Dense", "Maximum"]),
    "the smallest": (
        [node("Tanh", "x", "t"), node("Min", "z", "x", "t", "y")],
        np.minimum(np.minimum(Z, X4), np.tanh(X4)),
        ["Dense", "Activation", "Minimum"],
    ),
    "a difference": ([node("Sub", "x", "z", "y")], X4 - Z, ["Dense", "Add"]),
    "both side by side": (
        [node("Neg", "x", "m"), node("Concat", "z", "m", "x", "y", axis=-1)],
        np.concatenate([Z, -X4, X4], 1),
        ["Dense", "Rescaling", "Concatenate"],
    ),
    "MatMul of a transposed constant": (
        [
            node("Transpose", "W", "Wt", perm=(1, 0)),
            node("MatMul", "z", "Wt", "m"),
            node("Add", "b", "m", "a"),
            node("Softmax", "a", "y"),
        ],
        np.exp(Z @ W.T + B) / np.exp(Z @ W.T + B).sum(1, keepdims=True),
        ["Dense", "Dense"],
    ),
    "normalization as arithmetic": (
        [
            node("Add", "v", "half", "e"),
            node("Sqrt", "e", "r"),
            node("Sub", "z", "b", "s"),
            node("Div", "s", "r", "y"),
        ],
        (Z - B) / np.sqrt(V + 0.5),
        ["Dense"],
    ),
    "Sum": ([node("Sum", "z", "x", "x", "y")], Z + 2 * X4, ["Dense", "Add"]),
    "RMSNorm as arithmetic": (
        [
            node("Pow", "z", "two", "p"),
            node("ReduceMean", "p", "last", "m", keepdims=1),
            node("Add", "m", "half", "e"),
            node("Sqrt", "e", "r"),
            node("Reciprocal", "r", "i"),
            node("Mul", "z", "i", "n"),
            node("Mul", "n", "v", "y"),
        ],
        Z / np.sqrt((Z**2).mean(1, keepdims=True) + 0.5) * V,
        ["Dense", "RMSNorm", "Scale"],
    ),
    "LayerNorm as arithmetic": (
        [
            node("ReduceMean", "z", "last", "m"),
            node("Sub", "z", "m", "c"),
            node("Mul", "c", "c", "p"),
            node("ReduceSum", "p", "last", "s"),
            node("Div", "s", "four", "q"),
            node("Add", "q", "half", "e"),
            node("Sqrt", "e", "r"),
            node("Div", "c", "r", "y"),
        ],
        (Z - Z.mean(1, keepdims=True)) / np.sqrt(Z.var(1, keepdims=True) + 0.5),
        ["Dense", "LayerNorm"],
    ),
    "a cube": (
        [node("Tanh", "z", "t"), node("Pow", "t", "three", "y")],
        np.tanh(Z) ** 3,
        ["Dense", "Multiply", "Multiply"],
    ),
    "Softplus that ends": (
        [
            node("Softplus", "z", "s"),
            node("Greater", "z", "twenty", "g"),
            node("Where", "g", "z", "s", "y"),
        ],
        np.log1p(np.exp(Z)),
        ["Dense", "Activation"],
    ),
    "LogSoftmax": (
        [node("LogSoftmax", "z", "s", axis=-1), node("Mul", "s", "half", "y")],
        (Z - np.log(np.exp(Z).sum(1, keepdims=True))) * 0.5,
        ["Dense", "Rescaling"],
    ),
}
NUMBERS = {
    "W": W,
    "b": B,
    "v": V,
    "root": np.float32(np.sqrt(2)),
    "one": np.float32(1),
    "half": np.float32(0.5),
    "zero": np.float32(0),
    "six": np.float32(6),
    "twenty": np.float32(20),
    "two": np.float32(2),
    "three": np.float32(3),
    "four": np.float32(4),
    "last": np.array([1]),
    "minus": np.float32(-1),
    "to": np.array([-1, 4]),
    "false": np.array(False),
}


@pytest.mark.parametrize("name", AFTER)
def test_what_pytorch_writes_is_read(tmp_path, name):
    pytest.importorskip("scipy")
    nodes, expected, layers = AFTER[name]
    found = fm.from_onnx(file_of(tmp_path / "m.onnx", [GEMM, *nodes], NUMBERS))
    assert kinds(found) == layers or name == "Sum"
    np.testing.assert_allclose(
        found.predict(X4), expected, rtol=0, atol=2e-6 * np.abs(expected).max()
    )
    found.save(tmp_path / "m.safetensors")


def test_bare_operators_are_the_activations_of_the_layer_before_them(tmp_path):
    found = fm.from_onnx(file_of(tmp_path / "m.onnx", [GEMM, node("Tanh", "z", "y")], NUMBERS))
    assert repr(found) == "<Model 4 → 4 tanh; 20 parameters, float32>"
    assert found.layers[0].activation.name == "tanh"


def test_what_no_output_depends_on_is_left_out(tmp_path):
    aside = [node("PRelu", "z", "b", "p"), node("Gemm", "p", "W", "b", "q", transB=1)]
    nodes = [GEMM, *aside, node("Relu", "q", "r"), node("Tanh", "z", "y")]
    found = fm.from_onnx(file_of(tmp_path / "m.onnx", nodes, NUMBERS))
    np.testing.assert_allclose(found.predict(X4), np.tanh(Z), rtol=0, atol=2e-6)
    assert "PReLU" not in kinds(found)


def test_several_outputs_and_float64_are_read(tmp_path):
    numbers = {name: np.asarray(a, "f8") for name, a in NUMBERS.items()}
    nodes = [GEMM, node("Tanh", "z", "t")]
    path = file_of(tmp_path / "m.onnx", nodes, numbers, 4, TensorProto.DOUBLE, ("z", "t"))
    found = fm.from_onnx(path)
    assert found.dtype == np.float64
    y = found.predict(X4)
    np.testing.assert_allclose(y["z"], X4 @ W.T.astype("f8") + B, rtol=1e-12)
    np.testing.assert_allclose(y["t"], np.tanh(y["z"]), rtol=1e-12)


def estimators():
    t = (X[:, 0] > 0) + (X[:, 1] > 0) * 1
    several = (X[:, :3] > 0).astype(int)
    for kind in (fm.MLPClassifier, MLPClassifier):
        for labels in (t > 0, np.array(["a", "b", "c"])[t], several):
            yield kind((6, 4), activation="tanh", max_iter=5, random_state=0), labels
    for kind in (fm.MLPRegressor, MLPRegressor):
        yield kind(hidden_layer_sizes=6, max_iter=5, random_state=0), X[:, 0]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", range(8))
def test_what_skl2onnx_writes_is_read(tmp_path, case):
    skl2onnx = pytest.importorskip("skl2onnx")
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    estimator, target = list(estimators())[case]
    for fitted in (estimator, make_pipeline(StandardScaler(), estimator)):
        fitted.fit(X.astype("f8"), target)
        ask = getattr(fitted, "predict_proba", fitted.predict)
        expected = np.asarray(ask(X)).reshape(len(X), -1)
        for kind in (FloatTensorType, DoubleTensorType):
            made = skl2onnx.convert_sklearn(fitted, initial_types=[("X", kind([None, 5]))])
            (tmp_path / "s.onnx").write_bytes(made.SerializeToString())
            found = fm.from_onnx(tmp_path / "s.onnx").predict(X)
            np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_of_an_estimator_the_numbers_come_back(tmp_path):
    for estimator, target in estimators():
        if not hasattr(estimator, "export"):
            continue
        estimator.fit(X, target).export(tmp_path / "e.onnx")
        ask = getattr(estimator, "predict_proba", estimator.predict)
        found = fm.from_onnx(tmp_path / "e.onnx").predict(X)
        np.testing.assert_allclose(found, np.asarray(ask(X)).reshape(len(X), -1), atol=2e-6)


# ------------------------------------------------------------------------------- what is refused


def refused(tmp_path, nodes, why, arrays=NUMBERS, columns=4, outputs=("y",)):
    path = file_of(tmp_path / "m.onnx", nodes, arrays, columns, outputs=outputs)
    with pytest.raises(ValueError, match=why) as error:
        fm.from_onnx(path)
    assert str(error.value).startswith(f"cannot read {str(path)!r}: ")
    assert str(error.value).isprintable()


OPERATORS = {
    "an operator without a layer": ([node("Hardmax", "z", "y")], "Hardmax.*has no layer"),
    "one of another maker": ([node("Relu", "z", "y", domain="com.x")], "Relu.*has no layer"),
    "a step of no activation": ([node("Erf", "z", "y")], "Erf here is part of no activation"),
    "an operator in training": (
        [node("BatchNormalization", "z", "v", "b", "v", "v", "y", training_mode=1)],
        "it is in training",
    ),
    "dropout in training": ([node("Dropout", "z", "half", "true", "y")], "it draws"),
    "dropout in training by a node": (
        [
            node("Constant", "t", value=numpy_helper.from_array(np.array(True))),
            node("Dropout", "z", "half", "t", "y"),
        ],
        "it draws",
    ),
    "another axis": ([node("Softmax", "z", "y", axis=0)], "its axis is not that of the columns"),
    "an attribute": ([node("Softmax", "z", "y", step=0)], "the attribute 'step' is not taken"),
    "other columns": ([node("MatMul", "z", "wide", "y")], "for 3 columns, its input has 4"),
    "an operator that would paint": (
        [node("Soft\nmax\x1b[31m", "z", "y")],
        r"the operator Soft max\\x1b\[31m: ",
    ),
    "another shape": ([node("Reshape", "z", "cube", "y")], r"rows of 4 columns as \[2, 2\]"),
    "an unknown value": ([node("Relu", "q", "y")], "there is no value 'q' before it"),
    "a value twice": ([node("Relu", "x", "z")], "its value has no name, or that of another"),
    "too few values": ([node("Add", "z", "y")], "it reads 1 values, 2 to 2 are taken"),
    "a constant as a value": ([node("Gemm", "W", "W", "b", "y")], "reads constants where values"),
    "labels as a value": (
        [node("ArgMax", "z", "l"), node("Gemm", "l", "W", "b", "y")],
        "reads labels where values",
    ),
    "rows of a table": ([node("Gather", "W", "z", "y")], "rows of a table: an Embedding is read"),
    "a column": ([node("Gather", "z", "last", "y", axis=1)], "it takes single columns or rows"),
    "division by 0": ([node("Div", "z", "zero", "y")], "it divides by 0"),
    "a large constant": (
        [node("Add", "column", "row", "c"), node("Mul", "z", "c", "y")],
        r"makes a constant of the shape \(1000, 1000\)",
    ),
    "no output": ([node("ArgMax", "z", "y")], "no output but labels"),
    "a constant as output": ([node("Identity", "W", "y")], "the output 'y' is a constant"),
}
MORE = NUMBERS | {
    "wide": np.ones((3, 2), "f4"),
    "half": np.float32(0.5),
    "last": np.array([1]),
    "true": np.array(True),
    "cube": np.array([2, 2]),
    "column": np.ones((1000, 1), "f4"),
    "row": np.ones((1, 1000), "f4"),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_what_is_not_taken_is_named(tmp_path, name):
    nodes, why = OPERATORS[name]
    refused(tmp_path, [GEMM, *nodes], why, MORE)


def test_numbers_are_checked_before_anything_is_made(tmp_path):
    refused(tmp_path, [GEMM], "'W' must hold finite", NUMBERS | {"W": W * np.float32(np.inf)})
    refused(tmp_path, [GEMM], r"no output|nothing makes", outputs=("q",))
    path = file_of(tmp_path / "m.onnx", [GEMM], NUMBERS, outputs=("z",))
    assert fm.from_onnx(path).predict(X4).shape == (9, 4)

    def broken(change, why):
        file_of(path, [GEMM], NUMBERS, outputs=("z",))
        rewritten(path, change)
        with pytest.raises(ValueError, match=why):
            fm.from_onnx(path)

    def claim(size):
        return lambda model: model.graph.initializer[0].dims.__setitem__(0, size)

    broken(claim(1 << 40), "'W' has the shape .* and 16 numbers")
    broken(claim(-1), "'W' has the shape")

    def external(model):
        tensor = model.graph.initializer[0]
        tensor.data_location = TensorProto.EXTERNAL
        tensor.external_data.add(key="location", value="/etc/passwd")

    model = onnx.load(path)
    external(model)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"'W' lie in another file, .* external_data=False"):
        fm.from_onnx(path)

    def columns(size):
        def change(model):
            model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = size

        return change

    broken(columns(1 << 40), "the input 'x' must be rows of so many columns")
    broken(columns(0), "the input 'x' must be rows of so many columns")
    for text in (b"", b"PK\3\4", b"\x08\x08" * 20, b"\xff" * 99):
        path.write_bytes(text)
        with pytest.raises(ValueError, match="it is no ONNX file"):
            fm.from_onnx(path)
    with pytest.raises(FileNotFoundError):
        fm.from_onnx(tmp_path / "nowhere.onnx")
    with pytest.raises(IsADirectoryError):
        fm.from_onnx(tmp_path)


def test_small_files_make_no_large_models(tmp_path):
    doubled = [node("Concat", f"d{i}", f"d{i}", f"d{i + 1}", axis=1) for i in range(40)]
    nodes = [node("Identity", "x", "d0"), *doubled, node("Identity", "d40", "y")]
    refused(tmp_path, nodes, r"it makes [\d,]+ columns, 1,048,576 are taken")
    chain = [node("LayerNormalization", f"m{i}", "half", f"m{i + 1}") for i in range(9)]
    chain += [node("Tanh", f"m{i}", f"t{i}") for i in range(9)]
    sums = [node("Sum", *(f"t{i}" for i in range(9)), "y")]
    nodes = [node("Identity", "x", "m0"), *chain, *sums]
    refused(tmp_path, nodes, "many more numbers than the file", columns=layering.MOST_COLUMNS)
    deep = [node("Mul", f"q{i}", f"q{i}", f"q{i + 1}") for i in range(200)]
    nodes = [node("Identity", "x", "q0"), *deep, node("Identity", "q200", "y")]
    refused(tmp_path, nodes, f"it comes after {values.MOST_PENDING} others")
    many = [node("Identity", "x", f"i{i}") for i in range(tensors.MOST_NODES + 1)]
    refused(tmp_path, many, "it has 100,001 operators")


def test_deep_networks_are_read(tmp_path):
    model = fm.MLP([4, *[4] * 400, 1], activation="selu", seed=0)
    model.export(tmp_path / "m.onnx")
    rewritten(tmp_path / "m.onnx", without_metadata)
    assert_same(fm.from_onnx(tmp_path / "m.onnx"), model, X[:, :4], 1e-5)


def test_mutated_files_are_models_or_errors_that_say_why(tmp_path):
    originals = []
    for name in ("several", "BatchNorm", "activation gelu", "LayerNorm"):
        model_of(name, "float32")[0].export(tmp_path / "m.onnx")
        originals.append((tmp_path / "m.onnx").read_bytes())
        rewritten(tmp_path / "m.onnx", without_metadata)
        originals.append((tmp_path / "m.onnx").read_bytes())
    changes = np.random.default_rng(0)
    came, said = {True: 0, False: 0}, set()
    for i in range(160):
        data = bytearray(originals[i % len(originals)])
        if i % 3 == 0:
            data = data[: changes.integers(len(data))]
        for place in changes.integers(len(data), size=changes.integers(1, 5)) if data else ():
            data[place] = changes.integers(256)
        (tmp_path / "m.onnx").write_bytes(data)
        try:
            model = fm.from_onnx(tmp_path / "m.onnx")
        except ValueError as error:
            said.add(str(error)[: len("cannot read")])
            came[False] += 1
        else:
            rows = [np.zeros((2, n)) for n in model.network.input_columns]
            model.predict(rows if len(rows) > 1 else rows[0])
            came[True] += 1
    assert min(came.values()) > 3
    assert said == {"cannot read"}
