"""Embeddings: rows of tables for columns of indices, which are looked at wherever they come in."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import scipy.sparse

import fastmlp as fm
from fastmlp import graph as g
from fastmlp.initializers import Constant, Normal, Uniform

RNG = np.random.default_rng(0)
CATEGORIES, COLUMNS = (7, 3, 10), (4, 2, 3)
INDICES = RNG.integers(CATEGORIES, size=(60, 3))
NUMBERS = RNG.normal(size=(60, 2))
TARGETS = RNG.normal(size=(60, 1))


def one_input(dtype: str = "float32") -> fm.Model:
    layers = [fm.Embedding(CATEGORIES, COLUMNS, name="towns"), fm.Dense(5, "tanh"), fm.Dense(1)]
    return fm.Sequential(layers, input_columns=3, seed=0, dtype=dtype)


def two_inputs() -> fm.Model:
    numbers, indices = fm.Input(2, "numbers"), fm.Input(3, "indices")
    h = fm.concat([numbers, fm.Embedding(CATEGORIES, 4)(indices)])
    return fm.Model([numbers, indices], fm.Dense(1)(fm.Dense(5, "relu")(h)), seed=0)


def test_an_embedding_is_the_row_of_each_index():
    model = one_input()
    tables = model.layers[0].weights
    expected = np.hstack([table[INDICES[:, j]] for j, table in enumerate(tables)])
    np.testing.assert_array_equal(model.activations(INDICES)["towns"], expected)
    assert [table.shape for table in tables] == [(7, 4), (3, 2), (10, 3)]
    alone = fm.Sequential([fm.Embedding(7, 4)], input_columns=1, seed=0)
    np.testing.assert_array_equal(alone.predict([0, 6, 2]), alone.layers[0].weights[[0, 6, 2]])


@pytest.mark.parametrize("kind", ["int64", "int8", "uint16", "float32", "float64", "float16"])
def test_indices_of_any_type_are_read(kind: str):
    model = one_input()
    np.testing.assert_array_equal(model.predict(INDICES.astype(kind)), model.predict(INDICES))
    pairs = two_inputs()
    given = pairs.predict({"numbers": NUMBERS, "indices": INDICES.astype(kind)})
    np.testing.assert_array_equal(given, pairs.predict([NUMBERS, INDICES]))


def test_boolean_indices_are_0_and_1():
    model = fm.Sequential([fm.Embedding(2, 3)], input_columns=1, seed=0)
    np.testing.assert_array_equal(model.predict([[True], [False]]), model.predict([[1], [0]]))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_moves_the_rows_that_were_named_along_the_sum_of_their_error_signals(dtype: str):
    model = fm.Sequential([fm.Embedding(5, 2), fm.Dense(1)], input_columns=1, seed=0, dtype=dtype)
    table, W = model.layers[0].weights.copy(), model.layers[1].weights.copy()
    index, t = np.array([3, 0, 3, 3]), np.array([1.0, 2.0, -1.0, 0.5])
    weight = np.array([1.0, 2.0, 0.5, 0.0])
    model.fit(index, t, sample_weight=weight, epochs=1, batch_size=4, optimizer=fm.SGD(0.1))
    error = weight * (table[index] @ W[0] - t) / weight.sum()
    bar = np.zeros((5, 2))
    np.add.at(bar, index, error[:, None] * W)
    np.testing.assert_allclose(model.layers[0].weights, table - 0.1 * bar, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(model.layers[0].weights[[1, 2, 4]], table[[1, 2, 4]])


@pytest.mark.parametrize("make", [one_input, two_inputs])
def test_a_model_comes_back_from_files_pickles_and_copies(make, tmp_path):
    model = make()
    X = INDICES if make is one_input else [NUMBERS, INDICES]
    model.fit(X, TARGETS, epochs=2, seed=0)
    model.save(tmp_path / "model.safetensors")
    for again in (
        fm.load(tmp_path / "model.safetensors"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ):
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        again.fit(X, TARGETS, epochs=1, seed=1)
    other = make()
    other.set_weights(model.get_weights())
    np.testing.assert_array_equal(other.predict(X), model.predict(X))


def test_gradients_pass_the_check_and_the_indices_have_none():
    model = two_inputs()
    x, i = model.network.input_nodes
    feeds = {x: NUMBERS[:6], i: INDICES[:6]}
    loss = g.mean(g.tanh(model.graph) ** 2)
    g.check_gradients(loss, feeds, wrt=model.network.parameter_nodes)
    by_numbers, by_indices = model.gradient([NUMBERS, INDICES])
    assert np.abs(by_numbers).max() > 0
    assert not by_indices.any()
    assert not one_input().jacobian(INDICES[:4]).any()


BAD = {
    "too large": (3, r"0 … 2 in column 1, as its Embedding has 3 categories, got 3(\.0)? in row 2"),
    "negative": (-1, r"0 … 2 in column 1, .* got -1(\.0)? in row 2"),
    "a fraction": (0.5, r"0 … 2 in column 1, .* got 0.5 in row 2"),
    "not a number": (np.nan, r"column 1|1 NaN"),
}


@pytest.mark.parametrize("why", BAD)
@pytest.mark.parametrize("make", [one_input, two_inputs])
def test_what_is_no_category_is_refused_wherever_it_comes_in(why: str, make):
    value, message = BAD[why]
    model = make()
    wrong = INDICES.astype(float)
    wrong[2, 1] = value
    good, X = (INDICES, wrong) if make is one_input else ([NUMBERS, INDICES], [NUMBERS, wrong])
    model.fit(good, TARGETS, epochs=1, seed=0)
    before, history = [w.copy() for w in model.get_weights()], model.predict(good)
    trainer = model.trainer(loss="squared_error", optimizer=fm.Adam())
    for use in (
        lambda: model.fit(X, TARGETS),
        lambda: model.fit(good, TARGETS, validation_data=(X, TARGETS)),
        lambda: model.evaluate(X, TARGETS),
        lambda: model.predict(X),
        lambda: model.predict(X, np.empty((60, 1), np.float32)),
        lambda: model.activations(X),
        lambda: model.gradient(X),
        lambda: model.jacobian(X),
        lambda: trainer.step(X, TARGETS),
        lambda: trainer.loss_and_gradient(X, TARGETS),
    ):
        for _ in range(2):  # what was planned at the first call looks at the second, too
            with pytest.raises(ValueError, match=message):
                use()
    for w, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, w)
    np.testing.assert_array_equal(model.predict(good), history)


def test_a_wrong_index_far_down_is_found():
    model = fm.Sequential([fm.Embedding(3, 2)], input_columns=1, seed=0)
    X = np.zeros((200_000, 1), np.int32)
    X[150_001] = 3
    with pytest.raises(ValueError, match="got 3 in row 150001"):
        model.predict(X)


def test_sparse_indices_are_refused():
    with pytest.raises(TypeError, match=r"X is a sparse matrix; an Embedding takes a dense array"):
        one_input().predict(scipy.sparse.csr_array(INDICES))


def test_two_embeddings_of_one_input_both_limit_it():
    x = fm.Input(2)
    h = fm.concat([fm.Embedding([5, 3], 2)(x), fm.Embedding([4, 9], 2)(x), x])
    model = fm.Model(x, fm.Dense(1)(h), seed=0)
    assert model.network.index_limits == ((4, 3),)
    with pytest.raises(ValueError, match=r"0 … 3 in column 0"):
        model.predict([[4, 0]])


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((0, 3), ValueError, "categories must be at least 1, got 0"),
        ((3.0, 3), TypeError, "categories must be an integer"),
        ((1 << 24 | 1, 3), ValueError, "categories must be at most"),
        ((3, 0), ValueError, "columns must be at least 1"),
        (([3, -1], 3), ValueError, r"categories\[1\] must be at least 1"),
        (([], 3), ValueError, "categories must hold one number at least"),
        (([3, 4], [1, 2, 3]), ValueError, "columns must be one number or as many as categories, 2"),
        ((3, [1]), ValueError, "columns must be one number, as categories is"),
        (("three", 3), TypeError, "categories must be an integer"),
        ((3, 4, "normale"), TypeError, "by place, got 3"),
    ],
)
def test_senseless_arguments_are_refused(arguments, error, message: str):
    with pytest.raises(error, match=message):
        fm.Embedding(*arguments)


def test_an_embedding_stands_on_an_input_of_as_many_columns():
    with pytest.raises(ValueError, match="must be called with an Input, whose columns are indices"):
        fm.Embedding(3, 4)(fm.Dense(1)(fm.Input(2)))
    with pytest.raises(ValueError, match="takes 2 columns of indices"):
        fm.Embedding([3, 4], 4)(fm.Input(3))
    with pytest.raises(ValueError, match="takes 1 columns of indices"):
        fm.Embedding([3], 4)(fm.Input(2))
    with pytest.raises(ValueError, match="takes one input"):
        fm.Embedding(3, 4)([fm.Input(1), fm.Input(1)])


def test_tables_are_assigned_whole_or_not_at_all():
    layer = one_input().layers[0]
    with pytest.raises(AttributeError, match="no weights"):
        _ = fm.Embedding(3, 4).weights
    model = one_input()
    layer = model.layers[0]
    before = [table.copy() for table in layer.weights]
    with pytest.raises(ValueError, match="must be a list of 3 tables"):
        layer.weights = before[:2]
    with pytest.raises(ValueError, match="shape"):
        layer.weights = [before[0] + 1, before[1] + 1, before[0]]
    for table, old in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(table, old)
    layer.weights = [table + 1 for table in before]
    np.testing.assert_array_equal(layer.weights[1], before[1] + 1)
    layer.weights[1][2] = 5.0
    assert (model.activations([[0, 2, 0]])["towns"][0, 4:6] == 5).all()


def test_tables_are_normal_unless_asked_otherwise():
    def drawn(**how) -> np.ndarray:
        model = fm.Sequential([fm.Embedding(1000, 16, **how)], input_columns=1, seed=0)
        return model.layers[0].weights

    assert abs(drawn().std() - 1) < 0.02
    assert abs(drawn(initializer=Normal(0.1)).std() - 0.1) < 0.002
    assert np.abs(drawn(initializer="uniform")).max() <= 0.05
    assert np.abs(drawn(initializer=Uniform(2.0))).max() > 1.9
    assert (drawn(initializer=Constant(0.5)) == 0.5).all()


def test_a_penalty_leaves_tables_alone_and_frozen_ones_stay():
    model = one_input()
    assert model.network.parameter_roles[model.network.parameter_nodes[0]] == "embedding"
    model.layers[0].trainable = False
    before = [table.copy() for table in model.layers[0].weights]
    model.fit(INDICES, TARGETS, epochs=2, l2=0.1, seed=0)
    for table, old in zip(model.layers[0].weights, before, strict=True):
        np.testing.assert_array_equal(table, old)
    fed = dict.fromkeys(model.network.input_nodes, INDICES)
    penalty = model.network.penalty(0.5)
    assert penalty is not None
    W = [w for w in model.get_weights()[3:] if w.ndim == 2]
    found = g.reference.evaluate(penalty, fed).item()
    assert found == pytest.approx(0.25 * sum((w.astype(float) ** 2).sum() for w in W), rel=1e-6)


# -------------------------------------------------------------------- one table for several columns

LETTERS = RNG.integers(7, size=(60, 3))


def towers(dtype: str = "float64") -> fm.Model:
    """A model whose inputs of three columns and of one have one table."""
    words, one, number = fm.Input(3, "words"), fm.Input(1, "one"), fm.Input(2, "number")
    table = fm.Embedding(7, 4, name="table")
    h = fm.concat([table(words), table(one), number])
    y = fm.Dense(1)(fm.Dense(5, "tanh")(h))
    return fm.Model([words, one, number], y, seed=0, dtype=dtype)


IN_TOWERS = [LETTERS, LETTERS[:, 1:2], NUMBERS]


def test_one_table_looks_up_all_columns_side_by_side():
    model = fm.Sequential([fm.Embedding(7, 4)], input_columns=3, seed=0)
    table = model.layers[0].weights
    assert table.shape == (7, 4)
    assert model.n_parameters == 28
    np.testing.assert_array_equal(model.predict(LETTERS), table[LETTERS].reshape(60, 12))
    np.testing.assert_array_equal(model.predict(LETTERS[:1]), table[LETTERS[0]].reshape(1, 12))
    with pytest.raises(ValueError, match=r"0 … 6 in column 2, as its Embedding has 7 categories"):
        model.predict([[0, 6, 7]])


def test_inputs_share_a_table_whatever_their_columns():
    model = towers()
    table = model.network.layer("table").weights
    found = model.activations(IN_TOWERS)
    np.testing.assert_array_equal(found["table"], table[LETTERS].reshape(60, 12))
    np.testing.assert_array_equal(found["table:2"], table[LETTERS[:, 1]])
    assert model.network.index_limits == ((7, 7, 7), (7,), None)
    assert [row.parameters for row in model.network.summary()][3:5] == [28, 0]
    assert model.n_parameters == 28 + (18 * 5 + 5) + 6


def test_a_shared_table_has_the_sum_of_all_gradients():
    model = towers()
    feeds = dict(zip(model.network.input_nodes, [x[:7] for x in IN_TOWERS], strict=True))
    loss = g.mean(g.tanh(model.graph) ** 2)
    g.check_gradients(loss, feeds, wrt=model.network.parameter_nodes)
    _, gradient = model.trainer(loss="squared_error").loss_and_gradient(IN_TOWERS, TARGETS)
    y, (W1, b1, W2, _) = model.predict(IN_TOWERS), model.get_weights()[1:]
    table = model.network.layer("table").weights
    h = np.hstack([table[LETTERS].reshape(60, 12), table[LETTERS[:, 1]], NUMBERS])
    bar = (y - TARGETS) / 60 * W2 * (1 - np.tanh(h @ W1.T + b1) ** 2) @ W1
    expected = np.zeros((7, 4))
    np.add.at(expected, LETTERS, bar[:, :12].reshape(60, 3, 4))
    np.add.at(expected, LETTERS[:, 1], bar[:, 12:16])
    np.testing.assert_allclose(gradient[:28].reshape(7, 4), expected, rtol=1e-9, atol=1e-12)


def test_a_table_of_many_columns_has_one_step_for_its_gradient():
    model = fm.Sequential([fm.Embedding(7, 4), fm.Dense(1)], input_columns=50, seed=0)
    (table,) = (n for n in model.network.parameter_nodes if n.shape == (7, 4))
    (message,) = g.gradient(g.mean(model.graph), [table])
    steps = [node.op for node in g.topological_order([message])]
    assert steps.count("add_rows") == 1


def test_a_model_that_shares_a_table_comes_back_and_goes_on(tmp_path):
    model = towers()
    model.fit(IN_TOWERS, TARGETS, epochs=2, seed=0)
    model.save(tmp_path / "m.safetensors")
    expected = model.predict(IN_TOWERS)
    twins = [
        fm.load(tmp_path / "m.safetensors"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ]
    again = {"epochs": 2, "seed": 1, "optimizer": fm.SGD(0.1)}
    model.fit(IN_TOWERS, TARGETS, **again)
    for twin in twins:
        np.testing.assert_array_equal(twin.predict(IN_TOWERS), expected)
        assert repr(twin.layers[0]) == "Embedding(7, 4, name='table')"
        twin.fit(IN_TOWERS, TARGETS, **again)
        np.testing.assert_array_equal(twin.predict(IN_TOWERS), model.predict(IN_TOWERS))
    table = model.network.layer("table")
    table.trainable = False
    before = table.weights.copy()
    model.fit(IN_TOWERS, TARGETS, epochs=1, seed=2)
    np.testing.assert_array_equal(table.weights, before)
