"""Streams of batches in `fit` and `evaluate`: the same training as on arrays, read ahead."""

import _thread
import itertools
import threading
import time
import traceback
import tracemalloc

import numpy as np
import pytest
import scipy.sparse

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.networks.batches import Joining
from fastmlp.training.streams import Reader

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 6)).astype(np.float32)
T = RNG.integers(0, 3, 300)
W = RNG.uniform(0.1, 2.0, 300)


def model(seed=0, dropout=0.3, dtype="float32", units=16):
    layers = [fm.Dense(units, "relu"), fm.Dropout(dropout), fm.Dense(3, "softmax")]
    return fm.Sequential(layers, input_columns=6, seed=seed, dtype=dtype)


def batches(*arrays, size=32):
    """Return a function that gives the rows as they stand."""
    return lambda: (
        tuple(a[i : i + size] for a in arrays) for i in range(0, arrays[0].shape[0], size)
    )


def no_reader_is_left():
    return not [t for t in threading.enumerate() if t.name == "fastmlp reader"]


@pytest.fixture(autouse=True)
def _threads_end():
    yield
    for _ in range(100):
        if no_reader_is_left():
            return
        time.sleep(0.01)
    raise AssertionError("a thread that reads was left behind")


def both(stream, *, twin=model, data=(X, T), size=32, **settings):
    """Return two models and histories of the same fit, of arrays and of a stream."""
    settings = {"epochs": 3, "seed": 1, "metrics": ["accuracy"], **settings}
    of_arrays, of_stream = twin(), twin()
    weight = data[2] if len(data) > 2 else None
    a = of_arrays.fit(*data[:2], sample_weight=weight, batch_size=size, shuffle=False, **settings)
    b = of_stream.fit(stream, **settings)
    return of_arrays, of_stream, a, b


def same_bits(a, b):
    return a.parameters.flat.tobytes() == b.parameters.flat.tobytes()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "optimizer",
    [
        "adam",
        fm.SGD(0.1, momentum=0.9),
        fm.Adam(fm.CosineDecay(0.01, steps=25)),
    ],
    ids=["adam", "momentum", "schedule"],
)
def test_a_stream_trains_as_arrays_in_their_order_bit_for_bit(dtype, optimizer):
    a, b, of_arrays, of_stream = both(
        batches(X, T),
        twin=lambda: model(dtype=dtype),
        optimizer=optimizer,
        l2=1e-3,
        validation_data=(X[:50], T[:50]),
    )
    assert same_bits(a, b)
    assert dict(of_arrays) == dict(of_stream)


@pytest.mark.parametrize("size", [1, 7, 64, 256, 299, 300, 1000])
def test_the_bits_do_not_depend_on_how_batches_are_joined_to_chunks(size, monkeypatch):
    # 256 rows are cut into lanes; the last batch is short for most of these sizes.
    wide = lambda: model(units=64)  # noqa: E731
    for numbers in (1, 1 << 20):
        monkeypatch.setattr("fastmlp.networks.batches.CHUNK_NUMBERS", numbers)
        a, b, of_arrays, of_stream = both(batches(X, T, size=size), size=size, twin=wide)
        assert same_bits(a, b)
        assert dict(of_arrays) == dict(of_stream)


def test_a_slow_stream_is_trained_on_as_it_comes():
    def slow():
        for batch in batches(X, T)():
            time.sleep(0.002)
            yield batch

    a, b, *_ = both(slow)
    assert same_bits(a, b)


def test_weights_of_the_rows_are_in_the_batches_and_may_vanish_in_one():
    weights = W.copy()
    weights[32:64] = 0
    a, b, of_arrays, of_stream = both(batches(X, T, weights), data=(X, T, weights))
    assert same_bits(a, b)
    assert dict(of_arrays) == dict(of_stream)


@pytest.mark.parametrize("unit", [1e-30, 1e30])
def test_weights_may_be_in_any_unit(unit):
    a, b, of_arrays, of_stream = both(batches(X, T, W * unit), data=(X, T, W))
    for name, values in of_arrays.items():
        np.testing.assert_allclose(of_stream[name], values, rtol=1e-5)
    np.testing.assert_allclose(a.parameters.flat, b.parameters.flat, rtol=1e-3, atol=1e-5)


