"""The table of bad input: each is the right kind of error, says what is wrong, changes nothing."""

import copy
import pickle
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import fastmlp as fm
from fastmlp import graph as g

X = np.random.default_rng(0).normal(size=(10, 4)).astype("float32")
LABELS = np.arange(10) % 3


def classifier():
    return fm.MLP([4, 5, 3], output="softmax", seed=0)


def with_value(value, row=3, column=1):
    spoiled = X.copy()
    spoiled[row, column] = value
    return spoiled


# Arguments of fit that replace the good ones, the error, and what its message must say.
FIT = [
    # X
    ({"X": X[0]}, ValueError, r"X must have shape \(rows, .*got shape \(4,\).*X.reshape\(1, -1"),
    ({"X": X[None]}, ValueError, r"X must have shape .* got shape \(1, 10, 4\)"),
    ({"X": X[:0], "t": LABELS[:0]}, ValueError, r"X is empty: shape \(0, 4\)"),
    ({"X": with_value(np.nan)}, ValueError, "1 NaN among 40 values, the first in row 3, column 1"),
    ({"X": with_value(-np.inf)}, ValueError, "1 infinite among 40 values"),
    ({"X": X.astype("float64") * 1e300}, ValueError, r"finite numbers of float32, got .* beyond"),
    ({"X": X.astype(object)}, TypeError, r"X must hold numbers, got objects.* X.astype\(float\)"),
    ({"X": X.astype(str)}, TypeError, "X must hold numbers, got text"),
    ({"X": X + 1j}, TypeError, "got complex numbers"),
    ({"X": pd.DataFrame({"a": ["x"] * 10})}, TypeError, r"X must hold numbers, got .*DataFrame"),
    ({"X": np.zeros((10, 4), "M8[s]")}, TypeError, "values of type datetime64"),
    ({"X": sparse.csr_array(with_value(np.nan))}, ValueError, "X.data must hold finite .* 1 NaN"),
    ({"X": sparse.csr_array(X + 1j)}, TypeError, "X.data must hold numbers, got complex numbers"),
    ({"X": sparse.csr_array((0, 4))}, ValueError, r"X is empty: shape \(0, 4\)"),
    ({"X": sparse.csc_array(X[:9])}, ValueError, "X has 9, t has 10"),
    ({"X": [[1, 2, 3, 4], [1, 2]]}, ValueError, "X must have rows of one length"),
    ({"X": [np.array(False), np.array([], bool)]}, ValueError, "X .* is no array"),
    ({"X": np.ma.masked_less(X, 0)}, ValueError, "X has masked values"),
    ({"X": None}, TypeError, "X must hold numbers, got objects"),
    # t
    ({"t": LABELS[:9]}, ValueError, "X has 10, t has 9"),
    ({"t": LABELS + 1}, ValueError, "3 values out of range; the first is 3 at row 2; .* 0 … 2"),
    ({"t": LABELS - 1}, ValueError, "out of range; the first is -1"),
    ({"t": LABELS + 0.5}, ValueError, "t "),
    ({"t": np.where(LABELS == 1, np.nan, 0)}, ValueError, "3 NaN among 10 values, .* row 1$"),
    (
        {"t": np.array(["a", "b", "c"])[LABELS]},
        TypeError,
        r"got text.*np.unique\(t, return_inverse",
    ),
    ({"t": LABELS.astype(object)}, TypeError, "t must hold numbers, got objects"),
    ({"t": np.eye(4)[LABELS]}, ValueError, r"has 4 columns; a network of 3 output columns"),
    ({"t": sparse.csr_array(X)}, TypeError, r"t is a sparse matrix \(csr_array\).*t.toarray\(\)"),
    ({"t": np.zeros((10, 1, 1))}, ValueError, r"t must have shape .*got \(10, 1, 1\)"),
    ({"t": []}, ValueError, "t is empty"),
    # how to train
    ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
    ({"batch_size": -3}, ValueError, "batch_size must be at least 1, got -3"),
    ({"batch_size": 2.0}, TypeError, "batch_size must be an integer, got 2.0"),
    ({"batch_size": True}, TypeError, "batch_size must be an integer, got True"),
    ({"batch_size": np.array([3, 4])}, TypeError, "batch_size must be an integer, got array"),
    ({"batch_size": pd.NA}, TypeError, "batch_size must be an integer, got <NA>"),
    ({"shuffle": np.array([True, False])}, TypeError, "shuffle must be"),
    ({"class_weight": pd.NA}, TypeError, "class_weight must be a dict"),
    ({"epochs": 0}, ValueError, "epochs must be at least 1, got 0"),
    ({"batch_size": 10**30}, ValueError, "batch_size must be at most 9223372036854775807, got 1"),
    ({"epochs": 10**400}, ValueError, "epochs must be at most .* integer of about 401 digits"),
    ({"epochs": "10"}, TypeError, "epochs must be an integer, got '10'"),
    ({"loss": "cross_entropi"}, ValueError, "loss must be one of .* did you mean 'cross_entropy'"),
    ({"loss": "zero_one"}, ValueError, "'zero_one' cannot be a loss: its gradient is zero"),
    ({"loss": 3}, TypeError, "loss must be a name"),
    ({"loss": lambda y, t: 1.0}, TypeError, "must return a graph node"),
    ({"loss": lambda y, t: y.size}, TypeError, "loss '<lambda>' is called with .*'size'"),
    ({"metrics": [fm.losses.Huber]}, TypeError, r"metrics\[0\] must be an object.* Huber\("),
    ({"loss": lambda y, t: g.constant([[1.0, 2.0]])}, ValueError, "must return"),
    ({"loss": "binary_cross_entropy"}, ValueError, "needs the shape .10, 3.; for one class out of"),
    ({"optimizer": "adan"}, ValueError, "optimizer must be one of .* did you mean 'adam'"),
    ({"optimizer": fm.Adam}, TypeError, r"write Adam\(\)"),
    ({"optimizer": 0.1}, TypeError, "optimizer must be a name"),
    ({"l2": -1e-3}, ValueError, "l2 must be .* at least 0, got -0.001"),
    ({"l2": np.nan}, ValueError, "l2 must be a finite number"),
    ({"l2": 10**400}, ValueError, "l2 must be a finite number and .* about 401 digits"),
    ({"l2": Decimal(1)}, TypeError, "l2 must be a number"),
    ({"l2": "small"}, TypeError, "l2 must be a number"),
    ({"metrics": "accuracy"}, TypeError, "metrics must be a list"),
    ({"metrics": ["acuracy"]}, ValueError, "did you mean 'accuracy'"),
    ({"metrics": ["accuracy", "accuracy"]}, ValueError, "metrics must have different names"),
    ({"callbacks": fm.EarlyStopping()}, TypeError, "callbacks must be a list"),
    ({"callbacks": [3]}, TypeError, "callbacks must hold Callback objects or functions"),
    ({"callbacks": [lambda model: None]}, TypeError, r"has to take \(model, epoch, logs\)"),
    ({"shuffle": 1}, TypeError, "shuffle must be True or False, got 1"),
    ({"seed": -1}, ValueError, "seed must be at least 0"),
    ({"seed": 10**400}, ValueError, "seed must be at most"),
    ({"seed": 1.5}, TypeError, "seed must be an integer"),
    ({"verbose": 3}, ValueError, 'verbose must be True, False, 0, 1, 2 or "auto", got 3'),
    # weights and validation
    ({"sample_weight": np.ones(9)}, ValueError, r"sample_weight must have shape \(10,\), got \(9,"),
    ({"sample_weight": -np.ones(10)}, ValueError, "10 negative values, the first in row 0: -1.0"),
    ({"sample_weight": np.zeros(10)}, ValueError, "sample_weight is zero for every row"),
    ({"sample_weight": np.full(10, np.inf)}, ValueError, "sample_weight must hold finite numbers"),
    ({"sample_weight": "balanced"}, TypeError, "sample_weight must hold numbers, got text"),
    ({"validation_data": X}, TypeError, r"validation_data must be \(X, t\)"),
    ({"validation_data": 0}, TypeError, r"validation_data must be \(X, t\).* got int$"),
    ({"validation_data": (X,)}, TypeError, "got 1 part$"),
    (
        {"validation_data": [(X, LABELS)] * 4},
        TypeError,
        "got 4 parts; of a list of batches make a stream",
    ),
    *(
        ({"validation_data": kind([(X, LABELS)] * n)}, ValueError, "make a stream, lambda: iter")
        for kind in (list, tuple)
        for n in (2, 3)
    ),
    ({"validation_data": (X[:, 1:], LABELS)}, ValueError, r"validation_data\[0\] must have shape"),
    ({"validation_data": (X, LABELS + 9)}, ValueError, r"validation_data\[1\]"),
    ({"validation_data": (X, LABELS[1:])}, ValueError, r"validation_data\[1\] has 9$"),
]


