"""The core reads examples of every kind for single steps, and leaves the wrong ones alone."""

import numpy as np
import pytest

import fastmlp as fm
from stepped import RNG, T, X, check_same, count_slow, network, slow

KINDS = {
    "float32": X.astype("f4"),
    "float16": X.astype("f2"),
    "int64": (3 * X).astype("i8"),
    "uint8": np.abs(3 * X).astype("u1"),
    "bool": X > 0,
    "columns first": np.asfortranarray(X),
    "part": np.repeat(np.repeat(X, 2, 0), 2, 1)[::2, ::2],
    "reversed": np.ascontiguousarray(X[::-1])[::-1],
    "one row for all": np.broadcast_to(X[:1], X.shape),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_any_numbers_and_strides_are_read(kind, dtype, monkeypatch):
    check_same(lambda: network(dtype), [(KINDS[kind], T)] * 3, monkeypatch, alone=1)


ONE_HOT = np.eye(3)[T]
TARGETS = {
    "int32 labels": (network, T.astype("i4"), 1, None),
    "float labels in a column": (network, T[:, None].astype("f4"), 1, None),
    "one-hot": (network, ONE_HOT, 1, None),
    "one-hot truths": (network, ONE_HOT > 0, 1, "focal"),
    "probabilities": (network, 0.5 * ONE_HOT + 0.5 / 3, 1, None),
    "probabilities, some of them one-hot": (
        network,
        np.where(np.arange(23)[:, None] % 2, ONE_HOT, 1 / 3),
        1,
        None,
    ),
    "numbers": (lambda: network(output="identity"), X[:, :3], 1, "squared_error"),
    "numbers in a vector": (lambda: network(output="identity", columns=1), X[:, 0], 1, "huber"),
    "quantiles": (
        lambda: network(output="identity"),
        X[:, :1],
        1,
        fm.losses.Quantile((0.1, 0.5, 0.9)),
    ),
    "probabilities of one": (
        lambda: network(output="logistic", columns=1),
        T / 2,
        1,
        "binary_cross_entropy",
    ),
    "truths": (lambda: network(output="logistic", columns=1), T > 0, 1, "binary_cross_entropy"),
    "classes 0 and 1": (lambda: network(output="identity", columns=1), T > 0, 1, "hinge"),
    "classes −1 and 1": (
        lambda: network(output="identity", columns=1),
        2 * (T > 0) - 1,
        1,
        "hinge",
    ),
    "counts": (lambda: network(output="exp", columns=1), T, 1, "poisson"),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_targets_of_each_kind(kind, monkeypatch):
    make, t, alone, loss = TARGETS[kind]
    check_same(make, [(X, t)] * 3, monkeypatch, alone=alone, loss=loss)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ((np.where(X[3, 2] == X, np.nan, X), T), "1 NaN among 115 values, the first in row 3"),
        ((np.where(X[3, 2] == X, np.inf, X), T), "1 infinite among 115 values, the first in row 3"),
        ((X[:, :4], T), r"X must have shape \(rows, 5\)"),
        ((X[0], T), r"X must have shape \(rows, 5\)"),
        ((X, T[:3]), "t must have as many rows as X"),
        ((X, T + 1), "out of range; the first is 3"),
        ((X, T - 1), "out of range; the first is -1"),
        ((X, T + 0.5), "that are no class labels"),
        ((X, np.full(23, np.nan)), "23 NaN"),
        ((X[:0], T[:0]), "empty"),
    ],
)
def test_wrong_data_are_told_as_before_the_first_step(wrong, words):
    model = network()
    trainer = model.trainer()
    trainer.step(X, T)
    trainer.step(X, T)
    before, steps = model.parameters.flat.copy(), trainer.steps
    with pytest.raises(ValueError, match=words) as told:
        trainer.step(*wrong)
    with pytest.raises(ValueError, match=words) as expected:
        network().trainer().step(*wrong)
    assert str(told.value) == str(expected.value)
    np.testing.assert_array_equal(model.parameters.flat, before)
    assert trainer.steps == steps