def test_weights_of_classes_count_batch_by_batch():
    settings = {"class_weight": {0: 3.0, 2: 0.5}}
    a, b, of_arrays, of_stream = both(batches(X, T), **settings)
    assert same_bits(a, b)
    assert dict(of_arrays) == dict(of_stream)


def test_sparse_batches_train_as_a_sparse_matrix():
    sparse = scipy.sparse.csr_matrix(np.where(np.abs(X) > 1, X, 0))
    a, b, of_arrays, of_stream = both(batches(sparse, T), data=(sparse, T))
    assert same_bits(a, b)
    assert dict(of_arrays) == dict(of_stream)


def test_several_inputs_and_outputs_come_as_dicts_or_lists():
    def two():
        x, z = fm.Input(2, name="x"), fm.Input(4, name="z")
        h = fm.Dense(8, "tanh")(fm.concat([x, z]))
        outputs = {"kind": fm.Dense(3, "softmax")(h), "size": fm.Dense(1)(h)}
        return fm.Model([x, z], outputs, seed=0)

    inputs, targets = {"x": X[:, :2], "z": X[:, 2:]}, {"kind": T, "size": X[:, 0] ** 2}
    weights = {"kind": W, "size": None}

    def stream():
        for i in range(0, 300, 32):
            rows = slice(i, i + 32)
            parts = [
                {k: None if v is None else v[rows] for k, v in d.items()}
                for d in (inputs, targets, weights)
            ]
            parts[0] = list(parts[0].values())
            yield tuple(parts)

    settings = {"twin": two, "metrics": {"kind": ["accuracy"]}}
    a, b, of_arrays, of_stream = both(stream, data=(inputs, targets, weights), **settings)
    assert same_bits(a, b)
    assert dict(of_arrays) == dict(of_stream)


class Tensor:
    """What gives its numbers by `__array__` alone, as those of PyTorch."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)

    def __len__(self):
        return len(self.values)


class Loader:
    """As PyTorch's: iterated over again, gives lists, cannot be indexed."""

    def __iter__(self):
        return ([Tensor(x), Tensor(t)] for x, t in batches(X, T)())

    def __len__(self):
        return 10


class Sequence:
    """As Keras's: indexed, no iterator, does not say where it ends, told of the end of an epoch."""

    ended = 0

    def __len__(self):
        return 10

    def __getitem__(self, i):
        return X[32 * i : 32 * i + 32], T[32 * i : 32 * i + 32]

    def on_epoch_end(self):
        self.ended += 1


@pytest.mark.parametrize("make", [Loader, Sequence, lambda: list(batches(X, T)())])
def test_loaders_sequences_and_lists_of_batches_are_streams(make):
    stream = make()
    a, b, *_ = both(stream)
    assert same_bits(a, b)
    assert a.evaluate(X, T)["loss"] == pytest.approx(a.evaluate(stream)["loss"], rel=1e-6)
    assert getattr(stream, "ended", 4) == 4


SIZES = [20, 20, 20, 50, 50, 7, 7, 1, 1, 60, 64]
# Rows of a batch, and all rows, where nobody waits: one that is shorter is the last of its chunk,
# the third and the ninth are of other types.
CHUNKS = [(20, 40), (20, 20), (50, 107), (7, 8), (1, 1), (60, 60), (64, 64)]


@pytest.mark.parametrize("waiting", [True, False])
def test_batches_may_change_their_type_and_their_size(waiting, monkeypatch):
    stops = np.cumsum(SIZES)

    def stream():
        for i, (stop, rows) in enumerate(zip(stops, SIZES, strict=True)):
            part, other = slice(stop - rows, stop), i in (2, 8)
            yield (
                X[part].astype(np.float64 if other else "f4"),
                T[part].astype("u1" if other else int),
            )

    chunks, chunk = [], Joining.chunk

    def told(joining, *, last):
        made = chunk(joining, last=last)
        chunks.append((made.batch_size, made.data.rows))
        return made

    monkeypatch.setattr(Joining, "chunk", told)
    monkeypatch.setattr(Reader, "_wanted", lambda reader: waiting)
    by_hand, streamed = model(dropout=0), model(dropout=0)
    trainer = by_hand.trainer(optimizer="adam")
    for batch in stream():
        trainer.step(*batch)
    streamed.fit(stream, epochs=1)
    assert same_bits(by_hand, streamed)
    assert waiting or chunks == CHUNKS