@pytest.mark.parametrize(("arguments", "error", "words"), FIT)
def test_a_wrong_argument_of_fit_changes_nothing(arguments, error, words):
    good = {"X": X, "t": LABELS, "epochs": 2, "metrics": ["accuracy"]}
    for model in (classifier(), fm.Sequential([fm.Dense(3, "softmax")], seed=0)):
        before = repr(model), model.copy()
        with pytest.raises(error, match=words):
            model.fit(**{**good, **arguments})
        assert repr(model) == before[0]
        assert model.history is None
        for each in (model, before[1]):
            each.fit(**good)
        np.testing.assert_array_equal(model.predict(X), before[1].predict(X))


def test_a_model_that_is_built_takes_data_of_its_inputs_only():
    model = classifier()
    with pytest.raises(ValueError, match=r"X must have shape \(rows, 4\), got shape \(10, 3\)"):
        model.fit(X[:, :3], LABELS)
    with pytest.raises(ValueError, match=r"X must have the keys \['x'\], got \['y'\]"):
        model.fit({"y": X}, LABELS)
    assert model.history is None


class Traced:
    """What other libraries refuse to make an array of: tensors that require grad, among others."""

    def __array__(self, *_, **__):
        raise RuntimeError("call detach\nand more")


def test_what_is_no_array_for_a_reason_of_its_own_is_named():
    model, why = classifier(), r" \(type Traced\) is no array: call detach$"
    trainer = model.trainer()
    for _ in range(2):
        for call in (model.predict, lambda x: trainer.step(x, LABELS), model.jacobian):
            with pytest.raises(TypeError, match=f"^X{why}"):
                call(Traced())
        trainer.step(X, LABELS)
    with pytest.raises(TypeError, match=f"^t{why}"):
        model.fit(X, Traced())
    with pytest.raises(TypeError, match=f"^sample_weight{why}"):
        model.fit(X, LABELS, sample_weight=Traced())
    with pytest.raises(TypeError, match=f"^t{why}"):
        fm.losses.get("cross_entropy").encode_targets(Traced(), 3)
    with pytest.raises(TypeError, match=r"expected a dense array: t.toarray\(\)$"):
        model.fit(X, sparse.csr_array(np.eye(3)[LABELS]))


