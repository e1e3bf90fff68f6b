"""Numbers of types that packages add to NumPy's, its own texts, and what it makes no array of."""

import numpy as np
import pytest

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.data.reading import of_numpy

ADDED = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4"]
TEXTS = np.dtypes.StringDType()


@pytest.fixture(params=ADDED)
def added(request):
    """Three columns of numbers in such a type, and the same numbers in float32."""
    dtype = getattr(pytest.importorskip("ml_dtypes"), request.param)
    values = np.tile([[-2, 1, 3], [0, 2, 1], [3, -1, 0], [1, 0, -2]], (10, 1))
    return values.astype(dtype), values.astype(np.float32)


def test_models_read_added_types_as_float32(added):
    X, known = added
    t = np.arange(40) % 2

    def trained(X, t):
        model = fm.MLP([3, 4, 1], seed=0)
        return model, model.fit(X, t, epochs=2, verbose=False)["loss"]

    model, losses = trained(X, t)
    same, expected = trained(known, t)
    assert losses == expected
    np.testing.assert_array_equal(model.predict(X), same.predict(known))
    np.testing.assert_array_equal(model.jacobian(X), same.jacobian(known))
    assert model.evaluate(X, X[:, 0]) == same.evaluate(known, known[:, 0])


def test_graphs_read_added_types_as_float32(added):
    X, known = added
    x = g.input(3)
    total = g.sum(x * g.constant(X[:1]), axis=1)
    np.testing.assert_array_equal(g.run(total, {x: X}), (known @ known[0])[:, None])


class Foreign:
    """An array of another package, as JAX's are."""

    def __init__(self, values):
        self.values = values
        self.shape = values.shape

    def __len__(self):
        return len(self.values)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


@pytest.mark.parametrize("wrapped", [np.asarray, Foreign, list])
def test_estimators_read_added_types_as_numbers(added, wrapped):
    X, known = added

    def trained(X, y):
        return fm.MLPRegressor(
            hidden_layer_sizes=(4,), solver="lbfgs", max_iter=500, random_state=0
        ).fit(X, y)

    found, same = trained(X, wrapped(X[:, 0])), trained(known.astype(float), known[:, 0])
    np.testing.assert_allclose(found.predict(X), same.predict(known), rtol=1e-6)
    assert found.score(X, wrapped(X[:, 0])) == pytest.approx(same.score(known, known[:, 0]))


@pytest.mark.parametrize("wrapped", [np.asarray, Foreign])
def test_labels_of_added_types_are_those_of_float32(added, wrapped):
    X, known = added
    y = (X[:, 1] > 0).astype(X.dtype)
    for estimator in (fm.MLPClassifier((4,), solver="lbfgs"), fm.TabularClassifier(quality="fast")):
        estimator.set_params(random_state=0).fit(X, wrapped(y))
        assert estimator.classes_.dtype == np.float32
        assert estimator.classes_.tolist() == [0, 1]
        for given in (wrapped(y), y.astype(np.float32)):
            assert estimator.score(known, given) == 1


def test_other_numbers_are_returned_as_they_are():
    for values in (np.ones(2), np.ones(2, np.longdouble), np.ones(2, "S3"), np.ones(2, TEXTS)):
        assert of_numpy(values) is values


def test_texts_of_numpy_2_are_labels():
    X = np.tile([[0.0], [1.0]], (20, 1))
    y = np.tile(["no", "yes"], 20).astype(TEXTS)
    fitted = fm.MLPClassifier((4,), learning_rate_init=0.1, random_state=0).fit(X, y)
    assert fitted.classes_.tolist() == ["no", "yes"]
    assert fitted.predict(X[:2]).tolist() == ["no", "yes"]
    assert fitted.score(X, y) == 1
    begun = fm.MLPClassifier((4,)).partial_fit(X, y, classes=np.unique(y))
    assert begun.classes_.tolist() == ["no", "yes"]


def test_a_missing_text_of_numpy_2_is_no_label():
    y = np.array(["no", None, "yes"], np.dtypes.StringDType(na_object=None))
    with pytest.raises(ValueError, match=r"y has 1 missing labels, the first in row 1 \(None\)"):
        fm.MLPClassifier().fit(np.eye(3), y)


def test_texts_of_numpy_2_are_no_numbers():
    texts, model = np.array(["1", "2"], TEXTS), fm.MLP([1, 1])
    held = r"must hold numbers, got text \(dtype StringDType"
    with pytest.raises(TypeError, match=f"^X {held}"):
        model.predict(texts)
    with pytest.raises(TypeError, match=f"^t {held}"):
        model.fit([[1], [2]], texts, verbose=False)
    with pytest.raises(TypeError, match=f"^sample_weight {held}"):
        model.fit([[1], [2]], [1, 2], sample_weight=texts, verbose=False)
    with pytest.raises(TypeError, match=f"^y {held}"):
        fm.MLPRegressor().fit([[1], [2]], texts)


class NoArray:
    """A tensor that NumPy cannot read, as PyTorch's are."""

    def __init__(self, error):
        self.error = error

    def __array__(self, *args, **kwargs):
        raise self.error


@pytest.mark.parametrize("error", [TypeError("lies elsewhere"), RuntimeError("lies elsewhere")])
def test_what_numpy_cannot_read_is_named_everywhere(error):
    bad, X, y, x = NoArray(error), np.eye(2), [0, 1], g.input(2)
    said = r" \(type NoArray\) is no array: lies elsewhere"
    for name, call in {
        "X": lambda: fm.MLP([2, 1]).fit(bad, y, verbose=False),
        "t": lambda: fm.MLP([2, 1]).fit(X, bad, verbose=False),
        "feeds: an unnamed input": lambda: g.run(x, {x: bad}),
        "sample_weight": lambda: fm.MLPRegressor().fit(X, y, sample_weight=bad),
    }.items():
        with pytest.raises(TypeError, match=f"^{name}{said}"):
            call()
    for estimator in (fm.MLPClassifier(), fm.MLPRegressor()):
        with pytest.raises(TypeError, match=f"^X{said}"):
            estimator.fit(bad, y)
    with pytest.raises(TypeError, match=f"^y{said}"):
        fm.MLPRegressor().fit(X, bad)


def test_a_tensor_in_bfloat16_is_told_how_it_becomes_float32():
    error = TypeError("Got unsupported ScalarType BFloat16")
    with pytest.raises(TypeError, match=r"BFloat16; write X\.float\(\)"):
        fm.MLP([2, 1]).predict(NoArray(error))