def test_a_generator_may_fill_the_same_array_again():
    def stream():
        rows, labels = np.empty((30, 6), np.float32), np.empty(30, np.int64)
        for i in range(0, 300, 30):
            rows[...], labels[...] = X[i : i + 30], T[i : i + 30]
            yield rows, labels

    a, b, *_ = both(stream, size=30)
    assert same_bits(a, b)


def test_a_sequential_is_built_by_the_first_batch():
    layers = lambda: fm.Sequential([fm.Dense(4, "tanh"), fm.Dense(3, "softmax")], seed=0)  # noqa: E731
    a, b, *_ = both(batches(X, T), twin=layers)
    assert same_bits(a, b)


def test_a_generator_is_one_epoch_and_is_not_gone_through_twice():
    trained = model()
    stream = batches(X, T)()
    with pytest.raises(
        ValueError, match=r"X can be gone through once \(generator\), and is needed"
    ):
        trained.fit(stream)
    history = trained.fit(batches(X, T)(), epochs=1)
    assert history.epochs == 1


def test_steps_per_epoch_go_on_where_the_last_epoch_ended():
    endless = itertools.chain.from_iterable(batches(X, T)() for _ in itertools.count())
    a, b = model(), model()
    a.fit(X[:288], T[:288], batch_size=32, shuffle=False, epochs=1, seed=1)
    history = b.fit(endless, steps_per_epoch=3, epochs=3, seed=1)
    assert same_bits(a, b)
    assert history.epochs == 3
    # Nothing was read ahead of what was asked for.
    np.testing.assert_array_equal(next(endless)[0], X[288:])


def test_steps_per_epoch_begin_a_stream_again_where_it_ends():
    seen = []

    def stream():
        seen.append(0)
        yield from batches(X, T)()

    model().fit(stream, steps_per_epoch=4, epochs=6)
    assert len(seen) == 3


def test_a_generator_that_ends_early_stops_the_fit_with_what_was_done():
    trained = model()
    with pytest.warns(UserWarning, match="ended in epoch 3, after 2 of its 4 batches"):
        history = trained.fit(batches(X, T)(), steps_per_epoch=4, epochs=5)
    assert history.epochs == 2
    assert history.stopped == "the stream ended in epoch 3, after 2 of its 4 batches"
    assert trained._trainer.state.steps == 10


def test_a_stream_that_is_gone_through_once_validates_one_epoch_by_means_of_batches():
    trained = model()
    history = trained.fit(X, T, validation_data=batches(X, T)(), epochs=1)
    assert len(history["val_loss"]) == 1
    for settings in ({"epochs": 2}, {"epochs": 1, "metrics": ["log_loss"]}):
        with pytest.raises(ValueError, match=r"validation_data can be .* needed 2 times"):
            trained.fit(X, T, validation_data=batches(X, T)(), **settings)


def test_validation_data_may_be_a_stream():
    arrays, streamed = model(), model()
    settings = {"epochs": 3, "seed": 1, "metrics": ["accuracy", "auc_of_first"]}
    settings["metrics"][1] = lambda y_true, y_pred: float(y_pred[:, 0] @ (y_true == 0))
    a = arrays.fit(X, T, validation_data=(X[:90], T[:90], W[:90]), **settings)
    b = streamed.fit(X, T, validation_data=batches(X[:90], T[:90], W[:90]), **settings)
    assert same_bits(arrays, streamed)
    for name, values in a.items():
        np.testing.assert_allclose(b[name], values, rtol=1e-6, err_msg=name)


def test_metrics_of_all_rows_take_another_pass_over_the_stream():
    passes = []

    def stream():
        passes.append(0)
        return batches(X, T)()

    a, b, of_arrays, of_stream = both(stream, metrics=["log_loss", "accuracy"])
    assert same_bits(a, b)
    np.testing.assert_allclose(of_stream["log_loss"], of_arrays["log_loss"], rtol=1e-6)
    assert len(passes) == 6


