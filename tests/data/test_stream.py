"""What a stream is, and what it is told."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse

from fastmlp.data.stream import Stream, is_sequence_of_batches, is_stream

pyarrow = pytest.importorskip("pyarrow")

X = np.arange(200, dtype=np.float32).reshape(100, 2)
T = np.arange(100)


class Indexed:
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return i


class Endless:
    """Has numbered items, but no length."""

    def __getitem__(self, i):
        return i


class Peekable(Endless):
    """An iterator that shows what comes."""

    def __iter__(self):
        return self

    def __next__(self):
        return X, T


class Lazy:
    """An array that is made when it is asked for."""

    def __call__(self):
        return self

    def __array__(self, dtype=None, copy=None):
        return X


class Keras(Indexed):
    """Counts how often it was told of an end."""

    ends = 0

    def on_epoch_end(self):
        self.ends += 1


@pytest.mark.parametrize(
    ("data", "stream", "sequence"),
    [
        (lambda: iter([]), True, False),
        (iter([]), True, False),
        ({1, 2}, True, False),
        (X, False, False),
        (X.tolist(), False, False),
        ([(X, T)], False, True),
        ([(X, T, T)], False, True),
        ([X[:2], X[:2]], False, False),  # two inputs of two rows
        ([[[0.0]] * 4], False, False),  # three axes
        ([(0.0, 1.0)], False, False),
        ([], False, False),
        (Indexed(), False, True),
        (Endless(), False, False),
        (Peekable(), True, False),
        (Lazy(), False, False),
        (range(3), False, True),
        (pd.DataFrame(X), False, False),
        (pd.Series(T), False, False),
        (pyarrow.table({"a": T}), False, False),
        (scipy.sparse.csr_matrix(X), False, False),
        ({"a": X}, False, False),
        ("text", False, False),
        (3, False, False),
    ],
)
def test_arrays_are_told_from_streams(data, stream, sequence):
    assert is_stream(data) is stream
    assert is_sequence_of_batches(data) is sequence


def test_an_object_that_is_indexed_is_gone_through_by_its_length():
    stream = Stream(Indexed())
    assert list(stream.batches()) == list(stream.batches()) == [0, 1, 2]


@pytest.mark.parametrize(("steps", "batches"), [(None, [0, 1, 2]), (2, [0, 1])])
def test_what_wants_to_be_told_of_the_end_of_a_pass_is_told(steps, batches):
    given = Keras()
    assert list(Stream(given, steps).batches()) == batches
    assert given.ends == 1


def test_a_function_without_batches_is_not_called_for_each_step():
    calls = []

    def empty():
        calls.append(1)
        return iter([])

    assert list(Stream(empty, steps=5).batches()) == []
    assert len(calls) <= 2
