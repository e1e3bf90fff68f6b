"""Whatever the arguments of layers and models: they are taken, or refused by name."""

from __future__ import annotations

import pickle

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

import fastmlp as fm
from fastmlp import activations, graph, initializers, layers
from fastmlp.layers import LAYERS
from properties import REFUSED, anything, attempt, good_arguments, one_replaced

layers.register("same", graph.identity)
SEED = {"seed": 0, "dtype": "float32"}
GOOD = {
    "copies": 2,
    "units": 3,
    "activation": "tanh",
    "rate": 0.5,
    "std": 0.5,
    "function": "same",
    "categories": [3, 2],
    "columns": 3,
}
# The good arguments of every layer, of which one is replaced.
ARGUMENTS = {
    kind: {**good_arguments(cls, GOOD), "name": "a"} for kind, cls in sorted(LAYERS.items())
}
JOINS = ("Add", "Concatenate", "Multiply", "Maximum", "Minimum")
MODELS = {
    "MLP": {"columns": [2, 3, 1], "activation": "relu", "output": "identity", **SEED},
    "Sequential": {"layers": [fm.Dense(2)], "input_columns": 2, **SEED},
    "Input": {"columns": 3, "name": "x"},
}
names = st.sampled_from(
    sorted([*activations.ACTIVATIONS, *activations.ALIASES, *initializers.INITIALIZERS])
)
settings_of_layers = st.sampled_from(sorted(ARGUMENTS)).flatmap(
    lambda kind: st.tuples(st.just(kind), one_replaced(ARGUMENTS[kind], anything | names))
)


@given(settings_of_layers)
def test_a_layer_takes_an_argument_or_refuses_it_by_name(drawn):
    kind, (name, arguments) = drawn
    layer = attempt(lambda: LAYERS[kind](**arguments), name)
    if layer is REFUSED:
        return
    assert repr(pickle.loads(pickle.dumps(layer))) == repr(layer)
    sizes = "units", "groups", "columns", "categories", "copies", "frequencies"
    several = (arguments.get(size, 0) for size in sizes)
    assume(max(np.max(size or 0) for size in several) < 100 and kind not in (*JOINS, "Embedding"))
    # Too large in float32, no part of the columns, or other columns than a Lambda says.
    known = [] if callable(arguments[name]) else [name, "coefficients", "promised"]
    model = attempt(lambda: fm.Sequential([layer], input_columns=2, seed=0), *known)
    if model is REFUSED:
        refused = name.endswith("initializer") or name in ("groups", "scale", "columns")
        assert refused or callable(arguments[name])
        return
    assert not np.isnan(model.predict(np.ones((3, 2)))).any()
    assert all(np.isfinite(weights).all() for weights in model.get_weights())


@given(st.sampled_from(sorted(set(ARGUMENTS) - set(JOINS))), st.data())
def test_a_setting_assigned_later_is_taken_or_refused_and_then_as_before(kind, data):
    name, arguments = data.draw(one_replaced(ARGUMENTS[kind], anything | names))
    layer = LAYERS[kind](**ARGUMENTS[kind])
    model = fm.Sequential([layer], input_columns=2, seed=0)
    before, said = model.predict(np.ones((3, 2))), repr(layer)
    known = [] if callable(arguments[name]) else [name]
    kinds = (TypeError, ValueError, AttributeError)  # fixed, once there are weights
    done = attempt(lambda: setattr(layer, name, arguments[name]), *known, errors=kinds)
    if done is not REFUSED:
        # A factor may be too large for float32.
        assert not np.isnan(model.predict(np.ones((3, 2)))).any()
        return
    assert repr(layer) == said
    np.testing.assert_array_equal(model.predict(np.ones((3, 2))), before)


@given(st.sampled_from(sorted(MODELS)), st.data())
def test_a_model_takes_an_argument_or_refuses_it_by_name(kind, data):
    few = st.lists(st.integers(-1, 5) | anything, max_size=4)
    name, arguments = data.draw(one_replaced(MODELS[kind], anything | few | names))
    known = [] if callable(arguments[name]) else [name, "columns"]
    model = attempt(lambda: getattr(fm, kind)(**arguments), *known)
    if model is not REFUSED and kind != "Input":
        if arguments.get("layers", ()) is None:  # they are added later
            model.add(fm.Dense(2))
        if model._network is None:
            model.build(2)
        columns = model.network.input_columns[0]
        assert np.isfinite(model.predict(np.ones((3, columns)))).all()
        assert model.copy().get_weights()[0].tobytes() == model.get_weights()[0].tobytes()


@given(st.data())
def test_weights_are_copied_in_or_refused_and_then_none_has_changed(data):
    model = fm.MLP([2, 3, 1], seed=0, dtype=data.draw(st.sampled_from(["float32", "float64"])))
    weights = model.get_weights()
    value = data.draw(
        st.one_of(anything, st.lists(anything, max_size=5), _like(weights[0]), _like(weights[1]))
    )
    where = data.draw(st.sampled_from(["weights", "biases", "set_weights", "one of them"]))
    if where in ("weights", "biases"):
        done = attempt(lambda: setattr(model.layers[0], where, value), where)
        expected = [value if where == "weights" else weights[0]]
        expected += [value if where == "biases" else weights[1], *weights[2:]]
    else:
        i = data.draw(st.integers(0, 3))
        given = [*weights[:i], value, *weights[i + 1 :]] if where == "one of them" else value
        done = attempt(lambda: model.set_weights(given), "weights")
        expected = given
    if done is REFUSED:
        expected = weights
    for found, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(found, np.asarray(wanted).astype(found.dtype))
        assert np.isfinite(found).all()


def _like(array: np.ndarray) -> st.SearchStrategy[np.ndarray]:
    """Arrays of this shape, of which some numbers may be too large or not finite."""
    wild = st.sampled_from([0.0, 1.0, -2.5, 1e-310, 1e38, 1e39, 1e300, np.nan, np.inf])
    return st.lists(wild, min_size=array.size, max_size=array.size).map(
        lambda values: np.reshape(values, array.shape)
    )