def test_evaluate_is_of_all_rows():
    trained = model()
    for metrics in (["accuracy"], ["accuracy", "log_loss"]):
        expected = trained.evaluate(X, T, sample_weight=W, metrics=metrics, l2=0.1)
        found = trained.evaluate(batches(X, T, W), metrics=metrics, l2=0.1)
        assert list(found.keys()) == list(expected.keys())
        np.testing.assert_allclose(list(found), list(expected), rtol=1e-6)


def test_what_is_evaluated_does_not_depend_on_when_batches_come():
    def slow(*arrays):
        for batch in batches(*(arrays or (X, T, W)))():
            time.sleep(0.002)
            yield batch

    def of_rows(y, t):
        """Return one number for all rows that are evaluated at once."""
        return g.sum(g.log(y)) ** 2 * g.mean(t)

    trained = model(dtype="float64")
    at_once = trained.evaluate(batches(X, T), metrics=[of_rows])
    assert trained.evaluate(lambda: slow(X, T), metrics=[of_rows]) == at_once
    settings = {"epochs": 3, "metrics": ["log_loss", "accuracy"], "seed": 0}
    one, other = (
        model(dtype="float64").fit(stream, validation_data=stream, **settings)
        for stream in (batches(X, T, W), slow)
    )
    assert one == other


def test_callbacks_hear_of_each_epoch_before_the_next_is_opened():
    events = []

    def stream():
        events.append("opened")
        yield from batches(X, T)()

    history = model().fit(
        stream,
        epochs=5,
        callbacks=[lambda model, epoch, logs: events.append(epoch) or epoch == 3],
    )
    assert events == ["opened", 1, "opened", 2, "opened", 3]
    assert history.epochs == 3


def test_an_exception_of_the_stream_comes_up_with_its_traceback():
    def stream():
        for i, batch in enumerate(batches(X, T)()):
            if i == 5:
                raise OSError("the disk is gone")
            yield batch

    trained = model()
    trained.fit(batches(X, T), epochs=1, seed=1)
    before = trained._trainer.state.steps
    with pytest.raises(OSError, match="the disk is gone") as caught:
        trained.fit(stream, epochs=1, seed=1)
    assert "stream" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert trained.history.stopped == "ended by OSError in epoch 1"
    assert trained.history.epochs == 0
    # The five batches before it were trained on, and the state of the optimizer is theirs.
    assert trained._trainer.state.steps - before == 5
    twin = model()
    twin.fit(batches(X, T), epochs=1, seed=1)
    twin.fit(batches(X[:160], T[:160]), epochs=1, seed=1)
    assert same_bits(trained, twin)


def test_a_wrong_batch_is_named_and_those_before_it_count():
    def stream():
        yield from itertools.islice(batches(X, T)(), 3)
        bad = X[:32].copy()
        bad[4, 1] = np.nan
        yield bad, T[:32]

    trained = model()
    with pytest.raises(ValueError, match=r"batch 3 of the stream: X must .* row 4, column 1"):
        trained.fit(stream, epochs=2)
    assert trained._trainer.state.steps == 3


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((X[:32, :5], T[:32]), "batch 2 of the stream: X must have shape"),
        ((X[:32], T[:31]), "batch 2 of the stream: t must have as many rows"),
        ((X[:32], T[:32] + 1), "batch 2 of the stream: t has .* out of range"),
        ((X[:32], T[:32], W[:32]), "batch 2 of the stream: weights: the first batch has"),
        ((X[:0], T[:0]), "batch 2 of the stream: X is empty"),
        ((X[:32], np.full((32, 3), 1 / 3)), "batch 2 of the stream: columns of the targets"),
    ],
)
def test_a_batch_must_be_like_the_first(batch, message):
    with pytest.raises(ValueError, match=message):
        model().fit(lambda: iter([(X[:32], T[:32]), (X[32:64], T[32:64]), batch]))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: 3, "given as validation_data returned int"),
        (lambda: [3], "batch 0 of validation_data: a batch must be .* got int"),
    ],
)
def test_a_wrong_stream_of_validation_data_is_called_so(wrong, message):
    with pytest.raises(TypeError, match=message):
        model().fit(lambda: iter([(X, T)]), validation_data=wrong, verbose=False)


