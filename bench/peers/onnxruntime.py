"""ONNX Runtime: prediction only."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from bench.networks import Problem

TITLE = "ONNX Runtime"
PACKAGES = ("onnx", "onnxruntime")
ASIDE: tuple[str, ...] = ()
TRAINING: dict[str, Any] = {}


def session_of(problem: Problem) -> Any:
    """Return a session for the network as an exporter would write it: Gemm, activation, …"""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    network, nodes, constants, name = problem.network, [], [], "X"
    kind = TensorProto.FLOAT if problem.dtype == np.float32 else TensorProto.DOUBLE
    activation = "Relu" if network.activation == "relu" else "Tanh"
    layers = list(zip(problem.weights[::2], problem.weights[1::2], strict=True))
    for i, (w, b) in enumerate(layers):
        constants += [numpy_helper.from_array(w, f"W{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [name, f"W{i}", f"b{i}"], [f"z{i}"], transB=1))
        name = f"z{i}"
        if i + 1 < len(layers):
            nodes.append(helper.make_node(activation, [name], [f"h{i}"]))
            name = f"h{i}"
    if network.classes:
        nodes.append(helper.make_node("Softmax", [name], ["y"], axis=1))
        name = "y"
    ends = [
        helper.make_tensor_value_info(n, kind, ["rows", columns])
        for n, columns in (("X", network.widths[0]), (name, network.widths[-1]))
    ]
    graph = helper.make_graph(nodes, "mlp", ends[:1], ends[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    # Spinning between calls would take the cores from the contender that is measured next.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def predict(problem: Problem, X: Any, binding: bool) -> tuple[str, dict[str, Any]]:
    session = session_of(problem)
    names = {"session": session, "X": X}
    if not binding:
        return "session.run(None, {'X': X})[0]", names
    out = np.empty((len(X), problem.network.widths[-1]), problem.dtype)
    bound = session.io_binding()
    kind, pointer = problem.dtype.type, "cpu"
    bound.bind_input("X", pointer, 0, kind, X.shape, X.ctypes.data)
    name = session.get_outputs()[0].name
    bound.bind_output(name, pointer, 0, kind, out.shape, out.ctypes.data)
    run = session.run_with_iobinding
    return "run(bound) or out", {**names, "run": run, "bound": bound, "out": out}


PREDICTION = {"run": partial(predict, binding=False), "binding": partial(predict, binding=True)}
