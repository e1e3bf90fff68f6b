"""Whatever comes to `predict`: the reference's numbers, or a refusal that changes nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import fastmlp as fm
from fastmlp import graph as g
from properties import (
    REFUSED,
    anything,
    attempt,
    elements,
    laid_out,
    layouts,
    matrices,
    odd_arrays,
)

COLUMNS = 4
MODELS = {
    dtype: fm.MLP([COLUMNS, 5, 3], "tanh", seed=0, dtype=dtype) for dtype in ("float32", "float64")
}
models = st.sampled_from(list(MODELS.values()))


def by_reference(model: fm.Model, X: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # beyond float32
        numbers = np.asarray(X, model.dtype).astype(np.float64)
    return g.reference.evaluate(model.graph, {model.network.input_nodes[0]: numbers})


@given(models, matrices(st.integers(1, 9), COLUMNS), layouts)
def test_rows_are_predicted_wherever_and_whatever_their_numbers_are(model, X, layout):
    found = model.predict(laid_out(X, layout))
    assert found.dtype == model.dtype
    np.testing.assert_allclose(found, by_reference(model, X), rtol=1e-4, atol=1e-5)
    plain = np.ascontiguousarray(X, model.dtype)
    assert found.tobytes() == model.predict(plain).tobytes()


@given(
    models,
    st.sampled_from(["f2", "f4", "f8"]).flatmap(
        lambda dtype: st.lists(
            st.lists(elements(dtype, finite=False), min_size=COLUMNS, max_size=COLUMNS),
            min_size=1,
            max_size=5,
        ).map(lambda rows: np.array(rows, dtype))
    ),
    layouts,
)
def test_a_row_that_is_not_finite_changes_no_other(model, X, layout):
    found = model.predict(laid_out(X, layout))
    wrong = ~np.isfinite(X).all(axis=1)
    assert np.isnan(found[np.isnan(X).any(axis=1)]).all()
    others = model.predict(np.where(wrong[:, None], 0, X))
    assert found[~wrong].tobytes() == others[~wrong].tobytes()


@given(models, odd_arrays | anything)
def test_what_are_no_rows_is_refused_by_name(model, X):
    found = attempt(lambda: model.predict(X), "X")
    if found is not REFUSED:
        np.testing.assert_allclose(
            found, by_reference(model, np.asarray(X)), rtol=1e-4, atol=1e-5, equal_nan=True
        )


# What `out` may be: how to make it for a result of so many rows and columns.
OUTS = {
    "right": lambda rows, n, dtype, X: np.full((rows, n), 7, dtype),
    "other type": lambda rows, n, dtype, X: np.full((rows, n), 7, "f4" if dtype == "f8" else "f8"),
    "integers": lambda rows, n, dtype, X: np.full((rows, n), 7),
    "swapped": lambda rows, n, dtype, X: np.full((rows, n), 7, dtype.newbyteorder()),
    "columns": lambda rows, n, dtype, X: np.full((n, rows), 7, dtype).T,
    "strided": lambda rows, n, dtype, X: np.full((rows, 2 * n), 7, dtype)[:, ::2],
    "backwards": lambda rows, n, dtype, X: np.full((rows, n), 7, dtype)[::-1],
    "unaligned": lambda rows, n, dtype, X: laid_out(np.full((rows, n), 7, dtype), "unaligned"),
    "readonly": lambda rows, n, dtype, X: laid_out(np.full((rows, n), 7, dtype), "readonly"),
    "more rows": lambda rows, n, dtype, X: np.full((rows + 1, n), 7, dtype),
    "fewer columns": lambda rows, n, dtype, X: np.full((rows, n - 1), 7, dtype),
    "flat": lambda rows, n, dtype, X: np.full(rows * n, 7, dtype),
    "three axes": lambda rows, n, dtype, X: np.full((1, rows, n), 7, dtype),
    "a matrix": lambda rows, n, dtype, X: np.full((rows, n), 7, dtype).view(np.recarray),
    "masked": lambda rows, n, dtype, X: np.ma.array(np.full((rows, n), 7, dtype)),
    "a list": lambda rows, n, dtype, X: [[7.0] * n] * rows,
    "X": lambda rows, n, dtype, X: X,
    "in X": lambda rows, n, dtype, X: X.reshape(-1)[: rows * n].reshape(rows, n),
    "the weights": lambda rows, n, dtype, X: None,
}


@given(models, st.integers(1, 9), st.sampled_from(sorted(OUTS)), st.booleans(), st.data())
def test_a_result_is_written_where_it_fits_and_nothing_elsewhere(model, rows, kind, plain, data):
    n = model.network.output_columns
    X = np.ones((rows, COLUMNS), model.dtype)
    out = OUTS[kind](rows, n, model.dtype, X)
    if kind == "the weights":
        flat = model.parameters.flat
        start = data.draw(st.integers(0, len(flat) - n))
        rows = 1
        out = flat[start : start + n].reshape(1, n)
    given_X = X[:rows] if plain or kind in ("X", "in X") else X[:rows].tolist()
    before = np.array(out, copy=True)
    weights = model.parameters.flat.copy()
    expected = model.predict(np.ones((rows, COLUMNS), model.dtype))
    found = attempt(lambda: model.predict(given_X, out=out), "out")
    if found is REFUSED:
        assert kind != "right"
        np.testing.assert_array_equal(out, before)
        np.testing.assert_array_equal(model.parameters.flat, weights)
    else:
        assert found is out
        assert kind not in ("X", "in X", "the weights")
        np.testing.assert_array_equal(found, expected)


@given(models, anything)
def test_an_out_that_is_no_array_is_refused_by_name(model, out):
    X = np.ones((2, COLUMNS), model.dtype)
    found = attempt(lambda: model.predict(X, out=out), "out")
    assert found is REFUSED or out is None