@pytest.mark.parametrize("batch", [X, {"X": X, "t": T}, (X,), (X, T, W, W)])
def test_a_batch_is_a_pair_or_a_triple(batch):
    with pytest.raises(TypeError, match=r"batch 0 of the stream must be \(X, t\) or"):
        model().fit(lambda: iter([batch]))


def test_a_fit_that_needs_all_rows_says_so(tmp_path):
    with pytest.raises(ValueError, match="LBFGS needs all rows at once, in arrays"):
        model(dropout=0).fit(batches(X, T), optimizer=fm.LBFGS())
    for stream in (batches(X, T), batches(X, T)()):
        with pytest.raises(ValueError, match="does not begin again with each epoch cannot be"):
            model().fit(stream, steps_per_epoch=3, callbacks=[fm.Checkpoint(tmp_path)])


@pytest.mark.parametrize(
    "make",
    [
        lambda: batches(X, T),
        lambda: fm.data.shuffled(batches(X, T), window=100),
        lambda: fm.data.shuffled(fm.data.shuffled(batches(X, T), window=50), window=20),
    ],
    ids=["function", "shuffled", "twice"],
)
@pytest.mark.parametrize("metrics", [["accuracy"], ["accuracy", "log_loss"]])
def test_a_resumed_fit_has_the_bits_of_one_that_was_never_stopped(make, metrics, tmp_path):
    class KilledError(Exception):
        pass

    def kill(model, epoch, logs):
        if epoch == 3:
            raise KilledError

    settings = {"epochs": 6, "seed": 1, "metrics": metrics}
    whole, killed, resumed = model(), model(), model()
    a = whole.fit(make(), **settings)
    with pytest.raises(KilledError):
        killed.fit(make(), callbacks=[fm.Checkpoint(tmp_path), kill], **settings)
    b = resumed.fit(make(), callbacks=[fm.Checkpoint(tmp_path)], **settings)
    assert same_bits(whole, resumed)
    assert dict(a) == dict(b)


def test_statistics_and_averages_of_weights_go_on_from_chunk_to_chunk(monkeypatch):
    monkeypatch.setattr("fastmlp.networks.batches.CHUNK_NUMBERS", 1)

    def normed():
        layers = [fm.Dense(16), fm.BatchNorm(), fm.Activation("relu"), fm.Dense(3, "softmax")]
        return fm.Sequential(layers, input_columns=6, seed=0)

    optimizer = fm.AdamW(1e-2, ema=0.9, clip_norm=0.5)
    a, b, of_arrays, of_stream = both(batches(X, T), twin=normed, optimizer=optimizer)
    assert same_bits(a, b)
    assert dict(of_arrays) == dict(of_stream)


def test_categories_of_an_embedding_are_checked_in_each_batch():
    rows = RNG.integers(0, 5, (300, 2))
    net = lambda: fm.Sequential(  # noqa: E731
        [fm.Embedding([5, 5], 4), fm.Dense(3, "softmax")], input_columns=2, seed=0
    )
    a, b, *_ = both(batches(rows, T), twin=net, data=(rows, T))
    assert same_bits(a, b)
    rows[200, 1] = 5
    with pytest.raises(ValueError, match=r"batch 6 of the stream: .* 5 categories, got 5 in row 8"):
        net().fit(batches(rows, T))


def test_streams_may_use_other_models_also_while_a_model_is_built():
    other = fm.Sequential([fm.Dense(6, "tanh")], seed=0)

    def through():
        for x, t in batches(X, T)():
            yield other.copy().predict(x), t

    trained = fm.Sequential([fm.Dense(3, "softmax")], seed=0)
    assert trained.fit(through, epochs=1, validation_data=through).epochs == 1


def test_a_stream_that_asks_the_model_itself_gets_an_error():
    trained = model()

    def asking():
        for x, t in batches(X, T)():
            trained.predict(x)
            yield x, t

    with pytest.raises(RuntimeError, match="predict: another thread is in fit"):
        trained.fit(asking)


@pytest.mark.parametrize("stream", [batches(X, T), batches(X, T)(), Loader()])
def test_predict_says_how_to_predict_batches(stream):
    with pytest.raises(TypeError, match="predict takes arrays, and X gives batches"):
        model().predict(stream)