PREDICT = [
    ({"X": X[0]}, ValueError, r"for one row use X.reshape\(1, -1\)"),
    ({"X": X[:, :3]}, ValueError, r"X must have shape \(rows, 4\), got shape \(10, 3\)"),
    ({"X": X[:0]}, ValueError, "X is empty"),
    ({"X": X.astype(object)}, TypeError, r"X must hold numbers, got objects.* X.astype\(float\)"),
    ({"X": "rows"}, TypeError, "X must hold numbers, got text"),
    ({"out": np.empty((10, 2), "float32")}, ValueError, r"out must have shape \(10, 3\), got \(10"),
    ({"out": np.empty((9, 3), "float32")}, ValueError, "out must have shape"),
    ({"out": np.empty((10, 3))}, TypeError, "out must have dtype float32, got float64"),
    ({"out": np.empty((3, 10), "float32").T}, ValueError, "out must be C-contiguous"),
    ({"out": [[0.0] * 3] * 10}, TypeError, "out must be a NumPy array, got list"),
]


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(("arguments", "error", "words"), PREDICT)
def test_a_wrong_argument_of_predict_is_an_error(arguments, error, words, warm):
    model = classifier()
    if warm:
        model.predict(X)
    with pytest.raises(error, match=words):
        model.predict(**{"X": X, **arguments})


def test_results_cannot_be_written_to_what_is_read_only():
    out = np.empty((10, 3), "float32")
    out.flags.writeable = False
    for _ in range(2):
        with pytest.raises(ValueError, match="out must be C-contiguous, aligned and writable"):
            classifier().predict(X, out)


SET_WEIGHTS = [
    (lambda w: w[:3], ValueError, "weights must hold 4 arrays .*dense_1.weights.*, got 3"),
    (
        lambda w: [*w[:3], w[3][:2]],
        ValueError,
        r"dense_2.biases must have shape \(3,\), got \(2,\)",
    ),
    (lambda w: [w[0].T, *w[1:]], ValueError, r"dense_1.weights must have shape \(5, 4\)"),
    (lambda w: [*w[:3], w[3] * np.nan], ValueError, "dense_2.biases must hold finite numbers"),
    (lambda w: [*w[:3], ["a", "b", "c"]], TypeError, "dense_2.biases must hold numbers, got text"),
    (lambda w: np.zeros(59), TypeError, "weights must be a list of arrays, got ndarray"),
    (lambda w: {"dense_1.weights": w[0]}, ValueError, r"must have the keys \['dense_1.weights', "),
    (
        lambda w: dict(zip((*NAMES[:3], "b"), w, strict=True)),
        ValueError,
        r"got \['dense_1.weights', 'dense_1.biases', 'dense_2.weights', 'b'\]",
    ),
]
NAMES = ("dense_1.weights", "dense_1.biases", "dense_2.weights", "dense_2.biases")


