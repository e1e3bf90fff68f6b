"""Rows mixed in a window, and Parquet files as streams."""

import itertools
import tracemalloc

import numpy as np
import pytest
import scipy.sparse

import fastmlp as fm
from fastmlp.data.stream import Stream, is_stream
from fastmlp.data.weights import Units
from fastmlp.data.window import mixed, rebatched

pyarrow = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

X = np.arange(200, dtype=np.float32).reshape(100, 2)
T = np.arange(100)


def batches(size=10, rows=100):
    return lambda: ((X[i : i + size], T[i : i + size]) for i in range(0, rows, size))


def rows_of(stream):
    parts = list(stream)
    for inputs, targets in parts:
        np.testing.assert_array_equal(inputs[:, 0], 2 * targets)
    return np.concatenate([targets for _, targets in parts])


def test_weights_of_later_batches_keep_the_unit_of_the_first():
    units = Units()
    assert units.scaled(np.zeros(2), "w", np.float32).tolist() == [0, 0]
    first = units.scaled(np.array([1e-30]), "w", np.float32)
    later = units.scaled(np.array([3e-30, 0.0, 1e-70]), "w", np.float32)
    np.testing.assert_allclose(later, [3 * first[0], 0, 0], rtol=1e-12)
    with pytest.raises(ValueError, match=r"more than 2\^64 times as large as those of the first"):
        units.scaled(np.array([1.0]), "w", np.float32)


@pytest.mark.parametrize("window", [1, 7, 30, 100, 1000])
@pytest.mark.parametrize("size", [1, 10, 64])
def test_every_row_comes_once_in_a_random_order_and_no_earlier_than_the_window(window, size):
    mixed = fm.data.shuffled(batches(size), window=window)
    first, second = rows_of(mixed), rows_of(mixed)
    assert sorted(first) == sorted(second) == list(range(100))
    earlier = first - np.arange(100)  # how far before its place a row has come
    assert earlier.max() <= window
    if window > 1:
        assert (first != second).any()
        assert (first != np.arange(100)).any()


def test_orders_are_the_same_for_the_same_seed_in_each_pass():
    a, b = (fm.data.shuffled(batches(), window=30, seed=3) for _ in range(2))
    c = fm.data.shuffled(batches(), window=30, seed=4)
    for _ in range(2):
        one, two, other = rows_of(a), rows_of(b), rows_of(c)
        np.testing.assert_array_equal(one, two)
        assert (one != other).any()


def test_a_window_of_all_rows_gives_every_order_the_same_chance():
    small = [(np.arange(3.0)[:, None], np.arange(3))]
    mixed = fm.data.shuffled(small, window=3)
    counts = dict.fromkeys(itertools.permutations(range(3)), 0)
    for _ in range(1200):
        ((_, t),) = mixed
        counts[tuple(t.tolist())] += 1
    # χ² of 5 degrees of freedom: 20.5 in one of a thousand draws, and the seed is fixed.
    assert sum((n - 200) ** 2 / 200 for n in counts.values()) < 20.5


@pytest.mark.parametrize("batch_size", [1, 7, 10, 99, 100, 300])
def test_batches_are_made_anew(batch_size):
    sizes = [len(t) for _, t in fm.data.shuffled(batches(), window=20, batch_size=batch_size)]
    full, rest = divmod(100, batch_size)
    assert sizes == [batch_size] * full + [rest] * (rest > 0)
    assert [len(t) for _, t in fm.data.shuffled(batches(30), window=20)] == [30, 30, 30, 10]


def test_rows_are_put_together_in_their_order():
    sizes = [5, 2, 5, 3, 12, 1]  # one of five where others wait
    ends = np.cumsum(sizes)
    pieces = [[np.arange(end - size, end)] for size, end in zip(sizes, ends, strict=True)]
    found = [piece.tolist() for (piece,) in rebatched(pieces, lambda: 5)]
    assert found == [list(range(i, min(i + 5, 28))) for i in range(0, 28, 5)]


def test_pieces_that_come_out_of_a_window_are_as_long_as_those_that_go_in():
    pieces = ([np.arange(i, i + 7)] for i in range(0, 70, 7))
    found = [len(piece) for (piece,) in mixed(pieces, 30, np.random.default_rng(0))]
    assert found == [7] * 6 + [28]  # four whole ones fill the window


@pytest.mark.parametrize("given", [batches(), list(batches()()), tuple(batches()())])
def test_the_order_of_a_pass_follows_from_its_number(given):
    once, later = (fm.data.shuffled(given, window=30) for _ in range(2))
    orders = [rows_of(once) for _ in range(3)]
    assert once.passes == 3
    later.passes = 2
    np.testing.assert_array_equal(rows_of(later), orders[2])


def test_passes_are_told_to_what_counts_them_too():
    inner = fm.data.shuffled(list(batches()()), window=30)
    outer = fm.data.shuffled(inner, window=40)
    outer.passes = 4
    assert inner.passes == 4


