"""Everything that is no function survives pickles of every protocol, copies and skops."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.data.columns.words import Strange
from fastmlp.planner.parameters import Parameters

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:the model is no better"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
LABELS = (X[:, 0] > 0).astype(int)


def joined():
    x = fm.Input(3, "x")
    hidden = fm.Dense(4, "relu")(x)
    return fm.Model(x, fm.Dense(2, "softmax")(fm.concat([hidden, x])), seed=0)


def trained():
    model = fm.MLP([3, 4, 2], output="softmax", seed=0)
    model.fit(X, LABELS, epochs=2, metrics=["accuracy"], verbose=False)
    return model


def parameters():
    made = Parameters([g.parameter([[1.0, 2.0]], "W")], "float64")
    made.flat[:2] = 3.0, 4.0
    return made


PREDICTORS = {
    "a model": trained,
    "a model of joined layers": joined,
    "a classifier": lambda: fm.MLPClassifier(4, max_iter=3, early_stopping=True).fit(X, LABELS),
    "a classifier of texts": lambda: fm.MLPClassifier(4, max_iter=3).fit(X, LABELS.astype(str)),
    "a classifier of several labels": lambda: fm.MLPClassifier(4, max_iter=3).fit(X, X > 0),
    "a classifier by L-BFGS": lambda: fm.MLPClassifier(4, solver="lbfgs").fit(X, LABELS),
    "a classifier by groups": lambda: fm.MLPClassifier(
        4, solver=fm.Adam(0.01, groups={"bias": fm.SGD(0.1)}), max_iter=3
    ).fit(X, LABELS),
    "a table's": lambda: fm.TabularClassifier(quality="fast", random_state=0).fit(X, LABELS),
    "members": lambda: fm.Members(trained(), 2),
    "a regressor": lambda: fm.MLPRegressor(max_iter=3, dropout=0.2, dtype="float32").fit(X, X),
}
OTHERS = {
    "an input": lambda: fm.Input(3, "x"),
    "a symbol": lambda: fm.Dense(4, "relu")(fm.Input(3)),
    "a layer": lambda: fm.Dense(4, "relu", l2=0.5),
    "a node": lambda: g.logistic(g.input(2, "x") * 2.0),
    "parameters": parameters,
    "a network": lambda: trained().network,
    "a model not built": lambda: fm.Sequential([fm.Dense(3), fm.Dropout(0.2)], seed=0),
    "an estimator not fitted": lambda: fm.MLPClassifier(4),
    "an optimizer": lambda: fm.Adam(fm.CosineDecay(0.1, 9)),
    "an optimizer of groups": lambda: fm.Adam(0.1, groups={"bias": {"weight_decay": 0.0}}),
    "a loss": lambda: fm.losses.CrossEntropy(class_weight={0: 1.0, 2: 3.0}),
    "a schedule": lambda: 0.5 * fm.Warmup(3, fm.OneCycle(0.1, 9)),
    "an activation": lambda: fm.activations.get("elu(alpha=0.5)"),
    "a metric": lambda: fm.metrics.get("top_3"),
    "scores": lambda: trained().evaluate(X, LABELS),
    "a callback": lambda: fm.EarlyStopping(patience=3),
    "a history": lambda: trained().fit(X, LABELS, verbose=False),
}
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def skops_copy(thing):
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    data = skops.dumps(thing)
    return skops.loads(data, trusted=skops.get_untrusted_types(data=data))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("what", [*PREDICTORS, *OTHERS])
def test_every_protocol_of_pickle_brings_it_back(what, protocol):
    thing = (PREDICTORS | OTHERS)[what]()
    again = pickle.loads(pickle.dumps(thing, protocol=protocol))
    assert repr(again) == repr(thing)
    if what in PREDICTORS:
        assert_array_equal(again.predict(X), thing.predict(X))


@pytest.mark.parametrize("what", [*PREDICTORS, *OTHERS])
def test_skops_brings_it_back(what):
    thing = (PREDICTORS | OTHERS)[what]()
    again = skops_copy(thing)
    assert repr(again) == repr(thing)
    if what in PREDICTORS:
        assert_array_equal(again.predict(X), thing.predict(X))


@pytest.mark.parametrize("what", [*PREDICTORS, *OTHERS])
def test_a_deep_copy_is_another_object_that_does_the_same(what):
    thing = (PREDICTORS | OTHERS)[what]()
    again = copy.deepcopy(thing)
    assert repr(again) == repr(thing)
    if what in PREDICTORS:
        assert_array_equal(again.predict(X), thing.predict(X))


@pytest.mark.parametrize("twin", [skops_copy, lambda e: pickle.loads(pickle.dumps(e, protocol=0))])
def test_a_twin_goes_on_training_as_the_original_would(twin):
    estimator = fm.MLPClassifier(4, random_state=0).partial_fit(X, LABELS, classes=[0, 1])
    again = twin(estimator)
    assert_array_equal(
        again.partial_fit(X, LABELS).predict_proba(X),
        estimator.partial_fit(X, LABELS).predict_proba(X),
    )
    made = twin(parameters())
    assert_array_equal(made.view(made.nodes[0]), [[3.0, 4.0]])


def test_a_note_of_values_is_pickled_and_copied_as_its_text():
    note = Strange("odd a", 2, lambda n: f"{n} odd values")
    for again in (pickle.loads(pickle.dumps(note)), copy.deepcopy(note)):
        assert again == "2 odd values"


def test_functions_of_the_user_are_refused_by_skops_with_words():
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    estimator = fm.MLPClassifier(4, activation=lambda z: g.tanh(z), max_iter=3).fit(X, LABELS)
    with pytest.raises(ValueError, match=r"'<lambda>' is a function of yours and cannot be saved"):
        skops.dumps(estimator)


# mlflow warns of type hints, deprecated parts and what it installs.
@pytest.mark.filterwarnings("ignore")
def test_mlflow_keeps_estimators_in_its_default_format(tmp_path):
    mlflow = pytest.importorskip("mlflow.sklearn", reason="mlflow is not installed")
    skops = pytest.importorskip("skops.io", reason="skops is not installed")
    estimator = PREDICTORS["a classifier"]()
    trusted = skops.get_untrusted_types(data=skops.dumps(estimator))
    path = tmp_path / "kept"
    named = {"skops_trusted_types": trusted, "pip_requirements": ["fastmlp"]}
    mlflow.save_model(estimator, str(path), **named)
    assert_array_equal(mlflow.load_model(str(path)).predict(X), estimator.predict(X))


class Tied(fm.layers.Layer):
    """A layer of the user's with the weights of another."""

    def __init__(self, code):
        super().__init__()
        self.code = code

    def output_columns(self, input_columns):
        return 3

    def apply(self, nodes, parameters, *, training, key):
        return g.matmul(nodes[0], self.code.parameter_nodes["weights"])