def test_float64_numbers_beyond_float32_are_told(monkeypatch):
    model = network("float32", output="identity", columns=1)
    trainer = model.trainer()
    trainer.step(X, X[:, 0])
    for wrong in ((np.where(X[1, 1] == X, 1e39, X), X[:, 0]), (X, 1e39 * np.ones(23))):
        with pytest.raises(ValueError, match="beyond 3"):
            trainer.step(*wrong)


def test_examples_of_other_kinds_are_steps_between(monkeypatch):
    sparse = pytest.importorskip("scipy.sparse")
    data = [(X, T), (X.tolist(), T.tolist()), (X, T), (X, T, np.linspace(1, 2, 23)), (X, T)]
    data += [(sparse.csr_array(X), T), (X, T), (sparse.csc_array(X), T), (X, ONE_HOT), (X, T)]
    data += [(X, 0.5 * ONE_HOT + 0.5 / 3), (X, ONE_HOT), (X, T)]
    # Lists, other sparse matrices, and each change between plans.
    check_same(network, data, monkeypatch, alone=7)


def test_several_inputs_come_as_a_list_or_dict(monkeypatch):
    def make():
        a, b = fm.Input(5, "a"), fm.Input(1, "b")
        return fm.Model([a, b], fm.Dense(3, "softmax")(fm.concat([a, b])), seed=0)

    b = X[:, 0]
    check_same(make, [([X, b], T), ((X, b), T), ({"b": b, "a": X}, T)], monkeypatch, alone=1)
    trainer = make().trainer()
    trainer.step([X, b], T)
    with pytest.raises(ValueError, match="X must hold 2 arrays"):
        trainer.step([X], T)
    with pytest.raises(ValueError, match=r"X\[1\]"):
        trainer.step([X, b[:3]], T)
    with pytest.raises(ValueError, match="X must have the keys"):
        trainer.step({"a": X, "c": b}, T)


def two_outputs(as_dict=False):
    x = fm.Input(5)
    h = fm.Dense(4, "tanh")(x)
    outputs = {"price": fm.Dense(1)(h), "kind": fm.Dense(3, "softmax")(h)}
    return fm.Model(x, outputs if as_dict else list(outputs.values()), seed=0)


WEIGHTS = np.linspace(0, 2, 23)


def test_several_outputs_and_their_weights(monkeypatch):
    price = X[:, 0]
    listed = [(X, [price, T]), (X, (price[:, None], ONE_HOT)), (X, [price, T])]
    check_same(two_outputs, listed, monkeypatch, alone=1)
    check_same(two_outputs, [(*given, WEIGHTS) for given in listed], monkeypatch, alone=1)
    make = lambda: two_outputs(as_dict=True)  # noqa: E731
    named = X, {"kind": T, "price": price}
    check_same(make, [named, (X, [price, T])] * 2, monkeypatch, alone=1)
    both = {"kind": WEIGHTS, "price": WEIGHTS[::-1]}
    check_same(make, [(*named, both)] * 3, monkeypatch, alone=1)
    check_same(make, [(*named, {"kind": WEIGHTS})] * 3, monkeypatch, alone=1)
    # None says the same of the other, and is for Python to read.
    check_same(make, [(*named, {"kind": WEIGHTS, "price": None})] * 3, monkeypatch, alone=3)
    trainer = make().trainer()
    trainer.step(*named)
    for wrong in ({"kind": T}, {"kind": T, "price": price, "more": T}, [price], price):
        with pytest.raises((ValueError, TypeError), match=r"t must|t names"):
            trainer.step(X, wrong)


