"""`Model.export`: the ending of the name says the format."""

import io
import re
import subprocess
import sys

import pytest

import fastmlp as fm
from fastmlp import _lazy
from fastmlp.export.formats import FORMATS


def model():
    return fm.MLP([2, 3, 1], seed=0)


@pytest.mark.parametrize("name", ["m", "m.pt", "m.onnxx", "m.safetensors"])
def test_another_ending_is_refused_with_all_there_are(tmp_path, name):
    with pytest.raises(ValueError, match="its ending says the format, one of ") as error:
        model().export(tmp_path / name)
    assert all(f"'{ending}'" in str(error.value) for ending in FORMATS)
    assert list(tmp_path.iterdir()) == []


def test_advice_is_given_where_there_is_some(tmp_path):
    with pytest.raises(ValueError, match=r"did you mean '[.]onnx'"):
        model().export(tmp_path / "m.onx")
    with pytest.raises(ValueError, match="can be written by save"):
        model().export(tmp_path / "m.safetensors")


def test_the_formats_of_others_are_told_by_their_owners(tmp_path):
    for name, told in {
        "m.pt": "write torch.save(fastmlp.to_torch(model), path)",
        "m.h5": "Keras 3 reads '.keras'",
        "m.pkl": "write pickle.dump(model, file)",
        "m.joblib": "write joblib.dump(model, path)",
        "m.npz": "write np.savez(path, *model.get_weights())",
    }.items():
        with pytest.raises(ValueError, match=re.escape(told) + "$") as error:
            model().export(tmp_path / name)
        assert "did you mean" not in str(error.value)  # of the ending of C, or of NumPy


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_refuses_settings_it_has_not_and_models_not_built(tmp_path, suffix):
    pytest.importorskip({".onnx": "onnx", ".keras": "h5py"}.get(suffix, "numpy"))
    path = tmp_path / f"m{suffix}"
    with pytest.raises(TypeError, match=r"has no setting 'precision': it takes "):
        model().export(path, precision=3)
    with pytest.raises(ValueError, match="does not know its number of input columns"):
        fm.Sequential([fm.Dense(1)]).export(path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_replaces_a_file_whole_or_not_at_all(tmp_path, suffix):
    pytest.importorskip({".onnx": "onnx", ".keras": "h5py"}.get(suffix, "numpy"))
    path = tmp_path / f"m{suffix.upper()}"
    path.write_bytes(b"before")
    layers = [fm.layers.Lambda(lambda x: fm.graph.dropout(x, 0.5, key=1)), fm.Dense(1)]
    with pytest.raises(ValueError, match=r"'dropout' draws|'lambda_1'"):
        fm.Sequential(layers, input_columns=2).export(path)
    assert path.read_bytes() == b"before"
    model().export(path)
    assert path.read_bytes() != b"before"
    with pytest.raises(FileNotFoundError, match="nowhere"):
        model().export(tmp_path / "nowhere" / f"m{suffix}")


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_is_no_name_of_a_file_is_refused(tmp_path, suffix):
    pytest.importorskip({".onnx": "onnx", ".keras": "h5py"}.get(suffix, "numpy"))
    for given in (b"m" + suffix.encode(), io.BytesIO(), 3, None):
        with pytest.raises(
            TypeError, match=f"path must be a str or a path.*{type(given).__name__}"
        ):
            model().export(given)
    with pytest.raises(ValueError, match="path must not have a null character in it"):
        model().export(f"m\0{suffix}")
    with pytest.raises(ValueError, match="path must be a name, got ''"):
        model().export("")


@pytest.mark.parametrize("suffix", FORMATS)
def test_weights_that_are_no_numbers_are_written_in_no_format(tmp_path, suffix):
    pytest.importorskip({".onnx": "onnx", ".keras": "h5py"}.get(suffix, "numpy"))
    broken = model()
    broken.layers[0].biases[0] = float("nan")
    with pytest.raises(ValueError, match=r"dense_1.biases must hold finite .* got 1 NaN"):
        broken.export(tmp_path / f"m{suffix}")
    if suffix != ".keras":
        with pytest.raises(ValueError, match=r"dense_1.biases must hold finite .* got 1 NaN"):
            fm.Members([model(), broken]).export(tmp_path / f"m{suffix}")
    assert list(tmp_path.iterdir()) == []


def test_a_module_is_loaded_by_its_name():
    assert _lazy.load("fastmlp.export.formats").FORMATS is FORMATS


def test_without_the_package_onnx_one_is_told_what_to_install(tmp_path):
    code = """
import sys
sys.modules |= dict.fromkeys(("onnx", "skl2onnx"))  # as if they were not installed
import fastmlp as fm
clf = fm.MLPClassifier(2, solver="lbfgs").fit([[0.0], [1.0]], [0, 1])
for use in (fm.MLP([2, 1]).export, clf.export, fm.from_onnx):
    try:
        use("m.onnx")
    except ImportError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    words = "ONNX files need the package onnx: pip install 'fastmlp[onnx]'"
    assert done.stdout.splitlines() == [words] * 3
    assert list(tmp_path.iterdir()) == []