def back_by_lambda(code):
    def back(z):
        return g.matmul(z, code.parameter_nodes["weights"])

    fm.layers.register("back with the weights of code", back, replace=True)
    return fm.Lambda(back)


def back_by_activation(code):
    def shifted(z):
        return z + code.parameter_nodes["biases"] @ np.ones((2, 1))

    return fm.Dense(3, shifted)


@pytest.mark.parametrize("back", [back_by_lambda, back_by_activation, Tied])
def test_a_layer_that_reads_the_parameters_of_another_is_in_no_copy(back, tmp_path):
    x, code = fm.Input(3), fm.Dense(2, name="code")
    h = code(x)
    first = fm.Model(x, h, seed=0)
    tied = fm.Model(x, back(code)(h), seed=0)
    losses = tied.fit(X, X, epochs=20)["loss"]
    assert losses[-1] < losses[0]
    for way in (
        lambda: copy.deepcopy(tied),
        tied.copy,
        lambda: pickle.dumps(tied),
        lambda: tied.save(tmp_path / "tied.safetensors"),
        lambda: fm.Members(tied, 2),
    ):
        with pytest.raises(ValueError, match=r"reads parameters of another layer, .* set_weights"):
            way()
    assert not list(tmp_path.iterdir())
    tied.export(tmp_path / "tied.h")  # the graph holds them
    assert_array_equal(copy.deepcopy(first).predict(X), first.predict(X))
    free = fm.Model(x, fm.Lambda(lambda z: 2 * z)(h))
    assert_array_equal(copy.deepcopy(free).predict(X), free.predict(X))