@pytest.mark.parametrize(
    "weights", [WEIGHTS, WEIGHTS.astype("f4")[:, None], np.arange(23), np.arange(23) > 3]
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_are_read_as_they_are(weights, dtype, monkeypatch):
    check_same(lambda: network(dtype), [(X, T, weights)] * 3, monkeypatch, alone=1)


@pytest.mark.parametrize("unit", [1e-30, 1e30, 1e-310])
def test_weights_in_an_unusual_unit_are_brought_into_another(unit, monkeypatch):
    data = [(X, T, WEIGHTS), (X, T, unit * WEIGHTS), (X, T, WEIGHTS)]
    check_same(lambda: network("float32"), data, monkeypatch, alone=2)
    small = np.where(np.arange(23) == 3, 1e-36, WEIGHTS)  # counts for nothing in float32
    check_same(lambda: network("float32"), [(X, T, small)] * 2, monkeypatch, alone=2)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (-WEIGHTS, "must not be negative"),
        (0 * WEIGHTS, "is zero for every row"),
        (np.where(WEIGHTS == 0, np.nan, WEIGHTS), "1 NaN"),
        (np.where(WEIGHTS == 0, np.inf, WEIGHTS), "1 infinite"),
        (WEIGHTS[:4], r"must have shape \(23,\)"),
        (np.ones((23, 2)), r"must have shape \(23,\)"),
    ],
)
def test_wrong_weights_are_told_as_before_the_first_step(weights, words):
    trainer = network().trainer()
    trainer.step(X, T, WEIGHTS)
    for call in (trainer.step, trainer.loss_and_gradient, network().trainer().step):
        with pytest.raises(ValueError, match=words):
            call(X, T, weights)
    assert trainer.steps == 1


SPARSE_KINDS = {
    "array": lambda m: m.csr_array(X * (X > 0)),
    "matrix": lambda m: m.csr_matrix(X * (X > 0)),
    "float32 elements": lambda m: m.csr_array((X * (X > 0)).astype("f4")),
    "whole elements": lambda m: m.csr_array((3 * X).astype("i8")),
    "without elements": lambda m: m.csr_array((23, 5)),
    "elements of one place": lambda m: m.csr_array(
        (np.arange(46.0), np.tile([2, 2], 23), np.arange(0, 47, 2)), shape=(23, 5)
    ),
    "places of 64 bits": lambda m: m.csr_array(
        (np.ones(23), np.arange(23) % 5, np.arange(24, dtype="i8")), shape=(23, 5)
    ),
}