def test_several_inputs_may_come_as_a_list():
    stream = [([x, x[:, :1]], t) for x, t in batches()()]
    found = list(fm.data.shuffled(stream, window=30))
    assert [len(t) for _, t in found] == [10] * 10
    for (one, other), t in found:
        np.testing.assert_array_equal(one[:, 0], 2 * t)
        np.testing.assert_array_equal(other[:, 0], 2 * t)


def test_several_arrays_are_mixed_alike():
    def stream():
        for x, t in batches()():
            yield {"a": x, "b": x[:, :1]}, [t, t.astype(np.float64)], t.tolist()

    for X_, (t, other), weight in fm.data.shuffled(stream, window=30, batch_size=16):
        np.testing.assert_array_equal(X_["a"][:, 0], 2 * t)
        np.testing.assert_array_equal(X_["b"][:, 0], 2 * t)
        np.testing.assert_array_equal(other, t)
        np.testing.assert_array_equal(weight, t)


def test_a_generator_is_mixed_once_also_if_it_has_no_end():
    endless = itertools.chain.from_iterable(batches()() for _ in itertools.count())
    mixed = fm.data.shuffled(endless, window=50)
    assert is_stream(mixed)
    assert Stream(mixed).once
    model = fm.MLP([2, 1], seed=0)
    history = model.fit(mixed, steps_per_epoch=5, epochs=3, optimizer=fm.SGD(1e-6))
    assert history.epochs == 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"stream": X}, TypeError, "stream must be a function .* got ndarray"),
        ({"window": 0}, ValueError, "window must be at least 1"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
    ],
)
def test_wrong_arguments_of_shuffled(arguments, error, message):
    with pytest.raises(error, match=message):
        fm.data.shuffled(**{"stream": batches(), **arguments})


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ((X.astype(np.float64), T), ValueError, "other types or columns than the first"),
        ((X[:, :1], T), ValueError, "other types or columns than the first"),
        ((X, T[:50]), ValueError, "arrays of .100, 50. rows"),
        (({"x": X}, T), ValueError, "is not arranged as the first"),
        ((scipy.sparse.csr_matrix(X), T), TypeError, "is a sparse matrix"),
        ((X, T, T, T), TypeError, r"batch 1 of the stream must be \(X, t\)"),
    ],
)
def test_batches_that_cannot_be_mixed(batch, error, message):
    with pytest.raises(error, match=message):
        list(fm.data.shuffled(lambda: iter([(X, T), batch]), window=10))


@pytest.fixture
def files(tmp_path):
    """Two files of 100 rows in row groups of 15, with columns of several types."""
    for i in range(2):
        rows = np.arange(100 * i, 100 * i + 100)
        columns = {
            "a": 2.0 * rows,
            "b": (rows % 2).astype(bool),
            "c": rows.astype(np.int32),
            "w": rows + 1.0,
            "y": rows,
            "text": [str(row) for row in rows],
        }
        parquet.write_table(pyarrow.table(columns), tmp_path / f"{i}.parquet", row_group_size=15)
    return [tmp_path / "0.parquet", tmp_path / "1.parquet"]


def opened(files, **settings):
    return fm.data.Parquet(
        files, **{"target": "y", "columns": ["a", "b", "c"], "batch_size": 32, **settings}
    )


def test_the_rows_of_files_come_as_they_stand(files):
    stream = opened(files, weight="w")
    assert (len(stream), stream.rows) == (7, 200)
    parts = list(stream)
    assert [len(t) for _, t, _ in parts] == [32] * 6 + [8]
    inputs, targets, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    rows = np.arange(200)
    np.testing.assert_array_equal(targets, rows)
    np.testing.assert_array_equal(weights, rows + 1)
    np.testing.assert_array_equal(inputs, np.stack([2 * rows, rows % 2, rows], axis=1))
    assert inputs.dtype == np.float64
    assert repr(stream) == "<Parquet: 2 files, 200 rows, 3 columns, batches of 32>"


def test_columns_of_one_type_stay_what_they_are(files):
    X_, t = next(iter(opened(files, columns=["c"], target=["y", "a"])))
    assert X_.dtype == np.int32
    assert t.shape == (32, 2)
    assert next(iter(opened(files, columns=["b"])))[0].dtype == np.uint8


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize(
    ("first", "second"),
    [([1, 2], [0.5, 1.5]), (np.int8([1, 2]), np.int64([300, 400])), ([True, False], [2, 300])],
)
def test_columns_become_what_holds_those_of_all_files(tmp_path, window, first, second):
    for i, x in enumerate((first, second)):
        parquet.write_table(pyarrow.table({"x": x, "y": x}), tmp_path / f"{i}.parquet")
    paths = [tmp_path / "0.parquet", tmp_path / "1.parquet"]
    ((X, t),) = fm.data.Parquet(paths, target="y", window=window)
    assert sorted(X[:, 0]) == sorted(t) == sorted([*first, *second])


