"""Random networks in every format: what each computes is what `predict` does."""

from __future__ import annotations

import shutil

import pytest

import fastmlp as fm
from compiled import COMPILERS, Header, run
from exported_cases import compare
from fastmlp.export import c, javascript
from fastmlp.export import numpy as exporter
from fastmlp.layers import LAYERS
from random_networks import SMOOTH, RandomNetwork

SEEDS = range(8)


def check(net, outputs, wanted):
    """Compare outputs, by name or one alone, with what the model predicts."""
    found = net.side_by_side(outputs if isinstance(outputs, dict) else {"y": outputs})
    compare(found, wanted, net.dtype, f"{net.model!r}")


def test_the_networks_have_every_layer_and_activation_among_them():
    layers, activations, again = set(), set(), 0
    for seed in range(100):
        net = RandomNetwork(seed)
        layers |= {type(layer).__name__ for layer in net.model.layers}
        phis = [getattr(layer, "activation", None) for layer in net.model.layers]
        activations |= {phi.name for phi in phis if phi is not None}
        calls = net.model.network._structure.calls
        again += len(calls) - len({call.layer for call in calls})
    assert layers == set(LAYERS)
    assert activations >= set(SMOOTH)
    assert again > 20  # calls of a layer that has been called before


@pytest.mark.parametrize("seed", SEEDS)
def test_onnxruntime_computes_the_same(seed, tmp_path):
    pytest.importorskip("onnx")
    runtime = pytest.importorskip("onnxruntime")
    net = RandomNetwork(seed)
    net.model.export(tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    feeds = {x.name: rows for x, rows in zip(session.get_inputs(), net.rows, strict=True)}
    names = [y.name for y in session.get_outputs()]
    check(net, dict(zip(names, session.run(None, feeds), strict=True)), net.predicted())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_module_of_numpy_computes_the_same(seed):
    net = RandomNetwork(seed)
    names = {}
    exec(compile(exporter.source(net.model), "net.py", "exec"), names)
    check(net, names["predict"](*net.rows), net.predicted())


@pytest.mark.skipif(not COMPILERS, reason="there is no gcc or clang")
def test_headers_compute_the_same(tmp_path):
    nets = [RandomNetwork(seed) for seed in SEEDS]
    headers = []
    for i, net in enumerate(nets):
        text, _ = c.source(net.model, f"r{i}")
        headers.append(Header(text, f"r{i}", net.rows, list(net.model.network.outputs.columns)))
    found = run(headers, tmp_path, COMPILERS[0], "-std=c99", "-O1")
    for net, y in zip(nets, found, strict=True):
        compare(y, net.predicted(), net.dtype, f"{net.model!r}")


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
def test_modules_of_javascript_compute_the_same(tmp_path):
    from test_javascript import run as run_modules

    nets = {seed: RandomNetwork(seed) for seed in SEEDS}
    modules = {}
    for seed, net in nets.items():
        names = net.names if len(net.rows) > 1 else ["x"]
        modules[seed] = javascript.source(net.model), dict(zip(names, net.rows, strict=True))
    for seed, found in run_modules(modules, tmp_path).items():
        check(nets[seed], found["y"], nets[seed].predicted())


@pytest.mark.parametrize("seed", SEEDS)
def test_pytorch_computes_the_same(seed):
    torch = pytest.importorskip("torch")
    net = RandomNetwork(seed)
    y = fm.to_torch(net.model).eval()(*map(torch.from_numpy, net.rows))
    named = y if isinstance(y, dict) else {"y": y}
    check(net, {name: one.detach().numpy() for name, one in named.items()}, net.predicted())


@pytest.mark.parametrize("seed", SEEDS)
def test_a_file_of_keras_comes_back_the_same(seed, tmp_path):
    pytest.importorskip("h5py")
    net = RandomNetwork(seed, for_keras=True)
    net.model.export(tmp_path / "m.keras")
    rows = net.rows if len(net.rows) > 1 else net.rows[0]
    check(net, fm.from_keras(tmp_path / "m.keras").predict(rows), net.predicted())