def test_the_first_batch_is_checked_before_anything_changes():
    trained = model()
    before = trained.parameters.flat.copy()
    with pytest.raises(ValueError, match="batch 0 of the stream: X must have shape"):
        trained.fit(batches(X[:, :4], T))
    assert trained.history is None
    np.testing.assert_array_equal(trained.parameters.flat, before)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"batch_size": 16}, ValueError, "batch_size=16: a stream gives batches of its own"),
        ({"batch_size": None}, ValueError, "batch_size=None: a stream gives batches"),
        ({"shuffle": True}, ValueError, r"shuffle=True: .* fastmlp.data.shuffled"),
        ({"sample_weight": W}, ValueError, "sample_weight: the weights of a stream are in its"),
        ({"validation_split": 0.1}, ValueError, "validation_split=0.1: a stream has no last rows"),
        ({"class_weight": "balanced"}, ValueError, "class_weight='balanced' needs all rows"),
        ({"steps_per_epoch": 0}, ValueError, "steps_per_epoch must be at least 1"),
        ({"steps_per_epoch": 2.0}, TypeError, "steps_per_epoch must be an integer"),
        ({"steps_per_epoch": 3, "metrics": ["log_loss"]}, ValueError, "metrics: log_loss"),
        ({"t": T}, TypeError, "X gives batches .function., which have their targets in them"),
        (
            {"validation_data": iter([(X, T)])},
            ValueError,
            "validation_data can be gone through once",
        ),
        ({"validation_data": lambda: iter([])}, ValueError, "validation_data gave no batch"),
    ],
)
def test_what_a_stream_cannot_be_asked_for(settings, error, message):
    trained = model()
    with pytest.raises(error, match=message):
        trained.fit(batches(X, T), **settings)
    assert trained.history is None
    assert trained._trainer is None


@pytest.mark.parametrize("data", [X, X.tolist(), {"x": X}, scipy.sparse.csr_matrix(X), 3, "abc"])
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_arrays_without_targets_are_told_that_they_are_missing(data, method):
    with pytest.raises(TypeError, match="t is missing: arrays come as"):
        getattr(model(), method)(data)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
@pytest.mark.parametrize("data", [(X, T), [X, T, np.ones(len(X))]])
def test_parts_of_a_tuple_are_to_be_given_one_by_one(data, method):
    message = (
        rf"t is missing: X is a (tuple|list) of {len(data)} arrays; .* call with \(data\[0\], "
    )
    with pytest.raises(TypeError, match=message) as told:
        getattr(model(), method)(data)
    rest = {2: "data[1])", 3: "data[1], sample_weight=data[2])"}
    assert str(told.value).endswith(rest[len(data)])


class OfRows:
    """Gives single rows by their numbers, as a Dataset of PyTorch does."""

    def __len__(self):
        return len(X)

    def __getitem__(self, i):
        return X[i], T[i]


def test_single_rows_are_to_be_made_batches_of():
    message = "batch 0 of the stream: X must have shape .*; of single rows make batches, as PyTorch"
    for method in ("fit", "evaluate"):
        with pytest.raises(ValueError, match=message):
            getattr(model(), method)(OfRows())
    with pytest.raises(ValueError, match=r"validation_data: .* make batches, as PyTorch"):
        model().fit(X, T, validation_data=OfRows())
    with pytest.raises(ValueError, match="X must have shape") as other:
        model().fit([(X[:, :1], T)])
    assert "single rows" not in str(other.value)
    of_one = fm.MLP([1, 1])
    with pytest.raises(ValueError, match=r"X has \d+, t has \d+$"):  # n numbers are n rows
        of_one.fit([(X[:, 0], T[1:])])
    with pytest.raises(ValueError, match="of single rows make batches"):
        of_one.fit(lambda: iter([(X[0, 0], T[0])]))


def test_a_dict_is_no_batch_and_its_keys_are_told():
    rows = [{"a": X, "b": T}]
    message = r"batch 0 .* must be \(X, t\) .*, got dict with the keys \['a', 'b'\]: of such"
    with pytest.raises(TypeError, match=message):
        model().fit(lambda: iter(rows))
    with pytest.raises(TypeError, match=r"batch 0 .* must be \(X, t\) .*, got 1 part"):
        model().fit(lambda: iter([(X,)]))
    with pytest.raises(TypeError, match=r"batch 0 .* must be \(X, t\) .*, got 0 parts"):
        model().fit(lambda: iter([()]))


