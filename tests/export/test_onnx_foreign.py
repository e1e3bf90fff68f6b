"""ONNX files as other programs name and write things."""

import numpy as np
import pytest

import fastmlp as fm

onnx = pytest.importorskip("onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 4)).astype(np.float32)
W = RNG.normal(size=(4, 3)).astype(np.float32)
Z = X @ W


def read(path, nodes, numbers=(), inputs=("x",), outputs=("y",)):
    """Return the model of a file of inputs of 4 columns each."""
    arrays = {"W": W, **{name: np.float32(number) for name, number in dict(numbers).items()}}
    graph = helper.make_graph(
        [helper.make_node(kind, reads, [made]) for kind, reads, made in nodes],
        "main_graph",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 4]) for name in inputs],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return fm.from_onnx(path)


@pytest.mark.parametrize(
    ("bound", "otherwise"), [(0, 0), (0.5, 0.5), (0.5, 0), (-0.5, 0), (0.5, 20), (0, -1)]
)
@pytest.mark.parametrize("test", ["LessOrEqual", "Greater"])
def test_a_threshold_of_pytorch_is_read(tmp_path, test, bound, otherwise):
    sides = ["otherwise", "z"] if test == "LessOrEqual" else ["z", "otherwise"]
    nodes = [
        ("MatMul", ["x", "W"], "z"),
        (test, ["z", "bound"], "which"),
        ("Where", ["which", *sides], "y"),
    ]
    found = read(tmp_path / "m.onnx", nodes, {"bound": bound, "otherwise": otherwise})
    expected = np.where(bound < Z, Z, np.float32(otherwise))
    np.testing.assert_allclose(found.predict(X), expected, rtol=0, atol=5e-6)
    found.save(tmp_path / "m.safetensors")
    loaded = fm.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), found.predict(X))


def test_what_compares_other_things_is_no_threshold(tmp_path):
    nodes = [
        ("MatMul", ["x", "W"], "z"),
        ("Tanh", ["z"], "t"),
        ("LessOrEqual", ["t", "bound"], "which"),
        ("Where", ["which", "bound", "z"], "y"),
    ]
    with pytest.raises(ValueError, match="Where here is part of no activation"):
        read(tmp_path / "m.onnx", nodes, {"bound": 0})


def test_names_with_colons_are_taken_without(tmp_path):
    nodes = [("MatMul", ["onnx::MatMul_0", "W"], "y:0"), ("Tanh", ["y:0"], "y_0")]
    found = read(tmp_path / "m.onnx", nodes, (), ["onnx::MatMul_0"], ["y:0", "y_0"])
    y = found.predict(X)
    assert list(y) == ["y_0", "y_0_"]
    np.testing.assert_allclose(y["y_0"], Z, rtol=1e-5)
    np.testing.assert_allclose(y["y_0_"], np.tanh(Z), rtol=1e-5)
    nodes = [
        ("MatMul", ["a:b", "W"], "l"),
        ("MatMul", ["a_b", "W"], "r"),
        ("Add", ["l", "r"], "y"),
    ]
    found = read(tmp_path / "m.onnx", nodes, (), ["a:b", "a_b"])
    assert [node.name for node in found.network.input_nodes] == ["a_b", "a_b_"]
    np.testing.assert_allclose(found.predict([X, 2 * X]), 3 * Z, rtol=1e-5)
