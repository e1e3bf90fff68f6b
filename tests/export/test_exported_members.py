"""Members of a network as source: the mean of their outputs."""

from __future__ import annotations

import numpy as np
import pytest

import fastmlp as fm
from compiled import COMPILERS, Header, run
from exported_cases import compare
from exported_models import DTYPES, X, several


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_and_c_compute_the_mean_of_members(dtype, tmp_path):
    model = fm.MLP([5, 8, 3], activation="tanh", output="softmax", seed=0, dtype=dtype)
    members = fm.Members(model, 4)
    wanted = members.predict(X)
    assert np.abs(members[0].predict(X) - wanted).max() > 0.01
    assert members.export(tmp_path / "net.py") is None
    names = {}
    exec((tmp_path / "net.py").read_text(encoding="utf-8"), names)
    compare(names["predict"](X), wanted, dtype, "numpy")
    members.export(tmp_path / "net.h")
    if COMPILERS:
        text = (tmp_path / "net.h").read_text(encoding="utf-8")
        (found,) = run([Header(text, "net", [X], [3])], tmp_path, COMPILERS[0], "-std=c99", "-O1")
        compare(found, wanted, dtype, "C")


def test_members_of_several_inputs_and_outputs_have_their_names(tmp_path):
    members = fm.Members(several("float32"), 2)
    members.export(tmp_path / "net.py")
    names = {}
    exec((tmp_path / "net.py").read_text(encoding="utf-8"), names)
    found, wanted = names["predict"](X, X[:, :2]), members.predict([X, X[:, :2]])
    assert list(found) == ["kind", "size", "float_2"]
    for y, value in zip(found.values(), wanted.values(), strict=True):
        compare(y, value, "float32", "several")


def test_int8_weights_of_members_say_their_error(tmp_path):
    members = fm.Members(fm.MLP([5, 8, 3], output="softmax", seed=0), 3)
    error = members.export(tmp_path / "net.h", quantize="int8", data=X)
    assert 0 < error.largest < 0.05


def test_other_formats_are_refused(tmp_path):
    members = fm.Members(fm.MLP([5, 8, 3], seed=0), 3)
    with pytest.raises(
        ValueError, match=r"the mean of members is written as one of '\.onnx', '\.h'"
    ):
        members.export(tmp_path / "net.pt")
    with pytest.raises(ValueError, match="does not know its number of input columns"):
        fm.Members([fm.Sequential([fm.Dense(1)]) for _ in range(2)]).export(tmp_path / "net.h")