def test_steps_per_epoch_are_for_streams():
    with pytest.raises(ValueError, match="steps_per_epoch is for streams"):
        model().fit(X, T, steps_per_epoch=3)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_where_the_system_starts_no_thread_a_stream_says_that_it_needs_one(method, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    network = model()
    before = network.parameters.flat.copy()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        with pytest.raises(
            RuntimeError, match=r"^X is a stream, .* thread of its own: can't start"
        ):
            getattr(network, method)(batches(X, T))
    np.testing.assert_array_equal(network.parameters.flat, before)
    network.fit(batches(X, T), epochs=1)  # nothing is held


def test_a_stream_without_batches_says_so():
    with pytest.raises(ValueError, match="X gave no batch"):
        model().fit(list)
    same = batches(X, T)()
    with pytest.raises(ValueError, match="a function must return a new iterator each time"):
        model().fit(lambda: same)
    with pytest.raises(TypeError, match="returned int, expected an iterator of batches"):
        model().fit(lambda: 3)


def test_a_loss_that_explodes_stops_with_finite_weights():
    trained = model()
    with pytest.warns(fm.NonFiniteLossWarning, match="became NaN or infinite in epoch 1"):
        history = trained.fit(batches(1e15 * X, T), optimizer=fm.SGD(1e30), epochs=3)
    assert np.isfinite(trained.parameters.flat).all()
    assert history.epochs == 0


@pytest.mark.parametrize("where", ["training", "waiting", "reading"])
def test_ctrl_c_ends_the_fit_and_the_thread(where):
    pressed = []

    def press():
        pressed.append(time.perf_counter())
        _thread.interrupt_main()

    # Python itself drops an exception that comes up in a finalizer: the user presses once more.
    again = threading.Timer(5.0, press)
    again.start()

    def stream():
        for i in itertools.count():
            if where == "waiting" and i == 20:
                threading.Timer(0.05, press).start()
                time.sleep(0.4)
            if where == "reading" and i == 20:
                press()
            yield X[:200], T[:200]

    if where == "training":
        threading.Timer(0.3, press).start()
    trained = model(units=256)
    with pytest.raises(KeyboardInterrupt):
        trained.fit(stream, epochs=1)
    again.cancel()
    assert time.perf_counter() - pressed[-1] < 4.0  # 0.1 where nobody else computes
    assert trained.history.stopped == "interrupted in epoch 1"
    steps, weights = trained._trainer.state.steps, trained.parameters.flat
    assert np.isfinite(weights).all()
    twin = model(units=256)
    twin.fit(lambda: itertools.repeat((X[:200], T[:200]), steps), epochs=1, seed=None)
    assert same_bits(trained, twin)
    assert trained.fit(batches(X, T), epochs=1).epochs == 1


def test_memory_stays_bounded_however_long_the_stream_is():
    rows = np.zeros((256, 500), np.float32)

    def stream():
        for i in range(400):
            yield rows + i / 400, np.arange(256) % 3

    net = fm.Sequential([fm.Dense(3, "softmax")], input_columns=500, seed=0)
    tracemalloc.start()
    try:
        net.fit(stream, epochs=1)
        net.evaluate(stream)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert 400 * rows.nbytes > 200e6
    assert peak < 50e6


def test_a_memory_map_is_trained_on_in_place_and_in_a_random_order(tmp_path):
    path = tmp_path / "rows.npy"
    stored = np.lib.format.open_memmap(path, "w+", np.float32, (80_000, 200))
    stored[...] = RNG.normal(size=(1, 200))
    labels = np.arange(80_000) % 3
    mapped = np.load(path, mmap_mode="r")
    net = lambda: fm.Sequential([fm.Dense(3, "softmax")], input_columns=200, seed=0)  # noqa: E731
    mixed = fm.data.shuffled(batches(mapped, labels, size=256), window=2000)
    for train in (lambda: net().fit(mapped, labels, epochs=1), lambda: net().fit(mixed, epochs=1)):
        tracemalloc.start()
        try:
            train()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert stored.nbytes > 60e6
        assert peak < 30e6
