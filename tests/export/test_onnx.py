"""Models as ONNX files: what ONNX Runtime computes is what `predict` returns."""

import numpy as np
import pytest

import fastmlp as fm
from exported_models import DTYPES, MODELS, X, model_of, predicted
from fastmlp import graph as g
from fastmlp.graph import BATCH
from fastmlp.graph.ops import OPS
from op_cases import CASES

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

from fastmlp.export.onnx import writing  # noqa: E402
from fastmlp.export.onnx.builder import Builder  # noqa: E402
from fastmlp.export.onnx.operations import COMPOSED, OPERATORS, RANDOM  # noqa: E402

RELATIVE = {"float32": 2e-5, "float64": 1e-12}


def run(model, *arrays):
    """Return the outputs of ONNX Runtime, by their names."""
    session = runtime.InferenceSession(
        model if isinstance(model, bytes) else str(model), providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    outputs = [value.name for value in session.get_outputs()]
    found = session.run(None, dict(zip(names, arrays, strict=True)))
    return dict(zip(outputs, found, strict=True))


def assert_close(found, expected, relative):
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=relative * np.abs(expected).max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MODELS)
def test_every_layer_and_activation_gives_what_predict_returns(tmp_path, name, dtype):
    model, rows = model_of(name, dtype)
    model.export(tmp_path / "m.onnx")
    arrays = [np.asarray(x, dtype) for x in (rows if isinstance(rows, list) else [rows])]
    for some in (slice(None), slice(1), slice(3, 8)):  # any number of rows
        found = run(tmp_path / "m.onnx", *(x[some] for x in arrays))
        part = [x[some] for x in rows] if isinstance(rows, list) else rows[some]
        # ONNX Runtime has erf for float32 alone.
        relative = 1e-6 if name == "activation gelu" else RELATIVE[dtype]
        joined = np.concatenate(list(found.values()), 1)
        assert_close(joined, predicted(model, part), max(relative, RELATIVE[dtype]))


def test_every_layer_is_among_the_models():
    tested = {name.partition(" ")[0] for name in MODELS}
    public = {n for n in fm.layers.__all__ if isinstance(getattr(fm.layers, n), type)}
    layers = {n for n in public if issubclass(getattr(fm.layers, n), fm.layers.Layer)}
    assert layers - {"Layer"} <= tested


def test_every_operation_has_a_pattern_or_is_refused():
    assert set(OPERATORS) | set(COMPOSED) | RANDOM == set(OPS)
    assert len(OPERATORS) + len(COMPOSED) + len(RANDOM) == len(OPS)


CASES_OF_PATTERNS = [
    pytest.param(op, case, id=f"{op}-{i}")
    for op, cases in CASES.items()
    if op not in RANDOM
    for i, case in enumerate(cases)
]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("op", "case"), CASES_OF_PATTERNS)
def test_every_operation_gives_what_the_reference_has(op, case, dtype):
    node, arguments, feeds = case.build(op, batch=True)
    if "shape" in case.attrs:
        arguments = [*arguments, next(x for x in feeds if x.name == "rows")]
    sizes = [len(feeds[x]) for x in arguments]
    batch = [x for x in arguments if x.shape[0] == BATCH] or arguments
    b = Builder(np.dtype(dtype), [str(x.name) for x in [*batch, *arguments]])
    known = {x: str(x.name) for x in arguments}
    (value,) = writing.graph_values(b, [node], known, {})
    value = b.rename(value, b.unique("result"))
    inputs = [b.value_info(str(x.name), x.shape[1], rows=x.shape[0]) for x in arguments]
    rows = node.shape[0] if isinstance(node.shape[0], int) else f"of {node.shape[0]}"
    model = writing.as_model(b, inputs, [b.value_info(value, node.shape[1], rows=rows)])
    arrays = [feeds[x].astype(dtype) for x in arguments]
    assert sizes == [len(array) for array in arrays]
    (found,) = run(model.SerializeToString(), *arrays).values()
    expected = g.reference.evaluate(
        node, dict(zip(arguments, map(np.float64, arrays), strict=True))
    )
    relative = 1e-6 if op.startswith("gelu") and "tanh" not in op else RELATIVE[dtype]
    assert_close(found, expected.astype(dtype), max(relative, RELATIVE[dtype]))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [n for n in MODELS if n.startswith("activation")])
