"""Whatever comes to `fit`: the bits of plain data, or a refusal by name that changes nothing."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastmlp as fm
from properties import (
    NUMBERS,
    REFUSED,
    anything,
    attempt,
    laid_out,
    layouts,
    matrices,
    odd_arrays,
    one_replaced,
)

COLUMNS, CLASSES = 3, 3
SGD = fm.SGD(0.1)


@functools.cache
def model_of(dtype: str, weighted: bool = False) -> tuple[fm.Model, list[np.ndarray]]:
    """A model and its first weights; one for each kind, so that it is planned once."""
    model = fm.MLP([COLUMNS, 4, CLASSES], output="softmax", seed=0, dtype=dtype)
    return model, model.get_weights()


def fitted(dtype: str, X: object, t: object, weight: object = None, **how: object) -> bytes:
    """The bits of the weights after a training that begins anew."""
    model, start = model_of(dtype, weight is not None)
    model.set_weights(start)
    arguments = {"optimizer": SGD, "epochs": 2, "batch_size": 4, "seed": 1, "verbose": False}
    model.fit(X, t, sample_weight=weight, **{**arguments, **how})
    return model.parameters.flat.tobytes()


dtypes = st.sampled_from(["float32", "float64"])
labels = st.integers(1, 11).flatmap(
    lambda rows: hnp.arrays(
        st.sampled_from(NUMBERS[1:]), (rows,), elements=st.integers(0, CLASSES - 1)
    )
)


@given(dtypes, labels, layouts, layouts, st.booleans(), st.integers(1, 12) | st.none(), st.data())
def test_data_train_alike_wherever_and_whatever_their_numbers_are(
    dtype, t, layout, of_labels, shuffle, batch_size, data
):
    X = data.draw(matrices(len(t), COLUMNS))
    how = {"shuffle": shuffle, "batch_size": batch_size}
    plain = fitted(dtype, X.astype(dtype), t.astype("int64"), **how)
    assert fitted(dtype, laid_out(X, layout), laid_out(t, of_labels), **how) == plain
    onehot = np.eye(CLASSES, dtype=data.draw(st.sampled_from(NUMBERS)))[t.astype("int64")]
    assert fitted(dtype, X.astype(dtype), laid_out(onehot, of_labels), **how) == plain
    if X.dtype.kind != "g":
        format = data.draw(st.sampled_from(["csr", "csc", "coo", "lil", "dok", "bsr"]))
        kind = X.astype(data.draw(dtypes))
        assert fitted(dtype, scipy.sparse.csr_array(kind).asformat(format), t, **how) == plain


@given(
    dtypes,
    labels.filter(lambda t: len(t) > 1),
    st.integers(-300, 300),
    st.sampled_from([*NUMBERS[1:], "?"]),
    layouts,
    st.data(),
)
def test_the_unit_of_weights_and_where_they_lie_do_not_matter(
    dtype, t, exponent, kind, layout, data
):
    small = st.integers(0, 1 if kind == "?" else 3)
    weight = data.draw(hnp.arrays(kind, (len(t),), elements=small))
    X = np.arange(len(t) * COLUMNS).reshape(len(t), COLUMNS) % 7 / 7
    done = attempt(lambda: fitted(dtype, X, t, laid_out(weight, layout)), "sample_weight")
    assert (done is REFUSED) == (not weight.any())
    if done is not REFUSED:
        assert fitted(dtype, X, t, np.ldexp(weight.astype("f8"), exponent)) == done
        assert fitted(dtype, X, t, weight[:, None]) == done
        model = model_of(dtype, True)[0]
        model.set_weights(model_of(dtype, True)[1])
        each = -np.log(model.predict(X).astype("f8")[np.arange(len(t)), t.astype(int)])
        found = model.evaluate(X, t, sample_weight=weight)["loss"]
        np.testing.assert_allclose(found, np.average(each, weights=weight.astype("f8")), rtol=1e-4)


X = np.random.default_rng(0).normal(size=(6, COLUMNS))
LABELS = np.arange(6) % CLASSES
GOOD = {
    "X": X,
    "t": LABELS,
    "loss": "cross_entropy",
    "optimizer": SGD,
    "epochs": 2,
    "batch_size": 4,
    "validation_data": (X, LABELS),
    "sample_weight": np.ones(6),
    "l2": 0.01,
    "metrics": ["accuracy"],
    "callbacks": [],
    "shuffle": True,
    "seed": 3,
    "verbose": False,
}
# What would train for hours, or is a function of the user's, whose errors are its own.
few = anything.filter(
    lambda v: not (isinstance(v, int) and not isinstance(v, bool) and v > 2**20) and not callable(v)
)
values = st.one_of(
    few,
    odd_arrays,
    matrices(st.integers(5, 7), st.integers(1, 4), finite=False),
    st.tuples(odd_arrays, odd_arrays),
    st.lists(few, max_size=2),
)


@given(one_replaced(GOOD, values))
def test_an_argument_of_fit_is_taken_or_refused_by_name_and_changes_nothing(drawn):
    name, arguments = drawn
    model, start = model_of("float32", True)
    model.set_weights(start)
    before = model.parameters.flat.copy(), model.history, model._fits
    call = functools.partial(model.fit, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fm.NonFiniteLossWarning)  # an l2 of 1e6 is taken
        done = attempt(call, name, *(["X", "t"] if name in ("X", "t") else []))
    if done is REFUSED:
        np.testing.assert_array_equal(model.parameters.flat, before[0])
        assert (model.history, model._fits) == before[1:]
    else:
        assert model.history is done
        assert np.isfinite(model.parameters.flat).all()


@given(one_replaced({k: GOOD[k] for k in ("X", "t", "loss", "sample_weight", "l2")}, values))
def test_an_argument_of_evaluate_is_taken_or_refused_by_name(drawn):
    name, arguments = drawn
    model, start = model_of("float64", True)
    model.set_weights(start)
    scores = attempt(
        lambda: model.evaluate(**arguments), name, *(["X", "t"] if name in ("X", "t") else [])
    )
    # J is infinite with an l2 near the largest number.
    assert scores is REFUSED or not np.isnan(scores["loss"])
