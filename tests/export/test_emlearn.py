"""emlearn converts our estimators as it does scikit-learn's, whose attributes they have."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess

import numpy as np
import pytest

import fastmlp as fm

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*distutils:DeprecationWarning"),  # which emlearn still has
    pytest.mark.filterwarnings("ignore:lbfgs failed to converge"),
    pytest.mark.skipif(importlib.util.find_spec("emlearn") is None, reason="emlearn is missing"),
    pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc, which emlearn runs"),
]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 6))
SCORE = X @ RNG.normal(size=6)
FIT = {"solver": "lbfgs", "alpha": 0.1, "max_iter": 30, "random_state": 0}
LABELS = {"two": (SCORE > 0).astype(int), "three": np.digitize(SCORE, [-1, 1])}


@pytest.fixture
def convert(tmp_path, monkeypatch):
    """Return emlearn's function; what it compiles goes to a folder of the test's."""
    monkeypatch.chdir(tmp_path)
    with np.errstate():  # which it changes
        import emlearn

    return emlearn.convert


@pytest.mark.parametrize("classes", LABELS)
@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_a_classifier_is_converted(convert, activation, classes):
    model = fm.MLPClassifier((8, 5), activation=activation, **FIT)
    model.fit(X, LABELS[classes])
    converted = convert(model, method="loadable")
    probabilities = converted.predict_proba(X)
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)
    np.testing.assert_array_equal(converted.predict(X), model.predict(X))


def test_a_regressor_is_converted(convert):
    model = fm.MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", **FIT).fit(X, SCORE)
    converted = convert(model, method="loadable", return_type="regressor")
    np.testing.assert_allclose(np.ravel(converted.predict(X)), model.predict(X), atol=1e-4)


def test_the_code_that_is_saved_compiles(convert, tmp_path):
    import emlearn

    model = fm.MLPClassifier((8,), **FIT).fit(X, LABELS["three"])
    code = convert(model, method="inline").save(name="net", file=str(tmp_path / "net.h"))
    assert re.search(r"\bnet_predict\(", code)
    row = ", ".join(f"{x!r}f" for x in map(float, X[0]))
    main = f'#include "net.h"\nint main(void) {{ const float x[6] = {{{row}}};\n'
    main += "return net_predict(x, 6); }\n"
    (tmp_path / "main.c").write_text(main, encoding="utf-8")
    command = ["gcc", "main.c", "-I", emlearn.includedir, "-o", "main", "-lm"]
    subprocess.run(command, cwd=tmp_path, check=True)
    assert subprocess.run([tmp_path / "main"]).returncode == model.predict(X[:1])[0]