@pytest.mark.parametrize("kind", SPARSE_KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_rows_of_csr_matrices_are_read(kind, dtype, monkeypatch):
    rows = SPARSE_KINDS[kind](pytest.importorskip("scipy.sparse"))
    check_same(lambda: network(dtype), [(rows, T)] * 3, monkeypatch, alone=1)
    check_same(lambda: network(dtype), [(X, T), (rows, ONE_HOT)] * 2, monkeypatch, alone=1)


def test_wrong_csr_matrices_are_told_as_before_the_first_step():
    sparse = pytest.importorskip("scipy.sparse")
    trainer = network().trainer()
    trainer.step(X, T)
    rows = sparse.csr_array(X)

    def broken(**parts):
        wrong = rows.copy()
        for name, value in parts.items():
            setattr(wrong, name, value)
        return wrong

    cases = [
        (sparse.csr_array(X[:, :4]), r"X must have shape \(rows, 5\)"),
        (sparse.csr_array(X[:7]), "as many rows as X"),
        (broken(data=np.where(rows.data == rows.data[3], np.nan, rows.data)), "1 NaN"),
        (broken(indices=np.where(np.arange(115) == 4, 5, rows.indices)), "out of range"),
        (broken(indices=np.where(np.arange(115) == 4, -1, rows.indices)), "out of range"),
        (broken(indptr=rows.indptr[::-1].copy()), "out of range"),
        (broken(indptr=2 * rows.indptr), "out of range"),
        (broken(data=rows.data.astype("c16")), "must hold numbers"),
    ]
    for wrong, words in cases:
        with pytest.raises((ValueError, TypeError), match=words) as told:
            trainer.step(wrong, T)
        with pytest.raises((ValueError, TypeError)) as expected:
            network().trainer().step(wrong, T)
        assert str(told.value) == str(expected.value)
    assert trainer.steps == 1


def categories():
    layers = [fm.Embedding([3, 24], 4), fm.Dense(2, "softmax")]
    return fm.Sequential(layers, input_columns=2, seed=0)


INDICES = np.column_stack([T, np.arange(23)])


@pytest.mark.parametrize("kind", ["i8", "u1", "f4"])
def test_indices_of_embeddings_are_looked_at_and_read(kind, monkeypatch):
    check_same(categories, [(INDICES.astype(kind), T > 0)] * 3, monkeypatch, alone=1)
    trainer = categories().trainer()
    trainer.step(INDICES, T > 0)
    for wrong in (INDICES + 1, INDICES - 1, INDICES + 0.5):
        with pytest.raises(ValueError, match="must hold whole numbers"):
            trainer.step(wrong, T > 0)
    assert trainer.steps == 1


GIVEN = {
    "plain": (network, X, T, None),
    "one-hot with weights": (network, X, ONE_HOT, WEIGHTS),
    "two outputs": (two_outputs, X, [X[:, 0], T], None),
    "indices": (categories, INDICES, T > 0, None),
    "batches normalized": (
        lambda: fm.Sequential(
            [fm.Dense(7), fm.BatchNorm(), fm.Dense(3, "softmax")], input_columns=5, seed=0
        ),
        *(X, T, None),
    ),
}


@pytest.mark.parametrize("optimizer", ["adam", "muon", fm.Adam(ema=0.9)], ids=repr)
@pytest.mark.parametrize("kind", GIVEN)
def test_loss_and_gradient_come_from_the_core_and_change_nothing(kind, optimizer, monkeypatch):
    make, *given = GIVEN[kind]
    trainer = make().trainer(seed=1, optimizer=optimizer)
    twin = slow(make().trainer(seed=1, optimizer=optimizer))
    seen = count_slow(trainer, monkeypatch)
    for round in range(3):
        for _ in range(3):
            (loss, gradient), (expected, other) = (
                one.loss_and_gradient(*given) for one in (trainer, twin)
            )
            assert loss == expected
            np.testing.assert_array_equal(gradient, other)
            assert gradient.dtype == other.dtype
            gradient[:] = 0  # it is the caller's own
        assert trainer.steps == round
        assert trainer.step(*given) == twin.step(*given)
        np.testing.assert_array_equal(trainer.parameters.flat, twin.parameters.flat)
        for one, same in zip(trainer.state.vectors, twin.state.vectors, strict=True):
            np.testing.assert_array_equal(one, same)
    assert len(seen) == 1


def test_a_gradient_by_the_settings_of_another_optimizer_leaves_the_state(monkeypatch):
    trainer = network().trainer()
    trainer.step(X, T)
    state, first = trainer.state, trainer.optimizer
    vectors = [vector.copy() for vector in state.vectors]
    trainer.optimizer = fm.SGD(0.1)
    trainer.loss_and_gradient(X, T)
    trainer.optimizer = first
    assert trainer.state is state
    for one, other in zip(state.vectors, vectors, strict=True):
        np.testing.assert_array_equal(one, other)


def test_steps_and_gradients_of_large_batches(monkeypatch):
    rows, labels = RNG.normal(size=(20_000, 5)), RNG.integers(3, size=20_000)
    make = lambda: network("float32")  # noqa: E731
    given = rows, np.eye(3)[labels], np.ones(20_000)
    check_same(make, [given] * 3, monkeypatch, alone=1)
    trainer, twin = make().trainer(seed=1), slow(make().trainer(seed=1))
    for _ in range(2):
        loss, gradient = trainer.loss_and_gradient(*given)
        expected, other = twin.loss_and_gradient(*given)
        assert loss == expected
        np.testing.assert_array_equal(gradient, other)