@pytest.mark.parametrize(("spoil", "error", "words"), SET_WEIGHTS)
def test_wrong_weights_are_an_error_and_none_is_set(spoil, error, words):
    model = classifier()
    before = model.parameters.flat.copy()
    with pytest.raises(error, match=words):
        model.set_weights(spoil([w + 1 for w in model.get_weights()]))
    np.testing.assert_array_equal(model.parameters.flat, before)


def test_weights_are_set_by_their_names_in_any_order():
    model = classifier()
    wanted = [w + 1 for w in model.get_weights()]
    model.set_weights(dict(reversed(list(zip(NAMES, wanted, strict=True)))))
    for now, then in zip(model.get_weights(), wanted, strict=True):
        np.testing.assert_array_equal(now, then)


CONSTRUCT = [
    (lambda: fm.MLP([4, 0, 3]), ValueError, "at least 1, got 0"),
    (lambda: fm.MLP([4, -1]), ValueError, "at least 1, got -1"),
    (lambda: fm.MLP([4, 10**400]), ValueError, r"columns\[1\] must be at most .* 401 digits"),
    (lambda: fm.MLP([10**5000, 4]), ValueError, r"columns\[0\] must be at most .* 5001 digits"),
    (lambda: fm.MLP([4, 2**62]), ValueError, r"columns\[1\] must be at most 1099511627776"),
    (lambda: fm.MLP([2**30, 2**30]), ValueError, "number of parameters must be at most"),
    (
        lambda: fm.Sequential([fm.Dense(10**400)], input_columns=1),
        ValueError,
        "the columns of 'dense_1' must be at most",
    ),
    (lambda: fm.Sequential([fm.Dense(1)], input_columns=2**62), ValueError, "input_columns must"),
    (lambda: fm.Sequential([fm.Dense(1)]).build(2**62), ValueError, "columns must be at most"),
    (lambda: fm.MLP([4, 3], seed=10**400), ValueError, "seed must be at most"),
    (lambda: fm.Adam(10**400), ValueError, "learning_rate must be a finite number"),
    (lambda: fm.CosineDecay(0.1, 10**30), ValueError, "steps must be at most"),
    (lambda: fm.EarlyStopping(patience=10**400), ValueError, "patience must be at most"),
    (lambda: fm.set_num_threads(10**12), ValueError, "count must be at most"),
    (
        lambda: fm.MLPClassifier(10**400).fit(X, LABELS),
        ValueError,
        r"hidden_layer_sizes\[0\] must be at most",
    ),
    (lambda: fm.MLP([4, 2.5, 3]), TypeError, "must be an integer"),
    (lambda: fm.MLP([4]), ValueError, "inputs and outputs"),
    (lambda: fm.MLP("4-5"), TypeError, "list of integers"),
    (lambda: fm.MLP([4, 5, 3], activation="rellu"), ValueError, "did you mean 'relu'"),
    (lambda: fm.MLP([4, 3], output="sofmax"), ValueError, "did you mean 'softmax'"),
    (lambda: fm.MLP([4, 3], dtype="float16"), ValueError, "dtype must be float32 or float64"),
    (lambda: fm.MLP([4, 3], dtype=None), ValueError, "dtype must be float32 or float64, got None"),
    (lambda: fm.MLP([4, 3], dtype="nonsense"), ValueError, "got 'nonsense'"),
    (lambda: fm.MLP([4, 3], seed=-1), ValueError, "seed must be at least 0"),
    (lambda: fm.MLP([4, 3], seed="zero"), TypeError, "seed must be an integer"),
    (lambda: fm.Dense(0), ValueError, "units must be at least 1, got 0"),
    (lambda: fm.Dropout(1.0), ValueError, "rate"),
    (lambda: fm.Sequential([]), ValueError, "at least one layer"),
    (lambda: fm.Sequential(fm.Dense(3)), TypeError, "takes its layers as one list"),
    (lambda: fm.Sequential([fm.Dense]), TypeError, r"layers\[0\] must be a layer such as Dense"),
    (lambda: fm.Sequential([fm.Dense(3), fm.Input(4)]), TypeError, r"layers\[1\] must be a layer"),
    (lambda: fm.Sequential([fm.Dense(3)], input_columns=0), ValueError, "at least 1, got 0"),
    (lambda: fm.Model(fm.Input(3), fm.Dense(2)(fm.Input(3))), ValueError, "input"),
    (lambda: fm.Model(3, fm.Dense(2)(fm.Input(3))), TypeError, "inputs"),
]