def test_every_activation_is_right_far_from_zero(tmp_path, name, dtype):
    function = name.partition(" ")[2]
    model = fm.Sequential([fm.layers.Activation(function)], input_columns=7, dtype=dtype)
    model.export(tmp_path / "m.onnx")
    z = np.array([[-1000, -90, -30, 0, 30, 80, np.nan]], dtype)
    (found,) = run(tmp_path / "m.onnx", z).values()
    if "softmax" not in function:  # of which NaN is known
        expected = model.predict(z)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-6)


def test_values_have_the_names_of_inputs_outputs_and_layers(tmp_path):
    model, rows = model_of("several", "float32")
    model.export(tmp_path / "m.onnx")
    read = onnx.load(tmp_path / "m.onnx")
    assert [value.name for value in read.graph.input] == ["left side", "right"]
    assert list(run(tmp_path / "m.onnx", *rows)) == ["kind", "size", "float"]
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in read.graph.initializer}
    for name, value in zip(model.network.parameter_names, model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights[name].reshape(value.shape), value)
    single = fm.MLP([2, 3, 1], seed=0)
    single.export(tmp_path / "s.onnx")
    assert list(run(tmp_path / "s.onnx", X[:, :2])) == ["y"]
    assert {"dense_1", "y"} <= {
        name for n in onnx.load(tmp_path / "s.onnx").graph.node for name in n.output
    }


def test_names_that_clash_are_told_apart(tmp_path):
    x = fm.Input(2, name="y")
    h = fm.Dense(2, "relu", name="Gemm")(x)
    both = fm.Model(x, {"y": fm.Dense(1, name="gemm")(h), "constant": fm.Dense(2)(h)}, seed=0)
    both.export(tmp_path / "m.onnx")
    found = run(tmp_path / "m.onnx", X[:, :2])
    assert list(found) == ["y_2", "constant"]
    for key, expected in zip(("y_2", "constant"), both.predict(X[:, :2]).values(), strict=True):
        assert_close(found[key], expected, 2e-5)


def test_outputs_may_be_inputs_or_one_another(tmp_path):
    x = fm.Input(5)
    same, left_out = fm.layers.Activation("identity")(x), fm.Dropout(0.5)(x)
    model = fm.Model(x, [same, left_out])
    model.export(tmp_path / "m.onnx")
    for value in run(tmp_path / "m.onnx", X).values():
        np.testing.assert_array_equal(value, X)


@pytest.mark.parametrize("op", sorted(RANDOM))
def test_what_draws_is_refused_by_name(tmp_path, op):
    draws = {
        "dropout": lambda x: g.dropout(x, 0.5, key=1),
        "dropout_at": lambda x: g.dropout(x, g.constant(0.5), key=1),
        "gaussian_noise": lambda x: g.gaussian_noise(x, 0.5, key=1),
    }
    model = fm.Sequential([fm.layers.Lambda(draws[op]), fm.Dense(1)], input_columns=2)
    with pytest.raises(ValueError, match=f"'{op}' draws other numbers in each call"):
        model.export(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_what_follows_the_step_is_refused(tmp_path):
    layer = fm.layers.Lambda(lambda x: x * g.scheduled(lambda steps: 0.5**steps, "share"))
    with pytest.raises(ValueError, match="'share' follows the number of the step"):
        fm.Sequential([layer, fm.Dense(1)], input_columns=2).export(tmp_path / "m.onnx")


def test_what_is_written_is_the_same_each_time(tmp_path):
    for name in "ab":
        model_of("several", "float64")[0].export(tmp_path / f"{name}.onnx")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_what_is_fitted_copied_and_loaded_is_written_as_it_is(tmp_path):
    model = fm.MLP([5, 4, 1], seed=0)
    model.fit(X, X[:, :1], epochs=3, verbose=False)
    model.save(tmp_path / "m.safetensors")
    texts = set()
    for one in (model, model.copy(), fm.load(tmp_path / "m.safetensors")):
        one.export(tmp_path / "m.onnx")
        texts.add((tmp_path / "m.onnx").read_bytes())
    assert len(texts) == 1
    assert_close(run(tmp_path / "m.onnx", X)["y"], model.predict(X), 2e-5)