def test_the_rows_of_files_are_mixed_across_row_groups(files):
    stream = opened(files, window=40)
    first, second = (np.concatenate([t for _, t in stream]) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(200))
    assert (first != second).any()
    np.testing.assert_array_equal(first, np.concatenate([t for _, t in opened(files, window=40)]))


def test_a_fit_on_files_is_that_on_their_rows(files):
    rows = np.arange(200)
    inputs = np.stack([2.0 * rows, rows % 2, rows], axis=1)
    a, b = (fm.MLP([3, 4, 1], "tanh", seed=0) for _ in range(2))
    a.fit(inputs, rows, sample_weight=rows + 1, batch_size=32, shuffle=False, epochs=3, seed=0)
    b.fit(opened(files, weight="w"), epochs=3, seed=0)
    assert a.parameters.flat.tobytes() == b.parameters.flat.tobytes()
    assert b.evaluate(opened(files))["loss"] == pytest.approx(a.evaluate(inputs, rows)["loss"])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"target": "z"}, ValueError, "target: .* has no column 'z'"),
        ({"columns": ["a", "text"]}, TypeError, "columns: 'text' of .* holds string"),
        ({"columns": None}, TypeError, "columns: 'text' of .* holds string"),
        ({"columns": "a"}, TypeError, "columns must be names of columns, got 'a'"),
        ({"columns": ["a", "a"]}, ValueError, "columns names a column twice"),
        ({"columns": ["a", "y"]}, ValueError, "columns: .'y'. are targets or weights, too"),
        ({"weight": "a"}, ValueError, "columns: .'a'. are targets or weights, too"),
        ({"weight": 3}, TypeError, "weight must be names of columns"),
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1"),
        ({"window": 0}, ValueError, "window must be at least 1"),
        ({"paths": 3}, TypeError, "paths must be a path or a list of paths, got 3"),
        ({"paths": []}, TypeError, "paths must be a path or a list of paths"),
        ({"paths": "nowhere.parquet"}, FileNotFoundError, "nowhere.parquet"),
    ],
)
def test_wrong_arguments_of_parquet(files, settings, error, message):
    with pytest.raises(error, match=message):
        opened(**{"files": settings.pop("paths", files), **settings})


def test_missing_values_are_an_error_of_the_fit(tmp_path):
    path = tmp_path / "gaps.parquet"
    parquet.write_table(pyarrow.table({"a": [1, None, 3], "y": [0, 1, 0]}), path)
    stream = fm.data.Parquet(path, target="y")
    np.testing.assert_array_equal(next(iter(stream))[0], [[1], [np.nan], [3]])
    with pytest.raises(ValueError, match="batch 0 of the stream: X must hold finite numbers"):
        fm.MLP([1, 1], seed=0).fit(stream)


@pytest.mark.parametrize("window", [2, 100])
def test_missing_values_among_whole_numbers_stay_missing_in_a_window(tmp_path, window):
    path = tmp_path / "gaps.parquet"
    table = pyarrow.table({"a": [1, 2, 3, 4, 5, None], "y": [0] * 6})
    parquet.write_table(table, path, row_group_size=2)
    stream = fm.data.Parquet(path, target="y", window=window)
    for _ in range(5):  # in any order
        found = np.concatenate([X[:, 0] for X, _ in stream])
        np.testing.assert_array_equal(np.sort(found), [1, 2, 3, 4, 5, np.nan])
    with pytest.raises(ValueError, match="X must hold finite numbers"):
        fm.MLP([1, 1], seed=0).fit(stream)


def test_a_file_of_another_kind_is_named(tmp_path):
    path = tmp_path / "rows.parquet"
    path.write_text("a,y\n1,2\n3,4\n5,6\n")
    with pytest.raises(ValueError, match=r"^paths: .*rows.parquet is no Parquet file"):
        fm.data.Parquet(path, target="y")


def test_an_empty_file_says_so(tmp_path):
    path = tmp_path / "empty.parquet"
    parquet.write_table(pyarrow.table({"a": np.zeros(0), "y": np.zeros(0)}), path)
    with pytest.raises(ValueError, match="paths: there are no rows"):
        fm.data.Parquet(path, target="y")


def test_a_file_is_read_piece_by_piece(tmp_path):
    path = tmp_path / "large.parquet"
    columns = {f"x{i}": np.random.default_rng(i).normal(size=300_000) for i in range(20)}
    columns["y"] = np.zeros(300_000)
    parquet.write_table(pyarrow.table(columns), path, row_group_size=20_000)
    stream = fm.data.Parquet(path, target="y", window=5_000)
    held = pyarrow.total_allocated_bytes()
    tracemalloc.start()
    try:
        most, rows = 0, 0
        for X_, _ in stream:
            rows += len(X_)
            most = max(most, pyarrow.total_allocated_bytes() - held)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert rows == 300_000
    assert path.stat().st_size > 40e6
    assert most + peak < 25e6