@pytest.mark.parametrize(("make", "error", "words"), CONSTRUCT)
def test_a_model_that_cannot_be_is_an_error(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_model_without_columns_says_how_to_give_them():
    model = fm.Sequential([fm.Dense(3)])
    for action in (model.summary, model.get_weights, lambda: model.save("m"), lambda: model.graph):
        with pytest.raises(ValueError, match="does not know its number of input columns yet"):
            action()


def test_a_built_model_is_not_built_for_other_data():
    model = fm.Sequential([fm.Dense(3)], seed=0)
    model.build(4)
    model.build(4)
    with pytest.raises(ValueError, match="columns=5: the model is built for 4 input columns"):
        model.build(5)
    with pytest.raises(ValueError, match="columns must be at least 1"):
        fm.Sequential([fm.Dense(3)]).build(0)


def test_inputs_that_do_not_fit_each_other_are_named():
    a, b = fm.Input(2, name="a"), fm.Input(3, name="b")
    model = fm.Model([a, b], fm.Dense(1)(fm.concat([a, b])), seed=0)
    A, B = np.zeros((5, 2)), np.zeros((5, 3))
    for given, error, words in [
        (A, TypeError, r"X must be a list or dict of 2 arrays.*\['a', 'b'\], got ndarray"),
        ([A], ValueError, "X must hold 2 arrays.*got 1"),
        ([A, B[:4]], ValueError, r"X\[1\] must have as many rows as X\[0\]: X\[0\] has 5"),
        ([B, A], ValueError, r"X\[0\] must have shape \(rows, 2\)"),
        ({"a": A}, ValueError, r"X must have the keys \['a', 'b'\], got \['a'\]"),
        ({"a": A, "b": A}, ValueError, r"X\['b'\] must have shape \(rows, 3\)"),
    ]:
        with pytest.raises(error, match=words):
            model.predict(given)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"l2": -1}, ValueError, "l2 must be"),
        ({"metrics": "accuracy"}, TypeError, "metrics must be a list"),
        ({"loss": "l3"}, ValueError, "loss must be one of"),
        ({"sample_weight": [1]}, ValueError, "sample_weight must have shape"),
        ({"X": X[:4]}, ValueError, "X has 4, t has 10"),
    ],
)
def test_a_wrong_argument_of_evaluate_is_an_error(arguments, error, words):
    with pytest.raises(error, match=words):
        classifier().evaluate(**{"X": X, "t": LABELS, **arguments})


@pytest.mark.parametrize("name", [None, 3, np.ones(2), fm.Dense(3), []])
def test_a_layer_has_a_text_for_a_name(name):
    with pytest.raises(ValueError, match=r"no layer is called .*; there are: dense_1"):
        fm.MLP([2, 1]).network.layer(name)


@pytest.mark.parametrize("built", [True, False])
def test_layers_are_a_list_to_read(built):
    one = fm.Sequential([fm.Dense(3, "relu"), fm.Dense(1)], input_columns=2 if built else None)
    changes = {
        "append": lambda layers: layers.append(fm.Dense(1)),
        "insert": lambda layers: layers.insert(0, fm.Dense(1)),
        "pop": lambda layers: layers.pop(),
        "assignment": lambda layers: layers.__setitem__(0, fm.Dense(1)),
        "del": lambda layers: layers.__delitem__(0),
        r"\+=": lambda layers: layers.__iadd__([fm.Dense(1)]),
    }
    for name, change in changes.items():
        with pytest.raises(TypeError, match=f"layers of a model cannot be changed by {name}; make"):
            change(one.layers)
    assert [layer.units for layer in one.layers] == [3, 1]
    assert type(one.layers[:-1]) is type(one.layers.__add__([fm.Dense(4)])) is list
    assert len(copy.deepcopy(one.layers)) == len(pickle.loads(pickle.dumps(one.layers))) == 2
