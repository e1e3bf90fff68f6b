"""Sparse matrices, sound and spoilt: the numbers of dense ones, or a refusal, never a crash."""

from __future__ import annotations

import numpy as np
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

import fastmlp as fm
from fastmlp import graph as g
from fastmlp import planner
from fastmlp.data.sparse import CompressedRows
from properties import NUMBERS, REFUSED, attempt

COLUMNS = 5
MODEL = fm.MLP([COLUMNS, 4, 3], "tanh", output="softmax", seed=0)
START = MODEL.get_weights()
X = g.input(COLUMNS, "x")
# As a factor of a product, and made dense.
PLANS = [
    planner.plan([g.matmul(X, np.arange(COLUMNS * 2.0).reshape(COLUMNS, 2))], dtype="float64"),
    planner.plan([X + 0.0], dtype="float64"),
]


@st.composite
def lists(draw):
    """Elements, columns and row ends of some rows: unsorted, doubled, of any types."""
    lengths = draw(st.lists(st.integers(0, 7), min_size=1, max_size=6))
    count = sum(lengths)
    kind = draw(st.sampled_from([d for d in NUMBERS if d not in ("g", "?")]))
    index = draw(st.sampled_from(["i4", "i8"]))
    data = draw(st.lists(st.integers(0, 4), min_size=count, max_size=count))
    columns = draw(st.lists(st.integers(0, COLUMNS - 1), min_size=count, max_size=count))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return np.array(data, kind), np.array(columns, index), ends.astype(index)


@st.composite
def spoilt(draw):
    """The same with one thing wrong."""
    data, columns, ends = draw(lists())
    wild = st.sampled_from([-1, -(2**31), COLUMNS, COLUMNS + 1, 2**31 - 1, 1000])
    what = draw(st.sampled_from(["column", "end", "first end", "last end", "less", "types"]))
    if what == "column" and len(columns):
        columns[draw(st.integers(0, len(columns) - 1))] = draw(wild)
    elif what == "end" and len(ends) > 2:
        ends[draw(st.integers(1, len(ends) - 2))] = draw(wild)
    elif what == "first end":
        ends[0] = draw(wild)
    elif what == "last end":
        ends[-1] = draw(wild)
    elif what == "less":
        columns = columns[: len(columns) // 2]
    elif what == "types":
        kind = draw(st.sampled_from(["i2", "u4", "f8", "O", "c16"]))
        if draw(st.booleans()):
            columns, ends = columns.astype(kind), ends.astype(kind)
        else:
            data = data.astype(draw(st.sampled_from(["c16", "O", "U1", "M8[s]"])))
    return data, columns, ends


def dense_of(data, columns, ends):
    result = np.zeros((len(ends) - 1, COLUMNS))
    np.add.at(result, (np.repeat(np.arange(len(result)), np.diff(ends)), columns), data)
    return result


def as_scipy(data, columns, ends):
    """A matrix of SciPy's with these parts, which it has not checked."""
    matrix = scipy.sparse.csr_array((len(ends) - 1, COLUMNS), dtype=np.float64)
    matrix.data, matrix.indices, matrix.indptr = data, columns, ends
    return matrix


def is_sound(data, columns, ends):
    kinds = data.dtype.kind in "biuf" and columns.dtype.kind in "iu" and ends.dtype.kind in "iu"
    if not kinds or ends[0] < 0 or ends[-1] > min(len(data), len(columns)):
        return False
    used = columns[: len(columns)]
    return bool((np.diff(ends) >= 0).all() and ((used >= 0) & (used < COLUMNS)).all())


@given(lists())
def test_lists_in_any_order_with_doubles_are_what_they_are_when_dense(parts):
    dense = dense_of(*parts)
    rows = CompressedRows(*parts, dense.shape)
    for plan in PLANS:
        np.testing.assert_allclose(plan.run({X: rows})[0], plan.run({X: dense})[0], rtol=1e-12)
    if parts[0].dtype != np.float16:  # which SciPy does not have
        found = MODEL.predict(as_scipy(*parts))
        np.testing.assert_allclose(found, MODEL.predict(dense), rtol=1e-4, atol=1e-6)


@given(spoilt())
def test_spoilt_lists_are_refused_and_nothing_changes(parts):
    rows = CompressedRows(*parts, (len(parts[2]) - 1, COLUMNS))
    for plan in PLANS:
        found = attempt(lambda plan=plan: plan.run({X: rows}), "feeds")
        if found is not REFUSED:
            assert is_sound(*parts)


@given(spoilt())
def test_a_spoilt_matrix_is_refused_by_predict_and_fit(parts):
    matrix = as_scipy(*parts)
    MODEL.set_weights(START)
    t = np.zeros(len(parts[2]) - 1, int)
    done = attempt(lambda: MODEL.fit(matrix, t, epochs=1, verbose=False), "X", "feeds")
    if done is REFUSED:
        for one, other in zip(MODEL.get_weights(), START, strict=True):
            np.testing.assert_array_equal(one, other)
    else:
        assert is_sound(*parts)
    predicted = attempt(lambda: MODEL.predict(matrix), "X", "feeds")
    assert predicted is REFUSED or is_sound(*parts)
