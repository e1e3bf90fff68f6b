"""Models and estimators as those of scikit-learn."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError

import fastmlp as fm

X = np.random.default_rng(0).normal(size=(60, 5))
OUTPUTS = [
    ("identity", 1),
    ("identity", 2),
    ("softmax", 2),
    ("softmax", 3),
    ("logistic", 1),
    ("logistic", 3),
    ("exp", 1),
]

SQUARES = ("squared_error", "log_loss", None)


def outputs_of(theirs, rows):
    """Return what the outputs of a network of scikit-learn are."""
    return theirs.predict_proba(rows) if hasattr(theirs, "predict_proba") else theirs.predict(rows)


@pytest.mark.parametrize(("output", "columns"), OUTPUTS)
@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_predicts_the_same_in_scikit_learn(activation, output, columns, dtype):
    hidden = [fm.Dense(7, activation), fm.Dropout(0.25), fm.Dense(4), fm.Activation(activation)]
    last = fm.Dense(columns, output, bias_initializer=0.25)
    model = fm.Sequential([*hidden, last], input_columns=5, seed=0, dtype=dtype)
    theirs = fm.to_sklearn(model)
    assert getattr(theirs, "loss", None) in (("poisson",) if output == "exp" else SQUARES)
    rows = X.astype(dtype)
    wanted = model.predict(rows)
    if output == "logistic" and columns == 1:
        wanted = np.concatenate([1 - wanted, wanted], 1)
    elif columns == 1:
        wanted = wanted[:, 0]
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(outputs_of(theirs, rows), wanted, rtol=tolerance, atol=tolerance)
    assert {coef.dtype for coef in theirs.coefs_} == {np.dtype(dtype)}
    y = theirs.predict(rows)
    theirs.partial_fit(rows, y)
    assert theirs.n_iter_ == 1
    assert theirs.activation == activation


def test_weights_are_copies():
    model = fm.MLP([5, 4, 1], seed=0)
    theirs = fm.to_sklearn(model)
    before = theirs.predict(X)
    model.set_weights([w + 1 for w in model.get_weights()])
    assert (theirs.predict(X) == before).all()


@pytest.mark.parametrize("target", ["two", "three", "labels", "number", "numbers"])
def test_a_fitted_estimator_predicts_the_same_in_scikit_learn(target):
    rows, y = {
        "two": lambda: make_classification(60, 5, random_state=0),
        "three": lambda: make_classification(60, 5, n_informative=3, n_classes=3, random_state=0),
        "labels": lambda: make_multilabel_classification(60, 5, random_state=0),
        "number": lambda: make_regression(60, 5, random_state=0),
        "numbers": lambda: make_regression(60, 5, n_targets=2, random_state=0),
    }[target]()
    y = np.array(["no", "yes", "maybe"])[y] if target in ("two", "three") else y
    kind = fm.MLPRegressor if target.startswith("number") else fm.MLPClassifier
    ours = kind(
        hidden_layer_sizes=(8, 4),
        activation="tanh",
        max_iter=5,
        random_state=0,
        dropout=0.1,
        alpha=0.5,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours.fit(rows, y)
    theirs = fm.to_sklearn(ours)
    assert (theirs.alpha, theirs.max_iter, theirs.hidden_layer_sizes) == (0.5, 5, (8, 4))
    assert theirs.loss_curve_ == ours.loss_curve_
    np.testing.assert_allclose(outputs_of(theirs, rows), outputs_of(ours, rows), rtol=1e-9)
    if kind is fm.MLPClassifier:
        assert (theirs.predict(rows) == ours.predict(rows)).all()
    again = fm.from_sklearn(theirs)
    np.testing.assert_allclose(outputs_of(again, rows), outputs_of(ours, rows), rtol=1e-9)


REFUSED = {
    "gelu": ([fm.Dense(3, "gelu"), fm.Dense(1)], "'dense_1'.* activations are identity"),
    "two": ([fm.Dense(3, "tanh"), fm.Dense(3, "relu"), fm.Dense(1)], "these have tanh, relu"),
    "output": ([fm.Dense(3, "relu"), fm.Dense(1, "tanh")], "this one is 'tanh'"),
    "norm": ([fm.LayerNorm(), fm.Dense(1)], "'layernorm_1', LayerNorm.* only for dense layers"),
    "groups": ([fm.Dense(1, groups=5), fm.Dense(1)], "'dense_1'.* only for dense layers"),
    "no layer": ([fm.Activation("relu")], "'activation_1'.* must follow a dense layer"),
    "twice": ([fm.Dense(3, "relu"), fm.Activation("relu"), fm.Dense(1)], "must follow a dense"),
    "function": ([fm.Dense(3, lambda z: z * z), fm.Dense(1)], "'dense_1'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_scikit_learn_has_not_is_named(name):
    layers, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        fm.to_sklearn(fm.Sequential([layer.copy() for layer in layers], input_columns=5))


def test_other_networks_and_things_are_refused():
    x = fm.Input(5)
    with pytest.raises(ValueError, match="layers in a row"):
        fm.to_sklearn(fm.Model(x, fm.layers.add([fm.Dense(5)(x), x])))
    with pytest.raises(ValueError, match="to_sklearn is of one output"):
        fm.to_sklearn(fm.Model(x, [fm.Dense(1)(x), fm.Dense(2)(x)]))
    with pytest.raises(TypeError, match="must be a Model, MLPClassifier or MLPRegressor"):
        fm.to_sklearn("model")
    with pytest.raises(NotFittedError):
        fm.to_sklearn(fm.MLPClassifier())
    hinge = fm.MLPClassifier(hidden_layer_sizes=(3,), loss="hinge", max_iter=1, random_state=0)
    with pytest.warns(ConvergenceWarning):
        hinge.fit(X, X[:, 0] > 0)
    with pytest.raises(ValueError, match="no classifier with loss='hinge'"):
        fm.to_sklearn(hinge)
